//! What every store must hold of an answer that is taken back before it leaves.

use std::time::Duration;

use drehscheibe::effects::{
    Fact, Guard, GuardKey, HandOver, Outgoing, Question, TakeBack, Then, Trace, Vorgang, VorgangChange,
    VorgangState, Way,
};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::keys::SearchKey;
use drehscheibe::register::objection::{ObjectionChange, Opening, Which, Why as ObjectedFor};
use drehscheibe::register::vorgang::Akte;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::View;
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::lane::{Anew, Lane, Onward, Outcome, Unsent, Why};
use drehscheibe::store::mailbox::{Ended, Handed, Reader};
use drehscheibe::store::stamp::Scope;
use drehscheibe::telemetry::parts::Turn;
use uuid::Uuid;

use super::common::{
    House, at, bodies, claim, commit_one, delivery, id_of, key, later, open, parked, send, sent, settle,
};
use super::register::ask as look;
use super::ways::ask;

pub const BESIDE: &str = "drehscheibe.stand";

/// A decided request with its letter and what tells that it is done.
fn answered(name: &str, letter: &str) -> Entry {
    let mut request = delivery("a", "p", name);
    let akte = Akte { art: "antrag".into(), fall: Some(Fall::A), ..Akte::default() };
    let vorgang = Vorgang {
        id: Uuid::from_u128(9),
        owner: "amt".into(),
        state: VorgangState::Entschieden,
        deadline: None,
        akte,
    };
    request.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
    let letter = Outgoing {
        id: Uuid::from_u128(1),
        message: "drehscheibe.auskunft".into(),
        not_before: Some(at(0)),
        delivers: Some(key("v")),
        ..send("trays:postfach", None, letter)
    };
    let told =
        Outgoing { id: Uuid::from_u128(2), not_before: Some(at(0)), ..send("callback:kita", None, "done") };
    request.effects.sends = vec![letter, told];
    request
}

fn back(cause: Uuid) -> TakeBack {
    let beside = [BESIDE.to_owned()].into();
    TakeBack { cause, vorgang: key("v"), beside, then: Then::Anew }
}

/// Whether it can be taken back, and an entry of another Mandant that does so.
async fn taking(store: &dyn Store, cause: Uuid, name: &str) -> (bool, Entry) {
    let (fact, seen) = look(store, Question::Unsent(back(cause))).await;
    let mut entry = delivery("b", "q", name);
    entry.effects.take_backs = vec![back(cause)];
    entry.effects.guards = vec![Guard { key: GuardKey(key("v")), seen }];
    entry.now = at(20);
    (fact == Fact::Unsent(true), entry)
}

/// Who reads the mailbox of the letter.
fn reader() -> Reader {
    Reader { partner: "postfach".into(), destinations: vec!["trays:postfach".into()] }
}

fn way(to: &str) -> Way {
    Way { destination: to.into(), seconds: 9_000, until_late: true }
}

fn onward() -> Outcome {
    let (from, to) = ("trays:postfach".into(), way("brief:postfach"));
    Outcome::Onward(Onward { from, to, why: Why::Refused, cause: "410".into() })
}

/// The nth decided request, which has nothing but its letter, by two ways, and rests on a key of its own.
pub fn by_two_ways(n: u128) -> Entry {
    let mut request = answered(&format!("request {n}"), "alt");
    request.effects.sends.truncate(1);
    let letter = &mut request.effects.sends[0];
    (letter.id, letter.delivers) = (letter_of(n), Some(vorgang_of(n)));
    letter.ways = vec![way("trays:postfach"), way("brief:postfach")];
    let number = id_of(&request);
    let change = &mut request.effects.vorgaenge[0];
    (change.key, change.vorgang.id) = (vorgang_of(n), Uuid::from_u128(100 + n));
    change.vorgang.akte.nummer = Some(number);
    request.effects.traces = vec![Trace { under: child_of(n), vorgang: vorgang_of(n) }];
    request
}

pub fn letter_of(n: u128) -> Uuid {
    Uuid::from_u128(1_000 + n)
}

pub fn vorgang_of(n: u128) -> SearchKey {
    key(&format!("v{n}"))
}

