//! A message as values, made from an envelope whose structure is right; which of its two ways it came (covered by a signature, or
//! unproven) stays with it.
//! It never holds the contents: these are judged on their own (`content.rs`).

use super::envelope::{Envelope, EnvelopeFault, Named};
use super::kind::{Kind, OSCI, OSCI2017};
use super::order::{Order, ill};
use crate::xml::c14n::{self, Form};
use crate::xml::tree::Element;

/// The ControlBlock: what keeps a dialog together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The other side's last challenge.
    pub response: Option<String>,
    /// What the next message of the other side must respond.
    pub challenge: Option<String>,
    /// The dialog; digits that may be longer than any number.
    pub conversation: Option<String>,
    /// Which order of the dialog; digits.
    pub sequence: Option<String>,
}

/// What a side can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Name and version of each feature.
    pub supported: Vec<(String, String)>,
    /// The largest chunk in KiB.
    pub max_chunk: Option<u64>,
    /// The smallest chunk in KiB.
    pub min_chunk: Option<u64>,
    /// The largest message in KiB.
    pub max_message: Option<u64>,
    /// How long a message in chunks may take; the unit is its writer's.
    pub chunk_timeout: Option<u64>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which one.
    pub kind: Kind,
    /// Its ControlBlock.
    pub control: Control,
    /// The languages that its sender wishes.
    pub languages: Option<String>,
    /// The time stamps that its sender wishes: service and quality.
    pub stamps: Vec<(String, String)>,
    /// Its order.
    pub order: Order,
    /// What its sender can do.
    pub features: Option<Features>,
    /// The certificates that it names; whether one is to be trusted is another question.
    pub certificates: Vec<Named>,
    /// The headers of others, in their canonical form.
    pub foreign: Vec<String>,
}

impl Message {
    /// Reads an envelope.
    pub fn read(envelope: &Envelope<'_>) -> Result<Message, EnvelopeFault> {
        let mut languages = None;
        let mut stamps = Vec::new();
        let mut features = None;
        let mut foreign = Vec::new();
        for header in &envelope.others {
            match (header.namespace(), header.local()) {
                (OSCI, "DesiredLanguages") => {
                    languages = header.attribute("LanguagesList").map(str::to_owned)
                }
                (OSCI, "QualityOfTimestamp") => {
                    let value = |name| header.attribute(name).unwrap_or_default().to_owned();
                    stamps.push((value("Service"), value("Quality")));
                }
                (OSCI2017, "FeatureDescription") => features = Some(read_features(*header)?),
                (OSCI, _) => {}
                _ => {
                    let octets = c14n::canonical(*header, &Form::inclusive());
                    // A canonical form is UTF-8.
                    foreign.push(String::from_utf8(octets).unwrap_or_default());
                }
            }
        }
        Ok(Message {
            kind: envelope.kind,
            control: control(envelope)?,
            languages,
            stamps,
            order: Order::read(envelope.order)?,
            features,
            certificates: envelope.certificates.clone(),
            foreign,
        })
    }
}

/// Which parts of a ControlBlock a kind must have (`Some(true)`), must not have (`Some(false)`) or may have.
fn required(kind: Kind) -> [Option<bool>; 4] {
    const MUST: Option<bool> = Some(true);
    const NEVER: Option<bool> = Some(false);
    // Response, Challenge, ConversationId, SequenceNumber
    match kind {
        Kind::InitDialog | Kind::AcceptDelivery | Kind::ProcessDelivery => [NEVER, MUST, NEVER, NEVER],
        Kind::GetMessageId | Kind::StoreDelivery | Kind::ForwardDelivery | Kind::PartialStoreDelivery => {
            [None, MUST, None, MUST]
        }
        Kind::FetchDelivery
        | Kind::FetchProcessCard
        | Kind::MediateDelivery
        | Kind::PartialFetchDelivery
        | Kind::ExitDialog => [MUST, MUST, MUST, MUST],
        Kind::ResponseToInitDialog => [MUST, MUST, MUST, None],
        Kind::ResponseToExitDialog => [MUST, None, MUST, None],
        Kind::ResponseToAcceptDelivery | Kind::ResponseToProcessDelivery => [MUST, NEVER, NEVER, NEVER],
        _ => [MUST, None, None, None],
    }
}

/// Reads the ControlBlock alone. That it fits its message is asked before the signature, as the standard orders the checks.
pub fn control(envelope: &Envelope<'_>) -> Result<Control, EnvelopeFault> {
    let block = envelope.control;
    let mut control = Control {
        conversation: block.attribute("ConversationId").map(str::to_owned),
        sequence: block.attribute("SequenceNumber").map(str::to_owned),
        ..Control::default()
    };
    for child in block.children() {
        let place = match (child.namespace(), child.local()) {
            (OSCI, "Response") => &mut control.response,
            (OSCI, "Challenge") => &mut control.challenge,
            _ => return Err(ill("a ControlBlock with something that it has not")),
        };
        if place.replace(child.text().into_owned()).is_some() {
            return Err(ill("a ControlBlock with the same twice"));
        }
    }
    let digits = |text: &Option<String>| {
        text.as_ref().is_none_or(|text| {
            (1..=64).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
        })
    };
    if !digits(&control.conversation) || !digits(&control.sequence) {
        return Err(ill("a ControlBlock whose numbers are not digits"));
    }
    let there = [
        control.response.is_some(),
        control.challenge.is_some(),
        control.conversation.is_some(),
        control.sequence.is_some(),
    ];
    match required(envelope.kind)
        .iter()
        .zip(there)
        .all(|(required, there)| required.is_none_or(|must| must == there))
    {
        true => Ok(control),
        // Answered with 9400, whatever of the three it is.
        false => Err(EnvelopeFault::Control),
    }
}

fn read_features(header: Element<'_>) -> Result<Features, EnvelopeFault> {
    let supported = header.child(OSCI2017, "SupportedFeatures").into_iter().flat_map(|list| list.children());
    let value = |element: Element<'_>, name| element.attribute(name).unwrap_or_default().to_owned();
    let size = |name| -> Result<Option<u64>, EnvelopeFault> {
        header
            .attribute(name)
            .map(|text| text.trim().parse())
            .transpose()
            .map_err(|_| ill("a size that is no number"))
    };
    Ok(Features {
        supported: supported.map(|feature| (value(feature, "Key"), value(feature, "Version"))).collect(),
        max_chunk: size("MaxChunkSize")?,
        min_chunk: size("MinChunkSize")?,
        max_message: size("MaxMessageSize")?,
        // Schema and libraries spell it differently.
        chunk_timeout: size("ChunkMessageTimeout")?.or(size("ChunkMessageTimeOut")?),
    })
}
