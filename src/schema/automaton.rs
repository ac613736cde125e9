//! A pattern as an automaton over classes of characters: one look-up for each character, whatever the pattern is.
//! It never goes back in a text; where the table would grow too large it follows all ways side by side.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::charset::{LAST, Set};
use super::pattern::{Expr, PatternFault};

/// States before the table is made; a pattern beyond it is refused.
const MOST_STEPS: usize = 60_000;
/// States of the table.
const MOST_STATES: usize = 20_000;
/// Cells of the table.
const MOST_CELLS: usize = 1 << 20;
/// Work for the table, in visited steps.
const MOST_WORK: usize = 8 << 20;
/// Marks of which sets hold which class of characters.
const MOST_MARKS: usize = 32 << 20;
/// Ways that are followed side by side where there is no table.
const MOST_WAYS: usize = 2_000;
/// Characters whose class stands in a table of its own.
const NEAR: usize = 0x250;

/// Octets of a pattern that a person reads at a glance; those of whole sets of characters have thousands.
const READABLE: usize = 100;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As it is written, where it is short enough to be read.
    told: Option<Box<str>>,
    classes: Classes,
    machine: Machine,
}

#[derive(Debug)]
enum Machine {
    /// `table[state * classes + class]` is the next state; state 0 is dead, 1 the first.
    Table { table: Vec<u32>, accepts: Vec<bool> },
    /// Steps followed side by side.
    Steps { steps: Vec<Step>, by_class: Vec<Vec<bool>>, start: u32 },
}

/// Characters that no set of the pattern tells apart are one class.
#[derive(Debug)]
struct Classes {
    near: Vec<u32>,
    /// First characters of intervals and their class, in order.
    far: Vec<(u32, u32)>,
    count: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Take { set: u32, next: u32 },
    Fork(Vec<u32>),
    Accept,
}

/// The patterns that were compiled, for other schemas with the same ones: those of the base modules are large and stand in many.
#[derive(Debug, Default)]
pub struct Patterns(Mutex<HashMap<Vec<Box<str>>, Arc<Pattern>>>);

impl Patterns {
    pub(super) fn get(&self, texts: &Vec<Box<str>>) -> Option<Arc<Pattern>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(texts).cloned()
    }

    pub(super) fn add(&self, texts: Vec<Box<str>>, mut pattern: Pattern) -> Arc<Pattern> {
        let told = texts.join(" | ");
        pattern.told = (told.len() <= READABLE && !told.contains(char::is_control)).then(|| told.into());
        let pattern = Arc::new(pattern);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(texts, pattern.clone());
        pattern
    }
}

/// Compiles one pattern, or says why not.
#[cfg(test)]
pub(super) fn compile(text: &str) -> Result<Pattern, PatternFault> {
    any_of(&[super::pattern::parse(text)?])
}

/// Compiles patterns of which one must hold.
pub(super) fn any_of(exprs: &[Expr]) -> Result<Pattern, PatternFault> {
    let mut plan = Plan { steps: vec![Step::Accept], sets: HashMap::new(), list: Vec::new() };
    let starts = exprs.iter().map(|expr| plan.add(expr, 0)).collect::<Result<Vec<u32>, _>>()?;
    let start = match starts[..] {
        [only] => only,
        _ => plan.push(Step::Fork(starts))?,
    };
    let (classes, members) = Classes::new(&plan.list).ok_or(TOO_LARGE)?;
    let machine = match table(&plan.steps, start, &classes, &members, plan.list.len()) {
        Some(machine) => machine,
        None if plan.steps.len() <= MOST_WAYS && members.len() * plan.list.len() <= MOST_MARKS => {
            let by_class = members
                .iter()
                .map(|sets| (0..plan.list.len()).map(|set| sets.contains(&(set as u32))).collect())
                .collect();
            Machine::Steps { steps: plan.steps, by_class, start }
        }
        None => return Err(TOO_LARGE),
    };
    Ok(Pattern { told: None, classes, machine })
}

const TOO_LARGE: PatternFault = PatternFault { what: "the pattern is too large", at: 1 };

struct Plan {
    steps: Vec<Step>,
    sets: HashMap<Set, u32>,
    list: Vec<Set>,
}

impl Plan {
    fn push(&mut self, step: Step) -> Result<u32, PatternFault> {
        if self.steps.len() >= MOST_STEPS {
            return Err(TOO_LARGE);
        }
        self.steps.push(step);
        Ok(self.steps.len() as u32 - 1)
    }

