//! An office makes its list from its own export, and the platform compares it: both ends as the real program, from the secret to the lines
//! of the export that are missing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drehscheibe::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::{Receiver, Running, StageDir, post, root, up};

const HEAD: &str = "Aktenzeichen;kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten\n";
const LIA: &str = "1/24;Müller;Lía;05.08.2024;Bremen;1994-03-12;01\n";
const REASON: &str = "Probe des Abgleichs";

fn told(mut command: Command) -> (i32, String) {
    let output = command.output().expect("the program starts");
    let text =
        [output.stdout, output.stderr].map(|octets| String::from_utf8(octets).expect("UTF-8")).concat();
    (output.status.code().expect("it ended by itself"), text)
}

/// A running stage with an office of its own, which has a secret and an export.
struct Desk {
    stage: StageDir,
    folder: tempfile::TempDir,
    _partners: [Receiver; 2],
    _running: Running,
}

impl Desk {
    async fn open() -> Desk {
        let partners = [Receiver::start().await, Receiver::start().await];
        let stage = StageDir::new([partners[0].address, partners[1].address]);
        let routes = stage.stage().with_file_name("lieferung");
        fs::copy(root().join("routes/register-pflege.yaml"), routes.join("register-pflege.yaml"))
            .expect("copied");
        let folder = tempfile::tempdir().expect("the office's folder");
        let (code, made) = office(folder.path(), &["schluessel", "abgleich.key"]);
        assert_eq!(code, 0, "{made}");
        let key = fs::read_to_string(folder.path().join("abgleich.key")).expect("the secret");
        assert!(!made.contains(key.trim()), "never printed");
        fs::copy(folder.path().join("abgleich.key"), stage.stage().join("secrets/abgleich"))
            .expect("handed over");
        let partners_file = stage.stage().join("partners.yaml");
        let written = fs::read_to_string(&partners_file).expect("partners.yaml");
        let policy = "    answers-by: lieferungen\n    policy: { abgleich: { file: secrets/abgleich } }\n";
        fs::write(&partners_file, written.replacen("    answers-by: lieferungen\n", policy, 1))
            .expect("partners.yaml");
        let running = up(&stage).await;
        Desk { stage, folder, _partners: partners, _running: running }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The office: no stage, no store, no network.
    fn office(&self, words: &[&str]) -> (i32, String) {
        office(self.folder.path(), words)
    }

    fn order(&self, words: &[&str]) -> (i32, String) {
        let mut all = vec!["bestand"];
        all.extend(words);
        all.extend(["--jugendamt", "jugendamt-bremen", "--reason", REASON]);
        told(self.stage.command(&all))
    }

    /// Exports the register and makes the list of it, as of the moment of the export.
    fn list(&self, lines: &str, name: &str) {
        let stand = moment();
        fs::write(self.folder.path().join("export.csv"), format!("{HEAD}{lines}")).expect("the export");
        let words =
            ["liste", "export.csv", "--schluessel", "abgleich.key", "--stand", &stand, "--nach", name];
        let (code, text) = self.office(&words);
        assert_eq!(code, 0, "{text}");
        let list = fs::read_to_string(self.folder.path().join(name)).expect("the list");
        assert!(!list.contains("Müller") && !list.contains("2024"), "{list}");
    }

    fn compared(&self) -> Value {
        let words = ["bestand", "status", "--jugendamt", "jugendamt-bremen", "--json"];
        let (code, text) = told(self.stage.command(&words));
        assert_eq!(code, 0, "{text}");
        serde_json::from_str::<Value>(&text).expect("JSON")[0]["bestand"]["abgleich"].clone()
    }

    /// How many deliveries stand against answers.
    fn open_deliveries(&self) -> usize {
        let (code, text) = told(self.stage.command(&["lieferung", "list", "--json"]));
        assert_eq!(code, 0, "{text}");
        serde_json::from_str::<Value>(&text).expect("JSON").as_array().expect("a list").len()
    }
}

fn office(folder: &Path, words: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.current_dir(folder).arg("bestand").args(words);
    told(command)
}

/// Now; what is written next certainly lies after it, though clocks of file systems are coarse, and what was taken before lies before it.
fn moment() -> String {
    let now = Clock::real().now();
    std::thread::sleep(Duration::from_millis(50));
    now.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_the_offices_own_export_proves_children_and_entries() {
    let desk = Desk::open().await;
    assert_eq!(desk.office(&["schluessel", "abgleich.key"]).0, 2, "a secret is never overwritten");
    let (code, text) = desk.order(&["begin"]);
    assert_eq!(code, 0, "{text}");
    let sample = root().join("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    let (status, answer) = post(&desk.stage, "k-1", fs::read_to_string(sample).expect("the sample")).await;
    assert_eq!(status, 200, "{answer}");

    // The same child without its entry: a gap on both sides, and the office learns which line it is.
    desk.list(&LIA.replace(";01\n", ";\n"), "ohne.txt");
    let (code, text) =
        desk.order(&["abgleich", "--liste", &desk.file("ohne.txt"), "--luecken", &desk.file("luecken.txt")]);
    assert_eq!(code, 0, "{text}");
    let found = desk.compared();
    assert_eq!(
        (&found["fehlend"], &found["ueberzaehlig"], &found["gezaehlt"]),
        (&1.into(), &1.into(), &1.into())
    );
    let (code, text) =
        desk.office(&["liste", "export.csv", "--schluessel", "abgleich.key", "--luecken", "luecken.txt"]);
    assert_eq!((code, text.trim()), (1, "line 2"));
    assert_ne!(desk.order(&["erklaeren"]).0, 0, "each gap blocks");
    // Counts agree, and nobody can sign on them.
    assert_eq!(desk.order(&["abgleich", "--anzahl", "1"]).0, 0);
    assert_ne!(desk.order(&["erklaeren"]).0, 0, "counts alone never suffice");
    desk.list(LIA, "mit.txt");
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("mit.txt")]);
    assert_eq!(code, 0, "{text}");
    let found = desk.compared();
    assert_eq!(
        (&found["fehlend"], &found["ueberzaehlig"], &found["liste"]),
        (&0.into(), &0.into(), &true.into())
    );
    let (code, text) = desk.order(&["erklaeren"]);
    assert_eq!(code, 0, "{text}");
    // Whoever is refused reads why, at once and later.
    let (code, text) = desk.order(&["erklaeren"]);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "dieselbe-person: Dieselbe Person hat bereits unterschrieben.";
    assert!(code == 1 && flat.contains("S999") && flat.contains(why), "{text}");
    let id = flat.split("messages show ").nth(1).and_then(|rest| rest.split('`').next()).expect("an id");
    let (_, shown) = told(desk.stage.command(&["messages", "show", id]));
    assert!(shown.contains("S999") && shown.contains(why), "{shown}");
    // A list of another secret is told from one with gaps.
    desk.office(&["schluessel", "anderer.key"]);
    let (code, _) = desk.office(&[
        "liste",
        "export.csv",
        "--schluessel",
        "anderer.key",
        "--stand",
        "2026-11-21",
        "--nach",
        "fremd.txt",
    ]);
    assert_eq!(code, 0);
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("fremd.txt")]);
    assert!(code == 2 && text.contains("another secret"), "{text}");
}

