//! How a command ends: three exit codes, and one error with a plain sentence.
//! Never shows a text that holds a value of a message.

use std::process::ExitCode;

use crate::app::fit::Unfit;
use crate::app::house::StartError;
use crate::store::error::StoreError;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the answer is yes.
    Ok,
    /// It ran, and the answer is no: invalid, not found, failed tests, refused.
    No,
    /// It cannot run: wrong usage, broken configuration, no store.
    Cannot,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::No => 1,
            Exit::Cannot => 2,
        })
    }
}

/// Why a command could not run; always exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// The store did not answer.
    #[error("{}", of_store(.0))]
    Store(#[from] StoreError),
    /// The process could not go on without a part.
    #[error("{part}: {cause}; what was under way was finished")]
    Broken {
        /// The part.
        part: &'static str,
        /// Plain cause.
        cause: &'static str,
    },
    /// Nothing can be printed.
    #[error("output cannot be written: {0}; check where it is sent")]
    Output(#[from] std::io::Error),
}

/// Why a store did not answer. A command asks once: what a running house does by itself is not said of it.
pub fn of_store(error: &StoreError) -> String {
    match error {
        StoreError::Later(cause) => format!("the store cannot be used now: {}; try again", cause.once()),
        other => other.to_string(),
    }
}

impl CliError {
    /// Why a house does not stand, as a command that cannot run.
    pub fn from_start(error: StartError) -> CliError {
        match error {
            StartError::Store(error) => CliError::Store(error),
            other => CliError::Usage(other.to_string()),
        }
    }

    /// Why files do not fit, as a command that cannot run.
    pub fn from_unfit(unfit: Unfit) -> CliError {
        match unfit {
            Unfit::Files(faults) => CliError::Usage(faults.to_string()),
            other => CliError::Usage(other.to_string()),
        }
    }

    /// Whether only the reader of a pipe went away, which is no fault: `messages list | head`.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, CliError::Output(fault) if fault.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_told_from_a_full_disk() {
        let fault = |kind| CliError::from(std::io::Error::from(kind));
        assert!(fault(std::io::ErrorKind::BrokenPipe).is_closed_pipe());
        assert!(!fault(std::io::ErrorKind::StorageFull).is_closed_pipe());
    }
}
