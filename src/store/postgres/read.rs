//! Facts and guards for the steps, read across Mandanten in one snapshot and under a role of its own (rules.md 7).
//! Never writes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Fact, Guard, Question, Stored as StoredRecord};
use crate::register::aenderung::Gesucht;
use crate::register::bestand::Bestand;
use crate::register::objection::Sought;
use crate::register::record::Kind;
use crate::seal::index::Tag;
use crate::store::entry::Key as OnceKey;
use crate::store::postgres::ask::{Tx, rows};
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::{abruf, together};
use crate::store::postgres::values::{get, sql, tag, trouble};
use crate::store::postgres::{blob, deliveries, looks, objections, register, take_back};
use crate::store::sealing::content::{Owner, from_json};
use crate::store::sealing::orte::Orte;
use crate::store::sealing::prepare::once;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::{Stored, count, micros, time};
use crate::store::sealing::{endet, shown};

/// Answers questions in their order; those of one kind in one statement.
pub async fn lookup(base: &Base, questions: &[Question]) -> Stored<Vec<Answer>> {
    let mut client = base.db.get().await?;
    let tx = abruf(&mut client).await?;
    let search = |question: &Question| base.keyring.search.tag(&question.key().0.octets());
    let tags: Vec<Tag> = questions.iter().map(search).collect();
    let of = |kind: fn(&Question) -> bool| -> Vec<&[u8]> {
        questions.iter().zip(&tags).filter(|(q, _)| kind(q)).map(|(_, tag)| &tag[..]).collect()
    };
    // One snapshot, so their order does not matter: sent together.
    let asked_for = questions.iter().filter_map(|question| match question {
        Question::Objections(Sought::Blocks(amt)) => Some(amt.as_str()),
        _ => None,
    });
    let aemter: Vec<&str> = asked_for.collect::<BTreeSet<_>>().into_iter().collect();
    let asked_for = questions.iter().filter_map(|question| match question {
        Question::Backlog(partner) => Some(partner.as_str()),
        _ => None,
    });
    let partners: Vec<&str> = asked_for.collect::<BTreeSet<_>>().into_iter().collect();
    let (versions, records, vorgaenge, stones, bestaende, left, objections, blocks, backlog) = together!(
        versions = versions(&tx, tags.iter().map(|tag| &tag[..]).collect()),
        records = records(base, &tx, sql!("mirror_by_key"), of(|q| matches!(q, Question::Mirror(_)))),
        vorgaenge =
            register::vorgaenge_by(base, &tx, of(|q| matches!(q, Question::Vorgang(_) | Question::Offen(_)))),
        stones = tombstones(&tx, of(|q| matches!(q, Question::Tombstone(_)))),
        bestaende = bestaende(base, &tx, of(|q| matches!(q, Question::Bestand(_)))),
        left = left(&tx, questions),
        objections = objections::under(
            &tx,
            of(|q| matches!(q, Question::Offen(_) | Question::Objections(Sought::Under(_))))
        ),
        blocks = objections::blocks(&tx, aemter),
        backlog = looks::backlog(&tx, partners),
    )?;
    let issued = deliveries::issued(&tx, of(|q| matches!(q, Question::Ausgestellt(_)))).await?;
    // The Vorgänge that traces lead to.
    let cases = register::vorgaenge_by(base, &tx, issued.iter().map(|(_, case)| &case[..]).collect()).await?;
    let mut unsent = unsent(&tx, questions, &tags).await?.into_iter();
    let mut answers = Vec::with_capacity(questions.len());
    for (question, tag) in questions.iter().zip(&tags) {
        let fact = match question {
            Question::Mirror(_) => Fact::Mirror(records.get(tag).cloned().unwrap_or_default()),
            Question::Whoever(sought) => Fact::Mirror(whoever(base, &tx, sought).await?),
            Question::Vorgang(_) => Fact::Vorgang(vorgaenge.get(tag).cloned()),
            Question::Offen(_) => Fact::Offen {
                vorgang: vorgaenge.get(tag).cloned(),
                objected: objections.get(tag).is_some_and(|found| !found.is_empty()),
            },
            Question::Tombstone(_) => Fact::Tombstone(stones.get(tag).copied()),
            Question::Bestand(amt) => {
                Fact::Bestand(Bestand::mit(bestaende.get(tag).cloned(), left.contains(amt)))
            }
            Question::Anzahl { partner, at } => {
                Fact::Anzahl(deliveries::anzahl(&tx, partner, micros(*at)).await?)
            }
            Question::Orte(partner) => Fact::Orte(orte(base, &tx, partner).await?),
            Question::Neueste { partner, standard, uuid, at } => {
                let key = uuid.as_ref().map(|uuid| OnceKey::business(partner, standard, uuid));
                let key = key.map(|key| once(&base.keyring, &key));
                Fact::Neueste(deliveries::neueste(&tx, partner, key.as_ref(), micros(*at)).await?)
            }
            Question::Ausgestellt(_) => {
                let of_key = issued.iter().filter(|(key, _)| key == tag);
                Fact::Ausgestellt(of_key.filter_map(|(_, case)| cases.get(case).cloned()).collect())
            }
            Question::Unsent(_) => Fact::Unsent(unsent.next().unwrap_or(false)),
            Question::Leads => Fact::Leads(deliveries::leads(&tx).await?),
            Question::Backlog(partner) => Fact::Backlog(backlog.get(partner).copied()),
            Question::Objections(Sought::Under(_)) => {
                Fact::Objections(objections.get(tag).cloned().unwrap_or_default())
            }
            Question::Objections(Sought::Blocks(amt)) => {
                Fact::Objections(blocks.get(amt).cloned().unwrap_or_default())
            }
            Question::Objections(sought) => Fact::Objections(objections::sought(&tx, sought).await?),
        };
        let seen = versions.get(tag).copied().map_or(0, count);
        answers.push(Answer { fact, guard: Guard { key: question.key(), seen } });
    }
    Ok(answers)
}

