//! `audit` as an auditor meets it: the real program, a store that somebody damaged, an export that a foreign program judges.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use drehscheibe::cli::sample::{Wish, eintragung};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Receiver, StageDir, cli, post, root, up};

const REASON: &str = "Revision 7/2026";

fn json(stage: &StageDir, words: &[&str]) -> (i32, Value) {
    let (code, said) = cli(stage, words);
    (code, serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{fault}\n{said}")))
}

/// What somebody else makes of an export.
fn foreign(folder: &Path, noted: &str) -> (i32, String) {
    let script = root().join("deploy/handbuch/nachweiskette.py");
    let judged = Command::new("python3").arg(script).arg(folder).arg(noted).output().expect("python3");
    let said = String::from_utf8([judged.stdout, judged.stderr].concat()).expect("UTF-8");
    (judged.status.code().expect("it ended"), said)
}

fn faults(stage: &StageDir) -> (i32, Vec<(String, i64, i64)>) {
    let (code, said) = json(stage, &["audit", "verify", "--json"]);
    let all = said["strands"][0]["faults"].as_array().expect("faults");
    let one = |fault: &Value| {
        let place = |name: &str| fault[name].as_i64().expect("a place");
        (fault["wrong"].as_str().expect("a word").to_owned(), place("from"), place("to"))
    };
    (code, all.iter().map(one).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_sees_takes_away_and_verifies_and_every_damage_is_named() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let mut running = up(&stage).await;
    for n in 3..6 {
        let (status, _) = post(&stage, &format!("nr-{n}"), eintragung(&Wish::plain(n))).await;
        assert_eq!(status, 200);
    }
    let (_, listed) = json(&stage, &["messages", "list", "--json"]);
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(cli(&stage, &["dry-run", "--message", &id, "--reason", "Rückfrage Bremen"]).0, 0);
    assert_eq!(cli(&stage, &["pause", "route", "registerlieferung", "--reason", "Wartung"]).0, 0);

    // Beside the running process.
    let (code, said) = cli(&stage, &["audit", "verify"]);
    assert!(code == 0 && said.contains("whole: no gap and no change was found"), "{said}");
    let (code, shown) = json(&stage, &["audit", "show", "--reason", REASON, "--json"]);
    assert_eq!(code, 0);
    let paused =
        shown["changes"].as_array().expect("changes").iter().find(|one| one["what"] == "command.pause");
    assert_eq!(paused.expect("the pause")["reason"], "Wartung");
    let looked = shown["retrievals"].as_array().expect("retrievals");
    assert_eq!((&looked[0]["step"], &looked[0]["reason"]), (&"audit.show".into(), &REASON.into()));
    let viewed = looked.iter().find(|one| one["step"] == "view").expect("the view");
    assert_eq!((&viewed["reason"], &viewed["message"]), (&"Rückfrage Bremen".into(), &id.clone().into()));
    assert!(viewed["person"].as_str().is_some_and(|person| person.starts_with("os:")));
    let narrow = [
        "audit",
        "show",
        "--only",
        "changes",
        "--subject",
        &id,
        "--kind",
        "inbox.",
        "--reason",
        REASON,
        "--json",
    ];
    let (_, one) = json(&stage, &narrow);
    assert_eq!(one["changes"].as_array().map(Vec::len), Some(1), "{one}");
    assert_eq!(one["retrievals"], json!([]));
    let (code, said) = cli(&stage, &["audit", "show", "--until", "2020-01-01", "--reason", REASON]);
    assert!(code == 0 && said.contains("no such change") && said.contains("no such retrieval"), "{said}");

    let out = tempfile::tempdir().expect("a folder");
    let folder = out.path().join("revision");
    let words = ["audit", "export", "--out", folder.to_str().expect("UTF-8"), "--reason", REASON, "--json"];
    let (code, exported) = json(&stage, &words);
    assert_eq!((code, &exported["faults"]), (0, &0.into()));
    assert_eq!(cli(&stage, &words).0, 2, "nothing is replaced");
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["nachweiskette.jsonl", "abrufprotokoll.jsonl", "manifest.json"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let noted = exported["manifest_sha256"].as_str().expect("a hash");
    let (code, said) = foreign(&folder, noted);
    assert!(code == 0 && said.contains("; unversehrt"), "{said}");
    assert!(running.terminate(), "{}", stage.log());

    let manifest = folder.join("manifest.json");
    let against = ["audit", "verify", "--against", folder.to_str().expect("UTF-8")];
    let (code, said) = cli(&stage, &against);
    assert!(code == 0 && said.contains("as in the export"), "what came since is no fault: {said}");
    // Kept alone, as whoever wrote it down elsewhere has it.
    let alone = out.path().join("alone.json");
    std::fs::copy(&manifest, &alone).expect("a copy");
    let by_manifest = ["audit", "verify", "--against", alone.to_str().expect("UTF-8")];
    let (code, said) = cli(&stage, &by_manifest);
    assert!(code == 0 && said.contains("only where the export begins and ends was compared"), "{said}");
    damages(&stage, &by_manifest);
    forged(&stage, &against);
    foreign_damages(&folder, noted);
}

/// Each damage of the store, done and undone.
fn damages(stage: &StageDir, against: &[&str]) {
    let db = Connection::open(stage.data().join("store/drehscheibe.db")).expect("the database");
    db.execute_batch(
        "CREATE TEMP TABLE kept AS SELECT * FROM audit; CREATE TEMP TABLE kept_links AS SELECT * FROM nachweiskette;
         CREATE TEMP TABLE kept_seq AS SELECT seq FROM sqlite_sequence WHERE name = 'audit'",
    )
    .expect("a copy");
    let last: i64 = db.query_row("SELECT max(row) FROM audit", [], |r| r.get(0)).expect("the last");
    let cut =
        format!("DELETE FROM audit WHERE row >= {0}; DELETE FROM nachweiskette WHERE row >= {0}", last - 1);
    let flipped = "CAST(CASE substr(detail, 1, 1) WHEN x'7B' THEN x'5B' || substr(detail, 2) END AS BLOB)";
    let fault = |wrong: &str, from: i64, to: i64| (wrong.to_owned(), from, to);
    let cases = [
        (format!("UPDATE audit SET detail = {flipped} WHERE row = 3"), vec![fault("row-changed", 3, 3)]),
        ("UPDATE audit SET at = at + 1 WHERE row = 3".into(), vec![fault("row-changed", 3, 3)]),
        ("UPDATE audit SET at = 'x' WHERE row = 3".into(), vec![fault("row-unreadable", 3, 3)]),
        ("UPDATE audit SET what = 'inbox.rejected' WHERE row = 3".into(), vec![fault("row-changed", 3, 3)]),
        (
            "UPDATE nachweiskette SET chain = zeroblob(32) WHERE row = 3".into(),
            vec![fault("link-changed", 3, 3), fault("link-changed", 4, 4)],
        ),
        ("UPDATE audit SET salt = NULL WHERE row = 3".into(), vec![fault("salt-gone", 3, 3)]),
        ("DELETE FROM audit WHERE row = 3".into(), vec![fault("row-gone", 3, 3)]),
        ("DELETE FROM nachweiskette WHERE row = 3".into(), vec![fault("link-gone", 3, 3)]),
        (
            "DELETE FROM audit WHERE row IN (2, 3); DELETE FROM nachweiskette WHERE row IN (2, 3)".into(),
            vec![fault("gap", 2, 3)],
        ),
        (cut, vec![fault("end-gone", last - 1, last)]),
    ];
    let mend = "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DELETE FROM nachweiskette;
        INSERT INTO nachweiskette SELECT * FROM kept_links; UPDATE sqlite_sequence SET seq = (SELECT seq FROM kept_seq) WHERE name = 'audit'";
    for (damage, named) in cases {
        db.execute_batch(&damage).expect("the damage");
        assert_eq!(faults(stage), (1, named), "{damage}");
        db.execute_batch(mend).expect("as it was");
    }
    // Whoever corrects the last number as well is found by what was taken away before, and by nothing else.
    let all = "DELETE FROM audit WHERE row > 2; DELETE FROM nachweiskette WHERE row > 2;
        UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'";
    db.execute_batch(all).expect("the damage");
    assert_eq!(faults(stage), (0, vec![]), "cut off with its number: only an earlier export knows");
    let (code, said) = cli(stage, against);
    assert!(code == 1 && said.contains("what the export ended with is missing"), "{said}");
    db.execute_batch(mend).expect("as it was");
    // All of it away, with its number: what lies in the store speaks against it.
    let emptied = "DELETE FROM audit; DELETE FROM nachweiskette; UPDATE sqlite_sequence SET seq = 0 WHERE name = 'audit'";
    db.execute_batch(emptied).expect("the damage");
    let (code, said) = cli(stage, &["audit", "verify"]);
    assert!(code == 1 && said.contains("its beginning, or all of it, was taken away"), "{said}");
    db.execute_batch(mend).expect("as it was");
    assert_eq!(faults(stage).0, 0);
    assert_eq!(cli(stage, against).0, 0);
}

/// What a person who may write the whole database can do so that the store itself is none the wiser: an earlier export finds each.
fn forged(stage: &StageDir, against: &[&str]) {
    let db = Connection::open(stage.data().join("store/drehscheibe.db")).expect("the database");
    db.execute_batch(
        "CREATE TEMP TABLE kept AS SELECT * FROM audit; CREATE TEMP TABLE kept_links AS SELECT * FROM nachweiskette;
         CREATE TEMP TABLE kept_seen AS SELECT * FROM abrufprotokoll;
         CREATE TEMP TABLE kept_seq AS SELECT seq FROM sqlite_sequence WHERE name = 'audit'",
    )
    .expect("a copy");
    let mend = "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DELETE FROM nachweiskette;
        INSERT INTO nachweiskette SELECT * FROM kept_links; DELETE FROM kette_anfang; DELETE FROM abrufprotokoll;
        INSERT INTO abrufprotokoll SELECT * FROM kept_seen; UPDATE sqlite_sequence SET seq = (SELECT seq FROM kept_seq) WHERE name = 'audit'";
    let young = "it is missing, and it is too young to have gone with retention";
    let cases = [
        (
            "INSERT INTO kette_anfang (eins, row, chain) SELECT 1, row, chain FROM nachweiskette WHERE row = 2;
             DELETE FROM audit WHERE row <= 2; DELETE FROM nachweiskette WHERE row <= 2",
            young,
        ),
        (
            "DELETE FROM audit WHERE row > 2; DELETE FROM nachweiskette WHERE row > 2;
             UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'",
            "what the export ended with is missing",
        ),
        (
            "UPDATE audit SET what = 'inbox.rejected', subject = randomblob(16), salt = NULL WHERE row = 3",
            "the row says something else than in the export",
        ),
        (
            "DELETE FROM abrufprotokoll WHERE row = (SELECT min(row) FROM abrufprotokoll)",
            "FAULT Abrufprotokoll: 1 line of the export",
        ),
        (
            "UPDATE audit SET stamp = (SELECT o.row FROM stamp o, stamp s WHERE s.row = audit.stamp AND
             (o.acting_person <> s.acting_person OR o.partner <> s.partner) LIMIT 1) WHERE row = 3",
            "who did it, or for whom, says something else than in the export",
        ),
        (
            "CREATE TEMP TABLE IF NOT EXISTS more AS SELECT * FROM abrufprotokoll LIMIT 1;
             UPDATE more SET row = (SELECT max(row) + 1 FROM abrufprotokoll), at = at - 7200000000;
             INSERT INTO abrufprotokoll SELECT * FROM more",
            "FAULT Abrufprotokoll: 1 line that the export does not have is older than the export",
        ),
        (
            "UPDATE abrufprotokoll SET at = at + 1000000 WHERE row = (SELECT min(row) FROM abrufprotokoll)",
            "FAULT Abrufprotokoll: 1 line of the export",
        ),
    ];
    for (damage, named) in cases {
        db.execute_batch(damage).expect("the damage");
        assert_eq!(faults(stage), (0, vec![]), "the store alone does not show it: {damage}");
        let (code, said) = cli(stage, against);
        assert!(code == 1 && said.contains(named), "{damage}\n{said}");
        db.execute_batch(mend).expect("as it was");
    }
    let (code, said) = cli(stage, against);
    assert_eq!(code, 0, "{said}");
}

/// A line of the export that was changed is found by hash, by the chain where the hashes were corrected, and by the noted hash then.
fn foreign_damages(folder: &Path, noted: &str) {
    let chain = folder.join("nachweiskette.jsonl");
    let text = std::fs::read_to_string(&chain).expect("the chain");
    let changed = text.replacen("\"what\":\"inbox.accepted\"", "\"what\":\"inbox.rejected\"", 1);
    assert_ne!(text, changed);
    std::fs::write(&chain, &changed).expect("written");
    let (code, said) = foreign(folder, noted);
    assert!(code == 1 && said.contains("nicht die Datei, die das Manifest nennt"), "{said}");
    assert!(said.contains("die Zeile wurde geändert"), "{said}");
    let without: Vec<&str> =
        text.lines().enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| line).collect();
    std::fs::write(&chain, without.join("\n") + "\n").expect("written");
    let (code, said) = foreign(folder, noted);
    assert!(code == 1 && said.contains("davor fehlt etwas"), "{said}");
    std::fs::write(&chain, &text).expect("written");
    let (code, said) = foreign(folder, &"0".repeat(64));
    assert!(code == 1 && said.contains("notiert"), "{said}");
    assert_eq!(foreign(folder, noted).0, 0);
}
