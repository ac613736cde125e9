//! What a damaged, cut, missing or older database costs after a kill: either nothing that was acknowledged, or the house knows and
//! says from which moment on deliveries have to be asked for again. Seeded; the files of a running store are copied as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::envelope::Stage;
use drehscheibe::store::BACK_ENDS;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::{Desk, Filter};
use drehscheibe::store::entry::Committed;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lies::Lies;
use drehscheibe::store::recovery::{Lost, Recovery, Restored};
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Scope;
use secrecy::SecretBox;
use uuid::Uuid;

use crate::store_contract::common::{at, commit_one, delivery, put};
use crate::support::{StageDir, free_port, post, until, up};

const DATABASE: &str = "drehscheibe.db";
const LOG: &str = "drehscheibe.db-wal";
const MARK: &str = "keys.mark";

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    let master = SecretBox::new(Box::new([1; 32]));
    SqliteStore::open(Settings { path: folder.to_owned(), stage: Stage::Test, master, read_only: false })
}

/// Numbers that are the same in each run.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The files of a store as a kill leaves them.
fn killed(folder: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in [DATABASE, LOG, "keys.db", "keys.db-wal", MARK] {
        if folder.join(name).exists() {
            fs::copy(folder.join(name), to.path().join(name)).unwrap();
        }
    }
    fs::create_dir_all(to.path().join("claims/tmp")).unwrap();
    to
}

