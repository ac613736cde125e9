//! What `doctor` says of a connection to an intermediary: whether its keys and the pinned certificates can be read, fit and are in their term.
//! Sends nothing.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::settings::{ChannelSettings, Settings};
use crate::transport::osci_keys::told_of_keys;
use crate::transport::osci_trust::told;
use crate::transport::port::account::Account;
use crate::transport::settings;

/// For each file of a connection and of its partners whether it is fit, in words.
pub fn certificates(
    name: &str,
    written: &serde_json::Value,
    accounts: &[Account],
    (config, now): (&Path, Timestamp),
) -> Vec<(bool, String)> {
    let settings = match settings::read::<Settings>(name, written) {
        Ok(settings) => settings,
        Err(error) => return vec![(false, error.to_string())],
    };
    let mut all = told_of_keys(name, settings.keys, (config, now));
    let what = format!("{name}: intermediary");
    all.extend(told(config, &what, &settings.intermediary.signature, now));
    all.extend(told(config, &what, &settings.intermediary.cipher, now));
    for account in accounts.iter().filter(|account| account.connection == name) {
        let Ok(pins) = ChannelSettings::deserialize(&account.settings) else { continue };
        let what = format!("{name}: {}", account.partner);
        all.extend(told(config, &what, &pins.authors, now));
        all.extend(told(config, &what, &pins.cipher, now));
    }
    all
}
