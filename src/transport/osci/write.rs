//! Writing of messages in the style of OSCI's libraries: every header in its canonical form, the order of the standard, digests
//! by the same canonical forms that readers use, the package, and the encryption around it.
//! It never makes a random value: keys, vectors and boundaries are handed in. It never writes what is only read (old ciphers).

use std::fmt::Write;

use thiserror::Error;

use super::kind::{Kind, OSCI, OSCI2017, Place, SOAP, XSI};
use super::message::{Features, Message};
use super::order::{Chunk, Feedback, Order, ProcessCard, Selection, Stamp};
use crate::mime::frame::{self, NewPart};
use crate::mime::media::Boundary;
use crate::mime::transfer;
use crate::trust::certificate::Certificate;
use crate::trust::cipher::{self, Cipher};
use crate::trust::decrypt::{self, Wrap};
use crate::trust::digest::Digest;
use crate::trust::scheme::Scheme;
use crate::trust::sign::{SignFault, Signer};
use crate::xml::algorithm::{DSIG, XENC};
use crate::xml::c14n::{self, Form};
use crate::xml::encryption;
use crate::xml::gate::GateError;
use crate::xml::limits::Limits;
use crate::xml::sign::{self, ToReference};
use crate::xml::signature::Target;
use crate::xml::tree::Tree;
use crate::xml::write::{IllegalCharacter, escape_attribute, escape_text};

/// Why a message is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriteFault {
    /// A text has a character that XML cannot hold.
    #[error("{0}")]
    Character(#[from] IllegalCharacter),
    /// What was written cannot be read again (a foreign header, or too large).
    #[error("what was to be sent is refused by the gate: {0}")]
    Gate(#[from] GateError),
    /// The key did not sign.
    #[error("{0}")]
    Sign(#[from] SignFault),
    /// The certificate or algorithms cannot encrypt.
    #[error(
        "the certificate cannot be encrypted for with these algorithms; use an rsa certificate, aes-gcm and rsa-oaep"
    )]
    Encrypt,
    /// The boundary stands in a part, or is none.
    #[error("the boundary occurs in a part; choose another one")]
    Boundary,
}

/// With which algorithms a message is written.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Digests of references.
    pub digest: Digest,
    /// The signature.
    pub scheme: Scheme,
    /// The cipher; one of GCM.
    pub cipher: Cipher,
    /// Octets of its vector: 12, or 16 for a partner whose library is old.
    pub iv_length: usize,
    /// The wrapping of its key.
    pub wrap: Wrap,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            digest: Digest::Sha256,
            scheme: Scheme::RsaPssSha256,
            cipher: Cipher::Aes256Gcm,
            iv_length: 12,
            wrap: Wrap::OaepSha256,
        }
    }
}

/// Random values for one encryption; never to be used twice.
pub struct Secrets {
    /// The key, as long as the cipher wants it.
    pub key: zeroize::Zeroizing<Vec<u8>>,
    /// The vector.
    pub iv: Vec<u8>,
}

/// A part that is to stand beside the envelope.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// Its Content-ID.
    pub id: &'a str,
    /// Its media type.
    pub media_type: &'a str,
    /// Its octets as they travel (encrypted, if its container is).
    pub octets: &'a [u8],
}

/// The five declarations that every canonical form of a library has.
pub(super) fn five() -> String {
    format!(
        "xmlns:ds=\"{DSIG}\" xmlns:osci=\"{OSCI}\" xmlns:soap=\"{SOAP}\" xmlns:xenc=\"{XENC}\" xmlns:xsi=\"{XSI}\""
    )
}

fn six() -> String {
    format!(
        "xmlns:ds=\"{DSIG}\" xmlns:osci=\"{OSCI}\" xmlns:osci2017=\"{OSCI2017}\" xmlns:soap=\"{SOAP}\" \
         xmlns:xenc=\"{XENC}\" xmlns:xsi=\"{XSI}\""
    )
}

