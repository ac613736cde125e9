//! `validate` as an operator meets it: exit codes, one JSON line for each document, nothing on standard output where the
//! schema cannot be used, and schema documents from beside the schema only.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn validate(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_drehscheibe"))
        .current_dir(folder)
        .args(["validate", "--schema"])
        .args(words)
        .output()
        .unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:types" elementFormDefault="qualified">
  <xs:import namespace="urn:types" schemaLocation="http://example.invalid/schemata/types.xsd"/>
  <xs:element name="a"><xs:complexType><xs:sequence><xs:element name="zahl" type="t:zahl" maxOccurs="3"/></xs:sequence></xs:complexType></xs:element>
</xs:schema>"#;
const TYPES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:types">
  <xs:simpleType name="zahl"><xs:restriction base="xs:integer"/></xs:simpleType>
</xs:schema>"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("extern")).unwrap();
    fs::write(folder.path().join("main.xsd"), SCHEMA).unwrap();
    fs::write(folder.path().join("extern/types.xsd"), TYPES).unwrap();
    fs::write(folder.path().join("good.xml"), "<a><zahl>10</zahl></a>").unwrap();
    fs::write(folder.path().join("bad.xml"), "<a>\n  <zahl>1_0</zahl><zahl>1_</zahl></a>").unwrap();
    fs::write(folder.path().join("broken.xml"), "<a><zahl>").unwrap();
    folder
}

#[test]
fn each_document_has_its_line_and_the_exit_code_says_whether_all_are_valid() {
    let folder = folder();
    let good = validate(folder.path(), &["main.xsd", "good.xml", "--json"]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout), "{\"file\":\"good.xml\",\"valid\":true,\"faults\":[]}\n");

    let all = validate(folder.path(), &["main.xsd", "good.xml", "bad.xml", "broken.xml", "--json"]);
    assert_eq!(all.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&all.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["valid"], json!(false));
    let fault = &lines[1]["faults"][0];
    assert_eq!(
        (&fault["code"], &fault["line"], &fault["column"], &fault["path"]),
        (&json!("cvc-datatype-valid.1.2.1"), &json!(2), &json!(3), &json!("/a/zahl"))
    );
    assert_eq!(lines[1]["faults"].as_array().unwrap().len(), 2);
    assert_eq!(lines[2]["faults"][0]["code"], json!("not-well-formed"));
    assert!(!text(&all.stdout).contains("1_0"), "a value is shown");

    let plain = validate(folder.path(), &["main.xsd", "good.xml", "bad.xml"]);
    assert_eq!(plain.status.code(), Some(1));
    assert!(
        text(&plain.stdout)
            .starts_with("good.xml: valid\nbad.xml: not valid\n  2:3 cvc-datatype-valid.1.2.1 /a/zahl ")
    );
}

