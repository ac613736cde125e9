//! The stage of the demonstration with a dDataBox and the post behind it, whoever asks there, and what stands of that in lists. Judges nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
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
use crate::klaerfall::{place_of, stage};
use crate::support::{StageDir, copy, edit, free_port, names, root};

/// How often and how soon something is tried again there, where a test has no wish of its own.
pub const SOON: &str = "{ first: 50ms, longest: 200ms, breaker-after: 20, breaker-open: 200ms }";
/// By what a letter to her goes.
pub const BOTH: &str = "[ ddatabox, brief ]";
/// The way to her of the dDataBox.
pub const BOX: &str = "ddatabox:postfach";

/// The stage with a dDataBox at this address before the post; callbacks go to that one.
pub fn with_box(url: &str, (ways, retry): (&str, &str), callbacks: std::net::SocketAddr) -> StageDir {
    let mut stage = stage("I", free_port(), callbacks);
    let to = stage.stage();
    fs::write(to.join("secrets/client"), CLIENT.1).unwrap();
    fs::write(to.join("secrets/user"), USER.1).unwrap();
    let connection = format!(
        "  ddatabox:\n    kind: ddatabox\n    url: {url}\n    client: {{ id: {}, secret: {{ file: secrets/client }} }}\n    user: {{ name: {}, password: {{ file: secrets/user }} }}\n    timeout: 2s\n    retry: {retry}\n  brief: {{ kind: folder, trays: [{{ partner: druckerei, in: trays/druckerei/in }}] }}\n  callback:\n",
        CLIENT.0, USER.0
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
    let answer = routes.join("antwort-jugendamt.yaml");
    edit(
        &answer,
        "document: antwort, when: antwort, delay: 60s }",
        &format!("document: antwort, when: antwort, delay: 0s, post: brief, ways: {ways} }}"),
    );
    for file in [route, answer] {
        edit(&file, "delay: 60s", "delay: 0s");
    }
    stage.routes = routes;
    stage
}

/// A whole house on the stage, by a clock of the test that is moved by hours: no attempt is overtaken by it.
pub async fn house(stage: &StageDir, clock: &Clock) -> House {
    let lease = Duration::from_secs(4 * 3600);
    let options = Options {
        place: Place { routes: stage.routes.clone(), ..place_of(stage) },
        clock: clock.clone(),
        points: Points::none(),
        settings: Settings { workers: 1, lease, ..Settings::default() },
        waits: false,
    };
    House::start(options).await.unwrap()
}

/// The file that says by how much the clock of the program is off.
pub struct Hands(PathBuf);

impl Hands {
    pub fn of(stage: &StageDir) -> Hands {
        let hands = Hands(stage.dir.path().join("clock"));
        hands.off(SignedDuration::ZERO);
        hands
    }

    pub fn off(&self, by: SignedDuration) {
        let beside = self.0.with_extension("new");
        fs::write(&beside, by.as_secs().to_string()).unwrap();
        fs::rename(beside, &self.0).unwrap();
    }

    pub fn environment(&self) -> [(&'static str, String); 1] {
        [("DREHSCHEIBE_CLOCK_FILE", self.0.display().to_string())]
    }
}

/// The n-th handle that the dDataBox reaches.
pub fn handle(n: usize) -> String {
    format!("mailto:zoe{n}@post.example?sms=%2B4915112345678")
}

/// A request that was asked: our id of it, and the one by which its office answers.
pub struct Asked {
    pub id: Uuid,
    pub transaktion: Uuid,
}

/// Writes another value into the first element of this name.
fn set(document: &mut String, element: &str, value: &str) {
    let at = document.find(&format!("{element}>")).unwrap() + element.len() + 1;
    let end = at + document[at..].find('<').unwrap();
    document.replace_range(at..end, value);
}

/// Asks as the online service does, with a login of this moment.
pub async fn ask(stage: &StageDir, handle: &str, now: Timestamp) -> Asked {
    let sample = root().join("xsd/xfamilie/1.3.0/samples/0801-antrag.xml");
    ask_with(stage, handle, (now, fs::read_to_string(sample).unwrap(), |_| {})).await
}

/// The same with another document, and a login that is changed before it is sent.
pub async fn ask_with(
    stage: &StageDir,
    handle: &str,
    (now, mut document, change): (Timestamp, String, impl Fn(&mut Value)),
) -> Asked {
    let folder = root().join("routes/tests/auskunft-self-service");
    let mut login: Value = serde_json::from_slice(&fs::read(folder.join("anmeldung.json")).unwrap()).unwrap();
    login["zeitpunkt"] = now.to_string().into();
    login["kopf"]["zeitpunkt"] = now.to_string().into();
    login["kopf"]["nachrichtenUUID"] = Uuid::new_v4().to_string().into();
    login["postkorbHandle"] = handle.into();
    change(&mut login);
    // Only the login says where she is reached.
    let at = document.find("    <xfb:postkorbHandle>").unwrap();
    let end = document.rfind("</xfb:postkorbHandle>").unwrap() + "</xfb:postkorbHandle>".len();
    document.replace_range(at..end, "");
    let transaktion = Uuid::new_v4();
    set(&mut document, "nachrichtenUUID", &Uuid::new_v4().to_string());
    set(&mut document, "transaktionsid", &transaktion.to_string());
    let login = login.to_string();
    let parts = [("document", "application/xml", &*document), ("anmeldung", "application/json", &*login)];
    let id = post(stage, ("/v1/antraege", "kita-portal-nord"), &parts).await;
    Asked { id: id.unwrap_or_default(), transaktion }
}

/// The office of her residence answers a request, with a letter of its own.
pub async fn answer(stage: &StageDir, of: &Asked) {
    let sample = root().join("routes/tests/antwort-jugendamt/fremde-antwort.xml");
    let mut document = fs::read_to_string(sample).unwrap();
    set(&mut document, "nachrichtenUUID", &Uuid::new_v4().to_string());
    set(&mut document, "transaktionsid", &of.transaktion.to_string());
    let parts =
        [("document", "application/xml", &*document), ("antwort.pdf", "application/pdf", "%PDF-1.7 antwort")];
    post(stage, ("/v1/antworten", "jugendamt-hamburg"), &parts).await;
}

/// Delivers at the door; our id, where the answer names it.
async fn post(stage: &StageDir, (path, partner): (&str, &str), parts: &[(&str, &str, &str)]) -> Option<Uuid> {
    let part = |(name, media, content): &(&str, &str, &str)| {
        format!(
            "--grenze\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {media}\r\n\r\n{content}\r\n"
        )
    };
    let body: String = parts.iter().map(part).collect();
    let config = fs::read_to_string(stage.stage().join("connections.yaml")).unwrap();
    let listen = config.split("listen: ").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    let token = fs::read_to_string(stage.stage().join(format!("secrets/{partner}.token"))).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..600 {
        let sent = client
            .post(format!("http://{listen}{path}"))
            .bearer_auth(token.trim())
            .header("content-type", "multipart/form-data; boundary=grenze")
            .body(format!("{body}--grenze--\r\n"))
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
            return id;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody answers\n{}", stage.log())
}

/// What a command says as JSON.
pub fn json(stage: &StageDir, words: &[&str]) -> Value {
    let output = stage.command(&[words, &["--json"]].concat()).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// What a message sent to her, as `messages show` has it.
pub fn letter_of(stage: &StageDir, id: Uuid) -> Value {
    let shown = json(stage, &["messages", "show", &id.to_string()]);
    let sends = shown["sends"].as_array().unwrap();
    sends.iter().find(|send| send["message"] == "drehscheibe.auskunft").unwrap().clone()
}

/// The rows to the dDataBox that wait for a person: id and state.
pub fn waiting(stage: &StageDir) -> Vec<(String, String)> {
    let parked = json(stage, &["parked", "list"]);
    let sends = parked["sends"].as_array().unwrap().iter().filter(|send| send["destination"] == BOX);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    sends.map(|send| (text(&send["id"]), text(&send["state"]))).collect()
}

/// How many notices went out, and of how many links.
pub fn counted(far: &Far) -> (usize, usize) {
    let world = far.world.lock().unwrap();
    let links: BTreeSet<u64> = world.mails.iter().map(|(share, ..)| *share).collect();
    (world.mails.len(), links.len())
}

/// What lies at the printer's; what begins with a dot is still being written.
pub fn printed(stage: &StageDir) -> Vec<String> {
    let mut names = names(&stage.data().join("trays/brief"));
    names.retain(|name| !name.starts_with('.'));
    names
}
