//! What the tests of the transports share: a scripted house (intake, doors, spool, standings, timers) that records
//! what it is given. Never decides anything itself.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{
    Claim, Envelope, Evidence, Head, How, Inbound, Part, PartnerRef, Reply, Stage, Stand, Verdict,
};
use drehscheibe::rejection::Rejection;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::account::{Bound, Taken, Under};
use drehscheibe::transport::port::binding::HttpBinding;
use drehscheibe::transport::port::mailbox::{
    Asking, End, Ended, Fetch, Handed, Item, Lain, Mailboxes, Reach,
};
use drehscheibe::transport::port::raw::RAW;
use drehscheibe::transport::port::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The scripted house.
pub struct House {
    /// What was delivered.
    pub delivered: Mutex<Vec<Envelope>>,
    /// What was set apart, with the reason.
    pub apart: Mutex<Vec<(Envelope, &'static str)>>,
    /// What was refused unread, with the code.
    pub refused: Mutex<Vec<(Envelope, String)>>,
    /// What deliveries get in turn; behind the last one they are accepted.
    pub script: Mutex<VecDeque<Result<Verdict, Busy>>>,
    /// The partner of whom nothing is taken now, while it is set.
    pub busy_of: Mutex<Option<String>>,
    /// While set, deliveries wait until told to go on.
    pub hold: Mutex<Option<Arc<Notify>>>,
    /// Who may come in.
    pub admission: Mutex<Arc<Admission>>,
    /// The paths.
    pub http: Mutex<Arc<Vec<HttpBinding>>>,
    /// Where parts are written.
    pub spooled: tempfile::TempDir,
    /// The partner whose questions for its mailbox are never answered.
    pub unanswered: Mutex<Option<String>>,
    /// Where parts lie, if not there.
    pub parts_lie: Mutex<Option<std::path::PathBuf>>,
    /// Due timers, handed out once each.
    pub timers: Mutex<VecDeque<Envelope>>,
    /// The one message that standings know: partner, id, stand.
    pub standing: Mutex<Option<(String, Standing)>>,
    /// Octets that the spool has written so far.
    pub written: Arc<AtomicU64>,
    /// True makes the spool refuse.
    pub spool_full: Mutex<bool>,
    /// The one letter that mailboxes hold, with its owner; and what readers did with it, in order.
    pub letter: Mutex<Option<(String, Envelope)>>,
    /// It cannot be had now; something else in the mailbox can.
    pub behind: AtomicBool,
    pub elsewhere: AtomicBool,
    pub done: Mutex<Vec<(Uuid, String, End)>>,
}

impl House {
    pub fn new() -> Arc<House> {
        let credential = |partner: &str| Admitted {
            partner: partner.to_owned(),
            credential: Credential::BearerSha256(sha256_hex(format!("geheim-{partner}").as_bytes())),
            from: None,
            to: None,
        };
        let entries = ["ja-nord", "ja-sued", "fremd"].map(credential).to_vec();
        let binding = HttpBinding {
            path: "/v1/lieferungen".to_owned(),
            route: "registerlieferung".to_owned(),
            about: "Jugendämter liefern.".to_owned(),
            messages: vec!["xfamilie.0804".to_owned()],
            partners: vec!["ja-nord".to_owned(), "ja-sued".to_owned()],
            by_message: vec!["ja-nord".to_owned()],
            max_body: 64 << 10,
            max_part: 64 << 20,
        };
        Arc::new(House {
            delivered: Mutex::default(),
            apart: Mutex::default(),
            refused: Mutex::default(),
            script: Mutex::default(),
            busy_of: Mutex::default(),
            hold: Mutex::default(),
            admission: Mutex::new(Arc::new(Admission { entries, accounts: Vec::new() })),
            http: Mutex::new(Arc::new(vec![binding])),
            spooled: tempfile::tempdir().unwrap(),
            unanswered: Mutex::default(),
            parts_lie: Mutex::default(),
            timers: Mutex::default(),
            standing: Mutex::default(),
            written: Arc::default(),
            spool_full: Mutex::new(false),
            letter: Mutex::default(),
            behind: AtomicBool::default(),
            elsewhere: AtomicBool::default(),
            done: Mutex::default(),
        })
    }

