//! What we write of OSCI-Transport 1.2: judged by an independent verifier (`verify.py`, where Python has its two packages), valid
//! to the official schemas (where they lie beside the repository and xmllint is installed), read by our reader as it was meant,
//! and, for a recorded delivery, octet for octet what the library wrote but for the order of references.

use drehscheibe::transport::osci::content::Item;
use drehscheibe::transport::osci::envelope::{Named, Standing};
use drehscheibe::transport::osci::kind::Kind;
use drehscheibe::transport::osci::message::{Control, Features, Message};
use drehscheibe::transport::osci::open::Rules;
use drehscheibe::transport::osci::order::{Chunk, Feedback, Order, ProcessCard, Selection, Stamp};
use drehscheibe::transport::osci::receive::receive;
use drehscheibe::transport::osci::write::{Beside, Profile, Secrets, encrypt, envelope, package};
use drehscheibe::transport::osci::write_content::{
    NewContainer, NewContent, NewSignature, container, encrypted, encrypted_attachment,
};
use drehscheibe::trust::cipher::Cipher;
use drehscheibe::trust::decrypt::Wrap;
use drehscheibe::trust::digest::Digest;
use drehscheibe::trust::scheme::Scheme;
use drehscheibe::trust::sign::Signer;

use crate::osci_support::{
    Seeded, as_keys, body, certificate, decrypters, invalid, signer, sorted_references, verified,
};

const KINDS: [&str; 24] = [
    "InitDialog",
    "ExitDialog",
    "GetMessageId",
    "StoreDelivery",
    "FetchDelivery",
    "FetchProcessCard",
    "ForwardDelivery",
    "AcceptDelivery",
    "MediateDelivery",
    "ProcessDelivery",
    "PartialStoreDelivery",
    "PartialFetchDelivery",
    "ResponseToInitDialog",
    "ResponseToExitDialog",
    "ResponseToGetMessageId",
    "ResponseToStoreDelivery",
    "ResponseToFetchDelivery",
    "ResponseToFetchProcessCard",
    "ResponseToForwardDelivery",
    "ResponseToAcceptDelivery",
    "ResponseToMediateDelivery",
    "ResponseToProcessDelivery",
    "ResponseToPartialStoreDelivery",
    "ResponseToPartialFetchDelivery",
];

/// A certificate under the Id that libraries give it.
fn named(role: &str, who: &str, name: &str) -> Named {
    let certificate = certificate(name);
    let kind = if role.starts_with("Cipher") { "cipher" } else { "signature" };
    Named { id: format!("{who}_{kind}_{}", certificate.fingerprint()), role: role.to_owned(), certificate }
}

/// Whose role a side plays: the signer's name among the keys, the Id of its certificate.
struct Side {
    certificates: Vec<Named>,
    signer: &'static str,
    id: String,
}

fn side(kind: Kind, keys: Keys) -> Side {
    let (originator, intermediary) = match keys {
        Keys::Rsa => ("originator_sig", "intermed_sig"),
        Keys::P256 => ("originator_sig_p256", "intermed_sig_p256"),
        Keys::Brainpool => ("originator_sig_bp256", "intermed_sig"),
    };
    let own = named("SignatureCertificateOriginator", "originator", originator);
    let cipher = named("CipherCertificateOriginator", "originator", "originator_enc");
    let reader = named("CipherCertificateAddressee", "addressee", "addressee_enc");
    let middle = named("SignatureCertificateIntermediary", "intermed", intermediary);
    let middle_cipher = named("CipherCertificateIntermediary", "intermed", "intermed_enc");
    let (first, id, signer) = match kind {
        Kind::AcceptDelivery | Kind::ProcessDelivery => {
            (vec![middle_cipher, middle.clone()], middle.id, intermediary)
        }
        Kind::ResponseToAcceptDelivery => {
            let addressee = named("SignatureCertificateAddressee", "addressee", "addressee_sig");
            return Side { id: addressee.id.clone(), certificates: vec![addressee], signer: "addressee_sig" };
        }
        Kind::ResponseToProcessDelivery => (Vec::new(), own.id.clone(), originator),
        _ if kind.is_response() => (vec![middle.clone()], middle.id, intermediary),
        _ => (Vec::new(), own.id.clone(), originator),
    };
    // Inside of a dialog its cipher certificate is known already.
    let others = match kind {
        _ if kind.has_contents() => vec![cipher, reader, own],
        _ if kind.is_response() => Vec::new(),
        Kind::InitDialog | Kind::GetMessageId => vec![cipher, own],
        _ => vec![own],
    };
    Side { certificates: first.into_iter().chain(others).collect(), signer, id }
}

