//! The real program and a dDataBox: killed at every exchange of a letter, it tells her once or a person is asked; and what she does not collect goes by
//! post after the link is gone. Counted at the far end.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::app::house::{House, Options};
use drehscheibe::app::place::Place;
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::ddatabox_server::{CLIENT, Far, ROOM, USER};
use crate::klaerfall::{began, place_of, stage};
use crate::support::{Running, StageDir, copy, edit, free_port, names, root, until};

/// The stage of the demonstration with a dDataBox before the post.
fn with_box(far: &Far, ways: &str) -> StageDir {
    let mut stage = stage("I", free_port(), free_port());
    let to = stage.stage();
    fs::write(to.join("secrets/client"), CLIENT.1).unwrap();
    fs::write(to.join("secrets/user"), USER.1).unwrap();
    let connection = format!(
        "  ddatabox:\n    kind: ddatabox\n    url: {}\n    client: {{ id: {}, secret: {{ file: secrets/client }} }}\n    user: {{ name: {}, password: {{ file: secrets/user }} }}\n    timeout: 2s\n    retry: {{ first: 50ms, longest: 200ms, breaker-after: 20, breaker-open: 200ms }}\n  brief: {{ kind: folder, trays: [{{ partner: druckerei, in: trays/druckerei/in }}] }}\n  callback:\n",
        far.url(),
        CLIENT.0,
        USER.0
    );
    edit(&to.join("connections.yaml"), "  callback:\n", &connection);
    edit(
        &to.join("partners.yaml"),
        "      lieferungen: { out: trays/postfach/out }\n",
        &format!(
            "      ddatabox: {{ room: {ROOM} }}\n      brief: {{ out: trays/brief, letters: {{}} }}\n      lieferungen: {{ out: trays/postfach/out }}\n"
        ),
    );
    edit(
        &to.join("partners.yaml"),
        "  kita-portal-nord:\n",
        "  druckerei:\n    name: Druckerei (Demo)\n  kita-portal-nord:\n",
    );
    for tray in ["druckerei/in", "brief"] {
        fs::create_dir_all(stage.data().join("trays").join(tray)).unwrap();
    }
    let routes = stage.dir.path().join("routes");
    copy(&root().join("routes"), &routes);
    fs::remove_dir_all(routes.join("tests")).unwrap();
    let route = routes.join("auskunft-self-service.yaml");
    edit(
        &route,
        "  - postfach: { to: mutter, document: schreiben, delay: 60s }\n",
        &format!(
            "  - postfach: {{ to: mutter, document: schreiben, delay: 0s, cover: de, post: brief, ways: {ways} }}\n"
        ),
    );
    stage.routes = routes;
    stage
}

