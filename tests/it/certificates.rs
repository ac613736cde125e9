//! Certificates that end, as an operator learns of them: in time, once, and until they are replaced. The real program.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair};

use crate::osci_stage::edit;
use crate::support::{Receiver, StageDir, cli, until, up};
use crate::transport_support::authority;

/// Lays down a server's certificate that holds for so many days, beside its key.
fn lay(stage: &StageDir, name: &str, days: i64) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let end = Timestamp::now() + SignedDuration::from_hours(24 * days + 1);
    let day = end.to_zoned(jiff::tz::TimeZone::UTC).date();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(day.year().into(), day.month() as u8, day.day() as u8);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority("haus")).expect("a certificate");
    let folder = stage.stage().join("tls");
    fs::create_dir_all(&folder).expect("folder");
    // A reader never meets half of a pair: key first, and the old pair holds until both fit.
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("key");
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("certificate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_ends_is_told_everywhere_once_and_until_it_is_replaced() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    lay(&stage, "haus", 5);
    lay(&stage, "amt", 60);
    let connections = stage.stage().join("connections.yaml");
    let written = fs::read_to_string(&connections).expect("connections");
    let port = crate::support::free_port();
    let own = format!(
        "connections:\n  aussen: {{ kind: http, listen: \"{port}\", tls: {{ certificate: tls/haus.pem, key: tls/haus.key }} }}\n"
    );
    fs::write(&connections, written.replacen("connections:\n", &own, 1)).expect("written");
    let partners_file = stage.stage().join("partners.yaml");
    let written = fs::read_to_string(&partners_file).expect("partners");
    let bearer = "credentials: [{ bearer: { file: secrets/bremen } }]";
    assert!(written.contains(bearer));
    let both = "credentials: [{ bearer: { file: secrets/bremen } }, { certificate: tls/amt.pem }]";
    fs::write(&partners_file, written.replacen(bearer, both, 1)).expect("written");

    let (own, theirs) =
        ("connection aussen, tls.certificate", "partner jugendamt-bremen, certificate tls/amt.pem");
    // Also where nobody runs.
    let (code, said) = cli(&stage, &["partners", "check"]);
    assert!(code == 0 && said.contains(own) && said.contains(theirs), "{said}");
    let (code, said) = cli(&stage, &["doctor"]);
    assert!(code == 1 && said.contains(&format!("{own}: holds for")), "{said}");
    assert!(said.contains(&format!("{theirs}: holds for")), "within 90 days it is said: {said}");
    let mut running = up(&stage).await;
    until("a person is called", 60, || stage.log().contains("certificate-expires")).await;
    let begun = |name: &str| {
        let log = stage.log();
        log.lines().filter(|line| line.contains("certificate-expires") && line.contains(name)).count()
    };
    until("for each of them", 60, || begun(own) == 1 && begun(theirs) == 1).await;
    let (_, said) = cli(&stage, &["status"]);
    assert!(said.contains(&format!("certificate of {own}")), "{said}");
    assert!(!said.contains(&format!("certificate of {theirs}")), "there are two months left: {said}");
    let metrics = || async {
        reqwest::get(format!("http://{}/metrics", stage.http)).await.unwrap().text().await.unwrap()
    };
    assert!(metrics().await.contains("drehscheibe_certificate_expires_seconds{"), "{}", metrics().await);

    // Over: nobody who comes is served with it any more, and the house says so of itself.
    lay(&stage, "haus", -2);
    until("it is over", 90, || begun(own) == 2).await;
    let ready = || async {
        reqwest::get(format!("http://{}/health/ready", stage.http)).await.unwrap().text().await.unwrap()
    };
    until("it begins again where it grew worse", 60, || stage.log().contains("expired")).await;
    assert!(ready().await.contains(&format!("certificate of {own}")), "{}", ready().await);
    assert_eq!(cli(&stage, &["partners", "check"]).0, 1);

    // Replaced, it ends once.
    lay(&stage, "haus", 400);
    until("it ends", 90, || stage.log().contains("alarm ended")).await;
    assert!(!ready().await.contains("certificate of"), "{}", ready().await);
    let (_, said) = cli(&stage, &["status"]);
    assert!(!said.contains("certificate of"), "{said}");
    assert_eq!((begun(own), stage.log().matches("alarm ended").count()), (2 + 1, 1), "{}", stage.log());
    assert!(running.terminate(), "{}", stage.log());
}

/// What is pinned stands in lists of files, some of them DER, and in channels by which nothing leaves.
#[test]
fn a_pinned_certificate_that_ends_is_told_wherever_it_is_named() {
    let nobody = crate::support::free_port();
    let stage = StageDir::new([nobody, nobody]);
    for (name, days) in [("haus", 400), ("intermed", 20), ("bremen", 6), ("fuer-bremen", 50)] {
        lay(&stage, name, days);
    }
    let tls = stage.stage().join("tls");
    let pem = fs::read(tls.join("fuer-bremen.pem")).expect("certificate");
    let der = rustls_pki_types::pem::PemObject::from_pem_slice(&pem).expect("PEM");
    let der: rustls_pki_types::CertificateDer<'_> = der;
    fs::write(tls.join("fuer-bremen.pem"), &der).expect("DER");
    let osci = format!(
        "connections:\n  osci: {{ kind: osci, listen: '{nobody}', \
         keys: {{ signature: {{ certificate: tls/haus.pem, key: tls/haus.key }}, \
         cipher: [{{ certificate: tls/haus.pem, key: tls/haus.pem }}] }}, \
         intermediaries: [{{ signature: [tls/haus.pem, tls/intermed.pem], policy: {{ plain: true }} }}] }}\n"
    );
    edit(&stage, "connections.yaml", "connections:\n", &osci);
    let channel =
        "channels: { lieferungen: {}, osci: { authors: [tls/bremen.pem], cipher: [tls/fuer-bremen.pem] } }";
    edit(&stage, "partners.yaml", "channels: { lieferungen: {} }", channel);
    let (_, said) = cli(&stage, &["partners", "check"]);
    for (by, term) in [
        ("connection osci, intermediaries.0.signature.1", 20),
        ("channel osci:jugendamt-bremen, authors.0", 6),
        ("channel osci:jugendamt-bremen, cipher.0", 50),
    ] {
        let line = said.lines().find(|line| line.contains(by)).unwrap_or_default();
        // It ends at midnight.
        let told = [term - 1, term].iter().any(|days| line.contains(&format!("holds for {days} days")));
        assert!(told, "{by}: {said}");
    }
}
