//! The gate's second door: JSON documents of online services are translated, in one bounded pass, into the XML that says
//! the same, so that schema, mapping, rules and code lists are one machinery.
//! It never guesses: doubled keys, keys that are no names and arrays of arrays are refused. Numbers stay text, texts are
//! put into NFC (this is our own channel, not one of a standard), and nothing of the document stands in a fault.
//!
//! The root object becomes an element named by its key `nachricht`, in [`NAMESPACE`], with the attributes `standard`,
//! `version` and `test`; members follow in the order of their keys, an array is its element repeated, null is absent.

use std::borrow::Cow;

use json_event_parser::{JsonEvent, LowLevelJsonParser};
use unicode_normalization::UnicodeNormalization;

use super::chars::BYTE_ORDER_MARK;
use super::limits::{GateFault, Limits};
use super::walk::Stop;
use super::write::{escape_attribute, escape_text};

/// Namespace of every element; the 1 counts this translation, not what is translated.
pub const NAMESPACE: &str = "urn:drehscheibe:json:1";
/// The `standard` attribute of every root.
pub const STANDARD: &str = "Drehscheibe-JSON";
/// What is said of a `test` that is no truth.
pub const TEST: &str = "test that is neither true nor false";
/// What is said of a `nachricht` or `version` that is no plain value.
pub const NAMES: &str = "nachricht or version that is not one plain text or number";
/// What is said of a key that comes twice.
pub const TWICE: &str = "the same key twice in one object";
/// What is said of a key that is no name.
pub const KEY: &str = "key that cannot name an element";
/// What is said of an array in an array.
pub const ARRAY: &str = "array directly in an array";
/// Name of a root that does not say which message it is; no schema knows it.
const NAMELESS: &str = "unbenannt";

/// A document as XML.
#[derive(Debug)]
pub struct Translation {
    /// The XML, UTF-8.
    pub xml: Vec<u8>,
    /// For each element, in document order: the octet it begins at in the XML, and in the JSON.
    pub places: Vec<(usize, usize)>,
}

impl Translation {
    /// The octet of the JSON that the octet of the XML came from: where the element around it begins.
    pub fn source(places: &[(usize, usize)], at: usize) -> usize {
        let next = places.partition_point(|(xml, _)| *xml <= at);
        next.checked_sub(1).and_then(|last| places.get(last)).map_or(0, |(_, json)| *json)
    }
}

