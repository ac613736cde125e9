//! Time is a claim: the newest delivery up to a moment, counts as of a moment, clocks that were ahead.

use drehscheibe::effects::{Fact, MirrorChange, Question, Trace, Vorgang, VorgangChange, VorgangState};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::fristen::Klasse;
use drehscheibe::register::uhr::Lead;
use drehscheibe::store::entry::{Committed, Delivery, Entry, Key};
use jiff::SignedDuration;
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery, key, open, put};
use super::register::ask;
use super::retention::{goes, on};

/// A delivery of the partner `p` with a UUID and a moment.
fn delivered(uuid: &str, moment: i64, state: Inbound) -> Entry {
    let mut entry = delivery("a", "p", uuid);
    let key = Key { class: "business", parts: vec!["p".into(), "xfamilie".into(), uuid.into()] };
    entry.keys.push(key.clone());
    entry.delivery = Some(Delivery { key, moment: at(moment), stamp: at(moment) });
    entry.state = state;
    entry
}

pub fn anzahl(partner: &str, moment: i64) -> Question {
    Question::Anzahl { partner: partner.into(), at: at(moment) }
}

pub fn neueste(uuid: Option<&str>, moment: i64) -> Question {
    let uuid = uuid.map(str::to_owned);
    Question::Neueste { partner: "p".into(), standard: "xfamilie".into(), uuid, at: at(moment) }
}

pub async fn where_the_children_of_a_partner_were_born_is_counted(house: &dyn House) {
    let store = open(house).await;
    for (n, (partner, ort)) in
        [("p", "Bremen"), ("p", "Bremerhaven"), ("q", "Bremen"), ("p", "Bremen")].into_iter().enumerate()
    {
        let mut entry = delivered(&format!("u-{n}"), 10, Inbound::Accepted);
        entry.stamp.partner = partner.into();
        let mut change = put(Uuid::from_u128(n as u128 + 1), "Quendel", &[&format!("child {n}")]);
        if let MirrorChange::Put { registersatz, .. } = &mut change {
            registersatz.kind.geburtsort = Some(ort.into());
        }
        entry.effects.mirror = vec![change];
        commit_one(&*store, entry).await;
    }
    let Fact::Orte(Some(mut found)) = ask(&*store, Question::Orte("p".into())).await.0 else { panic!() };
    found.sort_by_key(|(_, n)| *n);
    let told: Vec<(&str, u64)> =
        found.iter().map(|(kind, n)| (kind.geburtsort.as_deref().unwrap(), *n)).collect();
    assert_eq!(told, [("Bremerhaven", 1), ("Bremen", 2)]);
    assert!(found.iter().all(|(kind, _)| kind.namen.is_empty()), "nothing of a child but its place");
    assert_eq!(ask(&*store, Question::Orte("r".into())).await.0, Fact::Orte(Some(Vec::new())));
}

pub async fn the_newest_delivery_up_to_a_moment_is_known_whatever_its_verdict(house: &dyn House) {
    let store = open(house).await;
    let newest = async |uuid: Option<&str>, moment| ask(&*store, neueste(uuid, moment)).await.0;
    assert_eq!(newest(None, 100).await, Fact::Neueste(true), "none at all");
    assert_eq!(newest(Some("u-1"), 100).await, Fact::Neueste(false));
    // In another order than that of their moments.
    for (uuid, moment, state) in [
        ("u-3", 30, Inbound::Parked),
        ("u-1", 10, Inbound::Accepted),
        ("u-2", 20, Inbound::Rejected),
        ("u-2b", 20, Inbound::Waiting),
    ] {
        let mut entry = delivered(uuid, moment, state);
        if state == Inbound::Waiting {
            entry.waits = Some((key("w"), at(90)));
        }
        commit_one(&*store, entry).await;
    }
    // What is no delivery, and what another office delivered, does not count.
    commit_one(&*store, delivery("a", "p", "no delivery")).await;
    let mut other = delivered("u-9", 50, Inbound::Accepted);
    other.stamp.partner = "q".into();
    commit_one(&*store, other).await;
    for (uuid, moment, is) in [
        (Some("u-1"), 9, false),
        (None, 9, true),
        (Some("u-1"), 10, true),
        (Some("U-1"), 19, true),
        (None, 19, false),
        (Some("u-1"), 20, false),
        (Some("u-2"), 20, true),
        (Some("u-2b"), 29, true),
        (Some("u-3"), 29, false),
        (Some("u-3"), 30, true),
        (Some("u-2"), 99, false),
        (Some("u-9"), 99, false),
    ] {
        assert_eq!(newest(uuid, moment).await, Fact::Neueste(is), "{uuid:?} at {moment}");
    }
    // Come again with another content under the same id, it is of both moments.
    let mut again = delivered("u-2", 40, Inbound::Quarantined);
    again.keys = vec![Key { class: "conflict", parts: vec!["c".into()] }];
    commit_one(&*store, again).await;
    assert_eq!(newest(Some("u-2"), 40).await, Fact::Neueste(true));
    assert_eq!(newest(Some("u-3"), 39).await, Fact::Neueste(true));
}

