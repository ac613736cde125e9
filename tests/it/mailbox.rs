//! The real program with an office that has no server of its own: it delivers over HTTP and comes for what it gets. Waits are bounded.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::{Running, StageDir, TOKEN, free_port, ready, root};

/// Token of a second office with a mailbox.
const OTHER: &str = "token-des-zweiten-postfachs-0123456789";

struct Office {
    stage: StageDir,
    client: reqwest::Client,
}

impl Office {
    /// A stage whose Jugendamt gets its Quittungen in a mailbox, beside another one that has a mailbox, too.
    fn new() -> Office {
        let stage = StageDir::new([free_port(), free_port()]);
        let edit = |file: &str, from: &str, to: &str| {
            let path = stage.stage().join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{from}");
            fs::write(path, text.replacen(from, to, 1)).unwrap();
        };
        edit(
            "connections.yaml",
            "connections:\n",
            "connections:\n  postfach: { kind: mailbox, lease: 10s }\n",
        );
        edit(
            "partners.yaml",
            "    channels: { lieferungen: {} }\n    answers-by: lieferungen\n",
            "    channels: { lieferungen: {}, postfach: {} }\n    answers-by: postfach\n",
        );
        edit(
            "partners.yaml",
            "  kita-portal-nord:\n",
            "  jugendamt-zweit:\n    name: Zweites Jugendamt\n    mandant: jugendamt-zweit\n    identities: [\"jga:032410001001\"]\n    credentials: [{ bearer: { file: secrets/zweit } }]\n    channels: { postfach: {} }\n    answers-by: postfach\n  kita-portal-nord:\n",
        );
        fs::write(stage.stage().join("secrets/zweit"), OTHER).unwrap();
        Office { stage, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn up(&self, environment: &[(&str, String)]) -> Running {
        let running = self.stage.start_with(environment);
        for _ in 0..3_000 {
            if ready(&self.client, self.stage.http).await {
                return running;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not ready\n{}", self.stage.log());
    }

    /// Delivers; the answer goes into the mailbox.
    async fn deliver(&self, key: &str, body: String) {
        let post = self.client.post(format!("http://{}/v1/lieferungen", self.stage.http)).bearer_auth(TOKEN);
        let post = post.header("content-type", "application/xml").header("prefer", "respond-async");
        let answer = post.header("idempotency-key", key).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", self.stage.log());
        assert_eq!(answer.headers()["preference-applied"], "respond-async");
    }

    async fn ask(&self, token: &str, method: Method, path: &str, receipt: Option<&str>) -> Response {
        let url = format!("http://{}/v1/postfach{path}", self.stage.http);
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(receipt) = receipt {
            request = request.header("abholung", receipt);
        }
        request.send().await.unwrap()
    }

    async fn list(&self, token: &str) -> Vec<Value> {
        let page = self.ask(token, Method::GET, "", None).await;
        assert_eq!(page.status(), 200);
        json(page).await["nachrichten"].as_array().unwrap().clone()
    }

    /// Fetches: receipt and document.
    async fn fetch(&self, id: &str, receipt: Option<&str>) -> Result<(String, String), u16> {
        let fetched = self.ask(TOKEN, Method::POST, &format!("/{id}/abholung"), receipt).await;
        match fetched.status().as_u16() {
            200 => {
                let receipt = fetched.headers()["abholung"].to_str().unwrap().to_owned();
                assert_eq!(fetched.headers()["test"], "true");
                Ok((receipt, fetched.text().await.unwrap()))
            }
            status => Err(status),
        }
    }

    async fn end(&self, id: &str, act: &str, receipt: &str) -> u16 {
        self.ask(TOKEN, Method::POST, &format!("/{id}/{act}"), Some(receipt)).await.status().as_u16()
    }

    fn cli(&self, words: &[&str]) -> String {
        let output = self.stage.command(words).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }
}

async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

fn id(item: &Value) -> String {
    item["id"].as_str().unwrap().to_owned()
}

/// The clock of the process, as a file that may be changed.
struct Off(PathBuf);

impl Off {
    fn set(&self, seconds: i64) {
        let aside = self.0.with_extension("new");
        fs::write(&aside, seconds.to_string()).unwrap();
        fs::rename(aside, &self.0).unwrap();
    }
}

fn plain(n: u64) -> String {
    eintragung(&Wish { arten: vec!["01"], ..Wish::plain(n) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_without_a_server_comes_for_its_quittungen_through_kill_and_restart() {
    let office = Office::new();
    office.cli(&["check"]);
    let mut running = office.up(&[]).await;
    for n in 1..=3 {
        office.deliver(&format!("k{n}"), plain(n)).await;
    }
    let mut items = Vec::new();
    for _ in 0..500 {
        items = office.list(TOKEN).await;
        if items.len() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(items.len(), 3, "{items:?}\n{}", office.stage.log());
    assert!(items.iter().all(|item| item["nachricht"] == "xfamilie.0011" && item["test"] == true));
    let stands: Vec<&str> = items.iter().map(|item| item["stand"].as_str().unwrap()).collect();
    assert_eq!(stands, ["bereit"; 3]);
    assert!(office.cli(&["status"]).contains("not collected yet"));
    // Nobody else sees or has any of it.
    assert_eq!(office.list(OTHER).await, Vec::<Value>::new());
    let foreign = format!("/{}/abholung", id(&items[0]));
    assert_eq!(office.ask(OTHER, Method::POST, &foreign, None).await.status(), 404);

    let (receipt, first) = office.fetch(&id(&items[0]), None).await.unwrap();
    assert!(first.contains("0011"), "{first}");
    running.kill();
    let mut running = office.up(&[]).await;
    // What the reader has is still its own; whoever else asks waits until its time is over.
    assert_eq!(office.fetch(&id(&items[0]), None).await.err(), Some(409));
    let (same, again) = office.fetch(&id(&items[0]), Some(&receipt)).await.unwrap();
    assert_eq!((&same, &again), (&receipt, &first));
    assert_eq!(office.end(&id(&items[0]), "empfang", &receipt).await, 200);
    assert_eq!(office.end(&id(&items[0]), "empfang", &receipt).await, 200, "said again");
    // The reader that loses its answer gets it when the time is over, and the one that comes late is told.
    let (late, _) = office.fetch(&id(&items[1]), None).await.unwrap();
    running.kill();
    let _running = office.up(&[]).await;
    let mut next = office.fetch(&id(&items[1]), None).await;
    for _ in 0..200 {
        if next != Err(409) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        next = office.fetch(&id(&items[1]), None).await;
    }
    let (next, _) = next.unwrap();
    assert_ne!(next, late);
    assert_eq!(office.end(&id(&items[1]), "empfang", &late).await, 409);
    assert_eq!(office.end(&id(&items[1]), "empfang", &next).await, 200);
    assert_eq!(office.list(TOKEN).await.iter().map(id).collect::<Vec<_>>(), [id(&items[2])]);
    assert!(!office.stage.log().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_mailbox_gives_nothing_out_a_refusal_calls_a_person_and_a_deadline_ends_it() {
    let office = Office::new();
    let off = Off(office.stage.dir.path().join("clock"));
    off.set(0);
    let _running = office.up(&[("DREHSCHEIBE_CLOCK_FILE", off.0.display().to_string())]).await;
    // Nothing is there: who waits is answered when something comes.
    let url = format!("http://{}/v1/postfach", office.stage.http);
    let waiting = office.client.get(url).bearer_auth(TOKEN).header("prefer", "wait=30").send();
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(Duration::from_millis(300)).await;
    for n in 1..=4 {
        office.deliver(&format!("k{n}"), plain(n)).await;
    }
    let page = json(waiting.await.unwrap().unwrap()).await;
    assert!(!page["nachrichten"].as_array().unwrap().is_empty());
    let mut items = office.list(TOKEN).await;
    for _ in 0..500 {
        if items.len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        items = office.list(TOKEN).await;
    }
    let ids: Vec<String> = items.iter().map(id).collect();
    let (held, _) = office.fetch(&ids[0], None).await.unwrap();
    office.cli(&["pause", "destination", "postfach:jugendamt-bremen", "--reason", "Wartung"]);
    for _ in 0..200 {
        if office.ask(TOKEN, Method::GET, "", None).await.status() == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(office.ask(TOKEN, Method::GET, "", None).await.status(), 503);
    assert_eq!(office.fetch(&ids[1], None).await.err(), Some(503));
    assert_eq!(office.list(OTHER).await.len(), 0, "another's mailbox is not concerned");
    assert_eq!(office.end(&ids[0], "empfang", &held).await, 200, "what is in hand is closed");
    office.cli(&["resume", "destination", "postfach:jugendamt-bremen", "--reason", "fertig"]);
    for _ in 0..200 {
        if office.ask(TOKEN, Method::GET, "", None).await.status() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let (receipt, _) = office.fetch(&ids[1], None).await.unwrap();
    assert_eq!(office.end(&ids[1], "nicht-verarbeitbar?grund=unlesbar", &receipt).await, 200);
    assert_eq!(office.end(&ids[1], "nicht-verarbeitbar?grund=unlesbar", &receipt).await, 200, "said again");
    let parked = office.cli(&["parked", "list"]);
    assert!(parked.contains("the receiver cannot read it"), "{parked}");
    // One was fetched and never closed, one nobody came for.
    office.fetch(&ids[2], None).await.unwrap();
    off.set(40 * 86_400);
    let mut parked = String::new();
    for _ in 0..200 {
        parked = office.cli(&["parked", "list"]);
        if parked.contains("not collected before its deadline") && parked.contains("fetched but not closed") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(parked.contains("not collected before its deadline"), "{parked}\n{}", office.stage.log());
    assert!(parked.contains("fetched but not closed before its deadline"), "{parked}");
    assert_eq!(office.list(TOKEN).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_readme_work_as_they_are_written() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let block =
        readme.split("```sh\n").find(|block| block.starts_with("URL=http://127.0.0.1:8080/v1/postfach"));
    let block = block.and_then(|block| block.split("```").next()).expect("the lines");
    let office = Office::new();
    let _running = office.up(&[]).await;
    office.deliver("k1", plain(1)).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), TOKEN).unwrap();
    let lines = block.replace("127.0.0.1:8080", &office.stage.http.to_string());
    let mut shell = std::process::Command::new("bash");
    shell.current_dir(folder.path()).args(["-c", &format!("set -euo pipefail\n{lines}")]);
    let output = shell.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains(r#""stand":"empfangen""#), "{said}");
    assert!(fs::read_to_string(folder.path().join("dokument")).unwrap().contains("0011"));
    assert_eq!(office.list(TOKEN).await, Vec::<Value>::new());
}

#[test]
fn check_refuses_a_mailbox_that_nobody_can_open() {
    let office = Office::new();
    let path = office.stage.stage().join("partners.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let without = text.replacen("    credentials: [{ bearer: { file: secrets/zweit } }]\n", "", 1);
    assert_ne!(without, text);
    fs::write(&path, without).unwrap();
    let output = office.stage.command(&["check"]).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("nothing proves who it is"), "{said}");
}
