//! A small house to compile against: steps that do nothing, transports without a wire, standards that know four
//! messages. All of them are real parts; none fakes a result that is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::config::{ConfigError, SecretRef};
use drehscheibe::effects::Effects;
use drehscheibe::envelope::Head;
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{
    self, Bench, Building, Flow, Original, Place, Refuse, SettingFault, Step, Trouble,
};
use drehscheibe::register::record::Record;
use drehscheibe::rejection::{Fault as Wrong, Rejection};
use drehscheibe::route::compile::{Files, compile};
use drehscheibe::route::compiled::Compiled;
use drehscheibe::route::fault::Faults;
use drehscheibe::route::menus::Menus;
use drehscheibe::route::text_file::TextFile;
use drehscheibe::transport::apart::{apart, no_destination, no_source};
use drehscheibe::transport::port::binding::Bindings;
use drehscheibe::transport::port::{self, Answers};
use drehscheibe::xml::gate::Document;
use drehscheibe::xoev::contract::{Answering, Detected, Known, Reader, Standards, WriteError};
use secrecy::SecretString;
use serde_json::{Value, json};

/// A step that does nothing.
pub struct Idle(pub &'static str);

impl Step for Idle {
    fn name(&self) -> &'static str {
        self.0
    }

    fn apply(&self, _: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        Ok(Flow::Next)
    }
}

fn only(settings: &Value, keys: &[&str], name: &'static str) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let faults: Vec<SettingFault> = settings
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !keys.contains(&key.as_str()))
        .map(|(key, _)| SettingFault {
            path: format!("/{key}"),
            text: format!("is not known; allowed: {}", keys.join(", ")),
        })
        .collect();
    if faults.is_empty() { Ok(Arc::new(Idle(name))) } else { Err(faults) }
}

fn callback(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    assert!(building.platform.is_object() || building.platform.is_null());
    only(settings, &["to", "body", "as", "after"], "callback")
}

fn open() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

fn free() -> Value {
    json!({})
}

const fn entry(word: &'static str, place: Place, build: step::BuildStep) -> step::Entry {
    step::Entry { word, place, about: "For tests.", schema: open, declares: &[], build }
}

/// The steps.
pub const STEPS: &[step::Entry] = &[
    entry("mirror", Place::Do, |settings, _| only(settings, &[], "mirror")),
    step::Entry {
        schema: free,
        ..entry("authorise", Place::Do, |settings, _| only(settings, &["area", "use"], "authorise"))
    },
    step::Entry {
        declares: &[("treffer.genau", &["ja", "nein"]), ("treffer.offen", &["ja", "nein"])],
        schema: free,
        ..entry("find", Place::Do, |settings, _| only(settings, &["in"], "find"))
    },
    step::Entry {
        declares: &[("ergebnis", &["negativ", "eintragung", "klaerfall"])],
        schema: free,
        ..entry("decide", Place::Do, |settings, _| only(settings, &["table"], "decide"))
    },
    step::Entry {
        schema: free,
        ..entry("build", Place::Do, |settings, _| only(settings, &["build", "as"], "build"))
    },
    entry("receipt", Place::Send, |settings, _| only(settings, &[], "receipt")),
    step::Entry {
        schema: || {
            json!({
                "$defs": { "Body": { "type": "object" } },
                "type": "object", "required": ["to"], "additionalProperties": false,
                "properties": {
                    "to": { "anyOf": [{ "type": "string" }, { "type": "array" }] },
                    "body": { "$ref": "#/$defs/Body" },
                    "urgent": { "type": "boolean", "default": false }
                }
            })
        },
        ..entry("callback", Place::Send, callback)
    },
];

fn required(settings: &Value, needed: &[&str], known: &[&str]) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    for key in needed.iter().filter(|key| settings.get(**key).is_none()) {
        faults.push((format!("/{key}"), "is missing".to_owned()));
    }
    for (key, value) in settings.as_object().into_iter().flatten() {
        if !known.contains(&key.as_str()) && !needed.contains(&key.as_str()) {
            faults.push((format!("/{key}"), "is not known".to_owned()));
        }
        if key == "listen" && !value.as_str().is_some_and(|text| text.contains(':')) {
            faults.push((format!("/{key}"), "must be an address with a port".to_owned()));
        }
    }
    faults
}

