//! What a source that serves accounts is told: whose they are, what routes take by it, what became of what was delivered there.
//! Values only.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::envelope::Inbound;

/// What a partner is at a connection that it comes to.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The connection.
    pub connection: String,
    /// The partner's name.
    pub partner: String,
    /// The keys that it has everywhere, `praefix:kennung`.
    pub identities: Vec<String>,
    /// Its channel there as written; keys are the transport's own.
    pub settings: serde_json::Value,
}

impl fmt::Debug for Account {
    // Settings may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}:{})", self.connection, self.partner)
    }
}

/// What routes take by one of their `on` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Partners that may use it.
    pub partners: Vec<String>,
    /// Largest body in octets.
    pub max_body: usize,
    /// Largest part in octets.
    pub max_part: u64,
}

/// What became of a delivery when it was taken; nothing of what it says or led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: Uuid,
    /// The state in which it is.
    pub state: Inbound,
    /// When it came.
    pub received: Timestamp,
    /// Its type, where it was detected.
    pub message: Option<String>,
    /// Whether it is a test.
    pub test: bool,
}

/// By what a delivery is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under<'a> {
    /// Its transport id; of several the first.
    Transport(&'a str),
    /// Its own.
    Id(Uuid),
}
