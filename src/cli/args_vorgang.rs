//! What can be written after `vorgang`: looks at Vorgänge, the confirmation of an answer, the office of a Vorgang. It never does anything
//! itself.

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::args_order::{Patience, id, reason};
use super::args_register::Ordered;

/// Commands of `vorgang`.
#[derive(Clone, Debug, Subcommand)]
pub enum VorgangCommand {
    /// List them, newest first.
    #[command(after_help = "Example:\n  drehscheibe vorgang list --reason \"Rückfrage des Jugendamts\"")]
    List(VorgangListArgs),
    /// Show one of them by its id or by the id that the online service was told.
    #[command(
        after_help = "Example:\n  drehscheibe vorgang show 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --mandant jugendamt-bremen --reason \"Aktenzeichen 7\""
    )]
    Show(VorgangShowArgs),
    /// Confirm, as a person of the office, an answer that names another child or mother than was asked for; it then goes on.
    #[command(
        after_help = "Example:\n  drehscheibe vorgang bestaetigen 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --jugendamt jugendamt-bremen \
            --reason \"Mutter hat seit der Geburt den Namen geändert\""
    )]
    Bestaetigen {
        /// Id of the parked answer, as `parked list` shows it.
        #[arg(value_parser = id)]
        id: Uuid,
        /// Whose and why.
        #[command(flatten)]
        ordered: Ordered,
    },
    /// Give an open Vorgang to the office that answers it, where nobody knew which, where its office ended or is the wrong one; it takes a
    /// second person within 24 hours. What is answered or withdrawn is given to nobody.
    #[command(
        after_help = "Example:\n  drehscheibe vorgang zuweisen 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --amt jugendamt-bremen --aktenzeichen \"51-12/2026\" \
            --reason \"Amt nimmt den Vorgang an, Anruf vom 12. Mai\""
    )]
    Zuweisen(ZuweisenArgs),
}

/// Arguments of `vorgang zuweisen`.
#[derive(Clone, Debug, Args)]
pub struct ZuweisenArgs {
    /// Its id, or the id of the request that began it: `parked list` names that.
    #[arg(value_parser = id)]
    pub id: Uuid,
    /// The office: its name in partners.yaml, or the key (ARS, 2 to 12 digits) of a place of its area.
    #[arg(long, value_name = "ARS|PARTNER")]
    pub amt: String,
    /// The file number under which the office takes it.
    #[arg(long, value_name = "TEXT")]
    pub aktenzeichen: String,
    /// Why; recorded with the acting person.
    #[arg(long, visible_alias = "grund", value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// Arguments of `vorgang list`.
#[derive(Clone, Debug, Args)]
pub struct VorgangListArgs {
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Only those of this Mandant, with what only it may see.
    #[arg(long)]
    pub mandant: Option<String>,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}

/// Arguments of `vorgang show`.
#[derive(Clone, Debug, Args)]
pub struct VorgangShowArgs {
    /// Its id.
    #[arg(value_parser = id)]
    pub id: Uuid,
    /// As this Mandant, with what only it may see.
    #[arg(long)]
    pub mandant: Option<String>,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
}
