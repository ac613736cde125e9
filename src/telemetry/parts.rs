//! What of a running house does not run although the house does: a queue, a connection, a tray, each with its cause and what to do; and
//! where it listens.
//! Holds names from configuration and sentences of ours only; decides nothing and raises no alarm.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::metric;

/// Whose turn it is where a part does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Ours: configuration or program.
    Ours,
    /// The far end's.
    FarEnd,
    /// A person has to decide.
    Person,
}

impl Turn {
    /// The word that is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Turn::Ours => "ours",
            Turn::FarEnd => "far-end",
            Turn::Person => "person",
        }
    }
}

/// Why a part does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// Plain cause.
    pub cause: String,
    /// What to do next.
    pub next: String,
    /// Whose turn it is.
    pub turn: Turn,
}

/// How a part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its name: kind, name, and the connection where the name needs it.
    pub part: String,
    /// How much waits at it, where that is known.
    pub waits: Option<u64>,
    /// Since when the oldest of that lies there, where that is known.
    #[serde(default)]
    pub oldest: Option<Timestamp>,
    /// Why it does not run; `None` where it does.
    pub failing: Option<Failing>,
    /// For how many seconds it has not run.
    pub seconds: u64,
}

#[derive(Default)]
struct Part {
    waits: Option<u64>,
    oldest: Option<Timestamp>,
    failing: Option<(Failing, Instant, Option<u64>)>,
}

#[derive(Default)]
struct Held {
    parts: Mutex<BTreeMap<String, Part>>,
    listens: Mutex<Vec<SocketAddr>>,
    speakers: AtomicU64,
}

/// The parts of one house that have something to say; cheap to copy, all copies are one.
#[derive(Clone, Default)]
pub struct Parts(Arc<Held>);

/// Somebody who says how parts are; with it goes what it said that they do not run, and nothing that another one says of the same parts.
pub struct Speaker(Parts, u64);

impl Speaker {
    /// A part does not run.
    pub fn fails(&self, part: &str, failing: Failing) {
        self.0.fails_by(part, failing, Some(self.1));
    }

    /// A part runs.
    pub fn runs(&self, part: &str) {
        self.0.runs(part);
    }

    /// A part is not there any more.
    pub fn gone(&self, part: &str) {
        self.0.gone(part);
    }

    /// Takes back what it said does not run.
    pub fn takes_back(&self) {
        let mine: Vec<String> = self.0.with(|parts| {
            let said = |of: &Part| of.failing.as_ref().is_some_and(|(.., by)| *by == Some(self.1));
            parts.iter().filter(|(_, of)| said(of)).map(|(part, _)| part.clone()).collect()
        });
        mine.iter().for_each(|part| self.0.gone(part));
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.takes_back();
    }
}

/// For as long as it is kept, the house listens at an address.
pub struct Listening(Parts, SocketAddr);

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listens = self.0.0.listens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = listens.iter().position(|at| *at == self.1) {
            listens.swap_remove(at);
        }
    }
}

