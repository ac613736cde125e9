//! The verb `build`: makes a document that a later word sends: the 0803 of an automatic answer, or the machine-readable one.
//! Makes an answer of cases A and B only, never tells a Sperrvermerk to anybody but a Jugendamt, and sends nothing itself.
//! A 0803 says the same as the letter and no more (rules.md 3): the issuing Jugendamt is its author, the Registersatz its source.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::envelope::Reply;
use crate::message::Message;
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble};
use crate::pipeline::versions::Writing;
use crate::pipeline::werte::JUGENDAMT;
use crate::pipeline::{answer, schreiben, sending, werte};
use crate::register::aemter::ARS;
use crate::register::entscheidung::Ergebnis;
use crate::register::record::{
    Behoerde, Eintragung, Kind, Kopf, Mutter, Personenname, Postkorb, Record, Registersatz,
};
use crate::register::tafeln::Tafeln;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "build",
    place: Place::Do,
    about: "Makes a document to send: `xfamilie.0803` of a decision A or B, or `auskunft.json` of any decision.",
    schema,
    declares: &[],
    build,
};

/// The machine-readable answer to the mother.
const AUSKUNFT: &str = "auskunft.json";
/// Prefix of the key of an online service.
const ONLINEDIENST: &str = "fap";
/// What stands where the standard wants a value that an Auskunft does not state.
const NICHT_ANGEGEBEN: &str = "nicht angegeben";
/// The agreed group of further fields that says the Stand and what the Auskunft means, and since when it is agreed.
const GRUPPE: (&str, &str) = ("sorgeregister.auskunft", "2026-11-29");

enum What {
    /// The machine-readable answer.
    Schreiben,
    /// A message of a standard.
    Message(Writing),
}

struct Build {
    /// The first that suits the standard of the request is made, else the last.
    what: Vec<What>,
    named: String,
    platform: Value,
    reach: Arc<Reach>,
    tafeln: Arc<Tafeln>,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "build": {
                "description": "What is made: a message of a standard such as `xfamilie.0803`, or `auskunft.json`; of several the first in the standard of the request.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
            },
            "as": { "description": "Name under which later words find it.", "type": "string" },
        },
        "required": ["build", "as"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(settings, ENTRY.word, &[ENTRY.word, "as"])?;
    let named = settings::text(map, "as", "name for what is made")?;
    let written: Vec<&str> = match map.get(ENTRY.word) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one],
        _ => Vec::new(),
    };
    if written.is_empty() {
        let text = "a message such as `xfamilie.0803`, or `auskunft.json`, expected".to_owned();
        return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
    }
    let what = written.into_iter().map(|written| what(written, building)).collect::<Result<_, _>>()?;
    let (platform, tafeln, reach) =
        (building.platform.clone(), building.tafeln.clone(), building.reach.clone());
    Ok(Arc::new(Build { what, named, platform, reach, tafeln }))
}

fn what(written: &str, building: &Building<'_>) -> Result<What, Vec<SettingFault>> {
    if written == AUSKUNFT {
        return Ok(What::Schreiben);
    }
    let Some(writing) = Writing::of(building.standards, written) else {
        let known = building.standards.known();
        let mut all: Vec<&str> =
            known.iter().filter(|known| known.writes).map(|known| known.message.as_str()).collect();
        all.push(AUSKUNFT);
        all.dedup();
        let text = format!("nothing makes `{written}`; allowed: {}", all.join(", "));
        return Err(vec![SettingFault { path: format!("/{}", ENTRY.word), text }]);
    };
    let leser = Behoerde { praefix: ONLINEDIENST.into(), kennung: "0".repeat(ARS), name: "Probe".into() };
    let asking = building.reach.channels.keys().map(|(_, partner)| partner.as_str()).collect();
    let content = |record: &Record| {
        let record = Record { eintragung: record.eintragung.clone(), ..knapp(record) };
        inhalt(&record, &leser, Some(Timestamp::UNIX_EPOCH)).map_err(|error| error.to_string())
    };
    let tried = writing
        .tried(building, building.platform, &leser, content, &asking)
        .map_err(|fault| vec![SettingFault { path: format!("/{}", ENTRY.word), ..fault }])?;
    Ok(What::Message(tried))
}

