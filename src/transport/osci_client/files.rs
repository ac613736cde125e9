//! Whether the files that a connection to an intermediary and its partners' channels name can be used, and whose mailboxes they are by the
//! certificates in them. Sends nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::link::unfit_tls;
use super::settings::{ChannelSettings, Settings, server};
use crate::transport::osci_keys;
use crate::transport::osci_pins::read;
use crate::transport::osci_trust::{authors, unfit_channel, unfit_intermediary};
use crate::transport::port::files::Looked;
use crate::transport::port::spot::{Spot, exact};
use crate::transport::settings;

/// What cannot be used of the files of a connection or channel, and the mailboxes that they name.
pub fn look((name, written): (&str, &Value), channel: Option<(&str, &Value)>, config: &Path) -> Looked {
    let Ok(settings) = settings::read::<Settings>("", written) else { return Looked::default() };
    let Some(server) = server(&settings) else { return Looked::default() };
    let spots = |path: &PathBuf, key: &'static str, partner: Option<&str>| {
        let found = read(&config.join(path)).unwrap_or_default();
        let spot = |one: &crate::trust::certificate::Certificate| Spot {
            at: exact(&format!("osci {server} {}", one.fingerprint())),
            said: format!("the mailbox of the certificate in {}", path.display()),
            key,
            written: partner.map(str::to_owned),
            apart: std::collections::BTreeMap::default(),
        };
        found.iter().map(spot).collect::<Vec<Spot>>()
    };
    if let Some((partner, channel)) = channel {
        let own = settings::read::<ChannelSettings>("", channel).map(|own| own.cipher).unwrap_or_default();
        let mut spots: Vec<Spot> = own.iter().flat_map(|path| spots(path, "cipher", Some(partner))).collect();
        spots.extend(authors(name, (partner, channel), config));
        return Looked { faults: unfit_channel(channel, config), spots };
    }
    let mut faults = osci_keys::unfit(&settings.keys, "/keys", config);
    faults.extend(unfit_intermediary(&settings.intermediary, "/intermediary", config));
    faults.extend(unfit_tls(&settings, config).map(|fault| ("/ca".to_owned(), fault)));
    let own = settings.keys.cipher.iter().filter(|_| settings.mailbox);
    let spots = own.flat_map(|files| spots(&files.certificate, "keys", None)).collect();
    Looked { faults, spots }
}
