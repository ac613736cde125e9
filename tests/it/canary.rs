//! Marked personal data runs through everything that the real program does, at the finest log level; afterwards none of
//! it stands anywhere but sealed in the store. Also shows that the search would find it.

#[path = "canary/marks.rs"]
pub mod marks;
#[path = "canary/search.rs"]
pub mod search;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::store::desk::{Desk, Filter};
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Scope;

use crate::collector::Collector;
use crate::support::{StageDir, TOKEN, put, ready, root, until};
use marks::{marked, set};
use search::{Hay, Search, files};

/// A partner that records what it sees, and answers with marks: first failing in several ways, then taking.
#[derive(Clone)]
struct Talker {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<u32>>,
}

impl Talker {
    async fn start() -> Talker {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        let address = listener.local_addr().expect("its address");
        let talker = Talker { address, seen: Arc::default(), answers: Arc::default() };
        let router = axum::Router::new().fallback(talk).with_state(talker.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        talker
    }

    fn count(&self) -> usize {
        self.seen.lock().expect("seen").len()
    }
}

async fn talk(State(talker): State<Talker>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    talker.seen.lock().expect("seen").push(format!("{uri}\n{headers:?}\n{body}\n"));
    let mut answers = talker.answers.lock().expect("answers");
    *answers += 1;
    let status = match *answers {
        1 => StatusCode::INTERNAL_SERVER_ERROR,
        2 => StatusCode::FOUND,
        3 => StatusCode::NOT_FOUND,
        4 => StatusCode::TOO_MANY_REQUESTS,
        5 => StatusCode::GONE,
        _ => StatusCode::OK,
    };
    // Header values are octets on the wire; a partner may write anything.
    let mark = axum::http::HeaderValue::from_bytes(marks::PARTNER_SAYS.as_bytes()).expect("a value");
    let mut response = (status, marks::PARTNER_SAYS.repeat(300)).into_response();
    let asked = if *answers == 4 { axum::http::HeaderValue::from_static("0") } else { mark.clone() };
    response.headers_mut().insert("retry-after", asked);
    response.headers_mut().insert("location", mark.clone());
    response.headers_mut().insert("x-anthwort", mark);
    response
}

/// Everything that is under way in the story.
struct Story {
    stage: StageDir,
    client: reqwest::Client,
    hays: Vec<Hay>,
    codes: BTreeSet<String>,
    sent: Vec<u8>,
}

impl Story {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.stage.http)
    }

    /// Delivers; keeps head and, where it is not the standard's answer, body of what came back.
    async fn post(&mut self, what: &str, key: Option<&str>, body: impl Into<Vec<u8>>) -> u16 {
        let body = body.into();
        self.sent = body.clone();
        let request = self.client.post(self.url(&format!("/v1/lieferungen?name={}", marks::QUERY)));
        let mut request = request.bearer_auth(TOKEN).header("content-type", "application/xml").body(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(what, request).await
    }

    async fn send(&mut self, what: &str, request: reqwest::RequestBuilder) -> u16 {
        let foreign = reqwest::header::HeaderValue::from_bytes(marks::HEADER.as_bytes()).expect("a value");
        let request = ["tracestate", "baggage", "x-request-id", "x-forwarded-for", "user-agent", "cookie"]
            .iter()
            .fold(request, |request, name| request.header(*name, foreign.clone()));
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let head = format!("{status} {:?}", answer.headers());
        let body = answer.text().await.expect("a body");
        for code in ["S001", "S100", "S999", "X000", "V000", "X001", "X002"] {
            if body.contains(&format!(">{code}<")) {
                self.codes.insert(code.to_owned());
            }
        }
        let body = without_original(&body, &self.sent);
        self.hays.push(Hay::new(format!("answer to {what}"), format!("{head}\n{body}")));
        status
    }

    /// Runs a command; keeps what it printed.
    async fn cli(&mut self, words: &[&str]) -> (i32, String) {
        let mut command = self.stage.command(words);
        let ended =
            tokio::task::spawn_blocking(move || command.output()).await.expect("it ran").expect("it ran");
        let printed = [&ended.stdout[..], &ended.stderr[..]].concat();
        let text = String::from_utf8_lossy(&printed).into_owned();
        self.hays.push(Hay::new(format!("output of {words:?}"), printed));
        (ended.status.code().unwrap_or(-1), text)
    }
}

