//! Which namespace a prefix stands for at one place of a document, with constant cost per question.
//! It never reads markup and never keeps a declaration beyond the element that made it.

use std::borrow::Cow;
use std::collections::HashMap;

/// The namespace of the prefix `xml`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of namespace declarations.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace, interned for one document; equal numbers mean equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namespace(u32);

impl Namespace {
    /// Its place among the names of its scope.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// No namespace.
pub const NONE: Namespace = Namespace(0);
/// The namespace of declarations, [`XMLNS`].
pub const DECLARATIONS: Namespace = Namespace(1);

/// So many are looked through one by one, which is faster than any table; beyond them an index is kept, because 64 levels of
/// 64 declarations would make each of a million prefixed names cost thousands of comparisons.
const FEW: usize = 24;

/// The declarations in force, innermost last.
pub struct Scope<'a> {
    names: Vec<Cow<'a, str>>,
    /// The names by their text; empty while there are few.
    numbers: HashMap<Cow<'a, str>, Namespace>,
    bindings: Vec<(&'a str, Namespace)>,
    /// The bindings of each prefix, innermost last; empty while there are few.
    index: HashMap<&'a str, Vec<Namespace>>,
}

impl<'a> Scope<'a> {
    /// Begins with the two bindings every document has.
    pub fn new() -> Self {
        let mut scope = Scope {
            names: Vec::with_capacity(8),
            numbers: HashMap::new(),
            bindings: Vec::with_capacity(8),
            index: HashMap::new(),
        };
        let none = scope.intern(Cow::Borrowed(""));
        scope.intern(Cow::Borrowed(XMLNS));
        let xml = scope.intern(Cow::Borrowed(XML));
        scope.bindings.extend([("", none), ("xml", xml)]);
        scope
    }

    /// Says how many declarations are in force; give the number to [`Scope::back_to`] when the element ends.
    pub fn mark(&self) -> usize {
        self.bindings.len()
    }

    /// Binds `prefix` (empty for the default namespace) to `name`; answers our words for the fault when
    /// Namespaces in XML 1.0 forbids the binding.
    pub fn declare(&mut self, prefix: &'a str, name: Cow<'a, str>) -> Result<(), &'static str> {
        match prefix {
            "xmlns" => return Err("the prefix xmlns is declared"),
            "xml" if name != XML => return Err("the prefix xml is bound to another namespace"),
            "xml" => return Ok(()),
            _ if name == XML || name == XMLNS => {
                return Err("a reserved namespace is bound to another prefix");
            }
            "" => {}
            _ if name.is_empty() => return Err("a prefix is bound to no namespace"),
            _ => {}
        }
        let namespace = self.intern(name);
        self.bindings.push((prefix, namespace));
        if self.bindings.len() > FEW {
            // The first beyond the few takes them all in.
            let first = if self.index.is_empty() { 0 } else { self.bindings.len() - 1 };
            for (prefix, namespace) in &self.bindings[first..] {
                self.index.entry(prefix).or_default().push(*namespace);
            }
        }
        Ok(())
    }

    /// Forgets the declarations made since `mark`.
    pub fn back_to(&mut self, mark: usize) {
        if mark <= FEW {
            self.index.clear();
            self.bindings.truncate(mark);
        }
        while self.bindings.len() > mark {
            if let Some((prefix, _)) = self.bindings.pop()
                && let Some(all) = self.index.get_mut(prefix)
            {
                all.pop();
            }
        }
    }

    /// Finds the namespace of `prefix`; `None` when the prefix is not bound. The empty prefix is always bound.
    pub fn find(&self, prefix: &str) -> Option<Namespace> {
        if self.index.is_empty() {
            let found = self.bindings.iter().rev().find(|(known, _)| *known == prefix);
            return found.map(|(_, namespace)| *namespace);
        }
        self.index.get(prefix).and_then(|all| all.last()).copied()
    }

    /// Gives the name of a namespace this scope has interned; empty for none.
    pub fn name(&self, namespace: Namespace) -> &str {
        self.names.get(namespace.0 as usize).map_or("", |name| name)
    }

