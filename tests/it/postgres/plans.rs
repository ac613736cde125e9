//! Plans at 10⁵ rows: every statement reaches the big tables by an index. Those that count everything by their nature are named.

use std::time::Duration;

use drehscheibe::effects::Question;
use drehscheibe::envelope::Stage;
use drehscheibe::store::contract::Store;
use drehscheibe::store::entry::Committed;
use drehscheibe::store::lane::{Lanes, Want};
use drehscheibe::store::postgres::settings::PLANNED;
use drehscheibe::store::postgres::statements::STATEMENTS;
use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use super::{Served, house};
use crate::store_contract::common::{delivery, key, put, send, sent, settling, want};

/// Figures and dumps look at everything; so does the list of claims that nobody needs, and the count of all old keys.
const WHOLE: &[&str] = &[
    "copy_rows",
    "essence_counts",
    "essence_inbox",
    "essence_mirror",
    "essence_outbox",
    "essence_vorgang",
    "figures_backlog",
    "figures_behind",
    "figures_codes",
    "figures_followed",
    "figures_inbound",
    "figures_mirror",
    "figures_oldest_waiting",
    "figures_repeats",
    "figures_timers",
    // Only before a set of routes is taken over by a person: all that is open has to be looked at.
    "outbox_with_ways",
    // Once, after keys were lost.
    "idempotency_forget",
    "keys_named",
    "mirror_of_subjects",
    // Only where what is over is counted for a plan: a person asked, or the day's run ended. All of it has to be looked at.
    "ret_inbox_count",
    "ret_key_count",
    "ret_outbox_count",
];
/// Indexes that hold only what the statement looks for, or in the order in which it stops at its limit: read from their beginning.
const FROM_THE_BEGINNING: &[&str] = &[
    "claim_first",
    "claim_names",
    "doubt_all",
    "doubt_count",
    "inbox_list",
    "keys_newest",
    "lane_back",
    "lane_destinations",
    "lane_next",
    "lane_orphaned",
    "lauf_of_leases",
    "outbox_back",
    "outbox_held",
    "outbox_time_back",
    "outbox_under_way",
    // The last row of the audit trail, once in the life of a house, by whichever shows that something is missing.
    "recovery_lost",
    "recovery_shown",
    "ret_month_open",
    "ret_outbox_held",
    "ret_outbox_held_count",
    "vorgang_list",
];
/// They ask for all that is open, whatever its lane.
const OPEN: &[&str] = &["outbox_time_back", "outbox_under_way", "outbox_with_ways", "ret_month_open"];
/// Deliveries of a house that is being filled.
const DELIVERIES: i64 = 240;
/// So many of them at once.
const TOGETHER: usize = 20;
/// Rows of one big table that a small delivery, its sending and its settling come to by indexes, generously.
const EACH: i64 = 12;
/// Tables that grow with the work.
const BIG: &[&str] = &[
    "inbox",
    "outbox",
    "sealed",
    "audit",
    "mirror",
    "idempotency",
    "guard",
    "claim_use",
    "lane",
    "inbox_subject",
    "outbox_doomed",
    "waiting",
    "vorgang",
    "timer",
    "tombstone",
    "lieferung",
    "vorgang_spur",
];

/// How many entries of each index were read. Not of lanes: they are looked for from the beginning of their indexes, and the server
/// passes over those that went only where no transaction of its is older, be it in another database.
const ENTRIES: &str = "SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes WHERE idx_tup_read > 0 AND relname <> 'lane'";

