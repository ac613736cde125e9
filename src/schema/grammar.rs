//! What a schema document may look like: the elements of XML Schema 1.0, their attributes, their children in order.
//! It never looks at what a component means. Source: the schema for schemas, XSD 1.0 Part 1, appendix A, as a table.

use std::collections::HashSet;

use super::names::{XML_NAME, XSD_NAME};
use super::tree::Node;
use crate::xml::chars;

/// Names of children, how often at least and at most.
type Slot = (&'static [&'static str], usize, usize);

const MANY: usize = usize::MAX;
const NOTE: Slot = (&["annotation"], 0, 1);
const NESTED: &[&str] = &["element", "group", "choice", "sequence", "any"];
const ATTRIBUTES: Slot = (&["attribute", "attributeGroup"], 0, MANY);
const ANY_ATTRIBUTE: Slot = (&["anyAttribute"], 0, 1);
const MODEL: Slot = (&["group", "all", "choice", "sequence"], 0, 1);
const FACETS: &[&str] = &[
    "minExclusive",
    "minInclusive",
    "maxExclusive",
    "maxInclusive",
    "totalDigits",
    "fractionDigits",
    "length",
    "minLength",
    "maxLength",
    "enumeration",
    "whiteSpace",
    "pattern",
];
const OCCURS: [&str; 2] = ["minOccurs", "maxOccurs"];

/// The attributes of an element beside `id`, and its children; `None` when there is no such element here.
fn shape(node: &Node, parent: &str) -> Option<(Vec<&'static str>, Vec<Slot>)> {
    let top = matches!(parent, "schema" | "redefine");
    let with = |more: &[&'static str], names: &[&'static str]| [names, more].concat();
    Some(match &*node.local {
        "schema" => (
            vec![
                "targetNamespace",
                "version",
                "attributeFormDefault",
                "elementFormDefault",
                "blockDefault",
                "finalDefault",
            ],
            vec![
                (&["include", "import", "redefine", "annotation"], 0, MANY),
                (
                    &[
                        "simpleType",
                        "complexType",
                        "group",
                        "attributeGroup",
                        "element",
                        "attribute",
                        "notation",
                        "annotation",
                    ],
                    0,
                    MANY,
                ),
            ],
        ),
        "annotation" => (vec![], vec![(&["documentation", "appinfo"], 0, MANY)]),
        "documentation" => (vec!["source"], vec![]),
        "appinfo" => (vec!["source"], vec![]),
        "include" => (vec!["schemaLocation"], vec![NOTE]),
        "import" => (vec!["schemaLocation", "namespace"], vec![NOTE]),
        "redefine" => (
            vec!["schemaLocation"],
            vec![(&["annotation", "simpleType", "complexType", "group", "attributeGroup"], 0, MANY)],
        ),
        "notation" => (vec!["name", "public", "system"], vec![NOTE]),
        "element" => {
            let names: &[&str] = if top {
                &[
                    "name",
                    "type",
                    "substitutionGroup",
                    "default",
                    "fixed",
                    "nillable",
                    "abstract",
                    "final",
                    "block",
                ]
            } else {
                &[
                    "name",
                    "ref",
                    "type",
                    "default",
                    "fixed",
                    "form",
                    "nillable",
                    "block",
                    "minOccurs",
                    "maxOccurs",
                ]
            };
            (
                names.to_vec(),
                vec![NOTE, (&["simpleType", "complexType"], 0, 1), (&["key", "keyref", "unique"], 0, MANY)],
            )
        }
        "attribute" => {
            let names: &[&str] = if top {
                &["name", "type", "default", "fixed"]
            } else {
                &["name", "ref", "type", "use", "default", "fixed", "form"]
            };
            (names.to_vec(), vec![NOTE, (&["simpleType"], 0, 1)])
        }
        "attributeGroup" if top => (vec!["name"], vec![NOTE, ATTRIBUTES, ANY_ATTRIBUTE]),
        "attributeGroup" => (vec!["ref"], vec![NOTE]),
        "group" if top => (vec!["name"], vec![NOTE, (&["all", "choice", "sequence"], 1, 1)]),
        "group" => (with(&OCCURS, &["ref"]), vec![NOTE]),
        "all" => {
            let names = if parent == "group" { vec![] } else { OCCURS.to_vec() };
            (names, vec![NOTE, (&["element"], 0, MANY)])
        }
        "choice" | "sequence" => {
            let names = if parent == "group" { vec![] } else { OCCURS.to_vec() };
            (names, vec![NOTE, (NESTED, 0, MANY)])
        }
        "any" => (with(&OCCURS, &["namespace", "processContents"]), vec![NOTE]),
        "anyAttribute" => (vec!["namespace", "processContents"], vec![NOTE]),
        "complexType" => {
            let names: &[&str] =
                if top { &["name", "mixed", "abstract", "final", "block"] } else { &["mixed"] };
            let content = node.parts().next().is_some_and(|child| child.local.ends_with("Content"));
            let slots = if content {
                vec![NOTE, (&["simpleContent", "complexContent"] as &[_], 1, 1)]
            } else {
                vec![NOTE, MODEL, ATTRIBUTES, ANY_ATTRIBUTE]
            };
            (names.to_vec(), slots)
        }
        "simpleContent" => (vec![], vec![NOTE, (&["restriction", "extension"], 1, 1)]),
        "complexContent" => (vec!["mixed"], vec![NOTE, (&["restriction", "extension"], 1, 1)]),
        "extension" if parent == "simpleContent" => (vec!["base"], vec![NOTE, ATTRIBUTES, ANY_ATTRIBUTE]),
        "extension" | "restriction" if parent == "complexContent" => {
            (vec!["base"], vec![NOTE, MODEL, ATTRIBUTES, ANY_ATTRIBUTE])
        }
        "restriction" => {
            let mut slots = vec![NOTE, (&["simpleType"] as &[_], 0, 1), (FACETS, 0, MANY)];
            if parent == "simpleContent" {
                slots.extend([ATTRIBUTES, ANY_ATTRIBUTE]);
            }
            (vec!["base"], slots)
        }
        "simpleType" => {
            let names = if top { vec!["name", "final"] } else { vec![] };
            (names, vec![NOTE, (&["restriction", "list", "union"], 1, 1)])
        }
        "list" => (vec!["itemType"], vec![NOTE, (&["simpleType"], 0, 1)]),
        "union" => (vec!["memberTypes"], vec![NOTE, (&["simpleType"], 0, MANY)]),
        "key" | "unique" => (vec!["name"], vec![NOTE, (&["selector"], 1, 1), (&["field"], 1, MANY)]),
        "keyref" => (vec!["name", "refer"], vec![NOTE, (&["selector"], 1, 1), (&["field"], 1, MANY)]),
        "selector" | "field" => (vec!["xpath"], vec![NOTE]),
        "pattern" | "enumeration" => (vec!["value"], vec![NOTE]),
        facet if FACETS.contains(&facet) => (vec!["value", "fixed"], vec![NOTE]),
        _ => return None,
    })
}

