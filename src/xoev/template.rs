//! Templates of what we send: every value is put into NFC and written for XML or JSON, whatever the template forgets.
//! Opens no file and never lets a value pass as markup.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::xml::write::escape_attribute;
use crate::xoev::written::Rendered;

/// Steps a template may take; one of ours needs some hundred.
const FUEL: u64 = 500_000;

/// Marks of the beginning and the end of a value while a document is rendered. XML has no such characters, so neither a
/// template nor a value holds them.
const BEGIN: char = '\u{1}';
const END: char = '\u{2}';

/// What a template writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// XML; a value stands as text or attribute.
    Xml,
    /// JSON; a value stands with its quotes.
    Json,
}

impl Form {
    /// The form of a file by its name; `None` for a file that is no template.
    pub fn of(file: &str) -> Option<Form> {
        match file.rsplit_once('.')?.1 {
            "xml" => Some(Form::Xml),
            "json" => Some(Form::Json),
            _ => None,
        }
    }

    /// The media type of what is written.
    pub fn media_type(self) -> &'static str {
        match self {
            Form::Xml => "application/xml",
            Form::Json => "application/json",
        }
    }
}

/// The templates of one package, by message type.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    forms: BTreeMap<String, Form>,
}

impl Default for Templates {
    fn default() -> Self {
        Templates::new()
    }
}

impl Templates {
    /// No templates yet.
    pub fn new() -> Templates {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| match Form::of(name) {
            Some(Form::Json) => AutoEscape::Json,
            _ => AutoEscape::None,
        });
        environment.set_formatter(|out, state, value| {
            if value.is_undefined() {
                return Err(Error::new(ErrorKind::UndefinedError, "value is not given"));
            }
            if value.is_none() {
                return Err(Error::new(ErrorKind::UndefinedError, "value is null; ask with `if` first"));
            }
            let text: Cow<'_, str> = match (value.kind(), value.as_str()) {
                // As XML Schema and JSON write it; the library writes it as Python does.
                (ValueKind::Bool, _) => Cow::Borrowed(if value.is_true() { "true" } else { "false" }),
                (_, Some(text)) => composed(text),
                (_, None) => Cow::Owned(composed(&value.to_string()).into_owned()),
            };
            if matches!(state.auto_escape(), AutoEscape::Json) {
                return match value.kind() {
                    ValueKind::Bool | ValueKind::Number => out.write_str(&text).map_err(Error::from),
                    ValueKind::String => {
                        out.write_str(&serde_json::Value::from(text).to_string()).map_err(Error::from)
                    }
                    _ => Err(Error::new(ErrorKind::BadSerialization, "value is not plain")),
                };
            }
            // What a macro wrote is a value where it is put in; marks of its own parts mean nothing there.
            let text = match text.contains([BEGIN, END]) {
                true => Cow::Owned(text.replace([BEGIN, END], "")),
                false => text,
            };
            // The text of the error names no value, only the position of the character.
            let escaped = escape_attribute(&text)
                .map_err(|error| Error::new(ErrorKind::BadEscape, error.to_string()))?;
            out.write_char(BEGIN).map_err(Error::from)?;
            out.write_str(&escaped).map_err(Error::from)?;
            out.write_char(END).map_err(Error::from)
        });
        Templates { environment, forms: BTreeMap::new() }
    }

    /// Adds the template of a message, or a part (`_name.xml`) that templates include; the error tells line and cause and
    /// holds no value.
    pub fn add(&mut self, message: &str, form: Form, text: &str) -> Result<(), (usize, String)> {
        if let Some(at) = text.find([BEGIN, END]) {
            let line = text[..at].matches('\n').count() + 1;
            return Err((line, "a character that xml does not have; take it out".to_owned()));
        }
        if self.forms.insert(message.to_owned(), form).is_some() {
            return Err((0, "second template of this message; keep one".to_owned()));
        }
        self.environment
            .add_template_owned(name(message, form), text.to_owned())
            .map_err(|error| (error.line().unwrap_or(0), plain(&error)))
    }

    /// The parts that any template includes and that are not there, each with the name of who includes it.
    pub fn missing_parts(&self) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for (name, template) in self.environment.templates() {
            let pieces = template.source().split("{% include \"").skip(1);
            for part in pieces.filter_map(|piece| piece.split('"').next()) {
                if self.environment.get_template(part).is_err() {
                    let message = name.rsplit_once('.').map_or(name, |(message, _)| message);
                    missing.push((message.to_owned(), part.to_owned()));
                }
            }
        }
        missing
    }

    /// Whether there is a template for this message.
    pub fn has(&self, message: &str) -> bool {
        self.forms.contains_key(message)
    }

    /// What the template of this message writes.
    pub fn form(&self, message: &str) -> Option<Form> {
        self.forms.get(message).copied()
    }

    /// Writes a message.
    pub fn render(&self, message: &str, values: &serde_json::Value) -> Result<Rendered, String> {
        let form = self.form(message).unwrap_or(Form::Xml);
        if form == Form::Xml && holds_mark(values) {
            return Err("a value holds a character that xml does not have".to_owned());
        }
        let template = self.environment.get_template(&name(message, form)).map_err(|error| plain(&error))?;
        let marked = template.render(minijinja::Value::from(Serde(values))).map_err(|error| plain(&error))?;
        Ok(taken_apart(&marked))
    }
}

