//! The floor's writing: the rows that the adapter writes for a delivery, with contents of the same length, each table in one
//! statement, all statements of a transaction in one flight. Decides nothing and compares nothing.
//!
//! Left out, because only an engine needs it: comparing guards, leases and fences, sealing and wrapping (octets of the same
//! length stand for it), hashing of the Nachweiskette, numbers drawn from the store's sequences, the turn among strands.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::cli::bench_floor::shape::{Line, Shape, Sizes};

/// A value of a statement.
type Value<'a> = &'a (dyn ToSql + Sync);

/// A delivery that is written.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// Id of its receipt.
    pub receipt: Uuid,
    /// HMAC-like octets of its content, from which its keys are derived.
    pub content: [u8; 32],
    /// Octets as received.
    pub size: i64,
    /// Now, microseconds.
    pub now: i64,
    /// Its number.
    pub nr: i64,
    /// Number of its receipt.
    pub out: i64,
    /// Number of the receipt's lane.
    pub lane: i64,
}

const LOOK: &str = "SELECT key, content, message FROM idempotency WHERE key = ANY($1::bytea[])";
const FIND: &str = "SELECT k.key, m.id, c.body FROM mirror_key k JOIN mirror m ON m.nr = k.mirror JOIN sealed c ON c.nr = m.nr
  WHERE k.key = ANY($1::bytea[])";
const GUARD: &str =
    "INSERT INTO guard AS g (key, version) SELECT k, 1 FROM unnest($1::bytea[]) AS k ORDER BY k
  ON CONFLICT (key) DO UPDATE SET version = g.version + 1";
const SUBJECT: &str = "INSERT INTO schluessel.subject_key (nr, mandant_key, wrapped)
  SELECT n.nr, $2::bigint, n.wrapped FROM unnest($1::bigint[], $3::bytea[]) AS n(nr, wrapped)";
const INBOX: &str = "WITH ids AS (INSERT INTO inbox_id (id, nr) SELECT * FROM unnest($2::uuid[], $1::bigint[])),
  noted AS (INSERT INTO lieferung (partner, moment, uuid, delta, stempel)
    SELECT s.partner, n.at, n.uuid, 1, n.at FROM stamp s, unnest($3::bigint[], $4::bytea[]) AS n(at, uuid) WHERE s.nr = $6::bigint
    ORDER BY n.at, n.uuid
    ON CONFLICT (partner, moment, uuid) DO NOTHING)
  INSERT INTO inbox (nr, id, stamp, traceparent, state, conflict, received, committed, connection, binding, transport, message,
    route, codes, size, content, kept)
  SELECT n.nr, n.id, $6::bigint, $7::text, 'accepted', false, n.at, n.at, $8::text, $9::text, n.transport, $10::text, $11::text,
    '', n.size, n.content, true
  FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bytea[], $5::bigint[], $12::bytea[])
    AS n(nr, id, at, transport, size, content)";
const ONCE: &str = "INSERT INTO idempotency (key, content, message, conflict, state, codes, seit)
  SELECT n.key, n.content, n.message, false, 'accepted', '', (extract(epoch FROM now()) * 1000000)::bigint FROM unnest($1::bytea[], $2::bytea[], $3::uuid[])
    AS n(key, content, message) ORDER BY n.key";
const MIRROR: &str = "INSERT INTO mirror (nr, id, stamp, traceparent, cause, changed, subject_key, ende, ende_stand, schluessel_stand,
    schluessel_von, schluessel_version)
  SELECT n.nr, n.id, $5::bigint, $6::text, n.cause, n.at, n.subject, decode(md5((n.nr % 6570)::text), 'hex'), n.cause, n.cause, n.cause, 2
  FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $7::bigint[]) AS n(nr, id, cause, at, subject)";
const SEARCH: &str =
    "INSERT INTO mirror_key (key, mirror) SELECT * FROM unnest($1::bytea[], $2::bigint[]) AS n(key, mirror)
  ORDER BY n.key";
const LANE: &str = "INSERT INTO lane (nr, destination, next_try)
  SELECT n.nr, $3::text, n.at FROM unnest($1::bigint[], $2::bigint[]) AS n(nr, at)";
const OUTBOX: &str = "WITH ids AS (INSERT INTO outbox_id (id, nr) SELECT * FROM unnest($2::uuid[], $1::bigint[]))
  INSERT INTO outbox (nr, id, lane, stamp, traceparent, cause, destination, partner, message, state, queued, deadline)
  SELECT n.nr, n.id, n.lane, $6::bigint, $7::text, n.cause, $8::text, $9::text, $10::text, 'queued', n.at, n.at
  FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bigint[]) AS n(nr, id, lane, cause, at)";
