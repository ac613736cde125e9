//! The tables that a schema is compiled into: types, declarations, content models, wildcards, constraints. Shared by all threads.
//! Once made they never change and never grow.

use super::identity::Constraint;
use super::names::{NO_NS, NameId, Names, NsId};
use super::simple::{ANY_SIMPLE, Key, SimpleId, Simples, Variety};

/// A complex type; the first is `anyType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ComplexId(pub(super) u32);

/// The type that every type is derived from.
pub(super) const ANY_TYPE: TypeId = TypeId::Complex(ComplexId(0));

/// An element declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ElementId(pub(super) u32);

/// A type of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TypeId {
    Simple(SimpleId),
    Complex(ComplexId),
}

/// Ways of derivation, as bits.
pub(super) const EXTENSION: u8 = 1;
/// See [`EXTENSION`].
pub(super) const RESTRICTION: u8 = 2;
/// See [`EXTENSION`].
pub(super) const SUBSTITUTION: u8 = 4;
/// See [`EXTENSION`].
pub(super) const LIST: u8 = 8;
/// See [`EXTENSION`].
pub(super) const UNION: u8 = 16;

/// What may stand inside an element of a complex type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    Simple(SimpleId),
    /// A number into the models.
    Elements {
        model: u32,
        mixed: bool,
    },
}

/// A default or fixed value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) fixed: bool,
    pub(super) text: Box<str>,
    /// Of a simple type; texts of mixed content are compared as they are.
    pub(super) key: Option<Key<'static>>,
    /// The IDs that it refers to.
    pub(super) refs: Vec<String>,
}

/// An attribute that a type has.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) name: NameId,
    pub(super) simple: SimpleId,
    pub(super) required: bool,
    pub(super) value: Option<Value>,
}

/// Namespaces that a wildcard allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    Any,
    /// All but this one and none.
    Not(NsId),
    List(Box<[NsId]>),
}

/// What happens to what a wildcard lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Strict,
    Lax,
    Skip,
}

/// `any` and `anyAttribute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    pub(super) allowed: Allowed,
    pub(super) process: Process,
}

impl Allowed {
    pub(super) fn has(&self, space: NsId) -> bool {
        match self {
            Allowed::Any => true,
            Allowed::Not(not) => space != *not && space != NO_NS,
            Allowed::List(list) => list.contains(&space),
        }
    }

    /// Whether some namespace is allowed by both.
    pub(super) fn meets(&self, other: &Allowed) -> bool {
        match (self, other) {
            (Allowed::List(list), other) | (other, Allowed::List(list)) => {
                list.iter().any(|space| other.has(*space))
            }
            _ => true,
        }
    }

    /// Part 1, 3.10.6, Attribute Wildcard Intersection; `None` where it cannot be expressed.
    pub(super) fn and(&self, other: &Allowed) -> Option<Allowed> {
        Some(match (self, other) {
            (Allowed::Any, other) | (other, Allowed::Any) => other.clone(),
            (Allowed::List(list), other) | (other, Allowed::List(list)) => {
                Allowed::List(list.iter().copied().filter(|space| other.has(*space)).collect())
            }
            (Allowed::Not(one), Allowed::Not(two)) if one == two => Allowed::Not(*one),
            (Allowed::Not(NO_NS), Allowed::Not(other)) | (Allowed::Not(other), Allowed::Not(NO_NS)) => {
                Allowed::Not(*other)
            }
            _ => return None,
        })
    }

    /// Part 1, 3.10.6, Attribute Wildcard Union; `None` where it cannot be expressed.
    pub(super) fn or(&self, other: &Allowed) -> Option<Allowed> {
        Some(match (self, other) {
            (Allowed::Any, _) | (_, Allowed::Any) => Allowed::Any,
            (Allowed::List(one), Allowed::List(two)) => {
                let mut all = one.to_vec();
                all.extend(two.iter().filter(|space| !one.contains(space)));
                Allowed::List(all.into())
            }
            (Allowed::Not(one), Allowed::Not(two)) if one == two => Allowed::Not(*one),
            (Allowed::Not(_), Allowed::Not(_)) => Allowed::Not(NO_NS),
            (Allowed::Not(not), Allowed::List(list)) | (Allowed::List(list), Allowed::Not(not)) => {
                match (list.contains(not), list.contains(&NO_NS)) {
                    (true, true) => Allowed::Any,
                    (true, false) => Allowed::Not(NO_NS),
                    (false, true) if *not != NO_NS => return None,
                    (false, _) => Allowed::Not(*not),
                }
            }
        })
    }

    /// Whether all that this allows is allowed by the other.
    pub(super) fn within(&self, other: &Allowed) -> bool {
        match (self, other) {
            (_, Allowed::Any) => true,
            (Allowed::Any, _) => false,
            (Allowed::Not(one), Allowed::Not(two)) => one == two || *two == NO_NS,
            (Allowed::Not(_), Allowed::List(_)) => false,
            (Allowed::List(list), other) => list.iter().all(|space| other.has(*space)),
        }
    }
}

/// A complex type.
#[derive(Clone, Debug)]
pub(super) struct Complex {
    pub(super) base: TypeId,
    /// [`EXTENSION`] or [`RESTRICTION`].
    pub(super) method: u8,
    pub(super) is_abstract: bool,
    pub(super) block: u8,
    pub(super) finals: u8,
    pub(super) content: Content,
    /// In the order of their names.
    pub(super) attributes: Vec<Use>,
    pub(super) wildcard: Option<Wildcard>,
}

