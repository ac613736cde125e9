//! Looks after what was sent until its far end confirms it: one replica alone, under a duty, each destination with the width and the
//! patience that it has for sending. A look settles under the fence of the duty and is made again where a crash took it along.
//! Never sends anything, never holds a lane, and decides nothing that a far end or the time has not said.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::effects::Way;
use crate::envelope::Envelope;
use crate::store::duty::Duty;
use crate::store::error::StoreError;
use crate::store::follow::{ASK_RECEIVER, Followed, Found, Looked, TAKE_AWAY, Which};
use crate::store::lane::{self, Follow, Onward, Why};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::transport::port::{self, After, Destination, PROOF, Proof, SendError, Withdrawal};

use super::answers;
use super::breaker::signed;
use super::core::Core;
use super::duty::Term;
use super::housekeeping::pauses_known;
use super::onward::{self, NO_WAY};
use super::points::{Crashed, Point};
use super::settle::{until_stored, way_left};
use super::troubled::Troubled;
use super::watch::Unwound;

/// The duty of looking after what was sent.
pub const DUTY: &str = "following";

/// How often it is asked what is due, where nothing says so: what another replica has sent, or what a pause has held.
const ASK: Duration = Duration::from_secs(1);
/// So many looks at once.
const TOGETHER: usize = 64;
/// Between two looks at one row, where its far end names no time: longer the longer nothing was confirmed.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(3600);
/// Between two attempts to take something back, where its far end names no time.
const TAKE_BACK: Duration = Duration::from_secs(60);

/// What is laid down with a row that was sent now.
pub fn laid(follow: port::Follow, now: Timestamp) -> Follow {
    let after = |span| now.checked_add(signed(span)).unwrap_or(Timestamp::MAX);
    let until = after(follow.within);
    Follow { due: after(follow.first).min(until), until, keep: follow.keep }
}

/// When a row is looked at again that was sent `since` and is still open.
fn again(since: Timestamp, until: Timestamp, asked: Option<Duration>, now: Timestamp) -> Timestamp {
    let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let pause = asked.unwrap_or((age / 4).min(LATEST)).max(SOONEST);
    let at = now.checked_add(signed(pause)).unwrap_or(Timestamp::MAX);
    // The end of its time is a look of its own, so that it fails then and not a pause later.
    if now < until { at.min(until) } else { at }
}

/// What a look leads to. Nothing that could not be found out ever counts as confirmed, and what nobody confirmed in its time has failed.
pub fn judged(
    after: Result<After, SendError>,
    (since, until): (Timestamp, Timestamp),
    now: Timestamp,
) -> (Found, Vec<Envelope>) {
    let alone = |found| (found, Vec::new());
    let open = |asked, trouble| alone(Found::Open { at: again(since, until, asked, now), trouble });
    let failed = |cause: String, next: &str| {
        alone(Found::Failed { cause, next_step: next.to_owned(), proof: bytes::Bytes::new() })
    };
    let last = now >= until;
    match after {
        Ok(After::Confirmed(proof)) => {
            let (evidence, octets, answers) = kept(proof);
            (Found::Confirmed { evidence, proof: octets }, answers)
        }
        Ok(After::Failed { cause, next_step, proof }) => {
            let (evidence, octets, answers) = kept(proof);
            let cause = if evidence.is_empty() { cause } else { format!("{cause} ({evidence})") };
            (Found::Failed { cause, next_step, proof: octets }, answers)
        }
        Ok(After::Open { again }) if !last => open(again, None),
        Ok(After::Open { .. }) => failed("not confirmed in its time".to_owned(), ASK_RECEIVER),
        Err(SendError::Never { cause }) => failed(cause, ASK_RECEIVER),
        Err(SendError::Later { retry_after, cause, .. }) if !last => open(retry_after, Some(cause)),
        Err(SendError::Unclear { cause }) if !last => open(None, Some(cause)),
        Err(SendError::Later { cause, .. } | SendError::Unclear { cause }) => {
            failed(format!("nobody could tell in its time whether it was confirmed: {cause}"), ASK_RECEIVER)
        }
    }
}

/// Whether a look finds the receiver's time over, where the next way is taken then.
fn to_take_back(followed: &Followed, now: Timestamp) -> Option<&lane::Next> {
    followed.next.as_ref().filter(|next| next.late_after.is_some() && now >= followed.until)
}

