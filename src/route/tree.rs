//! A YAML text as a tree in which every key and value knows its place, bounded before it is built.
//! Knows no word of the route language; anchors, aliases, merge keys and tags are refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::MergeKeyPolicy;

use crate::config::MAX_TEXT;
use crate::route::fault::Desk;
use crate::route::place::Place;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 32;
/// Most values that a file may hold.
const MAX_NODES: usize = 50_000;

/// Something with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct At<T> {
    /// What is written.
    pub value: T,
    /// Where.
    pub at: Place,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is written.
    pub kind: Kind,
    /// Where.
    pub at: Place,
}

/// What can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without leading zero or underscore; others stay text.
    Number(serde_json::Number),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in the order written.
    Map(Vec<(At<String>, Node)>),
}

impl Node {
    /// The value under a key of a map.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[(At<String>, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same as JSON.
    pub fn json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(yes) => (*yes).into(),
            Kind::Number(number) => number.clone().into(),
            Kind::Text(text) => text.as_str().into(),
            Kind::List(items) => items.iter().map(Node::json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.value.clone(), node.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The place of a path such as `/retry/first`; of the nearest that is written when the rest is missing.
    pub fn locate(&self, path: &str) -> Place {
        let mut node = self;
        for step in path.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let below = match &node.kind {
                Kind::List(items) => step.parse::<usize>().ok().and_then(|nth| items.get(nth)),
                _ => node.get(&step),
            };
            match below {
                Some(below) => node = below,
                None => break,
            }
        }
        node.at
    }

    /// What it is, in a word for the reader.
    pub fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "keys with values",
        }
    }
}

/// Reads a text; on failure the one fault of its syntax is on the desk.
pub fn parse(text: &str, desk: Desk<'_>) -> Option<Node> {
    if text.len() > MAX_TEXT {
        desk.fault(Place::default(), "file is too large; at most 1 MiB is read");
        return None;
    }
    match serde_saphyr::from_str_with_options::<Node>(text, options()) {
        Ok(node) => Some(node),
        Err(error) => {
            let at = error.location().map(Place::from).unwrap_or_default();
            desk.fault(at, explain(&error));
            None
        }
    }
}

fn options() -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = 4 * MAX_NODES;
    budget.max_aliases = 0;
    budget.max_anchors = 0;
    budget.max_documents = 1;
    budget.max_total_scalar_bytes = MAX_TEXT;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options.merge_keys = MergeKeyPolicy::Error;
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.reject_unsupported_tags = true;
    options.with_snippet = false;
    options
}

/// Our own sentence: the parser's text is kept only where it cannot quote what is written.
fn explain(error: &serde_saphyr::Error) -> String {
    let said = error.to_string().to_lowercase();
    // The first that fits, so what is more special stands first. A test holds the words of the pinned parser.
    let sentences: &[(&[&str], &str)] = &[
        (&["duplicate mapping key"], "the same key is written twice; keep one of them"),
        (&["documents {", "multiple documents"], "one document per file; remove `---` and what follows"),
        (&["anchor", "alias"], "anchors and aliases are not read; write the value out"),
        (&["merge key"], "merge keys are not read; write the keys out"),
        (
            &["budget", "limit", "depth"],
            "the file is too large or nested too deeply; at most 50000 values, 32 levels, one document",
        ),
        (&["unclosed", "end of"], "a bracket or quote is opened here and never closed; close it"),
        (&["found a tab", "tabs"], "a tab stands where spaces belong; indent with spaces"),
        (&["unsupported tag"], "tags such as `!name` are not read; write the plain value"),
    ];
    let found = sentences.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)));
    let usual =
        "this is not YAML; check indentation, colons, quotes and brackets here and on the line before";
    let ours = found.map_or(usual, |(_, sentence)| sentence);
    ours.to_owned()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Node { kind: spanned.value, at: spanned.referenced.into() })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Kind, E> {
                Ok(Kind::Null)
            }

            fn visit_none<E>(self) -> Result<Kind, E> {
                Ok(Kind::Null)
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Kind, E> {
                Ok(Kind::Bool(yes))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
                Ok(Kind::Number(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
                Ok(Kind::Number(number.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Kind, E> {
                serde_json::Number::from_f64(number)
                    .map(Kind::Number)
                    .ok_or_else(|| E::custom("a number must be finite"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
                Ok(Kind::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<Kind, E> {
                Ok(Kind::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element::<Node>()? {
                    items.push(item);
                }
                Ok(Kind::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
                let mut entries: Vec<(At<String>, Node)> = Vec::new();
                while let Some(key) = access.next_key::<Spanned<String>>()? {
                    if entries.iter().any(|(known, _)| known.value == key.value) {
                        return Err(A::Error::custom("duplicate key"));
                    }
                    let value = access.next_value::<Node>()?;
                    entries.push((At { value: key.value, at: key.referenced.into() }, value));
                }
                Ok(Kind::Map(entries))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
