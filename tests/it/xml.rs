//! The XML gate at its boundary: hostile documents by hand, each also shown to xmllint; limits; arbitrary octets.
//!
//! xmllint (libxml2) is the oracle for well-formedness. Where the gate is stricter on purpose the case says so.

use std::io::Write;
use std::process::{Command, Stdio};

use bytes::Bytes;
use drehscheibe::xml::gate::{Document, GateError, pass};
use drehscheibe::xml::limits::{GateFault, Limits};
use drehscheibe::xml::write::{escape_attribute, escape_text};
use proptest::prelude::*;

fn look(bytes: impl AsRef<[u8]>) -> Result<Document, GateError> {
    pass(Bytes::copy_from_slice(bytes.as_ref()), &Limits::default())
}

fn place(error: GateError) -> (u32, u32) {
    (error.place.line, error.place.column)
}

/// Documents that XML 1.0 and its namespaces allow.
const LAWFUL: &[&[u8]] = &[
    b"<a/>",
    b"<a></a >",
    b"<?xml version='1.0'?><a/>",
    b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" ?>\r\n<a/>\n",
    b"<?xml version = '1.0' encoding='utf-8'?><a/>",
    b"\xEF\xBB\xBF<a/>",
    b"\xEF\xBB\xBF<?xml version=\"1.0\"?><a/>",
    b" \n<!-- before - it --><?pi some data?><a/><!--after--><?pi?>\n",
    b"<a b='1' c=\"2\"\n\td = '>'/>",
    b"<a b='\"' c=\"'\" d=''/>",
    b"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#x0000000041;&#9;</a>",
    b"<a b='&lt;&#10;&amp;'/>",
    b"<a>]] > ]]&gt; ]&#93;></a>",
    b"<a>]]<![CDATA[>]]></a>",
    b"<a><![CDATA[<b>&c;]] >]]]]></a>",
    b"<a><![CDATA[]]></a>",
    b"<a><!----><!-- <b> & --></a>",
    b"<a><?p <b> & ?><?p ??></a>",
    b"<a><!--->--></a>",
    b"<p:a xmlns:p='urn:p'><p:b p:c='1' c='2'/></p:a>",
    b"<a xmlns='urn:a'><b xmlns=''/></a>",
    b"<a xmlns='urn:a' xmlns:p='urn:a' p:b='1' b='2'/>",
    b"<a p:b='1' xmlns:p='urn:p'/>",
    b"<a xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    b"<a><b xmlns:p='urn:1'/><b xmlns:p='urn:2' p:c=''/></a>",
    "<ä ö='ü'>€ 𝄞 \u{85}\u{7F}\u{FFFD}\u{2028}</ä>".as_bytes(),
    "<a>\u{FEFF}</a>".as_bytes(),
    b"<a.b-c_1/>",
    b"<_/>",
    b"<a>'\">=</a>",
    b"<xmla/>",
    b"<?xml-stylesheet href='a'?><a/>",
];

