//! The built-in simple types of XSD 1.0, in the order of their derivation.
//! It never adds one that the standard does not have.

use std::collections::HashMap;

use super::lexis::{Lexis, White};
use super::moment::Kind;
use super::names::{NameId, Names, XSD};
use super::simple::{ANY_SIMPLE, Bound, Primitive, Role, Simple, SimpleId, Simples, Variety};

const PRIMITIVES: &[(&str, Primitive)] = &[
    ("boolean", Primitive::Boolean),
    ("decimal", Primitive::Decimal),
    ("float", Primitive::Float),
    ("double", Primitive::Double),
    ("duration", Primitive::Duration),
    ("dateTime", Primitive::Moment(Kind::DateTime)),
    ("time", Primitive::Moment(Kind::Time)),
    ("date", Primitive::Moment(Kind::Date)),
    ("gYearMonth", Primitive::Moment(Kind::YearMonth)),
    ("gYear", Primitive::Moment(Kind::Year)),
    ("gMonthDay", Primitive::Moment(Kind::MonthDay)),
    ("gDay", Primitive::Moment(Kind::Day)),
    ("gMonth", Primitive::Moment(Kind::Month)),
    ("hexBinary", Primitive::Hex),
    ("base64Binary", Primitive::Base64),
    ("anyURI", Primitive::AnyUri),
    ("QName", Primitive::QName),
    ("NOTATION", Primitive::Notation),
];

const STRINGS: &[(&str, &str, White, Lexis, Role)] = &[
    ("normalizedString", "string", White::Replace, Lexis::Any, Role::None),
    ("token", "normalizedString", White::Collapse, Lexis::Any, Role::None),
    ("language", "token", White::Collapse, Lexis::Language, Role::None),
    ("NMTOKEN", "token", White::Collapse, Lexis::NmToken, Role::None),
    ("Name", "token", White::Collapse, Lexis::Name, Role::None),
    ("NCName", "Name", White::Collapse, Lexis::NcName, Role::None),
    ("ID", "NCName", White::Collapse, Lexis::NcName, Role::Id),
    ("IDREF", "NCName", White::Collapse, Lexis::NcName, Role::IdRef),
    ("ENTITY", "NCName", White::Collapse, Lexis::NcName, Role::Entity),
];

const INTEGERS: &[(&str, &str, Option<&str>, Option<&str>)] = &[
    ("integer", "decimal", None, None),
    ("nonPositiveInteger", "integer", None, Some("0")),
    ("negativeInteger", "nonPositiveInteger", None, Some("-1")),
    ("long", "integer", Some("-9223372036854775808"), Some("9223372036854775807")),
    ("int", "long", Some("-2147483648"), Some("2147483647")),
    ("short", "int", Some("-32768"), Some("32767")),
    ("byte", "short", Some("-128"), Some("127")),
    ("nonNegativeInteger", "integer", Some("0"), None),
    ("unsignedLong", "nonNegativeInteger", Some("0"), Some("18446744073709551615")),
    ("unsignedInt", "unsignedLong", Some("0"), Some("4294967295")),
    ("unsignedShort", "unsignedInt", Some("0"), Some("65535")),
    ("unsignedByte", "unsignedShort", Some("0"), Some("255")),
    ("positiveInteger", "nonNegativeInteger", Some("1"), None),
];

/// Makes them all; answers them by name.
pub(super) fn add(names: &mut Names, simples: &mut Simples) -> HashMap<NameId, SimpleId> {
    let mut known = HashMap::new();
    let any = Simple::plain(ANY_SIMPLE, Variety::Atomic(Primitive::AnySimple), White::Preserve);
    put("anySimpleType", any, names, simples, &mut known);
    let string = Simple::plain(ANY_SIMPLE, Variety::Atomic(Primitive::String), White::Preserve);
    put("string", string, names, simples, &mut known);
    for (name, primitive) in PRIMITIVES {
        let simple = Simple::plain(ANY_SIMPLE, Variety::Atomic(*primitive), White::Collapse);
        put(name, simple, names, simples, &mut known);
    }
    for (name, base, white, lexis, role) in STRINGS {
        let base = find(base, names, &known);
        let mut simple = Simple { base, white: *white, lexis: *lexis, ..simples.get(base).clone() };
        simple.role = *role;
        put(name, simple, names, simples, &mut known);
    }
    for (name, item) in [("NMTOKENS", "NMTOKEN"), ("IDREFS", "IDREF"), ("ENTITIES", "ENTITY")] {
        let item = find(item, names, &known);
        let mut simple = Simple::plain(ANY_SIMPLE, Variety::List(item), White::Collapse);
        simple.min_length = Some(1);
        put(name, simple, names, simples, &mut known);
    }
    for (name, base, least, most) in INTEGERS {
        let base = find(base, names, &known);
        let mut simple = Simple { base, lexis: Lexis::Integer, ..simples.get(base).clone() };
        simple.fraction = Some(0);
        let bound = |text: &&str| (Bound::Decimal((*text).into()), true);
        simple.least = least.as_ref().map(bound).or(simple.least);
        simple.most = most.as_ref().map(bound).or(simple.most);
        put(name, simple, names, simples, &mut known);
    }
    known
}

fn find(name: &str, names: &Names, known: &HashMap<NameId, SimpleId>) -> SimpleId {
    names.find(XSD, name).and_then(|name| known.get(&name).copied()).unwrap_or(ANY_SIMPLE)
}

fn put(
    name: &str,
    mut simple: Simple,
    names: &mut Names,
    simples: &mut Simples,
    known: &mut HashMap<NameId, SimpleId>,
) {
    let number = names.add(XSD, name);
    simple.name = Some(number);
    simples.list.push(simple);
    known.insert(number, SimpleId(simples.list.len() as u32 - 1));
}
