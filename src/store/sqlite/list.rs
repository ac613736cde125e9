//! What people may see: lists, figures and originals, each narrowed to a scope in the statement itself.
//! Never shows a payload in a list.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::envelope::{Envelope, Verdict};
use crate::store::desk::Filter;
use crate::store::figures::{Backlog, Figures, UnderWay};
use crate::store::listed::{Listed, ListedSend};
use crate::store::sealing::content::{Opened, Owner};
use crate::store::sealing::heads::{InboxNote, SendNote};
use crate::store::sealing::prepare::{once, transport};
use crate::store::sealing::shown::{self, Broken, First};
use crate::store::sealing::values::{
    Stored, codes, count, limit, may_see_payloads, micros, narrow, state, time,
};
use crate::store::seek::Seek;
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{house, waiting};
use crate::store::stamp::Scope;
use crate::store::states::{FollowState, RowState};
use crate::telemetry::parts::Turn;

/// A row of the list, still sealed.
struct Row {
    id: Uuid,
    state: String,
    codes: String,
    sealed: i64,
    listed: Listed,
}

/// Lists messages, newest first.
pub fn list(
    connection: &Connection,
    keyring: &Keyring,
    scope: &Scope,
    filter: &Filter,
) -> Stored<Vec<Listed>> {
    if let Some(ids) = named(connection, keyring, filter)? {
        let mut found = Vec::new();
        for id in ids.into_iter().filter(|found| filter.id.is_none_or(|id| id == *found)) {
            found.extend(list(connection, keyring, scope, &filter.of(id))?);
        }
        return Ok(filter.newest(found));
    }
    let (mandant, partner) = narrow(scope);
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let states = serde_json::Value::from(states).to_string();
    let transport = filter.transport_id.as_deref().map(|id| transport(keyring, id));
    let most = filter.most();
    let rows: Vec<Row> = {
        let by_id = filter.seek.narrows() && filter.id.is_none() && transport.is_none();
        let sql = if by_id { sql!("inbox_sought") } else { sql!("inbox_list") };
        let mut list = connection.prepare_cached(sql).map_err(trouble)?;
        let found = if by_id {
            let (from, to) = filter.seek.between.unwrap_or((Uuid::nil(), Uuid::max()));
            let Seek { partner: wanted, route, message, code, .. } = &filter.seek;
            let values = params![
                mandant,
                partner,
                from,
                to,
                states,
                filter.before,
                limit(most),
                wanted,
                route,
                message,
                code
            ];
            list.query_map(values, row_of).and_then(Iterator::collect)
        } else {
            let values = params![mandant, partner, filter.id, transport, states, filter.before, limit(most)];
            list.query_map(values, row_of).and_then(Iterator::collect)
        };
        found.map_err(trouble)?
    };
    let listed = rows
        .into_iter()
        .map(|row| {
            let note: InboxNote = note(connection, keyring, row.sealed, Owner::new("inbox", row.id))?;
            let state = state(&row.state)?;
            Ok(Listed {
                state,
                codes: codes(&row.codes),
                cause: note.told(),
                next_step: note.next_step(state),
                octets_sha256: note.octets_sha256,
                verified: note.verified,
                sends: sends(
                    connection,
                    keyring,
                    sql!("outbox_of_cause"),
                    params![row.id, mandant, partner],
                )?,
                ..row.listed
            })
        })
        .collect::<Stored<Vec<Listed>>>()?;
    Ok(listed.into_iter().filter(|listed| filter.seek.fits(listed)).collect())
}

