//! The trust room at its boundary: files of keys, signatures of another implementation, wrapped keys, paths to a CA and lists of
//! revoked certificates. The keys in `tests/wire` were made for tests and are used nowhere else.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use drehscheibe::trust::certificate::{Certificate, KeyKind};
use drehscheibe::trust::decrypt::{Decrypter, KeyDecrypter, Wrap, wrap};
use drehscheibe::trust::keys::{self, KeyFault, KeyFile};
use drehscheibe::trust::list::{NoList, RevocationList};
use drehscheibe::trust::path::{Anchors, Revocation, Status, Untrusted, Use};
use drehscheibe::trust::scheme::Scheme;
use drehscheibe::trust::sign::{KeySigner, SignFault, Signer};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};

fn wire(file: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file)).unwrap()
}

fn read(file: &str) -> KeyFile {
    keys::read(&wire(file), "").unwrap()
}

fn pair(name: &str) -> KeySigner {
    let key = read(&format!("{name}.key.pem"));
    let certificate = read(&format!("{name}.crt.pem")).certificates.remove(0);
    KeySigner::new(&key.keys[0], certificate).unwrap()
}

const SCHEMES: [(&str, Scheme); 7] = [
    ("EcdsaSha256", Scheme::EcdsaSha256),
    ("EcdsaSha384", Scheme::EcdsaSha384),
    ("EcdsaSha512", Scheme::EcdsaSha512),
    ("RsaPkcs1Sha256", Scheme::RsaPkcs1Sha256),
    ("RsaPkcs1Sha512", Scheme::RsaPkcs1Sha512),
    ("RsaPssSha256", Scheme::RsaPssSha256),
    ("RsaPssSha512", Scheme::RsaPssSha512),
];

const SIGNED: &[u8] = b"signed by another implementation";

#[test]
fn signatures_of_another_implementation_verify_with_their_key_and_scheme_only() {
    let text = String::from_utf8(wire("trust/signatures.txt")).unwrap();
    let mut verified = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let certificate = read(&format!("{}.crt.pem", words[0])).certificates.remove(0);
        let value = hex::decode(words[2]).unwrap();
        for (name, scheme) in SCHEMES {
            assert_eq!(scheme.verifies(&certificate, SIGNED, &value), name == words[1], "{line} as {name}");
            assert!(!scheme.verifies(&certificate, b"something else", &value));
        }
        let scheme = SCHEMES.iter().find(|(name, _)| *name == words[1]).unwrap().1;
        for at in [0, value.len() / 2, value.len() - 1] {
            let mut other = value.clone();
            other[at] ^= 1;
            assert!(!scheme.verifies(&certificate, SIGNED, &other));
        }
        for other in [&value[1..], &value[..value.len() - 1], &[&[0], &value[..]].concat(), &[]] {
            assert!(!scheme.verifies(&certificate, SIGNED, other));
        }
        verified += 1;
    }
    assert_eq!(verified, 16);
}

#[test]
fn every_kind_of_key_signs_what_its_certificate_verifies() {
    let rsa = [Scheme::RsaPkcs1Sha256, Scheme::RsaPkcs1Sha512, Scheme::RsaPssSha256, Scheme::RsaPssSha512];
    let any = [Scheme::EcdsaSha256, Scheme::EcdsaSha384, Scheme::EcdsaSha512];
    for (name, kind, can) in [
        ("osci12/keys/originator_sig", KeyKind::Rsa, &rsa[..]),
        ("osci12/keys/originator_sig_p256", KeyKind::P256, &[Scheme::EcdsaSha256]),
        ("trust/p384", KeyKind::P384, &[Scheme::EcdsaSha384]),
        ("osci12/keys/originator_sig_bp256", KeyKind::BrainpoolP256, &any[..]),
        ("trust/bp384", KeyKind::BrainpoolP384, &any[..]),
    ] {
        let signer = pair(name);
        assert_eq!(signer.certificate().key(), kind);
        for (_, scheme) in SCHEMES {
            match signer.sign(scheme, b"text") {
                Ok(value) => {
                    assert!(can.contains(&scheme), "{name} {scheme:?}");
                    assert!(scheme.verifies(signer.certificate(), b"text", &value));
                }
                Err(fault) => {
                    assert!(!can.contains(&scheme) && fault == SignFault::Unfit, "{name} {scheme:?}")
                }
            }
        }
    }
}

