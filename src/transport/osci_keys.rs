//! The keys of the house for OSCI: one that signs, and those that open what is for us, several side by side while one takes the place of
//! another. Read from files of the configuration and read again when they change; the last good ones hold until then.
//! It never takes a key from a message, and never shows one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::osci::write::Profile;
use super::settings::Secret;
use super::watched::{Files, Named as File, Unreadable, Watched};
use crate::clock::Tick;
use crate::telemetry::parts::{Failing, Parts, Speaker, Turn};
use crate::trust::certificate::{Certificate, KeyKind};
use crate::trust::decrypt::{Decrypter, KeyDecrypter};
use crate::trust::keys::{self, KeyFault};
use crate::trust::scheme::Scheme;
use crate::trust::sign::{KeySigner, Signer};

/// How often the files are looked at for a change.
pub const LOOK: Duration = Duration::from_secs(5);

/// Roles of the files of cipher keys; so many keys may be valid side by side.
const CIPHER: [(&str, &str); 4] = [
    ("cipher/0/certificate", "cipher/0/key"),
    ("cipher/1/certificate", "cipher/1/key"),
    ("cipher/2/certificate", "cipher/2/key"),
    ("cipher/3/certificate", "cipher/3/key"),
];
const SIGNATURE: (&str, &str) = ("signature/certificate", "signature/key");

/// A key and its certificate, as written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyFiles {
    /// File with the certificate, PEM or DER.
    pub certificate: PathBuf,
    /// File with the private key: PEM (PKCS#8, PKCS#1 or SEC 1) without a password, or PKCS#12.
    pub key: PathBuf,
    /// The password that opens `key`, where that is PKCS#12.
    pub password: Option<Secret>,
}

impl KeyFiles {
    fn password(&self) -> &str {
        self.password.as_ref().map_or("", |password| password.0.expose_secret())
    }
}

/// How RSA keys sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Padding {
    /// RSASSA-PSS with SHA-256.
    #[default]
    Pss,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for far ends that know no other.
    Pkcs1,
}

/// The keys of the house, as written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeySettings {
    /// The key that signs.
    pub signature: KeyFiles,
    /// The keys that open what is for us, up to four. Our messages name the first; the others open what is still under way for them.
    #[schemars(length(min = 1))]
    pub cipher: Vec<KeyFiles>,
    /// How an RSA key signs.
    #[serde(default)]
    pub padding: Padding,
}

impl KeySettings {
    /// The same with relative paths below a folder.
    pub fn below(mut self, folder: &Path) -> KeySettings {
        for files in std::iter::once(&mut self.signature).chain(&mut self.cipher) {
            files.certificate = folder.join(&files.certificate);
            files.key = folder.join(&files.key);
        }
        self
    }

    fn files(&self) -> Vec<File> {
        let ciphers = CIPHER.iter().zip(&self.cipher);
        std::iter::once((&SIGNATURE, &self.signature))
            .chain(ciphers)
            .flat_map(|((certificate, key), files)| {
                [(*certificate, files.certificate.clone()), (*key, files.key.clone())]
            })
            .collect()
    }
}

/// The faults of the keys that their type cannot say.
pub fn check(settings: &KeySettings, at: &str, faults: &mut Vec<(String, String)>) {
    if settings.cipher.len() > CIPHER.len() {
        faults
            .push((format!("{at}/cipher"), "must be at most four; leave out those that are over".to_owned()));
    }
    for (nth, files) in settings.cipher.iter().enumerate() {
        let same = |other: &KeyFiles| other.certificate == files.certificate && other.key == files.key;
        if settings.cipher[..nth].iter().any(same) {
            faults.push((format!("{at}/cipher/{nth}"), "stands there already".to_owned()));
        }
    }
    if settings.cipher.iter().any(|files| files.key == settings.signature.key) {
        let text = "must be another key than those of `cipher`: a key that opens does not sign";
        faults.push((format!("{at}/signature/key"), text.to_owned()));
    }
}

/// Keys that cannot be used; names the role of a file, never its content.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeysFault {
    /// A file cannot be read.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// A file holds something else than it must.
    #[error("{role} file: {fault}")]
    Unfit {
        /// Which file.
        role: &'static str,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// A certificate is for another use.
    #[error("{0} is for another use; name a certificate whose key usage allows this one")]
    WrongUse(&'static str),
}

impl KeysFault {
    /// The role of the file that it is about, which is the path of its key below `keys`.
    fn role(&self) -> &'static str {
        match self {
            KeysFault::Unreadable(Unreadable(role))
            | KeysFault::Unfit { role, .. }
            | KeysFault::WrongUse(role) => role,
        }
    }

    /// What is wrong, without the role.
    fn what(&self) -> String {
        match self {
            KeysFault::Unreadable(_) => "cannot be read; check path and rights".to_owned(),
            KeysFault::Unfit { fault, .. } => fault.to_string(),
            KeysFault::WrongUse(_) => {
                "is for another use; name a certificate whose key usage allows this one".to_owned()
            }
        }
    }
}

