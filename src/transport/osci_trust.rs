//! Whom the house trusts by OSCI: certificates of intermediaries and of partners that are pinned in files of the configuration or that an authority
//! named there certified for them, and what may be received of them although it is unsigned, plain or old. Nothing of that is allowed unless it is
//! written. It never takes trust from a message: a certificate of a message counts where it is one of these, and only in its term.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::osci_authority::{self, Age, AuthoritySettings, ByAuthority, Late};
use super::osci_keys::{LOOK, terms};
use super::osci_pins::{check_files, read, unfit_files};
use super::port::Admission;
use super::port::account::Account;
use super::port::spot::{AUTHORS, Spot, exact};
use crate::clock::{Clock, Tick};
use crate::telemetry::alarm::{Alarm, Standing};
use crate::telemetry::parts::{Failing, Parts, Speaker, Turn};
use crate::trust::certificate::Certificate;
use crate::trust::digest::Digest;
use crate::trust::list::RevocationList;
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
    #[serde(default)]
    pub signature: Vec<PathBuf>,
    /// Under which authorities a certificate counts as one of its own to sign with, instead of pins or beside them.
    pub trust: Option<AuthoritySettings>,
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
    #[serde(default)]
    pub authors: Vec<PathBuf>,
    /// Under which authorities a certificate counts as one of its authors', instead of pins or beside them.
    pub trust: Option<AuthoritySettings>,
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
    trust: Option<AuthoritySettings>,
    cipher: Vec<PathBuf>,
    policy: Policy,
}

/// The certificates of one side.
#[derive(Default)]
pub struct Pinned {
    signature: Anchors,
    signing: Vec<Certificate>,
    authority: Option<ByAuthority>,
    cipher: Vec<Certificate>,
    /// What is received of it although it proves less.
    pub policy: Policy,
}

impl Pinned {
    fn new(
        signing: Vec<Certificate>,
        authority: Option<ByAuthority>,
        cipher: Vec<Certificate>,
        policy: Policy,
    ) -> Pinned {
        let mut signature = Anchors::default();
        signing.iter().for_each(|certificate| signature.pin(certificate.clone()));
        Pinned { signature, signing, authority, cipher, policy }
    }

    /// Whether it has this certificate to sign with, in its term or not.
    pub fn has(&self, certificate: &Certificate) -> bool {
        self.signing.contains(certificate)
    }

    /// Whether a signature under this certificate counts as its own now.
    pub fn signs(&self, certificate: &Certificate, now: Timestamp) -> Result<Trusted, Untrusted> {
        match &self.authority {
            Some(authority) if !self.has(certificate) => authority.signs(certificate, now),
            _ => self.signature.trusts(certificate, Use::Sign, now, Revocation::Ignored),
        }
    }

    /// Whether this certificate is its own: pinned, in its term or not, or certified for it and trusted now.
    fn owns(&self, certificate: &Certificate, now: Timestamp) -> bool {
        self.has(certificate) || self.authority.is_some() && self.signs(certificate, now).is_ok()
    }

