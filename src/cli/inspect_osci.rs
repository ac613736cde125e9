//! `inspect` for an OSCI body: opens it with the keys that are given, judges every signature, shows sizes and hashes of contents.
//! It never shows octets of a content, and trusts only the certificates that its user names.

use std::path::Path;

use bytes::Bytes;

use crate::cli::args::InspectArgs;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::clock::Clock;
use crate::config;
use crate::transport::osci::glance::{self, Glance};
use crate::transport::osci::open::Rules;
use crate::trust::certificate::Certificate;
use crate::trust::decrypt::{Decrypter, KeyDecrypter};
use crate::trust::keys;
use crate::trust::path::{Anchors, Revocation, Use};

/// Largest body that is looked at, octets.
pub const LARGEST: u64 = 256 << 20;

/// What the files of `--key` gave.
#[derive(Default)]
struct Given {
    decrypters: Vec<KeyDecrypter>,
    anchors: Anchors,
    /// What could not be used, for a person.
    notes: Vec<String>,
}

/// Looks at one body.
pub fn run(args: &InspectArgs, octets: Bytes, out: &mut Output) -> Result<Exit, CliError> {
    let mut given = Given::default();
    for file in &args.keys {
        given.take(file, args.key_password.as_deref().unwrap_or_default());
    }
    let time = args.at.unwrap_or_else(|| Clock::real().now());
    let mut rules = Rules::default();
    // Whoever inspects holds the keys already; what is old is shown, not taken in.
    rules.allowed.legacy = true;
    let keys: Vec<&dyn Decrypter> = given.decrypters.iter().map(|key| key as &dyn Decrypter).collect();
    let trust =
        |found: &Certificate| given.anchors.trusts(found, Use::Sign, time, Revocation::Ignored).map(drop);
    let seen = glance::glance(&octets, &keys, &rules, &trust);
    for note in &given.notes {
        out.say(note)?;
    }
    show(&seen, out)?;
    out.value(&seen)?;
    Ok(if seen.verifies() { Exit::Ok } else { Exit::No })
}

impl Given {
    /// Takes a file in, or notes why it cannot be used: many files may be named, and not all are for this body.
    fn take(&mut self, file: &Path, password: &str) {
        if let Err(cause) = self.read(file, password) {
            self.notes.push(format!("{}: not used: {cause}", file.display()));
        }
    }

    fn read(&mut self, file: &Path, password: &str) -> Result<(), String> {
        let size = std::fs::metadata(file).map_err(|error| config::what(error.kind()).to_owned())?.len();
        if size > keys::LARGEST as u64 {
            return Err(keys::KeyFault::TooLarge.to_string());
        }
        let octets = std::fs::read(file).map_err(|error| config::what(error.kind()).to_owned())?;
        let read = keys::read(&octets, password).map_err(|fault| fault.to_string())?;
        for certificate in &read.certificates {
            let own = read.keys.iter().any(|key| key.belongs_to(certificate));
            if own || (read.keys.is_empty() && !certificate.is_authority()) {
                self.anchors.pin(certificate.clone());
            } else if read.keys.is_empty() && !self.anchors.authority(certificate) {
                return Err("a certificate that cannot be one of a ca".to_owned());
            }
        }
        for key in &read.keys {
            // Keys that only sign open nothing.
            if let Ok(decrypter) = KeyDecrypter::new(key) {
                self.decrypters.push(decrypter);
            }
        }
        Ok(())
    }
}

fn show(seen: &Glance, out: &mut Output) -> std::io::Result<()> {
    let way = if seen.transport_encrypted { ", encrypted on its way" } else { "" };
    let verdict = if seen.verifies() { "verifies" } else { "does not verify" };
    out.say(&format!("OSCI {}{way}: {verdict}", seen.kind.as_deref().unwrap_or("-")))?;
    if let Some(fault) = &seen.fault {
        out.say(&format!("  {fault}"))?;
    }
    for line in &seen.feedback {
        out.say(&format!("  feedback {} {}", line.code, line.text))?;
    }
    let rows: Vec<Vec<String>> = seen
        .signatures
        .iter()
        .map(|signature| {
            vec![
                format!("{} signature", signature.kind),
                signature.by.clone().unwrap_or_else(|| "-".to_owned()),
                signature.algorithm.clone().unwrap_or_else(|| "-".to_owned()),
                if signature.valid { "valid" } else { "not valid" }.to_owned(),
                if signature.trusted { "trusted" } else { "not trusted" }.to_owned(),
                signature.reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["what", "by", "algorithm", "validity", "trust", "reason"], &rows)?;
    }
    let rows: Vec<Vec<String>> = seen
        .encryptions
        .iter()
        .map(|encryption| {
            vec![
                "encryption".to_owned(),
                encryption.readers.clone().unwrap_or_else(|| "-".to_owned()),
                if encryption.opened { "opened" } else { "closed" }.to_owned(),
                encryption.size.map(|size| size.to_string()).unwrap_or_default(),
                encryption.sha256.clone().unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["what", "for", "state", "octets", "sha-256"], &rows)?;
    }
    let rows: Vec<Vec<String>> = seen
        .contents
        .iter()
        .map(|content| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            vec![
                or_dash(&content.container),
                or_dash(&content.id),
                or_dash(&content.attachment),
                if content.signed { "signed" } else { "unsigned" }.to_owned(),
                content.size.to_string(),
                content.sha256.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["container", "content", "attachment", "signature", "octets", "sha-256"], &rows)?;
    }
    Ok(())
}
