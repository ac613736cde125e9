//! `explain` knows every code that anybody can meet, and none that nobody can: the catalogue is held equal to what the program says,
//! by the program's own lists and, where codes stand beside what they judge, by its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use drehscheibe::cli::args::Cli;
use drehscheibe::cli::codes::{self, Kind};
use drehscheibe::rejection::{Fault, Rejection, UNQUOTED};
use drehscheibe::transport::osci::fault;
use drehscheibe::transport::port::mailbox::{REFUSED, Reason};
use drehscheibe::transport::xta::fault::Problem;
use serde_json::Value;

use crate::support::root;

fn explained(kind: Kind) -> BTreeSet<String> {
    codes::built_in().iter().filter(|entry| entry.kind == kind).map(|entry| entry.code.clone()).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        match entry.is_dir() {
            true => sources(&entry, found),
            false if entry.extension().is_some_and(|ending| ending == "rs") => found.push(entry),
            false => {}
        }
    }
}

/// The source without its tests.
fn source(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The literal that a text begins with, behind white space and, where it stands there, the kind of fault.
fn literal(text: &str) -> Option<&str> {
    let mut text = text.trim_start();
    if let Some(behind) = text.strip_prefix("Fault::") {
        text = behind.split_once(',')?.1.trim_start();
    }
    text.strip_prefix('"')?.split('"').next()
}

/// What begins a reason in the source.
const BEGINS: [&str; 5] = [".rule(", "refused(", "Stand::Fremd(", "Some((", "then_some(("];
/// Where reasons come by a name: each with the word behind which its literals stand, besides [`BEGINS`].
const NAMED: [(&str, &str); 2] =
    [("src/pipeline/bestand.rs", "=> ("), ("src/pipeline/bestand.rs", "=> {\n            (")];
/// Files in which a reason is given by a name and not as it is written; what the names stand for the above finds, or the packages say.
const BY_NAME: [&str; 10] = [
    "src/engine/door.rs",
    "src/pipeline/authorise_area.rs",
    "src/pipeline/bestand.rs",
    "src/pipeline/erledigt.rs",
    "src/pipeline/limits.rs",
    "src/pipeline/normalise.rs",
    "src/pipeline/personenaenderung.rs",
    "src/pipeline/vorgang.rs",
    "src/pipeline/zuweisen.rs",
    "src/xoev/rules.rs",
];

#[test]
fn every_reason_that_a_step_can_give_is_explained_and_no_other() {
    let mut files = Vec::new();
    for room in ["src/pipeline", "src/engine", "src/xoev", "src/register"] {
        sources(&root().join(room), &mut files);
    }
    let mut given = BTreeSet::from([UNQUOTED.to_owned()]);
    for file in &files {
        let (text, name) = (source(file), file.strip_prefix(root()).expect("below").display().to_string());
        let judges = text.contains(".rule(") || text.contains("refused(");
        let own = NAMED.iter().filter(|(of, _)| *of == name).map(|(_, begins)| *begins);
        for begins in BEGINS.into_iter().chain(own).filter(|_| judges) {
            for (at, _) in text.match_indices(begins) {
                let behind = &text[at + begins.len()..];
                match literal(behind) {
                    Some(code) => drop(given.insert(code.to_owned())),
                    None if begins == ".rule(" => {
                        assert!(
                            BY_NAME.contains(&name.as_str()),
                            "{name} names a reason in a new way: say here how it is found"
                        );
                    }
                    None => {}
                }
            }
        }
    }
    assert_eq!(given, explained(Kind::Grund));
}

#[test]
fn every_code_of_the_standards_is_explained_and_no_other() {
    let mut given = BTreeSet::new();
    let mut packages = Vec::new();
    for standard in fs::read_dir(root().join("xsd")).expect("packages") {
        for version in fs::read_dir(standard.expect("a standard").path()).into_iter().flatten() {
            packages.push(version.expect("a version").path().join("package.yaml"));
        }
    }
    for text in packages.iter().filter_map(|file| fs::read_to_string(file).ok()) {
        let lines = text.lines().skip_while(|line| *line != "faults:").skip(1);
        for line in lines.take_while(|line| line.starts_with("  ")) {
            given.insert(line.split_once(": ").expect("fault and code").1.trim_matches('"').to_owned());
        }
    }
    assert!(given.contains("004"), "XJustiz has codes of its own: {given:?}");
    // Each usual code, by the one list that there is: what a code stands for leads back to it.
    let usual = source(&root().join("src/rejection.rs"));
    for line in
        usual.lines().filter(|line| line.trim_start().starts_with("Fault::") && line.contains("=> \""))
    {
        let code = line.split('"').nth(1).expect("a code");
        assert_eq!(Rejection::of_code(code, "").fault.usual_code(), code);
        given.insert(code.to_owned());
    }
    assert!(given.contains(Fault::Transport.usual_code()));
    assert_eq!(given, explained(Kind::Standard));
}

#[test]
fn every_problem_of_the_interface_is_explained_and_no_other() {
    let text = source(&root().join("src/transport/http/problem.rs"));
    let given: BTreeSet<String> = text
        .match_indices("StatusCode::")
        .filter_map(|(at, begins)| text[at + begins.len()..].split_once(','))
        .filter_map(|(status, behind)| {
            status.chars().all(|c| c.is_ascii_uppercase() || c == '_').then_some(behind)
        })
        .filter_map(literal)
        .map(str::to_owned)
        .collect();
    assert!(given.len() > 10, "{given:?}");
    assert_eq!(given, explained(Kind::Http));
}

#[test]
fn every_code_of_xta_is_explained_and_no_other() {
    let given: BTreeSet<String> =
        (0..=u16::MAX).filter_map(Problem::of).map(|problem| problem.code).collect();
    assert!(given.len() > 10, "{given:?}");
    assert_eq!(given, explained(Kind::Xta));
}

#[test]
fn every_code_of_osci_is_explained_and_no_other() {
    let given: BTreeSet<String> = fault::codes().map(|code| format!("{code:04}")).collect();
    assert_eq!(given, explained(Kind::Osci));
    // Whatever number a room of OSCI names as a code is one of them.
    let mut files = Vec::new();
    sources(&root().join("src/transport"), &mut files);
    let of_osci = |file: &&PathBuf| file.to_string_lossy().contains("/osci");
    let mut named = BTreeSet::new();
    for file in files.iter().filter(of_osci) {
        let text = source(file);
        for number in
            text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.len() == 4)
        {
            if number.bytes().all(|octet| octet.is_ascii_digit()) && number.starts_with('9') {
                named.insert(number.to_owned());
            }
        }
    }
    // Ends of ranges, which are no codes.
    for end in ["9799", "9999"] {
        named.remove(end);
    }
    assert!(named.len() > 20 && named.is_subset(&given), "{:?}", named.difference(&given));
    let (code, said) = explain(&["9805"]);
    assert!(code == 0 && said.contains("Rückmeldungen von OSCI"), "{said}");
}

