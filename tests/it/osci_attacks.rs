//! Attacks on signatures, made from every recorded message whose envelope is signed: each is refused, and for the right reason.
//! Where an attack needs a signature whose mathematics is right, it is made with the sender's own key.

use std::sync::OnceLock;

use bytes::Bytes;
use drehscheibe::mime::transfer;
use drehscheibe::transport::osci::envelope::{Envelope, EnvelopeFault, Standing};
use drehscheibe::transport::osci::open::{self, OpenFault, Rules};
use drehscheibe::transport::osci::receive::{ReceiveFault, receive};
use drehscheibe::trust::scheme::Scheme;
use drehscheibe::trust::sign::{KeySigner, Signer};
use drehscheibe::xml::algorithm::{self, DSIG};
use drehscheibe::xml::c14n::{self, Form};
use drehscheibe::xml::limits::GateFault;
use drehscheibe::xml::signature::SignatureFault;
use drehscheibe::xml::tree::Tree;

use crate::osci_door::shared;
use crate::osci_support::{
    as_keys, body, decrypters, envelope, legacy, look, package, recorded, signer, with_envelope,
};

/// A signed message to attack.
struct Victim {
    name: String,
    package: Bytes,
    envelope: String,
    signer: KeySigner,
}

/// Every recorded message whose envelope is signed and verifies.
fn victims() -> &'static [Victim] {
    static VICTIMS: OnceLock<Vec<Victim>> = OnceLock::new();
    VICTIMS.get_or_init(find_victims)
}

fn find_victims() -> Vec<Victim> {
    let mut victims = Vec::new();
    for found in recorded() {
        let seen = look(&found.body);
        let Some(first) = seen.signatures.first().filter(|first| first.kind != "content" && seen.verifies())
        else {
            continue;
        };
        let by = first.by.as_deref().unwrap().rsplit("Test ").next().unwrap().to_owned();
        let package = package(&found.body).unwrap();
        let text = envelope(&package);
        // Without the XML declaration, so that it can stand inside another.
        let envelope = text[text.find("<soap:Envelope").unwrap()..].to_owned();
        victims.push(Victim { name: found.name, package, envelope, signer: signer(&by) });
    }
    assert!(victims.len() > 200, "{}", victims.len());
    victims
}

/// How a package is judged: nothing wrong, or the fault.
fn judge(package: &Bytes) -> Result<(), ReceiveFault> {
    let opened = open::open(package, None, &[], &Rules::default())?;
    match Envelope::read(&opened)?.judge()? {
        Standing::Signed { .. } => Ok(()),
        Standing::Unsigned(_) => panic!("an attack that only takes the signature away"),
    }
}

impl Victim {
    fn judge(&self, envelope: &str) -> Result<(), ReceiveFault> {
        judge(&with_envelope(&self.package, &self.envelope, envelope))
    }

    fn replaced(&self, old: &str, new: &str) -> String {
        assert!(self.envelope.contains(old), "{}: {old}", self.name);
        self.envelope.replacen(old, new, 1)
    }

    /// The envelope's SignedInfo changed by `edit` and signed again by the sender's own key.
    fn signed_again(&self, edit: impl Fn(&str) -> String) -> String {
        sign_again(&self.envelope, &self.signer, edit)
    }

    /// The name of the signature header.
    fn header(&self) -> &'static str {
        if self.envelope.contains("<osci:ClientSignature") {
            "osci:ClientSignature"
        } else {
            "osci:SupplierSignature"
        }
    }

    /// The first reference of the envelope's signature.
    fn first_reference(&self) -> &str {
        let start = self.envelope.find("<ds:Reference").unwrap();
        let end = self.envelope[start..].find("</ds:Reference>").unwrap();
        &self.envelope[start..start + end + "</ds:Reference>".len()]
    }
}