#[test]
fn a_schema_that_cannot_be_used_ends_with_two_and_says_nothing_on_standard_output() {
    let folder = folder();
    let refused = |name: &str, text_of: &str| {
        fs::write(folder.path().join(name), text_of).unwrap();
        let output = validate(folder.path(), &[name, "good.xml", "--json"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert_eq!(text(&output.stdout), "", "{name}");
        text(&output.stderr)
    };
    let head = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">"#;
    let wrong = refused("wrong.xsd", &format!("{head}\n<xs:element name='a' type='xs:no'/></xs:schema>"));
    assert!(wrong.contains("wrong.xsd:2:1: XML Schema 1.0 has no type 'no'"), "{wrong}");
    let net = refused(
        "net.xsd",
        &format!("{head}<xs:include schemaLocation='https://example.invalid/gone.xsd'/></xs:schema>"),
    );
    assert!(net.contains("nothing is read from the net"), "{net}");
    assert!(net.contains("net.xsd:1:"), "{net}");
    let absolute =
        refused("absolute.xsd", &format!("{head}<xs:include schemaLocation='/etc/passwd'/></xs:schema>"));
    assert!(absolute.contains("beside the schema"), "{absolute}");
    // Not even of a schema that lies two folders below the root.
    let up = "../".repeat(folder.path().components().count() - 1);
    let root =
        refused("root.xsd", &format!("{head}<xs:include schemaLocation='{up}proc/version'/></xs:schema>"));
    assert!(root.contains("folders above the schema"), "{root}");
    let broken = refused("no.xsd", "<xs:schema");
    assert!(broken.contains("cannot be read"), "{broken}");
    #[cfg(unix)]
    {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("far.xsd"), format!("{head}</xs:schema>")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("far.xsd"), folder.path().join("link.xsd")).unwrap();
        let link = refused("over.xsd", &format!("{head}<xs:include schemaLocation='link.xsd'/></xs:schema>"));
        assert!(link.contains("links are not followed"), "{link}");
    }
    let missing = validate(folder.path(), &["gone.xsd", "good.xml"]);
    assert_eq!((missing.status.code(), text(&missing.stdout)), (Some(2), String::new()));
    let no_document = validate(folder.path(), &["main.xsd", "good.xml", "gone.xml"]);
    assert_eq!((no_document.status.code(), text(&no_document.stdout)), (Some(2), String::new()));
}

#[test]
fn the_shipped_schemas_and_their_samples_can_be_used() {
    let samples = "xsd/xfamilie/1.3.0/samples";
    let output = validate(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &[
            "xsd/xfamilie/1.3.0/xfamilie-geburt.xsd",
            &format!("{samples}/0804-eintragung-vorhanden.xml"),
            &format!("{samples}/invalid-0804-datum.xml"),
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("0804-eintragung-vorhanden.xml: valid\n"), "{told}");
    assert!(told.contains("invalid-0804-datum.xml: not valid\n"), "{told}");
}

#[test]
fn documents_that_cannot_be_read_leave_nothing_on_standard_output_wherever_they_stand() {
    let folder = folder();
    fs::create_dir(folder.path().join("folder.xml")).unwrap();
    for last in ["gone.xml", "folder.xml"] {
        for words in [&["main.xsd", "good.xml", last, "--json"][..], &["main.xsd", "good.xml", last]] {
            let output = validate(folder.path(), words);
            assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{last}");
        }
    }
    // Of the right kind and size, and still not to be read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let shut = folder.path().join("shut.xml");
        fs::write(&shut, "<a/>").unwrap();
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o0)).unwrap();
        // Who may read everything cannot play this.
        if fs::read(&shut).is_err() {
            let output = validate(folder.path(), &["main.xsd", "good.xml", "shut.xml", "--json"]);
            assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()));
        }
    }
}

#[test]
fn schema_documents_stand_at_most_two_folders_above_the_schema() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().canonicalize().unwrap();
    let inner = base.join("one/two/three");
    fs::create_dir_all(&inner).unwrap();
    let head = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">"#;
    let types =
        format!("{head}<xs:simpleType name='n'><xs:restriction base='xs:int'/></xs:simpleType></xs:schema>");
    for place in ["types.xsd", "one/types.xsd", "one/two/types.xsd"] {
        fs::write(base.join(place), &types).unwrap();
    }
    fs::create_dir(base.join("one/neighbour")).unwrap();
    // From a document above it goes no higher than from the schema itself.
    fs::write(
        base.join("one/neighbour/over.xsd"),
        format!("{head}<xs:include schemaLocation='../../types.xsd'/></xs:schema>"),
    )
    .unwrap();
    fs::write(inner.join("a.xml"), "<a>1</a>").unwrap();
    for (location, code) in [
        ("../types.xsd", 0),
        ("../../types.xsd", 0),
        ("../../neighbour/../types.xsd", 0),
        ("../../../types.xsd", 2),
        ("../three/../../../types.xsd", 2),
        ("../../neighbour/over.xsd", 2),
    ] {
        let schema = format!(
            "{head}<xs:include schemaLocation='{location}'/><xs:element name='a' type='n'/></xs:schema>"
        );
        fs::write(inner.join("s.xsd"), schema).unwrap();
        for (folder, schema) in
            [(&inner, "s.xsd".to_owned()), (&base, inner.join("s.xsd").display().to_string())]
        {
            let document = inner.join("a.xml").display().to_string();
            let output = validate(folder, &[&schema, &document]);
            assert_eq!(output.status.code(), Some(code), "{location}: {}", text(&output.stderr));
            if code == 2 {
                assert_eq!(text(&output.stdout), "");
                assert!(text(&output.stderr).contains("more than 2 folders above the schema"), "{location}");
            }
        }
    }
}

