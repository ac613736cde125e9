//! The small intermediary of the house (`osci intermediary`): what the Java and .NET libraries asked when they were recorded it answers as an
//! independent verifier and the official schemas have it; and over it the house's own client and recipient find each other, through kills.
//! Ours against ours proves nothing by itself; the recordings and the verifier are the judges.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::envelope::Envelope;
use drehscheibe::transport::osci_client::keeper::Keeper;
use drehscheibe::transport::osci_client::out::ClientDestination;
use drehscheibe::transport::port::*;
use serde_json::{Value, json};

use crate::osci_door::{OsciDoor, channel, file, lenient, pin};
use crate::osci_peer::{Remembered, house, settings};
use crate::osci_support::{envelope as text_of, invalid, look, package, recorded, verified};
use crate::transport_support::{envelope, start};

/// The small intermediary of the house, as a process.
pub struct Sandbox {
    child: Child,
    /// Its address.
    pub url: String,
}

impl Sandbox {
    /// Starts it over a folder.
    pub fn start(folder: &Path) -> Sandbox {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command
            .args(["--json", "osci", "intermediary", "--listen", "127.0.0.1:0", "--plain", "--folder"])
            .arg(folder);
        for (option, name) in [("signature", "intermed_sig"), ("cipher", "intermed_enc")] {
            command.arg(format!("--{option}-cert")).arg(file(&format!("{name}.crt.pem")));
            command.arg(format!("--{option}-key")).arg(file(&format!("{name}.key.pem")));
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            text.push_str(&line.unwrap());
            if text.ends_with('}') {
                break;
            }
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(said["production"], false);
        Sandbox { child, url: format!("http://{}/", said["listens"].as_str().unwrap()) }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn what_libraries_asked_is_answered_validly() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = Vec::new();
    let mut schemas = Vec::new();
    for asked in recorded() {
        let Some(kind) = ["GetMessageId", "InitDialog", "StoreDelivery"]
            .into_iter()
            .find(|kind| asked.name.ends_with(&format!("client2intermed-{kind}.req")))
        else {
            continue;
        };
        let signed =
            look(&asked.body).signatures.first().is_some_and(|first| first.kind == "client" && first.valid);
        let answer =
            client.post(&sandbox.url).body(asked.body.clone()).send().await.unwrap().bytes().await.unwrap();
        let seen = look(&answer);
        let legacy = asked.name.starts_with("10-") || asked.name.starts_with("11-");
        // What belongs to a dialog with the intermediary of the recordings belongs to none here.
        let inner = package(&asked.body).unwrap();
        let in_dialog = inner.windows(16).any(|window| window == b" ConversationId=");
        if !signed || legacy || in_dialog {
            assert_eq!(seen.kind.as_deref(), Some("SOAPFault"), "{}", asked.name);
            continue;
        }
        assert_eq!(seen.kind.as_deref(), Some(&*format!("ResponseTo{kind}")), "{}", asked.name);
        assert_eq!(seen.transport_encrypted, look(&asked.body).transport_encrypted, "{}", asked.name);
        // Its id was given by the intermediary of the recordings.
        let code = if kind == "StoreDelivery" {
            "9801"
        } else if kind == "InitDialog" {
            "0801"
        } else {
            "0800"
        };
        assert_eq!(seen.feedback[0].code, code, "{}", asked.name);
        if kind != "StoreDelivery" {
            schemas.push((format!("soapResponseTo{kind}.xsd"), text_of(&package(&answer).unwrap())));
        }
        answers.push((asked.name.replace('/', "-"), answer));
    }
    assert!(answers.len() > 20, "{}", answers.len());
    let bodies: Vec<(&str, &[u8])> =
        answers.iter().map(|(name, body)| (name.as_str(), body.as_ref())).collect();
    for line in verified(&bodies).unwrap_or_default() {
        assert!(line.contains("SupplierSignature ok(") && !line.contains("DIFF"), "{line}");
    }
    if let Some(faults) = invalid(&schemas) {
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

#[tokio::test]
async fn the_house_delivers_and_fetches_over_it_through_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path());
    let written = json!({ "cipher": [pin("addressee_enc")] });
    let (_house, around, _) = house(&written);
    let destination = |url: &str, written: &Value| {
        let channel = Channel { partner: "ja-nord".to_owned(), settings: written.clone() };
        ClientDestination::new("haus", &settings(url, "originator"), &channel, &around).unwrap()
    };
    let to = destination(&sandbox.url, &written);
    let mut references = Vec::new();
    for number in 0..5 {
        let what =
            Envelope { body: Bytes::from(format!("<d>{number}</d>")), ..envelope("", "application/xml") };
        let progress = Progress::default();
        let memory = Remembered::default();
        let attempt = Attempt { progress: &progress, memory: &memory, taken_within: None };
        references.push(to.attempt(&what, attempt).await.unwrap().reference);
    }
    drop(sandbox);
    let sandbox = Sandbox::start(folder.path());
    let (reading, around_reader, _) = house(&json!({ "authors": [pin("originator_sig")] }));
    let mut mailbox = settings(&sandbox.url, "addressee");
    (mailbox["mailbox"], mailbox["every"], mailbox["page"]) = (json!(true), json!("100ms"), json!(2));
    let running = start(Arc::new(Keeper::new("haus", &mailbox, &around_reader).unwrap().unwrap()));
    reading.wait_for(5).await;
    running.end().await.unwrap();
    let got: Vec<String> =
        reading.delivered().iter().map(|found| found.head.correlation.clone().unwrap()).collect();
    assert_eq!(got, references);
    let to = destination(&sandbox.url, &written);
    for reference in &references {
        let followed = Followed { id: uuid::Uuid::nil(), reference, keep: &[], looks: 0, last: false };
        assert!(matches!(to.look_after(&followed).await, Ok(After::Confirmed(_))), "{reference}");
    }
    // Forwarded to a recipient of the house.
    let door = OsciDoor::open(crate::osci_door::settings(lenient()), channel(json!({}))).await;
    let forward = json!({ "cipher": [pin("addressee_enc")], "forward": door.url });
    let (_other, around_other, _) = house(&forward);
    let channel = Channel { partner: "ja-nord".to_owned(), settings: forward };
    let to = ClientDestination::new("haus", &settings(&sandbox.url, "originator"), &channel, &around_other)
        .unwrap();
    let receipt = to.send(&envelope("<weiter/>", "application/xml")).await.unwrap();
    assert!(receipt.evidence.contains("received"), "{}", receipt.evidence);
    assert_eq!(door.house.delivered()[0].body.as_ref(), b"<weiter/>");
    door.end().await;
}
