//! Builds element declarations: types, values, substitution groups, identity constraints (XSD 1.0 Part 1, 3.3).
//! A declaration is made at once and its type later, so that types may hold themselves.

use super::build::{BLOCKS, Builder, DERIVATIONS, Kind, Site, State};
use super::fault::SchemaFault;
use super::identity::{self, Constraint, Sort};
use super::simple::Role;
use super::tables::{ANY_TYPE, Content, Element, ElementId, TypeId, Value, derives};

/// Members of substitution groups, counted at each head above them.
const MOST_CLIMBED: usize = 1_000_000;

impl<'d> Builder<'d> {
    /// The declaration that an `element` inside a model group means.
    pub(super) fn local_element(&mut self, site: Site<'d>) -> Result<ElementId, SchemaFault> {
        let Some(text) = site.get("ref") else {
            let qualified = self.qualified(site, "elementFormDefault")?;
            return self.declare(site, qualified);
        };
        let others = ["name", "type", "form", "nillable", "default", "fixed", "block"];
        if others.iter().any(|other| site.get(other).is_some()) || site.node.parts().next().is_some() {
            return Err(site.fault("an element with 'ref' has nothing but its counts"));
        }
        let global = self.resolve(Kind::Element, site, text)?;
        self.global_element(global)
    }

    pub(super) fn global_element(&mut self, global: usize) -> Result<ElementId, SchemaFault> {
        let built = self.once(global, |builder, site| builder.declare(site, true).map(State::Element))?;
        match built {
            State::Element(element) => Ok(element),
            _ => Err(self.globals[global].site.fault("this is not an element")),
        }
    }

    fn declare(&mut self, site: Site<'d>, qualified: bool) -> Result<ElementId, SchemaFault> {
        let name = self.own_name(site, qualified)?;
        let finals = site.ways_or_default("final", "finalDefault", DERIVATIONS)?;
        self.elements.push(Element {
            name,
            of_type: ANY_TYPE,
            nillable: site.flag("nillable")?,
            is_abstract: site.flag("abstract")?,
            block: site.ways_or_default("block", "blockDefault", BLOCKS)?,
            finals,
            value: None,
            constraints: Vec::new(),
        });
        self.element_sites.push(site);
        let id = ElementId(self.elements.len() as u32 - 1);
        self.todo.push(id);
        Ok(id)
    }

    /// Resolves the types of all declarations that were made, and of those that are made meanwhile.
    pub(super) fn resolve_elements(&mut self) -> Result<(), SchemaFault> {
        let mut all = Vec::new();
        while let Some(id) = self.todo.pop() {
            let site = self.element_sites[id.0 as usize];
            if site.get("type").is_some()
                && (site.node.child("simpleType").is_some() || site.node.child("complexType").is_some())
            {
                return Err(site.fault("an element has either 'type' or a type"));
            }
            let inline = site.node.parts().find(|node| node.local.ends_with("Type"));
            let found = match (site.get("type"), inline) {
                (Some(text), _) => self.type_ref(site, text)?,
                (None, Some(node)) if node.local == "simpleType" => {
                    TypeId::Simple(self.simple_type(site.at(node), None)?)
                }
                (None, Some(node)) => self.complex_type(site.at(node), None)?,
                (None, None) => ANY_TYPE,
            };
            if let TypeId::Simple(simple) = found {
                self.notation_names(site, simple)?;
            }
            self.elements[id.0 as usize].of_type = found;
            if let Some(text) = site.get("substitutionGroup") {
                let head = self.resolve(Kind::Element, site, text)?;
                let head = self.global_element(head)?;
                self.heads.insert(id, head);
            }
            for node in site.node.parts() {
                if let Some(sort) = Sort::of(&node.local) {
                    self.constraint(site.at(node), sort, id)?;
                }
            }
            all.push(id);
        }
        for id in &all {
            self.inherit_type(*id)?;
        }
        for id in &all {
            self.element_value(*id)?;
        }
        self.refer()
    }

    /// The type of its head, where an element says none; a circle of heads is a fault.
    fn inherit_type(&mut self, id: ElementId) -> Result<(), SchemaFault> {
        let mut at = id;
        let mut steps = 0;
        while let Some(head) = self.heads.get(&at) {
            at = *head;
            steps += 1;
            if at == id || steps > self.elements.len() {
                return Err(self.element_sites[id.0 as usize].fault("the element substitutes itself"));
            }
        }
        self.climbed += steps;
        if self.climbed > MOST_CLIMBED {
            let text = "the substitution groups are too large together";
            return Err(self.element_sites[id.0 as usize].unsupported(text));
        }
        let typeless = |builder: &Self, id: ElementId| {
            let site = builder.element_sites[id.0 as usize];
            site.get("type").is_none() && !site.node.parts().any(|node| node.local.ends_with("Type"))
        };
        let mut at = id;
        while typeless(self, at) {
            match self.heads.get(&at) {
                Some(head) => at = *head,
                None => break,
            }
        }
        self.elements[id.0 as usize].of_type = self.elements[at.0 as usize].of_type;
        Ok(())
    }

