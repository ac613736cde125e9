//! What every store must hold of reading: scopes, figures, originals.

use std::sync::Arc;

use drehscheibe::cli::args_messages::OriginalArgs;
use drehscheibe::cli::exit::Exit;
use drehscheibe::cli::original;
use drehscheibe::cli::output::Output;
use drehscheibe::clock::Clock;
use drehscheibe::effects::Timer;
use drehscheibe::envelope::Inbound;
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::store::contract::Store;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::entry::Keep;
use drehscheibe::store::error::StoreError;
use drehscheibe::store::figures::UnderWay;
use drehscheibe::store::lane::Outcome;
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::common::{
    House, all, at, claim, claims_of, commit_one, delivery, key, open, parked, put, send, sent, settle, spool,
};

async fn two_mandanten_two_partners(store: &dyn Store) -> Vec<(&'static str, &'static str, Uuid)> {
    let mut made = Vec::new();
    for (mandant, partner) in [("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")] {
        let name = format!("{mandant}{partner}");
        let mut entry = delivery(mandant, partner, &name);
        (entry.state, entry.rejections) =
            (Inbound::Waiting, vec![Rejection::new(Fault::Rule, "Regel verletzt.")]);
        entry.waits = Some((key("w"), at(5_000)));
        entry.effects.mirror = vec![put(Uuid::new_v4(), &name, &[&name])];
        entry.effects.timers =
            vec![Timer { id: Uuid::new_v4(), due: at(1), name: "timer t".into(), body: "".into(), of: None }];
        entry.effects.sends = vec![send("r:p", None, &name), send("r:q", None, &name)];
        made.push((mandant, partner, commit_one(store, entry).await));
        store.commit(vec![delivery(mandant, partner, &name)]).await.unwrap();
    }
    for lane in claim(store, 1).await {
        assert!(settle(store, &lane, 0, parked(), true, 2).await);
    }
    made
}

pub async fn reads_are_scoped_by_mandant_and_partner(house: &dyn House) {
    let store = open(house).await;
    let made = two_mandanten_two_partners(&*store).await;
    let scopes = [
        (Scope::Operator, 4, 8),
        (Scope::Mandant("a".into()), 2, 4),
        (Scope::Mandant("c".into()), 0, 0),
        (Scope::Partner { mandant: "a".into(), partner: "p".into() }, 1, 2),
        (Scope::Partner { mandant: "b".into(), partner: "p".into() }, 1, 2),
        (Scope::Partner { mandant: "a".into(), partner: "nobody".into() }, 0, 0),
        (Scope::Partner { mandant: String::new(), partner: "p".into() }, 0, 0),
    ];
    for (scope, messages, held) in scopes {
        let inside = |mandant: &str, partner: &str| match &scope {
            Scope::Operator => true,
            Scope::Mandant(m) => m == mandant,
            Scope::Partner { mandant: m, partner: p } => m == mandant && p == partner,
        };
        let listed = store.list(&scope, all()).await.unwrap();
        assert_eq!(listed.len(), messages, "{scope:?}");
        for one in &listed {
            assert!(inside(&one.mandant, &one.partner));
            assert_eq!((one.codes.clone(), one.test), (vec!["X002".to_owned()], true));
            let narrow = matches!(scope, Scope::Partner { .. });
            assert_eq!(one.sends.len(), if narrow { 1 } else { 2 }, "not who else is told");
        }
        assert_eq!(store.list_parked_sends(&scope, 100).await.unwrap().len(), held, "{scope:?}");
        for (mandant, partner, id) in &made {
            let by_id = Filter { id: Some(*id), ..all() };
            let by_transport = Filter { transport_id: Some(format!("{mandant}{partner}")), ..all() };
            for filter in [by_id, by_transport] {
                let found = store.list(&scope, filter).await.unwrap().len();
                assert_eq!(found, usize::from(inside(mandant, partner)), "{scope:?}");
            }
            if scope != Scope::Operator {
                let seen = store.original(&scope, *id, "rita", "why", at(3)).await.unwrap();
                assert_eq!(seen.is_some(), inside(mandant, partner), "{scope:?}");
            }
        }
        let figures = store.figures(&scope).await.unwrap();
        let counted = |list: &[(String, u64)]| list.iter().map(|(_, n)| *n as usize).sum::<usize>();
        assert_eq!((counted(&figures.inbound), counted(&figures.codes)), (messages, messages));
        assert_eq!((figures.mirror as usize, figures.timers as usize), (messages, messages));
        assert_eq!((figures.repeats as usize, figures.oldest_waiting.is_some()), (messages, messages > 0));
        assert_eq!(figures.backlog.iter().map(|b| b.parked as usize).sum::<usize>(), held);
    }
}

