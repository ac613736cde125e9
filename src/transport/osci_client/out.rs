//! Lays deliveries to one partner into its mailbox at an intermediary, or has them forwarded, and looks after their process cards until they
//! were received. The id of a delivery is the intermediary's, kept before the delivery is sent; what became of an attempt of which nobody
//! knows is what the process card of that id says, and nothing is sent before it was asked.
//! What the intermediary reads is neutral: ids, a subject from configuration, numbers for names.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::cards;
use super::link::{Heard, Link, Material, Part, Say};
use super::settings::{ChannelSettings, Settings};
use super::trouble::{Trouble, Verdict, judged};
use crate::envelope::Envelope;
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::{Order, ProcessCard};
use crate::transport::osci::write::WriteFault;
use crate::transport::osci::write_content::{
    NewContainer, NewContent, NewSignature, container, encrypted, encrypted_attachment,
};
use crate::transport::osci_words::{Role, date_time, fresh_id, secrets};
use crate::transport::port::left::Left;
use crate::transport::port::{
    After, Attempt, BuildError, Channel, Destination, Follow, Followed, Forgetful, Memory, Progress, Proof,
    Receipt, SendError, Surroundings,
};
use crate::transport::settings as written_settings;
use crate::trust::certificate::Certificate;

/// The first look at a process card; sooner where there is less time.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// A document of so many octets stands in the envelope; a larger one beside it.
const INLINE: usize = 256 << 10;

/// One partner by one intermediary.
pub struct ClientDestination {
    link: Link,
    channel: ChannelSettings,
    partner: String,
}

/// A content as it is read from the spool.
struct Loaded {
    document: Bytes,
    parts: Vec<Bytes>,
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
        let link = Link::open(name, settings, around).map_err(broken)?;
        Ok(ClientDestination { link, channel: own, partner: channel.partner.clone() })
    }

    fn later(cause: &str) -> SendError {
        SendError::Later { cause: cause.to_owned(), retry_after: None, far_end: false }
    }

    /// The certificate for which it is encrypted now.
    fn reader(&self, with: &Material) -> Result<Certificate, SendError> {
        let known = with.known.authors.iter().find(|author| author.partner == self.partner);
        let found = known.and_then(|known| known.pinned.cipher(self.link.around.clock.now())).cloned();
        found.ok_or_else(|| {
            Self::later("no certificate of the partner to encrypt for is in its term; name the one in force")
        })
    }

    /// The octets of all contents; they have to be in memory at once.
    async fn load(&self, envelope: &Envelope) -> Result<Loaded, SendError> {
        let whole = envelope.parts.iter().map(|part| part.size).sum::<u64>() + envelope.body.len() as u64;
        if whole > self.link.settings.most() / 2 {
            return Err(SendError::Never {
                cause: "too large for this connection; raise `max-message`".to_owned(),
            });
        }
        let mut parts = Vec::with_capacity(envelope.parts.len());
        for part in &envelope.parts {
            let mut reader = self.link.around.spool.open(&self.partner, part).await?;
            let mut octets = BytesMut::with_capacity(usize::try_from(part.size).unwrap_or(0));
            while let Some(piece) = reader.read().await? {
                octets.extend_from_slice(&piece);
            }
            parts.push(octets.freeze());
        }
        Ok(Loaded { document: envelope.body.clone(), parts })
    }

    /// An id for a delivery.
    async fn new_id(&self, with: &Material) -> Result<String, Trouble> {
        let mut dialog = Dialog::implicit();
        let heard = self.link.say(&mut dialog, Say::bare(Kind::GetMessageId, Order::default()), with).await?;
        let id = heard.order.message_id.filter(|id| !id.is_empty() && id.len() <= 500);
        id.ok_or_else(|| Trouble::Unreadable("it gives no id".to_owned()))
    }

    /// Sends the delivery under its id.
    async fn send_as(
        &self,
        loaded: Loaded,
        id: &str,
        reader: Certificate,
        with: &Material,
    ) -> Result<Heard, Trouble> {
        let (material, now) = (with.clone(), date_time(self.link.around.clock.now()));
        let named = Role::Addressee.cipher(&reader);
        let for_reader = named.clone();
        let writing = tokio::task::spawn_blocking(move || {
            content(&loaded, &material, (&for_reader.certificate, &for_reader.id), &now)
        });
        let written = writing.await.map_err(|_| Trouble::Unwritable("it was not written".to_owned()))?;
        let (package, beside) = written?;
        let order = Order {
            message_id: Some(id.to_owned()),
            subject: self.channel.subject.clone(),
            receiver: self.channel.forward.clone(),
            ..Order::default()
        };
        let kind = if self.channel.forward.is_some() { Kind::ForwardDelivery } else { Kind::StoreDelivery };
        let say = Say { kind, order, package: Some(package), beside, addressee: vec![named] };
        self.link.say(&mut Dialog::implicit(), say, with).await
    }

    fn receipt(&self, id: &str, card: Option<&ProcessCard>, taken_within: Option<Duration>) -> Receipt {
        let within = taken_within.unwrap_or(self.channel.received_within.0);
        let received = card.and_then(|card| card.reception.as_ref());
        let created = card.and_then(|card| card.creation.as_ref());
        let evidence = match (received, created) {
            (Some(at), _) => format!("process card: received {}", cards::said(Some(at))),
            (None, Some(at)) => format!("process card: taken by the intermediary {}", cards::said(Some(at))),
            (None, None) => "taken by the intermediary".to_owned(),
        };
        let follow = Follow { first: FIRST_LOOK.min(within / 4), within, keep: Bytes::new() };
        Receipt {
            reference: id.to_owned(),
            evidence,
            // The card is kept as proof, also where it says so at once.
            follow: Some(follow),
            ..Receipt::default()
        }
    }

    /// What became of a delivery that was not answered as one that is taken.
    async fn became(
        &self,
        (trouble, id): (Trouble, &str),
        with: &Material,
        fresh: bool,
        (memory, taken_within): (&dyn Memory, Option<Duration>),
    ) -> Result<Receipt, SendError> {
        let verdict = judged(&trouble);
        if let Verdict::Not { error, used } = verdict {
            let kept = if used { Vec::new() } else { Left { id: id.to_owned(), sent: false }.kept() };
            let _ = memory.remember(&kept).await;
            return Err(error);
        }
        let cause = trouble.to_string();
        match cards::of_delivery(&self.link, with, id).await {
            Ok(Some((card, _))) => Ok(self.receipt(id, Some(&card), taken_within)),
            Ok(None) if verdict == Verdict::Used && fresh => {
                let _ = memory.remember(&[]).await;
                Err(Self::later(
                    "the intermediary gave an id that it does not take; another one is asked for",
                ))
            }
            Ok(None) | Err(_) => Err(SendError::Unclear { cause }),
        }
    }
}

