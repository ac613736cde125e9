//! An offline catalogue of schema documents: what each one defines and refers to, and how an official package, whose
//! addresses lead into the net, is made to refer to the files at hand by namespace. Opens no file and no address.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::xoev::fault::{PackageFault, nearest};
use crate::xoev::mapping::did_you_mean;
use crate::xoev::schema::Files;

/// Namespace of XML Schema.
const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
/// Folder of an installed package that holds the official schemas.
pub const FOLDER: &str = "official";

/// A reference of a schema document to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Whether it is an import, which names a namespace; else it brings in a part of its own.
    pub import: bool,
    /// The namespace that an import names; empty for none.
    pub namespace: String,
    /// The address as it is written; empty for none.
    pub location: String,
    /// The octets of the tag.
    tag: Range<usize>,
}

/// A schema document: what it defines and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its target namespace; empty for none.
    pub target: String,
    /// The `version` attribute of its root; empty for none.
    pub version: String,
    /// Its references in the order of the document.
    pub references: Vec<Reference>,
}

/// Reads a schema document; `None` when it is XML of another kind.
pub fn read(text: &str) -> Result<Option<Document>, String> {
    let mut reader = NsReader::from_str(text);
    let mut found: Option<Document> = None;
    let mut begin = 0;
    loop {
        let (namespace, event) =
            reader.read_resolved_event().map_err(|_| "not well-formed XML; get the file anew".to_owned())?;
        let ours = matches!(namespace, ResolveResult::Bound(bound) if bound.as_ref() == SCHEMA);
        let end = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        match event {
            Event::DocType(_) => {
                return Err("has a document type declaration, which is not taken in".to_owned());
            }
            Event::Start(tag) | Event::Empty(tag) => match &mut found {
                None if ours && tag.local_name().as_ref() == "schema" => {
                    let (target, version) = (attribute(&tag, "targetNamespace"), attribute(&tag, "version"));
                    found = Some(Document { target, version, references: Vec::new() });
                }
                None => return Ok(None),
                Some(document) if ours => {
                    let import = match tag.local_name().as_ref() {
                        "import" => true,
                        "include" | "redefine" | "override" => false,
                        _ => {
                            begin = end;
                            continue;
                        }
                    };
                    document.references.push(Reference {
                        import,
                        namespace: attribute(&tag, "namespace"),
                        location: attribute(&tag, "schemaLocation"),
                        tag: begin..end,
                    });
                }
                Some(_) => {}
            },
            Event::Eof => return Ok(found),
            _ => {}
        }
        begin = end;
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    tag.try_get_attribute(name).ok().flatten().map(|found| found.value.trim().to_owned()).unwrap_or_default()
}

/// The documents of some files, by path, with their text.
#[derive(Debug, Default)]
pub struct Catalog<'a> {
    documents: BTreeMap<&'a str, (&'a str, Document)>,
}

impl<'a> Catalog<'a> {
    /// Reads all schema documents among files; XML of another kind is left out.
    pub fn of(files: &'a Files) -> Result<Catalog<'a>, Vec<PackageFault>> {
        let mut catalog = Catalog::default();
        let mut faults = Vec::new();
        for (name, text) in files.iter().filter(|(name, _)| name.to_ascii_lowercase().ends_with(".xsd")) {
            match read(text) {
                Ok(Some(document)) => {
                    catalog.documents.insert(name, (text, document));
                }
                Ok(None) => faults.push(PackageFault::of(name, "is no schema document; remove it")),
                Err(fault) => faults.push(PackageFault::of(name, fault)),
            }
        }
        if faults.is_empty() { Ok(catalog) } else { Err(faults) }
    }

    /// The document at a path.
    pub fn get(&self, path: &str) -> Option<&Document> {
        self.documents.get(path).map(|(_, document)| document)
    }

    /// Its documents by path.
    pub fn documents(&self) -> impl Iterator<Item = (&'a str, &Document)> {
        self.documents.iter().map(|(path, (_, document))| (*path, document))
    }

    /// All namespaces that its documents define.
    pub fn namespaces(&self) -> BTreeSet<&str> {
        self.documents().map(|(_, document)| document.target.as_str()).collect()
    }

    /// The documents of a namespace that no other document of it brings in.
    pub fn heads(&self, namespace: &str) -> Vec<&'a str> {
        let of: Vec<(&str, &Document)> =
            self.documents().filter(|(_, document)| document.target == namespace).collect();
        let parts: BTreeSet<&str> = of
            .iter()
            .flat_map(|(path, document)| {
                document
                    .references
                    .iter()
                    .filter(|reference| !reference.import)
                    .filter_map(|reference| self.at(path, reference))
            })
            .collect();
        let heads: Vec<&str> =
            of.iter().map(|(path, _)| *path).filter(|path| !parts.contains(path)).collect();
        // Documents that bring in each other have no head; all of them are as good.
        if heads.is_empty() { of.into_iter().map(|(path, _)| path).take(1).collect() } else { heads }
    }

