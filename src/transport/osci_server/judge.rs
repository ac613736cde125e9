//! Judges a delivery of an intermediary, in the order that OSCI-Transport 1.2 has: package, decryption, structure, ControlBlock, signature,
//! whose it is, sender, contents. What is refused says by code why, as far as the standard has one, and no more.
//! It never lets out what its signature does not cover, and takes keys and trust from the configuration only.

use bytes::Bytes;

use crate::envelope::Verified;
use crate::transport::osci::envelope::{Envelope, EnvelopeFault, Named, Standing};
use crate::transport::osci::kind::Kind;
use crate::transport::osci::message::{self, Message};
use crate::transport::osci::open::{self, Opened};
use crate::transport::osci_contents::{Apart, Bench, Content, Found, Unfit, evidence, verification};
use crate::transport::osci_evidence::{self, ENVELOPE};
use crate::transport::osci_trust::Pinned;
use crate::trust::certificate::Certificate;

/// The feedback of every delivery that is not accepted for what is in it: which of the reasons it was, is said to the operator only.
pub const NOT_ACCEPTED: u16 = 9805;
/// The feedback where nothing is taken for a reason that is ours.
pub const NOT_NOW: u16 = 9811;

/// The exchange that an answer goes back on.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What is answered: AcceptDelivery or ProcessDelivery.
    pub kind: Kind,
    /// Its challenge, which the answer responds.
    pub challenge: String,
    /// For whom the answer is encrypted; `None` where the delivery came plain.
    pub reader: Option<Certificate>,
    /// Octets of the vector that its sender takes.
    pub iv_length: usize,
    /// The id of the answer's content, given by the intermediary.
    pub reply_id: Option<String>,
}

/// How a refusal is answered.
#[derive(Clone, Debug)]
pub enum No {
    /// With a SOAP fault.
    Fault(u16),
    /// With a response that says so.
    Feedback(u16, Box<Exchange>),
}

/// A delivery that is refused.
#[derive(Clone, Debug)]
pub struct Refused {
    /// How it is answered.
    pub no: No,
    /// Whose it is, where somebody whom we trust signed that.
    pub partner: Option<String>,
    /// Why, in our words, for the operator.
    pub why: String,
}

impl Refused {
    /// The code that it is answered with.
    pub fn code(&self) -> u16 {
        match &self.no {
            No::Fault(code) | No::Feedback(code, _) => *code,
        }
    }
}

/// A delivery that may be processed.
#[derive(Debug)]
pub struct Judged {
    /// The exchange of its answer.
    pub exchange: Exchange,
    /// Whose it is.
    pub partner: String,
    /// Its id, given by the intermediary.
    pub message_id: Option<String>,
    /// Its contents, the document first; empty where it is set apart.
    pub contents: Vec<Content>,
    /// Why it is set apart.
    pub apart: Option<Apart>,
    /// The package as it was signed.
    pub package: Bytes,
    /// What was verified.
    pub verification: String,
    /// The same, signature by signature.
    pub verified: Vec<Verified>,
    /// Ids of the protocol.
    pub protocol_ids: Vec<(String, String)>,
    /// For whom the content of an answer is encrypted, where its sender has a certificate.
    pub replies_for: Option<Certificate>,
    /// Whether the content of an answer may go plain.
    pub replies_plain: bool,
}

/// Who judges.
#[derive(Clone, Copy)]
pub struct Judge<'a>(pub Bench<'a>);

impl<'a> Judge<'a> {
    /// Judges the octets of an HTTP body.
    pub fn judge(&self, body: &Bytes, content_type: Option<&str>) -> Result<Judged, Refused> {
        let fault = |code, why: String| Refused { no: No::Fault(code), partner: None, why };
        let of_envelope = |found: EnvelopeFault| fault(found.code(), found.to_string());
        let some_legacy = self.0.known.intermediaries.iter().any(|known| known.policy.legacy);
        let opened = open::open(body, content_type, &self.0.keys.openers(), &self.0.rules(some_legacy))
            .map_err(|found| fault(found.code(), found.to_string()))?;
        let envelope = Envelope::read(&opened).map_err(of_envelope)?;
        if !matches!(envelope.kind, Kind::AcceptDelivery | Kind::ProcessDelivery) {
            return Err(fault(9300, format!("{} is no order for a recipient", envelope.kind.name())));
        }
        let control = message::control(&envelope).map_err(of_envelope)?;
        // As it was signed.
        let package = opened.transport.as_ref().map_or_else(|| body.clone(), |way| way.package.clone());
        let exchange = Exchange {
            kind: envelope.kind,
            challenge: control.challenge.unwrap_or_default(),
            reader: self.reader(&opened, &envelope.certificates)?,
            iv_length: opened.transport.as_ref().filter(|way| !way.legacy).map_or(12, |way| way.iv_length),
            reply_id: None,
        };
        let feedback = |code, why: String| Refused {
            no: No::Feedback(code, Box::new(exchange.clone())),
            partner: None,
            why,
        };
        match envelope.judge() {
            Err(found) if found.code() < 9600 => Err(of_envelope(found)),
            Err(found) => Err(feedback(found.code(), found.to_string())),
            Ok(Standing::Signed { covered, signers }) => {
                let signer = signers.first().ok_or_else(|| feedback(9601, "signed by nobody".to_owned()))?;
                let known = self.0.known.intermediary(&signer.certificate, self.0.now);
                let (intermediary, trusted) = known.map_err(|cause| {
                    let why = "signed under a certificate that is none of an intermediary of this connection, or not in its term";
                    let code = if cause.is_ours() { NOT_NOW } else { 9700 };
                    feedback(code, format!("{why}: {}: {cause}", signer.certificate.fingerprint()))
                })?;
                let over = vec![ENVELOPE.to_owned()];
                let signer = osci_evidence::of(over, signer, &Ok(trusted), self.0.now);
                self.transport(&opened, intermediary, &exchange)?;
                let found = self.found(covered.get(), true, &exchange)?;
                let message = covered.try_map(|envelope| Message::read(&envelope)).map_err(of_envelope)?;
                self.put_together(exchange, message.get(), (found, package), Some(signer))
            }
            Ok(Standing::Unsigned(unproven)) => {
                let intermediary = self.0.known.intermediaries.iter().find(|known| known.policy.unsigned);
                let intermediary =
                    intermediary.ok_or_else(|| feedback(9600, "signed by nobody".to_owned()))?;
                self.transport(&opened, intermediary, &exchange)?;
                let found = self.found(unproven.look(), false, &exchange)?;
                let message = unproven.try_map(|envelope| Message::read(&envelope)).map_err(of_envelope)?;
                self.put_together(exchange, message.look(), (found, package), None)
            }
        }
    }

