//! The verb `bestand`: what is known of the completeness and freshness of a Jugendamt's register (rules.md 6).
//! Persons begin, compare and sign; the office itself only reports. Never lets a partner's system sign for a person.
//!
//! What an office counts for its Bestandsmeldung (`anzahl`) is its whole register as the platform must hold it by the office's own books:
//! without Registersätze whose first delivery was sent and is not receipted by a 0011, with those whose 0806 is not receipted. One that was
//! never sent counts, so that it shows as a gap. Here the count must simply equal the mirror's.
//!
//! What went over to another office with a part of the area is in the new keeper's book, not in the old one's, from the first day on. In the
//! mirror it stands under the old office until the new one delivers it; it is not counted as the old one's meanwhile.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::effects::{BestandChange, Call, Fact, Question};
use crate::envelope::How;
use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{answer, uhr};
use crate::register::aemter::{Aemter, beginn, nachklang, tag};
use crate::register::bestand::{Abgleich, Bestand, Hindernis, Meldung};
use crate::register::objection::{ObjectionChange, Which};
use crate::register::record::{Registermeldung, moment};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::MELDEFRIST;
use crate::register::uhr::TOLERANCE;
use crate::rejection::{Fault, Rejection};

/// The standard of deliveries where the route says nothing.
const STANDARD: &str = "xfamilie";

/// The code of the alarm about a Bestandsmeldung that does not agree with the mirror.
pub const DISAGREES: &str = "bestand-weicht-ab";

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "bestand",
    place: Place::Do,
    about: "Takes in what is said of a register as a whole: begin, comparison, signature, daily Bestandsmeldung (counts as receipted).",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "standard": {
                    "type": "string",
                    "default": STANDARD,
                    "description": "the standard in which the office delivers; its last message is looked for there",
                },
            },
            "additionalProperties": false,
        })
    },
    declares: &[],
    build,
};

struct Stand {
    standard: String,
    tafeln: Arc<Tafeln>,
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| vec![SettingFault { path: path.to_owned(), text: text.to_owned() }];
    let standard = match settings {
        Value::Null => STANDARD,
        Value::Object(map) => {
            if let Some(key) = map.keys().find(|key| *key != "standard") {
                return Err(fault(&format!("/{key}"), "unknown setting; allowed: standard"));
            }
            map.get("standard").map_or(Some(STANDARD), Value::as_str).unwrap_or_default()
        }
        _ => return Err(fault("", "not a mapping; write `bestand: {}`")),
    };
    if standard.is_empty() {
        return Err(fault("/standard", "name a standard, such as `xfamilie`"));
    }
    Ok(Arc::new(Stand { standard: standard.to_owned(), tafeln: building.tafeln.clone() }))
}

/// The person that ordered a message, where a person did: by a command of this house, never by what a partner sent.
pub fn person(message: &Message) -> Option<&str> {
    let head = &message.envelope.head;
    let ours = head.partner.as_ref().is_some_and(|partner| partner.how == How::Internal);
    head.acting_person.as_deref().filter(|person| ours && !person.trim().is_empty())
}

/// What is said of a register; of another office's than the sender's it is refused.
pub fn registermeldung(message: &Message) -> Result<&Registermeldung, Trouble> {
    let Some(said) = &message.record.registermeldung else {
        return Err(Trouble::Ours(
            "this message says nothing of a register; take it off the route".to_owned(),
        ));
    };
    if said.jugendamt.as_ref().is_some_and(|jugendamt| *jugendamt != message.sender.id) {
        let text = "Die Meldung spricht von dem Register einer anderen Stelle.";
        return Err(Rejection::new(Fault::Authority, text).rule("fremdes-register").into());
    }
    Ok(said)
}

/// What only a person may order.
pub fn only_persons() -> Trouble {
    let text = "Das ordnet nur eine berechtigte Person an, nicht ein Fachverfahren.";
    Rejection::new(Fault::Authority, text).rule("nur-auf-anordnung").into()
}

/// The office's Aktenzeichen under which a person orders something, as it is compared.
pub fn aktenzeichen(said: &Registermeldung) -> Result<String, Trouble> {
    let written = said.aktenzeichen.as_deref().map(str::trim).filter(|written| !written.is_empty());
    written.map(str::to_owned).ok_or_else(incomplete)
}

