//! Files that cannot be used while the house runs on those of before: who looks at what runs is served, who would take them over is told, and a
//! person is called.

use std::fs;
use std::process::Output;

use drehscheibe::cli::sample::{Wish, eintragung};

use crate::support::{Receiver, StageDir, post, until, up};

const REASON: &str = "Probe mit kaputten Dateien";

/// Exit code, standard output, standard error.
fn cli(stage: &StageDir, words: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = stage.command(words).output().expect("the program starts");
    let text = |octets| String::from_utf8(octets).expect("UTF-8");
    (status.code().expect("it ended by itself"), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_file_takes_nothing_away_from_who_looks_at_what_runs() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let mut running = up(&stage).await;
    assert_eq!(post(&stage, "eins", eintragung(&Wish::plain(1))).await.0, 200);
    let files = [
        (stage.routes.join("registerlieferung.yaml"), "mirror:", "miror:"),
        (stage.stage().join("partners.yaml"), "mandant: jugendamt-bremen", "mandant: [ {"),
        (stage.stage().join("connections.yaml"), "stage: test", "stage: 'test"),
        (stage.stage().join("connections.yaml"), "store:", "speicher:"),
    ];
    for (file, from, to) in files {
        let good = fs::read_to_string(&file).expect("the file");
        assert!(good.contains(from));
        fs::write(&file, good.replacen(from, to, 1)).expect("written");
        for words in [
            &["status"][..],
            &["messages", "list"],
            &["messages", "find", "--partner", "jugendamt-bremen"],
            &["parked", "list"],
            &["bestand", "status"],
            &["routes", "draining"],
            &["pause", "route", "registerlieferung", "--reason", REASON],
            &["resume", "route", "registerlieferung", "--reason", REASON],
        ] {
            let (code, said, beside) = cli(&stage, words);
            assert_eq!(code, 0, "{to} {words:?}: {said}{beside}");
            assert_eq!(beside.matches("this works from what was applied").count(), 1, "{words:?}: {beside}");
            assert!(!said.contains("this works from"), "it stands beside what is said: {said}");
        }
        let (_, said, _) = cli(&stage, &["status"]);
        assert!(said.contains("house      runs and takes deliveries"), "{said}");
        let (code, said, _) = cli(&stage, &["status", "--json"]);
        assert!(code == 0 && serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
        let (code, said, _) = cli(&stage, &["doctor"]);
        assert!(code == 1 && said.contains("what was applied last"), "{said}");
        // Who would take them over is told the faults.
        assert_eq!(cli(&stage, &["check"]).0, 1);
        for words in [&["routes", "apply", "--reason", REASON][..], &["routes", "plan"], &["run"]] {
            assert_eq!(cli(&stage, words).0, 2, "{words:?}");
        }
        fs::write(&file, good).expect("written");
    }
    let (code, _, beside) = cli(&stage, &["status"]);
    assert!(code == 0 && beside.is_empty(), "{beside}");
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_meets_a_faulty_file_calls_a_person() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let mut running = up(&stage).await;
    let file = stage.stage().join("partners.yaml");
    let good = fs::read_to_string(&file).expect("partners");
    fs::write(&file, good.replacen("groups:", "gruppen:", 1)).expect("written");
    running.signal("HUP");
    until("a person is called", 60, || stage.log().contains("reload-refused")).await;
    assert_eq!(post(&stage, "eins", eintragung(&Wish::plain(1))).await.0, 200, "what ran runs on");
    fs::write(&file, good).expect("written");
    running.signal("HUP");
    until("they are taken", 60, || stage.log().contains("applied, now running")).await;
    assert!(running.terminate(), "{}", stage.log());
}