/// Documents that are not well-formed, or not namespace-well-formed.
const UNLAWFUL: &[&[u8]] = &[
    b"",
    b" ",
    b"\xEF\xBB\xBF",
    b"text",
    b"<!-- only -->",
    b"<a",
    b"<a>",
    b"</a>",
    b"<a></b>",
    b"<a><b></a></b>",
    b"<a/><b/>",
    b"<a></a><a></a>",
    b"<a/>text",
    b"text<a/>",
    b"<a/>&lt;",
    b"<a/>&#32;",
    b"<a/><![CDATA[ ]]>",
    b"<![CDATA[]]><a/>",
    b"\xEF\xBB\xBF\xEF\xBB\xBF<a/>",
    b"<a>\0</a>",
    b"<a>\x01</a>",
    b"<a b='\x1F'/>",
    b"<a><!--\x08--></a>",
    "<a>\u{FFFE}</a>".as_bytes(),
    "<a>\u{FFFF}</a>".as_bytes(),
    b"<a>&#0;</a>",
    b"<a>&#x1;</a>",
    b"<a>&#xD800;</a>",
    b"<a>&#xFFFE;</a>",
    b"<a>&#x110000;</a>",
    b"<a>&#;</a>",
    b"<a>&#x;</a>",
    b"<a>&#X41;</a>",
    b"<a>&;</a>",
    b"<a>& </a>",
    b"<a>&lt</a>",
    b"<a>&nbsp;</a>",
    b"<a>&lt &gt;</a>",
    b"<a b='&nbsp;'/>",
    b"<a b='&'/>",
    b"<a b='&lt'/>",
    b"<a b='&#2;'/>",
    b"<a>]]></a>",
    b"<a>x]]]]>y</a>",
    b"<a b='<'/>",
    b"<a b/>",
    b"<a b=/>",
    b"<a b=1/>",
    b"<a b='1/>",
    b"<a b='1\"/>",
    b"<a b='1'c='2'/>",
    b"<a b='1' b='2'/>",
    b"<a 'b'/>",
    b"<a b='1'' />",
    b"<a ='1'/>",
    b"<a / >",
    b"< a/>",
    b"<a></ a>",
    b"<a></a b='1'>",
    b"<>",
    b"<a><></a>",
    b"<1/>",
    b"<-a/>",
    b"<a&b/>",
    b"<a 1='1'/>",
    "<×/>".as_bytes(),
    b"<p:a/>",
    b"<a p:b='1'/>",
    b"<a><b xmlns:p='urn:p'/><p:c/></a>",
    b"<:a/>",
    b"<a:/>",
    b"<a:b:c xmlns:a='urn:a'/>",
    b"<a xmlns:p=''/>",
    b"<a xmlns:xmlns='urn:a'/>",
    b"<a xmlns:xml='urn:a'/>",
    b"<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    b"<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    b"<xmlns:a/>",
    b"<a xmlns='urn:a' xmlns='urn:a'/>",
    b"<a xmlns:p='urn:1' xmlns:p='urn:2'/>",
    b"<a xmlns:p='urn:a' xmlns:q='urn:a' p:b='1' q:b='2'/>",
    b"<a xmlns:p='urn:a' xmlns:q='urn:&#97;' p:b='1' q:b='2'/>",
    b"<a><!-- -- --></a>",
    b"<a><!-- ---></a>",
    b"<a><!--></a>",
    b"<a><?p??></a>",
    b"<a><!-- </a>",
    b"<a><![CDATA[ </a>",
    b"<a><![cdata[]]></a>",
    b"<a><![CDATA []]></a>",
    b"<a><!b></a>",
    b"<a><?p </a>",
    b"<a><??></a>",
    b"<a><? p?></a>",
    b"<a><?1?></a>",
    b"<a><?p:q?></a>",
    b"<?XML version='1.0'?><a/>",
    b"<a><?xml?></a>",
    b" <?xml version='1.0'?><a/>",
    b"<!----><?xml version='1.0'?><a/>",
    b"<?xml version='1.0'?><?xml version='1.0'?><a/>",
    b"<?xml?><a/>",
    b"<?xml encoding='UTF-8'?><a/>",
    b"<?xml version='1.0' standalone='maybe'?><a/>",
    b"<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
    b"<?xml version='1.0' version='1.0'?><a/>",
    b"<?xml version='1.0' other='1'?><a/>",
    b"<?xml version='1.0'encoding='UTF-8'?><a/>",
    b"<?xml version=1.0?><a/>",
    b"<?xml version='2.0x'?><a/>",
    b"<a>\xFF</a>",
    b"<a>\xC3</a>",
    b"<a>\xED\xA0\x80</a>",
    b"<a>\xC0\xAF</a>",
    b"\xFF\xFE<a/>",
    b"<?xml version='1.0' encoding='no-such'?><a/>",
];

