//! Each construct of XSD 1.0 that we support, with documents and their right verdict, judged by `xmllint` as well where it is here.
//! What is not supported or wrong must be refused when it is loaded.

use std::fs;
use std::path::PathBuf;

use drehscheibe::schema::tables::Schema;

use crate::schema_support::{Texts, breaches, xmllint, xmllint_is_here};

/// A construct: name, the inside of a schema with target namespace `urn:t` (prefix `t`), valid and invalid documents.
type Construct = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const HEAD: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">"#;
const XSI: &str = r#"xmlns="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:t="urn:t" xmlns:xs="http://www.w3.org/2001/XMLSchema""#;

/// `@` in a document stands for the declarations of namespaces; a document is `<a>` with it.
const CONSTRUCTS: &[Construct] = &[
    (
        "sequence and counts",
        r#"<xs:element name="a"><xs:complexType><xs:sequence>
            <xs:element name="b" minOccurs="2" maxOccurs="7" type="xs:string"/><xs:element name="c" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>"#,
        &[
            "<a @><b/><b/></a>",
            "<a @><b/><b/><b/><b/><b/><b/><b/><c/></a>",
            "<a @> <b/>\n\t<b/> <!-- c --> <c/></a>",
        ],
        &[
            "<a @/>",
            "<a @><b/></a>",
            "<a @><b/><b/><b/><b/><b/><b/><b/><b/></a>",
            "<a @><b/><c/></a>",
            "<a @><b/><b/><c/><c/></a>",
            "<a @><b/><b/>x</a>",
            "<a @>\u{a0}<b/><b/></a>",
        ],
    ),
    (
        "choice, nested, with counts",
        r#"<xs:element name="a"><xs:complexType><xs:choice minOccurs="2" maxOccurs="3">
            <xs:element name="b"/><xs:sequence><xs:element name="c"/><xs:element name="d" maxOccurs="unbounded"/></xs:sequence></xs:choice></xs:complexType></xs:element>"#,
        &["<a @><b/><b/></a>", "<a @><c/><d/><d/><b/></a>", "<a @><b/><c/><d/><b/></a>"],
        &["<a @><b/></a>", "<a @><c/><b/></a>", "<a @><b/><b/><b/><b/></a>", "<a @><d/><b/></a>"],
    ),
    (
        "large counts of a group",
        r#"<xs:element name="a"><xs:complexType><xs:sequence minOccurs="5" maxOccurs="1000000">
            <xs:element name="b"/><xs:element name="c" maxOccurs="100000"/></xs:sequence></xs:complexType></xs:element>"#,
        &["<a @><b/><c/><b/><c/><c/><b/><c/><b/><c/><b/><c/></a>"],
        &["<a @><b/><c/><b/><c/><c/><b/><c/><b/><c/></a>", "<a @><b/><c/><b/><c/><b/><c/><b/><c/><b/></a>"],
    ),
    (
        "all",
        r#"<xs:element name="a"><xs:complexType><xs:all><xs:element name="b"/><xs:element name="c" minOccurs="0"/></xs:all></xs:complexType></xs:element>"#,
        &["<a @><b/><c/></a>", "<a @><c/><b/></a>", "<a @><b/></a>"],
        &["<a @><c/></a>", "<a @/>", "<a @><b/><b/></a>", "<a @><b/><d/></a>"],
    ),
    (
        "groups of elements and attributes",
        r#"<xs:group name="g"><xs:sequence><xs:element name="b"/><xs:element name="c"/></xs:sequence></xs:group>
           <xs:attributeGroup name="h"><xs:attribute name="x" use="required"/><xs:attribute name="y" fixed="1"/></xs:attributeGroup>
           <xs:element name="a"><xs:complexType><xs:group ref="t:g" minOccurs="0"/><xs:attributeGroup ref="t:h"/></xs:complexType></xs:element>"#,
        &["<a @ x=''/>", "<a @ x='' y='1'><b/><c/></a>"],
        &["<a @/>", "<a @ x='' y='2'/>", "<a @ x='' z=''/>", "<a @ x=''><b/></a>", "<a @ x='' t:x=''/>"],
    ),
    (
        "simple content, extension and restriction",
        r#"<xs:complexType name="x"><xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="u" type="xs:NMTOKEN"/></xs:extension></xs:simpleContent></xs:complexType>
           <xs:complexType name="y"><xs:simpleContent><xs:restriction base="t:x"><xs:maxInclusive value="10"/><xs:attribute name="u" type="xs:NMTOKEN" use="required"/></xs:restriction></xs:simpleContent></xs:complexType>
           <xs:element name="a" type="t:y"/>"#,
        &["<a @ u='k'> 9.5 </a>", "<a @ u='k'>9<!-- c -->.<![CDATA[5]]></a>"],
        &[
            "<a @>9</a>",
            "<a @ u='k l'>9</a>",
            "<a @ u='k'>11</a>",
            "<a @ u='k'/>",
            "<a @ u='k'>9<b/></a>",
            "<a @ u='k'>1_0</a>",
        ],
    ),
    (
        "complex content, extension, restriction, xsi:type, abstract, block",
        r#"<xs:complexType name="x" abstract="true"><xs:sequence><xs:element name="b" minOccurs="0"/></xs:sequence></xs:complexType>
           <xs:complexType name="y"><xs:complexContent><xs:extension base="t:x"><xs:sequence><xs:element name="c"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
           <xs:complexType name="z"><xs:complexContent><xs:restriction base="t:x"><xs:sequence><xs:element name="b"/></xs:sequence></xs:restriction></xs:complexContent></xs:complexType>
           <xs:element name="a" type="t:x" block="restriction"/>"#,
        &["<a @ xsi:type='t:y'><b/><c/></a>", "<a @ xsi:type=' t:y '><c/></a>"],
        &[
            "<a @/>",
            "<a @ xsi:type='t:y'><b/></a>",
            "<a @ xsi:type='t:z'><b/></a>",
            "<a @ xsi:type='t:q'/>",
            "<a @ xsi:type='y'><c/></a>x",
            "<a @ xsi:type='xs:string'/>",
            "<a @ xsi:type=''/>",
        ],
    ),
    (
        "nil",
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" nillable="true" type="xs:int" maxOccurs="3"/><xs:element name="c" minOccurs="0" type="xs:int"/></xs:sequence></xs:complexType></xs:element>"#,
        &[
            "<a @><b xsi:nil='true'/></a>",
            "<a @><b xsi:nil=' 1 '></b></a>",
            "<a @><b xsi:nil='false'>1</b></a>",
            "<a @><b xsi:nil='true'><!-- c --></b></a>",
        ],
        &[
            "<a @><b/></a>",
            "<a @><b xsi:nil='true'> </b></a>",
            "<a @><b xsi:nil='x'/></a>",
            "<a @><b>1</b><c xsi:nil='true'/></a>",
            "<a @><b>1</b><c xsi:nil='false'>1</c></a>",
            "<a @><b xsi:nil='0'/></a>",
            "<a @><b xsi:nil='true'>1</b></a>",
        ],
    ),
    (
        "substitution groups",
        r#"<xs:element name="h" type="xs:token" abstract="true"/><xs:element name="m" substitutionGroup="t:h"/><xs:element name="n" type="xs:NCName" substitutionGroup="t:m"/>
           <xs:element name="o" type="xs:token"/><xs:element name="a"><xs:complexType><xs:sequence><xs:element ref="t:h" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>"#,
        &["<a @><m>x y</m><n>x</n></a>"],
        &["<a @><h/></a>", "<a @><n>x y</n></a>", "<a @><o/></a>", "<a @/>"],
    ),
    (
        "wildcards",
        r###"<xs:element name="k" type="xs:int"/><xs:attribute name="at" type="xs:int"/><xs:element name="a"><xs:complexType><xs:sequence>
            <xs:any namespace="##other" processContents="skip"/><xs:any namespace="##targetNamespace" processContents="strict" minOccurs="0"/><xs:any namespace="##local urn:u" processContents="lax" minOccurs="0" maxOccurs="2"/>
            </xs:sequence><xs:anyAttribute namespace="##any" processContents="lax"/></xs:complexType></xs:element>"###,
        &[
            "<a @><x xmlns='urn:q'><t:k>no</t:k></x></a>",
            "<a @><x xmlns='urn:q'/><k>1</k><y xmlns=''><t:k>1</t:k></y><z xmlns='urn:u' q='1'/></a>",
            "<a @ t:at='1' foo='x' xml:lang='de'><x xmlns='urn:q'/></a>",
        ],
        &[
            "<a @><k>1</k></a>",
            "<a @><x xmlns='urn:q'/><k>x</k></a>",
            "<a @><x xmlns='urn:q'/><l/></a>",
            "<a @><x xmlns=''/></a>",
            "<a @><x xmlns='urn:q'/><y xmlns=''><t:k>x</t:k></y></a>",
            "<a @><x xmlns='urn:q'/><y xmlns='urn:v'/></a>",
            "<a @ t:at='x'><x xmlns='urn:q'/></a>",
        ],
    ),
    (
        "key, keyref, unique",
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="p" maxOccurs="unbounded"><xs:complexType><xs:sequence>
             <xs:element name="q" minOccurs="0" maxOccurs="2" type="xs:decimal"/></xs:sequence><xs:attribute name="id" type="xs:decimal"/><xs:attribute name="to" type="xs:integer"/></xs:complexType></xs:element></xs:sequence></xs:complexType>
             <xs:key name="k"><xs:selector xpath="t:p"/><xs:field xpath="@id"/></xs:key>
             <xs:keyref name="r" refer="t:k"><xs:selector xpath=".//t:p"/><xs:field xpath="@to"/></xs:keyref>
             <xs:unique name="u"><xs:selector xpath="t:p | t:nothing"/><xs:field xpath="t:q"/></xs:unique></xs:element>"#,
        &[
            "<a @><p id='1'/><p id='2' to='1'/></a>",
            "<a @><p id='1.0' to='1'><q>1</q></p><p id='3'><q>2</q></p></a>",
            "<a @><p id='1'/><p id='2'/></a>",
        ],
        &[
            "<a @><p id='1'/><p id='1.0'/></a>",
            "<a @><p/></a>",
            "<a @><p id='1' to='2'/></a>",
            "<a @><p id='1'><q>1</q></p><p id='2'><q>01</q></p></a>",
            "<a @><p id='1'><q>1</q><q>2</q></p></a>",
        ],
    ),
    (
        "defaults and fixed values, mixed",
        r#"<xs:element name="a"><xs:complexType mixed="true"><xs:sequence><xs:element name="b" type="xs:int" default="7" minOccurs="0"/><xs:element name="c" type="xs:decimal" fixed="1.0" minOccurs="0"/></xs:sequence>
           <xs:attribute name="x" type="xs:int" default="3"/><xs:attribute name="y" type="xs:decimal" fixed="2"/></xs:complexType></xs:element>"#,
        &["<a @>text<b/>more<c>1</c>end</a>", "<a @ y='2.00'><b>8</b><c/></a>"],
        &["<a @><b> </b></a>", "<a @><c>2</c></a>", "<a @ y='3'/>", "<a @ x=''/>", "<a @>x<c/>y<b/></a>"],
    ),
    (
        "empty content",
        r#"<xs:element name="a"><xs:complexType><xs:attribute name="x"/></xs:complexType></xs:element>"#,
        &["<a @/>", "<a @></a>", "<a @><!-- c --></a>", "<a @><?p i?></a>"],
        &["<a @> </a>", "<a @>x</a>", "<a @><b/></a>", "<a @><![CDATA[ ]]></a>"],
    ),
    (
        "ID, IDREF, IDREFS",
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" maxOccurs="unbounded"><xs:complexType><xs:attribute name="i" type="xs:ID"/><xs:attribute name="r" type="xs:IDREF"/><xs:attribute name="s" type="xs:IDREFS"/></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>"#,
        &["<a @><b r='x'/><b i='x'/></a>", "<a @><b s=' x  y '/><b i='x'/><b i='y'/></a>"],
        &[
            "<a @><b r='x'/></a>",
            "<a @><b i='x'/><b i='x'/></a>",
            "<a @><b i='1'/></a>",
            "<a @><b s=''/></a>",
            "<a @><b s='x z' i='x'/></a>",
        ],
    ),
    (
        "lists and unions",
        r#"<xs:simpleType name="l"><xs:list itemType="xs:int"/></xs:simpleType><xs:simpleType name="m"><xs:restriction base="t:l"><xs:minLength value="1"/><xs:maxLength value="3"/></xs:restriction></xs:simpleType>
           <xs:simpleType name="u"><xs:union memberTypes="xs:int xs:date"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="none"/></xs:restriction></xs:simpleType></xs:union></xs:simpleType>
           <xs:simpleType name="v"><xs:restriction base="t:u"><xs:enumeration value="1"/><xs:enumeration value="none"/></xs:restriction></xs:simpleType>
           <xs:simpleType name="w"><xs:restriction base="t:u"><xs:pattern value="\d+"/></xs:restriction></xs:simpleType>
           <xs:element name="a"><xs:complexType><xs:choice><xs:element name="w" type="t:w"/><xs:element name="m" type="t:m"/><xs:element name="u" type="t:u"/><xs:element name="v" type="t:v"/></xs:choice></xs:complexType></xs:element>"#,
        &[
            "<a @><m> 1  2\n3 </m></a>",
            "<a @><u>2024-01-01</u></a>",
            "<a @><u>none</u></a>",
            "<a @><v>01</v></a>",
            "<a @><v>none</v></a>",
            "<a @><w> 12 </w></a>",
        ],
        &[
            "<a @><m/></a>",
            "<a @><m>1 2 3 4</m></a>",
            "<a @><m>1 x</m></a>",
            "<a @><u>None</u></a>",
            "<a @><v>2</v></a>",
            "<a @><v>2024-01-01</v></a>",
            "<a @><u> none</u></a>",
            "<a @><w>2024-01-01</w></a>",
        ],
    ),
    (
        "facets",
        r#"<xs:element name="a"><xs:complexType><xs:choice maxOccurs="unbounded">
           <xs:element name="s"><xs:simpleType><xs:restriction base="xs:string"><xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="d"><xs:simpleType><xs:restriction base="xs:decimal"><xs:totalDigits value="4"/><xs:fractionDigits value="2"/><xs:minExclusive value="0"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="t"><xs:simpleType><xs:restriction base="xs:token"><xs:pattern value="[a-c]+"/><xs:pattern value="\d{2}"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="e"><xs:simpleType><xs:restriction base="xs:float"><xs:enumeration value="1"/><xs:enumeration value="NaN"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="w"><xs:simpleType><xs:restriction base="xs:string"><xs:whiteSpace value="collapse"/><xs:enumeration value="x y"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="h"><xs:simpleType><xs:restriction base="xs:hexBinary"><xs:maxLength value="2"/></xs:restriction></xs:simpleType></xs:element>
           <xs:element name="y"><xs:simpleType><xs:restriction base="xs:date"><xs:minInclusive value="2020-01-01"/><xs:maxExclusive value="2021-01-01"/></xs:restriction></xs:simpleType></xs:element>
           </xs:choice></xs:complexType></xs:element>"#,
        &[
            "<a @><s>äöü</s><s>😀 x</s><d>12.30</d><d>0.01</d><t> ab </t><t>42</t><e>1.0E0</e><e>NaN</e><w> x\n y </w><h>0aFF</h><h/><y>2020-12-31</y></a>",
        ],
        &[
            "<a @><s>ab</s></a>",
            "<a @><d>123.45</d></a>",
            "<a @><d>1.234</d></a>",
            "<a @><d>0</d></a>",
            "<a @><d>1e1</d></a>",
            "<a @><t>abd</t></a>",
            "<a @><t>4</t></a>",
            "<a @><e>2</e></a>",
            "<a @><w>xy</w></a>",
            "<a @><h>0aFFee</h></a>",
            "<a @><h>0</h></a>",
            "<a @><y>2021-01-01</y></a>",
            "<a @><y>2019-12-31</y></a>",
            "<a @><t/></a>",
        ],
    ),
    (
        "built-in types",
        r#"<xs:element name="a"><xs:complexType><xs:choice maxOccurs="unbounded"><xs:element name="byte" type="xs:byte"/><xs:element name="ul" type="xs:unsignedLong"/><xs:element name="pos" type="xs:positiveInteger"/>
           <xs:element name="bool" type="xs:boolean"/><xs:element name="dt" type="xs:dateTime"/><xs:element name="dur" type="xs:duration"/><xs:element name="b64" type="xs:base64Binary"/><xs:element name="lang" type="xs:language"/>
           <xs:element name="q" type="xs:QName"/><xs:element name="tok" type="xs:NMTOKENS"/><xs:element name="ns" type="xs:normalizedString"/><xs:element name="md" type="xs:gMonthDay"/><xs:element name="uri" type="xs:anyURI"/><xs:element name="i" type="xs:integer"/></xs:choice></xs:complexType></xs:element>"#,
        &[
            "<a @><byte>-128</byte><ul>18446744073709551615</ul><pos>+1</pos><bool> 1 </bool><dt>2024-02-29T24:00:00Z</dt><dur>-P1Y2M3DT4H5M6.7S</dur><b64>QUJD\n QUI=</b64><lang>de-DE-1996</lang><q>t:x</q><q>x</q><tok>1 a:b</tok><ns>a\nb</ns><md>--02-29</md><uri>../ä?x#y</uri><i>-00123456789012345678901234567890</i></a>",
        ],
        &[
            "<a @><byte>128</byte></a>",
            "<a @><ul>-1</ul></a>",
            "<a @><pos>0</pos></a>",
            "<a @><bool>TRUE</bool></a>",
            "<a @><dt>2024-02-30T00:00:00</dt></a>",
            "<a @><dur>P</dur></a>",
            "<a @><dur>P1YT</dur></a>",
            "<a @><b64>QUI</b64></a>",
            "<a @><lang>deutsches</lang></a>",
            "<a @><q>u:x</q></a>",
            "<a @><tok/></a>",
            "<a @><md>--02-30</md></a>",
            "<a @><uri>%zz</uri></a>",
            "<a @><uri>:a</uri></a>",
            "<a @><i>1_0</i></a>",
            "<a @><i>1_</i></a>",
            "<a @><i>1.0</i></a>",
            "<a @><i/></a>",
            "<a @><i>\u{a0}1</i></a>",
            "<a @><i>٣</i></a>",
            "<a @><bool/></a>",
        ],
    ),
    (
        "form",
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" form="unqualified"/><xs:element name="c"/></xs:sequence><xs:attribute name="x" form="qualified"/><xs:attribute name="y"/></xs:complexType></xs:element>"#,
        &["<t:a @ t:x='' y=''><b xmlns=''/><t:c/></t:a>"],
        &[
            "<t:a @><t:b/><t:c/></t:a>",
            "<t:a @><b xmlns=''/><c xmlns=''/></t:a>",
            "<t:a @ x=''><b xmlns=''/><t:c/></t:a>",
            "<t:a @ t:y=''><b xmlns=''/><t:c/></t:a>",
        ],
    ),
    (
        "hints are not followed and no fault",
        r#"<xs:element name="a" type="xs:string"/>"#,
        &["<a @ xsi:noNamespaceSchemaLocation='b.xsd'/>"],
        &["<a @ xsi:other='x'/>", "<b @/>"],
    ),
    (
        "today's letters in patterns",
        r#"<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="[\p{L}-[x]]*"/></xs:restriction></xs:simpleType></xs:element>"#,
        &["<a @>äß</a>"],
        &["<a @>x</a>", "<a @>1</a>"],
    ),
];