pub async fn figures_count_what_is_there(house: &dyn House) {
    let store = open(house).await;
    assert_eq!(store.figures(&Scope::Operator).await.unwrap(), Default::default());
    assert_eq!(store.under_way().await.unwrap(), []);
    for n in 0..3 {
        let mut entry = delivery("a", "p", &n.to_string());
        if n > 0 {
            entry.state = Inbound::Rejected;
            entry.rejections = vec![Rejection::new(Fault::Schema, "x"), Rejection::new(Fault::Rule, "y")];
        }
        entry.effects.sends = vec![send("c:x", Some("k"), "1")];
        commit_one(&*store, entry).await;
    }
    let lane = claim(&*store, 1).await.remove(0);
    assert!(settle(&*store, &lane, 0, sent(), false, 2).await);
    assert!(settle(&*store, &lane, 1, Outcome::Unclear { cause: "cut".into() }, true, 2).await);
    let figures = store.figures(&Scope::Operator).await.unwrap();
    assert_eq!(figures.inbound, [("accepted".to_owned(), 1), ("rejected".to_owned(), 2)]);
    assert_eq!(figures.codes, [("X001".to_owned(), 2), ("X002".to_owned(), 2)]);
    let backlog = &figures.backlog[0];
    assert_eq!((backlog.waiting, backlog.sent, backlog.unclear, backlog.parked), (1, 1, 1, 0));
    let under_way =
        UnderWay { destination: "c:x".into(), waiting: 1, oldest: backlog.oldest, held: 1, followed: 0 };
    assert_eq!((store.under_way().await.unwrap(), backlog.oldest.is_some()), (vec![under_way], true));
    let listed = store.list(&Scope::Operator, Filter { limit: 2, ..Default::default() }).await.unwrap();
    assert_eq!(listed.len(), 2);
    let before = Filter { before: Some(listed[1].id), ..all() };
    let rest = store.list(&Scope::Operator, before).await.unwrap();
    assert_eq!((rest.len(), rest[0].state), (1, Inbound::Accepted), "newest first, page by page");
}

pub async fn originals_are_shown_only_in_scope(house: &dyn House) {
    let store = open(house).await;
    let entry = delivery("a", "p", "1");
    let id = commit_one(&*store, entry.clone()).await;
    let refused = store.original(&Scope::Operator, id, "rita", "curious", at(1)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
    let scope = Scope::Partner { mandant: "a".into(), partner: "p".into() };
    assert_eq!(
        store.original(&scope, id, "rita", "call", at(1)).await.unwrap().as_ref(),
        Some(&*entry.envelope)
    );
    assert_eq!(store.original(&scope, Uuid::new_v4(), "rita", "call", at(1)).await.unwrap(), None);
}

pub async fn a_hash_only_message_keeps_no_content(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "", "1");
    (entry.keep, entry.state, entry.cause) = (Keep::HashOnly, Inbound::Denied, Some("not admitted".into()));
    Arc::make_mut(&mut entry.envelope).parts = vec![spool(&*store, "a", b"part").await];
    let id = commit_one(&*store, entry.clone()).await;
    assert_eq!(store.original(&Scope::Mandant("a".into()), id, "r", "r", at(1)).await.unwrap(), None);
    let listed = store.list(&Scope::Operator, all()).await.unwrap().remove(0);
    assert_eq!(listed.octets_sha256, entry.envelope.evidence.octets_sha256);
    assert_eq!((listed.size, listed.cause.as_deref()), (entry.envelope.evidence.size, Some("not admitted")));
    let mut parked = delivery("a", "", "2");
    (parked.keep, parked.state) = (Keep::HashOnly, Inbound::Parked);
    let id = commit_one(&*store, parked).await;
    assert!(!store.replay(id, "rita", "r", at(1)).await.unwrap(), "there is nothing to run");
    drop(store);
    house.run().await.unwrap();
    assert_eq!(claims_of(house).len(), 0, "nor the part");
}

