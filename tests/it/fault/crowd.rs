//! Who delivers to a house of several replicas and who empties mailboxes there: each asks whichever replica, repeats until there is an answer, as
//! every neighbour must, and notes what it was told. Judges nothing.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::fault::courier::Courier;
use crate::support::{Seeded, TOKEN};

/// Replicas of the house.
pub const REPLICAS: usize = 3;
/// So many of the clients deliver by the broker.
const BY_BROKER: u64 = 4;
/// Deliveries about one child, one after the other.
const EACH: u64 = 5;
/// How long a client waits for a verdict.
const PATIENCE: Duration = Duration::from_secs(240);

/// What clients and readers know of the house: where its doors are.
pub struct Doors {
    pub http: [SocketAddr; REPLICAS],
    pub client: reqwest::Client,
}

impl Doors {
    /// Asks whichever replica the lot says; `None` where nobody answered.
    async fn ask(
        &self,
        lots: &mut Seeded,
        (method, path, token): (Method, &str, &str),
        heads: &[(&str, &str)],
        body: Option<&str>,
    ) -> Option<(StatusCode, HeaderMap, String)> {
        let at = self.http[lots.below(REPLICAS as u64) as usize];
        let mut request = self.client.request(method, format!("http://{at}{path}")).bearer_auth(token);
        for (name, value) in heads {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/xml").body(body.to_owned());
        }
        let answer = request.send().await.ok()?;
        let (status, heads) = (answer.status(), answer.headers().clone());
        // An answer that broke off says nothing.
        Some((status, heads, answer.text().await.ok()?))
    }
}

/// What is delivered about a child: the same for the same number, each later than the one before.
pub fn wish(child: u64, nth: u64) -> Wish {
    const ARTEN: &[&[&str]] = &[&[], &["01"], &["02"], &["03"], &["04"]];
    Wish {
        message: child * 1_000 + nth,
        arten: ARTEN[nth as usize % ARTEN.len()].to_vec(),
        second: 100 + nth as u32,
        ..Wish::plain(child)
    }
}

/// The clients, and what they were told.
pub struct Clients {
    pub doors: Arc<Doors>,
    pub courier: Arc<Courier>,
    pub queue: String,
    pub gate: Semaphore,
    pub left: AtomicU64,
    /// Of each child the messages that were delivered.
    pub delivered: Mutex<BTreeMap<u64, Vec<Uuid>>>,
    /// Of each child our ids of what was delivered by HTTP, in the order of the answers.
    pub told: Mutex<BTreeMap<u64, Vec<Uuid>>>,
    pub by_broker: Mutex<Vec<Uuid>>,
    pub again: AtomicU64,
}

impl Clients {
    pub async fn drive(&self, client: u64, seed: u64) {
        let mut lots = Seeded(seed ^ client);
        for turn in 0.. {
            let Ok(permit) = self.gate.acquire().await else { return };
            permit.forget();
            let order = Ordering::SeqCst;
            if self.left.fetch_update(order, order, |left| left.checked_sub(1)).is_err() {
                self.gate.close();
                return;
            }
            // What comes by a queue has no order there: each speaks of a child of its own.
            let by_broker = client < BY_BROKER;
            let (child, nth) = if by_broker { (turn, 0) } else { (turn / EACH, turn % EACH) };
            let child = client * 10_000 + child;
            let wish = wish(child, nth);
            let document = eintragung(&wish);
            if by_broker {
                let id = format!("nachricht-{child}");
                self.courier.publish(&self.queue, &id, document.as_bytes()).await;
                self.by_broker.lock().unwrap().push(wish.uuid());
            } else {
                let id = self.post(&mut lots, &format!("{child}-{nth}"), &document).await;
                self.told.lock().unwrap().entry(child).or_default().push(id);
            }
            self.delivered.lock().unwrap().entry(child).or_default().push(wish.uuid());
        }
    }