/// What of the files cannot be used: the key that names each, below `at`, and its path with what is wrong.
pub fn unfit(settings: &KeySettings, at: &str, config: &Path) -> Vec<(String, String)> {
    let absolute = settings.clone().below(config);
    let pairs = std::iter::once((SIGNATURE, &settings.signature, &absolute.signature));
    let ciphers = CIPHER.into_iter().zip(&settings.cipher).zip(&absolute.cipher);
    let pairs = pairs.chain(ciphers.map(|((roles, written), files)| (roles, written, files)));
    let mut faults = Vec::new();
    for (roles, written, files) in pairs {
        let own = files;
        let named = [(roles.0, files.certificate.clone()), (roles.1, files.key.clone())];
        let made = Files::read(&named).map_err(KeysFault::from).and_then(|files| match roles == SIGNATURE {
            true => signing(&files, own.password()).map(drop),
            false => opening(&files, roles, own.password()).map(drop),
        });
        if let Err(fault) = made {
            let path = if fault.role() == roles.0 { &written.certificate } else { &written.key };
            faults.push((format!("{at}/{}", fault.role()), format!("{}: {}", path.display(), fault.what())));
        }
    }
    faults
}

/// One key that opens.
struct Opener {
    certificate: Certificate,
    key: KeyDecrypter,
}

/// The keys of the house.
pub struct Keys {
    signer: KeySigner,
    openers: Vec<Opener>,
    scheme: Scheme,
}

impl Keys {
    /// Who signs for the house.
    pub fn signer(&self) -> &dyn Signer {
        &self.signer
    }

    /// The certificate of the key that signs.
    pub fn signature(&self) -> &Certificate {
        self.signer.certificate()
    }

    /// The certificate for which others are to encrypt.
    pub fn cipher(&self) -> &Certificate {
        self.former(0)
    }

    /// How many keys open.
    pub fn count(&self) -> usize {
        self.openers.len()
    }

    /// The certificate of the key of this number, from 0: that for which others are to encrypt, then those of before.
    pub fn former(&self, nth: usize) -> &Certificate {
        // There is one: the settings say so, and so does `make`.
        &self.openers[nth.min(self.openers.len() - 1)].certificate
    }

    /// All keys that open.
    pub fn openers(&self) -> Vec<&dyn Decrypter> {
        self.openers.iter().map(|opener| &opener.key as &dyn Decrypter).collect()
    }

    /// How the house signs and encrypts, with vectors of so many octets.
    pub fn profile(&self, iv_length: usize) -> Profile {
        Profile { scheme: self.scheme, iv_length, ..Profile::default() }
    }

    /// Its certificates with what each is called.
    fn certificates(&self) -> Vec<(String, &Certificate)> {
        let openers = self.openers.iter().enumerate();
        let openers = openers.map(|(nth, opener)| (format!("keys/cipher/{nth}"), &opener.certificate));
        std::iter::once(("keys/signature".to_owned(), self.signature())).chain(openers).collect()
    }
}

/// Reads one key and its certificate.
fn pair(
    files: &Files,
    (certificate, key): (&'static str, &'static str),
    password: &str,
) -> Result<(keys::PrivateKey, Certificate), KeysFault> {
    let read = |role, password| {
        let octets = files.of(role).unwrap_or_default();
        keys::read(octets, password).map_err(|fault| KeysFault::Unfit { role, fault })
    };
    let unfit = |role, fault| KeysFault::Unfit { role, fault };
    let own = read(key, password)?.keys.into_iter().next().ok_or(unfit(key, KeyFault::Empty))?;
    let all = read(certificate, "")?.certificates;
    if all.is_empty() {
        return Err(unfit(certificate, KeyFault::Empty));
    }
    let found = all.into_iter().find(|found| own.belongs_to(found));
    Ok((own, found.ok_or(unfit(certificate, KeyFault::NotThisCertificate))?))
}

/// The key that signs.
fn signing(files: &Files, password: &str) -> Result<KeySigner, KeysFault> {
    let (own, certificate) = pair(files, SIGNATURE, password)?;
    if !certificate.may_sign() {
        return Err(KeysFault::WrongUse(SIGNATURE.0));
    }
    KeySigner::new(&own, certificate).map_err(|fault| KeysFault::Unfit { role: SIGNATURE.1, fault })
}

