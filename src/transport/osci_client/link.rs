//! One order and its answer: written, signed, encrypted and sent; the answer opened, its signature held against the pinned certificates of the
//! intermediary, and only then read. Repeats nothing by itself, and ends the dialog when an answer does not count.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::settings::{Settings, address};
use super::trouble::{Code, Trouble};
use crate::envelope::Verified;
use crate::transport::caller::{self, Around, Caller};
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::envelope::{Envelope, Named, Standing};
use crate::transport::osci::fault;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::message::{Control, Features, Message};
use crate::transport::osci::open;
use crate::transport::osci::order::{Feedback, Order};
use crate::transport::osci::write::Beside;
use crate::transport::osci_contents::{Apart, Bench, Gathered, Unfit};
use crate::transport::osci_evidence::{self, ENVELOPE};
use crate::transport::osci_keys::{Keyring, Keys};
use crate::transport::osci_trust::{Book, Known, Pinned};
use crate::transport::osci_words::{Role, challenge, octets};
use crate::transport::port::{Doors, Surroundings};
use crate::transport::tls::{self, TlsError};
use crate::transport::unreached::{Names, Unreached};
use crate::transport::watched::Files;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// What this program can do, as the libraries name it; messages in parts are not among it.
const FEATURES: [(&str, &str); 5] = [
    ("DisableBase64", "1.2.0"),
    ("OAEPEncryption", "1.6.0"),
    ("SHA3HashAlgo", "1.6.3"),
    ("GCMPaddingModus", "1.7.0"),
    ("Support96Bit12ByteIV", "1.9.0"),
];

/// The way to one intermediary.
pub struct Link {
    /// The connection.
    pub connection: String,
    /// What is written of it.
    pub settings: Settings,
    /// What it is told of its house.
    pub house: House,
    caller: Caller,
    ring: Arc<Keyring>,
    book: Arc<Book>,
}

/// What a way to an intermediary is told of its house.
#[derive(Clone)]
pub struct House {
    /// Parts, far ends, time.
    pub around: Around,
    /// Who is known to whom.
    pub doors: Arc<dyn Doors>,
    /// The folder that relative paths are below.
    pub config: PathBuf,
}

impl House {
    /// That of a transport.
    pub fn of(around: &Surroundings) -> House {
        House { around: Around::of(around), doors: around.doors.clone(), config: around.config.clone() }
    }
}

/// Keys and trust as they hold now.
#[derive(Clone)]
pub struct Material {
    /// Our keys.
    pub keys: Arc<Keys>,
    /// Who is known.
    pub known: Arc<Known>,
    /// As which of our cipher certificates we speak: a mailbox and the cards of what we sent are a certificate's. The first is the one in use.
    pub own: usize,
}

impl Material {
    /// The same for each of our cipher certificates: where one takes the place of another, mail lies and cards stand under the one of before.
    pub fn each(&self) -> impl Iterator<Item = Material> + use<> {
        let all = self.clone();
        (0..self.keys.count()).map(move |own| Material { own, ..all.clone() })
    }

    /// The intermediary.
    pub fn intermediary(&self) -> &Pinned {
        &self.known.intermediaries[0]
    }
}

/// A part beside the envelope.
pub struct Part {
    /// Its Content-ID.
    pub id: String,
    /// Its octets as they travel.
    pub octets: Vec<u8>,
}

/// An order to be given.
pub struct Say {
    /// Which one.
    pub kind: Kind,
    /// What it says.
    pub order: Order,
    /// The text of its contents.
    pub package: Option<String>,
    /// What stands beside it.
    pub beside: Vec<Part>,
    /// Certificates of its addressee.
    pub addressee: Vec<Named>,
}

impl Say {
    /// An order without contents.
    pub fn bare(kind: Kind, order: Order) -> Say {
        Say { kind, order, package: None, beside: Vec::new(), addressee: Vec::new() }
    }
}

/// What a delivery came to.
pub enum Came {
    /// Nothing of it is taken.
    Unfit(Unfit),
    /// It is its sender's.
    Of {
        /// The partner.
        partner: String,
        /// Its contents.
        gathered: Gathered,
        /// Why a person has to look at it instead.
        apart: Option<Apart>,
    },
}

