//! Templates of what we send: every value is put into NFC and written for XML or JSON, whatever the template forgets.
//! Opens no file and never lets a value pass as markup.

use std::collections::BTreeMap;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use unicode_normalization::UnicodeNormalization;

use crate::xml::write::escape_attribute;

/// Steps a template may take; one of ours needs some hundred.
const FUEL: u64 = 500_000;

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
            let text: String = match value.kind() {
                // As XML Schema and JSON write it; the library writes it as Python does.
                ValueKind::Bool => value.is_true().to_string(),
                _ => value.to_string().nfc().collect(),
            };
            if matches!(state.auto_escape(), AutoEscape::Json) {
                return match value.kind() {
                    ValueKind::Bool | ValueKind::Number => out.write_str(&text).map_err(Error::from),
                    ValueKind::String => {
                        out.write_str(&serde_json::Value::String(text).to_string()).map_err(Error::from)
                    }
                    _ => Err(Error::new(ErrorKind::BadSerialization, "value is not plain")),
                };
            }
            // The text of the error names no value, only the position of the character.
            let escaped = escape_attribute(&text)
                .map_err(|error| Error::new(ErrorKind::BadEscape, error.to_string()))?;
            out.write_str(&escaped).map_err(Error::from)
        });
        Templates { environment, forms: BTreeMap::new() }
    }

    /// Adds the template of a message, or a part (`_name.xml`) that templates include; the error tells line and cause and
    /// holds no value.
    pub fn add(&mut self, message: &str, form: Form, text: &str) -> Result<(), (usize, String)> {
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
    pub fn render(&self, message: &str, values: &serde_json::Value) -> Result<String, String> {
        let form = self.form(message).unwrap_or(Form::Xml);
        let template = self.environment.get_template(&name(message, form)).map_err(|error| plain(&error))?;
        template.render(minijinja::Value::from(Serde(values))).map_err(|error| plain(&error))
    }
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
        let text = templates.render("m", &json!({"x": "<&\"e\u{301}"})).unwrap();
        assert_eq!(text, "<a b=\"&lt;&amp;&quot;é\">&lt;&amp;&quot;é</a>");
        templates.add("b", Form::Xml, "{{ yes }} {{ no }} {{ n }}").unwrap();
        assert_eq!(
            templates.render("b", &json!({"yes": true, "no": false, "n": 3})).unwrap(),
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
        assert_eq!(templates.render("m", &json!({"x": "<"})).unwrap(), "<a>&lt;</a>");
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
    }

    #[test]
    fn values_of_json_bring_their_quotes() {
        let mut templates = Templates::new();
        templates.add("m", Form::Json, "{\"a\": {{ a }}, \"b\": {{ b }}, \"c\": {{ c }}}").unwrap();
        let text = templates.render("m", &json!({"a": "\"e\u{301}\\\n", "b": true, "c": 3})).unwrap();
        assert_eq!(text, r#"{"a": "\"é\\\n", "b": true, "c": 3}"#);
        assert!(templates.render("m", &json!({"a": {}, "b": [], "c": 3})).is_err());
        assert_eq!(templates.form("m"), Some(Form::Json));
        assert!(templates.add("m", Form::Xml, "<a/>").is_err());
    }
}
