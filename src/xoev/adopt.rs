//! Makes a package of ours out of an official one: its schemas and code lists, with mapping, rules, templates and samples
//! of the nearest version that we have. Pure; whether the result fits together is found by loading it.

use std::collections::{BTreeMap, BTreeSet};

use crate::xoev::catalog::{self, Arranged, Catalog, Elsewhere};
use crate::xoev::codelist::CodeList;
use crate::xoev::diff::{counterpart, stem};
use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::manifest::PackageFile;
use crate::xoev::mapping::did_you_mean;
use crate::xoev::package::parse;
use crate::xoev::schema::Files;
use crate::xoev::set::version_key;

/// The file of an installed package that says where its schemas come from.
pub const ORIGIN: &str = "origin.yaml";
/// The file that says what a package is.
const MANIFEST: &str = "package.yaml";
/// Folder of the code lists.
const LISTS: &str = "codelists/";

/// A package that we have: its files with paths below its own folder, samples among them.
#[derive(Clone, Debug)]
pub struct Ours {
    /// The standard.
    pub standard: String,
    /// The version.
    pub version: String,
    /// Its files.
    pub files: Files,
}

/// What is known of an official package.
#[derive(Clone, Debug)]
pub struct Official<'a> {
    /// Its schemas and code lists, by path in the package.
    pub files: &'a Files,
    /// Name of the file or folder it came in.
    pub name: &'a str,
    /// SHA-256 of what it came in, hexadecimal.
    pub sha256: &'a str,
}

/// A package made ready to be checked and installed.
#[derive(Debug)]
pub struct Adopted {
    /// All files, with paths below the package's own folder.
    pub files: Files,
    /// What a person should know of how it was made.
    pub notes: Vec<String>,
}

/// The standard and version that an official package is, found by its namespaces.
///
/// Where it does not say so clearly the error asks for it to be named.
pub fn recognise(official: &Catalog<'_>, known: &[Ours]) -> Result<(String, String), String> {
    let say = "name it with --as STANDARD/VERSION";
    let mut best: Option<(usize, &Ours, BTreeSet<String>)> = None;
    for ours in known {
        let Ok(manifest) = manifest(ours) else { continue };
        let Ok(catalog) = Catalog::of(&ours.files) else { continue };
        let (score, versions) = versions(official, &manifest, &catalog);
        if score > 0 && best.as_ref().is_none_or(|(most, _, _)| score > *most) {
            best = Some((score, ours, versions));
        }
    }
    let Some((_, ours, versions)) = best else {
        let standards: BTreeSet<&str> = known.iter().map(|ours| ours.standard.as_str()).collect();
        let standards = standards.into_iter().collect::<Vec<_>>().join(", ");
        return Err(format!("the package is of no standard that is mapped here ({standards}); {say}"));
    };
    match versions.into_iter().collect::<Vec<_>>().as_slice() {
        [version] => Ok((ours.standard.clone(), version.clone())),
        [] => Err(format!("the package is {}, but says no version; {say}", ours.standard)),
        several => {
            Err(format!("the package is {}, but says versions {}; {say}", ours.standard, several.join(", ")))
        }
    }
}

/// The versions that an official package says of the namespaces of one of ours, and how much it is like it.
fn versions(official: &Catalog<'_>, manifest: &PackageFile, own: &Catalog<'_>) -> (usize, BTreeSet<String>) {
    let (mut score, mut versions) = (0, BTreeSet::new());
    for space in heads(manifest, own) {
        let theirs: Vec<&str> = official.namespaces().into_iter().collect();
        let Some(found) = counterpart(&space, theirs, "") else { continue };
        score += 2 + usize::from(found == space);
        // The version stands in the namespace where ours does, else the root of the schema says it.
        let in_name = found
            .split(['/', ':', '_'])
            .zip(space.split(['/', ':', '_']))
            .find(|(_, own)| *own == manifest.version)
            .map(|(theirs, _)| theirs.to_owned());
        let said = official
            .heads(found)
            .into_iter()
            .filter_map(|path| official.get(path))
            .map(|document| document.version.clone());
        versions.extend(match in_name {
            Some(version) => vec![version],
            None => said.filter(|version| !version.is_empty()).collect(),
        });
    }
    (score, versions)
}

