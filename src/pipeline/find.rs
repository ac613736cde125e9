//! The verb `find`: what the mirror knows of the child that is asked for, what is open around child and mother (notices, and
//! deliveries that have not had their effect), and what is known of the register of the birthplace. Every record that was read is
//! written down; nothing is decided here.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::effects::{Fact, Question, Retrieval, Stored, Vorgang, VorgangState, objections_key, stand};
use crate::message::Message;
use crate::pipeline::entschieden::{ERGEBNIS, ZURUECKGEZOGEN, key, login_holds, own};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::aemter::{tag, zaehlt_noch};
use crate::register::bestand::Bestand;
use crate::register::entscheidung::Befund;
use crate::register::gemeinden::Gemeinden;
use crate::register::keys::{self, Gesucht, SearchKey};
use crate::register::objection::{self, Sought};
use crate::register::record::{Kind, Mutter};
use crate::register::suche::{sichten, vorgeburt_beruehrt};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::geburtsort;
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "find",
    place: Place::Do,
    about: "Looks for the child in the mirror, exact and near, and for what is open around it; writes every retrieval down.",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "in": { "enum": ["mirror"], "default": "mirror" },
                "rueckstand": {
                    "type": "string",
                    "default": "1h",
                    "description": "how long deliveries of an office may lie unread before nothing of its register is answered, 1m to 24h",
                },
            },
            "additionalProperties": false,
        })
    },
    declares: &[],
    build,
};

/// How long deliveries may lie unread where the route says nothing (rules.md 2.1 c).
pub const RUECKSTAND: SignedDuration = SignedDuration::from_hours(1);

struct Find {
    tafeln: Arc<Tafeln>,
    rueckstand: SignedDuration,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: String, text: &str| SettingFault { path, text: text.to_owned() };
    let mut faults = Vec::new();
    let mut rueckstand = RUECKSTAND;
    match settings {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "in" if value == "mirror" => {}
                    "in" => faults.push(fault("/in".to_owned(), "unknown place; allowed: mirror")),
                    "rueckstand" => {
                        let range = SignedDuration::from_mins(1)..=SignedDuration::from_hours(24);
                        let read = value.as_str().and_then(|text| text.parse::<SignedDuration>().ok());
                        match read.filter(|time| range.contains(time)) {
                            Some(time) => rueckstand = time,
                            None => {
                                let text = "time of 1m to 24h expected, such as `1h`";
                                faults.push(fault("/rueckstand".to_owned(), text));
                            }
                        }
                    }
                    _ => faults.push(fault(format!("/{key}"), "unknown setting; allowed: in, rueckstand")),
                }
            }
        }
        _ => faults.push(fault(String::new(), "not a mapping; write `find: {}`")),
    }
    if faults.is_empty() {
        Ok(Arc::new(Find { tafeln: building.tafeln.clone(), rueckstand }))
    } else {
        Err(faults)
    }
}

