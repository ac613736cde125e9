//! The passive recipient of OSCI 1.2: intermediaries deliver to the house over its listener, and its answer goes back on the same exchange.
//! The terms of its connections are those of the HTTP door. Never opens a document, and never says that something was received that the
//! house did not commit.

pub mod answer;
pub mod deliver;
pub mod doctor;
pub mod files;
pub mod judge;
pub mod recipient;
pub mod request;
pub mod settings;
pub mod strangers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::apart::{apart, no_destination};
use super::http::HttpSource;
use super::osci_keys::{Keyring, LOOK};
use super::osci_trust::{Book, PinSettings, further_of_pins};
use super::port::binding::Bindings;
use super::port::{self, Answers, BuildError, Entry, Source, SourceError, Stop, Surroundings};
use super::settings::{check, read, schema_of};
use recipient::Recipient;
use settings::{Settings, further};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "osci",
    binding: Bindings::Listed,
    // AcceptDelivery has no room for an answer, and one that is not ready at once comes later: each goes by message then.
    answers: Some(Answers::ByMessage),
    sends: false,
    collected: false,
    accounts: true,
    alone: false,
    check: |written| check::<Settings>(written, further),
    check_channel: |written| check::<PinSettings>(written, further_of_pins),
    folders: port::no_folders,
    spots: port::no_spots,
    files: files::look,
    // What an intermediary encrypts for the house nobody else reads; where it may come plain, TLS has to hide it.
    exposed: |written| {
        let all = written.get("intermediaries").and_then(serde_json::Value::as_array);
        let plain =
            |one: &serde_json::Value| one.pointer("/policy/plain").and_then(serde_json::Value::as_bool);
        let some = all.is_some_and(|all| all.iter().any(|one| plain(one).unwrap_or(false)));
        if some { super::tls_files::exposed(written) } else { None }
    },
    schema: schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| Ok(Some(Arc::new(OsciSource::new(name, written, around)?))),
            no_destination,
        )
    },
};

/// One passive recipient.
pub struct OsciSource {
    name: String,
    settings: Arc<Settings>,
    around: Surroundings,
    opened: tokio::sync::OnceCell<Opened>,
}

/// What stands once the keys could be read.
struct Opened {
    listener: HttpSource,
    ring: Arc<Keyring>,
    book: Arc<Book>,
}

impl OsciSource {
    /// Builds the recipient of a connection.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<OsciSource, BuildError> {
        let settings: Settings = read(name, written)?;
        Ok(OsciSource {
            name: name.to_owned(),
            settings: Arc::new(settings),
            around: around.clone(),
            opened: tokio::sync::OnceCell::new(),
        })
    }

    /// The address it listens on, as soon as it does.
    pub async fn bound(&self) -> Option<SocketAddr> {
        self.opened().await.ok()?.listener.bound().await
    }

    /// The listener; made when the keys can be read, which a start may have to wait for.
    async fn opened(&self) -> Result<&Opened, SourceError> {
        self.opened
            .get_or_try_init(|| async {
                let (name, keys) = (self.name.clone(), self.settings.keys.clone().below(&self.around.config));
                let parts = self.around.parts.clone();
                let opened = tokio::task::spawn_blocking(move || Keyring::open(&name, keys, &parts)).await;
                let broken = |text: String| SourceError::Broken(format!("connection {}: {text}", self.name));
                let ring = opened
                    .map_err(|_| broken("its keys cannot be read".to_owned()))?
                    .map_err(|fault| broken(format!("keys/{fault}")))?;
                let book = Book::new(
                    &self.name,
                    self.settings.intermediaries.clone(),
                    &self.around.config,
                    (&self.around.parts, &self.around.clock),
                );
                let (ring, book, settings) = (Arc::new(ring), Arc::new(book), self.settings.clone());
                let material = (ring.clone(), book.clone());
                let routes = Arc::new(move |door| {
                    let (ring, book) = material.clone();
                    request::router(Arc::new(Recipient::new(door, settings.clone(), ring, book)))
                });
                let listener = self.settings.listener();
                let listener =
                    HttpSource::serving(&self.name, listener, &self.around, axum::Router::new(), routes);
                Ok(Opened { listener, ring, book })
            })
            .await
    }

    /// Looks at the files also where nobody delivers: what cannot be used is told before the next delivery comes.
    async fn watch(&self, opened: &Opened) -> Infallible {
        loop {
            tokio::time::sleep(LOOK).await;
            let (ring, book) = (opened.ring.clone(), opened.book.clone());
            let admission = self.around.doors.admission();
            let looked = tokio::task::spawn_blocking(move || {
                ring.current();
                book.known(&admission);
            });
            // Where the look itself failed the next one may not.
            let _ = looked.await;
        }
    }
}

#[async_trait]
impl Source for OsciSource {
    fn leave(&self) {
        if let Some(opened) = self.opened.get() {
            opened.listener.leave();
        }
    }

    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let opened = self.opened().await?;
        let ended = tokio::select! {
            ended = opened.listener.run(stop) => ended,
            never = self.watch(opened) => match never {},
        };
        opened.ring.gone();
        opened.book.gone();
        ended
    }
}
