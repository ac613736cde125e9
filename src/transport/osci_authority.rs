//! Whom the house trusts by OSCI because an authority certified him: the authorities, what the subject of a certificate must say to be this partner's, and the
//! lists of revoked certificates with how late they may be. Everything of it stands in the configuration and is read again when its files change.
//! It never trusts what an authority certified for somebody else, and never asks anybody over the net.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::sha256_hex;
use super::osci_pins::{check_files, read, unfit_files};
use super::port::spot::{AUTHORS, Spot, exact};
use super::settings::Span;
use super::watched;
use crate::trust::certificate::Certificate;
use crate::trust::list::{self, RevocationList};
use crate::trust::path::{Anchors, Revocation, Trusted, Untrusted, Use};

/// Nobody may wait longer for a list: by then a certificate that was revoked has been used for weeks.
const LONGEST_GRACE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Authorities instead of pins, as written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AuthoritySettings {
    /// Files with the certificates of the authorities under whom a path has to end.
    #[schemars(length(min = 1))]
    pub authorities: Vec<PathBuf>,
    /// Files with certificates that may stand between; they are not trusted by themselves.
    #[serde(default)]
    pub between: Vec<PathBuf>,
    /// What the subject of a certificate must say to be this one's, such as `[ O=Stadt Bremen, CN=Jugendamt ]`: each attribute stands there once and
    /// exactly so. An authority certifies many.
    #[schemars(length(min = 1))]
    pub subject: Vec<String>,
    /// Files with the lists of revoked certificates of each issuer in a path, DER or PEM.
    #[serde(default)]
    pub lists: Vec<PathBuf>,
    /// How long a list holds after the time at which the next one was due; then nothing is taken any more.
    #[serde(default = "none")]
    pub grace: Span,
    /// That no list is asked, where nobody makes one: a certificate that was revoked is taken until its term ends.
    #[serde(default)]
    pub without_lists: bool,
}

fn none() -> Span {
    Span(Duration::ZERO)
}

/// The faults that their type cannot say.
pub fn check(written: &AuthoritySettings, at: &str, faults: &mut Vec<(String, String)>) {
    check_files(&written.authorities, &format!("{at}/authorities"), faults);
    check_files(&written.between, &format!("{at}/between"), faults);
    check_files(&written.lists, &format!("{at}/lists"), faults);
    if written.lists.is_empty() != written.without_lists {
        let text = match written.without_lists {
            true => "has no use beside `lists`; leave one of them out",
            false => "is missing; name the lists of revoked certificates, or write `without-lists: true`",
        };
        let key = if written.without_lists { "without-lists" } else { "lists" };
        faults.push((format!("{at}/{key}"), text.to_owned()));
    }
    if written.grace.0 > LONGEST_GRACE {
        faults.push((format!("{at}/grace"), "must be at most 30 days".to_owned()));
    }
    for (nth, said) in written.subject.iter().enumerate() {
        if attribute(said).is_none() {
            let text = "must be an attribute with what it says, such as `O=Stadt Bremen`";
            faults.push((format!("{at}/subject/{nth}"), text.to_owned()));
        }
    }
}

/// Name and value of an attribute as it is written.
fn attribute(written: &str) -> Option<(&str, &str)> {
    let (name, value) = written.split_once('=')?;
    (!name.is_empty() && !value.is_empty()).then_some((name, value))
}

/// What a subject has to say, by attribute; `None` where no certificate can: one attribute with two values.
fn says(subject: &[String]) -> Option<BTreeMap<String, String>> {
    let mut says = BTreeMap::new();
    for written in subject {
        let (name, value) = attribute(written)?;
        let before = says.insert(name.to_owned(), value.to_owned());
        if before.is_some_and(|before| before != value) {
            return None;
        }
    }
    Some(says)
}

/// Who may stand right above a certificate: name and key, as one text each. Two certificates of one authority are one.
fn issuers(written: &AuthoritySettings, config: &Path) -> BTreeSet<String> {
    let files = written.authorities.iter().chain(&written.between);
    let certificates = files.flat_map(|path| read(&config.join(path)).unwrap_or_default());
    certificates.map(|one| format!("{} {}", one.subject(), sha256_hex(one.public_key()))).collect()
}

/// By which certificates a partner is known at a connection: whom an authority certified is told apart by what the subject says. Of two subjects
/// that can both be true of one certificate an issuer in common makes one place.
pub fn spots(written: &AuthoritySettings, connection: &str, partner: &str, config: &Path) -> Vec<Spot> {
    let spot = |at: String, apart| Spot {
        at: exact(&at),
        said: "the subject that its certificates have".to_owned(),
        key: AUTHORS,
        written: Some(partner.to_owned()),
        apart,
    };
    let mut subject = written.subject.clone();
    subject.sort();
    let mut all = vec![spot(format!("osci subject {} {connection}", subject.join("\n")), BTreeMap::new())];
    if let Some(says) = says(&written.subject) {
        let one = |issuer| spot(format!("osci issuer {issuer} {connection}"), says.clone());
        all.extend(issuers(written, config).into_iter().map(one));
    }
    all
}

