//! Builds simple types: restriction with facets, list, union (XSD 1.0 Part 2, chapter 4).
//! It never lets a facet widen what its base allows.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::automaton;
use super::build::{Builder, Kind, Site, State, trimmed};
use super::fault::SchemaFault;
use super::lexis::White;
use super::moment::{Duration, Moment};
use super::names::NameId;
use super::number::{self, Decimal};
use super::pattern;
use super::simple::{ANY_SIMPLE, Bound, Look, Primitive, Role, Simple, SimpleId, Variety};
use super::tables::{LIST, RESTRICTION, TypeId, UNION};
use super::tree::Node;

/// Types that a value of a union may be put before, and levels of unions and lists.
const MOST_MEMBERS: usize = 10_000;
const MOST_UNIONS: usize = 100;
/// Patterns that a type collects from the types it is derived from.
const MOST_PATTERNS: usize = 500;

const FINALS: &[(&str, u8)] = &[("restriction", RESTRICTION), ("list", LIST), ("union", UNION)];

impl<'d> Builder<'d> {
    /// The simple type that a reference means.
    pub(super) fn simple_ref(&mut self, site: Site<'d>, text: &str) -> Result<SimpleId, SchemaFault> {
        match self.type_ref(site, text)? {
            TypeId::Simple(simple) => Ok(simple),
            TypeId::Complex(_) => Err(site.fault(format!("'{}' is not a simple type", trimmed(text)))),
        }
    }

    /// The type that a reference means.
    pub(super) fn type_ref(&mut self, site: Site<'d>, text: &str) -> Result<TypeId, SchemaFault> {
        let name = self.qname(site, text)?;
        if let Some(simple) = self.builtins.get(&name) {
            return Ok(TypeId::Simple(*simple));
        }
        if self.names.space_of(name) == super::names::XSD {
            return match self.names.local(name) {
                "anyType" => Ok(super::tables::ANY_TYPE),
                other => Err(site.fault(format!("XML Schema 1.0 has no type '{other}'"))),
            };
        }
        let global = self.resolve(Kind::Type, site, text)?;
        self.global_type(global)
    }

    pub(super) fn global_type(&mut self, global: usize) -> Result<TypeId, SchemaFault> {
        let name = self.globals[global].name;
        let built = self.once(global, |builder, site| {
            if site.node.local == "simpleType" {
                return Ok(State::Type(TypeId::Simple(builder.simple_type(site, Some(name))?)));
            }
            builder.complex_type(site, Some(name)).map(State::Type)
        })?;
        match built {
            State::Type(built) => Ok(built),
            _ => Err(self.globals[global].site.fault("this is not a type")),
        }
    }

    /// Builds what a `simpleType` element says.
    pub(super) fn simple_type(
        &mut self,
        site: Site<'d>,
        name: Option<NameId>,
    ) -> Result<SimpleId, SchemaFault> {
        let finals = site.ways_or_default("final", "finalDefault", FINALS)?;
        let Some(how) = site.node.parts().next() else {
            return Err(site.fault("a simple type has restriction, list or union"));
        };
        let how = site.at(how);
        let mut fixed = Vec::new();
        let mut simple = match &*how.node.local {
            "restriction" => {
                let base = self.simple_base(how)?;
                self.closed(how, base, RESTRICTION, "restriction")?;
                if base == ANY_SIMPLE {
                    return Err(how.fault("'anySimpleType' cannot be restricted"));
                }
                let redefines = self.within.last().is_some_and(|at| {
                    let global = &self.globals[*at];
                    global.original.is_some() && std::ptr::eq(global.site.node, site.node)
                });
                if redefines && !self.is_original(base) {
                    return Err(how.fault("a redefinition restricts what it redefines"));
                }
                fixed = self.fixed.get(&base).cloned().unwrap_or_default();
                self.restricted(how, base, &mut fixed)?
            }
            "list" => {
                let item = match (how.get("itemType"), how.node.child("simpleType")) {
                    (Some(item), None) => self.simple_ref(how, item)?,
                    (None, Some(item)) => self.simple_type(how.at(item), None)?,
                    _ => return Err(how.fault("a list has either 'itemType' or a simple type")),
                };
                self.closed(how, item, LIST, "list")?;
                if self.has_list(item) {
                    return Err(how.fault("a list holds no lists"));
                }
                Simple::plain(ANY_SIMPLE, Variety::List(item), White::Collapse)
            }
            _ => {
                let mut members = Vec::new();
                for member in super::lexis::items(how.get("memberTypes").unwrap_or_default()) {
                    members.push(self.simple_ref(how, member)?);
                }
                for node in how.node.parts() {
                    members.push(self.simple_type(how.at(node), None)?);
                }
                if members.is_empty() {
                    return Err(how.fault("a union has member types"));
                }
                for member in &members {
                    self.closed(how, *member, UNION, "union")?;
                }
                Simple::plain(ANY_SIMPLE, Variety::Union(members), White::Preserve)
            }
        };
        simple.name = name;
        self.bounded_union(how, &simple)?;
        let id = self.put_simple(simple);
        if !fixed.is_empty() {
            self.fixed.insert(id, fixed);
        }
        self.simple_finals.insert(id, finals);
        Ok(id)
    }

