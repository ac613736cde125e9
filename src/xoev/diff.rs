//! What differs between two packages of a standard: messages, elements that mapped messages can hold, code lists, and
//! what of the one's mapping does not fit the other. Pure; speaks of schemas and packages, never of a message.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use crate::schema::automaton::Patterns;
use crate::xoev::codelist::CodeList;
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::kind::Kind;
use crate::xoev::manifest::{PackageFile, ReadFile, RulesFile};
use crate::xoev::mapping::{self, Automaton, Paths, did_you_mean};
use crate::xoev::package::parse;
use crate::xoev::rules::Rules;
use crate::xoev::schema::{self, Files};
use crate::xoev::set::version_key;
use crate::xoev::shape::{Child, Name, Shape};
use crate::xoev::skeleton;

/// Values that are named one by one; more are counted.
const NAMED: usize = 8;
/// Longest value that is shown, in characters.
const LONGEST: usize = 60;

/// A package as far as it can be compared; it need not fit together.
pub struct Outline {
    at: String,
    manifest: PackageFile,
    read: ReadFile,
    rules: RulesFile,
    shape: Shape,
    namespaces: BTreeSet<String>,
    lists: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    templates: BTreeMap<String, String>,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Path of elements, or Kennung of a code list.
    pub at: String,
    /// How; from the first package to the second.
    pub what: String,
}

/// What differs, from the first package to the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Messages that only the second one knows.
    pub messages_added: Vec<String>,
    /// Messages that only the first one knows.
    pub messages_removed: Vec<String>,
    /// Elements and attributes of messages that are read or written.
    pub elements: Vec<Change>,
    /// Code lists.
    pub codelists: Vec<Change>,
    /// What of the first one's mapping, rules and templates does not fit the schemas of the second.
    pub unfit: Vec<PackageFault>,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Difference::default()
    }
}

impl Outline {
    /// Reads a package from its files, among them those of `base`; `at` is its folder.
    pub fn of(at: &str, files: &Files) -> Result<Outline, Vec<PackageFault>> {
        let name = |file: &str| format!("{at}/{file}");
        let manifest: PackageFile = parse(files, &name("package.yaml")).map_err(|fault| vec![fault])?;
        let read: ReadFile = parse(files, &name("read.yaml")).map_err(|fault| vec![fault])?;
        let rules: RulesFile = match files.contains_key(&name("rules.yaml")) {
            true => parse(files, &name("rules.yaml")).map_err(|fault| vec![fault])?,
            false => RulesFile::default(),
        };
        let entries: Vec<String> = manifest.schemas.iter().map(|schema| name(&schema.value)).collect();
        let (_, plain) =
            schema::compile(files, &entries, &Patterns::default()).map_err(|fault| vec![fault])?;
        let shape = Shape::new(plain);
        let mut lists: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for file in &manifest.codelists.held {
            let text = files.get(&name(&file.value)).map_or("", String::as_str);
            let list =
                CodeList::read(text).map_err(|fault| vec![PackageFault::of(&name(&file.value), fault)])?;
            lists.entry(list.uri).or_default().insert(list.version, list.codes);
        }
        let folder = name("write/");
        let templates = files
            .range(folder.clone()..)
            .take_while(|(file, _)| file.starts_with(&folder))
            .map(|(file, text)| (file.clone(), text.clone()))
            .collect();
        let namespaces = shape.namespaces();
        Ok(Outline { at: at.to_owned(), manifest, read, rules, shape, namespaces, lists, templates })
    }

    /// The messages: those the package names and those that its schemas define beside them.
    fn messages(&self) -> BTreeMap<String, Name> {
        let paths = Paths {
            file: "",
            namespaces: &self.manifest.namespaces,
            shape: &self.shape,
            words: &self.manifest.words,
        };
        let mut messages: BTreeMap<String, Name> = BTreeMap::new();
        for (message, root) in &self.manifest.messages {
            if let Ok(root) = paths.name(&root.value)
                && self.shape.root(&root)
            {
                messages.insert(message.clone(), root);
            }
        }
        let spaces: BTreeSet<String> = messages.values().map(|(space, _)| space.clone()).collect();
        for (root, _) in self.shape.elements().filter(|((space, _), _)| spaces.contains(space)) {
            if let Some((_, number)) = root.1.rsplit_once('.')
                && number.len() >= 4
                && number.bytes().all(|b| b.is_ascii_digit())
                && !messages.values().any(|known| known == root)
            {
                messages.entry(format!("{}.{number}", self.manifest.standard)).or_insert(root.clone());
            }
        }
        messages
    }

