//! Content models as deterministic automata with counters, and the check that each element has one way only
//! (XSD 1.0 Part 1, 3.8.6, Unique Particle Attribution, and Element Declarations Consistent).
//! It never goes back in a sequence of children; what would make the tables explode is refused when it is loaded.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::names::{NameId, NsId};
use super::tables::{Action, All, Automaton, Edge, ElementId, Model, State, Target, Wildcard};

/// A part of a content model with its counts; `None` is without end. Groups share their parts, so that what is written out
/// may be far larger than what is kept: how large is known before anybody goes through it.
#[derive(Debug)]
pub(super) struct Particle {
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    pub(super) term: Term,
    /// Parts in it, itself included, as if each reference to a group were written out.
    pub(super) size: usize,
    /// Levels of parts, itself included.
    pub(super) depth: usize,
    /// Whether nothing at all satisfies it.
    emptiable: bool,
}

/// Parts of a group; shared, because each reference to the group has them.
pub(super) type Parts = Arc<[Arc<Particle>]>;

/// What may occur.
#[derive(Clone, Debug)]
pub(super) enum Term {
    Element(ElementId),
    /// A number into the wildcards.
    Any(u32),
    Sequence(Parts),
    Choice(Parts),
    All(Parts),
}

impl Particle {
    pub(super) fn new(min: u32, max: Option<u32>, term: Term) -> Particle {
        let parts = match &term {
            Term::Element(_) | Term::Any(_) => &[][..],
            Term::Sequence(all) | Term::Choice(all) | Term::All(all) => all,
        };
        let size = parts.iter().fold(1usize, |size, part| size.saturating_add(part.size));
        let depth = 1 + parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let emptiable = match &term {
            Term::Element(_) | Term::Any(_) => false,
            Term::Sequence(all) | Term::All(all) => all.iter().all(|part| part.emptiable()),
            Term::Choice(all) => all.iter().any(|part| part.emptiable()),
        };
        Particle { min, max, term, size, depth, emptiable: min == 0 || emptiable }
    }

    /// Whether nothing at all satisfies it.
    pub(super) fn emptiable(&self) -> bool {
        self.emptiable
    }
}

/// Why a content model cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Two particles may take the same element: which, and what they are.
    Ambiguous(String, &'static str),
    /// The tables would be too large.
    TooLarge,
    /// Those of all contents together would be.
    TooMuch,
}

/// What the contents of one schema may take together: many of middling size are as bad as a large one.
pub(super) struct Room {
    /// Steps of compiling.
    work: usize,
    /// Names, edges and states that are kept.
    kept: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { work: MOST_WORK, kept: MOST_KEPT }
    }
}

impl Room {
    fn work(&mut self, steps: usize) -> Result<(), Stop> {
        self.work = self.work.checked_sub(steps).ok_or(Stop::Unfit(Unfit::TooMuch))?;
        Ok(())
    }

    fn keep(&mut self, more: usize) -> Result<(), Stop> {
        self.kept = self.kept.checked_sub(more).ok_or(Stop::Unfit(Unfit::TooMuch))?;
        Ok(())
    }
}

/// What the compiler must know of the schema.
pub(super) struct Known<'k> {
    /// The elements that may stand for one, itself among them.
    pub(super) members: &'k dyn Fn(ElementId) -> Vec<(NameId, ElementId)>,
    pub(super) wildcards: &'k [Wildcard],
    pub(super) space_of: &'k dyn Fn(NameId) -> NsId,
    pub(super) show: &'k dyn Fn(NameId) -> String,
}

const MOST_PLACES: usize = 20_000;
const MOST_ITEMS: usize = 1_000_000;
const MOST_EDGES: usize = 1_000_000;
/// For all contents of a schema.
const MOST_WORK: usize = 8_000_000;
const MOST_KEPT: usize = 2_000_000;
/// Counts beyond this are counted instead of written out.
const FEW: u32 = 3;

/// Compiles a whole content.
pub(super) fn compile(particle: &Particle, known: &Known<'_>, room: &mut Room) -> Result<Model, Unfit> {
    if let Term::All(parts) = &particle.term {
        return all(particle, parts, known).map(Model::All);
    }
    match Plan::new(known, true, room).compile(particle) {
        Ok(automaton) => Ok(Model::Automaton(automaton)),
        // Where counters could be in doubt everything is written out, if there is room.
        Err(Stop::Doubt) => match Plan::new(known, false, room).compile(particle) {
            Ok(automaton) => Ok(Model::Automaton(automaton)),
            Err(Stop::Unfit(unfit)) => Err(unfit),
            Err(Stop::Doubt) => Err(Unfit::TooLarge),
        },
        Err(Stop::Unfit(unfit)) => Err(unfit),
    }
}

