//! Facts and guards for the steps, read across Mandanten in one snapshot (rules.md 7), and the pool of reading connections.
//! Never writes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::effects::{Answer, Fact, Guard, Question, Stored as StoredRecord};
use crate::envelope::Stage;
use crate::register::bestand::Bestand;
use crate::seal::index::Tag;
use crate::store::contract::{Key as OnceKey, Stamp, StoreError};
use crate::store::sealing::content::{Opened, Owner, from_json};
use crate::store::sealing::values::{Stored, count, stage_of, time};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{open, register};

/// Reading connections kept open between reads.
const KEPT: usize = 4;

/// Connections for reading; each read runs on a thread that may block.
pub struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    keyring: Arc<Keyring>,
}

impl Readers {
    /// Readers of a database file.
    pub fn new(file: PathBuf, keyring: Arc<Keyring>) -> Readers {
        Readers { file, idle: Mutex::default(), keyring }
    }

    /// Runs a read in one snapshot that sees all that was committed before the call.
    pub async fn read<T, F>(self: &Arc<Self>, act: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &Keyring) -> Stored<T> + Send + 'static,
    {
        let readers = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open::connect(&readers.file, true)?,
            };
            let snapshot = connection.transaction().map_err(trouble)?;
            let made = act(&snapshot, &readers.keyring);
            drop(snapshot);
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < KEPT {
                idle.push(connection);
            }
            made
        });
        done.await.map_err(|_| StoreError::Later("a read was broken off".into()))?
    }
}

/// What questions of one look-up have opened already: several keys lead to one record, and all runs ask for one Bestand.
struct Opening<'a> {
    connection: &'a Connection,
    keyring: &'a Keyring,
    records: HashMap<Uuid, StoredRecord>,
    bestaende: HashMap<Tag, Option<Bestand>>,
}

/// Answers questions in their order.
pub fn lookup(connection: &Connection, keyring: &Keyring, questions: &[Question]) -> Stored<Vec<Answer>> {
    let mut opening = Opening { connection, keyring, records: HashMap::new(), bestaende: HashMap::new() };
    questions
        .iter()
        .map(|question| {
            let guard = question.key();
            let tag = keyring.search.tag(&guard.0.octets());
            let fact = match question {
                Question::Mirror(_) => Fact::Mirror(opening.records(&tag)?),
                Question::Vorgang(_) => Fact::Vorgang(register::vorgang(connection, keyring, &tag)?),
                Question::Tombstone(_) => {
                    let mut get = connection.prepare_cached(sql!("tombstone_get")).map_err(trouble)?;
                    let created: Option<i64> =
                        get.query_row([&tag[..]], |r| r.get(0)).optional().map_err(trouble)?;
                    Fact::Tombstone(created.map(time))
                }
                Question::Bestand(_) => Fact::Bestand(opening.bestand(tag)?),
                Question::Anzahl(partner) => Fact::Anzahl(register::anzahl(connection, partner)?),
                Question::Eingang { partner, standard, uuid } => {
                    let parts = vec![partner.clone(), standard.clone(), uuid.to_ascii_lowercase()];
                    let key = OnceKey { class: "business", parts };
                    Fact::Eingang(register::eingang(connection, keyring, &key)?)
                }
            };
            let mut get = connection.prepare_cached(sql!("guard_get")).map_err(trouble)?;
            let seen = get.query_row([&tag[..]], |r| r.get(0)).optional().map_err(trouble)?;
            Ok(Answer { fact, guard: Guard { key: guard, seen: seen.map_or(0, count) } })
        })
        .collect()
}

impl Opening<'_> {
    fn records(&mut self, tag: &[u8]) -> Stored<Vec<StoredRecord>> {
        let mut list = self.connection.prepare_cached(sql!("mirror_by_key")).map_err(trouble)?;
        let found: Vec<(Uuid, String, String, i64)> = list
            .query_map([tag], |r| Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?;
        let mut records = Vec::with_capacity(found.len());
        for (id, mandant, partner, sealed) in found {
            if let Some(known) = self.records.get(&id) {
                records.push(known.clone());
                continue;
            }
            let lost = || StoreError::Corrupt("the key of a record of the mirror is missing".into());
            let opened = Opened::read(self.connection, self.keyring, sealed, Owner::new("mirror", id))?;
            let registersatz = from_json(&opened.ok_or_else(lost)?.body()?.ok_or_else(lost)?)?;
            let record = StoredRecord { id, mandant, partner, registersatz };
            self.records.insert(id, record.clone());
            records.push(record);
        }
        Ok(records)
    }

    fn bestand(&mut self, tag: Tag) -> Stored<Option<Bestand>> {
        if let Some(known) = self.bestaende.get(&tag) {
            return Ok(known.clone());
        }
        let found = register::bestand(self.connection, self.keyring, &tag)?;
        self.bestaende.insert(tag, found.clone());
        Ok(found)
    }
}

/// The attributes behind a stamp's number, without trace context.
pub fn stamp_of(connection: &Connection, row: i64) -> Stored<Stamp> {
    let mut get = connection.prepare_cached(sql!("stamp_get")).map_err(trouble)?;
    let (stage, stamp): (String, Stamp) = get
        .query_row([row], |r| {
            let stamp = Stamp {
                mandant: r.get(0)?,
                partner: r.get(1)?,
                how: r.get(2)?,
                stage: Stage::Produktion,
                test: r.get(4)?,
                key_id: r.get(5)?,
                acting_person: r.get(6)?,
                doc_version: r.get(7)?,
                traceparent: String::new(),
                decided_by: r.get(8)?,
            };
            Ok((r.get(3)?, stamp))
        })
        .map_err(trouble)?;
    Ok(Stamp { stage: stage_of(&stage)?, ..stamp })
}
