//! Opening a store: what it is opened with, refusal of a store of another stage, version or key, and what is made once.
//! Never changes a store that it refuses.

use std::sync::Arc;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::seal::key::Master;
use crate::store::migrated::{Migrated, begun_by};
use crate::store::postgres::base::Base;
use crate::store::postgres::belongs::{meta, same_store};
use crate::store::postgres::beside::Beside;
use crate::store::postgres::keyring::Keyring;
use crate::store::postgres::listen::Watch;
use crate::store::postgres::migrate;
use crate::store::postgres::pool::Db;
use crate::store::postgres::settings::{HOUSE, KEYS, Settings, refused};
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::postgres::{recovery, remove};
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::keys::check_value;
use crate::store::sealing::values::{Stored, sealing};

/// Connections of one process to the house's database.
const MOST: usize = 12;
/// Connections of one process to the key store.
const MOST_KEYS: usize = 4;

/// Opens a store, migrated where it is older; refused with a plain sentence where stage, version, key or key store do not fit.
pub(crate) async fn open(settings: &Settings) -> Stored<(Arc<Base>, Option<Watch>)> {
    let master = Master::new(&settings.master).map_err(sealing)?;
    let main = migrate::connect(&settings.main()?, settings.tls()?).await?;
    let keys = migrate::connect(&settings.keys()?, settings.tls()?).await?;
    if !migrate::is_current(&main, &keys).await? {
        same_store(&main, settings.stage, &master).await?;
        if settings.read_only {
            let made = begun_by(settings.stage);
            return refused(&format!("the store is empty or older than this program; {made}"));
        }
        migrate::migrate(settings).await?;
    }
    same_store(&main, settings.stage, &master).await?;
    if meta(&main, "store").await?.is_none() {
        if settings.read_only {
            let made = begun_by(settings.stage);
            return refused(&format!("this database holds no complete store; {made}"));
        }
        complete(&main, &keys, settings.stage, &master).await?;
        same_store(&main, settings.stage, &master).await?;
    }
    if meta(&main, "store").await? != meta(&keys, "store").await? {
        return refused(
            "the key store belongs to another store than the database, or was emptied; put the two together that belong \
             together, without its keys nothing opens",
        );
    }
    let lauf: Option<i64> = match settings.read_only {
        true => None,
        false => {
            let drawn = main.query_one(sql!("lauf_next"), &[]).await.map_err(trouble)?;
            Some(get(&drawn, 0)?)
        }
    };
    let db = Db::new(settings.main()?, settings.tls()?, MOST, lauf)?;
    let keyring = Keyring::new(master, Db::new(settings.keys()?, settings.tls()?, MOST_KEYS, None)?)?;
    let claims = Folder::open(&settings.folder, settings.read_only)?;
    let Some((lauf, witness)) = lauf.zip(db.witness()) else {
        return Ok((Arc::new(Base::new((db, keyring), settings.stage, 0, (claims, None))), None));
    };
    keyring.mandant(&db, crate::store::sealing::keys::HOUSE).await?;
    let watch = Watch::start(settings.main()?, settings.tls()?, lauf).await?;
    let store =
        meta(&main, "store").await?.and_then(|store| Uuid::try_parse(&store).ok()).unwrap_or_default();
    let beside = Beside::start(&settings.folder, store, (witness, lauf));
    let base = Arc::new(Base::new((db, keyring), settings.stage, lauf, (claims, Some(beside))));
    remove::destroy_listed(&base).await?;
    recovery::check(&base).await?;
    Ok((base, Some(watch)))
}

/// Makes the tables or brings them up to this program's version, and writes whose store it is; all with the owner's login.
pub(crate) async fn prepare(settings: &Settings) -> Stored<Vec<Migrated>> {
    let master = Master::new(&settings.master).map_err(sealing)?;
    let main = migrate::connect(&settings.owner(HOUSE)?, settings.tls()?).await?;
    let keys = migrate::connect(&settings.owner_of_keys(KEYS)?, settings.tls()?).await?;
    same_store(&main, settings.stage, &master).await?;
    let made = migrate::migrate(settings).await?;
    if meta(&main, "store").await?.is_none() {
        complete(&main, &keys, settings.stage, &master).await?;
    }
    same_store(&main, settings.stage, &master).await?;
    Ok(made)
}

/// Writes whose store it is; two processes that do it at once agree, because the first one's word stays.
async fn complete(main: &Client, keys: &Client, stage: Stage, master: &Master) -> Stored<()> {
    set(keys, "store", &Uuid::new_v4().to_string()).await?;
    // A crash before now leaves a key store that belongs to nobody yet: its word counts.
    let store = meta(keys, "store").await?.unwrap_or_default();
    set(main, "stage", stage.as_str()).await?;
    set(main, "key", &check_value(master)?).await?;
    set(main, "store", &store).await
}

async fn set(client: &Client, name: &str, value: &str) -> Stored<()> {
    client.execute(sql!("meta_set"), &[&name, &value]).await.map(drop).map_err(trouble)
}
