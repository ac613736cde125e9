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

use crate::transport::caller::Around;
use crate::transport::port::binding::Bindings;
use crate::transport::port::{
    self, BuildError, Channel, Connection, Destination, Entry, Source, Surroundings,
};
use crate::transport::settings::{check, read, schema_of};
use crate::transport::tls_files;
use api::Api;
use link::Link;
use login::Login;
use settings::{ChannelSettings, Settings, further, further_of_channel, spots};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "ddatabox",
    binding: Bindings::Listed,
    answers: None,
    sends: true,
    collected: false,
    accounts: false,
    alone: false,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<ChannelSettings>(written, further_of_channel),
    folders: port::no_folders,
    spots,
    files: |(_, written), channel, config| {
        if channel.is_some() {
            return port::files::Looked::default();
        }
        let public = written
            .get("url")
            .and_then(serde_json::Value::as_str)
            .is_some_and(|url| url.starts_with("https:"));
        tls_files::of_way_out(written, "", public, config)
    },
    exposed: port::files::never_exposed,
    schema: schema_of::<Settings>,
    open: |name, written, around| Ok(Arc::new(DdataboxConnection::open(name, written, around)?)),
};

/// A connection: all that is sent by it goes by one login, and so by one token at a time.
struct DdataboxConnection {
    name: String,
    settings: Settings,
    api: Arc<Api>,
}

impl DdataboxConnection {
    fn open(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<DdataboxConnection, BuildError> {
        let broken = |text: String| BuildError { connection: name.to_owned(), text };
        let mut settings: Settings = read(name, written)?;
        settings.ca = settings.ca.map(|ca| around.config.join(ca));
        let link = Link::open(name, &settings, Around::of(around)).map_err(broken)?;
        let login = Login::of(name, &settings, around.notes.clone());
        let login = login.ok_or_else(|| broken("write `user` or `refresh-token`".to_owned()))?;
        Ok(DdataboxConnection { name: name.to_owned(), settings, api: Arc::new(Api { link, login }) })
    }
}

impl Connection for DdataboxConnection {
    fn source(&self, _: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError> {
        Ok(None)
    }

    fn destination(
        &self,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Destination>>, BuildError> {
        let shared = (&self.settings, &self.api);
        Ok(Some(Arc::new(out::DdataboxDestination::new(&self.name, shared, channel, around)?)))
    }
}
