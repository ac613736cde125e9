//! The XTA server of the house: partners with an account send deliveries in, come for what lies in their mailbox, and ask what became of
//! what they sent (module 2.1.1). The terms of its connections are those of the HTTP door. Never reads a document, and never lets an
//! account see what is another's.

pub mod account;
pub mod answer;
pub mod ids;
pub mod intake;
pub mod letter;
pub mod no;
pub mod order;
pub mod report;
pub mod request;
pub mod server;
pub mod settings;
pub mod shelf;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::apart::apart;
use super::http::HttpSource;
use super::port::binding::Bindings;
use super::port::{Answers, BuildError, Entry, Source, SourceError, Stop, Surroundings};
use super::settings::{check, read, schema_of};
use super::{mailbox, port, tls_files};
use server::Server;
use settings::{AccountSettings, Settings, further};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "xta",
    binding: Bindings::Listed,
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: true,
    accounts: true,
    alone: false,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<AccountSettings>(written, |_, _| {}),
    folders: port::no_folders,
    spots: port::no_spots,
    files: |(_, written), channel, config| match channel {
        Some(_) => port::files::Looked::default(),
        None => tls_files::of_listener(written, config),
    },
    exposed: port::files::never_exposed,
    schema: schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| Ok(Some(Arc::new(XtaSource::new(name, written, around)?))),
            |name, written, _, _| {
                let settings: Settings = read(name, written)?;
                Ok(Some(mailbox::of_lease(settings.lease.0)))
            },
        )
    },
};

/// One server.
pub struct XtaSource(HttpSource);

impl XtaSource {
    /// Builds the server of a connection.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<XtaSource, BuildError> {
        let settings: Settings = read(name, written)?;
        let listener = settings.listener();
        let settings = Arc::new(settings);
        let routes = Arc::new(move |door| request::router(Arc::new(Server::new(door, settings.clone()))));
        Ok(XtaSource(HttpSource::serving(name, listener, around, axum::Router::new(), routes)))
    }

    /// The address it listens on, as soon as it does.
    pub async fn bound(&self) -> Option<SocketAddr> {
        self.0.bound().await
    }
}

#[async_trait]
impl Source for XtaSource {
    fn leave(&self) {
        self.0.leave();
    }

    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        self.0.run(stop).await
    }
}
