//! What the tests of the passive recipient share: the real listener over a scripted house, deliveries of an intermediary made with the keys
//! of the recordings, and what answers say. The keys of the recordings are the recipient's (`addressee_*`), the intermediary's
//! (`intermed_*`) and the partner's (`originator_*`).

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::telemetry::parts::Parts;
use drehscheibe::transport::osci::envelope::{Envelope, Named, Standing};
use drehscheibe::transport::osci::kind::Kind;
use drehscheibe::transport::osci::message::{Control, Message};
use drehscheibe::transport::osci::open::{self, Rules};
use drehscheibe::transport::osci::order::{Order, ProcessCard, Stamp};
use drehscheibe::transport::osci::receive::{Received, receive};
use drehscheibe::transport::osci::write::{self, Profile, Secrets};
use drehscheibe::transport::osci::write_content::{
    NewContainer, NewContent, NewSignature, container, encrypted,
};
use drehscheibe::transport::osci::{fault, glance};
use drehscheibe::transport::osci_server::OsciSource;
use drehscheibe::transport::port::Admission;
use drehscheibe::transport::port::account::Account;
use drehscheibe::trust::sign::Signer;
use serde_json::{Value, json};

use crate::osci_support::{
    Seeded, as_keys, certificate, decrypter, decrypters, folder, inside_term, legacy, signer,
};
use crate::transport_support::{House, Running, start};

/// The path of a file of the recordings' keys.
pub fn file(name: &str) -> PathBuf {
    folder().join("keys").join(name)
}

/// A key of the recordings as it is written.
pub fn key(name: &str) -> Value {
    json!({ "certificate": file(&format!("{name}.crt.pem")), "key": file(&format!("{name}.key.pem")) })
}

/// A certificate of the recordings as it is written.
pub fn pin(name: &str) -> Value {
    json!(file(&format!("{name}.crt.pem")))
}

/// Everything that proves less is allowed.
pub fn lenient() -> Value {
    json!({ "unsigned": true, "plain": true, "legacy": true })
}

/// The settings of a recipient to whom the intermediary of the recordings delivers.
pub fn settings(policy: Value) -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "keys": { "signature": key("addressee_sig"), "cipher": [key("addressee_enc")], "padding": "pkcs1" },
        "intermediaries": [{
            "signature": [pin("intermed_sig"), pin("intermed_sig_p256")], "cipher": [pin("intermed_enc")],
            "policy": policy,
        }],
    })
}

/// The channel of the partner whose certificates are those of the originator.
pub fn channel(policy: Value) -> Value {
    json!({ "authors": [pin("originator_sig")], "cipher": [pin("originator_enc")], "policy": policy })
}

/// A recipient that listens.
pub struct OsciDoor {
    /// Its house.
    pub house: Arc<House>,
    /// Where it listens.
    pub url: String,
    /// What is said of what does not run.
    pub parts: Parts,
    client: reqwest::Client,
    running: Running,
}

