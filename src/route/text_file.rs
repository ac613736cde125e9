//! A file that was read and not looked at yet. Reads none itself.

use serde::{Deserialize, Serialize};

/// A text with the name by which the reader knows its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    /// Path relative to where the operator stands.
    pub name: String,
    /// The text.
    pub text: String,
}
