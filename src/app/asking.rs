//! Asks the running process of a stage how it is, by the connection with `ops: true` on this machine. Never waits long, never
//! sends anything of a message, and never takes another's word for that of its own house: an answer proves whose it is (`proof.rs`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::app::proof::{self, Answer, Challenge, Proof, Proved};
use crate::route::compiled::Compiled;
use crate::store::contract::Store;
use crate::transport;
use crate::transport::caller::held;
use crate::transport::tls::{ClientCertificates, TlsSettings, only_config};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most octets that are read.
const MOST: u64 = 4 << 20;
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

/// What was heard at a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nobody answers, or somebody with another certificate.
    Nobody,
    /// The process of this stage and store.
    Ours(Answered),
    /// A process with the key of this stage; whether it is of this store only the store could tell, and one of the two cannot read it.
    OfStage(Answered),
    /// Somebody who proves nothing: a program of before, or of somebody else. What it says is nobody's.
    Unproven,
    /// A house of another stage, key or store.
    Another,
}

/// What only this stage and its store know, to tell the answers of its process from those of others.
pub struct House {
    proof: Proof,
    store: Option<Arc<dyn Store>>,
}

impl House {
    /// The house of a compiled stage, with its store where that opens; `None` where the system cannot do it.
    pub fn of(compiled: &Compiled, store: Option<Arc<dyn Store>>) -> Option<House> {
        Some(House::new(Proof::of(compiled).ok()?, store))
    }

    /// The house that makes such proofs.
    pub fn new(proof: Proof, store: Option<Arc<dyn Store>>) -> House {
        House { proof, store }
    }

    /// Asks whoever listens at a door for a path.
    pub async fn ask(&self, door: &Door, path: &str) -> Heard {
        self.twice(door, path, None).await.0
    }

    /// Whether the process behind a door of its own listens at an address, too.
    pub async fn listens(&self, door: &Door, address: SocketAddr) -> (Heard, bool) {
        self.twice(door, "/health/live", Some(address)).await
    }

    async fn twice(&self, door: &Door, path: &str, listens: Option<SocketAddr>) -> (Heard, bool) {
        match self.once(door, path, listens).await {
            // It may have been started between the look into the store and its answer.
            (Heard::Another, _) => self.once(door, path, listens).await,
            heard => heard,
        }
    }

    async fn once(&self, door: &Door, path: &str, listens: Option<SocketAddr>) -> (Heard, bool) {
        let Ok(challenge) = proof::challenge() else { return (Heard::Nobody, false) };
        let secrets = match &self.store {
            Some(store) => proof::all(&**store).await.ok().flatten(),
            None => None,
        };
        let Some(raw) = fetch(door, path, &challenge, listens).await else { return (Heard::Nobody, false) };
        let Some(written) = &raw.proof else { return (Heard::Unproven, false) };
        // Each of the two answers to the second question is a proof of its own.
        let said: &[Option<bool>] = if listens.is_some() { &[Some(true), Some(false)] } else { &[None] };
        for is in said {
            let answer = Answer {
                challenge: &challenge,
                path,
                status: raw.status,
                body: raw.text.as_bytes(),
                listens: listens.zip(*is),
            };
            let answered = Answered { good: (200..300).contains(&raw.status), text: raw.text.clone() };
            match self.proof.read(secrets.as_deref(), answer, written) {
                Proved::Store => return (Heard::Ours(answered), is.unwrap_or(false)),
                Proved::Stage => return (Heard::OfStage(answered), is.unwrap_or(false)),
                Proved::Another => {}
            }
        }
        (Heard::Another, false)
    }
}

/// What came over the wire, believed by nobody yet.
struct Raw {
    status: u16,
    text: String,
    proof: Option<String>,
}

async fn fetch(door: &Door, path: &str, challenge: &Challenge, listens: Option<SocketAddr>) -> Option<Raw> {
    let address = reachable(door.listen.parse().ok()?);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let (client, scheme) = match &door.certificate {
        None => (client, "http"),
        Some(file) => {
            let config = only_config(file).ok()?;
            (client.tls_backend_preconfigured(config), "https")
        }
    };
    // Whoever sends us elsewhere is not the process that was asked.
    let client = client.redirect(reqwest::redirect::Policy::none()).build().ok()?;
    let asked = client.get(format!("{scheme}://{address}{path}"));
    let mut asked = asked.header(proof::CHALLENGE, hex::encode(challenge));
    if let Some(listens) = listens {
        asked = asked.header(proof::LISTENS, listens.to_string());
    }
    let mut answer = asked.send().await.ok()?;
    let octets = held(&mut answer, MOST).await.ok()??;
    let proof = answer.headers().get(proof::PROOF).map(|proof| proof.to_str().unwrap_or("").to_owned());
    Some(Raw { status: answer.status().as_u16(), text: String::from_utf8(octets.into()).ok()?, proof })
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