impl Step for Find {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn rueckstand(&self) -> Option<SignedDuration> {
        Some(self.rueckstand)
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        if !login_holds(message) {
            // A route that forgot `authorise` must not look anything up.
            let text = "find without a login that holds; put `authorise: { use: … }` before it";
            return Err(Trouble::Ours(text.to_owned()));
        }
        let frueher = self.frueher(message);
        // Each key is made of every spelling of every name: made once, they serve until they are answered.
        let mut questions = std::mem::take(&mut message.asked);
        if questions.is_empty() || !message.answered(&questions) {
            questions = self.questions(message, &frueher);
            if !message.answered(&questions) {
                message.asked.clone_from(&questions);
                return Ok(Flow::Ask(questions));
            }
        }
        let (mut gefunden, now) = (Gefunden::default(), message.now());
        let (mut anew, mut told, resumed) = (false, false, message.resumed.is_some());
        // Since when the oldest lies here of what is unread.
        let mut unread: Option<Timestamp> = None;
        // Of an office that kept the register of the place before only what may be older than the handover.
        let concerns = |amt: &str, since: Timestamp| {
            let kept = frueher.iter().find(|(before, _)| before == amt);
            zaehlt_noch(since, kept.map(|(_, last)| last))
        };
        for (question, answer) in questions.iter().zip(&message.answers) {
            match (question, &answer.fact) {
                (Question::Mirror(_), Fact::Mirror(stored)) => gefunden.saetze(stored),
                (Question::Vorgang(asked), Fact::Vorgang(vorgang)) if *asked == key(message) => {
                    match vorgang.as_ref().map(|before| (before.state, own(message, before))) {
                        None => {}
                        // Its answer was taken back before it left.
                        Some((VorgangState::Eingegangen, true)) if resumed => anew = true,
                        // Whoever asked has withdrawn it meanwhile.
                        Some((VorgangState::Zurueckgezogen, true)) if resumed => {
                            message.values.insert(ERGEBNIS, ZURUECKGEZOGEN.to_owned());
                            return Ok(Flow::Stop);
                        }
                        Some((_, true)) => {
                            let text = "the Vorgang of this request went on before it was decided anew; look at it, and end the \
                                        request with `parked reject`";
                            return Err(Trouble::Ours(text.to_owned()));
                        }
                        Some((_, false)) => {
                            let text = "Zu dieser transaktionsid besteht bereits ein Vorgang.";
                            return Err(Rejection::new(Fault::Other, text).rule("vorgang-besteht").into());
                        }
                    }
                }
                (Question::Vorgang(asked), Fact::Vorgang(alias)) if *asked == nummer(message) => {
                    told = stand::was_told(alias.as_ref().and_then(|alias| alias.deadline), now);
                }
                (Question::Offen(_), Fact::Offen { vorgang, objected }) => {
                    gefunden.offen |= *objected || vorgang.as_ref().is_some_and(offen);
                }
                (Question::Bestand(amt), Fact::Bestand(bestand)) => {
                    gefunden.bestaende.push((amt, bestand.clone()));
                }
                (Question::Objections(Sought::Under(_)), Fact::Objections(found)) => {
                    gefunden.offen |= !found.is_empty();
                }
                (Question::Objections(Sought::Blocks(amt)), Fact::Objections(found)) => {
                    gefunden.gesperrt |= found.iter().any(|one| concerns(amt, one.since));
                }
                (Question::Backlog(amt), Fact::Backlog(since)) => {
                    let held = message.held.get(amt).copied();
                    let lie = since.iter().copied().chain(held).filter(|since| concerns(amt, *since));
                    unread = lie.chain(unread).min();
                }
                _ => {
                    return Err(Trouble::Ours(
                        "find got answers to other questions than it asked".to_owned(),
                    ));
                }
            }
        }
        gefunden.gesperrt |= unread.is_some_and(|since| now.duration_since(since) > self.rueckstand);
        if !gefunden.gelesen.is_empty() {
            let records = std::mem::take(&mut gefunden.gelesen);
            message.effects.retrievals.push(Retrieval { step: ENTRY.word.to_owned(), records });
        }
        let (kind, mutter) = asked_for(message);
        let letzter = frueher.iter().map(|(_, last)| *last).max();
        let mut befund = gefunden.befund(&self.tafeln.gemeinden, &kind, &mutter);
        // Of a part that went over nobody said that it is complete before a list of the office that keeps it now was compared.
        befund.bestand =
            befund.bestand.filter(|known| letzter.is_none_or(|letzter| known.verglichen_nach(letzter)));
        befund.gesagt = anew && told;
        befund.erneut = anew;
        befund.unvollstaendig_ab =
            unread.map(|since| since.checked_add(self.rueckstand).unwrap_or(Timestamp::MAX));
        befund.gesucht = questions.into_iter().filter_map(rests_on).collect();
        message.befund = Some(befund);
        Ok(Flow::Next)
    }
}

impl Find {
    fn questions(&self, message: &Message, frueher: &[(String, Date)]) -> Vec<Question> {
        let mut questions = vec![Question::Vorgang(key(message))];
        if message.resumed.is_some() {
            questions.push(Question::Vorgang(nummer(message)));
        }
        let (Some(kind), Some(mutter)) = (&message.record.kind, &message.record.mutter) else {
            return questions;
        };
        let gesucht = Gesucht::of(&self.tafeln.gemeinden, kind, mutter);
        // What is open stands under fewer keys than objections do.
        let under = |key: SearchKey| match gesucht.offen.contains(&key) {
            true => Question::Offen(key),
            false => Question::Objections(Sought::Under(key)),
        };
        questions.extend(objection::asked(&gesucht).into_iter().map(under));
        questions.extend(gesucht.saetze.into_iter().map(Question::Mirror));
        let heute = tag(message.now());
        let amt = geburtsort(kind, &self.tafeln, heute).amt();
        // What an office took over stands under its predecessor, and what that left unread stays so.
        let aemter = amt.map(|amt| self.tafeln.aemter.mit_vorgaengern(&amt.id, heute));
        for amt in aemter.into_iter().flatten() {
            questions.push(Question::Bestand(amt.clone()));
            questions.push(Question::Backlog(amt.clone()));
            questions.push(Question::Objections(Sought::Blocks(amt)));
        }
        // What those left open who kept the register of this place before may be about the child.
        for (amt, _) in frueher {
            questions.push(Question::Backlog(amt.clone()));
            questions.push(Question::Objections(Sought::Blocks(amt.clone())));
        }
        questions
    }

    fn frueher(&self, message: &Message) -> Vec<(String, Date)> {
        let kind = message.record.kind.as_ref();
        kind.map(|kind| self.tafeln.frueher(kind, tag(message.now()))).unwrap_or_default()
    }
}

