//! The verb `offene`: once a day an office is told which of its deliveries had no effect and stand against answers, by our id of each,
//! with the way out; and which delivery another office made about a child of its register. Names no child and nothing of its own.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Question, Timer, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{answer, sending, settings};
use crate::register::aemter::tag;
use crate::register::keys;
use crate::register::objection::{Objection, ObjectionChange, Sought, Which, Why};
use crate::register::vorgang::Akte;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "offene",
    place: Place::Do,
    about: "Lists what of an office had no effect, for the office itself, and sets the time of the next list.",
    schema: || {
        json!({
            "type": "object",
            "properties": { "as": { "description": "Name of the list.", "type": "string" } },
            "required": ["as"],
            "additionalProperties": false,
        })
    },
    declares: &[("offene", &["ja", "nein"])],
    build,
};

/// The `on` entry that brings the office's day.
pub const BINDING: &str = "timer offene-lieferungen";
/// What the document of the timer says.
pub const WORD: &str = "offene-lieferungen";
/// Message type of the list.
const MESSAGE: &str = "drehscheibe.offene-lieferungen";
/// Hour of the day in Germany at which offices are told.
const HOUR: i8 = 6;

struct Offene {
    named: String,
}

fn build(written: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(written, ENTRY.word, &["as"])?;
    Ok(Arc::new(Offene { named: settings::text(map, "as", "name for the list")? }))
}

/// The next list of an office: one a day, however much is opened until then. It is the office's, whoever opened what it is told of. A program
/// before this one set it as that of whoever did, under another id: that one must not stand in its place.
pub fn next_list(amt: &str, now: Timestamp, test: bool) -> Option<Timer> {
    let day = tag(now).tomorrow().ok()?;
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let due = day.at(HOUR, 0, 0, 0).to_zoned(zone).ok()?.timestamp();
    let id =
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:drehscheibe:{WORD}:des-amts:{amt}:{day}").as_bytes());
    let mut document = json!({
        "nachricht": "registermeldung",
        "version": "1",
        "kopf": { "nachrichtenUUID": id, "zeitpunkt": due.to_string() },
        "meldung": { "jugendamt": amt, "was": WORD },
    });
    if test {
        document["test"] = json!(true);
    }
    Some(Timer {
        id,
        due,
        name: BINDING.to_owned(),
        body: document.to_string().into(),
        of: Some(amt.to_owned()),
    })
}

impl Step for Offene {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = message.record.registermeldung.clone().filter(|said| said.was == WORD);
        let Some(amt) = said.and_then(|said| said.jugendamt) else {
            return Err(Trouble::Ours("a timer brought a document that names no office".to_owned()));
        };
        let questions = vec![Question::Objections(Sought::Open(amt.clone()))];
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let found = match message.fact(0) {
            Some(Fact::Objections(found)) => found.clone(),
            _ => return Err(Trouble::Ours("offene got other answers than it asked for".to_owned())),
        };
        message.values.insert("offene", if found.is_empty() { "nein" } else { "ja" }.to_owned());
        if found.is_empty() {
            return Ok(Flow::Next);
        }
        let told = json!({
            "art": WORD,
            "jugendamt": amt,
            "stand": answer::zeitpunkt(message.now()),
            "lieferungen": found.iter().map(told).collect::<Vec<_>>(),
        });
        let document = sending::json_document(message, MESSAGE, message.derived_id(ENTRY.word), &told);
        message.built.insert(self.named.clone(), document);
        // A hint is told once; it stands against nothing.
        let hints = found.iter().filter(|one| one.why == Why::Foreign);
        let close =
            |one: &Objection| ObjectionChange::Close { which: Which::Delivery(one.delivery), by: "gemeldet" };
        message.effects.objections.extend(hints.map(close));
        if found.iter().any(|one| one.why != Why::Foreign) {
            let next = next_list(&amt, message.now(), message.identity.test);
            message.effects.timers.extend(next);
        }
        message.audit("lieferungen.gemeldet", &[("anzahl", &found.len().to_string())]);
        // Nobody keeps it: it says whom the list is for.
        let vorgang = Vorgang {
            id: message.derived_id(WORD),
            owner: amt.clone(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte: Akte { art: WORD.to_owned(), ..Akte::default() },
        };
        message.vorgang = Some(VorgangChange { key: keys::vorgang(&amt, WORD), vorgang });
        Ok(Flow::Next)
    }
}

