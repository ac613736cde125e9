//! The OSCI client of the house: it lays deliveries into mailboxes at an intermediary, or has them forwarded, looks after their process cards
//! until they were received, and comes for what lies in its own mailbox. Never says anything in a dialog whose last answer it could not read,
//! and never sends a delivery again of which it does not know what became of it.

pub mod by_hand;
pub mod cards;
pub mod doctor;
pub mod files;
pub mod keeper;
pub mod link;
pub mod out;
pub mod post;
pub mod settings;
pub mod trouble;

use std::sync::Arc;

use super::apart::apart;
use super::port::binding::Bindings;
use super::port::{self, Answers, Entry};
use super::settings::{check, schema_of};
use settings::{ChannelSettings, Settings, further, further_of_channel};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "osci-client",
    binding: Bindings::Listed,
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: false,
    accounts: true,
    alone: true,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<ChannelSettings>(written, further_of_channel),
    folders: port::no_folders,
    spots: settings::spots,
    files: files::look,
    exposed: super::port::files::never_exposed,
    schema: schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| {
                let source = keeper::Keeper::new(name, written, around)?;
                Ok(source.map(|source| Arc::new(source) as Arc<dyn port::Source>))
            },
            |name, written, channel, around| {
                Ok(Some(Arc::new(out::ClientDestination::new(name, written, channel, around)?)))
            },
        )
    },
};
