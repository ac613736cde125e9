//! Opening a store: files and their rights, refusal of a store of another stage, version or key, migrations.
//! Never changes a store that it refuses.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use secrecy::SecretBox;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::seal::key::{KEY_LEN, Master};
use crate::store::backup::CLAIMS;
use crate::store::error::StoreError;
use crate::store::migrated::{Migrated, Version, begun_by};
use crate::store::private;
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::keys::check_value;
use crate::store::sealing::values::{Stored, disk, sealing};
use crate::store::sqlite::files::{BUSY, DATABASE, KEYS};
use crate::store::sqlite::lock::{self, Lock};
use crate::store::sqlite::values::{sql, trouble};

mod house {
    refinery::embed_migrations!("src/store/sqlite/migrations");
}

mod keys {
    refinery::embed_migrations!("src/store/sqlite/migrations_keys");
}

/// What a store is opened with.
#[derive(Debug)]
pub struct Settings {
    /// The data folder; it holds the database, the key store, the claims and the lock.
    pub path: PathBuf,
    /// The stage of the process.
    pub stage: Stage,
    /// The master key.
    pub master: SecretBox<[u8; KEY_LEN]>,
    /// True where nothing may be written.
    pub read_only: bool,
}

/// The files of an opened store.
pub(crate) struct Files {
    pub main: Connection,
    pub keys: Connection,
    pub master: Master,
    /// What opening made of the tables; empty when opened for reading.
    pub made: Vec<Migrated>,
}

/// The database's file in a data folder.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Refuses a database in whose place, or beside it, lies what is no file: SQLite would wait for it or call it a fault of the disk.
fn plain(path: &Path) -> Stored<()> {
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        lock::plain_itself(Path::new(&beside))?;
    }
    lock::plain(path)
}

/// Refuses what lies in the place of the claims' folder and is none: it holds half of a lock, which would be waited for.
pub(crate) fn claims_folder(folder: &Path) -> Stored<()> {
    Folder::is_one(&folder.join(CLAIMS))
}

/// Opens one file with the settings that protect data.
pub(crate) fn connect(path: &Path, read_only: bool) -> Stored<Connection> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    plain(path)?;
    if !read_only {
        private::file(path).map_err(disk)?;
    }
    let connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(trouble)?;
    connection.busy_timeout(BUSY).map_err(trouble)?;
    connection.set_prepared_statement_cache_capacity(160);
    // Without it a statement is planned anew for each value that meets a partial index: a third of the writing thread's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(trouble)?;
    let settings = if read_only {
        "PRAGMA query_only = ON;"
    } else {
        // Small pages: index rows fall at random, and a content of 5 KB wastes less of its overflow pages than of a large one.
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 4000;
         PRAGMA journal_size_limit = 67108864;"
    };
    connection.execute_batch(settings).map_err(trouble)?;
    Ok(connection)
}

/// Opens the files of a store, or refuses it before anything is changed.
pub(crate) fn open(settings: &Settings) -> Stored<Files> {
    let master = Master::new(&settings.master).map_err(sealing)?;
    let folder = &settings.path;
    let (main, keys) = (file(folder), folder.join(KEYS));
    plain(&main).and_then(|()| plain(&keys)).and_then(|()| claims_folder(folder))?;
    if settings.read_only && !main.exists() {
        let made = begun_by(settings.stage);
        return refused(&format!("this folder holds no store; name the right folder, or {made}"));
    }
    if !settings.read_only {
        make_folder(folder)?;
    }
    // Two processes that open at once would both migrate.
    let _turn = if settings.read_only { None } else { Some(Lock::of_turn(folder)?) };
    let keys_missing = !keys.exists();
    let (of_main, of_keys) = (of_file(DATABASE), of_file(KEYS));
    let mut main = connect(&main, settings.read_only).map_err(of_main)?;
    version(&main, house::migrations::runner().get_migrations()).map_err(of_main)?;
    same_store(&main, settings.stage, &master).map_err(of_main)?;
    // Only a store that was completed once can have lost its keys; a crash while it was made has not.
    if keys_missing && (settings.read_only || meta(&main, "store")?.is_some()) {
        return refused(
            "the key store keys.db is missing beside the database; put it back, without it nothing opens",
        );
    }
    let mut keys = connect(&keys, settings.read_only).map_err(of_keys)?;
    version(&keys, keys::migrations::runner().get_migrations()).map_err(of_keys)?;
    // Before it is made anew: a key store that has lost its beginning belongs to a database that still knows it.
    if meta(&main, "store")?.is_some() && meta(&keys, "store").map_err(of_keys)?.is_none() {
        return refused(KEYS_EMPTY);
    }
    let mut made = Vec::new();
    if settings.read_only {
        if meta(&main, "store")?.is_none() {
            let made = begun_by(settings.stage);
            return refused(&format!("this folder holds no complete store; {made}"));
        }
    } else {
        let fresh = meta(&main, "store")?.is_none();
        if fresh {
            waits(&main, false).and_then(|()| waits(&keys, false))?;
        }
        made.push(migrate("house", house::migrations::runner(), &mut main)?);
        made.push(migrate("keys", keys::migrations::runner(), &mut keys)?);
        if fresh {
            complete(&mut main, &keys, settings.stage, &master)?;
        }
    }
    if meta(&main, "store")? != meta(&keys, "store")? {
        return refused(
            "keys.db belongs to another store than drehscheibe.db; put the two that belong together",
        );
    }
    Ok(Files { main, keys, master, made })
}