#[test]
fn files_of_keys_are_read_in_every_form() {
    for (file, certificate) in [
        ("trust/rsa.pkcs1.pem", "osci12/keys/reader_enc.crt.pem"),
        ("trust/p256.sec1.pem", "osci12/keys/originator_sig_p256.crt.pem"),
        ("trust/p384.sec1.pem", "trust/p384.crt.pem"),
    ] {
        assert!(read(file).keys[0].belongs_to(&read(certificate).certificates[0]), "{file}");
    }
    for name in ["addressee_enc", "originator_sig_bp256"] {
        let file = wire(&format!("osci12/keys/{name}.p12"));
        let opened = keys::read(&file, "123456").unwrap();
        let (_, certificate) = opened.pair().unwrap();
        assert_eq!(certificate, &read(&format!("osci12/keys/{name}.crt.pem")).certificates[0]);
        for password in ["", "12345", "1234567"] {
            assert_eq!(keys::read(&file, password).unwrap_err(), KeyFault::Locked);
        }
        assert_eq!(keys::read(&file[..file.len() - 1], "123456").unwrap_err(), KeyFault::Locked);
    }
    // Several in one file, as people put them together.
    let both =
        [wire("osci12/keys/addressee_enc.key.pem"), wire("osci12/keys/addressee_enc.crt.pem")].concat();
    assert!(keys::read(&both, "").unwrap().pair().is_some());
    let der = read("trust/p384.crt.pem").certificates[0].der().to_vec();
    assert_eq!(keys::read(&der, "").unwrap().certificates.len(), 1);
}

#[test]
fn what_is_no_file_of_keys_is_refused_without_a_word_of_it() {
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let public = b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
    let broken = b"-----BEGIN PRIVATE KEY-----\nMIIBGeheim\n-----END PRIVATE KEY-----\n";
    for (octets, fault) in [
        (&b"Geheim"[..], KeyFault::UnknownFormat),
        (b"", KeyFault::UnknownFormat),
        (encrypted, KeyFault::EncryptedPem),
        (b"\x30\x03\x02\x01\x03", KeyFault::Locked),
        (&vec![b'-'; keys::LARGEST + 1], KeyFault::TooLarge),
    ] {
        assert_eq!(keys::read(octets, "").unwrap_err(), fault);
    }
    for octets in [&public[..], broken] {
        let fault = keys::read(octets, "").unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("Geheim"));
    }
    let other = read("osci12/keys/originator_sig.crt.pem").certificates.remove(0);
    let key = read("osci12/keys/addressee_enc.key.pem");
    assert_eq!(KeySigner::new(&key.keys[0], other).unwrap_err(), KeyFault::NotThisCertificate);
    assert_eq!(KeyDecrypter::new(&read("trust/p384.key.pem").keys[0]).unwrap_err(), KeyFault::NotRsa);
    assert!(!format!("{key:?}").contains("MII"));
}

#[test]
fn wrapped_keys_come_back_and_others_give_a_key_that_opens_nothing() {
    let certificate = read("osci12/keys/addressee_enc.crt.pem").certificates.remove(0);
    let decrypter = KeyDecrypter::new(&read("osci12/keys/addressee_enc.key.pem").keys[0]).unwrap();
    assert!(decrypter.holds(&certificate));
    assert!(!decrypter.holds(&read("osci12/keys/reader_enc.crt.pem").certificates[0]));
    let key: Vec<u8> = (0..32).collect();
    for way in [Wrap::OaepSha256, Wrap::OaepSha512] {
        let wrapped = wrap(way, &key, &certificate).unwrap();
        assert_eq!(*decrypter.unwrap(way, &wrapped, 32), key);
        let mut other = wrapped.clone();
        other[100] ^= 1;
        let wrong = decrypter.unwrap(way, &other, 32);
        assert!(wrong.len() == 32 && *wrong != key);
        // The same answer to the same question, so that asking twice tells nothing.
        assert_eq!(*decrypter.unwrap(way, &other, 32), *wrong);
        // A key of another length than the cipher's, another way, nothing at all.
        assert_ne!(*decrypter.unwrap(way, &wrapped, 16), key[..16]);
        assert_eq!(decrypter.unwrap(Wrap::RsaPkcs1, &wrapped, 32).len(), 32);
        assert_eq!(decrypter.unwrap(way, b"", 24).len(), 24);
    }
    assert!(wrap(Wrap::RsaPkcs1, &key, &certificate).is_none());
    assert!(wrap(Wrap::OaepSha256, &key, &read("trust/p384.crt.pem").certificates[0]).is_none());
}

