//! What XTA says, whichever module says it: identities, metadata, contents, selections, lists, reports.
//! It never proves anything: an identity here is what a message states. What only one module has is optional; moments and ids
//! stay as they were written. Nothing here prints what may be personal.

use std::fmt;

use bytes::Bytes;

/// Where a code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its URI.
    pub uri: String,
    /// Its version.
    pub version: String,
}

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub value: String,
    /// What it is called.
    pub name: Option<String>,
    /// The list that it stands in; a text of core that is no code has none.
    pub list: Option<List>,
}

/// The identity of a party, as stated.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The identifier, such as `jua:05315000`.
    pub value: String,
    /// What kind of identifier it is (`type`, in core `identifierScheme`); production has some without.
    pub scheme: Option<String>,
    /// A name for persons.
    pub name: Option<String>,
    /// What kind of organisation it is (`category`, in core `organizationCategory`).
    pub category: Option<String>,
}

impl Identity {
    /// Whether it stands for every identity of the certificate's account.
    pub fn is_any(&self) -> bool {
        self.value == "*"
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// A piece of an [`Opaque`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// XML as it is to be written.
    Xml(String),
    /// The value of an `id` that must be unique in its envelope and is made anew.
    Id,
    /// A content.
    Content(Source),
}

/// An element that is handed on and not understood, with its namespaces.
#[derive(Clone, PartialEq, Eq)]
pub struct Opaque {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub local: String,
    /// What it is written as.
    pub pieces: Vec<Piece>,
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opaque").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

/// A party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Who.
    pub identity: Identity,
    /// What else is said of it: tokens, directory, extensions, certificates.
    pub more: Vec<Opaque>,
}

impl Party {
    /// A party of which nothing but its identity is said.
    pub fn of(identity: Identity) -> Party {
        Party { identity, more: Vec::new() }
    }
}

/// When what happened to an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Written by its author.
    pub origin: Option<String>,
    /// Taken by the sender.
    pub initial_send: Option<String>,
    /// Not to be delivered before; only 2.1.1.
    pub not_before: Option<String>,
    /// A day after which it is worth nothing; only 2.1.1.
    pub obsolete_after: Option<String>,
    /// Laid into the mailbox.
    pub delivery: Option<String>,
    /// Fetched for the first time.
    pub initial_fetch: Option<String>,
    /// Closed by its reader.
    pub reception: Option<String>,
}

/// The quality of service that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The profile's URI, or a text.
    pub value: String,
    /// Whether it names a profile.
    pub defined: bool,
}

/// What business a message belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A code.
    Defined(Code),
    /// A text that parties agreed on.
    Undefined(String),
}

/// What kind of message it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageType {
    /// The kind; in core without list.
    pub code: Code,
    /// The schema of its content.
    pub schema: String,
}

/// A property that parties agreed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Property {
    /// Its key.
    pub key: Code,
    /// Its value.
    pub value: String,
}

/// A process on one side.
#[derive(Clone, PartialEq, Eq)]
pub struct Process {
    /// Its identifier.
    pub value: String,
    /// Its name.
    pub name: Option<String>,
}

/// The metadata of a transport order.
#[derive(Clone, PartialEq, Eq)]
pub struct MetaData {
    /// Whether it is a test.
    pub test: bool,
    /// When what happened.
    pub times: Times,
    /// The quality of service.
    pub quality: Option<Quality>,
    /// Receipts that are asked for; only 2.1.1.
    pub receipts: Option<Opaque>,
    /// Who wrote it.
    pub author: Party,
    /// Who sends it for its author.
    pub sender: Option<Party>,
    /// Whom to answer; only 2.1.1.
    pub reply_to: Option<Party>,
    /// Whom it is for.
    pub reader: Party,
    /// Who else reads it; only 2.1.1.
    pub other_readers: Vec<Identity>,
    /// Who has a copy; only 2.1.1.
    pub copies: Vec<Identity>,
    /// The id of the order; compared without case.
    pub message_id: String,
    /// What it answers; only 2.1.1.
    pub in_reply_to: Vec<String>,
    /// The process of who asks; only 2.1.1.
    pub requester: Option<Process>,
    /// The process of who answers; only 2.1.1.
    pub responder: Option<Process>,
    /// A subject; only 2.1.1.
    pub subject: Option<String>,
    /// The service's URI; may be empty in 2.1.1.
    pub service: Option<String>,
    /// The business; production has messages without.
    pub scenario: Option<Scenario>,
    /// The kind of message.
    pub message_type: MessageType,
    /// Properties.
    pub properties: Vec<Property>,
    /// Octets, as its author states.
    pub size: Option<u64>,
    /// Further identifiers and extensions of core.
    pub more: Vec<Opaque>,
}