/// What of the files cannot be used: the key that names each, and its path with what is wrong.
pub fn unfit(written: &AuthoritySettings, at: &str, config: &Path) -> Vec<(String, String)> {
    let authority = |path: &Path| {
        let fit = |one: &Certificate| one.is_authority() && Anchors::default().authority(one);
        match read(path)?.iter().all(fit) {
            true => Ok(()),
            false => Err("is no certificate of an authority; name one that may certify others".to_owned()),
        }
    };
    let mut faults = unfit_files(&written.authorities, &format!("{at}/authorities"), config, authority);
    faults.extend(unfit_files(&written.between, &format!("{at}/between"), config, authority));
    let list = |path: &Path| read_list(path).map(drop);
    faults.extend(unfit_files(&written.lists, &format!("{at}/lists"), config, list));
    faults
}

/// Reads a file with a list.
pub fn read_list(path: &Path) -> Result<RevocationList, String> {
    let octets = octets(path)?;
    RevocationList::read(&octets).map_err(|fault| fault.to_string())
}

/// The octets of a file with a list.
pub fn octets(path: &Path) -> Result<Vec<u8>, String> {
    watched::read_up_to(path, "list", list::LARGEST as u64).map_err(|fault| fault.to_string())
}

/// A partner or intermediary by authority.
pub struct ByAuthority {
    anchors: Anchors,
    subject: Vec<String>,
    revocation: Revocation,
}

impl ByAuthority {
    /// From what the files hold.
    pub fn new(
        written: &AuthoritySettings,
        (authorities, between, lists): (Vec<Certificate>, Vec<Certificate>, Vec<RevocationList>),
    ) -> ByAuthority {
        let mut anchors = Anchors::default();
        authorities.iter().filter(|one| one.is_authority()).for_each(|one| {
            anchors.authority(one);
        });
        between.iter().for_each(|one| anchors.between(one));
        lists.into_iter().for_each(|list| anchors.list(list));
        let revocation = match written.without_lists {
            true => Revocation::Ignored,
            false => Revocation::Listed { grace: grace(written) },
        };
        ByAuthority { anchors, subject: written.subject.clone(), revocation }
    }

    /// Whether a certificate says that it is this one's; whether that is so the path says.
    pub fn names(&self, certificate: &Certificate) -> bool {
        !self.subject.is_empty()
            && self.subject.iter().all(|written| {
                let Some((name, value)) = attribute(written) else { return false };
                let mut said = certificate.attributes().iter().filter(|(found, _)| found == name);
                said.next().is_some_and(|(_, found)| found == value) && said.next().is_none()
            })
    }

    /// Whether a certificate to sign with is this one's and trusted now.
    pub fn signs(&self, certificate: &Certificate, now: Timestamp) -> Result<Trusted, Untrusted> {
        match self.names(certificate) {
            true => self.anchors.trusts(certificate, Use::Sign, now, self.revocation),
            false => Err(Untrusted::Unknown),
        }
    }
}

fn grace(written: &AuthoritySettings) -> SignedDuration {
    SignedDuration::try_from(written.grace.0.min(LONGEST_GRACE)).unwrap_or_default()
}

/// How a list stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The next one is not due yet.
    Fresh,
    /// The next one was due then, and this one still holds until.
    Late(Timestamp),
    /// It holds no longer.
    Over,
}

/// How old a list is, by the policy that names it.
pub fn age(written: &AuthoritySettings, list: &RevocationList, now: Timestamp) -> Age {
    let until = list.holds_until(grace(written));
    match (now > list.next(), now > until) {
        (false, _) => Age::Fresh,
        (true, false) => Age::Late(until),
        (true, true) => Age::Over,
    }
}

/// A list that is not in force as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// Its file, as written.
    pub file: String,
    /// Whether nothing is taken under its issuer.
    pub over: bool,
    /// What is said of it.
    pub said: String,
}

/// What a person is called for at a connection: by file how bad it is and what is said. Several may name one file, each with a grace of its own:
/// the worst of it counts, whoever stands first.
pub fn worst(connection: &str, late: &[Late]) -> BTreeMap<String, (u8, String)> {
    let mut all: BTreeMap<String, (u8, String)> = BTreeMap::new();
    for one in late {
        let grade = u8::from(one.over);
        let known = all.entry(format!("{connection} {}", one.file)).or_insert((grade, one.said.clone()));
        if known.0 < grade {
            *known = (grade, one.said.clone());
        }
    }
    all
}

