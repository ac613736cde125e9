//! The small durable state of the house: pauses, commands, breakers, notes. Free texts of persons and values of notes are sealed.
//! Never acts on them.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::seal::index::Tag;
use crate::seal::key::Place;
use crate::store::desk::View;
use crate::store::orders::{Command, CommandState, Order};
use crate::store::pauses::{Breaker, Pause};
use crate::store::postgres::ask::{Tx, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::{Base, Numbers};
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, sql};
use crate::store::sealing::content::{from_json, to_json};
use crate::store::sealing::house::{self as words, Words, command_place, own_stamp, pause_place};
use crate::store::sealing::values::{Stored, limit, micros, sealing, time};

/// Seals a free text under the key of the house; base64.
pub async fn seal_text(base: &Base, id: Uuid, text: &str) -> Stored<String> {
    let client = base.db.get().await?;
    words::seal_text(&base.keyring.house(&client).await?.key, id, text)
}

/// Seals person and reason of a view for the Abrufprotokoll.
pub async fn seal_view(base: &Base, tx: &Tx<'_>, id: Uuid, person: &str, reason: &str) -> Stored<Vec<u8>> {
    words::seal_view(&base.keyring.house(tx).await?.key, id, person, reason)
}

/// The number of the stamp of a change that belongs to no message.
pub async fn own(base: &Base, person: &str) -> Stored<i64> {
    let key_id = {
        let client = base.db.get().await?;
        base.keyring.house(&client).await?.id.clone()
    };
    base.stamp(&own_stamp(base.stage, &key_id, person)).await
}

/// Writes a reading of several records into the Abrufprotokoll.
pub async fn protocol(
    base: &Base,
    tx: &Tx<'_>,
    (stamp, month): (i64, i64),
    view: &View,
    step: &str,
    records: &[Uuid],
) -> Stored<()> {
    let id = Uuid::now_v7();
    let sealed = seal_view(base, tx, id, &view.person, &view.reason).await?;
    let records: Vec<u8> = records.iter().flat_map(|id| id.into_bytes()).collect();
    abruf(tx, month, (view.now, stamp, ""), (id, step, records, sealed)).await
}

/// Writes one view: when, stamp and trace context; message, step, records, sealed words.
pub async fn abruf(
    tx: &Tx<'_>,
    month: i64,
    (at, stamp, traceparent): (Timestamp, i64, &str),
    (message, step, records, sealed): (Uuid, &str, Vec<u8>, Vec<u8>),
) -> Stored<()> {
    let nr = Numbers::draw(tx, month, 1).await?.passing()?;
    let values: &[&(dyn ToSql + Sync)] = &[
        &vec![nr],
        &vec![micros(at)],
        &vec![stamp],
        &vec![traceparent],
        &vec![message],
        &vec![step],
        &vec![records],
        &vec![Some(sealed)],
    ];
    run(tx, sql!("abruf_add"), values).await.map(drop)
}

/// The breakers.
pub async fn breakers(base: &Base) -> Stored<Vec<Breaker>> {
    let client = base.db.get().await?;
    let found = rows(&client, sql!("breaker_list"), &[]).await?;
    found
        .iter()
        .map(|r| {
            Ok(Breaker {
                destination: get(r, 0)?,
                failures: u32::try_from(get::<i64>(r, 1)?).unwrap_or(u32::MAX),
                open_until: get::<Option<i64>>(r, 2)?.map(time),
            })
        })
        .collect()
}

/// Writes one breaker.
pub async fn set_breaker(base: &Base, breaker: &Breaker) -> Stored<()> {
    let client = base.db.get().await?;
    let (failures, until) = (i64::from(breaker.failures), breaker.open_until.map(micros));
    run(&client, sql!("breaker_set"), &[&breaker.destination, &failures, &until]).await.map(drop)
}

fn note_key(base: &Base, connection: &str, key: &str) -> Tag {
    base.keyring.note.tag_of(&[connection.as_bytes(), key.as_bytes()])
}

/// A note, opened.
pub async fn note(base: &Base, connection: &str, key: &str) -> Stored<Option<Vec<u8>>> {
    let client = base.db.get().await?;
    let kept = kept_note(base, &client, &note_key(base, connection, key)).await?;
    Ok(kept.map(|(_, opened)| opened))
}

/// A note as it is sealed, and opened.
async fn kept_note(base: &Base, on: &impl GenericClient, tag: &Tag) -> Stored<Option<(Vec<u8>, Vec<u8>)>> {
    let Some(r) = one(on, sql!("note_get"), &[&&tag[..]]).await? else { return Ok(None) };
    let sealed: Vec<u8> = get(&r, 0)?;
    let house = base.keyring.house(on).await?;
    let opened = house.key.open(&Place::new("note", tag, "value"), &sealed).map_err(sealing)?;
    Ok(Some((sealed, opened)))
}

