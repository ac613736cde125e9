//! The menu of the transports: every entry checks its settings, tells all faults and has a schema that says the same.

use drehscheibe::clock::Clock;
use drehscheibe::transport::TRANSPORTS;
use drehscheibe::transport::port::{Channel, Entry};
use serde_json::{Value, json};

use crate::transport_support::{House, authority, destination_of, source_of};
use crate::xta_server_support::leaf;

fn entry(word: &str) -> &'static Entry {
    TRANSPORTS.iter().find(|entry| entry.word == word).unwrap()
}

fn paths(faults: Vec<(String, String)>) -> Vec<String> {
    faults.into_iter().map(|(path, _)| path).collect()
}

#[test]
fn every_transport_is_in_the_menu_with_a_strict_schema() {
    let words: Vec<&str> = TRANSPORTS.iter().map(|entry| entry.word).collect();
    assert_eq!(
        words,
        [
            "http",
            "folder",
            "callback",
            "amqp",
            "mailbox",
            "xta",
            "xta-client",
            "osci",
            "osci-client",
            "ddatabox",
            "person",
            "timer",
            "memory"
        ]
    );
    for entry in TRANSPORTS {
        let schema = (entry.schema)();
        assert_eq!(schema.get("additionalProperties"), Some(&Value::Bool(false)), "{}", entry.word);
        let faults = (entry.check)(&json!({"gibtesnicht": 1}));
        if entry.word == "person" {
            // Orders of persons come by the store: whatever is written, there is nothing to connect.
            assert_eq!(
                (paths(faults), paths((entry.check)(&json!({})))),
                (vec![String::new()], vec![String::new()])
            );
            continue;
        }
        assert!(faults.iter().any(|(path, _)| path == "/gibtesnicht"), "{}", entry.word);
        assert!(!(entry.check_channel)(&json!({"gibtesnicht": 1})).is_empty(), "{}", entry.word);
    }
}

#[test]
fn settings_that_make_no_sense_are_all_told() {
    let http = (entry("http").check)(
        &json!({"listen": "0.0.0.0", "read-timeout": "x", "max-in-flight": 0, "tsl": {}}),
    );
    assert_eq!(paths(http), ["/listen", "/read-timeout", "/max-in-flight", "/tsl"]);
    let tls = json!({"listen": "127.0.0.1:0", "tls": {"certificate": "c", "key": "k", "client-certificates": "required"}});
    assert_eq!(paths((entry("http").check)(&tls)), ["/tls/client-ca"]);
    let tls = json!({"listen": "127.0.0.1:0", "tls": {"certificate": "c", "key": "k", "client-ca": "a"}});
    assert_eq!(paths((entry("http").check)(&tls)), ["/tls/client-certificates"]);
    assert!((entry("http").check)(&json!({"listen": "127.0.0.1:8080"})).is_empty());

    let folder = json!({"trays": [
        {"partner": "a", "in": "/x", "out": "/o"}, {"partner": "b", "in": "/x"},
        {"partner": "c", "in": "/o", "every": "0s", "suffixes": []}, {"partner": "", "in": "/z"}
    ]});
    assert_eq!(paths((entry("folder").check)(&folder)), ["/trays/3/partner"]);
    let folder = json!({"trays": [
        {"partner": "a", "in": "/x", "out": "/o"}, {"partner": "b", "in": "/x"},
        {"partner": "a", "in": "/o", "out": "/p", "every": "0s", "suffixes": []}
    ]});
    assert_eq!(
        paths((entry("folder").check)(&folder)),
        ["/trays/1/in", "/trays/2/out", "/trays/2/in", "/trays/2/every", "/trays/2/suffixes"]
    );
    // What a partner can write in it can also replace.
    let folder = json!({"trays": [
        {"partner": "a", "in": "trays/a", "out": "trays/a/out", "quarantine": "trays/a/apart"},
        {"partner": "b", "in": "trays/a/b", "out": "trays/b/../out"},
        {"partner": "c", "in": ".", "quarantine": "trays/a/out"},
        {"partner": "d", "in": "trays/ab", "quarantine": "apart"},
    ]});
    assert_eq!(
        paths((entry("folder").check)(&folder)),
        ["/trays/0/quarantine", "/trays/1/in", "/trays/1/out", "/trays/2/in", "/trays/2/quarantine"]
    );
}