/// What taking back leads to. Another way is taken only where it is certain that the receiver has not got it and cannot get it any more.
pub fn taken_back(
    back: Result<Withdrawal, SendError>,
    (from, since, until): (&str, Timestamp, Timestamp),
    to: &Way,
    now: Timestamp,
) -> (Found, Vec<Envelope>) {
    let alone = |found| (found, Vec::new());
    // It is tried for as long again as the receiver had, and for an hour at least.
    let had = until.duration_since(since).max(jiff::SignedDuration::from_hours(1));
    let over = until.checked_add(had).is_ok_and(|end| now >= end);
    let failed = |cause: String| {
        let next_step = TAKE_AWAY.to_owned();
        alone(Found::Failed { cause, next_step, proof: bytes::Bytes::new() })
    };
    match back {
        Ok(Withdrawal::Step { keep }) => alone(Found::Step { at: now, keep }),
        Ok(Withdrawal::Gone) => alone(Found::TakenBack(Onward {
            from: from.to_owned(),
            to: to.clone(),
            why: Why::NotCollected,
            cause: "not collected in time, taken back before anybody took it".to_owned(),
        })),
        Ok(Withdrawal::Collected(proof)) => {
            let (evidence, octets, answers) = kept(proof);
            (Found::Confirmed { evidence, proof: octets }, answers)
        }
        Err(SendError::Later { retry_after, cause, .. }) if !over => {
            let pause = retry_after.unwrap_or(TAKE_BACK).max(SOONEST);
            let at = now.checked_add(signed(pause)).unwrap_or(Timestamp::MAX);
            alone(Found::Held { at, cause: format!("{NOT_TAKEN_BACK}: {cause}") })
        }
        Err(SendError::Later { cause, .. } | SendError::Never { cause } | SendError::Unclear { cause }) => {
            failed(format!("not collected in time, and not taken back for certain: {cause}"))
        }
    }
}

/// Begins what is noted of a row that cannot be taken back now.
const NOT_TAKEN_BACK: &str = "its receiver's time is over, and it cannot be taken back";

/// What is kept of a proof.
fn kept(proof: Proof) -> (String, bytes::Bytes, Vec<Envelope>) {
    let Proof { evidence, octets, answers } = proof;
    if octets.len() <= PROOF {
        return (evidence, octets, answers);
    }
    let (size, hash) = (octets.len(), hex::encode(digest::digest(&digest::SHA256, &octets)));
    let told = format!("its proof of {size} octets is too long to be kept, SHA-256 {hash}");
    let evidence = if evidence.is_empty() { told } else { format!("{evidence}; {told}") };
    (evidence, bytes::Bytes::new(), answers)
}

/// Runs until the engine stops. What is under way then is looked at again by whoever has the duty next.
pub async fn run(core: Arc<Core>) {
    pauses_known(&core).await;
    let wish = core.duties.wish(DUTY);
    while !core.stop.is_cancelled() && !core.points.crashed() {
        let term = tokio::select! {
            term = wish.term() => term,
            () = core.stop.cancelled() => return,
        };
        if under(&core, &term).await.is_err() {
            return;
        }
    }
}