    /// A value is put before each member, and before the members of those: bounded when the type is made.
    fn bounded_union(&mut self, site: Site<'d>, simple: &Simple) -> Result<(), SchemaFault> {
        let reach = |id: &SimpleId| self.reach.get(id).copied().unwrap_or((1, 1));
        let (count, depth) = match &simple.variety {
            Variety::Atomic(_) => return Ok(()),
            Variety::List(item) => reach(item),
            Variety::Union(members) => members
                .iter()
                .map(reach)
                .fold((0, 0), |all, one| (usize::saturating_add(all.0, one.0), usize::max(all.1, one.1))),
        };
        let (count, depth) = (count + 1, depth + 1);
        if count > MOST_MEMBERS || depth > MOST_UNIONS {
            let text = format!(
                "unions of unions are supported up to {MOST_MEMBERS} members in all and {MOST_UNIONS} levels"
            );
            return Err(site.unsupported(text));
        }
        self.reach.insert(SimpleId(self.simples.list.len() as u32), (count, depth));
        Ok(())
    }

    pub(super) fn put_simple(&mut self, simple: Simple) -> SimpleId {
        self.simples.list.push(simple);
        SimpleId(self.simples.list.len() as u32 - 1)
    }

    fn is_original(&self, base: SimpleId) -> bool {
        let original = self.within.last().and_then(|within| self.globals[*within].original);
        original
            .is_some_and(|at| matches!(self.globals[at].state, State::Type(TypeId::Simple(id)) if id == base))
    }

    fn closed(&self, site: Site<'d>, base: SimpleId, way: u8, word: &str) -> Result<(), SchemaFault> {
        match self.simple_finals.get(&base) {
            Some(finals) if finals & way != 0 => Err(site.fault(format!("the base is final for {word}"))),
            _ => Ok(()),
        }
    }

    fn has_list(&self, id: SimpleId) -> bool {
        match &self.simples.get(id).variety {
            Variety::Atomic(_) => false,
            Variety::List(_) => true,
            Variety::Union(members) => members.iter().any(|member| self.has_list(*member)),
        }
    }

    fn simple_base(&mut self, how: Site<'d>) -> Result<SimpleId, SchemaFault> {
        match (how.get("base"), how.node.child("simpleType")) {
            (Some(base), None) => self.simple_ref(how, base),
            (None, Some(base)) => self.simple_type(how.at(base), None),
            _ => Err(how.fault("a restriction has either 'base' or a simple type")),
        }
    }

