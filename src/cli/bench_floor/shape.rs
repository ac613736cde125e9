//! What one delivery leaves in the store: how many rows of which table, how long their columns are. Read from what the adapter
//! wrote, so that the floor writes the same. Holds sizes and names of the house only, never a content.

use serde::{Deserialize, Serialize};
use tokio_postgres::types::FromSql;
use tokio_postgres::{Client, Row};

use crate::cli::bench_floor::database::failed;
use crate::cli::exit::CliError;

/// Lengths of a sealed content in octets; 0 where a column is empty.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    /// The wrapped data key.
    pub key: usize,
    /// Head.
    pub head: usize,
    /// Body.
    pub body: usize,
    /// Note.
    pub note: usize,
}

/// A line of the audit trail that each delivery leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// What happened.
    pub what: String,
    /// Octets of its facts.
    pub detail: usize,
}

/// What one delivery leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// Month of the rows, as numbers carry it.
    pub month: i64,
    /// Number of the row of attributes.
    pub stamp: i64,
    /// Number of the Mandant's key.
    pub mandant_key: i64,
    /// Octets of a trace context.
    pub trace: usize,
    /// Octets of a blind key.
    pub blind: usize,
    /// Connection, binding, type and route of the delivery.
    pub words: [String; 4],
    /// Destination, partner and type of the receipt.
    pub sends: [String; 3],
    /// Keys of idempotency.
    pub keys: usize,
    /// Buckets whose version is bumped.
    pub guards: Mean,
    /// Search keys of the record.
    pub search: Mean,
    /// The delivery.
    pub inbox: Sizes,
    /// The record.
    pub record: Sizes,
    /// The receipt, settled.
    pub outbox: Sizes,
    /// The child's wrapped key.
    pub subject_key: usize,
    /// Lines of the audit trail, of the delivery and of its receipt.
    pub lines: [Vec<Line>; 2],
    /// Octets of a receipt as it leaves.
    pub receipt: usize,
    /// The last running number, and that of the key store.
    pub last: [i64; 2],
}

/// A number that the store shows as it likes.
fn size<'a, T: FromSql<'a> + TryInto<usize>>(row: &'a Row, at: usize) -> usize {
    row.get::<_, T>(at).try_into().unwrap_or(0)
}

async fn one(client: &Client, sql: &str) -> Result<Row, CliError> {
    client.query_one(sql, &[]).await.map_err(failed("rows of the adapter are not shown"))
}

async fn sealed(client: &Client, of: &str) -> Result<Sizes, CliError> {
    let mean = |column: &str| format!("coalesce(round(avg(octet_length(c.{column}))), 0)::bigint");
    let columns = ["data_key", "head", "body", "note"].map(mean).join(", ");
    let row = one(
        client,
        &format!("SELECT {columns} FROM drehscheibe.sealed c JOIN drehscheibe.{of} r ON r.nr = c.nr"),
    )
    .await?;
    let size = |at| size::<i64>(&row, at);
    Ok(Sizes { key: size(0), head: size(1), body: size(2), note: size(3) })
}

/// How many of something deliveries have: so many in all of so many. Names that are written in two ways have keys for both, so it is
/// no whole number for each.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Mean {
    all: usize,
    of: usize,
}

impl Mean {
    /// How many the n-th delivery has; deliveries that follow one another have this many in the mean.
    pub fn nth(self, n: i64) -> usize {
        let n = usize::try_from(n.unsigned_abs()).unwrap_or(0) % self.of;
        (n + 1) * self.all / self.of - n * self.all / self.of
    }

    /// The most that one has.
    pub fn most(self) -> usize {
        self.all.div_ceil(self.of)
    }
}

