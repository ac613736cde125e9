//! The demonstration: a whole house over real sockets tells the story of the register with invented messages, one line for each
//! thing that happens with the place to look. Works in a folder of its own; touches no configured stage.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use crate::app::house::{House, Options};
use crate::app::scratch::Scratch;
use crate::cli::args::Global;
use crate::cli::demo_outcome::{Due, Story};
use crate::cli::demo_partner::DemoPartner;
use crate::cli::demo_stage::DemoStage;
use crate::cli::demo_story;
use crate::cli::demo_teller::Teller;
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::clock::{Clock, Tick};
use crate::config;
use crate::engine::core::Settings;
use crate::engine::points::Points;
use crate::register::entscheidung::Fall;
use crate::store::contract::Store;
use crate::store::desk::View;
use crate::store::figures::Figures;
use crate::store::stamp::Scope;

/// How many times as fast as the machine's its clock runs: answers leave a minute after the request.
const FACTOR: f64 = 20.0;
/// How far it starts behind the machine's.
const BEHIND: SignedDuration = SignedDuration::from_hours(6);
/// How long the end is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What must be so at the end.
fn told() -> Story {
    Story {
        delivered: 21,
        mirror_entries: 8,
        requests: 9,
        answers: counts([("A", 2), ("B", 2), ("F", 1), ("I", 1), ("K", 1), ("Q", 2)]),
        // Of each request but the one whose Nachweis went to the service, and the office's answer.
        letters: 9,
        forwarded: 4,
        nachweise: 1,
        withdrawn: 1,
        duplicates: 2,
        rejected: counts([
            ("S001", 1),
            ("S999", 2),
            ("T070", 1),
            ("V000", 1),
            ("X000", 1),
            ("X001", 1),
            ("X002", 1),
        ]),
        // Eleven deliveries told to two services, nine requests, one answer of an office.
        callbacks_delivered: 32,
        callback_attempts: 0,
        parked: 0,
        lost: 0,
    }
}

/// A map of counts from pairs.
fn counts<const N: usize>(pairs: [(&str, u64); N]) -> BTreeMap<String, u64> {
    pairs.map(|(name, count)| (name.to_owned(), count)).into()
}

/// Plays the demonstration; with `once` it ends with the story and says whether it ended as told.
pub async fn run(global: &Global, once: bool, out: &mut Output) -> Result<Exit, CliError> {
    let scratch = Scratch::new()
        .map_err(|error| CliError::Usage(format!("no temporary folder: {}", config::what(error.kind()))))?;
    // One fails twice, the other four times.
    let partners = [DemoPartner::start(2).await, DemoPartner::start(4).await];
    let [Ok(kita), Ok(wohngeld)] = partners else {
        return Err(CliError::Usage("no free port for the demonstration's partners".to_owned()));
    };
    let services = [kita, wohngeld];
    let addresses = [services[0].address, services[1].address];
    let stage = DemoStage::write(&scratch.0, global, addresses).map_err(|error| {
        CliError::Usage(format!(
            "the demonstration's files cannot be written: {}",
            config::what(error.kind())
        ))
    })?;
    // Behind the machine, so that what others look at with the right time lies in the past.
    let real = Clock::real().now();
    let clock = Clock::scaled(real.checked_sub(BEHIND).unwrap_or(real), FACTOR);
    let options = Options {
        place: stage.place.clone(),
        clock: clock.clone(),
        points: Points::none(),
        settings: Settings::default(),
        waits: false,
    };
    let began = Tick::now();
    let house = House::start(options).await.map_err(CliError::from_start)?;
    let mut teller = Teller::new(out, &stage, &house, clock.clone());
    teller.say(&format!(
        "the house stands after {} ms: door http://{}, trays {}, online services on ports {} and {}, clock {FACTOR} times as fast and some hours behind",
        began.elapsed().as_millis(),
        stage.http,
        stage.tray("").display(),
        addresses[0].port(),
        addresses[1].port()
    ))?;
    teller
        .say("both online services are out of order at first; callbacks are tried again until they arrive")?;
    demo_story::tell(&mut teller).await?;
    let (due, mut story) = (teller.due, teller.story);
    settle(&house, &stage, &services, &clock, &due, &mut story).await?;
    let wanted = Story { callback_attempts: story.callback_attempts, ..told() };
    let as_told = story == wanted && story.callback_attempts > story.callbacks_delivered;
    if !out.is_json() {
        out.lines(&summary(&story))?;
    }
    if out.is_json() {
        out.value(&story)?;
    }
    if !once {
        linger(&stage, out).await?;
    }
    house.stop(Duration::from_secs(10)).await;
    if !as_told && !out.is_json() {
        out.lines(&format!(
            "the story should have ended otherwise:\n   told  {wanted:?}\n   ended {story:?}"
        ))?;
    }
    Ok(if as_told { Exit::Ok } else { Exit::No })
}

