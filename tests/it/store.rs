//! The embedded store: the contract suite, and what only files can show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use drehscheibe::envelope::Stage;
use drehscheibe::store::backup;
use drehscheibe::store::claims::Claims;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Desk;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lies::Lies;
use drehscheibe::store::orders::{Command, CommandState, Order, Orders};
use drehscheibe::store::postgres::statements::STATEMENTS;
use drehscheibe::store::recovery::Restored;
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::sqlite::restore;
use drehscheibe::store::stamp::Scope;
use secrecy::SecretBox;
use uuid::Uuid;

use crate::store_contract::common::{House, at, claims_of, commit_one, delivery, read_claim, spool};
use crate::store_contract::{damage, retention, waiting};
use crate::support::{names, root};

/// The names of the statements of a back end, sorted, and everything else that is written for it.
fn written(back_end: &str) -> (Vec<String>, String) {
    let folder = root().join("src/store").join(back_end);
    let mut statements: Vec<String> = names(&folder.join("sql"))
        .into_iter()
        .map(|name| name.strip_suffix(".sql").expect("a statement").to_owned())
        .collect();
    statements.sort();
    let is_code = |name: &String| name.ends_with(".rs") && name != "statements.rs";
    let code = names(&folder).into_iter().filter(is_code);
    (statements, code.map(|name| std::fs::read_to_string(folder.join(name)).unwrap()).collect())
}

/// Whoever looks at all statements (plans, rights) looks at all there are; and none lies there that nobody runs.
#[test]
fn every_statement_is_listed_and_run() {
    for back_end in ["sqlite", "postgres"] {
        let (names, code) = written(back_end);
        assert!(names.len() > 200, "{back_end}");
        let run =
            |name: &&String| code.contains(&format!("\"{name}\"")) || code.contains(&format!("{name}.sql\""));
        let idle: Vec<&String> = names.iter().filter(|name| !run(name)).collect();
        assert!(idle.is_empty(), "{back_end}: {idle:?}");
        if back_end == "postgres" {
            let listed: Vec<&str> = STATEMENTS.iter().map(|(name, _)| *name).collect();
            assert_eq!(listed, names);
        }
    }
}

/// An embedded store in a folder that goes with the test.
struct Embedded {
    folder: tempfile::TempDir,
}

fn house() -> Embedded {
    Embedded { folder: tempfile::tempdir().unwrap() }
}

fn settings(path: &Path, stage: Stage, key: u8, read_only: bool) -> Settings {
    Settings { path: path.to_owned(), stage, master: SecretBox::new(Box::new([key; 32])), read_only }
}

#[async_trait]
impl House for Embedded {
    async fn open(&self, stage: Stage, key: u8) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(SqliteStore::open(settings(self.folder.path(), stage, key, false))?))
    }

    async fn run(&self) -> Result<(Arc<dyn Store>, u64), StoreError> {
        let store = SqliteStore::open(settings(self.folder.path(), Stage::Test, 1, false))?;
        let removed = store.lock_for_run().await?;
        Ok((Arc::new(store), removed))
    }

    fn claims(&self) -> PathBuf {
        self.folder.path().join("claims")
    }

    async fn put_back(&self, backup: &Path, marked: bool) {
        let folder = self.folder.path();
        if marked {
            let (manifest, faults) = backup::verify(backup).unwrap();
            assert_eq!(faults, Vec::<String>::new());
            let master = SecretBox::new(Box::new([1; 32]));
            let restored = Restored { at: at(500), copied: Some(manifest.created) };
            restore::put_back(
                &Lies::Folder(folder.to_owned()),
                Stage::Test,
                master,
                (backup, &manifest),
                &restored,
            )
            .unwrap();
            return;
        }
        for gone in ["drehscheibe.db-wal", "drehscheibe.db-shm"] {
            let _ = std::fs::remove_file(folder.join(gone));
        }
        std::fs::copy(backup.join("drehscheibe.db"), folder.join("drehscheibe.db")).unwrap();
    }

    async fn mark(&self) {
        let restored = Restored { at: at(500), copied: Some(at(100)) };
        let master = SecretBox::new(Box::new([1; 32]));
        restore::mark(&Lies::Folder(self.folder.path().to_owned()), Stage::Test, master, &restored).unwrap();
    }

    async fn empty_ledger(&self) {
        let keys = rusqlite::Connection::open(self.folder.path().join("keys.db")).unwrap();
        keys.execute_batch("DELETE FROM ledger; DELETE FROM sqlite_sequence WHERE name = 'ledger'").unwrap();
    }

    async fn lose_keys(&self) {
        let keys = rusqlite::Connection::open(self.folder.path().join("keys.db")).unwrap();
        let lost = "DELETE FROM subject_key; DELETE FROM sqlite_sequence WHERE name = 'subject_key';
                    UPDATE mark SET n = 0, at = 0, links = x''";
        keys.execute_batch(lost).unwrap();
    }

    async fn raise_schema_version(&self) {
        let db = rusqlite::Connection::open(self.folder.path().join("drehscheibe.db")).unwrap();
        db.execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
            [],
        )
        .unwrap();
    }

    async fn forget_days(&self) {
        let db = rusqlite::Connection::open(self.folder.path().join("drehscheibe.db")).unwrap();
        db.execute("UPDATE mirror SET ende = NULL, ende_stand = NULL", []).unwrap();
    }

    async fn forget_keys(&self) {
        let db = rusqlite::Connection::open(self.folder.path().join("drehscheibe.db")).unwrap();
        db.execute("UPDATE mirror SET schluessel_von = NULL, schluessel_version = NULL", []).unwrap();
    }
}

