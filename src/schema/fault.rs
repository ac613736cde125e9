//! What can be wrong: with a schema, told with our own and the schema's words, and with a document, told without its.
//! It never holds a value of a document.

use std::fmt;

use thiserror::Error;

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct SchemaFault {
    /// The schema document, as its library names it.
    pub file: String,
    /// 1-based; zero where the place is not known.
    pub line: u32,
    /// 1-based, in characters; zero where the place is not known.
    pub column: u32,
    /// What is wrong, then what is allowed.
    pub text: String,
    /// Whether the schema may be lawful and we are who does not support it.
    pub unsupported: bool,
}

impl fmt::Display for SchemaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// A breach of a schema by a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The constraint of XSD 1.0 that is broken, such as `cvc-pattern-valid`.
    pub code: &'static str,
    /// Octet of the document at which the element concerned begins.
    pub offset: usize,
    /// Its path, such as `/a/b/@c`; names that the schema does not know show as `*`.
    pub path: String,
    /// What was expected; names and bounds of the schema only.
    pub text: String,
}
