//! Backup and recovery: a database of before put back beside the keys of today, what was deleted since deleted again, what may
//! have left looked up, and a person who opens.

use std::path::PathBuf;
use std::sync::Arc;

use drehscheibe::effects::{
    BestandChange, Fact, MirrorChange, Question, Vorgang, VorgangChange, VorgangState,
};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::bestand::{Bestand, Meldung};
use drehscheibe::store::backup;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::recovery::{Finding, Reapplied};
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    self, House, at, bodies, claim, commit_one, delivery, guard, key, mirrored, moved, open, put, read_claim,
    seen, send, sent, settle, spool,
};

/// A backup of a store in a folder that goes with the test.
async fn backed_up(store: &dyn Store) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("sicherung");
    backup::make(store, &into, at(100)).await.unwrap();
    (folder, into)
}

async fn running(house: &dyn House) -> Arc<dyn Store> {
    house.run().await.unwrap().0
}

async fn opens(store: &dyn Store, id: Uuid) -> bool {
    let scope = Scope::Mandant("a".into());
    store.original(&scope, id, "pruefer", "Probe", at(9)).await.ok().flatten().is_some()
}

pub async fn what_was_deleted_since_is_deleted_again(house: &dyn House) {
    let store = running(house).await;
    let (child, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
    let mut first = delivery("a", "p", "put");
    first.effects.subjects = vec![key("k")];
    first.effects.mirror = vec![put(child, "Quendel", &["k"])];
    first.effects.sends = vec![send("c:x", Some("k"), "under the child's key")];
    let mut envelope = (*first.envelope).clone();
    let part = spool(&*store, "a", &[7; 100_000]).await;
    envelope.parts = vec![part.clone()];
    first.envelope = Arc::new(envelope);
    let first = commit_one(&*store, first).await;
    let mut parked = delivery("a", "p", "parked");
    parked.state = Inbound::Parked;
    parked.effects.subjects = vec![key("k")];
    let parked = commit_one(&*store, parked).await;
    let mut second = delivery("a", "p", "other");
    second.effects.mirror = vec![put(other, "Thymian", &["z"])];
    second.effects.sends = vec![send("c:y", Some("z"), "of another child")];
    let second = commit_one(&*store, second).await;
    let mut case = delivery("a", "p", "case");
    let vorgang = Vorgang { id: Uuid::from_u128(3), ..common::vorgang("j", VorgangState::BeimJugendamt) };
    case.effects.guards = vec![guard("v", seen(&*store, "v").await)];
    case.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
    commit_one(&*store, case).await;
    assert_eq!(store.ledger(0, 10).await.unwrap(), [], "nothing was deleted yet");
    let (_folder, backup) = backed_up(&*store).await;

    // After the backup: the child is deleted, and what was owed leaves.
    let mut gone = delivery("a", "p", "remove");
    gone.effects.subjects = vec![key("k")];
    gone.effects.mirror =
        vec![MirrorChange::Remove { id: child, tombstone: key("k"), created: at(5), until: at(9_000) }];
    commit_one(&*store, gone).await;
    let lines = store.ledger(0, 10).await.unwrap();
    let kinds: Vec<&str> = lines.iter().map(|line| line.kind.as_str()).collect();
    for kind in ["record", "tombstone", "messages"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(lines.iter().all(|line| line.class == "mitteilung"), "{lines:?}");
    for lane in claim(&*store, 10).await {
        assert!(settle(&*store, &lane, 0, sent(), true, 11).await);
    }
    drop(store);

    house.put_back(&backup, true).await;
    let store = running(house).await;
    let found = store.recovery().await.unwrap().unwrap();
    assert_eq!((found.copied, found.applied), (Some(at(100)), false));
    assert_eq!(mirrored(&*store, "z").await, 1);
    let tombstone = async || store.lookup(vec![Question::Tombstone(key("k"))]).await.unwrap().remove(0);
    let before = tombstone().await.guard.seen;
    let done = store.reapply(at(501)).await.unwrap();
    assert_eq!((done.records, done.lost, done.doubtful), (1, 1, 1), "{done:?}");
    assert!(done.entries >= 3, "{done:?}");
    assert_eq!(store.reapply(at(502)).await.unwrap(), Reapplied::default(), "once");
    assert_eq!((mirrored(&*store, "k").await, mirrored(&*store, "z").await), (0, 1));
    assert!(!opens(&*store, first).await && !opens(&*store, parked).await, "nothing of the child opens");
    assert!(opens(&*store, second).await);
    assert!(read_claim(&*store, "a", &part.claim).await.is_ok(), "its file lies there until nobody needs it");
    store.collect_garbage().await.unwrap();
    assert!(read_claim(&*store, "a", &part.claim).await.is_err(), "and then it is gone");
    assert_eq!(tombstone().await.fact, Fact::Tombstone(Some(at(5))));
    assert!(moved(&*store, "k", before).await, "who decided before is stale");
    let case = store.lookup(vec![Question::Vorgang(key("v"))]).await.unwrap().remove(0);
    assert!(matches!(case.fact, Fact::Vorgang(Some(_))), "a deletion of a child is none of a Vorgang");

    // What had to leave under the child's key cannot leave any more; it is listed, with its cause, and holds nobody up.
    let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].state.as_str(), held[0].destination.as_str()), ("unclear", "c:x"));
    assert!(held[0].cause.as_deref().is_some_and(|cause| cause.contains("deleted")), "{held:?}");
    assert!(store.open_dispatch("os:rita", "geprueft", at(503)).await.unwrap());
    assert!(!store.open_dispatch("os:rita", "geprueft", at(503)).await.unwrap(), "it is open");
    assert_eq!(store.recovery().await.unwrap(), None);
    let mut late = delivery("a", "p", "late");
    late.effects.sends = vec![send("c:x", Some("k"), "a later answer in the child's order")];
    commit_one(&*store, late).await;
    let lanes = claim(&*store, 600).await;
    let mut due: Vec<String> = lanes.iter().flat_map(bodies).collect();
    due.sort();
    assert_eq!(due, ["a later answer in the child's order", "of another child"]);
    let doubt = |of: &str| lanes.iter().find(|lane| lane.destination == of).unwrap().heads[0].unclear;
    assert!(doubt("c:y") && !doubt("c:x"), "what may have left before is looked up before it is sent");
    drop(store);
    drop(open(house).await);
}

