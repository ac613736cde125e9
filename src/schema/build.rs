//! Turns the documents of a schema into tables: registers what is named, resolves references, keeps what is being built.
//! It never guesses: what cannot be resolved or is not supported is a fault with its place.

use std::collections::HashMap;
use std::sync::Arc;

use super::automaton::Patterns;
use super::builtin;
use super::content::Particle;
use super::fault::SchemaFault;
use super::identity::Constraint;
use super::load::{Document, Documents};
use super::names::{NameId, Names, XSD_NAME};
use super::simple::{Prefixes, SimpleId, Simples};
use super::tables::{
    Complex, EXTENSION, Element, ElementId, RESTRICTION, SUBSTITUTION, TypeId, Use, Wildcard,
};
use super::tree::Node;
use crate::xml::chars;

/// What a name may stand for; each kind has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Type,
    Element,
    Attribute,
    Group,
    AttributeGroup,
    Notation,
}

impl Kind {
    fn of(node: &Node) -> Option<Kind> {
        Some(match &*node.local {
            "simpleType" | "complexType" => Kind::Type,
            "element" => Kind::Element,
            "attribute" => Kind::Attribute,
            "group" => Kind::Group,
            "attributeGroup" => Kind::AttributeGroup,
            "notation" => Kind::Notation,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Type => "type",
            Kind::Element => "element",
            Kind::Attribute => "attribute",
            Kind::Group => "group",
            Kind::AttributeGroup => "attribute group",
            Kind::Notation => "notation",
        }
    }
}

/// A named component of a schema document.
pub(super) struct Global<'d> {
    pub(super) kind: Kind,
    pub(super) site: Site<'d>,
    pub(super) name: NameId,
    /// What it redefines.
    pub(super) original: Option<usize>,
    pub(super) state: State,
}

/// How far a component is built.
#[derive(Clone, Debug)]
pub(super) enum State {
    Fresh,
    Building,
    Type(TypeId),
    Element(ElementId),
    Attribute(Use),
    Group(Arc<Particle>),
    AttributeGroup(Arc<AttributeSet>),
}

/// Attributes as they are gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct AttributeSet {
    pub(super) uses: Vec<Use>,
    pub(super) prohibited: Vec<NameId>,
    pub(super) wildcard: Option<Wildcard>,
}

/// A node and the document it stands in.
#[derive(Clone, Copy)]
pub(super) struct Site<'d> {
    pub(super) document: &'d Document,
    pub(super) node: &'d Node,
}

impl<'d> Site<'d> {
    pub(super) fn at(self, node: &'d Node) -> Site<'d> {
        Site { node, ..self }
    }

    pub(super) fn fault(self, text: impl Into<String>) -> SchemaFault {
        self.document.fault(self.node, text)
    }

    pub(super) fn unsupported(self, text: impl Into<String>) -> SchemaFault {
        SchemaFault { unsupported: true, ..self.fault(text) }
    }

    pub(super) fn get(self, name: &str) -> Option<&'d str> {
        self.node.get(name).map(trimmed)
    }

    pub(super) fn flag(self, name: &str) -> Result<bool, SchemaFault> {
        match self.get(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(self.fault(format!("'{name}' is true or false"))),
        }
    }

    /// Words out of a list as bits; `#all` are all of them.
    pub(super) fn ways(self, text: &str, known: &[(&str, u8)]) -> Result<u8, SchemaFault> {
        if text == "#all" {
            return Ok(known.iter().fold(0, |bits, (_, bit)| bits | bit));
        }
        super::lexis::items(text).try_fold(0, |bits, word| {
            match known.iter().find(|(known, _)| *known == word) {
                Some((_, bit)) => Ok(bits | bit),
                None => {
                    let known: Vec<&str> = known.iter().map(|(known, _)| *known).collect();
                    Err(self.fault(format!("'{word}' is none of #all, {}", known.join(", "))))
                }
            }
        })
    }

    /// An attribute that the node or else the schema has, the latter only where it says words that are known here.
    pub(super) fn ways_or_default(
        self,
        name: &str,
        default: &str,
        known: &[(&str, u8)],
    ) -> Result<u8, SchemaFault> {
        match (self.get(name), self.document.read.root.get(default).map(trimmed)) {
            (Some(own), _) => self.ways(own, known),
            (None, Some("#all")) => self.ways("#all", known),
            (None, Some(default)) => Ok(super::lexis::items(default)
                .filter_map(|word| known.iter().find(|(known, _)| *known == word))
                .fold(0, |bits, (_, bit)| bits | bit)),
            (None, None) => Ok(0),
        }
    }
}

/// Without white space at the ends.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// What may be closed to an element, as written.
pub(super) const BLOCKS: &[(&str, u8)] =
    &[("extension", EXTENSION), ("restriction", RESTRICTION), ("substitution", SUBSTITUTION)];

/// What may be closed to a complex type, as written.
pub(super) const DERIVATIONS: &[(&str, u8)] = &[("extension", EXTENSION), ("restriction", RESTRICTION)];

