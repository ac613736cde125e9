//! A second opinion on schemas: `xmllint` with the official base modules must judge as we do with our own text.
//! Where the tool or the shared schemas are not at hand the tests say so and compare nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use drehscheibe::pipeline::{answer, werte};
use drehscheibe::schema::tables::Schema;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::{Reader, Standards};
use drehscheibe::xoev::package;
use drehscheibe::xoev::set::PackageSet;

use crate::schema_support::Disk;
use crate::xoev_generate::{self, Numbers};

const SHARED: &str = "../shared/schemas";
const SAMPLES: &str = "xsd/xfamilie/1.3.0/samples";

/// Whether a second opinion can be had.
fn at_hand() -> bool {
    let tool = Command::new("xmllint").arg("--version").output().is_ok_and(|output| output.status.success());
    let there = tool && Path::new(SHARED).is_dir();
    if !there {
        println!("no second opinion: xmllint or {SHARED} is missing");
    }
    there
}

/// What `xmllint` says of files, by file; true is valid.
fn xmllint(schema: &Path, files: &[PathBuf]) -> BTreeMap<PathBuf, bool> {
    let output = Command::new("xmllint")
        .env("XML_CATALOG_FILES", format!("{SHARED}/xoev-xmllint-catalog.xml"))
        .args(["--noout", "--nonet", "--schema"])
        .arg(schema)
        .args(files)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    files
        .iter()
        .map(|file| {
            let valid = told.contains(&format!("{} validates", file.display()));
            let invalid = told.contains(&format!("{} fails to validate", file.display()))
                || told.contains(&format!("{}:", file.display()));
            assert!(valid != invalid, "xmllint says nothing clear of {}:\n{told}", file.display());
            (file.clone(), valid)
        })
        .collect()
}

/// Whether we hold a document valid to its schema; `None` when its version is already refused.
fn ours(set: &PackageSet, reader: &mut dyn Reader, octets: &[u8]) -> Option<bool> {
    let Ok(document) = gate::pass(Bytes::copy_from_slice(octets), &Limits::default()) else {
        return Some(false);
    };
    let detected = set.detect(&document).ok()?;
    let header = reader.header(&detected, &document).is_some();
    let known = set.known().into_iter().any(|known| known.message == detected.message && known.reads);
    if known {
        // Reading in full and reading the header must agree on the schema.
        let codes: Vec<String> = match reader.read(&detected, &document) {
            Ok(_) => vec![],
            Err(rejections) => rejections.into_iter().map(|rejection| rejection.code).collect(),
        };
        assert_eq!(codes.iter().any(|code| code == "X001"), !header, "{codes:?}");
    }
    Some(header)
}

/// The entry schema for a document.
fn schema_of(text: &str, folder: &str, ending: &str) -> PathBuf {
    let module = if text.contains("xmlns:xfg=") { "geburt" } else { "allgemeinenachrichten" };
    PathBuf::from(format!("{folder}/xfamilie-{module}{ending}"))
}

#[test]
fn samples_are_judged_as_by_the_official_base_modules() {
    if !at_hand() {
        return;
    }
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let mut compared = 0;
    for folder in [SAMPLES.to_owned(), format!("{SHARED}/xfamilie-1.3.0/samples")] {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "xml") {
                continue;
            }
            // What is not even UTF-8 or carries a DTD is refused before any schema.
            let name = path.file_name().and_then(|name| name.to_str()).unwrap();
            if name.starts_with("gate-") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let Some(ours) = ours(&set, reader.as_mut(), text.as_bytes()) else { continue };
            for schema in [
                schema_of(&text, &format!("{SHARED}/xfamilie-1.3.0"), ".reconstructed.xsd"),
                schema_of(&text, "xsd/xfamilie/1.3.0", ".xsd"),
            ] {
                let verdict = xmllint(&schema, std::slice::from_ref(&path));
                assert_eq!(verdict[&path], ours, "{} by {}", path.display(), schema.display());
                compared += 1;
            }
        }
    }
    println!("samples compared: {compared}");
    assert!(compared >= 150, "{compared}");
}

/// Octet ranges of all elements, whole and content; the samples have no CDATA and no `>` in attributes.
fn elements(text: &str) -> Vec<(usize, usize, usize, usize)> {
    let (mut open, mut found) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|next| at + next) {
        let end = start + text[start..].find('>').unwrap() + 1;
        let tag = &text[start..end];
        if tag.starts_with("</") {
            let (whole, content) = open.pop().unwrap();
            found.push((whole, end, content, start));
        } else if tag.starts_with("<!") || tag.starts_with("<?") {
        } else if tag.ends_with("/>") {
            found.push((start, end, end - 2, end - 2));
        } else {
            open.push((start, end));
        }
        at = end;
    }
    found
}

