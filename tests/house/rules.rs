//! The house rules, each a function from sources to faults. They never touch a disk.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{self, Token, before_tests, paths, tokens};
use super::table::{CORE, FEATURES, IMPURE_PATHS, IMPURE_WORDS, LIBRARIES, LOADER, MAY_IMPORT, MEDIAN, WALL};

/// One Rust file of the repository.
pub struct Source {
    /// Its path from the top, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

impl Source {
    /// A source from its path and text.
    pub fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), tokens: tokens(text) }
    }

    /// The module path below the crate, such as `xml`, `gate`; `None` outside `src`.
    pub fn module(&self) -> Option<Vec<String>> {
        let inner = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if parts.last().is_some_and(|last| last == "mod") || inner == "lib" || inner == "main" {
            parts.pop();
        }
        Some(parts)
    }

    /// The first segment of its module path.
    pub fn room(&self) -> Option<String> {
        self.module()?.into_iter().next()
    }

    /// Its tokens without the trailing tests.
    pub fn own_tokens(&self) -> &[Token] {
        &self.tokens[..before_tests(&self.tokens)]
    }

    /// How many lines it has without the trailing tests.
    pub fn own_lines(&self) -> usize {
        let end = before_tests(&self.tokens);
        self.tokens.get(end).map_or(self.text.lines().count(), |token| token.line - 1)
    }
}

/// Whether a path (below the crate) lies under an allowed one, such as `store::contract::Due` under `store::contract`.
fn under(path: &[String], allowed: &str) -> bool {
    let mut segments = path.iter();
    allowed == "*" || allowed.split("::").all(|want| segments.next().is_some_and(|have| have == want))
}

/// The path below the crate that a written path means, or `None` when it leads outside the crate.
fn resolve(module: &[String], path: &lexer::Path) -> Option<Vec<String>> {
    let mut at: Vec<String> = module.iter().chain(&path.inside).cloned().collect();
    let mut rest = path.segments.as_slice();
    match rest.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|segment| segment == "super") {
                at.pop();
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    at.extend(rest.iter().cloned());
    Some(at)
}

/// Imports that the table does not allow, and rooms that it does not know.
pub fn imports(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let (Some(module), Some(room)) = (source.module(), source.room()) else { continue };
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{}: room {room} is not in the import table", source.path));
            continue;
        };
        for path in paths(&source.tokens) {
            let Some(meant) = resolve(&module, &path) else { continue };
            let own = meant.first() == Some(&room);
            if !own && !allowed.iter().any(|allowed| under(&meant, allowed)) {
                let meant = meant.join("::");
                faults.push(format!("{}:{}: {room} may not import {meant}", source.path, path.line));
            }
        }
    }
    faults
}

/// Files of one room that lead back to themselves by what they name, tests left out: none of them can be read, or taken out, without the
/// others. What both need belongs into a file below both.
pub fn circles(sources: &[Source]) -> Vec<String> {
    let files: BTreeMap<Vec<String>, &Source> =
        sources.iter().filter_map(|source| Some((source.module()?, source))).collect();
    let modules: Vec<&Vec<String>> = files.keys().collect();
    let names = |module: &Vec<String>, source: &Source| -> Vec<usize> {
        let mut named: Vec<usize> = paths(source.own_tokens())
            .iter()
            .filter_map(|path| {
                let meant = resolve(module, path)?;
                let file = (1..=meant.len())
                    .rev()
                    .find_map(|length| modules.binary_search(&&meant[..length].to_vec()).ok())?;
                (modules[file] != module && modules[file].first() == module.first()).then_some(file)
            })
            .collect();
        named.sort_unstable();
        named.dedup();
        named
    };
    let named: Vec<Vec<usize>> = files.iter().map(|(module, source)| names(module, source)).collect();
    let reached: Vec<BTreeSet<usize>> = (0..named.len())
        .map(|from| {
            let (mut seen, mut open) = (BTreeSet::new(), named[from].clone());
            while let Some(next) = open.pop() {
                if seen.insert(next) {
                    open.extend(&named[next]);
                }
            }
            seen
        })
        .collect();
    let mut told = BTreeSet::new();
    let mut faults = Vec::new();
    for (from, reached_from) in reached.iter().enumerate() {
        if !reached_from.contains(&from) || !told.insert(from) {
            continue;
        }
        let circle: Vec<usize> =
            reached_from.iter().copied().filter(|to| reached[*to].contains(&from)).collect();
        told.extend(&circle);
        let arrows = circle.iter().flat_map(|one| {
            let within = named[*one].iter().filter(|to| circle.contains(to));
            within.map(|to| format!("{} -> {}", modules[*one].join("::"), modules[*to].join("::")))
        });
        faults.push(format!("a circle of {} files: {}", circle.len(), arrows.collect::<Vec<_>>().join(", ")));
    }
    faults
}

