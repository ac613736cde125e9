//! What the mother is told, as machine-readable answers: exactly the facts of rules.md 3 and no more.
//! Answers of Klärfälle and of requests that were not decided hold nothing of a person, and the first are all the same.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::{answer, sending};
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::record::{Kind, Mutter, Personenname};
use crate::register::tafeln::Tafeln;

/// Message type of an answer.
pub const MESSAGE: &str = "drehscheibe.auskunft";

/// What is told of every Klärfall.
const IN_BEARBEITUNG: &str =
    "Ihr Antrag wird vom zuständigen Jugendamt bearbeitet. Sie erhalten eine weitere Nachricht.";
/// What is told where no decision was made.
const ZUSTAENDIGKEIT: &str =
    "Über Ihren Antrag wurde hier nicht entschieden. Bitte wenden Sie sich an das Jugendamt Ihres Wohnorts.";
/// What a Hinweis auf Eintragung says.
const EINTRAGUNG: &str = "Im Sorgeregister liegt eine Eintragung vor. Eine Auskunft über das Nichtvorliegen einer Eintragung kann nicht erteilt werden.";

/// Why an answer cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fehlt {
    /// Nothing was decided.
    #[error("nothing was decided yet; put `decide` before")]
    Entscheidung,
    /// The request gives no mother or child.
    #[error("the request names no mother or child; it cannot be answered")]
    Angaben,
}

/// The answer that suits the decision.
pub fn schreiben(message: &Message, tafeln: &Tafeln) -> Result<Reply, Fehlt> {
    let entscheidung = message.entscheidung.as_ref().ok_or(Fehlt::Entscheidung)?;
    let referenz = sending::nummer(message);
    let value = match entscheidung.ergebnis {
        Ergebnis::Negativ => {
            let satz = format!(
                "Diese Auskunft gibt nur wieder, dass am {} im Sorgeregister keine Eintragung vorlag. \
                 Andere Umstände wurden nicht geprüft.",
                tag(entscheidung.stand)
            );
            fakten(message, entscheidung, tafeln, ("auskunft", &satz))?
        }
        Ergebnis::Eintragung => {
            fakten(message, entscheidung, tafeln, ("hinweis-auf-eintragung", EINTRAGUNG))?
        }
        Ergebnis::Klaerfall => json!({
            "art": "in-bearbeitung",
            "referenz": referenz,
            "text": IN_BEARBEITUNG,
        }),
        Ergebnis::Zustaendigkeit => json!({
            "art": "zustaendigkeit",
            "referenz": referenz,
            "stelle": amt(tafeln, entscheidung),
            "text": ZUSTAENDIGKEIT,
        }),
    };
    Ok(sending::json_document(MESSAGE, message.derived_id("schreiben"), &value))
}

/// The proof for another application: the facts of a Negativauskunft. Whoever calls has seen the release.
pub fn nachweis(message: &Message, tafeln: &Tafeln) -> Result<Reply, Fehlt> {
    let entscheidung = message.entscheidung.as_ref().ok_or(Fehlt::Entscheidung)?;
    if entscheidung.ergebnis != Ergebnis::Negativ {
        return Err(Fehlt::Entscheidung);
    }
    schreiben(message, tafeln)
}

fn fakten(
    message: &Message,
    entscheidung: &Entscheidung,
    tafeln: &Tafeln,
    (art, text): (&str, &str),
) -> Result<Value, Fehlt> {
    let record = &message.record;
    let (Some(mutter), Some(kind)) = (&record.mutter, &record.kind) else { return Err(Fehlt::Angaben) };
    Ok(json!({
        "art": art,
        "referenz": sending::nummer(message),
        "aussteller": amt(tafeln, entscheidung),
        "stand": answer::zeitpunkt(entscheidung.stand),
        "tabelle": entscheidung.tabelle,
        "mutter": mutter_(mutter),
        "kind": kind_(kind),
        "text": text,
    }))
}

