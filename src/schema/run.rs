//! Validates a document while its events come: one frame for each open element, no tree, nothing kept beyond it
//! but keys and references. It never shows a value, and never follows a hint of where a schema may be.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::checked::{Checked, TextType};
use super::events::{Attribute, Sink, Spaces, Start};
use super::fault::Breach;
use super::keys::Keys;
use super::lexis;
use super::names::{NameId, NsId, XSI};
use super::simple::{Key, Look, Role, SimpleId};
use super::tables::{
    ANY_TYPE, All, Automaton, Content, ElementId, Model, Process, Schema, Target, TypeId, Value,
};

/// An open element.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) element: Option<ElementId>,
    pub(super) of_type: TypeId,
    /// What may stand inside; of a simple type as of simple content.
    pub(super) content: Content,
    pub(super) offset: usize,
    pub(super) state: u32,
    pub(super) counters: usize,
    /// Inside of what nobody looks at.
    pub(super) skip: bool,
    pub(super) nil: bool,
    /// The order of children is wrong already: what follows is a consequence.
    spoiled: bool,
    /// Text or children that may not stand here have been told of.
    told: bool,
    collects: bool,
}

/// One validation.
pub(super) struct Run<'s, 'a> {
    pub(super) schema: &'s Schema,
    most: usize,
    pub(super) frames: Vec<Frame>,
    pub(super) names: Vec<(NsId, Option<NameId>)>,
    pub(super) counters: Vec<u32>,
    text: Option<Cow<'a, str>>,
    pub(super) keys: Keys,
    pub(super) ids: Vec<(Role, String)>,
    /// Uses that were seen in the tag at hand.
    pub(super) seen: Vec<bool>,
    known_ids: HashSet<String>,
    /// References with the octet and path of the first.
    wanted_ids: HashMap<String, (usize, String)>,
    /// Attributes of the tag at hand that the schema supplies.
    pub(super) supplied: Vec<(NameId, &'s str)>,
    /// The texts that were judged, where somebody wants to know.
    pub(super) checked: Option<Vec<Checked>>,
    breaches: Vec<Breach>,
}

impl<'s, 'a> Run<'s, 'a> {
    pub(super) fn new(schema: &'s Schema, most: usize) -> Run<'s, 'a> {
        Run {
            schema,
            most,
            frames: Vec::with_capacity(16),
            names: Vec::with_capacity(16),
            counters: Vec::new(),
            text: None,
            keys: Keys::default(),
            ids: Vec::new(),
            seen: Vec::new(),
            known_ids: HashSet::new(),
            wanted_ids: HashMap::new(),
            supplied: Vec::new(),
            checked: None,
            breaches: Vec::new(),
        }
    }

    /// All breaches, once the document has ended.
    pub(super) fn finish(mut self) -> Vec<Breach> {
        let mut lost: Vec<(usize, String)> = std::mem::take(&mut self.wanted_ids)
            .into_iter()
            .filter(|(id, _)| !self.known_ids.contains(id))
            .map(|(_, place)| place)
            .collect();
        lost.sort_unstable();
        for (offset, path) in lost {
            let text = "the ID of an element of the document is expected".to_owned();
            self.push(Breach { code: "cvc-id.1", offset, path, text });
        }
        self.breaches
    }

    fn push(&mut self, breach: Breach) {
        // What is told twice is told of one element, one after the other; nobody looks through all that was found.
        const NEAR: usize = 16;
        let told = self.breaches.iter().rev().take(NEAR).any(|other| *other == breach);
        if self.breaches.len() < self.most && !told {
            self.breaches.push(breach);
        }
    }

    pub(super) fn path(&self, depth: usize) -> String {
        let mut path = String::new();
        for (_, name) in &self.names[..depth.min(self.names.len())] {
            path.push('/');
            path.push_str(name.map_or("*", |name| self.schema.names.local(name)));
        }
        path
    }

    /// A breach at the innermost element, whose name is known already.
    pub(super) fn breach(&mut self, code: &'static str, offset: usize, text: impl Into<String>) {
        if self.breaches.len() < self.most {
            let path = self.path(self.names.len());
            self.push(Breach { code, offset, path, text: text.into() });
        }
    }

    pub(super) fn breach_attribute(
        &mut self,
        code: &'static str,
        offset: usize,
        name: Option<NameId>,
        text: impl Into<String>,
    ) {
        if self.breaches.len() < self.most {
            let name = name.map_or("*", |name| self.schema.names.local(name));
            let path = format!("{}/@{name}", self.path(self.names.len()));
            self.push(Breach { code, offset, path, text: text.into() });
        }
    }

