//! Whether the files of TLS that are written of a listener or of a way out can be used, before anything runs by them; and whether what comes to
//! a listener could be read along. Opens no connection, and shows no content of a file.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::port::files::Looked;
use super::tls::{self, Identity, ServerTls, TlsError, TlsSettings};
use super::watched::Files;

/// What of the files of a listener cannot be used, by the key that names it; its TLS stands under `tls`.
pub fn of_listener(written: &Value, config: &Path) -> Looked {
    let tls = written.get("tls").filter(|tls| !tls.is_null());
    let opened =
        tls.and_then(|tls| TlsSettings::deserialize(tls).ok()).map(|tls| ServerTls::open(tls.below(config)));
    looked(written, opened.and_then(Result::err), ("/tls", "/tls/client-ca"))
}

/// The same of a way out whose `ca` and `client-certificate` stand under a path of the settings. Where no authority is named and `public` is
/// said, those of the machine vouch, so it has to have some.
pub fn of_way_out(written: &Value, base: &str, public: bool, config: &Path) -> Looked {
    let at = |key: &str| written.pointer(&format!("{base}/{key}"));
    let ca = at("ca").and_then(Value::as_str).map(|ca| config.join(ca));
    let own = at("client-certificate").and_then(|own| Identity::deserialize(own).ok());
    let own = own.map(|own| own.below(config));
    let made = Files::read(&tls::client_files(ca.as_deref(), own.as_ref())).map_err(TlsError::from);
    let made = made.and_then(|files| match (&ca, public) {
        (Some(_), _) => tls::client_config(&files),
        (None, true) => tls::public_config(&files),
        (None, false) => tls::plain_config(),
    });
    looked(written, made.err(), (&format!("{base}/client-certificate"), &format!("{base}/ca")))
}

/// The fault beside the key that names its file, with the file as it is written.
fn looked(written: &Value, fault: Option<TlsError>, (own, authorities): (&str, &str)) -> Looked {
    let told = |fault: TlsError| {
        let at = match &fault {
            TlsError::Unreadable { role } | TlsError::NotPem { role } if role.ends_with("ca") => {
                authorities.to_owned()
            }
            TlsError::Unreadable { role } | TlsError::NotPem { role } => format!("{own}/{role}"),
            TlsError::Unfit(_) => own.to_owned(),
        };
        let named = written.pointer(&at).and_then(Value::as_str);
        let text = named.map_or_else(|| fault.to_string(), |named| format!("{named}: {fault}"));
        (at, text)
    };
    Looked { faults: fault.map(told).into_iter().collect(), spots: Vec::new() }
}

/// Whether others could read along what comes to a listener, for stages that are real: it can be reached from other machines, has no TLS, and no
/// proxy in front of it is named. The key, and what to write.
pub fn exposed(written: &Value) -> Option<(String, String)> {
    let listen: SocketAddr = written.get("listen")?.as_str()?.parse().ok()?;
    let tls = written.get("tls").is_some_and(|tls| !tls.is_null());
    let proxies = written.get("trusted-proxies").and_then(Value::as_array);
    // A network of all addresses names nobody.
    let named = |proxy: &Value| proxy.as_str().is_some_and(|network| !network.ends_with("/0"));
    if tls || listen.ip().to_canonical().is_loopback() || proxies.is_some_and(|all| all.iter().any(named)) {
        return None;
    }
    let text = "can be reached from other machines and has no TLS; write `tls`, listen on 127.0.0.1 behind a proxy on this machine, or \
                name the proxy that stands in front in `trusted-proxies`";
    Some(("/listen".to_owned(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_others_reach_without_tls_and_proxy_is_exposed() {
        for (written, is) in [
            (json!({ "listen": "0.0.0.0:80" }), true),
            (json!({ "listen": "[::]:80" }), true),
            (json!({ "listen": "192.0.2.1:80" }), true),
            (json!({ "listen": "10.0.0.1:80" }), true),
            (json!({ "listen": "[::ffff:192.0.2.1]:80" }), true),
            (json!({ "listen": "0.0.0.0:80", "trusted-proxies": [] }), true),
            (json!({ "listen": "0.0.0.0:80", "trusted-proxies": ["0.0.0.0/0"] }), true),
            (json!({ "listen": "0.0.0.0:80", "tls": null }), true),
            (json!({ "listen": "127.0.0.1:80" }), false),
            (json!({ "listen": "127.8.0.1:80" }), false),
            (json!({ "listen": "[::1]:80" }), false),
            (json!({ "listen": "[::ffff:127.0.0.1]:80" }), false),
            (json!({ "listen": "0.0.0.0:80", "tls": { "certificate": "a", "key": "b" } }), false),
            (json!({ "listen": "0.0.0.0:80", "trusted-proxies": ["10.0.0.1"] }), false),
            (json!({ "every": "1s" }), false),
        ] {
            assert_eq!(exposed(&written).is_some(), is, "{written}");
        }
    }
}
