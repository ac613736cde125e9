//! The frame of invented messages in XFamilie: head, mother and child, as all of them write it.
//! Knows no story; who and what is said comes from its callers.

use uuid::Uuid;

/// Key of the platform behind `jga:`, as the demonstration's partners.yaml has it.
const PLATTFORM: &str = "040110000000";

/// The persons of a message, as all messages about them name them.
#[derive(Clone, Debug)]
pub struct Familie {
    /// Family name of both.
    pub familienname: &'static str,
    /// Given names of the mother.
    pub mutter: &'static str,
    /// Her date of birth.
    pub mutter_geboren: String,
    /// Where she lives: AGS, postal code, place.
    pub wohnort: (&'static str, &'static str, &'static str),
    /// Given names of the child.
    pub kind: String,
    /// Its date of birth.
    pub kind_geboren: String,
    /// Its number in the register of births.
    pub register: String,
    /// Who keeps the Sorgeregister, 12 digits.
    pub register_ars: &'static str,
}

/// An authority as a head names it.
#[derive(Clone, Copy, Debug)]
pub struct Stelle<'a> {
    /// Prefix of its key, such as `jga`.
    pub praefix: &'a str,
    /// Its key, 12 digits.
    pub kennung: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its mail address.
    pub mail: &'a str,
    /// Its street.
    pub strasse: &'a str,
}

impl<'a> Stelle<'a> {
    /// The platform.
    pub fn plattform() -> Stelle<'static> {
        Stelle {
            praefix: "jga",
            kennung: PLATTFORM,
            name: "Sorgeregister-Plattform (Nachweisregister)",
            mail: "plattform@sorgeregister.example",
            strasse: "Beispielweg",
        }
    }

    /// A Jugendamt.
    pub fn jugendamt(kennung: &'a str, name: &'a str) -> Stelle<'a> {
        let (mail, strasse) = ("sorgeregister@jugendamt.example", "Musterwall");
        Stelle { praefix: "jga", kennung, name, mail, strasse }
    }

    /// An online service.
    pub fn onlinedienst() -> Stelle<'static> {
        Stelle {
            praefix: "fap",
            kennung: "020000000000",
            name: "Kita-Portal Nord",
            mail: "portal@onlinedienst.example",
            strasse: "Musterallee",
        }
    }

    fn xml(&self) -> String {
        let Stelle { praefix, kennung, name, mail, strasse } = self;
        format!(
            r#"<xfb:behoerdenkennung>
        <xfb:praefix listVersionID="51"><code>{praefix}</code></xfb:praefix>
        <xfb:kennung listURI="urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:rs" listVersionID="2026-04-30"><code>{kennung}</code></xfb:kennung>
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
    }
}

/// What stands in the head of a message.
#[derive(Clone, Copy, Debug)]
pub struct Kopf<'a> {
    /// Name of the root without its prefix.
    pub wurzel: &'a str,
    /// Number of the message type.
    pub typ: &'a str,
    /// UUID of the message.
    pub uuid: Uuid,
    /// Second of the day at which the author made it.
    pub second: u32,
    /// The reader.
    pub leser: Stelle<'a>,
    /// The author.
    pub autor: Stelle<'a>,
    /// Id of the Vorgang.
    pub transaktionsid: Uuid,
}

/// A whole message.
pub fn nachricht(kopf: &Kopf<'_>, inhalt: &str) -> String {
    let Kopf { wurzel, typ, uuid, second, leser, autor, transaktionsid } = kopf;
    let (stunde, minute, sekunde) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<xfg:{wurzel} xmlns:xfg="http://www.xoev.de/xfamilie/geburt/1.3.0" xmlns:xfb="http://www.xoev.de/xfamilie/baukasten/1.3.0" standard="XFamilie" version="1.3.0" produkt="Musterverfahren" produkthersteller="Muster GmbH" produktversion="4.2" test="true">
  <xfb:nachrichtenkopf>
    <xfb:identifikation.nachricht>
      <xfb:nachrichtenUUID>{uuid}</xfb:nachrichtenUUID>
      <xfb:nachrichtentyp><code>{typ}</code></xfb:nachrichtentyp>
      <xfb:erstellungszeitpunkt>2026-11-20T{stunde:02}:{minute:02}:{sekunde:02}.000+01:00</xfb:erstellungszeitpunkt>
    </xfb:identifikation.nachricht>
    <xfb:leser>
      {}
    </xfb:leser>
    <xfb:autor>
      {}
    </xfb:autor>
  </xfb:nachrichtenkopf>
  <xfb:zeitstempelAntragsstellung>2026-11-20T08:00:00.000+01:00</xfb:zeitstempelAntragsstellung>
  <xfb:transaktionsid>{transaktionsid}</xfb:transaktionsid>
{inhalt}</xfg:{wurzel}>
"#,
        leser.xml(),
        autor.xml()
    )
}

