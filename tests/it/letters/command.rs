//! `letter preview` and `check` as an operator meets them: the real program with the stage of the demonstration.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use super::house::{tool, words_of};
use crate::support::root;

fn drehscheibe(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.current_dir(root()).args(words).output().expect("the program starts")
}

fn preview(folder: &Path, case: &str, more: &[&str]) -> Vec<u8> {
    let file = folder.join(format!("{case}.pdf"));
    let path = file.display().to_string();
    let of = ["--office", "jugendamt-bremen", "--day", "2026-11-30"];
    let words = [&["letter", "preview", case, "--out", &path, "--replace"], &of[..]].concat();
    let ended = drehscheibe(&[&words[..], more].concat());
    assert!(ended.status.success(), "{case}: {}", String::from_utf8_lossy(&ended.stderr));
    std::fs::read(file).expect("the letter was written")
}

#[test]
fn a_preview_shows_each_letter_and_all_klaerfaelle_are_one_octet_for_octet() {
    let folder = tempfile::tempdir().unwrap();
    let klaerfaelle: BTreeSet<Vec<u8>> = ["C", "D", "E", "F", "G", "H", "I", "J", "M", "N", "O", "Q", "V"]
        .iter()
        .map(|case| preview(folder.path(), case, &[]))
        .collect();
    assert_eq!(klaerfaelle.len(), 1);
    let undecided: BTreeSet<Vec<u8>> =
        ["K", "L"].iter().map(|case| preview(folder.path(), case, &[])).collect();
    assert_eq!(undecided.len(), 1);
    assert!(klaerfaelle.is_disjoint(&undecided));
    // Another process, the same octets.
    let auskunft = preview(folder.path(), "A", &[]);
    assert_eq!(auskunft, preview(folder.path(), "A", &[]));
    for (octets, wanted) in [
        (&auskunft, "Auskunft aus dem Sorgeregister"),
        (&preview(folder.path(), "B", &[]), "Art der Eintragung"),
        (&preview(folder.path(), "A", &["--cover", "de-simple"]), "Leichter Sprache"),
    ] {
        let said = words_of(octets);
        assert!(said.contains(wanted) && said.contains("erfundene Person"), "{said}");
        tool("qpdf", &["--check", "FILE"], octets);
    }
}

#[test]
fn what_there_is_no_letter_for_is_said() {
    let preview = |words: &[&str]| drehscheibe(&[&["letter", "preview"], words].concat());
    let ended = preview(&["A", "--office", "jugendamt-kiel"]);
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(preview(&["Z", "--office", "jugendamt-bremen"]).status.code(), Some(2));
    // An office that has no head, a language without a cover.
    for words in
        [&["A", "--office", "jugendamt-berlin"][..], &["A", "--office", "jugendamt-bremen", "--cover", "ar"]]
    {
        let ended = preview(words);
        assert_eq!(ended.status.code(), Some(1), "{words:?}");
        assert!(String::from_utf8_lossy(&ended.stdout).contains("there is no letter"), "{words:?}");
    }
}

#[test]
fn check_names_what_nobody_approved() {
    let ended = drehscheibe(&["check", "--json"]);
    assert!(ended.status.success());
    let said: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    let warnings = said["warnings"].as_array().unwrap();
    let named = |text: &str| warnings.iter().any(|warning| warning["text"].as_str().unwrap().contains(text));
    assert!(
        named("nobody approved schreiben auskunft (de)")
            && named("nobody approved the head of jugendamt-bremen")
    );
}
