//! What text a type of a schema allows, as plain data that two versions can be compared by: its built-in base and the
//! bounds that count. Only asked while packages are compared; names of the types in between do not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use xsd_schema::parser::frames::AttributeUseKind;
use xsd_schema::types::facets::FacetSet;
use xsd_schema::{ComplexTypeKey, SchemaSet, TypeKey};

/// Types that derive from each other are followed no deeper.
const DEEPEST: usize = 64;

/// What text may stand at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// The built-in type at the bottom; empty where no text may stand.
    pub base: String,
    /// Bound to its values, such as `enumeration` to all codes.
    pub bounds: BTreeMap<&'static str, BTreeSet<String>>,
}

/// The kind of a type; bounds of a derived type win over those of its base.
pub fn of(set: &SchemaSet, mut key: TypeKey) -> Kind {
    let mut kind = Kind::default();
    for _ in 0..DEEPEST {
        // What the language itself defines is told by its name; its own bounds say nothing more.
        if is_built_in(set, key) {
            kind.base = name(set, key);
            break;
        }
        let next = match key {
            TypeKey::Complex(key) => {
                set.arenas.get_complex_type(key).and_then(|data| data.resolved_base_type)
            }
            TypeKey::Simple(key) => set.arenas.get_simple_type(key).and_then(|data| {
                add(&mut kind, &data.facets);
                data.resolved_base_type
            }),
        };
        match next {
            Some(next) if next != key => key = next,
            _ => break,
        }
    }
    kind
}

fn name(set: &SchemaSet, key: TypeKey) -> String {
    let name = match key {
        TypeKey::Simple(key) => set.arenas.get_simple_type(key).and_then(|data| data.name),
        TypeKey::Complex(key) => set.arenas.get_complex_type(key).and_then(|data| data.name),
    };
    name.map(|name| set.name_table.resolve(name)).unwrap_or_default()
}

fn is_built_in(set: &SchemaSet, key: TypeKey) -> bool {
    let namespace = match key {
        TypeKey::Simple(key) => set.arenas.get_simple_type(key).and_then(|data| data.target_namespace),
        TypeKey::Complex(key) => set.arenas.get_complex_type(key).and_then(|data| data.target_namespace),
    };
    namespace.is_some_and(|name| set.name_table.resolve(name) == "http://www.w3.org/2001/XMLSchema")
}

fn add(kind: &mut Kind, facets: &FacetSet) {
    for pattern in facets.patterns.iter().flatten() {
        kind.bounds.entry("pattern").or_default().insert(pattern.value.clone());
    }
    let mut bound = |name: &'static str, value: Option<BTreeSet<String>>| {
        if let Some(value) = value {
            kind.bounds.entry(name).or_insert(value);
        }
    };
    bound("enumeration", facets.enumeration.as_ref().map(|found| found.values.iter().cloned().collect()));
    bound("length", facets.length.as_ref().map(|found| one(found.value)));
    bound("min-length", facets.min_length.as_ref().map(|found| one(found.value)));
    bound("max-length", facets.max_length.as_ref().map(|found| one(found.value)));
    bound("min-inclusive", facets.min_inclusive.as_ref().map(|found| one(&found.value)));
    bound("max-inclusive", facets.max_inclusive.as_ref().map(|found| one(&found.value)));
    bound("min-exclusive", facets.min_exclusive.as_ref().map(|found| one(&found.value)));
    bound("max-exclusive", facets.max_exclusive.as_ref().map(|found| one(&found.value)));
    bound("total-digits", facets.total_digits.as_ref().map(|found| one(found.value)));
    bound("fraction-digits", facets.fraction_digits.as_ref().map(|found| one(found.value)));
}

fn one(value: impl Display) -> BTreeSet<String> {
    BTreeSet::from([value.to_string()])
}

/// The attributes of a complex type with its bases: name to `required`, `optional`, and the value if it is fixed.
pub fn attributes(set: &SchemaSet, key: ComplexTypeKey) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut prohibited = BTreeSet::new();
    let mut at = Some(key);
    for _ in 0..DEEPEST {
        let Some(data) = at.and_then(|key| set.arenas.get_complex_type(key)) else { break };
        for attribute in &data.attributes {
            let local =
                attribute.attribute.name.or(attribute.attribute.ref_name.as_ref().map(|n| n.local_name));
            let Some(local) = local.map(|local| set.name_table.resolve(local)) else { continue };
            let word = match attribute.use_kind {
                AttributeUseKind::Prohibited => {
                    prohibited.insert(local);
                    continue;
                }
                AttributeUseKind::Required => "required",
                AttributeUseKind::Optional => "optional",
            };
            if prohibited.contains(&local) {
                continue;
            }
            let said = match &attribute.attribute.fixed_value {
                Some(fixed) => format!("{word}, always {fixed}"),
                None => word.to_owned(),
            };
            found.entry(local).or_insert(said);
        }
        at = match data.resolved_base_type {
            Some(TypeKey::Complex(base)) if Some(base) != at => Some(base),
            _ => None,
        };
    }
    found
}
