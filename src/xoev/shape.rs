//! What the compiled schemas allow, as a plain tree: which elements stand in which, how often, and where text stands.
//! Only asked while a package is loaded, to check every path that a mapping or rule names, and while two are compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use xsd_schema::parser::frames::{
    ComplexContentResult, Compositor, DerivationMethod, ParticleResult, ParticleTerm, TypeRefResult,
};
use xsd_schema::{ComplexTypeKey, NameId, SchemaSet, TypeKey};

use crate::xoev::fault::nearest;
use crate::xoev::kind::{self, Kind};

/// The expanded name of an element: namespace, empty for none, and local name.
pub type Name = (String, String);

/// Model groups that refer to each other are followed no deeper.
const DEEPEST_GROUP: usize = 32;

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
    /// Reads the shape out of a compiled set.
    pub fn new(set: &SchemaSet) -> Shape {
        let mut builder = Builder {
            set,
            types: Vec::new(),
            attributes: Vec::new(),
            known: HashMap::new(),
            kinds: HashMap::new(),
        };
        let mut roots = HashMap::new();
        for (key, element) in set.arenas.elements.iter() {
            let Some(local) = element.name else { continue };
            if set.lookup_element(element.target_namespace, local) == Some(key) {
                let inside = element.resolved_type.and_then(|kind| builder.kind(kind).0);
                roots.insert(builder.name(element.target_namespace, local), inside);
            }
        }
        Shape { types: builder.types, attributes: builder.attributes, roots }
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

struct Builder<'a> {
    set: &'a SchemaSet,
    types: Vec<Vec<Child>>,
    attributes: Vec<BTreeMap<String, String>>,
    known: HashMap<ComplexTypeKey, usize>,
    /// Long patterns stand in many places: one copy of each is kept.
    kinds: HashMap<TypeKey, Arc<Kind>>,
}

impl Builder<'_> {
    fn text(&self, id: Option<NameId>) -> String {
        id.map(|id| self.set.name_table.resolve(id)).unwrap_or_default()
    }

    fn name(&self, namespace: Option<NameId>, local: NameId) -> Name {
        (self.text(namespace), self.text(Some(local)))
    }

    /// The children of a type and whether text may stand in it.
    fn kind(&mut self, kind: TypeKey) -> (Option<usize>, bool) {
        let TypeKey::Complex(key) = kind else { return (None, true) };
        let Some(data) = self.set.arenas.get_complex_type(key) else { return (None, false) };
        let text = data.mixed || matches!(data.content, ComplexContentResult::Simple(_));
        if let Some(at) = self.known.get(&key) {
            return (Some(*at), text);
        }
        let at = self.types.len();
        self.types.push(Vec::new());
        self.attributes.push(kind::attributes(self.set, key));
        self.known.insert(key, at);
        let children = self.children(key, 0);
        self.types[at] = children;
        (Some(at), text)
    }

    fn children(&mut self, key: ComplexTypeKey, depth: usize) -> Vec<Child> {
        let Some(data) = self.set.arenas.get_complex_type(key) else { return Vec::new() };
        let mut children = Vec::new();
        if let (Some(DerivationMethod::Extension), Some(TypeKey::Complex(base))) =
            (data.derivation_method, data.resolved_base_type)
            && depth < DEEPEST_GROUP
        {
            children = self.children(base, depth + 1);
        }
        if let ComplexContentResult::Complex(content) = &data.content
            && let Some(particle) = &content.particle
        {
            let mut walk = Walk {
                target: data.target_namespace,
                types: &data.resolved_content_particle_types,
                elements: &data.resolved_content_particle_elements,
                at: 0,
            };
            self.particle(particle, (false, true), &mut walk, 0, &mut children);
        }
        // A name that stands twice is treated as one that may repeat: whoever maps it has to be ready for both.
        let mut merged: Vec<Child> = Vec::new();
        for child in children {
            match merged.iter_mut().find(|known| known.name == child.name) {
                Some(known) => {
                    known.many = true;
                    known.must |= child.must;
                }
                None => merged.push(child),
            }
        }
        merged
    }

    fn particle(
        &mut self,
        particle: &ParticleResult,
        (many, must): (bool, bool),
        walk: &mut Walk<'_>,
        depth: usize,
        children: &mut Vec<Child>,
    ) {
        let many = many || particle.max_occurs.is_none_or(|most| most > 1);
        let must = must && particle.min_occurs > 0;
        match &particle.term {
            ParticleTerm::Any(_) => {}
            ParticleTerm::Group(group) => match &group.ref_name {
                Some(reference) if depth < DEEPEST_GROUP => {
                    let set = self.set;
                    let data = set
                        .lookup_model_group(reference.namespace, reference.local_name)
                        .and_then(|key| set.arenas.get_model_group(key));
                    if let Some(data) = data {
                        let must = must && data.compositor != Some(Compositor::Choice);
                        let mut inner = Walk {
                            target: data.target_namespace,
                            types: &data.resolved_particle_types,
                            elements: &data.resolved_particle_elements,
                            at: 0,
                        };
                        for particle in &data.particles {
                            self.particle(particle, (many, must), &mut inner, depth + 1, children);
                        }
                    }
                }
                Some(_) => {}
                None => {
                    let must = must && group.compositor != Some(Compositor::Choice);
                    for particle in &group.particles {
                        self.particle(particle, (many, must), walk, depth, children);
                    }
                }
            },
            ParticleTerm::Element(element) => {
                let at = walk.at;
                walk.at += 1;
                let (namespace, local, key) = match (&element.ref_name, element.name) {
                    (Some(reference), _) => (
                        reference.namespace,
                        reference.local_name,
                        self.set.lookup_element(reference.namespace, reference.local_name),
                    ),
                    (None, Some(local)) => {
                        let namespace = self.set.effective_local_element_namespace(
                            element.target_namespace,
                            element.form.as_deref(),
                            particle.source.as_ref().or(element.source.as_ref()),
                            walk.target,
                        );
                        (namespace, local, walk.elements.get(at).copied().flatten())
                    }
                    (None, None) => return,
                };
                let kind = key
                    .and_then(|key| self.set.arenas.elements.get(key))
                    .and_then(|element| element.resolved_type)
                    .or_else(|| walk.types.get(at).copied().flatten())
                    .or_else(|| match &element.type_ref {
                        Some(TypeRefResult::QName(name)) => {
                            self.set.lookup_type(name.namespace, name.local_name)
                        }
                        _ => None,
                    });
                // A type that is not found is a built-in one: text.
                let (inside, text) = kind.map_or((None, true), |kind| self.kind(kind));
                let kind = match kind {
                    Some(kind) if text => {
                        let set = self.set;
                        self.kinds.entry(kind).or_insert_with(|| Arc::new(kind::of(set, kind))).clone()
                    }
                    _ => Arc::default(),
                };
                let name = self.name(namespace, local);
                children.push(Child { name, inside, kind, must, text, many });
            }
        }
    }
}

struct Walk<'a> {
    target: Option<NameId>,
    types: &'a [Option<TypeKey>],
    elements: &'a [Option<xsd_schema::ElementKey>],
    at: usize,
}
