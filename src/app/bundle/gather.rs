//! Gathers a support bundle: states, counts, names and versions, each written down here by name and nothing else. What a part
//! cannot say is said in its place; a bundle is wanted most when something does not work.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use super::archive::Piece;
use super::figures;
use super::log::{self, Lines};
use super::metrics::{self, Sample};
use super::search::{LOOKED_FOR, Search};
use super::sentence::shorten;
use super::words::{Vocabulary, Word};
use crate::app::fit::{self, Fit, Unfit};
use crate::app::house;
use crate::app::place::Place;
use crate::config;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::telemetry::alarm::Alarm;

/// Largest file below `secrets/` that is looked at, octets.
const LARGEST_SECRET: u64 = 64 * 1024;

/// What the caller asked for and looked at.
pub struct Asked {
    /// Now.
    pub at: Timestamp,
    /// What `doctor` found.
    pub findings: Vec<Finding>,
    /// The file with the log, if one was named.
    pub log: Option<PathBuf>,
    /// At most so many lines of it.
    pub lines: usize,
    /// A file with metrics that was saved before.
    pub metrics: Option<PathBuf>,
}

/// One finding of `doctor`.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it is in order.
    pub fine: bool,
    /// Our own sentence; folders of this machine are shortened before it leaves.
    pub text: String,
}

/// Compiles a stage and hears every secret that is resolved while it does.
pub fn compile(place: &Place, now: Timestamp) -> Result<(Fit, Search), Unfit> {
    let heard: Arc<Mutex<Vec<(String, secrecy::SecretString)>>> = Arc::default();
    let standards = fit::standards(&place.xsd)?;
    let mut files = fit::read(place)?;
    let (resolve, ears) = (files.resolve.clone(), heard.clone());
    files.resolve = Arc::new(move |secret| {
        let found = resolve(secret)?;
        let name = secret.name().to_owned();
        ears.lock().unwrap_or_else(PoisonError::into_inner).push((name, found.clone()));
        Ok(found)
    });
    // Help can be asked for before the rights of files are mended; what they hold is searched for all the same.
    files.guarded = files.resolve.clone();
    let fit = fit::compile_files(files, standards, Some(now))?;
    let mut search = Search::default();
    for (name, secret) in heard.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        search.add(name, secret.expose_secret());
    }
    let settings = fit.compiled.sources.iter().map(|source| &source.settings);
    let channels = fit.compiled.destinations.iter().flat_map(|one| [&one.settings, &one.channel.settings]);
    for key in settings.chain(channels).flat_map(key_files) {
        add_file(&mut search, &place.config, Path::new(&key));
    }
    // What lies there is a secret, whether a file names it or not.
    for entry in std::fs::read_dir(place.config.join("secrets")).into_iter().flatten().flatten() {
        add_file(&mut search, &place.config, &Path::new("secrets").join(entry.file_name()));
    }
    Ok((fit, search))
}

fn add_file(search: &mut Search, config: &Path, name: &Path) {
    let path = config.join(name);
    let small = path.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST_SECRET);
    if let Some(text) = small.then(|| config::read_text(&path).ok()).flatten() {
        search.add(&name.display().to_string(), &text);
    }
}

