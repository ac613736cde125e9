//! A Negativauskunft that lay here before it leaves: behind a pause, a far end that is down, or a program that knew less. The answer is the
//! register's when it leaves (rules.md 2.1, 2.4): where its Stand is too old, where it was contradicted, where what it rests on has ended, or where
//! nobody knows what that is, its request is decided anew; where that cannot be, it waits for a person. Never decides a request itself, and never
//! holds what is none.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::effects::Vorgang;
use crate::register::keys;
use crate::store::error::StoreError;
use crate::store::lane::{Anew, Due, Named, Outcome, Unsent};
use crate::store::mailbox::Reader;
use crate::telemetry::parts::Turn;
use crate::transport::port::Busy;

use super::breaker::signed;
use super::core::{Core, busy};
use super::settle::report;
use super::standing;

/// Where it was contradicted after something of it may have left.
const CONTRADICTED: &str = "an Eintragung was delivered that this Negativauskunft denies, and an attempt before may have shown it; its office has a task";
/// Where something lies here that speaks against it, and it cannot be decided anew, or was decided beside it.
const OBJECTED: &str = "a delivery or notice that may speak of an Eintragung of this child is open here, and this Negativauskunft cannot be taken back";
/// Where what it rests on has ended after something of it may have left.
const CHANGED: &str = "the Registersatz on which this Negativauskunft rests, or one near it, was changed, contested or deleted, or a notice about the child came, and an attempt before may have shown it";
/// What a person does about what is open.
const END_IT: &str = "`lieferung list` shows what is open; once it has ended replay this row, or ask the issuing Jugendamt to answer her itself";
/// Where its request is not kept any more.
const GONE: &str =
    "this Negativauskunft cannot be decided anew, because the request that it answers is not kept any more";
/// Where nobody knows what it says.
const NO_VORGANG: &str =
    "the Vorgang that this answer belongs to is not kept any more, so nobody can tell whether it still holds";
/// What a person does about any of these.
const ANSWER_HER: &str =
    "do not send it: ask the issuing Jugendamt to answer her itself, and let the retention remove this row";

/// What is decided anew because something is open, and is a Negativauskunft again so soon, is looked at by a person.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// So far two clocks of one house may be apart.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Whether a row may leave.
#[derive(Clone, Debug)]
pub enum Leaves {
    /// It may.
    Now,
    /// Not as it is: its request is decided anew.
    Anew(Unsent),
    /// Not now, or not without a person.
    Not(Outcome),
}

/// Why an answer may not leave as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    /// Time has passed, it rests on what nobody knows, or something was objected while it was in hand: it would be another one now.
    Aged,
    /// Something that may speak of an Eintragung is open, under a key that it rests on.
    Objected,
    /// What it rests on has ended, after something of it may have left.
    Changed,
    /// An Eintragung was delivered that it denies.
    Contradicted,
    /// Its Vorgang is not kept: whether it is a Negativauskunft nobody knows.
    Unknown,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Becomes {
    /// It leaves: nothing is against it, or it was issued, and a repeat says what was said before.
    Leaves,
    /// Its request is decided anew.
    Anew,
    /// It is looked at again soon.
    Waits,
    /// It waits until what is open has ended.
    Open,
    /// It waits for a person: why, and what to do.
    Person(&'static str, &'static str),
}

/// The same of one that may not leave as it is.
fn becomes(old: Old, anew: Anew) -> Becomes {
    match (anew, old) {
        (_, Old::Unknown) => Becomes::Person(NO_VORGANG, ANSWER_HER),
        (Anew::Runs | Anew::Left, Old::Objected) => Becomes::Open,
        (Anew::Runs, _) => Becomes::Anew,
        (Anew::Busy, _) => Becomes::Waits,
        (Anew::Left, Old::Aged) => Becomes::Leaves,
        (Anew::Left, Old::Changed) => Becomes::Person(CHANGED, ANSWER_HER),
        (Anew::Left, Old::Contradicted) => Becomes::Person(CONTRADICTED, ANSWER_HER),
        (Anew::Gone, _) => Becomes::Person(GONE, ANSWER_HER),
    }
}

/// Whether this row, which is in hand now, may leave.
pub async fn may_leave(core: &Core, due: &Due, lane: i64) -> Leaves {
    let Some(vorgang) = due.delivers else { return Leaves::Now };
    let answer = answer(core, due.cause, vorgang);
    match judged(core, &answer, Some(lane)).await {
        Ok(Becomes::Leaves) => Leaves::Now,
        Ok(Becomes::Anew) => Leaves::Anew(answer),
        Ok(Becomes::Waits) => Leaves::Not(later(core, "another row of this answer is in somebody's hand")),
        Ok(Becomes::Open) => Leaves::Not(parked(OBJECTED, END_IT)),
        Ok(Becomes::Person(cause, next_step)) => Leaves::Not(parked(cause, next_step)),
        Err(Busy { cause, .. }) => Leaves::Not(later(core, &cause)),
    }
}

/// What is noted with a row whose request is decided anew.
pub fn aged(core: &Core) -> Outcome {
    later(core, "it lay here; its request is decided anew before it leaves")
}

fn answer(core: &Core, cause: Uuid, vorgang: Named) -> Unsent {
    Unsent { cause, vorgang, beside: core.set.load().beside.clone() }
}

/// Decides the request of an answer anew, once nobody has its row in hand.
pub async fn run_anew(core: &Core, row: Uuid, answer: Unsent) -> Result<Anew, StoreError> {
    let cause = answer.cause;
    let outcome = core.store.run_anew(answer, row, core.clock.now()).await?;
    if outcome == Anew::Runs {
        tracing::info!(id = %row, cause = %cause, "decided anew before it leaves");
        core.woken.notify_one();
    }
    Ok(outcome)
}

