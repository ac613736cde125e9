//! Facts and guards for the steps, read across Mandanten in one snapshot (rules.md 7), and the pool of reading connections.
//! Never writes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::effects::{Answer, Fact, Guard, GuardKey, Question, Stored as StoredRecord, Vorgang};
use crate::register::aenderung::Gesucht;
use crate::register::bestand::Bestand;
use crate::register::objection::{Objection, Sought};
use crate::register::record::Kind;
use crate::seal::index::Tag;
use crate::store::entry::Key as OnceKey;
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::orte::Orte;
use crate::store::sealing::prepare::once;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::{Stored, micros, time};
use crate::store::sealing::{endet, shown};
use crate::store::sqlite::guards::Moment;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{deliveries, looks, objections, register, rekey, take_back};

/// Answers questions in their order. What they ask of one tree of the file is read in the order of that tree: keys lie scattered, and
/// over a large register each of them would else come to pages that another one has put out of the cache meanwhile.
pub fn lookup(
    connection: &Connection,
    keyring: &Keyring,
    moment: &Moment,
    questions: &[Question],
) -> Stored<Vec<Answer>> {
    // Before the snapshot, which begins with the first read: what was told until then is in it.
    let seen = moment.now();
    let guards: Vec<GuardKey> = questions.iter().map(Question::key).collect();
    let tags: Vec<Tag> = guards.iter().map(|guard| keyring.search.tag(&guard.0.octets())).collect();
    let mut order: Vec<usize> = (0..questions.len()).collect();
    order.sort_unstable_by_key(|place| tags[*place]);
    let mut mirror = records(connection, keyring, questions, &tags, &order)?;
    let mut vorgaenge = open_under(connection, keyring, questions, &tags, &order)?;
    let mut objections = objected(connection, questions, &tags, &order)?;
    // All runs ask for the state of one register.
    let mut bestaende: HashMap<Tag, Option<Bestand>> = HashMap::new();
    let mut backlogs: HashMap<&str, Option<Timestamp>> = HashMap::new();
    let mut blocks: HashMap<&str, Vec<Objection>> = HashMap::new();
    let mut answers = Vec::with_capacity(questions.len());
    for (place, (question, (tag, key))) in questions.iter().zip(tags.iter().zip(guards)).enumerate() {
        let fact = match question {
            Question::Mirror(_) => Fact::Mirror(mirror.remove(&place).unwrap_or_default()),
            Question::Whoever(sought) => Fact::Mirror(whoever(connection, keyring, sought)?),
            Question::Vorgang(_) => Fact::Vorgang(vorgaenge.remove(&place)),
            Question::Offen(_) => {
                let objected = objections.contains_key(&place);
                Fact::Offen { vorgang: vorgaenge.remove(&place), objected }
            }
            Question::Tombstone(_) => {
                let mut get = connection.prepare_cached(sql!("tombstone_get")).map_err(trouble)?;
                let created: Option<i64> =
                    get.query_row([&tag[..]], |r| r.get(0)).optional().map_err(trouble)?;
                Fact::Tombstone(created.map(time))
            }
            Question::Bestand(amt) => {
                let read = || {
                    let left = rekey::left(connection, amt)?;
                    Ok(Bestand::mit(register::bestand(connection, keyring, tag)?, left))
                };
                Fact::Bestand(once_read(&mut bestaende, *tag, read)?.clone())
            }
            Question::Anzahl { partner, at } => {
                Fact::Anzahl(deliveries::anzahl(connection, partner, micros(*at))?)
            }
            Question::Orte(partner) => Fact::Orte(orte(connection, keyring, partner)?),
            Question::Neueste { partner, standard, uuid, at } => {
                let key = uuid.as_ref().map(|uuid| OnceKey::business(partner, standard, uuid));
                let key = key.map(|key| once(keyring, &key));
                Fact::Neueste(deliveries::neueste(connection, partner, key.as_ref(), micros(*at))?)
            }
            Question::Ausgestellt(_) => {
                let issued = deliveries::issued(connection, tag)?.into_iter();
                let found = issued.map(|key| register::vorgang(connection, keyring, &key));
                Fact::Ausgestellt(found.filter_map(Result::transpose).collect::<Stored<_>>()?)
            }
            Question::Unsent(back) => {
                Fact::Unsent(take_back::possible(connection, &TakeBackWork::blind(back, *tag))?)
            }
            Question::Leads => Fact::Leads(deliveries::leads(connection)?),
            Question::Backlog(partner) => {
                let read = || looks::backlog(connection, partner);
                Fact::Backlog(*once_read(&mut backlogs, partner.as_str(), read)?)
            }
            Question::Objections(sought @ Sought::Blocks(amt)) => {
                let read = || objections::sought(connection, sought, tag);
                Fact::Objections(once_read(&mut blocks, amt.as_str(), read)?.clone())
            }
            Question::Objections(Sought::Under(_)) => {
                Fact::Objections(objections.remove(&place).unwrap_or_default())
            }
            Question::Objections(sought) => Fact::Objections(objections::sought(connection, sought, tag)?),
        };
        answers.push(Answer { fact, guard: Guard { key, seen } });
    }
    Ok(answers)
}

/// What was read before in the same snapshot, else now.
fn once_read<K: Eq + Hash, V>(
    known: &mut HashMap<K, V>,
    key: K,
    read: impl FnOnce() -> Stored<V>,
) -> Stored<&V> {
    Ok(match known.entry(key) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(free) => free.insert(read()?),
    })
}

