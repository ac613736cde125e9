//! What `doctor` asks a server: whether the accounts of the house are there. Sends nothing and fetches nothing.

use std::path::Path;

use super::ask;
use super::link::Link;
use super::settings::Settings;
use crate::transport::caller::Around;
use crate::transport::settings;
use crate::transport::xta::model::Party;

/// For each identity of a connection whether its account is active, in words.
pub async fn accounts(name: &str, written: &serde_json::Value, config: &Path) -> Vec<(bool, String)> {
    let settings = match settings::read::<Settings>(name, written) {
        Ok(settings) => settings.below(config),
        Err(error) => return vec![(false, error.to_string())],
    };
    let mut named = settings.identities.clone();
    named.extend(settings.readers.iter().filter(|reader| !settings.identities.contains(reader)).cloned());
    let link = match Link::open(name, settings, Around::alone()) {
        Ok(link) => link,
        Err(cause) => return vec![(false, format!("{name}: {cause}"))],
    };
    let mut told = Vec::new();
    for identity in named {
        let value = &identity.value;
        told.push(match ask::is_active(&link, &Party::of(identity.identity())).await {
            Ok(()) => (true, format!("{name}: the account of {value} is active")),
            Err(trouble) => (false, format!("{name}: the account of {value}: {trouble}")),
        });
    }
    told
}