const ACTOR: &str = "soap:actor=\"http://schemas.xmlsoap.org/soap/actor/next\" soap:mustUnderstand=\"1\"";
const NOBODY: &str =
    "soap:actor=\"http://www.w3.org/2001/12/soap-envelope/actor/none\" soap:mustUnderstand=\"1\"";
const SCHEMAS: &str =
    "http://www.w3.org/2000/09/xmldsig# oscisig.xsd http://www.w3.org/2001/04/xmlenc# oscienc.xsd";

/// The text of an envelope (without XML declaration). `package` is what stands in its ContentPackage, if it has one. With a
/// signer the envelope is signed; the message must name the signer's certificate under the Id `certificate`.
pub fn envelope(
    message: &Message,
    package: Option<&str>,
    beside: &[Beside<'_>],
    signer: Option<(&dyn Signer, &str)>,
    profile: &Profile,
) -> Result<String, WriteFault> {
    let headers = headers(message)?;
    let body = body(message, package)?;
    let name = message.kind.name();
    let start = format!(
        "<soap:Envelope {} xsi:schemaLocation=\"{SOAP} soap{name}.xsd {SCHEMAS}\"><soap:Header>",
        five()
    );
    let end = format!("</soap:Header>{body}</soap:Envelope>");
    let (control, others) =
        headers.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let signature = match signer {
        Some((signer, certificate)) => {
            let unsigned = format!("{start}{}{end}", headers.concat());
            let references = references(unsigned, beside, profile.digest)?;
            let signature = signature(&references, signer, certificate, "", profile)?;
            let side = if message.kind.is_response() { "Supplier" } else { "Client" };
            let id = side.to_ascii_lowercase();
            format!("<osci:{side}Signature Id=\"{id}signature\" {ACTOR}>{signature}</osci:{side}Signature>")
        }
        None => String::new(),
    };
    Ok(format!("{start}{control}{signature}{}{end}", others.concat()))
}

fn references(
    unsigned: String,
    beside: &[Beside<'_>],
    digest: Digest,
) -> Result<Vec<ToReference>, WriteFault> {
    let tree = read_again(unsigned)?;
    let root = tree.root();
    let header = root.child(SOAP, "Header").into_iter().flat_map(|header| header.children());
    let elements = header.chain(root.child(SOAP, "Body"));
    let mut references: Vec<ToReference> = elements
        .map(|element| {
            let id = element.attribute("Id").unwrap_or_default();
            ToReference::to(format!("#{id}"), &Target::Element(element, &[]), digest)
        })
        .collect();
    for part in beside {
        references.push(ToReference::to(format!("cid:{}", part.id), &Target::Octets(part.octets), digest));
    }
    Ok(references)
}

/// What was written, as a reader reads it.
pub(super) fn read_again(text: String) -> Result<Tree, GateError> {
    let limits = Limits { bytes: 256 << 20, ..Limits::default() };
    Tree::parse(text.into(), &limits)
}

/// The text of a signature over `references`; `objects` stand in it and are referenced already.
pub(super) fn signature(
    references: &[ToReference],
    signer: &dyn Signer,
    certificate: &str,
    objects: &str,
    profile: &Profile,
) -> Result<String, WriteFault> {
    let info = sign::signed_info(references, profile.scheme, profile.digest)?;
    let tree = read_again(format!("<ds:Signature {}>{info}</ds:Signature>", five()))?;
    let signed = tree.root().children().next().map(|info| c14n::canonical(info, &Form::inclusive()));
    let value = signer.sign(profile.scheme, &signed.unwrap_or_default())?;
    Ok(sign::signature(&info, &value, &format!("#{certificate}"), objects)?)
}

/// The headers in the order of the standard, the ControlBlock first, without that of the signature.
fn headers(message: &Message) -> Result<Vec<String>, IllegalCharacter> {
    let mut headers = vec![control(message)?];
    let five = five();
    if let Some(languages) = &message.languages {
        headers.push(format!(
            "<osci:DesiredLanguages {five} Id=\"desiredlanguages\" LanguagesList=\"{}\" {ACTOR}></osci:DesiredLanguages>",
            escape_attribute(languages)?
        ));
    }
    for (service, quality) in &message.stamps {
        let (service, quality) = (escape_attribute(service)?, escape_attribute(quality)?);
        headers.push(format!(
            "<osci:QualityOfTimestamp {five} Id=\"qualityoftimestamp_{service}\" Quality=\"{quality}\" Service=\"{service}\" \
             {ACTOR}></osci:QualityOfTimestamp>"
        ));
    }
    if message.kind.place() == Place::Header {
        headers.push(order(message)?);
    }
    for (name, of_intermediary) in
        [("IntermediaryCertificates", true), ("NonIntermediaryCertificates", false)]
    {
        let mut text = String::new();
        for named in &message.certificates {
            if named.role.ends_with("Intermediary") == of_intermediary {
                let role = &named.role;
                let certificate = encryption::certificate_text(&named.certificate);
                let _ = write!(
                    text,
                    "<osci:{role} Id=\"{}\">{certificate}</osci:{role}>",
                    escape_attribute(&named.id)?
                );
            }
        }
        if !text.is_empty() {
            let id = name.to_ascii_lowercase();
            headers.push(format!("<osci:{name} {five} Id=\"{id}\" {NOBODY}>{text}</osci:{name}>"));
        }
    }
    if let Some(features) = &message.features {
        headers.push(feature_description(features)?);
    }
    headers.extend(message.foreign.iter().cloned());
    Ok(headers)
}

fn control(message: &Message) -> Result<String, IllegalCharacter> {
    let control = &message.control;
    let mut text = format!("<osci:ControlBlock {}", five());
    if let Some(conversation) = &control.conversation {
        let _ = write!(text, " ConversationId=\"{}\"", escape_attribute(conversation)?);
    }
    text.push_str(" Id=\"controlblock\"");
    if let Some(sequence) = &control.sequence {
        let _ = write!(text, " SequenceNumber=\"{}\"", escape_attribute(sequence)?);
    }
    let _ = write!(text, " {ACTOR}>");
    for (name, value) in [("Response", &control.response), ("Challenge", &control.challenge)] {
        if let Some(value) = value {
            let _ = write!(text, "<osci:{name}>{}</osci:{name}>", escape_text(value)?);
        }
    }
    text.push_str("</osci:ControlBlock>");
    Ok(text)
}

fn feature_description(features: &Features) -> Result<String, IllegalCharacter> {
    let mut text = format!("<osci2017:FeatureDescription {}", six());
    let mut size = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            let _ = write!(text, " {name}=\"{value}\"");
        }
    };
    size("ChunkMessageTimeout", features.chunk_timeout);
    size("Id=\"featuredescription\" MaxChunkSize", features.max_chunk);
    if features.max_chunk.is_none() {
        text.push_str(" Id=\"featuredescription\"");
    }
    let mut size = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            let _ = write!(text, " {name}=\"{value}\"");
        }
    };
    size("MaxMessageSize", features.max_message);
    size("MinChunkSize", features.min_chunk);
    text.push_str("><osci2017:SupportedFeatures>");
    for (key, version) in &features.supported {
        let (key, version) = (escape_attribute(key)?, escape_attribute(version)?);
        let _ = write!(text, "<osci2017:Feature Key=\"{key}\" Version=\"{version}\"></osci2017:Feature>");
    }
    text.push_str("</osci2017:SupportedFeatures></osci2017:FeatureDescription>");
    Ok(text)
}

