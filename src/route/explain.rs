//! `check --explain`: the effective configuration with every default visible and marked, as JSON and as text.
//! Shows references to secrets, never secrets.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::config::{show_duration, show_size};
use crate::plan::{OrderBy, Plan};
use crate::route::connections::{Connection, Connections, DEFAULT_PATIENCE};
use crate::route::file::{ORDERS, RouteFile};
use crate::route::partners::{Partners, WrittenPartner};
use crate::route::{defaults, retention};
use crate::transport::port::{Answers, Entry};

/// Key under which the paths of values stand that are defaults.
pub const DEFAULTS: &str = "defaults";

/// One route as it takes effect; `does` and `sends` are its items as they were built.
pub fn route(read: &RouteFile, plan: &Plan, does: Vec<Value>, sends: Vec<Value>) -> Value {
    let mut defaults: Vec<String> = read.defaults.iter().map(|key| format!("/settings/{key}")).collect();
    let mut on = Vec::new();
    for (nth, binding) in plan.bindings.iter().enumerate() {
        let (word, value) = binding.key.split_once(' ').unwrap_or((&binding.key, ""));
        let answers = match binding.answers {
            Answers::InBand => "in-band",
            Answers::ByMessage => "by-message",
        };
        on.push(json!({ word: value, "standard": binding.standard, "answers": answers, "mandant": binding.mandant }));
        let written = read.on.iter().find(|on| on.word.value == word && on.value.value == value);
        if written.is_some_and(|on| on.standard.is_none()) {
            defaults.push(format!("/on/{nth}/standard"));
        }
    }
    let accept: Vec<Value> = plan
        .accept
        .iter()
        .map(|accept| json!({ "message": accept.message, "from": accept.partners }))
        .collect();
    let mut shown = json!({
        "route": plan.route,
        "about": plan.about,
        "file": read.file,
        "version": plan.version,
        "on": on,
        "accept": accept,
        "order-by": order(plan.order_by),
        "do": does,
        "send": sends,
    });
    if let Some(deadline) = &read.deadline {
        shown["deadline"] = json!({ "after": show_duration(deadline.after), "then": deadline.then.value });
    }
    shown["settings"] = json!({
        "max-body": show_size(plan.limits.max_body as u64),
        "max-part": show_size(plan.limits.max_part),
        "reruns": plan.limits.reruns,
        "give-up-after": show_duration(plan.limits.give_up_after),
    });
    shown[DEFAULTS] = json!(defaults);
    shown
}

/// The whole set: `{stage, routes, connections, partners}`.
pub fn whole(
    connections: &Connections,
    partners: &Partners,
    transports: &[Entry],
    routes: Vec<Value>,
) -> Value {
    let mut shown = Map::new();
    let mut mandant = "";
    if let Some(stage) = &connections.settings {
        mandant = &stage.mandant;
        let settings = json!({
            "stage": stage.stage.as_str(),
            "mandant": stage.mandant,
            "store": { "kind": stage.store_kind, "path": stage.store_path },
            "telemetry": { "otlp": stage.otlp, "log": stage.log },
            "retention": retention::shown(&stage.fristen),
            "auditors": stage.auditors,
        });
        shown.insert("stage".to_owned(), settings);
    }
    shown.insert("routes".to_owned(), Value::Array(routes));
    let named = |map: Map<String, Value>| Value::Object(map);
    let all = connections.by_name.iter().map(|(name, known)| (name.clone(), connection(known, transports)));
    shown.insert("connections".to_owned(), named(all.collect()));
    let all = partners.by_name.iter().map(|(name, known)| (name.clone(), partner(known, mandant)));
    shown.insert("partners".to_owned(), named(all.collect()));
    Value::Object(shown)
}

