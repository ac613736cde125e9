//! The verb `receipt`: answers an accepted message with the receipt of its standard.
//! Never answers what must not be answered, and promises nothing but that the message was received and checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::answer;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::xoev::contract::Answering;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "receipt",
    place: Place::Send,
    about: "Answers the sender with the receipt of the message's standard (XFamilie 0011).",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

struct Receipt {
    platform: Value,
    /// By standard and version: an answer is written in the version that the partner takes, else in that of the original.
    answering: BTreeMap<(String, String), Answering>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    answer::rehearse(building.standards, building.platform).map_err(|fault| vec![fault])?;
    let answering = building
        .standards
        .known()
        .into_iter()
        .filter_map(|known| {
            let answering = building.standards.answering(&known.standard, Some(&known.version))?;
            Some(((known.standard, known.version), answering))
        })
        .collect();
    Ok(Arc::new(Receipt { platform: building.platform.clone(), answering }))
}

impl Step for Receipt {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let identity = &message.identity;
        let named = message.sender.versions.get(&identity.standard);
        let version = named.unwrap_or(&identity.version);
        let standard = (identity.standard.clone(), version.clone());
        let Some(answering) = self.answering.get(&standard) else {
            return Err(Trouble::Ours(format!("standard is not loaded: {} {}", standard.0, standard.1)));
        };
        let Some(receipt) = &answering.receipt else { return Ok(Flow::Next) };
        if answering.never.contains(&identity.message) {
            return Ok(Flow::Next);
        }
        let id = message.derived_id(ENTRY.word);
        let kopf = &message.record.kopf;
        // Decided anew it has its receipt: a repeat says what was said, and nothing tells that it ran once more.
        let anew = message.befund.as_ref().is_some_and(|befund| befund.erneut);
        let at = if anew { message.envelope.head.received } else { message.now() };
        let mut values = answer::values(id, at, identity.test, &self.platform, &kopf.autor);
        values["original"] = answer::original(kopf);
        for (name, told) in &message.told {
            values[*name] = told.clone();
        }
        let reply = answer::written(bench, (receipt, version), (id, identity.test), &values)?;
        message.effects.reply = Some(reply);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::message::Resumed;
    use crate::pipeline::testing::{bench, building, message, platform, standards};
    use crate::register::entscheidung::Befund;
    use crate::xml::gate;
    use crate::xml::limits::Limits;
    use crate::xoev::contract::Standards;

    #[test]
    fn the_receipt_names_the_original_and_is_the_same_again() {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let (mut one, mut other, mut bench) = (message(), message(), bench());
        assert_eq!(step.apply(&mut one, &mut bench), Ok(Flow::Next));
        step.apply(&mut other, &mut bench).unwrap();
        assert!(one.effects == other.effects);
        let reply = one.effects.reply.unwrap();
        assert_eq!(reply.message, "xfamilie.0011");
        let document = gate::pass(reply.body, &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        assert!(detected.test, "the test attribute is echoed");
        let record = bench.reader.read(&detected, &document).unwrap();
        assert_eq!(record.bezug.as_deref(), Some("7b2d4c10-1f3a-4e55-8b7a-000000000020"));
        assert_eq!(record.kopf.nachrichten_uuid, reply.message_id);
        assert_eq!(record.kopf.erstellungszeitpunkt, "2026-11-21T09:16:00.250Z");
        assert_eq!(record.kopf.leser, other.record.kopf.autor);
        assert_eq!(record.kopf.autor.name, platform()["name"].as_str().unwrap());
    }

    #[test]
    fn what_is_decided_anew_is_receipted_as_before_and_what_waited_as_of_now() {
        let step = building(|building| build(&json!({}), building)).unwrap();
        let mut bench = bench();
        let mut receipt = |anew: Option<bool>| {
            let mut message = message();
            if let Some(erneut) = anew {
                let at = message.now() + SignedDuration::from_secs(20);
                message.resumed = Some(Resumed { at, expired: false });
                message.befund = Some(Befund { erneut, ..Befund::default() });
            }
            step.apply(&mut message, &mut bench).unwrap();
            message.effects.reply.unwrap().body
        };
        let first = receipt(None);
        assert!(receipt(Some(true)) == first && receipt(Some(false)) != first);
    }

    #[test]
    fn what_is_never_answered_gets_no_receipt() {
        let step = building(|building| build(&Value::Null, building)).unwrap();
        for never in ["xfamilie.0001", "xfamilie.0011"] {
            let mut message = message();
            message.identity.message = never.to_owned();
            step.apply(&mut message, &mut bench()).unwrap();
            assert!(message.effects.reply.is_none());
        }
    }

    #[test]
    fn a_wrong_platform_block_is_found_when_built() {
        let mut wrong = platform();
        wrong["anschrift"].as_object_mut().unwrap().remove("postleitzahl");
        building(|building| {
            let building = Building { platform: &wrong, ..building.clone() };
            let faults = build(&json!({}), &building).err().unwrap();
            assert!(faults[0].text.contains("platform"), "{}", faults[0].text);
            assert_eq!(build(&json!({ "to": 1 }), &building).err().unwrap()[0].path, "/to");
        });
    }
}