pub fn child_of(n: u128) -> SearchKey {
    key(&format!("child{n}"))
}

pub fn unsent(id: Uuid, lane: &Lane) -> Unsent {
    Unsent { cause: id, vorgang: lane.heads[0].delivers.unwrap(), beside: [BESIDE.to_owned()].into() }
}

/// The Vorgang under this key.
async fn stands_under(store: &dyn Store, key: SearchKey) -> Vorgang {
    match look(store, Question::Vorgang(key)).await.0 {
        Fact::Vorgang(Some(vorgang)) => vorgang,
        other => panic!("{other:?}"),
    }
}

pub async fn state_of(store: &dyn Store, n: u128) -> VorgangState {
    stands_under(store, vorgang_of(n)).await.state
}

fn to<'a>(lanes: &'a [Lane], destination: &str) -> &'a Lane {
    lanes.iter().find(|lane| lane.destination == destination).unwrap()
}

async fn stands(store: &dyn Store) -> Vorgang {
    stands_under(store, key("v")).await
}

/// The request is run again with this letter, as the process does that takes it up.
async fn runs_again(store: &dyn Store, request: &Entry, letter: &str) {
    let resumed = store.resume(at(21), Duration::from_secs(60), 10).await.unwrap();
    assert_eq!(resumed.len(), 1);
    assert_eq!((&resumed[0].envelope, resumed[0].expired), (&*request.envelope, false));
    let mut anew = answered("x", letter);
    (anew.envelope, anew.keys, anew.content) =
        (request.envelope.clone(), request.keys.clone(), request.content);
    (anew.resumes, anew.now) = (true, at(22));
    anew.effects.vorgaenge[0].vorgang.state = VorgangState::BeimJugendamt;
    commit_one(store, anew).await;
    assert_eq!(store.resume(at(9_999), Duration::from_secs(60), 10).await.unwrap().len(), 0);
}

pub async fn what_has_not_left_is_taken_back_and_its_request_runs_again(house: &dyn House) {
    let store = open(house).await;
    let request = answered("1", "alt");
    let id = commit_one(&*store, request.clone()).await;
    // What was refused for certain was not accepted.
    let lanes = claim(&*store, 1).await;
    for lane in &lanes {
        assert!(settle(&*store, lane, 0, later(15), true, 2).await);
    }
    let (can, entry) = taking(&*store, id, "2").await;
    assert!(can);
    let made = store.commit_and_take(vec![entry.into()], None).await.unwrap();
    assert_eq!((made.committed.as_slice(), made.woken), ([Committed::New].as_slice(), true));
    let vorgang = stands(&*store).await;
    assert_eq!((vorgang.state, vorgang.akte.fall), (VorgangState::Eingegangen, Some(Fall::A)));
    let view = View {
        scope: Scope::Mandant("a".into()),
        limit: 10,
        person: "p".into(),
        reason: "r".into(),
        now: at(20),
    };
    assert_eq!(store.vorgaenge(view, None).await.unwrap().len(), 1, "it is whose it was");
    assert_eq!(claim(&*store, 20).await.len(), 0, "nothing of it leaves");
    let (can, entry) = taking(&*store, id, "3").await;
    assert!(!can, "once");
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::Stale]);
    runs_again(&*store, &request, "neu").await;
    let lanes = claim(&*store, 23).await;
    assert_eq!(bodies(to(&lanes, "trays:postfach")), ["neu"]);
    assert_eq!(to(&lanes, "trays:postfach").heads[0].id, Uuid::from_u128(1), "under the same id");
    assert_eq!(bodies(to(&lanes, "callback:kita")), ["done"]);
    assert_eq!((lanes.len(), stands(&*store).await.state), (2, VorgangState::BeimJugendamt));
}

