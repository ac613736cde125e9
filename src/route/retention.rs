//! What is written under `retention` of a stage: how long each class of data is kept, and when the job runs. What protects
//! data is tuned within bounds, never switched off; what nobody may tune has no key.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config;
use crate::register::fristen::{Fristen, REGELN, Regel, STUNDE};
use crate::route::fault::Desk;
use crate::route::reading;
use crate::route::tree::Node;

/// Key of the civil hour.
const HOUR: &str = "hour";
const DAY: u64 = 86_400;

fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * DAY)
}

fn tunable() -> impl Iterator<Item = &'static Regel> {
    REGELN.iter().filter(|regel| regel.mindestens < regel.hoechstens)
}

/// Reads it; what is not written has its default.
pub fn read(desk: Desk<'_>, root: &Node) -> Fristen {
    let mut fristen = Fristen::default();
    let Some(node) = root.get("retention") else { return fristen };
    let keys: Vec<&str> = tunable().map(|regel| regel.wort).chain([HOUR]).collect();
    let Some(node) = reading::map(desk, node, "`retention`", &keys) else { return fristen };
    for regel in tunable() {
        let bounds = days(regel.mindestens)..=days(regel.hoechstens);
        let Some(read) = reading::duration(desk, node, regel.wort, bounds) else { continue };
        let whole = u32::try_from(read.as_secs() / DAY).unwrap_or(u32::MAX);
        if read != days(whole) {
            let at = node.get(regel.wort).map_or(node.at, |written| written.at);
            desk.fault(at, format!("`{}` is no number of whole days; write such as `30d`", regel.wort));
        }
        fristen = fristen.mit(regel.klasse, whole);
    }
    if let Some(hour) = reading::count(desk, node, HOUR, 0..=23) {
        fristen.stunde = i8::try_from(hour).unwrap_or(STUNDE);
    }
    for text in fristen.widersprueche() {
        desk.fault(node.at, text);
    }
    fristen
}

/// Its JSON Schema.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for regel in tunable() {
        let text = format!("{} From {} to {} days.", regel.grund, regel.mindestens, regel.hoechstens);
        let default = config::show_duration(days(regel.tage));
        properties.insert(
            regel.wort.to_owned(),
            json!({ "type": "string", "description": text, "default": default }),
        );
    }
    let text = "Hour of the daily run (Europe/Berlin).";
    properties.insert(
        HOUR.to_owned(),
        json!({ "type": "integer", "minimum": 0, "maximum": 23, "description": text, "default": STUNDE }),
    );
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// How it holds, with every default.
pub fn shown(fristen: &Fristen) -> Value {
    let mut shown = Map::new();
    for regel in tunable() {
        shown.insert(regel.wort.to_owned(), json!(config::show_duration(days(fristen.tage(regel.klasse)))));
    }
    shown.insert(HOUR.to_owned(), json!(fristen.stunde));
    Value::Object(shown)
}
