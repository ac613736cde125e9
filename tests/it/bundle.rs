//! The support bundle as an operator makes it, of a real process whose store is full of marked persons: what is in it, what never
//! is, when it is refused, and that nothing is written unless somebody agreed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::canary::marks::{self, marked};
use crate::canary::search::{Hay, Search, files};
use crate::support::{Receiver, StageDir, TOKEN, WHSEC, until, up};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A stage in which the marked birthplace is a place.
async fn stage() -> (StageDir, [Receiver; 2]) {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    let other = format!("040110000000;{};ortsteil\n", marks::BIRTHPLACE);
    fs::write(stage.stage().join("tables/ortsnamen.csv"), other).unwrap();
    let path = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, text.replace("connections:\n", "telemetry: { log: debug }\nconnections:\n")).unwrap();
    (stage, partners)
}

async fn post(stage: &StageDir, token: Option<&str>, key: &str, body: String) -> u16 {
    let request = reqwest::Client::new()
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .header("content-type", "application/xml")
        .header("idempotency-key", key)
        .body(body);
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

fn bundle(stage: &StageDir, words: &[&str]) -> Output {
    let mut command: Command = stage.command(&[&["support", "bundle"], words].concat());
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Unpacks with the system's own program.
fn unpacked(archive: &Path, to: &Path) -> Vec<Hay> {
    let done = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(to).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let found = files(to).into_iter().filter(|path| path.is_file());
    found
        .map(|path| Hay::new(path.file_name().unwrap().to_string_lossy(), fs::read(&path).unwrap()))
        .collect()
}

fn of<'a>(hays: &'a [Hay], name: &str) -> &'a [u8] {
    &hays.iter().find(|hay| hay.name == name).unwrap_or_else(|| panic!("{name} is missing")).octets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_tells_how_the_house_stands_and_nothing_of_persons_or_secrets() {
    let (stage, partners) = stage().await;
    let mut running = up(&stage).await;
    for n in 0..4 {
        assert_eq!(post(&stage, Some(TOKEN), &format!("{}-{n}", marks::KEY), marked(n)).await, 200);
    }
    let broken = marked(9).replace("version=\"1.3.0\"", "version=\"9.9.9\"");
    assert_eq!(post(&stage, Some(TOKEN), "kaputt", broken).await, 422);
    assert_eq!(post(&stage, Some(marks::TOKEN), "fremd", marked(10)).await, 401);
    until("the services were told", 60, || partners.iter().all(|partner| partner.accepted() >= 4)).await;
    let paused = stage.command(&[
        "pause",
        "destination",
        "callback:kita-portal-nord",
        "--reason",
        marks::PARTNER_SAYS,
    ]);
    assert!({ paused }.output().unwrap().status.success());
    // A log that somebody else wrote into as well.
    let log = stage.dir.path().join("given.log");
    let foreign = format!(
        "{}\n{{\"timestamp\":\"2026-11-22T03:00:00Z\",\"level\":\"INFO\",\"target\":\"drehscheibe::x\",\"message\":\"{}\",\"subject\":\"{}\"}}\n",
        marks::HEADER,
        marks::QUERY,
        marks::PART
    );
    fs::write(&log, format!("{foreign}{}{foreign}", stage.log())).unwrap();
    let (to, log) = (stage.dir.path().join("support.tar.gz"), log.display().to_string());
    let to_text = to.display().to_string();

    let asked = bundle(&stage, &["--to", &to_text, "--log", &log]);
    assert_eq!(asked.status.code(), Some(1), "{}", text(&asked.stderr));
    assert!(text(&asked.stdout).contains("nothing was written"), "{}", text(&asked.stdout));
    assert!(!to.exists(), "without a terminal and without --yes nothing is written");

    let made = bundle(&stage, &["--to", &to_text, "--log", &log, "--yes"]);
    assert_eq!(made.status.code(), Some(0), "{}{}", text(&made.stdout), text(&made.stderr));
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = tempfile::tempdir().unwrap();
    let hays = unpacked(&to, folder.path());
    let names: Vec<&str> = hays.iter().map(|hay| hay.name.as_str()).collect();
    assert_eq!(names.len(), 8, "{names:?}");

    // What it shows is what it holds.
    let shown = text(&made.stdout);
    for hay in &hays {
        assert!(shown.contains(&text(&hay.octets)), "{} is shown whole", hay.name);
    }

    let json = |name: &str| serde_json::from_slice::<Value>(of(&hays, name)).unwrap();
    let about = json("about.json");
    assert_eq!((&about["stage"], &about["program"]), (&"test".into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(about["uptime_seconds"].as_i64().is_some_and(|seconds| (0..3_600).contains(&seconds)), "{about}");
    let store = json("store.json");
    assert_eq!(store["figures"]["registersaetze"], 4);
    assert_eq!(store["figures"]["inbound"]["accepted"], 4);
    assert_eq!(store["figures"]["codes"]["V000"], 1);
    assert_eq!(store["figures"]["pauses"][0]["name"], "callback:kita-portal-nord");
    assert_eq!(store["versions"][0]["found"], store["versions"][0]["program"]);
    assert!(store["versions"][0]["found"].as_i64() > Some(0), "{store}");
    let configuration = json("configuration.json");
    assert_eq!(configuration["routes"][0]["route"], "registerlieferung");
    assert!(configuration["packages"].to_string().contains("xfamilie 1.3.0"), "{configuration}");
    assert!(json("doctor.json").as_array().is_some_and(|findings| findings.len() >= 5));
    assert!(json("alarms.json").to_string().contains("sender-not-admitted"));
    let metrics = text(of(&hays, "metrics.txt"));
    assert!(metrics.contains("drehscheibe_received_total{binding=\"http\"} "), "{metrics}");
    let lines = text(of(&hays, "log.jsonl"));
    for wanted in ["\"message\":\"ready\"", "\"message\":\"committed\"", "\"subject\":\"(left out)\""] {
        assert!(lines.contains(wanted), "{wanted}:\n{lines}");
    }

    // None of the marks, none of the secrets: neither in what leaves nor in what was printed.
    let secrets = [("token", TOKEN), ("webhook", WHSEC), ("store key", KEY), ("reason", marks::PARTNER_SAYS)];
    let search = Search::new(marks::all().into_iter().chain(secrets));
    let printed = [asked, made].map(|output| Hay::new("printed", [output.stdout, output.stderr].concat()));
    let found: Vec<String> = hays.iter().chain(&printed).flat_map(|hay| search.find(hay)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let planted = Hay::new("planted", format!("{lines}{}", marks::QUERY));
    assert!(!search.find(&planted).is_empty(), "the search would have found it");

    // What is there is not replaced.
    let before = fs::read(&to).unwrap();
    assert_eq!(bundle(&stage, &["--to", &to_text, "--yes"]).status.code(), Some(2));
    assert_eq!(fs::read(&to).unwrap(), before);
    assert!(running.terminate());

    // The house is down: it is said in its place, and the rest is there.
    let show = bundle(&stage, &["--show", "--json"]);
    assert_eq!(show.status.code(), Some(0), "{}", text(&show.stderr));
    let shown: Value = serde_json::from_slice(&show.stdout).unwrap();
    assert_eq!((&shown["written"], shown["files"].as_array().map(Vec::len)), (&Value::Null, Some(8)));
    let readme = shown["files"][0]["text"].as_str().unwrap();
    assert!(readme.contains("is it running?") && readme.contains("no log was given"), "{readme}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_an_allowed_field_refuses_the_bundle_and_is_not_shown() {
    let (stage, _partners) = stage().await;
    let to = stage.dir.path().join("support.tar.gz");
    let to_text = to.display().to_string();
    // A secret that nothing refers to, in the one place of the metrics where a free word may stand.
    let secret = "4711-geheim-0815";
    fs::write(stage.stage().join("secrets/liegengeblieben"), format!("{secret}\n")).unwrap();
    let metrics = stage.dir.path().join("metrics.txt");
    fs::write(&metrics, format!("drehscheibe_build_info{{version=\"{secret}\",stage=\"test\"}} 1\n"))
        .unwrap();
    let metrics = metrics.display().to_string();
    let refused = bundle(&stage, &["--to", &to_text, "--yes", "--metrics", &metrics]);
    let said = text(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1), "{said}{}", text(&refused.stderr));
    assert!(said.contains("secrets/liegengeblieben") && said.contains("metrics.txt"), "{said}");
    assert!(!said.contains(secret) && !said.contains("about.json"), "nothing is shown: {said}");
    assert!(!to.exists());

    // A token that is the name of its partner stands wherever the partner is named.
    fs::write(stage.stage().join("secrets/bremen"), "jugendamt-bremen").unwrap();
    let connections = fs::read_to_string(stage.stage().join("connections.yaml")).unwrap();
    fs::write(
        stage.stage().join("connections.yaml"),
        connections.replace("  callback:\n", "  jugendamt-bremen: { kind: timer }\n  callback:\n"),
    )
    .unwrap();
    let refused = bundle(&stage, &["--to", &to_text, "--yes", "--json"]);
    assert_eq!(refused.status.code(), Some(1), "{}{}", text(&refused.stdout), text(&refused.stderr));
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(report["refused"][0]["what"], "the secret secrets/bremen");
    assert_eq!((&report["written"], &report["files"]), (&Value::Null, &Value::Array(Vec::new())));
    assert!(!to.exists());
}
