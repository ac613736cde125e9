//! JSON Schema of the files people write, composed with the schemas of all steps and transports, for editors.
//! Says what the shape is; whether names exist is said by `compile` alone.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use crate::route::file::{LOGINS, ORDERS, WORDS};
use crate::route::menus::Menus;
use crate::route::retention;

/// Schema of a route file.
pub fn route(menus: &Menus<'_>) -> Schema {
    let mut defs = Map::new();
    let words = |place| menus.steps.iter().filter(move |entry| entry.place == place);
    let mut does: Vec<Value> = Vec::new();
    let mut sends: Vec<Value> = Vec::new();
    for (place, items) in
        [(crate::pipeline::step::Place::Do, &mut does), (crate::pipeline::step::Place::Send, &mut sends)]
    {
        for entry in words(place) {
            let name = format!("step-{}", entry.word);
            let schema = (entry.schema)();
            // A setting that is named like its verb may stand bare: `build: xfamilie.0803` beside `as:`.
            let bare = schema.get("properties").and_then(|all| all.get(entry.word)).cloned();
            items.extend(bare.map(|bare| verb(entry.word, entry.about, bare)));
            let settings = embed(&mut defs, &name, schema);
            items.push(verb(entry.word, entry.about, settings));
        }
    }
    does.push(json!({ "$ref": "#/$defs/choose" }));
    let park = json!({
        "type": "object", "additionalProperties": false, "required": ["park"],
        "properties": { "park": { "type": "string", "description": "Parks the message with this plain cause." } }
    });
    let then: Vec<Value> = does.iter().cloned().chain([park]).collect();
    defs.insert("when".to_owned(), when());
    defs.insert("choose".to_owned(), choose(&then));
    let on: Vec<Value> = menus
        .transports
        .iter()
        .filter(|entry| entry.answers.is_some())
        .map(|entry| {
            json!({
                "type": "object", "additionalProperties": false, "required": [entry.word],
                "properties": { entry.word: { "type": "string" }, "standard": { "type": "string" } }
            })
        })
        .collect();
    let orders: Vec<&str> = ORDERS.iter().map(|(word, _)| *word).collect();
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "route",
        "description": format!("A route; the words stand in this order: {}.", WORDS.join(", ")),
        "type": "object",
        "additionalProperties": false,
        "required": ["route", "about", "on", "accept", "order-by"],
        "anyOf": [{ "required": ["do"] }, { "required": ["send"] }],
        "properties": {
            "route": name("The route's name."),
            "about": { "type": "string", "description": "What it is for." },
            "on": { "type": "array", "minItems": 1, "items": { "anyOf": on }, "description": "Where from." },
            "accept": { "type": "array", "minItems": 1, "items": accept(), "description": "What is legal." },
            "order-by": { "enum": orders, "description": "What order is kept under." },
            "do": { "type": "array", "items": { "anyOf": does }, "description": "What changes, in one transaction." },
            "send": { "type": "array", "items": { "anyOf": sends }, "description": "Who must be told, afterwards." },
            "deadline": {
                "type": "object", "additionalProperties": false, "required": ["after", "then"],
                "properties": { "after": duration(), "then": { "type": "string" } }
            },
            "settings": {
                "type": "object", "additionalProperties": false,
                "properties": {
                    "max-body": size(), "max-part": size(),
                    "reruns": { "type": "integer", "minimum": 1, "maximum": 100 }, "give-up-after": duration()
                }
            }
        },
        "$defs": defs
    })
}

/// Schema of `connections.yaml`.
pub fn connections(menus: &Menus<'_>) -> Schema {
    let mut defs = Map::new();
    let mut kinds = Vec::new();
    for entry in menus.transports {
        let mut settings = (entry.schema)();
        lift(&mut defs, &mut settings, &format!("transport-{}", entry.word));
        let Some(object) = settings.as_object_mut() else { continue };
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("kind".to_owned(), json!({ "const": entry.word }));
            properties.insert("retry".to_owned(), retry());
        }
        let required = object.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.push(json!("kind"));
        }
        kinds.push(settings);
    }
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "connections",
        "type": "object",
        "additionalProperties": false,
        "required": ["stage", "mandant", "store", "key", "connections"],
        "properties": {
            "stage": { "enum": ["produktion", "abnahme", "test", "demo"] },
            "mandant": name("The Mandant of what belongs to nobody yet."),
            "store": {
                "type": "object", "additionalProperties": false, "required": ["kind", "path"],
                "properties": {
                    "kind": { "enum": ["postgres", "sqlite"] },
                    "path": { "type": "string" },
                    "url": secret("URL of the program's login at PostgreSQL."),
                    "owner": secret("URL of the login that makes tables; without it the program's own."),
                    "keys": secret("URL of another database for child and Vorgang keys."),
                    "ca": { "type": "string", "description": "File of the authority of PostgreSQL's certificate." }
                }
            },
            "key": secret("32 octets in base64."),
            "telemetry": {
                "type": "object", "additionalProperties": false,
                "properties": {
                    "otlp": { "type": "string" },
                    "log": { "enum": ["error", "warn", "info", "debug", "trace"] }
                }
            },
            "retention": retention::schema(),
            "auditors": {
                "type": "array", "items": { "type": "string", "pattern": "^os:\\S+$" },
                "description": "Who may read changes and the Abrufprotokoll with `audit`, as recorded: `os:revision`. Without it nobody in produktion and abnahme.",
                "default": []
            },
            "connections": { "type": "object", "additionalProperties": { "anyOf": kinds } }
        },
        "$defs": defs
    })
}