crate::store_contract!(sqlite, super::house());

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn marked_personal_data_is_in_clear_in_no_file() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    let marker = "Zaubermarke-Amaryllis-Quendel";
    damage::fill_with(&*store, marker).await;
    let open = files(house.folder.path());
    assert!(open.iter().any(|f| f.to_string_lossy().ends_with("-wal")), "the log is searched too: {open:?}");
    search(&open, marker);
    drop(store);
    search(&files(house.folder.path()), marker);
}

fn search(files: &[PathBuf], marker: &str) {
    let utf16: Vec<u8> = marker.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let mut wanted = vec![marker.as_bytes().to_vec(), utf16, marker.to_uppercase().into_bytes()];
    for shift in 0..3 {
        // Base64 of the marker at each of the three alignments, without the characters that neighbours change.
        let shifted = [&b"   "[..shift], marker.as_bytes()].concat();
        let text = engine.encode(shifted).into_bytes();
        wanted.push(text[4..text.len() - 3].to_vec());
    }
    let mut octets_seen = 0;
    for file in files {
        assert!(!file.to_string_lossy().contains(marker));
        let octets = std::fs::read(file).unwrap();
        octets_seen += octets.len();
        for (n, form) in wanted.iter().enumerate() {
            assert!(!octets.windows(form.len()).any(|w| w == form), "form {n} in {}", file.display());
        }
    }
    assert!(octets_seen > 10_000);
}