/// An element declaration.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: NameId,
    pub(super) of_type: TypeId,
    pub(super) nillable: bool,
    pub(super) is_abstract: bool,
    pub(super) block: u8,
    pub(super) finals: u8,
    pub(super) value: Option<Value>,
    /// Numbers into the constraints.
    pub(super) constraints: Vec<u32>,
}

/// A compiled content model.
#[derive(Debug)]
pub(super) enum Model {
    Automaton(Automaton),
    All(All),
}

impl Model {
    /// The declaration of a name wherever it stands: to go on inside after the order was wrong.
    pub(super) fn anywhere(&self, name: NameId) -> Option<ElementId> {
        match self {
            Model::All(all) => {
                let at = all.names.binary_search_by_key(&name, |(known, ..)| *known).ok()?;
                Some(all.names[at].1)
            }
            Model::Automaton(automaton) => {
                let at = automaton.known.binary_search_by_key(&name, |(known, _)| *known).ok()?;
                Some(automaton.known[at].1)
            }
        }
    }
}

/// Which declaration or wildcard takes an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Element(ElementId),
    Wildcard(u32),
}

/// States and their edges; state 0 is the first.
#[derive(Debug)]
pub(super) struct Automaton {
    pub(super) states: Vec<State>,
    pub(super) counters: usize,
    /// All names of all states, in order: to go on inside when the order of children was wrong.
    pub(super) known: Vec<(NameId, ElementId)>,
}

/// What may come next.
#[derive(Debug, Default)]
pub(super) struct State {
    /// In the order of names; each with its declaration and its edge.
    pub(super) names: Vec<(NameId, ElementId, u32)>,
    /// Wildcards with their edge.
    pub(super) wildcards: Vec<(u32, u32)>,
    pub(super) edges: Vec<Edge>,
    /// The counters that must have come so far, where the content may end here.
    pub(super) accepts: Option<Vec<(u32, u32)>>,
}

impl State {
    /// The declaration that takes a name, and its edge.
    pub(super) fn find(&self, name: NameId) -> Option<(ElementId, u32)> {
        if self.names.len() <= 8 {
            let found = self.names.iter().find(|(known, ..)| *known == name);
            return found.map(|(_, element, edge)| (*element, *edge));
        }
        let at = self.names.binary_search_by_key(&name, |(known, ..)| *known).ok()?;
        Some((self.names[at].1, self.names[at].2))
    }
}

/// A way to another state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Edge {
    pub(super) to: u32,
    pub(super) action: Action,
}

/// What counters must be and become.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Action {
    /// Counters that are left, with the least they must have.
    pub(super) needs: Vec<(u32, u32)>,
    /// The counter that goes up, with the most it may have then.
    pub(super) up: Option<(u32, Option<u32>)>,
    /// Counters that begin at one.
    pub(super) begins: Vec<u32>,
}

/// Elements in any order, each once at most.
#[derive(Debug)]
pub(super) struct All {
    /// In the order of names; each with its declaration and its place.
    pub(super) names: Vec<(NameId, ElementId, u32)>,
    pub(super) required: Vec<bool>,
    pub(super) optional: bool,
}

/// A schema, compiled. Shared by all threads; validation never changes it.
#[derive(Debug)]
pub struct Schema {
    pub(super) names: Names,
    pub(super) simples: Simples,
    pub(super) complexes: Vec<Complex>,
    pub(super) elements: Vec<Element>,
    pub(super) models: Vec<Model>,
    pub(super) wildcards: Vec<Wildcard>,
    pub(super) constraints: Vec<Constraint>,
    /// By the number of the name.
    pub(super) global_elements: Vec<Option<ElementId>>,
    /// By the number of the name.
    pub(super) global_types: Vec<Option<TypeId>>,
    /// By the number of the name.
    pub(super) global_attributes: Vec<Option<Use>>,
}

impl Schema {
    pub(super) fn complex(&self, id: ComplexId) -> &Complex {
        &self.complexes[id.0 as usize]
    }

    pub(super) fn element(&self, id: ElementId) -> &Element {
        &self.elements[id.0 as usize]
    }

    /// The type of the text, where an element of this type has text only.
    pub(super) fn text_type(&self, of: TypeId) -> Option<SimpleId> {
        match of {
            TypeId::Simple(simple) => Some(simple),
            TypeId::Complex(complex) => match self.complex(complex).content {
                Content::Simple(simple) => Some(simple),
                _ => None,
            },
        }
    }

    /// Whether `from` is `wanted` or derived from it by ways that are not blocked (Part 1, 3.4.6 and 3.14.6).
    pub(super) fn derives(&self, from: TypeId, wanted: TypeId, block: u8) -> bool {
        derives(&self.complexes, &self.simples, from, wanted, block)
    }
}

/// See [`Schema::derives`].
pub(super) fn derives(
    complexes: &[Complex],
    simples: &Simples,
    from: TypeId,
    wanted: TypeId,
    block: u8,
) -> bool {
    let mut at = from;
    loop {
        if at == wanted {
            return true;
        }
        match at {
            ANY_TYPE => return false,
            TypeId::Complex(complex) => {
                let complex = &complexes[complex.0 as usize];
                if complex.method & block != 0 {
                    return false;
                }
                at = complex.base;
            }
            TypeId::Simple(simple) => {
                if block & RESTRICTION != 0 {
                    return false;
                }
                if let TypeId::Simple(wanted) = wanted
                    && let Variety::Union(members) = &simples.get(wanted).variety
                {
                    return simples.derives(simple, wanted)
                        || members
                            .iter()
                            .any(|member| derives(complexes, simples, at, TypeId::Simple(*member), block));
                }
                at = if simple == ANY_SIMPLE { ANY_TYPE } else { TypeId::Simple(simples.get(simple).base) };
            }
        }
    }
}
