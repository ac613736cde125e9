//! The source of a connection: one keeper for each mailbox, and an error of this program in one costs the others nothing.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::keeper::{Keeper, places};
use super::link::Link;
use super::settings::Settings;
use crate::transport::caller::Around;
use crate::transport::looks::announce;
use crate::transport::port::{BuildError, Place, Source, SourceError, Stop, Surroundings};
use crate::transport::settings;
use crate::transport::xta_words::Named;

/// Reads the mailboxes of one connection.
pub struct ClientSource {
    name: String,
    link: Arc<Link>,
    around: Surroundings,
}

impl ClientSource {
    /// The source of a connection; `None` where it reads no mailbox.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<Option<ClientSource>, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        if settings.readers.is_empty() {
            return Ok(None);
        }
        let link = Link::open(name, settings.below(&around.config), Around::of(around));
        let link = link.map_err(|text| BuildError { connection: name.to_owned(), text })?;
        Ok(Some(ClientSource { name: name.to_owned(), link: Arc::new(link), around: around.clone() }))
    }
}

#[async_trait]
impl Source for ClientSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let settings = &self.link.settings;
        let partners = settings.partners();
        let places = |reader: &Named| places(&self.name, &reader.value, &partners);
        let all: Vec<Place> = settings.readers.iter().flat_map(places).collect();
        announce(&self.around, &self.name, &all, &stop).await;
        let keeper = |at: usize| {
            Keeper::new(&self.name, &settings.readers[at], self.link.clone(), &self.around).run(stop.clone())
        };
        let (mut keepers, mut which) = (JoinSet::new(), HashMap::new());
        for at in 0..settings.readers.len() {
            which.insert(keepers.spawn(keeper(at)).id(), at);
        }
        while let Some(ended) = keepers.join_next_with_id().await {
            if let Err(failed) = ended
                && let Some(at) = which.remove(&failed.id())
                && !stop.is_cancelled()
            {
                which.insert(keepers.spawn(keeper(at)).id(), at);
            }
        }
        self.link.gone();
        Ok(())
    }
}