impl What {
    fn suits(&self, asked: &str) -> bool {
        match self {
            What::Schreiben => true,
            What::Message(writing) => writing.standard == asked,
        }
    }
}

impl Step for Build {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        let asked = message.identity.standard.as_str();
        let what = self.what.iter().find(|what| what.suits(asked)).or(self.what.last());
        let Some(what) = what else { return Err(Trouble::Ours("nothing to build".to_owned())) };
        let reply = match what {
            What::Schreiben => schreiben::schreiben(message, &self.tafeln)
                .map_err(|fehlt| Trouble::Ours(fehlt.to_string()))?,
            What::Message(writing) => {
                let named = message.sender.versions.get(&writing.standard).map(String::as_str);
                let own = &message.identity;
                let version = writing.answering(named, (&own.standard, &own.version));
                self.auskunft(bench, message, (&writing.message, version))?
            }
        };
        message.audit(ENTRY.word, &[("message", &reply.message)]);
        message.built.insert(self.named.clone(), reply);
        Ok(Flow::Next)
    }
}

impl Build {
    /// The answer as a message of the standard, in the name of the office that issues it.
    fn auskunft(
        &self,
        bench: &mut Bench,
        message: &Message,
        (type_, version): (&str, &str),
    ) -> Result<Reply, Trouble> {
        let record = antwort(message)?;
        let leser = &message.record.kopf.autor;
        let id = message.derived_id(&format!("{}:{type_}", ENTRY.word));
        let stand = message.entscheidung.as_ref().map(|entscheidung| entscheidung.stand);
        let autor = self.aussteller(message);
        let received = message.envelope.head.received;
        let kopf = answer::values(id, received, message.identity.test, &autor, leser);
        let content = inhalt(&record, leser, stand).map_err(|error| Trouble::Ours(error.to_string()))?;
        document(bench, id, (type_, version), message, kopf, content)
    }

    /// The issuing office as a header names it. One of which the tables know no way and no address is reached through the
    /// platform, which writes on its behalf.
    fn aussteller(&self, message: &Message) -> Value {
        let mut autor = self.platform.clone();
        let id = message.entscheidung.as_ref().and_then(|entscheidung| entscheidung.wohnort_amt.as_deref());
        let Some(amt) = id.and_then(|id| self.tafeln.aemter.amt(id)) else { return autor };
        let keys = self.reach.identities.get(&amt.id).into_iter().flatten();
        let key = keys.filter_map(|key| key.split_once(':')).find(|(praefix, _)| *praefix == JUGENDAMT);
        let ars = amt.gebiete.first().map(|gebiet| format!("{:0<ARS$}", gebiet.ars));
        autor["praefix"] = JUGENDAMT.into();
        autor["kennung"] = key.map(|(_, kennung)| kennung.to_owned()).or(ars).unwrap_or_default().into();
        autor["name"] = amt.name.clone().into();
        for (part, own) in [("erreichbarkeit", &amt.erreichbarkeit), ("anschrift", &amt.anschrift)] {
            if let Some(own) = own {
                autor[part] = own.clone();
            }
        }
        autor
    }
}

