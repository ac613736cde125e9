//! Validation as something that watches the gate: whoever maps a document hears of it in the same pass, in the schema's own
//! numbers. It shows no name that the schema does not know, and what was heard counts only when the document is valid.

use std::borrow::Cow;

use super::checked::{Checked, TextType};
use super::events::{Attribute, Shown, Sink, Spaces, Start};
use super::fault::Breach;
use super::names::{NO_NS, NameId};
use super::run::Run;
use super::simple::{Look, Prefixes};
use super::tables::Schema;
use crate::xml::scope::Scope;
use crate::xml::walk::{self, Watch};

/// An expanded name that a schema knows, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known(NameId);

impl Schema {
    /// The number of a name; `None` for one that the schema does not know.
    pub fn known(&self, namespace: &str, local: &str) -> Option<Known> {
        self.names.find(self.names.space(namespace), local).map(Known)
    }
}

/// Where the pass is.
#[derive(Clone, Copy)]
pub struct Trail<'r> {
    run: &'r Run<'r, 'r>,
}

impl Trail<'_> {
    /// The path of the element that is open now; names that the schema does not know show as `*`.
    pub fn path(&self) -> String {
        self.run.path(self.run.names.len())
    }

    /// The octet at which the element that is open now begins.
    pub fn offset(&self) -> usize {
        self.run.frames.last().map_or(0, |frame| frame.offset)
    }

    /// Whether it stands where the schema takes anything unseen: then nobody knows what its attributes and texts mean.
    pub fn passed_over(&self) -> bool {
        self.run.frames.last().is_some_and(|frame| frame.skip)
    }
}

/// Hears of a document while it is validated.
pub trait Listener {
    /// An element begins; `name` where the schema knows it.
    fn open(&mut self, name: Option<Known>, local: &str, trail: Trail<'_>);
    /// An attribute of it without a namespace, also one that the schema supplies.
    fn attribute(&mut self, local: &str, value: &str);
    /// Text in it, also what the schema supplies; may come in pieces.
    fn text(&mut self, text: &str);
    /// The element that is open ends.
    fn close(&mut self, trail: Trail<'_>);
}

/// Nobody listens.
impl Listener for () {
    fn open(&mut self, _: Option<Known>, _: &str, _: Trail<'_>) {}
    fn attribute(&mut self, _: &str, _: &str) {}
    fn text(&mut self, _: &str) {}
    fn close(&mut self, _: Trail<'_>) {}
}

/// Prefixes of a text that has none.
struct NoPrefixes;

impl Prefixes for NoPrefixes {
    fn name_of(&self, _: &str) -> Option<&str> {
        None
    }
}

impl Schema {
    /// Whether a type takes a text; only of what was [`Checked`] alone.
    pub fn takes(&self, of: TextType, text: &str) -> bool {
        let mut ids = Vec::new();
        let mut look = Look { prefixes: &NoPrefixes, key: false, ids: &mut ids };
        self.simples.check(of.0, text, &mut look).is_ok()
    }
}

/// One validation; watches the gate.
pub struct Validation<'s, 'a, L>(Shown<'s, 'a, Heard<'s, 'a, L>>);

struct Heard<'s, 'a, L> {
    run: Run<'s, 'a>,
    listener: L,
}

impl<'s, L: Listener> Validation<'s, '_, L> {
    /// Begins one that tells of `most` breaches at most.
    pub fn new(schema: &'s Schema, most: usize, listener: L) -> Self {
        Validation(Shown::new(&schema.names, Heard { run: Run::new(schema, most.max(1)), listener }))
    }

    /// As [`Validation::new`], and takes down which texts are judged by which types.
    pub fn recording(schema: &'s Schema, most: usize, listener: L) -> Self {
        let mut validation = Validation::new(schema, most, listener);
        validation.0.sink.run.checked = Some(Vec::new());
        validation
    }

    /// As [`Validation::finish`], with what was taken down.
    pub fn finish_recorded(mut self) -> (Vec<Breach>, L, Vec<Checked>) {
        let checked = self.0.sink.run.checked.take().unwrap_or_default();
        let (breaches, listener) = self.finish();
        (breaches, listener, checked)
    }

    /// All breaches, none exactly when the document is valid, and who listened; once the document has ended.
    pub fn finish(self) -> (Vec<Breach>, L) {
        let Heard { run, listener } = self.0.sink;
        (run.finish(), listener)
    }
}

impl<'a, L: Listener> Watch<'a> for Validation<'_, 'a, L> {
    fn start(&mut self, start: &walk::Start<'_, 'a>) {
        self.0.start(start);
    }

    fn text(&mut self, text: &'a str, breaks: bool) {
        self.0.text(text, breaks);
    }

    fn reference(&mut self, character: char) {
        self.0.reference(character);
    }

    fn end(&mut self, scope: &Scope<'a>) {
        self.0.end(scope);
    }
}

impl<'a, L: Listener> Sink<'a> for Heard<'_, 'a, L> {
    fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], spaces: &Spaces<'_, 'a>) {
        self.run.start(start, attributes, spaces);
        let name = self.run.names.last().and_then(|(_, name)| *name);
        self.listener.open(name.map(Known), start.local, Trail { run: &self.run });
        for attribute in attributes.iter().filter(|attribute| attribute.space == NO_NS) {
            self.listener.attribute(attribute.local, &attribute.value);
        }
        let schema = self.run.schema;
        for (name, text) in self.run.supplied.drain(..) {
            if schema.names.space_of(name) == NO_NS {
                self.listener.attribute(schema.names.local(name), text);
            }
        }
    }

    fn text(&mut self, text: Cow<'a, str>) {
        self.listener.text(&text);
        self.run.text(text);
    }

    fn end(&mut self, spaces: &Spaces<'_, 'a>) {
        if let Some(text) = self.run.supplied_text() {
            self.listener.text(text);
        }
        self.listener.close(Trail { run: &self.run });
        self.run.end(spaces);
    }

    fn full(&self) -> bool {
        self.run.full()
    }
}