/// Where libxml2 judges otherwise than the standard, and why: looked at one by one.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "complex content, extension, restriction, xsi:type, abstract, block",
        "<a @ xsi:type=' t:y '><c/></a>",
        "looks a prefix up before white space is collapsed (part 2, 3.2.18 and 4.3.6)",
    ),
    (
        "defaults and fixed values, mixed",
        "<a @>text<b/>more<c>1</c>end</a>",
        "compares the text of an element with a fixed value, where the value counts (part 1, 3.3.4, clause 5.2.2.2.2)",
    ),
    ("ID, IDREF, IDREFS", "<a @><b r='x'/></a>", IDREF),
    ("ID, IDREF, IDREFS", "<a @><b s='x z' i='x'/></a>", IDREF),
    ("ID, IDREF, IDREFS", "<a @><b s=''/></a>", EMPTY),
    ("built-in types", "<a @><tok/></a>", EMPTY),
    (
        "built-in types",
        "<a @><byte>-128</byte><ul>18446744073709551615</ul><pos>+1</pos><bool> 1 </bool><dt>2024-02-29T24:00:00Z</dt><dur>-P1Y2M3DT4H5M6.7S</dur><b64>QUJD\n QUI=</b64><lang>de-DE-1996</lang><q>t:x</q><q>x</q><tok>1 a:b</tok><ns>a\nb</ns><md>--02-29</md><uri>../ä?x#y</uri><i>-00123456789012345678901234567890</i></a>",
        "has room for 24 digits of an integer, which has no bound (part 2, 3.3.13)",
    ),
];
const IDREF: &str = "does not look for the element that a reference names (part 1, 3.15.4)";
const EMPTY: &str =
    "takes a list of nothing, where these lists have one item at least (part 2, 3.3.5 and 3.3.10)";

