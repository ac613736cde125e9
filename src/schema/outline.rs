//! What a compiled schema allows, as plain data: which elements stand in which, how often, which attributes they have and
//! what text may stand there. Only asked while packages are loaded and compared; no document is judged by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::content::{Particle, Term};
use super::names::{NameId, XSD};
use super::simple::SimpleId;
use super::tables::{ComplexId, Content, ElementId, Schema, TypeId};

/// What is left of building a schema beside its tables.
#[derive(Debug)]
pub struct Outline {
    /// The particle of each complex type.
    pub(super) particles: Vec<Option<Arc<Particle>>>,
    /// The own facets of each simple type as they are written.
    pub(super) written: Vec<Vec<(&'static str, Box<str>)>>,
}

/// An element as it may stand in a parent, or as a root.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its namespace, empty for none.
    pub namespace: String,
    /// Its local name.
    pub local: String,
    /// Its own content, by [`Plain::contents`]; `None` where its type is a simple one.
    pub inside: Option<usize>,
    /// What text may stand in it, by [`Plain::texts`]; `None` for none.
    pub text: Option<usize>,
    /// Whether it must stand there in every document that has its parent.
    pub must: bool,
    /// Whether it may stand there more than once.
    pub many: bool,
}

/// What stands inside an element of a complex type.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// The elements, in the order of the schema; a name may stand there several times.
    pub parts: Vec<Part>,
    /// The attributes by their local names: `required`, `optional`, and the value if it is fixed.
    pub attributes: BTreeMap<String, String>,
}

/// What text a type allows: the built-in type at the bottom, and the facets from the type itself down to it.
#[derive(Clone, Debug)]
pub struct Text {
    /// Name of the built-in type.
    pub base: String,
    /// Facets and their values, of one type after the other.
    pub facets: Vec<Vec<(&'static str, Box<str>)>>,
}

/// All that documents may hold.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// The elements that a document may begin with.
    pub roots: Vec<Part>,
    /// Contents of elements.
    pub contents: Vec<Inside>,
    /// Kinds of text.
    pub texts: Vec<Text>,
}

impl Outline {
    /// What the schema that this was compiled with allows, from its global elements on.
    pub fn plain(&self, schema: &Schema) -> Plain {
        let mut walk = Walk {
            outline: self,
            schema,
            plain: Plain::default(),
            known: HashMap::new(),
            texts: HashMap::new(),
            todo: Vec::new(),
        };
        for element in schema.global_elements.iter().flatten() {
            let part = walk.part(*element, (false, true));
            walk.plain.roots.push(part);
        }
        while let Some(complex) = walk.todo.pop() {
            let mut parts = Vec::new();
            if let Some(particle) = self.particles.get(complex.0 as usize).and_then(Option::as_ref) {
                walk.particle(particle, (false, true), &mut parts);
            }
            let at = walk.known[&complex];
            walk.plain.contents[at] = Inside { parts, attributes: walk.attributes(complex) };
        }
        walk.plain
    }
}

/// How a kind of text is known: by its simple type, or as that of mixed content.
type TextKey = Option<SimpleId>;

struct Walk<'w> {
    outline: &'w Outline,
    schema: &'w Schema,
    plain: Plain,
    known: HashMap<ComplexId, usize>,
    texts: HashMap<TextKey, usize>,
    /// Complex types whose content is still to be described.
    todo: Vec<ComplexId>,
}

impl Walk<'_> {
    fn particle(&mut self, particle: &Particle, (many, must): (bool, bool), parts: &mut Vec<Part>) {
        let many = many || particle.max.is_none_or(|most| most > 1);
        let must = must && particle.min > 0;
        match &particle.term {
            Term::Any(_) => {}
            Term::Element(element) => {
                let part = self.part(*element, (many, must));
                parts.push(part);
            }
            Term::Sequence(all) | Term::All(all) => {
                all.iter().for_each(|part| self.particle(part, (many, must), parts));
            }
            Term::Choice(all) => all.iter().for_each(|part| self.particle(part, (many, false), parts)),
        }
    }

    fn part(&mut self, element: ElementId, (many, must): (bool, bool)) -> Part {
        let element = self.schema.element(element);
        let (inside, text) = match element.of_type {
            TypeId::Simple(simple) => (None, Some(self.text(Some(simple)))),
            TypeId::Complex(complex) => {
                let inside = self.inside(complex);
                let text = match self.schema.complex(complex).content {
                    Content::Simple(simple) => Some(self.text(Some(simple))),
                    Content::Elements { mixed: true, .. } => Some(self.text(None)),
                    _ => None,
                };
                (Some(inside), text)
            }
        };
        let (namespace, local) = self.name(element.name);
        Part { namespace, local, inside, text, must, many }
    }

    fn name(&self, name: NameId) -> (String, String) {
        let names = &self.schema.names;
        (names.space_name(names.space_of(name)).to_owned(), names.local(name).to_owned())
    }

    fn inside(&mut self, complex: ComplexId) -> usize {
        let fresh = self.plain.contents.len();
        let at = *self.known.entry(complex).or_insert(fresh);
        if at == fresh {
            self.plain.contents.push(Inside::default());
            self.todo.push(complex);
        }
        at
    }

    fn attributes(&self, complex: ComplexId) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for one in &self.schema.complex(complex).attributes {
            let word = if one.required { "required" } else { "optional" };
            let said = match one.value.as_ref().filter(|value| value.fixed) {
                Some(value) => format!("{word}, always {}", value.text),
                None => word.to_owned(),
            };
            all.entry(self.schema.names.local(one.name).to_owned()).or_insert(said);
        }
        all
    }

    fn text(&mut self, key: TextKey) -> usize {
        if let Some(at) = self.texts.get(&key) {
            return *at;
        }
        let mut text = Text { base: "anyType".to_owned(), facets: Vec::new() };
        let mut at = key;
        while let Some(id) = at {
            let simple = self.schema.simples.get(id);
            // What the language itself defines is told by its name; its own bounds say nothing more.
            if let Some(name) = simple.name.filter(|name| self.schema.names.space_of(*name) == XSD) {
                text.base = self.schema.names.local(name).to_owned();
                break;
            }
            if let Some(written) = self.outline.written.get(id.0 as usize).filter(|all| !all.is_empty()) {
                text.facets.push(written.clone());
            }
            at = Some(simple.base);
        }
        self.plain.texts.push(text);
        self.texts.insert(key, self.plain.texts.len() - 1);
        self.plain.texts.len() - 1
    }
}
