//! Ways through the whole engine: what is refused for good goes on, what may have arrived does not, and what nobody collected goes on once
//! it was taken back; counted at the far ends, killed at every step.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::effects::{Outgoing, Way};
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::Envelope;
use drehscheibe::pipeline::step::Flow;
use drehscheibe::store::lane::Outcome;
use drehscheibe::store::listed::ListedSend;
use drehscheibe::store::mailbox::{Ask, Handed, Reader};
use drehscheibe::store::orders::{Command, CommandState, Order};
use drehscheibe::transport::port::{
    After, Attempt, Destination, Follow, Followed, Receipt, SendError, Withdrawal,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::far::{Does, Far};
use super::rig::{NORD, Rig, TRAY, WOHNGELD, deliver, fast, stop, wish};
use crate::support::until;

/// Three ways, of which the first may take so many seconds.
async fn rig(seconds: u64) -> Rig {
    let mut rig = Rig::new(fast(20.0)).await;
    rig.step(false, move |message| {
        let way = |to: &str, seconds, until_late| Way { destination: to.to_owned(), seconds, until_late };
        let ways = vec![way(NORD, seconds, true), way(WOHNGELD, 100_000, false), way(TRAY, 100_000, false)];
        let deadline = ways[0].until(message.now());
        message.effects.sends.push(Outgoing {
            id: message.derived_id("ways"),
            destination: NORD.to_owned(),
            partner: "kita-portal-nord".to_owned(),
            order: None,
            message: "drehscheibe.stand".to_owned(),
            test: true,
            content_type: "application/json".to_owned(),
            body: bytes::Bytes::from(format!("{{\"id\":\"{}\"}}", message.envelope.head.id)),
            parts: Vec::new(),
            correlation: None,
            after: None,
            deadline,
            not_before: None,
            delivers: None,
            ways,
        });
        Ok(Flow::Next)
    });
    rig
}

fn arrived(fars: [&Far; 3]) -> [usize; 3] {
    fars.map(Far::taken)
}

/// Delivers to an engine that falls at a point, and goes on with another one until the row has come to its end; the row.
async fn fallen(rig: &Rig, points: Points, (to, state): (&str, &str)) -> ListedSend {
    let engine = rig.engine_at(points);
    let told = deliver(&engine, rig.envelope(&wish(1, 1)));
    let told = tokio::time::timeout(Duration::from_secs(5), told).await;
    until("it has fallen", 60, || engine.core.points.crashed()).await;
    stop(engine).await;
    let engine = rig.engine();
    let id = match told {
        Ok(verdict) => verdict.id,
        Err(_) => deliver(&engine, rig.envelope(&wish(1, 1))).await.id,
    };
    let sent = ends(rig, id, to, state).await;
    stop(engine).await;
    sent
}

async fn ends(rig: &Rig, id: Uuid, to: &str, state: &str) -> ListedSend {
    for _ in 0..4_000 {
        let mut sends = rig.show(id).await.sends;
        assert_eq!(sends.len(), 1);
        let send = sends.remove(0);
        if send.destination == to && send.state.as_str() == state {
            return send;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    panic!("it did not become {state} at {to}: {:?}", rig.show(id).await.sends);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_arrives_by_the_next_way_once_wherever_the_process_dies() {
    let points = [
        (Point::AfterSend, 1),
        (Point::AfterSettle, 1),
        (Point::BeforeSend, 2),
        (Point::AfterSend, 2),
        (Point::AfterSettle, 2),
    ];
    let plays = points.map(|(point, nth)| async move {
        let mut rig = rig(100_000).await;
        let first = rig.far(NORD, |_, _| Does::Refuse);
        let second = rig.far(WOHNGELD, |_, _| Does::Refuse);
        let third = rig.far(TRAY, |_, _| Does::Take);
        let sent = fallen(&rig, Points::halt_at(point, nth), (TRAY, "sent")).await;
        assert_eq!(arrived([&first, &second, &third]), [0, 0, 1], "{point:?} {nth}");
        let ways: Vec<&str> = sent.ways.iter().map(|left| left.destination.as_str()).collect();
        assert_eq!(ways, [NORD, WOHNGELD], "{point:?} {nth}");
    });
    join_all(plays).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_arrived_is_asked_for_and_never_goes_another_way() {
    for (finds, state) in [(true, "sent"), (false, "unclear")] {
        let mut rig = rig(100_000).await;
        // It takes the first one, the answer is lost, and the repeat is refused.
        let first = rig.far(NORD, |_, attempt| if attempt == 1 { Does::Lose } else { Does::Refuse });
        first.finds.store(finds, Ordering::SeqCst);
        let second = rig.far(WOHNGELD, |_, _| Does::Take);
        let engine = rig.engine();
        let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        let sent = ends(&rig, verdict.id, NORD, state).await;
        assert!(sent.ways.is_empty());
        assert_eq!((first.taken(), second.taken()), (1, 0));
        stop(engine).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_in_its_time_goes_on_where_the_route_says_so() {
    let mut rig = rig(30).await;
    let first = rig.far(NORD, |_, _| Does::Later);
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let sent = ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((sent.ways.len(), sent.ways[0].why.as_str()), (1, "late"));
    assert_eq!((first.taken(), second.taken()), (0, 1));
    stop(engine).await;
}

/// A tray that nobody empties: takes back in two steps, and counts what lies there.
#[derive(Default)]
struct Uncollected {
    lying: Mutex<HashSet<Uuid>>,
    aside: Mutex<HashSet<Uuid>>,
    /// A look that begins before then is answered after it.
    slow: Option<(Clock, Mutex<Option<Timestamp>>)>,
    /// Nothing can be taken back.
    stuck: AtomicBool,
    /// The answer of each attempt is lost; whoever looks up is told what lies there.
    loses: bool,
}

#[async_trait]
impl Destination for Uncollected {
    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        Err(SendError::Never { cause: "it is attempted".to_owned() })
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        self.lying.lock().unwrap().insert(envelope.head.id);
        if self.loses {
            return Err(SendError::Unclear { cause: "the answer is lost".to_owned() });
        }
        let within = attempt.taken_within.expect("there is another way");
        if let Some((clock, until)) = &self.slow {
            let within = jiff::SignedDuration::try_from(within).unwrap() + jiff::SignedDuration::from_secs(2);
            *until.lock().unwrap() = clock.now().checked_add(within).ok();
        }
        let follow = Follow { first: within / 4, within, keep: b"lies"[..].into() };
        Ok(Receipt { follow: Some(follow), ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        !self.loses
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        if !self.loses {
            return Err(SendError::Unclear { cause: "there is no way to ask".to_owned() });
        }
        let within = Duration::from_secs(100_000);
        let follow = Follow { first: within / 4, within, keep: b"lies"[..].into() };
        let lies = self.lying.lock().unwrap().contains(&envelope.head.id);
        Ok(lies.then(|| Receipt { follow: Some(follow), ..Receipt::default() }))
    }

    async fn look_after(&self, _: &Followed<'_>) -> Result<After, SendError> {
        if let Some((clock, until)) = &self.slow {
            let until = *until.lock().unwrap();
            clock.sleep_until(until.unwrap()).await;
        }
        // The next look is the one at the end of its time.
        Ok(After::Open { again: Some(Duration::from_secs(1_000)) })
    }

    async fn withdraw(&self, followed: &Followed<'_>) -> Result<Withdrawal, SendError> {
        if self.stuck.load(Ordering::SeqCst) {
            let retry_after = Some(Duration::from_secs(2));
            return Err(SendError::Later { cause: "no right".to_owned(), retry_after, far_end: false });
        }
        if followed.keep == b"aside" {
            self.aside.lock().unwrap().remove(&followed.id);
            return Ok(Withdrawal::Gone);
        }
        if self.lying.lock().unwrap().remove(&followed.id) {
            self.aside.lock().unwrap().insert(followed.id);
        }
        assert!(self.aside.lock().unwrap().contains(&followed.id), "it was removed before that was kept");
        Ok(Withdrawal::Step { keep: b"aside"[..].into() })
    }

    fn width(&self) -> usize {
        4
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_collects_is_taken_back_and_goes_on_once_wherever_the_process_dies() {
    // The second look takes it aside, the third one away.
    let points =
        [(Point::AfterLook, 2), (Point::LookSettled, 2), (Point::AfterLook, 3), (Point::LookSettled, 3)];
    let plays = points.map(|(point, nth)| async move {
        let mut rig = rig(30).await;
        let tray = Arc::new(Uncollected::default());
        rig.set.destinations.insert(NORD.to_owned(), tray.clone());
        let second = rig.far(WOHNGELD, |_, _| Does::Take);
        let sent = fallen(&rig, Points::halt_at(point, nth), (WOHNGELD, "sent")).await;
        let left = sent.ways.iter().map(|left| left.why.as_str()).collect::<Vec<_>>();
        assert_eq!(left, ["not-collected"], "{point:?} {nth}");
        assert_eq!((second.taken(), second.seen.lock().unwrap().repeated), (1, 0), "{point:?} {nth}");
        assert!(tray.lying.lock().unwrap().is_empty() && tray.aside.lock().unwrap().is_empty());
    });
    join_all(plays).await;
}

/// Found again by a look-up it has the time of its way, as if the answer had not been lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_again_and_nobody_collects_goes_on_too() {
    let mut rig = rig(30).await;
    let tray = Arc::new(Uncollected { loses: true, ..Uncollected::default() });
    rig.set.destinations.insert(NORD.to_owned(), tray.clone());
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let sent = ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((sent.ways[0].why.as_str(), second.taken()), ("not-collected", 1));
    assert!(tray.lying.lock().unwrap().is_empty() && tray.aside.lock().unwrap().is_empty());
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_begins_in_time_and_is_answered_after_it_takes_nothing_for_failed() {
    let mut rig = rig(30).await;
    let tray = Uncollected { slow: Some((rig.clock.clone(), Mutex::default())), ..Uncollected::default() };
    rig.set.destinations.insert(NORD.to_owned(), Arc::new(tray));
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let sent = ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((sent.ways[0].why.as_str(), second.taken()), ("not-collected", 1));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_back_says_why_until_it_can() {
    let mut rig = rig(30).await;
    let tray = Arc::new(Uncollected { stuck: AtomicBool::new(true), ..Uncollected::default() });
    rig.set.destinations.insert(NORD.to_owned(), tray.clone());
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let failing =
        || engine.core.parts.said().into_iter().find_map(|said| Some((said.part, said.failing?.cause)));
    until("it cannot be taken back", 60, || failing().is_some()).await;
    let (part, why) = failing().unwrap();
    assert!(part.ends_with(NORD) && why.ends_with("cannot be taken back: no right"), "{part} {why}");
    let shown = rig.show(verdict.id).await.sends.remove(0);
    assert_eq!((shown.state.as_str(), shown.cause), ("not-taken-back", Some(why.clone())));
    let backlog = rig.figures().await.backlog;
    let of = backlog.iter().find(|one| one.destination == NORD).unwrap();
    assert_eq!((of.followed, &of.follow_cause), (1, &Some(why)));
    assert_eq!(second.taken(), 0);
    tray.stuck.store(false, Ordering::SeqCst);
    let sent = ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((sent.ways[0].why.as_str(), second.taken()), ("not-collected", 1));
    until("nothing is in trouble any more", 60, || failing().is_none()).await;
    stop(engine).await;
}

/// Says, as a person does, that a row did not arrive by a way; what came of it.
async fn not_arrived(rig: &Rig, id: Uuid, way: &str) -> CommandState {
    let command = Command {
        id: Uuid::now_v7(),
        order: Order::read("not-arrived", &format!("{{\"id\":\"{id}\",\"way\":\"{way}\"}}")),
        person: "os:rita".to_owned(),
        reason: "angerufen".to_owned(),
        at: rig.clock.now(),
    };
    let posted = command.id;
    rig.store.post_command(command).await.unwrap();
    for _ in 0..4_000 {
        match rig.store.command_state(posted).await.unwrap() {
            Some(CommandState::Waiting) | None => tokio::time::sleep(Duration::from_millis(15)).await,
            Some(state) => return state,
        }
    }
    panic!("nobody carried it out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_word_counts_where_nobody_else_can_tell_and_not_against_what_lies_there() {
    let mut rig = rig(100_000).await;
    let first = rig.put(NORD, Far::new(rig.clock.clone(), false, |_, _| Does::Lose));
    first.finds.store(false, Ordering::SeqCst);
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let id = ends(&rig, verdict.id, NORD, "unclear").await.id;
    // It lies there: whoever takes it later has it twice, once it went another way.
    first.finds.store(true, Ordering::SeqCst);
    let CommandState::Refused(why) = not_arrived(&rig, id, NORD).await else { panic!("it lies there") };
    assert!(why.contains("take it away there") && why.contains("parked arrived"), "{why}");
    assert_eq!(ends(&rig, verdict.id, NORD, "unclear").await.ways.len(), 0);
    // It was taken away.
    first.seen.lock().unwrap().taken.clear();
    assert!(matches!(not_arrived(&rig, id, NORD).await, CommandState::Done(_)));
    ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((first.taken(), second.taken()), (0, 1));
    // Said of the way before it moves nothing.
    assert!(matches!(not_arrived(&rig, id, NORD).await, CommandState::Refused(_)));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_way_is_no_more_the_next_one_that_exists_is_taken() {
    let mut rig = rig(100_000).await;
    rig.far(NORD, |_, _| Does::Later);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    ends(&rig, verdict.id, NORD, "retrying").await;
    stop(engine).await;
    // `apply --drain` takes the way away on which it is, and the one after it.
    for gone in [NORD, WOHNGELD] {
        rig.set.destinations.remove(gone);
    }
    let third = rig.far(TRAY, |_, _| Does::Take);
    let engine = rig.engine();
    let sent = ends(&rig, verdict.id, TRAY, "sent").await;
    let left: Vec<&str> = sent.ways.iter().map(|left| left.destination.as_str()).collect();
    assert_eq!((left, third.taken()), (vec![NORD, WOHNGELD], 1));
    assert!(sent.ways.iter().all(|left| left.cause.contains("not configured any more")));
    stop(engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_way_is_left_it_is_parked_with_what_helps() {
    // The last way is of a connection that is gone, or of one that stands and has no such partner any more.
    for connection_stands in [false, true] {
        let mut rig = rig(100_000).await;
        rig.far(NORD, |_, _| Does::Later);
        let engine = rig.engine();
        let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        ends(&rig, verdict.id, NORD, "retrying").await;
        stop(engine).await;
        rig.set.destinations.clear();
        if !connection_stands {
            rig.set.patience.remove("lieferungen");
        }
        let engine = rig.engine();
        let parked = ends(&rig, verdict.id, TRAY, "parked").await;
        assert!(parked.cause.unwrap().contains("nothing in this stage leads to this addressee"));
        assert!(parked.next_step.unwrap().contains("bring the connection back"));
        stop(engine).await;
    }
}

/// The store, which does as a reader says, knows no set: what the reader refuses goes where nothing leads to, and is not left there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_refuses_and_no_later_way_is_left_for_is_parked_with_what_helps() {
    for young in [false, true] {
        let mut rig = rig(100_000).await;
        rig.set.destinations.insert(NORD.to_owned(), Arc::new(Letterbox));
        // The connections stand, the partner has its channels there no more.
        for gone in [WOHNGELD, TRAY] {
            rig.set.destinations.remove(gone);
        }
        let engine = rig.engine();
        let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        let row = rig.show(verdict.id).await.sends.remove(0);
        if !young {
            until("it is older than a set that only another replica knows", 60, || {
                rig.clock.now().duration_since(row.queued) > jiff::SignedDuration::from_secs(70)
            })
            .await;
        }
        let reader = Reader { partner: "kita-portal-nord".to_owned(), destinations: vec![NORD.to_owned()] };
        let (lease, now) = (Duration::from_secs(100), rig.clock.now());
        let ask = Ask { id: row.id, ticket: None, key: None, lease, now };
        let Handed::Out(_, ticket, _) = rig.store.hand_out(&reader, ask).await.unwrap() else {
            panic!("nobody else has it")
        };
        let refused =
            Outcome::Parked { cause: "unlesbar".to_owned(), next_step: "ask the receiver".to_owned() };
        let now = rig.clock.now();
        rig.store.end(&reader, ticket, (refused, true), now).await.unwrap();
        let parked = ends(&rig, verdict.id, TRAY, "parked").await;
        let left: Vec<&str> = parked.ways.iter().map(|left| left.why.as_str()).collect();
        assert_eq!(left, ["refused", "late"], "young: {young}");
        assert!(parked.next_step.unwrap().contains("bring the connection back"));
        let age = rig.clock.now().duration_since(row.queued);
        assert!(age >= jiff::SignedDuration::from_secs(60), "another replica may know its set: {age}");
        stop(engine).await;
    }
}

/// A set was applied without the later ways of what is under way: the way that it is on works, and is its last one from then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_later_way_is_left_for_stays_where_it_is_and_says_so() {
    let fine = |_: &Envelope, _: u32| Does::Later;
    for kind in ["mailbox", "tray", "pushed"] {
        let mut rig = rig(70).await;
        let tray = Arc::new(Uncollected::default());
        let mut pushed = None;
        match kind {
            "mailbox" => drop(rig.set.destinations.insert(NORD.to_owned(), Arc::new(Letterbox))),
            "tray" => drop(rig.set.destinations.insert(NORD.to_owned(), tray.clone())),
            _ => pushed = Some(rig.far(NORD, fine)),
        }
        for gone in [WOHNGELD, TRAY] {
            rig.set.destinations.remove(gone);
        }
        let engine = rig.engine();
        let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        if let Some(far) = pushed {
            // Its cause is soon that of the next attempt: that there is one after its time says that it stays.
            let over = rig.clock.now().checked_add(jiff::SignedDuration::from_secs(90)).unwrap();
            let mut before = None;
            for _ in 0..4_000 {
                let send = rig.show(verdict.id).await.sends.remove(0);
                assert_eq!((&*send.destination, send.ways.len()), (NORD, 0), "{kind}: it moves nowhere");
                assert_ne!(send.state.as_str(), "parked", "it is tried on");
                if rig.clock.now() > over && *before.get_or_insert(far.attempts()) < far.attempts() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
            assert!(before.is_some_and(|before| before < far.attempts()), "it is tried on");
            stop(engine).await;
            continue;
        }
        let stays =
            |send: &ListedSend| send.cause.as_ref().is_some_and(|why| why.contains("none of its next ways"));
        let mut said = None;
        for _ in 0..4_000 {
            let send = rig.show(verdict.id).await.sends.remove(0);
            assert_eq!((&*send.destination, send.ways.len()), (NORD, 0), "{kind}: it moves nowhere");
            if stays(&send) {
                said = Some(send);
                break;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        let said = said.unwrap_or_else(|| panic!("{kind}: it says why"));
        match kind {
            "tray" => {
                assert_eq!(said.state.as_str(), "failed", "a person is called, and it can still be taken");
                assert_eq!(tray.lying.lock().unwrap().len(), 1);
            }
            "mailbox" => {
                assert_eq!(said.state.as_str(), "retrying");
                let reader =
                    Reader { partner: "kita-portal-nord".to_owned(), destinations: vec![NORD.to_owned()] };
                let lying = rig.store.lying(&reader, None, 10, rig.clock.now()).await.unwrap();
                assert_eq!(lying.len(), 1, "its reader can still fetch it");
            }
            other => unreachable!("{other} is looked at above"),
        }
        stop(engine).await;
    }
}

/// Sent again by a person it has the time of its way anew, and goes on when that is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_sends_again_goes_on_when_its_time_is_over() {
    let mut rig = rig(30).await;
    let first = rig.put(
        NORD,
        Far::new(rig.clock.clone(), false, |_, attempt| if attempt == 1 { Does::Lose } else { Does::Later }),
    );
    first.finds.store(false, Ordering::SeqCst);
    let second = rig.far(WOHNGELD, |_, _| Does::Take);
    let engine = rig.engine();
    let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
    let id = ends(&rig, verdict.id, NORD, "unclear").await.id;
    assert!(rig.store.replay(id, "os:rita", "er hat es nicht", rig.clock.now()).await.unwrap());
    let sent = ends(&rig, verdict.id, WOHNGELD, "sent").await;
    assert_eq!((sent.ways[0].why.as_str(), second.taken()), ("late", 1));
    stop(engine).await;
}

/// What lies in a mailbox that was taken away is parked at its time, or in doubt where its receiver may have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_in_a_mailbox_that_is_no_more_waits_for_a_person_at_its_time() {
    for fetched in [false, true] {
        let mut rig = Rig::new(fast(20.0)).await;
        rig.step(false, move |message| {
            let deadline = message.now().checked_add(jiff::SignedDuration::from_secs(40)).unwrap();
            message.effects.sends.push(Outgoing {
                id: message.derived_id("letter"),
                destination: NORD.to_owned(),
                partner: "kita-portal-nord".to_owned(),
                order: None,
                message: "drehscheibe.stand".to_owned(),
                test: true,
                content_type: "application/json".to_owned(),
                body: bytes::Bytes::from_static(b"{}"),
                parts: Vec::new(),
                correlation: None,
                after: None,
                deadline: Some(deadline),
                not_before: None,
                delivers: None,
                ways: Vec::new(),
            });
            Ok(Flow::Next)
        });
        rig.set.destinations.insert(NORD.to_owned(), Arc::new(Letterbox));
        let engine = rig.engine();
        let verdict = deliver(&engine, rig.envelope(&wish(1, 1))).await;
        let row = rig.show(verdict.id).await.sends.remove(0).id;
        if fetched {
            let reader =
                Reader { partner: "kita-portal-nord".to_owned(), destinations: vec![NORD.to_owned()] };
            let ask = Ask {
                id: row,
                ticket: None,
                key: None,
                lease: Duration::from_secs(10),
                now: rig.clock.now(),
            };
            assert!(matches!(rig.store.hand_out(&reader, ask).await.unwrap(), Handed::Out(..)));
        }
        stop(engine).await;
        rig.set.destinations.remove(NORD);
        let engine = rig.engine();
        let ended = ends(&rig, verdict.id, NORD, if fetched { "unclear" } else { "parked" }).await;
        assert!(ended.cause.as_ref().unwrap().contains("not configured any more"), "{ended:?}");
        let step = if fetched { "ask the receiver" } else { "bring the connection back" };
        assert!(ended.next_step.as_ref().unwrap().contains(step), "{ended:?}");
        stop(engine).await;
    }
}

/// A mailbox.
struct Letterbox;

#[async_trait]
impl Destination for Letterbox {
    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        Err(SendError::Never { cause: "its receiver comes for it".to_owned() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "there is no way to ask".to_owned() })
    }

    fn width(&self) -> usize {
        1
    }

    fn collected(&self) -> bool {
        true
    }
}
