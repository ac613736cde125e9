//! A PostgreSQL of the tests' own: one server per test run, in a folder that goes with it, and one database per test.
//! Never touches a server of the machine. Where PostgreSQL is not installed the tests say so and are counted.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drehscheibe::envelope::Stage;
use drehscheibe::store::postgres::migrate::migrate;
use drehscheibe::store::postgres::settings::Settings;
use secrecy::SecretBox;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// A running server; it ends when this is dropped or the process ends, however it ends.
pub struct Server {
    pub data: PathBuf,
    pub port: u16,
    // Its end is what the guard waits for.
    guard: Child,
}

/// Ends the server, by its own pid, and removes its folder when the test process is gone, however it went: then its input is
/// closed. A signal that ends the test ends the guard's waiting, not its work.
const GUARD: &str = r#"
trap : INT TERM HUP
folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
read -r _
kill -INT $server
n=0
while kill -0 $server 2>/dev/null && [ $n -lt 200 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL $server 2>/dev/null
wait $server
[ -e "$folder/keep" ] || rm -rf "$folder"
"#;

/// The folder of PostgreSQL's programs, the newest version installed. `DREHSCHEIBE_PG_PROGRAMS`: another folder of versions.
pub fn programs() -> Option<PathBuf> {
    let folder = std::env::var_os("DREHSCHEIBE_PG_PROGRAMS").unwrap_or_else(|| "/usr/lib/postgresql".into());
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/initdb").exists().then(|| (version, path.join("bin")))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// A program as a user that is not root: initdb refuses root.
fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Makes a server; `None`, said and counted, where PostgreSQL is not installed.
    pub async fn start() -> Option<Server> {
        let Some(programs) = programs() else {
            say_without();
            return None;
        };
        let folder = std::env::temp_dir().join(format!("drehscheibe-pg-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&folder).unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres:").arg(&folder).status().unwrap().success());
        }
        let data = folder.join("data");
        let made = as_user(&programs.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            .current_dir("/")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let server = Server::run(data, free_port(), &[]);
        server.ready().await;
        Some(server)
    }

    /// Starts the server of a data folder.
    fn run(data: PathBuf, port: u16, more: &[&str]) -> Server {
        let postgres = programs().unwrap().join("postgres");
        let server = as_user(&postgres);
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh"])
            .arg(data.parent().unwrap())
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(&data)
            // A test survives no fall of the machine, only of processes: nothing is lost without fsync.
            .args(["-c", "fsync=off", "-c", "max_connections=300", "-c", "shared_buffers=128MB"])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", data.parent().unwrap().display()))
            // The last word counts.
            .args(more.iter().flat_map(|setting| ["-c", setting]))
            .current_dir("/")
            // A signal to the group of the test must not take the guard along before it has done its work.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Server { data, port, guard }
    }

    async fn ready(&self) {
        for _ in 0..1_200 {
            if tokio_postgres::connect(&self.url("postgres", "postgres"), NoTls).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.data.join("../log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }

    /// Stops the server; its folder stays.
    pub fn halt(&mut self) {
        std::fs::write(self.data.join("../keep"), "").unwrap();
        self.stop();
    }

    /// The server's processes: the first one, and those that it made.
    pub fn pids(&self) -> Vec<String> {
        let first = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let first = first.lines().next().unwrap().to_owned();
        let others = Command::new("pgrep").args(["-P", &first]).output().unwrap();
        let others = String::from_utf8(others.stdout).unwrap();
        std::iter::once(first).chain(others.lines().map(str::to_owned)).collect()
    }

    /// Lets no file of the server grow beyond a size (`None`: as before), as a disk that is full does: a write that goes
    /// beyond it ends short.
    pub fn limit_files(&self, size: Option<u64>) {
        let limit = size.map_or("unlimited".to_owned(), |size| size.to_string());
        for pid in self.pids() {
            // One that has ended meanwhile needs no limit.
            let set =
                as_user(Path::new("prlimit")).args(["--pid", &pid, &format!("--fsize={limit}:")]).output();
            assert!(set.unwrap().status.success() || !Path::new("/proc").join(&pid).exists());
        }
    }

    /// Ends the server by a signal to its first process: `INT` ends sessions and writes everything, `QUIT` ends at once, `KILL`
    /// lets it fall; returns when none of its processes is left. Its folder stays.
    pub fn end(&mut self, signal: &str) {
        let pid = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let first = pid.lines().next().unwrap().to_owned();
        let children =
            std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        assert!(Command::new("kill").args([&format!("-{signal}"), &first]).status().unwrap().success());
        self.halt();
        let left = || children.split_whitespace().any(|pid| Path::new("/proc").join(pid).exists());
        for _ in 0..3_000 {
            if !left() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("processes of the server are left");
    }

    /// Copies the files of a server that stands still, as a standby has them.
    pub fn set_aside(&self) {
        let aside = self.data.with_file_name("aside");
        let copied = Command::new("cp").arg("-a").arg(&self.data).arg(&aside).status().unwrap();
        assert!(copied.success());
    }

    /// Puts the files that were set aside in the place of those of now.
    pub fn take_aside(&self) {
        std::fs::rename(&self.data, self.data.with_file_name("fallen")).unwrap();
        std::fs::rename(self.data.with_file_name("aside"), &self.data).unwrap();
    }

    /// Leaves the server as a test process does that is killed: nobody says a word.
    pub fn abandon(&mut self) {
        drop(self.guard.stdin.take());
    }

    /// Starts it again on the same data and port.
    pub async fn resume(&mut self) {
        self.resume_with(&[]).await;
    }

    /// The same with settings of its own, such as `max_connections=20`.
    pub async fn resume_with(&mut self, settings: &[&str]) {
        std::fs::remove_file(self.data.join("../keep")).unwrap();
        let mut again = Server::run(self.data.clone(), self.port, settings);
        std::mem::swap(&mut self.guard, &mut again.guard);
        std::mem::forget(again);
        self.ready().await;
    }

    fn stop(&mut self) {
        if let Some(mut input) = self.guard.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.guard.wait();
    }

    /// A new database without any tables.
    pub async fn empty_database(&self) -> String {
        let name = format!("leer{}", uuid::Uuid::new_v4().simple());
        let make = format!("CREATE DATABASE {name} TEMPLATE template0 OWNER besitzer");
        self.admin("postgres").await.batch_execute(&make).await.unwrap();
        name
    }

    /// URL of a database for a user.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection of the superuser.
    pub async fn admin(&self, database: &str) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url("postgres", database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The two logins and a migrated database that others are copied from.
    pub async fn furnish(&self) {
        let admin = self.admin("postgres").await;
        admin
            .batch_execute("CREATE ROLE besitzer LOGIN CREATEROLE; CREATE ROLE laufzeit LOGIN")
            .await
            .unwrap();
        admin.batch_execute("CREATE DATABASE vorlage OWNER besitzer").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        migrate(&self.settings("vorlage", folder.path(), Stage::Test, 1)).await.unwrap();
        let template = self.admin("vorlage").await;
        // The month of the suite's clock.
        template.batch_execute("SELECT drehscheibe.monat_anlegen(202701)").await.unwrap();
    }

    /// A new database.
    pub async fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = self.admin("postgres").await;
        let make = format!("CREATE DATABASE {name} TEMPLATE vorlage OWNER besitzer");
        for _ in 0..3_000 {
            match admin.batch_execute(&make).await {
                Ok(()) => return name,
                // A connection to the template is still ending.
                Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_IN_USE) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the template stays in use");
    }

    /// What a store of a database is opened with.
    pub fn settings(&self, database: &str, folder: &Path, stage: Stage, key: u8) -> Settings {
        Settings {
            url: self.url("laufzeit", database).into(),
            owner: Some(self.url("besitzer", database).into()),
            keys: None,
            authority: None,
            identity: None,
            folder: folder.to_owned(),
            stage,
            master: SecretBox::new(Box::new([key; 32])),
            read_only: false,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Says, past the capture of the test runner, that one more test did not run.
fn say_without() {
    static WITHOUT: AtomicUsize = AtomicUsize::new(0);
    let n = WITHOUT.fetch_add(1, Ordering::Relaxed) + 1;
    let line = format!(
        "not run: PostgreSQL is not installed; tests of the store on PostgreSQL left out so far: {n}\n"
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The server of this test run; `None`, said and counted, where PostgreSQL is not installed.
pub async fn shared() -> Option<&'static Server> {
    static SHARED: OnceCell<Server> = OnceCell::const_new();
    if programs().is_none() {
        say_without();
        return None;
    }
    let made = SHARED.get_or_init(|| async {
        let server = Server::start().await.expect("its programs are there");
        server.furnish().await;
        server
    });
    Some(made.await)
}
