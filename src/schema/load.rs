//! Gathers all documents of a schema: includes (also of documents without a namespace), imports, redefinitions.
//! It never opens anything itself: a library gives the documents, and what it does not have is a fault.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fault::SchemaFault;
use super::grammar;
use super::lexis::{White, whitened};
use super::names::{XML_NAME, XSD_NAME};
use super::tree::{self, Node, Read};

/// Gives schema documents.
pub trait Library {
    /// The name under which the document is known that `location` means, as written in the document `from`, for a
    /// namespace (both empty for an entry); an error says in plain words why there is none.
    fn find(&self, from: &str, location: &str, namespace: &str) -> Result<String, String>;
    /// The octets of a document by its name.
    fn octets(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// The attributes of the prefix `xml`, for schemas that import their namespace and say no document.
const XML_ATTRIBUTES: (&str, &str) = (
    "xml:attributes",
    r#"<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<attribute name="base" type="anyURI"/>
<attribute name="id" type="ID"/>
<attribute name="lang"><simpleType><union memberTypes="language"><simpleType>
<restriction base="string"><enumeration value=""/></restriction></simpleType></union></simpleType></attribute>
<attribute name="space"><simpleType>
<restriction base="NCName"><enumeration value="default"/><enumeration value="preserve"/></restriction></simpleType></attribute>
</schema>"#,
);

/// Documents of one schema at most.
const MOST_DOCUMENTS: usize = 2_000;

/// A schema document for one target namespace.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: String,
    pub(super) read: Arc<Read>,
    /// Empty for none; that of the including document where it has none itself.
    pub(super) target: String,
    /// Whether it took the namespace of who includes it.
    pub(super) chameleon: bool,
    /// Namespaces whose components it may refer to.
    pub(super) sees: HashSet<String>,
}

impl Document {
    pub(super) fn fault(&self, node: &Node, text: impl Into<String>) -> SchemaFault {
        let place = self.read.place(node.offset);
        SchemaFault {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            text: text.into(),
            unsupported: false,
        }
    }
}

/// All documents, and for each redefinition the document it stands in and the node's number among its children.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) list: Vec<Document>,
    pub(super) redefinitions: Vec<(usize, usize)>,
    /// To which document each include and redefinition leads, by the same.
    pub(super) leads: HashMap<(usize, usize), usize>,
}

impl Documents {
    /// A document and all that it includes or redefines.
    pub(super) fn of_one(&self, first: usize) -> HashSet<usize> {
        let (mut all, mut todo) = (HashSet::new(), vec![first]);
        while let Some(document) = todo.pop() {
            if !all.insert(document) {
                continue;
            }
            for (child, node) in self.list[document].read.root.children.iter().enumerate() {
                if matches!(&*node.local, "include" | "redefine") {
                    todo.extend(self.leads.get(&(document, child)));
                }
            }
        }
        all
    }
}

struct Wanted {
    file: String,
    /// The namespace it must have or take; `None` for an import of any.
    target: Option<String>,
    /// Whether it may take a namespace.
    include: bool,
    /// Who wants it: document and child.
    by: Option<(usize, usize)>,
}

