//! What the gate holds a document to: how much of it is looked at, and what keeps it out. Looks at none itself.

use thiserror::Error;

/// How much of a document is looked at before it is refused.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Size of the document in octets.
    pub bytes: usize,
    /// Levels of elements; the root is level 1.
    pub depth: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Length of one name (element, attribute, target; with its prefix) in octets.
    pub name: usize,
    /// Elements, comments and processing instructions of the document; four times as many attributes in all.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 8 << 20, depth: 64, attributes: 64, name: 512, nodes: 200_000 }
    }
}

/// What kept a document out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GateFault {
    /// The octets are not UTF-8, or the document says that it is in another encoding.
    #[error("not utf-8; encode and declare the document as utf-8")]
    NotUtf8,
    /// The document breaks a rule of XML 1.0 or Namespaces in XML 1.0; the text is ours.
    #[error("not well-formed: {0}")]
    NotWellFormed(&'static str),
    /// There is a document type declaration.
    #[error("document type declaration; send the document without one")]
    Doctype,
    /// There are more octets than allowed.
    #[error("document too large; send files as parts beside the document")]
    TooLarge,
    /// Elements are nested deeper than allowed.
    #[error("elements nested too deep")]
    TooDeep,
    /// An element has more attributes than allowed.
    #[error("too many attributes on one element")]
    TooManyAttributes,
    /// A name is longer than allowed.
    #[error("name too long")]
    NameTooLong,
    /// There are more elements, comments and processing instructions than allowed, or attributes of all of them.
    #[error("too many elements, or attributes, comments and instructions in all")]
    TooManyNodes,
}
