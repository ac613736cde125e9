//! A package, compiled: what reading, judging and writing the messages of one version of a standard takes. Shared by all threads.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::rejection::{Fault, Rejection};
use crate::schema::tables::Schema;
use crate::schema::watch::Known;
use crate::xoev::codelist::CodeLists;
use crate::xoev::mapping::Automaton;
use crate::xoev::rules::Rules;
use crate::xoev::shape::Name;
use crate::xoev::template::Templates;
use crate::xoev::within::Within;
use crate::xoev::written::Shapes;

/// A message that can be accepted.
#[derive(Debug)]
pub struct Reading {
    /// What is done where.
    pub automaton: Automaton,
    /// The text rules.
    pub rules: Rules,
}

/// A message type of a package.
#[derive(Debug)]
pub struct MessageType {
    /// The type, such as `xfamilie.0804`.
    pub message: String,
    /// Its root element.
    pub root: Name,
    /// How it is read; `None` when the package does not map it.
    pub reading: Option<Reading>,
    /// How its header is read, also where nothing else is.
    pub header: Automaton,
}

/// One version of one standard, compiled.
#[derive(Debug)]
pub struct Package {
    /// Kennung of the standard.
    pub id: String,
    /// What it is, for people.
    pub about: String,
    /// The standard, such as `xfamilie`.
    pub standard: String,
    /// Value of the root's `standard` attribute, where roots have one; the name that people are told.
    pub attribute: String,
    /// The version.
    pub version: String,
    /// First day on which a message of this version may be made.
    pub from: Option<Date>,
    /// Last day on which a message of this version may be made.
    pub until: Option<Date>,
    /// Where its messages say version and test, if their roots do not.
    pub within: Option<Within>,
    /// Its messages, in the order of their types.
    pub messages: Vec<MessageType>,
    /// Type of the receipt.
    pub receipt: Option<String>,
    /// Type of the rejection.
    pub rejection: Option<String>,
    /// Version of the rejection where it belongs to another standard.
    pub rejection_version: Option<String>,
    /// Whether the rejection carries the original even when that was valid to its schema.
    pub quotes_always: bool,
    /// Type that says that a message was dealt with.
    pub done: Option<String>,
    /// Type that says that a message was not taken over.
    pub declined: Option<String>,
    /// Types that are never answered.
    pub never: Vec<String>,
    /// Codes of this standard that differ from the usual ones.
    pub faults: BTreeMap<Fault, String>,
    /// Its code lists.
    pub codelists: CodeLists,
    /// Its schemas, for all threads.
    pub schema: Schema,
    /// The elements whose code list the sender chooses.
    pub free: Vec<Known>,
    /// What it can write.
    pub templates: Templates,
    /// What of it was found valid already.
    pub shapes: Shapes,
}

impl Package {
    /// A rejection with this standard's own code.
    pub fn coded(&self, mut rejection: Rejection) -> Rejection {
        if let Some(code) = self.faults.get(&rejection.fault) {
            rejection.code.clone_from(code);
        }
        rejection
    }

    /// Whether a message of this version may be made on this day.
    pub fn valid_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}
