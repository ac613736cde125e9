//! What leads to a Vorgang without being one: an entry under the id of a message that was sent of it, or of a delivery. Says nothing of
//! the case.

use crate::effects::Vorgang;
use crate::register::vorgang::Akte;

/// `art` of a Vorgang that only leads to another.
pub const ALIAS: &str = "sendung";

/// What leads to a Vorgang from a message that was sent of it, or from an id.
pub fn alias(vorgang: &Vorgang) -> Vorgang {
    let akte = Akte {
        art: ALIAS.to_owned(),
        partner: vorgang.akte.partner.clone(),
        nummer: vorgang.akte.nummer,
        transaktionsid: vorgang.akte.transaktionsid.clone(),
        ..Akte::default()
    };
    Vorgang { id: vorgang.id, owner: vorgang.owner.clone(), state: vorgang.state, deadline: None, akte }
}
