//! What a fault run is told and what it says: seed, profile, counts, and what was left out. Speaks past the capture of the test
//! runner, so that figures stand in every run and nothing is skipped in silence.

use std::io::Write;

use crate::fault::ledger::Count;

/// Whether the long profile runs.
pub fn long() -> bool {
    std::env::var("DREHSCHEIBE_LONG").is_ok_and(|value| value == "1")
}

/// The seed of this run: the one that is set, else the test's own.
pub fn seed(own: u64) -> u64 {
    match std::env::var("DREHSCHEIBE_SEED") {
        Ok(text) => text.parse().expect("DREHSCHEIBE_SEED is a number"),
        Err(_) => own,
    }
}

/// Says a line.
pub fn line(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Says what the normal profile leaves out.
pub fn left_out(what: &str) {
    line(&format!("not run in the normal profile: {what}; DREHSCHEIBE_LONG=1 runs it"));
}

/// Says the counts of a run.
pub fn counted(run: &str, seed: u64, count: &Count) {
    line(&format!("fault run {run} (seed {seed}): {count}"));
}

/// Says the seed when the test that holds this fails.
pub struct OnFailure(pub &'static str, pub u64);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            line(&format!("failed: {}; DREHSCHEIBE_SEED={} plays it again", self.0, self.1));
        }
    }
}
