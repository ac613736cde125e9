//! The room that a document takes in memory: asked for before its octets are read, kept until the delivery is decided.
//! Never holds more than it was given, but for what it had while it asks for more.

use std::time::Duration;

use bytes::BytesMut;

use super::problem::Problem;
use super::uploads::{Full, Upload, Uploads};
use crate::envelope::PartnerRef;
use crate::transport::permits::{Permit, Permits};
use crate::transport::port::{Spool, Stop};

/// When the document or a part cannot be stored now, this is when it makes sense to come again.
pub const AGAIN: Duration = Duration::from_secs(5);

/// What is needed to read a body besides the body.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Whose delivery it is.
    pub partner: &'a PartnerRef,
    /// Where parts go.
    pub spool: &'a dyn Spool,
    /// Permission to hold octets.
    pub permits: &'a Permits,
    /// Permission to keep a part open until it is known whether the body is taken as a whole: what is not finished leaves nothing
    /// behind.
    pub open_parts: &'a Permits,
    /// Permission to have octets of parts on the disk.
    pub uploads: &'a Uploads,
    /// The listener is being stopped.
    pub stop: &'a Stop,
}

/// What may be held of a document whose length nobody announced, before more is asked for.
const UNANNOUNCED: u64 = 64 << 10;

/// The permission to hold a document in memory, and its parts on the disk.
pub struct Room {
    permit: Option<Permit>,
    /// How many octets may be held.
    pub octets: u64,
    most: u64,
    patience: Duration,
    upload: Upload,
}

impl Room {
    /// Asks for what is announced, or for a little.
    pub async fn ask(
        announced: Option<u64>,
        most: usize,
        patience: Duration,
        means: Means<'_>,
    ) -> Result<Room, Problem> {
        let most = most as u64;
        let upload = means.uploads.begin(&means.partner.id);
        let mut room = Room { permit: None, octets: 0, most, patience, upload };
        room.grow(announced.unwrap_or(UNANNOUNCED).min(most), means).await?;
        Ok(room)
    }

    /// Asks until so many octets may be held. What was held so far is asked for again with the rest: two that each held a part
    /// and waited for more would wait for each other.
    async fn grow(&mut self, octets: u64, means: Means<'_>) -> Result<(), Problem> {
        self.permit = None;
        let taken = tokio::select! {
            taken = means.permits.take(&means.partner.id, octets, self.patience) => taken,
            () = means.stop.cancelled() => None,
        };
        self.permit = Some(taken.ok_or(Problem::Busy(AGAIN))?);
        self.octets = octets;
        Ok(())
    }

    /// So many octets of a part are about to be written.
    pub fn spool(&mut self, octets: usize) -> Result<(), Problem> {
        self.upload.more(octets).map_err(|full| match full {
            Full::All => Problem::Busy(AGAIN),
            Full::Partner => Problem::TooMany(AGAIN),
            Full::Never => Problem::TooLarge,
        })
    }

    /// Gives back what is not needed.
    pub fn shrink(&mut self, octets: u64) {
        if let Some(permit) = &mut self.permit {
            permit.shrink(octets);
        }
        self.octets = self.octets.min(octets);
    }

    /// Puts further octets to a document, if they may be held at all.
    pub async fn hold(
        &mut self,
        document: &mut BytesMut,
        octets: &[u8],
        means: Means<'_>,
    ) -> Result<(), Problem> {
        let whole = (document.len() + octets.len()) as u64;
        if whole > self.most {
            return Err(Problem::TooLarge);
        }
        if whole > self.octets {
            self.grow(self.most, means).await?;
            // At once, so that no copy of half of it stands beside it.
            document.reserve(usize::try_from(self.most).unwrap_or(0).saturating_sub(document.len()));
        }
        document.extend_from_slice(octets);
        Ok(())
    }
}
