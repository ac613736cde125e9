//! What the office, the Standesamt and mothers write, in the frame of the samples, about people who are none of the samples'.

use std::sync::OnceLock;

use drehscheibe::cli::sample_xml::{self, Kopf, Stelle};
use drehscheibe::register::record::{Kind, Mutter};
use drehscheibe::xml::write::escape_text;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::root;

/// A Registersatz as the office keeps it.
#[derive(Clone, PartialEq)]
pub struct Satz {
    pub kind: Kind,
    pub mutter: Mutter,
    pub arten: Vec<&'static str>,
}

impl Satz {
    pub fn geboren(&self) -> bool {
        self.kind.geburtsdatum.is_some()
    }
}

/// Which message it is, and when the office's clock says that it is made.
#[derive(Clone, Copy)]
pub struct Wer {
    pub uuid: Uuid,
    pub stamp: Timestamp,
    /// Addressed to another reader, by a slip of the office's system.
    pub fehlgeleitet: bool,
}

/// The stamps of the frame, in whose place those of the year come.
const STAMPS: [&str; 2] = ["2026-11-20T00:00:00.000+01:00", "2026-11-20T08:00:00.000+01:00"];

fn nachricht(wer: &Wer, (wurzel, typ): (&str, &str), inhalt: &[String]) -> String {
    let name = "Amt für Soziale Dienste Bremen (Jugendamt)";
    let leser = match wer.fehlgeleitet {
        true => Stelle::jugendamt("020000000000", "Jugendamt Hamburg-Mitte"),
        false => Stelle::plattform(),
    };
    let kopf = Kopf {
        wurzel,
        typ,
        uuid: wer.uuid,
        second: 0,
        leser,
        autor: Stelle::jugendamt("040110000000", name),
        transaktionsid: Uuid::new_v5(&wer.uuid, b"transaktion"),
    };
    let written = sample_xml::nachricht(&kopf, &inhalt.concat());
    STAMPS.iter().fold(written, |text, stamp| {
        assert!(text.contains(stamp), "the frame has other stamps");
        text.replace(stamp, &wer.stamp.to_string())
    })
}

/// 0804.
pub fn eintragung(wer: &Wer, satz: &Satz) -> String {
    let inhalt = [
        mutter("angabenZurMutter", &satz.mutter),
        kind("angabenZumKind", &satz.kind),
        sample_xml::arten("eintragungNachweisregister", &satz.arten),
    ];
    nachricht(wer, ("sorge.nachweisregister.eintragung.0804", "0804"), &inhalt)
}

/// 0805: what differs is given anew.
pub fn korrektur(wer: &Wer, alt: &Satz, neu: &Satz) -> String {
    let mut inhalt = vec![
        mutter("angabenZurMutterAlt", &alt.mutter),
        kind("angabenZumKindAlt", &alt.kind),
        sample_xml::arten("eintragungNachweisregisterAlt", &alt.arten),
    ];
    inhalt.extend((alt.mutter != neu.mutter).then(|| mutter("angabenZurMutterNeu", &neu.mutter)));
    inhalt.extend((alt.kind != neu.kind).then(|| kind("angabenZumKindNeu", &neu.kind)));
    let arten = || sample_xml::arten("eintragungNachweisregisterNeu", &neu.arten);
    inhalt.extend((alt.arten != neu.arten).then(arten));
    nachricht(wer, ("sorge.nachweisregister.korrektur.0805", "0805"), &inhalt)
}

/// 0806.
pub fn loeschung(wer: &Wer, satz: &Satz) -> String {
    let inhalt = [mutter("angabenZurMutter", &satz.mutter), kind("angabenZumKind", &satz.kind)];
    nachricht(wer, ("sorge.nachweisregister.loeschung.0806", "0806"), &inhalt)
}

fn named(element: &str, name: &Option<String>) -> String {
    let Some(name) = name else { return String::new() };
    format!("<xfb:{element}><xfb:name>{}</xfb:name></xfb:{element}>", escape_text(name).unwrap())
}

fn mutter(element: &str, mutter: &Mutter) -> String {
    format!(
        r#"  <xfg:{element}>
    <xfg:nameElternteil2>{}{}{}</xfg:nameElternteil2>
    <xfg:geburt>
      <xfb:geburtsort>Bremen</xfb:geburtsort>
      <xfb:geburtsdatum><xfb:jahrMonatTag>{}</xfb:jahrMonatTag></xfb:geburtsdatum>
    </xfg:geburt>
    <xfg:anschrift>
      <xfb:gemeindeschluessel listVersionID="2026-04-30"><code>04011000</code></xfb:gemeindeschluessel>
      <xfb:hausnummer>12</xfb:hausnummer>
      <xfb:postleitzahl>28195</xfb:postleitzahl>
      <xfb:strasse>Musterstraße</xfb:strasse>
      <xfb:wohnort>Bremen</xfb:wohnort>
    </xfg:anschrift>
    <xfg:familienstand><code>LD</code></xfg:familienstand>
  </xfg:{element}>
"#,
        named("familienname.unstrukturiert", &mutter.name.familienname),
        named("geburtsname.unstrukturiert", &mutter.name.geburtsname),
        named("vornamen", &mutter.name.vornamen),
        mutter.geburtsdatum,
    )
}

