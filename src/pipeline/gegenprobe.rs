//! The word `gegenprobe`: an accepted delivery shows an Eintragung; where a Negativauskunft was issued for this child and nothing of it has left,
//! it is taken back and its request decided anew. Else the office that issued it is told, with its reference, and a person is called
//! (rules.md 2.7). Takes nothing back that may have left: what follows is the office's decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{
    Call, Fact, MirrorChange, Question, Retrieval, Stored, TakeBack, Then, Vorgang, VorgangChange,
    VorgangState,
};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::entschieden::key_of;
use crate::pipeline::jugendamt::{today, way};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::{answer, nachweis, sending, settings, tell};
use crate::register::aemter::tag;
use crate::register::entscheidung::Fall;
use crate::register::gemeinden::Gemeinden;
use crate::register::keys::{self, SearchKey};
use crate::register::record::Registersatz;
use crate::register::suche::{sichten, wird_erwartet};
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Akte;
use crate::xoev::contract::Standards;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "gegenprobe",
    place: Place::Send,
    about: "Takes back a Negativauskunft that has not left where a delivery shows an Eintragung that it denied; else tells the issuing Jugendamt and calls a person.",
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    declares: &[],
    build,
};

/// Message type of the task for the office.
pub const MESSAGE: &str = "drehscheibe.auskunft-pruefen";
/// The code of the alarm where the Eintragung existed at the Stand of the Auskunft.
pub const CONTRADICTED: &str = "auskunft-contradicted";
/// The code where it was delivered as of later, so that it may be younger.
pub const DOUBTFUL: &str = "auskunft-doubtful";

struct Gegenprobe {
    reach: Arc<Reach>,
    tafeln: Arc<Tafeln>,
    give_up_after: Duration,
    /// Message types that say nothing of an answer.
    beside: Arc<[String]>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    settings::none(settings, ENTRY.word)?;
    let (reach, tafeln) = (building.reach.clone(), building.tafeln.clone());
    let beside = beside(building.standards);
    Ok(Arc::new(Gegenprobe { reach, tafeln, give_up_after: building.give_up_after, beside }))
}

/// Receipts and rejections of every standard, what tells that something is done, and what tells an application the same whatever the case is:
/// where these have left, no answer has.
pub fn beside(standards: &dyn Standards) -> Arc<[String]> {
    let mut beside = BTreeSet::from([tell::MESSAGE.to_owned(), nachweis::MESSAGE.to_owned()]);
    for known in standards.known() {
        let answering = standards.answering(&known.standard, Some(&known.version));
        beside.extend(answering.into_iter().flat_map(|one| [one.receipt, one.rejection]).flatten());
    }
    beside.into_iter().collect()
}

/// What is asked to take back an answer that is not delivered; `None` of what is being decided anew already.
pub fn take_back(beside: &Arc<[String]>, vorgang: &Vorgang, then: Then) -> Option<TakeBack> {
    let decided = vorgang.state == VorgangState::Entschieden;
    let (cause, vorgang) = (vorgang.akte.nummer?, key_of(&vorgang.akte)?);
    decided.then(|| TakeBack { cause, vorgang, beside: beside.clone(), then })
}

/// The record with an Eintragung that a delivery brings into the mirror, and the keys under which it will stand there.
fn shown(message: &Message) -> Option<(Uuid, &Registersatz, &[SearchKey])> {
    message.effects.mirror.iter().find_map(|change| match change {
        MirrorChange::Put { id, registersatz, keys, .. } => {
            let entered = registersatz.eintragung.vorhanden || !registersatz.eintragung.arten.is_empty();
            entered.then_some((*id, registersatz.as_ref(), keys.as_slice()))
        }
        MirrorChange::Remove { .. } => None,
    })
}

