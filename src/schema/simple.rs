//! Simple types as compiled checks: white space, the lexical rules of the built-in types, facets, lists and unions.
//! It never shows a value: a breach says the constraint and what was expected.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::automaton::Pattern;
use super::lexis::{self, Lexis, White};
use super::moment::{Duration, Kind, Moment};
use super::names::NameId;
use super::number::{self, Decimal};

/// A simple type; the first is `anySimpleType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SimpleId(pub(super) u32);

/// The type that every simple type is derived from.
pub(super) const ANY_SIMPLE: SimpleId = SimpleId(0);

/// The primitive types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    AnySimple,
    String,
    Boolean,
    Decimal,
    Float,
    Double,
    Duration,
    Moment(Kind),
    Hex,
    Base64,
    AnyUri,
    QName,
    Notation,
}

/// How values are composed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Variety {
    Atomic(Primitive),
    List(SimpleId),
    Union(Vec<SimpleId>),
}

/// What a value is beyond itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    None,
    Id,
    IdRef,
    Entity,
}

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Decimal(Box<str>),
    Float(f64),
    Moment(Moment),
    Duration(Duration),
}

/// A type with all facets that are in force, its own and the inherited ones.
#[derive(Clone, Debug)]
pub(super) struct Simple {
    pub(super) name: Option<NameId>,
    pub(super) base: SimpleId,
    pub(super) variety: Variety,
    pub(super) white: White,
    pub(super) lexis: Lexis,
    pub(super) role: Role,
    pub(super) patterns: Vec<Arc<Pattern>>,
    /// Keys of the allowed values, each with a bit for its tag.
    pub(super) enumeration: Option<Arc<HashMap<Box<str>, u32>>>,
    pub(super) length: Option<u64>,
    pub(super) min_length: Option<u64>,
    pub(super) max_length: Option<u64>,
    pub(super) total: Option<u64>,
    pub(super) fraction: Option<u64>,
    /// With true where the end itself is allowed.
    pub(super) least: Option<(Bound, bool)>,
    pub(super) most: Option<(Bound, bool)>,
    /// Its own facets as they are written, until the tables are made.
    pub(super) written: Vec<(&'static str, Box<str>)>,
}

impl Simple {
    /// A type without facets.
    pub(super) fn plain(base: SimpleId, variety: Variety, white: White) -> Simple {
        Simple {
            name: None,
            base,
            variety,
            white,
            lexis: Lexis::Any,
            role: Role::None,
            patterns: Vec::new(),
            enumeration: None,
            length: None,
            min_length: None,
            max_length: None,
            total: None,
            fraction: None,
            least: None,
            most: None,
            written: Vec::new(),
        }
    }
}

/// All simple types of a schema.
#[derive(Debug, Default)]
pub(super) struct Simples {
    pub(super) list: Vec<Simple>,
    /// Keys of the declared notations.
    pub(super) notations: HashSet<String>,
}

/// A value by which two values are compared: equal exactly when tag and text are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key<'v> {
    pub(super) tag: u8,
    pub(super) text: Cow<'v, str>,
}

/// The constraint that a value breaks, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) code: &'static str,
    pub(super) what: Cow<'static, str>,
}

fn broken(code: &'static str, what: impl Into<Cow<'static, str>>) -> Broken {
    Broken { code, what: what.into() }
}

/// Every pattern in force holds; a schema is no one's secret, so the one that does not is shown.
fn patterned(simple: &Simple, text: &str) -> Result<(), Broken> {
    let Some(pattern) = simple.patterns.iter().find(|pattern| !pattern.holds(text)) else { return Ok(()) };
    Err(match pattern.told() {
        Some(told) => broken("cvc-pattern-valid", format!("a value of the pattern {told} is expected")),
        None => broken("cvc-pattern-valid", "a value of the prescribed pattern is expected"),
    })
}

/// Which namespace a prefix stands for where a value is written.
pub(super) trait Prefixes {
    fn name_of(&self, prefix: &str) -> Option<&str>;
}