/// Loads the entries and all that they lead to.
pub(super) fn load(entries: &[&str], library: &dyn Library) -> Result<Documents, SchemaFault> {
    let mut documents = Documents::default();
    let mut reads: HashMap<String, Arc<Read>> = HashMap::new();
    let mut known: HashMap<(String, String), usize> = HashMap::new();
    let mut wanted: Vec<Wanted> = Vec::new();
    for entry in entries.iter().rev() {
        let file = library.find("", entry, "").map_err(|text| plain(entry, text))?;
        wanted.push(Wanted { file, target: None, include: false, by: None });
    }
    while let Some(want) = wanted.pop() {
        let complain = |documents: &Documents, text: String| match want.by {
            Some((document, child)) => {
                let document: &Document = &documents.list[document];
                document.fault(&document.read.root.children[child], text)
            }
            None => plain(&want.file, text),
        };
        let read = match reads.get(&want.file) {
            Some(read) => read.clone(),
            None => {
                let octets = match want.file == XML_ATTRIBUTES.0 {
                    // Only where no document says what these attributes are.
                    true if documents.list.iter().any(|other| other.target == XML_NAME) => continue,
                    true => XML_ATTRIBUTES.1.as_bytes().to_vec(),
                    false => library.octets(&want.file).map_err(|text| match want.by {
                        Some(_) => complain(&documents, format!("schema document '{}': {text}", want.file)),
                        None => plain(&want.file, text),
                    })?,
                };
                let read = tree::read(&octets).map_err(|(text, place)| SchemaFault {
                    line: place.map_or(0, |place| place.line),
                    column: place.map_or(0, |place| place.column),
                    ..plain(&want.file, text)
                })?;
                let read = Arc::new(read);
                reads.insert(want.file.clone(), read.clone());
                read
            }
        };
        let own = read.root.get("targetNamespace");
        let target = match (own, want.include, &want.target) {
            (Some(""), ..) => {
                return Err(plain(&want.file, "the target namespace is empty; leave the attribute out"));
            }
            (Some(own), _, Some(target)) if own != target => {
                return Err(complain(
                    &documents,
                    format!("'{}' has the target namespace '{own}', not '{target}'", want.file),
                ));
            }
            (None, false, Some(target)) if !target.is_empty() => {
                return Err(complain(
                    &documents,
                    format!("'{}' has no target namespace, not '{target}'", want.file),
                ));
            }
            (Some(own), ..) => own.to_owned(),
            (None, true, Some(target)) => target.clone(),
            (None, ..) => String::new(),
        };
        let chameleon = own.is_none() && !target.is_empty();
        let key = (want.file.clone(), target.clone());
        // The same document under another name adds nothing.
        let same =
            || documents.list.iter().position(|other| other.target == target && other.read.text == read.text);
        let before = known.get(&key).copied().or_else(same);
        let number = before.unwrap_or(documents.list.len());
        known.insert(key, number);
        if let Some(by) = want.by {
            documents.leads.insert(by, number);
        }
        if before.is_some() {
            continue;
        }
        if number >= MOST_DOCUMENTS {
            return Err(plain(&want.file, "the schema has too many documents"));
        }
        let document = Document {
            file: want.file,
            read: read.clone(),
            target: target.clone(),
            chameleon,
            sees: HashSet::from([target.clone(), XSD_NAME.to_owned()]),
        };
        grammar::check(&read.root).map_err(|(node, text)| document.fault(node, text))?;
        documents.list.push(document);
        follow(number, &mut documents, library, &mut wanted)?;
    }
    Ok(documents)
}

/// Takes down what a document leads to.
fn follow(
    number: usize,
    documents: &mut Documents,
    library: &dyn Library,
    wanted: &mut Vec<Wanted>,
) -> Result<(), SchemaFault> {
    let read = documents.list[number].read.clone();
    let mut next = Vec::new();
    for (child, node) in read.root.children.iter().enumerate() {
        let document = &mut documents.list[number];
        // An address: blanks around it and several within are none of it (Part 2, 3.2.17).
        let location = node.get("schemaLocation").map(|location| whitened(location, White::Collapse));
        let by = Some((number, child));
        let include = match &*node.local {
            "include" | "redefine" => true,
            "import" => false,
            _ => continue,
        };
        let target = if include {
            document.target.clone()
        } else {
            let namespace = node.get("namespace").unwrap_or_default();
            if namespace == document.target {
                return Err(document.fault(node, "a document does not import its own namespace; include it"));
            }
            if node.get("namespace") == Some("") {
                return Err(
                    document.fault(node, "the namespace of an import is empty; leave the attribute out")
                );
            }
            document.sees.insert(namespace.to_owned());
            namespace.to_owned()
        };
        let Some(location) = location else {
            if include {
                return Err(document.fault(node, format!("'{}' lacks 'schemaLocation'", node.local)));
            }
            if target == XML_NAME {
                let file = XML_ATTRIBUTES.0.to_owned();
                next.push(Wanted { file, target: Some(target), include, by });
            }
            continue;
        };
        if node.local == "redefine" {
            documents.redefinitions.push((number, child));
        }
        let document = &documents.list[number];
        let file = library
            .find(&document.file, &location, &target)
            .map_err(|text| document.fault(node, format!("schema document '{location}': {text}")))?;
        next.push(Wanted { file, target: Some(target), include, by });
    }
    wanted.extend(next.into_iter().rev());
    // Last, when all that is found has been taken in.
    if let Some(at) = wanted.iter().position(|want| want.file == XML_ATTRIBUTES.0) {
        let last = wanted.remove(at);
        wanted.insert(0, last);
    }
    Ok(())
}

fn plain(file: &str, text: impl Into<String>) -> SchemaFault {
    SchemaFault { file: file.to_owned(), line: 0, column: 0, text: text.into(), unsupported: false }
}

/// The path that a relative location means beside a document, without `.` and `..`; `None` when it leads out of the
/// topmost folder.
pub fn beside(from: &str, location: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in location.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