#[test]
fn a_channel_reaches_no_private_place_and_needs_a_good_key() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let check = |url: &str, allow: &[&str]| {
        paths((entry("callback").check_channel)(
            &json!({"url": url, "secret": secret, "allow-private": allow}),
        ))
    };
    assert!(check("https://partner.example/hook", &[]).is_empty());
    assert!(check("http://localhost:1/hook", &["localhost"]).is_empty());
    for (url, allow) in [
        ("http://partner.example/hook", &[][..]),
        ("http://127.0.0.1/hook", &["localhost"]),
        ("https://127.0.0.1/", &[]),
        ("https://[::1]/", &[]),
        ("https://2130706433/", &[]),
        ("https://0x7f.1/", &[]),
        ("https://169.254.169.254/latest/meta-data", &[]),
        ("https://[::ffff:10.0.0.1]/", &[]),
        ("https://user:pw@partner.example/", &[]),
        ("ftp://partner.example/", &[]),
        ("partner.example", &[]),
    ] {
        assert_eq!(check(url, allow), ["/url"], "{url}");
    }
    let faults = (entry("callback").check_channel)(
        &json!({"url": "https://a.example/", "secret": "geheim", "secrets": ["whsec_kurz"], "timeout": "0s"}),
    );
    assert!(!format!("{faults:?}").contains("geheim"));
    assert_eq!(paths(faults), ["/secret", "/secrets/0", "/timeout"]);
}

#[test]
fn a_broker_is_reached_safely_and_a_queue_has_one_owner() {
    let check = |more: Value| {
        let mut settings = json!({"host": "localhost", "user": "u", "password": "geheim-1"});
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let faults = (entry("amqp").check)(&settings);
        assert!(!format!("{faults:?}").contains("geheim-1"));
        paths(faults)
    };
    assert!(check(json!({})).is_empty());
    assert!(check(json!({"host": "::1"})).is_empty());
    assert_eq!(check(json!({"host": "broker.example"})), ["/tls"]);
    assert!(check(json!({"host": "broker.example", "allow-plain": true})).is_empty());
    assert!(check(json!({"host": "broker.example", "tls": {"ca": "ca.pem"}})).is_empty());
    assert_eq!(check(json!({"password": null})), ["/password"]);
    assert_eq!(check(json!({"user": null})), ["/user"]);
    assert_eq!(check(json!({"user": null, "password": null})), ["/user"]);
    let identity = json!({"certificate": "c.pem", "key": "k.pem"});
    let external =
        json!({"user": null, "password": null, "tls": {"ca": "a", "client-certificate": identity}});
    assert!(check(external).is_empty());
    assert_eq!(
        check(json!({"heartbeat": "0s", "reconnect-longest": "0s", "confirm-timeout": "2h"})),
        ["/heartbeat", "/reconnect-longest", "/confirm-timeout"]
    );
    assert_eq!(
        check(json!({"topology": "chek", "max-body": 1, "prefetch": 3, "queues": [{"order": "x"}]})),
        ["/topology", "/max-body", "/prefetch", "/queues/0/order", "/queues/0/binding"]
    );
    let queues = json!({"queues": [
        {"binding": "a", "partner": "p", "partner-by-user": true},
        {"binding": "a"},
        {"binding": "amq.x", "partner": "p", "dead-letter": "amq.x"},
        {"binding": "h", "partner": "p", "order": "consistent-hash"},
        {"binding": "i", "partner": "p", "exchange": "e", "partitions": 4},
        {"binding": "i", "queue": "i.2", "partner": "p", "order": "consistent-hash", "exchange": "e", "partitions": 4},
        {"binding": "j", "partner-by-user": true, "order": "single-active-consumer"}
    ]});
    assert_eq!(
        check(queues),
        [
            "/queues/0/partner-by-user",
            "/queues/1/partner",
            "/queues/1/queue",
            "/queues/2/queue",
            "/queues/2/dead-letter",
            "/queues/3/exchange",
            "/queues/3/partitions",
            "/queues/4/exchange",
            "/queues/4/partitions",
        ]
    );
    let channel = |written: Value| paths((entry("amqp").check_channel)(&written));
    assert_eq!(channel(json!({})), ["/routing-key"]);
    assert!(channel(json!({"exchange": "antworten"})).is_empty());
    assert!(channel(json!({"reply-to": ["antwort.*"]})).is_empty());
    assert_eq!(
        channel(json!({"routing-key": "q", "reply-to": ["*", "a b", "ok.*"]})),
        ["/reply-to/0", "/reply-to/1"]
    );
}