fn staged(partners: [SocketAddr; 2], collector: SocketAddr) -> StageDir {
    let stage = StageDir::new(partners);
    let path = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&path).expect("connections").replace(
        "connections:\n",
        &format!("telemetry: {{ log: trace, otlp: \"http://{collector}\" }}\nconnections:\n"),
    );
    fs::write(path, text).expect("connections");
    // The marked birthplace is a place, else every delivery would wait for a person.
    let other = format!("040110000000;{};ortsteil\n", marks::BIRTHPLACE);
    fs::write(stage.stage().join("tables/ortsnamen.csv"), other).expect("places");
    stage
}

/// An answer without the original, which the standard's 0001 carries back to its sender when it was not valid; it must be
/// exactly what this sender sent.
fn without_original(answer: &str, sent: &[u8]) -> String {
    let Some((before, rest)) = answer.split_once("<xfa:nachricht>") else { return answer.to_owned() };
    let (original, behind) = rest.split_once("</xfa:nachricht>").expect("the element ends");
    let original =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, original).expect("base64");
    assert!(original == sent, "an answer carries nothing but what its own sender sent");
    format!("{before}{behind}")
}

/// What is refused, and how it is marked.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let wrong = marks::WRONG;
    let with = |n: u64, from: &str, to: &str| {
        let document = marked(n);
        assert!(document.contains(from), "{from} is not in the sample");
        document.replacen(from, to, 1).into_bytes()
    };
    let field = |n: u64, open: &str, nth: usize| {
        set(&marked(n), open, nth, wrong).expect("the field is there").into_bytes()
    };
    vec![
        ("broken xml", format!("<{}", marked(100)).into_bytes()),
        ("text behind the root", format!("{}{wrong}", marked(101)).into_bytes()),
        ("not xml at all", wrong.as_bytes().to_vec()),
        ("a dtd", format!("<!DOCTYPE a [<!ENTITY e \"{wrong}\">]>{}", &marked(102)[39..]).into_bytes()),
        ("utf-16", marked(103).encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("latin-1", [&b"<a>"[..], &[0xe4], wrong.as_bytes(), b"</a>"].concat()),
        ("an unknown version", with(104, "version=\"1.3.0\"", "version=\"Falschwert-Kauz\"")),
        ("another standard", with(105, "standard=\"XFamilie\"", &format!("standard=\"{wrong}\""))),
        ("an unknown root", format!("<fremd test=\"true\" name=\"{wrong}\">{wrong}</fremd>").into_bytes()),
        ("no test", with(106, " test=\"true\"", "")),
        ("a wrong date", field(107, "<xfb:jahrMonatTag>", 1)),
        (
            "an unknown element",
            with(
                108,
                "<xfb:transaktionsid>",
                &format!("<xfb:Vřesovičová>{wrong}</xfb:Vřesovičová><xfb:transaktionsid>"),
            ),
        ),
        (
            "an unknown attribute",
            with(109, "<xfg:angabenZurMutter>", &format!("<xfg:angabenZurMutter name=\"{wrong}\">")),
        ),
        ("a wrong code", field(110, "<xfg:familienstand><code>", 0)),
        ("a wrong list", with(111, "listVersionID=\"3\"", &format!("listVersionID=\"{wrong}\""))),
        ("a letter outside DIN 91379", field_with(112, "Qu\u{1F600} Falschwert-Käuzchenburg")),
        ("decomposed letters", field_with(113, "Falschwert-Ka\u{308}uzchenburg")),
        // The standard has the id of a valid message copied into the answer, whatever its author wrote there.
        ("a wrong uuid", set(&marked(114), "<xfb:nachrichtenUUID>", 0, "4711").expect("a uuid").into_bytes()),
        ("a wrong type", with(115, "<code>0804</code>", "<code>0805</code>")),
        ("an empty name", set(&marked(116), "<xfb:name>", 3, "").expect("a name").into_bytes()),
        (
            "a code of nobody",
            with(
                117,
                "<code>01</code></xfg:eintragungSorgeregisterArt>",
                "<code>77</code></xfg:eintragungSorgeregisterArt>",
            ),
        ),
        (
            "kinds without an entry",
            with(120, "<xfg:eintragungVorhanden>true", "<xfg:eintragungVorhanden>false"),
        ),
    ]
}

