//! The verb `mirror`: brings a delivery (0804, 0805, 0806) into the mirror, or says why not.
//! Never overwrites what is newer or belongs to another partner, never revives what was deleted later.

mod judge;
#[cfg(test)]
mod order;
mod plan;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Answer, Fact, MirrorChange, Question, Retrieval, Stored};
use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::uhr;
use crate::register::aemter::tag;
use crate::register::keys::{self, SearchKey};
use crate::register::record::Zeit;
use crate::register::tafeln::Tafeln;
use crate::rejection::{Fault, Rejection};

use judge::{Judged, Nach, Stand};
use plan::Delivery;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "mirror",
    place: Place::Do,
    about: "Brings a delivery (0804, 0805, 0806) into the mirror; refuses repeats, older states and foreign records.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "wait": {
                    "type": "string",
                    "pattern": "^[1-9][0-9]*[smhd]$",
                    "default": "24h",
                    "description": "how long a Korrektur or Löschung waits for its Registersatz; 1s to 30d",
                },
            },
            "additionalProperties": false,
        })
    },
    declares: &[],
    build,
};

/// How long a Korrektur or Löschung waits for its Registersatz where the route says nothing.
const WAIT: SignedDuration = SignedDuration::from_hours(24);
/// Longest wait that may be written.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a tombstone is kept (rules.md 5).
const TOMBSTONE: SignedDuration = SignedDuration::from_hours(90 * 24);

struct Mirror {
    wait: SignedDuration,
    tafeln: Arc<Tafeln>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| SettingFault { path: path.to_owned(), text: text.to_owned() };
    let empty = serde_json::Map::new();
    let map = match settings {
        Value::Null => &empty,
        Value::Object(map) => map,
        _ => return Err(vec![fault("", "not a mapping; write `mirror: {}` or `mirror: { wait: 24h }`")]),
    };
    let mut faults: Vec<SettingFault> = map
        .keys()
        .filter(|key| *key != "wait")
        .map(|key| fault(&format!("/{key}"), "unknown setting; allowed: wait"))
        .collect();
    let wait = match map.get("wait") {
        None => Some(WAIT),
        Some(written) => written.as_str().and_then(duration),
    };
    if wait.is_none() {
        faults.push(fault("/wait", "no duration from 1s to 30d; write such as `24h`"));
    }
    match (wait, faults.is_empty()) {
        (Some(wait), true) => Ok(Arc::new(Mirror { wait, tafeln: building.tafeln.clone() })),
        _ => Err(faults),
    }
}

fn duration(written: &str) -> Option<SignedDuration> {
    let unit = written.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: i64 = written.strip_suffix(unit)?.parse().ok()?;
    let wait = SignedDuration::from_secs(number.checked_mul(seconds)?);
    (wait > SignedDuration::ZERO && wait <= LONGEST_WAIT).then_some(wait)
}

impl Step for Mirror {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn delivers(&self) -> bool {
        true
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let orte = &self.tafeln.gemeinden;
        let mut delivery = Delivery::of(message, orte)?;
        message.effects.subjects = delivery.keys().to_vec();
        let mut questions = delivery.questions();
        let clocks = questions.len();
        questions.extend(uhr::question(message, delivery.stamp()));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let strange = || Trouble::Ours("mirror got answers to other questions than it asked".to_owned());
        let mut known = delivery.known(&message.answers, orte).ok_or_else(strange)?;
        // Hardly ever asked: only of what was deleted lately.
        let place = questions.len();
        questions.extend(delivery.stempel(&known));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let stamps = message.answers.get(place..questions.len()).unwrap_or_default();
        delivery.stamps(&mut known, stamps).ok_or_else(strange)?;
        let (partner, am) = (message.sender.id.as_str(), tag(message.now()));
        let owns =
            |stored: &Stored| self.tafeln.gehoert(&stored.partner, &stored.registersatz.kind, partner, am);
        let judged = delivery.judge(&known, &owns);
        // A repeat is no fault while a load is declared; only then is the Bestand asked for: no other delivery
        // depends on it, nor is to be decided again because it changed.
        let mut laedt = false;
        if matches!(judged, Ok(Judged::Repeated(..))) {
            questions.push(Question::Bestand(partner.to_owned()));
            if !message.answered(&questions) {
                return Ok(Flow::Ask(questions));
            }
            laedt = matches!(message.answers.last(), Some(Answer { fact: Fact::Bestand(Some(bestand)), .. }) if bestand.laedt());
        }
        message.effects.guards.extend(message.answers.iter().map(|answer| answer.guard.clone()));
        if let Some(leads) = message.fact(clocks).cloned() {
            uhr::judge(message, delivery.stamp(), &leads)?;
        }
        let records = known.ids();
        if !records.is_empty() {
            message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records });
        }
        self.perform(message, delivery, judged?, laedt)
    }
}

