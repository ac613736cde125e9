//! What stands open or cannot work is found before the start, by the real program: a listener that others could read along, files of TLS that are
//! missing, a machine that trusts nobody.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use crate::support::{StageDir, cli, edit, free_port};
use crate::transport_support::authority;

const OPEN: &str = "can be reached from other machines and has no TLS";

fn stage() -> StageDir {
    StageDir::new([free_port(), free_port()])
}

/// A certificate with its key, and the authority that vouches for it, in the folder `tls` of the stage.
fn lay(stage: &StageDir) {
    let folder = stage.stage().join("tls");
    fs::create_dir_all(&folder).expect("folder");
    let (key, authority) = (KeyPair::generate().expect("a key"), authority("haus"));
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    fs::write(folder.join("haus.key"), key.serialize_pem()).expect("key");
    fs::write(folder.join("haus.pem"), certificate.pem()).expect("certificate");
    fs::write(folder.join("ca.pem"), authority.pem()).expect("authority");
}

/// The faults that `check` tells with this text: file, line, text.
fn told(stage: &StageDir, text: &str) -> Vec<(String, u64, String)> {
    let (_, said) = cli(stage, &["check", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    let faults = said["faults"].as_array().expect("faults").iter();
    let of = faults.map(|fault| {
        let part = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
        let file = part("file").rsplit('/').next().unwrap_or_default().to_owned();
        (file, fault["line"].as_u64().unwrap_or_default(), part("text"))
    });
    of.filter(|(_, _, said)| said.contains(text)).collect()
}

#[test]
fn where_data_are_real_nobody_listens_in_the_clear() {
    let stage = stage();
    lay(&stage);
    let file = stage.stage().join("connections.yaml");
    let good = fs::read_to_string(&file).expect("connections");
    let port = stage.http.port();
    let own = format!("listen: \"{}\"", stage.http);
    assert!(good.contains(&own));
    for (written, open) in [
        (format!("listen: \"0.0.0.0:{port}\""), true),
        (format!("listen: \"[::]:{port}\""), true),
        (format!("listen: \"192.0.2.7:{port}\""), true),
        (format!("listen: \"0.0.0.0:{port}\", trusted-proxies: [ 0.0.0.0/0 ]"), true),
        (own.clone(), false),
        (format!("listen: \"0.0.0.0:{port}\", trusted-proxies: [ 10.1.2.3 ]"), false),
        (
            format!("listen: \"0.0.0.0:{port}\", tls: {{ certificate: tls/haus.pem, key: tls/haus.key }}"),
            false,
        ),
    ] {
        for (name, real) in [("test", false), ("abnahme", true), ("produktion", true)] {
            let text = good.replace(&own, &written).replacen("stage: test", &format!("stage: {name}"), 1);
            fs::write(&file, text).expect("written");
            let found = told(&stage, OPEN);
            assert_eq!(found.len(), usize::from(open && real), "{name}, {written}: {found:?}");
            assert!(
                found.iter().all(|(file, line, _)| file == "connections.yaml" && *line == 6),
                "{found:?}"
            );
        }
    }
    // Who would start it, and who looks at the machine, say so as well, and nothing listens.
    fs::write(
        &file,
        good.replace(&own, &format!("listen: \"0.0.0.0:{port}\"")).replacen(
            "stage: test",
            "stage: abnahme",
            1,
        ),
    )
    .expect("written");
    let (code, said) = cli(&stage, &["run"]);
    assert!(code == 2 && said.contains(OPEN), "{said}");
    let (code, said) = cli(&stage, &["doctor"]);
    assert!(code == 1 && said.contains("NOT OK  files"), "{said}");
    assert!(TcpListener::bind(("0.0.0.0", port)).is_ok());
}

#[test]
fn files_of_tls_are_looked_into_before_the_start() {
    let stage = stage();
    lay(&stage);
    let partners = stage.stage().join("partners.yaml");
    let https = |ca: &str| {
        let text = fs::read_to_string(&partners).expect("partners");
        let at = text.find("url: \"http://localhost").expect("a channel");
        let end = at + text[at..].find(", secret").expect("its secret");
        format!("{}url: \"https://kita.example/x\"{ca}{}", &text[..at], &text[end..])
    };
    let good = fs::read_to_string(&partners).expect("partners");
    for (ca, told_of) in [
        (", ca: tls/fehlt.pem", Some("tls/fehlt.pem: ca file cannot be read")),
        (", ca: tls/haus.key", Some("tls/haus.key: ca file holds no usable PEM")),
        (
            ", ca: tls/ca.pem, client-certificate: { certificate: tls/haus.pem, key: tls/weg.key }",
            Some("tls/weg.key: key file cannot be read"),
        ),
        (", ca: tls/ca.pem, client-certificate: { certificate: tls/haus.pem, key: tls/haus.key }", None),
    ] {
        fs::write(&partners, https(ca)).expect("written");
        let (code, checked) = cli(&stage, &["check"]);
        let (_, seen) = cli(&stage, &["doctor"]);
        match told_of {
            Some(text) => {
                assert!(code == 1 && checked.contains(text), "{ca}: {checked}");
                assert_eq!(told(&stage, text).len(), 1, "{ca}");
                assert!(
                    seen.contains("callback of partner kita-portal-nord") && seen.contains(text),
                    "{ca}: {seen}"
                );
            }
            None => assert!(code == 0 && !seen.contains("kita-portal-nord:"), "{ca}: {checked}{seen}"),
        }
        fs::write(&partners, &good).expect("written");
    }
    // A broker: TLS that is right is right, and what is missing is found.
    let connections = stage.stage().join("connections.yaml");
    let broker = "connections:\n  broker: { kind: amqp, host: broker.example, tls: { ca: tls/ca.pem, client-certificate: { certificate: tls/haus.pem, key: tls/haus.key } } }\n";
    edit(&connections, "connections:\n", broker);
    let (_, seen) = cli(&stage, &["doctor"]);
    let rows: Vec<&str> = seen.lines().filter(|line| line.contains("broker")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.starts_with("ok")), "{seen}");
    assert_eq!(cli(&stage, &["check"]).0, 0);
    edit(&connections, "tls: { ca: tls/ca.pem", "tls: { ca: tls/fort.pem");
    let (code, checked) = cli(&stage, &["check"]);
    assert!(code == 1 && checked.contains("tls/fort.pem: ca file cannot be read"), "{checked}");
    let (_, seen) = cli(&stage, &["doctor"]);
    assert!(
        seen.lines().any(|line| line.starts_with("NOT OK") && line.contains("broker: tls/fort.pem")),
        "{seen}"
    );
}

#[test]
fn a_machine_that_trusts_nobody_is_found_where_somebody_has_to_be_trusted() {
    let stage = stage();
    let partners = stage.stage().join("partners.yaml");
    let text = fs::read_to_string(&partners).expect("partners");
    let nobody = stage.dir.path().join("niemand");
    fs::create_dir(&nobody).expect("a folder");
    let bare = |words: &[&str]| {
        let mut command: Command = stage.command(words);
        command.env("SSL_CERT_DIR", &nobody).env_remove("SSL_CERT_FILE");
        let ended = command.output().expect("the program");
        (ended.status.code(), String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned())
    };
    // Nobody has to vouch for who is called without TLS.
    assert_eq!(bare(&["check"]).0, Some(0));
    let at = text.find("url: \"http://localhost").expect("a channel");
    let end = at + text[at..].find(", secret").expect("its secret");
    fs::write(&partners, format!("{}url: \"https://kita.example/x\"{}", &text[..at], &text[end..]))
        .expect("written");
    let (code, said) = bare(&["check"]);
    assert!(
        code == Some(1) && said.contains("this machine trusts no authority: install ca-certificates"),
        "{said}"
    );
    let (code, said) = bare(&["doctor"]);
    assert!(code == Some(1) && said.contains("install ca-certificates"), "{said}");
}
