//! `routes plan` names whatever the version is a hash of; and what replicas compare stays what programs before hashed.

use std::collections::BTreeMap;
use std::sync::Arc;

use drehscheibe::app::applied;
use drehscheibe::envelope::Stage;
use drehscheibe::rejection::Rejection;
use drehscheibe::route::compile::{Files, compile};
use drehscheibe::route::compiled::Compiled;
use drehscheibe::route::file_diff::{Field, How};
use drehscheibe::route::outline::Outline;
use drehscheibe::route::plan_diff::{Difference, InFlight, Picture, difference};
use drehscheibe::route::text_file::TextFile;
use drehscheibe::xml::gate::Document;
use drehscheibe::xoev::contract::{Answering, Detected, Known, Reader, Standards};
use proptest::prelude::*;

use super::house::{CONNECTIONS, MENUS, Names, PARTNERS, ROUTE, Silent, built, compile_files, files};

fn told(before: &Compiled, after: &Compiled) -> Difference {
    // As it is kept while the one runs.
    let kept = serde_json::to_vec(&Picture::of_compiled(before)).unwrap();
    let running: Picture = serde_json::from_slice(&kept).unwrap();
    difference(&running, &Picture::of_compiled(after), &InFlight::default(), false)
}

fn fields(told: &Difference) -> Vec<(String, String)> {
    let shown =
        |value: &Option<serde_json::Value>| value.as_ref().map_or("–".to_owned(), ToString::to_string);
    let in_words = |field: &Field| match field.secret {
        true => (field.path.clone(), "changed".to_owned()),
        false => (field.path.clone(), format!("{} → {}", shown(&field.from), shown(&field.to))),
    };
    told.files.iter().flat_map(|file| &file.fields).map(in_words).collect()
}

fn one_field(path: &str, how: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), how.to_owned())]
}

#[test]
fn fields_are_named_with_what_was_and_what_is_written() {
    let before = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let of_route = |from: &str, to: &str| {
        assert!(ROUTE.contains(from), "{from}");
        told(&before, &built(&[&ROUTE.replace(from, to)], CONNECTIONS, PARTNERS).unwrap())
    };
    assert_eq!(fields(&of_route("2MiB", "3MiB")), one_field("/settings/max-body", "\"2MiB\" → \"3MiB\""));
    assert_eq!(
        fields(&of_route("  - mirror: {}\n", "  - mirror: {}\n  - mirror: {}\n")),
        one_field("/do/1", "– → {\"mirror\":{}}")
    );
    let comment = of_route("order-by: child", "order-by: child # as always");
    assert_eq!(comment.files.iter().map(|file| file.how).collect::<Vec<_>>(), [How::Layout]);
    assert!(!comment.is_empty() && fields(&comment).is_empty());

    let of_connections = |from: &str, to: &str| {
        assert!(CONNECTIONS.contains(from), "{from}");
        told(&before, &built(&[ROUTE], &CONNECTIONS.replace(from, to), PARTNERS).unwrap())
    };
    assert_eq!(
        fields(&of_connections("first: 2s", "first: 3s")),
        one_field("/connections/hooks/retry/first", "\"2s\" → \"3s\"")
    );
    assert_eq!(fields(&of_connections("env: KEY", "env: other-key")), one_field("/key", "changed"));
    let of_partners = |from: &str, to: &str| {
        assert!(PARTNERS.contains(from), "{from}");
        told(&before, &built(&[ROUTE], CONNECTIONS, &PARTNERS.replace(from, to)).unwrap())
    };
    assert_eq!(
        fields(&of_partners("env: PORTAL", "env: PORTAL2")),
        one_field("/partners/portal/channels/hooks/secret", "changed")
    );
    assert_eq!(
        fields(&of_partners("env: BREMEN", "env: BREMEN2")),
        one_field("/partners/bremen/credentials/0/bearer", "changed")
    );
    assert_eq!(
        fields(&of_partners("name: Wohngeld\n", "name: Wohngeldstelle\n")),
        one_field("/partners/wohngeld/name", "\"Wohngeld\" → \"Wohngeldstelle\"")
    );
}