impl Step for Gegenprobe {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let Some((id, satz, keys)) = shown(message) else { return Ok(Flow::Next) };
        let satz = satz.clone();
        // Also of a second record of the same child: by these keys a request for a child near it looks.
        let keys = keys.iter().filter(|key| key.gesucht()).cloned();
        let mut questions: Vec<Question> = keys.map(Question::Ausgestellt).collect();
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let issued = issued(message, questions.len())?;
        if issued.is_empty() {
            return Ok(Flow::Next);
        }
        let begun = questions.len();
        for vorgang in issued.values() {
            questions.push(Question::Vorgang(keys::widerspruch(vorgang.id)));
            questions.extend(vorgang.akte.satz.map(|satz| Question::Mirror(keys::satz(satz))));
            questions.extend(take_back(&self.beside, vorgang, Then::Anew).map(Question::Unsent));
        }
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let answers: Vec<Fact> = message.answers[begun..].iter().map(|answer| answer.fact.clone()).collect();
        let mut answers = answers.into_iter();
        let mut read = Vec::new();
        for vorgang in issued.into_values() {
            let other = || Trouble::Ours("gegenprobe got other answers than it asked for".to_owned());
            let Some(Fact::Vorgang(before)) = answers.next() else { return Err(other()) };
            let records = match vorgang.akte.satz.map(|_| answers.next()) {
                None => Vec::new(),
                Some(Some(Fact::Mirror(records))) => records,
                Some(_) => return Err(other()),
            };
            let back = take_back(&self.beside, &vorgang, Then::Anew);
            let unsent = match back.as_ref().map(|_| answers.next()) {
                None => false,
                Some(Some(Fact::Unsent(unsent))) => unsent,
                Some(_) => return Err(other()),
            };
            read.extend(records.iter().map(|stored| stored.id));
            if !same_child(&self.tafeln.gemeinden, (id, &satz), &vorgang, &records) {
                continue;
            }
            match back.filter(|_| unsent) {
                Some(back) => {
                    message
                        .audit(ENTRY.word, &[("vorgang", &vorgang.id.to_string()), ("auskunft", "zurueck")]);
                    message.effects.take_backs.push(back);
                }
                None if before.is_none() => self.tell(message, &vorgang, satz.quelle.moment()),
                None => {}
            }
        }
        if !read.is_empty() {
            message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records: read });
        }
        Ok(Flow::Next)
    }
}

/// The Negativauskünfte that were issued for children near this one, each once.
fn issued(message: &Message, asked: usize) -> Result<BTreeMap<Uuid, Vorgang>, Trouble> {
    let mut issued = BTreeMap::new();
    for answer in message.answers.iter().take(asked) {
        let Fact::Ausgestellt(found) = &answer.fact else {
            return Err(Trouble::Ours("gegenprobe got other answers than it asked for".to_owned()));
        };
        issued.extend(
            found
                .iter()
                // What is decided anew is no Auskunft any more.
                .filter(|vorgang| vorgang.state != VorgangState::Eingegangen)
                .filter(|vorgang| vorgang.akte.fall == Some(Fall::A))
                .map(|vorgang| (vorgang.id, vorgang.clone())),
        );
    }
    Ok(issued)
}

/// Whether the record for which a Negativauskunft was issued and the delivered one may be of one child. Where that record is gone, or was
/// changed since, nobody can say that it is not: the keys are the child's.
fn same_child(
    orte: &Gemeinden,
    (id, satz): (Uuid, &Registersatz),
    vorgang: &Vorgang,
    records: &[Arc<Stored>],
) -> bool {
    // What it says since is not what the Auskunft rested on: put right, it may be another child's now, and nobody can say that this one is not.
    let since = |stored: &Arc<Stored>| {
        let quelle = &stored.registersatz.quelle;
        vorgang.akte.stand.is_none_or(|stand| quelle.empfangen.unwrap_or(quelle.erstellungszeitpunkt) > stand)
    };
    if records.is_empty() || vorgang.akte.satz == Some(id) || records.iter().any(since) {
        return true;
    }
    if keys::vorgeburtlich(&satz.kind) {
        return records.iter().any(|stored| wird_erwartet(&stored.registersatz.kind, &satz.kind));
    }
    let found = records.iter().map(|one| (one.id, one.partner.clone(), one.registersatz.clone()));
    !sichten(orte, &satz.kind, &satz.mutter, found).is_empty()
}