const SEALED: &str = "INSERT INTO sealed (nr, mandant_key, subject_key, data_key, head, body, note)
  SELECT n.nr, $2::bigint, n.subject, n.data_key, n.head, n.body, n.note
  FROM unnest($1::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
    AS n(nr, subject, data_key, head, body, note)";
const AUDIT: &str = "INSERT INTO audit (nr, at, stamp, traceparent, subject, what, detail, salt, strang, glied, hash, chain)
  SELECT n.nr, n.at, $7::bigint, $8::text, n.subject, n.what, n.detail, substr(n.hash, 1, 16), $9::bigint, n.glied, n.hash, n.hash
  FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::bytea[], $6::bigint[], $10::bytea[])
    AS n(nr, at, subject, what, detail, glied, hash)";
const STRAND: &str = "UPDATE strang SET glied = $2, chain = $3 WHERE nr = $1";
const SETTLE: &str = "UPDATE outbox o SET state = 'sent', attempts = o.attempts + 1, settled = n.at
  FROM unnest($1::bigint[], $2::bigint[]) AS n(nr, at) WHERE o.nr = n.nr";
const NOTE: &str = "UPDATE sealed s SET note = n.note FROM unnest($1::bigint[], $2::bytea[]) AS n(nr, note) WHERE s.nr = n.nr";
const GONE: &str = "DELETE FROM lane WHERE nr = ANY($1::bigint[])";

/// The texts of the floor's statements, for a test that they fit the tables.
pub const STATEMENTS: &[&str] = &[
    LOOK, FIND, GUARD, SUBJECT, INBOX, ONCE, MIRROR, SEARCH, LANE, OUTBOX, SEALED, AUDIT, STRAND, SETTLE,
    NOTE, GONE,
];

/// One connection with its statements and a strand of its own.
pub struct Writer {
    client: Client,
    prepared: Vec<Statement>,
    shape: Shape,
    /// Octets that stand for sealed contents.
    noise: Vec<u8>,
    next: i64,
    strand: i64,
    link: i64,
}

/// Numbers of the two writers lie so far apart.
const APART: i64 = 1 << 36;

impl Writer {
    /// Prepares the statements; `strand` tells writers apart, 1 to 16.
    pub async fn new(client: Client, shape: Shape, strand: u8) -> Result<Writer, tokio_postgres::Error> {
        client.batch_execute("SET search_path = drehscheibe, pg_temp; SET timezone = 'UTC'").await?;
        let mut prepared = Vec::with_capacity(STATEMENTS.len());
        for text in STATEMENTS {
            prepared.push(client.prepare(text).await?);
        }
        let most =
            [shape.inbox, shape.record, shape.outbox].map(|sizes| sizes.head.max(sizes.body).max(sizes.note));
        let lines = shape.lines.iter().flatten().map(|line| line.detail);
        let most = most.into_iter().chain(lines).max().unwrap_or(0) + 4096;
        let noise = noise(most);
        let next = shape.last[0] + APART * i64::from(strand);
        Ok(Writer { client, prepared, shape, noise, next, strand: strand.into(), link: 1 << 40 })
    }

    fn statement(&self, text: &str) -> &Statement {
        let at = STATEMENTS.iter().position(|known| *known == text).unwrap_or(0);
        &self.prepared[at]
    }

