//! Faults of our own: steps that break, entries that cannot be stored, a store that is busy, too many deliveries, stopping.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::envelope::Inbound;
use drehscheibe::pipeline::step::Flow;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::Intake;

use super::far::Does;
use super::rig::{NORD, Rig, WOHNGELD, deliver, fast, stop, wish};
use crate::support::until;

async fn original(rig: &Rig, id: uuid::Uuid) -> Option<bytes::Bytes> {
    let scope = Scope::Mandant("jugendamt-bremen".to_owned());
    let kept = rig.store.original(&scope, id, "os:rita", "test", rig.clock.now()).await.unwrap();
    kept.map(|envelope| envelope.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_breaks_a_worker_is_quarantined_in_the_end_and_costs_nobody_else() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.settings.busy_limit = 3;
    let poison = wish(1, 1).uuid().to_string();
    rig.step(true, move |message| {
        assert!(message.record.kopf.nachrichten_uuid != poison, "a fault of the program, on purpose");
        Ok(Flow::Next)
    });
    let engine = rig.engine();
    for attempt in 0..3u64 {
        let busy = engine.reception.deliver(rig.envelope(&wish(1, 1))).await;
        assert!(busy.is_err(), "{busy:?}");
        assert_eq!(deliver(&engine, rig.envelope(&wish(2 + attempt, 1))).await.state, Inbound::Accepted);
    }
    assert_eq!(rig.listed().await.len(), 3);
    let last = rig.envelope(&wish(1, 1));
    let verdict = engine.reception.deliver(last.clone()).await.unwrap();
    assert_eq!(
        (verdict.state, verdict.conflict),
        (Inbound::Quarantined, false),
        "no conflict of two messages"
    );
    assert_eq!(original(&rig, verdict.id).await, Some(last.body));
    let shown = rig.show(verdict.id).await;
    assert!(shown.cause.is_some() && shown.next_step.is_some() && shown.sends.is_empty());
    until("all room is free", 60, || engine.core.room.available_permits() == rig.settings.in_flight).await;
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_before_it_is_known_what_is_paused() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let other = rig.far(WOHNGELD, |_, _| Does::Take);
    let pause = Pause {
        kind: "destination".to_owned(),
        name: NORD.to_owned(),
        until: None,
        reason: "Wartung".to_owned(),
        person: "os:rita".to_owned(),
        since: rig.clock.now(),
    };
    rig.store.set_pause("destination", NORD, Some(pause), "os:rita", rig.clock.now()).await.unwrap();
    let troubled = rig.troubled();
    troubled.no_pauses.store(true, Ordering::SeqCst);
    // As after a start over a store that does not tell at once.
    let engine = rig.engine();
    assert_eq!(deliver(&engine, rig.envelope(&wish(1, 1))).await.state, Inbound::Accepted);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((nord.attempts(), other.attempts()), (0, 0), "it is not known what may leave");
    troubled.no_pauses.store(false, Ordering::SeqCst);
    other.has(1).await;
    assert_eq!(nord.attempts(), 0, "it is paused");
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_cannot_be_stored_is_found_in_its_batch_and_put_apart() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let troubled = rig.troubled();
    *troubled.cursed.lock().unwrap() = Some("t-7001".to_owned());
    troubled.guarded.store(true, Ordering::SeqCst);
    let engine = Arc::new(rig.engine());
    let rig = Arc::new(rig);
    let mut tasks = tokio::task::JoinSet::new();
    for child in 0..30 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { (child, deliver(&engine, rig.envelope(&wish(child, 1))).await) });
    }
    // The first commit holds up the others, so that they come as one batch.
    tokio::time::sleep(Duration::from_millis(500)).await;
    troubled.turnstile.add_permits(10_000);
    while let Some(done) = tasks.join_next().await {
        let (child, verdict) = done.unwrap();
        // It passed all that its sender could do wrong: the fault is ours.
        let expected = if child == 7 { Inbound::Parked } else { Inbound::Accepted };
        assert_eq!((verdict.state, verdict.conflict), (expected, false), "{child}");
        if child == 7 {
            assert_eq!(original(&rig, verdict.id).await, Some(rig.envelope(&wish(7, 1)).body));
            assert!(rig.show(verdict.id).await.sends.is_empty());
        }
    }
    assert!(troubled.most_entries.load(Ordering::SeqCst) > 8, "it was a batch");
    nord.has(29).await;
    rig.at_rest().await;
    assert_eq!((nord.taken(), rig.figures().await.mirror), (29, 29));
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_store_makes_sources_wait_and_dispatch_recovers_by_itself() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, wohngeld) = (rig.far(NORD, |_, _| Does::Take), rig.far(WOHNGELD, |_, _| Does::Take));
    let plain = rig.store.clone();
    let troubled = rig.troubled();
    let engine = rig.engine();
    for trouble in [&troubled.no_lookup, &troubled.no_commit] {
        trouble.store(true, Ordering::SeqCst);
        for n in 0..3 {
            let busy = engine.reception.deliver(rig.envelope(&wish(n, 1))).await.unwrap_err();
            assert!(!busy.retry_after.is_zero());
        }
        assert!(
            plain.list(&Scope::Operator, Filter::default()).await.unwrap().is_empty(),
            "nothing was taken"
        );
        trouble.store(false, Ordering::SeqCst);
    }
    troubled.no_claim.store(true, Ordering::SeqCst);
    troubled.no_settle.store(true, Ordering::SeqCst);
    let id = deliver(&engine, rig.envelope(&wish(1, 1))).await.id;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(nord.attempts(), 0, "what is not leased does not leave");
    troubled.no_claim.store(false, Ordering::SeqCst);
    nord.has(1).await;
    wohngeld.has(1).await;
    assert_eq!(rig.send_of(id, NORD).await.state.as_str(), "queued", "it left, but that is not written yet");
    troubled.no_settle.store(false, Ordering::SeqCst);
    rig.until_send(id, NORD, "sent").await;
    rig.until_send(id, WOHNGELD, "sent").await;
    // Busy times are no fault of the message: however many there were, it is not put apart.
    troubled.no_commit.store(true, Ordering::SeqCst);
    for _ in 0..8 {
        assert!(engine.reception.deliver(rig.envelope(&wish(5, 1))).await.is_err());
    }
    troubled.no_commit.store(false, Ordering::SeqCst);
    assert_eq!(deliver(&engine, rig.envelope(&wish(5, 1))).await.state, Inbound::Accepted);
    // A repeat whose answer cannot be queued is not acknowledged either.
    let body = drehscheibe::cli::sample::eintragung(&wish(5, 1));
    let answered = deliver(&engine, rig.by_tray("file", body)).await;
    assert!(answered.again);
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_fits_waits_and_is_then_told_to_come_again() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.settings.in_flight = 4;
    rig.settings.patience_for_room = Duration::from_millis(300);
    let troubled = rig.troubled();
    troubled.guarded.store(true, Ordering::SeqCst);
    let rig = Arc::new(rig);
    let engine = Arc::new(rig.engine());
    let mut tasks = tokio::task::JoinSet::new();
    for child in 0..40 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { engine.reception.deliver(rig.envelope(&wish(child, 1))).await });
    }
    let mut told = Vec::new();
    while told.len() < 36 {
        told.push(tasks.join_next().await.unwrap().unwrap());
    }
    assert!(told.iter().all(|outcome| outcome.as_ref().is_err_and(|busy| busy.cause.contains("under way"))));
    assert_eq!(engine.core.room.available_permits(), 0);
    assert!(rig.listed().await.is_empty());
    troubled.turnstile.add_permits(10_000);
    let taken = tasks.join_all().await;
    assert!(taken.len() == 4 && taken.iter().all(Result::is_ok));
    assert!(troubled.most_entries.load(Ordering::SeqCst) <= 4, "no queue is longer than the room");
    assert_eq!(deliver(&engine, rig.envelope(&wish(50, 1))).await.state, Inbound::Accepted);
    let all_octets = rig.settings.in_flight_octets;
    until("all octets are free", 60, || engine.core.octets.available_permits() == all_octets).await;
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn octets_are_room_too_and_what_is_larger_than_all_of_it_passes_alone() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.settings.in_flight_octets = 1024;
    rig.settings.patience_for_room = Duration::from_secs(20);
    let troubled = rig.troubled();
    let rig = Arc::new(rig);
    let engine = Arc::new(rig.engine());
    let mut tasks = tokio::task::JoinSet::new();
    for child in 0..12 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { engine.reception.deliver(rig.envelope(&wish(child, 1))).await.is_ok() });
    }
    assert!(tasks.join_all().await.into_iter().all(|taken| taken));
    assert_eq!(troubled.most_entries.load(Ordering::SeqCst), 1, "one after the other");
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_leaves_no_delivery_between_yes_and_no() {
    let mut rig = Rig::new(fast(1.0)).await;
    rig.settings.in_flight = 32;
    let rig = Arc::new(rig);
    let engine = rig.engine();
    let reception = engine.reception.clone();
    let mut tasks = tokio::task::JoinSet::new();
    for child in 0..200 {
        let (rig, reception) = (rig.clone(), reception.clone());
        tasks.spawn(async move {
            let envelope = rig.envelope(&wish(child, 1));
            (envelope.head.transport_id.clone(), reception.deliver(envelope).await)
        });
    }
    let mut outcomes = Vec::new();
    while outcomes.len() < 20 {
        outcomes.push(tasks.join_next().await.unwrap().unwrap());
    }
    let drained = tokio::time::timeout(Duration::from_secs(20), engine.drain(Duration::from_secs(10))).await;
    assert!(drained.is_ok(), "it ends");
    outcomes
        .extend(tokio::time::timeout(Duration::from_secs(5), tasks.join_all()).await.expect("all are told"));
    assert_eq!(outcomes.len(), 200);
    let mut taken = 0;
    for (transport_id, outcome) in outcomes {
        let filter = Filter { transport_id: Some(transport_id), ..Filter::default() };
        let stored = rig.store.list(&Scope::Operator, filter).await.unwrap();
        match outcome {
            Ok(verdict) => {
                taken += 1;
                assert_eq!(stored.iter().map(|listed| listed.id).collect::<Vec<_>>(), [verdict.id]);
            }
            Err(_) => assert!(stored.is_empty(), "told to come again, but taken"),
        }
    }
    assert!((20..200).contains(&taken), "{taken} of 200: the stop came in the middle");
}

/// A refusal quotes what came in Base64: what is as large as may be taken must be refused, not parked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_as_large_as_may_be_taken_is_refused_and_not_parked() {
    let rig = Rig::new(fast(1.0)).await;
    let engine = rig.engine();
    for megabytes in [6, 7, 8] {
        let mut body = "<wurzel>".to_owned();
        body.extend(std::iter::repeat_n('x', megabytes * (1 << 20) - 20));
        let verdict = deliver(&engine, rig.envelope_of(&format!("large-{megabytes}"), body)).await;
        assert_eq!(
            verdict.state,
            Inbound::Rejected,
            "{megabytes} MiB: {:?}",
            rig.show(verdict.id).await.cause
        );
        let reply = verdict.reply.unwrap();
        assert!(reply.body.len() > megabytes * (1 << 20), "it quotes what came");
    }
    stop(engine).await;
}