impl OsciDoor {
    /// Opens it at a moment.
    pub async fn open_at(settings: Value, channel: Value, clock: Clock) -> OsciDoor {
        let house = House::new();
        let account = Account {
            connection: "osci".to_owned(),
            partner: "ja-nord".to_owned(),
            identities: vec!["jga:1".to_owned()],
            settings: channel,
        };
        *house.admission.lock().unwrap() =
            Arc::new(Admission { accounts: vec![account], ..Admission::default() });
        let around = house.around(clock);
        let source = Arc::new(OsciSource::new("osci", &settings, &around).unwrap());
        let running = start(source.clone());
        let bound = tokio::select! {
            bound = async {
                loop {
                    if let Some(bound) = source.bound().await {
                        break bound;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            } => bound,
            () = tokio::time::sleep(std::time::Duration::from_secs(60)) => panic!("it does not listen"),
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        OsciDoor { house, url: format!("http://{bound}/osci"), parts: around.parts, client, running }
    }

    /// Opens it inside the term of all certificates.
    pub async fn open(settings: Value, channel: Value) -> OsciDoor {
        OsciDoor::open_at(settings, channel, Clock::set(inside_term())).await
    }

    /// Posts a body: status and body of the answer.
    pub async fn post(&self, body: impl Into<Bytes>) -> (u16, Bytes) {
        let answer = self
            .client
            .post(&self.url)
            .header("Content-Type", "text/xml")
            .body(body.into())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap())
    }

    /// The code that a body is answered with.
    pub async fn code(&self, body: impl Into<Bytes>) -> String {
        let (status, body) = self.post(body).await;
        assert_eq!(status, 200);
        code(&body)
    }

    /// Whether something was handed to the house as a delivery of a partner.
    pub fn received(&self) -> usize {
        let apart = self.house.apart.lock().unwrap().len();
        self.house.delivered().iter().filter(|found| !found.body.is_empty()).count() + apart
    }

    /// Ends it.
    pub async fn end(self) {
        self.running.end().await.unwrap();
    }
}

/// The code that an answer says: of a fault, or the only one of its feedback.
pub fn code(answer: &Bytes) -> String {
    let keys = decrypters();
    let opened = open::open(answer, None, &as_keys(&keys), &legacy()).unwrap();
    if let Some(fault) = fault::read(opened.tree.root()) {
        assert!(opened.transport.is_none());
        return fault.code;
    }
    let answer = answered(answer);
    let Standing::Signed { covered, .. } = &answer.message else { panic!("an unsigned answer") };
    let [only] = &covered.get().order.feedback[..] else { panic!("{:?}", covered.get().order) };
    only.code.clone()
}

/// An answer, read with the intermediary's and everybody's keys.
pub fn answered(answer: &Bytes) -> Received {
    let keys = decrypters();
    receive(answer, None, &as_keys(&keys), &legacy()).unwrap()
}

/// The message of an answer, which is signed by the recipient.
pub fn message(answer: &Received) -> &Message {
    let Standing::Signed { covered, signers } = &answer.message else { panic!("an unsigned answer") };
    assert_eq!(signers[0].certificate, certificate("addressee_sig"));
    covered.get()
}

/// The recipient that stands open for all tests that only attack it: everything that may be allowed is.
pub fn shared() -> &'static (tokio::runtime::Runtime, OsciDoor) {
    static DOOR: OnceLock<(tokio::runtime::Runtime, OsciDoor)> = OnceLock::new();
    DOOR.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        // Without unsigned messages: attacks that take a signature away must be seen.
        let policy = json!({ "plain": true });
        let door = runtime.block_on(OsciDoor::open(settings(policy), channel(lenient())));
        (runtime, door)
    })
}

/// A delivery as an intermediary makes it.
#[derive(Clone)]
pub struct Delivery {
    /// AcceptDelivery or ProcessDelivery.
    pub kind: Kind,
    /// Its id.
    pub id: Option<String>,
    /// What is in it.
    pub document: Vec<u8>,
    /// Who signs the envelope.
    pub intermediary: Option<&'static str>,
    /// Who is named as its originator.
    pub originator: &'static str,
    /// Who signs the content.
    pub author: Option<&'static str>,
    /// For whom the content is encrypted.
    pub reader: Option<&'static str>,
    /// For whom the message is encrypted.
    pub recipient: Option<&'static str>,
    /// For whom its answer is to be encrypted.
    pub answer_for: &'static str,
}

impl Delivery {
    /// One with everything signed and encrypted.
    pub fn of(kind: Kind, id: &str, document: &str) -> Delivery {
        Delivery {
            kind,
            id: Some(id.to_owned()),
            document: document.as_bytes().to_vec(),
            intermediary: Some("intermed_sig"),
            originator: "originator_sig",
            author: Some("originator_sig"),
            reader: Some("addressee_enc"),
            recipient: Some("addressee_enc"),
            answer_for: "intermed_enc",
        }
    }

