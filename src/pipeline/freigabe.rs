//! The verb `freigabe`: whether the mother released the answer for the application it is asked for (Once-Only, rules.md 3).
//! A request without a purpose is refused; that a release is missing shows nowhere outside.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::authorise;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::record::Anmeldung;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "freigabe",
    place: Place::Do,
    about: "Refuses a request without purpose; sets whether the mother released the answer for it to this partner.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[(VALUE, &[JA, NEIN])],
    build,
};

/// The value that is set.
pub const VALUE: &str = "freigabe";
/// Released.
pub const JA: &str = "ja";
/// Not released.
const NEIN: &str = "nein";
/// Key of the partner's policy with the LeiKa keys it is admitted for.
const LEIKA: &str = "leika";

struct Freigabe;

fn build(settings: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    Ok(Arc::new(Freigabe))
}

impl Step for Freigabe {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let Ok(anmeldung) = authorise::anmeldung(message, bench) else {
            // A login that nobody can read is turned away by `authorise`, not by this.
            message.values.insert(VALUE, NEIN.to_owned());
            return Ok(Flow::Next);
        };
        let anmeldung = anmeldung.unwrap_or_default();
        let zweck = anmeldung.zweck.as_deref().map(str::trim).filter(|zweck| !zweck.is_empty());
        let Some(zweck) = zweck else {
            let text =
                "Der Zweck der Anfrage fehlt (LeiKa-Schlüssel der Leistung, für die sie gestellt wird).";
            return Err(Rejection::new(Fault::Other, text).rule("zweck-fehlt").into());
        };
        let admitted = leika(&message.sender.policy).any(|known| known == zweck);
        let released = admitted && released(&anmeldung, message.envelope.head.received);
        message.values.insert(VALUE, if released { JA } else { NEIN }.to_owned());
        Ok(Flow::Next)
    }
}

fn leika(policy: &Value) -> impl Iterator<Item = &str> {
    policy.get(LEIKA).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Released in this very session, after she had logged in and before the request came, however often it is decided anew.
fn released(anmeldung: &Anmeldung, received: Timestamp) -> bool {
    let moment = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
    match (moment(&anmeldung.zeitpunkt), moment(&anmeldung.freigabe)) {
        (Some(login), Some(freigabe)) => login <= freigabe && freigabe <= received,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{antrag, bench, building};

    fn asked(change: impl FnOnce(&mut Anmeldung, &mut Value)) -> Result<String, Trouble> {
        let mut message = antrag();
        // Received at 10:16:00.250.
        let mut anmeldung = Anmeldung {
            zeitpunkt: Some("2026-11-21T10:10:00+01:00".into()),
            zweck: Some("99107023017000".into()),
            freigabe: Some("2026-11-21T10:15:00+01:00".into()),
            ..Anmeldung::default()
        };
        let mut policy = json!({ "leika": ["99107023017000"] });
        change(&mut anmeldung, &mut policy);
        (message.record.anmeldung, message.sender.policy) = (Some(anmeldung), policy);
        let step = building(|building| build(&json!({}), building)).unwrap();
        step.apply(&mut message, &mut bench())?;
        Ok(message.values[VALUE].clone())
    }

    #[test]
    fn a_release_of_this_session_for_an_admitted_purpose_counts() {
        assert_eq!(asked(|_, _| {}).unwrap(), "ja");
        type Change = fn(&mut Anmeldung, &mut Value);
        let not: [Change; 7] = [
            |anmeldung, _| anmeldung.freigabe = None,
            |anmeldung, _| anmeldung.freigabe = Some("ja".into()),
            |anmeldung, _| anmeldung.freigabe = Some("2026-11-21T10:17:00+01:00".into()),
            |anmeldung, _| anmeldung.freigabe = Some("2026-11-20T10:15:00+01:00".into()),
            |anmeldung, _| anmeldung.zeitpunkt = None,
            |_, policy| *policy = json!({ "leika": ["99107023017001"] }),
            |_, policy| *policy = Value::Null,
        ];
        for (at, change) in not.into_iter().enumerate() {
            assert_eq!(asked(change).unwrap(), "nein", "{at}");
        }
    }

    #[test]
    fn without_a_purpose_it_is_refused() {
        for zweck in [None, Some(String::new()), Some("  ".to_owned())] {
            let Err(Trouble::Rejected(rejections)) = asked(|anmeldung, _| anmeldung.zweck = zweck) else {
                panic!()
            };
            assert_eq!(rejections[0].code, "S999");
        }
    }
}
