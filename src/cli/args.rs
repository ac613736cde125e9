//! The whole tree of commands: what can be written, with help that teaches. It never does anything itself.
//! Exit codes of every command: 0 done, 1 the answer is no, 2 it cannot run.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use uuid::Uuid;

use super::args_audit::AuditCommand;
use super::args_backup::{BackupArgs, RecoverArgs};
use super::args_bench::BenchArgs;
use super::args_explain::ExplainArgs;
use super::args_letter::LetterCommand;
use super::args_messages::{MessagesCommand, ShowArgs};
use super::args_order::{Patience, duration, id, reason};
use super::args_osci::OsciCommand;
use super::args_register::{BestandCommand, LieferungCommand, MirrorCommand, TablesCommand};
use super::args_retention::RetentionCommand;
use super::args_routes::RoutesCommand;
use super::args_support::SupportCommand;
use super::args_validate::ValidateArgs;
use super::args_vorgang::VorgangCommand;
use super::args_xta::XtaCommand;
use crate::store::orders::PauseKind;

/// Integration adapter of the Sorgeregister-Plattform.
#[derive(Debug, Parser)]
#[command(name = "drehscheibe", version, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = "First steps:\n  \
    drehscheibe demo              see deliveries come in, be refused, doubled and told on\n  \
    drehscheibe check --explain   read what the routes do, with every default\n  \
    drehscheibe run               run the stage folder deploy/stages/demo\n  \
    drehscheibe status            see what waits, how old, whose fault, and what to do next\n\n\
    Exit codes: 0 done, 1 the answer is no (invalid, not found, failed tests), 2 it cannot run.")]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print one JSON value instead of text.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Folder of the stage: connections.yaml, partners.yaml, settings.
    #[arg(long, global = true, value_name = "DIR", default_value = "deploy/stages/demo")]
    #[arg(env = "DREHSCHEIBE_CONFIG", help_heading = "Everywhere")]
    pub config: PathBuf,
    /// Folder of the routes.
    #[arg(long, global = true, value_name = "DIR", default_value = "routes")]
    #[arg(env = "DREHSCHEIBE_ROUTES", help_heading = "Everywhere")]
    pub routes: PathBuf,
    /// Folder of the standards' packages.
    #[arg(long, global = true, value_name = "DIR", default_value = "xsd")]
    #[arg(env = "DREHSCHEIBE_XSD", help_heading = "Everywhere")]
    pub xsd: PathBuf,
    /// Folder of store, claims and keys; the stage's own when not given.
    #[arg(long, global = true, value_name = "DIR", env = "DREHSCHEIBE_DATA", help_heading = "Everywhere")]
    pub data: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run: take deliveries in, commit their effects, send what they cause.
    ///
    /// Holds the store's lock until it ends. The first signal (SIGTERM, Ctrl-C) drains, the second ends at once;
    /// nothing is lost by either.
    #[command(
        after_help = "Example:\n  drehscheibe run --config deploy/stages/produktion --data /var/lib/drehscheibe"
    )]
    Run,
    /// Check routes, standards, partners and connections, and show all faults of all files at once.
    #[command(after_help = "Example:\n  drehscheibe check --config deploy/stages/abnahme --explain")]
    Check(CheckArgs),
    /// See or apply changed routes in a running process.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe routes plan && drehscheibe routes apply --reason \"new callback\""
    )]
    Routes(RoutesCommand),
    /// Run the test cases beside the routes and the samples of the standards, also with crashes and failing partners.
    #[command(
        after_help = "Examples:\n  drehscheibe test\n  drehscheibe test routes/tests/registerlieferung"
    )]
    Test(TestArgs),
    /// Run a message through the routes as they are written now, roll back, and show what would differ.
    #[command(
        after_help = "Examples:\n  drehscheibe dry-run --message 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10\n  \
        drehscheibe dry-run xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml --as jugendamt-bremen"
    )]
    DryRun(DryRunArgs),
    /// Say what a file is, whether it is valid, and where not. Needs no store.
    #[command(after_help = "Example:\n  drehscheibe inspect lieferung.xml --json\n\n\
        An OSCI body (with its HTTP head or without), opened with the keys of its readers; a certificate alone is one to trust:\n  \
        drehscheibe inspect --key postfach.p12 --key ca.pem --at 2026-11-24T08:00:00Z antwort.bin --json\n\n\
        Exit code 1 when the file is not valid, or a signature in it does not verify.")]
    Inspect(InspectArgs),
    /// Validate documents against a schema (XSD 1.0), without a package: each fault with its place, never a value.
    ///
    /// With --json one line for each document: {"file", "valid", "faults": [{code, line, column, path, text}]}.
    #[command(after_help = "Example:\n  drehscheibe validate --schema xfamilie-geburt.xsd lieferung.xml\n\n\
        Schema documents are read from the folder of the schema, below it and at most two folders above it.\n\
        Exit code 1 when a document is not valid, 2 when the schema cannot be used or a document cannot be read:\n\
        then nothing is on standard output.")]
    Validate(ValidateArgs),
    /// Look after the packages of the standards: list, check and compare them, take in an official one.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe standards list\n  \
        drehscheibe standards import xfamilie-1.3.0.zip --dry-run"
    )]
    Standards(StandardsCommand),
    /// Explain a code: of a standard, a reason beside it, a rule, a problem of the interface, an alarm. Needs no stage and no store.
    ///
    /// Cause, whose turn it is and one safe step, in German as operators and senders read them.
    #[command(
        after_help = "Examples:\n  drehscheibe explain T070\n  drehscheibe explain fremder-geburtsort\n  drehscheibe explain\n\n\
        Exit code 1 when there is no such code; the nearest ones are named."
    )]
    Explain(ExplainArgs),
    /// By hand at an XTA server, of the stage or any other: list a mailbox, fetch, send, ask for a report.
    ///
    /// Closes nothing unless --close is given, and sends nothing twice.
    #[command(
        subcommand,
        after_help = "Examples:\n  drehscheibe xta ls --connection broker\n  \
        drehscheibe xta get ID --to post --url https://xta.example/services/XTAService --cert haus.pem --key haus.key --ca ca.pem --as srp:plattform\n\n\
        Exit code 1 when the server refuses, 2 when it is not reached."
    )]
    Xta(XtaCommand),
    /// OSCI by hand: send, fetch, look at a process card; and a small intermediary for tests, demonstrations and sandboxes.
    #[command(
        subcommand,
        after_help = "Examples:\n  drehscheibe osci laufzettel ID --connection intermed\n  drehscheibe osci intermediary --listen 127.0.0.1:8090 --folder sandbox --signature-cert i-sig.pem --signature-key i-sig.key --cipher-cert i-enc.pem --cipher-key i-enc.key"
    )]
    Osci(OsciCommand),
    /// Print the JSON Schema of a kind of file, for your editor.
    #[command(after_help = "Example:\n  drehscheibe schema route > route.schema.json")]
    Schema(SchemaArgs),
    /// Show what waits, how old it is, whose fault it is, and what to do next.
    #[command(
        after_help = "Examples:\n  drehscheibe status\n  drehscheibe status --json | jq '.items[] | select(.whose == \"far-end\")'"
    )]
    Status,
    /// List messages or show one; never their content.
    #[command(subcommand, after_help = "Example:\n  drehscheibe messages list --state rejected --limit 20")]
    Messages(MessagesCommand),
    /// See what waits for a person (zurückgestellt, Zustellung ungeklärt) and process it again (erneut verarbeiten).
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe parked list\n  \
        drehscheibe parked replay 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"route added\""
    )]
    Parked(ParkedCommand),
    /// List Vorgänge or show one, with a reason; every view is recorded.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe vorgang list --reason \"Rückfrage des Jugendamts\""
    )]
    Vorgang(VorgangCommand),
    /// Hold a route, a partner or a destination; all replicas obey, nothing is lost.
    #[command(
        after_help = "Example:\n  drehscheibe pause destination callback:kita-portal-nord --reason \"Wartung\" --until 2h"
    )]
    Pause(PauseArgs),
    /// Let a route, a partner or a destination go on.
    #[command(
        after_help = "Example:\n  drehscheibe resume destination callback:kita-portal-nord --reason \"Wartung beendet\""
    )]
    Resume(ResumeArgs),
    /// Load, compare and declare a Jugendamt's register in the mirror.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe bestand begin --jugendamt jugendamt-bremen --reason \"Erstbefüllung\""
    )]
    Bestand(BestandCommand),
    /// See which deliveries of an office had no effect and therefore stand against answers, and close them.
    #[command(subcommand, after_help = "Example:\n  drehscheibe lieferung list --jugendamt jugendamt-bremen")]
    Lieferung(LieferungCommand),
    /// Mark a Registersatz as contested or in clarification.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe mirror mark 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --klaerung --jugendamt jugendamt-bremen \
        --reason \"Rückfrage beim Gericht\""
    )]
    Mirror(MirrorCommand),
    /// List, check and import the tables of a stage: offices, areas, places.
    #[command(subcommand, after_help = "Example:\n  drehscheibe tables import ars Regionalschluessel.xml")]
    Tables(TablesCommand),
    /// Look at the letters: how one reads with an invented person, in the texts and with the head that hold in the stage.
    #[command(subcommand, after_help = "Example:\n  drehscheibe letter preview A --office jugendamt-bremen")]
    Letter(LetterCommand),
    /// See what is kept no longer, class by class, and let it be removed before the daily run.
    #[command(subcommand, after_help = "Example:\n  drehscheibe retention plan")]
    Retention(RetentionCommand),
    /// Look at what happened and who looked, take it away, or check that nothing of it was changed; for the auditor.
    ///
    /// Every look is itself recorded with person and reason. In `produktion` and `abnahme` only who stands under `auditors` in
    /// connections.yaml; `verify` tells no person and is for everybody who may read the store.
    #[command(
        subcommand,
        after_help = "Examples:\n  drehscheibe audit verify\n  drehscheibe audit show --from 2026-12-01 --reason \"Revision 7/2026\""
    )]
    Audit(AuditCommand),
    /// Look after partners.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe partners check --config deploy/stages/produktion"
    )]
    Partners(PartnersCommand),
    /// Look whether this machine and its settings can carry a run: folders, rights, disk, clock, keys, certificates, ports.
    #[command(
        after_help = "Example:\n  drehscheibe doctor --config deploy/stages/produktion --data /var/lib/drehscheibe"
    )]
    Doctor,
    /// Bring the tables of the stage's store up to this program's version, or begin it, and say what was made; needs no running process.
    #[command(after_help = "Example:\n  drehscheibe migrate --config deploy/stages/produktion\n\n\
        On PostgreSQL with the login `owner` of the store; several at once wait for each other.")]
    Migrate,
    /// Copy the store while it runs: database, sealed parts, manifest; never the keys. `verify` reads one back, `keys` copies those.
    #[command(
        after_help = "Examples:\n  drehscheibe backup /backup/2026-11-22\n  drehscheibe backup verify /backup/2026-11-22\n  \
        drehscheibe backup keys /mnt/keys/drehscheibe"
    )]
    Backup(BackupArgs),
    /// Put a backup in place of a stopped store, or open a store that recovers; without arguments say how it stands.
    ///
    /// What was deleted since the backup is deleted again, and nothing comes in or leaves until a person opens it.
    #[command(
        after_help = "Examples:\n  drehscheibe recover /backup/2026-11-22 --reason \"Platte ausgefallen\"\n  \
        drehscheibe recover\n  drehscheibe recover --open --reason \"Ungeklaertes geprueft, Partner informiert\""
    )]
    Recover(RecoverArgs),
    /// Make a bundle of states and counts with which somebody else can help; never holds a message or a secret.
    #[command(
        subcommand,
        after_help = "Example:\n  drehscheibe support bundle --show --config deploy/stages/produktion"
    )]
    Support(SupportCommand),
    /// Measure the full path on this machine: rate, latency, memory.
    #[command(
        after_help = "Examples:\n  drehscheibe bench --messages 20000 --json\n  drehscheibe bench --floor --services"
    )]
    Bench(BenchArgs),
    /// Play the demonstration: good, broken and doubled deliveries by HTTP and folder, partners that fail at first.
    #[command(after_help = "Examples:\n  drehscheibe demo\n  drehscheibe demo --once --json\n\n\
        With --once the exit code is 0 only if the story ended as told.")]
    Demo(DemoArgs),
    /// Print the completions of a shell.
    #[command(
        after_help = "Examples:\n  drehscheibe completions bash > ~/.local/share/bash-completion/completions/drehscheibe\n  \
        drehscheibe completions fish > ~/.config/fish/completions/drehscheibe.fish"
    )]
    Completions(CompletionsArgs),
}

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Also show what each route does, with every default that holds.
    #[arg(long)]
    pub explain: bool,
}

