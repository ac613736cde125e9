//! The description of the running paths as OpenAPI 3.1, composed from what the routes say.
//! Never lists partners, bounds of others or anything of a message.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::openapi_mailbox;
use crate::transport::port::binding::HttpBinding;

/// The document as it was made last: anybody may ask for it, as often as he likes.
#[derive(Default)]
pub struct Described(Mutex<Option<Made>>);

/// What was made, and of what.
struct Made {
    paths: Arc<Vec<HttpBinding>>,
    mailboxes: bool,
    document: Bytes,
}

impl Described {
    /// The document for these paths, made anew where they are others than before; `mailboxes`: whether partners have such.
    pub fn of(&self, paths: &Arc<Vec<HttpBinding>>, certificates: bool, mailboxes: bool) -> Bytes {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*made {
            Some(last) if Arc::ptr_eq(&last.paths, paths) && last.mailboxes == mailboxes => {
                last.document.clone()
            }
            _ => {
                let document = Bytes::from(document(paths, certificates, mailboxes));
                *made = Some(Made { paths: paths.clone(), mailboxes, document: document.clone() });
                document
            }
        }
    }
}

/// The document for these paths, as JSON.
fn document(bindings: &[HttpBinding], certificates: bool, mailboxes: bool) -> Vec<u8> {
    let mut by_path: BTreeMap<&str, Vec<&HttpBinding>> = BTreeMap::new();
    for binding in bindings {
        by_path.entry(&binding.path).or_default().push(binding);
    }
    let mut paths = Map::new();
    for (path, bindings) in by_path {
        paths.insert(path.to_owned(), json!({"post": delivery(&bindings)}));
    }
    paths.insert("/v1/nachrichten/{id}".to_owned(), json!({"get": standing()}));
    if mailboxes {
        paths.extend(openapi_mailbox::paths());
    }
    let bearer = json!({"type": "http", "scheme": "bearer"});
    let (schemes, security) = if certificates {
        (
            json!({"bearer": bearer, "zertifikat": {"type": "mutualTLS"}}),
            json!([{"zertifikat": []}, {"bearer": []}]),
        )
    } else {
        (json!({"bearer": bearer}), json!([{"bearer": []}]))
    };
    let document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Drehscheibe",
            "summary": "Lieferungen, Anträge und Mitteilungen an die Sorgeregister-Plattform",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": security,
        "paths": paths,
        "components": {
            "securitySchemes": schemes,
            "schemas": schemas(),
            "headers": headers(),
            "parameters": parameters(),
            "responses": problems(),
        },
    });
    serde_json::to_vec(&document).unwrap_or_default()
}

fn delivery(bindings: &[&HttpBinding]) -> Value {
    let join = |field: fn(&HttpBinding) -> String, between: &str| {
        let mut texts: Vec<String> = bindings.iter().map(|binding| field(binding)).collect();
        texts.dedup();
        texts.join(between)
    };
    let messages: Vec<&str> =
        bindings.iter().flat_map(|binding| binding.messages.iter().map(String::as_str)).collect();
    let document = json!({"schema": {"type": "string", "contentMediaType": "application/xml"}});
    let parts = json!({"schema": {
        "type": "object",
        "properties": {"document": {"description": "Das Dokument; ohne diesen Namen ist es der erste Teil."}},
        "additionalProperties": {"description": "Weitere Teile (Anlagen)."},
    }});
    let mut responses = Map::new();
    let own = json!({
        "200": {
            "description": "Angenommen; der Rumpf ist die Antwort des Standards, etwa eine Quittung.",
            "headers": answer_headers(),
            "content": {"application/xml": document, "application/json": {"schema": {}}},
        },
        "202": {
            "description": "Angenommen, in Arbeit.",
            "headers": answer_headers(),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Stand"}}},
        },
        "422": {
            "description": "Zurückgewiesen (Rumpf des Standards), oder gleicher Schlüssel mit anderem Inhalt.",
            "headers": answer_headers(),
            "content": {
                "application/xml": document,
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        },
    });
    if let Value::Object(own) = own {
        responses.extend(own);
    }
    for status in ["400", "401", "403", "404", "405", "408", "409", "413", "415", "429", "503"] {
        responses.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    json!({
        "operationId": join(|binding| binding.route.clone(), "-"),
        "summary": join(|binding| binding.about.clone(), " "),
        "description": format!("Nachrichten: {}.", messages.join(", ")),
        "parameters": [
            {"$ref": "#/components/parameters/Idempotency-Key"},
            {"$ref": "#/components/parameters/traceparent"},
            {"$ref": "#/components/parameters/Prefer"},
        ],
        "requestBody": {
            "required": true,
            "content": {
                "application/xml": document,
                "text/xml": document,
                "application/json": {"schema": {}},
                "multipart/form-data": parts,
                "multipart/mixed": parts,
                "multipart/related": parts,
            },
        },
        "responses": responses,
    })
}

fn standing() -> Value {
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "Der Stand der eigenen Nachricht.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Stand"}}},
        }),
    );
    for status in ["401", "404", "405", "503"] {
        responses.insert(status.to_owned(), json!({"$ref": format!("#/components/responses/{status}")}));
    }
    json!({
        "operationId": "stand",
        "summary": "Wo die eigene Nachricht steht.",
        "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
        ],
        "responses": responses,
    })
}

