//! What the order of a message says: ids, selections, feedback, process cards, chunks; as values.
//! It never interprets an id or a number that the standard leaves to its writer.

use super::envelope::EnvelopeFault;
use super::kind::{OSCI, OSCI2017};
use crate::mime::transfer;
use crate::xml::tree::Element;

const XML: &str = crate::xml::scope::XML;
/// Entries, cards and the like of one message.
const MOST: usize = 10_000;

pub(super) const fn ill(what: &'static str) -> EnvelopeFault {
    EnvelopeFault::Structure(what)
}

/// One line of feedback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Four digits.
    pub code: String,
    /// Its text, in its language.
    pub text: String,
    /// The language.
    pub language: Option<String>,
}

impl Feedback {
    /// Whether the order was not carried out.
    pub fn is_failure(&self) -> bool {
        self.code.starts_with('9')
    }

    /// Whether it was carried out with a warning.
    pub fn is_warning(&self) -> bool {
        self.code.starts_with('3')
    }
}

/// A time of a process card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// A date and time (xs:dateTime) as written.
    Plain(String),
    /// A cryptographic time stamp, opaque: algorithm and token.
    Cryptographic(String, String),
}

/// A process card (Laufzettel) of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessCard {
    /// The id of the delivery.
    pub message_id: String,
    /// When it was last changed, as written.
    pub changed: Option<String>,
    /// When the intermediary noticed the delivery.
    pub creation: Option<Stamp>,
    /// When the message to the recipient was built.
    pub forwarding: Option<Stamp>,
    /// When it was received.
    pub reception: Option<Stamp>,
    /// The subject, which the intermediary reads too.
    pub subject: Option<String>,
    /// How many certificates were inspected.
    pub inspections: usize,
}

/// Which deliveries or cards are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// With these ids.
    MessageIds(Vec<String>),
    /// Received since.
    ReceivedSince(String),
    /// Changed since; only those that are not received; in this role.
    ChangedSince {
        /// The time, as written.
        time: String,
        /// Only those without Reception.
        no_reception: bool,
        /// `Addressee` or `Originator`.
        role: Option<String>,
    },
}

/// What a chunk is of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Its number, from 1.
    pub number: Option<u64>,
    /// The size of chunks in KiB.
    pub size: Option<u64>,
    /// How many there are.
    pub of: Option<u64>,
    /// The size of the whole in KiB, cut off.
    pub total: Option<u64>,
    /// Numbers of those that arrived, as written.
    pub received: Option<String>,
}

/// An order or its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// The id of the delivery that it names.
    pub message_id: Option<String>,
    /// The subject, which the intermediary reads too.
    pub subject: Option<String>,
    /// The address of a passive recipient.
    pub receiver: Option<String>,
    /// Which deliveries or cards are meant; of an answer the echo of the request.
    pub selection: Option<Selection>,
    /// How many cards at most.
    pub quantity: Option<u64>,
    /// What the supplier answers.
    pub feedback: Vec<Feedback>,
    /// What it answers for the message that came in chunks.
    pub inside_feedback: Vec<Feedback>,
    /// Process cards; of an answer to MediateDelivery that of the request, then that of the reply.
    pub cards: Vec<ProcessCard>,
    /// What a chunk is of the whole.
    pub chunk: Option<Chunk>,
    /// Only asks how far the chunks are.
    pub info_only: bool,
}

impl Order {
    /// Reads an order element. Elements that the standard does not know in orders are a fault.
    pub fn read(order: Element<'_>) -> Result<Order, EnvelopeFault> {
        let mut read = Order::default();
        for child in order.children() {
            match (child.namespace(), child.local()) {
                (OSCI, "MessageId") | (OSCI, "MessageIdResponse") => {
                    once(&mut read.message_id, message_id(child)?)?
                }
                (OSCI, "Subject") => once(&mut read.subject, child.text().into_owned())?,
                (OSCI, "ContentReceiver") => {
                    let address = child.attribute("URI").ok_or(ill("a receiver without address"))?;
                    once(&mut read.receiver, address.to_owned())?;
                }
                (OSCI, "SelectionRule") => once(&mut read.selection, selection(child)?)?,
                (OSCI, "Quantity") => {
                    once(&mut read.quantity, number(child, "Limit")?.ok_or(ill("a quantity without limit"))?)?
                }
                (OSCI, "Feedback") => read.feedback = feedback(child)?,
                (OSCI2017, "InsideFeedback") => read.inside_feedback = feedback(child)?,
                // The echo of what was asked.
                (OSCI, "fetchDelivery" | "fetchProcessCard") => {
                    for inner in child.children() {
                        match (inner.namespace(), inner.local()) {
                            (OSCI, "SelectionRule") => once(&mut read.selection, selection(inner)?)?,
                            (OSCI, "Quantity") => {
                                once(&mut read.quantity, number(inner, "Limit")?.unwrap_or_default())?
                            }
                            _ => return Err(ill("an element that does not belong there")),
                        }
                    }
                }
                (
                    OSCI,
                    "ProcessCardBundle" | "procard" | "RequestProcessCardBundle" | "ReplyProcessCardBundle",
                ) => {
                    if read.cards.len() >= MOST {
                        return Err(ill("too many process cards"));
                    }
                    read.cards.push(card(child)?);
                }
                (OSCI2017, "ChunkInformation") => once(&mut read.chunk, chunk(child)?)?,
                (OSCI2017, "InfoOnly") => read.info_only = true,
                _ => return Err(ill("an element that does not belong there")),
            }
        }
        Ok(read)
    }