fn body(message: &Message, package: Option<&str>) -> Result<String, IllegalCharacter> {
    let inside = match (message.kind.place(), package) {
        (Place::Body, _) => order(message)?,
        (Place::Header, Some(package)) => format!("<osci:ContentPackage>{package}</osci:ContentPackage>"),
        (Place::Header, None) => String::new(),
    };
    Ok(format!("<soap:Body {} Id=\"body\">{inside}</soap:Body>", five()))
}

fn order(message: &Message) -> Result<String, IllegalCharacter> {
    let kind = message.kind;
    let prefix = if kind.namespace() == OSCI2017 { "osci2017" } else { "osci" };
    let name = format!("{prefix}:{}", kind.order());
    let inside = inside_order(kind, &message.order)?;
    if kind.place() == Place::Body {
        return Ok(format!("<{name}>{inside}</{name}>"));
    }
    let declared = if kind.namespace() == OSCI2017 { six() } else { five() };
    let id = kind.order().to_ascii_lowercase();
    Ok(format!("<{name} {declared} Id=\"{id}\" {ACTOR}>{inside}</{name}>"))
}

fn inside_order(kind: Kind, order: &Order) -> Result<String, IllegalCharacter> {
    let mut text = String::new();
    if !order.inside_feedback.is_empty() {
        let entries = feedback(&order.inside_feedback)?;
        let _ = write!(text, "<osci2017:InsideFeedback>{entries}</osci2017:InsideFeedback>");
    }
    if !order.feedback.is_empty() {
        let _ = write!(text, "<osci:Feedback>{}</osci:Feedback>", feedback(&order.feedback)?);
    }
    if let Some(receiver) = &order.receiver {
        let receiver = escape_attribute(receiver)?;
        let _ = write!(text, "<osci:ContentReceiver URI=\"{receiver}\"></osci:ContentReceiver>");
    }
    let mut selected = order.selection.as_ref().map(selection).transpose()?.unwrap_or_default();
    if let Some(limit) = order.quantity {
        let _ = write!(selected, "<osci:Quantity Limit=\"{limit}\"></osci:Quantity>");
    }
    match kind {
        Kind::ResponseToFetchDelivery | Kind::ResponseToPartialFetchDelivery => {
            let _ = write!(text, "<osci:fetchDelivery>{selected}</osci:fetchDelivery>");
        }
        Kind::ResponseToFetchProcessCard => {
            let _ = write!(text, "<osci:fetchProcessCard>{selected}</osci:fetchProcessCard>");
        }
        _ => text.push_str(&selected),
    }
    let chunk = order.chunk.as_ref().map(chunk).transpose()?.unwrap_or_default();
    if kind == Kind::ResponseToPartialFetchDelivery {
        text.push_str(&chunk);
    }
    if let Some(id) = &order.message_id {
        let name = if kind == Kind::ProcessDelivery { "MessageIdResponse" } else { "MessageId" };
        let _ = write!(text, "<osci:{name}>{}</osci:{name}>", transfer::encode(id.as_bytes()));
    }
    if let Some(subject) = &order.subject {
        let _ = write!(text, "<osci:Subject>{}</osci:Subject>", escape_text(subject)?);
    }
    for (at, card) in order.cards.iter().enumerate() {
        let name = match (kind, at) {
            (Kind::ResponseToMediateDelivery, 0) => "RequestProcessCardBundle",
            (Kind::ResponseToMediateDelivery, _) => "ReplyProcessCardBundle",
            _ => "ProcessCardBundle",
        };
        process_card(&mut text, name, card)?;
    }
    if kind != Kind::ResponseToPartialFetchDelivery {
        text.push_str(&chunk);
    }
    if order.info_only {
        text.push_str("<osci2017:InfoOnly></osci2017:InfoOnly>");
    }
    Ok(text)
}

