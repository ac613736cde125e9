//! The words of `routes`: the difference to what runs, taking files over, and what they have no more. Decides nothing.

use clap::{Args, Subcommand};

use crate::cli::args_order::{Patience, reason};

/// Commands of `routes`.
#[derive(Clone, Debug, Subcommand)]
pub enum RoutesCommand {
    /// Show the difference to what runs, and the messages in flight per version.
    #[command(after_help = "Example:\n  drehscheibe routes plan --json")]
    Plan,
    /// Let the running process take over all files, or none of them.
    #[command(after_help = "Example:\n  drehscheibe routes apply --drain --reason \"partner left\"")]
    Apply(ApplyArgs),
    /// List destinations that the files have no more and for which something is left, since when, and how much.
    #[command(after_help = "Example:\n  drehscheibe routes draining --json")]
    Draining,
    /// Wait no longer for one of them: what is left is parked, or goes to another destination of the same partner.
    ///
    /// What may have arrived already goes nowhere before a person says so (`parked arrived`, `parked not-arrived`).
    #[command(
        after_help = "Examples:\n  drehscheibe routes end-draining broker:ja-nord --reason \"Amt aufgelöst\"\n  \
        drehscheibe routes end-draining broker:ja-nord --to xta:ja-nord --reason \"umgezogen\""
    )]
    EndDraining(EndDrainingArgs),
}

/// Arguments of `routes end-draining`.
#[derive(Clone, Debug, Args)]
pub struct EndDrainingArgs {
    /// The destination that was taken away, `connection:partner`.
    pub destination: String,
    /// The destination of the same partner to which what is left goes; without it that is parked.
    #[arg(long, value_name = "CONNECTION:PARTNER")]
    pub to: Option<String>,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// Arguments of `routes apply`.
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// Also remove destinations for which something is left: each is served as it was until nothing is, then it is gone (`routes draining`).
    #[arg(long)]
    pub drain: bool,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}