/// Files of private keys that settings name, wherever they stand in them.
fn key_files(settings: &Value) -> Vec<String> {
    match settings {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(path) if name == "key" => vec![path.clone()],
                value => key_files(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(key_files).collect(),
        _ => Vec::new(),
    }
}

/// Gathers the pieces; the first one says what the others are.
pub async fn gather(place: &Place, fit: &Fit, search: &Search, asked: Asked) -> Vec<Piece> {
    let words = Vocabulary::of(&fit.compiled, &*fit.standards);
    let opened = house::open_store(place, &fit.compiled, true);
    let (snapshot, metrics_said) = metrics(fit, (place, &opened), &asked, &words).await;
    let (lines, log_said) = match &asked.log {
        None => (Lines::default(), "no log was given; --log FILE takes one".to_owned()),
        Some(path) => match log::read(path, asked.lines, &words) {
            Ok(lines) => {
                let said = format!("{} lines; {} lines of others left out", lines.lines.len(), lines.foreign);
                (lines, said)
            }
            Err(error) => {
                (Lines::default(), format!("the log cannot be read: {}", config::what(error.kind())))
            }
        },
    };
    let started = metrics::value(&snapshot, "drehscheibe_start_time_seconds");
    let about = about(fit, &asked, started);
    let findings: Vec<Finding> = asked.findings.iter().map(|finding| shortened(finding, place)).collect();
    let pieces = vec![
        json("about.json", &about),
        json("store.json", &figures::look(place, fit, &opened, &words, asked.at).await),
        json("configuration.json", &configuration(fit, &words)),
        json("doctor.json", &findings),
        json("alarms.json", &alarms(&snapshot)),
        Piece { name: "metrics.txt", text: text_of(snapshot.iter().map(ToString::to_string)) },
        Piece { name: "log.jsonl", text: text_of(lines.lines.iter().map(ToString::to_string)) },
    ];
    let readme =
        Piece { name: "README.txt", text: readme(&about, &pieces, search, &metrics_said, &log_said) };
    [vec![readme], pieces].concat()
}

fn json(name: &'static str, value: &impl Serialize) -> Piece {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    Piece { name, text: format!("{text}\n") }
}

fn text_of(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| format!("{line}\n")).collect()
}

#[derive(Serialize)]
struct About {
    program: Word,
    stage: Word,
    set: Word,
    made: Timestamp,
    started: Option<Timestamp>,
    uptime_seconds: Option<i64>,
    system: String,
}

