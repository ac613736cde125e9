//! What goes to a partner as an order of the house: its metadata by what is written of the channel, its document and parts as contents. Pure.

use super::content::Octets;
use super::settings::ChannelSettings;
use crate::envelope::Envelope;
use crate::transport::xta::model::{Code, MessageType, MetaData, Order, Party, Times};
use crate::transport::xta::values;
use crate::transport::xta_words::{Beside, Described, contents};

/// The order of an envelope under an id, and the octets of its contents by their ids.
pub fn order(
    envelope: &Envelope,
    id: &str,
    (author, reader): (&Party, &Party),
    channel: &ChannelSettings,
) -> (Order, Vec<(String, Octets)>) {
    let head = &envelope.head;
    let (message, test) =
        head.label.as_ref().map_or(("unbekannt", false), |label| (label.message.as_str(), label.test));
    let nothing =
        MessageType { code: Code { value: String::new(), name: None, list: None }, schema: String::new() };
    let mut meta = MetaData::new(id, author.clone(), reader.clone(), nothing);
    described(channel, message).say(&mut meta);
    meta.test = test;
    meta.times = Times { origin: Some(head.received.to_string()), ..Times::default() };
    // What is answered is an order of the partner's own, by the id that it gave it.
    let answered = head.correlation.clone().filter(|id| id.starts_with("urn:") && values::is_uri(id));
    meta.in_reply_to = answered.into_iter().collect();
    let size = envelope.parts.iter().map(|part| part.size).sum::<u64>();
    meta.size = Some(size.saturating_add(envelope.body.len() as u64)).filter(|size| *size > 0);
    let document = (envelope.body.len(), head.content_type.as_deref());
    let (container, beside) = contents(document, &envelope.parts);
    let octets = beside.into_iter().map(|(id, of)| {
        let octets = match of {
            Beside::Document => Octets::Here(envelope.body.clone()),
            Beside::Part(part) => Octets::Spooled(part.clone()),
        };
        (id, octets)
    });
    let octets = octets.collect();
    (Order { meta: Box::new(meta), container }, octets)
}

/// What is said of a message to this partner.
pub fn described(channel: &ChannelSettings, message: &str) -> Described {
    Described::of(&channel.documents, message)
}
