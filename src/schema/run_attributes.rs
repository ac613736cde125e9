//! Validates the attributes of a start tag: `xsi:type` and `xsi:nil`, those that the type has, those a wildcard lets in.
//! It never looks at `xsi:schemaLocation`: it is a hint, and we follow none.

use super::events::{Attribute, Spaces};
use super::names::{NO_NS, NameId, NsId, XSI};
use super::run::{Run, instruction};
use super::simple::Role;
use super::tables::{ComplexId, Element, Process, TypeId, Use};
use crate::xml::chars;

impl<'a> Run<'_, 'a> {
    /// What `xsi:type` and `xsi:nil` say: a type that may stand here, and whether the element is nil.
    pub(super) fn instructions(
        &mut self,
        offset: usize,
        attributes: &[Attribute<'a>],
        spaces: &Spaces<'_, 'a>,
        declaration: Option<&Element>,
    ) -> (Option<TypeId>, bool) {
        if attributes.iter().all(|attribute| attribute.space != XSI) {
            return (None, false);
        }
        let mut found = None;
        if let Some(text) = instruction(attributes, "type") {
            let named = chars::split_qname(&text).map(|(prefix, local)| {
                let space = spaces.space(prefix);
                space.and_then(|space| self.schema.names.find(space, local))
            });
            let of_type = named
                .flatten()
                .and_then(|name| self.schema.global_types.get(name.0 as usize).copied().flatten());
            let block = declaration.map(|declaration| {
                let of_type = match declaration.of_type {
                    TypeId::Complex(complex) => self.schema.complex(complex).block,
                    TypeId::Simple(_) => 0,
                };
                (declaration.of_type, declaration.block | of_type)
            });
            match (named, of_type, block) {
                (None, ..) => self.breach("cvc-elt.4.1", offset, "the name of a type is expected (xsi:type)"),
                (_, None, _) => {
                    self.breach("cvc-elt.4.2", offset, "a type of the schema is expected (xsi:type)")
                }
                (_, Some(of_type), Some((declared, block)))
                    if !self.schema.derives(of_type, declared, block) =>
                {
                    let text = "a type derived from the declared one is expected (xsi:type)";
                    self.breach("cvc-elt.4.3", offset, text);
                }
                (_, of_type, _) => found = of_type,
            }
        }
        let mut nil = false;
        if let Some(text) = instruction(attributes, "nil") {
            match &*text {
                "true" | "1" => nil = true,
                "false" | "0" => {}
                _ => self.breach(
                    "cvc-datatype-valid.1.2.1",
                    offset,
                    "true, false, 1 or 0 is expected (xsi:nil)",
                ),
            }
            // It says something of elements that are declared only.
            nil &= declaration.is_some();
            if let Some(declaration) = declaration {
                if !declaration.nillable {
                    self.breach("cvc-elt.3.1", offset, "an element that may not be nil has no xsi:nil");
                    nil = false;
                } else if nil && declaration.value.as_ref().is_some_and(|value| value.fixed) {
                    self.breach("cvc-elt.3.2.2", offset, "an element with a fixed value is not nil");
                }
            }
        }
        (found, nil)
    }

    /// Validates all attributes of a tag.
    pub(super) fn attributes(
        &mut self,
        of_type: TypeId,
        offset: usize,
        attributes: &[Attribute<'a>],
        spaces: &Spaces<'_, 'a>,
    ) {
        let schema = self.schema;
        let complex = match of_type {
            TypeId::Complex(complex) => complex,
            TypeId::Simple(_) => {
                for attribute in attributes.iter().filter(|attribute| !is_instruction(attribute)) {
                    let name = schema.names.find(attribute.space, attribute.local);
                    self.breach_attribute("cvc-type.3.1.1", offset, name, "no attribute is expected here");
                }
                return;
            }
        };
        let uses = &schema.complex(complex).attributes;
        self.seen.clear();
        self.seen.resize(uses.len(), false);
        let mut wild_ids = 0;
        for attribute in attributes {
            if is_instruction(attribute) {
                if self.keys.wants() {
                    // A field `@*` finds these as well.
                    let name = schema.names.find(attribute.space, attribute.local);
                    let key = super::simple::Key { tag: 0, text: attribute.value.as_ref().into() };
                    self.key((attribute.space, name), &key);
                }
                continue;
            }
            let name = schema.names.find(attribute.space, attribute.local);
            let at = name.and_then(|name| position(uses, name));
            match at {
                Some(at) => {
                    self.seen[at] = true;
                    self.attribute(&uses[at], offset, attribute, spaces);
                }
                None => wild_ids += usize::from(self.let_in(complex, name, offset, attribute, spaces)),
            }
        }
        let own_id = || uses.iter().any(|one| schema.simples.get(one.simple).role == Role::Id);
        if wild_ids > 1 || (wild_ids == 1 && own_id()) {
            self.breach("cvc-complex-type.5", offset, "one attribute of type ID at most is expected");
        }
        for (at, one) in uses.iter().enumerate() {
            if self.seen[at] {
                continue;
            }
            if one.required {
                let text = format!("the attribute {} is expected", schema.names.local(one.name));
                self.breach("cvc-complex-type.4", offset, text);
            } else if let Some(value) = &one.value {
                self.supplied.push((one.name, &value.text));
                if let Some(key) = value.key.as_ref().filter(|_| self.keys.wants()) {
                    self.key((schema.names.space_of(one.name), Some(one.name)), key);
                }
                self.take_refs(value, offset);
            }
        }
    }

    fn key(&mut self, name: (NsId, Option<NameId>), key: &super::simple::Key<'_>) {
        let names = std::mem::take(&mut self.names);
        self.keys.attribute(&self.schema.constraints, &names, name, key);
        self.names = names;
    }

    fn attribute(&mut self, one: &Use, offset: usize, attribute: &Attribute<'a>, spaces: &Spaces<'_, 'a>) {
        let fixed = one.value.as_ref().filter(|value| value.fixed);
        if self.checked.is_some() && attribute.space == NO_NS {
            self.take_down(offset, Some(attribute.local), one.simple, fixed.is_none());
        }
        let wanted = fixed.is_some() || self.keys.wants();
        match self.check(one.simple, &attribute.value, spaces, wanted) {
            Ok(key) => {
                self.take_ids(offset);
                if fixed.is_some_and(|value| value.key != key) {
                    self.breach_attribute(
                        "cvc-attribute.4",
                        offset,
                        Some(one.name),
                        "the fixed value is expected",
                    );
                }
                if let Some(key) = key.filter(|_| self.keys.wants()) {
                    self.key((attribute.space, Some(one.name)), &key);
                }
            }
            Err(broken) => {
                self.ids.clear();
                self.breach_attribute(broken.code, offset, Some(one.name), broken.what);
            }
        }
    }

    /// An attribute that the type does not have; whether it is of type ID.
    fn let_in(
        &mut self,
        complex: ComplexId,
        name: Option<NameId>,
        offset: usize,
        attribute: &Attribute<'a>,
        spaces: &Spaces<'_, 'a>,
    ) -> bool {
        let schema = self.schema;
        let wildcard = schema.complex(complex).wildcard.as_ref();
        let Some(wildcard) = wildcard.filter(|wildcard| wildcard.allowed.has(attribute.space)) else {
            self.breach_attribute(
                "cvc-complex-type.3.2.2",
                offset,
                name,
                "no such attribute is expected here",
            );
            return false;
        };
        if wildcard.process == Process::Skip {
            return false;
        }
        let global =
            name.and_then(|name| schema.global_attributes.get(name.0 as usize)).and_then(Option::as_ref);
        match global {
            Some(one) => {
                self.attribute(one, offset, attribute, spaces);
                return schema.simples.get(one.simple).role == Role::Id;
            }
            None if wildcard.process == Process::Strict => {
                let text = "an attribute that the schema declares is expected";
                self.breach_attribute("cvc-complex-type.3.2.2", offset, name, text);
            }
            None => {}
        }
        false
    }
}

fn is_instruction(attribute: &Attribute<'_>) -> bool {
    attribute.space == XSI
        && matches!(attribute.local, "type" | "nil" | "schemaLocation" | "noNamespaceSchemaLocation")
}

fn position(uses: &[Use], name: NameId) -> Option<usize> {
    if uses.len() <= 8 {
        return uses.iter().position(|one| one.name == name);
    }
    uses.binary_search_by_key(&name, |one| one.name).ok()
}
