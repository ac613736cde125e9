//! Sends orders to one partner by a server of others and looks after them until their report is final. The id of an order is the server's, kept
//! before the order is sent; what became of an attempt of which nobody knows is what the report says of that id, and nothing is sent before
//! it was asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ask;
use super::content::Going;
use super::link::Link;
use super::order;
use super::post;
use super::settings::{ChannelSettings, Settings};
use super::trouble::{Trouble, Verdict, judged};
use crate::clock::Tick;
use crate::envelope::Envelope;
use crate::transport::caller::Around;
use crate::transport::port::left::Left;
use crate::transport::port::{
    After, Attempt, BuildError, Channel, Destination, Follow, Followed, Forgetful, Memory, Progress, Proof,
    Receipt, SendError, Spool, Surroundings, Withdrawal,
};
use crate::transport::settings as written_settings;
use crate::transport::xta::fault::Exception;
use crate::transport::xta::model::{Availability, Identity, Party, Report, Response, Severity};

/// The first look at a report; sooner where there is less time.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// So long counts what the directory said.
const OFFERED: Duration = Duration::from_secs(3600);
/// So long counts that it said no.
const NOT_OFFERED: Duration = Duration::from_secs(300);
/// An order that a server took so long ago and never finished is not under way any more.
const OVER: Duration = Duration::from_secs(600);
/// So many orders of unknown outcome are known by their ids without their memory.
const KNOWN: usize = 1024;
/// How often it is looked how a large order gets on.
const LOOK: Duration = Duration::from_millis(250);

/// As whom an order was sent: its report is asked for as the same.
#[derive(Serialize, Deserialize)]
struct As {
    value: String,
    #[serde(rename = "type")]
    scheme: Option<String>,
}

/// One partner by one server.
pub struct ClientDestination {
    link: Link,
    author: Party,
    reader: Party,
    channel: ChannelSettings,
    partner: String,
    spool: Arc<dyn Spool>,
    /// What the directory said of a service, and when.
    offered: Mutex<HashMap<String, (Tick, bool)>>,
    /// Under which id a row was sent, and when that began last: for whoever asks without the memory of its attempts.
    known: Mutex<HashMap<Uuid, (String, Tick)>>,
}