#[test]
fn documents_and_schemas_in_other_encodings_are_read_or_refused_as_such() {
    let folder = folder();
    let wide = |text: &str| -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    fs::write(
        folder.path().join("wide.xml"),
        wide("<?xml version='1.0' encoding='UTF-16'?><a><zahl>1</zahl></a>"),
    )
    .unwrap();
    fs::write(
        folder.path().join("odd.xml"),
        wide("<?xml version='1.0' encoding='UTF-16'?><a><zahl>ä</zahl></a>"),
    )
    .unwrap();
    fs::write(
        folder.path().join("latin.xml"),
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a><!-- \xE4 --><zahl>1</zahl></a>",
    )
    .unwrap();
    fs::write(
        folder.path().join("ebcdic.xml"),
        "<?xml version='1.0' encoding='IBM1047'?><a><zahl>1</zahl></a>",
    )
    .unwrap();
    fs::write(
        folder.path().join("wide.xsd"),
        wide(&format!("<?xml version='1.0' encoding='UTF-16'?>{SCHEMA}")),
    )
    .unwrap();
    for schema in ["main.xsd", "wide.xsd"] {
        let output =
            validate(folder.path(), &[schema, "wide.xml", "latin.xml", "odd.xml", "ebcdic.xml", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let lines: Vec<Value> =
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["valid"], &lines[1]["valid"]), (&json!(true), &json!(true)));
        let place = &lines[2]["faults"][0];
        assert_eq!((&place["code"], &place["column"]), (&json!("cvc-datatype-valid.1.2.1"), &json!(43)));
        assert_eq!(lines[3]["faults"][0]["code"], json!("encoding"));
    }
}

