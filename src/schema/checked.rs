//! What a validation takes down for whoever asks: which texts of a document were judged by which types. Holds no text.

use super::simple::SimpleId;

/// A simple type by which a text was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextType(pub(super) SimpleId);

/// A text that was judged: what of a document can be looked at again by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Octet at which the element begins.
    pub offset: usize,
    /// The local name of the attribute; `None` for the text of the element.
    pub attribute: Option<String>,
    /// By what it was judged.
    pub of: TextType,
    /// Whether nothing but this type has a say: no fixed or supplied value, no key, no reference, no prefix.
    pub alone: bool,
}
