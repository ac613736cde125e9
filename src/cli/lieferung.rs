//! `lieferung`: deliveries of an office that have not had their effect and therefore stand against answers: what is open, and the
//! orders that close it. Never shows what a delivery says: ids, reasons and times only.

use serde_json::json;
use uuid::Uuid;

use super::args::Global;
use super::args_register::LieferungCommand;
use super::bestand::{self, order};
use super::exit::{CliError, Exit};
use super::output::{Output, age, moment};
use super::{command, stage};
use crate::clock::Clock;
use crate::effects::{Fact, Question};
use crate::pipeline::erledigt::{deliveries, leads_to_notice};
use crate::register::keys;
use crate::register::objection::{MOST, Objection, SECOND_PERSON, Sought, Why};
use crate::register::once::once;
use crate::store::contract::Store;

/// Runs a command of `lieferung`.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &LieferungCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        LieferungCommand::List { jugendamt } => list(global, clock, jugendamt.as_deref(), out).await,
        LieferungCommand::Erledigt { id, ordered } => {
            order(global, clock, ordered, &[("was", json!("erledigt")), ("id", json!(id))], out).await
        }
        LieferungCommand::Freigeben { id, ordered, aktenzeichen } => {
            let said = [("was", json!("freigabe")), ("id", json!(id)), ("aktenzeichen", json!(aktenzeichen))];
            let (asked, store) = bestand::asked(global, clock, ordered, &said, out)?;
            let before = reached(&*store, *id).await?;
            let ended =
                command::carried(&*store, clock, asked, &ordered.reason, ordered.patience.wait).await?;
            if ended.done()
                && let Some(meant) = meant(&before, &reached(&*store, *id).await?)
            {
                out.say(&meant)?;
            }
            ended.tell(out)
        }
    }
}

/// What an id of a delivery or a notice leads to, open or closed.
async fn reached(store: &dyn Store, id: Uuid) -> Result<Vec<Objection>, CliError> {
    let name = id.hyphenated().to_string();
    let mut keys = vec![keys::hinweis(&name), keys::aenderung(&name)];
    let mut ids = vec![id];
    // What stands under the id itself may lead to one other place.
    for _ in 0..2 {
        let questions = std::mem::take(&mut keys).into_iter().map(Question::Vorgang).collect();
        for answer in store.lookup(questions).await? {
            let Fact::Vorgang(Some(found)) = answer.fact else { continue };
            keys.extend(leads_to_notice(&found));
            ids.extend(deliveries(&found).chain(found.akte.offen));
        }
    }
    let questions = once(ids).into_iter().map(Sought::Delivery).map(Question::Objections).collect();
    let answers = store.lookup(questions).await?.into_iter();
    Ok(answers
        .flat_map(|answer| match answer.fact {
            Fact::Objections(found) => found,
            _ => Vec::new(),
        })
        .collect())
}

/// What the word of a person did, by what stood there before it and stands there since; `None`: that does not tell.
fn meant(before: &[Objection], after: &[Objection]) -> Option<String> {
    let same = |one: &Objection, other: &Objection| (&one.amt, one.delivery) == (&other.amt, other.delivery);
    let earlier = |one: &Objection| {
        let stood = before.iter().find(|other| same(one, other));
        stood.and_then(|stood| stood.released.clone())
    };
    let first = after.iter().filter(|one| one.closed.is_none() && one.released != earlier(one));
    let first = first.filter_map(|one| Some((one.released.as_ref()?, earlier(one)))).next();
    if let Some((word, earlier)) = first {
        let stays = "a second person has to say the same, with the same Aktenzeichen, within 24 hours; until then it stays open";
        return Some(match earlier.filter(|old| word.at.duration_since(old.at) <= SECOND_PERSON) {
            Some(old) => format!(
                "{} named another Aktenzeichen: that word no longer counts, and yours is the first one now; {stays}",
                old.person
            ),
            None => stays.to_owned(),
        });
    }
    let over = |one: &Objection| {
        one.closed.is_some() && before.iter().any(|other| same(one, other) && other.closed.is_none())
    };
    after.iter().any(over).then(|| "two persons have said the same: it is ended".to_owned())
}

