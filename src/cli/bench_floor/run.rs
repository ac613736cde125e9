//! `bench --floor`: lays the ground, measures what was asked for in turn, clears everything up, prints.

use std::collections::BTreeMap;

use indicatif::ProgressBar;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::scratch::Scratch;
use crate::cli::args::Global;
use crate::cli::args_bench::{BenchArgs, Figure, FloorArgs};
use crate::cli::bench_floor::figures::{Figures, Full, Rounds, Spread, Who, compared};
use crate::cli::bench_floor::fill;
use crate::cli::bench_floor::ground::{self, Ground};
use crate::cli::bench_floor::servers::Servers;
use crate::cli::bench_floor::shape::Filled;
use crate::cli::bench_floor::{measure, paced, report, stocks};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::shipped;

/// Deliveries and receipts that wait where nothing else is asked for: as many as a large office has children.
const WAITING: u32 = 155_000;
/// Rates of latencies besides half of the most.
const RATES: [u32; 2] = [100, 500];
/// All programs, in the order of the first round.
const ALL: [Who; 3] = [Who::Adapter, Who::Floor, Who::Bare];

/// Measures and prints.
pub async fn run(global: &Global, args: &BenchArgs, out: &mut Output) -> Result<Exit, CliError> {
    let floor = &args.floor;
    let mut stop = Stop::listen()?;
    let scratch = Scratch::new()?;
    let xsd = std::path::absolute(shipped::packages(&global.xsd, &scratch.0)?)?;
    let progress = if out.is_json() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    progress.set_message("servers");
    let folder = scratch.0.clone();
    // Scripts wait for the servers; the runtime goes on meanwhile.
    let servers = tokio::task::block_in_place(|| Servers::of(floor, &folder))?;
    let measured = tokio::select! {
        measured = async {
            let ground = Ground::lay(&servers, floor, folder, xsd).await?;
            measure_all(&ground, args, &progress).await
        } => measured,
        () = stop.wanted() => Err(CliError::Usage("broken off; what was made is removed".to_owned())),
    };
    let cleared = ground::clear(&servers).await;
    progress.finish_and_clear();
    let figures = measured?;
    cleared?;
    out.value(&figures)?;
    report::print(&figures, servers.are_private(), out)?;
    tokio::task::block_in_place(|| drop(servers));
    Ok(Exit::Ok)
}

/// A person who breaks it off, heard from the beginning, so that nothing is left behind.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Stop { interrupt, terminate })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn measure_all(
    ground: &Ground<'_>,
    args: &BenchArgs,
    progress: &ProgressBar,
) -> Result<Figures, CliError> {
    let floor: &FloorArgs = &args.floor;
    let asked = |figure| floor.figures.contains(&figure);
    let messages = u64::from(args.messages);
    let mut figures = Figures { octets: ground.octets(), prefetch: ground.prefetch, ..Figures::default() };
    if asked(Figure::Ratio) {
        ratio(ground, messages, floor.rounds, progress, &mut figures).await?;
    }
    if asked(Figure::Latency) {
        latency(ground, args, progress, &mut figures).await?;
    }
    if asked(Figure::Waiting) {
        let count = args.waiting.unwrap_or(WAITING);
        progress.set_message(format!("{count} waiting"));
        figures.waiting = Some(measure::waiting(ground, count.into()).await?);
    }
    if asked(Figure::Stocks) {
        progress.set_message("filling the register");
        let told = |text: String| progress.set_message(text);
        figures.stocks = Some(stocks::measure(ground, floor.records, messages, floor.rounds, told).await?);
        progress.println(format!("about {} MB of disk were in use", fill::needed(floor.records) / 1_000_000));
    }
    Ok(figures)
}

async fn ratio(
    ground: &Ground<'_>,
    messages: u64,
    rounds: u32,
    progress: &ProgressBar,
    figures: &mut Figures,
) -> Result<(), CliError> {
    let mut started: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for who in ALL {
        started.insert(who.as_str(), measure::start_only(ground, who).await?);
    }
    let mut each: Vec<Full> = Vec::new();
    let mut tables: BTreeMap<&str, Vec<Filled>> = BTreeMap::new();
    for round in 0..rounds as usize {
        // Another one begins each round, so that what the machine does besides meets all alike.
        for turn in 0..ALL.len() {
            let who = ALL[(round + turn) % ALL.len()];
            progress.set_message(format!("round {} of {rounds}: {}", round + 1, who.as_str()));
            let (mut full, filled) = measure::full(ground, who, messages).await?;
            if let (Some(all), Some(Some(start))) = (full.allocations, started.get(who.as_str())) {
                full.allocations = Some(all - *start as f64 / messages.max(1) as f64);
            }
            tables.insert(who.as_str(), filled);
            each.push(full);
        }
    }
    figures.programs = ALL.map(|who| Rounds::of(who, &each)).into();
    figures.ratio = Some(against(&each, Who::Floor, rounds as usize));
    figures.ratio_bare = Some(against(&each, Who::Bare, rounds as usize));
    let of = |who: Who| tables.get(who.as_str()).map_or(&[][..], Vec::as_slice);
    figures.tables = compared(&ground.before, [of(Who::Adapter), of(Who::Floor)], messages);
    Ok(())
}

/// The adapter's rate by that of another program in the same round.
fn against(each: &[Full], other: Who, rounds: usize) -> Spread {
    let of = |who: Who| each.iter().filter(move |full| full.who == who).map(|full| full.per_second);
    Spread::of(of(Who::Adapter).zip(of(other)).take(rounds).map(|(adapter, floor)| adapter / floor))
}

async fn latency(
    ground: &Ground<'_>,
    args: &BenchArgs,
    progress: &ProgressBar,
    figures: &mut Figures,
) -> Result<(), CliError> {
    let known = figures
        .programs
        .iter()
        .find(|rounds| rounds.who == Who::Adapter)
        .map(|rounds| rounds.per_second.median);
    let most = match known {
        Some(most) => most,
        None => {
            progress.set_message("the most per second");
            measure::full(ground, Who::Adapter, args.messages.into()).await?.0.per_second
        }
    };
    let half = (most / 2.0).max(1.0) as u32;
    let rates: Vec<u32> = match args.rate {
        Some(rate) => vec![rate],
        None => RATES.into_iter().filter(|rate| f64::from(*rate) < most).chain([half]).collect(),
    };
    for rate in rates {
        for who in [Who::Adapter, Who::Floor] {
            progress.set_message(format!("{rate}/s: {}", who.as_str()));
            figures.latencies.push(paced::at(ground, who, rate, args.floor.seconds).await?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_one_round() {
        let one = |who, per_second| Full {
            who,
            messages: 1,
            seconds: 1.0,
            per_second,
            cpu_ms: 0.0,
            machine_cpu_ms: 0.0,
            wal: 0.0,
            allocations: None,
            rss_begun_mib: 0.0,
            rss_peak_mib: 0.0,
        };
        let each =
            [one(Who::Adapter, 50.0), one(Who::Floor, 100.0), one(Who::Floor, 40.0), one(Who::Adapter, 40.0)];
        let ratio = against(&each, Who::Floor, 2);
        assert_eq!((ratio.median, ratio.least, ratio.most), (0.75, 0.5, 1.0));
    }
}