/// The messages that are looked for by what they sent, or by a key of theirs; `None` where they are not.
fn named(connection: &Connection, keyring: &Keyring, filter: &Filter) -> Stored<Option<Vec<Uuid>>> {
    let seek = &filter.seek;
    if seek.is_open() {
        return Ok(None);
    }
    let mut ids = Vec::new();
    if let Some((from, to)) = seek.sent {
        let mut get = connection.prepare_cached(sql!("outbox_sought")).map_err(trouble)?;
        let found: rusqlite::Result<Vec<Uuid>> =
            get.query_map([from, to], |r| uuid(r.get(0)?)).and_then(Iterator::collect);
        ids = found.map_err(trouble)?;
    }
    let mut came = connection.prepare_cached(sql!("inbox_of_transport")).map_err(trouble)?;
    for known in &seek.transports {
        let found: rusqlite::Result<Vec<Uuid>> =
            came.query_map([transport(keyring, known)], |r| uuid(r.get(0)?)).and_then(Iterator::collect);
        ids.extend(found.map_err(trouble)?);
    }
    let mut get = connection.prepare_cached(sql!("idempotency_message")).map_err(trouble)?;
    for key in &seek.keys {
        let found = get.query_row([once(keyring, key)], |r| uuid(r.get(0)?)).optional().map_err(trouble)?;
        ids.extend(found);
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(Some(ids))
}

fn row_of(r: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let id = uuid(r.get(1)?)?;
    Ok(Row {
        id,
        state: r.get(2)?,
        codes: r.get(10)?,
        sealed: r.get(13)?,
        listed: Listed {
            id,
            state: crate::envelope::Inbound::Parked,
            received: time(r.get(3)?),
            binding: r.get(4)?,
            route: r.get(5)?,
            message: r.get(6)?,
            partner: r.get(7)?,
            mandant: r.get(8)?,
            test: r.get(9)?,
            codes: Vec::new(),
            cause: None,
            next_step: None,
            size: count(r.get(11)?),
            octets_sha256: String::new(),
            verified: Vec::new(),
            decided_by: r.get(12)?,
            sends: Vec::new(),
        },
    })
}

/// What became of a row; a list still shows the rest where one does not open.
fn note<T: serde::de::DeserializeOwned + Default + Broken>(
    connection: &Connection,
    keyring: &Keyring,
    sealed: i64,
    owner: Owner,
) -> Stored<T> {
    shown::note(Opened::read(connection, keyring, sealed, owner))
}

fn sends(
    connection: &Connection,
    keyring: &Keyring,
    sql: &str,
    values: impl rusqlite::Params,
) -> Stored<Vec<ListedSend>> {
    let rows: Vec<(ListedSend, i64, Option<FollowState>)> = {
        let mut list = connection.prepare_cached(sql).map_err(trouble)?;
        list.query_map(values, |r| {
            let send = ListedSend {
                id: uuid(r.get(1)?)?,
                cause_id: uuid(r.get(2)?)?,
                destination: r.get(3)?,
                message: r.get(4)?,
                state: r.get::<_, RowState>(5)?.into(),
                attempts: u32::try_from(r.get::<_, i64>(6)?).unwrap_or(u32::MAX),
                queued: time(r.get(7)?),
                next_try: r.get::<_, Option<i64>>(8)?.map(time),
                sent: r.get::<_, Option<i64>>(12)?.map(time),
                next_look: r.get::<_, Option<i64>>(11)?.map(time),
                confirmed: None,
                confirmed_at: None,
                cause: None,
                next_step: None,
                ways: Vec::new(),
            };
            Ok((send, r.get(9)?, r.get(10)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    rows.into_iter()
        .map(|(send, sealed, followed)| {
            let note: SendNote = note(connection, keyring, sealed, Owner::new("outbox", send.id))?;
            Ok(shown::send(send, note, followed))
        })
        .collect()
}

/// Lists sends that wait for a person, newest first.
pub fn parked_sends(
    connection: &Connection,
    keyring: &Keyring,
    scope: &Scope,
    most: usize,
) -> Stored<Vec<ListedSend>> {
    let (mandant, partner) = narrow(scope);
    let most = if most == 0 { 100 } else { most };
    sends(connection, keyring, sql!("outbox_held"), params![mandant, partner, limit(most)]).map(shown::held)
}

/// The verdict of the first message under a key, as a repeat gets it.
pub fn verdict(connection: &Connection, keyring: &Keyring, first: First) -> Stored<Verdict> {
    let kept = match first.sealed {
        Some(sealed) => {
            shown::kept(Opened::read(connection, keyring, sealed, Owner::new("inbox", first.id)))?
        }
        None => None,
    };
    shown::verdict(first, kept)
}

/// Opens an original and writes the view to the Abrufprotokoll in the same transaction; nothing is shown that was not written.
pub fn original(
    scene: &mut Scene<'_>,
    scope: &Scope,
    id: Uuid,
    person: &str,
    reason: &str,
    now: Timestamp,
) -> Stored<Option<Envelope>> {
    may_see_payloads(scope)?;
    let (mandant, partner) = narrow(scope);
    let found: Option<(String, i64, i64)> = {
        let mut get = scene.connection.prepare_cached(sql!("inbox_original")).map_err(trouble)?;
        get.query_row(params![id, mandant, partner], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()
            .map_err(trouble)?
    };
    let Some((traceparent, stamp, sealed)) = found else { return Ok(None) };
    let Some(envelope) = waiting::envelope(scene.connection, scene.keyring, id, sealed)? else {
        return Ok(None);
    };
    let words = house::seal_view(scene, id, person, reason)?;
    scene.run(
        sql!("abruf_add"),
        params![micros(now), stamp, traceparent, id, "view", Vec::<u8>::new(), words],
    )?;
    Ok(Some(envelope))
}

/// What has not left yet, by destination.
pub fn under_way(connection: &Connection) -> Stored<Vec<UnderWay>> {
    let mut list = connection.prepare_cached(sql!("outbox_under_way")).map_err(trouble)?;
    let open = list
        .query_map([], |r| {
            let oldest: Option<i64> = r.get(2)?;
            let (waiting, held) = (count(r.get(1)?), count(r.get(3)?));
            Ok(UnderWay { destination: r.get(0)?, waiting, oldest: oldest.map(time), held, followed: 0 })
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    let mut left = connection.prepare_cached(sql!("follow_left")).map_err(trouble)?;
    let left: Vec<(String, u64, u64)> = left
        .query_map([], |r| Ok((r.get(0)?, count(r.get(1)?), count(r.get(2)?))))
        .and_then(Iterator::collect)
        .map_err(trouble)?;
    Ok(shown::with_followed(open, left))
}

/// The figures of a scope.
pub fn figures(connection: &Connection, keyring: &Keyring, scope: &Scope) -> Stored<Figures> {
    let (mandant, partner) = narrow(scope);
    let pairs = |sql: &str| -> Stored<Vec<(String, u64)>> {
        let mut list = connection.prepare_cached(sql).map_err(trouble)?;
        list.query_map([mandant, partner], |r| Ok((r.get(0)?, count(r.get(1)?))))
            .and_then(Iterator::collect)
            .map_err(trouble)
    };
    let one = |sql: &str| -> Stored<Option<i64>> {
        let mut get = connection.prepare_cached(sql).map_err(trouble)?;
        get.query_row([mandant, partner], |r| r.get(0)).map_err(trouble)
    };
    Ok(Figures {
        inbound: pairs(sql!("figures_inbound"))?,
        codes: shown::by_code(pairs(sql!("figures_codes"))?),
        oldest_waiting: one(sql!("figures_oldest_waiting"))?.map(time),
        backlog: backlog(connection, keyring, mandant, partner)?,
        mirror: one(sql!("figures_mirror"))?.map_or(0, count),
        repeats: one(sql!("figures_repeats"))?.map_or(0, count),
        timers: one(sql!("figures_timers"))?.map_or(0, count),
    })
}

fn backlog(
    connection: &Connection,
    keyring: &Keyring,
    mandant: Option<&str>,
    partner: Option<&str>,
) -> Stored<Vec<Backlog>> {
    let rows: Vec<(String, RowState, u64, u64, i64)> = {
        let mut list = connection.prepare_cached(sql!("figures_backlog")).map_err(trouble)?;
        list.query_map([mandant, partner], |r| {
            Ok((r.get(0)?, r.get(1)?, count(r.get(2)?), count(r.get(3)?), r.get(4)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    let mut backlog = shown::backlog(rows);
    let followed: Vec<(String, FollowState, u64)> = {
        let mut list = connection.prepare_cached(sql!("figures_followed")).map_err(trouble)?;
        list.query_map([mandant, partner], |r| Ok((r.get(0)?, r.get(1)?, count(r.get(2)?))))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    shown::count_followed(&mut backlog, followed);
    let by_order: Vec<shown::ByOrder> = {
        let mut list = connection.prepare_cached(sql!("figures_behind")).map_err(trouble)?;
        list.query_map([mandant, partner], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, count(r.get(3)?), r.get(4)?))
        })
        .and_then(Iterator::collect)
        .map_err(trouble)?
    };
    shown::by_order(&mut backlog, by_order);
    let cause_of = |sql: &str, of: &Backlog| -> Stored<(Option<String>, Option<Turn>)> {
        let found: Option<(Uuid, i64)> = {
            let mut get = connection.prepare_cached(sql).map_err(trouble)?;
            get.query_row(params![mandant, partner, of.destination], |r| Ok((uuid(r.get(0)?)?, r.get(1)?)))
                .optional()
                .map_err(trouble)?
        };
        let Some((id, sealed)) = found else { return Ok((None, None)) };
        let note: SendNote = note(connection, keyring, sealed, Owner::new("outbox", id))?;
        Ok(note.waits())
    };
    for one in backlog.iter_mut().filter(|one| one.waiting > 0) {
        (one.last_cause, one.last_turn) = cause_of(sql!("figures_last_cause"), one)?;
    }
    for one in backlog.iter_mut().filter(|one| one.followed > 0) {
        one.follow_cause = cause_of(sql!("figures_follow_cause"), one)?.0;
    }
    Ok(backlog)
}

#[cfg(test)]
mod tests {
    use secrecy::SecretBox;

    use super::*;
    use crate::envelope::Stage;
    use crate::store::sqlite::open::{Settings, open};

    #[test]
    fn what_is_looked_for_is_reached_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            path: folder.path().to_owned(),
            stage: Stage::Test,
            master: SecretBox::new(Box::new([7; 32])),
            read_only: false,
        };
        let house = open(&settings).unwrap().main;
        for sql in [
            sql!("inbox_sought"),
            sql!("outbox_sought"),
            sql!("inbox_of_transport"),
            sql!("idempotency_message"),
        ] {
            let mut plan = house.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let nothing = vec![rusqlite::types::Null; plan.parameter_count()];
            let steps =
                plan.query_map(rusqlite::params_from_iter(nothing), |r| r.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
            assert!(steps[0].starts_with("SEARCH"), "{steps:?}");
            // The list of states is the one thing that is gone through.
            let whole = |step: &&String| {
                (step.starts_with("SCAN") && !step.contains("json_each")) || step.contains("TEMP B-TREE")
            };
            assert_eq!(steps.iter().find(whole), None, "{steps:?}");
        }
    }
}
