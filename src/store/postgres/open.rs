//! Opening a store: what it is opened with, refusal of a store of another stage, version or key, and what is made once.
//! Never changes a store that it refuses.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::seal::key::{KEY_LEN, Master};
use crate::store::error::StoreError;
use crate::store::lies::Lies;
use crate::store::migrated::{Migrated, begun_by};
use crate::store::postgres::base::Base;
use crate::store::postgres::keyring::Keyring;
use crate::store::postgres::listen::Watch;
use crate::store::postgres::migrate::{self, HOUSE, KEYS};
use crate::store::postgres::pool::Db;
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::postgres::{recovery, remove};
use crate::store::sealing::claim_file::Folder;
use crate::store::sealing::keys::check_value;
use crate::store::sealing::values::{Stored, sealing};

/// Connections of one process to the house's database.
const MOST: usize = 12;
/// Connections of one process to the key store.
const MOST_KEYS: usize = 4;

/// What a store is opened with.
#[derive(Debug)]
pub struct Settings {
    /// URL of the running program's login; may hold a password.
    pub url: SecretString,
    /// URL of the owner's login, which makes tables; `None`: the same login.
    pub owner: Option<SecretString>,
    /// URL of the key store where it is another database; `None`: the schema `schluessel` of the same one.
    pub keys: Option<SecretString>,
    /// File of the authority that the server's certificate must come from.
    pub authority: Option<PathBuf>,
    /// Files of our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The folder of claims; all processes of a store share it.
    pub folder: PathBuf,
    /// The stage of the process.
    pub stage: Stage,
    /// The master key.
    pub master: SecretBox<[u8; KEY_LEN]>,
    /// True where nothing may be written.
    pub read_only: bool,
}

fn refused<T>(text: &str) -> Stored<T> {
    Err(StoreError::Refused(text.to_owned().into()))
}

/// What the running program's statements rest on: each reaches its rows by an index. Without this the server plans for the stock that it
/// counted last; in a house that is being filled for the first time that is an empty one, whose tables it reads whole, and it keeps to
/// that for a minute and more while they grow. The checks of references inside the server are planned the same way. Without bitmaps,
/// because only a scan of an index itself marks entries whose rows have gone, and the next one passes over them: lanes come and go
/// with each message, and 30,000 entries of such were read for the 30 lanes that were leased.
pub const PLANNED: &str = "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

fn planned(mut config: Config) -> Config {
    let written = config.get_options().unwrap_or_default();
    let options = format!("{written} {PLANNED}");
    config.options(options);
    config
}

impl Settings {
    /// The settings of a place as the menu of back ends has it: a URL whose own parameters `claims`, `owner`, `keys`, `ca`,
    /// `cert` and `key` are percent-encoded.
    pub fn of_place(
        place: &Lies,
        stage: Stage,
        master: SecretBox<[u8; KEY_LEN]>,
        read_only: bool,
    ) -> Result<Settings, StoreError> {
        let place = place.address()?;
        let (url, query) = place.split_once('?').unwrap_or((place, ""));
        let mut settings = Settings {
            url: SecretString::from(String::new()),
            owner: None,
            keys: None,
            authority: None,
            identity: None,
            folder: PathBuf::new(),
            stage,
            master,
            read_only,
        };
        let (mut rest, mut cert, mut key) = (Vec::new(), None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(decoded) = decode(value) else {
                return refused("a parameter of the store's URL is not encoded well");
            };
            match name {
                "claims" => settings.folder = decoded.into(),
                "owner" => settings.owner = Some(decoded.into()),
                "keys" => settings.keys = Some(decoded.into()),
                "ca" => settings.authority = Some(decoded.into()),
                "cert" => cert = Some(PathBuf::from(decoded)),
                "key" => key = Some(PathBuf::from(decoded)),
                _ => rest.push(pair),
            }
        }
        if settings.folder.as_os_str().is_empty() {
            return refused("the store's URL names no folder of claims; add `claims`");
        }
        settings.identity = cert.zip(key);
        let query = rest.join("&");
        settings.url = if query.is_empty() { url.to_owned() } else { format!("{url}?{query}") }.into();
        Ok(settings)
    }

