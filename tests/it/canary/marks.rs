//! Marked persons: strings that stand nowhere else, one for each field and each way in, and documents that carry them.

use drehscheibe::cli::sample::{Wish, eintragung};

/// Where marked children are born.
pub const BIRTHPLACE: &str = "Dünkeloogšand";

/// Marks of the document: name, opening of the element, which of its occurrences, value.
const FIELDS: &[(&str, &str, usize, &str)] = &[
    ("mother's family name", "<xfb:name>", 0, "Żyrafiński-Öxlmåq"),
    ("mother's given names", "<xfb:name>", 1, "Quendoleïne Wyrmhild"),
    ("child's family name", "<xfb:name>", 2, "Vřesovičová-Thjøq"),
    ("child's given names", "<xfb:name>", 3, "Pžemislav Uldarikôn"),
    ("mother's birthplace", "<xfb:geburtsort>", 0, "Kloßwürmelingen"),
    ("child's birthplace", "<xfg:geburtsort>", 0, BIRTHPLACE),
    ("mother's birth date", "<xfb:jahrMonatTag>", 0, "1951-02-27"),
    ("child's birth date", "<xfb:jahrMonatTag>", 1, "2016-02-29"),
    ("street", "<xfb:strasse>", 2, "Ğümüşkäferstieg"),
    ("house number", "<xfb:hausnummer>", 2, "8147zqxbw"),
    ("town", "<xfb:wohnort>", 2, "Fjørdhöllenbek"),
    ("register number", "<xfg:geburtsregisterNummer>", 0, "Gx90417/2004"),
    ("register office", "<xfg:geburtsstandesamt>", 0, "Standesamt Űrghalmvik"),
    ("transaktionsid", "<xfb:transaktionsid>", 0, "5b1e77c4-9d0a-4a57-8e33-c0ffee0dd1e5"),
];

/// Marks that come beside a document.
pub const KEY: &str = "Schlyssel-Grimbartha-1951";
pub const QUERY: &str = "Rübezahlinchen-Abfrage";
pub const HEADER: &str = "Kopfzeyle-Mumelstein";
pub const FILE: &str = "Dateyname-Böckelmannshöh";
pub const PART: &str = "Teylname-Wackernagelsdottir";
pub const PART_FILE: &str = "Beylage-Ünterwaldmüller";
pub const PART_TEXT: &str = "Nachweysinhalt der Familie Zwölfender";
pub const PARTNER_SAYS: &str = "Anthwort des Empfängers über Nöckenfee";
pub const TOKEN: &str = "Bearerwort-Fremdlingshausen";
pub const WRONG: &str = "Falschwert-Käuzchenburg";

/// All marks with their names.
pub fn all() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = FIELDS.iter().map(|(name, _, _, value)| (*name, *value)).collect();
    all.extend([
        ("idempotency key", KEY),
        ("query", QUERY),
        ("header", HEADER),
        ("file name", FILE),
        ("name of a part", PART),
        ("file name of a part", PART_FILE),
        ("content of a part", PART_TEXT),
        ("answer of a partner", PARTNER_SAYS),
        ("token of a stranger", TOKEN),
        ("wrong value", WRONG),
    ]);
    all
}

/// The marks of the persons in a document.
pub fn persons() -> Vec<&'static str> {
    FIELDS.iter().map(|(.., value)| *value).collect()
}

/// The n-th delivery, with every field of a person marked.
pub fn marked(n: u64) -> String {
    let mut document = eintragung(&Wish::plain(n));
    for (name, open, nth, value) in FIELDS {
        // A further given name keeps children apart.
        let further =
            if *name == "child's given names" { format!(" Q{}", letters(n)) } else { String::new() };
        document = set(&document, open, *nth, &format!("{value}{further}"))
            .unwrap_or_else(|| panic!("{name} is not in the sample"));
    }
    document
}

fn letters(n: u64) -> String {
    n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// Replaces the text of the n-th element that opens so.
pub fn set(document: &str, open: &str, nth: usize, value: &str) -> Option<String> {
    let (at, _) = document.match_indices(open).nth(nth)?;
    let from = at + open.len();
    let to = from + document[from..].find('<')?;
    Some(format!("{}{value}{}", &document[..from], &document[to..]))
}
