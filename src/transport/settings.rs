//! Settings of connections and channels: values with a notation of their own, and one check of written settings
//! against the JSON Schema of their type that collects every fault. Never quotes a value: it may be a secret.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::port::BuildError;

/// A duration written such as `2s`, `500ms` or `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_duration(&text).map(Span).map_err(|_| DURATION)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        humantime::format_duration(span.0).to_string()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "span", "examples": ["2s", "500ms", "1m 30s"]})
    }
}

/// How often far ends are asked, where nothing else is written.
pub fn thirty_seconds() -> Span {
    Span(Duration::from_secs(30))
}

/// For how long asking may fail until a person is called, where nothing else is written.
pub fn fifteen_minutes() -> Span {
    Span(Duration::from_secs(15 * 60))
}

/// How long what was sent is followed, where nothing else is written.
pub fn seven_days() -> Span {
    Span(Duration::from_secs(7 * 24 * 3600))
}

/// A secret of a channel, resolved before it comes here; never printed.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Secret(pub SecretString);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text.into())
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "writeOnly": true})
    }
}

const DURATION: &str = "must be a duration such as \"2s\", \"500ms\" or \"1m 30s\"";
const ADDRESS: &str = "must be an address with a port, such as \"127.0.0.1:8080\" or \"[::]:8443\"";
/// The word of a schema's `format` for a socket address.
pub const SOCKET_ADDRESS: &str = "socket-address";

/// The JSON Schema of a settings type.
pub fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// All faults of written settings against their type, as (path of the key, text saying what is allowed); `further`
/// looks at what the type cannot say and runs only on settings that can be read.
pub fn check<T: JsonSchema + DeserializeOwned>(
    written: &Value,
    further: impl FnOnce(&T, &mut Vec<(String, String)>),
) -> Vec<(String, String)> {
    let schema = schema_of::<T>();
    let empty = Value::Object(serde_json::Map::new());
    let written = if written.is_null() { &empty } else { written };
    let mut faults = Vec::new();
    walk(&schema, &schema, written, "", &mut faults);
    if faults.is_empty() {
        match T::deserialize(written) {
            Ok(settings) => further(&settings, &mut faults),
            // The schema let something through that the type refuses: say so without the library's words.
            Err(_) => faults.push((String::new(), "cannot be read; compare it with the schema".to_owned())),
        }
    }
    faults
}

/// Reads settings that were checked before.
pub fn read<T: DeserializeOwned>(connection: &str, written: &Value) -> Result<T, BuildError> {
    let empty = Value::Object(serde_json::Map::new());
    let written = if written.is_null() { &empty } else { written };
    T::deserialize(written).map_err(|_| BuildError {
        connection: connection.to_owned(),
        text: "settings cannot be read; run `check` to see every fault".to_owned(),
    })
}

/// What is wrong with a key that is not known, with the nearest valid one.
pub fn unknown_key(key: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(key, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let allowed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    match nearest {
        Some((_, nearest)) => format!("is not known; did you mean `{nearest}`? allowed: {allowed}"),
        None => format!("is not known; allowed: {allowed}"),
    }
}

fn walk(root: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<(String, String)>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        if let Some(target) = target {
            walk(root, target, value, path, faults);
        }
        return;
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
        if value.is_null() && choices.iter().any(|choice| is_null(&choice)) {
            return;
        }
        if let Some(choice) = choices.iter().find(|choice| !is_null(choice)) {
            walk(root, choice, value, path, faults);
        }
        return;
    }
    let words = words_of(schema);
    if !words.is_empty() {
        if !value.as_str().is_some_and(|word| words.contains(&word)) {
            faults.push((path.to_owned(), format!("must be one of: {}", words.join(", "))));
        }
        return;
    }
    let types = types_of(schema);
    if types.contains(&"null") && value.is_null() {
        return;
    }
    match types.iter().find(|word| **word != "null").copied() {
        Some("object") => walk_object(root, schema, value, path, faults),
        Some("array") => match value.as_array() {
            Some(items) => {
                if let Some(least) = schema.get("minItems").and_then(Value::as_u64)
                    && (items.len() as u64) < least
                {
                    faults.push((path.to_owned(), format!("must have at least {least} entry")));
                }
                for (at, item) in items.iter().enumerate() {
                    if let Some(of_items) = schema.get("items") {
                        walk(root, of_items, item, &format!("{path}/{at}"), faults);
                    }
                }
            }
            None => faults.push((path.to_owned(), "must be a list".to_owned())),
        },
        Some("string") => match value.as_str() {
            Some(text) => {
                let fault = match schema.get("format").and_then(Value::as_str) {
                    Some("span") if humantime::parse_duration(text).is_err() => Some(DURATION),
                    Some(SOCKET_ADDRESS) if text.parse::<SocketAddr>().is_err() => Some(ADDRESS),
                    _ if text.is_empty() && schema.get("minLength").is_some() => Some("must not be empty"),
                    _ => None,
                };
                faults.extend(fault.map(|fault| (path.to_owned(), fault.to_owned())));
            }
            None => faults.push((path.to_owned(), "must be text".to_owned())),
        },
        Some("integer") => {
            let least = schema.get("minimum").and_then(Value::as_u64).unwrap_or(0);
            let most = schema.get("maximum").and_then(Value::as_u64).unwrap_or(u64::MAX);
            if !value.as_u64().is_some_and(|number| (least..=most).contains(&number)) {
                let allowed = match most {
                    u64::MAX => format!("of {least} or more"),
                    most => format!("from {least} to {most}"),
                };
                faults.push((path.to_owned(), format!("must be a whole number {allowed}")));
            }
        }
        Some("boolean") if !value.is_boolean() => {
            faults.push((path.to_owned(), "must be true or false".to_owned()));
        }
        _ => {}
    }
}