#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Rsa,
    P256,
    Brainpool,
}

fn card(reception: bool) -> ProcessCard {
    let stamp = || Some(Stamp::Plain("2026-11-21T20:22:39+01:00".into()));
    ProcessCard {
        message_id: "id-1".into(),
        changed: Some("2026-11-21T20:22:39+01:00".into()),
        creation: stamp(),
        forwarding: stamp(),
        reception: stamp().filter(|_| reception),
        subject: Some("Mitteilung <&>".into()),
        inspections: 0,
    }
}

fn order(kind: Kind) -> Order {
    let mut order = Order::default();
    if kind.is_response() {
        let text = "Auftrag ausgeführt".to_owned();
        order.feedback = vec![Feedback { code: "0801".into(), text, language: Some("de".into()) }];
    }
    let chunk = Chunk { number: Some(1), size: Some(6), of: Some(3), total: Some(16), received: None };
    match kind {
        Kind::StoreDelivery => order.subject = Some("Mitteilung <&>".into()),
        Kind::ForwardDelivery | Kind::MediateDelivery => {
            order.receiver = Some("http://127.0.0.1/osci?a=1&b=2".into())
        }
        Kind::FetchDelivery | Kind::ResponseToFetchDelivery => {
            order.selection = Some(Selection::ReceivedSince("2026-01-01T00:00:00.000+01:00".into()));
        }
        // The schema has another form of echo than libraries write for a selection by change.
        Kind::ResponseToFetchProcessCard => {
            order.selection = Some(Selection::MessageIds(vec!["id-1".into()]))
        }
        Kind::FetchProcessCard => {
            let time = "2026-01-01T00:00:00.000+01:00".into();
            order.selection =
                Some(Selection::ChangedSince { time, no_reception: true, role: Some("Addressee".into()) });
            order.quantity = Some(10);
        }
        Kind::PartialStoreDelivery => order.chunk = Some(chunk),
        Kind::PartialFetchDelivery => {
            order.chunk = Some(Chunk { of: None, total: None, received: Some("-1".into()), ..chunk });
            order.selection = Some(Selection::MessageIds(vec!["id-1".into()]));
        }
        Kind::ResponseToPartialStoreDelivery => {
            order.chunk = Some(Chunk { size: None, total: None, received: Some("1".into()), ..chunk });
        }
        Kind::ResponseToPartialFetchDelivery => {
            order.chunk = Some(Chunk { size: None, ..chunk });
            order.selection = Some(Selection::MessageIds(vec!["id-1".into()]));
        }
        Kind::ResponseToStoreDelivery => order.cards = vec![ProcessCard { forwarding: None, ..card(false) }],
        Kind::ResponseToForwardDelivery => order.cards = vec![card(true)],
        Kind::AcceptDelivery | Kind::ProcessDelivery => order.cards = vec![card(false)],
        Kind::ResponseToMediateDelivery => order.cards = vec![card(true), card(false)],
        _ => {}
    }
    if kind == Kind::ResponseToFetchDelivery {
        order.cards = vec![card(false)];
    }
    let with_id = [
        Kind::StoreDelivery,
        Kind::ForwardDelivery,
        Kind::MediateDelivery,
        Kind::PartialStoreDelivery,
        Kind::ResponseToGetMessageId,
        Kind::ResponseToPartialFetchDelivery,
        Kind::ProcessDelivery,
        Kind::ResponseToProcessDelivery,
    ];
    // Longer than a line of Base64.
    order.message_id = with_id.contains(&kind).then(|| format!("id-{}", "ä".repeat(40)));
    order
}

