//! What stays in a mailbox, as it is told: how much and why, and whether it hides what lies behind it. Fetches nothing and decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Parts, Turn};

/// What stayed there at one look.
#[derive(Default)]
pub struct Seen {
    /// How many, by reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Since when the oldest of them lies there.
    pub oldest: Option<Timestamp>,
    /// Whether the list was seen to its end.
    pub complete: bool,
}

impl Seen {
    /// One message stays, for a reason.
    pub fn one(&mut self, reason: &'static str, since: Option<Timestamp>) {
        *self.reasons.entry(reason).or_default() += 1;
        self.oldest = [self.oldest, since].into_iter().flatten().min();
    }
}

/// What was said of a mailbox.
pub struct Left {
    connection: String,
    mailbox: String,
    part: String,
    said: String,
    hidden: bool,
}

impl Left {
    /// Nothing was said yet; `part` is its name in `status`.
    pub fn of(connection: &str, mailbox: &str, part: &str) -> Left {
        Left {
            connection: connection.to_owned(),
            mailbox: mailbox.to_owned(),
            part: part.to_owned(),
            said: String::new(),
            hidden: false,
        }
    }

    /// Says what stays where it lies, when that has changed.
    pub fn say(&mut self, seen: &Seen, parts: &Parts) {
        let list: Vec<String> =
            seen.reasons.iter().map(|(reason, many)| format!("{reason}: {many}")).collect();
        let list = list.join(", ");
        parts.lies(&self.part, seen.reasons.values().sum(), seen.oldest);
        let (connection, mailbox) = (&self.connection, &self.mailbox);
        if list != self.said {
            match list.is_empty() {
                true => tracing::info!(connection, mailbox, "nothing is left in a mailbox any more"),
                false => tracing::warn!(
                    connection,
                    mailbox,
                    reasons = list,
                    "messages are left in a mailbox, neither fetched nor closed"
                ),
            }
        }
        self.said = list;
        self.say_hidden(!seen.complete, parts);
    }

    /// Says, once, that a list cannot be seen to its end, and that it can again.
    fn say_hidden(&mut self, hidden: bool, parts: &Parts) {
        let part = self.end_part();
        match (hidden, self.hidden) {
            (true, false) => {
                let cause = "its list cannot be seen to its end: what stays there hides what lies behind it";
                let next = "have taken out of the mailbox what is of no sender of this connection, or name its sender in `senders`; ask who \
                            runs the server for further pages or longer lists";
                parts.fails(
                    &part,
                    Failing { cause: cause.to_owned(), next: next.to_owned(), turn: Turn::Person },
                );
                let subject = format!("{}/{}", self.connection, self.mailbox);
                raise(Alarm::MailboxHidden, &subject, &[("cause", cause)]);
            }
            (false, true) => {
                tracing::info!(
                    connection = self.connection,
                    mailbox = self.mailbox,
                    "a list is seen to its end again"
                );
                parts.gone(&part);
            }
            _ => {}
        }
        self.hidden = hidden;
    }

    /// Nobody looks there any more; what was said of it may hold all the same, so nothing is said to be over.
    pub fn gone(&mut self, parts: &Parts) {
        parts.gone(&self.end_part());
        parts.gone(&self.part);
    }

    fn end_part(&self) -> String {
        format!("the end of {}", self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_the_rest_is_a_part_that_fails_until_all_is_seen() {
        let (mut left, parts) = (Left::of("broker", "srp:x", "mailbox srp:x of broker"), Parts::default());
        let mut seen = Seen::default();
        seen.one("of nobody", None);
        for complete in [false, false, true, false] {
            seen.complete = complete;
            left.say(&seen, &parts);
            let said = parts.said();
            let failing = said.iter().find(|part| part.failing.is_some());
            assert_eq!(failing.is_some(), !complete, "{said:?}");
            assert_eq!(said.iter().find_map(|part| part.waits), Some(1));
        }
        left.gone(&parts);
        assert!(parts.said().is_empty());
    }
}