const LISTED: Revocation = Revocation::Listed { grace: SignedDuration::ZERO };

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn time(moment: Timestamp) -> rcgen::CertificateParams {
    let mut params = CertificateParams::default();
    let date = |moment: Timestamp| {
        let day = moment.to_zoned(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8)
    };
    params.not_before = date(moment - days(100));
    params.not_after = date(moment + days(100));
    params
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

fn authority(name: &str, above: Option<&Authority>, moment: Timestamp) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = time(moment);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let made = match above {
        Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let certificate = Certificate::from_der(Bytes::copy_from_slice(made.der())).unwrap();
    Authority { issuer: Issuer::new(params, key), certificate }
}

fn leaf(above: &Authority, change: impl Fn(&mut CertificateParams)) -> Certificate {
    let mut params = time(now());
    params.distinguished_name.push(DnType::CommonName, "Postfach");
    params.serial_number = Some(SerialNumber::from(77u64));
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, &above.issuer).unwrap();
    Certificate::from_der(Bytes::copy_from_slice(made.der())).unwrap()
}

#[test]
fn a_path_leads_to_a_named_authority_whatever_shape_the_certificate_has() {
    let root = authority("Root", None, now());
    let middle = authority("Middle", Some(&root), now());
    let mut anchors = Anchors::default();
    assert!(anchors.authority(&root.certificate));
    assert!(root.certificate.is_authority());
    anchors.between(&middle.certificate);
    let trusts = |certificate: &Certificate| {
        anchors.trusts(certificate, Use::Sign, now(), Revocation::Ignored).map(drop)
    };
    // What German administrations issue: without names of hosts, without or with foreign purposes, with or without
    // basicConstraints and key usage.
    type Shape = fn(&mut CertificateParams);
    let shapes: [(&str, Shape); 6] = [
        ("bare", |_| {}),
        ("no ca, said explicitly", |params| params.is_ca = IsCa::ExplicitNoCa),
        ("key usage", |params| params.key_usages = vec![KeyUsagePurpose::ContentCommitment]),
        ("mail", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]),
        ("client", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
        ("other purpose", |params| {
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 2])];
        }),
    ];
    for (name, shape) in shapes {
        for above in [&root, &middle] {
            assert_eq!(trusts(&leaf(above, shape)), Ok(()), "{name}");
        }
    }
    // Without the certificate in between there is no path.
    let mut alone = Anchors::default();
    alone.authority(&root.certificate);
    let under_middle = leaf(&middle, |_| {});
    assert_eq!(alone.trusts(&under_middle, Use::Sign, now(), Revocation::Ignored), Err(Untrusted::Unknown));
    let foreign = authority("Root", None, now());
    assert!(trusts(&leaf(&foreign, |_| {})).is_err());
    // What the chain was, from the issuer up.
    let judged = anchors.trusts(&leaf(&middle, |_| {}), Use::Sign, now(), Revocation::Ignored).unwrap();
    assert_eq!(
        (judged.chain, judged.status),
        (vec![middle.certificate.clone(), root.certificate.clone()], Status::Unasked)
    );
    // Shapes for which no path is followed are told as that, and can be pinned.
    let shapeless: [(&str, Shape); 2] = [
        ("says that it is a ca", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        ("critical extension that nobody knows", |params| {
            let mut unknown =
                CustomExtension::from_oid_content(&[2, 5, 29, 32], vec![0x30, 4, 0x30, 2, 6, 0]);
            unknown.set_criticality(true);
            params.custom_extensions.push(unknown);
        }),
    ];
    for (name, shape) in shapeless {
        let odd = leaf(&root, shape);
        assert_eq!(trusts(&odd), Err(Untrusted::Shape), "{name}");
        let mut pinned = Anchors::default();
        pinned.pin(odd.clone());
        assert!(pinned.trusts(&odd, Use::Sign, now(), Revocation::Ignored).is_ok(), "{name}");
    }
    // A certificate that is no authority's certifies nothing.
    let mut wrong = Anchors::default();
    let between = leaf(&root, |params| params.is_ca = IsCa::ExplicitNoCa);
    wrong.authority(&root.certificate);
    wrong.between(&between);
    assert_eq!(wrong.trusts(&under_middle, Use::Sign, now(), Revocation::Ignored), Err(Untrusted::Unknown));
}