fn all(particle: &Particle, parts: &[Arc<Particle>], known: &Known<'_>) -> Result<All, Unfit> {
    let (mut names, mut required) = (Vec::new(), Vec::new());
    for part in parts {
        if let Term::Element(element) = part.term {
            let at = required.len() as u32;
            names.extend((known.members)(element).into_iter().map(|(name, element)| (name, element, at)));
            required.push(part.min > 0);
            if names.len() > MOST_EDGES {
                return Err(Unfit::TooLarge);
            }
        }
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Unfit::Ambiguous((known.show)(pair[0].0), "two particles")),
        None => Ok(All { names, required, optional: particle.min == 0 }),
    }
}

enum Stop {
    /// Counters do not say which way to go.
    Doubt,
    Unfit(Unfit),
}

const TOO_LARGE: Stop = Stop::Unfit(Unfit::TooLarge);

/// A place where an element may stand; a particle that is written out has several.
struct Place {
    leaf: u32,
}

/// A way into a part: the place and the counters that begin.
#[derive(Clone)]
struct Entry {
    place: u32,
    begins: Vec<u32>,
}

/// A way out of a part.
#[derive(Clone)]
struct Exit {
    place: u32,
    needs: Vec<(u32, u32)>,
}

struct Part {
    nullable: bool,
    first: Rc<Vec<Entry>>,
    last: Vec<Exit>,
}

/// From a place on: what is left, what goes up, and where to.
#[derive(Clone)]
struct Link {
    needs: Vec<(u32, u32)>,
    up: Option<(u32, Option<u32>)>,
    first: Rc<Vec<Entry>>,
}

/// Counters that must have come so far, where the content may end; `None` where it may not.
type Ends = Option<Vec<(u32, u32)>>;
/// What may follow a place.
type Follow = (Vec<Link>, Ends);
/// The same, for telling whether two places are one.
type Same = (Vec<(usize, Vec<(u32, u32)>, Option<(u32, Option<u32>)>)>, Ends);

struct Plan<'k> {
    known: &'k Known<'k>,
    room: &'k mut Room,
    counting: bool,
    places: Vec<Place>,
    /// Target by leaf.
    leaves: Vec<Target>,
    links: Vec<Vec<Link>>,
    counters: u32,
    items: usize,
}

