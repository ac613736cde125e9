//! What a store decides, apart from how it keeps it: repeats, heads of lanes, fences, the end of waiting. Pure functions which
//! the back ends call, and with which the model of the tests walks through every order of events.
//! Never reads a row and never looks at a clock. Times are microseconds, or any other unit, of one clock.

use crate::envelope::Inbound;
use crate::store::lane::{Anew, BELOW, Outcome, Undelivered};
use crate::store::states::{FollowState, RowState, SendState};

/// What is there of an entry that is to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing that stands in its way.
    New,
    /// The same: its first verdict is repeated.
    Again,
    /// The same key or id with other content.
    Conflict,
    /// It wants to resume a message that does not exist.
    Orphan,
}

/// What is said of an entry that resumes a message which does not exist.
pub const ORPHAN: &str = "the message that it resumes does not exist";

/// The message that lies under the entry's own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Whether its content is the entry's.
    pub same_content: bool,
    /// Whether it waits to run again.
    pub may_resume: bool,
}

/// How an entry stands to the message under its own id.
pub fn by_id(row: Option<Own>, resumes: bool) -> Known {
    match (row, resumes) {
        (None, false) => Known::New,
        (None, true) => Known::Orphan,
        (Some(row), true) if row.may_resume => Known::New,
        // Another process has settled it meanwhile.
        (Some(_), true) => Known::Again,
        // The same delivery committed once more after an unknown outcome.
        (Some(row), false) if row.same_content => Known::Again,
        (Some(_), false) => Known::Conflict,
    }
}

/// The state in which a message ends that waited when another delivery of the same had settled it, in that one's state; `None`: it
/// stays as it is, because a person has to do with it.
pub fn ends_as(own: &str, first: &str) -> Option<String> {
    let waited = own == Inbound::Waiting.as_str();
    // Where the other one waits, too, its effect is that one's.
    let first = if waited && first == own { Inbound::Accepted.as_str() } else { first };
    waited.then(|| first.to_owned())
}

/// How an entry stands to the message under one of its keys of idempotency; `own`: that message is the entry itself; `forgot`: nothing of
/// that message was of use to anybody here, and of the entry something is: what it says has its effect now.
pub fn by_key(own: bool, same_content: bool, forgot: bool) -> Known {
    match (own, same_content) {
        (true, _) => Known::New,
        (false, true) if forgot => Known::New,
        (false, true) => Known::Again,
        (false, false) => Known::Conflict,
    }
}

/// A row of the outbox, as far as it decides about its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its state.
    pub state: RowState,
    /// Whether what it comes after was sent.
    pub free: bool,
    /// It must not leave earlier.
    pub not_before: Option<i64>,
}

impl Head {
    /// Whether it may be handed out now; the rows behind it may only if it may.
    pub fn may_leave(&self, now: i64) -> bool {
        self.free && self.state.is_open() && self.not_before.is_none_or(|not_before| not_before <= now)
    }
}

/// Whether a lane may go to the process that commits its first row: it was made just now, so that nothing is in it that another
/// process knows of, and that row can leave at once (`free`: when it can; `None` when that is to be found out).
pub fn may_take(made: bool, free: Option<i64>, now: i64) -> bool {
    made && free.is_some_and(|free| free <= now)
}

/// What a person's word leads to that a row did not reach its receiver, by what it is for that person; `None` where nobody asks a person for
/// that, or nothing follows from it. `next`: whether there is a way after the one that it is on.
pub fn said_not_arrived(state: SendState, next: bool) -> Option<Undelivered> {
    match (state, next) {
        (SendState::Parked, false) => None,
        (SendState::Parked | SendState::Unclear | SendState::Failed | SendState::NotTakenBack, _) => {
            Some(Undelivered::judged(next, false))
        }
        (SendState::Queued | SendState::Retrying | SendState::Sent | SendState::Confirmed, _) => None,
    }
}

/// When a lane goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// It has no unsettled row and nobody holds it: it goes away.
    Gone,
    /// It cannot go by itself; `held`: a person has to look.
    Still {
        /// Whether its head waits for a person.
        held: bool,
    },
    /// At this time.
    At(i64),
}