impl ClientDestination {
    /// The destination of a partner.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<ClientDestination, BuildError> {
        let broken = |text: String| BuildError { connection: name.to_owned(), text };
        let settings: Settings = written_settings::read(name, written)?;
        let own: ChannelSettings = written_settings::read(name, &channel.settings)?;
        let author = own.author.as_ref().or(settings.identities.first());
        let author = author.ok_or_else(|| broken("nobody is written as its author".to_owned()))?;
        let (author, reader) = (Party::of(author.identity()), Party::of(own.reader.identity()));
        let link = Link::open(name, settings.below(&around.config), Around::of(around)).map_err(broken)?;
        Ok(ClientDestination {
            link,
            author,
            reader,
            channel: own,
            partner: channel.partner.clone(),
            spool: around.spool.clone(),
            offered: Mutex::default(),
            known: Mutex::default(),
        })
    }

    fn receipt(&self, id: &str, taken_within: Option<Duration>) -> Receipt {
        let within = taken_within.unwrap_or(self.channel.report_within.0);
        let Identity { value, scheme, .. } = self.author.identity.clone();
        let keep = serde_json::to_vec(&As { value, scheme }).unwrap_or_default();
        let first = FIRST_LOOK.min(within / 4);
        Receipt {
            reference: id.to_owned(),
            evidence: "taken by the server as an order".to_owned(),
            follow: Some(Follow { first, within, keep: keep.into() }),
            ..Receipt::default()
        }
    }

    /// As whom what is followed was sent.
    fn sent_as(&self, keep: &[u8]) -> Party {
        match serde_json::from_slice::<As>(keep) {
            Ok(As { value, scheme }) => Party::of(Identity { value, scheme, name: None, category: None }),
            Err(_) => self.author.clone(),
        }
    }

    fn know(&self, row: Uuid, id: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.retain(|_, (_, began)| began.elapsed() < OVER);
            if known.len() >= KNOWN {
                known.clear();
            }
        }
        known.insert(row, (id.to_owned(), Tick::now()));
    }

    /// Asks the directory, where that is wanted and it was not asked lately. What nobody knows is sent.
    async fn is_offered(&self, envelope: &Envelope) -> Result<(), SendError> {
        let message = envelope.head.label.as_ref().map_or("unbekannt", |label| label.message.as_str());
        let service = order::described(&self.channel, message).service;
        if !self.channel.look_up || service.is_empty() {
            return Ok(());
        }
        let known = self.offered.lock().unwrap_or_else(PoisonError::into_inner).get(&service).copied();
        let holds =
            |(asked, offered): &(Tick, bool)| asked.elapsed() < if *offered { OFFERED } else { NOT_OFFERED };
        let offered = match known.filter(holds) {
            Some((_, offered)) => offered,
            None => {
                let found = ask::offers(&self.link, &self.author, &self.reader, &service).await;
                let offered = !matches!(found, Ok(Availability::Known(false)));
                let mut all = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(service, (Tick::now(), offered));
                offered
            }
        };
        match offered {
            true => Ok(()),
            false => Err(SendError::Later {
                cause: "the directory says that the partner does not offer this service".to_owned(),
                retry_after: Some(NOT_OFFERED),
                far_end: false,
            }),
        }
    }

    /// Sends the order under its id.
    async fn send_as(&self, envelope: &Envelope, id: &str, progress: &Progress) -> Result<(), Sent> {
        let (order, contents) = order::order(envelope, id, (&self.author, &self.reader), &self.channel);
        let going = Going::default();
        let of = (self.spool.clone(), self.partner.as_str());
        let exchange = post::order(&self.link, (order, contents), of, &going);
        tokio::pin!(exchange);
        let mut seen = 0;
        let answered = loop {
            tokio::select! {
                answered = &mut exchange => break answered,
                () = tokio::time::sleep(LOOK) => {
                    let now = going.pieces();
                    if now != seen {
                        progress.moved();
                        seen = now;
                    }
                }
            }
        };
        match (answered, going.broken()) {
            (Ok(Response::Empty), _) => Ok(()),
            (Ok(_), _) => Err(Trouble::Unreadable("an answer to something else".to_owned()).into()),
            // It broke off before its end, so it cannot have been taken.
            (Err(_), Some(error)) => Err(Sent::Ours(error.into())),
            (Err(trouble), None) => Err(trouble.into()),
        }
    }

    /// What became of an order that was not answered as one that is taken.
    async fn became(
        &self,
        (trouble, id): (Trouble, &str),
        fresh: bool,
        memory: &dyn Memory,
        taken_within: Option<Duration>,
    ) -> Result<Receipt, SendError> {
        let verdict = judged(&trouble);
        if let Verdict::Not(error) = verdict {
            // An id that was refused with its order may be used up; one that nobody saw is used again.
            let kept = match error {
                SendError::Never { .. } => Vec::new(),
                _ => Left { id: id.to_owned(), sent: false }.kept(),
            };
            let _ = memory.remember(&kept).await;
            return Err(error);
        }
        let cause = trouble.to_string();
        match ask::report(&self.link, &self.author, id).await {
            Ok(Some(_)) => Ok(self.receipt(id, taken_within)),
            Ok(None) if verdict == Verdict::Failed => {
                let _ = memory.remember(&Left { id: id.to_owned(), sent: false }.kept()).await;
                Err(SendError::Later { cause, retry_after: trouble.after(), far_end: true })
            }
            Ok(None) if verdict == Verdict::Used && fresh => {
                let _ = memory.remember(&[]).await;
                let cause =
                    "the server gave an id that was used already; another one is asked for".to_owned();
                Err(SendError::Later { cause, retry_after: None, far_end: false })
            }
            Ok(None) | Err(_) => Err(SendError::Unclear { cause }),
        }
    }
}

/// Why an order was not taken for certain.
enum Sent {
    /// What the exchange came to.
    Trouble(Trouble),
    /// Our own part did not open.
    Ours(SendError),
}

impl From<Trouble> for Sent {
    fn from(trouble: Trouble) -> Sent {
        Sent::Trouble(trouble)
    }
}