impl Gegenprobe {
    /// Calls a person, writes the task, and notes both, so that it happens once for each Auskunft.
    fn tell(&self, message: &mut Message, vorgang: &Vorgang, moment: Timestamp) {
        let stand = vorgang.akte.stand;
        // No delivery says since when an Eintragung exists, nor does a Korrektur: what it gives as it was is what was delivered before,
        // which may be what it corrects. Where it was made after the Auskunft it may be younger, and it may not: the office looks,
        // and nobody is called by night.
        let certain = stand.is_some_and(|stand| moment <= stand);
        let text = match certain {
            true => {
                "Am Stand dieser Negativauskunft bestand bereits eine Eintragung im Sorgeregister; sie ging uns erst danach zu. Bitte \
                     prüfen Sie die Auskunft und unterrichten Sie die Mutter."
            }
            false => {
                "Nach dem Stand dieser Negativauskunft wurde uns eine Eintragung im Sorgeregister gemeldet; ob sie schon an diesem Stand \
                      bestand, sagt die Lieferung nicht. Bitte prüfen Sie es beim registerführenden Jugendamt."
            }
        };
        let reference = vorgang.akte.nummer;
        let task = json!({
            "art": "auskunft-pruefen",
            "referenz": reference,
            "transaktionsid": vorgang.akte.transaktionsid,
            "stand": stand.map(answer::zeitpunkt),
            "eintragung": if certain { "bestand" } else { "moeglich" },
            "text": text,
        });
        let purpose = format!("{}:{}", ENTRY.word, vorgang.id);
        let document = sending::json_document(message, MESSAGE, message.derived_id(&purpose), &task);
        let owner = Some(vorgang.owner.as_str()).filter(|owner| !owner.is_empty());
        let office = owner.map(|owner| today(&self.tafeln, owner, tag(message.now())));
        let (partner, destination) = way(&self.reach, office.as_deref());
        let addressed = (partner.as_str(), destination.as_str());
        let mut send =
            sending::at_once(message, &purpose, addressed, document, Vec::new(), self.give_up_after);
        send.correlation = reference.map(|reference| reference.to_string());
        message.effects.sends.push(send);
        let id = vorgang.id.to_string();
        let code = if certain { CONTRADICTED } else { DOUBTFUL };
        let facts = vec![("vorgang", id.clone())];
        message.effects.calls.push(Call { code, subject: partner, facts });
        message.audit(ENTRY.word, &[("vorgang", &id), ("bestand", if certain { "ja" } else { "moeglich" })]);
        let (owner, state) = (String::new(), VorgangState::Zugestellt);
        let akte = Akte { art: ALIAS.to_owned(), ..Akte::default() };
        let noted = Vorgang { id: vorgang.id, owner, state, deadline: None, akte };
        // Not in the Vorgang itself: who delivers may belong to another Mandant than who asked, and no row of a Vorgang is to become its own by
        // that.
        message.effects.vorgaenge.push(VorgangChange { key: keys::widerspruch(vorgang.id), vorgang: noted });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{answering, bench, building, message};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::record::{Eintragung, Kind, Mutter, Quelle, TeilDatum};

    const STAND: &str = "2026-11-21T09:16:00Z";

    /// The sample as the mirror takes it in.
    fn delivered(change: impl FnOnce(&mut Registersatz)) -> Message {
        let mut message = message();
        let record = &message.record;
        let mut satz = Registersatz {
            mutter: record.mutter.clone().unwrap(),
            kind: record.kind.clone().unwrap(),
            eintragung: record.eintragung.clone().unwrap(),
            quelle: Quelle {
                message: "xfamilie.0804".into(),
                nachrichten_uuid: "u".into(),
                autor: "jga:1".into(),
                erstellungszeitpunkt: "2026-11-21T09:15:30Z".parse().unwrap(),
                empfangen: None,
                transaktionsid: None,
                spaetestens: None,
            },
            vermerk: Default::default(),
        };
        change(&mut satz);
        message.effects.mirror.push(MirrorChange::put(Uuid::from_u128(1), satz));
        message
    }

    fn auskunft(change: impl FnOnce(&mut Akte)) -> Vorgang {
        let mut akte = Akte {
            art: "antrag".into(),
            partner: "kita".into(),
            nummer: Some(Uuid::from_u128(40)),
            transaktionsid: Some("t-1".into()),
            fall: Some(Fall::A),
            stand: STAND.parse().ok(),
            satz: Some(Uuid::from_u128(1)),
            ..Akte::default()
        };
        change(&mut akte);
        let (id, owner, state) = (Uuid::from_u128(9), "jugendamt-hamburg".into(), VorgangState::Zugestellt);
        Vorgang { id, owner, state, deadline: None, akte }
    }

    /// Runs it where these were issued under every key, and these records stand in the mirror.
    fn run(message: &mut Message, issued: &[Vorgang], records: &[Stored]) {
        run_after(message, issued, records, &[]);
    }

    /// The same where offices were told before.
    fn run_after(message: &mut Message, issued: &[Vorgang], records: &[Stored], before: &[VorgangChange]) {
        let step = building(|building| build(&json!({}), building)).unwrap();
        run_step(&*step, message, issued, records, before);
    }

    fn run_step(
        step: &dyn Step,
        message: &mut Message,
        issued: &[Vorgang],
        records: &[Stored],
        before: &[VorgangChange],
    ) {
        let outcome = answering(
            message,
            |message| step.apply(message, &mut bench()),
            |question| match question {
                Question::Ausgestellt(_) => Fact::Ausgestellt(issued.to_vec()),
                Question::Vorgang(asked) => Fact::Vorgang(
                    before.iter().find(|change| change.key == *asked).map(|change| change.vorgang.clone()),
                ),
                Question::Mirror(asked) => {
                    let of = |stored: &&Stored| keys::satz(stored.id) == *asked;
                    Fact::mirror(records.iter().filter(of).cloned())
                }
                other => panic!("{other:?}"),
            },
        );
        assert_eq!(outcome, Ok(Flow::Next));
    }

    #[test]
    fn the_issuing_office_gets_a_task_with_the_reference_and_nobody_is_named() {
        let mut message = delivered(|_| ());
        run(&mut message, &[auskunft(|_| ())], &[]);
        let [send] = message.effects.sends.as_slice() else { panic!() };
        assert_eq!(
            (send.partner.as_str(), send.destination.as_str()),
            ("jugendamt-hamburg", "trays:jugendamt-hamburg")
        );
        let told: Value = serde_json::from_slice(&send.body).unwrap();
        let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["art", "referenz", "transaktionsid", "stand", "eintragung", "text"]);
        assert_eq!(told["referenz"], json!(Uuid::from_u128(40)));
        assert_eq!(told["eintragung"], "bestand");
        let [call] = message.effects.calls.as_slice() else { panic!() };
        assert_eq!((call.code, call.subject.as_str()), (CONTRADICTED, "jugendamt-hamburg"));
        let [change] = message.effects.vorgaenge.as_slice() else { panic!() };
        let noted = Akte { art: ALIAS.into(), ..Akte::default() };
        assert_eq!(
            (change.vorgang.akte.clone(), change.vorgang.owner.as_str()),
            (noted, ""),
            "it names nothing"
        );
        // Told once: the next delivery finds it noted.
        let mut next = delivered(|_| ());
        run_after(&mut next, &[auskunft(|_| ())], &[], std::slice::from_ref(change));
        assert!(next.effects.sends.is_empty() && next.effects.calls.is_empty());
    }

