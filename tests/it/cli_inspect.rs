//! `inspect` for OSCI bodies, as a program that reads its JSON sees it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::osci_support::folder;

struct Seen {
    code: i32,
    out: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs `inspect` with keys of the recordings.
fn inspect(file: &std::path::Path, keys: &[&str], more: &[&str]) -> Seen {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("inspect").env("DREHSCHEIBE_KEY_PASSWORD", "123456");
    for key in keys {
        command.arg("--key").arg(folder().join("keys").join(key));
    }
    let output = command.args(more).arg(file).output().unwrap();
    Seen { code: output.status.code().unwrap(), out: String::from_utf8(output.stdout).unwrap() }
}

const AT: [&str; 3] = ["--json", "--at", "2026-12-01T12:00:00Z"];

fn recorded(name: &str) -> std::path::PathBuf {
    folder().join(format!("{name}.http-body.bin"))
}

#[test]
fn an_encrypted_signed_delivery_is_shown_with_every_signature_and_encryption() {
    let file = recorded("04-default-signed-encrypted-gcm12-oaep256/02-client2intermed-StoreDelivery.req");
    let keys = ["intermed_enc.key.pem", "addressee_enc.p12", "reader_enc.key.pem", "ca.crt.pem"];
    let seen = inspect(&file, &keys, &AT);
    assert_eq!(seen.code, 0, "{}", seen.out);
    let seen = seen.json();
    let fields: Vec<&String> = seen.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        ["protocol", "type", "transport_encrypted", "signatures", "encryptions", "contents", "feedback"]
    );
    assert_eq!((&seen["protocol"], &seen["type"]), (&"osci".into(), &"StoreDelivery".into()));
    assert_eq!(seen["transport_encrypted"], true);
    let signatures = seen["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 8);
    assert!(signatures.iter().all(|signature| signature["valid"] == true && signature["trusted"] == true));
    assert_eq!(
        signatures[0],
        serde_json::json!({
            "kind": "client", "by": "C=DE, O=THROWAWAY TEST ONLY, CN=Test originator_sig", "algorithm": "rsa-sha256",
            "references": 10, "valid": true, "trusted": true, "reason": null,
        })
    );
    // The octets of the decrypted package, as they were recorded.
    let decrypted = fs::read_to_string(folder().join("decrypted.txt")).unwrap();
    let name = "04-default-signed-encrypted-gcm12-oaep256/02-client2intermed-StoreDelivery.req";
    let line = decrypted.lines().find(|line| line.ends_with(name)).unwrap();
    let encryptions = seen["encryptions"].as_array().unwrap();
    assert_eq!(encryptions[0]["sha256"], line.split(' ').next().unwrap());
    assert_eq!(encryptions[0]["size"].to_string(), line.split(' ').nth(1).unwrap());
    assert!(encryptions.iter().all(|encryption| encryption["opened"] == true));
    assert!(!seen["contents"].as_array().unwrap().is_empty());
}

#[test]
fn without_keys_and_trust_it_says_what_is_missing() {
    let file = recorded("04-default-signed-encrypted-gcm12-oaep256/02-client2intermed-StoreDelivery.req");
    let seen = inspect(&file, &["addressee_enc.p12"], &AT);
    assert_eq!(seen.code, 1);
    let seen = seen.json();
    assert_eq!(
        (&seen["type"], &seen["encryptions"][0]["opened"]),
        (&"MessageEncrypted".into(), &false.into())
    );
    assert_eq!(seen["encryptions"][0]["for"], "C=DE, O=THROWAWAY TEST ONLY, CN=Test intermed_enc");
    assert!(seen["fault"].as_str().unwrap().starts_with("encrypted for a certificate whose key is not here"));
    // Valid, although nobody said whom to trust; then pinned; then out of its term.
    let file = recorded("02-plain-signed-rsa-sha256-oneway-active-rich/01-client2intermed-GetMessageId.req");
    for (keys, at, trusted) in [
        (&[][..], "2026-12-01T12:00:00Z", false),
        (&["originator_sig.crt.pem"], "2026-12-01T12:00:00Z", true),
        (&["originator_sig.crt.pem"], "2026-11-01T12:00:00Z", false),
        (&["author_sig.crt.pem"], "2026-12-01T12:00:00Z", false),
    ] {
        let seen = inspect(&file, keys, &["--json", "--at", at]);
        assert_eq!(seen.code, 0);
        let signature = &seen.json()["signatures"][0];
        assert_eq!((&signature["valid"], &signature["trusted"]), (&true.into(), &trusted.into()), "{at}");
        assert_eq!(signature["reason"].is_null(), trusted);
    }
}

#[test]
fn what_does_not_verify_ends_with_one_and_its_json_all_the_same() {
    for (name, reason) in [
        ("27-recipient-error-cases/03-intermed2recipient-AcceptDelivery.req", "signature value"),
        ("27-recipient-error-cases/04-intermed2recipient-AcceptDelivery.req", "a signed part was changed"),
        ("27-recipient-error-cases/05-intermed2recipient-AcceptDelivery.req", "references and parts"),
        ("27-recipient-error-cases/06-intermed2recipient-AcceptDelivery.req", "not built as"),
    ] {
        let seen = inspect(&recorded(name), &[], &AT);
        assert_eq!(seen.code, 1, "{name}");
        let signature = &seen.json()["signatures"][0];
        assert_eq!(signature["valid"], false);
        assert!(signature["reason"].as_str().unwrap().starts_with(reason), "{signature}");
    }
    let seen = inspect(&recorded("27-recipient-error-cases/01-intermed2recipient-SOAPFault.rsp"), &[], &AT);
    assert_eq!(
        (seen.code, seen.json()["feedback"][0]["code"].as_str().unwrap().to_owned()),
        (0, "9200".to_owned())
    );
}

#[test]
fn old_algorithms_and_bodies_with_their_http_head_are_opened() {
    let name = "11-legacy-3des-rsa15/01-client2intermed-GetMessageId.req";
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("with-head.bin");
    let head = b"POST /osci HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: 1\r\n\r\n";
    fs::write(&file, [&head[..], &fs::read(recorded(name)).unwrap()].concat()).unwrap();
    for file in [recorded(name), file] {
        let seen = inspect(&file, &["intermed_enc.key.pem"], &AT);
        assert_eq!((seen.code, &seen.json()["type"]), (0, &"GetMessageId".into()), "{}", seen.out);
    }
    // For a person; keys that cannot be used are skipped with a note.
    let seen = inspect(&recorded(name), &["intermed_enc.key.pem", "absent.pem"], &[]);
    assert_eq!(seen.code, 0);
    assert!(
        seen.out.contains("absent.pem: not used") && seen.out.contains("OSCI GetMessageId"),
        "{}",
        seen.out
    );
}