#[test]
fn every_word_with_which_a_reader_gives_up_is_explained_and_no_other() {
    let given = Reason::ALL.into_iter().map(Reason::as_str).chain([REFUSED]).map(str::to_owned).collect();
    assert_eq!(explained(Kind::Rueckgabe), given);
}

#[test]
fn no_reason_is_given_where_it_is_not_looked_for() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    for file in &files {
        let name = file.strip_prefix(root()).expect("below").display().to_string();
        let looked_at = ["src/pipeline/", "src/engine/", "src/xoev/", "src/register/"];
        // The one makes it, the other draws lines.
        let other = name == "src/rejection.rs" || name.starts_with("src/paper/");
        if !other && !looked_at.iter().any(|room| name.starts_with(room)) {
            assert!(!source(file).contains(".rule("), "{name} gives a reason that nobody looks for");
        }
    }
}

#[test]
fn every_rule_of_a_package_is_explained_with_the_code_beside_it() {
    let rules = codes::rules(&root().join("xsd"));
    let of = |code: &str| rules.iter().filter(|rule| rule.code == code).count();
    assert!(of("R-0804-1") == 1 && of("R-KOPF-2") >= 5, "{}", rules.len());
    let justiz = rules.iter().find(|rule| rule.code == "R-ABSENDER-1").expect("a rule of XJustiz");
    assert_eq!(justiz.of.as_deref(), Some("xjustiz/3.6.2, mit Code 004"));
}

#[test]
fn every_command_that_a_step_names_is_one_of_the_program() {
    let mut known = 0;
    for entry in codes::built_in() {
        for quoted in
            entry.step.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("drehscheibe "))
        {
            // Up to the first placeholder or option.
            let plain = |word: &&str| {
                word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
            };
            let words = quoted.split(' ').take_while(plain).chain(["--help"]);
            let kind = Cli::try_parse_from(words).err().map(|error| error.kind());
            assert_eq!(kind, Some(clap::error::ErrorKind::DisplayHelp), "{}: {quoted}", entry.code);
            known += 1;
        }
    }
    assert!(known > 20, "{known}");
}

fn explain(words: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    // From a folder without a stage, routes or packages.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let output = command
        .current_dir(elsewhere.path())
        .arg("explain")
        .args(words)
        .output()
        .expect("the program starts");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    (output.status.code().expect("it ended"), said)
}

#[test]
fn a_code_is_explained_without_a_stage_and_an_unknown_one_leads_to_the_nearest() {
    let (code, said) = explain(&["t070"]);
    assert!(code == 0 && said.contains("An der Reihe  wer die Nachricht gesendet hat"), "{said}");
    let (code, said) = explain(&["R-0804-1"]);
    assert!(code == 0 && said.contains("xfamilie/1.3.0, mit Code X002"), "{said}");
    let (code, said) = explain(&["destination-down"]);
    assert!(code == 0 && said.contains("(Alarme, warnung)"), "{said}");
    let (code, said) = explain(&["fremder-geburtsot"]);
    assert!(code == 1 && said.contains("  fremder-geburtsort"), "{said}");
    let (code, said) = explain(&["--json", "zu-gross"]);
    let found: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, found["found"].as_array().map(Vec::len)), (0, Some(2)), "a reason and a problem");
    let (code, said) = explain(&[]);
    for known in ["Untercodes", "stage-ohne-test", "uuid-vergeben", "S999", "V000", "backlog-old", "R-KOPF-1"]
    {
        assert!(code == 0 && said.contains(known), "{known}");
    }
}

#[test]
fn the_reason_stands_beside_the_code_where_a_message_is_tried() {
    let sample = "xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml";
    let words = ["dry-run", sample, "--as", "jugendamt-hamburg"];
    let output = Command::new(env!("CARGO_BIN_EXE_drehscheibe"))
        .current_dir(root())
        .args(words)
        .output()
        .expect("the program starts");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(said.contains("rejected: T070 (autor-nicht-absender, fremdes-gebiet)"), "{said}");
    assert!(said.contains("why    autor-nicht-absender: Der Autor"), "{said}");
}
