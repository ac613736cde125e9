//! A place in a written file: what a fault points at. Knows no text.

use serde_saphyr::Location;

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// 1-based line, 0 when unknown.
    pub line: u32,
    /// 1-based column in characters, 0 when unknown.
    pub column: u32,
    /// Characters that are meant.
    pub width: u32,
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let small = |number: u64| u32::try_from(number).unwrap_or(0);
        Place {
            line: small(location.line()),
            column: small(location.column()),
            width: small(location.span().len()),
        }
    }
}
