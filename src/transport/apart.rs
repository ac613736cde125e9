//! A connection whose source and destinations share nothing: each is made from what is written, when it is wanted.
//! What has links, tokens or dialogs in common is a connection of its own transport instead.

use std::sync::Arc;

use serde_json::Value;

use super::port::{BuildError, Channel, Connection, Destination, Source, Surroundings};

/// How a source is made; `None` where the connection has none.
pub type MakeSource =
    fn(name: &str, written: &Value, around: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError>;
/// How the destination of one partner is made.
pub type MakeDestination = fn(
    name: &str,
    written: &Value,
    channel: &Channel,
    around: &Surroundings,
) -> Result<Option<Arc<dyn Destination>>, BuildError>;

struct Apart {
    name: String,
    written: Value,
    source: MakeSource,
    destination: MakeDestination,
}

/// Opens a connection of this name with these settings.
pub fn apart(
    name: &str,
    written: &Value,
    source: MakeSource,
    destination: MakeDestination,
) -> Result<Arc<dyn Connection>, BuildError> {
    Ok(Arc::new(Apart { name: name.to_owned(), written: written.clone(), source, destination }))
}

/// For transports that only send.
pub fn no_source(_: &str, _: &Value, _: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError> {
    Ok(None)
}

/// For transports that only take in.
pub fn no_destination(
    _: &str,
    _: &Value,
    _: &Channel,
    _: &Surroundings,
) -> Result<Option<Arc<dyn Destination>>, BuildError> {
    Ok(None)
}

impl Connection for Apart {
    fn source(&self, around: &Surroundings) -> Result<Option<Arc<dyn Source>>, BuildError> {
        (self.source)(&self.name, &self.written, around)
    }

    fn destination(
        &self,
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<Option<Arc<dyn Destination>>, BuildError> {
        (self.destination)(&self.name, &self.written, channel, around)
    }
}
