//! The promise of rules.md 2.1 over the real door, engine and store: whatever order, delay, refusal, parking or crash, no
//! Negativauskunft while an admitted delivery that gives this child an entry is in the house; and its counterweight: once the listed
//! steps are taken, the same request is answered again. Knows nothing of how the house keeps that; it only remembers what it delivered.

use std::collections::BTreeMap;
use std::time::Duration;

use drehscheibe::cli::sample::{Wish, eintragung, korrektur, loeschung};
use drehscheibe::cli::sample_antrag::{Antrag, json as antrag_json};
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::{Filter, View};
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::Intake;
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::house::{AMT, House};
use crate::support::Seeded;

/// Houses that are played, each with a seed of its own.
const HOUSES: u64 = 16;
/// What happens in each.
const STEPS: u64 = 16;
/// Points at which a process may end while something is taken in.
const CRASHES: &[Point] = &[
    Point::Received,
    Point::BeforeLookup,
    Point::AfterLookup,
    Point::BeforeCommit,
    Point::AfterCommit,
    Point::Answered,
];

/// What was delivered, as its sender knows it.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    id: Uuid,
    child: u64,
    entry: bool,
    made: u32,
    state: Inbound,
    /// Refused because the mirror says the same already: the word of this moment is there.
    repeats: bool,
}

/// A house, and what its outside remembers.
pub struct Witnessed {
    pub house: House,
    pub(super) delivered: Vec<Delivered>,
    pub(super) asked: BTreeMap<Uuid, u64>,
    /// The number of the first delivery of the load.
    pub first: u64,
    /// The id of the last one.
    pub last: Uuid,
    /// Whether requests name the child's number in the register of births.
    pub numbered: bool,
    /// The office's clock is ahead by a day: most of its stamps lie ahead of their receipts.
    pub ahead: bool,
}

impl Witnessed {
    pub async fn new(number: u64) -> Witnessed {
        Witnessed::of(House::new(number).await)
    }

    pub fn of(house: House) -> Witnessed {
        let (delivered, asked) = (Vec::new(), BTreeMap::new());
        Witnessed { house, delivered, asked, first: 0, last: Uuid::nil(), numbered: false, ahead: false }
    }

    /// Loads the children without an entry and declares the register complete.
    pub async fn declared(&mut self, children: &[u64]) {
        self.house.said(json!({ "was": "beginn" }), Some("os:anna")).await;
        for child in children {
            let wish = Wish {
                child: *child,
                message: self.house.fresh(),
                arten: vec![],
                second: 1,
                ..Wish::plain(*child)
            };
            if self.last.is_nil() {
                self.first = wish.message;
            }
            self.last = wish.uuid();
            self.take(&wish, eintragung(&wish)).await;
        }
        let count = children.len();
        let stand = self.house.clock.now().to_string();
        let compared = json!({
            "was": "abgleich", "anzahl": count, "liste": true, "stand": stand, "fehlend": 0, "ueberzaehlig": 0
        });
        self.house.said(compared, Some("os:anna")).await;
        for person in ["os:anna", "os:bert"] {
            self.house.said(json!({ "was": "erklaerung" }), Some(person)).await;
        }
        self.house.said(json!({ "was": "meldung", "anzahl": count, "letzteUUID": self.last }), None).await;
    }

    fn delivery(&mut self, body: String) -> Envelope {
        let body = if self.ahead { body.replace("2026-11-20T", "2026-11-21T") } else { body };
        let name = format!("d-{}", self.house.fresh());
        self.house.envelope("http /v1/lieferungen", AMT, &name, body, None)
    }

    pub(super) fn remember(&mut self, wish: &Wish, verdict: &Verdict) {
        if verdict.again || verdict.state == Inbound::Denied {
            return;
        }
        self.delivered.push(Delivered {
            id: verdict.id,
            child: wish.child,
            entry: !wish.arten.is_empty(),
            made: wish.second,
            state: verdict.state,
            repeats: verdict.codes == ["S100"],
        });
    }

    pub async fn take(&mut self, wish: &Wish, body: String) -> Verdict {
        let envelope = self.delivery(body);
        let verdict = self.house.deliver(envelope).await;
        self.remember(wish, &verdict);
        verdict
    }

