//! `messages proof`: what proves a delivery and what became of what it sent, as a folder that others judge again without us: octets as they were signed,
//! certificates with their chains, Laufzettel, and our verdict. A payload is shown to two persons only, and both stand with their reasons in the
//! Abrufprotokoll (rules.md 8 and 9).
//! Never prints content, never takes a name of a file from a message, and never writes over anything.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::args_messages::OriginalArgs;
use super::exit::{CliError, Exit};
use super::new_folder;
use super::output::Output;
use super::two_persons::{self, Granted};
use crate::clock::Clock;
use crate::envelope::{Envelope, Evidence, SignedUnder, Verified};
use crate::store::contract::Store;
use crate::store::listed::Listed;
use crate::store::stamp::Scope;
use crate::transport::osci::glance;
use crate::trust::digest::{Digest, Running};

/// What is asked for.
const COMMAND: &str = "messages proof";
/// The octets as they were signed.
const RECEIVED: &str = "empfangen.http-body.bin";
/// What is said of everything else, and the hash of everything.
const VERDICT: &str = "urteil.json";
const SUMS: &str = "SHA256SUMS";

/// What a person reads first.
const READ_ME: (&str, &str) = (
    "LIESMICH.txt",
    "Nachweis einer Lieferung\n\
     \n\
     empfangen.http-body.bin       die Oktette der OSCI-Nachricht, so wie der Intermediär sie signiert hat (ohne die Verschlüsselung des Transportwegs)\n\
     laufzettel-N.http-body.bin    Antworten des Intermediärs, die belegen, dass gesendet und empfangen wurde\n\
     beleg-N.bin                   Belege anderer Transportwege\n\
     zertifikat-*.der              Zertifikate, unter denen signiert wurde, und die ihrer Aussteller\n\
     urteil.json                   was dieses Haus beim Eingang geprüft hat: worüber, unter welchem Zertifikat, Kette, Sperrauskunft mit Zeitpunkt, Ergebnis\n\
     SHA256SUMS                    Prüfsummen aller Dateien; zu prüfen mit `sha256sum -c SHA256SUMS`\n\
     \n\
     Die Signaturen der http-body-Dateien prüft jedes Werkzeug für OSCI-Transport 1.2. Inhalte, die für dieses Haus verschlüsselt sind, öffnet, wer seinen\n\
     Schlüssel hat. Der Ordner enthält personenbezogene Daten: löschen, sobald er nicht mehr gebraucht wird.\n",
);

/// Our verdict, and what it is of.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    id: Uuid,
    received: Timestamp,
    partner: &'a str,
    binding: &'a str,
    message: Option<&'a str>,
    state: &'static str,
    codes: &'a [String],
    cause: Option<&'a str>,
    /// Of the octets as they came, with the encryption on their way.
    octets: Option<Octets<'a>>,
    verification: Option<&'a str>,
    verified: Vec<Judged<'a>>,
    protocol_ids: &'a [(String, String)],
    sent: Vec<Sent<'a>>,
    exported: Timestamp,
}

#[derive(Debug, Serialize)]
struct Octets<'a> {
    sha256: &'a str,
    size: u64,
    peer: Option<&'a str>,
}

/// One signature.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    over: &'a [String],
    issuer: Option<&'a str>,
    serial: Option<&'a str>,
    fingerprint: Option<&'a str>,
    algorithm: Option<&'a str>,
    signed_at: Option<&'a str>,
    chain: Vec<String>,
    revocation: &'a str,
    judged: Option<Timestamp>,
    counts: bool,
    verdict: &'a str,
}

/// One row that it sent.
#[derive(Debug, Serialize)]
struct Sent<'a> {
    id: Uuid,
    destination: &'a str,
    message: &'a str,
    state: &'a str,
    confirmed: Option<&'a str>,
    file: Option<String>,
}