    #[test]
    fn what_has_not_left_is_taken_back_and_nobody_is_called() {
        let decided = |state| Vorgang { state, ..auskunft(|_| ()) };
        for (state, unsent, before) in [
            (VorgangState::Entschieden, true, false),
            // That somebody was told before does not let it leave.
            (VorgangState::Entschieden, true, true),
            (VorgangState::Entschieden, false, false),
            (VorgangState::Zugestellt, true, false),
            (VorgangState::Eingegangen, true, false),
        ] {
            let mut message = delivered(|_| ());
            let step = building(|building| build(&json!({}), building)).unwrap();
            let outcome = answering(
                &mut message,
                |message| step.apply(message, &mut bench()),
                |question| match question {
                    Question::Ausgestellt(_) => Fact::Ausgestellt(vec![decided(state)]),
                    Question::Vorgang(_) => Fact::Vorgang(before.then(|| decided(VorgangState::Zugestellt))),
                    Question::Mirror(_) => Fact::mirror([]),
                    Question::Unsent(back) => {
                        assert_eq!(
                            (back.cause, &back.vorgang),
                            (Uuid::from_u128(40), &keys::vorgang("kita", "t-1"))
                        );
                        for tells in ["drehscheibe.stand", "drehscheibe.nachweis"] {
                            assert!(back.beside.iter().any(|other| other == tells), "{tells}");
                        }
                        assert!(!back.beside.iter().any(|other| other == "drehscheibe.auskunft"));
                        Fact::Unsent(unsent)
                    }
                    other => panic!("{other:?}"),
                },
            );
            assert_eq!(outcome, Ok(Flow::Next));
            let back = state == VorgangState::Entschieden && unsent;
            assert_eq!(message.effects.take_backs.len(), usize::from(back), "{state:?}");
            let told = !back && !before && state != VorgangState::Eingegangen;
            assert_eq!(message.effects.calls.len(), usize::from(told), "{state:?}");
            assert_eq!(message.effects.sends.len(), usize::from(told), "{state:?}");
        }
    }

