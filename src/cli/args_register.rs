//! Arguments of the commands about registers and tables: `bestand`, `mirror`, `tables`. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::args_order::{Patience, id, reason};

/// Whose register, and why; recorded with the acting person.
#[derive(Clone, Debug, Args)]
pub struct Ordered {
    /// The Jugendamt, by its name in partners.yaml.
    #[arg(long, value_name = "PARTNER")]
    pub jugendamt: String,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// Commands of `bestand`.
#[derive(Clone, Debug, Subcommand)]
pub enum BestandCommand {
    /// Begin the load of a register: from now on repeated records are counted, not refused.
    #[command(
        after_help = "Example:\n  drehscheibe bestand begin --jugendamt jugendamt-bremen --reason \"Erstbefüllung\""
    )]
    Begin(Ordered),
    /// Compare the mirror with the office's register; every gap blocks the declaration.
    #[command(
        group = clap::ArgGroup::new("against").required(true).args(["liste", "anzahl"]),
        after_help = "Examples:\n  drehscheibe bestand abgleich --jugendamt jugendamt-bremen --liste kinder.hmac --reason \"Erstbefüllung\"\n  \
            drehscheibe bestand abgleich --jugendamt jugendamt-bremen --anzahl 155000 --reason \"Erstbefüllung\""
    )]
    Abgleich {
        /// Whose and why.
        #[command(flatten)]
        ordered: Ordered,
        /// The list that the office made of its export with `bestand liste`, under its secret `policy: { abgleich: … }`.
        #[arg(long, value_name = "FILE")]
        liste: Option<PathBuf>,
        /// Only a count: a difference shows, an exchange does not, so nobody can sign on it.
        #[arg(long, value_name = "N")]
        anzahl: Option<u64>,
        /// Write what is missing here, as a list for the office: `bestand liste --luecken` tells it the lines of its export.
        #[arg(long, value_name = "FILE", requires = "liste")]
        luecken: Option<PathBuf>,
    },
    /// For the office itself: make the list of children and entries of its own export. Needs no stage and no network.
    #[command(
        after_help = "The export is CSV in UTF-8; the separator is ; or , or a tab. Its first line names the columns, in any order:\n  \
            kind_familienname, kind_vornamen   the name at registration\n  \
            kind_geburtsdatum, mutter_geburtsdatum   2024-08-05, 2024-08 or 2024, or 05.08.2024\n  \
            kind_geburtsort   as it was delivered\n  \
            arten   01 to 04 with a space between them; nothing where there is no entry\n\
            May stand there: kind_erwartet (before the birth), geburtsregister_nummer, geburtsstandesamt, kind_geburtsstaat, \
            kind_geburtsname, mutter_familienname, mutter_vornamen, mutter_geburtsname. Other columns are passed over.\n\
            A line for each child, or for each entry.\n\
            As of when the export speaks is said by --stand, or by a column `stand` (of several moments the earliest holds).\n\n\
            Examples:\n  drehscheibe bestand liste export.csv --schluessel abgleich.key --stand \"2026-11-21 18:00\" --nach liste.txt\n  \
            drehscheibe bestand liste export.csv --schluessel abgleich.key --luecken luecken.txt"
    )]
    Liste {
        /// The export of the register.
        #[arg(value_name = "EXPORT.csv")]
        export: PathBuf,
        /// The secret that office and platform share, made by `bestand schluessel`.
        #[arg(long, value_name = "FILE")]
        schluessel: PathBuf,
        /// When the export was taken from the register: 2026-11-21T18:00:00+01:00, or German time as 2026-11-21 18:00 or 21.11.2026 18:00; a day
        /// alone is its beginning. What was entered later does not stand on the list, so never name a later moment.
        #[arg(long, value_name = "MOMENT", conflicts_with = "luecken")]
        stand: Option<String>,
        /// Where the list is written; printed when not given.
        #[arg(long, value_name = "FILE")]
        nach: Option<PathBuf>,
        /// Tell which lines of the export this list of gaps, from the platform, speaks of; makes no list.
        #[arg(long, value_name = "FILE", conflicts_with = "nach")]
        luecken: Option<PathBuf>,
    },
    /// For the office itself: make the secret of its lists and tell the fingerprint by which both sides compare it.
    #[command(after_help = "Example:\n  drehscheibe bestand schluessel abgleich.key")]
    Schluessel {
        /// The file that is made; only its owner can read it.
        #[arg(value_name = "FILE")]
        datei: PathBuf,
    },
    /// Sign the completeness; it holds when a second person has signed, too.
    #[command(
        after_help = "Example:\n  drehscheibe bestand erklaeren --jugendamt jugendamt-bremen --reason \"Abgleich ohne Lücken\""
    )]
    Erklaeren(Ordered),
    /// Show what is known of a register.
    #[command(after_help = "Example:\n  drehscheibe bestand status --json")]
    Status {
        /// The Jugendamt, by its name in partners.yaml; all of the group when not given.
        #[arg(long, value_name = "PARTNER")]
        jugendamt: Option<String>,
    },
}

