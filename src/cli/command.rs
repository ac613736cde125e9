//! Posts what a person asks for as a row that the running engine claims, and waits for its end, bounded.
//! Never changes anything itself: without a running process the row stays and is carried out later.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use uuid::Uuid;

use super::exit::{CliError, Exit};
use super::output::Output;
use super::person;
use crate::clock::Clock;
use crate::store::contract::Store;
use crate::store::orders::{Command, CommandState, Order};

/// How often the row is looked at.
const LOOK: Duration = Duration::from_millis(150);

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
    order: Order,
    reason: &str,
    wait: Duration,
    out: &mut Output,
) -> Result<Exit, CliError> {
    carried(store, clock, order, reason, wait).await?.tell(out)
}

/// The same without printing.
pub async fn carried(
    store: &dyn Store,
    clock: &Clock,
    order: Order,
    reason: &str,
    wait: Duration,
) -> Result<Ended, CliError> {
    let at = clock.now();
    let id = Uuid::now_v7();
    let what = order.what();
    let command = Command { id, order, person: person::acting(), reason: reason.to_owned(), at };
    store.post_command(command).await?;
    // Drawn to the terminal only; where stderr is none nothing appears.
    let waiting = ProgressBar::new_spinner()
        .with_style(ProgressStyle::default_spinner())
        .with_message(format!("{what} posted, waiting for the running process"));
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
