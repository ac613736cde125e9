//! What a change of persons says against answers while it lies here without its effect (rules.md 2.1): whoever it names may be the child or
//! the mother of a Registersatz. Of what is refused its sender is told, so that says nothing. Pure, like the hook of deliveries; ends
//! nothing but its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::effects::{Answer, Objected};
use crate::envelope::Inbound;
use crate::pipeline::notice;
use crate::pipeline::step::{Objects, Settling};
use crate::register::aemter::tag;
use crate::register::aenderung::{Moeglich, beteiligte, entry_changed, moeglich};
use crate::register::fristen::satz_endet;
use crate::register::gemeinden::Gemeinden;
use crate::register::keys::{self, SearchKey};
use crate::register::namen;
use crate::register::objection::{self, MADE_OF_NOTICE, ObjectionChange, Opening, Which, Why};
use crate::register::record::{Kind, Mutter, Record, TeilDatum};
use crate::register::tafeln::Tafeln;

/// Closed because it has its effect, or its sender was told that it has none.
const SETTLED: &str = "wirkung";

/// The hook of a stage with these tables.
pub struct Liegt {
    /// The tables.
    pub tafeln: Arc<Tafeln>,
}

impl Liegt {
    /// It is of no office: the delivery is run again, or two persons end it.
    fn openings(&self, settling: &Settling<'_>, record: &Record) -> Vec<Opening> {
        let (orte, heute) = (&self.tafeln.gemeinden, tag(settling.now));
        let aenderung = record.aenderung.as_ref();
        let Moeglich { kinder, muetter, verborgen } = moeglich(&beteiligte(record), aenderung, heute);
        let children = kinder.iter().flat_map(|kind| of_child(orte, kind, entry_changed(aenderung)));
        let mothers = muetter.iter().flat_map(|her| {
            [objection::under(orte, None, her), keys::nur_tage(None, Some(&her.geburtsdatum))].concat()
        });
        let hidden = notice::of_hidden(orte, &verborgen);
        // A child that was born at no place that is known stands under an empty one; no other part of a key may be empty.
        let under: BTreeSet<SearchKey> =
            children.chain(mothers.chain(hidden).filter(SearchKey::ohne_luecke)).collect();
        let only_children = muetter.is_empty() && verborgen.is_empty();
        let nobody = Opening {
            amt: String::new(),
            content: objection::by_id(settling.head.id),
            delivery: settling.head.id,
            why: Why::Unowned,
            message: settling.identity.map(|identity| identity.message.clone()).unwrap_or_default(),
            made: MADE_OF_NOTICE,
            since: settling.now,
            under: under.into_iter().collect(),
            about: Vec::new(),
            ends: kinder.iter().filter_map(satz_endet).max().filter(|_| only_children),
        };
        let blocked = notice::may_hold(&self.tafeln, &verborgen.kinder, settling.now).into_iter();
        let blocks = blocked.map(|amt| Opening {
            amt,
            why: Why::Unreadable,
            under: Vec::new(),
            ends: None,
            ..nobody.clone()
        });
        blocks.chain([nobody.clone()]).collect()
    }
}

/// The keys under which a request about a child of whom so much is said is met, on each day that its own may be: nobody has looked which
/// records it may be about. `moved`: another place of birth proves nothing.
fn of_child(orte: &Gemeinden, kind: &Kind, moved: bool) -> Vec<SearchKey> {
    let nobody = Mutter::default();
    let born = kind.geburtsdatum.unwrap_or_default();
    let days = keys::tage_von(&born);
    let on = days.iter().filter_map(|day| TeilDatum::parse(day)).flat_map(|day| {
        let kind = Kind { geburtsdatum: Some(day), ..kind.clone() };
        let anywhere = if moved { keys::ueberall(&kind) } else { Vec::new() };
        [keys::hinweis_unter(orte, Some(&kind), &nobody), anywhere].concat()
    });
    // Once it is looked up any one name will do. So a whole day is met by itself: it is that of few, and nobody has looked.
    let little = !kind.namen.iter().any(namen::benannt);
    let alone = if little || born.vollstaendig() { keys::nur_tage(Some(&born), None) } else { Vec::new() };
    let near = objection::under(orte, Some(kind), &nobody).into_iter().filter(SearchKey::ohne_luecke);
    on.chain(near).chain(alone).collect()
}

impl Objects for Liegt {
    fn read(&self, settling: &Settling<'_>, record: &Record, _: &[Answer]) -> Objected {
        let changes = match settling.state {
            Inbound::Parked | Inbound::Waiting => {
                let openings = self.openings(settling, record).into_iter();
                openings.map(|opening| ObjectionChange::Open(Box::new(opening))).collect()
            }
            Inbound::Accepted | Inbound::Rejected => {
                vec![ObjectionChange::Close { which: Which::Delivery(settling.head.id), by: SETTLED }]
            }
            Inbound::Quarantined | Inbound::Denied => Vec::new(),
        };
        Objected { changes, timers: Vec::new() }
    }

