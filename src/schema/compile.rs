//! From documents to tables, and from a document to its breaches: the two calls that others make of this room.
//! It never opens anything; what a schema consists of comes from a library.

use std::collections::HashMap;

use super::automaton::Patterns;
use super::build::{Builder, Kind};
use super::content::{self, Known, Unfit};
use super::fault::{Breach, SchemaFault};
use super::load::{self, Library};
use super::names::NameId;
use super::outline::Outline;
use super::tables::{ComplexId, Content, ElementId, Model, SUBSTITUTION, Schema, TypeId, derives};
use super::watch::Validation;
use crate::xml::gate::Document;

impl Schema {
    /// Compiles the schema that begins with `entries`, locations as the library knows them.
    ///
    /// Fails with the first fault found: a schema that is wrong, or one that uses what is not supported.
    pub fn compile(entries: &[&str], library: &dyn Library) -> Result<Schema, SchemaFault> {
        Ok(Schema::compile_with(entries, library, &Patterns::default())?.0)
    }

    /// As [`Schema::compile`], with patterns that were compiled before, and with what the schema allows as plain data.
    pub fn compile_with(
        entries: &[&str],
        library: &dyn Library,
        patterns: &Patterns,
    ) -> Result<(Schema, Outline), SchemaFault> {
        let documents = load::load(entries, library)?;
        let mut builder = Builder::new(patterns);
        builder.names.add(super::names::XSD, "anyType");
        builder.add_any_type();
        builder.register(&documents)?;
        for global in 0..builder.globals.len() {
            match builder.globals[global].kind {
                Kind::Type => drop(builder.global_type(global)?),
                Kind::Element => drop(builder.global_element(global)?),
                Kind::Attribute => drop(builder.global_attribute(global)?),
                Kind::Group => drop(builder.group(global)?),
                Kind::AttributeGroup => drop(builder.attribute_group(global)?),
                Kind::Notation => {}
            }
        }
        builder.resolve_elements()?;
        builder.check_substitutions()?;
        let models = builder.models()?;
        let particles = std::mem::take(&mut builder.particles);
        let written =
            builder.simples.list.iter_mut().map(|simple| std::mem::take(&mut simple.written)).collect();
        let schema = builder.tables(models);
        let outline = Outline { particles, written };
        Ok((schema, outline))
    }

    /// Validates a document that the gate let through: its breaches, at most `most`; none exactly when it is valid.
    ///
    /// Takes time linear in the size of the document.
    pub fn validate(&self, document: &Document, most: usize) -> Vec<Breach> {
        let mut validation = Validation::new(self, most, ());
        document.show(&mut validation);
        validation.finish().0
    }
}

impl<'d> Builder<'d> {
    /// Compiles the content of each complex type; sets its number in the type.
    fn models(&mut self) -> Result<Vec<Model>, SchemaFault> {
        let members = self.members();
        let show = |name: NameId| self.names.local(name).to_owned();
        let space_of = |name: NameId| self.names.space_of(name);
        let of = |element: ElementId| members.get(&element).cloned().unwrap_or_default();
        let known = Known { members: &of, wildcards: &self.wildcards, space_of: &space_of, show: &show };
        let mut models = Vec::new();
        let mut room = content::Room::default();
        let mut numbers: HashMap<usize, u32> = HashMap::new();
        let mut set = Vec::new();
        for (at, particle) in self.particles.iter().enumerate() {
            let (Some(particle), Content::Elements { mixed, .. }) = (particle, self.complexes[at].content)
            else {
                continue;
            };
            let key = std::sync::Arc::as_ptr(particle) as usize;
            let number = match numbers.get(&key) {
                Some(number) => *number,
                None => {
                    let model = content::compile(particle, &known, &mut room)
                        .map_err(|unfit| self.unfit(at, unfit))?;
                    self.consistent(at, &model)?;
                    models.push(model);
                    numbers.insert(key, models.len() as u32 - 1);
                    models.len() as u32 - 1
                }
            };
            set.push((at, Content::Elements { model: number, mixed }));
        }
        for (at, content) in set {
            self.complexes[at].content = content;
        }
        Ok(models)
    }