/// A value as it is sealed where its note lies.
async fn sealed_note(base: &Base, on: &impl GenericClient, tag: &Tag, value: &[u8]) -> Stored<Vec<u8>> {
    let house = base.keyring.house(on).await?;
    house.key.seal(&Place::new("note", tag, "value"), value).map_err(sealing)
}

/// Writes or removes a note.
pub async fn set_note(base: &Base, connection: &str, key: &str, value: Option<&[u8]>) -> Stored<()> {
    let client = base.db.get().await?;
    write_note(base, &client, (connection, key), value).await
}

/// The same where a connection or transaction is there already.
pub async fn write_note(
    base: &Base,
    on: &impl GenericClient,
    (connection, key): (&str, &str),
    value: Option<&[u8]>,
) -> Stored<()> {
    let tag = note_key(base, connection, key);
    match value {
        None => run(on, sql!("note_delete"), &[&&tag[..]]).await.map(drop),
        Some(value) => {
            let sealed = sealed_note(base, on, &tag, value).await?;
            run(on, sql!("note_set"), &[&&tag[..], &connection, &sealed]).await.map(drop)
        }
    }
}

/// Writes a note where it is still as it was read.
pub async fn swap_note(
    base: &Base,
    (connection, key): (&str, &str),
    before: Option<&[u8]>,
    value: &[u8],
) -> Stored<bool> {
    let tag = note_key(base, connection, key);
    let client = base.db.get().await?;
    let kept = kept_note(base, &client, &tag).await?;
    if kept.as_ref().map(|(_, opened)| opened.as_slice()) != before {
        return Ok(false);
    }
    let fresh = sealed_note(base, &client, &tag, value).await?;
    let written = match kept {
        None => run(&client, sql!("note_first"), &[&&tag[..], &connection, &fresh]).await?,
        Some((sealed, _)) => run(&client, sql!("note_swap"), &[&&tag[..], &sealed, &fresh]).await?,
    };
    Ok(written == 1)
}

async fn open_words(base: &Base, tx: &Tx<'_>, place: &Place, sealed: &[u8]) -> Stored<Words> {
    from_json(&base.keyring.house(tx).await?.key.open(place, sealed).map_err(sealing)?)
}

/// The pauses that hold.
pub async fn pauses(base: &Base, now: Timestamp) -> Stored<Vec<Pause>> {
    let client = base.db.get().await?;
    let house = base.keyring.house(&client).await?;
    let found = rows(&client, sql!("pause_list"), &[&micros(now)]).await?;
    found
        .iter()
        .map(|r| {
            let (kind, name): (String, String) = (get(r, 0)?, get(r, 1)?);
            let opened = house.key.open(&pause_place(&kind, &name), get(r, 4)?).map_err(sealing)?;
            let Words { person, reason, .. } = from_json(&opened)?;
            let until = get::<Option<i64>>(r, 2)?.map(time);
            Ok(Pause { kind, name, until, reason, person, since: time(get(r, 3)?) })
        })
        .collect()
}

/// What a pause held has the time that this took: it was ours, and nobody's who was to take it. Pauses that overlap give back what they have
/// in common once: each that ends leaves it to the one that still stands, so they have to end in their order.
async fn time_back(tx: &Tx<'_>, (kind, name): (&str, &str), (since, until): (i64, i64)) -> Stored<()> {
    if matches!(kind, "destination" | "partner") && since < until {
        run(tx, sql!("outbox_time_back"), &[&kind, &name, &since, &until]).await?;
    }
    Ok(())
}

/// The same of those that have ended by themselves; whether there were any.
pub async fn pauses_over(base: &Base, now: Timestamp) -> Stored<bool> {
    transact!(base.db, tx => ended_by_themselves(&tx, now).await)
}

async fn ended_by_themselves(tx: &Tx<'_>, now: Timestamp) -> Stored<bool> {
    one(tx, sql!("pause_turn"), &[]).await?;
    let over = rows(tx, sql!("pause_over"), &[&micros(now)]).await?;
    for r in &over {
        let (kind, name): (&str, &str) = (get(r, 0)?, get(r, 1)?);
        time_back(tx, (kind, name), (get(r, 2)?, get(r, 3)?)).await?;
        run(tx, sql!("pause_given_back"), &[&kind, &name]).await?;
    }
    Ok(!over.is_empty())
}