/// Whether the octets begin, after white space, as a JSON object does and XML never can.
pub fn is_json(bytes: &[u8]) -> bool {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    body.iter().find(|octet| !is_space(**octet)) == Some(&b'{')
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

/// Translates a document or stops at the first fault; time and memory are linear in the size, whatever the octets are.
pub fn translate(bytes: &[u8], limits: &Limits) -> Result<Translation, Stop> {
    if bytes.len() > limits.bytes {
        return Err(Stop { fault: GateFault::TooLarge, at: 0 });
    }
    std::str::from_utf8(bytes)
        .map_err(|error| Stop { fault: GateFault::NotUtf8, at: error.valid_up_to() })?;
    let root = read(bytes, limits)?;
    let mut writer = Writer { xml: String::with_capacity(2 * bytes.len()), places: Vec::new(), limits };
    writer.root(&root)?;
    Ok(Translation { xml: writer.xml.into_bytes(), places: writer.places })
}

fn ill(what: &'static str, at: usize) -> Stop {
    Stop { fault: GateFault::NotWellFormed(what), at }
}

/// A member of an object: its values with the octets they begin at, none for null, several for an array.
struct Member<'a> {
    key: Cow<'a, str>,
    at: usize,
    is_array: bool,
    values: Vec<(Value<'a>, usize)>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    Truth(bool),
    Object(Vec<Member<'a>>),
}

/// An object that is being read.
struct Open<'a> {
    at: usize,
    members: Vec<Member<'a>>,
    in_array: bool,
}

/// Reads the whole document into the members of its root object, sorted.
fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<Member<'a>>, Stop> {
    let mut parser = LowLevelJsonParser::new();
    let mut open: Vec<Open<'a>> = Vec::new();
    let mut root = None;
    let (mut offset, mut nodes) = (0, 0);
    loop {
        let rest = &bytes[offset..];
        // Commas and colons belong to the event behind them.
        let skipped =
            rest.iter().take_while(|octet| is_space(**octet) || matches!(octet, b',' | b':')).count();
        let at = offset + skipped;
        let outcome = parser.parse_next(rest, true);
        offset = (offset + outcome.consumed_bytes).min(bytes.len());
        // The library's message can quote the document.
        let Some(Ok(event)) = outcome.event else { return Err(ill("text that is not json", at)) };
        nodes += 1;
        // A member is a key and a value.
        if nodes / 2 > limits.nodes {
            return Err(Stop { fault: GateFault::TooManyNodes, at });
        }
        match event {
            JsonEvent::StartObject => {
                if open.len() >= limits.depth {
                    return Err(Stop { fault: GateFault::TooDeep, at });
                }
                open.push(Open { at, members: Vec::new(), in_array: false });
            }
            JsonEvent::EndObject => {
                let Some(object) = open.pop() else {
                    return Err(ill("end of an object that did not begin", at));
                };
                let members = sorted(object.members)?;
                match open.last_mut() {
                    Some(outer) => put(outer, Value::Object(members), object.at)?,
                    None => root = Some(members),
                }
            }
            JsonEvent::StartArray => match open.last_mut() {
                Some(object) if object.in_array => return Err(ill(ARRAY, at)),
                Some(object) => {
                    object.in_array = true;
                    if let Some(member) = object.members.last_mut() {
                        member.is_array = true;
                    }
                }
                None => return Err(ill("root that is not an object", at)),
            },
            JsonEvent::EndArray => {
                open.iter_mut().last().into_iter().for_each(|object| object.in_array = false)
            }
            JsonEvent::ObjectKey(key) => {
                if key.len() > limits.name {
                    return Err(Stop { fault: GateFault::NameTooLong, at });
                }
                if !is_name(&key) {
                    return Err(ill(KEY, at));
                }
                if let Some(object) = open.last_mut() {
                    object.members.push(Member { key, at, is_array: false, values: Vec::new() });
                }
            }
            JsonEvent::String(text) | JsonEvent::Number(text) => value(&mut open, Value::Text(text), at)?,
            JsonEvent::Boolean(truth) => value(&mut open, Value::Truth(truth), at)?,
            JsonEvent::Null => {}
            JsonEvent::Eof => break,
        }
    }
    root.ok_or_else(|| ill("root that is not an object", bytes.len()))
}

fn value<'a>(open: &mut [Open<'a>], value: Value<'a>, at: usize) -> Result<(), Stop> {
    match open.last_mut() {
        Some(object) => put(object, value, at),
        None => Err(ill("root that is not an object", at)),
    }
}

fn put<'a>(object: &mut Open<'a>, value: Value<'a>, at: usize) -> Result<(), Stop> {
    let member = object.members.last_mut().ok_or_else(|| ill("value without a key", at))?;
    member.values.push((value, at));
    Ok(())
}

/// Letters, digits, `_`, `-` and `.`; begins with a letter or `_`.
fn is_name(key: &str) -> bool {
    key.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.'))
}

fn sorted(mut members: Vec<Member<'_>>) -> Result<Vec<Member<'_>>, Stop> {
    members.sort_by(|one, other| one.key.cmp(&other.key).then(one.at.cmp(&other.at)));
    match members.windows(2).find(|pair| pair[0].key == pair[1].key) {
        Some(pair) => Err(ill(TWICE, pair[1].at)),
        None => Ok(members),
    }
}

struct Writer<'l> {
    xml: String,
    places: Vec<(usize, usize)>,
    limits: &'l Limits,
}

