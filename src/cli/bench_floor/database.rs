//! Databases of a measurement: made, copied from one another, looked at, dropped. Never touches one that it did not make.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::cli::bench_floor::servers::Servers;
use crate::cli::exit::CliError;
use crate::store::postgres::settings::PLANNED;

/// What the server did not do.
pub fn failed(what: &str) -> impl Fn(tokio_postgres::Error) -> CliError + '_ {
    move |error| {
        // Codes only: a server's text can quote.
        let code = error.code().map_or("the connection was lost", SqlState::code);
        CliError::Usage(format!("PostgreSQL: {what}: {code}"))
    }
}

/// A connection, driven until it is dropped.
pub async fn connect(url: &str) -> Result<Client, CliError> {
    connect_as(url, "").await
}

/// A connection whose statements are planned as the adapter's are; the rows that both write are the same.
pub async fn connect_planned(url: &str) -> Result<Client, CliError> {
    connect_as(url, PLANNED).await
}

async fn connect_as(url: &str, options: &str) -> Result<Client, CliError> {
    let mut config: Config = url.parse().map_err(failed("a URL cannot be read"))?;
    config.options(format!("{} {options}", config.get_options().unwrap_or_default()));
    let (client, connection) = config.connect(NoTls).await.map_err(failed("cannot connect"))?;
    tokio::spawn(async move {
        // What broke it is said to whoever asks on it.
        let _ = connection.await;
    });
    Ok(client)
}

/// The databases of one measurement.
pub struct Databases<'a> {
    servers: &'a Servers,
    prefix: String,
    next: AtomicU32,
}

impl<'a> Databases<'a> {
    /// None yet.
    pub fn new(servers: &'a Servers) -> Databases<'a> {
        let prefix = format!("drehscheibe_bench_{}", std::process::id());
        Databases { servers, prefix, next: AtomicU32::new(0) }
    }

    async fn admin(&self) -> Result<Client, CliError> {
        connect(&self.servers.admin("postgres")).await
    }

    /// Makes one, empty or as a copy.
    pub async fn make(&self, template: Option<&str>) -> Result<String, CliError> {
        let name = format!("{}_{}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed));
        let template = template.unwrap_or("template0");
        let owner = self.servers.owner_login().map(|login| format!(" OWNER {login}")).unwrap_or_default();
        let make = format!("CREATE DATABASE {name} TEMPLATE {template}{owner}");
        let admin = self.admin().await?;
        for attempt in 0.. {
            match admin.batch_execute(&make).await {
                Ok(()) => break,
                // A connection to the template is still ending.
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) && attempt < 200 => {
                    tokio::time::sleep(Duration::from_millis(25)).await;
                }
                Err(error) => return Err(failed("cannot make a database")(error)),
            }
        }
        Ok(name)
    }

    /// Drops one, and whoever is still connected to it.
    pub async fn drop(&self, name: &str) -> Result<(), CliError> {
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.admin().await?.batch_execute(&drop).await.map_err(failed("cannot drop a database"))
    }

    /// Drops all of this measurement, by the beginning of their names.
    pub async fn drop_all(&self) -> Result<(), CliError> {
        let named = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
        let begins = format!("{}_", self.prefix);
        let left =
            self.admin().await?.query(named, &[&begins]).await.map_err(failed("databases are not shown"))?;
        for row in left {
            self.drop(row.get(0)).await?;
        }
        Ok(())
    }

    /// A connection that sees everything.
    pub async fn look(&self, name: &str) -> Result<Client, CliError> {
        connect(&self.servers.admin(name)).await
    }
}

/// Where the write-ahead log stands, octets.
pub async fn wal(client: &Client) -> Result<i64, CliError> {
    let row = client
        .query_one("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint", &[])
        .await
        .map_err(failed("the write-ahead log is not shown"))?;
    Ok(row.get(0))
}

/// Begins a measurement without the debts of what was done before, where the login may do that.
pub async fn settle_down(client: &Client) {
    let _ = client.batch_execute("CHECKPOINT").await;
}

/// Whether something is still to be sent.
pub async fn waits(client: &Client) -> Result<bool, CliError> {
    let row = client
        .query_one("SELECT EXISTS (SELECT 1 FROM drehscheibe.lane)", &[])
        .await
        .map_err(failed("lanes are not shown"))?;
    Ok(row.get(0))
}

/// Messages taken in and rows to be sent so far.
pub async fn counts(client: &Client) -> Result<(i64, i64), CliError> {
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM drehscheibe.inbox), (SELECT count(*) FROM drehscheibe.lane)",
            &[],
        )
        .await
        .map_err(failed("rows are not counted"))?;
    Ok((row.get(0), row.get(1)))
}