/// Which answers can be taken back, in the order of the questions. What waits to leave is nothing that decisions rest on, and the role of the
/// look-up does not see it: these questions alone are asked as the engine.
async fn unsent(tx: &Tx<'_>, questions: &[Question], tags: &[Tag]) -> Stored<Vec<bool>> {
    let asked = questions.iter().zip(tags).filter_map(|(question, tag)| match question {
        Question::Unsent(back) => Some((back, tag)),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    tx.batch_execute("SET LOCAL ROLE NONE").await.map_err(trouble)?;
    let mut unsent = Vec::with_capacity(asked.len());
    for (back, tag) in asked {
        unsent.push(take_back::possible(tx, &TakeBackWork::blind(back, *tag)).await?);
    }
    tx.batch_execute("SET LOCAL ROLE drehscheibe_abruf").await.map_err(trouble)?;
    Ok(unsent)
}

/// How many records are open at a time.
const PAGE: i64 = 500;

/// Where the children of a partner's records were born, a page open at a time; `None` where that is too much to count.
async fn orte(base: &Base, tx: &Tx<'_>, partner: &str) -> Stored<Option<Vec<(Kind, u64)>>> {
    let (mut found, mut after) = (Orte::default(), None::<Uuid>);
    loop {
        let page = rows(tx, sql!("mirror_list"), &[&None::<&str>, &partner, &after, &PAGE]).await?;
        let Some(last) = page.last() else { return Ok(Some(found.counted())) };
        after = Some(get(last, 0)?);
        if !register::opened(base, tx, &page).await?.iter().all(|one| found.add(&one.registersatz.kind)) {
            return Ok(None);
        }
    }
}

async fn versions(tx: &Tx<'_>, keys: Vec<&[u8]>) -> Stored<HashMap<Tag, i64>> {
    register::asked(tx, sql!("guard_get"), &keys)
        .await?
        .iter()
        .map(|r| Ok((tag(get(r, 0)?)?, get(r, 1)?)))
        .collect()
}

/// Most keys in one statement: what one carries is kept by the library for its connection.
const AT_ONCE: usize = 2_000;

/// The records under any of these keys, or that end on any of these days, each once.
async fn whoever(base: &Base, tx: &Tx<'_>, sought: &Gesucht) -> Stored<Vec<Arc<StoredRecord>>> {
    let tags: Vec<Tag> = sought.keys.iter().map(|key| base.keyring.search.tag(&key.octets())).collect();
    let days: Vec<Tag> = sought.enden.iter().map(|day| endet::of_day(&base.keyring, *day)).collect();
    let mut found: BTreeMap<Uuid, Arc<StoredRecord>> = BTreeMap::new();
    for (statement, tags) in [(sql!("mirror_by_key"), &tags), (sql!("mirror_by_day"), &days)] {
        for some in tags.chunks(AT_ONCE) {
            let under = records(base, tx, statement, some.iter().map(|tag| &tag[..]).collect()).await?;
            found.extend(under.into_values().flatten().map(|record| (record.id, record)));
        }
    }
    Ok(found.into_values().collect())
}

async fn records(
    base: &Base,
    tx: &Tx<'_>,
    statement: &str,
    keys: Vec<&[u8]>,
) -> Stored<HashMap<Tag, Vec<Arc<StoredRecord>>>> {
    let (mut facts, mut closed) = (Vec::new(), Vec::new());
    // Several keys lead to one record: it is opened once.
    let mut places: HashMap<Uuid, usize> = HashMap::new();
    let mut under: Vec<(Tag, usize)> = Vec::new();
    for r in register::asked(tx, statement, &keys).await? {
        let (key, id): (Tag, Uuid) = (tag(get(&r, 0)?)?, get(&r, 1)?);
        let place = *places.entry(id).or_insert(facts.len());
        under.push((key, place));
        if place == facts.len() {
            facts.push((id, get(&r, 2)?, get(&r, 3)?, time(get(&r, 11)?)));
            closed.push((Owner::new("mirror", id), blob::closed(&r, 5)?));
        }
    }
    let mut found: Vec<Arc<StoredRecord>> = Vec::with_capacity(facts.len());
    let opened = base.keyring.open_all(tx, closed).await?;
    for ((id, mandant, partner, changed), opened) in facts.into_iter().zip(opened) {
        let mut registersatz = shown::registersatz(opened?)?;
        // A program before this one did not write it.
        registersatz.quelle.empfangen.get_or_insert(changed);
        found.push(Arc::new(StoredRecord { id, mandant, partner, registersatz }));
    }
    let mut records: HashMap<Tag, Vec<Arc<StoredRecord>>> = HashMap::new();
    for (key, place) in under {
        records.entry(key).or_default().push(found[place].clone());
    }
    Ok(records)
}

async fn tombstones(tx: &Tx<'_>, keys: Vec<&[u8]>) -> Stored<HashMap<Tag, Timestamp>> {
    let found = register::asked(tx, sql!("tombstone_get"), &keys).await?;
    found.iter().map(|r| Ok((tag(get(r, 0)?)?, time(get(r, 1)?)))).collect()
}

/// The offices asked for that have records whose keys are of the version before.
async fn left(tx: &Tx<'_>, questions: &[Question]) -> Stored<HashSet<String>> {
    let asked = questions.iter().filter_map(|question| match question {
        Question::Bestand(amt) => Some(amt.as_str()),
        _ => None,
    });
    let partners: BTreeSet<&str> = asked.collect();
    if partners.is_empty() {
        return Ok(HashSet::new());
    }
    let partners: Vec<&str> = partners.into_iter().collect();
    rows(tx, sql!("rekey_left"), &[&partners]).await?.iter().map(|r| get(r, 0)).collect()
}

async fn bestaende(base: &Base, tx: &Tx<'_>, keys: Vec<&[u8]>) -> Stored<HashMap<Tag, Bestand>> {
    let (mut tags, mut closed) = (Vec::new(), Vec::new());
    for r in register::asked(tx, sql!("bestand_get"), &keys).await? {
        let key = tag(get(&r, 0)?)?;
        tags.push(key);
        closed.push((Owner::of_key("bestand", &key), blob::closed(&r, 2)?));
    }
    let mut found = HashMap::new();
    for (key, opened) in tags.into_iter().zip(base.keyring.open_all(tx, closed).await?) {
        let body = opened?.map(|opened| opened.body()).transpose()?.flatten();
        if let Some(body) = body {
            found.insert(key, from_json(&body)?);
        }
    }
    Ok(found)
}