fn feedback(entries: &[Feedback]) -> Result<String, IllegalCharacter> {
    let mut text = String::new();
    for entry in entries {
        let language = escape_attribute(entry.language.as_deref().unwrap_or("de"))?;
        let (code, words) = (escape_text(&entry.code)?, escape_text(&entry.text)?);
        let _ = write!(
            text,
            "<osci:Entry xml:lang=\"{language}\"><osci:Code>{code}</osci:Code><osci:Text>{words}</osci:Text></osci:Entry>"
        );
    }
    Ok(text)
}

fn selection(selection: &Selection) -> Result<String, IllegalCharacter> {
    let mut text = String::new();
    match selection {
        Selection::MessageIds(ids) => {
            for id in ids {
                let _ = write!(text, "<osci:MessageId>{}</osci:MessageId>", transfer::encode(id.as_bytes()));
            }
        }
        Selection::ReceivedSince(time) => {
            let _ =
                write!(text, "<osci:ReceptionOfDelivery>{}</osci:ReceptionOfDelivery>", escape_text(time)?);
        }
        Selection::ChangedSince { time, no_reception, role } => {
            text.push_str("<osci:RecentModification");
            if *no_reception {
                text.push_str(" NoReception=\"true\"");
            }
            if let Some(role) = role {
                let _ = write!(text, " Role=\"{}\"", escape_attribute(role)?);
            }
            let _ = write!(text, ">{}</osci:RecentModification>", escape_text(time)?);
        }
    }
    Ok(format!("<osci:SelectionRule>{text}</osci:SelectionRule>"))
}

