//! A backup from before an 0806, put back after it, with the real program on both stores: no person comes back, no answer
//! leaves a second time under another id, what nobody can tell is listed, and no file holds clear text.
//! Waits are bounded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Scope;
use secrecy::SecretBox;
use serde_json::Value;

use crate::canary::search::{Hay, Search, files};
use crate::postgres::{self, server};
use crate::support::{Receiver, Running, StageDir, cli, post, ready, root, until};

/// Marks of the child and its mother: strings that stand nowhere else.
const MARKS: &[(&str, &str)] = &[
    ("child's given names", "Pžemislav Uldarikôn"),
    ("mother's family name", "Żyrafiński-Öxlmåq"),
    ("mother's given names", "Quendoleïne Wyrmhild"),
];

/// The master key that a test stage has.
const KEY: &[u8; 32] = b"01234567890123456789012345678901";

fn marked(path: &str) -> String {
    let mut text = fs::read_to_string(root().join(path)).unwrap();
    for (plain, (_, mark)) in ["Lía", "Ćirković-Müller", "Zoë Marie"].iter().zip(MARKS) {
        assert!(text.contains(plain), "{plain} is not in the sample");
        text = text.replace(plain, mark);
    }
    text
}

/// What differs between the stores.
enum Ground {
    Embedded,
    Served(postgres::Served),
}

impl Ground {
    fn store(&self, stage: &StageDir) -> Box<dyn Fn() -> std::sync::Arc<dyn Store>> {
        let folder = stage.data().join("store");
        match self {
            Ground::Embedded => Box::new(move || {
                let settings = Settings {
                    path: folder.clone(),
                    stage: Stage::Test,
                    master: SecretBox::new(Box::new(*KEY)),
                    read_only: true,
                };
                std::sync::Arc::new(SqliteStore::open(settings).unwrap())
            }),
            Ground::Served(house) => {
                let url = house.server.url("laufzeit", &house.database);
                let place = drehscheibe::store::lies::Lies::at(format!("{url}?claims={}", folder.display()));
                Box::new(move || {
                    let master = SecretBox::new(Box::new(*KEY));
                    drehscheibe::store::postgres::store::boxed(&place, Stage::Test, master, true).unwrap()
                })
            }
        }
    }

    /// Every folder in which clear text would be a fault.
    fn folders(&self, stage: &StageDir) -> Vec<PathBuf> {
        let mut folders = vec![stage.dir.path().to_owned()];
        if let Ground::Served(house) = self {
            folders.push(house.server.data.clone());
        }
        folders
    }

    /// Puts the database of a backup back without the program's help.
    async fn put_back(&self, stage: &StageDir, backup: &Path) {
        match self {
            Ground::Embedded => {
                let store = stage.data().join("store");
                for gone in ["drehscheibe.db-wal", "drehscheibe.db-shm"] {
                    let _ = fs::remove_file(store.join(gone));
                }
                fs::copy(backup.join("drehscheibe.db"), store.join("drehscheibe.db")).unwrap();
            }
            Ground::Served(house) => {
                let admin = house.server.admin(&house.database).await;
                admin.batch_execute("ALTER SCHEMA drehscheibe RENAME TO drehscheibe_before").await.unwrap();
                let done = std::process::Command::new(server::programs().unwrap().join("pg_restore"))
                    .args(["--exit-on-error", "--single-transaction", "--dbname"])
                    .arg(house.server.url("besitzer", &house.database))
                    .arg(backup.join("database.pgdump"))
                    .output()
                    .unwrap();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
                admin.batch_execute("DROP SCHEMA drehscheibe_before CASCADE").await.unwrap();
            }
        }
    }
}