fn sign_again(envelope: &str, signer: &KeySigner, edit: impl Fn(&str) -> String) -> String {
    let start = envelope.find("<ds:SignedInfo>").unwrap();
    let end = envelope.find("</ds:SignedInfo>").unwrap() + "</ds:SignedInfo>".len();
    let edited = format!("{}{}{}", &envelope[..start], edit(&envelope[start..end]), &envelope[end..]);
    let tree = Tree::parse(Bytes::from(edited.clone()), &Rules::default().xml).unwrap();
    let info = tree.root().descendants().find(|element| element.is(DSIG, "SignedInfo")).unwrap();
    let method = info.child(DSIG, "SignatureMethod").unwrap().attribute("Algorithm").unwrap();
    let scheme = algorithm::scheme(method).unwrap_or(Scheme::RsaPkcs1Sha256);
    let value = signer.sign(scheme, &c14n::canonical(info, &Form::inclusive())).unwrap();
    let start = edited.find("<ds:SignatureValue>").unwrap() + "<ds:SignatureValue>".len();
    let end = edited.find("</ds:SignatureValue>").unwrap();
    format!("{}{}{}", &edited[..start], transfer::encode(&value), &edited[end..])
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap();
    let end = text.rfind(to).unwrap() + to.len();
    &text[start..end]
}

const EVIL_BODY: &str = "<soap:Body Id=\"evil\"><osci:getMessageId></osci:getMessageId></soap:Body>";

fn structure(fault: &ReceiveFault) -> bool {
    matches!(
        fault,
        ReceiveFault::Envelope(EnvelopeFault::Structure(_)) | ReceiveFault::Open(OpenFault::Structure(_))
    )
}

fn signature(fault: &ReceiveFault, expected: SignatureFault) -> bool {
    *fault == ReceiveFault::Envelope(EnvelopeFault::Signature(expected))
}

fn algorithm(fault: &ReceiveFault) -> bool {
    matches!(fault, ReceiveFault::Envelope(EnvelopeFault::Signature(SignatureFault::Algorithm(_))))
}

fn signature_structure(fault: &ReceiveFault) -> bool {
    matches!(fault, ReceiveFault::Envelope(EnvelopeFault::Signature(SignatureFault::Structure(_))))
}

fn any_digest(fault: &ReceiveFault) -> bool {
    signature(fault, SignatureFault::Digest) || signature(fault, SignatureFault::Value)
}

fn assert_refused(victim: &Victim, attack: &str, envelope: &str, right: impl Fn(&ReceiveFault) -> bool) {
    assert_ne!(envelope, victim.envelope, "{}: {attack} changes nothing", victim.name);
    match victim.judge(envelope) {
        Ok(()) => panic!("{}: {attack} was taken", victim.name),
        Err(fault) => {
            assert!(right(&fault), "{}: {attack}: {fault}", victim.name);
            at_the_door(victim, attack, envelope, &fault);
        }
    }
}

/// What is delivered to a recipient is attacked at its real door, too: it is answered with the code of the fault, and nothing of it is taken.
fn at_the_door(victim: &Victim, attack: &str, envelope: &str, fault: &ReceiveFault) {
    if !victim.name.contains("intermed2recipient") || !victim.name.ends_with(".req") {
        return;
    }
    let (runtime, door) = shared();
    let package = with_envelope(&victim.package, &victim.envelope, envelope);
    let answered = runtime.block_on(door.code(package));
    assert_eq!(answered, format!("{:04}", fault.code()), "{}: {attack}", victim.name);
    assert_eq!(door.received(), 0, "{}: {attack}", victim.name);
}

