//! Other files under a running house, seen from inside: what was opened for files that do not run is let go, and what another process drained to
//! its end is served here no longer, unless something is left for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::app::house::{House, Options};
use drehscheibe::app::place::Place;
use drehscheibe::app::shared::{Shared, Why};
use drehscheibe::app::{draining, fit};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::route::compiled::WantedDestination;

use crate::store_contract::common::{commit_one, delivery, send};
use crate::support::{Receiver, StageDir, root};

async fn stage() -> StageDir {
    let partners = [Receiver::start().await, Receiver::start().await];
    StageDir::new([partners[0].address, partners[1].address])
}

fn place(stage: &StageDir) -> Place {
    let (config, routes) = (stage.stage(), stage.routes.clone());
    Place { config, routes, xsd: root().join("xsd"), data: stage.data() }
}

async fn house(stage: &StageDir) -> House {
    let options = Options {
        place: place(stage),
        clock: Clock::real(),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    House::start(options).await.unwrap_or_else(|fault| panic!("{fault:?}"))
}

fn names(shared: &Shared) -> Vec<String> {
    let mut names: Vec<String> = shared.core.set.load().destinations.keys().cloned().collect();
    names.sort();
    names
}

/// A destination of the running files, by a connection of another name.
fn by_another(wanted: &[WantedDestination], connection: &str) -> WantedDestination {
    let of = wanted.iter().find(|wanted| wanted.kind == "callback").expect("a callback");
    WantedDestination { connection: connection.to_owned(), ..of.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_opened_for_files_that_cannot_run_is_let_go() {
    let stage = stage().await;
    let house = house(&stage).await;
    let shared = &house.shared;
    let (open, before) = (shared.connections.opened(), names(shared));
    assert!(!open.is_empty());
    let mut found = fit::checked(&place(&stage), None).unwrap();
    let good = by_another(&found.compiled.destinations, "neu");
    let broken = WantedDestination {
        settings: serde_json::json!("no settings"),
        ..by_another(&found.compiled.destinations, "kaputt")
    };
    // Opened one after the other: the first one stands when the second one fails.
    found.compiled.destinations.extend([good, broken]);
    assert!(shared.install(found, &Why::Ordered).await.is_err());
    assert!(shared.connections.opened() == open, "what runs is open, and nothing else");
    assert_eq!(names(shared), before);
    // The same files without what is broken: now it stands.
    let mut found = fit::checked(&place(&stage), None).unwrap();
    found.compiled.destinations.push(by_another(&found.compiled.destinations, "neu"));
    shared.install(found, &Why::Ordered).await.unwrap();
    assert_eq!(shared.connections.opened().len(), open.len() + 1);
    house.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_drained_to_its_end_is_served_here_no_longer() {
    let stage = stage().await;
    let house = house(&stage).await;
    let shared = &house.shared;
    let before = names(shared);
    // As this process serves what another one's files had, and nobody's note names it any more.
    let wanted = fit::checked(&place(&stage), None).unwrap().compiled.destinations;
    let mut with = (*shared.core.set.load_full()).clone();
    let [empty, left] = ["leer", "voll"].map(|connection| {
        let wanted = by_another(&wanted, connection);
        let destination = shared.connections.destination(&wanted, &shared.around).unwrap().unwrap();
        with.destinations.insert(wanted.key(), destination);
        wanted.key()
    });
    shared.core.set.store(Arc::new(with));
    shared.drains.store(true, Ordering::Relaxed);
    let mut entry = delivery("jugendamt-bremen", "jugendamt-bremen", "übrig");
    entry.effects.sends = vec![send(&left, None, "a")];
    commit_one(&*shared.core.store, entry).await;

    draining::look(shared).await.unwrap();
    let after = names(shared);
    assert!(!after.contains(&empty), "{after:?}");
    assert!(after.contains(&left), "something is left for it: {after:?}");
    assert!(before.iter().all(|name| after.contains(name)), "what the files have stays: {after:?}");
    house.stop(Duration::from_secs(5)).await;
}
