//! What persons order of the running house: a command lies in the store until one process takes it, and says how it ended. Word and body of
//! each order are written and read here alone, and read as every program before this one wrote them. Carries out none.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::store::error::StoreError;

/// What a pause holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PauseKind {
    /// A route, by its name.
    Route,
    /// A partner, by its name.
    Partner,
    /// A destination, `connection:partner`.
    Destination,
}

impl PauseKind {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            PauseKind::Route => "route",
            PauseKind::Partner => "partner",
            PauseKind::Destination => "destination",
        }
    }
}

/// What a person orders. Stored as a word and a JSON object, which are those of the variant and its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", content = "arguments", rename_all = "kebab-case")]
pub enum Order {
    /// Process a parked, unclear or quarantined thing again.
    Replay {
        /// A message or a row of the outbox.
        id: Uuid,
    },
    /// End a thing that is kept apart.
    Reject {
        /// A message.
        id: Uuid,
    },
    /// Note that a parked or unclear delivery reached its receiver.
    Arrived {
        /// A row of the outbox.
        id: Uuid,
    },
    /// Note that one did not reach its receiver by the way that it is on, so that its next one is taken.
    NotArrived {
        /// A row of the outbox.
        id: Uuid,
        /// The destination that it was on when a person said so.
        way: String,
    },
    /// Hold something.
    Pause {
        /// What kind of thing.
        kind: PauseKind,
        /// Its name.
        name: String,
        /// When it ends by itself.
        #[serde(default)]
        until: Option<Timestamp>,
    },
    /// Let something go on.
    Resume {
        /// What kind of thing.
        kind: PauseKind,
        /// Its name.
        name: String,
    },
    /// Hand in what a person says as a message.
    Deliver {
        /// The `on` entry, such as `person register`.
        binding: String,
        /// The Jugendamt in whose name it is ordered.
        partner: String,
        /// The document.
        document: String,
    },
    /// The store was put back: written by whoever did that, for the audit trail.
    Recover {},
    /// Open a store that was put back from a backup.
    RecoverOpen {},
    /// Take over the files as they are.
    Apply {
        /// Also remove what is in use, when its last message has gone.
        #[serde(default)]
        drain: bool,
        /// Of which files: whoever carries it out has the same, by their hash. None where a program before this one ordered it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        files: Option<String>,
    },
    /// Wait no longer for a destination that was taken away.
    EndDrain {
        /// The one that was taken away.
        destination: String,
        /// Where what is left goes.
        #[serde(default)]
        to: Option<String>,
    },
    /// Remove now what is over.
    Retention {},
    /// What this program cannot read: an order of a later one, or one with another body. Kept as it was written, and carried out by nobody.
    #[serde(skip)]
    Unread {
        /// Its word.
        what: String,
        /// Its body.
        arguments: String,
    },
}

impl Order {
    /// The order of a stored row.
    pub fn read(what: &str, arguments: &str) -> Order {
        let body: Option<Value> = serde_json::from_str(arguments).ok();
        let read =
            body.and_then(|body| serde_json::from_value(json!({ "what": what, "arguments": body })).ok());
        read.unwrap_or_else(|| Order::Unread { what: what.to_owned(), arguments: arguments.to_owned() })
    }

    /// Word and body as they are stored.
    pub fn stored(&self) -> (String, String) {
        let mut written = match self {
            Order::Unread { what, arguments } => return (what.clone(), arguments.clone()),
            known => serde_json::to_value(known).unwrap_or_default(),
        };
        let what = written["what"].as_str().unwrap_or_default().to_owned();
        (what, written["arguments"].take().to_string())
    }

    /// The word by which it is told.
    pub fn what(&self) -> String {
        self.stored().0
    }

    /// Why one that cannot be read is refused, as the person who posted it reads it.
    pub fn unread(what: &str) -> String {
        match what {
            "replay" | "reject" => "this is not the id of a message".to_owned(),
            "arrived" | "not-arrived" => "this is not the id of a delivery".to_owned(),
            // A pause without end is another one than was ordered.
            "pause" | "resume" => "kind, name or end of the pause cannot be read".to_owned(),
            "deliver" => "the order has no binding, partner or document".to_owned(),
            "end-drain" => "this names no destination".to_owned(),
            "apply" | "retention" | "recover" | "recover-open" => {
                format!("what `{what}` was ordered with cannot be read")
            }
            other => format!("this version knows no command `{other}`"),
        }
    }
}

/// A command of a person that the running engine claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub id: Uuid,
    /// What is ordered.
    pub order: Order,
    /// Who, and whether verified.
    pub person: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// State of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandState {
    /// Nobody took it yet.
    Waiting,
    /// Done, with a plain sentence.
    Done(String),
    /// Refused, with a plain sentence.
    Refused(String),
}

impl CommandState {
    /// Word and sentence as they are stored.
    pub fn stored(&self) -> (&'static str, &str) {
        match self {
            CommandState::Waiting => ("waiting", ""),
            CommandState::Done(said) => ("done", said),
            CommandState::Refused(said) => ("refused", said),
        }
    }

    /// The state of a stored row: one that a process has taken and not ended still waits.
    pub fn read(word: &str, said: String) -> CommandState {
        match word {
            "done" => CommandState::Done(said),
            "refused" => CommandState::Refused(said),
            _ => CommandState::Waiting,
        }
    }
}

