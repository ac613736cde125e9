//! What the heads of a request say beside its path and body: what a client would like, by which key it knows its repeats, which trace it
//! belongs to. Reads heads only and keeps nothing.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};

use super::problem::Problem;

/// What a client would like (RFC 7240).
const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long somebody may wait for something to come.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What a client would like, each with its value, without what is added to it.
fn preferences(headers: &HeaderMap) -> impl Iterator<Item = (&str, Option<&str>)> {
    let given = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(|one| {
        let preference = one.split(';').next().unwrap_or_default();
        match preference.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (preference.trim(), None),
        }
    })
}

/// Whether the sender does not wait for the answer (RFC 7240).
pub fn prefers_message(headers: &HeaderMap) -> bool {
    preferences(headers).any(|(name, value)| value.is_none() && name.eq_ignore_ascii_case("respond-async"))
}

/// How long a client would wait for something to come (RFC 7240), at most half a minute; `None` where it would not.
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let mut waits = preferences(headers).filter(|(name, _)| name.eq_ignore_ascii_case("wait"));
    let seconds = waits.find_map(|(_, value)| value?.parse::<u64>().ok());
    seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The idempotency key: 1 to 255 visible ASCII characters, quoted or not.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    const BAD: Problem = Problem::Unreadable(
        "Der Idempotency-Key braucht 1 bis 255 sichtbare ASCII-Zeichen und steht nur einmal.",
    );
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let value = value.to_str().map_err(|_| BAD)?.trim();
    let key = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"').ok_or(BAD)?,
        None => value,
    };
    let lawful =
        (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if given.next().is_some() || !lawful {
        return Err(BAD);
    }
    Ok(Some(key.to_owned()))
}

/// The trace context that came along, if it is well-formed; another one is not worth a refusal.
pub fn traceparent(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let value = value.to_str().ok()?;
    let fields: Vec<&str> = value.split('-').collect();
    let [version, trace, parent, flags] = fields[..] else { return None };
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    let well_formed = version == "00"
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && !zero(trace)
        && !zero(parent);
    well_formed.then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn keys_are_read_quoted_or_not() {
        let read = |values: &[&str]| idempotency_key(&headers(IDEMPOTENCY_KEY, values));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["abc"]), Ok(Some("abc".into())));
        assert_eq!(read(&["\"8e03978e-40d5\""]), Ok(Some("8e03978e-40d5".into())));
        assert!(read(&[&"x".repeat(255)]).is_ok());
        for bad in
            [&["" as &str][..], &["\"\""], &["\"a"], &["a b"], &["a", "b"], &["a\"b"], &[&"x".repeat(256)]]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn who_does_not_wait_for_the_answer_says_so_as_rfc_7240_has_it() {
        let says = |values: &[&str]| prefers_message(&headers(PREFER, values));
        assert!(
            says(&["respond-async"]) && says(&["Respond-Async; x=y"]) && says(&["wait=5, respond-async"])
        );
        assert!(says(&["wait=5", "respond-async"]));
        assert!(
            !says(&[]) && !says(&["wait=5"]) && !says(&["x-respond-async"]) && !says(&["foo=respond-async"])
        );
    }

    #[test]
    fn only_a_well_formed_trace_context_is_kept() {
        let read = |value: &str| traceparent(&headers(TRACEPARENT, &[value]));
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(good).as_deref(), Some(good));
        for bad in [
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn who_waits_says_so_as_rfc_7240_has_it_and_not_for_ever() {
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, value.parse().unwrap());
            super::wait(&headers).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("wait=20"), Some(20));
        assert_eq!(wait("respond-async, Wait=5; x=y"), Some(5));
        assert_eq!(wait("wait=86400"), Some(30));
        assert_eq!((wait("wait=0"), wait("wait=-1"), wait("wait"), wait("x=3")), (None, None, None, None));
    }
}