#[test]
fn a_catalog_beside_the_schema_says_what_stands_for_an_address() {
    let folder = folder();
    let root = folder.path();
    let schema = |name: &str| {
        format!(
            r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:b"><xs:element name="{name}" type="xs:int"/></xs:schema>"#
        )
    };
    for part in ["one", "two"] {
        fs::create_dir(root.join(part)).unwrap();
        fs::write(root.join(part).join("b.xsd"), schema(part)).unwrap();
    }
    let entry = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:b="urn:b"><xs:import namespace="urn:b" schemaLocation="https://example.invalid/b/"/><xs:element name="a"><xs:complexType><xs:sequence><xs:element ref="b:two"/></xs:sequence></xs:complexType></xs:element></xs:schema>"#;
    fs::write(root.join("net.xsd"), entry).unwrap();
    fs::write(root.join("two.xml"), r#"<a><two xmlns="urn:b">2</two></a>"#).unwrap();
    let with = |catalog: Option<&str>| {
        let path = root.join("catalog.xml");
        match catalog {
            Some(entries) => {
                let text = format!(
                    r#"<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">{entries}</catalog>"#
                );
                fs::write(path, text).unwrap();
            }
            None => drop(fs::remove_file(path)),
        }
        let output = validate(root, &["net.xsd", "two.xml"]);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, told, why) = with(None);
    assert_eq!((code, told), (Some(2), String::new()));
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(why.contains("more than one of that namespace") && why.contains("catalog.xml"), "{why}");
    for known in [
        r#"<uri name="https://example.invalid/b/" uri="two/b.xsd"/>"#,
        r#"<group><system systemId="https://example.invalid/b/" uri="./two/b.xsd"/></group>"#,
        // The address counts before the namespace.
        r#"<uri name="urn:b" uri="one/b.xsd"/><uri name="https://example.invalid/b/" uri="two/b.xsd"/>"#,
        r#"<uri name="urn:b" uri="two/b.xsd"/>"#,
    ] {
        let (code, told, why) = with(Some(known));
        assert_eq!((code, told.as_str()), (Some(0), "two.xml: valid\n"), "{known} {why}");
    }
    for (wrong, word) in [
        (r#"<uri name="urn:b" uri="three/b.xsd"/>"#, "'three/b.xsd' is not there"),
        (r#"<uri name="urn:b" uri="../../../../../../../../b.xsd"/>"#, "folders above"),
        (r#"<uri name="urn:b" uri="/etc/passwd"/>"#, "no path below its folder"),
        (r#"<uri name="urn:b" uri="https://example.invalid/c.xsd"/>"#, "no path below its folder"),
        (r#"<uri name="urn:b""#, "catalog.xml beside the schema cannot be used"),
        (r#"<uri name="urn:c" uri="two/b.xsd"/>"#, "more than one of that namespace"),
        // Half understood it would lead elsewhere.
        (r#"<uri xml:base="one/" name="urn:b" uri="b.xsd"/>"#, "'xml:base' is not supported"),
        (
            r#"<uri name="urn:b" uri="two/b.xsd"/><nextCatalog catalog="more.xml"/>"#,
            "'nextCatalog' is not supported",
        ),
        (
            r#"<uri name="urn:b" uri="two/b.xsd"/><rewriteURI uriStartString="urn:" rewritePrefix="one/"/>"#,
            "'rewriteURI' is not supported",
        ),
    ] {
        let (code, told, why) = with(Some(wrong));
        assert_eq!((code, told), (Some(2), String::new()), "{wrong}");
        // Long lines are broken where they are shown.
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(why.contains(word), "{wrong} {why}");
    }
}

#[test]
fn a_location_is_an_address_and_what_is_missing_is_named() {
    let folder = folder();
    let root = folder.path();
    let part = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="xs:int"/></xs:schema>"#;
    fs::write(root.join("ein teil.xsd"), part).unwrap();
    fs::write(root.join("a.xml"), "<a>1</a>").unwrap();
    let with = |location: &str| {
        let text = format!(
            r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="{location}"/></xs:schema>"#
        );
        fs::write(root.join("l.xsd"), text).unwrap();
        validate(root, &["l.xsd", "a.xml"])
    };
    for known in ["ein teil.xsd", " ein%20teil.xsd&#10;", "%65in%20teil.xsd", "./x/../ein teil.xsd"] {
        let output = with(known);
        assert_eq!(output.status.code(), Some(0), "{known} {}", text(&output.stderr));
    }
    for (wrong, word) in [
        ("gone.xsd", "schema document 'gone.xsd': is not there"),
        ("extern", "is no file"),
        ("%ff.xsd", "is no path in utf-8"),
        ("%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/a.xsd", "folders above"),
    ] {
        let output = with(wrong);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{wrong}");
        let why = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(why.contains(word), "{wrong} {why}");
    }
    let gone = validate(root, &["main.xsd", "gone.xml"]);
    assert!(text(&gone.stderr).contains("gone.xml: is not there"), "{}", text(&gone.stderr));
    let no_file = validate(root, &["main.xsd", "extern"]);
    assert!(text(&no_file.stderr).contains("extern: is no file"), "{}", text(&no_file.stderr));
}

#[test]
fn another_namespace_is_said_and_so_is_that_not_all_faults_are_told() {
    let folder = folder();
    let root = folder.path();
    fs::write(root.join("inner.xml"), r#"<a><zahl xmlns="urn:anders">1</zahl></a>"#).unwrap();
    fs::write(root.join("outer.xml"), r#"<a xmlns="urn:anders"/>"#).unwrap();
    let output = validate(root, &["main.xsd", "inner.xml", "outer.xml"]);
    let told = text(&output.stdout);
    assert!(told.contains("expected here: zahl without a namespace"), "{told}");
    assert!(
        told.contains("an element that the schema declares is expected: a without a namespace"),
        "{told}"
    );
    let many = format!("<a>{}</a>", "<zahl>x</zahl>".repeat(3));
    fs::write(root.join("some.xml"), many).unwrap();
    let free = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:complexType><xs:sequence><xs:element name="z" type="xs:int" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element></xs:schema>"#;
    fs::write(root.join("free.xsd"), free).unwrap();
    fs::write(root.join("many.xml"), format!("<a>{}</a>", "<z>x</z>".repeat(300))).unwrap();
    let told = text(&validate(root, &["main.xsd", "some.xml"]).stdout);
    assert!(!told.contains("no more than"), "{told}");
    let told = text(&validate(root, &["free.xsd", "many.xml"]).stdout);
    assert!(told.ends_with("no more than 100 faults of a document are told\n"), "{told}");
    // A program that reads along is told so, too, and only then.
    fs::write(root.join("full.xml"), format!("<a>{}</a>", "<z>x</z>".repeat(100))).unwrap();
    let told = text(&validate(root, &["free.xsd", "many.xml", "full.xml", "--json"]).stdout);
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |line: &Value| (line["faults"].as_array().unwrap().len(), line.get("more").cloned());
    assert_eq!((of(&lines[0]), of(&lines[1])), ((100, Some(json!(true))), (100, None)));
}

#[test]
fn a_document_may_come_from_standard_input() {
    let folder = folder();
    let asked = |document: &str, octets: &[u8]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_drehscheibe"))
            .current_dir(folder.path())
            .args(["validate", "--schema", "main.xsd", document])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(octets).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout).lines().next().unwrap().to_owned())
    };
    assert_eq!(asked("-", b"<a><zahl>1</zahl></a>"), (Some(0), "-: valid".to_owned()));
    assert_eq!(asked("-", b"<a><zahl>x</zahl></a>"), (Some(1), "-: not valid".to_owned()));
    assert_eq!(asked("/dev/stdin", b"<a/>"), (Some(1), "/dev/stdin: not valid".to_owned()));
}

#[test]
fn what_stands_for_an_address_is_said_and_no_address_of_this_machine_is_read() {
    let folder = folder();
    let root = folder.path();
    let output = validate(root, &["main.xsd", "good.xml"]);
    let said = "http://example.invalid/schemata/types.xsd is not read; extern/types.xsd stands for it\n";
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("good.xml: valid\n".into(), said.into()));
    for address in ["file:///etc/x/types.xsd", "FILE:extern/types.xsd", "file://host/types.xsd", ""] {
        let schema = SCHEMA.replace("http://example.invalid/schemata/types.xsd", address);
        fs::write(root.join("local.xsd"), schema).unwrap();
        let output = validate(root, &["local.xsd", "good.xml"]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), String::new()), "{address}");
        assert!(text(&output.stderr).contains("beside the schema"), "{address} {}", text(&output.stderr));
    }
    // What is named by a document of another folder is looked for near that one first, where the schema's own folder has nothing of it.
    let set = root.join("set");
    fs::create_dir_all(set.join("one")).unwrap();
    fs::create_dir_all(set.join("two")).unwrap();
    fs::write(set.join("two/main.xsd"), SCHEMA).unwrap();
    fs::write(set.join("two/types.xsd"), TYPES).unwrap();
    let entry = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../two/main.xsd"/></xs:schema>"#;
    fs::write(set.join("one/entry.xsd"), entry).unwrap();
    let output = validate(root, &["set/one/entry.xsd", "good.xml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// Each key lies in as many elements that it is unique in as are open around it: without a bound time and memory would grow with their number.
#[test]
fn keys_in_nested_elements_are_bounded_and_those_of_a_flat_document_are_not() {
    let folder = folder();
    let schema = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r"><xs:complexType><xs:sequence>
        <xs:element ref="r" minOccurs="0"/>
        <xs:element name="k" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:attribute name="i"/></xs:complexType></xs:element>
        </xs:sequence></xs:complexType><xs:key name="u"><xs:selector xpath=".//k"/><xs:field xpath="@i"/></xs:key></xs:element></xs:schema>"#;
    fs::write(folder.path().join("nested.xsd"), schema).unwrap();
    let document = |depth: usize, keys: usize| {
        let rows: String = (0..keys).map(|n| format!("<k i='{n}'/>")).collect();
        let text = format!("{}{rows}{}", "<r>".repeat(depth), "</r>".repeat(depth));
        fs::write(folder.path().join("nested.xml"), text).unwrap();
        let output = validate(folder.path(), &["nested.xsd", "nested.xml", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["faults"].as_array().unwrap().iter().map(|fault| fault["code"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(document(200, 1_000), Vec::<String>::new());
    assert_eq!(document(1, 50_000), Vec::<String>::new());
    assert_eq!(document(250, 6_000), [r#""limit""#]);
}

#[test]
fn a_document_that_is_far_too_large_is_not_read() {
    let folder = folder();
    // Sparse: it takes nothing on the disk.
    fs::File::create(folder.path().join("huge.xml")).unwrap().set_len(1 << 40).unwrap();
    let output = validate(folder.path(), &["main.xsd", "huge.xml", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["faults"][0]["code"], "limit");
}
