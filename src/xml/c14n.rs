//! Canonical XML 1.0, inclusive (W3C, 15 March 2001) and exclusive (18 July 2002), with or without comments, of an element
//! and all that it holds, in the context of its document.
//! It never canonicalises what did not pass the gate, and never leaves out a part of the element.

use std::collections::{BTreeMap, HashMap};

use super::scope::XML;
use super::tree::{Child, Element};

/// Which canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Whether comments are part of it.
    pub comments: bool,
    /// Exclusive: only what is used is declared, and what these prefixes stand for (empty for the default namespace).
    pub exclusive: Option<Vec<String>>,
    /// How a library writes that does it in its own way.
    pub way: Way,
}

/// Deviations of libraries in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// As the standard has it.
    #[default]
    Standard,
    /// Without the declarations that are in force at the element itself (EncryptedData that OSCI's libraries sign).
    Bare,
    /// With `>` in values of attributes written as a reference (OSCI's libraries).
    Greater,
}

impl Form {
    /// Inclusive, without comments.
    pub fn inclusive() -> Form {
        Form::default()
    }

    /// The same form in a library's way.
    pub fn in_way(&self, way: Way) -> Form {
        Form { way, ..self.clone() }
    }
}

/// The canonical form of an element as octets.
pub fn canonical(element: Element<'_>, form: &Form) -> Vec<u8> {
    let mut octets = Vec::new();
    write(element, form, &mut |piece| octets.extend_from_slice(piece));
    octets
}

/// Hands the canonical form of an element to `to`, piece by piece.
pub fn write(element: Element<'_>, form: &Form, to: &mut dyn FnMut(&[u8])) {
    let mut writer = Writer { form, to, in_force: Bindings::default(), rendered: Bindings::default() };
    let mut above: Vec<Element<'_>> = element.ancestors().collect();
    above.reverse();
    for outer in &above {
        for (prefix, name) in outer.declarations() {
            writer.in_force.bind(prefix, name);
        }
    }
    if form.way == Way::Bare {
        for (prefix, name) in above.iter().chain([&element]).flat_map(|outer| outer.declarations()) {
            writer.rendered.bind(prefix, name);
        }
    }
    // Inclusive: attributes like xml:lang hold for what stands below them (C14N 1.0, 2.4).
    let mut inherited = BTreeMap::new();
    if form.exclusive.is_none() && form.way != Way::Bare {
        for attribute in
            above.iter().flat_map(|outer| outer.attributes()).filter(|found| found.namespace == XML)
        {
            inherited.insert(attribute.qname, attribute.value);
        }
    }
    writer.element(element, inherited, true);
}

/// Which namespace a prefix stands for, innermost last.
#[derive(Default)]
struct Bindings<'t> {
    stacks: HashMap<&'t str, Vec<&'t str>>,
    made: Vec<&'t str>,
}

impl<'t> Bindings<'t> {
    fn bind(&mut self, prefix: &'t str, name: &'t str) {
        self.stacks.entry(prefix).or_default().push(name);
        self.made.push(prefix);
    }

    fn find(&self, prefix: &str) -> &'t str {
        self.stacks.get(prefix).and_then(|stack| stack.last()).copied().unwrap_or("")
    }

    fn back_to(&mut self, mark: usize) {
        for prefix in self.made.drain(mark..).rev() {
            if let Some(stack) = self.stacks.get_mut(prefix) {
                stack.pop();
            }
        }
    }
}

struct Writer<'t, 'w> {
    form: &'w Form,
    to: &'w mut dyn FnMut(&[u8]),
    in_force: Bindings<'t>,
    rendered: Bindings<'t>,
}