/// Asks as the online service does, with a login of this moment; says the id.
async fn ask(stage: &StageDir, handle: &str, now: Timestamp) -> Uuid {
    let folder = root().join("routes/tests/auskunft-self-service");
    let mut login: Value = serde_json::from_slice(&fs::read(folder.join("anmeldung.json")).unwrap()).unwrap();
    login["zeitpunkt"] = now.to_string().into();
    login["kopf"]["zeitpunkt"] = now.to_string().into();
    login["kopf"]["nachrichtenUUID"] = Uuid::new_v4().to_string().into();
    login["postkorbHandle"] = handle.into();
    let sample = root().join("xsd/xfamilie/1.3.0/samples/0801-antrag.xml");
    let mut document = fs::read_to_string(sample).unwrap();
    // Only the login says where she is reached.
    let at = document.find("    <xfb:postkorbHandle>").unwrap();
    let end = document.rfind("</xfb:postkorbHandle>").unwrap() + "</xfb:postkorbHandle>".len();
    document.replace_range(at..end, "");
    for element in ["nachrichtenUUID", "transaktionsid"] {
        let at = document.find(&format!("{element}>")).unwrap() + element.len() + 1;
        let end = at + document[at..].find('<').unwrap();
        document.replace_range(at..end, &Uuid::new_v4().to_string());
    }
    let part = |name: &str, media: &str, content: &str| {
        format!(
            "--grenze\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {media}\r\n\r\n{content}\r\n"
        )
    };
    let body = part("document", "application/xml", &document)
        + &part("anmeldung", "application/json", &login.to_string())
        + "--grenze--\r\n";
    let config = fs::read_to_string(stage.stage().join("connections.yaml")).unwrap();
    let listen = config.split("listen: ").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    let token = fs::read_to_string(stage.stage().join("secrets/kita-portal-nord.token")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut asked = None;
    for _ in 0..600 {
        let sent = client
            .post(format!("http://{listen}/v1/antraege"))
            .bearer_auth(token.trim())
            .header("content-type", "multipart/form-data; boundary=grenze")
            .body(body.clone())
            .send()
            .await;
        if let Ok(answer) = sent {
            let status = answer.status().as_u16();
            let id = answer
                .headers()
                .get("location")
                .and_then(|at| at.to_str().ok()?.rsplit('/').next()?.parse().ok());
            let text = answer.text().await.unwrap();
            assert!(status < 300, "{status} {text}\n{}", stage.log());
            asked = Some(id.unwrap_or_default());
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    asked.unwrap_or_else(|| panic!("{}", stage.log()))
}

fn json(stage: &StageDir, words: &[&str]) -> Value {
    let output = stage.command(&[words, &["--json"]].concat()).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// How many rows to the dDataBox wait for a person because nobody knows.
fn unclear(stage: &StageDir) -> usize {
    let parked = json(stage, &["parked", "list"]);
    let sends = parked["sends"].as_array().unwrap();
    sends.iter().filter(|send| send["destination"] == "ddatabox:postfach").count()
}

fn counted(far: &Far) -> (usize, usize) {
    let world = far.world.lock().unwrap();
    (
        world.mails.len(),
        world.mails.iter().map(|(share, ..)| share).collect::<std::collections::BTreeSet<_>>().len(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_exchange_she_is_told_once_or_a_person_is_asked() {
    let far: Arc<Far> = Far::start().await;
    let stage = with_box(&far, "[ ddatabox, brief ]");
    let mut running: Running = stage.start(None);
    let handle = |n: usize| format!("mailto:zoe{n}@post.example?sms=%2B4915112345678");
    // One that nothing happens to: how many exchanges there are.
    ask(&stage, &handle(0), Timestamp::now()).await;
    until("the first is told", 60, || counted(&far).0 == 1).await;
    until("it is noted", 60, || far.world.lock().unwrap().steps.last() == Some(&"change")).await;
    let steps: Vec<&str> = far.world.lock().unwrap().steps.clone();
    let first = steps.iter().position(|step| *step == "folder").unwrap();
    let (of_one, mut open, mut told, mut starts) = (&steps[first..], 0, 1, 1);
    let mut rounds: Vec<(usize, bool)> = (1..=of_one.len()).map(|at| (at, true)).collect();
    // Before the notice and before it is noted as about to be sent.
    let mail = of_one.iter().position(|step| *step == "mail").unwrap() + 1;
    rounds.extend([(mail, false), (mail - 1, false)]);
    for (n, (at, done)) in rounds.into_iter().enumerate() {
        let step = of_one[at - 1];
        // A new process logs in and looks at the room before it does that.
        let ahead = far.world.lock().unwrap().steps.len() + if n == 0 { 0 } else { 2 };
        far.world.lock().unwrap().stop_at = Some((ahead + at, done));
        ask(&stage, &handle(n + 1), Timestamp::now()).await;
        tokio::time::timeout(Duration::from_secs(60), far.stopped.notified())
            .await
            .unwrap_or_else(|_| panic!("{step}\n{}", stage.log()));
        assert_eq!(far.world.lock().unwrap().steps[ahead + at - 1], step, "round {n}");
        running.kill();
        far.world.lock().unwrap().stop_at = None;
        running = stage.start(None);
        let perhaps = matches!((step, done), ("mail", _)) || (at == mail - 1 && done);
        if perhaps {
            open += 1;
            told += usize::from(step == "mail" && done);
            until("a person is asked", 60, || unclear(&stage) == open).await;
        } else {
            told += 1;
            until("she is told", 60, || counted(&far).0 == told).await;
            until("it is noted", 60, || far.world.lock().unwrap().steps.last() == Some(&"change")).await;
        }
        assert_eq!(counted(&far).0, told, "{step} {done}\n{}", stage.log());
        // The next one logs in anew, and has nothing of this letter to look up: what was told is settled before it ends.
        starts += 1;
        until("it is ready", 60, || stage.log().matches(r#""message":"ready""#).count() == starts).await;
        assert!(running.terminate(), "{}", stage.log());
        starts += 1;
        running = stage.start(None);
        assert_eq!(unclear(&stage), open, "{step} {done}");
    }
    running.kill();
    // Nobody got two, nothing went by post, and nobody's name or address stands in a log, a file name or an address.
    let world = far.world.lock().unwrap();
    let mut to: Vec<&String> = world.mails.iter().map(|(_, to, _)| to).collect();
    to.sort();
    to.dedup();
    assert_eq!(to.len(), world.mails.len());
    assert!(names(&stage.data().join("trays/brief")).is_empty());
    let log = stage.log();
    for word in ["zoe", "49151", "irkovi", "Zo\u{eb}"] {
        assert!(!log.contains(word), "{word}");
    }
    for seen in &world.seen {
        let (beside, _) = seen.split_at(seen.find("} ").unwrap());
        for word in ["zoe", "49151", "irkovi", "Zo", "orge", "uskunft", "eingangs"] {
            assert!(!beside.contains(word), "{word}: {beside}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_collected_goes_by_post_once_its_link_is_gone() {
    let far: Arc<Far> = Far::start().await;
    *far.now.lock().unwrap() = Some(began());
    let stage = with_box(&far, "[ { by: ddatabox, within: 7d }, brief ]");
    let clock = Clock::set(began());
    let options = Options {
        place: Place { routes: stage.routes.clone(), ..place_of(&stage) },
        clock: clock.clone(),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    let house = House::start(options).await.unwrap();
    // One whose login names nothing that the dDataBox reaches goes by post at once.
    ask(&stage, "handle-ohne-adresse", clock.now()).await;
    let letters = || names(&stage.data().join("trays/brief"));
    until("it is refused there and goes by post", 60, || letters().len() == 3).await;
    assert_eq!(counted(&far).0, 0);
    ask(&stage, "mailto:zoe@post.example?sms=%2B4915112345678", clock.now()).await;
    until("she is told", 60, || counted(&far).0 == 1).await;
    assert_eq!(far.world.lock().unwrap().shares.len(), 1);
    let under_way = || house.shared.core.hands.under_way("ddatabox:postfach");
    until("it is settled", 60, || under_way() == 0).await;
    // A week later she has not collected it; what looks after it has as many looks as it needs, and a second for each: a look that the
    // clock overtakes has lost its lease and begins anew.
    clock.move_to(began() + SignedDuration::from_hours(7 * 24 + 1));
    let mut polls = 0;
    let posted = || {
        polls += 1;
        if polls % 50 == 0 {
            clock.move_to(clock.now() + SignedDuration::from_hours(1));
        }
        letters().len() == 6
    };
    until("it goes by post", 60, posted).await;
    assert!(far.world.lock().unwrap().shares.is_empty(), "the link is gone before");
    let printed: Vec<String> = letters().into_iter().filter(|name| name.ends_with(".json")).collect();
    for name in printed {
        let index: Value =
            serde_json::from_slice(&fs::read(stage.data().join("trays/brief").join(name)).unwrap()).unwrap();
        assert_eq!(index["anschrift"]["wohnort"], "Hamburg");
        assert_eq!(index["dateien"].as_array().unwrap().len(), 2, "the letter and its cover");
    }
    house.stop(Duration::from_secs(5)).await;
}
