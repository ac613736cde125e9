//! Migrations: forward only, each one readable and writable by the program before it, so that old and new run together while
//! an update is rolled out. One process migrates at a time. Never runs on the rights of the running program where the owner
//! is named. Never changes a store that is newer than the program.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::StoreError;
use crate::store::migrated::{Migrated, Version};
use crate::store::postgres::settings::{HOUSE, KEYS, Settings};
use crate::store::postgres::values::{not_connected, trouble};
use crate::store::sealing::values::Stored;
use crate::store::trouble::Trouble;

mod house {
    refinery::embed_migrations!("src/store/postgres/migrations");
}

mod keys {
    refinery::embed_migrations!("src/store/postgres/migrations_keys");
}

/// How long one process waits for another one that migrates.
const TURN: Duration = Duration::from_secs(120);

/// A connection of its own, driven until it is dropped.
pub(crate) async fn connect(config: &Config, tls: MakeRustlsConnect) -> Stored<Client> {
    let (client, connection) = config.connect(tls).await.map_err(|error| match error.code() {
        // At the start these do not pass by themselves.
        Some(code) if code.code().starts_with("28") => StoreError::Refused(Trouble::Login.into()),
        Some(&SqlState::UNDEFINED_DATABASE) => StoreError::Refused(Trouble::NoDatabase.into()),
        _ => not_connected(error),
    })?;
    tokio::spawn(async move {
        // What broke the connection is said to whoever asks on it.
        let _ = connection.await;
    });
    Ok(client)
}

/// Brings both schemas up to this program's version; returns what was made of each. Safe to call at any time and by several
/// processes at once.
pub async fn migrate(settings: &Settings) -> Result<Vec<Migrated>, StoreError> {
    let main = connect(&settings.owner(HOUSE)?, settings.tls()?).await?;
    let keys = connect(&settings.owner_of_keys(KEYS)?, settings.tls()?).await?;
    let may_not = |of_keys| denied(settings.owner.is_some(), of_keys && settings.keys.is_some());
    let (main_login, keys_login) = (settings.login()?, settings.login_of_keys()?);
    let house = one_schema(main, HOUSE, house::migrations::runner(), (&main_login, may_not(false))).await?;
    let keys = one_schema(keys, KEYS, keys::migrations::runner(), (&keys_login, may_not(true))).await?;
    Ok(vec![house, keys])
}

/// Whether both schemas are of this program's version; refuses newer ones.
pub(crate) async fn is_current(main: &Client, keys: &Client) -> Stored<bool> {
    let main = version(main, HOUSE, newest(house::migrations::runner().get_migrations())).await?;
    let keys = version(keys, KEYS, newest(keys::migrations::runner().get_migrations())).await?;
    Ok(main && keys)
}

fn newest(known: &[refinery::Migration]) -> i64 {
    known.iter().map(|m| i64::from(m.version())).max().unwrap_or(0)
}

/// The versions of both schemas, as they are.
pub(crate) async fn versions(settings: &Settings) -> Stored<Vec<Version>> {
    let main = connect(&settings.main()?, settings.tls()?).await?;
    let keys = connect(&settings.keys()?, settings.tls()?).await?;
    let of = |tables, found, known: &[refinery::Migration]| Version { tables, found, program: newest(known) };
    Ok(vec![
        of("house", found(&main, HOUSE).await?, house::migrations::runner().get_migrations()),
        of("keys", found(&keys, KEYS).await?, keys::migrations::runner().get_migrations()),
    ])
}

async fn found(client: &Client, schema: &str) -> Stored<Option<i64>> {
    let table = format!("{schema}.refinery_schema_history");
    let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.map_err(trouble)?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let found = format!("SELECT max(version)::bigint FROM {table}");
    Ok(client.query_one(&found, &[]).await.map_err(trouble)?.get(0))
}

async fn version(client: &Client, schema: &str, newest: i64) -> Stored<bool> {
    let Some(found) = found(client, schema).await? else { return Ok(false) };
    if found > newest {
        return Err(StoreError::Refused(format!(
            "the store has schema version {found}, this program knows up to {newest}; start the newer program, \
             or restore the backup made before the update"
        ).into()));
    }
    Ok(found == newest)
}

