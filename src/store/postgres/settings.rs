//! What a store on PostgreSQL is opened with: logins, certificates, places. Connects to nothing.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::envelope::Stage;
use crate::seal::key::KEY_LEN;
use crate::store::error::StoreError;
use crate::store::lies::Lies;
use crate::store::sealing::values::Stored;

/// Schema of the house.
pub(crate) const HOUSE: &str = "drehscheibe";

/// Schema of child and Vorgang keys.
pub(crate) const KEYS: &str = "schluessel";

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

/// A refusal with this text.
pub fn refused<T>(text: &str) -> Stored<T> {
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
