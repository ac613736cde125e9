//! What `inspect` shows of an OSCI body: the kind of message, every signature and encryption with its judgement, contents by
//! size and hash, feedback.
//! It never shows octets of a content, and what it shows of a message whose signature does not count is for looking at only.

use bytes::Bytes;
use serde::Serialize;

use super::content::{self, Item};
use super::envelope::{Envelope, EnvelopeFault, Standing, scheme_name};
use super::fault;
use super::kind::SOAP;
use super::open::{self, OpenFault, Opened, Rules};
use super::order::Order;
use super::report::{EncryptionReport, Plain, Report, SignatureKind, SignatureReport};
use crate::mime::frame;
use crate::trust::certificate::Certificate;
use crate::trust::decrypt::Decrypter;
use crate::trust::path::Untrusted;
use crate::xml::signature::Signature;

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Glance {
    /// Always `osci`.
    pub protocol: &'static str,
    /// The message, such as `StoreDelivery`; `SOAPFault`; `MessageEncrypted` when it could not be opened.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whether it was encrypted on its way.
    pub transport_encrypted: bool,
    /// Every signature.
    pub signatures: Vec<SeenSignature>,
    /// Every encryption.
    pub encryptions: Vec<SeenEncryption>,
    /// What is in the containers that count.
    pub contents: Vec<SeenContent>,
    /// What the supplier says.
    pub feedback: Vec<SeenFeedback>,
    /// Why it could not be opened, read or trusted to be whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A signature that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenSignature {
    /// `client`, `supplier` or `content`.
    pub kind: &'static str,
    /// The subject of the certificate that it names.
    pub by: Option<String>,
    /// The scheme, such as `rsa-sha256`.
    pub algorithm: Option<String>,
    /// How many references it has.
    pub references: usize,
    /// Whether mathematics, references and algorithms are right.
    pub valid: bool,
    /// Whether the certificate is trusted.
    pub trusted: bool,
    /// Why it is not valid, else why it is not trusted.
    pub reason: Option<String>,
}

/// An encryption that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenEncryption {
    /// The subjects of the certificates that it is for.
    #[serde(rename = "for")]
    pub readers: Option<String>,
    /// Whether it was opened.
    pub opened: bool,
    /// Octets of the plaintext.
    pub size: Option<usize>,
    /// SHA-256 of the plaintext.
    pub sha256: Option<String>,
}

/// A content that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenContent {
    /// The Id of the container around it.
    pub container: Option<String>,
    /// Its Id.
    pub id: Option<String>,
    /// Its Content-ID, if it stands beside the envelope.
    pub attachment: Option<String>,
    /// Its media type as the package says.
    pub media_type: Option<String>,
    /// Whether a signature covers it.
    pub signed: bool,
    /// Whether it was encrypted.
    pub encrypted: bool,
    /// Octets.
    pub size: usize,
    /// SHA-256.
    pub sha256: String,
}

/// A line of feedback that was seen.
#[derive(Clone, Debug, Serialize)]
pub struct SeenFeedback {
    /// Four digits.
    pub code: String,
    /// Its text.
    pub text: String,
}

/// Who says whether a certificate is trusted to sign.
pub type Trust<'a> = &'a dyn Fn(&Certificate) -> Result<(), Untrusted>;

impl Glance {
    /// Whether everything that was seen verifies; trust is another question.
    pub fn verifies(&self) -> bool {
        self.fault.is_none() && self.signatures.iter().all(|signature| signature.valid)
    }
}

