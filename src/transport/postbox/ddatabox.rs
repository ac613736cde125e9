//! The dDataBox, which is DRACOON: a letter is laid into a folder of its Vorgang, a link to it is made that is bound in time, number and password,
//! and the receiver is told of the link by mail and of the password by another channel. It is collected when the link was used.

pub mod api;
pub mod handle;
pub mod link;
pub mod login;
pub mod out;
pub mod settings;
pub mod trouble;

use std::sync::Arc;

use crate::transport::port::{self, Entry};
use crate::transport::settings::{check, schema_of};
use settings::{ChannelSettings, Settings, further, further_of_channel, spots};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "ddatabox",
    answers: None,
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<ChannelSettings>(written, further_of_channel),
    folders: port::no_folders,
    spots,
    schema: schema_of::<Settings>,
    source: |_, _, _| Ok(None),
    destination: |name, written, channel, around| {
        Ok(Some(Arc::new(out::DdataboxDestination::new(name, written, channel, around)?)))
    },
};