impl<'k> Plan<'k> {
    fn new(known: &'k Known<'k>, counting: bool, room: &'k mut Room) -> Plan<'k> {
        let (places, leaves, links) = (vec![], vec![], vec![]);
        Plan { known, room, counting, places, leaves, links, counters: 0, items: 0 }
    }

    /// Numbers the leaves; parts that are written out several times keep the numbers.
    fn number(&mut self, particle: &Particle) -> Tree {
        let kind = match &particle.term {
            Term::Element(element) => self.leaf(Target::Element(*element)),
            Term::Any(wildcard) => self.leaf(Target::Wildcard(*wildcard)),
            Term::Sequence(all) | Term::All(all) => {
                TreeKind::Sequence(all.iter().map(|part| self.number(part)).collect())
            }
            Term::Choice(all) => TreeKind::Choice(all.iter().map(|part| self.number(part)).collect()),
        };
        let (mut kind, mut counts) = (kind, (particle.min, particle.max));
        if let TreeKind::Sequence(all) | TreeKind::Choice(all) = &mut kind
            && let [only] = &all[..]
            && let Some(both) = product(counts, (only.min, only.max))
            && let Some(only) = all.pop()
        {
            (kind, counts) = (only.kind, both);
        }
        let nullable = match &kind {
            TreeKind::Leaf(_) => false,
            TreeKind::Sequence(all) => all.iter().all(Tree::nullable),
            TreeKind::Choice(all) => all.iter().any(Tree::nullable),
        };
        let bare = match &kind {
            TreeKind::Leaf(_) => false,
            TreeKind::Sequence(all) | TreeKind::Choice(all) => all.iter().all(|part| part.bare),
        };
        Tree { min: counts.0, max: counts.1, kind, body_nullable: nullable, bare }
    }

    fn leaf(&mut self, target: Target) -> TreeKind {
        self.leaves.push(target);
        TreeKind::Leaf(self.leaves.len() as u32 - 1)
    }

    fn compile(mut self, particle: &Particle) -> Result<Automaton, Stop> {
        self.room.work(particle.size)?;
        let tree = self.number(particle);
        let part = self.repeated(&tree)?;
        self.automaton(part)
    }

    fn repeated(&mut self, tree: &Tree) -> Result<Part, Stop> {
        if tree.bare {
            // Nothing is nothing, however often.
            return Ok(Part { nullable: tree.nullable(), first: Rc::default(), last: vec![] });
        }
        let nullable = tree.body_nullable;
        let (min, max) = (if nullable { 0 } else { tree.min }, tree.max);
        let counted = self.counting && (min > FEW || max.is_some_and(|max| max > FEW));
        match (min, max) {
            (_, Some(0)) => Ok(Part { nullable: true, first: Rc::default(), last: vec![] }),
            (1, Some(1)) => self.body(tree),
            (0, Some(1)) => {
                let body = self.body(tree)?;
                Ok(Part { nullable: true, ..body })
            }
            (0 | 1, None) => {
                let body = self.body(tree)?;
                self.join(&body.last, None, &body.first)?;
                Ok(Part { nullable: min == 0 || body.nullable, ..body })
            }
            _ if counted => {
                let counter = self.counters;
                self.counters += 1;
                let body = self.body(tree)?;
                self.join(&body.last, Some((counter, max)), &body.first)?;
                let first = body.first.iter().map(|entry| {
                    let begins = entry.begins.iter().copied().chain([counter]).collect();
                    Entry { place: entry.place, begins }
                });
                let last = body.last.into_iter().map(|mut exit| {
                    exit.needs.push((counter, min.max(1)));
                    exit
                });
                Ok(Part { nullable: min == 0, first: Rc::new(first.collect()), last: last.collect() })
            }
            _ => {
                // x{2,4} is x x (x (x)?)?, and x{2,} is x x x*.
                let mut tail: Option<Part> = None;
                if max.is_none() {
                    let body = self.body(tree)?;
                    self.join(&body.last, None, &body.first)?;
                    tail = Some(Part { nullable: true, ..body });
                }
                for _ in min..max.unwrap_or(min) {
                    let body = self.body(tree)?;
                    let joined = match tail {
                        None => body,
                        Some(tail) => self.after(body, tail)?,
                    };
                    tail = Some(Part { nullable: true, ..joined });
                }
                for _ in 0..min {
                    let body = self.body(tree)?;
                    tail = Some(match tail {
                        None => body,
                        Some(tail) => self.after(body, tail)?,
                    });
                }
                tail.ok_or(TOO_LARGE)
            }
        }
    }

    fn body(&mut self, tree: &Tree) -> Result<Part, Stop> {
        match &tree.kind {
            TreeKind::Leaf(leaf) => {
                if self.places.len() >= MOST_PLACES {
                    return Err(TOO_LARGE);
                }
                self.places.push(Place { leaf: *leaf });
                self.links.push(Vec::new());
                let place = self.places.len() as u32 - 1;
                Ok(Part {
                    nullable: false,
                    first: Rc::new(vec![Entry { place, begins: vec![] }]),
                    last: vec![Exit { place, needs: vec![] }],
                })
            }
            TreeKind::Sequence(all) => {
                let mut whole = Part { nullable: true, first: Rc::default(), last: vec![] };
                // From the end, so that what follows a part is one shared list.
                for part in all.iter().rev() {
                    let part = self.repeated(part)?;
                    whole = self.after(part, whole)?;
                }
                Ok(whole)
            }
            TreeKind::Choice(all) => {
                let mut whole = Part { nullable: false, first: Rc::default(), last: vec![] };
                let mut first = Vec::new();
                for part in all {
                    let part = self.repeated(part)?;
                    whole.nullable |= part.nullable;
                    first.extend(part.first.iter().cloned());
                    whole.last.extend(part.last);
                }
                self.count(first.len())?;
                Ok(Part { first: Rc::new(first), ..whole })
            }
        }
    }

    /// One part, then the other.
    fn after(&mut self, one: Part, two: Part) -> Result<Part, Stop> {
        self.join(&one.last, None, &two.first)?;
        let first = if one.nullable {
            self.count(one.first.len() + two.first.len())?;
            Rc::new(one.first.iter().chain(two.first.iter()).cloned().collect())
        } else {
            one.first
        };
        let mut last = two.last;
        if two.nullable {
            self.count(one.last.len())?;
            last.extend(one.last);
        }
        Ok(Part { nullable: one.nullable && two.nullable, first, last })
    }

    fn join(
        &mut self,
        last: &[Exit],
        up: Option<(u32, Option<u32>)>,
        first: &Rc<Vec<Entry>>,
    ) -> Result<(), Stop> {
        if first.is_empty() {
            return Ok(());
        }
        self.count(last.len())?;
        for exit in last {
            let link = Link { needs: exit.needs.clone(), up, first: first.clone() };
            self.links[exit.place as usize].push(link);
        }
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), Stop> {
        self.room.work(more)?;
        self.items += more;
        if self.items > MOST_ITEMS { Err(TOO_LARGE) } else { Ok(()) }
    }

    fn automaton(mut self, part: Part) -> Result<Automaton, Stop> {
        // Places from which the same may follow are one; the beginning is a place of its own.
        let mut ends: Vec<Ends> = vec![None; self.places.len()];
        for exit in &part.last {
            ends[exit.place as usize] = Some(exit.needs.clone());
        }
        let start = Link { needs: vec![], up: None, first: part.first.clone() };
        let mut kinds: Vec<Follow> = vec![(vec![start], part.nullable.then(Vec::new))];
        let mut kind_of: Vec<u32> = Vec::with_capacity(self.places.len());
        let mut same: HashMap<Same, u32> = HashMap::new();
        for (place, links) in self.links.iter().enumerate() {
            let key: Vec<_> = links
                .iter()
                .map(|link| (Rc::as_ptr(&link.first) as usize, link.needs.clone(), link.up))
                .collect();
            let fresh = kinds.len() as u32;
            let kind = *same.entry((key, ends[place].clone())).or_insert(fresh);
            if kind == fresh {
                kinds.push((links.clone(), ends[place].clone()));
            }
            kind_of.push(kind);
        }
        let mut known: HashMap<Vec<u32>, u32> = HashMap::from([(vec![0], 0)]);
        let mut sets = vec![vec![0u32]];
        let (mut states, mut edges) = (Vec::new(), 0);
        while states.len() < sets.len() {
            let set = sets[states.len()].clone();
            let state = self.state(&set, &kinds, |places| {
                let mut next: Vec<u32> = places.iter().map(|place| kind_of[*place as usize]).collect();
                next.sort_unstable();
                next.dedup();
                let fresh = sets.len() as u32;
                let number = *known.entry(next.clone()).or_insert(fresh);
                if number == fresh {
                    sets.push(next);
                }
                number
            })?;
            let more = state.edges.len() + state.names.len() + 1;
            self.room.keep(more)?;
            edges += more;
            if edges > MOST_EDGES {
                return Err(TOO_LARGE);
            }
            states.push(state);
        }
        let mut all: Vec<(NameId, ElementId)> = states
            .iter()
            .flat_map(|state: &State| state.names.iter().map(|(name, element, _)| (*name, *element)))
            .collect();
        all.sort_unstable();
        all.dedup_by_key(|(name, _)| *name);
        Ok(Automaton { states, counters: self.counters as usize, known: all })
    }

    fn state(
        &mut self,
        set: &[u32],
        kinds: &[Follow],
        mut number: impl FnMut(&[u32]) -> u32,
    ) -> Result<State, Stop> {
        // What may come, by particle.
        let mut by_leaf: Vec<(u32, u32, Action)> = Vec::new();
        let mut accepts: Ends = None;
        // Many places lead to the same list of what comes next.
        let mut seen = HashSet::new();
        for kind in set {
            let (links, end) = &kinds[*kind as usize];
            self.room.work(links.len() + 1)?;
            for link in links {
                if link.needs.is_empty() && link.up.is_none() && !seen.insert(Rc::as_ptr(&link.first)) {
                    continue;
                }
                by_leaf.extend(link.first.iter().map(|entry| {
                    let action =
                        Action { needs: link.needs.clone(), up: link.up, begins: entry.begins.clone() };
                    (self.places[entry.place as usize].leaf, entry.place, action)
                }));
                self.room.work(link.first.len())?;
                if by_leaf.len() > MOST_EDGES {
                    return Err(TOO_LARGE);
                }
            }
            accepts = match (accepts, end) {
                (None, end) => end.clone(),
                (Some(before), None) => Some(before),
                (Some(before), Some(end)) if before.is_empty() && end.is_empty() => Some(before),
                _ => return Err(Stop::Doubt),
            };
        }
        by_leaf.sort_by_key(|(leaf, place, _)| (*leaf, *place));
        by_leaf.dedup();
        let mut state = State { accepts, ..State::default() };
        let mut at = 0;
        while at < by_leaf.len() {
            let leaf = by_leaf[at].0;
            let end = at + by_leaf[at..].iter().take_while(|item| item.0 == leaf).count();
            let items = &by_leaf[at..end];
            at = end;
            let guarded = items.iter().any(|(.., action)| *action != Action::default());
            if items.len() > 1 && guarded {
                return Err(Stop::Doubt);
            }
            let places: Vec<u32> = items.iter().map(|(_, place, _)| *place).collect();
            let edge = state.edges.len() as u32;
            state.edges.push(Edge { to: number(&places), action: items[0].2.clone() });
            match self.leaves[leaf as usize] {
                Target::Element(element) => {
                    let members = (self.known.members)(element);
                    self.room.work(members.len())?;
                    state.names.extend(members.into_iter().map(|(name, element)| (name, element, edge)));
                    if state.names.len() > MOST_EDGES {
                        return Err(TOO_LARGE);
                    }
                }
                Target::Wildcard(wildcard) => state.wildcards.push((wildcard, edge)),
            }
        }
        self.room.work(state.wildcards.len().saturating_mul(state.names.len() + state.wildcards.len()))?;
        self.unique(&mut state)?;
        Ok(state)
    }

    /// Unique Particle Attribution in one state.
    fn unique(&self, state: &mut State) -> Result<(), Stop> {
        state.names.sort_unstable();
        let guarded = |edges: [u32; 2]| {
            edges.iter().any(|edge| state.edges[*edge as usize].action != Action::default())
        };
        let clash = |name: String, which: &'static str, edges: [u32; 2]| {
            // With the counts written out there may be no doubt: `a{2,2}, a`.
            if guarded(edges) { Stop::Doubt } else { Stop::Unfit(Unfit::Ambiguous(name, which)) }
        };
        if let Some(pair) = state.names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(clash((self.known.show)(pair[0].0), "two particles", [pair[0].2, pair[1].2]));
        }
        for (at, (wildcard, edge)) in state.wildcards.iter().enumerate() {
            let allowed = &self.known.wildcards[*wildcard as usize].allowed;
            for (name, _, other) in &state.names {
                if allowed.has((self.known.space_of)(*name)) {
                    let name = (self.known.show)(*name);
                    return Err(clash(name, "an element and a wildcard beside it", [*edge, *other]));
                }
            }
            for (wildcard, other) in &state.wildcards[at + 1..] {
                if allowed.meets(&self.known.wildcards[*wildcard as usize].allowed) {
                    return Err(clash("any".to_owned(), "two wildcards", [*edge, *other]));
                }
            }
        }
        Ok(())
    }
}

