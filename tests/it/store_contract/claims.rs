//! What every store must hold of the claims of parts.

use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::effects::Outgoing;
use drehscheibe::envelope::{Claim, Inbound, MADE_PART, Part};
use drehscheibe::seal::key::sha256;
use drehscheibe::store::entry::{Committed, Entry, Keep};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::lane::Why;
use uuid::Uuid;

use super::common::{
    House, claim, claims_of, commit_one, commit_sends, delivery, open, put, read_claim, send, settle, spool,
};
use super::ways::{onward, way};

pub async fn parts_go_round_in_bounded_memory(house: &dyn House) {
    let store = open(house).await;
    let octets: Vec<u8> = (0..5 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let part = spool(&*store, "a", &octets).await;
    assert_eq!((part.size, part.sha256.clone()), (octets.len() as u64, hex::encode(sha256(&octets))));
    assert_eq!(part.claim.name.len(), 64);
    assert_ne!(part.claim.name, part.sha256);
    let mut reader = store.open_claim("a", &part.claim).await.unwrap();
    let (mut read, mut largest) = (Vec::new(), 0);
    while let Some(piece) = reader.read().await.unwrap() {
        largest = largest.max(piece.len());
        read.extend_from_slice(&piece);
    }
    assert!(read == octets, "the same octets");
    assert!(largest <= 256 * 1024, "in pieces: {largest}");
    assert_eq!(reader.read().await.unwrap(), None);
    // Committed with a message, it comes back with the message and leaves with what is sent.
    let mut entry = delivery("a", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![part.clone()];
    entry.effects.mirror = vec![put(Uuid::new_v4(), "N", &["k"])];
    entry.effects.sends = vec![Outgoing { parts: vec![part], ..send("c:x", None, "{}") }];
    commit_one(&*store, entry).await;
    drop(store);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!(removed, 0);
    let lane = claim(&*store, 1).await.remove(0);
    let again = read_claim(&*store, "a", &lane.heads[0].envelope.parts[0].claim).await.unwrap();
    assert!(again == octets, "also after a restart");
}

pub async fn small_and_empty_parts(house: &dyn House) {
    let store = open(house).await;
    for len in [0_usize, 1, 65_535, 65_536, 65_537, 131_072] {
        let octets = vec![b'z'; len];
        let part = spool(&*store, "a", &octets).await;
        assert!(read_claim(&*store, "a", &part.claim).await.unwrap() == octets, "{len}");
    }
}

/// The part that a step made: an `n`th PDF of so many octets.
fn made(n: u8, len: usize) -> Part {
    let octets = Bytes::from([b"%PDF-1.7 geheim".to_vec(), vec![n; len]].concat());
    let sha256 = hex::encode(sha256(&octets));
    Part::made("schreiben.pdf", "application/pdf", octets, sha256)
}

pub async fn what_a_step_made_lies_sealed_with_its_row_and_is_bounded(house: &dyn House) {
    let store = open(house).await;
    let (letter, cover) = (made(1, 200_000), made(2, 0));
    let claimed = spool(&*store, "a", b"kept").await;
    let parts = vec![letter.clone(), claimed.clone(), cover.clone()];
    let ways = [way("c:x", 200, false), way("d:x", 250, false)];
    let row = Outgoing { parts: parts.clone(), ways: ways.to_vec(), ..send("c:x", None, "{}") };
    commit_sends(&*store, "1", vec![row]).await;
    assert_eq!(claims_of(house).len(), 1, "what a step made is no claim");
    drop(store);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!(removed, 0);
    // It is there after a restart, on every way, and opens with its row.
    let first = claim(&*store, 1).await.remove(0);
    assert_eq!(first.heads[0].envelope.parts, parts);
    let outcome = onward("c:x", ways[1].clone(), Why::Refused);
    assert!(settle(&*store, &first, 0, outcome, true, 2).await);
    let next = claim(&*store, 3).await.remove(0);
    assert_eq!(next.heads[0].envelope.parts, parts, "on the next way, too");
    let read: Vec<_> = next.heads[0].envelope.parts.iter().map(Part::enclosed).collect();
    let octets = |part: &Part| part.small.clone().unwrap().0;
    assert_eq!(read, [Some(&octets(&letter)), None, Some(&octets(&cover))]);
    assert_eq!(read_claim(&*store, "a", &claimed.claim).await.unwrap(), b"kept");
    // More than a row may carry is the fault of the entry, and nothing of it is written.
    let half = MADE_PART / 2;
    for (parts, fits) in [(vec![made(3, half), made(4, half)], false), (vec![made(3, half)], true)] {
        let mut entry = delivery("a", "p", if fits { "3" } else { "2" });
        entry.effects.sends = vec![Outgoing { parts, ..send("e:x", None, "{}") }];
        let committed = store.commit(vec![entry]).await;
        assert_eq!(committed.is_ok(), fits, "{committed:?}");
        assert!(fits || matches!(committed, Err(StoreError::Entry(_))), "{committed:?}");
    }
    // A part without content and without a claim is nobody's.
    let mut entry = delivery("a", "p", "4");
    let parts = vec![Part { small: None, ..made(5, 1) }];
    entry.effects.sends = vec![Outgoing { parts, ..send("f:x", None, "{}") }];
    assert!(matches!(store.commit(vec![entry]).await, Err(StoreError::Entry(_))));
}

pub async fn damaged_claims_are_found(house: &dyn House) {
    let store = open(house).await;
    let part = spool(&*store, "a", &vec![b'q'; 200_000]).await;
    let file = claims_of(house).remove(0);
    assert!(!file.file_name().unwrap().to_string_lossy().contains("n.pdf"));
    let good = std::fs::read(&file).unwrap();
    for at in [0, 1, 70_000, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let read = read_claim(&*store, "a", &part.claim).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "octet {at}");
    }
    // Cut, also exactly between two chunks, and lengthened.
    for len in [0, 1, 1 + 65_552, good.len() - 1] {
        std::fs::write(&file, &good[..len]).unwrap();
        let read = read_claim(&*store, "a", &part.claim).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "cut to {len}");
    }
    std::fs::write(&file, [good.as_slice(), b"more"].concat()).unwrap();
    assert!(matches!(read_claim(&*store, "a", &part.claim).await, Err(StoreError::Corrupt(_))));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(read_claim(&*store, "a", &part.claim).await, Err(StoreError::Corrupt(_))));
    std::fs::write(&file, good).unwrap();
    assert_eq!(read_claim(&*store, "a", &part.claim).await.unwrap().len(), 200_000);
    for name in ["../../etc/passwd", "", "tmp", &"A".repeat(64)] {
        let odd = Claim { name: name.into(), ..part.claim.clone() };
        assert!(matches!(store.open_claim("a", &odd).await.err(), Some(StoreError::Corrupt(_))), "{name}");
    }
}

