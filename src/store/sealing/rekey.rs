//! What making search keys anew does alike in every back end: the HMACs of a record's keys of this version.
//! Never touches the database.

use uuid::Uuid;

use crate::register::keys::{of, satz};
use crate::register::record::Registersatz;
use crate::seal::index::Tag;
use crate::store::sealing::keys::Keys;

/// All keys of a record in this version, as its delivery would write them.
pub fn tags(keys: &Keys, id: Uuid, registersatz: &Registersatz) -> Vec<Tag> {
    let all = of(registersatz).into_iter().chain([satz(id)]);
    all.map(|key| keys.search.tag(&key.octets())).collect()
}