    /// Whether a message is read or written.
    fn uses(&self, message: &str) -> bool {
        let number = message.rsplit_once('.').map_or(message, |(_, number)| number);
        let template = |ending: &str| format!("{}/write/{number}.{ending}", self.at);
        self.read.messages.contains_key(message)
            || ["xml", "json"].into_iter().any(|ending| self.templates.contains_key(&template(ending)))
    }

    /// The namespace of the same thing in this package, whatever its version.
    fn counterpart(&self, namespace: &str) -> Option<&str> {
        counterpart(namespace, self.namespaces.iter().map(String::as_str), &self.manifest.version)
    }

    /// What of this package's mapping does not fit the schemas of another one.
    pub fn unfit_for(&self, other: &Outline) -> Vec<PackageFault> {
        let to = |namespace: &str| other.counterpart(namespace).unwrap_or(namespace).to_owned();
        let namespaces: BTreeMap<String, String> =
            self.manifest.namespaces.iter().map(|(prefix, space)| (prefix.clone(), to(space))).collect();
        let name = |file: &str| format!("{}/{file}", self.at);
        let (manifest_name, read_name, rules_name) =
            (name("package.yaml"), name("read.yaml"), name("rules.yaml"));
        let words = &self.manifest.words;
        let paths = |file| Paths { file, namespaces: &namespaces, shape: &other.shape, words };
        let mut faults = Vec::new();
        for (message, root) in &self.manifest.messages {
            let Ok(root_name) = paths(&manifest_name).name(&root.value) else { continue };
            if !other.shape.root(&root_name) {
                let near = did_you_mean(nearest(&root_name.1, other.shape.roots()));
                let place = &root.referenced;
                let text = format!("no such root element: {}{near}", root.value);
                faults.push(PackageFault::of(&manifest_name, text).at(place.line(), place.column()));
                continue;
            }
            let mut automaton = Automaton::new();
            let mut compile = |file, lines| mapping::compile(&paths(file), &root_name, lines, &mut automaton);
            faults.extend(compile(&manifest_name, &self.manifest.header));
            let Some(lines) = self.read.messages.get(message) else { continue };
            faults.extend(compile(&read_name, lines));
            let mut rules = Rules::new("");
            for rule in &self.rules.rules {
                if rule.messages.as_ref().is_none_or(|only| only.iter().any(|only| only.value == *message)) {
                    faults.extend(rules.add(rule, &paths(&rules_name), &root_name, &mut automaton));
                }
            }
        }
        let part = |part: &str| self.templates.get(&name(&format!("write/{part}"))).cloned();
        let parts = name("write/_");
        // Only what writes XML has elements; a part shows in whatever includes it.
        for (file, text) in self.templates.iter().filter(|(file, _)| file.ends_with(".xml")) {
            if !file.starts_with(&parts) {
                faults.extend(skeleton::check(file, text, &part, &other.shape, &to));
            }
        }
        faults.sort();
        faults.dedup();
        faults
    }
}

/// A namespace without its version: what stays the same from one version to the next.
pub fn stem(namespace: &str) -> String {
    let mut stem = String::with_capacity(namespace.len());
    for c in namespace.chars() {
        match c {
            c if c.is_ascii_digit() => {
                if !stem.ends_with('#') {
                    stem.push('#');
                }
            }
            // Between two numbers a mark is part of the version: 1.3.0, 2022-08.
            '.' | '-' | '_' if stem.ends_with('#') => {}
            c => stem.push(c),
        }
    }
    stem
}

