//! The one way to refuse: writes the rejection of the standard for whatever could be read of the original.
//! Never answers an answer, never quotes the original's values beside its own identification, never reads a clock. What came
//! as JSON is answered with JSON, also where nothing of it could be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{AuditLine, Effects};
use crate::envelope::{Head, is_json};
use crate::message::Sender;
use crate::pipeline::answer;
use crate::pipeline::step::{Bench, Original, Refuse, SettingFault, Trouble};
use crate::register::record::{Behoerde, Kopf};
use crate::rejection::{Rejection, UNQUOTED};
use crate::xml::gate::{self, Document};
use crate::xml::json;
use crate::xml::limits::Limits;
use crate::xoev::contract::{Answering, Detected, Standards};

/// Prefix and key of a reader that has none.
const NO_KEY: &str = "unbekannt";

/// Refuses in the version that the partner takes, else in that of the original; in a given standard, and its oldest version, where
/// neither is known.
pub struct Refusal {
    standards: Arc<dyn Standards>,
    platform: Value,
    standard: String,
    /// The oldest version of each standard that is loaded, for partners of whom no other is known.
    oldest: BTreeMap<String, String>,
}

/// Media type of what is answered to JSON.
const JSON: &str = "application/json";

impl Refusal {
    /// A refusal for a binding: `standard` answers what cannot be read; `platform` is our own block of `partners.yaml`.
    ///
    /// A standard that is not loaded or answers that cannot be written with this block are faults.
    pub fn new(
        standards: Arc<dyn Standards>,
        platform: Value,
        standard: &str,
    ) -> Result<Refusal, SettingFault> {
        if standards.answering(standard, None).is_none() {
            let text = format!("unknown standard: {standard}; load a package of it");
            return Err(SettingFault { path: "/standard".to_owned(), text });
        }
        answer::rehearse(standards.as_ref(), &platform)?;
        let mut oldest = BTreeMap::new();
        for known in standards.known() {
            oldest.entry(known.standard).or_insert(known.version);
        }
        Ok(Refusal { standards, platform, standard: standard.to_owned(), oldest })
    }

    /// The standard in which JSON is answered that could not be read: the binding's own, else the first that writes JSON.
    fn of_json(&self, bench: &Bench) -> &str {
        let writes_json = |standard: &&str| {
            let Some(answering) = self.standards.answering(standard, None) else { return false };
            let version = answering.rejection_version.as_deref().unwrap_or(&answering.version);
            answering
                .rejection
                .as_deref()
                .is_some_and(|rejection| bench.reader.media_type(rejection, version) == JSON)
        };
        let own = Some(self.standard.as_str()).filter(writes_json);
        own.or_else(|| self.oldest.keys().map(String::as_str).find(writes_json)).unwrap_or(&self.standard)
    }
}

/// The header of the original, exactly if it was valid to its schema.
fn kopf(original: &Original<'_>, seen: Option<(&Document, &Detected)>, bench: &mut Bench) -> Option<Kopf> {
    if let Some(record) = original.record {
        return Some(record.kopf.clone());
    }
    let (document, detected) = seen?;
    bench.reader.header(detected, document)
}