const VALUES: &[&str] = &[
    "",
    " ",
    "x",
    "true",
    "1",
    "2024-02-30",
    "2024-08-05",
    "2024-08-05Z",
    "2024-13",
    "0000",
    "-2024",
    "中",
    "A\u{308}",
    "Ä",
    " 01 ",
    "01\n",
    "02",
    "LD",
    "0804",
    "2026-11-21T24:00:00Z",
    "2026-11-21T10:15:30",
    "2026-11-21T10:15:30.1+14:01",
    "ſ",
    "a&#9;b",
    "a&#160;b",
    "&#173;",
    "€",
    "α",
    "Ж",
    "&amp;&lt;",
    "PGE+",
    "PGE",
    "99999999999999999999",
];

fn mutant(text: &str, numbers: &mut Numbers) -> String {
    let elements = elements(text);
    // The root itself stays: which message a document is, is another question.
    let (start, end, content, close) = elements[numbers.below(elements.len() - 1)];
    let whole = &text[start..end];
    match numbers.below(8) {
        0 => format!("{}{}", &text[..start], &text[end..]),
        1 => format!("{}{whole}{whole}{}", &text[..start], &text[end..]),
        2 => {
            let name = whole[1..].split([' ', '>', '/', '\n']).next().unwrap();
            let other = elements[numbers.below(elements.len() - 1)];
            let other = text[other.0 + 1..].split([' ', '>', '/', '\n']).next().unwrap();
            let renamed = whole
                .replace(&format!("<{name}"), &format!("<{other}"))
                .replace(&format!("</{name}>"), &format!("</{other}>"));
            format!("{}{renamed}{}", &text[..start], &text[end..])
        }
        3 => {
            let other = elements[numbers.below(elements.len() - 1)];
            let moved = format!("{}{}", &text[..start], &text[end..]);
            let at = if other.0 > start { other.0.saturating_sub(end - start).max(start) } else { other.0 };
            if moved.is_char_boundary(at) && moved[at..].starts_with('<') {
                format!("{}{whole}{}", &moved[..at], &moved[at..])
            } else {
                moved
            }
        }
        4 if whole.contains('"') => {
            let tag_end = start + whole.find('>').unwrap();
            let tag = &text[start..tag_end];
            match tag.rfind(' ') {
                Some(space) => format!("{}{}{}", &text[..start], &tag[..space], &text[tag_end..]),
                None => text.to_owned(),
            }
        }
        _ if close >= content && !text[content..close].contains('<') && !whole.ends_with("/>") => {
            format!("{}{}{}", &text[..content], VALUES[numbers.below(VALUES.len())], &text[close..])
        }
        _ => format!("{}{}{}", &text[..start], VALUES[numbers.below(VALUES.len())], &text[start..]),
    }
}

/// Files that wait for the second opinion, by the schema that judges them, with what we say.
#[derive(Default)]
struct Judged(BTreeMap<PathBuf, Vec<(PathBuf, bool)>>);

impl Judged {
    fn add(&mut self, file: PathBuf, text: &str, ours: bool) {
        fs::write(&file, text).unwrap();
        let schema = schema_of(text, &format!("{SHARED}/xfamilie-1.3.0"), ".reconstructed.xsd");
        self.0.entry(schema).or_default().push((file, ours));
    }

    /// Asks, if there is somebody to ask; gives how many files were compared.
    fn compare(self) -> usize {
        if !at_hand() {
            return 0;
        }
        let mut compared = 0;
        for (schema, judged) in self.0 {
            let files: Vec<PathBuf> = judged.iter().map(|(file, _)| file.clone()).collect();
            let verdicts = xmllint(&schema, &files);
            for (file, ours) in judged {
                let text = fs::read_to_string(&file).unwrap();
                assert_eq!(verdicts[&file], ours, "{}\n{text}", file.display());
                compared += 1;
            }
        }
        compared
    }
}

