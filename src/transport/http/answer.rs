//! What a committed verdict looks like on the wire. Never says more than the verdict: a request without a reply is
//! answered with its id and stand only.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::problem::Problem;
use crate::envelope::{Inbound, Verdict};
use crate::transport::port::Standing;

/// Where a partner asks for the stand of its message.
pub const MESSAGES: &str = "/v1/nachrichten/";
/// Where the mailbox is.
pub const MAILBOX: &str = "/v1/postfach";

/// Why a route cannot have a path; `None` where it can.
pub fn refuses(path: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain);
    let parts = path.strip_prefix('/').filter(|_| path.len() <= 200);
    if !parts.is_some_and(|parts| parts.split('/').all(is_part)) {
        return Some("this is no path; write such as `/v1/lieferungen`: letters, digits, `-`, `_`, `.`");
    }
    // Where the door answers by itself.
    let is_below = |own: &str| {
        let rest = path.strip_prefix(own.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    [MESSAGES, MAILBOX]
        .into_iter()
        .any(is_below)
        .then_some("under this path partners ask for what is theirs (messages, mailbox); write another one")
}

/// The answer to a delivery; where its document goes by message, without that.
pub fn of_verdict(mut verdict: Verdict, by_message: bool) -> Response {
    let applied = by_message && verdict.reply.take().is_some();
    let stand = verdict.stand;
    let taken = matches!(verdict.state, Inbound::Accepted | Inbound::Waiting | Inbound::Parked);
    let mut response = match verdict.reply {
        _ if verdict.state == Inbound::Denied => Problem::Forbidden.response(verdict.id),
        Some(reply) => {
            let mut response = Response::new(Body::from(reply.body));
            *response.status_mut() =
                if taken && !verdict.conflict { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            let content_type = HeaderValue::from_str(&reply.content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response
        }
        None if verdict.conflict => Problem::Conflict.response(verdict.id),
        None if verdict.state == Inbound::Rejected => Problem::Rejected(verdict.codes).response(verdict.id),
        None => {
            let standing = Standing { id: verdict.id, stand };
            let mut response = of_standing(&standing);
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("stand"), HeaderValue::from_static(stand.as_str()));
    if let Ok(location) = HeaderValue::from_str(&format!("{MESSAGES}{}", verdict.id)) {
        headers.insert(LOCATION, location);
    }
    if applied {
        let name = HeaderName::from_static("preference-applied");
        headers.insert(name, HeaderValue::from_static("respond-async"));
    }
    if verdict.again {
        headers.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    }
    response
}

/// The stand of a message.
pub fn of_standing(standing: &Standing) -> Response {
    json(serde_json::to_vec(standing).unwrap_or_default().into())
}

/// A JSON document that no cache keeps.
pub fn json(document: Bytes) -> Response {
    let mut response = Response::new(Body::from(document));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
