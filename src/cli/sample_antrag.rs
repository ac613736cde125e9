//! Invented requests of mothers with the login beside them, what an office answers, and what persons say of a register.
//! Nobody in it lives; always marked as test.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::sample::Wish;
use crate::cli::sample_xml::{self, Familie, Kopf, Stelle};

/// A mother's request and who is logged in.
#[derive(Clone, Debug)]
pub struct Antrag {
    /// Number of the child, as in [`Wish`].
    pub child: u64,
    /// Number of the request: decides its ids.
    pub number: u64,
    /// Whether she lives in Hamburg and not in Bremen.
    pub hamburg: bool,
    /// Given names of whoever is logged in, where it is not she.
    pub other: Option<&'static str>,
    /// LeiKa key of the application that it is asked for (Once-Only), which she released the answer for.
    pub zweck: Option<&'static str>,
}

impl Antrag {
    /// The request of a mother who lives in Bremen and is logged in herself.
    pub fn new(child: u64, number: u64) -> Antrag {
        Antrag { child, number, hamburg: false, other: None, zweck: None }
    }

    /// The UUID of the message.
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:drehscheibe:antrag:{}", self.number).as_bytes())
    }

    /// The id that all messages of the Vorgang carry.
    pub fn transaktionsid(&self) -> Uuid {
        Uuid::new_v5(&self.uuid(), b"transaktion")
    }

    fn familie(&self) -> Familie {
        let familie = Wish::plain(self.child).familie();
        match self.hamburg {
            true => Familie { wohnort: ("02000000", "20095", "Hamburg"), ..familie },
            false => familie,
        }
    }
}

/// The request as XFamilie 0801; the login travels beside it.
pub fn xml(antrag: &Antrag) -> String {
    let familie = antrag.familie();
    let inhalt = [
        sample_xml::mutter("angabenZurMutter", &familie),
        sample_xml::kind("angabenZumKind", &familie),
        "  <xfg:zusatzangaben>\n    \
         <xfg:mutterIstWarMitVaterVerheiratet>false</xfg:mutterIstWarMitVaterVerheiratet>\n    \
         <xfg:gerichtlicheEntscheidungElterlicheSorgeAuchVorlaeufige>false</xfg:gerichtlicheEntscheidungElterlicheSorgeAuchVorlaeufige>\n    \
         <xfg:mutterZumZeitpunktDerGeburtVerheiratet>false</xfg:mutterZumZeitpunktDerGeburtVerheiratet>\n    \
         <xfg:gemeinsameSorgeerklaerung>false</xfg:gemeinsameSorgeerklaerung>\n  \
         </xfg:zusatzangaben>\n"
            .to_owned(),
    ];
    let kopf = Kopf {
        wurzel: "sorge.alleinsorge.antrag.0801",
        typ: "0801",
        uuid: antrag.uuid(),
        second: 36_000,
        leser: Stelle::plattform(),
        autor: Stelle::onlinedienst(),
        transaktionsid: antrag.transaktionsid(),
    };
    sample_xml::nachricht(&kopf, &inhalt.concat())
}

/// The login beside a 0801, made a minute before `now`.
pub fn anmeldung(antrag: &Antrag, now: Timestamp) -> String {
    let mut value = login(antrag, now);
    value["nachricht"] = json!("anmeldung");
    value["version"] = json!("1");
    value["test"] = json!(true);
    value.to_string()
}

/// The request with its login as the JSON of an online service.
pub fn json(antrag: &Antrag, now: Timestamp) -> String {
    let familie = antrag.familie();
    let (schluessel, plz, ort) = familie.wohnort;
    json!({
        "nachricht": "antrag",
        "version": "1",
        "test": true,
        "kopf": {
            "nachrichtenUUID": antrag.uuid(),
            "zeitpunkt": now.to_string(),
            "autor": { "kennung": "fap:020000000000", "name": "Kita-Portal Nord" },
            "leser": { "kennung": "jga:040110000000", "name": "Sorgeregister-Plattform" },
        },
        "transaktionsid": antrag.transaktionsid(),
        "mutter": {
            "familienname": familie.familienname,
            "vornamen": familie.mutter,
            "geburtsdatum": familie.mutter_geboren,
            "geburtsort": "Bremen",
            "familienstand": "LD",
            "anschriften": [{
                "gemeindeschluessel": schluessel,
                "strasse": "Musterstraße",
                "hausnummer": "12",
                "postleitzahl": plz,
                "wohnort": ort,
            }],
        },
        "kind": {
            "namen": [{ "familienname": familie.familienname, "vornamen": familie.kind }],
            "geburtsdatum": familie.kind_geboren,
            "geburtsort": "Bremen",
            "geburtsstaat": "000",
            "registerARS": familie.register_ars,
        },
        "zusatzangaben": {
            "mutterIstWarMitVaterVerheiratet": false,
            "mutterZumZeitpunktDerGeburtVerheiratet": false,
            "gerichtlicheEntscheidung": false,
            "gemeinsameSorgeerklaerung": false,
        },
        "anmeldung": login(antrag, now),
    })
    .to_string()
}

fn login(antrag: &Antrag, now: Timestamp) -> Value {
    let familie = antrag.familie();
    let before = |seconds| now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let at = before(60);
    let mut login = json!({
        "konto": format!("konto-{}", antrag.number),
        "verfahren": "eID",
        "vertrauensniveau": "hoch",
        "zeitpunkt": at.to_string(),
        "familienname": familie.familienname,
        "vornamen": antrag.other.unwrap_or(familie.mutter),
        "geburtsdatum": familie.mutter_geboren,
        "rolle": "mutter",
        "postkorbHandle": format!("pk-{}", antrag.number),
    });
    if let Some(zweck) = antrag.zweck {
        login["zweck"] = json!(zweck);
        login["freigabe"] = json!(before(30).to_string());
    }
    login
}

/// What a Jugendamt answers to a request that was handed to it (0803): no entry.
pub fn auskunft(antrag: &Antrag, kennung: &str, name: &str) -> String {
    let familie = antrag.familie();
    let inhalt = [
        sample_xml::mutter("angabenZurMutter", &familie),
        sample_xml::kind("angabenZumKind", &familie),
        sample_xml::arten("eintragungNachweisregister", &[]),
    ];
    let kopf = Kopf {
        wurzel: "sorge.alleinsorge.auskunft.0803",
        typ: "0803",
        uuid: Uuid::new_v5(&antrag.uuid(), kennung.as_bytes()),
        second: 50_000,
        leser: Stelle::plattform(),
        autor: Stelle::jugendamt(kennung, name),
        transaktionsid: antrag.transaktionsid(),
    };
    sample_xml::nachricht(&kopf, &inhalt.concat())
}

/// What is said of a register as a whole; `what` says it, such as `{ "was": "beginn" }`.
pub fn registermeldung(number: u64, now: Timestamp, what: &Value) -> String {
    let name = format!("urn:drehscheibe:registermeldung:{number}");
    json!({
        "nachricht": "registermeldung",
        "version": "1",
        "test": true,
        "kopf": {
            "nachrichtenUUID": Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
            "zeitpunkt": now.to_string(),
            "autor": { "kennung": "jga:040110000000", "name": "Amt für Soziale Dienste Bremen" },
        },
        "meldung": what,
    })
    .to_string()
}
