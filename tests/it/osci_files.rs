//! The files that connections of OSCI name: what cannot be used is refused before it is applied, told while it runs, and never stops what runs;
//! certificates of others stand where all certificates stand.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::transport::osci_keys::{self, KeySettings};
use drehscheibe::transport::osci_server::OsciSource;
use drehscheibe::transport::port::Admission;
use drehscheibe::transport::port::account::Account;
use drehscheibe::trust::keys;
use serde_json::{Value, json};

use crate::osci_door::{file, key, pin, settings};
use crate::osci_stage::{Amt, edit};
use crate::osci_support::inside_term;
use crate::transport_support::{House, eventually, start};

/// Puts a connection to an intermediary into a stage.
fn intermed(amt: &Amt, settings: &Value) {
    let mut written = settings.clone();
    written["kind"] = "osci-client".into();
    // JSON is YAML.
    edit(&amt.stage, "connections.yaml", "connections:\n", &format!("connections:\n  intermed: {written}\n"));
}

fn client() -> Value {
    json!({
        "url": "http://127.0.0.1:9/osci",
        "keys": { "signature": key("addressee_sig"), "cipher": [key("addressee_enc")] },
        "intermediary": { "signature": [pin("intermed_sig")], "cipher": [pin("intermed_enc")] },
    })
}

#[test]
fn check_refuses_files_that_cannot_be_used_with_file_and_cause() {
    let amt = Amt::new();
    let torn = amt.stage.stage().join("torn.pem");
    fs::write(&torn, "torn").unwrap();
    let mut written = client();
    written["keys"]["cipher"][0]["key"] = json!(torn);
    // A certificate that does not sign, and one that is not there.
    written["intermediary"]["signature"] = json!([pin("intermed_enc"), "nirgends.pem"]);
    intermed(&amt, &written);
    edit(&amt.stage, "connections.yaml", "addressee_sig.key.pem", "intermed_sig.key.pem");
    edit(&amt.stage, "partners.yaml", "originator_sig.crt.pem", "nirgendwo.crt.pem");
    let (good, said) = amt.cli(&["check", "--json"]);
    assert!(!good, "{said}");
    for told in [
        "torn.pem: neither pem nor pkcs#12",
        "intermed_enc.crt.pem: is for another use",
        "nirgends.pem: certificate file cannot be read",
        "addressee_sig.crt.pem: the certificate is that of another key",
        "nirgendwo.crt.pem: certificate file cannot be read",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.contains("connections.yaml") && said.contains("partners.yaml"), "{said}");
    let (good, said) = amt.cli(&["doctor"]);
    assert!(!good && said.contains("torn.pem: neither pem nor pkcs#12"), "{said}");
    // Whoever only looks is not stopped by it.
    let (_, said) = amt.cli(&["partners", "check"]);
    assert!(!said.contains("torn.pem"), "{said}");
}

#[test]
fn two_partners_at_one_mailbox_are_refused_also_where_the_certificate_lies_twice() {
    let amt = Amt::new();
    for name in ["eins.pem", "zwei.pem"] {
        fs::copy(file("reader_enc.crt.pem"), amt.stage.stage().join(name)).unwrap();
    }
    intermed(&amt, &client());
    let partners = fs::read_to_string(amt.stage.stage().join("partners.yaml")).unwrap();
    let others: Vec<&str> = partners.matches("channels: {").collect();
    assert!(others.len() >= 2, "{partners}");
    let (first, rest) = partners.split_once("channels: {").unwrap();
    let (second, rest) = rest.split_once("channels: {").unwrap();
    let with = |name: &str| format!("channels: {{ intermed: {{ cipher: [{name}] }},");
    let written = format!("{first}{}{second}{}{rest}", with("eins.pem"), with("zwei.pem"));
    fs::write(amt.stage.stage().join("partners.yaml"), written).unwrap();
    let (good, said) = amt.cli(&["check", "--json"]);
    assert!(!good && said.contains("each of the two partners would find what is for the other"), "{said}");
}

#[tokio::test]
async fn two_partners_known_by_one_certificate_are_refused_and_told() {
    let amt = Amt::new();
    fs::copy(file("originator_sig.crt.pem"), amt.stage.stage().join("kopie.pem")).unwrap();
    let partners = fs::read_to_string(amt.stage.stage().join("partners.yaml")).unwrap();
    // The office's own channel stands first.
    let (first, rest) = partners.split_once("channels: {").unwrap();
    let (second, rest) = rest.split_once("channels: {").unwrap();
    let own = "channels: { osci: { authors: [kopie.pem] },";
    let written = format!("{first}channels: {{{second}{own}{rest}");
    fs::write(amt.stage.stage().join("partners.yaml"), &written).unwrap();
    let (good, said) = amt.cli(&["check", "--json"]);
    assert!(!good && said.contains("what one of the two signs could be the other's"), "{said}");
    // Where files change while it runs.
    let house = House::new();
    let account = |partner: &str| Account {
        connection: "osci".to_owned(),
        partner: partner.to_owned(),
        identities: Vec::new(),
        settings: json!({ "authors": [pin("originator_sig")] }),
    };
    *house.admission.lock().unwrap() = Arc::new(Admission {
        accounts: vec![account("ja-nord"), account("ja-sued")],
        ..Admission::default()
    });
    let around = house.around(Clock::set(inside_term()));
    let running = start(Arc::new(OsciSource::new("osci", &settings(json!({})), &around).unwrap()));
    let told = || {
        let said = around.parts.said().into_iter().find(|said| said.part == "osci certificates osci");
        said.and_then(|said| said.failing).map(|failing| failing.cause).unwrap_or_default()
    };
    eventually(|| told().contains("pinned with two partners: ja-nord, ja-sued")).await;
    running.end().await.unwrap();
}