fn kind(element: &str, kind: &Kind) -> String {
    if let (None, Some(erwartet)) = (&kind.geburtsdatum, &kind.erwartet) {
        return format!(
            "  <xfg:{element}>\n    <xfg:angabenZumKindVorGeburt><xfb:jahrMonat>{erwartet}</xfb:jahrMonat></xfg:angabenZumKindVorGeburt>\n  </xfg:{element}>\n"
        );
    }
    let plain = |element: &str, text: &Option<String>| match text {
        Some(text) => format!("\n      <xfg:{element}>{}</xfg:{element}>", escape_text(text).unwrap()),
        None => String::new(),
    };
    let name = &kind.namen[0];
    format!(
        r#"  <xfg:{element}>
    <xfg:nachgeburtlicheAngabenZumKind>
      <xfg:nameDesKindes>{}{}</xfg:nameDesKindes>
      <xfg:geburtsort>Bremen</xfg:geburtsort>
      <xfg:geburtsdatum><xfb:jahrMonatTag>{}</xfb:jahrMonatTag></xfg:geburtsdatum>{}{}
      <xfg:registerfuehrendeStelleARS listVersionID="2026-04-30"><code>040110000000</code></xfg:registerfuehrendeStelleARS>
    </xfg:nachgeburtlicheAngabenZumKind>
  </xfg:{element}>
"#,
        named("familienname.unstrukturiert", &name.familienname),
        named("vornamen", &name.vornamen),
        kind.geburtsdatum.unwrap(),
        plain("geburtsregisterNummer", &kind.geburtsregister_nummer),
        plain("geburtsstandesamt", &kind.geburtsstandesamt),
    )
}

/// XPersonenstand 141010 about a birth of which a Sorgeerklärung is known, made of the package's own sample.
pub fn geburtsmitteilung(uuid: Uuid, stamp: Timestamp, satz: &Satz) -> String {
    static SAMPLE: OnceLock<String> = OnceLock::new();
    let path = root().join("xsd/xpersonenstand/26.11/samples/141010-sorgeerklaerung.xml");
    let sample = SAMPLE.get_or_init(|| std::fs::read_to_string(path).unwrap());
    let name = &satz.kind.namen[0];
    let text = |part: &Option<String>| escape_text(part.as_deref().unwrap()).unwrap().into_owned();
    let (nummer, jahr) = satz.kind.geburtsregister_nummer.as_deref().unwrap().split_once('/').unwrap();
    let year = |tag: &str, jahr: &str| format!("<p:{tag}>{jahr}</p:{tag}>");
    // Her name stands before the child's; either may be the sample's.
    sample
        .replacen("Müller", "@mutter@", 1)
        .replacen("Müller", "@kind@", 1)
        .replace("@mutter@", &text(&satz.mutter.name.familienname))
        .replace("@kind@", &text(&name.familienname))
        .replace("7b2d4c10-1f3a-4e55-8b7a-000000000041", &uuid.to_string())
        .replace("2026-11-21T10:15:30.123+01:00", &stamp.to_string())
        .replace("Zoë Marie", &text(&satz.mutter.name.vornamen))
        .replace("1994-03-12", &satz.mutter.geburtsdatum.to_string())
        .replace("Lía", &text(&name.vornamen))
        .replace("2024-08-05", &satz.kind.geburtsdatum.unwrap().to_string())
        .replace(&year("erstbeurkundungsjahr", "2024"), &year("erstbeurkundungsjahr", jahr))
        .replace(&year("eintragsnummer", "1234"), &year("eintragsnummer", nummer))
}

/// The partner's id of a request's Vorgang.
pub fn transaktionsid(number: u64) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:drehscheibe:jahr:antrag:{number}").as_bytes())
}

/// The request of a mother who is logged in herself, as the JSON of an online service.
pub fn antrag(number: u64, satz: &Satz, now: Timestamp) -> String {
    let (mutter, name) = (&satz.mutter, &satz.kind.namen[0]);
    let geboren = satz.kind.geburtsdatum.unwrap().to_string();
    let mut hers = json!({
        "familienname": mutter.name.familienname,
        "vornamen": mutter.name.vornamen,
        "geburtsdatum": mutter.geburtsdatum.to_string(),
    });
    if let Some(geburtsname) = &mutter.name.geburtsname {
        hers["geburtsname"] = json!(geburtsname);
    }
    let with = |more: Value| {
        let mut both = hers.as_object().unwrap().clone();
        both.extend(more.as_object().unwrap().clone());
        Value::Object(both)
    };
    let transaktionsid = transaktionsid(number);
    json!({
        "nachricht": "antrag",
        "version": "1",
        "test": true,
        "kopf": {
            "nachrichtenUUID": Uuid::new_v5(&transaktionsid, b"nachricht"),
            "zeitpunkt": now.to_string(),
            "autor": { "kennung": "fap:020000000000", "name": "Kita-Portal Nord" },
            "leser": { "kennung": "jga:040110000000", "name": "Sorgeregister-Plattform" },
        },
        "transaktionsid": transaktionsid,
        "mutter": with(json!({
            "geburtsort": "Bremen",
            "familienstand": "LD",
            "anschriften": [{
                "gemeindeschluessel": "04011000",
                "strasse": "Musterstraße",
                "hausnummer": "12",
                "postleitzahl": "28195",
                "wohnort": "Bremen",
            }],
        })),
        "kind": {
            "namen": [{ "familienname": name.familienname, "vornamen": name.vornamen }],
            "geburtsdatum": geboren,
            "geburtsort": "Bremen",
            "geburtsstaat": "000",
            "registerARS": "040110000000",
        },
        "zusatzangaben": {
            "mutterIstWarMitVaterVerheiratet": false,
            "mutterZumZeitpunktDerGeburtVerheiratet": false,
            "gerichtlicheEntscheidung": false,
            "gemeinsameSorgeerklaerung": false,
        },
        "anmeldung": with(json!({
            "konto": format!("konto-{number}"),
            "verfahren": "eID",
            "vertrauensniveau": "hoch",
            "zeitpunkt": (now - SignedDuration::from_secs(60)).to_string(),
            "rolle": "mutter",
            "postkorbHandle": format!("pk-{number}"),
        })),
    })
    .to_string()
}
