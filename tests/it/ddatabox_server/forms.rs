//! The forms in which the dDataBox of the tests takes values and files, beside JSON. Judges nothing.

use std::collections::BTreeMap;

use axum::body::Bytes;

/// The fields of a query or of a form.
pub fn form(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// The content of a piece, as it is or as the only file of a form.
pub fn content(content_type: &str, body: &Bytes) -> Vec<u8> {
    let Some(boundary) =
        content_type.split("boundary=").nth(1).filter(|_| content_type.starts_with("multipart/"))
    else {
        return body.to_vec();
    };
    let find = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).position(|at| at == needle);
    let begin = find(body, b"\r\n\r\n").map_or(0, |at| at + 4);
    let end =
        find(&body[begin..], format!("\r\n--{boundary}").as_bytes()).map_or(body.len(), |at| begin + at);
    body[begin..end].to_vec()
}
