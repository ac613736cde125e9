//! The register's own state: restricted records, Bestände, counts, sends that wait for their time,
//! and readings by persons.

use drehscheibe::effects::{
    BestandChange, Fact, Guard, MirrorChange, Question, Vorgang, VorgangChange, VorgangState,
};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::aenderung::Gesucht;
use drehscheibe::register::bestand::{Bestand, Meldung};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::record::TeilDatum;
use drehscheibe::register::vorgang::Akte;
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::View;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::lane::Lane;
use drehscheibe::store::stamp::Scope;
use jiff::civil::Date;
use uuid::Uuid;

use super::common::{
    House, at, bodies, claim, commit_one, delivery, guard, key, moved, open, parked, put, record, seen, send,
    sent, settle, vorgang,
};
use super::time::{anzahl, neueste};

pub async fn ask(store: &dyn Store, question: Question) -> (Fact, u64) {
    let answer = store.lookup(vec![question]).await.unwrap().remove(0);
    (answer.fact, answer.guard.seen)
}

fn view(scope: Scope, limit: usize) -> View {
    View { scope, limit, person: "pruefer".into(), reason: "Abgleich".into(), now: at(5) }
}

pub async fn akten_are_kept_with_their_vorgang(house: &dyn House) {
    let store = open(house).await;
    let vorgang = |fall, erinnerungen| Vorgang {
        id: Uuid::from_u128(9),
        owner: "jugendamt-bremen".into(),
        state: VorgangState::BeimJugendamt,
        deadline: None,
        akte: Akte { art: "antrag".into(), fall: Some(fall), erinnerungen, ..Default::default() },
    };
    for (n, fall) in [Fall::I, Fall::A].into_iter().enumerate() {
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.guards = vec![guard("v", ask(&*store, Question::Vorgang(key("v"))).await.1)];
        entry.effects.vorgaenge = vec![VorgangChange { key: key("v"), vorgang: vorgang(fall, n as u32) }];
        commit_one(&*store, entry).await;
        let found = ask(&*store, Question::Vorgang(key("v"))).await.0;
        assert_eq!(found, Fact::Vorgang(Some(vorgang(fall, n as u32))));
    }
    for (scope, expected) in [
        (Scope::Operator, 1),
        (Scope::Mandant("a".into()), 1),
        (Scope::Mandant("b".into()), 0),
        (Scope::Partner { mandant: "a".into(), partner: "other".into() }, 0),
    ] {
        assert_eq!(
            store.vorgaenge(view(scope.clone(), 10), None).await.unwrap().len(),
            expected,
            "{scope:?}"
        );
    }
    // What only leads to it came later, and counts only where it is given back.
    let mut entry = delivery("a", "p", "aliases");
    for name in ["one", "two", "three"] {
        entry.effects.guards.push(guard(name, 0));
        let akte = Akte { art: "sendung".into(), ..Default::default() };
        let alias = Vorgang { akte, ..vorgang(Fall::A, 0) };
        entry.effects.vorgaenge.push(VorgangChange { key: key(name), vorgang: alias });
    }
    commit_one(&*store, entry).await;
    for (limit, without, expected) in [
        (1, Some("sendung"), &["antrag"][..]),
        (2, None, &["sendung"; 2]),
        (9, Some("antrag"), &["sendung"; 3]),
    ] {
        let found = store.vorgaenge(view(Scope::Operator, limit), without).await.unwrap();
        assert!(found.iter().map(|one| one.akte.art.as_str()).eq(expected.iter().copied()), "{limit}");
    }
}

