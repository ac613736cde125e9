//! The command line as an operator meets it: the real program, real sockets, exit codes, JSON and plain sentences.
//! Waits are bounded; nothing is asserted by the passing of time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use drehscheibe::cli::sample::{Wish, eintragung};
use serde_json::Value;

use crate::support::{Receiver, StageDir, TOKEN, edit, free_port, post, root, until, up};

const REASON: &str = "Probe der Bedienung";

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn of(mut command: Command) -> Ended {
        let output = command.output().expect("the program starts");
        Ended {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|fault| panic!("no JSON: {fault}\n{}\n{}", self.out, self.err))
    }
}

fn cli(stage: &StageDir, words: &[&str]) -> Ended {
    Ended::of(stage.command(words))
}

/// The program as a newcomer calls it: from the project's root, with every default.
fn plain(words: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
    command.current_dir(root()).args(words);
    Ended::of(command)
}

fn sample(name: &str) -> String {
    root().join("xsd/xfamilie/1.3.0/samples").join(name).display().to_string()
}

async fn partners() -> [Receiver; 2] {
    [Receiver::start().await, Receiver::start().await]
}

fn stage_of(partners: &[Receiver; 2]) -> StageDir {
    StageDir::new([partners[0].address, partners[1].address])
}

fn only_message(stage: &StageDir) -> Value {
    let listed = cli(stage, &["messages", "list", "--json"]).json();
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 1, "{listed:?}");
    listed[0].clone()
}