    pub fn request(&mut self, child: u64) -> Envelope {
        let number = self.house.fresh();
        let mut body = antrag_json(&Antrag::new(child, number), self.house.clock.now());
        if self.numbered {
            let mut read: serde_json::Value = serde_json::from_str(&body).unwrap();
            read["kind"]["geburtsregisterNummer"] = json!(Wish::plain(child).familie().register);
            read["kind"]["geburtsstandesamt"] = json!("Standesamt Bremen-Mitte");
            body = read.to_string();
        }
        let name = format!("a-{number}");
        let envelope = self.house.envelope("http /v1/antraege", "kita-portal-nord", &name, body, None);
        self.asked.insert(envelope.head.id, child);
        envelope
    }

    pub async fn ask(&mut self, child: u64) -> Uuid {
        let envelope = self.request(child);
        let id = envelope.head.id;
        let verdict = self.house.deliver(envelope).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        id
    }

    /// The letters of all requests, by our ids of them.
    pub async fn letters(&self) -> BTreeMap<Uuid, Fall> {
        let view = View {
            scope: Scope::Operator,
            limit: 10_000,
            person: "probe".to_owned(),
            reason: "probe".to_owned(),
            now: self.house.clock.now(),
        };
        let all = self.house.store.vorgaenge(view, None).await.unwrap();
        all.iter().filter_map(|vorgang| Some((vorgang.akte.nummer?, vorgang.akte.fall?))).collect()
    }

    /// All messages in the order of their commits, with the state that they are in now.
    pub(super) async fn order(&self) -> Vec<(Uuid, Inbound)> {
        let filter = Filter { limit: 10_000, ..Filter::default() };
        let mut listed = self.house.store.list(&Scope::Operator, filter).await.unwrap();
        listed.reverse();
        listed.iter().map(|one| (one.id, one.state)).collect()
    }
}

/// Why a Negativauskunft must not have left: a delivery before it that gives the child an entry, and no later word about it that
/// came after it. What came before it and was made later ends nothing: the entry is refused as older, and its stamp is a claim.
pub(super) fn wrong(world: &Witnessed, child: u64, before: &[(Uuid, Inbound)]) -> Option<Delivered> {
    let there = |one: &&Delivered| before.iter().any(|(id, _)| *id == one.id);
    let came = || world.delivered.iter().filter(|one| one.child == child).filter(there);
    // Who waited and was taken meanwhile may have been taken before the request: that is believed.
    let taken = |one: &Delivered| {
        one.state == Inbound::Accepted
            || one.repeats
            || one.state == Inbound::Waiting
                && before.iter().any(|(id, state)| *id == one.id && *state == Inbound::Accepted)
    };
    let place = |one: &Delivered| before.iter().position(|(id, _)| *id == one.id);
    let overtaken = |one: &Delivered| {
        came().any(|other| taken(other) && other.made > one.made && place(other) > place(one))
    };
    came().find(|one| one.entry && !overtaken(one)).cloned()
}