pub async fn of_two_that_came_with_stamps_ahead_the_stamps_say_which_is_the_newest(house: &dyn House) {
    let store = open(house).await;
    let newest = async |uuid: &str, moment| ask(&*store, neueste(Some(uuid), moment)).await.0;
    // The clock is ahead by nine hours; what could not be read at first comes again as a readable copy, after the next one.
    for (uuid, moment, stamp) in [("u-2", 20, 32_420), ("u-1", 30, 32_410)] {
        let mut entry = delivered(uuid, moment, Inbound::Accepted);
        entry.delivery.as_mut().unwrap().stamp = at(stamp);
        commit_one(&*store, entry).await;
    }
    for (uuid, moment, is) in
        [("u-2", 19, false), ("u-2", 29, true), ("u-2", 30, true), ("u-1", 30, false), ("u-1", 99, false)]
    {
        assert_eq!(newest(uuid, moment).await, Fact::Neueste(is), "{uuid} at {moment}");
    }
    // With the clock set right the stamps are behind, and nobody knows which of both holds; the one that came first and is older by its
    // stamp as well is none.
    commit_one(&*store, delivered("u-3", 40, Inbound::Accepted)).await;
    for (uuid, is) in [("u-1", false), ("u-2", true), ("u-3", true)] {
        assert_eq!(newest(uuid, 40).await, Fact::Neueste(is), "{uuid}");
    }
    // Until it is later by both.
    commit_one(&*store, delivered("u-4", 40_000, Inbound::Accepted)).await;
    for (uuid, is) in [("u-2", false), ("u-3", false), ("u-4", true)] {
        assert_eq!(newest(uuid, 50_000).await, Fact::Neueste(is), "{uuid}");
    }
}