const fn transport(word: &'static str, answers: Option<Answers>, sends: bool) -> port::Entry {
    port::Entry {
        word,
        binding: Bindings::Listed,
        answers,
        sends,
        collected: false,
        accounts: false,
        alone: false,
        check: |_| Vec::new(),
        check_channel: |_| Vec::new(),
        folders: drehscheibe::transport::port::no_folders,
        spots: drehscheibe::transport::port::no_spots,
        files: drehscheibe::transport::port::files::none,
        exposed: drehscheibe::transport::port::files::never_exposed,
        schema: || json!({ "type": "object", "properties": {} }),
        open: |name, written, _| apart(name, written, no_source, no_destination),
    }
}

/// The transports.
pub const TRANSPORTS: &[port::Entry] = &[
    port::Entry {
        binding: Bindings::Paths { refuses: drehscheibe::transport::http::answer::refuses },
        check: |settings| required(settings, &["listen"], &["ops"]),
        schema: || {
            json!({
                "type": "object", "required": ["listen"], "additionalProperties": false,
                "properties": {
                    "listen": { "type": "string" }, "ops": { "type": "boolean", "default": false }
                }
            })
        },
        ..transport("http", Some(Answers::InBand), false)
    },
    transport("folder", Some(Answers::ByMessage), true),
    port::Entry {
        check_channel: |settings| required(settings, &["url", "secret"], &["allow-private"]),
        folders: drehscheibe::transport::port::no_folders,
        spots: drehscheibe::transport::port::no_spots,
        ..transport("callback", None, true)
    },
    port::Entry { binding: Bindings::Names, ..transport("timer", Some(Answers::ByMessage), false) },
];

struct NoReader;

impl Reader for NoReader {
    fn read(&mut self, _: &Detected, _: &Document) -> Result<Record, Vec<Rejection>> {
        Err(vec![Rejection::new(Wrong::Version, "kein Paket geladen")])
    }

    fn write(&mut self, message: &str, _: &str, _: &Value) -> Result<Bytes, WriteError> {
        Err(WriteError::NoTemplate(message.to_owned()))
    }
}

/// Standards that know messages by name only.
pub struct Names;

impl Standards for Names {
    fn detect(&self, _: &Document) -> Result<Detected, Rejection> {
        Err(Rejection::new(Wrong::Version, "kein Paket geladen"))
    }

    fn answering(&self, _: &str, _: Option<&str>) -> Option<Answering> {
        None
    }

    fn known(&self) -> Vec<Known> {
        [
            ("xfamilie.0804", "xfamilie", "1.3.0", true),
            ("xfamilie.0801", "xfamilie", "1.3.0", true),
            ("xfamilie.0011", "xfamilie", "1.3.0", false),
            ("xjustiz.0005005", "xjustiz", "3.6.2", true),
        ]
        .into_iter()
        .map(|(message, standard, version, reads)| Known {
            message: message.to_owned(),
            standard: standard.to_owned(),
            version: version.to_owned(),
            reads,
            writes: !reads,
        })
        .collect()
    }

    fn hash(&self) -> String {
        "packages-of-the-test".to_owned()
    }

    fn hashes(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("xfamilie/1.3.0".to_owned(), self.hash())])
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(NoReader)
    }
}

/// Refuses without an answer.
pub struct Silent;

impl Refuse for Silent {
    fn refuse(&self, _: &Head, _: &Original<'_>, _: &[Rejection], _: &mut Bench) -> Result<Effects, Trouble> {
        Ok(Effects::default())
    }
}

/// A bench without validators.
pub fn bench() -> Bench {
    Bench { reader: Box::new(NoReader) }
}