impl Writer<'_> {
    fn root(&mut self, members: &[Member<'_>]) -> Result<(), Stop> {
        let name = match plain(members, "nachricht")? {
            Some((name, at)) if !is_name(name) => {
                return Err(ill("nachricht that cannot name an element", at));
            }
            name => name.map_or(NAMELESS, |(name, _)| name),
        };
        self.places.push((0, 0));
        self.xml.push_str(&format!("<{name} xmlns=\"{NAMESPACE}\" standard=\"{STANDARD}\""));
        if let Some((value, at)) = plain(members, "version")? {
            let value = normalised(value);
            let value = escape_attribute(&value).map_err(|_| ill(ILLEGAL, at))?;
            self.xml.push_str(&format!(" version=\"{value}\""));
        }
        if let Some(test) = truth(members, "test")? {
            self.xml.push_str(&format!(" test=\"{test}\""));
        }
        self.xml.push('>');
        let inner = members.iter().filter(|member| !matches!(&*member.key, "version" | "test"));
        for member in inner {
            self.member(member)?;
        }
        self.xml.push_str(&format!("</{name}>"));
        Ok(())
    }

    fn member(&mut self, member: &Member<'_>) -> Result<(), Stop> {
        for (value, at) in &member.values {
            // Names stand twice, and an array repeats them: what is written is bounded as well.
            if self.xml.len() > self.limits.bytes {
                return Err(Stop { fault: GateFault::TooLarge, at: *at });
            }
            self.places.push((self.xml.len(), *at));
            self.xml.push_str(&format!("<{}>", member.key));
            match value {
                Value::Text(text) => {
                    let text = normalised(text);
                    self.xml.push_str(&escape_text(&text).map_err(|_| ill(ILLEGAL, *at))?);
                }
                Value::Truth(truth) => self.xml.push_str(if *truth { "true" } else { "false" }),
                // As deep as the limit on depth at most.
                Value::Object(members) => {
                    for member in members {
                        self.member(member)?;
                    }
                }
            }
            self.xml.push_str(&format!("</{}>", member.key));
        }
        Ok(())
    }
}

const ILLEGAL: &str = "a character that XML does not allow";

fn normalised(text: &str) -> Cow<'_, str> {
    if unicode_normalization::is_nfc(text) { text.into() } else { text.nfc().collect::<String>().into() }
}

