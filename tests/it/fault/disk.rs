//! A disk that is really full under the embedded store: a file system of its own of a few MiB, seen by the program alone. It
//! needs a user namespace, which a Debian allows everybody; where it does not, a limit on the size of files stands in, said.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;

use crate::fault::lab::{Lab, Wanted, client, post, tail, wait_ready};
use crate::fault::said;
use crate::support::{Running, until};

/// Mounts a file system over the data folder, fills most of it, and becomes the program.
const SMALL_DISK: &str = r#"
set -e
data=$1; shift
mount -t tmpfs -o size=16m,mode=700 tmpfs "$data"
mkdir -p "$data/trays/bremen/in" "$data/trays/bremen/out"
head -c 12582912 /dev/zero > "$data/ballast"
exec "$@"
"#;

/// A full disk by a limit that the test can lift: the signal that goes with it is ignored, as a full disk sends none.
const SMALL_FILES: &str = r#"trap '' XFSZ; shift; exec prlimit --fsize=1500000:unlimited "$@""#;

/// How the disk was made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Small {
    /// A file system of its own.
    Disk,
    /// A limit on files.
    Files,
}

fn may_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

fn start(lab: &Lab, small: Small) -> Running {
    let program = lab.stage.command(&["run"]);
    let mut command = match small {
        Small::Disk => {
            let mut command = Command::new("unshare");
            command.args(["-Urm", "sh", "-c", SMALL_DISK, "sh"]);
            command
        }
        Small::Files => {
            let mut command = Command::new("sh");
            command.args(["-c", SMALL_FILES, "sh"]);
            command
        }
    };
    command.arg(lab.stage.data()).arg(program.get_program()).args(program.get_args());
    lab.stage.spawn(command, &[])
}

async fn full_and_free_again(small: Small) {
    let Some(lab) = Lab::new(Wanted::default()).await else { return };
    let mut running = start(&lab, small);
    wait_ready(&lab.stage, &mut running).await;
    let data = match small {
        // The mount is the program's alone; this is the way into it.
        Small::Disk => PathBuf::from(format!("/proc/{}/root", running.pid()))
            .join(lab.stage.data().strip_prefix("/").unwrap()),
        Small::Files => lab.stage.data(),
    };
    let client = client();
    let (mut taken, mut refused, mut n) = (Vec::new(), Vec::new(), 0);
    while refused.len() < 5 {
        match post(&lab.stage, &client, &n.to_string(), eintragung(&Wish::plain(n))).await.0 {
            200 => taken.push(n),
            503 => refused.push(n),
            other => panic!("status {other}\n{}", tail(&lab.stage.log())),
        }
        n += 1;
        assert!(n < 3_000, "the disk never was full");
        assert!(!running.ended(), "a full disk ended it\n{}", tail(&lab.stage.log()));
    }
    assert!(!taken.is_empty(), "{refused:?}");
    let log = lab.stage.log();
    let cause = if small == Small::Disk { "store-disk-full" } else { "store-busy" };
    assert!(log.contains(cause), "{}", tail(&log));
    assert!(!log.contains("panicked"), "{}", tail(&log));
    // Somebody makes room; nobody restarts anything.
    match small {
        Small::Disk => fs::remove_file(data.join("ballast")).unwrap(),
        Small::Files => {
            let pid = running.pid().to_string();
            let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited"]).status();
            assert!(lifted.unwrap().success());
        }
    }
    for n in refused {
        let mut status = 0;
        for _ in 0..200 {
            status = post(&lab.stage, &client, &n.to_string(), eintragung(&Wish::plain(n))).await.0;
            if status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(status, 200, "{}", tail(&lab.stage.log()));
        taken.push(n);
    }
    until("each partner hears of each delivery", 120, || {
        lab.partners.iter().all(|partner| partner.accepted() >= taken.len())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // SQLite would follow the way into the mount to its end, which is another place for everybody else.
    let copied = tempfile::tempdir().unwrap();
    for file in fs::read_dir(data.join("store")).unwrap().flatten() {
        if file.path().is_file() {
            fs::copy(file.path(), copied.path().join(file.file_name())).unwrap();
        }
    }
    let store = SqliteStore::open(Settings {
        path: copied.path().to_owned(),
        stage: Stage::Test,
        master: secrecy::SecretBox::new(Box::new(*b"01234567890123456789012345678901")),
        read_only: true,
    });
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let essence = store.essence().await.unwrap();
    let mirrored = essence.iter().filter(|line| line.starts_with("mirror ")).count();
    assert_eq!(mirrored, taken.len(), "what was acknowledged, all of it and nothing else");
    for partner in &lab.partners {
        let seen = partner.seen.lock().unwrap();
        let bodies: std::collections::BTreeSet<&String> = seen.accepted.values().collect();
        assert_eq!((seen.accepted.len(), bodies.len(), seen.changed.len()), (taken.len(), taken.len(), 0));
    }
    drop(store);
    assert!(running.terminate(), "{}", tail(&lab.stage.log()));
    said::line(&format!(
        "fault run full disk ({small:?}): {} deliveries, 5 refused while it was full, 0 lost, 0 duplicated, 5 recovered, 0 unexpected",
        taken.len()
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_survived_without_a_restart_and_costs_nothing() {
    if may_mount() {
        full_and_free_again(Small::Disk).await;
    } else {
        said::line(
            "not run: a file system of its own needs a user namespace (unshare -Urm), which this machine refuses",
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_may_not_grow_are_survived_without_a_restart() {
    full_and_free_again(Small::Files).await;
}