fn flip(path: &Path, at: u64) {
    let mut octets = fs::read(path).unwrap();
    octets[usize::try_from(at).unwrap()] ^= 0x10;
    fs::write(path, octets).unwrap();
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// How a start ended.
#[derive(Debug)]
enum Start {
    /// Open, with these deliveries.
    Open(BTreeSet<Uuid>),
    /// Closed, because what was acknowledged is missing.
    Closed(Lost),
    /// Not started: it is damaged, and says what to do.
    Refused(String),
}

async fn started(folder: &Path) -> Start {
    let store = match open(folder) {
        Ok(store) => store,
        Err(StoreError::Refused(text)) => return Start::Refused(text.to_string()),
        Err(StoreError::Corrupt(text)) => return Start::Refused(text),
        Err(other) => panic!("{other}"),
    };
    if let Err(error) = store.lock_for_run().await {
        return Start::Refused(error.to_string());
    }
    match store.recovery().await {
        Ok(None) => {}
        Ok(Some(found)) => return Start::Closed(found.lost.expect("nobody put anything back")),
        Err(error) => return Start::Refused(error.to_string()),
    }
    let filter = Filter { limit: 10_000, ..Filter::default() };
    match store.list(&Scope::Operator, filter).await {
        Ok(listed) => Start::Open(listed.into_iter().map(|one| one.id).collect()),
        Err(error) => Start::Refused(error.to_string()),
    }
}

async fn deliver(store: &SqliteStore, from: u32, count: u32, acknowledged: &mut BTreeSet<Uuid>) {
    for n in from..from + count {
        let mut entry = delivery("a", "p", &format!("nr-{n}"));
        entry.effects.mirror = vec![put(Uuid::new_v4(), &format!("Quendel {n}"), &[&format!("k-{n}")])];
        acknowledged.insert(commit_one(store, entry).await);
    }
}

/// A store that runs with acknowledged deliveries: half of them from before a restart.
async fn filled(folder: &Path) -> (SqliteStore, BTreeSet<Uuid>) {
    let mut acknowledged = BTreeSet::new();
    let store = open(folder).unwrap();
    store.lock_for_run().await.unwrap();
    deliver(&store, 0, 90, &mut acknowledged).await;
    drop(store);
    let store = open(folder).unwrap();
    store.lock_for_run().await.unwrap();
    deliver(&store, 90, 95, &mut acknowledged).await;
    (store, acknowledged)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_leaves_no_log_and_a_kill_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, acknowledged) = filled(folder.path()).await;
    assert!(size(&folder.path().join(LOG)) > 0);
    let copy = killed(folder.path());
    drop(store);
    assert_eq!(size(&folder.path().join(LOG)), 0);
    for folder in [folder.path(), copy.path()] {
        let Start::Open(found) = started(folder).await else { panic!("it is whole") };
        assert_eq!(found, acknowledged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_octets_lose_nothing_or_close_the_house() {
    let folder = tempfile::tempdir().unwrap();
    let (store, acknowledged) = filled(folder.path()).await;
    let mut drawn = Drawn(0x9E37_79B9_7F4A_7C15);
    let (mut open, mut closed, mut refused) = (0, 0, 0);
    for nth in 0..60 {
        let copy = killed(folder.path());
        let name = if nth % 3 == 2 { DATABASE } else { LOG };
        let path = copy.path().join(name);
        let place = drawn.below(size(&path));
        flip(&path, place);
        match started(copy.path()).await {
            Start::Open(found) => {
                assert!(acknowledged.is_subset(&found), "octet {place} of {name}: {} left", found.len());
                open += 1;
            }
            Start::Closed(lost) => {
                assert!(name == LOG && lost.commits > 0 && lost.from < lost.until, "{name} {lost:?}");
                closed += 1;
            }
            Start::Refused(text) => {
                assert!(text.contains("damaged") || text.contains("recover"), "{text}");
                refused += 1;
            }
        }
    }
    println!("flipped octets: {open} lost nothing, {closed} closed, {refused} refused");
    assert!(closed > 20, "the log is what counts: {open} {closed} {refused}");
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_cut_or_gone_closes_the_house_until_a_person_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(folder.path()).await;
    let whole = size(&folder.path().join(LOG));
    for left in [0, 1, 31, 32, whole / 3, whole / 2, whole - 4_096] {
        let copy = killed(folder.path());
        let file = fs::OpenOptions::new().write(true).open(copy.path().join(LOG)).unwrap();
        file.set_len(left).unwrap();
        match started(copy.path()).await {
            Start::Closed(lost) => assert!(lost.commits > 0, "{left} octets left: {lost:?}"),
            other => panic!("{left} octets left: {other:?}"),
        }
        // It stays closed, however often it starts, and what is missing stays known.
        let Start::Closed(again) = started(copy.path()).await else { panic!("it was not opened") };
        assert!(again.commits > 0);
        let store = open(copy.path()).unwrap();
        store.lock_for_run().await.unwrap();
        store.reapply(at(1)).await.unwrap();
        assert!(store.open_dispatch("os:rita", "neu angefordert", at(2)).await.unwrap());
        let mut since = BTreeSet::new();
        deliver(&store, 1_000, 3, &mut since).await;
        drop(store);
        let Start::Open(found) = started(copy.path()).await else { panic!("a person opened it") };
        assert!(since.is_subset(&found));
    }
    let copy = killed(folder.path());
    fs::remove_file(copy.path().join(LOG)).unwrap();
    assert!(matches!(started(copy.path()).await, Start::Closed(_)));
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_closes_the_house_and_one_that_went_on_by_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut acknowledged) = filled(folder.path()).await;
    let older = killed(folder.path());
    deliver(&store, 500, 7, &mut acknowledged).await;
    drop(store);
    let newer = killed(folder.path());
    let put = |from: &Path, to: &Path| {
        for name in [DATABASE, LOG] {
            let _ = fs::remove_file(to.join(name));
            if from.join(name).exists() {
                fs::copy(from.join(name), to.join(name)).unwrap();
            }
        }
    };
    put(older.path(), newer.path());
    let Start::Closed(lost) = started(newer.path()).await else { panic!("seven are missing") };
    assert!(lost.commits >= 7, "{lost:?}");
    // The copy runs with keys of its own, longer than the first, and comes back.
    let mut others = BTreeSet::new();
    let other = open(older.path()).unwrap();
    other.lock_for_run().await.unwrap();
    deliver(&other, 700, 40, &mut others).await;
    drop(other);
    put(older.path(), folder.path());
    match started(folder.path()).await {
        Start::Refused(text) => assert!(text.contains("another history"), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// A file system that was set back, but for the volume of the keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_back_with_its_mark_beside_the_keys_of_today_closes_the_house() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut acknowledged) = filled(folder.path()).await;
    let older = killed(folder.path());
    let lacks = acknowledged.clone();
    deliver(&store, 900, 3, &mut acknowledged).await;
    // A clean stop.
    store.close(Duration::from_secs(10)).await.unwrap();
    drop(store);
    let put_back = || {
        let place = killed(folder.path());
        for name in [DATABASE, LOG, MARK] {
            let _ = fs::remove_file(place.path().join(name));
            fs::copy(older.path().join(name), place.path().join(name)).unwrap();
        }
        place
    };
    let place = put_back();
    let Start::Closed(lost) = started(place.path()).await else { panic!("three deliveries are missing") };
    assert!(lost.commits >= 3, "{lost:?}");
    // A person opens it; from then on it is a house like any other.
    let store = open(place.path()).unwrap();
    store.lock_for_run().await.unwrap();
    store.reapply(at(1)).await.unwrap();
    store.open_dispatch("os:rita", "die Partner wiederholen", at(2)).await.unwrap();
    drop(store);
    let Start::Open(there) = started(place.path()).await else { panic!("it was opened") };
    assert_eq!(there, lacks);
    // Said to have been put back, it is told from when on deliveries are missing, and once.
    let place = put_back();
    let restored = Restored { at: at(1), copied: None };
    let master = SecretBox::new(Box::new([1; 32]));
    let mark = BACK_ENDS.iter().find(|back_end| back_end.name == "sqlite").unwrap().mark;
    mark(&Lies::Folder(place.path().to_owned()), Stage::Test, master, &restored).unwrap();
    let Start::Closed(lost) = started(place.path()).await else { panic!("it was put back") };
    assert!(lost.commits >= 3, "{lost:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_is_gone_or_damaged_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, acknowledged) = filled(folder.path()).await;
    let mark = |copy: &tempfile::TempDir| -> PathBuf { copy.path().join(MARK) };
    // One of its two places may be half written: the other one holds, and lags behind.
    for place in [0, 4096] {
        let copy = killed(folder.path());
        flip(&mark(&copy), place + 20);
        let Start::Open(found) = started(copy.path()).await else { panic!("the other place holds") };
        assert_eq!(found, acknowledged);
    }
    let both = killed(folder.path());
    flip(&mark(&both), 20);
    flip(&mark(&both), 4096 + 20);
    let gone = killed(folder.path());
    fs::remove_file(mark(&gone)).unwrap();
    for copy in [both, gone] {
        let Start::Closed(lost) = started(copy.path()).await else {
            panic!("nothing shows that all is there")
        };
        assert_eq!(lost.commits, 0);
    }
    drop(store);
}

const KEYS_LOG: &str = "keys.db-wal";

/// Says that there is nothing newer than what lies there.
fn nothing_newer(folder: &Path) {
    let mark = BACK_ENDS.iter().find(|back_end| back_end.name == "sqlite").unwrap().mark;
    let restored = Restored { at: at(1), copied: None };
    mark(&Lies::Folder(folder.to_owned()), Stage::Test, SecretBox::new(Box::new([1; 32])), &restored)
        .unwrap();
}

/// The numbers of keys that the database needs, and of those that the key store has.
fn numbers(folder: &Path) -> [BTreeSet<i64>; 2] {
    let of = |file: &str, sql: &str| {
        let file = rusqlite::Connection::open(folder.join(file)).unwrap();
        let mut list = file.prepare(sql).unwrap();
        list.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let needed = "SELECT subject_key FROM mirror UNION SELECT subject_key FROM sealed
                  WHERE subject_key IS NOT NULL AND data_key IS NOT NULL";
    [of(DATABASE, needed), of("keys.db", "SELECT row FROM subject_key")]
}

/// Deliveries until the first, and on, keys were made again: several acts in the key store.
async fn with_many_keys(folder: &Path) -> SqliteStore {
    let mut acknowledged = BTreeSet::new();
    let store = open(folder).unwrap();
    store.lock_for_run().await.unwrap();
    deliver(&store, 0, 600, &mut acknowledged).await;
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_keys_holds_one_act_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let store = with_many_keys(folder.path()).await;
    assert_eq!(
        size(&folder.path().join(KEYS_LOG)),
        0,
        "keys were made three times, and none of it is in the log"
    );
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_kill_has_damaged_are_told_at_the_start_and_a_mark_in_them_is_no_more_than_a_second_witness()
 {
    let folder = tempfile::tempdir().unwrap();
    let store = with_many_keys(folder.path()).await;
    let keys = |copy: &Path| rusqlite::Connection::open(copy.join("keys.db")).unwrap();
    let page: u32 = keys(folder.path())
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'subject_key'", [], |r| r.get(0))
        .unwrap();
    let damaged = killed(folder.path());
    let size: u32 = keys(damaged.path()).query_row("PRAGMA page_size", [], |r| r.get(0)).unwrap();
    flip(&damaged.path().join("keys.db"), u64::from((page - 1) * size));
    let Start::Refused(text) = started(damaged.path()).await else { panic!("nobody says so") };
    assert!(text.contains("keys.db is damaged"), "{text}");
    // What the key store says of the mark counts only where it is whole; the file beside it says it all the same.
    for said in ["", "00", &"ab".repeat(88)] {
        let copy = killed(folder.path());
        let noted =
            keys(copy.path()).execute("UPDATE meta SET value = ?1 WHERE name = 'mark'", [said]).unwrap();
        assert_eq!(noted, 1);
        let Start::Open(found) = started(copy.path()).await else { panic!("{said} closes the house") };
        assert_eq!(found.len(), 600);
    }
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_of_the_keys_loses_nothing_or_is_refused_with_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap();
    // Somebody reads the key store all the time, so its log stays.
    let reader = rusqlite::Connection::open(folder.path().join("keys.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM subject_key").unwrap();
    let store = with_many_keys(folder.path()).await;
    assert!(size(&folder.path().join(KEYS_LOG)) > 50_000);
    let mut drawn = Drawn(0xA076_1D64_78BD_642F);
    let (mut open, mut refused) = (0, 0);
    for nth in 0..40 {
        let copy = killed(folder.path());
        let path = copy.path().join(KEYS_LOG);
        match nth {
            0 => fs::remove_file(&path).unwrap(),
            nth => flip(&path, drawn.below(size(&path)) / if nth < 4 { 1_000 } else { 1 }),
        }
        match started(copy.path()).await {
            Start::Open(found) => {
                let [needed, there] = numbers(copy.path());
                assert!(
                    found.len() == 600 && needed.is_subset(&there),
                    "keys are missing and nobody says so"
                );
                open += 1;
            }
            Start::Refused(text) => {
                assert!(text.contains("keys.db") && !text.contains("another store"), "{text}");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    println!("damaged log of the keys: {open} lost nothing, {refused} refused");
    assert!(refused > 20, "the log is what counts: {open} {refused}");
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_lost_are_told_and_what_they_sealed_is_taken_anew_under_new_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let store = open(folder.path()).unwrap();
    store.lock_for_run().await.unwrap();
    deliver(&store, 0, 250, &mut acknowledged).await;
    let older = killed(folder.path());
    deliver(&store, 250, 100, &mut acknowledged).await;
    drop(store);
    fs::copy(older.path().join("keys.db"), folder.path().join("keys.db")).unwrap();
    for beside in [KEYS_LOG, "keys.db-shm"] {
        let _ = fs::remove_file(folder.path().join(beside));
    }
    let [needed, there] = numbers(folder.path());
    assert_eq!(needed.difference(&there).count(), 350 - 256);
    let highest = *needed.last().unwrap();
    let Start::Refused(text) = started(folder.path()).await else { panic!("keys are missing") };
    for said in ["keys.db ends before", "recover --after-restore", "repeat what they delivered from 20"] {
        assert!(text.contains(said), "{text}");
    }
    nothing_newer(folder.path());
    let Start::Closed(lost) = started(folder.path()).await else { panic!("nobody opened it") };
    assert!(lost.commits > 0 && lost.from < lost.until, "{lost:?}");
    let store = open(folder.path()).unwrap();
    store.lock_for_run().await.unwrap();
    let done = store.reapply(at(1)).await.unwrap();
    assert_eq!(done.records, 350 - 256, "what cannot be read is not there");
    assert!(store.open_dispatch("os:rita", "neu angefordert", at(2)).await.unwrap());
    // Asked for again: what was lost is new, what was not is a repeat.
    let again = |n: u32| {
        let mut entry = delivery("a", "p", &format!("nr-{n}"));
        entry.effects.mirror = vec![put(Uuid::new_v4(), &format!("Quendel {n}"), &[&format!("k-{n}")])];
        store.commit(vec![entry])
    };
    assert!(matches!(again(3).await.unwrap()[..], [Committed::Again(_)]));
    for n in 256..350 {
        assert_eq!(again(n).await.unwrap(), [Committed::New], "nr-{n}");
    }
    drop(store);
    let [needed, there] = numbers(folder.path());
    assert!(needed.is_subset(&there) && needed.len() == 350);
    let anew = there.range(257..).next().copied().unwrap();
    assert!(anew > highest + 1_000_000, "{anew} may have been given out before, as {highest} was");
    assert!(matches!(started(folder.path()).await, Start::Open(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_which_nothing_is_left_names_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    store.lock_for_run().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    deliver(&store, 0, 9, &mut acknowledged).await;
    for nth in 0..2 {
        let copy = killed(folder.path());
        match nth {
            0 => fs::remove_file(copy.path().join(LOG)).unwrap(),
            _ => flip(&copy.path().join(LOG), 40),
        }
        let Start::Refused(text) = started(copy.path()).await else { panic!("nothing is left") };
        for said in
            ["was acknowledged between 20", "recover DIR", "recover --after-restore", "delivered from 20"]
        {
            assert!(text.contains(said), "{text}");
        }
        nothing_newer(copy.path());
        let Start::Closed(lost) = started(copy.path()).await else { panic!("nobody opened it") };
        assert!(lost.commits > 0 && lost.from < lost.until, "{lost:?}");
    }
    drop(store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_program_leaves_no_log_when_it_is_told_to_end() {
    let stage = StageDir::new([free_port(), free_port()]);
    let mut running = up(&stage).await;
    for n in 0..5 {
        let (status, said) = post(&stage, &format!("k-{n}"), eintragung(&Wish::plain(n))).await;
        assert_eq!(status, 200, "{said}");
    }
    let store = stage.data().join("store");
    assert!(size(&store.join(LOG)) > 0);
    assert!(running.terminate());
    assert_eq!([LOG, KEYS_LOG].map(|log| size(&store.join(log))), [0, 0], "{}", stage.log());
    assert!(stage.log().contains("ended") && !stage.log().contains("not closed whole"), "{}", stage.log());
    // Where somebody reads it at the end that is said, and it ends all the same.
    let mut running = up(&stage).await;
    let (status, said) = post(&stage, "k-9", eintragung(&Wish::plain(9))).await;
    assert_eq!(status, 200, "{said}");
    let reader = rusqlite::Connection::open(store.join(DATABASE)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM inbox").unwrap();
    let (status, _) = post(&stage, "k-10", eintragung(&Wish::plain(10))).await;
    assert_eq!(status, 200);
    assert!(running.terminate());
    assert!(
        stage.log().contains("not closed whole") && stage.log().contains("another process still reads it")
    );
}

/// All files of a copy come in the place of a running store's, each at once, as `rsync` puts them.
fn put_under(copy: &Path, store: &Path) {
    for name in [DATABASE, LOG, "keys.db", KEYS_LOG, MARK] {
        fs::copy(copy.join(name), store.join("coming")).unwrap();
        fs::rename(store.join("coming"), store.join(name)).unwrap();
    }
}

async fn is_taken(stage: &StageDir, key: &str, n: u64) -> bool {
    let said = reqwest::Client::new()
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .bearer_auth(crate::support::TOKEN)
        .header("content-type", "application/xml")
        .header("idempotency-key", key)
        .body(eintragung(&Wish::plain(n)))
        .send()
        .await;
    said.is_ok_and(|said| said.status() == 200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_program_acknowledges_nothing_into_files_that_nobody_finds_again() {
    for (how, delivers) in
        [("put back", true), ("put back", false), ("moved away", true), ("log gone", false)]
    {
        let stage = StageDir::new([free_port(), free_port()]);
        let mut running = up(&stage).await;
        let (store, away) = (stage.data().join("store"), stage.data().join("away"));
        for n in 0..3 {
            assert!(is_taken(&stage, &format!("k-{n}"), n).await);
        }
        let older = killed(&store);
        for n in 3..6 {
            assert!(is_taken(&stage, &format!("k-{n}"), n).await);
        }
        match how {
            "put back" => put_under(older.path(), &store),
            "log gone" => fs::remove_file(store.join(LOG)).unwrap(),
            _ => fs::rename(&store, &away).unwrap(),
        }
        if delivers {
            for n in 6..9 {
                assert!(!is_taken(&stage, &format!("k-{n}"), n).await, "{how}: it would be lost");
            }
        }
        until("it ends by itself", 60, || running.ended()).await;
        assert_eq!(running.code(), Some(2), "{how}");
        assert!(stage.log().contains("acknowledged-lost"), "{}", stage.log());
        assert!(stage.log().contains("no longer the file that this process has open"), "{}", stage.log());
        if how == "put back" {
            // The copy brings its own mark, which fits it: without a word of the process that ended nothing would be missed.
            let mut running = stage.start(None);
            let ready = format!("http://{}/health/ready", stage.http);
            let mut said = String::new();
            for _ in 0..3_000 {
                if let Ok(answer) = reqwest::get(&ready).await {
                    assert_eq!(answer.status(), 503, "{}", stage.log());
                    said = answer.text().await.unwrap();
                    if said.contains("neu anfordern") {
                        break;
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(said.contains("neu anfordern"), "{said}\n{}", stage.log());
            assert!(running.terminate());
            continue;
        }
        if how == "moved away" {
            assert!(!store.exists(), "nothing is made in its place");
            fs::rename(&away, &store).unwrap();
        }
        let mut running = up(&stage).await;
        assert!(running.terminate());
        let file = rusqlite::Connection::open(store.join(DATABASE)).unwrap();
        let taken: i64 = file.query_row("SELECT count(*) FROM inbox", [], |r| r.get(0)).unwrap();
        // What was committed and told to nobody may be there, too: its sender comes again.
        assert!(taken >= 6, "{how}: all that was acknowledged is there");
    }
}