    /// The base with the facets of a `restriction` element.
    pub(super) fn restricted(
        &mut self,
        site: Site<'d>,
        base: SimpleId,
        fixed: &mut Vec<&'static str>,
    ) -> Result<Simple, SchemaFault> {
        let before = self.simples.get(base).clone();
        let mut simple = Simple { name: None, base, written: Vec::new(), ..before.clone() };
        let mut seen: Vec<&str> = Vec::new();
        let (mut patterns, mut values) = (Vec::new(), Vec::new());
        for node in site.node.parts() {
            let Some(facet) = FACETS.iter().copied().find(|facet| *facet == node.local) else { continue };
            let site = site.at(node);
            let raw = node.get("value").ok_or_else(|| site.fault("a facet has 'value'"))?;
            if !applies(facet, &simple.variety) {
                return Err(site.fault(format!("the facet '{facet}' does not apply to this type")));
            }
            simple.written.push((facet, raw.into()));
            match facet {
                "pattern" => {
                    let expr = pattern::parse(raw).map_err(|fault| {
                        site.fault(format!("pattern, character {}: {}", fault.at, fault.what))
                    })?;
                    patterns.push((site, raw, expr));
                    continue;
                }
                "enumeration" => {
                    values.push((site, raw));
                    continue;
                }
                _ => {}
            }
            if seen.contains(&facet) {
                return Err(site.fault(format!("the facet '{facet}' stands twice")));
            }
            let before_value = value_of(facet, &before);
            seen.push(facet);
            self.facet(site, facet, trimmed(raw), &mut simple)?;
            if fixed.contains(&facet) && before_value != value_of(facet, &simple) {
                return Err(site.fault(format!("the base has fixed the facet '{facet}'")));
            }
            if facet.ends_with("clusive") {
                self.bound_of_base(site, &before, raw)?;
            }
            if site.flag("fixed")? && !fixed.contains(&facet) {
                fixed.push(facet);
            }
        }
        coherent(site, &seen, &before, &mut simple)?;
        if let Some((first, ..)) = patterns.first() {
            let key: Vec<Box<str>> = patterns.iter().map(|(_, raw, _)| Box::from(*raw)).collect();
            let pattern = match self.patterns.get(&key) {
                Some(pattern) => pattern,
                None => {
                    let exprs: Vec<_> = patterns.iter().map(|(.., expr)| expr.clone()).collect();
                    let pattern = automaton::any_of(&exprs).map_err(|fault| first.unsupported(fault.what))?;
                    self.patterns.add(key, pattern)
                }
            };
            simple.patterns.push(pattern);
            if simple.patterns.len() > MOST_PATTERNS {
                return Err(site.unsupported("the type and its bases have too many patterns together"));
            }
        }
        if !values.is_empty() {
            let mut keys: HashMap<Box<str>, u32> = HashMap::new();
            for (site, raw) in values {
                let mut ids = Vec::new();
                let mut look = Look { prefixes: &*site.node.scope, key: true, ids: &mut ids };
                // A name in a value of a document without a namespace is not moved with the document.
                let key = self.simples.check(base, raw, &mut look).map_err(|broken| {
                    site.fault(format!("the value is none of the base: {} ({})", broken.what, broken.code))
                })?;
                if let Some(key) = key {
                    *keys.entry(key.text.into()).or_default() |= 1 << key.tag;
                }
            }
            simple.enumeration = Some(Arc::new(keys));
        }
        Ok(simple)
    }

    /// Part 2, 4.3.7.2 and its kin: a bound is a value of the base. Whether it lies within the ends of the base is looked at
    /// where the ends are compared: an exclusive end may be said again.
    fn bound_of_base(&mut self, site: Site<'d>, base: &Simple, raw: &str) -> Result<(), SchemaFault> {
        let probe = self.put_simple(Simple { least: None, most: None, ..base.clone() });
        let mut ids = Vec::new();
        let mut look = Look { prefixes: &*site.node.scope, key: true, ids: &mut ids };
        let found = self.simples.check(probe, raw, &mut look).map(drop);
        self.simples.list.pop();
        found.map_err(|broken| site.fault(format!("the bound is no value of the base: {}", broken.what)))
    }

    fn facet(&self, site: Site<'d>, facet: &str, text: &str, simple: &mut Simple) -> Result<(), SchemaFault> {
        let count = || {
            let lawful = number::is_integer(text)
                && (!text.starts_with('-') || text.trim_start_matches(['-', '0']).is_empty());
            lawful
                .then(|| text.trim_start_matches(['+', '-']).parse().unwrap_or(u64::MAX))
                .ok_or_else(|| site.fault(format!("'{facet}' is a number that is not negative")))
        };
        match facet {
            "length" => simple.length = Some(count()?),
            "minLength" => simple.min_length = Some(count()?),
            "maxLength" => simple.max_length = Some(count()?),
            "fractionDigits" => simple.fraction = Some(count()?),
            "totalDigits" => {
                let total = count()?;
                if total == 0 {
                    return Err(site.fault("'totalDigits' is at least 1"));
                }
                simple.total = Some(total);
            }
            "whiteSpace" => {
                let white = match text {
                    "preserve" => White::Preserve,
                    "replace" => White::Replace,
                    "collapse" => White::Collapse,
                    _ => return Err(site.fault("'whiteSpace' is preserve, replace or collapse")),
                };
                if white < simple.white {
                    return Err(site.fault("the base treats white space more strictly"));
                }
                simple.white = white;
            }
            _ => {
                let bound = bound(&simple.variety, text)
                    .filter(|_| simple.lexis != super::lexis::Lexis::Integer || number::is_integer(text))
                    .ok_or_else(|| site.fault("the bound is no value of the type"))?;
                let end = Some((bound, facet.ends_with("Inclusive")));
                if facet.starts_with("min") { simple.least = end } else { simple.most = end }
            }
        }
        Ok(())
    }
}