/// Least and most of a part.
type Counts = (u32, Option<u32>);

/// How often a part may stand that is alone in another: `x{2,5}` in `{2,5}` is `x{4,25}`. `None` where not every count between
/// the ends can come: three times `x{4,5}` is no `x{0,15}`.
fn product((least, most): Counts, inner: Counts) -> Option<Counts> {
    let next = u64::from(inner.0) * (u64::from(least) + 1);
    let reached = match inner.1 {
        _ if least == 0 => 0,
        Some(most) => u64::from(most) * u64::from(least),
        None => u64::MAX - 1,
    };
    // What one time more begins with adjoins what was reached; further on the steps only overlap more.
    let whole = most == Some(least) || next <= reached + 1;
    let most = most.zip(inner.1).map(|(one, two)| one.saturating_mul(two).min(u32::MAX - 1));
    let least = least.saturating_mul(inner.0).min(u32::MAX - 1);
    whole.then_some((least, most))
}

struct Tree {
    min: u32,
    max: Option<u32>,
    kind: TreeKind,
    /// Whether nothing satisfies it once.
    body_nullable: bool,
    /// Whether no element may stand in it at all.
    bare: bool,
}

enum TreeKind {
    Leaf(u32),
    Sequence(Vec<Tree>),
    Choice(Vec<Tree>),
}

impl Tree {
    fn nullable(&self) -> bool {
        self.min == 0 || self.body_nullable
    }
}
