//! Arguments of `support`. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Commands of `support`.
#[derive(Clone, Debug, Subcommand)]
pub enum SupportCommand {
    /// Gather a bundle, search it for secrets, show all of it, and write it after you agreed.
    ///
    /// What may be in it is a list of names: version, states, counts, codes, connections by name and kind, routes, packages,
    /// findings of `doctor`, alarms, metrics, known lines of a log. It is refused where a secret of the configuration is found.
    #[command(after_help = "Examples:\n  drehscheibe support bundle --show | less\n  \
        drehscheibe support bundle --to support.tar.gz --log drehscheibe.log\n  \
        drehscheibe support bundle --to support.tar.gz --yes\n\n\
        Without a terminal and without --yes nothing is written. Exit code 1 when it is refused or not agreed to.")]
    Bundle(BundleArgs),
}

/// Arguments of `support bundle`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["to", "show"]))]
pub struct BundleArgs {
    /// Where it is written, a tar.gz; a file that is there is never replaced.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Only show it.
    #[arg(long)]
    pub show: bool,
    /// Write it without asking; it is shown all the same.
    #[arg(long, requires = "to")]
    pub yes: bool,
    /// A file with the log as JSON lines, such as `journalctl -u drehscheibe -o cat` prints it.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// At most so many of its last lines.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub lines: u16,
    /// Metrics that were saved before, where the running process cannot be asked.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}