impl Refuse for Refusal {
    fn refuse(
        &self,
        head: &Head,
        original: &Original<'_>,
        rejections: &[Rejection],
        bench: &mut Bench,
    ) -> Result<Effects, Trouble> {
        let mut effects = Effects::default();
        // What the run knows of the original already is not looked for again.
        let unknown = original.identity.is_none() || original.record.is_none();
        let document = unknown.then(|| gate::pass(original.body.clone(), &Limits::default()).ok()).flatten();
        let found = document.as_ref().and_then(|document| self.standards.detect(document).ok());
        let (standard, version, message) = match (original.identity, &found) {
            (Some(known), _) => {
                (known.standard.as_str(), Some(known.version.as_str()), known.message.as_str())
            }
            (None, Some(found)) => {
                (found.standard.as_str(), Some(found.version.as_str()), found.message.as_str())
            }
            (None, None) if came_as_json(head, original) => (self.of_json(bench), None, ""),
            (None, None) => (self.standard.as_str(), None, ""),
        };
        let takes = |standard: &str| original.sender.versions.get(standard).map(String::as_str);
        let version = takes(standard).or(version).or(self.oldest.get(standard).map(String::as_str));
        let Some(answering) = self.standards.answering(standard, version) else {
            return Err(Trouble::Ours(format!("standard is not loaded: {standard}")));
        };
        let rejections = &coded(&answering, rejections);
        effects.audit.push(audit(original.identity.map_or("", |known| &known.message), rejections));
        let Some(rejection) = &answering.rejection else { return Ok(effects) };
        if is_answer(&answering, message, document.as_ref()) {
            return Ok(effects);
        }
        // It may belong to another standard than the original.
        let of_rejection = rejection.split_once('.').map_or(standard, |(standard, _)| standard);
        let version =
            takes(of_rejection).or(answering.rejection_version.as_deref()).unwrap_or(&answering.version);
        let kopf = kopf(original, document.as_ref().zip(found.as_ref()), bench);
        let test = match (original.identity, &document) {
            (Some(identity), _) => identity.test,
            (None, Some(document)) => says_test(document),
            (None, None) => false,
        };
        let id = head.derived_id("refusal");
        let leser = match &kopf {
            Some(kopf) if !kopf.autor.kennung.is_empty() => kopf.autor.clone(),
            _ => behoerde(original.sender),
        };
        let mut values = answer::values(id, head.received, test, &self.platform, &leser);
        values["gruende"] = gruende(rejections, head.id);
        values["original"] = kopf.as_ref().map_or(Value::Null, answer::original);
        if kopf.is_none() || answering.quotes_always {
            let unquoted = rejections.iter().any(|found| found.rule.as_deref() == Some(UNQUOTED));
            let quoted = if unquoted { &[] } else { original.body.as_ref() };
            values["nachricht"] = Value::String(STANDARD.encode(quoted));
        }
        effects.reply = Some(answer::written(bench, (rejection, version), (id, test), &values)?);
        Ok(effects)
    }
}

/// The same rejections with the codes of the standard that answers: a step only knows the usual ones.
fn coded(answering: &Answering, rejections: &[Rejection]) -> Vec<Rejection> {
    let own = |rejection: &Rejection| match answering.codes.get(&rejection.fault) {
        Some(code) => Rejection { code: code.clone(), ..rejection.clone() },
        None => rejection.clone(),
    };
    rejections.iter().map(own).collect()
}

fn audit(message: &str, rejections: &[Rejection]) -> AuditLine {
    let mut codes: Vec<String> = rejections
        .iter()
        .map(|rejection| match &rejection.rule {
            Some(rule) => format!("{} {rule}", rejection.code),
            None => rejection.code.clone(),
        })
        .collect();
    codes.dedup();
    let mut detail = vec![("codes".to_owned(), codes.join(", "))];
    if !message.is_empty() {
        detail.push(("message".to_owned(), message.to_owned()));
    }
    AuditLine { what: "refused".to_owned(), detail }
}

/// Whether the original is itself an answer. Where its version is unknown the number at the end of the root's name
/// decides: two programs that refuse each other's refusals would never stop.
fn is_answer(answering: &Answering, message: &str, document: Option<&Document>) -> bool {
    answering.never.iter().any(|never| {
        never == message
            || message.is_empty()
                && never.rsplit_once('.').is_some_and(|(_, number)| {
                    document.is_some_and(|document| document.root().local.rsplit('.').next() == Some(number))
                })
    })
}

/// Whether the sender speaks JSON: by the octets, or by what it says of octets that are no XML either.
fn came_as_json(head: &Head, original: &Original<'_>) -> bool {
    let body = original.body.trim_ascii_start();
    json::is_json(original.body)
        || head.content_type.as_deref().is_some_and(is_json) && body.first() != Some(&b'<')
}

fn says_test(document: &Document) -> bool {
    let value = document.root().attributes.iter().find(|(name, _)| name == "test");
    value.is_some_and(|(_, value)| !matches!(value.trim(), "false" | "0"))
}

/// The sender as `partners.yaml` knows it.
fn behoerde(sender: &Sender) -> Behoerde {
    let key = sender.identities.first().and_then(|key| key.split_once(':'));
    let (praefix, kennung) = key.unwrap_or((NO_KEY, NO_KEY));
    let name = if sender.name.is_empty() { &sender.id } else { &sender.name };
    Behoerde { praefix: praefix.to_owned(), kennung: kennung.to_owned(), name: name.clone() }
}

