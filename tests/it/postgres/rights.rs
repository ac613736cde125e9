//! Row-level security and roles: every reading statement across two Mandanten and two partners, with the narrowing of the
//! statement itself taken away; and what each role may not do at all.

use std::collections::BTreeSet;

use drehscheibe::effects::{Timer, Vorgang, VorgangChange, VorgangState};
use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::rejection::{Fault, Rejection};
use drehscheibe::store::contract::Store;
use drehscheibe::store::postgres::statements::STATEMENTS;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::house;
use crate::store_contract::common::{at, claim, commit_one, delivery, key, later, parked, put, send, settle};
use crate::store_contract::follow::followed;

async fn fill(store: &dyn Store) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for (mandant, partner) in [("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")] {
        let name = format!("{mandant}{partner}");
        let mut entry = delivery(mandant, partner, &name);
        entry.state = Inbound::Waiting;
        entry.rejections = vec![Rejection::new(Fault::Rule, "Regel verletzt.")];
        entry.waits = Some((key("w"), at(5_000)));
        entry.effects.mirror = vec![put(Uuid::new_v4(), &name, &[&name])];
        let vorgang = Vorgang {
            id: Uuid::new_v4(),
            owner: "jga:1".into(),
            state: VorgangState::Eingegangen,
            deadline: None,
            akte: Default::default(),
        };
        entry.effects.vorgaenge = vec![VorgangChange { key: key(&format!("v{name}")), vorgang }];
        entry.effects.timers =
            vec![Timer { id: Uuid::new_v4(), due: at(1), name: "timer t".into(), body: "".into(), of: None }];
        entry.effects.sends = ["r:p", "r:q", "s:p", "f:p"].map(|to| send(to, None, &name)).into();
        ids.push(commit_one(store, entry).await);
        store.commit(vec![delivery(mandant, partner, &name)]).await.unwrap();
    }
    // More lanes than are leased at once.
    for _ in 0..2 {
        for lane in claim(store, 1).await {
            let outcome = match lane.destination.as_str() {
                "s:p" => later(500),
                "f:p" => followed(30, 100),
                _ => parked(),
            };
            assert!(settle(store, &lane, 0, outcome, true, 2).await);
        }
    }
    ids
}