pub async fn doubtful_rows_end_as_they_were_found(house: &dyn House) {
    let store = running(house).await;
    let mut entry = delivery("a", "p", "1");
    for n in 0..5 {
        entry.effects.sends.push(send(&format!("c:{n}"), Some(&n.to_string()), &n.to_string()));
    }
    commit_one(&*store, entry).await;
    assert_eq!(
        store.doubtful(None, 10).await.unwrap(),
        [],
        "nothing is in doubt in a store that was never put back"
    );
    let (_folder, backup) = backed_up(&*store).await;
    drop(store);
    house.put_back(&backup, true).await;
    let store = running(house).await;
    store.reapply(at(501)).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.doubtful(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page);
    }
    let order: Vec<String> = seen.iter().map(|due| due.destination.clone()).collect();
    assert_eq!(order, ["c:0", "c:1", "c:2", "c:3", "c:4"], "page by page, in their order");
    assert!(seen.iter().all(|due| due.unclear && !due.envelope.body.is_empty()));
    let arrived = Finding::Arrived { reference: "r".into(), evidence: "e".into(), follow: None };
    let unknown = Finding::Unknown { cause: "cannot be looked up".into() };
    for (n, finding) in [arrived.clone(), Finding::Queued, unknown].into_iter().enumerate() {
        assert!(store.resolve(seen[n].id, finding, Vec::new(), at(502)).await.unwrap());
    }
    assert!(
        !store.resolve(seen[1].id, arrived.clone(), Vec::new(), at(503)).await.unwrap(),
        "its doubt has ended"
    );
    assert!(
        !store.resolve(Uuid::from_u128(1), arrived.clone(), Vec::new(), at(503)).await.unwrap(),
        "there is none"
    );
    assert_eq!(store.recovery().await.unwrap().unwrap().doubtful, 2);
    let held = store.list_parked_sends(&Scope::Operator, 10).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].id, held[0].state.as_str()), (seen[2].id, "unclear"));
    assert_eq!(held[0].cause.as_deref(), Some("cannot be looked up"));
    assert!(store.open_dispatch("os:rita", "geprueft", at(504)).await.unwrap());
    assert!(
        !store.resolve(seen[3].id, arrived, Vec::new(), at(505)).await.unwrap(),
        "an open store dispatches itself"
    );
    let mut due: Vec<(String, bool)> = claim(&*store, 600)
        .await
        .iter()
        .flat_map(|lane| lane.heads.iter().map(|due| (due.destination.clone(), due.unclear)))
        .collect();
    due.sort();
    let expected = [("c:1", false), ("c:3", true), ("c:4", true)];
    assert_eq!(due, expected.map(|(of, doubt)| (of.to_owned(), doubt)));
}