    #[test]
    fn the_task_goes_to_the_office_that_stands_there_today() {
        let mut tafeln = Tafeln::default();
        let amt = |id: &str, bis: Option<&str>, nachfolge: Option<&str>| Amt {
            id: id.into(),
            gebiete: vec![Gebiet { ars: "02".into(), von: None, bis: bis.map(|day| day.parse().unwrap()) }],
            nachfolge: nachfolge.map(str::to_owned),
            ..Amt::default()
        };
        for (last, office) in [("2026-11-20", "jugendamt-bremen"), ("2026-11-21", "jugendamt-hamburg")] {
            let old = amt("jugendamt-hamburg", Some(last), Some("jugendamt-bremen"));
            tafeln.aemter.aemter = vec![old, amt("jugendamt-bremen", None, None)];
            let step = building(|building| {
                build(&json!({}), &Building { tafeln: Arc::new(tafeln.clone()), ..building.clone() })
            });
            let mut message = delivered(|_| ());
            run_step(&*step.unwrap(), &mut message, &[auskunft(|_| ())], &[], &[]);
            let [send] = message.effects.sends.as_slice() else { panic!() };
            let way = format!("trays:{office}");
            assert_eq!((send.partner.as_str(), &*send.destination), (office, way.as_str()), "{last}");
            assert_eq!(message.effects.calls[0].subject, office);
        }
    }

    #[test]
    fn it_asks_under_the_keys_that_the_record_is_kept_under() {
        let mut message = delivered(|_| ());
        let Some(MirrorChange::Put { registersatz, keys, .. }) = message.effects.mirror.first_mut() else {
            panic!()
        };
        let (kind, mutter) = (registersatz.kind.clone(), registersatz.mutter.clone());
        let gone = keys.remove(1);
        let step = building(|building| build(&json!({}), building)).unwrap();
        let Ok(Flow::Ask(questions)) = step.apply(&mut message, &mut bench()) else { panic!() };
        let asks = |key: &SearchKey| questions.contains(&Question::Ausgestellt(key.clone()));
        assert!(!asks(&gone) && !asks(&keys::satz(Uuid::from_u128(1))));
        // Those of a record whose dates are known in part, or from before a birth, are no keys of this one.
        let kept: Vec<SearchKey> =
            keys::near(&kind, &mutter).into_iter().filter(|key| *key != gone).collect();
        assert!(kept.len() > 1 && kept.iter().all(asks));
    }

    #[test]
    fn an_entry_that_may_be_younger_is_told_as_possible() {
        let mut message =
            delivered(|satz| satz.quelle.erstellungszeitpunkt = "2026-11-21T09:20:00Z".parse().unwrap());
        run(&mut message, &[auskunft(|_| ())], &[]);
        let told: Value = serde_json::from_slice(&message.effects.sends[0].body).unwrap();
        assert_eq!(told["eintragung"], "moeglich");
        assert_eq!(message.effects.calls[0].code, DOUBTFUL, "nobody is called by night");
    }