/// What the office refused to enter, or entered after its export, does not stand on the list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_list_closes_nothing_that_is_younger_and_carries_no_completeness() {
    let desk = Desk::open().await;
    let without = "xsd/xfamilie/1.3.0/samples/0804-keine-eintragung.xml";
    let line = LIA.replace(";01\n", ";\n");
    desk.list(&line, "vor-beginn.txt");
    let (code, text) = desk.order(&["begin"]);
    assert_eq!(code, 0, "{text}");
    let sample = fs::read_to_string(root().join(without)).expect("the sample");
    let (status, answer) = post(&desk.stage, "k-1", sample).await;
    assert_eq!(status, 200, "{answer}");
    // Made before the begin it says nothing of this load.
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("vor-beginn.txt")]);
    assert!(code == 1 && text.contains("liste-vor-beginn"), "{text}");
    desk.list(&line, "alt.txt");
    // A 0805 to code 01 that was refused.
    let correction =
        fs::read_to_string(root().join("xsd/xfamilie/1.3.0/samples/0805-korrektur.xml")).expect("a sample");
    let refused = correction.replace("<code>0805</code>", "<code>4711</code>");
    assert_ne!(refused, correction);
    let (status, answer) = post(&desk.stage, "k-2", refused).await;
    assert!(answer.contains("rueckweisung.0001"), "{status} {answer}");
    assert_eq!(desk.open_deliveries(), 1);
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("alt.txt")]);
    assert_eq!(code, 0, "no gap as of its moment: {text}");
    assert_eq!(desk.open_deliveries(), 1, "what is younger than the list stands");
    // A list of an earlier version does not say of when it is.
    let text = fs::read_to_string(desk.file("alt.txt")).expect("the list");
    let lines: Vec<&str> = text.lines().collect();
    let earlier = [&["# drehscheibe abgleich 2"], &lines[1..3], &lines[5..]].concat().join("\n");
    fs::write(desk.file("ohne-stand.txt"), earlier).expect("a list");
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("ohne-stand.txt")]);
    assert!(code == 0 && text.contains("does not say of when it speaks"), "{text}");
    assert_eq!(desk.open_deliveries(), 1);
    // Nobody makes it younger by hand, nor by a moment that the export cannot know.
    let young = text_of(&desk, "alt.txt").replacen("# stand 2026", "# stand 2027", 1);
    fs::write(desk.file("jung.txt"), young).expect("a list");
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("jung.txt")]);
    assert!(code == 2 && text.contains("changed after it was made"), "{text}");
    let later = Clock::real().now().checked_add(SignedDuration::from_hours(1)).expect("in range").to_string();
    for (words, said) in [(vec!["--stand", later.as_str()], "cannot speak of"), (vec![], "as of when")] {
        let words = [&["liste", "export.csv", "--schluessel", "abgleich.key", "--nach", "x.txt"][..], &words]
            .concat();
        let (code, text) = desk.office(&words);
        assert!(code == 2 && text.contains(said), "{text}");
    }
    // A new one closes it.
    desk.list(&line, "neu.txt");
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("neu.txt")]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(desk.open_deliveries(), 0);
    // And an older one says nothing any more.
    let (code, text) = desk.order(&["abgleich", "--liste", &desk.file("alt.txt")]);
    assert!(code == 1 && text.contains("liste-ueberholt"), "{text}");
    assert_eq!(desk.order(&["erklaeren"]).0, 0);
}

fn text_of(desk: &Desk, name: &str) -> String {
    fs::read_to_string(desk.file(name)).expect("the list")
}
