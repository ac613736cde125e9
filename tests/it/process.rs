//! The program as the system sees its process: signals that it hears from its first moment on, and that it sleeps when there is nothing to do.

use std::fs;
use std::time::Duration;

use crate::support::{Receiver, StageDir, edit, free_port, ready, until, up};

async fn stage() -> StageDir {
    let partners = [Receiver::start().await, Receiver::start().await];
    StageDir::new([partners[0].address, partners[1].address])
}

/// Who presses Ctrl-C while the program still waits for its store is told that it ended, as with SIGTERM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_interrupted_says_so_and_ends_well() {
    for signal in ["INT", "TERM"] {
        let stage = stage().await;
        let connections = stage.stage().join("connections.yaml");
        let store = "store: { kind: postgres, path: store, url: { file: secrets/url } }";
        edit(&connections, "store: { kind: sqlite, path: store }", store);
        fs::write(stage.stage().join("secrets/url"), format!("postgresql://u:p@{}/d", free_port())).unwrap();
        let mut running = stage.start(None);
        until("it waits for its store", 60, || stage.log().contains("store-unreachable")).await;
        running.signal(signal);
        until("it has ended", 60, || running.ended()).await;
        assert_eq!(running.code(), Some(0), "{signal}: {}", stage.log());
        assert!(stage.log().contains("ended before it was ready"), "{signal}: {}", stage.log());
    }
}

/// How often each thread whose name begins so was woken, by its name.
fn woken(pid: u32, begins: &str) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let task = task.unwrap().path();
        let (Ok(name), Ok(status)) =
            (fs::read_to_string(task.join("comm")), fs::read_to_string(task.join("status")))
        else {
            continue;
        };
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        if name.starts_with(begins) {
            all.push((name.trim().to_owned(), count.unwrap().trim().parse().unwrap()));
        }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_nothing_to_do_sleeps() {
    let stage = stage().await;
    let mut running = stage.start(None);
    let client = reqwest::Client::new();
    for _ in 0..3_000 {
        if ready(&client, stage.http).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = woken(running.pid(), "worker-");
    assert!(!before.is_empty(), "{}", stage.log());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = woken(running.pid(), "worker-");
    // Nothing came: who looks now and then all the same is woken dozens of times.
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        assert!(after - before <= 2, "{name} was woken {} times", after - before);
    }
    assert!(running.terminate(), "and it still ends: {}", stage.log());
}

/// What waits and what is ordered is asked for often: who finds nothing writes nothing, and no disk is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_house_writes_nothing() {
    let stage = stage().await;
    let mut running = up(&stage).await;
    // What a start does by itself is over.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let log = stage.data().join("store/drehscheibe.db-wal");
    let look = || {
        let disk = [woken(running.pid(), "store-writer"), woken(running.pid(), "store-disk")].concat();
        (disk, fs::metadata(&log).unwrap().modified().unwrap())
    };
    let (before, written) = look();
    assert_eq!(before.len(), 2, "both threads are known by their names: {before:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (after, later) = look();
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        // Dispatch looks once a second whether a lease is over.
        assert!(after - before <= 10, "{name} was woken {} times in five seconds", after - before);
    }
    assert_eq!(written, later, "its log stands as it was");
    assert!(running.terminate(), "{}", stage.log());
}