/// Checks a whole document; the node that is wrong and what is wrong.
pub(super) fn check(root: &Node) -> Result<(), (&Node, String)> {
    let mut ids = HashSet::new();
    element(root, "", &mut ids)
}

fn element<'n>(node: &'n Node, parent: &str, ids: &mut HashSet<&'n str>) -> Result<(), (&'n Node, String)> {
    let name = &node.local;
    let Some((attributes, slots)) = shape(node, parent).filter(|_| node.xsd) else {
        return Err((node, format!("XML Schema 1.0 has no element '{name}' here")));
    };
    for (space, local, value) in &node.attributes {
        let known = match &**space {
            "" => {
                local == "id" && !matches!(&**name, "documentation" | "appinfo")
                    || attributes.contains(&&**local)
            }
            // Attributes of other namespaces say nothing to a validator, and the one of XML Schema has none.
            XSD_NAME => false,
            XML_NAME if local == "lang" => true,
            _ => true,
        };
        if !known {
            return Err((node, format!("'{name}' has no attribute '{local}' in XML Schema 1.0")));
        }
        if space.is_empty() && local == "id" {
            let id = value.trim_matches([' ', '\t', '\n', '\r']);
            if !chars::is_ncname(id) || !ids.insert(id) {
                return Err((
                    node,
                    "the attribute 'id' holds a name that nothing else in the document has".to_owned(),
                ));
            }
        }
    }
    if matches!(&**name, "documentation" | "appinfo") {
        return Ok(());
    }
    if node.text {
        return Err((node, format!("text stands in '{name}'")));
    }
    let mut children = node.children.iter().peekable();
    for (names, least, most) in slots {
        let mut count = 0;
        while count < most && children.next_if(|child| child.xsd && names.contains(&&*child.local)).is_some()
        {
            count += 1;
        }
        if count < least {
            return Err((node, format!("'{name}' lacks {}", names.join(" or "))));
        }
    }
    if let Some(child) = children.next() {
        return Err((child, format!("'{}' does not stand here in '{name}'", child.local)));
    }
    node.children.iter().try_for_each(|child| element(child, name, ids))
}