async fn health(stage: &StageDir) -> Option<(u16, String)> {
    let answer = reqwest::get(format!("http://{}/health/ready", stage.http)).await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Starts the program and waits until its door answers with this status.
async fn up(stage: &StageDir, status: u16) -> (Running, String) {
    let running = stage.start(None);
    for _ in 0..3_000 {
        if let Some((found, text)) = health(stage).await
            && found == status
            && !text.contains("noch keine")
        {
            return (running, text);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("its door does not answer {status}\n{}", stage.log());
}

fn json(stage: &StageDir, words: &[&str]) -> (i32, Value) {
    let ended = stage.command(words).arg("--json").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let found = serde_json::from_str(&said);
    (ended.status.code().unwrap(), found.unwrap_or_else(|_| panic!("{words:?}: {said} {ended:?}")))
}

fn ids(partners: &[Receiver]) -> Vec<BTreeSet<String>> {
    partners.iter().map(|partner| partner.seen.lock().unwrap().accepted.keys().cloned().collect()).collect()
}

fn found(search: &Search, folders: &[PathBuf]) -> Vec<String> {
    let mut hits = Vec::new();
    let mut looked = 0;
    for path in folders.iter().flat_map(|folder| files(folder)).filter(|path| path.is_file()) {
        let Ok(octets) = fs::read(&path) else { continue };
        looked += 1;
        hits.extend(search.find(&Hay::new(path.display().to_string(), octets)));
    }
    assert!(looked > 10, "{looked} files were searched");
    hits
}

async fn story(ground: Ground) {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    if let Ground::Served(house) = &ground {
        postgres::binary::on_postgres(&stage, house);
        assert_eq!(cli(&stage, &["migrate"]).0, 0);
    }
    let store = ground.store(&stage);
    let search = Search::new(MARKS.iter().copied());
    let all_sent = |n: usize| {
        let partners = partners.clone();
        move || partners.iter().map(Receiver::accepted).sum::<usize>() >= n
    };
    let (mut running, _) = up(&stage, 200).await;
    let (status, said) = post(&stage, "kind-1", eintragung(&Wish::plain(1))).await;
    assert_eq!(status, 200, "{said}");
    let of_one = 2;
    until("the first notices arrive", 30, all_sent(of_one)).await;

    // Nobody takes anything now: what two children cause is owed when the backup is taken.
    for partner in &partners {
        *partner.failing.lock().unwrap() = 100;
    }
    let sample = "xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml";
    let (status, said) = post(&stage, "markiert", marked(sample)).await;
    assert_eq!(status, 200, "{said}");
    let (status, said) = post(&stage, "kind-2", eintragung(&Wish::plain(2))).await;
    assert_eq!(status, 200, "{said}");
    let essence = store().essence().await.unwrap().join("\n");
    assert_eq!(search.find(&Hay::new("essence", essence)).len(), MARKS.len(), "the search finds what opens");
    let backup = stage.dir.path().join("sicherung");
    let backup_word = backup.to_string_lossy().into_owned();
    let (code, said) = cli(&stage, &["backup", &backup_word]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(cli(&stage, &["backup", "verify", &backup_word]).0, 0);
    assert_eq!(cli(&stage, &["backup", &backup_word]).0, 2, "it never overwrites");

    // After the backup everything leaves, the marked child is deleted, and another one comes.
    for partner in &partners {
        *partner.failing.lock().unwrap() = 0;
    }
    until("what was owed arrives", 30, all_sent(3 * of_one)).await;
    let (status, said) =
        post(&stage, "loeschung", marked("routes/tests/registerlieferung/loeschung.xml")).await;
    assert_eq!(status, 200, "{said}");
    let (status, said) = post(&stage, "kind-3", eintragung(&Wish::plain(3))).await;
    assert_eq!(status, 200, "{said}");
    until("all has left", 60, || {
        partners.iter().map(Receiver::accepted).sum::<usize>() >= 4 * of_one && waits(&stage) == 0
    })
    .await;
    assert!(running.terminate(), "{}", stage.log());
    let before = ids(&partners);

    // Put back without `recover`: the mark beside the keys shows what is missing, so it starts closed and names the moment; where
    // there is none it does not start, and says which command it wants.
    ground.put_back(&stage, &backup).await;
    if matches!(ground, Ground::Embedded) {
        let (mut running, said) = up(&stage, 503).await;
        assert!(said.contains("neu anfordern"), "{said}");
        let (code, state) = json(&stage, &["recover"]);
        assert_eq!(code, 1, "{state}");
        assert!(state["lost"]["commits"].as_u64().is_some_and(|commits| commits > 0), "{state}");
        let (_, said) = cli(&stage, &["status"]);
        assert!(said.contains("acknowledged deliveries are missing"), "{said}");
        assert!(stage.log().contains("acknowledged-lost"), "{}", stage.log());
        assert_eq!(post(&stage, "zu-frueh", eintragung(&Wish::plain(9))).await.0, 503, "nothing comes in");
        assert!(running.terminate(), "{}", stage.log());
    } else {
        let (code, said) = cli(&stage, &["run"]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("recover --after-restore"), "{said}");
    }
    let reason = ["--reason", "Platte ausgefallen"];
    let (code, said) = cli(&stage, &["recover", &backup_word, reason[0], reason[1]]);
    if matches!(ground, Ground::Embedded) {
        assert_eq!(code, 0, "{said}");
    } else {
        assert_eq!(code, 1, "the owner of the database has to: {said}");
        assert!(said.contains("pg_restore --exit-on-error"), "{said}");
        let (code, said) = cli(&stage, &["recover", "--after-restore", reason[0], reason[1]]);
        assert_eq!(code, 0, "{said}");
    }

    // It starts closed, and says so; the ledger is applied.
    let (mut running, said) = up(&stage, 503).await;
    assert!(said.contains("recover --open"), "{said}");
    assert_eq!(
        cli(&stage, &["recover", &backup_word, reason[0], reason[1]]).0,
        if matches!(ground, Ground::Embedded) { 2 } else { 1 }
    );
    assert_eq!(post(&stage, "zu-frueh", eintragung(&Wish::plain(9))).await.0, 503, "nothing comes in");
    until("the doubtful rows are looked up", 60, || json(&stage, &["recover"]).1["doubtful"] == 0).await;
    let (code, state) = json(&stage, &["recover"]);
    assert_eq!((code, &state["applied"]), (1, &Value::Bool(true)), "{state}");
    let held = store().list_parked_sends(&Scope::Operator, 100).await.unwrap();
    assert_eq!(held.len(), of_one, "what died with the child is listed: {held:?}");
    assert!(held.iter().all(|row| row.state.as_str() == "unclear" && row.cause.is_some()), "{held:?}");
    let (_, listed) = json(&stage, &["parked", "list"]);
    for row in &held {
        assert!(listed.to_string().contains(&row.id.to_string()), "{listed}");
    }
    let essence = store().essence().await.unwrap().join("\n");
    assert!(
        search.find(&Hay::new("essence", essence)).is_empty(),
        "no person opens, with all keys that are left"
    );
    assert_eq!(store().figures(&Scope::Operator).await.unwrap().mirror, 2, "the marked child has no record");
    assert_eq!(ids(&partners), before, "nothing leaves while it is closed");

    let (code, said) = cli(&stage, &["recover", "--open", "--reason", "Ungeklaertes geprueft"]);
    assert_eq!(code, 0, "{said}");
    let client = reqwest::Client::new();
    let mut is_ready = false;
    for _ in 0..3_000 {
        is_ready = ready(&client, stage.http).await;
        if is_ready {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(is_ready, "{}", stage.log());
    until("what may not have left goes again", 60, || {
        partners.iter().all(|partner| partner.seen.lock().unwrap().repeated >= 1)
    })
    .await;
    until("nothing waits", 60, || waits(&stage) == 0).await;
    // The same ids came again, known to the receivers; no second answer, and none was changed.
    assert_eq!(ids(&partners), before);
    for partner in &partners {
        let seen = partner.seen.lock().unwrap();
        assert_eq!((seen.repeated, seen.changed.len()), (1, 0), "the one that was owed at the backup");
    }
    let late = marked("routes/tests/registerlieferung/eintragung-vor-loeschung.xml");
    let (_, said) = post(&stage, "verspaetet", late).await;
    assert!(said.contains("S999"), "{said}");
    assert_eq!(
        store().figures(&Scope::Operator).await.unwrap().mirror,
        2,
        "the late one brings nothing back"
    );
    let folders = ground.folders(&stage);
    assert_eq!(found(&search, &folders), Vec::<String>::new(), "while it runs");
    assert!(running.terminate(), "{}", stage.log());
    assert_eq!(found(&search, &folders), Vec::<String>::new(), "and at rest");
    let planted = Hay::new("planted", MARKS[0].1.as_bytes());
    assert!(!search.find(&planted).is_empty(), "the search would find it");
}

/// Rows that are on their way.
fn waits(stage: &StageDir) -> u64 {
    let (_, status) = json(stage, &["status"]);
    let backlog = status["figures"]["backlog"].as_array().unwrap();
    backlog.iter().map(|one| one["waiting"].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_before_a_deletion_brings_nobody_back_on_sqlite() {
    story(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_from_before_a_deletion_brings_nobody_back_on_postgres() {
    let Some(house) = postgres::empty().await else { return };
    story(Ground::Served(house)).await;
}
