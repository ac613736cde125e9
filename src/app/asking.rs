//! Asks the running process of a stage how it is, by the connection with `ops: true` on this machine. Never waits long, never
//! sends anything of a message.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use crate::route::compiled::Compiled;
use crate::transport;

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

/// Where the process of a stage answers for health and metrics; a plain sentence where it cannot be asked.
pub fn door(compiled: &Compiled) -> Result<&str, &'static str> {
    let ops = |settings: &Value| settings.get("ops").and_then(Value::as_bool).unwrap_or(false);
    let door = compiled
        .sources
        .iter()
        .find(|source| source.kind == transport::http::ENTRY.word && ops(&source.settings))
        .ok_or("no connection has `ops: true`")?;
    if door.settings.get("tls").is_some_and(|tls| !tls.is_null()) {
        return Err("the connection with `ops: true` speaks TLS and cannot be asked from here");
    }
    door.settings
        .get("listen")
        .and_then(Value::as_str)
        .ok_or("the connection with `ops: true` names no address")
}

/// Asks whoever listens at an address for a path; `None` where nobody answers.
pub async fn ask(listen: &str, path: &str) -> Option<Answered> {
    let address = reachable(listen.parse().ok()?);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let mut answer = client.get(format!("http://{address}{path}")).send().await.ok()?;
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
    use super::*;

    #[test]
    fn who_listens_everywhere_is_asked_at_home() {
        for (listen, asked) in
            [("0.0.0.0:8443", "127.0.0.1:8443"), ("[::]:80", "[::1]:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
