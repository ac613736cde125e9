//! The verb `mirror`: brings a delivered Registersatz into the mirror, or says why not.
//! Never overwrites what is newer or belongs to another partner, never revives what was deleted later.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, MirrorChange, Question, Retrieval, Stored};
use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::keys;
use crate::register::record::{Quelle, Registersatz};
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "mirror",
    place: Place::Do,
    about: "Stores the delivered Registersatz in the mirror; refuses repeats, older states and foreign records.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

struct Mirror;

fn build(settings: &Value, _: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    match settings {
        Value::Null => Ok(Arc::new(Mirror)),
        Value::Object(map) => match map.keys().next() {
            None => Ok(Arc::new(Mirror)),
            Some(key) => Err(vec![SettingFault {
                path: format!("/{key}"),
                text: "unknown setting; mirror has none, write `mirror: {}`".to_owned(),
            }]),
        },
        _ => Err(vec![SettingFault {
            path: String::new(),
            text: "not a mapping; mirror has no settings, write `mirror: {}`".to_owned(),
        }]),
    }
}

impl Step for Mirror {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let registersatz = registersatz(message)?;
        let key = keys::child(&registersatz.kind, &registersatz.mutter);
        let questions = [Question::Mirror(key.clone()), Question::Tombstone(key)];
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions.into()));
        }
        let (stored, deleted) = match (message.fact(0), message.fact(1)) {
            (Some(Fact::Mirror(stored)), Some(Fact::Tombstone(deleted))) => (stored.clone(), *deleted),
            _ => return Err(Trouble::Ours("mirror got answers to other questions than it asked".to_owned())),
        };
        message.effects.guards.extend(message.answers.iter().map(|answer| answer.guard.clone()));
        if !stored.is_empty() {
            let records = stored.iter().map(|stored| stored.id).collect();
            message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records });
        }
        let id = match judge(&registersatz, &message.sender.id, &stored, deleted)? {
            Judged::New => message.derived_id("registersatz"),
            Judged::Replaces(id) => id,
            Judged::Same(id) => {
                message.audit("mirror.same", &[("record", &id.to_string())]);
                return Ok(Flow::Next);
            }
        };
        let keys = keys::of(&registersatz);
        message.effects.mirror.push(MirrorChange::Put { id, registersatz: Box::new(registersatz), keys });
        message.audit("mirror.put", &[("record", &id.to_string())]);
        Ok(Flow::Next)
    }
}

/// The record of the message as it would stand in the mirror.
fn registersatz(message: &Message) -> Result<Registersatz, Rejection> {
    let record = &message.record;
    let (Some(mutter), Some(kind), Some(eintragung)) = (&record.mutter, &record.kind, &record.eintragung)
    else {
        let text = "Die Angaben zu Mutter, Kind oder Eintragung fehlen.";
        return Err(Rejection::new(Fault::Other, text).rule("angaben-fehlen"));
    };
    let erstellungszeitpunkt = record.kopf.erstellungszeitpunkt.parse::<Timestamp>().map_err(|_| {
        Rejection::new(Fault::Rule, "Der erstellungszeitpunkt braucht Datum, Uhrzeit und Zeitzone.")
    })?;
    Ok(Registersatz {
        mutter: mutter.clone(),
        kind: kind.clone(),
        eintragung: eintragung.clone(),
        quelle: Quelle {
            message: message.identity.message.clone(),
            nachrichten_uuid: record.kopf.nachrichten_uuid.clone(),
            autor: record.kopf.autor.key(),
            erstellungszeitpunkt,
            transaktionsid: record.kopf.transaktionsid.clone(),
        },
        vermerk: Default::default(),
    })
}

#[derive(Debug, PartialEq)]
enum Judged {
    New,
    Replaces(Uuid),
    /// The very same message is stored already: nothing to do, and nothing to complain of.
    Same(Uuid),
}

