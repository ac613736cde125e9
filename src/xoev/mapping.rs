//! Paths of `read.yaml` and `rules.yaml`, checked against the schemas and compiled into one automaton per message that
//! is followed in the same pass in which the document is validated. Holds no value and knows no standard.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use crate::register::field::{Cardinality, Field, Unreadable};
use crate::register::fields;
use crate::register::record::Record;
use crate::schema::tables::Schema;
use crate::schema::watch::Known;
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::shape::{Astray, Name, Shape};

/// What a rule looks at in a place; the number is the rule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The text must be so.
    Value(usize),
    /// The element that is looked at as a whole.
    Within(usize),
    /// The text decides whether the rule applies.
    When(usize),
    /// Counts.
    Then(usize),
}

/// A place in a document that something is done at.
#[derive(Debug, Default)]
pub struct Node {
    edges: Vec<(Name, u32)>,
    /// The same by the numbers that the schema gives to names.
    known: Vec<(Known, u32)>,
    /// List entries of the record that begin here.
    pub entries: Vec<&'static Field>,
    /// Fields of the record that the text here fills.
    pub fields: Vec<Filling>,
    /// What rules look at here.
    pub probes: Vec<Probe>,
}

/// What codes mean, by target.
pub type Words = BTreeMap<String, BTreeMap<String, String>>;

/// The code that stands for all that are not listed.
const ANY: &str = "*";

/// A field with what codes mean that fill it.
#[derive(Debug)]
pub struct Filling {
    field: &'static Field,
    /// Codes and their words; the text itself is meant where there are none.
    words: Option<BTreeMap<String, String>>,
}

impl Filling {
    /// Puts a text, or the word that it is the code of, into the record; a code that means nothing here fills nothing.
    pub fn fill(&self, record: &mut Record, text: &str) -> Result<(), Unreadable> {
        let Some(words) = &self.words else { return (self.field.set)(record, text) };
        match words.get(text.trim()).or_else(|| words.get(ANY)) {
            Some(word) => (self.field.set)(record, word),
            None => Ok(()),
        }
    }
}

/// The paths of one message as a tree; node 0 is the root element.
#[derive(Debug)]
pub struct Automaton {
    nodes: Vec<Node>,
}

impl Automaton {
    /// One that only knows the root.
    pub fn new() -> Automaton {
        Automaton { nodes: vec![Node::default()] }
    }

    /// The node of a child, if anything is done at or below it.
    pub fn step(&self, node: u32, name: Known) -> Option<u32> {
        let known = &self.nodes[node as usize].known;
        known.iter().find(|(known, _)| *known == name).map(|(_, next)| *next)
    }

    /// Takes over the numbers of a schema; steps are by number from now on. The schema knows every name of a path that its
    /// shape allows.
    pub fn bind(&mut self, schema: &Schema) {
        for node in &mut self.nodes {
            let known = node.edges.iter();
            node.known = known
                .filter_map(|((space, local), next)| Some((schema.known(space, local)?, *next)))
                .collect();
        }
    }

    fn child(&self, node: u32, namespace: &str, local: &str) -> Option<u32> {
        self.nodes[node as usize]
            .edges
            .iter()
            .find(|((space, name), _)| name == local && space == namespace)
            .map(|(_, next)| *next)
    }

    /// A node.
    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// The node of a path, made if it is new.
    pub fn insert(&mut self, path: &[Name]) -> &mut Node {
        let mut at = 0;
        for name in path {
            at = match self.child(at, &name.0, &name.1) {
                Some(next) => next,
                None => {
                    let next = self.nodes.len() as u32;
                    self.nodes.push(Node::default());
                    self.nodes[at as usize].edges.push((name.clone(), next));
                    next
                }
            };
        }
        &mut self.nodes[at as usize]
    }
}

impl Default for Automaton {
    fn default() -> Self {
        Automaton::new()
    }
}

/// What paths of one file are read with.
pub struct Paths<'a> {
    /// The file, for faults.
    pub file: &'a str,
    /// Prefix to namespace.
    pub namespaces: &'a BTreeMap<String, String>,
    /// What the schemas allow.
    pub shape: &'a Shape,
    /// What codes mean.
    pub words: &'a Words,
}