pub async fn what_only_tells_may_have_left(house: &dyn House) {
    let store = open(house).await;
    let request = answered("1", "alt");
    let id = commit_one(&*store, request.clone()).await;
    let lanes = claim(&*store, 1).await;
    assert!(settle(&*store, to(&lanes, "callback:kita"), 0, sent(), true, 2).await);
    // Given up: a person could still let it go.
    assert!(settle(&*store, to(&lanes, "trays:postfach"), 0, parked(), true, 2).await);
    let (can, entry) = taking(&*store, id, "2").await;
    assert!(can);
    commit_one(&*store, entry).await;
    runs_again(&*store, &request, "neu").await;
    let lanes = claim(&*store, 23).await;
    assert_eq!(
        lanes.iter().map(bodies).collect::<Vec<_>>(),
        [vec!["neu"]],
        "what was told is not told again"
    );
    assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 0);
}

pub async fn what_may_have_left_is_not_taken_back(house: &dyn House) {
    let store = open(house).await;
    let unclear = Outcome::Unclear { cause: "dead".into() };
    let doubt = Outcome::Later { at: at(15), cause: "dead".into(), doubt: Some(true), turn: Turn::FarEnd };
    for (n, outcome) in [Some(sent()), Some(unclear), Some(doubt), None].into_iter().enumerate() {
        let name = |of: &str| format!("{of}{n}");
        let mut request = answered(&name("request"), "alt");
        let own = key(&name("v"));
        request.effects.vorgaenge[0].key = own.clone();
        for send in &mut request.effects.sends {
            send.id = Uuid::new_v4();
        }
        request.effects.sends[0].delivers = Some(own.clone());
        let id = commit_one(&*store, request).await;
        let asked = TakeBack { vorgang: own.clone(), ..back(id) };
        let (fact, _) = look(&*store, Question::Unsent(asked.clone())).await;
        assert_eq!(fact, Fact::Unsent(true), "{n}");
        // Between look and commit a process takes it in hand; the Vorgang has not moved by that.
        let lanes = claim(&*store, 1).await;
        let lane = to(&lanes, "trays:postfach");
        let mut entry = delivery("b", "q", &name("2"));
        entry.effects.take_backs = vec![asked.clone()];
        assert_eq!(store.commit(vec![entry.clone()]).await.unwrap(), [Committed::Stale], "{n}");
        if let Some(outcome) = outcome {
            assert!(settle(&*store, lane, 0, outcome, true, 2).await, "{n}");
        }
        assert_eq!(look(&*store, Question::Unsent(asked)).await.0, Fact::Unsent(false), "{n}");
        assert_eq!(store.commit(vec![entry.clone()]).await.unwrap(), [Committed::Stale], "{n}");
        assert_eq!(entry.state, Inbound::Accepted);
        assert_ne!(id_of(&entry), id);
        for lane in &lanes {
            // What is left does not meet the next one.
            settle(&*store, lane, 0, sent(), true, 3).await;
        }
    }
}

/// An attempt in doubt is one that may have left until its far end says that it did not; what is tried later and says nothing of it changes nothing.
pub async fn what_certainly_did_not_arrive_is_here_again(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, by_two_ways(1)).await;
    let later = |doubt| Outcome::Later { at: at(0), cause: "503".into(), doubt, turn: Turn::FarEnd };
    for (doubt, unclear, anew) in [
        (None, false, Anew::Runs),
        (Some(true), true, Anew::Left),
        (None, true, Anew::Left),
        (Some(false), false, Anew::Runs),
        (None, false, Anew::Runs),
    ] {
        let lanes = claim(&*store, 1).await;
        let lane = to(&lanes, "trays:postfach");
        assert!(settle(&*store, lane, 0, later(doubt), true, 2).await);
        let lanes = claim(&*store, 1).await;
        let lane = to(&lanes, "trays:postfach");
        assert_eq!(lane.heads[0].unclear, unclear, "{doubt:?}");
        let lies = store.lies(unsent(id, lane), Some(lane.id)).await.unwrap();
        assert_eq!(lies.anew, anew, "{doubt:?}");
        assert!(settle(&*store, lane, 0, later(None), true, 3).await);
    }
}