    /// What the parent makes of a child: its declaration, and whether it is looked at.
    fn admit(&mut self, start: &Start<'a>, name: Option<NameId>) -> (Option<ElementId>, Process) {
        let global =
            name.and_then(|name| self.schema.global_elements.get(name.0 as usize).copied().flatten());
        let Some(parent) = self.frames.last() else { return (global, Process::Strict) };
        let at = start.offset;
        if parent.skip {
            return (None, Process::Skip);
        }
        if parent.nil {
            if !parent.told {
                self.breach("cvc-elt.3.2.1", at, "an element that is nil is empty");
            }
            self.tell();
            return (None, Process::Skip);
        }
        let (model, spoiled) = match parent.content {
            Content::Elements { model, .. } => (model, parent.spoiled),
            Content::Simple(_) => {
                let simple = matches!(parent.of_type, TypeId::Simple(_));
                let code = if simple { "cvc-type.3.1.2" } else { "cvc-complex-type.2.2" };
                if !parent.told {
                    self.breach(code, at, "text without elements is expected");
                }
                self.tell();
                return (None, Process::Skip);
            }
            Content::Empty => {
                if !parent.told {
                    self.breach("cvc-complex-type.2.1", at, "an empty element is expected");
                }
                self.tell();
                return (None, Process::Skip);
            }
        };
        let schema = self.schema;
        let model = &schema.models[model as usize];
        if spoiled {
            return match name.and_then(|name| model.anywhere(name)) {
                Some(element) => (Some(element), Process::Strict),
                None => (None, Process::Skip),
            };
        }
        let Some(target) = self.step(model, start.space, name) else {
            let expected = self.expected(model, start.local);
            let code = if expected.is_empty() { "cvc-complex-type.2.4.d" } else { "cvc-complex-type.2.4.a" };
            let text = if expected.is_empty() {
                "no further element is expected here".to_owned()
            } else {
                format!("expected here: {}", expected.join(", "))
            };
            self.breach(code, at, text);
            if let Some(parent) = self.frames.last_mut() {
                parent.spoiled = true;
            }
            return match name.and_then(|name| model.anywhere(name)) {
                Some(element) => (Some(element), Process::Strict),
                None => (None, Process::Skip),
            };
        };
        match target {
            Target::Element(element) => (Some(element), Process::Strict),
            Target::Wildcard(wildcard) => {
                let process = schema.wildcards[wildcard as usize].process;
                (global.filter(|_| process != Process::Skip), process)
            }
        }
    }

    /// The text that the schema supplies for the innermost element, which is about to end.
    pub(super) fn supplied_text(&self) -> Option<&'s str> {
        let frame = self.frames.last().filter(|frame| !frame.skip && !frame.nil && !frame.told)?;
        let empty = self.text.as_ref().is_none_or(|text| text.is_empty());
        let value = self.schema.element(frame.element?).value.as_ref()?;
        (empty && matches!(frame.content, Content::Simple(_))).then_some(&*value.text)
    }