/// Files, sockets, threads, clocks and waiting in the core.
pub fn impurities(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        if !source.room().is_some_and(|room| CORE.contains(&room.as_str())) {
            continue;
        }
        let own = source.own_tokens();
        let mut fault =
            |line: usize, what: &str| faults.push(format!("{}:{line}: core has {what}", source.path));
        for path in paths(own) {
            for impure in IMPURE_PATHS.iter().filter(|impure| under(&path.segments, impure)) {
                if !(source.path.starts_with(LOADER.0) && *impure == LOADER.1) {
                    fault(path.line, impure);
                }
            }
            let ends_in_now = path.segments.windows(2).any(|pair| {
                pair[1] == "now" && matches!(pair[0].as_str(), "Timestamp" | "Zoned" | "Utc" | "Local")
            });
            if ends_in_now {
                fault(path.line, "a look at the clock");
            }
        }
        for (at, token) in own.iter().enumerate() {
            if IMPURE_WORDS.contains(&token.text.as_str()) {
                fault(token.line, &token.text);
            }
            let is_macro = own.get(at + 1).is_some_and(|next| next.text == "!");
            if is_macro && matches!(token.text.as_str(), "print" | "println" | "eprint" | "eprintln") {
                fault(token.line, &token.text);
            }
        }
    }
    faults
}

/// Logic in a `mod.rs`, re-exports, and paths that climb twice.
pub fn menus(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
        for (at, token) in source.tokens.iter().enumerate() {
            if token.text == "pub" && text(at + 1) == "use" {
                faults.push(format!("{}:{}: re-export", source.path, token.line));
            }
            let is_menu = source.path.ends_with("/mod.rs");
            let item = matches!(token.text.as_str(), "impl" | "struct" | "enum" | "trait" | "static" | "let")
                || (token.text == "fn" && text(at + 1) != "(");
            if is_menu && item {
                faults.push(format!("{}:{}: a menu has a {}", source.path, token.line, token.text));
            }
        }
        for path in paths(&source.tokens) {
            if path.segments.windows(2).any(|pair| pair[0] == "super" && pair[1] == "super") {
                faults.push(format!("{}:{}: super::super", source.path, path.line));
            }
        }
    }
    faults
}

/// Files that do not say what they are for.
pub fn heads(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| {
            let first = source.text.lines().find(|line| !line.trim().is_empty());
            !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 20)
        })
        .map(|source| format!("{}: no //! head that says what the file is for", source.path))
        .collect()
}

/// Files beyond the wall, and a median that is too long.
pub fn sizes(sources: &[Source]) -> Vec<String> {
    let mut faults: Vec<String> = sources
        .iter()
        .filter(|source| source.own_lines() > WALL)
        .map(|source| format!("{}: {} lines, the wall is {WALL}", source.path, source.own_lines()))
        .collect();
    let mut lines: Vec<usize> = sources
        .iter()
        .filter(|source| source.path.starts_with("src/"))
        .map(|source| source.own_lines())
        .collect();
    lines.sort_unstable();
    if let Some(median) = lines.get(lines.len() / 2).filter(|median| **median >= MEDIAN) {
        faults.push(format!("src: the median file has {median} lines, it must be under {MEDIAN}"));
    }
    faults
}

/// Unfinished, ignored or unsafe code.
pub fn unfinished(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let text = |at: usize| source.tokens.get(at).map_or("", |token| token.text.as_str());
        for (at, token) in source.tokens.iter().enumerate() {
            let unfinished =
                matches!(token.text.as_str(), "todo" | "unimplemented" | "dbg") && text(at + 1) == "!";
            let ignored = token.text == "ignore" && at >= 2 && text(at - 1) == "[" && text(at - 2) == "#";
            if unfinished || ignored || token.text == "unsafe" {
                faults.push(format!("{}:{}: {}", source.path, token.line, token.text));
            }
        }
    }
    faults
}

