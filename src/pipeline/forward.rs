//! The verb `forward`: makes of a request what is handed on to an office: the original, unchanged, with its Nachweise, or
//! the same request in the message and version that the office reads. Sends nothing itself and adds nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::versions::Writing;
use crate::pipeline::werte::JUGENDAMT;
use crate::pipeline::{build, sending, werte};
use crate::register::aemter::ARS;
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::record::Behoerde;
use crate::register::tafeln::Tafeln;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "forward",
    place: Place::Do,
    about: "Hands the original on, unchanged with its Nachweise, or as a message such as `xfamilie.0801` where it came otherwise.",
    schema,
    declares: &[],
    build: build_step,
};

/// The original as it came.
const ORIGINAL: &str = "original";

struct Forward {
    /// The message it is written as where it came otherwise.
    message: Option<Writing>,
    reach: Arc<Reach>,
    named: String,
    platform: Value,
    tafeln: Arc<Tafeln>,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "forward": {
                "description": "`original`, or the message it is written as where it came otherwise, such as `xfamilie.0801`.",
                "type": "string",
            },
            "as": { "description": "Name under which later words find it.", "type": "string" },
        },
        "required": ["forward", "as"],
        "additionalProperties": false,
    })
}

fn build_step(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &[ENTRY.word, "as"])?;
    let written = settings::text(map, ENTRY.word, "`original` or a message such as `xfamilie.0801`")?;
    let named = settings::text(map, "as", "name for what is handed on")?;
    let message = if written == ORIGINAL {
        None
    } else {
        let Some(writing) = Writing::of(building.standards, &written) else {
            let text = format!("nothing writes `{written}`; allowed: {ORIGINAL} or a message of a package");
            return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
        };
        let aemter = building.tafeln.aemter.aemter.iter().map(|amt| amt.id.as_str());
        let reached = aemter.filter(|amt| building.reach.answers.contains_key(*amt)).collect();
        let leser = Behoerde {
            praefix: JUGENDAMT.to_owned(),
            kennung: "0".repeat(ARS),
            name: "Jugendamt".to_owned(),
        };
        let tried = writing
            .tried(building, building.platform, &leser, |record| Ok(werte::inhalt(record)), &reached)
            .map_err(|fault| vec![SettingFault { path: format!("/{}", ENTRY.word), ..fault }])?;
        Some(tried)
    };
    let (platform, tafeln) = (building.platform.clone(), building.tafeln.clone());
    Ok(Arc::new(Forward { message, reach: building.reach.clone(), named, platform, tafeln }))
}

impl Step for Forward {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let identity = &message.identity;
        let office =
            message.entscheidung.as_ref().and_then(|entscheidung| entscheidung.wohnort_amt.as_deref());
        let written = self.message.as_ref().map(|writing| (writing, writing.to(&self.reach, office)));
        let reply = match written {
            Some((writing, version))
                if writing.message != identity.message || version != identity.version =>
            {
                let type_ = writing.message.as_str();
                let id = message.derived_id(&format!("{}:{type_}", ENTRY.word));
                let leser = self.leser(message);
                let record = message.record.clone();
                build::write(bench, id, (type_, version), message, &self.platform, (&record, &leser))?
            }
            _ => sending::original(message),
        };
        // Where the table answers, it is written all the same, so that one that cannot be written tells nothing, and goes nowhere.
        let answered = |entscheidung: &Entscheidung| entscheidung.ergebnis != Ergebnis::Klaerfall;
        if !message.entscheidung.as_ref().is_some_and(answered) {
            message.audit(ENTRY.word, &[("message", &reply.message)]);
        }
        message.built.insert(self.named.clone(), reply);
        Ok(Flow::Next)
    }
}

impl Forward {
    /// The office as a header names it; the key is the first area of its, filled up to twelve digits.
    fn leser(&self, message: &Message) -> Behoerde {
        let id = message.entscheidung.as_ref().and_then(|entscheidung| entscheidung.wohnort_amt.as_deref());
        let amt = id.and_then(|id| self.tafeln.aemter.amt(id));
        let ars = amt.and_then(|amt| amt.gebiete.first()).map(|gebiet| gebiet.ars.as_str());
        Behoerde {
            praefix: JUGENDAMT.to_owned(),
            kennung: format!("{:0<ARS$}", ars.unwrap_or_default()),
            name: amt.map_or_else(|| "Jugendamt".to_owned(), |amt| amt.name.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{antrag, bench, building, decided, standards};
    use crate::register::entscheidung::Fall;
    use crate::xml::gate;
    use crate::xml::limits::Limits;
    use crate::xoev::contract::Standards;

    fn step(what: &str) -> Arc<dyn Step> {
        let settings = json!({ "forward": what, "as": "klaerfall" });
        building(|building| build_step(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    #[test]
    fn the_original_is_handed_on_octet_by_octet() {
        for what in ["original", "xfamilie.0801"] {
            let mut message = decided(antrag(), Fall::I);
            step(what).apply(&mut message, &mut bench()).unwrap();
            let built = &message.built["klaerfall"];
            assert_eq!(built.body, message.envelope.body);
            assert_eq!(built.message_id, message.record.kopf.nachrichten_uuid);
            assert_eq!(built.message, "xfamilie.0801");
        }
    }

    #[test]
    fn what_came_otherwise_is_written_as_the_message_that_the_office_reads() {
        let mut message = decided(antrag(), Fall::I);
        message.identity.message = "drehscheibe-json.antrag".to_owned();
        step("xfamilie.0801").apply(&mut message, &mut bench()).unwrap();
        let built = message.built["klaerfall"].clone();
        assert_ne!(built.body, message.envelope.body);
        let document = gate::pass(built.body, &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        assert_eq!(detected.message, "xfamilie.0801");
        let record = bench().reader.read(&detected, &document).unwrap();
        assert_eq!(record.kopf.transaktionsid, message.record.kopf.transaktionsid);
        assert!(record.mutter == message.record.mutter && record.kind == message.record.kind);
        assert_eq!(record.kopf.leser.praefix, "jga");
    }

    #[test]
    fn an_office_that_takes_another_version_gets_the_same_request_written_anew() {
        let mut message = decided(antrag(), Fall::I);
        message.identity.version = "1.4.0".to_owned();
        step("xfamilie.0801").apply(&mut message, &mut bench()).unwrap();
        let built = &message.built["klaerfall"];
        assert_ne!(built.body, message.envelope.body);
        let document = gate::pass(built.body.clone(), &Limits::default()).unwrap();
        assert_eq!(standards().detect(&document).unwrap().version, "1.3.0");
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!("original"), ""),
            (json!({ "forward": "original" }), "/as"),
            (json!({ "forward": "xfamilie.4711", "as": "a" }), "/forward"),
        ] {
            let faults = building(|building| build_step(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
