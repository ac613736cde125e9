//! Every certificate that the files of a stage name: ours at listeners and towards far ends, authorities, and those of partners; until when each
//! holds. Read anew at each look, because files are replaced while the house runs. Trusts none, and shows no name that stands in one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::route::compiled::Compiled;
use crate::telemetry::parts::Turn;
use crate::transport::watched;
use crate::trust::certificate::Certificate;

use super::named_files::{self, As};
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
    /// Whose it is to replace.
    pub whose: Whose,
    path: PathBuf,
}

/// Whose a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Ours, and we show it.
    Shown,
    /// Ours of before: it is shown to nobody, so that it is over costs nothing.
    Former,
    /// Ours to keep, such as authorities.
    Ours,
    /// A far end's, which shows it or is encrypted for.
    FarEnd,
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
            (Turn::FarEnd, _) if self.partner.is_none() => {
                "ask who runs the far end for the new one, name it beside the old one, apply"
            }
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
    let mut add = |by: String, partner: Option<&str>, whose: Whose, path: PathBuf| {
        let partner = partner.map(str::to_owned);
        found.entry((by.clone(), path.clone())).or_insert(Named { by, partner, whose, path });
    };
    for one in named_files::named(config, compiled) {
        let named_files::Named { connection, partner, key, role, path } = one;
        let by = match &partner {
            Some(partner) => format!("channel {connection}:{partner}, {key}"),
            None => format!("connection {connection}, {key}"),
        };
        let whose = match role {
            As::Certificate => Whose::Shown,
            As::Former => Whose::Former,
            As::Listed => Whose::FarEnd,
            As::Key | As::Other => Whose::Ours,
        };
        add(by, partner.as_deref(), whose, path);
    }
    for (partner, path) in &compiled.certificates {
        add(
            format!("partner {partner}, certificate {path}"),
            Some(partner),
            Whose::FarEnd,
            config.join(path),
        );
    }
    if let Some(path) = named_files::of_the_store(config, compiled) {
        add("store, ca".to_owned(), None, Whose::Ours, path);
    }
    found.into_values().collect()
}

/// The certificates that a compiled stage names, at a moment.
pub fn of_stage(place: &Place, compiled: &Compiled, now: Timestamp) -> Vec<Seen> {
    seen(&named(place, compiled), now)
}

/// The certificates of files at a moment; one that cannot be read is told by whoever uses it.
pub fn seen(named: &[Named], now: Timestamp) -> Vec<Seen> {
    let mut all = Vec::new();
    for one in named {
        // PEM, with keys or without, or DER as it is.
        let Ok(octets) = watched::read(&one.path, "certificate") else { continue };
        let octets = Zeroizing::new(octets);
        let mut found: Vec<Certificate> = CertificateDer::pem_slice_iter(&octets)
            .filter_map(|der| Certificate::from_der(der.ok()?.to_vec().into()).ok())
            .collect();
        if found.is_empty() {
            found.extend(Certificate::from_der(octets.to_vec().into()));
        }
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
                near: if one.whose == Whose::Former { Near::Far } else { near(from, until, now) },
                ours: one.whose == Whose::Shown,
                turn: if one.whose == Whose::FarEnd { Turn::FarEnd } else { Turn::Ours },
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
