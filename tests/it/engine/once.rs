//! One effect for one message, however often, at once, and on whatever way it comes; and the same answer each time.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::cli::sample::eintragung;
use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::store::desk::Filter;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::Intake;

use super::far::Does;
use super::rig::{NORD, Rig, TRAY, deliver, fast, stop, wish};

fn document(envelope: &Envelope) -> String {
    String::from_utf8(envelope.body.to_vec()).unwrap()
}

fn reply(verdict: &Verdict) -> String {
    String::from_utf8(verdict.reply.clone().unwrap().body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_are_one_effect_and_twenty_equal_verdicts() {
    let mut rig = Rig::new(fast(1.0)).await;
    let nord = rig.far(NORD, |_, _| Does::Take);
    let (rig, engine) = {
        let engine = Arc::new(rig.engine());
        (Arc::new(rig), engine)
    };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (rig, engine) = (rig.clone(), engine.clone());
        tasks.spawn(async move { deliver(&engine, rig.envelope(&wish(1, 1))).await });
    }
    let verdicts = tasks.join_all().await;
    let told = |verdict: &Verdict| (verdict.id, verdict.state, verdict.codes.clone(), verdict.reply.clone());
    assert!(verdicts.iter().all(|verdict| told(verdict) == told(&verdicts[0])));
    assert_eq!(verdicts.iter().filter(|verdict| !verdict.again).count(), 1);
    assert_eq!(rig.figures().await.repeats, 19);
    nord.has(1).await;
    rig.at_rest().await;
    assert_eq!((nord.attempts(), rig.listed().await.len(), rig.figures().await.mirror), (1, 1, 1));
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_taken_by_http_is_answered_in_the_tray_when_it_comes_there() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, tray) = (rig.far(NORD, |_, _| Does::Take), rig.far(TRAY, |_, _| Does::Take));
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let body = eintragung(&wish(1, 1));
    for repeat in 1..=3u32 {
        let again = deliver(&engine, rig.by_tray("file-1", body.clone())).await;
        assert!(again.again && again.id == first.id && again.state == Inbound::Accepted);
        rig.until_send(first.id, TRAY, "sent").await;
        let seen = || {
            let seen = tray.seen.lock().unwrap();
            (seen.taken.len() as u32, seen.repeated)
        };
        crate::support::until("the answer lies there again", 60, || seen() == (1, repeat - 1)).await;
    }
    let laid = tray.seen.lock().unwrap().taken[0].clone();
    assert_eq!(document(&laid), reply(&first), "the same document with the same id");
    assert_eq!(laid.head.correlation.as_deref(), Some("file-1"));
    nord.has(1).await;
    rig.at_rest().await;
    let figures = rig.figures().await;
    assert_eq!((figures.mirror, figures.repeats, rig.listed().await.len(), nord.attempts()), (1, 3, 1, 1));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_name_under_which_a_message_comes_gets_its_own_answer() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, tray) = (rig.far(NORD, |_, _| Does::Take), rig.far(TRAY, |_, _| Does::Take));
    let engine = Arc::new(rig.engine());
    let rig = Arc::new(rig);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..80u64 {
        let (rig, engine) = (rig.clone(), engine.clone());
        // Twenty messages, each four times at once under four names.
        let body = eintragung(&wish(1 + n % 20, 1));
        tasks.spawn(async move { deliver(&engine, rig.by_tray(&format!("file-{n}"), body)).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| !verdict.again).count(), 20);
    tray.has(80).await;
    rig.at_rest().await;
    let answers = || {
        let seen = tray.seen.lock().unwrap();
        let named = |laid: &Envelope| (laid.head.correlation.clone().unwrap(), document(laid));
        seen.taken.iter().map(named).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (told, documents) = (answers(), |told: &std::collections::BTreeMap<String, String>| {
        told.values().cloned().collect::<std::collections::BTreeSet<_>>().len()
    });
    assert_eq!((told.len(), documents(&told)), (80, 20), "one document for each message, under each name");
    assert_eq!((tray.attempts(), nord.attempts(), rig.figures().await.mirror), (80, 20, 20));
    // Once more under a known name it is the same row again.
    deliver(&engine, rig.by_tray("file-7", eintragung(&wish(8, 1)))).await;
    crate::support::until("laid again", 60, || tray.seen.lock().unwrap().repeated == 1).await;
    assert_eq!(answers(), told);
    stop(Arc::into_inner(engine).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_in_the_tray_gets_its_rejection_again_and_leaves_the_store_as_it_was() {
    let mut rig = Rig::new(fast(1.0)).await;
    let tray = rig.far(TRAY, |_, _| Does::Take);
    let engine = rig.engine();
    let broken = eintragung(&wish(1, 1)).replace("eintragungVorhanden>", "eintragungVielleicht>");
    let first = deliver(&engine, rig.by_tray("file-1", broken.clone())).await;
    assert_eq!((first.state, first.again), (Inbound::Rejected, false));
    rig.until_send(first.id, TRAY, "sent").await;
    rig.at_rest().await;
    let essence = rig.store.essence().await.unwrap();
    let again = deliver(&engine, rig.by_tray("file-1", broken.clone())).await;
    assert!(again.again && again.id == first.id);
    crate::support::until("laid again", 60, || tray.seen.lock().unwrap().repeated == 1).await;
    rig.until_send(first.id, TRAY, "sent").await;
    assert_eq!(rig.store.essence().await.unwrap(), essence);
    // In band a repeat needs no row: the exchange carries the answer.
    let by_http = deliver(&engine, rig.envelope(&wish(2, 1))).await;
    assert_eq!(deliver(&engine, rig.envelope(&wish(2, 1))).await.reply, by_http.reply);
    assert!(rig.show(by_http.id).await.sends.iter().all(|send| send.destination != TRAY));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_still_on_its_way_is_not_queued_twice() {
    let mut rig = Rig::new(drehscheibe::clock::Clock::set(super::rig::start_of_time())).await;
    let tray = rig.far(TRAY, |_, attempt| if attempt == 1 { Does::Later } else { Does::Take });
    let engine = rig.engine();
    let body = eintragung(&wish(1, 1));
    let first = deliver(&engine, rig.by_tray("file-1", body.clone())).await;
    rig.until_send(first.id, TRAY, "retrying").await;
    for _ in 0..3 {
        assert!(deliver(&engine, rig.by_tray("file-1", body.clone())).await.again);
    }
    assert_eq!(rig.send_of(first.id, TRAY).await.state.as_str(), "retrying");
    rig.clock.move_to(super::rig::start_of_time() + jiff::SignedDuration::from_secs(60));
    rig.until_send(first.id, TRAY, "sent").await;
    assert_eq!((tray.attempts(), tray.taken()), (2, 1));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_under_a_known_key_is_kept_apart_and_always_answered_alike() {
    let mut rig = Rig::new(fast(1.0)).await;
    let (nord, tray) = (rig.far(NORD, |_, _| Does::Take), rig.far(TRAY, |_, _| Does::Take));
    let engine = rig.engine();
    let first = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let other = eintragung(&wish(1, 1)).replace("Musterwall", "Musterdeich");
    // Same transport id.
    let conflict = deliver(&engine, rig.envelope_of("t-1001", other.clone())).await;
    assert_eq!((conflict.state, conflict.conflict, conflict.again), (Inbound::Quarantined, true, false));
    assert_eq!(conflict.codes, ["S999"]);
    assert!(reply(&conflict).contains("S999"));
    let told =
        |verdict: &Verdict| (verdict.id, verdict.conflict, verdict.codes.clone(), verdict.reply.clone());
    // The same again, under another transport id and by another connection.
    for repeat in ["t-1001", "t-else"] {
        let again = deliver(&engine, rig.envelope_of(repeat, other.clone())).await;
        assert!(again.again && told(&again) == told(&conflict), "{repeat}");
    }
    let again = deliver(&engine, rig.by_tray("file-1", other.clone())).await;
    assert!(again.again && told(&again) == told(&conflict));
    tray.has(1).await;
    assert_eq!(document(&tray.seen.lock().unwrap().taken[0]), reply(&conflict));
    // The first holds, and the other is kept with its octets.
    assert!(deliver(&engine, rig.envelope(&wish(1, 1))).await.id == first.id);
    let scope = Scope::Mandant("jugendamt-bremen".to_owned());
    let kept = rig.store.original(&scope, conflict.id, "os:rita", "test", rig.clock.now()).await.unwrap();
    assert_eq!(kept.unwrap().body, other.as_bytes());
    nord.has(1).await;
    rig.at_rest().await;
    assert_eq!((nord.attempts(), rig.listed().await.len()), (1, 2));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_occupies_no_key_and_leaves_only_a_hash() {
    let rig = Rig::new(fast(1.0)).await;
    let engine = rig.engine();
    let mut stranger = rig.envelope(&wish(1, 1));
    stranger.head.partner = None;
    let denied = engine.reception.deliver(stranger).await.unwrap();
    assert_eq!((denied.state, denied.reply), (Inbound::Denied, None));
    let mine = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    assert_eq!((mine.state, mine.again), (Inbound::Accepted, false));
    let filter = Filter { id: Some(denied.id), ..Filter::default() };
    assert_eq!(rig.store.list(&Scope::Operator, filter).await.unwrap()[0].state, Inbound::Denied);
    engine.drain(Duration::from_secs(5)).await;
}
