//! What `doctor` says of a passive recipient: whether its keys and the pinned certificates can be read, fit and are in their term. Sends
//! nothing.

use std::path::Path;

use jiff::Timestamp;

use super::settings::Settings;
use crate::transport::osci_keys::told_of_keys;
use crate::transport::osci_trust::told_of_pins;
use crate::transport::port::account::Account;
use crate::transport::settings;

/// For each file of a connection and of its partners whether it is fit, in words.
pub fn certificates(
    name: &str,
    written: &serde_json::Value,
    accounts: &[Account],
    at: (&Path, Timestamp),
) -> Vec<(bool, String)> {
    let settings = match settings::read::<Settings>(name, written) {
        Ok(settings) => settings,
        Err(error) => return vec![(false, error.to_string())],
    };
    let mut all = told_of_keys(name, settings.keys, at);
    let intermediaries = settings.intermediaries.iter().enumerate();
    let named = intermediaries.map(|(nth, one)| (format!("{name}: intermediary {nth}"), one));
    all.extend(told_of_pins(name, named, accounts, at));
    all
}