/// Whether a connection waits for the disk at each commit. One that does waits for all that was committed before, too.
fn waits(connection: &Connection, waits: bool) -> Stored<()> {
    connection.pragma_update(None, "synchronous", if waits { "FULL" } else { "NORMAL" }).map_err(trouble)
}

/// Makes tables or brings them up to date, all steps or none: a step that was made and is not known as made would end every later start.
fn migrate(tables: &'static str, runner: refinery::Runner, connection: &mut Connection) -> Stored<Migrated> {
    let runner = runner.set_grouped(true);
    let report = runner.run(connection).map_err(|error| not_made(tables, &error))?;
    Ok(Migrated::of(tables, newest(runner.get_migrations()), report.applied_migrations()))
}

/// Writes last what makes two databases a store: until the database knows its name nobody has put anything into it, and a start makes
/// whatever is missing of the tables. So nothing before waits for the disk; the key store does here, and then the database.
fn complete(main: &mut Connection, keys: &Connection, stage: Stage, master: &Master) -> Stored<()> {
    waits(keys, true).and_then(|()| waits(main, true))?;
    let store = Uuid::new_v4().to_string();
    set(keys, "store", &store)?;
    // A crash before now leaves a key store that belongs to nobody yet: its word counts.
    let store = meta(keys, "store")?.unwrap_or(store);
    let transaction = main.transaction().map_err(trouble)?;
    set(&transaction, "stage", stage.as_str())?;
    set(&transaction, "key", &check_value(master)?)?;
    set(&transaction, "store", &store)?;
    transaction.commit().map_err(trouble)
}

/// Opens a database that lies in another folder and shall take the place of a store's own: of the same stage, master key and
/// key store, brought up to this program's version.
pub(crate) fn beside(settings: &Settings, folder: &Path) -> Stored<Connection> {
    let master = Master::new(&settings.master).map_err(sealing)?;
    let mut main = connect(&file(folder), false)?;
    version(&main, house::migrations::runner().get_migrations())?;
    same_store(&main, settings.stage, &master)?;
    let keys = connect(&settings.path.join(KEYS), true)?;
    if meta(&main, "store")?.is_none() || meta(&main, "store")? != meta(&keys, "store")? {
        return refused("the backup belongs to another store than the key store keys.db; name the right one");
    }
    migrate("house", house::migrations::runner(), &mut main)?;
    Ok(main)
}

/// What a person is told whose key store is there and says nothing.
const KEYS_EMPTY: &str = "the key store keys.db has lost its beginning: it does not say which store it belongs to, and no key is left that \
     the database needs (its log keys.db-wal is damaged or lost, or an empty file lies there); put back its newest copy, without it \
     nothing opens";

/// Why tables could not be made or brought up to date: what SQLite says, and where it says nothing of the disk, that they are in no state
/// that a program leaves.
fn not_made(tables: &str, error: &refinery::Error) -> StoreError {
    let name = if tables == "keys" { KEYS } else { DATABASE };
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        match error.downcast_ref::<rusqlite::Error>() {
            Some(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code != rusqlite::ErrorCode::Unknown =>
            {
                let code = rusqlite::Error::SqliteFailure(*failure, None);
                return match trouble(code) {
                    StoreError::Corrupt(_) | StoreError::Entry(_) => damaged(name),
                    other => other,
                };
            }
            _ => source = error.source(),
        }
    }
    damaged(name)
}