/// An answer that counts.
pub struct Heard {
    /// What it says.
    pub order: Order,
    /// The package as it was signed.
    pub package: Bytes,
    /// How the intermediary's signature was judged; `None` where policy took it unsigned.
    pub signer: Option<Verified>,
    /// The delivery in it.
    pub delivery: Option<Came>,
}

/// What was read of an answer before it is held against its dialog.
struct Read {
    kind: Kind,
    control: Control,
    heard: Heard,
}

impl Link {
    /// The way of a connection. An error says what of our own material is not usable.
    pub fn open(connection: &str, settings: Settings, house: House) -> Result<Link, String> {
        let ca = settings.ca.as_ref().map(|ca| house.config.join(ca));
        let files = tls::client_files(ca.as_deref(), None);
        let timeout = settings.timeout.0;
        let caller =
            Caller::open(connection, house.around.clone(), files, move |files| client(files, timeout));
        let caller = caller.map_err(|fault| fault.to_string())?;
        let keys = settings.keys.clone().below(&house.config);
        let parts = &house.around.parts;
        let ring = Keyring::open(connection, keys, parts).map_err(|fault| format!("keys/{fault}"))?;
        let book = Book::new(
            connection,
            vec![settings.intermediary.clone()],
            &house.config,
            (parts, &house.around.clock),
        );
        Ok(Link {
            connection: connection.to_owned(),
            settings,
            house,
            caller,
            ring: Arc::new(ring),
            book: Arc::new(book),
        })
    }

    /// Nobody is to wait any more for what is said of it.
    pub fn gone(&self) {
        self.caller.gone();
        self.ring.gone();
        self.book.gone();
    }

    /// The time of its house.
    pub fn now(&self) -> Timestamp {
        self.house.around.clock.now()
    }

    /// Keys and trust as they hold now.
    pub async fn material(&self) -> Result<Material, Trouble> {
        let (ring, book, doors) = (self.ring.clone(), self.book.clone(), self.house.doors.clone());
        let read = tokio::task::spawn_blocking(move || Material {
            keys: ring.current(),
            known: book.known(&doors.admission()),
            own: 0,
        });
        read.await.map_err(|_| Trouble::Unwritable("keys and certificates cannot be read".to_owned()))
    }

    /// Gives an order and hears its answer. After an error that is no refusal nothing more can be said in the dialog.
    pub async fn say(&self, dialog: &mut Dialog, say: Say, with: &Material) -> Result<Heard, Trouble> {
        self.say_keeping(dialog, say, with).await.map_err(|(trouble, _)| trouble)
    }

    /// The same; with the trouble of an answer that does not count come its octets, as they came.
    pub async fn say_keeping(
        &self,
        dialog: &mut Dialog,
        say: Say,
        with: &Material,
    ) -> Result<Heard, (Trouble, Option<Bytes>)> {
        let (kind, now) = (say.kind, self.now());
        let outcome = match self.ask(dialog, say, (with, now)).await {
            Ok((answer, sealed)) => {
                let heard = self.hear(dialog, &answer, (kind, sealed), (with, now)).await;
                heard.map_err(|trouble| {
                    let raw = matches!(trouble, Trouble::Unreadable(_)).then_some(answer);
                    (trouble, raw)
                })
            }
            Err(trouble) => Err((trouble, None)),
        };
        if !matches!(outcome, Ok(_) | Err((Trouble::Refused(_), _))) {
            dialog.drop_it();
        }
        outcome
    }

    /// Sends an order; the octets of its answer, and whether it was encrypted itself.
    async fn ask(
        &self,
        dialog: &mut Dialog,
        say: Say,
        (with, now): (&Material, Timestamp),
    ) -> Result<(Bytes, bool), Trouble> {
        let unwritable = |cause: String| Trouble::Unwritable(cause);
        let control = dialog.ask(say.kind, challenge()?).map_err(|fault| unwritable(fault.to_string()))?;
        let material = with.clone();
        let writing = tokio::task::spawn_blocking(move || written(say, control, &material, now));
        let (body, sealed) = writing.await.map_err(|_| unwritable("it was not written".to_owned()))??;
        if body.len() as u64 > self.settings.most() {
            return Err(unwritable("larger than `max-message`".to_owned()));
        }
        let timeout = self.settings.timeout.0;
        let answer = tokio::time::timeout(timeout, self.post(body)).await;
        let answer = answer.unwrap_or(Err(Trouble::Lost("no answer in time")))?;
        Ok((answer, sealed))
    }