fn schema_of(inside: &str) -> String {
    format!("{HEAD}{inside}</xs:schema>")
}

fn compiled(text: &str) -> Result<Schema, drehscheibe::schema::fault::SchemaFault> {
    Schema::compile(&["s.xsd"], &Texts(&[("s.xsd", text)]))
}

#[test]
fn every_construct_is_judged_right() {
    let second = xmllint_is_here();
    let folder = tempfile::tempdir().unwrap();
    let mut differing = Vec::new();
    for (number, (name, inside, good, bad)) in CONSTRUCTS.iter().enumerate() {
        let text = schema_of(inside);
        let schema = compiled(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let documents: Vec<(String, bool)> = good
            .iter()
            .map(|document| (document.replace('@', XSI), true))
            .chain(bad.iter().map(|document| (document.replace('@', XSI), false)))
            .collect();
        for (document, valid) in &documents {
            let found = breaches(&schema, document.as_bytes());
            assert_eq!(found.is_empty(), *valid, "{name}: {document}: {found:?}");
        }
        if !second {
            continue;
        }
        let path = folder.path().join(format!("{number}.xsd"));
        fs::write(&path, &text).unwrap();
        let files: Vec<PathBuf> = documents
            .iter()
            .enumerate()
            .map(|(at, (document, _))| {
                let file = folder.path().join(format!("{number}-{at}.xml"));
                fs::write(&file, document).unwrap();
                file
            })
            .collect();
        let theirs = xmllint(&path, &files).unwrap_or_else(|| panic!("{name}: xmllint cannot use it"));
        for (file, (document, valid)) in files.iter().zip(&documents) {
            let ours = document.replace(XSI, "@");
            let known = ELSEWHERE.iter().any(|(of, written, _)| of == name && *written == ours);
            if (theirs[file].is_none() == *valid) == known {
                differing.push(format!("{name}: {ours}: {:?}", theirs[file]));
            }
        }
    }
    assert!(
        differing.is_empty(),
        "xmllint judges otherwise, or as we do although it is listed: {differing:#?}"
    );
}

#[test]
fn attributes_of_hints_may_hold_anything() {
    let schema = compiled(&schema_of(r#"<xs:element name="a" type="xs:string"/>"#)).unwrap();
    for hint in ["a", "a b c", " ", "urn:t x.xsd", "urn:t  with blank.xsd"] {
        let document = format!("<a {XSI} xsi:schemaLocation='{hint}'/>");
        assert!(breaches(&schema, document.as_bytes()).is_empty(), "{hint}");
    }
}

#[test]
fn letters_of_din_91379_are_letters() {
    let schema = compiled(&schema_of(
        r#"<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="\p{L}*"/></xs:restriction></xs:simpleType></xs:element>"#,
    ))
    .unwrap();
    assert!(breaches(&schema, format!("<a {XSI}>ʹʺˆˈˌᵈᵗẞ</a>").as_bytes()).is_empty());
    assert!(!breaches(&schema, format!("<a {XSI}>K\u{35F}h</a>").as_bytes()).is_empty());
}

#[test]
fn white_space_between_elements_is_space_tab_cr_and_lf() {
    let schema = compiled(&schema_of(
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b"/></xs:sequence></xs:complexType></xs:element>"#,
    ))
    .unwrap();
    let judged = |between: &str| breaches(&schema, format!("<a {XSI}>{between}<b/>{between}</a>").as_bytes());
    for white in ["", " ", "\t", "\r\n", "\r", "&#32;", "&#13;", "<![CDATA[ ]]>", "<!-- x -->", "<?x y?>"] {
        assert_eq!(judged(white), [], "{white:?}");
    }
    for other in ["\u{a0}", "\u{2003}", "\u{3000}", "\u{85}", "\u{200B}", ".", "&#160;", "<![CDATA[.]]>"] {
        assert_eq!(judged(other)[0].code, "cvc-complex-type.2.3", "{other:?}");
    }
}

#[test]
fn a_breach_says_where_and_what_and_never_the_value() {
    let schema = compiled(&schema_of(
        r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" type="xs:date"/></xs:sequence><xs:attribute name="x" type="xs:int"/></xs:complexType></xs:element>"#,
    ))
    .unwrap();
    let document = format!("<a {XSI} x='Geheim'>\n <b>Geheim</b><Geheim/></a>");
    let found = breaches(&schema, document.as_bytes());
    assert!(!format!("{found:?}").contains("Geheim"));
    let told: Vec<(&str, &str)> = found.iter().map(|breach| (breach.code, &*breach.path)).collect();
    assert_eq!(
        told,
        [
            ("cvc-datatype-valid.1.2.1", "/a/@x"),
            ("cvc-datatype-valid.1.2.1", "/a/b"),
            ("cvc-complex-type.2.4.d", "/a/*")
        ]
    );
    assert_eq!(found[1].offset, document.find("<b>").unwrap());
}

#[test]
fn what_is_wrong_or_not_supported_is_refused_when_it_is_loaded() {
    for (inside, said) in [
        (r#"<xs:element name="a" type="t:none"/>"#, "there is no type 'none'"),
        (r#"<xs:element name="a" typ="xs:string"/>"#, "has no attribute 'typ'"),
        (r#"<xs:element name="a"><xs:assert/></xs:element>"#, "does not stand here"),
        (r#"<xs:element name="a"/><xs:element name="a"/>"#, "two elements of this name"),
        (
            r#"<xs:simpleType name="s"><xs:restriction base="xs:string"><xs:pattern value="(?:a)"/></xs:restriction></xs:simpleType>"#,
            "pattern, character 2",
        ),
        (
            r#"<xs:simpleType name="s"><xs:restriction base="xs:string"><xs:pattern value="((a{1000}){1000}){9}"/></xs:restriction></xs:simpleType>"#,
            "too large",
        ),
        (r#"<xs:simpleType name="s"><xs:restriction base="t:s"/></xs:simpleType>"#, "defined by itself"),
        (
            r#"<xs:simpleType name="s"><xs:restriction base="xs:int"><xs:maxInclusive value="x"/></xs:restriction></xs:simpleType>"#,
            "no value of the type",
        ),
        (
            r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" minOccurs="0"/><xs:element name="b"/></xs:sequence></xs:complexType></xs:element>"#,
            "ambiguous",
        ),
        (
            r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:any minOccurs="0"/><xs:element name="b"/></xs:sequence></xs:complexType></xs:element>"#,
            "ambiguous",
        ),
        (
            r#"<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" type="xs:int"/><xs:element name="c"/><xs:element name="b"/></xs:sequence></xs:complexType></xs:element>"#,
            "different types",
        ),
        (r#"<xs:include schemaLocation="gone.xsd"/>"#, "is missing"),
        (r#"<xs:element name="a" type="u:x" xmlns:u="urn:u"/>"#, "does not import"),
        (
            r#"<xs:element name="a"><xs:complexType><xs:all><xs:element name="b" maxOccurs="2"/></xs:all></xs:complexType></xs:element>"#,
            "once at most",
        ),
    ] {
        let fault = compiled(&schema_of(inside)).expect_err(inside);
        assert!(fault.text.contains(said), "{inside}: {fault}");
        assert!(fault.line >= 1 && fault.file == "s.xsd" || said == "is missing", "{fault}");
    }
}

#[test]
fn documents_are_included_imported_and_redefined() {
    let main = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:m" xmlns:i="urn:i" targetNamespace="urn:m" elementFormDefault="qualified">
        <xs:include schemaLocation="chameleon.xsd"/><xs:import namespace="urn:i" schemaLocation="imported.xsd"/>
        <xs:redefine schemaLocation="base.xsd">
          <xs:simpleType name="code"><xs:restriction base="code"><xs:maxLength value="2"/></xs:restriction></xs:simpleType>
          <xs:complexType name="pair"><xs:complexContent><xs:extension base="pair"><xs:sequence><xs:element name="more"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
          <xs:group name="g"><xs:sequence><xs:group ref="g"/><xs:element name="last"/></xs:sequence></xs:group>
          <xs:attributeGroup name="h"><xs:attributeGroup ref="h"/><xs:attribute name="y"/></xs:attributeGroup>
        </xs:redefine>
        <xs:element name="a"><xs:complexType><xs:sequence><xs:element name="k" type="kind"/><xs:element ref="i:x"/><xs:element name="p" type="pair"/><xs:group ref="g"/></xs:sequence><xs:attributeGroup ref="h"/></xs:complexType></xs:element>
        </xs:schema>"#;
    let chameleon = r#"<schema xmlns="http://www.w3.org/2001/XMLSchema"><simpleType name="kind"><restriction base="other"/></simpleType><simpleType name="other"><restriction base="int"/></simpleType></schema>"#;
    let chameleon = chameleon.replace("base=\"other\"", "xmlns:n=\"\" base=\"other\"");
    // Without a default namespace the references mean the namespace of who includes.
    let chameleon = chameleon
        .replace("<schema xmlns=", "<xs:schema xmlns:xs=")
        .replace("</schema>", "</xs:schema>")
        .replace("<simpleType", "<xs:simpleType")
        .replace("</simpleType", "</xs:simpleType")
        .replace("<restriction xmlns:n=\"\"", "<xs:restriction")
        .replace("<restriction base=\"int\"", "<xs:restriction base=\"xs:int\"");
    let imported = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:i"><xs:element name="x" type="xs:boolean"/></xs:schema>"#;
    let base = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:m" targetNamespace="urn:m" elementFormDefault="qualified">
        <xs:simpleType name="code"><xs:restriction base="xs:string"><xs:minLength value="1"/></xs:restriction></xs:simpleType>
        <xs:complexType name="pair"><xs:sequence><xs:element name="c" type="code"/></xs:sequence></xs:complexType>
        <xs:group name="g"><xs:sequence><xs:element name="first"/></xs:sequence></xs:group><xs:attributeGroup name="h"><xs:attribute name="x" use="required"/></xs:attributeGroup></xs:schema>"#;
    let texts =
        [("m.xsd", main), ("chameleon.xsd", &chameleon), ("imported.xsd", imported), ("base.xsd", base)];
    let schema = Schema::compile(&["m.xsd"], &Texts(&texts)).unwrap_or_else(|fault| panic!("{fault}"));
    let document = |k: &str, c: &str, more: &str, y: &str| {
        format!(
            "<a xmlns='urn:m' x=''{y}><k>{k}</k><i:x xmlns:i='urn:i'>1</i:x><p><c>{c}</c>{more}</p><first/><last/></a>"
        )
    };
    assert_eq!(breaches(&schema, document("1", "ab", "<more/>", " y=''").as_bytes()), []);
    for wrong in [
        document("x", "ab", "<more/>", ""),
        document("1", "abc", "<more/>", ""),
        document("1", "", "<more/>", ""),
        document("1", "ab", "", ""),
        document("1", "ab", "<more/>", " z=''"),
    ] {
        assert!(!breaches(&schema, wrong.as_bytes()).is_empty(), "{wrong}");
    }
}

#[test]
fn worst_cases_stay_linear() {
    // Ten thousand alternatives, again and again.
    let choices: String = (0..10_000).map(|at| format!("<xs:element name='e{at}' type='xs:int'/>")).collect();
    let inside = format!(
        "<xs:element name='a'><xs:complexType><xs:choice maxOccurs='unbounded'>{choices}</xs:choice></xs:complexType></xs:element>"
    );
    let schema = compiled(&schema_of(&inside)).unwrap();
    let body: String = (0..20_000).map(|at| format!("<e{}>1</e{}>", at % 10_000, at % 10_000)).collect();
    assert_eq!(breaches(&schema, format!("<a {XSI}>{body}</a>").as_bytes()), []);
    // Counters of a million, nested.
    let schema = compiled(&schema_of(
        "<xs:element name='a'><xs:complexType><xs:sequence maxOccurs='1000000'><xs:element name='b' minOccurs='2' maxOccurs='1000000'/><xs:element name='c' minOccurs='0'/><xs:element name='d'/></xs:sequence></xs:complexType></xs:element>",
    ))
    .unwrap();
    let body = "<b/><b/><b/><d/>".repeat(10_000);
    assert_eq!(breaches(&schema, format!("<a {XSI}>{body}</a>").as_bytes()), []);
    assert_eq!(breaches(&schema, format!("<a {XSI}>{body}<b/><d/></a>").as_bytes()).len(), 1);
    // A text of eight megabytes against a pattern without a small table.
    let schema = compiled(&schema_of(
        "<xs:element name='a'><xs:simpleType><xs:restriction base='xs:string'><xs:pattern value='(a|b)*a(a|b){12}'/></xs:restriction></xs:simpleType></xs:element>",
    ))
    .unwrap();
    let text = "ab".repeat(3_900_000);
    assert_eq!(breaches(&schema, format!("<a {XSI}>{text}a{}</a>", "b".repeat(12)).as_bytes()), []);
    assert_eq!(breaches(&schema, format!("<a {XSI}>{text}bbb{}</a>", "b".repeat(12)).as_bytes()).len(), 1);
    // The same prefixes on each of many elements.
    let schema = compiled(&schema_of("<xs:element name='a'/>")).unwrap();
    let deep = (0..60).map(|at| format!("<t:x xmlns:p{at}='urn:{at}'>")).collect::<String>();
    let document = format!("<a {XSI}>{deep}{}{}</a>", "<p0:y/>".repeat(100_000), "</t:x>".repeat(60));
    assert_eq!(breaches(&schema, document.as_bytes()), []);
}

#[test]
fn the_schema_is_shared_by_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Schema>();
}
