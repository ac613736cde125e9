//! Lays deliveries to one partner into its mailbox at an intermediary, or has them forwarded, and looks after their process cards until they
//! were received. The id of a delivery is the intermediary's, kept before the delivery is sent; what became of an attempt of which nobody
//! knows is what the process card of that id says, and nothing is sent before it was asked.
//! What the intermediary reads is neutral: ids, a subject from configuration, numbers for names.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::cards::{self, Found};
use super::link::{House, Link, Material};
use super::post::{self, Loaded, Posting};
use super::settings::{ChannelSettings, Settings};
use super::trouble::{Trouble, Verdict, judged};
use crate::envelope::Envelope;
use crate::transport::osci::order::ProcessCard;
use crate::transport::port::left::Left;
use crate::transport::port::{
    After, Attempt, BuildError, Channel, Destination, Follow, Followed, Forgetful, Memory, Progress, Proof,
    Receipt, SendError, Spool, Surroundings,
};
use crate::transport::settings as written_settings;
use crate::trust::certificate::Certificate;

/// The first look at a process card; sooner where there is less time.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// One partner by one intermediary.
pub struct ClientDestination {
    link: Link,
    channel: ChannelSettings,
    partner: String,
    spool: Arc<dyn Spool>,
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
        let link = Link::open(name, settings, House::of(around)).map_err(broken)?;
        let (partner, spool) = (channel.partner.clone(), around.spool.clone());
        Ok(ClientDestination { link, channel: own, partner, spool })
    }

    fn later(cause: &str) -> SendError {
        SendError::Later { cause: cause.to_owned(), retry_after: None, far_end: false }
    }

    /// The certificate for which it is encrypted now.
    fn reader(&self, with: &Material) -> Result<Certificate, SendError> {
        let known = with.known.authors.iter().find(|author| author.partner == self.partner);
        let found = known.and_then(|known| known.pinned.cipher(self.link.now())).cloned();
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
            let mut reader = self.spool.open(&self.partner, part).await?;
            let mut octets = BytesMut::with_capacity(usize::try_from(part.size).unwrap_or(0));
            while let Some(piece) = reader.read().await? {
                octets.extend_from_slice(&piece);
            }
            parts.push(octets.freeze());
        }
        Ok(Loaded { document: envelope.body.clone(), parts })
    }

    /// The receipt by the answer that came: its card, where it has one, and whether somebody signed it.
    fn receipt(
        &self,
        id: &str,
        (card, signed): (Option<&ProcessCard>, bool),
        taken_within: Option<Duration>,
    ) -> Receipt {
        let within = taken_within.unwrap_or(self.channel.received_within.0);
        let evidence = cards::evidence(card, signed);
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
            Ok(Some(found)) => Ok(self.receipt(id, (Some(&found.card), found.signed), taken_within)),
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
                Ok(Some(found)) => {
                    return Ok(self.receipt(id, (Some(&found.card), found.signed), taken_within));
                }
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
            None => (post::new_id(&self.link, &with).await.map_err(Trouble::before_the_act)?, true),
        };
        if fresh {
            memory.remember(&Left { id: id.clone(), sent: true }.kept()).await?;
        }
        progress.moved();
        let posting = Posting {
            loaded,
            reader,
            subject: self.channel.subject.clone(),
            forward: self.channel.forward.clone(),
        };
        match post::deliver(&self.link, &with, &id, posting).await {
            Ok(heard) => {
                let said = (heard.order.cards.first(), heard.signer.is_some());
                Ok(self.receipt(&id, said, taken_within))
            }
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
            Some(Found { card, signed, package }) => Ok(match &card.reception {
                Some(_) => After::Confirmed(Proof {
                    evidence: cards::evidence(Some(&card), signed),
                    octets: package,
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