/// Who may write, then whether it was deleted, then whether it says anything new.
fn judge(
    new: &Registersatz,
    partner: &str,
    stored: &[Stored],
    deleted: Option<Timestamp>,
) -> Result<Judged, Rejection> {
    if stored.iter().any(|stored| stored.partner != partner) {
        let text =
            "Der Registersatz wurde von einer anderen Stelle geliefert und kann nur von ihr geändert werden.";
        return Err(Rejection::new(Fault::Authority, text).rule("fremder-registersatz"));
    }
    let made = new.quelle.erstellungszeitpunkt;
    if deleted.is_some_and(|deleted| deleted >= made) {
        let text = "Der Registersatz wurde nach dem erstellungszeitpunkt dieser Nachricht gelöscht.";
        return Err(Rejection::new(Fault::Other, text).rule("nach-loeschung"));
    }
    let stored = match stored {
        [] => return Ok(Judged::New),
        [stored] => stored,
        _ => {
            let text = "Zu diesem Kind liegen mehrere Registersätze vor; die Lieferung ist nicht zuzuordnen.";
            return Err(Rejection::new(Fault::Other, text).rule("mehrdeutig"));
        }
    };
    let old = &stored.registersatz;
    let same = old.mutter == new.mutter && old.kind == new.kind && old.eintragung == new.eintragung;
    let same_autor = old.quelle.autor == new.quelle.autor;
    // UUIDs are compared as numbers: the case of their digits means nothing.
    let same_uuid = old.quelle.nachrichten_uuid.eq_ignore_ascii_case(&new.quelle.nachrichten_uuid);
    if same && same_autor {
        if same_uuid {
            return Ok(Judged::Same(stored.id));
        }
        let text = "Derselbe Registersatz wurde bereits unter einer anderen nachrichtenUUID geliefert.";
        return Err(Rejection::new(Fault::Repeated, text));
    }
    if old.quelle.erstellungszeitpunkt >= made {
        let text = "Im Bestand liegt ein neuerer oder gleich alter Stand dieses Registersatzes.";
        return Err(Rejection::new(Fault::Other, text).rule("aelter-als-bestand"));
    }
    Ok(Judged::Replaces(stored.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::pipeline::step::Bench;
    use crate::pipeline::testing::{bench, message};
    use crate::register::record::Record;

    fn run(message: &mut Message, stored: Vec<Stored>, deleted: Option<&str>) -> Result<Flow, Trouble> {
        let mut bench: Bench = bench();
        let Flow::Ask(questions) = Mirror.apply(message, &mut bench)? else { panic!("asks first") };
        assert!(message.effects == Default::default(), "asking has no effect");
        let facts = [Fact::Mirror(stored), Fact::Tombstone(deleted.map(|at| at.parse().unwrap()))];
        message.answers = questions
            .iter()
            .zip(facts)
            .map(|(question, fact)| Answer { fact, guard: Guard { key: question.key(), seen: 3 } })
            .collect();
        Mirror.apply(message, &mut bench)
    }

    fn stored(change: impl FnOnce(&mut Stored)) -> Stored {
        let registersatz = registersatz(&message()).unwrap();
        let mut stored = Stored {
            id: Uuid::from_u128(7),
            mandant: "bremen".into(),
            partner: "jugendamt-bremen".into(),
            registersatz,
        };
        stored.registersatz.quelle.nachrichten_uuid = "7b2d4c10-1f3a-4e55-8b7a-000000000001".into();
        change(&mut stored);
        stored
    }

    #[test]
    fn a_new_record_is_put_under_guards_and_the_same_way_again() {
        let (mut one, mut other) = (message(), message());
        assert_eq!(run(&mut one, vec![], None), Ok(Flow::Next));
        assert_eq!(run(&mut other, vec![], None), Ok(Flow::Next));
        assert!(one.effects == other.effects);
        assert_eq!(one.effects.guards.len(), 2);
        assert!(one.effects.guards.iter().all(|guard| guard.seen == 3));
        assert!(one.effects.retrievals.is_empty());
        let id = one.derived_id("registersatz");
        let [MirrorChange::Put { id: put, registersatz, keys }] = one.effects.mirror.as_slice() else {
            panic!()
        };
        assert_eq!(*put, id);
        assert_eq!(keys.len(), 1);
        assert_eq!(registersatz.quelle.autor, "jga:040110000000");
        assert_eq!(one.effects.audit.len(), 1);
        assert_eq!(one.effects.audit[0].detail, [("record".to_owned(), id.to_string())]);
    }

    #[test]
    fn every_state_of_the_mirror_has_its_outcome() {
        let newer = |s: &mut Stored| s.registersatz.eintragung.arten = vec!["02".into()];
        let older = |s: &mut Stored| {
            s.registersatz.eintragung.arten = vec!["02".into()];
            s.registersatz.quelle.erstellungszeitpunkt = "2026-01-01T00:00:00Z".parse().unwrap();
        };
        let code = |stored: Vec<Stored>, deleted: Option<&str>| match run(&mut message(), stored, deleted) {
            Ok(flow) => format!("{flow:?}"),
            Err(Trouble::Rejected(all)) => {
                format!("{} {}", all[0].code, all[0].rule.clone().unwrap_or_default())
            }
            Err(Trouble::Ours(text)) => text,
        };
        for (stored, deleted, expected) in [
            (vec![stored(|_| ())], None, "S100 "),
            (vec![stored(newer)], None, "S999 aelter-als-bestand"),
            (vec![stored(older)], None, "Next"),
            (vec![stored(|s| s.partner = "andere".into())], None, "T070 fremder-registersatz"),
            (vec![stored(older), stored(|s| s.id = Uuid::from_u128(8))], None, "S999 mehrdeutig"),
            (vec![], Some("2026-11-21T09:15:30.123Z"), "S999 nach-loeschung"),
            (vec![], Some("2026-11-21T09:15:30.122Z"), "Next"),
            (
                vec![stored(|s| {
                    s.registersatz.quelle.nachrichten_uuid = "7B2D4C10-1F3A-4E55-8B7A-000000000020".into()
                })],
                None,
                "Next",
            ),
        ] {
            assert_eq!(code(stored, deleted), expected);
        }
    }

    #[test]
    fn a_newer_state_replaces_under_the_same_id_and_is_logged_as_read() {
        let mut newer = message();
        let old = stored(|s| {
            s.registersatz.eintragung.vorhanden = false;
            s.registersatz.quelle.erstellungszeitpunkt = "2026-01-01T00:00:00Z".parse().unwrap();
        });
        run(&mut newer, vec![old], None).unwrap();
        assert!(
            matches!(&newer.effects.mirror[..], [MirrorChange::Put { id, .. }] if *id == Uuid::from_u128(7))
        );
        assert_eq!(
            newer.effects.retrievals,
            [Retrieval { step: "mirror".into(), records: vec![Uuid::from_u128(7)] }]
        );
    }

    #[test]
    fn a_record_without_mother_child_or_entry_is_refused() {
        let cuts: [fn(&mut Record); 3] = [|r| r.mutter = None, |r| r.kind = None, |r| r.eintragung = None];
        for cut in cuts {
            let mut message = message();
            cut(&mut message.record);
            let Err(Trouble::Rejected(all)) = Mirror.apply(&mut message, &mut bench()) else { panic!() };
            assert_eq!(all[0].rule.as_deref(), Some("angaben-fehlen"));
        }
    }
}