#[test]
fn wrapped_moved_and_cloned_parts_are_refused() {
    for victim in victims() {
        let whole = &victim.envelope;
        let body = between(whole, "<soap:Body", "</soap:Body>");
        let header = between(whole, "<soap:Header>", "</soap:Header>");
        let wrapped = format!("<x:w xmlns:x=\"urn:x\" Id=\"w\">{body}</x:w></soap:Header>{EVIL_BODY}");
        let moved = whole.replace(body, "").replacen("</soap:Header>", &wrapped, 1);
        assert_refused(victim, "body moved into a header", &moved, |fault| {
            structure(fault) || signature(fault, SignatureFault::References)
        });
        let evil_first = whole.replacen("<soap:Body", &format!("{EVIL_BODY}<soap:Body"), 1);
        assert_refused(victim, "second body before", &evil_first, structure);
        let evil_last = whole.replacen("</soap:Envelope>", &format!("{EVIL_BODY}</soap:Envelope>"), 1);
        assert_refused(victim, "second body behind", &evil_last, structure);
        let cloned = whole.replacen(body, &format!("{body}{body}"), 1);
        assert_refused(victim, "body twice", &cloned, structure);
        let inside = whole.replacen(body, &format!("<soap:Body Id=\"evil\">{body}</soap:Body>"), 1);
        assert_refused(victim, "body inside a body", &inside, structure);
        let no_id = whole.replacen(" Id=\"body\"", "", 1);
        assert_refused(victim, "body without id", &no_id, |fault| {
            signature(fault, SignatureFault::References)
        });
        let second = whole.replacen("<soap:Header>", "<soap:Header></soap:Header><soap:Header>", 1);
        assert_refused(victim, "second header", &second, structure);
        let headers = whole.replacen(header, &format!("<x:w xmlns:x=\"urn:x\">{header}</x:w>"), 1);
        assert_refused(victim, "header in a wrapper", &headers, structure);
        let inner = whole.clone();
        let outer = format!("<x:w xmlns:x=\"urn:x\">{inner}</x:w>");
        assert_refused(victim, "envelope in a wrapper", &outer, structure);
        let start = whole.find('>').unwrap() + 1;
        let nested = format!("{}<soap:Body Id=\"evil\">{whole}</soap:Body></soap:Envelope>", &whole[..start]);
        assert_refused(victim, "envelope inside an envelope", &nested, structure);
        let control = between(whole, "<osci:ControlBlock", "</osci:ControlBlock>");
        let evil = control.replacen("Id=\"controlblock\"", "Id=\"evil\"", 1);
        let twice = whole.replacen(control, &format!("{evil}{control}"), 1);
        assert_refused(victim, "second ControlBlock", &twice, structure);
        let last = whole.replacen(control, &evil, 1).replacen(
            "</soap:Header>",
            &format!("{control}</soap:Header>"),
            1,
        );
        assert_refused(victim, "ControlBlock replaced, the signed one moved", &last, structure);
    }
}

#[test]
fn doubled_ids_are_refused_whatever_their_namespace() {
    for victim in victims() {
        let foreign = "<x:e xmlns:x=\"urn:x\" Id=\"controlblock\"></x:e></soap:Header>";
        assert_refused(victim, "doubled id", &victim.replaced("</soap:Header>", foreign), structure);
        for attribute in
            ["xml:id=\"body\"", "xmlns:wsu=\"urn:wsu\" wsu:Id=\"body\"", "ID=\"body\"", "id=\"controlblock\""]
        {
            let start = format!("<{} Id=", victim.header());
            let evil = victim.replaced(&start, &format!("<{} {attribute} Id=", victim.header()));
            assert_refused(victim, attribute, &evil, structure);
        }
    }
}

#[test]
fn references_must_be_exactly_those_of_the_parts() {
    let references = |fault: &ReceiveFault| signature(fault, SignatureFault::References);
    for victim in victims() {
        let first = victim.first_reference();
        let missing = victim.signed_again(|info| info.replacen(first, "", 1));
        assert_refused(victim, "missing reference", &missing, references);
        let doubled = victim.signed_again(|info| info.replacen(first, &format!("{first}{first}"), 1));
        assert_refused(victim, "the same reference twice", &doubled, references);
        for address in [
            "#originator",
            "",
            "#",
            "#xpointer(/)",
            "#xpointer(id('body'))",
            "http://x.example/body",
            "file:///etc/hostname",
            "cid:absent",
            "cid:",
        ] {
            let other =
                victim.signed_again(|info| info.replacen("URI=\"#body\"", &format!("URI=\"{address}\""), 1));
            assert_refused(victim, address, &other, references);
        }
        let swapped = victim.signed_again(|info| {
            let swapped = info.replacen("URI=\"#body\"", "URI=\"#\u{1F}\"".trim_matches('\u{1F}'), 1);
            let swapped = swapped.replacen("#\u{1F}", "#kept", 1);
            swapped.replacen("URI=\"#controlblock\"", "URI=\"#body\"", 1).replacen(
                "URI=\"#kept\"",
                "URI=\"#controlblock\"",
                1,
            )
        });
        assert_refused(victim, "addresses swapped", &swapped, any_digest);
        let extra = "<x:e xmlns:x=\"urn:x\" Id=\"extra\"></x:e></soap:Header>";
        assert_refused(victim, "extra header", &victim.replaced("</soap:Header>", extra), references);
        let no_id = "<x:e xmlns:x=\"urn:x\"></x:e></soap:Header>";
        assert_refused(
            victim,
            "extra header without id",
            &victim.replaced("</soap:Header>", no_id),
            references,
        );
    }
}