/// Refused for certain by its first way it is still here on its next one; not where that first way may have shown it.
pub async fn what_went_on_by_another_way_is_here_where_nobody_saw_it(house: &dyn House) {
    let store = open(house).await;
    let mut went = Vec::new();
    for n in 1..4 {
        let id = commit_one(&*store, by_two_ways(n)).await;
        if n == 3 {
            // A reader had it in its hand and refused it.
            let handed = store.hand_out(&reader(), ask(letter_of(n), 1)).await.unwrap();
            let Handed::Out(_, ticket, _) = handed else { panic!("it lies there: {handed:?}") };
            let parked = Outcome::Parked { cause: "not for me".into(), next_step: "ask".into() };
            let ended = store.end(&reader(), ticket, (parked, true), at(2)).await.unwrap();
            assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
        } else {
            let lanes = claim(&*store, 1).await;
            let lane = to(&lanes, "trays:postfach");
            if n == 2 {
                // An attempt left something at the far end: it may have been read there.
                assert!(store.remember(lane.id, lane.fence, letter_of(n), b"shown").await.unwrap());
            }
            assert!(settle(&*store, lane, 0, onward(), true, 2).await);
        }
        let back = TakeBack { vorgang: vorgang_of(n), ..back(id) };
        assert_eq!(look(&*store, Question::Unsent(back.clone())).await.0, Fact::Unsent(n == 1), "{n}");
        let lanes = claim(&*store, 3).await;
        let lane = to(&lanes, "brief:postfach");
        let anew = store.lies(unsent(id, lane), Some(lane.id)).await.unwrap().anew;
        assert_eq!(anew, if n == 1 { Anew::Runs } else { Anew::Left }, "{n}");
        assert!(settle(&*store, lane, 0, later(15), true, 4).await);
        went.push((unsent(id, lane), back));
    }
    for (n, (unsent, _)) in went.into_iter().enumerate() {
        let outcome = store.run_anew(unsent, letter_of(n as u128 + 1), at(5)).await.unwrap();
        assert_eq!(outcome, if n == 0 { Anew::Runs } else { Anew::Left }, "{n}");
    }
    let left: Vec<Uuid> = claim(&*store, 20).await.iter().map(|lane| lane.heads[0].id).collect();
    assert_eq!((left.len(), left.contains(&letter_of(1))), (2, false));
}

/// A notice that is open as a Vorgang alone speaks against an answer as an objection does.
pub async fn what_opens_a_notice_takes_an_answer_back(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, by_two_ways(1)).await;
    let notice = |name: &str, offen: Vec<Uuid>, state| {
        let mut notice = delivery("b", "q", name);
        let akte = Akte { art: "alias".into(), offen, ..Akte::default() };
        let vorgang = Vorgang { id: Uuid::from_u128(5), owner: String::new(), state, deadline: None, akte };
        notice.effects.vorgaenge = vec![VorgangChange { key: child_of(1), vorgang }];
        notice.effects.beside = [BESIDE.to_owned()].into();
        notice
    };
    // That one has ended says nothing.
    commit_one(&*store, notice("2", Vec::new(), VorgangState::Zugestellt)).await;
    assert_eq!(state_of(&*store, 1).await, VorgangState::Entschieden);
    let open = notice("3", vec![Uuid::from_u128(6)], VorgangState::BeimJugendamt);
    let made = store.commit_and_take(vec![open.into()], None).await.unwrap();
    assert_eq!((made.committed.as_slice(), made.woken), ([Committed::New].as_slice(), true));
    assert_eq!(state_of(&*store, 1).await, VorgangState::Eingegangen);
    assert_eq!(claim(&*store, 20).await.len(), 0, "nothing of it leaves");
}

/// What must not be handed out of a mailbox waits for a person, unless a reader has it in hand; and for nobody else's.
pub async fn what_must_not_be_handed_out_is_held_back(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, by_two_ways(1)).await;
    let hold =
        async |who: Reader, second| store.hold_back(&who, letter_of(1), parked(), at(second)).await.unwrap();
    assert_eq!(hold(Reader { partner: "q".into(), ..reader() }, 1).await, None, "it is not his");
    let handed = store.hand_out(&reader(), ask(letter_of(1), 1)).await.unwrap();
    let Handed::Out(_, ticket, _) = handed else { panic!("it lies there: {handed:?}") };
    assert_eq!(hold(reader(), 2).await, None, "it is in a reader's hand");
    let (destination, _) = hold(reader(), 4_000).await.unwrap();
    assert_eq!(destination, "trays:postfach");
    assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 1);
    assert_eq!(hold(reader(), 4_001).await, None, "once");
    assert_eq!(state_of(&*store, 1).await, VorgangState::Entschieden);
    // Whoever had it in hand has read it.
    let ended = store.end(&reader(), ticket, (sent(), false), at(4_002)).await.unwrap();
    assert!(matches!(ended, Ended::Done { .. }), "{ended:?}");
    assert_eq!(store.list_parked_sends(&Scope::Operator, 10).await.unwrap().len(), 0);
    assert_eq!(state_of(&*store, 1).await, VorgangState::Zugestellt);
}