fn asked_for(message: &Message) -> (Kind, Mutter) {
    (message.record.kind.clone().unwrap_or_default(), message.record.mutter.clone().unwrap_or_default())
}

/// The key of what leads from our id of the request to its Vorgang.
fn nummer(message: &Message) -> SearchKey {
    keys::nummer(message.envelope.head.id)
}

/// Whether something under this key still waits for an office or a person.
fn offen(vorgang: &Vorgang) -> bool {
    let ended = matches!(
        vorgang.state,
        VorgangState::Zugestellt | VorgangState::Abgelaufen | VorgangState::Zurueckgezogen
    );
    !vorgang.akte.offen.is_empty() && !ended
}

/// What the answers bring together.
#[derive(Default)]
struct Gefunden<'a> {
    saetze: Vec<Arc<Stored>>,
    gelesen: Vec<Uuid>,
    offen: bool,
    gesperrt: bool,
    /// What is known of the register of the birthplace, then of those that its office took over.
    bestaende: Vec<(&'a str, Option<Bestand>)>,
}

impl Gefunden<'_> {
    /// Takes records in, each once: several keys lead to the same one.
    fn saetze(&mut self, stored: &[Arc<Stored>]) {
        for one in stored {
            if self.gelesen.contains(&one.id) {
                continue;
            }
            self.gelesen.push(one.id);
            self.saetze.push(one.clone());
        }
    }

    fn befund(self, orte: &Gemeinden, kind: &Kind, mutter: &Mutter) -> Befund {
        let (vorgeburtlich, geboren): (Vec<_>, Vec<_>) =
            self.saetze.into_iter().partition(|stored| keys::vorgeburtlich(&stored.registersatz.kind));
        // What was delivered before the birth is no record of the child, but it may well be about it.
        let offen = self.offen
            || vorgeburtlich.iter().any(|stored| vorgeburt_beruehrt(kind, mutter, &stored.registersatz));
        let gefunden = geboren.iter().map(|one| (one.id, one.partner.clone(), one.registersatz.clone()));
        // Of a register of which something lies here unread nobody may say that it is complete.
        let bestand = Bestand::zusammen(self.bestaende).filter(|_| !self.gesperrt);
        Befund { kandidaten: sichten(orte, kind, mutter, gefunden), offen, bestand, ..Befund::default() }
    }
}