impl Paths<'_> {
    /// Reads one step or root name `prefix:local`; a name without prefix has no namespace.
    pub fn name(&self, text: &str) -> Result<Name, String> {
        match text.split_once(':') {
            None => Ok((String::new(), text.to_owned())),
            Some((prefix, local)) => match self.namespaces.get(prefix) {
                Some(namespace) => Ok((namespace.clone(), local.to_owned())),
                None => {
                    let known = self.namespaces.keys().map(String::as_str);
                    Err(format!("unknown prefix: {prefix}{}", did_you_mean(nearest(prefix, known))))
                }
            },
        }
    }

    /// Reads a path `a/b|c/d` into all plain paths it stands for.
    fn expand(&self, text: &str) -> Result<Vec<Vec<Name>>, String> {
        let mut paths = vec![Vec::new()];
        for step in text.split('/') {
            let names = step.split('|').map(|name| self.name(name)).collect::<Result<Vec<_>, _>>()?;
            paths = paths
                .iter()
                .flat_map(|path: &Vec<Name>| {
                    names.iter().map(move |name| path.iter().chain([name]).cloned().collect())
                })
                .collect();
        }
        Ok(paths)
    }

    /// Reads a path below `base` and follows it from `root`; gives the full plain paths, with whether each may
    /// repeat below `base` and holds text.
    pub fn resolve(
        &self,
        root: &Name,
        base: &[Name],
        text: &Spanned<String>,
    ) -> Result<Vec<Resolved>, PackageFault> {
        let place = &text.referenced;
        let fault = |text: String| PackageFault::of(self.file, text).at(place.line(), place.column());
        let mut resolved = Vec::new();
        for path in self.expand(&text.value).map_err(fault)? {
            let full: Vec<Name> = base.iter().chain(&path).cloned().collect();
            let led = self.shape.follow(root, &full).map_err(|astray| {
                // Names are shown as the file writes them; the step index counts from the root.
                let steps: Vec<&str> = text.value.split('/').collect();
                let at = astray.step.saturating_sub(base.len()).min(steps.len() - 1);
                fault(self::astray(&text.value, steps[at], &astray))
            })?;
            // Whether it repeats counts from the base only: a list entry begins anew for every base.
            let many = (base.len()..full.len()).any(|end| self.shape.repeats(root, &full[..=end]));
            resolved.push(Resolved { path: full, many, text: led.text });
        }
        Ok(resolved)
    }
}

/// A plain path that the schemas allow.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The names from below the root.
    pub path: Vec<Name>,
    /// Whether it may occur more than once below its base.
    pub many: bool,
    /// Whether text may stand there.
    pub text: bool,
}

/// What is told of a path that the schemas do not allow: the nearest name, else the names that may stand there.
pub fn astray(path: &str, step: &str, astray: &Astray) -> String {
    let hint = match &astray.near {
        Some(near) => did_you_mean(Some(near)),
        None if astray.there.is_empty() => "; nothing may stand there".to_owned(),
        None => format!("; there may stand: {}", astray.there.join(", ")),
    };
    format!("unknown path: {path} (no {step} there in the schema){hint}")
}

/// `; did you mean x?` or nothing.
pub fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// Compiles the mapping of one message into its automaton; gives every fault there is.
pub fn compile<'a>(
    paths: &Paths<'_>,
    root: &Name,
    lines: impl IntoIterator<Item = (&'a String, &'a Spanned<String>)>,
    automaton: &mut Automaton,
) -> Vec<PackageFault> {
    let lines: Vec<_> = lines.into_iter().collect();
    let mut faults = Vec::new();
    let mut entries: BTreeMap<&str, Vec<Vec<Name>>> = BTreeMap::new();
    // Entries first: the fields below them need their paths.
    let (first, second): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(target, _)| target.ends_with("[]"));
    for (target, path) in first.into_iter().chain(second) {
        // The place of the path: it stands on the line of its target.
        let place = &path.referenced;
        let fault = |text: String| PackageFault::of(paths.file, text).at(place.line(), place.column());
        let Some(field) = fields::find(target) else {
            let known = fields::all().map(|field| field.target);
            faults.push(fault(format!("unknown target: {target}{}", did_you_mean(nearest(target, known)))));
            continue;
        };
        let bases = match fields::entry_of(field.target) {
            None => vec![Vec::new()],
            Some(entry) => match entries.get(entry.target) {
                Some(bases) => bases.clone(),
                None => {
                    faults.push(fault(format!(
                        "target without its list: {}; map {} as well",
                        field.target, entry.target
                    )));
                    continue;
                }
            },
        };
        for base in bases {
            match paths.resolve(root, &base, path) {
                Err(fault) => faults.push(fault),
                Ok(resolved) => {
                    for place in resolved {
                        match (field.cardinality, place.text, place.many) {
                            (Cardinality::Entry, _, _) => {
                                entries.entry(field.target).or_default().push(place.path.clone());
                                automaton.insert(&place.path).entries.push(field);
                            }
                            (_, false, _) => faults.push(fault(format!(
                                "no text at this path: {}; go on to an element that holds text",
                                path.value
                            ))),
                            (Cardinality::One, _, true) => faults.push(fault(format!(
                                "path may occur more than once: {}; the target {} takes one value",
                                path.value, field.target
                            ))),
                            (_, true, _) => {
                                let words = paths.words.get(field.target).cloned();
                                automaton.insert(&place.path).fields.push(Filling { field, words });
                            }
                        }
                    }
                }
            }
        }
    }
    faults
}
