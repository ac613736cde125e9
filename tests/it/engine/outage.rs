//! Partners that are down, slow to forgive or silent: breakers, deadlines, replays, unclear outcomes, pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::envelope::Inbound;
use drehscheibe::store::orders::{Command, CommandState, Order};
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::memory::MemoryBus;
use drehscheibe::transport::port::{Intake, SendError};
use jiff::SignedDuration;
use uuid::Uuid;

use super::far::{Does, Far};
use super::rig::{HORT, NORD, Rig, WOHNGELD, deliver, fast, start_of_time, stop, wish};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_without_one_partner_hurt_nobody_else() {
    let mut rig = Rig::new(fast(60_000.0)).await;
    rig.settings.lease = Duration::from_secs(15 * 60);
    let down = Arc::new(AtomicBool::new(true));
    let is_down = down.clone();
    let nord =
        rig.far(NORD, move |_, _| if is_down.load(Ordering::SeqCst) { Does::Down } else { Does::Take });
    let (wohngeld, hort) = (rig.far(WOHNGELD, |_, _| Does::Take), rig.far(HORT, |_, _| Does::Take));
    let engine = rig.engine();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut opened = false;
    // Two routes; the second gives up after a day.
    for n in 0..60 {
        first.push(deliver(&engine, rig.envelope(&wish(n, 1))).await.id);
        if n % 10 == 0 {
            second.push(deliver(&engine, rig.by_second(&wish(1000 + n, 1))).await.id);
        }
        if n % 20 == 19 {
            // However much waits for the one, the others have everything.
            wohngeld.has(first.len()).await;
            hort.has(second.len()).await;
        }
    }
    let end = start_of_time() + SignedDuration::from_hours(72);
    while rig.clock.now() < end {
        opened |= rig.store.breakers().await.unwrap().iter().any(|breaker| {
            breaker.destination == NORD && breaker.open_until.is_some_and(|until| until > rig.clock.now())
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(opened, "the breaker protects the partner");
    assert_eq!((nord.taken(), wohngeld.taken(), hort.taken()), (0, first.len(), second.len()));
    let spared = nord.attempts();
    assert!(spared < 60 * 72, "not asked all the time: {spared}");
    let late = deliver(&engine, rig.envelope(&wish(200, 1))).await.id;
    first.push(late);
    wohngeld.has(first.len()).await;
    for id in &second {
        let parked = rig.until_send(*id, NORD, "parked").await;
        assert_eq!(parked.cause.as_deref(), Some("not delivered before its deadline"));
        assert!(parked.next_step.is_some_and(|step| step.contains("replay")));
    }
    down.store(false, Ordering::SeqCst);
    nord.has(first.len()).await;
    rig.at_rest().await;
    let mut told = nord.told();
    assert_eq!(told.len(), first.len());
    told.sort_unstable();
    first.sort_unstable();
    assert_eq!(told, first, "everything, each once");
    let closed = rig.store.breakers().await.unwrap();
    assert!(closed.iter().all(|breaker| breaker.open_until.is_none()), "it closed by itself");
    // What was given up leaves when a person says so, although its time is over.
    for id in &second {
        let send = rig.send_of(*id, NORD).await;
        assert!(rig.store.replay(send.id, "os:rita", "partner is back", rig.clock.now()).await.unwrap());
    }
    nord.has(first.len() + second.len()).await;
    for id in &second {
        rig.until_send(*id, NORD, "sent").await;
    }
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_breaker_lets_one_attempt_probe() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let nord = rig.far(NORD, |_, _| Does::Down);
    let engine = rig.engine();
    for n in 0..30 {
        deliver(&engine, rig.envelope(&wish(n, n))).await;
    }
    let open = async || {
        let breakers = rig.store.breakers().await.unwrap();
        breakers.iter().find(|breaker| breaker.destination == NORD).and_then(|breaker| breaker.open_until)
    };
    for _ in 0..6_000 {
        if open().await.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let until_then = open().await.expect("it opened");
    // What was under way when it opened may end; then nobody asks.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = nord.attempts();
    // Two are under way at once and fail once together; eight lanes may be in hand when it opens.
    assert!(asked <= 5 * 2 + 8, "asked {asked} times");
    rig.clock.move_to(until_then + SignedDuration::from_millis(1));
    until("one probe", 60, || nord.attempts() > asked).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(nord.attempts(), asked + 1);
    assert!(open().await.unwrap() > until_then, "it opened again, for longer");
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_one_failure_and_whatever_is_answered_there_brings_the_probe_forward() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let nord = rig.far(NORD, move |_, _| if is_up.load(Ordering::SeqCst) { Does::Take } else { Does::Down });
    let engine = rig.engine();
    for n in 0..30 {
        deliver(&engine, rig.envelope(&wish(n, n))).await;
    }
    let after = |seconds| Some(start_of_time() + SignedDuration::from_secs(seconds));
    let open = async || {
        let breakers = rig.store.breakers().await.unwrap();
        breakers.iter().find(|breaker| breaker.destination == NORD).and_then(|breaker| breaker.open_until)
    };
    let becomes = async |until| {
        for _ in 0..6_000 {
            if open().await == until {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?} instead of {until:?}", open().await);
    };
    becomes(after(30)).await;
    // Whatever was in hand then ends; it is the same outage.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(open().await, after(30), "the pause grows by outages, not by what was under way");
    let asked = nord.attempts();
    engine.core.reached.answered("elsewhere");
    engine.core.reached.answered("callback");
    becomes(after(10)).await;
    rig.clock.move_to(after(10).unwrap());
    until("one probe", 60, || nord.attempts() > asked).await;
    becomes(after(70)).await;
    assert_eq!(nord.taken(), 0);
    up.store(true, Ordering::SeqCst);
    engine.core.reached.answered(NORD);
    becomes(after(20)).await;
    rig.clock.move_to(after(20).unwrap());
    nord.has(1).await;
    becomes(None).await;
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_the_receiver_asks_for_is_kept() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let bus = MemoryBus::default();
    let asked = Some(Duration::from_secs(600));
    bus.script([Err(SendError::Later { cause: "too much".to_owned(), retry_after: asked, far_end: false })]);
    rig.set.destinations.insert(NORD.to_owned(), Arc::new(bus.destination(true)));
    let engine = rig.engine();
    let id = deliver(&engine, rig.envelope(&wish(1, 1))).await.id;
    let waiting = rig.until_send(id, NORD, "retrying").await;
    assert_eq!(waiting.next_try, Some(start_of_time() + SignedDuration::from_secs(600)));
    rig.clock.move_to(start_of_time() + SignedDuration::from_secs(599));
    deliver(&engine, rig.envelope(&wish(2, 1))).await;
    until("another child is not delayed by it", 60, || bus.sent().len() == 2).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(bus.sent().len(), 2);
    rig.clock.move_to(start_of_time() + SignedDuration::from_secs(600));
    rig.until_send(id, NORD, "sent").await;
    assert_eq!(bus.sent().len(), 3);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_looked_up_where_a_repeat_would_harm() {
    let mut rig = Rig::new(fast(500.0)).await;
    let clock = rig.clock.clone();
    let nord =
        rig.put(NORD, Far::new(clock.clone(), false, |_, n| if n == 1 { Does::Lose } else { Does::Take }));
    let wohngeld =
        rig.put(WOHNGELD, Far::new(clock, false, |_, n| if n == 1 { Does::Vanish } else { Does::Take }));
    let engine = rig.engine();
    let id = deliver(&engine, rig.envelope(&wish(1, 1))).await.id;
    rig.until_send(id, NORD, "sent").await;
    assert_eq!((nord.attempts(), nord.taken()), (1, 1), "it had arrived, so nothing was sent again");
    rig.until_send(id, WOHNGELD, "sent").await;
    assert_eq!((wohngeld.attempts(), wohngeld.taken()), (2, 1), "it had not, so it was");
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_look_up_waits_for_a_person_and_holds_its_lane() {
    let mut rig = Rig::new(fast(500.0)).await;
    let clock = rig.clock.clone();
    let nord = rig.put(NORD, Far::new(clock, false, |_, n| if n == 1 { Does::Vanish } else { Does::Take }));
    nord.finds.store(false, Ordering::SeqCst);
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await.id;
    let unclear = rig.until_send(first, NORD, "unclear").await;
    assert!(unclear.next_step.is_some_and(|step| step.contains("replay")));
    let second = deliver(&engine, rig.envelope(&wish(1, 2))).await.id;
    rig.until_send(second, WOHNGELD, "sent").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(rig.send_of(second, NORD).await.state.as_str(), "queued", "the lane is held");
    assert_eq!(nord.attempts(), 1);
    // The person has asked the receiver; the same question cannot hold it up again.
    let command = |what: &str, row: Uuid, reason: &str| Command {
        id: Uuid::now_v7(),
        order: Order::read(what, &format!(r#"{{"id":"{row}"}}"#)),
        person: "os:rita".to_owned(),
        reason: reason.to_owned(),
        at: rig.clock.now(),
    };
    let told = command("replay", unclear.id, "it did not arrive");
    let id = told.id;
    rig.store.post_command(told).await.unwrap();
    rig.until_send(first, NORD, "sent").await;
    until_done(&rig, id).await;
    // The second one meets the same silence on its own first attempt.
    let unclear = rig.until_send(second, NORD, "unclear").await;
    assert_eq!(nord.told(), [first]);
    let attempts = nord.attempts();
    let third = deliver(&engine, rig.envelope(&wish(1, 3))).await.id;
    let told = command("arrived", unclear.id, "they have it under this number");
    let id = told.id;
    rig.store.post_command(told).await.unwrap();
    rig.until_send(second, NORD, "sent").await;
    until_done(&rig, id).await;
    rig.until_send(third, NORD, "unclear").await;
    assert_eq!(
        nord.attempts(),
        attempts + 1,
        "what had arrived was not sent again, and what was behind it went on"
    );
    stop(engine).await;
}

/// The end of a command is written after what it did, which others see before.
async fn until_done(rig: &Rig, id: Uuid) {
    let mut state = None;
    for _ in 0..2_400 {
        state = rig.store.command_state(id).await.unwrap();
        if matches!(state, Some(CommandState::Done(_))) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_pause_is_obeyed_by_every_engine_on_the_store() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, wohngeld) = (rig.far(NORD, |_, _| Does::Take), rig.far(WOHNGELD, |_, _| Does::Take));
    let engines = [rig.engine(), rig.engine()];
    let pause = |kind: &str, name: &str| Pause {
        kind: kind.to_owned(),
        name: name.to_owned(),
        until: None,
        reason: "test".to_owned(),
        person: "os:rita".to_owned(),
        since: rig.clock.now(),
    };
    let set = async |kind: &str, name: &str, holds: bool| {
        let pause = holds.then(|| pause(kind, name));
        rig.store.set_pause(kind, name, pause, "os:rita", rig.clock.now()).await.unwrap();
        for engine in &engines {
            until("the pause is known", 60, || engine.core.paused(kind, name) == holds).await;
        }
    };
    set("destination", NORD, true).await;
    for (n, engine) in engines.iter().enumerate() {
        deliver(engine, rig.envelope(&wish(n as u64, 1))).await;
    }
    wohngeld.has(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(nord.attempts(), 0);
    set("destination", NORD, false).await;
    nord.has(2).await;
    for (kind, name) in [("route", "registerlieferung"), ("partner", "jugendamt-bremen")] {
        set(kind, name, true).await;
        for engine in &engines {
            let busy = engine.reception.deliver(rig.envelope(&wish(7, 7))).await.unwrap_err();
            assert!(busy.cause.contains("paused"), "{busy}");
        }
        set(kind, name, false).await;
    }
    assert_eq!(deliver(&engines[1], rig.envelope(&wish(7, 7))).await.state, Inbound::Accepted);
    for engine in engines {
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_route_is_paused_on_an_entry_that_it_shares() {
    let mut rig = Rig::new(fast(1.0)).await;
    // Both routes on one entry: which of them it is shows only once the document is read.
    let mut second = rig.plan("zweitlieferung");
    second.bindings = rig.plan("registerlieferung").bindings;
    rig.replace(second);
    let engine = rig.engine();
    let pause = Pause {
        kind: "route".to_owned(),
        name: "registerlieferung".to_owned(),
        until: None,
        reason: "test".to_owned(),
        person: "os:rita".to_owned(),
        since: rig.clock.now(),
    };
    let name = pause.name.clone();
    rig.store.set_pause("route", &name, Some(pause), "os:rita", rig.clock.now()).await.unwrap();
    until("the pause is known", 60, || engine.core.paused("route", &name)).await;
    let busy = engine.reception.deliver(rig.envelope(&wish(1, 1))).await.unwrap_err();
    assert!(busy.cause.contains("paused"), "{busy}");
    let mut other = rig.by_second(&wish(2, 1));
    other.head.binding = "http /v1/lieferungen".to_owned();
    assert_eq!(deliver(&engine, other).await.state, Inbound::Accepted);
    assert_eq!(rig.store.list(&Scope::Operator, Default::default()).await.unwrap().len(), 1);
    stop(engine).await;
}
