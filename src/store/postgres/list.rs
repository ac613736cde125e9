//! What people may see: lists, figures and originals, each narrowed to a scope twice, in the statement and by the database's
//! row-level security. Never shows a payload in a list.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::envelope::{Envelope, Inbound, Verdict};
use crate::store::desk::Filter;
use crate::store::figures::{Backlog, Figures, UnderWay};
use crate::store::listed::{Listed, ListedSend};
use crate::store::postgres::ask::{Tx, one, rows};
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::{narrow_to, sicht, transact};
use crate::store::postgres::values::{get, sql, trouble};
use crate::store::postgres::{blob, house};
use crate::store::sealing::content::Owner;
use crate::store::sealing::due;
use crate::store::sealing::heads::{InboxNote, SendNote};
use crate::store::sealing::prepare::{once, transport};
use crate::store::sealing::shown::{self, Broken, First};
use crate::store::sealing::values::{Stored, codes, count, limit, may_see_payloads, narrow, state, time};
use crate::store::seek::Seek;
use crate::store::stamp::Scope;
use crate::store::states::{FollowState, RowState};
use crate::telemetry::parts::Turn;

/// Lists messages, newest first.
pub async fn list(base: &Base, scope: &Scope, filter: &Filter) -> Stored<Vec<Listed>> {
    let (mandant, partner) = narrow(scope);
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let most = limit(filter.most());
    let transport = filter.transport_id.as_deref().map(|id| transport(&base.keyring, id));
    let mut client = base.db.get().await?;
    if let Some(ids) = named(base, &client, filter).await? {
        drop(client);
        let mut found = Vec::new();
        for id in ids.into_iter().filter(|found| filter.id.is_none_or(|id| id == *found)) {
            found.extend(Box::pin(list(base, scope, &filter.of(id))).await?);
        }
        return Ok(filter.newest(found));
    }
    let tx = sicht(&mut client, scope).await?;
    let narrowed: [&(dyn ToSql + Sync); 5] = [&mandant, &partner, &states, &filter.before, &most];
    let id = filter.id;
    let found = match (&transport, &id) {
        (Some(transport), id) => {
            let transport = &transport[..];
            let values: Vec<&(dyn ToSql + Sync)> = [&narrowed[..], &[&transport, id]].concat();
            rows(&tx, sql!("inbox_list_by_transport"), &values).await?
        }
        (None, Some(id)) => {
            let values: Vec<&(dyn ToSql + Sync)> = [&narrowed[..], &[id]].concat();
            rows(&tx, sql!("inbox_list_by_id"), &values).await?
        }
        (None, None) if filter.seek.narrows() => {
            let (from, to) = filter.seek.between.unwrap_or((Uuid::nil(), Uuid::max()));
            let Seek { partner, route, message, code, .. } = &filter.seek;
            let sought: [&(dyn ToSql + Sync); 6] = [&from, &to, partner, route, message, code];
            rows(&tx, sql!("inbox_sought"), &[&narrowed[..], &sought[..]].concat()).await?
        }
        (None, None) => rows(&tx, sql!("inbox_list"), &narrowed).await?,
    };
    let mut listed = found.iter().map(listed).collect::<Stored<Vec<_>>>()?;
    let owners = listed.iter().map(|(nr, one)| (*nr, Owner::new("inbox", one.id))).collect();
    let mut notes: HashMap<i64, InboxNote> = notes(base, &tx, owners).await?;
    let ids: Vec<Uuid> = listed.iter().map(|(_, one)| one.id).collect();
    let sent = rows(&tx, sql!("outbox_of_cause"), &[&ids, &mandant, &partner]).await?;
    let mut sends: HashMap<Uuid, Vec<ListedSend>> = HashMap::new();
    for send in shown_sends(base, &tx, &sent).await? {
        sends.entry(send.cause_id).or_default().push(send);
    }
    for (nr, one) in &mut listed {
        let note = notes.remove(nr).unwrap_or_default();
        (one.cause, one.next_step) = (note.told(), note.next_step(one.state));
        (one.octets_sha256, one.verified) = (note.octets_sha256, note.verified);
        one.sends = sends.remove(&one.id).unwrap_or_default();
    }
    Ok(listed.into_iter().map(|(_, one)| one).filter(|one| filter.seek.fits(one)).collect())
}

