//! What every store must hold of Negativauskünfte that may not leave yet: they are found in the order in which they may, page by page, and nothing else is.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Tick;
use drehscheibe::effects::{Outgoing, VorgangState};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::{Committed, Entry};
use drehscheibe::store::lane::{Anew, Early, Place, Unsent};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::common::{House, at, claim, commit_one, delivery, later, open, parked, send, settle};
use super::take_back::{BESIDE, by_two_ways, letter_of, state_of};

const NOW: i64 = 10;
/// So many are taken back at once, as the engine does.
const TOGETHER: usize = 6;

fn beside() -> Arc<[String]> {
    [BESIDE.to_owned()].into()
}

/// The nth request, whose answer may not leave before this second.
fn waits(n: u128, second: i64) -> Entry {
    let mut request = by_two_ways(n);
    request.effects.sends[0].not_before = Some(at(second));
    let akte = &mut request.effects.vorgaenge[0].vorgang.akte;
    (akte.gilt_bis, akte.entschieden_nach) = (Some(at(50)), Some("diese".into()));
    request
}

async fn all(store: &dyn Store, most: usize) -> Vec<Early> {
    let (mut from, mut found): (Option<Place>, _) = (None, Vec::new());
    loop {
        let page = store.not_due((from, at(NOW)), beside(), most).await.unwrap();
        assert!(page.found.len() <= most);
        found.extend(page.found);
        match page.next {
            Some(next) => {
                assert!(from.is_none_or(|before| before < next), "it goes on");
                from = Some(next);
            }
            None => return found,
        }
    }
}

fn unsent(early: &Early) -> Unsent {
    Unsent { cause: early.cause, vorgang: early.vorgang, beside: beside() }
}

pub async fn answers_that_may_not_leave_yet_are_found_in_their_order(house: &dyn House) {
    let store = open(house).await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        // The last two at one moment.
        let mut request = waits(n, 100 - n.min(4) as i64);
        let told = Outgoing { not_before: Some(at(96)), ..send("callback:kita", None, "done") };
        request.effects.sends.push(told);
        ids.push((letter_of(n), commit_one(&*store, request).await));
    }
    let mut of_another = waits(6, 90);
    of_another.effects.vorgaenge[0].vorgang.akte.nummer = Some(Uuid::nil());
    let mut klaerfall = waits(7, 90);
    let vorgang = &mut klaerfall.effects.vorgaenge[0].vorgang;
    (vorgang.state, vorgang.akte.fall) = (VorgangState::BeimJugendamt, Some(Fall::I));
    let due = waits(8, NOW);
    let mut at_once = waits(9, 0);
    at_once.effects.sends[0].not_before = None;
    for other in [of_another, klaerfall, due, at_once] {
        commit_one(&*store, other).await;
    }
    // What waits between two attempts has been due.
    let lanes = claim(&*store, NOW).await;
    assert_eq!(lanes.len(), 2);
    for (lane, outcome) in lanes.iter().zip([later(99), parked()]) {
        assert!(settle(&*store, lane, 0, outcome, true, NOW).await);
    }
    for most in [1, 2, 3, 100] {
        let found = all(&*store, most).await;
        let seen: Vec<_> = found.iter().map(|early| (early.row, early.cause)).collect();
        assert_eq!(seen[2..], [ids[2], ids[1], ids[0]], "{most}");
        assert_eq!(seen.len(), 5, "{most}");
        assert!(seen[..2].contains(&ids[3]) && seen[..2].contains(&ids[4]), "{most}");
        let leaves: Vec<_> = found.iter().map(|early| early.leaves).collect();
        assert_eq!(leaves, [96, 96, 97, 98, 99].map(at));
        for early in &found {
            assert_eq!((early.gilt_bis, early.entschieden_nach.as_deref()), (Some(at(50)), Some("diese")));
        }
    }
    // Decided anew it is no answer any more, until it is decided.
    let first = all(&*store, 100).await.swap_remove(2);
    assert_eq!(store.run_anew(unsent(&first), first.row, at(NOW)).await.unwrap(), Anew::Runs);
    assert_eq!(state_of(&*store, 3).await, VorgangState::Eingegangen);
    assert!(!all(&*store, 100).await.iter().any(|early| early.row == first.row));
    assert_eq!(all(&*store, 100).await.len(), 4);
}

/// Milliseconds of a commit while nothing else happens or while answers are taken back.
async fn commits(store: &dyn Store, name: &str, until: impl Future<Output = ()>) -> Vec<f64> {
    let mut took = Vec::new();
    let mut n = 0;
    tokio::pin!(until);
    loop {
        n += 1;
        let mut entry = delivery("b", "q", &format!("{name} {n}"));
        entry.effects.sends = vec![Outgoing { not_before: None, ..send("callback:amt", None, "x") }];
        let began = Tick::now();
        assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::New]);
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        tokio::select! {
            () = &mut until => return took,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

fn figures(mut all: Vec<f64>) -> String {
    all.sort_by(f64::total_cmp);
    let at = |share: usize| all[(all.len() - 1) * share / 100];
    format!(
        "{} commits, median {:.1} ms, 95 of 100 below {:.1} ms, longest {:.1} ms",
        all.len(),
        at(50),
        at(95),
        at(100)
    )
}

/// What it costs to walk through them and to take all back, and what a commit beside that waits. Measured where `DREHSCHEIBE_LONG` is set; the figures
/// stand in `benches/README.md`, and nothing is asserted about them.
pub async fn what_walking_through_answers_costs(house: &dyn House) {
    let long = std::env::var_os("DREHSCHEIBE_LONG").is_some();
    let stocks: &[u128] = if long { &[2_000, 10_000] } else { &[20] };
    let store = open(house).await;
    let mut first = 10;
    for stock in stocks {
        let numbers: Vec<u128> = (first..first + stock).collect();
        first += stock;
        for some in numbers.chunks(100) {
            let requests: Vec<Entry> = some.iter().map(|n| waits(*n, 100)).collect();
            assert!(store.commit(requests).await.unwrap().iter().all(|one| *one == Committed::New));
        }
        let a_while = tokio::time::sleep(Duration::from_millis(if long { 3_000 } else { 20 }));
        let calm = figures(commits(&*store, &format!("calm {stock}"), a_while).await);
        let began = Tick::now();
        let found = all(&*store, 256).await;
        let walked = began.elapsed();
        assert_eq!(found.len() as u128, *stock);
        let began = Tick::now();
        // In a task of its own, as in the house.
        let of = store.clone();
        let back = tokio::spawn(async move {
            let runs = found.into_iter().map(|early| {
                let of = of.clone();
                async move { of.run_anew(unsent(&early), early.row, at(NOW)).await }
            });
            let mut runs = stream::iter(runs).buffer_unordered(TOGETHER);
            while let Some(outcome) = runs.next().await {
                assert_eq!(outcome.unwrap(), Anew::Runs);
            }
        });
        let done = async { back.await.unwrap() };
        let beside = figures(commits(&*store, &format!("beside {stock}"), done).await);
        if long {
            println!("{stock} held: walked in {walked:.2?}, taken back in {:.2?}", began.elapsed());
            println!("{stock} held, before: {calm}");
            println!("{stock} held, beside: {beside}");
        }
        assert!(all(&*store, 256).await.is_empty());
    }
}
