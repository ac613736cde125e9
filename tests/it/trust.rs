//! The trust room at its boundary: files of keys, signatures of another implementation, wrapped keys, paths to a CA and lists of
//! revoked certificates. The keys in `tests/wire` were made for tests and are used nowhere else.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use drehscheibe::trust::certificate::{Certificate, KeyKind};
use drehscheibe::trust::decrypt::{Decrypter, KeyDecrypter, Wrap, wrap};
use drehscheibe::trust::keys::{self, KeyFault, KeyFile};
use drehscheibe::trust::path::{Anchors, Revocation, Untrusted, Use};
use drehscheibe::trust::scheme::Scheme;
use drehscheibe::trust::sign::{KeySigner, SignFault, Signer};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
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
    let trusts =
        |certificate: &Certificate| anchors.trusts(certificate, Use::Sign, now(), Revocation::Ignored);
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
    let trusts = |purpose, moment| anchors.trusts(&certificate, purpose, moment, Revocation::Ignored);
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
    let usage = |anchors: &Anchors, moment| anchors.trusts(&own, Use::Sign, moment, Revocation::Listed);
    assert!(usage(&anchors, now()).is_err());
    let plain = {
        let mut params = time(now());
        params.key_identifier_method = KeyIdMethod::Sha256;
        let key = KeyPair::generate().unwrap();
        Certificate::from_der(Bytes::copy_from_slice(params.self_signed(&key).unwrap().der())).unwrap()
    };
    anchors.pin(plain.clone());
    assert_eq!(anchors.trusts(&plain, Use::Sign, now(), Revocation::Listed), Ok(()));
    assert_eq!(
        anchors.trusts(&plain, Use::Sign, now() + days(101), Revocation::Listed),
        Err(Untrusted::OutOfTerm)
    );
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
            assert!(anchors.list(list));
        }
        anchors.trusts(&certificate, Use::Sign, now(), Revocation::Listed)
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
    assert!(!Anchors::default().list(b"no list"));
}