/// The refusal of what is not complete enough to be worked with.
pub fn incomplete() -> Trouble {
    let text = "Der Meldung fehlen Angaben.";
    Rejection::new(Fault::Other, text).rule("angaben-fehlen").into()
}

/// The refusal of a comparison where nobody can count what went over with a part of the area.
fn uncounted() -> Trouble {
    let text = "Die Orte in diesem Register sind zu viele, um zu zählen, was mit einem Teil des Gebiets übergegangen ist.";
    Rejection::new(Fault::Other, text).rule("orte-ungezaehlt").into()
}

/// How many the mirror counts, for audit and operator.
fn zahl(gezaehlt: Option<u64>) -> String {
    gezaehlt.map_or_else(|| "-".to_owned(), |n| n.to_string())
}

fn hindered(hindernis: Hindernis) -> Trouble {
    let (rule, text) = match hindernis {
        Hindernis::NichtBegonnen => {
            ("kein-beginn", "Für dieses Register wurde keine Erstbefüllung begonnen.")
        }
        Hindernis::KeinAbgleich => ("kein-abgleich", "Seit dem Beginn wurde nicht abgeglichen."),
        Hindernis::Luecken => {
            ("luecken", "Der letzte Abgleich hat Lücken ergeben; jede Lücke steht dagegen.")
        }
        Hindernis::NurGezaehlt => (
            "nur-gezaehlt",
            "Der letzte Abgleich hat nur Zahlen verglichen; erst die Liste der Kinder und ihrer Eintragungen zeigt, ob etwas fehlt.",
        ),
        Hindernis::OhneStand => (
            "liste-ohne-stand",
            "Die verglichene Liste nennt nicht, von wann sie spricht. Bitte mit der Angabe des Standes neu erstellen und abgleichen.",
        ),
        Hindernis::VorBeginn => (
            "liste-vor-beginn",
            "Die Liste ist älter als der Beginn der Erstbefüllung. Bitte aus einem neuen Export erstellen und abgleichen.",
        ),
        Hindernis::Ueberholt => (
            "liste-ueberholt",
            "Eine jüngere Liste wurde bereits abgeglichen. Bitte eine Liste aus einem neuen Export abgleichen.",
        ),
        Hindernis::Veraltet => (
            "liste-veraltet",
            "Die abgeglichene Liste ist älter als vier Tage. Bitte aus einem neuen Export erstellen, abgleichen und dann unterschreiben.",
        ),
        Hindernis::OhnePerson => ("ohne-person", "Eine Unterschrift braucht eine Person."),
        Hindernis::DieselbePerson => ("dieselbe-person", "Dieselbe Person hat bereits unterschrieben."),
    };
    Rejection::new(Fault::Other, text).rule(rule).into()
}