/// Whoever looks before an answer leaves is told of what is objected under its keys now, where it could not be taken back.
pub async fn what_is_objected_to_an_answer_is_told_until_it_ends(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, by_two_ways(1)).await;
    let lanes = claim(&*store, 1).await;
    let lane = to(&lanes, "trays:postfach");
    assert!(!store.lies(unsent(id, lane), Some(lane.id)).await.unwrap().objected);
    assert!(store.remember(lane.id, lane.fence, letter_of(1), b"shown").await.unwrap());
    let mut refused = delivery("b", "q", "2");
    refused.state = Inbound::Rejected;
    let delivery_id = id_of(&refused);
    refused.effects.objections = vec![ObjectionChange::Open(Box::new(Opening {
        amt: "amt".into(),
        content: [7; 32],
        delivery: delivery_id,
        why: ObjectedFor::Rejected,
        message: "xfamilie.0805".into(),
        made: at(2),
        since: at(2),
        under: vec![child_of(1)],
        about: Vec::new(),
        ends: None,
    }))];
    commit_one(&*store, refused).await;
    let lies = store.lies(unsent(id, lane), Some(lane.id)).await.unwrap();
    assert_eq!((lies.anew, lies.objected), (Anew::Left, true));
    let mut closes = delivery("b", "q", "3");
    closes.effects.objections =
        vec![ObjectionChange::Close { which: Which::Delivery(delivery_id), by: "test" }];
    commit_one(&*store, closes).await;
    assert!(!store.lies(unsent(id, lane), Some(lane.id)).await.unwrap().objected, "it has ended");
}

/// An entry that takes back what it gives to somebody else: nothing of it is stored, where success would say that the answer is gone.
pub async fn what_an_entry_does_besides_does_not_hide_that_nothing_was_taken_back(house: &dyn House) {
    let store = open(house).await;
    for (n, then) in [(1, Then::Over), (2, Then::Anew)] {
        let id = commit_one(&*store, by_two_ways(n)).await;
        let mut entry = delivery("a", "p", &format!("over {n}"));
        entry.effects.take_backs = vec![TakeBack { then, vorgang: vorgang_of(n), ..back(id) }];
        entry.effects.hand_overs = vec![HandOver {
            cause: id,
            from: "postfach".into(),
            order: key("order"),
            waiting_at: Vec::new(),
            rows: vec![letter_of(n)],
            partner: "neu".into(),
            destination: "trays:neu".into(),
            deadline: Some(at(8_888)),
        }];
        assert!(store.commit(vec![entry]).await.is_err(), "{then:?}");
        assert_eq!(state_of(&*store, n).await, VorgangState::Entschieden);
    }
    let lanes = claim(&*store, 3).await;
    let to: Vec<&str> = lanes.iter().map(|lane| &*lane.destination).collect();
    assert_eq!(to, ["trays:postfach", "trays:postfach"], "and nothing went over");
}

