//! Retention on PostgreSQL: what is over, class by class, and its removal, each slice in one transaction and one process at a
//! time. Months that are over go whole, by a function of the owner; rows go in `retention_rows`. Never decides a period.

use deadpool_postgres::GenericClient;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::register::fristen::{Klasse, REGELN, VORWARNUNG};
use crate::store::postgres::ask::{Tx, Values, one, rows, run};
use crate::store::postgres::audit::Trail;
use crate::store::postgres::base::Base;
use crate::store::postgres::pool::transact;
use crate::store::postgres::values::{get, month, sql};
use crate::store::postgres::{deliveries, house, objections, remove, retention_rows};
use crate::store::retention::{DELIVERIES, Faellig, Scheibe, Stichtag};
use crate::store::sealing::endet::{self, PASS, Removed};
use crate::store::sealing::values::{Stored, count, limit, micros, time};

/// So far ahead months have their partitions before the first row comes.
const AHEAD: [i64; 3] = [0, 31, 62];

/// The first number of the month of a moment.
fn first_of(at: Timestamp) -> i64 {
    month(at) << 40
}

async fn counted(on: &impl GenericClient, sql: &str, values: Values<'_>) -> Stored<(u64, Option<i64>)> {
    let Some(found) = one(on, sql, values).await? else { return Ok((0, None)) };
    let n: Option<i64> = get(&found, 0)?;
    Ok((count(n.unwrap_or(0)), get(&found, 1)?))
}

/// What would go now.
pub async fn plan(base: &Base, stichtag: &Stichtag) -> Stored<Vec<Faellig>> {
    let mut planned = Vec::with_capacity(REGELN.len());
    for regel in REGELN {
        planned.push(of_class(base, stichtag, regel.klasse).await?);
    }
    Ok(planned)
}

async fn of_class(base: &Base, stichtag: &Stichtag, klasse: Klasse) -> Stored<Faellig> {
    let mut faellig = Faellig::nichts(klasse, stichtag);
    let (bis, first) = (micros(faellig.bis), first_of(faellig.bis));
    let moment = micros(stichtag.fristen.moment(klasse, stichtag.now));
    let client = base.db.get().await?;
    let counts = match klasse {
        Klasse::Registersaetze => {
            drop(client);
            (faellig.anzahl, faellig.ohne_datum) = retention_rows::records_over(base, stichtag.heute).await?;
            return Ok(faellig);
        }
        Klasse::Zurueckgestellt => {
            let soon = micros(faellig.bis.checked_add(VORWARNUNG).unwrap_or(faellig.bis));
            let mut found = Vec::new();
            for at in [soon, bis] {
                found = vec![
                    counted(&client, sql!("ret_inbox_held_count"), &[&at]).await?,
                    counted(&client, sql!("ret_outbox_held_count"), &[&at]).await?,
                ];
                if at == soon {
                    faellig.bald = found.iter().map(|(n, _)| n).sum();
                }
            }
            found
        }
        Klasse::Nachrichten => vec![
            counted(&client, sql!("ret_inbox_count"), &[&first, &moment]).await?,
            counted(&client, sql!("ret_outbox_count"), &[&first, &moment]).await?,
        ],
        Klasse::Vorgaenge => vec![counted(&client, sql!("ret_vorgang_count"), &[&bis]).await?],
        Klasse::Schluessel => match pass(&client, PASS, (stichtag, klasse)).await? {
            None | Some(Pass { fertig: true, .. }) => Vec::new(),
            _ => vec![
                counted(&client, sql!("ret_key_count"), &[&bis]).await?,
                counted(&client, sql!("ret_objection_count"), &[&bis]).await?,
            ],
        },
        Klasse::Loeschmarken => vec![counted(&client, sql!("ret_tombstone_count"), &[&bis]).await?],
        Klasse::Abrufprotokoll => vec![counted(&client, sql!("ret_abruf_count"), &[&first]).await?],
        Klasse::Cockpitlog => vec![counted(&client, sql!("ret_cockpit_count"), &[&first]).await?],
        Klasse::Nachweise => vec![counted(&client, sql!("ret_audit_count"), &[&first]).await?],
        Klasse::Befehle => vec![counted(&client, sql!("ret_command_count"), &[&bis]).await?],
    };
    faellig.anzahl = counts.iter().map(|(n, _)| n).sum();
    faellig.aelteste = counts.iter().filter_map(|(_, oldest)| *oldest).min().map(time);
    faellig.bald = faellig.bald.saturating_sub(faellig.anzahl);
    Ok(faellig)
}