impl Mirror {
    fn perform(
        &self,
        message: &mut Message,
        delivery: Delivery,
        judged: Judged,
        laedt: bool,
    ) -> Result<Flow, Trouble> {
        let audit = |message: &mut Message, what: &str, id: Uuid| {
            message.audit(what, &[("record", &id.to_string())]);
        };
        match judged {
            Judged::Same(id, stand) => {
                self.confirm(message, delivery, id, stand);
                message.effects.mirror.append(&mut message.effects.confirmed);
                audit(message, "mirror.same", id);
            }
            Judged::Repeated(id, stand) if laedt => {
                self.confirm(message, delivery, id, stand);
                message.effects.mirror.append(&mut message.effects.confirmed);
                audit(message, "mirror.repeated", id);
            }
            Judged::Repeated(id, stand) => {
                self.confirm(message, delivery, id, stand);
                let text =
                    "Derselbe Registersatz wurde bereits unter einer anderen nachrichtenUUID geliefert.";
                return Err(Rejection::new(Fault::Repeated, text).into());
            }
            Judged::New(nach) => {
                let id = message.derived_id("registersatz");
                self.put(message, delivery, id, nach);
            }
            Judged::Replaces(id, nach) => self.put(message, delivery, id, nach),
            Judged::Remove(id, stand) => {
                self.remove(message, &delivery, id, stand);
                audit(message, "mirror.remove", id);
            }
            Judged::Gone(deleted) => {
                // What shall not be there is not there: the sender has what it wants. A later deletion renews the tombstone,
                // so that a record made between both is not taken for a new one.
                if deleted.spaeter(delivery.zeit()) != deleted {
                    let nobody = message.derived_id("loeschung");
                    self.remove(message, &delivery, nobody, deleted.spaeter(delivery.zeit()));
                }
                message.audit("mirror.already-removed", &[]);
            }
            Judged::Unknown => {
                if message.resumed.is_some_and(|resumed| resumed.expired) {
                    let text = "Zu dieser Nachricht ist in der Wartezeit kein Registersatz eingegangen.";
                    return Err(Rejection::new(Fault::Other, text).rule("registersatz-unbekannt").into());
                }
                let received = message.envelope.head.received;
                return Ok(Flow::Wait { for_: delivery.wartet().clone(), until: later(received, self.wait) });
            }
        }
        Ok(Flow::Next)
    }

    fn put(&self, message: &mut Message, delivery: Delivery, id: Uuid, nach: Nach) {
        let (old, zeit) = (delivery.key().clone(), delivery.zeit());
        let places: Vec<SearchKey> =
            std::iter::once(old.clone()).chain(delivery.daneben().to_vec()).collect();
        let Some(mut registersatz) = delivery.into_registersatz() else { return };
        registersatz.vermerk = nach.vermerk;
        registersatz.quelle = registersatz.quelle.bis(nach.stand);
        let key = keys::child(&registersatz.kind, &registersatz.mutter);
        if key != old {
            // Under the old data, however its place is written, nothing older may come in again; there is no record left, only its places
            // are marked. Not where the record stands from now on.
            let here = Delivery::weckt(&registersatz, &self.tafeln.gemeinden);
            let left = places.into_iter().filter(|place| !here.contains(place));
            for (nth, place) in left.enumerate() {
                let nobody = message.derived_id(&match nth {
                    0 => "altschluessel".to_owned(),
                    _ => format!("altschluessel {nth}"),
                });
                bury(message, nobody, place, Zeit { stempel: nach.stand.stempel, ..zeit });
            }
        }
        if nach.vermerk.widerspruch {
            message.audit("mirror.contested", &[("record", &id.to_string())]);
        }
        message.effects.wakes.extend(Delivery::weckt(&registersatz, &self.tafeln.gemeinden));
        message.effects.mirror.push(MirrorChange::put(id, registersatz));
        message.audit("mirror.put", &[("record", &id.to_string())]);
    }

    /// What is stored was still so when this delivery was made: it is as young from now on, also where the repeat is refused.
    fn confirm(&self, message: &mut Message, delivery: Delivery, id: Uuid, stand: Stand) {
        let (Stand::Younger(vermerk, quelle), Some(mut registersatz)) = (stand, delivery.into_registersatz())
        else {
            return;
        };
        (registersatz.vermerk, registersatz.quelle) = (vermerk, *quelle);
        message.effects.confirmed.push(MirrorChange::confirmed(id, registersatz));
    }

    fn remove(&self, message: &mut Message, delivery: &Delivery, id: Uuid, stand: Zeit) {
        let zeit = Zeit { stempel: stand.stempel, ..delivery.zeit() };
        bury(message, id, delivery.key().clone(), zeit);
        // Its place may come under another name.
        for (nth, key) in delivery.daneben().iter().enumerate() {
            let nobody = message.derived_id(&format!("schreibweise {nth}"));
            bury(message, nobody, key.clone(), zeit);
        }
    }
}

