//! Retention as only PostgreSQL has it: months that are over are dropped whole, by a function of the owner that believes nobody;
//! months to come are there before their first row; what is left of the Nachweiskette hangs together.

use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::retention::{Retention, Stichtag};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use super::{Served, house};
use crate::store_contract::common::{at, claim, commit_one, delivery, send, sent, settle};
use crate::store_contract::retention::{on, planned, run};

async fn login(house: &Served) -> Client {
    let url = house.server.url("laufzeit", &house.database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = drehscheibe").await.unwrap();
    client
}

async fn admin(house: &Served) -> Client {
    let admin = house.server.admin(&house.database).await;
    admin.batch_execute("SET search_path = drehscheibe").await.unwrap();
    admin
}

fn moment(text: &str) -> Stichtag {
    on(text.parse().unwrap())
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

async fn there(client: &Client, table: &str) -> bool {
    let sql = "SELECT to_regclass('drehscheibe.' || $1::text) IS NOT NULL";
    client.query_one(sql, &[&table]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_that_is_over_is_dropped_with_all_that_names_its_rows() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    for n in 0..7 {
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.subjects = vec![crate::store_contract::common::key("kind")];
        entry.state = Inbound::Rejected;
        entry.effects.sends = vec![send("x:y", None, "body")];
        commit_one(&store, entry).await;
    }
    for lane in claim(&store, 1).await {
        assert!(settle(&store, &lane, 0, sent(), true, 2).await);
    }
    let admin = admin(&house).await;
    assert!(number(&admin, "SELECT count(*) FROM inbox_subject").await > 0);
    let after = moment("2027-03-03T00:00:01Z");
    let plan = planned(&store, &after).await;
    assert_eq!(run(&store, &after).await, plan);
    for part in ["inbox", "outbox", "sealed"] {
        assert!(!there(&admin, &format!("{part}_202701")).await, "{part}: dropped, not emptied");
        for ahead in ["202703", "202704", "202705"] {
            assert!(
                there(&admin, &format!("{part}_{ahead}")).await,
                "{part}: {ahead} is ready before its first row"
            );
        }
    }
    assert!(there(&admin, "audit_202701").await, "each kind of data has its own time");
    for left in ["inbox_id", "outbox_id", "inbox_subject", "claim_use", "raeumung WHERE was <> 'schluessel'"]
    {
        assert_eq!(number(&admin, &format!("SELECT count(*) FROM {left}")).await, 0, "{left}");
    }
    let salted = "SELECT count(*) FROM audit WHERE subject IS NOT NULL AND salt IS NOT NULL";
    assert_eq!(number(&admin, salted).await, 0, "the salts died with their messages");
    // The store goes on: also a row of the old month finds a place.
    commit_one(&store, delivery("a", "p", "late")).await;
    assert_eq!(number(&admin, "SELECT count(*) FROM inbox_202701").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owners_function_believes_nobody() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    let mut waits = delivery("a", "p", "waits");
    waits.state = Inbound::Parked;
    commit_one(&store, waits).await;
    let runtime = login(&house).await;
    let far = "9000000000000000";
    let drops = |was: &str, month: i32, bis: &str| format!("SELECT monat_raeumen('{was}', {month}, {bis})");
    let refused = runtime.query(&drops("nachrichten", 202_701, "0"), &[]).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE), "not before its time");
    let held = runtime.query_one(&drops("nachrichten", 202_701, far), &[]).await.unwrap();
    assert_eq!(held.get::<_, Option<i64>>(0), None, "nor while something of it waits");
    for (was, month) in [("mirror", 202_701), ("nachrichten", 7), ("nachrichten; DROP TABLE meta", 202_701)] {
        assert!(runtime.query(&drops(was, month, far), &[]).await.is_err(), "{was}");
    }
    let others = runtime
        .batch_execute(&format!("SET ROLE drehscheibe_sicht; {}", drops("nachweise", 202_701, far)))
        .await;
    assert_eq!(others.unwrap_err().code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    // Where real data lie, the server's clock counts and not the program's.
    let Some(house) = super::house().await else { return };
    drop(house.store(Stage::Produktion, 1).await.unwrap());
    let runtime = login(&house).await;
    for was in ["nachrichten", "abrufprotokoll", "cockpitlog", "nachweise"] {
        let future = drops(was, 202_701, far);
        let refused = runtime.query(&future, &[]).await.unwrap_err();
        assert_eq!(refused.code(), Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE), "{was}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_the_chain_hangs_together_and_the_cockpit_log_lasts_two_years() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    for n in 0..20 {
        let mut entry = delivery("a", "p", &n.to_string());
        if n >= 10 {
            entry.now = "2027-02-10T00:00:00Z".parse().unwrap();
        }
        commit_one(&store, entry).await;
    }
    let admin = admin(&house).await;
    let (january, february) = (at(0).as_microsecond(), at(0).as_microsecond() + 26 * 86_400_000_000);
    for (month, time) in [(202_701i64, january), (202_702, february)] {
        let sql = "INSERT INTO cockpitlog VALUES (($1::bigint << 40) + 1, $2, 1, '', gen_random_uuid(), '')";
        admin.execute(sql, &[&month, &time]).await.unwrap();
    }
    let logged = "SELECT count(*) FROM cockpitlog";
    run(&store, &moment("2029-01-30T23:00:00Z")).await;
    assert_eq!(number(&admin, logged).await, 2);
    // January is over at its end and two years: 730 days after 1 February 2027.
    run(&store, &moment("2029-01-31T00:00:01Z")).await;
    assert_eq!(number(&admin, logged).await, 1);
    run(&store, &moment("2030-02-01T00:00:01Z")).await;
    assert!(!there(&admin, "audit_202701").await && there(&admin, "audit_202702").await);
    let rows = "SELECT a.hash, a.chain, a.strang, a.glied, coalesce(b.glied, 0), coalesce(b.chain, '')
      FROM audit a LEFT JOIN strang_anfang b ON b.strang = a.strang ORDER BY a.strang, a.glied";
    let (mut strand, mut before, mut glied, mut seen) = (0i64, Vec::new(), 0i64, 0);
    for r in admin.query(rows, &[]).await.unwrap() {
        let (hash, chain): (Vec<u8>, Vec<u8>) = (r.get(0), r.get(1));
        if r.get::<_, i64>(2) != strand {
            (strand, glied, before) = (r.get(2), r.get(4), r.get(5));
        }
        assert_eq!(r.get::<_, i64>(3), glied + 1, "no link is missing");
        assert_eq!(sha256(&[before.as_slice(), hash.as_slice()].concat())[..], chain[..], "nor changed");
        (before, glied, seen) = (chain, glied + 1, seen + 1);
    }
    assert!(seen >= 10 && number(&admin, "SELECT count(*) FROM strang_anfang").await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_that_broke_off_goes_on() {
    let Some(house) = house().await else { return };
    let after = moment("2027-03-03T00:00:01Z");
    {
        let store = house.store(Stage::Test, 1).await.unwrap();
        for n in 0..10 {
            commit_one(&store, delivery("a", "p", &n.to_string())).await;
        }
        // Two slices of the clearing, then the process is gone.
        for _ in 0..2 {
            assert_eq!(store.retain(&after, 3).await.unwrap().unwrap().anzahl, 0);
        }
    }
    let admin = admin(&house).await;
    assert_eq!(number(&admin, "SELECT count(*) FROM inbox_id").await, 4);
    let store = house.store(Stage::Test, 1).await.unwrap();
    assert_eq!(run(&store, &after).await.values().sum::<u64>(), 10);
    assert!(!there(&admin, "inbox_202701").await);
    assert_eq!(number(&admin, "SELECT count(*) FROM inbox_id").await, 0);
}
