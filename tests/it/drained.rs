//! A partner is taken away while something still waits for it, as an operator meets it: the real program, real sockets. What waits is neither
//! lost nor sent to anybody else, holds up no later apply, outlives a restart, and ends as a person says.

use std::fs;

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use crate::support::{Receiver, Running, StageDir, cli, edit, post, ready, until, up};

const REASON: &str = "Partner hat den Vertrag beendet";
const KITA: &str = "callback:kita-portal-nord";
const NEUE: &str = "rueckruf:kita-portal-nord";

fn done(stage: &StageDir, words: &[&str]) -> String {
    let (code, said) = cli(stage, words);
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

fn json(stage: &StageDir, words: &[&str]) -> Value {
    let said = done(stage, words);
    serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{fault}: {said}"))
}

async fn deliver(stage: &StageDir, n: u64) {
    assert_eq!(post(stage, &format!("k-{n}"), eintragung(&Wish::plain(n))).await.0, 200);
}

/// A running stage whose first partner takes nothing: one delivery waits for it, the other partner was told.
async fn waiting() -> (StageDir, Running, [Receiver; 2]) {
    let partners = [Receiver::start().await, Receiver::start().await];
    *partners[0].failing.lock().unwrap() = 100;
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let running = up(&stage).await;
    deliver(&stage, 1).await;
    until("the other partner is told", 60, || partners[1].accepted() == 1).await;
    (stage, running, partners)
}

/// Takes the first partner out of route and partners.
fn take_away(stage: &StageDir) {
    let route = stage.routes.join("registerlieferung.yaml");
    edit(&route, "  - callback: { to: kita-portal-nord, body: { id: vorgang, stand: stand } }\n", "");
    let file = stage.stage().join("partners.yaml");
    let written = fs::read_to_string(&file).expect("partners");
    let (before, rest) = written.split_once("  kita-portal-nord:\n").expect("the partner");
    let (_, after) = rest.split_once("  wohngeld-online:\n").expect("the next one");
    fs::write(&file, format!("{before}  wohngeld-online:\n{after}")).expect("written");
}

fn draining(stage: &StageDir) -> Vec<Value> {
    json(stage, &["routes", "draining", "--json"]).as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_partner_that_was_taken_away_still_arrives_and_holds_up_no_later_apply() {
    let (stage, mut running, partners) = waiting().await;
    take_away(&stage);
    let (code, said) = cli(&stage, &["routes", "apply", "--reason", REASON]);
    assert!(code == 1 && said.contains(KITA) && said.contains("--drain"), "{said}");
    let said = done(&stage, &["routes", "apply", "--drain", "--reason", REASON]);
    assert!(said.contains(KITA) && said.contains("still served"), "{said}");
    let all = draining(&stage);
    assert_eq!((all.len(), &all[0]["destination"], &all[0]["waiting"]), (1, &KITA.into(), &1.into()));
    let said = done(&stage, &["status"]);
    assert!(said.contains(&format!("{KITA}, taken away and still served")), "{said}");
    assert!(said.contains("end-draining"), "what a person can do stands beside it: {said}");

    // Nothing of it is in the way of what comes later, with a person's command or with a signal.
    edit(&stage.routes.join("registerlieferung.yaml"), "about:", "# eine Zeile mehr\nabout:");
    done(&stage, &["routes", "apply", "--reason", REASON]);
    deliver(&stage, 2).await;
    until("the partner that is left is told", 60, || partners[1].accepted() == 2).await;
    assert_eq!(draining(&stage)[0]["waiting"], 1, "nothing new goes to who was taken away");

    // Nor is it lost with the process; the files of now know nothing of it.
    running.kill();
    let mut running = stage.start_with(&[("DREHSCHEIBE_CLOCK_FACTOR", "20".to_owned())]);
    let client = reqwest::Client::new();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(draining(&stage)[0]["waiting"], 1);
    *partners[0].failing.lock().unwrap() = 0;
    until("it is told after all", 60, || partners[0].accepted() == 1).await;
    until("nothing is left", 60, || draining(&stage).is_empty()).await;
    until("it is gone", 60, || stage.log().contains("nothing is left for a destination")).await;
    assert!(!done(&stage, &["status"]).contains(KITA));
    assert_eq!(partners[0].seen.lock().unwrap().repeated, 0);
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_ends_the_waiting_and_says_where_it_goes_instead() {
    let (stage, mut running, partners) = waiting().await;
    let new = Receiver::start().await;
    // The partner has another way now, and the one of before is no more.
    edit(
        &stage.stage().join("connections.yaml"),
        "  callback:\n",
        "  rueckruf: { kind: callback }\n  callback:\n",
    );
    let file = stage.stage().join("partners.yaml");
    let (was, is) = (partners[0].address.port().to_string(), new.address.port().to_string());
    let written = fs::read_to_string(&file).expect("partners");
    let line = written.lines().find(|line| line.contains(&was)).expect("its channel").to_owned();
    edit(&file, &line, &line.replace("callback:", "rueckruf:").replace(&was, &is));
    done(&stage, &["routes", "apply", "--drain", "--reason", REASON]);
    deliver(&stage, 2).await;
    until("what comes now goes the new way", 60, || new.accepted() == 1).await;
    assert_eq!(draining(&stage)[0]["destination"], KITA);

    // What runs is ended by nobody, and nothing goes to another partner.
    for (words, why) in [
        (vec!["callback:wohngeld-online"], "is a destination of the files that run"),
        (vec![KITA, "--to", "callback:wohngeld-online"], "goes to no other one"),
        (vec![KITA, "--to", "brief:kita-portal-nord"], "is no destination of the files that run"),
        (vec!["brief:kita-portal-nord"], "nothing is left for"),
    ] {
        let words = [&["routes", "end-draining"][..], &words, &["--reason", REASON]].concat();
        let (code, said) = cli(&stage, &words);
        assert!(code == 1 && said.contains(why), "{words:?}: {said}");
    }

    // First it is only given up: parked, with what can be done.
    done(&stage, &["routes", "end-draining", KITA, "--reason", REASON]);
    let parked = || json(&stage, &["parked", "list", "--json"])["sends"].as_array().expect("sends").clone();
    until("it is parked", 60, || parked().len() == 1).await;
    let row = parked().remove(0);
    assert!(row["cause"].as_str().is_some_and(|cause| cause.contains("taken away")), "{row}");
    assert!(row["next_step"].as_str().is_some_and(|next| next.contains("end-draining")), "{row}");
    assert!(done(&stage, &["status"]).contains(&format!("{KITA}, taken away and ended")));
    // Also over a restart.
    assert!(running.terminate(), "{}", stage.log());
    let mut running = up(&stage).await;
    assert_eq!(draining(&stage)[0]["ended"], true);

    // Then it goes to where the partner is now.
    done(&stage, &["routes", "end-draining", KITA, "--to", NEUE, "--reason", REASON]);
    let id = row["id"].as_str().expect("an id");
    done(&stage, &["parked", "replay", id, "--reason", REASON]);
    until("it arrives the new way", 60, || new.accepted() == 2).await;
    assert_eq!(partners[0].accepted(), 0);
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_another_partners_by_now_gets_nothing_of_the_one_before() {
    let (stage, mut running, partners) = waiting().await;
    let port = partners[0].address.port();
    take_away(&stage);
    let file = stage.stage().join("partners.yaml");
    let written = fs::read_to_string(&file).expect("partners");
    fs::write(
        &file,
        format!(
            "{}\n  nachfolger:\n    name: Nachfolger\n    channels: {{ callback: {{ url: \"http://localhost:{port}/benachrichtigung\", \
             secret: {{ file: secrets/whsec }}, allow-private: [localhost] }} }}\n",
            written.trim_end()
        ),
    )
    .expect("written");
    done(&stage, &["routes", "apply", "--drain", "--reason", REASON]);
    *partners[0].failing.lock().unwrap() = 0;
    let parked = || json(&stage, &["parked", "list", "--json"])["sends"].as_array().expect("sends").clone();
    until("it is parked", 60, || parked().len() == 1).await;
    assert_eq!(partners[0].accepted(), 0, "the successor finds nothing of the one before");
    assert!(running.terminate(), "{}", stage.log());
}
