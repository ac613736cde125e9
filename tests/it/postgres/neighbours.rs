//! A database in each kind of trouble before the real program: its doors say so, nothing is acknowledged, the operator is told
//! which trouble it is and what to do, and it goes on by itself. The troubles are real ones of a server of the test's own.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Desk;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::postgres::parts::PostgresStore;
use drehscheibe::store::stamp::Scope;
use drehscheibe::store::trouble::{Cause, Trouble};
use drehscheibe::telemetry::alarm::Alarm;
use tokio_postgres::{Client, NoTls};

use super::binary::stage_at;
use super::server::Server;
use crate::store_contract::common::{all, commit_one, delivery};
use crate::support::{StageDir, post, until, up};

/// Ends every connection of the program, as a failover does.
async fn cut(admin: &Client) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'laufzeit'";
    admin.batch_execute(cut).await.unwrap();
}

/// Takes every connection that the server has left for others than its superuser.
async fn hog(server: &Server, held: &mut Vec<Client>) {
    while let Ok((client, connection)) =
        tokio_postgres::connect(&server.url("besitzer", "postgres"), NoTls).await
    {
        tokio::spawn(connection);
        held.push(client);
    }
}

/// Makes the table of guards large and its next row one that needs room on the disk; returns the size beyond which it grows.
async fn fill(admin: &Client) -> u64 {
    admin
        .batch_execute(
            "INSERT INTO drehscheibe.guard SELECT decode(md5(n::text) || md5('x' || n), 'hex'), 1
               FROM generate_series(1, 260000) AS n;
             ALTER TABLE drehscheibe.guard SET (fillfactor = 10)",
        )
        .await
        .unwrap();
    let size = admin.query_one("SELECT pg_relation_size('drehscheibe.guard')", &[]).await.unwrap();
    let size = u64::try_from(size.get::<_, i64>(0)).unwrap();
    assert!(size > 16 << 20, "no other file, such as those of the WAL, may be larger: {size}");
    size
}

/// What a server of the test's own is stopped and started with.
struct Trial {
    stage: StageDir,
    client: reqwest::Client,
    n: u64,
}