fn message(kind: Kind, keys: Keys) -> (Message, Side) {
    let side = side(kind, keys);
    let text = |text: &str| Some(text.to_owned());
    let dialog = !matches!(kind, Kind::InitDialog | Kind::AcceptDelivery | Kind::ProcessDelivery);
    let last = matches!(kind, Kind::ResponseToAcceptDelivery | Kind::ResponseToProcessDelivery);
    let control = Control {
        response: text("aBcDeF==").filter(|_| dialog),
        challenge: text("uEsQuzUmWGyQpQ==").filter(|_| !last && kind != Kind::ResponseToExitDialog),
        conversation: text("15046421655574414481635396274987").filter(|_| dialog && !last),
        sequence: text("1").filter(|_| dialog && !last && kind != Kind::ResponseToInitDialog),
    };
    let stamp = |service: &str| (service.to_owned(), "plain".to_owned());
    let stamps = match kind {
        Kind::StoreDelivery | Kind::ForwardDelivery | Kind::MediateDelivery => {
            vec![stamp("creation"), stamp("reception")]
        }
        Kind::PartialStoreDelivery => vec![stamp("creation")],
        _ => Vec::new(),
    };
    let supported = vec![("DisableBase64".to_owned(), "1.2.0".to_owned())];
    let features = Features {
        supported,
        max_chunk: Some(50),
        min_chunk: Some(1),
        max_message: Some(500),
        chunk_timeout: None,
    };
    let features = if kind.name().contains("Partial") { Some(features) } else { None };
    let message = Message {
        kind,
        control,
        languages: text("de").filter(|_| !kind.is_response()),
        stamps,
        order: order(kind),
        features,
        certificates: side.certificates.clone(),
        foreign: Vec::new(),
    };
    (message, side)
}

const DATA: &[u8] = "<?xml version=\"1.0\"?><a>Müller &amp; Söhne</a>".as_bytes();
const BESIDE: &[u8] = b"attached\r\n--MIME_boundary\r\noctets \0\xFF";

fn secrets(seeded: &mut Seeded, profile: &Profile) -> Secrets {
    let key = seeded.octets(profile.cipher.key_length()).into();
    Secrets { key, iv: seeded.octets(profile.iv_length) }
}

/// A package with a signed container and, encrypted for the addressee, another with an attachment; what stands beside.
fn contents(
    kind: Kind,
    message: &Message,
    profile: &Profile,
    keys: Keys,
    seeded: &mut Seeded,
) -> (String, Vec<(String, Vec<u8>)>) {
    if kind == Kind::PartialStoreDelivery {
        let chunk = NewContent::Beside { id: "ChunkContent", name: "ChunkBlobStoreDelivery", octets: BESIDE };
        let chunk = NewContainer { id: "ChunkContentContainer", contents: vec![chunk], carried: Vec::new() };
        let chunk = container(&chunk, &[], profile).unwrap();
        return (chunk, vec![("ChunkBlobStoreDelivery".into(), BESIDE.to_vec())]);
    }
    if !kind.has_contents() || kind == Kind::ResponseToPartialFetchDelivery {
        return (String::new(), Vec::new());
    }
    let of_role = |role: &str| message.certificates.iter().find(|named| named.role == role).unwrap();
    let own = of_role("SignatureCertificateOriginator");
    let reader = of_role("CipherCertificateAddressee");
    let author = signer(match keys {
        Keys::Rsa => "originator_sig",
        Keys::P256 => "originator_sig_p256",
        Keys::Brainpool => "originator_sig_bp256",
    });
    let time = Some("2026-01-15T10:11:12.000+01:00");
    let signed = [NewSignature { signer: &author, certificate: &own.id, time }];
    let open = NewContainer {
        id: "open",
        contents: vec![
            NewContent::Inline { id: "data", octets: DATA },
            NewContent::Beside { id: "plain", name: "plain.bin", octets: BESIDE },
        ],
        carried: Vec::new(),
    };
    let open = container(&open, &signed, profile).unwrap();
    let (carried, travels) =
        encrypted_attachment("secret.bin", BESIDE, &secrets(seeded, profile), profile).unwrap();
    let closed = NewContainer {
        id: "closed",
        contents: vec![
            NewContent::Beside { id: "secret", name: "secret.bin", octets: BESIDE },
            NewContent::Inline { id: "inner", octets: DATA },
        ],
        carried: vec![carried],
    };
    let closed = container(&closed, &signed, profile).unwrap();
    let readers = [(&reader.certificate, reader.id.as_str())];
    let closed = encrypted("enc", &closed, &readers, &secrets(seeded, profile), profile).unwrap();
    (format!("{closed}{open}"), vec![("plain.bin".into(), BESIDE.to_vec()), ("secret.bin".into(), travels)])
}