#[test]
fn parts_beside_the_envelope_cannot_be_added_swapped_or_renamed() {
    let mut attached = 0;
    for victim in victims() {
        let text = &victim.package[..];
        let end = text.windows(4).rposition(|window| window == b"\r\n--").unwrap();
        let line_end = text.len() - 4;
        let boundary = &text[end..line_end];
        let extra = [&text[..end], boundary, b"\r\nContent-ID: <extra>\r\n\r\nx", &text[end..]].concat();
        let refused = judge(&extra.into()).unwrap_err();
        assert!(signature(&refused, SignatureFault::References), "{}", victim.name);
        let Some(at) = text.windows(13).rposition(|window| window == b"\r\nContent-ID:") else { continue };
        if text[at..].starts_with(b"\r\nContent-ID: <osci@message>") {
            continue;
        }
        attached += 1;
        let renamed = [&text[..at], b"\r\nContent-ID: <renamed>\r\nX-Was:", &text[at + 13..]].concat();
        let refused = judge(&renamed.into()).unwrap_err();
        // Of a chunk the last such line stands inside its octets.
        let chunk = victim.name.contains("Partial") && signature(&refused, SignatureFault::Digest);
        assert!(chunk || signature(&refused, SignatureFault::References), "{}", victim.name);
        let longer = [&text[..end], b"AAAA", &text[end..]].concat();
        let refused = judge(&longer.into()).unwrap_err();
        // What is transferred in Base64 is none any more.
        let undecoded = matches!(refused, ReceiveFault::Envelope(EnvelopeFault::Mime(_)));
        assert!(undecoded || signature(&refused, SignatureFault::Digest), "{}: {refused}", victim.name);
    }
    assert!(attached > 20, "{attached}");
}