fn walk_object(root: &Value, schema: &Value, value: &Value, path: &str, faults: &mut Vec<(String, String)>) {
    let Some(object) = value.as_object() else {
        faults.push((path.to_owned(), "must be a mapping of keys to values".to_owned()));
        return;
    };
    let none = serde_json::Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    for (key, inner) in object {
        let inner_path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match properties.get(key) {
            Some(property) => walk(root, property, inner, &inner_path, faults),
            None => faults.push((inner_path, unknown_key(key, &known))),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for key in required.filter_map(Value::as_str).filter(|key| !object.contains_key(*key)) {
        faults.push((format!("{path}/{key}"), "is missing".to_owned()));
    }
}

fn types_of(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The words of an enumeration, with or without descriptions of their own.
fn words_of(schema: &Value) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    words
        .extend(schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    for choice in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        words.extend(choice.get("const").and_then(Value::as_str));
        words.extend(
            choice.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str),
        );
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Sample {
        #[schemars(extend("format" = SOCKET_ADDRESS))]
        listen: String,
        every: Option<Span>,
        #[schemars(range(min = 1, max = 9))]
        most: Option<u32>,
        mode: Option<Mode>,
        #[serde(default)]
        trays: Vec<Inner>,
        #[serde(default)]
        on: bool,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        /// One.
        Off,
        /// Two.
        Required,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Inner {
        partner: String,
    }

    #[test]
    fn every_fault_is_told_with_its_path_and_what_is_allowed() {
        let written = json!({
            "listen": "here", "every": "geheim", "most": 10, "mode": "of", "on": 1,
            "trays": [{"partner": 7}, {"partnr": "x"}], "lisen": 1
        });
        let faults = check::<Sample>(&written, |_, _| panic!("not readable"));
        let paths: Vec<&str> = faults.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/listen",
                "/every",
                "/most",
                "/mode",
                "/on",
                "/trays/0/partner",
                "/trays/1/partnr",
                "/trays/1/partner",
                "/lisen"
            ]
        );
        let text =
            |path: &str| faults.iter().find(|(at, _)| at == path).map(|(_, text)| text.as_str()).unwrap();
        assert!(text("/lisen").contains("did you mean `listen`?"));
        assert!(text("/mode").contains("off, required"));
        assert!(text("/most").contains("from 1 to 9"));
        assert!(!faults.iter().any(|(_, text)| text.contains("geheim")));
    }

    #[test]
    fn what_is_right_passes_and_is_looked_at_further() {
        let written = json!({"listen": "127.0.0.1:0", "every": "1m 30s", "mode": "off", "most": null});
        let faults = check::<Sample>(&written, |settings, faults| {
            assert_eq!(settings.every, Some(Span(Duration::from_secs(90))));
            faults.push(("/x".into(), "y".into()));
        });
        assert_eq!(faults, [("/x".to_owned(), "y".to_owned())]);
    }
}