#[test]
fn terms_and_uses_are_asked_for() {
    let root = authority("Root", None, now());
    let old = authority("Old", None, now() - days(300));
    let mut anchors = Anchors::default();
    anchors.authority(&root.certificate);
    anchors.authority(&old.certificate);
    let certificate = leaf(&root, |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let trusts =
        |purpose, moment| anchors.trusts(&certificate, purpose, moment, Revocation::Ignored).map(drop);
    assert_eq!(trusts(Use::Encrypt, now()), Ok(()));
    assert_eq!(trusts(Use::Sign, now()), Err(Untrusted::WrongUse));
    for moment in [now() - days(101), now() + days(101)] {
        assert_eq!(trusts(Use::Encrypt, moment), Err(Untrusted::OutOfTerm));
    }
    // The authority in between is out of its term, its certificate is not.
    let expired = authority("Expired", Some(&root), now() - days(300));
    let mut anchors = Anchors::default();
    anchors.authority(&root.certificate);
    anchors.between(&expired.certificate);
    let certificate = leaf(&expired, |_| {});
    assert_eq!(
        anchors.trusts(&certificate, Use::Sign, now(), Revocation::Ignored),
        Err(Untrusted::OutOfTerm)
    );
}

#[test]
fn a_pinned_certificate_needs_no_path_and_no_list() {
    let own = authority("Self", None, now()).certificate;
    let mut anchors = Anchors::default();
    let usage = |anchors: &Anchors, moment| anchors.trusts(&own, Use::Sign, moment, LISTED);
    assert!(usage(&anchors, now()).is_err());
    let plain = {
        let mut params = time(now());
        params.key_identifier_method = KeyIdMethod::Sha256;
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(Bytes::copy_from_slice(params.self_signed(&key).unwrap().der())).unwrap()
    };
    anchors.pin(plain.clone());
    let found = anchors.trusts(&plain, Use::Sign, now(), LISTED).unwrap();
    assert_eq!((found.status, found.chain.len()), (Status::Pinned, 0));
    assert_eq!(anchors.trusts(&plain, Use::Sign, now() + days(101), LISTED), Err(Untrusted::OutOfTerm));
    // A key that only certifies does not sign messages, pinned or not.
    anchors.pin(own.clone());
    assert_eq!(usage(&anchors, now()), Err(Untrusted::WrongUse));
}

fn list(above: &Authority, revoked: &[u64], moment: Timestamp) -> Vec<u8> {
    let params = time(moment);
    let revoked = revoked
        .iter()
        .map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: params.not_before,
            reason_code: None,
            invalidity_date: None,
        })
        .collect();
    let list = CertificateRevocationListParams {
        this_update: params.not_before,
        next_update: params.not_after,
        crl_number: SerialNumber::from(1u64),
        issuing_distribution_point: None,
        revoked_certs: revoked,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&above.issuer).unwrap().der().to_vec()
}