/// Arguments of `test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// A case, or a folder of cases; all when not given.
    pub path: Option<PathBuf>,
}

/// Arguments of `dry-run`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["message", "file"]))]
pub struct DryRunArgs {
    /// The id of a stored message; the look is recorded.
    #[arg(value_parser = id, long, value_name = "ID")]
    pub message: Option<Uuid>,
    /// Why a stored message is looked at; recorded with the acting person.
    #[arg(long, value_parser = reason, requires = "message")]
    pub reason: Option<String>,
    /// A file with a document.
    pub file: Option<PathBuf>,
    /// The partner that would send the file.
    #[arg(long = "as", value_name = "PARTNER", requires = "file")]
    pub partner: Option<String>,
}

/// Arguments of `inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// The file.
    pub file: PathBuf,
    /// A file of keys to open with (PEM or PKCS#12), or of a certificate to trust; may be given many times.
    #[arg(long = "key", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// The password of the PKCS#12 files; better in the environment than here.
    #[arg(long, value_name = "PASSWORD", env = "DREHSCHEIBE_KEY_PASSWORD", hide_env_values = true)]
    pub key_password: Option<String>,
    /// The moment at which certificates are judged (RFC 3339); now when not given.
    #[arg(long, value_name = "TIME")]
    pub at: Option<jiff::Timestamp>,
}