/// Looks under one term; returns when it is over.
async fn under(core: &Arc<Core>, term: &Term) -> Result<(), Crashed> {
    let mut desk = Desk { looks: JoinSet::new(), under_way: HashMap::new(), troubled: Arc::default() };
    while !core.stop.is_cancelled() && !term.ended().is_cancelled() {
        if core.points.crashed() {
            return Err(Crashed);
        }
        desk.clear();
        desk.troubled.forget(&core.parts, core.clock.now());
        let mut until = None;
        if !core.gate.is_closed() {
            match desk.begin(core, term.duty()).await {
                Ok(Next::Stale) => return Ok(()),
                Ok(Next::More) => continue,
                Ok(Next::At(next)) => until = next,
                Err(error) => core.store_failed(&error),
            }
        }
        let timer = async {
            match until {
                Some(until) => core.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            Some(ended) = desk.looks.join_next_with_id(), if !desk.looks.is_empty() => desk.ended(ended),
            () = tokio::time::sleep(ASK) => {}
            () = term.ended().cancelled() => {}
            () = core.stop.cancelled() => {}
        }
    }
    Ok(())
}

/// When there is something to look at next.
enum Next {
    /// Another replica has the duty.
    Stale,
    /// At once.
    More,
    /// At this time, if it is known, or when a look ends.
    At(Option<Timestamp>),
}

/// The looks that are under way.
struct Desk {
    looks: JoinSet<()>,
    /// By task: row and destination.
    under_way: HashMap<tokio::task::Id, (Uuid, String)>,
    troubled: Arc<Troubled>,
}

impl Desk {
    fn clear(&mut self) {
        while let Some(ended) = self.looks.try_join_next_with_id() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(failed) => failed.id(),
        };
        self.under_way.remove(&id);
    }

    fn at(&self, destination: &str) -> usize {
        self.under_way.values().filter(|(_, of)| of == destination).count()
    }

    /// Begins what is due and has room.
    async fn begin(&mut self, core: &Arc<Core>, duty: &Duty) -> Result<Next, StoreError> {
        let Some(next) = core.store.next_look().await? else { return Ok(Next::At(None)) };
        let now = core.clock.now();
        if next > now {
            return Ok(Next::At(Some(next)));
        }
        let room = TOGETHER.saturating_sub(self.looks.len());
        if room == 0 {
            return Ok(Next::At(None));
        }
        let set = core.set.load_full();
        let breakers = core.store.breakers().await?;
        let open = breakers.into_iter().filter(|row| row.open_until.is_some_and(|until| until > now));
        let mut except: Vec<String> = open.map(|row| row.destination).collect();
        let full = |name: &&String, to: &Arc<dyn Destination>| self.at(name) >= to.width().max(1);
        let held =
            set.destinations.iter().filter(|(name, to)| core.destination_paused(name) || full(name, to));
        except.extend(held.map(|(name, _)| name.clone()));
        // What is under way is still due, and comes with what is not.
        let limit = room + self.looks.len();
        let which = Which { now, limit, except };
        let Some(due) = core.store.due_looks(duty, &which).await? else { return Ok(Next::Stale) };
        let many = due.len() >= limit;
        let under_way: HashSet<Uuid> = self.under_way.values().map(|(row, _)| *row).collect();
        let mut begun = false;
        for followed in due.into_iter().filter(|followed| !under_way.contains(&followed.id)) {
            let destination = set.destinations.get(&followed.destination).cloned();
            let width = destination.as_ref().map_or(TOGETHER, |to| to.width().max(1));
            if self.looks.len() >= TOGETHER || self.at(&followed.destination) >= width {
                continue;
            }
            begun = true;
            let what = (followed.id, followed.destination.clone());
            let of = (duty.clone(), self.troubled.clone());
            let look = look(core.clone(), of, destination, followed);
            self.under_way.insert(self.looks.spawn(look).id(), what);
        }
        // Where one destination has filled the list those behind it are due, too.
        Ok(if many && begun { Next::More } else { Next::At(None) })
    }
}

/// One look, to its settling. A crash or a lost duty takes it along: it is made again.
async fn look(
    core: Arc<Core>,
    (duty, troubled): (Duty, Arc<Troubled>),
    destination: Option<Arc<dyn Destination>>,
    followed: Followed,
) {
    let _unwound = Unwound(followed.destination.clone());
    if core.points.reach(Point::BeforeLook).is_err() {
        return;
    }
    // One moment for all that this look decides: what was not yet to be taken back when it was asked has not failed when the answer comes.
    let now = core.clock.now();
    // What lies where it can be taken is not taken back for a way that is no more.
    let over = to_take_back(&followed, now);
    let next = over.filter(|next| onward::leads(&core, next, followed.since));
    let stays = over.is_some() && next.is_none();
    let last = next.is_none() && now >= followed.until;
    let after = ask(&core, destination.as_deref(), &followed, last).await;
    let taken = match (&after, next) {
        // What the receiver has, or never gets, is not taken back.
        (Ok(After::Open { .. }) | Err(_), Some(next)) => {
            Some((take_back(&core, destination.as_deref(), &followed).await, next))
        }
        _ => None,
    };
    if core.points.reach(Point::AfterLook).is_err() {
        return;
    }
    let (found, answers) = match taken {
        Some((back, next)) => {
            let of = (followed.destination.as_str(), followed.since, followed.until);
            taken_back(back, of, &next.way, now)
        }
        None => judged(after, (followed.since, followed.until), now),
    };
    let found = match found {
        Found::Failed { cause, next_step, proof } if stays => Found::Failed {
            cause: format!("{cause}; it stays where it lies, because {NO_WAY}"),
            next_step,
            proof,
        },
        found => found,
    };
    let answers = answers::laid(&core, answers);
    let (row, since, looks) = (followed.id, followed.since, followed.looks);
    let delivers = followed.delivers;
    let looked = Looked { row, since, looks, delivers, found: found.clone(), answers, now: core.clock.now() };
    let settle = |looked| core.store.settle_look(&duty, looked);
    if until_stored(&core, looked, |looked| &mut looked.answers, settle).await == Some(true) {
        report(&followed, &found);
        troubled.note(&core.parts, &followed, &found);
        if matches!(found, Found::TakenBack(_)) {
            core.outbox.notify_one();
        }
    }
    let _ = core.points.reach(Point::LookSettled);
}

