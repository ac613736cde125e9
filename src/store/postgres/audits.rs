//! What an auditor reads of the house on PostgreSQL: the strands of the Nachweiskette in pages, changes and the Abrufprotokoll. Each page
//! is a statement of its own, so no snapshot is held and nobody waits; writes nothing but that somebody looked.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::audit::{
    Audits, By, Change, Held, Link, Lost, Recorded, Retrieved, Said, Strand, Told, Turn, Viewing, Window,
};
use crate::store::desk::View;
use crate::store::error::StoreError;
use crate::store::postgres::ask::rows;
use crate::store::postgres::base::{Base, stamps};
use crate::store::postgres::house;
use crate::store::postgres::parts::PostgresStore;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, month, sql};
use crate::store::sealing::house::{self as words, AbrufRow};
use crate::store::sealing::keys::MandantKey;
use crate::store::sealing::values::{Stored, limit, micros};
use crate::store::stamp::{Scope, Stamp};

/// Where the number of a stamp stands in a page of links.
const STAMP: usize = 11;

fn by(stamps: &HashMap<i64, Stamp>, number: i64) -> Option<By> {
    let stamp = stamps.get(&number)?;
    Some(By {
        mandant: stamp.mandant.clone(),
        partner: stamp.partner.clone(),
        person: stamp.acting_person.clone(),
        decided_by: stamp.decided_by.clone(),
    })
}

async fn stamps_of(on: &impl GenericClient, page: &[Row], at: usize) -> Stored<HashMap<i64, Stamp>> {
    let mut numbers = page.iter().map(|r| get(r, at)).collect::<Stored<Vec<i64>>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    stamps(on, &numbers).await
}

fn link(r: &Row, stamps: &HashMap<i64, Stamp>) -> Stored<Link> {
    let change = Change {
        at: get(r, 5)?,
        subject: get(r, 6)?,
        what: get(r, 7)?,
        detail: get(r, 8)?,
        salt: get(r, 9)?,
        traceparent: get(r, 10)?,
        by: by(stamps, get(r, STAMP)?),
        stands: get(r, STAMP + 1)?,
    };
    let (hash, link) = (Some(get(r, 3)?), Some(get(r, 4)?));
    Ok(Link { strand: get(r, 1)?, place: get(r, 2)?, change: Held::There(Box::new(change)), hash, link })
}

async fn read_links(
    on: &impl GenericClient,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Stored<Vec<(i64, Link)>> {
    let page = rows(on, sql, values).await?;
    let stamps = stamps_of(on, &page, STAMP).await?;
    page.iter().map(|r| Ok((get(r, 0)?, link(r, &stamps)?))).collect()
}

/// Numbers and moments of a window: a row's number begins with its month.
struct Bounds {
    before: i64,
    first: i64,
    from: i64,
    until: i64,
    most: i64,
}

impl Bounds {
    fn of(window: &Window, turn: Turn) -> Bounds {
        let first = window.from.map_or(0, |from| month(from) << 40);
        let last = window.until.map_or(i64::MAX, |until| (month(until) + 1) << 40);
        Bounds {
            before: turn.before.unwrap_or(i64::MAX).min(last),
            first,
            from: window.from.map_or(i64::MIN, micros),
            until: window.until.map_or(i64::MAX, micros),
            most: limit(turn.limit),
        }
    }
}

/// What persons said of it. What does not open is told as none: the chain says whether the row is whole.
async fn said<'l>(
    on: &impl GenericClient,
    house: &MandantKey,
    links: impl Iterator<Item = &'l Link> + Clone,
) -> Stored<Vec<Said>> {
    let change = |link: &'l Link| match &link.change {
        Held::There(change) => Some(&**change),
        Held::Gone | Held::Unreadable => None,
    };
    let ordered = |change: &&Change| change.what.starts_with("command.");
    let commands: Vec<Uuid> =
        links.clone().filter_map(change).filter(ordered).filter_map(|change| change.subject).collect();
    let mut of_commands: HashMap<Uuid, Said> = HashMap::new();
    if !commands.is_empty() {
        for r in rows(on, sql!("command_words"), &[&commands]).await? {
            let (id, sealed): (Uuid, Vec<u8>) = (get(&r, 0)?, get(&r, 1)?);
            let opened = words::open_command(&house.key, id, &sealed).ok();
            of_commands.insert(id, opened.map(Said::from).unwrap_or_default());
        }
    }
    let said = |link: &'l Link| {
        let Some(change) = change(link) else { return Said::default() };
        match (change.subject, ordered(&change)) {
            (Some(id), true) => of_commands.get(&id).cloned().unwrap_or_default(),
            _ => {
                let reason = words::open_reason(&house.key, change.subject, &change.detail);
                Said { reason: reason.and_then(Result::ok), ordered: None }
            }
        }
    };
    Ok(links.map(said).collect())
}

