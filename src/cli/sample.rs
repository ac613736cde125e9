//! Invented deliveries for `demo`, `bench` and tests: the n-th is always the same, and no two share a child.
//! Speaks of nobody who lives; always marked as test.

use uuid::Uuid;

use crate::cli::sample_xml::{self, Familie, Kopf, Stelle};

const FAMILIENNAMEN: &[&str] = &[
    "Ćirković-Müller",
    "Özdemir",
    "Jørgensen",
    "Weiß",
    "Šťastná",
    "Nguyễn",
    "Łukowska",
    "von der Aue",
    "Þórsdóttir",
    "Brandt",
];
const VORNAMEN_MUTTER: &[&str] = &[
    "Zoë Marie",
    "İpek",
    "Ane",
    "Klara Sophie",
    "Ludmila",
    "Thị Mai",
    "Agnieszka",
    "Dorothée",
    "Björk",
    "Ida",
];
const VORNAMEN_KIND: &[&str] =
    &["Lía", "Emre", "Nils-Ole", "Frieda", "Tomáš", "An", "Zofia", "Anton", "Sól", "Jonte"];

/// What the n-th delivery says besides its persons.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Number of the child: decides all persons and dates.
    pub child: u64,
    /// Number of the message: decides its UUID; equal to `child` in a plain delivery.
    pub message: u64,
    /// Codes of the entry; empty means `eintragungVorhanden=false`.
    pub arten: Vec<&'static str>,
    /// Second of the day at which the author made it.
    pub second: u32,
    /// The author's key behind `jga:`, 12 digits.
    pub jugendamt: &'static str,
    /// The author's name.
    pub jugendamt_name: &'static str,
}

impl Wish {
    /// A plain delivery of Bremen about the n-th child.
    pub fn plain(n: u64) -> Wish {
        Wish {
            child: n,
            message: n,
            arten: if n.is_multiple_of(3) { vec!["01"] } else { Vec::new() },
            second: (n % 80_000) as u32,
            jugendamt: "040110000000",
            jugendamt_name: "Amt für Soziale Dienste Bremen (Jugendamt)",
        }
    }

    /// The UUID of the message.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:drehscheibe:probe:{}", self.message).as_bytes())
    }
}

impl Wish {
    /// Mother and child, who live in Bremen.
    pub fn familie(&self) -> Familie {
        let pick = |names: &'static [&'static str], salt: u64| {
            names[((self.child / salt.max(1)) % names.len() as u64) as usize]
        };
        let (monat, tag) = (1 + self.child % 12, 1 + (self.child / 12) % 28);
        let (jahr_kind, jahr_mutter) = (2012 + self.child % 12, 1980 + self.child % 20);
        Familie {
            familienname: pick(FAMILIENNAMEN, 1),
            mutter: pick(VORNAMEN_MUTTER, 3),
            mutter_geboren: format!("{jahr_mutter}-{:02}-{tag:02}", 1 + self.child % 11),
            wohnort: ("04011000", "28195", "Bremen"),
            // The number in the given name keeps children apart, whatever the names repeat.
            kind: format!("{} {}", pick(VORNAMEN_KIND, 7), letters(self.child)),
            kind_geboren: format!("{jahr_kind}-{monat:02}-{tag:02}"),
            register: format!("{}/{jahr_kind}", self.child),
            register_ars: self.jugendamt,
        }
    }

    fn kopf(&self, wurzel: &'static str, typ: &'static str) -> Kopf<'static> {
        let uuid = self.uuid();
        Kopf {
            wurzel,
            typ,
            uuid,
            second: self.second,
            leser: Stelle::plattform(),
            autor: Stelle::jugendamt(self.jugendamt, self.jugendamt_name),
            transaktionsid: Uuid::new_v5(&uuid, b"transaktion"),
        }
    }
}

/// A XFamilie 0804 as a Jugendamt would deliver it.
pub fn eintragung(wish: &Wish) -> String {
    let familie = wish.familie();
    let inhalt = [
        sample_xml::mutter("angabenZurMutter", &familie),
        sample_xml::kind("angabenZumKind", &familie),
        sample_xml::arten("eintragungNachweisregister", &wish.arten),
    ];
    sample_xml::nachricht(&wish.kopf("sorge.nachweisregister.eintragung.0804", "0804"), &inhalt.concat())
}

/// A XFamilie 0804 about a child that is not born yet: only the mother and an expected month.
pub fn vor_der_geburt(wish: &Wish) -> String {
    let kind = "  <xfg:angabenZumKind>\n    <xfg:angabenZumKindVorGeburt><xfb:jahrMonat>2027-02</xfb:jahrMonat></xfg:angabenZumKindVorGeburt>\n  </xfg:angabenZumKind>\n";
    let inhalt = [
        sample_xml::mutter("angabenZurMutter", &wish.familie()),
        kind.to_owned(),
        sample_xml::arten("eintragungNachweisregister", &wish.arten),
    ];
    sample_xml::nachricht(&wish.kopf("sorge.nachweisregister.eintragung.0804", "0804"), &inhalt.concat())
}

/// A XFamilie 0805 that corrects what was said of entries: from `before` to what the wish says.
pub fn korrektur(wish: &Wish, before: &[&str]) -> String {
    let familie = wish.familie();
    let inhalt = [
        sample_xml::mutter("angabenZurMutterAlt", &familie),
        sample_xml::kind("angabenZumKindAlt", &familie),
        sample_xml::arten("eintragungNachweisregisterAlt", before),
        sample_xml::arten("eintragungNachweisregisterNeu", &wish.arten),
    ];
    sample_xml::nachricht(&wish.kopf("sorge.nachweisregister.korrektur.0805", "0805"), &inhalt.concat())
}

/// A XFamilie 0806 that deletes the child.
pub fn loeschung(wish: &Wish) -> String {
    let familie = wish.familie();
    let inhalt =
        [sample_xml::mutter("angabenZurMutter", &familie), sample_xml::kind("angabenZumKind", &familie)];
    sample_xml::nachricht(&wish.kopf("sorge.nachweisregister.loeschung.0806", "0806"), &inhalt.concat())
}

/// A number as an invented given name: base 26 with a capital first letter.
fn letters(number: u64) -> String {
    let mut name = String::from("Q");
    let mut left = number;
    loop {
        name.push(char::from(b'a' + (left % 26) as u8));
        left /= 26;
        if left == 0 {
            return name;
        }
    }
}
