//! Measures the full path on this machine: a real store, the real engine, deliveries in process, partners that only count.
//! Says how it measured; asserts nothing about time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::app::fit;
use crate::app::place::Place;
use crate::app::scratch::Scratch;
use crate::cli::args_bench::BenchArgs;
use crate::cli::bench_floor::account;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::sample::{Wish, eintragung};
use crate::clock::{Clock, Tick};
use crate::engine::core::Settings;
use crate::engine::housekeeping::Commands;
use crate::engine::points::Points;
use crate::engine::start::{Engine, Start};
use crate::envelope::{Envelope, Evidence, Head, How, PartnerRef};
use crate::store::contract::Store;
use crate::store::orders::{Command, CommandState};
use crate::store::sqlite;
use crate::store::stamp::Scope;
use crate::transport::memory::Sink;
use crate::transport::port::{Destination, Destinations, Intake, SendError, Spool};

/// The figures of one measurement.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// Messages delivered.
    pub messages: u64,
    /// Octets of one message.
    pub octets: u64,
    /// Files compiled, store opened, engine running, milliseconds.
    pub start_ms: f64,
    /// Verdicts per second.
    pub verdicts_per_second: f64,
    /// Messages per second until both partners of each were told and everything was settled.
    pub full_path_per_second: f64,
    /// Processor time of the whole process per message, settled, milliseconds; on a shared machine the figure to compare.
    pub cpu_ms_per_message: f64,
    /// Latency from delivery to verdict, milliseconds.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
    /// The same, maximum.
    pub max_ms: f64,
    /// Rate asked for, if any.
    pub rate: Option<u32>,
    /// Resident memory before, MiB.
    pub rss_before_mib: f64,
    /// Resident memory after, MiB.
    pub rss_after_mib: f64,
    /// Peak resident memory of the process, MiB.
    pub rss_peak_mib: f64,
    /// Rows that wait for a partner that is down, when asked for.
    pub waiting: u64,
    /// Resident memory with them, MiB.
    pub rss_waiting_mib: Option<f64>,
    /// Further resident memory while a part of this size passed, MiB.
    pub part_mib: Option<u64>,
    /// By so much resident memory was higher at most while the part passed, MiB.
    pub rss_part_more_mib: Option<f64>,
}

/// A house in which no person commands anything.
pub struct NoCommands;

#[async_trait::async_trait]
impl Commands for NoCommands {
    async fn handle(&self, _: &Command) -> CommandState {
        CommandState::Refused("there are no commands in a measurement".to_owned())
    }
}

/// Measures and prints.
pub async fn run(place: &Place, args: &BenchArgs, out: &mut Output) -> Result<Exit, CliError> {
    let scratch = Scratch::new()?;
    let mut measured =
        Measured { messages: u64::from(args.messages), rate: args.rate, ..Measured::default() };
    let began = Tick::now();
    let (mut engine, store) = start(place, &scratch.0, args.waiting.is_some())?;
    engine.open_dispatch(Arc::new(NoCommands));
    measured.start_ms = millis(began.elapsed());
    measured.rss_before_mib = account::memory("self", "VmRSS");
    let progress = if out.is_json() { ProgressBar::hidden() } else { ProgressBar::new(measured.messages) };
    let bodies = Bodies::new();
    measured.octets = bodies.body(1).len() as u64;
    let cpu_before = account::processor("self");
    let began = Tick::now();
    let mut latencies = deliver(&engine, &bodies, 0, args.messages.into(), args.rate, &progress).await;
    measured.verdicts_per_second = f64::from(args.messages) / began.elapsed().as_secs_f64();
    if args.waiting.is_none() {
        settled(&*store).await?;
        measured.full_path_per_second = f64::from(args.messages) / began.elapsed().as_secs_f64();
    }
    measured.cpu_ms_per_message =
        millis(account::processor("self").saturating_sub(cpu_before)) / f64::from(args.messages);
    progress.finish_and_clear();
    latencies.sort_unstable();
    let at =
        |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().map_or(0.0, millis);
    (measured.p50_ms, measured.p99_ms) = (at(0.5), at(0.99));
    measured.max_ms = latencies.last().copied().map_or(0.0, millis);
    measured.rss_after_mib = account::memory("self", "VmRSS");
    if let Some(waiting) = args.waiting {
        let more = u64::from(waiting).saturating_sub(2 * measured.messages).div_ceil(2);
        deliver(&engine, &bodies, measured.messages, more, None, &ProgressBar::hidden()).await;
        let figures = store.figures(&Scope::Operator).await?;
        measured.waiting = figures.backlog.iter().map(|backlog| backlog.waiting).sum();
        measured.rss_waiting_mib = Some(account::memory("self", "VmRSS"));
    }
    if let Some(mib) = args.part {
        measured.part_mib = Some(u64::from(mib));
        measured.rss_part_more_mib = Some(part(&engine, u64::from(mib)).await?);
    }
    measured.rss_peak_mib = account::memory("self", "VmHWM");
    engine.drain(Duration::from_secs(10)).await;
    print(&measured, out)?;
    Ok(Exit::Ok)
}

