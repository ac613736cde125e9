//! The small durable state of the house: pauses, commands, breakers, notes. Free texts of persons and values of notes are sealed.
//! Never acts on them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use uuid::Uuid;

use crate::envelope::Stage;
use crate::seal::index::Tag;
use crate::seal::key::Place;
use crate::store::desk::View;
use crate::store::orders::{Command, CommandState, Order};
use crate::store::pauses::{Breaker, Pause};
use crate::store::sealing::content::{from_json, to_json};
use crate::store::sealing::house::{self as words, Words, command_place, own_stamp, pause_place};
use crate::store::sealing::values::{Stored, limit, micros, sealing, time};
use crate::store::sqlite::audit::{self, Change};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble, uuid};

/// Seals a free text under the key of the house; base64.
pub fn seal_text(scene: &Scene<'_>, id: Uuid, text: &str) -> Stored<String> {
    words::seal_text(&scene.keyring.house(scene.connection)?.key, id, text)
}

/// Seals person and reason of a view for the Abrufprotokoll.
pub fn seal_view(scene: &Scene<'_>, id: Uuid, person: &str, reason: &str) -> Stored<Vec<u8>> {
    words::seal_view(&scene.keyring.house(scene.connection)?.key, id, person, reason)
}

/// Writes a reading of several records into the Abrufprotokoll.
pub fn protocol(
    scene: &mut Scene<'_>,
    stage: Stage,
    view: &View,
    step: &str,
    records: &[Uuid],
) -> Stored<()> {
    let key = scene.keyring.house(scene.connection)?.id.clone();
    let stamp = scene.stamp(&own_stamp(stage, &key, &view.person))?;
    let id = Uuid::now_v7();
    let words = seal_view(scene, id, &view.person, &view.reason)?;
    let records: Vec<u8> = records.iter().flat_map(|id| id.into_bytes()).collect();
    let values = params![micros(view.now), stamp, "", id, step, records, words];
    scene.run(sql!("abruf_add"), values).map(drop)
}

fn open_words(connection: &Connection, keyring: &Keyring, place: &Place, sealed: &[u8]) -> Stored<Words> {
    let key = keyring.house(connection)?;
    from_json(&key.key.open(place, sealed).map_err(sealing)?)
}

/// The breakers.
pub fn breakers(connection: &Connection) -> Stored<Vec<Breaker>> {
    let mut list = connection.prepare_cached(sql!("breaker_list")).map_err(trouble)?;
    list.query_map([], |r| {
        Ok(Breaker {
            destination: r.get(0)?,
            failures: u32::try_from(r.get::<_, i64>(1)?).unwrap_or(u32::MAX),
            open_until: r.get::<_, Option<i64>>(2)?.map(time),
        })
    })
    .and_then(Iterator::collect)
    .map_err(trouble)
}

/// Writes one breaker.
pub fn set_breaker(scene: &Scene<'_>, breaker: &Breaker) -> Stored<()> {
    let values = params![breaker.destination, breaker.failures, breaker.open_until.map(micros)];
    scene.run(sql!("breaker_set"), values).map(drop)
}

/// Under what a note lies.
pub fn note_key(keyring: &Keyring, connection: &str, key: &str) -> Tag {
    keyring.note.tag_of(&[connection.as_bytes(), key.as_bytes()])
}

/// A note, opened.
pub fn note(db: &Connection, keyring: &Keyring, connection: &str, key: &str) -> Stored<Option<Vec<u8>>> {
    let tag = note_key(keyring, connection, key);
    let mut get = db.prepare_cached(sql!("note_get")).map_err(trouble)?;
    let sealed: Option<Vec<u8>> = get.query_row([&tag[..]], |r| r.get(0)).optional().map_err(trouble)?;
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = keyring.house(db)?.key.open(&Place::new("note", &tag, "value"), &sealed);
    opened.map(Some).map_err(sealing)
}

/// Writes or removes a note.
pub fn set_note(scene: &Scene<'_>, connection: &str, key: &str, value: Option<&[u8]>) -> Stored<()> {
    let tag = note_key(scene.keyring, connection, key);
    match value {
        None => scene.run(sql!("note_delete"), [&tag[..]]).map(drop),
        Some(value) => {
            let house = scene.keyring.house(scene.connection)?;
            let sealed = house.key.seal(&Place::new("note", &tag, "value"), value).map_err(sealing)?;
            scene.run(sql!("note_set"), params![tag, connection, sealed]).map(drop)
        }
    }
}

/// Writes a note where it is still as it was read.
pub fn swap_note(
    scene: &Scene<'_>,
    (connection, key): (&str, &str),
    before: Option<&[u8]>,
    value: &[u8],
) -> Stored<bool> {
    let is_as_read = note(scene.connection, scene.keyring, connection, key)?.as_deref() == before;
    if is_as_read {
        set_note(scene, connection, key, Some(value))?;
    }
    Ok(is_as_read)
}