fn field_with(n: u64, value: &str) -> Vec<u8> {
    set(&marked(n), "<xfb:name>", 1, value).expect("a name").into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marked_personal_data_stands_nowhere_in_clear() {
    let partners = [Talker::start().await, Talker::start().await];
    let collector = Collector::start().await;
    let stage = staged([partners[0].address, partners[1].address], collector.address);
    for which in ["in", "out"] {
        fs::create_dir_all(stage.tray(which)).expect("trays");
    }
    let client =
        reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client");
    let mut story = Story { stage, client, hays: Vec::new(), codes: BTreeSet::new(), sent: Vec::new() };

    // It dies once in the middle of a delivery.
    let mut dying = story.stage.start(Some("after-commit:1"));
    wait_ready(&story).await;
    let died = story
        .client
        .post(story.url("/v1/lieferungen"))
        .bearer_auth(TOKEN)
        .header("content-type", "application/xml")
        .header("idempotency-key", marks::KEY)
        .body(marked(0));
    assert!(died.send().await.is_err(), "it died before it could answer");
    until("it is gone", 60, || dying.ended()).await;

    let mut running = story.stage.start(None);
    wait_ready(&story).await;
    deliveries(&mut story).await;
    folder(&mut story).await;
    until("partners took all there is", 60, || partners.iter().all(|partner| partner.count() >= 8)).await;
    commands(&mut story).await;
    for path in ["/metrics", "/openapi.json", "/health/live", "/health/ready"] {
        let request = story.client.get(story.url(path));
        assert_eq!(story.send(path, request).await, 200, "{path}");
    }
    assert_eq!(
        story.codes.iter().map(String::as_str).collect::<Vec<_>>(),
        ["S001", "S100", "S999", "V000", "X000", "X001", "X002"],
        "every code that the slice knows was told"
    );

    let search = Search::new(marks::all());
    proves_itself(&search, &story);
    let open = stored(&story.stage);
    assert!(open.iter().any(|hay| hay.name.ends_with("-wal")), "the log of the database is searched");
    story.hays.extend(open);
    assert!(running.terminate(), "it ends by itself");
    let closed = stored(&story.stage);
    story.hays.extend(closed);
    for partner in &partners {
        story.hays.push(Hay::new("what a partner saw", partner.seen.lock().expect("seen").concat()));
    }
    story.hays.push(Hay::new("log", story.stage.log()));
    let traces = collector.octets();
    assert!(traces.len() > 1000 && collector.has(b"dispatch"), "spans were exported");
    story.hays.push(Hay::new("traces", traces));
    let broken = format!("{}<", marked(21));
    for receipt in files(&story.stage.tray("out")) {
        let answer = without_original(&fs::read_to_string(&receipt).expect("an answer"), broken.as_bytes());
        story.hays.push(Hay::new(format!("answer by folder {}", receipt.display()), answer));
    }
    let names: Vec<String> =
        files(&story.stage.data()).iter().map(|path| path.display().to_string()).collect();
    story.hays.push(Hay::new("names of files", names.join("\n")));
    assert!(story.stage.log().lines().count() > 20, "it logged at its finest level");
    let found: Vec<String> = story.hays.iter().flat_map(|hay| search.find(hay)).collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));

    only_the_store_opens_it(&story.stage, &search).await;
}