fn print(measured: &Measured, out: &mut Output) -> Result<(), CliError> {
    if out.is_json() {
        out.value(measured)?;
        return Ok(());
    }
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row(
            "messages",
            format!("{} of {} octets, each told to two partners", measured.messages, measured.octets),
        ),
        row("start", format!("{:.1} ms", measured.start_ms)),
        row("verdicts", format!("{:.0}/s", measured.verdicts_per_second)),
        row("full path", format!("{:.0}/s", measured.full_path_per_second)),
        row("processor", format!("{:.3} ms per message", measured.cpu_ms_per_message)),
        row(
            "latency",
            format!(
                "p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
                measured.p50_ms, measured.p99_ms, measured.max_ms
            ),
        ),
        row(
            "memory",
            format!(
                "{:.1} MiB before, {:.1} after, peak {:.1}",
                measured.rss_before_mib, measured.rss_after_mib, measured.rss_peak_mib
            ),
        ),
    ];
    if let Some(mib) = measured.rss_waiting_mib {
        rows.push(row("waiting", format!("{} rows, {mib:.1} MiB", measured.waiting)));
    }
    if let (Some(mib), Some(more)) = (measured.part_mib, measured.rss_part_more_mib) {
        rows.push(row("part", format!("{mib} MiB passed with {more:.1} MiB more")));
    }
    out.table(&["figure", "measured"], &rows)?;
    Ok(())
}

/// Compiles a stage and starts its engine over an empty store below `folder`; its partners only count, or are `down`.
pub fn start(place: &Place, folder: &Path, down: bool) -> Result<(Engine, Arc<dyn Store>), CliError> {
    let fit = fit::compile(place, None).map_err(CliError::from_unfit)?;
    let stage = fit.compiled.stage.stage;
    let mut destinations = Destinations::new();
    for wanted in &fit.compiled.destinations {
        let destination: Arc<dyn Destination> = if down { Arc::new(Down) } else { Arc::new(Sink::default()) };
        destinations.insert(wanted.key(), destination);
    }
    let set = Arc::new(fit.compiled.into_plan_set(destinations, fit.standards, stage));
    let path = folder.join("store");
    std::fs::create_dir_all(&path)?;
    let store: Arc<dyn Store> = Arc::new(sqlite::parts::SqliteStore::open(sqlite::open::Settings {
        path,
        stage,
        master: secrecy::SecretBox::new(Box::new([7u8; 32])),
        read_only: false,
    })?);
    let start = Start {
        store: store.clone(),
        clock: Clock::real(),
        points: Points::none(),
        set,
        settings: Settings::default(),
    };
    Ok((Engine::start(start)?, store))
}

