//! Messages that wait for another one, are woken, wait in vain or are replayed; and timers that come in as deliveries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::effects::{Question, Timer};
use drehscheibe::engine::ports::Ports;
use drehscheibe::engine::start::Engine;
use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{Flow, Trouble};
use drehscheibe::plan::Binding;
use drehscheibe::register::keys::SearchKey;
use drehscheibe::store::pauses::Pause;
use drehscheibe::transport::port::{Answers, Source, Stop, Surroundings};
use drehscheibe::transport::timer::TimerSource;
use jiff::SignedDuration;
use uuid::Uuid;

use super::far::Does;
use super::rig::{NORD, Rig, deliver, fast, start_of_time, stop, wish};
use crate::support::until;

fn is(message: &Message, child: u64, n: u64) -> bool {
    message.record.kopf.nachrichten_uuid == wish(child, n).uuid().to_string()
}

async fn until_state(rig: &Rig, id: Uuid, state: Inbound) {
    for _ in 0..6_000 {
        if rig.show(id).await.state == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not become {state:?}: {:?}", rig.show(id).await);
}

/// Message 1/1 waits an hour for message 2/1; it says by a value which way it went.
fn waits(message: &mut Message) -> Result<Flow, Trouble> {
    let key = SearchKey::new("wartet", ["b"]);
    if is(message, 1, 1) {
        let question = [Question::Vorgang(key.clone())];
        if !message.answered(&question) {
            return Ok(Flow::Ask(question.into()));
        }
        match message.resumed {
            None => {
                let until = message.now() + SignedDuration::from_hours(1);
                return Ok(Flow::Wait { for_: key, until });
            }
            Some(resumed) => {
                message.audit("test.resumed", &[("expired", if resumed.expired { "yes" } else { "no" })]);
            }
        }
    }
    if is(message, 2, 1) {
        message.effects.wakes.push(key);
    }
    Ok(Flow::Next)
}

fn audit_lines(rig: &Rig, text: &str) -> i64 {
    let db = rusqlite::Connection::open(rig.folder.path().join("drehscheibe.db")).unwrap();
    let like = format!("%{text}%");
    db.query_row("SELECT count(*) FROM audit WHERE CAST(detail AS TEXT) LIKE ?1", [like], |r| r.get(0))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_message_wakes_what_waits() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    rig.step(true, waits);
    let engine = rig.engine();
    let waiting = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!((waiting.state, waiting.reply.clone()), (Inbound::Waiting, None));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((rig.show(waiting.id).await.state, nord.attempts()), (Inbound::Waiting, 0));
    assert_eq!(deliver(&engine, rig.envelope(&wish(1, 1))).await.id, waiting.id, "a repeat waits as well");
    deliver(&engine, rig.envelope(&wish(2, 1))).await;
    until_state(&rig, waiting.id, Inbound::Accepted).await;
    nord.has(2).await;
    rig.at_rest().await;
    assert_eq!((nord.attempts(), rig.figures().await.inbound), (2, vec![("accepted".to_owned(), 2)]));
    let audit = |text| audit_lines(&rig, text);
    assert_eq!((audit("test.resumed"), audit("[\"expired\",\"no\"]")), (1, 1));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_in_vain_runs_when_its_time_is_over_and_knows_it() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    rig.step(true, waits);
    let engine = rig.engine();
    let waiting = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    rig.clock.move_to(start_of_time() + SignedDuration::from_mins(59));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(rig.show(waiting.id).await.state, Inbound::Waiting);
    rig.clock.move_to(start_of_time() + SignedDuration::from_mins(61));
    until_state(&rig, waiting.id, Inbound::Accepted).await;
    nord.has(1).await;
    assert_eq!(audit_lines(&rig, "[\"expired\",\"yes\"]"), 1);
    stop(engine).await;
}

/// What was taken once is not denied when it runs again and its sender is admitted no more: a person decides, and nothing of it is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_again_of_a_sender_who_is_admitted_no_more_is_parked() {
    const OFFICE: &str = "jugendamt-bremen";
    for is_known in [false, true] {
        let mut rig = Rig::new(Clock::set(start_of_time())).await;
        rig.step(true, waits);
        let engine = rig.engine();
        let waiting = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        assert_eq!(waiting.state, Inbound::Waiting);
        stop(engine).await;
        let before = (rig.set.partners.clone(), rig.set.plans.clone());
        if is_known {
            let mut plan = rig.plan("registerlieferung");
            plan.accept.iter_mut().for_each(|accept| accept.partners.retain(|one| one != OFFICE));
            rig.replace(plan);
        } else {
            rig.set.partners.remove(OFFICE);
        }
        let engine = rig.engine();
        rig.clock.move_to(start_of_time() + SignedDuration::from_mins(61));
        until_state(&rig, waiting.id, Inbound::Parked).await;
        let cause = rig.show(waiting.id).await.cause.unwrap();
        assert!(cause.contains("not admitted here any more"), "{cause}");
        stop(engine).await;
        (rig.set.partners, rig.set.plans) = before;
        let engine = rig.engine();
        assert!(rig.store.replay(waiting.id, "os:rita", "admitted again", rig.clock.now()).await.unwrap());
        until_state(&rig, waiting.id, Inbound::Accepted).await;
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_would_wait_for_ever_is_parked_instead_of_spinning() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    rig.step(true, |_| {
        let until = start_of_time() + SignedDuration::from_hours(1);
        Ok(Flow::Wait { for_: SearchKey::new("wartet", ["nie"]), until })
    });
    let engine = rig.engine();
    let waiting = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!(waiting.state, Inbound::Waiting);
    rig.clock.move_to(start_of_time() + SignedDuration::from_hours(2));
    until_state(&rig, waiting.id, Inbound::Parked).await;
    let shown = rig.show(waiting.id).await;
    assert!(shown.cause.is_some_and(|cause| cause.contains("waiting time is over")));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_replayed_after_days_has_its_whole_time_to_leave() {
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let repaired = Arc::new(AtomicBool::new(false));
    let fine = repaired.clone();
    rig.step(true, move |_| match fine.load(Ordering::SeqCst) {
        true => Ok(Flow::Next),
        false => Err(Trouble::Ours("a template is missing".to_owned())),
    });
    let engine = rig.engine();
    let parked = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!((parked.state, parked.reply), (Inbound::Parked, None));
    // Longer than what is sent may take.
    rig.clock.move_to(start_of_time() + SignedDuration::from_hours(24 * 30));
    repaired.store(true, Ordering::SeqCst);
    assert!(rig.store.replay(parked.id, "os:rita", "repaired", rig.clock.now()).await.unwrap());
    until_state(&rig, parked.id, Inbound::Accepted).await;
    rig.until_send(parked.id, NORD, "sent").await;
    assert_eq!(nord.taken(), 1);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_message_that_breaks_a_worker_each_time_is_quarantined_again() {
    let mut rig = Rig::new(fast(500.0)).await;
    rig.settings.busy_limit = 2;
    rig.settings.lease = Duration::from_secs(60);
    let replayed = Arc::new(AtomicBool::new(false));
    let breaks = replayed.clone();
    rig.step(true, move |_| match breaks.load(Ordering::SeqCst) {
        true => panic!("a fault of the program, on purpose"),
        false => Err(Trouble::Ours("a template is missing".to_owned())),
    });
    let engine = rig.engine();
    let parked = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    replayed.store(true, Ordering::SeqCst);
    assert!(rig.store.replay(parked.id, "os:rita", "try", rig.clock.now()).await.unwrap());
    until_state(&rig, parked.id, Inbound::Quarantined).await;
    assert_eq!(rig.listed().await.len(), 1);
    stop(engine).await;
}

fn timers(rig: &Rig, engine: &Engine) -> (Stop, tokio::task::JoinHandle<()>) {
    let ports = Arc::new(Ports(engine.core.clone()));
    let around = Surroundings {
        intake: engine.reception.clone(),
        doors: ports.clone(),
        spool: ports.clone(),
        standings: ports.clone(),
        notes: ports.clone(),
        timers: ports.clone(),
        mailboxes: ports,
        parts: Default::default(),
        reached: Default::default(),
        ops: Default::default(),
        clock: rig.clock.clone(),
        stage: Stage::Test,
        data: rig.folder.path().to_owned(),
        config: rig.folder.path().to_owned(),
        parts_lie: rig.folder.path().to_owned(),
    };
    let source = TimerSource::new("timer", &serde_json::json!({}), &around).unwrap();
    let (stop, inner) = (Stop::new(), Stop::new());
    let child = stop.clone();
    let task = tokio::spawn(async move {
        let running = source.run(inner.clone());
        tokio::select! {
            outcome = running => outcome.unwrap(),
            () = child.cancelled() => {}
        }
    });
    (stop, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_comes_in_as_a_delivery_when_it_is_due_and_only_once() {
    let mut rig = Rig::new(fast(2000.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    rig.step(true, |message| {
        // The first sets two timers: one brings a new document, one brings its own once more.
        if is(message, 1, 1) && message.envelope.head.connection != "timer" {
            for (purpose, document) in [("neu", wish(1, 2)), ("nochmal", wish(1, 1))] {
                message.effects.timers.push(Timer {
                    id: message.derived_id(purpose),
                    due: message.now() + SignedDuration::from_mins(30),
                    name: "timer erinnern".to_owned(),
                    body: Bytes::from(eintragung(&document)),
                    of: None,
                });
            }
        }
        Ok(Flow::Next)
    });
    let mut plan = rig.plan("registerlieferung");
    let binding = plan.bindings[0].clone();
    plan.bindings.push(Binding { key: "timer erinnern".to_owned(), answers: Answers::ByMessage, ..binding });
    rig.replace(plan);
    let engine = rig.engine();
    let (end, task) = timers(&rig, &engine);
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!((first.state, rig.figures().await.timers), (Inbound::Accepted, 2));
    nord.has(2).await;
    for _ in 0..6_000 {
        if rig.figures().await.timers == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.figures().await.timers, 0, "none comes again and again");
    let listed = rig.listed().await;
    // Its own document once more is a delivery of its own too: what a timer brings is judged by the route that takes it.
    assert_eq!(listed.len(), 3);
    for timed in listed.iter().filter(|listed| listed.id != first.id) {
        assert_eq!((timed.binding.as_str(), timed.state), ("timer erinnern", Inbound::Accepted));
        assert!(timed.received >= start_of_time() + SignedDuration::from_mins(30), "not before it was due");
    }
    rig.at_rest().await;
    assert_eq!(nord.attempts(), 3, "each is told once");
    end.cancel();
    task.await.unwrap();
    stop(engine).await;
}

/// An office whose deliveries no route takes any more, or not yet again: its list is not used up by being denied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_of_nobody_is_kept_until_it_is_somebodys() {
    let mut rig = Rig::new(fast(2000.0)).await;
    rig.far(NORD, |_, _| Does::Take);
    rig.step(true, |message| {
        if is(message, 1, 1) && message.envelope.head.connection != "timer" {
            for (of, minutes) in [(Some("jugendamt-zweit"), 30), (None, 60)] {
                message.effects.timers.push(Timer {
                    id: message.derived_id(of.unwrap_or("eigen")),
                    due: message.now() + SignedDuration::from_mins(minutes),
                    name: "timer erinnern".to_owned(),
                    body: Bytes::from(eintragung(&wish(1, 2))),
                    of: of.map(str::to_owned),
                });
            }
        }
        Ok(Flow::Next)
    });
    let mut plan = rig.plan("registerlieferung");
    let binding = plan.bindings[0].clone();
    plan.bindings.push(Binding { key: "timer erinnern".to_owned(), answers: Answers::ByMessage, ..binding });
    rig.replace(plan);
    let engine = rig.engine();
    let (end, task) = timers(&rig, &engine);
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!(first.state, Inbound::Accepted);
    // The later one comes in, so the earlier one was looked at.
    until("the other is used", 60, || rig.clock.now() > start_of_time() + SignedDuration::from_hours(2))
        .await;
    for _ in 0..1000 {
        if rig.listed().await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((rig.listed().await.len(), rig.figures().await.timers), (2, 1), "it lies there");
    assert!(rig.listed().await.iter().all(|listed| listed.state == Inbound::Accepted));
    end.cancel();
    task.await.unwrap();
    stop(engine).await;
    let mut plan = rig.plan("registerlieferung");
    for accept in &mut plan.accept {
        accept.partners.push("jugendamt-zweit".to_owned());
    }
    rig.replace(plan);
    let engine = rig.engine();
    let (end, task) = timers(&rig, &engine);
    for _ in 0..1000 {
        if rig.figures().await.timers == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((rig.listed().await.len(), rig.figures().await.timers), (3, 0), "once a route takes it again");
    end.cancel();
    task.await.unwrap();
    stop(engine).await;
}

/// Many that are woken at once do not run one after the other: they meet in the batches of the commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_woken_together_is_committed_together() {
    const MANY: u64 = 96;
    let mut rig = Rig::new(Clock::set(start_of_time())).await;
    rig.step(true, |message| {
        match message.resumed {
            None if !is(message, 500, 1) => {
                let until = message.now() + SignedDuration::from_hours(1);
                return Ok(Flow::Wait { for_: SearchKey::new("wartet", ["b"]), until });
            }
            None => message.effects.wakes.push(SearchKey::new("wartet", ["b"])),
            Some(_) => {}
        }
        Ok(Flow::Next)
    });
    let troubled = rig.troubled();
    let engine = rig.engine();
    for child in 1..=MANY {
        assert_eq!(deliver(&engine, rig.envelope(&wish(child, 1))).await.state, Inbound::Waiting);
    }
    assert_eq!(troubled.most_entries.load(Ordering::SeqCst), 1);
    let before = troubled.commits.load(Ordering::SeqCst);
    deliver(&engine, rig.envelope(&wish(500, 1))).await;
    for _ in 0..3_000 {
        if rig.figures().await.inbound == [("accepted".to_owned(), MANY + 1)] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rig.figures().await.inbound, [("accepted".to_owned(), MANY + 1)]);
    let commits = troubled.commits.load(Ordering::SeqCst) - before;
    let most = troubled.most_entries.load(Ordering::SeqCst);
    assert!(commits < MANY as usize / 3 && most >= 8, "{commits} commits, of {most} at most");
    stop(engine).await;
}

/// A list of an office that another partner's message set is the office's; neither its own pause nor timers of a paused route hold it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timer_is_whose_it_is_and_no_pause_of_others_holds_it() {
    let mut rig = Rig::new(fast(500.0)).await;
    rig.far(NORD, |_, _| Does::Take);
    rig.step(true, |message| {
        let timer = |purpose: &str, (name, of): (&str, Option<&str>), minutes, wish: &Wish| Timer {
            id: message.derived_id(purpose),
            due: message.now() + SignedDuration::from_mins(minutes),
            name: name.to_owned(),
            body: Bytes::from(eintragung(wish)),
            of: of.map(str::to_owned),
        };
        if is(message, 1, 1) && message.envelope.head.connection != "timer" {
            let many = (0..70).map(|n| timer(&format!("still {n}"), ("timer still", None), 29, &wish(2, 1)));
            let mut timers: Vec<Timer> = many.collect();
            timers.push(timer("liste", ("timer liste", Some("jugendamt-zweit")), 30, &wish(3, 1)));
            message.effects.timers.extend(timers);
        }
        Ok(Flow::Next)
    });
    for (route, key) in [("registerlieferung", "timer still"), ("zweitlieferung", "timer liste")] {
        let mut plan = rig.plan(route);
        let binding = plan.bindings[0].clone();
        plan.bindings.push(Binding { key: key.to_owned(), answers: Answers::ByMessage, ..binding });
        rig.replace(plan);
    }
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!(first.state, Inbound::Accepted);
    for (kind, name) in [("route", "registerlieferung"), ("partner", "jugendamt-zweit")] {
        let pause = Pause {
            kind: kind.into(),
            name: name.into(),
            until: None,
            reason: "Probe".into(),
            person: "os:rita".into(),
            since: start_of_time(),
        };
        rig.store.set_pause(kind, name, Some(pause), "os:rita", rig.clock.now()).await.unwrap();
        for _ in 0..1000 {
            if engine.core.paused(kind, name) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let (end, task) = timers(&rig, &engine);
    for _ in 0..6_000 {
        if rig.listed().await.len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let listed = rig.listed().await;
    let timed: Vec<_> = listed.iter().filter(|one| one.id != first.id).collect();
    let [list] = timed.as_slice() else { panic!("{} came", timed.len()) };
    assert_eq!((list.binding.as_str(), list.partner.as_str()), ("timer liste", "jugendamt-zweit"));
    assert_ne!(list.state, Inbound::Denied);
    assert_eq!(rig.figures().await.timers, 70, "they wait for their route");
    end.cancel();
    task.await.unwrap();
    stop(engine).await;
}