/// Secrets of the tests; `NONE` and `secrets/none` do not exist.
pub fn secret(reference: &SecretRef) -> Result<SecretString, ConfigError> {
    let name = reference.name();
    let text = match name {
        "NONE" | "secrets/none" => return Err(ConfigError::NoVariable(name.to_owned())),
        "KURZ" => "kurz".to_owned(),
        "PEM" => "no certificate at all".to_owned(),
        name if name.ends_with("key") || name == "KEY" => {
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()
        }
        name => format!("token-of-{name}-erfunden"),
    };
    Ok(SecretString::from(text))
}

/// A route that is right.
pub const ROUTE: &str = "\
route: lieferung
about: Jugendämter deliver.
on:
  - http: /v1/lieferungen
  - folder: trays
accept:
  - { message: xfamilie.0804, from: jugendaemter }
order-by: child
do:
  - mirror: {}
  - find: { in: mirror }
  - decide: { table: auskunft }
  - choose:
      - { when: { ergebnis: negativ }, then: [ { build: auskunft.pdf, as: schreiben } ] }
      - { if: 'ergebnis == \"eintragung\"', then: [ { build: hinweis.pdf, as: schreiben } ] }
      - { else: [ { park: unerwartet } ] }
send:
  - receipt: {}
  - callback: { to: portal, body: { id: vorgang }, when: schreiben }
settings:
  max-body: 2MiB
";

/// Connections that are right.
pub const CONNECTIONS: &str = "\
stage: test
mandant: plattform
store: { kind: sqlite, path: store.db }
key: { env: KEY }
connections:
  door:
    kind: http
    listen: 127.0.0.1:0
  trays:
    kind: folder
    trays: [ { partner: bremen, in: in } ]
  hooks:
    kind: callback
    retry: { first: 2s, longest: 1m }
  wecker:
    kind: timer
";

/// Partners that are right.
pub const PARTNERS: &str = "\
platform: { praefix: sgr, kennung: plattform, name: Plattform }
partners:
  bremen:
    name: Jugendamt Bremen
    mandant: bremen
    groups: [jugendaemter]
    identities: [\"jga:040110000000\"]
    credentials: [ { bearer: { env: BREMEN } } ]
    channels: { trays: {} }
    answers-by: trays
  hamburg:
    name: Jugendamt Hamburg
    groups: [jugendaemter]
    credentials: [ { bearer: { env: HAMBURG } } ]
  portal:
    name: Portal
    groups: [onlinedienste]
    uses: [self-service]
    channels: { hooks: { url: 'https://portal.example/h', secret: { env: PORTAL } } }
  wohngeld:
    name: Wohngeld
    groups: [onlinedienste]
    channels: { hooks: { url: 'https://wohngeld.example/h', secret: { env: WOHNGELD } } }
";

/// Files with these texts; routes are named `r0.yaml` and so on.
pub fn files(routes: &[&str], connections: &str, partners: &str) -> Files {
    let text = |name: &str, text: &str| TextFile { name: name.to_owned(), text: text.to_owned() };
    Files {
        routes: routes.iter().enumerate().map(|(nth, route)| text(&format!("r{nth}.yaml"), route)).collect(),
        connections: text("connections.yaml", connections),
        partners: text("partners.yaml", partners),
        resolve: Arc::new(secret),
        guarded: Arc::new(secret),
        tables: Default::default(),
        letters: Default::default(),
    }
}

/// Menus of the tests.
pub const MENUS: Menus<'static> = Menus { steps: STEPS, transports: TRANSPORTS };

/// Compiles texts.
pub fn built(routes: &[&str], connections: &str, partners: &str) -> Result<Compiled, Faults> {
    compile_files(&files(routes, connections, partners))
}

/// Compiles files, on 21 November 2026.
pub fn compile_files(files: &Files) -> Result<Compiled, Faults> {
    let standards: Arc<dyn Standards> = Arc::new(Names);
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    compile(files, &MENUS, &standards, &|_, _| Ok(Arc::new(Silent)), Some(now))
}