/// Why an official package cannot be the version that it is named, or is more than one package: each would be taken as something else.
pub fn contradiction(official: &Catalog<'_>, ours: &Ours, version: &str) -> Option<String> {
    let (Ok(manifest), Ok(own)) = (manifest(ours), Catalog::of(&ours.files)) else { return None };
    for space in heads(&manifest, &own) {
        let alike: Vec<&str> =
            official.namespaces().into_iter().filter(|other| stem(other) == stem(&space)).collect();
        if let [one, other, ..] = alike.as_slice() {
            return Some(format!(
                "holds two packages: {one} and {other}; import each from a folder or archive of its own"
            ));
        }
        for path in alike.iter().flat_map(|space| official.heads(space)) {
            let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let twin = alike
                .iter()
                .flat_map(|space| official.heads(space))
                .find(|other| *other != path && last(other) == last(path));
            if let Some(twin) = twin {
                return Some(format!(
                    "holds two packages: {path} and {twin} define the same; import each from a folder or archive of its own"
                ));
            }
        }
    }
    // Where ours does not say its version in this way, neither does theirs.
    if versions(&own, &manifest, &own).1 != BTreeSet::from([manifest.version.clone()]) {
        return None;
    }
    let (_, said) = versions(official, &manifest, &own);
    if said.is_empty() || said.contains(version) {
        return None;
    }
    let said = said.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!(
        "is {} {said} by its schemas, not {version}; import it under its own version, or get the package of {version}",
        ours.standard
    ))
}

/// The package of ours whose mapping is taken: the same version, else the highest below it, else the lowest above it.
pub fn nearest_version<'a>(known: &'a [Ours], standard: &str, version: &str) -> Option<&'a Ours> {
    let wanted = version_key(version);
    let mut of: Vec<&Ours> = known.iter().filter(|ours| ours.standard == standard).collect();
    of.sort_by(|one, other| version_key(&one.version).cmp(&version_key(&other.version)));
    let below = of.iter().rev().find(|ours| version_key(&ours.version) <= wanted);
    below.or_else(|| of.first()).copied()
}

/// Whether a name may be a folder of a standard or version.
pub fn is_plain(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 64 && !name.starts_with(['.', '-']) && name.chars().all(fine)
}

/// Makes the package `version` of the standard of `ours` out of an official one.
pub fn adopt(
    official: &Official<'_>,
    ours: &Ours,
    version: &str,
    elsewhere: &Elsewhere<'_>,
) -> Result<Adopted, Vec<PackageFault>> {
    let old = manifest(ours).map_err(|fault| vec![fault])?;
    let theirs = Catalog::of(official.files)?;
    let own = Catalog::of(&ours.files)?;
    let mut notes = Vec::new();
    let namespaces = renamed(&old, &own, &theirs, version)?;
    let mut entries: Vec<&str> = Vec::new();
    for space in heads(&old, &own) {
        let space = namespaces.get(&space).cloned().unwrap_or(space);
        entries.extend(theirs.heads(&space));
    }
    entries.dedup();
    let arranged = catalog::arrange(&theirs, elsewhere, &entries)?;
    let unused = theirs.documents().count() - arranged.installed.len();
    if unused > 0 {
        notes.push(format!("{unused} schemas of the package are not needed and were left out"));
    }
    for (space, from) in &arranged.borrowed {
        notes.push(format!("{space} is not in the package; taken from {from}"));
    }

    let within = old.within.as_ref();
    let attribute = within.map(|within| within.version.attribute.as_str());
    let retold = Retold { namespaces: &namespaces, old: &old.version, new: version, attribute };
    let mut files = Files::new();
    for (name, text) in &ours.files {
        let replaced =
            name == ORIGIN || name == MANIFEST || name.ends_with(".xsd") || name.starts_with(LISTS);
        if !replaced {
            let told = name.starts_with("write/") || name.starts_with("samples/") && name.ends_with(".xml");
            files.insert(name.clone(), if told { retold.text(text) } else { text.clone() });
        }
    }
    let held = lists(official.files, ours, &old, &mut files, &mut notes);
    files.insert(MANIFEST.to_owned(), renewed(ours, &old, &namespaces, version, &arranged, &held)?);
    if version != ours.version && (old.valid.from.is_some() || old.valid.until.is_some()) {
        notes.push("the days of validity were not taken over; write them into package.yaml".to_owned());
    }
    files.extend(arranged.files);
    files.insert(ORIGIN.to_owned(), origin(official, ours));
    Ok(Adopted { files, notes })
}