/// How far a pass has come.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// Behind which key it goes on.
    pub key: Vec<u8>,
    /// At which number it goes on.
    pub nr: i64,
    /// Whether it has begun.
    pub begun: bool,
    /// Whether it is done.
    pub fertig: bool,
}

/// How far the pass of this name has come for what a class keeps at a moment; from the beginning for another one, and `None` where another
/// run does more than this one.
pub async fn pass(
    on: &impl GenericClient,
    was: &str,
    (stichtag, klasse): (&Stichtag, Klasse),
) -> Stored<Option<Pass>> {
    let Some(r) = one(on, sql!("ret_pass_get"), &[&was]).await? else { return Ok(Some(Pass::default())) };
    let of: i64 = get(&r, 0)?;
    if of != micros(stichtag.fristen.grenze(klasse, stichtag.now)) {
        return Ok((!stichtag.ueberholt(klasse, time(of))).then(Pass::default));
    }
    let key: Option<Vec<u8>> = get(&r, 1)?;
    Ok(Some(Pass { key: key.unwrap_or_default(), nr: get(&r, 2)?, begun: true, fertig: get(&r, 3)? }))
}

/// Notes how far a pass has come.
pub async fn note_pass(tx: &Tx<'_>, was: &str, grenze: i64, pass: &Pass) -> Stored<()> {
    run(tx, sql!("ret_pass_set"), &[&was, &grenze, &pass.key, &pass.nr, &pass.fertig]).await.map(drop)
}

/// Does the next slice.
pub async fn retain(base: &Base, stichtag: &Stichtag, most: usize) -> Stored<Option<Scheibe>> {
    for days in AHEAD {
        let at = stichtag.now.checked_add(SignedDuration::from_hours(days * 24)).unwrap_or(stichtag.now);
        base.month(at).await?;
    }
    let stamp = house::own(base, &stichtag.person).await?;
    for regel in REGELN {
        let klasse = regel.klasse;
        let removed: Option<Removed> = transact!(base.db, tx => async {
            let turn = one(&tx, sql!("ret_turn"), &[]).await?;
            if !turn.map(|r| get(&r, 0)).transpose()?.unwrap_or(false) {
                return Ok(None);
            }
            let removed = one_class(base, &tx, stichtag, klasse, most.max(1)).await?;
            if removed.anzahl > 0 {
                let mut trail = Trail::default();
                let detail = json!({
                    "klasse": klasse.wort(),
                    "anzahl": removed.anzahl,
                    "bis": stichtag.fristen.grenze(klasse, stichtag.now),
                    "ids": removed.ids,
                    "mit": removed.along,
                });
                trail.push(stichtag.now, (stamp, ""), None, "retention.removed", &detail)?;
                trail.write(&tx, month(stichtag.now)).await?;
            }
            Ok(Some(removed))
        }.await)?;
        let Some(removed) = removed else { return Ok(None) };
        if matches!(klasse, Klasse::Registersaetze | Klasse::Vorgaenge) && removed.anzahl > 0 {
            // Where it fails now, opening the store does it: the list is durable.
            let _ = remove::destroy_listed(base).await;
        }
        if removed.anzahl > 0 || removed.prepared {
            return Ok(Some(Scheibe { klasse, anzahl: removed.anzahl }));
        }
    }
    Ok(None)
}