/// Removes a record, or nobody, and marks its place; where a stamp lay ahead of its receipt that is marked beside it.
fn bury(message: &mut Message, id: Uuid, tombstone: SearchKey, zeit: Zeit) {
    let until = later(message.now(), TOMBSTONE);
    let beside = keys::grabstein_stempel(&tombstone);
    message.effects.mirror.push(MirrorChange::Remove { id, tombstone, created: zeit.moment, until });
    if zeit.stempel > zeit.moment {
        let id = message.derived_id(&format!("grabstein-stempel {id}"));
        message.effects.mirror.push(MirrorChange::Remove {
            id,
            tombstone: beside,
            created: zeit.stempel,
            until,
        });
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Effects, Guard};
    use crate::message::Resumed;
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::aemter::{Aemter, Amt, Gebiet};
    use crate::register::bestand::Bestand;
    use crate::register::record::{Angaben, Eintragung, Kind, Record, Registersatz, Vermerk};
    use crate::register::uhr::Lead;

    /// What the store holds in a test.
    #[derive(Clone, Default)]
    struct World {
        stored: Vec<Stored>,
        deleted: Vec<(SearchKey, &'static str)>,
        bestand: Option<Bestand>,
        leads: Vec<Lead>,
    }

    fn mirror() -> Mirror {
        Mirror { wait: WAIT, tafeln: Default::default() }
    }

    fn run_with(step: &Mirror, message: &mut Message, world: &World) -> Result<Flow, Trouble> {
        let mut bench = bench();
        for _ in 0..4 {
            let flow = step.apply(message, &mut bench)?;
            let Flow::Ask(questions) = flow else { return Ok(flow) };
            let effects = Effects { subjects: vec![], ..message.effects.clone() };
            assert!(effects == Effects::default(), "asking has no effect");
            let fact = |question: &Question| match question {
                Question::Mirror(key) => {
                    let here = |s: &&Stored| keys::of(&s.registersatz).contains(key);
                    Fact::mirror(world.stored.iter().filter(here).cloned())
                }
                Question::Tombstone(key) => {
                    let found = world.deleted.iter().find(|(other, _)| other == key);
                    Fact::Tombstone(found.map(|(_, at)| at.parse().unwrap()))
                }
                Question::Bestand(_) => Fact::Bestand(world.bestand.clone()),
                Question::Leads => Fact::Leads(world.leads.clone()),
                _ => panic!("unexpected question"),
            };
            let answer = |question: &Question| Answer {
                fact: fact(question),
                guard: Guard { key: question.key(), seen: 3 },
            };
            message.answers = questions.iter().map(answer).collect();
        }
        panic!("asks for ever")
    }

    fn outcome(message: &mut Message, world: &World) -> String {
        match run_with(&mirror(), message, world) {
            Ok(flow) => format!("{flow:?}").chars().take(4).collect(),
            Err(Trouble::Rejected(all)) => {
                format!("{} {}", all[0].code, all[0].rule.clone().unwrap_or_default())
            }
            Err(Trouble::Ours(text)) => text,
        }
    }

    const OLD: &str = "2026-01-01T00:00:00Z";

    fn satz(message: &Message) -> Registersatz {
        Delivery::of(message, &Default::default()).ok().and_then(Delivery::into_registersatz).unwrap()
    }

    /// The sample's record as another message of the same office left it.
    fn stored(change: impl FnOnce(&mut Stored)) -> Stored {
        let mut stored = Stored {
            id: Uuid::from_u128(7),
            mandant: "bremen".into(),
            partner: "jugendamt-bremen".into(),
            registersatz: satz(&message()),
        };
        stored.registersatz.quelle.nachrichten_uuid = "7b2d4c10-1f3a-4e55-8b7a-000000000001".into();
        change(&mut stored);
        stored
    }

    fn old(change: impl FnOnce(&mut Stored)) -> Stored {
        stored(|s| {
            s.registersatz.quelle.erstellungszeitpunkt = OLD.parse().unwrap();
            change(s);
        })
    }

    fn younger(change: impl FnOnce(&mut Stored)) -> Stored {
        stored(|s| {
            s.registersatz.quelle.erstellungszeitpunkt = "2026-11-21T09:15:31Z".parse().unwrap();
            change(s);
        })
    }

    fn put(message: &Message) -> &Registersatz {
        let [MirrorChange::Put { registersatz, .. }] = message.effects.mirror.as_slice() else { panic!() };
        registersatz
    }

    fn world(stored: Vec<Stored>) -> World {
        World { stored, ..World::default() }
    }

    fn key() -> SearchKey {
        let satz = satz(&message());
        keys::child(&satz.kind, &satz.mutter)
    }

    fn korrektur(change: impl FnOnce(&mut Angaben)) -> Message {
        let mut message = message();
        message.identity.message = "xfamilie.0805".into();
        let mut neu = Angaben::default();
        change(&mut neu);
        message.record.neu = Some(Box::new(neu));
        message
    }

    fn other_entry(neu: &mut Angaben) {
        neu.eintragung =
            Some(Eintragung { vorhanden: true, arten: vec!["02".into()], ..Eintragung::default() });
    }

    fn other_place(neu: &mut Angaben) {
        let kind = message().record.kind.unwrap();
        neu.kind = Some(Kind { geburtsort: Some("Bremerhaven".into()), ..kind });
    }

    fn loeschung() -> Message {
        let mut message = message();
        message.identity.message = "xfamilie.0806".into();
        message.record.eintragung = None;
        message
    }

    #[test]
    fn a_new_record_is_put_under_guards_and_the_same_way_again() {
        let (mut one, mut other) = (message(), message());
        assert_eq!(outcome(&mut one, &World::default()), "Next");
        assert_eq!(outcome(&mut other, &World::default()), "Next");
        assert!(one.effects == other.effects);
        assert_eq!(one.effects.guards.len(), 2);
        assert!(one.effects.retrievals.is_empty());
        let id = one.derived_id("registersatz");
        let [MirrorChange::Put { id: put, registersatz, keys, as_before: false }] =
            one.effects.mirror.as_slice()
        else {
            panic!()
        };
        assert_eq!(*put, id);
        assert!(!keys.is_empty());
        assert_eq!(registersatz.quelle.autor, "jga:040110000000");
        assert_eq!(one.effects.wakes, [key()]);
        assert_eq!(one.effects.audit[0].detail, [("record".to_owned(), id.to_string())]);
    }

    #[test]
    fn every_state_of_the_mirror_has_its_outcome() {
        let entry = |s: &mut Stored| s.registersatz.eintragung.arten = vec!["02".into()];
        let same_uuid = |s: &mut Stored| {
            s.registersatz.quelle.nachrichten_uuid = "7B2D4C10-1F3A-4E55-8B7A-000000000020".into()
        };
        for (stored, deleted, expected) in [
            (vec![stored(|_| ())], None, "S100 "),
            (vec![stored(entry)], None, "Next"),
            (vec![younger(entry)], None, "S999 aelter-als-bestand"),
            (vec![old(entry)], None, "Next"),
            (vec![stored(|s| s.partner = "andere".into())], None, "T070 fremder-registersatz"),
            (vec![old(entry), stored(|s| s.id = Uuid::from_u128(8))], None, "S999 mehrdeutig"),
            (vec![], Some("2026-11-21T09:15:30.123Z"), "S999 nach-loeschung"),
            (vec![], Some("2026-11-21T09:15:30.122Z"), "Next"),
            (vec![stored(same_uuid)], None, "Next"),
        ] {
            let deleted = deleted.map(|at| (key(), at)).into_iter().collect();
            let world = World { stored, deleted, ..World::default() };
            assert_eq!(outcome(&mut message(), &world), expected);
        }
    }

    #[test]
    fn a_newer_state_replaces_under_the_same_id_and_keeps_the_mark() {
        let mut newer = message();
        let before = old(|s| {
            s.registersatz.eintragung.vorhanden = false;
            s.registersatz.vermerk = Vermerk { bestritten: true, ..Vermerk::default() };
        });
        assert_eq!(outcome(&mut newer, &world(vec![before])), "Next");
        let [MirrorChange::Put { id, registersatz, .. }] = &newer.effects.mirror[..] else { panic!() };
        assert_eq!(*id, Uuid::from_u128(7));
        assert!(registersatz.vermerk.bestritten);
        let read = Retrieval { step: "mirror".into(), records: vec![Uuid::from_u128(7)] };
        assert_eq!(newer.effects.retrievals, [read]);
    }

    #[test]
    fn of_two_contents_of_one_moment_nobody_knows_which_holds_until_a_younger_one_comes() {
        let entry = |s: &mut Stored| {
            s.registersatz.eintragung.arten = vec!["02".into()];
            s.registersatz.vermerk.klaerung = true;
        };
        let mut contested = message();
        assert_eq!(outcome(&mut contested, &world(vec![stored(entry)])), "Next");
        let vermerk = put(&contested).vermerk;
        assert_eq!(vermerk, Vermerk { klaerung: true, widerspruch: true, bestritten: false });
        assert_eq!(put(&contested).eintragung.arten, ["01"]);
        assert!(contested.effects.audit.iter().any(|line| line.what == "mirror.contested"));
        // The same content again, and a Korrektur of the other one, settle it as soon as they are younger.
        let left = |change: fn(&mut Stored)| {
            old(|s| {
                s.registersatz.vermerk = vermerk;
                change(s);
            })
        };
        let other_stands: fn(&mut Stored) = |s| s.registersatz.eintragung.arten = vec!["04".into()];
        for (mut settles, stored) in [
            (message(), left(|_| ())),
            (korrektur(other_entry), left(other_stands)),
            (korrektur(|_| ()), left(|_| ())),
        ] {
            assert_eq!(outcome(&mut settles, &world(vec![stored])), "Next");
            assert_eq!(put(&settles).vermerk, Vermerk { klaerung: true, ..Vermerk::default() });
        }
        // A repeat of the same moment settles nothing.
        let same = stored(|s| s.registersatz.vermerk = vermerk);
        assert_eq!(outcome(&mut message(), &world(vec![same])), "S100 ");
    }

    #[test]
    fn a_stamp_that_lies_ahead_counts_from_its_receipt() {
        let ahead = |stamp: &str, received: &str| {
            let mut message = message();
            message.record.kopf.erstellungszeitpunkt = stamp.into();
            let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
            envelope.head.received = received.parse().unwrap();
            message.envelope = Arc::new(envelope);
            message
        };
        let mut first = ahead("2026-11-21T19:00:00Z", "2026-11-21T10:00:00Z");
        assert_eq!(outcome(&mut first, &World::default()), "Next");
        let held = Stored { registersatz: put(&first).clone(), ..stored(|_| ()) };
        assert_eq!(held.registersatz.quelle.moment(), "2026-11-21T10:00:00Z".parse::<Timestamp>().unwrap());
        let mut second = ahead("2026-11-21T18:00:00Z", "2026-11-21T10:00:01Z");
        second.record.eintragung.as_mut().unwrap().arten = vec!["02".into()];
        assert_eq!(outcome(&mut second, &world(vec![held])), "Next", "it is taken, whatever its stamp says");
        let contested = put(&second).clone();
        assert!(contested.vermerk.widerspruch, "by its stamp it is the older one");
        // What settles it has to be after both, by both: the one that came first was made at nine in the evening, by the office's clock.
        let left = |_: &mut Stored| ();
        for (stamp, settles) in [("2026-11-21T18:30:00Z", false), ("2026-11-21T19:00:01Z", true)] {
            let mut third = ahead(stamp, "2026-11-21T10:00:02Z");
            third.record.eintragung.as_mut().unwrap().arten = vec!["04".into()];
            let held = Stored { registersatz: contested.clone(), ..stored(left) };
            assert_eq!(outcome(&mut third, &world(vec![held])), "Next", "{stamp}");
            assert_eq!(put(&third).vermerk.widerspruch, !settles, "{stamp}");
        }
    }

    #[test]
    fn who_is_far_ahead_alone_is_refused_and_where_several_are_nobody_is() {
        let lead = |partner: &str| Lead {
            partner: partner.into(),
            seen: message().now(),
            by: SignedDuration::from_hours(1),
        };
        for (stamp, leads, expected, calls, noted) in [
            ("2026-11-21T09:16:50Z", vec![], "Next", vec![], 0),
            ("2026-11-22T09:16:00Z", vec![], "Next", vec!["sender-clock"], 1),
            ("2026-11-22T09:16:01Z", vec![], "S999 uhr-geht-vor", vec!["sender-clock"], 1),
            (
                "2026-11-22T09:16:01Z",
                vec![lead("jugendamt-bremen")],
                "S999 uhr-geht-vor",
                vec!["sender-clock"],
                0,
            ),
            ("2031-11-22T09:16:01Z", vec![lead("andere")], "Next", vec!["sender-clock", "own-clock"], 1),
        ] {
            let mut message = message();
            message.record.kopf.erstellungszeitpunkt = stamp.into();
            let world = World { leads, ..World::default() };
            assert_eq!(outcome(&mut message, &world), expected, "{stamp}");
            let called: Vec<&str> = message.effects.calls.iter().map(|call| call.code).collect();
            assert_eq!(called, calls, "{stamp}");
            assert_eq!(message.effects.leads.len(), noted, "{stamp}");
        }
    }

    #[test]
    fn a_younger_repeat_makes_what_is_stored_as_young_although_it_is_refused() {
        let mut repeat = message();
        assert_eq!(
            outcome(&mut repeat, &world(vec![old(|s| s.registersatz.vermerk.bestritten = true)])),
            "S100 "
        );
        assert!(repeat.effects.mirror.is_empty());
        let [MirrorChange::Put { id, registersatz, .. }] = repeat.effects.confirmed.as_slice() else {
            panic!()
        };
        assert_eq!((*id, registersatz.vermerk.bestritten), (Uuid::from_u128(7), true));
        assert_eq!(registersatz.quelle.moment(), satz(&message()).quelle.moment());
    }

    #[test]
    fn a_repeat_is_counted_while_a_load_is_declared_and_refused_otherwise() {
        let begun = Bestand::beginnen(OLD.parse().unwrap());
        let mut world = World { bestand: Some(begun), ..world(vec![stored(|_| ())]) };
        let mut repeat = message();
        assert_eq!(outcome(&mut repeat, &world), "Next");
        assert!(repeat.effects.mirror.is_empty());
        assert_eq!(repeat.effects.audit[0].what, "mirror.repeated");
        assert_eq!(repeat.effects.guards.len(), 3, "it rests on the Bestand, too");
        world.bestand = Some(Bestand::default());
        assert_eq!(outcome(&mut message(), &world), "S100 ");
    }

    #[test]
    fn a_korrektur_replaces_what_is_given_and_leaves_the_rest() {
        let mut message = korrektur(other_entry);
        assert_eq!(
            outcome(&mut message, &world(vec![old(|s| s.registersatz.vermerk.klaerung = true)])),
            "Next"
        );
        let [MirrorChange::Put { id, registersatz, .. }] = &message.effects.mirror[..] else { panic!() };
        assert_eq!(*id, Uuid::from_u128(7));
        assert_eq!(registersatz.eintragung.arten, ["02"]);
        let before = satz(&super::tests::message());
        assert!(registersatz.kind == before.kind && registersatz.mutter == before.mutter);
        assert!(registersatz.vermerk.klaerung);
        assert_eq!(registersatz.quelle.message, "xfamilie.0805");
    }

    #[test]
    fn a_korrektur_of_the_key_moves_the_record_and_marks_the_old_place() {
        let mut message = korrektur(other_place);
        assert_eq!(outcome(&mut message, &world(vec![old(|_| ())])), "Next");
        let [
            MirrorChange::Remove { id: none, tombstone, .. },
            MirrorChange::Put { id, keys, registersatz, .. },
        ] = &message.effects.mirror[..]
        else {
            panic!()
        };
        let moved = keys::child(&registersatz.kind, &registersatz.mutter);
        assert_eq!((*id, tombstone), (Uuid::from_u128(7), &key()));
        assert_ne!(none, id, "the record itself stays");
        assert!(keys.contains(&moved) && !keys.contains(&key()));
        assert_eq!(message.effects.guards.len(), 4, "both keys are guarded");
        assert_eq!(message.effects.wakes, [moved]);
    }

    #[test]
    fn every_korrektur_has_its_outcome() {
        let entry = |s: &mut Stored| s.registersatz.eintragung.arten = vec!["04".into()];
        let moved = |s: &mut Stored| s.registersatz.kind.geburtsort = Some("Bremerhaven".into());
        let foreign = |s: &mut Stored| s.partner = "andere".into();
        let done = |s: &mut Stored| s.registersatz = satz(&korrektur(other_entry));
        for (what, message, stored, expected) in [
            ("deviates", korrektur(other_entry), vec![old(entry)], "S999 alt-weicht-ab"),
            ("older", korrektur(other_entry), vec![younger(|_| ())], "S999 aelter-als-bestand"),
            ("of one moment", korrektur(other_entry), vec![stored(|_| ())], "Next"),
            ("foreign", korrektur(other_entry), vec![old(foreign)], "T070 fremder-registersatz"),
            ("no part", korrektur(|_| ()), vec![old(|_| ())], "Next"),
            (
                "place taken",
                korrektur(other_place),
                vec![
                    old(|_| ()),
                    old(|s| {
                        moved(s);
                        entry(s);
                        s.id = Uuid::from_u128(8);
                    }),
                ],
                "S999 mehrdeutig",
            ),
            (
                "place foreign",
                korrektur(other_place),
                vec![
                    old(|_| ()),
                    old(|s| {
                        moved(s);
                        foreign(s);
                    }),
                ],
                "T070 fremder-registersatz",
            ),
            ("corrected before", korrektur(other_place), vec![stored(moved)], "S100 "),
            ("the same again", korrektur(other_entry), vec![stored(done)], "Next"),
            ("unknown", korrektur(other_entry), vec![], "Wait"),
        ] {
            let mut message = message;
            assert_eq!(outcome(&mut message, &world(stored)), expected, "{what}");
        }
        let mut late = korrektur(other_entry);
        let gone = World { deleted: vec![(key(), "2026-11-21T09:15:30.123Z")], ..World::default() };
        assert_eq!(outcome(&mut late, &gone), "S999 nach-loeschung");
    }

    #[test]
    fn what_has_no_record_waits_from_its_receipt_on_and_is_refused_at_the_end() {
        for make in [|| korrektur(other_entry), loeschung] {
            let mut message = make();
            let flow = run_with(&mirror(), &mut message, &World::default());
            let until = message.envelope.head.received.checked_add(WAIT).unwrap();
            assert_eq!(flow, Ok(Flow::Wait { for_: key(), until }));
            let mut woken = make();
            woken.resumed = Some(Resumed { at: OLD.parse().unwrap(), expired: false });
            assert_eq!(
                run_with(&mirror(), &mut woken, &World::default()),
                Ok(Flow::Wait { for_: key(), until })
            );
            let mut expired = make();
            expired.resumed = Some(Resumed { at: until, expired: true });
            assert_eq!(outcome(&mut expired, &World::default()), "S999 registersatz-unbekannt");
        }
    }

    #[test]
    fn a_loeschung_removes_and_leaves_a_tombstone() {
        let mut message = loeschung();
        assert_eq!(outcome(&mut message, &world(vec![old(|_| ())])), "Next");
        let until = message.now().checked_add(TOMBSTONE).unwrap();
        let created = "2026-11-21T09:15:30.123Z".parse().unwrap();
        let id = Uuid::from_u128(7);
        assert_eq!(message.effects.mirror, [MirrorChange::Remove { id, tombstone: key(), created, until }]);
        assert_eq!(message.effects.audit[0].what, "mirror.remove");
        assert_eq!(outcome(&mut loeschung(), &world(vec![stored(|_| ())])), "Next", "of the same moment");
        let newer = younger(|_| ());
        assert_eq!(outcome(&mut loeschung(), &world(vec![newer])), "S999 aelter-als-bestand");
        let foreign = old(|s| s.partner = "andere".into());
        assert_eq!(outcome(&mut loeschung(), &world(vec![foreign])), "T070 fremder-registersatz");
    }

    #[test]
    fn a_second_loeschung_is_accepted_and_only_a_later_one_renews_the_tombstone() {
        for (deleted, renewed) in [("2026-11-21T09:15:30.123Z", 0), (OLD, 1)] {
            let mut again = loeschung();
            let gone = World { deleted: vec![(key(), deleted)], ..World::default() };
            assert_eq!(outcome(&mut again, &gone), "Next");
            assert_eq!(again.effects.mirror.len(), renewed);
            assert_eq!(again.effects.audit[0].what, "mirror.already-removed");
        }
    }

    #[test]
    fn a_successor_owns_what_its_predecessor_delivered_once_that_has_ended() {
        let amt = |id: &str, bis: Option<&str>, nachfolge: Option<&str>| Amt {
            id: id.into(),
            name: id.into(),
            gebiete: vec![Gebiet { ars: "04".into(), von: None, bis: bis.map(|day| day.parse().unwrap()) }],
            nachfolge: nachfolge.map(str::to_owned),
            ..Amt::default()
        };
        for (last, nachfolge, owns) in [
            (Some("2026-11-20"), Some("jugendamt-bremen"), true),
            (Some("2026-11-21"), Some("jugendamt-bremen"), false),
            (Some("2026-11-20"), None, false),
        ] {
            let aemter = vec![amt("jugendamt-alt", last, nachfolge), amt("jugendamt-bremen", None, None)];
            let tafeln = Tafeln { aemter: Aemter { aemter }, ..Default::default() };
            let step = Mirror { wait: WAIT, tafeln: Arc::new(tafeln) };
            let theirs = world(vec![old(|s| s.partner = "jugendamt-alt".into())]);
            let done = run_with(&step, &mut loeschung(), &theirs);
            assert_eq!(done.is_ok(), owns, "{last:?} {nachfolge:?}");
        }
    }

    /// A table of two names for the place, as it is once it was completed.
    fn two_names() -> Mirror {
        let mut tafeln = Tafeln::default();
        tafeln.gemeinden.add("BREMEN".into(), "040110000000");
        tafeln.gemeinden.add_weiteren("BREMEN MITTE".into(), "040110000000");
        Mirror { wait: WAIT, tafeln: Arc::new(tafeln) }
    }

    #[test]
    fn what_names_its_place_in_another_way_is_the_same_record_once_the_table_knows_both() {
        let district = || {
            let mut message = message();
            message.record.kind.as_mut().unwrap().geburtsort = Some("Bremen-Mitte".into());
            message
        };
        for (step, replaced) in [(mirror(), false), (two_names(), true)] {
            let mut delivered = district();
            assert_eq!(run_with(&step, &mut delivered, &world(vec![old(|_| ())])), Ok(Flow::Next));
            let [MirrorChange::Put { id, .. }] = &delivered.effects.mirror[..] else { panic!() };
            assert_eq!(*id == Uuid::from_u128(7), replaced);
        }
        // A child that differs in anything else is another one.
        let twin = old(|s| s.registersatz.kind.namen[0].vornamen = Some("Ida".into()));
        let mut delivered = district();
        assert_eq!(run_with(&two_names(), &mut delivered, &world(vec![twin])), Ok(Flow::Next));
        let [MirrorChange::Put { id, .. }] = &delivered.effects.mirror[..] else { panic!() };
        assert_ne!(*id, Uuid::from_u128(7));
        // Where both stand already each is found by its own name.
        let other = old(|s| {
            s.id = Uuid::from_u128(8);
            s.registersatz.kind.geburtsort = Some("Bremen-Mitte".into());
            s.registersatz.eintragung.arten = vec!["04".into()];
        });
        let mut delivered = district();
        let both = world(vec![old(|_| ()), other]);
        assert_eq!(run_with(&two_names(), &mut delivered, &both), Ok(Flow::Next));
        let [MirrorChange::Put { id, .. }] = &delivered.effects.mirror[..] else { panic!() };
        assert_eq!(*id, Uuid::from_u128(8));
    }

    #[test]
    fn a_korrektur_of_how_the_place_is_written_finds_the_record_under_either_name() {
        for (alt, neu) in [("Bremen-Mitte", "Bremen"), ("Bremen", "Bremen-Mitte")] {
            let mut message = korrektur(|angaben| {
                let mut kind = message().record.kind.unwrap();
                kind.geburtsort = Some(neu.into());
                angaben.kind = Some(kind);
            });
            message.record.kind.as_mut().unwrap().geburtsort = Some(alt.into());
            assert_eq!(
                run_with(&two_names(), &mut message, &world(vec![old(|_| ())])),
                Ok(Flow::Next),
                "{alt}"
            );
            let put = message.effects.mirror.iter().find_map(|change| match change {
                MirrorChange::Put { id, registersatz, .. } => {
                    Some((*id, registersatz.kind.geburtsort.clone()))
                }
                MirrorChange::Remove { .. } => None,
            });
            assert_eq!(put, Some((Uuid::from_u128(7), Some(neu.into()))));
        }
    }

    /// What a delivery buried, as the store tells it the next one.
    fn buried(message: &Message) -> Vec<(SearchKey, &'static str)> {
        let of = |change: &MirrorChange| match change {
            MirrorChange::Remove { tombstone, created, .. } => {
                Some((tombstone.clone(), &*created.to_string().leak()))
            }
            MirrorChange::Put { .. } => None,
        };
        message.effects.mirror.iter().filter_map(of).collect()
    }

    #[test]
    fn how_late_the_stamp_of_a_deletion_was_is_known_under_every_name_of_the_place() {
        let stamped = |mut message: Message, ort: &str, stamp: &str, received: &str| {
            message.record.kopf.erstellungszeitpunkt = stamp.into();
            message.record.kind.as_mut().unwrap().geburtsort = Some(ort.into());
            let mut envelope = crate::envelope::Envelope::clone(&message.envelope);
            envelope.head.received = received.parse().unwrap();
            message.envelope = Arc::new(envelope);
            message
        };
        for deleted in ["Bremen", "Bremen-Mitte"] {
            let (stamp, receipt) = ("2026-11-21T12:00:00Z", "2026-11-21T09:10:00Z");
            let mut gone = stamped(loeschung(), deleted, stamp, receipt);
            assert_eq!(run_with(&two_names(), &mut gone, &world(vec![old(|_| ())])), Ok(Flow::Next));
            let world = World { deleted: buried(&gone), ..World::default() };
            let mut ids: Vec<Uuid> = gone
                .effects
                .mirror
                .iter()
                .map(|change| match change {
                    MirrorChange::Remove { id, .. } | MirrorChange::Put { id, .. } => *id,
                })
                .collect();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), gone.effects.mirror.len(), "each of its own");
            for again in ["Bremen", "Bremen-Mitte"] {
                for (stamp, contested) in [("2026-11-21T11:00:00Z", true), ("2026-11-21T12:00:01Z", false)] {
                    let mut message = stamped(message(), again, stamp, "2026-11-21T09:12:00Z");
                    assert_eq!(run_with(&two_names(), &mut message, &world), Ok(Flow::Next));
                    assert_eq!(put(&message).vermerk.widerspruch, contested, "{deleted}, {again}, {stamp}");
                }
            }
        }
    }

    #[test]
    fn a_korrektur_leaves_nothing_open_where_the_record_stood_however_the_place_is_written() {
        for (stood, alt) in [("Bremen", "Bremen-Mitte"), ("Bremen-Mitte", "Bremen")] {
            let at =
                |ort: &'static str| move |s: &mut Stored| s.registersatz.kind.geburtsort = Some(ort.into());
            let mut moves = korrektur(|angaben| {
                let kind = message().record.kind.unwrap();
                let geburtsdatum = crate::register::record::TeilDatum::parse("2024-08-08");
                angaben.kind = Some(Kind { geburtsdatum, geburtsort: Some(alt.into()), ..kind });
            });
            moves.record.kind.as_mut().unwrap().geburtsort = Some(alt.into());
            assert_eq!(run_with(&two_names(), &mut moves, &world(vec![old(at(stood))])), Ok(Flow::Next));
            let world = World { deleted: buried(&moves), ..World::default() };
            for late in ["Bremen", "Bremen-Mitte"] {
                let mut message = message();
                message.record.kopf.erstellungszeitpunkt = "2026-11-21T09:00:00Z".into();
                message.record.kind.as_mut().unwrap().geburtsort = Some(late.into());
                let Err(Trouble::Rejected(all)) = run_with(&two_names(), &mut message, &world) else {
                    panic!("{stood}, {alt}, {late}: an older one had effect")
                };
                assert_eq!(all[0].rule.as_deref(), Some("nach-loeschung"));
            }
        }
    }

    #[test]
    fn a_record_without_mother_child_or_entry_is_refused() {
        let cuts: [fn(&mut Record); 3] = [|r| r.mutter = None, |r| r.kind = None, |r| r.eintragung = None];
        for cut in cuts {
            let mut message = message();
            cut(&mut message.record);
            assert_eq!(outcome(&mut message, &World::default()), "S999 angaben-fehlen");
        }
    }

    #[test]
    fn the_wait_is_read_and_bounded() {
        for (written, right) in [
            (json!({}), true),
            (json!(null), true),
            (json!({ "wait": "30d" }), true),
            (json!({ "wait": "90s" }), true),
            (json!({ "wait": "31d" }), false),
            (json!({ "wait": "0s" }), false),
            (json!({ "wait": 5 }), false),
            (json!({ "wait": "ä" }), false),
            (json!({ "wiat": "1h" }), false),
            (json!("1h"), false),
        ] {
            assert_eq!(building(|building| build(&written, building)).is_ok(), right, "{written}");
        }
    }
}
