//! The JSON side of the gate at its boundary: any octets end in a document or a refusal, what is said survives the
//! translation, and what is not clear never passes.

use bytes::Bytes;
use drehscheibe::xml::gate::{self, Document};
use drehscheibe::xml::limits::{GateFault, Limits};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

fn pass(octets: impl Into<Bytes>) -> Result<Document, GateFault> {
    gate::pass(octets.into(), &Limits::default()).map_err(|error| error.fault)
}

/// Texts of XML characters, control characters, quotes and combining marks.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        5 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\u{80}', '\u{24F}'),
        1 => proptest::char::range('\u{300}', '\u{340}'),
        1 => Just('\n'),
        1 => Just('\r'),
        1 => Just('\t'),
        1 => Just('\u{1F600}'),
        1 => Just('"'),
        1 => Just('\\'),
    ];
    vec(character, 0..12).prop_map(String::from_iter)
}

/// Values as the translation allows them: no array in an array.
fn value() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (-1.0e9..1.0e9).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    plain.prop_recursive(5, 60, 6, |inner| {
        let object = btree_map("[a-zA-Z_][a-zA-Z0-9_.-]{0,6}", inner.clone(), 0..6)
            .prop_map(|map| Value::Object(map.into_iter().collect()));
        let plain_or_object = inner.prop_filter("no array in an array", |value| !value.is_array());
        prop_oneof![2 => object, 1 => vec(plain_or_object, 0..5).prop_map(Value::Array)]
    })
}

fn root() -> impl Strategy<Value = Map<String, Value>> {
    btree_map("[b-z][a-zA-Z0-9_]{0,6}", value(), 0..8).prop_map(|map| {
        let mut map: Map<String, Value> = map.into_iter().collect();
        for key in ["nachricht", "version", "test"] {
            map.remove(key);
        }
        map.insert("nachricht".into(), "probe".into());
        map
    })
}

/// What XML can still tell of a value: texts in NFC, arrays flat, nulls and empty arrays gone, objects by their keys.
fn told(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![],
        Value::Array(values) => values.iter().flat_map(told).collect(),
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| (key.clone(), Value::Array(told(value))));
            vec![Value::Object(members.filter(|(_, values)| values != &Value::Array(vec![])).collect())]
        }
        Value::String(text) => vec![Value::String(text.nfc().collect())],
        plain => vec![Value::String(plain.to_string())],
    }
}

/// Reads the translation back; an element with elements is an object, every other one a text.
fn read_back(xml: &[u8]) -> Value {
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<(String, Map<String, Value>, String)> = vec![];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                open.push((tag.name().as_ref().to_owned(), Map::new(), String::new()));
            }
            Event::Text(text) => open.last_mut().unwrap().2.push_str(&text),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                let character = match name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "#13" => '\r',
                    other => panic!("{other}"),
                };
                open.last_mut().unwrap().2.push(character);
            }
            Event::End(_) => {
                let (name, members, text) = open.pop().unwrap();
                let value = if members.is_empty() { Value::String(text) } else { Value::Object(members) };
                match open.last_mut() {
                    None => return value,
                    Some((_, outer, _)) => match outer.entry(name).or_insert(Value::Array(vec![])) {
                        Value::Array(values) => values.push(value),
                        _ => unreachable!("entries are arrays"),
                    },
                }
            }
            Event::Eof => panic!("no root"),
            _ => {}
        }
    }
}

/// An empty object and an empty text are the same element.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(map) if map.is_empty() => Value::String(String::new()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, without_empty(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(without_empty).collect()),
        plain => plain,
    }
}

/// What the other parser says. It refuses numbers of good grammar that it cannot hold; the gate keeps them as they are written.
fn agreed(octets: &[u8]) -> serde_json::Result<()> {
    match serde_json::from_slice::<Value>(octets) {
        Err(fault) if fault.to_string().starts_with("number out of range") => {
            serde_json::from_slice::<IgnoredAny>(octets).map(drop)
        }
        said => said.map(drop),
    }
}

