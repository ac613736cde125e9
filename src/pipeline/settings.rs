//! How steps read what a route writes beside their verb: a mapping with known keys, a required text, nothing at all.
//! Knows no step.

use serde_json::{Map, Value};

use crate::pipeline::step::SettingFault;

/// Settings as a mapping with these keys and no others.
pub fn keys<'v>(
    settings: &'v Value,
    word: &str,
    allowed: &[&str],
) -> Result<&'v Map<String, Value>, Vec<SettingFault>> {
    let fault = |path: String, text: String| SettingFault { path, text };
    let Some(map) = settings.as_object() else {
        let text = format!("not a mapping; write `{word}: {{ {}: … }}`", allowed.first().unwrap_or(&"as"));
        return Err(vec![fault(String::new(), text)]);
    };
    let faults: Vec<SettingFault> = map
        .keys()
        .filter(|key| !allowed.contains(&key.as_str()))
        .map(|key| fault(format!("/{key}"), format!("unknown setting; allowed: {}", allowed.join(", "))))
        .collect();
    if faults.is_empty() { Ok(map) } else { Err(faults) }
}

/// A required text of the settings.
pub fn text(map: &Map<String, Value>, key: &str, expected: &str) -> Result<String, Vec<SettingFault>> {
    match map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(vec![SettingFault { path: format!("/{key}"), text: format!("{expected} expected") }]),
    }
}

/// Nothing: the verb stands alone, or with an empty mapping.
pub fn none(settings: &Value, word: &str) -> Result<(), Vec<SettingFault>> {
    if settings.is_null() || settings.as_object().is_some_and(Map::is_empty) {
        return Ok(());
    }
    let key = settings.as_object().and_then(|map| map.keys().next());
    let path = key.map(|key| format!("/{key}")).unwrap_or_default();
    Err(vec![SettingFault { path, text: format!("unknown setting; {word} has none, write `{word}: {{}}`") }])
}
