//! Lays envelopes into a partner's out tray: parts first, the document last, each under a name made of our id.
//! A repeat writes the same names again; nothing of a message gets into a name.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::tray::{Temporary, sweep, write_whole};
use crate::clock::Clock;
use crate::envelope::{Envelope, Part, is_json};
use crate::transport::port::{Destination, Receipt, SendError, Spool, Surroundings};

/// The out tray of one partner.
pub struct FolderDestination {
    out: PathBuf,
    partner: String,
    spool: Arc<dyn Spool>,
    clock: Clock,
    swept: AtomicBool,
}

impl FolderDestination {
    /// A destination that writes to this folder, which must be there.
    pub fn new(out: PathBuf, partner: String, around: &Surroundings) -> FolderDestination {
        let (spool, clock) = (around.spool.clone(), around.clock.clone());
        FolderDestination { out, partner, spool, clock, swept: AtomicBool::new(false) }
    }

    async fn write_part(&self, name: String, part: &Part) -> Result<(), SendError> {
        let mut reader = self.spool.open(&self.partner, part).await?;
        let folder = self.out.clone();
        let mut temporary = blocking(move || Temporary::create(&folder)).await?;
        while let Some(octets) = reader.read().await? {
            temporary = blocking(move || {
                temporary.file.write_all(&octets)?;
                Ok(temporary)
            })
            .await?;
        }
        blocking(move || temporary.publish(name.as_ref())).await
    }
}

#[async_trait]
impl Destination for FolderDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        if !self.swept.swap(true, Ordering::Relaxed) {
            let (folder, now) = (self.out.clone(), self.clock.now());
            blocking(move || sweep(&folder, now)).await?;
        }
        for (at, part) in envelope.parts.iter().enumerate() {
            self.write_part(format!("{}.part-{}", envelope.head.id, at + 1), part).await?;
        }
        let name = file_name(envelope);
        let (folder, body, as_written) = (self.out.clone(), envelope.body.clone(), name.clone());
        blocking(move || write_whole(&folder, as_written.as_ref(), &body)).await?;
        Ok(receipt(name))
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        let name = file_name(envelope);
        let path = self.out.join(&name);
        let there = blocking(move || match std::fs::symlink_metadata(path) {
            Ok(found) => Ok(found.is_file()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await?;
        Ok(there.then(|| receipt(name)))
    }

    fn width(&self) -> usize {
        4
    }
}

fn receipt(name: String) -> Receipt {
    Receipt { evidence: "file written and synced".to_owned(), reference: name, answers: Vec::new() }
}

/// The name of the document: our id and an ending by its media type.
fn file_name(envelope: &Envelope) -> String {
    let json = envelope.head.content_type.as_deref().is_some_and(is_json);
    format!("{}.{}", envelope.head.id, if json { "json" } else { "xml" })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, SendError> {
    let later = |kind: ErrorKind| SendError::Later {
        cause: format!("the out tray cannot be written: {kind}; check folder, rights and space"),
        retry_after: None,
        far_end: true,
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| later(error.kind())),
        Err(_) => Err(later(ErrorKind::Other)),
    }
}