async fn changes(base: &Base, window: &Window, turn: Turn) -> Stored<Vec<Told>> {
    let client = base.db.get().await?;
    let bounds = Bounds::of(window, turn);
    let Bounds { before, first, from, until, most } = &bounds;
    let found = match &window.subject {
        Some(subject) => {
            let values: &[&(dyn ToSql + Sync)] = &[before, first, from, until, most, subject];
            read_links(&client, sql!("audit_of_subject"), values).await?
        }
        None => read_links(&client, sql!("audit_seen"), &[before, first, from, until, most]).await?,
    };
    let house: Arc<MandantKey> = base.keyring.house(&client).await?;
    let said = said(&client, &house, found.iter().map(|(_, link)| link)).await?;
    let told = found.into_iter().zip(said).map(|((number, link), said)| Told { number, link, said });
    Ok(told.collect())
}

async fn retrievals(base: &Base, window: &Window, turn: Turn) -> Stored<Vec<Retrieved>> {
    let client = base.db.get().await?;
    let Bounds { before, first, from, until, most } = Bounds::of(window, turn);
    let values: &[&(dyn ToSql + Sync)] = &[&before, &first, &from, &until, &most, &window.subject];
    let page = rows(&client, sql!("abruf_seen"), values).await?;
    let stamps = stamps_of(&client, &page, 6).await?;
    let house = base.keyring.house(&client).await?;
    let told = page.iter().map(|r| {
        let row = AbrufRow {
            number: get(r, 0)?,
            at: get(r, 1)?,
            message: get(r, 2)?,
            step: get(r, 3)?,
            records: get(r, 4)?,
            sealed: get(r, 5)?,
            by: by(&stamps, get(r, 6)?).unwrap_or_default(),
        };
        Ok(row.told(&house.key))
    });
    told.collect()
}

#[async_trait]
impl Audits for PostgresStore {
    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        let client = self.base.db.get().await?;
        let found = rows(&client, sql!("audit_strands"), &[]).await?;
        let strand = |r: &Row| {
            let (begin, end) = (get(r, 1)?, get(r, 3)?);
            Ok(Strand {
                number: get(r, 0)?,
                begin,
                begin_link: get(r, 2)?,
                end: i64::max(begin, end),
                end_link: Some(get(r, 4)?),
            })
        };
        found.iter().map(strand).collect()
    }

    async fn links(&self, strand: i64, after: i64, most: usize) -> Result<Vec<Link>, StoreError> {
        let client = self.base.db.get().await?;
        let page = read_links(&client, sql!("audit_links"), &[&strand, &after, &limit(most)]).await?;
        Ok(page.into_iter().map(|(_, link)| link).collect())
    }

    /// The server's log is one line and each process proves its own history; no mark lies outside.
    async fn lost(&self) -> Result<Option<Lost>, StoreError> {
        Ok(None)
    }

    async fn record(
        &self,
        viewing: Viewing,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.watch()?;
        let base = &self.base;
        let view = View {
            scope: Scope::Operator,
            limit: 0,
            person: person.to_owned(),
            reason: reason.to_owned(),
            now,
        };
        let place = (house::own(base, person).await?, base.month(now).await?);
        let written: Stored<()> = transact!(base.db, tx => async {
            house::protocol(base, &tx, place, &view, viewing.step(), &[]).await
        }.await);
        written?;
        Ok(Recorded(()))
    }

    async fn changes(&self, _: &Recorded, window: &Window, turn: Turn) -> Result<Vec<Told>, StoreError> {
        changes(&self.base, window, turn).await
    }

    async fn retrievals(
        &self,
        _: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Retrieved>, StoreError> {
        retrievals(&self.base, window, turn).await
    }

    async fn reasons(&self, _: &Recorded, links: &[Link]) -> Result<Vec<Option<String>>, StoreError> {
        let client = self.base.db.get().await?;
        let house = self.base.keyring.house(&client).await?;
        let said = said(&client, &house, links.iter()).await?;
        Ok(said.into_iter().map(|said| said.reason).collect())
    }
}