/// The messages that are looked for by what they sent, or by a key of theirs; `None` where they are not.
async fn named(base: &Base, on: &impl GenericClient, filter: &Filter) -> Stored<Option<Vec<Uuid>>> {
    let seek = &filter.seek;
    if seek.is_open() {
        return Ok(None);
    }
    let mut found = Vec::new();
    if let Some((from, to)) = seek.sent {
        found.extend(rows(on, sql!("outbox_sought"), &[&from, &to]).await?);
    }
    if !seek.transports.is_empty() {
        let tags = seek.transports.iter().map(|known| transport(&base.keyring, known).to_vec());
        let tags: Vec<Vec<u8>> = tags.collect();
        found.extend(rows(on, sql!("inbox_of_transport"), &[&tags]).await?);
    }
    if !seek.keys.is_empty() {
        let keys: Vec<Vec<u8>> = seek.keys.iter().map(|key| once(&base.keyring, key).to_vec()).collect();
        found.extend(rows(on, sql!("idempotency_message"), &[&keys]).await?);
    }
    let mut ids: Vec<Uuid> = found.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(Some(ids))
}

fn listed(r: &Row) -> Stored<(i64, Listed)> {
    let joined: &str = get(r, 10)?;
    let word: &str = get(r, 2)?;
    let state: Inbound = state(word)?;
    let listed = Listed {
        id: get(r, 1)?,
        state,
        received: time(get(r, 3)?),
        binding: get(r, 4)?,
        route: get(r, 5)?,
        message: get(r, 6)?,
        partner: get(r, 7)?,
        mandant: get(r, 8)?,
        test: get(r, 9)?,
        codes: codes(joined),
        cause: None,
        next_step: None,
        size: count(get(r, 11)?),
        octets_sha256: String::new(),
        verified: Vec::new(),
        decided_by: get(r, 12)?,
        sends: Vec::new(),
    };
    Ok((get(r, 0)?, listed))
}