/// Asks the far end. `last`: what it does not confirm now has failed.
async fn ask(
    core: &Core,
    destination: Option<&dyn Destination>,
    followed: &Followed,
    last: bool,
) -> Result<After, SendError> {
    let Some(destination) = destination else { return not_configured() };
    let asked = asked(followed, last);
    within(core, destination, followed, destination.look_after(&asked)).await
}

/// Takes it back.
async fn take_back(
    core: &Core,
    destination: Option<&dyn Destination>,
    followed: &Followed,
) -> Result<Withdrawal, SendError> {
    let Some(destination) = destination else { return not_configured() };
    within(core, destination, followed, destination.withdraw(&asked(followed, true))).await
}

fn not_configured<T>() -> Result<T, SendError> {
    let cause = "destination is not configured in this stage".to_owned();
    Err(SendError::Later { cause, retry_after: None, far_end: false })
}

fn asked(followed: &Followed, last: bool) -> port::Followed<'_> {
    port::Followed {
        id: followed.id,
        reference: &followed.reference,
        keep: &followed.keep,
        looks: followed.looks,
        last,
    }
}

/// No longer than a far end may stand still. A panic of a transport is an error of this program and costs one look.
async fn within<T>(
    core: &Core,
    destination: &dyn Destination,
    followed: &Followed,
    asked: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let later =
        |cause: &str| Err(SendError::Later { cause: cause.to_owned(), retry_after: None, far_end: false });
    let patience = destination.patience().unwrap_or(core.settings.send_timeout);
    match tokio::time::timeout(patience, AssertUnwindSafe(asked).catch_unwind()).await {
        Ok(Ok(after)) => after,
        Ok(Err(_)) => {
            raise(Alarm::WorkerFailed, &followed.destination, &[]);
            later("an error of this program broke the look off")
        }
        Err(_) => later("the receiver did not answer in time"),
    }
}