async fn wait_ready(story: &Story) {
    for _ in 0..3_000 {
        if ready(&story.client, story.stage.http).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not get ready:\n{}", story.stage.log());
}

async fn deliveries(story: &mut Story) {
    let key = marks::KEY;
    assert_eq!(story.post("the one that died", Some(key), marked(0)).await, 200);
    assert_eq!(story.post("a repeat", Some(key), marked(0)).await, 200);
    assert_eq!(story.post("a conflict of keys", Some(key), marked(1)).await, 422);
    for n in 2..6 {
        assert_eq!(story.post("a good one", Some(&format!("{key}-{n}")), marked(n)).await, 200);
    }
    let again =
        set(&marked(5), "<xfb:nachrichtenUUID>", 0, "0f5d3c1e-53d5-4b7c-9d3c-6d2e8a1b4c5d").expect("a uuid");
    assert_eq!(story.post("the same under another uuid", Some("noch-einmal"), again).await, 422);
    let other = set(&marked(3), "<xfb:name>", 3, marks::WRONG).expect("a name");
    assert_eq!(story.post("a conflict of messages", Some("noch-einer"), other).await, 422);
    for (what, document) in refused() {
        let status = story.post(what, Some(&format!("{key}-{what}").replace(' ', "_")), document).await;
        assert_eq!(status, 422, "{what}");
    }
    let sample = root().join("xsd/xfamilie/1.3.0/samples/0801-antrag.xml");
    let parked = fs::read_to_string(sample).expect("a sample").replacen(
        "</",
        &format!("<!-- {} --></", marks::WRONG),
        1,
    );
    assert_eq!(story.post("one without a route", Some(&format!("{key}-p")), parked).await, 202);

    let request = |story: &Story, path: &str| story.client.post(story.url(path)).bearer_auth(TOKEN);
    let multipart = |part: &str| {
        format!(
            "--grenze\r\ncontent-disposition: form-data; name=\"document\"\r\ncontent-type: application/xml\r\n\r\n{}\r\n\
             --grenze\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: text/plain\r\n\
             x-kopf: {}\r\n\r\n{part}\r\n--grenze--\r\n",
            marked(7),
            marks::PART,
            marks::PART_FILE,
            marks::HEADER
        )
    };
    let with_part = request(story, "/v1/lieferungen")
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(multipart(&marks::PART_TEXT.repeat(4000)));
    assert_eq!(story.send("one with a part", with_part).await, 200);
    let cut = multipart(marks::PART_TEXT).replace("--grenze--", "--gre");
    let cut = request(story, "/v1/lieferungen")
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(cut);
    assert_eq!(story.send("a part that is cut off", cut).await, 400);

    let foreign = |text: &str| reqwest::header::HeaderValue::from_bytes(text.as_bytes()).expect("a value");
    let bad_key = request(story, "/v1/lieferungen")
        .header("content-type", "text/xml")
        .header("idempotency-key", foreign(marks::WRONG));
    assert_eq!(story.send("a key that is none", bad_key.body(marked(8))).await, 400);
    let bad_type =
        request(story, "/v1/lieferungen").header("content-type", foreign(marks::WRONG)).body(marked(8));
    assert_eq!(story.send("a type that is none", bad_type).await, 415);
    let bad_trace = request(story, "/v1/lieferungen")
        .header("content-type", "text/xml")
        .header("traceparent", foreign(marks::HEADER));
    assert_eq!(story.send("a trace that is none", bad_trace.body(marked(8))).await, 200);
    let nowhere = request(story, &format!("/v1/{}", marks::WRONG)).body(marked(9));
    assert_eq!(story.send("a path that is none", nowhere).await, 404);
    let method = story.client.put(story.url("/v1/lieferungen")).bearer_auth(TOKEN).body(marked(9));
    assert_eq!(story.send("a method that is none", method).await, 405);
    let large = format!(
        "--grenze\r\ncontent-disposition: form-data; name=\"document\"\r\n\r\n{}\r\n--grenze--\r\n",
        marks::WRONG.repeat((8 << 20) / marks::WRONG.len() + 2)
    );
    let large = request(story, "/v1/lieferungen")
        .header("content-type", "multipart/form-data; boundary=grenze")
        .body(large);
    assert_eq!(story.send("one too large", large).await, 413);
    let no_id = story.client.get(story.url(&format!("/v1/nachrichten/{}", marks::WRONG))).bearer_auth(TOKEN);
    assert_eq!(story.send("an id that is none", no_id).await, 404);
    for token in [Some(marks::TOKEN), None] {
        let stranger =
            story.client.post(story.url("/v1/lieferungen")).header("content-type", "application/xml");
        let stranger = match token {
            Some(token) => stranger.header("authorization", foreign(&format!("Bearer {token}"))),
            None => stranger,
        };
        assert_eq!(story.send("a stranger", stranger.body(marked(10))).await, 401);
    }
}

async fn folder(story: &mut Story) {
    let tray = story.stage.tray("in");
    let name = |what: &str| format!("{}-{what}.xml", marks::FILE);
    put(&tray, &name("gut"), marked(20).as_bytes());
    put(&tray, &name("kaputt"), format!("{}<", marked(21)).as_bytes());
    put(&tray, &name("zu-gross"), &vec![b' '; (8 << 20) + 1]);
    std::os::unix::fs::symlink("/nirgends", tray.join(name("verweis"))).expect("a link");
    let out = story.stage.tray("out");
    until("both were answered by folder", 60, || {
        files(&out).iter().filter(|file| file.extension().is_some_and(|e| e == "xml")).count() >= 2
    })
    .await;
    // A link is nobody's delivery and stays where it lies.
    until("the tray is empty but for the link", 60, || {
        files(&tray).iter().all(|file| file.is_symlink() || !file.display().to_string().contains(marks::FILE))
    })
    .await;
    // Its name is the partner's own, and the search that follows is for what the house writes.
    fs::remove_file(tray.join(name("verweis"))).expect("removed");
}

async fn commands(story: &mut Story) {
    let good = story.stage.dir.path().join("gut.xml");
    let bad = story.stage.dir.path().join("schlecht.xml");
    fs::write(&good, marked(30)).expect("a file");
    let (_, wrong) = refused().into_iter().find(|(what, _)| *what == "a wrong date").expect("it is there");
    fs::write(&bad, wrong).expect("a file");
    let (good, bad) = (good.display().to_string(), bad.display().to_string());
    for json in [&["--json"][..], &[]] {
        for words in [
            &["status"][..],
            &["messages", "list", "--limit", "1000"],
            &["parked", "list"],
            &["check", "--explain"],
            &["partners", "check"],
            &["doctor"],
            &["routes", "plan"],
            &["inspect", &good],
            &["inspect", &bad],
            &["dry-run", &good, "--as", "jugendamt-bremen"],
            &["dry-run", &bad, "--as", "jugendamt-bremen"],
            &["schema", "route"],
        ] {
            let (code, text) = story.cli(&[words, json].concat()).await;
            assert!((0..=1).contains(&code) && !text.is_empty(), "{words:?}: {code} {text}");
        }
    }
    let (_, listed) = story.cli(&["messages", "list", "--limit", "1000", "--json"]).await;
    let mut shown = BTreeSet::new();
    for id in uuids(&listed) {
        if shown.len() < 24 && shown.insert(id.clone()) {
            story.cli(&["messages", "show", &id]).await;
            story.cli(&["messages", "show", &id, "--json"]).await;
        }
    }
    let (_, parked) = story.cli(&["parked", "list", "--json"]).await;
    for id in uuids(&parked).into_iter().take(6) {
        story.cli(&["parked", "show", &id]).await;
        story.cli(&["dry-run", "--message", &id, "--reason", "nachgesehen"]).await;
        story.cli(&["parked", "replay", &id, "--reason", "noch einmal"]).await;
    }
    for word in ["pause", "resume"] {
        for (kind, name) in [
            ("route", "registerlieferung"),
            ("partner", "jugendamt-bremen"),
            ("destination", "callback:kita-portal-nord"),
        ] {
            let (code, text) = story.cli(&[word, kind, name, "--reason", "Wartung"]).await;
            assert_eq!(code, 0, "{word} {kind}: {text}");
            if word == "pause" {
                let held = story.post("one that is held", Some("gehalten"), marked(40)).await;
                assert!(matches!(held, 503 | 200), "{held}");
            }
        }
    }
    let (code, text) = story.cli(&["routes", "apply", "--reason", "nur zur Probe"]).await;
    assert_eq!(code, 0, "{text}");
}

fn uuids(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'))
        .filter(|word| word.len() == 36 && uuid::Uuid::try_parse(word).is_ok())
        .map(str::to_owned)
        .collect()
}

/// The octets of every file of the store: database, log, key store, claims.
fn stored(stage: &StageDir) -> Vec<Hay> {
    let found: Vec<Hay> = files(&stage.data().join("store"))
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| Hay::new(path.display().to_string(), fs::read(&path).unwrap_or_default()))
        .collect();
    for wanted in ["drehscheibe.db", "keys.db", "claims/"] {
        assert!(found.iter().any(|hay| hay.name.contains(wanted)), "{wanted} is searched");
    }
    found
}

