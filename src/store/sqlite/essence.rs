//! A dump of what must be equal after any crash: decrypted contents, states and counts without generated ids, times and nonces.
//! Never answers outside stages test and demo.

use rusqlite::Connection;
use serde_json::Value;
use uuid::Uuid;

use crate::seal::key::sha256;
use crate::store::sqlite::blob::{Opened, Owner};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::prepare::SendHead;
use crate::store::sqlite::values::{Stored, sql, trouble, uuid};

/// Sorted lines.
pub fn essence(connection: &Connection, keyring: &Keyring) -> Stored<Vec<String>> {
    let mut lines = Vec::new();
    for (id, _, sealed) in rows(connection, sql!("essence_mirror"), 0)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("mirror", id))?;
        let body = opened.map(|o| o.body()).transpose()?.flatten().unwrap_or_default();
        lines.push(format!("mirror {}", String::from_utf8_lossy(&body)));
    }
    for (id, columns, sealed) in rows(connection, sql!("essence_inbox"), 6)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("inbox", id))?;
        let body = opened.map(|o| o.body()).transpose()?.flatten();
        let body = body.map_or("-".to_owned(), |body| hex::encode(sha256(&body)));
        lines.push(format!("inbox {} {body}", columns.join(" ")));
    }
    for (id, columns, sealed) in rows(connection, sql!("essence_outbox"), 3)? {
        let opened = Opened::read(connection, keyring, sealed, Owner::new("outbox", id))?;
        let shown = match opened {
            None => "-".to_owned(),
            Some(opened) => {
                let parts = opened.head::<SendHead>()?.map_or(0, |head| head.parts.len());
                format!("{} parts={parts}", without_ids(&opened.body()?.unwrap_or_default()))
            }
        };
        lines.push(format!("outbox {} {shown}", columns.join(" ")));
    }
    for sql in [sql!("essence_vorgang"), sql!("essence_counts")] {
        let mut list = connection.prepare_cached(sql).map_err(trouble)?;
        let found: Vec<String> = list
            .query_map([], |r| Ok(format!("{} {}", r.get::<_, String>(0)?, r.get::<_, i64>(1)?)))
            .and_then(Iterator::collect)
            .map_err(trouble)?;
        lines.extend(found);
    }
    lines.sort();
    Ok(lines)
}

/// A JSON object with its generated id masked; of anything else, such as XML, only that it is there: it holds ids and times.
fn without_ids(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(Value::Object(mut object)) => {
            for key in ["id", "referenz"] {
                if let Some(id) = object.get_mut(key) {
                    *id = Value::from("*");
                }
            }
            Value::Object(object).to_string()
        }
        _ => "document".to_owned(),
    }
}

/// Rows of (id, so many columns of text, number of the sealed row).
fn rows(connection: &Connection, sql: &str, columns: usize) -> Stored<Vec<(Uuid, Vec<String>, i64)>> {
    let mut list = connection.prepare_cached(sql).map_err(trouble)?;
    list.query_map([], |r| {
        let texts = (1..=columns)
            .map(|n| Ok(r.get::<_, Option<String>>(n)?.unwrap_or_else(|| "-".into())))
            .collect::<rusqlite::Result<_>>()?;
        Ok((uuid(r.get(0)?)?, texts, r.get(columns + 1)?))
    })
    .and_then(Iterator::collect)
    .map_err(trouble)
}
