//! Registers as lines of `status`: why one is answered by persons only (case J), since when, and what ends it. Reads counts, moments and
//! names of offices only; never asks a store.

use jiff::{SignedDuration, Timestamp};

use super::{Item, Whose};
use crate::cli::output::moment;
use crate::register::bestand::Bestand;
use crate::register::tatsachen::MELDEFRIST;
use crate::store::looks::Look;

/// What decides whether absence may be read from a register.
#[derive(Default)]
pub struct Register {
    /// What is known of its completeness.
    pub bestand: Bestand,
    /// Since when the oldest delivery that nobody could read stands against all of it.
    pub unread: Option<Timestamp>,
    /// What sources found where its deliveries come in.
    pub looks: Vec<Look>,
    /// Since when deliveries are held by a pause.
    pub held: Option<Timestamp>,
}

/// Why a register that was declared complete is answered by persons only (case J), since when, and what ends it; `rueckstand`: how long
/// deliveries may lie unread.
pub fn of_register(
    office: &str,
    register: &Register,
    (now, rueckstand): (Timestamp, SignedDuration),
) -> Option<Item> {
    let bestand = &register.bestand;
    let after = |since: Timestamp, time: SignedDuration| since.checked_add(time).ok();
    let mut why: Vec<(String, Option<Timestamp>)> = Vec::new();
    let late = |since: Timestamp| after(since, rueckstand).filter(|from| *from < now);
    if let Some(since) = register.unread {
        why.push(("an unreadable delivery".to_owned(), Some(since)));
    }
    let lies = register.looks.iter().filter_map(|look| look.since).min();
    for (what, since) in [("deliveries that nobody took", lies), ("a pause", register.held)] {
        if let Some(from) = since.and_then(late) {
            why.push((format!("{what} since {}", moment(since.unwrap_or(from))), Some(from)));
        }
    }
    for look in &register.looks {
        if let Some(from) = late(look.looked) {
            let text = format!("nothing was asked for at {} since {}", look.place, moment(look.looked));
            why.push((text, Some(from)));
        }
    }
    let frist = SignedDuration::try_from(MELDEFRIST).unwrap_or(SignedDuration::MAX);
    match &bestand.meldung {
        None => why.push(("no Bestandsmeldung".to_owned(), None)),
        Some(last) if !last.stimmt => {
            let what = last.abweichung().unwrap_or_default();
            let text = format!("the Bestandsmeldung of {} does not agree ({what})", moment(last.am));
            why.push((text, Some(last.am)));
        }
        Some(last) if after(last.am, frist).is_none_or(|until| until < now) => {
            let text = format!("the last Bestandsmeldung is of {}", moment(last.am));
            why.push((text, after(last.am, frist)));
        }
        Some(_) => {}
    }
    if bestand.ungedeckt(now, MELDEFRIST) {
        let text = "a register that it took over was never declared complete, or its last Bestandsmeldung does not count any more: \
            compare a list of both (`bestand abgleich`), or let a Bestandsmeldung count both where the other was declared";
        why.push((text.to_owned(), None));
    }
    if bestand.alte_schluessel {
        why.push(("its search keys are being made anew".to_owned(), None));
    }
    let since = why.iter().filter_map(|(_, since)| *since).min();
    let cause: Vec<String> = why.into_iter().map(|(text, _)| text).collect();
    let next = "nothing is answered automatically from it; it ends when each of these has (`bestand status`, `lieferung list`)";
    (!cause.is_empty()).then(|| Item {
        what: format!("{office}, Register gesperrt (J)"),
        count: 1,
        since,
        whose: Whose::Sender,
        cause: Some(cause.join("; ")),
        next: next.to_owned(),
    })
}

/// So many offices are named one by one.
const NAMED: usize = 5;

/// Registers that nobody declared complete: all of them are case J, and none of it is news.
pub fn of_undeclared(offices: &[String]) -> Option<Item> {
    let mut named = offices.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if offices.len() > NAMED {
        named.push_str(", …");
    }
    (!offices.is_empty()).then(|| Item {
        what: "Register ohne Vollständigkeitserklärung (J)".to_owned(),
        count: offices.len() as u64,
        since: None,
        whose: Whose::Nobody,
        cause: Some(named),
        next:
            "nothing is answered automatically from them; `drehscheibe bestand status` says how far each is"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::find::RUECKSTAND;
    use crate::register::bestand::Meldung;

    fn at(hour: &str) -> Timestamp {
        format!("2026-11-21T{hour}Z").parse().unwrap()
    }

    #[test]
    fn a_register_that_persons_answer_for_is_told_with_each_cause_and_since_when() {
        let meldung = |hour: &str, stimmt| {
            Some(Meldung { am: at(hour), anzahl: 1, stimmt, gezaehlt: None, letzte: None, mit: Vec::new() })
        };
        let register =
            |meldung| Register { bestand: Bestand { meldung, ..Bestand::default() }, ..Register::default() };
        let told =
            |register: Register| of_register("jugendamt-bremen", &register, (at("12:00:00"), RUECKSTAND));
        assert_eq!(told(register(meldung("08:00:00", true))), None);
        let look = |since: Option<&str>, looked| Look {
            place: "lieferungen jugendamt-bremen".to_owned(),
            partner: "jugendamt-bremen".to_owned(),
            since: since.map(at),
            looked: at(looked),
            emptied: None,
        };
        let item = told(Register {
            looks: vec![look(Some("11:00:01"), "11:59:59"), look(None, "11:00:01")],
            ..register(meldung("08:00:00", true))
        });
        assert_eq!(item, None, "under way");
        let item = told(Register {
            looks: vec![look(Some("09:00:00"), "11:59:00"), look(None, "10:59:00")],
            held: Some(at("10:30:00")),
            unread: Some(at("11:00:00")),
            ..register(meldung("11:30:00", false))
        })
        .unwrap();
        assert_eq!(item.since, Some(at("10:00:00")), "an hour after the oldest came");
        assert!(item.what.ends_with("Register gesperrt (J)"), "{}", item.what);
        let cause = item.cause.unwrap();
        for part in [
            "unreadable",
            "nobody took since 2026-11-21 10:00:00",
            "a pause since",
            "nothing was asked for at lieferungen jugendamt-bremen since 2026-11-21 11:59:00",
            "12:30:00 does not agree",
        ] {
            assert!(cause.contains(part), "{part}: {cause}");
        }
        let old = Some(Meldung {
            am: "2026-11-20T09:00:00Z".parse().unwrap(),
            anzahl: 1,
            stimmt: true,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        });
        let item = told(register(old)).unwrap();
        assert_eq!(item.since, Some(at("11:00:00")));
        assert!(told(register(None)).unwrap().cause.unwrap().contains("no Bestandsmeldung"));
        let names: Vec<String> = (0..7).map(|n| format!("amt-{n}")).collect();
        let item = of_undeclared(&names).unwrap();
        assert_eq!((item.count, item.cause.as_deref()), (7, Some("amt-0, amt-1, amt-2, amt-3, amt-4, …")));
        assert_eq!(of_undeclared(&[]), None);
    }
}