    pub fn around(self: &Arc<Self>, clock: Clock) -> Surroundings {
        Surroundings {
            intake: self.clone(),
            doors: self.clone(),
            spool: self.clone(),
            standings: self.clone(),
            notes: self.clone(),
            timers: self.clone(),
            mailboxes: self.clone(),
            parts: Default::default(),
            reached: Default::default(),
            ops: Default::default(),
            clock,
            stage: Stage::Test,
            data: self.spooled.path().to_owned(),
            config: self.spooled.path().to_owned(),
            parts_lie: self
                .parts_lie
                .lock()
                .unwrap()
                .clone()
                .unwrap_or_else(|| self.spooled.path().to_owned()),
        }
    }

    pub fn then(&self, outcome: Result<Verdict, Busy>) {
        self.script.lock().unwrap().push_back(outcome);
    }

    pub fn delivered(&self) -> Vec<Envelope> {
        self.delivered.lock().unwrap().clone()
    }

    /// Waits until so many were delivered, at most a minute.
    pub async fn wait_for(&self, count: usize) -> Vec<Envelope> {
        eventually(|| self.delivered.lock().unwrap().len() >= count).await;
        self.delivered()
    }

    pub fn hold(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        *self.hold.lock().unwrap() = Some(notify.clone());
        notify
    }
}

/// Waits until it is so, at most a minute.
pub async fn eventually(mut is_so: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come about within a minute");
}

pub fn verdict(state: Inbound) -> Verdict {
    Verdict {
        id: Uuid::from_u128(7),
        state,
        stand: Stand::InBearbeitung,
        conflict: false,
        again: false,
        codes: Vec::new(),
        reply: None,
        forgotten: false,
    }
}

pub fn reply(text: &str) -> Option<Reply> {
    Some(Reply {
        content_type: "application/xml".to_owned(),
        body: Bytes::copy_from_slice(text.as_bytes()),
        message: "xfamilie.0011".to_owned(),
        message_id: "m".to_owned(),
        test: true,
    })
}

pub fn busy(after: Duration) -> Busy {
    Busy { cause: "test".to_owned(), retry_after: after, of_partner: false }
}

pub fn envelope(body: &str, content_type: &str) -> Envelope {
    Envelope {
        head: Head {
            id: Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001),
            connection: "c".to_owned(),
            binding: "c:p".to_owned(),
            transport_id: "t".to_owned(),
            correlation: None,
            content_type: Some(content_type.to_owned()),
            partner: Some(PartnerRef { id: "p".to_owned(), how: How::Internal }),
            received: "2026-11-21T12:00:00Z".parse().unwrap(),
            return_address: None,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            acting_person: None,
            label: None,
            in_band: false,
        },
        body: Bytes::copy_from_slice(body.as_bytes()),
        parts: Vec::new(),
        evidence: Evidence::default(),
    }
}

/// A source under way.
pub struct Running {
    pub stop: Stop,
    pub task: JoinHandle<Result<(), SourceError>>,
}

pub fn start(source: Arc<dyn Source>) -> Running {
    let stop = Stop::new();
    let inner = stop.clone();
    Running { stop, task: tokio::spawn(async move { source.run(inner).await }) }
}

impl Running {
    pub async fn end(self) -> Result<(), SourceError> {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(35), self.task).await.unwrap().unwrap()
    }
}

#[async_trait]
impl Intake for House {
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        let of = envelope.head.partner.as_ref().map(|partner| partner.id.clone());
        if of.is_some() && of == *self.busy_of.lock().unwrap() {
            let (cause, retry_after) = ("paused by a person".to_owned(), Duration::from_secs(30));
            return Err(Busy { cause, retry_after, of_partner: true });
        }
        let hold = self.hold.lock().unwrap().clone();
        // Made before the delivery is seen, so that no call to go on is missed.
        let waiting = hold.as_ref().map(|hold| hold.notified());
        self.delivered.lock().unwrap().push(envelope);
        if let Some(waiting) = waiting {
            waiting.await;
        }
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(verdict(Inbound::Accepted)))
    }

    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy> {
        self.apart.lock().unwrap().push((envelope, cause));
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(verdict(Inbound::Quarantined)))
    }

    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        self.set_apart(envelope, RAW).await
    }

    async fn refuse(&self, envelope: Envelope, fault: Rejection) -> Result<Verdict, Busy> {
        self.refused.lock().unwrap().push((envelope, fault.code));
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(verdict(Inbound::Rejected)))
    }
}