impl Trial {
    async fn ready(&self) -> (u16, String) {
        let answer =
            self.client.get(format!("http://{}/health/ready", self.stage.http)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn deliver(&self) -> u16 {
        post(&self.stage, &format!("k{}", self.n), eintragung(&Wish::plain(self.n))).await.0
    }

    /// In trouble: every delivery is told to come again, readiness names the alarm, the log has its line.
    async fn suffers(&mut self, alarm: Alarm) {
        self.n += 1;
        let explained = alarm.explained();
        let mut told = (0, String::new());
        for _ in 0..600 {
            let status = self.deliver().await;
            assert!(status == 503 || status == 200, "{alarm:?}: {status}\n{}", self.stage.log());
            told = self.ready().await;
            if status == 503 && told.0 == 503 && told.1.contains(&explained.code) {
                break;
            }
            // A connection that was made before may still do; what it took counts, the next one comes.
            self.n += u64::from(status == 200);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(told.0, 503, "{alarm:?}\n{}", self.stage.log());
        assert!(told.1.contains(&explained.code), "{alarm:?}: {}\n{}", told.1, self.stage.log());
        assert!(told.1.contains(&explained.cause) && told.1.contains(&explained.step), "{}", told.1);
        let line = format!("\"alarm\":\"{}\"", explained.code);
        until(explained.code.as_str(), 10, || self.stage.log().contains(&line)).await;
    }

    /// The trouble is over: it is ready by itself, and what was refused is taken when it comes again.
    async fn recovers(&self) {
        let mut status = 0;
        for _ in 0..600 {
            status = self.deliver().await;
            if status == 200 && self.ready().await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{status}, {:?}\n{}", self.ready().await, self.stage.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_trouble_of_the_database_stops_the_doors_is_told_and_passes_without_a_restart() {
    let Some(mut server) = Server::start().await else { return };
    server.furnish().await;
    let database = server.empty_database().await;
    let url = format!("{}?options=-c%20lock_timeout%3D400ms", server.url("laufzeit", &database));
    let stage = stage_at(&url, &server.url("besitzer", &database)).await;
    let mut running = up(&stage).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut trial = Trial { stage, client, n: 1 };
    trial.recovers().await;

    // Gone. It comes back with few connections.
    server.halt();
    trial.suffers(Alarm::StoreUnreachable).await;
    server.resume_with(&["max_connections=24"]).await;
    trial.recovers().await;

    // No connection left: others have taken them all.
    let admin = server.admin(&database).await;
    let mut held = Vec::new();
    hog(&server, &mut held).await;
    cut(&admin).await;
    for _ in 0..20 {
        hog(&server, &mut held).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    trial.suffers(Alarm::StoreNoConnection).await;
    held.clear();
    trial.recovers().await;

    // It takes no writes.
    for (word, writes) in [("on", false), ("off", true)] {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {word}");
        admin.batch_execute(&set).await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        match writes {
            false => trial.suffers(Alarm::StoreReadOnly).await,
            true => trial.recovers().await,
        }
    }

    // Somebody holds what every commit needs, in a transaction that does not end.
    admin.batch_execute("BEGIN; LOCK TABLE drehscheibe.inbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
    trial.suffers(Alarm::StoreSlow).await;
    admin.batch_execute("ROLLBACK").await.unwrap();
    trial.recovers().await;

    // The login is not let in any more.
    admin.batch_execute("ALTER ROLE laufzeit NOLOGIN").await.unwrap();
    cut(&admin).await;
    trial.suffers(Alarm::StoreLogin).await;
    admin.batch_execute("ALTER ROLE laufzeit LOGIN").await.unwrap();
    trial.recovers().await;

    // The disk is full.
    let size = fill(&admin).await;
    server.limit_files(Some(size + 100));
    trial.suffers(Alarm::StoreDiskFull).await;
    server.limit_files(None);
    trial.recovers().await;

    // Each delivery was taken once, however often it came, and no line tells more than it should.
    let mirrored = admin.query_one("SELECT count(*) FROM drehscheibe.mirror", &[]).await.unwrap();
    assert_eq!(u64::try_from(mirrored.get::<_, i64>(0)).unwrap(), trial.n);
    let log = trial.stage.log();
    for word in
        ["laufzeit@", "pg_terminate", "could not extend", "FATAL", "recovery mode", "canceling statement"]
    {
        assert!(!log.contains(word), "{word} is no word of ours");
    }
    assert!(running.terminate(), "{log}");
}

/// A store of a server of the test's own, its patience as the URL's `options` say.
async fn store_with(server: &Server, options: &str) -> (PostgresStore, tempfile::TempDir, String) {
    let database = server.database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = server.settings(&database, folder.path(), Stage::Test, 1);
    let url = format!("{}?options={}", server.url("laufzeit", &database), options.replace(' ', "%20"));
    settings.url = url.replace("_timeout=", "_timeout%3D").into();
    (PostgresStore::open(settings).await.unwrap(), folder, database)
}

async fn refused(store: &PostgresStore, id: &str) -> Cause {
    match store.commit(vec![delivery("a", "p", id)]).await {
        Err(StoreError::Later(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_told_in_our_words_and_nothing_of_it_stays() {
    let Some(mut server) = Server::start().await else { return };
    server.furnish().await;
    let (store, _folder, database) =
        store_with(&server, "-c statement_timeout=700ms -c lock_timeout=0").await;
    let (hasty, _second, other) = store_with(&server, "-c lock_timeout=200ms").await;
    commit_one(&store, delivery("a", "p", "before")).await;
    commit_one(&hasty, delivery("a", "p", "before")).await;
    // A statement that takes too long, and a lock that is not had in time.
    for (store, database, trouble) in
        [(&store, &database, Trouble::TooSlow), (&hasty, &other, Trouble::Locked)]
    {
        let admin = server.admin(database).await;
        admin.batch_execute("BEGIN; LOCK TABLE drehscheibe.inbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
        assert_eq!(refused(store, "slow").await, trouble.into());
        admin.batch_execute("ROLLBACK").await.unwrap();
        commit_one(store, delivery("a", "p", "slow")).await;
    }
    // A right is missing.
    let admin = server.admin(&database).await;
    admin.batch_execute("REVOKE INSERT ON drehscheibe.inbox FROM drehscheibe_lauf").await.unwrap();
    assert_eq!(refused(&store, "right").await, Trouble::Rights.into());
    admin.batch_execute("GRANT INSERT ON drehscheibe.inbox TO drehscheibe_lauf").await.unwrap();
    commit_one(&store, delivery("a", "p", "right")).await;
    // The disk is full.
    let size = fill(&admin).await;
    server.limit_files(Some(size + 100));
    let mut guarded = delivery("a", "p", "full");
    guarded.effects.mirror =
        vec![crate::store_contract::common::put(uuid::Uuid::new_v4(), "full", &["full"])];
    let failed = store.commit(vec![guarded.clone()]).await;
    assert_eq!(failed, Err(StoreError::Later(Trouble::DiskFull.into())));
    server.limit_files(None);
    commit_one(&store, guarded).await;
    // No connection left, the login refused, nobody there.
    admin.batch_execute("ALTER ROLE laufzeit CONNECTION LIMIT 0").await.unwrap();
    cut(&admin).await;
    // The first to notice is told that its connection is gone.
    let told = |cause: Cause| (!cause.is(Trouble::Lost) && !cause.is(Trouble::Ended)).then_some(cause);
    let until_told = async |id: &str| {
        for _ in 0..20 {
            if let Some(cause) = told(refused(&store, id).await) {
                return cause;
            }
        }
        panic!("nothing else was told");
    };
    assert_eq!(until_told("limit").await, Trouble::NoConnection.into());
    admin.batch_execute("ALTER ROLE laufzeit CONNECTION LIMIT -1 NOLOGIN").await.unwrap();
    assert_eq!(until_told("login").await, Trouble::Login.into());
    admin.batch_execute("ALTER ROLE laufzeit LOGIN").await.unwrap();
    commit_one(&store, delivery("a", "p", "login")).await;
    admin.batch_execute("ALTER SYSTEM SET default_transaction_read_only = on").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // By a connection that was there, and where none was: both are told the same.
    assert_eq!(refused(&store, "standby").await, Trouble::ReadOnly.into());
    assert_eq!(refused(&store, "standby").await, Trouble::ReadOnly.into());
    admin.batch_execute("ALTER SYSTEM RESET default_transaction_read_only").await.unwrap();
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    commit_one(&store, delivery("a", "p", "standby")).await;
    drop(admin);
    server.halt();
    assert_eq!(until_told("down").await, Trouble::Unreachable.into());
    server.resume().await;
    let stored = store.list(&Scope::Operator, all()).await.unwrap();
    assert_eq!(stored.len(), 6, "what failed left nothing, what came again is there once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_are_in_each_others_way_are_done_again() {
    let Some(server) = Server::start().await else { return };
    server.furnish().await;
    // Every transaction as strict as the server can: what READ COMMITTED lets pass fails here.
    let (store, folder, database) =
        store_with(&server, "-c default_transaction_isolation=serializable").await;
    let mut settings = server.settings(&database, folder.path(), Stage::Test, 1);
    settings.url = format!(
        "{}?options=-c%20default_transaction_isolation%3Dserializable",
        server.url("laufzeit", &database)
    )
    .into();
    let stores = [Arc::new(store), Arc::new(PostgresStore::open(settings).await.unwrap())];
    let admin = server.admin(&database).await;
    let undone = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    // Whether two meet is chance: so many rounds until some did.
    let (mut rounds, mut rolled_back) = (0, 0);
    while rolled_back == 0 && rounds < 30 {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..40 {
            let store = stores[n % 2].clone();
            tasks.spawn(async move {
                let entry = delivery("a", "p", &format!("{rounds}-{n}"));
                // One that was in another's way too often is told so; its sender comes again.
                for _ in 0..50 {
                    match store.commit(vec![entry.clone()]).await {
                        Err(StoreError::Later(cause)) => assert!(cause.is(Trouble::Race), "{cause}"),
                        done => return done,
                    }
                }
                Err(StoreError::Later("again and again".into()))
            });
        }
        while let Some(done) = tasks.join_next().await {
            assert_eq!(done.unwrap().unwrap(), [Committed::New]);
        }
        rounds += 1;
        // The server tells its figures within a second.
        for _ in 0..30 {
            admin.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
            rolled_back = admin.query_one(undone, &[]).await.unwrap().get::<_, i64>(0);
            if rolled_back > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(rolled_back > 0, "none was in another's way");
    assert_eq!(stores[0].list(&Scope::Operator, all()).await.unwrap().len(), 40 * rounds);
}
