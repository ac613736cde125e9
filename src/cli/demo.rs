//! The demonstration: a whole house over real sockets, invented deliveries, partners that fail at first, one line for each
//! thing that happens with the place to look. Works in a folder of its own; touches no configured stage.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde::Serialize;

use crate::app::cases::Scratch;
use crate::app::house::{House, Options};
use crate::app::place::Place;
use crate::cli::args::Global;
use crate::cli::demo_partner::DemoPartner;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::sample::{Wish, eintragung};
use crate::cli::shipped;
use crate::clock::{Clock, Tick};
use crate::engine::core::Settings;
use crate::engine::points::Points;
use crate::store::contract::{Figures, Scope};

const CONNECTIONS: &str = include_str!("../../deploy/stages/demo/connections.yaml");
const PARTNERS: &str = include_str!("../../deploy/stages/demo/partners.yaml");
const TABLES: &[(&str, &str)] = &[
    ("aemter.yaml", include_str!("../../deploy/stages/demo/tables/aemter.yaml")),
    ("gemeinden.csv", include_str!("../../deploy/stages/demo/tables/gemeinden.csv")),
];

/// How the story ended, as `--json` prints it.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Story {
    /// Deliveries handed over, by HTTP and folder, repeats included.
    pub delivered: u64,
    /// Registersätze in the mirror.
    pub mirror_entries: u64,
    /// Deliveries answered with the verdict of an earlier one.
    pub duplicates: u64,
    /// Refused deliveries by code.
    pub rejected: BTreeMap<String, u64>,
    /// Callbacks that arrived, each counted once.
    pub callbacks_delivered: u64,
    /// Attempts that it took.
    pub callback_attempts: u64,
    /// What waits for a person in the outbox.
    pub parked: u64,
    /// Effects that are missing.
    pub lost: u64,
}

/// What must be so at the end: eight good deliveries, each told to two partners, the third attempt arriving.
fn told() -> Story {
    Story {
        delivered: 17,
        mirror_entries: 8,
        duplicates: 2,
        rejected: [("S001", 1), ("S999", 1), ("V000", 1), ("X000", 1), ("X001", 1), ("X002", 1)]
            .map(|(code, count)| (code.to_owned(), count))
            .into(),
        callbacks_delivered: 16,
        callback_attempts: 0,
        parked: 0,
        lost: 0,
    }
}

/// Plays the demonstration; with `once` it ends with the story and says whether it ended as told.
pub async fn run(global: &Global, once: bool, out: &mut Output) -> Result<Exit, CliError> {
    let scratch =
        Scratch::new().map_err(|error| CliError::Usage(format!("no temporary folder: {}", error.kind())))?;
    let partners = [DemoPartner::start(2).await, DemoPartner::start(4).await];
    let [Ok(kita), Ok(wohngeld)] = partners else {
        return Err(CliError::Usage("no free port for the demonstration's partners".to_owned()));
    };
    let stage = Stage::write(&scratch.0, global, kita.address, wohngeld.address).map_err(|error| {
        CliError::Usage(format!("the demonstration's files cannot be written: {}", error.kind()))
    })?;
    let options = Options {
        place: stage.place.clone(),
        clock: Clock::real(),
        points: Points::none(),
        settings: Settings::default(),
    };
    let began = Tick::now();
    let house = House::start(options).await.map_err(CliError::from_start)?;
    let mut teller =
        Teller { out, stage: &stage, client: reqwest::Client::new(), story: Story::default(), line: 0 };
    teller.say(&format!(
        "the house stands after {} ms: door http://{}, trays {}, partners on ports {} and {}",
        began.elapsed().as_millis(),
        stage.http,
        stage.tray("").display(),
        kita.address.port(),
        wohngeld.address.port()
    ))?;
    teller.tell().await?;
    let figures = settle(&house, &kita, &wohngeld).await;
    let mut story = teller.story;
    story.mirror_entries = figures.mirror;
    story.duplicates = figures.repeats;
    story.callbacks_delivered = kita.distinct() + wohngeld.distinct();
    story.callback_attempts = kita.attempts() + wohngeld.attempts();
    story.parked = figures.backlog.iter().map(|backlog| backlog.parked + backlog.unclear).sum();
    story.lost = (2 * figures.mirror).saturating_sub(story.callbacks_delivered);
    let wanted = Story { callback_attempts: story.callback_attempts, ..told() };
    let as_told = story == wanted && story.callback_attempts > story.callbacks_delivered;
    if !out.is_json() {
        out.say(&format!(
            "   {} callbacks arrived in {} attempts, signed and each once; {} Registersätze, {} repeats, {} lost",
            story.callbacks_delivered, story.callback_attempts, story.mirror_entries, story.duplicates, story.lost
        ))?;
    }
    if out.is_json() {
        out.value(&story)?;
    }
    if !once {
        linger(&stage, out).await?;
    }
    house.stop(Duration::from_secs(10)).await;
    if !as_told && !out.is_json() {
        out.say(&format!("the story should have ended otherwise:\n   told  {wanted:?}\n   ended {story:?}"))?;
    }
    Ok(if as_told { Exit::Ok } else { Exit::No })
}

