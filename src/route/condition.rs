//! Conditions of a route: matchers over declared values, names of documents made, and CEL as the exception.
//! Everything is checked when loaded; CEL is evaluated over every combination of declared values before it may run.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr};
use cel::{Context, Program, Value};

use crate::message::Message;
use crate::pipeline::step::Trouble;
use crate::plan::Condition;
use crate::route::fault::Desk;
use crate::route::file::When;
use crate::route::tree::At;

/// Values that steps set, each with all it can be.
pub type Declared = BTreeMap<&'static str, Vec<&'static str>>;

/// Most combinations of declared values over which one expression is evaluated.
const MOST_COMBINATIONS: usize = 10_000;
/// Longest expression, octets.
const LONGEST: usize = 2_000;

/// Always holds: the `else` of a `choose`.
pub struct Otherwise;

impl Condition for Otherwise {
    fn holds(&self, _: &Message) -> Result<bool, Trouble> {
        Ok(true)
    }
}

/// Holds when an earlier step made a document of this name.
pub struct Made(pub String);

impl Condition for Made {
    fn holds(&self, message: &Message) -> Result<bool, Trouble> {
        Ok(message.built.contains_key(&self.0))
    }
}

/// Holds when each name has one of its values; a value that no step set equals none of them.
pub struct Matcher(Vec<(String, Vec<String>)>);

impl Condition for Matcher {
    fn holds(&self, message: &Message) -> Result<bool, Trouble> {
        Ok(self.0.iter().all(|(name, values)| {
            message.values.get(name.as_str()).is_some_and(|value| values.contains(value))
        }))
    }
}

/// A CEL expression that was tried on every combination of declared values.
pub struct Expression {
    program: Program,
    text: String,
}

impl Condition for Expression {
    fn holds(&self, message: &Message) -> Result<bool, Trouble> {
        let pairs = message.values.iter().map(|(name, value)| (*name, value.as_str()));
        // The library's text can quote values, so ours stands instead.
        evaluate(&self.program, pairs).ok_or_else(|| {
            Trouble::Ours(format!("condition could not be evaluated: {}; correct the route", self.text))
        })
    }
}

/// Compiles a matcher; `made` are the names that earlier items gave with `as`.
pub fn matcher(
    desk: Desk<'_>,
    when: &When,
    declared: &Declared,
    made: &[String],
) -> Option<Arc<dyn Condition>> {
    match when {
        When::Made(name) => {
            if !made.contains(&name.value) {
                desk.unknown(
                    name.at,
                    format!("no earlier step makes `{}`; name one with `as:` before", name.value),
                    &name.value,
                    made,
                );
                return None;
            }
            Some(Arc::new(Made(name.value.clone())))
        }
        When::Is(pairs) => {
            let mut good = true;
            for (name, values) in pairs {
                good &= known_values(desk, name, values, declared);
            }
            let pairs = pairs.iter().map(|(name, values)| {
                (name.value.clone(), values.iter().map(|value| value.value.clone()).collect())
            });
            good.then(|| Arc::new(Matcher(pairs.collect())) as Arc<dyn Condition>)
        }
    }
}

fn known_values(desk: Desk<'_>, name: &At<String>, values: &[At<String>], declared: &Declared) -> bool {
    let Some(allowed) = declared.get(name.value.as_str()) else {
        desk.unknown(
            name.at,
            format!("no earlier step sets `{}`; put the step that sets it before", name.value),
            &name.value,
            declared.keys(),
        );
        return false;
    };
    let mut good = !values.is_empty();
    if values.is_empty() {
        desk.unknown(name.at, format!("`{}` has no value to compare with", name.value), "", allowed);
    }
    for value in values.iter().filter(|value| !allowed.contains(&value.value.as_str())) {
        good = false;
        let text = format!("`{}` is never `{}`", name.value, value.value);
        desk.unknown(value.at, text, &value.value, allowed);
    }
    good
}

