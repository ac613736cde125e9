//! Builds complex types: derivation, content, and the particles of model groups (XSD 1.0 Part 1, 3.4, 3.7 to 3.9).
//! It never compiles a content model; that is `content.rs`, when all substitution groups are known.

use std::sync::Arc;

use super::build::{Builder, DERIVATIONS, Kind, Site, State};
use super::content::{Particle, Parts, Term};
use super::fault::SchemaFault;
use super::names::{NameId, NsId};
use super::simple::SimpleId;
use super::tables::{
    ANY_TYPE, Allowed, Complex, ComplexId, Content, EXTENSION, Process, RESTRICTION, TypeId, Wildcard,
};
use super::tree::Node;

/// What a content is before its model is compiled.
const OPEN_MODEL: u32 = u32::MAX;

/// Parts of one content, with each reference to a group written out.
const MOST_PARTS: usize = 100_000;
/// Parts and attributes that types copy from their bases and attribute groups, for the whole schema.
const MOST_COPIED: usize = 4_000_000;
/// Levels of parts of one content.
const MOST_DEPTH: usize = 250;

fn is_group(node: &Node) -> bool {
    matches!(&*node.local, "group" | "all" | "choice" | "sequence")
}

impl<'d> Builder<'d> {
    /// `anyType`: anything, looked at where it is known.
    pub(super) fn add_any_type(&mut self) {
        let wildcard = Wildcard { allowed: Allowed::Any, process: Process::Lax };
        self.wildcards.push(wildcard.clone());
        self.complexes.push(Complex {
            base: ANY_TYPE,
            method: RESTRICTION,
            is_abstract: false,
            block: 0,
            finals: 0,
            content: Content::Elements { model: OPEN_MODEL, mixed: true },
            attributes: Vec::new(),
            wildcard: Some(wildcard),
        });
        let any = Particle::new(0, None, Term::Any(0));
        self.particles.push(Some(Arc::new(any)));
        self.sites.push(None);
    }

    /// Builds what a `complexType` element says.
    pub(super) fn complex_type(&mut self, site: Site<'d>, _: Option<NameId>) -> Result<TypeId, SchemaFault> {
        let id = ComplexId(self.complexes.len() as u32);
        self.complexes.push(Complex {
            base: ANY_TYPE,
            method: RESTRICTION,
            is_abstract: site.flag("abstract")?,
            block: site.ways_or_default("block", "blockDefault", DERIVATIONS)?,
            finals: site.ways_or_default("final", "finalDefault", DERIVATIONS)?,
            content: Content::Empty,
            attributes: Vec::new(),
            wildcard: None,
        });
        self.particles.push(None);
        self.sites.push(Some(site));
        let first = site.node.parts().next();
        let redefines = self.within.last().is_some_and(|at| {
            let global = &self.globals[*at];
            global.original.is_some() && std::ptr::eq(global.site.node, site.node)
        });
        match first.map(|node| (&*node.local, node)) {
            Some(("simpleContent", node)) => self.simple_content(site.at(node), id, redefines)?,
            Some(("complexContent", node)) => {
                let content = site.at(node);
                let mixed = match content.get("mixed") {
                    Some(_) => content.flag("mixed")?,
                    None => site.flag("mixed")?,
                };
                self.complex_content(content, id, mixed, redefines)?;
            }
            _ if redefines => return Err(site.fault("a redefinition derives from what it redefines")),
            _ => {
                let mixed = site.flag("mixed")?;
                let particle = self.own_particle(site)?;
                let attributes = self.attribute_set(site)?;
                self.set_content(id, particle, mixed);
                let complex = &mut self.complexes[id.0 as usize];
                complex.attributes = attributes.uses;
                complex.wildcard = attributes.wildcard;
            }
        }
        self.sound_attributes(site, id)?;
        Ok(TypeId::Complex(id))
    }

    fn set_content(&mut self, id: ComplexId, particle: Option<Arc<Particle>>, mixed: bool) {
        let content = match (&particle, mixed) {
            (None, false) => Content::Empty,
            _ => Content::Elements { model: OPEN_MODEL, mixed },
        };
        self.complexes[id.0 as usize].content = content;
        self.particles[id.0 as usize] = match (particle, mixed) {
            (None, true) => Some(Arc::new(Particle::new(1, Some(1), Term::Sequence(Arc::default())))),
            (particle, _) => particle,
        };
    }

