//! PostgreSQL's own programs, called with the logins of the store: `pg_dump` copies a schema, `pg_restore` reads a copy.
//! A password goes by the environment, never by the command line, which everybody on the machine can read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::store::error::StoreError;
use crate::store::postgres::settings::{HOUSE, KEYS as KEYS_SCHEMA, Settings};
use crate::store::sealing::values::Stored;

/// The file of a copied database.
pub const DATABASE: &str = "database.pgdump";
/// The file of a copied key store.
pub const KEYS: &str = "keys.pgdump";
/// Where distributions keep the programs, a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The logins that may copy: those that own the tables, because row-level security holds for all others.
#[derive(Clone)]
pub struct Outside {
    house: Vec<(&'static str, SecretString)>,
    keys: Vec<(&'static str, SecretString)>,
}

impl Outside {
    /// The logins of a store.
    pub(crate) fn of(settings: &Settings) -> Stored<Outside> {
        Ok(Outside {
            house: login(&settings.owner(HOUSE)?, settings),
            keys: login(&settings.owner_of_keys(KEYS_SCHEMA)?, settings),
        })
    }

    /// Copies the schema of the house at a moment that a transaction exported.
    pub(crate) async fn dump_house(&self, to: &Path, moment: &str) -> Stored<()> {
        dump(self.house.clone(), HOUSE, to, Some(moment.to_owned())).await
    }

    /// Copies the schema of the keys.
    pub(crate) async fn dump_keys(&self, to: &Path) -> Stored<()> {
        dump(self.keys.clone(), KEYS_SCHEMA, to, None).await
    }
}

/// A login as the programs take it from their environment.
fn login(config: &Config, settings: &Settings) -> Vec<(&'static str, SecretString)> {
    let mut found: Vec<(&'static str, SecretString)> = Vec::new();
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.to_string_lossy().into_owned(),
    });
    found.push(("PGHOST", hosts.collect::<Vec<_>>().join(",").into()));
    let ports: Vec<String> = config.get_ports().iter().map(ToString::to_string).collect();
    if !ports.is_empty() {
        found.push(("PGPORT", ports.join(",").into()));
    }
    let mut word = |name, value: Option<String>| found.extend(value.map(|value| (name, value.into())));
    word("PGUSER", config.get_user().map(str::to_owned));
    word("PGDATABASE", config.get_dbname().map(str::to_owned));
    word("PGPASSWORD", config.get_password().map(|secret| String::from_utf8_lossy(secret).into_owned()));
    let file = |path: &PathBuf| path.to_string_lossy().into_owned();
    if matches!(config.get_ssl_mode(), SslMode::Require) {
        word("PGSSLMODE", Some(if settings.authority.is_some() { "verify-full" } else { "require" }.into()));
        word("PGSSLROOTCERT", settings.authority.as_ref().map(file));
        word("PGSSLCERT", settings.identity.as_ref().map(|(certificate, _)| file(certificate)));
        word("PGSSLKEY", settings.identity.as_ref().map(|(_, key)| file(key)));
    }
    found
}

/// A program of PostgreSQL: the one on the search path, else the newest that lies where distributions keep it.
fn program(name: &str) -> Command {
    let on_path = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
        .unwrap_or_default();
    if on_path {
        return Command::new(name);
    }
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            program.is_file().then_some((version, program))
        })
        .collect();
    found.sort();
    found.pop().map_or_else(|| Command::new(name), |(_, program)| Command::new(program))
}

async fn dump(
    login: Vec<(&'static str, SecretString)>,
    schema: &'static str,
    to: &Path,
    moment: Option<String>,
) -> Stored<()> {
    let to = to.to_owned();
    let work = move || {
        let mut command = program("pg_dump");
        command.args(["--format=custom", "--no-password", "--lock-wait-timeout=30s", "--schema", schema]);
        command.arg("--file").arg(&to);
        if let Some(moment) = moment {
            command.arg(format!("--snapshot={moment}"));
        }
        for setting in ["PGOPTIONS", "PGSERVICE", "PGPASSFILE"] {
            command.env_remove(setting);
        }
        for (name, value) in &login {
            command.env(name, value.expose_secret());
        }
        ended(command, "pg_dump")
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| StoreError::Later("copying was broken off".into()))?
}

/// Whether a copy can be read; knows nothing of a database.
pub fn readable(file: &Path) -> Result<(), StoreError> {
    let mut command = program("pg_restore");
    command.arg("--list").arg(file);
    ended(command, "pg_restore")
}

fn ended(mut command: Command, name: &str) -> Stored<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => StoreError::Refused(format!(
            "the program {name} is missing; install PostgreSQL's client programs of the server's version or newer \
             (Debian: postgresql-client), and run it again"
        ).into()),
        kind => StoreError::Later(format!("the program {name} cannot be started ({kind})").into()),
    })?;
    if output.status.success() {
        return Ok(());
    }
    // It speaks of tables, rights and connections, never of what stands in a row.
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.lines().next().unwrap_or_default().chars().take(300).collect();
    Err(StoreError::Refused(
        format!(
            "{name} did not end well: {said}; it needs the login that owns the tables (`owner` of the store)"
        )
        .into(),
    ))
}
