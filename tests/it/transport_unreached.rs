//! Why a far end is not reached, over real sockets: each cause is told apart by whoever calls, with whose turn it is, and where our own
//! certificate is over nobody is called.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::telemetry::parts::Turn;
use drehscheibe::transport::amqp::fault::Fault;
use drehscheibe::transport::amqp::link::{Direction, Link};
use drehscheibe::transport::amqp::settings::Settings;
use drehscheibe::transport::callback::CallbackDestination;
use drehscheibe::transport::port::{Channel, Destination, SendError};
use drehscheibe::transport::unreached::Unreached;
use drehscheibe::transport::xta_client::ENTRY;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::transport_support::{Authority, House, authority, destination_of, envelope};

/// A certificate for a host that is valid until the beginning of a year, and its key.
fn leaf(authority: &Authority, host: &str, until: i32) -> [String; 2] {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    [params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem()]
}

/// A far end that asks for a certificate of its authority, and answers each request that it will come back.
struct FarEnd {
    port: u16,
    came: Arc<AtomicUsize>,
}

/// What an attempt says whose connection ended without a reason.
const BROKEN_OFF: &str = "the exchange broke off";

/// Whoever goes at once with octets unread takes the answer along that it has given.
async fn read_on(mut socket: impl AsyncRead + Unpin) {
    let mut piece = [0; 4096];
    while matches!(socket.read(&mut piece).await, Ok(1..)) {}
}

impl FarEnd {
    async fn new(shown: &[String; 2], clients: &Authority) -> FarEnd {
        let provider = drehscheibe::transport::tls::provider();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(shown[0].as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(shown[1].as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        FarEnd::with(move |socket| {
            let acceptor = acceptor.clone();
            async move {
                match acceptor.accept(socket).into_fallible().await {
                    Ok(mut tls) => {
                        let mut piece = [0; 4096];
                        let _ = tls.read(&mut piece).await;
                        let _ = tls.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
                        let _ = tls.shutdown().await;
                        read_on(tls).await;
                    }
                    Err((_, socket)) => read_on(socket).await,
                }
            }
        })
        .await
    }

    async fn with<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> FarEnd {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        let counted = came.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket));
            }
        });
        FarEnd { port, came }
    }
}

/// What each transport says of a far end that is called with the files in a folder, and whose turn that is.
async fn told(folder: &Path, host: &str, port: u16) -> [(String, Option<Turn>); 2] {
    let mut all = Vec::new();
    for of in ["broker", "rueckruf:p"] {
        let house = House::new();
        let mut around = house.around(Clock::real());
        around.config = folder.to_owned();
        let identity = json!({ "certificate": "own.pem", "key": "own.key" });
        let destination: Arc<dyn Destination> = if of == "broker" {
            let url = format!("https://{host}:{port}/");
            let written = json!({
                "ports": { "management": url, "send": url, "mailbox": url },
                "tls": { "ca": "ca.pem", "client-certificate": identity },
                "identities": [{ "value": "a:b" }], "timeout": "20s",
            });
            let settings = json!({ "reader": { "value": "c:d" } });
            let channel = Channel { partner: "p".to_owned(), settings };
            destination_of(&ENTRY, ("broker", &written), &channel, &around).unwrap().unwrap()
        } else {
            let settings = json!({
                "url": format!("https://{host}:{port}/"), "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "allow-private": [host], "ca": "ca.pem", "client-certificate": identity, "timeout": "20s",
            });
            let channel = Channel { partner: "p".to_owned(), settings };
            Arc::new(CallbackDestination::new("rueckruf", &json!({}), &channel, &around).unwrap())
        };
        let sent = destination.send(&envelope("<a/>", "application/xml")).await;
        let Err(SendError::Later { cause, .. }) = sent else { panic!("{of}: {sent:?}") };
        let said = around.parts.said().into_iter().find(|said| said.part == format!("far end {of}"));
        all.push((cause, said.and_then(|said| said.failing).map(|failing| failing.turn)));
    }
    all.try_into().unwrap()
}

