//! AMQP 0.9.1 against RabbitMQ, in and out: quorum queues, acknowledged after the verdict; publishing with confirms.
//! Never believes a header: who a partner is comes from the connection's entry or from the user that the broker checked.
//!
//! lapin carries the protocol; its own recovery stays off. After a break this room builds connection, topology and
//! consumers anew, so that no delivery tag ever meets another channel than its own and every check runs again.

pub mod aside;
pub mod consume;
pub mod depth;
pub mod fault;
pub mod flow;
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

use super::port::binding::Bindings;
use super::port::{Answers, BuildError, Channel, Connection, Destination, Entry, Source, Surroundings};
use super::settings::{check, read, schema_of};
use super::tls_files;
use publish::Publisher;
use settings::{ChannelSettings, Settings};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "amqp",
    binding: Bindings::Listed,
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| check::<Settings>(written, settings::further),
    check_channel: |written| check::<ChannelSettings>(written, settings::further_channel),
    folders: super::port::no_folders,
    spots: settings::spots,
    files: |(_, written), channel, config| match channel {
        Some(_) => super::port::files::Looked::default(),
        None => tls_files::of_way_out(written, "/tls", false, config),
    },
    exposed: super::port::files::never_exposed,
    schema: schema_of::<Settings>,
    open: |name, written, around| Ok(Arc::new(AmqpConnection::open(name, written, around)?)),
};

/// A connection: its destinations share one link to the broker, beside the one on which its queues come.
struct AmqpConnection {
    name: String,
    settings: Settings,
    publisher: Arc<Publisher>,
}

impl AmqpConnection {
    fn open(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<AmqpConnection, BuildError> {
        let settings = read::<Settings>(name, written)?.below(&around.config);
        let publisher = Arc::new(Publisher::new(name, settings.clone(), around));
        Ok(AmqpConnection { name: name.to_owned(), settings, publisher })
    }
}

impl Connection for AmqpConnection {
    fn source(&self, around: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError> {
        // A connection without queues only sends.
        let source = source::AmqpSource::new(&self.name, &self.settings, around);
        Ok(source.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn destination(
        &self,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Destination>>, BuildError> {
        let shared = (&self.settings, &self.publisher);
        Ok(Some(Arc::new(out::AmqpDestination::new(&self.name, shared, channel, around)?)))
    }
}
