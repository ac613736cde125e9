//! Who a caller is: by client certificate, bearer token or both, against what the running set admits.
//! Never tells a caller why it was not admitted; the operator learns what is wrong with a certificate.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use jiff::Timestamp;

use crate::envelope::{How, PartnerRef};
use crate::transport::port::{Admission, Admitted, Credential};

/// An admitted caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The partner.
    pub partner: PartnerRef,
    /// What was verified, for the evidence.
    pub verification: String,
}

/// Admits a caller; everything it shows must be known, valid now and name the same partner.
pub fn admit(
    admission: &Admission,
    certificate: Option<&str>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<Caller> {
    let shown: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
    let bearer = match shown[..] {
        [] => None,
        [one] => Some(token(one.to_str().ok()?)?),
        _ => return None,
    };
    let by_certificate = match certificate {
        None => None,
        Some(shown) => Some(owner(admission, now, |known| match known {
            Credential::CertificateSha256(hash) => same(hash, shown),
            Credential::BearerSha256(_) | Credential::BrokerUser(_) => false,
        })?),
    };
    let by_bearer = match bearer {
        None => None,
        Some(token) => {
            let shown = hex::encode(digest::digest(&digest::SHA256, token.as_bytes()));
            Some(owner(admission, now, |known| match known {
                Credential::BearerSha256(hash) => same(hash, &shown),
                Credential::CertificateSha256(_) | Credential::BrokerUser(_) => false,
            })?)
        }
    };
    let (id, how, verification) = match (by_certificate, by_bearer) {
        (Some(one), Some(other)) if one != other => return None,
        (Some(id), _) => (id, How::Certificate, format!("mtls:{}", certificate.unwrap_or_default())),
        (None, Some(id)) => (id, How::Bearer, "bearer".to_owned()),
        (None, None) => return None,
    };
    Some(Caller { partner: PartnerRef { id: id.to_owned(), how }, verification })
}

/// What keeps a certificate that was shown from admitting its holder, for the operator: in words that name nobody.
pub fn why_not(admission: &Admission, shown: &str, lapsed: bool, now: Timestamp) -> &'static str {
    let of = |known: &Credential| matches!(known, Credential::CertificateSha256(hash) if same(hash, shown));
    let mut named = admission.entries.iter().filter(|entry| of(&entry.credential)).peekable();
    if named.peek().is_none() {
        return "it is no partner's";
    }
    if lapsed {
        return "it is a partner's, and expired since the connection began, or its authority is trusted no more";
    }
    match (named.any(|entry| is_valid(entry, now)), owner(admission, now, of)) {
        (false, _) => "it is a partner's, and not within the time that the partner file names for it",
        (true, None) => "more than one partner names it",
        (true, Some(_)) => "the token that came with it is another partner's or nobody's",
    }
}

/// What keeps whoever calls from being admitted, for the operator: in words that name nobody.
pub fn unproven(
    admission: &Admission,
    certificate: Option<&str>,
    headers: &HeaderMap,
    (lapsed, now): (bool, Timestamp),
) -> &'static str {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (shown.next(), shown.next());
    match (first, second, certificate) {
        (None, _, None) => return "no token and no certificate was shown",
        (Some(_), Some(_), _) => return "more than one token was shown",
        (_, _, Some(certificate)) => return why_not(admission, certificate, lapsed, now),
        (Some(_), None, None) => {}
    }
    let Some(token) = first.and_then(|shown| token(shown.to_str().ok()?)) else {
        return "what was shown is no bearer token";
    };
    let hash = hex::encode(digest::digest(&digest::SHA256, token.as_bytes()));
    let of = |known: &Credential| matches!(known, Credential::BearerSha256(known) if same(known, &hash));
    match admission.entries.iter().any(|entry| of(&entry.credential)) {
        false => "the token is nobody's",
        true if owner(admission, now, of).is_none() => {
            "the token is a partner's, and not within the time that the partner file names for it"
        }
        true => "the token is a partner's",
    }
}