    /// The document that a reference of `from` means: by its address when that leads to one of the right namespace,
    /// else by the last part of the address, else the one that heads the namespace.
    fn at(&self, from: &str, reference: &Reference) -> Option<&'a str> {
        let own = self.documents.get(from).map_or("", |(_, document)| document.target.as_str());
        let wanted = if reference.import { reference.namespace.as_str() } else { own };
        // A part without a namespace takes that of the document which brings it in.
        let fits = |document: &Document| {
            document.target == wanted || (!reference.import && document.target.is_empty())
        };
        let direct = joined(from, &reference.location);
        if let Some((path, (_, document))) = self.documents.get_key_value(direct.as_str())
            && fits(document)
        {
            return Some(path);
        }
        let file = last(&reference.location);
        let named: Vec<&'a str> = self
            .documents()
            .filter(|(path, document)| !file.is_empty() && last(path) == file && fits(document))
            .map(|(path, _)| path)
            .collect();
        match (named.as_slice(), reference.import) {
            ([path], _) => Some(path),
            (_, false) => None,
            (_, true) => match self.heads_of_import(wanted).as_slice() {
                [path] => Some(path),
                _ => None,
            },
        }
    }

    fn heads_of_import(&self, namespace: &str) -> Vec<&'a str> {
        if self.documents().any(|(_, document)| document.target == namespace) {
            self.heads(namespace)
        } else {
            Vec::new()
        }
    }
}

/// The last part of a path or address.
fn last(location: &str) -> &str {
    location.rsplit('/').next().unwrap_or(location)
}

/// A relative address as seen from a file; an absolute one leads nowhere here.
fn joined(from: &str, location: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in location.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where documents are looked for that an official package does not hold itself, in this order.
#[derive(Debug, Default)]
pub struct Elsewhere<'a> {
    /// The schemas that all packages share; their paths are below the folder `base`.
    pub base: Catalog<'a>,
    /// The schemas of other installed packages, by the folder of the package; copied when they are needed.
    pub others: Vec<(&'a str, Catalog<'a>)>,
}

/// Official schemas made ready to be installed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arranged {
    /// The schemas below [`FOLDER`] with addresses that lead to files at hand.
    pub files: Files,
    /// Those that are compiled first.
    pub entries: Vec<String>,
    /// Path in the official package to the path it is installed under.
    pub installed: BTreeMap<String, String>,
    /// Where a namespace was taken from when the package does not hold it.
    pub borrowed: BTreeMap<String, String>,
}

/// A document in one of the catalogues: 0 is the official one, the others follow.
type Spot<'a> = (usize, &'a str);

/// The octets of a tag and the file that its address shall name.
type Moved = (Range<usize>, String);