    /// Adds an expression in front of `next`; answers where it begins.
    fn add(&mut self, expr: &Expr, next: u32) -> Result<u32, PatternFault> {
        match expr {
            Expr::One(set) => {
                let known = self.sets.get(set).copied();
                let set = known.unwrap_or_else(|| {
                    self.list.push(set.clone());
                    self.sets.insert(set.clone(), self.list.len() as u32 - 1);
                    self.list.len() as u32 - 1
                });
                self.push(Step::Take { set, next })
            }
            Expr::All(all) => all.iter().rev().try_fold(next, |next, expr| self.add(expr, next)),
            Expr::Either(all) => {
                let ways = all.iter().map(|expr| self.add(expr, next)).collect::<Result<_, _>>()?;
                self.push(Step::Fork(ways))
            }
            Expr::Times(inner, least, most) => {
                let least = if nullable(inner) { 0 } else { *least };
                let mut end = next;
                match most {
                    None => {
                        let fork = self.push(Step::Fork(vec![]))?;
                        let body = self.add(inner, fork)?;
                        self.steps[fork as usize] = Step::Fork(vec![body, next]);
                        // At least one: the loop's own body is the first of them.
                        end = if least > 0 { body } else { fork };
                        for _ in 1..least {
                            end = self.add(inner, end)?;
                        }
                        return Ok(end);
                    }
                    Some(most) => {
                        for _ in least..*most {
                            let body = self.add(inner, end)?;
                            end = self.push(Step::Fork(vec![body, next]))?;
                        }
                    }
                }
                for _ in 0..least {
                    end = self.add(inner, end)?;
                }
                Ok(end)
            }
        }
    }
}

fn nullable(expr: &Expr) -> bool {
    match expr {
        Expr::One(_) => false,
        Expr::All(all) => all.iter().all(nullable),
        Expr::Either(all) => all.iter().any(nullable),
        Expr::Times(inner, least, _) => *least == 0 || nullable(inner),
    }
}

impl Classes {
    /// The classes, and for each the sets that hold its characters; `None` where these would be too many.
    fn new(sets: &[Set]) -> Option<(Classes, Vec<Vec<u32>>)> {
        let mut edges: Vec<(u32, u32, bool)> = Vec::new();
        for (number, set) in sets.iter().enumerate() {
            for &(first, last) in set.ranges() {
                edges.push((first, number as u32, true));
                edges.push((last + 1, number as u32, false));
            }
        }
        edges.sort_unstable();
        let mut known: HashMap<Vec<u32>, u32> = HashMap::from([(vec![], 0)]);
        let mut members = vec![vec![]];
        let mut far = vec![(0, 0)];
        let mut inside = std::collections::BTreeSet::new();
        let (mut at, mut kept) = (0, 0);
        while at < edges.len() {
            let place = edges[at].0;
            while at < edges.len() && edges[at].0 == place {
                let (_, set, begins) = edges[at];
                if begins {
                    inside.insert(set);
                } else {
                    inside.remove(&set);
                }
                at += 1;
            }
            if place > LAST {
                break;
            }
            let key: Vec<u32> = inside.iter().copied().collect();
            let next = members.len() as u32;
            kept += key.len();
            if kept > MOST_MARKS {
                return None;
            }
            let class = *known.entry(key.clone()).or_insert_with(|| {
                members.push(key);
                next
            });
            if far.last().is_some_and(|last: &(u32, u32)| last.0 == place) {
                far.pop();
            }
            if far.last().is_none_or(|last: &(u32, u32)| last.1 != class) {
                far.push((place, class));
            }
        }
        let mut classes = Classes { near: Vec::new(), far, count: members.len() };
        classes.near = (0..NEAR as u32).map(|code| classes.search(code)).collect();
        Some((classes, members))
    }

    fn search(&self, code: u32) -> u32 {
        let after = self.far.partition_point(|(first, _)| *first <= code);
        self.far.get(after.wrapping_sub(1)).map_or(0, |(_, class)| *class)
    }

    fn of(&self, character: char) -> usize {
        let code = u32::from(character);
        match self.near.get(code as usize) {
            Some(class) => *class as usize,
            None => self.search(code) as usize,
        }
    }
}

/// The table, or `None` where it would be too large.
fn table(
    steps: &[Step],
    start: u32,
    classes: &Classes,
    members: &[Vec<u32>],
    sets: usize,
) -> Option<Machine> {
    let width = classes.count;
    // The classes that a set consists of.
    let mut classes_of: Vec<Vec<u32>> = vec![vec![]; sets];
    for (class, members) in members.iter().enumerate() {
        members.iter().for_each(|set| classes_of[*set as usize].push(class as u32));
    }
    let mut work = 0;
    let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut states: Vec<Vec<u32>> = vec![vec![], closure(steps, &[start], &mut work)];
    known.insert(vec![], 0);
    known.insert(states[1].clone(), 1);
    let (mut table, mut accepts) = (vec![0u32; width], vec![false]);
    // Many classes of many states lead to the same steps; each closure is made once.
    let mut made: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut at = 1;
    while at < states.len() {
        let state = states[at].clone();
        accepts.push(state.iter().any(|step| matches!(steps[*step as usize], Step::Accept)));
        let mut next: Vec<Vec<u32>> = vec![vec![]; width];
        for step in &state {
            if let Step::Take { set, next: to } = &steps[*step as usize] {
                for class in &classes_of[*set as usize] {
                    next[*class as usize].push(*to);
                    work += 1;
                }
            }
        }
        for to in next {
            let number = match made.get(&to) {
                Some(number) => *number,
                None => {
                    let closed = closure(steps, &to, &mut work);
                    let fresh = states.len() as u32;
                    let number = *known.entry(closed.clone()).or_insert(fresh);
                    if number == fresh {
                        states.push(closed);
                    }
                    made.insert(to, number);
                    number
                }
            };
            table.push(number);
        }
        if states.len() > MOST_STATES || states.len() * width > MOST_CELLS || work > MOST_WORK {
            return None;
        }
        at += 1;
    }
    Some(Machine::Table { table, accepts })
}

