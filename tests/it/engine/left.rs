//! The promise of rules.md 2.1 at the far end: whatever was delivered, refused, parked, paused, applied or out of order, and whenever — no document that says
//! that there is no Eintragung leaves after a delivery of an admitted office that gives this child one, nor while its office's deliveries lie unread or wait
//! behind a pause for too long, nor where the files that run release none. Knows nothing of how the house keeps that; it judges what was taken, by what its
//! outside knew before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::engine::points::Points;
use drehscheibe::envelope::{Inbound, Lying};
use drehscheibe::store::desk::Filter;
use drehscheibe::store::listed::Listed;
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::ground::by_another;
use super::house::{AMT, Kept, embedded, reaching, unreleased};
use super::lain::reported;
use super::no_wrong_answer::{step, wrong};
use super::not_due::served;
use super::taken_back::{CHILD, MAILBOXES, Played, Ways};
use super::troubled::Troubled;
use crate::support::{Seeded, until};

/// Houses that are played on the embedded store and on a server, each with a seed of its own; and ten times as many where there is time.
const HOUSES: (u64, u64) = (8, 2);
/// What happens in each.
const STEPS: u64 = 14;
/// So long deliveries may lie unread, as the route says.
const UNREAD: SignedDuration = SignedDuration::from_hours(1);
/// The route of deliveries.
const ROUTE: &str = "registerlieferung";
const CHILDREN: [u64; 2] = [CHILD, 2];

/// What the outside knows beside what it delivered.
#[derive(Default)]
struct Outside {
    /// What lies in the office's tray, and since when the first of it does.
    tray: Vec<Wish>,
    since: Option<Timestamp>,
    /// Since when the route of deliveries is paused.
    paused: Option<Timestamp>,
    /// Other files run, which release nothing.
    unreleased: bool,
    /// Her mailbox is paused.
    held: bool,
    /// What nobody could read.
    unread: Vec<Wish>,
    /// Documents that were judged.
    judged: BTreeSet<Uuid>,
    /// Negativauskünfte among them.
    negative: usize,
}

/// What stands against each child, as far as it is known.
struct Known {
    before: Vec<(Uuid, Inbound)>,
    lies: bool,
    paused: bool,
    unreleased: bool,
}

async fn known(played: &Played, outside: &Outside) -> Known {
    let now = played.world.house.clock.now();
    let over = |since: Option<Timestamp>| since.is_some_and(|since| now.duration_since(since) > UNREAD);
    Known {
        before: played.world.order().await,
        lies: over(outside.since),
        paused: over(outside.paused),
        unreleased: outside.unreleased,
    }
}

/// Why none may have left: what stood against it when the step began and still does.
fn against(played: &Played, child: u64, known: [&Known; 2]) -> Option<String> {
    let each = |what: fn(&Known) -> bool| known.iter().all(|one| what(one));
    if each(|one| one.lies) {
        return Some("deliveries lie unread for too long".to_owned());
    }
    if each(|one| one.paused) {
        return Some("the route of deliveries is paused for too long".to_owned());
    }
    if each(|one| one.unreleased) {
        return Some("nothing is released".to_owned());
    }
    let [was, is] = known.map(|one| wrong(&played.world, child, &one.before));
    was.filter(|_| is.is_some()).map(|delivery| format!("{delivery:?}"))
}

