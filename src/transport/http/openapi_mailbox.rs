//! The paths of the mailbox as OpenAPI describes them. Never says who has a mailbox, or what lies in one.

use serde_json::{Map, Value, json};

use super::answer::MAILBOX;
use crate::transport::port::mailbox::{REFUSED, Reason};

/// The paths with what can be done there.
pub fn paths() -> Map<String, Value> {
    let under = |act: &str| format!("{MAILBOX}/{{id}}/{act}");
    let ended = |act: &str, summary: &str, extra: Option<Value>| {
        (under(act), json!({"post": end(act, summary, extra)}))
    };
    let reason = json!({
        "name": "grund", "in": "query",
        "schema": {"enum": Reason::ALL.map(Reason::as_str), "default": Reason::Other.as_str()},
    });
    [
        (MAILBOX.to_owned(), json!({"get": list()})),
        (under("abholung"), json!({"post": fetch()})),
        ended("empfang", "Bestätigt den Empfang: Erst damit ist die Nachricht zugestellt.", None),
        ended("rueckgabe", "Gibt eine ausgegebene Nachricht unverarbeitet zurück.", None),
        ended(
            REFUSED,
            "Meldet, dass die Nachricht nicht verarbeitet werden kann; ein Mensch sieht nach.",
            Some(reason),
        ),
    ]
    .into_iter()
    .collect()
}

/// What a page of the list looks like.
pub fn schema() -> Value {
    let moment = json!({"type": "string", "format": "date-time"});
    json!({
        "type": "object",
        "required": ["nachrichten", "weiter"],
        "properties": {
            "nachrichten": {"type": "array", "items": {
                "type": "object",
                "required": ["id", "nachricht", "test", "groesse", "teile", "seit", "reihe", "stand", "abgeholt"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "nachricht": {"description": "Typ, etwa xfamilie.0803.", "type": "string"},
                    "test": {"type": "boolean"},
                    "groesse": {"description": "Oktette von Dokument und Teilen.", "type": "integer"},
                    "teile": {"type": "integer"},
                    "seit": moment,
                    "frist": {"description": "Bis dahin ist der Empfang zu bestätigen.", "allOf": [moment]},
                    "reihe": {
                        "description": "Nachrichten einer Reihe werden nacheinander ausgegeben.",
                        "type": "string",
                    },
                    "stand": {"enum": ["bereit", "in-abholung", "wartet"]},
                    "frei-ab": moment,
                    "abgeholt": {"description": "Wurde schon ausgegeben und nicht bestätigt.", "type": "boolean"},
                },
            }},
            "weiter": {
                "description": "Für after der nächsten Seite; am Ende null, dann wieder von vorn.",
                "type": ["string", "null"],
                "format": "uuid",
            },
        },
    })
}

fn list() -> Value {
    json!({
        "operationId": "postfach",
        "summary": "Was im eigenen Postfach liegt, das älteste zuerst.",
        "parameters": [
            {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}},
            {"name": "after", "in": "query", "schema": {"type": "string", "format": "uuid"}},
            {
                "name": "Prefer", "in": "header", "schema": {"type": "string"},
                "description": "wait=N: Antwort, sobald etwas abgeholt werden kann, spätestens nach N Sekunden (höchstens 30).",
            },
        ],
        "responses": responses(
            json!({
                "description": "Eine Seite.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Postfach"}}},
            }),
            &["400", "401", "404", "405", "429", "503"],
        ),
    })
}

fn fetch() -> Value {
    let text = || json!({"schema": {"type": "string"}});
    json!({
        "operationId": "postfach-abholung",
        "summary": "Gibt eine Nachricht aus; sie bleibt liegen, bis der Empfang bestätigt ist.",
        "description": "Nach Ablauf der Zeit kommt sie mit derselben Id wieder. Mit dem Kopf Abholung der letzten Ausgabe oder demselben Idempotency-Key kommt sie auch vorher noch einmal.",
        "parameters": [
            id(),
            {"name": "Abholung", "in": "header", "schema": {"type": "string"}},
            {"$ref": "#/components/parameters/Idempotency-Key"},
        ],
        "responses": responses(
            json!({
                "description": "Das Dokument; mit Anlagen multipart/mixed, das Dokument zuerst, jeder Teil mit Content-Digest.",
                "headers": {
                    "Abholung": text(), "Abholung-Bis": text(), "Nachricht": text(), "Test": text(),
                    "Content-Digest": text(),
                },
                "content": {"application/xml": {}, "application/json": {}, "multipart/mixed": {}},
            }),
            &["400", "401", "404", "405", "409", "429", "503"],
        ),
    })
}

fn end(act: &str, summary: &str, extra: Option<Value>) -> Value {
    let receipt = json!({
        "name": "Abholung", "in": "header", "required": true, "schema": {"type": "string"},
        "description": "Wie ihn die Antwort auf abholung nennt.",
    });
    let parameters: Vec<Value> = [id(), receipt].into_iter().chain(extra).collect();
    json!({
        "operationId": format!("postfach-{act}"),
        "summary": summary,
        "description": "Dieselbe Anfrage noch einmal wird gleich beantwortet.",
        "parameters": parameters,
        "responses": responses(
            json!({
                "description": "So steht die Nachricht jetzt.",
                "content": {"application/json": {"schema": {
                    "type": "object",
                    "required": ["id", "stand"],
                    "properties": {
                        "id": {"type": "string", "format": "uuid"},
                        "stand": {"enum": ["empfangen", "bereit", "zurueckgestellt"]},
                    },
                }}},
            }),
            &["400", "401", "404", "405", "409", "429", "503"],
        ),
    })
}

fn id() -> Value {
    json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}})
}

fn responses(good: Value, problems: &[&str]) -> Map<String, Value> {
    let problem =
        |status: &&str| ((*status).to_owned(), json!({"$ref": format!("#/components/responses/{status}")}));
    std::iter::once(("200".to_owned(), good)).chain(problems.iter().map(problem)).collect()
}