async fn login(house: &super::Served) -> Client {
    let url = house.server.url("laufzeit", &house.database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET search_path = drehscheibe").await.unwrap();
    client
}

/// What a statement shows when the database sees one scope and the statement is told another one; as sorted lines.
async fn shown(
    client: &mut Client,
    name: &str,
    scope: (&str, Option<&str>, Option<&str>),
    told: (Option<&str>, Option<&str>),
    ids: &[Uuid],
) -> String {
    let sql = STATEMENTS.iter().find(|(of, _)| *of == name).unwrap().1;
    let sql =
        format!("SELECT coalesce(string_agg(x::text, E'\\n' ORDER BY x::text), '') FROM (\n{sql}\n) AS x");
    let tx = client.transaction().await.unwrap();
    let set = "SELECT set_config('drehscheibe.sicht', $1, true), set_config('drehscheibe.mandant', $2, true),
      set_config('drehscheibe.partner', $3, true)";
    let (kind, mandant, partner) = (scope.0, scope.1.unwrap_or(""), scope.2.unwrap_or(""));
    tx.query(set, &[&kind, &mandant, &partner]).await.unwrap();
    tx.batch_execute("SET LOCAL ROLE drehscheibe_sicht").await.unwrap();
    let (m, p) = told;
    let (states, none, most): (Vec<&str>, Option<Uuid>, i64) = (vec![], None, 1000);
    let (blind, destination) = (&[0u8; 16][..], "s:p");
    let before: Option<i64> = None;
    let (first, last, any) = (Uuid::nil(), Uuid::max(), None::<&str>);
    let values: Vec<&(dyn ToSql + Sync)> = match name {
        "inbox_list" => vec![&m, &p, &states, &none, &most],
        "inbox_list_by_id" => vec![&m, &p, &states, &none, &most, &ids[0]],
        "inbox_list_by_transport" => vec![&m, &p, &states, &none, &most, &blind, &none],
        "inbox_sought" => {
            vec![&m, &p, &states, &none, &most, &first, &last, &any, &any, &any, &any]
        }
        "inbox_original" | "follow_proof" => vec![&ids[0], &m, &p],
        "outbox_of_cause" => vec![&ids, &m, &p],
        "outbox_held" => vec![&m, &p, &most],
        "vorgang_list" => vec![&m, &p, &most, &before],
        "mirror_list" => vec![&m, &p, &none, &most],
        "figures_last_cause" | "figures_follow_cause" => vec![&m, &p, &destination],
        _ => vec![&m, &p],
    };
    let found = tx.query_one(&sql, &values).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    found.get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reading_statement_keeps_to_the_scope_without_its_own_narrowing() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    let ids = fill(&store).await;
    let mut client = login(&house).await;
    // Those that narrow by a scope; a new one cannot be forgotten.
    let narrowing: BTreeSet<&str> = STATEMENTS
        .iter()
        .filter(|(_, sql)| sql.contains("::text IS NULL OR "))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(narrowing.len(), 21, "{narrowing:?}");
    let scopes = [
        ("mandant", Some("a"), None),
        ("mandant", Some("c"), None),
        ("partner", Some("a"), Some("p")),
        ("partner", Some("b"), Some("p")),
        ("partner", Some("a"), Some("nobody")),
        ("partner", None, Some("p")),
    ];
    let mut telling = 0;
    for name in narrowing {
        let all = shown(&mut client, name, ("alle", None, None), (None, None), &ids).await;
        for scope in scopes {
            let by_database = shown(&mut client, name, scope, (None, None), &ids).await;
            let told = (Some(scope.1.unwrap_or("")), scope.2);
            let by_statement = shown(&mut client, name, ("alle", None, None), told, &ids).await;
            assert_eq!(by_database, by_statement, "{name} {scope:?}");
            telling += usize::from(by_database != all && !by_database.is_empty());
        }
        let nothing = shown(&mut client, name, ("", None, None), (None, None), &ids).await;
        let nobody = shown(&mut client, name, ("mandant", Some("c"), None), (None, None), &ids).await;
        assert_eq!(nothing, nobody, "{name}: without a scope nothing is seen");
    }
    assert!(telling > 30, "most show something of their own and not all: {telling}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_role_may_do_more_than_it_needs() {
    let Some(house) = house().await else { return };
    let store = house.store(Stage::Test, 1).await.unwrap();
    fill(&store).await;
    let client = login(&house).await;
    let denied = [
        ("", "CREATE TABLE drehscheibe.x (n int)"),
        ("", "DROP TABLE drehscheibe.inbox"),
        ("", "ALTER TABLE drehscheibe.inbox DISABLE ROW LEVEL SECURITY"),
        ("", "DELETE FROM audit"),
        ("", "UPDATE audit SET detail = ''"),
        ("", "DELETE FROM abrufprotokoll"),
        ("", "UPDATE refinery_schema_history SET version = 7"),
        ("", "SELECT * FROM schluessel.meta; UPDATE schluessel.subject_key SET wrapped = ''"),
        ("drehscheibe_abruf", "SELECT * FROM inbox"),
        ("drehscheibe_abruf", "SELECT * FROM outbox"),
        ("drehscheibe_abruf", "DELETE FROM mirror"),
        ("drehscheibe_sicht", "SELECT body FROM sealed"),
        ("drehscheibe_sicht", "SELECT * FROM guard"),
        ("drehscheibe_sicht", "SELECT * FROM inbox_subject"),
        ("drehscheibe_abruf", "SELECT * FROM inbox_subject"),
        ("drehscheibe_lauf", "UPDATE outbox_doomed SET nr = 0"),
        ("drehscheibe_sicht", "DELETE FROM inbox"),
        ("drehscheibe_sicht", "SELECT * FROM schluessel.subject_key"),
    ];
    for (role, sql) in denied {
        let set = if role.is_empty() { String::new() } else { format!("SET LOCAL ROLE {role}; ") };
        let error = client.batch_execute(&format!("BEGIN; {set}{sql}; COMMIT")).await.expect_err(sql);
        let code = error.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{role}: {sql}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    for part in ["inbox_202701", "sealed_202701", "outbox_202701"] {
        let direct = client.batch_execute(&format!("SELECT * FROM {part}")).await;
        assert!(direct.is_err(), "no way round the rules by a partition: {part}");
    }
}
