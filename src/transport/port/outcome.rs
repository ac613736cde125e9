//! What a stored part that does not open, or a time that the house has set, makes of the outcome of an attempt. Sends nothing and looks nothing up.

use std::time::Duration;

use super::{Follow, Receipt, SendError, SpoolError};

impl Receipt {
    /// The same, followed for this long where it is followed: another way is taken when that is over.
    pub(super) fn followed_for(self, within: Option<Duration>) -> Receipt {
        let follow = self.follow.map(|follow| match within {
            Some(within) => Follow { first: follow.first.min(within), within, ..follow },
            None => follow,
        });
        Receipt { follow, ..self }
    }
}

/// A part that cannot be read is not sent: certainly nothing was accepted.
impl From<SpoolError> for SendError {
    fn from(error: SpoolError) -> SendError {
        match error {
            SpoolError::Later(_) => SendError::Later {
                cause: "a part cannot be read now".to_owned(),
                retry_after: None,
                far_end: false,
            },
            SpoolError::Corrupt(_) => SendError::Never { cause: "a stored part does not open".to_owned() },
        }
    }
}