fn report(followed: &Followed, found: &Found) {
    let destination = followed.destination.as_str();
    let outcome = match found {
        Found::Held { .. } => {
            // Once for each: what was noted says that a person was called.
            if !followed.held {
                raise(Alarm::NotTakenBack, destination, &[("id", &followed.id.to_string())]);
            }
            metric::Looked::Open
        }
        Found::Open { .. } | Found::Step { .. } => metric::Looked::Open,
        Found::TakenBack(onward) => {
            way_left(onward);
            metric::Looked::TakenBack
        }
        Found::Confirmed { .. } => metric::Looked::Confirmed,
        Found::Failed { .. } => {
            raise(Alarm::DeliveryNotConfirmed, destination, &[("id", &followed.id.to_string())]);
            metric::Looked::Failed
        }
    };
    metric::looked(destination, outcome);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn open_at(seconds: i64) -> Found {
        Found::Open { at: at(seconds), trouble: None }
    }

    fn of(after: Result<After, SendError>, now: i64) -> Found {
        judged(after, (at(0), at(1000)), at(now)).0
    }

    #[test]
    fn what_is_open_is_looked_at_again_and_fails_when_its_time_is_over() {
        let open = |again| Ok(After::Open { again });
        assert_eq!(of(open(None), 0), open_at(1));
        assert_eq!(of(open(None), 400), open_at(500));
        assert_eq!(of(open(Some(Duration::from_secs(30))), 400), open_at(430));
        assert_eq!(of(open(None), 900), open_at(1000), "the last look is at its end");
        assert!(matches!(of(open(None), 1000), Found::Failed { .. }));
        let long = judged(open(None), (at(0), at(1_000_000)), at(500_000)).0;
        assert_eq!(long, open_at(503_600));
    }

    #[test]
    fn what_nobody_can_tell_is_never_confirmed() {
        let later =
            |retry_after| Err(SendError::Later { cause: "down".to_owned(), retry_after, far_end: true });
        let unclear = || Err(SendError::Unclear { cause: "mute".to_owned() });
        let down = |seconds| Found::Open { at: at(seconds), trouble: Some("down".to_owned()) };
        assert_eq!(of(later(Some(Duration::from_secs(100))), 4), down(104), "why is told");
        assert!(matches!(of(unclear(), 4), Found::Open { trouble: Some(why), .. } if why == "mute"));
        for (error, word) in [(later(None), "down"), (unclear(), "mute")] {
            assert!(matches!(of(error, 1000), Found::Failed { cause, .. } if cause.contains(word)));
        }
        let never = Err(SendError::Never { cause: "no such report".to_owned() });
        assert!(matches!(of(never, 4), Found::Failed { cause, .. } if cause == "no such report"));
    }

    #[test]
    fn only_what_is_certainly_back_goes_another_way() {
        let to = Way { destination: "tray:x".to_owned(), seconds: 60, until_late: false };
        let of = |back, now| taken_back(back, ("box:x", at(0), at(1000)), &to, at(now)).0;
        let later = || Err(SendError::Later { cause: "down".to_owned(), retry_after: None, far_end: true });
        let keep = bytes::Bytes::from_static(b"k");
        assert_eq!(of(Ok(Withdrawal::Step { keep: keep.clone() }), 1000), Found::Step { at: at(1000), keep });
        let Found::TakenBack(onward) = of(Ok(Withdrawal::Gone), 1000) else { panic!("it is back") };
        assert_eq!((&*onward.from, &onward.to, onward.why), ("box:x", &to, Why::NotCollected));
        let collected = of(Ok(Withdrawal::Collected(Proof::default())), 1000);
        assert!(matches!(collected, Found::Confirmed { .. }), "{collected:?}");
        let Found::Held { at: then, cause: why } = of(later(), 1000) else { panic!("it is tried again") };
        assert_eq!((then, why), (at(1060), format!("{NOT_TAKEN_BACK}: down")));
        assert!(matches!(of(later(), 4600), Found::Failed { .. }), "not for ever");
        for error in
            [SendError::Never { cause: "no".to_owned() }, SendError::Unclear { cause: "mute".to_owned() }]
        {
            assert!(matches!(of(Err(error), 1000), Found::Failed { .. }));
        }
    }

    #[test]
    fn a_proof_is_kept_whole_or_by_its_hash() {
        let confirmed = |octets: usize| {
            let proof =
                Proof { evidence: "read".to_owned(), octets: vec![7; octets].into(), answers: Vec::new() };
            of(Ok(After::Confirmed(proof)), 2000)
        };
        let Found::Confirmed { evidence, proof } = confirmed(PROOF) else { panic!("late is not lost") };
        assert_eq!((evidence.as_str(), proof.len()), ("read", PROOF));
        let Found::Confirmed { evidence, proof } = confirmed(PROOF + 1) else { panic!("it is confirmed") };
        assert!(proof.is_empty() && evidence.starts_with("read; its proof of 1048577 octets"), "{evidence}");
    }

    #[test]
    fn the_first_look_is_never_after_the_last() {
        let follow = |first, within| {
            let (first, within) = (Duration::from_secs(first), Duration::from_secs(within));
            laid(port::Follow { first, within, keep: bytes::Bytes::new() }, at(0))
        };
        assert_eq!((follow(5, 50).due, follow(5, 50).until), (at(5), at(50)));
        assert_eq!(follow(50, 5).due, at(5));
    }
}
