//! Arguments of `osci`. Decides nothing.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What is done by hand with OSCI.
#[derive(Clone, Debug, Subcommand)]
pub enum OsciCommand {
    /// Run a small intermediary: mailboxes, process cards, forwarding and mediation, for tests, demonstrations and sandboxes of partners.
    ///
    /// It is no production manager: it takes whoever signs, inspects no certificate, and keeps what it is given in files without a seal. Give it
    /// invented persons only.
    #[command(
        after_help = "Example:\n  drehscheibe osci intermediary --listen 127.0.0.1:8090 --folder sandbox --signature-cert i-sig.pem --signature-key i-sig.key --cipher-cert i-enc.pem --cipher-key i-enc.key\n\n\
        It says where it listens, and runs until it is stopped."
    )]
    Intermediary {
        /// Where to listen; without TLS, so on this machine only unless a gateway stands before it.
        #[arg(long, value_name = "ADDRESS")]
        listen: SocketAddr,
        /// The folder in which deliveries and process cards lie.
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
        /// File with its certificate to sign with.
        #[arg(long, value_name = "FILE")]
        signature_cert: PathBuf,
        /// PEM file with the key of it.
        #[arg(long, value_name = "FILE")]
        signature_key: PathBuf,
        /// File with its certificate to encrypt for.
        #[arg(long, value_name = "FILE")]
        cipher_cert: PathBuf,
        /// PEM file with the key of it.
        #[arg(long, value_name = "FILE")]
        cipher_key: PathBuf,
        /// Take orders that are not encrypted, too.
        #[arg(long)]
        plain: bool,
    },
    /// Send a file into a mailbox, or have it forwarded, with attachments.
    ///
    /// By a connection of the stage only where the stage is not real: what a real one sends leaves by its routes, which keep and record it.
    #[command(
        after_help = "Example:\n  drehscheibe osci send lieferung.xml --connection intermed --to jugendamt-bremen"
    )]
    Send {
        /// The intermediary.
        #[command(flatten)]
        at: At,
        /// The document.
        file: PathBuf,
        /// The partner, by whose channel it is written to.
        #[arg(long, value_name = "PARTNER", required_unless_present = "reader", conflicts_with = "reader")]
        to: Option<String>,
        /// File with the certificate for which it is encrypted, and in whose mailbox it is laid.
        #[arg(long, value_name = "FILE", requires = "url")]
        reader: Option<PathBuf>,
        /// Files beside it.
        #[arg(long = "attach", value_name = "FILE")]
        attachments: Vec<PathBuf>,
        /// What everybody on the way reads; nothing of its content.
        #[arg(long, value_name = "TEXT")]
        subject: Option<String>,
        /// The address of a passive recipient, where it is to be forwarded.
        #[arg(long, value_name = "URL")]
        forward: Option<String>,
    },
    /// Fetch a delivery into a folder: nachricht.*, and anlage-N.* for each attachment; without an id list what lies there.
    ///
    /// It is not received by that unless --receive is given. What lies in a mailbox of the stage is not fetched by hand: its route takes it in, and
    /// `messages original` shows it and records who looked.
    #[command(
        after_help = "Example:\n  drehscheibe osci fetch ID --to post --author amt-sig.pem --url https://osci.example/entry --ca ca.pem --signature-cert s.pem --signature-key s.key --cipher-cert c.pem --cipher-key c.key --intermediary-signature i-sig.pem --intermediary-cipher i-enc.pem"
    )]
    Fetch {
        /// The intermediary.
        #[command(flatten)]
        at: At,
        /// The id of the delivery.
        #[arg(requires_all = ["to", "authors"])]
        id: Option<String>,
        /// The folder that the files are laid into; nothing in it is written over.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// File with a certificate of its author: of nobody else anything is taken.
        #[arg(long = "author", value_name = "FILE")]
        authors: Vec<PathBuf>,
        /// Say that it was received, when all of it is here.
        #[arg(long)]
        receive: bool,
    },
    /// Show the process card (Laufzettel) of a delivery: when it was taken, handed on and received.
    #[command(after_help = "Example:\n  drehscheibe osci laufzettel ID --connection intermed")]
    Laufzettel {
        /// The intermediary.
        #[command(flatten)]
        at: At,
        /// The id of the delivery.
        id: String,
    },
}

/// Which intermediary, and as whom.
#[derive(Clone, Debug, Args)]
pub struct At {
    /// A connection of the stage (kind osci-client).
    #[arg(long, value_name = "NAME", required_unless_present = "url", conflicts_with = "url")]
    pub connection: Option<String>,
    /// The address of the intermediary.
    #[arg(long, value_name = "URL", requires_all = ["signature_cert", "signature_key", "cipher_cert", "cipher_key", "intermediary_signature", "intermediary_cipher"])]
    pub url: Option<String>,
    /// PEM file with the authorities that may vouch for its server, where the address is https.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub ca: Option<PathBuf>,
    /// File with our certificate to sign with.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub signature_cert: Option<PathBuf>,
    /// File with the key of it.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub signature_key: Option<PathBuf>,
    /// File with our certificate to encrypt for: whose mailbox it is.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub cipher_cert: Option<PathBuf>,
    /// File with the key of it.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub cipher_key: Option<PathBuf>,
    /// File with the certificate under which the intermediary signs.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub intermediary_signature: Vec<PathBuf>,
    /// File with the certificate for which the intermediary is encrypted.
    #[arg(long, value_name = "FILE", requires = "url")]
    pub intermediary_cipher: Vec<PathBuf>,
}
