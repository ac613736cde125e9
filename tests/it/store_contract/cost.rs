//! What it costs a commit that changes Registersätze to ask whether a Negativauskunft rests on them: measured where `DREHSCHEIBE_LONG` is set, in
//! turn with commits that say what was said before, which ask nothing. The figures stand in `benches/README.md`; nothing is asserted about them.

use drehscheibe::clock::Tick;
use drehscheibe::effects::{MirrorChange, Trace};
use drehscheibe::register::keys::SearchKey;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::{Committed, Entry};
use uuid::Uuid;

use super::common::{House, delivery, key, open, record};
use super::take_back::{BESIDE, by_two_ways};

/// As many keys as a request asks by, at least.
const ASKED: usize = 40;
/// As many keys as a Registersatz stands under, and as many as one of many names at most.
const STANDS: [usize; 2] = [12, 40];
/// Records that one commit changes.
const BATCH: usize = 50;

fn keys_of(what: &str, n: u128, count: usize) -> Vec<SearchKey> {
    (0..count).map(|k| key(&format!("{what} {n} {k}"))).collect()
}

/// Entries that change these records, or say what was said before.
fn changes(round: usize, count: usize, as_before: bool) -> Vec<Entry> {
    let one = |n: usize| {
        let mut entry = delivery("a", "p", &format!("change {round} {n}"));
        let id = Uuid::from_u128(((count as u128) << 64) | n as u128);
        let keys = keys_of(&format!("record {count}"), n as u128, count);
        let registersatz = record(&format!("Name {round}"));
        entry.effects.mirror = vec![MirrorChange::Put { id, registersatz, keys, as_before }];
        entry.effects.beside = [BESIDE.to_owned()].into();
        entry
    };
    (0..BATCH).map(one).collect()
}

async fn committed(store: &dyn Store, entries: Vec<Entry>) {
    assert!(store.commit(entries).await.unwrap().iter().all(|one| *one == Committed::New));
}

/// Milliseconds of one commit.
async fn spent(store: &dyn Store, entries: Vec<Entry>) -> f64 {
    let began = Tick::now();
    committed(store, entries).await;
    began.elapsed().as_secs_f64() * 1000.0
}

fn figures(mut all: Vec<f64>) -> String {
    all.sort_by(f64::total_cmp);
    let at = |share: usize| all[(all.len() - 1) * share / 100];
    format!("median {:.2} ms, quartiles {:.2} to {:.2}", at(50), at(25), at(75))
}

pub async fn what_asking_for_answers_costs_a_commit(house: &dyn House) {
    let long = std::env::var_os("DREHSCHEIBE_LONG").is_some();
    let (rounds, stocks): (usize, &[u128]) = if long { (60, &[0, 2_000, 20_000]) } else { (1, &[0, 2]) };
    let store = open(house).await;
    let (mut round, mut held) = (0, 0);
    for count in STANDS {
        round += 1;
        committed(&*store, changes(round, count, false)).await;
    }
    for stock in stocks {
        while held < *stock {
            let until = stock.min(&(held + 100)).to_owned();
            let answers = (held..until).map(|n| {
                let mut request = by_two_ways(10 + n);
                let vorgang = request.effects.vorgaenge[0].key.clone();
                let under = keys_of("asked", n, ASKED).into_iter();
                request.effects.traces =
                    under.map(|under| Trace { under, vorgang: vorgang.clone() }).collect();
                request
            });
            committed(&*store, answers.collect()).await;
            held = until;
        }
        for count in STANDS {
            let (mut asks, mut before) = (Vec::new(), Vec::new());
            for turn in 0..rounds {
                for as_before in [turn % 2 == 0, turn % 2 != 0] {
                    round += 1;
                    let took = spent(&*store, changes(round, count, as_before)).await;
                    if as_before { before.push(took) } else { asks.push(took) }
                }
            }
            if long {
                let ratio: Vec<f64> = asks.iter().zip(&before).map(|(asks, before)| asks / before).collect();
                println!("{stock} held, {count} keys, asks:      {}", figures(asks));
                println!("{stock} held, {count} keys, as before: {}", figures(before));
                println!("{stock} held, {count} keys, ratio:     {}", figures(ratio).replace(" ms", ""));
            }
        }
    }
}