const FACETS: &[&str] = &[
    "minExclusive",
    "minInclusive",
    "maxExclusive",
    "maxInclusive",
    "totalDigits",
    "fractionDigits",
    "length",
    "minLength",
    "maxLength",
    "enumeration",
    "whiteSpace",
    "pattern",
];

fn applies(facet: &str, variety: &Variety) -> bool {
    let (lengths, ends, digits, values, white) = match variety {
        Variety::List(_) => (true, false, false, true, true),
        Variety::Union(_) => (false, false, false, true, false),
        Variety::Atomic(primitive) => match primitive {
            Primitive::AnySimple => return false,
            Primitive::Boolean => (false, false, false, false, true),
            Primitive::Decimal => (false, true, true, true, true),
            Primitive::Float | Primitive::Double | Primitive::Duration | Primitive::Moment(_) => {
                (false, true, false, true, true)
            }
            _ => (true, false, false, true, true),
        },
    };
    match facet {
        "pattern" => true,
        "enumeration" => values,
        "whiteSpace" => white,
        "length" | "minLength" | "maxLength" => lengths,
        "totalDigits" | "fractionDigits" => digits,
        _ => ends,
    }
}

fn bound(variety: &Variety, text: &str) -> Option<Bound> {
    let Variety::Atomic(primitive) = variety else { return None };
    match primitive {
        Primitive::Decimal => Decimal::read(text).map(|_| Bound::Decimal(text.into())),
        Primitive::Float | Primitive::Double => {
            number::float(text, *primitive == Primitive::Float).map(Bound::Float)
        }
        Primitive::Duration => Duration::read(text).map(Bound::Duration),
        Primitive::Moment(kind) => Moment::read(*kind, text).map(Bound::Moment),
        _ => None,
    }
}

fn order(one: &Bound, two: &Bound) -> Option<Ordering> {
    match (one, two) {
        (Bound::Decimal(one), Bound::Decimal(two)) => Some(Decimal::read(one)?.cmp(&Decimal::read(two)?)),
        (Bound::Float(one), Bound::Float(two)) if one.is_nan() && two.is_nan() => Some(Ordering::Equal),
        (Bound::Float(one), Bound::Float(two)) => one.partial_cmp(two),
        (Bound::Moment(one), Bound::Moment(two)) => one.compare(two),
        (Bound::Duration(one), Bound::Duration(two)) => one.compare(two),
        _ => None,
    }
}

fn value_of(facet: &str, simple: &Simple) -> String {
    let end = |end: &Option<(Bound, bool)>, inclusive: bool| {
        let found = end.as_ref().filter(|(_, itself)| *itself == inclusive);
        found.map(|(bound, _)| match bound {
            Bound::Decimal(text) => Decimal::read(text).map(|value| value.key()).unwrap_or_default(),
            Bound::Float(value) => number::float_key(*value),
            Bound::Moment(moment) => moment.key(),
            Bound::Duration(duration) => duration.key(),
        })
    };
    match facet {
        "length" => format!("{:?}", simple.length),
        "minLength" => format!("{:?}", simple.min_length),
        "maxLength" => format!("{:?}", simple.max_length),
        "totalDigits" => format!("{:?}", simple.total),
        "fractionDigits" => format!("{:?}", simple.fraction),
        "whiteSpace" => format!("{:?}", simple.white),
        "minInclusive" => format!("{:?}", end(&simple.least, true)),
        "minExclusive" => format!("{:?}", end(&simple.least, false)),
        "maxInclusive" => format!("{:?}", end(&simple.most, true)),
        _ => format!("{:?}", end(&simple.most, false)),
    }
}

