//! What the tests of the OSCI client share: a small intermediary that knows nothing of the product and verifies every order independently
//! (`osci_intermediary.py`), and the client's settings with the keys of the recordings. Judges nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::Lying;
use drehscheibe::transport::port::account::Account;
use drehscheibe::transport::port::binding::HttpBinding;
use drehscheibe::transport::port::*;
use serde_json::{Value, json};

use crate::osci_door::{key, pin};
use crate::osci_support::{folder, inside_term, python, verifier};
use crate::transport_support::House;

/// The intermediary; ended when it is dropped.
pub struct Intermediary {
    child: Child,
    url: String,
    client: reqwest::Client,
    _place: tempfile::TempDir,
}

impl Intermediary {
    /// Starts it; `None` where Python or its packages are not here, which is said.
    pub fn start() -> Option<Intermediary> {
        let Some(python) = python() else {
            println!(
                "skipped: python3 with lxml and cryptography is not installed; there is no intermediary"
            );
            return None;
        };
        let place = verifier();
        let keys = place.path().join("keys");
        for file in fs::read_dir(folder().join("keys")).unwrap().map(|file| file.unwrap()) {
            fs::copy(file.path(), keys.join(file.file_name())).unwrap();
        }
        let mut child = Command::new(python)
            .arg("-B")
            .arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/osci_intermediary.py"))
            .arg(place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Intermediary { child, url: format!("http://127.0.0.1:{}", port.trim()), client, _place: place })
    }

    async fn post(&self, path: &str, body: impl Into<Bytes>) -> Value {
        let answer = self.client.post(format!("{}{path}", self.url)).body(body.into()).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Lays a recorded StoreDelivery into the mailbox that it names; gives its id.
    pub async fn inject(&self, body: Bytes) -> String {
        self.post("/inject", body).await.as_str().unwrap().to_owned()
    }

    /// What is done wrong at the next orders of a kind.
    pub async fn script(&self, kind: &str, steps: &[&str]) {
        let steps: Vec<Value> =
            steps.iter().map(|step| if step.is_empty() { Value::Null } else { json!(step) }).collect();
        self.post("/script", json!({ kind: steps }).to_string()).await;
    }

    /// Nothing is done wrong any more.
    pub async fn clear(&self) {
        self.post("/script", "null").await;
    }

    /// Every order so far.
    pub async fn seen(&self) -> Vec<Value> {
        self.get("/seen").await.as_array().unwrap().clone()
    }

    /// The kinds of every order so far.
    pub async fn kinds(&self) -> Vec<String> {
        self.seen().await.iter().map(|order| order["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// The process card of a delivery.
    pub async fn card(&self, id: &str) -> Value {
        self.get("/cards").await[id].clone()
    }

    /// How many deliveries it has.
    pub async fn cards(&self) -> usize {
        self.get("/cards").await.as_object().unwrap().len()
    }

    /// The settings of a connection to it, with the keys of this side of the recordings.
    pub fn settings(&self, side: &str) -> Value {
        settings(&self.url, side)
    }
}

/// The settings of a connection to an intermediary with the keys of the recordings, with those of one of their sides.
pub fn settings(url: &str, side: &str) -> Value {
    json!({
        "url": url,
        "keys": { "signature": key(&format!("{side}_sig")), "cipher": [key(&format!("{side}_enc"))] },
        "intermediary": { "signature": [pin("intermed_sig")], "cipher": [pin("intermed_enc")] },
        "timeout": "60s",
    })
}

impl Drop for Intermediary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a source told of what lies in its mailbox.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<Lying>>);

#[async_trait]
impl Notes for Told {
    async fn note(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Busy> {
        Ok(None)
    }

    async fn set_note(&self, _: &str, _: &str, _: Option<Vec<u8>>) -> Result<(), Busy> {
        Ok(())
    }

    async fn swap_note(&self, _: &str, _: &str, _: Option<Vec<u8>>, _: Vec<u8>) -> Result<bool, Busy> {
        Ok(true)
    }

    async fn looked(&self, place: &Place, lying: Lying) -> Result<(), Busy> {
        assert_eq!(
            (place.binding.as_str(), place.partners.as_slice()),
            ("osci-client haus", &["ja-nord".to_owned()][..])
        );
        self.0.lock().unwrap().push(lying);
        Ok(())
    }
}

/// A house whose partner has this channel at the connection `haus`.
pub fn house(channel: &Value) -> (Arc<House>, Surroundings, Arc<Told>) {
    let house = House::new();
    let account = Account {
        connection: "haus".to_owned(),
        partner: "ja-nord".to_owned(),
        identities: vec!["jga:1".to_owned()],
        settings: channel.clone(),
    };
    *house.admission.lock().unwrap() =
        Arc::new(Admission { accounts: vec![account], ..Admission::default() });
    bounded(&house, 8 << 20);
    let told = Arc::new(Told::default());
    let around = Surroundings { notes: told.clone(), ..house.around(Clock::set(inside_term())) };
    (house, around, told)
}

/// The routes of a house take documents of so many octets.
pub fn bounded(house: &House, max_body: usize) {
    let mut http = house.http.lock().unwrap();
    let all = http.iter().map(|binding| HttpBinding { max_body, ..binding.clone() }).collect();
    *http = Arc::new(all);
}

/// What attempts leave, and everything that they left.
#[derive(Default)]
pub struct Remembered {
    now: Mutex<Vec<Vec<u8>>>,
    before: Option<Vec<u8>>,
}

impl Remembered {
    /// What an attempt left to the next one.
    pub fn next(&self) -> Remembered {
        let left = self.now.lock().unwrap().last().cloned().or_else(|| self.before.clone());
        Remembered { now: Mutex::default(), before: left.filter(|left| !left.is_empty()) }
    }

    /// What was remembered, in its order, without the ids.
    pub fn marks(&self) -> Vec<String> {
        let all = self.now.lock().unwrap();
        all.iter()
            .map(|left| String::from_utf8_lossy(left).split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }
}

#[async_trait]
impl Memory for Remembered {
    fn left(&self) -> Option<&[u8]> {
        self.before.as_deref()
    }

    async fn remember(&self, what: &[u8]) -> Result<(), SendError> {
        self.now.lock().unwrap().push(what.to_vec());
        Ok(())
    }
}
