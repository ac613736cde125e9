//! Reads values out of a tree and puts every fault on the desk instead of stopping: maps with known keys, texts,
//! lists, durations, sizes, counts, references to secrets. Knows no word of the route language.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::{self, SecretRef};
use crate::route::fault::Desk;
use crate::route::tree::{At, Kind, Node};

/// Checks that a node is a map and has only these keys; unknown ones are faults with the nearest name.
///
/// The map is read on even when single keys are unknown.
pub fn map<'n>(desk: Desk<'_>, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else {
        desk.misplaced();
        desk.unknown(node.at, format!("{what} is {}; write keys with values", node.what()), "", keys);
        return None;
    };
    for (key, _) in entries {
        if !keys.contains(&key.value.as_str()) {
            desk.misplaced();
            desk.unknown(key.at, format!("unknown key in {what}: `{}`", key.value), &key.value, keys);
        }
    }
    Some(node)
}

/// The value under a key that must be there.
pub fn need<'n>(desk: Desk<'_>, node: &'n Node, what: &str, key: &str) -> Option<&'n Node> {
    let found = node.get(key);
    if found.is_none() {
        desk.fault(node.at, format!("{what} has no `{key}`; write it"));
    }
    found
}

/// A text that is not empty.
pub fn text(desk: Desk<'_>, node: &Node, what: &str) -> Option<At<String>> {
    match &node.kind {
        Kind::Text(text) if !text.trim().is_empty() => Some(At { value: text.clone(), at: node.at }),
        Kind::Number(_) | Kind::Bool(_) => {
            desk.fault(node.at, format!("{what} is {}; write it in quotes", node.what()));
            None
        }
        Kind::Text(_) | Kind::Null => {
            desk.fault(node.at, format!("{what} is empty; write it"));
            None
        }
        _ => {
            desk.fault(node.at, format!("{what} is {}; write one text", node.what()));
            None
        }
    }
}

/// A text under an optional key.
pub fn optional_text(desk: Desk<'_>, node: &Node, key: &str) -> Option<At<String>> {
    node.get(key).and_then(|node| text(desk, node, &format!("`{key}`")))
}

/// A name: lower case letters, digits and hyphens, at most 64, because it becomes part of keys, rows and paths.
pub fn name(desk: Desk<'_>, written: &At<String>, what: &str) -> bool {
    let good = written.value.len() <= 64
        && written.value.starts_with(|c: char| c.is_ascii_lowercase())
        && written.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !good {
        desk.fault(
            written.at,
            format!(
                "{what} `{}` is no name; write lower case letters, digits and hyphens, at most 64",
                written.value
            ),
        );
    }
    good
}

/// The items of a list; anything else is a fault.
pub fn list<'n>(desk: Desk<'_>, node: &'n Node, what: &str) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => {
            desk.fault(node.at, format!("{what} is {}; write a list", node.what()));
            &[]
        }
    }
}

/// One text or a list of texts.
pub fn texts(desk: Desk<'_>, node: &Node, what: &str) -> Vec<At<String>> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| text(desk, item, what)).collect(),
        _ => text(desk, node, what).into_iter().collect(),
    }
}

/// One of some words.
pub fn word<T: Copy>(desk: Desk<'_>, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
    let written = text(desk, node, what)?;
    let found = words.iter().find(|(word, _)| *word == written.value).map(|(_, value)| *value);
    if found.is_none() {
        let allowed = words.iter().map(|(word, _)| word);
        desk.unknown(
            written.at,
            format!("unknown value of {what}: `{}`", written.value),
            &written.value,
            allowed,
        );
    }
    found
}

/// A duration within bounds, under an optional key.
pub fn duration(
    desk: Desk<'_>,
    node: &Node,
    key: &str,
    bounds: RangeInclusive<Duration>,
) -> Option<Duration> {
    let node = node.get(key)?;
    let read = node.text().and_then(config::duration);
    match read {
        Some(read) if bounds.contains(&read) => Some(read),
        Some(_) => {
            let (from, to) = (config::show_duration(*bounds.start()), config::show_duration(*bounds.end()));
            desk.fault(node.at, format!("`{key}` is out of bounds; from {from} to {to}"));
            None
        }
        None => {
            desk.fault(node.at, format!("`{key}` is no duration; write `10s`, `5m`, `14d`"));
            None
        }
    }
}

/// A size within bounds, under an optional key.
pub fn size(desk: Desk<'_>, node: &Node, key: &str, bounds: RangeInclusive<u64>) -> Option<u64> {
    let node = node.get(key)?;
    let read = match &node.kind {
        Kind::Text(text) => config::size(text),
        Kind::Number(number) => number.as_u64(),
        _ => None,
    };
    match read {
        Some(read) if bounds.contains(&read) => Some(read),
        Some(_) => {
            let (from, to) = (config::show_size(*bounds.start()), config::show_size(*bounds.end()));
            desk.fault(node.at, format!("`{key}` is out of bounds; from {from} to {to}"));
            None
        }
        None => {
            desk.fault(node.at, format!("`{key}` is no size; write `512KiB`, `8MiB`, `2GiB`"));
            None
        }
    }
}

/// A whole number within bounds, under an optional key.
pub fn count(desk: Desk<'_>, node: &Node, key: &str, bounds: RangeInclusive<u32>) -> Option<u32> {
    let node = node.get(key)?;
    let read = match &node.kind {
        Kind::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let read = read.filter(|read| bounds.contains(read));
    if read.is_none() {
        desk.fault(
            node.at,
            format!("`{key}` must be a whole number from {} to {}", bounds.start(), bounds.end()),
        );
    }
    read
}

/// The reference that a node is, if it has the shape of one: `{env: NAME}` or `{file: path}`.
pub fn as_secret(node: &Node) -> Option<SecretRef> {
    let Kind::Map(entries) = &node.kind else { return None };
    match entries.as_slice() {
        [(key, value)] if key.value == "env" => Some(SecretRef::Env(value.text()?.to_owned())),
        [(key, value)] if key.value == "file" => Some(SecretRef::File(value.text()?.to_owned())),
        _ => None,
    }
}

/// A reference to a secret; a secret that is written out is a fault.
pub fn secret(desk: Desk<'_>, node: &Node, what: &str) -> Option<SecretRef> {
    let found = as_secret(node);
    if found.is_none() {
        desk.fault(
            node.at,
            format!("{what} must be a reference; write `{{env: NAME}}` or `{{file: path in the stage folder}}`, never the secret itself"),
        );
    }
    found
}