/// Commands of `standards`.
#[derive(Clone, Debug, Subcommand)]
pub enum StandardsCommand {
    /// List the packages: their messages, what is read and written, whose text it is, validity, hash.
    #[command(after_help = "Example:\n  drehscheibe standards list --json")]
    List,
    /// Install an official package, next to ours or over it, or refuse it with every path that no longer fits.
    ///
    /// Takes its schemas and code lists; mapping, rules, templates and samples come from the same version of ours, else
    /// from the nearest one. References into the net are made to lead to files at hand. All or nothing is written.
    #[command(after_help = "Examples:\n  drehscheibe standards import xfamilie-1.3.0.zip --dry-run\n  \
        drehscheibe standards import entpackt/ --as xfamilie/1.4.0")]
    Import(ImportArgs),
    /// Load all packages as a run does, fill in their templates, judge their samples; show every fault.
    #[command(after_help = "Examples:\n  drehscheibe standards check\n  drehscheibe standards check neu/xsd")]
    Check(StandardsCheckArgs),
    /// Show what differs between two packages, and what of one's mapping does not fit the other.
    ///
    /// The exit code is 0 when nothing differs.
    #[command(after_help = "Example:\n  drehscheibe standards diff xfamilie/1.3.0 neu/xsd/xfamilie/1.4.0")]
    Diff(StandardsDiffArgs),
}