/// The namespace among `candidates` that stands for the same as `namespace`: itself, else one that differs in its
/// version only, best with `version` in it, else the newest.
pub fn counterpart<'a>(
    namespace: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    version: &str,
) -> Option<&'a str> {
    let stem_of = stem(namespace);
    let alike: Vec<&str> = candidates.into_iter().filter(|other| stem(other) == stem_of).collect();
    let says = |other: &str| !version.is_empty() && other.split(['/', ':', '_']).any(|part| part == version);
    alike
        .iter()
        .find(|other| says(other))
        .or_else(|| alike.iter().find(|other| **other == namespace))
        .or_else(|| alike.iter().max_by_key(|other| numbers(other)))
        .copied()
}

/// The numbers in a namespace, which order its versions.
fn numbers(namespace: &str) -> Vec<u64> {
    namespace.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// What differs from `from` to `to`.
pub fn difference(from: &Outline, to: &Outline) -> Difference {
    let (old, new) = (from.messages(), to.messages());
    let mut found = Difference {
        messages_added: new.keys().filter(|message| !old.contains_key(*message)).cloned().collect(),
        messages_removed: old.keys().filter(|message| !new.contains_key(*message)).cloned().collect(),
        codelists: lists(from, to),
        unfit: from.unfit_for(to),
        elements: Vec::new(),
    };
    let roots = |shape: &Shape, root: &Name| {
        shape.elements().find(|(name, _)| *name == root).and_then(|(_, inside)| inside)
    };
    let mut pairs = Pairs { from: &from.shape, to: &to.shape, seen: HashSet::new(), changes: Vec::new() };
    for (message, old_root) in &old {
        let Some(new_root) = new.get(message) else { continue };
        if from.uses(message) || to.uses(message) {
            let path = format!("/{}", old_root.1);
            if old_root.1 != new_root.1 {
                pairs.tell(&path, format!("is now the root element {}", new_root.1));
            }
            pairs.compare(roots(&from.shape, old_root), roots(&to.shape, new_root), &path);
        }
    }
    found.elements = pairs.changes;
    found
}

fn lists(from: &Outline, to: &Outline) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut tell = |at: &str, what: String| changes.push(Change { at: at.to_owned(), what });
    let none = BTreeMap::new();
    let all: BTreeSet<&String> = from.lists.keys().chain(to.lists.keys()).collect();
    for uri in all {
        let (old, new) = (from.lists.get(uri).unwrap_or(&none), to.lists.get(uri).unwrap_or(&none));
        for version in old.keys().filter(|version| !new.contains_key(*version)) {
            tell(uri, format!("version {version} is gone"));
        }
        for (version, codes) in new {
            match old.get(version) {
                Some(before) if before == codes => {}
                Some(before) => tell(uri, format!("version {version}: codes {}", sets(before, codes))),
                None => {
                    let before =
                        old.iter().max_by(|one, other| version_key(one.0).cmp(&version_key(other.0)));
                    let more = before.map(|(before, old)| match old == codes {
                        true => format!(", the same codes as {before}"),
                        false => format!(", against {before} codes {}", sets(old, codes)),
                    });
                    tell(uri, format!("version {version} is new{}", more.unwrap_or_default()));
                }
            }
        }
    }
    changes
}

/// `+ a, b − c`, bounded.
fn sets(old: &BTreeSet<String>, new: &BTreeSet<String>) -> String {
    let part = |mark: &str, of: Vec<&String>| match of.len() {
        0 => None,
        many => {
            let named: Vec<String> = of.iter().take(NAMED).map(|value| short(value)).collect();
            let more = if many > NAMED { format!(" and {} more", many - NAMED) } else { String::new() };
            Some(format!("{mark} {}{more}", named.join(", ")))
        }
    };
    let parts = [part("+", new.difference(old).collect()), part("−", old.difference(new).collect())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}…", &value[..end]),
    }
}

/// The walk through both shapes at once; each pair of contents is compared at the first place where it stands.
struct Pairs<'a> {
    from: &'a Shape,
    to: &'a Shape,
    seen: HashSet<(Option<usize>, Option<usize>)>,
    changes: Vec<Change>,
}