impl Prefixes for super::events::Spaces<'_, '_> {
    fn name_of(&self, prefix: &str) -> Option<&str> {
        self.name(prefix)
    }
}

/// How a value is looked at.
pub(super) struct Look<'l> {
    pub(super) prefixes: &'l dyn Prefixes,
    /// Whether the key is wanted in any case.
    pub(super) key: bool,
    /// Takes the values of type ID and IDREF.
    pub(super) ids: &'l mut Vec<(Role, String)>,
}

const TAG_LIST: u8 = 30;
const TAG_ANY: u8 = 31;

fn tag(primitive: Primitive) -> u8 {
    match primitive {
        Primitive::String => 0,
        // Part 2, 3.2.1 leaves open which of the primitive types a value of this one is of: none that is called otherwise, as Xerces and
        // libxml2 have it.
        Primitive::AnySimple => TAG_ANY,
        Primitive::Boolean => 1,
        Primitive::Decimal => 2,
        Primitive::Float => 3,
        Primitive::Double => 4,
        Primitive::Duration => 5,
        Primitive::Hex => 6,
        Primitive::Base64 => 7,
        Primitive::AnyUri => 8,
        Primitive::QName => 9,
        Primitive::Notation => 10,
        Primitive::Moment(kind) => 11 + kind as u8,
    }
}

impl Simples {
    pub(super) fn get(&self, id: SimpleId) -> &Simple {
        &self.list[id.0 as usize]
    }

    /// Whether one type is derived from the other, or is it.
    pub(super) fn derives(&self, from: SimpleId, wanted: SimpleId) -> bool {
        let mut at = from;
        loop {
            if at == wanted || wanted == ANY_SIMPLE {
                return true;
            }
            if at == ANY_SIMPLE {
                return false;
            }
            at = self.get(at).base;
        }
    }

    /// Whether a text of the type can be judged without anything around it.
    pub(super) fn stands_alone(&self, id: SimpleId) -> bool {
        let simple = self.get(id);
        match &simple.variety {
            Variety::Atomic(Primitive::QName | Primitive::Notation) => false,
            Variety::Atomic(_) => simple.role == Role::None,
            Variety::List(item) => self.stands_alone(*item),
            Variety::Union(members) => members.iter().all(|member| self.stands_alone(*member)),
        }
    }

