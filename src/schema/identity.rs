//! Identity constraints and the paths they are written in (XSD 1.0 Part 1, 3.11): reading and matching.
//! It never follows a path back: a path is compared with the names of the elements that are open.

use super::names::{NO_NS, NameId, Names, NsId};
use super::simple::Prefixes;

/// Kind of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Unique,
    Key,
    KeyRef,
}

impl Sort {
    pub(super) fn of(word: &str) -> Option<Sort> {
        match word {
            "unique" => Some(Sort::Unique),
            "key" => Some(Sort::Key),
            "keyref" => Some(Sort::KeyRef),
            _ => None,
        }
    }
}

/// A constraint.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) name: NameId,
    pub(super) sort: Sort,
    pub(super) selector: Vec<Path>,
    pub(super) fields: Vec<Vec<Path>>,
    /// The key that a keyref refers to.
    pub(super) refer: Option<u32>,
}

/// One path of a selector or field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Whether it begins with `.//`.
    anywhere: bool,
    steps: Vec<Test>,
    attribute: Option<Test>,
}

/// What a step matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Name(NameId),
    Space(NsId),
    Any,
}

impl Test {
    fn holds(self, space: NsId, name: Option<NameId>) -> bool {
        match self {
            Test::Name(wanted) => name == Some(wanted),
            Test::Space(wanted) => space == wanted,
            Test::Any => true,
        }
    }
}

impl Path {
    /// Whether the innermost of the elements, `names`, is reached from the one they begin with.
    pub(super) fn reaches(&self, names: &[(NsId, Option<NameId>)]) -> bool {
        let below = names.len() - 1;
        let deep = if self.anywhere { below >= self.steps.len() } else { below == self.steps.len() };
        deep && self
            .steps
            .iter()
            .zip(&names[names.len() - self.steps.len()..])
            .all(|(test, (space, name))| test.holds(*space, *name))
    }

    pub(super) fn takes_attribute(&self, space: NsId, name: Option<NameId>) -> bool {
        self.attribute.is_some_and(|test| test.holds(space, name))
    }

    pub(super) fn is_of_attribute(&self) -> bool {
        self.attribute.is_some()
    }
}

/// Reads a selector or a field.
pub(super) fn parse(
    text: &str,
    field: bool,
    names: &mut Names,
    prefixes: &dyn Prefixes,
) -> Result<Vec<Path>, &'static str> {
    let tokens = tokens(text)?;
    let mut paths = Vec::new();
    for path in tokens.split(|token| *token == "|") {
        paths.push(read(path, field, names, prefixes)?);
    }
    Ok(paths)
}

fn tokens(text: &str) -> Result<Vec<&str>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', '\n', '\r']);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => 2,
            ':' if rest.starts_with("::") => 2,
            '|' | '/' | '@' | '*' | '.' => 1,
            _ => {
                let end = rest.find([' ', '\t', '\n', '\r', '/', '|', '@', '[', ']', '(', ')']);
                let end = end.unwrap_or(rest.len());
                // `child::a` is an axis; `p:a` and `p:*` are names.
                rest[..end].find("::").unwrap_or(end)
            }
        };
        if length == 0 {
            return Err("only child steps, '.', './/', '|' and one attribute at the end are allowed");
        }
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start_matches([' ', '\t', '\n', '\r']);
    }
    Ok(tokens)
}

fn read(
    mut tokens: &[&str],
    field: bool,
    names: &mut Names,
    prefixes: &dyn Prefixes,
) -> Result<Path, &'static str> {
    const WRONG: &str = "only child steps, '.', './/', '|' and one attribute at the end are allowed";
    let mut path = Path { anywhere: false, steps: Vec::new(), attribute: None };
    if let [".", "//", rest @ ..] = tokens {
        path.anywhere = true;
        tokens = rest;
    }
    loop {
        let attribute = match tokens {
            ["@", rest @ ..] | ["attribute", "::", rest @ ..] => {
                tokens = rest;
                true
            }
            ["child", "::", rest @ ..] => {
                tokens = rest;
                if tokens.first() == Some(&".") {
                    return Err(WRONG);
                }
                false
            }
            _ => false,
        };
        let (step, rest) = tokens.split_first().ok_or(WRONG)?;
        tokens = rest;
        if attribute {
            if !field || !tokens.is_empty() {
                return Err("an attribute stands at the end of a field only");
            }
            path.attribute = Some(test(step, names, prefixes)?);
            return Ok(path);
        }
        if *step != "." {
            path.steps.push(test(step, names, prefixes)?);
        }
        match tokens {
            [] => return Ok(path),
            ["/", rest @ ..] => tokens = rest,
            _ => return Err(WRONG),
        }
    }
}

fn test(step: &str, names: &mut Names, prefixes: &dyn Prefixes) -> Result<Test, &'static str> {
    const UNBOUND: &str = "a prefix is not declared";
    if step == "*" {
        return Ok(Test::Any);
    }
    if let Some(prefix) = step.strip_suffix(":*") {
        let space = prefixes.name_of(prefix).filter(|_| !prefix.is_empty()).ok_or(UNBOUND)?;
        return Ok(Test::Space(names.add_space(space)));
    }
    let (prefix, local) = crate::xml::chars::split_qname(step).ok_or("a step is a name, '*' or '.'")?;
    // As in XPath 1.0, a name without a prefix is in no namespace.
    let space = if prefix.is_empty() {
        NO_NS
    } else {
        let name = prefixes.name_of(prefix).ok_or(UNBOUND)?;
        names.add_space(name)
    };
    Ok(Test::Name(names.add(space, local)))
}