/// A text in NFC; most are, and nothing is copied then.
fn composed(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

/// Whether a value holds a mark: it could pass for one of ours.
fn holds_mark(values: &serde_json::Value) -> bool {
    match values {
        serde_json::Value::String(text) => text.contains([BEGIN, END]),
        serde_json::Value::Array(all) => all.iter().any(holds_mark),
        serde_json::Value::Object(all) => all.values().any(holds_mark),
        _ => false,
    }
}

/// The document, where its values stand, and its shape.
fn taken_apart(marked: &str) -> Rendered {
    let mut rendered = Rendered {
        text: String::with_capacity(marked.len()),
        values: Vec::with_capacity(32),
        shape: String::with_capacity(marked.len()),
    };
    let mut rest = marked;
    while let Some(begin) = rest.find(BEGIN) {
        let value = &rest[begin + 1..];
        let end = value.find(END).unwrap_or(value.len());
        rendered.text.push_str(&rest[..begin]);
        rendered.shape.push_str(&rest[..begin]);
        rendered.shape.push(BEGIN);
        let start = rendered.text.len();
        rendered.text.push_str(&value[..end]);
        rendered.values.push(start..rendered.text.len());
        rest = value.get(end + 1..).unwrap_or_default();
    }
    rendered.text.push_str(rest);
    rendered.shape.push_str(rest);
    rendered
}

/// The name under which the environment knows a template; its ending says the form.
fn name(message: &str, form: Form) -> String {
    match form {
        // A part is named by its file already.
        _ if message.starts_with('_') => message.to_owned(),
        Form::Xml => format!("{message}.xml"),
        Form::Json => format!("{message}.json"),
    }
}

/// Kind and line only: details of a run-time error may quote a value.
fn plain(error: &Error) -> String {
    match error.line() {
        Some(line) => format!("{} in line {line}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_escaped_and_composed() {
        let mut templates = Templates::new();
        templates.add("m", Form::Xml, "<a b=\"{{ x }}\">{{ x | safe }}</a>").unwrap();
        let text = templates.render("m", &json!({"x": "<&\"e\u{301}"})).unwrap().text;
        assert_eq!(text, "<a b=\"&lt;&amp;&quot;é\">&lt;&amp;&quot;é</a>");
        templates.add("b", Form::Xml, "{{ yes }} {{ no }} {{ n }}").unwrap();
        assert_eq!(
            templates.render("b", &json!({"yes": true, "no": false, "n": 3})).unwrap().text,
            "true false 3"
        );
    }

    #[test]
    fn parts_are_included_with_the_same_escaping_and_missing_ones_are_named() {
        let mut templates = Templates::new();
        templates.add("m", Form::Xml, "{% set typ = x %}<a>{% include \"_part.xml\" %}</a>").unwrap();
        assert_eq!(templates.missing_parts(), [("m".to_owned(), "_part.xml".to_owned())]);
        templates.add("_part.xml", Form::Xml, "{{ typ }}").unwrap();
        assert!(templates.missing_parts().is_empty());
        assert_eq!(templates.render("m", &json!({"x": "<"})).unwrap().text, "<a>&lt;</a>");
    }

    #[test]
    fn what_is_missing_or_cannot_stand_in_xml_is_an_error_without_the_value() {
        let mut templates = Templates::new();
        templates.add("m", Form::Xml, "{{ x }}").unwrap();
        assert!(templates.render("m", &json!({})).is_err());
        assert!(templates.render("m", &json!({"x": null})).is_err());
        let error = templates.render("m", &json!({"x": "Geheim\u{1}"})).unwrap_err();
        assert!(!error.contains("Geheim"), "{error}");
        assert!(templates.render("other", &json!({})).is_err());
        assert_eq!(templates.add("n", Form::Xml, "a\n{% if %}").unwrap_err().0, 2);
        assert_eq!(templates.add("o", Form::Xml, "a\n\u{2}").unwrap_err().0, 2);
    }

    #[test]
    fn a_document_has_its_values_in_their_places_and_a_shape_without_them() {
        let mut templates = Templates::new();
        templates.add("m", Form::Xml, "<a b=\"{{ x }}\">{{ x }}{{ y }}{% if z %}!{% endif %}</a>").unwrap();
        let rendered = templates.render("m", &json!({"x": "ä<", "y": "", "z": true})).unwrap();
        assert_eq!(rendered.text, "<a b=\"ä&lt;\">ä&lt;!</a>");
        let values: Vec<&str> = rendered.values.iter().map(|range| &rendered.text[range.clone()]).collect();
        assert_eq!(values, ["ä&lt;", "ä&lt;", ""]);
        assert_eq!(rendered.shape, "<a b=\"\u{1}\">\u{1}\u{1}!</a>");
        templates
            .add("n", Form::Xml, "{% macro tag(d) %}{{ d }}-{{ d }}{% endmacro %}<a>{{ tag(x) }}</a>")
            .unwrap();
        let rendered = templates.render("n", &json!({"x": "1"})).unwrap();
        assert_eq!((rendered.text.as_str(), rendered.shape.as_str()), ("<a>1-1</a>", "<a>\u{1}</a>"));
        assert!(templates.render("n", &json!({"x": "\u{1}1\u{2}"})).is_err());
    }

    #[test]
    fn values_of_json_bring_their_quotes() {
        let mut templates = Templates::new();
        templates.add("m", Form::Json, "{\"a\": {{ a }}, \"b\": {{ b }}, \"c\": {{ c }}}").unwrap();
        let text = templates.render("m", &json!({"a": "\"e\u{301}\\\n", "b": true, "c": 3})).unwrap().text;
        assert_eq!(text, r#"{"a": "\"é\\\n", "b": true, "c": 3}"#);
        assert!(templates.render("m", &json!({"a": {}, "b": [], "c": 3})).is_err());
        assert_eq!(templates.form("m"), Some(Form::Json));
        assert!(templates.add("m", Form::Xml, "<a/>").is_err());
    }
}
