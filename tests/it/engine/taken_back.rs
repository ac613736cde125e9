//! A Negativauskunft that has not left when an Eintragung comes never leaves (rules.md 2.7): whatever holds it, wherever the process dies, the
//! mother gets one document, and it is the one that the table decides with the Eintragung. The service is told once, and the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::cli::sample_antrag::{Antrag, json as antrag_json};
use drehscheibe::effects::{Vorgang, Way, stand};
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::{Envelope, Inbound};
use drehscheibe::message::Message;
use drehscheibe::pipeline::step::{Bench, Flow, Step, Trouble};
use drehscheibe::plan::{Plan, PlanSet, Planned};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::{Filter, View};
use drehscheibe::store::listed::ListedSend;
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::{Destination, Destinations};
use jiff::SignedDuration;
use uuid::Uuid;

use super::far::{Does, Far};
use super::house::{AMT, House, Kept, set_with};
use super::no_wrong_answer::Witnessed;
use super::rig::{TestStep, start_of_time};
use crate::support::until;

pub(super) const MAILBOXES: &str = "lieferungen:postfach";
pub(super) const SERVICE: &str = "callback:kita-portal-nord";
/// The child that is asked for.
pub(super) const CHILD: u64 = 1;

/// The next way to her, where there is one.
pub(super) const LETTERS: &str = "brief:postfach";

/// What the house of a play has beside what it always has.
#[derive(Clone, Copy, Default)]
pub(super) struct Ways {
    /// The time of the first way in seconds, where there is a second one: [`LETTERS`].
    pub(super) first: Option<u64>,
    /// Whether she comes for what lies at the first one.
    pub(super) collected: bool,
    /// How many seconds deliveries may lie unread, where the route says less than usual.
    pub(super) unread: Option<i64>,
    /// Whether a repeat does harm at the first one.
    pub(super) harmful: bool,
}

/// A step that says nothing but how long deliveries may lie unread.
struct Unread(SignedDuration);

impl Step for Unread {
    fn name(&self) -> &'static str {
        "unread"
    }

    fn rueckstand(&self) -> Option<SignedDuration> {
        Some(self.0)
    }

    fn apply(&self, _: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        Ok(Flow::Next)
    }
}

pub(super) struct Played {
    pub(super) world: Witnessed,
    pub(super) mailboxes: Arc<Far>,
    pub(super) service: Arc<Far>,
    pub(super) office: Arc<Far>,
    pub(super) down: Arc<AtomicBool>,
    /// Where her letters are printed, and whether her mailbox refuses everything.
    pub(super) letters: Arc<Far>,
    pub(super) closed: Arc<AtomicBool>,
    /// The service of another application, and whether it refuses what it has read.
    pub(super) other: Arc<Far>,
    pub(super) refuses: Arc<AtomicBool>,
}

impl Played {
    /// A register without an entry, and a house whose far ends can be out of order.
    pub(super) async fn new(number: u64) -> Played {
        Played::with(number, Ways::default()).await
    }

    pub(super) async fn with(number: u64, ways: Ways) -> Played {
        Played::on(number, ways, None).await
    }