#[test]
fn mutants_of_samples_are_judged_as_by_a_second_validator() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let mut seeds: Vec<PathBuf> = fs::read_dir(SAMPLES)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("0"))
        .collect();
    seeds.sort();
    let seeds: Vec<String> = seeds.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut numbers = Numbers(0x5EED_0804);
    let folder = tempfile::tempdir().unwrap();
    let mut judged = Judged::default();
    let (mut valid, mut invalid) = (0, 0);
    for number in 0..600 {
        let text = mutant(&seeds[number % seeds.len()], &mut numbers);
        let Some(ours) = ours(&set, reader.as_mut(), text.as_bytes()) else { continue };
        if ours {
            valid += 1
        } else {
            invalid += 1
        }
        judged.add(folder.path().join(format!("mutant-{number}.xml")), &text, ours);
    }
    assert!(valid >= 100 && invalid >= 200, "mutants are of both kinds: {valid} {invalid}");
    println!("mutants of samples: {valid} valid, {invalid} not; compared: {}", judged.compare());
}

#[test]
fn generated_messages_and_their_mutants_are_judged_as_by_a_second_validator() {
    const EACH: usize = 40;
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let folder = tempfile::tempdir().unwrap();
    let mut judged = Judged::default();
    let (mut valid, mut invalid) = (0, 0);
    for (at, message) in xoev_generate::numbers().enumerate() {
        let mut numbers = Numbers(0x5EED_0000 + at as u64);
        for number in 0..EACH {
            let text = xoev_generate::message(message, &mut numbers);
            let ours_of = ours(&set, reader.as_mut(), text.as_bytes());
            assert_eq!(ours_of, Some(true), "{message}\n{text}");
            judged.add(folder.path().join(format!("{message}-{number}.xml")), &text, true);
            valid += 1;
            for turn in 0..3 {
                let text = mutant(&text, &mut numbers);
                let Some(ours) = ours(&set, reader.as_mut(), text.as_bytes()) else { continue };
                if ours {
                    valid += 1
                } else {
                    invalid += 1
                }
                judged.add(folder.path().join(format!("{message}-{number}-{turn}.xml")), &text, ours);
            }
        }
    }
    assert!(valid >= 300 && invalid >= 300, "{valid} {invalid}");
    println!("generated messages: {valid} valid, {invalid} not; compared: {}", judged.compare());
}

#[test]
fn generated_messages_are_read_or_refused_by_rule_and_what_is_read_is_written_the_same() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let (mut written, mut refused) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    for (at, message) in xoev_generate::numbers().enumerate() {
        let mut numbers = Numbers(0x5EED_1000 + at as u64);
        // Few requests keep all rules by chance.
        for _ in 0..4000 {
            if written.get(message).is_some_and(|written| *written >= 40) {
                break;
            }
            let text = xoev_generate::message(message, &mut numbers);
            let document = gate::pass(Bytes::from(text.clone()), &Limits::default()).unwrap();
            let detected = set.detect(&document).unwrap();
            let record = match reader.read(&detected, &document) {
                Ok(record) => record,
                Err(rejections) => {
                    let stages: BTreeSet<String> =
                        rejections.iter().map(|found| found.code.clone()).collect();
                    assert!(stages.len() == 1 && stages.contains("X002"), "{stages:?}\n{text}");
                    for rule in rejections.into_iter().filter_map(|found| found.rule) {
                        *refused.entry(rule).or_default() += 1;
                    }
                    continue;
                }
            };
            if record.mutter.is_none() {
                break;
            }
            let platform = serde_json::json!({
                "praefix": "jga", "kennung": "000000000001", "name": "Plattform",
                "erreichbarkeit": [{ "kanal": "01", "kennung": "plattform@sorgeregister.example" }],
                "anschrift": { "strasse": "Weg", "hausnummer": "1", "postleitzahl": "28195", "wohnort": "Bremen" },
            });
            let moment = "2026-11-21T10:16:00.250+01:00".parse().unwrap();
            let kopf = answer::values(uuid::Uuid::from_u128(7), moment, true, &platform, &record.kopf.leser);
            let values = werte::nachricht(kopf, werte::inhalt(&record));
            let octets = match reader.write(&detected.message, "1.3.0", &values) {
                Ok(octets) => octets,
                Err(error) => {
                    let sperre =
                        record.eintragung.as_ref().is_some_and(|entry| entry.arten.contains(&"03".into()));
                    let expected = message == "0803" && sperre && record.kopf.leser.praefix != "jga";
                    assert!(expected, "{error}\n{text}");
                    continue;
                }
            };
            let document = gate::pass(octets, &Limits::default()).unwrap();
            let mut again = reader.read(&detected, &document).unwrap();
            again.kopf.nachrichten_uuid.clone_from(&record.kopf.nachrichten_uuid);
            again.kopf.erstellungszeitpunkt.clone_from(&record.kopf.erstellungszeitpunkt);
            again.kopf.autor = record.kopf.autor.clone();
            assert!(again == record, "not the same again:\n{text}");
            *written.entry(message.to_owned()).or_default() += 1;
        }
    }
    println!("written and read again: {written:?}; refused by rule: {refused:?}");
    assert!(
        ["0801", "0803", "0804", "0805", "0806"].iter().all(|message| written[*message] >= 40),
        "{written:?}"
    );
    assert!(refused.len() >= 10, "{refused:?}");
}