    /// Checks a text as it is written; answers the key where it is wanted or was needed.
    pub(super) fn check<'v>(
        &self,
        id: SimpleId,
        raw: &'v str,
        look: &mut Look<'_>,
    ) -> Result<Option<Key<'v>>, Broken> {
        self.judge(id, raw, look).map(|(key, _)| key)
    }

    /// As [`Simples::check`]; answers as well how white space is treated: that of a union is that of the member which takes
    /// the value.
    fn judge<'v>(
        &self,
        id: SimpleId,
        raw: &'v str,
        look: &mut Look<'_>,
    ) -> Result<(Option<Key<'v>>, White), Broken> {
        let simple = self.get(id);
        let mut white = simple.white;
        let union = matches!(simple.variety, Variety::Union(_));
        let text = if union { Cow::Borrowed(raw) } else { lexis::whitened(raw, simple.white) };
        if !union {
            patterned(simple, &text)?;
        }
        let wanted = look.key || simple.enumeration.is_some();
        let key = match &simple.variety {
            Variety::Atomic(primitive) => self.atomic(simple, *primitive, text, wanted, look)?,
            Variety::List(item) => {
                let (mut count, mut all) = (0u64, String::new());
                let mut inner = Look { prefixes: look.prefixes, key: wanted, ids: look.ids };
                for part in lexis::items(&text) {
                    count += 1;
                    let found = self.check(*item, part, &mut inner)?;
                    if let Some(key) = found.filter(|_| wanted) {
                        all.push(char::from(b'A' + key.tag));
                        all.push_str(&key.text);
                        all.push('\u{1}');
                    }
                }
                lengths(simple, count, "items")?;
                wanted.then_some(Key { tag: TAG_LIST, text: Cow::Owned(all) })
            }
            Variety::Union(members) => {
                let marks = look.ids.len();
                let mut found = None;
                for member in members {
                    let mut inner = Look { prefixes: look.prefixes, key: wanted, ids: look.ids };
                    match self.judge(*member, raw, &mut inner) {
                        Ok((key, its)) => {
                            found = Some(key);
                            white = its;
                            break;
                        }
                        Err(_) => look.ids.truncate(marks),
                    }
                }
                match found {
                    Some(key) => key,
                    None => {
                        let what = "a value of one of the member types is expected";
                        return Err(broken("cvc-datatype-valid.1.2.3", what));
                    }
                }
            }
        };
        if union && !simple.patterns.is_empty() {
            patterned(simple, &lexis::whitened(raw, white))?;
        }
        if let (Some(allowed), Some(key)) = (&simple.enumeration, &key)
            && allowed.get(&*key.text).is_none_or(|tags| tags & (1 << key.tag) == 0)
        {
            return Err(broken("cvc-enumeration-valid", "one of the listed values is expected"));
        }
        Ok((key, white))
    }

    fn atomic<'v>(
        &self,
        simple: &Simple,
        primitive: Primitive,
        text: Cow<'v, str>,
        wanted: bool,
        look: &mut Look<'_>,
    ) -> Result<Option<Key<'v>>, Broken> {
        let no = |what: &'static str| broken("cvc-datatype-valid.1.2.1", what);
        let tag = tag(primitive);
        let owned = |key: String| Some(Key { tag, text: Cow::Owned(key) });
        let key = match primitive {
            Primitive::AnySimple | Primitive::String => {
                if !simple.lexis.holds(&text) {
                    return Err(no(simple.lexis.expected()));
                }
                if simple.length.is_some() || simple.min_length.is_some() || simple.max_length.is_some() {
                    lengths(simple, text.chars().count() as u64, "characters")?;
                }
                match simple.role {
                    Role::None => {}
                    // Only a document type declares entities, and a document with one does not come here.
                    Role::Entity => return Err(no("the name of a declared entity is expected")),
                    role => look.ids.push((role, text.clone().into_owned())),
                }
                wanted.then_some(Key { tag, text })
            }
            Primitive::Boolean => match &*text {
                "true" | "1" => wanted.then_some(Key { tag, text: Cow::Borrowed("true") }),
                "false" | "0" => wanted.then_some(Key { tag, text: Cow::Borrowed("false") }),
                _ => return Err(no("true, false, 1 or 0 is expected")),
            },
            Primitive::Decimal => {
                if simple.lexis == Lexis::Integer && !number::is_integer(&text) {
                    return Err(no("an integer is expected"));
                }
                let value = Decimal::read(&text).ok_or_else(|| no("a decimal number is expected"))?;
                self.decimal(simple, &value)?;
                if wanted { owned(value.key()) } else { None }
            }
            Primitive::Float | Primitive::Double => {
                let value = number::float(&text, primitive == Primitive::Float)
                    .ok_or_else(|| no("a floating-point number is expected"))?;
                range(simple, |bound| match bound {
                    Bound::Float(bound) if value.is_nan() && bound.is_nan() => Some(Ordering::Equal),
                    Bound::Float(bound) => value.partial_cmp(bound),
                    _ => None,
                })?;
                if wanted { owned(number::float_key(value)) } else { None }
            }
            Primitive::Duration => {
                let value = Duration::read(&text).ok_or_else(|| no("a duration is expected"))?;
                range(simple, |bound| match bound {
                    Bound::Duration(bound) => value.compare(bound),
                    _ => None,
                })?;
                if wanted { owned(value.key()) } else { None }
            }
            Primitive::Moment(kind) => {
                let value = Moment::read(kind, &text).ok_or_else(|| no(expected_moment(kind)))?;
                range(simple, |bound| match bound {
                    Bound::Moment(bound) => value.compare(bound),
                    _ => None,
                })?;
                if wanted { owned(value.key()) } else { None }
            }
            Primitive::Hex => {
                let count = number::hex_octets(&text)
                    .ok_or_else(|| no("pairs of hexadecimal digits are expected"))?;
                lengths(simple, count, "octets")?;
                if wanted { owned(text.to_ascii_uppercase()) } else { None }
            }
            Primitive::Base64 => {
                let count = number::base64_octets(&text).ok_or_else(|| no("base64 is expected"))?;
                lengths(simple, count, "octets")?;
                if wanted { owned(text.replace(' ', "")) } else { None }
            }
            Primitive::AnyUri => {
                if !lexis::is_uri(&text) {
                    return Err(no("an address (URI) is expected"));
                }
                lengths(simple, text.chars().count() as u64, "characters")?;
                wanted.then_some(Key { tag, text })
            }
            Primitive::QName | Primitive::Notation => {
                let name = crate::xml::chars::split_qname(&text).and_then(|(prefix, local)| {
                    look.prefixes.name_of(prefix).map(|space| format!("{{{space}}}{local}"))
                });
                let name = name.ok_or_else(|| no("a name with a declared prefix is expected"))?;
                if primitive == Primitive::Notation && !self.notations.contains(&name) {
                    return Err(no("the name of a declared notation is expected"));
                }
                owned(name)
            }
        };
        Ok(key)
    }

    fn decimal(&self, simple: &Simple, value: &Decimal<'_>) -> Result<(), Broken> {
        let (total, fraction) = value.digits();
        if simple.total.is_some_and(|most| total > most) {
            return Err(broken("cvc-totalDigits-valid", "fewer digits are expected"));
        }
        if simple.fraction.is_some_and(|most| fraction > most) {
            return Err(broken("cvc-fractionDigits-valid", "fewer digits behind the point are expected"));
        }
        range(simple, |bound| match bound {
            Bound::Decimal(bound) => Decimal::read(bound).map(|bound| value.cmp(&bound)),
            _ => None,
        })
    }
}