pub async fn bestaende_are_kept_and_guarded(house: &dyn House) {
    let store = open(house).await;
    let question = || Question::Bestand("jugendamt-bremen".into());
    assert_eq!(ask(&*store, question()).await.0, Fact::Bestand(None));
    for n in 1..=2u64 {
        let meldung = Meldung {
            am: at(n as i64),
            anzahl: n,
            stimmt: true,
            gezaehlt: None,
            letzte: None,
            mit: Vec::new(),
        };
        let bestand = Bestand { begonnen: Some(at(0)), meldung: Some(meldung), ..Default::default() };
        let before = Guard { key: question().key(), seen: ask(&*store, question()).await.1 };
        let mut entry = delivery("a", "p", &n.to_string());
        entry.effects.bestaende = vec![BestandChange {
            amt: "jugendamt-bremen".into(),
            bestand: bestand.clone(),
            says_less: false,
        }];
        commit_one(&*store, entry).await;
        assert_eq!(ask(&*store, question()).await.0, Fact::Bestand(Some(bestand)));
        let mut late = delivery("a", "p", &format!("late {n}"));
        late.effects.guards = vec![before];
        assert_eq!(store.commit(vec![late]).await.unwrap(), [Committed::Stale]);
    }
    assert_eq!(ask(&*store, Question::Bestand("jugendamt-hamburg".into())).await.0, Fact::Bestand(None));
}

pub async fn readers_of_a_bestand_do_not_hinder_each_other(house: &dyn House) {
    let store = open(house).await;
    let questions =
        || vec![Question::Bestand("jugendamt-bremen".into()), anzahl("p", 1), neueste(Some("u"), 1)];
    let guards = |own: &str| {
        let store = store.clone();
        let own = own.to_owned();
        async move {
            let own = guard(&own, seen(&*store, &own).await);
            let answers = store.lookup(questions()).await.unwrap();
            answers.into_iter().map(|answer| answer.guard).chain([own]).collect::<Vec<_>>()
        }
    };
    let reader = |name: &str, guards| {
        let mut entry = delivery("a", "p", name);
        entry.effects.guards = guards;
        entry
    };
    let writer = |name: &str, guards| {
        let mut entry = reader(name, guards);
        let bestand = Bestand { begonnen: Some(at(0)), ..Default::default() };
        entry.effects.bestaende =
            vec![BestandChange { amt: "jugendamt-bremen".into(), bestand, says_less: false }];
        entry
    };
    // In one batch and one after the other: what they only read does not move.
    let before = guards("x").await;
    let one = guards("one").await;
    let both = vec![reader("1", one.clone()), reader("2", guards("two").await)];
    assert_eq!(store.commit(both).await.unwrap(), [Committed::New, Committed::New]);
    let mut third = guards("three").await;
    third[..3].clone_from_slice(&before[..3]);
    assert_eq!(store.commit(vec![reader("3", third)]).await.unwrap(), [Committed::New]);
    assert!(moved(&*store, "one", one[3].seen).await, "its own guards are bumped as ever");
    // Whoever writes it moves it: readers of before are stale, and so is the later of two writers.
    let late = [reader("4", guards("four").await), writer("5", guards("five").await)];
    assert_eq!(store.commit(vec![writer("6", guards("six").await)]).await.unwrap(), [Committed::New]);
    for entry in late {
        assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::Stale]);
    }
    let writers = vec![writer("7", guards("seven").await), writer("8", guards("eight").await)];
    assert_eq!(store.commit(writers).await.unwrap(), [Committed::New, Committed::Stale]);
    assert_eq!(store.commit(vec![reader("9", guards("nine").await)]).await.unwrap(), [Committed::New]);
}

pub async fn records_are_counted_and_read_page_by_page(house: &dyn House) {
    let store = open(house).await;
    let ids: Vec<Uuid> = (1..=5).map(Uuid::from_u128).collect();
    for (n, id) in ids.iter().enumerate() {
        let partner = if n < 3 { "p" } else { "q" };
        let mut entry = delivery("a", partner, &n.to_string());
        entry.effects.mirror = vec![put(*id, "Beispiel", &[&format!("k{n}")])];
        commit_one(&*store, entry).await;
    }
    assert_eq!(ask(&*store, anzahl("p", 1)).await.0, Fact::Anzahl(3));
    assert_eq!(ask(&*store, anzahl("nobody", 1)).await.0, Fact::Anzahl(0));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.registersaetze(view(Scope::Mandant("a".into()), 2), after).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|record| record.id));
    }
    assert_eq!(seen, ids);
    let scope = Scope::Partner { mandant: "a".into(), partner: "q".into() };
    let mine = store.registersaetze(view(scope, 100), None).await.unwrap();
    assert_eq!(mine.iter().map(|record| record.id).collect::<Vec<_>>(), ids[3..]);
    let mut gone = delivery("a", "p", "gone");
    gone.effects.mirror =
        vec![MirrorChange::Remove { id: ids[0], tombstone: key("k0"), created: at(1), until: at(9) }];
    commit_one(&*store, gone).await;
    assert_eq!(ask(&*store, anzahl("p", 1)).await.0, Fact::Anzahl(2));
}

