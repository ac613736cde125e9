//! Negativauskünfte that rest on a key under which an entry opens an objection or a notice, writes, changes or removes a Registersatz, or says less
//! of a register than before: what of them has not left is taken back with the same commit, so that none leaves that would not be decided so today
//! (rules.md 2, 2.1). Of what may have left it only notes what speaks against it.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::postgres::ask::{Tx, rows, run};
use crate::store::postgres::base::Base;
use crate::store::postgres::values::{get, sql, tag};
use crate::store::postgres::winner::{Old, Winner};
use crate::store::postgres::{register, take_back};
use crate::store::sealing::prepare::{MirrorWork, Work};
use crate::store::sealing::speaks::Speaks;
use crate::store::sealing::take_back::{SPOKEN_AGAINST, TakeBackWork};
use crate::store::sealing::values::Stored;

/// Takes them back; returns whether a request is to run again. `mirror`: what changes or goes, as it stood before.
pub async fn all(
    base: &Base,
    tx: &Tx<'_>,
    winners: &[Winner<'_>],
    mirror: &HashMap<Uuid, Old>,
    month: i64,
) -> Stored<bool> {
    let left = |work: &Work| -> Vec<&Tag> {
        let changed = work.mirror.iter().filter_map(MirrorWork::changes);
        changed.filter_map(|id| mirror.get(&id)).flat_map(|old| &old.keys).collect()
    };
    let speaking: Vec<(&Work, BTreeMap<&Tag, Speaks>)> =
        winners.iter().map(|winner| (winner.work, winner.work.speaks_under(left(winner.work)))).collect();
    // Hardly ever anything rests on what a wave changes: one look for all of it.
    let keys: Vec<&[u8]> = speaking.iter().flat_map(|(_, under)| under.keys()).map(|key| &key[..]).collect();
    if keys.is_empty() {
        return Ok(false);
    }
    let found = rows(tx, sql!("trace_decided"), &[&keys]).await?;
    let mut resting: HashMap<Tag, Vec<Tag>> = HashMap::new();
    for r in &found {
        resting.entry(tag(get(r, 1)?)?).or_default().push(tag(get(r, 0)?)?);
    }
    let mut any = false;
    for (work, under) in speaking {
        let mut decided: BTreeMap<Tag, Speaks> = BTreeMap::new();
        for (key, speaks) in under {
            for vorgang in resting.get(key).into_iter().flatten() {
                let most = decided.entry(*vorgang).or_insert(speaks);
                *most = speaks.max(*most);
            }
        }
        if decided.is_empty() {
            continue;
        }
        let stands = register::vorgaenge_by(base, tx, decided.keys().map(|key| &key[..]).collect()).await?;
        for (vorgang, speaks) in decided {
            let back = stands
                .get(&vorgang)
                .and_then(|stands| TakeBackWork::of_negativ(work.id, vorgang, stands, &work.beside));
            let Some(back) = back else { continue };
            // Another entry of the same wave may have taken it back, or something of it has left.
            any |= take_back::spoken_against(tx, ((work.id, work.now), &back), speaks, month).await?;
        }
    }
    Ok(any)
}

/// Notes it with what rests on these keys, where no entry takes it back: it is decided anew before it leaves.
pub async fn note(tx: &Tx<'_>, keys: &[&[u8]]) -> Stored<()> {
    run(tx, sql!("trace_against"), &[&&SPOKEN_AGAINST[..], &keys]).await.map(drop)
}
