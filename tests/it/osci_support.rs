//! What the tests of OSCI share: the recorded bodies, their throw-away keys, and a generator of numbers with a seed.
//! The keys were made for the recordings and are used nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use drehscheibe::transport::osci::glance::{self, Glance};
use drehscheibe::transport::osci::open::Rules;
use drehscheibe::trust::certificate::Certificate;
use drehscheibe::trust::decrypt::{Decrypter, KeyDecrypter};
use drehscheibe::trust::keys;
use drehscheibe::trust::path::{Anchors, Revocation, Use};
use drehscheibe::trust::sign::KeySigner;
use jiff::Timestamp;

/// The folder of the recordings.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/osci12")
}

/// A moment inside the term of all certificates.
pub fn inside_term() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

/// One recorded body.
pub struct Recorded {
    /// Folder and file, such as `02-…/01-client2intermed-GetMessageId.req`.
    pub name: String,
    /// The octets.
    pub body: Bytes,
}

/// All recorded bodies, in their order.
pub fn recorded() -> Vec<Recorded> {
    let mut found = Vec::new();
    for scenario in
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(&scenario).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".http-body.bin") {
                let scenario = scenario.file_name().unwrap().to_string_lossy();
                found.push(Recorded {
                    name: format!("{scenario}/{name}"),
                    body: fs::read(&file).unwrap().into(),
                });
            }
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(found.len(), 262);
    found
}

/// One recorded body by the beginning of its name.
pub fn body(begins: &str) -> Bytes {
    recorded().into_iter().find(|found| found.name.starts_with(begins)).unwrap().body
}

/// A certificate of the recordings.
pub fn certificate(name: &str) -> Certificate {
    let octets = fs::read(folder().join(format!("keys/{name}.crt.pem"))).unwrap();
    keys::read(&octets, "").unwrap().certificates.remove(0)
}

/// The signer of a certificate of the recordings.
pub fn signer(name: &str) -> KeySigner {
    let octets = fs::read(folder().join(format!("keys/{name}.key.pem"))).unwrap();
    KeySigner::new(&keys::read(&octets, "").unwrap().keys[0], certificate(name)).unwrap()
}

/// Names of all keys that open messages.
pub const READERS: [&str; 5] =
    ["originator_enc", "addressee_enc", "intermed_enc", "author_enc", "reader_enc"];

/// The decrypter of a certificate of the recordings.
pub fn decrypter(name: &str) -> KeyDecrypter {
    let octets = fs::read(folder().join(format!("keys/{name}.key.pem"))).unwrap();
    KeyDecrypter::new(&keys::read(&octets, "").unwrap().keys[0]).unwrap()
}

/// All decrypters.
pub fn decrypters() -> Vec<KeyDecrypter> {
    READERS.iter().map(|name| decrypter(name)).collect()
}

/// As the readers of messages want them.
pub fn as_keys(decrypters: &[KeyDecrypter]) -> Vec<&dyn Decrypter> {
    decrypters.iter().map(|key| key as &dyn Decrypter).collect()
}

/// Rules that read the old algorithms, too.
pub fn legacy() -> Rules {
    let mut rules = Rules::default();
    rules.allowed.legacy = true;
    rules
}

/// What `inspect` sees with all keys, when it trusts the CA of the recordings.
pub fn look(body: &Bytes) -> Glance {
    thread_local! {
        static KEYS: (Vec<KeyDecrypter>, Anchors) = {
            let mut anchors = Anchors::default();
            assert!(anchors.authority(&certificate("ca")));
            (decrypters(), anchors)
        };
    }
    KEYS.with(|(keys, anchors)| {
        let trust = |found: &Certificate| {
            anchors.trusts(found, Use::Sign, inside_term(), Revocation::Ignored).map(drop)
        };
        glance::glance(body, &as_keys(keys), &legacy(), &trust)
    })
}

/// The same as one text.
pub fn look_json(body: &Bytes) -> String {
    serde_json::to_string(&look(body)).unwrap()
}

/// The package inside a body: decrypted, if it is encrypted.
pub fn package(body: &Bytes) -> Option<Bytes> {
    let keys = decrypters();
    let opened = drehscheibe::transport::osci::open::open(body, None, &as_keys(&keys), &legacy()).ok()?;
    Some(opened.transport.map_or_else(|| body.clone(), |transport| transport.package))
}

