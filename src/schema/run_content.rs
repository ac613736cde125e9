//! Goes through the content model of the open element, child by child: which declaration takes one, what may come next,
//! whether the content may end. It never goes back, and knows nothing of text and attributes.

use super::names::{NameId, NsId};
use super::run::{Frame, Run};
use super::tables::{Model, Target};

impl Run<'_, '_> {
    /// Goes one step in the innermost element's content.
    pub(super) fn step(&mut self, model: &Model, space: NsId, name: Option<NameId>) -> Option<Target> {
        let frame = self.frames.last_mut()?;
        let counters = &mut self.counters[frame.counters..];
        match model {
            Model::All(all) => {
                let name = name?;
                let at = all.names.binary_search_by_key(&name, |(known, ..)| *known).ok()?;
                let (_, element, place) = all.names[at];
                if counters[place as usize] > 0 {
                    return None;
                }
                counters[place as usize] = 1;
                // The first member says that the whole has begun.
                frame.state = 1;
                Some(Target::Element(element))
            }
            Model::Automaton(automaton) => {
                let state = &automaton.states[frame.state as usize];
                let (target, edge) = match name.and_then(|name| state.find(name)) {
                    Some((element, edge)) => (Target::Element(element), edge),
                    None => {
                        let found = state.wildcards.iter().find(|(wildcard, _)| {
                            self.schema.wildcards[*wildcard as usize].allowed.has(space)
                        });
                        found.map(|(wildcard, edge)| (Target::Wildcard(*wildcard), *edge))?
                    }
                };
                let edge = &state.edges[edge as usize];
                let action = &edge.action;
                if action.needs.iter().any(|(counter, least)| counters[*counter as usize] < *least) {
                    return None;
                }
                if let Some((counter, most)) = action.up {
                    let counter = &mut counters[counter as usize];
                    if most.is_some_and(|most| *counter >= most) {
                        return None;
                    }
                    *counter = counter.saturating_add(1);
                }
                action.begins.iter().for_each(|counter| counters[*counter as usize] = 1);
                frame.state = edge.to;
                Some(target)
            }
        }
    }

    /// Names that may come next, of the schema. One that is called like what stands there, `local`, is another one by its namespace:
    /// then that is said, because nothing else tells them apart.
    pub(super) fn expected(&self, model: &Model, local: &str) -> Vec<String> {
        const SHOWN: usize = 12;
        let Some(frame) = self.frames.last() else { return Vec::new() };
        let counters = &self.counters[frame.counters..];
        let mut all: Vec<String> = match model {
            Model::All(model) => {
                let open = model.names.iter().filter(|(.., place)| counters[*place as usize] == 0);
                open.map(|(name, ..)| self.told(*name, local)).collect()
            }
            Model::Automaton(automaton) => {
                let state = &automaton.states[frame.state as usize];
                let open = state.names.iter().filter(|(.., edge)| {
                    let action = &state.edges[*edge as usize].action;
                    action.needs.iter().all(|(counter, least)| counters[*counter as usize] >= *least)
                        && action.up.is_none_or(|(counter, most)| {
                            most.is_none_or(|most| counters[counter as usize] < most)
                        })
                });
                let any = if state.wildcards.is_empty() { None } else { Some("any".to_owned()) };
                open.map(|(name, ..)| self.told(*name, local)).chain(any).collect()
            }
        };
        all.dedup();
        if all.len() > SHOWN {
            all.truncate(SHOWN);
            all.push("…".to_owned());
        }
        all
    }

    /// A name of the schema, with its namespace where it is called like what stands there.
    pub(super) fn told(&self, name: NameId, local: &str) -> String {
        let names = &self.schema.names;
        let own = names.local(name);
        if own != local {
            return own.to_owned();
        }
        match names.space_name(names.space_of(name)) {
            "" => format!("{own} without a namespace"),
            space => format!("{own} of the namespace '{space}'"),
        }
    }

    pub(super) fn is_complete(&self, model: &Model, frame: &Frame) -> bool {
        let counters = &self.counters[frame.counters..];
        match model {
            Model::All(all) => {
                (all.optional && frame.state == 0)
                    || all.required.iter().zip(counters).all(|(required, seen)| !required || *seen > 0)
            }
            Model::Automaton(automaton) => {
                let accepts = &automaton.states[frame.state as usize].accepts;
                accepts.as_ref().is_some_and(|needs| {
                    needs.iter().all(|(counter, least)| counters[*counter as usize] >= *least)
                })
            }
        }
    }
}
