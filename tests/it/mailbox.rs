//! The real program with an office that has no server of its own: it delivers over HTTP and comes for what it gets. Waits are bounded.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use drehscheibe::app::house::{House, Options};
use drehscheibe::app::player::Given;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::envelope::Inbound;
use drehscheibe::store::stamp::Scope;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::klaerfall;
use crate::support::{Receiver, Running, StageDir, TOKEN, free_port, ready, root};

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
    for _ in 0..3_000 {
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
    for _ in 0..600 {
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
    for _ in 0..3_000 {
        if items.len() == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        items = office.list(TOKEN).await;
    }
    let ids: Vec<String> = items.iter().map(id).collect();
    let (held, _) = office.fetch(&ids[0], None).await.unwrap();
    office.cli(&["pause", "destination", "postfach:jugendamt-bremen", "--reason", "Wartung"]);
    for _ in 0..1_200 {
        if office.ask(TOKEN, Method::GET, "", None).await.status() == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let closed = office.ask(TOKEN, Method::GET, "", None).await;
    assert_eq!(closed.status(), 503);
    assert!(
        closed.text().await.unwrap().contains("gibt zurzeit nichts heraus"),
        "nobody wanted to hand anything in"
    );
    assert_eq!(office.fetch(&ids[1], None).await.err(), Some(503));
    assert_eq!(office.list(OTHER).await.len(), 0, "another's mailbox is not concerned");
    assert_eq!(office.end(&ids[0], "empfang", &held).await, 200, "what is in hand is closed");
    office.cli(&["resume", "destination", "postfach:jugendamt-bremen", "--reason", "fertig"]);
    for _ in 0..1_200 {
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
    for _ in 0..600 {
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
async fn what_is_given_back_again_and_again_calls_a_person() {
    let office = Office::new();
    let _running = office.up(&[]).await;
    office.deliver("k1", plain(1)).await;
    let id = id(&office.list(TOKEN).await[0]);
    for nth in 1..=10 {
        assert!(!office.stage.log().contains("given-back-often"), "not before the tenth: {nth}");
        let (receipt, _) = office.fetch(&id, None).await.unwrap();
        assert_eq!(office.end(&id, "rueckgabe", &receipt).await, 200);
    }
    let log = office.stage.log();
    let called =
        log.lines().find(|line| line.contains("given-back-often")).unwrap_or_else(|| panic!("{log}"));
    assert!(called.contains(&id), "{called}");
    assert_eq!(office.list(TOKEN).await[0]["stand"], "bereit", "it lies there all the same");
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

/// A house with the shipped routes in which Bremen comes for what it gets.
async fn shipped() -> (House, StageDir, Receiver) {
    let receiver = Receiver::start().await;
    let http = free_port();
    let mut stage = klaerfall::stage("A", http, receiver.address);
    (stage.routes, stage.http) = (root().join("routes"), http);
    for (file, from, to) in [
        ("connections.yaml", "connections:\n", "connections:\n  postfach: { kind: mailbox, lease: 10s }\n"),
        (
            "partners.yaml",
            "channels:\n      lieferungen: {}\n    answers-by: lieferungen\n",
            "channels:\n      lieferungen: {}\n      postfach: {}\n    answers-by: postfach\n",
        ),
    ] {
        let path = stage.stage().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
    let options = Options {
        place: klaerfall::place_of(&stage),
        clock: Clock::scaled(klaerfall::began(), 1.0),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    (House::start(options).await.unwrap(), stage, receiver)
}

fn given(binding: &str, partner: &str, name: &str, body: String) -> Given {
    let (binding, partner) = (binding.to_owned(), Some(partner.to_owned()));
    Given { binding, partner, transport_id: name.to_owned(), body: body.into(), ..Given::default() }
}

fn case(file: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(root().join("routes/tests").join(file)).unwrap();
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_gets_a_request_before_its_withdrawal_and_one_of_nobody_when_it_is_given_it() {
    let (house, stage, _receiver) = shipped().await;
    let (intake, store) = (house.shared.around.intake.clone(), house.shared.core.store.clone());
    let token = fs::read_to_string(stage.stage().join("secrets/jugendamt-bremen.token")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |method: Method, path: &str, receipt: Option<&str>| {
        let url = format!("http://{}/v1/postfach{path}", stage.http);
        let mut request = client.request(method, url).bearer_auth(token.trim());
        if let Some(receipt) = receipt {
            request = request.header("abholung", receipt);
        }
        request.send().await.unwrap()
    };
    let list = async || {
        let page = json(ask(Method::GET, "", None).await).await;
        let all = page["nachrichten"].as_array().unwrap().clone();
        all.iter().map(|one| (id(one), one["nachricht"].to_string())).collect::<Vec<_>>()
    };
    let close = async |id: &str| {
        let fetched = ask(Method::POST, &format!("/{id}/abholung"), None).await;
        let receipt = fetched.headers()["abholung"].to_str().unwrap().to_owned();
        let body = fetched.text().await.unwrap();
        let ended = ask(Method::POST, &format!("/{id}/empfang"), Some(&receipt)).await;
        assert_eq!(ended.status(), 200);
        body
    };
    let deliver = async |given: Given| {
        let verdict = intake.deliver(klaerfall::envelope(&given)).await.unwrap();
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        verdict.id
    };
    let antrag = "antwort-jugendamt/antrag.json";
    deliver(given("http /v1/antraege", "kita-portal-nord", "a", case(antrag, &[]))).await;
    deliver(given(
        "http /v1/rueckzuege",
        "kita-portal-nord",
        "b",
        case("antrag-rueckzug/rueckzug.json", &[]),
    ))
    .await;
    let both = list().await;
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].1.contains("0801") && both[1].1.contains("rueckzug"), "{both:?}");
    let early = ask(Method::POST, &format!("/{}/abholung", both[1].0), None).await;
    assert_eq!(early.status(), 409, "the withdrawal waits until its request is closed");
    assert!(close(&both[0].0).await.contains("0801"));
    assert!(close(&both[1].0).await.contains("rueckzug"));
    assert!(list().await.is_empty());

    // Nobody knows the office of this one.
    let changes = [
        ("\"gemeindeschluessel\": \"04011000\"", "\"gemeindeschluessel\": \"09162000\""),
        ("\"wohnort\": \"Bremen\"", "\"wohnort\": \"M\u{fc}nchen\""),
        ("8b7a-000000000801", "8b7a-000000001801"),
        ("8b7a-000000000201", "8b7a-000000001201"),
    ];
    let nobodys = deliver(given("http /v1/antraege", "kita-portal-nord", "c", case(antrag, &changes))).await;
    for _ in 0..3_000 {
        if !store.list_parked_sends(&Scope::Operator, 1).await.unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = async |words: &[&str]| {
        let mut command = stage.command(words);
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (_, said) = told(&["parked", "list", "--json"]).await;
    assert!(said.contains(&format!("vorgang zuweisen {nobodys}")), "{said}");
    let (_, said) = told(&["status"]).await;
    assert!(said.contains("vorgang zuweisen"), "{said}");
    let number = nobodys.to_string();
    let why = ["--aktenzeichen", "51-12/2026", "--grund", "Amt nimmt den Vorgang an", "--wait", "20s"];
    let give = |amt: &'static str| [&["vorgang", "zuweisen", &number, "--amt", amt][..], &why[..]].concat();
    for wrong in ["09162000", "jugendamt-bremerhaven"] {
        let (code, said) = told(&give(wrong)).await;
        assert_eq!(code, Some(2), "{said}");
    }
    let (code, said) = told(&give("04011")).await;
    assert!(code == Some(0) && said.contains("a second person"), "{said}");
    let (code, said) = told(&give("jugendamt-bremen")).await;
    assert!(code == Some(1) && said.contains("dieselbe-person"), "{said}");
    assert!(list().await.is_empty(), "one person alone gives nothing to anybody");
    let (_, said) = told(&["vorgang", "show", &number, "--reason", "Wer fehlt noch"]).await;
    assert!(said.contains("a second person is missing"), "{said}");
    let order = case("vorgang-zuweisung/zuweisung.json", &[("000000000201", "000000001201")]);
    let order = given("person zuweisung", "jugendamt-bremen", "d", order);
    deliver(Given { acting: Some("bert.muster".to_owned()), ..order }).await;
    let third = list().await;
    assert_eq!(third.len(), 1, "{third:?}");
    assert!(close(&third[0].0).await.contains("0801"));
    let (_, said) = told(&["vorgang", "show", &number, "--reason", "Wer hat ihn"]).await;
    assert!(said.contains("jugendamt-bremen") && said.contains("by two persons"), "{said}");
    let (_, said) = told(&["parked", "list"]).await;
    assert!(said.contains("nothing waits for a person"), "{said}");
    house.stop(Duration::from_secs(5)).await;
}
