//! What a partner is told of a message of its own, from what the store knows of it. Decides nothing: `effects::stand` says what may be told.

use uuid::Uuid;

use crate::effects::stand::{self, Begun};
use crate::effects::{Fact, Question, Vorgang};
use crate::envelope::{Inbound, Stand, Verdict};
use crate::register::keys::{self, SearchKey};
use crate::store::entry::Entry;
use crate::transport::port::Busy;

use super::core::{Core, busy};

/// What a message of this partner began, if it began anything.
async fn begun(core: &Core, partner: &str, id: Uuid) -> Result<Option<(Vorgang, Option<Vorgang>)>, Busy> {
    let Some(alias) = vorgang(core, keys::nummer(id)).await? else { return Ok(None) };
    if alias.akte.partner != partner {
        return Ok(None);
    }
    let known = alias.akte.transaktionsid.as_deref().unwrap_or_default();
    let vorgang = vorgang(core, keys::vorgang(partner, known)).await?;
    Ok(Some((alias, vorgang)))
}

/// A Vorgang, or what leads to one.
pub async fn vorgang(core: &Core, key: SearchKey) -> Result<Option<Vorgang>, Busy> {
    let answers = core.store.lookup(vec![Question::Vorgang(key)]).await;
    let answers = answers.map_err(|_| busy("the store cannot be read now"))?;
    Ok(answers.into_iter().find_map(|answer| match answer.fact {
        Fact::Vorgang(vorgang) => vorgang,
        _ => None,
    }))
}

/// The stand of a message of this partner.
pub async fn of(core: &Core, partner: &str, (id, state): (Uuid, Inbound)) -> Result<Stand, Busy> {
    let begun = begun(core, partner, id).await?;
    let begun = begun.as_ref().map(|(alias, vorgang)| Begun { alias, vorgang: vorgang.as_ref() });
    Ok(stand::of(state, begun, core.clock.now()))
}

/// The verdict of an earlier delivery as its repeat gets it: it says of a request what asking says, and nothing of what the request does meanwhile.
pub async fn again(core: &Core, partner: Option<&str>, verdict: Verdict) -> Result<Verdict, Busy> {
    let Some(partner) = partner.filter(|_| verdict.again && !verdict.conflict) else { return Ok(verdict) };
    let Some((alias, vorgang)) = begun(core, partner, verdict.id).await? else { return Ok(verdict) };
    let begun = Begun { alias: &alias, vorgang: vorgang.as_ref() };
    let stand = stand::of(verdict.state, Some(begun), core.clock.now());
    let state = stand::repeated(verdict.state);
    Ok(Verdict { state, stand, ..verdict })
}

/// The stand of what was just kept.
pub fn first(core: &Core, entry: &Entry) -> Stand {
    let kept = |key: &SearchKey| {
        let mut all = entry.effects.vorgaenge.iter();
        all.find(|change| change.key == *key).map(|change| &change.vorgang)
    };
    let begun = kept(&keys::nummer(entry.envelope.head.id)).map(|alias| {
        let known = alias.akte.transaktionsid.as_deref().unwrap_or_default();
        Begun { alias, vorgang: kept(&keys::vorgang(&alias.akte.partner, known)) }
    });
    stand::of(entry.state, begun, core.clock.now())
}