fn profiles() -> Vec<(&'static str, Keys, Profile)> {
    let usual = Profile::default();
    let strong = Profile { digest: Digest::Sha512, wrap: Wrap::OaepSha512, ..usual };
    vec![
        ("pss256", Keys::Rsa, usual),
        (
            "pkcs256",
            Keys::Rsa,
            Profile { scheme: Scheme::RsaPkcs1Sha256, cipher: Cipher::Aes128Gcm, ..usual },
        ),
        ("pss512", Keys::Rsa, Profile { scheme: Scheme::RsaPssSha512, ..strong }),
        (
            "pkcs512",
            Keys::Rsa,
            Profile { scheme: Scheme::RsaPkcs1Sha512, cipher: Cipher::Aes192Gcm, ..strong },
        ),
        ("p256", Keys::P256, Profile { scheme: Scheme::EcdsaSha256, iv_length: 16, ..usual }),
        ("brainpool", Keys::Brainpool, Profile { scheme: Scheme::EcdsaSha256, ..usual }),
        ("sha3", Keys::Rsa, Profile { scheme: Scheme::RsaPkcs1Sha256, digest: Digest::Sha3_256, ..usual }),
    ]
}

/// One message as it goes over the wire.
struct Written {
    name: String,
    message: Message,
    envelope: String,
    body: Vec<u8>,
    signed: bool,
    contents: bool,
}

fn written() -> Vec<Written> {
    let mut seeded = Seeded(0x0C1);
    let mut written = Vec::new();
    for (label, keys, profile) in profiles() {
        for kind in KINDS.map(|name| Kind::of_name(name).unwrap()) {
            let (message, side) = message(kind, keys);
            let fits = profile.scheme.fits(certificate(side.signer).key());
            let profile_of_side =
                if fits { profile } else { Profile { scheme: Scheme::RsaPssSha256, ..profile } };
            let (inside, attached) = contents(kind, &message, &profile, keys, &mut seeded);
            let beside: Vec<Beside<'_>> = attached
                .iter()
                .map(|(id, octets)| Beside { id, media_type: "application/octet-stream", octets })
                .collect();
            let key = signer(side.signer);
            for (signed, sealed) in [(false, false), (true, false), (false, true), (true, true)] {
                let by = signed.then_some((&key as &dyn Signer, side.id.as_str()));
                let inside_package = (!inside.is_empty()).then_some(inside.as_str());
                let text = envelope(&message, inside_package, &beside, by, &profile_of_side).unwrap();
                let mut body = package(&text, &beside, "MIME_boundary_abc/+def").unwrap();
                if sealed {
                    let reader = certificate("intermed_enc");
                    let secrets = secrets(&mut seeded, &profile);
                    body = encrypt(&body, &reader, &secrets, "MIME_boundary_outer", &profile).unwrap();
                }
                written.push(Written {
                    name: format!("{label}-{}-{}{}", kind.name(), u8::from(signed), u8::from(sealed)),
                    message: message.clone(),
                    envelope: text,
                    body,
                    signed,
                    contents: !inside.is_empty() && kind != Kind::PartialStoreDelivery,
                });
            }
        }
    }
    assert_eq!(written.len(), 7 * 24 * 4);
    written
}

