//! The real program on PostgreSQL, as `connections.yaml` names it: migrated once, run, stopped, run again.
//! Waits are bounded.

use std::fs;
use std::process::Command;

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use super::house;
use crate::support::{Receiver, StageDir, post, up};

/// Lets a stage store on a database of the server.
pub fn on_postgres(stage: &StageDir, house: &super::Served) {
    store_at(
        stage,
        &house.server.url("laufzeit", &house.database),
        &house.server.url("besitzer", &house.database),
    );
}

async fn stage(house: &super::Served) -> StageDir {
    stage_at(&house.server.url("laufzeit", &house.database), &house.server.url("besitzer", &house.database))
        .await
}

/// A stage whose store lies at a URL, made by the login of another.
pub async fn stage_at(url: &str, owner: &str) -> StageDir {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    store_at(&stage, url, owner);
    stage
}

fn store_at(stage: &StageDir, url: &str, owner: &str) {
    let file = stage.stage().join("connections.yaml");
    let store =
        "store: { kind: postgres, path: store, url: { file: secrets/url }, owner: { file: secrets/owner } }";
    let written = fs::read_to_string(&file).unwrap();
    let changed = written.replace("store: { kind: sqlite, path: store }", store);
    assert_ne!(written, changed);
    fs::write(&file, changed).unwrap();
    let secrets = stage.stage().join("secrets");
    fs::write(secrets.join("url"), url).unwrap();
    fs::write(secrets.join("owner"), owner).unwrap();
}

/// The program's exit code and what it prints as JSON.
fn asked(stage: &StageDir, words: &[&str]) -> (i32, Value) {
    let mut command: Command = stage.command(words);
    let ended = command.arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let shown = serde_json::from_str(&said);
    let shown = shown.unwrap_or_else(|_| panic!("{said}\n{}", String::from_utf8_lossy(&ended.stderr)));
    (ended.status.code().unwrap(), shown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_program_stored_is_there_when_it_runs_again() {
    let Some(house) = super::empty().await else { return };
    let stage = stage(&house).await;
    let (code, made) = asked(&stage, &["migrate"]);
    assert_eq!(code, 0);
    assert_eq!(made[0]["tables"], "house");
    assert_eq!(made[0]["made"][0], "V1 house");
    assert_eq!(made[1]["made"][0], "V1 keys");
    let (code, made) = asked(&stage, &["migrate"]);
    assert_eq!((code, made[0]["made"].as_array().map(Vec::len)), (0, Some(0)), "a second time nothing");

    let body = eintragung(&Wish::plain(3));
    let mut running = up(&stage).await;
    let (status, first) = post(&stage, "eins", body.clone()).await;
    assert_eq!(status, 200, "{first}\n{}", stage.log());
    assert!(running.terminate(), "it ends by itself\n{}", stage.log());

    let mut again = up(&stage).await;
    let (status, repeated) = post(&stage, "eins", body).await;
    assert_eq!(status, 200, "{repeated}");
    assert_eq!(first, repeated, "the first answer, word for word");
    let (code, listed) = asked(&stage, &["messages", "list"]);
    assert_eq!(code, 0);
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["state"], "accepted");
    let admin = house.server.admin(&house.database).await;
    let mirrored = admin.query_one("SELECT count(*) FROM drehscheibe.mirror", &[]).await.unwrap();
    assert_eq!(mirrored.get::<_, i64>(0), 1);
    assert!(again.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_stage_is_not_migrated() {
    let Some(house) = house().await else { return };
    let stage = stage(&house).await;
    assert_eq!(asked(&stage, &["migrate"]).0, 0);
    let file = stage.stage().join("connections.yaml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("stage: test", "stage: demo")).unwrap();
    let ended = stage.command(&["migrate"]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("belongs to stage test"), "{said}");
}

/// A wrong name of a database looks like a new house.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_real_stage_takes_no_empty_database_for_a_new_house() {
    let Some(house) = super::empty().await else { return };
    let stage = stage(&house).await;
    let closed = |path: std::path::PathBuf| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o440)).unwrap();
    };
    for secret in fs::read_dir(stage.stage().join("secrets")).unwrap() {
        closed(secret.unwrap().path());
    }
    let file = stage.stage().join("connections.yaml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("stage: test", "stage: abnahme")).unwrap();
    let ended = stage.command(&["run"]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        !ended.status.success() && said.contains("begins none") && said.contains("drehscheibe migrate"),
        "{said}"
    );
    assert!(!said.contains("besitzer"), "nor is a login shown");
    let admin = house.server.admin(&house.database).await;
    let made = admin.query_one("SELECT to_regclass('drehscheibe.meta') IS NULL", &[]).await.unwrap();
    assert!(made.get::<_, bool>(0), "nothing was begun");
    assert_eq!(asked(&stage, &["migrate"]).0, 0);
    let mut running = up(&stage).await;
    assert!(running.terminate(), "{}", stage.log());
}

/// An idle process asks and writes nothing but that its duties are its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_process_writes_nothing_but_its_duties() {
    let Some(house) = super::empty().await else { return };
    let stage = stage(&house).await;
    assert_eq!(asked(&stage, &["migrate"]).0, 0);
    let mut running = up(&stage).await;
    let (status, said) = post(&stage, "eins", eintragung(&Wish::plain(3))).await;
    assert_eq!(status, 200, "{said}");
    // What follows from it is over.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let admin = house.server.admin(&house.database).await;
    let written = "SELECT coalesce(sum(n), 0)::bigint FROM drehscheibe.mark";
    let count = async || admin.query_one(written, &[]).await.unwrap().get::<_, i64>(0);
    let marks = || {
        let files = fs::read_dir(stage.data().join("store/marks")).unwrap();
        let mut found: Vec<_> =
            files.map(|one| one.unwrap().metadata().unwrap().modified().unwrap()).collect();
        found.sort();
        found
    };
    let before = (count().await, marks());
    assert!(before.0 > 0 && !before.1.is_empty());
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!((count().await, marks()), before);
    assert!(running.terminate(), "{}", stage.log());
}