fn manifest(ours: &Ours) -> Result<PackageFile, PackageFault> {
    parse(&ours.files, MANIFEST)
}

/// The namespaces of the entry schemas of a package.
fn heads(manifest: &PackageFile, own: &Catalog<'_>) -> BTreeSet<String> {
    manifest
        .schemas
        .iter()
        .filter_map(|schema| own.get(&schema.value))
        .map(|document| document.target.clone())
        .collect()
}

/// For each namespace that our own schemas define, the one it has in the official package.
fn renamed(
    manifest: &PackageFile,
    own: &Catalog<'_>,
    theirs: &Catalog<'_>,
    version: &str,
) -> Result<BTreeMap<String, String>, Vec<PackageFault>> {
    let defined = own.namespaces();
    let offered = theirs.namespaces();
    let entries = heads(manifest, own);
    let mut namespaces = BTreeMap::new();
    let mut faults = Vec::new();
    let used = manifest.namespaces.values().map(String::as_str).filter(|space| defined.contains(space));
    for space in used.chain(entries.iter().map(String::as_str)) {
        match counterpart(space, offered.iter().copied(), version) {
            Some(found) => {
                namespaces.insert(space.to_owned(), found.to_owned());
            }
            // What only other packages or the shared schemas define stays as it is.
            None if !entries.contains(space) => {}
            None => {
                let near = did_you_mean(nearest(space, offered.iter().copied()));
                let text = format!("namespace is in no schema of the official package: {space}{near}");
                faults.push(PackageFault::of(MANIFEST, text));
            }
        }
    }
    if faults.is_empty() { Ok(namespaces) } else { Err(faults) }
}

/// How texts of the old version become texts of the new one.
struct Retold<'a> {
    namespaces: &'a BTreeMap<String, String>,
    old: &'a str,
    new: &'a str,
    /// The attribute that says the version where no root does.
    attribute: Option<&'a str>,
}

impl Retold<'_> {
    /// A template or sample: namespaces where they are written as values, and the version that the root says.
    fn text(&self, text: &str) -> String {
        let mut told = text.to_owned();
        for (old, new) in self.namespaces.iter().filter(|(old, new)| old != new) {
            told = told.replace(&format!("\"{old}\""), &format!("\"{new}\""));
        }
        if self.old == self.new {
            return told;
        }
        // The declaration of XML has a version of its own.
        let begin = told.find("<?xml").and_then(|at| told[at..].find("?>").map(|end| at + end)).unwrap_or(0);
        let (declaration, rest) = told.split_at(begin);
        let mut rest = rest.to_owned();
        for space in [' ', '\n', '\t'] {
            let (old, new) = (self.old, self.new);
            rest = rest.replace(&format!("{space}version=\"{old}\""), &format!("{space}version=\"{new}\""));
        }
        if let Some(attribute) = self.attribute {
            let (old, new) = (self.old, self.new);
            rest = rest.replace(&format!(" {attribute}=\"{old}\""), &format!(" {attribute}=\"{new}\""));
        }
        format!("{declaration}{rest}")
    }
}