/// Packages of the manifest that no file names, and switched-on features that nobody uses: each costs whoever builds it time. A package
/// of the program has to be named below `src`, one for tests anywhere.
pub fn unused(manifest: &str, sources: &[Source]) -> Vec<String> {
    let named = |word: &str, places: &[&str]| {
        let in_place = |source: &&Source| places.iter().any(|place| source.path.starts_with(place));
        let tokens = sources.iter().filter(in_place).flat_map(|source| &source.tokens);
        tokens.into_iter().any(|token| token.text == word)
    };
    let (mut section, mut faults) = ("", Vec::new());
    for line in manifest.lines() {
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
            continue;
        }
        let places: &[&str] = match section {
            "dependencies" => &["src/"],
            "dev-dependencies" => &["src/", "tests/", "benches/"],
            _ => continue,
        };
        let Some((package, written)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let library =
            LIBRARIES.iter().find(|(name, _)| *name == package).map(|(_, library)| (*library).to_owned());
        if !named(&library.unwrap_or_else(|| package.replace('-', "_")), places) {
            faults.push(format!("{section}: no file names {package}"));
        }
        if !FEATURES.iter().any(|(name, ..)| *name == package) {
            continue;
        }
        let features =
            written.split_once("features = [").map_or("", |(_, rest)| rest.split(']').next().unwrap_or(""));
        for feature in features.split(", ").map(|feature| feature.trim_matches('"')).filter(|f| !f.is_empty())
        {
            let known = FEATURES.iter().find(|(name, known, _)| *name == package && *known == feature);
            if !known.is_some_and(|(.., word)| named(word, places)) {
                faults.push(format!("{section}: nobody uses feature {feature} of {package}"));
            }
        }
    }
    faults
}

/// Roots that do not forbid unsafe code.
pub fn unsafe_not_forbidden(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| matches!(source.path.as_str(), "src/lib.rs" | "src/main.rs"))
        .filter(|source| !source.text.lines().any(|line| line == "#![forbid(unsafe_code)]"))
        .map(|source| format!("{}: no #![forbid(unsafe_code)]", source.path))
        .collect()
}

/// Places of one machine and hosts of registries: neither belongs into what others run.
pub fn foreign_words(path: &str, text: &str) -> Vec<String> {
    // Written in halves, so that this file does not hold what it looks for.
    let words = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["crates", ".io"],
        ["pypi", ".org"],
        ["npmjs", "."],
        ["proxy.go", "lang."],
        ["repo1.", "maven."],
        ["deb.", "debian."],
    ];
    words
        .iter()
        .map(|halves| halves.concat())
        .filter(|word| text.contains(word.as_str()))
        .map(|word| format!("{path}: names {word}"))
        .collect()
}

/// The table of `src/ARCHITECTURE.md` as (room, allowed).
pub fn written_table(text: &str) -> BTreeMap<String, Vec<String>> {
    text.lines()
        .skip_while(|line| !line.starts_with("| room | may import |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let (room, allowed) = (cells.next()?, cells.next()?);
            let allowed = match allowed {
                "–" => Vec::new(),
                "everything" => vec!["*".to_owned()],
                list => list.split(", ").map(str::to_owned).collect(),
            };
            Some((room.to_owned(), allowed))
        })
        .collect()
}

/// Rooms that are allowed but stand below their importer in the `mod` lines of `lib.rs`.
pub fn upward(library: &str) -> Vec<String> {
    let order: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let floor = |room: &str| order.iter().position(|have| *have == room);
    let mut faults = Vec::new();
    for (room, allowed) in MAY_IMPORT {
        let Some(own) = floor(room) else { continue };
        for allowed in allowed.iter().filter_map(|allowed| allowed.split("::").next()) {
            if floor(allowed).is_some_and(|other| other >= own) {
                faults.push(format!("{allowed} must stand above {room}"));
            }
        }
    }
    faults
}
