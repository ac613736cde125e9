//! What text a type of a schema allows, as plain data that two versions can be compared by: its built-in base and the
//! bounds that count. Only asked while packages are compared; names of the types in between do not matter.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::outline::Text;

/// What text may stand at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// The built-in type at the bottom; empty where no text may stand.
    pub base: String,
    /// Bound to its values, such as `enumeration` to all codes.
    pub bounds: BTreeMap<&'static str, BTreeSet<String>>,
}

/// How a facet is called here; `None` for one that bounds nothing.
fn bound(facet: &str) -> Option<&'static str> {
    Some(match facet {
        "pattern" => "pattern",
        "enumeration" => "enumeration",
        "length" => "length",
        "minLength" => "min-length",
        "maxLength" => "max-length",
        "minInclusive" => "min-inclusive",
        "maxInclusive" => "max-inclusive",
        "minExclusive" => "min-exclusive",
        "maxExclusive" => "max-exclusive",
        "totalDigits" => "total-digits",
        "fractionDigits" => "fraction-digits",
        _ => return None,
    })
}

impl Kind {
    /// The kind of a text; patterns of all types in between hold, other bounds of a derived type win over those of its base.
    pub fn of(text: &Text) -> Kind {
        let mut kind = Kind { base: text.base.clone(), bounds: BTreeMap::new() };
        for step in &text.facets {
            let mut own: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
            for (facet, value) in step {
                if let Some(bound) = bound(facet) {
                    own.entry(bound).or_default().insert(value.to_string());
                }
            }
            for (bound, values) in own {
                match bound {
                    "pattern" => kind.bounds.entry(bound).or_default().extend(values),
                    _ => drop(kind.bounds.entry(bound).or_insert(values)),
                }
            }
        }
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_type_narrows_and_patterns_add_up() {
        let step =
            |all: &[(&'static str, &str)]| all.iter().map(|(name, value)| (*name, (*value).into())).collect();
        let kind = Kind::of(&Text {
            base: "string".into(),
            facets: vec![
                step(&[("maxLength", "3"), ("pattern", "a"), ("pattern", "b"), ("whiteSpace", "collapse")]),
                step(&[("maxLength", "9"), ("minLength", "1"), ("pattern", "c")]),
            ],
        });
        let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
        let bounds = BTreeMap::from([
            ("max-length", set(&["3"])),
            ("min-length", set(&["1"])),
            ("pattern", set(&["a", "b", "c"])),
        ]);
        assert_eq!(kind, Kind { base: "string".into(), bounds });
    }
}
