//! The real program as several processes on one PostgreSQL: they behave as one, whoever is asked, and what one of them does
//! alone goes on with another when it is frozen, killed or told to end. Figures are taken from the far ends and from the replicas.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::effects::Timer;
use drehscheibe::store::contract::Store;
use drehscheibe::store::postgres::parts::PostgresStore;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretBox;
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::house;
use crate::store_contract::common::{commit_one, delivery};
use crate::support::{Receiver, Running, StageDir, TOKEN, edit, free_port, put, ready, until};

/// The key of the test stages.
const KEY: &[u8; 32] = b"01234567890123456789012345678901";
/// In this time another one must have taken over, however the holder went.
const TAKEN_OVER: Duration = Duration::from_secs(15);

/// One process.
struct Replica {
    config: PathBuf,
    http: String,
    running: Running,
}

impl Replica {
    fn log(&self) -> String {
        fs::read_to_string(self.config.join("run.log")).unwrap_or_default()
    }

    /// The sum of a metric over its labels that hold a text.
    async fn metric(&self, name: &str, label: &str) -> f64 {
        let text = reqwest::get(format!("http://{}/metrics", self.http)).await.unwrap().text().await.unwrap();
        let rows = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        rows.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// Several processes on one database, one data folder and one set of routes.
struct Cluster {
    house: super::Served,
    stage: StageDir,
    partners: [Receiver; 2],
    replicas: Vec<Replica>,
    admin: Client,
    client: reqwest::Client,
}

impl Cluster {
    async fn start(replicas: usize) -> Option<Cluster> {
        let house = house().await?;
        let partners = [Receiver::start().await, Receiver::start().await];
        let stage = StageDir::new([partners[0].address, partners[1].address]);
        let connections = fs::read_to_string(stage.stage().join("connections.yaml")).unwrap();
        let store = "store: { kind: postgres, path: store, url: { file: secrets/url } }";
        let connections = connections.replace("store: { kind: sqlite, path: store }", store);
        let connections = format!("{}\n  wecker: {{ kind: timer, every: 200ms }}\n", connections.trim_end());
        let secrets = stage.stage().join("secrets");
        fs::write(secrets.join("url"), house.server.url("laufzeit", &house.database)).unwrap();
        fs::create_dir_all(stage.data().join("store")).unwrap();
        let route = stage.routes.join("registerlieferung.yaml");
        let written = fs::read_to_string(&route).unwrap();
        let timed = written.replace(
            "  - folder: lieferungen\n",
            "  - folder: lieferungen\n  - { timer: wecken, standard: xfamilie }\n",
        );
        assert_ne!(written, timed);
        fs::write(&route, timed).unwrap();
        let admin = house.server.admin(&house.database).await;
        let client = reqwest::Client::new();
        let mut cluster = Cluster { house, stage, partners, replicas: Vec::new(), admin, client };
        for n in 0..replicas {
            let config = cluster.stage.dir.path().join(format!("replica-{n}"));
            let made =
                std::process::Command::new("cp").arg("-r").arg(cluster.stage.stage()).arg(&config).status();
            assert!(made.unwrap().success());
            let http = free_port().to_string();
            let own = connections.replace(&cluster.stage.http.to_string(), &http);
            assert_ne!(own, connections);
            fs::write(config.join("connections.yaml"), own).unwrap();
            let running = cluster.stage.start_of(&config);
            cluster.replicas.push(Replica { config, http, running });
        }
        for n in 0..replicas {
            cluster.until_ready(n).await;
        }
        Some(cluster)
    }

    async fn until_ready(&self, n: usize) {
        let replica = &self.replicas[n];
        for _ in 0..2_400 {
            if ready(&self.client, replica.http.parse().unwrap()).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("replica {n} is not ready\n{}", replica.log());
    }

    /// Delivers to one replica; an answer that says `busy` or none at all is the sender's to repeat elsewhere.
    async fn post(&self, n: usize, key: &str, body: &str) -> Option<(u16, String)> {
        let request = self
            .client
            .post(format!("http://{}/v1/lieferungen", self.replicas[n].http))
            .bearer_auth(TOKEN)
            .header("content-type", "application/xml")
            .header("idempotency-key", key)
            .timeout(Duration::from_secs(20))
            .body(body.to_owned());
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.text().await.ok()?))
    }

    /// The program's exit code and what it prints as JSON, asked by one replica's files.
    async fn asked(&self, n: usize, words: &[&str]) -> Value {
        let mut command = self.stage.command_of(&self.replicas[n].config, words);
        let ended =
            tokio::task::spawn_blocking(move || command.arg("--json").output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let shown = serde_json::from_str(&said);
        shown.unwrap_or_else(|_| panic!("{words:?}: {said}\n{}", String::from_utf8_lossy(&ended.stderr)))
    }

    async fn sum(&self, name: &str, label: &str) -> Vec<f64> {
        let mut sums = Vec::new();
        for replica in &self.replicas {
            sums.push(replica.metric(name, label).await);
        }
        sums
    }

    /// Which replica holds a duty by a lease that is not over.
    async fn holder(&self, duty: &str) -> Option<usize> {
        let held = "SELECT worker FROM drehscheibe.duty WHERE name = $1 AND lease_until > $2";
        let found = self.admin.query_opt(held, &[&duty, &Timestamp::now().as_microsecond()]).await.unwrap();
        let worker: String = found?.get(0);
        let own = |replica: &Replica| worker.ends_with(&format!("/{}", replica.running.pid()));
        Some(self.replicas.iter().position(own).unwrap_or_else(|| panic!("nobody is {worker}")))
    }

    /// Waits until somebody else than `before` holds the duties of the tray and of the timers; returns who holds the tray.
    async fn until_other(&self, before: usize, since: Instant) -> usize {
        loop {
            let (tray, timers) =
                (self.holder("source lieferungen").await, self.holder("source wecker").await);
            if let (Some(tray), Some(timers)) = (tray, timers)
                && tray != before
                && timers != before
            {
                return tray;
            }
            assert!(since.elapsed() < TAKEN_OVER, "tray {tray:?}, timers {timers:?}, before {before}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sets timers that are due at once, each of which brings the n-th delivery.
    async fn set_timers(&self, children: impl Iterator<Item = u64>) {
        let folder = self.stage.data().join("store");
        let mut settings =
            self.house.server.settings(&self.house.database, &folder, drehscheibe::envelope::Stage::Test, 0);
        settings.master = SecretBox::new(Box::new(*KEY));
        let store = PostgresStore::open(settings).await.unwrap();
        let now = Timestamp::now();
        let timer = |child| Timer {
            id: Uuid::new_v4(),
            due: now - SignedDuration::from_secs(1),
            name: "timer wecken".to_owned(),
            body: eintragung(&Wish::plain(child)).into(),
            of: None,
        };
        let mut entry = delivery("jugendamt-bremen", "jugendamt-bremen", &format!("timers {now}"));
        entry.now = now;
        entry.effects.timers = children.map(timer).collect();
        commit_one(&store, entry).await;
        assert!(store.due_timers(now, 1).await.is_ok());
    }

    async fn count(&self, sql: &str) -> i64 {
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until both partners were told of so many; nothing was told otherwise the second time.
    async fn until_told(&self, effects: usize) {
        let told = || self.partners.iter().all(|partner| partner.accepted() >= effects);
        for _ in 0..3_000 {
            if told() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for partner in &self.partners {
            let seen = partner.seen.lock().unwrap();
            assert_eq!(seen.accepted.len(), effects, "{}", self.replicas[0].log());
            assert!(seen.changed.is_empty(), "{:?}", seen.changed);
        }
    }

    /// What the replicas say of leases that they lost.
    fn lost_leases(&self) -> String {
        let logs = self.replicas.iter().map(Replica::log).collect::<String>();
        logs.lines().filter(|line| line.contains("lease")).collect::<Vec<_>>().join("\n")
    }

    fn repeated(&self) -> u64 {
        self.partners.iter().map(|partner| partner.seen.lock().unwrap().repeated).sum()
    }

    fn files(&self, n: u64) {
        put(&self.stage.tray("in"), &format!("{n}.xml"), eintragung(&Wish::plain(n)).as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_replicas_behave_as_one() {
    let Some(cluster) = Cluster::start(10).await else { return };
    let (deliveries, files, timers) = (30, 5, 5);
    for partner in &cluster.partners {
        *partner.failing.lock().unwrap() = 20;
    }
    cluster.set_timers(200..200 + timers).await;
    (100..100 + files).for_each(|n| cluster.files(n));
    // Each delivery goes to three replicas, to two of them at once.
    for n in 0..deliveries {
        let (key, body, at) = (format!("key-{n}"), eintragung(&Wish::plain(n)), n as usize);
        let once = cluster.post(at % 10, &key, &body);
        let again = cluster.post((at + 3) % 10, &key, &body);
        let (once, again) = tokio::join!(once, again);
        let late = cluster.post((at + 7) % 10, &key, &body).await;
        assert_eq!(once.as_ref().unwrap().0, 200, "{once:?}\n{}", cluster.replicas[at % 10].log());
        assert!(
            once == again && once == late,
            "the first answer, word for word: {once:?} {again:?} {late:?}"
        );
    }
    let effects = (deliveries + files + timers) as usize;
    cluster.until_told(effects).await;
    // Rest: a second attempt would have come by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.until_told(effects).await;
    assert_eq!(cluster.repeated(), 0, "nothing that had arrived was sent again");
    let schema = |sql: &str| sql.replace("FROM ", "FROM drehscheibe.");
    let count = async |sql: &str| cluster.count(&schema(sql)).await;
    // One more message set the timers.
    assert_eq!(count("SELECT count(*) FROM inbox").await, effects as i64 + 1);
    assert_eq!(count("SELECT count(*) FROM inbox WHERE state <> 'accepted'").await, 0);
    assert_eq!(count("SELECT count(*) FROM mirror").await, effects as i64);
    assert_eq!(count("SELECT count(*) FROM timer").await, 0);
    assert_eq!(count("SELECT count(*) FROM lane").await, 0, "nothing is left to send");
    let answers = fs::read_dir(cluster.stage.tray("out")).unwrap().count();
    assert_eq!(answers, (files + timers) as usize, "each file and timer is answered once");

    // The tray and the timers came in by one replica, each delivery at its door once.
    let by_tray = cluster.sum("drehscheibe_received_total", "\"lieferungen\"").await;
    assert_eq!(by_tray.iter().filter(|n| **n > 0.0).count(), 1, "{by_tray:?}");
    assert_eq!(by_tray.iter().sum::<f64>(), files as f64);
    let by_timer = cluster.sum("drehscheibe_received_total", "\"timer\"").await;
    assert_eq!(by_timer.iter().filter(|n| **n > 0.0).count(), 1, "{by_timer:?}");
    assert_eq!(by_timer.iter().sum::<f64>(), timers as f64);
    let sent = cluster.sum("drehscheibe_dispatched_total", "outcome=\"sent\"").await;
    assert_eq!(
        sent.iter().sum::<f64>(),
        (2 * effects as u64 + files + timers) as f64,
        "{sent:?}\n{}",
        cluster.lost_leases()
    );
    assert!(sent.iter().filter(|n| **n > 0.0).count() > 1, "not one replica sent everything: {sent:?}");
    let held = cluster.sum("drehscheibe_duty_held", "source lieferungen").await;
    assert_eq!(held.iter().sum::<f64>(), 1.0, "{held:?}");

    // What a person orders of one is obeyed by all.
    let status = cluster.asked(3, &["status"]).await;
    let duties = status["duties"].as_array().unwrap();
    let names: Vec<&str> = duties.iter().filter_map(|duty| duty["name"].as_str()).collect();
    assert_eq!(names, ["following", "rekey", "retention", "source lieferungen", "source wecker"]);
    let pause = ["pause", "destination", "callback:kita-portal-nord", "--reason", "Wartung"];
    cluster.asked(1, &pause).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = cluster.partners[0].accepted();
    for n in 300..310 {
        let (status, _) =
            cluster.post(n % 10, &format!("key-{n}"), &eintragung(&Wish::plain(n as u64))).await.unwrap();
        assert_eq!(status, 200);
    }
    until("the other one is told", 60, || cluster.partners[1].accepted() == effects + 10).await;
    assert_eq!(cluster.partners[0].accepted(), before, "paused, wherever it came in");
    cluster.asked(2, &["resume", "destination", "callback:kita-portal-nord", "--reason", "fertig"]).await;
    cluster.until_told(effects + 10).await;
    assert_eq!(cluster.repeated(), 0);
    let route = cluster.stage.routes.join("registerlieferung.yaml");
    let written = fs::read_to_string(&route).unwrap();
    fs::write(&route, written.replace("about: Jugendämter deliver", "about: All Jugendämter deliver"))
        .unwrap();
    cluster.asked(4, &["routes", "apply", "--reason", "Text"]).await;
    let followed = || cluster.replicas.iter().filter(|r| r.log().contains("as another replica did")).count();
    until("nine others apply it too", 60, || followed() == 9).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_does_alone_goes_on_when_it_is_frozen_killed_or_told_to_end() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    let mut effects = 0;
    let mut child = 0;
    let mut before = cluster.until_other(usize::MAX, Instant::now()).await;
    for (round, way) in ["STOP", "KILL", "TERM"].into_iter().enumerate() {
        // Deliveries go on meanwhile; whoever gets no answer goes elsewhere with the same key.
        for n in 0..3 {
            let (key, body) = (format!("{way}-{n}"), eintragung(&Wish::plain(child)));
            assert_eq!(cluster.post(before, &key, &body).await.unwrap().0, 200);
            (child, effects) = (child + 1, effects + 1);
        }
        // The tray and the timers may be held by two replicas: both go.
        let timers = cluster.holder("source wecker").await.unwrap();
        let since = Instant::now();
        cluster.replicas[before].running.signal(way);
        if way == "KILL" {
            assert!(!cluster.replicas[before].running.terminate(), "it was killed");
        }
        cluster.files(child);
        cluster.set_timers(child + 1..child + 3).await;
        (child, effects) = (child + 3, effects + 3);
        let now = if timers == before {
            cluster.until_other(before, since).await
        } else {
            loop {
                match cluster.holder("source lieferungen").await {
                    Some(other) if other != before => break other,
                    _ => assert!(since.elapsed() < TAKEN_OVER, "{way}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let took = since.elapsed();
        assert!(took < TAKEN_OVER, "{way}: {took:?}");
        if way == "TERM" {
            // Given back: the lease was renewed less than four seconds ago, so waiting for its end takes longer.
            assert!(took < Duration::from_secs(6), "{took:?}");
        }
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("{way}: taken over after {} ms\n", took.as_millis()).as_bytes(),
        );
        match way {
            "STOP" => {
                // What it had leased to send is held by the lease of its lane; what comes in now is not.
                let mirror = "SELECT count(*) FROM drehscheibe.mirror";
                for _ in 0..3_000 {
                    if cluster.count(mirror).await == effects as i64 {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                assert_eq!(cluster.count(mirror).await, effects as i64, "taken in by the others");
                cluster.replicas[before].running.signal("CONT");
                let frozen = &cluster.replicas[before];
                until("it sees that it lost its duty", 60, || frozen.log().contains("duty-lost")).await;
            }
            "KILL" => {
                let config = cluster.replicas[before].config.clone();
                cluster.replicas[before].running = cluster.stage.start_of(&config);
                cluster.until_ready(before).await;
            }
            _ => assert!(cluster.replicas[before].running.terminate(), "it ends by itself"),
        }
        cluster.until_told(effects).await;
        assert_eq!(
            cluster.holder("source lieferungen").await,
            Some(now),
            "round {round}: who comes back waits"
        );
        before = now;
    }
    cluster.until_told(effects).await;
    // Every message once; the three that set timers besides.
    assert_eq!(cluster.count("SELECT count(*) FROM drehscheibe.inbox").await, effects as i64 + 3);
    assert_eq!(cluster.count("SELECT count(*) FROM drehscheibe.mirror").await, effects as i64);
    assert_eq!(cluster.count("SELECT count(*) FROM drehscheibe.timer").await, 0);
    assert_eq!(
        fs::read_dir(cluster.stage.tray("in"))
            .unwrap()
            .filter(|f| { f.as_ref().is_ok_and(|f| f.file_type().is_ok_and(|kind| kind.is_file())) })
            .count(),
        0,
        "no file was left"
    );
}

/// Each process proves itself by its own lock in the database, and a copy of the database holds none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_replica_is_known_as_one_of_the_house_and_by_a_copy_of_the_database_as_another() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    for n in 0..2 {
        let said = cluster.asked(n, &["status"]).await;
        let house = said["house"].as_str().unwrap();
        assert!(house.starts_with("runs and takes deliveries"), "{n}: {house}");
    }
    let copy = format!("{}_kopie", cluster.house.database);
    cluster.admin.batch_execute(&format!("CREATE DATABASE {copy}")).await.unwrap();
    let programs = super::server::programs().unwrap();
    let url = |database: &str| cluster.house.server.url("postgres", database);
    let dumped = std::process::Command::new(programs.join("pg_dump"))
        .args(["--no-owner", "--dbname"])
        .arg(url(&cluster.house.database))
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    let file = cluster.stage.dir.path().join("kopie.sql");
    fs::write(&file, dumped.stdout).unwrap();
    let put = std::process::Command::new(programs.join("psql"))
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", "--dbname"])
        .arg(url(&copy))
        .arg("--file")
        .arg(&file)
        .output()
        .unwrap();
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    // Whoever opens the copy holds its lock by a number of its own: that of no process from which the copy was taken.
    let held = "SELECT l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                WHERE d.datname = current_database() AND l.classid = 20034 AND l.granted";
    let held: Vec<i64> = cluster.admin.query(held, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let of_copy = cluster.house.server.admin(&copy).await;
    let drawn: i64 = of_copy.query_one("SELECT nextval('drehscheibe.lauf')", &[]).await.unwrap().get(0);
    assert!(!held.is_empty() && held.iter().all(|held| *held < drawn), "{held:?} {drawn}");
    drop(of_copy);
    let replica = &cluster.replicas[0];
    let secret = replica.config.join("secrets/url");
    let own = fs::read_to_string(&secret).unwrap();
    fs::write(&secret, cluster.house.server.url("laufzeit", &copy)).unwrap();
    let said = cluster.asked(0, &["status"]).await;
    let house = said["house"].as_str().unwrap().to_owned();
    assert!(house.starts_with("is not who answers at"), "{house}");
    fs::write(&secret, own).unwrap();
    // One of two that goes takes nothing from the other one's word.
    cluster.replicas[1].running.kill();
    let said = cluster.asked(0, &["status"]).await;
    assert!(said["house"].as_str().unwrap().starts_with("runs and takes deliveries"), "{said}");
    let said = cluster.asked(1, &["status"]).await;
    assert!(said["house"].as_str().unwrap().starts_with("does not run"), "{said}");
}

/// Replicas whose files are not the same, as while new ones are rolled out: what one's files have newly stays where it is, whatever those of the
/// other one lack, which follows the apply and starts anew with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_files_of_one_replica_have_no_other_one_with_older_files_takes_away() {
    const TOKEN_NEW: &str = "token-des-neuen-jugendamts-0123456789";
    let Some(mut cluster) = Cluster::start(2).await else { return };
    let config = cluster.replicas[1].config.clone();
    let rewrite = |file: &str, from: &str, to: &str| edit(&config.join(file), from, to);
    // An office is admitted that the other one's files do not know, with a mailbox of which they do not know either.
    rewrite(
        "connections.yaml",
        "connections:\n",
        "connections:\n  postfach: { kind: mailbox, lease: 10s }\n",
    );
    rewrite(
        "partners.yaml",
        "  kita-portal-nord:\n",
        "  jugendamt-neu:\n    name: Magistrat Bremerhaven (Jugendamt)\n    mandant: jugendamt-neu\n    groups: [jugendaemter]\n    \
         identities: [\"jga:040120000000\"]\n    credentials: [{ bearer: { file: secrets/neu } }]\n    \
         channels: { postfach: {} }\n    answers-by: postfach\n  kita-portal-nord:\n",
    );
    rewrite(
        "tables/aemter.yaml",
        "aemter:\n",
        "aemter:\n  - { id: jugendamt-neu, name: Jugendamt Bremerhaven, gebiete: [ { ars: \"04012\" } ] }\n",
    );
    rewrite(
        "tables/gemeinden.csv",
        "040110000000;Bremen\n",
        "040110000000;Bremen\n040120000000;Bremerhaven\n",
    );
    fs::write(config.join("secrets/neu"), TOKEN_NEW).unwrap();
    let said = cluster.asked(1, &["routes", "apply", "--reason", "neues Jugendamt"]).await;
    assert_eq!(said["state"], "done", "{said}");
    // Whichever of the two took the order, the other one follows it with files that are others.
    let others = "files are others than those that were applied";
    let behind = || cluster.replicas.iter().any(|replica| replica.log().contains(others));
    until("one of them follows with its own files", 60, behind).await;
    for round in 0..2 {
        // Time for two looks at what was taken away.
        tokio::time::sleep(Duration::from_secs(12)).await;
        let wish = Wish {
            jugendamt: "040120000000",
            jugendamt_name: "Magistrat Bremerhaven (Jugendamt)",
            ..Wish::plain(500 + round)
        };
        let body = eintragung(&wish).replace("<xfg:geburtsort>Bremen<", "<xfg:geburtsort>Bremerhaven<");
        let url = |path: &str| format!("http://{}{path}", cluster.replicas[1].http);
        let post = cluster.client.post(url("/v1/lieferungen")).bearer_auth(TOKEN_NEW).body(body);
        let post =
            post.header("content-type", "application/xml").header("idempotency-key", format!("neu-{round}"));
        let answer = post.header("prefer", "respond-async").send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 202, "{text}\n{}", cluster.replicas[1].log());
        let mut id = None;
        for _ in 0..600 {
            let page = cluster.client.get(url("/v1/postfach")).bearer_auth(TOKEN_NEW).send().await.unwrap();
            let page: Value = serde_json::from_str(&page.text().await.unwrap()).unwrap();
            id = page["nachrichten"][0]["id"].as_str().map(str::to_owned);
            if id.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let id =
            id.unwrap_or_else(|| panic!("its mailbox stays, round {round}\n{}", cluster.replicas[1].log()));
        let fetched = cluster.client.post(url(&format!("/v1/postfach/{id}/abholung"))).bearer_auth(TOKEN_NEW);
        let fetched = fetched.send().await.unwrap();
        assert_eq!(fetched.status(), 200);
        let receipt = fetched.headers()["abholung"].clone();
        let closed = cluster.client.post(url(&format!("/v1/postfach/{id}/empfang"))).bearer_auth(TOKEN_NEW);
        assert_eq!(closed.header("abholung", receipt).send().await.unwrap().status(), 200);
        let parked = cluster.asked(1, &["parked", "list"]).await;
        assert_eq!(parked["sends"].as_array().map(Vec::len), Some(0), "{parked}");
        if round == 0 {
            // Once more: it starts anew, with the files that it has.
            cluster.replicas[0].running.kill();
            let old = cluster.replicas[0].config.clone();
            cluster.replicas[0].running = cluster.stage.start_of(&old);
            cluster.until_ready(0).await;
        }
    }
    let draining = cluster.asked(1, &["routes", "draining"]).await;
    assert_eq!(draining.as_array().map(Vec::len), Some(0), "{draining}");
}

/// Of two replicas one has older files: an order is carried out with the files that were meant, or it is said that nobody has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_is_carried_out_with_the_files_that_were_meant_or_refused() {
    let Some(mut cluster) = Cluster::start(2).await else { return };
    let config = cluster.replicas[1].config.clone();
    let carried = |replica: &Replica| {
        let log = replica.log();
        log.lines().filter(|line| line.contains("apply") && line.contains("Done(")).count()
    };
    let file = config.join("partners.yaml");
    let mut name = "Kita-Portal Nord".to_owned();
    edit(&file, &format!("name: {name}"), "name: Kita-Portal 0");
    name = "Kita-Portal 0".to_owned();
    for round in 1..=6 {
        let next = format!("Kita-Portal {round}");
        edit(&file, &format!("name: {name}"), &format!("name: {next}"));
        name = next;
        let said = cluster.asked(1, &["routes", "apply", "--reason", "Name"]).await;
        assert_eq!(said["state"], "done", "{said}");
        assert_eq!(
            (carried(&cluster.replicas[0]), carried(&cluster.replicas[1])),
            (0, round),
            "it is done by who has the files: {said}"
        );
        let version = said["text"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
        let plan = cluster.asked(1, &["routes", "plan"]).await;
        assert!(plan["version"].is_null() || plan["version"]["to"] == version, "{version}: {plan}");
    }
    let others = "files are others than those that were applied";
    let behind = || cluster.replicas[0].log().contains(others);
    until("the other one says that its files are others", 60, behind).await;
    assert!(!cluster.replicas[1].log().contains(others), "{}", cluster.replicas[1].log());
    // Nobody has them: said, with what runs, and nothing is changed.
    assert!(cluster.replicas[1].running.terminate());
    edit(&file, &format!("name: {name}"), "name: Kita-Portal neu");
    let said = cluster.asked(1, &["routes", "apply", "--reason", "Name", "--wait", "60s"]).await;
    assert_eq!(said["state"], "refused", "{said}");
    let text = said["text"].as_str().unwrap();
    assert!(text.starts_with("other files") && text.contains("(version "), "{text}");
    assert_eq!(carried(&cluster.replicas[0]), 0);
}
