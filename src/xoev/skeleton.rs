//! The elements that a template writes, found without filling it in: every one has to be a path that the schemas allow.
//! So a template that no longer fits tells each wrong name with the nearest valid one, not only that a document failed.

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::xoev::fault::PackageFault;
use crate::xoev::mapping::astray;
use crate::xoev::shape::{Name, Shape};

/// Parts that include each other are followed no deeper.
const DEEPEST: usize = 8;
/// How a template includes a part.
const INCLUDE: &str = "{% include \"";

/// The faults of one template; `part` gives the text of a part that it includes, `namespace` maps a namespace that it
/// writes to that of the schemas.
///
/// A template whose tags only fit together when it is filled in is left to the validation of what it writes.
pub fn check(
    file: &str,
    text: &str,
    part: &dyn Fn(&str) -> Option<String>,
    shape: &Shape,
    namespace: &dyn Fn(&str) -> String,
) -> Vec<PackageFault> {
    let plain = without_statements(&included(text, part, 0));
    let mut reader = NsReader::from_str(&plain);
    let mut open: Vec<(Name, usize)> = Vec::new();
    let mut faults = Vec::new();
    // Below an element that is wrong itself everything else is a consequence.
    let mut wrong: Option<usize> = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(plain.len());
        let Ok((space, event)) = reader.read_resolved_event() else { return Vec::new() };
        let space = match space {
            ResolveResult::Bound(space) => namespace(space.as_ref()),
            _ => String::new(),
        };
        match event {
            Event::Start(tag) => {
                let name = (space, local(&tag));
                if wrong.is_none() && !fits(file, &plain, at, shape, &open, &name, &mut faults) {
                    wrong = Some(open.len());
                }
                open.push((name, at));
            }
            Event::Empty(tag) if wrong.is_none() => {
                fits(file, &plain, at, shape, &open, &(space, local(&tag)), &mut faults);
            }
            Event::End(_) => {
                open.pop();
                if wrong.is_some_and(|depth| open.len() <= depth) {
                    wrong = None;
                }
            }
            Event::Eof => return if open.is_empty() { faults } else { Vec::new() },
            _ => {}
        }
    }
}

/// The text with its parts put in; they take no line of their own, so that the lines of the template stay.
fn included(text: &str, part: &dyn Fn(&str) -> Option<String>, depth: usize) -> String {
    let mut pieces = text.split(INCLUDE);
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('"').unwrap_or((piece, ""));
        if let Some(inner) = part(name).filter(|_| depth < DEEPEST) {
            whole.push_str(&included(&inner, part, depth + 1).replace(['\n', '\r'], " "));
        }
        whole.push_str(rest.split_once("%}").map_or("", |(_, rest)| rest));
    }
    whole
}

fn local(tag: &BytesStart<'_>) -> String {
    tag.local_name().as_ref().to_owned()
}

fn fits(
    file: &str,
    text: &str,
    at: usize,
    shape: &Shape,
    open: &[(Name, usize)],
    name: &Name,
    faults: &mut Vec<PackageFault>,
) -> bool {
    // An element that a value names is judged when a document is written.
    if name.1.is_empty() {
        return false;
    }
    // The tag begins at its bracket; what stands before it on the line is no matter.
    let line = text.get(..at).map_or(0, |before| before.matches('\n').count()) as u64 + 1;
    let Some(((root, _), above)) = open.split_first() else {
        let known = shape.root(name);
        if !known {
            let near = crate::xoev::fault::nearest(&name.1, shape.roots());
            let near = crate::xoev::mapping::did_you_mean(near);
            faults
                .push(PackageFault::of(file, format!("no such root element: {}{near}", name.1)).at(line, 0));
        }
        return known;
    };
    let path: Vec<Name> = above.iter().map(|(name, _)| name.clone()).chain([name.clone()]).collect();
    match shape.follow(root, &path) {
        Ok(_) => true,
        Err(found) => {
            let written: Vec<&str> = path.iter().map(|(_, local)| local.as_str()).collect();
            let text = astray(&written.join("/"), &name.1, &found);
            faults.push(PackageFault::of(file, text).at(line, 0));
            false
        }
    }
}

/// The text with statements and comments of the template language blanked out; lines stay where they are.
fn without_statements(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('{') {
        let (before, from) = rest.split_at(begin);
        plain.push_str(before);
        let close = match from.as_bytes().get(1) {
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            Some(b'{') => "}}",
            _ => {
                plain.push('{');
                rest = &from[1..];
                continue;
            }
        };
        let Some(end) = from.find(close).map(|end| end + close.len()) else { break };
        plain.extend(from[..end].chars().filter(|c| *c == '\n'));
        rest = &from[end..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_leave_only_their_lines() {
        assert_eq!(
            without_statements("{# a\nb #}<a b=\"{{ x }}\">{% if y %}{c}\n</a>"),
            "\n<a b=\"\">{c}\n</a>"
        );
        assert_eq!(without_statements("{{ open"), "{{ open");
    }

    #[test]
    fn parts_take_no_line() {
        let part = |name: &str| (name == "_p.xml").then(|| "<b>\n</b>".to_owned());
        assert_eq!(included("<a>{% include \"_p.xml\" %}\n</a>", &part, 0), "<a><b> </b>\n</a>");
        assert_eq!(included("<a>{% include \"_q.xml\" %}</a>", &part, 0), "<a></a>");
        let endless = |_: &str| Some("x{% include \"_p.xml\" %}".to_owned());
        assert_eq!(included("{% include \"_p.xml\" %}", &endless, 0), "x".repeat(DEEPEST));
    }
}