/// What is being built.
pub(super) struct Builder<'d> {
    pub(super) patterns: &'d Patterns,
    pub(super) names: Names,
    pub(super) simples: Simples,
    pub(super) builtins: HashMap<NameId, SimpleId>,
    pub(super) globals: Vec<Global<'d>>,
    pub(super) index: HashMap<(Kind, NameId), usize>,
    /// The components that are being built, innermost last.
    pub(super) within: Vec<usize>,
    /// Facets that may not change, and ways of derivation that are closed, by simple type.
    pub(super) fixed: HashMap<SimpleId, Vec<&'static str>>,
    pub(super) simple_finals: HashMap<SimpleId, u8>,
    /// Of unions and lists: types that a value may be put before, and levels.
    pub(super) reach: HashMap<SimpleId, (usize, usize)>,
    pub(super) complexes: Vec<Complex>,
    /// The particle of each complex type.
    pub(super) particles: Vec<Option<Arc<Particle>>>,
    /// Where each complex type stands.
    pub(super) sites: Vec<Option<Site<'d>>>,
    pub(super) elements: Vec<Element>,
    pub(super) element_sites: Vec<Site<'d>>,
    /// Elements whose type is not resolved yet.
    pub(super) todo: Vec<ElementId>,
    /// Heads of substitution groups, by member.
    pub(super) heads: HashMap<ElementId, ElementId>,
    pub(super) wildcards: Vec<Wildcard>,
    /// Parts and attributes that derived types copied from their bases.
    pub(super) copied: usize,
    /// Heads that were found above elements.
    pub(super) climbed: usize,
    pub(super) constraints: Vec<Constraint>,
    /// Where each constraint stands, and to what a keyref refers.
    pub(super) constraint_sites: Vec<(Site<'d>, Option<NameId>)>,
}