pub async fn what_is_kept_apart_and_was_answered_ends_by_a_persons_word(house: &dyn House) {
    let store = open(house).await;
    let apart = |name: &str, codes: Vec<Rejection>, keep| {
        let mut entry = delivery("a", "p", name);
        (entry.state, entry.rejections, entry.keep) = (Inbound::Quarantined, codes, keep);
        entry.next_step = Some("compare them".to_owned());
        entry
    };
    let refused = || vec![Rejection::new(Fault::Other, "Schon geliefert.")];
    let answered = commit_one(&*store, apart("1", refused(), Keep::Original)).await;
    let hash = commit_one(&*store, apart("2", vec![], Keep::HashOnly)).await;
    let open_still = commit_one(&*store, apart("3", vec![], Keep::Original)).await;
    let mut parked = delivery("a", "p", "4");
    parked.state = Inbound::Parked;
    let parked = commit_one(&*store, parked).await;
    for (id, ends) in
        [(answered, true), (hash, true), (open_still, false), (parked, false), (Uuid::new_v4(), false)]
    {
        assert_eq!(store.reject(id, "os:rita", "neu geliefert", at(2)).await.unwrap(), ends);
        assert!(!store.reject(id, "os:rita", "zweimal", at(3)).await.unwrap());
    }
    let shown = |id: Uuid| {
        let store = store.clone();
        async move {
            let mut listed =
                store.list(&Scope::Operator, Filter { id: Some(id), limit: 1, ..all() }).await.unwrap();
            listed.remove(0)
        }
    };
    let states = async |id: Uuid| shown(id).await.state;
    assert_eq!((states(answered).await, states(hash).await), (Inbound::Rejected, Inbound::Rejected));
    assert_eq!((states(open_still).await, states(parked).await), (Inbound::Quarantined, Inbound::Parked));
    assert!(!store.replay(answered, "os:rita", "doch nicht", at(4)).await.unwrap(), "it is over");
    assert_eq!(shown(answered).await.next_step, None, "nothing is to be done any more");
    assert_eq!(shown(open_still).await.next_step.as_deref(), Some("compare them"));
}

pub async fn an_original_is_written_for_two_persons_and_nobody_else(house: &dyn House) {
    let store = open(house).await;
    let mut entry = delivery("a", "p", "1");
    (entry.state, entry.rejections) =
        (Inbound::Quarantined, vec![Rejection::new(Fault::Other, "Schon geliefert.")]);
    Arc::make_mut(&mut entry.envelope).parts = vec![spool(&*store, "a", &[b'x'; 100_000]).await];
    let body = entry.envelope.body.clone();
    let id = commit_one(&*store, entry).await;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("vergleich");
    let asked = async |person: &str, at: i64| {
        let args = OriginalArgs { id, out: folder.clone(), reason: format!("Vergleich {person}") };
        let mut out = Output::stdout(true);
        original::run(&*store, &Clock::set(self::at(at)), person, &args, &mut out).await
    };
    // Alone nobody sees it, however often he asks, nor is a request too old of any use.
    for moment in [0, 1, 90_000] {
        assert_eq!(asked("os:anna", moment).await.unwrap(), Exit::Ok);
        assert!(!folder.exists());
    }
    assert_eq!(asked("os:rita", 90_000 + 86_400).await.unwrap(), Exit::Ok);
    assert!(!folder.exists(), "the day was over: this is a request of her own");
    assert_eq!(asked("os:anna", 180_000).await.unwrap(), Exit::Ok);
    let octets = |name: &str| std::fs::read(folder.join(name)).unwrap();
    assert_eq!(octets("dokument.xml"), body);
    assert_eq!(octets("teil-1.pdf"), [b'x'; 100_000]);
    let said: serde_json::Value = serde_json::from_slice(&octets("angaben.json")).unwrap();
    assert_eq!((&said["id"], &said["files"][1]["name"]), (&id.to_string().into(), &"n.pdf".into()));
    for entry in std::fs::read_dir(&folder).unwrap() {
        let mode = std::os::unix::fs::MetadataExt::mode(&entry.unwrap().metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&folder).unwrap()) & 0o777, 0o700);
    // Used up; and a folder that is there is never written into.
    assert_eq!(asked("os:rita", 180_001).await.unwrap(), Exit::Ok);
    assert!(asked("os:anna", 180_002).await.is_err());
}
