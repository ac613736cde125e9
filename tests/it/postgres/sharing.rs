//! Several processes on one database, at the store: what is read stays as it was read until the commit, deletion and settling
//! do not wait for each other in a circle, a living process is never taken for dead, and a dead one is cleared up after.

use std::time::Duration;

use drehscheibe::effects::{BestandChange, Guard, MirrorChange, Outgoing, Question};
use drehscheibe::envelope::Stage;
use drehscheibe::register::bestand::Bestand;
use drehscheibe::store::contract::Store;
use drehscheibe::store::duty::{Ask, Duties, Duty, Taken};
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::orders::{Command, Order, Orders};
use tokio_postgres::Client;
use uuid::Uuid;

use super::house;
use crate::store_contract::common::{
    House, at, claim, commit_one, commit_sends, delivery, guard, key, open, put, send, sent, settle,
};

fn office(n: usize) -> String {
    format!("jugendamt-{n}")
}

/// A guard on an office's Bestand, which readers share.
fn reads(n: usize, seen: u64) -> Guard {
    Guard { key: Question::Bestand(office(n)).key(), seen }
}

fn writes(entry: &mut Entry, n: usize) {
    let bestand = Bestand { begonnen: Some(at(0)), ..Default::default() };
    entry.effects.bestaende = vec![BestandChange { amt: office(n), bestand, says_less: false }];
}

