//! Writes elements: escaped, with the prefixes of the envelope's root, contents by reference or as places for Base64.
//! It never holds a part's octets: where one belongs into the envelope it leaves a place that whoever streams fills. And it
//! never writes a value that its schema refuses.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::model::{Opaque, Piece, Source};
use super::values;
use crate::xml::chars;
use crate::xml::write::{IllegalCharacter, escape_attribute, escape_text};

/// Why something cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unwritable {
    /// The module needs what is not there.
    #[error("{0} missing")]
    Missing(&'static str),
    /// The module has no place for what is there.
    #[error("{0} has no place in this module")]
    NoPlace(&'static str),
    /// A value is none of its kind.
    #[error("{0} is none")]
    Value(&'static str),
    /// A text holds a character that XML cannot hold.
    #[error("{0}")]
    Character(#[from] IllegalCharacter),
    /// The module has not got the operation, or the operation not this content.
    #[error("not an operation of this module, or not its content")]
    Operation,
}

/// How contents beside the envelope are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// As parts of a multipart.
    Parts,
    /// As Base64 in the envelope.
    Inline,
}

/// A stretch of what was written.
#[derive(Clone, PartialEq, Eq)]
pub enum Stretch {
    /// XML.
    Xml(String),
    /// The Base64 of this part, to be put here.
    Base64Of(String),
}

impl fmt::Debug for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stretch::Xml(xml) => write!(f, "Xml({} octets)", xml.len()),
            Stretch::Base64Of(_) => f.write_str("Base64Of"),
        }
    }
}

/// An envelope that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its stretches, in order.
    pub stretches: Vec<Stretch>,
    /// The Content-IDs that it references, in order.
    pub references: Vec<String>,
    /// The action that it names.
    pub action: Option<String>,
}

impl Written {
    /// The whole, if no part belongs into it.
    pub fn whole(&self) -> Option<&str> {
        match &self.stretches[..] {
            [Stretch::Xml(xml)] => Some(xml),
            _ => None,
        }
    }

    /// The whole, with the octets of parts put where they belong.
    pub fn filled(&self, octets: impl Fn(&str) -> Option<Vec<u8>>) -> Option<String> {
        let mut whole = String::new();
        for stretch in &self.stretches {
            match stretch {
                Stretch::Xml(xml) => whole.push_str(xml),
                Stretch::Base64Of(id) => STANDARD.encode_string(octets(id)?, &mut whole),
            }
        }
        Some(whole)
    }
}

/// What is being written.
pub struct Out {
    done: Vec<Stretch>,
    xml: String,
    carriage: Carriage,
    references: Vec<String>,
    ids: HashSet<String>,
    counted: usize,
}

impl Out {
    /// Begins.
    pub fn new(carriage: Carriage) -> Out {
        Out {
            done: Vec::new(),
            xml: String::new(),
            carriage,
            references: Vec::new(),
            ids: HashSet::new(),
            counted: 0,
        }
    }

    /// Ends.
    pub fn end(mut self, action: Option<String>) -> Written {
        if !self.xml.is_empty() {
            self.done.push(Stretch::Xml(self.xml));
        }
        Written { stretches: self.done, references: self.references, action }
    }

    /// Markup of ours, as it is.
    pub fn raw(&mut self, markup: &str) {
        self.xml.push_str(markup);
    }

    /// Opens an element; attributes without a value are left out.
    pub fn open(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) -> Result<(), Unwritable> {
        self.begin(name, attributes)?;
        self.xml.push('>');
        Ok(())
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) -> Result<(), Unwritable> {
        self.xml.push('<');
        self.xml.push_str(name);
        for (attribute, value) in attributes {
            if let Some(value) = value {
                let value = escape_attribute(value)?;
                self.xml.push_str(&format!(" {attribute}=\"{value}\""));
            }
        }
        Ok(())
    }

    /// Closes an element.
    pub fn close(&mut self, name: &str) {
        self.xml.push_str(&format!("</{name}>"));
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) -> Result<(), Unwritable> {
        self.begin(name, attributes)?;
        self.xml.push_str("/>");
        Ok(())
    }

    /// An element with a text.
    pub fn leaf(
        &mut self,
        name: &str,
        attributes: &[(&str, Option<&str>)],
        text: &str,
    ) -> Result<(), Unwritable> {
        self.open(name, attributes)?;
        self.xml.push_str(&escape_text(text)?);
        self.close(name);
        Ok(())
    }