/// The pauses that hold.
pub fn pauses(connection: &Connection, keyring: &Keyring, now: Timestamp) -> Stored<Vec<Pause>> {
    type Row = (String, String, Option<i64>, i64, Vec<u8>);
    let rows: Vec<Row> = {
        let mut list = connection.prepare_cached(sql!("pause_list")).map_err(trouble)?;
        list.query_map([micros(now)], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    rows.into_iter()
        .map(|(kind, name, until, since, sealed)| {
            let words = open_words(connection, keyring, &pause_place(&kind, &name), &sealed)?;
            Ok(Pause {
                kind,
                name,
                until: until.map(time),
                reason: words.reason,
                person: words.person,
                since: time(since),
            })
        })
        .collect()
}

/// What a pause held has the time that this took: it was ours, and nobody's who was to take it. Pauses that overlap give back what they have
/// in common once: each that ends leaves it to the one that still stands, so they have to end in their order.
fn time_back(scene: &Scene<'_>, (kind, name): (&str, &str), (since, until): (i64, i64)) -> Stored<()> {
    if matches!(kind, "destination" | "partner") && since < until {
        scene.run(sql!("outbox_time_back"), params![kind, name, since, until])?;
    }
    Ok(())
}

/// The same of those that have ended by themselves; whether there were any.
pub fn pauses_over(scene: &mut Scene<'_>, now: Timestamp) -> Stored<bool> {
    let over: Vec<(String, String, i64, i64)> = {
        let mut list = scene.connection.prepare_cached(sql!("pause_over")).map_err(trouble)?;
        list.query_map([micros(now)], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    for (kind, name, since, until) in &over {
        time_back(scene, (kind, name), (*since, *until))?;
        scene.run(sql!("pause_given_back"), [kind, name])?;
    }
    Ok(!over.is_empty())
}

/// Sets or ends a pause, audited.
pub fn set_pause(
    scene: &mut Scene<'_>,
    stage: Stage,
    (kind, name): (&str, &str),
    pause: Option<&Pause>,
    person: &str,
    now: Timestamp,
) -> Stored<()> {
    let house = scene.keyring.house(scene.connection)?;
    pauses_over(scene, now)?;
    let stands: Option<(i64, Option<i64>)> = {
        let mut get = scene.connection.prepare_cached(sql!("pause_get")).map_err(trouble)?;
        get.query_row([kind, name], |r| Ok((r.get(0)?, r.get(1)?))).optional().map_err(trouble)?
    };
    if let Some((since, until)) = stands {
        time_back(scene, (kind, name), (since, until.map_or(micros(now), |until| until.min(micros(now)))))?;
    }
    match pause {
        None => {
            scene.run(sql!("pause_delete"), [kind, name])?;
        }
        Some(pause) => {
            let words = Words {
                person: pause.person.clone(),
                reason: pause.reason.clone(),
                arguments: String::new(),
            };
            let sealed = house.key.seal(&pause_place(kind, name), &to_json(&words)?).map_err(sealing)?;
            let values = params![kind, name, pause.until.map(micros), micros(pause.since), sealed];
            scene.run(sql!("pause_set"), values)?;
        }
    }
    let stamp = scene.stamp(&own_stamp(stage, &house.id, person))?;
    let what = if pause.is_some() { "pause.set" } else { "pause.ended" };
    let detail = json!({ "kind": kind, "name": name });
    audit::write(scene, &Change { at: now, stamp, traceparent: "", subject: None, what, detail: &detail })
}

/// Writes a command, audited.
pub fn post_command(scene: &mut Scene<'_>, stage: Stage, command: &Command) -> Stored<()> {
    let house = scene.keyring.house(scene.connection)?;
    let (what, arguments) = command.order.stored();
    let words = Words { person: command.person.clone(), reason: command.reason.clone(), arguments };
    let sealed = house.key.seal(&command_place(command.id), &to_json(&words)?).map_err(sealing)?;
    let values = params![command.id, what, micros(command.at), sealed];
    if scene.run(sql!("command_add"), values)? == 0 {
        return Ok(());
    }
    let stamp = scene.stamp(&own_stamp(stage, &house.id, &command.person))?;
    let what = format!("command.{what}");
    audit::write(
        scene,
        &Change {
            at: command.at,
            stamp,
            traceparent: "",
            subject: Some(command.id),
            what: &what,
            detail: &json!({}),
        },
    )
}

/// Whether any command waits; takes none.
pub fn commands_wait(connection: &Connection) -> Stored<bool> {
    connection.prepare_cached(sql!("command_waiting")).and_then(|mut list| list.exists([1])).map_err(trouble)
}

/// Takes waiting commands.
pub fn take_commands(scene: &mut Scene<'_>, most: usize) -> Stored<Vec<Command>> {
    let rows: Vec<(i64, Uuid, String, i64, Vec<u8>)> = {
        let mut list = scene.connection.prepare_cached(sql!("command_waiting")).map_err(trouble)?;
        list.query_map([limit(most)], |r| Ok((r.get(0)?, uuid(r.get(1)?)?, r.get(2)?, r.get(3)?, r.get(4)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?
    };
    let mut commands = Vec::with_capacity(rows.len());
    for (row, id, what, at, sealed) in rows {
        scene.run(sql!("command_take"), [row])?;
        let words = open_words(scene.connection, scene.keyring, &command_place(id), &sealed)?;
        commands.push(Command {
            id,
            order: Order::read(&what, &words.arguments),
            person: words.person,
            reason: words.reason,
            at: time(at),
        });
    }
    Ok(commands)
}

/// Ends a command.
pub fn end_command(scene: &Scene<'_>, id: Uuid, state: &CommandState) -> Stored<()> {
    let (state, said) = state.stored();
    scene.run(sql!("command_end"), params![id, state, said]).map(drop)
}

/// Leaves a command that was taken.
pub fn leave_command(scene: &Scene<'_>, id: Uuid) -> Stored<()> {
    scene.run(sql!("command_leave"), params![id]).map(drop)
}

/// Where a command stands.
pub fn command_state(connection: &Connection, id: Uuid) -> Stored<Option<CommandState>> {
    let mut get = connection.prepare_cached(sql!("command_state")).map_err(trouble)?;
    let found: Option<(String, String)> =
        get.query_row([id], |r| Ok((r.get(0)?, r.get(1)?))).optional().map_err(trouble)?;
    Ok(found.map(|(state, said)| CommandState::read(&state, said)))
}
