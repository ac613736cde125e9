//! Negativauskünfte that rest on a key under which an entry opens an objection or a notice, writes, changes or removes a Registersatz, or says less
//! of a register than before: what of them has not left is taken back with the same commit, so that none leaves that would not be decided so today
//! (rules.md 2, 2.1). Of what may have left it only notes what speaks against it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params;

use crate::seal::index::Tag;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::speaks::Speaks;
use crate::store::sealing::take_back::{SPOKEN_AGAINST, TakeBackWork};
use crate::store::sealing::values::Stored;
use crate::store::sqlite::scene::Scene;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::{register, take_back};

/// Takes them back; returns whether a request is to run again. `left`: the keys under which what changes or goes stood before.
pub fn all(scene: &mut Scene<'_>, work: &Work, left: &BTreeSet<Tag>) -> Stored<bool> {
    let mut decided: BTreeMap<Tag, Speaks> = BTreeMap::new();
    let under = work.speaks_under(left);
    if under.is_empty() {
        return Ok(false);
    }
    // Hardly ever anything rests on them: one statement, which is taken out once for all of them.
    let mut list = scene.connection.prepare_cached(sql!("trace_decided")).map_err(trouble)?;
    for (key, speaks) in under {
        let found = list.query_map([&key[..]], |r| r.get::<_, Tag>(0)).map_err(trouble)?;
        for vorgang in found {
            let most = decided.entry(vorgang.map_err(trouble)?).or_insert(speaks);
            *most = speaks.max(*most);
        }
    }
    drop(list);
    let mut any = false;
    for (vorgang, speaks) in decided {
        let stands = register::vorgang(scene.connection, scene.keyring, &vorgang)?;
        let back =
            stands.and_then(|stands| TakeBackWork::of_negativ(work.id, vorgang, &stands, &work.beside));
        if let Some(back) = back {
            any |= take_back::spoken_against(scene, (work.id, work.now), &back, speaks)?;
        }
    }
    Ok(any)
}

/// Notes it with what rests on these keys, where no entry takes it back: it is decided anew before it leaves.
pub fn note(scene: &Scene<'_>, keys: &[Tag]) -> Stored<()> {
    for key in keys {
        scene.run(sql!("trace_against"), params![SPOKEN_AGAINST, key])?;
    }
    Ok(())
}