impl Pairs<'_> {
    fn tell(&mut self, at: &str, what: String) {
        self.changes.push(Change { at: at.to_owned(), what });
    }

    fn compare(&mut self, old: Option<usize>, new: Option<usize>, path: &str) {
        if !self.seen.insert((old, new)) {
            return;
        }
        self.attributes(old, new, path);
        let (from, to) = (self.from, self.to);
        let before = old.map_or(&[][..], |old| from.children(old));
        let after = new.map_or(&[][..], |new| to.children(new));
        let same = |one: &Child, other: &Child| {
            one.name.1 == other.name.1 && stem(&one.name.0) == stem(&other.name.0)
        };
        let added: Vec<&Child> =
            after.iter().filter(|child| !before.iter().any(|other| same(child, other))).collect();
        for child in before {
            let at = format!("{path}/{}", child.name.1);
            let Some(other) = after.iter().find(|other| same(child, other)) else {
                let near = nearest(&child.name.1, added.iter().map(|child| child.name.1.as_str()));
                let near = near.map(|near| format!("; is it {near} now?")).unwrap_or_default();
                self.tell(&at, format!("is gone{near}"));
                continue;
            };
            if child.must != other.must {
                self.tell(&at, if other.must { "must stand now" } else { "may be left out now" }.to_owned());
            }
            if child.many != other.many {
                self.tell(
                    &at,
                    if other.many { "may repeat now" } else { "may not repeat any more" }.to_owned(),
                );
            }
            self.kinds(&child.kind, &other.kind, &at);
            self.compare(child.inside, other.inside, &at);
        }
        for child in added {
            let how = if child.must { "is new and must stand" } else { "is new and may stand" };
            self.tell(&format!("{path}/{}", child.name.1), how.to_owned());
        }
    }

    fn attributes(&mut self, old: Option<usize>, new: Option<usize>, path: &str) {
        let none = BTreeMap::new();
        let (from, to) = (self.from, self.to);
        let before = old.and_then(|old| from.attributes(old)).unwrap_or(&none);
        let after = new.and_then(|new| to.attributes(new)).unwrap_or(&none);
        let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in all {
            let at = format!("{path}/@{name}");
            match (before.get(name), after.get(name)) {
                (Some(_), None) => self.tell(&at, "is gone".to_owned()),
                (None, Some(now)) => self.tell(&at, format!("is new: {}", short(now))),
                (Some(then), Some(now)) if then != now => {
                    self.tell(&at, format!("{} → {}", short(then), short(now)));
                }
                _ => {}
            }
        }
    }

    fn kinds(&mut self, old: &Kind, new: &Kind, at: &str) {
        let word = |base: &str| if base.is_empty() { "no text".to_owned() } else { base.to_owned() };
        if old.base != new.base {
            self.tell(at, format!("{} → {}", word(&old.base), word(&new.base)));
        }
        let none = BTreeSet::new();
        let all: BTreeSet<&&'static str> = old.bounds.keys().chain(new.bounds.keys()).collect();
        for bound in all {
            let then = old.bounds.get(*bound).unwrap_or(&none);
            let now = new.bounds.get(*bound).unwrap_or(&none);
            if then != now {
                self.tell(at, format!("{bound} {}", sets(then, now)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_of_two_versions_find_each_other() {
        let known = ["http://x/geburt/1.3.0", "http://x/geburt/1.4.0", "urn:din_2022-08", "http://y/name/5"];
        for (asked, version, found) in [
            ("http://x/geburt/1.3.0", "1.3.0", Some("http://x/geburt/1.3.0")),
            ("http://x/geburt/1.3.0", "1.4.0", Some("http://x/geburt/1.4.0")),
            ("http://x/geburt/1.2", "9", Some("http://x/geburt/1.4.0")),
            ("http://y/name/4", "26.11", Some("http://y/name/5")),
            ("urn:din_2022-08", "1.4.0", Some("urn:din_2022-08")),
            ("http://y/datum/4", "26.11", None),
        ] {
            assert_eq!(counterpart(asked, known, version), found, "{asked} {version}");
        }
    }

    #[test]
    fn long_values_and_many_of_them_are_cut() {
        let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(sets(&set(&["a", "b"]), &set(&["b", "c"])), "+ c − a");
        let many: BTreeSet<String> = (0..10).map(|n| n.to_string()).collect();
        assert!(sets(&many, &BTreeSet::new()).ends_with("and 2 more"));
        assert_eq!(short(&"ä".repeat(61)).chars().count(), 61);
    }
}
