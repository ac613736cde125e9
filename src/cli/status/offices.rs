//! What stands against answers of an office's deliveries, and of notices that are no office's, as lines of `status`. Reads ids, reasons and
//! times only; never what a delivery says.

use crate::register::objection::{MOST, Objection, Why};

use super::{Item, Whose};

/// Notices whose birthplace has no single office: no office can close them.
pub fn of_unowned(found: &[Objection]) -> Option<Item> {
    let notices: Vec<&Objection> = found.iter().filter(|one| one.why == Why::Unowned).collect();
    let since = notices.iter().map(|one| one.since).min()?;
    Some(Item {
        what: "Mitteilungen ohne zuständiges Jugendamt (Q)".to_owned(),
        count: notices.len() as u64,
        since: Some(since),
        whose: Whose::Person,
        cause: of_more(found)
            .or_else(|| Some("the birthplace of each has no single office that is connected".to_owned())),
        next: "replay what is parked (`parked list`); else find the office and hand it on, then two persons end it with its Aktenzeichen: `drehscheibe lieferung freigeben ID --jugendamt … --aktenzeichen … --reason …`, by any connected office (`lieferung list`)"
            .to_owned(),
    })
}

/// What is said of a count where not all were looked at.
fn of_more(found: &[Objection]) -> Option<String> {
    (found.len() >= MOST).then(|| format!("counted among its {MOST} oldest open ones; there may be more"))
}

/// What of an office's deliveries had no effect, by who has to do something about it.
pub fn of_office(office: &str, found: &[Objection]) -> Vec<Item> {
    let item = |what: String, whose, next: String, counts: fn(&Objection) -> bool| {
        let mut counted = found.iter().filter(|one| counts(one)).peekable();
        counted.peek()?;
        let since = counted.clone().map(|one| one.since).min();
        Some(Item { what, count: counted.count() as u64, since, whose, cause: of_more(found), next })
    };
    let blocked = item(
        format!("{office}, Bestand blockiert (unlesbar)"),
        Whose::Person,
        format!(
            "ask the office for a readable copy; else two persons with its Aktenzeichen: `drehscheibe lieferung freigeben ID --jugendamt {office} --aktenzeichen … --reason …` (`lieferung list`)"
        ),
        |one| one.why == Why::Unreadable && !one.of_notice(),
    );
    let unclear = item(
        format!("{office}, Register blockiert (J) durch Mitteilungen, die zu wenig sagen"),
        Whose::Person,
        format!(
            "an office that got it (of a change of persons none did) says `erledigt` (of a court's notice also `abgelehnt`); else find out whose it is, then two persons with an office's Aktenzeichen: `drehscheibe lieferung freigeben ID --jugendamt {office} --aktenzeichen … --reason …`, once for all offices (`lieferung list`)"
        ),
        |one| one.why == Why::Unreadable && one.of_notice(),
    );
    let notices = item(
        format!("{office}, offene Mitteilungen (Q)"),
        // Who made the notice has done his part.
        Whose::Office,
        format!(
            "the office says `erledigt` (of a court's notice also `abgelehnt`); `drehscheibe lieferung list --jugendamt {office}`"
        ),
        |one| one.why == Why::Parked && one.of_notice(),
    );
    let late = item(
        format!("{office}, Lieferungen anderer Jugendämter (Q)"),
        Whose::Office,
        format!(
            "the office clears it with the office that sent it and says `erledigt`; else two persons with its Aktenzeichen: `drehscheibe lieferung freigeben ID --jugendamt {office} --aktenzeichen … --reason …` (`lieferung list`)"
        ),
        |one| matches!(one.why, Why::Rejected | Why::Quarantined | Why::Waiting) && one.of_notice(),
    );
    let open = item(
        format!("{office}, Lieferungen ohne Wirkung"),
        Whose::Sender,
        format!(
            "the office delivers anew or says `erledigt`; `drehscheibe lieferung list --jugendamt {office}`"
        ),
        |one| !matches!(one.why, Why::Unreadable | Why::Foreign | Why::Unowned) && !one.of_notice(),
    );
    let hints = item(
        format!("{office}, fremde Lieferungen zu Kindern seines Registers"),
        Whose::Nobody,
        "nothing; the office is told in its daily list".to_owned(),
        |one| one.why == Why::Foreign,
    );
    [blocked, unclear, open, notices, late, hints].into_iter().flatten().collect()
}