    /// Why a certificate that says that it is its own is not.
    fn refuses(&self, certificate: &Certificate, now: Timestamp) -> Option<Untrusted> {
        let authority = self.authority.as_ref().filter(|authority| authority.names(certificate))?;
        authority.signs(certificate, now).err()
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
    /// The intermediary that signs under this certificate now, and why that counts; else why none does.
    pub fn intermediary(
        &self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<(&Pinned, Trusted), Untrusted> {
        let mut why = Untrusted::Unknown;
        for known in &self.intermediaries {
            match known.signs(certificate, now) {
                Ok(trusted) => return Ok((known, trusted)),
                // What is ours to mend is said rather than that somebody else does not know it.
                Err(cause) if !why.is_ours() && cause != Untrusted::Unknown => why = cause,
                Err(_) => {}
            }
        }
        Err(why)
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

    /// Whether this certificate is more than one partner's.
    pub fn is_shared(&self, certificate: &Certificate, now: Timestamp) -> bool {
        self.authors.iter().filter(|author| author.pinned.owns(certificate, now)).count() > 1
    }

    /// The one partner whose certificate to sign with this is; `None` of nobody, or of more than one.
    pub fn author(&self, certificate: &Certificate, now: Timestamp) -> Option<&Author> {
        let mut having = self.authors.iter().filter(|author| author.pinned.owns(certificate, now));
        let found = having.next()?;
        having.next().is_none().then_some(found)
    }

    /// Why a certificate that says that it is a partner's is not trusted.
    pub fn refuses(&self, certificate: &Certificate, now: Timestamp) -> Option<Untrusted> {
        self.authors.iter().find_map(|author| author.pinned.refuses(certificate, now))
    }
}

/// The faults of an intermediary that its type cannot say.
pub fn further_of_intermediary(written: &IntermediarySettings, at: &str, faults: &mut Vec<(String, String)>) {
    check_files(&written.signature, &format!("{at}/signature"), faults);
    check_files(&written.cipher, &format!("{at}/cipher"), faults);
    match &written.trust {
        Some(trust) => osci_authority::check(trust, &format!("{at}/trust"), faults),
        None if written.signature.is_empty() => {
            let text = "is missing; name the certificates under which it signs, or authorities under `trust`";
            faults.push((format!("{at}/signature"), text.to_owned()));
        }
        None => {}
    }
}

/// The faults of a channel that its type cannot say.
pub fn further_of_pins(pins: &PinSettings, faults: &mut Vec<(String, String)>) {
    match &pins.trust {
        Some(trust) => osci_authority::check(trust, "/trust", faults),
        None if pins.authors.is_empty() => {
            faults.push((
                "/authors".to_owned(),
                "is missing; name the certificates of its authors, or authorities under `trust`".to_owned(),
            ));
        }
        None => {}
    }
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
    let fits = |one: &Certificate| match pin {
        Pin::Signs => one.may_sign(),
        Pin::Reads => one.may_encrypt(),
    };
    unfit_files(files, at, config, |path| match read(path)?.iter().any(fits) {
        true => Ok(()),
        false => Err("is for another use; name a certificate whose key usage allows this one".to_owned()),
    })
}

/// The same of an intermediary.
pub fn unfit_intermediary(written: &IntermediarySettings, at: &str, config: &Path) -> Vec<(String, String)> {
    let mut faults = unfit(&written.signature, (&format!("{at}/signature"), Pin::Signs), config);
    faults.extend(unfit(&written.cipher, (&format!("{at}/cipher"), Pin::Reads), config));
    let trust = written.trust.as_ref();
    faults
        .extend(trust.iter().flat_map(|trust| osci_authority::unfit(trust, &format!("{at}/trust"), config)));
    faults
}

/// The same of a partner's channel.
pub fn unfit_channel(settings: &serde_json::Value, config: &Path) -> Vec<(String, String)> {
    let Ok(pins) = Pins::deserialize(settings) else { return Vec::new() };
    let mut faults = unfit(&pins.authors, ("/authors", Pin::Signs), config);
    faults.extend(unfit(&pins.cipher, ("/cipher", Pin::Reads), config));
    faults.extend(pins.trust.iter().flat_map(|trust| osci_authority::unfit(trust, "/trust", config)));
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
                apart: std::collections::BTreeMap::new(),
            });
        }
    }
    if let Some(trust) = &pins.trust {
        spots.extend(osci_authority::spots(trust, connection, partner, config));
    }
    spots
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
    /// With the hash of what was read: lists are large, and are taken apart where they are new only.
    lists: Mutex<HashMap<PathBuf, (Vec<u8>, RevocationList)>>,
    clock: Clock,
    late: Mutex<Standing>,
    held: Mutex<Option<Held>>,
}

