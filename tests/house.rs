//! The house rules as tests, without a list of exceptions: import table, purity of the core, menus, heads, sizes, words.
//! It never judges behaviour. Each rule finds no fault in the repository and is shown a bad example that it must find.

#[path = "house/lexer.rs"]
mod lexer;
#[path = "house/rules.rs"]
mod rules;
#[path = "house/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rules::{
    Source, circles, foreign_words, heads, imports, impurities, menus, sizes, unfinished,
    unsafe_not_forbidden, unused, upward, written_table,
};
use table::{CORE, MAY_IMPORT, MEDIAN, WALL};

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that somebody wrote: what is built, what version control keeps and what cargo writes is left out.
fn written_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !matches!(name.as_str(), "target" | ".git" | "demo-data") {
                walk(&entry.path(), found);
            } else if kind.is_file() && name != "Cargo.lock" {
                found.push(entry.path());
            }
        }
    }
    let mut found = Vec::new();
    walk(&top(), &mut found);
    found.sort();
    found
}

fn from_top(path: &Path) -> String {
    path.strip_prefix(top()).unwrap().to_string_lossy().replace('\\', "/")
}

fn sources() -> Vec<Source> {
    let found: Vec<Source> = written_files()
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| Source::new(&from_top(path), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(found.len() > 30, "the walk found only {} files", found.len());
    found
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Asserts that a rule finds a fault in a bad example and none in a good one.
fn assert_tells_apart(rule: fn(&[Source]) -> Vec<String>, path: &str, good: &str, bad: &[&str]) {
    assert_none(rule(&[Source::new(path, good)]));
    for bad in bad {
        assert!(!rule(&[Source::new(path, bad)]).is_empty(), "not found: {bad}");
    }
}

#[test]
fn rooms_import_only_what_the_table_allows() {
    assert_none(imports(&sources()));
}

#[test]
fn a_forbidden_import_is_found() {
    assert_tells_apart(
        imports,
        "src/engine/door.rs",
        "use crate::{store::contract::Due, xml::limits, engine::commit}; // crate::route",
        &[
            "use crate::route::file;",
            "fn f() { crate::transport::http::x() }",
            "use crate::{effects::Effects, store::{contract::Due, sqlite::Db}};",
            "use crate::xml::write;",
            "use crate::*;",
        ],
    );
    assert_tells_apart(
        imports,
        "src/plan.rs",
        "use super::envelope; mod tests { use super::x; }",
        &["use super::store;"],
    );
    assert!(!imports(&[Source::new("src/annex/x.rs", "")]).is_empty());
}

#[test]
fn no_files_of_a_room_name_each_other_in_a_circle() {
    assert_none(circles(&sources()));
}

#[test]
fn a_circle_is_found() {
    let source = |path: &str, text: &str| Source::new(path, text);
    let below = source("src/a/below.rs", "pub struct Noun;");
    assert_none(circles(&[
        source("src/a/x.rs", "use super::below::Noun; use crate::b::x; mod inner { use super::super::y; }"),
        source("src/a/y.rs", "use super::below::Noun;\n#[cfg(test)]\nmod tests { use crate::a::x; }"),
        source("src/b/x.rs", "use crate::a::x;"),
        below,
    ]));
    for (first, second) in [
        ("use super::y::f;", "use crate::a::x;"),
        ("use crate::{a::y}; fn f() {}", "fn g() { super::x::f() }"),
        ("use super::z;", "use super::x::f;"),
    ] {
        let files = [
            source("src/a/x.rs", first),
            source("src/a/y.rs", second),
            source("src/a/z.rs", "use super::y;"),
        ];
        assert_eq!(circles(&files).len(), 1, "{first} {second}");
    }
    let parent = [source("src/a.rs", "use self::b::f; mod b;"), source("src/a/b.rs", "use super::Noun;")];
    assert_eq!(circles(&parent).len(), 1, "a file and what stands below it");
}

#[test]
fn the_core_is_pure() {
    let sources = sources();
    for room in CORE {
        // A room that is still to come cannot be impure; one that is misspelt here must not pass.
        assert!(MAY_IMPORT.iter().any(|(name, _)| name == room), "{room}");
    }
    assert_none(impurities(&sources));
}

#[test]
fn an_impurity_is_found() {
    assert_tells_apart(
        impurities,
        "src/pipeline/mirror.rs",
        "// tokio\nfn now() { message.now(); x(\"std::fs\") }\n#[cfg(test)]\nmod tests { use std::fs; }",
        &[
            "use std::fs;",
            "use std::{collections::BTreeMap, net};",
            "fn f() { std::env::var(x) }",
            "use tokio::time;",
            "async fn f() {}",
            "fn f() { x.await }",
            "use std::time::Instant;",
            "fn f() { jiff::Timestamp::now() }",
            "fn f() { Zoned::now() }",
            "fn f() { Uuid::now_v7() }",
            "fn f() { Uuid::new_v4() }",
            "fn f() { println!(\"x\") }",
        ],
    );
    assert_none(impurities(&[Source::new("src/xoev/package.rs", "use std::fs;")]));
    assert!(!impurities(&[Source::new("src/xoev/package.rs", "use std::net;")]).is_empty());
    assert!(!impurities(&[Source::new("src/xoev/read.rs", "use std::fs;")]).is_empty());
    assert_none(impurities(&[Source::new("src/store/x.rs", "use std::fs;")]));
}

#[test]
fn a_mod_file_is_a_menu_and_nothing_is_re_exported() {
    assert_none(menus(&sources()));
}

#[test]
fn logic_in_a_menu_is_found() {
    assert_tells_apart(
        menus,
        "src/pipeline/mod.rs",
        "//! Menu.\npub mod step;\nuse self::step::Entry;\npub const MENU: &[(&str, fn(u8) -> u8)] = &[(\"a\", a::build)];",
        &["pub use step::Step;", "fn f() {}", "struct S;", "impl S {}", "trait T {}", "use super::super::x;"],
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_none(heads(&sources()));
}

#[test]
fn a_missing_head_is_found() {
    assert_tells_apart(
        heads,
        "src/a.rs",
        "//! Says what this file is for.\n",
        &["use a;", "//!\n", "", "// no"],
    );
}

#[test]
fn files_stay_short() {
    assert_none(sizes(&sources()));
}

#[test]
fn a_long_file_is_found() {
    let lines = |count: usize| "x\n".repeat(count);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(WALL), lines(900));
    assert_none(sizes(&[Source::new("tests/a.rs", &tested)]));
    assert!(!sizes(&[Source::new("tests/a.rs", &lines(WALL + 1))]).is_empty());
    assert_none(sizes(&[Source::new("src/a.rs", &lines(MEDIAN - 1))]));
    assert!(!sizes(&[Source::new("src/a.rs", &lines(MEDIAN))]).is_empty());
}

#[test]
fn nothing_is_unfinished_ignored_or_unsafe() {
    assert_none(unfinished(&sources()));
    assert_none(unsafe_not_forbidden(&sources()));
    let manifest = fs::read_to_string(top().join("Cargo.toml")).unwrap();
    for lint in ["unsafe_code = \"forbid\"", "missing_docs = \"deny\"", "unwrap_used = \"deny\""] {
        assert!(manifest.lines().any(|line| line == lint), "Cargo.toml has no {lint}");
    }
}

#[test]
fn unfinished_work_is_found() {
    assert_tells_apart(
        unfinished,
        "tests/a.rs",
        "fn ignore() { x.todo(); }",
        &[
            "fn f() { todo!() }",
            "fn f() { dbg!(1); }",
            "#[ignore]\nfn f() {}",
            "#[ignore = \"x\"]\nfn f() {}",
        ],
    );
    assert_tells_apart(
        unsafe_not_forbidden,
        "src/lib.rs",
        "//! x\n#![forbid(unsafe_code)]\n",
        &["//! #![forbid(unsafe_code)]\n"],
    );
}

#[test]
fn what_is_built_is_used() {
    assert_none(unused(&fs::read_to_string(top().join("Cargo.toml")).unwrap(), &sources()));
}

#[test]
fn what_nobody_uses_is_found() {
    let manifest = "[dependencies]\n# why\nrustls-webpki = \"1\"\ntower = { features = [\"util\"] }\n[dev-dependencies]\nproptest = \"1\"\n[profile.release]\nlto = false\n";
    let user = "use webpki::X; use tower::ServiceExt;";
    let test = ("tests/a.rs", "use proptest::prelude;");
    let of = |src: &str, (path, test): (&str, &str)| {
        unused(manifest, &[Source::new("src/a.rs", src), Source::new(path, test)]).len()
    };
    assert_eq!(of(user, test), 0);
    assert_eq!(of("use webpki::X; use tower::Layer;", test), 1, "a feature");
    assert_eq!(of("use tower::ServiceExt;", test), 1);
    assert_eq!(
        of("use tower::ServiceExt;", ("tests/a.rs", "use webpki::X; use proptest::x;")),
        1,
        "tests do not count"
    );
    assert_eq!(of(user, ("tests/a.rs", "")), 1);
    let more = manifest.replace("\"util\"", "\"util\", \"limit\"");
    let found = unused(&more, &[Source::new("src/a.rs", user), Source::new("tests/a.rs", test.1)]);
    assert!(found[0].contains("limit"), "{found:?}");
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let mut faults = Vec::new();
    for path in written_files() {
        if let Ok(text) = fs::read_to_string(&path) {
            faults.extend(foreign_words(&from_top(&path), &text));
        }
        faults.extend(foreign_words("a file name", &from_top(&path)));
    }
    assert_none(faults);
}

#[test]
fn a_foreign_word_is_found() {
    assert_none(foreign_words("a", "network/ /workshop/ homepage"));
    for bad in [["see /wo", "rk/x"], ["/ho", "me/somebody"], ["https://static.crates", ".io/x"]] {
        assert!(!foreign_words("a", &bad.concat()).is_empty());
    }
}

#[test]
fn the_written_table_is_the_tested_one() {
    let text = fs::read_to_string(top().join("src/ARCHITECTURE.md")).unwrap();
    let tested: BTreeMap<String, Vec<String>> = MAY_IMPORT
        .iter()
        .map(|(room, allowed)| ((*room).to_owned(), allowed.iter().map(|a| (*a).to_owned()).collect()))
        .collect();
    assert_eq!(written_table(&text), tested);
}

#[test]
fn rooms_stand_from_the_ground_floor_up() {
    assert_none(upward(&fs::read_to_string(top().join("src/lib.rs")).unwrap()));
    assert!(!upward("pub mod effects;\npub mod envelope;\n").is_empty());
}
