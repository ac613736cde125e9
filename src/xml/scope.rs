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

/// The declarations in force, innermost last.
pub struct Scope<'a> {
    names: Vec<Cow<'a, str>>,
    numbers: HashMap<Cow<'a, str>, Namespace>,
    // A hash map instead of a walk up the elements: 64 levels of 64 declarations would make each of a million
    // prefixed names cost thousands of comparisons.
    bindings: HashMap<&'a str, Vec<Namespace>>,
    made: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    /// Begins with the two bindings every document has.
    pub fn new() -> Self {
        let mut scope =
            Scope { names: Vec::new(), numbers: HashMap::new(), bindings: HashMap::new(), made: Vec::new() };
        scope.intern(Cow::Borrowed(""));
        scope.intern(Cow::Borrowed(XMLNS));
        let xml = scope.intern(Cow::Borrowed(XML));
        scope.bindings.insert("xml", vec![xml]);
        scope
    }

    /// Says how many declarations are in force; give the number to [`Scope::back_to`] when the element ends.
    pub fn mark(&self) -> usize {
        self.made.len()
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
        self.bindings.entry(prefix).or_default().push(namespace);
        self.made.push(prefix);
        Ok(())
    }

    /// Forgets the declarations made since `mark`.
    pub fn back_to(&mut self, mark: usize) {
        for prefix in self.made.drain(mark..).rev() {
            if let Some(stack) = self.bindings.get_mut(prefix) {
                stack.pop();
            }
        }
    }

    /// Finds the namespace of `prefix`; `None` when the prefix is not bound. The empty prefix is always bound.
    pub fn find(&self, prefix: &str) -> Option<Namespace> {
        let bound = self.bindings.get(prefix).and_then(|stack| stack.last().copied());
        if prefix.is_empty() { bound.or(Some(NONE)) } else { bound }
    }

    /// Gives the name of a namespace this scope has interned; empty for none.
    pub fn name(&self, namespace: Namespace) -> &str {
        self.names.get(namespace.0 as usize).map_or("", |name| name)
    }

    /// Gives the names of all namespaces of this scope; the number of a namespace is its place.
    pub fn into_names(self) -> Vec<String> {
        self.names.into_iter().map(Cow::into_owned).collect()
    }

    fn intern(&mut self, name: Cow<'a, str>) -> Namespace {
        if let Some(&known) = self.numbers.get(&name) {
            return known;
        }
        let number = Namespace(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.clone());
        self.numbers.insert(name, number);
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