fn expected_moment(kind: Kind) -> &'static str {
    match kind {
        Kind::DateTime => "a moment, YYYY-MM-DDThh:mm:ss, is expected",
        Kind::Time => "a time, hh:mm:ss, is expected",
        Kind::Date => "a date, YYYY-MM-DD, is expected",
        Kind::YearMonth => "a month of a year, YYYY-MM, is expected",
        Kind::Year => "a year, YYYY, is expected",
        Kind::MonthDay => "a day of a month, --MM-DD, is expected",
        Kind::Day => "a day, ---DD, is expected",
        Kind::Month => "a month, --MM, is expected",
    }
}

fn range(simple: &Simple, compare: impl Fn(&Bound) -> Option<Ordering>) -> Result<(), Broken> {
    if let Some((bound, itself)) = &simple.least {
        let order = compare(bound);
        if !(order == Some(Ordering::Greater) || (*itself && order == Some(Ordering::Equal))) {
            let code = if *itself { "cvc-minInclusive-valid" } else { "cvc-minExclusive-valid" };
            return Err(broken(code, "a greater value is expected"));
        }
    }
    if let Some((bound, itself)) = &simple.most {
        let order = compare(bound);
        if !(order == Some(Ordering::Less) || (*itself && order == Some(Ordering::Equal))) {
            let code = if *itself { "cvc-maxInclusive-valid" } else { "cvc-maxExclusive-valid" };
            return Err(broken(code, "a smaller value is expected"));
        }
    }
    Ok(())
}

fn lengths(simple: &Simple, count: u64, unit: &str) -> Result<(), Broken> {
    if let Some(length) = simple.length.filter(|length| *length != count) {
        return Err(broken("cvc-length-valid", format!("exactly {length} {unit} are expected")));
    }
    if let Some(least) = simple.min_length.filter(|least| count < *least) {
        return Err(broken("cvc-minLength-valid", format!("at least {least} {unit} are expected")));
    }
    if let Some(most) = simple.max_length.filter(|most| count > *most) {
        return Err(broken("cvc-maxLength-valid", format!("at most {most} {unit} are expected")));
    }
    Ok(())
}