async fn list(
    global: &Global,
    clock: &Clock,
    jugendamt: Option<&str>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let offices = fit.compiled.tafeln.aemter.aemter.iter().map(|amt| amt.id.clone());
    let offices: Vec<String> = offices.filter(|id| jugendamt.is_none_or(|wanted| wanted == id)).collect();
    if let (Some(name), true) = (jugendamt, offices.is_empty()) {
        return Err(CliError::Usage(format!("there is no office `{name}` in tables/aemter.yaml")));
    }
    let store = stage::opened(global, &fit, true)?;
    // What is of no office is listed with all of them.
    let nobody = jugendamt.is_none().then(String::new);
    let questions = offices.into_iter().chain(nobody).map(Sought::Open).map(Question::Objections).collect();
    let answers = store.lookup(questions).await?;
    let found: Vec<Objection> = answers
        .into_iter()
        .flat_map(|answer| match answer.fact {
            Fact::Objections(found) => found,
            _ => Vec::new(),
        })
        .filter(|one| !one.amt.is_empty() || one.why == Why::Unowned)
        .collect();
    let now = clock.now();
    let row = |one: &Objection| {
        let released = one.released.as_ref().filter(|word| now.duration_since(word.at) <= SECOND_PERSON);
        vec![
            if one.amt.is_empty() { "–".to_owned() } else { one.amt.clone() },
            one.delivery.to_string(),
            word(one).to_owned(),
            if one.message.is_empty() { "–".to_owned() } else { one.message.clone() },
            age(now, one.since),
            released.map_or_else(
                || next(one).to_owned(),
                |word| {
                    format!("released by {} at {}; a second person is missing", word.person, moment(word.at))
                },
            ),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    if rows.is_empty() {
        out.say("nothing is open")?;
    } else {
        out.table(&["OFFICE", "DELIVERY", "WHY", "MESSAGE", "FOR", "NEXT"], &rows)?;
    }
    if found.len() >= MOST {
        out.say(&format!("at most {MOST} of each office are listed"))?;
    }
    let shown = |one: &Objection| {
        json!({
            "jugendamt": one.amt,
            "id": one.delivery,
            "grund": grund(one),
            "message": one.message,
            "seit": one.since,
            "freigegeben": one.released.as_ref().map(|word| json!({ "am": word.at, "von": word.person })),
        })
    };
    out.value(&found.iter().map(shown).collect::<Vec<_>>())?;
    Ok(Exit::Ok)
}

/// The reason as programs read it; told apart as in the table.
fn grund(one: &Objection) -> &'static str {
    match one.why {
        Why::Parked if one.of_notice() => "mitteilung",
        Why::Unreadable if one.of_notice() => "mitteilung-ohne-angaben",
        other => other.as_str(),
    }
}

fn word(one: &Objection) -> &'static str {
    match one.why {
        Why::Parked if one.of_notice() => "Mitteilung",
        Why::Unreadable if one.of_notice() => "Mitteilung ohne Angaben",
        Why::Rejected => "abgewiesen",
        Why::Parked => "zurückgestellt",
        Why::Quarantined => "gesondert",
        Why::Waiting => "wartet",
        Why::Unreadable => "unlesbar",
        Why::Foreign => "fremd",
        Why::Unowned => "Mitteilung ohne Amt",
    }
}

fn next(one: &Objection) -> &'static str {
    match one.why {
        Why::Unreadable if one.of_notice() => {
            "an office that got it (of a change of persons none did) says `erledigt`; else find out whose it is, then two persons with an office's Aktenzeichen: `lieferung freigeben`, by any connected office (`--jugendamt`), ends it for all offices"
        }
        Why::Parked if one.of_notice() => {
            "the office that got it says `erledigt` (of a court's notice also `abgelehnt`); else two persons with its Aktenzeichen: `lieferung freigeben`"
        }
        Why::Rejected | Why::Quarantined | Why::Waiting if one.of_notice() => {
            "the office that keeps the register now says `erledigt`; else two persons with its Aktenzeichen: `lieferung freigeben`"
        }
        Why::Rejected | Why::Quarantined => "the office delivers the child anew, or says `erledigt`",
        Why::Parked => "mend the cause and replay (`parked show`), or the office delivers anew",
        Why::Waiting => "nothing yet; else as for what was refused",
        Why::Unreadable => "the office sends a readable copy; else `lieferung freigeben` by two persons",
        Why::Foreign => {
            "a hint: if it is its own, the office delivers it anew with the right place and key; of others nothing"
        }
        Why::Unowned => {
            "of a parked message mend the cause and replay (`parked show`); else find the office, hand it on, then two persons with its Aktenzeichen: `lieferung freigeben`, by any connected office (`--jugendamt`)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::objection::{MADE_OF_NOTICE, Released};

    fn one(released: Option<(&str, &str, &str)>, closed: bool) -> Objection {
        let at = |text: &str| format!("2026-11-21T{text}:00Z").parse().unwrap();
        Objection {
            amt: "jugendamt-bremen".into(),
            delivery: Uuid::nil(),
            why: Why::Parked,
            message: "xpersonenstand.141010".into(),
            made: MADE_OF_NOTICE,
            since: at("08:00"),
            closed: closed.then(|| (at("12:00"), "freigabe".to_owned())),
            released: released.map(|(time, person, aktenzeichen)| Released {
                at: at(time),
                person: person.into(),
                aktenzeichen: Some(aktenzeichen.into()),
            }),
        }
    }

    #[test]
    fn who_releases_is_told_what_the_word_did() {
        let (open, first) = (one(None, false), one(Some(("09:00", "anna", "51-1/26")), false));
        let said = |before: &[&Objection], after: &Objection| {
            let before: Vec<Objection> = before.iter().copied().cloned().collect();
            meant(&before, std::slice::from_ref(after))
        };
        for before in [&[&open][..], &[]] {
            let told = said(before, &first).unwrap();
            assert!(told.starts_with("a second person") && told.ends_with("stays open"), "{told}");
        }
        let other = one(Some(("10:00", "bert", "51-2/26")), false);
        let told = said(&[&first], &other).unwrap();
        assert!(
            told.starts_with("anna named another Aktenzeichen") && told.ends_with("stays open"),
            "{told}"
        );
        let over = one(Some(("09:00", "anna", "51-1/26")), true);
        assert_eq!(said(&[&first], &over).as_deref(), Some("two persons have said the same: it is ended"));
        assert_eq!(said(&[&first], &first), None, "nothing is claimed that does not show");
    }

    #[test]
    fn programs_read_the_reason_that_the_table_tells() {
        assert_eq!((grund(&one(None, false)), word(&one(None, false))), ("mitteilung", "Mitteilung"));
        let delivery = Objection { made: one(None, false).since, ..one(None, false) };
        assert_eq!((grund(&delivery), word(&delivery)), ("parked", "zurückgestellt"));
    }
}