/// The record of the answer: what the register says by the decision, and nothing of what was typed; only for cases A and B.
fn antwort(message: &Message) -> Result<Record, Trouble> {
    let ours = |text: &str| Trouble::Ours(text.to_owned());
    let ergebnis = message.entscheidung.as_ref().map(|entscheidung| entscheidung.ergebnis);
    let satz = match ergebnis {
        Some(Ergebnis::Negativ | Ergebnis::Eintragung) => schreiben::registersatz(message)
            .ok_or_else(|| ours("the decision names no Registersatz; it cannot be answered"))?,
        Some(Ergebnis::Klaerfall | Ergebnis::Zustaendigkeit) | None => {
            let text =
                "only a decision `negativ` or `eintragung` is answered with this message; correct the route";
            return Err(ours(text));
        }
    };
    let Registersatz { mutter, kind, eintragung, .. } = satz;
    let vorhanden = ergebnis == Some(Ergebnis::Eintragung);
    if vorhanden == eintragung.arten.is_empty() {
        return Err(ours("the Registersatz says something else than was decided"));
    }
    let said = Record { mutter: Some(mutter.clone()), kind: Some(kind.clone()), ..message.record.clone() };
    let arten = eintragung.arten.clone();
    let mut record = knapp(&said);
    record.eintragung = Some(Eintragung { vorhanden, arten, ..Eintragung::default() });
    record.kopf.antragszeit.get_or_insert_with(|| answer::zeitpunkt(message.envelope.head.received));
    Ok(record)
}

/// What an Auskunft states of a record: her name and date of birth, the three data of the child. The standard wants her place of
/// birth as well, which is not stated.
fn knapp(record: &Record) -> Record {
    let name = |name: &Personenname| Personenname { geburtsname: None, ..name.clone() };
    let mutter = record.mutter.as_ref().map(|mutter| Mutter {
        name: name(&mutter.name),
        geburtsort: Some(NICHT_ANGEGEBEN.to_owned()),
        geburtsdatum: mutter.geburtsdatum,
        ..Mutter::default()
    });
    let kind = record.kind.as_ref().map(|kind| Kind {
        namen: kind.namen.first().map(name).into_iter().collect(),
        geburtsort: kind.geburtsort.clone(),
        geburtsdatum: kind.geburtsdatum,
        ..Kind::default()
    });
    let kopf = Kopf {
        antragszeit: record.kopf.antragszeit.clone(),
        transaktionsid: record.kopf.transaktionsid.clone(),
        ..Kopf::default()
    };
    Record { kopf, mutter, kind, ..Record::default() }
}

/// Its content with the Stand and, where there is no entry, the sentence that says what that means.
fn inhalt(
    record: &Record,
    leser: &Behoerde,
    stand: Option<Timestamp>,
) -> Result<Value, werte::NurAnJugendamt> {
    let mut content = werte::auskunft(record, leser)?;
    let negativ = record.eintragung.as_ref().is_some_and(|eintragung| !eintragung.vorhanden);
    let stand = stand.map(|stand| (schreiben::tag(stand), schreiben::satz(stand)));
    let felder = stand.into_iter().flat_map(|(tag, satz)| {
        let satz = negativ.then(|| json!({ "name": "hinweis", "wert": satz }));
        std::iter::once(json!({ "name": "stand", "wert": tag })).chain(satz)
    });
    let (name, fassung) = GRUPPE;
    content["zusatzparameter"] =
        json!([{ "name": name, "fassung": fassung, "felder": felder.collect::<Vec<_>>() }]);
    Ok(content)
}

/// Writes a message of a standard from a record, as the platform, to `leser`.
pub fn write(
    bench: &mut Bench,
    id: uuid::Uuid,
    (type_, version): (&str, &str),
    message: &Message,
    platform: &Value,
    (record, leser): (&Record, &Behoerde),
) -> Result<Reply, Trouble> {
    let mut record = record.clone();
    // A mailbox is bound to the login; what the document itself says of it is not passed on.
    let zustimmung = record.kopf.postkorb.as_ref().and_then(|postkorb| postkorb.zustimmung);
    let handle = sending::akte(message).and_then(|akte| akte.postkorb.clone());
    record.kopf.postkorb = handle.map(|handle| Postkorb { handle: Some(handle), zustimmung });
    let received: Timestamp = message.envelope.head.received;
    record.kopf.antragszeit.get_or_insert_with(|| answer::zeitpunkt(received));
    let kopf = answer::values(id, received, message.identity.test, platform, leser);
    let content = werte::auskunft(&record, leser).map_err(|error| Trouble::Ours(error.to_string()))?;
    document(bench, id, (type_, version), message, kopf, content)
}