/// Schema of `partners.yaml`.
pub fn partners() -> Schema {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let one = |key: &str, schema: Value| json!({ "type": "object", "additionalProperties": false, "required": [key], "properties": { key: schema } });
    let credentials = [
        one("bearer", secret("The token, at least 16 characters.")),
        one(
            "certificate-sha256",
            json!({ "type": "string", "description": "SHA-256 of the DER octets, hex." }),
        ),
        one("certificate", json!({ "type": "string", "description": "PEM file in the stage folder." })),
        one("amqp-user", json!({ "type": "string", "description": "User of a broker, `connection/user`." })),
    ];
    let date = json!({ "type": "string", "description": "A civil date in Germany, such as 2026-12-31." });
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "partners",
        "type": "object",
        "additionalProperties": false,
        "required": ["platform", "partners"],
        "properties": {
            "platform": {
                "type": "object", "additionalProperties": false, "required": ["praefix", "kennung", "name"],
                "properties": {
                    "praefix": { "type": "string" }, "kennung": { "type": "string" }, "name": { "type": "string" },
                    "erreichbarkeit": { "type": "array" }, "anschrift": { "type": "object" }
                }
            },
            "praefixe": {
                "type": "array", "items": { "type": "string" },
                "description": "Prefixes of keys besides those of the DVDV, version 51, and `gericht`."
            },
            "partners": {
                "type": "object",
                "additionalProperties": {
                    "type": "object", "additionalProperties": false, "required": ["name"],
                    "properties": {
                        "name": { "type": "string" }, "mandant": name("The Mandant its messages belong to."),
                        "groups": texts, "identities": texts, "uses": texts,
                        "versions": {
                            "type": "object", "additionalProperties": { "type": "string" },
                            "description": "By standard the version in which it is written to, such as `xfamilie: \"1.3.0\"`."
                        },
                        "credentials": { "type": "array", "items": { "anyOf": credentials } },
                        "channels": { "type": "object", "description": "Connections with the settings of the transport." },
                        "answers-by": { "type": "string" },
                        "policy": { "type": "object" },
                        "valid": {
                            "type": "object", "additionalProperties": false,
                            "properties": { "from": date, "to": date }
                        }
                    }
                }
            }
        }
    })
}

fn verb(word: &str, about: &str, settings: Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": [word], "description": about,
        "properties": {
            word: settings,
            "as": { "type": "string" }, "when": { "$ref": "#/$defs/when" }, "after": { "type": "string" }
        }
    })
}

/// Puts the schema of a step under `$defs`, with the neighbours that may stand inside its settings.
fn embed(defs: &mut Map<String, Value>, name: &str, mut schema: Value) -> Value {
    lift(defs, &mut schema, name);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for key in ["as", "after"] {
            properties.entry(key).or_insert_with(|| json!({ "type": "string" }));
        }
        properties.insert("when".to_owned(), json!({ "$ref": "#/$defs/when" }));
    } else if schema.get("additionalProperties") == Some(&json!(false)) {
        schema["properties"] = json!({ "when": { "$ref": "#/$defs/when" } });
    }
    defs.insert(name.to_owned(), schema);
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Moves the definitions of a foreign schema into ours under names of their own, so that references still hold.
fn lift(defs: &mut Map<String, Value>, schema: &mut Value, prefix: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("$schema");
    let own = match object.remove("$defs") {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    rename(schema, prefix);
    for (name, mut definition) in own {
        rename(&mut definition, prefix);
        defs.insert(format!("{prefix}-{name}"), definition);
    }
}

fn rename(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/$defs/{prefix}-{name}");
                        }
                    }
                    _ => rename(value, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, prefix)),
        _ => {}
    }
}

fn accept() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["message", "from"],
        "properties": {
            "message": one_or_many(), "from": { "type": "string" }, "use": { "type": "string" },
            "login": { "enum": LOGINS }
        }
    })
}

fn when() -> Value {
    json!({
        "description": "Names with values, or the name that an earlier `as` gave.",
        "anyOf": [{ "type": "string" }, { "type": "object", "minProperties": 1, "additionalProperties": one_or_many() }]
    })
}

fn choose(then: &[Value]) -> Value {
    let steps = json!({ "type": "array", "items": { "anyOf": then } });
    let branch = |key: &str, test: Value| {
        json!({
            "type": "object", "additionalProperties": false, "required": [key, "then"],
            "properties": { key: test, "then": steps }
        })
    };
    let otherwise = json!({
        "type": "object", "additionalProperties": false, "required": ["else"], "properties": { "else": steps }
    });
    let branches = [
        branch("when", json!({ "$ref": "#/$defs/when" })),
        branch("if", json!({ "type": "string" })),
        otherwise,
    ];
    json!({
        "type": "object", "additionalProperties": false, "required": ["choose"],
        "properties": { "choose": { "type": "array", "minItems": 1, "items": { "anyOf": branches } } }
    })
}

fn retry() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "first": duration(), "longest": duration(),
            "breaker-after": { "type": "integer", "minimum": 1, "maximum": 1000 }, "breaker-open": duration()
        }
    })
}

fn name(about: &str) -> Value {
    json!({ "type": "string", "pattern": "^[a-z][a-z0-9-]{0,63}$", "description": about })
}

fn secret(about: &str) -> Value {
    let one = |key: &str| {
        json!({
            "type": "object", "additionalProperties": false, "required": [key],
            "properties": { key: { "type": "string" } }
        })
    };
    json!({ "description": format!("A reference to a secret. {about}"), "anyOf": [one("env"), one("file")] })
}

fn one_or_many() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } }] })
}

fn duration() -> Value {
    json!({ "type": "string", "description": "A duration such as 10s, 5m, 14d." })
}

fn size() -> Value {
    json!({ "type": ["string", "integer"], "description": "A size such as 512KiB, 8MiB." })
}
