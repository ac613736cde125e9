//! Plans at 10⁵ rows: every statement reaches the big tables by an index. Those that count everything by their nature are named.

use drehscheibe::store::postgres::statements::STATEMENTS;

use super::house;

/// Figures and dumps look at everything; so does the list of claims that nobody needs, and the count of all old keys.
const WHOLE: &[&str] = &[
    "copy_rows",
    "essence_counts",
    "essence_inbox",
    "essence_mirror",
    "essence_outbox",
    "essence_vorgang",
    "figures_backlog",
    "figures_codes",
    "figures_inbound",
    "figures_mirror",
    "figures_oldest_waiting",
    "figures_repeats",
    "figures_timers",
    // Only where what is over is counted for a plan: a person asked, or the day's run ended. All of it has to be looked at.
    "ret_inbox_count",
    "ret_key_count",
    "ret_outbox_count",
];
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
];

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
    admin.batch_execute("SET search_path = drehscheibe, schluessel; SET plan_cache_mode = force_generic_plan; SET jit = off").await.unwrap();
    admin.batch_execute(FILL).await.unwrap();
    let mut wrong = Vec::new();
    let mut looked = 0;
    for (name, sql) in STATEMENTS.iter().filter(|(name, _)| !WHOLE.contains(name)) {
        admin
            .batch_execute(&format!("PREPARE probe AS {sql}"))
            .await
            .unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let count = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'probe'";
        let count: i32 = admin.query_one(count, &[]).await.unwrap().get(0);
        let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
        let nulls = if count == 0 { String::new() } else { format!("({nulls})") };
        let plan = admin.simple_query(&format!("EXPLAIN EXECUTE probe{nulls}")).await.unwrap();
        let plan: Vec<String> = plan
            .iter()
            .filter_map(|line| match line {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .collect();
        looked += 1;
        for line in &plan {
            let Some((_, table)) = line.split_once("Seq Scan on ") else { continue };
            let table = table.split_whitespace().next().unwrap_or_default();
            if BIG.iter().any(|big| table == *big || table.starts_with(&format!("{big}_"))) {
                wrong.push(format!("{name}: {}\n{}", line.trim(), plan.join("\n")));
            }
        }
        admin.batch_execute("DEALLOCATE probe").await.unwrap();
    }
    assert!(looked > 120, "{looked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
