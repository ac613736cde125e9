//! Arguments of `osci`. Decides nothing.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;

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
}