/// A key that opens.
fn opening(files: &Files, roles: (&'static str, &'static str), password: &str) -> Result<Opener, KeysFault> {
    let (own, certificate) = pair(files, roles, password)?;
    if !certificate.may_encrypt() {
        return Err(KeysFault::WrongUse(roles.0));
    }
    let key = KeyDecrypter::new(&own).map_err(|fault| KeysFault::Unfit { role: roles.1, fault })?;
    Ok(Opener { certificate, key })
}

fn make(files: &Files, settings: &KeySettings) -> Result<Keys, KeysFault> {
    let signer = signing(files, settings.signature.password())?;
    let scheme = match (signer.certificate().key(), settings.padding) {
        (KeyKind::P384 | KeyKind::BrainpoolP384, _) => Scheme::EcdsaSha384,
        (KeyKind::P256 | KeyKind::BrainpoolP256, _) => Scheme::EcdsaSha256,
        (_, Padding::Pss) => Scheme::RsaPssSha256,
        (_, Padding::Pkcs1) => Scheme::RsaPkcs1Sha256,
    };
    let ciphers = CIPHER.iter().zip(&settings.cipher);
    let openers: Vec<Opener> = ciphers
        .map(|(roles, own)| opening(files, *roles, own.password()))
        .collect::<Result<_, KeysFault>>()?;
    match openers.is_empty() {
        true => Err(KeysFault::Unfit { role: CIPHER[0].1, fault: KeyFault::Empty }),
        false => Ok(Keys { signer, openers, scheme }),
    }
}

/// Reads keys once, for whoever does not run for long.
pub fn read_once(settings: &KeySettings) -> Result<Keys, KeysFault> {
    make(&Files::read(&settings.files())?, settings)
}

/// The keys that hold now.
pub struct Keyring {
    part: String,
    /// What it said goes with it: after a reload another one is there.
    says: Speaker,
    watched: Watched<Keys, KeysFault>,
    looked: Mutex<Tick>,
}

impl Keyring {
    /// Reads them for the first time; paths are absolute.
    pub fn open(connection: &str, settings: KeySettings, parts: &Parts) -> Result<Keyring, KeysFault> {
        let files = settings.files();
        let watched = Watched::open(files, Box::new(move |files, _| make(files, &settings)))?;
        let (part, looked) = (format!("osci keys {connection}"), Mutex::new(Tick::now()));
        Ok(Keyring { part, says: parts.speaker(), watched, looked })
    }

    /// What holds now, looked at anew where that was some time ago. Blocks for as long as reading the files does.
    pub fn current(&self) -> Arc<Keys> {
        let due = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = looked.elapsed() >= LOOK;
            if due {
                *looked = Tick::now();
            }
            due
        };
        if due {
            match self.watched.reload() {
                Ok(fresh) => {
                    self.says.gone(&self.part);
                    if fresh {
                        tracing::info!(part = self.part, "new keys in use");
                    }
                }
                Err(fault) => self.says.fails(
                    &self.part,
                    Failing {
                        cause: fault.to_string(),
                        next: "put usable files in place; until then the last good ones are used".to_owned(),
                        turn: Turn::Ours,
                    },
                ),
            }
        }
        self.watched.current()
    }

    /// Nobody is to wait any more for what is said of them.
    pub fn gone(&self) {
        self.says.takes_back();
    }
}

/// What `doctor` says of certificates: whether each is in its term.
pub fn terms(what: &str, certificate: &Certificate, now: Timestamp) -> (bool, String) {
    let (fine, end) = (certificate.is_in_term(now), certificate.not_after());
    let said = if fine { "in its term until" } else { "out of its term, which ends" };
    (fine, format!("{what}: certificate {} is {said} {end}", &certificate.fingerprint()[..16]))
}

/// What `doctor` says of the keys of the house: whether each is fit.
pub fn told_of_keys(name: &str, keys: KeySettings, (config, now): (&Path, Timestamp)) -> Vec<(bool, String)> {
    let faults = unfit(&keys, "keys", config);
    if !faults.is_empty() {
        return faults.into_iter().map(|(at, text)| (false, format!("{name}: {at} {text}"))).collect();
    }
    match read_once(&keys.below(config)) {
        Ok(keys) => {
            let certificates = keys.certificates();
            certificates.iter().map(|(what, one)| terms(&format!("{name}: {what}"), one, now)).collect()
        }
        Err(fault) => vec![(false, format!("{name}: keys/{fault}"))],
    }
}