#[test]
fn algorithms_and_transforms_outside_the_list_are_refused_although_the_mathematics_is_right() {
    for victim in victims() {
        let form = format!("<ds:Transform Algorithm=\"{}\"></ds:Transform>", algorithm::INCLUSIVE);
        for name in [
            "http://www.w3.org/TR/1999/REC-xpath-19991116",
            "http://www.w3.org/2002/06/xmldsig-filter2",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/2001/10/xml-exc-c14n#",
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            "urn:x",
        ] {
            let other = format!("<ds:Transform Algorithm=\"{name}\"></ds:Transform>");
            let evil = victim.signed_again(|info| info.replacen(&form, &other, 1));
            assert_refused(victim, name, &evil, algorithm);
            let method = format!("<ds:CanonicalizationMethod Algorithm=\"{}\"", algorithm::INCLUSIVE);
            let other = format!("<ds:CanonicalizationMethod Algorithm=\"{name}\"");
            assert_refused(
                victim,
                name,
                &victim.signed_again(|info| info.replacen(&method, &other, 1)),
                algorithm,
            );
        }
        let two = victim.signed_again(|info| info.replacen(&form, &format!("{form}{form}"), 1));
        assert_refused(victim, "two transforms", &two, signature_structure);
        let decoded = form.replace(algorithm::INCLUSIVE, algorithm::BASE64);
        let base64 = victim.signed_again(|info| info.replacen(&form, &decoded, 1));
        assert_refused(victim, "base64 of an element", &base64, signature_structure);
        let digest = between(victim.first_reference(), "<ds:DigestMethod", "</ds:DigestMethod>").to_owned();
        for name in [
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
            "http://www.w3.org/2001/04/xmlenc#ripemd160",
        ] {
            let weak = format!("<ds:DigestMethod Algorithm=\"{name}\"></ds:DigestMethod>");
            assert_refused(
                victim,
                name,
                &victim.signed_again(|info| info.replacen(&digest, &weak, 1)),
                algorithm,
            );
        }
        let method = between(
            &victim.envelope[..victim.envelope.find("<ds:Reference").unwrap()],
            "<ds:SignatureMethod",
            "</ds:SignatureMethod>",
        )
        .to_owned();
        for name in [
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2007/05/xmldsig-more#sha3-256-rsa-MGF1",
        ] {
            let confused = format!("<ds:SignatureMethod Algorithm=\"{name}\"></ds:SignatureMethod>");
            assert_refused(victim, name, &victim.replaced(&method, &confused), algorithm);
        }
        let ecdsa = method.contains("ecdsa");
        let other = if ecdsa { Scheme::RsaPkcs1Sha256 } else { Scheme::EcdsaSha256 };
        let confused = format!(
            "<ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>",
            algorithm::scheme_name(other)
        );
        assert_refused(
            victim,
            "scheme of another kind of key",
            &victim.replaced(&method, &confused),
            |fault| signature(fault, SignatureFault::Key),
        );
        if !ecdsa {
            let padding = if method.contains("MGF1") { Scheme::RsaPkcs1Sha256 } else { Scheme::RsaPssSha256 };
            let confused = format!(
                "<ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>",
                algorithm::scheme_name(padding)
            );
            assert_refused(victim, "other padding", &victim.replaced(&method, &confused), |fault| {
                signature(fault, SignatureFault::Value)
            });
        }
        let parameter =
            method.replacen("></ds:Sig", "><ds:HMACOutputLength>8</ds:HMACOutputLength></ds:Sig", 1);
        assert_refused(victim, "parameter", &victim.replaced(&method, &parameter), signature_structure);
    }
}

#[test]
fn keys_come_from_signature_certificates_of_the_message_only() {
    for victim in victims() {
        let whole = &victim.envelope;
        let info =
            between(&whole[..whole.find("</ds:KeyInfo>").unwrap() + 13], "<ds:KeyInfo>", "</ds:KeyInfo>");
        let uri = |address: &str| {
            format!("<ds:KeyInfo><ds:RetrievalMethod URI=\"{address}\"></ds:RetrievalMethod></ds:KeyInfo>")
        };
        for address in ["http://x.example/key", "file:///etc/ssl/key", "#absent", "#body", "", "cid:x"] {
            assert_refused(victim, address, &whole.replacen(info, &uri(address), 1), |fault| {
                *fault == ReceiveFault::Envelope(EnvelopeFault::NoCertificate)
            });
        }
        if let Some(at) = whole.find("<osci:CipherCertificate") {
            let id = whole[at..].split("Id=\"").nth(1).unwrap().split('"').next().unwrap();
            assert_refused(
                victim,
                "cipher certificate",
                &whole.replacen(info, &uri(&format!("#{id}")), 1),
                |fault| *fault == ReceiveFault::Envelope(EnvelopeFault::NoCertificate),
            );
        }
        let inline = "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>MIIB</ds:X509Certificate></ds:X509Data></ds:KeyInfo>";
        for evil in [inline, "", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName></ds:KeyInfo>"] {
            assert_refused(
                victim,
                "key in the signature",
                &whole.replacen(info, evil, 1),
                signature_structure,
            );
        }
        let with_transform = info.replacen("></ds:Retr", "><ds:Transforms></ds:Transforms></ds:Retr", 1);
        assert_refused(
            victim,
            "transform of a key",
            &whole.replacen(info, &with_transform, 1),
            signature_structure,
        );
    }
}

