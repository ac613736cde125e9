//! Arguments of the commands about backups: `backup`, `recover`. Decides nothing.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::args_order::{Patience, reason};

/// Arguments of `backup`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct BackupArgs {
    /// A folder that does not exist yet; its parent exists.
    #[arg(value_name = "DIR", required = true)]
    pub into: Option<PathBuf>,
    /// Something else than taking a backup.
    #[command(subcommand)]
    pub other: Option<BackupCommand>,
}

/// Commands of `backup`.
#[derive(Clone, Debug, Subcommand)]
pub enum BackupCommand {
    /// Read a backup back: every file, every hash, the database itself. Exit code 1 when anything is wrong.
    #[command(after_help = "Example:\n  drehscheibe backup verify /backup/2026-11-22")]
    Verify {
        /// The backup.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Copy key store and deletion ledger to a place of their own; an older copy there is replaced.
    ///
    /// Never to where the backups lie: together they are the whole store. Only the newest copy may exist, because a key that
    /// was destroyed since lives on in an older one.
    #[command(after_help = "Example:\n  drehscheibe backup keys /mnt/keys/drehscheibe")]
    Keys {
        /// The folder.
        #[arg(value_name = "DIR")]
        into: PathBuf,
    },
}

/// Arguments of `recover`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("what").args(["dir", "after_restore", "open"]))]
pub struct RecoverArgs {
    /// The backup that takes the place of the stopped store; the store of before is kept aside.
    #[arg(value_name = "DIR", requires = "reason")]
    pub dir: Option<PathBuf>,
    /// The database was put back by other means (pg_restore, point in time): the next start is closed.
    #[arg(long, requires = "reason")]
    pub after_restore: bool,
    /// Let messages in and out again; the running process does it.
    #[arg(long, requires = "reason")]
    pub open: bool,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: Option<String>,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}