    fn unfit(&self, complex: usize, unfit: Unfit) -> SchemaFault {
        let (text, unsupported) = match unfit {
            Unfit::Ambiguous(name, which) => (
                format!("the content is ambiguous: {which} may take '{name}' (Unique Particle Attribution)"),
                false,
            ),
            Unfit::TooLarge => ("the content model is too large to be compiled".to_owned(), true),
            Unfit::TooMuch => {
                ("the content models up to this one are too large together to be compiled".to_owned(), true)
            }
        };
        match self.sites[complex] {
            Some(site) => SchemaFault { unsupported, ..site.fault(text) },
            None => SchemaFault { file: String::new(), line: 0, column: 0, text, unsupported },
        }
    }

    /// Part 1, 3.8.6, Element Declarations Consistent.
    fn consistent(&self, complex: usize, model: &Model) -> Result<(), SchemaFault> {
        let mut types: HashMap<NameId, TypeId> = HashMap::new();
        let states: Vec<&Vec<_>> = match model {
            Model::All(all) => vec![&all.names],
            Model::Automaton(automaton) => automaton.states.iter().map(|state| &state.names).collect(),
        };
        for (name, element, _) in states.into_iter().flatten() {
            let of_type = self.elements[element.0 as usize].of_type;
            if *types.entry(*name).or_insert(of_type) != of_type {
                let text =
                    format!("the elements '{}' of one content have different types", self.names.local(*name));
                return Err(match self.sites[complex] {
                    Some(site) => site.fault(text),
                    None => SchemaFault { file: String::new(), line: 0, column: 0, text, unsupported: false },
                });
            }
        }
        Ok(())
    }

    /// For each element those that may stand for it, itself first.
    fn members(&self) -> HashMap<ElementId, Vec<(NameId, ElementId)>> {
        let mut members: HashMap<ElementId, Vec<(NameId, ElementId)>> = HashMap::new();
        for at in 0..self.elements.len() {
            let id = ElementId(at as u32);
            members.entry(id).or_default().insert(0, (self.elements[at].name, id));
            let mut head = id;
            while let Some(next) = self.heads.get(&head) {
                head = *next;
                let (one, other) = (&self.elements[at], &self.elements[head.0 as usize]);
                let blocked = match other.of_type {
                    TypeId::Complex(complex) => self.complexes[complex.0 as usize].block,
                    TypeId::Simple(_) => 0,
                } | other.block;
                let open = other.block & SUBSTITUTION == 0
                    && derives(&self.complexes, &self.simples, one.of_type, other.of_type, blocked);
                if open {
                    members.entry(head).or_default().push((one.name, id));
                }
            }
        }
        members
    }

    fn tables(self, models: Vec<Model>) -> Schema {
        let count = self.names.len();
        let mut global_elements = vec![None; count];
        let mut global_types = vec![None; count];
        let mut global_attributes = vec![None; count];
        for (name, simple) in &self.builtins {
            global_types[name.0 as usize] = Some(TypeId::Simple(*simple));
        }
        if let Some(any) = self.names.find(super::names::XSD, "anyType") {
            global_types[any.0 as usize] = Some(TypeId::Complex(ComplexId(0)));
        }
        for ((_, name), global) in &self.index {
            let at = name.0 as usize;
            match &self.globals[*global].state {
                super::build::State::Type(of_type) => global_types[at] = Some(*of_type),
                super::build::State::Element(element) => global_elements[at] = Some(*element),
                super::build::State::Attribute(attribute) => global_attributes[at] = Some(attribute.clone()),
                _ => {}
            }
        }
        Schema {
            names: self.names,
            simples: self.simples,
            complexes: self.complexes,
            elements: self.elements,
            models,
            wildcards: self.wildcards,
            constraints: self.constraints,
            global_elements,
            global_types,
            global_attributes,
        }
    }
}
