//! What every request of an XTA server stands on: the door of its listener, its settings, the name of its binding. Answers nothing itself.

use std::sync::Arc;

use super::settings::Settings;
use crate::transport::http::door::Door;
use crate::transport::xta::model::{Identity, Party};

/// What every request needs.
pub struct Server {
    /// Shares, permits, the house.
    pub door: Arc<Door>,
    /// What is written of it.
    pub settings: Arc<Settings>,
    /// The `on` entry of its deliveries.
    pub binding: String,
}

impl Server {
    /// The server behind a door.
    pub fn new(door: Arc<Door>, settings: Arc<Settings>) -> Server {
        let binding = format!("xta {}", door.connection);
        Server { door, settings, binding }
    }

    /// Who the house is.
    pub fn house(&self) -> Party {
        Party::of(self.settings.identities.first().map_or_else(
            || Identity { value: String::new(), scheme: None, name: None, category: None },
            crate::transport::xta_words::Named::identity,
        ))
    }

    /// Octets of all contents of an order.
    pub fn container(&self) -> u64 {
        self.settings.max_content << 20
    }
}
