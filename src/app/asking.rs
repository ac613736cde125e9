//! Asks the running process of a stage how it is, by the connection with `ops: true` on this machine. Never waits long, never
//! sends anything of a message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::route::compiled::Compiled;
use crate::transport;
use crate::transport::tls::{ClientCertificates, TlsSettings, only_config};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most octets that are read.
const MOST: usize = 4 << 20;
/// What a process that runs answers at `/health/live`.
pub const ALIVE: &str = "lebt";

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether it was a yes.
    pub good: bool,
    /// The text.
    pub text: String,
}

/// Where a process answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The address it listens on, as written.
    pub listen: String,
    /// The file with its certificate, where it speaks TLS: exactly that one is trusted, whatever names and authorities it has.
    pub certificate: Option<PathBuf>,
}

impl Door {
    /// The door of a listener's settings, with files below a folder.
    pub fn of(settings: &Value, config: &Path) -> Result<Door, &'static str> {
        let listen = settings.get("listen").and_then(Value::as_str);
        let listen = listen.ok_or("the connection names no address")?.to_owned();
        let Some(tls) = tls(settings) else { return Ok(Door { listen, certificate: None }) };
        let tls =
            TlsSettings::deserialize(tls).map_err(|_| "its TLS settings cannot be read; see `check`")?;
        if tls.client_certificates == ClientCertificates::Required {
            return Err("it takes nobody without a client certificate; give `ops: true` to a connection on \
                        127.0.0.1 without TLS as well");
        }
        Ok(Door { listen, certificate: Some(tls.below(config).certificate) })
    }
}

/// Where the process of a stage answers for health and metrics, below the folder of its configuration; a plain sentence where it cannot
/// be asked. One that speaks no TLS is asked first.
pub fn door(compiled: &Compiled, config: &Path) -> Result<Door, &'static str> {
    let http = compiled.sources.iter().filter(|source| source.kind == transport::http::ENTRY.word);
    among(http.map(|source| &source.settings), config)
}

fn among<'a>(http: impl Iterator<Item = &'a Value>, config: &Path) -> Result<Door, &'static str> {
    let ops = |settings: &&Value| settings.get("ops").and_then(Value::as_bool).unwrap_or(false);
    let doors: Vec<&Value> = http.filter(ops).collect();
    let plain = doors.iter().find(|settings| tls(settings).is_none());
    let settings = plain.or(doors.first()).ok_or("no connection has `ops: true`")?;
    Door::of(settings, config)
}

/// The TLS settings of a connection, as written.
fn tls(settings: &Value) -> Option<&Value> {
    settings.get("tls").filter(|tls| !tls.is_null())
}

/// Asks whoever listens at a door for a path; `None` where nobody answers, or somebody with another certificate.
pub async fn ask(door: &Door, path: &str) -> Option<Answered> {
    let address = reachable(door.listen.parse().ok()?);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let (client, scheme) = match &door.certificate {
        None => (client, "http"),
        Some(file) => {
            let config = only_config(file).ok()?;
            (client.tls_backend_preconfigured(config), "https")
        }
    };
    let mut answer = client.build().ok()?.get(format!("{scheme}://{address}{path}")).send().await.ok()?;
    let mut octets = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        octets.extend_from_slice(&chunk);
        if octets.len() > MOST {
            return None;
        }
    }
    let text = String::from_utf8(octets).ok()?;
    Some(Answered { good: answer.status().is_success(), text })
}

/// Who listens everywhere is asked at home.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_door_without_tls_is_asked_first_wherever_it_stands() {
        let tls = json!({"certificate": "tls/server.pem", "key": "tls/server.key"});
        let first = json!({"listen": "0.0.0.0:8443", "ops": true, "tls": tls});
        let none = json!({"listen": "127.0.0.1:1", "tls": null});
        let plain = json!({"listen": "127.0.0.1:9090", "ops": true, "tls": null});
        let among = |doors: &[&Value]| super::among(doors.iter().copied(), Path::new("/stage"));
        let found = among(&[&first, &none, &plain]).unwrap();
        assert_eq!((found.listen.as_str(), found.certificate), ("127.0.0.1:9090", None));
        let found = among(&[&none, &first]).unwrap();
        assert_eq!(found.certificate.as_deref(), Some(Path::new("/stage/tls/server.pem")));
        assert_eq!(found.listen, "0.0.0.0:8443");
        assert!(among(&[&none]).unwrap_err().contains("ops: true"));
    }

    #[test]
    fn who_listens_everywhere_is_asked_at_home() {
        for (listen, asked) in
            [("0.0.0.0:8443", "127.0.0.1:8443"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