/// What is open under the questions' keys by the questions' places.
fn open_under(
    connection: &Connection,
    keyring: &Keyring,
    questions: &[Question],
    tags: &[Tag],
    order: &[usize],
) -> Stored<HashMap<usize, Vorgang>> {
    let mut found = HashMap::new();
    let mut get = connection.prepare_cached(sql!("vorgang_get")).map_err(trouble)?;
    let asked = |place: &&usize| matches!(questions[**place], Question::Vorgang(_) | Question::Offen(_));
    for place in order.iter().filter(asked) {
        let vorgang = register::vorgang_by(&mut get, connection, keyring, &tags[*place])?;
        found.extend(vorgang.map(|vorgang| (*place, vorgang)));
    }
    Ok(found)
}

/// The objections under the questions' keys by the questions' places.
fn objected(
    connection: &Connection,
    questions: &[Question],
    tags: &[Tag],
    order: &[usize],
) -> Stored<HashMap<usize, Vec<Objection>>> {
    let mut found = HashMap::new();
    let mut get = connection.prepare_cached(sql!("objection_under")).map_err(trouble)?;
    let under = |place: &&usize| {
        matches!(questions[**place], Question::Offen(_) | Question::Objections(Sought::Under(_)))
    };
    for place in order.iter().filter(under) {
        let objections = objections::listed(&mut get, params![&tags[*place][..]])?;
        if !objections.is_empty() {
            found.insert(*place, objections);
        }
    }
    Ok(found)
}

/// The records under the questions' keys by the questions' places; one to which several keys lead is opened once.
fn records(
    connection: &Connection,
    keyring: &Keyring,
    questions: &[Question],
    tags: &[Tag],
    order: &[usize],
) -> Stored<HashMap<usize, Vec<Arc<StoredRecord>>>> {
    let mut under: Vec<(usize, i64)> = Vec::new();
    {
        let mut keys = connection.prepare_cached(sql!("mirror_by_key")).map_err(trouble)?;
        for place in order.iter().filter(|place| matches!(questions[**place], Question::Mirror(_))) {
            let mut rows = keys.query([&tags[*place][..]]).map_err(trouble)?;
            while let Some(row) = rows.next().map_err(trouble)? {
                under.push((*place, row.get(0).map_err(trouble)?));
            }
        }
    }
    let rows: BTreeSet<i64> = under.iter().map(|(_, row)| *row).collect();
    let opened = opened(connection, keyring, rows)?;
    let mut found: HashMap<usize, Vec<Arc<StoredRecord>>> = HashMap::new();
    for (place, row) in under {
        found.entry(place).or_default().extend(opened.get(&row).cloned());
    }
    Ok(found)
}

/// The records under any of these keys, or that end on any of these days, each once.
fn whoever(connection: &Connection, keyring: &Keyring, sought: &Gesucht) -> Stored<Vec<Arc<StoredRecord>>> {
    let mut rows: BTreeSet<i64> = BTreeSet::new();
    let mut tags: Vec<Tag> = sought.keys.iter().map(|key| keyring.search.tag(&key.octets())).collect();
    tags.sort_unstable();
    let days: Vec<Tag> = sought.enden.iter().map(|day| endet::of_day(keyring, *day)).collect();
    for (statement, tags) in [(sql!("mirror_by_key"), &tags), (sql!("mirror_by_day"), &days)] {
        let mut get = connection.prepare_cached(statement).map_err(trouble)?;
        for tag in tags {
            let mut found = get.query([&tag[..]]).map_err(trouble)?;
            while let Some(row) = found.next().map_err(trouble)? {
                rows.insert(row.get(0).map_err(trouble)?);
            }
        }
    }
    let mut opened: Vec<(i64, Arc<StoredRecord>)> = opened(connection, keyring, rows)?.into_iter().collect();
    opened.sort_unstable_by_key(|(row, _)| *row);
    Ok(opened.into_iter().map(|(_, record)| record).collect())
}

/// Records by their rows, opened.
fn opened(
    connection: &Connection,
    keyring: &Keyring,
    rows: BTreeSet<i64>,
) -> Stored<HashMap<i64, Arc<StoredRecord>>> {
    let mut opened: HashMap<i64, Arc<StoredRecord>> = HashMap::with_capacity(rows.len());
    let mut get = connection.prepare_cached(sql!("mirror_get")).map_err(trouble)?;
    for row in rows {
        let (id, mandant, partner, sealed, changed): (Uuid, String, String, i64, i64) = get
            .query_row([row], |r| Ok((uuid(r.get(0)?)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))
            .map_err(trouble)?;
        let content = Opened::read(connection, keyring, sealed, Owner::new("mirror", id))?;
        let mut registersatz = shown::registersatz(content)?;
        // A program before this one did not write it.
        registersatz.quelle.empfangen.get_or_insert(time(changed));
        opened.insert(row, Arc::new(StoredRecord { id, mandant, partner, registersatz }));
    }
    Ok(opened)
}

/// Where the children of a partner's records were born, one record open at a time; `None` where that is too much to count.
fn orte(connection: &Connection, keyring: &Keyring, partner: &str) -> Stored<Option<Vec<(Kind, u64)>>> {
    let mut list = connection.prepare_cached(sql!("mirror_list")).map_err(trouble)?;
    let mut rows = list.query(params![None::<&str>, partner, None::<Uuid>, i64::MAX]).map_err(trouble)?;
    let mut found = Orte::default();
    while let Some(row) = rows.next().map_err(trouble)? {
        let owner = Owner::new("mirror", uuid(row.get(0).map_err(trouble)?).map_err(trouble)?);
        let sealed = row.get(3).map_err(trouble)?;
        if !found.add(&shown::registersatz(Opened::read(connection, keyring, sealed, owner)?)?.kind) {
            return Ok(None);
        }
    }
    Ok(Some(found.counted()))
}