pub async fn whoever_is_sought_is_found_by_key_or_day_once(house: &dyn House) {
    let store = open(house).await;
    for (n, name) in ["Ida", "Eva", "Ada"].into_iter().enumerate() {
        let mut entry = delivery("a", "p", name);
        let mut registersatz = record(name);
        registersatz.kind.geburtsdatum = TeilDatum::parse(&format!("2024-08-0{}", n + 1));
        let keys = vec![key(name), key("all")];
        entry.effects.mirror = vec![MirrorChange::Put {
            id: Uuid::from_u128(n as u128 + 1),
            registersatz,
            keys,
            as_before: false,
        }];
        commit_one(&*store, entry).await;
    }
    let end = |day: i8| Date::constant(2042, 8, day);
    let many = || (0..5_000).map(|n| key(&format!("nobody {n}")));
    for (keys, enden, expected) in [
        (vec![], vec![], vec![]),
        (vec![key("nobody")], vec![end(9)], vec![]),
        (vec![key("Ida")], vec![end(1)], vec![1]),
        (vec![key("Ida")], vec![end(3), end(3)], vec![1, 3]),
        (vec![], vec![end(2)], vec![2]),
        (many().chain([key("all"), key("Eva")]).collect(), vec![end(1)], vec![1, 2, 3]),
    ] {
        let (fact, _) = ask(&*store, Question::Whoever(Box::new(Gesucht { keys, enden }))).await;
        let Fact::Mirror(found) = fact else { panic!() };
        let mut ids: Vec<u128> = found.iter().map(|one| one.id.as_u128()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
        assert!(found.iter().all(|one| one.partner == "p" && one.mandant == "a"));
    }
    // It is no ground: who asks hinders nobody who writes.
    let question = Question::Whoever(Box::new(Gesucht { keys: vec![key("all")], enden: vec![] }));
    let guard = store.lookup(vec![question]).await.unwrap().remove(0).guard;
    let mut other = delivery("a", "p", "other");
    other.effects.mirror = vec![put(Uuid::from_u128(1), "Ida", &["Ida", "all"])];
    commit_one(&*store, other).await;
    let mut entry = delivery("a", "p", "asked");
    entry.effects.guards = vec![guard];
    assert_eq!(store.commit(vec![entry]).await.unwrap(), [Committed::New]);
}

pub async fn a_send_waits_for_its_time(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    let mut early = send("c:x", None, "early");
    early.not_before = Some(at(50));
    let mut ordered = send("c:y", Some("o"), "first");
    ordered.not_before = None;
    let mut second = send("c:y", Some("o"), "second");
    second.not_before = Some(at(60));
    entry.effects.sends = vec![early, ordered, second];
    commit_one(&*store, entry).await;
    let due = |lanes: &[Lane]| lanes.iter().flat_map(bodies).collect::<Vec<_>>();
    let lanes = claim(&*store, 10).await;
    assert_eq!(due(&lanes), ["first"]);
    assert!(settle(&*store, &lanes[0], 0, sent(), true, 11).await);
    assert!(claim(&*store, 49).await.is_empty());
    assert_eq!(store.next_due(&[]).await.unwrap(), Some(at(50)));
    assert_eq!(due(&claim(&*store, 50).await), ["early"]);
    assert_eq!(due(&claim(&*store, 61).await), ["second"]);
}

/// What of a message can still be opened: by replay, by a person's view, as the verdict of a repeat.
async fn opens(store: &dyn Store, id: Uuid) -> bool {
    let scope = Scope::Mandant("a".into());
    store.original(&scope, id, "pruefer", "Probe", at(9)).await.ok().flatten().is_some()
}

pub async fn a_deletion_reaches_all_that_spoke_of_the_child(house: &dyn House) {
    let store = open(house).await;
    let speaks = |n: &str, of: &str, state: Inbound| {
        let mut entry = delivery("a", "p", n);
        entry.state = state;
        entry.effects.subjects = vec![key(of)];
        entry
    };
    let id = Uuid::from_u128(7);
    let mut first = speaks("put", "k", Inbound::Accepted);
    first.effects.mirror = vec![put(id, "Quendel", &["k"])];
    let first = commit_one(&*store, first).await;
    let mut ids = vec![first];
    for (n, state) in [
        ("parked", Inbound::Parked),
        ("rejected", Inbound::Rejected),
        ("quarantined", Inbound::Quarantined),
        ("waiting", Inbound::Waiting),
    ] {
        let mut entry = speaks(n, "k", state);
        if state == Inbound::Waiting {
            entry.waits = Some((key("other"), at(1000)));
        }
        ids.push(commit_one(&*store, entry).await);
    }
    let other = commit_one(&*store, speaks("other", "z", Inbound::Parked)).await;
    for id in ids.iter().chain([&other]) {
        assert!(opens(&*store, *id).await, "kept so far");
    }
    let mut last = speaks("remove", "k", Inbound::Accepted);
    last.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("k"), created: at(5), until: at(1000) }];
    ids.push(commit_one(&*store, last).await);
    let late = commit_one(&*store, speaks("late", "k", Inbound::Rejected)).await;
    for id in ids.iter().chain([&late]) {
        assert!(!opens(&*store, *id).await, "nothing of the child can be opened");
    }
    assert!(opens(&*store, other).await, "another child's is untouched");
    assert!(!store.replay(ids[1], "os:rita", "again", at(10)).await.unwrap(), "nothing is left to replay");
    let due = store.resume(at(2000), std::time::Duration::from_secs(5), 10).await.unwrap();
    assert!(due.is_empty(), "what waited is over");
    assert_eq!(ask(&*store, Question::Tombstone(key("k"))).await.0, Fact::Tombstone(Some(at(5))));

    // A change of the key marks the old place, and what was delivered before stays as it is.
    let moved = Uuid::from_u128(8);
    let mut again = speaks("again", "m", Inbound::Accepted);
    again.effects.mirror = vec![put(moved, "Quendel", &["m"])];
    let again = commit_one(&*store, again).await;
    let mut change = speaks("change", "m", Inbound::Accepted);
    change.effects.subjects.push(key("n"));
    change.effects.mirror = vec![
        MirrorChange::Remove { id: Uuid::from_u128(9), tombstone: key("m"), created: at(6), until: at(1000) },
        put(moved, "Quendel", &["n"]),
    ];
    let change = commit_one(&*store, change).await;
    assert!(opens(&*store, again).await && opens(&*store, change).await);
    let (Fact::Mirror(found), _) = ask(&*store, Question::Mirror(key("n"))).await else { panic!() };
    assert_eq!(found.len(), 1);
    let mut gone = speaks("gone", "n", Inbound::Accepted);
    gone.effects.mirror =
        vec![MirrorChange::Remove { id: moved, tombstone: key("n"), created: at(7), until: at(1000) }];
    commit_one(&*store, gone).await;
    assert!(!opens(&*store, again).await && !opens(&*store, change).await, "its key reaches the past");
}

