//! Arguments of `retention`. Decides nothing.

use clap::{Args, Subcommand};

use super::args_order::{Patience, reason};

/// Commands of `retention`.
#[derive(Clone, Debug, Subcommand)]
pub enum RetentionCommand {
    /// Show what would be removed now, class by class, with the period that holds; changes nothing.
    #[command(after_help = "Example:\n  drehscheibe retention plan --json")]
    Plan,
    /// Let the running process remove now what is over, without waiting for the daily run.
    #[command(
        after_help = "Example:\n  drehscheibe retention run --reason \"Prüfung durch den Datenschutz\""
    )]
    Run(RunNowArgs),
}

/// Arguments of `retention run`.
#[derive(Clone, Debug, Args)]
pub struct RunNowArgs {
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}
