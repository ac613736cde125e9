//! Whom the house trusts by OSCI: certificates pinned in files of the configuration, of intermediaries and of partners, and what may be
//! received of them although it is unsigned, plain or old. Nothing of that is allowed unless it is written.
//! It never takes trust from a message: a certificate of a message counts where it is one of these, and only in its term.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::osci_keys::{LOOK, terms};
use super::port::Admission;
use super::port::account::Account;
use super::port::spot::{AUTHORS, Spot, exact};
use super::watched;
use crate::clock::Tick;
use crate::telemetry::parts::{Failing, Parts, Speaker, Turn};
use crate::trust::certificate::Certificate;
use crate::trust::keys::{self, KeyFault};
use crate::trust::path::{Anchors, Revocation, Trusted, Untrusted, Use};

/// What may be received although it proves less; nothing of it unless it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Policy {
    /// What nobody signed.
    pub unsigned: bool,
    /// What is not encrypted.
    pub plain: bool,
    /// What is encrypted by algorithms that are only read: AES-CBC, 3DES, RSA 1.5.
    pub legacy: bool,
}

/// An intermediary, as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct IntermediarySettings {
    /// Files with the certificates under which it signs; several while one takes the place of the other.
    #[schemars(length(min = 1))]
    pub signature: Vec<PathBuf>,
    /// Files with the certificates for which it is encrypted.
    #[serde(default)]
    pub cipher: Vec<PathBuf>,
    /// What is received of it although it proves less.
    #[serde(default)]
    pub policy: Policy,
}

/// A partner's channel, as written: by what it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PinSettings {
    /// Files with the certificates under which its authors sign; several while one takes the place of the other.
    #[schemars(length(min = 1))]
    pub authors: Vec<PathBuf>,
    /// Files with the certificates for which it is encrypted; the first that is in its term is taken.
    #[serde(default)]
    pub cipher: Vec<PathBuf>,
    /// What is received of it although it proves less.
    #[serde(default)]
    pub policy: Policy,
}

/// What is pinned in a channel's settings: they may hold more, of which the pins know nothing. A partner that only gets deliveries has no
/// authors.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Pins {
    authors: Vec<PathBuf>,
    cipher: Vec<PathBuf>,
    policy: Policy,
}

/// The certificates of one side.
#[derive(Default)]
pub struct Pinned {
    signature: Anchors,
    signing: Vec<Certificate>,
    cipher: Vec<Certificate>,
    /// What is received of it although it proves less.
    pub policy: Policy,
}

impl Pinned {
    fn new(signing: Vec<Certificate>, cipher: Vec<Certificate>, policy: Policy) -> Pinned {
        let mut signature = Anchors::default();
        signing.iter().for_each(|certificate| signature.pin(certificate.clone()));
        Pinned { signature, signing, cipher, policy }
    }

    /// Whether it has this certificate to sign with, in its term or not.
    pub fn has(&self, certificate: &Certificate) -> bool {
        self.signing.contains(certificate)
    }

    /// Whether a signature under this certificate counts as its own now.
    pub fn signs(&self, certificate: &Certificate, now: Timestamp) -> Result<Trusted, Untrusted> {
        self.signature.trusts(certificate, Use::Sign, now, Revocation::Ignored)
    }

    /// Whether it may be encrypted for under this certificate now.
    pub fn reads(&self, certificate: &Certificate, now: Timestamp) -> bool {
        self.cipher.contains(certificate) && certificate.may_encrypt() && certificate.is_in_term(now)
    }

    /// For which certificate it is encrypted now.
    pub fn cipher(&self, now: Timestamp) -> Option<&Certificate> {
        self.cipher.iter().find(|certificate| self.reads(certificate, now))
    }
}

/// A partner with its certificates.
pub struct Author {
    /// The partner's name.
    pub partner: String,
    /// What is pinned of it.
    pub pinned: Pinned,
}

/// Everybody who is known.
#[derive(Default)]
pub struct Known {
    /// The intermediaries, in their order.
    pub intermediaries: Vec<Pinned>,
    /// The partners.
    pub authors: Vec<Author>,
}

impl Known {
    /// The intermediary that signs under this certificate now, and why that counts.
    pub fn intermediary(&self, certificate: &Certificate, now: Timestamp) -> Option<(&Pinned, Trusted)> {
        self.intermediaries.iter().find_map(|known| Some((known, known.signs(certificate, now).ok()?)))
    }

