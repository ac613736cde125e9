//! Posts what a person asks for as a row that the running engine claims, and waits for its end, bounded.
//! Never changes anything itself: without a running process the row stays and is carried out later.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::args::{Held, Until};
use super::exit::{CliError, Exit};
use super::output::Output;
use super::person;
use crate::clock::Clock;
use crate::store::contract::{Command, CommandState, Store};

/// How often the row is looked at.
const LOOK: Duration = Duration::from_millis(150);

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Process a parked, unclear or quarantined thing again. Arguments: `{"id"}`.
    Replay(Uuid),
    /// End a thing that is kept apart. Arguments: `{"id"}`.
    Reject(Uuid),
    /// Note that a parked or unclear delivery reached its receiver. Arguments: `{"id"}`.
    Arrived(Uuid),
    /// Note that one did not reach its receiver by the way that it is on, so that its next one is taken. Arguments: `{"id", "way"}`.
    NotArrived(Uuid, String),
    /// Hold something. Arguments: `{"kind", "name", "until"}`; `until` is a moment or null.
    Pause(Held, String, Option<Until>),
    /// Let something go on. Arguments: `{"kind", "name"}`.
    Resume(Held, String),
    /// Hand in what a person says as a message. Arguments: `{"binding", "partner", "document"}`.
    Deliver {
        /// The `on` entry.
        binding: String,
        /// In whose name.
        partner: String,
        /// The document.
        document: String,
    },
    /// Open a store that was put back from a backup. No arguments.
    RecoverOpen,
    /// Take over the files as they are. Arguments: `{"drain"}`.
    Apply {
        /// Also remove what is in use, when its last message has gone.
        drain: bool,
    },
    /// Wait no longer for a destination that was taken away. Arguments: `{"destination", "to"}`; `to` is a destination or null.
    EndDrain {
        /// The one that was taken away.
        destination: String,
        /// Where what is left goes.
        to: Option<String>,
    },
    /// Remove now what is over. No arguments.
    Retention,
}

impl Asked {
    /// The stored word.
    pub fn what(&self) -> &'static str {
        match self {
            Asked::Replay(_) => "replay",
            Asked::Reject(_) => "reject",
            Asked::Arrived(_) => "arrived",
            Asked::NotArrived(..) => "not-arrived",
            Asked::Pause(..) => "pause",
            Asked::Resume(..) => "resume",
            Asked::RecoverOpen => "recover-open",
            Asked::Apply { .. } => "apply",
            Asked::EndDrain { .. } => "end-drain",
            Asked::Deliver { .. } => "deliver",
            Asked::Retention => "retention",
        }
    }

    /// The stored arguments.
    pub fn arguments(&self, now: jiff::Timestamp) -> Result<Value, CliError> {
        Ok(match self {
            Asked::Replay(id) | Asked::Reject(id) | Asked::Arrived(id) => json!({"id": id}),
            Asked::NotArrived(id, way) => json!({"id": id, "way": way}),
            Asked::Retention => json!({}),
            Asked::Resume(kind, name) => json!({"kind": kind.as_str(), "name": name}),
            Asked::RecoverOpen => json!({}),
            Asked::Apply { drain } => json!({"drain": drain}),
            Asked::EndDrain { destination, to } => json!({"destination": destination, "to": to}),
            Asked::Deliver { binding, partner, document } => {
                json!({"binding": binding, "partner": partner, "document": document})
            }
            Asked::Pause(kind, name, until) => {
                let until = match until {
                    None => None,
                    Some(Until::At(at)) => Some(*at),
                    Some(Until::In(time)) => {
                        Some(SignedDuration::try_from(*time).and_then(|time| now.checked_add(time)).map_err(
                            |_| CliError::Usage("--until is too far away; leave it out".to_owned()),
                        )?)
                    }
                };
                if until.is_some_and(|until| until <= now) {
                    return Err(CliError::Usage(
                        "--until has passed already; give a later moment".to_owned(),
                    ));
                }
                json!({"kind": kind.as_str(), "name": name, "until": until})
            }
        })
    }
}

/// What became of a posted command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// The command's id.
    pub command: Uuid,
    /// `done`, `refused` or `waiting`.
    pub state: &'static str,
    /// A plain sentence.
    pub text: String,
}

