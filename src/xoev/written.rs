//! How what we write is checked: the shape of a template, everything in it but its values, is judged by the schema once, and
//! from then on only what can be wrong, the values. Whoever renders says where values stand; where one could change the
//! shape, the whole document is judged each time. Keeps no value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use crate::schema::checked::{Checked, TextType};
use crate::schema::tables::Schema;
use crate::xml::tag::{self, Tag};
use crate::xml::{chars, walk};

/// Shapes that are kept of one package; what is shaped otherwise is judged whole.
const MOST: usize = 512;
/// Longest shape that is kept, octets.
const LONGEST: usize = 64 << 10;

/// What a template made.
#[derive(Debug, Default)]
pub struct Rendered {
    /// The document.
    pub text: String,
    /// Where values stand in it, in order.
    pub values: Vec<Range<usize>>,
    /// What the document is without them: its text with a mark in the place of each, or the ways that were taken through its template,
    /// from which just that follows.
    pub shape: Vec<u8>,
}

/// Shapes that were found valid; without a [`Shape`] where it has to be judged whole each time.
type Found = HashMap<Box<[u8]>, Option<Arc<Shape>>>;

/// The shapes of a package that were found valid.
#[derive(Debug, Default)]
pub struct Shapes(RwLock<Found>);

/// What is known of a document by its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its shape was found valid, and all its values are valid, too.
    Valid,
    /// Its shape is known, and it has to be judged whole.
    Whole,
    /// Nothing yet.
    New,
}

/// What has to be looked at in a document of a valid shape.
#[derive(Debug)]
struct Shape(Vec<Unit>);

/// A text that a type judges: of an element or an attribute.
#[derive(Debug)]
struct Unit {
    of: TextType,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    Text(Box<str>),
    /// The number of a value.
    Value(usize),
}

impl Shapes {
    /// What is known of a document.
    pub fn held(&self, schema: &Schema, rendered: &Rendered) -> Held {
        let (known, full) = {
            let shapes = self.0.read().unwrap_or_else(PoisonError::into_inner);
            (shapes.get(&*rendered.shape).cloned(), shapes.len() >= MOST)
        };
        match known {
            // It would not be kept, so nothing has to be taken down.
            None if full || rendered.shape.len() > LONGEST => Held::Whole,
            None => Held::New,
            Some(Some(shape)) if shape.0.iter().all(|unit| unit.holds(schema, rendered)) => Held::Valid,
            Some(_) => Held::Whole,
        }
    }

    /// Takes in the shape of a document that was judged valid, with what was checked in it.
    pub fn learn(&self, rendered: Rendered, checked: &[Checked]) {
        let shape = Shape::of(&rendered, checked).map(Arc::new);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert(rendered.shape.into(), shape);
        }
    }
}

impl Unit {
    fn holds(&self, schema: &Schema, rendered: &Rendered) -> bool {
        let value = |number: &usize| {
            let range = rendered.values.get(*number).cloned().unwrap_or_default();
            decoded(&rendered.text[range])
        };
        if let [Piece::Value(number)] = &*self.pieces {
            return schema.takes(self.of, &value(number));
        }
        let whole: String = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Cow::Borrowed(&**text),
                Piece::Value(number) => value(number),
            })
            .collect();
        schema.takes(self.of, &whole)
    }
}

impl Shape {
    /// `None` where a value stands at a place that is no text judged by itself.
    fn of(rendered: &Rendered, checked: &[Checked]) -> Option<Shape> {
        let Rendered { text, values, .. } = rendered;
        // Where comments or CDATA sections could hide a tag nobody guesses.
        if text.contains("<!") {
            return None;
        }
        let mut units: Vec<Unit> = Vec::new();
        let mut number = 0;
        while let Some(value) = values.get(number) {
            let Place { offset, attribute, raw } = place(text, value)?;
            let found = checked.iter().find(|one| one.offset == offset && one.attribute == attribute)?;
            if !found.alone {
                return None;
            }
            let mut pieces = Vec::new();
            let mut at = raw.start;
            while let Some(value) = values.get(number).filter(|value| value.end <= raw.end) {
                pieces.push(literal(&text[at..value.start], attribute.is_some()));
                pieces.push(Piece::Value(number));
                at = value.end;
                number += 1;
            }
            pieces.push(literal(&text[at..raw.end], attribute.is_some()));
            pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
            units.push(Unit { of: found.of, pieces });
        }
        Some(Shape(units))
    }
}

fn literal(raw: &str, attribute: bool) -> Piece {
    let text = if attribute { tag::normalised(raw) } else { decoded(raw) };
    Piece::Text(text.into())
}

/// Where a value stands.
struct Place {
    /// Octet at which the tag of its element begins.
    offset: usize,
    /// The attribute, where it stands in one.
    attribute: Option<String>,
    /// The whole text as written that it is a part of.
    raw: Range<usize>,
}

/// `None` where it is neither the text of an element nor that of an attribute without a prefix.
fn place(text: &str, value: &Range<usize>) -> Option<Place> {
    // A value holds no `<`, and neither does an attribute: the last one before begins a tag.
    let offset = text[..value.start].rfind('<')?;
    if matches!(text.as_bytes().get(offset + 1), Some(b'/' | b'?')) {
        return None;
    }
    let end = offset + walk::tag_end(&text[offset..])?;
    if value.start > end {
        let close = value.end + text[value.end..].find('<')?;
        let leaf = text.as_bytes()[end - 1] != b'/' && text[close..].starts_with("</");
        return leaf.then_some(Place { offset, attribute: None, raw: end + 1..close });
    }
    let (_, mut tag) = Tag::open(text[offset + 1..end].trim_end_matches('/'));
    while let Ok(Some(attribute)) = tag.next_attribute() {
        let start = attribute.raw.as_ptr() as usize - text.as_ptr() as usize;
        let raw = start..start + attribute.raw.len();
        if raw.start <= value.start && value.end <= raw.end {
            let plain = attribute.name != "xmlns" && !attribute.name.contains(':');
            return plain.then(|| Place { offset, attribute: Some(attribute.name.to_owned()), raw });
        }
    }
    None
}

/// Text as an application sees it; what we write holds no line breaks but LF.
fn decoded(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find('&') {
        text.push_str(&rest[..found]);
        let end = rest[found..].find(';').map_or(rest.len(), |end| found + end);
        text.extend(chars::resolve(rest.get(found + 1..end).unwrap_or_default()));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(usize, Option<String>, String)> {
        let at = text.find('§')?;
        let value = at..at + '§'.len_utf8();
        place(text, &value).map(|place| (place.offset, place.attribute, text[place.raw].to_owned()))
    }

    #[test]
    fn values_are_found_where_they_are_a_text_of_their_own() {
        let attribute = |name: &str| Some(name.to_owned());
        assert_eq!(found("<a><b>§</b></a>"), Some((3, None, "§".to_owned())));
        assert_eq!(found("<a><b x='>'>1-§-2</b></a>"), Some((3, None, "1-§-2".to_owned())));
        assert_eq!(found("<a b='1' c=\"x§y\"/>"), Some((0, attribute("c"), "x§y".to_owned())));
        for other in [
            "<a>§<b/></a>",
            "<a><b/>§</a>",
            "<a><b></b>§</a>",
            "<§/>",
            "<a §='1'/>",
            "<a xmlns='§'/>",
            "<a p:b='§'/>",
            "<?x §?><a/>",
            "§",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_escaped_is_judged_as_it_is_read() {
        assert_eq!(decoded("a&amp;&lt;b&#10;&#x41;c"), "a&<b\nAc");
        assert_eq!(decoded("plain"), "plain");
    }
}
