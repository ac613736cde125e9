//! Templates of what we send: every value is put into NFC and written for XML or JSON, whatever the template forgets.
//! Opens no file and never lets a value pass as markup.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use crate::xoev::steps::{Steps, composed, in_place};
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
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    form: Form,
    /// Taken apart when it is written for the first time; without steps where only the library can write it.
    steps: OnceLock<Option<Steps>>,
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
                (_, Some(text)) => Cow::Borrowed(text),
                (_, None) => Cow::Owned(value.to_string()),
            };
            if matches!(state.auto_escape(), AutoEscape::Json) {
                return match value.kind() {
                    ValueKind::Bool | ValueKind::Number => out.write_str(&text).map_err(Error::from),
                    ValueKind::String => {
                        let quoted = serde_json::Value::from(composed(&text)).to_string();
                        out.write_str(&quoted).map_err(Error::from)
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
            let escaped =
                in_place(&text).map_err(|error| Error::new(ErrorKind::BadEscape, error.to_string()))?;
            out.write_char(BEGIN).map_err(Error::from)?;
            out.write_str(&escaped).map_err(Error::from)?;
            out.write_char(END).map_err(Error::from)
        });
        Templates { environment, known: BTreeMap::new() }
    }

    /// Adds the template of a message, or a part (`_name.xml`) that templates include; the error tells line and cause and
    /// holds no value.
    pub fn add(&mut self, message: &str, form: Form, text: &str) -> Result<(), (usize, String)> {
        if let Some(at) = text.find([BEGIN, END]) {
            let line = text[..at].matches('\n').count() + 1;
            return Err((line, "a character that xml does not have; take it out".to_owned()));
        }
        let known = Known { form, steps: OnceLock::new() };
        if self.known.insert(message.to_owned(), known).is_some() {
            return Err((0, "second template of this message; keep one".to_owned()));
        }
        // It may be a part of others.
        self.known.values_mut().for_each(|known| known.steps = OnceLock::new());
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
        self.known.contains_key(message)
    }

    /// What the template of this message writes.
    pub fn form(&self, message: &str) -> Option<Form> {
        self.known.get(message).map(|known| known.form)
    }

    /// Writes a message.
    pub fn render(&self, message: &str, values: &serde_json::Value) -> Result<Rendered, String> {
        let form = self.form(message).unwrap_or(Form::Xml);
        if form == Form::Xml && holds_mark(values) {
            return Err("a value holds a character that xml does not have".to_owned());
        }
        let Some(rendered) = self.by_steps(message, form, values) else {
            return self.by_library(message, form, values);
        };
        // Wherever this is built with assertions each document is written both ways.
        debug_assert!(
            self.by_library(message, form, values)
                .is_ok_and(|other| other.text == rendered.text && other.values == rendered.values),
            "steps and library differ: {message}"
        );
        Ok(rendered)
    }

    fn by_steps(&self, message: &str, form: Form, values: &serde_json::Value) -> Option<Rendered> {
        let known = self.known.get(message).filter(|_| form == Form::Xml)?;
        let steps = known.steps.get_or_init(|| Steps::of(&self.environment, &name(message, form)));
        steps.as_ref()?.write(values)
    }

    fn by_library(&self, message: &str, form: Form, values: &serde_json::Value) -> Result<Rendered, String> {
        let template = self.environment.get_template(&name(message, form)).map_err(|error| plain(&error))?;
        let marked = template.render(minijinja::Value::from(Serde(values))).map_err(|error| plain(&error))?;
        Ok(taken_apart(&marked))
    }
}