/// Says which file is damaged.
fn of_file(name: &'static str) -> impl Fn(StoreError) -> StoreError + Copy {
    move |error| match error {
        StoreError::Corrupt(_) => damaged(name),
        other => other,
    }
}

fn damaged(name: &str) -> StoreError {
    StoreError::Corrupt(format!(
        "{name} is damaged: its tables are in no state that a program leaves (look at the disk, and whether its log {name}-wal was cut, \
         changed or taken away); put back its newest copy"
    ))
}

/// Makes what is missing of a store's folder and closes to others what stands open, before anything is written there.
/// SQLite gives its log and index the rights of their database.
fn make_folder(folder: &Path) -> Stored<()> {
    let claims = folder.join(CLAIMS);
    private::made(folder).and_then(|()| private::folder(&claims)).map_err(disk)?;
    for name in [DATABASE, KEYS].map(|name| folder.join(name)) {
        private::close(&name).map_err(disk)?;
        for beside in ["-wal", "-shm"] {
            let mut beside_it = name.clone().into_os_string();
            beside_it.push(beside);
            private::close(Path::new(&beside_it)).map_err(disk)?;
        }
    }
    Ok(())
}

fn refused<T>(text: &str) -> Stored<T> {
    Err(StoreError::Refused(text.to_owned().into()))
}

fn has_table(connection: &Connection, name: &str) -> Stored<bool> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    connection.prepare_cached(sql).and_then(|mut s| s.exists([name])).map_err(trouble)
}

fn newest(known: &[refinery::Migration]) -> i64 {
    known.iter().map(|m| i64::from(m.version())).max().unwrap_or(0)
}

fn found(connection: &Connection) -> Stored<Option<i64>> {
    if !has_table(connection, "refinery_schema_history")? {
        return Ok(None);
    }
    let sql = "SELECT max(version) FROM refinery_schema_history";
    connection.query_row(sql, [], |r| r.get(0)).map_err(trouble)
}

/// The versions of both files of a store, as they are.
pub(crate) fn versions(folder: &Path) -> Stored<Vec<Version>> {
    let of = |tables, path: &Path, known: &[refinery::Migration]| {
        let found = if path.exists() { found(&connect(path, true)?)? } else { None };
        Ok(Version { tables, found, program: newest(known) })
    };
    Ok(vec![
        of("house", &file(folder), house::migrations::runner().get_migrations())?,
        of("keys", &folder.join(KEYS), keys::migrations::runner().get_migrations())?,
    ])
}

fn version(connection: &Connection, known: &[refinery::Migration]) -> Stored<()> {
    let newest = newest(known);
    match found(connection)? {
        Some(found) if found > newest => Err(StoreError::Refused(format!(
            "the store has schema version {found}, this program knows up to {newest}; start the newer program, \
             or restore the backup made before the update"
        ).into())),
        _ => Ok(()),
    }
}

fn same_store(main: &Connection, stage: Stage, master: &Master) -> Stored<()> {
    if !has_table(main, "meta")? {
        return Ok(());
    }
    if let Some(found) = meta(main, "stage")?.filter(|found| found != stage.as_str()) {
        return Err(StoreError::Refused(format!(
            "the store belongs to stage {found}, this process is of stage {}; name the folder of stage {}, \
             or start the process for stage {found}",
            stage.as_str(),
            stage.as_str()
        ).into()));
    }
    match meta(main, "key")? {
        Some(found) if found != check_value(master)? => refused(
            "the store was sealed under another master key than this process was given; give it the store's own key",
        ),
        _ => Ok(()),
    }
}

fn meta(connection: &Connection, name: &str) -> Stored<Option<String>> {
    if !has_table(connection, "meta")? {
        return Ok(None);
    }
    let mut get = connection.prepare_cached(sql!("meta_get")).map_err(trouble)?;
    get.query_row([name], |r| r.get(0)).optional().map_err(trouble)
}

