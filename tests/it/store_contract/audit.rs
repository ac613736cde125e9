//! What an auditor asks: the chain link by link, changes and retrievals with person and reason.

use drehscheibe::cli::audit_verify::walk;
use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::store::audit::{Held, Recorded, Retrieved, Told, Turn, Viewing, Window};
use drehscheibe::store::chain::Judge;
use drehscheibe::store::contract::Store;
use drehscheibe::store::orders::{Command, Order, PauseKind};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery};
use super::{retention, waiting};

/// Every strand, judged to its end.
pub async fn judged(store: &dyn Store) -> Vec<Judge> {
    let mut all = Vec::new();
    for strand in store.strands().await.unwrap() {
        all.push(walk(store, strand, async |_| Ok(())).await.unwrap());
    }
    all
}

fn whole(all: &[Judge]) -> (u64, u64) {
    for judge in all {
        assert_eq!(judge.faults, [], "strand {}", judge.strand().number);
    }
    (all.iter().map(|judge| judge.links).sum(), all.iter().map(|judge| judge.without_salt).sum())
}

pub async fn the_nachweiskette_is_whole_after_deletion_and_retention(house: &dyn House) {
    let store = house.open(Stage::Test, 1).await.unwrap();
    assert_eq!(whole(&judged(&*store).await), (0, 0), "a new store has nothing to be judged");
    waiting::removal(&*store).await;
    for n in 0..30 {
        commit_one(&*store, delivery("a", "p", &format!("n{n}"))).await;
    }
    let (links, without_salt) = whole(&judged(&*store).await);
    assert!(links > 30 && (1..links).contains(&without_salt), "{links} {without_salt}");
    assert_eq!(store.lost().await.unwrap(), None);
    // Beyond the time of the evidence itself: what is left begins later, and hangs together.
    let mut young = delivery("a", "p", "young");
    young.now = "2029-12-30T00:00:00Z".parse().unwrap();
    commit_one(&*store, young).await;
    retention::run(&*store, &retention::on("2030-02-01T00:00:01Z".parse().unwrap())).await;
    let strands = store.strands().await.unwrap();
    assert!(strands.iter().any(|strand| strand.begin > 0 && !strand.begin_link.is_empty()));
    let (left, _) = whole(&judged(&*store).await);
    assert!(left > 0);
}

async fn changes(store: &dyn Store, recorded: &Recorded, window: &Window) -> Vec<Told> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = store.changes(recorded, window, Turn { before, limit: 2 }).await.unwrap();
        let Some(last) = page.last() else { return all };
        assert!(page.len() <= 2);
        before = Some(last.number);
        all.extend(page);
    }
}

async fn retrievals(store: &dyn Store, recorded: &Recorded, window: &Window) -> Vec<Retrieved> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = store.retrievals(recorded, window, Turn { before, limit: 1 }).await.unwrap();
        let Some(last) = page.last() else { return all };
        before = Some(last.number);
        all.extend(page);
    }
}

/// What happened, by whom as the row has it, and why.
fn said(told: &Told) -> (String, String, Option<&str>) {
    let Held::There(change) = &told.link.change else { panic!("no row") };
    let by = change.by.as_ref().expect("attributes");
    (change.what.clone(), by.person.clone(), told.said.reason.as_deref())
}

pub async fn persons_and_reasons_are_readable_to_who_was_recorded(house: &dyn House) {
    let store = house.open(Stage::Test, 1).await.unwrap();
    let mut entry = delivery("a", "p", "one");
    entry.state = Inbound::Parked;
    let id = commit_one(&*store, entry).await;
    let other = commit_one(&*store, delivery("a", "q", "two")).await;
    let scope = Scope::Mandant("a".into());
    store.original(&scope, id, "os:rita (unverified)", "Rückfrage", at(5)).await.unwrap().expect("shown");
    assert!(store.replay(id, "os:rita (unverified)", "Route ergänzt", at(6)).await.unwrap());
    let command = Uuid::now_v7();
    let posted = Command {
        id: command,
        order: Order::Pause { kind: PauseKind::Route, name: "probe".into(), until: None },
        person: "os:otto (unverified)".into(),
        reason: "Wartung".into(),
        at: at(7),
    };
    store.post_command(posted).await.unwrap();
    let recorded = store.record(Viewing::Shown, "os:revision", "Revision 7", at(9)).await.unwrap();
    let all = changes(&*store, &recorded, &Window::default()).await;
    let words: Vec<_> = all.iter().map(said).collect();
    assert_eq!(
        words[0],
        ("command.pause".into(), "os:otto (unverified)".into(), Some("Wartung")),
        "newest first"
    );
    assert_eq!(
        all[0].said.ordered.as_deref(),
        Some(r#"{"kind":"route","name":"probe","until":null}"#),
        "what was ordered"
    );
    assert!(all[1..].iter().all(|told| told.said.ordered.is_none()));
    let replayed = words.iter().find(|(what, ..)| what == "inbox.replayed").expect("the replay");
    assert_eq!(replayed.2, Some("Route ergänzt"));
    assert_eq!(words.len(), 4, "{words:?}");
    let only = |subject| Window { subject: Some(subject), ..Window::default() };
    assert_eq!(changes(&*store, &recorded, &only(id)).await.len(), 2);
    assert_eq!(changes(&*store, &recorded, &only(other)).await.len(), 1);
    let between = Window { from: Some(at(6)), until: Some(at(7)), subject: None };
    let within = changes(&*store, &recorded, &between).await;
    assert_eq!(within.iter().map(|told| said(told).0).collect::<Vec<_>>(), ["inbox.replayed"]);
    let seen = retrievals(&*store, &recorded, &Window::default()).await;
    let seen: Vec<_> = seen
        .iter()
        .map(|one| (one.step.as_str(), one.by.person.as_str(), one.reason.as_deref(), one.damaged))
        .collect();
    let looks = [
        ("audit.show", "os:revision", Some("Revision 7"), false),
        ("view", "os:rita (unverified)", Some("Rückfrage"), false),
    ];
    assert_eq!(seen, looks, "who looks is looked at");
    assert_eq!(retrievals(&*store, &recorded, &only(id)).await.len(), 1);
    let links: Vec<_> = all.iter().map(|told| told.link.clone()).collect();
    let reasons = store.reasons(&recorded, &links).await.unwrap();
    assert_eq!(reasons, all.iter().map(|told| told.said.reason.clone()).collect::<Vec<_>>());
}