/// Notes a first person's request, or writes the files for a second one.
pub async fn run(
    store: &dyn Store,
    clock: &Clock,
    person: &str,
    args: &OriginalArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let (id, folder, now) = (args.id, args.out.as_path(), clock.now());
    let Granted { listed, who, why } =
        match two_persons::granted(store, COMMAND, (person, now), args, out).await? {
            Ok(granted) => granted,
            Err(ends) => return Ok(ends),
        };
    let mut proof = Proof { store, listed: &listed, folder, sums: Vec::new() };
    let found = match proof.gather((&who, &why), now).await {
        Ok(found) if found.is_empty() => {
            let _ = std::fs::remove_dir(folder);
            out.none(&format!("nothing is kept that proves {id}: no signed octets, no Laufzettel"))?;
            return Ok(Exit::No);
        }
        Ok(found) => found,
        Err(error) => {
            let _ = std::fs::remove_dir(folder);
            return Err(error);
        }
    };
    let sum = proof.write(found, now).await?;
    two_persons::answered(store, (COMMAND, id)).await?;
    let files: Vec<&str> = proof.sums.iter().map(|(name, _)| name.as_str()).collect();
    out.say(&format!(
        "{} files in {}, {SUMS} has the SHA-256 {sum}; remove them when they are not needed any more",
        files.len() + 1,
        folder.display()
    ))?;
    out.value(
        &serde_json::json!({ "state": "written", "id": id, "folder": folder, "files": files, "sums-sha256": sum }),
    )?;
    Ok(Exit::Ok)
}

/// What is kept of a message that proves something.
struct Found {
    original: Option<Envelope>,
    /// By row, what proved how it ended.
    proofs: Vec<(Uuid, Bytes)>,
}

impl Found {
    fn is_empty(&self) -> bool {
        let kept = |original: &Envelope| original.evidence.received.is_some() || is_raw(original);
        self.proofs.is_empty() && !self.original.as_ref().is_some_and(kept)
    }
}

/// Whether what is kept as its document is a whole message of OSCI as it came.
fn is_raw(original: &Envelope) -> bool {
    original.evidence.received.is_none() && glance::recognises(&original.body)
}

/// The folder that is made.
struct Proof<'a> {
    store: &'a dyn Store,
    listed: &'a Listed,
    folder: &'a Path,
    /// Each file with its SHA-256.
    sums: Vec<(String, String)>,
}

impl Proof<'_> {
    /// Everything that is kept, in the scope of its Mandant only, and recorded before it is handed out.
    async fn gather(&self, (who, why): (&str, &str), now: Timestamp) -> Result<Found, CliError> {
        let scope = Scope::Mandant(self.listed.mandant.clone());
        let original = self.store.original(&scope, self.listed.id, who, why, now).await?;
        let mut proofs = Vec::new();
        for send in &self.listed.sends {
            if let Some(octets) = self.store.proof(&scope, send.id, who, why, now).await? {
                proofs.push((send.id, octets));
            }
        }
        Ok(Found { original, proofs })
    }

    /// Writes all of it; the SHA-256 of the sums, by which whoever has it notes any change.
    async fn write(&mut self, found: Found, now: Timestamp) -> Result<String, CliError> {
        let Found { original, proofs } = found;
        let evidence = original.as_ref().map(|original| &original.evidence);
        if let Some(original) = &original {
            self.octets(original).await?;
        }
        for under in certificates(evidence) {
            self.whole(&under.0, &under.1)?;
        }
        let mut files = Vec::new();
        for (nth, (row, octets)) in proofs.iter().enumerate() {
            let name = match glance::recognises(octets) {
                true => format!("laufzettel-{}.http-body.bin", nth + 1),
                false => format!("beleg-{}.bin", nth + 1),
            };
            self.whole(&name, octets)?;
            files.push((*row, name));
        }
        let verdict = verdict(self.listed, evidence, &files, now);
        let octets =
            serde_json::to_vec_pretty(&verdict).map_err(io::Error::other).map_err(CliError::Output)?;
        self.whole(VERDICT, &octets)?;
        self.whole(READ_ME.0, READ_ME.1.as_bytes())?;
        let lines: String = self.sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
        new_folder::file(self.folder, SUMS)?.write_all(lines.as_bytes()).map_err(CliError::Output)?;
        Ok(hex::encode(Digest::Sha256.of(lines.as_bytes())))
    }

    /// The octets of the message: those that are kept beside it, else what is kept as its document.
    async fn octets(&mut self, original: &Envelope) -> Result<(), CliError> {
        let Some(part) = &original.evidence.received else {
            return match is_raw(original) {
                true => self.whole(RECEIVED, &original.body),
                false => Ok(()),
            };
        };
        let mut to = new_folder::file(self.folder, RECEIVED)?;
        let mut sum: Running = Digest::Sha256.begin();
        let mut from = self.store.open_claim(&part.mandant, &part.claim).await?;
        while let Some(octets) = from.read().await? {
            sum.feed(&octets);
            to.write_all(&octets).map_err(CliError::Output)?;
        }
        self.sums.push((RECEIVED.to_owned(), hex::encode(sum.end())));
        Ok(())
    }

    fn whole(&mut self, name: &str, octets: &[u8]) -> Result<(), CliError> {
        new_folder::file(self.folder, name)?.write_all(octets).map_err(CliError::Output)?;
        self.sums.push((name.to_owned(), hex::encode(Digest::Sha256.of(octets))));
        Ok(())
    }
}