fn set(connection: &Connection, name: &str, value: &str) -> Stored<()> {
    let mut set = connection.prepare_cached(sql!("meta_set")).map_err(trouble)?;
    set.execute([name, value]).map(drop).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_place_of_a_file_and_is_none_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        use crate::store::sqlite::mark::Marks;

        let settings = |folder: &Path| Settings {
            path: folder.to_owned(),
            stage: Stage::Test,
            master: SecretBox::new(Box::new([7; KEY_LEN])),
            read_only: false,
        };
        for name in ["lock", "open.lock", "keys.mark", KEYS, DATABASE, "keys.db-wal", "drehscheibe.db-shm"] {
            for what in ["pipe", "folder", "link", "link that leads nowhere"] {
                // Where a link may lead to the file, it is followed.
                if what == "link" && !name.ends_with("-wal") && !name.ends_with("-shm") {
                    continue;
                }
                let folder = tempfile::tempdir().unwrap();
                drop(open(&settings(folder.path())).unwrap());
                let path = folder.path().join(name);
                let _ = std::fs::remove_file(&path);
                let elsewhere = folder.path().join("elsewhere");
                match what {
                    "pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
                    "folder" => std::fs::create_dir(&path).unwrap(),
                    _ => std::os::unix::fs::symlink(&elsewhere, &path).unwrap(),
                }
                if what == "link" {
                    std::fs::write(&elsewhere, "").unwrap();
                }
                let of_mark = || Marks::open(folder.path(), Uuid::nil()).map(drop);
                let refused = match name {
                    "lock" => Lock::of_run(folder.path()).map(drop),
                    "keys.mark" => of_mark(),
                    _ => open(&settings(folder.path())).map(drop),
                };
                let Err(StoreError::Refused(text)) = refused else { panic!("{name} {what}: {refused:?}") };
                assert!(text.starts_with(name) && text.contains("no plain file"), "{text}");
                assert!(!crate::store::sqlite::lock::runs(folder.path()));
                if !name.ends_with("lock") && name != "keys.mark" && name != "keys.db-wal" {
                    let reading = Settings { read_only: true, ..settings(folder.path()) };
                    assert!(matches!(open(&reading), Err(StoreError::Refused(_))), "{name}");
                }
            }
        }
    }

    #[test]
    fn what_lies_in_the_place_of_the_claims_and_is_no_folder_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        for name in [CLAIMS, "claims/tmp"] {
            // What is collected behind a link would be somebody's: large parts on a volume of their own are mounted.
            for what in ["pipe", "file", "link to a file", "link that leads nowhere", "link"] {
                let folder = tempfile::tempdir().unwrap();
                let settings = || Settings {
                    path: folder.path().to_owned(),
                    stage: Stage::Test,
                    master: SecretBox::new(Box::new([7; KEY_LEN])),
                    read_only: false,
                };
                drop(open(&settings()).unwrap());
                let (path, elsewhere) = (folder.path().join(name), folder.path().join("elsewhere"));
                let _ = std::fs::remove_dir_all(&path);
                match what {
                    "pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
                    "file" => std::fs::write(&path, "x").unwrap(),
                    _ => std::os::unix::fs::symlink(&elsewhere, &path).unwrap(),
                }
                match what {
                    "link to a file" => std::fs::write(&elsewhere, "x").unwrap(),
                    "link" => std::fs::create_dir(&elsewhere).unwrap(),
                    _ => {}
                }
                let opened = open(&settings()).map(drop);
                let Err(StoreError::Refused(text)) = opened else { panic!("{name} {what}: {opened:?}") };
                assert!(text.contains("no folder") && text.contains("take it away"), "{text}");
                let reading = open(&Settings { read_only: true, ..settings() }).map(drop);
                assert!(matches!(reading, Err(StoreError::Refused(_))), "{name} {what}: {reading:?}");
            }
        }
    }

    /// How much of a log is left after a cut: nothing, or all up to the end of a commit; and in the middle of what follows.
    fn cuts(log: &[u8]) -> Vec<usize> {
        const HEAD: usize = 32;
        const FRAME: usize = 24 + 4096;
        let commits = (HEAD..log.len())
            .step_by(FRAME)
            .filter(|at| log[at + 4..at + 8] != [0; 4])
            .flat_map(|at| [at + FRAME / 2, at + FRAME]);
        std::iter::once(0).chain(commits).collect()
    }

    #[test]
    fn a_store_whose_making_was_cut_off_anywhere_is_made_whole_by_the_next_start() {
        let settings = |folder: &Path| Settings {
            path: folder.to_owned(),
            stage: Stage::Test,
            master: SecretBox::new(Box::new([7; KEY_LEN])),
            read_only: false,
        };
        let tables = |of: &Connection| -> Vec<String> {
            let mut list =
                of.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY sql").unwrap();
            list.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        // Held open, so that both logs lie there as they were written.
        let made = open(&settings(folder.path())).unwrap();
        let [house, keys] = [DATABASE, KEYS].map(|name| {
            let octets = |ending: &str| std::fs::read(folder.path().join(format!("{name}{ending}"))).unwrap();
            (octets(""), octets("-wal"))
        });
        let of_house = cuts(&house.1);
        let whole = (house.1.len(), keys.1.len());
        // The database's last commit waits for the key store: before it anything may be missing of both, with it nothing of the keys.
        let torn = of_house
            .iter()
            .filter(|cut| **cut < whole.0)
            .flat_map(|house| cuts(&keys.1).into_iter().map(|keys| (*house, keys)));
        for (left, left_of_keys) in torn.chain([whole]) {
            let cut = tempfile::tempdir().unwrap();
            for (name, (file, log), left) in [(DATABASE, &house, left), (KEYS, &keys, left_of_keys)] {
                std::fs::write(cut.path().join(name), file).unwrap();
                std::fs::write(cut.path().join(format!("{name}-wal")), &log[..left]).unwrap();
            }
            for nth in ["the next start", "the one after it"] {
                let files = open(&settings(cut.path()))
                    .unwrap_or_else(|error| panic!("{left} {left_of_keys}, {nth}: {error}"));
                assert_eq!(meta(&files.main, "store"), meta(&files.keys, "store"));
                assert_eq!(meta(&files.main, "stage").unwrap().as_deref(), Some("test"));
                assert_eq!(tables(&files.main), tables(&made.main), "{left} {left_of_keys}, {nth}");
                assert_eq!(tables(&files.keys), tables(&made.keys), "{left} {left_of_keys}, {nth}");
                let durable: i64 = files.main.query_row("PRAGMA synchronous", [], |r| r.get(0)).unwrap();
                assert_eq!(durable, 2, "whoever works with it waits for the disk");
            }
        }
    }

    /// A house as the program before this one left it, brought up to date.
    #[test]
    fn what_an_earlier_program_left_is_put_in_the_order_of_its_moments() {
        const DAY: i64 = 24 * 3600 * 1_000_000;
        let mut house = Connection::open_in_memory().unwrap();
        house::migrations::runner().set_target(refinery::Target::Version(7)).run(&mut house).unwrap();
        house
            .execute_batch(
                "INSERT INTO mandant_key VALUES (1, 'k', 'm', '');
                 INSERT INTO sealed (row, mandant_key) VALUES (1, 1), (2, 1), (3, 1), (4, 1);
                 INSERT INTO stamp VALUES (1, 'm', 'p', 'h', 'test', 1, 'k', '', '', ''), (2, 'm', 'q', 'h', 'test', 1, 'k', '', '', '');",
            )
            .unwrap();
        let inbox = "INSERT INTO inbox (id, stamp, traceparent, state, conflict, received, committed, connection, binding, transport, message,
            route, codes, size, content, kept, sealed) VALUES (?1, ?2, '', ?3, 0, ?4, 0, 'c', 'b', x'', ?5, 'r', '', 1, x'', 1, ?1)";
        for (id, stamp, state, received, message) in [
            (1, 1, "accepted", 10, "xfamilie.0804"),
            (2, 1, "rejected", 20, "xfamilie.0805"),
            (3, 1, "accepted", 30, "xfamilie.0803"),
            (4, 2, "accepted", 40, "xfamilie.0801"),
        ] {
            house.execute(inbox, rusqlite::params![id, stamp, state, received, message]).unwrap();
            let once = "INSERT INTO idempotency (key, content, message, conflict, state, codes) VALUES (?1, x'', ?1, 0, ?2, '')";
            house.execute(once, rusqlite::params![id, state]).unwrap();
        }
        let stone =
            "INSERT INTO tombstone (key, stamp, traceparent, created, until) VALUES (?1, 1, '', ?2, ?3)";
        for (key, created) in [(1, 100 * DAY + 5), (2, 103 * DAY), (3, 99 * DAY)] {
            house.execute(stone, rusqlite::params![key, created, 190 * DAY]).unwrap();
        }
        house::migrations::runner().run(&mut house).unwrap();
        let all = |sql: &str| -> Vec<(i64, i64)> {
            let mut list = house.prepare(sql).unwrap();
            list.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(
            all("SELECT key, created FROM tombstone ORDER BY key"),
            [(1, 100 * DAY), (2, 100 * DAY), (3, 99 * DAY)],
            "none was made after it came"
        );
        assert_eq!(
            all("SELECT uuid, moment FROM lieferung"),
            [(2, 20)],
            "the newest delivery of the office, and no other message"
        );
    }
}