fn process_card(text: &mut String, name: &str, card: &ProcessCard) -> Result<(), IllegalCharacter> {
    let id = transfer::encode(card.message_id.as_bytes());
    let _ = write!(text, "<osci:{name}><osci:MessageId>{id}</osci:MessageId><osci:ProcessCard");
    if let Some(changed) = &card.changed {
        let _ = write!(text, " RecentModification=\"{}\"", escape_attribute(changed)?);
    }
    text.push('>');
    for (name, stamp) in
        [("Creation", &card.creation), ("Forwarding", &card.forwarding), ("Reception", &card.reception)]
    {
        let inside = match stamp {
            None => continue,
            Some(Stamp::Plain(time)) => format!("<osci:Plain>{}</osci:Plain>", escape_text(time)?),
            Some(Stamp::Cryptographic(algorithm, token)) => format!(
                "<osci:Cryptographic Algorithm=\"{}\">{}</osci:Cryptographic>",
                escape_attribute(algorithm)?,
                escape_text(token)?
            ),
        };
        let _ = write!(text, "<osci:{name}>{inside}</osci:{name}>");
    }
    if let Some(subject) = &card.subject {
        let _ = write!(text, "<osci:Subject>{}</osci:Subject>", escape_text(subject)?);
    }
    let _ = write!(text, "</osci:ProcessCard><osci:InspectionReport></osci:InspectionReport></osci:{name}>");
    Ok(())
}

fn chunk(chunk: &Chunk) -> Result<String, IllegalCharacter> {
    let mut text = String::from("<osci2017:ChunkInformation");
    let mut number = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            let _ = write!(text, " {name}=\"{value}\"");
        }
    };
    number("ChunkNumber", chunk.number);
    number("ChunkSize", chunk.size);
    let received = chunk.received.as_deref().map(escape_attribute).transpose()?;
    if let Some(received) = received {
        let _ = write!(text, " ReceivedChunks=\"{received}\"");
    }
    let mut number = |name: &str, value: Option<u64>| {
        if let Some(value) = value {
            let _ = write!(text, " {name}=\"{value}\"");
        }
    };
    number("TotalChunkNumbers", chunk.of);
    number("TotalMessageSize", chunk.total);
    text.push_str("></osci2017:ChunkInformation>");
    Ok(text)
}