#[test]
fn what_we_write_is_read_as_it_was_meant() {
    let keys = decrypters();
    for written in written() {
        let received = receive(&written.body.clone().into(), None, &as_keys(&keys), &Rules::default())
            .unwrap_or_else(|fault| panic!("{}: {fault}", written.name));
        let read = match &received.message {
            Standing::Signed { covered, .. } if written.signed => covered.get(),
            Standing::Unsigned(unproven) if !written.signed => unproven.look(),
            _ => panic!("{}: signed otherwise", written.name),
        };
        assert_eq!(read, &written.message, "{}", written.name);
        let items = received.contents.unwrap_or_else(|fault| panic!("{}: {fault}", written.name));
        let mut octets = 0;
        if !written.contents {
            assert_eq!(items.len(), usize::from(written.message.kind == Kind::PartialStoreDelivery));
            continue;
        }
        for item in &items {
            let Item::Container { container: Standing::Signed { covered, signers }, .. } = item else {
                panic!("{}: a container that is not signed", written.name)
            };
            assert_eq!(signers[0].time.as_deref(), Some("2026-01-15T10:11:12.000+01:00"));
            for item in &covered.get().items {
                let Item::Octets { octets: found, name, .. } = item else { panic!("{}", written.name) };
                assert_eq!(&found[..], if name.is_some() { BESIDE } else { DATA });
                octets += 1;
            }
        }
        assert_eq!(octets, 4, "{}", written.name);
    }
}

#[test]
fn the_independent_verifier_accepts_what_we_write() {
    let written = written();
    let bodies: Vec<(&str, &[u8])> =
        written.iter().map(|found| (found.name.as_str(), found.body.as_ref())).collect();
    let Some(lines) = verified(&bodies) else { return };
    for found in &written {
        let line = lines.iter().find(|line| line.contains(&format!(" {} | ", found.name))).unwrap();
        let good = line.matches(" ok(").count();
        assert_eq!(good, usize::from(found.signed) + if found.contents { 2 } else { 0 }, "{line}");
        for bad in ["MISMATCH", "SIGVALUE", "EXC", "DIFF", "undecryptable", "no key", "QUIRK"] {
            assert!(!line.contains(bad), "{line}");
        }
        assert_eq!(line.contains("att secret.bin decrypted"), found.contents, "{line}");
        assert_eq!(line.contains("| encrypted"), found.name.ends_with('1'), "{line}");
    }
}

