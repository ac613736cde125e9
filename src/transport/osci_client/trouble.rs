//! What can go wrong with an order, told apart by what it says of the far end: nothing was sent, nobody knows, or it said no and why. Holds no
//! text of a far end and no value of a message.

use thiserror::Error;

use crate::telemetry::parts::Turn;
use crate::transport::osci::write::WriteFault;
use crate::transport::port::{SendError, SpoolError};
use crate::transport::unreached::Unreached;

/// Why an order came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Nobody was reached: nothing was sent.
    #[error("{0}")]
    Unreached(#[from] Unreached),
    /// It broke off, or nothing came: what the far end did with it nobody knows.
    #[error("{0}")]
    Lost(&'static str),
    /// Another status than OSCI answers with.
    #[error("the intermediary answers http {0}, which is no answer of osci")]
    Status(u16),
    /// A SOAP fault: nobody signed it, so of an order that does something it proves nothing.
    #[error("the intermediary answers with the soap fault {0}")]
    Fault(Code),
    /// An answer that does not count: it cannot be opened, is not what was signed, or is not the intermediary's.
    #[error("the answer does not count: {0}")]
    Unreadable(String),
    /// An answer of which nobody can say now whether it counts, for want of something of ours, such as a list of revoked certificates in force:
    /// nothing says that anything is wrong with it.
    #[error("whether the answer counts cannot be judged now: {0}")]
    NotNow(String),
    /// An answer that is larger than what is read: nothing of it counts.
    #[error("the answer is larger than `max-message`; raise it, or have what is asked for sent smaller")]
    TooLarge,
    /// It says no, signed.
    #[error("the intermediary refuses it with {0}")]
    Refused(Code),
    /// What is to be said cannot be written: ours.
    #[error("the order cannot be written: {0}")]
    Unwritable(String),
    /// A part cannot be read: ours.
    #[error("{0}")]
    Spool(SpoolError),
}

/// Four digits of the standard; what is none is no text of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u16);

impl Code {
    /// The code of a text.
    pub fn of(text: &str) -> Code {
        let digits = text.len() == 4 && text.bytes().all(|octet| octet.is_ascii_digit());
        Code(text.parse().ok().filter(|_| digits).unwrap_or_default())
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("no code"),
            code => write!(f, "{code:04}"),
        }
    }
}

impl From<WriteFault> for Trouble {
    fn from(fault: WriteFault) -> Trouble {
        Trouble::Unwritable(fault.to_string())
    }
}

impl Trouble {
    /// The signed code, where there is one.
    pub fn code(&self) -> Option<u16> {
        match self {
            Trouble::Refused(code) => Some(code.0),
            _ => None,
        }
    }

    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        match self {
            Trouble::Unreached(why) => why.turn(),
            Trouble::Unwritable(_) | Trouble::Spool(_) | Trouble::TooLarge | Trouble::NotNow(_) => Turn::Ours,
            Trouble::Status(401 | 403 | 404 | 405) => Turn::Ours,
            Trouble::Lost(_) | Trouble::Status(_) | Trouble::Unreadable(_) => Turn::FarEnd,
            // Keys and certificates, and what our order was like, are ours.
            Trouble::Fault(Code(code)) | Trouble::Refused(Code(code)) => match code {
                9100..=9602 | 9700..=9709 | 9800..=9804 | 9900..=9905 => Turn::Ours,
                _ => Turn::FarEnd,
            },
        }
    }

    /// Whether the far end is not there, or in trouble itself.
    pub fn is_far_end(&self) -> bool {
        match self {
            Trouble::Status(status) => *status == 429 || *status >= 500,
            Trouble::Unreadable(_) => false,
            _ => self.turn() == Turn::FarEnd,
        }
    }

    /// Where nothing can have happened by it: a question, or what comes before the act.
    pub fn before_the_act(self) -> SendError {
        match self {
            Trouble::Spool(error) => error.into(),
            Trouble::Unwritable(_) => SendError::Never { cause: self.to_string() },
            _ => SendError::Later { retry_after: None, far_end: self.is_far_end(), cause: self.to_string() },
        }
    }
}