impl Step for Stand {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let said = registermeldung(message)?.clone();
        if matches!(said.was.as_str(), "marke" | "erledigt" | "abgelehnt" | "freigabe") {
            // For the steps of these names, which stand beside this one.
            return Ok(Flow::Next);
        }
        let amt = message.sender.id.clone();
        let stamp = uhr::stamp(message)?;
        // As old as the moment that it states: what was delivered or deleted after it does not make it wrong.
        let received = message.envelope.head.received;
        let stand = stand(&said, received)?;
        let at = moment(stamp, received);
        // An office's list is as old as the export that it was made of, whenever somebody compares it.
        let as_of = stand.unwrap_or(at);
        let counts = matches!(said.was.as_str(), "abgleich" | "meldung");
        let mut questions = vec![Question::Bestand(amt.clone())];
        // A successor answers for what its predecessors delivered.
        let aemter = self.tafeln.aemter.mit_vorgaengern(&amt, tag(message.now()));
        if counts {
            let of = aemter.iter().cloned();
            questions.extend(of.map(|partner| Question::Anzahl { partner, at: as_of }));
        }
        let am = tag(as_of);
        if counts {
            // The number alone does not say how many lie in a part that went over.
            let parted = aemter.iter().filter(|of| self.tafeln.aemter.abgegeben(of, am).is_some());
            questions.extend(parted.cloned().map(Question::Orte));
        }
        let mit: Vec<String> = aemter.iter().filter(|other| **other != amt).cloned().collect();
        if said.was == "meldung" {
            let uuid = said.letzte_uuid.as_deref().map(|uuid| uuid.trim().to_ascii_lowercase());
            let (partner, standard) = (amt.clone(), self.standard.clone());
            questions.push(Question::Neueste { partner, standard, uuid, at });
        }
        questions.extend(uhr::question(message, stamp));
        if !message.answered(&questions) {
            return Ok(Flow::Ask(questions));
        }
        let mut bestand = Bestand::default();
        let (mut gezaehlt, mut neueste, mut leads) = (0, false, Fact::Leads(Vec::new()));
        let mut gone = Some(0);
        for (question, answer) in questions.iter().zip(&message.answers) {
            match (question, &answer.fact) {
                (_, Fact::Bestand(found)) => bestand = found.clone().unwrap_or_default(),
                (_, Fact::Anzahl(n)) => gezaehlt += n,
                (Question::Orte(of), Fact::Orte(orte)) => {
                    let went = orte.as_ref().map(|orte| {
                        let went = orte.iter().filter(|(kind, _)| !self.tafeln.zaehlt(of, kind, &amt, am));
                        went.map(|(_, n)| n).sum::<u64>()
                    });
                    gone = gone.zip(went).map(|(gone, went)| gone + went);
                }
                (_, Fact::Neueste(is)) => neueste = *is,
                (_, Fact::Leads(_)) => leads = answer.fact.clone(),
                _ => return Err(Trouble::Ours("bestand got other answers than it asked for".to_owned())),
            }
        }
        // Counted as it stands now: where the new keeper took some of them over since that moment the two do not agree, until the next one.
        let gezaehlt = gone.map(|gone: u64| gezaehlt.saturating_sub(gone));
        uhr::judge(message, stamp, &leads)?;
        let (now, who) = (message.now(), person(message).map(str::to_owned));
        let before = bestand.clone();
        let mut detail = vec![("was", said.was.clone()), ("gezaehlt", zahl(gezaehlt))];
        match said.was.as_str() {
            "beginn" => {
                who.ok_or_else(only_persons)?;
                bestand = Bestand::beginnen(at);
            }
            "abgleich" => {
                let person = who.ok_or_else(only_persons)?;
                let gezaehlt = gezaehlt.ok_or_else(uncounted)?;
                let abgleich = Abgleich { mit, ..abgleich(&said, (at, stand), gezaehlt, person)? };
                detail.push(("lueckenlos", abgleich.lueckenlos().to_string()));
                detail.push(("liste", abgleich.liste.to_string()));
                detail.push(("stand", stand.map_or_else(|| "-".to_owned(), |stand| stand.to_string())));
                let beweist = abgleich.beweist();
                bestand.abgleichen(abgleich).map_err(hindered)?;
                if beweist {
                    gapless(message, &self.tafeln.aemter, (&amt, aemter), as_of);
                }
            }
            "erklaerung" => {
                let person = who.ok_or_else(only_persons)?;
                let declared = bestand.unterschreiben(&person, now).map_err(hindered)?;
                detail.push(("erklaert", declared.to_string()));
            }
            "meldung" => {
                let anzahl = said.anzahl.ok_or_else(incomplete)?;
                // An empty register may have no last message; every other one has, and no other delivery came after it until then.
                let last = neueste && (said.letzte_uuid.is_some() || anzahl == 0);
                let stimmt = last && gezaehlt == Some(anzahl);
                detail.push(("stimmt", stimmt.to_string()));
                let frist = SignedDuration::try_from(MELDEFRIST).unwrap_or(SignedDuration::MAX);
                let counts_since = now.checked_sub(frist).unwrap_or(Timestamp::MIN);
                let meldung = Meldung { am: at, anzahl, stimmt, gezaehlt, letzte: Some(last), mit };
                let newest = bestand.melden(meldung.clone(), counts_since);
                detail.push(("am", at.to_string()));
                detail.push(("letzte", newest.to_string()));
                self.tell(message, &amt, &meldung, &bestand);
            }
            _ => {
                // Such as `zuweisung`: persons order it, at an entry of its own.
                who.ok_or_else(only_persons)?;
                let text = "Diese Meldung nimmt dieser Eingang nicht an.";
                return Err(Rejection::new(Fault::Other, text).rule("meldung-fremd").into());
            }
        }
        let says_less = bestand.sagt_weniger(&before);
        message.effects.bestaende.push(BestandChange { amt, bestand, says_less });
        let detail: Vec<(&str, &str)> = detail.iter().map(|(key, value)| (*key, value.as_str())).collect();
        message.audit("bestand", &detail);
        Ok(Flow::Next)
    }
}

