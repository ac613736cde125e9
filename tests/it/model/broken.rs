//! Broken variants of the model, each with the mistake that a program could make, and the property that has to find it.

use super::house::{House, INTAKE, LANES, ONE_SHOT, REMEMBERED, WHOLE};

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A delivery is acknowledged when it is taken, not when it is committed.
    AcknowledgedFirst,
    /// The keys of idempotency are written in a transaction after the effects.
    KeysAfterEffects,
    /// A message that runs again is not asked whether it still waits.
    ResumedUnseen,
    /// A waiting message is handed out without a lease.
    ResumedUnleased,
    /// What a message waits for is not guarded between look and commit: the waking is missed.
    WaitsUnguarded,
    /// The refusal of a message whose time is over is not guarded between look and commit.
    RefusesUnguarded,
    /// A waiting message runs only when it is woken, not when its time is over.
    WaitsForEver,
    /// A settle does not compare the fence.
    FencesUnseen,
    /// Rows are leased by themselves, whatever their order key.
    RowsNotLanes,
    /// A head that waits for a person is passed by.
    HeldHeadsPassed,
    /// A settle does not look for the next head.
    HeadForgotten,
    /// The lease of a process that died never ends.
    LeasesForEver,
    /// The end of a lease does not put what was handed out in doubt.
    DoubtForgotten,
    /// A send of unknown outcome is repeated without asking.
    DoubtUnasked,
    /// A commit keeps a lane that stands already, past what is in it.
    StandingLanesKept,
    /// Each attempt has an id of its own.
    IdsByAttempt,
    /// Each lease has ids of its own.
    IdsByLease,
    /// What a far end gave before the act is not kept before the act.
    ActsUnremembered,
    /// What an attempt leaves is kept whoever holds the lane.
    RemembersUnfenced,
}

/// Each mistake, where it is looked for, and what finds it.
pub const VARIANTS: &[(Broken, &House, &str)] = &[
    (Broken::AcknowledgedFirst, &INTAKE, "acknowledged only after commit"),
    (Broken::KeysAfterEffects, &INTAKE, "an effect is written once"),
    (Broken::ResumedUnseen, &INTAKE, "an effect is written once"),
    (Broken::ResumedUnleased, &INTAKE, "a waiting message is handed out once a lease"),
    (Broken::WaitsUnguarded, &INTAKE, "nobody sleeps past what he waits for"),
    (Broken::RefusesUnguarded, &INTAKE, "refused only for what is missing"),
    (Broken::WaitsForEver, &INTAKE, "where nothing is left to do all is settled"),
    (Broken::FencesUnseen, &LANES, "a stale fence settles nothing"),
    (Broken::RowsNotLanes, &LANES, "the order of a lane is kept"),
    (Broken::HeldHeadsPassed, &LANES, "the order of a lane is kept"),
    (Broken::HeadForgotten, &LANES, "where nothing is left to do all is settled"),
    (Broken::LeasesForEver, &LANES, "where nothing is left to do all is settled"),
    (Broken::DoubtForgotten, &ONE_SHOT, "a harmful repeat is not sent"),
    (Broken::DoubtUnasked, &ONE_SHOT, "a harmful repeat is not sent"),
    (Broken::StandingLanesKept, &WHOLE, "the order of a lane is kept"),
    (Broken::IdsByAttempt, &LANES, "an effect has one id"),
    (Broken::IdsByLease, &LANES, "an effect has one id"),
    (Broken::ActsUnremembered, &REMEMBERED, "an effect has one id"),
    (Broken::RemembersUnfenced, &REMEMBERED, "an effect has one id"),
];