    /// Whether the order was carried out, with or without warnings.
    pub fn succeeded(&self) -> bool {
        !self.feedback.is_empty() && !self.feedback.iter().any(Feedback::is_failure)
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), EnvelopeFault> {
    match place.replace(value) {
        Some(_) => Err(ill("the same element twice")),
        None => Ok(()),
    }
}

/// The id of a message: Base64 of its text in UTF-8.
fn message_id(element: Element<'_>) -> Result<String, EnvelopeFault> {
    const ILL: EnvelopeFault = ill("a message id that is no base64 of a text");
    let octets = transfer::decode(element.only_text().ok_or(ILL)?.as_bytes()).ok_or(ILL)?;
    String::from_utf8(octets).map_err(|_| ILL)
}

fn number(element: Element<'_>, name: &str) -> Result<Option<u64>, EnvelopeFault> {
    let number = element.attribute(name).map(|text| text.trim().parse());
    number.transpose().map_err(|_| ill("a number that is none"))
}

fn feedback(element: Element<'_>) -> Result<Vec<Feedback>, EnvelopeFault> {
    let mut entries = Vec::new();
    for entry in element.children() {
        let code = entry.child(OSCI, "Code").ok_or(ill("feedback without code"))?.text().trim().to_owned();
        if !entry.is(OSCI, "Entry") || code.len() != 4 || !code.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(ill("feedback whose code has not four digits"));
        }
        let text = entry.child(OSCI, "Text").map(|text| text.text().into_owned()).unwrap_or_default();
        let language = entry.attribute_in(XML, "lang").map(str::to_owned);
        entries.push(Feedback { code, text, language });
        if entries.len() > MOST {
            return Err(ill("too much feedback"));
        }
    }
    Ok(entries)
}

fn selection(element: Element<'_>) -> Result<Selection, EnvelopeFault> {
    let children: Vec<_> = element.children().collect();
    let first = *children.first().ok_or(ill("a selection of nothing"))?;
    if first.is(OSCI, "MessageId") {
        let all = children.iter().all(|child| child.is(OSCI, "MessageId")) && children.len() <= MOST;
        all.then_some(()).ok_or(ill("a selection of two kinds"))?;
        return Ok(Selection::MessageIds(children.into_iter().map(message_id).collect::<Result<_, _>>()?));
    }
    if children.len() > 1 {
        return Err(ill("a selection of two kinds"));
    }
    let time = first.text().trim().to_owned();
    if first.is(OSCI, "ReceptionOfDelivery") {
        return Ok(Selection::ReceivedSince(time));
    }
    if !first.is(OSCI, "RecentModification") {
        return Err(ill("a selection of no known kind"));
    }
    Ok(Selection::ChangedSince {
        time,
        no_reception: matches!(first.attribute("NoReception"), Some("true" | "1")),
        role: first.attribute("Role").map(str::to_owned),
    })
}

fn stamp(element: Element<'_>) -> Result<Stamp, EnvelopeFault> {
    let [inner] = element.children().collect::<Vec<_>>()[..] else {
        return Err(ill("a time of no known kind"));
    };
    let text = inner.text().trim().to_owned();
    match inner.local() {
        "Plain" => Ok(Stamp::Plain(text)),
        "Cryptographic" => {
            Ok(Stamp::Cryptographic(inner.attribute("Algorithm").unwrap_or_default().to_owned(), text))
        }
        _ => Err(ill("a time of no known kind")),
    }
}

fn card(bundle: Element<'_>) -> Result<ProcessCard, EnvelopeFault> {
    let id = bundle.child(OSCI, "MessageId").ok_or(ill("a process card without message id"))?;
    let card = bundle.child(OSCI, "ProcessCard").ok_or(ill("a bundle without process card"))?;
    let time = |name| card.child(OSCI, name).map(stamp).transpose();
    let report = bundle.child(OSCI, "InspectionReport");
    Ok(ProcessCard {
        message_id: message_id(id)?,
        changed: card.attribute("RecentModification").map(str::to_owned),
        creation: time("Creation")?,
        forwarding: time("Forwarding")?,
        reception: time("Reception")?,
        subject: card.child(OSCI, "Subject").map(|subject| subject.text().into_owned()),
        inspections: report.map_or(0, |report| report.children().count()),
    })
}

fn chunk(element: Element<'_>) -> Result<Chunk, EnvelopeFault> {
    Ok(Chunk {
        number: number(element, "ChunkNumber")?,
        size: number(element, "ChunkSize")?,
        of: number(element, "TotalChunkNumbers")?,
        total: number(element, "TotalMessageSize")?,
        received: element.attribute("ReceivedChunks").map(str::to_owned),
    })
}
