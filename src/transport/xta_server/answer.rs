//! What goes back, in the form that was asked for: an envelope alone, or a multipart of it and its parts. Parts stream; one that does not open
//! breaks the answer off, so that its reader sees that it is not whole.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use crate::mime::fault::MimeError;
use crate::mime::writer::Writer;
use crate::transport::xta::out::Written;
use crate::transport::xta::package;
use crate::transport::xta_words::boundary;

/// An envelope without parts. Every fault is a 500, as all stacks have it, but for what is no message at all.
pub fn whole(written: &Written, multipart: bool, status: u16, after: Option<Duration>) -> Response {
    let xml = Bytes::from(written.whole().unwrap_or_default().to_owned());
    let action = written.action.as_deref();
    let framed = || -> Result<(String, Vec<u8>), MimeError> {
        let boundary = boundary()?;
        let mut writer = Writer::new(&boundary);
        let headers = package::root_headers(action)?;
        let mut body =
            writer.start_part(&headers.each_ref().map(|(name, value)| (*name, value.as_str())))?.to_vec();
        body.extend_from_slice(&writer.data(xml.clone())?);
        body.extend_from_slice(&writer.end());
        Ok((package::content_type(&boundary, action)?, body))
    };
    let plain =
        || -> Result<(String, Vec<u8>), MimeError> { Ok((package::plain_type(action)?, xml.to_vec())) };
    let (media_type, body) = match if multipart { framed() } else { plain() } {
        Ok(made) => made,
        Err(_) => ("application/soap+xml; charset=utf-8".to_owned(), xml.to_vec()),
    };
    let mut response = of_type(&media_type, Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(after) = after {
        // Rounded up: 0 would invite a client to come back at once.
        let seconds = after.as_millis().div_ceil(1000).clamp(1, 86_400) as u64;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An answer of this media type that no cache keeps.
pub fn of_type(media_type: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    response
}