/// Well-formed documents that the gate refuses all the same, and why.
const STRICTER: &[(&[u8], GateFault)] = &[
    (b"<!DOCTYPE a><a/>", GateFault::Doctype),
    (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", GateFault::Doctype),
    (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a/>", GateFault::Doctype),
    (b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xFC</a>", GateFault::NotUtf8),
    (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", GateFault::NotUtf8),
    (b"<?xml version='1.0' encoding='US-ASCII'?><a/>", GateFault::NotUtf8),
    (b"\xFF\xFE<\0a\0/\0>\0", GateFault::NotUtf8),
    (b"\xFE\xFF\0<\0a\0/\0>", GateFault::NotUtf8),
    (b"<?xml version='1.1'?><a/>", GateFault::NotWellFormed("a version of XML other than 1.0")),
];

#[test]
fn the_gate_tells_lawful_from_unlawful() {
    for case in LAWFUL {
        let outcome = look(case);
        assert!(outcome.is_ok(), "{} {outcome:?}", String::from_utf8_lossy(case));
    }
    for case in UNLAWFUL {
        assert!(look(case).is_err(), "{}", String::from_utf8_lossy(case));
    }
    for (case, fault) in STRICTER {
        assert_eq!(look(case).unwrap_err().fault, *fault, "{}", String::from_utf8_lossy(case));
    }
}

/// Asks xmllint whether it takes `bytes` without an error; `None` when there is no xmllint.
fn xmllint_takes(bytes: &[u8]) -> Option<bool> {
    let mut child = Command::new("xmllint")
        .args(["--noout", "--nonet", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    // It may stop reading at the first fault; what it says counts, not whether it read all.
    let _ = child.stdin.take().expect("piped above").write_all(bytes);
    let output = child.wait_with_output().ok()?;
    // Namespace faults are reported but do not change its exit code.
    Some(output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("error"))
}

#[test]
fn xmllint_agrees() {
    if xmllint_takes(b"<a/>").is_none() {
        println!("skipped: xmllint (package libxml2-utils) is not installed");
        return;
    }
    let differs: Vec<_> = LAWFUL
        .iter()
        .map(|case| (case, true))
        .chain(UNLAWFUL.iter().map(|case| (case, false)))
        .filter(|(case, lawful)| xmllint_takes(case) != Some(*lawful))
        .map(|(case, _)| String::from_utf8_lossy(case).into_owned())
        .collect();
    assert!(differs.is_empty(), "{differs:#?}");
    for (case, _) in STRICTER {
        let case_text = String::from_utf8_lossy(case);
        assert_eq!(xmllint_takes(case), Some(true), "no longer a case of strictness: {case_text}");
    }
}

#[test]
fn the_root_is_described() {
    let document = look(
        "<?xml version='1.0'?>\n<x:eintragung xmlns:x=\"urn:x\" xmlns=\"urn:y\" standard=\"A&amp;B\" x:a=\"1\" \
         version=\" 1\n2 \"/>",
    )
    .unwrap();
    let root = document.root();
    assert_eq!((root.namespace.as_str(), root.local.as_str()), ("urn:x", "eintragung"));
    let attributes: Vec<_> =
        root.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(attributes, [("standard", "A&B"), ("version", " 1 2 ")]);
    assert_eq!(look("<a xmlns='urn:a'/>").unwrap().root().namespace, "urn:a");
    assert_eq!(look("<a/>").unwrap().root().namespace, "");
}

#[test]
fn octets_come_out_as_they_went_in() {
    let bytes = Bytes::from_static(b"\xEF\xBB\xBF<a>\r\n</a>");
    assert_eq!(look(&bytes).unwrap().bytes(), &bytes);
}

#[test]
fn faults_name_their_place() {
    let at = |document: &[u8]| place(look(document).unwrap_err());
    assert_eq!(at(b"\xEF\xBB\xBF<a>\n  \xFF</a>"), (2, 3));
    assert_eq!(at("<a>\r\n<ä></ä><b/>&nbsp;</a>".as_bytes()), (2, 12));
    assert_eq!(at(b"<a>\n<b c='1'\n d='<'/></a>"), (3, 5));
    assert_eq!(at(b"<a>\n<p:b/></a>"), (2, 2));
    assert_eq!(at(b"<a>\n\x01</a>"), (2, 1));
    assert_eq!(at(b"\n<!DOCTYPE a><a/>"), (2, 1));
    assert_eq!(at(b"<a>\n"), (2, 1));
}

#[test]
fn every_limit_holds() {
    let limits = Limits { bytes: 1000, depth: 3, attributes: 2, name: 5, nodes: 4 };
    let fault =
        |document: &str| pass(Bytes::copy_from_slice(document.as_bytes()), &limits).err().map(|e| e.fault);
    assert_eq!(fault("<a><b><c/></b></a>"), None);
    assert_eq!(fault("<a><b><c><d/></c></b></a>"), Some(GateFault::TooDeep));
    assert_eq!(fault("<a><b><c><d></d></c></b></a>"), Some(GateFault::TooDeep));
    assert_eq!(fault("<a><b/><b/><b/></a>"), None);
    assert_eq!(fault("<a><b/><b/><b/><b/></a>"), Some(GateFault::TooManyNodes));
    // What a tree has a node for costs many times its octets, element or not.
    assert_eq!(fault("<?i?><a><!----><?i?></a>"), None);
    for flood in [
        "<a>#<!----><!----><!----><!----></a>",
        "<!----><a><?i?><?i?><?i?></a>",
        "<?i?><?i?><?i?><!----><a/>",
    ] {
        assert_eq!(fault(flood), Some(GateFault::TooManyNodes), "{flood}");
    }
    assert_eq!(fault("<a>1<![CDATA[]]>2<![CDATA[]]>3<![CDATA[]]>4<![CDATA[]]></a>"), None);
    let wide = Limits { attributes: 9, nodes: 2, ..limits.clone() };
    let attributes = |first: &str, second: &str| {
        pass(Bytes::from(format!("<a {first}><b {second}/></a>")), &wide).err().map(|e| e.fault)
    };
    let of = |many: usize| (0..many).map(|at| format!("c{at}=''")).collect::<Vec<_>>().join(" ");
    assert_eq!(attributes(&of(4), &of(4)), None);
    assert_eq!(attributes(&of(4), &of(5)), Some(GateFault::TooManyNodes));
    assert_eq!(fault("<a b='' xmlns='u'/>"), None);
    assert_eq!(fault("<a b='' xmlns='u' c=''/>"), Some(GateFault::TooManyAttributes));
    assert_eq!(fault("<abcde/>"), None);
    for long in ["<abcdef/>", "<a abcdef=''/>", "<a><?abcdef?></a>", "<a xmlns:b=''/>"] {
        assert_eq!(fault(long), Some(GateFault::NameTooLong), "{long}");
    }
    assert_eq!(fault(&format!("<a>{}</a>", " ".repeat(993))), None);
    assert_eq!(fault(&format!("<a>{}</a>", " ".repeat(994))), Some(GateFault::TooLarge));
}

#[test]
fn a_flood_of_attributes_or_declarations_is_answered() {
    let many: String = (0..100_000).map(|number| format!(" a{number}=''")).collect();
    assert_eq!(look(format!("<a{many}/>")).unwrap_err().fault, GateFault::TooManyAttributes);
    // Without the limit the work must still be linear: all pairs of 100,000 would take minutes.
    let limits = Limits { attributes: usize::MAX, ..Limits::default() };
    assert!(pass(Bytes::from(format!("<a{many}/>")), &limits).is_ok());
    let twice = pass(Bytes::from(format!("<a{many} a0=''/>")), &limits).unwrap_err();
    assert_eq!(twice.fault, GateFault::NotWellFormed("the same attribute twice"));
    assert_eq!(look("<a>".repeat(100_000)).unwrap_err().fault, GateFault::TooDeep);
}

/// Bits of markup, to come closer to documents than arbitrary octets do.
fn markup() -> impl Strategy<Value = Vec<u8>> {
    let bit = prop::sample::select(vec![
        "<a>",
        "</a>",
        "<a/>",
        "<b ",
        "<p:a xmlns:p='u'>",
        "</p:a>",
        " b='1'",
        " p:b=\"2\"",
        ">",
        "/>",
        "<!--",
        "-->",
        "--",
        "<![CDATA[",
        "]]>",
        "<?p",
        "?>",
        "<?xml version='1.0'?>",
        "&",
        "&lt;",
        "&#1;",
        "&#65;",
        ";",
        "'",
        "\"",
        "=",
        "<",
        "x",
        "ü",
        " ",
        "\n",
        "\r",
        "<!DOCTYPE",
        "]",
    ]);
    prop::collection::vec(bit, 0..10).prop_map(|bits| bits.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = look(&bytes);
    }

    #[test]
    fn no_markup_makes_it_panic(bytes in markup()) {
        let _ = look([b"<a>", bytes.as_slice(), b"</a>"].concat());
        let _ = look(&bytes);
    }

    #[test]
    fn what_is_escaped_passes_and_comes_back(text in any::<String>()) {
        match (escape_text(&text), escape_attribute(&text)) {
            (Ok(content), Ok(value)) => {
                let document = look(format!("<a b='{value}' c=\"{value}\">{content}</a>")).unwrap();
                prop_assert!(document.root().attributes.iter().all(|(_, value)| *value == text));
            }
            (content, value) => {
                prop_assert!(content.is_err() && value.is_err());
                let document = ["<a>", &text.replace(['<', '&'], ""), "</a>"].concat();
                prop_assert!(look(document).is_err());
            }
        }
    }
}

proptest! {
    // Each case starts a process.
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn xmllint_agrees_on_composed_markup(bytes in markup()) {
        let document = [b"<a>", bytes.as_slice(), b"</a>"].concat();
        if let Some(taken) = xmllint_takes(&document) {
            let ours = look(&document);
            prop_assert_eq!(ours.is_ok(), taken, "{:?}: {:?}", String::from_utf8_lossy(&document), ours);
        }
    }
}