/// The orders of a store.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Writes a command of a person.
    async fn post_command(&self, command: Command) -> Result<(), StoreError>;
    /// Takes waiting commands.
    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError>;
    /// Ends a command.
    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError>;
    /// Leaves a command that was taken to another process: it waits again. One that has ended stays as it is.
    async fn leave_command(&self, id: Uuid) -> Result<(), StoreError>;
    /// Where a command stands.
    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "018f3f3e-0000-7000-8000-000000000001";

    /// Rows as the programs before this one wrote them: word, body, order.
    fn rows() -> Vec<(&'static str, String, Order)> {
        let id: Uuid = ID.parse().unwrap();
        let of_id = format!(r#"{{"id":"{ID}"}}"#);
        let route = || "r".to_owned();
        vec![
            ("replay", of_id.clone(), Order::Replay { id }),
            ("reject", of_id.clone(), Order::Reject { id }),
            ("arrived", of_id, Order::Arrived { id }),
            (
                "not-arrived",
                format!(r#"{{"id":"{ID}","way":"c:x"}}"#),
                Order::NotArrived { id, way: "c:x".to_owned() },
            ),
            (
                "pause",
                r#"{"kind":"route","name":"r","until":null}"#.to_owned(),
                Order::Pause { kind: PauseKind::Route, name: route(), until: None },
            ),
            (
                "pause",
                r#"{"kind":"partner","name":"r","until":"2026-11-21T14:00:00Z"}"#.to_owned(),
                Order::Pause {
                    kind: PauseKind::Partner,
                    name: route(),
                    until: Some("2026-11-21T14:00:00Z".parse().unwrap()),
                },
            ),
            (
                "resume",
                r#"{"kind":"destination","name":"c:x"}"#.to_owned(),
                Order::Resume { kind: PauseKind::Destination, name: "c:x".to_owned() },
            ),
            (
                "deliver",
                r#"{"binding":"person register","partner":"amt","document":"{}"}"#.to_owned(),
                Order::Deliver {
                    binding: "person register".to_owned(),
                    partner: "amt".to_owned(),
                    document: "{}".to_owned(),
                },
            ),
            ("recover", "{}".to_owned(), Order::Recover {}),
            ("recover-open", "{}".to_owned(), Order::RecoverOpen {}),
            ("apply", r#"{"drain":true}"#.to_owned(), Order::Apply { drain: true, files: None }),
            (
                "apply",
                r#"{"drain":false,"files":"1:ab"}"#.to_owned(),
                Order::Apply { drain: false, files: Some("1:ab".to_owned()) },
            ),
            (
                "end-drain",
                r#"{"destination":"c:x","to":null}"#.to_owned(),
                Order::EndDrain { destination: "c:x".to_owned(), to: None },
            ),
            (
                "end-drain",
                r#"{"destination":"c:x","to":"d:x"}"#.to_owned(),
                Order::EndDrain { destination: "c:x".to_owned(), to: Some("d:x".to_owned()) },
            ),
            ("retention", "{}".to_owned(), Order::Retention {}),
        ]
    }

    #[test]
    fn orders_are_written_and_read_as_the_programs_before_wrote_them() {
        for (what, arguments, order) in rows() {
            assert_eq!(Order::read(what, &arguments), order, "{what}");
            assert_eq!(order.stored(), (what.to_owned(), arguments), "{what}");
            assert_eq!(order.what(), what);
        }
        // What some wrote shorter, and what a later one writes besides.
        assert_eq!(Order::read("apply", "{}"), Order::Apply { drain: false, files: None });
        let apply = Order::Apply { drain: true, files: None };
        assert_eq!(Order::read("apply", r#"{"drain":true,"new":1}"#), apply);
        let pause = Order::Pause { kind: PauseKind::Route, name: "r".to_owned(), until: None };
        assert_eq!(Order::read("pause", r#"{"kind":"route","name":"r"}"#), pause);
        let ended = Order::EndDrain { destination: "c:x".to_owned(), to: None };
        assert_eq!(Order::read("end-drain", r#"{"destination":"c:x"}"#), ended);
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_it_was_written_and_said_so() {
        for (what, arguments, said) in [
            ("replay", "{}", "not the id of a message"),
            ("replay", r#"{"id":"x"}"#, "not the id of a message"),
            ("not-arrived", r#"{"id":"x","way":"c:x"}"#, "not the id of a delivery"),
            ("pause", r#"{"kind":"route","name":"r","until":"soon"}"#, "end of the pause cannot be read"),
            ("pause", r#"{"kind":"house","name":"r"}"#, "kind, name"),
            ("deliver", r#"{"binding":"b"}"#, "no binding, partner or document"),
            ("end-drain", "{}", "names no destination"),
            ("apply", "no json", "cannot be read"),
            ("unread", "{}", "no command `unread`"),
            ("dance", "{}", "no command `dance`"),
        ] {
            let order = Order::read(what, arguments);
            assert!(matches!(order, Order::Unread { .. }), "{what} {arguments}");
            assert_eq!(order.stored(), (what.to_owned(), arguments.to_owned()));
            assert!(Order::unread(what).contains(said), "{what}: {}", Order::unread(what));
        }
    }

    #[test]
    fn what_became_of_a_command_is_read_as_it_was_written() {
        for state in
            [CommandState::Waiting, CommandState::Done("a".to_owned()), CommandState::Refused("b".to_owned())]
        {
            let (word, said) = state.stored();
            assert_eq!(CommandState::read(word, said.to_owned()), state);
        }
        assert_eq!(CommandState::read("taken", String::new()), CommandState::Waiting);
    }
}