/// Arguments of `standards import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The archive (ZIP) or the folder of the official package.
    pub source: PathBuf,
    /// Which package it is, when it does not say so itself.
    #[arg(long = "as", value_name = "STANDARD/VERSION")]
    pub named: Option<String>,
    /// Only say what would change and what breaks.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `standards check`.
#[derive(Clone, Debug, Args)]
pub struct StandardsCheckArgs {
    /// The folder of packages; the one of --xsd when not given.
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Arguments of `standards diff`.
#[derive(Clone, Debug, Args)]
pub struct StandardsDiffArgs {
    /// The first package: standard/version, or its folder.
    #[arg(value_name = "A")]
    pub from: String,
    /// The second package.
    #[arg(value_name = "B")]
    pub to: String,
}

/// Arguments of `schema`.
#[derive(Clone, Copy, Debug, Args)]
pub struct SchemaArgs {
    /// Of which kind of file.
    #[arg(value_enum, default_value_t = SchemaOf::Route)]
    pub of: SchemaOf,
}

/// Kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A file in `routes`.
    Route,
    /// `connections.yaml` of a stage.
    Connections,
    /// `partners.yaml` of a stage.
    Partners,
}

/// Commands of `parked`.
#[derive(Clone, Debug, Subcommand)]
pub enum ParkedCommand {
    /// List what waits for a person, with cause and one safe next step.
    #[command(after_help = "Example:\n  drehscheibe parked list --json")]
    List,
    /// Show one of them.
    #[command(after_help = "Example:\n  drehscheibe parked show 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10")]
    Show(ShowArgs),
    /// Process it again (erneut verarbeiten); person and reason are recorded.
    #[command(
        after_help = "Example:\n  drehscheibe parked replay 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"partner corrected its address\""
    )]
    Replay(ReplayArgs),
    /// End a message that is kept apart and was refused: it stays refused and is listed no more; person and reason are recorded. What it says
    /// against answers stays until its office has delivered or said `erledigt`, or two persons end it (`lieferung list`).
    #[command(
        after_help = "Example:\n  drehscheibe parked reject 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"Amt hat unter neuer Kennung geliefert\""
    )]
    Reject(ReplayArgs),
    /// Note that a delivery reached its receiver (by this way or another), so that what waits behind it goes on, or that one was confirmed
    /// that failed to be or could not be taken back; person and reason are recorded.
    #[command(
        after_help = "Example:\n  drehscheibe parked arrived 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"Kita-Portal hat sie unter dieser Nummer\""
    )]
    Arrived(ReplayArgs),
    /// Note that a delivery did not reach its receiver and cannot any more: it goes on by its next way, or is parked where it has none; person
    /// and reason are recorded. What may still lie there has to be taken away before: where its far end can say that it does, it is refused.
    #[command(
        after_help = "Example:\n  drehscheibe parked not-arrived 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 --reason \"Amt hat sie nicht, Ablage geleert\""
    )]
    NotArrived(ReplayArgs),
}

