//! Arguments of `messages`: what is listed, shown, and written out for two persons. Does nothing itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::args_order::reason;

/// Commands of `messages`.
#[derive(Clone, Debug, Subcommand)]
pub enum MessagesCommand {
    /// List messages, newest first.
    #[command(after_help = "Example:\n  drehscheibe messages list --state parked --state quarantined")]
    List(ListArgs),
    /// Show one message: states, causes, what it sent; never its content.
    #[command(after_help = "Example:\n  drehscheibe messages show 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10")]
    Show(ShowArgs),
    /// Write the original of a message into a new folder, for a person who has to compare or hand it on.
    ///
    /// It takes two persons: the first one's request stands for 24 hours, a second one who gives the same command within that time gets the
    /// files. Both, with their reasons, stand in the Abrufprotokoll. The files can be read by the user who runs the command only.
    #[command(
        after_help = "Example:\n  drehscheibe messages original 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --out vergleich-1 --reason \"zwei Fassungen vergleichen\""
    )]
    Original(OriginalArgs),
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
    #[arg(long, value_name = "ID")]
    pub before: Option<Uuid>,
}

/// Arguments of the commands that show one thing.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// Its id.
    pub id: Uuid,
}

/// Arguments of `messages original`.
#[derive(Clone, Debug, Args)]
pub struct OriginalArgs {
    /// The id of the message.
    pub id: Uuid,
    /// The folder that is made for it; one that is there is never written into.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}