    /// The same on a store that runs.
    pub(super) async fn on(number: u64, ways: Ways, store: Option<Kept>) -> Played {
        let (down, closed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let clock = drehscheibe::clock::Clock::set(start_of_time());
        let seen = (down.clone(), closed.clone());
        let rule = move |_: &_, _| match (seen.0.load(Ordering::SeqCst), seen.1.load(Ordering::SeqCst)) {
            (true, _) => Does::Down,
            (false, true) => Does::Refuse,
            (false, false) => Does::Take,
        };
        let mut mailboxes = Far::new(clock.clone(), !ways.harmful, rule);
        mailboxes.collected = ways.collected;
        let mailboxes = Arc::new(mailboxes);
        let taking = || Arc::new(Far::new(clock.clone(), true, |_, _| Does::Take));
        let (service, office, letters) = (taking(), taking(), taking());
        let refuses = Arc::new(AtomicBool::new(false));
        let seen = refuses.clone();
        // What only tells that a delivery is done it takes.
        let tells = |envelope: &Envelope| {
            envelope.head.label.as_ref().is_some_and(|label| label.message == "drehscheibe.stand")
        };
        let rule = move |envelope: &Envelope, _| match seen.load(Ordering::SeqCst) && !tells(envelope) {
            true => Does::Read,
            false => Does::Take,
        };
        let other = Arc::new(Far::new(clock.clone(), true, rule));
        let mut destinations = Destinations::new();
        for (name, far) in [
            (MAILBOXES.to_owned(), &mailboxes),
            (LETTERS.to_owned(), &letters),
            (SERVICE.to_owned(), &service),
            (format!("lieferungen:{AMT}"), &office),
            ("callback:wohngeld-online".to_owned(), &other),
        ] {
            destinations.insert(name, far.clone() as Arc<dyn Destination>);
        }
        let settings = Settings { workers: 2, ..Settings::default() };
        let mut set = set_with(destinations);
        let with = Arc::get_mut(&mut set).unwrap();
        if let Some(seconds) = ways.first {
            by_ways(with, seconds);
        }
        if let Some(seconds) = ways.unread {
            besides(with, Arc::new(Unread(SignedDuration::from_secs(seconds))));
        }
        let house = match store {
            None => House::of(number, start_of_time(), set, settings).await,
            Some(store) => House::on(store, number, start_of_time(), set, settings),
        };
        let mut world = Witnessed::of(house);
        world.declared(&[CHILD, 2]).await;
        Played { world, mailboxes, service, office, down, letters, closed, other, refuses }
    }

    pub(super) async fn pause(&self, paused: bool) {
        self.pause_of(MAILBOXES, paused).await;
    }

    pub(super) async fn pause_of(&self, name: &str, paused: bool) {
        let house = &self.world.house;
        let pause = Pause {
            kind: "destination".into(),
            name: name.into(),
            until: None,
            reason: "Probe".into(),
            person: "os:rita".into(),
            since: house.clock.now(),
        };
        let pause = paused.then_some(pause);
        house.store.set_pause("destination", name, pause, "os:rita", house.clock.now()).await.unwrap();
        let core = &house.engine.as_ref().unwrap().core;
        until("the pause is seen", 60, || core.destination_paused(name) == paused).await;
    }

    pub(super) fn later(&self, seconds: i64) {
        let clock = &self.world.house.clock;
        clock.move_to(clock.now() + SignedDuration::from_secs(seconds));
    }

    /// Delivers that there is an Eintragung, and waits until the request was decided with it.
    pub(super) async fn delivered(&mut self, art: &'static str, id: Uuid) -> Fall {
        let message = self.world.house.fresh();
        let wish = Wish { message, arten: vec![art], second: 100, ..Wish::plain(CHILD) };
        let verdict = self.world.take(&wish, eintragung(&wish)).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        for look in 1..3000 {
            let house = &mut self.world.house;
            if house.points.crashed() {
                house.restart(Points::none()).await;
            }
            // What a dead process had in hand is free once its time is over.
            if look % 100 == 0 {
                self.later(60);
            }
            let house = &self.world.house;
            let filter = Filter { id: Some(id), ..Filter::default() };
            let state = house.store.list(&Scope::Operator, filter).await.unwrap().remove(0).state;
            let fall = self.world.letters().await[&id];
            if state == Inbound::Accepted && fall != Fall::A {
                return fall;
            }
            assert_ne!(state, Inbound::Parked);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let filter = Filter { id: Some(id), ..Filter::default() };
        let shown = self.world.house.store.list(&Scope::Operator, filter).await.unwrap().remove(0);
        let sends: Vec<_> = shown.sends.iter().map(|send| (&send.destination, &send.state)).collect();
        panic!("not decided anew: {:?}, {sends:?}", shown.state);
    }

    /// The state of what the request sends to the mailboxes.
    pub(super) async fn letter(&self, id: Uuid) -> (String, u32) {
        let filter = Filter { id: Some(id), ..Filter::default() };
        let shown = self.world.house.store.list(&Scope::Operator, filter).await.unwrap().remove(0);
        let send = shown.sends.into_iter().find(|send| send.destination == MAILBOXES).unwrap();
        (send.state.to_string(), send.attempts)
    }

    /// Waits until what the request sends to her is on this way.
    pub(super) async fn on_the_way(&self, id: Uuid, to: &str) {
        let filter = || Filter { id: Some(id), ..Filter::default() };
        let is_on = async || {
            let shown = self.world.house.store.list(&Scope::Operator, filter()).await.unwrap().remove(0);
            shown.sends.iter().any(|send| send.destination == to).then_some(())
        };
        found(&format!("it is on the way to {to}"), is_on).await;
    }

    /// Another application asks for a proof and refuses it after it has read it: the request, and the row of its answer, which waits for a person.
    pub(super) async fn refused_when_read(&mut self) -> (Uuid, Uuid) {
        self.refuses.store(true, Ordering::SeqCst);
        let number = self.world.house.fresh();
        let antrag = Antrag { zweck: Some("99107023017000"), ..Antrag::new(CHILD, number) };
        let house = &mut self.world.house;
        let body = antrag_json(&antrag, house.clock.now());
        let request =
            house.envelope("http /v1/nachweise", "wohngeld-online", &format!("n-{number}"), body, None);
        let id = request.head.id;
        let verdict = house.deliver(request).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        assert_eq!(self.world.letters().await[&id], Fall::A);
        self.later(61);
        let row = found("one waits for a person", async || self.waits_for_person().await).await;
        (id, row.id)
    }

    /// The one row that waits for a person.
    pub(super) async fn waits_for_person(&self) -> Option<ListedSend> {
        let store = &self.world.house.store;
        match store.list_parked_sends(&Scope::Operator, 10).await.unwrap().as_slice() {
            [held] => Some(held.clone()),
            _ => None,
        }
    }

    /// A person replays this row, and the application would take it now.
    pub(super) async fn replayed(&self, row: Uuid) {
        self.refuses.store(false, Ordering::SeqCst);
        let house = &self.world.house;
        assert!(house.store.replay(row, "os:rita", "Probe", house.clock.now()).await.unwrap());
        house.engine.as_ref().unwrap().core.outbox.notify_one();
    }

    pub(super) async fn stand(&self, id: Uuid) -> &'static str {
        stand::of_vorgang(&self.vorgang(id).await).as_str()
    }

    /// What is kept of a request.
    pub(super) async fn vorgang(&self, id: Uuid) -> Vorgang {
        let view = View {
            scope: Scope::Operator,
            limit: 100,
            person: "probe".to_owned(),
            reason: "probe".to_owned(),
            now: self.world.house.clock.now(),
        };
        let all = self.world.house.store.vorgaenge(view, None).await.unwrap();
        all.into_iter().find(|one| one.akte.nummer == Some(id) && one.akte.fall.is_some()).unwrap()
    }
}

/// Looks until there is something; panics with what it waited for.
pub(super) async fn found<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain: {what}");
}

