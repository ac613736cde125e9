//! Whether the files that a passive recipient and its partners' channels name can be used. Sends nothing.

use std::path::Path;

use serde_json::Value;

use super::settings::Settings;
use crate::transport::osci_keys;
use crate::transport::osci_trust::{authors, unfit_channel, unfit_intermediary};
use crate::transport::port::files::Looked;
use crate::transport::settings;
use crate::transport::tls::ServerTls;

/// What cannot be used of the files of a connection or channel.
pub fn look((name, written): (&str, &Value), channel: Option<(&str, &Value)>, config: &Path) -> Looked {
    if let Some((partner, channel)) = channel {
        let spots = authors(name, (partner, channel), config);
        return Looked { faults: unfit_channel(channel, config), spots };
    }
    let Ok(settings) = settings::read::<Settings>("", written) else { return Looked::default() };
    let mut faults = osci_keys::unfit(&settings.keys, "/keys", config);
    for (nth, one) in settings.intermediaries.iter().enumerate() {
        faults.extend(unfit_intermediary(one, &format!("/intermediaries/{nth}"), config));
    }
    if let Some(tls) = settings.tls
        && let Err(fault) = ServerTls::open(tls.below(config))
    {
        faults.push(("/tls".to_owned(), fault.to_string()));
    }
    Looked { faults, spots: Vec::new() }
}
