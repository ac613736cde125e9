//! A partner's mailbox over HTTP: list, fetch, and how the reader ends what it fetched. Serves the caller's own mailbox only; what is
//! another's is answered like what does not exist. Never counts as delivered what the reader has not closed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

use super::answer;
use super::answer::MAILBOX;
use super::door::{ASKING, Door, FULL};
use super::problem::Problem;
use super::room::AGAIN;
use super::server::Peer;
use super::shares::Place;
use super::wishes::{idempotency_key, wait};
use crate::clock::Tick;
use crate::envelope::{Envelope, Part, PartnerRef};
use crate::mime::media::{Boundary, handed_on, quoted_name};
use crate::mime::writer::Writer;
use crate::transport::ids::sha256_hex;
use crate::transport::permits::Permit;
use crate::transport::port::mailbox::{Asking, End, Ended, Fetch, Handed, Item, REFUSED, Reach, Reason};
use crate::transport::port::{PartReader, SpoolError};

const RECEIPT: HeaderName = HeaderName::from_static("abholung");
/// A document is never larger; the room for it is asked for before it is read.
const DOCUMENT: u64 = 8 << 20;
/// A page where none is asked for, and the largest.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// A document goes out in pieces of so many octets.
const PIECE: usize = 64 << 10;

/// What is asked of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What lies there.
    List,
    /// To have something.
    Fetch(Uuid),
    /// To end what was fetched: closed, given back or refused.
    Ended(Uuid, Act),
}

/// How a reader ends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is safe with the reader.
    Take,
    /// Anybody may have it.
    GiveBack,
    /// It cannot be processed.
    Refuse,
}

/// What a path asks for; `None` where it is no path of a mailbox.
pub fn wanted(path: &str) -> Option<Wanted> {
    let rest = path.strip_prefix(MAILBOX)?;
    if rest.is_empty() {
        return Some(Wanted::List);
    }
    let (id, act) = rest.strip_prefix('/')?.split_once('/')?;
    let id = Uuid::try_parse(id).ok()?;
    Some(match act {
        "abholung" => Wanted::Fetch(id),
        "empfang" => Wanted::Ended(id, Act::Take),
        "rueckgabe" => Wanted::Ended(id, Act::GiveBack),
        REFUSED => Wanted::Ended(id, Act::Refuse),
        _ => return None,
    })
}

/// What a question asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    after: Option<Uuid>,
    limit: Option<usize>,
    reason: Option<Reason>,
}

fn query(written: Option<&str>) -> Result<Query, Problem> {
    const BAD: Problem = Problem::Unreadable(
        "Erlaubt sind limit (1 bis 100), after (eine Id) und grund (unlesbar, falscher-empfaenger, nicht-unterstuetzt oder sonstiges), je einmal.",
    );
    let mut query = Query::default();
    for pair in written.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(BAD)?;
        let again = match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                query.limit.replace(limit.ok_or(BAD)?).is_some()
            }
            "after" => query.after.replace(Uuid::try_parse(value).map_err(|_| BAD)?).is_some(),
            "grund" => query.reason.replace(reason(value).ok_or(BAD)?).is_some(),
            _ => return Err(BAD),
        };
        if again {
            return Err(BAD);
        }
    }
    Ok(query)
}

fn reason(word: &str) -> Option<Reason> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == word)
}

/// The receipt that a reader shows, which is one line of plain characters.
fn receipt(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const BAD: Problem = Problem::Unreadable("Der Kopf Abholung steht nur einmal und unverändert.");
    let mut given = headers.get_all(RECEIPT).iter();
    let (first, None) = (given.next(), given.next()) else { return Err(BAD) };
    let read = |value: &HeaderValue| value.to_str().map(str::to_owned).map_err(|_| BAD);
    first.map(read).transpose()
}

impl Door {
    /// Answers what is asked of the caller's mailbox.
    pub async fn mailbox(
        self: &Arc<Self>,
        peer: &Peer,
        (method, written): (&Method, Option<&str>),
        headers: &HeaderMap,
        wanted: Wanted,
    ) -> Result<Response, Problem> {
        let fits = match wanted {
            Wanted::List => matches!(*method, Method::GET | Method::HEAD),
            Wanted::Fetch(_) | Wanted::Ended(..) => *method == Method::POST,
        };
        if !fits {
            return Err(Problem::Method(if wanted == Wanted::List { "GET, HEAD" } else { "POST" }));
        }
        let partner = self.caller(peer, headers)?.partner;
        let query = query(written)?;
        match wanted {
            Wanted::List => self.list(&partner, &query, wait(headers)).await,
            Wanted::Fetch(id) => {
                let key = idempotency_key(headers)?.map(|key| {
                    let hash = sha256_hex(key.as_bytes());
                    hash.get(..32).unwrap_or(&hash).to_owned()
                });
                self.fetch(partner, id, Asking { receipt: receipt(headers)?, key }).await
            }
            Wanted::Ended(id, act) => {
                const MISSING: Problem = Problem::Unreadable(
                    "Es fehlt der Kopf Abholung, wie ihn die Antwort auf abholung nennt.",
                );
                let receipt = receipt(headers)?.ok_or(MISSING)?;
                let end = match act {
                    Act::Take => End::Taken,
                    Act::GiveBack => End::GivenBack,
                    Act::Refuse => End::Refused(query.reason.unwrap_or(Reason::Other)),
                };
                self.end(&partner, id, &receipt, end).await
            }
        }
    }

