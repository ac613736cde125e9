//! Answers that are taken back, as both back ends are told of them. Never looks at a row.

use std::sync::Arc;

use uuid::Uuid;

use crate::effects::{TakeBack, Vorgang, VorgangState};
use crate::register::entscheidung::Fall;
use crate::seal::index::Tag;
use crate::store::sealing::keys::Keys;

/// An answer that is taken back.
#[derive(Debug)]
pub struct TakeBackWork {
    /// The request.
    pub cause: Uuid,
    /// The key of its Vorgang.
    pub vorgang: Tag,
    /// Message types that say nothing of an answer.
    pub beside: Arc<[String]>,
}

impl TakeBackWork {
    /// The same, its key made blind.
    pub fn of(keyring: &Keys, back: &TakeBack) -> TakeBackWork {
        let vorgang = keyring.search.tag(&back.vorgang.octets());
        TakeBackWork { cause: back.cause, vorgang, beside: back.beside.clone() }
    }

    /// The Negativauskunft of a decided Vorgang that an objection speaks against; `None` of what is none, and of the entry's own.
    pub fn of_negativ(
        entry: Uuid,
        vorgang: Tag,
        stands: &Vorgang,
        beside: &Arc<[String]>,
    ) -> Option<TakeBackWork> {
        let negativ = stands.state == VorgangState::Entschieden && stands.akte.fall == Some(Fall::A);
        let cause = stands.akte.nummer.filter(|cause| negativ && *cause != entry)?;
        Some(TakeBackWork { cause, vorgang, beside: beside.clone() })
    }
}
