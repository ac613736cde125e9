//! The verb `normalise`: writes what a message says as one record of our own, whatever standard and version it came in, for partners that
//! know none of these. Looks nothing up, leaves nothing out that the mapping of its package reads, and sends nothing itself.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::versions::Writing;
use crate::pipeline::{answer, settings, werte};
use crate::register::aenderung::beteiligte;
use crate::register::record::{
    ARTEN, Aenderung, Anschrift, Behoerde, Kopf, Person, Personenname, Record, TeilDatum,
};
use crate::rejection::{Fault, Rejection};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "normalise",
    place: Place::Do,
    about: "Writes a change of persons of any standard as one record of our own, as JSON or XML.",
    schema,
    declares: &[],
    build,
};

/// The record, and the messages that write it by the form.
const RECORD: &str = "personenaenderung";
const FORMS: &[(&str, &str)] =
    &[("json", "drehscheibe-json.personenaenderung"), ("xml", "drehscheibe-xml.personenaenderung")];

struct Normalise {
    writing: Writing,
    named: String,
    platform: Value,
}

fn schema() -> Value {
    let forms: Vec<&str> = FORMS.iter().map(|(form, _)| *form).collect();
    json!({
        "type": "object",
        "properties": {
            "normalise": { "description": "The record.", "enum": [RECORD] },
            "form": { "description": "How it is written.", "enum": forms, "default": FORMS[0].0 },
            "as": { "description": "Name under which later words find it.", "type": "string" },
        },
        "required": ["normalise", "as"],
        "additionalProperties": false,
    })
}

fn build(written: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: String| vec![SettingFault { path: path.to_owned(), text }];
    let map = settings::keys(written, ENTRY.word, &[ENTRY.word, "form", "as"])?;
    let named = settings::text(map, "as", "name for what is written")?;
    if map.get(ENTRY.word).and_then(Value::as_str) != Some(RECORD) {
        return Err(fault("/normalise", format!("unknown record; allowed: {RECORD}")));
    }
    let form = map.get("form").map_or(Some(FORMS[0].0), Value::as_str);
    let Some((_, type_)) = FORMS.iter().find(|(known, _)| form == Some(known)) else {
        let forms: Vec<&str> = FORMS.iter().map(|(form, _)| *form).collect();
        return Err(fault("/form", format!("unknown form; allowed: {}", forms.join(", "))));
    };
    let Some(writing) = Writing::of(building.standards, type_) else {
        return Err(fault("/form", format!("nothing writes `{type_}`; add its package")));
    };
    let step = Normalise { writing, named, platform: building.platform.clone() };
    // What could not be written is a fault now and no parked message later.
    let mut writer = building.standards.reader();
    for record in probes() {
        let kopf =
            answer::values(Uuid::nil(), Timestamp::UNIX_EPOCH, true, &step.platform, &Behoerde::default());
        let values = values(kopf, &record, ("probe.1", "1"));
        let version = step.writing.to_whoever();
        writer
            .write(type_, version, &values)
            .map_err(|error| fault("/form", format!("`{type_}` cannot be written: {error}")))?;
    }
    Ok(Arc::new(step))
}

impl Step for Normalise {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        says_of_one(&message.record)?;
        let type_ = self.writing.message.as_str();
        let id = message.derived_id(&format!("{}:{type_}", ENTRY.word));
        let (test, identity) = (message.identity.test, &message.identity);
        let kopf =
            answer::values(id, message.envelope.head.received, test, &self.platform, &Behoerde::default());
        let values = values(kopf, &message.record, (&identity.message, &identity.version));
        let reply = answer::written(bench, (type_, self.writing.to_whoever()), (id, test), &values)?;
        message.audit(ENTRY.word, &[("message", type_)]);
        message.built.insert(self.named.clone(), reply);
        Ok(Flow::Next)
    }
}

/// The one result of a search that says how a person stands: exactly one was found.
const EIN_TREFFER: &str = "01";

/// Refuses the answer to a search that found nobody, several or too many, or was not made. Whoever was found beside the one who was asked
/// for is not meant by it, and what is not said of anybody is no change.
fn says_of_one(record: &Record) -> Result<(), Trouble> {
    let refused = |rule: &str, text: &str| Err(Rejection::new(Fault::Other, text).rule(rule).into());
    match record.ergebnisstatus.as_deref() {
        _ if !record.gruende.is_empty() => refused(
            "suche-abgewiesen",
            "Diese Nachricht weist eine Suchanfrage zurück und nennt keine Person; sie ist keine Änderung von Personen.",
        ),
        None | Some(EIN_TREFFER) => Ok(()),
        _ => refused(
            "kein-eindeutiger-treffer",
            "Diese Antwort auf eine Suchanfrage nennt nicht genau eine gefundene Person; sie ist keine Änderung von Personen.",
        ),
    }
}

