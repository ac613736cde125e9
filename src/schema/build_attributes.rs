//! Builds attributes: declarations, groups, wildcards, and what a derivation makes of those of its base
//! (XSD 1.0 Part 1, 3.2, 3.4.2, 3.6 and 3.10).

use std::sync::Arc;

use super::build::{AttributeSet, Builder, Kind, Site, State};
use super::fault::SchemaFault;
use super::names::{XSI, XSI_NAME};
use super::simple::{ANY_SIMPLE, Look, Primitive, Role, SimpleId, Variety};
use super::tables::{ComplexId, EXTENSION, TypeId, Use, Value, Wildcard};

/// What a copied attribute takes, measured in parts of contents.
const WEIGHT: usize = 4;

impl<'d> Builder<'d> {
    /// The attributes that a node holds, those of the groups included; in the order of their names.
    pub(super) fn attribute_set(&mut self, site: Site<'d>) -> Result<AttributeSet, SchemaFault> {
        let mut set = AttributeSet::default();
        let mut own_wildcard: Option<Wildcard> = None;
        let mut of_groups: Option<Wildcard> = None;
        for node in site.node.parts() {
            let part = site.at(node);
            match &*node.local {
                "attribute" => self.attribute(part, &mut set)?,
                "attributeGroup" => {
                    let text =
                        part.get("ref").ok_or_else(|| part.fault("an attribute group has 'ref' here"))?;
                    let global = self.resolve(Kind::AttributeGroup, part, text)?;
                    let group = self.attribute_group(global)?;
                    self.keep(part, WEIGHT * group.uses.len())?;
                    set.uses.extend(group.uses.iter().cloned());
                    // What a group prohibits says nothing to who uses it.
                    if let Some(wildcard) = &group.wildcard {
                        of_groups = Some(match of_groups {
                            None => wildcard.clone(),
                            Some(before) => both(part, &before, wildcard)?,
                        });
                    }
                }
                "anyAttribute" => own_wildcard = Some(self.wildcard(part)?),
                _ => {}
            }
        }
        set.wildcard = match (own_wildcard, of_groups) {
            (Some(own), Some(group)) => Some(Wildcard { process: own.process, ..both(site, &own, &group)? }),
            (own, group) => own.or(group),
        };
        set.uses.sort_by_key(|one| one.name);
        if let Some(pair) = set.uses.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let name = self.names.local(pair[0].name);
            return Err(site.fault(format!("the attribute '{name}' stands twice")));
        }
        Ok(set)
    }

    pub(super) fn attribute_group(&mut self, global: usize) -> Result<Arc<AttributeSet>, SchemaFault> {
        let built = self.once(global, |builder, site| {
            let set = builder.attribute_set(site)?;
            if let Some(original) = builder.globals[global].original
                && !site.node.parts().any(|part| builder.is_itself(global, site.at(part)))
            {
                builder.restricts_group(site, &set, original)?;
            }
            Ok(State::AttributeGroup(Arc::new(set)))
        })?;
        match built {
            State::AttributeGroup(group) => Ok(group),
            _ => Err(self.globals[global].site.fault("this is not an attribute group")),
        }
    }

    fn is_itself(&mut self, global: usize, part: Site<'d>) -> bool {
        let text = part.get("ref").filter(|_| part.node.local == "attributeGroup");
        text.is_some_and(|text| self.qname(part, text).is_ok_and(|name| name == self.globals[global].name))
    }

    /// Part 1, 4.2.2, 7.2.2: a redefinition that does not hold what it redefines restricts it.
    fn restricts_group(
        &mut self,
        site: Site<'d>,
        set: &AttributeSet,
        original: usize,
    ) -> Result<(), SchemaFault> {
        let before = self.attribute_group(original)?;
        // Nothing is inherited here: what the new group does not name is gone.
        let lost = |one: &&Use| one.required && set.uses.iter().all(|other| other.name != one.name);
        if let Some(lost) = before.uses.iter().find(lost) {
            let name = self.names.local(lost.name);
            return Err(site.fault(format!("the base requires the attribute '{name}'")));
        }
        let (uses, gone) = (&before.uses, &set.prohibited);
        let no_type = TypeId::Simple(ANY_SIMPLE);
        self.narrower(site, &set.uses, gone, set.wildcard.as_ref(), uses, before.wildcard.as_ref(), no_type)
    }

    fn attribute(&mut self, site: Site<'d>, set: &mut AttributeSet) -> Result<(), SchemaFault> {
        if site.get("use").is_some_and(|how| how != "optional") && site.get("default").is_some() {
            return Err(site.fault("an attribute with a default is optional"));
        }
        let required = match site.get("use") {
            None | Some("optional") => false,
            Some("required") => true,
            Some("prohibited") => {
                let name = match site.get("ref") {
                    Some(text) => {
                        let global = self.resolve(Kind::Attribute, site, text)?;
                        self.globals[global].name
                    }
                    None => {
                        let qualified = self.qualified(site, "attributeFormDefault")?;
                        self.own_name(site, qualified)?
                    }
                };
                set.prohibited.push(name);
                return Ok(());
            }
            Some(_) => return Err(site.fault("'use' is optional, required or prohibited")),
        };
        let mut found = match site.get("ref") {
            Some(text) => {
                let clash = ["name", "type", "form"].iter().any(|other| site.get(other).is_some());
                if clash || site.node.child("simpleType").is_some() {
                    return Err(site.fault("an attribute with 'ref' has no name, type or form"));
                }
                let global = self.resolve(Kind::Attribute, site, text)?;
                self.global_attribute(global)?
            }
            None => {
                let qualified = self.qualified(site, "attributeFormDefault")?;
                self.attribute_declaration(site, qualified)?
            }
        };
        found.required = required;
        if site.get("ref").is_some()
            && let Some(value) = self.simple_value(site, found.simple)?
        {
            if let Some(before) = found.value.as_ref().filter(|before| before.fixed)
                && (!value.fixed || before.key != value.key)
            {
                return Err(site.fault("the declaration has fixed another value"));
            }
            found.value = Some(value);
        }
        set.uses.push(found);
        Ok(())
    }

    pub(super) fn qualified(&self, site: Site<'d>, default: &str) -> Result<bool, SchemaFault> {
        match site.get("form").or_else(|| site.document.read.root.get(default)) {
            Some("qualified") => Ok(true),
            None | Some("unqualified") => Ok(false),
            Some(_) => Err(site.fault("'form' is qualified or unqualified")),
        }
    }

    pub(super) fn global_attribute(&mut self, global: usize) -> Result<Use, SchemaFault> {
        let built = self
            .once(global, |builder, site| builder.attribute_declaration(site, true).map(State::Attribute))?;
        match built {
            State::Attribute(attribute) => Ok(attribute),
            _ => Err(self.globals[global].site.fault("this is not an attribute")),
        }
    }

    fn attribute_declaration(&mut self, site: Site<'d>, qualified: bool) -> Result<Use, SchemaFault> {
        let name = self.own_name(site, qualified)?;
        if self.names.local(name) == "xmlns" {
            return Err(site.fault("'xmlns' is not the name of an attribute"));
        }
        if self.names.space_of(name) == XSI {
            return Err(site.fault(format!("attributes of {XSI_NAME} are not declared")));
        }
        let simple = match (site.get("type"), site.node.child("simpleType")) {
            (Some(text), None) => self.simple_ref(site, text)?,
            (None, Some(node)) => self.simple_type(site.at(node), None)?,
            (None, None) => ANY_SIMPLE,
            _ => return Err(site.fault("an attribute has either 'type' or a simple type")),
        };
        self.notation_names(site, simple)?;
        let value = self.simple_value(site, simple)?;
        Ok(Use { name, simple, required: false, value })
    }

    /// Part 2, 3.2.19: what is a NOTATION lists the notations that it may name; the type itself is nobody's.
    pub(super) fn notation_names(&self, site: Site<'d>, simple: SimpleId) -> Result<(), SchemaFault> {
        let found = self.simples.get(simple);
        match found.variety {
            Variety::Atomic(Primitive::Notation) if found.enumeration.is_none() => {
                Err(site.fault("NOTATION is used only by a type that lists the notations (xs:enumeration)"))
            }
            _ => Ok(()),
        }
    }

    /// The default or fixed value that a node gives, which must be one of the type.
    pub(super) fn simple_value(
        &mut self,
        site: Site<'d>,
        simple: SimpleId,
    ) -> Result<Option<Value>, SchemaFault> {
        let (fixed, text) = match (site.node.get("default"), site.node.get("fixed")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(site.fault("a value is either default or fixed")),
            (Some(text), None) => (false, text),
            (None, Some(text)) => (true, text),
        };
        if self.simples.get(simple).role == Role::Id {
            return Err(site.fault("an ID has no default and no fixed value"));
        }
        let mut ids = Vec::new();
        let mut look = Look { prefixes: &*site.node.scope, key: true, ids: &mut ids };
        let key = self
            .simples
            .check(simple, text, &mut look)
            .map_err(|broken| site.fault(format!("the value is not of the type: {}", broken.what)))?;
        let key = key.map(|key| super::simple::Key { tag: key.tag, text: key.text.into_owned().into() });
        let refs = ids.into_iter().filter(|(role, _)| *role == Role::IdRef).map(|(_, id)| id).collect();
        Ok(Some(Value { fixed, text: text.into(), key, refs }))
    }

    /// What a derived type has: those of its base and its own.
    pub(super) fn derive_attributes(
        &mut self,
        how: Site<'d>,
        id: ComplexId,
        base: TypeId,
        method: u8,
    ) -> Result<(), SchemaFault> {
        let own = self.attribute_set(how)?;
        let (inherited, before) = match base {
            TypeId::Simple(_) => (Vec::new(), None),
            TypeId::Complex(base) => {
                self.keep(how, WEIGHT * self.complexes[base.0 as usize].attributes.len())?;
                let base = &self.complexes[base.0 as usize];
                (base.attributes.clone(), base.wildcard.clone())
            }
        };
        let mut uses = own.uses;
        let wildcard = if method == EXTENSION {
            for one in inherited {
                if uses.iter().any(|other| other.name == one.name) {
                    let name = self.names.local(one.name);
                    return Err(how.fault(format!("the base has an attribute '{name}' as well")));
                }
                uses.push(one);
            }
            match (own.wildcard, before) {
                (Some(own), Some(before)) => {
                    let allowed = own.allowed.or(&before.allowed);
                    let allowed = allowed
                        .ok_or_else(|| how.fault("the wildcards of base and extension cannot be united"))?;
                    Some(Wildcard { allowed, process: own.process })
                }
                (own, before) => own.or(before),
            }
        } else {
            self.narrower(
                how,
                &uses,
                &own.prohibited,
                own.wildcard.as_ref(),
                &inherited,
                before.as_ref(),
                base,
            )?;
            for one in inherited {
                if !own.prohibited.contains(&one.name) && uses.iter().all(|other| other.name != one.name) {
                    uses.push(one);
                }
            }
            own.wildcard
        };
        uses.sort_by_key(|one| one.name);
        let complex = &mut self.complexes[id.0 as usize];
        complex.base = base;
        complex.method = method;
        complex.attributes = uses;
        complex.wildcard = wildcard;
        Ok(())
    }

    /// Part 1, 3.4.6, Derivation Valid (Restriction, Complex), 2 to 4.
    #[expect(clippy::too_many_arguments, reason = "both sides of a comparison, part by part")]
    fn narrower(
        &self,
        how: Site<'d>,
        uses: &[Use],
        prohibited: &[super::names::NameId],
        wildcard: Option<&Wildcard>,
        inherited: &[Use],
        before: Option<&Wildcard>,
        base: TypeId,
    ) -> Result<(), SchemaFault> {
        for one in uses {
            let name = self.names.local(one.name);
            match inherited.iter().find(|other| other.name == one.name) {
                Some(other) => {
                    if other.required && !one.required {
                        return Err(how.fault(format!("the base requires the attribute '{name}'")));
                    }
                    if !super::tables::derives(
                        &self.complexes,
                        &self.simples,
                        TypeId::Simple(one.simple),
                        TypeId::Simple(other.simple),
                        0,
                    ) {
                        let text = format!(
                            "the type of the attribute '{name}' is not derived from that of the base"
                        );
                        return Err(how.fault(text));
                    }
                    let fixed = other.value.as_ref().filter(|value| value.fixed);
                    if let Some(fixed) = fixed
                        && one.value.as_ref().is_none_or(|value| !value.fixed || value.key != fixed.key)
                    {
                        return Err(how.fault(format!("the base has fixed the attribute '{name}'")));
                    }
                }
                None => {
                    let space = self.names.space_of(one.name);
                    if before.is_none_or(|before| !before.allowed.has(space)) {
                        return Err(how.fault(format!("the base has no attribute '{name}'")));
                    }
                }
            }
        }
        let lost = inherited.iter().find(|other| other.required && prohibited.contains(&other.name));
        if let Some(lost) = lost {
            let name = self.names.local(lost.name);
            return Err(how.fault(format!("the base requires the attribute '{name}'")));
        }
        if let Some(wildcard) = wildcard {
            let within = before.is_some_and(|before| {
                wildcard.allowed.within(&before.allowed)
                    && (base == super::tables::ANY_TYPE || strictness(wildcard) >= strictness(before))
            });
            if !within {
                return Err(how.fault("the base does not allow all attributes that the wildcard allows"));
            }
        }
        Ok(())
    }

    /// Part 1, 3.4.6, Complex Type Definition Properties Correct, 5.
    pub(super) fn sound_attributes(&self, site: Site<'d>, id: ComplexId) -> Result<(), SchemaFault> {
        let uses = &self.complexes[id.0 as usize].attributes;
        let ids = uses.iter().filter(|one| self.simples.get(one.simple).role == Role::Id).count();
        if ids > 1 { Err(site.fault("a type has one attribute of type ID at most")) } else { Ok(()) }
    }
}

fn strictness(wildcard: &Wildcard) -> u8 {
    match wildcard.process {
        super::tables::Process::Skip => 0,
        super::tables::Process::Lax => 1,
        super::tables::Process::Strict => 2,
    }
}

fn both(site: Site<'_>, one: &Wildcard, two: &Wildcard) -> Result<Wildcard, SchemaFault> {
    let allowed = one.allowed.and(&two.allowed);
    let allowed =
        allowed.ok_or_else(|| site.fault("the wildcards of the attribute groups have nothing in common"))?;
    Ok(Wildcard { allowed, process: one.process })
}