impl Doors for House {
    fn admission(&self) -> Arc<Admission> {
        self.admission.lock().unwrap().clone()
    }

    fn http(&self) -> Arc<Vec<HttpBinding>> {
        self.http.lock().unwrap().clone()
    }

    fn bound(&self, _: &str) -> Option<Bound> {
        let here = self.http.lock().unwrap().first().cloned()?;
        Some(Bound { partners: here.partners, max_body: here.max_body, max_part: here.max_part })
    }
}

struct Writer {
    file: std::fs::File,
    path: PathBuf,
    written: Arc<AtomicU64>,
    size: u64,
}

#[async_trait]
impl PartWriter for Writer {
    async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError> {
        use std::io::Write;
        assert!(octets.len() <= 1 << 20, "pieces stay small");
        self.written.fetch_add(octets.len() as u64, Ordering::Relaxed);
        self.size += octets.len() as u64;
        self.file.write_all(&octets).map_err(|error| SpoolError::Later(error.kind().to_string()))
    }

    async fn finish(self: Box<Self>, name: &str, content_type: &str) -> Result<Part, SpoolError> {
        Ok(Part {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            size: self.size,
            sha256: String::new(),
            claim: Claim { name: self.path.to_string_lossy().into_owned(), ..Claim::default() },
            mandant: String::new(),
            small: None,
        })
    }
}

struct Reader(std::fs::File);

#[async_trait]
impl PartReader for Reader {
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        use std::io::Read;
        let mut buffer = vec![0; 4096];
        let read = self.0.read(&mut buffer).map_err(|error| SpoolError::Later(error.kind().to_string()))?;
        buffer.truncate(read);
        Ok((read > 0).then(|| buffer.into()))
    }
}

#[async_trait]
impl Spool for House {
    async fn begin(&self, _: &PartnerRef) -> Result<Box<dyn PartWriter>, SpoolError> {
        if *self.spool_full.lock().unwrap() {
            return Err(SpoolError::Later("full".to_owned()));
        }
        let path = self.spooled.path().join(Uuid::new_v4().to_string());
        let file = std::fs::File::create(&path).unwrap();
        Ok(Box::new(Writer { file, path, written: self.written.clone(), size: 0 }))
    }

    async fn open(&self, _: &str, part: &Part) -> Result<Box<dyn PartReader>, SpoolError> {
        let file = std::fs::File::open(&part.claim.name);
        Ok(Box::new(Reader(file.map_err(|_| SpoolError::Corrupt("missing".to_owned()))?)))
    }
}

#[async_trait]
impl Standings for House {
    async fn standing(&self, partner: &PartnerRef, id: Uuid) -> Result<Option<Standing>, Busy> {
        let hold = self.hold.lock().unwrap().clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        let known = self.standing.lock().unwrap().clone();
        Ok(known
            .filter(|(owner, standing)| *owner == partner.id && standing.id == id)
            .map(|(_, standing)| standing))
    }

    async fn taken(&self, _: &PartnerRef, _: Under<'_>) -> Result<Option<Taken>, Busy> {
        Ok(None)
    }
}

#[async_trait]
impl Notes for House {
    async fn note(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Busy> {
        Ok(None)
    }

    async fn set_note(&self, _: &str, _: &str, _: Option<Vec<u8>>) -> Result<(), Busy> {
        Ok(())
    }

    async fn swap_note(&self, _: &str, _: &str, _: Option<Vec<u8>>, _: Vec<u8>) -> Result<bool, Busy> {
        Ok(true)
    }
}

#[async_trait]
impl DueTimers for House {
    async fn due(&self, limit: usize) -> Result<Vec<Envelope>, Busy> {
        let mut timers = self.timers.lock().unwrap();
        let count = limit.min(timers.len());
        Ok(timers.drain(..count).collect())
    }
}

/// The receipt of the one letter.
pub const RECEIPT: &str = "1-1-a";

#[async_trait]
impl Mailboxes for House {
    fn any(&self) -> bool {
        self.letter.lock().unwrap().is_some()
    }

