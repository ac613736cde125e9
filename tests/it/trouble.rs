//! Our own trouble: full disk, damaged claim, folder that cannot be written, clock that jumps, broken files, an end that
//! drains; and what an operator's tools see of it: traces, readiness, metrics.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use drehscheibe::app::fit;
use drehscheibe::app::place::Place;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings as Bounds;
use drehscheibe::engine::housekeeping::Commands;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::ports::Ports;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Stage};
use drehscheibe::store::desk::Desk;
use drehscheibe::store::orders::{Command, CommandState};
use drehscheibe::store::sqlite::open::Settings;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::metric;
use drehscheibe::transport::port::{
    Destination, Destinations, Intake, Receipt, SendError, Spool, SpoolError,
};

use crate::collector::Collector;
use crate::support::{Receiver, StageDir, TOKEN, ready, root, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A partner that takes everything after a while and keeps the trace that came with it.
#[derive(Clone, Default)]
struct Slow {
    traces: Arc<Mutex<Vec<String>>>,
    pause: Arc<Mutex<Duration>>,
}

async fn take(State(slow): State<Slow>, headers: HeaderMap) -> StatusCode {
    let trace =
        headers.get("traceparent").and_then(|trace| trace.to_str().ok()).unwrap_or_default().to_owned();
    slow.traces.lock().unwrap().push(trace);
    let pause = *slow.pause.lock().unwrap();
    tokio::time::sleep(pause).await;
    StatusCode::OK
}

async fn slow_partner() -> (Slow, std::net::SocketAddr) {
    let slow = Slow::default();
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(take).with_state(slow.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (slow, address)
}

fn configure(stage: &StageDir, more: &str) {
    let path = stage.stage().join("connections.yaml");
    let text = fs::read_to_string(&path).unwrap().replace("connections:\n", &format!("{more}connections:\n"));
    fs::write(path, text).unwrap();
    for which in ["in", "out"] {
        fs::create_dir_all(stage.tray(which)).unwrap();
    }
}

async fn wait_ready(stage: &StageDir, client: &reqwest::Client) {
    for _ in 0..3_000 {
        if ready(client, stage.http).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not ready:\n{}", stage.log());
}

fn post(stage: &StageDir, client: &reqwest::Client, body: String) -> reqwest::RequestBuilder {
    client
        .post(format!("http://{}/v1/lieferungen", stage.http))
        .bearer_auth(TOKEN)
        .header("content-type", "application/xml")
        .body(body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_sender_to_the_partner_and_an_end_is_announced() {
    let (slow, address) = slow_partner().await;
    let collector = Collector::start().await;
    let stage = StageDir::new([address, address]);
    configure(&stage, &format!("telemetry: {{ log: trace, otlp: \"http://{}\" }}\n", collector.address));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut running = stage.start(None);
    wait_ready(&stage, &client).await;
    let sent = post(&stage, &client, eintragung(&Wish::plain(1)))
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    assert_eq!(sent.send().await.unwrap().status(), 200);
    until("both partners were told", 60, || slow.traces.lock().unwrap().len() >= 2).await;
    for trace in slow.traces.lock().unwrap().iter() {
        assert!(trace.starts_with(&format!("00-{TRACE}-")), "{trace}");
        assert!(!trace.contains("00f067aa0ba902b7"), "the attempt is a span of its own: {trace}");
    }
    until("log lines name the trace", 60, || {
        let log = stage.log();
        ["\"committed\"", "\"attempt\""]
            .iter()
            .all(|what| log.lines().any(|line| line.contains(what) && line.contains(TRACE)))
    })
    .await;
    let trace = hex::decode(TRACE).unwrap();
    until("spans are exported", 60, || {
        collector.has(&trace)
            && [&b"deliver"[..], b"continue", b"dispatch"].iter().all(|span| collector.has(span))
    })
    .await;

    // Enough happens that every metric has something to say.
    let broken = eintragung(&Wish::plain(2)).replace("<xfg:eintragungVorhanden>", "<xfg:nichts>");
    assert_eq!(post(&stage, &client, broken).send().await.unwrap().status(), 422);
    let again = post(&stage, &client, eintragung(&Wish::plain(1)));
    assert_eq!(again.send().await.unwrap().status(), 200);
    let stranger = client.post(format!("http://{}/v1/lieferungen", stage.http)).body("fremd");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    let metrics = || async {
        client.get(format!("http://{}/metrics", stage.http)).send().await.unwrap().text().await.unwrap()
    };
    // The figures of the store are taken every few seconds.
    tokio::time::sleep(Duration::from_millis(5500)).await;
    let text = metrics().await;
    // What did not happen here: nobody was told to come again, no breaker opened, there is no broker, all parts run, nothing is
    // looked after, no alarm ended, and the stage names no certificate.
    let silent = [
        "drehscheibe_busy_total",
        "drehscheibe_breaker_open",
        "drehscheibe_broker_connected",
        "drehscheibe_broker_blocked",
        "drehscheibe_broker_queue_messages",
        "drehscheibe_part_up",
        "drehscheibe_looked_total",
        "drehscheibe_alarms_ended_total",
        "drehscheibe_certificate_expires_seconds",
    ];
    for metric in metric::METRICS.iter().filter(|metric| !silent.contains(&metric.name)) {
        assert!(text.contains(&format!("# TYPE {} ", metric.name)), "{} is missing:\n{text}", metric.name);
    }
    assert!(text.contains("drehscheibe_alarms_total{code=\"sender-not-admitted\"} 1"), "{text}");
    assert!(text.contains("drehscheibe_committed_total{state=\"denied\"} 1"), "{text}");

    // It ends: no longer ready, takes nothing new, finishes what is under way.
    *slow.pause.lock().unwrap() = Duration::from_secs(3);
    assert_eq!(post(&stage, &client, eintragung(&Wish::plain(4))).send().await.unwrap().status(), 200);
    until("a callback is under way", 60, || slow.traces.lock().unwrap().len() >= 3).await;
    let ending = tokio::task::spawn_blocking(move || running.terminate());
    let (mut unready, mut refused) = (false, false);
    for _ in 0..3_000 {
        let health = client.get(format!("http://{}/health/ready", stage.http)).send().await;
        unready |= health.is_ok_and(|answer| answer.status() == 503);
        if unready && !refused {
            let late = post(&stage, &client, eintragung(&Wish::plain(5))).send().await;
            refused |= late.is_ok_and(|answer| answer.status() == 503);
        }
        if ending.is_finished() || (unready && refused) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(unready && refused, "unready {unready}, refused {refused}");
    assert!(ending.await.unwrap(), "it ended by itself\n{}", stage.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_files_are_all_shown_at_start_and_never_touch_what_runs() {
    let partners = [Receiver::start().await, Receiver::start().await];
    let stage = StageDir::new([partners[0].address, partners[1].address]);
    configure(&stage, "");
    let routes = stage.dir.path().join("routes");
    fs::create_dir_all(&routes).unwrap();
    let route = routes.join("registerlieferung.yaml");
    fs::copy(root().join("routes/registerlieferung.yaml"), &route).unwrap();
    let connections = stage.stage().join("connections.yaml");
    let partner_file = stage.stage().join("partners.yaml");
    let sound: Vec<(PathBuf, String)> = [&route, &connections, &partner_file]
        .iter()
        .map(|path| (path.to_path_buf(), fs::read_to_string(path).unwrap()))
        .collect();
    let breakage = || {
        fs::write(&route, sound[0].1.replace("mirror:", "miror:")).unwrap();
        fs::write(&connections, sound[1].1.replace("every: 100ms", "every: 100 Tage")).unwrap();
        fs::write(&partner_file, sound[2].1.replace("answers-by: lieferungen", "answers-by: liferungen"))
            .unwrap();
    };
    let command = |words: &[&str]| {
        let mut command = stage.command(words);
        command.env_remove("RUST_BACKTRACE").arg("--routes").arg(&routes);
        // The last one counts; clap refuses two, so the first pair goes.
        let kept: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let first = kept.iter().position(|word| word == "--routes").unwrap();
        let mut clean = std::process::Command::new(command.get_program());
        clean.args(kept[..first].iter().chain(&kept[first + 2..]));
        clean
    };
    let output = |words: &[&str]| {
        let ended = command(words).output().unwrap();
        let text = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        (ended.status.code(), text)
    };
    breakage();
    for (words, code) in [(&["run"][..], Some(2)), (&["check"], Some(1))] {
        let (ended, text) = output(words);
        assert_eq!(ended, code, "{words:?}: {text}");
        for part in ["miror", "mirror", "100 Tage", "liferungen", "lieferungen", ".yaml"] {
            assert!(text.contains(part), "{words:?} shows `{part}`:\n{text}");
        }
        assert!(!text.contains("panicked"), "{text}");
    }
    for (path, text) in &sound {
        fs::write(path, text).unwrap();
    }
    let log = fs::File::create(stage.dir.path().join("run.log")).unwrap();
    let mut running = command(&["run"]).stdout(std::process::Stdio::null()).stderr(log).spawn().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    wait_ready(&stage, &client).await;
    let door = |n: u64| post(&stage, &client, eintragung(&Wish::plain(n)));
    assert_eq!(door(1).send().await.unwrap().status(), 200);
    breakage();
    let hangup = std::process::Command::new("kill").args(["-HUP", &running.id().to_string()]).status();
    assert!(hangup.unwrap().success());
    until("the reload is refused", 60, || stage.log().contains("were not applied")).await;
    assert_eq!(door(2).send().await.unwrap().status(), 200, "what ran runs on");
    until("its partners are told on", 60, || partners.iter().all(|partner| partner.accepted() >= 2)).await;
    let _ = running.kill();
    let _ = running.wait();
}

#[test]
fn a_store_that_cannot_be_opened_is_exit_2_and_one_plain_sentence() {
    let nobody = "127.0.0.1:9".parse().unwrap();
    let stage = StageDir::new([nobody, nobody]);
    configure(&stage, "");
    let run = |data: &Path| {
        let mut command = stage.command(&["run"]);
        let kept: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        let at = kept.iter().position(|word| word == "--data").unwrap();
        command = std::process::Command::new(command.get_program());
        command.args(&kept[..at]).arg("--data").arg(data);
        let ended = command.output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    // A folder where nobody, not even root, can make a file.
    let (code, text) = run(Path::new("/proc/drehscheibe"));
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("drehscheibe: ")).count(), 1, "{text}");
    // A file where the folder of the store belongs.
    let data = stage.dir.path().join("anders");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("store"), "kein Ordner").unwrap();
    let (code, text) = run(&data);
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("drehscheibe: ")).count(), 1, "{text}");
    // A database that is none.
    fs::remove_file(data.join("store")).unwrap();
    fs::create_dir_all(data.join("store")).unwrap();
    fs::write(data.join("store/drehscheibe.db"), vec![7u8; 20_000]).unwrap();
    let (code, text) = run(&data);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("damaged") && text.contains("store-damaged") && !text.contains("panicked"),
        "{text}"
    );
}

struct NoCommands;

#[async_trait]
impl Commands for NoCommands {
    async fn handle(&self, _: &Command) -> CommandState {
        CommandState::Refused("none here".into())
    }
}

/// Takes everything.
#[derive(Default)]
struct Taker(Mutex<Vec<Envelope>>);

#[async_trait]
impl Destination for Taker {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.0.lock().unwrap().push(envelope.clone());
        Ok(Receipt::default())
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        4
    }
}

/// A whole engine in this process, over a store that the test holds too.
struct Inside {
    stage: StageDir,
    store: Arc<SqliteStore>,
    engine: Engine,
    clock: Clock,
    taker: Arc<Taker>,
}

async fn inside() -> Inside {
    assert!(metric::install());
    let nobody = "127.0.0.1:9".parse().unwrap();
    let stage = StageDir::new([nobody, nobody]);
    let place = Place {
        config: stage.stage(),
        routes: stage.routes.clone(),
        xsd: root().join("xsd"),
        data: stage.data(),
    };
    let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit}"));
    let taker = Arc::new(Taker::default());
    let destinations: Destinations = fit
        .compiled
        .destinations
        .iter()
        .map(|wanted| (wanted.key(), taker.clone() as Arc<dyn Destination>))
        .collect();
    let set = Arc::new(fit.compiled.into_plan_set(destinations, fit.standards, Stage::Test));
    let path = stage.data().join("store");
    fs::create_dir_all(&path).unwrap();
    let master = secrecy::SecretBox::new(Box::new([7u8; 32]));
    let settings = Settings { path, stage: Stage::Test, master, read_only: false };
    let store = Arc::new(SqliteStore::open(settings).unwrap());
    store.lock_for_run().await.unwrap();
    let clock = Clock::set("2026-11-21T16:00:00Z".parse().unwrap());
    let start = Start {
        store: store.clone(),
        clock: clock.clone(),
        points: Points::none(),
        set,
        settings: Bounds { workers: 1, ..Bounds::default() },
    };
    let mut engine = Engine::start(start).unwrap();
    engine.open_dispatch(Arc::new(NoCommands));
    Inside { stage, store, engine, clock, taker }
}

impl Inside {
    fn envelope(&self, n: u64) -> Envelope {
        let body = bytes::Bytes::from(eintragung(&Wish::plain(n)));
        let partner = PartnerRef { id: "jugendamt-bremen".into(), how: How::Bearer };
        Envelope {
            head: Head {
                id: uuid::Uuid::now_v7(),
                connection: "http".into(),
                binding: "http /v1/lieferungen".into(),
                transport_id: format!("t{n}"),
                correlation: None,
                content_type: Some("application/xml".into()),
                partner: Some(partner),
                received: self.clock.now(),
                return_address: None,
                traceparent: None,
                acting_person: None,
                label: None,
                in_band: true,
            },
            evidence: Evidence { size: body.len() as u64, ..Evidence::default() },
            body,
            parts: Vec::new(),
        }
    }

    async fn deliver(&self, n: u64) -> Result<Inbound, String> {
        let delivered = self.engine.reception.deliver(self.envelope(n)).await;
        delivered.map(|verdict| verdict.state).map_err(|busy| busy.cause)
    }

    async fn end(self) {
        self.engine.core.stop.cancel();
        self.engine.drain(Duration::from_secs(5)).await;
        drop(self.stage);
    }
}

fn alarmed(code: &str) -> bool {
    metric::render().contains(&format!("drehscheibe_alarms_total{{code=\"{code}\"}}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_busy_and_alarmed_and_passes_without_a_restart() {
    let house = inside().await;
    assert_eq!(house.deliver(1).await, Ok(Inbound::Accepted));
    house.store.limit_pages(1).await.unwrap();
    let mut taken = 1;
    let mut refused = 0;
    for n in 2..200 {
        match house.deliver(n).await {
            Ok(state) => {
                assert_eq!(state, Inbound::Accepted);
                taken += 1;
            }
            Err(cause) => {
                assert!(cause.contains("store"), "{cause}");
                refused += 1;
                if refused == 3 {
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 3, "the disk was full");
    assert!(alarmed("store-disk-full"));
    assert!(house.engine.core.store_trouble().is_some(), "not ready for anybody");
    // Somebody makes room; what was refused comes again and is taken.
    house.store.limit_pages(1_000_000).await.unwrap();
    assert_eq!(house.deliver(500).await, Ok(Inbound::Accepted));
    taken += 1;
    assert_eq!(house.engine.core.store_trouble(), None);
    let figures = house.store.figures(&Scope::Operator).await.unwrap();
    assert_eq!(figures.mirror, taken, "nothing was committed in half");
    until("both partners learn of each", 60, || house.taker.0.lock().unwrap().len() as u64 >= taken * 2)
        .await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_claim_is_not_handed_out_and_calls_a_person() {
    let house = inside().await;
    let ports = Ports(house.engine.core.clone());
    let partner = PartnerRef { id: "jugendamt-bremen".into(), how: How::Bearer };
    let spool = async |octet: u8| {
        let mut writer = ports.begin(&partner).await.unwrap();
        writer.write(vec![octet; 200_000].into()).await.unwrap();
        writer.finish("beilage", "text/plain").await.unwrap()
    };
    let (bad, good) = (spool(1).await, spool(2).await);
    let file = house.stage.data().join("store/claims").join(&bad.claim.name);
    let mut octets = fs::read(&file).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(&file, octets).unwrap();
    let read = async |part| {
        let mut reader = ports.open(&partner.id, part).await?;
        let mut size = 0;
        while let Some(octets) = reader.read().await? {
            size += octets.len();
        }
        Ok::<usize, SpoolError>(size)
    };
    assert!(matches!(read(&bad).await, Err(SpoolError::Corrupt(_))));
    assert!(alarmed("claim-corrupt"));
    assert_eq!(read(&good).await, Ok(200_000), "the others are not touched");
    assert_eq!(house.deliver(1).await, Ok(Inbound::Accepted));
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_is_alarmed_and_stops_nothing() {
    let house = inside().await;
    assert_eq!(house.deliver(1).await, Ok(Inbound::Accepted));
    until("told", 60, || house.taker.0.lock().unwrap().len() >= 2).await;
    // Not so far back that what is delivered would be stamped more than 24 hours ahead (rules.md 2.2).
    for (n, moment) in [(2, "2026-11-19T09:00:00Z"), (4, "2028-02-29T23:59:59Z"), (5, "2026-11-20T09:00:00Z")]
    {
        house.clock.move_to(moment.parse().unwrap());
        assert_eq!(house.deliver(n).await, Ok(Inbound::Accepted), "{moment}");
        // A repeat is known whatever the clock says.
        assert_eq!(house.deliver(n).await, Ok(Inbound::Accepted), "{moment}");
    }
    until("all are told", 60, || house.taker.0.lock().unwrap().len() >= 8).await;
    assert_eq!(house.store.figures(&Scope::Operator).await.unwrap().mirror, 4);
    until("it is alarmed", 60, || alarmed("clock-jumped")).await;
    house.end().await;
}
