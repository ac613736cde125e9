//! Fills the register with Registersätze that nobody asks for, by `generate_series`: rows and keys as the adapter writes them.
//! Their contents are short and do not open: no delivery of a measurement names one of these children.

use tokio_postgres::Client;

use crate::cli::bench_floor::database::failed;
use crate::cli::bench_floor::shape::Shape;
use crate::cli::exit::CliError;

/// Rows of one statement.
const PIECE: u64 = 100_000;
/// Octets of a content.
const CONTENT: usize = 64;
/// Numbers of these rows begin here, below those of the measured programs and above those of the learning.
const NUMBERS: i64 = 1 << 32;
/// Octets on disk that one Registersatz takes in tables, indexes and log, rounded up from what was seen.
const OCTETS: u64 = 2_000;

/// Octets that so many take on disk, about.
pub fn needed(records: u64) -> u64 {
    records * OCTETS
}

/// Fills a store; indexes of blind keys are made anew at the end, which is many times faster than keeping them up.
pub async fn fill(client: &Client, shape: &Shape, records: u64, told: impl Fn(u64)) -> Result<(), CliError> {
    let failed = || failed("the register cannot be filled");
    client
        .batch_execute("SET search_path = drehscheibe, pg_temp; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        .await
        .map_err(failed())?;
    let dropped = drop_indexes(client).await?;
    let mut from = 0;
    while from < records {
        let to = (from + PIECE).min(records);
        client.batch_execute(&piece(shape, from + 1, to)).await.map_err(failed())?;
        from = to;
        told(from);
    }
    for made in dropped {
        client.batch_execute(&made).await.map_err(failed())?;
    }
    client
        .batch_execute(
            "VACUUM (ANALYZE) mirror, mirror_key, guard, sealed, schluessel.subject_key; CHECKPOINT",
        )
        .await
        .or(Ok(()))
}

/// Drops the indexes under blind keys; returns how each is made again.
async fn drop_indexes(client: &Client) -> Result<Vec<String>, CliError> {
    let asked =
        "SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid), k.conname, pg_get_constraintdef(k.oid)
      FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
        LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype = 'p'
      WHERE c.relname IN ('mirror_key', 'guard') AND c.relnamespace = 'drehscheibe'::regnamespace";
    let mut again = Vec::new();
    for row in client.query(asked, &[]).await.map_err(failed("indexes are not shown"))? {
        let (table, index): (String, String) = (row.get(0), row.get(1));
        let (drop, make) = match (row.get::<_, Option<String>>(3), row.get::<_, Option<String>>(4)) {
            (Some(name), Some(text)) => (
                format!("ALTER TABLE {table} DROP CONSTRAINT {name}"),
                format!("ALTER TABLE {table} ADD CONSTRAINT {name} {text}"),
            ),
            _ => (format!("DROP INDEX {index}"), row.get(2)),
        };
        client.batch_execute(&drop).await.map_err(failed("an index cannot be dropped"))?;
        again.push(make);
    }
    Ok(again)
}

fn piece(shape: &Shape, from: u64, to: u64) -> String {
    let Shape { stamp, mandant_key, trace, subject_key, record, .. } = shape;
    let (search, guards) = (shape.search.most(), shape.guards.most());
    // 16 octets that lie as scattered as an HMAC does.
    let blind = "substr(sha256(int8send(n * 16 + k)), 1, 16)";
    let octets = |octets: usize| {
        format!("substr(sha256(int8send(n)) || sha256(int8send(-n)) || sha256(int8send(n + 1)), 1, {octets})")
    };
    let key = octets(record.key.clamp(1, 96));
    let wrapped = octets((*subject_key).clamp(1, 96));
    let content = octets(CONTENT);
    format!(
        "BEGIN;
         INSERT INTO schluessel.subject_key (nr, mandant_key, wrapped)
           SELECT {NUMBERS} + n, {mandant_key}, {wrapped} FROM generate_series({from}::bigint, {to}::bigint) AS n;
         INSERT INTO mirror (nr, id, stamp, traceparent, cause, changed, subject_key, ende, ende_stand, schluessel_stand,
           schluessel_von, schluessel_version)
           SELECT {NUMBERS} + n, lpad(to_hex(n), 32, '0')::uuid, {stamp}, repeat('0', {trace}), lpad(to_hex(n), 32, '0')::uuid, n,
             {NUMBERS} + n, decode(md5((n % 6570)::text), 'hex'), lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid,
             lpad(to_hex(n), 32, '0')::uuid, 2 FROM generate_series({from}::bigint, {to}::bigint) AS n;
         INSERT INTO sealed (nr, mandant_key, subject_key, data_key, body)
           SELECT {NUMBERS} + n, {mandant_key}, {NUMBERS} + n, {key}, {content}
           FROM generate_series({from}::bigint, {to}::bigint) AS n;
         INSERT INTO mirror_key (key, mirror)
           SELECT {blind}, {NUMBERS} + n FROM generate_series({from}::bigint, {to}::bigint) AS n,
             generate_series(1::bigint, {search}) AS k;
         INSERT INTO guard (key, version)
           SELECT {blind}, 1 FROM generate_series({from}::bigint, {to}::bigint) AS n, generate_series(1::bigint, {guards}) AS k;
         COMMIT"
    )
}
