//! A measured program as a process of its own: the adapter or the floor, the same binary, one after the other.
//! Ends it by its own pid and with this value.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::bench_floor::account;
use crate::cli::bench_floor::figures::Who;
use crate::cli::bench_floor::stage::Stage;
use crate::cli::exit::CliError;
use crate::clock::Tick;

/// Where a build that counts allocations writes their number at its end; the product's own build does not look at it.
pub const ALLOCATIONS: &str = "DREHSCHEIBE_BENCH_ALLOCATIONS";
/// How long a program may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program.
pub struct Child {
    process: std::process::Child,
    allocations: PathBuf,
    log: PathBuf,
}

impl Child {
    /// Starts one; `orders` is the file that tells the floor what to do.
    pub fn start(who: Who, stage: &Stage, folder: &Path, orders: &Path) -> Result<Child, CliError> {
        let (allocations, log) = (folder.join("allocations"), folder.join("program.log"));
        let _ = std::fs::remove_file(&allocations);
        let mut command = Command::new(std::env::current_exe()?);
        match who {
            Who::Adapter => {
                command.arg("run").args(stage.arguments());
            }
            Who::Floor | Who::Bare => {
                command.args(["bench", "--as-floor"]).arg(orders);
            }
        }
        let process = command
            .env(ALLOCATIONS, &allocations)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        Ok(Child { process, allocations, log })
    }

    fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// Its processor time so far.
    pub fn processor(&self) -> Duration {
        account::processor(&self.pid())
    }

    /// Its resident memory now, MiB.
    pub fn memory(&self) -> f64 {
        account::memory(&self.pid(), "VmRSS")
    }

    /// The most that was resident so far, MiB.
    pub fn peak(&self) -> f64 {
        account::memory(&self.pid(), "VmHWM")
    }

    /// An error with its last words when it is gone already.
    pub fn must_live(&mut self) -> Result<(), CliError> {
        match self.process.try_wait()? {
            None => Ok(()),
            Some(status) => {
                Err(CliError::Usage(format!("the measured program ended ({status}): {}", self.words())))
            }
        }
    }

    /// The last lines that it wrote.
    pub fn words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }

    /// Asks it to end and waits; how many allocations it made, where that was counted.
    pub async fn end(mut self) -> Result<Option<u64>, CliError> {
        Command::new("kill").args(["-TERM", &self.pid()]).status()?;
        let began = Tick::now();
        while began.elapsed() < PATIENCE {
            if self.process.try_wait()?.is_some() {
                let counted = std::fs::read_to_string(&self.allocations).ok();
                return Ok(counted.and_then(|text| text.trim().parse().ok()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(CliError::Usage(format!("the measured program does not end: {}", self.words())))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
