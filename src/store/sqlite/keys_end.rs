//! The end of the key store as the database knows it: each act in the key store adds a link to a chain there, and the database notes
//! the last link with the first transaction that could need it. A key store that ends before that has lost keys, or has keys again
//! that were destroyed. Never gives a number out twice, and never opens a store whose keys are missing without a person's word.

use rusqlite::{Connection, params};

use crate::store::error::StoreError;
use crate::store::recovery::ask_from;
use crate::store::sealing::mark::{LINK, Mark, Shown};
use crate::store::sealing::values::{Stored, time};
use crate::store::sqlite::acts::{KeysEnd, act, chain, high};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::values::{sql, trouble};

/// So many numbers of keys are left out after a loss: more than can have been made since anything knew the last one.
const LEFT_OUT: i64 = 1 << 24;

/// What is missing in a key store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Missing {
    /// How many acts, as far as that shows.
    acts: i64,
    /// When the last one that is there was made; 0 where nothing tells.
    from: i64,
    /// When the last one that is missing was made; 0 where nothing tells.
    until: i64,
}

fn told(connection: &Connection) -> Stored<KeysEnd> {
    let read = |r: &rusqlite::Row<'_>| {
        let link: Option<Vec<u8>> = r.get(1)?;
        let link = link.and_then(|link| link.first_chunk::<LINK>().copied()).unwrap_or_default();
        Ok(KeysEnd { mark: Mark { n: r.get(0)?, link, at: r.get(2)? }, high: r.get(3)? })
    };
    connection.query_row(sql!("keys_end_get"), [], read).map_err(trouble)
}

/// Refuses a key store that ends before what the database knows of it, or that went on by itself.
pub fn examine(connection: &Connection, keyring: &Keyring) -> Stored<()> {
    let told = told(connection)?;
    match keyring.beside(|keys| compared(keys, &told))? {
        None => Ok(()),
        Some(missing) => Err(StoreError::Refused(lost(&moment(connection, &missing)?).into())),
    }
}

fn compared(keys: &Connection, told: &KeysEnd) -> Stored<Option<Missing>> {
    let chain = chain(keys)?;
    match chain.shown(&told.mark) {
        Shown::Whole if high(keys)? >= told.high => Ok(None),
        Shown::Whole => Ok(Some(Missing { acts: 0, from: chain.at, until: told.mark.at })),
        Shown::Missing { commits, from, until } => Ok(Some(Missing { acts: commits, from, until })),
        // An older copy that went on: what is missing began where nobody knows.
        Shown::Other => Ok(Some(Missing { acts: 0, from: 0, until: told.mark.at })),
    }
}

/// Where nothing is left that tells when, the first message that a lost key seals does.
fn moment(connection: &Connection, missing: &Missing) -> Stored<Missing> {
    if missing.from > 0 {
        return Ok(*missing);
    }
    let first: Option<i64> =
        connection.query_row(sql!("first_received"), [], |r| r.get(0)).map_err(trouble)?;
    Ok(Missing { from: first.unwrap_or(missing.until), ..*missing })
}

fn lost(missing: &Missing) -> String {
    let until = match missing.until {
        0 => String::new(),
        until => format!(" until {}", time(until)),
    };
    format!(
        "the key store keys.db ends before what the database knows of it: what was written there from {}{until} is missing (its log \
         keys.db-wal is damaged or lost, or an older copy lies there), so keys of children are gone or destroyed ones are back; put \
         back its newest copy, or, where there is none, run `drehscheibe recover --after-restore --reason TEXT`, start, have the \
         partners repeat what they delivered from {} on, and throw away every backup older than this",
        time(missing.from),
        ask_from(missing.from)
    )
}

/// What a person puts up with who says that there is no newer key store: no number is given out twice, the database knows the key
/// store as it is from now on, and what is missing stays known. Returns from when until when and how many acts.
pub fn settle(connection: &Connection, keys: &mut Connection) -> Stored<Option<(i64, i64, i64)>> {
    let told = told(connection)?;
    let Some(missing) = compared(keys, &told)? else { return Ok(None) };
    let missing = moment(connection, &missing)?;
    let transaction = keys.transaction().map_err(trouble)?;
    leave_out(&transaction, told.high)?;
    let end = act(&transaction)?;
    transaction.commit().map_err(trouble)?;
    let KeysEnd { mark, high } = end;
    connection
        .execute(sql!("keys_end_set"), params![mark.n, mark.link, mark.at, high.max(told.high)])
        .map_err(trouble)?;
    Ok(Some((missing.from, missing.until.max(missing.from), missing.acts)))
}

/// Leaves numbers of keys out, beyond all that anything may still name.
pub fn leave_out(keys: &Connection, known: i64) -> Stored<()> {
    let beyond = high(keys)?.max(known) + LEFT_OUT;
    for sql in [sql!("keys_high_begin"), sql!("keys_high_set")] {
        keys.execute(sql, [beyond]).map_err(trouble)?;
    }
    Ok(())
}