impl MetaData {
    /// The least that an order says.
    pub fn new(message_id: &str, author: Party, reader: Party, message_type: MessageType) -> MetaData {
        MetaData {
            test: false,
            times: Times::default(),
            quality: None,
            receipts: None,
            author,
            sender: None,
            reply_to: None,
            reader,
            other_readers: Vec::new(),
            copies: Vec::new(),
            message_id: message_id.to_owned(),
            in_reply_to: Vec::new(),
            requester: None,
            responder: None,
            subject: None,
            service: None,
            scenario: None,
            message_type,
            properties: Vec::new(),
            size: None,
            more: Vec::new(),
        }
    }

    /// Fills what production leaves out and no schema does without, so that it can be handed on: identities without a kind
    /// are given `scheme`, an absent business becomes one that nobody named.
    pub fn completed(mut self, scheme: &str) -> MetaData {
        let parties =
            [Some(&mut self.author), self.sender.as_mut(), self.reply_to.as_mut(), Some(&mut self.reader)];
        let named = parties.into_iter().flatten().map(|party| &mut party.identity);
        for identity in named.chain(&mut self.other_readers).chain(&mut self.copies) {
            identity.scheme.get_or_insert_with(|| scheme.to_owned());
        }
        self.scenario.get_or_insert_with(|| Scenario::Undefined(String::new()));
        self
    }
}

impl fmt::Debug for MetaData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaData").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

/// Where the octets of a content are.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// In the envelope.
    Inline(Bytes),
    /// Beside it, in the part of this Content-ID.
    Part(String),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Inline(octets) => write!(f, "Inline({} octets)", octets.len()),
            Source::Part(_) => f.write_str("Part"),
        }
    }
}

/// A content with what is said of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Its octets.
    pub source: Source,
    /// Its media type; core may leave it out.
    pub content_type: Option<String>,
    /// A description; only 2.1.1.
    pub description: Option<String>,
    /// Its character encoding.
    pub encoding: Option<String>,
    /// Its file name; never to be used as a path.
    pub file_name: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// Its language; only 2.1.1.
    pub language: Option<String>,
    /// Its octets, as stated.
    pub size: Option<u64>,
}

impl Content {
    /// A content of which only its media type is said.
    pub fn new(source: Source, content_type: &str) -> Content {
        let content_type = Some(content_type.to_owned());
        Content {
            source,
            content_type,
            description: None,
            encoding: None,
            file_name: None,
            id: None,
            language: None,
            size: None,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("source", &self.source).finish_non_exhaustive()
    }
}

/// What is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// Contents.
    Open {
        /// The message; core may leave it out.
        message: Option<Content>,
        /// What goes with it.
        attachments: Vec<Content>,
        /// Extensions of core.
        more: Vec<Opaque>,
    },
    /// Encrypted for its reader (`xenc:EncryptedData`); only 2.1.1.
    Closed(Opaque),
}

impl Container {
    /// Every content that stands in the open, the message first.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        let (message, attachments) = match self {
            Container::Open { message, attachments, .. } => (message.as_ref(), attachments.as_slice()),
            Container::Closed(_) => (None, &[][..]),
        };
        message.into_iter().chain(attachments)
    }
}

/// A transport order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its metadata.
    pub meta: Box<MetaData>,
    /// Its content.
    pub container: Container,
}

/// Which form a list is wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListForm {
    /// The metadata of each message.
    Full,
    /// A few attributes of each message; only 2.1.1.
    Brief,
}

/// Which messages are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// In which form; the full one when nothing is said.
    pub form: Option<ListForm>,
    /// At most how many.
    pub most: Option<u64>,
    /// These.
    pub ids: Vec<String>,
    /// Those that relate to these; only 2.1.1.
    pub relates_to: Vec<String>,
    /// Only those that were never fetched; what absence means differs ([`Selection::only_new`]).
    pub new_entry: Option<bool>,
    /// Delivered from.
    pub from: Option<String>,
    /// Delivered until.
    pub to: Option<String>,
    /// Extensions; handed on, not understood.
    pub more: Vec<Opaque>,
}