/// Sets or ends a pause, audited.
pub async fn set_pause(
    base: &Base,
    (kind, name): (&str, &str),
    pause: Option<&Pause>,
    person: &str,
    now: Timestamp,
) -> Stored<()> {
    let (month, stamp) = (base.month(now).await?, own(base, person).await?);
    transact!(base.db, tx => async {
        ended_by_themselves(&tx, now).await?;
        if let Some(r) = one(&tx, sql!("pause_get"), &[&kind, &name]).await? {
            let (since, until): (i64, Option<i64>) = (get(&r, 0)?, get(&r, 1)?);
            let until = until.map_or(micros(now), |until| until.min(micros(now)));
            time_back(&tx, (kind, name), (since, until)).await?;
        }
        match pause {
            None => run(&tx, sql!("pause_delete"), &[&kind, &name]).await?,
            Some(pause) => {
                let words = Words {
                    person: pause.person.clone(),
                    reason: pause.reason.clone(),
                    arguments: String::new(),
                };
                let house = base.keyring.house(&tx).await?;
                let sealed = house.key.seal(&pause_place(kind, name), &to_json(&words)?).map_err(sealing)?;
                let (until, since) = (pause.until.map(micros), micros(pause.since));
                run(&tx, sql!("pause_set"), &[&kind, &name, &until, &since, &sealed]).await?
            }
        };
        let mut trail = Trail::default();
        let what = if pause.is_some() { "pause.set" } else { "pause.ended" };
        trail.push(now, (stamp, ""), None, what, &json!({ "kind": kind, "name": name }))?;
        trail.write(&tx, month).await
    }.await)
}

/// Writes a command, audited.
pub async fn post_command(base: &Base, command: &Command) -> Stored<()> {
    let (month, stamp) = (base.month(command.at).await?, own(base, &command.person).await?);
    let (what, arguments) = command.order.stored();
    let words = Words { person: command.person.clone(), reason: command.reason.clone(), arguments };
    let words = to_json(&words)?;
    transact!(base.db, tx => async {
        let house = base.keyring.house(&tx).await?;
        let sealed = house.key.seal(&command_place(command.id), &words).map_err(sealing)?;
        let values: &[&(dyn ToSql + Sync)] = &[&command.id, &what, &micros(command.at), &sealed];
        if run(&tx, sql!("command_add"), values).await? == 0 {
            return Ok(());
        }
        let mut trail = Trail::default();
        let what = format!("command.{what}");
        trail.push(command.at, (stamp, ""), Some(command.id), &what, &json!({}))?;
        trail.write(&tx, month).await
    }.await)
}

/// Takes waiting commands.
pub async fn take_commands(base: &Base, most: usize) -> Stored<Vec<Command>> {
    {
        // Asked often, and mostly there is none: who only looks writes nothing.
        let client = base.db.get().await?;
        if one(&client, sql!("command_waiting"), &[]).await?.is_none() {
            return Ok(Vec::new());
        }
    }
    transact!(base.db, tx => async {
        let mut found = Vec::new();
        for r in rows(&tx, sql!("command_take"), &[&limit(most), &base.lauf]).await? {
            let id: Uuid = get(&r, 1)?;
            let words = open_words(base, &tx, &command_place(id), get(&r, 4)?).await?;
            let Words { person, reason, arguments } = words;
            let (order, at) = (Order::read(get(&r, 2)?, &arguments), time(get(&r, 3)?));
            found.push((get::<i64>(&r, 0)?, Command { id, order, person, reason, at }));
        }
        found.sort_by_key(|(nr, _)| *nr);
        Ok(found.into_iter().map(|(_, command)| command).collect())
    }.await)
}

/// Ends a command.
pub async fn end_command(base: &Base, id: Uuid, state: &CommandState) -> Stored<()> {
    let (state, said) = state.stored();
    let client = base.db.get().await?;
    run(&client, sql!("command_end"), &[&id, &state, &said]).await.map(drop)
}

/// Leaves a command that was taken.
pub async fn leave_command(base: &Base, id: Uuid) -> Stored<()> {
    let client = base.db.get().await?;
    run(&client, sql!("command_leave"), &[&id]).await.map(drop)
}

/// Where a command stands.
pub async fn command_state(base: &Base, id: Uuid) -> Stored<Option<CommandState>> {
    let client = base.db.get().await?;
    let Some(r) = one(&client, sql!("command_state"), &[&id]).await? else { return Ok(None) };
    Ok(Some(CommandState::read(get(&r, 0)?, get(&r, 1)?)))
}
