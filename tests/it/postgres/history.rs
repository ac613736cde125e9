//! A fail-over under a running process to a server that lags: a private server, a copy of its files of a moment ago in its place.

use drehscheibe::effects::MirrorChange;
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lane::Lanes;
use drehscheibe::store::postgres::parts::PostgresStore;
use drehscheibe::store::postgres::settings::Settings;
use drehscheibe::store::recovery::Recovery;
use uuid::Uuid;

use super::server::Server;
use crate::store_contract::common::{
    at, claim, commit_one, commit_sends, delivery, key, mirrored, put, send, sent, settle, want,
};

struct Place {
    server: Server,
    database: String,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Option<Place> {
        let server = Server::start().await?;
        server.furnish().await;
        let database = server.database().await;
        Some(Place { server, database, folder: tempfile::tempdir().unwrap() })
    }

    fn settings(&self) -> Settings {
        self.server.settings(&self.database, self.folder.path(), Stage::Test, 1)
    }

    async fn process(&self) -> PostgresStore {
        let store = PostgresStore::open(self.settings()).await.unwrap();
        store.begin_run().await.unwrap();
        store
    }

    /// The standby has come so far: the files of now, while the server stands still for a moment.
    async fn follow(&mut self) {
        self.server.end("INT");
        self.server.set_aside();
        self.server.resume().await;
    }

    /// The server falls, and what the standby has takes its place.
    async fn fail_over(&mut self) {
        self.server.end("QUIT");
        self.server.take_aside();
        self.server.resume().await;
    }
}

/// A child is delivered, and deleted after the standby has heard the last; returns its record.
async fn delivered(store: &PostgresStore) -> Uuid {
    let child = Uuid::new_v4();
    let mut entry = delivery("a", "p", "child");
    entry.effects.mirror = vec![put(child, "N", &["k"])];
    commit_one(store, entry).await;
    child
}

async fn deleted(store: &PostgresStore, child: Uuid) {
    let mut gone = delivery("a", "p", "gone");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id: child, tombstone: key("k"), created: at(5), until: at(9_000) }];
    commit_one(store, gone).await;
    assert_eq!(mirrored(store, "k").await, 0);
}

async fn refuses_everything(store: &PostgresStore) {
    for n in 0..3 {
        let taken = store.commit(vec![delivery("a", "p", &format!("after {n}"))]).await;
        assert_eq!(taken, Err(StoreError::History), "nothing is taken");
        assert!(matches!(store.claim(want(100)).await, Err(StoreError::History)), "nothing is sent");
        assert!(matches!(store.lookup(Vec::new()).await, Err(StoreError::History)), "nothing is read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_to_a_standby_that_lags_is_seen_before_anything_is_taken() {
    let Some(mut place) = Place::new().await else { return };
    let store = place.process().await;
    let child = delivered(&store).await;
    place.follow().await;
    // The same history: the process goes on as if nothing had been.
    deleted(&store, child).await;
    place.fail_over().await;
    refuses_everything(&store).await;
    // Marked where it was found: who starts now finds the child back, and the house closed for it.
    drop(store);
    let next = place.process().await;
    assert_eq!(mirrored(&next, "k").await, 1);
    let found = next.recovery().await.unwrap().unwrap();
    let lost = found.lost.unwrap();
    assert!(!found.applied && lost.commits >= 1, "{lost:?}");
    assert!(lost.from < at(0), "from before the last thing that the standby had");
    next.reapply(at(600)).await.unwrap();
    assert!(next.open_dispatch("os:rita", "asked for again", at(601)).await.unwrap());
    assert_eq!(next.recovery().await.unwrap(), None);
    assert_eq!(next.commit(vec![delivery("a", "p", "later")]).await.unwrap(), [Committed::New]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_went_on_by_itself_is_told_from_the_own_history() {
    let Some(mut place) = Place::new().await else { return };
    let store = place.process().await;
    commit_one(&store, delivery("a", "p", "before")).await;
    place.follow().await;
    // Only a row that left is missing in the copy: it would be sent once more.
    commit_sends(&store, "out", vec![send("c:x", None, "once")]).await;
    place.fail_over().await;
    let other = place.process().await;
    for n in 0..80 {
        commit_one(&other, delivery("b", "q", &format!("other {n}"))).await;
    }
    refuses_everything(&store).await;
    // The other one hears of it, although it has lost nothing itself.
    assert!(other.recovery().await.unwrap().unwrap().lost.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_leased_and_settled_counts_as_much_as_what_was_taken() {
    for settled in [false, true] {
        let Some(mut place) = Place::new().await else { return };
        let store = place.process().await;
        commit_sends(&store, "out", vec![send("c:x", None, "once")]).await;
        let mut lane = None;
        if settled {
            lane = Some(claim(&store, 1).await.remove(0));
        }
        place.follow().await;
        match lane {
            Some(lane) => assert!(settle(&store, &lane, 0, sent(), true, 2).await),
            None => assert_eq!(claim(&store, 1).await.len(), 1),
        }
        place.fail_over().await;
        refuses_everything(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_and_comes_back_with_everything_is_no_alarm() {
    let Some(mut place) = Place::new().await else { return };
    let store = place.process().await;
    for round in 0..3 {
        for n in 0..5 {
            commit_one(&store, delivery("a", "p", &format!("{round} {n}"))).await;
        }
        place.server.end("QUIT");
        assert!(matches!(store.commit(vec![delivery("a", "p", "down")]).await, Err(StoreError::Later(_))));
        place.server.resume().await;
        assert_eq!(store.recovery().await.unwrap(), None, "{round}");
    }
    assert_eq!(store.commit(vec![delivery("a", "p", "down")]).await.unwrap(), [Committed::New]);
}