    /// The partners that have a certificate to sign with that another one has as well.
    fn shared(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (at, one) in self.authors.iter().enumerate() {
            for other in &self.authors[at + 1..] {
                for certificate in
                    one.pinned.signing.iter().filter(|certificate| other.pinned.has(certificate))
                {
                    let fingerprint = &certificate.fingerprint()[..16];
                    let (one, other) = (&one.partner, &other.partner);
                    all.push(format!(
                        "certificate {fingerprint} is pinned with two partners: {one}, {other}"
                    ));
                }
            }
        }
        all
    }

    /// Whether more than one partner has this certificate to sign with.
    pub fn is_shared(&self, certificate: &Certificate) -> bool {
        self.authors.iter().filter(|author| author.pinned.has(certificate)).count() > 1
    }

    /// The one partner that has this certificate to sign with; `None` of nobody, or of more than one.
    pub fn author(&self, certificate: &Certificate) -> Option<&Author> {
        let mut having = self.authors.iter().filter(|author| author.pinned.has(certificate));
        let found = having.next()?;
        having.next().is_none().then_some(found)
    }
}

/// The faults of paths that their type cannot say.
pub fn check_files(files: &[PathBuf], at: &str, faults: &mut Vec<(String, String)>) {
    for (nth, path) in files.iter().enumerate() {
        if path.as_os_str().is_empty() {
            faults.push((format!("{at}/{nth}"), "must be a path of a certificate file".to_owned()));
        }
        if files[..nth].contains(path) {
            faults.push((format!("{at}/{nth}"), "stands there already".to_owned()));
        }
    }
}

/// The faults of a channel that its type cannot say.
pub fn further_of_pins(pins: &PinSettings, faults: &mut Vec<(String, String)>) {
    check_files(&pins.authors, "/authors", faults);
    check_files(&pins.cipher, "/cipher", faults);
}

/// What a certificate is pinned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Signing.
    Signs,
    /// Being encrypted for.
    Reads,
}

/// What of files with pinned certificates cannot be used: the key that names each, and its path with what is wrong.
pub fn unfit(files: &[PathBuf], (at, pin): (&str, Pin), config: &Path) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for (nth, path) in files.iter().enumerate() {
        let fits = |one: &Certificate| match pin {
            Pin::Signs => one.may_sign(),
            Pin::Reads => one.may_encrypt(),
        };
        let cause = match read(&config.join(path)) {
            Ok(certificates) if certificates.iter().any(fits) => continue,
            Ok(_) => "is for another use; name a certificate whose key usage allows this one".to_owned(),
            Err(cause) => cause,
        };
        faults.push((format!("{at}/{nth}"), format!("{}: {cause}", path.display())));
    }
    faults
}

/// The same of an intermediary.
pub fn unfit_intermediary(written: &IntermediarySettings, at: &str, config: &Path) -> Vec<(String, String)> {
    let mut faults = unfit(&written.signature, (&format!("{at}/signature"), Pin::Signs), config);
    faults.extend(unfit(&written.cipher, (&format!("{at}/cipher"), Pin::Reads), config));
    faults
}

/// The same of a partner's channel.
pub fn unfit_channel(settings: &serde_json::Value, config: &Path) -> Vec<(String, String)> {
    let Ok(pins) = Pins::deserialize(settings) else { return Vec::new() };
    let mut faults = unfit(&pins.authors, ("/authors", Pin::Signs), config);
    faults.extend(unfit(&pins.cipher, ("/cipher", Pin::Reads), config));
    faults
}

/// By which certificates a partner is known at a connection: no two partners by one.
pub fn authors(
    connection: &str,
    (partner, settings): (&str, &serde_json::Value),
    config: &Path,
) -> Vec<Spot> {
    let Ok(pins) = Pins::deserialize(settings) else { return Vec::new() };
    let mut spots = Vec::new();
    for path in &pins.authors {
        for one in read(&config.join(path)).unwrap_or_default() {
            spots.push(Spot {
                at: exact(&format!("osci author {} {connection}", one.fingerprint())),
                said: format!("the certificate in {}", path.display()),
                key: AUTHORS,
                written: Some(partner.to_owned()),
            });
        }
    }
    spots
}

/// Reads a file with certificates, PEM or DER.
pub fn read(path: &Path) -> Result<Vec<Certificate>, String> {
    let octets = watched::read(path, "certificate").map_err(|fault| fault.to_string())?;
    let file = keys::read(&octets, "").map_err(|fault| fault.to_string())?;
    match file.certificates.is_empty() {
        true => Err(KeyFault::Empty.to_string()),
        false => Ok(file.certificates),
    }
}

/// What was made of everything that is written, and of what.
struct Held {
    admission: Arc<Admission>,
    looked: Tick,
    known: Arc<Known>,
}

