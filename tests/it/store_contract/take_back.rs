//! What every store must hold of an answer that is taken back before it leaves.

use std::time::Duration;

use drehscheibe::effects::{
    Fact, Guard, GuardKey, Outgoing, Question, TakeBack, Then, Vorgang, VorgangChange, VorgangState, Way,
};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::vorgang::Akte;
use drehscheibe::store::contract::{Committed, Entry, Scope, Store, View};
use drehscheibe::store::lane::{Anew, Lane, Onward, Outcome, Unsent, Why};
use drehscheibe::telemetry::parts::Turn;
use uuid::Uuid;

use super::common::{
    House, at, bodies, claim, commit_one, delivery, id_of, key, later, open, parked, send, sent, settle,
};
use super::register::ask;

const BESIDE: &str = "drehscheibe.stand";

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
    let (fact, seen) = ask(store, Question::Unsent(back(cause))).await;
    let mut entry = delivery("b", "q", name);
    entry.effects.take_backs = vec![back(cause)];
    entry.effects.guards = vec![Guard { key: GuardKey(key("v")), seen }];
    entry.now = at(20);
    (fact == Fact::Unsent(true), entry)
}

fn to<'a>(lanes: &'a [Lane], destination: &str) -> &'a Lane {
    lanes.iter().find(|lane| lane.destination == destination).unwrap()
}

async fn stands(store: &dyn Store) -> Vorgang {
    match ask(store, Question::Vorgang(key("v"))).await.0 {
        Fact::Vorgang(Some(vorgang)) => vorgang,
        other => panic!("{other:?}"),
    }
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
    let way = |to: &str| Way { destination: to.into(), seconds: 9_000, until_late: true };
    let onward = || {
        let (from, to) = ("trays:postfach".to_owned(), way("brief:postfach"));
        Outcome::Onward(Onward { from, to, why: Why::Refused, cause: "410".into() })
    };
    let unclear = Outcome::Unclear { cause: "dead".into() };
    let doubt = Outcome::Later { at: at(15), cause: "dead".into(), doubt: true, turn: Turn::FarEnd };
    for (n, outcome) in
        [Some(sent()), Some(unclear), Some(doubt), Some(onward()), None].into_iter().enumerate()
    {
        let name = |of: &str| format!("{of}{n}");
        let mut request = answered(&name("request"), "alt");
        let own = key(&name("v"));
        request.effects.vorgaenge[0].key = own.clone();
        for send in &mut request.effects.sends {
            send.id = Uuid::new_v4();
        }
        request.effects.sends[0].delivers = Some(own.clone());
        request.effects.sends[0].ways = vec![way("trays:postfach"), way("brief:postfach")];
        let id = commit_one(&*store, request).await;
        let asked = TakeBack { vorgang: own.clone(), ..back(id) };
        let (fact, _) = ask(&*store, Question::Unsent(asked.clone())).await;
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
        assert_eq!(ask(&*store, Question::Unsent(asked)).await.0, Fact::Unsent(false), "{n}");
        assert_eq!(store.commit(vec![entry.clone()]).await.unwrap(), [Committed::Stale], "{n}");
        assert_eq!(entry.state, Inbound::Accepted);
        assert_ne!(id_of(&entry), id);
        for lane in &lanes {
            // What is left does not meet the next one.
            settle(&*store, lane, 0, sent(), true, 3).await;
        }
    }
}

/// Of a request that is withdrawn its answer goes, in the same transaction, and nothing runs again; what is told besides is told.
pub async fn the_answer_to_what_is_withdrawn_goes_and_nothing_runs_again(house: &dyn House) {
    let store = open(house).await;
    let id = commit_one(&*store, answered("1", "alt")).await;
    let withdraw = async |name: &str| {
        let over = TakeBack { then: Then::Over, ..back(id) };
        let (fact, seen) = ask(&*store, Question::Unsent(over.clone())).await;
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
    let unsent = || Unsent { cause: id, vorgang: due.delivers.unwrap(), beside: [BESIDE.to_owned()].into() };
    assert_eq!(store.answer_of(due.id).await.unwrap(), Some((id, due.delivers.unwrap())));
    assert_eq!(store.answer_of(Uuid::from_u128(2)).await.unwrap(), None, "it only tells");
    assert_eq!(store.answer_of(Uuid::from_u128(77)).await.unwrap(), None);
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
        store.answer_of(due.id).await.unwrap(),
        None,
        "a row that waits for a person is handed to nobody"
    );
}
