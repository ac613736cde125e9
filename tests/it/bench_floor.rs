//! `bench --floor` as an operator calls it, on private servers, with a few messages: everything is measured once and nothing
//! stays behind. Says nothing about how fast anything is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::root;

/// Tables whose rows are made in advance, so that a few deliveries more or less may be seen.
const IN_ADVANCE: &str = "schluessel.subject_key";
/// What a process writes of itself in each transaction, whatever is in it: the proof that a database is its own, which only an engine needs.
const OF_A_PROCESS: &str = "drehscheibe.mark";

/// Whether both servers are installed; where one is not the test says so.
fn installed() -> bool {
    let postgres = crate::postgres::server::programs().is_some();
    let rabbitmq = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server").exists();
    if !(postgres && rabbitmq) {
        println!("not run: bench --floor needs postgresql and rabbitmq-server");
    }
    postgres && rabbitmq
}

/// A folder below which everything lies that a measurement makes, so that what it leaves behind is seen.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // The user of the private PostgreSQL must get through to its own folder.
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}

fn left_behind(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Processes that were started with something in the folder, by their names.
fn still_there(folder: &Path) -> Vec<String> {
    let needle = folder.as_os_str().as_encoded_bytes();
    let names_it = |process: &Path, file: &str| {
        let said = std::fs::read(process.join(file)).unwrap_or_default();
        said.windows(needle.len()).any(|part| part == needle)
    };
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes
        .filter(|process| ["environ", "cmdline"].into_iter().any(|file| names_it(process, file)))
        .map(|process| std::fs::read_to_string(process.join("comm")).unwrap_or_default())
        .collect()
}

/// The watcher of the broker looks each second, and a process that has ended is waited for by whoever inherited it.
fn everything_ends(folder: &Path) {
    let began = std::time::Instant::now();
    while !still_there(folder).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "still there: {:?}", still_there(folder));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(left_behind(folder), Vec::<PathBuf>::new());
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.args(["bench", "--floor", "--services", "--json"]);
    command.current_dir(root()).env("TMPDIR", folder).stdin(Stdio::null());
    command
}

fn measured(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let ended = command(folder).args(words).output().unwrap();
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn a_measurement_measures_everything_and_leaves_nothing_behind() {
    if !installed() {
        return;
    }
    let folder = folder();
    let words =
        ["--figures", "ratio,latency,waiting,stocks", "--messages", "40", "--rounds", "1", "--seconds", "1"];
    let few = ["--waiting", "60", "--records", "500", "--rate", "40"];
    let (code, out, err) = measured(folder.path(), &[&words[..], &few].concat());
    assert_eq!(code, Some(0), "{err}");
    let figures: Value = serde_json::from_str(&out).unwrap_or_else(|fault| panic!("{fault}\n{out}\n{err}"));

    let programs = figures["programs"].as_array().unwrap();
    let names: Vec<&str> = programs.iter().map(|one| one["who"].as_str().unwrap()).collect();
    assert_eq!(names, ["adapter", "floor", "bare"]);
    for program in programs {
        for figure in ["per_second", "wal", "rss_peak_mib"] {
            assert!(program[figure]["median"].as_f64().unwrap() > 0.0, "{figure}: {program}");
        }
        assert_eq!(program["each"][0]["messages"], 40);
    }
    assert!(figures["ratio"]["median"].as_f64().unwrap() > 0.0);
    floor_writes_what_the_adapter_writes(&figures);

    let latencies = figures["latencies"].as_array().unwrap();
    assert_eq!(latencies.len(), 2);
    assert!(latencies.iter().all(|one| one["messages"] == 40 && one["p99_ms"].as_f64().unwrap() > 0.0));
    let waiting = &figures["waiting"];
    assert_eq!((waiting["deliveries"].as_u64(), waiting["rows"].as_u64()), (Some(60), Some(60)));
    assert!(waiting["rss_rows_mib"].as_f64().unwrap() > 0.0);
    assert_eq!(figures["stocks"]["large"], 500);
    assert!(figures["stocks"]["time"]["median"].as_f64().unwrap() > 0.0);

    everything_ends(folder.path());
}

#[test]
fn a_measurement_that_is_broken_off_leaves_nothing_behind() {
    if !installed() {
        return;
    }
    let folder = folder();
    let mut child = command(folder.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Its servers run and it is about to measure.
    let began = std::time::Instant::now();
    while !left_behind(folder.path()).iter().any(|made| made.join("stage/secrets/url").exists()) {
        assert!(began.elapsed() < Duration::from_secs(120), "no stage was written");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("broken off"), "{ended:?}");
    everything_ends(folder.path());
}

/// The floor stands for what must be written: as many rows, and as many octets within what lengths differ from child to child.
fn floor_writes_what_the_adapter_writes(figures: &Value) {
    let tables = figures["tables"].as_array().unwrap();
    for needed in ["inbox", "mirror", "mirror_key", "guard", "outbox", "sealed", "audit", "idempotency"] {
        assert!(
            tables.iter().any(|one| one["table"] == format!("drehscheibe.{needed}")),
            "{needed}: {tables:?}"
        );
    }
    for table in tables.iter().filter(|one| one["table"] != IN_ADVANCE && one["table"] != OF_A_PROCESS) {
        let pair = |figure: &str| [0, 1].map(|at| table[figure][at].as_f64().unwrap());
        let ([rows, floor_rows], [octets, floor_octets]) = (pair("rows"), pair("octets"));
        assert!((rows - floor_rows).abs() < 0.05, "{table}");
        assert!((octets - floor_octets).abs() <= octets * 0.03 + 4.0, "{table}");
    }
}

#[test]
fn a_measurement_says_what_it_needs() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    let ended = command.current_dir(root()).args(["bench", "--floor"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("--services"), "{ended:?}");
}