    /// What lies there; with `wait` not before something can be had, or the time is over.
    async fn list(
        &self,
        partner: &PartnerRef,
        query: &Query,
        wait: Option<Duration>,
    ) -> Result<Response, Problem> {
        // Who waits takes no place of deliveries, and only so many wait; to wait is a preference, so others are answered at once.
        let waits = wait.and_then(|wait| Some((wait, self.waits.take(&partner.id).ok()?)));
        let (limit, began) = (query.limit.unwrap_or(PAGE), Tick::now());
        let items = loop {
            let items = self.look(partner, query.after, limit).await?;
            let left = waits.as_ref().map(|(wait, _)| wait.saturating_sub(began.elapsed()));
            let mut ready = items.iter().any(|item| item.reach == Reach::Ready);
            // What can be had may lie beside this page.
            let part = query.after.is_some() || items.len() >= limit;
            if !ready && part && left.is_some_and(|left| !left.is_zero()) {
                ready = self.ready(partner).await?;
            }
            match left.filter(|left| !ready && !left.is_zero()) {
                None => break items,
                Some(left) => tokio::select! {
                    () = tokio::time::sleep(left.min(LOOK)) => {}
                    () = self.stop.cancelled() => break items,
                },
            }
        };
        let next = items.last().filter(|_| items.len() >= limit).map(|item| item.id);
        let document = json!({
            "nachrichten": items.iter().map(shown).collect::<Vec<_>>(),
            "weiter": next,
        });
        let mut response = answer::json(serde_json::to_vec(&document).unwrap_or_default().into());
        if let Some((wait, _)) = waits {
            let applied = format!("wait={}", wait.as_secs());
            put(response.headers_mut(), HeaderName::from_static("preference-applied"), &applied);
        }
        Ok(response)
    }

