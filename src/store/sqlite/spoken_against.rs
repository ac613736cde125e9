//! Negativauskünfte that rest on a key under which an entry opens an objection or a notice, or makes a Registersatz contested: what of them has
//! not left is taken back with the same commit, so that none leaves while what speaks against it lies here (rules.md 2.1). Looks at no answer of
//! which anything may have left.

use std::collections::BTreeSet;

use crate::seal::index::Tag;
use crate::store::sealing::prepare::Work;
use crate::store::sealing::take_back::TakeBackWork;
use crate::store::sealing::values::Stored;
use crate::store::sqlite::values::{sql, trouble};
use crate::store::sqlite::writer::Scene;
use crate::store::sqlite::{register, take_back};

/// Takes them back; returns whether a request is to run again.
pub fn all(scene: &mut Scene<'_>, work: &Work) -> Stored<bool> {
    let mut decided: BTreeSet<Tag> = BTreeSet::new();
    for key in work.speaks_under() {
        let mut list = scene.connection.prepare_cached(sql!("trace_decided")).map_err(trouble)?;
        let found = list.query_map([&key[..]], |r| r.get::<_, Tag>(0)).map_err(trouble)?;
        for vorgang in found {
            decided.insert(vorgang.map_err(trouble)?);
        }
    }
    let mut any = false;
    for vorgang in decided {
        let stands = register::vorgang(scene.connection, scene.keyring, &vorgang)?;
        let back =
            stands.and_then(|stands| TakeBackWork::of_negativ(work.id, vorgang, &stands, &work.beside));
        if let Some(back) = back {
            any |= take_back::spoken_against(scene, (work.id, work.now), &back)?;
        }
    }
    Ok(any)
}
