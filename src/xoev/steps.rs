//! A template taken apart once into plain steps, so that writing a message is a walk over them: fixed text is copied, values are
//! looked up where they lie. Knows the few things templates of messages do; whatever else one does, and whatever goes wrong
//! while one is written, is left to the library, so there is one meaning of a template and one wording of its faults.
//! Keeps no value.

use std::borrow::Cow;

use minijinja::Environment;
use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::parse;
use serde_json::Value;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::xml::write::{IllegalCharacter, escape_attribute};
use crate::xoev::written::Rendered;

/// Parts in parts.
const DEEPEST: usize = 8;
/// Steps of one template, its parts taken in.
const MOST: usize = 4096;
/// Steps that one document takes; far below what the library allows, so it would write the document, too.
const LONGEST: u32 = 20_000;
/// Begins the shape of what was written by steps; no text has it.
const BY_STEPS: u8 = 0xff;
/// What the library gives a meaning of its own.
const SPECIAL: [&str; 4] = ["loop", "self", "super", "caller"];

/// The steps of one template.
#[derive(Debug)]
pub(super) struct Steps {
    name: Box<str>,
    list: Vec<Step>,
    slots: usize,
    /// Octets of its fixed text.
    fixed: usize,
}

#[derive(Debug)]
enum Step {
    Text(Box<str>),
    /// Puts these in, one after another, as one value.
    Put(Vec<Source>),
    /// Gives a name, by its number, what it stands for from now on.
    Let(usize, Source),
    If(Test, Vec<Step>, Vec<Step>),
    /// Once for each entry, which the number stands for.
    For(usize, Source, Vec<Step>),
}

/// Where a value is found.
#[derive(Debug)]
enum Source {
    Fixed(Box<str>),
    /// From the values given.
    Given(Vec<Box<str>>),
    /// From what a name stands for.
    Named(usize, Vec<Box<str>>),
}

#[derive(Debug)]
enum Test {
    True(Source),
    Defined(Source),
    Null(Source),
    Equal(Source, Box<str>),
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
}

impl Steps {
    /// The steps of a template that the environment knows; `None` where it does what is not known here.
    pub(super) fn of(environment: &Environment<'_>, name: &str) -> Option<Steps> {
        let globals = environment.globals().map(|(name, _)| name.to_owned()).collect();
        let mut reading =
            Reading { environment, globals, names: Vec::new(), slots: 0, count: 0, fixed: 0, branches: 0 };
        let list = reading.template(name, 0)?;
        Some(Steps { name: name.into(), list, slots: reading.slots, fixed: reading.fixed })
    }

    /// Writes a document; `None` where the library has to say what it is or what is wrong.
    pub(super) fn write(&self, values: &Value) -> Option<Rendered> {
        let mut shape = Vec::with_capacity(self.name.len() + 32);
        shape.push(BY_STEPS);
        shape.extend_from_slice(self.name.as_bytes());
        shape.push(BY_STEPS);
        let rendered = Rendered {
            text: String::with_capacity(self.fixed + self.fixed / 2),
            values: Vec::with_capacity(32),
            shape,
        };
        let slots = vec![Found::Missing; self.slots];
        let mut writing = Writing { given: values, slots, rendered, left: LONGEST };
        writing.all(&self.list)?;
        Some(writing.rendered)
    }
}

/// Takes a template apart.
struct Reading<'e> {
    environment: &'e Environment<'e>,
    globals: Vec<String>,
    /// The names that stand for something, the innermost last.
    names: Vec<(String, usize)>,
    slots: usize,
    count: usize,
    fixed: usize,
    /// Conditions and loops that are open: what is named there holds on some ways only.
    branches: usize,
}

