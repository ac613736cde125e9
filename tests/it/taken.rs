//! A document in a partner's tray: confirmed when the partner has taken it away, else a person is called. The real program with the real
//! folder, killed between the writing and the look, paused, started again; in the end a person closes what was not taken.

use std::fs;
use std::path::PathBuf;

use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::transport::folder::ENTRY;
use drehscheibe::transport::folder::out::FolderDestination;
use drehscheibe::transport::port::{
    After, Attempt, Destination, Followed, Forgetful, Progress, SendError, Withdrawal,
};
use serde_json::{Value, json};

use crate::support::{Receiver, Running, StageDir, names, put, until, up};
use crate::transport_support::{House, envelope};

struct Tray {
    stage: StageDir,
    _partners: [Receiver; 2],
}

impl Tray {
    async fn new(within: &str) -> Tray {
        let partners = [Receiver::start().await, Receiver::start().await];
        let stage = StageDir::new([partners[0].address, partners[1].address]);
        let file = stage.stage().join("partners.yaml");
        let written = fs::read_to_string(&file).unwrap();
        let channel = format!("channels: {{ lieferungen: {{ taken-within: {within} }} }}");
        assert!(written.contains("channels: { lieferungen: {} }"));
        fs::write(&file, written.replace("channels: { lieferungen: {} }", &channel)).unwrap();
        Tray { stage, _partners: partners }
    }

    fn deliver(&self, child: u64) {
        put(&self.stage.tray("in"), &format!("{child}.xml"), eintragung(&Wish::plain(child)).as_bytes());
    }