/// Commands of `lieferung`.
#[derive(Clone, Debug, Subcommand)]
pub enum LieferungCommand {
    /// List what is open: refused, parked, kept apart, waiting or unreadable deliveries, with age and way out.
    #[command(after_help = "Example:\n  drehscheibe lieferung list --json")]
    List {
        /// The Jugendamt, by its name in partners.yaml; all of the stage when not given.
        #[arg(long, value_name = "PARTNER")]
        jugendamt: Option<String>,
    },
    /// Say in the name of its Jugendamt that a readable delivery is dealt with.
    #[command(
        after_help = "Example:\n  drehscheibe lieferung erledigt 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --jugendamt jugendamt-bremen \
            --reason \"Eintragung steht im Register, Anruf vom 12. Mai\""
    )]
    Erledigt {
        /// Id of the delivery, as its rejection and the list name it.
        #[arg(value_parser = id)]
        id: Uuid,
        /// Whose and why.
        #[command(flatten)]
        ordered: Ordered,
    },
    /// Close any delivery, be it unreadable; it takes a second person within 24 hours.
    #[command(
        after_help = "Example:\n  drehscheibe lieferung freigeben 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --jugendamt jugendamt-bremen \
            --aktenzeichen \"51-12/2026\" --reason \"Amt bestätigt: leere Datei\""
    )]
    Freigeben {
        /// Id of the delivery.
        #[arg(value_parser = id)]
        id: Uuid,
        /// Whose and why.
        #[command(flatten)]
        ordered: Ordered,
        /// The file number under which the Jugendamt confirms it.
        #[arg(long, value_name = "TEXT")]
        aktenzeichen: String,
    },
}

/// Commands of `mirror`.
#[derive(Clone, Debug, Subcommand)]
pub enum MirrorCommand {
    /// Mark a Registersatz: it is no longer answered automatically until the mark is taken back.
    #[command(
        group = clap::ArgGroup::new("mark").required(true).args(["bestritten", "klaerung", "keine"]),
        after_help = "Example:\n  drehscheibe mirror mark 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --bestritten \
            --jugendamt jugendamt-bremen --reason \"Widerspruch vom 12. Mai\""
    )]
    Mark {
        /// Id of the Registersatz.
        #[arg(value_parser = id)]
        id: Uuid,
        /// Whose and why.
        #[command(flatten)]
        ordered: Ordered,
        /// Its data are contested (§ 84(2) SGB X).
        #[arg(long)]
        bestritten: bool,
        /// The office is clarifying its data.
        #[arg(long)]
        klaerung: bool,
        /// Take the mark back.
        #[arg(long)]
        keine: bool,
    },
}

/// Commands of `tables`.
#[derive(Clone, Debug, Subcommand)]
pub enum TablesCommand {
    /// List the offices with their areas.
    #[command(after_help = "Example:\n  drehscheibe tables list --json")]
    List,
    /// Check the tables of the stage and count what they hold.
    #[command(after_help = "Example:\n  drehscheibe tables check --config deploy/stages/abnahme")]
    Check,
    /// Write `tables/gemeinden.csv` of the stage from a genericode list of the statistical offices.
    #[command(after_help = "Example:\n  drehscheibe tables import ars Regionalschluessel.xml")]
    Import {
        /// Which list it is.
        #[arg(value_enum)]
        list: KeyList,
        /// The file.
        file: PathBuf,
    },
}

/// Lists of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyList {
    /// Amtlicher Regionalschlüssel, 12 digits: all places.
    Ars,
    /// Amtlicher Gemeindeschlüssel, 8 digits: only towns that are a Kreis of their own, because the Verband is missing.
    Ags,
}