/// Whether a value holds a mark: it could pass for one of ours.
fn holds_mark(values: &serde_json::Value) -> bool {
    match values {
        // Both marks are single octets; all of a text are looked at, which is faster than to stop early.
        serde_json::Value::String(text) => {
            text.bytes().fold(false, |found, octet| found | (octet == BEGIN as u8) | (octet == END as u8))
        }
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
        shape: Vec::with_capacity(marked.len()),
    };
    let mut rest = marked;
    while let Some(begin) = rest.find(BEGIN) {
        let value = &rest[begin + 1..];
        let end = value.find(END).unwrap_or(value.len());
        rendered.text.push_str(&rest[..begin]);
        rendered.shape.extend_from_slice(&rest.as_bytes()[..begin]);
        rendered.shape.push(BEGIN as u8);
        let start = rendered.text.len();
        rendered.text.push_str(&value[..end]);
        rendered.values.push(start..rendered.text.len());
        rest = value.get(end + 1..).unwrap_or_default();
    }
    rendered.text.push_str(rest);
    rendered.shape.extend_from_slice(rest.as_bytes());
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
        let values = json!({"x": "ä<", "y": "", "z": true});
        let rendered = templates.by_library("m", Form::Xml, &values).unwrap();
        assert_eq!(rendered.text, "<a b=\"ä&lt;\">ä&lt;!</a>");
        let values: Vec<&str> = rendered.values.iter().map(|range| &rendered.text[range.clone()]).collect();
        assert_eq!(values, ["ä&lt;", "ä&lt;", ""]);
        assert_eq!(rendered.shape, b"<a b=\"\x01\">\x01\x01!</a>");
        templates
            .add("n", Form::Xml, "{% macro tag(d) %}{{ d }}-{{ d }}{% endmacro %}<a>{{ tag(x) }}</a>")
            .unwrap();
        let rendered = templates.render("n", &json!({"x": "1"})).unwrap();
        assert_eq!((rendered.text.as_str(), &*rendered.shape), ("<a>1-1</a>", &b"<a>\x01</a>"[..]));
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

    /// The templates of a package, as they are shipped.
    fn shipped(package: &str) -> Templates {
        let mut templates = Templates::new();
        for file in std::fs::read_dir(format!("xsd/{package}/write")).unwrap() {
            let path = file.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            let message = if file.starts_with('_') { file } else { file.rsplit_once('.').unwrap().0 };
            templates
                .add(message, Form::of(file).unwrap(), &std::fs::read_to_string(&path).unwrap())
                .unwrap();
        }
        templates
    }

    /// The packages that write XML, whatever they are.
    fn packages() -> Vec<String> {
        let below = |folder: &str| -> Vec<std::path::PathBuf> {
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
        };
        let all = below("xsd").into_iter().flat_map(|standard| below(standard.to_str().unwrap()));
        let writes = |path: &std::path::PathBuf| {
            let files = below(path.join("write").to_str().unwrap());
            files.iter().any(|file| file.extension().is_some_and(|extension| extension == "xml"))
        };
        let named =
            |path: std::path::PathBuf| path.to_str().unwrap().strip_prefix("xsd/").unwrap().to_owned();
        let found: Vec<String> = all.filter(writes).map(named).collect();
        assert!(found.len() > 3, "{found:?}");
        found
    }

    /// Every place of a tree of values with what is below it.
    fn places(values: &serde_json::Value, at: &str, found: &mut Vec<String>) {
        match values {
            serde_json::Value::Array(all) => {
                all.iter().enumerate().for_each(|(n, one)| places(one, &format!("{at}/{n}"), found));
            }
            serde_json::Value::Object(all) => {
                all.iter().for_each(|(name, one)| places(one, &format!("{at}/{name}"), found));
            }
            _ => {}
        }
        found.push(at.to_owned());
    }

    #[test]
    fn steps_write_what_the_library_writes_or_leave_it_to_it() {
        let templates = shipped("xfamilie/1.3.0");
        let whole = json!({
            "id": "1", "zeitpunkt": "2", "test": true, "produkt": {"name": "n", "hersteller": "h", "version": "0"},
            "autor": {"praefix": "jga", "kennung": "1", "name": "A & O", "erreichbarkeit": [{"kanal": "01", "kennung": "x"}],
                "anschrift": {"hausnummer": "1", "postleitzahl": "2", "strasse": "s", "wohnort": "w"}},
            "leser": {"praefix": "jga", "kennung": "2", "name": "e\u{301}<"},
            "gruende": [{"code": "V000", "spezifisch": [{"code": null, "beschreibung": "b"}]}],
            "postkorb": {"handle": "h", "zustimmung": false},
            "original": {"nachrichten_uuid": "u", "nachrichtentyp": "0804", "erstellungszeitpunkt": "e", "transaktionsid": "t"},
        });
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        let others = [
            json!(null),
            json!(""),
            json!(true),
            json!(0),
            json!(-7),
            json!(1.5),
            json!([]),
            json!({}),
            json!("\u{7}"),
            json!("\"'<>&\t\n\r"),
            json!([{"kanal": "1", "kennung": "2"}, {"kanal": "3", "kennung": "4"}]),
            json!(["1"]),
        ];
        let mut changed = vec![(true, whole.clone())];
        for place in &all {
            for other in &others {
                let mut one = whole.clone();
                let old = std::mem::replace(one.pointer_mut(place).unwrap(), other.clone());
                changed.push((old.is_string() && other.is_string(), one));
            }
            if let Some((parent, name)) = place.rsplit_once('/') {
                let mut one = whole.clone();
                if let Some(parent) = one.pointer_mut(parent).and_then(serde_json::Value::as_object_mut) {
                    parent.shift_remove(name);
                    changed.push((false, one));
                }
            }
        }
        let (mut by_steps, mut left) = (0, 0);
        let mut shapes: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for (text, values) in &changed {
            for message in ["0011", "0001"] {
                let library = templates.by_library(message, Form::Xml, values);
                let Some(steps) = templates.by_steps(message, Form::Xml, values) else {
                    // Such as a list where a text belongs.
                    left += usize::from(library.is_ok());
                    assert!(library.is_err() || !text, "{message} {values}");
                    continue;
                };
                let library = library.unwrap();
                assert_eq!(
                    (&steps.text, &steps.values),
                    (&library.text, &library.values),
                    "{message} {values}"
                );
                // Ways through a template stand for one shape, whatever the values are.
                let shape = shapes.entry(steps.shape).or_insert_with(|| library.shape.clone());
                assert_eq!(*shape, library.shape, "{message} {values}");
                by_steps += 1;
            }
        }
        println!("documents by steps {by_steps}, left to the library {left}, shapes {}", shapes.len());
        assert!(by_steps >= 300 && shapes.len() >= 10, "{by_steps} {}", shapes.len());
    }

    #[test]
    fn steps_leave_to_the_library_what_they_do_not_know() {
        let values = json!({"x": {"y": "1"}, "n": null, "all": ["a", "b"], "no": []});
        for (number, (text, steps)) in [
            ("<a>{{ x.y }}</a>", Some("<a>1</a>")),
            ("<a>{{ x.y ~ ':' ~ x.y }}</a>", Some("<a>1:1</a>")),
            ("{% set z = 'k' %}<a>{% with w = x %}{{ w.y }}{% endwith %}{{ z }}</a>", Some("<a>1k</a>")),
            ("{% for w in all %}{% if w == 'a' or w != 'b' %}{{ w }}{% endif %};{% endfor %}", Some("a;;")),
            ("{% for w in no %}{{ w }}{% endfor %}{% if not no and n is none %}e{% endif %}", Some("e")),
            ("{% if x.z is defined %}d{% elif q is not defined %}u{% else %}e{% endif %}", Some("u")),
            // A name is given only where its block goes.
            (
                "{% with x = all %}{% endwith %}{{ x.y }}{% for x in all %}{{ x }}{% endfor %}{{ x.y }}",
                Some("1ab1"),
            ),
            // A name given on some ways only, what is made by others, what would be a fault.
            ("{% if x %}{% set z = '1' %}{% endif %}{{ z }}", None),
            ("{% for w in all %}{{ loop.index }}{% endfor %}", None),
            ("{% for w in all if w != 'a' %}{{ w }}{% endfor %}", None),
            ("{% for w in no %}{% else %}e{% endfor %}", None),
            ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x.y) }}", None),
            ("{{ x.y | upper }}", None),
            ("{{ x['y'] }}", None),
            ("{% if range is defined %}r{% endif %}", None),
            ("{% if x %}{{ q }}{% endif %}", None),
            ("{{ n }}", None),
            ("{{ x.z }}", None),
            ("{% if x.z %}{% endif %}", None),
            ("{{ n.z }}", None),
            ("{% include '_none.xml' %}", None),
            ("{% include '_self.xml' %}", None),
        ]
        .into_iter()
        .enumerate()
        {
            let mut templates = Templates::new();
            let message = format!("m{number}");
            templates.add(&message, Form::Xml, text).unwrap();
            templates.add("_self.xml", Form::Xml, "{% include '_self.xml' %}").unwrap();
            let found = templates.by_steps(&message, Form::Xml, &values).map(|found| found.text);
            assert_eq!(found.as_deref(), steps, "{text}");
            if let Some(found) = found {
                assert_eq!(templates.by_library(&message, Form::Xml, &values).unwrap().text, found, "{text}");
            }
        }
    }

    #[test]
    fn only_templates_that_ask_for_more_are_left_to_the_library() {
        let mut left = Vec::new();
        for package in packages() {
            let templates = shipped(&package);
            for (message, known) in &templates.known {
                if Steps::of(&templates.environment, &name(message, known.form)).is_none() {
                    left.push(message.clone());
                }
            }
        }
        // A loop with a condition of its own, one that asks which entry is the first, macros.
        left.sort_unstable();
        assert_eq!(left, ["0005007", "0803", "1332", "1333"]);
    }
}