    /// For whom the answer to an encrypted delivery is encrypted: under the certificate that it names, if that is pinned.
    fn reader(&self, opened: &Opened, named: &[Named]) -> Result<Option<Certificate>, Refused> {
        if opened.transport.is_none() {
            return Ok(None);
        }
        let fault = |code, why: &str| Refused { no: No::Fault(code), partner: None, why: why.to_owned() };
        let found = named.iter().find(|named| named.role == "CipherCertificateIntermediary");
        let found = found.ok_or_else(|| fault(9500, "no certificate to encrypt the answer for"))?;
        let known = &self.0.known.intermediaries;
        match known.iter().any(|known| known.reads(&found.certificate, self.0.now)) {
            true => Ok(Some(found.certificate.clone())),
            false => Err(fault(
                9501,
                "the certificate to encrypt the answer for is none of an intermediary of this connection, or not in its term",
            )),
        }
    }

    /// Whether it may come in the way that it came.
    fn transport(&self, opened: &Opened, intermediary: &Pinned, exchange: &Exchange) -> Result<(), Refused> {
        let refused = |no, why: &str| Err(Refused { no, partner: None, why: why.to_owned() });
        match &opened.transport {
            None if !intermediary.policy.plain => refused(
                No::Feedback(NOT_ACCEPTED, Box::new(exchange.clone())),
                "not encrypted on its way; the intermediary's policy does not say that it may be plain",
            ),
            Some(way) if way.legacy && !intermediary.policy.legacy => {
                refused(No::Fault(9202), "encrypted by an algorithm that is only read where policy says so")
            }
            _ => Ok(()),
        }
    }

    /// Its sender and contents.
    fn found(
        &self,
        envelope: &Envelope<'_>,
        vouched: bool,
        exchange: &Exchange,
    ) -> Result<Found<'a>, Refused> {
        let refused = |unfit: Unfit| Refused {
            no: No::Feedback(if unfit.ours { NOT_NOW } else { NOT_ACCEPTED }, Box::new(exchange.clone())),
            partner: unfit.partner,
            why: unfit.why,
        };
        self.0.found(envelope, vouched).map_err(refused)
    }

    fn put_together(
        &self,
        mut exchange: Exchange,
        message: &Message,
        (found, package): (Found<'_>, Bytes),
        signer: Option<Verified>,
    ) -> Result<Judged, Refused> {
        let Found { author, gathered, apart } = found;
        let card = message.order.cards.first();
        // An empty one is none: else all of them were one.
        let message_id = card.map(|card| card.message_id.clone()).filter(|id| !id.is_empty());
        exchange.reply_id.clone_from(&message.order.message_id);
        if message.kind == Kind::AcceptDelivery && message_id.is_none() {
            return Err(Refused {
                no: No::Feedback(9800, Box::new(exchange)),
                partner: None,
                why: "a delivery without an id".to_owned(),
            });
        }
        let mut protocol_ids = vec![("osci.order".to_owned(), message.kind.name().to_owned())];
        protocol_ids.extend(gathered.protocol_ids(message_id.as_deref(), signer.as_ref()));
        let verification = verification(signer.is_some(), &gathered);
        let verified = evidence(signer, gathered.verified, self.0.now);
        Ok(Judged {
            exchange,
            partner: author.partner.clone(),
            message_id,
            contents: gathered.contents,
            apart,
            package,
            verification,
            verified,
            protocol_ids,
            replies_for: author.pinned.cipher(self.0.now).cloned(),
            replies_plain: author.pinned.policy.plain,
        })
    }
}
