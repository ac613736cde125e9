//! What an entry says against Negativauskünfte that rest on the same keys. Looks at no row and takes nothing back itself.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::effects::Vorgang;
use crate::seal::index::Tag;
use crate::store::lane::Anew;
use crate::store::sealing::prepare::{MirrorWork, Work};

/// How long what is said under a key speaks against an answer that cannot be taken back, because something of it may have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaks {
    /// As long as it stands there: whoever looks before a repeat sees it, and its end.
    While,
    /// From now on: what the answer rests on is not there any more as it was, and nobody who looks later sees that.
    FromNow,
}

impl Speaks {
    /// Whether it is noted with an answer that it cannot take back, by what would become of that.
    pub fn is_noted(self, anew: Anew) -> bool {
        match anew {
            Anew::Runs => false,
            Anew::Busy | Anew::Gone => true,
            Anew::Left => self == Speaks::FromNow,
        }
    }
}

impl Work {
    /// The keys under which this entry ends what an answer may rest on, each with how long it speaks: those that its objections move, those of
    /// offices of whose register less is said, those of notices that are open with it as a Vorgang alone, and those of Registersätze that are new,
    /// say something else, or go (`left`: the keys under which what changes or goes stood before).
    pub fn speaks_under<'a>(&'a self, left: impl IntoIterator<Item = &'a Tag>) -> BTreeMap<&'a Tag, Speaks> {
        let open = |stands: &Vorgang| stands.state.open() && !stands.akte.offen.is_empty();
        let notices = self.vorgaenge.iter().filter(move |(_, stands, _)| open(stands)).map(|(key, ..)| key);
        let records = self.mirror.iter().flat_map(|change| match change {
            MirrorWork::Put { keys, as_before: false, .. } => keys.as_slice(),
            MirrorWork::Put { .. } | MirrorWork::Remove { .. } => &[],
        });
        let passing = self.moved_by_objections().chain(&self.less_said).map(|key| (key, Speaks::While));
        let lasting = notices.chain(records).chain(left).map(|key| (key, Speaks::FromNow));
        passing.chain(lasting).collect()
    }
}

impl MirrorWork {
    /// The record of which this says something else than before, or that it goes.
    pub fn changes(&self) -> Option<Uuid> {
        match self {
            MirrorWork::Put { as_before: true, .. } => None,
            MirrorWork::Put { id, .. } | MirrorWork::Remove { id, .. } => Some(*id),
        }
    }
}
