//! The timer source: hands due timers to the intake as the deliveries they are.
//! Never decides when something is due and never drops one: each comes again until its message is committed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::apart::{apart, no_destination};
use super::port::binding::Bindings;
use super::port::{Answers, BuildError, Entry, Source, SourceError, Stop, Surroundings};
use super::settings::{self, Span};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "timer",
    binding: Bindings::Names,
    answers: Some(Answers::ByMessage),
    sends: false,
    collected: false,
    accounts: false,
    alone: true,
    check: |written| settings::check::<Settings>(written, further),
    check_channel: |written| settings::check::<NoChannel>(written, |_, _| {}),
    folders: super::port::no_folders,
    spots: super::port::no_spots,
    files: super::port::files::none,
    exposed: super::port::files::never_exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| Ok(Some(Arc::new(TimerSource::new(name, written, around)?))),
            no_destination,
        )
    },
};

/// Settings of the timer source.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// How often the store is asked, in time of the clock.
    #[serde(default = "one_second")]
    pub every: Span,
    /// How many are taken at once.
    #[serde(default = "batch")]
    #[schemars(range(min = 1, max = 1000))]
    pub batch: usize,
}

fn one_second() -> Span {
    Span(Duration::from_secs(1))
}

fn batch() -> usize {
    64
}

/// Timers have no partner, so no channel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoChannel {}

fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    if settings.every.0.is_zero() {
        faults.push(("/every".to_owned(), "must be more than zero".to_owned()));
    }
}

/// Delivers due timers in the order in which they are handed out.
pub struct TimerSource {
    settings: Settings,
    around: Surroundings,
}

impl TimerSource {
    /// Builds the source of a connection.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<TimerSource, BuildError> {
        Ok(TimerSource { settings: settings::read(name, written)?, around: around.clone() })
    }

    /// Delivers one batch; `Some` says how long to wait before the next.
    async fn round(&self, before: &mut Vec<Uuid>, stop: &Stop) -> Option<Duration> {
        let due = match self.around.timers.due(self.settings.batch).await {
            Ok(due) => due,
            Err(busy) => return Some(busy.retry_after.max(self.settings.every.0)),
        };
        let ids: Vec<Uuid> = due.iter().map(|envelope| envelope.head.id).collect();
        // The same ones again although they were committed: do not spin on them.
        let stuck = ids == *before;
        *before = ids;
        let full = due.len() >= self.settings.batch;
        for envelope in due {
            if stop.is_cancelled() {
                return None;
            }
            if let Err(busy) = self.around.intake.deliver(envelope).await {
                return Some(busy.retry_after.max(self.settings.every.0));
            }
        }
        if full && !stuck { None } else { Some(self.settings.every.0) }
    }
}

#[async_trait]
impl Source for TimerSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let mut before = Vec::new();
        while !stop.is_cancelled() {
            if let Some(pause) = self.round(&mut before, &stop).await {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.around.clock.sleep(pause) => {}
                }
            }
        }
        Ok(())
    }
}
