//! What retention does alike in every back end: what a slice removed, and the blind days on which Registersätze end: a record is
//! sealed, its day stands beside it as an HMAC, written with it; records of a program that knew no days get theirs from retention.
//! Never tells a day.

use jiff::civil::Date;
use uuid::Uuid;

use crate::register::fristen::{FRUEHESTENS, satz_endet};
use crate::register::keys::{SearchKey, child};
use crate::register::record::Registersatz;
use crate::seal::index::Tag;
use crate::store::sealing::keys::Keys;

const CLASS: &str = "endet";

/// What stands beside what ends on a day; what was over before any run is found under the first day.
pub fn of_day(keys: &Keys, day: Date) -> Tag {
    let day = day.max(FRUEHESTENS);
    keys.search.tag(&SearchKey::new(CLASS, [day.to_string().as_str()]).octets())
}

/// The pass over the keys of idempotency.
pub const PASS: &str = "schluessel";

/// What one slice of a class removed, and what its audit row says besides.
#[derive(Debug, Default)]
pub struct Removed {
    /// How many rows.
    pub anzahl: u64,
    /// True where something was made ready and nothing went.
    pub prepared: bool,
    /// Ids of what went, where each one matters.
    pub ids: Vec<Uuid>,
    /// How many rows went along because they never could leave.
    pub along: u64,
}

/// What stands beside a record of which no date is known, or that does not open.
pub fn nie(keys: &Keys) -> Tag {
    keys.search.tag(&SearchKey::new(CLASS, ["nie"]).octets())
}

/// What stands beside a record.
pub fn of(keys: &Keys, registersatz: &Registersatz) -> Tag {
    match satz_endet(&registersatz.kind) {
        Some(day) => of_day(keys, day),
        None => nie(keys),
    }
}

/// Whether a record has ended on a day.
pub fn zu_ende(registersatz: &Registersatz, heute: Date) -> bool {
    satz_endet(&registersatz.kind).is_some_and(|day| day <= heute)
}

/// All days that have come.
pub fn bis(keys: &Keys, heute: Date) -> Vec<Tag> {
    FRUEHESTENS
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day <= heute)
        .map(|day| of_day(keys, day))
        .collect()
}

/// The key under which the removal of a record leaves its tombstone: that of its child and mother.
pub fn loeschmarke(keys: &Keys, registersatz: &Registersatz) -> Tag {
    keys.search.tag(&child(&registersatz.kind, &registersatz.mutter).octets())
}
