//! One field of the menu of what a mapping may fill: how often, how it is set, and how its text is read. Knows no field by name.

use std::fmt;

use crate::register::record::{Record, TeilDatum};

/// How often a field may be filled from one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// At most once.
    One,
    /// Any number of times; every time adds one.
    Many,
    /// Begins a new entry of a list; its text is not looked at.
    Entry,
}

/// A text that is no value of the field; holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("value cannot be read; correct the message")]
pub struct Unreadable;

/// One field of the menu.
pub struct Field {
    /// Its name as mappings write it, such as `mutter.name.familienname`.
    pub target: &'static str,
    /// How often it may be filled.
    pub cardinality: Cardinality,
    /// Puts a text into it.
    pub set: fn(&mut Record, &str) -> Result<(), Unreadable>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.target)
    }
}

macro_rules! field {
    ($cardinality:ident, $target:expr, |$record:ident, $text:pat_param| $body:expr) => {
        $crate::register::field::Field {
            target: $target,
            cardinality: $crate::register::field::Cardinality::$cardinality,
            set: |$record, $text| {
                $body;
                Ok(())
            },
        }
    };
}

pub(super) use field;

/// White space at both ends of a token means nothing.
pub(super) fn token(text: &str) -> String {
    text.trim().to_owned()
}

pub(super) fn datum(text: &str) -> Result<TeilDatum, Unreadable> {
    TeilDatum::parse(text.trim()).ok_or(Unreadable)
}

pub(super) fn wahrheit(text: &str) -> Result<bool, Unreadable> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Unreadable),
    }
}
