//! A database that is put back while nobody runs, with the real program: by `pg_restore`, from a copy of the database, as a standby that lagged;
//! with the keys left where they were, and with keys that went back as well. Who starts next misses what was acknowledged, and a house that lost
//! nothing is never closed. Waits are bounded.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use super::binary::stage_at;
use super::server::{Server, programs};
use crate::support::{Running, StageDir, cli, edit, post, up};

/// A stage whose house lies in a database, and its keys there or in another one.
struct Place {
    stage: StageDir,
    database: String,
    taken: u64,
}

impl Place {
    async fn new(server: &Server, keys_elsewhere: bool) -> Place {
        let database = server.empty_database().await;
        let stage = stage_at(&server.url("laufzeit", &database), &server.url("besitzer", &database)).await;
        if keys_elsewhere {
            let keys = server.empty_database().await;
            let admin = server.admin(&keys).await;
            admin.batch_execute(&format!("GRANT ALL ON DATABASE {keys} TO laufzeit")).await.unwrap();
            fs::write(stage.stage().join("secrets/keys"), server.url("besitzer", &keys)).unwrap();
            let connections = stage.stage().join("connections.yaml");
            edit(
                &connections,
                "owner: { file: secrets/owner } }",
                "owner: { file: secrets/owner }, keys: { file: secrets/keys } }",
            );
        }
        let (code, said) = cli(&stage, &["migrate"]);
        assert_eq!(code, 0, "{said}");
        Place { stage, database, taken: 0 }
    }

    /// Delivers so many children more, each of which is acknowledged.
    async fn deliver(&mut self, many: u64) {
        for _ in 0..many {
            let (key, body) = (format!("kind-{}", self.taken), eintragung(&Wish::plain(self.taken)));
            let (status, said) = post(&self.stage, &key, body).await;
            assert_eq!(status, 200, "{said}\n{}", self.stage.log());
            self.taken += 1;
        }
    }

    async fn mirrored(&self, server: &Server) -> i64 {
        let admin = server.admin(&self.database).await;
        admin.query_one("SELECT count(*) FROM drehscheibe.mirror", &[]).await.unwrap().get(0)
    }

