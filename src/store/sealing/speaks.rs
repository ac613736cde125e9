//! What an entry says against Negativauskünfte that rest on the same keys. Looks at no row and takes nothing back itself.

use crate::effects::Vorgang;
use crate::seal::index::Tag;
use crate::store::sealing::prepare::{MirrorWork, Work};

impl Work {
    /// The keys under which this entry says that there may be an Eintragung: those that its objections move, those of notices that are open with it
    /// as a Vorgang alone, and those of Registersätze that are contested or being clarified with it.
    pub fn speaks_under(&self) -> impl Iterator<Item = &Tag> {
        let open = |stands: &Vorgang| stands.state.open() && !stands.akte.offen.is_empty();
        let notices = self.vorgaenge.iter().filter(move |(_, stands, _)| open(stands)).map(|(key, ..)| key);
        let contested = self.mirror.iter().flat_map(|change| match change {
            MirrorWork::Put { keys, contested: true, .. } => keys.as_slice(),
            MirrorWork::Put { .. } | MirrorWork::Remove { .. } => &[],
        });
        self.moved_by_objections().chain(notices).chain(contested)
    }
}