/// Whether a reader of a mailbox may get this row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandedOut {
    /// It may.
    Now,
    /// Not yet: something is to be done or to end first.
    NotYet,
    /// It lies there no more: it waits for a person.
    Aside,
}

/// Whether a reader of a mailbox may get this row; where it may not, its request is decided anew, or it waits for a person.
pub async fn may_be_handed_out(core: &Core, reader: &Reader, row: Uuid) -> Result<HandedOut, Busy> {
    let failed = |error: StoreError| {
        core.store_failed(&error);
        busy("the store cannot be used now")
    };
    let Some((cause, vorgang)) = core.store.answer_of(reader, row).await.map_err(failed)? else {
        return Ok(HandedOut::Now);
    };
    let answer = answer(core, cause, vorgang);
    match judged(core, &answer, None).await? {
        Becomes::Leaves => Ok(HandedOut::Now),
        Becomes::Anew => run_anew(core, row, answer).await.map(|_| HandedOut::NotYet).map_err(failed),
        // What is in hand is asked for again, and what is open ends, or is not collected in time.
        Becomes::Waits | Becomes::Open => Ok(HandedOut::NotYet),
        Becomes::Person(cause, next_step) => {
            let outcome = parked(cause, next_step);
            let held = core.store.hold_back(reader, row, outcome.clone(), core.clock.now()).await;
            // Somebody has it in hand, or was faster.
            let Some((destination, attempts)) = held.map_err(failed)? else { return Ok(HandedOut::NotYet) };
            report(&destination, attempts, &outcome);
            Ok(HandedOut::Aside)
        }
    }
}

/// What becomes of an answer, by all that is known of it. Nothing more is asked of what is no Negativauskunft, and what is none where it is not known
/// is as good as one.
async fn judged(core: &Core, answer: &Unsent, held: Option<i64>) -> Result<Becomes, Busy> {
    let lies = core.store.lies(answer.clone(), held).await;
    let lies = lies.map_err(|_| busy("the store cannot be read now"))?;
    let Some(vorgang) = lies.vorgang else { return Ok(becomes(Old::Unknown, lies.anew)) };
    // What an office answered was caused by its delivery, not by the request: it is the office's word.
    let own = |one: &Vorgang| one.is_negativ() && one.akte.nummer == Some(answer.cause);
    let Some(negativ) = Some(vorgang).filter(own) else { return Ok(Becomes::Leaves) };
    // The office of one that was contradicted while it could not be taken back has its task.
    let told = standing::vorgang(core, keys::widerspruch(negativ.id)).await?;
    let old = match (told.is_some(), lies.anew) {
        (true, _) => Some(Old::Contradicted),
        // It was issued, or may have been: no copy of it leaves while something is open, and who decides anew sees that anyway.
        (false, Anew::Left) if lies.objected => Some(Old::Objected),
        (false, Anew::Left) if lies.spoken_against => Some(Old::Changed),
        (false, _) if lies.spoken_against || !is_fresh(core, &negativ) => Some(Old::Aged),
        // Nothing took it back, or could: whoever let that in was a program before this one. Once, so that no request runs for ever.
        (false, _) if lies.objected => {
            Some(if age(core, &negativ) > Some(AGAIN) { Old::Aged } else { Old::Objected })
        }
        (false, _) => None,
    };
    Ok(old.map_or(Becomes::Leaves, |old| becomes(old, lies.anew)))
}

/// How old a Stand may be: what lies unread for longer than the routes say (`rueckstand`) makes a register incomplete.
fn fresh(core: &Core) -> SignedDuration {
    let own = signed(core.settings.fresh);
    if core.settings.fresh == Duration::MAX {
        return own;
    }
    core.set.load().plans.iter().filter_map(|plan| plan.rueckstand()).fold(own, Ord::min)
}

fn age(core: &Core, vorgang: &Vorgang) -> Option<SignedDuration> {
    vorgang.akte.stand.map(|stand| core.clock.now().duration_since(stand))
}

/// Whether an answer would be decided so now, by its Stand, by what holds by time alone, and by the files that decide. A Stand that lies ahead is of a
/// clock that was wrong: nobody knows how old it is.
fn is_fresh(core: &Core, vorgang: &Vorgang) -> bool {
    let (fresh, akte) = (fresh(core), &vorgang.akte);
    let holds = holds_now(core, akte.gilt_bis) && decides_so(core, akte.entschieden_nach.as_deref());
    let age = age(core, vorgang);
    akte.spuren && holds && age.is_some_and(|age| age <= fresh && age >= -AHEAD.min(fresh))
}

/// Whether what would be decided so until then, by time alone, still would.
pub fn holds_now(core: &Core, until: Option<Timestamp>) -> bool {
    core.settings.fresh == Duration::MAX || until.is_none_or(|until| core.clock.now() < until)
}

/// Whether the files that decided still run. What a program before this one decided does not say by what.
pub fn decides_so(core: &Core, by: Option<&str>) -> bool {
    by == Some(core.set.load().version.as_str())
}

fn later(core: &Core, cause: &str) -> Outcome {
    let now = core.clock.now();
    let at = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
    Outcome::Later { at, cause: cause.to_owned(), doubt: None, turn: Turn::Ours }
}

fn parked(cause: &str, next_step: &str) -> Outcome {
    Outcome::Parked { cause: cause.to_owned(), next_step: next_step.to_owned() }
}
