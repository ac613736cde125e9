//! `osci send`, `fetch` and `laufzettel`, the real program over the small intermediary of the house: that proves what they do with files and with the
//! stage, and nothing of other intermediaries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::osci_door::{file, key, pin};
use crate::osci_sandbox::Sandbox;
use crate::osci_stage::{Amt, edit};

/// The options that name an intermediary and one side of the recordings.
fn at(url: &str, side: &str) -> Vec<String> {
    let mut words = vec!["--url".to_owned(), url.to_owned()];
    let mut option = |name: &str, path: &str| {
        words.extend([format!("--{name}"), file(path).display().to_string()]);
    };
    option("signature-cert", &format!("{side}_sig.crt.pem"));
    option("signature-key", &format!("{side}_sig.key.pem"));
    option("cipher-cert", &format!("{side}_enc.crt.pem"));
    option("cipher-key", &format!("{side}_enc.key.pem"));
    option("intermediary-signature", "intermed_sig.crt.pem");
    option("intermediary-cipher", "intermed_enc.crt.pem");
    words
}

fn run(folder: &Path, words: &[&str], more: &[String]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_drehscheibe"))
        .current_dir(folder)
        .args(["--json", "osci"])
        .args(words)
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let value = serde_json::from_str(&said).unwrap_or_else(|_| json!(said));
    (output.status.code().unwrap(), value)
}

#[test]
fn a_file_is_sent_listed_fetched_and_received_by_hand() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let sandbox = Sandbox::start(&folder.join("sandbox"));
    fs::write(folder.join("mitteilung.xml"), "<mitteilung/>").unwrap();
    fs::write(folder.join("Beschluss Mia Muster.pdf"), "%PDF").unwrap();
    let (ours, theirs) = (at(&sandbox.url, "originator"), at(&sandbox.url, "addressee"));
    let reader = file("addressee_enc.crt.pem").display().to_string();
    let words = ["send", "mitteilung.xml", "--attach", "Beschluss Mia Muster.pdf", "--reader", &reader];
    let (code, sent) = run(folder, &words, &ours);
    assert_eq!((code, &sent["taken"]), (0, &json!(true)), "{sent}");
    let id = sent["id"].as_str().unwrap();
    let (_, listed) = run(folder, &["fetch"], &theirs);
    assert_eq!((&listed["deliveries"][0]["id"], &listed["complete"]), (&json!(id), &json!(true)), "{listed}");
    let author = file("originator_sig.crt.pem").display().to_string();
    let fetch = |to: &'static str, more: &[&str]| {
        let words = [&["fetch", id, "--to", to, "--author", &author], more].concat();
        run(folder, &words, &theirs)
    };
    // Of nobody else anything is taken, and no folder is left.
    let stranger = file("reader_enc.crt.pem").display().to_string();
    let (code, said) = run(folder, &["fetch", id, "--to", "nichts", "--author", &stranger], &theirs);
    assert!(
        code == 1
            && said["trouble"].as_str().unwrap().contains("none whose certificate stands with a partner"),
        "{said}"
    );
    assert!(!folder.join("nichts").exists());
    let (code, fetched) = fetch("post", &[]);
    assert_eq!((code, &fetched["received"]), (0, &json!(false)), "{fetched}");
    let said = "osci; envelope signed by a trusted intermediary; content signed by a trusted author";
    assert_eq!(fetched["verification"], said);
    for (name, octets) in [("nachricht.xml", "<mitteilung/>"), ("anlage-1.bin", "%PDF")] {
        let path = folder.join("post").join(name);
        assert_eq!(fs::read_to_string(&path).unwrap(), octets);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(folder.join("post")).unwrap().permissions().mode() & 0o777, 0o700);
    let (code, card) = run(folder, &["laufzettel", id], &ours);
    assert_eq!(
        (code, &card["card"]["reception"], &card["signed"]),
        (0, &Value::Null, &json!(true)),
        "{card}"
    );
    // Nothing is written over, and now it is received.
    let (code, fetched) = fetch("post", &["--receive"]);
    assert_eq!((code, &fetched["received"]), (0, &json!(true)), "{fetched}");
    assert!(folder.join("post/nachricht-2.xml").exists());
    let (_, card) = run(folder, &["laufzettel", id], &ours);
    assert!(card["card"]["reception"].is_string(), "{card}");
    let (code, _) = run(folder, &["laufzettel", "unbekannt"], &ours);
    assert_eq!(code, 1);
    let (_, listed) = run(folder, &["fetch"], &theirs);
    assert_eq!(listed["deliveries"], json!([]));
}

#[test]
fn a_mailbox_of_the_stage_is_not_looked_at_by_hand() {
    let amt = Amt::new();
    let place = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(place.path());
    let settings = json!({
        "kind": "osci-client", "url": sandbox.url, "mailbox": true,
        "keys": { "signature": key("addressee_sig"), "cipher": [key("reader_enc")] },
        "intermediary": { "signature": [pin("intermed_sig")], "cipher": [pin("intermed_enc")] },
    });
    edit(
        &amt.stage,
        "connections.yaml",
        "connections:\n",
        &format!("connections:\n  intermed: {settings}\n"),
    );
    let mut by_url = vec!["osci".to_owned(), "fetch".to_owned()];
    by_url.extend(at(&sandbox.url.replace("127.0.0.1", "127.0.0.1."), "addressee"));
    let cipher = by_url.iter().position(|word| word == "--cipher-cert").unwrap();
    by_url[cipher + 1] = file("reader_enc.crt.pem").display().to_string();
    by_url[cipher + 3] = file("reader_enc.key.pem").display().to_string();
    let words: Vec<&str> = by_url.iter().map(String::as_str).collect();
    for words in [&words[..], &["osci", "fetch", "--connection", "intermed"]] {
        let (good, said) = amt.cli(words);
        assert!(!good && said.contains("messages original"), "{said}");
    }
    // That of somebody else is none of the stage.
    let mut other = vec!["osci".to_owned(), "fetch".to_owned()];
    other.extend(at(&sandbox.url, "originator"));
    let (good, said) = amt.cli(&other.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(good && said.contains("nothing lies there"), "{said}");
    // Asking for a card fetches nothing.
    let (good, said) = amt.cli(&["osci", "laufzettel", "unbekannt", "--connection", "intermed"]);
    assert!(!good && said.contains("no process card of ours"), "{said}");
}
