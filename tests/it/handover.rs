//! A part of an area goes to another office and the one before lives on without it: cases as data below `handover/`, each played by the
//! real program (crashed at every point, repeated) in a stage whose table says it, in each of the ways in which tables say it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::{copy, root};

/// How the table says that 04011 went from Bremen to Hamburg on 25 November: Bremen's row and Hamburg's.
const OWN_ROW: [&str; 2] = [
    "{ ars: \"04011\", bis: 2026-11-24 }, { ars: \"04012\" }",
    "{ ars: \"02\" }, { ars: \"04011\", von: 2026-11-25 }",
];
/// Hamburg's wider area is older than that.
const OLDER_AREA: [&str; 2] = [OWN_ROW[0], "{ ars: \"02\" }, { ars: \"04\", von: 2020-01-01 }"];
/// Hamburg's wider area has no first day.
const WITHOUT_DAY: [&str; 2] = [OWN_ROW[0], "{ ars: \"02\" }, { ars: \"04\" }"];
/// Some days are nobody's.
const WITH_A_GAP: [&str; 2] = [
    "{ ars: \"04011\", bis: 2026-11-22 }, { ars: \"04012\" }",
    "{ ars: \"02\" }, { ars: \"04011\", von: 2026-11-25 }",
];

/// Hamburg's word about a child of the part that has no Eintragung: Bremen's sample with Hamburg as its author.
fn of_hamburg() -> String {
    let path = root().join("xsd/xfamilie/1.3.0/samples/0804-keine-eintragung.xml");
    let sample = fs::read_to_string(path).expect("the sample");
    let (head, rest) = sample.split_once("<xfb:autor>").expect("its author");
    format!("{head}<xfb:autor>{}", rest.replacen("040110000000", "020000000000", 1))
}

/// Plays these cases under a table.
fn play([bremen, hamburg]: [&str; 2], cases: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (stage, routes) = (folder.path().join("stage"), folder.path().join("routes"));
    copy(&root().join("deploy/stages/demo"), &stage);
    let table = stage.join("tables/aemter.yaml");
    let text = fs::read_to_string(&table).expect("the table");
    // Bremerhaven is Bremen's here, so that this lives on.
    let (before, rest) = text.split_once("  - id: jugendamt-bremerhaven").expect("the office");
    let (_, after) = rest.split_once("  - id: jugendamt-hamburg").expect("the next one");
    let written = format!("{before}  - id: jugendamt-hamburg{after}")
        .replacen("{ ars: \"04011\" }", bremen, 1)
        .replacen("{ ars: \"02\" }", hamburg, 1);
    assert!(written.contains(bremen) && written.contains(hamburg), "{written}");
    fs::write(&table, written).expect("written");
    for entry in fs::read_dir(root().join("routes")).expect("the routes") {
        let path = entry.expect("an entry").path();
        let to = routes.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true if path.ends_with("tests") => {}
            true => copy(&path, &to),
            false => {
                fs::create_dir_all(&routes).expect("a folder");
                fs::copy(&path, to).expect("copied");
            }
        }
    }
    // Cases name documents that lie beside those of other routes.
    for of in ["register-pflege", "auskunft-self-service"] {
        let to = routes.join("tests").join(of);
        fs::create_dir_all(&to).expect("a folder");
        let beside = fs::read_dir(root().join("routes/tests").join(of)).expect("a folder");
        let json = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "json");
        for path in beside.map(|entry| entry.expect("an entry").path()).filter(json) {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    let to = routes.join("tests/registerlieferung");
    fs::create_dir_all(&to).expect("a folder");
    fs::write(to.join("hh-nein.xml"), of_hamburg()).expect("written");
    for case in cases {
        let name = format!("{case}.yaml");
        fs::copy(root().join("tests/it/handover").join(&name), to.join(&name)).expect("a case");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.arg("test").arg(&to).arg("--config").arg(&stage).arg("--routes").arg(&routes);
    command.arg("--xsd").arg(root().join("xsd")).arg("--data").arg(folder.path().join("data"));
    let output = command.output().expect("the program starts");
    let told =
        [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()).concat();
    assert!(told.contains(&format!("{} passed, 0 failed", cases.len())), "{hamburg}: {told}");
}

#[test]
fn what_went_over_with_a_row_of_its_own() {
    play(
        OWN_ROW,
        &[
            "neue-liste",
            "ohne-liste",
            "unlesbar",
            "kopie-neu-gestempelt",
            "spaet-dann-lieferung",
            "spaet-dann-liste",
            "rest-ehrlich",
            "rest-zaehlt-weiter",
        ],
    );
}

#[test]
fn what_went_over_to_a_wider_area_that_is_older() {
    play(OLDER_AREA, &["neue-liste", "ohne-liste", "unlesbar", "rest-zaehlt-weiter"]);
    play(WITHOUT_DAY, &["ohne-liste"]);
}

#[test]
fn what_went_over_with_days_between() {
    play(WITH_A_GAP, &["ohne-liste", "rest-ehrlich"]);
}