pub async fn a_database_older_than_its_keys_is_refused(house: &dyn House) {
    let store = running(house).await;
    commit_one(&*store, delivery("a", "p", "1")).await;
    let (_folder, backup) = backed_up(&*store).await;
    drop(store);
    // What runs on after a backup is younger than it, although nothing was deleted and nothing was started since.
    drop(open(house).await);
    house.put_back(&backup, false).await;
    match house.run().await.map(drop) {
        Err(StoreError::Refused(text)) => assert!(text.contains("recover --after-restore"), "{text}"),
        // What is missing is known by the mark beside the keys: it starts, closed.
        Ok(()) => {
            let store = running(house).await;
            let found = store.recovery().await.unwrap().unwrap();
            assert!(found.lost.is_some_and(|lost| lost.commits > 0 && lost.from < lost.until));
        }
        other => panic!("{other:?}"),
    }
    house.put_back(&backup, true).await;
    let store = running(house).await;
    assert_eq!(store.recovery().await.unwrap().unwrap().lost, None, "a person knows");
    store.reapply(at(501)).await.unwrap();
    assert!(store.open_dispatch("os:rita", "geprueft", at(502)).await.unwrap());
    drop(store);
    drop(running(house).await);
}

pub async fn keys_older_than_the_database_are_refused(house: &dyn House) {
    let store = running(house).await;
    let id = Uuid::from_u128(7);
    let mut first = delivery("a", "p", "put");
    first.effects.mirror = vec![put(id, "Quendel", &["k"])];
    commit_one(&*store, first).await;
    let mut gone = delivery("a", "p", "remove");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("k"), created: at(5), until: at(9_000) }];
    commit_one(&*store, gone).await;
    let before = store.ledger(0, 10).await.unwrap();
    assert!(!before.is_empty());
    drop(store);
    house.empty_ledger().await;
    match house.run().await.map(drop) {
        Err(StoreError::Refused(text)) => assert!(text.contains("newest copy of the key store"), "{text}"),
        other => panic!("{other:?}"),
    }
    // Where there is no newer copy a person says so; the gap stays visible, and no number is given out twice.
    house.mark().await;
    let store = running(house).await;
    assert_eq!(store.reapply(at(501)).await.unwrap().records, 0);
    assert!(store.open_dispatch("os:rita", "keine neuere Kopie", at(502)).await.unwrap());
    let after = store.ledger(0, 10).await.unwrap();
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|line| line.class == "luecke"), "{after:?}");
    drop(store);
    drop(running(house).await);
}