/// What the answer to a delivery says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Certainly not taken; `used`: its id cannot be used again.
    Not {
        /// What the house is told.
        error: SendError,
        /// Whether another id is needed.
        used: bool,
    },
    /// Its id was used before, or is not known: what became of it the process card tells.
    Used,
    /// Nobody knows: the process card tells.
    Open,
}

/// What a delivery that came to nothing means.
pub fn judged(trouble: &Trouble) -> Verdict {
    let later = |used| Verdict::Not { error: trouble.clone().before_the_act(), used };
    let never = || Verdict::Not { error: SendError::Never { cause: trouble.to_string() }, used: true };
    match trouble {
        Trouble::Unreached(_) | Trouble::Unwritable(_) | Trouble::Spool(_) => later(false),
        Trouble::Status(413) => never(),
        Trouble::Status(300..=499) => later(false),
        Trouble::Status(_)
        | Trouble::Lost(_)
        | Trouble::Unreadable(_)
        | Trouble::NotNow(_)
        | Trouble::TooLarge
        | Trouble::Fault(_) => Verdict::Open,
        Trouble::Refused(Code(code)) => match code {
            9801 => Verdict::Used,
            // It has reached the recipient, or may have.
            9806 | 9807 | 9808 | 9810 => Verdict::Open,
            // The recipient does not take it.
            9805 => never(),
            9904 | 9800 => never(),
            // It has not reached the recipient; a fresh id is safe.
            9809 => later(true),
            // Signatures and certificates of ours, or trouble inside: nothing was done.
            9600..=9799 | 9802..=9804 | 9811 => later(false),
            _ => Verdict::Open,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_delivery_says_whether_it_may_have_been_taken() {
        for (codes, expected) in [
            (&[9600, 9601, 9602, 9603, 9700, 9701, 9706, 9710, 9802, 9811][..], "later"),
            (&[9805, 9904, 9800], "never"),
            (&[9801], "used"),
            (&[9806, 9807, 9808, 9810, 9999, 0], "open"),
            (&[9809], "anew"),
        ] {
            for code in codes {
                let told = match judged(&Trouble::Refused(Code(*code))) {
                    Verdict::Not { error: SendError::Never { .. }, .. } => "never",
                    Verdict::Not { used: true, .. } => "anew",
                    Verdict::Not { used: false, .. } => "later",
                    Verdict::Used => "used",
                    Verdict::Open => "open",
                };
                assert_eq!(told, expected, "{code}");
            }
        }
        // A fault is signed by nobody: whoever is on the way could make one.
        assert_eq!(judged(&Trouble::Fault(Code(9200))), Verdict::Open);
        assert_eq!(judged(&Trouble::Lost("broke off")), Verdict::Open);
        assert_eq!(judged(&Trouble::Unreadable("x".to_owned())), Verdict::Open);
        assert_eq!(judged(&Trouble::Status(502)), Verdict::Open);
        // The act was asked for: that its answer cannot be judged now says nothing of it.
        let not_now = Trouble::NotNow("x".to_owned());
        assert_eq!(judged(&not_now), Verdict::Open);
        assert_eq!((not_now.turn(), not_now.is_far_end()), (Turn::Ours, false));
        assert!(matches!(not_now.before_the_act(), SendError::Later { far_end: false, .. }));
        assert_eq!(judged(&Trouble::TooLarge), Verdict::Open);
        assert!(matches!(judged(&Trouble::Unreached(Unreached::Nobody)), Verdict::Not { used: false, .. }));
        for (text, said) in [("9801", "9801"), ("980", "no code"), ("geheim", "no code"), ("0800", "0800")] {
            assert_eq!(Code::of(text).to_string(), said);
        }
    }
}