    fn unread(&self, _: &Settling<'_>) -> Objected {
        Objected::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::pipeline::testing::message;
    use crate::register::aemter::{Amt, Gebiet};
    use crate::register::aenderung::betrifft;
    use crate::register::gemeinden::falten;
    use crate::register::record::{
        Aenderung, GEBURTSEINTRAG, Person, Personenname, Quelle, ROLLE_KIND, Registersatz,
    };

    fn said(message: &Message, state: Inbound) -> Vec<ObjectionChange> {
        let settling = Settling {
            head: &message.envelope.head,
            body: &message.envelope.body,
            content: [1; 32],
            partner: "meldebehoerde-bremen",
            identity: Some(&message.identity),
            now: message.now(),
            state,
            rejections: &[],
        };
        Liegt { tafeln: tafeln() }.read(&settling, &message.record, &[]).changes
    }

    fn tafeln() -> Arc<Tafeln> {
        static TAFELN: std::sync::OnceLock<Arc<Tafeln>> = std::sync::OnceLock::new();
        let made = || {
            let mut tafeln = Tafeln::default();
            for (id, ort, ars) in [
                ("jugendamt-bremen", "Bremen", "040110000000"),
                ("jugendamt-hamburg", "Hamburg", "020000000000"),
            ] {
                let gebiete = vec![Gebiet { ars: ars[..2].into(), von: None, bis: None }];
                tafeln.aemter.aemter.push(Amt { id: id.into(), gebiete, ..Amt::default() });
                tafeln.gemeinden.add(falten(ort), ars);
            }
            Arc::new(tafeln)
        };
        TAFELN.get_or_init(made).clone()
    }

    fn met(opening: &Opening, kind: &Kind, mutter: &Mutter) -> bool {
        let asked = objection::asked(&keys::Gesucht::of(&tafeln().gemeinden, kind, mutter));
        opening.under.iter().any(|key| asked.contains(key))
    }

    #[test]
    fn whoever_says_less_is_met_no_less() {
        let of = message();
        let (kind, mutter) = (of.record.kind.clone().unwrap(), of.record.mutter.clone().unwrap());
        let part = |born: TeilDatum, year: bool| TeilDatum {
            tag: None,
            monat: born.monat.filter(|_| !year),
            ..born
        };
        for left_out in 0..1_u32 << 5 {
            let out = |bit: u32| left_out & (1 << bit) != 0;
            let said_of = |name: &mut Personenname| {
                name.geburtsname = None;
                name.familienname = name.familienname.take().filter(|_| !out(0));
                name.vornamen = name.vornamen.take().filter(|_| !out(1));
            };
            let (mut child, mut her) = (kind.clone(), mutter.clone());
            child.namen.iter_mut().for_each(said_of);
            said_of(&mut her.name);
            if out(2) {
                child.geburtsdatum = child.geburtsdatum.map(|born| part(born, out(3)));
                her.geburtsdatum = part(her.geburtsdatum, out(3));
            }
            if out(4) {
                child.geburtsort = Some("Musterhausen".into());
                child.register_ars = None;
            }
            for alone in [true, false] {
                let mut message = message();
                message.record.kind = Some(child.clone()).filter(|_| alone);
                message.record.mutter = Some(her.clone()).filter(|_| !alone);
                let changes = said(&message, Inbound::Parked);
                let [ObjectionChange::Open(opening)] = &changes[..] else { panic!() };
                assert!(met(opening, &kind, &mutter), "{left_out:b} {alone}");
            }
        }
    }

    /// Whoever is Q, or whose register is J, because of a change that was taken is no less so while the same change lies here.
    #[test]
    fn who_is_met_by_a_change_that_is_taken_is_met_by_one_that_lies_here() {
        let of = message();
        let (kind, mutter) = (of.record.kind.clone().unwrap(), of.record.mutter.clone().unwrap());
        let satz = Registersatz {
            mutter: mutter.clone(),
            kind: kind.clone(),
            eintragung: Default::default(),
            quelle: Quelle {
                message: "xfamilie.0804".into(),
                nachrichten_uuid: String::new(),
                autor: String::new(),
                erstellungszeitpunkt: of.now(),
                empfangen: None,
                transaktionsid: None,
                spaetestens: None,
            },
            vermerk: Default::default(),
        };
        let asked = objection::asked(&keys::Gesucht::of(&tafeln().gemeinden, &kind, &mutter));
        let first = |name: &Personenname| {
            let given = name.vornamen.as_deref().and_then(|given| given.split(' ').next());
            given.map(str::to_owned)
        };
        let (child, hers) = (kind.namen[0].clone(), mutter.name.clone());
        let given = [None, Some("Ida".to_owned()), first(&child), first(&hers)];
        let families =
            [None, Some("Sommer".to_owned()), child.familienname.clone(), hers.familienname.clone()];
        let parts = |born: TeilDatum| {
            let month = TeilDatum { tag: None, ..born };
            [born, month, TeilDatum { monat: None, ..month }]
        };
        let days = [parts(kind.geburtsdatum.unwrap()), parts(mutter.geburtsdatum)].concat();
        let days = days.into_iter().map(Some).chain([None, TeilDatum::parse("2023-02-03")]);
        let mut touched = 0;
        for day in days {
            for (vornamen, familienname) in
                given.iter().flat_map(|one| families.iter().map(move |f| (one, f)))
            {
                for ort in [None, Some("Bremen"), Some("Hamburg"), Some("Musterhausen")] {
                    for (staat, art, rolle) in [
                        (None, "umzug", None),
                        (None, GEBURTSEINTRAG, None),
                        (Some("998"), "umzug", Some(ROLLE_KIND)),
                        (None, GEBURTSEINTRAG, Some(ROLLE_KIND)),
                    ] {
                        let person = Person {
                            name: Personenname {
                                vornamen: vornamen.clone(),
                                familienname: familienname.clone(),
                                geburtsname: None,
                            },
                            geburtsdatum: day,
                            geburtsort: ort.map(str::to_owned),
                            geburtsstaat: staat.map(str::to_owned),
                            rollen: rolle.map(str::to_owned).into_iter().collect(),
                            ..Person::default()
                        };
                        let aenderung = Aenderung { arten: vec![art.to_owned()], ..Aenderung::default() };
                        let orte = &tafeln().gemeinden;
                        let elsewhere = ort == Some("Hamburg") && art != GEBURTSEINTRAG;
                        let taken = match day {
                            Some(_) => betrifft(orte, Some(&aenderung), &person, &satz),
                            None => !elsewhere,
                        };
                        let mut message = message();
                        (message.record.kind, message.record.mutter) = (None, None);
                        message.record.aenderung = Some(aenderung);
                        message.record.personen = vec![person];
                        let changes = said(&message, Inbound::Parked);
                        let stands = changes.iter().any(|change| match change {
                            ObjectionChange::Open(one) if one.why == Why::Unreadable => {
                                one.amt == "jugendamt-bremen"
                            }
                            ObjectionChange::Open(one) => one.under.iter().any(|key| asked.contains(key)),
                            _ => false,
                        });
                        let what = (day.map(|day| day.to_string()), ort, staat, art, rolle);
                        assert!(stands || !taken, "{vornamen:?} {familienname:?} {what:?}");
                        touched += usize::from(taken);
                    }
                }
            }
        }
        assert!(touched > 500, "{touched}");
    }

    #[test]
    fn whoever_a_change_names_that_lies_here_is_met_and_it_ends_with_its_effect() {
        let of = message();
        let (kind, mutter) = (of.record.kind.clone().unwrap(), of.record.mutter.clone().unwrap());
        let in_part = Mutter {
            geburtsdatum: TeilDatum { monat: None, tag: None, ..mutter.geburtsdatum },
            ..mutter.clone()
        };
        for (child, her) in [(true, None), (false, Some(&mutter)), (false, Some(&in_part))] {
            let mut message = message();
            message.record.kind = message.record.kind.filter(|_| child);
            message.record.mutter = her.cloned();
            for state in [Inbound::Parked, Inbound::Waiting] {
                let changes = said(&message, state);
                let [ObjectionChange::Open(opening)] = &changes[..] else { panic!() };
                assert!(met(opening, &kind, &mutter), "{child}");
                assert_eq!((opening.why, opening.delivery), (Why::Unowned, message.envelope.head.id));
                assert_eq!(opening.ends.is_some(), child, "of a child it ends when that is of age");
                let mut other = (kind.clone(), mutter.clone());
                other.0.geburtsdatum = TeilDatum::parse("2023-01-02");
                other.1.geburtsdatum = TeilDatum::parse("1987-06-05").unwrap();
                other.1.name.vornamen = Some("Erna".into());
                assert!(!met(opening, &other.0, &other.1), "{child}");
            }
            for state in [Inbound::Accepted, Inbound::Rejected] {
                let which = Which::Delivery(message.envelope.head.id);
                assert_eq!(said(&message, state), [ObjectionChange::Close { which, by: SETTLED }]);
            }
            for state in [Inbound::Quarantined, Inbound::Denied] {
                assert!(said(&message, state).is_empty(), "its sender was told");
            }
        }
    }
}
