//! The workload: deliveries by HTTP, folder and broker, some broken, some said twice, some before what they speak of; each sender
//! repeats until it has a verdict. And the end of a run: waits until everything is through, then writes the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung, korrektur};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::fault::courier::Courier;
use crate::fault::lab::{Lab, tail};
use crate::fault::ledger::Ledger;
use crate::support::{Running, StageDir, TOKEN, put};

/// How long a run may take to come to rest after the last disturbance.
const REST: Duration = Duration::from_secs(150);
/// Distance of the numbers of corrections from those of deliveries.
const KORREKTUR: u64 = 1_000_000;

/// By which way the n-th delivery comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Http,
    Folder,
    Broker,
}

/// What senders heard.
#[derive(Default)]
struct Heard {
    answers: BTreeMap<String, String>,
    told: BTreeSet<String>,
    /// Deliveries whose first attempt was not answered.
    again: u64,
}

/// The senders, and what they heard so far.
pub struct Play {
    senders: Arc<Senders>,
    drivers: Vec<JoinHandle<()>>,
}

struct Senders {
    stage: Arc<StageDir>,
    client: reqwest::Client,
    courier: Option<Arc<Courier>>,
    queue: String,
    total: u64,
    gate: Semaphore,
    next: AtomicU64,
    heard: Mutex<Heard>,
}

/// Whether a delivery breaks the schema.
fn broken(n: u64) -> bool {
    n % 10 == 3
}

/// Whether a correction of it comes first, and waits for it.
fn corrected(n: u64) -> bool {
    n % 20 == 11
}

impl Play {
    /// Senders of so many deliveries, of which none leaves before [`Play::release`].
    pub fn start(lab: &Lab, total: u64) -> Play {
        let senders = Arc::new(Senders {
            stage: lab.stage.clone(),
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap(),
            courier: lab.courier.clone(),
            queue: lab.queue.clone(),
            total,
            gate: Semaphore::new(0),
            next: AtomicU64::new(0),
            heard: Mutex::default(),
        });
        let drivers = (0..6)
            .map(|_| {
                let senders = senders.clone();
                tokio::spawn(async move { senders.drive().await })
            })
            .collect();
        Play { senders, drivers }
    }

    /// Lets so many more deliveries leave.
    pub fn release(&self, more: u64) {
        self.senders.gate.add_permits(more as usize);
    }

    /// Deliveries that have not begun.
    pub fn left(&self) -> u64 {
        self.senders.total.saturating_sub(self.senders.next.load(Ordering::SeqCst))
    }

