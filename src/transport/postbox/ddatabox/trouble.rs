//! Why an exchange came to nothing, and what that means for a letter of which nothing has been told to anybody yet. Quotes nothing of an answer.

use std::time::Duration;

use crate::telemetry::parts::Turn;
use crate::transport::port::SendError;
use crate::transport::unreached::Unreached;

/// What went wrong in one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was sent.
    Unreached(Unreached),
    /// The exchange began and nobody knows how it ended.
    Lost(&'static str),
    /// It was answered with a status that is not the one of success.
    Status {
        /// The status.
        status: u16,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// It was answered as if it had succeeded, and with something that is no answer.
    Odd(&'static str),
    /// The house is not let in.
    Login(&'static str),
    /// Our own store gives nothing now.
    Ours,
}

impl Trouble {
    /// Whether the far end has certainly not done what it was asked for.
    pub fn is_certain(&self) -> bool {
        match self {
            Trouble::Unreached(_) | Trouble::Login(_) | Trouble::Ours => true,
            // In trouble itself it may have done it all the same.
            Trouble::Status { status, .. } => matches!(status, 300..=499 | 507),
            Trouble::Lost(_) | Trouble::Odd(_) => false,
        }
    }

    /// Whether its far end as a whole is in trouble.
    pub fn is_far_end(&self) -> bool {
        match self {
            Trouble::Unreached(why) => why.turn() == Turn::FarEnd,
            Trouble::Lost(_) | Trouble::Odd(_) => true,
            Trouble::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=506 | 508..=599),
            Trouble::Login(_) | Trouble::Ours => false,
        }
    }

    /// What it means for a letter that nobody has been told of: it is tried again, unless it is the letter that is refused. `doing`: what was
    /// being done, as in *the file could not be laid down*.
    pub fn before_anybody_knows(&self, doing: &str) -> SendError {
        let cause = format!("{doing}: {}", self.said());
        match self {
            Trouble::Status { status: 400 | 406 | 409 | 412 | 413 | 415 | 422, .. } => {
                SendError::Never { cause }
            }
            Trouble::Status { after, .. } => {
                SendError::Later { cause, retry_after: *after, far_end: self.is_far_end() }
            }
            _ => SendError::Later { cause, retry_after: None, far_end: self.is_far_end() },
        }
    }

    /// What it is, as a person reads it.
    pub fn said(&self) -> String {
        match self {
            Trouble::Unreached(why) => why.to_string(),
            Trouble::Lost(how) | Trouble::Odd(how) | Trouble::Login(how) => (*how).to_owned(),
            Trouble::Ours => "our own store gives nothing now".to_owned(),
            Trouble::Status { status, .. } => {
                let what = match status {
                    300..=399 => "it redirects, which is not followed; correct the url",
                    401 => "it does not take our login any more; renew the credentials",
                    403 => "our user has no right to do that there; have the room's rights corrected",
                    404 => "what is named is not there; compare the room with who runs it",
                    408 | 425 | 429 => "it asks for time",
                    507 => "it has no room left; have the quota raised",
                    400..=499 => "it refuses that",
                    _ => "it is in trouble",
                };
                format!("{what} (HTTP {status})")
            }
        }
    }
}

impl From<Unreached> for Trouble {
    fn from(why: Unreached) -> Trouble {
        Trouble::Unreached(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_done_is_never_called_certain() {
        let status = |status| Trouble::Status { status, after: None };
        for certain in
            [Trouble::Unreached(Unreached::Nobody), status(302), status(401), status(429), status(507)]
        {
            assert!(certain.is_certain(), "{certain:?}");
        }
        for open in [Trouble::Lost("x"), Trouble::Odd("x"), status(500), status(502), status(504)] {
            assert!(!open.is_certain(), "{open:?}");
        }
    }

    #[test]
    fn each_status_has_its_outcome_and_its_turn() {
        let of = |status| {
            Trouble::Status { status, after: Some(Duration::from_secs(7)) }.before_anybody_knows("x")
        };
        for (status, far_end) in
            [(429, true), (503, true), (507, false), (401, false), (403, false), (302, false)]
        {
            match of(status) {
                SendError::Later { retry_after, far_end: turn, cause } => {
                    assert_eq!((turn, retry_after), (far_end, Some(Duration::from_secs(7))), "{status}");
                    assert!(cause.contains(&status.to_string()), "{cause}");
                }
                other => panic!("{status}: {other:?}"),
            }
        }
        for status in [400, 412, 413] {
            assert!(matches!(of(status), SendError::Never { .. }), "{status}");
        }
    }
}