impl Ended {
    /// What a state means; `None` while it is worth waiting.
    fn of(command: Uuid, state: Option<CommandState>) -> Option<Ended> {
        match state? {
            CommandState::Waiting => None,
            CommandState::Done(text) => Some(Ended { command, state: "done", text }),
            CommandState::Refused(text) => Some(Ended { command, state: "refused", text }),
        }
    }

    fn not_taken(command: Uuid) -> Ended {
        let text =
            "nobody has carried it out yet; it stays posted and is carried out when `drehscheibe run` runs";
        Ended { command, state: "waiting", text: text.to_owned() }
    }

    /// Whether it was carried out.
    pub fn done(&self) -> bool {
        self.state == "done"
    }

    /// Prints what became of it; only what was done ends with zero.
    pub fn tell(&self, out: &mut Output) -> Result<Exit, CliError> {
        out.say(&format!("{}: {}", self.state, self.text))?;
        out.value(self)?;
        Ok(self.exit())
    }

    /// The exit code: only what was done is done.
    fn exit(&self) -> Exit {
        if self.done() { Exit::Ok } else { Exit::No }
    }
}

/// Posts a command of the acting person, waits at most so long for its end and prints it.
pub async fn post(
    store: &dyn Store,
    clock: &Clock,
    asked: &Asked,
    reason: &str,
    wait: Duration,
    out: &mut Output,
) -> Result<Exit, CliError> {
    carried(store, clock, asked, reason, wait).await?.tell(out)
}

/// The same without printing.
pub async fn carried(
    store: &dyn Store,
    clock: &Clock,
    asked: &Asked,
    reason: &str,
    wait: Duration,
) -> Result<Ended, CliError> {
    let at = clock.now();
    let id = Uuid::now_v7();
    let command = Command {
        id,
        what: asked.what().to_owned(),
        arguments: asked.arguments(at)?.to_string(),
        person: person::acting(),
        reason: reason.to_owned(),
        at,
    };
    store.post_command(command).await?;
    // Drawn to the terminal only; where stderr is none nothing appears.
    let waiting = ProgressBar::new_spinner()
        .with_style(ProgressStyle::default_spinner())
        .with_message(format!("{} posted, waiting for the running process", asked.what()));
    let mut left = wait;
    let ended = loop {
        if let Some(ended) = Ended::of(id, store.command_state(id).await?) {
            break ended;
        }
        if left.is_zero() {
            break Ended::not_taken(id);
        }
        waiting.tick();
        let nap = left.min(LOOK);
        clock.sleep(nap).await;
        left -= nap;
    };
    waiting.finish_and_clear();
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_the_stored_shape() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let id = Uuid::nil();
        assert_eq!(Asked::Replay(id).arguments(now).unwrap(), json!({"id": id}));
        assert_eq!(Asked::Apply { drain: true }.arguments(now).unwrap(), json!({"drain": true}));
        let pause = |until| Asked::Pause(Held::Route, "r".to_owned(), until).arguments(now);
        assert_eq!(pause(None).unwrap(), json!({"kind": "route", "name": "r", "until": null}));
        assert_eq!(
            pause(Some(Until::In(Duration::from_secs(7200)))).unwrap()["until"],
            json!("2026-11-21T14:00:00Z")
        );
        assert!(matches!(pause(Some(Until::At(now))), Err(CliError::Usage(_))));
        assert!(matches!(pause(Some(Until::In(Duration::MAX))), Err(CliError::Usage(_))));
    }

    #[test]
    fn only_what_was_done_ends_with_zero() {
        let id = Uuid::nil();
        assert_eq!(Ended::of(id, None), None);
        assert_eq!(Ended::of(id, Some(CommandState::Waiting)), None);
        let done = Ended::of(id, Some(CommandState::Done("replayed".to_owned()))).unwrap();
        assert_eq!((done.exit(), done.state, done.text.as_str()), (Exit::Ok, "done", "replayed"));
        let refused = Ended::of(id, Some(CommandState::Refused("not parked".to_owned()))).unwrap();
        assert_eq!((refused.exit(), refused.state), (Exit::No, "refused"));
        assert_eq!(Ended::not_taken(id).exit(), Exit::No);
    }
}
