//! TLS of the HTTP door and of callbacks with certificates made on the spot: who is let in, and what a reload changes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::app::asking::{Door, Heard, House as Asker};
use drehscheibe::app::proof::Proof;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::How;
use drehscheibe::transport::callback::CallbackDestination;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::{Admission, Admitted, Channel, Credential, Destination, SendError};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;

use crate::transport_support::{
    Authority, House, HttpDoor, authority, envelope, http_door, http_door_with, problem,
};

/// A certificate with its key, both PEM, and its fingerprint.
struct Leaf {
    certificate: String,
    key: String,
    fingerprint: String,
}

fn leaf(authority: &Authority, server: bool, to_year: i32) -> Leaf {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(to_year, 1, 1);
    let usage =
        if server { ExtendedKeyUsagePurpose::ServerAuth } else { ExtendedKeyUsagePurpose::ClientAuth };
    params.insert_extended_key_usage(usage);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Leaf {
        fingerprint: sha256_hex(certificate.der()),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

struct Files {
    dir: tempfile::TempDir,
    servers: Authority,
    clients: Authority,
}

impl Files {
    fn new() -> Files {
        let files = Files {
            dir: tempfile::tempdir().unwrap(),
            servers: authority("servers"),
            clients: authority("clients"),
        };
        files.write_server();
        fs::write(files.path("clients.pem"), files.clients.pem()).unwrap();
        fs::write(files.path("servers.pem"), files.servers.pem()).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_server(&self) -> String {
        let server = leaf(&self.servers, true, 2100);
        fs::write(self.path("server.pem"), &server.certificate).unwrap();
        fs::write(self.path("server.key"), &server.key).unwrap();
        server.fingerprint
    }

    fn settings(&self, clients: &str) -> Value {
        let mut tls = json!({
            "certificate": self.path("server.pem"), "key": self.path("server.key"),
            "client-certificates": clients, "reload-every": "20ms"
        });
        if clients != "off" {
            tls["client-ca"] = json!(self.path("clients.pem"));
        }
        json!({"tls": tls, "read-timeout": "2s"})
    }

    fn client(&self, shown: Option<&Leaf>) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(self.servers.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().tls_info(true);
        match shown {
            None => builder.build().unwrap(),
            Some(leaf) => {
                let pem = format!("{}{}", leaf.key, leaf.certificate);
                builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
            }
        }
    }
}

fn admit(house: &House, leaf: &Leaf, partner: &str, to: Option<&str>) {
    let mut admission = Admission::clone(&house.admission.lock().unwrap());
    admission.entries.push(Admitted {
        partner: partner.to_owned(),
        credential: Credential::CertificateSha256(leaf.fingerprint.clone()),
        from: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        to: to.map(|to| to.parse().unwrap()),
    });
    *house.admission.lock().unwrap() = Arc::new(admission);
}

fn post(door: &HttpDoor, client: &reqwest::Client) -> reqwest::RequestBuilder {
    client.post(door.url("/v1/lieferungen")).header("content-type", "text/xml").body("<a/>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_that_speaks_tls_is_asked_and_only_the_certificate_it_is_configured_with_is_trusted() {
    let files = Files::new();
    let mut settings = files.settings("optional");
    settings["ops"] = json!(true);
    let alive = axum::Router::new().route("/health/live", axum::routing::get(|| async { "lebt" }));
    let door = http_door_with(House::new(), settings.clone(), alive).await;
    settings["listen"] = json!(format!("0.0.0.0:{}", door.port));
    let asked = Door::of(&settings, files.dir.path()).unwrap();
    assert_eq!(asked.certificate, Some(files.path("server.pem")));
    // It is asked by its address, which stands in no certificate.
    let asker = Asker::new(Proof::with("test", &secrecy::SecretBox::new(Box::new([7; 32]))).unwrap(), None);
    assert_eq!(asker.ask(&asked, "/health/live").await, Heard::Unproven, "it answers, and is no whole house");
    // Another certificate of the same authority is another door, and so is the authority's own.
    fs::write(files.path("other.pem"), leaf(&files.servers, true, 2100).certificate).unwrap();
    for other in ["other.pem", "servers.pem"] {
        let other = Door { certificate: Some(files.path(other)), ..asked.clone() };
        assert_eq!(asker.ask(&other, "/health/live").await, Heard::Nobody);
    }
    let plain = Door { certificate: None, ..asked.clone() };
    assert!(!matches!(asker.ask(&plain, "/health/live").await, Heard::Ours(_) | Heard::OfStage(_)));
    settings["tls"]["client-certificates"] = json!("required");
    assert!(Door::of(&settings, files.dir.path()).unwrap_err().contains("client certificate"));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn a_certificate_names_its_partner() {
    let files = Files::new();
    let house = House::new();
    let (good, unknown, late) = (
        leaf(&files.clients, false, 2100),
        leaf(&files.clients, false, 2100),
        leaf(&files.clients, false, 2100),
    );
    admit(&house, &good, "ja-nord", None);
    admit(&house, &late, "ja-nord", Some("2026-11-21T12:30:00Z"));
    let door = http_door(house, files.settings("optional")).await;

    let known = files.client(Some(&good));
    let response = post(&door, &known).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    let last = door.house.delivered().pop().unwrap();
    let partner = last.head.partner.unwrap();
    assert_eq!((partner.id.as_str(), partner.how), ("ja-nord", How::Certificate));
    assert_eq!(last.evidence.verification, format!("mtls:{}", good.fingerprint));
    // Certificate and token of the same partner, of two partners.
    assert_eq!(post(&door, &known).bearer_auth("geheim-ja-nord").send().await.unwrap().status(), 202);
    problem(post(&door, &known).bearer_auth("geheim-ja-sued").send().await.unwrap(), 401).await;
    // One that our authority issued but no partner has; none at all; none but a token.
    problem(post(&door, &files.client(Some(&unknown))).send().await.unwrap(), 401).await;
    problem(post(&door, &files.client(None)).send().await.unwrap(), 401).await;
    assert_eq!(
        post(&door, &files.client(None)).bearer_auth("geheim-ja-sued").send().await.unwrap().status(),
        202
    );
    // Its admission ends by the clock, on an open connection too.
    let ending = files.client(Some(&late));
    assert_eq!(post(&door, &ending).send().await.unwrap().status(), 202);
    door.clock.move_to("2026-11-21T12:30:00Z".parse().unwrap());
    problem(post(&door, &ending).send().await.unwrap(), 401).await;
    let description = files.client(None).get(door.url("/openapi.json")).send().await.unwrap();
    assert!(description.text().await.unwrap().contains("mutualTLS"));
    door.running.end().await.unwrap();
}

/// A TLS client of its own that remembers its sessions.
fn raw_client(
    files: &Files,
    leaf: &Leaf,
    version: &'static rustls::SupportedProtocolVersion,
    agreed: &[&str],
) -> TlsConnector {
    let pem = |text: &str| CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pem(&files.servers.pem())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(
            vec![pem(&leaf.certificate)],
            PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = agreed.iter().map(|word| word.as_bytes().to_vec()).collect();
    Arc::new(config).into()
}

/// One delivery on a connection of its own: how the hand-shake went, and the status.
async fn deliver_once(door: &HttpDoor, client: &TlsConnector) -> (rustls::HandshakeKind, String) {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let mut stream = client.connect("localhost".try_into().unwrap(), socket).await.unwrap();
    let request = "POST /v1/lieferungen HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\
                   Connection: close\r\n\r\n<a/>";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    (kind, String::from_utf8_lossy(&answer).get(9..12).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn who_agreed_on_http2_is_not_heard_in_another_version() {
    let files = Files::new();
    let house = House::new();
    let known = leaf(&files.clients, false, 2031);
    admit(&house, &known, "ja-nord", None);
    let door = http_door(house, files.settings("required")).await;
    for (agreed, is_taken) in [("http/1.1", true), ("h2", false)] {
        let client = raw_client(&files, &known, &rustls::version::TLS13, &[agreed]);
        // Refused is answered with 400 or not at all, as the octets come.
        assert_eq!(deliver_once(&door, &client).await.1 == "202", is_taken, "{agreed}");
    }
    assert_eq!(door.house.delivered().len(), 1);
    // What was agreed on is spoken as before.
    let answer = post(&door, &files.client(Some(&known))).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 202));
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_does_not_come_in_by_an_earlier_session() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let files = Files::new();
        let house = House::new();
        let known = leaf(&files.clients, false, 2031);
        admit(&house, &known, "ja-nord", None);
        let door = http_door(house, files.settings("required")).await;
        let client = raw_client(&files, &known, version, &[]);
        use rustls::HandshakeKind::{Full, Resumed};
        assert_eq!(deliver_once(&door, &client).await, (Full, "202".to_owned()));
        assert_eq!(deliver_once(&door, &client).await, (Resumed, "202".to_owned()));
        door.clock.move_to("2030-12-31T23:59:59Z".parse().unwrap());
        assert_eq!(deliver_once(&door, &client).await, (Resumed, "202".to_owned()));
        door.clock.move_to("2031-01-01T00:00:01Z".parse().unwrap());
        assert_eq!(deliver_once(&door, &client).await, (Resumed, "401".to_owned()));
        // Who turned it away kept no document of it.
        let partners: Vec<_> =
            door.house.delivered().iter().map(|envelope| envelope.head.partner.is_some()).collect();
        assert_eq!(partners, [true, true, true, false]);
        door.running.end().await.unwrap();
    }
}

#[tokio::test]
async fn an_open_connection_ends_with_the_authority_that_vouched_for_it() {
    let files = Files::new();
    let house = House::new();
    let (known, other) = (leaf(&files.clients, false, 2100), authority("others"));
    admit(&house, &known, "ja-nord", None);
    let door = http_door(house, files.settings("optional")).await;
    let resumes = raw_client(&files, &known, &rustls::version::TLS13, &[]);
    assert_eq!(deliver_once(&door, &resumes).await.1, "202");
    let client = files.client(Some(&known));
    let sends = async || post(&door, &client).send().await.unwrap().status().as_u16();
    let from = || door.house.delivered().pop().unwrap().evidence.peer.unwrap();
    assert_eq!(sends().await, 202);
    let connection = from();
    // Another set that still vouches for it: the connection goes on.
    fs::write(files.path("clients.pem"), format!("{}{}", other.pem(), files.clients.pem())).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(sends().await, 202);
    assert_eq!(from(), connection);
    // One that does not: each way in that was open is shut.
    fs::write(files.path("clients.pem"), other.pem()).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let refused = post(&door, &client).send().await.unwrap();
    problem(refused, 401).await;
    assert_eq!(from(), connection);
    // The connection has ended with it; a hand-shake is refused.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(post(&door, &client).send().await.is_err());
    assert_eq!(
        post(&door, &files.client(None)).bearer_auth("geheim-ja-sued").send().await.unwrap().status(),
        202
    );
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn certificates_of_other_authorities_and_expired_ones_end_at_the_hand_shake() {
    let files = Files::new();
    let house = House::new();
    let (good, foreign, expired) = (
        leaf(&files.clients, false, 2100),
        leaf(&authority("foreign"), false, 2100),
        leaf(&files.clients, false, 2020),
    );
    for leaf in [&good, &foreign, &expired] {
        admit(&house, leaf, "ja-nord", None);
    }
    let door = http_door(house, files.settings("required")).await;
    assert_eq!(post(&door, &files.client(Some(&good))).send().await.unwrap().status(), 202);
    for bad in [Some(&foreign), Some(&expired), None] {
        let outcome = post(&door, &files.client(bad)).bearer_auth("geheim-ja-nord").send().await;
        assert!(outcome.is_err());
    }
    // Plain text on a TLS port, and a client that never begins its hand-shake.
    assert!(reqwest::get(format!("http://localhost:{}/", door.port)).await.is_err());
    let mut silent = tokio::net::TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
    let mut nothing = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut nothing);
    assert!(tokio::time::timeout(Duration::from_secs(8), ended).await.is_ok());
    assert_eq!(door.house.delivered().len(), 1);
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn changed_files_are_taken_without_a_restart_and_torn_ones_are_not() {
    let files = Files::new();
    let door = http_door(House::new(), files.settings("off")).await;
    let shown = async || {
        let response = post(&door, &files.client(None)).bearer_auth("geheim-ja-nord").send().await.unwrap();
        let info = response.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
        sha256_hex(info.peer_certificate().unwrap())
    };
    let until = async |wanted: &str| {
        for _ in 0..6_000 {
            if shown().await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the new certificate never came");
    };
    let first = shown().await;
    let second = files.write_server();
    assert_ne!(first, second);
    until(&second).await;
    // Half a file, and a certificate whose key is not there yet: the last good pair stays.
    let whole = fs::read(files.path("server.pem")).unwrap();
    fs::write(files.path("server.pem"), &whole[..whole.len() / 2]).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(shown().await, second);
    let fails = || door.parts.said().iter().any(|said| said.part == "tls tuer" && said.failing.is_some());
    assert!(fails(), "{:?}", door.parts.said());
    let third = leaf(&files.servers, true, 2100);
    fs::write(files.path("server.pem"), &third.certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(shown().await, second);
    fs::write(files.path("server.key"), &third.key).unwrap();
    until(&third.fingerprint).await;
    crate::transport_support::eventually(|| !fails()).await;
    let key = fs::read(files.path("server.key")).unwrap();
    fs::remove_file(files.path("server.key")).unwrap();
    crate::transport_support::eventually(fails).await;
    assert_eq!(shown().await, third.fingerprint);
    // The same content once more is as good as before.
    fs::write(files.path("server.key"), key).unwrap();
    crate::transport_support::eventually(|| !fails()).await;
    door.running.end().await.unwrap();
}

#[tokio::test]
async fn without_usable_material_it_does_not_start() {
    let files = Files::new();
    fs::write(files.path("server.key"), "geheim").unwrap();
    let mut settings = files.settings("off");
    settings["listen"] = json!("127.0.0.1:0");
    let around = House::new().around(Clock::real());
    let source =
        drehscheibe::transport::http::HttpSource::new("tuer", &settings, &around, axum::Router::new());
    let running = crate::transport_support::start(Arc::new(source.unwrap()));
    let text = running.task.await.unwrap().unwrap_err().to_string();
    assert!(text.contains("key file") && !text.contains("geheim"), "{text}");
}

#[tokio::test]
async fn a_callback_trusts_the_authorities_of_its_channel_and_shows_our_certificate() {
    let files = Files::new();
    let house = House::new();
    let ours = leaf(&files.clients, false, 2100);
    admit(&house, &ours, "ja-nord", None);
    fs::write(files.path("ours.pem"), &ours.certificate).unwrap();
    fs::write(files.path("ours.key"), &ours.key).unwrap();
    let door = http_door(house, files.settings("required")).await;
    let send = async |more: Value| {
        let mut settings = json!({
            "url": door.url("/v1/lieferungen"), "allow-private": ["localhost"],
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        });
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let channel = Channel { partner: "p".to_owned(), settings };
        let around = House::new().around(Clock::real());
        let destination = CallbackDestination::new("c", &json!({}), &channel, &around).unwrap();
        destination.send(&envelope("{}", "application/json")).await
    };
    let identity = json!({"certificate": files.path("ours.pem"), "key": files.path("ours.key")});
    let whole = json!({"ca": files.path("servers.pem"), "client-certificate": identity});
    assert_eq!(send(whole).await.unwrap().evidence, "http 202");
    assert_eq!(door.house.delivered().len(), 1);
    // Whom we trust is ours to mend. Without a certificate of ours the line only breaks off: by then our side of TLS 1.3 has begun.
    for (bad, theirs) in [
        (json!({"ca": files.path("servers.pem")}), true),
        (json!({"ca": files.path("clients.pem"), "client-certificate": identity}), false),
        (json!({"client-certificate": identity}), false),
    ] {
        let found = send(bad.clone()).await;
        assert!(
            matches!(found, Err(SendError::Later { far_end, .. }) if far_end == theirs),
            "{bad}: {found:?}"
        );
    }
    door.running.end().await.unwrap();
}
