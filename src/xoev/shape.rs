//! What the compiled schemas allow, as a plain tree: which elements stand in which, how often, and where text stands.
//! Only asked while a package is loaded, to check every path that a mapping or rule names, and while two are compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::schema::outline::{Part, Plain};
use crate::xoev::fault::nearest;
use crate::xoev::kind::Kind;

/// The expanded name of an element: namespace, empty for none, and local name.
pub type Name = (String, String);

/// An element as it may stand in a parent.
#[derive(Clone, Debug)]
pub struct Child {
    /// Its expanded name.
    pub name: Name,
    /// Its own content, by [`Shape::children`]; `None` for text only.
    pub inside: Option<usize>,
    /// What text may stand in it.
    pub kind: Arc<Kind>,
    /// Whether it must stand there in every document that has its parent.
    pub must: bool,
    text: bool,
    /// Whether it may stand there more than once.
    pub many: bool,
}

/// The shape of all documents that the schemas allow.
#[derive(Debug)]
pub struct Shape {
    types: Vec<Vec<Child>>,
    attributes: Vec<BTreeMap<String, String>>,
    roots: HashMap<Name, Option<usize>>,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Led {
    /// Whether text may stand there.
    pub text: bool,
}

/// A step that no schema allows: which one, counted from 0, and what could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// Index of the step.
    pub step: usize,
    /// Local name of the nearest element that may stand there.
    pub near: Option<String>,
    /// Local names of all elements that may stand there.
    pub there: Vec<String>,
}

impl Shape {
    /// The shape of what a schema allows.
    pub fn new(plain: Plain) -> Shape {
        // Long patterns stand in many places: one copy of each is kept.
        let kinds: Vec<Arc<Kind>> = plain.texts.iter().map(|text| Arc::new(Kind::of(text))).collect();
        let roots = plain.roots.into_iter().map(|part| ((part.namespace, part.local), part.inside)).collect();
        let (mut types, mut attributes) = (Vec::new(), Vec::new());
        for inside in plain.contents {
            types.push(merged(inside.parts, &kinds));
            attributes.push(inside.attributes);
        }
        Shape { types, attributes, roots }
    }

    /// The global elements by their expanded names, each with its content.
    pub fn elements(&self) -> impl Iterator<Item = (&Name, Option<usize>)> {
        self.roots.iter().map(|(name, inside)| (name, *inside))
    }

    /// All namespaces of its elements.
    pub fn namespaces(&self) -> BTreeSet<String> {
        let inner = self.types.iter().flatten().map(|child| &child.name.0);
        self.roots.keys().map(|(namespace, _)| namespace).chain(inner).cloned().collect()
    }

    /// The elements that may stand in a content.
    pub fn children(&self, inside: usize) -> &[Child] {
        self.types.get(inside).map_or(&[], Vec::as_slice)
    }

    /// The attributes of an element with this content, each with what the schema says of it.
    pub fn attributes(&self, inside: usize) -> Option<&BTreeMap<String, String>> {
        self.attributes.get(inside)
    }

    /// Whether a document may begin with this element.
    pub fn root(&self, name: &Name) -> bool {
        self.roots.contains_key(name)
    }

    /// The global elements, for hints.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.roots.keys().map(|(_, local)| local.as_str())
    }

    /// Whether the last step of a path may stand there more than once.
    pub fn repeats(&self, root: &Name, steps: &[Name]) -> bool {
        let mut inside = self.roots.get(root).copied().flatten();
        let mut many = false;
        for name in steps {
            let children = inside.map(|inside| self.types[inside].as_slice()).unwrap_or_default();
            let Some(child) = children.iter().find(|child| child.name == *name) else { return false };
            many = child.many;
            inside = child.inside;
        }
        many
    }

    /// Follows a path from a root; every step is one name.
    pub fn follow(&self, root: &Name, steps: &[Name]) -> Result<Led, Astray> {
        let mut inside = self.roots.get(root).copied().flatten();
        let mut led = Led { text: false };
        for (step, name) in steps.iter().enumerate() {
            let children = inside.map(|inside| self.types[inside].as_slice()).unwrap_or_default();
            let Some(child) = children.iter().find(|child| child.name == *name) else {
                let near = nearest(&name.1, children.iter().map(|child| child.name.1.as_str()));
                let there = children.iter().map(|child| child.name.1.clone()).collect();
                return Err(Astray { step, near: near.map(str::to_owned), there });
            };
            led = Led { text: child.text };
            inside = child.inside;
        }
        Ok(led)
    }
}

/// The children of a content, each name once. One that stands twice is treated as one that may repeat: whoever maps it has
/// to be ready for both.
fn merged(parts: Vec<Part>, kinds: &[Arc<Kind>]) -> Vec<Child> {
    let mut merged: Vec<Child> = Vec::new();
    for part in parts {
        let Part { namespace, local, inside, text, must, many } = part;
        let name = (namespace, local);
        if let Some(known) = merged.iter_mut().find(|known| known.name == name) {
            known.many = true;
            known.must |= must;
            continue;
        }
        let kind = text.and_then(|text| kinds.get(text).cloned()).unwrap_or_default();
        merged.push(Child { name, inside, kind, must, text: text.is_some(), many });
    }
    merged
}