/// Routes of a test's own: the shipped one with something replaced.
fn own_routes(stage: &mut StageDir, from: &str, to: &str) {
    stage.routes = stage.dir.path().join("routes");
    fs::create_dir_all(&stage.routes).expect("folder of routes");
    let shipped = fs::read_to_string(root().join("routes/registerlieferung.yaml")).expect("the route");
    assert!(shipped.contains(from), "{from}");
    fs::write(stage.routes.join("registerlieferung.yaml"), shipped.replace(from, to)).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_can_be_followed_and_the_store_is_guarded() {
    let partners = partners().await;
    let stage = stage_of(&partners);
    let early = cli(&stage, &["status"]);
    assert_eq!(early.code, 2);
    assert!(
        early.err.contains("there is no store at") && early.err.contains("drehscheibe run"),
        "{}",
        early.err
    );

    let mut running = up(&stage).await;
    let (status, body) = post(&stage, "eins", eintragung(&Wish::plain(3))).await;
    assert!(status == 200 && body.contains("quittung.0011"), "{status}");
    until("both partners were told", 60, || partners.iter().all(|partner| partner.accepted() == 1)).await;

    let looked = cli(&stage, &["status", "--json"]).json();
    assert_eq!(looked["figures"]["mirror"], 1);
    assert!(looked["items"].is_array() && looked["pauses"].as_array().is_some_and(Vec::is_empty));
    let listed = only_message(&stage);
    assert_eq!(
        (&listed["state"], &listed["partner"], &listed["route"]),
        (&"accepted".into(), &"jugendamt-bremen".into(), &"registerlieferung".into())
    );
    assert_eq!(listed["sends"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        cli(&stage, &["messages", "list", "--state", "rejected", "--json"]).json(),
        Value::Array(vec![])
    );
    let id = listed["id"].as_str().expect("an id");
    let shown = cli(&stage, &["messages", "show", id]);
    assert_eq!(shown.code, 0);
    assert!(shown.out.contains(id) && shown.out.contains("callback:wohngeld-online"), "{}", shown.out);
    let nobody = "01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10";
    assert_eq!(cli(&stage, &["messages", "show", nobody]).code, 1);

    // The same message through the same routes differs in nothing; looking at it needs a reason.
    let again = cli(&stage, &["dry-run", "--message", id, "--reason", REASON, "--json"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    let again = again.json();
    assert_eq!((&again["state"], &again["differs"]), (&"accepted".into(), &Value::Array(vec![])));
    assert_eq!(again["reply"], "xfamilie.0011");
    let silent = cli(&stage, &["dry-run", "--message", id]);
    assert!(silent.code == 2 && silent.err.contains("--reason"), "{}", silent.err);
    assert_eq!(
        cli(&stage, &["status", "--json"]).json()["figures"]["mirror"],
        1,
        "a dry run changes nothing"
    );

    let second = cli(&stage, &["run"]);
    assert_eq!(second.code, 2);
    assert!(second.err.contains("another process runs on this store"), "{}", second.err);
    assert!(running.terminate(), "{}", stage.log());

    edit(&stage.stage().join("connections.yaml"), "stage: test", "stage: demo");
    let other = cli(&stage, &["run"]);
    assert_eq!(other.code, 2);
    assert!(other.err.contains("stage"), "{}", other.err);
    assert_eq!(cli(&stage, &["status"]).code, 2, "reading is refused as well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_is_shown_with_cause_and_replayed_by_a_person() {
    let partners = partners().await;
    let stage = stage_of(&partners);
    let mut running = up(&stage).await;
    let antrag = fs::read_to_string(sample("0801-antrag.xml")).expect("the sample");
    let (status, body) = post(&stage, "antrag", antrag).await;
    assert_eq!(status, 202, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["stand"], "in-bearbeitung");

    let parked = cli(&stage, &["parked", "list", "--json"]).json();
    let first = &parked["messages"][0];
    assert_eq!(first["message"], "xfamilie.0801");
    let (cause, next) = (first["cause"].as_str(), first["next_step"].as_str());
    assert!(cause.is_some_and(|cause| cause.contains("no route takes this message")), "{cause:?}");
    assert!(next.is_some_and(|next| next.contains("replay")), "{next:?}");
    let id = first["id"].as_str().expect("an id");
    let shown = cli(&stage, &["parked", "show", id]);
    assert!(shown.code == 0 && shown.out.contains("next step"), "{}", shown.out);
    let waiting = cli(&stage, &["status"]);
    assert!(waiting.out.contains("house      runs and takes deliveries at "), "{}", waiting.out);
    assert!(waiting.code == 0 && waiting.out.contains("zurückgestellt"), "{}", waiting.out);

    assert_eq!(cli(&stage, &["parked", "replay", id]).code, 2, "a replay needs a reason");
    let message = cli(&stage, &["parked", "arrived", id, "--reason", REASON, "--json"]);
    assert_eq!(
        (message.code, message.json()["state"].clone()),
        (1, "refused".into()),
        "it came in: {}",
        message.out
    );
    let nobody = "01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10";
    let unknown = cli(&stage, &["parked", "replay", nobody, "--reason", REASON, "--json"]);
    assert_eq!((unknown.code, unknown.json()["state"].clone()), (1, "refused".into()));
    let replayed = cli(&stage, &["parked", "replay", id, "--reason", REASON, "--json"]);
    assert_eq!((replayed.code, replayed.json()["state"].clone()), (0, "done".into()), "{}", replayed.out);
    // Nothing changed, so it waits for a person again.
    until("the message is parked again", 60, || {
        let parked = cli(&stage, &["parked", "list", "--json"]).json();
        parked["messages"].as_array().is_some_and(|messages| messages.len() == 1)
    })
    .await;
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_destination_waits_and_goes_on() {
    let partners = partners().await;
    let stage = stage_of(&partners);
    let mut running = up(&stage).await;
    let held = "callback:kita-portal-nord";
    let half = cli(&stage, &["pause", "destination", "kita-portal-nord", "--reason", REASON]);
    assert!(half.code == 2 && half.err.contains("connection:partner"), "{}", half.err);
    assert_eq!(cli(&stage, &["pause", "destination", "callback:niemand", "--reason", REASON]).code, 1);
    let paused = cli(&stage, &["pause", "destination", held, "--reason", REASON, "--until", "2h", "--json"]);
    assert_eq!((paused.code, paused.json()["state"].clone()), (0, "done".into()), "{}", paused.out);

    assert_eq!(post(&stage, "eins", eintragung(&Wish::plain(1))).await.0, 200);
    until("the other partner is told", 60, || partners[1].accepted() == 1).await;
    let looked = cli(&stage, &["status", "--json"]).json();
    assert_eq!(looked["pauses"].as_array().map(Vec::len), Some(1));
    let waits = looked["items"].as_array().expect("items").iter().find(|item| item["what"] == held);
    assert_eq!(waits.map(|item| (&item["count"], &item["whose"])), Some((&1.into(), &"person".into())));
    assert_eq!(partners[0].accepted(), 0);

    assert_eq!(cli(&stage, &["resume", "destination", held, "--reason", REASON]).code, 0);
    until("the held callback arrives", 60, || partners[0].accepted() == 1).await;
    assert!(cli(&stage, &["status", "--json"]).json()["pauses"].as_array().is_some_and(Vec::is_empty));
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_files_are_taken_over_whole_or_not_at_all() {
    let partners = partners().await;
    let mut stage = stage_of(&partners);
    own_routes(&mut stage, "xfamilie.0804", "xfamilie.0011");
    let route = stage.routes.join("registerlieferung.yaml");
    let mut running = up(&stage).await;
    assert_eq!(post(&stage, "eins", eintragung(&Wish::plain(1))).await.0, 202, "nobody takes it yet");
    assert!(cli(&stage, &["routes", "plan"]).out.contains("nothing differs"));

    // What the version is a hash of is named, to the last comment; of a secret only that it differs.
    let good = fs::read_to_string(&route).expect("the route");
    fs::write(&route, format!("{good}# nur ein Kommentar\n")).expect("written");
    let plan = cli(&stage, &["routes", "plan"]).out;
    assert!(plan.contains("registerlieferung.yaml: layout, order of keys or comments only"), "{plan}");
    fs::write(&route, &good).expect("written");
    let partners_file = stage.stage().join("partners.yaml");
    let written = fs::read_to_string(&partners_file).expect("partners");
    fs::write(stage.stage().join("secrets/neu"), TOKEN).expect("a secret");
    let changed =
        written.replace("secrets/bremen", "secrets/neu").replace("name: Wohngeld Online", "name: Wohngeld");
    fs::write(&partners_file, changed).expect("written");
    let plan = cli(&stage, &["routes", "plan"]).out;
    for said in [
        "    ~ /partners/wohngeld-online/name: \"Wohngeld Online\" → \"Wohngeld\"",
        "    ~ /partners/jugendamt-bremen/credentials/0/bearer: changed",
        "~ version ",
    ] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
    assert!(!plan.contains("secrets/") && !plan.contains("nothing differs"), "{plan}");
    fs::write(&partners_file, written).expect("written");
    assert!(cli(&stage, &["routes", "plan"]).out.contains("nothing differs"));

    // A changed file takes effect without a restart, and what was parked can be processed then.
    edit(&route, "message: [xfamilie.0011", "message: [xfamilie.0804");
    let plan = cli(&stage, &["routes", "plan", "--json"]);
    assert_eq!(plan.code, 0);
    assert_eq!(plan.json()["changed"][0]["messages"]["added"][0], "xfamilie.0804", "{}", plan.out);
    assert_eq!(post(&stage, "zwei", eintragung(&Wish::plain(2))).await.0, 202, "a plan changes nothing");
    let applied = cli(&stage, &["routes", "apply", "--reason", REASON]);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    assert!(cli(&stage, &["routes", "plan"]).out.contains("nothing differs"));
    assert_eq!(post(&stage, "drei", eintragung(&Wish::plain(3))).await.0, 200);
    let parked = cli(&stage, &["parked", "list", "--json"]).json();
    assert_eq!(parked["messages"].as_array().map(Vec::len), Some(2));
    for message in parked["messages"].as_array().expect("messages") {
        let id = message["id"].as_str().expect("an id");
        assert_eq!(cli(&stage, &["parked", "replay", id, "--reason", REASON]).code, 0);
    }
    until("all three were told", 60, || partners.iter().all(|partner| partner.accepted() == 3)).await;
    assert_eq!(cli(&stage, &["status", "--json"]).json()["figures"]["mirror"], 3);

    // A broken file: all faults at once, and what runs goes on.
    let good = fs::read_to_string(&route).expect("the route");
    fs::write(&route, good.replace("mirror:", "miror:").replace("kita-portal-nord", "kita-portal"))
        .expect("written");
    for words in [
        &["routes", "apply", "--reason", REASON, "--json"][..],
        &["routes", "plan", "--json"],
        &["run", "--json"],
    ] {
        let broken = cli(&stage, words);
        assert_eq!(broken.code, 2, "{words:?}");
        assert!(broken.json()["faults"].as_array().is_some_and(|faults| faults.len() >= 2), "{}", broken.out);
    }
    let checked = cli(&stage, &["check"]);
    assert_eq!(checked.code, 1);
    for said in ["miror", "mirror", "kita-portal-nord", "registerlieferung.yaml:"] {
        assert!(checked.out.contains(said), "{said}: {}", checked.out);
    }
    assert_eq!(post(&stage, "vier", eintragung(&Wish::plain(4))).await.0, 200);
    fs::write(&route, &good).expect("written");

    // Removing a partner for whom something waits is refused with the count, unless a person says so.
    let held = "callback:kita-portal-nord";
    until("nothing waits", 60, || partners.iter().all(|partner| partner.accepted() == 4)).await;
    assert_eq!(cli(&stage, &["pause", "destination", held, "--reason", REASON]).code, 0);
    assert_eq!(post(&stage, "fuenf", eintragung(&Wish::plain(5))).await.0, 200);
    until("the other partner is told", 60, || partners[1].accepted() == 5).await;
    edit(&route, "  - callback: { to: kita-portal-nord, body: { id: vorgang, stand: stand } }\n", "");
    let written = fs::read_to_string(stage.stage().join("partners.yaml")).expect("partners");
    let kept: String = {
        let (before, rest) = written.split_once("  kita-portal-nord:\n").expect("the partner");
        let (_, after) = rest.split_once("  wohngeld-online:\n").expect("the next one");
        format!("{before}  wohngeld-online:\n{after}")
    };
    fs::write(stage.stage().join("partners.yaml"), kept).expect("written");
    let refused = cli(&stage, &["routes", "apply", "--reason", REASON]);
    assert_eq!(refused.code, 1, "{}{}", refused.out, refused.err);
    assert!(refused.out.contains(held) && refused.out.contains("--drain"), "{}", refused.out);
    let drained = cli(&stage, &["routes", "apply", "--drain", "--reason", REASON]);
    assert_eq!(drained.code, 0, "{}{}", drained.out, drained.err);
    assert_eq!(post(&stage, "sechs", eintragung(&Wish::plain(6))).await.0, 200);
    until("only the partner that is left is told", 60, || partners[1].accepted() == 6).await;
    assert!(running.terminate(), "{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_judged_without_a_store() {
    let partners = partners().await;
    let stage = stage_of(&partners);
    let checked = cli(&stage, &["check", "--explain", "--json"]);
    assert_eq!(checked.code, 0);
    let checked = checked.json();
    assert_eq!(checked["faults"], Value::Array(vec![]));
    assert!(checked["version"].is_string() && checked["effective"]["routes"].is_array());
    let explained = cli(&stage, &["check", "--explain"]);
    assert!(explained.out.contains("no fault") && explained.out.contains("registerlieferung"));

    let seen = cli(&stage, &["inspect", &sample("0804-eintragung-vorhanden.xml"), "--json"]);
    assert_eq!(seen.code, 0);
    let seen = seen.json();
    let keys: Vec<&String> = seen.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["standard", "version", "message", "id", "valid", "rejections"]);
    assert_eq!(
        seen,
        serde_json::json!({
            "standard": "xfamilie", "version": "1.3.0", "message": "xfamilie.0804",
            "id": "7b2d4c10-1f3a-4e55-8b7a-000000000020", "valid": true, "rejections": [],
        })
    );
    let seen = cli(&stage, &["inspect", &sample("invalid-0804-datum.xml"), "--json"]);
    assert_eq!(seen.code, 1);
    let seen = seen.json();
    let rejection = seen["rejections"][0].as_object().expect("a rejection");
    assert_eq!(rejection.keys().collect::<Vec<_>>(), ["code", "line", "column", "path", "text"]);
    assert_eq!((&seen["valid"], &rejection["code"]), (&false.into(), &"X001".into()));
    assert!(rejection["line"].as_u64().is_some_and(|line| line > 1));
    for (file, code) in [
        ("0801-antrag.xml", None),
        ("0806-loeschung.xml", None),
        ("0802-vorbereitung.xml", Some("V000")),
        ("gate-0801-latin1.xml", Some("S001")),
        ("gate-0806-dtd.xml", Some("X000")),
        ("stage-0806-code-vor-regel.xml", Some("S010")),
        ("rule-0805-alt-und-neu.xml", Some("X002")),
    ] {
        let seen = cli(&stage, &["inspect", &sample(file), "--json"]);
        assert_eq!(seen.code, i32::from(code.is_some()), "{file}");
        let seen = seen.json();
        assert_eq!(seen["valid"], Value::Bool(code.is_none()), "{file}");
        assert_eq!(seen["rejections"][0]["code"].as_str(), code, "{file}");
    }
    assert_eq!(cli(&stage, &["inspect", "/nirgends/datei.xml"]).code, 2);

    for of in ["route", "connections", "partners"] {
        assert!(cli(&stage, &["schema", of]).json().is_object(), "{of}");
    }
    let looked = cli(&stage, &["partners", "check", "--json"]);
    assert_eq!((looked.code, looked.json().as_array().map(Vec::len)), (0, Some(3)));
    let fit = cli(&stage, &["doctor", "--json"]);
    assert_eq!(fit.code, 0, "{}", fit.out);
    fs::remove_dir_all(stage.tray("out")).expect("removed");
    let unfit = cli(&stage, &["doctor"]);
    assert!(unfit.code == 1 && unfit.out.contains("is missing"), "{}", unfit.out);

    let dry = cli(&stage, &["dry-run", &sample("0804-eintragung-vorhanden.xml"), "--json"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    let dry = dry.json();
    assert_eq!((&dry["state"], &dry["reply"]), (&"accepted".into(), &"xfamilie.0011".into()));
    assert_eq!(dry["sends"].as_array().map(Vec::len), Some(2));
    let denied = cli(
        &stage,
        &["dry-run", &sample("0804-eintragung-vorhanden.xml"), "--as", "kita-portal-nord", "--json"],
    );
    assert_eq!(denied.json()["state"], "denied");
    assert_eq!(cli(&stage, &["dry-run", &sample("0801-antrag.xml"), "--as", "niemand"]).code, 2);

    // Of all shipped routes the one that takes it, as a newcomer tries it.
    let dry = plain(&["dry-run", &sample("0804-eintragung-vorhanden.xml"), "--as", "jugendamt-bremen"]);
    assert_eq!(dry.code, 0, "{}", dry.err);
    for said in
        ["by     http /v1/lieferungen, from jugendamt-bremen", "state  accepted", "answer xfamilie.0011"]
    {
        assert!(dry.out.contains(said), "{said}: {}", dry.out);
    }

    // What no route takes gets the verdict of the door and of `inspect`.
    let message = sample("0802-vorbereitung.xml");
    let dry = plain(&["dry-run", &message, "--as", "jugendamt-bremen", "--json"]).json();
    assert_eq!((&dry["state"], &dry["codes"][0]), (&"rejected".into(), &"V000".into()), "{dry}");

    let shell = cli(&stage, &["completions", "bash"]);
    assert!(shell.code == 0 && shell.out.contains("_drehscheibe()"));
    let unknown = cli(&stage, &["auskunft"]);
    assert!(
        unknown.code == 2 && unknown.out.is_empty() && unknown.err.contains("auskunft"),
        "{}",
        unknown.err
    );

    fs::remove_file(stage.stage().join("secrets/bremen")).expect("removed");
    edit(&stage.stage().join("connections.yaml"), "kind: folder", "kind: ordner");
    let broken = cli(&stage, &["check", "--json"]);
    assert_eq!(broken.code, 1);
    let faults = broken.json()["faults"].as_array().cloned().expect("faults");
    let said = |word: &str| faults.iter().any(|fault| fault.to_string().contains(word));
    assert!(said("ordner") && said("secrets/bremen"), "{faults:?}");
    assert!(faults.iter().all(|fault| fault["line"].is_u64() && fault["file"].is_string()));
}

#[test]
fn a_fresh_checkout_checks_and_tests_its_routes() {
    let checked = plain(&["check"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let tested = plain(&["test", "routes/tests/registerlieferung/gut-http-mit-eintragung.yaml"]);
    assert_eq!(tested.code, 0, "{}", tested.out);
    assert_eq!(tested.out.lines().last(), Some("1 passed, 0 failed"));
    let nothing = plain(&["test", "routes/tests/registerlieferung/gibt-es-nicht.yaml"]);
    assert_eq!((nothing.code, nothing.out.lines().last()), (1, Some("0 passed, 0 failed")));
}

#[test]
fn the_published_secrets_are_refused_where_data_are_real() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let demo = root().join("deploy/stages/demo");
    let mut secrets = 0;
    for folder in ["secrets", "tables"] {
        fs::create_dir(dir.path().join(folder)).expect("folder");
        for entry in fs::read_dir(demo.join(folder)).expect("folder").flatten() {
            fs::copy(entry.path(), dir.path().join(folder).join(entry.file_name())).expect("copied");
            secrets += usize::from(folder == "secrets");
        }
    }
    fs::copy(demo.join("partners.yaml"), dir.path().join("partners.yaml")).expect("copied");
    fs::copy(demo.join("connections.yaml"), dir.path().join("connections.yaml")).expect("copied");
    let config = dir.path().display().to_string();
    assert_eq!(plain(&["check", "--config", &config]).code, 0);
    for real in ["abnahme", "produktion"] {
        fs::copy(demo.join("connections.yaml"), dir.path().join("connections.yaml")).expect("copied");
        edit(&dir.path().join("connections.yaml"), "stage: demo", &format!("stage: {real}"));
        let checked = plain(&["check", "--config", &config, "--json"]);
        assert_eq!(checked.code, 1);
        let told = checked.json()["faults"].as_array().cloned().unwrap_or_default();
        let of = told.iter().filter(|fault| fault.to_string().contains("published one of the demonstration"));
        assert_eq!(of.count(), secrets, "{told:?}");
    }
}

#[test]
fn a_stage_of_ones_own_is_made_as_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let block = readme.split("```sh\n").find(|block| block.starts_with("mkdir -p deploy/stages/abnahme"));
    let block = block.and_then(|block| block.split("```").next()).expect("the recipe");
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    // All of it but the run, which would stay; in a folder that has what a checkout has.
    let recipe: String = block
        .lines()
        .filter(|line| !line.starts_with("drehscheibe run"))
        .map(|line| format!("{}\n", line.replace("/var/lib/drehscheibe", &data)))
        .collect();
    assert!(recipe.contains("drehscheibe check") && recipe.contains("drehscheibe doctor"), "{recipe}");
    // Its door may be taken on this machine, by the demonstration of somebody else.
    let free = free_port();
    let prepare = format!(
        "set -euo pipefail; mkdir -p deploy/stages; cp -r {0}/deploy/stages/demo deploy/stages/; \
         sed -i 's/127.0.0.1:8080/{free}/' deploy/stages/demo/connections.yaml; cp -r {0}/routes {0}/xsd .; \
         drehscheibe() {{ '{1}' \"$@\"; }}\n",
        root().display(),
        env!("CARGO_BIN_EXE_drehscheibe")
    );
    let mut shell = Command::new("bash");
    shell.current_dir(folder.path()).arg("-c").arg(format!("{prepare}{recipe}"));
    let made = Ended::of(shell);
    assert_eq!(made.code, 0, "{}{}", made.out, made.err);
    assert!(made.out.contains("no fault") && !made.out.contains("NOT OK"), "{}", made.out);
    // The rights of secrets are not those of trays, into which partners have to come.
    let mode = |path: &str| fs::metadata(folder.path().join(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!(mode("deploy/stages/abnahme/secrets/store.key"), 0o600);
    assert_eq!(mode("data/trays/jugendamt-bremen/in") & 0o050, 0o050);
}

#[test]
fn outside_of_a_checkout_it_says_what_is_missing_and_leaves_nothing() {
    let empty = tempfile::tempdir().expect("a folder");
    let outside = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command.current_dir(empty.path()).args(words);
        Ended::of(command)
    };
    for words in [&["check"][..], &["run"], &["status"], &["test"], &["support", "bundle", "--show"]] {
        let told = outside(words);
        assert_eq!(told.code, 2, "{words:?}");
        assert!(told.err.contains("there is no folder xsd") && told.err.contains("--xsd"), "{}", told.err);
    }
    let told = outside(&["doctor"]);
    assert!(told.code == 1 && told.out.contains("there is no folder xsd"), "{}", told.out);
    assert_eq!(fs::read_dir(empty.path()).expect("the folder").count(), 0, "nothing was made");
    assert_eq!(outside(&["inspect", &sample("0804-eintragung-vorhanden.xml")]).code, 0);
}

#[test]
fn the_demonstration_ends_as_told() {
    let played = plain(&["demo", "--once", "--json"]);
    assert_eq!(played.code, 0, "{}{}", played.out, played.err);
    let story = played.json();
    let keys: Vec<&String> = story.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "delivered",
            "mirror_entries",
            "requests",
            "answers",
            "letters",
            "forwarded",
            "nachweise",
            "withdrawn",
            "duplicates",
            "rejected",
            "callbacks_delivered",
            "callback_attempts",
            "parked",
            "lost"
        ]
    );
    assert_eq!(story["answers"], serde_json::json!({ "A": 2, "B": 2, "F": 1, "I": 1, "K": 1, "Q": 2 }));
    assert_eq!((&story["nachweise"], &story["withdrawn"]), (&1.into(), &1.into()));
    for code in ["S001", "X000", "V000", "X001", "X002", "S999", "T070"] {
        assert!(story["rejected"][code].as_u64() >= Some(1), "{code}");
    }
    assert_eq!((&story["lost"], &story["parked"]), (&0.into(), &0.into()));
    assert!(story["callback_attempts"].as_u64() > story["callbacks_delivered"].as_u64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_is_planned_tuned_and_ordered_by_a_person() {
    let partners = partners().await;
    let stage = stage_of(&partners);
    let connections = stage.stage().join("connections.yaml");
    let written = fs::read_to_string(&connections).expect("connections");
    let with = |settings: &str| {
        fs::write(&connections, format!("retention: {settings}\n{written}")).expect("written");
        cli(&stage, &["check"])
    };
    for (settings, said) in [
        ("{ nachrichten: 1d }", "out of bounds"),
        ("{ nachrichten: 36h }", "out of bounds"),
        ("{ nachrichten: 200h }", "whole days"),
        ("{ abrufprotokoll: 200d }", "out of bounds"),
        ("{ loeschmarken: 10d }", "loeschmarken"),
        ("{ nachrichten: 300d, schluessel: 100d }", "shorter than"),
        ("{ hour: 24 }", "hour"),
    ] {
        let refused = with(settings);
        assert!(
            refused.code != 0 && refused.out.contains(said),
            "{settings}: {}{}",
            refused.out,
            refused.err
        );
    }
    let fits = with("{ nachrichten: 60d, hour: 4 }");
    assert_eq!(fits.code, 0, "{}", fits.out);
    let mut running = up(&stage).await;
    assert_eq!(post(&stage, "eins", eintragung(&Wish::plain(1))).await.0, 200);
    let plan = cli(&stage, &["retention", "plan", "--json"]);
    assert_eq!(plan.code, 0, "{}", plan.err);
    let plan = plan.json();
    let classes = plan["classes"].as_array().expect("classes");
    assert_eq!((classes.len(), &plan["hour"]), (10, &4.into()));
    let messages = classes.iter().find(|one| one["klasse"] == "nachrichten").expect("nachrichten");
    assert_eq!((&messages["tage"], &messages["anzahl"]), (&60.into(), &0.into()));
    let shown = cli(&stage, &["retention", "plan"]);
    assert!(shown.out.contains("registersaetze") && shown.out.contains("60 days"), "{}", shown.out);
    assert_eq!(cli(&stage, &["retention", "run"]).code, 2, "a reason is needed");
    let ordered = cli(&stage, &["retention", "run", "--reason", REASON]);
    assert!(ordered.code == 0 && ordered.out.contains("nothing is over"), "{}{}", ordered.out, ordered.err);
    assert!(running.terminate(), "{}", stage.log());
}
