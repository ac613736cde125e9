//! The daily run over a clock that the test moves: due once a day and at a start that came too late, on the real engine beside
//! its other work.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::{Clock, daily_in_berlin, in_berlin};
use drehscheibe::engine::start::Engine;
use drehscheibe::envelope::Inbound;
use drehscheibe::register::fristen::{Fristen, Klasse};
use drehscheibe::store::orders::{Command, CommandState, Order};
use drehscheibe::store::retention::Stichtag;
use drehscheibe::telemetry::metric;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::rig::{Rig, deliver, stop, wish};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..3_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}");
}

async fn noted(rig: &Rig) -> Option<Timestamp> {
    let note = rig.store.note("engine", "retention").await.unwrap()?;
    String::from_utf8(note).unwrap().parse().ok()
}

/// Moves the clock, and waits until the run that was due before that moment is done.
async fn moved(rig: &Rig, to: &str) {
    rig.clock.move_to(time(to));
    let due = daily_in_berlin(time(to), Fristen::default().stunde);
    until("the run of the day", || async { noted(rig).await.is_some_and(|noted| noted >= due) }).await;
}

async fn delivered(rig: &Rig, engine: &Engine, child: u64) -> Uuid {
    let verdict = deliver(engine, rig.envelope(&wish(child, 0))).await;
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
    verdict.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daily_run_removes_what_is_over_also_after_the_process_was_down() {
    let rig = Rig::new(Clock::set(time("2026-11-21T09:00:00Z"))).await;
    let engine = rig.engine();
    let old = delivered(&rig, &engine, 1).await;
    rig.at_rest().await;
    // Sent on 21 November: over when November is over for 30 days, on 31 December in the civil morning.
    moved(&rig, "2026-12-30T12:00:00Z").await;
    assert_eq!(rig.listed().await.len(), 1);
    let young = delivered(&rig, &engine, 2).await;
    rig.at_rest().await;
    stop(engine).await;

    // Down over the day on which it was due.
    rig.clock.move_to(time("2027-01-02T12:00:00Z"));
    let stichtag = Stichtag {
        now: rig.clock.now(),
        heute: in_berlin(rig.clock.now()),
        fristen: Fristen::default(),
        person: String::new(),
    };
    let plan = rig.store.retention_plan(&stichtag).await.unwrap();
    let planned = plan.iter().find(|one| one.klasse == Klasse::Nachrichten).unwrap();
    assert!(planned.anzahl > 1, "the message and what it sent: {planned:?}");
    let engine = rig.engine();
    until("what is over is gone", || async { rig.listed().await.len() == 1 }).await;
    assert_eq!(rig.listed().await[0].id, young);
    assert_ne!(old, young);
    until("noted", || async { noted(&rig).await == Some(rig.clock.now()) }).await;
    assert!(rig.store.retention_plan(&stichtag).await.unwrap().iter().all(|one| one.anzahl == 0));
    // Work goes on, and a repeat of what went has no second effect.
    let repeat = deliver(&engine, rig.envelope(&wish(1, 0))).await;
    assert!(repeat.again, "{repeat:?}");
    delivered(&rig, &engine, 3).await;
    assert_eq!(rig.figures().await.mirror, 3);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_of_age_goes_on_its_birthday_and_a_person_may_order_the_run() {
    let rig = Rig::new(Clock::set(time("2026-11-21T09:00:00Z"))).await;
    let engine = rig.engine();
    delivered(&rig, &engine, 1).await;
    rig.at_rest().await;
    moved(&rig, "2026-11-22T09:00:00Z").await;
    assert_eq!(rig.figures().await.mirror, 1);
    // Whatever its birthday in the sample: 18 years after today it is over, and a year later nothing is left to remove.
    rig.clock.move_to(time("2045-06-01T00:00:00Z"));
    until("the record has gone", || async { rig.figures().await.mirror == 0 }).await;
    until("noted", || async { noted(&rig).await == Some(rig.clock.now()) }).await;
    let id = Uuid::now_v7();
    let command = Command {
        id,
        order: Order::read("retention", "{}"),
        person: "os:rita (unverified)".to_owned(),
        reason: "Prüfung".to_owned(),
        at: rig.clock.now(),
    };
    rig.store.post_command(command).await.unwrap();
    let store = Arc::clone(&rig.store);
    let ended = || {
        let store = store.clone();
        async move { matches!(store.command_state(id).await.unwrap(), Some(CommandState::Done(_))) }
    };
    until("the order is carried out", ended).await;
    assert_eq!(
        rig.store.command_state(id).await.unwrap(),
        Some(CommandState::Done("nothing is over".to_owned()))
    );
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_leapt_removes_nothing_until_a_person_orders_it() {
    assert!(metric::install());
    let rig = Rig::new(Clock::real()).await;
    let long_ago = rig.clock.now().checked_sub(SignedDuration::from_hours(100 * 24)).unwrap();
    rig.store.set_note("engine", "retention", Some(long_ago.to_string().into_bytes())).await.unwrap();
    let engine = rig.engine();
    let raised = || async { metric::render().contains("drehscheibe_alarms_total{code=\"retention-late\"}") };
    until("a person is called", raised).await;
    assert_eq!(noted(&rig).await, Some(long_ago), "no run was made");
    let command = Command {
        id: Uuid::now_v7(),
        order: Order::read("retention", "{}"),
        person: "os:rita (unverified)".to_owned(),
        reason: "Uhr geprüft".to_owned(),
        at: rig.clock.now(),
    };
    rig.store.post_command(command).await.unwrap();
    until("it was ordered", || async { noted(&rig).await.is_some_and(|noted| noted > long_ago) }).await;
    stop(engine).await;
}

#[test]
fn a_day_has_one_run_whatever_the_clocks_do() {
    // On the last Sunday of March two o'clock is left out, on that of October it comes twice.
    for (now, due) in [
        ("2027-01-10T00:59:59Z", "2027-01-09T01:00:00Z"),
        ("2027-01-10T01:00:00Z", "2027-01-10T01:00:00Z"),
        ("2027-03-28T00:59:59Z", "2027-03-27T01:00:00Z"),
        ("2027-03-28T01:00:00Z", "2027-03-28T01:00:00Z"),
        ("2027-10-31T00:00:00Z", "2027-10-31T00:00:00Z"),
        ("2027-10-31T01:30:00Z", "2027-10-31T00:00:00Z"),
    ] {
        assert_eq!(daily_in_berlin(time(now), 2), time(due), "{now}");
    }
}
