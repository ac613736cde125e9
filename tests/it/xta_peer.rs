//! The XTA client of the real program at a server on the SOAP stack of others (JAX-WS RI): zeep sends as an office, the house comes for it and
//! answers. Run by `tests/peers/xta/run.sh`, which builds the server; without it this test says that it compared nothing.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{StageDir, free_port};
use crate::xta_client_support::{USUAL, up, write};
use crate::xta_server_support::{delivery, zeep};

/// The house and the office, as the accounts of that server have them.
const HOUSE: &str = "sta:05315000";
const OFFICE: &str = "jua:05315000";

/// Ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_stack_serves_the_client() {
    let Ok(work) = std::env::var("DREHSCHEIBE_XTA_PEER") else {
        println!("skipped: tests/peers/xta/run.sh builds the foreign stack");
        return;
    };
    let stage = StageDir::new([free_port(), free_port()]);
    let port = free_port().port();
    let classes = std::env::var("DREHSCHEIBE_XTA_PEER_PATH").unwrap();
    let captures = stage.dir.path().join("captures");
    let mut server = Ends(
        Command::new("java")
            .args(["-cp", &classes, "XtaServer", &format!("{work}/pki"), &port.to_string()])
            .arg(&captures)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("ready")), "the foreign stack starts");
    let pki = |name: &str| format!("{work}/pki/{name}");
    let ports = USUAL.map(|path| format!("https://localhost:{port}{path}"));
    let tls = format!(
        "{{ ca: {}, client-certificate: {{ certificate: {}, key: {} }} }}",
        pki("ca.crt"),
        pki("reader.crt"),
        pki("reader.key")
    );
    write(&stage, &ports, (&tls, ""), (HOUSE, OFFICE));
    let order = |steps: Value| {
        zeep(json!({
            "ca": pki("ca.crt"), "server": format!("https://localhost:{port}"), "steps": steps,
            "certificate": pki("author.crt"), "key": pki("author.key"),
        }))
        .expect("zeep")
        .unwrap()
    };
    let id = |n: u64| format!("urn:de:xta:messageid:amt:{n}");
    let sends: Vec<Value> = (1..=5)
        .map(|n| {
            json!({
                "do": "sendMessage", "author": OFFICE, "reader": HOUSE, "id": id(n), "content": STANDARD.encode(delivery(n)),
                "attachments": [{ "content": STANDARD.encode(vec![b'%'; 70_000]), "type": "text/plain", "name": "Anlage.txt" }],
            })
        })
        .collect();
    let told = order(json!(sends));
    assert!(told.iter().all(|told| *told == json!({ "answer": null })), "{told:?}");
    let mut running = up(&stage).await;
    let mut answers = 0;
    for _ in 0..120 {
        let told = order(json!([{ "do": "getStatusList", "as": OFFICE }]));
        answers = told[0]["answer"]["body"]["MessageMetaData"].as_array().map_or(0, Vec::len);
        if answers == 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(answers, 5, "{}", stage.log());
    let asked: Vec<Value> =
        (1..=5).map(|n| json!({ "do": "getTransportReport", "as": OFFICE, "id": id(n) })).collect();
    for told in order(json!(asked)) {
        assert_eq!(told["answer"]["MessageStatus"]["Status"], json!(1), "closed: {told}");
    }
    let fetches = std::fs::read_dir(&captures).unwrap();
    let fetches = fetches.filter(|file| {
        let name = file.as_ref().unwrap().file_name().to_string_lossy().into_owned();
        name.contains("MsgBoxFetchRequest") && name.ends_with("request.http")
    });
    assert_eq!(fetches.count(), 5, "each was fetched once");
    assert!(running.terminate());
    assert!(!stage.log().contains("panicked"));
}