    /// The base of a derivation, which must be open for it.
    fn base(&mut self, how: Site<'d>, redefines: bool) -> Result<(TypeId, u8), SchemaFault> {
        let text = how.get("base").ok_or_else(|| how.fault("a derivation has 'base'"))?;
        if redefines {
            let name = self.qname(how, text)?;
            if self.within.last().is_none_or(|within| self.globals[*within].name != name) {
                return Err(how.fault("a redefinition derives from what it redefines"));
            }
        }
        let base = self.type_ref(how, text)?;
        let method = if how.node.local == "extension" { EXTENSION } else { RESTRICTION };
        let finals = match base {
            TypeId::Complex(complex) => self.complexes[complex.0 as usize].finals,
            TypeId::Simple(simple) => self.simple_finals.get(&simple).copied().unwrap_or(0),
        };
        if finals & method != 0 {
            return Err(how.fault(format!("the base is final for {}", how.node.local)));
        }
        Ok((base, method))
    }

    fn derivation(&self, content: Site<'d>) -> Result<Site<'d>, SchemaFault> {
        let how = content.node.parts().next();
        how.map(|node| content.at(node))
            .ok_or_else(|| content.fault("a content has restriction or extension"))
    }

    fn simple_content(
        &mut self,
        content: Site<'d>,
        id: ComplexId,
        redefines: bool,
    ) -> Result<(), SchemaFault> {
        let how = self.derivation(content)?;
        let (base, method) = self.base(how, redefines)?;
        let no = || how.fault("the base has no simple content");
        let simple = match (base, method) {
            (TypeId::Simple(simple), EXTENSION) => simple,
            (TypeId::Simple(_), _) => return Err(no()),
            (TypeId::Complex(complex), EXTENSION) => match self.complexes[complex.0 as usize].content {
                Content::Simple(simple) => simple,
                _ => return Err(no()),
            },
            (TypeId::Complex(complex), _) => {
                let inline = match how.node.child("simpleType") {
                    Some(node) => Some(self.simple_type(how.at(node), None)?),
                    None => None,
                };
                let start = match (self.complexes[complex.0 as usize].content, inline) {
                    (Content::Simple(before), Some(inline)) => {
                        if !self.simples.derives(inline, before) {
                            return Err(how.fault("the simple type is not derived from that of the base"));
                        }
                        inline
                    }
                    (Content::Simple(before), None) => before,
                    (Content::Elements { mixed: true, .. }, Some(inline)) if self.emptiable(complex) => {
                        inline
                    }
                    _ => return Err(no()),
                };
                self.narrowed(how, start)?
            }
        };
        self.complexes[id.0 as usize].content = Content::Simple(simple);
        self.derive_attributes(how, id, base, method)
    }

    fn narrowed(&mut self, how: Site<'d>, base: SimpleId) -> Result<SimpleId, SchemaFault> {
        if !super::build_simple::has_facets(how.node) {
            return Ok(base);
        }
        let mut fixed = self.fixed.get(&base).cloned().unwrap_or_default();
        let simple = self.restricted(how, base, &mut fixed)?;
        let id = self.put_simple(simple);
        self.fixed.insert(id, fixed);
        Ok(id)
    }

    /// Whether an element of the type may be empty.
    pub(super) fn emptiable(&self, complex: ComplexId) -> bool {
        self.particles[complex.0 as usize].as_ref().is_none_or(|particle| particle.emptiable())
    }

    fn complex_content(
        &mut self,
        content: Site<'d>,
        id: ComplexId,
        mixed: bool,
        redefines: bool,
    ) -> Result<(), SchemaFault> {
        let how = self.derivation(content)?;
        let (base, method) = self.base(how, redefines)?;
        let TypeId::Complex(before) = base else {
            return Err(how.fault("the base of a complex content is a complex type"));
        };
        let before_content = self.complexes[before.0 as usize].content;
        let own = self.own_particle(how)?;
        if method == EXTENSION {
            let inherited = self.particles[before.0 as usize].clone();
            let (particle, mixed) = match (before_content, inherited, own) {
                // Nothing of its own: the content is that of the base, whatever it is (Part 1, 3.4.2).
                (Content::Simple(simple), _, None) if !mixed => {
                    self.complexes[id.0 as usize].content = Content::Simple(simple);
                    return self.derive_attributes(how, id, base, method);
                }
                (Content::Simple(_), ..) => {
                    return Err(how.fault("the base has simple content"));
                }
                (Content::Empty, _, own) => (own, mixed),
                (Content::Elements { mixed: before, .. }, inherited, own) => {
                    if before != mixed && (own.is_some() || mixed) {
                        return Err(how.fault("base and extension are both mixed or both not"));
                    }
                    let empty = |particle: &Arc<Particle>| matches!(&particle.term, Term::Sequence(all) if all.is_empty());
                    let particle = match (inherited, own) {
                        (inherited, None) => inherited,
                        (Some(inherited), Some(own)) if empty(&inherited) => Some(own),
                        (None, own) => own,
                        (Some(inherited), Some(own)) => {
                            if matches!(inherited.term, Term::All(_)) || matches!(own.term, Term::All(_)) {
                                return Err(how.fault("'all' is the whole content and cannot be extended"));
                            }
                            // One list however long the chain of extensions is, instead of one inside the other.
                            let all: Parts = match &inherited.term {
                                Term::Sequence(all) if (inherited.min, inherited.max) == (1, Some(1)) => {
                                    all.iter().cloned().chain([own]).collect()
                                }
                                _ => [inherited, own].into(),
                            };
                            self.keep(how, all.len())?;
                            let all = Term::Sequence(all);
                            Some(self.bounded(how, Particle::new(1, Some(1), all))?)
                        }
                    };
                    (particle, before)
                }
            };
            self.set_content(id, particle, mixed);
        } else {
            match before_content {
                Content::Simple(_) => return Err(how.fault("the base has simple content")),
                Content::Empty if own.is_some() || mixed => {
                    return Err(how.fault("the base is empty"));
                }
                Content::Elements { mixed: false, .. } if mixed => {
                    return Err(how.fault("the base is not mixed"));
                }
                _ => {}
            }
            // Part 1, 3.4.6, 5.3.2 and 3.9.6: what the base demands a restriction cannot leave out.
            if own.as_ref().is_none_or(|own| own.emptiable()) && !self.emptiable(before) {
                return Err(how.fault("the base has no empty content, and the restriction allows one"));
            }
            self.set_content(id, own, mixed);
        }
        self.derive_attributes(how, id, base, method)
    }

    /// The particle that a type or a derivation holds itself; `None` when it is empty.
    fn own_particle(&mut self, site: Site<'d>) -> Result<Option<Arc<Particle>>, SchemaFault> {
        let Some(node) = site.node.parts().find(|node| is_group(node)) else { return Ok(None) };
        let particle = self.particle(site.at(node), true)?;
        // Part 1, 3.4.2: empty is what holds nothing as it is written. Parts that may not occur are no particles, but the
        // content around them is one of elements, in which white space may stand.
        let written = node.parts().next().is_some();
        Ok(particle.filter(|particle| match &*node.local {
            "sequence" | "all" => written,
            "choice" => written || particle.min > 0,
            _ => true,
        }))
    }

    pub(super) fn occurs(&self, site: Site<'d>) -> Result<(u32, Option<u32>), SchemaFault> {
        let count = |name: &str| match site.get(name) {
            None => Ok(Some(1)),
            Some("unbounded") if name == "maxOccurs" => Ok(None),
            Some(text) => {
                let digits = text.strip_prefix('+').unwrap_or(text);
                let lawful = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number = if lawful { Some(digits.parse().unwrap_or(u32::MAX - 1)) } else { None };
                number
                    .map(Some)
                    .ok_or_else(|| site.fault(format!("'{name}' is a number that is not negative")))
            }
        };
        let (min, max) = (count("minOccurs")?.unwrap_or(0), count("maxOccurs")?);
        if max.is_some_and(|max| max < min) {
            return Err(site.fault("'minOccurs' is more than 'maxOccurs'"));
        }
        Ok((min, max))
    }

    /// A particle; `None` where it may not occur at all. `top` where it is the whole content.
    fn particle(&mut self, site: Site<'d>, top: bool) -> Result<Option<Arc<Particle>>, SchemaFault> {
        let (min, max) = self.occurs(site)?;
        let term = match &*site.node.local {
            "element" => Term::Element(self.local_element(site)?),
            "any" => {
                let wildcard = self.wildcard(site)?;
                self.wildcards.push(wildcard);
                Term::Any(self.wildcards.len() as u32 - 1)
            }
            "group" => {
                let text = site.get("ref").ok_or_else(|| site.fault("a group has 'ref' here"))?;
                let global = self.resolve(Kind::Group, site, text)?;
                let group = self.group(global)?;
                if matches!(group.term, Term::All(_)) && !(top && max == Some(1)) {
                    return Err(site.fault("a group with 'all' is the whole content, once at most"));
                }
                group.term.clone()
            }
            "all" if !top => return Err(site.fault("'all' is the whole content")),
            "all" if max != Some(1) => return Err(site.fault("'all' stands once at most")),
            _ => self.model_group(site)?,
        };
        if max == Some(0) {
            return Ok(None);
        }
        self.bounded(site, Particle::new(min, max, term)).map(Some)
    }

    /// Counts what types copy from their bases and attribute groups, for the whole schema.
    pub(super) fn keep(&mut self, site: Site<'d>, more: usize) -> Result<(), SchemaFault> {
        self.copied += more;
        if self.copied > MOST_COPIED {
            return Err(site.unsupported("types come to too many parts and attributes together"));
        }
        Ok(())
    }

    /// A particle that can be gone through without end of memory, whatever refers to what.
    fn bounded(&self, site: Site<'d>, particle: Particle) -> Result<Arc<Particle>, SchemaFault> {
        if particle.size > MOST_PARTS {
            let text =
                format!("groups that use groups come to more than {MOST_PARTS} parts when written out");
            return Err(site.unsupported(text));
        }
        if particle.depth > MOST_DEPTH {
            let text = format!("groups and extensions are nested more than {MOST_DEPTH} deep");
            return Err(site.unsupported(text));
        }
        Ok(Arc::new(particle))
    }

    fn model_group(&mut self, site: Site<'d>) -> Result<Term, SchemaFault> {
        let mut all = Vec::new();
        for node in site.node.parts() {
            let site_of = site.at(node);
            if let Some(particle) = self.particle(site_of, false)? {
                if site.node.local == "all" && particle.max != Some(1) {
                    return Err(site_of.fault("an element of 'all' stands once at most"));
                }
                all.push(particle);
            }
        }
        let all: Parts = all.into();
        Ok(match &*site.node.local {
            "sequence" => Term::Sequence(all),
            // Nothing is left to choose from: Xerces and libxml2 let nothing stand there, where 3.8.4 by its letter lets no
            // content be valid. A choice that is written without parts stays what no content satisfies.
            "choice" if all.is_empty() && site.node.parts().next().is_some() => Term::Sequence(all),
            "choice" => Term::Choice(all),
            _ => Term::All(all),
        })
    }

    pub(super) fn group(&mut self, global: usize) -> Result<Arc<Particle>, SchemaFault> {
        let built = self.once(global, |builder, site| {
            let node = site.node.parts().next();
            let node = node.ok_or_else(|| site.fault("a group has all, choice or sequence"))?;
            let term = builder.model_group(site.at(node))?;
            Ok(State::Group(builder.bounded(site, Particle::new(1, Some(1), term))?))
        })?;
        match built {
            State::Group(group) => Ok(group),
            _ => Err(self.globals[global].site.fault("this is not a group")),
        }
    }

    /// What `any` and `anyAttribute` allow.
    pub(super) fn wildcard(&mut self, site: Site<'d>) -> Result<Wildcard, SchemaFault> {
        let process = match site.get("processContents") {
            None | Some("strict") => Process::Strict,
            Some("lax") => Process::Lax,
            Some("skip") => Process::Skip,
            Some(_) => return Err(site.fault("'processContents' is strict, lax or skip")),
        };
        let target = self.names.add_space(&site.document.target);
        let allowed = match site.get("namespace") {
            None | Some("##any") => Allowed::Any,
            Some("##other") => Allowed::Not(target),
            Some(list) => {
                let mut spaces: Vec<NsId> = Vec::new();
                for item in super::lexis::items(list) {
                    let space = match item {
                        "##targetNamespace" => target,
                        "##local" => super::names::NO_NS,
                        name if name.starts_with("##") => {
                            return Err(site.fault("'namespace' is ##any, ##other or a list"));
                        }
                        name => self.names.add_space(name),
                    };
                    if !spaces.contains(&space) {
                        spaces.push(space);
                    }
                }
                Allowed::List(spaces.into())
            }
        };
        Ok(Wildcard { allowed, process })
    }
}