impl Stand {
    /// What the office learns by its receipt, and whom it calls where the two do not agree: its whole register is answered by persons only.
    fn tell(&self, message: &mut Message, amt: &str, meldung: &Meldung, bestand: &Bestand) {
        let letzte = meldung.letzte.unwrap_or_default();
        let told = json!({
            "gemeldet": meldung.anzahl,
            "gezaehlt": meldung.gezaehlt,
            "letzte_nachricht_stimmt": letzte,
            "stand": answer::zeitpunkt(meldung.am),
            "stimmt": meldung.stimmt,
        });
        message.told.insert("bestand", told);
        // An old one that comes late and changes nothing calls nobody.
        if meldung.stimmt || bestand.meldung.as_ref().is_some_and(|last| last.stimmt) {
            return;
        }
        let facts = vec![
            ("office", meldung.anzahl.to_string()),
            ("mirror", zahl(meldung.gezaehlt)),
            ("newest", letzte.to_string()),
        ];
        message.effects.calls.push(Call { code: DISAGREES, subject: amt.to_owned(), facts });
    }
}

/// As of when the office's list speaks. One that lies ahead would close what comes tomorrow.
fn stand(said: &Registermeldung, received: Timestamp) -> Result<Option<Timestamp>, Trouble> {
    let Some(written) = said.stand.as_deref().filter(|_| said.was == "abgleich") else { return Ok(None) };
    let stand: Timestamp = written.trim().parse().map_err(|_| incomplete())?;
    if stand.duration_since(received) > TOLERANCE {
        let text =
            "Der Stand der Liste liegt in der Zukunft. Bitte die Uhr prüfen und die Liste neu erstellen.";
        return Err(Rejection::new(Fault::Other, text).rule("stand-in-zukunft").into());
    }
    Ok(Some(moment(stand, received)))
}

/// A comparison of the office's side with the mirror as it was at the moment of the office's list.
fn abgleich(
    said: &Registermeldung,
    (am, stand): (Timestamp, Option<Timestamp>),
    gezaehlt: u64,
    person: String,
) -> Result<Abgleich, Trouble> {
    let erwartet = said.anzahl.ok_or_else(incomplete)?;
    // Only who looked at each child knows what is missing on both sides.
    let liste = said.liste == Some(true) && said.fehlend.is_some() && said.ueberzaehlig.is_some();
    // A comparison of counts alone knows only the difference; it can hide as many gaps as surplus records.
    let fehlend = said.fehlend.unwrap_or(erwartet.saturating_sub(gezaehlt));
    let ueberzaehlig = said.ueberzaehlig.unwrap_or(gezaehlt.saturating_sub(erwartet));
    Ok(Abgleich { am, stand, erwartet, gezaehlt, fehlend, ueberzaehlig, person, liste, mit: Vec::new() })
}

