//! Mailboxes of partners without a server of their own: what is sent there lies until its receiver comes for it, by whatever door serves
//! mailboxes (`http/mailbox.rs`). Sends nothing, keeps nothing itself: a mailbox is the partner's lanes of the outbox.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::apart::{apart, no_source};
use super::port::binding::Bindings;
use super::port::{Destination, Entry, Receipt, SendError};
use super::settings::{self, Span};
use crate::envelope::Envelope;

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "mailbox",
    binding: Bindings::Listed,
    answers: None,
    sends: true,
    collected: true,
    accounts: false,
    alone: false,
    check: |written| settings::check::<Settings>(written, further),
    check_channel: |written| settings::check::<ChannelSettings>(written, |_, _| {}),
    folders: super::port::no_folders,
    spots: super::port::no_spots,
    files: super::port::files::none,
    exposed: super::port::files::never_exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(name, written, no_source, |name, written, _, _| {
            let settings: Settings = settings::read(name, written)?;
            Ok(Some(of_lease(settings.lease.0)))
        })
    },
};

/// Settings of a connection of mailboxes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// How long a reader has in hand what it fetched, from 10s to 15m; closed by then, or handed out again.
    #[serde(default = "five_minutes")]
    pub lease: Span,
}

/// How long a reader has something in hand where nothing is written.
pub fn five_minutes() -> Span {
    Span(Duration::from_secs(300))
}

const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(900);

fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    check_lease(settings.lease, faults);
}

/// Whether a reader may have something in hand for so long.
pub fn check_lease(lease: Span, faults: &mut Vec<(String, String)>) {
    if !(SHORTEST..=LONGEST).contains(&lease.0) {
        faults.push(("/lease".to_owned(), "must be from 10s to 15m".to_owned()));
    }
}

/// The mailbox of a partner whose readers have something in hand for so long.
pub fn of_lease(lease: Duration) -> Arc<dyn Destination> {
    Arc::new(Mailbox { lease })
}

/// A partner's mailbox needs no settings: who may read it are the partner's credentials.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChannelSettings {}

/// The mailbox of one partner.
struct Mailbox {
    lease: Duration,
}

#[async_trait]
impl Destination for Mailbox {
    /// Only where a lane was leased while this was no mailbox yet.
    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        let cause = "it waits to be collected".to_owned();
        Err(SendError::Later { cause, retry_after: None, far_end: false })
    }

    fn repeat_is_safe(&self) -> bool {
        // The receiver knows what is handed out again by its id.
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear {
            cause: "a receiver of a mailbox cannot be asked; it gets it again".to_owned(),
        })
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.lease)
    }

    fn width(&self) -> usize {
        1
    }

    fn collected(&self) -> bool {
        true
    }
}