impl Selection {
    /// This one message.
    pub fn one(id: &str) -> Selection {
        Selection { ids: vec![id.to_owned()], ..Selection::default() }
    }

    /// Whether only messages are meant that were never fetched. Said by nobody it means all in 2.1.1 and new ones in core.
    pub fn only_new(&self, module: super::names::Module) -> bool {
        self.new_entry.unwrap_or(module == super::names::Module::Core311 && self.ids.is_empty())
    }
}

/// Which part of a message is fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum MsgPart {
    #[default]
    Envelope,
    Header,
    Body,
}

/// Going on in a list, or closing messages: ours to be named by their ids, whatever the request id says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Iteration {
    /// The id of the request that opened the list; clients write their own. Core has none.
    pub request_id: Option<String>,
    /// The messages that were received.
    pub received: Vec<String>,
}

/// A question to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Whose service.
    pub reader: Party,
    /// Which service; may be absent in core.
    pub service: Option<String>,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the operations")]
pub enum Request {
    CheckAccountActive,
    LookupService(Vec<Lookup>),
    CreateMessageId,
    CancelMessage(String),
    GetTransportReport(String),
    SendMessage(Order),
    SendMessageSync(Order),
    GetStatusList(Selection),
    GetNextStatusList(Iteration),
    GetMessage(Selection, MsgPart),
    GetNextMessage(Iteration),
    Close(Iteration),
    DeliverMessage(Order),
}

/// What is left in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// Nothing, and why.
    Nothing {
        /// The reason's URI.
        reason: String,
    },
    /// So many more.
    Pending(u64),
}

/// The state of a mailbox in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxStatus {
    /// The id under which the list goes on; core has none.
    pub request_id: Option<String>,
    /// What is left.
    pub remaining: Remaining,
}

/// A few attributes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Its id.
    pub message_id: String,
    /// What it relates to.
    pub relates_to: Vec<String>,
    /// Where it comes from; an endpoint reference.
    pub from: Option<Opaque>,
    /// The business that it belongs to.
    pub scenario: String,
    /// Octets.
    pub size: u64,
    /// A day after which it is worth nothing.
    pub obsolete_after: Option<String>,
    /// Laid into the mailbox.
    pub delivery: String,
    /// Fetched for the first time.
    pub initial_fetch: Option<String>,
}

/// What a directory knows of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Offered, or not.
    Known(bool),
    /// Nobody knows; that is no no.
    Unknown,
}

/// An answer of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What was asked.
    pub lookup: Lookup,
    /// The answer.
    pub availability: Availability,
    /// What is needed to use the service, such as a certificate.
    pub parameters: Vec<(Code, Source)>,
}

/// How grave an event of a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the standard")]
pub enum Severity {
    Error,
    Warning,
    Info,
}

/// An event of a transport order.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// How grave.
    pub severity: Severity,
    /// When.
    pub time: String,
    /// What.
    pub code: Code,
    /// Why.
    pub reason: String,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("severity", &self.severity)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// A TransportReport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The order.
    pub meta: Box<MetaData>,
    /// When it last changed.
    pub time: String,
    /// Who reports.
    pub server: String,
    /// 0 open, 1 green, 2 yellow, 3 red; others are read and stand for nothing.
    pub status: i64,
    /// What happened.
    pub events: Vec<Event>,
    /// Reports of the transports that were used.
    pub additional: Vec<(Code, Source)>,
    /// Extensions, and the server's signature; nobody verifies it here.
    pub more: Vec<Opaque>,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing to say: done.
    Empty,
    /// A new id.
    MessageId(String),
    /// Answers of the directory; a place without one has none.
    Lookup(Vec<Option<Found>>),
    /// A report.
    Report(Report),
    /// A list.
    List {
        /// What is left.
        status: BoxStatus,
        /// A few attributes of messages.
        brief: Vec<Brief>,
        /// Metadata of messages.
        full: Vec<MetaData>,
    },
    /// A message from a mailbox; none when the list of a `getNextMessage` is over.
    Message {
        /// What is left.
        status: Option<BoxStatus>,
        /// The message.
        order: Option<Order>,
    },
    /// The answer to an order that was delivered at once; core may have none.
    Reply(Option<Order>),
}
