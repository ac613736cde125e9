//! Arguments of `xta`. Decides nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done at a server.
#[derive(Clone, Debug, Subcommand)]
pub enum XtaCommand {
    /// List what lies in a mailbox. Fetches nothing and closes nothing.
    #[command(after_help = "Example:\n  drehscheibe xta ls --connection broker --json")]
    Ls {
        /// The server.
        #[command(flatten)]
        at: At,
        /// At most so many messages.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        most: u64,
    },
    /// Fetch a message into a folder: nachricht.*, and anlage-N.* for each attachment.
    ///
    /// It stays in the mailbox unless --close is given: closing tells its author that it was received. What lies in a mailbox of the stage is
    /// not fetched by hand: its route takes it in, and `messages original` shows it and records who looked.
    #[command(
        after_help = "Example:\n  drehscheibe xta get urn:de:xta:messageid:broker:1 --to post --url https://xta.example/services/XTAService --cert haus.pem --key haus.key --ca ca.pem --as srp:plattform"
    )]
    Get {
        /// The server.
        #[command(flatten)]
        at: At,
        /// The id of the message.
        id: String,
        /// The folder that the files are laid into; nothing in it is written over.
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// Close it when all of it is here.
        #[arg(long)]
        close: bool,
    },
    /// Send a file as an order, with attachments. It is marked as a test unless --real is given.
    #[command(
        after_help = "Example:\n  drehscheibe xta send lieferung.xml --connection broker --to jga:040110000000 --message xfamilie.0804 --scenario XFAMILIE --schema urn:example:xfamilie"
    )]
    Send {
        /// The server.
        #[command(flatten)]
        at: At,
        /// The document.
        file: PathBuf,
        /// Whom it is for, such as jga:040110000000.
        #[arg(long, value_name = "IDENTITY")]
        to: String,
        /// Files beside it.
        #[arg(long = "attach", value_name = "FILE")]
        attachments: Vec<PathBuf>,
        /// The message type, such as xfamilie.0804.
        #[arg(long, value_name = "TYPE")]
        message: String,
        /// The URI of the service; empty when not given.
        #[arg(long, value_name = "URI", default_value = "")]
        service: String,
        /// The business scenario, as was agreed on.
        #[arg(long, value_name = "TEXT")]
        scenario: String,
        /// The URI of the schema of the document.
        #[arg(long, value_name = "URI")]
        schema: String,
        /// It is no test. Not with --connection: what the stage sends leaves by its routes.
        #[arg(long)]
        real: bool,
    },
    /// Show how an order stands, as its server reports.
    #[command(
        after_help = "Example:\n  drehscheibe xta report urn:de:xta:messageid:broker:1 --connection broker"
    )]
    Report {
        /// The server.
        #[command(flatten)]
        at: At,
        /// The id of the order.
        id: String,
    },
}

/// Which server, and as whom.
#[derive(Clone, Debug, Args)]
pub struct At {
    /// A connection of the stage (kind xta-client).
    #[arg(long, value_name = "NAME", required_unless_present = "url", conflicts_with = "url")]
    pub connection: Option<String>,
    /// The address below which the three ports lie by their usual names; given three times: management, send, mailbox.
    #[arg(long, value_name = "URL", requires_all = ["cert", "key", "ca", "identity"])]
    pub url: Vec<String>,
    /// PEM file with our certificate and its chain.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub cert: Option<PathBuf>,
    /// PEM file with its key.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub key: Option<PathBuf>,
    /// PEM file with the authorities that may vouch for the server.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
    /// As whom, such as srp:plattform; the first identity of the connection when not given.
    #[arg(long = "as", value_name = "IDENTITY", id = "identity")]
    pub identity: Option<String>,
}