/// When a lane goes, by its first unsettled row: at `at` if it was idle (or `anew`), never before the head's own time and
/// never while the head is held. `lane_arm.sql` says the same for PostgreSQL.
pub fn arm(head: Option<Head>, next_try: Option<i64>, leased: bool, at: i64, anew: bool) -> Armed {
    match head {
        None if leased => Armed::Still { held: false },
        None => Armed::Gone,
        Some(head) if head.state.is_held() => Armed::Still { held: true },
        Some(head) if !head.free => Armed::Still { held: false },
        Some(head) => {
            let next = if anew { at } else { next_try.unwrap_or(at) };
            Armed::At(next.max(head.not_before.unwrap_or(next)))
        }
    }
}

/// Who settles: lane and fence of its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The lane.
    pub lane: i64,
    /// The fence.
    pub fence: i64,
}

/// Whether a settle goes through: its lane stands under its own fence, and the row is this lane's and not yet settled.
pub fn settles(holder: Holder, fence_of_lane: Option<i64>, row_lane: i64, row_state: RowState) -> bool {
    fence_of_lane == Some(holder.fence) && row_lane == holder.lane && row_state.is_open()
}

/// The lane of a row that a reader of a mailbox asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leased<'a> {
    /// Its fence.
    pub fence: i64,
    /// Until when it is leased.
    pub until: Option<i64>,
    /// To whom.
    pub holder: &'a str,
}

/// How the first row of a lane of a mailbox is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOut {
    /// Under a new lease; a former one is over, and what was handed out under it is in doubt.
    Anew,
    /// To whom it was handed out before, under the same lease.
    Again,
    /// Not before the lease of another is over.
    NotYet(i64),
}

/// Whether a reader gets the first row of a lane, by the fence that it shows and the word by which it knows its repeats. A lease that ends
/// after `absurd` was given before the clock went back.
pub fn hand_out(
    lane: Leased<'_>,
    (shown, holder): (Option<i64>, Option<&str>),
    now: i64,
    absurd: i64,
) -> HandOut {
    match lane.until {
        Some(until) if until > now && until <= absurd => {
            let same = shown == Some(lane.fence) || holder.is_some_and(|holder| holder == lane.holder);
            if same { HandOut::Again } else { HandOut::NotYet(until) }
        }
        _ => HandOut::Anew,
    }
}

/// The fence of a lane that is handed out to a reader anew.
pub fn handed_anew(fence: i64) -> i64 {
    ((fence >> BELOW) + 1) << BELOW
}

/// Whether what a reader shows is the last hand-out of a lane, whatever processes had it since: they send nothing to a mailbox. Hand-outs of a
/// program that did not count them apart are known by their whole fence only.
pub fn last_hand_out(shown: i64, stands: i64) -> bool {
    shown == stands || (shown <= stands && shown > 0 && shown == (stands >> BELOW) << BELOW)
}

/// Whether a reader may end a row that is the first of its lane: it is in its hand, or was and nobody has said since what became of it. What
/// was refused, given back, or replayed by a person has to be handed out anew first, and so has what never was: its lane's fence is no secret.
pub fn handed_out(leased: bool, doubted: bool) -> bool {
    leased || doubted
}

/// Whether a close counts of what is open again and was not handed out anew: its mailbox was no more for a time, in which processes had its lane.
/// `doubted`: it is the first of its lane, was handed out, and nobody has said what became of that.
pub fn taken_meanwhile(outcome: &Outcome, (shown, stands): (i64, Option<i64>), doubted: bool) -> bool {
    let processes = stands.is_some_and(|stands| shown != stands && last_hand_out(shown, stands));
    matches!(outcome, Outcome::Sent { .. }) && processes && doubted
}

/// What a reader's close leads to that comes after a row of its mailbox was held for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedLate {
    /// It answers what a person was to find out.
    Answers,
    /// It says that a person erred who had said that it did not arrive.
    Contradicts,
}

/// Whether it counts: only by the receipt of the last hand-out (`fits`), and where nobody else has said what became of that. `said`: a person
/// has said that it did not arrive. `doubted`: it was handed out and nobody has said what became of that; so what was held back since was read.
pub fn closed_late(state: RowState, fits: bool, said: bool, doubted: bool) -> Option<ClosedLate> {
    match (state, said) {
        _ if !fits => None,
        (RowState::Unclear, _) => Some(ClosedLate::Answers),
        (RowState::Parked, true) => Some(ClosedLate::Contradicts),
        (RowState::Parked, false) if doubted => Some(ClosedLate::Answers),
        _ => None,
    }
}