/// The values of the templates: the head, {arten, ab, zeichen}, the persons, and where it came from.
fn values(mut kopf: Value, record: &Record, (type_, version): (&str, &str)) -> Value {
    let aenderung = record.aenderung.clone().unwrap_or_default();
    kopf["aenderung"] = json!({
        "arten": aenderung.arten,
        "ab": aenderung.ab.as_ref().map(TeilDatum::to_string),
        "zeichen": aenderung.zeichen.or_else(|| record.kopf.transaktionsid.clone()),
    });
    kopf["personen"] = beteiligte(record).iter().map(werte::person).collect();
    let autor = &record.kopf.autor;
    kopf["ursprung"] = json!({
        "nachricht": type_,
        "version": version,
        "nachrichten_uuid": record.kopf.nachrichten_uuid,
        "erstellungszeitpunkt": record.kopf.erstellungszeitpunkt,
        "autor": { "praefix": autor.praefix, "kennung": autor.kennung, "name": autor.name },
    });
    kopf
}

/// Two invented records: with what has to be there only, and with all there is.
fn probes() -> [Record; 2] {
    let text = || Some("Probe".to_owned());
    let day = || TeilDatum::parse("1990-01-01");
    let kopf = Kopf {
        nachrichten_uuid: Uuid::nil().to_string(),
        erstellungszeitpunkt: answer::zeitpunkt(Timestamp::UNIX_EPOCH),
        ..Kopf::default()
    };
    let least = Record { kopf, ..Record::default() };
    let mut all = least.clone();
    all.kopf.autor = Behoerde { praefix: "ags".into(), kennung: "00000000".into(), name: "Probe".into() };
    all.aenderung = Some(Aenderung {
        arten: ARTEN.iter().map(|art| (*art).to_owned()).collect(),
        ab: TeilDatum::parse("2026"),
        zeichen: text(),
    });
    let anschrift = Anschrift {
        gemeindeschluessel: Some("00000000".into()),
        strasse: text(),
        hausnummer: Some("1".into()),
        hausnummer_zusatz: Some("a".into()),
        postleitzahl: Some("00000".into()),
        wohnort: text(),
    };
    all.personen = vec![
        Person::default(),
        Person {
            name: Personenname { familienname: text(), geburtsname: text(), vornamen: text() },
            fruehere_familiennamen: vec!["Probe".into(), "Probe".into()],
            rufname: text(),
            geburtsdatum: day(),
            geburtsort: text(),
            geburtsstaat: Some("000".into()),
            geschlecht: Some("w".into()),
            familienstand: Some("LD".into()),
            anschriften: vec![anschrift, Anschrift::default()],
            sperren: vec!["3".into()],
            sterbedatum: day(),
            rollen: vec!["kind".into()],
        },
    ];
    [least, all]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{bench, building, message};
    use crate::xml::gate;
    use crate::xml::limits::Limits;

    fn written(form: &str, record: &Record) -> (Vec<u8>, Record) {
        let settings = json!({ "normalise": "personenaenderung", "form": form, "as": "a" });
        let step =
            building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut message = message();
        message.record = record.clone();
        assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next));
        let built = message.built["a"].clone();
        gate::pass(built.body.clone(), &Limits::default()).unwrap();
        let (_, read) = bench().reader.open(built.body.clone()).unwrap();
        (built.body.to_vec(), read)
    }

    #[test]
    fn only_a_search_that_found_exactly_one_person_says_how_it_stands() {
        let person = || vec![Person::default()];
        let found = |status: Option<&str>, personen: Vec<Person>, gruende: &[&str]| {
            let record = Record {
                ergebnisstatus: status.map(str::to_owned),
                personen,
                gruende: gruende.iter().map(|grund| (*grund).to_owned()).collect(),
                ..Record::default()
            };
            match says_of_one(&record) {
                Ok(()) => String::new(),
                Err(Trouble::Rejected(all)) => all[0].rule.clone().unwrap(),
                Err(other) => panic!("{other:?}"),
            }
        };
        let two = || [person(), person()].concat();
        assert_eq!(found(Some("01"), person(), &[]), "");
        assert_eq!(found(None, two(), &[]), "", "of no search");
        for (status, personen) in
            [("02", two()), ("02", person()), ("02", vec![]), ("03", vec![]), ("04", person())]
        {
            assert_eq!(found(Some(status), personen, &[]), "kein-eindeutiger-treffer", "{status}");
        }
        assert_eq!(found(None, vec![], &["T070"]), "suche-abgewiesen");
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was_in_either_form() {
        for record in probes() {
            for (form, _) in FORMS {
                let (octets, read) = written(form, &record);
                assert!(read.personen == record.personen, "{form}");
                let said = record.aenderung.clone().unwrap_or_default();
                assert!(read.aenderung.unwrap_or_default() == said, "{form}");
                assert_eq!(read.bezug, Some(record.kopf.nachrichten_uuid.clone()));
                assert_eq!(octets.first(), Some(if *form == "json" { &b'{' } else { &b'<' }));
            }
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!({ "normalise": "alles", "as": "a" }), "/normalise"),
            (json!({ "normalise": "personenaenderung" }), "/as"),
            (json!({ "normalise": "personenaenderung", "as": "a", "form": "csv" }), "/form"),
            (json!({ "normalise": "personenaenderung", "as": "a", "to": 1 }), "/to"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
