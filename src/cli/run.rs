//! `run`: the house stands until a signal; the first one drains, the second ends at once. SIGHUP applies changed files.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::house::{House, Options, StartError};
use crate::app::reload::Reload;
use crate::cli::args::Global;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::stage;
use crate::clock::{Clock, Tick};
use crate::engine::broken::Why;
use crate::engine::core::Settings;
use crate::engine::points::Points;
use crate::envelope::Stage;
use crate::telemetry::alarm::raise;
use crate::telemetry::start;

/// How long a drain may take.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a start that is told to end may go on: what has a door open already finishes and is drained, what waits for its store does not wait.
const OPENING: Duration = Duration::from_secs(5);

/// Runs until it is told to end.
pub async fn run(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let began = Tick::now();
    let fit = stage::compile(global, out)?;
    let word = fit.compiled.stage.stage;
    let settings = start::Settings {
        levels: format!("off,drehscheibe={}", fit.compiled.stage.log),
        json: global.json,
        otlp: fit.compiled.stage.otlp.clone(),
        ..start::Settings::default()
    };
    let guard = start::init(&settings, word.as_str()).map_err(|error| CliError::Usage(error.to_string()))?;
    for warning in &fit.compiled.warnings {
        tracing::warn!(file = %warning.file, line = warning.line, "{}", warning.text);
    }
    let routes = fit.compiled.plans.len();
    let version = fit.compiled.version.clone();
    let fristen = fit.compiled.stage.fristen.clone();
    let options = Options {
        place: stage::place(global),
        clock: clock(word)?,
        points: points(word)?,
        settings: Settings { name: name(), fristen, ..Settings::default() },
        waits: true,
    };
    // The doors say that it is ready before this program does: whoever hears it may end it, or tell it of new files, from then on. Unheard, each
    // of these signals ends a process without a word and without a drain.
    let mut reload = signal(SignalKind::hangup())?;
    let mut ending =
        Ending { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    let starting = House::start_with(options, fit);
    tokio::pin!(starting);
    let (started, ends) = tokio::select! {
        started = &mut starting => (started, false),
        () = ending.told() => match tokio::time::timeout(OPENING, &mut starting).await {
            Ok(started) => (started, true),
            Err(_) => {
                tracing::info!("ended before it was ready");
                return Ok(Exit::Ok);
            }
        },
    };
    let house = started.map_err(|error| {
        if let StartError::Store(error) = &error {
            raise(error.alarm(), "store", &[("cause", &error.to_string())]);
        }
        CliError::from_start(error)
    })?;
    tracing::info!(
        stage = word.as_str(),
        routes,
        version,
        millis = began.elapsed().as_millis() as u64,
        "ready"
    );
    let broken = match ends {
        true => None,
        false => stands(&house, &mut ending, &mut reload).await,
    };
    tracing::info!("draining: nothing new is taken, what is under way is finished");
    tokio::select! {
        () = house.stop(DRAIN) => tracing::info!("ended"),
        () = ending.told() => tracing::warn!("ended at once; what was under way is taken up again at the next start"),
    }
    // The last traces are sent by a blocking exporter.
    let _ = tokio::task::spawn_blocking(move || drop(guard)).await;
    match broken {
        None => Ok(Exit::Ok),
        Some(Why { part, cause }) => Err(CliError::Broken { part, cause }),
    }
}

/// What tells a process to end: SIGTERM, or Ctrl-C of who sits before it.
struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    /// Returns when it is told.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Stands until it is told to end, or a part broke: which one and why. Applies changed files meanwhile.
async fn stands(house: &House, ending: &mut Ending, reload: &mut Signal) -> Option<Why> {
    loop {
        tokio::select! {
            why = house.shared.core.broken.told() => return Some(why),
            () = ending.told() => return None,
            _ = reload.recv() => {
                match Reload(house.shared.clone()).apply(false).await {
                    Ok(sentence) => tracing::info!("{sentence}"),
                    Err(cause) => tracing::error!(cause, "the changed files were not applied"),
                }
            }
        }
    }
}

/// How this replica is called for the operator: machine or container, and process.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "drehscheibe" } else { host.trim() };
    format!("{host}/{}", std::process::id())
}

/// A clock that is off by as many seconds as the file says at any time.
fn jumping(file: PathBuf) -> Clock {
    let clock = Clock::jumping();
    let follow = move |clock: &Clock, before: &mut Option<i64>| {
        let written = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<i64>().ok());
        if written.is_some() && written != *before {
            *before = written;
            let off = SignedDuration::from_secs(written.unwrap_or_default());
            clock.move_to(Clock::real().now().saturating_add(off).unwrap_or(Timestamp::MAX));
        }
    };
    let mut seen = None;
    follow(&clock, &mut seen);
    let followed = clock.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            follow(&followed, &mut seen);
        }
    });
    clock
}

/// A crash point from the environment, in stages for tests only.
fn points(stage: Stage) -> Result<Points, CliError> {
    match std::env::var("DREHSCHEIBE_CRASH_AT") {
        Ok(text) if matches!(stage, Stage::Test | Stage::Demo) => Points::parse(&text).ok_or_else(|| {
            CliError::Usage(
                "DREHSCHEIBE_CRASH_AT names no crash point; write POINT, POINT:N or POINT:N:panic".to_owned(),
            )
        }),
        Ok(_) => {
            Err(CliError::Usage("DREHSCHEIBE_CRASH_AT is for the stages test and demo; unset it".to_owned()))
        }
        Err(_) => Ok(Points::none()),
    }
}

/// How often the file of a clock that jumps is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A scaled clock, or one that jumps, from the environment, in stages for tests only.
fn clock(stage: Stage) -> Result<Clock, CliError> {
    if let Some(file) = std::env::var_os("DREHSCHEIBE_CLOCK_FILE") {
        return match stage {
            Stage::Test | Stage::Demo => Ok(jumping(file.into())),
            _ => Err(CliError::Usage(
                "DREHSCHEIBE_CLOCK_FILE is for the stages test and demo; unset it".to_owned(),
            )),
        };
    }
    match std::env::var("DREHSCHEIBE_CLOCK_FACTOR") {
        Ok(text) if matches!(stage, Stage::Test | Stage::Demo) => text
            .parse::<f64>()
            .ok()
            .filter(|factor| (0.1..=1_000_000.0).contains(factor))
            .map(|factor| Clock::scaled(Clock::real().now(), factor))
            .ok_or_else(|| {
                CliError::Usage(
                    "DREHSCHEIBE_CLOCK_FACTOR is no factor; write a number such as 100".to_owned(),
                )
            }),
        Ok(_) => Err(CliError::Usage(
            "DREHSCHEIBE_CLOCK_FACTOR is for the stages test and demo; unset it".to_owned(),
        )),
        Err(_) => Ok(Clock::real()),
    }
}