    async fn run(&self, text: &'static str, values: &[Value<'_>]) -> Result<u64, tokio_postgres::Error> {
        self.client.execute(self.statement(text), values).await
    }

    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    /// So many numbers of rows of a month; 0 is the month of what lasts.
    fn numbers(&mut self, month: i64, count: usize) -> Vec<i64> {
        (0..count).map(|_| (month << 40) + self.number()).collect()
    }

    /// Gives a delivery its numbers.
    pub fn number_row(&mut self, row: &mut Row) {
        let month = self.shape.month << 40;
        row.nr = month + self.number();
        row.out = month + self.number();
        row.lane = self.number();
    }

    /// Looks up once what the deliveries' keys lead to; returns how many rows it found.
    pub async fn look(&self, rows: &[Row]) -> Result<usize, tokio_postgres::Error> {
        let once = blind(rows, |_| self.shape.keys, 0);
        let children = blind(rows, |_| 1, 64);
        let (once, children) = (slices(&once), slices(&children));
        let (once, children): ([Value<'_>; 1], [Value<'_>; 1]) = ([&once], [&children]);
        let (repeats, records) = tokio::try_join!(
            biased;
            self.client.query(self.statement(LOOK), &once),
            self.client.query(self.statement(FIND), &children),
        )?;
        Ok(repeats.len() + records.len())
    }

    /// Writes what the deliveries leave, in one transaction.
    pub async fn commit(&mut self, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
        let records = self.numbers(0, rows.len());
        let numbers = self.numbers(self.shape.month, rows.len() * self.shape.lines[0].len());
        let shape = &self.shape;
        let subjects: Vec<i64> = records.iter().map(|nr| nr - shape.last[0] + shape.last[1]).collect();
        let (nr, out): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| (row.nr, row.out)).unzip();
        let (lanes, now): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| (row.lane, row.now)).unzip();
        let (ids, receipts): (Vec<Uuid>, Vec<Uuid>) = rows.iter().map(|row| (row.id, row.receipt)).unzip();
        let sizes: Vec<i64> = rows.iter().map(|row| row.size).collect();
        let trace = "0".repeat(shape.trace);
        let contents: Vec<&[u8]> = rows.iter().map(|row| &row.content[..shape.blind.min(32)]).collect();
        let wrapped: Vec<&[u8]> = rows.iter().map(|row| self.noise(row.now, shape.subject_key)).collect();
        let guards = blind(rows, |row| shape.guards.nth(row.nr), 128);
        let search = blind(rows, |row| shape.search.nth(row.nr), 128);
        let once = blind(rows, |_| shape.keys, 0);
        let owners = rows.iter().zip(&records);
        let of: Vec<i64> =
            owners.flat_map(|(row, nr)| std::iter::repeat_n(*nr, shape.search.nth(row.nr))).collect();
        let (guards, search, once) = (slices(&guards), slices(&search), slices(&once));
        let once_contents: Vec<&[u8]> =
            contents.iter().flat_map(|content| std::iter::repeat_n(*content, shape.keys)).collect();
        let once_ids: Vec<Uuid> = ids.iter().flat_map(|id| std::iter::repeat_n(*id, shape.keys)).collect();
        let transports = blind(rows, |_| 1, 256);
        let transports = slices(&transports);
        let [connection, binding, message, route] = &shape.words;
        let [destination, partner, sends] = &shape.sends;
        let mut sealed = Sealed::default();
        for (row, (record, subject)) in rows.iter().zip(records.iter().zip(&subjects)) {
            sealed.push(self, row.nr, *subject, shape.inbox, row.now);
            sealed.push(self, *record, *subject, shape.record, row.now + 1);
            // What became of it is known only later.
            sealed.push(self, row.out, *subject, Sizes { note: 0, ..shape.outbox }, row.now + 2);
        }
        let trail = self.trail(rows.iter().map(|row| (row.id, row.now)), &shape.lines[0]);
        let (last, chain) = (self.link + numbers.len() as i64, &self.noise[..32]);
        let audits = trail.values(&numbers, self, &trace);
        let guard: &[Value<'_>] = &[&guards];
        let subject: &[Value<'_>] = &[&subjects, &shape.mandant_key, &wrapped];
        let inbox: &[Value<'_>] = &[
            &nr,
            &ids,
            &now,
            &transports,
            &sizes,
            &shape.stamp,
            &trace,
            connection,
            binding,
            message,
            route,
            &contents,
        ];
        let keys: &[Value<'_>] = &[&once, &once_contents, &once_ids];
        let mirror: &[Value<'_>] = &[&records, &receipts, &ids, &now, &shape.stamp, &trace, &subjects];
        let found: &[Value<'_>] = &[&search, &of];
        let lane: &[Value<'_>] = &[&lanes, &now, destination];
        let outbox: &[Value<'_>] =
            &[&out, &receipts, &lanes, &ids, &now, &shape.stamp, &trace, destination, partner, sends];
        let contents = sealed.values(&shape.mandant_key);
        let strand: &[Value<'_>] = &[&self.strand, &last, &chain];
        tokio::try_join!(
            biased;
            self.client.batch_execute("BEGIN"),
            self.run(GUARD, guard),
            self.run(SUBJECT, subject),
            self.run(INBOX, inbox),
            self.run(ONCE, keys),
            self.run(MIRROR, mirror),
            self.run(SEARCH, found),
            self.run(LANE, lane),
            self.run(OUTBOX, outbox),
            self.run(SEALED, &contents),
            self.run(AUDIT, &audits),
            self.run(STRAND, strand),
            self.client.batch_execute("COMMIT"),
        )?;
        self.link = last;
        Ok(())
    }

    /// Settles the receipts of deliveries, in one transaction.
    pub async fn settle(&mut self, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
        let numbers = self.numbers(self.shape.month, rows.len() * self.shape.lines[1].len());
        let shape = &self.shape;
        let trace = "0".repeat(shape.trace);
        let out: Vec<i64> = rows.iter().map(|row| row.out).collect();
        let lanes: Vec<i64> = rows.iter().map(|row| row.lane).collect();
        let now: Vec<i64> = rows.iter().map(|row| row.now).collect();
        let notes: Vec<&[u8]> = rows.iter().map(|row| self.noise(row.now, shape.outbox.note)).collect();
        let trail = self.trail(rows.iter().map(|row| (row.receipt, row.now)), &shape.lines[1]);
        let (last, chain) = (self.link + numbers.len() as i64, &self.noise[..32]);
        let audits = trail.values(&numbers, self, &trace);
        let settle: &[Value<'_>] = &[&out, &now];
        let note: &[Value<'_>] = &[&out, &notes];
        let gone: &[Value<'_>] = &[&lanes];
        let strand: &[Value<'_>] = &[&self.strand, &last, &chain];
        tokio::try_join!(
            biased;
            self.client.batch_execute("BEGIN"),
            self.run(SETTLE, settle),
            self.run(NOTE, note),
            self.run(GONE, gone),
            self.run(AUDIT, &audits),
            self.run(STRAND, strand),
            self.client.batch_execute("COMMIT"),
        )?;
        self.link = last;
        Ok(())
    }

    /// So many octets, others for another seed.
    fn noise(&self, seed: i64, octets: usize) -> &[u8] {
        let room = self.noise.len().saturating_sub(octets).max(1);
        let from = seed.unsigned_abs() as usize % room;
        &self.noise[from..(from + octets).min(self.noise.len())]
    }

    fn trail<'a>(&'a self, subjects: impl Iterator<Item = (Uuid, i64)>, lines: &'a [Line]) -> Trail<'a> {
        let mut trail = Trail::default();
        let mut link = self.link;
        for (subject, at) in subjects {
            for line in lines {
                link += 1;
                trail.at.push(at);
                trail.subject.push(subject);
                trail.what.push(&line.what);
                trail.detail.push(self.noise(at, line.detail));
                trail.link.push(link);
                trail.hash.push(self.noise(at + link, 32));
            }
        }
        trail
    }
}

#[derive(Default)]
struct Trail<'a> {
    at: Vec<i64>,
    subject: Vec<Uuid>,
    what: Vec<&'a str>,
    detail: Vec<&'a [u8]>,
    link: Vec<i64>,
    hash: Vec<&'a [u8]>,
}

impl<'a> Trail<'a> {
    fn values<'b>(&'b self, numbers: &'b Vec<i64>, writer: &'b Writer, trace: &'b String) -> [Value<'b>; 10] {
        let Trail { at, subject, what, detail, link, hash } = self;
        [numbers, at, subject, what, detail, link, &writer.shape.stamp, trace, &writer.strand, hash]
    }
}

#[derive(Default)]
struct Sealed<'a> {
    nr: Vec<i64>,
    subject: Vec<i64>,
    columns: [Vec<Option<&'a [u8]>>; 4],
}

impl<'a> Sealed<'a> {
    fn push(&mut self, writer: &'a Writer, nr: i64, subject: i64, sizes: Sizes, seed: i64) {
        self.nr.push(nr);
        self.subject.push(subject);
        for (column, octets) in self.columns.iter_mut().zip([sizes.key, sizes.head, sizes.body, sizes.note]) {
            column.push((octets > 0).then(|| writer.noise(seed, octets)));
        }
    }

    fn values<'b>(&'b self, mandant: &'b i64) -> [Value<'b>; 7] {
        let [key, head, body, note] = &self.columns;
        [&self.nr, mandant, &self.subject, key, head, body, note]
    }
}

/// Keys of deliveries: 16 octets each, derived from the content so that they lie as scattered as HMACs do.
fn blind(rows: &[Row], each: impl Fn(&Row) -> usize, class: u16) -> Vec<[u8; 16]> {
    let mut keys = Vec::new();
    for row in rows {
        for n in 0..each(row) {
            let mut key = [0; 16];
            key.copy_from_slice(&row.content[..16]);
            let turn = (class + n as u16).to_be_bytes();
            // Another class or place is another key, far away from the first in every index.
            key[0] ^= turn[1].wrapping_mul(89);
            key[1] ^= turn[1] ^ turn[0];
            keys.push(key);
        }
    }
    keys
}

fn slices(keys: &[[u8; 16]]) -> Vec<&[u8]> {
    keys.iter().map(|key| &key[..]).collect()
}

/// Octets that no page of a database shortens.
fn noise(octets: usize) -> Vec<u8> {
    let mut noise = Vec::with_capacity(octets + 16);
    while noise.len() < octets {
        noise.extend_from_slice(Uuid::new_v4().as_bytes());
    }
    noise
}