    #[test]
    fn each_auskunft_is_told_to_its_own_office() {
        let mut message = delivered(|_| ());
        let mut other = auskunft(|akte| akte.transaktionsid = Some("t-2".into()));
        (other.id, other.owner) = (Uuid::from_u128(10), "jugendamt-bremen".into());
        let mut third = auskunft(|akte| akte.transaktionsid = Some("t-3".into()));
        (third.id, third.owner) = (Uuid::from_u128(11), "jugendamt-bremen".into());
        run(&mut message, &[auskunft(|_| ()), other, third], &[]);
        let mut told: Vec<&str> = message.effects.sends.iter().map(|send| send.partner.as_str()).collect();
        told.sort_unstable();
        assert_eq!(told, ["jugendamt-bremen", "jugendamt-bremen", "jugendamt-hamburg"]);
        assert_eq!(message.effects.vorgaenge.len(), 3);
        let mut ids: Vec<Uuid> = message.effects.sends.iter().map(|send| send.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn a_second_record_of_the_child_counts_and_another_child_does_not() {
        let of = |change: fn(&mut Kind, &mut Mutter)| {
            let source = delivered(|_| ());
            let Some((_, registersatz, _)) = shown(&source) else { panic!() };
            let mut registersatz = registersatz.clone();
            change(&mut registersatz.kind, &mut registersatz.mutter);
            registersatz.eintragung = Eintragung::default();
            Stored { id: Uuid::from_u128(5), mandant: "b".into(), partner: "b".into(), registersatz }
        };
        let issued = || auskunft(|akte| akte.satz = Some(Uuid::from_u128(5)));
        let second = of(|kind, _| kind.namen[0].vornamen = Some("Lia".into()));
        let other = of(|kind, mutter| {
            kind.namen[0].vornamen = Some("Konrad".into());
            kind.namen[0].familienname = Some("Ganzanders".into());
            kind.geburtsort = Some("Hamburg".into());
            kind.register_ars = Some("020000000000".into());
            mutter.name = Default::default();
        });
        // What was made another child's after the Auskunft says nothing of what it rested on.
        let mut since = other.clone();
        since.registersatz.quelle.empfangen =
            STAND.parse::<Timestamp>().ok().map(|at| at + Duration::from_secs(1));
        for (records, told) in [(vec![second], 1), (vec![other], 0), (vec![since], 1), (vec![], 1)] {
            let mut message = delivered(|_| ());
            run(&mut message, &[issued()], &records);
            assert_eq!(message.effects.sends.len(), told);
        }
    }

    #[test]
    fn what_was_entered_before_the_birth_counts_for_the_child_that_was_expected() {
        let source = delivered(|_| ());
        let Some((_, registersatz, _)) = shown(&source) else { panic!() };
        let registersatz = registersatz.clone();
        let born = Stored { id: Uuid::from_u128(5), mandant: "b".into(), partner: "b".into(), registersatz };
        for (erwartet, told) in [
            ("2024-10", 1),
            ("2024-06-01", 1),
            ("2024-11", 0),
            ("2026-08", 0),
            ("2024", 1),
            ("2025", 0),
            ("2026", 0),
        ] {
            let mut message = delivered(|satz| {
                satz.kind = Kind { erwartet: TeilDatum::parse(erwartet), ..Kind::default() };
            });
            run(&mut message, &[auskunft(|akte| akte.satz = Some(born.id))], std::slice::from_ref(&born));
            assert_eq!(message.effects.sends.len(), told, "{erwartet}");
        }
    }

    #[test]
    fn without_an_entry_or_a_negativauskunft_there_is_nothing_to_tell() {
        let mut message = delivered(|satz| satz.eintragung = Eintragung::default());
        run(&mut message, &[auskunft(|_| ())], &[]);
        assert!(message.effects.sends.is_empty());
        let mut message = delivered(|_| ());
        run(&mut message, &[auskunft(|akte| akte.fall = Some(Fall::B))], &[]);
        assert!(message.effects.sends.is_empty());
        let mut refused = crate::pipeline::testing::message();
        run(&mut refused, &[], &[]);
        assert!(refused.effects.sends.is_empty());
    }
}
