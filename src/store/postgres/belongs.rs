//! Whether a database and a key store belong to each other, to this stage and to this master key. Changes nothing but the version of their
//! tables.

use tokio_postgres::Client;

use crate::envelope::Stage;
use crate::seal::key::Master;
use crate::store::error::StoreError;
use crate::store::postgres::migrate;
use crate::store::postgres::settings::{Settings, refused};
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::sealing::keys::check_value;
use crate::store::sealing::values::{Stored, sealing};

/// Connections to a store of this program's version and its key store that belong to this stage and master key; older tables are
/// brought up.
pub(crate) async fn current(settings: &Settings) -> Stored<(Client, Client)> {
    let master = Master::new(&settings.master).map_err(sealing)?;
    let main = migrate::connect(&settings.main()?, settings.tls()?).await?;
    let keys = migrate::connect(&settings.keys()?, settings.tls()?).await?;
    same_store(&main, settings.stage, &master).await?;
    if !migrate::is_current(&main, &keys).await? {
        migrate::migrate(settings).await?;
    }
    if meta(&main, "store").await? != meta(&keys, "store").await? {
        return refused(
            "the key store belongs to another store than the database; put the two together that belong together",
        );
    }
    Ok((main, keys))
}

/// Refuses a database of another stage or master key; one without tables is nobody's yet.
pub async fn same_store(main: &Client, stage: Stage, master: &Master) -> Stored<()> {
    let there =
        main.query_one("SELECT to_regclass('drehscheibe.meta') IS NOT NULL", &[]).await.map_err(trouble)?;
    if !there.get::<_, bool>(0) {
        return Ok(());
    }
    if let Some(found) = meta(main, "stage").await?.filter(|found| found != stage.as_str()) {
        return Err(StoreError::Refused(format!(
            "the store belongs to stage {found}, this process is of stage {}; name the database of stage {}, \
             or start the process for stage {found}",
            stage.as_str(),
            stage.as_str()
        ).into()));
    }
    match meta(main, "key").await? {
        Some(found) if found != check_value(master)? => refused(
            "the store was sealed under another master key than this process was given; give it the store's own key",
        ),
        _ => Ok(()),
    }
}

/// What the database or the key store says of itself under a name.
pub async fn meta(client: &Client, name: &str) -> Stored<Option<String>> {
    let found = client.query_opt(sql!("meta_get"), &[&name]).await.map_err(trouble)?;
    found.map(|r| get(&r, 0)).transpose()
}