#[test]
fn what_is_kept_and_told_holds_no_secret_and_no_reference_to_one() {
    let before = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let after = built(&[ROUTE], CONNECTIONS, &PARTNERS.replace("env: PORTAL", "env: ANDERES")).unwrap();
    let kept = serde_json::to_string(&Picture::of_compiled(&before)).unwrap();
    let said = serde_json::to_string(&told(&before, &after)).unwrap();
    for secret in ["token-of", "AAEC", "PORTAL", "ANDERES", "BREMEN"] {
        assert!(!kept.contains(secret) && !said.contains(secret), "{secret}: {kept}\n{said}");
    }
}

#[test]
fn tables_letters_and_packages_are_named_by_their_hashes() {
    let with_table = |text: &str| Files {
        tables: vec![TextFile { name: "tables/gemeinden.csv".into(), text: text.into() }],
        ..files(&[ROUTE], CONNECTIONS, PARTNERS)
    };
    let (one, two) = ("040110000000;Bremen\n", "040110000000;Bremen\n020000000000;Hamburg\n");
    let told_of = told(&compile_files(&with_table(one)).unwrap(), &compile_files(&with_table(two)).unwrap());
    assert_eq!(told_of.files.len(), 1);
    assert_eq!(
        (told_of.files[0].how, told_of.files[0].file.as_str()),
        (How::Changed, "tables/gemeinden.csv")
    );
    let of = |hash| compile_with(&files(&[ROUTE], CONNECTIONS, PARTNERS), hash);
    let told_of = told(&of(1), &of(2));
    assert_eq!(told_of.package_files.len(), 1);
    assert_eq!(told_of.package_files[0].name, "xfamilie/1.3.0");
}

#[test]
fn what_a_program_before_noted_is_read_and_said_to_be_without_files() {
    let before = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let noted = serde_json::to_vec(&Outline::of_compiled(&before)).unwrap();
    let running: Picture = serde_json::from_slice(&noted).unwrap();
    let same = difference(&running, &Picture::of_compiled(&before), &InFlight::default(), false);
    assert!(same.is_empty(), "{same:?}");
    let changed = built(&[&format!("{ROUTE}# comment\n")], CONNECTIONS, PARTNERS).unwrap();
    let told = difference(&running, &Picture::of_compiled(&changed), &InFlight::default(), false);
    assert!(!told.is_empty() && told.files_unknown && told.files.is_empty());
    // And a program before reads what this one notes.
    let noted = serde_json::to_vec(&Picture::of_compiled(&before)).unwrap();
    assert_eq!(serde_json::from_slice::<Outline>(&noted).unwrap(), Outline::of_compiled(&before));
}

/// What replicas compare, of a set that does not change, as the program before this one wrote it.
const PINNED: &str = r#"{"version":"","routes":{"lieferung":{"version":"7cd1","bindings":["folder trays","http /v1/lieferungen"],"messages":["xfamilie.0804"],"partners":["bremen","hamburg"],"shape":"Child Limits { max_body: 2097152, max_part: 67108864, reruns: 8, give_up_after: 1209600s } order-by mirror find decide choose build build park receipt callback"}},"partners":["bremen","hamburg","portal","wohngeld"],"destinations":[],"sources":[],"packages":["xfamilie 1.3.0"]}"#;

#[test]
fn what_replicas_compare_is_what_programs_before_compared() {
    let compiled = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let set = compiled.into_plan_set(BTreeMap::new(), Arc::new(Names), Stage::Test);
    let version = set.plans[0].version.clone();
    let outline = Outline { version: String::new(), ..Outline::of_set(&set, []) };
    let written = serde_json::to_string(&outline).unwrap();
    assert_eq!(written.replace(&version, "7cd1"), PINNED);
    assert_eq!(applied::runs(&set, &Default::default()), applied_hash(&written));
}

fn applied_hash(written: &str) -> String {
    use aws_lc_rs::digest;
    hex::encode(digest::digest(&digest::SHA256, written.as_bytes()))
}

/// The standards of the house, of which a file may be another one.
struct Other(u8);

impl Standards for Other {
    fn detect(&self, document: &Document) -> Result<Detected, Rejection> {
        Names.detect(document)
    }

    fn answering(&self, standard: &str, version: Option<&str>) -> Option<Answering> {
        Names.answering(standard, version)
    }

    fn known(&self) -> Vec<Known> {
        Names.known()
    }

    fn hash(&self) -> String {
        format!("packages {}", self.0)
    }

    fn hashes(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("xfamilie/1.3.0".to_owned(), self.hash())])
    }

    fn reader(&self) -> Box<dyn Reader> {
        Names.reader()
    }
}