fn connection(known: &Connection, transports: &[Entry]) -> Value {
    let mut shown = Map::from_iter([("kind".to_owned(), json!(known.kind))]);
    let mut settings = known.written.json();
    let mut defaults = Vec::new();
    if let Some(entry) = transports.iter().find(|entry| entry.word == known.kind) {
        defaults = defaults::fill(&(entry.schema)(), &mut settings, "");
    }
    if let Value::Object(settings) = settings {
        shown.extend(settings);
    }
    let (patience, usual) = (&known.patience, DEFAULT_PATIENCE);
    let mut retry = Map::new();
    for (key, value, is_usual) in [
        ("first", json!(show_duration(patience.first)), patience.first == usual.first),
        ("longest", json!(show_duration(patience.longest)), patience.longest == usual.longest),
        ("breaker-after", json!(patience.breaker_after), patience.breaker_after == usual.breaker_after),
        (
            "breaker-open",
            json!(show_duration(patience.breaker_open)),
            patience.breaker_open == usual.breaker_open,
        ),
    ] {
        retry.insert(key.to_owned(), value);
        if is_usual {
            defaults.push(format!("/retry/{key}"));
        }
    }
    shown.insert("retry".to_owned(), Value::Object(retry));
    shown.insert(DEFAULTS.to_owned(), json!(defaults));
    Value::Object(shown)
}

fn partner(known: &WrittenPartner, mandant: &str) -> Value {
    let names = |names: &[crate::route::tree::At<String>]| -> Vec<String> {
        names.iter().map(|name| name.value.clone()).collect()
    };
    let channels: Map<String, Value> = known
        .channels
        .iter()
        .map(|channel| (channel.connection.value.clone(), channel.written.json()))
        .collect();
    let defaults: &[&str] = if known.mandant.is_none() { &["/mandant"] } else { &[] };
    json!({
        "name": known.name,
        "mandant": known.mandant.as_deref().unwrap_or(mandant),
        "groups": names(&known.groups),
        "identities": known.identities,
        "uses": known.uses,
        "credentials": known.credentials.len(),
        "channels": channels,
        "answers-by": known.answers_by.as_ref().map(|connection| &connection.value),
        "valid": {
            "from": known.from.map(|from| from.to_string()),
            "until-before": known.to.map(|to| to.to_string()),
        },
        "policy": known.policy,
        DEFAULTS: defaults,
    })
}

fn order(order_by: OrderBy) -> &'static str {
    ORDERS.iter().find(|(_, order)| *order == order_by).map_or("none", |(word, _)| word)
}

/// The same as text in the manner of YAML; values that are defaults carry `# default`.
pub fn text(effective: &Value) -> String {
    let mut written = String::new();
    match effective {
        Value::Object(map) => entries(&mut written, map, 0, "", &[]),
        other => _ = writeln!(written, "{}", scalar(other)),
    }
    written
}

fn entries(written: &mut String, map: &Map<String, Value>, indent: usize, path: &str, defaults: &[String]) {
    // A map with marks of its own begins a new root for them.
    let own: Option<Vec<String>> = map
        .get(DEFAULTS)
        .and_then(Value::as_array)
        .map(|marks| marks.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let (path, defaults) = match &own {
        Some(own) => ("", own.as_slice()),
        None => (path, defaults),
    };
    for (nth, (key, value)) in map.iter().filter(|(key, _)| *key != DEFAULTS).enumerate() {
        // The first entry of a list item stands behind its dash.
        let pad = if nth == 0 && written.ends_with("- ") { String::new() } else { "  ".repeat(indent) };
        let path = format!("{path}/{key}");
        let mark = if defaults.contains(&path) { "  # default" } else { "" };
        _ = write!(written, "{pad}{key}:");
        below(written, value, indent + 1, &path, defaults, mark);
    }
}

fn below(written: &mut String, value: &Value, indent: usize, path: &str, defaults: &[String], mark: &str) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            _ = writeln!(written, "{mark}");
            entries(written, map, indent, path, defaults);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            _ = writeln!(written, "{mark}");
            for (nth, item) in items.iter().enumerate() {
                _ = write!(written, "{}- ", "  ".repeat(indent));
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        entries(written, map, indent + 1, &format!("{path}/{nth}"), defaults);
                    }
                    other => _ = writeln!(written, "{}", scalar(other)),
                }
            }
        }
        other => _ = writeln!(written, " {}{mark}", scalar(other)),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::String(text) if needs_quotes(text) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn needs_quotes(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-_./ ();:,".contains(c);
    text.ends_with([' ', ':'])
        || !text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        || text.contains(": ")
        || !text.chars().all(plain)
        || matches!(text, "true" | "false" | "null")
        // What could be read as a number is text here, so it says so.
        || text.replace('_', "").parse::<f64>().is_ok()
}