/// Strings around everything the tables of DIN 91379 speak of.
fn candidates() -> Vec<String> {
    let table = fs::read_to_string(format!("{SHARED}/din91379/latin_list_1.3.txt")).unwrap();
    let mut strings = BTreeSet::new();
    let mut marks = BTreeSet::new();
    for line in table.lines() {
        let points = line.split(';').nth(2).unwrap().trim();
        let entry: String = points
            .split(' ')
            .map(|point| char::from_u32(u32::from_str_radix(point, 16).unwrap()).unwrap())
            .collect();
        marks.extend(entry.chars().skip(1));
        strings.insert(format!("{entry}{entry}"));
        strings.insert(format!("a{entry}b"));
        strings.insert(entry);
    }
    for base in "AEKaekĀ1-α".chars() {
        strings.extend(marks.iter().map(|mark| format!("{base}{mark}")));
        strings.extend(marks.iter().map(|mark| format!("{base}{mark}\u{301}")));
    }
    let legal = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r') || *c >= '\u{80}';
    strings.extend((1u32..0x2400).filter_map(char::from_u32).filter(legal).map(String::from));
    strings.insert(String::new());
    strings.into_iter().collect()
}

/// One value per line, every character as a reference; the first value stands in line 2.
fn listing(strings: &[String]) -> String {
    let mut text = String::from("<l>");
    for string in strings {
        text.push_str("\n<v>");
        for c in string.chars() {
            text.push_str(&format!("&#x{:X};", c as u32));
        }
        text.push_str("</v>");
    }
    text + "</l>"
}

#[test]
fn our_character_types_accept_exactly_what_the_official_ones_accept() {
    if !at_hand() {
        return;
    }
    let strings = candidates();
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("values.xml");
    fs::write(&document, listing(&strings)).unwrap();
    let namespace = "urn:xoev-de:kosit:xoev:datentyp:din-91379_2022-08";
    for kind in ["A", "B", "C", "D", "E"] {
        let schema = |base: &Path| {
            format!(
                r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="{namespace}">
                <xs:import namespace="{namespace}" schemaLocation="{}"/>
                <xs:element name="l"><xs:complexType><xs:sequence>
                <xs:element name="v" type="d:datatype{kind}" maxOccurs="unbounded"/>
                </xs:sequence></xs:complexType></xs:element></xs:schema>"#,
                base.canonicalize().unwrap().display()
            )
        };
        let official = folder.path().join(format!("official-{kind}.xsd"));
        fs::write(&official, schema(&Path::new(SHARED).join("din91379/din-norm-91379-datatypes.xsd")))
            .unwrap();
        let output = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .args([&official, &document])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let prefix = format!("{}:", document.display());
        let refused_there: BTreeSet<usize> = told
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix)?.split(':').next()?.parse::<usize>().ok())
            .map(|line| line - 2)
            .collect();

        let own = folder.path().join(format!("own-{kind}.xsd"));
        fs::write(&own, schema(Path::new("xsd/base/din-91379.xsd"))).unwrap();
        let compiled = Schema::compile(&[own.to_str().unwrap()], &Disk(vec![])).unwrap();
        let octets = Bytes::from(fs::read(&document).unwrap());
        let breaches = compiled.validate(&gate::pass(octets, &Limits::default()).unwrap(), strings.len());
        let text = fs::read_to_string(&document).unwrap();
        let refused_here: BTreeSet<usize> =
            breaches.iter().map(|breach| text[..breach.offset].matches('\n').count() - 1).collect();

        let differing: Vec<String> = refused_here
            .symmetric_difference(&refused_there)
            .map(|at| format!("{:?}", strings[*at].escape_unicode().to_string()))
            .collect();
        assert!(differing.is_empty(), "datatype{kind}: {differing:?}");
        assert!(refused_here.len() > 1_000 && strings.len() - refused_here.len() > 600, "datatype{kind}");
    }
}
