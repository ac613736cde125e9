//! What the root of a message leaves unsaid: version and mark of a test, where a standard has them inside of the document. Found by one
//! look at a document that the gate let through; keeps nothing of it and knows no standard.

use crate::register::once::once;
use crate::xml::gate::Document;
use crate::xml::scope::Scope;
use crate::xml::tag;
use crate::xml::walk::{Start, Watch};
use crate::xoev::fault::PackageFault;
use crate::xoev::manifest::WithinText;
use crate::xoev::mapping::Paths;
use crate::xoev::shape::Name;

/// Where a document says its version, and by what texts it says that it is a test.
#[derive(Debug, PartialEq, Eq)]
pub struct Within {
    /// Below the root; the first element of this path counts.
    version_at: Vec<Name>,
    attribute: String,
    /// A text at one of these paths that is one of these marks a test.
    tests: Vec<(Vec<Name>, Vec<String>)>,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The version as written.
    pub version: Option<String>,
    /// Whether it says that it is a test.
    pub test: bool,
}

impl Within {
    /// Reads where it stands; every path is one that the schemas allow below one of these roots.
    pub fn read(text: &WithinText, paths: &Paths<'_>, roots: &[Name]) -> Result<Within, Vec<PackageFault>> {
        let mut faults = Vec::new();
        let mut resolve = |path| {
            let mut found = Vec::new();
            let mut wrong = None;
            for root in roots {
                match paths.resolve(root, &[], path) {
                    Ok(resolved) => found.extend(resolved.into_iter().map(|one| one.path)),
                    Err(fault) => wrong = Some(fault),
                }
            }
            faults.extend(wrong.filter(|_| found.is_empty()));
            once(found)
        };
        let version_at = resolve(&text.version.at).into_iter().next().unwrap_or_default();
        let mut tests = Vec::new();
        for mark in &text.test {
            tests.extend(resolve(&mark.at).into_iter().map(|path| (path, mark.is.clone())));
        }
        let attribute = text.version.attribute.clone();
        if faults.is_empty() { Ok(Within { version_at, attribute, tests }) } else { Err(faults) }
    }

    /// Looks at a document.
    pub fn look(&self, document: &Document) -> Said {
        let mut look = Look { within: self, open: Vec::new(), text: String::new(), said: Said::default() };
        document.show(&mut look);
        look.said
    }
}

struct Look<'w> {
    within: &'w Within,
    /// The open elements below the root as far as any path leads: by their depth, the names.
    open: Vec<Option<Name>>,
    text: String,
    said: Said,
}

impl Look<'_> {
    /// Whether the open element is that of a path.
    fn at(&self, path: &[Name]) -> bool {
        // The root is the first of the open ones.
        self.open.len() == path.len() + 1
            && self.open.iter().skip(1).zip(path).all(|(open, name)| open.as_ref() == Some(name))
    }
}

impl<'a> Watch<'a> for Look<'_> {
    fn start(&mut self, start: &Start<'_, 'a>) {
        let step = self.open.len().checked_sub(1);
        let paths = || {
            let tests = self.within.tests.iter().map(|(path, _)| path);
            tests.chain([&self.within.version_at])
        };
        let namespace = start.scope.name(start.namespace);
        let known = step.and_then(|step| {
            paths()
                .filter_map(|path| path.get(step))
                .find(|name| name.1 == start.local && name.0 == namespace)
        });
        self.open.push(known.cloned());
        self.text.clear();
        if self.said.version.is_none() && self.at(&self.within.version_at) {
            let found = start.attributes.iter().find(|attribute| attribute.name == self.within.attribute);
            self.said.version = found.map(|found| tag::normalised(found.raw).into_owned());
        }
    }

    fn text(&mut self, text: &'a str, _: bool) {
        if matches!(self.open.last(), Some(Some(_))) {
            self.text.push_str(text);
        }
    }

    fn reference(&mut self, character: char) {
        self.text.push(character);
    }

    fn end(&mut self, _: &Scope<'a>) {
        let text = self.text.trim();
        let marks =
            |(path, is): &(Vec<Name>, Vec<String>)| is.iter().any(|mark| mark == text) && self.at(path);
        if !self.said.test && self.within.tests.iter().any(marks) {
            self.said.test = true;
        }
        self.open.pop();
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::gate;
    use crate::xml::limits::Limits;

    fn within() -> Within {
        let name = |local: &str| ("urn:a".to_owned(), local.to_owned());
        Within {
            version_at: vec![name("kopf")],
            attribute: "v".to_owned(),
            tests: vec![(vec![name("kopf"), name("von"), name("gericht")], vec!["9H".to_owned()])],
        }
    }

    fn said(text: &str) -> Said {
        let document = gate::pass(text.to_owned().into(), &Limits::default()).unwrap();
        within().look(&document)
    }

    #[test]
    fn version_and_mark_are_found_where_they_stand_and_nowhere_else() {
        let whole = |kopf: &str| said(&format!("<r xmlns='urn:a' v='0'>{kopf}</r>"));
        let found = whole("<kopf v=' 3.6 '><von><gericht> 9&#72; </gericht></von></kopf><kopf v='4'/>");
        assert_eq!(found, Said { version: Some(" 3.6 ".to_owned()), test: true });
        for other in [
            "<kopf v='1'><von><gericht>9H1</gericht></von></kopf>",
            "<kopf v='1'><gericht>9H</gericht></kopf>",
            "<kopf v='1'><von><x><gericht>9H</gericht></x></von></kopf>",
            "<kopf v='1'><von><gericht xmlns='urn:b'>9H</gericht></von></kopf>",
            "<x><von><gericht>9H</gericht></von></x><kopf v='1'/>",
        ] {
            assert_eq!(whole(other), Said { version: Some("1".to_owned()), test: false }, "{other}");
        }
        for without in
            ["<x><kopf v='1'/></x>", "<kopf xmlns='' v='1'/>", "<kopf/>", "<kopf xmlns:a='urn:a' a:v='1'/>"]
        {
            assert_eq!(whole(without), Said::default(), "{without}");
        }
    }
}