/// What came of a reader's ending a row that is not open any more: the same call repeated says the same. `reference`: what is noted with a
/// row that was sent; `None` where its content went.
pub fn ended_before(
    outcome: &Outcome,
    state: RowState,
    reference: Option<&str>,
    (holder, fence): (Holder, Option<i64>),
) -> bool {
    match outcome {
        Outcome::Sent { reference: own, .. } => {
            state == RowState::Sent && reference.is_none_or(|reference| reference == own)
        }
        Outcome::Parked { .. } => state == RowState::Parked && fence == Some(holder.fence),
        Outcome::Later { .. } | Outcome::Stays { .. } | Outcome::Unclear { .. } | Outcome::Onward(_) => false,
    }
}

/// A row of what a request has caused, as far as it decides whether its answer can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Its state.
    pub state: RowState,
    /// An attempt of unknown outcome was made.
    pub unclear: bool,
    /// An attempt left something at the far end.
    pub left: bool,
    /// No way before the one that it is on may have shown it, and it goes to whom it was made for.
    pub unseen: bool,
    /// Somebody has its lane in hand.
    pub leased: bool,
    /// The fence of its lane; 0 where there is none.
    pub fence: i64,
    /// It carries the answer, and does not only say that there is one.
    pub carries: bool,
}

impl Owed {
    /// Whether it is certain that nothing of it has left: nobody has it in hand, no attempt is in doubt, and no reader was ever shown it, by this
    /// way or one before. That attempts were refused does not matter: what was refused for certain was not accepted.
    pub fn is_here(&self) -> bool {
        let still = self.state.is_open() || self.state == RowState::Parked;
        still && !self.unclear && !self.left && self.unseen && !self.leased && self.fence >> BELOW == 0
    }
}

/// Which of these rows go where an answer is taken back, by their places: all that carry it, and what else of them is still here. `None` where
/// any of the answer may have left, and where nothing carries it: then nobody knows how it was given.
pub fn taken_back(rows: &[Owed]) -> Option<Vec<usize>> {
    let carried = || rows.iter().filter(|row| row.carries);
    let here = carried().next().is_some() && carried().all(Owed::is_here);
    here.then(|| (0..rows.len()).filter(|place| rows[*place].is_here()).collect())
}

/// Which of these rows go where their request is over: all that carry the answer, or nothing. What is owed or told besides says nothing of it.
pub fn withdrawn(rows: &[Owed]) -> Option<Vec<usize>> {
    Some(taken_back(rows)?.into_iter().filter(|place| rows[*place].carries).collect())
}

/// What becomes of an answer that is to be decided anew, by its rows and whether its request is kept and decided.
pub fn anew(rows: &[Owed], kept: bool) -> Anew {
    let free: Vec<Owed> = rows.iter().map(|row| Owed { leased: false, ..*row }).collect();
    match (taken_back(rows).is_some(), taken_back(&free).is_some()) {
        (true, _) if kept => Anew::Runs,
        (true, _) => Anew::Gone,
        (false, true) => Anew::Busy,
        (false, false) => Anew::Left,
    }
}

/// The state that an outcome leaves a row in, and whether it is in doubt then; `None`: as before.
pub fn state_after(outcome: &Outcome) -> (RowState, Option<bool>) {
    match outcome {
        Outcome::Sent { .. } => (RowState::Sent, Some(false)),
        Outcome::Later { doubt, .. } => (RowState::Retrying, *doubt),
        Outcome::Stays { .. } => (RowState::Retrying, None),
        Outcome::Onward(_) => (RowState::Queued, Some(false)),
        Outcome::Parked { .. } => (RowState::Parked, None),
        Outcome::Unclear { .. } => (RowState::Unclear, Some(true)),
    }
}

/// A look at a row that is followed: since when it is, and how many looks were settled before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When the row was sent.
    pub since: i64,
    /// Looks before this one.
    pub looks: i64,
}

