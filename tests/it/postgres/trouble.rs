//! A server that goes, comes back or takes no writes, and two processes on one database.

use std::collections::BTreeSet;

use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Desk;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lane::Lanes;
use drehscheibe::store::postgres::parts::PostgresStore;
use drehscheibe::store::stamp::Scope;

use super::house;
use super::server::Server;
use crate::store_contract::common::{
    all, claim, commit_one, commit_sends, delivery, send, sent, settle, want,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_may_go_and_come_back() {
    let Some(mut server) = Server::start().await else { return };
    server.furnish().await;
    let database = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let store = PostgresStore::open(server.settings(&database, folder.path(), Stage::Test, 1)).await.unwrap();
    commit_one(&store, delivery("a", "p", "before")).await;
    server.halt();
    for _ in 0..3 {
        let failed = store.commit(vec![delivery("a", "p", "meanwhile")]).await;
        assert!(matches!(failed, Err(StoreError::Later(_))), "{failed:?}");
        assert!(matches!(store.list(&Scope::Operator, all()).await, Err(StoreError::Later(_))));
    }
    server.resume().await;
    assert_eq!(store.commit(vec![delivery("a", "p", "meanwhile")]).await.unwrap(), [Committed::New]);
    assert_eq!(store.list(&Scope::Operator, all()).await.unwrap().len(), 2, "nothing was half written");
    // A server that takes no writes any more, as a standby does, and takes them again.
    let admin = server.admin("postgres").await;
    for (word, writes) in [("on", false), ("off", true)] {
        admin
            .batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {word}"))
            .await
            .unwrap_or_default();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let done = store.commit(vec![delivery("a", "p", &format!("read-only {word}"))]).await;
        match writes {
            true => assert_eq!(done.unwrap(), [Committed::New]),
            false => assert!(matches!(done, Err(StoreError::Later(_))), "{done:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_lanes_and_a_stale_one_settles_nothing() {
    let Some(house) = house().await else { return };
    let one = house.store(Stage::Test, 1).await.unwrap();
    let two = house.store(Stage::Test, 1).await.unwrap();
    assert_eq!((one.begin_run().await.unwrap(), two.begin_run().await.unwrap()), (0, 0), "both may run");
    commit_sends(&one, "1", (0..40).map(|n| send("c:x", None, &n.to_string())).collect()).await;
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let mut few = want(1);
        few.lanes = 3;
        let (first, second) = tokio::join!(one.claim(few.clone()), two.claim(few));
        for lane in first.unwrap().into_iter().chain(second.unwrap()) {
            assert!(seen.insert(lane.heads[0].id), "leased once");
        }
    }
    assert_eq!(seen.len(), 40);
    // One is frozen beyond its lease; the other one takes over, and the first settles nothing when it wakes.
    commit_sends(&one, "2", vec![send("d:y", Some("k"), "y")]).await;
    let stale = claim(&one, 2).await.remove(0);
    let taken = claim(&two, 100).await.into_iter().find(|lane| lane.destination == "d:y").unwrap();
    assert!(taken.heads[0].unclear);
    assert!(!settle(&one, &stale, 0, sent(), true, 101).await);
    assert!(settle(&two, &taken, 0, sent(), true, 101).await);
    assert!(!settle(&one, &stale, 0, sent(), true, 102).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_woken() {
    let Some(house) = house().await else { return };
    let one = house.store(Stage::Test, 1).await.unwrap();
    let two = house.store(Stage::Test, 1).await.unwrap();
    let limit = std::time::Duration::from_secs(5);
    let woken = tokio::time::timeout(limit, two.woken());
    let (woken, _) = tokio::join!(woken, commit_sends(&one, "1", vec![send("c:x", None, "x")]));
    assert!(woken.is_ok());
    drop(two);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_ends_when_its_test_process_is_gone() {
    let Some(mut server) = Server::start().await else { return };
    let folder = server.data.parent().unwrap().to_owned();
    let pid = std::fs::read_to_string(server.data.join("postmaster.pid")).unwrap();
    let process = std::path::PathBuf::from(format!("/proc/{}", pid.lines().next().unwrap()));
    assert!(process.exists());
    server.abandon();
    for _ in 0..3_000 {
        if !folder.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!folder.exists() && !process.exists(), "server and folder are gone");
}
