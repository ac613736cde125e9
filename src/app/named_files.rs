//! The files that the settings of connections, channels and the store name, whichever transport they are of: whatever leads to a file is one. Opens none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::route::compiled::{Compiled, Written};

/// As what a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum As {
    /// A certificate beside its key: ours.
    Certificate,
    /// One of several pairs that is not the first: what is under way for it is opened, and nobody is shown it any more.
    Former,
    /// A private key beside its certificate.
    Key,
    /// One of a list: certificates of others, of which several may hold side by side.
    Listed,
    /// Anything else, such as authorities.
    Other,
}

/// A file and who names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The connection.
    pub connection: String,
    /// The partner whose channel by it names the file; `None` where the connection does.
    pub partner: Option<String>,
    /// The key, such as `tls.certificate` or `authors.0`.
    pub key: String,
    /// As what.
    pub role: As,
    /// Where it lies.
    pub path: PathBuf,
}

/// All files that are named and are there.
pub fn named(config: &Path, compiled: &Compiled) -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    for Written { connection, settings, channel, .. } in compiled.written() {
        let (partner, settings) = channel.map_or((None, settings), |(partner, own)| (Some(partner), own));
        walk(config, settings, &mut Vec::new(), false, &mut |key, role, path| {
            let (connection, partner) = (connection.to_owned(), partner.map(str::to_owned));
            found.insert(Named { connection, partner, key, role, path });
        });
    }
    found
}

/// The file of the authority by which the store's server is known, where one is named.
pub fn of_the_store(config: &Path, compiled: &Compiled) -> Option<PathBuf> {
    let (_, path) = compiled.stage.store_access.iter().find(|(name, _)| *name == "ca")?;
    Some(config.join(path.expose_secret()))
}

/// A file, if what is written leads to one.
fn one(
    config: &Path,
    (keys, role, written): (&[String], As, &str),
    add: &mut dyn FnMut(String, As, PathBuf),
) {
    let path = config.join(written);
    if path.is_file() {
        add(keys.join("."), role, path);
    }
}

fn walk(
    config: &Path,
    settings: &Value,
    keys: &mut Vec<String>,
    former: bool,
    add: &mut dyn FnMut(String, As, PathBuf),
) {
    match settings {
        Value::Object(fields) => {
            let pair = fields.contains_key("key") && fields.contains_key("certificate");
            for (name, value) in fields {
                keys.push(name.clone());
                match (value, name.as_str()) {
                    (Value::String(written), "certificate") if pair => {
                        one(config, (keys, if former { As::Former } else { As::Certificate }, written), add);
                    }
                    (Value::String(written), "key") if pair => one(config, (keys, As::Key, written), add),
                    (Value::String(written), _) => one(config, (keys, As::Other, written), add),
                    (value, _) => walk(config, value, keys, false, add),
                }
                keys.pop();
            }
        }
        Value::Array(items) => {
            for (nth, value) in items.iter().enumerate() {
                keys.push(nth.to_string());
                match value {
                    Value::String(written) => one(config, (keys, As::Listed, written), add),
                    value => walk(config, value, keys, nth > 0, add),
                }
                keys.pop();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_leads_to_a_file_is_one_also_in_a_list() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.pem", "a.key", "b.pem", "b.key", "ca.pem", "pin.pem"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let settings = json!({
            "url": "https://x", "ca": "ca.pem", "pins": ["pin.pem", "missing.pem"],
            "keys": { "cipher": [
                { "certificate": "a.pem", "key": "a.key" }, { "certificate": "b.pem", "key": "b.key" },
            ] },
        });
        let mut found = BTreeMap::new();
        walk(folder.path(), &settings, &mut Vec::new(), false, &mut |key, role, _| {
            found.insert(key, role);
        });
        let expected = [
            ("ca", As::Other),
            ("keys.cipher.0.certificate", As::Certificate),
            ("keys.cipher.0.key", As::Key),
            ("keys.cipher.1.certificate", As::Former),
            ("keys.cipher.1.key", As::Key),
            ("pins.0", As::Listed),
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected.map(|(key, role)| (key.to_owned(), role)));
    }
}