/// Whose login it is, whether its time has begun or is over or not: who is turned away for that is named to the operator.
pub fn proven(
    admission: &Admission,
    certificate: Option<&str>,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<Caller> {
    let always = |entry: &Admitted| Admitted { from: None, to: None, ..entry.clone() };
    let entries = admission.entries.iter().map(always).collect();
    admit(&Admission { entries, accounts: Vec::new() }, certificate, headers, now)
}

fn is_valid(entry: &Admitted, now: Timestamp) -> bool {
    entry.from.is_none_or(|from| from <= now) && entry.to.is_none_or(|to| now < to)
}

/// The one partner whose valid credential matches; all are compared, so that time tells nothing.
fn owner(admission: &Admission, now: Timestamp, matches: impl Fn(&Credential) -> bool) -> Option<&str> {
    let mut found: Option<&str> = None;
    let mut ambiguous = false;
    for entry in &admission.entries {
        let fits = matches(&entry.credential);
        if fits && is_valid(entry, now) {
            ambiguous |= found.is_some_and(|known| known != entry.partner);
            found = Some(&entry.partner);
        }
    }
    found.filter(|_| !ambiguous)
}

fn same(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// The token of an `Authorization: Bearer` header.
fn token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= 4096).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        let entry = |partner: &str, credential, to: Option<&str>| Admitted {
            partner: partner.to_owned(),
            credential,
            from: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            to: to.map(|to| to.parse().unwrap()),
        };
        let hash = |token: &str| hex::encode(digest::digest(&digest::SHA256, token.as_bytes()));
        Admission {
            entries: vec![
                entry("a", Credential::CertificateSha256("aa".into()), None),
                entry("a", Credential::BearerSha256(hash("geheim-a")), Some("2026-06-01T00:00:00Z")),
                entry("b", Credential::BearerSha256(hash("geheim-b")), None),
                entry("c", Credential::CertificateSha256("cc".into()), None),
                entry("d", Credential::CertificateSha256("cc".into()), None),
            ],
            accounts: Vec::new(),
        }
    }

    fn who(certificate: Option<&str>, bearer: &[&str], now: &str) -> Option<(String, How, String)> {
        let mut headers = HeaderMap::new();
        for value in bearer {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        admit(&admission(), certificate, &headers, now.parse().unwrap())
            .map(|caller| (caller.partner.id, caller.partner.how, caller.verification))
    }

    #[test]
    fn everything_shown_must_name_the_same_partner_and_be_valid() {
        const MAY: &str = "2026-05-31T23:59:59Z";
        let a = |how, verification: &str| Some(("a".to_owned(), how, verification.to_owned()));
        assert_eq!(who(Some("aa"), &[], MAY), a(How::Certificate, "mtls:aa"));
        assert_eq!(who(None, &["bearer geheim-a"], MAY), a(How::Bearer, "bearer"));
        assert_eq!(who(Some("aa"), &["Bearer geheim-a"], MAY), a(How::Certificate, "mtls:aa"));
        // Two partners, an unknown one beside a known one, two partners with one certificate.
        assert_eq!(who(Some("aa"), &["Bearer geheim-b"], MAY), None);
        assert_eq!(who(Some("ff"), &["Bearer geheim-b"], MAY), None);
        assert_eq!(who(Some("aa"), &["Bearer falsch"], MAY), None);
        assert_eq!(who(Some("cc"), &[], MAY), None);
        // Outside its validity: before, and at the end, which is exclusive.
        assert_eq!(who(None, &["Bearer geheim-a"], "2025-12-31T23:59:59Z"), None);
        assert_eq!(who(None, &["Bearer geheim-a"], "2026-06-01T00:00:00Z"), None);
        for bad in
            [&["Basic geheim-a"][..], &["Bearer "], &["Bearer"], &[], &["Bearer geheim-a", "Bearer geheim-b"]]
        {
            assert_eq!(who(None, bad, MAY), None);
        }
    }

    #[test]
    fn the_operator_learns_what_is_wrong_with_a_certificate() {
        let why = |shown: &str, lapsed: bool, now: &str| {
            let mut admission = admission();
            admission.entries[0].to = Some("2026-06-01T00:00:00Z".parse().unwrap());
            why_not(&admission, shown, lapsed, now.parse().unwrap())
        };
        const MAY: &str = "2026-05-31T23:59:59Z";
        assert_eq!(why("ff", false, MAY), "it is no partner's");
        assert_eq!(why("ff", true, MAY), "it is no partner's");
        assert!(why("aa", true, MAY).contains("authority"));
        assert!(why("aa", false, "2026-06-01T00:00:00Z").contains("the partner file"));
        assert_eq!(why("cc", false, MAY), "more than one partner names it");
        assert!(why("aa", false, MAY).contains("token"));
    }
}