    /// Part 1, 3.3.6, Substitution Group OK: types are derived, by ways that the head leaves open.
    pub(super) fn check_substitutions(&self) -> Result<(), SchemaFault> {
        for (member, head) in &self.heads {
            let (one, other) = (&self.elements[member.0 as usize], &self.elements[head.0 as usize]);
            if !derives(&self.complexes, &self.simples, one.of_type, other.of_type, other.finals) {
                let site = self.element_sites[member.0 as usize];
                return Err(
                    site.fault("the type is not derived from that of the head, or by a way that is final")
                );
            }
        }
        Ok(())
    }

    fn element_value(&mut self, id: ElementId) -> Result<(), SchemaFault> {
        let site = self.element_sites[id.0 as usize];
        let (default, fixed) = (site.node.get("default"), site.node.get("fixed"));
        if default.is_none() && fixed.is_none() {
            return Ok(());
        }
        let of_type = self.elements[id.0 as usize].of_type;
        let simple = match of_type {
            TypeId::Simple(simple) => Some(simple),
            TypeId::Complex(complex) => match self.complexes[complex.0 as usize].content {
                Content::Simple(simple) => Some(simple),
                Content::Elements { mixed: true, .. } if self.emptiable(complex) => None,
                _ => return Err(site.fault("an element of this type has no default and no fixed value")),
            },
        };
        let value = match simple {
            Some(simple) if self.simples.get(simple).role == Role::Id => {
                return Err(site.fault("an ID has no default and no fixed value"));
            }
            Some(simple) => self.simple_value(site, simple)?,
            None if default.is_some() && fixed.is_some() => {
                return Err(site.fault("a value is either default or fixed"));
            }
            None => {
                let text = fixed.or(default).unwrap_or_default();
                Some(Value { fixed: fixed.is_some(), text: text.into(), key: None, refs: vec![] })
            }
        };
        self.elements[id.0 as usize].value = value;
        Ok(())
    }

    fn constraint(&mut self, site: Site<'d>, sort: Sort, element: ElementId) -> Result<(), SchemaFault> {
        let name = self.own_name(site, true)?;
        if self.constraints.iter().any(|other| other.name == name) {
            return Err(site.fault("there are two identity constraints of this name"));
        }
        let path = |builder: &mut Self, node, field| {
            let site = site.at(node);
            let text = site.get("xpath").ok_or_else(|| site.fault("'xpath' is missing"))?;
            identity::parse(text, field, &mut builder.names, &*site.node.scope)
                .map_err(|what| site.fault(format!("xpath: {what}")))
        };
        let (mut selector, mut fields) = (None, Vec::new());
        for node in site.node.parts() {
            match &*node.local {
                "selector" => selector = Some(path(self, node, false)?),
                "field" => fields.push(path(self, node, true)?),
                _ => {}
            }
        }
        let refer = match (sort, site.get("refer")) {
            (Sort::KeyRef, Some(text)) => Some(self.qname(site, text)?),
            (Sort::KeyRef, None) => return Err(site.fault("a keyref has 'refer'")),
            _ => None,
        };
        let selector = selector.ok_or_else(|| site.fault("an identity constraint has a selector"))?;
        self.constraints.push(Constraint { name, sort, selector, fields, refer: None });
        self.constraint_sites.push((site, refer));
        let number = self.constraints.len() as u32 - 1;
        self.elements[element.0 as usize].constraints.push(number);
        Ok(())
    }

    /// Lets each keyref find its key.
    fn refer(&mut self) -> Result<(), SchemaFault> {
        for at in 0..self.constraints.len() {
            let (site, Some(name)) = self.constraint_sites[at] else { continue };
            let found =
                self.constraints.iter().position(|other| other.name == name && other.sort != Sort::KeyRef);
            let Some(found) = found else {
                return Err(site.fault(format!("there is no key '{}'", self.names.local(name))));
            };
            if self.constraints[found].fields.len() != self.constraints[at].fields.len() {
                return Err(site.fault("a keyref has as many fields as its key"));
            }
            self.constraints[at].refer = Some(found as u32);
        }
        Ok(())
    }
}
