//! Every certificate that the files of a stage name: ours at listeners and towards far ends, authorities, and those of partners; until when each
//! holds. Read anew at each look, because files are replaced while the house runs. Trusts none, and shows no name that stands in one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;

use crate::config;
use crate::route::compiled::Compiled;
use crate::telemetry::parts::Turn;
use crate::trust::certificate::Certificate;

use super::place::Place;

/// Days before its end at which a person is called, the first one first.
const DAYS: [i64; 3] = [90, 30, 7];
/// How the name of a part begins that is a certificate.
pub const PART: &str = "certificate of ";
/// Seconds of a day.
const DAY: i64 = 86_400;

/// A file of certificates and who names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Who names it: `connection http, tls.certificate`, `partner kita, certificate`.
    pub by: String,
    /// The partner whose it is or by whose channel it is named.
    pub partner: Option<String>,
    /// Whether we show it ourselves.
    pub ours: bool,
    /// Whether the partner shows it.
    pub theirs: bool,
    path: PathBuf,
}

/// How near its end a certificate is; the later the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Near {
    /// It holds for longer than anybody has to look.
    Far,
    /// For at most 90 days.
    Months,
    /// For at most 30 days.
    Weeks,
    /// For at most 7 days.
    Days,
    /// It has expired, or does not hold yet.
    Over,
}

/// A certificate of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Who names it; where its file holds several, the number of it follows.
    pub by: String,
    /// The partner whose it is or by whose channel it is named.
    #[serde(skip)]
    pub partner: Option<String>,
    /// SHA-256 over its octets, hex.
    pub sha256: String,
    /// From when on it holds.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How near that is.
    pub near: Near,
    /// Whether we show it ourselves.
    pub ours: bool,
    /// Whose turn it is to replace it.
    pub turn: Turn,
}

impl Seen {
    /// The part that it is, by its name: `certificate of connection http, tls.certificate`.
    pub fn part(&self) -> String {
        format!("{PART}{}", self.by)
    }

    /// How it stands at a moment, without a date: `holds for 12 days`.
    pub fn said(&self, now: Timestamp) -> String {
        let days = |seconds: i64| match seconds / DAY {
            0 => "less than a day".to_owned(),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        let left = self.until.as_second() - now.as_second();
        match () {
            () if self.from > now => {
                format!("does not hold for {} yet", days(self.from.as_second() - now.as_second()))
            }
            () if left < 0 => format!("expired {} ago", days(-left)),
            () => format!("holds for {}", days(left)),
        }
    }

    /// What to do about it.
    pub fn next(&self) -> &'static str {
        match (self.turn, self.ours) {
            (Turn::FarEnd, _) => "ask the partner for the new one, name it beside the old one, apply",
            (_, true) => "put the new certificate and its key into the same files; they count within seconds",
            _ => "put the new authority into the same file, beside the old one until nobody needs that",
        }
    }
}

fn near(from: Timestamp, until: Timestamp, now: Timestamp) -> Near {
    let left = until.as_second() - now.as_second();
    let [months, weeks, days] = DAYS.map(|days| days * DAY);
    match left {
        _ if left < 0 || from > now => Near::Over,
        left if left <= days => Near::Days,
        left if left <= weeks => Near::Weeks,
        left if left <= months => Near::Months,
        _ => Near::Far,
    }
}