/// The steps that take or accept, reached from some without taking; in order, each once.
fn closure(steps: &[Step], from: &[u32], work: &mut usize) -> Vec<u32> {
    let mut seen = std::collections::HashSet::new();
    let mut stack: Vec<u32> = from.to_vec();
    let mut found = Vec::new();
    while let Some(step) = stack.pop() {
        if !seen.insert(step) {
            continue;
        }
        *work += 1;
        match &steps[step as usize] {
            Step::Fork(ways) => stack.extend(ways),
            _ => found.push(step),
        }
    }
    found.sort_unstable();
    found
}

impl Pattern {
    /// As it is written; alternatives of one step stand side by side. Nothing where it is too long to be read.
    pub(super) fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Whether the whole text is in the pattern's language; linear in its length.
    pub(super) fn holds(&self, text: &str) -> bool {
        match &self.machine {
            Machine::Table { table, accepts } => {
                let (width, mut state) = (self.classes.count, 1usize);
                for character in text.chars() {
                    state = table[state * width + self.classes.of(character)] as usize;
                    if state == 0 {
                        return false;
                    }
                }
                accepts[state]
            }
            Machine::Steps { steps, by_class, start } => {
                let mut work = 0;
                let mut now = closure(steps, &[*start], &mut work);
                for character in text.chars() {
                    let sets = &by_class[self.classes.of(character)];
                    let next: Vec<u32> = now
                        .iter()
                        .filter_map(|step| match &steps[*step as usize] {
                            Step::Take { set, next } if sets[*set as usize] => Some(*next),
                            _ => None,
                        })
                        .collect();
                    now = closure(steps, &next, &mut work);
                    if now.is_empty() {
                        return false;
                    }
                }
                now.iter().any(|step| matches!(steps[*step as usize], Step::Accept))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault:?}")).holds(text)
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, good, bad) in [
            ("", &[""][..], &["a"][..]),
            ("a", &["a"], &["", "aa", "b"]),
            ("a|bc|", &["a", "bc", ""], &["b", "abc"]),
            ("(ab)*", &["", "abab"], &["aba"]),
            ("a{2,3}", &["aa", "aaa"], &["a", "aaaa"]),
            ("a{2}", &["aa"], &["a", "aaa"]),
            ("a{2,}", &["aa", "aaaaaa"], &["a", ""]),
            ("a{0}", &[""], &["a"]),
            ("(a?){3}", &["", "a", "aaa"], &["aaaa"]),
            ("(a*){2,5}b", &["b", "aaaaaaaab"], &["a"]),
            ("(a|b)*a(a|b){3}", &["abbb", "bbabab"], &["bbbb", "abb"]),
            ("a[b-[a-c]]|d", &["d"], &["ab", ""]),
            ("[a-c-[b]]+", &["ac"], &["b", ""]),
            ("[^a-c]", &["d", "\n", "€"], &["a", ""]),
            ("[-a]", &["-", "a"], &["b"]),
            ("[a-]", &["-", "a"], &["b"]),
            ("[,-\\.]", &[",", "-", "."], &["/", "+"]),
            (".", &["a", "\u{10FFFF}"], &["\n", "\r", ""]),
            ("^a$", &["^a$"], &["a"]),
            ("\\d{4}", &["2024", "٠١٢٣"], &["20a4"]),
            ("[0-9|A-F]{2}", &["|F", "09"], &["G0"]),
            ("\\p{Lu}\\P{Lu}", &["Aa", "ẞ1"], &["AA"]),
            ("[\\p{L}0-9./ ]*", &["ẞʹ 9./", ""], &["_"]),
            ("\\i\\c*", &["a:b-1", "_"], &["-a", ""]),
        ] {
            good.iter().for_each(|text| assert!(holds(pattern, text), "{pattern} {text}"));
            bad.iter().for_each(|text| assert!(!holds(pattern, text), "{pattern} {text}"));
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "(", ")", "[", "[]", "a]", "a}", "*", "a**", "a{2,1}", "a{,2}", "a{", "\\", "\\q", "\\p{Xx}",
            "\\pL", "[b-a]", "[a-\\d]", "[a--b]", "[a[b]]", "(?:a)", "a{x}",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn hard_patterns_stay_bounded() {
        assert!(compile("(a{1000}){1000}").is_err());
        assert!(compile("((a?){1000000}){1000000}").is_err());
        assert!(holds("a{5000}", &"a".repeat(5000)));
        // No table of 2^30 states: the ways are followed side by side.
        let pattern = "(a|b)*a(a|b){30}";
        let text = "ab".repeat(50_000);
        assert!(holds(pattern, &format!("{text}a{}", "b".repeat(30))));
        assert!(!holds(pattern, &format!("{text}b{}", "b".repeat(30))));
    }
}
