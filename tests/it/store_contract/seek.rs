//! What every store must hold of looking for messages: by window, what is said of them, ids of ours and of their sender.

use std::sync::Arc;

use drehscheibe::envelope::Inbound;
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::Key;
use drehscheibe::store::seek::Seek;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::ids::fresh_id;
use uuid::Uuid;

use super::common::{House, at, commit_one, delivery, open, send};

/// Ids as they are at the beginning and at the end of a second.
fn second(seconds: i64) -> (Uuid, Uuid) {
    let of = |millisecond: i64, rest: u8| {
        let mut octets = [rest; 16];
        octets[..6].copy_from_slice(&u64::try_from(millisecond).unwrap().to_be_bytes()[2..]);
        Uuid::from_bytes(octets)
    };
    let begins = at(seconds).as_millisecond();
    (of(begins, 0), of(begins + 999, 0xff))
}

/// The positions of what is found, in its order.
async fn found(store: &dyn Store, scope: &Scope, made: &[Uuid], filter: Filter) -> Vec<usize> {
    let listed = store.list(scope, filter).await.unwrap();
    listed.iter().map(|one| made.iter().position(|id| *id == one.id).unwrap()).collect()
}

pub async fn messages_are_found_by_what_is_known_of_them(house: &dyn House) {
    let store = open(house).await;
    let (mut made, mut sent, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (n, partner, route) in [(0, "p", "r"), (60, "q", "other"), (120, "p", "r"), (3_600, "p", "r")] {
        let mut entry = delivery("a", partner, &format!("n{n}"));
        let mut envelope = (*entry.envelope).clone();
        (envelope.head.id, envelope.head.received) = (fresh_id(at(n)), at(n));
        entry.envelope = Arc::new(envelope);
        entry.route = Some(route.to_owned());
        if n == 120 {
            entry.state = Inbound::Rejected;
            entry.rejections = vec![Rejection::new(Fault::Schema, "x"), Rejection::new(Fault::Rule, "y")];
        }
        entry.keys.push(Key::business(partner, "xfamilie", &format!("UUID-{n}")));
        keys.push(entry.keys.clone());
        let row = send("c:x", None, &n.to_string());
        sent.push(row.id);
        entry.effects.sends = vec![row];
        made.push(commit_one(&*store, entry).await);
    }
    let some = |text: &str| Some(text.to_owned());
    let between = Some((second(30).0, second(120).1));
    let whole = |id: Uuid| Some((id, id));
    let begins = |id: Uuid| {
        let (mut first, mut last) = (id.into_bytes(), id.into_bytes());
        first[8..].fill(0);
        last[8..].fill(0xff);
        Some((Uuid::from_bytes(first), Uuid::from_bytes(last)))
    };
    let cases: Vec<(&str, Seek, Vec<usize>)> = vec![
        ("a window, newest first", Seek { between, ..Seek::default() }, vec![2, 1]),
        ("a partner", Seek { partner: some("p"), ..Seek::default() }, vec![3, 2, 0]),
        ("a partner in a window", Seek { between, partner: some("p"), ..Seek::default() }, vec![2]),
        ("a route", Seek { route: some("other"), ..Seek::default() }, vec![1]),
        ("a type", Seek { message: some("xfamilie.0804"), ..Seek::default() }, vec![3, 2, 1, 0]),
        ("another type", Seek { message: some("xfamilie.0801"), ..Seek::default() }, vec![]),
        ("a code among several", Seek { code: some("X002"), ..Seek::default() }, vec![2]),
        ("no part of a code", Seek { code: some("X00"), ..Seek::default() }, vec![]),
        ("an id", Seek { between: whole(made[1]), ..Seek::default() }, vec![1]),
        ("the beginning of an id", Seek { between: begins(made[3]), ..Seek::default() }, vec![3]),
        ("what it sent", Seek { sent: whole(sent[0]), ..Seek::default() }, vec![0]),
        ("the beginning of what it sent", Seek { sent: begins(sent[2]), ..Seek::default() }, vec![2]),
        (
            "transport ids, of which there is one",
            Seek { transports: vec!["none".to_owned(), "n60".to_owned()], ..Seek::default() },
            vec![1],
        ),
        ("the transport's key", Seek { keys: keys[1][..1].to_vec(), ..Seek::default() }, vec![1]),
        (
            "its UUID, however it is written, among others",
            Seek {
                keys: vec![
                    Key::business("q", "xfamilie", " uuid-120"),
                    Key::business("p", "xfamilie", " uuid-120"),
                ],
                ..Seek::default()
            },
            vec![2],
        ),
        ("both keys of one, once", Seek { keys: keys[3].clone(), ..Seek::default() }, vec![3]),
        (
            "its key and another partner",
            Seek { keys: keys[3].clone(), partner: some("q"), ..Seek::default() },
            vec![],
        ),
    ];
    for (what, seek, wanted) in cases {
        let filter = Filter { seek, ..Filter::default() };
        assert_eq!(found(&*store, &Scope::Operator, &made, filter.clone()).await, wanted, "{what}");
        let foreign = Scope::Mandant("b".into());
        assert!(found(&*store, &foreign, &made, filter.clone()).await.is_empty(), "{what}: another's");
        let of_q = Scope::Partner { mandant: "a".into(), partner: "q".into() };
        let seen = found(&*store, &of_q, &made, filter).await;
        assert!(seen.iter().all(|one| *one == 1), "{what}: another partner's");
    }
    let own = Seek { keys: keys.concat(), ..Seek::default() };
    let newest = Filter { seek: own, limit: 3, ..Filter::default() };
    assert_eq!(found(&*store, &Scope::Operator, &made, newest).await, [3, 2, 1], "the newest of many");
    let page = |before, limit| Filter {
        before,
        limit,
        states: vec![Inbound::Accepted],
        seek: Seek { partner: some("p"), ..Seek::default() },
        ..Filter::default()
    };
    assert_eq!(found(&*store, &Scope::Operator, &made, page(None, 1)).await, [3]);
    assert_eq!(found(&*store, &Scope::Operator, &made, page(Some(made[3]), 9)).await, [0], "the next page");
}
