//! An office makes its list from its own export, and the platform compares it: both ends as the real program, from the secret to the lines
//! of the export that are missing.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{Receiver, StageDir, post, root, up};

const HEAD: &str = "Aktenzeichen;kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten\n";
const LIA: &str = "1/24;Müller;Lía;05.08.2024;Bremen;1994-03-12;01\n";
const REASON: &str = "Probe des Abgleichs";

fn told(mut command: Command) -> (i32, String) {
    let output = command.output().expect("the program starts");
    let text =
        [output.stdout, output.stderr].map(|octets| String::from_utf8(octets).expect("UTF-8")).concat();
    (output.status.code().expect("it ended by itself"), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_the_offices_own_export_proves_children_and_entries() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let routes = stage.stage().with_file_name("lieferung");
    fs::copy(root().join("routes/register-pflege.yaml"), routes.join("register-pflege.yaml"))
        .expect("copied");
    let folder = tempfile::tempdir().expect("the office's folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    // The office: no stage, no store, no network.
    let office = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command.current_dir(folder.path()).arg("bestand").args(words);
        told(command)
    };
    let (code, made) = office(&["schluessel", "abgleich.key"]);
    assert_eq!(code, 0, "{made}");
    assert_eq!(office(&["schluessel", "abgleich.key"]).0, 2, "a secret is never overwritten");
    let key = fs::read_to_string(folder.path().join("abgleich.key")).expect("the secret");
    assert!(!made.contains(key.trim()), "never printed");
    fs::copy(folder.path().join("abgleich.key"), stage.stage().join("secrets/abgleich"))
        .expect("handed over");
    let partners_file = stage.stage().join("partners.yaml");
    let written = fs::read_to_string(&partners_file).expect("partners.yaml");
    let policy = "    answers-by: lieferungen\n    policy: { abgleich: { file: secrets/abgleich } }\n";
    fs::write(&partners_file, written.replacen("    answers-by: lieferungen\n", policy, 1))
        .expect("partners.yaml");

    let _running = up(&stage).await;
    let order = |words: &[&str]| {
        let mut all = vec!["bestand"];
        all.extend(words);
        all.extend(["--jugendamt", "jugendamt-bremen", "--reason", REASON]);
        told(stage.command(&all))
    };
    let (code, text) = order(&["begin"]);
    assert_eq!(code, 0, "{text}");
    let sample = root().join("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    let (status, answer) = post(&stage, "k-1", fs::read_to_string(sample).expect("the sample")).await;
    assert_eq!(status, 200, "{answer}");

    let list = |lines: &str, name: &str| {
        fs::write(folder.path().join("export.csv"), format!("{HEAD}{lines}")).expect("the export");
        let (code, text) = office(&["liste", "export.csv", "--schluessel", "abgleich.key", "--nach", name]);
        assert_eq!(code, 0, "{text}");
        let list = fs::read_to_string(folder.path().join(name)).expect("the list");
        assert!(!list.contains("Müller") && !list.contains("2024"), "{list}");
    };
    let status = || -> Value {
        let (code, text) =
            told(stage.command(&["bestand", "status", "--jugendamt", "jugendamt-bremen", "--json"]));
        assert_eq!(code, 0, "{text}");
        serde_json::from_str::<Value>(&text).expect("JSON")[0]["bestand"]["abgleich"].clone()
    };
    // The same child without its entry: a gap on both sides, and the office learns which line it is.
    list(&LIA.replace(";01\n", ";\n"), "ohne.txt");
    let (code, text) = order(&["abgleich", "--liste", &file("ohne.txt"), "--luecken", &file("luecken.txt")]);
    assert_eq!(code, 0, "{text}");
    let found = status();
    assert_eq!(
        (&found["fehlend"], &found["ueberzaehlig"], &found["gezaehlt"]),
        (&1.into(), &1.into(), &1.into())
    );
    let (code, text) =
        office(&["liste", "export.csv", "--schluessel", "abgleich.key", "--luecken", "luecken.txt"]);
    assert_eq!((code, text.trim()), (1, "line 2"));
    assert_ne!(order(&["erklaeren"]).0, 0, "each gap blocks");
    // Counts agree, and nobody can sign on them.
    assert_eq!(order(&["abgleich", "--anzahl", "1"]).0, 0);
    assert_ne!(order(&["erklaeren"]).0, 0, "counts alone never suffice");
    list(LIA, "mit.txt");
    let (code, text) = order(&["abgleich", "--liste", &file("mit.txt")]);
    assert_eq!(code, 0, "{text}");
    let found = status();
    assert_eq!(
        (&found["fehlend"], &found["ueberzaehlig"], &found["liste"]),
        (&0.into(), &0.into(), &true.into())
    );
    let (code, text) = order(&["erklaeren"]);
    assert_eq!(code, 0, "{text}");
    // A list of another secret is told from one with gaps.
    office(&["schluessel", "anderer.key"]);
    let (code, _) = office(&["liste", "export.csv", "--schluessel", "anderer.key", "--nach", "fremd.txt"]);
    assert_eq!(code, 0);
    let (code, text) = order(&["abgleich", "--liste", &file("fremd.txt")]);
    assert!(code == 2 && text.contains("another secret"), "{text}");
}
