//! The servers of a measurement: private ones that are started here and gone afterwards, or those whose addresses are given.
//! Never touches a database or queue that it did not make.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use lapin::uri::AMQPUri;

use crate::cli::args_bench::FloorArgs;
use crate::cli::exit::CliError;

/// The scripts that people use too, written out so that no checkout is needed.
const SCRIPTS: &[(&str, &str)] = &[
    ("services.sh", include_str!("../../../deploy/dev/services.sh")),
    ("postgres.sh", include_str!("../../../deploy/dev/postgres.sh")),
    ("rabbitmq.sh", include_str!("../../../deploy/dev/rabbitmq.sh")),
];

/// Addresses of both servers.
pub struct Servers {
    /// URL of the login that makes databases, without the database's name.
    admin: Url,
    /// Names of the logins that own and use the tables; `None`: the one of `admin`.
    logins: Option<(&'static str, &'static str)>,
    /// URL of the broker.
    pub broker: String,
    private: Option<Private>,
}

/// A URL taken apart around the name of the database.
struct Url {
    before: String,
    after: String,
}

impl Url {
    fn read(written: &str) -> Result<Url, CliError> {
        let wrong = || {
            let text = "--database is no URL; write such as postgresql://postgres@127.0.0.1:5432/postgres";
            CliError::Usage(text.to_owned())
        };
        let (url, query) = written.split_once('?').unwrap_or((written, ""));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (host, _) = rest.split_once('/').ok_or_else(wrong)?;
        let after = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(Url { before: format!("{scheme}://{host}"), after })
    }

    fn of(&self, login: Option<&str>, database: &str) -> String {
        let before = match (login, self.before.split_once("://")) {
            (Some(login), Some((scheme, rest))) => {
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                format!("{scheme}://{login}@{host}")
            }
            _ => self.before.clone(),
        };
        format!("{before}/{database}{}", self.after)
    }
}

impl Servers {
    /// Starts private servers below a folder, or takes the addresses given.
    pub fn of(args: &FloorArgs, folder: &Path) -> Result<Servers, CliError> {
        match (args.services, &args.database, &args.broker) {
            (true, _, _) => Servers::start(folder),
            (false, Some(database), Some(broker)) => Ok(Servers {
                admin: Url::read(database)?,
                logins: None,
                broker: broker.clone(),
                private: None,
            }),
            _ => Err(CliError::Usage(
                "a measurement needs its servers: --services starts private ones, --database URL --broker URL names others"
                    .to_owned(),
            )),
        }
    }

    fn start(folder: &Path) -> Result<Servers, CliError> {
        let scripts = folder.join("dev");
        std::fs::create_dir_all(&scripts)?;
        for (name, text) in SCRIPTS {
            std::fs::write(scripts.join(name), text)?;
            make_executable(&scripts.join(name))?;
        }
        let [postgres, amqp, dist, epmd] = free_ports()?;
        let below = |name: &str| folder.join(name).display().to_string();
        let environment = [
            ("DREHSCHEIBE_PG", below("postgres")),
            ("DREHSCHEIBE_PG_PORT", postgres.to_string()),
            ("DREHSCHEIBE_RABBITMQ_DIR", below("rabbitmq")),
            ("DREHSCHEIBE_RABBITMQ_PORT", amqp.to_string()),
            ("DREHSCHEIBE_RABBITMQ_DIST", dist.to_string()),
            ("DREHSCHEIBE_RABBITMQ_EPMD", epmd.to_string()),
            ("DREHSCHEIBE_RABBITMQ_WHILE", std::process::id().to_string()),
        ];
        let private = Private {
            script: scripts.join("services.sh"),
            environment: environment.map(|(name, value)| (name, value)).to_vec(),
        };
        private.run("start")?;
        Ok(Servers {
            admin: Url {
                before: format!("postgresql://postgres@127.0.0.1:{postgres}"),
                after: String::new(),
            },
            logins: Some(("besitzer", "laufzeit")),
            broker: format!("amqp://guest:guest@127.0.0.1:{amqp}/%2f"),
            private: Some(private),
        })
    }

    /// URL of the login that makes databases.
    pub fn admin(&self, database: &str) -> String {
        self.admin.of(None, database)
    }

    /// URL of the owner of the tables.
    pub fn owner(&self, database: &str) -> String {
        self.admin.of(self.logins.map(|(owner, _)| owner), database)
    }

    /// URL of the running program.
    pub fn program(&self, database: &str) -> String {
        self.admin.of(self.logins.map(|(_, program)| program), database)
    }

    /// The owner's login, where it is another one than that which makes databases.
    pub fn owner_login(&self) -> Option<&'static str> {
        self.logins.map(|(owner, _)| owner)
    }

    /// The broker's address taken apart.
    pub fn broker_uri(&self) -> Result<AMQPUri, CliError> {
        let wrong = |_| {
            CliError::Usage(
                "--broker is no URL; write such as amqp://guest:guest@127.0.0.1:5672/%2f".to_owned(),
            )
        };
        self.broker.parse().map_err(wrong)
    }

    /// Whether they are private ones of this measurement.
    pub fn are_private(&self) -> bool {
        self.private.is_some()
    }
}

/// Private servers; they end with this value.
struct Private {
    script: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Private {
    fn run(&self, verb: &str) -> Result<(), CliError> {
        let mut command = Command::new(&self.script);
        command.args([verb, "postgres", "rabbitmq"]).envs(self.environment.iter().map(|(n, v)| (n, v)));
        // What a server drops where it was started goes with their folder.
        command.current_dir(self.script.parent().unwrap_or(Path::new("/")));
        // The servers must not keep our output open: whoever reads it would wait for them. A file of their own is kept
        // below their folder.
        let said = command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).output()?;
        if said.status.success() {
            return Ok(());
        }
        Err(CliError::Usage(format!(
            "private servers do not {verb}: {}",
            String::from_utf8_lossy(&said.stderr).trim()
        )))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // The broker also ends by itself when this process is gone.
        let _ = self.run("stop");
    }
}

fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
}

fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_around_its_database() {
        let url = Url::read("postgresql://chef:geheim@h:5432/postgres?sslmode=require").unwrap();
        assert_eq!(url.of(None, "x"), "postgresql://chef:geheim@h:5432/x?sslmode=require");
        assert_eq!(url.of(Some("laufzeit"), "x"), "postgresql://laufzeit@h:5432/x?sslmode=require");
        assert!(Url::read("host=127.0.0.1").is_err());
        assert!(Url::read("postgresql://h").is_err());
    }
}