/// What the broker's transport says.
async fn of_broker(folder: &Path, port: u16) -> Fault {
    let written = json!({
        "host": "localhost", "port": port, "user": "a", "password": "b",
        "tls": { "ca": folder.join("ca.pem"),
                 "client-certificate": { "certificate": folder.join("own.pem"), "key": folder.join("own.key") } },
    });
    let settings: Settings = serde_json::from_value(written).unwrap();
    match Link::open("q", &settings, Direction::In).await {
        Ok(_) => panic!("a broker"),
        Err(fault) => fault,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_is_told_apart_with_whose_turn_it_is() {
    let (servers, clients, other) = (authority("servers"), authority("clients"), authority("other"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let material = |ca: &Authority, [certificate, key]: [String; 2]| {
        write("ca.pem", &ca.pem());
        write("own.pem", &certificate);
        write("own.key", &key);
    };
    let good = || leaf(&clients, "haus", 2100);
    let far_end = FarEnd::new(&leaf(&servers, "localhost", 2100), &clients).await;
    let expired = FarEnd::new(&leaf(&servers, "localhost", 2020), &clients).await;
    let elsewhere = FarEnd::new(&leaf(&servers, "anderswo.example", 2100), &clients).await;
    let plain = FarEnd::with(async |mut socket: TcpStream| {
        let mut piece = [0; 512];
        let _ = socket.read(&mut piece).await;
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = socket.shutdown().await;
        read_on(socket).await;
    })
    .await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (port, ca, own, why) in [
        (nobody, &servers, good(), Unreached::Nobody),
        (far_end.port, &other, good(), Unreached::Authority),
        (expired.port, &servers, good(), Unreached::TheirsExpired),
        (elsewhere.port, &servers, good(), Unreached::Host),
        (plain.port, &servers, good(), Unreached::NotTls),
        (far_end.port, &servers, leaf(&other, "haus", 2100), Unreached::OursRefused),
    ] {
        material(ca, own);
        let mut seen = told(folder.path(), "localhost", port).await;
        // With TLS 1.3 it refuses once our request is begun: whichever end of it is seen first is told, and the next attempt tells again.
        for _ in 0..10 {
            if why != Unreached::OursRefused || seen.iter().all(|(cause, _)| cause != BROKEN_OFF) {
                break;
            }
            seen = told(folder.path(), "localhost", port).await;
        }
        for (cause, turn) in seen {
            // What is the far end's to mend is no part of the house.
            let part = Some(why.turn()).filter(|turn| *turn == Turn::Ours);
            assert_eq!((cause, turn), (why.to_string(), part), "{why:?}");
        }
        // With TLS 1.3 a certificate is refused after our side has begun: for a broker that is a login that is refused.
        if why != Unreached::OursRefused {
            assert_eq!(of_broker(folder.path(), port).await, Fault::Unreached(why));
        }
    }
    material(&servers, good());
    for (cause, turn) in told(folder.path(), "gibtesnicht.invalid", 443).await {
        assert_eq!((cause, turn), (Unreached::Name.to_string(), Some(Turn::Ours)));
    }
    // Where it is reached its answer says what is the matter, and nothing of the far end fails.
    let [(xta, part), (callback, _)] = told(folder.path(), "localhost", far_end.port).await;
    assert!(xta.contains("http 404") && xta.contains("ours: ") && callback.contains("HTTP 404"), "{xta}");
    assert_eq!(part, None);
    // Our own certificate is over: nobody is called.
    let came = far_end.came.load(Ordering::SeqCst);
    material(&servers, leaf(&clients, "haus", 2020));
    for (cause, turn) in told(folder.path(), "localhost", far_end.port).await {
        assert_eq!((cause, turn), (Unreached::OwnExpired.to_string(), Some(Turn::Ours)));
    }
    assert_eq!(of_broker(folder.path(), far_end.port).await, Fault::Unreached(Unreached::OwnExpired));
    assert_eq!(far_end.came.load(Ordering::SeqCst), came);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_counts_without_a_restart() {
    let (servers, clients) = (authority("servers"), authority("clients"));
    let folder = tempfile::tempdir().unwrap();
    let own = |[certificate, key]: [String; 2]| {
        fs::write(folder.path().join("own.pem"), certificate).unwrap();
        fs::write(folder.path().join("own.key"), key).unwrap();
    };
    fs::write(folder.path().join("ca.pem"), servers.pem()).unwrap();
    own(leaf(&clients, "haus", 2020));
    let far_end = FarEnd::new(&leaf(&servers, "localhost", 2100), &clients).await;
    let house = House::new();
    let mut around = house.around(Clock::real());
    around.config = folder.path().to_owned();
    let settings = json!({
        "url": format!("https://localhost:{}/", far_end.port), "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "allow-private": ["localhost"], "ca": "ca.pem", "timeout": "20s",
        "client-certificate": { "certificate": "own.pem", "key": "own.key" },
    });
    let channel = Channel { partner: "p".to_owned(), settings };
    let destination = CallbackDestination::new("rueckruf", &json!({}), &channel, &around).unwrap();
    let cause = async || match destination.send(&envelope("{}", "application/json")).await {
        Err(SendError::Later { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    assert!(cause().await.contains("our own certificate has expired"));
    own(leaf(&clients, "haus", 2100));
    let mut said = String::new();
    for _ in 0..600 {
        said = cause().await;
        if said.contains("HTTP 404") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(said.contains("HTTP 404"), "{said}");
    let failing: Vec<_> = around.parts.said().into_iter().filter(|said| said.failing.is_some()).collect();
    assert!(failing.is_empty(), "{failing:?}");
}