pub async fn an_empty_folder_is_no_folder_of_a_store_that_names_claims(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let part = spool(&*store, "a", b"kept").await;
    let mut entry = delivery("a", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![part.clone()];
    commit_one(&*store, entry).await;
    store.close(std::time::Duration::from_secs(5)).await.unwrap();
    drop(store);
    // As a volume looks that is not mounted.
    let (there, aside) = (claims_of(house).remove(0), house.claims().with_extension("volume"));
    std::fs::rename(&there, &aside).unwrap();
    let refused = house.run().await.map(|(_, removed)| removed).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(text) if text.to_string().contains("mount its volume")),
        "{refused}"
    );
    // A person says that they are lost.
    std::fs::create_dir(house.claims().join("lost")).unwrap();
    let (store, _) = house.run().await.unwrap();
    assert!(matches!(read_claim(&*store, "a", &part.claim).await, Err(StoreError::Corrupt(_))));
    store.close(std::time::Duration::from_secs(5)).await.unwrap();
    drop(store);
    std::fs::remove_dir(house.claims().join("lost")).unwrap();
    std::fs::rename(&aside, &there).unwrap();
    let (store, _) = house.run().await.unwrap();
    assert_eq!(read_claim(&*store, "a", &part.claim).await.unwrap(), b"kept");
}

