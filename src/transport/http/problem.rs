//! Problems as RFC 9457 has them, in German, for people who integrate a partner's system.
//! Never holds a value of a message, a cause from inside or a stack.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use uuid::Uuid;

/// Why a request is not answered with a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// 400: the request itself is not readable; our own words.
    Unreadable(&'static str),
    /// 401: the caller is not known.
    Unknown,
    /// 403: the caller may not use this.
    Forbidden,
    /// 404: there is no such thing, or it is not the caller's.
    NotFound,
    /// 405: with the methods that are allowed.
    Method(&'static str),
    /// 408: the client was too slow.
    Slow,
    /// 409: a request with the same idempotency key is still under way.
    KeyInUse,
    /// 409: another reader has it in hand for so long at most.
    Held(Duration),
    /// 409: something of the same order comes before it.
    Behind,
    /// 409: the reader's receipt is not the current one.
    Stale,
    /// 413: body or part too large.
    TooLarge,
    /// 415: a media type or encoding that is not taken.
    MediaType,
    /// 422: the same key came with other content.
    Conflict,
    /// 422: refused, with codes of the standard; the standard has no answer for it.
    Rejected(Vec<String>),
    /// 429: the partner has too much under way.
    TooMany(Duration),
    /// 503: our trouble, nothing was taken.
    Busy(Duration),
    /// 503: a mailbox hands nothing out now.
    Closed(Duration),
}

/// The document of RFC 9457.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    codes: &'a [String],
}

impl Problem {
    /// The status, the last word of the type, the title and the detail.
    fn words(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Problem::Unreadable(detail) => {
                (StatusCode::BAD_REQUEST, "anfrage-unlesbar", "Anfrage nicht lesbar", detail)
            }
            Problem::Unknown => (
                StatusCode::UNAUTHORIZED,
                "nicht-angemeldet",
                "Nicht angemeldet",
                "Es braucht ein zugelassenes Client-Zertifikat oder ein gültiges Bearer-Token desselben Partners.",
            ),
            Problem::Forbidden => (
                StatusCode::FORBIDDEN,
                "nicht-zugelassen",
                "Nicht zugelassen",
                "Der Partner ist für diesen Weg oder diese Nachricht nicht zugelassen.",
            ),
            Problem::NotFound => (
                StatusCode::NOT_FOUND,
                "nicht-gefunden",
                "Nicht gefunden",
                "Diesen Pfad gibt es nicht, die Nachricht gehört nicht zu diesem Partner, oder sie liegt nicht mehr in seinem Postfach.",
            ),
            Problem::Method(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "methode-nicht-erlaubt",
                "Methode nicht erlaubt",
                "Der Kopf Allow nennt die erlaubten Methoden.",
            ),
            Problem::Slow => (
                StatusCode::REQUEST_TIMEOUT,
                "zu-langsam",
                "Anfrage zu langsam",
                "Die Anfrage kam nicht schnell genug an. Bitte erneut senden.",
            ),
            Problem::KeyInUse => (
                StatusCode::CONFLICT,
                "schluessel-in-arbeit",
                "Anfrage noch in Arbeit",
                "Eine Anfrage mit demselben Idempotency-Key wird gerade bearbeitet. Bitte später erneut senden.",
            ),
            Problem::Held(_) => (
                StatusCode::CONFLICT,
                "in-abholung",
                "Wird gerade abgeholt",
                "Die Nachricht ist an eine andere Abholung ausgegeben. Der Kopf Retry-After nennt die Wartezeit.",
            ),
            Problem::Behind => (
                StatusCode::CONFLICT,
                "reihenfolge",
                "Noch nicht an der Reihe",
                "Zuerst ist der Empfang der älteren Nachrichten derselben Reihe zu bestätigen.",
            ),
            Problem::Stale => (
                StatusCode::CONFLICT,
                "abholung-abgelaufen",
                "Abholung nicht mehr gültig",
                "Die Abholung ist nicht die letzte dieser Nachricht: Sie wurde zurückgegeben, erneut ausgegeben, bestätigt oder zurückgestellt.",
            ),
            Problem::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "zu-gross",
                "Zu groß",
                "Das Dokument oder ein Teil überschreitet die Grenze dieses Weges.",
            ),
            Problem::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "medientyp",
                "Medientyp nicht unterstützt",
                "Erlaubt sind application/xml, text/xml, application/json und multipart/form-data, -mixed, -related, jeweils ohne Content-Encoding.",
            ),
            Problem::Conflict => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "anderer-inhalt",
                "Gleicher Schlüssel, anderer Inhalt",
                "Unter demselben Schlüssel liegt bereits eine Nachricht mit anderem Inhalt.",
            ),
            Problem::Rejected(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "zurueckgewiesen",
                "Zurückgewiesen",
                "Die Nachricht wurde zurückgewiesen; codes nennt die Gründe des Standards.",
            ),
            Problem::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "zu-viele-anfragen",
                "Zu viele Anfragen",
                "Der Partner hat zu viele Anfragen zugleich offen. Der Kopf Retry-After nennt die Wartezeit.",
            ),
            Problem::Busy(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "nicht-verfuegbar",
                "Zurzeit nicht verfügbar",
                "Nichts wurde angenommen. Der Kopf Retry-After nennt die Wartezeit.",
            ),
            Problem::Closed(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "nicht-verfuegbar",
                "Zurzeit nicht verfügbar",
                "Das Postfach gibt zurzeit nichts heraus; was darin liegt, bleibt liegen. Der Kopf Retry-After nennt die Wartezeit.",
            ),
        }
    }

    /// The answer; `instance` is the id of this request.
    pub fn response(&self, instance: Uuid) -> Response {
        let (status, word, title, detail) = self.words();
        let codes = match self {
            Problem::Rejected(codes) => codes.as_slice(),
            _ => &[],
        };
        let document = Document {
            r#type: format!("urn:drehscheibe:problem:{word}"),
            title,
            status: status.as_u16(),
            detail,
            instance: format!("urn:uuid:{instance}"),
            codes,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&document).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Problem::Method(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Problem::Unknown => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"drehscheibe\""));
            }
            Problem::TooMany(after)
            | Problem::Busy(after)
            | Problem::Closed(after)
            | Problem::Held(after) => {
                // Rounded up: 0 would invite a client to come back at once.
                headers.insert(
                    RETRY_AFTER,
                    HeaderValue::from(after.as_millis().div_ceil(1000).clamp(1, 86_400) as u64),
                );
            }
            Problem::KeyInUse => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
