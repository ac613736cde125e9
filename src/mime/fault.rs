//! What can be wrong with a multipart body or its headers.
//! The texts never hold anything of the body: names of parts and files can be personal data.

use thiserror::Error;

/// A refusal of a multipart body, or of headers to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MimeError {
    /// The media type is not one of multipart/form-data, multipart/mixed and multipart/related.
    #[error("not a multipart body; send multipart/form-data, multipart/mixed or multipart/related")]
    NotMultipart,
    /// A header value cannot be read; the text is ours.
    #[error("header value not readable: {0}")]
    BadValue(&'static str),
    /// The boundary is missing or not 1 to 70 lawful characters (RFC 2046, 5.1.1).
    #[error("boundary missing or not lawful; use 1 to 70 of the characters that rfc 2046 allows")]
    BadBoundary,
    /// A header line is not `name: value` in UTF-8 without control characters.
    #[error("part header not readable: {0}")]
    BadHeader(&'static str),
    /// A header that must be unique stands twice in one part.
    #[error("the same part header twice")]
    DoubleHeader,
    /// A part is encoded in another way than 7bit, 8bit, binary or base64.
    #[error("content-transfer-encoding unknown; send parts as binary")]
    UnknownEncoding,
    /// A part is itself multipart.
    #[error("multipart inside a part; send its parts side by side")]
    Nested,
    /// There are more parts than allowed.
    #[error("too many parts")]
    TooManyParts,
    /// A part has more headers than allowed.
    #[error("too many headers in one part")]
    TooManyHeaders,
    /// The headers of a part are larger than allowed.
    #[error("headers of a part too large")]
    HeadersTooLarge,
    /// The content of a part is larger than allowed.
    #[error("part too large")]
    PartTooLarge,
    /// The body is larger than allowed.
    #[error("body too large")]
    BodyTooLarge,
    /// The final boundary is followed by something on its own line.
    #[error("text behind the final boundary on the same line")]
    AfterFinal,
    /// The body ends before the final boundary: something is missing.
    #[error("final boundary missing: the body is incomplete; send it again")]
    NoFinal,
    /// The content of a part to be written holds the boundary.
    #[error("the boundary occurs in a part; choose another one")]
    BoundaryInContent,
    /// Content was to be written before any part was begun.
    #[error("content outside a part; begin a part first")]
    OutsidePart,
}