/// The text of the contents and what stands beside them: signed by the house, encrypted for the reader.
fn content(
    loaded: &Loaded,
    with: &Material,
    (reader, named): (&Certificate, &str),
    now: &str,
) -> Result<(String, Vec<Part>), WriteFault> {
    let keys = &with.keys;
    let profile = keys.profile(12);
    let salt = fresh_id("")?;
    let mut all = vec![&loaded.document];
    all.extend(&loaded.parts);
    // Names that say nothing, and that no other message has.
    let names: Vec<(String, String)> =
        (1..=all.len()).map(|at| (format!("content-{at}-{salt}"), format!("teil-{at}-{salt}"))).collect();
    let mut contents = Vec::with_capacity(all.len());
    let (mut carried, mut beside) = (Vec::new(), Vec::new());
    for (at, (octets, (id, name))) in all.iter().zip(&names).enumerate() {
        if at == 0 && octets.len() <= INLINE {
            contents.push(NewContent::Inline { id, octets });
            continue;
        }
        contents.push(NewContent::Beside { id, name, octets });
        let (key, octets) = encrypted_attachment(name, octets, &secrets(&profile)?, &profile)?;
        carried.push(key);
        beside.push(Part { id: name.clone(), octets });
    }
    let id = format!("container-{salt}");
    let inner = NewContainer { id: &id, contents, carried };
    let signed_as = Role::Originator.signature(keys.signature()).id;
    let signature = NewSignature { signer: keys.signer(), certificate: &signed_as, time: Some(now) };
    let text = container(&inner, &[signature], &profile)?;
    let id = format!("encrypted-{salt}");
    Ok((encrypted(&id, &text, &[(reader, named)], &secrets(&profile)?, &profile)?, beside))
}

#[async_trait]
impl Destination for ClientDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let attempt = Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within: None };
        self.attempt(envelope, attempt).await
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let Attempt { progress, memory, taken_within } = attempt;
        let with = self.link.material().await.map_err(Trouble::before_the_act)?;
        let left = Left::read(memory.left());
        if let Some(Left { id, sent: true }) = &left {
            match cards::of_delivery(&self.link, &with, id).await {
                Ok(Some((card, _))) => return Ok(self.receipt(id, Some(&card), taken_within)),
                Ok(None) => {}
                Err(trouble) => {
                    let cause = format!("what became of an earlier attempt cannot be asked: {trouble}");
                    return Err(SendError::Unclear { cause });
                }
            }
            progress.moved();
        }
        let reader = self.reader(&with)?;
        let loaded = self.load(envelope).await?;
        progress.moved();
        let (id, fresh) = match left {
            Some(left) => (left.id, !left.sent),
            None => (self.new_id(&with).await.map_err(Trouble::before_the_act)?, true),
        };
        if fresh {
            memory.remember(&Left { id: id.clone(), sent: true }.kept()).await?;
        }
        progress.moved();
        match self.send_as(loaded, &id, reader, &with).await {
            Ok(heard) => Ok(self.receipt(&id, heard.order.cards.first(), taken_within)),
            Err(trouble) => self.became((trouble, &id), &with, fresh, (memory, taken_within)).await,
        }
    }

    fn repeat_is_safe(&self) -> bool {
        // Each attempt asks for the process card of the one before it, and the intermediary takes an id once.
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "its id is not at hand; the next attempt asks by it".to_owned() })
    }

    async fn look_after(&self, followed: &Followed<'_>) -> Result<After, SendError> {
        let with = self.link.material().await.map_err(Trouble::before_the_act)?;
        let found = cards::of_delivery(&self.link, &with, followed.reference).await;
        match found.map_err(Trouble::before_the_act)? {
            Some((card, octets)) => Ok(match &card.reception {
                Some(at) => After::Confirmed(Proof {
                    evidence: format!("process card: received {}", cards::said(Some(at))),
                    octets,
                    answers: Vec::new(),
                }),
                None => After::Open { again: None },
            }),
            None => Err(Self::later("the intermediary has no process card of a delivery that it took")),
        }
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.link.settings.timeout.0 * 4 + Duration::from_secs(1))
    }

    fn width(&self) -> usize {
        self.link.settings.width
    }
}