/// The one truth of a member of the root: what only looks like one (`"true"`, `1`) others would read otherwise. `null` says nothing.
fn truth(members: &[Member<'_>], key: &str) -> Result<Option<bool>, Stop> {
    let Some(member) = members.iter().find(|member| member.key == key) else { return Ok(None) };
    match member.values.as_slice() {
        [] if !member.is_array => Ok(None),
        [(Value::Truth(truth), _)] if !member.is_array => Ok(Some(*truth)),
        _ => Err(ill(TEST, member.at)),
    }
}

/// The one plain text of a member of the root, with its octet.
fn plain<'m>(members: &'m [Member<'_>], key: &str) -> Result<Option<(&'m str, usize)>, Stop> {
    let Some(member) = members.iter().find(|member| member.key == key) else { return Ok(None) };
    // An array of one is no plain value either: another reader of the document would not see what we see.
    match member.values.as_slice() {
        [] if !member.is_array => Ok(None),
        [(Value::Text(text), at)] if !member.is_array => Ok(Some((text.as_ref(), *at))),
        _ => Err(ill(NAMES, member.at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(json: &str) -> Result<String, (GateFault, usize)> {
        translate(json.as_bytes(), &Limits::default())
            .map(|translation| String::from_utf8(translation.xml).unwrap())
            .map_err(|stop| (stop.fault, stop.at))
    }

    #[test]
    fn a_document_is_written_in_the_order_of_its_keys() {
        let json = r#" {"version": 1, "b": {"z": null, "y": [1.50, -2E+9], "x": {}}, "test": true, "nachricht": "antrag",
            "a": "e\u0301 <&> \ud83d\ude00", "leer": "", "c": [{"d": false}, null, {"d": true}], "n": []}"#;
        assert_eq!(
            xml(json).unwrap(),
            "<antrag xmlns=\"urn:drehscheibe:json:1\" standard=\"Drehscheibe-JSON\" version=\"1\" test=\"true\">\
             <a>é &lt;&amp;&gt; 😀</a><b><x></x><y>1.50</y><y>-2E+9</y></b><c><d>false</d></c><c><d>true</d></c>\
             <leer></leer><nachricht>antrag</nachricht></antrag>"
        );
        assert_eq!(
            xml("{}").unwrap(),
            "<unbenannt xmlns=\"urn:drehscheibe:json:1\" standard=\"Drehscheibe-JSON\"></unbenannt>"
        );
    }

    #[test]
    fn what_is_not_clear_is_refused_at_its_place() {
        for (json, what, at) in [
            (r#"{"a":1,"b":2,"a":3}"#, "the same key twice in one object", 13),
            (r#"{"a":1,"\u0061":3}"#, "the same key twice in one object", 7),
            (r#"{"a b":1}"#, "key that cannot name an element", 1),
            (r#"{"":1}"#, "key that cannot name an element", 1),
            (r#"{"a":[1,[2]]}"#, "array directly in an array", 8),
            (r#"{"a":"\u0000"}"#, ILLEGAL, 5),
            (r#"{"nachricht":"a b"}"#, "nachricht that cannot name an element", 13),
            (r#"{"test":{}}"#, "test that is neither true nor false", 1),
            (r#"{"version":["1","2"]}"#, "nachricht or version that is not one plain text or number", 1),
            (r#"{"version":["1"]}"#, "nachricht or version that is not one plain text or number", 1),
            (r#"{"test":"x"}"#, "test that is neither true nor false", 1),
            (r#"{"test":"true"}"#, "test that is neither true nor false", 1),
            (r#"{"test":1}"#, "test that is neither true nor false", 1),
            (r#"{"test":[true]}"#, "test that is neither true nor false", 1),
            (r#"{"version":true}"#, "nachricht or version that is not one plain text or number", 1),
            (r#"{"test":[]}"#, "test that is neither true nor false", 1),
            (r#"{"nachricht":["a"]}"#, "nachricht or version that is not one plain text or number", 1),
            (r#"{"a":1} {"#, "text that is not json", 8),
            (r#"{"a":01}"#, "text that is not json", 6),
            (r#"{"a":"\ud800"}"#, "text that is not json", 5),
            (r#"{"a":1,}"#, "text that is not json", 7),
            (r#"{"a":NaN}"#, "text that is not json", 5),
            (r#"{"a":1"#, "text that is not json", 6),
            ("[]", "root that is not an object", 0),
        ] {
            assert_eq!(xml(json), Err((GateFault::NotWellFormed(what), at)), "{json}");
        }
        assert_eq!(translate(b"{\"a\":\"\xff\"}", &Limits::default()).unwrap_err().at, 6);
    }

    #[test]
    fn limits_hold_for_what_comes_and_for_what_is_written() {
        let limits = Limits { bytes: 400, depth: 3, nodes: 10, name: 20, ..Limits::default() };
        let fault = |json: &str| translate(json.as_bytes(), &limits).map(|_| ()).map_err(|stop| stop.fault);
        assert_eq!(fault(r#"{"a":{"b":{"c":1}}}"#), Ok(()));
        assert_eq!(fault(r#"{"a":{"b":{"c":{}}}}"#), Err(GateFault::TooDeep));
        assert_eq!(fault(&format!("{{\"{}\":1}}", "a".repeat(21))), Err(GateFault::NameTooLong));
        assert_eq!(fault(&format!("{{\"a\":[{}1]}}", "1,".repeat(20))), Err(GateFault::TooManyNodes));
        assert_eq!(fault(&format!("{{\"a\":\"{}\"}}", "1".repeat(400))), Err(GateFault::TooLarge));
        let wide = Limits { nodes: 1_000, ..limits.clone() };
        let swollen = format!("{{\"{}\":[{}1]}}", "a".repeat(20), "1,".repeat(100));
        assert_eq!(
            translate(swollen.as_bytes(), &wide).map(|_| ()).map_err(|s| s.fault),
            Err(GateFault::TooLarge)
        );
    }

    #[test]
    fn only_an_object_looks_like_json() {
        for (octets, json) in [
            (&b"{"[..], true),
            (b"\xEF\xBB\xBF \r\n\t{", true),
            (b"<a/>", false),
            (b"", false),
            (b"[", false),
            (b"\x0b{", false),
        ] {
            assert_eq!(is_json(octets), json);
        }
    }
}
