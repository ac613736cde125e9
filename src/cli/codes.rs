//! The catalogue of codes, as `deploy/codes.yaml` and `deploy/alarms.yaml` have it, and the rules of the packages at hand: why, whose
//! turn, one safe step. Never holds a value of a message.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::rejection::Fault;
use crate::telemetry::alarm::Alarm;

/// A package's file of rules is small.
const RULES: u64 = 4 << 20;

/// What kind of code it is; the words are those that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A code of a standard, in a Rückweisung.
    Standard,
    /// The specific reason beside it.
    Grund,
    /// A rule of a package.
    Regel,
    /// The last word of the type of an answer after RFC 9457.
    Http,
    /// The code of an exception of XTA.
    Xta,
    /// The code of feedback or of a fault of OSCI.
    Osci,
    /// The word with which a reader ends what it cannot process.
    Rueckgabe,
    /// An alarm.
    Alarm,
}

impl Kind {
    /// All kinds in the order in which they are listed.
    pub const ALL: [Kind; 8] = [
        Kind::Standard,
        Kind::Grund,
        Kind::Regel,
        Kind::Http,
        Kind::Xta,
        Kind::Osci,
        Kind::Rueckgabe,
        Kind::Alarm,
    ];

    /// The heading, German as the catalogue is.
    pub fn heading(self) -> &'static str {
        match self {
            Kind::Standard => "Codes der Standards",
            Kind::Grund => "Untercodes (der genaue Grund)",
            Kind::Regel => "Regeln der Pakete",
            Kind::Http => "Antworten der HTTP-Schnittstelle",
            Kind::Xta => "Ausnahmen von XTA",
            Kind::Osci => "Rückmeldungen von OSCI",
            Kind::Rueckgabe => "Was ein Empfänger nicht verarbeiten kann",
            Kind::Alarm => "Alarme",
        }
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// Who sent the message.
    Absender,
    /// Who calls the interface.
    Dienst,
    /// The Jugendamt.
    Jugendamt,
    /// The person that ordered it.
    Person,
    /// We.
    Betrieb,
}

impl Whose {
    /// In words.
    pub fn says(self) -> &'static str {
        match self {
            Whose::Absender => "wer die Nachricht gesendet hat",
            Whose::Dienst => "der Dienst, der die Schnittstelle aufruft",
            Whose::Jugendamt => "das Jugendamt",
            Whose::Person => "die Person, die es angeordnet hat",
            Whose::Betrieb => "der Betrieb",
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The code.
    pub code: String,
    /// Its kind.
    pub kind: Kind,
    /// Where it belongs: the package of a rule, the severity of an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Why.
    pub cause: String,
    /// Whose turn it is.
    pub whose: Whose,
    /// One safe step.
    pub step: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    code: String,
    whose: Whose,
    cause: String,
    step: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    standard: Vec<Entry>,
    grund: Vec<Entry>,
    http: Vec<Entry>,
    xta: Vec<Entry>,
    osci: Vec<Entry>,
    rueckgabe: Vec<Entry>,
}

static BUILT_IN: LazyLock<Vec<Explained>> = LazyLock::new(|| {
    let file: File = serde_saphyr::from_str(include_str!("../../deploy/codes.yaml"))
        .expect("a test reads the catalogue that is built in");
    let of_kind = |kind: Kind, entries: Vec<Entry>| {
        entries.into_iter().map(move |Entry { code, whose, cause, step }| Explained {
            code,
            kind,
            of: None,
            cause,
            whose,
            step,
        })
    };
    let alarms = Alarm::ALL.iter().map(|alarm| {
        let said = alarm.explained();
        Explained {
            code: said.code.clone(),
            kind: Kind::Alarm,
            of: Some(said.severity.as_str().to_owned()),
            cause: said.cause.clone(),
            // An alarm calls whoever operates; what somebody else has to do stands in its step.
            whose: Whose::Betrieb,
            step: said.step.clone(),
        }
    });
    of_kind(Kind::Standard, file.standard)
        .chain(of_kind(Kind::Grund, file.grund))
        .chain(of_kind(Kind::Http, file.http))
        .chain(of_kind(Kind::Xta, file.xta))
        .chain(of_kind(Kind::Osci, file.osci))
        .chain(of_kind(Kind::Rueckgabe, file.rueckgabe))
        .chain(alarms)
        .collect()
});

/// What is built in: codes of the standards, reasons, problems, exceptions, alarms.
pub fn built_in() -> &'static [Explained] {
    &BUILT_IN
}

#[derive(Deserialize)]
struct RuleFile {
    #[serde(default)]
    rules: Vec<RuleLine>,
}

#[derive(Deserialize)]
struct RuleLine {
    code: String,
    text: String,
}

#[derive(Default, Deserialize)]
struct Package {
    #[serde(default)]
    faults: BTreeMap<Fault, String>,
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Option<T> {
    let size = fs::metadata(file).ok().filter(fs::Metadata::is_file)?.len();
    let text = (size <= RULES).then(|| fs::read_to_string(file).ok()).flatten()?;
    serde_saphyr::from_str(&text).ok()
}

fn folders(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect();
    found.sort();
    found
}

/// The rules of all packages below a folder, each with its package; a package that cannot be read has none here (`standards check`
/// says why).
pub fn rules(xsd: &Path) -> Vec<Explained> {
    let mut all: Vec<Explained> = Vec::new();
    for (standard, versions) in folders(xsd) {
        for (version, package) in folders(&versions) {
            let Some(file) = read::<RuleFile>(&package.join("rules.yaml")) else { continue };
            let said: Package = read(&package.join("package.yaml")).unwrap_or_default();
            let code = said.faults.get(&Fault::Rule).map_or(Fault::Rule.usual_code(), String::as_str);
            for rule in file.rules {
                let of = Some(format!("{standard}/{version}, mit Code {code}"));
                let rule = Explained {
                    code: rule.code,
                    kind: Kind::Regel,
                    of,
                    cause: rule.text,
                    whose: Whose::Absender,
                    step: "Die Angabe im Fachverfahren berichtigen und mit neuer Kennung erneut senden; \
                           `drehscheibe inspect DATEI` zeigt die Stelle."
                        .to_owned(),
                };
                // The same rule for several messages stands there several times.
                if !all.contains(&rule) {
                    all.push(rule);
                }
            }
        }
    }
    all
}

/// The reasons that a told cause begins with or goes on with, as the store tells them: `reason: sentence`.
pub fn reasons(cause: &str) -> Vec<&str> {
    let known = |word: &&str| {
        word.starts_with("R-")
            || built_in().iter().any(|entry| entry.kind == Kind::Grund && entry.code == *word)
    };
    let mut found: Vec<&str> = Vec::new();
    for word in cause.split_whitespace().filter_map(|word| word.strip_suffix(':')).filter(known) {
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_that_is_built_in_reads_well() {
        for entry in built_in() {
            for text in [&entry.cause, &entry.step] {
                assert!(text.len() > 10 && text.ends_with('.'), "{}: {text}", entry.code);
            }
            let twin =
                built_in().iter().filter(|one| one.code == entry.code && one.kind == entry.kind).count();
            assert_eq!(twin, 1, "{}", entry.code);
        }
    }

    #[test]
    fn reasons_are_found_in_what_is_told_and_nothing_else_is_taken_for_one() {
        let told = "fremder-geburtsort: Der Geburtsort liegt nicht im Gebiet. R-KOPF-2: Zu spät: nein.";
        assert_eq!(reasons(told), ["fremder-geburtsort", "R-KOPF-2"]);
        assert!(reasons("no route claims it: add one").is_empty());
    }
}
