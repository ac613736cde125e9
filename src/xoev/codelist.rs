//! Code lists: reads genericode and tells whether a list, a version and a code are known.
//! Opens no file itself and never says which code it was asked about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::rejection::Fault;

/// Namespace of genericode 1.0.
const GENERICODE: &str = "http://docs.oasis-open.org/codelist/ns/genericode/1.0/";

/// One version of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeList {
    /// Kennung of the list.
    pub uri: String,
    /// Its version.
    pub version: String,
    /// Its codes.
    pub codes: BTreeSet<String>,
}

impl CodeList {
    /// Reads a genericode document; the codes stand in the column that the key names, else in the first column.
    pub fn read(text: &str) -> Result<CodeList, String> {
        let mut reader = NsReader::from_str(text);
        let (mut uri, mut version, mut key) = (String::new(), String::new(), None);
        let mut codes = BTreeSet::new();
        let mut open: Vec<String> = Vec::new();
        let mut column = String::new();
        let mut first_column = None;
        let mut value = String::new();
        loop {
            let (namespace, event) =
                reader.read_resolved_event().map_err(|_| "not well-formed genericode".to_owned())?;
            // Only CodeList itself is qualified in genericode.
            let ours = match namespace {
                ResolveResult::Bound(namespace) => namespace.as_ref() == GENERICODE,
                _ => true,
            };
            match event {
                Event::Start(tag) | Event::Empty(tag) if !ours => {
                    return Err(format!("foreign element in genericode: {}", tag.local_name().as_ref()));
                }
                Event::Empty(tag) => {
                    if tag.local_name().as_ref() == "ColumnRef" && key.is_none() {
                        key = attribute(&tag, "Ref");
                    }
                    if tag.local_name().as_ref() == "Column" && first_column.is_none() {
                        first_column = attribute(&tag, "Id");
                    }
                }
                Event::Start(tag) => {
                    let local = tag.local_name().as_ref().to_owned();
                    match local.as_str() {
                        "Value" => column = attribute(&tag, "ColumnRef").unwrap_or_default(),
                        "Column" if first_column.is_none() => first_column = attribute(&tag, "Id"),
                        _ => {}
                    }
                    value.clear();
                    open.push(local);
                }
                Event::Text(text) => {
                    value.push_str(&text);
                }
                Event::End(_) => {
                    match open.pop().as_deref() {
                        Some("CanonicalUri") => value.trim().clone_into(&mut uri),
                        Some("Version") => value.trim().clone_into(&mut version),
                        Some("SimpleValue") => {
                            let wanted = key.as_ref().or(first_column.as_ref());
                            if wanted.is_none_or(|wanted| *wanted == column) {
                                codes.insert(value.trim().to_owned());
                            }
                        }
                        _ => {}
                    }
                    value.clear();
                }
                Event::Eof => break,
                _ => {}
            }
        }
        if uri.is_empty() || version.is_empty() || codes.is_empty() {
            return Err("code list without CanonicalUri, Version or codes".to_owned());
        }
        Ok(CodeList { uri, version, codes })
    }
}

fn attribute(tag: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag.try_get_attribute(name).ok().flatten()?;
    Some(attribute.value.into_owned())
}

/// All lists of a package.
#[derive(Debug, Default)]
pub struct CodeLists {
    held: HashMap<String, BTreeMap<String, BTreeSet<String>>>,
    open: BTreeSet<String>,
}

impl CodeLists {
    /// The lists that are held, and those of which any code is taken.
    pub fn new(held: Vec<CodeList>, open: Vec<String>) -> CodeLists {
        let mut lists: HashMap<String, BTreeMap<String, BTreeSet<String>>> = HashMap::new();
        for list in held {
            lists.entry(list.uri).or_default().insert(list.version, list.codes);
        }
        CodeLists { held: lists, open: open.into_iter().collect() }
    }

    /// What is wrong with a code, if anything.
    pub fn judge(&self, uri: &str, version: &str, code: &str) -> Option<Fault> {
        match self.held.get(uri) {
            Some(versions) => match versions.get(version) {
                None => Some(Fault::CodeList),
                Some(codes) => (!codes.contains(code)).then_some(Fault::Code),
            },
            None => (!self.open.contains(uri)).then_some(Fault::CodeList),
        }
    }

    /// The lists that are held, with their versions and codes.
    pub fn held(&self) -> &HashMap<String, BTreeMap<String, BTreeSet<String>>> {
        &self.held
    }
}

/// Our sentence for a fault that [`CodeLists::judge`] found.
pub fn sentence(fault: Fault) -> &'static str {
    match fault {
        Fault::CodeList => "Die Codeliste oder ihre Version ist nicht bekannt.",
        _ => "Der Code steht nicht in der genannten Version der Codeliste.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
        <Identification><ShortName>x</ShortName><Version>3</Version><CanonicalUri>urn:x</CanonicalUri></Identification>
        <ColumnSet><Column Id="name"/><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
        <SimpleCodeList><Row><Value ColumnRef="name"><SimpleValue>E-Mail</SimpleValue></Value>
        <Value ColumnRef="code"><SimpleValue>01</SimpleValue></Value></Row></SimpleCodeList></gc:CodeList>"#;

    #[test]
    fn lists_versions_and_codes_are_judged() {
        let list = CodeList::read(LIST).unwrap();
        assert_eq!((list.uri.as_str(), list.version.as_str(), list.codes.len()), ("urn:x", "3", 1));
        let lists = CodeLists::new(vec![list], vec!["urn:open".into()]);
        assert_eq!(lists.judge("urn:x", "3", "01"), None);
        assert_eq!(lists.judge("urn:x", "3", "02"), Some(Fault::Code));
        assert_eq!(lists.judge("urn:x", "2", "01"), Some(Fault::CodeList));
        assert_eq!(lists.judge("urn:y", "3", "01"), Some(Fault::CodeList));
        assert_eq!(lists.judge("urn:open", "9", "zz"), None);
    }

    #[test]
    fn what_is_no_code_list_is_refused() {
        assert!(CodeList::read("<x/>").is_err());
        assert!(CodeList::read("<x").is_err());
        assert!(CodeList::read(r#"<a xmlns="urn:other"><b/></a>"#).unwrap_err().contains("foreign"));
    }
}