/// What to do where the login that makes tables may not: `owner`, whether one is named; `keys`, whether it is that of a key store in a
/// database of its own, which makes its tables itself, whoever the owner of the other one is.
fn denied(owner: bool, keys: bool) -> &'static str {
    match (keys, owner) {
        (true, _) => {
            "the login of `keys` makes the tables of the key store itself and may not make tables or roles in its database; let an \
             administrator give it CREATE there (and CREATEROLE, once, where the role `drehscheibe_lauf` is missing)"
        }
        (false, true) => {
            "the login `owner` of the store may not make tables or roles in its database; let it own the database, or an administrator give \
             it CREATE there and CREATEROLE once"
        }
        (false, false) => {
            "the login of the running program may not make tables or roles; name the owner's login as `owner` of the store for `migrate`"
        }
    }
}

async fn one_schema(
    mut client: Client,
    schema: &str,
    runner: refinery::Runner,
    (login, may_not): (&str, &'static str),
) -> Stored<Migrated> {
    let denied = |error: tokio_postgres::Error| match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Refused(may_not.into()),
        _ => trouble(error),
    };
    client
        .batch_execute(&format!("SET statement_timeout = 0; SET lock_timeout = '{}s'", TURN.as_secs()))
        .await
        .map_err(trouble)?;
    // Two processes that open at once would both migrate; roles belong to the whole server and have a turn of their own.
    client.batch_execute("SELECT pg_advisory_lock(20033, 0)").await.map_err(trouble)?;
    version(&client, schema, newest(runner.get_migrations())).await?;
    client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await.map_err(denied)?;
    let made = runner.run_async(&mut client).await.map_err(|error| {
        let source =
            std::error::Error::source(&error).and_then(|s| s.downcast_ref::<tokio_postgres::Error>());
        match source.and_then(tokio_postgres::Error::code) {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => StoreError::Refused(may_not.into()),
            Some(code) => StoreError::Later(
                format!("the tables cannot be made: PostgreSQL answers {}", code.code()).into(),
            ),
            None => StoreError::Later("the tables cannot be made; the connection was lost".into()),
        }
    })?;
    member(&client, schema, login).await?;
    client.batch_execute("SELECT pg_advisory_unlock(20033, 0)").await.map_err(trouble)?;
    let tables = if schema == HOUSE { "house" } else { "keys" };
    Ok(Migrated::of(tables, newest(runner.get_migrations()), made.applied_migrations()))
}

/// Makes the running program's login a member of its roles, where it is not yet.
async fn member(client: &Client, schema: &str, login: &str) -> Stored<()> {
    let roles: &[&str] = match schema {
        HOUSE => &["drehscheibe_lauf", "drehscheibe_abruf", "drehscheibe_sicht"],
        _ => &["drehscheibe_lauf"],
    };
    for role in roles {
        let has = client
            .query_one("SELECT pg_has_role($1::text::name, $2::text::name, 'MEMBER')", &[&login, role])
            .await
            .map_err(|error| match error.code() {
                Some(&SqlState::UNDEFINED_OBJECT) => StoreError::Refused(
                    "the running program's login does not exist in PostgreSQL; create it".into(),
                ),
                _ => trouble(error),
            })?;
        if has.get::<_, bool>(0) {
            continue;
        }
        let quoted = login.replace('"', "\"\"");
        client.batch_execute(&format!("GRANT {role} TO \"{quoted}\"")).await.map_err(|_| {
            StoreError::Refused(
                format!("the owner may not give {role} to the program's login; let an administrator do it")
                    .into(),
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_to_make_tables_and_may_not_is_named() {
        // `owner` never makes those of a key store in a database of its own.
        assert!(denied(true, true).contains("login of `keys`") && !denied(true, true).contains("`owner`"));
        assert_eq!(denied(true, true), denied(false, true));
        assert!(denied(true, false).contains("login `owner` of the store may not"));
        assert!(denied(false, false).contains("name the owner's login as `owner`"));
    }
}