/// What became of rows, by number.
async fn notes<T>(base: &Base, tx: &Tx<'_>, owners: Vec<(i64, Owner)>) -> Stored<HashMap<i64, T>>
where
    T: serde::de::DeserializeOwned + Default + Broken,
{
    let numbers: Vec<i64> = owners.iter().map(|(nr, _)| *nr).collect();
    let mut closed = blob::read(tx, &numbers, true).await?;
    let (mut asked, mut found) = (Vec::new(), HashMap::with_capacity(owners.len()));
    let mut order = Vec::new();
    for (nr, owner) in owners {
        if let Some(closed) = closed.remove(&nr) {
            asked.push((owner, closed));
            order.push(nr);
        }
    }
    for (nr, opened) in order.into_iter().zip(base.keyring.open_all(tx, asked).await?) {
        found.insert(nr, shown::note(opened)?);
    }
    Ok(found)
}

async fn shown_sends(base: &Base, tx: &Tx<'_>, found: &[Row]) -> Stored<Vec<ListedSend>> {
    let mut sends = Vec::with_capacity(found.len());
    for r in found {
        let send = ListedSend {
            id: get(r, 1)?,
            cause_id: get(r, 2)?,
            destination: get(r, 3)?,
            message: get(r, 4)?,
            state: get::<RowState>(r, 5)?.into(),
            attempts: u32::try_from(get::<i64>(r, 6)?).unwrap_or(u32::MAX),
            queued: time(get(r, 7)?),
            next_try: get::<Option<i64>>(r, 8)?.map(time),
            sent: get::<Option<i64>>(r, 11)?.map(time),
            next_look: get::<Option<i64>>(r, 10)?.map(time),
            confirmed: None,
            confirmed_at: None,
            cause: None,
            next_step: None,
            ways: Vec::new(),
        };
        sends.push((get::<i64>(r, 0)?, send, get::<Option<FollowState>>(r, 9)?));
    }
    let owners = sends.iter().map(|(nr, send, _)| (*nr, Owner::new("outbox", send.id))).collect();
    let mut notes: HashMap<i64, SendNote> = notes(base, tx, owners).await?;
    let shown = sends
        .into_iter()
        .map(|(nr, send, followed)| shown::send(send, notes.remove(&nr).unwrap_or_default(), followed));
    Ok(shown.collect())
}

/// Lists sends that wait for a person, newest first.
pub async fn parked_sends(base: &Base, scope: &Scope, most: usize) -> Stored<Vec<ListedSend>> {
    let (mandant, partner) = narrow(scope);
    let most = limit(if most == 0 { 100 } else { most });
    let mut client = base.db.get().await?;
    let tx = sicht(&mut client, scope).await?;
    let found = rows(&tx, sql!("outbox_held"), &[&mandant, &partner, &most]).await?;
    shown_sends(base, &tx, &found).await.map(shown::held)
}

/// The verdicts of the first messages under keys, as repeats get them.
pub async fn verdicts(base: &Base, firsts: Vec<First>) -> Stored<Vec<Verdict>> {
    let client = base.db.get().await?;
    let numbers: Vec<i64> = firsts.iter().filter_map(|first| first.sealed).collect();
    let mut closed = blob::read(&client, &numbers, true).await?;
    let mut verdicts = Vec::with_capacity(firsts.len());
    for first in firsts {
        let note = match first.sealed.and_then(|nr| closed.remove(&nr)) {
            Some(closed) => {
                let owner = Owner::new("inbox", first.id);
                shown::kept(base.keyring.open_one(&client, owner, closed).await)?
            }
            None => match first.sealed {
                // A second repeat of the same message in one batch.
                Some(nr) => {
                    let again = blob::read_one(&client, nr).await?;
                    shown::kept(base.keyring.open_one(&client, Owner::new("inbox", first.id), again).await)?
                }
                None => None,
            },
        };
        verdicts.push(shown::verdict(first, note)?);
    }
    Ok(verdicts)
}

/// Opens an original and writes the view to the Abrufprotokoll in the same transaction; nothing is shown that was not written.
pub async fn original(
    base: &Base,
    scope: &Scope,
    id: Uuid,
    (person, reason): (&str, &str),
    now: Timestamp,
) -> Stored<Option<Envelope>> {
    may_see_payloads(scope)?;
    let (mandant, partner) = narrow(scope);
    let month = base.month(now).await?;
    transact!(base.db, tx => async {
        narrow_to(&tx, scope).await?;
        let found = one(&tx, sql!("inbox_original"), &[&id, &mandant, &partner]).await?;
        // The scope has let the row pass; its content is the engine's to read.
        tx.batch_execute("SET LOCAL ROLE NONE").await.map_err(trouble)?;
        let Some(r) = found else { return Ok(None) };
        let (traceparent, stamp, nr): (&str, i64, i64) = (get(&r, 0)?, get(&r, 1)?, get(&r, 2)?);
        let closed = blob::read_one(&tx, nr).await?;
        let opened = base.keyring.open_one(&tx, Owner::new("inbox", id), closed).await?;
        let Some(envelope) = due::envelope(opened)? else { return Ok(None) };
        let words = house::seal_view(base, &tx, id, person, reason).await?;
        house::abruf(&tx, month, (now, stamp, traceparent), (id, "view", Vec::new(), words)).await?;
        Ok(Some(envelope))
    }.await)
}

/// What has not left yet, by destination.
pub async fn under_way(base: &Base) -> Stored<Vec<UnderWay>> {
    let client = base.db.get().await?;
    let found = rows(&client, sql!("outbox_under_way"), &[]).await?;
    let one = |r: &Row| {
        let oldest: Option<i64> = get(r, 2)?;
        let (waiting, held) = (count(get(r, 1)?), count(get(r, 3)?));
        Ok(UnderWay { destination: get(r, 0)?, waiting, oldest: oldest.map(time), held, followed: 0 })
    };
    let open = found.iter().map(one).collect::<Stored<_>>()?;
    let left = rows(&client, sql!("follow_left"), &[]).await?;
    let left = left.iter().map(|r| Ok((get(r, 0)?, count(get(r, 1)?), count(get(r, 2)?))));
    Ok(shown::with_followed(open, left.collect::<Stored<_>>()?))
}

/// The figures of a scope.
pub async fn figures(base: &Base, scope: &Scope) -> Stored<Figures> {
    let (mandant, partner) = narrow(scope);
    let mut client = base.db.get().await?;
    let tx = sicht(&mut client, scope).await?;
    let values: &[&(dyn ToSql + Sync)] = &[&mandant, &partner];
    let pairs = |found: Vec<Row>| -> Stored<Vec<(String, u64)>> {
        found.iter().map(|r| Ok((get(r, 0)?, count(get(r, 1)?)))).collect()
    };
    let number = |found: Option<Row>| -> Stored<Option<i64>> {
        found.map(|r| get::<Option<i64>>(&r, 0)).transpose().map(Option::flatten)
    };
    Ok(Figures {
        inbound: pairs(rows(&tx, sql!("figures_inbound"), values).await?)?,
        codes: shown::by_code(pairs(rows(&tx, sql!("figures_codes"), values).await?)?),
        oldest_waiting: number(one(&tx, sql!("figures_oldest_waiting"), values).await?)?.map(time),
        backlog: backlog(base, &tx, (mandant, partner)).await?,
        mirror: number(one(&tx, sql!("figures_mirror"), values).await?)?.map_or(0, count),
        repeats: number(one(&tx, sql!("figures_repeats"), values).await?)?.map_or(0, count),
        timers: number(one(&tx, sql!("figures_timers"), values).await?)?.map_or(0, count),
    })
}

async fn backlog(
    base: &Base,
    tx: &Tx<'_>,
    (mandant, partner): (Option<&str>, Option<&str>),
) -> Stored<Vec<Backlog>> {
    let found = rows(tx, sql!("figures_backlog"), &[&mandant, &partner]).await?;
    let found = found
        .iter()
        .map(|r| Ok((get(r, 0)?, get(r, 1)?, count(get(r, 2)?), count(get(r, 3)?), get(r, 4)?)))
        .collect::<Stored<_>>()?;
    let mut backlog = shown::backlog(found);
    let followed = rows(tx, sql!("figures_followed"), &[&mandant, &partner]).await?;
    let followed = followed.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?, count(get(r, 2)?))));
    shown::count_followed(&mut backlog, followed.collect::<Stored<_>>()?);
    let by_order = rows(tx, sql!("figures_behind"), &[&mandant, &partner]).await?;
    let by_order =
        by_order.iter().map(|r| Ok((get(r, 0)?, get(r, 1)?, get(r, 2)?, count(get(r, 3)?), get(r, 4)?)));
    shown::by_order(&mut backlog, by_order.collect::<Stored<_>>()?);
    for one_of in &mut backlog {
        let narrow = (mandant, partner, one_of.destination.as_str());
        if one_of.waiting > 0 {
            (one_of.last_cause, one_of.last_turn) =
                cause_of(base, tx, sql!("figures_last_cause"), narrow).await?;
        }
        if one_of.followed > 0 {
            one_of.follow_cause = cause_of(base, tx, sql!("figures_follow_cause"), narrow).await?.0;
        }
    }
    Ok(backlog)
}

/// The cause that is noted with the row that a statement finds, and whose turn it is.
async fn cause_of(
    base: &Base,
    tx: &Tx<'_>,
    sql: &'static str,
    (mandant, partner, destination): (Option<&str>, Option<&str>, &str),
) -> Stored<(Option<String>, Option<Turn>)> {
    let Some(r) = one(tx, sql, &[&mandant, &partner, &destination]).await? else { return Ok((None, None)) };
    let (id, nr): (Uuid, i64) = (get(&r, 0)?, get(&r, 1)?);
    let mut note: HashMap<i64, SendNote> = notes(base, tx, vec![(nr, Owner::new("outbox", id))]).await?;
    Ok(note.remove(&nr).map(SendNote::waits).unwrap_or_default())
}