#[test]
fn a_start_that_fails_says_why_and_nothing_of_the_engine() {
    let amt = Amt::new();
    let mut written = client();
    (written["keys"]["cipher"][0]["key"], written["mailbox"]) = (json!("nirgends.key"), json!(true));
    intermed(&amt, &written);
    let mut running = amt.stage.start_with(&[]);
    for _ in 0..1_200 {
        if running.ended() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(running.ended(), "{}", amt.stage.log());
    let said = amt.stage.log();
    assert!(said.contains("intermed") && said.contains("cipher/0/key file cannot be read"), "{said}");
    assert!(!said.contains("engine-broken"), "{said}");
}

#[tokio::test]
async fn a_broken_file_is_told_although_nobody_delivers_and_goes_with_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["addressee_sig.crt.pem", "addressee_sig.key.pem", "intermed_sig.crt.pem"] {
        fs::copy(file(name), path(name)).unwrap();
    }
    let mut settings = settings(json!({}));
    settings["keys"]["signature"] =
        json!({ "certificate": path("addressee_sig.crt.pem"), "key": path("addressee_sig.key.pem") });
    settings["intermediaries"][0]["signature"] = json!([path("intermed_sig.crt.pem")]);
    let around = House::new().around(Clock::set(inside_term()));
    let source = Arc::new(OsciSource::new("osci", &settings, &around).unwrap());
    let running = start(source.clone());
    while source.bound().await.is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for name in ["addressee_sig.key.pem", "intermed_sig.crt.pem"] {
        fs::write(path(name), "torn").unwrap();
    }
    let fails = |part: &str| {
        let said = around.parts.said();
        said.into_iter().find(|said| said.part == part).and_then(|said| said.failing)
    };
    eventually(|| fails("osci keys osci").is_some() && fails("osci certificates osci").is_some()).await;
    assert!(fails("osci keys osci").unwrap().cause.contains("signature/key file"));
    fs::copy(file("addressee_sig.key.pem"), path("addressee_sig.key.pem")).unwrap();
    eventually(|| fails("osci keys osci").is_none()).await;
    running.end().await.unwrap();
    drop(source);
    let said = around.parts.said();
    assert!(said.iter().all(|said| !said.part.starts_with("osci ")), "{said:?}");
}

#[test]
fn a_key_in_pkcs12_opens_with_its_password_and_no_other() {
    let settings = |password: Option<&str>| {
        let cipher = json!({
            "certificate": file("addressee_enc.crt.pem"), "key": file("addressee_enc.p12"), "password": password,
        });
        let keys = json!({ "signature": key("addressee_sig"), "cipher": [cipher] });
        serde_json::from_value::<KeySettings>(keys).unwrap()
    };
    let keys = osci_keys::read_once(&settings(Some("123456"))).ok().unwrap();
    assert_eq!(keys.cipher(), &crate::osci_support::certificate("addressee_enc"));
    assert_eq!(keys.openers().len(), 1);
    for wrong in [None, Some(""), Some("12345")] {
        let told = osci_keys::unfit(&settings(wrong), "/keys", std::path::Path::new("/"));
        let [(at, text)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(at, "/keys/cipher/0/key");
        assert!(
            text.contains("pkcs#12 that this password does not open") && !text.contains("12345"),
            "{text}"
        );
    }
    // A password stands in no file of the stage.
    let amt = Amt::new();
    let mut written = client();
    written["keys"]["cipher"][0]["password"] = json!("123456");
    intermed(&amt, &written);
    let (good, said) = amt.cli(&["check", "--json"]);
    assert!(!good && said.contains("password") && !said.contains("123456"), "{said}");
}

#[test]
fn certificates_of_others_stand_where_all_certificates_stand() {
    let amt = Amt::new();
    // One of them as it is, not as text.
    let octets = fs::read(file("intermed_enc.crt.pem")).unwrap();
    let der = keys::read(&octets, "").unwrap().certificates.remove(0);
    let as_it_is = amt.stage.stage().join("intermed.der");
    fs::write(&as_it_is, der.der()).unwrap();
    let mut written = client();
    written["keys"]["cipher"] = json!([key("addressee_enc"), key("reader_enc")]);
    written["intermediary"]["cipher"] = json!([as_it_is]);
    intermed(&amt, &written);
    let (_, said) = amt.cli(&["partners", "check", "--json"]);
    for by in [
        "connection intermed, intermediary.cipher.0",
        "connection intermed, intermediary.signature.0",
        "connection intermed, keys.cipher.0.certificate",
        "connection intermed, keys.cipher.1.certificate",
        "connection intermed, keys.signature.certificate",
        "connection osci, intermediaries.0.signature.1",
        // Who only delivers is no destination.
        "channel osci:jugendamt-bremen, authors.0",
        "channel osci:jugendamt-bremen, cipher.0",
    ] {
        assert!(said.contains(&format!("\"{by}\"")), "{by}: {said}");
    }
    assert!(said.contains(&der.fingerprint()), "{said}");
}