impl Book {
    /// The book of a connection.
    pub fn new(
        connection: &str,
        intermediaries: Vec<IntermediarySettings>,
        config: &Path,
        (parts, clock): (&Parts, &Clock),
    ) -> Book {
        Book {
            connection: connection.to_owned(),
            config: config.to_owned(),
            intermediaries,
            says: parts.speaker(),
            files: Mutex::default(),
            lists: Mutex::default(),
            clock: clock.clone(),
            late: Mutex::new(Standing::new(Alarm::RevocationListLate)),
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
        let mut looked = Look {
            book: self,
            now: self.clock.now(),
            unread: Vec::new(),
            used: Vec::new(),
            late: Vec::new(),
        };
        let intermediaries = self
            .intermediaries
            .iter()
            .map(|written| {
                let (signature, authority) =
                    (looked.all(&written.signature), looked.trust(written.trust.as_ref()));
                Pinned::new(signature, authority, looked.all(&written.cipher), written.policy)
            })
            .collect();
        let mut authors = Vec::new();
        for account in admission.accounts.iter().filter(|account| account.connection == self.connection) {
            let Ok(pins) = Pins::deserialize(&account.settings) else { continue };
            let (signing, authority) = (looked.all(&pins.authors), looked.trust(pins.trust.as_ref()));
            let pinned = Pinned::new(signing, authority, looked.all(&pins.cipher), pins.policy);
            authors.push(Author { partner: account.partner.clone(), pinned });
        }
        let Look { mut unread, used, late, .. } = looked;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| used.contains(path));
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| used.contains(path));
        let known = Known { intermediaries, authors };
        unread.extend(known.shared());
        self.call(&late);
        unread.extend(late.into_iter().map(|one| one.said));
        self.say(&unread);
        known
    }

    /// Calls a person for each list that is late, again where it holds no longer, and says once that it is over.
    fn call(&self, late: &[Late]) {
        let mut standing = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        standing.are(&osci_authority::worst(&self.connection, late));
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

    /// The list in a file; where it cannot be read the one that it had before, if any, and why.
    fn list(&self, path: &Path) -> Result<RevocationList, (Option<RevocationList>, String)> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let read = osci_authority::octets(path).and_then(|octets| {
            let hash = Digest::Sha256.of(&octets);
            let list = match lists.get(path) {
                Some((known, list)) if *known == hash => list.clone(),
                _ => RevocationList::read(&octets).map_err(|fault| fault.to_string())?,
            };
            Ok((hash, list))
        });
        match read {
            Ok((hash, list)) => {
                lists.insert(path.to_owned(), (hash, list.clone()));
                Ok(list)
            }
            Err(cause) => Err((lists.get(path).map(|(_, list)| list.clone()), cause)),
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

/// One look at all files.
struct Look<'b> {
    book: &'b Book,
    now: Timestamp,
    /// Why files cannot be read.
    unread: Vec<String>,
    used: Vec<PathBuf>,
    /// Lists that are late, or that there are none of.
    late: Vec<Late>,
}

impl Look<'_> {
    /// The certificates of these files.
    fn all(&mut self, paths: &[PathBuf]) -> Vec<Certificate> {
        let mut found = Vec::new();
        for path in paths {
            let whole = self.book.config.join(path);
            match self.book.file(&whole) {
                Ok(certificates) => found.extend(certificates),
                Err((old, cause)) => {
                    found.extend(old);
                    self.unread.push(format!("{}: {cause}", path.display()));
                }
            }
            self.used.push(whole);
        }
        found
    }

    /// What stands behind authorities.
    fn trust(&mut self, written: Option<&AuthoritySettings>) -> Option<ByAuthority> {
        let written = written?;
        let (authorities, between) = (self.all(&written.authorities), self.all(&written.between));
        let mut lists = Vec::new();
        for path in &written.lists {
            let whole = self.book.config.join(path);
            let file = path.display().to_string();
            let found = self.book.list(&whole);
            self.used.push(whole);
            let list = match found {
                Ok(list) => list,
                Err((Some(old), cause)) => {
                    self.unread.push(format!("{file}: {cause}"));
                    old
                }
                // None to go on with: nothing is taken, as with one that holds no longer.
                Err((None, cause)) => {
                    let said = format!("{file}: {cause}; nothing is taken under its issuer");
                    self.late.push(Late { file, over: true, said });
                    continue;
                }
            };
            let age = osci_authority::age(written, &list, self.now);
            if let Some(said) = osci_authority::said(path, &list, age) {
                self.late.push(Late { file, over: age == Age::Over, said });
            }
            lists.push(list);
        }
        Some(ByAuthority::new(written, (authorities, between, lists)))
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
        all.extend(told_of_trust(config, &what, written.trust.as_ref(), now));
    }
    for account in accounts.iter().filter(|account| account.connection == name) {
        let Ok(pins) = Pins::deserialize(&account.settings) else { continue };
        let what = format!("{name}: {}", account.partner);
        all.extend(told(config, &what, pins.authors.iter().chain(&pins.cipher), now));
        all.extend(told_of_trust(config, &what, pins.trust.as_ref(), now));
    }
    all
}

/// The same of authorities, and how old their lists are.
fn told_of_trust(
    config: &Path,
    what: &str,
    trust: Option<&AuthoritySettings>,
    now: Timestamp,
) -> Vec<(bool, String)> {
    let Some(trust) = trust else { return Vec::new() };
    let mut all = told(config, what, trust.authorities.iter().chain(&trust.between), now);
    for path in &trust.lists {
        all.push(match osci_authority::read_list(&config.join(path)) {
            Ok(list) => match osci_authority::said(path, &list, osci_authority::age(trust, &list, now)) {
                Some(late) => (false, format!("{what} {late}")),
                None => (true, format!("{what} {}: the next list is due {}", path.display(), list.next())),
            },
            Err(cause) => (false, format!("{what} {}: {cause}", path.display())),
        });
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