/// The mother, in an element of this name.
pub fn mutter(element: &str, familie: &Familie) -> String {
    let Familie { familienname, mutter, mutter_geboren, wohnort, .. } = familie;
    let (schluessel, plz, ort) = wohnort;
    format!(
        r#"  <xfg:{element}>
    <xfg:nameElternteil2>
      <xfb:familienname.unstrukturiert><xfb:name>{familienname}</xfb:name></xfb:familienname.unstrukturiert>
      <xfb:vornamen><xfb:name>{mutter}</xfb:name></xfb:vornamen>
    </xfg:nameElternteil2>
    <xfg:geburt>
      <xfb:geburtsort>Bremen</xfb:geburtsort>
      <xfb:geburtsdatum><xfb:jahrMonatTag>{mutter_geboren}</xfb:jahrMonatTag></xfb:geburtsdatum>
    </xfg:geburt>
    <xfg:anschrift>
      <xfb:gemeindeschluessel listVersionID="2026-04-30"><code>{schluessel}</code></xfb:gemeindeschluessel>
      <xfb:hausnummer>12</xfb:hausnummer>
      <xfb:postleitzahl>{plz}</xfb:postleitzahl>
      <xfb:strasse>Musterstraße</xfb:strasse>
      <xfb:wohnort>{ort}</xfb:wohnort>
    </xfg:anschrift>
    <xfg:familienstand><code>LD</code></xfg:familienstand>
  </xfg:{element}>
"#
    )
}

/// The child, in an element of this name.
pub fn kind(element: &str, familie: &Familie) -> String {
    let Familie { familienname, kind, kind_geboren, register, register_ars, .. } = familie;
    format!(
        r#"  <xfg:{element}>
    <xfg:nachgeburtlicheAngabenZumKind>
      <xfg:nameDesKindes>
        <xfb:familienname.unstrukturiert><xfb:name>{familienname}</xfb:name></xfb:familienname.unstrukturiert>
        <xfb:vornamen><xfb:name>{kind}</xfb:name></xfb:vornamen>
      </xfg:nameDesKindes>
      <xfg:geburtsort>Bremen</xfg:geburtsort>
      <xfg:geburtsdatum><xfb:jahrMonatTag>{kind_geboren}</xfb:jahrMonatTag></xfg:geburtsdatum>
      <xfg:geburtsregisterNummer>{register}</xfg:geburtsregisterNummer>
      <xfg:geburtsstandesamt>Standesamt Bremen-Mitte</xfg:geburtsstandesamt>
      <xfg:registerfuehrendeStelleARS listVersionID="2026-04-30"><code>{register_ars}</code></xfg:registerfuehrendeStelleARS>
    </xfg:nachgeburtlicheAngabenZumKind>
  </xfg:{element}>
"#
    )
}

/// Whether there is an entry and of which kinds, in an element of this name.
pub fn arten(element: &str, arten: &[&str]) -> String {
    let vorhanden = !arten.is_empty();
    let arten: String = arten
        .iter()
        .map(|art| {
            format!(
                "\n    <xfg:eintragungSorgeregisterArt><code>{art}</code></xfg:eintragungSorgeregisterArt>"
            )
        })
        .collect();
    format!(
        "  <xfg:{element}>\n    <xfg:eintragungVorhanden>{vorhanden}</xfg:eintragungVorhanden>{arten}\n  </xfg:{element}>\n"
    )
}
