//! Negativauskünfte that rest on a key under which an entry opens an objection or a notice, or makes a Registersatz contested: what of them has
//! not left is taken back with the same commit, so that none leaves while what speaks against it lies here (rules.md 2.1). Looks at no answer of
//! which anything may have left.

use crate::store::postgres::base::Base;
use crate::store::postgres::commit::tag;
use crate::store::postgres::pool::{Tx, rows};
use crate::store::postgres::values::{get, sql};
use crate::store::postgres::write::Winner;
use crate::store::postgres::{read, take_back};
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::Stored;

/// Takes them back; returns whether a request is to run again.
pub async fn all(base: &Base, tx: &Tx<'_>, winners: &[Winner<'_>], month: i64) -> Stored<bool> {
    let mut any = false;
    for work in winners.iter().map(|winner| winner.work) {
        let keys: Vec<&[u8]> = work.speaks_under().map(|key| &key[..]).collect();
        if keys.is_empty() {
            continue;
        }
        let found = rows(tx, sql!("trace_decided"), &[&keys]).await?;
        let decided: Vec<&[u8]> = found.iter().map(|r| get(r, 0)).collect::<Stored<_>>()?;
        let stands = read::vorgaenge(base, tx, decided.clone()).await?;
        for vorgang in decided {
            let vorgang = tag(vorgang)?;
            let back = stands
                .get(&vorgang)
                .and_then(|stands| TakeBackWork::of_negativ(work.id, vorgang, stands, &work.beside));
            let Some(back) = back else { continue };
            // Another entry of the same wave may have taken it back, or something of it has left.
            any |= take_back::spoken_against(tx, ((work.id, work.now), &back), month).await?;
        }
    }
    Ok(any)
}
