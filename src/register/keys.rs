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

/// The key of a Vorgang: the partner that began it and its id of it.
pub fn vorgang(partner: &str, transaktionsid: &str) -> SearchKey {
    SearchKey::new("vorgang", [partner, transaktionsid])
}

/// The key that leads from a message we sent to its Vorgang.
pub fn sendung(uuid: &str) -> SearchKey {
    SearchKey::new("sendung", [uuid])
}

/// The keys under which something open around a child or its mother stands (case Q).
///
/// Coarse on purpose: a name that was spelled otherwise must not hide it, and who is found too much only waits for a person.
pub fn offen(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let mother_born = mutter.geburtsdatum.to_string();
    let first_given = mutter.name.vornamen.as_deref().unwrap_or_default();
    let first_given = first_given.split_whitespace().next().unwrap_or_default();
    let mut keys = vec![SearchKey::new("offen-mutter", [mother_born.as_str(), first_given])];
    let born = kind.and_then(|kind| kind.geburtsdatum.as_ref().or(kind.erwartet.as_ref()));
    if let Some(born) = born {
        keys.push(SearchKey::new("offen-kind", [born.to_string().as_str(), mother_born.as_str()]));
    }
    keys
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