    /// Its octets.
    pub fn body(&self) -> Bytes {
        let profile = Profile::default();
        let mut seeded = Seeded(0x05C1 + self.document.len() as u64);
        let mut secrets = || Secrets { key: seeded.octets(32).into(), iv: seeded.octets(12) };
        let named = |role: &str, name: &str| Named {
            id: format!("id_{role}_{name}"),
            role: role.to_owned(),
            certificate: certificate(name),
        };
        let mut certificates = vec![named("CipherCertificateIntermediary", self.answer_for)];
        certificates.extend(self.intermediary.map(|name| named("SignatureCertificateIntermediary", name)));
        certificates.push(named("CipherCertificateOriginator", "originator_enc"));
        if let Some(reader) = self.reader {
            certificates.push(named("CipherCertificateAddressee", reader));
        }
        certificates.push(named("SignatureCertificateOriginator", self.originator));
        if let Some(author) = self.author.filter(|author| *author != self.originator) {
            certificates.push(named("SignatureCertificateOtherAuthor", author));
        }
        let id_of = |name: &str| {
            certificates.iter().find(|named| named.certificate == certificate(name)).unwrap().id.clone()
        };
        let inner = NewContainer {
            id: "container",
            contents: vec![NewContent::Inline { id: "content", octets: &self.document }],
            carried: Vec::new(),
        };
        let content = match self.author {
            Some(author) => {
                let (key, id) = (signer(author), id_of(author));
                let signature = NewSignature { signer: &key, certificate: &id, time: None };
                container(&inner, &[signature], &profile).unwrap()
            }
            None => container(&inner, &[], &profile).unwrap(),
        };
        let package = match self.reader {
            Some(reader) => {
                let (reader, id) = (certificate(reader), id_of(reader));
                encrypted("closed", &content, &[(&reader, &id)], &secrets(), &profile).unwrap()
            }
            None => content,
        };
        let stamp = Some(Stamp::Plain("2026-12-01T11:00:00+01:00".to_owned()));
        let card = self.id.clone().map(|message_id| ProcessCard {
            message_id,
            changed: Some("2026-12-01T11:00:00+01:00".to_owned()),
            creation: stamp.clone(),
            forwarding: stamp,
            reception: None,
            subject: None,
            inspections: 0,
        });
        let process = self.kind == Kind::ProcessDelivery;
        let message = Message {
            kind: self.kind,
            control: Control { challenge: Some("frage".to_owned()), ..Control::default() },
            languages: Some("de".to_owned()),
            stamps: Vec::new(),
            order: Order {
                message_id: self.id.as_ref().filter(|_| process).map(|id| format!("{id}-antwort")),
                cards: card.into_iter().collect(),
                ..Order::default()
            },
            features: None,
            certificates: certificates.clone(),
            foreign: Vec::new(),
        };
        let own = self.intermediary.map(|name| (signer(name), id_of(name)));
        let signs = own.as_ref().map(|(key, id)| (key as &dyn Signer, id.as_str()));
        let envelope = write::envelope(&message, Some(&package), &[], signs, &profile).unwrap();
        let plain = write::package(&envelope, &[], "MIME_boundary_test").unwrap();
        match self.recipient {
            Some(name) => {
                let sealed =
                    write::encrypt(&plain, &certificate(name), &secrets(), "MIME_boundary_test", &profile);
                sealed.unwrap().into()
            }
            None => plain.into(),
        }
    }
}

/// The contents of a recorded body in their order, as far as some keys of the recordings open them: hashes.
pub fn contents_for(body: &Bytes, readers: &[&str]) -> Vec<String> {
    let keys: Vec<_> = readers.iter().map(|name| decrypter(name)).collect();
    let seen = glance::glance(body, &as_keys(&keys), &legacy(), &|_| Ok(()));
    seen.contents.into_iter().map(|content| content.sha256).collect()
}

/// Id and name of each header of a package, in their order.
pub fn headers(package: &Bytes) -> Vec<String> {
    let opened = open::open(package, None, &[], &Rules::default()).unwrap();
    let envelope = Envelope::read(&opened).unwrap();
    let root = opened.tree.root();
    let header = root.children().next().unwrap();
    assert_eq!(envelope.body.local(), "Body");
    header
        .children()
        .map(|child| format!("{} {}", child.local(), child.attribute("Id").unwrap_or_default()))
        .collect()
}