/// The files of certificates that a compiled stage names.
pub fn named(place: &Place, compiled: &Compiled) -> Vec<Named> {
    let config = &place.config;
    let mut found = BTreeMap::new();
    let mut add = |by: String, partner: Option<&str>, (ours, theirs): (bool, bool), path: PathBuf| {
        let partner = partner.map(str::to_owned);
        found.entry((by.clone(), path.clone())).or_insert(Named { by, partner, ours, theirs, path });
    };
    let takes = compiled.sources.iter().map(|source| (&source.connection, &source.settings));
    let sends = compiled.destinations.iter().map(|wanted| (&wanted.connection, &wanted.settings));
    // Each connection is looked at once, whatever number of partners it leads to.
    let connections: BTreeMap<&String, &Value> = takes.chain(sends).collect();
    for (connection, settings) in connections {
        walk(config, settings, &mut Vec::new(), &mut |key, ours, path| {
            add(format!("connection {connection}, {key}"), None, (ours, false), path);
        });
    }
    for wanted in &compiled.destinations {
        let partner = &wanted.channel.partner;
        walk(config, &wanted.channel.settings, &mut Vec::new(), &mut |key, ours, path| {
            add(format!("channel {}, {key}", wanted.key()), Some(partner.as_str()), (ours, false), path);
        });
    }
    for (partner, path) in &compiled.certificates {
        add(
            format!("partner {partner}, certificate {path}"),
            Some(partner),
            (false, true),
            config.join(path),
        );
    }
    for (name, path) in compiled.stage.store_access.iter().filter(|(name, _)| *name == "ca") {
        add(format!("store, {name}"), None, (false, false), config.join(path.expose_secret()));
    }
    found.into_values().collect()
}

/// Whatever leads to a file that holds a certificate is one, whichever transport names it; we show one that stands beside its key.
fn walk(config: &Path, settings: &Value, keys: &mut Vec<String>, add: &mut dyn FnMut(String, bool, PathBuf)) {
    match settings {
        Value::Object(fields) => {
            let with_key = fields.contains_key("key");
            for (name, value) in fields {
                keys.push(name.clone());
                match value {
                    Value::String(written) => {
                        let path = config.join(written);
                        if path.is_file() {
                            add(keys.join("."), with_key && name == "certificate", path);
                        }
                    }
                    value => walk(config, value, keys, add),
                }
                keys.pop();
            }
        }
        Value::Array(items) => items.iter().for_each(|value| walk(config, value, keys, add)),
        _ => {}
    }
}

/// The certificates that a compiled stage names, at a moment.
pub fn of_stage(place: &Place, compiled: &Compiled, now: Timestamp) -> Vec<Seen> {
    seen(&named(place, compiled), now)
}

/// The certificates of files at a moment; one that cannot be read is told by whoever uses it.
pub fn seen(named: &[Named], now: Timestamp) -> Vec<Seen> {
    let mut all = Vec::new();
    for one in named {
        let Ok(text) = config::read_text(&one.path) else { continue };
        let found: Vec<Certificate> = CertificateDer::pem_slice_iter(text.as_bytes())
            .filter_map(|der| Certificate::from_der(der.ok()?.to_vec().into()).ok())
            .collect();
        let several = found.len() > 1;
        for (at, certificate) in found.iter().enumerate() {
            let by = if several { format!("{} ({})", one.by, at + 1) } else { one.by.clone() };
            let (from, until) = (certificate.not_before(), certificate.not_after());
            let sha256 = certificate.fingerprint();
            all.push(Seen {
                by,
                partner: one.partner.clone(),
                sha256,
                from,
                until,
                near: near(from, until, now),
                ours: one.ours,
                turn: if one.theirs { Turn::FarEnd } else { Turn::Ours },
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_term_begins_at_its_day() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let after = |seconds: i64| Timestamp::from_second(now.as_second() + seconds).unwrap();
        let from = after(-DAY);
        for (left, is) in [
            (-1, Near::Over),
            (0, Near::Days),
            (7 * DAY, Near::Days),
            (7 * DAY + 1, Near::Weeks),
            (30 * DAY, Near::Weeks),
            (30 * DAY + 1, Near::Months),
            (90 * DAY, Near::Months),
            (90 * DAY + 1, Near::Far),
        ] {
            assert_eq!(near(from, after(left), now), is, "{left}");
        }
        assert_eq!(near(after(1), after(400 * DAY), now), Near::Over, "not yet");
    }
}