    /// Repeats at one replica after the other until there is a verdict, as every sender must; returns our id of the delivery.
    async fn post(&self, lots: &mut Seeded, key: &str, document: &str) -> Uuid {
        let began = Instant::now();
        for attempt in 0.. {
            let key = format!("schluessel-{key}");
            let heads = [("idempotency-key", key.as_str())];
            let posted = (Method::POST, "/v1/lieferungen", TOKEN);
            if let Some((status, heads, text)) = self.doors.ask(lots, posted, &heads, Some(document)).await {
                match status.as_u16() {
                    200 => {
                        assert!(text.contains("quittung.0011"), "{text}");
                        self.again.fetch_add(u64::from(attempt > 0), Ordering::Relaxed);
                        let place = heads["location"].to_str().unwrap();
                        return place.rsplit('/').next().unwrap().parse().unwrap();
                    }
                    409 | 429 | 503 => {}
                    status => panic!("unexpected status {status}: {text}"),
                }
            }
            assert!(began.elapsed() < PATIENCE, "no verdict for {key}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        unreachable!("a verdict or a panic")
    }
}

/// What a reader has emptied its mailbox of.
#[derive(Default)]
pub struct Emptied {
    /// Ids in the order in which they were had first.
    pub order: Vec<Uuid>,
    pub documents: HashMap<Uuid, String>,
    /// Handed out once more under the same id.
    pub again: u64,
    /// The same id with another document: must stay zero.
    pub changed: u64,
}

pub struct Reader {
    pub doors: Arc<Doors>,
    pub token: String,
    pub emptied: Mutex<Emptied>,
    pub over: AtomicBool,
}

impl Reader {
    pub async fn run(&self, seed: u64) {
        let mut lots = Seeded(seed);
        while !self.over.load(Ordering::SeqCst) {
            let asked = (Method::GET, "/v1/postfach?limit=100", self.token.as_str());
            let page = self.doors.ask(&mut lots, asked, &[], None).await;
            let page = page.filter(|(status, ..)| *status == 200);
            let page: Value =
                page.and_then(|(_, _, text)| serde_json::from_str(&text).ok()).unwrap_or_default();
            let lying = page["nachrichten"].as_array().cloned().unwrap_or_default();
            for item in lying.iter().filter(|item| item["stand"] == "bereit") {
                self.take(&mut lots, item["id"].as_str().unwrap()).await;
            }
            if lying.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Fetches and closes; whatever stays unknown comes again.
    async fn take(&self, lots: &mut Seeded, id: &str) {
        let token = self.token.as_str();
        let (fetch, close) = (format!("/v1/postfach/{id}/abholung"), format!("/v1/postfach/{id}/empfang"));
        let Some((heads, document)) =
            self.said(lots, (Method::POST, &fetch, token), ("idempotency-key", id)).await
        else {
            return;
        };
        {
            let id: Uuid = id.parse().unwrap();
            let mut emptied = self.emptied.lock().unwrap();
            match emptied.documents.get(&id) {
                None => {
                    emptied.order.push(id);
                    emptied.documents.insert(id, document);
                }
                Some(first) if *first == document => emptied.again += 1,
                Some(_) => emptied.changed += 1,
            }
        }
        let receipt = heads["abholung"].to_str().unwrap().to_owned();
        let _ = self.said(lots, (Method::POST, &close, token), ("abholung", &receipt)).await;
    }

    /// Asks until there is an answer; `None` where it is no.
    async fn said(
        &self,
        lots: &mut Seeded,
        asked: (Method, &str, &str),
        head: (&str, &str),
    ) -> Option<(HeaderMap, String)> {
        for _ in 0..400 {
            if let Some((status, heads, text)) = self.doors.ask(lots, asked.clone(), &[head], None).await {
                match status.as_u16() {
                    200 => return Some((heads, text)),
                    // Another one has it, its time is over, what is before it is not closed; or it went with the answer that was lost.
                    404 | 409 => return None,
                    429 | 503 => {}
                    status => panic!("unexpected status {status}: {text}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        None
    }
}
