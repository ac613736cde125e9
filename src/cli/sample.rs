//! Invented deliveries for `demo`, `bench` and tests: the n-th is always the same, and no two share a child.
//! Speaks of nobody who lives; always marked as test.

use uuid::Uuid;

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

/// A XFamilie 0804 as a Jugendamt would deliver it.
pub fn eintragung(wish: &Wish) -> String {
    let pick = |names: &'static [&'static str], salt: u64| {
        names[((wish.child / salt.max(1)) % names.len() as u64) as usize]
    };
    let (mutter, vorname) = (pick(FAMILIENNAMEN, 1), pick(VORNAMEN_MUTTER, 3));
    let kind = pick(VORNAMEN_KIND, 7);
    // The number in the given name keeps children apart, whatever the names repeat.
    let zweiter = letters(wish.child);
    let (monat, tag) = (1 + wish.child % 12, 1 + (wish.child / 12) % 28);
    let (jahr_kind, jahr_mutter) = (2012 + wish.child % 12, 1980 + wish.child % 20);
    let vorhanden = !wish.arten.is_empty();
    let arten: String = wish
        .arten
        .iter()
        .map(|art| {
            format!(
                "\n    <xfg:eintragungSorgeregisterArt><code>{art}</code></xfg:eintragungSorgeregisterArt>"
            )
        })
        .collect();
    let (stunde, minute, sekunde) = (wish.second / 3600, wish.second / 60 % 60, wish.second % 60);
    let (amt, amt_name) = (wish.jugendamt, wish.jugendamt_name);
    let (uuid, vorgang) = (wish.uuid(), Uuid::new_v5(&wish.uuid(), b"transaktion"));
    let stelle = |name: &str, mail: &str, strasse: &str| {
        format!(
            r#"<xfb:behoerdenkennung>
        <xfb:praefix listVersionID="51"><code>jga</code></xfb:praefix>
        <xfb:kennung listURI="urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs" listVersionID="2026-04-30"><code>{amt}</code></xfb:kennung>
      </xfb:behoerdenkennung>
      <xfb:erreichbarkeit>
        <xfb:kanal listVersionID="3"><code>01</code></xfb:kanal>
        <xfb:kennung>{mail}</xfb:kennung>
      </xfb:erreichbarkeit>
      <xfb:anschrift>
        <xfb:gebaeude>
          <xfb:hausnummer>5</xfb:hausnummer>
          <xfb:postleitzahl>28195</xfb:postleitzahl>
          <xfb:strasse>{strasse}</xfb:strasse>
          <xfb:wohnort>Bremen</xfb:wohnort>
        </xfb:gebaeude>
      </xfb:anschrift>
      <xfb:behoerdenname>{name}</xfb:behoerdenname>"#
        )
    };
    let leser = stelle(
        "Sorgeregister-Plattform (Nachweisregister)",
        "plattform@sorgeregister.example",
        "Beispielweg",
    );
    let autor = stelle(amt_name, "sorgeregister@jugendamt.example", "Musterwall");
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xfg:sorge.nachweisregister.eintragung.0804 xmlns:xfg="http://www.xoev.de/xfamilie/geburt/1.3.0" xmlns:xfb="http://www.xoev.de/xfamilie/baukasten/1.3.0" standard="XFamilie" version="1.3.0" produkt="Musterverfahren" produkthersteller="Muster GmbH" produktversion="4.2" test="true">
  <xfb:nachrichtenkopf>
    <xfb:identifikation.nachricht>
      <xfb:nachrichtenUUID>{uuid}</xfb:nachrichtenUUID>
      <xfb:nachrichtentyp><code>0804</code></xfb:nachrichtentyp>
      <xfb:erstellungszeitpunkt>2026-11-20T{stunde:02}:{minute:02}:{sekunde:02}.000+01:00</xfb:erstellungszeitpunkt>
    </xfb:identifikation.nachricht>
    <xfb:leser>
      {leser}
    </xfb:leser>
    <xfb:autor>
      {autor}
    </xfb:autor>
  </xfb:nachrichtenkopf>
  <xfb:zeitstempelAntragsstellung>2026-11-20T08:00:00.000+01:00</xfb:zeitstempelAntragsstellung>
  <xfb:transaktionsid>{vorgang}</xfb:transaktionsid>
  <xfg:angabenZurMutter>
    <xfg:nameElternteil2>
      <xfb:familienname.unstrukturiert><xfb:name>{mutter}</xfb:name></xfb:familienname.unstrukturiert>
      <xfb:vornamen><xfb:name>{vorname}</xfb:name></xfb:vornamen>
    </xfg:nameElternteil2>
    <xfg:geburt>
      <xfb:geburtsort>Bremen</xfb:geburtsort>
      <xfb:geburtsdatum><xfb:jahrMonatTag>{jahr_mutter}-{tag_mutter:02}-{tag:02}</xfb:jahrMonatTag></xfb:geburtsdatum>
    </xfg:geburt>
    <xfg:anschrift>
      <xfb:gemeindeschluessel listVersionID="2026-04-30"><code>04011000</code></xfb:gemeindeschluessel>
      <xfb:hausnummer>12</xfb:hausnummer>
      <xfb:postleitzahl>28195</xfb:postleitzahl>
      <xfb:strasse>Musterstraße</xfb:strasse>
      <xfb:wohnort>Bremen</xfb:wohnort>
    </xfg:anschrift>
    <xfg:familienstand><code>LD</code></xfg:familienstand>
  </xfg:angabenZurMutter>
  <xfg:angabenZumKind>
    <xfg:nachgeburtlicheAngabenZumKind>
      <xfg:nameDesKindes>
        <xfb:familienname.unstrukturiert><xfb:name>{mutter}</xfb:name></xfb:familienname.unstrukturiert>
        <xfb:vornamen><xfb:name>{kind} {zweiter}</xfb:name></xfb:vornamen>
      </xfg:nameDesKindes>
      <xfg:geburtsort>Bremen</xfg:geburtsort>
      <xfg:geburtsdatum><xfb:jahrMonatTag>{jahr_kind}-{monat:02}-{tag:02}</xfb:jahrMonatTag></xfg:geburtsdatum>
      <xfg:geburtsregisterNummer>{child}/{jahr_kind}</xfg:geburtsregisterNummer>
      <xfg:geburtsstandesamt>Standesamt Bremen-Mitte</xfg:geburtsstandesamt>
      <xfg:registerfuehrendeStelleARS listVersionID="2026-04-30"><code>{amt}</code></xfg:registerfuehrendeStelleARS>
    </xfg:nachgeburtlicheAngabenZumKind>
  </xfg:angabenZumKind>
  <xfg:eintragungNachweisregister>
    <xfg:eintragungVorhanden>{vorhanden}</xfg:eintragungVorhanden>{arten}
  </xfg:eintragungNachweisregister>
</xfg:sorge.nachweisregister.eintragung.0804>
"#,
        tag_mutter = 1 + wish.child % 11,
        child = wish.child,
    )
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