    async fn lying(
        &self,
        partner: &PartnerRef,
        _: Option<Uuid>,
        _: usize,
    ) -> Result<Option<Vec<Item>>, Busy> {
        if self.unanswered.lock().unwrap().as_ref() == Some(&partner.id) {
            std::future::pending::<()>().await;
        }
        let letter = self.letter.lock().unwrap().clone();
        Ok(letter.filter(|(owner, _)| *owner == partner.id).map(|(_, envelope)| {
            vec![Item {
                id: envelope.head.id,
                message: "xfamilie.0011".to_owned(),
                test: true,
                size: 1,
                parts: envelope.parts.len(),
                queued: envelope.head.received,
                deadline: None,
                order: "1".to_owned(),
                reach: if self.behind.load(Ordering::SeqCst) { Reach::Behind } else { Reach::Ready },
                fetched: false,
            }]
        }))
    }

    async fn ready(&self, _: &PartnerRef) -> Result<bool, Busy> {
        Ok(self.elsewhere.load(Ordering::SeqCst))
    }

    async fn fetch(&self, partner: &PartnerRef, id: Uuid, _: Asking) -> Result<Fetch, Busy> {
        let letter = self.letter.lock().unwrap().clone();
        let own = letter.filter(|(owner, envelope)| *owner == partner.id && envelope.head.id == id);
        Ok(own.map_or(Fetch::Unknown, |(_, envelope)| {
            let until = envelope.head.received + Duration::from_secs(300);
            Fetch::Handed(Box::new(Handed { receipt: RECEIPT.to_owned(), until, envelope }))
        }))
    }

    async fn stands(&self, _: &PartnerRef, _: Uuid) -> Result<Option<Lain>, Busy> {
        Ok(None)
    }

    async fn hold(&self, _: &PartnerRef, _: Uuid, _: &str) {}

    async fn end(&self, _: &PartnerRef, id: Uuid, receipt: &str, end: End) -> Result<Ended, Busy> {
        self.done.lock().unwrap().push((id, receipt.to_owned(), end));
        Ok(if receipt == RECEIPT { Ended::Done } else { Ended::Stale })
    }
}

/// A running HTTP door.
pub struct HttpDoor {
    pub house: Arc<House>,
    pub clock: Clock,
    pub base: String,
    pub port: u16,
    pub parts: drehscheibe::telemetry::parts::Parts,
    pub running: Running,
}

/// Starts an HTTP door with these further settings.
pub async fn http_door(house: Arc<House>, more: serde_json::Value) -> HttpDoor {
    http_door_with(house, more, axum::Router::new()).await
}

/// Starts an HTTP door that also serves `extra`.
pub async fn http_door_with(house: Arc<House>, more: serde_json::Value, extra: axum::Router) -> HttpDoor {
    let clock = Clock::set("2026-11-21T12:00:00Z".parse().unwrap());
    let mut settings = serde_json::json!({"listen": "127.0.0.1:0"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let around = house.around(clock.clone());
    let source =
        Arc::new(drehscheibe::transport::http::HttpSource::new("tuer", &settings, &around, extra).unwrap());
    let running = start(source.clone());
    let port = source.bound().await.unwrap().port();
    let scheme = if settings.get("tls").is_some() { "https" } else { "http" };
    let parts = around.parts.clone();
    HttpDoor { house, clock, base: format!("{scheme}://localhost:{port}"), port, parts, running }
}

impl HttpDoor {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A delivery of `ja-nord` to be sent.
    pub fn post(&self) -> reqwest::RequestBuilder {
        reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(self.url("/v1/lieferungen"))
            .bearer_auth("geheim-ja-nord")
            .header("content-type", "application/xml")
    }
}

/// Checks that an answer is a problem of RFC 9457 with this status, and gives its document.
pub async fn problem(response: reqwest::Response, status: u16) -> serde_json::Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let document: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(document["status"], status);
    for key in ["type", "title", "detail", "instance"] {
        assert!(!document[key].as_str().unwrap().is_empty(), "{key}");
    }
    document
}

/// An authority of tests.
pub type Authority = CertifiedIssuer<'static, KeyPair>;

/// A new one of this name.
pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// The source of a connection that is opened for it.
pub fn source_of(
    entry: &Entry,
    name: &str,
    settings: &Value,
    around: &Surroundings,
) -> Result<Option<Arc<dyn Source>>, BuildError> {
    (entry.open)(name, settings, around)?.source(around)
}

/// A destination of a connection that is opened for it.
pub fn destination_of(
    entry: &Entry,
    (name, settings): (&str, &Value),
    channel: &Channel,
    around: &Surroundings,
) -> Result<Option<Arc<dyn Destination>>, BuildError> {
    (entry.open)(name, settings, around)?.destination(channel, around)
}
