//! What a support bundle says of the store: versions of its tables, counts by state and code, what waits for whom, breakers and
//! pauses. Never a cause or a reason: those are sentences, and stay in the house.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::sentence::shorten;
use super::words::{Vocabulary, Word};
use crate::app::fit::Fit;
use crate::app::house;
use crate::app::place::Place;
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::figures::Figures;
use crate::store::pauses::{Breaker, Pause};
use crate::store::stamp::Scope;

/// What a store says.
#[derive(Serialize)]
pub struct Said {
    kind: Word,
    versions: Vec<Version>,
    trouble: Option<String>,
    figures: Option<Told>,
}

#[derive(Serialize)]
struct Version {
    tables: Word,
    found: Option<i64>,
    program: i64,
}

/// The figures of a store without free text: causes and reasons are sentences, and stay.
#[derive(Serialize)]
struct Told {
    inbound: BTreeMap<Word, u64>,
    codes: BTreeMap<Word, u64>,
    oldest_waiting: Option<Timestamp>,
    registersaetze: u64,
    repeats: u64,
    timers: u64,
    destinations: Vec<Destination>,
    breakers: Vec<Open>,
    pauses: Vec<Held>,
}

#[derive(Serialize)]
struct Destination {
    destination: Word,
    waiting: u64,
    oldest: Option<Timestamp>,
    parked: u64,
    unclear: u64,
    sent: u64,
    attempts: u64,
}

#[derive(Serialize)]
struct Open {
    destination: Word,
    failures: u32,
    open_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Held {
    kind: Word,
    name: Word,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// Looks at the store of a stage; what it does not say is told as its trouble.
pub async fn look(
    place: &Place,
    fit: &Fit,
    opened: &Result<Arc<dyn Store>, StoreError>,
    words: &Vocabulary,
    now: Timestamp,
) -> Said {
    let kind = words.word(&fit.compiled.stage.store_kind);
    let versions = house::store_versions(place, &fit.compiled);
    let looked = match opened {
        Ok(store) => asked(&**store, now).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let trouble = versions.as_ref().err().map(ToString::to_string).or_else(|| looked.as_ref().err().cloned());
    let trouble = trouble.map(|error| shorten(&error, place));
    let versions = versions.unwrap_or_default().into_iter().map(|one| Version {
        tables: Word::own(one.tables),
        found: one.found,
        program: one.program,
    });
    let figures = looked.ok().map(|(figures, breakers, pauses)| told(figures, breakers, pauses, words));
    Said { kind, versions: versions.collect(), trouble, figures }
}

type Looked = (Figures, Vec<Breaker>, Vec<Pause>);

async fn asked(store: &dyn Store, now: Timestamp) -> Result<Looked, StoreError> {
    Ok((store.figures(&Scope::Operator).await?, store.breakers().await?, store.pauses(now).await?))
}

fn told(figures: Figures, breakers: Vec<Breaker>, pauses: Vec<Pause>, words: &Vocabulary) -> Told {
    let mut inbound: BTreeMap<Word, u64> = BTreeMap::new();
    for (state, count) in &figures.inbound {
        *inbound.entry(words.word(state)).or_default() += count;
    }
    let mut codes: BTreeMap<Word, u64> = BTreeMap::new();
    for (code, count) in &figures.codes {
        *codes.entry(Word::code(code)).or_default() += count;
    }
    let destinations = figures.backlog.iter().map(|backlog| Destination {
        destination: words.word(&backlog.destination),
        waiting: backlog.waiting,
        oldest: backlog.oldest,
        parked: backlog.parked,
        unclear: backlog.unclear,
        sent: backlog.sent,
        attempts: backlog.attempts,
    });
    Told {
        inbound,
        codes,
        oldest_waiting: figures.oldest_waiting,
        registersaetze: figures.mirror,
        repeats: figures.repeats,
        timers: figures.timers,
        destinations: destinations.collect(),
        breakers: breakers
            .iter()
            .map(|breaker| Open {
                destination: words.word(&breaker.destination),
                failures: breaker.failures,
                open_until: breaker.open_until,
            })
            .collect(),
        pauses: pauses
            .iter()
            .map(|pause| Held {
                kind: words.word(&pause.kind),
                name: words.word(&pause.name),
                since: pause.since,
                until: pause.until,
            })
            .collect(),
    }
}