async fn linger(stage: &Stage, out: &mut Output) -> Result<(), CliError> {
    if !out.is_json() {
        out.say(&format!(
            "\nThe house goes on until Ctrl-C. Look around:\n  \
             drehscheibe status --config {stage} --data {data}\n  \
             drehscheibe messages list --config {stage} --data {data}\n  \
             curl http://{http}/openapi.json\n  \
             curl http://{http}/metrics",
            stage = stage.place.config.display(),
            data = stage.place.data.display(),
            http = stage.http
        ))?;
    }
    let _ = tokio::signal::ctrl_c().await;
    Ok(())
}

/// Waits until every callback arrived, bounded: the story says what is missing.
async fn settle(house: &House, kita: &DemoPartner, wohngeld: &DemoPartner) -> Figures {
    let began = Tick::now();
    loop {
        let figures = house.shared.core.store.figures(&Scope::Operator).await.unwrap_or_default();
        let waiting: u64 = figures.backlog.iter().map(|backlog| backlog.waiting).sum();
        let arrived = kita.distinct() + wohngeld.distinct();
        if (waiting == 0 && arrived >= 2 * figures.mirror) || began.elapsed() > Duration::from_secs(40) {
            return figures;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The stage of the demonstration on disk.
struct Stage {
    place: Place,
    http: SocketAddr,
    token: String,
}

impl Stage {
    fn write(
        scratch: &Path,
        global: &Global,
        kita: SocketAddr,
        wohngeld: SocketAddr,
    ) -> std::io::Result<Stage> {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (config, data) = (scratch.join("stage"), scratch.join("data"));
        std::fs::create_dir_all(config.join("secrets"))?;
        for tray in ["in", "out"] {
            std::fs::create_dir_all(data.join("trays/jugendamt-bremen").join(tray))?;
        }
        let connections =
            CONNECTIONS.replace("127.0.0.1:8080", &http.to_string()).replace("first: 1s", "first: 150ms");
        let partners = PARTNERS
            .replace("127.0.0.1:8091", &kita.to_string())
            .replace("127.0.0.1:8092", &wohngeld.to_string());
        std::fs::write(config.join("connections.yaml"), connections)?;
        std::fs::write(config.join("partners.yaml"), partners)?;
        std::fs::create_dir_all(config.join("tables"))?;
        for (name, text) in TABLES {
            std::fs::write(config.join("tables").join(name), text)?;
        }
        let secret = || base64::engine::general_purpose::STANDARD.encode(random());
        let token = secret();
        for (name, text) in [
            ("store.key", secret()),
            ("jugendamt-bremen.token", token.clone()),
            ("jugendamt-hamburg.token", secret()),
            ("kita-portal-nord.webhook", format!("whsec_{}", secret())),
            ("wohngeld-online.webhook", format!("whsec_{}", secret())),
        ] {
            std::fs::write(config.join("secrets").join(name), text)?;
        }
        let (routes, xsd) =
            (shipped::routes(&global.routes, scratch)?, shipped::packages(&global.xsd, scratch)?);
        let place = Place { config, routes, xsd, data };
        Ok(Stage { place, http, token })
    }

    fn tray(&self, which: &str) -> PathBuf {
        self.place.data.join("trays/jugendamt-bremen").join(which)
    }
}

fn random() -> [u8; 32] {
    let mut octets = [0u8; 32];
    octets[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    octets[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    octets
}

/// Delivers and narrates.
struct Teller<'a> {
    out: &'a mut Output,
    stage: &'a Stage,
    client: reqwest::Client,
    story: Story,
    line: u32,
}

impl Teller<'_> {
    async fn tell(&mut self) -> Result<(), CliError> {
        let plain = |n: u64| eintragung(&Wish::plain(n));
        let with = |n: u64, art: &'static str| eintragung(&Wish { arten: vec![art], ..Wish::plain(n) });
        self.post("an Eintragung (01 Sorgeerklärungen)", "a-1", with(3, "01").into_bytes()).await?;
        self.post("a child without Eintragung", "a-2", plain(4).into_bytes()).await?;
        self.post("a court decision (02)", "a-3", with(5, "02").into_bytes()).await?;
        self.post(
            "the first delivery once more, same key: same answer, no second effect",
            "a-1",
            with(3, "01").into_bytes(),
        )
        .await?;
        self.put("a delivery by folder", 7, plain(7)).await?;
        self.put("one that came by HTTP already, now by folder: same answer, no second effect", 4, plain(4))
            .await?;
        for n in [10, 11, 13, 14] {
            self.post("a plain delivery", &format!("a-{n}"), plain(n).into_bytes()).await?;
        }
        let good = plain(20);
        let latin1: Vec<u8> = good.chars().map(|c| if (c as u32) < 256 { c as u8 } else { b'?' }).collect();
        self.post("not UTF-8", "b-1", latin1).await?;
        self.post("not well-formed", "b-2", good.replace("</xfg:geburt>", "").into_bytes()).await?;
        self.post(
            "a version nobody knows",
            "b-3",
            good.replace("version=\"1.3.0\"", "version=\"9.9.9\"").into_bytes(),
        )
        .await?;
        self.post(
            "not valid to the schema",
            "b-4",
            plain(21).replace("<code>0804</code>", "<code>4711</code>").into_bytes(),
        )
        .await?;
        let rule = plain(22).replace(">false</xfg:eintragungVorhanden>", ">true</xfg:eintragungVorhanden>");
        self.post("an Eintragung without its kind, against a rule of the standard", "b-5", rule.into_bytes())
            .await?;
        self.post("the key of an earlier delivery with other content", "a-2", plain(23).into_bytes()).await?;
        self.stranger(plain(24)).await?;
        self.say(
            "both online services are out of order at first; callbacks are tried again until they arrive …",
        )
    }

    fn say(&mut self, text: &str) -> Result<(), CliError> {
        self.line += 1;
        if !self.out.is_json() {
            self.out.say(&format!("{:>2} {text}", self.line))?;
        }
        Ok(())
    }

    async fn post(&mut self, what: &str, key: &str, document: Vec<u8>) -> Result<(), CliError> {
        self.story.delivered += 1;
        let sent = self
            .client
            .post(format!("http://{}/v1/lieferungen", self.stage.http))
            .bearer_auth(&self.stage.token)
            .header("content-type", "application/xml")
            .header("idempotency-key", key)
            .body(document)
            .send()
            .await;
        let Ok(answer) = sent else { return self.say(&format!("HTTP: {what}: no answer")) };
        let status = answer.status();
        let place = header(&answer, "location");
        let again = answer.headers().contains_key("idempotent-replayed");
        let body = answer.text().await.unwrap_or_default();
        let codes = codes(&body);
        if !again {
            for code in &codes {
                *self.story.rejected.entry(code.clone()).or_default() += 1;
            }
        }
        let document = match body.contains("quittung.0011") {
            true => "Quittung 0011".to_owned(),
            false if codes.is_empty() => "no document".to_owned(),
            false => format!("Rückweisung 0001 with {}", codes.join(", ")),
        };
        let repeat = if again { ", as the first time" } else { "" };
        self.say(&format!("HTTP: {what} → {} {document}{repeat}; {place}", status.as_u16()))
    }

    async fn put(&mut self, what: &str, n: u64, document: String) -> Result<(), CliError> {
        self.story.delivered += 1;
        let before = self.receipts();
        let tray = self.stage.tray("in");
        let name = format!("lieferung-{n}.xml");
        let written = std::fs::create_dir_all(&tray)
            .and_then(|()| std::fs::write(tray.join(format!(".{name}.tmp")), document))
            .and_then(|()| std::fs::rename(tray.join(format!(".{name}.tmp")), tray.join(&name)));
        if written.is_err() {
            return self.say(&format!("folder: {what}: the tray cannot be written"));
        }
        let began = Tick::now();
        // A repeat has no second answer by message: then the file is simply taken.
        while began.elapsed() < Duration::from_secs(10) && (tray.join(&name).exists() || self.working()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while began.elapsed() < Duration::from_secs(3) && self.receipts() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let answer = if self.receipts() > before { "Quittung in" } else { "taken, nothing new in" };
        self.say(&format!("folder: {what} → {answer} {}", self.stage.tray("out").display()))
    }

    fn working(&self) -> bool {
        std::fs::read_dir(self.stage.tray("in").join(".work"))
            .is_ok_and(|mut entries| entries.next().is_some())
    }

    fn receipts(&self) -> usize {
        std::fs::read_dir(self.stage.tray("out"))
            .map(|entries| {
                entries
                    .flatten()
                    .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "xml"))
                    .count()
            })
            .unwrap_or(0)
    }

    async fn stranger(&mut self, document: String) -> Result<(), CliError> {
        self.story.delivered += 1;
        let sent = self
            .client
            .post(format!("http://{}/v1/lieferungen", self.stage.http))
            .header("content-type", "application/xml")
            .body(document)
            .send()
            .await;
        let status = sent.map(|answer| answer.status().as_u16()).unwrap_or_default();
        self.say(&format!("HTTP: somebody without a credential → {status}, nothing of the content is kept"))
    }
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
}

/// The codes of a Rückweisung, read as a partner would.
fn codes(body: &str) -> Vec<String> {
    if !body.contains("rueckweisung.0001") {
        return Vec::new();
    }
    let mut codes: Vec<String> = body
        .split("<code>")
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .filter(|code| {
            code.len() == 4
                && code.starts_with(['S', 'T', 'V', 'X'])
                && code[1..].bytes().all(|b| b.is_ascii_digit())
        })
        .map(str::to_owned)
        .collect();
    codes.dedup();
    codes
}