    fn tell(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.told = true;
        }
    }

    fn push_frame(&mut self, frame: Frame) {
        if let Content::Elements { model, .. } = frame.content {
            let room = match &self.schema.models[model as usize] {
                Model::Automaton(Automaton { counters, .. }) => *counters,
                Model::All(All { required, .. }) => required.len(),
            };
            self.counters.resize(frame.counters + room, 0);
        }
        self.text = None;
        self.frames.push(frame);
    }

    fn skip(&mut self, offset: usize) {
        let counters = self.counters.len();
        self.push_frame(Frame {
            element: None,
            of_type: ANY_TYPE,
            content: Content::Empty,
            offset,
            state: 0,
            counters,
            skip: true,
            nil: false,
            spoiled: false,
            told: false,
            collects: false,
        });
    }

    /// Takes in the values of type ID and IDREF that the last check found.
    pub(super) fn take_ids(&mut self, offset: usize) {
        for (role, id) in std::mem::take(&mut self.ids) {
            if role == Role::Id {
                if !self.known_ids.insert(id) {
                    self.breach("cvc-id.2", offset, "an ID that no other element has is expected");
                }
            } else if !self.known_ids.contains(&id) && !self.wanted_ids.contains_key(&id) {
                let path = self.path(self.names.len());
                self.wanted_ids.insert(id, (offset, path));
            }
        }
    }

    /// Takes in the references of a value that the schema supplies.
    pub(super) fn take_refs(&mut self, value: &Value, offset: usize) {
        if !value.refs.is_empty() {
            self.ids.extend(value.refs.iter().map(|id| (Role::IdRef, id.clone())));
            self.take_ids(offset);
        }
    }

    /// Checks a text; answers its key where it is wanted.
    pub(super) fn check<'t>(
        &mut self,
        simple: SimpleId,
        raw: &'t str,
        spaces: &Spaces<'_, '_>,
        key: bool,
    ) -> Result<Option<Key<'t>>, super::simple::Broken> {
        let mut look = Look { prefixes: spaces, key, ids: &mut self.ids };
        self.schema.simples.check(simple, raw, &mut look)
    }

    /// Takes down that a text is judged, and whether by its type alone.
    pub(super) fn take_down(
        &mut self,
        offset: usize,
        attribute: Option<&str>,
        simple: SimpleId,
        plain: bool,
    ) {
        let alone = plain && !self.keys.wants() && self.schema.simples.stands_alone(simple);
        if let Some(checked) = &mut self.checked {
            let attribute = attribute.map(str::to_owned);
            checked.push(Checked { offset, attribute, of: TextType(simple), alone });
        }
    }

    /// The text of an element that has text only.
    fn close_text(
        &mut self,
        frame: &Frame,
        simple: SimpleId,
        text: &str,
        spaces: &Spaces<'_, '_>,
    ) -> Option<Key<'static>> {
        let schema = self.schema;
        let value = frame.element.and_then(|element| schema.element(element).value.as_ref());
        if self.checked.is_some() {
            self.take_down(frame.offset, None, simple, value.is_none());
        }
        let wanted = self.keys.wants() || value.is_some_and(|value| value.fixed);
        let (text, supplied) = match value {
            Some(value) if text.is_empty() => (&*value.text, true),
            _ => (text, false),
        };
        let declared = frame.element.and_then(|element| schema.text_type(schema.element(element).of_type));
        if supplied && declared == Some(simple) {
            // Checked when the schema was compiled.
            let value = value?;
            self.take_refs(value, frame.offset);
            return value.key.clone();
        }
        match self.check(simple, text, spaces, wanted) {
            Ok(key) => {
                let key = key.map(|key| Key { tag: key.tag, text: Cow::Owned(key.text.into_owned()) });
                self.take_ids(frame.offset);
                if !supplied && value.is_some_and(|value| value.fixed && value.key != key) {
                    self.breach("cvc-elt.5.2.2.2.2", frame.offset, "the fixed value is expected");
                }
                key
            }
            Err(broken) => {
                self.ids.clear();
                self.breach(broken.code, frame.offset, broken.what);
                None
            }
        }
    }

    fn close_elements(&mut self, frame: &Frame, model: u32, text: Option<&str>, value: Option<&Value>) {
        let schema = self.schema;
        let model = &schema.models[model as usize];
        if !frame.spoiled && !frame.nil && !self.is_complete(model, frame) {
            // The frame is still the innermost for the names that are shown.
            let expected = self.expected(model, "");
            let text = match &*expected {
                [] => "the schema lets no content fit here".to_owned(),
                expected => format!("expected before the end: {}", expected.join(", ")),
            };
            self.breach("cvc-complex-type.2.4.b", frame.offset, text);
        }
        if let Some(value) = value.filter(|value| value.fixed && !frame.nil) {
            let text = text.unwrap_or_default();
            if frame.told || (!text.is_empty() && *text != *value.text) {
                self.breach("cvc-elt.5.2.2.2.1", frame.offset, "the fixed value is expected");
            }
        }
    }
}