/// The same search finds what is planted, in every form, also at the end of a real log.
fn proves_itself(search: &Search, story: &Story) {
    let clean = story.stage.log();
    assert!(
        search.find(&Hay::new("log", clean.clone())).is_empty(),
        "{:?}",
        search.find(&Hay::new("log", clean.clone()))
    );
    for (name, mark) in marks::all() {
        let planted = format!("{clean}{{\"level\":\"INFO\",\"message\":\"taken: {mark}\"}}\n");
        assert_eq!(search.find(&Hay::new("scratch", planted)).len(), 1, "{name}");
        let mut octets = vec![0u8; 1001];
        octets.extend(mark.encode_utf16().flat_map(u16::to_le_bytes));
        assert!(!search.find(&Hay::new("scratch", octets)).is_empty(), "{name} in utf-16");
        for shift in 0..3 {
            let text = [&b"abc"[..shift], mark.as_bytes(), b"xyz"].concat();
            let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
            assert!(
                !search.find(&Hay::new("scratch", format!("body={coded}"))).is_empty(),
                "{name} in base64 {shift}"
            );
        }
        for coded in [hex::encode(mark), mark.to_uppercase(), serde_json::json!({ "x": mark }).to_string()] {
            assert!(!search.find(&Hay::new("scratch", coded.clone())).is_empty(), "{name}: {coded}");
        }
    }
    let url = reqwest::Url::parse_with_params("http://localhost/", [("q", marks::QUERY)]).expect("a url");
    assert!(!search.find(&Hay::new("scratch", url.to_string())).is_empty(), "percent");
}