/// Takes the documents that the entries need and makes every reference lead to one of them or to the shared ones.
///
/// A reference that leads nowhere is a fault that names what is missing.
pub fn arrange<'a>(
    official: &'a Catalog<'a>,
    elsewhere: &'a Elsewhere<'a>,
    entries: &[&'a str],
) -> Result<Arranged, Vec<PackageFault>> {
    let mut catalogs: Vec<(&str, &Catalog<'a>)> = vec![("the package", official)];
    catalogs.extend(elsewhere.others.iter().map(|(at, catalog)| (*at, catalog)));
    let mut arranged = Arranged::default();
    let mut faults = Vec::new();
    let mut names: BTreeMap<Spot<'a>, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut queue: Vec<Spot<'a>> = entries.iter().map(|entry| (0, *entry)).collect();
    let mut done: BTreeSet<Spot<'a>> = BTreeSet::new();
    let mut written: Vec<(Spot<'a>, Vec<Moved>)> = Vec::new();
    while let Some(spot) = queue.pop() {
        if !done.insert(spot) {
            continue;
        }
        let Some((_, document)) = catalogs[spot.0].1.documents.get(spot.1) else { continue };
        let mut changes = Vec::new();
        for reference in &document.references {
            let found = catalogs[spot.0].1.at(spot.1, reference).map(|path| (spot.0, path)).or_else(|| {
                // A document that another package lent may lean on the official ones as well.
                reference.import.then(|| official.at(spot.1, reference).map(|path| (0, path))).flatten()
            });
            if let Some(next) = found {
                let name = named(next, &mut names, &mut taken);
                changes.push((reference.tag.clone(), name));
                queue.push(next);
                continue;
            }
            let shared = reference.import.then(|| elsewhere.base.at("", reference)).flatten();
            if let Some(path) = shared {
                changes.push((reference.tag.clone(), format!("../../../base/{path}")));
                arranged.borrowed.insert(reference.namespace.clone(), format!("base/{path}"));
                continue;
            }
            let lent = (1..catalogs.len())
                .filter(|_| reference.import)
                .find_map(|at| catalogs[at].1.at("", reference).map(|path| (at, path)));
            match lent {
                Some(next) => {
                    let name = named(next, &mut names, &mut taken);
                    changes.push((reference.tag.clone(), name));
                    arranged
                        .borrowed
                        .insert(reference.namespace.clone(), format!("{}/{}", catalogs[next.0].0, next.1));
                    queue.push(next);
                }
                None => faults.push(missing(spot.1, reference, &catalogs, elsewhere)),
            }
        }
        named(spot, &mut names, &mut taken);
        written.push((spot, changes));
    }
    if !faults.is_empty() {
        faults.sort();
        faults.dedup();
        return Err(faults);
    }
    for (spot, changes) in written {
        let (Some((text, _)), Some(name)) = (catalogs[spot.0].1.documents.get(spot.1), names.get(&spot))
        else {
            continue;
        };
        arranged.files.insert(format!("{FOLDER}/{name}"), rewritten(text, &changes));
        if spot.0 == 0 {
            arranged.installed.insert(spot.1.to_owned(), format!("{FOLDER}/{name}"));
        }
    }
    arranged.entries = entries.iter().filter_map(|entry| arranged.installed.get(*entry).cloned()).collect();
    Ok(arranged)
}

/// The plain file name a document is installed under; two of the same name are told apart by a number.
fn named<'a>(spot: Spot<'a>, names: &mut BTreeMap<Spot<'a>, String>, taken: &mut BTreeSet<String>) -> String {
    if let Some(name) = names.get(&spot) {
        return name.clone();
    }
    let plain = plain(last(spot.1));
    let mut name = plain.clone();
    let mut number = 1;
    // Some disks do not tell upper from lower case.
    while !taken.insert(name.to_ascii_lowercase()) {
        number += 1;
        name = format!("{}-{number}.xsd", plain.trim_end_matches(".xsd"));
    }
    names.insert(spot, name.clone());
    name
}

/// A file name of letters, digits, dots and hyphens only.
pub fn plain(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = name.chars().map(kept).collect();
    name.trim_start_matches('.').to_owned()
}

fn missing(
    from: &str,
    reference: &Reference,
    catalogs: &[(&str, &Catalog<'_>)],
    elsewhere: &Elsewhere<'_>,
) -> PackageFault {
    if !reference.import {
        let text = format!("part is missing: {}; put it into the package", reference.location);
        return PackageFault::of(from, text);
    }
    let all = catalogs.iter().map(|(_, catalog)| *catalog).chain([&elsewhere.base]);
    let known: BTreeSet<&str> = all.flat_map(Catalog::namespaces).collect();
    let several = known.contains(reference.namespace.as_str());
    let text = if several {
        format!(
            "namespace stands in several schemas: {}; keep one of them, or one that includes the others",
            reference.namespace
        )
    } else {
        format!(
            "namespace is missing: {} (written for {}); it is neither in the package nor in base nor in another \
             installed package{}",
            reference.namespace,
            if reference.location.is_empty() { "no address" } else { &reference.location },
            did_you_mean(nearest(&reference.namespace, known.iter().copied()))
        )
    };
    PackageFault::of(from, text)
}

/// The text with the addresses of some tags replaced; all else stays as it is, octet for octet.
fn rewritten(text: &str, changes: &[Moved]) -> String {
    let mut new = String::with_capacity(text.len());
    let mut at = 0;
    for (tag, location) in changes {
        let (Some(before), Some(old)) = (text.get(at..tag.start), text.get(tag.clone())) else { continue };
        new.push_str(before);
        new.push_str(&relocated(old, location));
        at = tag.end;
    }
    new.push_str(text.get(at..).unwrap_or_default());
    new
}

/// A tag with another `schemaLocation`.
fn relocated(tag: &str, location: &str) -> String {
    // Names of files and the shared folder hold nothing that had to be escaped.
    if let Some(name) = tag.find("schemaLocation") {
        let value = tag[name..].find(['"', '\'']).map(|quote| name + quote);
        if let Some(open) = value
            && let Some(quote) = tag[open..].chars().next()
            && let Some(close) = tag[open + 1..].find(quote).map(|close| open + 1 + close)
        {
            return format!("{}{location}{}", &tag[..=open], &tag[close..]);
        }
    }
    let end = tag.trim_end_matches('>').trim_end_matches('/').trim_end().len();
    format!("{} schemaLocation=\"{location}\"{}", &tag[..end], &tag[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(target: &str, inside: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<xs:schema xmlns:xs=\"{SCHEMA}\" targetNamespace=\"{target}\" version=\"2.0\">{inside}</xs:schema>"
        )
    }

    fn files(of: &[(&str, String)]) -> Files {
        of.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect()
    }

    #[test]
    fn references_lead_to_files_at_hand() {
        let official = files(&[
            (
                "xsd/a.xsd",
                schema(
                    "urn:a",
                    "<!-- <xs:import namespace=\"urn:x\"/> -->\
                     <xs:import namespace=\"urn:b\" schemaLocation='https://example.org/there/b-v2.xsd' />\
                     <xs:import namespace=\"urn:base\"/>\
                     <xs:include schemaLocation=\"part.xsd\"/>\
                     <xs:import schemaLocation=\"https://example.org/other.xsd\" namespace=\"urn:other\"></xs:import>",
                ),
            ),
            ("xsd/part.xsd", schema("urn:a", "")),
            ("imported/b.xsd", schema("urn:b", "")),
            ("unused.xsd", schema("urn:unused", "")),
        ]);
        let base = files(&[("base.xsd", schema("urn:base", ""))]);
        let other = files(&[(
            "o.xsd",
            schema("urn:other", "<xs:import namespace=\"urn:b\" schemaLocation=\"../../b.xsd\"/>"),
        )]);
        let official = Catalog::of(&official).unwrap();
        assert_eq!(official.heads("urn:a"), ["xsd/a.xsd"]);
        let elsewhere = Elsewhere {
            base: Catalog::of(&base).unwrap(),
            others: vec![("o/1", Catalog::of(&other).unwrap())],
        };
        let arranged = arrange(&official, &elsewhere, &["xsd/a.xsd"]).unwrap();
        assert_eq!(
            arranged.files.keys().collect::<Vec<_>>(),
            ["official/a.xsd", "official/b.xsd", "official/o.xsd", "official/part.xsd"]
        );
        let text = &arranged.files["official/a.xsd"];
        for said in [
            "<!-- <xs:import namespace=\"urn:x\"/> -->",
            "schemaLocation='b.xsd' />",
            "namespace=\"urn:base\" schemaLocation=\"../../../base/base.xsd\"/>",
            "<xs:include schemaLocation=\"part.xsd\"/>",
            "schemaLocation=\"o.xsd\" namespace=\"urn:other\"></xs:import>",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
        assert!(arranged.files["official/o.xsd"].contains("schemaLocation=\"b.xsd\""));
        assert_eq!(arranged.entries, ["official/a.xsd"]);
        assert_eq!(arranged.borrowed["urn:other"], "o/1/o.xsd");
    }

    #[test]
    fn what_leads_nowhere_is_named_with_the_nearest() {
        let official = files(&[(
            "a.xsd",
            schema("urn:a", "<xs:import namespace=\"urn:base2\"/><xs:include schemaLocation=\"p.xsd\"/>"),
        )]);
        let base = files(&[("base.xsd", schema("urn:base1", ""))]);
        let official = Catalog::of(&official).unwrap();
        let elsewhere = Elsewhere { base: Catalog::of(&base).unwrap(), others: Vec::new() };
        let faults = arrange(&official, &elsewhere, &["a.xsd"]).unwrap_err();
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(text.contains("urn:base2") && text.contains("did you mean urn:base1?"), "{text}");
        assert!(text.contains("part is missing: p.xsd"), "{text}");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        assert_eq!(read("<a/>"), Ok(None));
        assert!(read("<a").is_err());
        assert!(read("<!DOCTYPE a><a/>").unwrap_err().contains("document type"));
        assert!(Catalog::of(&files(&[("a.xsd", "<a/>".to_owned())])).is_err());
        assert_eq!(plain(".DSMeld Ä(1).xml"), "DSMeld___1_.xml");
    }
}