/// The key under which that stands which would speak against a Negativauskunft.
fn rests_on(question: Question) -> Option<SearchKey> {
    match question {
        Question::Mirror(key) | Question::Offen(key) | Question::Objections(Sought::Under(key)) => Some(key),
        Question::Objections(Sought::Blocks(amt)) => Some(objections_key(&amt)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::entschieden::ANMELDUNG;
    use crate::pipeline::testing::{answering, antrag, bench, decided};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::bestand::Abgleich;
    use crate::register::entscheidung::Fall;
    use crate::register::objection::{Objection, Why};

    /// What is known of the register of a child whose place went from Bremen to Hamburg on the fifteenth; Bremen lives on.
    fn bestand(answer: &dyn Fn(&Question) -> Option<Fact>) -> Option<Bestand> {
        let gebiet = |ars: &str, von, bis| Gebiet { ars: ars.into(), von, bis };
        let amt = |id: &str, gebiete| Amt { id: id.into(), gebiete, ..Amt::default() };
        let (last, first) = (Date::constant(2026, 11, 14), Date::constant(2026, 11, 15));
        let mut tafeln = Tafeln::default();
        tafeln.aemter.aemter = vec![
            amt("bremen", vec![gebiet("04011", None, Some(last)), gebiet("04012", None, None)]),
            amt("hamburg", vec![gebiet("02", None, None), gebiet("04011", Some(first), None)]),
        ];
        tafeln.gemeinden.add("BREMEN".into(), "040110000000");
        let step = Find { tafeln: Arc::new(tafeln), rueckstand: RUECKSTAND };
        let mut message = antrag();
        message.values.insert(ANMELDUNG, "mutter".to_owned());
        let fact = |question: &Question| {
            answer(question).unwrap_or_else(|| match question {
                Question::Mirror(_) => Fact::Mirror(Vec::new()),
                Question::Vorgang(_) => Fact::Vorgang(None),
                Question::Offen(_) => Fact::Offen { vorgang: None, objected: false },
                Question::Bestand(amt) => {
                    assert_eq!(amt, "hamburg", "only who keeps it today says that it is complete");
                    Fact::Bestand(Some(compared("2026-11-15T08:00:00Z")))
                }
                Question::Objections(_) => Fact::Objections(Vec::new()),
                Question::Backlog(_) => Fact::Backlog(None),
                _ => panic!("unexpected question"),
            })
        };
        answering(&mut message, |message| step.apply(message, &mut bench()), fact).unwrap();
        message.befund.unwrap().bestand
    }

    /// A register whose list was compared without a gap as of a moment.
    fn compared(stand: &str) -> Bestand {
        let stand: Timestamp = stand.parse().unwrap();
        let (mit, person) = (Vec::new(), "anna".to_owned());
        let abgleich = Abgleich {
            am: stand,
            stand: Some(stand),
            erwartet: 1,
            gezaehlt: 1,
            fehlend: 0,
            ueberzaehlig: 0,
            person,
            liste: true,
            mit,
        };
        Bestand { abgleich: Some(abgleich), ..Bestand::default() }
    }

    #[test]
    fn a_part_that_went_over_is_complete_once_a_list_of_who_keeps_it_now_was_compared() {
        let with = |known: Bestand| {
            bestand(&move |question| match question {
                Question::Bestand(_) => Some(Fact::Bestand(Some(known.clone()))),
                _ => None,
            })
        };
        let after = compared("2026-11-15T08:00:00Z");
        assert!(with(after.clone()).is_some());
        assert!(with(compared("2026-11-14T22:59:59Z")).is_none(), "of the last day of the office before");
        assert!(with(Bestand::default()).is_none());
        let gap = |change: fn(&mut Abgleich)| {
            let mut known = after.clone();
            known.abgleich.iter_mut().for_each(change);
            with(known)
        };
        assert!(
            gap(|abgleich| abgleich.fehlend = 1).is_none()
                && gap(|abgleich| abgleich.liste = false).is_none()
        );
    }

    #[test]
    fn a_request_that_was_withdrawn_before_it_was_decided_anew_ends_and_is_looked_up_no_more() {
        let step = Find { tafeln: Arc::new(Tafeln::default()), rueckstand: RUECKSTAND };
        let mut message = antrag();
        message.values.insert(ANMELDUNG, "mutter".to_owned());
        message.resumed = Some(crate::message::Resumed { at: message.now(), expired: false });
        let before = decided(antrag(), Fall::A).vorgang.unwrap().vorgang;
        assert_eq!(before.akte.nummer, Some(message.envelope.head.id));
        let before = Vorgang { state: VorgangState::Zurueckgezogen, ..before };
        assert_eq!(stand::of_vorgang(&before).as_str(), "abgeschlossen");
        let begun = key(&message);
        let flow = answering(
            &mut message,
            |message| step.apply(message, &mut bench()),
            |question| match question {
                Question::Vorgang(asked) if *asked == begun => Fact::Vorgang(Some(before.clone())),
                Question::Vorgang(_) => Fact::Vorgang(None),
                Question::Mirror(_) => Fact::Mirror(Vec::new()),
                Question::Offen(_) => Fact::Offen { vorgang: None, objected: false },
                Question::Bestand(_) => Fact::Bestand(None),
                Question::Objections(_) => Fact::Objections(Vec::new()),
                _ => Fact::Backlog(None),
            },
        );
        assert!(matches!(flow, Ok(Flow::Stop)), "{flow:?}");
        assert_eq!(message.values.get(ERGEBNIS).map(String::as_str), Some(ZURUECKGEZOGEN));
        assert!(message.befund.is_none() && message.effects.retrievals.is_empty());
    }

    #[test]
    fn what_the_office_before_left_unread_concerns_the_part_that_went_over_until_it_is_ended() {
        assert!(bestand(&|_| None).is_some());
        for (since, free) in
            [("2026-11-14T10:00:00Z", false), ("2026-11-15T22:00:00Z", false), ("2026-11-15T23:00:00Z", true)]
        {
            let since: Timestamp = since.parse().unwrap();
            let blocks = |question: &Question| match question {
                Question::Objections(Sought::Blocks(amt)) if amt == "bremen" => {
                    Some(Fact::Objections(vec![Objection {
                        amt: amt.clone(),
                        delivery: Uuid::nil(),
                        why: Why::Unreadable,
                        message: String::new(),
                        made: since,
                        since,
                        closed: None,
                        released: None,
                    }]))
                }
                _ => None,
            };
            assert_eq!(bestand(&blocks).is_some(), free, "unreadable since {since}");
            let backlog = |question: &Question| match question {
                Question::Backlog(amt) if amt == "bremen" => Some(Fact::Backlog(Some(since))),
                _ => None,
            };
            assert_eq!(bestand(&backlog).is_some(), free, "waits since {since}");
        }
        let own = |question: &Question| match question {
            Question::Backlog(amt) if amt == "hamburg" => {
                Some(Fact::Backlog(Some("2026-11-20T10:00:00Z".parse().unwrap())))
            }
            _ => None,
        };
        assert!(bestand(&own).is_none(), "its own counts whenever it came");
    }
}