impl<'a> Sink<'a> for Run<'_, 'a> {
    fn start(&mut self, start: &Start<'a>, attributes: &[Attribute<'a>], spaces: &Spaces<'_, 'a>) {
        let name = self.schema.names.find(start.space, start.local);
        if let Some(parent) = self.frames.last_mut()
            && parent.collects
            && matches!(parent.content, Content::Elements { .. })
        {
            // A fixed value of mixed content leaves no room for elements.
            parent.told = true;
        }
        let root = self.frames.is_empty();
        // Also what may not stand here is told of at its own place.
        self.names.push((start.space, name));
        let (element, process) = self.admit(start, name);
        if process == Process::Skip && element.is_none() {
            return self.skip(start.offset);
        }
        let schema = self.schema;
        let declaration = element.map(|element| schema.element(element));
        if declaration.is_some_and(|declaration| declaration.is_abstract) {
            self.breach(
                "cvc-elt.2",
                start.offset,
                "an element that may stand for this abstract one is expected",
            );
        }
        let (xsi_type, nil) = self.instructions(start.offset, attributes, spaces, declaration);
        let of_type = match (xsi_type, declaration) {
            (Some(of_type), _) => of_type,
            (None, Some(declaration)) => declaration.of_type,
            (None, None) if process == Process::Lax => ANY_TYPE,
            (None, None) => {
                let code = if root { "cvc-elt.1" } else { "cvc-complex-type.2.4.c" };
                // Once enough is told nobody looks for more.
                if self.breaches.len() < self.most {
                    let is_root = |name: &NameId| {
                        schema.global_elements.get(name.0 as usize).copied().flatten().is_some()
                    };
                    let mut text = "an element that the schema declares is expected".to_owned();
                    if let Some(declared) = schema.names.called(start.local).find(is_root) {
                        text = format!("{text}: {}", self.told(declared, start.local));
                    }
                    self.breach(code, start.offset, text);
                }
                return self.skip(start.offset);
            }
        };
        let content = match of_type {
            TypeId::Simple(simple) => Content::Simple(simple),
            TypeId::Complex(complex) => {
                let complex = schema.complex(complex);
                if complex.is_abstract {
                    self.breach(
                        "cvc-type.2",
                        start.offset,
                        "a type derived from this abstract one is expected (xsi:type)",
                    );
                }
                complex.content
            }
        };
        let constraints = declaration.map_or(&[][..], |declaration| &declaration.constraints);
        if !constraints.is_empty() || !self.keys.idle() {
            let names = std::mem::take(&mut self.names);
            self.keys.start(&schema.constraints, constraints, &names, start.offset);
            self.names = names;
        }
        self.attributes(of_type, start.offset, attributes, spaces);
        let value = declaration.and_then(|declaration| declaration.value.as_ref());
        let collects = match content {
            Content::Simple(_) => true,
            Content::Elements { mixed, .. } => mixed && value.is_some(),
            Content::Empty => false,
        };
        let counters = self.counters.len();
        self.push_frame(Frame {
            element,
            of_type,
            content,
            offset: start.offset,
            state: 0,
            counters,
            skip: false,
            nil,
            spoiled: false,
            told: false,
            collects,
        });
    }

    fn text(&mut self, text: Cow<'a, str>) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.skip || frame.told || text.is_empty() {
            return;
        }
        let offset = frame.offset;
        if frame.nil {
            frame.told = true;
            return self.breach("cvc-elt.3.2.1", offset, "an element that is nil is empty");
        }
        match frame.content {
            _ if frame.collects => match &mut self.text {
                Some(before) => before.to_mut().push_str(&text),
                before => *before = Some(text),
            },
            Content::Empty => {
                frame.told = true;
                self.breach("cvc-complex-type.2.1", offset, "an empty element is expected");
            }
            Content::Elements { mixed: false, .. }
                if text.bytes().any(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) =>
            {
                frame.told = true;
                self.breach("cvc-complex-type.2.3", offset, "elements without text are expected");
            }
            _ => {}
        }
    }

    fn end(&mut self, spaces: &Spaces<'_, 'a>) {
        let text = self.text.take();
        // Left in place until it is judged: what is expected next is asked of the innermost frame.
        let Some(frame) = self.frames.last().copied() else { return };
        let mut key = None;
        let mut simple = false;
        if !frame.skip {
            let schema = self.schema;
            let declaration = frame.element.map(|element| schema.element(element));
            let value = declaration.and_then(|declaration| declaration.value.as_ref());
            match frame.content {
                Content::Simple(of) => {
                    simple = true;
                    if !frame.nil && !frame.told {
                        key = self.close_text(&frame, of, text.as_deref().unwrap_or_default(), spaces);
                    }
                }
                Content::Elements { model, .. } => self.close_elements(&frame, model, text.as_deref(), value),
                Content::Empty => {}
            }
            if !self.keys.idle() {
                let nillable = declaration.is_some_and(|declaration| declaration.nillable);
                let depth = self.names.len() - 1;
                self.keys.end(&schema.constraints, depth, key.as_ref(), (simple, nillable, frame.nil));
                for fault in std::mem::take(&mut self.keys.faults) {
                    let path = self.path(fault.depth);
                    let text = fault.what.to_owned();
                    self.push(Breach { code: fault.code, offset: fault.offset, path, text });
                }
            }
        }
        self.frames.pop();
        self.names.pop();
        self.counters.truncate(frame.counters);
    }

    fn full(&self) -> bool {
        self.breaches.len() >= self.most
    }
}

/// The value of an `xsi:` attribute without white space at its ends.
pub(super) fn instruction<'v>(attributes: &'v [Attribute<'_>], local: &str) -> Option<Cow<'v, str>> {
    let found = attributes.iter().find(|attribute| attribute.space == XSI && attribute.local == local);
    found.map(|attribute| lexis::whitened(&attribute.value, lexis::White::Collapse))
}