fn try_with(files: &Files, packages: u8) -> Option<Compiled> {
    let standards: Arc<dyn Standards> = Arc::new(Other(packages));
    compile(files, &MENUS, &standards, &|_, _| Ok(Arc::new(Silent)), None).ok()
}

fn compile_with(files: &Files, packages: u8) -> Compiled {
    try_with(files, packages).expect("files without faults")
}

/// One way in which a set may become another one.
#[derive(Clone, Debug)]
enum Touch {
    /// A text is put in somewhere.
    Insert(usize, usize, &'static str),
    /// A word becomes another one.
    Replace(usize, usize, &'static str),
    /// A file is called otherwise.
    Rename(usize),
    /// A table says otherwise, or is one more.
    Table(u8),
    /// A package is another one.
    Package(u8),
    /// A route is gone.
    Remove,
}

fn touches() -> impl Strategy<Value = Touch> {
    let pieces =
        prop::sample::select(vec!["#", " # x\n", "\n", " ", "x", "1", "- ", "'", "mirror: {}", "2s", "true"]);
    let words = prop::sample::select(vec![
        "bremen", "hamburg", "2", "x", "portal", "3s", "KEY", "none", "'x'", "[x]",
    ]);
    prop_oneof![
        4 => (0usize..3, 0usize..900, pieces).prop_map(|(file, at, piece)| Touch::Insert(file, at, piece)),
        6 => (0usize..3, 0usize..120, words).prop_map(|(file, at, word)| Touch::Replace(file, at, word)),
        1 => (0usize..3).prop_map(Touch::Rename),
        1 => (0u8..3).prop_map(Touch::Table),
        1 => (0u8..3).prop_map(Touch::Package),
        1 => Just(Touch::Remove),
    ]
}

fn touch(files: &mut Files, packages: &mut u8, touch: &Touch) {
    let names = |file: &usize| *file;
    let mut of = |file: &usize, change: &dyn Fn(&mut TextFile)| match names(file) {
        0 => change(&mut files.connections),
        1 => change(&mut files.partners),
        _ => files.routes.iter_mut().for_each(change),
    };
    match touch {
        Touch::Insert(file, at, piece) => of(file, &|file| {
            let mut chars: Vec<char> = file.text.chars().collect();
            let at = at % (chars.len() + 1);
            chars.splice(at..at, piece.chars());
            file.text = chars.into_iter().collect();
        }),
        Touch::Replace(file, at, word) => of(file, &|file| {
            let ends = |c: char| !(c.is_alphanumeric() || c == '-');
            let starts: Vec<usize> = file
                .text
                .split(ends)
                .filter(|word| !word.is_empty())
                .map(|word| word.as_ptr() as usize - file.text.as_ptr() as usize)
                .collect();
            let start = starts[at % starts.len()];
            let end = file.text[start..].find(ends).map_or(file.text.len(), |length| start + length);
            file.text.replace_range(start..end, word);
        }),
        Touch::Rename(file) => of(file, &|file| file.name = format!("/srv/{}", file.name)),
        Touch::Table(nth) => {
            let text = "040110000000;Bremen\n".repeat(usize::from(*nth > 0));
            files.tables =
                vec![TextFile { name: "gemeinden.csv".to_owned(), text: format!("{text}# {nth}\n") }];
        }
        Touch::Package(nth) => *packages = *nth,
        Touch::Remove => drop(files.routes.pop()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whenever_the_version_differs_something_is_named(changes in prop::collection::vec(touches(), 1..3)) {
        let (mut changed, mut packages) = (files(&[ROUTE], CONNECTIONS, PARTNERS), 0);
        let before = compile_with(&changed, 0);
        changes.iter().for_each(|one| touch(&mut changed, &mut packages, one));
        let Some(after) = try_with(&changed, packages) else { return Ok(()) };
        let told = told(&before, &after);
        prop_assert_eq!(told.is_empty(), before.version == after.version, "{:?}", told);
        prop_assert_eq!(told.version.is_some(), before.version != after.version);
        // The version alone says nothing: a file or a package is named, and of a file what differs.
        let named = !told.files.is_empty() || !told.package_files.is_empty();
        prop_assert_eq!(named, before.version != after.version, "{:?}", told);
        for file in told.files.iter().filter(|file| file.how == How::Changed && file.file.ends_with("yaml")) {
            prop_assert!(!file.fields.is_empty(), "{:?}", file);
        }
    }
}