/// One reason per code, in the order of the codes; what was found stands below it, and below the first how the delivery is named
/// when its sender has dealt with it.
fn gruende(rejections: &[Rejection], delivery: Uuid) -> Value {
    let mut by_code: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for rejection in rejections {
        let mut more = json!({ "beschreibung": beschreibung(rejection) });
        more["code"] = rejection.rule.as_deref().map_or(Value::Bool(false), Value::from);
        by_code.entry(&rejection.code).or_default().push(more);
    }
    if let Some(mut first) = by_code.first_entry() {
        let text = format!("Kennung dieser Lieferung in der Plattform: {delivery}");
        first.get_mut().push(json!({ "beschreibung": text, "code": false }));
    }
    by_code.into_iter().map(|(code, spezifisch)| json!({ "code": code, "spezifisch": spezifisch })).collect()
}

fn beschreibung(rejection: &Rejection) -> String {
    let mut text = String::new();
    if let (Some(line), Some(column)) = (rejection.line, rejection.column) {
        text.push_str(&format!("Zeile {line}, Spalte {column}: "));
    }
    text.push_str(&rejection.text);
    if let Some(path) = &rejection.path {
        text.push_str(&format!(" ({path})"));
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::message::Identity;
    use crate::pipeline::testing::{SAMPLE, bench, head, message, platform, sender, standards};
    use crate::rejection::Fault;

    fn refusal() -> Refusal {
        Refusal::new(Arc::new(standards()), platform(), "xfamilie").unwrap()
    }

    fn identity() -> Identity {
        message().identity
    }

    /// Refuses, twice to see that it is the same, and reads the rejection back.
    fn refuse(
        body: &str,
        identity: Option<&Identity>,
        rejections: &[Rejection],
    ) -> Option<(String, crate::register::record::Record)> {
        let (body, sender) = (Bytes::from(body.to_owned()), sender());
        let original = Original { body: &body, sender: &sender, identity, record: None };
        let effects = refusal().refuse(&head(), &original, rejections, &mut bench()).unwrap();
        assert!(effects == refusal().refuse(&head(), &original, rejections, &mut bench()).unwrap());
        assert_eq!(effects.audit.len(), 1);
        assert_eq!(effects.audit[0].what, "refused");
        let reply = effects.reply?;
        assert_eq!(reply.message, "xfamilie.0001");
        let document = gate::pass(reply.body.clone(), &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        let record = bench().reader.read(&detected, &document).unwrap();
        assert_eq!(record.kopf.nachrichten_uuid, reply.message_id);
        Some((String::from_utf8(reply.body.to_vec()).unwrap(), record))
    }

    #[test]
    fn a_message_valid_to_its_schema_is_named_and_not_sent_back() {
        let rejections =
            [Rejection::new(Fault::Rule, "Eine Regel ist verletzt.").rule("R-0804-1").at(3, 4).path("/a/*")];
        let (text, record) = refuse(SAMPLE, Some(&identity()), &rejections).unwrap();
        assert_eq!(record.bezug.as_deref(), Some("7b2d4c10-1f3a-4e55-8b7a-000000000020"));
        assert_eq!(record.gruende, ["X002"]);
        assert_eq!(record.kopf.leser.name, "Amt für Soziale Dienste Bremen (Jugendamt)");
        assert!(!text.contains("<xfa:nachricht>"));
        assert!(
            text.contains("R-0804-1")
                && text.contains("Zeile 3, Spalte 4: ")
                && text.contains("test=\"true\"")
        );
    }

    #[test]
    fn a_message_not_valid_to_its_schema_is_sent_back_and_not_named() {
        let broken = SAMPLE.replace("angabenZurMutter", "angabenZurTante");
        let rejections = [
            Rejection::new(Fault::Schema, "Ein Element fehlt."),
            Rejection::new(Fault::Schema, "Noch eins."),
        ];
        let (text, record) = refuse(&broken, Some(&identity()), &rejections).unwrap();
        assert_eq!((record.bezug, record.gruende), (None, vec!["X001".to_owned()]));
        assert!(text.contains(&format!("<xfa:nachricht>{}</xfa:nachricht>", STANDARD.encode(&broken))));
        assert_eq!(text.matches("<xfa:grundSpezifisch>").count(), 3);
        assert!(text.contains(&format!("Kennung dieser Lieferung in der Plattform: {}", head().id)));
        assert_eq!(record.kopf.leser.key(), "jga:040110000000");
        assert_eq!(record.kopf.leser.name, "Amt für Soziale Dienste Bremen");
    }

    #[test]
    fn what_cannot_be_read_is_answered_in_the_standard_of_the_binding() {
        for (body, fault, test) in [
            ("kein XML", Fault::NotWellFormed, false),
            ("", Fault::NotUtf8, false),
            ("<a test=\"1\"/>", Fault::Version, true),
            ("<a test=\"false\"/>", Fault::Version, false),
        ] {
            let (text, record) =
                refuse(body, None, &[Rejection::new(fault, "Nicht lesbar.").at(1, 1)]).unwrap();
            assert_eq!(record.gruende, [fault.usual_code()]);
            assert_eq!(text.contains(" test=\"true\""), test, "{body}");
        }
    }

    #[test]
    fn json_is_answered_with_json_whatever_could_be_read_of_it() {
        let said = |content_type: &str, body: &str| {
            let (body, sender) = (Bytes::from(body.to_owned()), sender());
            let original = Original { body: &body, sender: &sender, identity: None, record: None };
            let head = Head { content_type: Some(content_type.to_owned()), ..head() };
            let rejections = [Rejection::new(Fault::Other, "Ohne test.").rule(UNQUOTED)];
            refusal().refuse(&head, &original, &rejections, &mut bench()).unwrap().reply.unwrap()
        };
        const SAMPLE: &str = include_str!("../../xsd/drehscheibe-json/1/samples/antrag.json");
        for body in [
            SAMPLE,
            &SAMPLE.replace("\"test\": true", "\"test\": false"),
            &SAMPLE.replace("\"test\": true", "\"test\": null"),
            &SAMPLE.replace("\"test\": true,", ""),
            &SAMPLE.replace("\"version\": \"1\"", "\"version\": \"9\""),
            "{",
            "{}",
            "[1]",
            "",
        ] {
            let reply = said("application/json", body);
            assert_eq!(reply.content_type, "application/json", "{body}");
            let told: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(told["nachricht"], "rueckweisung");
            assert_eq!(told["gruende"][0]["code"], "S999");
        }
        // The octets go before what is said of them.
        assert_eq!(said("application/xml", "{").content_type, "application/json");
        assert_eq!(said("application/json", "<a/>").content_type, "application/xml");
        assert_eq!(said("application/xml", "kein XML").content_type, "application/xml");
        assert!(!String::from_utf8_lossy(&said("application/xml", "<a/>").body).contains("PGEvPg"));
    }

    #[test]
    fn answers_are_never_answered() {
        let rejections = [Rejection::new(Fault::Schema, "Ein Element fehlt.")];
        for never in ["xfamilie.0001", "xfamilie.0011"] {
            let identity = Identity { message: never.into(), ..identity() };
            assert!(refuse("<x/>", Some(&identity), &rejections).is_none());
        }
        // Of an unknown version, too.
        let unknown = "<r:allgemeinenachrichten.rueckweisung.0001 xmlns:r='urn:spaeter'/>";
        assert!(refuse(unknown, None, &[Rejection::new(Fault::Version, "Unbekannt.")]).is_none());
    }

    #[test]
    fn a_record_at_hand_spares_the_second_reading() {
        let message = message();
        let body = Bytes::from_static(b"not looked at");
        let original = Original {
            body: &body,
            sender: &sender(),
            identity: Some(&message.identity),
            record: Some(&message.record),
        };
        let rejections =
            [Rejection::new(Fault::Repeated, "Schon da."), Rejection::new(Fault::Authority, "Darf nicht.")];
        let effects = refusal().refuse(&head(), &original, &rejections, &mut bench()).unwrap();
        let text = String::from_utf8(effects.reply.unwrap().body.to_vec()).unwrap();
        assert!(text.contains("7b2d4c10-1f3a-4e55-8b7a-000000000020"));
        assert!(text.find("S100").unwrap() < text.find("T070").unwrap());
        assert_eq!(effects.audit[0].detail[0].1, "S100, T070");
    }

    #[test]
    fn an_unknown_standard_or_a_wrong_platform_is_found_when_built() {
        let fault = Refusal::new(Arc::new(standards()), platform(), "xunbekannt").err().unwrap();
        assert_eq!(fault.path, "/standard");
        assert!(Refusal::new(Arc::new(standards()), json!({}), "xfamilie").is_err());
    }
}