fn summary(story: &Story) -> String {
    let list = |counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(name, count)| format!("{count}× {name}")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "\n   {} Registersätze in the mirror, {} repeats without a second effect, sent back: {}\n   \
         {} requests, decided by row of the table: {}; {} letters, {} requests handed to an office, {} withdrawn,\n   \
         {} Nachweis handed to an application\n   \
         {} callbacks arrived in {} attempts, signed and each once; {} parked, {} lost",
        story.mirror_entries,
        story.duplicates,
        list(&story.rejected),
        story.requests,
        list(&story.answers),
        story.letters,
        story.forwarded,
        story.withdrawn,
        story.nachweise,
        story.callbacks_delivered,
        story.callback_attempts,
        story.parked,
        story.lost
    )
}

async fn linger(stage: &DemoStage, out: &mut Output) -> Result<(), CliError> {
    if !out.is_json() {
        out.lines(&format!(
            "\nThe house goes on until Ctrl-C. Look around:\n  \
             drehscheibe status --config {stage} --data {data}\n  \
             drehscheibe messages list --config {stage} --data {data}\n  \
             drehscheibe bestand status --config {stage} --data {data}\n  \
             ls {letters}\n  \
             curl http://{http}/openapi.json\n  \
             curl http://{http}/metrics",
            stage = stage.place.config.display(),
            data = stage.place.data.display(),
            letters = stage.tray("postfach/out").display(),
            http = stage.http
        ))?;
    }
    let _ = tokio::signal::ctrl_c().await;
    Ok(())
}

/// Waits until everything arrived, bounded, and reads what came of it: the story says what is missing.
async fn settle(
    house: &House,
    stage: &DemoStage,
    services: &[DemoPartner; 2],
    clock: &Clock,
    due: &Due,
    story: &mut Story,
) -> Result<(), CliError> {
    let store = &*house.shared.core.store;
    let began = Tick::now();
    story.answers = answers(store, clock).await?;
    let of = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        story.answers.iter().filter(|(fall, _)| wanted(fall)).map(|(_, count)| count).sum()
    };
    // Every account that asked is written to, in case K neutrally; cases A, B, K and L need no office.
    let letters = (due.closed + of(&|_| true)).saturating_sub(due.nachweise);
    let forwarded = of(&|fall| !matches!(fall, "A" | "B" | "K" | "L"));
    let figures = loop {
        let figures = store.figures(&Scope::Operator).await?;
        story.callbacks_delivered = services.iter().map(DemoPartner::distinct).sum();
        story.letters = stage.documents("postfach/out", "");
        story.forwarded = ["jugendamt-bremen/out", "jugendamt-hamburg/out"]
            .map(|tray| stage.documents(tray, "alleinsorge.antrag.0801"))
            .iter()
            .sum();
        story.nachweise = services.iter().map(|service| service.telling("\"art\":\"auskunft\"")).sum();
        story.withdrawn = stage.documents("jugendamt-bremen/out", "\"rueckzug\"");
        story.lost = due.callbacks.saturating_sub(story.callbacks_delivered)
            + letters.saturating_sub(story.letters)
            + forwarded.saturating_sub(story.forwarded)
            + due.nachweise.saturating_sub(story.nachweise)
            + due.rueckzuege.saturating_sub(story.withdrawn);
        let waiting: u64 = figures.backlog.iter().map(|backlog| backlog.waiting).sum();
        if (waiting == 0 && story.lost == 0) || began.elapsed() > PATIENCE {
            break figures;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    story.callback_attempts = services.iter().map(DemoPartner::attempts).sum();
    story.mirror_entries = figures.mirror;
    story.duplicates = figures.repeats;
    story.parked = parked(&figures);
    Ok(())
}

fn parked(figures: &Figures) -> u64 {
    let inbound: u64 =
        figures.inbound.iter().filter(|(state, _)| state == "parked").map(|(_, count)| count).sum();
    inbound + figures.backlog.iter().map(|backlog| backlog.parked + backlog.unclear).sum::<u64>()
}

/// The letters of the decision table stand in the restricted record alone; looking at it is protocolled.
async fn answers(store: &dyn Store, clock: &Clock) -> Result<BTreeMap<String, u64>, CliError> {
    let view = View {
        scope: Scope::Operator,
        limit: 1000,
        person: "demo".to_owned(),
        reason: "demonstration".to_owned(),
        now: clock.now(),
    };
    let mut answers = BTreeMap::new();
    for fall in store.vorgaenge(view, None).await?.iter().filter_map(|vorgang| vorgang.akte.fall) {
        *answers.entry(letter(fall)).or_default() += 1;
    }
    Ok(answers)
}

fn letter(fall: Fall) -> String {
    format!("{fall:?}")
}
