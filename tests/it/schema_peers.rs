//! The schema engine against two validators at once, `xmllint` and the Xerces of the JDK, over samples and seeded mutants of
//! all packages and official schemas: where the two agree, so do we. Asked by `tests/run.sh --peers` only, which compiles
//! what asks Xerces; otherwise the test says that nothing was compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use drehscheibe::schema::tables::Schema;

use crate::schema_mutants::mutant;
use crate::schema_oracle::{FOLDERS, Set, all_sets};
use crate::schema_support::{Chance, Disk, SHARED, breaches, xmllint};

/// Where we judge otherwise than Xerces (JDK 17), by its complaint and that of libxml2 (2.9.14), empty where it holds the
/// document valid; and why.
type Kind = (fn(xerces: &str, libxml2: &str) -> bool, &'static str);
const NOTED: &[Kind] = &[
    (
        |xerces, libxml2| {
            libxml2.is_empty() && ["'//'", "'http:'", "'http://'"].iter().any(|value| xerces.contains(value))
        },
        "what follows a scheme, and the name of a host, may be empty (RFC 3986); libxml2 judges as we do",
    ),
    (
        |xerces, libxml2| {
            let name = "'K\u{35F}H' is not a valid value";
            xerces.contains(name) && libxml2.contains(name)
        },
        "both take the letters of names from the fourth edition of XML 1.0; the gate and the engine have those of the fifth",
    ),
];

/// What Xerces says of documents: none when valid, else its first complaint.
fn xerces(classes: &Path, schema: &Path, documents: &[PathBuf]) -> BTreeMap<PathBuf, Option<String>> {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    let lines: String = documents.iter().map(|path| format!("{}\n", path.display())).collect();
    fs::write(&list, lines).unwrap();
    let output = Command::new("java")
        .arg("-cp")
        .arg(classes)
        .arg("Judge")
        .args([schema, &list])
        .args(
            FOLDERS
                .iter()
                .map(|folder| format!("{SHARED}/{folder}"))
                .filter(|folder| Path::new(folder).is_dir()),
        )
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {}", schema.display(), String::from_utf8_lossy(&output.stderr));
    let mut verdicts = BTreeMap::new();
    for line in told.lines() {
        let mut parts = line.splitn(3, '\t');
        let (mark, file) = (parts.next().unwrap(), PathBuf::from(parts.next().unwrap()));
        let complaint = parts.next().unwrap_or_default().to_owned();
        verdicts.insert(file, (mark == "-").then_some(complaint));
    }
    assert_eq!(verdicts.len(), documents.len());
    verdicts
}

#[derive(Default)]
struct Count {
    both: usize,
    with_xerces: usize,
    with_libxml2: usize,
    wrong: Vec<String>,
}

fn compare(classes: &Path, set: &Set, documents: &[PathBuf], count: &mut Count) {
    let libxml2 = xmllint(&set.entry, documents).unwrap_or_else(|| panic!("{}", set.entry.display()));
    let xerces = xerces(classes, &set.entry, documents);
    for document in documents {
        let ours = breaches(&set.schema, &fs::read(document).unwrap());
        let (one, other) = (&xerces[document], &libxml2[document]);
        let valid = ours.is_empty();
        if one.is_none() == other.is_none() {
            count.both += 1;
        } else if valid == one.is_none() {
            count.with_xerces += 1;
        } else {
            count.with_libxml2 += 1;
        }
        let told = (one.as_deref().unwrap_or_default(), other.as_deref().unwrap_or_default());
        if valid != one.is_none() && !NOTED.iter().any(|(is, _)| is(told.0, told.1)) {
            if let Some(keep) = std::env::var_os("DREHSCHEIBE_KEEP") {
                fs::copy(document, Path::new(&keep).join(document.file_name().unwrap())).unwrap();
            }
            count.wrong.push(format!(
                "{} {}\n  ours {:?}\n  xerces {one:?}\n  libxml2 {other:?}",
                set.entry.display(),
                document.file_name().unwrap().to_string_lossy(),
                ours.first(),
            ));
        }
    }
}

/// Addresses of many kinds: what may stand in one is told by prose in the standard, and by each validator in its own way.
const ADDRESSES: &[&str] = &[
    "",
    "a",
    "a b",
    "ä/ö",
    "../x",
    "./:a",
    "a:b:c",
    ":a",
    "1a:b",
    "a+b-c.d:x",
    "urn:x:y",
    "%",
    "%2",
    "%zz",
    "%20",
    "a%C3%A4",
    "#",
    "a#b",
    "a#b#c",
    "#%",
    "?",
    "?a?b",
    "a?b#c",
    "/",
    "//",
    "///a",
    "//x",
    "http:",
    "http://",
    "http:///a",
    "http://x",
    "http://x:80/",
    "http://x:/",
    "http://u@x/",
    "http://u:p@x/",
    "http://[::1]/",
    "http://[::1]:80/a",
    "http://[x]/",
    "http://[::1",
    "a[1]",
    "[",
    "]",
    "/a[1]/b",
    "http://x/[",
    "]]&gt;",
    "urn:a[1]",
    "mailto:a@b.example",
    "a\\b",
    "a|b",
    "a^b",
    "a`b",
    "{a}",
    "&lt;a&gt;",
    "&quot;a&quot;",
    "http://ä.example/",
    "http://a_b/",
    "http://-a/",
    "http://1.2.3.4/",
    "http://1.2.3/",
    "  a  ",
    "a~b",
    "a'b(c)*d!e",
    "a;b=c&amp;d,e$f",
];

/// Documents of the schema of every construct (`fuzz/all.xsd`): good ones to make mutants of, and all addresses.
fn constructs(folder: &Path) -> Set {
    let entry = PathBuf::from("fuzz/all.xsd");
    let schema = Schema::compile(&["fuzz/all.xsd"], &Disk(vec![])).unwrap_or_else(|fault| panic!("{fault}"));
    let mut documents = vec![PathBuf::from("fuzz/corpus/instance/all-good.xml")];
    for (number, address) in ADDRESSES.iter().enumerate() {
        let path = folder.join(format!("address-{number}.xml"));
        let text = format!("<a xmlns=\"urn:t\"><alle><q>a</q><u>{address}</u></alle></a>");
        fs::write(&path, text).unwrap();
        documents.push(path);
    }
    let types = ["teil", "mehr", "preis", "text", "eins"].map(|name| format!("{{urn:t}}{name}")).into();
    Set { entry, schema, documents, types }
}

#[test]
fn where_xerces_and_libxml2_agree_so_do_we() {
    let Some(classes) = std::env::var_os("DREHSCHEIBE_XERCES").map(PathBuf::from) else {
        println!("not compared with Xerces: tests/run.sh --peers does");
        return;
    };
    let wanted = if std::env::var_os("DREHSCHEIBE_LONG").is_some() { 60_000 } else { 6_000 };
    let folder = tempfile::tempdir().unwrap();
    let mut sets = all_sets();
    sets.push(constructs(folder.path()));
    let each = wanted / sets.len();
    let mut count = Count::default();
    for (number, set) in sets.iter().enumerate() {
        let mut chance = Chance::new(number as u64 + 101);
        let mut documents = set.documents.clone();
        for at in 0..each {
            // Of the constructs only the one that has them all.
            let of = if set.entry.starts_with("fuzz") { 1 } else { set.documents.len() };
            let text = fs::read_to_string(&set.documents[at % of]).unwrap();
            let path = folder.path().join(format!("{number}-{at}.xml"));
            fs::write(&path, mutant(&text, &set.types, &mut chance)).unwrap();
            documents.push(path);
        }
        compare(&classes, set, &documents, &mut count);
        documents[set.documents.len()..].iter().for_each(|path| fs::remove_file(path).unwrap());
    }
    let Count { both, with_xerces, with_libxml2, wrong } = count;
    println!(
        "documents where Xerces and libxml2 agree: {both}; where they differ: {with_xerces} judged as by Xerces, {with_libxml2} as by libxml2"
    );
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(both > wanted / 2, "{both}");
}