/// Keeps who is known to a connection, by the partners of the running set and by files that are looked at for a change.
pub struct Book {
    connection: String,
    config: PathBuf,
    intermediaries: Vec<IntermediarySettings>,
    /// What it said goes with it: after a reload another one is there.
    says: Speaker,
    files: Mutex<HashMap<PathBuf, Vec<Certificate>>>,
    held: Mutex<Option<Held>>,
}

impl Book {
    /// The book of a connection.
    pub fn new(
        connection: &str,
        intermediaries: Vec<IntermediarySettings>,
        config: &Path,
        parts: &Parts,
    ) -> Book {
        Book {
            connection: connection.to_owned(),
            config: config.to_owned(),
            intermediaries,
            says: parts.speaker(),
            files: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// Who is known now. Blocks for as long as reading the files does.
    pub fn known(&self, admission: &Arc<Admission>) -> Arc<Known> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &*held
            && Arc::ptr_eq(&held.admission, admission)
            && held.looked.elapsed() < LOOK
        {
            return held.known.clone();
        }
        let known = Arc::new(self.made(admission));
        *held = Some(Held { admission: admission.clone(), looked: Tick::now(), known: known.clone() });
        known
    }

    fn made(&self, admission: &Admission) -> Known {
        let mut unread = Vec::new();
        let mut used = Vec::new();
        let mut all = |paths: &[PathBuf]| {
            let mut found = Vec::new();
            for path in paths {
                let whole = self.config.join(path);
                match self.file(&whole) {
                    Ok(certificates) => found.extend(certificates),
                    Err((old, cause)) => {
                        found.extend(old);
                        unread.push(format!("{}: {cause}", path.display()));
                    }
                }
                used.push(whole);
            }
            found
        };
        let intermediaries = self
            .intermediaries
            .iter()
            .map(|written| Pinned::new(all(&written.signature), all(&written.cipher), written.policy))
            .collect();
        let mut authors = Vec::new();
        for account in admission.accounts.iter().filter(|account| account.connection == self.connection) {
            let Ok(pins) = Pins::deserialize(&account.settings) else { continue };
            let pinned = Pinned::new(all(&pins.authors), all(&pins.cipher), pins.policy);
            authors.push(Author { partner: account.partner.clone(), pinned });
        }
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| used.contains(path));
        let known = Known { intermediaries, authors };
        unread.extend(known.shared());
        self.say(&unread);
        known
    }

    /// The certificates of a file; where it cannot be read those that it had before, and why.
    fn file(&self, path: &Path) -> Result<Vec<Certificate>, (Vec<Certificate>, String)> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match read(path) {
            Ok(certificates) => {
                files.insert(path.to_owned(), certificates.clone());
                Ok(certificates)
            }
            Err(cause) => Err((files.get(path).cloned().unwrap_or_default(), cause)),
        }
    }

    fn say(&self, unread: &[String]) {
        let part = format!("osci certificates {}", self.connection);
        match unread {
            [] => self.says.gone(&part),
            [first, rest @ ..] => {
                let cause = match rest.len() {
                    0 => first.clone(),
                    more => format!("{first}; and {more} more"),
                };
                let next =
                    "put usable files in place, each partner's own; until then what was read before holds"
                        .to_owned();
                self.says.fails(&part, Failing { cause, next, turn: Turn::Ours });
            }
        }
    }

    /// Nobody is to wait any more for what is said of it.
    pub fn gone(&self) {
        self.says.takes_back();
    }
}

/// What `doctor` says of the pinned certificates of a connection, of intermediaries with what each is called and of its partners: whether each
/// file can be read and is in its term.
pub fn told_of_pins<'s>(
    name: &str,
    intermediaries: impl IntoIterator<Item = (String, &'s IntermediarySettings)>,
    accounts: &[Account],
    (config, now): (&Path, Timestamp),
) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    for (what, written) in intermediaries {
        all.extend(told(config, &what, written.signature.iter().chain(&written.cipher), now));
    }
    for account in accounts.iter().filter(|account| account.connection == name) {
        let Ok(pins) = Pins::deserialize(&account.settings) else { continue };
        let what = format!("{name}: {}", account.partner);
        all.extend(told(config, &what, pins.authors.iter().chain(&pins.cipher), now));
    }
    all
}

fn told<'p>(
    config: &Path,
    what: &str,
    files: impl Iterator<Item = &'p PathBuf>,
    now: Timestamp,
) -> Vec<(bool, String)> {
    let mut told = Vec::new();
    for path in files {
        match read(&config.join(path)) {
            Ok(certificates) => {
                let said = format!("{what} {}", path.display());
                told.extend(certificates.iter().map(|one| terms(&said, one, now)));
            }
            Err(cause) => told.push((false, format!("{what} {}: {cause}", path.display()))),
        }
    }
    told
}
