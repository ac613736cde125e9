//! What the mother is told, as machine-readable answers: exactly the facts of rules.md 3 and no more. What an answer certifies is
//! read from the Registersatz that was decided on, never from the request: nobody is certified what she typed (rules.md 2.4).
//! Answers of Klärfälle and of requests that were not decided hold nothing of a person, and the first are all the same.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::sending;
use crate::register::aemter;
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::record::{Kind, Mutter, Personenname, Registersatz};
use crate::register::tafeln::Tafeln;

/// Message type of an answer.
pub const MESSAGE: &str = "drehscheibe.auskunft";

/// On what law it rests.
const RECHTSGRUNDLAGE: &str = "§ 58 SGB VIII";
/// What it is called, and once what it was called.
const AUSKUNFT: &str = "Auskunft aus dem Sorgeregister (früher Negativbescheinigung)";
/// What the other letter is called.
const HINWEIS: &str = "Hinweis auf eine Eintragung im Sorgeregister";
/// What is told of every Klärfall.
const IN_BEARBEITUNG: &str =
    "Ihr Antrag wird vom zuständigen Jugendamt bearbeitet. Sie erhalten eine weitere Nachricht.";
/// What is told where no decision was made.
const ZUSTAENDIGKEIT: &str =
    "Über Ihren Antrag wurde hier nicht entschieden. Bitte wenden Sie sich an das Jugendamt Ihres Wohnorts.";
/// What a Hinweis auf Eintragung says.
const EINTRAGUNG: &str = "Im Sorgeregister liegt eine Eintragung vor. Eine Auskunft über das Nichtvorliegen einer Eintragung kann nicht erteilt werden.";
/// What an entry is called, by its code; only the first is ever told automatically.
const ARTEN: &[(&str, &str)] = &[("01", "Sorgeerklärung")];

/// Why an answer cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fehlt {
    /// Nothing was decided.
    #[error("nothing was decided yet; put `decide` before")]
    Entscheidung,
    /// The Registersatz that was decided on is not there, or does not say what an answer states.
    #[error("the decision names no Registersatz that says what an answer states; it cannot be answered")]
    Angaben,
}

