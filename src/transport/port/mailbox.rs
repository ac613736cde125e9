//! What a transport needs that serves mailboxes: what lies there, handing out, closing, giving back, refusing. Neutral to how its readers
//! speak; a mailbox is always that of the partner who has proved who it is, so nobody names one. Never tells of what is another's.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::Busy;
use crate::envelope::{Envelope, PartnerRef};

/// Something that lies in a mailbox; nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id, the same however often it is handed out.
    pub id: Uuid,
    /// The type of its document, such as `xfamilie.0011`.
    pub message: String,
    /// Whether it is a test.
    pub test: bool,
    /// Octets of its document and its parts.
    pub size: u64,
    /// How many parts it has beside its document.
    pub parts: usize,
    /// Since when it lies there.
    pub queued: Timestamp,
    /// Until when it can be collected.
    pub deadline: Option<Timestamp>,
    /// What has this in common is handed out in its order, one after the other.
    pub order: String,
    /// Whether it can be had now.
    pub reach: Reach,
    /// Whether it was handed out before and not closed.
    pub fetched: bool,
}

/// Whether something can be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It can.
    Ready,
    /// A reader has it in hand, until then at most.
    Held(Timestamp),
    /// Something of the same order comes before it.
    Behind,
}

/// What a reader shows who asks for something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// The receipt of an earlier hand-out: whoever shows the current one gets the same again.
    pub receipt: Option<String>,
    /// A word by which the reader knows its own repeats, hashed: who lost the answer gets the same again.
    pub key: Option<String>,
}

/// What was handed out.
#[derive(Clone, Debug, PartialEq)]
pub struct Handed {
    /// By it the reader closes, gives back or refuses; another hand-out of the same has another one.
    pub receipt: String,
    /// Until when nobody else gets it.
    pub until: Timestamp,
    /// The message.
    pub envelope: Envelope,
}

/// What comes of asking for something.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetch {
    /// Here it is.
    Handed(Box<Handed>),
    /// Another reader has it in hand, until then at most.
    Held(Timestamp),
    /// Something of the same order comes before it.
    Behind,
    /// There is no such thing in this mailbox (any more).
    Unknown,
}

/// The word with which a reader says that it cannot process what it got.
pub const REFUSED: &str = "nicht-verarbeitbar";

/// Why a reader cannot process what it got: a closed set, so that nothing personal gets into causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It does not open, or is not what its type says.
    Unreadable,
    /// It is not for this receiver.
    Misaddressed,
    /// The receiver takes no such messages.
    Unsupported,
    /// Anything else.
    Other,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 4] =
        [Reason::Unreadable, Reason::Misaddressed, Reason::Unsupported, Reason::Other];

    /// The word with which a reader says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Unreadable => "unlesbar",
            Reason::Misaddressed => "falscher-empfaenger",
            Reason::Unsupported => "nicht-unterstuetzt",
            Reason::Other => "sonstiges",
        }
    }
}

/// How a reader ends what it has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is safe with the reader: it counts as delivered.
    Taken,
    /// It was not processed, and anybody may have it again.
    GivenBack,
    /// It cannot be processed: a person looks.
    Refused(Reason),
    /// What is stored of it does not open: found while it was handed out.
    Broken,
}

/// What came of ending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is as the reader said, by this call or by the same one before.
    Done,
    /// The receipt is not the current one: its time was over, and it was handed out again, closed or taken back meanwhile.
    Stale,
    /// There is no such thing in this mailbox.
    Unknown,
}

/// Where something stands that lies or lay in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It lies there.
    Lies,
    /// Its reader has closed it.
    Closed,
    /// It cannot be had: a person looks, or it went another way.
    Aside,
}

/// Something that lies or lay in a mailbox; nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lain {
    /// The type of its document.
    pub message: String,
    /// Whether it is a test.
    pub test: bool,
    /// Since when it lies there.
    pub queued: Timestamp,
    /// Where it stands.
    pub stand: Stand,
}

/// The mailboxes of the house.
#[async_trait]
pub trait Mailboxes: Send + Sync {
    /// Whether any partner has one.
    fn any(&self) -> bool;

    /// What lies in a partner's mailbox from the one after `after`, at most so many, the oldest first; `None` where it has none. Whoever
    /// has come to the end begins anew: what was committed meanwhile may stand before.
    async fn lying(
        &self,
        partner: &PartnerRef,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Option<Vec<Item>>, Busy>;

    /// Whether anything could be had now, wherever it lies in the partner's mailbox.
    async fn ready(&self, partner: &PartnerRef) -> Result<bool, Busy>;

    /// Hands something out. It stays until it is closed, and comes again with the same id when the reader's time is over.
    async fn fetch(&self, partner: &PartnerRef, id: Uuid, asking: Asking) -> Result<Fetch, Busy>;

    /// Lets the reader's time begin anew, because it is still fetching; an error or a lost receipt changes nothing.
    async fn hold(&self, partner: &PartnerRef, id: Uuid, receipt: &str);

    /// Where something stands, as long as it is known; `None` where it is not this partner's, or cannot be had yet.
    async fn stands(&self, partner: &PartnerRef, id: Uuid) -> Result<Option<Lain>, Busy>;

    /// Ends what a reader has in hand; the same call repeated says the same.
    async fn end(&self, partner: &PartnerRef, id: Uuid, receipt: &str, end: End) -> Result<Ended, Busy>;
}