async fn one_class(
    base: &Base,
    tx: &Tx<'_>,
    stichtag: &Stichtag,
    klasse: Klasse,
    most: usize,
) -> Stored<Removed> {
    let bis = stichtag.fristen.grenze(klasse, stichtag.now);
    let moment = micros(stichtag.fristen.moment(klasse, stichtag.now));
    match klasse {
        Klasse::Registersaetze => retention_rows::records(base, tx, stichtag, most).await,
        Klasse::Zurueckgestellt => retention_rows::held(tx, micros(bis), stichtag.now, most).await,
        Klasse::Nachrichten => messages(base, tx, stichtag, (bis, moment), most).await,
        Klasse::Vorgaenge => retention_rows::vorgaenge(base, tx, micros(bis), stichtag.now, most).await,
        Klasse::Schluessel => keys(tx, stichtag, micros(bis), most).await,
        Klasse::Loeschmarken => {
            let removed = tombstones(tx, micros(bis), most).await?;
            match removed.anzahl > 0 || removed.prepared {
                true => Ok(removed),
                false => ended(base, tx, stichtag, most).await,
            }
        }
        Klasse::Abrufprotokoll => log(base, tx, "abrufprotokoll", klasse, bis).await,
        Klasse::Cockpitlog => log(base, tx, "cockpitlog", klasse, bis).await,
        Klasse::Nachweise => log(base, tx, "audit", klasse, bis).await,
        Klasse::Befehle => {
            let pauses = run(tx, sql!("ret_pause_delete"), &[&micros(bis)]).await?;
            let commands = run(tx, sql!("ret_command_delete"), &[&micros(bis), &limit(most)]).await?;
            Ok(Removed { anzahl: pauses + commands, ..Removed::default() })
        }
    }
}

/// The months of a table before a moment, oldest first.
async fn months(tx: &Tx<'_>, table: &str, bis: Timestamp) -> Stored<Vec<i32>> {
    let found = rows(tx, sql!("ret_months"), &[&table]).await?;
    let all: Vec<i32> = found.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    Ok(all.into_iter().filter(|one| i64::from(*one) < month(bis)).collect())
}

async fn dropped(base: &Base, tx: &Tx<'_>, was: &str, of: i32, bis: i64) -> Stored<Option<u64>> {
    let found = one(tx, sql!("ret_month_drop"), &[&was, &of, &bis]).await?;
    let n: Option<i64> = found.map(|r| get(&r, 0)).transpose()?.flatten();
    base.forget_month(i64::from(of));
    Ok(n.map(count))
}

/// The oldest month of a log that is over.
async fn log(base: &Base, tx: &Tx<'_>, table: &str, klasse: Klasse, bis: Timestamp) -> Stored<Removed> {
    for of in months(tx, table, bis).await? {
        let n = dropped(base, tx, klasse.wort(), of, micros(bis)).await?;
        // A month without rows is gone, too, and counts for nothing.
        if let Some(anzahl) = n.filter(|n| *n > 0) {
            return Ok(Removed { anzahl, ..Removed::default() });
        }
    }
    Ok(Removed::default())
}

/// Messages by months: a month in which all is over is cleared of what names its rows, in slices, and then dropped; of one in
/// which something still waits the rows that are over go one by one.
async fn messages(
    base: &Base,
    tx: &Tx<'_>,
    stichtag: &Stichtag,
    (bis, moment): (Timestamp, i64),
    most: usize,
) -> Stored<Removed> {
    let (grenze, of_run) = (micros(bis), (stichtag, Klasse::Nachrichten));
    'months: for of in months(tx, "inbox", bis).await? {
        let range = (i64::from(of) << 40, (i64::from(of) + 1) << 40);
        let names = [format!("inbox {of}"), format!("outbox {of}")];
        let Some(first) = pass(tx, &names[0], of_run).await? else { continue };
        let open = match first.begun {
            true => false,
            false => {
                let found = one(tx, sql!("ret_month_open"), &[&range.0, &range.1, &moment]).await?;
                found.map(|r| get(&r, 0)).transpose()?.unwrap_or(true)
            }
        };
        if open {
            let removed = retention_rows::messages(tx, range, moment, most).await?;
            if removed.anzahl > 0 {
                return Ok(removed);
            }
            continue;
        }
        for (name, sends) in names.iter().zip([false, true]) {
            let Some(at) = pass(tx, name, of_run).await? else { continue 'months };
            if at.fertig {
                continue;
            }
            let next = retention_rows::unname(tx, sends, (at.nr.max(range.0), range.1), most).await?;
            let fertig = next.is_none();
            let nr = next.unwrap_or(range.1);
            note_pass(tx, name, grenze, &Pass { nr, fertig, ..Pass::default() }).await?;
            if !fertig {
                return Ok(Removed { prepared: true, ..Removed::default() });
            }
        }
        run(tx, sql!("ret_pass_delete"), &[&names.to_vec()]).await?;
        if let Some(anzahl) = dropped(base, tx, "nachrichten", of, moment).await?
            && anzahl > 0
        {
            return Ok(Removed { anzahl, ..Removed::default() });
        }
    }
    Ok(Removed::default())
}