fn document(
    bench: &mut Bench,
    id: uuid::Uuid,
    (type_, version): (&str, &str),
    message: &Message,
    kopf: Value,
    content: Value,
) -> Result<Reply, Trouble> {
    let values = werte::nachricht(kopf, content);
    answer::written(bench, (type_, version), (id, message.identity.test), &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{antrag, bench, building, decided, standards};
    use crate::register::entscheidung::Fall;
    use crate::xml::gate;
    use crate::xml::limits::Limits;
    use crate::xoev::contract::Standards;

    fn step(settings: Value) -> Arc<dyn Step> {
        building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn made(fall: Fall) -> Result<Record, Trouble> {
        let mut message = decided(antrag(), fall);
        step(json!({ "build": "xfamilie.0803", "as": "antwort" })).apply(&mut message, &mut bench())?;
        let reply = message.built["antwort"].clone();
        assert_eq!(reply.message, "xfamilie.0803");
        let document = gate::pass(reply.body, &Limits::default()).unwrap();
        let detected = standards().detect(&document).unwrap();
        assert!(detected.test);
        let record = bench().reader.read(&detected, &document).unwrap();
        assert_eq!(record.kopf.nachrichten_uuid, reply.message_id);
        assert_eq!(record.kopf.transaktionsid, message.record.kopf.transaktionsid);
        assert_eq!(record.kopf.leser, message.record.kopf.autor);
        assert_eq!(record.kopf.autor.praefix, "jga");
        assert_ne!(record.kopf.nachrichten_uuid, message.record.kopf.nachrichten_uuid);
        Ok(record)
    }

    #[test]
    fn cases_a_and_b_become_an_0803_of_our_own() {
        let negativ = made(Fall::A).unwrap();
        assert_eq!(negativ.eintragung, Some(Eintragung::default()));
        let eintragung = made(Fall::B).unwrap().eintragung.unwrap();
        assert!(eintragung.vorhanden && eintragung.arten == ["01"]);
    }

    fn octets(message: &mut Message) -> String {
        step(json!({ "build": "xfamilie.0803", "as": "antwort" })).apply(message, &mut bench()).unwrap();
        String::from_utf8(message.built["antwort"].body.to_vec()).unwrap()
    }

    #[test]
    fn it_says_the_same_as_the_letter_and_no_more() {
        let told = made(Fall::A).unwrap();
        let (mutter, kind) = (told.mutter.unwrap(), told.kind.unwrap());
        let register = antrag().record;
        let (of_mutter, of_kind) = (register.mutter.unwrap(), register.kind.unwrap());
        assert_eq!(mutter.name.familienname, of_mutter.name.familienname);
        assert_eq!((mutter.geburtsdatum, kind.geburtsdatum), (of_mutter.geburtsdatum, of_kind.geburtsdatum));
        assert!(
            mutter.anschriften.is_empty()
                && mutter.familienstand.is_none()
                && mutter.name.geburtsname.is_none()
        );
        assert_eq!((kind.geburtsort, kind.namen.len()), (of_kind.geburtsort, 1));
        assert!(
            kind.geburtsregister_nummer.is_none()
                && kind.geburtsstandesamt.is_none()
                && kind.register_ars.is_none()
        );
        assert!(told.zusatz.is_none() && told.kopf.postkorb.is_none());
        let text = octets(&mut decided(antrag(), Fall::A));
        for stated in ["<wert>21.11.2026</wert>", "am 21.11.2026 im Sorgeregister keine Eintragung vorlag"] {
            assert!(text.replace("xfb:", "").contains(stated), "{text}");
        }
        assert!(!octets(&mut decided(antrag(), Fall::B)).contains("keine Eintragung vorlag"));
    }

    #[test]
    fn it_states_what_the_register_says_and_never_what_was_typed() {
        let mut message = decided(antrag(), Fall::A);
        message.record.kind.as_mut().unwrap().geburtsort = Some("Paris".into());
        message.record.mutter.as_mut().unwrap().name.vornamen = Some("Getippt".into());
        let text = octets(&mut message);
        assert!(!text.contains("Paris") && !text.contains("Getippt") && text.contains("Bremen"), "{text}");
    }

    #[test]
    fn the_office_that_issues_it_is_its_author() {
        let mut tafeln = Tafeln::default();
        let mut amt = crate::register::aemter::Amt {
            id: "jugendamt-bremen".into(),
            name: "Amt f\u{fc}r Soziale Dienste".into(),
            gebiete: vec![crate::register::aemter::Gebiet { ars: "04011".into(), von: None, bis: None }],
            ..Default::default()
        };
        for (identities, anschrift, kennung, strasse) in [
            (vec!["dsc:7", "jga:040110000000"], None, "040110000000", "Beispielweg"),
            (
                vec![],
                Some(
                    json!({ "strasse": "Musterwall", "hausnummer": "5", "postleitzahl": "28195", "wohnort": "Bremen" }),
                ),
                "040110000000",
                "Musterwall",
            ),
        ] {
            amt.anschrift = anschrift;
            tafeln.aemter.aemter = vec![amt.clone()];
            let mut message = decided(antrag(), Fall::A);
            let settings = json!({ "build": "xfamilie.0803", "as": "antwort" });
            let step = building(|building| {
                let mut reach = Reach::clone(&building.reach);
                let identities = identities.iter().map(|key| (*key).to_owned()).collect();
                reach.identities.insert("jugendamt-bremen".into(), identities);
                let (reach, tafeln) = (reach.into(), tafeln.clone().into());
                build(&settings, &Building { reach, tafeln, ..building.clone() })
            });
            step.unwrap().apply(&mut message, &mut bench()).unwrap();
            let (_, record) = bench().reader.open(message.built["antwort"].body.clone()).unwrap();
            assert_eq!(record.kopf.autor.key(), format!("jga:{kennung}"));
            assert_eq!(record.kopf.autor.name, amt.name);
            assert!(String::from_utf8_lossy(&message.built["antwort"].body).contains(strasse));
        }
    }

    #[test]
    fn no_other_case_is_answered_automatically() {
        for fall in [Fall::C, Fall::F, Fall::I, Fall::K, Fall::L, Fall::V] {
            assert!(matches!(made(fall), Err(Trouble::Ours(_))), "{fall:?}");
        }
    }

    #[test]
    fn the_machine_readable_answer_suits_every_decision() {
        let step = step(json!({ "build": "auskunft.json", "as": "schreiben" }));
        for fall in [Fall::A, Fall::B, Fall::I, Fall::L] {
            let (mut one, mut other) = (decided(antrag(), fall), decided(antrag(), fall));
            step.apply(&mut one, &mut bench()).unwrap();
            step.apply(&mut other, &mut bench()).unwrap();
            assert!(one.built == other.built && one.effects == other.effects);
        }
    }

    #[test]
    fn of_several_the_first_in_the_standard_of_the_request_is_made() {
        let step = step(json!({ "build": ["xfamilie.0803", "auskunft.json"], "as": "nachweis" }));
        for (standard, made) in [("xfamilie", "xfamilie.0803"), ("drehscheibe-json", "drehscheibe.auskunft")]
        {
            let mut message = decided(antrag(), Fall::A);
            message.identity.standard = standard.to_owned();
            step.apply(&mut message, &mut bench()).unwrap();
            assert_eq!(message.built["nachweis"].message, made);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!("xfamilie.0803"), ""),
            (json!({ "build": "xfamilie.0803" }), "/as"),
            (json!({ "build": "xfamilie.4711", "as": "a" }), "/build"),
            (json!({ "build": [], "as": "a" }), "/build"),
            (json!({ "build": "auskunft.json", "as": "a", "to": "x" }), "/to"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