    fn config(&self, url: &SecretString, schema: &str) -> Stored<Config> {
        let wrong = |_| {
            StoreError::Refused(
                "the store's URL cannot be read; write postgresql://user@host/database".into(),
            )
        };
        let mut config = Config::from_str(url.expose_secret()).map_err(wrong)?;
        let remote = config.get_hosts().iter().any(|host| match host {
            Host::Tcp(name) => !matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => false,
        });
        if remote && !matches!(config.get_ssl_mode(), SslMode::Require) {
            return refused("the store's URL leads to another machine without TLS; add `sslmode=require`");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        // Of several servers the one that takes writes, so that a failover is followed by connecting anew.
        if !self.read_only {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.keepalives_idle(Duration::from_secs(20));
        config.tcp_user_timeout(Duration::from_secs(20));
        config.application_name("drehscheibe");
        // The last word counts: patience can be tuned by the URL's own `options`, what the statements rest on cannot.
        let patience =
            "-c statement_timeout=60s -c lock_timeout=15s -c idle_in_transaction_session_timeout=60s";
        let fixed = format!("-c search_path={schema},pg_temp -c timezone=UTC");
        let fixed =
            if self.read_only { format!("{fixed} -c default_transaction_read_only=on") } else { fixed };
        let written = config.get_options().unwrap_or_default();
        let options = format!("{patience} {written} {fixed}");
        config.options(options);
        Ok(config)
    }

    /// The running program's connection to the house's database.
    pub(crate) fn main(&self) -> Stored<Config> {
        Ok(planned(self.config(&self.url, HOUSE)?))
    }

    /// The running program's connection to the database of the keys.
    pub(crate) fn keys(&self) -> Stored<Config> {
        Ok(planned(self.config(self.keys.as_ref().unwrap_or(&self.url), KEYS)?))
    }

    /// The owner's connection to the house's database.
    pub(crate) fn owner(&self, schema: &str) -> Stored<Config> {
        self.config(self.owner.as_ref().unwrap_or(&self.url), schema)
    }

    /// The connection that makes the tables of the key store: in the house's database the owner's, elsewhere its own.
    pub(crate) fn owner_of_keys(&self, schema: &str) -> Stored<Config> {
        self.config(self.keys.as_ref().or(self.owner.as_ref()).unwrap_or(&self.url), schema)
    }

    /// The running program's login.
    pub(crate) fn login(&self) -> Stored<String> {
        user(&self.main()?)
    }

    /// The running program's login at the key store.
    pub(crate) fn login_of_keys(&self) -> Stored<String> {
        user(&self.keys()?)
    }

    /// TLS as it is set.
    pub(crate) fn tls(&self) -> Stored<MakeRustlsConnect> {
        let unreadable = |what: &str| {
            StoreError::Refused(format!("the file of {what} cannot be read or holds none").into())
        };
        let mut roots = RootCertStore::empty();
        // Without an authority no certificate is accepted: whom to trust is said here, not by the system.
        if let Some(file) = &self.authority {
            let found =
                CertificateDer::pem_file_iter(file).map_err(|_| unreadable("the store's authority"))?;
            for certificate in found {
                let certificate = certificate.map_err(|_| unreadable("the store's authority"))?;
                roots.add(certificate).map_err(|_| unreadable("the store's authority"))?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| StoreError::Refused("TLS cannot be set up".into()))?
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_file_iter(certificate)
                    .and_then(Iterator::collect)
                    .map_err(|_| unreadable("the store's certificate"))?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| unreadable("the store's key"))?;
                config.with_client_auth_cert(chain, key).map_err(|_| unreadable("the store's certificate"))?
            }
        };
        Ok(MakeRustlsConnect::new(config))
    }
}

fn user(config: &Config) -> Stored<String> {
    match config.get_user() {
        Some(user) => Ok(user.to_owned()),
        None => refused("the store's URL names no user"),
    }
}

fn decode(value: &str) -> Option<String> {
    let octets = value.as_bytes();
    let (mut decoded, mut n) = (Vec::with_capacity(octets.len()), 0);
    while n < octets.len() {
        if octets[n] == b'%' {
            decoded.push(u8::from_str_radix(value.get(n + 1..n + 3)?, 16).ok()?);
            n += 3;
        } else {
            decoded.push(octets[n]);
            n += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

/// A text as a parameter of a place's URL.
pub fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for octet in value.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b':' => {
                encoded.push(octet.into())
            }
            _ => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

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
    let Some(lauf) = lauf else {
        return Ok((Arc::new(Base::new(db, keyring, settings.stage, 0, claims)), None));
    };
    keyring.mandant(&db, crate::store::sealing::keys::HOUSE).await?;
    let watch = Watch::start(settings.main()?, settings.tls()?, lauf).await?;
    let base = Arc::new(Base::new(db, keyring, settings.stage, lauf, claims));
    remove::destroy_listed(&base).await?;
    recovery::check(&base).await?;
    Ok((base, Some(watch)))
}

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

async fn same_store(main: &Client, stage: Stage, master: &Master) -> Stored<()> {
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

async fn meta(client: &Client, name: &str) -> Stored<Option<String>> {
    let found = client.query_opt(sql!("meta_get"), &[&name]).await.map_err(trouble)?;
    found.map(|r| get(&r, 0)).transpose()
}

async fn set(client: &Client, name: &str, value: &str) -> Stored<()> {
    client.execute(sql!("meta_set"), &[&name, &value]).await.map(drop).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_url_with_parameters_of_ours() {
        let master = SecretBox::new(Box::new([1; 32]));
        let owner = encode("postgresql://o:p%@h/d?sslmode=require");
        let place = format!("postgresql://u@h/d?sslmode=require&claims=/var/x%20y&owner={owner}");
        let settings = Settings::of_place(&Lies::at(place), Stage::Test, master, false).unwrap();
        assert_eq!(settings.url.expose_secret(), "postgresql://u@h/d?sslmode=require");
        assert_eq!(settings.folder, PathBuf::from("/var/x y"));
        assert_eq!(settings.owner.unwrap().expose_secret(), "postgresql://o:p%@h/d?sslmode=require");
        let master = SecretBox::new(Box::new([1; 32]));
        let without = Settings::of_place(&Lies::at("postgresql://u@h/d"), Stage::Test, master, false);
        assert!(matches!(without, Err(StoreError::Refused(_))));
    }

    #[test]
    fn another_machine_needs_tls() {
        let master = SecretBox::new(Box::new([1; 32]));
        let place = Lies::at("postgresql://u@db.example/d?claims=/x");
        let settings = Settings::of_place(&place, Stage::Test, master, false).unwrap();
        assert!(
            matches!(settings.main(), Err(StoreError::Refused(text)) if text.contains("sslmode=require"))
        );
    }
}