fn about(fit: &Fit, asked: &Asked, started: Option<f64>) -> About {
    let started = started.and_then(|at| Timestamp::from_second(at as i64).ok());
    About {
        program: Word::version(env!("CARGO_PKG_VERSION")),
        stage: Word::own(fit.compiled.stage.stage.as_str()),
        set: Word::hash(&fit.compiled.version),
        made: asked.at,
        started,
        uptime_seconds: started.map(|started| asked.at.duration_since(started).as_secs()),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

async fn metrics(
    fit: &Fit,
    (place, opened): (&Place, &Result<Arc<dyn Store>, StoreError>),
    asked: &Asked,
    words: &Vocabulary,
) -> (Vec<Sample>, String) {
    let text = match &asked.metrics {
        Some(path) => config::read_text(path)
            .map(|text| (text, ""))
            .map_err(|_| "the file of --metrics cannot be read".to_owned()),
        None => metrics::fetch(&fit.compiled, opened.as_ref().ok().cloned(), &place.config).await,
    };
    match text {
        Ok((text, by)) => {
            let samples = metrics::allowed(&text, words);
            let said = format!("{} values{by}", samples.len());
            (samples, said)
        }
        Err(cause) => (Vec::new(), cause),
    }
}

#[derive(Serialize)]
struct Configuration {
    connections: Vec<Connection>,
    destinations: Vec<Word>,
    partners: usize,
    routes: Vec<Route>,
    packages: Vec<Word>,
    warnings: usize,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Connection {
    name: Word,
    kind: Word,
}

#[derive(Serialize)]
struct Route {
    route: Word,
    version: Word,
    from: Vec<Word>,
}

fn configuration(fit: &Fit, words: &Vocabulary) -> Configuration {
    let compiled = &fit.compiled;
    let pairs = compiled.sources.iter().map(|one| (&one.connection, &one.kind));
    let pairs = pairs.chain(compiled.destinations.iter().map(|one| (&one.connection, &one.kind)));
    let mut connections: Vec<Connection> =
        pairs.map(|(name, kind)| Connection { name: words.word(name), kind: words.word(kind) }).collect();
    connections.sort();
    connections.dedup();
    let known = fit.standards.known();
    let mut packages: Vec<Word> =
        known.iter().map(|known| words.word(&format!("{} {}", known.standard, known.version))).collect();
    packages.sort();
    packages.dedup();
    Configuration {
        connections,
        destinations: compiled.destinations.iter().map(|one| words.word(&one.key())).collect(),
        partners: compiled.partners.len(),
        routes: compiled
            .plans
            .iter()
            .map(|plan| Route {
                route: words.word(&plan.route),
                version: Word::hash(&plan.version),
                from: plan.bindings.iter().map(|binding| words.word(&binding.key)).collect(),
            })
            .collect(),
        packages,
        warnings: compiled.warnings.len(),
    }
}

#[derive(Serialize)]
struct Raised {
    alarm: &'static str,
    count: f64,
    severity: &'static str,
    cause: &'static str,
    step: &'static str,
}

/// What was raised since the process started, with the words of the catalogue.
fn alarms(snapshot: &[Sample]) -> Vec<Raised> {
    let counted = |alarm: Alarm| {
        let of = |sample: &&Sample| {
            sample.name == "drehscheibe_alarms_total"
                && sample.labels.iter().any(|(label, word)| *label == "code" && word.as_str() == alarm.code())
        };
        snapshot.iter().find(of).map(|sample| sample.value).filter(|count| *count > 0.0)
    };
    Alarm::ALL
        .iter()
        .filter_map(|alarm| {
            let said = alarm.explained();
            Some(Raised {
                alarm: alarm.code(),
                count: counted(*alarm)?,
                severity: said.severity.as_str(),
                cause: &said.cause,
                step: &said.step,
            })
        })
        .collect()
}

fn shortened(finding: &Finding, place: &Place) -> Finding {
    // The moment stands in about.json; here it would be a bare date, which a bundle never holds.
    let text = match (finding.what, finding.fine) {
        ("clock", true) => "plausible".to_owned(),
        ("clock", false) => "lies before this program was made; set the machine's clock".to_owned(),
        _ => shorten(&finding.text, place),
    };
    Finding { text, ..*finding }
}

fn readme(about: &About, pieces: &[Piece], search: &Search, metrics: &str, log: &str) -> String {
    let mut text = format!(
        "Support bundle of Drehscheibe {} in stage {}, made at {}.\n\n\
         It holds what is named in a list and nothing else: no message, no person, no id of a message, no address, no reason that\n\
         somebody wrote, no secret. A name that the configuration does not know is written `(left out)`.\n\n",
        about.program.as_str(),
        about.stage.as_str(),
        about.made
    );
    let what = |name: &str| {
        match name {
        "about.json" => "version, stage, hash of the files that run, since when it runs".to_owned(),
        "store.json" => "versions of its tables; messages by state, rejections by code, what waits for whom, breakers, pauses".to_owned(),
        "configuration.json" => "connections by name and kind, destinations, routes and their versions, packages".to_owned(),
        "doctor.json" => "findings of `doctor`, folders shortened".to_owned(),
        "alarms.json" => "alarms since it runs, with cause and step of the catalogue".to_owned(),
        "metrics.txt" => format!("metrics of the running process: {metrics}"),
        "log.jsonl" => format!("the end of the log, known sentences and fields only: {log}"),
        _ => String::new(),
    }
    };
    for piece in pieces {
        text.push_str(&format!(
            "  {:<20} {:>8} octets  {}\n",
            piece.name,
            piece.text.len(),
            what(piece.name)
        ));
    }
    text.push_str(&format!(
        "\nBefore it was shown it was searched; it knows {} secrets. Looked for were\n",
        search.secrets()
    ));
    LOOKED_FOR.iter().for_each(|what| text.push_str(&format!("  - {what}\n")));
    text.push_str(
        "Names of persons have no shape that could be looked for: they are kept out by the list of what gets in.\n",
    );
    if !search.too_short().is_empty() {
        text.push_str(&format!("Too short to be looked for: {}.\n", search.too_short().join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_itself_writes_passes_the_search() {
        let alarms: Vec<String> = Alarm::ALL
            .iter()
            .map(|alarm| format!("{} {}", alarm.explained().cause, alarm.explained().step))
            .collect();
        let text = format!("{}\n{}\n", LOOKED_FOR.join("\n"), alarms.join("\n"));
        let found = Search::default().all(&[Piece { name: "README.txt", text }]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn private_keys_are_found_in_settings() {
        let settings = serde_json::json!({
            "tls": { "certificate": "tls/a.pem", "key": "tls/a.key", "client": [{ "key": "tls/b.key" }] },
        });
        assert_eq!(key_files(&settings), ["tls/a.key", "tls/b.key"]);
    }
}
