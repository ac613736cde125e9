//! What server and client of XTA have in common beside the wire: identities as written, what is said of documents beside them, ids that nobody
//! chooses. Opens nothing; the transport names no standard, so services, scenarios and message types are settings.

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::xta::model::{
    Code, Container, Content, Identity, List, MessageType, MetaData, Quality, Scenario, Source,
};
use super::xta::values;
use crate::envelope::{Part, is_json};
use crate::mime::fault::MimeError;
use crate::mime::media::{Boundary, handed_on};
use crate::xml::chars;

/// The most contents and parts of one order, the envelope included: parts beside it and attachments within it are counted together, for each
/// may become a file.
pub const MOST_PARTS: usize = 64;

/// An identity as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Named {
    /// The identifier, such as `jga:040110000000`.
    #[schemars(length(min = 1, max = 200))]
    pub value: String,
    /// What kind of identifier it is.
    #[serde(default = "xoev")]
    pub r#type: String,
    /// A name for persons.
    pub name: Option<String>,
    /// What kind of organisation it is.
    pub category: Option<String>,
}

/// The kind of identifiers `praefix:kennung`.
pub fn xoev() -> String {
    "xoev".to_owned()
}

impl Named {
    /// As the model has it.
    pub fn identity(&self) -> Identity {
        Identity {
            value: self.value.clone(),
            scheme: Some(self.r#type.clone()),
            name: self.name.clone(),
            category: self.category.clone(),
        }
    }

    /// Whether an identity as stated is this one. Clients in use leave out what kind of identifier it is.
    pub fn is(&self, stated: &Identity) -> bool {
        stated.value == self.value && stated.scheme.as_ref().is_none_or(|scheme| *scheme == self.r#type)
    }
}

/// What is said of documents of a type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Document {
    /// Of which: a message such as `xfamilie.0011`, or all of a standard such as `xfamilie`.
    pub message: String,
    /// The service's URI.
    #[serde(default)]
    pub service: String,
    /// The business scenario: a code of `scenario-list`; without that a text that was agreed on.
    pub scenario: String,
    /// The list that the business scenario stands in.
    pub scenario_list: Option<CodeList>,
    /// The list that message types stand in; the message's name is the code.
    pub list: Option<CodeList>,
    /// The code of the message type, where it is not the message's name.
    pub code: Option<String>,
    /// The schema of the content, a URI.
    pub schema: String,
    /// The quality of service, such as the URI of a service profile.
    pub quality: Option<String>,
}

/// A list of codes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CodeList {
    /// Its URI.
    pub uri: String,
    /// Its version.
    pub version: String,
}

impl From<CodeList> for List {
    fn from(CodeList { uri, version }: CodeList) -> List {
        List { uri, version }
    }
}

/// What is said of a document.
pub struct Described {
    /// The service.
    pub service: String,
    /// The business.
    pub scenario: Scenario,
    /// The message type.
    pub kind: MessageType,
    /// The quality of service.
    pub quality: Option<String>,
}

impl Described {
    /// What is said of a document of this type: by the first entry that fits.
    pub fn of(documents: &[Document], message: &str) -> Described {
        let standard = message.split('.').next().unwrap_or(message);
        let written = documents.iter().find(|one| one.message == message || one.message == standard);
        let usual = || List { uri: "urn:de:payloadSchema:elementName".to_owned(), version: "1.0".to_owned() };
        let Some(written) = written else {
            return Described {
                service: String::new(),
                scenario: Scenario::Undefined(standard.to_owned()),
                kind: MessageType {
                    code: Code { value: message.to_owned(), name: None, list: Some(usual()) },
                    schema: format!("urn:drehscheibe:nachricht:{message}"),
                },
                quality: None,
            };
        };
        let scenario = match written.scenario_list.clone() {
            None => Scenario::Undefined(written.scenario.clone()),
            Some(list) => Scenario::Defined(Code {
                value: written.scenario.clone(),
                name: None,
                list: Some(list.into()),
            }),
        };
        let value = written.code.clone().unwrap_or_else(|| message.to_owned());
        Described {
            service: written.service.clone(),
            scenario,
            kind: MessageType {
                code: Code {
                    value,
                    name: None,
                    list: Some(written.list.clone().map_or_else(usual, Into::into)),
                },
                schema: written.schema.clone(),
            },
            quality: written.quality.clone(),
        }
    }

    /// Says it in the metadata of an order.
    pub fn say(self, meta: &mut MetaData) {
        meta.message_type = self.kind;
        meta.service = Some(self.service);
        meta.scenario = Some(self.scenario);
        meta.quality = self.quality.map(|value| Quality { value, defined: true });
    }
}