impl<'t> Writer<'t, '_> {
    // Calls itself; the gate bounds the depth.
    fn element(&mut self, element: Element<'t>, inherited: BTreeMap<&'t str, &'t str>, apex: bool) {
        let marks = (self.in_force.made.len(), self.rendered.made.len());
        for (prefix, name) in element.declarations() {
            self.in_force.bind(prefix, name);
        }
        self.put("<");
        self.put(element.qname());
        for (prefix, name) in self.to_declare(element, apex) {
            self.put(" xmlns");
            if !prefix.is_empty() {
                self.put(":");
                self.put(prefix);
            }
            self.put("=\"");
            self.value(name);
            self.put("\"");
            self.rendered.bind(prefix, name);
        }
        self.attributes(element, inherited);
        self.put(">");
        for child in element.nodes() {
            match child {
                Child::Element(inner) => self.element(inner, BTreeMap::new(), false),
                Child::Text(text) => self.text(text),
                Child::Comment(text) if self.form.comments => {
                    self.put("<!--");
                    self.put(text);
                    self.put("-->");
                }
                Child::Comment(_) => {}
                Child::Instruction(target, content) => {
                    self.put("<?");
                    self.put(target);
                    if !content.is_empty() {
                        self.put(" ");
                        self.put(content);
                    }
                    self.put("?>");
                }
            }
        }
        self.put("</");
        self.put(element.qname());
        self.put(">");
        self.in_force.back_to(marks.0);
        self.rendered.back_to(marks.1);
    }

    /// What this element has to declare, sorted by prefix.
    fn to_declare(&self, element: Element<'t>, apex: bool) -> Vec<(&'t str, &'t str)> {
        let mut prefixes: Vec<&'t str> = match &self.form.exclusive {
            None if apex => self.in_force.stacks.keys().copied().collect(),
            None => element.declarations().map(|(prefix, _)| prefix).collect(),
            Some(inclusive) => {
                let used = std::iter::once(element.prefix())
                    .chain(element.attributes().filter_map(|found| Some(found.qname.split_once(':')?.0)));
                let candidates = self.in_force.stacks.keys().copied();
                used.chain(candidates.filter(|prefix| inclusive.iter().any(|named| named == prefix)))
                    .collect()
            }
        };
        prefixes.sort_unstable();
        prefixes.dedup();
        let declared = prefixes.into_iter().filter(|prefix| *prefix != "xml");
        let declared = declared.map(|prefix| (prefix, self.in_force.find(prefix)));
        declared.filter(|(prefix, name)| self.rendered.find(prefix) != *name).collect()
    }

    fn attributes(&mut self, element: Element<'t>, mut inherited: BTreeMap<&'t str, &'t str>) {
        let mut attributes: Vec<(&str, &str, &str)> = Vec::new();
        for attribute in element.attributes() {
            if attribute.namespace == XML {
                inherited.remove(attribute.qname);
            }
            let local = attribute.qname.split_once(':').map_or(attribute.qname, |(_, local)| local);
            attributes.push((attribute.namespace, local, attribute.qname));
        }
        let own: HashMap<&str, &str> =
            element.attributes().map(|attribute| (attribute.qname, attribute.value)).collect();
        for qname in inherited.keys() {
            attributes.push((XML, qname.split_once(':').map_or(*qname, |(_, local)| local), qname));
        }
        attributes.sort_unstable();
        for (_, _, qname) in attributes {
            let value = own.get(qname).or_else(|| inherited.get(qname)).copied().unwrap_or_default();
            self.put(" ");
            self.put(qname);
            self.put("=\"");
            self.value(value);
            self.put("\"");
        }
    }

    fn text(&mut self, text: &str) {
        self.escaped(text, |octet| match octet {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' => Some("&gt;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }

    fn value(&mut self, text: &str) {
        let greater = self.form.way == Way::Greater;
        self.escaped(text, |octet| match octet {
            b'&' => Some("&amp;"),
            b'<' => Some("&lt;"),
            b'>' if greater => Some("&gt;"),
            b'"' => Some("&quot;"),
            b'\t' => Some("&#x9;"),
            b'\n' => Some("&#xA;"),
            b'\r' => Some("&#xD;"),
            _ => None,
        });
    }

    fn escaped(&mut self, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
        let mut from = 0;
        for (at, octet) in text.bytes().enumerate() {
            if let Some(replacement) = replacement(octet) {
                self.put(&text[from..at]);
                self.put(replacement);
                from = at + 1;
            }
        }
        self.put(&text[from..]);
    }

    fn put(&mut self, text: &str) {
        (self.to)(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::limits::Limits;
    use crate::xml::tree::Tree;
    use bytes::Bytes;

    fn tree(text: &str) -> Tree {
        Tree::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).unwrap()
    }

    fn form(element: Element<'_>, form: &Form) -> String {
        String::from_utf8(canonical(element, form)).unwrap()
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        // C14N 1.0, 3.3 (start and end tags) and 3.4 (character modifications), without the document type.
        let three = tree(
            "<doc>\n   <e1   />\n   <e2   ></e2>\n   <e3   name = \"elem3\"   id=\"elem3\"   />\n   <e5 a:attr=\"out\" b:attr=\"sorted\" \
             attr2=\"all\" attr=\"I'm\"\n      xmlns:b=\"http://www.ietf.org\"\n      xmlns:a=\"http://www.w3.org\"\n      \
             xmlns=\"http://example.org\"/>\n   <e6 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n      <e7 \
             xmlns=\"http://www.ietf.org\">\n         <e8 xmlns=\"\" xmlns:a=\"http://www.w3.org\">\n            <e9 xmlns=\"\" \
             xmlns:a=\"http://www.ietf.org\"/>\n         </e8>\n      </e7>\n   </e6>\n</doc>",
        );
        assert_eq!(
            form(three.root(), &Form::inclusive()),
            "<doc>\n   <e1></e1>\n   <e2></e2>\n   <e3 id=\"elem3\" name=\"elem3\"></e3>\n   <e5 xmlns=\"http://example.org\" \
             xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" \
             a:attr=\"out\"></e5>\n   <e6 xmlns:a=\"http://www.w3.org\">\n      <e7 xmlns=\"http://www.ietf.org\">\n         <e8 \
             xmlns=\"\">\n            <e9 xmlns:a=\"http://www.ietf.org\"></e9>\n         </e8>\n      </e7>\n   </e6>\n</doc>"
        );
        let four = tree(
            "<doc>\n   <text>First line&#x0d;&#10;Second line</text>\n   <value>&#x32;</value>\n   \
             <compute><![CDATA[value>\"0\" && value<\"10\" ?\"valid\":\"error\"]]></compute>\n   <compute \
             expr='value>\"0\" &amp;&amp; value&lt;\"10\" ?\"valid\":\"error\"'>valid</compute>\n   <norm attr=' &apos;   \
             &#x20;&#13;&#xa;&#9;   &apos; '/>\n</doc>",
        );
        assert_eq!(
            form(four.root(), &Form::inclusive()),
            "<doc>\n   <text>First line&#xD;\nSecond line</text>\n   <value>2</value>\n   <compute>value&gt;\"0\" &amp;&amp; \
             value&lt;\"10\" ?\"valid\":\"error\"</compute>\n   <compute expr=\"value>&quot;0&quot; &amp;&amp; \
             value&lt;&quot;10&quot; ?&quot;valid&quot;:&quot;error&quot;\">valid</compute>\n   <norm attr=\" '    \
             &#xD;&#xA;&#x9;   ' \"></norm>\n</doc>"
        );
    }

    #[test]
    fn an_element_is_written_in_its_context() {
        let tree = tree(
            "<a xmlns:z='urn:z' xmlns:b='urn:b' xml:lang='de' xmlns='urn:d'><b:c xml:space='preserve' xmlns:b='urn:b'>\
             <!--x--><?p  q ?><d xmlns='' b:y='>'/></b:c></a>",
        );
        let c = tree.root().children().next().unwrap();
        assert_eq!(
            form(c, &Form::inclusive()),
            "<b:c xmlns=\"urn:d\" xmlns:b=\"urn:b\" xmlns:z=\"urn:z\" xml:lang=\"de\" xml:space=\"preserve\"><?p q ?>\
             <d xmlns=\"\" b:y=\">\"></d></b:c>"
        );
        assert_eq!(
            form(c, &Form { comments: true, exclusive: Some(vec![]), way: Way::Standard }),
            "<b:c xmlns:b=\"urn:b\" xml:space=\"preserve\"><!--x--><?p q ?><d b:y=\">\"></d></b:c>"
        );
        assert_eq!(
            form(c, &Form { comments: false, exclusive: Some(vec!["z".into()]), way: Way::Standard }),
            "<b:c xmlns:b=\"urn:b\" xmlns:z=\"urn:z\" xml:space=\"preserve\"><?p q ?><d b:y=\">\"></d></b:c>"
        );
        assert_eq!(
            form(c, &Form::inclusive().in_way(Way::Bare)),
            "<b:c xml:space=\"preserve\"><?p q ?><d xmlns=\"\" b:y=\">\"></d></b:c>"
        );
        let d = c.children().next().unwrap();
        assert_eq!(
            form(d, &Form::inclusive().in_way(Way::Greater)),
            "<d xmlns:b=\"urn:b\" xmlns:z=\"urn:z\" xml:lang=\"de\" xml:space=\"preserve\" b:y=\"&gt;\"></d>"
        );
    }
}