impl<'d> Builder<'d> {
    pub(super) fn new(patterns: &'d Patterns) -> Builder<'d> {
        let (mut names, mut simples) = (Names::new(), Simples::default());
        let builtins = builtin::add(&mut names, &mut simples);
        Builder {
            patterns,
            names,
            simples,
            builtins,
            globals: Vec::new(),
            index: HashMap::new(),
            within: Vec::new(),
            fixed: HashMap::new(),
            simple_finals: HashMap::new(),
            reach: HashMap::new(),
            complexes: Vec::new(),
            particles: Vec::new(),
            sites: Vec::new(),
            elements: Vec::new(),
            element_sites: Vec::new(),
            todo: Vec::new(),
            heads: HashMap::new(),
            wildcards: Vec::new(),
            copied: 0,
            climbed: 0,
            constraints: Vec::new(),
            constraint_sites: Vec::new(),
        }
    }

    /// Takes down all named components, then what redefinitions put in their place.
    pub(super) fn register(&mut self, documents: &'d Documents) -> Result<(), SchemaFault> {
        for document in &documents.list {
            if document.target == XSD_NAME {
                let site = Site { document, node: &document.read.root };
                return Err(site.unsupported("a schema for XML Schema itself is not supported"));
            }
            self.names.add_space(&document.target);
            let root = Site { document, node: &document.read.root };
            for name in ["elementFormDefault", "attributeFormDefault"] {
                if root.get(name).is_some_and(|form| !matches!(form, "qualified" | "unqualified")) {
                    return Err(root.fault(format!("'{name}' is qualified or unqualified")));
                }
            }
            root.ways_or_default("blockDefault", "blockDefault", BLOCKS)?;
            for node in &document.read.root.children {
                let site = Site { document, node };
                let Some(kind) = Kind::of(node) else { continue };
                let name = self.own_name(site, true)?;
                let global = Global { kind, site, name, original: None, state: State::Fresh };
                self.globals.push(global);
                if self.index.insert((kind, name), self.globals.len() - 1).is_some() {
                    return Err(site.fault(format!("there are two {}s of this name", kind.word())));
                }
                if kind == Kind::Notation {
                    if site.get("public").is_none() && site.get("system").is_none() {
                        return Err(site.fault("a notation has 'public' or 'system'"));
                    }
                    let key = format!("{{{}}}{}", document.target, self.names.local(name));
                    self.simples.notations.insert(key);
                }
            }
        }
        // Those of the documents that were found last first: they may be redefined once more.
        let mut redefinitions = documents.redefinitions.clone();
        redefinitions.sort_by_key(|(document, child)| (usize::MAX - document, *child));
        for (document, child) in &redefinitions {
            let number = *document;
            let reach = documents.leads.get(&(number, *child)).map(|at| documents.of_one(*at));
            let reach = reach.unwrap_or_default();
            let document = &documents.list[number];
            let redefine = &document.read.root.children[*child];
            for node in redefine.children.iter().filter(|node| node.local != "annotation") {
                let site = Site { document, node };
                let Some(kind) = Kind::of(node) else { continue };
                let name = self.own_name(site, true)?;
                let Some(original) = self.index.get(&(kind, name)).copied() else {
                    return Err(site.fault(format!("there is no {} of this name to redefine", kind.word())));
                };
                // Part 1, 3.15.6 and 4.2.2: what is redefined stands in the document that is named or in one of its own, and
                // has been redefined there only; two redefinitions would be two components of one name.
                let from = &self.globals[original];
                let home = documents.list.iter().position(|other| std::ptr::eq(other, from.site.document));
                if from.original.is_some() && home.is_none_or(|home| home == number || !reach.contains(&home))
                {
                    return Err(site.fault(format!("there are two redefinitions of this {}", kind.word())));
                }
                if home.is_none_or(|home| home == number || !reach.contains(&home)) {
                    let text =
                        format!("there is no {} of this name in the document to redefine", kind.word());
                    return Err(site.fault(text));
                }
                if self.globals[original].site.node.local != node.local {
                    return Err(site.fault("a redefinition is of the kind of what it redefines"));
                }
                if matches!(kind, Kind::Group | Kind::AttributeGroup) {
                    self.holds_itself_once(site, kind, name)?;
                }
                self.globals.push(Global { kind, site, name, original: Some(original), state: State::Fresh });
                self.index.insert((kind, name), self.globals.len() - 1);
            }
        }
        Ok(())
    }

    /// Part 1, 4.2.2, 6.1 and 7.1: a group that is redefined with itself inside holds itself once, and there exactly once.
    fn holds_itself_once(&mut self, site: Site<'d>, kind: Kind, name: NameId) -> Result<(), SchemaFault> {
        let (mut todo, mut found) = (vec![site.node], 0);
        while let Some(node) = todo.pop() {
            let here = site.at(node);
            // What an element declares inside is another content.
            todo.extend(node.parts().filter(|part| part.xsd && part.local != "element"));
            let Some(text) = here.get("ref").filter(|_| Kind::of(node) == Some(kind)) else { continue };
            if self.qname(here, text)? != name {
                continue;
            }
            found += 1;
            if found > 1 {
                return Err(here.fault("a redefinition holds what it redefines once at most"));
            }
            if kind == Kind::Group && self.occurs(here)? != (1, Some(1)) {
                return Err(here.fault("a redefinition holds what it redefines exactly once, without counts"));
            }
        }
        Ok(())
    }

    /// The name of a declaration, in the target namespace where it is qualified.
    pub(super) fn own_name(&mut self, site: Site<'d>, qualified: bool) -> Result<NameId, SchemaFault> {
        let name =
            site.get("name").ok_or_else(|| site.fault(format!("'{}' lacks 'name'", site.node.local)))?;
        if !chars::is_ncname(name) {
            return Err(site.fault("a name is a name without a colon"));
        }
        let space = self.names.add_space(if qualified { &site.document.target } else { "" });
        Ok(self.names.add(space, name))
    }

    /// Resolves a name as written: its namespace, which the document must see, and its local part.
    pub(super) fn qname(&mut self, site: Site<'d>, text: &str) -> Result<NameId, SchemaFault> {
        let (prefix, local) = chars::split_qname(trimmed(text))
            .ok_or_else(|| site.fault("a reference is a name with or without a prefix"))?;
        let space = site
            .node
            .scope
            .name_of(prefix)
            .ok_or_else(|| site.fault(format!("the prefix '{prefix}' is not declared")))?;
        // A document without a namespace takes that of who includes it, its own references as well.
        let space = if space.is_empty() && site.document.chameleon { &site.document.target } else { space };
        if !site.document.sees.contains(space) {
            let text = format!("'{local}' is of the namespace '{space}', which the document does not import");
            return Err(site.fault(text));
        }
        let space = self.names.add_space(space);
        Ok(self.names.add(space, local))
    }

    /// The component that a reference means. Inside a redefinition its own name means what is redefined.
    pub(super) fn resolve(&mut self, kind: Kind, site: Site<'d>, text: &str) -> Result<usize, SchemaFault> {
        let name = self.qname(site, text)?;
        if let Some(within) = self.within.last().map(|within| &self.globals[*within])
            && (within.kind, within.name) == (kind, name)
            && let Some(original) = within.original
        {
            return Ok(original);
        }
        self.index
            .get(&(kind, name))
            .copied()
            .ok_or_else(|| site.fault(format!("there is no {} '{}'", kind.word(), self.names.local(name))))
    }

    /// Builds a component with `build` unless it is built; a circle is a fault.
    pub(super) fn once(
        &mut self,
        global: usize,
        build: impl FnOnce(&mut Self, Site<'d>) -> Result<State, SchemaFault>,
    ) -> Result<State, SchemaFault> {
        let site = self.globals[global].site;
        match &self.globals[global].state {
            State::Fresh => {}
            State::Building => {
                let word = self.globals[global].kind.word();
                return Err(site.fault(format!("the {word} is defined by itself")));
            }
            built => return Ok(built.clone()),
        }
        if self.within.len() > 200 {
            return Err(site.unsupported("definitions lean on each other more than 200 deep"));
        }
        self.globals[global].state = State::Building;
        self.within.push(global);
        let built = build(self, site)?;
        self.within.pop();
        self.globals[global].state = built.clone();
        Ok(built)
    }
}