impl Parts {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Part>) -> T) -> T {
        act(&mut self.0.parts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A listener stands at an address.
    pub fn listens(&self, at: SocketAddr) -> Listening {
        self.0.listens.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        Listening(self.clone(), at)
    }

    /// Whether a listener of this house stands at an address.
    pub fn listens_at(&self, at: SocketAddr) -> bool {
        self.0.listens.lock().unwrap_or_else(PoisonError::into_inner).contains(&at)
    }

    /// How many listeners of this house stand now.
    pub fn listeners(&self) -> usize {
        self.0.listens.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Somebody who says how parts are, for as long as he is there.
    pub fn speaker(&self) -> Speaker {
        Speaker(self.clone(), self.0.speakers.fetch_add(1, Ordering::Relaxed))
    }

    /// A part does not run; since when is kept while only the cause changes.
    pub fn fails(&self, part: &str, failing: Failing) {
        self.fails_by(part, failing, None);
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "how long it lasts is told to people; nothing is decided by it"
    )]
    fn fails_by(&self, part: &str, failing: Failing, by: Option<u64>) {
        metric::part(part, false);
        self.with(|parts| {
            let of = parts.entry(part.to_owned()).or_default();
            let since = of.failing.as_ref().map_or_else(Instant::now, |(_, since, _)| *since);
            of.failing = Some((failing, since, by));
        });
    }

    /// A part runs.
    pub fn runs(&self, part: &str) {
        metric::part(part, true);
        self.with(|parts| parts.entry(part.to_owned()).or_default().failing = None);
    }

    /// So much waits at a part.
    pub fn waits(&self, part: &str, waits: u64) {
        self.with(|parts| parts.entry(part.to_owned()).or_default().waits = Some(waits));
    }

    /// So much lies at a part, the oldest of it since then, where that is known.
    pub fn lies(&self, part: &str, waits: u64, oldest: Option<Timestamp>) {
        self.with(|parts| {
            let of = parts.entry(part.to_owned()).or_default();
            (of.waits, of.oldest) = (Some(waits), oldest);
        });
    }

    /// A part is not there any more.
    pub fn gone(&self, part: &str) {
        // Whatever became of it is nobody's trouble now.
        metric::part(part, true);
        self.with(|parts| parts.remove(part));
    }

    /// How the parts are, in the order of their names.
    pub fn said(&self) -> Vec<Said> {
        let said = |(part, of): (&String, &Part)| Said {
            part: part.clone(),
            waits: of.waits,
            oldest: of.oldest,
            failing: of.failing.as_ref().map(|(failing, ..)| failing.clone()),
            seconds: of.failing.as_ref().map_or(0, |(_, since, _)| since.elapsed().as_secs()),
        };
        self.with(|parts| parts.iter().map(said).collect())
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.said()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_fails_until_it_runs_and_keeps_what_waits() {
        let parts = Parts::default();
        let failing = |cause: &str| Failing { cause: cause.into(), next: "look".into(), turn: Turn::Ours };
        parts.waits("queue a", 7);
        parts.fails("queue b", failing("first"));
        parts.clone().fails("queue b", failing("second"));
        let said = parts.said();
        assert_eq!(said.iter().map(|one| one.part.as_str()).collect::<Vec<_>>(), ["queue a", "queue b"]);
        assert_eq!((said[0].waits, &said[0].failing), (Some(7), &None));
        assert_eq!(said[1].failing, Some(failing("second")));
        let since = Timestamp::UNIX_EPOCH;
        parts.lies("queue b", 2, Some(since));
        assert_eq!((parts.said()[1].waits, parts.said()[1].oldest), (Some(2), Some(since)));
        parts.runs("queue b");
        assert_eq!(parts.said()[1].failing, None);
        parts.gone("queue b");
        assert_eq!(parts.said().len(), 1);
    }

    #[test]
    fn what_somebody_said_goes_with_him_and_what_another_one_says_stays() {
        let parts = Parts::default();
        let failing = |cause: &str| Failing { cause: cause.into(), next: "look".into(), turn: Turn::Ours };
        let (before, after) = (parts.speaker(), parts.speaker());
        before.fails("far end x", failing("of before"));
        before.fails("tls x", failing("of before"));
        after.fails("tls x", failing("of now"));
        drop(before);
        let said = parts.said();
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].failing, Some(failing("of now")));
        drop(after);
        assert!(parts.said().is_empty());
    }

    #[test]
    fn a_house_listens_where_it_does_for_as_long_as_it_does() {
        let (parts, at) = (Parts::default(), "127.0.0.1:1".parse().unwrap());
        let (one, two) = (parts.listens(at), parts.clone().listens(at));
        assert_eq!(parts.listeners(), 2);
        drop(one);
        assert!(parts.listens_at(at) && !parts.listens_at("127.0.0.1:2".parse().unwrap()));
        drop(two);
        assert!(!parts.listens_at(at) && parts.listeners() == 0);
    }
}
