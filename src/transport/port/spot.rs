//! Places at far ends, as transports tell them, so that two which are one are found before anything runs. Knows no transport and opens nothing.

use std::collections::BTreeMap;

/// A place at a far end. No two partners are written to at one, and none that is taken from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Which it is: two ways of writing one place have the same text, or, with `*`, may be the same place.
    pub at: String,
    /// As it may be said to persons.
    pub said: String,
    /// The key that names it, such as `url`.
    pub key: &'static str,
    /// Who is written to there; `None` where it is taken from.
    pub written: Option<String>,
    /// What tells it from others of the same text: two that both say one of these and not the same are two places. Mostly empty.
    pub apart: BTreeMap<String, String>,
}

impl Spot {
    /// Whether what each of the two says may be true of one and the same.
    pub fn agrees(&self, other: &Spot) -> bool {
        self.apart.iter().all(|(name, value)| other.apart.get(name).is_none_or(|known| known == value))
    }
}

/// The key of a spot that is no place but by what a partner is known.
pub const AUTHORS: &str = "authors";

/// A text in which a star is an octet like any other.
pub fn exact(text: &str) -> String {
    text.replace('*', "%2A")
}

/// A host, scheme and port as one text, however they are written.
pub fn origin(scheme: &str, host: &str, port: Option<u16>) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    format!("{scheme}://{host}:{}", port.map(|port| port.to_string()).unwrap_or_default())
}
