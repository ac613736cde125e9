//! The version of a text or head, and who approved it. Approves nothing itself.

use jiff::civil::Date;
use serde::Serialize;

/// A version of a text or head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fassung {
    /// Its number.
    pub nummer: String,
    /// Its day.
    pub datum: Date,
    /// Who approved it, and when; `None` where nobody has.
    pub freigegeben: Option<Freigabe>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Freigabe {
    /// Who.
    pub von: String,
    /// When.
    pub am: Date,
}