    /// The program starts and is closed; it says from when on something is missing, and how many commits are at least.
    async fn starts_closed(&self, least: u64) -> Running {
        let running = self.stage.start(None);
        let mut said = String::new();
        for _ in 0..3_000 {
            if let Ok(answer) = reqwest::get(format!("http://{}/health/ready", self.stage.http)).await {
                assert_eq!(answer.status(), 503, "it is closed\n{}", self.stage.log());
                said = answer.text().await.unwrap();
                if said.contains("neu anfordern") {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(said.contains("neu anfordern"), "{said}\n{}", self.stage.log());
        assert!(self.stage.log().contains("acknowledged-lost"), "{}", self.stage.log());
        let state = asked(&self.stage, &["recover"]);
        assert!(state["lost"]["commits"].as_u64().is_some_and(|commits| commits >= least), "{state}");
        running
    }

    /// A person opens it, and the partner repeats what is missing.
    async fn opened_and_repeated(&self, server: &Server, mut running: Running) {
        let (code, said) = cli(&self.stage, &["recover", "--open", "--reason", "neu angefordert"]);
        assert_eq!(code, 0, "{said}");
        let client = reqwest::Client::new();
        let mut open = false;
        for _ in 0..3_000 {
            open = crate::support::ready(&client, self.stage.http).await;
            if open {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(open, "{}", self.stage.log());
        for n in 0..self.taken {
            let (status, said) = post(&self.stage, &format!("kind-{n}"), eintragung(&Wish::plain(n))).await;
            assert_eq!(status, 200, "{said}");
        }
        assert_eq!(self.mirrored(server).await, self.taken as i64);
        assert!(running.terminate(), "{}", self.stage.log());
        // What was told once is not told again.
        let mut again = up(&self.stage).await;
        assert!(again.terminate(), "{}", self.stage.log());
    }

    fn dump(&self, server: &Server, to: &Path) {
        let dumped = Command::new(programs().unwrap().join("pg_dump"))
            .args(["--format=custom", "--schema=drehscheibe", "--file"])
            .arg(to)
            .arg("--dbname")
            .arg(server.url("postgres", &self.database))
            .output()
            .unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    }

    async fn restore(&self, server: &Server, from: &Path) {
        let admin = server.admin(&self.database).await;
        admin.batch_execute("ALTER SCHEMA drehscheibe RENAME TO drehscheibe_before").await.unwrap();
        let done = Command::new(programs().unwrap().join("pg_restore"))
            .args(["--exit-on-error", "--single-transaction", "--dbname"])
            .arg(server.url("besitzer", &self.database))
            .arg(from)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        admin.batch_execute("DROP SCHEMA drehscheibe_before CASCADE").await.unwrap();
    }
}

fn asked(stage: &StageDir, words: &[&str]) -> Value {
    let ended = stage.command(words).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{words:?}: {said} {ended:?}"))
}

/// Copies or names a database of which somebody's last connection is still ending.
async fn patiently(server: &Server, sql: &str) {
    let admin = server.admin("postgres").await;
    let mut last = None;
    for _ in 0..600 {
        match admin.batch_execute(sql).await {
            Ok(()) => return,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{sql}: {last:?}");
}

/// The house alone goes back, the keys stay: one delivery is lost after a kill, 66 of 185 after a clean stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_put_back_is_missed_where_the_keys_stay() {
    let Some(server) = super::server::shared().await else { return };
    for (before, lost, clean) in [(2, 1, false), (119, 66, true)] {
        let mut place = Place::new(server, true).await;
        let dump = place.stage.dir.path().join("alt.pgdump");
        let mut running = up(&place.stage).await;
        place.deliver(before).await;
        place.dump(server, &dump);
        place.deliver(lost).await;
        match clean {
            true => assert!(running.terminate(), "{}", place.stage.log()),
            false => running.kill(),
        }
        place.restore(server, &dump).await;
        assert_eq!(place.mirrored(server).await, before as i64);
        if clean {
            // The keys were told at the end that something had been written.
            let (code, said) = cli(&place.stage, &["run"]);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains("recover --after-restore"), "{said}");
            let (code, said) = cli(&place.stage, &["recover", "--after-restore", "--reason", "Platte"]);
            assert_eq!(code, 0, "{said}");
        }
        let running = place.starts_closed(lost).await;
        place.opened_and_repeated(server, running).await;
    }
}

/// Keys and house lie in one database and go back together, as a copy of all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_put_back_is_missed_where_the_keys_went_back_with_it() {
    let Some(server) = super::server::shared().await else { return };
    for (before, lost, clean) in [(2, 1, true), (1, 3, false)] {
        let mut place = Place::new(server, false).await;
        let copy = format!("{}_kopie", place.database);
        let mut running = up(&place.stage).await;
        place.deliver(before).await;
        assert!(running.terminate(), "{}", place.stage.log());
        patiently(server, &format!("CREATE DATABASE {copy} TEMPLATE {} OWNER besitzer", place.database))
            .await;
        let mut running = up(&place.stage).await;
        place.deliver(lost).await;
        match clean {
            true => assert!(running.terminate(), "{}", place.stage.log()),
            false => running.kill(),
        }
        patiently(server, &format!("DROP DATABASE {}", place.database)).await;
        patiently(server, &format!("ALTER DATABASE {copy} RENAME TO {}", place.database)).await;
        assert_eq!(place.mirrored(server).await, before as i64);
        let running = place.starts_closed(lost).await;
        place.opened_and_repeated(server, running).await;
    }
}

/// The process falls with its server, and what a standby had takes its place: keys and house of a moment ago.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_lagged_is_missed_by_who_starts_on_it() {
    let Some(mut server) = Server::start().await else { return };
    server.furnish().await;
    let mut place = Place::new(&server, false).await;
    let mut running = up(&place.stage).await;
    place.deliver(2).await;
    server.end("INT");
    server.set_aside();
    server.resume().await;
    let client = reqwest::Client::new();
    for _ in 0..3_000 {
        if crate::support::ready(&client, place.stage.http).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    place.deliver(1).await;
    running.kill();
    server.end("QUIT");
    server.take_aside();
    server.resume().await;
    let running = place.starts_closed(1).await;
    place.opened_and_repeated(&server, running).await;
}

/// Whatever ends it, a house that has everything starts open: killed under load, stopped, without files of a program before, with what others
/// left there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_that_lost_nothing_is_never_closed() {
    let Some(server) = super::server::shared().await else { return };
    let mut place = Place::new(server, true).await;
    let marks = place.stage.data().join("store/marks");
    for round in 0..4 {
        let mut running = up(&place.stage).await;
        place.deliver(3).await;
        // Some are under way when it falls.
        let under_way: Vec<_> = (0..8)
            .map(|n| {
                let body = eintragung(&Wish::plain(1_000 + round * 10 + n));
                let request = reqwest::Client::new()
                    .post(format!("http://{}/v1/lieferungen", place.stage.http))
                    .bearer_auth(crate::support::TOKEN)
                    .header("content-type", "application/xml")
                    .header("idempotency-key", format!("unterwegs-{round}-{n}"))
                    .body(body);
                tokio::spawn(async move { request.send().await.is_ok() })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(30 * round)).await;
        running.kill();
        for one in under_way {
            let _ = one.await;
        }
        let files = fs::read_dir(&marks).unwrap().count();
        assert!(files <= 3, "what a start has found whole goes: {files}");
        match round {
            1 => fs::remove_dir_all(&marks).unwrap(),
            2 => {
                for file in fs::read_dir(&marks).unwrap().map(Result::unwrap) {
                    fs::write(file.path(), "half").unwrap();
                }
            }
            _ => {}
        }
    }
    let mut running = up(&place.stage).await;
    assert_eq!(asked(&place.stage, &["recover"])["lost"], Value::Null);
    assert!(running.terminate(), "{}", place.stage.log());
}