/// Of a request that is withdrawn its answer goes, in the same transaction, and nothing runs again; what is told besides is told.
pub async fn the_answer_to_what_is_withdrawn_goes_and_nothing_runs_again(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, answered("1", "alt")).await;
    let withdraw = async |name: &str| {
        let over = TakeBack { then: Then::Over, ..back(id) };
        let (fact, seen) = look(&*store, Question::Unsent(over.clone())).await;
        let mut entry = delivery("a", "p", name);
        let mut vorgang = stands(&*store).await;
        vorgang.state = VorgangState::Zurueckgezogen;
        entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang }];
        entry.effects.take_backs = vec![over];
        entry.effects.guards = vec![Guard { key: GuardKey(key("v")), seen }];
        entry.now = at(20);
        (fact == Fact::Unsent(true), entry)
    };
    let (can, entry) = withdraw("2").await;
    assert!(can);
    let made = store.commit_and_take(vec![entry.into()], None).await.unwrap();
    assert_eq!((made.committed.as_slice(), made.woken), ([Committed::New].as_slice(), false));
    assert_eq!(stands(&*store).await.state, VorgangState::Zurueckgezogen);
    assert_eq!(store.resume(at(21), Duration::from_secs(60), 10).await.unwrap().len(), 0);
    let lanes = claim(&*store, 22).await;
    assert_eq!(lanes.iter().map(bodies).collect::<Vec<_>>(), [vec!["done"]]);
    let (can, entry) = withdraw("3").await;
    assert!(!can, "once");
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::Stale]);
}

/// Between the look and the commit of a withdrawal a process takes the answer in hand: the withdrawal is stale and looks again.
pub async fn what_is_in_hand_is_not_withdrawn(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, answered("1", "alt")).await;
    let lanes = claim(&*store, 1).await;
    let mut entry = delivery("a", "p", "2");
    entry.effects.take_backs = vec![TakeBack { then: Then::Over, ..back(id) }];
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::Stale]);
    assert!(settle(&*store, to(&lanes, "trays:postfach"), 0, sent(), true, 2).await);
}

/// An answer that lay here: decided anew where nothing of it has left, for who holds its lane and for nobody else; and what became of it otherwise.
pub async fn an_answer_that_lay_here_runs_anew(house: &dyn House) {
    let store = open(house).await;
    let request = answered("1", "alt");
    let id = commit_one(&*store, request.clone()).await;
    let lanes = claim(&*store, 1).await;
    let letter = to(&lanes, "trays:postfach");
    let due = &letter.heads[0];
    let unsent = || unsent(id, letter);
    assert_eq!(store.answer_of(&reader(), due.id).await.unwrap(), Some((id, due.delivers.unwrap())));
    let other = Reader { partner: "q".into(), ..reader() };
    let elsewhere = Reader { destinations: vec!["brief:postfach".into()], ..reader() };
    for nobodys in [other, elsewhere] {
        assert_eq!(store.answer_of(&nobodys, due.id).await.unwrap(), None, "it is not his to read");
    }
    assert_eq!(store.answer_of(&reader(), Uuid::from_u128(2)).await.unwrap(), None, "it only tells");
    assert_eq!(store.answer_of(&reader(), Uuid::from_u128(77)).await.unwrap(), None);
    assert_eq!(store.lies(unsent(), Some(letter.id)).await.unwrap().anew, Anew::Runs);
    assert_eq!(store.lies(unsent(), None).await.unwrap().anew, Anew::Busy);
    assert_eq!(store.run_anew(unsent(), due.id, at(2)).await.unwrap(), Anew::Busy, "somebody has it in hand");
    for lane in &lanes {
        assert!(settle(&*store, lane, 0, later(15), true, 3).await);
    }
    assert_eq!(store.run_anew(unsent(), due.id, at(4)).await.unwrap(), Anew::Runs);
    assert_eq!(stands(&*store).await.state, VorgangState::Eingegangen);
    assert_eq!(claim(&*store, 20).await.len(), 0, "nothing of it leaves");
    runs_again(&*store, &request, "neu").await;
    let lanes = claim(&*store, 23).await;
    let letter = to(&lanes, "trays:postfach");
    assert_eq!(bodies(letter), ["neu"]);
    // It may have left: it was issued.
    assert!(store.remember(letter.id, letter.fence, letter.heads[0].id, b"shown").await.unwrap());
    assert_eq!(store.lies(unsent(), Some(letter.id)).await.unwrap().anew, Anew::Left);
    assert!(settle(&*store, letter, 0, parked(), true, 24).await);
    assert_eq!(store.run_anew(unsent(), due.id, at(25)).await.unwrap(), Anew::Left);
    assert_eq!(
        store.answer_of(&reader(), due.id).await.unwrap(),
        None,
        "a row that waits for a person is handed to nobody"
    );
}
