//! Templates of what we send: every value is put into NFC and escaped for XML, whatever the template forgets.
//! Opens no file and never lets a value pass as markup.

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use unicode_normalization::UnicodeNormalization;

use crate::xml::write::escape_attribute;

/// Steps a template may take; one of ours needs some hundred.
const FUEL: u64 = 500_000;

/// The templates of one package, by message type.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

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
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(|out, state, value| {
            if value.is_undefined() {
                return Err(Error::new(ErrorKind::UndefinedError, "value is not given"));
            }
            if value.is_none() {
                return Err(Error::new(ErrorKind::UndefinedError, "value is null; ask with `if` first"));
            }
            let _ = state;
            let text: String = match value.kind() {
                // As XML Schema writes it; the library writes it as Python does.
                ValueKind::Bool => value.is_true().to_string(),
                _ => value.to_string().nfc().collect(),
            };
            // The text of the error names no value, only the position of the character.
            let escaped = escape_attribute(&text)
                .map_err(|error| Error::new(ErrorKind::BadEscape, error.to_string()))?;
            out.write_str(&escaped).map_err(Error::from)
        });
        Templates(environment)
    }

    /// Adds the template of a message, or a part (`_name.xml`) that templates include; the error tells line and cause and holds no value.
    pub fn add(&mut self, message: &str, text: &str) -> Result<(), (usize, String)> {
        self.0
            .add_template_owned(message.to_owned(), text.to_owned())
            .map_err(|error| (error.line().unwrap_or(0), plain(&error)))
    }

    /// The parts that any template includes and that are not there, each with the name of who includes it.
    pub fn missing_parts(&self) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for (name, template) in self.0.templates() {
            let pieces = template.source().split("{% include \"").skip(1);
            for part in pieces.filter_map(|piece| piece.split('"').next()) {
                if self.0.get_template(part).is_err() {
                    missing.push((name.to_owned(), part.to_owned()));
                }
            }
        }
        missing
    }

    /// Whether there is a template for this message.
    pub fn has(&self, message: &str) -> bool {
        self.0.get_template(message).is_ok()
    }

    /// Writes a message.
    pub fn render(&self, message: &str, values: &serde_json::Value) -> Result<String, String> {
        let template = self.0.get_template(message).map_err(|error| plain(&error))?;
        template.render(minijinja::Value::from(Serde(values))).map_err(|error| plain(&error))
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
        templates.add("m", "<a b=\"{{ x }}\">{{ x | safe }}</a>").unwrap();
        let text = templates.render("m", &json!({"x": "<&\"e\u{301}"})).unwrap();
        assert_eq!(text, "<a b=\"&lt;&amp;&quot;é\">&lt;&amp;&quot;é</a>");
        templates.add("b", "{{ yes }} {{ no }} {{ n }}").unwrap();
        assert_eq!(
            templates.render("b", &json!({"yes": true, "no": false, "n": 3})).unwrap(),
            "true false 3"
        );
    }

    #[test]
    fn parts_are_included_with_the_same_escaping_and_missing_ones_are_named() {
        let mut templates = Templates::new();
        templates.add("m", "{% set typ = x %}<a>{% include \"_part.xml\" %}</a>").unwrap();
        assert_eq!(templates.missing_parts(), [("m".to_owned(), "_part.xml".to_owned())]);
        templates.add("_part.xml", "{{ typ }}").unwrap();
        assert!(templates.missing_parts().is_empty());
        assert_eq!(templates.render("m", &json!({"x": "<"})).unwrap(), "<a>&lt;</a>");
    }

    #[test]
    fn what_is_missing_or_cannot_stand_in_xml_is_an_error_without_the_value() {
        let mut templates = Templates::new();
        templates.add("m", "{{ x }}").unwrap();
        assert!(templates.render("m", &json!({})).is_err());
        assert!(templates.render("m", &json!({"x": null})).is_err());
        let error = templates.render("m", &json!({"x": "Geheim\u{1}"})).unwrap_err();
        assert!(!error.contains("Geheim"), "{error}");
        assert!(templates.render("other", &json!({})).is_err());
        assert_eq!(templates.add("n", "a\n{% if %}").unwrap_err().0, 2);
    }
}
