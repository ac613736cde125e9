//! Arguments of `audit`, and moments as an auditor writes and reads them. It never does anything itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use super::args_order::{id, reason};
use super::output::{self, berlin};

/// Commands of `audit`.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// List changes and retrievals, newest first, with person and reason; the look is recorded itself.
    #[command(after_help = "Examples:\n  \
        drehscheibe audit show --from 2026-12-01 --until 2026-12-02 --reason \"Revision 7/2026\"\n  \
        drehscheibe audit show --only retrievals --subject 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"Auskunft nach Artikel 15\"\n  \
        drehscheibe audit show --kind command. --person os:leitung --limit 20 --reason \"Revision 7/2026\"\n\n\
        Moments are those of a clock in Germany: 2026-12-01, 2026-12-01T09:50, or with a zone 2026-12-01T08:50:00Z.")]
    Show(AuditShowArgs),
    /// Write all changes with their links and all retrievals into a new folder, with a manifest: to be checked without this program.
    #[command(
        after_help = "Example:\n  drehscheibe audit export --out revision-2026-12 --reason \"Revision 7/2026\"\n\n\
        deploy/handbuch/nachweiskette.py computes the chain anew from such a folder."
    )]
    Export(AuditExportArgs),
    /// Compute every link of the Nachweiskette anew and name each gap and each row that was changed; changes nothing.
    #[command(
        after_help = "Examples:\n  drehscheibe audit verify\n  drehscheibe audit verify --against revision-2026-12\n\n\
        Exit code 1 when something is missing or was changed."
    )]
    Verify(AuditVerifyArgs),
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// What was changed, by whom and why.
    Changes,
    /// Who read what, and why (Abrufprotokoll).
    Retrievals,
}

/// Arguments of `audit show`.
#[derive(Clone, Debug, Args)]
pub struct AuditShowArgs {
    /// Only one of the two lists.
    #[arg(long, value_enum)]
    pub only: Option<Only>,
    /// From this moment or day on.
    #[arg(long, value_name = "WHEN", value_parser = from)]
    pub from: Option<Timestamp>,
    /// Until before this moment, or to the end of this day.
    #[arg(long, value_name = "WHEN", value_parser = until)]
    pub until: Option<Timestamp>,
    /// Only of this message, delivery, command or record, by its id.
    #[arg(value_parser = id, long, value_name = "ID")]
    pub subject: Option<Uuid>,
    /// Only what begins so, such as `inbox.`, `command.replay` or `audit.`.
    #[arg(long, value_name = "TEXT")]
    pub kind: Option<String>,
    /// Only of this person, as recorded; its beginning suffices.
    #[arg(long, value_name = "PERSON")]
    pub person: Option<String>,
    /// Only of this partner.
    #[arg(long, value_name = "PARTNER")]
    pub partner: Option<String>,
    /// At most so many of each list.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Why you look; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}

/// Arguments of `audit export`.
#[derive(Clone, Debug, Args)]
pub struct AuditExportArgs {
    /// The folder; it is made, and must not be there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Why it is taken away; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}

/// Arguments of `audit verify`.
#[derive(Clone, Debug, Args)]
pub struct AuditVerifyArgs {
    /// The folder of an export that was taken away before, or its manifest alone: what it holds must still be there as it was, but for
    /// what is older than its period.
    #[arg(long, value_name = "EXPORT")]
    pub against: Option<PathBuf>,
}

/// A moment in microseconds as people in the offices read it.
pub fn local_micros(at: i64) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| "at no moment".to_owned(), output::moment)
}

fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(berlin()).ok().map(|zoned| zoned.timestamp())
}

fn wrong() -> String {
    "write a day such as 2026-12-01, or a moment such as 2026-12-01T09:50 (German time)".to_owned()
}

fn day(text: &str) -> Option<Date> {
    if text.len() == "2026-12-01".len() { text.parse().ok() } else { None }
}

fn from(text: &str) -> Result<Timestamp, String> {
    moment(text).ok_or_else(wrong)
}

fn until(text: &str) -> Result<Timestamp, String> {
    let Some(day) = day(text) else { return moment(text).ok_or_else(wrong) };
    let next = day.checked_add(1.day()).map_err(|_| wrong())?;
    next.to_zoned(berlin()).map(|zoned| zoned.timestamp()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_german_clock_and_a_day_is_whole() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(from("2026-12-01"), Ok(at("2026-11-30T23:00:00Z")));
        assert_eq!(until("2026-12-01"), Ok(at("2026-12-01T23:00:00Z")));
        assert_eq!(from("2026-07-01T09:50"), Ok(at("2026-07-01T07:50:00Z")));
        assert_eq!(until("2026-07-01 09:50:30"), Ok(at("2026-07-01T07:50:30Z")));
        assert_eq!(from("2026-12-01T08:50:00Z"), Ok(at("2026-12-01T08:50:00Z")));
        assert!(from("gestern").is_err() && until("01.12.2026").is_err());
    }
}
