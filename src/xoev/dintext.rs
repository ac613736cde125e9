//! The text types of DIN 91379, checked by the table of the norm instead of by the validator's regular expressions, which
//! took a sixth of all processor time. The validator gets the norm's schema without its patterns; whoever walks a document
//! checks every text of such a type here, in the same pass. Knows no standard.

use std::collections::HashMap;

use quick_xml::events::Event;
use quick_xml::{Reader, Writer};
use xsd_schema::parser::frames::SimpleTypeVariety;
use xsd_schema::types::facets::WhitespaceMode;
use xsd_schema::{SchemaSet, SimpleTypeKey, TypeKey};

use crate::latin::datatype::{self, Datatype};
use crate::xoev::schema::Files;

/// Namespace of the norm's schema; its version is part of it, so the types cannot change under this name.
const NAMESPACE: &str = "urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08";
/// Names of the types, in the order of the norm.
const TYPES: &[(&str, Datatype)] = &[
    ("datatypeA", Datatype::A),
    ("datatypeB", Datatype::B),
    ("datatypeC", Datatype::C),
    ("datatypeD", Datatype::D),
    ("datatypeE", Datatype::E),
];

/// The files with the norm's schema stripped of its patterns; `None` where there is none, or where it has another shape.
pub fn without_patterns(files: &Files) -> Option<Files> {
    let mut lean = Files::new();
    for (name, text) in files.iter().filter(|(_, text)| text.contains(NAMESPACE)) {
        if let Some(stripped) = strip(text) {
            lean.insert(name.clone(), stripped);
        }
    }
    if lean.is_empty() {
        return None;
    }
    let rest = files.iter().filter(|(name, _)| !lean.contains_key(*name));
    let rest: Vec<_> = rest.map(|(name, text)| (name.clone(), text.clone())).collect();
    lean.extend(rest);
    Some(lean)
}

/// The schema of the norm without its patterns; `None` for any other schema.
fn strip(text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    let mut writer = Writer::new(Vec::with_capacity(text.len()));
    let mut inside = 0usize;
    let mut is_norm = false;
    loop {
        let event = reader.read_event().ok()?;
        match &event {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().as_ref() == "schema" => {
                is_norm = tag
                    .attributes()
                    .flatten()
                    .any(|a| a.key.as_ref() == "targetNamespace" && a.value.as_ref() == NAMESPACE);
            }
            // Only types whose name says which table stands for them.
            Event::Start(tag) if tag.local_name().as_ref() == "simpleType" => {
                let name = tag.attributes().flatten().find(|a| a.key.as_ref() == "name")?;
                let known = TYPES.iter().any(|(known, _)| *known == name.value.as_ref());
                if !known {
                    return None;
                }
            }
            Event::Empty(tag) if tag.local_name().as_ref() == "pattern" => continue,
            Event::Start(tag) if tag.local_name().as_ref() == "pattern" => {
                inside += 1;
                continue;
            }
            Event::End(tag) if tag.local_name().as_ref() == "pattern" => {
                inside = inside.saturating_sub(1);
                continue;
            }
            _ => {}
        }
        if inside == 0 {
            writer.write_event(event).ok()?;
        }
    }
    is_norm.then(|| String::from_utf8(writer.into_inner()).ok()).flatten()
}

/// Which types of a compiled set are text of the norm.
#[derive(Debug, Default)]
pub struct Texts {
    by_type: HashMap<TypeKey, Text>,
}

/// How a text of the norm is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    datatype: Datatype,
    /// Tab and line break count as spaces, because the type says so.
    replaced: bool,
}

impl Text {
    /// Whether a text conforms.
    pub fn holds(&self, text: &str) -> bool {
        if self.replaced && text.contains(['\t', '\n', '\r']) {
            return datatype::check(&text.replace(['\t', '\n', '\r'], " "), self.datatype).is_ok();
        }
        datatype::check(text, self.datatype).is_ok()
    }
}

impl Texts {
    /// Finds them; `None` where a list or union is made of them, which only the patterns themselves can judge.
    pub fn find(set: &SchemaSet) -> Option<Texts> {
        let mut by_type = HashMap::new();
        for (key, _) in set.arenas.simple_types.iter() {
            if let Some(text) = simple(set, key)? {
                by_type.insert(TypeKey::Simple(key), text);
            }
        }
        for (key, data) in set.arenas.complex_types.iter() {
            let mut content = data.resolved_simple_content_type;
            let mut base = data.resolved_base_type;
            // Simple content may come from a base that has it.
            for _ in 0..32 {
                match (content, base) {
                    (None, Some(TypeKey::Complex(complex))) => {
                        let data = set.arenas.get_complex_type(complex)?;
                        content = data.resolved_simple_content_type;
                        base = data.resolved_base_type;
                    }
                    (None, Some(simple @ TypeKey::Simple(_))) => content = Some(simple),
                    _ => break,
                }
            }
            if let Some(TypeKey::Simple(content)) = content
                && let Some(text) = simple(set, content)?
            {
                by_type.insert(TypeKey::Complex(key), text);
            }
        }
        Some(Texts { by_type })
    }

    /// How values of a type are checked, if it is text of the norm.
    pub fn of(&self, kind: Option<TypeKey>) -> Option<Text> {
        self.by_type.get(&kind?).copied()
    }
}