    /// An element with a text, if there is one.
    pub fn optional(&mut self, name: &str, text: Option<&str>) -> Result<(), Unwritable> {
        text.map_or(Ok(()), |text| self.leaf(name, &[], text))
    }

    /// An element of type base64Binary.
    pub fn source(
        &mut self,
        name: &str,
        attributes: &[(&str, Option<&str>)],
        source: &Source,
    ) -> Result<(), Unwritable> {
        self.open(name, attributes)?;
        self.content(source)?;
        self.close(name);
        Ok(())
    }

    fn content(&mut self, source: &Source) -> Result<(), Unwritable> {
        let id = match source {
            Source::Inline(octets) => {
                STANDARD.encode_string(octets, &mut self.xml);
                return Ok(());
            }
            Source::Part(id) => id,
        };
        if !values::is_plain_part_id(id) || self.references.contains(id) {
            return Err(Unwritable::Value("content-id of a part"));
        }
        self.references.push(id.clone());
        match self.carriage {
            Carriage::Parts => self.xml.push_str(&format!("<xop:Include href=\"cid:{id}\"/>")),
            Carriage::Inline => {
                self.done.push(Stretch::Xml(std::mem::take(&mut self.xml)));
                self.done.push(Stretch::Base64Of(id.clone()));
            }
        }
        Ok(())
    }

    /// An element that was handed on.
    pub fn opaque(&mut self, opaque: &Opaque) -> Result<(), Unwritable> {
        for piece in &opaque.pieces {
            match piece {
                Piece::Xml(xml) => self.xml.push_str(xml),
                Piece::Id => {
                    let id = self.fresh_id();
                    self.xml.push_str(&id);
                }
                Piece::Content(source) => self.content(source)?,
            }
        }
        Ok(())
    }

    /// Those of this name, in the order that they have.
    pub fn opaques(&mut self, all: &[Opaque], namespace: &str, local: &str) -> Result<(), Unwritable> {
        let mut named = all.iter().filter(|opaque| opaque.namespace == namespace && opaque.local == local);
        named.try_for_each(|opaque| self.opaque(opaque))
    }

    /// An id that this envelope has not got yet.
    pub fn fresh_id(&mut self) -> String {
        loop {
            self.counted += 1;
            let id = format!("id-{}", self.counted);
            if self.ids.insert(id.clone()) {
                return id;
            }
        }
    }

    /// This id where it is one and free, else a fresh one.
    pub fn id_like(&mut self, wanted: Option<&str>) -> String {
        match wanted {
            Some(wanted) if chars::is_ncname(wanted) && self.ids.insert(wanted.to_owned()) => {
                wanted.to_owned()
            }
            _ => self.fresh_id(),
        }
    }
}

/// A value that must be there and not empty.
pub fn needed<'v>(value: Option<&'v str>, what: &'static str) -> Result<&'v str, Unwritable> {
    value.filter(|value| !value.is_empty()).ok_or(Unwritable::Missing(what))
}

/// An attribute that must not be empty where it is there: empty it is left out.
pub fn filled(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|value| !value.is_empty())
}

/// An address that may be empty.
pub fn uri<'v>(value: &'v str, what: &'static str) -> Result<&'v str, Unwritable> {
    if values::is_uri(value) { Ok(value) } else { Err(Unwritable::Value(what)) }
}

/// An address that may not be empty.
pub fn full_uri<'v>(value: &'v str, what: &'static str) -> Result<&'v str, Unwritable> {
    uri(needed(Some(value), what)?, what)
}

/// A moment, if there is one.
pub fn moment<'v>(value: Option<&'v String>, what: &'static str) -> Result<Option<&'v str>, Unwritable> {
    match value {
        Some(value) if !values::is_date_time(value) => Err(Unwritable::Value(what)),
        value => Ok(value.map(String::as_str)),
    }
}

/// A day, if there is one.
pub fn day<'v>(value: Option<&'v String>, what: &'static str) -> Result<Option<&'v str>, Unwritable> {
    match value {
        Some(value) if !values::is_date(value) => Err(Unwritable::Value(what)),
        value => Ok(value.map(String::as_str)),
    }
}