pub async fn what_is_forgotten_goes_with_what_it_sent_and_its_vorgang_stays(house: &dyn House) {
    let store = open(house).await;
    // A notice whose Vorgang seals it, one that several seal, and one of another key.
    let mut ids = Vec::new();
    for (n, of, cases) in [("one", "n", 1), ("two", "n", 2), ("other", "z", 1)] {
        let mut entry = delivery("a", "p", n);
        entry.effects.subjects = vec![key(of)];
        let case = |nth: i32| VorgangChange {
            key: key(&format!("{n} {nth}")),
            vorgang: vorgang("p", VorgangState::BeimJugendamt),
        };
        entry.effects.vorgaenge = (0..cases).map(case).collect();
        entry.effects.sends = vec![send(&format!("c:{n}"), None, "to the office")];
        ids.push(commit_one(&*store, entry).await);
    }
    let lanes = claim(&*store, 10).await;
    let first = lanes.iter().find(|lane| lane.destination == "c:one").unwrap();
    assert!(settle(&*store, first, 0, sent(), true, 11).await);
    let shown = |lines: Vec<String>| {
        lines.into_iter().filter(|line| line.starts_with("outbox") && !line.ends_with(" -")).count()
    };
    assert_eq!(shown(store.essence().await.unwrap()), 3);
    let mut ended = delivery("a", "p", "ended");
    ended.effects.clears = vec![key("n")];
    ended.effects.sends = vec![send("c:court", None, "what became of it")];
    let ended = commit_one(&*store, ended).await;
    assert!(!opens(&*store, ids[0]).await && !opens(&*store, ids[1]).await, "nothing that came is left");
    assert!(opens(&*store, ids[2]).await && opens(&*store, ended).await);
    assert_eq!(shown(store.essence().await.unwrap()), 3, "what had arrived is gone, what is owed is not");
    let owed = lanes.iter().find(|lane| lane.destination == "c:two").unwrap();
    assert!(settle(&*store, owed, 0, sent(), true, 12).await);
    assert_eq!(shown(store.essence().await.unwrap()), 2, "it has arrived");
    let (Fact::Vorgang(kept), _) = ask(&*store, Question::Vorgang(key("one 0"))).await else { panic!() };
    assert!(kept.is_some(), "what is known of the task stays");
}

