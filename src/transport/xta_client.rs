//! The XTA client of the house (module 2.1.1): it comes for what lies in its mailboxes at a server of others, and sends orders there and looks
//! after them until their report is final. Never opens a document, never closes what was not committed, and never sends an order again of
//! which it does not know what became of it.

pub mod ask;
pub mod by_hand;
pub mod closing;
pub mod content;
pub mod doctor;
pub mod fetch;
pub mod keeper;
pub mod left;
pub mod link;
pub mod list;
pub mod order;
pub mod out;
pub mod post;
pub mod settings;
pub mod source;
pub mod trouble;
pub mod watch;

use std::sync::Arc;

use super::apart::apart;
use super::port::binding::Bindings;
use super::port::{self, Answers, Entry};
use super::settings::{check, schema_of};
use settings::{ChannelSettings, Settings, further, further_of_channel};
use source::ClientSource;

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "xta-client",
    binding: Bindings::Listed,
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: false,
    accounts: false,
    alone: true,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<ChannelSettings>(written, further_of_channel),
    folders: port::no_folders,
    spots: settings::spots,
    files: |(_, written), channel, config| match channel {
        Some(_) => port::files::Looked::default(),
        None => super::tls_files::of_way_out(written, "/tls", false, config),
    },
    exposed: port::files::never_exposed,
    schema: schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| {
                let source = ClientSource::new(name, written, around)?;
                Ok(source.map(|source| Arc::new(source) as Arc<dyn port::Source>))
            },
            |name, written, channel, around| {
                Ok(Some(Arc::new(out::ClientDestination::new(name, written, channel, around)?)))
            },
        )
    },
};