/// Arguments of `parked replay`, `parked reject`, `parked arrived` and `parked not-arrived`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The id of a message or of something it sent.
    #[arg(value_parser = id)]
    pub id: Uuid,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// What can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Held {
    /// A route, by its name.
    Route,
    /// A partner, by its name in partners.yaml.
    Partner,
    /// A destination, written `connection:partner`.
    Destination,
}

impl From<Held> for PauseKind {
    fn from(held: Held) -> PauseKind {
        match held {
            Held::Route => PauseKind::Route,
            Held::Partner => PauseKind::Partner,
            Held::Destination => PauseKind::Destination,
        }
    }
}

impl Held {
    /// The stored word.
    pub fn as_str(self) -> &'static str {
        PauseKind::from(self).as_str()
    }
}

/// Arguments of `pause`.
#[derive(Clone, Debug, Args)]
pub struct PauseArgs {
    /// What kind of thing.
    #[arg(value_enum)]
    pub kind: Held,
    /// Its name.
    pub name: String,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// Ends by itself: a moment (2026-12-24T18:00:00Z) or a time from now (2h, 3d).
    #[arg(long, value_parser = until, value_name = "WHEN")]
    pub until: Option<Until>,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// Arguments of `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// What kind of thing.
    #[arg(value_enum)]
    pub kind: Held,
    /// Its name.
    pub name: String,
    /// Why; recorded with the acting person.
    #[arg(long, value_parser = reason)]
    pub reason: String,
    /// How long to wait for the running process.
    #[command(flatten)]
    pub patience: Patience,
}