/// Compiles an expression and evaluates it over every combination of the values it names.
pub fn expression(desk: Desk<'_>, written: &At<String>, declared: &Declared) -> Option<Arc<dyn Condition>> {
    if written.value.len() > LONGEST {
        desk.fault(written.at, format!("the expression is longer than {LONGEST} characters; use matchers"));
        return None;
    }
    let program = match Program::compile(&written.value) {
        Ok(program) => program,
        Err(errors) => {
            let first = errors.errors.first();
            let place = first.map(|error| format!(" at character {}", error.pos.1)).unwrap_or_default();
            desk.fault(
                written.at,
                format!("this is no CEL expression{place}; write such as `ergebnis == \"negativ\"`"),
            );
            return None;
        }
    };
    if !is_plain(program.expression()) {
        desk.fault(
            written.at,
            "the expression loops or builds maps; compare values with `==`, `in`, `&&`, `||`, `!` only",
        );
        return None;
    }
    let names = used_names(desk, written, &program, declared)?;
    let combinations =
        names.iter().try_fold(1usize, |product, name| product.checked_mul(declared[name].len().max(1)));
    if combinations.is_none_or(|count| count > MOST_COMBINATIONS) {
        desk.fault(
            written.at,
            format!("the expression has more than {MOST_COMBINATIONS} cases; use matchers"),
        );
        return None;
    }
    for nth in 0..combinations.unwrap_or(0) {
        let case = combination(&names, declared, nth);
        if evaluate(&program, case.iter().copied()).is_none() {
            let case: Vec<String> = case.iter().map(|(name, value)| format!("{name}={value}")).collect();
            desk.fault(
                written.at,
                format!("the expression is neither true nor false for {}; correct it", case.join(", ")),
            );
            return None;
        }
    }
    Some(Arc::new(Expression { program, text: written.value.clone() }))
}

/// True for comparisons and calls over names, constants and lists: without loops an expression ends as fast as it is
/// short, however it is written.
fn is_plain(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Ident(_) | Expr::Literal(_) => true,
        Expr::Select(select) => is_plain(&select.operand),
        Expr::List(list) => list.elements.iter().all(is_plain),
        Expr::Call(call) => {
            call.target.iter().all(|target| is_plain(target)) && call.args.iter().all(is_plain)
        }
        Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => false,
    }
}

/// The declared names that an expression depends on; faults for those that nobody declares.
fn used_names(
    desk: Desk<'_>,
    written: &At<String>,
    program: &Program,
    declared: &Declared,
) -> Option<Vec<&'static str>> {
    let references = program.references();
    let mut variables = references.variables();
    variables.sort_unstable();
    let mut good = true;
    let mut names = Vec::new();
    for variable in variables {
        let before = names.len();
        names.extend(declared.keys().copied().filter(|name| root(name) == variable));
        if names.len() == before {
            good = false;
            desk.unknown(
                written.at,
                format!("no earlier step sets `{variable}`; put the step that sets it before"),
                variable,
                declared.keys().map(|name| root(name)),
            );
        }
    }
    if good && names.is_empty() {
        desk.fault(written.at, "the expression looks at no value; it would always be the same");
        good = false;
    }
    good.then_some(names)
}

fn root(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn combination(names: &[&'static str], declared: &Declared, nth: usize) -> Vec<(&'static str, &'static str)> {
    let mut rest = nth;
    names
        .iter()
        .map(|name| {
            let values = &declared[name];
            let value = values.get(rest % values.len().max(1)).copied().unwrap_or("");
            rest /= values.len().max(1);
            (*name, value)
        })
        .collect()
}

/// `None` for an error and for anything but true and false; a name with dots is a field of its first part.
fn evaluate<'a>(program: &Program, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<bool> {
    let mut roots = serde_json::Map::new();
    for (name, value) in pairs {
        let mut steps: Vec<&str> = name.split('.').collect();
        let last = steps.pop()?;
        let mut map = &mut roots;
        for step in steps {
            let below = map.entry(step).or_insert_with(|| serde_json::Value::Object(Default::default()));
            map = below.as_object_mut()?;
        }
        map.insert(last.to_owned(), value.into());
    }
    let mut context = Context::default();
    for (name, value) in roots {
        context.add_variable(name, value).ok()?;
    }
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => Some(holds),
        _ => None,
    }
}
