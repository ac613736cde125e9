//! A dDataBox through a whole house: what she collects says when, what she does not collect goes by post once its link is gone for certain, a person's word
//! counts once nothing can be taken there any more, and days without it hurt nobody else and change no order. Counted at the far end.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::{Clock, in_berlin};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::ddatabox_server::{Far, Fault, World};
use crate::ddatabox_stage::{
    BOTH, BOX, Hands, SOON, answer, ask, counted, handle, house, json, letter_of, printed, waiting, with_box,
};
use crate::klaerfall::began;
use crate::support::{Receiver, StageDir, cli, free_port, until};

/// The first look is made by then.
const LOOKED: SignedDuration = SignedDuration::from_mins(10);

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// What a person says of a row.
fn says(stage: &StageDir, what: &str, id: &str) -> (i32, String) {
    cli(stage, &["parked", what, id, "--reason", "nachgefragt", "--wait", "30s"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_she_collects_says_when_it_was_there_and_when_she_took_it() {
    let far: Arc<Far> = Far::start().await;
    let stage = with_box(&far.url(), ("[ { by: ddatabox, within: 7d }, brief ]", SOON), free_port());
    let clock = Hands::of(&stage);
    let mut running = stage.start_with(&clock.environment());
    let asked = ask(&stage, &handle(0), Timestamp::now()).await;
    until("she is told", 60, || counted(&far).0 == 1).await;
    until("it is settled", 60, || letter_of(&stage, asked.id)["state"] == "sent").await;
    let open = letter_of(&stage, asked.id);
    let sent = moment(&open["sent"]);
    assert!(open["confirmed_at"].is_null() && !open["next_look"].is_null(), "{open}");
    assert!(far.collect().unwrap().starts_with(b"%PDF-"), "she has the letter");
    clock.off(LOOKED);
    until("it is known", 60, || letter_of(&stage, asked.id)["state"] == "confirmed").await;
    let taken = letter_of(&stage, asked.id);
    assert_eq!(taken["confirmed"], "downloaded by its link (1)");
    assert_eq!(moment(&taken["sent"]), sent);
    assert!(moment(&taken["confirmed_at"]) >= sent + LOOKED - SignedDuration::from_secs(1), "{taken}");
    let id = asked.id.to_string();
    let (_, shown) = cli(&stage, &["messages", "show", &id]);
    let line = shown.lines().find(|line| line.contains(" taken by ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(line.contains(BOX) && line.ends_with("(downloaded by its link (1))"), "{line}");
    let vorgang = json(&stage, &["vorgang", "show", &id, "--reason", "Nachfrage"]);
    let [said] = vorgang["zustellung"].as_array().unwrap().as_slice() else { panic!("{vorgang}") };
    // Taken, collected, and the day from which on it counts by the law, whether she collects it or not.
    let fourth = in_berlin(sent).checked_add(jiff::Span::new().days(4)).unwrap();
    let day = format!("announced as of {fourth} (fourth day, § 9 OZG)");
    assert!(said.as_str().unwrap().ends_with(&day), "{said}");
    // What was collected is never taken back.
    clock.off(SignedDuration::from_hours(15 * 24));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((printed(&stage).len(), far.world.lock().unwrap().shares.len()), (0, 1));
    running.kill();
}

/// Both clocks, that of the house and that of the dDataBox.
struct Clocks<'a>(&'a Clock, &'a Far);

impl Clocks<'_> {
    fn on(&self, by: SignedDuration) {
        let to = self.0.now() + by;
        *self.1.now.lock().unwrap() = Some(to);
        self.0.move_to(to);
    }

    /// Moves them on by an hour again and again until something holds: what looks after a letter has as many looks as it needs, and one that the
    /// clock overtakes has lost its lease and begins anew.
    async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut polls = 0;
        let holds = || {
            polls += 1;
            if polls % 50 == 0 {
                self.on(SignedDuration::from_hours(1));
            }
            holds()
        };
        until(what, 60, holds).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_collected_goes_by_post_once_its_link_is_gone() {
    let far: Arc<Far> = Far::start().await;
    *far.now.lock().unwrap() = Some(began());
    let stage = with_box(&far.url(), ("[ { by: ddatabox, within: 7d }, brief ]", SOON), free_port());
    let clock = Clock::set(began());
    let (house, clocks) = (house(&stage, &clock).await, Clocks(&clock, &far));
    // One whose login names nothing that the dDataBox reaches goes by post at once.
    ask(&stage, "handle-ohne-adresse", clock.now()).await;
    until("it is refused there and goes by post", 60, || printed(&stage).len() == 3).await;
    assert_eq!(counted(&far).0, 0);
    ask(&stage, &handle(0), clock.now()).await;
    until("she is told", 60, || counted(&far).0 == 1).await;
    assert_eq!(far.world.lock().unwrap().shares.len(), 1);
    let under_way = || house.shared.core.hands.under_way(BOX);
    until("it is settled", 60, || under_way() == 0).await;
    // A week later she has not collected it.
    clocks.on(SignedDuration::from_hours(7 * 24 + 1));
    clocks.until("it goes by post", || printed(&stage).len() == 6).await;
    assert!(far.world.lock().unwrap().shares.is_empty(), "the link is gone before");
    let printed: Vec<String> = printed(&stage).into_iter().filter(|name| name.ends_with(".json")).collect();
    for name in printed {
        let index: Value =
            serde_json::from_slice(&fs::read(stage.data().join("trays/brief").join(name)).unwrap()).unwrap();
        assert_eq!(index["anschrift"]["wohnort"], "Hamburg");
        assert_eq!(index["dateien"].as_array().unwrap().len(), 2, "the letter and its cover");
    }
    house.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_confirms_that_its_link_is_gone_a_person_decides_and_no_letter_leaves() {
    let far: Arc<Far> = Far::start().await;
    *far.now.lock().unwrap() = Some(began());
    let stage = with_box(&far.url(), ("[ { by: ddatabox, within: 7d }, brief ]", SOON), free_port());
    let clock = Clock::set(began());
    let house = house(&stage, &clock).await;
    let clocks = Clocks(&clock, &far);
    // Refused for good, a page instead of an answer, and a far end that does not say whether the link is there.
    let faults = [("delete", Fault::Status(400)), ("delete", Fault::Page), ("look", Fault::Status(503))];
    for (n, (step, fault)) in faults.into_iter().enumerate() {
        let when = format!("{step} {fault:?}");
        let asked = ask(&stage, &handle(n), clock.now()).await;
        until("she is told", 60, || counted(&far).0 == n + 1).await;
        until("it is settled", 60, || letter_of(&stage, asked.id)["state"] == "sent").await;
        far.world.lock().unwrap().always = Some((step, fault));
        clocks.on(SignedDuration::from_hours(7 * 24 + 1));
        let row = letter_of(&stage, asked.id)["id"].as_str().unwrap().to_owned();
        let is = |state: &str| waiting(&stage).contains(&(row.clone(), state.to_owned()));
        clocks.until(&format!("{when}: a person is asked"), || is("not-taken-back")).await;
        let told = letter_of(&stage, asked.id);
        assert!(told["cause"].as_str().unwrap().contains("cannot be taken back"), "{when}: {told}");
        assert!(told["next_step"].as_str().unwrap().contains("parked not-arrived"), "{when}: {told}");
        assert!(step == "look" || far.collect().is_none(), "{when}: of use to nobody before it is deleted");
        let (code, said) = says(&stage, "not-arrived", &row);
        assert!(code != 0 && said.contains("take it away there"), "{when}: {said}");
        assert!(printed(&stage).is_empty(), "{when}: no letter");
        if n == 0 {
            // Who runs it has taken the link away.
            far.world.lock().unwrap().shares.clear();
        } else {
            // Tried for as long as she had; then it has failed, and still nothing is posted. By then the link has ended by itself.
            clocks.on(SignedDuration::from_hours(8 * 24));
            clocks.until(&format!("{when}: it has failed"), || is("failed")).await;
            assert!(printed(&stage).is_empty() && far.collect().is_none(), "{when}");
        }
        let (code, said) = says(&stage, "not-arrived", &row);
        assert_eq!(code, 0, "{when}: {said}");
        until(&format!("{when}: it goes by post"), 60, || printed(&stage).len() == 3).await;
        until(&format!("{when}: it is settled"), 60, || letter_of(&stage, asked.id)["state"] == "sent").await;
        for name in printed(&stage) {
            fs::remove_file(stage.data().join("trays/brief").join(name)).unwrap();
        }
        far.world.lock().unwrap().always = None;
    }
    house.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persons_word_that_it_did_not_arrive_counts_once_nothing_can_be_taken_there() {
    let far: Arc<Far> = Far::start().await;
    let stage = with_box(&far.url(), (BOTH, SOON), free_port());
    let _running = stage.start(None);
    far.fail("mail", Fault::DoneSilent);
    let asked = ask(&stage, &handle(0), Timestamp::now()).await;
    until("a person is asked", 60, || waiting(&stage).len() == 1).await;
    let (row, state) = waiting(&stage).remove(0);
    assert_eq!(state, "unclear");
    // She was told, and has the password: with the letter as well she would have it twice.
    let (code, said) = says(&stage, "not-arrived", &row);
    assert!(code != 0 && said.contains("take it away there"), "{said}");
    assert!(printed(&stage).is_empty() && waiting(&stage).len() == 1);
    far.world.lock().unwrap().shares.clear();
    let (code, said) = says(&stage, "not-arrived", &row);
    assert_eq!(code, 0, "{said}");
    until("it goes by post", 60, || printed(&stage).len() == 3).await;
    assert_eq!((counted(&far).0, far.collect()), (1, None), "one letter, and nothing else to be had");
    assert_eq!(letter_of(&stage, asked.id)["destination"], "brief:postfach");
}

/// What she was told of, in that order: whether each is the answer of her office.
fn told_of(world: &World, n: usize) -> Vec<bool> {
    let to = format!("zoe{n}@post.example");
    let of_her = world.mails.iter().filter(|(_, mail, _)| *mail == to);
    let content = |share: &u64| &world.nodes[&world.shares[share].node].content;
    of_her.map(|(share, ..)| content(share).ends_with(b"antwort")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_without_it_hurt_nobody_else_and_change_no_order() {
    let many: usize = if std::env::var_os("DREHSCHEIBE_LONG").is_some() { 5_000 } else { 40 };
    let (address, receiver) = (free_port(), Receiver::start().await);
    let stage = with_box(&format!("http://{address}"), (BOTH, SOON), receiver.address);
    let clock = Clock::set(began());
    let house = house(&stage, &clock).await;
    let mut answered = Vec::new();
    // While the clock stands still: no pause, no breaker and no turn of the dDataBox is in the way of what others are told.
    for n in 0..many {
        let asked = ask(&stage, &handle(n), clock.now()).await;
        until("the service is told all the same", 60, || receiver.accepted() == n + 1 + answered.len()).await;
        if n % 4 == 3 {
            answer(&stage, &asked).await;
            answered.push(n);
            let all = n + 1 + answered.len();
            until("and that the office has answered", 60, || receiver.accepted() == all).await;
        }
    }
    let breakers = house.shared.core.store.breakers().await.unwrap();
    assert!(breakers.iter().any(|breaker| breaker.destination == BOX), "it is spared: {breakers:?}");
    for _ in 0..72 {
        clock.move_to(clock.now() + SignedDuration::from_hours(1));
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    ask(&stage, &handle(many), clock.now()).await;
    let all = many + 1 + answered.len();
    until("after three days as well", 60, || receiver.accepted() == all).await;
    assert_eq!((printed(&stage).len(), waiting(&stage).len()), (0, 0), "nothing is given up");
    // It is back, and nobody does anything.
    let far: Arc<Far> = Far::start_at(address).await;
    *far.now.lock().unwrap() = Some(clock.now());
    let caught_up = || {
        clock.move_to(clock.now() + SignedDuration::from_millis(200));
        counted(&far).0 == all
    };
    until("all are told", 60 + many as u64 / 20, caught_up).await;
    until("all is settled", 60, || house.shared.core.hands.under_way(BOX) == 0).await;
    assert_eq!(counted(&far), (all, all), "each once");
    {
        let world = far.world.lock().unwrap();
        for n in 0..=many {
            let expected: &[bool] = if answered.contains(&n) { &[false, true] } else { &[false] };
            assert_eq!(told_of(&world, n), expected, "the notice that it was asked before the answer: {n}");
        }
    }
    assert_eq!((printed(&stage).len(), waiting(&stage).len()), (0, 0));
    house.stop(Duration::from_secs(5)).await;
}