    async fn look(
        &self,
        partner: &PartnerRef,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Item>, Problem> {
        let _place = self.place(partner)?;
        let _turn = self.turn(&partner.id).await?;
        let lying = self.around.mailboxes.lying(partner, after, limit).await;
        lying.map_err(|busy| Problem::Closed(busy.retry_after))?.ok_or(Problem::NotFound)
    }

    async fn ready(&self, partner: &PartnerRef) -> Result<bool, Problem> {
        let _place = self.place(partner)?;
        let _turn = self.turn(&partner.id).await?;
        self.around.mailboxes.ready(partner).await.map_err(|busy| Problem::Closed(busy.retry_after))
    }

    /// A turn at the store: questions of partners wait for each other, which costs nothing, and those of one hold up no other's.
    pub(in crate::transport) async fn turn(&self, partner: &str) -> Result<Permit, Problem> {
        let turn = tokio::select! {
            biased;
            // Who only waits is told so when the listener ends; nobody waits for it then.
            () = self.stop.cancelled() => None,
            turn = self.asked.take(partner, 1, ASKING) => turn,
        };
        turn.ok_or(Problem::Busy(FULL))
    }

    async fn fetch(
        self: &Arc<Self>,
        partner: PartnerRef,
        id: Uuid,
        asking: Asking,
    ) -> Result<Response, Problem> {
        let place = self.place(&partner)?;
        let permit = self.permits.take(&partner.id, DOCUMENT, ASKING).await.ok_or(Problem::Busy(AGAIN))?;
        let fetched = {
            let _turn = self.turn(&partner.id).await?;
            self.around.mailboxes.fetch(&partner, id, asking).await
        };
        match fetched.map_err(|busy| Problem::Closed(busy.retry_after))? {
            Fetch::Handed(handed) => self.letter(partner, *handed, (place, permit)),
            Fetch::Held(until) => {
                let left = until.duration_since(self.around.clock.now());
                Err(Problem::Held(Duration::try_from(left).unwrap_or_default()))
            }
            Fetch::Behind => Err(Problem::Behind),
            Fetch::Unknown => Err(Problem::NotFound),
        }
    }

    /// What was handed out, as an answer that streams.
    fn letter(
        self: &Arc<Self>,
        partner: PartnerRef,
        handed: Handed,
        (place, mut permit): (Place, Permit),
    ) -> Result<Response, Problem> {
        const NEVER: Problem = Problem::Busy(AGAIN);
        let Handed { receipt, until, envelope } = handed;
        let Envelope { head, body, parts, .. } = envelope;
        permit.shrink(body.len() as u64);
        let lease = Duration::try_from(until.duration_since(self.around.clock.now())).unwrap_or_default();
        let content_type = head.content_type.as_deref().map_or("application/xml", handed_on).to_owned();
        let digest = digest(&sha256_hex(&body));
        let (size, whole) = (body.len(), parts.is_empty());
        let mut media_type = content_type.clone();
        let mut writer = None;
        if !whole {
            // By chance, so that no content can hold it.
            let boundary = Boundary::new(&format!("drehscheibe-{}", Uuid::new_v4())).map_err(|_| NEVER)?;
            media_type = format!("multipart/mixed; boundary=\"{}\"", boundary.as_str());
            writer = Some(Writer::new(&boundary));
        }
        let letter = Letter {
            door: self.clone(),
            partner,
            id: head.id,
            receipt: receipt.clone(),
            document: (!whole).then(|| [content_type, digest.clone()]),
            body,
            parts: parts.into_iter(),
            reader: None,
            writer,
            lease,
            held: Tick::now(),
            _until_taken: (place, permit),
        };
        let stream = futures_util::stream::try_unfold(letter, |mut letter| async move {
            Ok::<_, std::io::Error>(letter.piece().await?.map(|piece| (piece, letter)))
        });
        let mut response = Response::new(Body::from_stream(stream));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        put(headers, CONTENT_TYPE, &media_type);
        if whole {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
            put(headers, HeaderName::from_static("content-digest"), &digest);
        }
        put(headers, RECEIPT, &receipt);
        put(headers, HeaderName::from_static("abholung-bis"), &until.to_string());
        if let Some(label) = &head.label {
            put(headers, HeaderName::from_static("nachricht"), &label.message);
            put(headers, HeaderName::from_static("test"), if label.test { "true" } else { "false" });
        }
        if let Some(traceparent) = &head.traceparent {
            put(headers, HeaderName::from_static("traceparent"), traceparent);
        }
        Ok(response)
    }

    async fn end(
        &self,
        partner: &PartnerRef,
        id: Uuid,
        receipt: &str,
        end: End,
    ) -> Result<Response, Problem> {
        let _place = self.place(partner)?;
        let _turn = self.turn(&partner.id).await?;
        let ended = self.around.mailboxes.end(partner, id, receipt, end).await;
        match ended.map_err(|busy| Problem::Busy(busy.retry_after))? {
            Ended::Done => {
                let stand = match end {
                    End::Taken => "empfangen",
                    End::GivenBack => "bereit",
                    End::Refused(_) | End::Broken => "zurueckgestellt",
                };
                let document = json!({"id": id, "stand": stand});
                Ok(answer::json(serde_json::to_vec(&document).unwrap_or_default().into()))
            }
            Ended::Stale => Err(Problem::Stale),
            Ended::Unknown => Err(Problem::NotFound),
        }
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A digest as RFC 9530 writes it.
fn digest(sha256: &str) -> String {
    format!("sha-256=:{}:", STANDARD.encode(hex::decode(sha256).unwrap_or_default()))
}

fn shown(item: &Item) -> serde_json::Value {
    let (stand, until) = match item.reach {
        Reach::Ready => ("bereit", None),
        Reach::Held(until) => ("in-abholung", Some(until)),
        Reach::Behind => ("wartet", None),
    };
    let mut shown = json!({
        "id": item.id,
        "nachricht": item.message,
        "test": item.test,
        "groesse": item.size,
        "teile": item.parts,
        "seit": item.queued,
        "reihe": item.order,
        "stand": stand,
        "abgeholt": item.fetched,
    });
    if let Some(deadline) = item.deadline {
        shown["frist"] = json!(deadline);
    }
    if let Some(until) = until {
        shown["frei-ab"] = json!(until);
    }
    shown
}

/// A message on its way to its reader: a document, or a multipart body of the document and its parts.
struct Letter {
    door: Arc<Door>,
    partner: PartnerRef,
    id: Uuid,
    receipt: String,
    /// Media type and digest of the document, while its frame is still to be written.
    document: Option<[String; 2]>,
    body: Bytes,
    parts: std::vec::IntoIter<Part>,
    reader: Option<Box<dyn PartReader>>,
    writer: Option<Writer>,
    lease: Duration,
    /// Since when the reader's time runs.
    held: Tick,
    _until_taken: (Place, Permit),
}

impl Letter {
    /// What is to be sent next. An error breaks the answer off: the reader sees that it is not whole, and closes nothing.
    async fn piece(&mut self) -> Result<Option<Bytes>, std::io::Error> {
        let broken = || std::io::Error::other("a part cannot be handed out now");
        let id = self.id;
        let frame = |_| {
            tracing::warn!(%id, "a message in a mailbox cannot be written as multipart; nobody can fetch it");
            std::io::Error::other("the parts cannot be written as multipart")
        };
        self.keep().await;
        if let (Some([content_type, digest]), Some(writer)) = (self.document.take(), &mut self.writer) {
            let headers = [
                ("Content-Type", content_type.as_str()),
                ("Content-Disposition", "inline; name=\"document\""),
                ("Content-Digest", digest.as_str()),
            ];
            return writer.start_part(&headers).map(Some).map_err(frame);
        }
        if !self.body.is_empty() {
            let piece = self.body.split_to(PIECE.min(self.body.len()));
            return match &mut self.writer {
                Some(writer) => writer.data(piece).map(Some).map_err(frame),
                None => Ok(Some(piece)),
            };
        }
        loop {
            let Some(writer) = &mut self.writer else { return Ok(None) };
            let Some(reader) = &mut self.reader else {
                let Some(part) = self.parts.next() else {
                    return Ok(self.writer.take().map(Writer::end));
                };
                let disposition = format!("attachment; name={}", quoted_name(&part.name));
                let digest = digest(&part.sha256);
                let headers = [
                    ("Content-Type", handed_on(&part.content_type)),
                    ("Content-Disposition", disposition.as_str()),
                    ("Content-Digest", digest.as_str()),
                ];
                let started = writer.start_part(&headers).map_err(frame)?;
                let opened = self.door.around.spool.open(&self.partner.id, &part).await;
                match opened {
                    Ok(reader) => self.reader = Some(reader),
                    Err(error) => {
                        self.unsound(&error).await;
                        return Err(broken());
                    }
                }
                return Ok(Some(started));
            };
            match reader.read().await {
                Ok(Some(piece)) => return writer.data(piece).map(Some).map_err(frame),
                Ok(None) => self.reader = None,
                Err(error) => {
                    self.unsound(&error).await;
                    return Err(broken());
                }
            }
        }
    }

    /// Whoever is still fetching keeps what it has in hand.
    async fn keep(&mut self) {
        if self.held.elapsed() >= self.lease / 3 {
            self.held = Tick::now();
            self.door.around.mailboxes.hold(&self.partner, self.id, &self.receipt).await;
        }
    }

    /// What does not open is not offered again and again: a person looks.
    async fn unsound(&mut self, error: &SpoolError) {
        if matches!(error, SpoolError::Corrupt(_)) {
            let ended = self.door.around.mailboxes.end(&self.partner, self.id, &self.receipt, End::Broken);
            if ended.await.is_err() {
                tracing::warn!(id = %self.id, "a message whose part does not open is not set aside yet");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_wanted() {
        let id = Uuid::from_u128(7);
        assert_eq!(wanted("/v1/postfach"), Some(Wanted::List));
        assert_eq!(wanted(&format!("/v1/postfach/{id}/abholung")), Some(Wanted::Fetch(id)));
        assert_eq!(wanted(&format!("/v1/postfach/{id}/empfang")), Some(Wanted::Ended(id, Act::Take)));
        for other in [
            "/v1/postfach/",
            "/v1/postfachx",
            "/v1/postfach/x/abholung",
            &format!("/v1/postfach/{id}"),
            &format!("/v1/postfach/{id}/"),
            &format!("/v1/postfach/{id}/abholung/"),
            &format!("/v1/postfach/{id}/x"),
        ] {
            assert_eq!(wanted(other), None, "{other}");
        }
    }

    #[test]
    fn questions_are_read_whole_or_refused() {
        let id = Uuid::from_u128(7);
        assert_eq!(query(None), Ok(Query::default()));
        let read = query(Some(&format!("limit=3&after={id}")));
        assert_eq!(read, Ok(Query { after: Some(id), limit: Some(3), reason: None }));
        assert_eq!(query(Some("grund=unlesbar")).unwrap().reason, Some(Reason::Unreadable));
        for bad in [
            "limit=0",
            "limit=101",
            "limit=x",
            "after=x",
            "grund=Herr+Muster",
            "x=1",
            "limit",
            "limit=1&limit=1",
        ] {
            assert!(query(Some(bad)).is_err(), "{bad}");
        }
    }
}
