//! What can go wrong with an exchange, told apart by what it says of the far end: nothing was sent, nobody knows, or it said no and why. Holds
//! no text of a far end and no value of a message.

use std::time::Duration;

use thiserror::Error;

use crate::telemetry::parts::Turn;
use crate::transport::port::{SendError, SpoolError};
use crate::transport::unreached::Unreached;
use crate::transport::xta::fault::{Exception, Fault};

/// Why an exchange came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Nobody was reached: nothing was sent.
    #[error("{0}")]
    Unreached(#[from] Unreached),
    /// It broke off, or nothing came: what the far end did with it nobody knows.
    #[error("{0}")]
    Lost(&'static str),
    /// No answer of an XTA port: another status than its answers and faults have, or no envelope.
    #[error("the port answers http {status}, which is no answer of XTA; {}", of_status(*.status))]
    Status {
        /// The status.
        status: u16,
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// An answer that cannot be read.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// It says no.
    #[error("{}", said(.0))]
    Refused(Box<Fault>, Option<Duration>),
    /// What is to be said cannot be written.
    #[error("the request cannot be written: {0}")]
    Unwritable(String),
    /// A part cannot be laid down or read: ours.
    #[error("{0}")]
    Spool(SpoolError),
}

/// Whose turn it is where a port answers so, and what to do.
fn of_status(status: u16) -> &'static str {
    match turn_of_status(status) {
        Turn::FarEnd => "the far end's: tried again by itself, ask who runs it if it lasts",
        _ if matches!(status, 401 | 403) => "ours: have our certificate admitted there",
        _ => "ours: check the address of the port",
    }
}

fn turn_of_status(status: u16) -> Turn {
    match status {
        408 | 425 | 429 | 500.. => Turn::FarEnd,
        _ => Turn::Ours,
    }
}

/// A fault by its exception and code; its own text is somebody else's.
fn said(fault: &Fault) -> String {
    let Some(problem) = &fault.problem else {
        return format!("the server refuses it without an exception (soap {})", fault.class.name());
    };
    let code = match problem.code.len() {
        4 if problem.code.bytes().all(|octet| octet.is_ascii_digit()) => problem.code.as_str(),
        _ => "?",
    };
    format!("the server refuses it with {:?} {code}", problem.exception)
}

impl Trouble {
    /// The code of its exception, where it has one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Trouble::Refused(fault, _) => fault.problem.as_ref()?.code.parse().ok(),
            _ => None,
        }
    }

    /// Its exception, where it has one.
    pub fn exception(&self) -> Option<Exception> {
        match self {
            Trouble::Refused(fault, _) => Some(fault.problem.as_ref()?.exception),
            _ => None,
        }
    }

    /// Whether the server knows no such message of this account.
    pub fn is_unknown_id(&self) -> bool {
        self.exception() == Some(Exception::InvalidMessageId)
    }

    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        match self {
            Trouble::Unreached(why) => why.turn(),
            Trouble::Lost(_) | Trouble::Unreadable(_) => Turn::FarEnd,
            Trouble::Status { status, .. } => turn_of_status(*status),
            Trouble::Unwritable(_) | Trouble::Spool(_) => Turn::Ours,
            Trouble::Refused(..) => match (self.code(), self.exception()) {
                // An account that is locked, unknown or not booked is theirs to mend.
                (Some(9011..=9013), _) => Turn::FarEnd,
                (
                    _,
                    None
                    | Some(
                        Exception::TechnicalProblem
                        | Exception::ExternalServiceUnavailable
                        | Exception::InvalidMessageId,
                    ),
                ) => Turn::FarEnd,
                _ => Turn::Ours,
            },
        }
    }

    /// When the far end wants to be asked again.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Trouble::Status { after, .. } | Trouble::Refused(_, after) => *after,
            _ => None,
        }
    }

    /// Whether it may be another time at once: the far end is not there, or in trouble itself.
    pub fn is_far_end(&self) -> bool {
        match self {
            Trouble::Unreached(why) => why.turn() == Turn::FarEnd,
            Trouble::Lost(_) => true,
            Trouble::Status { status, .. } => *status == 429 || *status >= 500,
            Trouble::Refused(fault, _) => fault.problem.as_ref().is_none_or(|problem| {
                matches!(problem.exception, Exception::TechnicalProblem | Exception::PermissionDenied)
            }),
            _ => false,
        }
    }

    /// Where nothing can have happened by it: a question, or what comes before the act.
    pub fn before_the_act(self) -> SendError {
        match self {
            Trouble::Spool(error) => error.into(),
            Trouble::Unwritable(_) => SendError::Never { cause: self.to_string() },
            _ => SendError::Later {
                retry_after: self.after(),
                far_end: self.is_far_end(),
                cause: self.to_string(),
            },
        }
    }
}

/// What the answer to an order says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Certainly not taken.
    Not(SendError),
    /// Its id was used before: what became of it the report tells.
    Used,
    /// The server has answered, and nobody knows what it did: the report tells.
    Failed,
    /// No answer: it may still be at it.
    Open,
}

