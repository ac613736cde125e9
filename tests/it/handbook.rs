//! The German handbooks say nothing that the program does not do: every proof they name is a test that exists, every command a command,
//! every alarm and every period the program's own. Whether a text is good it never judges.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use drehscheibe::cli::args::Cli;
use drehscheibe::register::fristen::REGELN;
use drehscheibe::telemetry::alarm::Alarm;

use crate::support::root;

/// What no program can prove stands under this heading.
const OF_PEOPLE: &str = "Aufgaben der Betreiberin";

fn page(name: &str) -> String {
    fs::read_to_string(root().join("deploy/handbuch").join(name)).expect("a page of the handbook")
}

fn pages() -> [(&'static str, String); 2] {
    ["betriebshandbuch.md", "loeschkonzept.md"].map(|name| (name, page(name)))
}

/// The proofs that a line names; `None` where it names none.
fn proofs(line: &str) -> Option<Vec<&str>> {
    let named = line.trim_end().strip_suffix(')')?.rsplit_once("(Nachweis: ")?.1;
    Some(named.split(", ").collect())
}

/// Where a proof lies, and the test in it; none of a case of a route, which is a file.
fn place(proof: &str) -> (PathBuf, Option<&str>) {
    if proof.starts_with("routes/tests/") {
        return (root().join(proof), None);
    }
    let (path, name) = proof.rsplit_once("::").expect("a test is named with its file");
    let below = if path.starts_with("src::") { "" } else { "tests/it" };
    (root().join(below).join(format!("{}.rs", path.replace("::", "/"))), Some(name))
}

/// Whether a file has a test of this name, or of the contract suite a function that its list names.
fn has(file: &Path, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else { return false };
    if !file.components().any(|part| part.as_os_str() == "store_contract") {
        // The attribute stands between the end of what is before and the function.
        let last = before.rsplit("\n\n").next().unwrap_or_default();
        return last.contains("test") && last.contains("#[");
    }
    let list = fs::read_to_string(root().join("tests/it/store_contract/mod.rs")).expect("the list");
    list.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
}

#[test]
fn every_claim_names_a_test_that_exists() {
    let mut wrong = Vec::new();
    let mut claims = 0;
    for (name, text) in pages() {
        let mut of_people = false;
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                of_people = heading.ends_with(OF_PEOPLE);
            }
            if !line.starts_with("- ") || of_people {
                continue;
            }
            claims += 1;
            let Some(named) = proofs(line) else {
                wrong.push(format!("{name}: no proof: {line}"));
                continue;
            };
            for proof in named {
                let (file, test) = place(proof);
                if !test.map_or_else(|| file.is_file(), |test| has(&file, test)) {
                    wrong.push(format!("{name}: {proof} does not exist"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(claims > 40, "the claims were found: {claims}");
    assert!(!has(&root().join("tests/it/handbook.rs"), "proofs") && !has(Path::new("nowhere"), "x"));
}

#[test]
fn every_command_is_one_of_the_program() {
    let mut known = 0;
    for (name, text) in pages() {
        for block in text.split("```sh\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            for line in block.lines() {
                let words = words(line);
                let parsed = Cli::try_parse_from(&words);
                assert!(
                    parsed.is_ok(),
                    "{name}: {line}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
                known += 1;
            }
        }
        // What a sentence names is at least a command with its subcommand.
        for quoted in text.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("drehscheibe ")) {
            let told = Cli::try_parse_from(words(quoted).iter().chain(["--help".to_owned()].iter()));
            let kind = told.err().map(|error| error.kind());
            assert_eq!(kind, Some(clap::error::ErrorKind::DisplayHelp), "{name}: {quoted}");
        }
    }
    assert!(known > 15, "the commands were found: {known}");
}

/// The words of a line of a shell in which only double quotes are used.
fn words(line: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, part) in line.split('"').enumerate() {
        if at % 2 == 1 {
            all.push(part.to_owned());
        } else {
            all.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    all
}

#[test]
fn the_periods_are_those_of_the_program() {
    let text = page("loeschkonzept.md");
    let rows: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let wanted: BTreeSet<String> = REGELN
        .iter()
        .map(|regel| {
            let days = |days: u32| if regel.tage == 0 { "–".to_owned() } else { days.to_string() };
            let bounds = [regel.tage, regel.mindestens, regel.hoechstens].map(days).join(" | ");
            format!("| `{}` | {bounds} | {} |", regel.wort, regel.grund)
        })
        .collect();
    assert_eq!(rows, wanted.iter().map(String::as_str).collect());
}

#[test]
fn every_alarm_that_is_named_is_in_the_catalogue() {
    let known: BTreeSet<&str> = Alarm::ALL.iter().map(|alarm| alarm.code()).collect();
    let text = page("betriebshandbuch.md");
    let chapter = text.split("## 5. Alarme").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("it");
    let claims = chapter.lines().filter_map(|line| line.strip_prefix("- "));
    let named: Vec<&str> = claims
        .filter_map(|line| line.split(": ").next())
        .flat_map(|codes| codes.split(", ").map(|code| code.trim_matches('`')))
        .collect();
    assert!(named.len() >= 7, "{named:?}");
    let foreign: Vec<&&str> = named.iter().filter(|code| !known.contains(**code)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}