/// Whether facets agree with each other and only narrow the base (Part 2, 4.3).
fn coherent(site: Site<'_>, seen: &[&str], before: &Simple, simple: &mut Simple) -> Result<(), SchemaFault> {
    let has = |facet: &str| seen.contains(&facet);
    let no = |text: &str| Err(site.fault(text));
    if (has("minInclusive") && has("minExclusive")) || (has("maxInclusive") && has("maxExclusive")) {
        return no("an end of a range is either inclusive or exclusive");
    }
    // Beside each other only where the base says the same bound already (erratum to Part 2, 4.3.1.4).
    if has("length")
        && (has("minLength") && before.min_length != simple.min_length
            || has("maxLength") && before.max_length != simple.max_length)
    {
        return no("'length' does not stand beside 'minLength' or 'maxLength'");
    }
    if let (Some(length), true) = (simple.length, simple.role != Role::Entity) {
        let outside = simple.min_length.is_some_and(|least| length < least)
            || simple.max_length.is_some_and(|most| length > most);
        if outside || before.length.is_some_and(|before| before != length) {
            return no("'length' is not what the base allows");
        }
    }
    if simple.min_length.zip(simple.max_length).is_some_and(|(least, most)| least > most) {
        return no("'minLength' is more than 'maxLength'");
    }
    if before.min_length.zip(simple.min_length).is_some_and(|(before, now)| now < before)
        || before.max_length.zip(simple.max_length).is_some_and(|(before, now)| now > before)
    {
        return no("a length is not what the base allows");
    }
    if before.total.zip(simple.total).is_some_and(|(before, now)| now > before)
        || before.fraction.zip(simple.fraction).is_some_and(|(before, now)| now > before)
    {
        return no("the base allows fewer digits");
    }
    if simple.fraction.zip(simple.total).is_some_and(|(fraction, total)| fraction > total) {
        return no("'fractionDigits' is more than 'totalDigits'");
    }
    let own_least = has("minInclusive") || has("minExclusive");
    let own_most = has("maxInclusive") || has("maxExclusive");
    if let (Some((least, least_itself)), Some((most, most_itself))) = (&simple.least, &simple.most) {
        let own = own_least || own_most;
        match order(least, most) {
            Some(Ordering::Less) => {}
            // Both exclusive at one place is an empty range, and lawful.
            Some(Ordering::Equal) if least_itself == most_itself => {}
            // Part 2, 4.3.9.4: beyond the inclusive end of the base is only what is greater. An empty type, and lawful.
            Some(Ordering::Equal) if !own_most && *most_itself => {}
            _ if !own => {}
            _ => return no("the lower end of the range is above the upper one"),
        }
    }
    let narrower = |now: &Option<(Bound, bool)>, before: &Option<(Bound, bool)>, wanted: Ordering| {
        let (Some((now, itself)), Some((before, before_itself))) = (now, before) else { return true };
        match order(now, before) {
            Some(Ordering::Equal) => *before_itself || !*itself,
            Some(order) => order == wanted,
            None => false,
        }
    };
    let apart = |end: &Option<(Bound, bool)>, other: &Option<(Bound, bool)>, wanted: Ordering| {
        let (Some((end, _)), Some((other, other_itself))) = (end, other) else { return true };
        match order(end, other) {
            // Part 2, 4.3.7.4 to 4.3.10.4: at the exclusive end of the base is outside of it.
            Some(Ordering::Equal) => *other_itself,
            Some(order) => order == wanted,
            None => false,
        }
    };
    if own_least
        && (!narrower(&simple.least, &before.least, Ordering::Greater)
            || !apart(&simple.least, &before.most, Ordering::Less))
        || own_most
            && (!narrower(&simple.most, &before.most, Ordering::Less)
                || !apart(&simple.most, &before.least, Ordering::Greater))
    {
        return no("the range is wider than that of the base");
    }
    Ok(())
}

/// Whether a node holds facets.
pub(super) fn has_facets(node: &Node) -> bool {
    node.parts().any(|child| FACETS.contains(&&*child.local))
}
