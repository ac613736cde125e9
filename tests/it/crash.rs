//! kill -9 of the real program, at every named point and at random, while deliveries come by HTTP and folder and
//! partners fail: afterwards store, answers and callbacks equal those of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::engine::points;
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::store::SqliteStore;
use tokio::sync::Semaphore;

use crate::support::{Receiver, Running, Seeded, StageDir, TOKEN, put, ready, until};

/// What a run leaves behind, without generated ids and times.
#[derive(Debug, PartialEq)]
struct Left {
    essence: Vec<String>,
    answers: BTreeMap<String, String>,
    receipts: usize,
    effects: [usize; 2],
}

/// How a run is disturbed.
struct Disturbance {
    /// Points at which the program dies, one after the other.
    points: Vec<String>,
    /// Further kills at random.
    kills: u64,
    /// Percent of attempts at which partners fail.
    failing: u64,
    seed: u64,
}

/// One delivery in six comes by folder; every tenth is broken, every fifteenth says the same twice.
async fn play(messages: u64, disturbance: Disturbance) -> (Left, [u64; 2]) {
    let partners = [Receiver::start().await, Receiver::start().await];
    for partner in &partners {
        *partner.failing.lock().expect("failing") = disturbance.failing;
    }
    let stage = Arc::new(StageDir::new([partners[0].address, partners[1].address]));
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    let answers: Arc<std::sync::Mutex<BTreeMap<String, String>>> = Arc::default();
    let next = Arc::new(AtomicU64::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let disturbances = disturbance.points.len() as u64 + disturbance.kills;
    let mut drivers = Vec::new();
    for _ in 0..6 {
        let (stage, client, answers, next, gate) =
            (stage.clone(), client.clone(), answers.clone(), next.clone(), gate.clone());
        drivers.push(tokio::spawn(async move {
            loop {
                let permit = gate.acquire().await.expect("open");
                permit.forget();
                let n = next.fetch_add(1, Ordering::SeqCst);
                if n >= messages {
                    return;
                }
                deliver(&stage, &client, &answers, n).await;
            }
        }));
    }
    let mut running = stage.start(None);
    if disturbances == 0 {
        gate.add_permits(messages as usize + 6);
    }
    let mut lots = Seeded(disturbance.seed);
    let mut missed = Vec::new();
    for index in 0..disturbances {
        let share = messages / disturbances + u64::from(index < messages % disturbances);
        running.kill();
        running = stage.start(disturbance.points.get(index as usize).map(String::as_str));
        gate.add_permits(share as usize);
        if let Some(point) = disturbance.points.get(index as usize) {
            for _ in 0..500 {
                if running.ended() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if !running.ended() {
                missed.push(point.clone());
            }
        } else {
            tokio::time::sleep(Duration::from_millis(30 + lots.below(300))).await;
        }
    }
    if disturbances > 0 {
        running.kill();
        running = stage.start(None);
        gate.add_permits(messages as usize + 6);
    }
    assert!(missed.is_empty(), "no message passed these points: {missed:?}");
    for driver in drivers {
        driver.await.expect("a driver");
    }
    finish(&stage, running, &partners, answers, messages).await
}

async fn finish(
    stage: &StageDir,
    mut running: Running,
    partners: &[Receiver; 2],
    answers: Arc<std::sync::Mutex<BTreeMap<String, String>>>,
    messages: u64,
) -> (Left, [u64; 2]) {
    let by_folder = (0..messages).filter(|n| n % 6 == 5).count();
    until("every delivery by folder is answered", 120, || receipts(stage) >= by_folder).await;
    let accepted = (0..messages).filter(|n| n % 10 != 3).count();
    until("both partners were told everything", 120, || {
        partners.iter().all(|partner| partner.accepted() >= accepted)
    })
    .await;
    assert!(running.terminate(), "it ends by itself when asked\n{}", tail(&stage.log()));
    let store = SqliteStore::open(Settings {
        path: stage.data().join("store"),
        stage: Stage::Test,
        master: secrecy::SecretBox::new(Box::new(*b"01234567890123456789012345678901")),
        read_only: true,
    })
    .expect("the store opens");
    let essence = store.essence().await.expect("its essence");
    let effects = [0, 1].map(|index| {
        let seen = partners[index].seen.lock().expect("seen");
        assert!(seen.changed.is_empty(), "an id came with two bodies");
        let ids: BTreeSet<&String> = seen.accepted.values().collect();
        assert_eq!(ids.len(), seen.accepted.len(), "two message ids for one effect");
        seen.accepted.len()
    });
    let repeated = [0, 1].map(|index| partners[index].seen.lock().expect("seen").repeated);
    let left = Left {
        essence,
        answers: answers.lock().expect("answers").clone(),
        receipts: receipts(stage),
        effects,
    };
    (left, repeated)
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn receipts(stage: &StageDir) -> usize {
    fs::read_dir(stage.tray("out"))
        .map(|entries| {
            entries.flatten().filter(|entry| entry.path().extension().is_some_and(|ext| ext == "xml")).count()
        })
        .unwrap_or(0)
}

async fn deliver(
    stage: &StageDir,
    client: &reqwest::Client,
    answers: &std::sync::Mutex<BTreeMap<String, String>>,
    n: u64,
) {
    let mut document = eintragung(&Wish::plain(n));
    if n % 10 == 3 {
        // Schema: a code that the list does not have.
        document = document.replace("<xfg:eintragungVorhanden>", "<xfg:eintragungVielleicht>");
    }
    if n % 6 == 5 {
        put(&stage.tray("in"), &format!("lieferung-{n:06}.xml"), document.as_bytes());
        return;
    }
    let times = if n % 15 == 7 { 2 } else { 1 };
    for time in 0..times {
        let answer = post(stage, client, &format!("schluessel-{n}-{time}"), &document).await;
        answers.lock().expect("answers").insert(format!("{n}/{time}"), answer);
    }
}

/// Repeats until a verdict is there, as every sender must.
async fn post(stage: &StageDir, client: &reqwest::Client, key: &str, document: &str) -> String {
    loop {
        let sent = client
            .post(format!("http://{}/v1/lieferungen", stage.http))
            .bearer_auth(TOKEN)
            .header("content-type", "application/xml")
            .header("idempotency-key", key)
            .body(document.to_owned())
            .send()
            .await;
        if let Ok(answer) = sent {
            let status = answer.status().as_u16();
            if matches!(status, 200 | 422)
                && let Ok(body) = answer.text().await
            {
                let kind = if body.contains("quittung.0011") { "0011" } else { "0001" };
                return format!("{status} {kind}");
            }
            assert!(matches!(status, 200 | 422 | 429 | 503 | 409), "unexpected status {status}");
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

fn undisturbed() -> Disturbance {
    Disturbance { points: Vec::new(), kills: 0, failing: 0, seed: 0 }
}

fn compare(calm: &Left, disturbed: &Left) {
    assert_eq!(calm.answers, disturbed.answers, "answers differ");
    assert_eq!(
        (calm.receipts, calm.effects),
        (disturbed.receipts, disturbed.effects),
        "receipts or effects differ"
    );
    let lost: Vec<&String> = calm.essence.iter().filter(|line| !disturbed.essence.contains(line)).collect();
    let doubled: Vec<&String> =
        disturbed.essence.iter().filter(|line| !calm.essence.contains(line)).collect();
    assert!(
        calm.essence == disturbed.essence,
        "the stores differ: {} lines against {}; lost {}, unexpected {}",
        calm.essence.len(),
        disturbed.essence.len(),
        lost.len(),
        doubled.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_named_point_nothing_is_lost_or_doubled() {
    let messages = 240;
    let (calm, _) = play(messages, undisturbed()).await;
    // The first, and a later passage of each point.
    let points = points::ALL
        .iter()
        .filter(|point| point.word() != "resumed")
        .flat_map(|point| ["1", "4"].map(|nth| format!("{}:{nth}", point.word())))
        .collect();
    let (disturbed, repeated) = play(messages, Disturbance { points, kills: 0, failing: 20, seed: 1 }).await;
    compare(&calm, &disturbed);
    println!("0 lost, 0 doubled, {} repeated", repeated[0] + repeated[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_200_times_at_random_nothing_is_lost_or_doubled() {
    let messages = 2000;
    let (calm, _) = play(messages, undisturbed()).await;
    let (disturbed, repeated) =
        play(messages, Disturbance { points: Vec::new(), kills: 200, failing: 15, seed: 20_261_121 }).await;
    compare(&calm, &disturbed);
    println!("0 lost, 0 doubled, {} repeated", repeated[0] + repeated[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_opens_and_closes() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let client = reqwest::Client::new();
    let mut running = stage.start(None);
    for _ in 0..500 {
        if ready(&client, stage.http).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ready(&client, stage.http).await, "{}", tail(&stage.log()));
    assert_eq!(post(&stage, &client, "eins", &eintragung(&Wish::plain(1))).await, "200 0011");
    assert!(running.terminate());
}