/// One page of the pass over the keys; a key of an older program gets its time first.
async fn keys(tx: &Tx<'_>, stichtag: &Stichtag, bis: i64, most: usize) -> Stored<Removed> {
    let at = pass(tx, PASS, (stichtag, Klasse::Schluessel)).await?;
    let Some(at) = at.filter(|at| !at.fertig) else { return Ok(Removed::default()) };
    if !at.begun {
        // Closed objections are kept for the same reason as keys.
        let over = rows(tx, sql!("ret_objection_closed"), &[&bis, &limit(most)]).await?;
        let over: Vec<i64> = over.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
        objections::delete(tx, &over).await?;
        if !over.is_empty() {
            return Ok(Removed { anzahl: over.len() as u64, ..Removed::default() });
        }
    }
    let page = rows(tx, sql!("ret_key_page"), &[&at.key, &limit(most)]).await?;
    let (mut over, mut undated) = (Vec::new(), Vec::new());
    for r in &page {
        let (key, since): (&[u8], Option<i64>) = (get(r, 0)?, get(r, 1)?);
        match since {
            None => undated.push(key),
            Some(since) if since < bis => over.push(key),
            Some(_) => {}
        }
    }
    if !undated.is_empty() {
        run(tx, sql!("ret_key_date"), &[&undated, &micros(stichtag.now)]).await?;
    }
    if !over.is_empty() {
        run(tx, sql!("ret_key_delete"), &[&over]).await?;
    }
    let fertig = page.len() < most;
    let key = page.last().map(|r| get::<Vec<u8>>(r, 0)).transpose()?.unwrap_or(at.key);
    note_pass(tx, PASS, bis, &Pass { key, fertig, ..Pass::default() }).await?;
    Ok(Removed { anzahl: over.len() as u64, prepared: !fertig, ..Removed::default() })
}

/// A tombstone is a fact of a bucket: who decided on it decides again.
async fn tombstones(tx: &Tx<'_>, bis: i64, most: usize) -> Stored<Removed> {
    let due = rows(tx, sql!("ret_tombstone_due"), &[&bis, &limit(most)]).await?;
    let keys: Vec<&[u8]> = due.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    let mut anzahl = 0;
    if !keys.is_empty() {
        rows(tx, sql!("guard_bump"), &[&keys]).await?;
        anzahl = run(tx, sql!("ret_tombstone_delete"), &[&keys]).await?;
    }
    let forgotten = deliveries::forget(tx, bis.saturating_sub(DELIVERIES), most).await?;
    Ok(Removed { anzahl, prepared: forgotten >= most as u64, ..Removed::default() })
}

/// Objections end with the childhood that they speak of, as tombstones do with their time.
async fn ended(base: &Base, tx: &Tx<'_>, stichtag: &Stichtag, most: usize) -> Stored<Removed> {
    let days = endet::bis(&base.keyring, stichtag.heute);
    let days: Vec<&[u8]> = days.iter().map(|day| &day[..]).collect();
    let over = rows(tx, sql!("ret_objection_ended"), &[&days, &limit(most)]).await?;
    let over: Vec<i64> = over.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
    objections::delete(tx, &over).await?;
    Ok(Removed { anzahl: over.len() as u64, ..Removed::default() })
}