/// Whatever a request sends to her mailbox goes to the letters where it cannot be delivered there in this time.
fn by_ways(set: &mut PlanSet, seconds: u64) {
    let step = TestStep(Box::new(move |message| {
        let way = |to: &str, seconds, until_late| Way { destination: to.to_owned(), seconds, until_late };
        for send in message.effects.sends.iter_mut().filter(|send| send.destination == MAILBOXES) {
            send.ways = vec![way(MAILBOXES, seconds, true), way(LETTERS, 100 * 86_400, false)];
            send.deadline = send.not_before.and_then(|leaves| send.ways[0].until(leaves));
        }
        Ok(Flow::Next)
    }));
    besides(set, Arc::new(step));
}

/// Puts a step at the end of the route of requests.
fn besides(set: &mut PlanSet, step: Arc<dyn Step>) {
    let planned = Planned { step, branch: None, when: None, choose: None };
    for plan in set.plans.iter_mut().filter(|plan| plan.route == "auskunft-self-service") {
        let mut with = Plan::clone(plan);
        with.steps.push(planned.clone());
        *plan = Arc::new(with);
    }
}

pub(super) fn says(far: &Far, what: &str) -> Vec<String> {
    let seen = far.seen.lock().unwrap();
    let said = |body: &bytes::Bytes| serde_json::from_slice::<serde_json::Value>(body).ok();
    let told = seen
        .taken
        .iter()
        .filter_map(|one| said(&one.body))
        .filter_map(|body| body.get(what).and_then(|value| value.as_str()).map(str::to_owned));
    told.collect()
}