pub async fn keys_that_are_lost_are_told_and_what_they_sealed_is_taken_anew(house: &dyn House) {
    let store = running(house).await;
    let delivered = |nth: u32| {
        let mut entry = delivery("a", "p", &format!("put-{nth}"));
        entry.effects.mirror = vec![put(Uuid::new_v4(), "Quendel", &[&format!("k{nth}")])];
        entry
    };
    for nth in 0..3 {
        commit_one(&*store, delivered(nth)).await;
    }
    drop(store);
    house.lose_keys().await;
    match house.run().await.map(drop) {
        Err(StoreError::Refused(text)) => {
            assert!(text.contains("missing") && text.contains("recover --after-restore"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    house.mark().await;
    let store = running(house).await;
    assert_eq!(store.reapply(at(501)).await.unwrap().records, 3, "what cannot be read is not there");
    assert!(store.open_dispatch("os:rita", "neu angefordert", at(502)).await.unwrap());
    let asked = store.lookup(vec![Question::Anzahl { partner: "p".into(), at: at(900_000) }]).await.unwrap();
    assert_eq!(asked[0].fact, Fact::Anzahl(0));
    // Repeated, they are no repeats.
    for nth in 0..3 {
        commit_one(&*store, delivered(nth)).await;
    }
    drop(store);
    drop(running(house).await);
}

pub async fn a_recovering_store_is_neither_copied_nor_opened_early(house: &dyn House) {
    let store = running(house).await;
    commit_one(&*store, delivery("a", "p", "1")).await;
    assert!(!store.open_dispatch("os:rita", "zu frueh", at(1)).await.unwrap(), "it was never closed");
    let (folder, backup) = backed_up(&*store).await;
    drop(store);
    house.put_back(&backup, true).await;
    let store = running(house).await;
    let refused = |done: Result<_, StoreError>| matches!(done, Err(StoreError::Refused(_)));
    assert!(refused(store.open_dispatch("os:rita", "zu frueh", at(502)).await.map(drop)), "no ledger yet");
    let again = folder.path().join("zweite");
    assert!(refused(backup::make(&*store, &again, at(503)).await.map(drop)));
    assert!(!again.exists(), "nothing is left of it");
    drop(store);
    // Closed it stays, however often it starts.
    let store = running(house).await;
    store.reapply(at(504)).await.unwrap();
    drop(store);
    let store = running(house).await;
    assert!(store.recovery().await.unwrap().unwrap().applied);
    assert!(store.open_dispatch("os:rita", "geprueft", at(505)).await.unwrap());
    backup::make(&*store, &again, at(506)).await.unwrap();
    assert!(refused(backup::make(&*store, &again, at(507)).await.map(drop)), "a backup never overwrites");
}

pub async fn no_bestand_is_fresh_after_a_recovery(house: &dyn House) {
    let store = running(house).await;
    let meldung =
        Meldung { am: at(1), anzahl: 1, stimmt: true, gezaehlt: None, letzte: None, mit: Vec::new() };
    let bestand = Bestand { begonnen: Some(at(0)), meldung: Some(meldung), ..Default::default() };
    let mut entry = delivery("a", "p", "1");
    entry.effects.bestaende =
        vec![BestandChange { amt: "jugendamt-bremen".into(), bestand: bestand.clone(), says_less: false }];
    commit_one(&*store, entry).await;
    let (_folder, backup) = backed_up(&*store).await;
    drop(store);
    house.put_back(&backup, true).await;
    let store = running(house).await;
    let ask =
        async || store.lookup(vec![Question::Bestand("jugendamt-bremen".into())]).await.unwrap().remove(0);
    let before = ask().await.guard;
    store.reapply(at(501)).await.unwrap();
    assert_eq!(ask().await.fact, Fact::Bestand(Some(Bestand { meldung: None, ..bestand })));
    let mut late = delivery("a", "p", "late");
    late.effects.guards = vec![before];
    assert_eq!(store.commit(vec![late]).await.unwrap(), [Committed::Stale], "who decided before is stale");
}

pub async fn a_backup_is_read_back_whole(house: &dyn House) {
    let store = running(house).await;
    let mut entry = delivery("a", "p", "1");
    let mut envelope = (*entry.envelope).clone();
    envelope.parts = vec![spool(&*store, "a", &[7; 100_000]).await];
    entry.envelope = Arc::new(envelope);
    commit_one(&*store, entry).await;
    let unused = spool(&*store, "a", &[8; 1_000]).await;
    let (folder, backup) = backed_up(&*store).await;
    let (manifest, faults) = backup::verify(&backup).unwrap();
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(manifest.files.len(), 2, "the database, and the one part that a row names");
    assert!(manifest.files.iter().all(|entry| !entry.name.contains(&unused.claim.name)));
    assert_eq!(manifest.database.stage, "test");
    let rows = |table: &str| manifest.database.rows.iter().find(|(of, _)| of == table).map(|(_, n)| *n);
    assert_eq!((rows("inbox"), rows("mirror")), (Some(1), Some(0)));
    let part = manifest.files.iter().find(|entry| entry.name.starts_with("claims/")).unwrap();
    let file = backup.join(&part.name);
    let whole = std::fs::read(&file).unwrap();
    for broken in [&whole[..whole.len() - 1], &[whole.clone(), vec![0]].concat()] {
        std::fs::write(&file, broken).unwrap();
        assert_eq!(backup::verify(&backup).unwrap().1.len(), 1);
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(backup::verify(&backup).unwrap().1.len(), 1);
    std::fs::write(&file, &whole).unwrap();
    assert!(backup::verify(&backup).unwrap().1.is_empty());
    std::fs::write(backup.join("fremd"), "x").unwrap();
    assert_eq!(backup::verify(&backup).unwrap().1.len(), 1);

    // Keys have a place of their own, where the newest copy replaces the one before.
    let keys = folder.path().join("schluessel");
    backup::keys(&*store, &keys).await.unwrap();
    backup::keys(&*store, &keys).await.unwrap();
    assert_eq!(std::fs::read_dir(&keys).unwrap().count(), 1);
    assert!(backup::keys(&*store, &backup).await.is_err(), "never beside the data");
}
