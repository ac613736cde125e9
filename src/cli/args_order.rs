//! What a person writes beside an order to the running process: why, and how long it is waited for. Decides nothing.

use std::time::Duration;

use clap::Args;
use uuid::Uuid;

/// How long a command waits for the running process.
#[derive(Clone, Debug, Args)]
pub struct Patience {
    /// Wait at most so long for the running process to carry it out.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub wait: Duration,
}

/// A reason as a person may give it: 3 to 500 characters.
pub fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0..3 => Err("a reason is a sentence that a colleague understands next year".to_owned()),
        3..=500 => Ok(text.to_owned()),
        _ => Err("a reason has at most 500 characters and names no person of a message".to_owned()),
    }
}

/// A whole id.
pub fn id(text: &str) -> Result<Uuid, String> {
    text.trim().parse().map_err(|_| {
        "this is no whole id: 36 signs such as 01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10; `messages find` takes the beginning of one".to_owned()
    })
}

/// A time as a person writes it.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write for example 30s, 5m, 2h or 3d".to_owned())
}