/// The sealed originals hold the marks, and the store hands them out to a person with a reason.
async fn only_the_store_opens_it(stage: &StageDir, search: &Search) {
    let store = SqliteStore::open(Settings {
        path: stage.data().join("store"),
        stage: Stage::Test,
        master: secrecy::SecretBox::new(Box::new(*b"01234567890123456789012345678901")),
        read_only: false,
    })
    .expect("the store opens");
    let filter = Filter { limit: 1000, ..Filter::default() };
    let listed = store.list(&Scope::Operator, filter).await.expect("a list");
    assert!(search.find(&Hay::new("list", format!("{listed:?}"))).is_empty());
    let good = listed.iter().rfind(|message| message.state == Inbound::Accepted).expect("an accepted one");
    let now = "2026-11-22T10:00:00Z".parse().expect("a time");
    let scope = Scope::Mandant(good.mandant.clone());
    let original =
        store.original(&scope, good.id, "rita", "Probe", now).await.expect("it opens").expect("there");
    let text = String::from_utf8(original.body.to_vec()).expect("utf-8");
    for person in marks::persons() {
        assert!(text.contains(person), "{person} is in the original");
    }
    assert!(search.find(&Hay::new("debug", format!("{original:?}"))).is_empty(), "and prints redacted");
    // Strangers and messages of another stage leave hash, size, time and reason only.
    let strangers: Vec<_> = listed.iter().filter(|message| message.state == Inbound::Denied).collect();
    assert_eq!(strangers.len(), 2);
    for stranger in strangers {
        assert_eq!(stranger.octets_sha256, drehscheibe::transport::ids::sha256_hex(marked(10).as_bytes()));
        assert_eq!(stranger.size, marked(10).len() as u64);
        assert!(stranger.cause.is_some() && stranger.partner.is_empty());
        let scope = Scope::Mandant(stranger.mandant.clone());
        let kept = store.original(&scope, stranger.id, "rita", "Probe", now).await.expect("asked");
        assert!(kept.is_none(), "nothing of the content is kept");
    }
}