/// The answer that suits the decision.
pub fn schreiben(message: &Message, tafeln: &Tafeln) -> Result<Reply, Fehlt> {
    let entscheidung = message.entscheidung.as_ref().ok_or(Fehlt::Entscheidung)?;
    let referenz = sending::nummer(message);
    let value = match entscheidung.ergebnis {
        Ergebnis::Negativ => {
            let satz = satz(entscheidung.stand);
            let mut value = fakten(message, entscheidung, tafeln, ("auskunft", AUSKUNFT))?;
            value.insert("text".to_owned(), satz.into());
            Value::Object(value)
        }
        Ergebnis::Eintragung => {
            let mut value = fakten(message, entscheidung, tafeln, ("hinweis-auf-eintragung", HINWEIS))?;
            let arten = arten(registersatz(message).ok_or(Fehlt::Angaben)?)?;
            let arten = arten.iter().map(|(art, name)| json!({ "art": art, "bezeichnung": name }));
            value.insert("eintragung".to_owned(), arten.collect::<Vec<_>>().into());
            value.insert("text".to_owned(), EINTRAGUNG.into());
            Value::Object(value)
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
    Ok(sending::json_document(message, MESSAGE, message.derived_id("schreiben"), &value))
}

/// The proof for another application: the facts of a Negativauskunft. Whoever calls has seen the release.
pub fn nachweis(message: &Message, tafeln: &Tafeln) -> Result<Reply, Fehlt> {
    let entscheidung = message.entscheidung.as_ref().ok_or(Fehlt::Entscheidung)?;
    if entscheidung.ergebnis != Ergebnis::Negativ {
        return Err(Fehlt::Entscheidung);
    }
    schreiben(message, tafeln)
}

/// The one sentence of a Negativauskunft (rules.md 3).
pub fn satz(stand: Timestamp) -> String {
    format!(
        "Diese Auskunft gibt nur wieder, dass am {} im Sorgeregister keine Eintragung vorlag. \
         Andere Umstände wurden nicht geprüft.",
        tag(stand)
    )
}

/// The Registersatz that was decided on, as `find` met it.
pub fn registersatz(message: &Message) -> Option<&Registersatz> {
    let id = message.entscheidung.as_ref()?.registersatz?;
    let kandidaten = &message.befund.as_ref()?.kandidaten;
    kandidaten.iter().find(|kandidat| kandidat.id == id).map(|kandidat| &kandidat.registersatz)
}

fn fakten(
    message: &Message,
    entscheidung: &Entscheidung,
    tafeln: &Tafeln,
    (art, bezeichnung): (&str, &str),
) -> Result<Map<String, Value>, Fehlt> {
    let satz = registersatz(message).ok_or(Fehlt::Angaben)?;
    Ok(Map::from_iter([
        ("art".to_owned(), art.into()),
        ("bezeichnung".to_owned(), bezeichnung.into()),
        ("rechtsgrundlage".to_owned(), RECHTSGRUNDLAGE.into()),
        ("referenz".to_owned(), sending::nummer(message).to_string().into()),
        ("aussteller".to_owned(), amt(tafeln, entscheidung).into()),
        ("stand".to_owned(), tag(entscheidung.stand).into()),
        ("tabelle".to_owned(), entscheidung.tabelle.clone().into()),
        ("mutter".to_owned(), mutter_(&satz.mutter)),
        ("kind".to_owned(), kind_(&satz.kind)),
    ]))
}

/// The issuer as a letter writes it; only an office of the tables is named.
pub fn amt(tafeln: &Tafeln, entscheidung: &Entscheidung) -> Option<String> {
    let id = entscheidung.wohnort_amt.as_deref()?;
    tafeln.aemter.amt(id).map(|amt| amt.name.clone())
}

/// The Arten of the entries with what they are called; one that has no name here is told by a person.
pub fn arten(satz: &Registersatz) -> Result<Vec<(&'static str, &'static str)>, Fehlt> {
    let known = |art| ARTEN.iter().copied().find(|(code, _)| code == art).ok_or(Fehlt::Angaben);
    let named: Vec<_> = satz.eintragung.arten.iter().map(known).collect::<Result<_, Fehlt>>()?;
    if named.is_empty() { Err(Fehlt::Angaben) } else { Ok(named) }
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
pub fn tag(moment: Timestamp) -> String {
    let day = aemter::tag(moment);
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
        let facts = ["art", "bezeichnung", "rechtsgrundlage", "referenz", "aussteller", "stand", "tabelle"];
        assert_eq!(keys, [facts.as_slice(), &["mutter", "kind", "text"]].concat());
        assert_eq!(told["stand"], "21.11.2026");
        assert_eq!(told["rechtsgrundlage"], "§ 58 SGB VIII");
        assert!(told["bezeichnung"].as_str().unwrap().contains("früher Negativbescheinigung"));
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
    fn it_states_what_the_register_says_and_never_what_was_typed() {
        for fall in [Fall::A, Fall::B] {
            let mut message = decided(antrag(), fall);
            let kandidat = &mut message.befund.as_mut().unwrap().kandidaten[0];
            kandidat.registersatz.mutter.name.vornamen = Some("Aus dem Register".into());
            let record = &mut message.record;
            record.kind.as_mut().unwrap().geburtsort = Some("Paris".into());
            record.kind.as_mut().unwrap().namen[0].familienname = Some("Getippt".into());
            record.mutter.as_mut().unwrap().name.familienname = Some("Getippt".into());
            let text =
                String::from_utf8(schreiben(&message, &Tafeln::default()).unwrap().body.to_vec()).unwrap();
            assert!(text.contains("Aus dem Register") && text.contains("Bremen"));
            assert!(!text.contains("Getippt") && !text.contains("Paris"), "{text}");
            // Without the Registersatz nothing is certified.
            message.entscheidung.as_mut().unwrap().registersatz = None;
            assert_eq!(schreiben(&message, &Tafeln::default()), Err(Fehlt::Angaben));
        }
    }

    #[test]
    fn a_hinweis_names_the_art_of_the_entry() {
        assert_eq!(value(Fall::B)["eintragung"], json!([{ "art": "01", "bezeichnung": "Sorgeerklärung" }]));
        let mut message = decided(antrag(), Fall::B);
        let kandidat = &mut message.befund.as_mut().unwrap().kandidaten[0];
        kandidat.registersatz.eintragung.arten = vec!["02".into()];
        assert_eq!(schreiben(&message, &Tafeln::default()), Err(Fehlt::Angaben));
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