/// A list that is not fresh, in words: of which file, since when, until when.
pub fn said(path: &Path, list: &RevocationList, age: Age) -> Option<String> {
    let (path, next) = (path.display(), list.next());
    match age {
        Age::Fresh => None,
        Age::Late(until) => Some(format!(
            "{path}: the next list of revoked certificates was due {next}; this one holds until {until}"
        )),
        Age::Over => Some(format!(
            "{path}: the next list of revoked certificates was due {next}; this one holds no longer, and nothing is taken under its issuer"
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// An authority of this name with a new key, in a file.
    fn ca(place: &Path, file: &str) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test CA");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        std::fs::write(place.join(file), made.der()).unwrap();
    }

    fn under(authorities: &[&str], subject: &[String]) -> AuthoritySettings {
        AuthoritySettings {
            authorities: authorities.iter().map(PathBuf::from).collect(),
            between: Vec::new(),
            subject: subject.to_vec(),
            lists: Vec::new(),
            grace: none(),
            without_lists: true,
        }
    }

    /// Whether one certificate could be either's, as `check` compares places.
    fn meet(place: &Path, one: &AuthoritySettings, other: &AuthoritySettings) -> bool {
        let (one, other) = (spots(one, "haus", "a", place), spots(other, "haus", "b", place));
        one.iter().any(|one| other.iter().any(|other| one.at == other.at && one.agrees(other)))
    }

    #[test]
    fn two_subjects_meet_where_one_certificate_can_have_both_and_one_issuer_makes_it() {
        let place = tempfile::tempdir().unwrap();
        ["a.der", "b.der"].iter().for_each(|file| ca(place.path(), file));
        let texts = |said: &[&str]| said.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (city, office) = (texts(&["O=Stadt Bremen"]), texts(&["CN=Jugendamt"]));
        let meets = |one: &[&str], first: &[String], other: &[&str], second: &[String]| {
            let (one, other) = (under(one, first), under(other, second));
            let found = meet(place.path(), &one, &other);
            assert_eq!(found, meet(place.path(), &other, &one));
            found
        };
        assert!(meets(&["a.der"], &city, &["a.der"], &office));
        assert!(meets(&["a.der"], &city, &["b.der", "a.der"], &office));
        // Other authorities, of one name even: no certificate is both's.
        assert!(!meets(&["a.der"], &city, &["b.der"], &office));
        assert!(!meets(&["a.der"], &city, &["a.der"], &texts(&["O=Stadt Kiel", "CN=Jugendamt"])));
    }

    proptest! {
        #[test]
        fn two_subjects_agree_where_there_is_a_certificate_that_has_both(
            one in prop::collection::vec((0..3_usize, 0..2_usize), 1..4),
            other in prop::collection::vec((0..3_usize, 0..2_usize), 1..4),
        ) {
            let written = |said: &[(usize, usize)]| -> Vec<String> {
                said.iter().map(|(name, value)| format!("{}={value}", ["C", "CN", "O"][*name])).collect()
            };
            // Every certificate over three attributes, each with one of both values or with another one.
            let has = |said: &[(usize, usize)], at: usize| {
                said.iter().all(|(name, value)| at / 3_usize.pow(u32::try_from(*name).unwrap()) % 3 == *value)
            };
            let there_is = (0..27).any(|at| has(&one, at) && has(&other, at));
            let spot = |said: &[(usize, usize)]| {
                says(&written(said)).map(|apart| Spot {
                    at: String::new(), said: String::new(), key: AUTHORS, written: None, apart,
                })
            };
            let agree = match (spot(&one), spot(&other)) {
                (Some(one), Some(other)) => one.agrees(&other),
                _ => false,
            };
            prop_assert_eq!(agree, there_is);
        }
    }

    #[test]
    fn of_a_list_that_several_name_the_worst_is_said_whoever_stands_first() {
        let one = |file: &str, over, said: &str| Late { file: file.to_owned(), over, said: said.to_owned() };
        let all = [one("a.crl", false, "late"), one("a.crl", true, "over"), one("b.crl", false, "late")];
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [2, 0, 1]] {
            let found = worst("haus", &order.map(|at: usize| all[at].clone()));
            let found: Vec<_> =
                found.iter().map(|(key, (grade, said))| (key.as_str(), *grade, said.as_str())).collect();
            assert_eq!(found, [("haus a.crl", 1, "over"), ("haus b.crl", 0, "late")], "{order:?}");
        }
    }
}