/// `Some(None)` for a type that is no text of the norm, `None` where this cannot be told.
fn simple(set: &SchemaSet, key: SimpleTypeKey) -> Option<Option<Text>> {
    let mut replaced = false;
    let mut at = Some(TypeKey::Simple(key));
    for _ in 0..32 {
        let Some(TypeKey::Simple(key)) = at else { return Some(None) };
        let Some(data) = set.arenas.simple_types.get(key) else { return Some(None) };
        if let Some(whitespace) = &data.facets.whitespace {
            replaced |= whitespace.value != WhitespaceMode::Preserve;
        }
        let parts = data.resolved_member_types.iter().chain(&data.resolved_item_type);
        if data.variety != SimpleTypeVariety::Atomic {
            let mut parts = parts.filter_map(|part| part.as_simple());
            return parts.all(|part| simple(set, part) == Some(None)).then_some(None);
        }
        let name = |id| set.name_table.resolve(id);
        if data.target_namespace.is_some_and(|id| name(id) == NAMESPACE)
            && let Some(own) = data.name
        {
            let own = name(own);
            let found = TYPES.iter().find(|(known, _)| *known == own);
            return Some(found.map(|(_, datatype)| Text { datatype: *datatype, replaced }));
        }
        at = data.resolved_base_type;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::xoev::schema::{Blueprint, Breach, Trail, Visitor, walk};

    const NORM: &str = include_str!("../../xsd/base/din-91379.xsd");

    /// One element and one attribute of each type, one derived type that collapses, one complex type with simple content.
    const USES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08">
  <xs:import namespace="urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08" schemaLocation="norm.xsd"/>
  <xs:simpleType name="kurz"><xs:restriction base="d:datatypeA"><xs:whiteSpace value="collapse"/><xs:maxLength value="40"/></xs:restriction></xs:simpleType>
  <xs:complexType name="mit"><xs:simpleContent><xs:extension base="d:datatypeB"><xs:attribute name="x" type="d:datatypeC"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:element name="r"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">
    <xs:element name="a" type="d:datatypeA"/><xs:element name="b" type="d:datatypeB"/><xs:element name="c" type="d:datatypeC"/>
    <xs:element name="d" type="d:datatypeD"/><xs:element name="e" type="d:datatypeE"/><xs:element name="k" type="kurz"/><xs:element name="m" type="mit"/>
  </xs:choice><xs:attribute name="y" type="d:datatypeD"/></xs:complexType></xs:element>
</xs:schema>"#;

    fn blueprint(norm: &str) -> Blueprint {
        let files =
            Files::from([("norm.xsd".to_owned(), norm.to_owned()), ("uses.xsd".to_owned(), USES.to_owned())]);
        Blueprint::new(Arc::new(files), vec!["uses.xsd".to_owned()]).unwrap().0
    }

    /// The norm's schema as the validator judges it itself: another name of a type keeps the patterns where they are.
    fn validators_own() -> Blueprint {
        let extra =
            r#"<xs:simpleType name="eigener"><xs:restriction base="xs:string"/></xs:simpleType></xs:schema>"#;
        let norm = NORM.replace("</xs:schema>", extra);
        assert!(strip(&norm).is_none());
        blueprint(&norm)
    }

    /// Sees nothing: only the verdict counts.
    struct Blind;

    impl Visitor for Blind {
        fn open(&mut self, _: &str, _: &str, _: &Trail<'_>) {}
        fn attribute(&mut self, _: &str, _: &str) {}
        fn text(&mut self, _: &str) {}
        fn close(&mut self, _: &Trail<'_>) {}
    }

    fn judged(blueprint: &Blueprint, text: &str) -> Vec<Breach> {
        walk(blueprint, text.as_bytes(), &mut Blind).unwrap()
    }

    fn escaped(text: &str) -> String {
        text.chars().map(|c| format!("&#{};", u32::from(c))).collect()
    }

    #[test]
    fn the_schema_of_the_norm_is_stripped_and_no_other() {
        let stripped = strip(NORM).unwrap();
        assert!(!stripped.contains("pattern") && stripped.contains("datatypeE"));
        assert!(strip(USES).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn texts_are_judged_as_the_patterns_judge_them(
            texts in prop::collection::vec(
                (prop::sample::select(vec!["a", "b", "c", "d", "e", "k", "m"]), text()),
                0..6,
            ),
            x in text(),
            y in text(),
        ) {
            thread_local! {
                static BOTH: (Blueprint, Blueprint) = (blueprint(NORM), validators_own());
            }
            let inside: String = texts
                .iter()
                .map(|(name, text)| format!("<{name}>{}</{name}>", escaped(text)))
                .collect();
            let document =
                format!(r#"<r y="{}">{inside}<m x="{}">Weg 1</m></r>"#, escaped(&y), escaped(&x));
            BOTH.with(|(ours, theirs)| {
                let (ours, theirs) = (judged(ours, &document), judged(theirs, &document));
                // The validator tells a broken pattern with a consequence of its own; where and that it is broken must agree.
                let places = |breaches: &[Breach]| {
                    let mut places: Vec<_> = breaches.iter().map(|b| (b.offset, b.path.clone())).collect();
                    places.sort();
                    places.dedup();
                    places
                };
                prop_assert_eq!(places(&ours), places(&theirs));
                Ok(())
            })?;
        }
    }

    /// Texts near the borders of the norm: listed letters and sequences, signs, line breaks, foreign letters, combining marks.
    fn text() -> impl Strategy<Value = String> {
        let unit = prop_oneof![
            6 => prop::sample::select(vec!["a", "Z", "ä", "ß", "C̈", "ẞ", "Đ", " ", "-", "'", "J\u{30C}", "M\u{302}"]),
            2 => prop::sample::select(vec!["1", "€", "§", "/", "\u{A0}", "Ω", "Ж", "№", "^", "|"]),
            1 => prop::sample::select(vec!["\t", "\n", "\r", "\u{301}", "e\u{301}", "中", "\u{AD}", "ŉ"]),
        ];
        prop::collection::vec(unit, 0..5).prop_map(|units| units.concat())
    }
}