#[test]
fn comments_cannot_split_what_is_read() {
    for victim in victims() {
        let whole = &victim.envelope;
        let split = |name: &str| {
            let at = whole.find(name).unwrap() + name.len() + 3;
            format!("{}<!-- -->{}", &whole[..at], &whole[at..])
        };
        for name in ["<ds:DigestValue>", "<ds:SignatureValue>"] {
            assert_refused(victim, name, &split(name), signature_structure);
        }
        let instruction = victim.replaced("<ds:DigestValue>", "<?x y?><ds:DigestValue>");
        assert_refused(victim, "instruction", &instruction, signature_structure);
        // A comment in a text that is read does not change its canonical form: it must not change what is read either.
        let Some(name) =
            ["<osci:Challenge>", "<osci:Response>"].into_iter().find(|name| whole.contains(name))
        else {
            continue;
        };
        let keys = decrypters();
        let read = |package: &Bytes| {
            let received = receive(package, None, &as_keys(&keys), &legacy()).unwrap();
            let Standing::Signed { covered, .. } = received.message else { panic!("unsigned") };
            format!("{:?}", covered.get().control)
        };
        assert_eq!(
            read(&with_envelope(&victim.package, whole, &split(name))),
            read(&victim.package),
            "{}",
            victim.name
        );
    }
}

#[test]
fn names_and_declarations_cannot_be_injected() {
    for victim in victims() {
        let more = victim.replaced("<soap:Envelope ", "<soap:Envelope xmlns:evil=\"urn:evil\" ");
        assert_refused(victim, "declaration", &more, any_digest);
        let default = victim.replaced("<soap:Envelope ", "<soap:Envelope xmlns=\"urn:evil\" ");
        assert_refused(victim, "default declaration", &default, any_digest);
        let language = victim.replaced("<soap:Envelope ", "<soap:Envelope xml:lang=\"de\" ");
        assert_refused(victim, "inherited attribute", &language, any_digest);
        let bound = victim.replaced(
            &format!("<{} ", victim.header()),
            &format!("<{} xmlns:ds=\"urn:evil\" ", victim.header()),
        );
        assert_refused(victim, "prefix bound to another namespace", &bound, signature_structure);
        let schema = victim.envelope.find(" soap").map(|at| &victim.envelope[at..]).unwrap();
        let schema = &schema[..schema.find(".xsd").unwrap() + 4];
        let other =
            if schema == " soapExitDialog.xsd" { " soapInitDialog.xsd" } else { " soapExitDialog.xsd" };
        assert_refused(victim, "another schema", &victim.replaced(schema, other), structure);
    }
}

#[test]
fn signature_headers_are_where_they_must_be_and_hold_one_signature() {
    for victim in victims() {
        let name = victim.header();
        let header = between(&victim.envelope, &format!("<{name}"), &format!("</{name}>")).to_owned();
        // Wherever it stands it covers the same; only the order of headers is another than the standard's.
        let last = victim.envelope.replacen(&header, "", 1).replacen(
            "</soap:Header>",
            &format!("{header}</soap:Header>"),
            1,
        );
        assert_eq!(victim.judge(&last), Ok(()), "{}", victim.name);
        let twice = victim.replaced(&header, &format!("{header}{}", header.replacen("Id=\"", "Id=\"x", 1)));
        assert_refused(victim, "signature twice", &twice, structure);
        let other = if name.contains("Client") { "osci:SupplierSignature" } else { "osci:ClientSignature" };
        assert_refused(
            victim,
            "signature of the other side",
            &victim.envelope.replace(name, other),
            structure,
        );
        let signature_element = between(&header, "<ds:Signature>", "</ds:Signature>").to_owned();
        let two = victim.replaced(&signature_element, &format!("{signature_element}{signature_element}"));
        assert_refused(victim, "two signatures in a header", &two, structure);
        let end = "</ds:KeyInfo></ds:Signature>";
        for evil in [
            "<ds:Object></ds:Object>",
            "<ds:Object><ds:Manifest></ds:Manifest></ds:Object>",
            "<x:e xmlns:x=\"urn:x\"></x:e>",
        ] {
            let evil = victim.replaced(end, &format!("</ds:KeyInfo>{evil}</ds:Signature>"));
            assert_refused(victim, "object", &evil, signature_structure);
        }
        let long = "A".repeat(1 << 20);
        let start = victim.envelope.find("<ds:SignatureValue>").unwrap() + 19;
        let blob = format!("{}{long}{}", &victim.envelope[..start], &victim.envelope[start..]);
        assert_refused(victim, "oversized value", &blob, signature_structure);
    }
}