pub async fn records_are_counted_as_of_a_moment(house: &dyn House) {
    let store = open(house).await;
    let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
    let putting = |uuid: &str, moment, id, name: &str| {
        let mut entry = delivered(uuid, moment, Inbound::Accepted);
        entry.effects.mirror = vec![put(id, name, &["k"])];
        entry
    };
    commit_one(&*store, putting("u-1", 10, ids[0], "Eins")).await;
    commit_one(&*store, putting("u-3", 30, ids[2], "Drei")).await;
    // Late, and in one batch with a change of another one.
    let batch = vec![putting("u-2", 20, ids[1], "Zwei"), putting("u-4", 40, ids[0], "Neu")];
    assert_eq!(store.commit(batch).await.unwrap(), [Committed::New, Committed::New]);
    let counts = async |expected: &[(i64, u64)]| {
        for (moment, n) in expected {
            assert_eq!(ask(&*store, anzahl("p", *moment)).await.0, Fact::Anzahl(*n), "at {moment}");
        }
    };
    counts(&[(9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (40, 3)]).await;
    // A deletion that waited counts from its own moment on, not from that of what woke it.
    let mut waits = delivered("u-5", 25, Inbound::Waiting);
    waits.waits = Some((key("w"), at(90)));
    commit_one(&*store, waits.clone()).await;
    waits.waits = None;
    waits.resumes = true;
    waits.state = Inbound::Accepted;
    waits.effects.mirror =
        vec![MirrorChange::Remove { id: ids[1], tombstone: key("gone"), created: at(25), until: at(99) }];
    commit_one(&*store, waits).await;
    counts(&[(20, 2), (24, 2), (25, 1), (30, 2), (40, 2)]).await;
    // A successor takes a record over with its own delivery.
    let mut taken = putting("u-6", 50, ids[2], "Drei");
    taken.stamp.partner = "q".into();
    commit_one(&*store, taken).await;
    counts(&[(30, 2), (49, 2), (50, 1)]).await;
    assert_eq!(ask(&*store, anzahl("q", 49)).await.0, Fact::Anzahl(0));
    assert_eq!(ask(&*store, anzahl("q", 50)).await.0, Fact::Anzahl(1));
}

pub async fn it_is_remembered_whose_clock_was_ahead(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(ask(&*store, Question::Leads).await.0, Fact::Leads(vec![]));
    let lead = |partner: &str, seen, by| Lead {
        partner: partner.into(),
        seen: at(seen),
        by: SignedDuration::from_secs(by),
    };
    // Whatever becomes of the message; each partner is remembered once.
    for (name, state, lead) in [
        ("1", Inbound::Accepted, lead("p", 1, 90)),
        ("2", Inbound::Rejected, lead("q", 2, 100_000)),
        ("3", Inbound::Accepted, lead("p", 3, 60)),
    ] {
        let mut entry = delivered(name, 1, state);
        entry.effects.leads = vec![lead];
        commit_one(&*store, entry).await;
    }
    let Fact::Leads(mut found) = ask(&*store, Question::Leads).await.0 else { panic!() };
    found.sort_by(|a, b| a.partner.cmp(&b.partner));
    assert_eq!(found, [lead("p", 3, 60), lead("q", 2, 100_000)]);
}

pub async fn a_record_of_an_earlier_program_was_received_when_it_was_written(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivered("u-1", 10, Inbound::Accepted);
    entry.now = at(7);
    let MirrorChange::Put { mut registersatz, keys, id, .. } = put(Uuid::from_u128(1), "Eins", &["k"]) else {
        panic!()
    };
    registersatz.quelle.erstellungszeitpunkt = at(5000);
    registersatz.quelle.empfangen = None;
    entry.effects.mirror = vec![MirrorChange::Put { id, registersatz, keys, as_before: false }];
    commit_one(&*store, entry).await;
    let Fact::Mirror(found) = ask(&*store, Question::Mirror(key("k"))).await.0 else { panic!() };
    let quelle = &found[0].registersatz.quelle;
    assert_eq!((quelle.empfangen, quelle.moment()), (Some(at(7)), at(7)), "its stamp lay ahead");
}

pub async fn what_was_issued_is_found_under_its_keys_and_goes_with_its_vorgang(house: &dyn House) {
    let store = open(house).await;
    let issuing = |n: u128, under: &[&str]| {
        let (state, akte) = (VorgangState::Zugestellt, Default::default());
        let vorgang = Vorgang { id: Uuid::from_u128(n), owner: "jga:1".into(), state, deadline: None, akte };
        let own = key(&format!("v{n}"));
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.traces = under.iter().map(|k| Trace { under: key(k), vorgang: own.clone() }).collect();
        entry.effects.vorgaenge = vec![VorgangChange { key: own, vorgang }];
        entry
    };
    let issued = async |under: &str| {
        let Fact::Ausgestellt(found) = ask(&*store, Question::Ausgestellt(key(under))).await.0 else {
            panic!()
        };
        let mut ids: Vec<u128> = found.iter().map(|vorgang| vorgang.id.as_u128()).collect();
        ids.sort_unstable();
        ids
    };
    let batch = vec![issuing(1, &["k1", "k2", "k2"]), issuing(2, &["k2"])];
    assert_eq!(store.commit(batch).await.unwrap(), [Committed::New, Committed::New]);
    assert_eq!((issued("k1").await, issued("k2").await, issued("k3").await), (vec![1], vec![1, 2], vec![]));
    // It stands under the same guard as the records of the key.
    let under = ask(&*store, Question::Ausgestellt(key("k1"))).await.1;
    assert_eq!(under, ask(&*store, Question::Mirror(key("k1"))).await.1);
    let days = |seconds: i64| on(at(180 * 86_400 + seconds));
    goes(&*store, Klasse::Vorgaenge, &days(0), &days(1), 2).await;
    assert_eq!((issued("k1").await, issued("k2").await), (vec![], vec![]));
}

pub async fn deliveries_are_forgotten_when_no_meldung_counts_them_and_the_newest_stays(house: &dyn House) {
    let store = open(house).await;
    for (uuid, moment) in [("u-1", 1), ("u-2", 2)] {
        commit_one(&*store, delivered(uuid, moment, Inbound::Accepted)).await;
    }
    let mut gone = delivery("a", "q", "removal");
    let (id, tombstone) = (Uuid::from_u128(1), key("grab"));
    gone.effects.mirror = vec![MirrorChange::Remove { id, tombstone, created: at(0), until: at(1_000) }];
    commit_one(&*store, gone).await;
    let newest = async |uuid: Option<&str>, moment| ask(&*store, neueste(uuid, moment)).await.0;
    assert_eq!(newest(Some("u-1"), 1).await, Fact::Neueste(true));
    // They go with the tombstones, later.
    goes(&*store, Klasse::Loeschmarken, &on(at(999)), &on(at(36 * 86_400)), 1).await;
    assert_eq!(newest(Some("u-1"), 1).await, Fact::Neueste(false));
    assert_eq!(newest(Some("u-2"), 2).await, Fact::Neueste(true));
}
