//! The schema of DIN 91379 as the schema engine judges it, beside the tables of the norm: two ways to the same verdict, whatever
//! the text is, in elements and attributes, with the white space that a type has.

use bytes::Bytes;
use drehscheibe::latin::datatype::{Datatype, check};
use drehscheibe::schema::fault::Breach;
use drehscheibe::schema::tables::Schema;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use proptest::prelude::*;

use crate::schema_support::Texts;

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

fn schema() -> Schema {
    Schema::compile(&["uses.xsd"], &Texts(&[("uses.xsd", USES), ("norm.xsd", NORM)])).unwrap()
}

fn escaped(text: &str) -> String {
    text.chars().map(|c| format!("&#{};", u32::from(c))).collect()
}

/// Whether the table of the norm takes the text of such an element.
fn holds(name: &str, text: &str) -> bool {
    let datatype = match name {
        "a" | "k" => Datatype::A,
        "b" => Datatype::B,
        "c" => Datatype::C,
        "d" => Datatype::D,
        _ => Datatype::E,
    };
    match name {
        "k" => {
            let collapsed = text
                .split([' ', '\t', '\n', '\r'])
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            check(&collapsed, datatype).is_ok()
        }
        _ => check(text, datatype).is_ok(),
    }
}

fn judged(schema: &Schema, text: &str) -> Vec<Breach> {
    let document = gate::pass(Bytes::from(text.to_owned()), &Limits::default()).unwrap();
    schema.validate(&document, 50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn texts_are_judged_as_the_table_of_the_norm_judges_them(
        texts in prop::collection::vec(
            (prop::sample::select(vec!["a", "b", "c", "d", "e", "k"]), text()),
            0..6,
        ),
        x in text(),
        y in text(),
    ) {
        thread_local! {
            static SCHEMA: Schema = schema();
        }
        let mut inside = String::new();
        let mut expected = Vec::new();
        let root = format!(r#"<r y="{}">"#, escaped(&y));
        if !holds("d", &y) {
            expected.push((0, "/r/@y".to_owned()));
        }
        for (name, text) in &texts {
            if !holds(name, text) {
                expected.push((root.len() + inside.len(), format!("/r/{name}")));
            }
            inside.push_str(&format!("<{name}>{}</{name}>", escaped(text)));
        }
        if !holds("c", &x) {
            expected.push((root.len() + inside.len(), "/r/m/@x".to_owned()));
        }
        let document = format!(r#"{root}{inside}<m x="{}">Weg 1</m></r>"#, escaped(&x));
        let found: Vec<_> = SCHEMA
            .with(|schema| judged(schema, &document))
            .into_iter()
            .map(|breach| (breach.offset, breach.path))
            .collect();
        prop_assert_eq!(found, expected);
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