const NAMES: &str = "SET search_path = drehscheibe, schluessel; SET plan_cache_mode = force_generic_plan";
const FILL: &str = "
  INSERT INTO mandant_key (id, mandant, wrapped) VALUES ('k', 'a', '');
  INSERT INTO stamp (mandant, partner, how, stage, test, key_id, acting_person, doc_version, decided_by)
    SELECT 'm' || n % 20, 'p' || n, 'x', 'test', true, 'k', '', '', '' FROM generate_series(1, 200) n;
  INSERT INTO sealed (nr, mandant_key, subject_key, data_key, body)
    SELECT (202701::bigint << 40) + n, 1, n, decode(md5(n::text), 'hex'), decode(md5(n::text), 'hex') FROM generate_series(1, 200000) n;
  INSERT INTO sealed (nr, mandant_key, subject_key, data_key, body)
    SELECT n, 1, n, '', '' FROM generate_series(1, 200000) n;
  INSERT INTO inbox SELECT (202701::bigint << 40) + n, md5(n::text)::uuid, n % 200 + 1, '', 'accepted', false, n, n, 'c', 'b',
    decode(md5(n::text), 'hex'), 'm', 'r', '', 1, decode(md5(n::text), 'hex'), true FROM generate_series(1, 100000) n;
  INSERT INTO inbox_id SELECT id, nr FROM inbox;
  INSERT INTO outbox (nr, id, lane, stamp, traceparent, cause, destination, partner, message, state, queued, settled)
    SELECT (202701::bigint << 40) + 100000 + n, md5('o' || n)::uuid, n, n % 200 + 1, '', md5(n::text)::uuid, 'c:' || n % 50, 'p', 'm',
    CASE WHEN n % 10 = 0 THEN 'queued' WHEN n % 1001 = 0 THEN 'retrying' WHEN n % 1009 = 0 THEN 'parked' ELSE 'sent' END, n, n
    FROM generate_series(1, 100000) n;
  INSERT INTO outbox_id SELECT id, nr FROM outbox;
  INSERT INTO lane (nr, name, destination, next_try, lease_until)
    SELECT n, decode(md5(n::text), 'hex'), 'c:' || n % 50, n, CASE WHEN n % 100 = 0 THEN n END FROM generate_series(1, 100000) n;
  INSERT INTO inbox_subject SELECT decode(md5(n::text), 'hex'), n FROM generate_series(1, 100000) n;
  INSERT INTO outbox_doomed SELECT nr FROM outbox;
  INSERT INTO idempotency SELECT decode(md5(n::text), 'hex'), '', md5(n::text)::uuid, false, 'accepted', '' FROM generate_series(1, 100000) n;
  INSERT INTO guard SELECT decode(md5(n::text), 'hex'), 1 FROM generate_series(1, 100000) n;
  INSERT INTO mirror SELECT n, md5(n::text)::uuid, n % 200 + 1, '', md5(n::text)::uuid, n, n FROM generate_series(1, 100000) n;
  INSERT INTO mirror_key SELECT decode(md5(n::text), 'hex'), n FROM generate_series(1, 100000) n;
  INSERT INTO vorgang SELECT 100000 + n, decode(md5(n::text), 'hex'), md5(n::text)::uuid, n % 200 + 1, '', 'j', 'entschieden', n, n
    FROM generate_series(1, 100000) n;
  INSERT INTO tombstone SELECT decode(md5(n::text), 'hex'), 1, '', n, n FROM generate_series(1, 100000) n;
  INSERT INTO lieferung SELECT 'p' || n % 200, n, decode(md5(n::text), 'hex'), 1 FROM generate_series(1, 100000) n;
  INSERT INTO vorgang_spur SELECT decode(md5('s' || n), 'hex'), decode(md5(n::text), 'hex') FROM generate_series(1, 100000) n;
  INSERT INTO timer SELECT md5(n::text)::uuid, n, n, 't', 1, '' FROM generate_series(1, 100000) n;
  INSERT INTO waiting (inbox, key, until, due) SELECT (202701::bigint << 40) + n, decode(md5(n::text), 'hex'), n, n
    FROM generate_series(1, 100000) n;
  INSERT INTO audit SELECT (202701::bigint << 40) + n, n, 1, '', md5(n::text)::uuid, 'x', '', '', 1, n, '', '' FROM generate_series(1, 100000) n;
  INSERT INTO claim_use SELECT md5(n::text), (202701::bigint << 40) + n, '' FROM generate_series(1, 100000) n;
  INSERT INTO command (id, what, at, sealed, state) SELECT md5(n::text)::uuid, 'x', n, '', 'done' FROM generate_series(1, 10000) n;
  ANALYZE;
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_reaches_big_tables_by_an_index() {
    let Some(house) = house().await else { return };
    let admin = house.server.admin(&house.database).await;
    admin.batch_execute(NAMES).await.unwrap();
    admin.batch_execute(FILL).await.unwrap();
    // Full tables lead to their indexes also where nothing forbids to read them whole.
    let mut wrong = whole_tables(&admin).await;
    wrong.extend(wrong_plans(&admin).await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The index of open rows keeps entries of those that have left until the server cleans up, and is never read for another key.
#[test]
fn open_rows_are_offered_by_their_index_only_where_the_lane_is_named() {
    let offered = || STATEMENTS.iter().filter(|(_, sql)| sql.contains("state <> 'sent'"));
    assert!(offered().count() > 3);
    let wrong: Vec<&str> = offered()
        .filter(|(name, sql)| !sql.contains("o.lane = ") && !OPEN.contains(name))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_house_is_planned_for_as_a_full_one() {
    let Some(house) = house().await else { return };
    let admin = house.server.admin(&house.database).await;
    let wrong = wrong_plans(&admin).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Found by measuring: a house that is filled for the first time was planned for by what the server had counted last, which was
/// nothing, and went on reading its growing tables whole until the server counted again. Its own checks of references did so too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_house_that_is_being_filled_reads_no_big_table_whole() {
    let Some(house) = house().await else { return };
    let admin = house.server.admin(&house.database).await;
    admin.batch_execute("ANALYZE").await.unwrap();
    deliver(&house, 0).await;
    let told =
        "SELECT relname::text, seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables ORDER BY 1";
    let calm = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    // A connection tells its figures when it ends.
    let figures = async || {
        while admin.query_one(calm, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let found = admin.query(told, &[]).await.unwrap();
        let found: Vec<(String, i64, i64)> =
            found.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        found.into_iter().filter(|(table, ..)| is_big(table)).collect::<Vec<_>>()
    };
    let whole: Vec<_> = figures().await.into_iter().filter(|(_, whole, _)| *whole > 0).collect();
    assert_eq!(whole, []);
    // Nor is an index read from end to end where the server has counted a small table: that grows with the table.
    admin.batch_execute("ANALYZE; SELECT pg_stat_reset()").await.unwrap();
    deliver(&house, DELIVERIES).await;
    let much: Vec<_> = figures()
        .await
        .into_iter()
        .filter(|(_, whole, by_index)| *whole > 0 || *by_index > DELIVERIES * EACH)
        .collect();
    assert_eq!(much, []);
    // Rows that were settled leave entries in the indexes of open ones until the server cleans up: read, although nothing is found.
    let entries = admin.query(ENTRIES, &[]).await.unwrap();
    let entries: Vec<(String, i64)> = entries.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(!entries.is_empty());
    let much: Vec<_> = entries.iter().filter(|(_, read)| *read > DELIVERIES * EACH).collect();
    assert_eq!(much, Vec::<&(String, i64)>::new());
}

/// Deliveries of a process of its own, each looked up, committed, sent and settled; many at once, as under load.
async fn deliver(house: &Served, from: i64) {
    let store = house.store(Stage::Test, 1).await.unwrap();
    store.begin_run().await.unwrap();
    for first in (from..from + DELIVERIES).step_by(TOGETHER) {
        let mut entries = Vec::new();
        for n in first..first + TOGETHER as i64 {
            let name = n.to_string();
            let questions = vec![Question::Mirror(key(&name)), Question::Tombstone(key(&name))];
            store.lookup(questions).await.unwrap();
            let mut entry = delivery("a", "p", &name);
            entry.effects.mirror = vec![put(Uuid::new_v4(), &name, &[&name])];
            entry.effects.sends = vec![send("c:x", None, "x")];
            entries.push(entry);
        }
        assert_eq!(store.commit(entries).await.unwrap(), vec![Committed::New; TOGETHER]);
        let lanes = store.claim(Want { lanes: TOGETHER, ..want(first + 1) }).await.unwrap();
        assert_eq!(lanes.len(), TOGETHER);
        let settles = lanes.iter().map(|lane| settling(lane, 0, sent(), true, first + 1));
        assert_eq!(store.settle(settles.collect()).await.unwrap(), [true; TOGETHER]);
    }
}

/// Statements that read a big table whole when the server is free to plan as it likes.
async fn whole_tables(admin: &Client) -> Vec<String> {
    admin.batch_execute("SET jit = off").await.unwrap();
    let mut wrong = Vec::new();
    for (name, sql) in STATEMENTS.iter().filter(|(name, _)| !WHOLE.contains(name)) {
        for line in plan(admin, name, sql).await {
            let table =
                line.split_once("Seq Scan on ").and_then(|(_, table)| table.split_whitespace().next());
            wrong.extend(table.filter(|table| is_big(table)).map(|_| format!("{name}: {}", line.trim())));
        }
    }
    wrong
}

/// Whether a table, or one of its partitions, grows with the work.
fn is_big(table: &str) -> bool {
    BIG.iter().any(|big| table == *big || table.starts_with(&format!("{big}_")))
}

/// Statements that read a big table whole, or an index of it from end to end, planned as the running program has them planned.
async fn wrong_plans(admin: &Client) -> Vec<String> {
    let fixed = PLANNED.split("-c ").filter(|word| !word.is_empty()).map(|word| format!("SET {word};"));
    admin.batch_execute(&fixed.collect::<String>()).await.unwrap();
    admin.batch_execute(NAMES).await.unwrap();
    let mut wrong = Vec::new();
    let mut looked = 0;
    for (name, sql) in STATEMENTS.iter().filter(|(name, _)| !WHOLE.contains(name)) {
        looked += 1;
        let plan = plan(admin, name, sql).await;
        for (at, line) in plan.iter().enumerate() {
            let whole = match line.split_once(" on ") {
                // A bitmap reads entries of rows that went again and again, see `PLANNED`.
                Some((node, table)) if node.contains("Seq Scan") || node.contains("Bitmap") => Some(table),
                // What limits it stands below it, deeper than the node itself.
                Some((node, table)) if node.contains("Index") && !FROM_THE_BEGINNING.contains(name) => {
                    let mut below = plan[at + 1..].iter().take_while(|next| depth(next) > depth(line));
                    let bounded = below.any(|next| next.contains("Index Cond"));
                    (!bounded).then_some(table)
                }
                _ => None,
            };
            let Some(table) = whole.and_then(|table| table.split_whitespace().next()) else { continue };
            if is_big(table) {
                wrong.push(format!("{name}: {}\n{}", line.trim(), plan.join("\n")));
            }
        }
    }
    assert!(looked > 120, "{looked}");
    wrong
}

/// How far a line of a plan is indented; the node itself begins behind its arrow.
fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

async fn plan(admin: &Client, name: &str, sql: &str) -> Vec<String> {
    let prepared = admin.batch_execute(&format!("PREPARE probe AS {sql}")).await;
    prepared.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let count = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'probe'";
    let count: i32 = admin.query_one(count, &[]).await.unwrap().get(0);
    let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
    let nulls = if count == 0 { String::new() } else { format!("({nulls})") };
    let plan = admin.simple_query(&format!("EXPLAIN EXECUTE probe{nulls}")).await.unwrap();
    admin.batch_execute("DEALLOCATE probe").await.unwrap();
    let row = |line: &SimpleQueryMessage| match line {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    plan.iter().filter_map(row).collect()
}