impl Shape {
    /// Reads it from a store in which the adapter settled so many deliveries of new children, and nothing else.
    pub async fn read(client: &Client, deliveries: i64, receipt: usize) -> Result<Shape, CliError> {
        let there = one(client, "SELECT count(*) FROM drehscheibe.inbox WHERE state = 'accepted'").await?;
        if there.get::<_, i64>(0) != deliveries {
            return Err(CliError::Usage(format!(
                "the adapter accepted {} of {deliveries} deliveries; see what it wrote with --json in a stage of its own",
                there.get::<_, i64>(0)
            )));
        }
        let inbox = one(
            client,
            "SELECT nr >> 40, stamp, length(traceparent), octet_length(content), connection, binding, message, route
             FROM drehscheibe.inbox ORDER BY nr DESC LIMIT 1",
        )
        .await?;
        let out = one(
            client,
            "SELECT destination, partner, message FROM drehscheibe.outbox ORDER BY nr DESC LIMIT 1",
        )
        .await?;
        let counts = one(
            client,
            "SELECT (SELECT count(*) FROM drehscheibe.idempotency),
               (SELECT coalesce(sum(version), 0)::bigint FROM drehscheibe.guard),
               (SELECT count(*) FROM drehscheibe.mirror_key),
               (SELECT round(avg(octet_length(wrapped)))::bigint FROM schluessel.subject_key),
               (SELECT last_value FROM drehscheibe.nummer), (SELECT last_value FROM schluessel.schluessel),
               (SELECT max(mandant_key) FROM drehscheibe.sealed)",
        )
        .await?;
        let each = |at: usize| {
            let all = size::<i64>(&counts, at);
            let deliveries = usize::try_from(deliveries).unwrap_or(1).max(1);
            // Two children may share a bucket: a little less than a whole number is meant.
            all.div_ceil(deliveries)
        };
        let of = usize::try_from(deliveries).unwrap_or(1).max(1);
        let mean = |at: usize| Mean { all: size::<i64>(&counts, at), of };
        let word = |row: &Row, at: usize| row.get::<_, Option<String>>(at).unwrap_or_default();
        Ok(Shape {
            month: inbox.get(0),
            stamp: inbox.get(1),
            trace: size::<i32>(&inbox, 2),
            blind: size::<i32>(&inbox, 3),
            words: [4, 5, 6, 7].map(|at| word(&inbox, at)),
            sends: [0, 1, 2].map(|at| word(&out, at)),
            keys: each(0),
            guards: mean(1),
            search: mean(2),
            subject_key: size::<i64>(&counts, 3),
            last: [counts.get(4), counts.get(5)],
            mandant_key: counts.get(6),
            inbox: sealed(client, "inbox").await?,
            record: sealed(client, "mirror").await?,
            outbox: sealed(client, "outbox").await?,
            lines: [lines(client, "inbox.", deliveries).await?, lines(client, "outbox.", deliveries).await?],
            receipt,
        })
    }
}

async fn lines(client: &Client, begins: &str, deliveries: i64) -> Result<Vec<Line>, CliError> {
    let sql = "SELECT what, round(avg(octet_length(detail)))::bigint FROM drehscheibe.audit
               WHERE starts_with(what, $1) GROUP BY what HAVING count(*) = $2 ORDER BY what";
    let rows =
        client.query(sql, &[&begins, &deliveries]).await.map_err(failed("the audit trail is not shown"))?;
    Ok(rows.iter().map(|row| Line { what: row.get(0), detail: size::<i64>(row, 1) }).collect())
}

/// Rows of one table and their octets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filled {
    /// The table.
    pub table: String,
    /// Rows.
    pub rows: i64,
    /// Octets of their columns, without the headers of rows and pages.
    pub octets: i64,
}

/// What stands in every table of the store.
pub async fn filled(client: &Client) -> Result<Vec<Filled>, CliError> {
    let tables = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname IN ('drehscheibe', 'schluessel') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                  ORDER BY 1";
    let mut filled = Vec::new();
    for table in client.query(tables, &[]).await.map_err(failed("tables are not shown"))? {
        let table: String = table.get(0);
        let sql = format!("SELECT count(*), coalesce(sum(pg_column_size(t.*)), 0)::bigint FROM {table} t");
        let row = one(client, &sql).await?;
        filled.push(Filled { table, rows: row.get(0), octets: row.get(1) });
    }
    Ok(filled)
}