/// Whether octets look like an OSCI body, with an HTTP head or without.
pub fn recognises(octets: &[u8]) -> bool {
    const LOOKED_AT: usize = 4096;
    let start = frame::http_head(octets).map_or(0, |(_, at)| at);
    let head = &octets[start..octets.len().min(start + LOOKED_AT)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let head = head.trim_start();
    let names = ["mime-version:", "content-type: multipart/related", "--"];
    // Not every package with SOAP in it: XTA has packages of its own.
    let marks = ["<osci@message>", "osci.de/", "schemas.xmlsoap.org/soap/envelope/"];
    names.iter().any(|name| head.starts_with(name)) && marks.iter().any(|mark| head.contains(mark))
}

/// Looks at a body, with an HTTP head or without.
pub fn glance(octets: &Bytes, keys: &[&dyn Decrypter], rules: &Rules, trust: Trust<'_>) -> Glance {
    let (content_type, start) = frame::http_head(octets).unwrap_or((None, 0));
    let body = octets.slice(start..);
    let mut seen = Glance {
        protocol: "osci",
        kind: None,
        transport_encrypted: false,
        signatures: Vec::new(),
        encryptions: Vec::new(),
        contents: Vec::new(),
        feedback: Vec::new(),
        fault: None,
    };
    match open::open(&body, content_type.as_deref(), keys, rules) {
        Ok(opened) => seen.look(&opened, keys, rules, trust),
        Err(fault) => seen.closed(fault, open::readers(&body, content_type.as_deref(), rules)),
    }
    seen
}

impl Glance {
    fn closed(&mut self, fault: OpenFault, readers: Option<Vec<Certificate>>) {
        self.fault = Some(fault.to_string());
        if let Some(readers) = readers {
            self.kind = Some("MessageEncrypted".to_owned());
            self.transport_encrypted = true;
            self.encryptions.push(SeenEncryption::of(&EncryptionReport {
                readers,
                plain: None,
                ours: false,
            }));
        }
    }

    fn look(&mut self, opened: &Opened, keys: &[&dyn Decrypter], rules: &Rules, trust: Trust<'_>) {
        if let Some(transport) = &opened.transport {
            self.transport_encrypted = true;
            let plain = Some(Plain::of(&transport.package));
            let readers = vec![transport.reader.clone()];
            self.encryptions.push(SeenEncryption::of(&EncryptionReport { readers, plain, ours: true }));
        }
        let envelope = match Envelope::read(opened) {
            Ok(envelope) => envelope,
            Err(EnvelopeFault::Fault) => return self.soap_fault(opened),
            Err(fault) => return self.broken(opened, fault),
        };
        self.kind = Some(envelope.kind.name().to_owned());
        let mut report = Report::default();
        if envelope.signature.is_some() {
            report.signatures.push(envelope_signature(opened, &envelope));
        }
        match Order::read(envelope.order) {
            Ok(order) => {
                let all = order.feedback.into_iter().chain(order.inside_feedback);
                self.feedback = all.map(|line| SeenFeedback { code: line.code, text: line.text }).collect();
            }
            Err(fault) => self.note(&fault),
        }
        match content::read(&envelope, keys, rules, &mut report) {
            Ok(items) => self.items(&items, None, false, false),
            Err(fault) => self.note(&fault),
        }
        self.signatures.extend(report.signatures.iter().map(|signature| SeenSignature::of(signature, trust)));
        self.encryptions.extend(report.encryptions.iter().map(SeenEncryption::of));
    }

    fn note(&mut self, fault: &dyn std::fmt::Display) {
        self.fault.get_or_insert(fault.to_string());
    }

    fn soap_fault(&mut self, opened: &Opened) {
        self.kind = Some("SOAPFault".to_owned());
        let said = fault::read(opened.tree.root());
        self.feedback.extend(said.map(|said| SeenFeedback { code: said.code, text: said.text }));
    }

    /// An envelope that is not built as it must be: its signature is shown, and that it does not count.
    fn broken(&mut self, opened: &Opened, fault: EnvelopeFault) {
        self.note(&fault);
        let root = opened.tree.root();
        let location = root.attribute_in(super::kind::XSI, "schemaLocation");
        self.kind = location.and_then(super::kind::schema_of).map(str::to_owned);
        let headers = root.child(SOAP, "Header");
        for header in headers.into_iter().flat_map(|headers| headers.children()) {
            let kind = match header.local() {
                "ClientSignature" => SignatureKind::Client,
                "SupplierSignature" => SignatureKind::Supplier,
                _ => continue,
            };
            let signature = header.child(crate::xml::algorithm::DSIG, "Signature");
            let report = SignatureReport::of(kind, signature, None, Err(fault));
            self.signatures.push(SeenSignature::of(&report, &|_| Err(Untrusted::Unknown)));
        }
    }

    fn items(&mut self, items: &[Item], container: Option<&str>, signed: bool, encrypted: bool) {
        for item in items {
            match item {
                Item::Octets { id, name, media_type, octets } => {
                    let Plain { size, sha256 } = Plain::of(octets);
                    self.contents.push(SeenContent {
                        container: container.map(str::to_owned),
                        id: id.clone(),
                        attachment: name.clone(),
                        media_type: media_type.clone(),
                        signed,
                        encrypted,
                        size,
                        sha256,
                    });
                }
                Item::Container { reader, container } => {
                    let (inner, now_signed) = match container {
                        Standing::Signed { covered, .. } => (covered.get(), true),
                        Standing::Unsigned(unproven) => (unproven.look(), false),
                    };
                    let encrypted = encrypted || reader.is_some();
                    self.items(&inner.items, inner.id.as_deref(), signed || now_signed, encrypted);
                }
                Item::Closed { .. } => {}
            }
        }
    }
}

fn envelope_signature(opened: &Opened, envelope: &Envelope<'_>) -> SignatureReport {
    let kind = if envelope.kind.is_response() { SignatureKind::Supplier } else { SignatureKind::Client };
    let element = envelope.signature_element();
    let read = element.and_then(|element| Signature::read(element).ok());
    let certificate = read.and_then(|signature| envelope.signer(&signature).ok().cloned());
    // Read once more, because judging takes the envelope.
    let outcome = Envelope::read(opened).and_then(Envelope::judge).map(drop);
    SignatureReport::of(kind, element, certificate, outcome)
}

impl SeenSignature {
    fn of(report: &SignatureReport, trust: Trust<'_>) -> SeenSignature {
        let trusted = match &report.certificate {
            Some(certificate) => trust(certificate),
            None => Err(Untrusted::Unknown),
        };
        let valid = report.outcome.is_ok();
        let reason = match (&report.outcome, &trusted) {
            (Err(fault), _) => Some(fault.to_string()),
            (Ok(()), Err(untrusted)) => Some(untrusted.to_string()),
            (Ok(()), Ok(())) => None,
        };
        SeenSignature {
            kind: match report.kind {
                SignatureKind::Client => "client",
                SignatureKind::Supplier => "supplier",
                SignatureKind::Content => "content",
            },
            by: report.certificate.as_ref().map(|certificate| certificate.subject().to_owned()),
            algorithm: report.algorithm.as_deref().map(scheme_name),
            references: report.references,
            valid,
            trusted: valid && trusted.is_ok(),
            reason,
        }
    }
}

impl SeenEncryption {
    fn of(report: &EncryptionReport) -> SeenEncryption {
        let subjects: Vec<&str> = report.readers.iter().map(Certificate::subject).collect();
        SeenEncryption {
            readers: (!subjects.is_empty()).then(|| subjects.join("; ")),
            opened: report.plain.is_some(),
            size: report.plain.as_ref().map(|plain| plain.size),
            sha256: report.plain.as_ref().map(|plain| plain.sha256.clone()),
        }
    }
}