#[async_trait]
impl Destination for ClientDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let attempt = Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within: None };
        self.attempt(envelope, attempt).await
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let Attempt { progress, memory, taken_within } = attempt;
        let left = Left::read(memory.left());
        if let Some(Left { id, sent: true }) = &left {
            self.know(envelope.head.id, id);
            match ask::report(&self.link, &self.author, id).await {
                Ok(Some(_)) => return Ok(self.receipt(id, taken_within)),
                Ok(None) => {}
                Err(trouble) => {
                    let cause = format!("what became of an earlier attempt cannot be asked: {trouble}");
                    return Err(SendError::Unclear { cause });
                }
            }
            progress.moved();
        }
        let (id, fresh) = match left {
            Some(left) => (left.id, !left.sent),
            None => {
                self.is_offered(envelope).await?;
                progress.moved();
                let id = ask::new_id(&self.link, &self.author).await;
                (id.map_err(Trouble::before_the_act)?, true)
            }
        };
        if fresh {
            memory.remember(&Left { id: id.clone(), sent: true }.kept()).await?;
        }
        self.know(envelope.head.id, &id);
        progress.moved();
        match self.send_as(envelope, &id, progress).await {
            Ok(()) => Ok(self.receipt(&id, taken_within)),
            Err(Sent::Ours(error)) => {
                let _ = memory.remember(&Left { id, sent: false }.kept()).await;
                Err(error)
            }
            Err(Sent::Trouble(trouble)) => self.became((trouble, &id), fresh, memory, taken_within).await,
        }
    }

    fn repeat_is_safe(&self) -> bool {
        // Each attempt asks for the report of the one before it, and the server takes an id once.
        true
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&envelope.head.id).cloned();
        let unclear = |cause: &str| SendError::Unclear { cause: cause.to_owned() };
        let (id, began) =
            known.ok_or_else(|| unclear("its id is not at hand; the next attempt asks by it"))?;
        match ask::report(&self.link, &self.author, &id).await {
            Ok(Some(_)) => Ok(Some(self.receipt(&id, None))),
            Ok(None) if began.elapsed() >= OVER => Ok(None),
            Ok(None) => Err(unclear("the server knows no report of it yet, and may still be at it")),
            Err(trouble) => Err(unclear(&trouble.to_string())),
        }
    }

    async fn look_after(&self, followed: &Followed<'_>) -> Result<After, SendError> {
        let identity = self.sent_as(followed.keep);
        let found = ask::report(&self.link, &identity, followed.reference).await;
        match found.map_err(Trouble::before_the_act)? {
            Some((report, octets)) => Ok(reported(&report, octets)),
            None => Err(SendError::Later {
                cause: "the server knows no report of an order that it took".to_owned(),
                retry_after: None,
                far_end: false,
            }),
        }
    }

    async fn withdraw(&self, followed: &Followed<'_>) -> Result<Withdrawal, SendError> {
        let identity = self.sent_as(followed.keep);
        match ask::cancel(&self.link, &identity, followed.reference).await {
            Ok(()) => Ok(Withdrawal::Gone),
            Err(trouble) => Err(match trouble.exception() {
                Some(
                    Exception::CancelDenied | Exception::ParameterIsNotValid | Exception::InvalidMessageId,
                ) => SendError::Never { cause: trouble.to_string() },
                _ => trouble.before_the_act(),
            }),
        }
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.link.settings.timeout.0 + Duration::from_secs(1))
    }

    fn width(&self) -> usize {
        self.link.settings.width
    }
}

/// What a report says: 0 is open, 1 green, 2 yellow, 3 red.
fn reported(report: &Report, octets: bytes::Bytes) -> After {
    let many = |severity| report.events.iter().filter(|event| event.severity == severity).count();
    let proof = |evidence: String| Proof { evidence, octets, answers: Vec::new() };
    match report.status {
        1 => After::Confirmed(proof("transport report: green".to_owned())),
        2 => {
            let warnings = many(Severity::Warning);
            After::Confirmed(proof(format!("transport report: yellow, {warnings} warnings")))
        }
        3 => After::Failed {
            cause: "its transport report is red".to_owned(),
            next_step: "ask who runs the server what became of it: where it arrived `parked arrived`, else `parked not-arrived`".to_owned(),
            proof: proof(format!("transport report: red, {} errors", many(Severity::Error))),
        },
        _ => After::Open { again: None },
    }
}