#[test]
fn a_number_stays_as_it_is_written() {
    let json = r#"{"nachricht":"probe","a":[1e400,-0,1.50]}"#;
    assert!(serde_json::from_str::<Value>(json).is_err());
    assert!(agreed(json.as_bytes()).is_ok());
    let read = read_back(pass(json).unwrap().bytes());
    assert_eq!(read["a"], serde_json::json!(["1e400", "-0", "1.50"]));
    assert!(agreed(b"{\"a\":[1e400,]}").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_said_survives_the_translation(map in root(), pretty: bool) {
        let value = Value::Object(map);
        let json = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let document = pass(json.clone()).unwrap();
        prop_assert_eq!(document.original(), json.as_bytes());
        prop_assert_eq!(&document.root().local, "probe");
        let expected = without_empty(told(&value).remove(0));
        prop_assert_eq!(read_back(document.bytes()), expected);
        // The same again is the same again.
        let again = pass(json).unwrap();
        prop_assert_eq!(again.bytes(), document.bytes());
    }

    #[test]
    fn the_order_of_keys_and_white_space_mean_nothing(map in root()) {
        let forwards = Value::Object(map.clone());
        let backwards = Value::Object(map.into_iter().rev().collect());
        let one = pass(serde_json::to_string(&forwards).unwrap()).unwrap();
        let other = pass(format!(" \r\n\t{} ", serde_json::to_string_pretty(&backwards).unwrap())).unwrap();
        prop_assert_eq!(one.bytes(), other.bytes());
    }

    #[test]
    fn broken_documents_never_panic_and_never_pass_as_more_than_they_are(
        map in root(),
        at in any::<prop::sample::Index>(),
        octet: u8,
        how in 0..3,
    ) {
        let mut octets = serde_json::to_vec(&Value::Object(map)).unwrap();
        let at = at.index(octets.len());
        match how {
            0 => octets.truncate(at),
            1 => octets[at] = octet,
            _ => octets.insert(at, octet),
        }
        let json = drehscheibe::xml::json::is_json(&octets);
        if let Ok(document) = pass(octets.clone()) {
            // Another parser agrees that it is JSON, and that it is UTF-8.
            prop_assert!(json);
            prop_assert!(agreed(&octets).is_ok(), "{}", String::from_utf8_lossy(&octets));
            prop_assert_eq!(document.original().as_ref(), octets.as_slice());
        }
        for offset in 0..octets.len() {
            let _ = gate::place_of(&octets, offset);
        }
    }

    #[test]
    fn any_octets_behind_a_brace_end_well(octets in vec(any::<u8>(), 0..200)) {
        let octets = [b"{".as_slice(), &octets].concat();
        let _ = pass(octets);
    }

    #[test]
    fn a_doubled_key_is_refused_wherever_it_stands(map in root(), value in value(), at in any::<prop::sample::Index>()) {
        let keys: Vec<&String> = map.keys().collect();
        let doubled = keys[at.index(keys.len())].clone();
        let json = serde_json::to_string(&map).unwrap();
        let json = format!("{},\"{doubled}\":{}}}", &json[..json.len() - 1], serde_json::to_string(&value).unwrap());
        let fault = pass(json).unwrap_err();
        prop_assert_eq!(fault, GateFault::NotWellFormed("the same key twice in one object"));
    }
}

#[test]
fn depth_number_and_size_are_bounded() {
    let deep = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let limits = Limits::default();
    assert!(pass(deep(limits.depth - 1)).is_ok());
    assert_eq!(pass(deep(limits.depth)).unwrap_err(), GateFault::TooDeep);
    assert_eq!(pass(deep(1_000_000)).unwrap_err(), GateFault::TooDeep);
    let many = |count: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(count - 1));
    assert!(pass(many(limits.nodes - 1)).is_ok());
    assert_eq!(pass(many(limits.nodes)).unwrap_err(), GateFault::TooManyNodes);
    assert_eq!(
        pass(format!("{{\"a\":[{}]}}", "[".repeat(1_000_000))).unwrap_err(),
        GateFault::NotWellFormed("array directly in an array")
    );
    assert_eq!(pass(format!("{{\"a\":\"{}\"}}", "x".repeat(limits.bytes))).unwrap_err(), GateFault::TooLarge);
    // A short array under a long name is long as XML.
    let swollen = format!("{{\"{}\":[{}1]}}", "a".repeat(limits.name), "1,".repeat(50_000));
    assert_eq!(pass(swollen).unwrap_err(), GateFault::TooLarge);
    assert_eq!(
        pass(format!("{{\"{}\":1}}", "a".repeat(limits.name + 1))).unwrap_err(),
        GateFault::NameTooLong
    );
}

#[test]
fn neither_faults_nor_debug_hold_the_document() {
    for secret in
        ["{\"Geheim\":\"Geheim\",\"Geheim\":1}", "{\"a\":\"Geheim\" \"Geheim\"}", "{\"Geheim Geheim\":1}"]
    {
        let error = gate::pass(Bytes::from(secret), &Limits::default()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Geheim"));
    }
    let document = pass("{\"nachricht\":\"Geheim\",\"a\":\"Geheim\"}").unwrap();
    assert!(!format!("{document:?} {:?}", document.root()).contains("Geheim"));
}