#[tokio::test]
async fn a_second_process_posts_a_command_while_the_first_runs() {
    let house = house();
    let (running, _) = house.run().await.unwrap();
    let other = SqliteStore::open(settings(house.folder.path(), Stage::Test, 1, false)).unwrap();
    let refused = other.lock_for_run().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(text) if text.contains("another process runs")),
        "{refused}"
    );
    let id = Uuid::new_v4();
    let command = Command {
        id,
        order: Order::read("replay", "{}"),
        person: "os:rita".into(),
        reason: "again".into(),
        at: at(0),
    };
    other.post_command(command.clone()).await.unwrap();
    assert_eq!(running.take_commands(10).await.unwrap(), [command]);
    assert_eq!(running.take_commands(10).await.unwrap(), []);
    running.end_command(id, CommandState::Done("done".into())).await.unwrap();
    assert_eq!(other.command_state(id).await.unwrap(), Some(CommandState::Done("done".into())));
    // And what one commits the other sees at once.
    let mut entry = delivery("a", "p", "seen");
    entry.stamp.mandant = "a new one".into();
    commit_one(&other, entry).await;
    assert_eq!(running.list(&Scope::Mandant("a new one".into()), Default::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn opened_for_reading_it_reads_and_refuses_to_write() {
    let house = house();
    let missing = SqliteStore::open(settings(&house.folder.path().join("no"), Stage::Test, 1, true));
    assert!(matches!(missing.err(), Some(StoreError::Refused(_))));
    assert!(!house.folder.path().join("no").exists());
    let store = house.open(Stage::Test, 1).await.unwrap();
    commit_one(&*store, delivery("a", "p", "one")).await;
    for running in [true, false] {
        let reader = SqliteStore::open(settings(house.folder.path(), Stage::Test, 1, true)).unwrap();
        assert_eq!(reader.list(&Scope::Operator, Default::default()).await.unwrap().len(), 1, "{running}");
        let refused = reader.commit(vec![delivery("a", "p", "two")]).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))));
        assert!(matches!(reader.spool("a").await.err(), Some(StoreError::Refused(_))));
        if !running {
            break;
        }
    }
    drop(store);
    let reader = SqliteStore::open(settings(house.folder.path(), Stage::Test, 1, true)).unwrap();
    assert_eq!(reader.list(&Scope::Operator, Default::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn parts_go_into_the_folder_that_is_held_open_and_into_none_that_is_put_in_its_place() {
    let house = house();
    let (store, _) = house.run().await.unwrap();
    let (claims, away) = (house.claims(), house.folder.path().join("away"));
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(elsewhere.path().join("tmp")).unwrap();
    for how in ["a link", "a folder", "nothing", "another folder of what is written"] {
        let mut writing = store.spool("a").await.unwrap();
        writing.write(vec![7; 300_000].into()).await.unwrap();
        let swapped = if how.ends_with("written") { claims.join("tmp") } else { claims.clone() };
        std::fs::rename(&swapped, &away).unwrap();
        match how {
            "a link" => std::os::unix::fs::symlink(elsewhere.path(), &claims).unwrap(),
            "nothing" => {}
            "a folder" => std::fs::create_dir_all(claims.join("tmp")).unwrap(),
            _ => std::fs::create_dir(&swapped).unwrap(),
        }
        assert!(matches!(writing.finish().await, Err(StoreError::Replaced(_))), "{how}");
        assert!(matches!(store.spool("a").await.err(), Some(StoreError::Replaced(_))), "{how}");
        let empty =
            |folder: &Path| std::fs::read_dir(folder).unwrap().all(|one| one.unwrap().path().is_dir());
        assert!(empty(elsewhere.path()) && empty(&elsewhere.path().join("tmp")), "{how}");
        match how {
            "a link" => std::fs::remove_file(&claims).unwrap(),
            "nothing" => {}
            _ => std::fs::remove_dir_all(&swapped).unwrap(),
        }
        std::fs::rename(&away, &swapped).unwrap();
        // What lay there is what is written to again.
        spool(&*store, "a", how.as_bytes()).await;
        assert_eq!(std::fs::read_dir(claims.join("tmp")).unwrap().count(), 0, "{how}: nothing is left of it");
    }
}

#[tokio::test]
async fn a_key_store_of_another_store_is_refused() {
    let (one, other) = (house(), house());
    drop(one.open(Stage::Test, 1).await.unwrap());
    drop(other.open(Stage::Test, 1).await.unwrap());
    std::fs::copy(other.folder.path().join("keys.db"), one.folder.path().join("keys.db")).unwrap();
    let refused = one.open(Stage::Test, 1).await.err().unwrap();
    assert!(matches!(&refused, StoreError::Refused(text) if text.contains("keys.db")), "{refused}");
    std::fs::remove_file(one.folder.path().join("keys.db")).unwrap();
    let refused = one.open(Stage::Test, 1).await.err().unwrap();
    assert!(matches!(&refused, StoreError::Refused(text) if text.contains("keys.db")), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_its_cause() {
    let house = house();
    drop(house.open(Stage::Test, 1).await.unwrap());
    std::fs::write(house.folder.path().join("drehscheibe.db"), vec![7u8; 20_000]).unwrap();
    let refused = house.open(Stage::Test, 1).await.err().unwrap();
    assert!(matches!(&refused, StoreError::Corrupt(text) if text.contains("damaged")), "{refused}");
}

#[tokio::test]
async fn a_full_database_answers_later_and_keeps_what_was_committed() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    commit_one(&*store, delivery("a", "p", "first")).await;
    drop(store);
    let folder = house.folder.path().to_owned();
    let store = SqliteStore::open(settings(&folder, Stage::Test, 1, false)).unwrap();
    store.limit_pages(120).await.unwrap();
    let mut failed = None;
    let mut stored = 1;
    for n in 0..400 {
        let mut entry = delivery("a", "p", &format!("n{n}"));
        let envelope = Arc::make_mut(&mut entry.envelope);
        envelope.body = vec![b'x'; 5000].into();
        match store.commit(vec![entry]).await {
            Ok(_) => stored += 1,
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    assert!(matches!(&failed, Some(StoreError::Later(text)) if text.contains("disk is full")), "{failed:?}");
    let filter = drehscheibe::store::desk::Filter { limit: 1000, ..Default::default() };
    assert_eq!(store.list(&Scope::Operator, filter).await.unwrap().len(), stored);
}

#[tokio::test]
async fn deleting_a_record_destroys_what_came_with_it_and_keeps_what_has_to_leave() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    waiting::removal(&*store).await;
    let keys = rusqlite::Connection::open(house.folder.path().join("keys.db")).unwrap();
    let db = rusqlite::Connection::open(house.folder.path().join("drehscheibe.db")).unwrap();
    let listed: i64 = db.query_row("SELECT count(*) FROM key_to_destroy", [], |r| r.get(0)).unwrap();
    assert_eq!(listed, 0);
    let made: i64 = keys.query_row("SELECT seq FROM sqlite_sequence", [], |r| r.get(0)).unwrap();
    let left: i64 = keys.query_row("SELECT count(*) FROM subject_key", [], |r| r.get(0)).unwrap();
    assert_eq!(made - left, 1, "exactly the child's key is gone");
    let salts: i64 = db.query_row("SELECT count(*) FROM audit WHERE salt IS NULL", [], |r| r.get(0)).unwrap();
    assert!(salts > 0);
}

#[tokio::test]
async fn the_nachweiskette_holds_and_shows_a_change() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    for n in 0..5 {
        commit_one(&*store, delivery("a", "p", &format!("n{n}"))).await;
    }
    drop(store);
    let db = rusqlite::Connection::open(house.folder.path().join("drehscheibe.db")).unwrap();
    assert_eq!(broken_links(&db), 0);
    db.execute("UPDATE nachweiskette SET hash = zeroblob(32) WHERE row = 3", []).unwrap();
    assert_eq!(broken_links(&db), 1);
}

fn broken_links(db: &rusqlite::Connection) -> usize {
    let mut rows = db.prepare("SELECT hash, chain FROM nachweiskette ORDER BY row").unwrap();
    let links: Vec<(Vec<u8>, Vec<u8>)> =
        rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(links.len(), 5);
    let mut before = Vec::new();
    let mut broken = 0;
    for (hash, chain) in links {
        let joined = [before.as_slice(), hash.as_slice()].concat();
        broken += usize::from(drehscheibe::seal::key::sha256(&joined)[..] != chain[..]);
        before = chain;
    }
    broken
}

#[tokio::test]
async fn the_same_content_twice_is_one_file() {
    let house = house();
    let (store, _) = house.run().await.unwrap();
    let one = spool(&*store, "a", &[1u8; 200_000]).await;
    let two = spool(&*store, "a", &[1u8; 200_000]).await;
    assert_eq!(one.claim.name, two.claim.name);
    assert_eq!(claims_of(&house).len(), 1);
    assert_eq!(read_claim(&*store, "a", &one.claim).await.unwrap().len(), 200_000);
    assert_eq!(read_claim(&*store, "a", &two.claim).await.unwrap().len(), 200_000);
    // Also when the first is committed and another process spools it again.
    let mut entry = delivery("a", "p", "part");
    Arc::make_mut(&mut entry.envelope).parts = vec![one.clone()];
    commit_one(&*store, entry).await;
    drop(store);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!(removed, 0);
    let three = spool(&*store, "b", &[1u8; 200_000]).await;
    assert_eq!(claims_of(&house).len(), 1);
    assert_eq!(read_claim(&*store, "b", &three.claim).await.unwrap().len(), 200_000);
    assert_eq!(read_claim(&*store, "a", &one.claim).await.unwrap().len(), 200_000);
}

#[tokio::test]
async fn a_damaged_row_is_parked_and_stops_nobody() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    let (row, waits) = damage::two_sends_and_two_waiting(&*store).await;
    let db = rusqlite::Connection::open(house.folder.path().join("drehscheibe.db")).unwrap();
    let damage = |table: &str, id: Uuid| {
        let sql = format!(
            "UPDATE sealed SET body = zeroblob(length(body)), note = NULL, data_key = zeroblob(61)
             WHERE row = (SELECT sealed FROM {table} WHERE id = ?1)"
        );
        assert_eq!(db.execute(&sql, [id]).unwrap(), 1);
    };
    damage("outbox", row);
    damage("inbox", waits);
    damage::only_the_sound_ones_come(&*store, row, waits).await;
}

#[tokio::test]
async fn what_retention_leaves_is_sealed_and_the_chain_holds_from_its_new_beginning() {
    let house = house();
    let store = house.open(Stage::Test, 1).await.unwrap();
    let marker = "Zaubermarke-Amaryllis-Quendel";
    damage::fill_with(&*store, marker).await;
    let mut entry = delivery("a", "p", "young");
    entry.now = "2027-02-10T00:00:00Z".parse().unwrap();
    commit_one(&*store, entry).await;
    let db = rusqlite::Connection::open(house.folder.path().join("drehscheibe.db")).unwrap();
    for time in [at(0), at(26 * 86_400)] {
        let sql = "INSERT INTO cockpitlog (at, stamp, traceparent, message, sealed) VALUES (?1, 1, '', x'00', x'00')";
        db.execute(sql, [time.as_microsecond()]).unwrap();
    }
    let number = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap();
    for (now, left) in [("2029-01-30T23:59:59Z", 2), ("2029-01-31T00:00:01Z", 1)] {
        retention::run(&*store, &retention::on(now.parse().unwrap())).await;
        assert_eq!(number("SELECT count(*) FROM cockpitlog"), left, "{now}");
    }
    retention::run(&*store, &retention::on("2030-02-01T00:00:01Z".parse().unwrap())).await;
    let settled =
        "SELECT count(*) FROM inbox i WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id)
      AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.inbox = i.row)";
    assert_eq!(number(settled), 0);
    let first = number("SELECT min(row) FROM nachweiskette");
    assert_eq!(number("SELECT row FROM kette_anfang"), first - 1, "it begins where the rest ended");
    assert_eq!(number("SELECT min(row) FROM audit"), first);
    let mut rows = db.prepare("SELECT hash, chain FROM nachweiskette ORDER BY row").unwrap();
    let mut before: Vec<u8> = db.query_row("SELECT chain FROM kette_anfang", [], |r| r.get(0)).unwrap();
    let links = rows.query_map([], |r| Ok((r.get::<_, Vec<u8>>(0)?, r.get::<_, Vec<u8>>(1)?))).unwrap();
    for link in links {
        let (hash, chain) = link.unwrap();
        assert_eq!(drehscheibe::seal::key::sha256(&[before, hash].concat())[..], chain[..]);
        before = chain;
    }
    search(&files(house.folder.path()), marker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_ledger_and_list_is_made_good_and_no_restore() {
    use drehscheibe::effects::MirrorChange;
    let house = house();
    let (store, _) = house.run().await.unwrap();
    let id = Uuid::from_u128(7);
    let mut first = delivery("a", "p", "put");
    first.effects.mirror = vec![crate::store_contract::common::put(id, "Quendel", &["k"])];
    commit_one(&*store, first).await;
    let tombstone = crate::store_contract::common::key("k");
    let mut gone = delivery("a", "p", "remove");
    gone.effects.mirror = vec![MirrorChange::Remove { id, tombstone, created: at(5), until: at(9_000) }];
    commit_one(&*store, gone).await;
    let lines = store.ledger(0, 100).await.unwrap();
    drop(store);
    // As if the process had died after the key store took the deletion and before the database knew it.
    let db = rusqlite::Connection::open(house.folder.path().join("drehscheibe.db")).unwrap();
    db.execute("ATTACH ?1 AS keys", [house.folder.path().join("keys.db").to_str().unwrap()]).unwrap();
    db.execute_batch(
        "INSERT INTO deletion (id, at, class, kind, record, subject_key, keys, created, until)
           SELECT id, at, class, kind, record, subject_key, keys, created, until FROM keys.ledger;
         INSERT INTO key_to_destroy VALUES (4711);
         UPDATE recovery SET ledger = 0",
    )
    .unwrap();
    drop(db);
    let (store, _) = house.run().await.unwrap();
    let again = store.ledger(0, 100).await.unwrap();
    assert_eq!(again[..lines.len()], lines, "the same entries, once");
    // A key that went without an entry of its own stands in the ledger all the same.
    let rest: Vec<(&str, &str)> =
        again[lines.len()..].iter().map(|line| (line.kind.as_str(), line.class.as_str())).collect();
    assert_eq!(rest, [("subject", "frist")]);
    drop(store);
    drop(house.run().await.unwrap());
}
