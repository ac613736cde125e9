//! What is wrong between us and a broker, in our own words, with what to do.
//! Never passes on the text of the library or of the broker: both can quote names and contents of messages.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::telemetry::machine;
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::tls::TlsError;
use crate::transport::unreached::Unreached;

/// Why a broker, a queue or an exchange cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody was reached.
    #[error("{0}")]
    Unreached(Unreached),
    /// It does not speak with us.
    #[error(
        "broker does not answer; check that it runs, its address, and with tls the authorities on both sides"
    )]
    Unreachable,
    /// Our own machine lacks something; the broker was not asked.
    #[error("no connection can be made; {0}")]
    Machine(String),
    /// Our own TLS files are not usable.
    #[error("tls: {0}")]
    Tls(TlsError),
    /// The login or the virtual host was refused.
    #[error("broker refuses the login or the virtual host; check user, password and vhost")]
    Login,
    /// The connection broke off.
    #[error("connection to the broker broke off; it is made again by itself")]
    Lost,
    /// The broker ended the consumer, mostly because the queue was deleted.
    #[error("broker ended the consumer; check that the queue still exists")]
    Cancelled,
    /// A queue or exchange is not there.
    #[error("queue or exchange is missing; make it, or let it be made with `topology: declare`")]
    Missing,
    /// Our user may not do this.
    #[error("permission refused; give our user read on queues, write on exchanges, configure for `declare`")]
    Permission,
    /// An input queue is not a quorum queue.
    #[error("queue is classic; make it a quorum queue, or name it under `allow-classic`")]
    Classic,
    /// What the queue is cannot be seen with our permissions.
    #[error(
        "cannot see whether the queue is a quorum queue; give our user configure on it, or name it under `allow-classic`"
    )]
    Unseen,
    /// An input queue has other settings than the connection wants.
    #[error("queue has another `{0}` than wanted here; make it anew or change the connection")]
    Other(&'static str),
    /// A message is larger than the broker takes.
    #[error("message is larger than the broker takes; raise its max_message_size or send less")]
    TooLarge,
    /// Anything else that the broker says, by its code.
    #[error("broker refuses with code {0}; see its log")]
    Code(u16),
}

impl Fault {
    /// Whose turn it is.
    pub fn turn(&self) -> Turn {
        match self {
            Fault::Unreached(why) => why.turn(),
            // User, password and virtual host stand in our files.
            Fault::Machine(_) | Fault::Tls(_) | Fault::Login => Turn::Ours,
            _ => Turn::FarEnd,
        }
    }

    /// How a part that it stops is told of.
    pub fn failing(&self, turn: Turn) -> Failing {
        if let Fault::Unreached(why) = self {
            return why.failing();
        }
        let said = self.to_string();
        // What is wrong stands before what to do.
        let (cause, next) = said.split_once("; ").unwrap_or((&said, "look at the broker and its log"));
        Failing { cause: cause.to_owned(), next: next.to_owned(), turn }
    }

    /// The fault that an error of the library stands for.
    pub fn of(error: &lapin::Error) -> Fault {
        match error.kind() {
            ErrorKind::ProtocolError(said) => match said.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => Fault::Missing,
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::RESOURCELOCKED) => {
                    Fault::Permission
                }
                AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
                    if said.get_message().as_str().contains("message size") =>
                {
                    Fault::TooLarge
                }
                AMQPErrorKind::Hard(AMQPHardError::CONNECTIONFORCED) => Fault::Lost,
                AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Fault::Login,
                _ => Fault::Code(said.get_id()),
            },
            _ => Fault::Lost,
        }
    }

    /// The same while a connection is being made.
    pub fn of_opening(error: &lapin::Error) -> Fault {
        if let ErrorKind::IOError(system) = error.kind() {
            if machine::is_out_of_means(system) {
                return Fault::Machine(machine::said(system));
            }
            // What it says while it closes looks like an end of the stream: that is told below.
            match Unreached::in_chain(&**system, true) {
                None | Some(Unreached::Other) => {}
                Some(why) => return Fault::Unreached(why),
            }
        }
        match Fault::of(error) {
            Fault::Permission | Fault::Login => Fault::Login,
            // A broker that refuses a login without saying so closes the connection; it looks like nobody there.
            _ => Fault::Unreachable,
        }
    }
}

/// Whether an error says that the channel or connection was gone before anything was sent.
pub fn was_closed_before(error: &lapin::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidChannelState(..)
            | ErrorKind::InvalidConnectionState(_)
            | ErrorKind::InvalidChannel(_)
    )
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn what_our_machine_lacks_is_not_the_brokers() {
        let of =
            |errno: Errno| Fault::of_opening(&ErrorKind::IOError(Arc::new(io::Error::from(errno))).into());
        let nobody = Fault::Unreached(Unreached::Nobody);
        assert_eq!((of(Errno::CONNREFUSED), nobody.turn()), (nobody, Turn::FarEnd));
        assert_eq!(
            of(Errno::CONNRESET),
            Fault::Unreachable,
            "what breaks off may be a login that was refused"
        );
        assert_eq!(Fault::Login.turn(), Turn::Ours, "a password that is wrong is written here");
        let ours = of(Errno::MFILE);
        assert_eq!(ours.turn(), Turn::Ours);
        assert!(ours.to_string().contains("no file handle left"), "{ours}");
    }
}