/// Puts the code lists into `files` and gives those that are held, by path.
fn lists(
    official: &Files,
    ours: &Ours,
    manifest: &PackageFile,
    files: &mut Files,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let mut held: Vec<(String, Option<CodeList>)> = manifest
        .codelists
        .held
        .iter()
        .map(|file| {
            let list = ours.files.get(&file.value).and_then(|text| CodeList::read(text).ok());
            (file.value.clone(), list)
        })
        .collect();
    let schemas: Vec<&String> =
        official.iter().filter(|(name, _)| name.ends_with(".xsd")).map(|(_, text)| text).collect();
    let mut unused = 0;
    for (name, text) in official.iter().filter(|(name, _)| !name.ends_with(".xsd")) {
        let Ok(list) = CodeList::read(text) else {
            unused += 1;
            continue;
        };
        let known = held.iter().flat_map(|(_, held)| held).any(|held| held.uri == list.uri);
        let named = schemas.iter().any(|schema| schema.contains(&format!("\"{}\"", list.uri)));
        if manifest.codelists.open.contains(&list.uri) || !(known || named) {
            unused += 1;
            continue;
        }
        held.retain(|(_, held)| {
            held.as_ref().is_none_or(|held| held.uri != list.uri || held.version != list.version)
        });
        let plain = catalog::plain(name.rsplit('/').next().unwrap_or(name));
        let stem = plain.rsplit_once('.').map_or(plain.as_str(), |(stem, _)| stem).to_owned();
        let taken = |file: &str| held.iter().any(|(held, _)| held == file) || files.contains_key(file);
        let mut file = format!("{LISTS}{stem}.xml");
        let mut number = 1;
        while taken(&file) {
            number += 1;
            file = format!("{LISTS}{stem}-{number}.xml");
        }
        files.insert(file.clone(), text.clone());
        held.push((file, Some(list)));
    }
    if unused > 0 {
        notes.push(format!("{unused} files are no code list that the schemas name and were left out"));
    }
    // What lies in the folder without being held is kept as well: it is ours.
    for (name, text) in ours.files.iter().filter(|(name, _)| name.starts_with(LISTS)) {
        let was_held = manifest.codelists.held.iter().any(|file| file.value == *name);
        if !was_held || held.iter().any(|(file, _)| file == name) {
            files.entry(name.clone()).or_insert_with(|| text.clone());
        }
    }
    held.into_iter().map(|(file, _)| file).collect()
}

fn origin(official: &Official<'_>, ours: &Ours) -> String {
    // No day and no machine: the same import gives the same package everywhere.
    format!(
        "# Written by `standards import`: the schemas in official/ and the code lists that came with them are not our own\n\
         # text. Mapping, rules, templates and samples are.\n\
         text: official\n\
         from: \"{}\"\n\
         sha256: \"{}\"\n\
         mapping-from: \"{}/{}\"\n",
        catalog::plain(official.name),
        official.sha256,
        ours.standard,
        ours.version
    )
}

/// `package.yaml` with what changes replaced and all else, comments too, left as it is.
fn renewed(
    ours: &Ours,
    old: &PackageFile,
    namespaces: &BTreeMap<String, String>,
    version: &str,
    arranged: &Arranged,
    held: &[String],
) -> Result<String, Vec<PackageFault>> {
    let mut text = ours.files.get(MANIFEST).cloned().unwrap_or_default();
    let list =
        |indent: &str, of: &[String]| of.iter().map(|file| format!("{indent}- {file}\n")).collect::<String>();
    let mut replace = |key: &str, indent: usize, new: String| {
        if let Some(changed) = replaced(&text, key, indent, &new) {
            text = changed;
        }
    };
    replace("schemas", 0, format!("schemas:\n{}", list("  ", &arranged.entries)));
    if held.iter().ne(old.codelists.held.iter().map(|file| &file.value)) {
        replace("held", 2, format!("  held:\n{}", list("    ", held)));
    }
    if version != old.version {
        replace("version", 0, format!("version: \"{version}\"\n"));
        let about = serde_json::Value::from(old.about.replace(&old.version, version));
        replace("about", 0, format!("about: {about}\n"));
        replace("valid", 0, "valid: {}\n".to_owned());
    }
    if namespaces.iter().any(|(old, new)| old != new) {
        let lines: String = old
            .namespaces
            .iter()
            .map(|(prefix, space)| format!("  {prefix}: \"{}\"\n", namespaces.get(space).unwrap_or(space)))
            .collect();
        replace("namespaces", 0, format!("namespaces:\n{lines}"));
    }
    // What was meant is compared with what is written: a file in another style is never half-changed.
    let written: PackageFile =
        parse(&Files::from([(MANIFEST.to_owned(), text.clone())]), MANIFEST).map_err(|fault| vec![fault])?;
    let same = |of: &[serde_saphyr::Spanned<String>], wanted: &[String]| {
        of.iter().map(|file| &file.value).eq(wanted.iter())
    };
    let fits = same(&written.schemas, &arranged.entries)
        && same(&written.codelists.held, held)
        && written.version == version
        && old.namespaces.iter().all(|(prefix, space)| {
            written.namespaces.get(prefix) == Some(namespaces.get(space).unwrap_or(space))
        });
    if fits {
        return Ok(text);
    }
    let fault = "cannot be renewed; write version, namespaces, schemas and codelists.held as blocks, one entry a line";
    Err(vec![PackageFault::of(MANIFEST, fault)])
}