#[test]
fn bombs_and_document_types_are_refused_at_the_gate() {
    let gate = |fault: &ReceiveFault, expected: GateFault| matches!(fault, ReceiveFault::Open(OpenFault::Xml(error)) if error.fault == expected);
    for victim in victims().iter().step_by(9) {
        let whole = &victim.envelope;
        let dtd = format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{whole}");
        assert_refused(victim, "document type", &dtd, |fault| gate(fault, GateFault::Doctype));
        let entity = victim.replaced("</soap:Header>", "&a;</soap:Header>");
        assert_refused(victim, "entity", &entity, |fault| {
            matches!(fault, ReceiveFault::Open(OpenFault::Xml(_)))
        });
        let deep = format!("{}{}</soap:Header>", "<x>".repeat(100), "</x>".repeat(100));
        assert_refused(victim, "depth", &victim.replaced("</soap:Header>", &deep), |fault| {
            gate(fault, GateFault::TooDeep)
        });
        let many = format!("{}</soap:Header>", "<x/>".repeat(250_000));
        assert_refused(victim, "elements", &victim.replaced("</soap:Header>", &many), |fault| {
            gate(fault, GateFault::TooManyNodes)
        });
        let attributes: String = (0..100).map(|at| format!(" a{at}=\"\"")).collect();
        let attributes = victim.replaced("<soap:Header>", &format!("<soap:Header{attributes}>"));
        assert_refused(victim, "attributes", &attributes, |fault| gate(fault, GateFault::TooManyAttributes));
        let references = victim.signed_again(|info| {
            let first = victim.first_reference();
            info.replacen(first, &first.repeat(1100), 1)
        });
        assert_refused(victim, "references", &references, signature_structure);
    }
}

#[test]
fn an_encrypted_message_inside_an_encrypted_message_is_refused() {
    use drehscheibe::transport::osci::write::{Profile, Secrets, encrypt};
    let once = body("04-default-signed-encrypted-gcm12-oaep256/01-client2intermed-GetMessageId");
    let secrets = Secrets { key: vec![7; 32].into(), iv: vec![9; 12] };
    let reader = crate::osci_support::certificate("intermed_enc");
    let twice = encrypt(&once, &reader, &secrets, "MIME_boundary_outer", &Profile::default()).unwrap();
    let keys = decrypters();
    let fault = receive(&twice.into(), None, &as_keys(&keys), &Rules::default()).unwrap_err();
    assert!(structure(&fault), "{fault}");
}

#[test]
fn whatever_is_wrong_with_an_encryption_the_answer_is_the_same() {
    let keys = decrypters();
    for begins in [
        "04-default-signed-encrypted-gcm12-oaep256/01-client2intermed-GetMessageId",
        "09-gcm-iv16-no-ivlength-element/01-client2intermed-GetMessageId",
    ] {
        let whole = body(begins);
        let text = String::from_utf8_lossy(&whole).into_owned();
        let value = text.find("<xenc:CipherValue>").unwrap() + 30;
        let data = whole.windows(12).position(|window| window == b"<osci_enc>\r\n").unwrap() + 14;
        let mut answers = Vec::new();
        // The wrapped key, the vector, the first and the last octet of the text, the tag.
        for at in [value, value + 100, data, data + 5, data + 20, whole.len() / 2, whole.len() - 80] {
            let mut other = whole.to_vec();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            answers.push(receive(&other.into(), None, &as_keys(&keys), &Rules::default()).unwrap_err());
        }
        let short = [&whole[..whole.len() - 70], &whole[whole.len() - 60..]].concat();
        answers.push(receive(&short.into(), None, &as_keys(&keys), &Rules::default()).unwrap_err());
        assert!(answers.iter().all(|fault| *fault == answers[0]), "{answers:?}");
        assert_eq!(answers[0].code(), 9202);
    }
}
