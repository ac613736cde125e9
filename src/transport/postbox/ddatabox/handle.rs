//! Under what a receiver is reached: the address that her account has confirmed, with the number that the password goes to. It comes from her login
//! alone; what is no such handle reaches nobody here.

use percent_encoding::percent_decode_str;

/// Most octets of an address (RFC 5321).
const LONGEST: usize = 254;

/// A receiver; prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle {
    /// Where the link goes.
    pub mail: String,
    /// Where the password goes, in the form of E.164; never by mail.
    pub phone: Option<String>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle(..)")
    }
}

impl Handle {
    /// Reads `mailto:ADDRESS?sms=NUMBER`, both parts percent-encoded where they have to be. `None`: nobody is reached by it here.
    pub fn read(written: &str) -> Option<Handle> {
        let (scheme, rest) = written.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("mailto") {
            return None;
        }
        let (mail, query) = match rest.split_once('?') {
            Some((mail, query)) => (mail, Some(query)),
            None => (rest, None),
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
        let mail = decode(mail).filter(|mail| is_address(mail))?;
        let phone = match query {
            None => None,
            Some(query) => Some(decode(query.strip_prefix("sms=")?).filter(|number| is_number(number))?),
        };
        Some(Handle { mail, phone })
    }
}

/// One address and nothing that could be taken for another, a name or a further header.
fn is_address(mail: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&octet);
    let (local, domain) = mail.rsplit_once('@').unwrap_or_default();
    let ordinary = |label: &str| {
        !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    mail.len() <= LONGEST
        && !local.is_empty()
        && !local.contains('@')
        && local.bytes().all(plain)
        && domain.contains('.')
        && domain.split('.').all(ordinary)
}

fn is_number(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|octet| octet.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_one_address_and_one_number() {
        let read = |written: &str| Handle::read(written).map(|found| (found.mail, found.phone));
        let of = |mail: &str, phone: Option<&str>| Some((mail.to_owned(), phone.map(str::to_owned)));
        assert_eq!(read("mailto:zoe@post.example"), of("zoe@post.example", None));
        assert_eq!(
            read("mailto:zoe%2Ba@post.example?sms=%2B4915112345678"),
            of("zoe+a@post.example", Some("+4915112345678"))
        );
        for wrong in [
            "",
            "handle-1",
            "zoe@post.example",
            "mailto:",
            "mailto:zoe",
            "mailto:zoe@localhost",
            "mailto:@post.example",
            "mailto:zoe@post..example",
            "mailto:a@b@post.example",
            "mailto:zoe@post.example,eve@post.example",
            "mailto:zoe@post.example%0d%0aBcc:eve@post.example",
            "mailto:Zoe%20%3Czoe@post.example%3E",
            "mailto:zoe@post.example?bcc=eve@post.example",
            "mailto:zoe@post.example?sms=015112345678",
            "mailto:zoe@post.example?sms=",
            "mailto:zoe@post.example?sms=%2B4915112345678&bcc=x",
            "https://post.example/",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", Handle::read("mailto:zoe@post.example")).contains("zoe"));
    }
}