/// Waits until nothing runs and nothing is on its way that could be.
async fn at_rest(played: &Played, outside: &Outside) {
    let core = played.world.house.engine.as_ref().unwrap().core.clone();
    core.outbox.notify_one();
    let mut calm = 0;
    for turn in 1..3_000 {
        // Until a breaker lets a try through, and what a process had in hand that ended is free.
        if turn % 100 == 0 {
            played.later(60);
        }
        let mut but: Vec<String> = Vec::new();
        if outside.held || played.down.load(Ordering::SeqCst) {
            but.push(MAILBOXES.to_owned());
        }
        let due = core.store.next_due(&but).await.unwrap().is_some_and(|due| due <= core.clock.now());
        let runs = core.room.available_permits() < core.settings.in_flight;
        let waits = played
            .world
            .order()
            .await
            .iter()
            .any(|(id, state)| *state == Inbound::Waiting && played.world.asked.contains_key(id));
        let sends = core.hands.under_way(MAILBOXES) > 0;
        calm = if due || runs || waits || sends { 0 } else { calm + 1 };
        if calm > 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not come to rest");
}

/// The request that a document answers.
async fn request_of(played: &Played, document: Uuid) -> Uuid {
    let filter = Filter { limit: 10_000, ..Filter::default() };
    let listed = played.world.house.store.list(&Scope::Operator, filter).await.unwrap();
    let of = |one: &&Listed| one.sends.iter().any(|send| send.id == document);
    listed.iter().find(of).expect("what left was sent for something").id
}

/// Judges what was taken since the last look; says what must not have been.
async fn judge(played: &Played, outside: &mut Outside, known: [&Known; 2]) -> Result<(), String> {
    let taken = played.mailboxes.seen.lock().unwrap().taken.clone();
    for document in taken {
        if !outside.judged.insert(document.head.id) {
            continue;
        }
        let body: Value = serde_json::from_slice(&document.body).unwrap();
        if body["art"] != "auskunft" {
            continue;
        }
        outside.negative += 1;
        let child = played.world.asked[&request_of(played, document.head.id).await];
        if let Some(why) = against(played, child, known) {
            return Err(format!("it left for {child} although {why}: {:#?}", played.world.delivered));
        }
    }
    Ok(())
}

fn wish(played: &mut Played, child: u64, entry: bool, second: u32) -> Wish {
    let arten = if entry { vec!["01"] } else { vec![] };
    Wish { message: played.world.house.fresh(), arten, second, ..Wish::plain(child) }
}

async fn look(played: &Played, outside: &Outside) {
    let lying = outside.since.map_or(Lying::Nothing, Lying::Since);
    let (store, now) = (&played.world.house.store, played.world.house.clock.now());
    store.looked("trays in", &[AMT.to_owned()], lying, now).await.unwrap();
}

/// The office's tray is read.
async fn read(played: &mut Played, outside: &mut Outside) {
    for wish in std::mem::take(&mut outside.tray) {
        played.world.take(&wish, eintragung(&wish)).await;
    }
    outside.since = None;
    look(played, outside).await;
}

async fn pause_route(played: &Played, outside: &mut Outside, paused: bool) {
    let (store, now) = (&played.world.house.store, played.world.house.clock.now());
    let pause = Pause {
        kind: "route".into(),
        name: ROUTE.into(),
        until: None,
        reason: "Probe".into(),
        person: "os:rita".into(),
        since: now,
    };
    store.set_pause("route", ROUTE, paused.then_some(pause), "os:rita", now).await.unwrap();
    let core = &played.world.house.engine.as_ref().unwrap().core;
    until("the pause is seen", 60, || core.paused("route", ROUTE) == paused).await;
    outside.paused = paused.then_some(now);
}

fn apply(played: &mut Played, outside: &mut Outside, other: bool) {
    let house = &mut played.world.house;
    let destinations = house.set.destinations.clone();
    let files = if other { unreleased() } else { super::house::set() };
    house.set = reaching(&files, destinations);
    house.engine.as_ref().unwrap().core.set.store(house.set.clone());
    outside.unreleased = other;
}

async fn happens(played: &mut Played, outside: &mut Outside, lot: &mut Seeded) {
    let child = CHILDREN[lot.below(2) as usize];
    let second = 10 + lot.below(80_000) as u32;
    match lot.below(16) {
        0..=2 if outside.paused.is_none() => {
            step(&mut played.world, lot, &CHILDREN, &mut outside.unread).await;
        }
        0..=5 => {
            played.world.ask(child).await;
        }
        6 => {
            outside.held = !outside.held;
            played.pause(outside.held).await;
        }
        7 => {
            let down = played.down.load(Ordering::SeqCst);
            played.down.store(!down, Ordering::SeqCst);
        }
        8 if outside.paused.is_none() && !outside.tray.is_empty() => read(played, outside).await,
        8 | 9 => {
            let wish = wish(played, child, lot.below(2) == 0, second);
            outside.tray.push(wish);
            outside.since.get_or_insert(played.world.house.clock.now());
            look(played, outside).await;
        }
        10 => {
            let paused = outside.paused.is_none();
            pause_route(played, outside, paused).await;
        }
        11 if outside.paused.is_none() => {
            let (wish, verdict) = by_another(&mut played.world, child, second).await;
            played.world.remember(&wish, &verdict);
        }
        12 => apply(played, outside, !outside.unreleased),
        13 if lot.below(2) == 0 => {
            played.world.house.restart(Points::none()).await;
            let (core, held) = (played.world.house.engine.as_ref().unwrap().core.clone(), outside.held);
            until("the pause is seen", 60, || core.destination_paused(MAILBOXES) == held).await;
        }
        13 => reported_if_it_can(played, outside).await,
        _ => played.later([31, 61, 1_800, 4_000][lot.below(4) as usize]),
    }
}

/// The office says how many records it has where that is what the house has: else nothing would be answered from then on.
async fn reported_if_it_can(played: &mut Played, outside: &Outside) {
    if outside.paused.is_none() && played.world.delivered.len() <= CHILDREN.len() {
        reported(played).await;
    }
}

/// How many left in one house, or what must not have.
async fn played(seed: u64, store: Kept) -> Result<usize, String> {
    let mut lot = Seeded(seed);
    let mut played = Played::on(400_000_000 + seed * 1_000_000, Ways::default(), Some(store)).await;
    let mut outside = Outside::default();
    at_rest(&played, &outside).await;
    let mut was = known(&played, &outside).await;
    for turn in 0..STEPS + 2 {
        match turn {
            // Two that are asked for before anything has happened, so that there is something to hold.
            0 => {
                if lot.below(2) == 0 {
                    outside.held = true;
                    played.pause(true).await;
                }
                played.world.ask(CHILD).await;
                played.world.ask(2).await;
            }
            turn if turn < STEPS => happens(&mut played, &mut outside, &mut lot).await,
            // All that was held may go in the end.
            STEPS => {
                played.down.store(false, Ordering::SeqCst);
                outside.held = false;
                played.pause(false).await;
            }
            _ => played.later(61),
        }
        at_rest(&played, &outside).await;
        let is = known(&played, &outside).await;
        let judged = judge(&played, &mut outside, [&was, &is]).await;
        if judged.is_err() {
            played.world.house.stop().await;
        }
        judged?;
        was = is;
    }
    played.world.house.stop().await;
    Ok(outside.negative)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_denies_an_entry_of_which_the_house_knows_leaves() {
    let times = if std::env::var_os("DREHSCHEIBE_LONG").is_some() { 10 } else { 1 };
    let mut left = 0;
    for seed in 1..=HOUSES.0 * times {
        left += played(seed, embedded().await).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    for seed in 1_001..=1_000 + HOUSES.1 * times {
        let Some(store) = served().await else { break };
        left += played(seed, store).await.unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(left > HOUSES.0 as usize / 4, "houses of which nothing leaves show nothing: {left}");
}

/// A house that sends without looking is found out: so this judges something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_that_sends_without_looking_is_found_out() {
    for seed in 1..=4 * HOUSES.0 {
        let (store, keeps) = embedded().await;
        let blind = Troubled::new(store);
        blind.blind.store(true, Ordering::SeqCst);
        if played(seed, (Arc::new(blind), keeps)).await.is_err() {
            return;
        }
    }
    panic!("whatever leaves is right");
}