#[test]
fn revocation_fails_closed() {
    let root = authority("Root", None, now());
    let certificate = leaf(&root, |_| {});
    let judged = |lists: &[Vec<u8>]| {
        let mut anchors = Anchors::default();
        anchors.authority(&root.certificate);
        for list in lists {
            anchors.list(RevocationList::read(list).unwrap());
        }
        anchors.trusts(&certificate, Use::Sign, now(), LISTED).map(drop)
    };
    assert_eq!(judged(&[]), Err(Untrusted::StatusUnknown));
    assert_eq!(judged(&[list(&root, &[1, 2], now())]), Ok(()));
    assert_eq!(judged(&[list(&root, &[1, 77], now())]), Err(Untrusted::Revoked));
    assert_eq!(judged(&[list(&root, &[], now() - days(150))]), Err(Untrusted::ListTooOld));
    let foreign = authority("Foreign", None, now());
    assert_eq!(judged(&[list(&foreign, &[], now())]), Err(Untrusted::StatusUnknown));
    // Of the same name, by another key.
    let forged = authority("Root", None, now());
    assert!(judged(&[list(&forged, &[], now())]).is_err());
    assert_eq!(RevocationList::read(b"no list").unwrap_err(), NoList);
}

#[test]
fn a_list_that_is_late_holds_for_its_grace_and_what_it_names_is_revoked_for_ever() {
    let root = authority("Root", None, now());
    let middle = authority("Middle", Some(&root), now());
    let certificate = leaf(&middle, |_| {});
    let judged = |lists: &[Vec<u8>], grace: i64| {
        let mut anchors = Anchors::default();
        anchors.authority(&root.certificate);
        anchors.between(&middle.certificate);
        lists.iter().for_each(|list| anchors.list(RevocationList::read(list).unwrap()));
        anchors.trusts(&certificate, Use::Sign, now(), Revocation::Listed { grace: days(grace) })
    };
    // Lists last 100 days from here on; this one was due ten days ago.
    let (fresh, late) = (list(&root, &[], now()), list(&middle, &[], now() - days(110)));
    assert_eq!(
        judged(std::slice::from_ref(&fresh), 11),
        Err(Untrusted::StatusUnknown),
        "each issuer of the path is asked"
    );
    assert_eq!(judged(&[fresh.clone(), late.clone()], 9), Err(Untrusted::ListTooOld));
    let found = judged(&[fresh.clone(), late.clone()], 11).unwrap();
    let Status::NotListed { made, next } = found.status else { panic!("{found:?}") };
    assert!(made < now() - days(200) && next < now() && next > now() - days(11), "{made} {next}");
    // A newer one takes its place, whichever stands first.
    for lists in [[&fresh, &late, &list(&middle, &[], now())], [&fresh, &list(&middle, &[], now()), &late]] {
        assert!(judged(&lists.map(Clone::clone), 0).is_ok());
    }
    let named = list(&middle, &[77], now() - days(110));
    for grace in [0, 11] {
        assert_eq!(judged(&[fresh.clone(), named.clone()], grace), Err(Untrusted::Revoked));
    }
    // A list of tomorrow says nothing today.
    assert_eq!(
        judged(&[fresh.clone(), list(&middle, &[], now() + days(150))], 0),
        Err(Untrusted::ListTooOld)
    );
    // Armoured it is the same list.
    let pem = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", base64(&fresh));
    assert_eq!(RevocationList::read(pem.as_bytes()).unwrap(), RevocationList::read(&fresh).unwrap());
}

