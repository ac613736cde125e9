//! What every store must hold of pauses: what one held has the time that it took, once, however pauses overlap and whoever ends them.

use drehscheibe::effects::Outgoing;
use drehscheibe::store::lane::Want;
use drehscheibe::store::pauses::Pause;
use uuid::Uuid;

use super::common::{House, at, claim, commit_one, commit_sends, delivery, later, open, send, settle, want};

pub async fn what_a_pause_held_has_the_time_that_it_took(house: &dyn House) {
    let store = open(house).await;
    let until = |destination: &str, body: &str, seconds: i64| Outgoing {
        deadline: Some(at(seconds)),
        ..send(destination, None, body)
    };
    let rows = vec![until("c:x", "held", 100), until("c:y", "other", 100), until("c:x", "over before", 40)];
    commit_sends(&*store, "1", rows).await;
    let mut late = delivery("a", "p", "2");
    late.now = at(60);
    late.effects.sends = vec![until("c:x", "came during it", 160)];
    let pause = |kind: &str, name: &str, since: i64, until: Option<i64>| Pause {
        kind: kind.into(),
        name: name.into(),
        until: until.map(at),
        reason: "they asked".into(),
        person: "os:rita".into(),
        since: at(since),
    };
    let set = async |kind: &str, name: &str, pause: Option<Pause>, now: i64| {
        store.set_pause(kind, name, pause, "os:rita", at(now)).await.unwrap();
    };
    let deadlines = async |now: i64| {
        let lanes = claim(&*store, now).await;
        let mut all = Vec::new();
        for lane in &lanes {
            let due = &lane.heads[0];
            let body = String::from_utf8(due.envelope.body.to_vec()).unwrap();
            all.push((body, due.deadline.unwrap().as_second() - at(0).as_second()));
            assert!(settle(&*store, lane, 0, later(now), true, now).await);
        }
        all.sort();
        all
    };
    let of = |held: i64, came: i64, other: i64, over: i64| {
        [("came during it", came), ("held", held), ("other", other), ("over before", over)]
            .map(|(body, at)| (body.to_owned(), at))
            .to_vec()
    };
    set("destination", "c:x", Some(pause("destination", "c:x", 50, None)), 50).await;
    commit_one(&*store, late).await;
    assert!(!store.pauses_over(at(70)).await.unwrap(), "it has not ended");
    set("destination", "c:x", None, 80).await;
    assert_eq!(deadlines(81).await, of(130, 180, 100, 40));
    set("destination", "c:x", None, 90).await;
    assert_eq!(deadlines(91).await, of(130, 180, 100, 40), "once");
    // One of the partner that ends by itself; a route's holds nothing of this.
    set("partner", "x", Some(pause("partner", "x", 100, Some(110))), 100).await;
    set("route", "c:x", Some(pause("route", "c:x", 100, Some(110))), 100).await;
    assert!(!store.pauses_over(at(109)).await.unwrap());
    assert!(store.pauses_over(at(115)).await.unwrap());
    assert!(!store.pauses_over(at(116)).await.unwrap());
    assert_eq!(deadlines(117).await, of(140, 190, 100, 40));
    set("partner", "x", None, 118).await;
    assert_eq!(deadlines(119).await, of(140, 190, 100, 40), "it was given back");
    // One that is said anew goes on.
    set("destination", "c:x", Some(pause("destination", "c:x", 120, None)), 120).await;
    set("destination", "c:x", Some(pause("destination", "c:x", 125, Some(200))), 125).await;
    set("destination", "c:x", None, 130).await;
    assert_eq!(deadlines(131).await, of(150, 200, 100, 40));
}

/// A pause of the destination and one of its partner: kind, since, until it ends by itself or (`None`) a person ends it at the time beside it.
type Overlap = ([(&'static str, i64, Option<i64>); 2], [(i64, usize); 2]);

pub async fn pauses_that_overlap_give_their_time_back_once(house: &dyn House) {
    let (to, partner) = ("destination", "partner");
    // What each holds, in which order and when they end, and the time that a row of the destination and one beside it get.
    let cases: [(Overlap, i64, i64); 7] = [
        (([(to, 10, None), (partner, 20, None)], [(30, 0), (40, 1)]), 30, 20),
        (([(to, 10, None), (partner, 20, None)], [(30, 1), (40, 0)]), 30, 10),
        (([(partner, 10, None), (to, 20, None)], [(30, 0), (40, 1)]), 30, 20),
        (([(partner, 10, None), (to, 20, None)], [(30, 1), (40, 0)]), 30, 30),
        (([(to, 10, Some(30)), (partner, 20, Some(40))], [(35, 0), (45, 1)]), 30, 20),
        // Both have ended by themselves before anybody looked, and one does while a person ends the other.
        (([(to, 10, Some(30)), (partner, 20, Some(40))], [(50, 0), (51, 1)]), 30, 20),
        (([(to, 10, Some(30)), (partner, 20, None)], [(40, 1), (41, 0)]), 30, 20),
    ];
    let store = open(house).await;
    let mut expected = Vec::new();
    for (nth, ((pauses, ends), both, alone)) in cases.into_iter().enumerate() {
        // A partner of its own for each.
        let (held, beside) = (format!("c:x{nth}"), format!("d:x{nth}"));
        let row = |destination: &str, seconds: i64| Outgoing {
            deadline: Some(at(seconds)),
            partner: format!("x{nth}"),
            ..send(destination, None, destination)
        };
        // The short one is over before its pause gave anything back, and held since before that.
        let rows = vec![row(&held, 100), row(&held, 15), row(&beside, 100)];
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        commit_sends(&*store, &nth.to_string(), rows).await;
        let name = |kind: &str| if kind == to { held.clone() } else { format!("x{nth}") };
        for (kind, since, until) in pauses {
            let pause = Pause {
                kind: kind.into(),
                name: name(kind),
                until: until.map(at),
                reason: "they asked".into(),
                person: "os:rita".into(),
                since: at(since),
            };
            store.set_pause(kind, &name(kind), Some(pause), "os:rita", at(since)).await.unwrap();
        }
        for (now, which) in ends {
            let (kind, _, until) = pauses[which];
            match until {
                None => store.set_pause(kind, &name(kind), None, "os:rita", at(now)).await.unwrap(),
                Some(_) => drop(store.pauses_over(at(now)).await.unwrap()),
            }
        }
        expected.extend([(ids[0], 100 + both), (ids[1], 15 + both), (ids[2], 100 + alone)]);
    }
    let lanes = store.claim(Want { lanes: 100, ..want(1) }).await.unwrap();
    for (nth, (id, deadline)) in expected.into_iter().enumerate() {
        let due = lanes.iter().map(|lane| &lane.heads[0]).find(|due| due.id == id).unwrap();
        assert_eq!(due.deadline, Some(at(deadline)), "case {}, row {}", nth / 3, nth % 3);
    }
}
