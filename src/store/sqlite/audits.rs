//! What an auditor reads of the embedded store: the Nachweiskette in pages, changes and the Abrufprotokoll. Reads in the turn of those
//! who only ask, so that no delivery waits; writes nothing but that somebody looked.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, params};

use crate::seal::key::Key;
use crate::store::audit::{
    Audits, By, Change, Held, Link, Lost, Recorded, Retrieved, Said, Strand, Told, Turn, Viewing, Window,
};
use crate::store::desk::View;
use crate::store::error::StoreError;
use crate::store::sealing::house::{self as words, AbrufRow};
use crate::store::sealing::values::{Stored, limit, micros, time};
use crate::store::sqlite::keyring::Keyring;
use crate::store::sqlite::parts::SqliteStore;
use crate::store::sqlite::values::{sql, trouble, uuid};
use crate::store::sqlite::{house, mark};
use crate::store::stamp::Scope;

/// The one strand.
const STRAND: i64 = 1;

fn octets(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => None,
        other => Some(other.as_bytes().map_err(|_| rusqlite::Error::InvalidQuery)?.to_vec()),
    })
}

fn by(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<By>> {
    if row.get_ref(at)? == ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(By {
        mandant: row.get(at + 1)?,
        partner: row.get(at + 2)?,
        person: row.get(at + 3)?,
        decided_by: row.get(at + 4)?,
    }))
}

fn change(row: &Row<'_>) -> rusqlite::Result<Held> {
    if row.get_ref(3)? == ValueRef::Null {
        return Ok(Held::Gone);
    }
    Ok(Held::There(Box::new(Change {
        at: row.get(4)?,
        subject: row.get::<_, Option<Vec<u8>>>(5)?.map(uuid).transpose()?,
        what: row.get(6)?,
        detail: octets(row, 7)?.unwrap_or_default(),
        salt: octets(row, 8)?,
        traceparent: row.get(9)?,
        by: by(row, 10)?,
        stands: row.get(15)?,
    })))
}

/// What no program wrote is a fault of this row and no reason to tell nothing of the others.
fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    Ok(Link {
        strand: STRAND,
        place: row.get(0)?,
        change: change(row).unwrap_or(Held::Unreadable),
        hash: octets(row, 1).unwrap_or_default(),
        link: octets(row, 2).unwrap_or_default(),
    })
}

fn read_links(db: &Connection, sql: &str, values: impl Params) -> Stored<Vec<Link>> {
    let mut list = db.prepare_cached(sql).map_err(trouble)?;
    list.query_map(values, link).and_then(Iterator::collect).map_err(trouble)
}

fn strand(db: &Connection) -> Stored<Strand> {
    let mut get = db.prepare_cached(sql!("audit_strand")).map_err(trouble)?;
    let (begin, begin_link, end): (i64, Vec<u8>, i64) =
        get.query_row([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).map_err(trouble)?;
    Ok(Strand { number: STRAND, begin, begin_link, end: end.max(begin), end_link: None })
}

fn bounds(window: &Window) -> (i64, i64) {
    (window.from.map_or(i64::MIN, micros), window.until.map_or(i64::MAX, micros))
}

/// What a person said of it. What does not open is told as none: the chain says whether the row is whole.
fn said(db: &Connection, house: &Key, link: &Link) -> Stored<Said> {
    let Held::There(change) = &link.change else { return Ok(Said::default()) };
    if let (Some(id), true) = (change.subject, change.what.starts_with("command.")) {
        let mut get = db.prepare_cached(sql!("command_words")).map_err(trouble)?;
        let found: Option<Vec<u8>> =
            rusqlite::OptionalExtension::optional(get.query_row([id], |r| r.get(0))).map_err(trouble)?;
        let opened = found.map(|sealed| words::open_command(house, id, &sealed));
        return Ok(opened.and_then(Result::ok).map(Said::from).unwrap_or_default());
    }
    let reason = words::open_reason(house, change.subject, &change.detail).and_then(Result::ok);
    Ok(Said { reason, ordered: None })
}

fn changes(db: &Connection, keyring: &Keyring, window: &Window, turn: Turn) -> Stored<Vec<Told>> {
    let (from, until) = bounds(window);
    let (before, most) = (turn.before.unwrap_or(i64::MAX), limit(turn.limit));
    let links = match window.subject {
        Some(subject) => {
            read_links(db, sql!("audit_of_subject"), params![before, from, until, most, subject])?
        }
        None => read_links(db, sql!("audit_seen"), params![before, from, until, most])?,
    };
    let house = keyring.house(db)?;
    let told = |link: Link| Ok(Told { number: link.place, said: said(db, &house.key, &link)?, link });
    links.into_iter().map(told).collect()
}

fn retrievals(db: &Connection, keyring: &Keyring, window: &Window, turn: Turn) -> Stored<Vec<Retrieved>> {
    let (from, until) = bounds(window);
    let (before, most) = (turn.before.unwrap_or(i64::MAX), limit(turn.limit));
    let house = keyring.house(db)?;
    let mut list = db.prepare_cached(sql!("abruf_seen")).map_err(trouble)?;
    let found = list.query_map(params![before, from, until, most, window.subject], |r| {
        let row = AbrufRow {
            number: r.get(0)?,
            at: r.get(1)?,
            message: uuid(r.get(2)?)?,
            step: r.get(3)?,
            records: r.get(4)?,
            sealed: r.get(5)?,
            by: by(r, 6)?.unwrap_or_default(),
        };
        Ok(row.told(&house.key))
    });
    found.and_then(Iterator::collect).map_err(trouble)
}

#[async_trait]
impl Audits for SqliteStore {
    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        self.readers.ask(|db, _| Ok(vec![strand(db)?])).await
    }

    async fn links(&self, _: i64, after: i64, most: usize) -> Result<Vec<Link>, StoreError> {
        self.readers.ask(move |db, _| read_links(db, sql!("audit_links"), params![after, limit(most)])).await
    }

    async fn lost(&self) -> Result<Option<Lost>, StoreError> {
        let folder = self.folder.clone();
        self.readers
            .ask(move |db, keyring| {
                // Of a store that has none yet none is made here.
                if !folder.join(mark::FILE).exists() {
                    return Ok(None);
                }
                let missing = keyring.beside(|keys| mark::missing(db, keys, &folder))?;
                Ok(missing.map(|(from, until, commits)| Lost {
                    commits,
                    from: time(from),
                    until: time(until),
                }))
            })
            .await
    }

    async fn record(
        &self,
        viewing: Viewing,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let (stage, person, reason) = (self.stage, person.to_owned(), reason.to_owned());
        self.write(move |scene| {
            let view = View { scope: Scope::Operator, limit: 0, person, reason, now };
            house::protocol(scene, stage, &view, viewing.step(), &[])
        })
        .await?;
        Ok(Recorded(()))
    }

    async fn changes(&self, _: &Recorded, window: &Window, turn: Turn) -> Result<Vec<Told>, StoreError> {
        let window = window.clone();
        self.readers.ask(move |db, keyring| changes(db, keyring, &window, turn)).await
    }

    async fn retrievals(
        &self,
        _: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Retrieved>, StoreError> {
        let window = window.clone();
        self.readers.ask(move |db, keyring| retrievals(db, keyring, &window, turn)).await
    }

    async fn reasons(&self, _: &Recorded, links: &[Link]) -> Result<Vec<Option<String>>, StoreError> {
        let links = links.to_vec();
        self.readers
            .ask(move |db, keyring| {
                let house = keyring.house(db)?;
                links.iter().map(|link| Ok(said(db, &house.key, link)?.reason)).collect()
            })
            .await
    }
}