/// The package: the body of an HTTP request or response, or what is encrypted in one.
pub fn package(envelope: &str, beside: &[Beside<'_>], boundary: &str) -> Result<Vec<u8>, WriteFault> {
    let boundary = Boundary::new(boundary).map_err(|_| WriteFault::Boundary)?;
    let document = document(envelope, "");
    let kept: Vec<(String, String)> =
        beside.iter().map(|part| (format!("<{}>", part.id), part.octets.len().to_string())).collect();
    let heads: Vec<[(&str, &str); 4]> = beside
        .iter()
        .zip(&kept)
        .map(|(part, (id, length))| {
            [
                ("Content-Type", part.media_type),
                ("Content-Transfer-Encoding", "8-bit"),
                ("Content-ID", id),
                ("Content-Length", length),
            ]
        })
        .collect();
    let mut parts: Vec<NewPart<'_>> = vec![(&FIRST, document.as_bytes())];
    parts.extend(heads.iter().zip(beside).map(|(head, part)| (&head[..], part.octets)));
    frame::write(&boundary, &parts).ok_or(WriteFault::Boundary)
}

const FIRST: [(&str, &str); 3] = [
    ("Content-Type", "text/xml; charset=UTF-8"),
    ("Content-Transfer-Encoding", "8bit"),
    ("Content-ID", "<osci@message>"),
];

fn document(envelope: &str, behind: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\r\n{envelope}{behind}")
}

/// Encrypts a package for the holder of `reader` on its way.
pub fn encrypt(
    package: &[u8],
    reader: &Certificate,
    secrets: &Secrets,
    boundary: &str,
    profile: &Profile,
) -> Result<Vec<u8>, WriteFault> {
    let boundary = Boundary::new(boundary).map_err(|_| WriteFault::Boundary)?;
    let (key, sealed) = seal(package, reader, secrets, profile, &encryption::certificate_text(reader))?;
    let method = encryption::method_text(profile.cipher, profile.iv_length);
    let data = encryption::reference_text("osci_enc")?;
    let envelope = format!(
        "<soap:Envelope xmlns:ds=\"{DSIG}\" xmlns:soap=\"{SOAP}\" xmlns:xenc=\"{XENC}\" xmlns:xsi=\"{XSI}\" \
         xsi:schemaLocation=\"{SOAP} soapMessageEncrypted.xsd {SCHEMAS}\"><soap:Body><xenc:EncryptedData \
         MimeType=\"Multipart/Related\">{method}<ds:KeyInfo>{key}</ds:KeyInfo>{data}</xenc:EncryptedData></soap:Body>\
         </soap:Envelope>"
    );
    // Libraries leave an empty line behind this envelope.
    let document = document(&envelope, "\r\n");
    let second = [
        ("Content-Type", "application/octet-stream"),
        ("Content-Transfer-Encoding", "binary"),
        ("Content-ID", "<osci_enc>"),
    ];
    frame::write(&boundary, &[(&FIRST, document.as_bytes()), (&second, &sealed)]).ok_or(WriteFault::Boundary)
}

/// Encrypts octets; gives the EncryptedKey for one reader, named by `named`, and vector, text and tag.
pub(super) fn seal(
    octets: &[u8],
    reader: &Certificate,
    secrets: &Secrets,
    profile: &Profile,
    named: &str,
) -> Result<(String, Vec<u8>), WriteFault> {
    let sealed = cipher::seal(profile.cipher, &secrets.key, &secrets.iv, octets)
        .filter(|_| secrets.iv.len() == profile.iv_length)
        .ok_or(WriteFault::Encrypt)?;
    Ok((wrapped(reader, secrets, profile, named)?, sealed))
}

/// The EncryptedKey for one reader.
pub(super) fn wrapped(
    reader: &Certificate,
    secrets: &Secrets,
    profile: &Profile,
    named: &str,
) -> Result<String, WriteFault> {
    let wrapped = decrypt::wrap(profile.wrap, &secrets.key, reader).ok_or(WriteFault::Encrypt)?;
    encryption::key_text(profile.wrap, named, &wrapped).ok_or(WriteFault::Encrypt)
}
