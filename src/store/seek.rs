//! What somebody knows of a message that is looked for. Pure; asks nothing itself, and never names what a message says.

use uuid::Uuid;

use crate::store::entry::Key;
use crate::store::listed::Listed;

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub struct Seek {
    /// Only ids from the one to the other, both included: a window of time, because an id begins with the moment of receipt, or the beginning
    /// of an id.
    pub between: Option<(Uuid, Uuid)>,
    /// Only what sent a row whose id lies there.
    pub sent: Option<(Uuid, Uuid)>,
    /// Only what came with one of these transport ids.
    pub transports: Vec<String>,
    /// Only what came first under one of these keys.
    pub keys: Vec<Key>,
    /// Only of this partner.
    pub partner: Option<String>,
    /// Only of this route.
    pub route: Option<String>,
    /// Only of this type.
    pub message: Option<String>,
    /// Only refused with this code.
    pub code: Option<String>,
}

impl Seek {
    /// What sent this row.
    pub fn sent(id: Uuid) -> Seek {
        Seek { sent: Some((id, id)), ..Seek::default() }
    }

    /// Whether nothing is known that leads to a few messages: no row that they sent, no key.
    pub fn is_open(&self) -> bool {
        self.sent.is_none() && self.transports.is_empty() && self.keys.is_empty()
    }

    /// Whether messages are looked for by their ids and what is said of them, and not only listed.
    pub fn narrows(&self) -> bool {
        let said = [&self.partner, &self.route, &self.message, &self.code];
        self.between.is_some() || said.iter().any(|one| one.is_some())
    }

    /// Whether a message that was found otherwise is one that is looked for.
    pub fn fits(&self, listed: &Listed) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        is(&self.partner, Some(&listed.partner))
            && is(&self.route, listed.route.as_deref())
            && is(&self.message, listed.message.as_deref())
            && self.code.as_ref().is_none_or(|code| listed.codes.contains(code))
            && self.between.is_none_or(|(from, to)| (from..=to).contains(&listed.id))
    }
}