/// Whether a look settles: the row is still to be confirmed, was not sent again since, and no other look was settled meanwhile. `stands`
/// is what is kept of it, with its state.
pub fn look_settles(asked: Look, stands: Option<(FollowState, Look)>) -> bool {
    stands.is_some_and(|(state, look)| state == FollowState::Open && look == asked)
}

/// What waits for a person of a row that was sent, by what is kept of it: it has failed, or (`held`) cannot be taken back.
pub fn waits_for_person(followed: FollowState, held: bool) -> Option<SendState> {
    match followed {
        FollowState::Failed => Some(SendState::Failed),
        FollowState::Open if held => Some(SendState::NotTakenBack),
        FollowState::Open | FollowState::Confirmed => None,
    }
}

/// Whether a waiting message that runs now runs because its time is over: nobody woke it and no person replayed it.
pub fn wait_is_over(until: Option<i64>, woken: bool, by_person: bool, now: i64) -> bool {
    until.is_some_and(|until| until <= now) && !woken && !by_person
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Head = Head { state: RowState::Queued, free: true, not_before: None };

    #[test]
    fn a_message_is_new_only_where_nothing_of_it_is_there() {
        let row = |same_content, may_resume| Some(Own { same_content, may_resume });
        assert_eq!(by_id(None, false), Known::New);
        assert_eq!(by_id(None, true), Known::Orphan);
        assert_eq!(by_id(row(true, true), true), Known::New);
        assert_eq!(by_id(row(true, false), true), Known::Again);
        assert_eq!(by_id(row(true, true), false), Known::Again);
        assert_eq!(by_id(row(false, false), false), Known::Conflict);
        assert_eq!(by_key(false, true, false), Known::Again);
        assert_eq!(by_key(false, true, true), Known::New);
        assert_eq!(by_key(false, false, false), Known::Conflict);
        assert_eq!(by_key(false, false, true), Known::Conflict);
        assert_eq!(by_key(true, false, false), Known::New);
        assert_eq!(ends_as("waiting", "rejected").as_deref(), Some("rejected"));
        assert_eq!(ends_as("waiting", "waiting").as_deref(), Some("accepted"));
        assert_eq!(ends_as("parked", "accepted"), None);
    }

    #[test]
    fn a_head_leaves_when_it_is_open_free_and_due() {
        assert!(FREE.may_leave(0));
        assert!(Head { state: RowState::Retrying, ..FREE }.may_leave(0));
        assert!(!Head { free: false, ..FREE }.may_leave(0));
        assert!(!Head { not_before: Some(1), ..FREE }.may_leave(0));
        for state in [RowState::Parked, RowState::Unclear, RowState::Sent] {
            assert!(!Head { state, ..FREE }.may_leave(0), "{state}");
        }
    }

    #[test]
    fn a_lane_keeps_its_time_unless_armed_anew_and_never_goes_before_its_head() {
        assert_eq!(arm(None, Some(3), false, 5, true), Armed::Gone);
        assert_eq!(arm(None, Some(3), true, 5, true), Armed::Still { held: false });
        assert_eq!(arm(Some(FREE), None, false, 5, false), Armed::At(5));
        assert_eq!(arm(Some(FREE), Some(3), false, 5, false), Armed::At(3));
        assert_eq!(arm(Some(FREE), Some(3), false, 5, true), Armed::At(5));
        assert_eq!(arm(Some(Head { not_before: Some(9), ..FREE }), Some(3), false, 5, true), Armed::At(9));
        assert_eq!(
            arm(Some(Head { free: false, ..FREE }), None, false, 5, true),
            Armed::Still { held: false }
        );
        for state in [RowState::Parked, RowState::Unclear] {
            assert_eq!(
                arm(Some(Head { state, ..FREE }), Some(3), true, 5, true),
                Armed::Still { held: true }
            );
        }
    }

    #[test]
    fn a_persons_word_moves_only_what_waits_for_a_person() {
        for state in [SendState::Unclear, SendState::Failed, SendState::NotTakenBack] {
            assert_eq!(said_not_arrived(state, true), Some(Undelivered::Onward), "{state}");
            assert_eq!(said_not_arrived(state, false), Some(Undelivered::Parked), "{state}");
        }
        assert_eq!(said_not_arrived(SendState::Parked, true), Some(Undelivered::Onward));
        assert_eq!(said_not_arrived(SendState::Parked, false), None, "it is");
        for state in [SendState::Queued, SendState::Retrying, SendState::Sent, SendState::Confirmed] {
            assert_eq!(said_not_arrived(state, true), None, "{state}");
        }
        assert_eq!(waits_for_person(FollowState::Failed, false), Some(SendState::Failed));
        assert_eq!(waits_for_person(FollowState::Open, true), Some(SendState::NotTakenBack));
        assert_eq!(waits_for_person(FollowState::Open, false), None, "it is looked after");
        assert_eq!(waits_for_person(FollowState::Confirmed, true), None);
    }

    #[test]
    fn an_answer_is_taken_back_whole_or_not_at_all() {
        const HERE: Owed = Owed {
            state: RowState::Queued,
            unclear: false,
            left: false,
            unseen: true,
            leased: false,
            fence: 0,
            carries: true,
        };
        let told = Owed { carries: false, ..HERE };
        let gone = Owed { state: RowState::Sent, ..told };
        assert_eq!(taken_back(&[gone, HERE, told]), Some(vec![1, 2]), "what only tells may have left");
        for state in [RowState::Retrying, RowState::Parked] {
            assert_eq!(taken_back(&[Owed { state, ..HERE }]), Some(vec![0]), "{state}");
        }
        // A process had it and gave it back; only a reader's hand-outs count in the upper half.
        assert_eq!(taken_back(&[Owed { fence: 3, ..HERE }]), Some(vec![0]));
        for left in [
            Owed { state: RowState::Sent, ..HERE },
            Owed { state: RowState::Unclear, ..HERE },
            Owed { unclear: true, ..HERE },
            Owed { left: true, ..HERE },
            Owed { unseen: false, ..HERE },
            Owed { leased: true, ..HERE },
            Owed { fence: handed_anew(0), ..HERE },
        ] {
            assert_eq!(taken_back(&[HERE, left]), None, "{left:?}");
            assert_eq!(taken_back(&[HERE, Owed { carries: false, ..left }]), Some(vec![0]), "{left:?}");
        }
        assert_eq!(taken_back(&[told]), None, "nobody knows how it was given");
        assert_eq!(taken_back(&[]), None);
        // Whoever asked has withdrawn it: what is told besides is told all the same.
        assert_eq!(withdrawn(&[gone, HERE, told]), Some(vec![1]));
        assert_eq!(withdrawn(&[Owed { state: RowState::Sent, ..HERE }, told]), None);
    }

    #[test]
    fn an_answer_is_decided_anew_where_nothing_of_it_left_and_its_request_is_kept() {
        let here = Owed {
            state: RowState::Queued,
            unclear: false,
            left: false,
            unseen: true,
            leased: false,
            fence: 0,
            carries: true,
        };
        assert_eq!(anew(&[here], true), Anew::Runs);
        assert_eq!(anew(&[here], false), Anew::Gone);
        assert_eq!(anew(&[Owed { leased: true, ..here }], true), Anew::Busy);
        assert_eq!(anew(&[Owed { left: true, ..here }], true), Anew::Left);
        assert_eq!(anew(&[Owed { left: true, leased: true, ..here }], false), Anew::Left);
    }

    #[test]
    fn only_the_holder_of_the_lease_settles() {
        let holder = Holder { lane: 1, fence: 7 };
        assert!(settles(holder, Some(7), 1, RowState::Queued));
        assert!(!settles(holder, Some(8), 1, RowState::Queued), "another holds it");
        assert!(!settles(holder, None, 1, RowState::Queued), "the lane is gone");
        assert!(!settles(holder, Some(7), 2, RowState::Queued), "the row is another lane's");
        for state in [RowState::Sent, RowState::Parked, RowState::Unclear] {
            assert!(!settles(holder, Some(7), 1, state), "{state}");
        }
    }

    #[test]
    fn a_look_settles_once_and_only_what_it_looked_at() {
        let look = Look { since: 5, looks: 2 };
        assert!(look_settles(look, Some((FollowState::Open, look))));
        assert!(
            !look_settles(look, Some((FollowState::Open, Look { looks: 3, ..look }))),
            "another look came before"
        );
        assert!(
            !look_settles(look, Some((FollowState::Open, Look { since: 6, ..look }))),
            "it was sent again"
        );
        assert!(!look_settles(look, None), "it is not followed any more");
        for state in [FollowState::Confirmed, FollowState::Failed] {
            assert!(!look_settles(look, Some((state, look))), "{state}");
        }
    }

    #[test]
    fn a_reader_gets_what_nobody_has_in_hand_and_its_own_again() {
        let lane = |until| Leased { fence: 7, until, holder: "leser a" };
        let asks = |until, shown, holder| hand_out(lane(until), (shown, holder), 100, 1_000);
        assert_eq!(asks(None, None, None), HandOut::Anew);
        assert_eq!(asks(None, Some(7), Some("leser a")), HandOut::Anew, "what was given back is given anew");
        assert_eq!(asks(Some(101), None, None), HandOut::NotYet(101));
        assert_eq!(asks(Some(101), Some(6), Some("leser b")), HandOut::NotYet(101));
        assert_eq!(asks(Some(101), Some(7), None), HandOut::Again);
        assert_eq!(asks(Some(101), None, Some("leser a")), HandOut::Again);
        assert_eq!(asks(Some(100), Some(7), None), HandOut::Anew, "its time is over");
        assert_eq!(asks(Some(1_001), None, None), HandOut::Anew, "the clock went back");
    }

    #[test]
    fn the_last_hand_out_is_known_behind_the_leases_of_processes() {
        let first = handed_anew(7);
        assert!(first > 7 && last_hand_out(first, first) && last_hand_out(first, first + 5));
        let second = handed_anew(first + 5);
        assert!(second > first + 5 && last_hand_out(second, second + 1));
        assert!(!last_hand_out(first, second) && !last_hand_out(second, first), "another one has it");
        assert!(!last_hand_out(first + 1, first + 2), "that was a process");
        assert!(last_hand_out(7, 7) && !last_hand_out(6, 7) && !last_hand_out(0, 7), "of a program before");
    }

    #[test]
    fn the_same_end_said_again_is_the_same_and_another_is_not() {
        let sent = |reference: &str| Outcome::Sent {
            reference: reference.into(),
            evidence: String::new(),
            follow: None,
        };
        let parked = Outcome::Parked { cause: String::new(), next_step: String::new() };
        let at = (Holder { lane: 1, fence: 7 }, Some(7));
        assert!(ended_before(&sent("1-7"), RowState::Sent, Some("1-7"), at));
        assert!(!ended_before(&sent("1-7"), RowState::Sent, Some("1-8"), at), "another reader has closed it");
        assert!(
            ended_before(&sent("1-7"), RowState::Sent, None, at),
            "nobody knows who closed it, but it is"
        );
        assert!(!ended_before(&sent("1-7"), RowState::Parked, Some("1-7"), at));
        assert!(ended_before(&parked, RowState::Parked, None, at));
        assert!(!ended_before(&parked, RowState::Parked, None, (at.0, Some(8))));
        assert!(!ended_before(&parked, RowState::Sent, None, at));
    }

    #[test]
    fn a_late_close_counts_by_the_last_receipt_and_where_nobody_else_has_said() {
        for doubted in [false, true] {
            let late = |state, fits, said| closed_late(state, fits, said, doubted);
            assert_eq!(late(RowState::Unclear, true, false), Some(ClosedLate::Answers));
            assert_eq!(late(RowState::Parked, true, true), Some(ClosedLate::Contradicts));
            // Else it was refused, or nobody had fetched it.
            assert_eq!(late(RowState::Parked, true, false), doubted.then_some(ClosedLate::Answers));
            for state in [RowState::Unclear, RowState::Parked] {
                assert_eq!(late(state, false, true), None, "another hand-out's receipt");
                assert_eq!(late(state, false, false), None, "another hand-out's receipt");
            }
            assert_eq!(late(RowState::Sent, true, false), None);
        }
    }

    #[test]
    fn waiting_is_over_by_time_alone() {
        assert!(wait_is_over(Some(5), false, false, 5));
        assert!(!wait_is_over(Some(5), false, false, 4));
        assert!(!wait_is_over(Some(5), true, false, 9));
        assert!(!wait_is_over(Some(5), false, true, 9));
        assert!(!wait_is_over(None, false, false, 9));
    }
}