    /// The names of all namespaces that were ever in force; the number of a namespace is its place.
    pub fn names(&self) -> &[Cow<'a, str>] {
        &self.names
    }

    /// All bindings in force, the innermost of a prefix last.
    pub fn bindings(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.bindings.iter().map(|(prefix, namespace)| (*prefix, self.name(*namespace)))
    }

    /// Gives the names of all namespaces of this scope; the number of a namespace is its place.
    pub fn into_names(self) -> Vec<String> {
        self.names.into_iter().map(Cow::into_owned).collect()
    }

    fn intern(&mut self, name: Cow<'a, str>) -> Namespace {
        let known = match self.numbers.is_empty() {
            true => {
                let place = self.names.iter().position(|known| *known == name);
                place.map(|place| Namespace(u32::try_from(place).unwrap_or(u32::MAX)))
            }
            false => self.numbers.get(&name).copied(),
        };
        if let Some(known) = known {
            return known;
        }
        let number = Namespace(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name);
        if self.names.len() > FEW {
            let first = if self.numbers.is_empty() { 0 } else { self.names.len() - 1 };
            for (place, name) in self.names.iter().enumerate().skip(first) {
                let number = Namespace(u32::try_from(place).unwrap_or(u32::MAX));
                self.numbers.insert(name.clone(), number);
            }
        }
        number
    }
}

impl Default for Scope<'_> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_declarations_hide_outer_ones_until_their_element_ends() {
        let mut scope = Scope::new();
        assert_eq!(scope.find(""), Some(NONE));
        assert_eq!(scope.find("p"), None);
        scope.declare("p", "urn:a".into()).unwrap();
        let mark = scope.mark();
        scope.declare("p", "urn:b".into()).unwrap();
        scope.declare("", "urn:a".into()).unwrap();
        assert_eq!(scope.name(scope.find("p").unwrap()), "urn:b");
        let inner = scope.find("").unwrap();
        scope.back_to(mark);
        assert_eq!(scope.find("p"), Some(inner));
        assert_eq!(scope.find(""), Some(NONE));
    }

    #[test]
    fn many_are_found_as_few_are() {
        let prefixes: Vec<String> = (0..40).map(|at| format!("p{}", at % 30)).collect();
        let mut scope = Scope::new();
        for (at, prefix) in prefixes.iter().enumerate() {
            scope.declare(prefix, Cow::Owned(format!("urn:{at}"))).unwrap();
            let name = |prefix: &str| scope.find(prefix).map(|found| scope.name(found).to_owned());
            assert_eq!(name(prefix), Some(format!("urn:{at}")));
            assert_eq!(name("p0").as_deref(), Some(if at < 30 { "urn:0" } else { "urn:30" }));
            assert_eq!(scope.bindings().count(), at + 3);
        }
        let name = |scope: &Scope<'_>, prefix: &str| {
            scope.find(prefix).map(|found| scope.name(found).to_owned()).unwrap_or_default()
        };
        assert_eq!((name(&scope, "p9"), name(&scope, "")), ("urn:39".to_owned(), String::new()));
        scope.back_to(36);
        assert_eq!((&*name(&scope, "p9"), &*name(&scope, "p3")), ("urn:9", "urn:33"));
        scope.back_to(5);
        assert_eq!((&*name(&scope, "p9"), &*name(&scope, "p2"), &*name(&scope, "xml")), ("", "urn:2", XML));
        // One name is one namespace, whatever was there meanwhile.
        let before = scope.find("p2");
        scope.declare("q", "urn:2".into()).unwrap();
        assert_eq!(scope.find("q"), before);
    }

    #[test]
    fn reserved_bindings_are_refused() {
        let mut scope = Scope::new();
        assert!(scope.declare("xml", XML.into()).is_ok());
        for (prefix, name) in
            [("xml", "urn:a"), ("xmlns", XMLNS), ("p", XML), ("", XML), ("p", XMLNS), ("p", "")]
        {
            assert!(scope.declare(prefix, name.into()).is_err(), "{prefix}={name}");
        }
        assert!(scope.declare("", "".into()).is_ok());
    }
}
