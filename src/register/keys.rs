//! Search keys in clear that print redacted; only the store turns them into HMACs, at its contract.
//! Never leaves the process and is never written anywhere as it is.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use crate::register::record::{Kind, Mutter, Registersatz};

/// A key in clear: a class (what kind of key, no person data) and its value (person data).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchKey {
    /// What kind of key, such as `kind`.
    class: &'static str,
    /// The parts, joined by a separator that cannot occur in them.
    value: String,
}

impl SearchKey {
    /// A key of a class from its parts; each part is normalised, empty parts stand as empty.
    pub fn new<'a>(class: &'static str, parts: impl IntoIterator<Item = &'a str>) -> Self {
        let value = parts.into_iter().map(normalise).collect::<Vec<_>>().join("\u{1f}");
        SearchKey { class, value }
    }

    /// The class, which is no person data.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// The octets that the store's HMAC is made over: class, separator, value.
    pub fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.class.len() + 1 + self.value.len());
        octets.extend_from_slice(self.class.as_bytes());
        octets.push(0x1e);
        octets.extend_from_slice(self.value.as_bytes());
        octets
    }
}

impl fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchKey({}, ..)", self.class)
    }
}

/// The key of a child together with its mother: what makes two deliveries speak of the same Registersatz.
///
/// The three legal data of the child (§ 1626d(2) BGB: birth date, birth place, name at registration) and the mother's birth
/// date, which keeps twins of different mothers with equal names apart.
pub fn child(kind: &Kind, mutter: &Mutter) -> SearchKey {
    let name = kind.namen.first();
    SearchKey::new(
        "kind",
        [
            kind.geburtsdatum
                .as_ref()
                .or(kind.erwartet.as_ref())
                .map(|d| d.to_string())
                .unwrap_or_default()
                .as_str(),
            kind.geburtsort.as_deref().unwrap_or_default(),
            name.and_then(|n| n.familienname.as_deref()).unwrap_or_default(),
            name.and_then(|n| n.vornamen.as_deref()).unwrap_or_default(),
            mutter.geburtsdatum.to_string().as_str(),
        ],
    )
}

/// All keys under which a Registersatz is found.
pub fn of(registersatz: &Registersatz) -> Vec<SearchKey> {
    vec![child(&registersatz.kind, &registersatz.mutter)]
}

/// NFC, single spaces, upper case: equal spellings meet, different ones never do.
fn normalise(part: &str) -> String {
    let folded: String = part.nfc().flat_map(char::to_uppercase).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