/// What follows when office and mirror held the same children with the same entries at a moment (rules.md 2.1): whatever of this office
/// had not had its effect until then cannot have had any.
/// Its list no longer names the children of a part that went over: what came until the day of the handover may be about one of them.
fn gapless(message: &mut Message, table: &Aemter, (amt, aemter): (&str, Vec<String>), at: Timestamp) {
    let parted = aemter.iter().filter_map(|of| table.abgegeben(of, tag(at))).max();
    let from = parted.and_then(|last| beginn(nachklang(last).tomorrow().ok()?));
    let from = from.unwrap_or(Timestamp::MIN);
    let which = Which::Office { aemter, from, before: at };
    message.effects.objections.push(ObjectionChange::Close { which, by: "abgleich" });
    let (at, from) = (at.to_string(), parted.map(|_| from.to_string()));
    let from = from.iter().map(|from| ("from", from.as_str()));
    let detail: Vec<(&str, &str)> = [("jugendamt", amt), ("at", &at)].into_iter().chain(from).collect();
    message.audit("bestand.gapless", &detail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{Answer, Guard};
    use crate::envelope::{Envelope, PartnerRef};
    use crate::pipeline::testing::{bench, building, message};
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::gemeinden::falten;
    use crate::register::record::Kind;

    /// What the store holds.
    #[derive(Clone, Default)]
    struct World {
        bestand: Bestand,
        anzahl: u64,
        neueste: bool,
        /// Where the children of the office that was asked for were born.
        orte: Vec<(&'static str, u64)>,
        /// They are more than are counted.
        zu_viele: bool,
    }

    fn said(was: &str, change: impl FnOnce(&mut Registermeldung)) -> Registermeldung {
        let mut said = Registermeldung { was: was.into(), ..Registermeldung::default() };
        change(&mut said);
        said
    }

    fn ordered(said: Registermeldung, person: Option<&str>) -> Message {
        let mut message = message();
        message.record.registermeldung = Some(said);
        let mut envelope = Envelope::clone(&message.envelope);
        if let Some(person) = person {
            envelope.head.partner = Some(PartnerRef { id: "jugendamt-bremen".into(), how: How::Internal });
            envelope.head.acting_person = Some(person.into());
        }
        message.envelope = Arc::new(envelope);
        message
    }

    fn run(step: &Stand, message: &mut Message, world: &mut World) -> Result<(), String> {
        let mut bench = bench();
        let told = |trouble| match trouble {
            Trouble::Rejected(all) => format!("{} {}", all[0].code, all[0].rule.clone().unwrap_or_default()),
            Trouble::Ours(text) => text,
        };
        if let Flow::Ask(questions) = step.apply(message, &mut bench).map_err(told)? {
            let fact = |question: &Question| match question {
                Question::Bestand(_) => Fact::Bestand(Some(world.bestand.clone())),
                Question::Anzahl { .. } => Fact::Anzahl(world.anzahl),
                Question::Neueste { .. } => Fact::Neueste(world.neueste),
                Question::Leads => Fact::Leads(Vec::new()),
                Question::Orte(_) => {
                    let kind = |ort: &str| Kind { geburtsort: Some(ort.into()), ..Kind::default() };
                    let orte = world.orte.iter().map(|(ort, n)| (kind(ort), *n));
                    Fact::Orte((!world.zu_viele).then(|| orte.collect()))
                }
                _ => panic!("unexpected question"),
            };
            let answer = |q: &Question| Answer { fact: fact(q), guard: Guard { key: q.key(), seen: 1 } };
            message.answers = questions.iter().map(answer).collect();
            step.apply(message, &mut bench).map_err(told)?;
        }
        for change in &message.effects.bestaende {
            assert_eq!(change.amt, "jugendamt-bremen");
            world.bestand = change.bestand.clone();
        }
        Ok(())
    }

    fn step() -> Stand {
        Stand { standard: STANDARD.into(), tafeln: Default::default() }
    }

    #[test]
    fn two_persons_declare_a_compared_load_complete() {
        let (step, mut world) = (step(), World { anzahl: 3, ..World::default() });
        let mut order = |said, person| run(&step, &mut ordered(said, person), &mut world);
        let gezaehlt = |n: u64| said("abgleich", |s| s.anzahl = Some(n));
        let abgleich = |n: u64| {
            said("abgleich", |s| {
                (s.anzahl, s.liste) = (Some(n), Some(true));
                s.stand = Some("2026-11-21T09:15:30.123Z".into());
                (s.fehlend, s.ueberzaehlig) = (Some(n.saturating_sub(3)), Some(0));
            })
        };
        assert_eq!(order(abgleich(3), Some("a")), Err("S999 kein-beginn".into()));
        assert_eq!(order(said("beginn", |_| ()), None), Err("T070 nur-auf-anordnung".into()));
        assert_eq!(order(said("beginn", |_| ()), Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Err("S999 kein-abgleich".into()));
        assert_eq!(order(said("abgleich", |_| ()), Some("a")), Err("S999 angaben-fehlen".into()));
        assert_eq!(order(abgleich(4), Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Err("S999 luecken".into()));
        let exchanged = said("abgleich", |s| {
            (s.anzahl, s.fehlend, s.ueberzaehlig, s.liste) = (Some(3), Some(1), Some(1), Some(true));
            s.stand = Some("2026-11-21T09:15:30.123Z".into());
        });
        assert_eq!(order(exchanged, Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Err("S999 luecken".into()));
        assert_eq!(order(gezaehlt(3), Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Err("S999 nur-gezaehlt".into()));
        assert_eq!(order(abgleich(3), None), Err("T070 nur-auf-anordnung".into()));
        assert_eq!(order(abgleich(3), Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), None), Err("T070 nur-auf-anordnung".into()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Ok(()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("a")), Err("S999 dieselbe-person".into()));
        assert_eq!(order(said("erklaerung", |_| ()), Some("b")), Ok(()));
        assert!(world.bestand.erklaert());
    }

    #[test]
    fn a_comparison_closes_what_is_older_than_the_list_and_nothing_without_its_moment() {
        let begun = || World {
            bestand: Bestand::beginnen("2026-11-20T09:00:00Z".parse().unwrap()),
            anzahl: 3,
            neueste: true,
            ..World::default()
        };
        let list = |stand: Option<&str>| {
            said("abgleich", |s| {
                (s.anzahl, s.liste, s.fehlend, s.ueberzaehlig) = (Some(3), Some(true), Some(0), Some(0));
                s.stand = stand.map(str::to_owned);
            })
        };
        let closed = |stand: Option<&str>| {
            let mut message = ordered(list(stand), Some("a"));
            run(&step(), &mut message, &mut begun()).map(|()| match message.effects.objections.as_slice() {
                [ObjectionChange::Close { which: Which::Office { before, .. }, .. }] => Some(*before),
                [] => None,
                other => panic!("{other:?}"),
            })
        };
        let yesterday = "2026-11-20T18:00:00+01:00";
        assert_eq!(
            closed(Some(yesterday)),
            Ok(Some(yesterday.parse().unwrap())),
            "not the moment of the command"
        );
        assert_eq!(closed(None), Ok(None));
        assert_eq!(closed(Some("2026-11-21T12:00:00+01:00")), Err("S999 stand-in-zukunft".into()));
        assert_eq!(closed(Some("gestern")), Err("S999 angaben-fehlen".into()));
        // Clocks differ by a little; ours is the later one.
        let received = message().envelope.head.received;
        assert_eq!(closed(Some("2026-11-21T10:16:30+01:00")), Ok(Some(received)));
        // The mirror is counted as it was at that moment.
        let mut message = ordered(list(Some(yesterday)), Some("a"));
        let Ok(Flow::Ask(questions)) = step().apply(&mut message, &mut bench()) else { panic!("asks") };
        let at = Question::Anzahl { partner: "jugendamt-bremen".into(), at: yesterday.parse().unwrap() };
        assert!(questions.contains(&at), "{questions:?}");
    }

    #[test]
    fn a_person_named_by_a_partner_is_nobody() {
        let mut message = ordered(said("beginn", |_| ()), Some("a"));
        let mut envelope = Envelope::clone(&message.envelope);
        envelope.head.partner = Some(PartnerRef { id: "jugendamt-bremen".into(), how: How::Bearer });
        message.envelope = Arc::new(envelope);
        let refused = run(&step(), &mut message, &mut World::default());
        assert_eq!(refused, Err("T070 nur-auf-anordnung".into()));
    }

    #[test]
    fn the_daily_meldung_agrees_only_in_count_and_last_message() {
        let at = uhr::stamp(&message()).unwrap();
        for (anzahl, uuid, held, neueste, stimmt) in [
            (2, Some("7B2D4C10-1F3A-4E55-8B7A-000000000020"), 2, true, true),
            (2, Some("x"), 2, false, false),
            (2, None, 2, true, false),
            (3, Some("x"), 2, true, false),
            (0, None, 0, true, true),
            (0, None, 0, false, false),
            (0, Some("x"), 0, true, true),
        ] {
            let mut world = World { anzahl: held, neueste, ..World::default() };
            let meldung = said("meldung", |s| {
                s.anzahl = Some(anzahl);
                s.letzte_uuid = uuid.map(str::to_owned);
            });
            let mut message = ordered(meldung, None);
            run(&step(), &mut message, &mut world).unwrap();
            let noted = world.bestand.meldung.unwrap();
            assert_eq!((noted.am, noted.anzahl, noted.stimmt), (at, anzahl, stimmt), "{anzahl} {uuid:?}");
            // Who counted what is told to the office, and to the operator where it does not agree.
            let told = &message.told["bestand"];
            assert_eq!((&told["gemeldet"], &told["gezaehlt"]), (&json!(anzahl), &json!(held)));
            assert_eq!(told["stimmt"], json!(stimmt), "{told}");
            let called: Vec<&str> = message.effects.calls.iter().map(|call| call.code).collect();
            assert_eq!(called, if stimmt { vec![] } else { vec![DISAGREES] }, "{anzahl} {uuid:?}");
            assert_eq!(noted.abweichung().is_none(), stimmt);
        }
    }

    #[test]
    fn a_meldung_is_asked_for_as_of_the_moment_that_it_states_and_at_the_latest_its_receipt() {
        let asked = |stamp: &str| {
            let mut message = ordered(said("meldung", |s| s.anzahl = Some(1)), None);
            message.record.kopf.erstellungszeitpunkt = stamp.into();
            let Flow::Ask(questions) = step().apply(&mut message, &mut bench()).unwrap() else { panic!() };
            let of = |question: &Question| match question {
                Question::Anzahl { at, .. } | Question::Neueste { at, .. } => Some(*at),
                _ => None,
            };
            let at: Vec<Timestamp> = questions.iter().filter_map(of).collect();
            assert_eq!(at.len(), 2);
            assert_eq!(at[0], at[1]);
            (at[0], questions.contains(&Question::Leads))
        };
        let received = message().envelope.head.received;
        assert_eq!(asked("2026-11-10T10:00:00Z"), ("2026-11-10T10:00:00Z".parse().unwrap(), false));
        assert_eq!(asked("2026-11-21T09:16:30Z"), (received, false), "clocks differ by a little");
        assert_eq!(asked("2026-11-21T12:00:00Z"), (received, true));
    }

    #[test]
    fn a_successor_counts_what_its_predecessor_delivered() {
        let amt = |id: &str, bis: Option<&str>, nachfolge: Option<&str>| Amt {
            id: id.into(),
            name: id.into(),
            gebiete: vec![Gebiet { ars: "04".into(), von: None, bis: bis.map(|day| day.parse().unwrap()) }],
            nachfolge: nachfolge.map(str::to_owned),
            ..Amt::default()
        };
        let aemter = vec![
            amt("alt", Some("2026-01-01"), Some("jugendamt-bremen")),
            amt("jugendamt-bremen", None, None),
        ];
        let tafeln = Arc::new(Tafeln { aemter: Aemter { aemter }, ..Default::default() });
        let step = Stand { standard: STANDARD.into(), tafeln };
        let mut world = World { anzahl: 2, neueste: true, ..World::default() };
        let meldung = said("meldung", |s| (s.anzahl, s.letzte_uuid) = (Some(4), Some("x".into())));
        run(&step, &mut ordered(meldung, None), &mut world).unwrap();
        assert!(world.bestand.meldung.unwrap().stimmt, "two of each");
    }

    /// Bremen without Neustadt, which Hamburg keeps since the fifteenth.
    fn parted() -> Stand {
        let gebiet = |ars: &str, von: Option<&str>, bis: Option<&str>| {
            let day = |day: &str| day.parse().unwrap();
            Gebiet { ars: ars.into(), von: von.map(day), bis: bis.map(day) }
        };
        let amt = |id: &str, gebiete| Amt { id: id.into(), gebiete, ..Amt::default() };
        let mut tafeln = Tafeln::default();
        tafeln.aemter.aemter = vec![
            amt(
                "jugendamt-bremen",
                vec![gebiet("04011", None, None), gebiet("04012", None, Some("2026-11-14"))],
            ),
            amt("jugendamt-hamburg", vec![gebiet("04012", Some("2026-11-15"), None)]),
        ];
        tafeln.gemeinden.add(falten("Altstadt"), "040110000000");
        tafeln.gemeinden.add(falten("Neustadt"), "040120000000");
        Stand { standard: STANDARD.into(), tafeln: Arc::new(tafeln) }
    }

    #[test]
    fn what_went_over_with_a_part_of_the_area_is_not_counted_as_the_old_offices() {
        let agrees = |anzahl: u64, at: &str| {
            let orte = vec![("Altstadt", 2), ("Neustadt", 3), ("Irgendwo", 1)];
            let mut world = World { anzahl: 6, neueste: true, orte, ..World::default() };
            let meldung = said("meldung", |s| (s.anzahl, s.letzte_uuid) = (Some(anzahl), Some("x".into())));
            let mut message = ordered(meldung, None);
            message.record.kopf.erstellungszeitpunkt = at.into();
            run(&parted(), &mut message, &mut world).unwrap();
            world.bestand.meldung.unwrap().stimmt
        };
        // Its own book holds two, and one whose place nobody resolves.
        assert!(agrees(3, "2026-11-21T09:00:00Z"));
        // To go on counting what is another's is the wrong answer, not the right one.
        assert!(!agrees(6, "2026-11-21T09:00:00Z"));
        // As of the last day it was all its own.
        assert!(agrees(6, "2026-11-14T22:59:00Z") && !agrees(3, "2026-11-14T22:59:00Z"));
    }

    #[test]
    fn where_nobody_can_count_what_went_over_nothing_agrees() {
        let begun = Bestand::beginnen("2026-11-01T09:00:00Z".parse().unwrap());
        let mut world =
            World { bestand: begun.clone(), anzahl: 6, neueste: true, zu_viele: true, ..World::default() };
        let list = said("abgleich", |s| {
            (s.anzahl, s.liste, s.fehlend, s.ueberzaehlig) = (Some(6), Some(true), Some(0), Some(0));
            s.stand = Some("2026-11-20T09:00:00Z".into());
        });
        let mut message = ordered(list, Some("a"));
        assert_eq!(run(&parted(), &mut message, &mut world), Err("S999 orte-ungezaehlt".into()));
        assert!(message.effects.objections.is_empty() && world.bestand == begun);
        for anzahl in [0, 6] {
            let meldung = said("meldung", |s| (s.anzahl, s.letzte_uuid) = (Some(anzahl), Some("x".into())));
            let mut message = ordered(meldung, None);
            run(&parted(), &mut message, &mut world).unwrap();
            let noted = world.bestand.meldung.clone().unwrap();
            assert_eq!((noted.stimmt, noted.gezaehlt), (false, None));
            assert_eq!(message.effects.calls.len(), 1, "the operator is called");
            assert_eq!(message.told["bestand"]["gezaehlt"], Value::Null);
        }
    }

    #[test]
    fn a_comparison_after_a_part_went_over_closes_only_what_came_after_that() {
        let closed = |step: Stand, stand: &str| {
            let begun = "2026-11-01T09:00:00Z".parse().unwrap();
            let orte = vec![("Altstadt", 3)];
            let mut world = World { bestand: Bestand::beginnen(begun), anzahl: 3, orte, ..World::default() };
            let list = said("abgleich", |s| {
                (s.anzahl, s.liste, s.fehlend, s.ueberzaehlig) = (Some(3), Some(true), Some(0), Some(0));
                s.stand = Some(stand.into());
            });
            let mut message = ordered(list, Some("a"));
            run(&step, &mut message, &mut world).unwrap();
            match message.effects.objections.as_slice() {
                [ObjectionChange::Close { which: Which::Office { from, .. }, .. }] => *from,
                other => panic!("{other:?}"),
            }
        };
        // What came on the first day of the new keeper may have been sent on the last one of the old.
        let after: Timestamp = "2026-11-15T23:00:00Z".parse().unwrap();
        assert_eq!(closed(parted(), "2026-11-20T09:00:00Z"), after);
        assert_eq!(closed(parted(), "2026-11-14T09:00:00Z"), Timestamp::MIN, "the list named them still");
        assert_eq!(closed(step(), "2026-11-20T09:00:00Z"), Timestamp::MIN);
    }

    #[test]
    fn another_register_and_other_words_are_refused() {
        let foreign = said("meldung", |s| s.jugendamt = Some("jugendamt-hamburg".into()));
        let refused = run(&step(), &mut ordered(foreign, None), &mut World::default());
        assert_eq!(refused, Err("T070 fremdes-register".into()));
        for (person, told) in [(Some("a"), "S999 meldung-fremd"), (None, "T070 nur-auf-anordnung")] {
            let other = run(&step(), &mut ordered(said("zuweisung", |_| ()), person), &mut World::default());
            assert_eq!(other, Err(told.into()), "refused, and no fault of ours");
        }
        assert!(run(&step(), &mut message(), &mut World::default()).is_err());
        for (settings, right) in [
            (json!({}), true),
            (json!({ "standard": "" }), false),
            (json!({ "x": 1 }), false),
            (json!(1), false),
        ] {
            assert_eq!(building(|building| build(&settings, building)).is_ok(), right, "{settings}");
        }
    }
}