/// A partner that stays down for the whole measurement.
struct Down;

#[async_trait::async_trait]
impl Destination for Down {
    async fn send(&self, _: &Envelope) -> Result<crate::transport::port::Receipt, SendError> {
        Err(SendError::Later {
            cause: "down".to_owned(),
            retry_after: Some(Duration::from_secs(86_400)),
            far_end: true,
        })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(
        &self,
        _: &Envelope,
    ) -> Result<Option<crate::transport::port::Receipt>, SendError> {
        Ok(None)
    }

    fn width(&self) -> usize {
        1
    }
}

/// Documents made from few templates by replacing, so that making them costs little beside what is measured.
struct Bodies;

impl Bodies {
    fn new() -> Bodies {
        Bodies
    }

    fn body(&self, n: u64) -> Bytes {
        Bytes::from(eintragung(&Wish::plain(n)))
    }
}

async fn deliver(
    engine: &Engine,
    bodies: &Bodies,
    from: u64,
    count: u64,
    rate: Option<u32>,
    progress: &ProgressBar,
) -> Vec<Duration> {
    let room = Arc::new(Semaphore::new(if rate.is_some() { 4096 } else { 128 }));
    let mut tasks = tokio::task::JoinSet::new();
    let mut latencies = Vec::with_capacity(count as usize);
    let began = Tick::now();
    for n in 0..count {
        if let Some(rate) = rate {
            let due = Duration::from_secs_f64(n as f64 / f64::from(rate));
            let early = due.saturating_sub(began.elapsed());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
        }
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let envelope = envelope(from + n, bodies.body(from + n));
        let reception = engine.reception.clone();
        tasks.spawn(async move {
            let began = Tick::now();
            while reception.deliver(envelope.clone()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(permit);
            began.elapsed()
        });
        while let Some(done) = tasks.try_join_next() {
            latencies.extend(done);
            progress.inc(1);
        }
    }
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done);
    }
    latencies
}

/// The n-th delivery of the Jugendamt of the demonstration.
pub fn envelope(n: u64, body: Bytes) -> Envelope {
    Envelope {
        head: Head {
            id: uuid::Uuid::now_v7(),
            connection: "haustuer".to_owned(),
            binding: "http /v1/lieferungen".to_owned(),
            transport_id: format!("bench-{n}"),
            correlation: None,
            content_type: Some("application/xml".to_owned()),
            partner: Some(PartnerRef { id: "jugendamt-bremen".to_owned(), how: How::Memory }),
            received: Clock::real().now(),
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

/// Waits until nothing is left to send.
pub async fn settled(store: &dyn Store) -> Result<(), CliError> {
    loop {
        // Figures count all rows: asked only when no lane is left, or the asking would be measured.
        if store.next_due(&[]).await?.is_none() {
            let figures = store.figures(&Scope::Operator).await?;
            if figures.backlog.iter().all(|backlog| backlog.waiting == 0) {
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Streams a part into a sealed claim and back, and says by how much memory grew at most.
async fn part(engine: &Engine, mib: u64) -> Result<f64, CliError> {
    let ports = crate::engine::ports::Ports(engine.core.clone());
    let partner = PartnerRef { id: "jugendamt-bremen".to_owned(), how: How::Memory };
    let before = account::memory("self", "VmRSS");
    let mut most: f64 = before;
    let piece = Bytes::from(vec![0x5a_u8; 64 * 1024]);
    let failed = |error: crate::transport::port::SpoolError| CliError::Usage(error.to_string());
    let mut writer = ports.begin(&partner).await.map_err(failed)?;
    for _ in 0..mib * 16 {
        writer.write(piece.clone()).await.map_err(failed)?;
        most = most.max(account::memory("self", "VmRSS"));
    }
    writer.finish("anlage", "application/octet-stream").await.map_err(failed)?;
    Ok(most - before)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
