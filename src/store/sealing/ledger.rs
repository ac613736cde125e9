//! Entries of the deletion ledger as rows keep them, alike for every back end: what was deleted as blind keys and numbers, and
//! nothing that could name a person.

use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::index::{TAG_LEN, Tag};
use crate::store::error::StoreError;
use crate::store::lane::{Due, Outcome};
use crate::store::recovery::{Finding, LedgerLine, Lost, ask_from};
use crate::store::sealing::content::{Fresh, Owner, to_json};
use crate::store::sealing::heads::SendNote;
use crate::store::sealing::values::{Stored, count, micros, time};

/// The class of a deletion that a message of its author ordered.
pub const MITTEILUNG: &str = "mitteilung";

/// What the database knows of its key store.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Its epoch.
    pub epoch: i64,
    /// The last entry of the ledger that it knows.
    pub ledger: i64,
    /// Put back then, and not open yet.
    pub since: Option<i64>,
    /// When the backup was taken.
    pub copied: Option<i64>,
    /// Whether the ledger was applied again.
    pub applied: bool,
    /// What the mark beside the keys has shown to be missing: from when, until when, how many commits.
    pub lost: Option<(i64, i64, i64)>,
}

impl State {
    /// What is missing, as a person is told: from a while before, because what came then may have been on its way.
    pub fn lost(&self) -> Option<Lost> {
        self.lost.map(|(from, until, commits)| Lost {
            from: ask_from(from),
            until: time(until),
            commits: count(commits),
        })
    }
}

/// The class of an entry that stands for one that was lost with a key store: it deletes nothing.
pub const LUECKE: &str = "luecke";

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// A record of the mirror, with everything sealed under its child's key.
    Record {
        /// Its id.
        id: Uuid,
        /// Number of the child's key in the key store.
        subject: i64,
        /// The keys under which it stood.
        keys: Vec<Tag>,
    },
    /// The contents of all messages that spoke of these children.
    Messages {
        /// The children's keys.
        keys: Vec<Tag>,
    },
    /// A tombstone was set.
    Tombstone {
        /// Its key.
        key: Tag,
        /// When the deletion was made at its author.
        created: Timestamp,
        /// When it may go.
        until: Timestamp,
    },
    /// A Vorgang or another thing with a key of its own.
    Subject {
        /// Number of its key in the key store.
        subject: i64,
    },
}

/// An entry as its columns: kind, record, key number, blind keys, two times.
pub type Columns = (&'static str, Option<Uuid>, Option<i64>, Vec<u8>, Option<i64>, Option<i64>);

impl Deleted {
    /// Its columns.
    pub fn columns(&self) -> Columns {
        match self {
            Deleted::Record { id, subject, keys } => {
                ("record", Some(*id), Some(*subject), keys.concat(), None, None)
            }
            Deleted::Messages { keys } => ("messages", None, None, keys.concat(), None, None),
            Deleted::Tombstone { key, created, until } => {
                ("tombstone", None, None, key.to_vec(), Some(micros(*created)), Some(micros(*until)))
            }
            Deleted::Subject { subject } => ("subject", None, Some(*subject), Vec::new(), None, None),
        }
    }

    /// From its columns.
    pub fn read(
        kind: &str,
        record: Option<Uuid>,
        subject: Option<i64>,
        keys: &[u8],
        (created, until): (Option<i64>, Option<i64>),
    ) -> Stored<Deleted> {
        let strange =
            || StoreError::Corrupt("the deletion ledger has an entry that this program does not know".into());
        let tags: Vec<Tag> =
            keys.chunks(TAG_LEN).map(Tag::try_from).collect::<Result<_, _>>().map_err(|_| strange())?;
        match kind {
            "record" => Ok(Deleted::Record {
                id: record.ok_or_else(strange)?,
                subject: subject.ok_or_else(strange)?,
                keys: tags,
            }),
            "messages" => Ok(Deleted::Messages { keys: tags }),
            "tombstone" => Ok(Deleted::Tombstone {
                key: *tags.first().ok_or_else(strange)?,
                created: time(created.ok_or_else(strange)?),
                until: time(until.ok_or_else(strange)?),
            }),
            "subject" => Ok(Deleted::Subject { subject: subject.ok_or_else(strange)? }),
            _ => Err(strange()),
        }
    }
}

/// A row of the list of deletions that the ledger does not hold yet, or of the ledger itself (then with its number).
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the ledger; 0 before it stands there.
    pub nr: i64,
    /// Its id, drawn with the deletion.
    pub id: Uuid,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Why.
    pub class: String,
    /// What.
    pub what: Deleted,
}

impl Entry {
    /// As a person may see it.
    pub fn line(self) -> LedgerLine {
        let kind = self.what.columns().0.to_owned();
        LedgerLine { nr: self.nr, at: time(self.at), class: self.class, kind }
    }
}

/// What stands in the place of a content that died with its child's key, so that the row can still be listed with its cause.
pub fn lost_content(row: Uuid) -> Stored<Fresh> {
    let note = SendNote {
        cause: Some("its content was deleted with the child after the backup was taken; whether it left before is unknown".into()),
        next_step: Some("it cannot be sent again; if it matters, ask the receiver whether it has this id".into()),
        ..SendNote::default()
    };
    Fresh::seal(Owner::new("outbox", row), None, None, Some(&to_json(&note)?))
}

/// What a finding means for the row; `None`: only its doubt goes.
pub fn outcome(finding: Finding) -> Option<Outcome> {
    match finding {
        Finding::Arrived { reference, evidence, follow } => {
            Some(Outcome::Sent { reference, evidence, follow })
        }
        Finding::Queued => None,
        Finding::Unknown { cause } => Some(Outcome::Unclear { cause }),
    }
}

/// A page of doubtful rows in their order; rows whose content does not open are left for dispatch to park.
pub fn page(opened: impl IntoIterator<Item = Stored<Due>>) -> Stored<Vec<Due>> {
    let mut page = Vec::new();
    for due in opened {
        match due {
            Ok(due) => page.push(due),
            Err(StoreError::Corrupt(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let at = |n| Timestamp::from_second(n).unwrap();
        for what in [
            Deleted::Record { id: Uuid::from_u128(3), subject: 9, keys: vec![[1; 16], [2; 16]] },
            Deleted::Messages { keys: vec![[7; 16]] },
            Deleted::Tombstone { key: [4; 16], created: at(5), until: at(6) },
            Deleted::Subject { subject: 12 },
        ] {
            let (kind, record, subject, keys, created, until) = what.columns();
            assert_eq!(Deleted::read(kind, record, subject, &keys, (created, until)).unwrap(), what);
        }
        assert!(Deleted::read("person", None, None, &[], (None, None)).is_err());
        assert!(Deleted::read("tombstone", None, None, &[1; 15], (Some(1), Some(2))).is_err());
    }
}