fn told(one: &Objection) -> Value {
    let (grund, weg) = match one.why {
        Why::Parked if one.of_notice() => (
            "Mitteilung",
            "Die Mitteilung einer anderen Stelle wartet auf Sie: Bitte melden Sie diese Kennung als erledigt, auch wenn die Mitteilung selbst eine \
             andere trägt; nur die eines Gerichts oder Notars kann auch abgelehnt werden.",
        ),
        Why::Unreadable if one.of_notice() => (
            "Mitteilung ohne ausreichende Angaben",
            "Die Mitteilung einer anderen Stelle sagt zu wenig; bis sie beendet ist, wird aus Ihrem Register nichts automatisch beauskunftet. \
             Haben Sie sie von uns erhalten, melden Sie diese Kennung bitte als erledigt (die eines Gerichts oder Notars auch als abgelehnt). Haben Sie sie \
             nicht erhalten, ist von Ihnen nichts zu tun: Der Betrieb klärt, wessen sie ist, und beendet sie.",
        ),
        // Made by another office, or while another one kept the register: a delivery of this one is later than nothing of it, and does not end it.
        Why::Rejected | Why::Quarantined | Why::Waiting if one.of_notice() => (
            "Lieferung eines anderen Jugendamts",
            "Ein anderes Jugendamt, vielleicht das, das Ihr Register zuvor führte, hat diese Nachricht zu einem Kind Ihres Registers eingeliefert; sie blieb \
             ohne Wirkung, und zu dem Kind wird nichts automatisch beauskunftet. Bitte klären Sie mit ihm, ob in Ihrem Register etwas fehlt, und melden Sie \
             diese Kennung dann als erledigt; eine neue Lieferung allein beendet sie nicht.",
        ),
        Why::Rejected => (
            "abgewiesen",
            "Bitte liefern Sie den Registersatz richtig neu oder melden Sie diese Kennung als erledigt.",
        ),
        Why::Parked => (
            "zurückgestellt",
            "Der Betrieb klärt die Ursache. Sie können neu liefern oder diese Kennung als erledigt melden.",
        ),
        Why::Quarantined => (
            "gesondert",
            "Unter dieser nachrichtenUUID liegt anderer Inhalt vor. Bitte liefern Sie unter einer neuen Kennung.",
        ),
        Why::Waiting => (
            "wartet auf den Registersatz",
            "Bitte liefern Sie den Registersatz oder melden Sie diese Kennung als erledigt.",
        ),
        Why::Unreadable => (
            "unlesbar",
            "Bitte liefern Sie eine lesbare Fassung mit derselben nachrichtenUUID; bis dahin wird aus Ihrem Register nichts automatisch beauskunftet.",
        ),
        Why::Foreign => (
            "Zuständigkeit",
            "Eine Lieferung zu einem Kind Ihres Registers wurde abgewiesen, weil Absender, Geburtsort und Registerschlüssel nicht zusammenpassen. \
             War sie von Ihnen, liefern Sie sie bitte berichtigt neu; kam sie von einer anderen Stelle, ist nichts zu tun.",
        ),
        // Of no office, so on the list of none.
        Why::Unowned => ("ohne zuständiges Jugendamt", "Der Betrieb klärt, welches Jugendamt zuständig ist."),
    };
    json!({
        "kennung": one.delivery,
        "grund": grund,
        "nachricht": one.message,
        "erstellt": answer::zeitpunkt(if one.of_notice() { one.since } else { one.made }),
        "seit": answer::zeitpunkt(one.since),
        "weg": weg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::objection::MADE_OF_NOTICE;
    use crate::register::record::Registermeldung;

    fn run(found: Vec<Objection>) -> Message {
        let step = building(|building| build(&json!({ "as": "liste" }), building)).unwrap();
        let mut message = message();
        message.record.registermeldung = Some(Registermeldung {
            was: WORD.into(),
            jugendamt: Some("jugendamt-bremen".into()),
            ..Registermeldung::default()
        });
        let fact = |_: &Question| Fact::Objections(found.clone());
        let flow = answering(&mut message, |message| step.apply(message, &mut bench()), fact);
        assert_eq!(flow, Ok(Flow::Next));
        message
    }

    fn one(why: Why) -> Objection {
        let at = message().now();
        Objection {
            amt: "jugendamt-bremen".into(),
            delivery: Uuid::from_u128(why as u128 + 1),
            why,
            message: "xfamilie.0805".into(),
            made: at,
            since: at,
            closed: None,
            released: None,
        }
    }

    #[test]
    fn an_office_is_told_by_id_and_way_out_and_again_tomorrow() {
        let message = run(Why::ALL.iter().copied().map(one).collect());
        let list: Value = serde_json::from_slice(&message.built["liste"].body).unwrap();
        let lieferungen = list["lieferungen"].as_array().unwrap();
        assert_eq!(lieferungen.len(), Why::ALL.len());
        assert!(lieferungen.iter().all(|one| one["weg"].as_str().unwrap().len() > 20));
        assert_eq!(lieferungen[0]["kennung"], json!(Uuid::from_u128(1)));
        assert_eq!(message.effects.timers.len(), 1);
        let due = message.effects.timers[0].due;
        assert_eq!(due, "2026-11-22T06:00:00+01:00".parse().unwrap());
        assert_eq!(message.effects.objections.len(), 1, "the hint is told once");
        assert_eq!(message.vorgang.unwrap().vorgang.owner, "jugendamt-bremen");
    }

    #[test]
    fn what_the_office_before_delivered_late_only_a_word_ends() {
        for why in [Why::Rejected, Why::Quarantined, Why::Waiting] {
            let message = run(vec![Objection { made: MADE_OF_NOTICE, ..one(why) }]);
            let list: Value = serde_json::from_slice(&message.built["liste"].body).unwrap();
            let way = list["lieferungen"][0]["weg"].as_str().unwrap();
            assert!(way.contains("diese Kennung dann als erledigt") && !way.contains("oder"), "{way}");
        }
    }

    #[test]
    fn where_nothing_is_open_nobody_is_told_and_no_time_is_set() {
        let message = run(Vec::new());
        assert!(message.built.is_empty() && message.effects.timers.is_empty());
        let hint = run(vec![one(Why::Foreign)]);
        assert!(!hint.built.is_empty() && hint.effects.timers.is_empty());
    }

    #[test]
    fn a_day_has_one_list_of_each_office() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let list = |amt, now| next_list(amt, at(now), true).unwrap();
        let one = list("jugendamt-bremen", "2026-11-21T05:00:00+01:00");
        assert_eq!(one.id, list("jugendamt-bremen", "2026-11-21T23:00:00+01:00").id);
        assert_ne!(one.id, list("jugendamt-bremen", "2026-11-22T00:30:00+01:00").id);
        assert_ne!(one.id, list("jugendamt-hamburg", "2026-11-21T05:00:00+01:00").id);
    }
}
