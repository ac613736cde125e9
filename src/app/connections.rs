//! The open connections of the running set, each as long as something runs by it: a reload finds those whose settings stayed as they were, so links, tokens
//! and dialogs outlive it. Never gives one out for other settings than it was opened with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use serde_json::Value;

use crate::route::compiled::WantedDestination;
use crate::transport::TRANSPORTS;
use crate::transport::port::{BuildError, Connection, Destination, Surroundings};

/// What a connection was opened with. As a hash: secrets are among the settings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opened([u8; 32]);

impl Opened {
    /// That of a connection of this name.
    pub fn with(kind: &str, name: &str, settings: &Value) -> Opened {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(format!("{kind}\n{name}\n{settings}").as_bytes());
        let mut octets = [0; 32];
        octets.copy_from_slice(hash.finish().as_ref());
        Opened(octets)
    }
}

/// All of them.
#[derive(Default)]
pub struct Connections(Mutex<BTreeMap<Opened, Arc<dyn Connection>>>);

impl Connections {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<Opened, Arc<dyn Connection>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The connection of this name with these settings; opened where it is not open. `None` where this program knows no such transport.
    pub fn open(
        &self,
        kind: &str,
        name: &str,
        settings: &Value,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Connection>>, BuildError> {
        let Some(entry) = TRANSPORTS.iter().find(|entry| entry.word == kind) else { return Ok(None) };
        let opened = Opened::with(kind, name, settings);
        self.with(|all| {
            if let Some(connection) = all.get(&opened) {
                return Ok(Some(connection.clone()));
            }
            let connection = (entry.open)(name, settings, around)?;
            all.insert(opened, connection.clone());
            Ok(Some(connection))
        })
    }

    /// The destination of a partner, by the connection that it needs; `None` where its transport sends nothing, or this program knows no such one.
    pub fn destination(
        &self,
        wanted: &WantedDestination,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Destination>>, BuildError> {
        let opened = self.open(&wanted.kind, &wanted.connection, &wanted.settings, around)?;
        opened.map_or(Ok(None), |opened| opened.destination(&wanted.channel, around))
    }

    /// With what those that are open were opened.
    pub fn opened(&self) -> BTreeSet<Opened> {
        self.with(|all| all.keys().cloned().collect())
    }

    /// Lets go of those by which nothing runs any more; what is under way ends with its own handle.
    pub fn keep(&self, runs: impl Fn(&Opened) -> bool) {
        self.with(|all| all.retain(|opened, _| runs(opened)));
    }
}