#[tokio::test]
async fn the_menu_builds_what_it_promises() {
    let house = House::new();
    let around = house.around(Clock::real());
    let folder = tempfile::tempdir().unwrap();
    let own = authority("own");
    let [certificate, key] = leaf(&own, "own", rcgen::ExtendedKeyUsagePurpose::ClientAuth);
    for (name, text) in [("ca.pem", own.pem()), ("own.pem", certificate), ("own.key", key)] {
        std::fs::write(around.config.join(name), text).unwrap();
    }
    let settings = |word: &str| match word {
        "http" => json!({"listen": "127.0.0.1:0"}),
        "folder" => json!({"trays": [{"partner": "p", "in": folder.path(), "out": folder.path().join("o")}]}),
        "amqp" => json!({"host": "localhost", "user": "u", "password": "p",
            "queues": [{"binding": "q", "partner": "p"}]}),
        "xta-client" => json!({
            "ports": {"management": "https://a.example/m", "send": "https://a.example/s", "mailbox": "https://a.example/b"},
            "tls": {"ca": "ca.pem", "client-certificate": {"certificate": "own.pem", "key": "own.key"}},
            "identities": [{"value": "a:1"}], "readers": [{"value": "a:1"}],
            "senders": [{"partner": "p", "identities": [{"value": "b:1"}]}]}),
        "osci" => crate::osci_door::settings(json!({})),
        "osci-client" => json!({
            "url": "http://a.example/", "mailbox": true,
            "keys": crate::osci_door::settings(json!({}))["keys"],
            "intermediary": {"signature": ["i.pem"], "cipher": ["i.pem"]}}),
        "ddatabox" => json!({"url": "https://a.example", "client": {"id": "c", "secret": "s"},
            "user": {"name": "n", "password": "p"}}),
        "xta" => json!({"listen": "127.0.0.1:0", "identities": [{"value": "a:1"}],
            "tls": {"certificate": "c", "key": "k", "client-ca": "a", "client-certificates": "required"}}),
        _ => json!({}),
    };
    for entry in TRANSPORTS.iter().filter(|entry| entry.word != "person") {
        let settings = settings(entry.word);
        assert!((entry.check)(&settings).is_empty(), "{}", entry.word);
        let source = source_of(entry, "c", &settings, &around).unwrap();
        assert_eq!(source.is_some(), entry.answers.is_some(), "{}", entry.word);
        let channel = match entry.word {
            "callback" => {
                json!({"url": "https://a.example/", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})
            }
            "amqp" => json!({"routing-key": "antworten.p"}),
            "xta-client" => json!({"reader": {"value": "b:1"}}),
            "osci" => json!({"authors": ["a.pem"]}),
            "osci-client" => json!({"cipher": ["a.pem"]}),
            "ddatabox" => json!({"room": 7}),
            _ => json!({}),
        };
        let channel = Channel { partner: "p".to_owned(), settings: channel };
        assert!((entry.check_channel)(&channel.settings).is_empty(), "{}", entry.word);
        let destination = destination_of(entry, ("c", &settings), &channel, &around).unwrap();
        assert_eq!(destination.is_some(), entry.sends, "{}", entry.word);
    }
    let nobody = Channel { partner: "q".to_owned(), settings: json!({}) };
    assert!(destination_of(entry("folder"), ("c", &settings("folder")), &nobody, &around).is_err());
}
