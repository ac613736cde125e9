//! A judged delivery becomes one of the house: its document and parts, under the id of its intermediary, with what proves who signed what.
//! Positive feedback is the time of receipt by law: it never says so before the house has committed.

use std::sync::Arc;

use bytes::Bytes;

use super::answer::Reply;
use super::judge::{Judged, NOT_ACCEPTED, NOT_NOW};
use super::recipient::{Came, Recipient};
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, Part, PartnerRef, Verdict};
use crate::mime::media::handed_on;
use crate::transport::http::body::not_stored;
use crate::transport::http::problem::Problem;
use crate::transport::http::uploads::{Full, Upload};
use crate::transport::ids::{by_key, sha256_hex};
use crate::transport::osci::kind::Kind;
use crate::transport::osci_contents::{Apart, Content, DOCUMENT, INTERMEDIARY, too_large, transport_id};
use crate::transport::osci_evidence;
use crate::transport::osci_words::pieces;
use crate::transport::port::Busy;

/// What is answered.
#[derive(Debug)]
pub struct Answered {
    /// The code of the feedback.
    pub code: u16,
    /// The document.
    pub reply: Option<Reply>,
    /// Whether it was taken for the first time.
    pub fresh: bool,
}

impl Answered {
    /// A code alone.
    pub const fn of(code: u16) -> Answered {
        Answered { code, reply: None, fresh: false }
    }
}

impl Recipient {
    /// Hands a delivery to the house. One that is begun is finished, also when its intermediary goes away.
    pub async fn deliver(
        self: &Arc<Self>,
        judged: &Judged,
        came: &Came,
        until_done: impl Send + 'static,
    ) -> Result<Answered, Problem> {
        let bound = self.door.around.doors.bound(&self.binding);
        let partner = PartnerRef { id: judged.partner.clone(), how: How::Certificate };
        let Some((document, parts)) = judged.contents.split_first() else {
            let apart = judged.apart.unwrap_or(Apart::Empty);
            // What our key fits and does not open is kept as it came, so that a person can open it later.
            let kept = match apart {
                Apart::Undecryptable if judged.package.len() <= DOCUMENT => judged.package.clone(),
                _ => Bytes::new(),
            };
            let received = self.keep(judged, &partner).await?;
            let envelope = self.envelope(judged, came, (kept, None, Vec::new(), received), partner);
            return Ok(self.answered(judged, self.handed(envelope, Some(apart), until_done).await));
        };
        if let Some(cause) = too_large(bound.as_ref(), &judged.contents) {
            tracing::warn!(connection = self.door.connection, id = %came.id, cause, "a delivery is too large");
            return Ok(Answered::of(9904));
        }
        let mut upload = self.door.uploads.begin(&partner.id);
        let mut laid = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            laid.push(self.lay_down(part, at, &partner, &mut upload).await?);
        }
        let claimed = document.media_type.as_deref().map(|claimed| handed_on(claimed).to_owned());
        let received = self.keep(judged, &partner).await?;
        let envelope =
            self.envelope(judged, came, (document.octets.clone(), claimed, laid, received), partner);
        Ok(self.answered(judged, self.handed(envelope, None, (until_done, upload)).await))
    }

    /// Writes a part where parts lie.
    async fn lay_down(
        &self,
        part: &Content,
        at: usize,
        partner: &PartnerRef,
        upload: &mut Upload,
    ) -> Result<Part, Problem> {
        let busy = || Problem::Busy(crate::transport::http::room::AGAIN);
        let mut writer = self.door.around.spool.begin(partner).await.map_err(not_stored)?;
        for piece in pieces(&part.octets) {
            upload.more(piece.len()).map_err(|full| match full {
                Full::Never => Problem::TooLarge,
                Full::All | Full::Partner => busy(),
            })?;
            writer.write(piece).await.map_err(not_stored)?;
        }
        let (name, media_type) = part.labels(at);
        writer.finish(&name, media_type).await.map_err(not_stored)
    }

    /// Keeps the octets that prove it.
    async fn keep(&self, judged: &Judged, partner: &PartnerRef) -> Result<Part, Problem> {
        osci_evidence::keep(&*self.door.around.spool, partner, &judged.package).await.map_err(not_stored)
    }

    fn envelope(
        &self,
        judged: &Judged,
        came: &Came,
        (body, content_type, parts, received): (Bytes, Option<String>, Vec<Part>, Part),
        partner: PartnerRef,
    ) -> Envelope {
        // Without an id the content is the key: what is asked again is answered the same.
        let key = match &judged.message_id {
            Some(id) => transport_id(&partner.id, id),
            None => by_key(&partner.id, &sha256_hex(&body)),
        };
        let plain = |id: &&String| id.len() <= 200 && id.chars().all(|c| !c.is_control());
        Envelope {
            head: Head {
                correlation: judged.message_id.as_ref().filter(plain).cloned(),
                content_type,
                partner: Some(partner),
                traceparent: came.traceparent.clone(),
                in_band: judged.answers_here(),
                ..Head::came(
                    (came.id, self.door.around.clock.now()),
                    &self.door.connection,
                    self.binding.clone(),
                    key,
                )
            },
            body,
            parts,
            evidence: Evidence {
                octets_sha256: came.sha256.clone(),
                size: came.size,
                verification: judged.verification.clone(),
                verified: judged.verified.clone(),
                received: Some(received),
                protocol_ids: judged.protocol_ids.clone(),
                peer: Some(came.peer.clone()),
            },
        }
    }

    async fn handed(
        &self,
        envelope: Envelope,
        apart: Option<Apart>,
        until_done: impl Send + 'static,
    ) -> Option<Result<Verdict, Busy>> {
        let intake = self.door.around.intake.clone();
        let delivery = self.door.begun().spawn(async move {
            let _until_done = until_done;
            match apart {
                Some(apart) => apart.handed(&*intake, envelope).await,
                None => intake.deliver(envelope).await,
            }
        });
        delivery.await.ok()
    }

    /// What a verdict is answered with. What is refused by the house was received all the same: its sender gets the document that says so.
    fn answered(&self, judged: &Judged, outcome: Option<Result<Verdict, Busy>>) -> Answered {
        let Some(Ok(verdict)) = outcome else {
            if let Some(Err(busy)) = outcome {
                tracing::warn!(
                    connection = self.door.connection,
                    cause = busy.cause,
                    "a delivery is not taken now"
                );
            }
            return Answered::of(NOT_NOW);
        };
        match verdict.state {
            Inbound::Denied => Answered::of(NOT_ACCEPTED),
            // Its id came before, with another content: that one was received, and this one is none.
            _ if verdict.conflict => Answered::of(9801),
            _ => {
                let reply = verdict.reply.filter(|_| judged.answers_here()).map(|reply| Reply {
                    document: reply.body,
                    reader: judged.replies_for.clone(),
                    at: self.door.around.clock.now(),
                });
                Answered { code: 800, reply, fresh: !verdict.again }
            }
        }
    }
}

impl Judged {
    /// Whether a pinned intermediary signed it.
    pub fn is_signed(&self) -> bool {
        self.protocol_ids.iter().any(|(name, _)| name == INTERMEDIARY)
    }

    /// Whether the document that answers can go back on the same exchange: there is room for it, and it can be encrypted for its reader.
    pub fn answers_here(&self) -> bool {
        self.exchange.kind == Kind::ProcessDelivery && (self.replies_for.is_some() || self.replies_plain)
    }
}