/// The issuer as a letter writes it; only an office of the tables is named.
fn amt(tafeln: &Tafeln, entscheidung: &Entscheidung) -> Option<String> {
    let id = entscheidung.wohnort_amt.as_deref()?;
    tafeln.aemter.amt(id).map(|amt| amt.name.clone())
}

fn mutter_(mutter: &Mutter) -> Value {
    let mut value = name(&mutter.name);
    value.insert("geburtsdatum".to_owned(), mutter.geburtsdatum.to_string().into());
    Value::Object(value)
}

/// Birth date, birth place and the name at Beurkundung (§ 1626d(2) BGB).
fn kind_(kind: &Kind) -> Value {
    let mut value = kind.namen.first().map(name).unwrap_or_default();
    value.insert("geburtsdatum".to_owned(), kind.geburtsdatum.map(|date| date.to_string()).into());
    value.insert("geburtsort".to_owned(), kind.geburtsort.clone().into());
    Value::Object(value)
}

fn name(name: &Personenname) -> Map<String, Value> {
    Map::from_iter([
        ("familienname".to_owned(), name.familienname.clone().into()),
        ("vornamen".to_owned(), name.vornamen.clone().into()),
    ])
}

/// The civil day in Germany, as a letter writes it.
fn tag(moment: Timestamp) -> String {
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let day = moment.to_zoned(zone).date();
    format!("{:02}.{:02}.{:04}", day.day(), day.month(), day.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{antrag, decided};
    use crate::register::entscheidung::Fall;

    fn value(fall: Fall) -> Value {
        let message = decided(antrag(), fall);
        let reply = schreiben(&message, &Tafeln::default()).unwrap();
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn a_negativauskunft_states_its_facts_and_no_more() {
        let told = value(Fall::A);
        let keys: Vec<&str> = told.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["art", "referenz", "aussteller", "stand", "tabelle", "mutter", "kind", "text"]);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&told["mutter"]), ["familienname", "vornamen", "geburtsdatum"]);
        assert_eq!(keys(&told["kind"]), ["familienname", "vornamen", "geburtsdatum", "geburtsort"]);
        assert_eq!(
            told["text"],
            "Diese Auskunft gibt nur wieder, dass am 21.11.2026 im Sorgeregister keine Eintragung vorlag. \
             Andere Umstände wurden nicht geprüft."
        );
    }

    #[test]
    fn the_day_is_the_german_one() {
        assert_eq!(tag("2026-06-30T22:30:00Z".parse().unwrap()), "01.07.2026");
        assert_eq!(tag("2026-12-31T22:59:59Z".parse().unwrap()), "31.12.2026");
    }

    #[test]
    fn klaerfaelle_are_told_in_the_same_octets_and_hold_no_person() {
        let told = |fall| schreiben(&decided(antrag(), fall), &Tafeln::default()).unwrap();
        let first = told(Fall::I);
        for fall in crate::pipeline::testing::KLAERFAELLE {
            assert_eq!(told(*fall), first, "{fall:?}");
        }
        let text = String::from_utf8(first.body.to_vec()).unwrap();
        for name in ["Sorgeregister", "Bremen", "M\u{fc}ller"] {
            assert!(!text.contains(name), "{text}");
        }
        for fall in [Fall::K, Fall::L] {
            assert_eq!(value(fall)["art"], "zustaendigkeit");
            assert!(value(fall).get("mutter").is_none() && value(fall).get("kind").is_none());
        }
    }

    #[test]
    fn without_a_decision_nothing_is_told() {
        assert_eq!(schreiben(&antrag(), &Tafeln::default()), Err(Fehlt::Entscheidung));
        for fall in [Fall::B, Fall::F, Fall::K] {
            assert_eq!(nachweis(&decided(antrag(), fall), &Tafeln::default()), Err(Fehlt::Entscheidung));
        }
        assert!(nachweis(&decided(antrag(), Fall::A), &Tafeln::default()).is_ok());
    }
}