/// The envelope's text in a package.
pub fn envelope(package: &[u8]) -> String {
    let parts =
        drehscheibe::mime::frame::read(&Bytes::copy_from_slice(package), None, &Rules::default().mime)
            .unwrap();
    String::from_utf8(parts[0].octets().unwrap().to_vec()).unwrap()
}

/// A package with another envelope.
pub fn with_envelope(package: &[u8], old: &str, new: &str) -> Bytes {
    let at = package.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    [&package[..at], new.as_bytes(), &package[at + old.len()..]].concat().into()
}

/// Numbers that are the same in every run (xorshift64*).
pub struct Seeded(pub u64);

impl Seeded {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    /// Random octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

/// The Python that has the packages of the independent verifier.
pub fn python() -> Option<&'static str> {
    let has_packages = |python: &&str| {
        let asked = Command::new(python).args(["-c", "import lxml, cryptography"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has_packages)
}

/// A folder with the independent verifier and the keys of the recordings as it wants them.
pub fn verifier() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let keys = place.path().join("keys");
    fs::create_dir_all(&keys).unwrap();
    fs::copy(folder().join("verify.py"), place.path().join("verify.py")).unwrap();
    for name in READERS {
        fs::write(keys.join(format!("{name}.crt.der")), certificate(name).der()).unwrap();
        fs::copy(folder().join(format!("keys/{name}.key.pem")), keys.join(format!("{name}.key.pem")))
            .unwrap();
    }
    place
}

/// What an independent verifier says of bodies, a line each; `None` where it cannot run here, which is said.
pub fn verified(bodies: &[(&str, &[u8])]) -> Option<Vec<String>> {
    let Some(python) = python() else {
        println!(
            "python3 with lxml and cryptography is not installed: what we write was not verified independently"
        );
        return None;
    };
    let place = verifier();
    let folder_of_bodies = place.path().join("0-written");
    fs::create_dir_all(&folder_of_bodies).unwrap();
    for (name, body) in bodies {
        fs::write(folder_of_bodies.join(format!("{name}.http-body.bin")), body).unwrap();
    }
    let output = Command::new(python).arg(place.path().join("verify.py")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<String> = said.lines().filter(|line| line.contains(" | ")).map(str::to_owned).collect();
    assert_eq!(lines.len(), bodies.len(), "{said}");
    Some(lines)
}

/// What xmllint finds wrong in envelopes, each by its official schema; `None` where it or they are not here, which is said.
pub fn invalid(envelopes: &[(String, String)]) -> Option<Vec<String>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/schemas");
    if !shared.join("osci12").is_dir() || Command::new("xmllint").arg("--version").output().is_err() {
        println!("the official schemas or xmllint are not here: what we write was not validated");
        return None;
    }
    let place = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    for (at, (schema, text)) in envelopes.iter().enumerate() {
        let file = place.path().join(format!("{at}.xml"));
        fs::write(&file, text).unwrap();
        let output = Command::new("xmllint")
            .env("XML_CATALOG_FILES", shared.join("osci12-xmllint-catalog.xml"))
            .args(["--nonet", "--noout", "--schema", shared.join("osci12").join(schema).to_str().unwrap()])
            .arg(file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = said.lines().filter(|line| line.contains("validity error"));
        faults.extend(lines.map(|line| format!("{schema} {line}")));
        assert_eq!(output.status.success(), !said.contains("validity error"), "{said}");
    }
    Some(faults)
}

/// The references of every SignedInfo in one order, for libraries write them in the order of a hash map.
pub fn sorted_references(envelope: &str) -> String {
    let mut text = String::new();
    let mut rest = envelope;
    while let Some(start) = rest.find("<ds:Reference ") {
        let end = rest.find("</ds:SignedInfo>").unwrap();
        let mut references: Vec<&str> = rest[start..end].split_inclusive("</ds:Reference>\n").collect();
        references.sort_unstable();
        text.push_str(&rest[..start]);
        text.push_str(&references.concat());
        rest = &rest[end..];
        // The value is that over the references in their own order.
        let value = rest.find("<ds:SignatureValue>").unwrap();
        let end = rest.find("</ds:SignatureValue>").unwrap();
        text.push_str(&rest[..value]);
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}