    /// What an answer says, as far as it counts.
    async fn hear(
        &self,
        dialog: &mut Dialog,
        answer: &Bytes,
        (kind, sealed): (Kind, bool),
        (with, now): (&Material, Timestamp),
    ) -> Result<Heard, Trouble> {
        let (answer, material, most) = (answer.clone(), with.clone(), self.settings.most());
        let reading =
            tokio::task::spawn_blocking(move || read(&answer, kind, sealed, &material, (most, now)));
        let read = reading.await.map_err(|_| Trouble::Lost("the answer was not read"))??;
        dialog.hear(read.kind, &read.control).map_err(|fault| Trouble::Unreadable(fault.to_string()))?;
        self.caller.answered(true);
        match refusal(&read.heard.order) {
            Some(code) => Err(Trouble::Refused(code)),
            None => Ok(read.heard),
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<Bytes, Trouble> {
        let url = address(&self.settings.url).ok_or(Unreached::Address)?;
        let client = self.caller.client().await?;
        let request = client.post(url).header(CONTENT_TYPE, "text/xml; charset=UTF-8").body(body);
        let mut reply = request.send().await.map_err(|error| match self.caller.not_sent(&error) {
            Some(why) => Trouble::Unreached(why),
            None => Trouble::Lost("the exchange broke off"),
        })?;
        self.caller.answered(false);
        if reply.status() != StatusCode::OK {
            return Err(Trouble::Status(reply.status().as_u16()));
        }
        match caller::held(&mut reply, self.settings.most()).await {
            Ok(Some(octets)) => Ok(octets),
            Ok(None) => Err(Trouble::TooLarge),
            Err(_) => Err(Trouble::Lost("the answer broke off")),
        }
    }
}

/// The first code that says no.
fn refusal(order: &Order) -> Option<Code> {
    if order.feedback.is_empty() {
        return Some(Code(0));
    }
    order.feedback.iter().find(|line| line.is_failure()).map(|line| Code::of(&line.code))
}

/// Whether feedback has this code.
pub fn says(feedback: &[Feedback], code: &str) -> bool {
    feedback.iter().any(|line| line.code == code)
}

/// The octets of an order, and whether they are encrypted.
fn written(say: Say, control: Control, with: &Material, now: Timestamp) -> Result<(Vec<u8>, bool), Trouble> {
    let intermediary = with.intermediary();
    let reader = intermediary.cipher(now);
    if reader.is_none() && !intermediary.policy.plain {
        let cause = "no certificate of the intermediary to encrypt for is in its term";
        return Err(Trouble::Unwritable(cause.to_owned()));
    }
    let keys = &with.keys;
    let profile = keys.profile(12);
    let signature = Role::Originator.signature(keys.signature());
    let signed_as = signature.id.clone();
    // Later orders of a dialog are answered for the certificate that it began with.
    let begins = control.conversation.is_none();
    let mut certificates = Vec::new();
    if begins {
        certificates.push(Role::Originator.cipher(keys.former(with.own)));
    }
    certificates.extend(say.addressee);
    certificates.push(signature);
    let stamp = |service: &str| (service.to_owned(), "plain".to_owned());
    let stamped = matches!(say.kind, Kind::StoreDelivery | Kind::ForwardDelivery);
    let message = Message {
        kind: say.kind,
        control,
        languages: Some("de".to_owned()),
        stamps: if stamped { vec![stamp("creation"), stamp("reception")] } else { Vec::new() },
        order: say.order,
        features: Some(Features {
            supported: FEATURES.map(|(key, version)| (key.to_owned(), version.to_owned())).to_vec(),
            ..Features::default()
        }),
        certificates,
        foreign: Vec::new(),
    };
    let beside: Vec<Beside<'_>> = say
        .beside
        .iter()
        .map(|part| Beside { id: &part.id, media_type: "application/octet-stream", octets: &part.octets })
        .collect();
    let contents = (say.package.as_deref(), &beside[..]);
    let signer = (keys.signer(), signed_as.as_str());
    Ok((octets(&message, contents, signer, reader, &profile)?, reader.is_some()))
}

/// Reads an answer as far as it counts, in the order that OSCI-Transport 1.2 has.
fn read(
    body: &Bytes,
    asked: Kind,
    sealed: bool,
    with: &Material,
    (most, now): (u64, Timestamp),
) -> Result<Read, Trouble> {
    let ill = |cause: String| Trouble::Unreadable(cause);
    let intermediary = with.intermediary();
    let bench = Bench { keys: &with.keys, known: &with.known, most, now };
    let rules = bench.rules(intermediary.policy.legacy);
    let opened =
        open::open(body, None, &with.keys.openers(), &rules).map_err(|fault| ill(fault.to_string()))?;
    if let Some(said) = fault::read(opened.tree.root()) {
        return Err(Trouble::Fault(Code::of(&said.code)));
    }
    if sealed && opened.transport.is_none() {
        return Err(ill("it is plain although the order was encrypted".to_owned()));
    }
    let envelope = Envelope::read(&opened).map_err(|fault| ill(fault.to_string()))?;
    let kind = envelope.kind;
    if !kind.answers(asked) {
        return Err(ill("it is an answer to another order".to_owned()));
    }
    let judged = envelope.judge().map_err(|fault| ill(fault.to_string()))?;
    let delivers = kind == Kind::ResponseToFetchDelivery;
    let delivery = |envelope: &Envelope<'_>, vouched| {
        delivers.then(|| match bench.found(envelope, vouched) {
            Ok(found) => Came::Of {
                partner: found.author.partner.clone(),
                gathered: found.gathered,
                apart: found.apart,
            },
            Err(unfit) => Came::Unfit(unfit),
        })
    };
    let package = opened.transport.as_ref().map_or_else(|| body.clone(), |way| way.package.clone());
    let (message, delivery, signer) = match judged {
        Standing::Signed { covered, signers } => {
            let signer = signers.first().ok_or_else(|| ill("nobody signed it".to_owned()))?;
            let trusted = intermediary.signs(&signer.certificate, now);
            if let Err(cause) = &trusted {
                let fingerprint = signer.certificate.fingerprint();
                if cause.is_ours() {
                    return Err(Trouble::NotNow(format!("it is signed under {fingerprint}: {cause}")));
                }
                return Err(ill(format!(
                    "it is signed under a certificate that is not the intermediary's, or not in its term: {fingerprint}: {cause}"
                )));
            }
            let signer = osci_evidence::of(vec![ENVELOPE.to_owned()], signer, &trusted, now);
            let delivery = delivery(covered.get(), true);
            let message = covered.try_map(|envelope| Message::read(&envelope));
            (message.map(|covered| covered.into_inner()), delivery, Some(signer))
        }
        Standing::Unsigned(unproven) if intermediary.policy.unsigned => {
            let delivery = delivery(unproven.look(), false);
            let message = unproven.try_map(|envelope| Message::read(&envelope));
            (message.map(|unproven| unproven.accept_unproven()), delivery, None)
        }
        Standing::Unsigned(_) => return Err(ill("nobody signed it".to_owned())),
    };
    let message = message.map_err(|fault| ill(fault.to_string()))?;
    let heard = Heard { order: message.order, package, signer, delivery };
    Ok(Read { kind, control: message.control, heard })
}

/// Why the files for TLS cannot be used, where there are any.
pub fn unfit_tls(settings: &Settings, config: &Path) -> Option<String> {
    let ca = settings.ca.as_ref().map(|ca| config.join(ca));
    let files = Files::read(&tls::client_files(ca.as_deref(), None)).map_err(TlsError::from);
    files.and_then(|files| client(&files, settings.timeout.0)).err().map(|fault| fault.to_string())
}

/// The client of an intermediary's server, which is spoken to without TLS where no authorities are named.
fn client(files: &Files, timeout: Duration) -> Result<reqwest::Client, TlsError> {
    let mut config = match files.of("ca") {
        Some(_) => tls::client_config(files)?,
        None => tls::plain_config()?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let builder = caller::builder(timeout.min(CONNECT)).http1_only().dns_resolver(Names);
    caller::built(builder.tls_backend_preconfigured(config))
}