    /// Lets everything leave, waits until all is through, ends the program and writes down what it left.
    pub async fn finish(self, lab: &Lab, mut running: Running) -> Ledger {
        self.release(self.left() + 12);
        for driver in self.drivers {
            tokio::time::timeout(REST, driver)
                .await
                .expect("every sender gets its verdict")
                .expect("a sender");
        }
        let senders = self.senders;
        let numbers = || 0..senders.total;
        let corrections = numbers().filter(|n| corrected(*n)).count();
        let callbacks = numbers().filter(|n| !broken(*n)).count() + corrections;
        let kind = |n: u64| if broken(n) { "0001" } else { "0011" };
        let by_message =
            numbers().filter(|n| senders.way(*n) != By::Http).map(|n| format!("{n} {}", kind(n)));
        let woken = numbers().filter(|n| corrected(*n)).map(|n| format!("{n} korrektur 0011"));
        let receipts: BTreeSet<String> = by_message.chain(woken).collect();
        let mut ledger = Ledger::default();
        let mut known = HashMap::new();
        for n in numbers() {
            known.insert(Wish::plain(n).uuid(), n.to_string());
            known.insert(wish_of_correction(n).uuid(), format!("{n} korrektur"));
        }
        let deadline = Instant::now() + REST;
        loop {
            senders.fetch(lab, &known, &mut ledger).await;
            let told = lab.partners.each_ref().map(|partner| partner.accepted());
            if told.iter().all(|told| *told >= callbacks)
                && receipts.iter().all(|of| ledger.receipts.contains_key(of))
            {
                break;
            }
            assert!(!running.ended(), "the program ended\n{}", tail(&lab.stage.log()));
            assert!(
                Instant::now() < deadline,
                "not at rest: {told:?} of {callbacks} callbacks, receipts are missing: {:?}, others are there: {:?}\n{}",
                receipts.iter().filter(|of| !ledger.receipts.contains_key(*of)).collect::<Vec<_>>(),
                ledger.receipts.keys().filter(|of| !receipts.contains(*of)).collect::<Vec<_>>(),
                tail(&lab.stage.log())
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(running.terminate(), "it ends by itself when asked\n{}", tail(&lab.stage.log()));
        // What arrived at the last moment counts, too.
        senders.fetch(lab, &known, &mut ledger).await;
        ledger.essence = lab.essence().await;
        for (index, partner) in lab.partners.iter().enumerate() {
            let seen = partner.seen.lock().unwrap();
            ledger.callbacks[index] = seen.accepted.clone();
            ledger.repeated += seen.repeated;
            ledger.changed += seen.changed.len() as u64;
            let failed_first = |id: &&String| seen.attempts.get(*id).is_some_and(|attempts| *attempts > 1);
            ledger.recovered += seen.accepted.keys().filter(failed_first).count() as u64;
        }
        let heard = std::mem::take(&mut *senders.heard.lock().unwrap());
        ledger.recovered += heard.again;
        (ledger.answers, ledger.told) = (heard.answers, heard.told);
        ledger
    }
}

fn wish_of_correction(n: u64) -> Wish {
    let plain = Wish::plain(n);
    let arten = if plain.arten.is_empty() { vec!["01"] } else { vec!["02"] };
    Wish { message: n + KORREKTUR, arten, second: plain.second + 1, ..plain }
}

impl Senders {
    fn way(&self, n: u64) -> By {
        match n % 6 {
            _ if corrected(n) => By::Http,
            5 => By::Folder,
            1 | 3 if self.courier.is_some() => By::Broker,
            _ => By::Http,
        }
    }

    async fn drive(&self) {
        loop {
            self.gate.acquire().await.expect("open").forget();
            let n = self.next.fetch_add(1, Ordering::SeqCst);
            if n >= self.total {
                return;
            }
            self.deliver(n).await;
        }
    }

    async fn deliver(&self, n: u64) {
        let mut document = eintragung(&Wish::plain(n));
        if broken(n) {
            // Schema: an element that it does not know.
            document = document.replace("<xfg:eintragungVorhanden>", "<xfg:eintragungVielleicht>");
        }
        match (self.way(n), &self.courier) {
            (By::Folder, _) => {
                put(&self.stage.tray("in"), &format!("lieferung-{n:06}.xml"), document.as_bytes());
            }
            (By::Broker, Some(courier)) => {
                // A sender that did not see the confirm publishes again, under the same id.
                for _ in 0..if n % 15 == 7 { 2 } else { 1 } {
                    courier.publish(&self.queue, &format!("nachricht-{n}"), document.as_bytes()).await;
                }
            }
            _ => {
                if corrected(n) {
                    let wish = wish_of_correction(n);
                    let first = korrektur(&wish, &Wish::plain(n).arten);
                    self.post(&format!("{n}/korrektur"), &first).await;
                }
                for time in 0..if n % 15 == 7 { 2 } else { 1 } {
                    self.post(&format!("{n}/{time}"), &document).await;
                }
            }
        }
    }

    /// Repeats until a verdict is there, as every sender must.
    async fn post(&self, key: &str, document: &str) {
        let mut attempts = 0u64;
        loop {
            attempts += 1;
            let sent = self
                .client
                .post(format!("http://{}/v1/lieferungen", self.stage.http))
                .bearer_auth(TOKEN)
                .header("content-type", "application/xml")
                .header("idempotency-key", format!("schluessel-{key}"))
                .body(document.to_owned())
                .send()
                .await;
            if let Ok(answer) = sent {
                let status = answer.status().as_u16();
                assert!(matches!(status, 200 | 202 | 409 | 422 | 429 | 503), "unexpected status {status}");
                let place = answer.headers().get("location").and_then(|place| place.to_str().ok());
                let id =
                    place.and_then(|place| place.rsplit('/').next()).and_then(|id| id.parse::<Uuid>().ok());
                if matches!(status, 200 | 202 | 422)
                    && let Ok(body) = answer.text().await
                {
                    let kind = match status {
                        202 => "waits",
                        _ if body.contains("quittung.0011") => "0011",
                        _ => "0001",
                    };
                    let mut heard = self.heard.lock().unwrap();
                    heard.answers.insert(key.to_owned(), format!("{status} {kind}"));
                    heard.again += u64::from(attempts > 1);
                    if let Some(id) = id.filter(|_| status != 422) {
                        heard.told.insert(id.to_string());
                    }
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Enters what came for the Jugendamt since the last look.
    async fn fetch(&self, lab: &Lab, known: &HashMap<Uuid, String>, ledger: &mut Ledger) {
        let entries =
            fs::read_dir(self.stage.tray("out")).map(|entries| entries.flatten().collect::<Vec<_>>());
        for entry in entries.unwrap_or_default() {
            let path = entry.path();
            if path.extension().is_some_and(|ext| ext == "xml") {
                let text = fs::read_to_string(&path).unwrap();
                ledger.receipt(known, &entry.file_name().to_string_lossy(), &text);
                fs::remove_file(&path).unwrap();
            }
        }
        let Some(courier) = &self.courier else { return };
        while let Some((id, text)) = courier.take(&lab.answers()).await {
            let before: usize = ledger.receipts.values().map(BTreeSet::len).sum();
            ledger.receipt(known, &id, &text);
            let after: usize = ledger.receipts.values().map(BTreeSet::len).sum();
            ledger.repeated += u64::from(before == after);
        }
    }
}
