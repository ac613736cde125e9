//! Every point at which a crash could hurt, by name, so that tests can crash there.
//! In stages other than `test` and `demo` a point is one load of an atomic and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A named point; the words are those of `DREHSCHEIBE_CRASH_AT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// A delivery was handed to the engine, nothing is committed.
    Received,
    /// Before facts are looked up.
    BeforeLookup,
    /// After facts were looked up.
    AfterLookup,
    /// Effects are decided, nothing is committed.
    BeforeCommit,
    /// Committed, nobody was told.
    AfterCommit,
    /// The source was told.
    Answered,
    /// Before lanes are leased.
    BeforeClaim,
    /// Lanes are leased, nothing left.
    AfterClaim,
    /// Before an envelope leaves.
    BeforeSend,
    /// It left, nothing is settled.
    AfterSend,
    /// Settled.
    AfterSettle,
    /// Before it is looked whether something was confirmed.
    BeforeLook,
    /// It was looked, nothing is settled.
    AfterLook,
    /// The look is settled.
    LookSettled,
    /// A waiting or replayed message was taken up again.
    Resumed,
}

/// All points, in the order in which a message meets them.
pub const ALL: &[Point] = &[
    Point::Received,
    Point::BeforeLookup,
    Point::AfterLookup,
    Point::BeforeCommit,
    Point::AfterCommit,
    Point::Answered,
    Point::BeforeClaim,
    Point::AfterClaim,
    Point::BeforeSend,
    Point::AfterSend,
    Point::AfterSettle,
    Point::BeforeLook,
    Point::AfterLook,
    Point::LookSettled,
    Point::Resumed,
];

impl Point {
    /// The word, such as `after-commit`.
    pub fn word(self) -> &'static str {
        match self {
            Point::Received => "received",
            Point::BeforeLookup => "before-lookup",
            Point::AfterLookup => "after-lookup",
            Point::BeforeCommit => "before-commit",
            Point::AfterCommit => "after-commit",
            Point::Answered => "answered",
            Point::BeforeClaim => "before-claim",
            Point::AfterClaim => "after-claim",
            Point::BeforeSend => "before-send",
            Point::AfterSend => "after-send",
            Point::AfterSettle => "after-settle",
            Point::BeforeLook => "before-look",
            Point::AfterLook => "after-look",
            Point::LookSettled => "look-settled",
            Point::Resumed => "resumed",
        }
    }

    /// Whether only what is followed after it was sent passes it.
    pub fn is_of_looks(self) -> bool {
        matches!(self, Point::BeforeLook | Point::AfterLook | Point::LookSettled)
    }

    /// The point of a word.
    pub fn from_word(word: &str) -> Option<Point> {
        ALL.iter().copied().find(|point| point.word() == word)
    }
}

/// The engine was stopped at a point, as if the process had died there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped at a crash point")]
pub struct Crashed;

#[derive(Clone, Copy, Debug)]
enum Manner {
    Abort,
    Halt,
    Panic,
}

#[derive(Debug)]
struct Trap {
    at: Point,
    left: AtomicU64,
    manner: Manner,
    fell: AtomicBool,
}

/// The trap that is set, if any; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Points(Option<Arc<Trap>>);

impl Points {
    /// No trap.
    pub fn none() -> Points {
        Points(None)
    }

    /// The process dies at the n-th passage (1 is the first) of a point, as `kill -9` would have it.
    pub fn abort_at(at: Point, nth: u64) -> Points {
        Points::trap(at, nth, Manner::Abort)
    }

    /// The engine stands still for ever from the n-th passage on: a crash inside one process.
    pub fn halt_at(at: Point, nth: u64) -> Points {
        Points::trap(at, nth, Manner::Halt)
    }

    /// The task or thread that makes the n-th passage (1 is the first) of a point panics there.
    pub fn panic_at(at: Point, nth: u64) -> Points {
        Points::trap(at, nth, Manner::Panic)
    }

    /// Reads `POINT` or `POINT:N`, where the process dies, or `POINT:N:panic`, where whoever passes panics.
    pub fn parse(text: &str) -> Option<Points> {
        let (word, how) = text.split_once(':').unwrap_or((text, "1"));
        let (nth, panics) = how.split_once(':').map_or((how, false), |(nth, word)| (nth, word == "panic"));
        if how.contains(':') && !panics {
            return None;
        }
        let (at, nth) = (Point::from_word(word)?, nth.parse().ok().filter(|nth| *nth > 0)?);
        Some(if panics { Points::panic_at(at, nth) } else { Points::abort_at(at, nth) })
    }

    fn trap(at: Point, nth: u64, manner: Manner) -> Points {
        Points(Some(Arc::new(Trap { at, left: AtomicU64::new(nth), manner, fell: AtomicBool::new(false) })))
    }

    /// Passes a point; after a halt nothing passes any point any more.
    pub fn reach(&self, point: Point) -> Result<(), Crashed> {
        let Some(trap) = &self.0 else { return Ok(()) };
        if trap.fell.load(Ordering::Acquire) {
            return Err(Crashed);
        }
        if trap.at != point {
            return Ok(());
        }
        let before = trap.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        if before != Ok(1) {
            return Ok(());
        }
        match trap.manner {
            Manner::Abort => std::process::abort(),
            // The text stands for what a panic can quote, and must be seen nowhere.
            Manner::Panic => panic!("Musterkind, Mia"),
            Manner::Halt => {
                trap.fell.store(true, Ordering::Release);
                Err(Crashed)
            }
        }
    }

    /// Whether a halt has happened.
    pub fn crashed(&self) -> bool {
        self.0.as_ref().is_some_and(|trap| trap.fell.load(Ordering::Acquire))
    }
}
