//! What every store must hold of what sources found where they look for deliveries.

use drehscheibe::effects::{Fact, Question};
use drehscheibe::envelope::Lying;
use drehscheibe::store::contract::Store;
use drehscheibe::store::looks::Look;
use jiff::Timestamp;

use super::common::{House, at, open};

/// Since when the oldest delivery of a partner counts as lying.
async fn lies(store: &dyn Store, partner: &str) -> Option<Timestamp> {
    let answers = store.lookup(vec![Question::Backlog(partner.to_owned())]).await.unwrap();
    let Fact::Backlog(since) = answers[0].fact else { panic!() };
    since
}

fn look(place: &str, partner: &str, times: (Option<i64>, i64, Option<i64>)) -> Look {
    let (since, looked, emptied) = (times.0.map(at), at(times.1), times.2.map(at));
    Look { place: place.into(), partner: partner.into(), since, looked, emptied }
}

pub async fn what_was_asked_and_found_empty_is_kept_by_place_and_partner(house: &dyn House) {
    let store = open(house).await;
    let (p, both) = (["p".to_owned()], ["q".to_owned(), "p".to_owned()]);
    assert_eq!((lies(&*store, "p").await, store.looks().await.unwrap()), (None, vec![]));
    store.looked("broker a", &both, Lying::Nothing, at(10)).await.unwrap();
    store.looked("trays p", &p, Lying::Since(at(5)), at(20)).await.unwrap();
    assert_eq!((lies(&*store, "p").await, lies(&*store, "q").await), (Some(at(5)), Some(at(10))));
    // What is empty again says until when all was taken, and what came then does not take that back.
    store.looked("trays p", &p, Lying::Nothing, at(30)).await.unwrap();
    store.looked("trays p", &p, Lying::Since(at(31)), at(40)).await.unwrap();
    // Nobody knows how long it lies there: since it was found empty.
    store.looked("broker a", &both, Lying::Something, at(50)).await.unwrap();
    store.looked("broker a", &both, Lying::Something, at(60)).await.unwrap();
    let found = [
        look("broker a", "p", (Some(10), 60, Some(10))),
        look("broker a", "q", (Some(10), 60, Some(10))),
        look("trays p", "p", (Some(31), 40, Some(30))),
    ];
    assert_eq!(store.looks().await.unwrap(), found);
    // Whoever delivers there no more counts no more.
    store.looked("broker a", &p, Lying::Since(at(55)), at(70)).await.unwrap();
    assert_eq!((lies(&*store, "p").await, lies(&*store, "q").await), (Some(at(31)), None));
    drop(store);
    let store = open(house).await;
    store.keep_looks(&["broker".to_owned()]).await.unwrap();
    assert_eq!(store.looks().await.unwrap(), [look("broker a", "p", (Some(55), 70, Some(10)))]);
}

pub async fn what_a_source_never_gets_to_ask_counts_from_its_start(house: &dyn House) {
    let store = open(house).await;
    let places = |names: &[&str]| -> Vec<(String, Vec<String>)> {
        names.iter().map(|name| (format!("trays {name}"), vec![(*name).to_owned()])).collect()
    };
    store.begin_looks("trays", &places(&["p", "q"]), at(0)).await.unwrap();
    store.begin_looks("trays2", &[("trays2 p".to_owned(), vec!["p".to_owned()])], at(5)).await.unwrap();
    assert_eq!((lies(&*store, "p").await, lies(&*store, "q").await), (Some(at(0)), Some(at(0))));
    // A start takes nothing back of what was found before it.
    store.looked("trays p", &["p".to_owned()], Lying::Nothing, at(10)).await.unwrap();
    store.begin_looks("trays", &places(&["p", "q"]), at(20)).await.unwrap();
    assert_eq!(lies(&*store, "q").await, Some(at(0)));
    // What lies where nobody has looked yet lies there since it was to be looked at.
    store.looked("trays q", &["q".to_owned()], Lying::Something, at(21)).await.unwrap();
    assert_eq!(lies(&*store, "q").await, Some(at(0)));
    // A place that goes goes for good, and no other connection's with it.
    store.begin_looks("trays", &places(&["p"]), at(30)).await.unwrap();
    assert_eq!(lies(&*store, "q").await, None);
    let found = [look("trays p", "p", (None, 10, Some(10))), look("trays2 p", "p", (None, 5, None))];
    assert_eq!(store.looks().await.unwrap(), found);
}
