//! Whose account a request is on, by the client certificate of its connection, and as whom it may speak.
//! Believes no identity that the account has not got.

use jiff::Timestamp;

use super::no::No;
use super::settings::AccountSettings;
use crate::envelope::{How, PartnerRef};
use crate::transport::port::{Admission, Credential};
use crate::transport::xta::model::Identity;
use crate::transport::xta_words::xoev;
use crate::trust::digest;

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Whose it is.
    pub partner: PartnerRef,
    /// What was verified, for the evidence.
    pub verification: String,
    /// Whether deviations from the schema are refused.
    pub strict: bool,
    identities: Vec<(String, String)>,
}

/// The account of a connection, or the code that says why there is none. `lapsed`: the certificate does not count any more.
pub fn of(
    admission: &Admission,
    connection: &str,
    (certificate, lapsed): (Option<&str>, bool),
    now: Timestamp,
) -> Result<Account, u16> {
    let shown = certificate.ok_or(9012u16)?;
    let mut found: Option<(&str, bool)> = None;
    let mut ambiguous = false;
    // All are compared, so that time tells nothing.
    for entry in &admission.entries {
        let fits = match &entry.credential {
            Credential::CertificateSha256(known) => digest::equal(known.as_bytes(), shown.as_bytes()),
            Credential::BearerSha256(_) | Credential::BrokerUser(_) => false,
        };
        if fits {
            let valid = entry.from.is_none_or(|from| from <= now) && entry.to.is_none_or(|to| now < to);
            ambiguous |= found.is_some_and(|(known, _)| known != entry.partner);
            found = Some((&entry.partner, valid || found.is_some_and(|(_, valid)| valid)));
        }
    }
    let (partner, valid) = found.filter(|_| !ambiguous).ok_or(9012u16)?;
    if lapsed {
        return Err(9010);
    }
    let account = admission
        .accounts
        .iter()
        .find(|account| account.connection == connection && account.partner == partner)
        .ok_or(9012u16)?;
    let settings = AccountSettings::of(&account.settings).ok_or(9011u16)?;
    if !valid || settings.locked {
        return Err(9011);
    }
    let own = account.identities.iter().map(|key| (xoev(), key.clone()));
    let more = settings.identities.into_iter().map(|known| (known.r#type, known.value));
    Ok(Account {
        partner: PartnerRef { id: partner.to_owned(), how: How::Certificate },
        verification: format!("mtls:{shown}"),
        strict: settings.strict,
        identities: own.chain(more).collect(),
    })
}

impl Account {
    /// Whether it may speak as this one. Clients in use leave out what kind of identifier it is.
    pub fn may_be(&self, identity: &Identity) -> bool {
        self.identities.iter().any(|(scheme, value)| is(identity, scheme, value))
    }

    /// As whom it asks: whom it states, if that is its own; whoever states nobody, or everybody, is the first.
    pub fn asks_as(&self, stated: Option<&Identity>) -> Result<Identity, No> {
        match stated.filter(|stated| !stated.is_any()) {
            Some(stated) if self.may_be(stated) => {
                let mut stated = stated.clone();
                stated.scheme.get_or_insert_with(xoev);
                Ok(stated)
            }
            Some(_) => Err(No::code(9014)),
            None => {
                let first = self.identities.first().cloned();
                let (scheme, value) =
                    first.unwrap_or_else(|| ("partner".to_owned(), self.partner.id.clone()));
                Ok(Identity { value, scheme: Some(scheme), name: None, category: None })
            }
        }
    }
}

/// Whether an identity as stated is this one.
pub fn is(stated: &Identity, scheme: &str, value: &str) -> bool {
    stated.value == value && stated.scheme.as_deref().is_none_or(|stated| stated == scheme)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::transport::port::Admitted;
    use crate::transport::port::account;

    fn admission() -> Admission {
        let entry = |partner: &str, hash: &str, to: Option<&str>| Admitted {
            partner: partner.to_owned(),
            credential: Credential::CertificateSha256(hash.to_owned()),
            from: None,
            to: to.map(|to| to.parse().unwrap()),
        };
        let account = |partner: &str, settings| account::Account {
            connection: "xta".to_owned(),
            partner: partner.to_owned(),
            identities: vec![format!("jga:{partner}")],
            settings,
        };
        Admission {
            entries: vec![
                entry("a", "aa", None),
                entry("b", "bb", None),
                entry("late", "cc", Some("2026-01-01T00:00:00Z")),
                entry("none", "dd", None),
                entry("one", "ee", None),
                entry("two", "ee", None),
            ],
            accounts: vec![
                account("a", json!({"identities": [{"type": "XTA_ID", "value": "7"}], "strict": true})),
                account("b", json!({"locked": true})),
                account("late", json!({})),
                account("one", json!({})),
                account("two", json!({})),
            ],
        }
    }

    #[test]
    fn an_account_is_the_certificates_and_says_by_code_why_there_is_none() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let of = |shown, lapsed| {
            super::of(&admission(), "xta", (shown, lapsed), now).map(|account| account.partner.id)
        };
        assert_eq!(of(Some("aa"), false), Ok("a".to_owned()));
        for (shown, lapsed, code) in [
            (None, false, 9012),
            (Some("ff"), false, 9012),
            (Some("ee"), false, 9012),
            (Some("dd"), false, 9012),
            (Some("aa"), true, 9010),
            (Some("bb"), false, 9011),
            (Some("cc"), false, 9011),
        ] {
            assert_eq!(of(shown, lapsed), Err(code), "{shown:?}");
        }
        assert!(super::of(&admission(), "other", (Some("aa"), false), now).is_err());
    }

    #[test]
    fn it_speaks_as_its_own_identities_only() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let account = super::of(&admission(), "xta", (Some("aa"), false), now).unwrap();
        let identity = |scheme: Option<&str>, value: &str| Identity {
            value: value.to_owned(),
            scheme: scheme.map(str::to_owned),
            name: None,
            category: None,
        };
        for (scheme, value, may) in [
            (Some("xoev"), "jga:a", true),
            (None, "jga:a", true),
            (Some("XTA_ID"), "7", true),
            (Some("xoev"), "7", false),
            (Some("xoev"), "jga:b", false),
            (Some("xoev"), "JGA:a", false),
            (None, "", false),
        ] {
            assert_eq!(account.may_be(&identity(scheme, value)), may, "{scheme:?} {value}");
            assert_eq!(account.asks_as(Some(&identity(scheme, value))).is_ok(), may);
        }
        for nobody in [None, Some(identity(Some("xoev"), "*"))] {
            assert_eq!(account.asks_as(nobody.as_ref()).unwrap().value, "jga:a");
        }
        assert!(!account.may_be(&identity(None, "*")), "an order has one author");
    }
}