pub async fn what_leaves_after_a_deletion_goes_when_it_has_arrived(house: &dyn House) {
    let store = open(house).await;
    let id = Uuid::from_u128(7);
    let mut stored = delivery("a", "p", "put");
    stored.effects.subjects = vec![key("k")];
    stored.effects.mirror = vec![put(id, "Quendel", &["k"])];
    stored.effects.sends = vec![send("c:x", Some("k"), "under the child's key")];
    commit_one(&*store, stored).await;
    let mut refused = delivery("a", "p", "rejected");
    refused.state = Inbound::Rejected;
    refused.effects.subjects = vec![key("k")];
    refused.effects.sends =
        vec![send("c:y", Some("k"), "arrived before"), send("c:z", Some("k"), "under the Mandant's key")];
    commit_one(&*store, refused).await;
    let mut bystander = delivery("a", "p", "other");
    bystander.effects.sends = vec![send("c:o", None, "of nobody")];
    commit_one(&*store, bystander).await;
    let shown = |lines: Vec<String>| {
        lines.into_iter().filter(|line| line.starts_with("outbox") && !line.ends_with(" -")).count()
    };
    let lanes = claim(&*store, 10).await;
    let before = lanes.iter().find(|lane| lane.destination == "c:y").unwrap();
    assert!(settle(&*store, before, 0, sent(), true, 11).await);
    assert_eq!(shown(store.essence().await.unwrap()), 4, "nothing is deleted yet");

    let mut gone = delivery("a", "p", "remove");
    gone.effects.subjects = vec![key("k")];
    gone.effects.mirror =
        vec![MirrorChange::Remove { id, tombstone: key("k"), created: at(5), until: at(1000) }];
    commit_one(&*store, gone).await;
    assert_eq!(shown(store.essence().await.unwrap()), 3, "what had arrived is gone, what is owed is not");

    // Owed, tried in vain, parked, replayed: it leaves all the same, and goes only then.
    let on_the_way = lanes.iter().find(|lane| lane.destination == "c:x").unwrap();
    assert!(settle(&*store, on_the_way, 0, parked(), true, 12).await);
    assert!(store.replay(on_the_way.heads[0].id, "os:rita", "again", at(13)).await.unwrap());
    let again = claim(&*store, 14).await;
    let again = again.iter().find(|lane| lane.destination == "c:x").unwrap();
    assert_eq!(bodies(again), ["under the child's key"]);
    assert!(settle(&*store, again, 0, sent(), true, 15).await);
    assert_eq!(shown(store.essence().await.unwrap()), 2, "the first has arrived");
    for destination in ["c:z", "c:o"] {
        let lane = lanes.iter().find(|lane| lane.destination == destination).unwrap();
        assert!(settle(&*store, lane, 0, sent(), true, 16).await);
    }
    assert_eq!(shown(store.essence().await.unwrap()), 1, "only what nobody deleted is left");
}