/// What is wrong with what is said of documents, as their type cannot say; `path` is where they stand.
pub fn check_documents(documents: &[Document], path: &str, faults: &mut Vec<(String, String)>) {
    let mut fault = |at: String, text: &str| faults.push((at, text.to_owned()));
    for (at, document) in documents.iter().enumerate() {
        if document.schema.is_empty() || !values::is_uri(&document.schema) {
            fault(format!("{path}/{at}/schema"), "must be a URI");
        }
        if !values::is_uri(&document.service) {
            fault(format!("{path}/{at}/service"), "must be a URI, or empty");
        }
        for (key, list) in [("list", &document.list), ("scenario-list", &document.scenario_list)] {
            if list.as_ref().is_some_and(|list| !values::is_uri(&list.uri)) {
                fault(format!("{path}/{at}/{key}/uri"), "must be a URI");
            }
        }
        if document.quality.as_deref() == Some("") {
            fault(format!("{path}/{at}/quality"), "must not be empty; leave it out");
        }
    }
}

/// Where the octets of a content of ours are.
pub enum Beside<'a> {
    /// The document.
    Document,
    /// A further part.
    Part(&'a Part),
}

/// A document and its parts as contents beside an envelope: each with the Content-ID under which its octets go, in the order in which they
/// stand there.
pub fn contents<'a>(
    (size, content_type): (usize, Option<&str>),
    parts: &'a [Part],
) -> (Container, Vec<(String, Beside<'a>)>) {
    let content_type = content_type.map_or("application/xml", handed_on);
    let id = "nachricht@drehscheibe".to_owned();
    let mut beside = vec![(id.clone(), Beside::Document)];
    let message = Content {
        encoding: Some("UTF-8".to_owned()),
        file_name: Some(if is_json(content_type) { "nachricht.json" } else { "nachricht.xml" }.to_owned()),
        id: Some("nachricht".to_owned()),
        size: stated(size as u64),
        ..Content::new(Source::Part(id), content_type)
    };
    let mut attachments = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let name = format!("anlage-{}", at + 1);
        let id = format!("{name}@drehscheibe");
        attachments.push(Content {
            file_name: Some(lawful(&part.name)).filter(|name| !name.is_empty()),
            id: Some(name),
            size: stated(part.size),
            ..Content::new(Source::Part(id.clone()), &lawful(handed_on(&part.content_type)))
        });
        beside.push((id, Beside::Part(part)));
    }
    (Container::Open { message: Some(message), attachments, more: Vec::new() }, beside)
}

/// The schema has no size of nothing.
fn stated(size: u64) -> Option<u64> {
    Some(size).filter(|size| *size > 0)
}

/// A text with what XML can hold.
pub fn lawful(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let text: String = spaced.take(255).collect();
    match chars::first_illegal(&text) {
        None => text,
        Some(_) => {
            text.chars().filter(|c| chars::first_illegal(c.encode_utf8(&mut [0; 4])).is_none()).collect()
        }
    }
}

/// What an attachment is called, and its media type; by its name steps find it.
pub fn labels(content: &Content, at: usize) -> (String, String) {
    let named = [&content.file_name, &content.id].into_iter().flatten().find(|name| !name.is_empty());
    let name = match named {
        Some(name) => lawful(name),
        None => format!("anlage-{}", at + 1),
    };
    (name, handed_on(content.content_type.as_deref().unwrap_or_default()).to_owned())
}

/// An id of a message on the wire.
pub fn wire_id() -> String {
    format!("urn:uuid:{}", Uuid::new_v4())
}

/// What separates the parts: by chance, so that no content can hold it.
pub fn boundary() -> Result<Boundary, MimeError> {
    Boundary::new(&format!("drehscheibe-{}", Uuid::new_v4()))
}

/// A moment as written; one without a zone is by the clock on the wall here.
pub fn moment(written: &str) -> Option<Timestamp> {
    let written = written.trim();
    if let Ok(moment) = written.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil: DateTime = written.parse().ok()?;
    let zone = TimeZone::get("Europe/Berlin").ok()?;
    civil.to_zoned(zone).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_without_a_zone_are_those_of_the_clock_on_the_wall() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        assert_eq!(at("2026-11-21T12:00:00Z").as_deref(), Some("2026-11-21T12:00:00Z"));
        assert_eq!(at("2026-11-21T12:00:00.5+01:00").as_deref(), Some("2026-11-21T11:00:00.5Z"));
        assert_eq!(at(" 2026-07-01T12:00:00 ").as_deref(), Some("2026-07-01T10:00:00Z"));
        assert_eq!(at("gestern"), None);
    }
}
