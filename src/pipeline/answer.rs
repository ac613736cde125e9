//! What receipt and rejection have in common: the values that a standard's templates are filled with.
//! Reads no clock: an answer is made at the moment the message was received, so a rerun writes the same document.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::envelope::Reply;
use crate::pipeline::step::{Bench, SettingFault, Trouble};
use crate::register::record::{Behoerde, Kopf};
use crate::xoev::contract::Standards;

/// Media type of every document of a standard.
pub const XML: &str = "application/xml";

/// The moment as answers write it: UTC with milliseconds, `2026-11-21T09:15:30.123Z`.
pub fn zeitpunkt(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// The values every answer has: who, to whom, when.
pub fn values(id: Uuid, moment: Timestamp, test: bool, platform: &Value, leser: &Behoerde) -> Value {
    json!({
        "id": id.to_string(),
        "zeitpunkt": zeitpunkt(moment),
        "test": test,
        "produkt": {
            "name": "Drehscheibe",
            "hersteller": "Sorgeregister-Plattform",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "autor": platform,
        "leser": { "praefix": leser.praefix, "kennung": leser.kennung, "name": leser.name },
    })
}

/// What the answer says of the original.
pub fn original(kopf: &Kopf) -> Value {
    json!({
        "nachrichten_uuid": kopf.nachrichten_uuid,
        "nachrichtentyp": kopf.nachrichtentyp,
        "erstellungszeitpunkt": kopf.erstellungszeitpunkt,
        "transaktionsid": kopf.transaktionsid,
    })
}

/// Writes a message of a standard from the values of its template.
pub fn written(
    bench: &mut Bench,
    (message, version): (&str, &str),
    (id, test): (Uuid, bool),
    values: &Value,
) -> Result<Reply, Trouble> {
    let body =
        bench.reader.write(message, version, values).map_err(|error| Trouble::Ours(error.to_string()))?;
    Ok(Reply {
        content_type: bench.reader.media_type(message, version).to_owned(),
        body,
        message: message.to_owned(),
        message_id: id.to_string(),
        test,
    })
}

/// Writes every receipt, rejection and later answer of the loaded standards once with invented values, so that a wrong `platform`
/// block or template is a fault when routes are loaded and not when the first message is answered.
pub fn rehearse(standards: &dyn Standards, platform: &Value) -> Result<(), SettingFault> {
    let mut reader = standards.reader();
    let leser = Behoerde { praefix: "jga".into(), kennung: "0".into(), name: "Probe".into() };
    for known in standards.known() {
        let Some(answering) = standards.answering(&known.standard, Some(&known.version)) else { continue };
        if ![&answering.receipt, &answering.rejection, &answering.done, &answering.declined]
            .into_iter()
            .flatten()
            .any(|answer| *answer == known.message)
        {
            continue;
        }
        let mut values = values(Uuid::nil(), Timestamp::UNIX_EPOCH, true, platform, &leser);
        values["original"] = json!({
            "nachrichten_uuid": Uuid::nil().to_string(),
            "nachrichtentyp": known.message.rsplit_once('.').map_or("", |(_, number)| number),
            "erstellungszeitpunkt": zeitpunkt(Timestamp::UNIX_EPOCH),
            "transaktionsid": "Probe",
        });
        values["nachricht"] = json!("PHByb2JlLz4=");
        values["gruende"] = json!([{ "code": "X001", "spezifisch": [] }]);
        reader.write(&known.message, &known.version, &values).map_err(|error| SettingFault {
            path: String::new(),
            text: format!(
                "{} {} cannot be written: {error}; check `platform` in partners.yaml (praefix, kennung, name, \
                 erreichbarkeit: [{{kanal, kennung}}], anschrift: {{strasse, hausnummer, postleitzahl, wohnort}})",
                known.message, known.version
            ),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_milliseconds_in_utc() {
        for (given, written) in [
            ("2026-11-21T10:15:30.123456+01:00", "2026-11-21T09:15:30.123Z"),
            ("2026-11-21T10:15:30Z", "2026-11-21T10:15:30.000Z"),
        ] {
            assert_eq!(zeitpunkt(given.parse().unwrap()), written);
        }
    }
}