/// Waits until so many statements wait for a lock.
async fn until_waiting(admin: &Client, waiting: i64) {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for _ in 0..3_000 {
        let found: i64 = admin.query_one(count, &[]).await.unwrap().get(0);
        if found >= waiting {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_on_a_bestand_that_is_written_before_its_commit_is_stale() {
    let Some(house) = house().await else { return };
    let (one, two) = (open(&house).await, open(&house).await);
    let admin = house.server.admin(&house.database).await;
    let mut entry = delivery("a", "p", "m");
    entry.effects.guards = vec![guard("m", 0)];
    commit_one(&*one, entry).await;
    let held: Vec<u8> = admin.query_one("SELECT key FROM drehscheibe.guard", &[]).await.unwrap().get(0);
    let mut entry = delivery("a", "p", "first");
    writes(&mut entry, 1);
    commit_one(&*one, entry).await;
    // Once of a Bestand that was there, once of one that was not.
    for (round, (n, seen)) in [(1, 1), (2, 0)].into_iter().enumerate() {
        admin.batch_execute("BEGIN").await.unwrap();
        admin.query("SELECT 1 FROM drehscheibe.guard WHERE key = $1 FOR UPDATE", &[&held]).await.unwrap();
        let mut reader = delivery("a", "p", &format!("reader {n}"));
        reader.effects.guards = vec![guard("m", 1 + round as u64), reads(n, seen)];
        let committing = tokio::spawn({
            let one = one.clone();
            let reader = reader.clone();
            async move { one.commit(vec![reader]).await }
        });
        // It has looked, found what it read unchanged, and waits between the look and its commit.
        until_waiting(&admin, 1).await;
        let mut writer = delivery("a", "p", &format!("writer {n}"));
        writes(&mut writer, n);
        commit_one(&*two, writer).await;
        admin.batch_execute("COMMIT").await.unwrap();
        assert_eq!(committing.await.unwrap().unwrap(), [Committed::Stale], "{n}");
        reader.effects.guards[1].seen += 1;
        assert_eq!(one.commit(vec![reader]).await.unwrap(), [Committed::New], "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_each_write_what_the_other_read_one_is_stale() {
    let Some(house) = house().await else { return };
    let (one, two) = (open(&house).await, open(&house).await);
    for n in 10..40 {
        let name = format!("m{n}");
        let mut reader = delivery("a", "p", &format!("reader {n}"));
        reader.effects.guards = vec![reads(n, 0)];
        reader.effects.mirror = vec![put(Uuid::new_v4(), "N", &[&name])];
        let mut writer = delivery("a", "p", &format!("writer {n}"));
        writer.effects.guards = vec![guard(&name, 0)];
        writes(&mut writer, n);
        let (read, written) = tokio::join!(one.commit(vec![reader]), two.commit(vec![writer]));
        let mut both = [read.unwrap().remove(0), written.unwrap().remove(0)];
        both.sort_by_key(|done| *done == Committed::Stale);
        assert_eq!(both, [Committed::New, Committed::Stale], "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_a_row_that_is_settled_at_the_same_moment_leaves() {
    let Some(house) = house().await else { return };
    let one = open(&house).await;
    let admin = house.server.admin(&house.database).await;
    let first = send("seal:s", None, "first");
    commit_sends(&*one, "1", vec![first.clone()]).await;
    // Another process settles it: it holds the row, has looked for what leaves after it, and is not over yet.
    let settles =
        "BEGIN; SELECT 1 FROM drehscheibe.outbox FOR UPDATE; UPDATE drehscheibe.outbox SET state = 'sent'";
    admin.batch_execute(settles).await.unwrap();
    let committing = tokio::spawn({
        let one = one.clone();
        let next = Outgoing { after: Some(first.id), ..send("post:m", None, "next") };
        async move { commit_sends(&*one, "2", vec![next]).await }
    });
    until_waiting(&admin, 1).await;
    admin.batch_execute("COMMIT").await.unwrap();
    committing.await.unwrap();
    let lanes = claim(&*one, 3).await;
    assert!(lanes.iter().any(|lane| lane.destination == "post:m"), "nobody else would have armed its lane");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_and_a_settling_do_not_wait_for_each_other_in_a_circle() {
    let Some(house) = house().await else { return };
    let (one, two) = (open(&house).await, open(&house).await);
    let admin = house.server.admin(&house.database).await;
    let id = Uuid::from_u128(7);
    let mut stored = delivery("a", "p", "put");
    stored.effects.mirror = vec![put(id, "Quendel", &["k"])];
    stored.effects.sends = vec![send("c:x", Some("k"), "under the child's key")];
    writes(&mut stored, 1);
    commit_one(&*one, stored).await;
    let lane = claim(&*one, 1).await.remove(0);
    // The deletion is held up after it has locked the rows that its child still has to send, before it sends itself.
    admin.batch_execute("BEGIN; SELECT 1 FROM drehscheibe.bestand FOR UPDATE").await.unwrap();
    let mut gone = delivery("a", "p", "remove");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("k"), created: at(5), until: at(1000) }];
    gone.effects.sends = vec![send("c:x", Some("k"), "it is deleted")];
    writes(&mut gone, 1);
    let deleting = tokio::spawn(async move { two.commit(vec![gone]).await });
    until_waiting(&admin, 1).await;
    let settling = tokio::spawn({
        let one = one.clone();
        async move { settle(&*one, &lane, 0, sent(), true, 2).await }
    });
    until_waiting(&admin, 2).await;
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(deleting.await.unwrap().unwrap(), [Committed::New]);
    assert!(settling.await.unwrap());
    assert_eq!(claim(&*one, 3).await.len(), 1, "what the deletion sends follows");
    // The figures of a connection are complete when it has ended.
    drop(one);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(admin.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_do_not_trip_over_what_each_of_them_removes() {
    let Some(house) = house().await else { return };
    drop(house.store(Stage::Test, 1).await.unwrap());
    let claims = house.claims();
    for n in 0..200 {
        std::fs::write(claims.join(format!("{n:064x}")), "of nobody").unwrap();
        std::fs::write(claims.join("tmp").join(format!("999999-{n:032x}")), "half written").unwrap();
    }
    let (one, two) = (house.store(Stage::Test, 1).await.unwrap(), house.store(Stage::Test, 1).await.unwrap());
    let (first, second) = tokio::join!(one.begin_run(), two.begin_run());
    assert_eq!(first.unwrap() + second.unwrap(), 400, "each file is removed by one of them");
}

async fn held(store: &dyn Store, name: &str, now: i64) -> Option<Duty> {
    let lease = Duration::from_secs(10);
    let ask = Ask { name: name.into(), worker: "drehscheibe".into(), fence: None, now: at(now), lease };
    match store.take_duty(&ask).await.unwrap() {
        Taken::Held(duty) => Some(duty),
        Taken::Other { .. } => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_takes_a_duty_while_something_is_done_under_it() {
    let Some(house) = house().await else { return };
    let (one, two) = (open(&house).await, open(&house).await);
    let admin = house.server.admin(&house.database).await;
    let duty = held(&*one, "retention", 0).await.unwrap();
    // As `duty_act` does it.
    admin.batch_execute("BEGIN; SELECT 1 FROM drehscheibe.duty FOR KEY SHARE").await.unwrap();
    let taking = tokio::spawn({
        let two = two.clone();
        // The same name of another process is another worker.
        async move { held(&*two, "retention", 11).await }
    });
    until_waiting(&admin, 1).await;
    // Its holder renews meanwhile, and the other one finds that out when its turn comes.
    let (name, worker, lease) = ("retention".into(), "drehscheibe".into(), Duration::from_secs(10));
    let renewal = Ask { name, worker, fence: Some(duty.fence), now: at(12), lease };
    assert_eq!(one.take_duty(&renewal).await.unwrap(), Taken::Held(duty.clone()));
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(taking.await.unwrap(), None);
    assert!(one.set_note_under(&duty, "c", "k", None).await.unwrap());
    let next = held(&*two, "retention", 30).await.unwrap();
    assert!(next.fence > duty.fence);
    assert!(!one.set_note_under(&duty, "c", "k", None).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_own_connection_was_cut_is_not_taken_for_dead() {
    let Some(house) = house().await else { return };
    let one = house.store(Stage::Test, 1).await.unwrap();
    one.begin_run().await.unwrap();
    commit_sends(&one, "1", vec![send("c:x", Some("k"), "x")]).await;
    let lane = claim(&one, 1).await.remove(0);
    assert!(held(&one, "retention", 1).await.is_some());
    let admin = house.server.admin(&house.database).await;
    // The connection that listens, the first that said that the process lives.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND (query = 'NOTIFY drehscheibe' OR query LIKE '%pg_backend_pid(), pg_advisory%') AND pid <> pg_backend_pid()";
    assert_eq!(admin.query_one(cut, &[]).await.unwrap().get::<_, i64>(0), 1);
    let two = house.store(Stage::Test, 1).await.unwrap();
    two.begin_run().await.unwrap();
    assert_eq!(claim(&two, 2).await.len(), 0, "the lane is leased");
    assert!(held(&two, "retention", 2).await.is_none());
    for _ in 0..3 {
        assert_eq!(two.clear_up().await.unwrap(), 0);
    }
    assert!(settle(&one, &lane, 0, sent(), true, 3).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_had_goes_on_with_the_living() {
    let Some(house) = house().await else { return };
    let stores = [house.store(Stage::Test, 1).await.unwrap(), house.store(Stage::Test, 1).await.unwrap()];
    let [dying, living] = stores;
    let watching = house.store(Stage::Test, 1).await.unwrap();
    commit_sends(&dying, "1", vec![send("c:x", Some("k"), "x")]).await;
    assert_eq!(claim(&dying, 1).await.len(), 1);
    assert!(held(&dying, "retention", 1).await.is_some());
    assert!(held(&living, "source trays", 1).await.is_some());
    let command = Command {
        id: Uuid::from_u128(1),
        order: Order::read("pause", "{}"),
        person: "os:rita".into(),
        reason: "holiday".into(),
        at: at(1),
    };
    dying.post_command(command.clone()).await.unwrap();
    assert_eq!(dying.take_commands(5).await.unwrap().len(), 1);
    assert_eq!(watching.take_commands(5).await.unwrap().len(), 0);
    drop(dying);
    let mut buried = 0;
    for _ in 0..600 {
        buried += watching.clear_up().await.unwrap();
        if buried > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(buried, 1);
    assert!(claim(&watching, 2).await[0].heads[0].unclear, "an attempt may have been made");
    assert_eq!(watching.take_commands(5).await.unwrap(), [command]);
    assert!(held(&watching, "retention", 2).await.is_some(), "before the lease is over");
    assert!(held(&watching, "source trays", 2).await.is_none(), "its holder lives");
    drop(living);
}