/// The end of a pause as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// A moment.
    At(Timestamp),
    /// A time from now.
    In(Duration),
}

/// Commands of `partners`.
#[derive(Clone, Debug, Subcommand)]
pub enum PartnersCommand {
    /// Check that each partner can come in and be reached: credentials, validity, certificates, addresses.
    #[command(after_help = "Example:\n  drehscheibe partners check --json")]
    Check,
}

/// Arguments of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Play the story once and end, instead of staying to be looked at.
    #[arg(long)]
    pub once: bool,
}

/// Arguments of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

fn until(text: &str) -> Result<Until, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Until::At(at));
    }
    duration(text).map(Until::In).map_err(|_| {
        "write a moment such as 2026-12-24T18:00:00Z, or a time from now such as 2h or 3d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_tree_is_sound_and_every_command_shows_an_example() {
        fn walk(command: &clap::Command) {
            for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example") && help.contains("drehscheibe "), "{}", command.get_name());
                assert!(command.get_about().is_some(), "{}", command.get_name());
                walk(command);
            }
        }
        Cli::command().debug_assert();
        walk(&Cli::command());
    }

    #[test]
    fn the_examples_can_be_parsed() {
        fn examples(command: &clap::Command, found: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            found.extend(
                help.lines().filter_map(|line| line.strip_prefix("  drehscheibe ")).map(str::to_owned),
            );
            command.get_subcommands().for_each(|command| examples(command, found));
        }
        let mut found = Vec::new();
        examples(&Cli::command(), &mut found);
        assert!(found.len() > 20, "{found:?}");
        for example in found {
            // As a shell would cut it, up to a pipe, a redirection, a second command or the explanation beside it.
            let plain = example.split(['|', '>', '&']).next().unwrap().split("   ").next().unwrap();
            let mut words = vec!["drehscheibe".to_owned()];
            for (at, piece) in plain.split('"').enumerate() {
                match at % 2 {
                    0 => words.extend(piece.split_whitespace().map(str::to_owned)),
                    _ => words.push(piece.to_owned()),
                }
            }
            Cli::try_parse_from(&words).unwrap_or_else(|fault| panic!("{example}\n{fault}"));
        }
    }

    #[test]
    fn what_may_stand_before_or_after_the_command() {
        let cli = parse("drehscheibe status --json --data d").unwrap();
        assert!(cli.global.json && cli.global.data == Some(PathBuf::from("d")));
        assert!(parse("drehscheibe --json status").unwrap().global.json);
        assert_eq!(parse("drehscheibe status").unwrap().global.config, PathBuf::from("deploy/stages/demo"));
    }

    #[test]
    fn wrong_usage_is_refused() {
        for bad in [
            "drehscheibe parked replay 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10",
            "drehscheibe parked replay x --reason because",
            "drehscheibe pause destination d --reason x",
            "drehscheibe pause office d --reason because",
            "drehscheibe pause route r --reason because --until soon",
            "drehscheibe dry-run",
            "drehscheibe dry-run --message 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10 file.xml",
            "drehscheibe messages list --limit 0",
            "drehscheibe unknown",
        ] {
            let fault = parse(bad).expect_err(bad);
            assert_eq!(fault.exit_code(), 2, "{bad}");
        }
    }

    #[test]
    fn a_pause_ends_at_a_moment_or_after_a_time() {
        assert_eq!(until("2h"), Ok(Until::In(Duration::from_secs(7_200))));
        assert_eq!(until("2026-12-24T18:00:00Z"), Ok(Until::At("2026-12-24T18:00:00Z".parse().unwrap())));
    }
}
