//! Verdicts that a validator of others had wrong, as rejections of whole messages: numbers, letters, white space, hints, base64,
//! line breaks, empty content, nil, addresses. Each has the verdict of XSD 1.0, on which Xerces and libxml2 agree.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use drehscheibe::xoev::contract::{Reader, Standards};
use drehscheibe::xoev::inspect::inspect;
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:e="urn:edge" targetNamespace="urn:edge" elementFormDefault="qualified">
  <xs:element name="root"><xs:complexType><xs:sequence>
    <xs:element name="v" type="xs:positiveInteger" minOccurs="0"/>
    <xs:element name="b" minOccurs="0"><xs:simpleType><xs:restriction base="xs:base64Binary"><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="t" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="leer" minOccurs="0"><xs:complexType/></xs:element>
    <xs:element name="n" type="xs:int" nillable="true" minOccurs="0"/>
    <xs:element name="u" type="xs:anyURI" minOccurs="0"/>
    <xs:element name="d" type="xs:string" default="gesetzt" minOccurs="0"/>
  </xs:sequence><xs:attribute name="standard" type="xs:string"/><xs:attribute name="version" type="xs:string"/></xs:complexType></xs:element>
</xs:schema>"#;

fn small() -> (tempfile::TempDir, PackageSet) {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("edge/1");
    fs::create_dir_all(&package).unwrap();
    fs::create_dir_all(folder.path().join("base")).unwrap();
    fs::write(package.join("edge.xsd"), SCHEMA).unwrap();
    let manifest = "id: urn:edge\nabout: edge\nstandard: edge\nattribute: Edge\nversion: \"1\"\n\
        namespaces: { e: \"urn:edge\" }\nschemas: [edge.xsd]\nheader: {}\nmessages: { edge.root: \"e:root\" }\n";
    fs::write(package.join("package.yaml"), manifest).unwrap();
    fs::write(package.join("read.yaml"), "messages: { edge.root: {} }\n").unwrap();
    let set = package::load(folder.path()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    (folder, set)
}

/// Codes of the rejections, none when the message would be read.
fn judged(set: &PackageSet, reader: &mut dyn Reader, text: &str) -> Vec<String> {
    let found = inspect(Bytes::from(text.to_owned()), set, reader);
    assert_eq!(found.valid, found.rejections.is_empty());
    found.rejections.into_iter().map(|found| format!("{} {}", found.code, found.text)).collect()
}

#[test]
fn values_have_the_verdict_of_the_standard() {
    let (_folder, set) = small();
    let mut reader = set.reader();
    for (inside, constraint) in [
        ("<e:v>10</e:v>", None),
        ("<e:v> +10\n</e:v>", None),
        ("<e:v>1_0</e:v>", Some("cvc-datatype-valid.1.2.1")),
        ("<e:v>1_</e:v>", Some("cvc-datatype-valid.1.2.1")),
        ("<e:v>0</e:v>", Some("cvc-minInclusive-valid")),
        ("<e:b>QU JD</e:b>", None),
        ("<e:b>\r\nQUJD\r\n</e:b>", None),
        ("<e:b>QUJD RA==</e:b>", Some("cvc-maxLength-valid")),
        ("<e:b>QUJ=D</e:b>", Some("cvc-datatype-valid.1.2.1")),
        ("<e:t><![CDATA[a\r\nb]]></e:t>", None),
        ("<e:t>a\r\nb</e:t>", None),
        ("<e:t>a&#13;&#10;</e:t>", None),
        ("<e:t><![CDATA[a\r\n]]></e:t>", Some("cvc-length-valid")),
        ("<e:leer/>", None),
        ("<e:leer><!-- x --></e:leer>", None),
        ("<e:leer> </e:leer>", Some("cvc-complex-type.2.1")),
        ("<e:n xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil=' 1 '/>", None),
        (
            "<e:n xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='true'>1</e:n>",
            Some("cvc-elt.3.2.1"),
        ),
        ("<e:n/>", Some("cvc-datatype-valid.1.2.1")),
        ("<e:u>http://ä.example/ x</e:u>", None),
        ("<e:u>%zz</e:u>", Some("cvc-datatype-valid.1.2.1")),
        ("<e:u>a#b#c</e:u>", Some("cvc-datatype-valid.1.2.1")),
    ] {
        let text = format!("<e:root xmlns:e='urn:edge' standard='Edge' version='1'>{inside}</e:root>");
        let found = judged(&set, reader.as_mut(), &text);
        match constraint {
            None => assert!(found.is_empty(), "{inside}: {found:?}"),
            Some(constraint) => {
                assert_eq!(found.len(), 1, "{inside}: {found:?}");
                assert!(
                    found[0].starts_with("X001 ") && found[0].ends_with(&format!("({constraint})")),
                    "{inside}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn letters_of_today_are_letters() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let after = "<hausnummer>12</hausnummer>";
    let good = fs::read_dir("xsd/xpersonenstand/26.11/samples")
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
        .find(|text| text.contains(after) && judged(&set, reader.as_mut(), text).is_empty())
        .expect("a good sample with a house number");
    for (letter, is) in ["a", "Ü", "ʹ", "ʺ", "ˈ", "ˌ", "ẞ"]
        .map(|letter| (letter, true))
        .into_iter()
        // Letters of Unicode as well, and none that the norm has for such texts.
        .chain([("ˆ", false), ("ᵈ", false), ("ᵗ", false)])
        .chain([("\u{35F}", false), ("_", false)])
    {
        let element = "hausnummerBuchstabeZusatzziffer";
        let text = good.replacen(after, &format!("{after}<{element}>{letter}</{element}>"), 1);
        let found = judged(&set, reader.as_mut(), &text);
        let against_schema = found.iter().any(|found| found.starts_with("X001"));
        assert_eq!(!against_schema, is, "{letter}: {found:?}");
    }
}

#[test]
fn white_space_is_space_tab_cr_and_lf_and_hints_decide_nothing() {
    const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let good = fs::read_to_string("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml").unwrap();
    let after = "<xfb:name>Ćirković-Müller</xfb:name>";
    assert!(good.contains(after));
    for (between, is) in [
        (" \t\r\n&#32;&#x9;&#10;&#xD;", true),
        ("<!-- x --><?y?>", true),
        ("<![CDATA[ \n]]>", true),
        (".", false),
        ("\u{A0}", false),
        ("&#160;", false),
        ("\u{85}", false),
        ("\u{2003}", false),
        ("\u{3000}", false),
        ("\u{200B}", false),
    ] {
        let text = good.replacen(after, &format!("{after}{between}"), 1);
        let found = judged(&set, reader.as_mut(), &text);
        match is {
            true => assert!(found.is_empty(), "{between:?}: {found:?}"),
            false => assert!(found[0].starts_with("X001 "), "{between:?}: {found:?}"),
        }
    }
    for at in ["<xfg:sorge.nachweisregister.eintragung.0804", "<xfg:angabenZurMutter"] {
        for hint in [
            "xsi:schemaLocation=\"xfamilie-geburt.xsd\"",
            "xsi:schemaLocation=\"urn:a  C:\\Users\\x y\\a.xsd urn:b\"",
            "xsi:schemaLocation=\"http://www.xoev.de/xfamilie/geburt/1.3.0 https://example.invalid/other.xsd\"",
            "xsi:schemaLocation=\"\"",
            "xsi:noNamespaceSchemaLocation=\"\"",
            "xsi:noNamespaceSchemaLocation=\"../../../etc/passwd\"",
        ] {
            let text = good.replacen(at, &format!("{at} {XSI} {hint}"), 1);
            let found = judged(&set, reader.as_mut(), &text);
            assert!(found.is_empty(), "{hint}: {found:?}");
        }
    }
}

#[test]
fn the_cases_at_hand_are_judged_right() {
    let cases = Path::new("../shared/cases/xsd");
    if !cases.is_dir() {
        println!("the cases are not at hand");
        return;
    }
    let set = package::load(Path::new("xsd")).unwrap();
    let edge = package::load(&cases.join("01-integer-underscore/xsd"));
    let mut count = 0;
    for (folder, is) in [
        ("02-category-unicode-3.0", true),
        ("04-nbsp-between-elements", false),
        ("05-schemalocation-hint", true),
    ] {
        for entry in fs::read_dir(cases.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let found = judged(&set, set.reader().as_mut(), &text);
            assert_eq!(
                !found.iter().any(|found| found.starts_with("X001")),
                is,
                "{}: {found:?}",
                path.display()
            );
            count += 1;
        }
    }
    // Without a folder `base` the packages of the case cannot be loaded as they lie there.
    if let Ok(edge) = edge {
        for (name, is) in [("gut", true), ("unterstrich", false), ("unterstrich-am-ende", false)] {
            let text = fs::read_to_string(cases.join(format!("01-integer-underscore/{name}.xml"))).unwrap();
            assert_eq!(judged(&edge, edge.reader().as_mut(), &text).is_empty(), is, "{name}");
            count += 1;
        }
    }
    println!("cases judged right: {count}");
    assert!(count >= 20, "{count}");
}

#[test]
fn compiled_packages_are_shared_by_all_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let set = package::load(Path::new("xsd")).unwrap();
    shared(&set);
    let good = fs::read("xsd/xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut reader = set.reader();
                for _ in 0..20 {
                    reader.open(Bytes::from(good.clone())).unwrap();
                }
            });
        }
    });
}