#[test]
fn a_date_that_says_that_there_is_no_end_is_no_fault() {
    // 99991231235959Z; RFC 5280 4.1.2.5.
    let end = rcgen::date_time_ymd(9999, 12, 31) + std::time::Duration::from_secs(86_399);
    let root = authority("Root", None, now());
    let certificate = leaf(&root, |params| params.not_after = end);
    assert_eq!(certificate.not_after(), Timestamp::MAX);
    let last = |revoked: &[u64]| {
        let params = CertificateRevocationListParams {
            this_update: time(now()).not_before,
            next_update: end,
            crl_number: SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: time(now()).not_before,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        RevocationList::read(params.signed_by(&root.issuer).unwrap().der()).unwrap()
    };
    let judged = |list: RevocationList| {
        assert_eq!((list.next(), list.holds_until(days(1))), (Timestamp::MAX, Timestamp::MAX));
        let mut anchors = Anchors::default();
        anchors.authority(&root.certificate);
        anchors.list(list);
        anchors.trusts(&certificate, Use::Sign, now(), LISTED).map(drop)
    };
    assert_eq!(judged(last(&[])), Ok(()));
    assert_eq!(judged(last(&[77])), Err(Untrusted::Revoked));
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

#[test]
fn authorities_on_the_brainpool_curves_are_followed() {
    // Made by openssl: a root, a certificate under it and a list, each curve with digests of its size.
    let Some(made) = brainpool() else { return };
    for Made { root, certificate, old, list } in made {
        let mut anchors = Anchors::default();
        assert!(anchors.authority(&root));
        let (start, end) = (certificate.not_before(), certificate.not_after());
        let moment = start + SignedDuration::from_secs((end.as_second() - start.as_second()) / 2);
        let judge =
            |anchors: &Anchors, revocation| anchors.trusts(&certificate, Use::Sign, moment, revocation);
        assert!(judge(&anchors, Revocation::Ignored).is_ok());
        assert_eq!(judge(&anchors, LISTED).map(drop), Err(Untrusted::StatusUnknown));
        anchors.list(RevocationList::read(&list).unwrap());
        assert!(judge(&anchors, LISTED).is_ok());
        // One octet of the signature, and nothing is trusted.
        let mut octets = certificate.der().to_vec();
        let last = octets.len() - 1;
        octets[last] ^= 1;
        let other = Certificate::from_der(octets.into()).unwrap();
        assert!(anchors.trusts(&other, Use::Sign, moment, Revocation::Ignored).is_err());
        // X.509 of version 1, which has no word on what it is for.
        assert_eq!(
            anchors.trusts(&old, Use::Sign, moment, Revocation::Ignored).map(drop),
            Err(Untrusted::Shape)
        );
    }
}

struct Made {
    root: Certificate,
    certificate: Certificate,
    old: Certificate,
    list: Vec<u8>,
}

/// Certificates and lists of another implementation; `None` where it is not here, which is said.
fn brainpool() -> Option<Vec<Made>> {
    let place = tempfile::tempdir().unwrap();
    let openssl = |words: &str| {
        let mut command = std::process::Command::new("openssl");
        command.args(words.split(' ')).current_dir(place.path()).env_remove("OPENSSL_CONF");
        command.output().ok().filter(|output| output.status.success())
    };
    fs::write(
        place.path().join("ca.cnf"),
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha384\ndefault_crl_days=30\n",
    )
    .unwrap();
    let mut made = Vec::new();
    for (curve, digest) in
        [("brainpoolP256r1", "sha256"), ("brainpoolP384r1", "sha384"), ("brainpoolP256r1", "sha512")]
    {
        fs::write(place.path().join("index"), "").unwrap();
        fs::write(place.path().join("number"), "01\n").unwrap();
        let steps = [
            format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout ca.key -out ca.pem -{digest} -days 30 -subj /CN=Wurzel -addext keyUsage=critical,keyCertSign,cRLSign"
            ),
            format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:{curve} -nodes -keyout own.key -out own.csr -{digest} -subj /CN=Postfach -addext keyUsage=critical,nonRepudiation"
            ),
            format!(
                "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -{digest} -days 20 -out own.pem -set_serial 7 -copy_extensions copy"
            ),
            format!(
                "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -{digest} -days 20 -out old.pem -set_serial 8"
            ),
            format!("ca -config ca.cnf -gencrl -md {digest} -keyfile ca.key -cert ca.pem -out list.pem"),
        ];
        for step in &steps {
            if openssl(step).is_none() {
                println!("openssl is not here or knows no brainpool curves: paths on them were not tested");
                return None;
            }
        }
        let octets = |name: &str| fs::read(place.path().join(name)).unwrap();
        let one = |name: &str| keys::read(&octets(name), "").unwrap().certificates.remove(0);
        let (root, certificate, old) = (one("ca.pem"), one("own.pem"), one("old.pem"));
        made.push(Made { root, certificate, old, list: octets("list.pem") });
    }
    Some(made)
}