fn answer_headers() -> Value {
    json!({
        "Location": {"$ref": "#/components/headers/Location"},
        "Stand": {"$ref": "#/components/headers/Stand"},
        "Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"},
    })
}

fn headers() -> Value {
    json!({
        "Location": {"description": "Wo der Stand zu erfragen ist.", "schema": {"type": "string"}},
        "Stand": {"schema": {"enum": ["in-bearbeitung", "abgeschlossen", "anmeldung-erneuern"]}},
        "Idempotent-Replayed": {
            "description": "Antwort auf eine frühere Lieferung desselben Schlüssels.",
            "schema": {"const": "true"},
        },
        "Retry-After": {"description": "Wartezeit in Sekunden.", "schema": {"type": "integer"}},
        "Allow": {"schema": {"type": "string"}},
    })
}

fn parameters() -> Value {
    json!({
        "Idempotency-Key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Schlüssel der Lieferung; Wiederholungen tragen denselben.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 257},
        },
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "`respond-async`: Die Antwort geht den Weg, auf dem der Absender Antworten per Nachricht bekommt; hat er keinen, gilt der Kopf nicht.",
            "schema": {"type": "string"},
        },
        "traceparent": {
            "name": "traceparent",
            "in": "header",
            "description": "W3C Trace Context.",
            "schema": {"type": "string"},
        },
    })
}

fn schemas() -> Value {
    json!({
        "Postfach": openapi_mailbox::schema(),
        "Stand": {
            "type": "object",
            "required": ["id", "stand"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "stand": {"enum": ["in-bearbeitung", "abgeschlossen", "anmeldung-erneuern"]},
            },
        },
        "Problem": {
            "description": "RFC 9457.",
            "type": "object",
            "required": ["type", "title", "status", "detail", "instance"],
            "properties": {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "instance": {"type": "string", "format": "uri"},
                "codes": {"type": "array", "items": {"type": "string"}},
            },
        },
    })
}

fn problems() -> Value {
    let problem = |description: &str, header: Option<&str>| {
        let headers: Map<String, Value> = header
            .map(|name| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
            .into_iter()
            .collect();
        json!({
            "description": description,
            "headers": headers,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        })
    };
    json!({
        "400": problem("Anfrage nicht lesbar.", None),
        "401": problem("Nicht angemeldet.", None),
        "403": problem("Nicht zugelassen.", None),
        "404": problem("Nicht gefunden.", None),
        "405": problem("Methode nicht erlaubt.", Some("Allow")),
        "408": problem("Anfrage zu langsam.", None),
        "409": problem(
            "Derselbe Schlüssel ist noch in Arbeit; im Postfach: nicht an der Reihe, anderweitig ausgegeben oder Abholung nicht mehr gültig.",
            Some("Retry-After"),
        ),
        "413": problem("Zu groß.", None),
        "415": problem("Medientyp nicht unterstützt.", None),
        "429": problem("Der Partner hat zu viele Anfragen zugleich offen.", Some("Retry-After")),
        "503": problem("Zurzeit nicht verfügbar; nichts wurde angenommen.", Some("Retry-After")),
    })
}
