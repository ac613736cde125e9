//! XML signatures against another implementation (xmlsec1, where it is installed): it accepts ours, we accept its, with the
//! algorithms that both know.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use drehscheibe::trust::digest::Digest;
use drehscheibe::trust::scheme::Scheme;
use drehscheibe::trust::sign::Signer;
use drehscheibe::xml::algorithm::{self, DSIG};
use drehscheibe::xml::c14n::{Form, canonical};
use drehscheibe::xml::limits::Limits;
use drehscheibe::xml::sign::{ToReference, signature, signed_info};
use drehscheibe::xml::signature::{Part, Signature, SignatureFault, Target, verify};
use drehscheibe::xml::tree::{Element, Tree};

use crate::osci_support::{folder, signer};

fn is_installed() -> bool {
    let installed = Command::new("xmlsec1").arg("--version").output().is_ok();
    if !installed {
        println!("xmlsec1 is not installed: signatures were not compared");
    }
    installed
}

const PARTS: &str = "<t:part xmlns:t=\"urn:t\" Id=\"one\" a=\"&lt;&amp;\">Müller &amp; <t:b xmlns=\"urn:d\"><c/></t:b>\r\n</t:part>\
                     <t:part xmlns:t=\"urn:t\" Id=\"two\"><!-- c --><?p i?></t:part>";

fn parse(text: &str) -> Tree {
    Tree::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
}

fn parts(tree: &Tree) -> Vec<Part<'_>> {
    let of = |element: Element<'_>| Some(format!("#{}", element.attribute("Id")?));
    let elements = tree.root().children().filter(|element| element.is("urn:t", "part"));
    elements
        .map(|element| Part { uri: of(element).unwrap(), target: Target::Element(element, &[]) })
        .collect()
}

fn document(signature: &str) -> String {
    format!("<root xmlns:ds=\"{DSIG}\" xmlns:x=\"urn:x\" xml:lang=\"de\">{PARTS}{signature}</root>")
}

const CASES: [(&str, Scheme, Digest); 4] = [
    ("originator_sig", Scheme::RsaPkcs1Sha256, Digest::Sha256),
    ("originator_sig", Scheme::RsaPkcs1Sha512, Digest::Sha512),
    ("originator_sig_p256", Scheme::EcdsaSha256, Digest::Sha256),
    ("originator_sig_p256", Scheme::EcdsaSha256, Digest::Sha512),
];

fn ours(name: &str, scheme: Scheme, digest: Digest) -> String {
    let tree = parse(&document(""));
    let references: Vec<ToReference> =
        parts(&tree).iter().map(|part| ToReference::to(part.uri.clone(), &part.target, digest)).collect();
    let info = signed_info(&references, scheme, digest).unwrap();
    let tree = parse(&document(&format!("<ds:Signature>{info}</ds:Signature>")));
    let element = tree.root().descendants().find(|element| element.is(DSIG, "SignedInfo")).unwrap();
    let value = signer(name).sign(scheme, &canonical(element, &Form::inclusive())).unwrap();
    document(&signature(&info, &value, "#key", "").unwrap())
}

fn judge(document: &str, name: &str) -> Result<(), SignatureFault> {
    let tree = parse(document);
    let element = tree.root().child(DSIG, "Signature").unwrap();
    let certificate = crate::osci_support::certificate(name);
    verify(&Signature::read(element)?, &parts(&tree), &certificate, ()).map(drop)
}

#[test]
fn another_implementation_accepts_our_signatures_and_refuses_changed_ones() {
    if !is_installed() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for (name, scheme, digest) in CASES {
        let document = ours(name, scheme, digest);
        judge(&document, name).unwrap();
        // It would look the key up by itself.
        let start = document.find("<ds:KeyInfo>").unwrap();
        let end = document.find("</ds:KeyInfo>").unwrap() + "</ds:KeyInfo>".len();
        let bare = format!("{}{}", &document[..start], &document[end..]);
        for (text, accepted) in [(bare.clone(), true), (bare.replace("Müller", "Möller"), false)] {
            let file = place.path().join("document.xml");
            fs::write(&file, text).unwrap();
            let certificate = folder().join(format!("keys/{name}.crt.pem"));
            let output = Command::new("xmlsec1")
                .args(["--verify", "--id-attr:Id", "urn:t:part", "--pubkey-cert-pem"])
                .args([&certificate, &file])
                .output()
                .unwrap();
            assert_eq!(
                output.status.success(),
                accepted,
                "{name} {scheme:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn signatures_of_another_implementation_verify() {
    if !is_installed() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for (name, scheme, digest) in CASES {
        for form in [
            algorithm::INCLUSIVE,
            "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
            algorithm::EXCLUSIVE,
            "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        ] {
            let reference = |id: &str| {
                format!(
                    "<ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{form}\"/></ds:Transforms><ds:DigestMethod \
                     Algorithm=\"{}\"/><ds:DigestValue/></ds:Reference>",
                    algorithm::digest_name(digest)
                )
            };
            let template = document(&format!(
                "<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{form}\"/><ds:SignatureMethod \
                 Algorithm=\"{}\"/>{}{}</ds:SignedInfo><ds:SignatureValue/></ds:Signature>",
                algorithm::scheme_name(scheme),
                reference("one"),
                reference("two")
            ));
            let (file, signed) = (place.path().join("template.xml"), place.path().join("signed.xml"));
            fs::write(&file, template).unwrap();
            let output = Command::new("xmlsec1")
                .args([
                    "--sign",
                    "--id-attr:Id",
                    "urn:t:part",
                    "--output",
                    signed.to_str().unwrap(),
                    "--privkey-pem",
                ])
                .args([&folder().join(format!("keys/{name}.key.pem")), &file])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let signed = fs::read_to_string(signed).unwrap();
            assert_eq!(judge(&signed, name), Ok(()), "{name} {scheme:?} {form}");
            assert_eq!(judge(&signed.replace("<c/>", "<d/>"), name), Err(SignatureFault::Digest));
            // A reference by Id never means comments.
            assert_eq!(judge(&signed.replace("<!-- c -->", "<!-- d -->"), name), Ok(()), "{form}");
        }
    }
}
