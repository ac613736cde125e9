//! AMQP 0.9.1 against RabbitMQ, in and out: quorum queues, acknowledged after the verdict; publishing with confirms.
//! Never believes a header: who a partner is comes from the connection's entry or from the user that the broker checked.
//!
//! lapin carries the protocol; its own recovery stays off. After a break this room builds connection, topology and
//! consumers anew, so that no delivery tag ever meets another channel than its own and every check runs again.

pub mod aside;
pub mod consume;
pub mod depth;
pub mod fault;
pub mod link;
pub mod out;
pub mod parcel;
pub mod permit;
pub mod publish;
pub mod settings;
pub mod source;
pub mod topology;
pub mod way;
pub mod wire;

use std::sync::Arc;

use super::port::{Answers, Entry};
use super::settings::{check, schema_of};
use settings::{ChannelSettings, Settings};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "amqp",
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| check::<Settings>(written, settings::further),
    check_channel: |written| check::<ChannelSettings>(written, settings::further_channel),
    folders: super::port::no_folders,
    spots: settings::spots,
    schema: schema_of::<Settings>,
    source: |name, written, around| {
        let source = source::AmqpSource::new(name, written, around)?;
        // A connection without queues only sends.
        Ok(source.map(|source| Arc::new(source) as Arc<dyn super::port::Source>))
    },
    destination: |name, written, channel, around| {
        Ok(Some(Arc::new(out::AmqpDestination::new(name, written, channel, around)?)))
    },
};