#[test]
fn what_we_write_is_valid_to_the_official_schemas() {
    let mut by_schema: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for found in written() {
        let sealed = found.name.ends_with('1');
        if found.name.starts_with("pss256-") && found.signed {
            let (schema, text) = if sealed {
                let outer = crate::osci_support::envelope(&found.body);
                ("soapMessageEncrypted.xsd".to_owned(), outer)
            } else {
                (format!("soap{}.xsd", found.message.kind.name()), found.envelope)
            };
            by_schema.entry(schema).or_default().push(text);
        }
    }
    assert_eq!(by_schema.len(), 25);
    let all: Vec<(String, String)> = by_schema
        .into_iter()
        .flat_map(|(schema, texts)| texts.into_iter().take(2).map(move |text| (schema.clone(), text)))
        .collect();
    if let Some(faults) = invalid(&all) {
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

fn text_between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap() + from.len();
    &text[start..start + text[start..].find(to).unwrap()]
}

#[test]
fn recorded_messages_are_written_again_octet_for_octet_but_for_random_values() {
    let keys = decrypters();
    let profile = Profile { scheme: Scheme::RsaPkcs1Sha256, ..Profile::default() };
    for (begins, by) in [
        ("02-plain-signed-rsa-sha256-oneway-active-rich/02-client2intermed-StoreDelivery", "originator_sig"),
        ("03-plain-signed-rich-content-encrypted/02-client2intermed-StoreDelivery", "originator_sig"),
        ("02-plain-signed-rsa-sha256-oneway-active-rich/01-client2intermed-GetMessageId", "originator_sig"),
        ("02-plain-signed-rsa-sha256-oneway-active-rich/03-client2intermed-InitDialog", "addressee_sig"),
        ("02-plain-signed-rsa-sha256-oneway-active-rich/04-client2intermed-FetchDelivery", "addressee_sig"),
        ("02-plain-signed-rsa-sha256-oneway-active-rich/06-client2intermed-ExitDialog", "addressee_sig"),
        ("24-fetch-errors-and-processcards/04-client2intermed-FetchProcessCard", "addressee_sig"),
        ("13-oneway-passive-plain-signed/02-client2intermed-ForwardDelivery", "originator_sig"),
        ("18-partial-plain-signed/03-client2intermed-PartialStoreDelivery", "originator_sig"),
        ("18-partial-plain-signed/09-client2intermed-PartialFetchDelivery", "addressee_sig"),
    ] {
        let recorded = body(begins);
        let parts = drehscheibe::mime::frame::read(&recorded, None, &Rules::default().mime).unwrap();
        let received = receive(&recorded, None, &as_keys(&keys), &Rules::default()).unwrap();
        let Standing::Signed { covered, .. } = received.message else { panic!("{begins}: unsigned") };
        let captured = crate::osci_support::envelope(&recorded);
        let captured = &captured[captured.find("<soap:Envelope").unwrap()..];
        let inside = captured
            .contains("<osci:ContentPackage>")
            .then(|| text_between(captured, "<osci:ContentPackage>", "</osci:ContentPackage>"));
        let retrieval = text_between(captured, "RetrievalMethod URI=\"#", "\"");
        let beside: Vec<Beside<'_>> = parts[1..]
            .iter()
            .map(|part| Beside {
                id: part.headers.content_id().unwrap(),
                media_type: part.headers.content_type().unwrap(),
                octets: &part.transferred,
            })
            .collect();
        let key = signer(by);
        let ours = envelope(covered.get(), inside, &beside, Some((&key, retrieval)), &profile).unwrap();
        assert_eq!(sorted_references(&ours), sorted_references(captured), "{begins}");
        // The package around it, with the recorded envelope, is the recorded body to the last octet.
        let boundary =
            text_between(std::str::from_utf8(&recorded[..200]).unwrap(), "boundary=", ";").to_owned();
        assert_eq!(package(captured, &beside, &boundary).unwrap(), recorded, "{begins}");
    }
}

#[test]
fn recorded_containers_are_written_again_octet_for_octet_but_for_the_order_of_references() {
    let recorded = body("02-plain-signed-rsa-sha256-oneway-active-rich/02-client2intermed-StoreDelivery");
    let captured = crate::osci_support::envelope(&recorded);
    let profile = Profile { scheme: Scheme::RsaPkcs1Sha256, ..Profile::default() };
    let (originator, author) = (signer("originator_sig"), signer("author_sig"));
    let originator_id = format!("originator_signature_{}", originator.certificate().fingerprint());
    let author_id = format!("author0_signature_{}", author.certificate().fingerprint());
    let parts = drehscheibe::mime::frame::read(&recorded, None, &Rules::default().mime).unwrap();
    let by_originator = || NewSignature { signer: &originator, certificate: &originator_id, time: None };
    let time = Some("2026-01-15T10:11:12.000+01:00");
    let of = |id: &'static str, contents| NewContainer { id, contents, carried: Vec::new() };
    let plain = drehscheibe::mime::transfer::decode(
        text_between(&captured, "<osci:Base64Content Id=\"c_plain\">", "</osci:Base64Content>").as_bytes(),
    )
    .unwrap();
    for (new, signatures) in [
        (
            of(
                "cc_signed_orig",
                vec![
                    NewContent::Inline { id: "c_data", octets: b"Any content data." },
                    NewContent::Beside { id: "c_att", name: "test.txt", octets: &parts[1].transferred },
                ],
            ),
            vec![by_originator()],
        ),
        (
            of("cc_signed_author", vec![NewContent::Inline { id: "c_author", octets: b"Daten des Autors" }]),
            vec![NewSignature { signer: &author, certificate: &author_id, time }, by_originator()],
        ),
        (of("cc_plain", vec![NewContent::Inline { id: "c_plain", octets: &plain }]), vec![]),
    ] {
        let ours = container(&new, &signatures, &profile).unwrap();
        let at = captured.find(&format!(" Id=\"{}\">", new.id)).unwrap();
        let start = captured[..at].rfind("<osci:ContentContainer").unwrap();
        let end =
            at + captured[at..].find("</osci:ContentContainer>").unwrap() + "</osci:ContentContainer>".len();
        assert_eq!(sorted_references(&ours), sorted_references(&captured[start..end]), "{}", new.id);
    }
}