/// The text with the block of a key at this indentation replaced; `None` when there is no such key.
fn replaced(text: &str, key: &str, indent: usize, new: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let depth = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let begin = lines
        .iter()
        .position(|line| depth(line) == indent && line[indent..].starts_with(&format!("{key}:")))?;
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let mut end = begin + 1;
    for (at, line) in lines.iter().enumerate().skip(begin + 1).filter(|(_, line)| says(line)) {
        let inside = depth(line) > indent || depth(line) == indent && line.trim_start().starts_with("- ");
        if !inside {
            break;
        }
        end = at + 1;
    }
    Some(format!("{}{new}{}", lines[..begin].concat(), lines[end..].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_replaced_and_comments_stay() {
        let text = "# head\nversion: 1\nschemas:\n  - a.xsd # one\n\n  # two\n  - b.xsd\n\n# next\ncodelists:\n  held:\n  - x\n  open: [y]\n";
        let new = replaced(text, "schemas", 0, "schemas:\n  - c.xsd\n").unwrap();
        assert_eq!(
            new,
            "# head\nversion: 1\nschemas:\n  - c.xsd\n\n# next\ncodelists:\n  held:\n  - x\n  open: [y]\n"
        );
        let new = replaced(&new, "held", 2, "  held:\n    - z\n").unwrap();
        assert!(new.ends_with("codelists:\n  held:\n    - z\n  open: [y]\n"), "{new}");
        assert_eq!(replaced(text, "valid", 0, ""), None);
    }

    #[test]
    fn the_nearest_version_lends_its_mapping() {
        let of = |version: &str| Ours { standard: "x".into(), version: version.into(), files: Files::new() };
        let known = [of("1.10.0"), of("1.3.0"), of("2.0")];
        for (wanted, found) in [("1.3.0", "1.3.0"), ("1.4", "1.3.0"), ("1.11", "1.10.0"), ("1.0", "1.3.0")] {
            assert_eq!(nearest_version(&known, "x", wanted).unwrap().version, found);
        }
        assert!(nearest_version(&known, "y", "1").is_none());
        assert!(is_plain("26.11") && !is_plain("..") && !is_plain("a/b") && !is_plain(""));
    }

    #[test]
    fn only_what_means_the_version_is_retold() {
        let namespaces = BTreeMap::from([("urn:a/1.0".to_owned(), "urn:a/1.1".to_owned())]);
        let retold = Retold { namespaces: &namespaces, old: "1.0", new: "1.1", attribute: None };
        assert_eq!(
            retold.text(
                "<?xml version=\"1.0\"?><a xmlns=\"urn:a/1.0\" version=\"1.0\" listVersionID=\"1.0\"/>"
            ),
            "<?xml version=\"1.0\"?><a xmlns=\"urn:a/1.1\" version=\"1.1\" listVersionID=\"1.0\"/>"
        );
        let within = Retold { attribute: Some("aVersion"), ..retold };
        assert_eq!(
            within.text("<a><b aVersion=\"1.0\" bVersion=\"1.0\"/></a>"),
            "<a><b aVersion=\"1.1\" bVersion=\"1.0\"/></a>"
        );
    }
}