impl Reading<'_> {
    /// A template or part; a part sees the names of who includes it, and those it gives stay.
    fn template(&mut self, name: &str, depth: usize) -> Option<Vec<Step>> {
        if depth > DEEPEST {
            return None;
        }
        let template = self.environment.get_template(name).ok()?;
        // Its syntax is the usual one, as that of the environment is.
        let Ok(Stmt::Template(parsed)) = parse(template.source(), name, Default::default()) else {
            return None;
        };
        let mut steps = Vec::new();
        self.body(&parsed.children, depth, &mut steps)?;
        Some(steps)
    }

    fn inner(&mut self, body: &[Stmt<'_>], depth: usize) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        self.body(body, depth, &mut steps)?;
        Some(steps)
    }

    fn body(&mut self, body: &[Stmt<'_>], depth: usize, steps: &mut Vec<Step>) -> Option<()> {
        for statement in body {
            self.count += 1;
            if self.count > MOST {
                return None;
            }
            match statement {
                Stmt::EmitRaw(raw) => {
                    self.fixed += raw.raw.len();
                    steps.push(Step::Text(raw.raw.into()));
                }
                Stmt::EmitExpr(put) => {
                    let mut parts = Vec::new();
                    self.parts(&put.expr, &mut parts)?;
                    steps.push(Step::Put(parts));
                }
                Stmt::Set(set) if self.branches == 0 => {
                    let source = self.source(&set.expr)?;
                    steps.push(Step::Let(self.name(&set.target)?, source));
                }
                Stmt::WithBlock(with) => {
                    // With more than one the order would matter.
                    let [(target, expr)] = &*with.assignments else { return None };
                    let source = self.source(expr)?;
                    let outer = self.names.len();
                    steps.push(Step::Let(self.name(target)?, source));
                    self.body(&with.body, depth, steps)?;
                    self.names.truncate(outer);
                }
                Stmt::IfCond(branch) => {
                    let test = self.test(&branch.expr)?;
                    self.branches += 1;
                    let yes = self.inner(&branch.true_body, depth)?;
                    let no = self.inner(&branch.false_body, depth)?;
                    self.branches -= 1;
                    steps.push(Step::If(test, yes, no));
                }
                Stmt::ForLoop(each)
                    if each.filter_expr.is_none() && !each.recursive && each.else_body.is_empty() =>
                {
                    let source = self.source(&each.iter)?;
                    let outer = self.names.len();
                    let slot = self.name(&each.target)?;
                    self.branches += 1;
                    let body = self.inner(&each.body, depth)?;
                    self.branches -= 1;
                    self.names.truncate(outer);
                    steps.push(Step::For(slot, source, body));
                }
                Stmt::Include(include) if !include.ignore_missing => {
                    let Expr::Const(name) = &include.name else { return None };
                    let part = self.template(name.value.as_str()?, depth + 1)?;
                    steps.extend(part);
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn name(&mut self, target: &Expr<'_>) -> Option<usize> {
        let Expr::Var(name) = target else { return None };
        if SPECIAL.contains(&name.id) {
            return None;
        }
        self.names.push((name.id.to_owned(), self.slots));
        self.slots += 1;
        Some(self.slots - 1)
    }

    fn parts(&self, expr: &Expr<'_>, parts: &mut Vec<Source>) -> Option<()> {
        match expr {
            Expr::BinOp(both) if matches!(both.op, BinOpKind::Concat) => {
                self.parts(&both.left, parts)?;
                self.parts(&both.right, parts)
            }
            _ => {
                parts.push(self.source(expr)?);
                Some(())
            }
        }
    }

    fn source(&self, expr: &Expr<'_>) -> Option<Source> {
        match expr {
            Expr::Const(fixed) => Some(Source::Fixed(fixed.value.as_str()?.into())),
            Expr::GetAttr(inner) => {
                let mut source = self.source(&inner.expr)?;
                match &mut source {
                    Source::Fixed(_) => return None,
                    Source::Given(path) | Source::Named(_, path) => path.push(inner.name.into()),
                }
                Some(source)
            }
            Expr::Var(name) => match self.names.iter().rev().find(|(known, _)| known == name.id) {
                Some((_, slot)) => Some(Source::Named(*slot, Vec::new())),
                None if SPECIAL.contains(&name.id) || self.globals.iter().any(|known| known == name.id) => {
                    None
                }
                None => Some(Source::Given(vec![name.id.into()])),
            },
            _ => None,
        }
    }

    fn test(&self, expr: &Expr<'_>) -> Option<Test> {
        let both = |left, right| Some((Box::new(self.test(left)?), Box::new(self.test(right)?)));
        let equal = |left, right: &Expr<'_>| {
            let Expr::Const(fixed) = right else { return None };
            Some(Test::Equal(self.source(left)?, fixed.value.as_str()?.into()))
        };
        let not = |test| Test::Not(Box::new(test));
        match expr {
            Expr::UnaryOp(one) if matches!(one.op, UnaryOpKind::Not) => self.test(&one.expr).map(not),
            Expr::Test(test) if test.args.is_empty() => match test.name {
                "defined" => Some(Test::Defined(self.source(&test.expr)?)),
                "none" => Some(Test::Null(self.source(&test.expr)?)),
                _ => None,
            },
            Expr::BinOp(two) => match two.op {
                BinOpKind::ScAnd => both(&two.left, &two.right).map(|(left, right)| Test::Both(left, right)),
                BinOpKind::ScOr => both(&two.left, &two.right).map(|(left, right)| Test::Either(left, right)),
                BinOpKind::Eq => equal(&two.left, &two.right),
                BinOpKind::Ne => equal(&two.left, &two.right).map(not),
                _ => None,
            },
            Expr::Compare(compare) => {
                let [two] = &*compare.ops else { return None };
                match two.op {
                    CompareOpKind::Eq => equal(&compare.expr, &two.expr),
                    CompareOpKind::Ne => equal(&compare.expr, &two.expr).map(not),
                    _ => None,
                }
            }
            _ => self.source(expr).map(Test::True),
        }
    }
}

/// What lies at the end of a path.
#[derive(Clone, Copy)]
enum Found<'v> {
    Text(&'v str),
    Value(&'v Value),
    Missing,
}

/// Writes one document.
struct Writing<'v> {
    given: &'v Value,
    slots: Vec<Found<'v>>,
    rendered: Rendered,
    left: u32,
}

impl<'v> Writing<'v> {
    fn all(&mut self, steps: &'v [Step]) -> Option<()> {
        self.left = self.left.checked_sub(steps.len() as u32 + 1)?;
        for step in steps {
            match step {
                Step::Text(text) => self.rendered.text.push_str(text),
                Step::Put(parts) => self.put(parts)?,
                Step::Let(slot, source) => {
                    let found = self.find(source)?;
                    if matches!(found, Found::Missing) {
                        return None;
                    }
                    self.slots[*slot] = found;
                }
                Step::If(test, yes, no) => {
                    let holds = self.holds(test)?;
                    // The shape of a document is what fixed text stands in it, and that follows from the ways taken.
                    self.rendered.shape.push(u8::from(holds));
                    self.all(if holds { yes } else { no })?;
                }
                Step::For(slot, source, body) => {
                    let Found::Value(Value::Array(entries)) = self.find(source)? else { return None };
                    self.rendered.shape.extend(u32::try_from(entries.len()).ok()?.to_be_bytes());
                    for entry in entries {
                        self.slots[*slot] = Found::Value(entry);
                        self.all(body)?;
                    }
                }
            }
        }
        Some(())
    }

    fn find(&self, source: &'v Source) -> Option<Found<'v>> {
        let (first, path) = match source {
            Source::Fixed(text) => return Some(Found::Text(text)),
            Source::Given(path) => (Found::Value(self.given), path),
            Source::Named(slot, path) => (self.slots[*slot], path),
        };
        path.iter().try_fold(first, |found, name| {
            // What is asked of something else than an object is a matter of the library.
            let Found::Value(Value::Object(all)) = found else { return None };
            Some(all.get(&**name).map_or(Found::Missing, Found::Value))
        })
    }

    fn holds(&self, test: &'v Test) -> Option<bool> {
        Some(match test {
            Test::True(source) => match self.find(source)? {
                Found::Text(text) => !text.is_empty(),
                Found::Value(Value::Bool(is)) => *is,
                Found::Value(Value::Null) => false,
                Found::Value(Value::String(text)) => !text.is_empty(),
                Found::Value(Value::Array(all)) => !all.is_empty(),
                Found::Value(Value::Object(all)) => !all.is_empty(),
                Found::Value(Value::Number(_)) | Found::Missing => return None,
            },
            Test::Defined(source) => !matches!(self.find(source)?, Found::Missing),
            Test::Null(source) => match self.find(source)? {
                Found::Missing => return None,
                found => matches!(found, Found::Value(Value::Null)),
            },
            Test::Equal(source, text) => match self.find(source)? {
                Found::Text(is) => *is == **text,
                Found::Value(Value::String(is)) => *is == **text,
                _ => return None,
            },
            Test::Not(test) => !self.holds(test)?,
            Test::Both(left, right) => self.holds(left)? && self.holds(right)?,
            Test::Either(left, right) => self.holds(left)? || self.holds(right)?,
        })
    }

    fn put(&mut self, parts: &'v [Source]) -> Option<()> {
        let text = match parts {
            [one] => match self.find(one)? {
                Found::Text(text) => Cow::Borrowed(text),
                Found::Value(Value::String(text)) => Cow::Borrowed(&**text),
                Found::Value(Value::Bool(is)) => Cow::Borrowed(if *is { "true" } else { "false" }),
                Found::Value(Value::Number(number)) if !number.is_f64() => Cow::Owned(number.to_string()),
                _ => return None,
            },
            _ => {
                let mut whole = String::new();
                for part in parts {
                    match self.find(part)? {
                        Found::Text(text) => whole.push_str(text),
                        Found::Value(Value::String(text)) => whole.push_str(text),
                        _ => return None,
                    }
                }
                Cow::Owned(whole)
            }
        };
        let start = self.rendered.text.len();
        self.rendered.text.push_str(&in_place(&text).ok()?);
        self.rendered.values.push(start..self.rendered.text.len());
        Some(())
    }
}

/// A text in NFC; most are, and nothing is copied then.
pub(super) fn composed(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

/// A value as it stands in a document: composed, and escaped for a text and for an attribute alike.
pub(super) fn in_place(text: &str) -> Result<Cow<'_, str>, IllegalCharacter> {
    match composed(text) {
        Cow::Borrowed(text) => escape_attribute(text),
        Cow::Owned(text) => escape_attribute(&text).map(|escaped| Cow::Owned(escaped.into_owned())),
    }
}