pub async fn a_claim_of_another_mandant_does_not_open(house: &dyn House) {
    let store = open(house).await;
    commit_one(&*store, delivery("b", "p", "0")).await;
    let part = spool(&*store, "a", b"secret").await;
    for mandant in ["b", "c"] {
        let opened = store.open_claim(mandant, &part.claim).await;
        assert!(matches!(opened.err(), Some(StoreError::Corrupt(_))));
    }
    let mut entry = delivery("b", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![part];
    assert!(matches!(store.commit(vec![entry]).await, Err(StoreError::Entry(_))));
}

pub async fn claims_nobody_needs_are_collected(house: &dyn House) {
    let (store, _) = house.run().await.unwrap();
    let kept = spool(&*store, "a", b"kept").await;
    let mut entry = delivery("a", "p", "1");
    Arc::make_mut(&mut entry.envelope).parts = vec![kept.clone()];
    commit_one(&*store, entry).await;
    let pending = spool(&*store, "a", b"finished, not committed yet").await;
    let mut writing = store.spool("a").await.unwrap();
    writing.write(Bytes::from_static(b"half")).await.unwrap();
    assert_eq!(store.collect_garbage().await.unwrap(), 0, "a run still holds them");
    let mut late = delivery("a", "p", "2");
    Arc::make_mut(&mut late.envelope).parts = vec![pending];
    commit_one(&*store, late).await;
    let (claim, ..) = writing.finish().await.unwrap();
    assert_eq!(read_claim(&*store, "a", &claim).await.unwrap(), b"half");
    // Dropped unfinished: nothing stays.
    let mut dropped = store.spool("a").await.unwrap();
    dropped.write(Bytes::from(vec![b'd'; 100_000])).await.unwrap();
    drop(dropped);
    assert_eq!(std::fs::read_dir(house.claims().join("tmp")).unwrap().count(), 0);
    // A crash: one finished that nobody committed, one half written, one file from nowhere.
    drop(store);
    std::fs::write(house.claims().join("tmp").join("0".repeat(32)), b"half").unwrap();
    std::fs::write(house.claims().join("f".repeat(64)), b"whole").unwrap();
    assert_eq!(claims_of(house).len(), 4);
    let (store, removed) = house.run().await.unwrap();
    assert_eq!((removed, claims_of(house).len()), (3, 2));
    assert_eq!(read_claim(&*store, "a", &kept.claim).await.unwrap(), b"kept");
}

pub async fn a_claim_that_everybody_let_go_goes_at_once(house: &dyn House) {
    let store = open(house).await;
    let left = async |n: usize| {
        for _ in 0..6_000 {
            if claims_of(house).len() == n {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} claims lie there, not {n}", claims_of(house).len());
    };
    let part = |entry: &mut Entry, part: Part| Arc::make_mut(&mut entry.envelope).parts = vec![part];
    // Broken off before it was delivered; the same content twice is held by both.
    let (one, two) = (spool(&*store, "a", b"twice").await, spool(&*store, "a", b"twice").await);
    drop(one);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(read_claim(&*store, "a", &two.claim).await.unwrap(), b"twice");
    drop(two);
    left(0).await;
    // Refused without being kept.
    let mut refused = delivery("a", "p", "1");
    (refused.state, refused.keep) = (Inbound::Rejected, Keep::HashOnly);
    part(&mut refused, spool(&*store, "a", b"not kept").await);
    commit_one(&*store, refused).await;
    left(0).await;
    // Kept with its delivery, and a repeat of that adds nothing, with the same content or with another one.
    let mut first = delivery("a", "p", "2");
    part(&mut first, spool(&*store, "a", b"kept").await);
    commit_one(&*store, first.clone()).await;
    for octets in [&b"kept"[..], b"another"] {
        let mut again = Entry { envelope: first.envelope.clone(), ..delivery("a", "p", "2") };
        Arc::make_mut(&mut again.envelope).head.id = Uuid::new_v4();
        part(&mut again, spool(&*store, "a", octets).await);
        assert!(matches!(store.commit(vec![again]).await.unwrap()[..], [Committed::Again(_)]));
    }
    left(1).await;
    let claim = first.envelope.parts[0].claim.clone();
    drop(first);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(read_claim(&*store, "a", &claim).await.unwrap(), b"kept", "a row names it");
}