/// What the service was told of this request.
pub(super) fn told(far: &Far, id: Uuid) -> Vec<String> {
    let seen = far.seen.lock().unwrap();
    let bodies = seen.taken.iter().map(|one| serde_json::from_slice::<serde_json::Value>(&one.body).unwrap());
    bodies
        .filter(|body| body["id"] == id.to_string())
        .map(|body| body["stand"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_behind_a_pause_does_not_leave_when_an_entry_came_meanwhile() {
    for (number, (art, fall, document, seconds, stand)) in [
        ("01", Fall::B, "hinweis-auf-eintragung", 61, "abgeschlossen"),
        // The service was told that it is done before: it learns nothing more, or it would learn why.
        ("02", Fall::C, "in-bearbeitung", 61, "abgeschlossen"),
        // Nobody was told yet: as if the Eintragung had been there before.
        ("02", Fall::C, "in-bearbeitung", 10, "in-bearbeitung"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut played = Played::new(number as u64 * 1_000_000).await;
        played.pause(true).await;
        let id = played.world.ask(CHILD).await;
        assert_eq!(played.world.letters().await[&id], Fall::A);
        played.later(seconds);
        if seconds > 60 {
            until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        }
        let decided = played.delivered(art, id).await;
        assert!(decided == fall || (fall == Fall::C && decided != Fall::B), "{decided:?}");
        assert_eq!(played.mailboxes.attempts(), 0);
        played.later(3_600);
        played.pause(false).await;
        played.mailboxes.has(1).await;
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        assert_eq!(says(&played.mailboxes, "art"), [document]);
        assert_eq!(told(&played.service, id), [stand]);
        assert_eq!(played.stand(id).await, stand);
        if fall == Fall::C {
            until("the office has the request", 60, || played.office.taken() > 0).await;
        }
        // What comes later finds nothing to take back.
        let message = played.world.house.fresh();
        let wish = Wish { message, arten: vec![art], second: 200, ..Wish::plain(CHILD) };
        played.world.take(&wish, eintragung(&wish)).await;
        assert_eq!(says(&played.mailboxes, "art"), [document]);
        played.world.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_far_end_is_down_does_not_leave_when_an_entry_came_meanwhile() {
    let mut played = Played::new(7_000_000).await;
    played.down.store(true, Ordering::SeqCst);
    let id = played.world.ask(CHILD).await;
    played.later(61);
    for _ in 0..3000 {
        let (state, attempts) = played.letter(id).await;
        if state == "retrying" && attempts > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(played.letter(id).await.0, "retrying");
    assert_eq!(played.delivered("01", id).await, Fall::B);
    played.down.store(false, Ordering::SeqCst);
    for _ in 0..3000 {
        if played.mailboxes.taken() > 0 {
            break;
        }
        // Until the breaker lets a try through.
        played.later(60);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(says(&played.mailboxes, "art"), ["hinweis-auf-eintragung"]);
    played.world.house.stop().await;
}

/// What lies here without its effect takes it back as what was taken does: of the child, and unreadable of its office (rules.md 2.1).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_does_not_leave_when_a_delivery_that_speaks_against_it_lies_here_without_effect() {
    for (number, (from, to)) in
        [("Bremen</xfg:geburtsort>", "Musterhausen</xfg:geburtsort>"), ("angabenZumKind", "angabenZumKinde")]
            .into_iter()
            .enumerate()
    {
        let mut played = Played::new(40_000_000 + number as u64 * 1_000_000).await;
        played.pause(true).await;
        let id = played.world.ask(CHILD).await;
        assert_eq!(played.world.letters().await[&id], Fall::A);
        let message = played.world.house.fresh();
        let wish = Wish { message, arten: vec!["01"], second: 100, ..Wish::plain(CHILD) };
        let whole = eintragung(&wish);
        assert!(whole.contains(from), "{from}");
        let verdict = played.world.take(&wish, whole.replace(from, to)).await;
        assert_ne!(verdict.state, Inbound::Accepted);
        for _ in 0..3000 {
            if played.world.letters().await[&id] != Fall::A {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_ne!(played.world.letters().await[&id], Fall::A, "{to}");
        played.later(3_600);
        played.pause(false).await;
        played.mailboxes.has(1).await;
        assert_eq!(says(&played.mailboxes, "art"), ["in-bearbeitung"], "{to}");
        played.world.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_process_dies_one_document_arrives_and_never_the_old_one() {
    let points =
        [Point::BeforeLookup, Point::AfterLookup, Point::BeforeCommit, Point::AfterCommit, Point::Answered];
    for (number, (point, nth)) in points.into_iter().flat_map(|point| [(point, 1), (point, 2)]).enumerate() {
        let mut played = Played::new(10_000_000 + number as u64 * 1_000_000).await;
        played.pause(true).await;
        let id = played.world.ask(CHILD).await;
        played.later(61);
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        played.world.house.restart(Points::halt_at(point, nth)).await;
        let core = played.world.house.engine.as_ref().unwrap().core.clone();
        until("the pause is seen", 60, || core.destination_paused(MAILBOXES) || core.points.crashed()).await;
        assert_eq!(played.delivered("01", id).await, Fall::B, "{point:?} {nth}");
        if played.world.house.points.crashed() {
            played.world.house.restart(Points::none()).await;
        }
        assert_eq!(played.mailboxes.attempts(), 0, "{point:?} {nth}");
        played.pause(false).await;
        played.mailboxes.has(1).await;
        assert_eq!(says(&played.mailboxes, "art"), ["hinweis-auf-eintragung"], "{point:?} {nth}");
        assert_eq!(told(&played.service, id), ["abgeschlossen"], "{point:?} {nth}");
        played.world.house.stop().await;
    }
}