    /// Documents that lie in the out tray.
    fn lying(&self) -> Vec<PathBuf> {
        let out = self.stage.tray("out");
        names(&out).into_iter().filter(|name| name.ends_with(".xml")).map(|name| out.join(name)).collect()
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = self.stage.command(&[words, &["--json"]].concat()).output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Ids, states and next looks of what was laid into the tray.
    fn sends(&self) -> Vec<(String, String, bool)> {
        let listed = self.json(&["messages", "list"]);
        let sends = listed.as_array().unwrap().iter().flat_map(|one| one["sends"].as_array().unwrap());
        let of = sends.filter(|send| send["destination"] == "lieferungen:jugendamt-bremen").map(|send| {
            let text = |key: &str| send[key].as_str().unwrap_or_default().to_owned();
            (text("id"), text("state"), send["next_look"].is_string())
        });
        of.collect()
    }

    fn states(&self) -> Vec<String> {
        let mut states: Vec<String> = self.sends().into_iter().map(|(_, state, _)| state).collect();
        states.sort();
        states
    }

    async fn metric(&self, line: &str) -> bool {
        let url = format!("http://{}/metrics", self.stage.http);
        match reqwest::get(url).await {
            Ok(answer) => answer.text().await.unwrap_or_default().lines().any(|one| one.starts_with(line)),
            Err(_) => false,
        }
    }

    fn ends(&self, mut running: Running) {
        assert!(running.terminate(), "{}", self.stage.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_confirmed_when_its_partner_has_taken_it_whatever_was_killed_before() {
    let tray = Tray::new("1m").await;
    let mut running = up(&tray.stage).await;
    for child in 1..4 {
        tray.deliver(child);
    }
    until("all are sent and followed", 60, || {
        let sends = tray.sends();
        sends.len() == 3 && sends.iter().all(|(_, state, next)| state == "sent" && *next)
    })
    .await;
    // Between the settling and the first look; then in the first look, before it is settled.
    running.kill();
    for crash in ["before-look", "after-look"] {
        let mut running = tray.stage.start(Some(crash));
        until(&format!("it died at {crash}"), 60, || running.ended()).await;
    }
    let running = up(&tray.stage).await;
    let lying = tray.lying();
    assert_eq!(lying.len(), 3, "nothing was laid there twice: {lying:?}");
    for taken in &lying[1..] {
        fs::remove_file(taken).unwrap();
    }
    until("what was taken is confirmed", 120, || tray.states() == ["confirmed", "confirmed", "sent"]).await;
    assert!(
        tray.metric(
            "drehscheibe_looked_total{destination=\"lieferungen:jugendamt-bremen\",outcome=\"confirmed\"} "
        )
        .await
    );
    let figures = tray.json(&["status"]);
    let backlog = figures["figures"]["backlog"].as_array().unwrap().clone();
    let of = backlog.iter().find(|one| one["destination"] == "lieferungen:jugendamt-bremen").unwrap();
    assert_eq!((&of["sent"], &of["followed"], &of["confirmed"]), (&3.into(), &1.into(), &2.into()));
    assert_eq!(tray.lying(), lying[..1], "what was taken does not come back");
    tray.ends(running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_in_time_is_shown_with_cause_and_closed_by_a_person() {
    let tray = Tray::new("4s").await;
    let running = up(&tray.stage).await;
    tray.deliver(1);
    until("it has failed", 60, || tray.states() == ["failed"]).await;
    let id = tray.sends()[0].0.clone();
    let parked = tray.json(&["parked", "list"]);
    let shown = &parked["sends"][0];
    assert_eq!((&shown["id"], &shown["state"]), (&id.clone().into(), &"failed".into()));
    assert!(shown["cause"].as_str().unwrap().contains("has not taken it in time"), "{shown}");
    assert!(shown["next_step"].as_str().unwrap().contains("call the partner"), "{shown}");
    assert!(tray.stage.log().contains("delivery-not-confirmed"), "{}", tray.stage.log());
    let item = tray.json(&["status"])["items"].to_string();
    assert!(item.contains("nicht bestätigt"), "{item}");
    // A replay would lay it there twice.
    let words = ["parked", "replay", &id, "--reason", "nochmal"];
    assert_eq!(tray.stage.command(&words).output().unwrap().status.code(), Some(1));
    let words = ["parked", "arrived", &id, "--reason", "Frau Beispiel hat es jetzt"];
    assert_eq!(tray.stage.command(&words).output().unwrap().status.code(), Some(0));
    assert_eq!(tray.states(), ["confirmed"]);
    assert_eq!(tray.json(&["parked", "list"])["sends"], Value::Array(Vec::new()));
    assert_eq!(tray.lying().len(), 1);
    tray.ends(running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_holds_looks_beyond_the_time_and_a_tray_that_is_gone_is_no_tray_that_was_emptied() {
    let tray = Tray::new("12s").await;
    let running = up(&tray.stage).await;
    tray.deliver(1);
    until("the document lies there", 60, || tray.lying().len() == 1).await;
    let (kind, name) = ("destination", "lieferungen:jugendamt-bremen");
    let paused = tray.stage.command(&["pause", kind, name, "--reason", "Umbau"]).output().unwrap();
    assert!(paused.status.success(), "{}", String::from_utf8_lossy(&paused.stderr));
    // The volume of the tray is not there: an empty folder stands in its place.
    let out = tray.stage.tray("out");
    let away = out.with_file_name("away");
    fs::rename(&out, &away).unwrap();
    fs::create_dir(&out).unwrap();
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert_eq!(tray.states(), ["sent"], "nobody looks while it is paused");
    let resumed = tray.stage.command(&["resume", kind, name, "--reason", "fertig"]).output().unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    until("a person is called", 60, || tray.states() == ["failed"]).await;
    let cause = tray.json(&["parked", "list"])["sends"][0]["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("another folder"), "{cause}");
    tray.ends(running);
}

#[tokio::test]
async fn a_tray_tells_whether_its_document_was_taken_and_only_of_the_folder_into_which_it_was_laid() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let around = House::new().around(Clock::real());
    let to = |within| FolderDestination::new(out.clone(), "ja-nord".to_owned(), (within, None), &around);
    let leaving = envelope("<a/>", "application/xml");
    assert_eq!(to(None).send(&leaving).await.unwrap().follow, None);
    let (within, destination) = (Duration::from_secs(100), to(Some(Duration::from_secs(100))));
    let receipt = destination.send(&leaving).await.unwrap();
    let follow = receipt.follow.clone().unwrap();
    assert_eq!((follow.first, follow.within), (Duration::from_secs(25), within));
    let found = destination.find_by_reference(&leaving).await.unwrap().unwrap();
    assert_eq!(found.follow, receipt.follow, "what a look-up finds is followed as well");
    let look = async |last| {
        let (reference, keep) = (receipt.reference.as_str(), &follow.keep[..]);
        destination.look_after(&Followed { id: leaving.head.id, reference, keep, looks: 0, last }).await
    };
    assert!(matches!(look(false).await, Ok(After::Open { again: None })));
    assert!(matches!(look(true).await, Ok(After::Failed { cause, .. }) if cause.contains("in time")));
    // A volume that is not mounted, a tray that is gone.
    let away = dir.path().join("away");
    fs::rename(&out, &away).unwrap();
    assert!(matches!(look(true).await, Err(SendError::Later { .. })));
    fs::create_dir(&out).unwrap();
    assert!(
        matches!(look(true).await, Err(SendError::Later { cause, .. }) if cause.contains("another folder"))
    );
    fs::remove_dir(&out).unwrap();
    fs::rename(&away, &out).unwrap();
    fs::remove_file(out.join(&receipt.reference)).unwrap();
    assert!(matches!(look(true).await, Ok(After::Confirmed(_))));
    // The setting is checked before anything runs.
    let faults = |written: Value| (ENTRY.check_channel)(&written);
    assert!(faults(json!({"taken-within": "3d"})).is_empty());
    for wrong in ["0s", "91d", "bald"] {
        let faults = faults(json!({"taken-within": wrong}));
        assert_eq!(faults.len(), 1, "{wrong}: {faults:?}");
        assert_eq!(faults[0].0, "/taken-within");
    }
}

#[tokio::test]
async fn what_nobody_took_is_taken_back_once_or_the_partner_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let around = House::new().around(Clock::real());
    let destination = FolderDestination::new(out.clone(), "ja-nord".to_owned(), (None, None), &around);
    let taken_within = Some(Duration::from_secs(100));
    let lay = async || {
        let leaving = envelope("<a/>", "application/xml");
        let attempt = Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within };
        let receipt = destination.attempt(&leaving, attempt).await.unwrap();
        let follow = receipt.follow.expect("another way is taken where nobody comes");
        assert_eq!(follow.within, Duration::from_secs(100));
        (leaving.head.id, receipt.reference, follow.keep)
    };
    let back = async |(id, name, _): &(uuid::Uuid, String, bytes::Bytes), keep: &[u8]| {
        let followed = Followed { id: *id, reference: name, keep, looks: 0, last: true };
        destination.withdraw(&followed).await
    };
    let open = async |(id, name, _): &(uuid::Uuid, String, bytes::Bytes), keep: &[u8]| {
        let followed = Followed { id: *id, reference: name, keep, looks: 0, last: false };
        matches!(destination.look_after(&followed).await, Ok(After::Open { .. }))
    };
    // First it is ours again, then that is kept, then it goes, with its parts.
    let one = lay().await;
    fs::write(out.join(format!("{}.part-1", one.0)), b"%PDF").unwrap();
    let Ok(Withdrawal::Step { keep }) = back(&one, &one.2).await else { panic!("it is there") };
    assert!(!out.join(&one.1).exists(), "nobody finds it under its name any more");
    assert!(open(&one, &one.2).await, "it was not taken, whoever heard of the step or not");
    let Ok(Withdrawal::Step { keep: again }) = back(&one, &one.2).await else { panic!("nobody heard of it") };
    assert_eq!(again, keep);
    assert!(matches!(back(&one, &keep).await, Ok(Withdrawal::Gone)));
    assert_eq!(names(&out), Vec::<String>::new(), "nothing of it is left");
    assert!(open(&one, &keep).await, "what we have taken back was not taken");
    assert!(matches!(back(&one, &keep).await, Ok(Withdrawal::Gone)), "asked again it says the same");
    // What the partner lays beside it stays.
    let mine = lay().await;
    let id = mine.0;
    let others = [
        format!("{id}-1.pdf"),
        format!("{id}-quittung.xml"),
        format!("{id}.part-01"),
        format!("{id}.part-1.sig"),
    ];
    for name in others.iter().chain([&format!("{id}.part-1")]) {
        fs::write(out.join(name), b"x").unwrap();
    }
    let Ok(Withdrawal::Step { keep }) = back(&mine, &mine.2).await else { panic!("it is there") };
    assert!(matches!(back(&mine, &keep).await, Ok(Withdrawal::Gone)));
    assert_eq!(names(&out), others);
    for name in &others {
        fs::remove_file(out.join(name)).unwrap();
    }
    // The partner was faster.
    let two = lay().await;
    fs::remove_file(out.join(&two.1)).unwrap();
    assert!(matches!(back(&two, &two.2).await, Ok(Withdrawal::Collected(_))));
    // Another file under its name is not ours to take.
    let three = lay().await;
    fs::rename(out.join(&three.1), dir.path().join("mine")).unwrap();
    fs::write(out.join(&three.1), b"something else").unwrap();
    let Err(SendError::Never { cause }) = back(&three, &three.2).await else { panic!("it is another file") };
    assert!(cause.contains("another file"), "{cause}");
    assert_eq!(fs::read(out.join(&three.1)).unwrap(), b"something else");
    // A volume that is not mounted says nothing; of what was laid there before such things were kept nobody knows.
    let four = lay().await;
    fs::rename(&out, dir.path().join("away")).unwrap();
    fs::create_dir(&out).unwrap();
    assert!(matches!(back(&four, &four.2).await, Err(SendError::Later { .. })));
    fs::remove_dir(&out).unwrap();
    fs::rename(dir.path().join("away"), &out).unwrap();
    let folder_only = &four.2[..four.2.len() / 2];
    assert!(matches!(back(&four, folder_only).await, Err(SendError::Never { .. })));
    assert!(out.join(&four.1).exists());
    // What a look-up finds again has the time of its way, and is taken back like what was laid there now.
    let leaving = envelope("<a/>", "application/xml");
    destination.send(&leaving).await.unwrap();
    assert_eq!(destination.find_by_reference(&leaving).await.unwrap().unwrap().follow, None);
    let receipt = destination.find_within(&leaving, taken_within).await.unwrap().unwrap();
    let follow = receipt.follow.unwrap();
    assert_eq!((follow.first, follow.within), (Duration::from_secs(25), Duration::from_secs(100)));
    let five = (leaving.head.id, receipt.reference, follow.keep);
    let Ok(Withdrawal::Step { keep }) = back(&five, &five.2).await else { panic!("it is there") };
    assert!(matches!(back(&five, &keep).await, Ok(Withdrawal::Gone)));
    assert!(!out.join(&five.1).exists());
}
