//! Answers that are taken back, as both back ends are told of them. Never looks at a row.

use std::sync::Arc;

use uuid::Uuid;

use crate::effects::{TakeBack, Then, Vorgang};
use crate::seal::index::{TAG_LEN, Tag};
use crate::store::decide::{self, Owed};
use crate::store::lane::Unsent;
use crate::store::sealing::keys::Keys;

/// The trace that a Negativauskunft is given when something speaks against it under a key that it rests on while somebody has it in hand, nobody can
/// decide it anew, or something of it may have left: no key of a child or an office is made of it. It goes when the request runs again.
pub const SPOKEN_AGAINST: Tag = [0; TAG_LEN];

/// An answer that is taken back.
#[derive(Debug)]
pub struct TakeBackWork {
    /// The request.
    pub cause: Uuid,
    /// The key of its Vorgang.
    pub vorgang: Tag,
    /// Message types that say nothing of an answer.
    pub beside: Arc<[String]>,
    /// What becomes of the request.
    pub then: Then,
}

impl TakeBackWork {
    /// The same, its key made blind.
    pub fn of(keyring: &Keys, back: &TakeBack) -> TakeBackWork {
        TakeBackWork::blind(back, keyring.search.tag(&back.vorgang.octets()))
    }

    /// The same under a key that is blind already.
    pub fn blind(back: &TakeBack, vorgang: Tag) -> TakeBackWork {
        TakeBackWork { cause: back.cause, vorgang, beside: back.beside.clone(), then: back.then }
    }

    /// The Negativauskunft of a decided Vorgang that an objection speaks against; `None` of what is none, and of the entry's own.
    pub fn of_negativ(
        entry: Uuid,
        vorgang: Tag,
        stands: &Vorgang,
        beside: &Arc<[String]>,
    ) -> Option<TakeBackWork> {
        let cause = stands.akte.nummer.filter(|cause| stands.is_negativ() && *cause != entry)?;
        Some(TakeBackWork::anew(cause, vorgang, beside.clone()))
    }

    /// An answer whose request is decided anew.
    pub fn anew(cause: Uuid, vorgang: Tag, beside: Arc<[String]>) -> TakeBackWork {
        TakeBackWork { cause, vorgang, beside, then: Then::Anew }
    }

    /// An answer that lay here.
    pub fn unsent(unsent: Unsent) -> TakeBackWork {
        TakeBackWork::anew(unsent.cause, unsent.vorgang, unsent.beside)
    }

    /// A row of the request, by its type.
    pub fn owed(&self, message: &str, row: Owed) -> Owed {
        Owed { carries: self.beside.iter().all(|other| other != message), ..row }
    }

    /// Which rows of the request go; `None` where any of the answer may have left.
    pub fn going<R>(&self, rows: Vec<(R, Owed)>) -> Option<Vec<R>> {
        let owed: Vec<Owed> = rows.iter().map(|(_, owed)| *owed).collect();
        let places = match self.then {
            Then::Anew => decide::taken_back(&owed),
            Then::Over => decide::withdrawn(&owed),
        }?;
        let goes = rows.into_iter().enumerate().filter(|(place, _)| places.contains(place));
        Some(goes.map(|(_, (row, _))| row).collect())
    }
}
