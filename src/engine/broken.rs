//! What is kept of a part of the engine that ended although it must not: the first one and why. Ends nothing itself.

use std::sync::OnceLock;

use crate::transport::port::Stop;

/// Which part of the engine ended although it must not, if one did.
#[derive(Debug, Default)]
pub struct Broken {
    why: OnceLock<Why>,
    told: Stop,
}

/// What ended and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// The part.
    pub part: &'static str,
    /// Plain cause.
    pub cause: &'static str,
}

impl Broken {
    /// The first part that ended.
    pub fn part(&self) -> Option<&'static str> {
        self.why.get().map(|why| why.part)
    }

    /// Keeps why, of the first one that ended.
    pub fn note(&self, why: Why) {
        let _ = self.why.set(why);
    }

    /// Tells whoever waits for it.
    pub fn tell(&self) {
        self.told.cancel();
    }

    /// Returns when one has ended, and says why: the process has to end.
    pub async fn told(&self) -> Why {
        self.told.cancelled().await;
        self.why.get().copied().unwrap_or(Why { part: "engine", cause: UNEXPECTED })
    }
}

/// Why a process ends of which a part broke.
pub const UNEXPECTED: &str =
    "ended unexpectedly, an error of this program; report version, part and place to the maintainers";