/// The name of a certificate's file.
fn named(fingerprint: &str) -> String {
    format!("zertifikat-{}.der", fingerprint.get(..16).unwrap_or(fingerprint))
}

/// What a certificate of a chain is known by.
fn fingerprint(der: &[u8]) -> String {
    hex::encode(Digest::Sha256.of(der))
}

/// All certificates of signatures and their chains, each once, by the names of their files.
fn certificates(evidence: Option<&Evidence>) -> BTreeSet<(String, Vec<u8>)> {
    let verified = evidence.map(|evidence| evidence.verified.as_slice()).unwrap_or_default();
    let all = verified.iter().flat_map(|one| one.by.iter().map(|by| &by.der).chain(&one.chain));
    let opened = all.filter_map(|der| STANDARD.decode(der).ok());
    opened.map(|der| (named(&fingerprint(&der)), der)).collect()
}

fn judged(one: &Verified) -> Judged<'_> {
    let by = one.by.as_ref();
    let chain = one.chain.iter().filter_map(|der| STANDARD.decode(der).ok());
    Judged {
        over: &one.over,
        issuer: by.and_then(|by| by.issuer.as_deref()),
        serial: by.map(|by: &SignedUnder| by.serial.as_str()),
        fingerprint: one.fingerprint(),
        algorithm: one.algorithm.as_deref(),
        signed_at: one.said.as_deref(),
        chain: chain.map(|der| fingerprint(&der)).collect(),
        revocation: &one.revocation,
        judged: one.judged,
        counts: one.counts,
        verdict: &one.verdict,
    }
}

fn verdict<'a>(
    listed: &'a Listed,
    evidence: Option<&'a Evidence>,
    files: &[(Uuid, String)],
    now: Timestamp,
) -> Verdict<'a> {
    let sent = listed.sends.iter().map(|send| Sent {
        id: send.id,
        destination: &send.destination,
        message: &send.message,
        state: send.state.as_str(),
        confirmed: send.confirmed.as_deref(),
        file: files.iter().find(|(row, _)| *row == send.id).map(|(_, name)| name.clone()),
    });
    let octets = evidence.map(|evidence| Octets {
        sha256: &evidence.octets_sha256,
        size: evidence.size,
        peer: evidence.peer.as_deref(),
    });
    Verdict {
        id: listed.id,
        received: listed.received,
        partner: &listed.partner,
        binding: &listed.binding,
        message: listed.message.as_deref(),
        state: listed.state.as_str(),
        codes: &listed.codes,
        cause: listed.cause.as_deref(),
        octets,
        verification: evidence.map(|evidence| evidence.verification.as_str()),
        verified: evidence.map(|evidence| evidence.verified.iter().map(judged).collect()).unwrap_or_default(),
        protocol_ids: evidence.map(|evidence| evidence.protocol_ids.as_slice()).unwrap_or_default(),
        sent: sent.collect(),
        exported: now,
    }
}