/// What comes of a delivery; nothing where the process ended meanwhile, also for who waited there for the keys of another one.
async fn unless_it_died<E>(
    points: &Points,
    delivered: impl Future<Output = Result<Verdict, E>>,
) -> Option<Verdict> {
    let died = async {
        while !points.crashed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    tokio::select! {
        verdict = delivered => verdict.ok(),
        () = died => None,
    }
}

pub(super) async fn step(played: &mut Witnessed, lot: &mut Seeded, children: &[u64], unread: &mut Vec<Wish>) {
    let child = children[lot.below(children.len() as u64) as usize];
    let entry = lot.below(2) == 0;
    let mut wish = Wish {
        child,
        message: played.house.fresh(),
        arten: if entry { vec!["01"] } else { vec![] },
        // Where the clock is ahead each lies ahead of its receipt: only their ways order them.
        second: if played.ahead { 60_000 } else { 10 }
            + lot.below(if played.ahead { 25_000 } else { 80_000 }) as u32,
        ..Wish::plain(child)
    };
    if lot.below(5) == 0 {
        let point = CRASHES[lot.below(CRASHES.len() as u64) as usize];
        played.house.restart(Points::halt_at(point, 1 + lot.below(2))).await;
    }
    // Of these hardly any is refused, so that what swapped is what stands there.
    let kinds = if played.ahead && lot.below(4) > 0 { 3 } else { 10 };
    let body = match lot.below(kinds) {
        0..=2 => eintragung(&wish),
        3 | 4 => korrektur(&wish, if lot.below(2) == 0 { &[] } else { &["01"] }),
        5 => eintragung(&wish).replace(
            "<xfg:geburtsort>Bremen</xfg:geburtsort>",
            "<xfg:geburtsort>Bremen am Moor</xfg:geburtsort>",
        ),
        6 => {
            // Under the id of an earlier message.
            wish.message = played.house.number - lot.below(played.house.number.min(6));
            eintragung(&wish)
        }
        7 => {
            unread.push(wish.clone());
            eintragung(&wish).replace("angabenZumKind", "angabenZumKinde")
        }
        8 => {
            wish.arten.clear();
            loeschung(&wish)
        }
        _ => {
            // The mother's name otherwise written: waits for its record or is a record beside it.
            korrektur(&wish, &[]).replace("</xfg:angabenZumKindAlt>", " </xfg:angabenZumKindAlt>")
        }
    };
    let envelope = played.delivery(body);
    if lot.below(3) == 0 {
        // Both at once: who comes first is found out afterwards.
        let request = played.request(child);
        let (engine, points) = (played.house.engine.as_ref().unwrap(), &played.house.points);
        let (one, other) = tokio::join!(
            unless_it_died(points, engine.reception.deliver(envelope.clone())),
            unless_it_died(points, engine.reception.deliver(request.clone()))
        );
        let verdict = match one {
            Some(verdict) => verdict,
            None => {
                let verdict = played.house.deliver(envelope.clone()).await;
                Verdict { again: verdict.again && verdict.id != envelope.head.id, ..verdict }
            }
        };
        if other.is_none() {
            played.house.deliver(request).await;
        }
        played.remember(&wish, &verdict);
    } else {
        let verdict = played.house.deliver(envelope.clone()).await;
        played.remember(&wish, &verdict);
    }
    if lot.below(4) == 0 {
        // An exact repeat counts nothing: it is answered with the first verdict.
        let first = played.delivered.last().map(|last| last.id);
        let again = played.house.deliver(envelope.clone()).await;
        assert!(again.again || Some(again.id) == first || again.id != envelope.head.id);
    }
    played.house.clock.move_to(played.house.clock.now() + SignedDuration::from_mins(lot.below(20) as i64));
}

async fn played(seed: u64) -> (usize, usize) {
    let mut lot = Seeded(seed);
    let children = [seed * 50 + 1, seed * 50 + 2];
    let mut world = Witnessed::new(seed * 10_000).await;
    world.declared(&children).await;
    world.ahead = seed.is_multiple_of(2);
    let mut unread = Vec::new();
    for _ in 0..STEPS {
        step(&mut world, &mut lot, &children, &mut unread).await;
        if world.ahead {
            for child in children {
                world.ask(child).await;
            }
        } else if lot.below(2) == 0 {
            let child = children[lot.below(2) as usize];
            world.ask(child).await;
        }
    }
    let (letters, order) = (world.letters().await, world.order().await);
    let mut answered = 0;
    for (place, (id, _)) in order.iter().enumerate() {
        let Some(child) = world.asked.get(id).copied() else { continue };
        let Some(fall) = letters.get(id) else { continue };
        if *fall == Fall::A {
            answered += 1;
            let against = wrong(&world, child, &order[..place]);
            assert!(
                against.is_none(),
                "seed {seed}: A for {child} although {against:?}: {:#?}",
                world.delivered
            );
        }
    }
    // The listed steps: a readable copy of what could not be read, and a later delivery of each child.
    for wish in unread {
        world.take(&wish, eintragung(&wish)).await;
    }
    let mut last = Vec::new();
    for child in children {
        // Of two that differ the second is no repeat of what is stored, whatever that is.
        let before = Wish {
            child,
            message: world.house.fresh(),
            arten: vec!["02"],
            second: 85_900,
            ..Wish::plain(child)
        };
        world.take(&before, eintragung(&before)).await;
        // By a clock that is ahead two of one moment would contest each other.
        world.house.clock.move_to(world.house.clock.now() + SignedDuration::from_secs(1));
        let wish =
            Wish { child, message: world.house.fresh(), arten: vec![], second: 86_000, ..Wish::plain(child) };
        let verdict = world.take(&wish, eintragung(&wish)).await;
        assert_eq!(verdict.state, Inbound::Accepted, "seed {seed}: {:?}", verdict.codes);
        last.push(world.ask(child).await);
    }
    let letters = world.letters().await;
    for id in &last {
        assert_eq!(letters.get(id), Some(&Fall::A), "seed {seed}: what is closed stands against nothing");
    }
    world.house.restart(Points::none()).await;
    (answered, last.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_negativauskunft_while_an_entry_is_in_the_house() {
    let mut answered = 0;
    for seed in 1..=HOUSES {
        answered += played(seed).await.0;
    }
    assert!(answered > HOUSES as usize / 4, "a house that answers nothing shows nothing: {answered}");
}
