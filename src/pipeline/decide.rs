//! The verb `decide`: asks the decision table what becomes of a request, and keeps the decision.
//! It holds no rule of the law: facts come from `register/tatsachen.rs`, what they lead to from the table.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::entschieden::{ANMELDUNG, ERGEBNIS, VERWENDUNG, festhalten};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::aemter::{beginn, tag};
use crate::register::anmeldung::Rolle;
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::{Lage, MELDEFRIST, feststellen};

/// Longest time for which a Bestandsmeldung may be called fresh.
const LONGEST: Duration = Duration::from_secs(72 * 3600);

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "decide",
    place: Place::Do,
    about: "Decides a request by the table: negativ, eintragung, klaerfall or zustaendigkeit; keeps the Vorgang.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "table": { "enum": ["auskunft"] },
                "fresh": {
                    "description": "How old a Bestandsmeldung may be, at most 72h.",
                    "type": "string",
                    "default": "26h",
                },
            },
            "required": ["table"],
            "additionalProperties": false,
        })
    },
    declares: &[(ERGEBNIS, Ergebnis::WORDS)],
    build,
};

struct Decide {
    tafeln: Arc<Tafeln>,
    /// Partners that are reached.
    angebunden: BTreeSet<String>,
    meldefrist: Duration,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| SettingFault { path: path.to_owned(), text: text.to_owned() };
    let Some(map) = settings.as_object() else {
        return Err(vec![fault("", "not a mapping; write `decide: { table: auskunft }`")]);
    };
    let mut faults: Vec<SettingFault> = map
        .keys()
        .filter(|key| !matches!(key.as_str(), "table" | "fresh"))
        .map(|key| fault(&format!("/{key}"), "unknown setting; allowed: table, fresh"))
        .collect();
    if map.get("table").and_then(Value::as_str) != Some("auskunft") {
        faults.push(fault("/table", "unknown table; allowed: auskunft"));
    }
    let meldefrist = match map.get("fresh") {
        None => MELDEFRIST,
        Some(written) => {
            let read = written.as_str().and_then(|text| humantime::parse_duration(text).ok());
            match read.filter(|time| !time.is_zero() && *time <= LONGEST) {
                Some(time) => time,
                None => {
                    faults.push(fault("/fresh", "time such as `26h` expected, at most 72h"));
                    MELDEFRIST
                }
            }
        }
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let reach = &building.reach;
    let angebunden = reach.answers.keys().chain(reach.channels.keys().map(|(_, partner)| partner)).cloned();
    Ok(Arc::new(Decide { tafeln: building.tafeln.clone(), angebunden: angebunden.collect(), meldefrist }))
}

impl Step for Decide {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let Some(befund) = &message.befund else {
            return Err(Trouble::Ours("decide without a search; put `find: {}` before it".to_owned()));
        };
        let verwendung = message.values.get(VERWENDUNG);
        let rolle = match message.values.get(ANMELDUNG).map(String::as_str) {
            Some("mutter") => Some(Rolle::Mutter),
            Some("bevollmaechtigt") => Some(Rolle::Bevollmaechtigt),
            _ => None,
        };
        let now = message.now();
        let tatsachen = feststellen(&Lage {
            rolle,
            zugelassen: verwendung.is_some_and(|verwendung| message.sender.uses.contains(verwendung)),
            record: &message.record,
            befund,
            tafeln: &self.tafeln,
            angebunden: &self.angebunden,
            now,
            meldefrist: self.meldefrist,
        });
        let aemter = [tatsachen.wohnort_amt.as_deref(), tatsachen.geburts_amt.as_deref()];
        let tabelle = &self.tafeln.auskunft;
        let (fall, ergebnis) = tabelle.entscheiden(&tatsachen.sachverhalt, &aemter, tag(now));
        // What holds by time alone: who keeps which register and who is of age may be others from midnight on.
        let fresh = befund.bestand.as_ref().and_then(|bestand| bestand.frisch_bis(now, self.meldefrist));
        let last = [fresh, befund.unvollstaendig_ab].into_iter().flatten().min();
        // At that moment it still holds: who looks again at it must not find the same, and nothing more to wait for.
        let over = last.and_then(|last| last.checked_add(SignedDuration::from_nanos(1)).ok());
        let midnight = tag(now).tomorrow().ok().and_then(beginn);
        let gilt_bis = [over, midnight].into_iter().flatten().min();
        let entscheidung = Entscheidung {
            fall,
            ergebnis,
            tabelle: tabelle.stempel(),
            stand: now,
            gilt_bis: gilt_bis.filter(|_| ergebnis == Ergebnis::Negativ),
            wohnort_amt: tatsachen.wohnort_amt,
            geburts_amt: tatsachen.geburts_amt,
            registersatz: tatsachen.registersatz,
        };
        festhalten(message, entscheidung);
        Ok(Flow::Next)
    }
}