/// What a failed order means.
pub fn judged(trouble: &Trouble) -> Verdict {
    let never = || Verdict::Not(SendError::Never { cause: trouble.to_string() });
    let later = || Verdict::Not(trouble.clone().before_the_act());
    match trouble {
        Trouble::Unreached(_) | Trouble::Unwritable(_) | Trouble::Spool(_) => later(),
        Trouble::Lost(_) | Trouble::Unreadable(_) => Verdict::Open,
        Trouble::Status { status: 413, .. } => never(),
        // Who was not let in, or stood at the wrong door, gave nothing away.
        Trouble::Status { status: 300..=499, .. } => later(),
        Trouble::Status { .. } => Verdict::Open,
        Trouble::Refused(fault, _) => match fault.problem.as_ref().map(|problem| problem.exception) {
            _ if trouble.code() == Some(9024) => Verdict::Used,
            Some(Exception::PermissionDenied) => later(),
            Some(
                Exception::ParameterIsNotValid
                | Exception::MessageSchemaViolation
                | Exception::MessageVirusDetection
                | Exception::SyncAsync
                | Exception::NotImplemented
                | Exception::ParameterNotSupported
                | Exception::UnsupportedExtension,
            ) => never(),
            Some(
                Exception::TechnicalProblem
                | Exception::InvalidMessageId
                | Exception::CancelDenied
                | Exception::ExternalServiceUnavailable,
            )
            | None => Verdict::Failed,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::xta::fault::Problem;

    fn refused(code: u16) -> Trouble {
        Trouble::Refused(Box::new(Fault::of(Problem::of(code).unwrap())), None)
    }

    #[test]
    fn every_code_of_the_list_is_refused_for_good_later_or_asked_about() {
        for (codes, expected) in [
            (&[9020, 9021, 9022, 9023, 9050, 9051, 9052, 9060, 9080, 9081][..], "never"),
            (&[9010, 9011, 9012, 9013, 9014], "later"),
            (&[9030, 9031, 9032, 9070], "failed"),
            (&[9024], "used"),
        ] {
            for code in codes {
                let told = match judged(&refused(*code)) {
                    Verdict::Not(SendError::Never { cause }) => {
                        assert!(cause.ends_with(&code.to_string()), "{cause}");
                        "never"
                    }
                    Verdict::Not(SendError::Later { far_end: true, .. }) => "later",
                    Verdict::Not(other) => panic!("{code}: {other:?}"),
                    Verdict::Used => "used",
                    Verdict::Failed => "failed",
                    Verdict::Open => "open",
                };
                assert_eq!(told, expected, "{code}");
            }
        }
        assert!(refused(9070).is_unknown_id() && !refused(9014).is_unknown_id());
    }

    #[test]
    fn each_trouble_says_whose_turn_it_is() {
        for (trouble, turn, part) in [
            (Trouble::Unreached(Unreached::Nobody), Turn::FarEnd, "nobody listens"),
            (Trouble::Unreached(Unreached::Name), Turn::Ours, "not found"),
            (Trouble::Unreached(Unreached::OwnExpired), Turn::Ours, "ours: "),
            (Trouble::Status { status: 404, after: None }, Turn::Ours, "http 404"),
            (Trouble::Status { status: 403, after: None }, Turn::Ours, "admitted"),
            (Trouble::Status { status: 503, after: None }, Turn::FarEnd, "the far end's"),
            (Trouble::Lost("broke off"), Turn::FarEnd, "broke off"),
            (refused(9014), Turn::Ours, "9014"),
            (refused(9012), Turn::FarEnd, "9012"),
            (refused(9030), Turn::FarEnd, "9030"),
            (refused(9022), Turn::Ours, "9022"),
        ] {
            assert_eq!(trouble.turn(), turn, "{trouble}");
            assert!(trouble.to_string().contains(part), "{trouble}");
        }
    }

    #[test]
    fn what_has_no_exception_is_never_taken_for_a_refusal() {
        let bare = Trouble::Refused(Box::new(Fault::sender("geheim")), None);
        assert_eq!(judged(&bare), Verdict::Failed);
        assert!(!bare.to_string().contains("geheim"), "its text is somebody else's");
        let strange = Problem { code: "geheim".to_owned(), ..Problem::of(9022).unwrap() };
        let strange = Trouble::Refused(Box::new(Fault::of(strange)), None);
        assert!(!strange.to_string().contains("geheim") && matches!(judged(&strange), Verdict::Not(_)));
        for (status, expected) in [(502, Verdict::Open), (200, Verdict::Open)] {
            assert_eq!(judged(&Trouble::Status { status, after: None }), expected);
        }
        let wrong_door = judged(&Trouble::Status { status: 404, after: None });
        assert!(
            matches!(wrong_door, Verdict::Not(SendError::Later { far_end: false, .. })),
            "{wrong_door:?}"
        );
        assert_eq!(judged(&Trouble::Lost("broke off")), Verdict::Open);
        assert_eq!(judged(&Trouble::Unreadable("x".to_owned())), Verdict::Open);
        let nobody = judged(&Trouble::Unreached(Unreached::Nobody));
        assert!(matches!(nobody, Verdict::Not(SendError::Later { far_end: true, .. })));
    }
}
