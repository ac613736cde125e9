//! Arguments of `messages`: what is listed, shown, and written out for two persons. Does nothing itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::args_order::{id, reason};

/// Commands of `messages`.
#[derive(Clone, Debug, Subcommand)]
pub enum MessagesCommand {
    /// List messages, newest first.
    #[command(after_help = "Example:\n  drehscheibe messages list --state parked --state quarantined")]
    List(ListArgs),
    /// Find messages by what you know of them: partner, time, type, code, one of our ids, or an id that the sender gave.
    #[command(after_help = "Examples:\n  \
        drehscheibe messages find --partner jugendamt-bremen --when \"yesterday 9:50–10:10\"\n  \
        drehscheibe messages find --own 6f9619ff-8b86-4d01-b42d-00cf4fc964ff\n  \
        drehscheibe messages find 019ad8e2\n  \
        drehscheibe messages find --type xfamilie.0804 --code T070 --when gestern\n\n\
        Without an id and without --when the last seven days are looked at. Times are those of a clock in Germany.")]
    Find(FindArgs),
    /// Show one message: states, causes, what it sent; never its content.
    #[command(
        after_help = "Example:\n  drehscheibe messages show 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10\n  drehscheibe messages show 01932f6e8a40"
    )]
    Show(SeekArgs),
    /// Write the original of a message into a new folder, for a person who has to compare or hand it on.
    ///
    /// It takes two persons: the first one's request stands for 24 hours, a second one who gives the same command within that time gets the
    /// files. Both, with their reasons, stand in the Abrufprotokoll. The files can be read by the user who runs the command only.
    #[command(
        after_help = "Example:\n  drehscheibe messages original 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --out vergleich-1 --reason \"zwei Fassungen vergleichen\""
    )]
    Original(OriginalArgs),
    /// Write what proves a delivery by OSCI into a new folder: the octets as they were signed, certificates with their chains, the Laufzettel of what
    /// it sent, and what was verified when it came. Any tool of OSCI judges them again.
    ///
    /// It takes two persons, like `messages original`: the first one's request stands for 24 hours, a second one who gives the same command within
    /// that time gets the files. Both, with their reasons, stand in the Abrufprotokoll.
    #[command(
        after_help = "Example:\n  drehscheibe messages proof 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --out nachweis-1 --reason \"Zugang bestritten, Az. 12 F 3/26\""
    )]
    Proof(OriginalArgs),
}

/// States that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StateWord {
    /// Waits for another message or its deadline.
    Waiting,
    /// Its effect is committed.
    Accepted,
    /// Refused with the standard's rejection.
    Rejected,
    /// Kept apart.
    Quarantined,
    /// Waits for a person (zurückgestellt).
    Parked,
    /// The sender was not admitted.
    Denied,
}

/// Arguments of `messages list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only this state; may be given several times.
    #[arg(long = "state", value_enum)]
    pub states: Vec<StateWord>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Only older than this message, to turn the page.
    #[arg(value_parser = id, long, value_name = "ID")]
    pub before: Option<Uuid>,
}

/// Arguments of `messages find`.
#[derive(Clone, Debug, Args)]
pub struct FindArgs {
    /// Its id or that of what it sent; the beginning suffices, eight characters at least.
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// An id that its sender gave it: nachrichtenUUID, transaktionsid, Idempotency-Key, or the id of the transport.
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub own: Option<String>,
    /// The SHA-256 of its octets, or its beginning.
    #[arg(long, value_name = "HASH", conflicts_with_all = ["id", "own"], value_parser = hash)]
    pub sha256: Option<String>,
    /// Only of this partner.
    #[arg(long, value_name = "PARTNER")]
    pub partner: Option<String>,
    /// Only of this route.
    #[arg(long, value_name = "ROUTE")]
    pub route: Option<String>,
    /// Only of this type, such as `xfamilie.0804`.
    #[arg(long = "type", value_name = "TYPE")]
    pub message: Option<String>,
    /// Only this state; may be given several times.
    #[arg(long = "state", value_enum)]
    pub states: Vec<StateWord>,
    /// Only with this code of a standard (`T070`), reason (`fremder-geburtsort`), rule (`R-…`) or alarm that a message raised (`outcome-unclear`).
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Only received then: `yesterday 9:50–10:10`, `gestern`, `2026-12-01 10:00 bis 12:00` (German time).
    #[arg(long, value_name = "WHEN")]
    pub when: Option<String>,
    /// At most so many, the newest.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

impl FindArgs {
    /// At most so many.
    pub fn limit(&self) -> usize {
        usize::try_from(self.limit).unwrap_or(usize::MAX)
    }
}

fn hash(text: &str) -> Result<String, String> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    match (8..=64).contains(&text.len()) && digits {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("write the SHA-256 in hexadecimal digits, eight at least".to_owned()),
    }
}

/// Arguments of `messages show`.
#[derive(Clone, Debug, Args)]
pub struct SeekArgs {
    /// Its id or that of what it sent; the beginning suffices, eight characters at least.
    pub id: String,
}

/// Arguments of the commands that show one thing.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Its id.
    #[arg(value_parser = id)]
    pub id: Uuid,
}

/// Arguments of `messages original` and `messages proof`.
#[derive(Clone, Debug, Args)]
pub struct OriginalArgs {
    /// The id of the message.
    #[arg(value_parser = id)]
    pub id: Uuid,
    /// The folder that is made for it; one that is there is never written into.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}
