//! The two faces of the letters and how a text becomes glyphs in them. Built in, so that a letter has the same octets on every
//! machine; never another font than these, and never a sign in place of one that they do not have.

use std::ops::Range;
use std::sync::LazyLock;

use harfrust::{BufferFlags, Direction, FontRef, ShapeOptions, ShapePlan, ShaperData, UnicodeBuffer, script};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

const REGULAR: &[u8] = include_bytes!("fonts/DrehscheibeSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DrehscheibeSans-Bold.ttf");

static FACES: LazyLock<[Face; 2]> = LazyLock::new(|| [Face::new(REGULAR), Face::new(BOLD)]);

/// Weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// For reading.
    Regular,
    /// For what stands out.
    Bold,
}

/// A text holds a character that the faces do not have; which one is not said, because it may be part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a text holds a character outside of DIN 91379 that no letter can show; correct it where it comes from"
)]
pub struct Unshown;

/// A text as glyphs of one face.
#[derive(Clone, Debug)]
pub struct Shaped {
    /// The text; the glyphs name ranges of it.
    pub text: String,
    /// The weight of the face.
    pub weight: Weight,
    /// The glyphs from left to right, with the text of each and its advance; lengths are parts of the size.
    pub glyphs: Vec<Placed>,
}

/// One glyph.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its number in the face.
    pub id: u32,
    /// How far the next one stands, as a part of the size.
    pub advance: f32,
    /// How far it is moved to the right and up, as parts of the size.
    pub offset: (f32, f32),
    /// What of the text it shows, alone or with the glyphs of the same range.
    pub range: Range<usize>,
}

struct Face {
    pdf: Font,
    font: FontRef<'static>,
    data: ShaperData,
    latin: ShapePlan,
    cyrillic: ShapePlan,
    units: f32,
}

impl Face {
    fn new(octets: &'static [u8]) -> Face {
        let font = FontRef::new(octets).expect("the built-in font is one");
        let data = ShaperData::new(&font);
        let plan = |script| {
            let shaper = data.shaper(&font).build();
            ShapePlan::new(&shaper, Direction::LeftToRight, Some(script), None, &[])
        };
        let (latin, cyrillic) = (plan(script::LATIN), plan(script::CYRILLIC));
        let pdf = Font::new(octets.into(), 0).expect("the built-in font is one");
        let units = pdf.units_per_em();
        Face { pdf, font, data, latin, cyrillic, units }
    }

    fn of(weight: Weight) -> &'static Face {
        let [regular, bold] = &*FACES;
        match weight {
            Weight::Regular => regular,
            Weight::Bold => bold,
        }
    }
}

/// The face as the PDF embeds it.
pub fn embedded(weight: Weight) -> Font {
    Face::of(weight).pdf.clone()
}

/// Most marks on one letter, however it is written: no letter of DIN 91379 has more, and with more it would reach into other lines.
const MOST_MARKS: usize = 2;

/// Shapes a text of one line. Fails where the face lacks a character, where the text holds one that nobody would see (what is hidden
/// in a name is no name), and where a mark stands on no letter or on more marks than a line has room for.
pub fn shape(text: &str, weight: Weight) -> Result<Shaped, Unshown> {
    if text.chars().any(unseen) || misplaced(text) {
        return Err(Unshown);
    }
    let face = Face::of(weight);
    let mut glyphs = Vec::with_capacity(text.len());
    for (part, cyrillic) in scripts(text) {
        shape_part(face, text, part, cyrillic, &mut glyphs)?;
    }
    Ok(Shaped { text: text.to_owned(), weight, glyphs })
}

/// Control characters, and blanks for which the shaper would take that of another width. What else it would leave out (marks of
/// direction, joiners, selectors, fillers) it is told to keep, so that it has no glyph.
fn unseen(letter: char) -> bool {
    letter.is_control() || (letter.is_whitespace() && !matches!(letter, ' ' | '\u{a0}' | '\u{202f}'))
}

/// Whether a mark stands on no letter, or on one that bears [`MOST_MARKS`] already.
fn misplaced(text: &str) -> bool {
    let mut free = 0;
    !text.is_ascii()
        && text.nfd().any(|letter| match (is_combining_mark(letter), free) {
            (true, 0) => true,
            (true, _) => {
                free -= 1;
                false
            }
            (false, _) => {
                free = if letter.is_alphabetic() { MOST_MARKS } else { 0 };
                false
            }
        })
}

/// The parts of a text that are Cyrillic and those that are not: each is shaped by the rules of its script. Signs go with what
/// stands before them.
fn scripts(text: &str) -> Vec<(Range<usize>, bool)> {
    let mut parts: Vec<(Range<usize>, bool)> = Vec::new();
    for (at, letter) in text.char_indices() {
        let end = at + letter.len_utf8();
        let cyrillic = matches!(letter, '\u{400}'..='\u{52f}');
        match parts.last_mut() {
            Some((part, of)) if !letter.is_alphabetic() || *of == cyrillic => part.end = end,
            _ => parts.push((at..end, cyrillic)),
        }
    }
    parts
}

fn shape_part(
    face: &Face,
    text: &str,
    part: Range<usize>,
    cyrillic: bool,
    into: &mut Vec<Placed>,
) -> Result<(), Unshown> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text.get(part.clone()).unwrap_or_default());
    buffer.set_direction(Direction::LeftToRight);
    buffer.set_flags(BufferFlags::PRESERVE_DEFAULT_IGNORABLES);
    buffer.set_script(if cyrillic { script::CYRILLIC } else { script::LATIN });
    let plan = if cyrillic { &face.cyrillic } else { &face.latin };
    let shaper = face.data.shaper(&face.font).build();
    let shaped = shaper.shape(buffer, ShapeOptions::new().plan(Some(plan)));
    let (infos, positions) = (shaped.glyph_infos(), shaped.glyph_positions());
    let starts: Vec<usize> = infos.iter().map(|info| part.start + info.cluster as usize).collect();
    for (at, (info, position)) in infos.iter().zip(positions).enumerate() {
        // Glyph 0 of a face says that there is none for the character.
        if info.glyph_id == 0 {
            return Err(Unshown);
        }
        let start = starts[at];
        let end = starts[at..].iter().copied().find(|next| *next > start).unwrap_or(part.end);
        into.push(Placed {
            id: info.glyph_id,
            advance: position.x_advance as f32 / face.units,
            offset: (position.x_offset as f32 / face.units, position.y_offset as f32 / face.units),
            range: start..end,
        });
    }
    Ok(())
}

impl Placed {
    /// As the PDF writer takes it.
    pub fn glyph(&self) -> KrillaGlyph {
        let (x, y) = self.offset;
        KrillaGlyph::new(GlyphId::new(self.id), self.advance, x, y, 0.0, self.range.clone(), None)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The list of DIN 91379: group, `char` or `seq`, code points, name.
    const LIST: &str = include_str!("../latin/tables/latin_list_1.3.txt");

    fn listed() -> Vec<String> {
        let text = |line: &str| {
            let codes = line.split(';').nth(2).unwrap().trim().to_owned();
            codes
                .split(' ')
                .map(|code| char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap())
                .collect::<String>()
        };
        LIST.lines().map(text).filter(|text| !text.chars().any(char::is_control)).collect()
    }

    #[test]
    fn both_faces_show_every_character_and_sequence_of_din_91379() {
        let all = listed();
        assert!(all.len() > 900, "{}", all.len());
        for weight in [Weight::Regular, Weight::Bold] {
            for text in &all {
                // A mark alone is no text: it is shown on a letter.
                let text =
                    if text.starts_with(is_combining_mark) { format!("x{text}") } else { text.clone() };
                let shaped = shape(&text, weight).unwrap_or_else(|_| panic!("{text:?}"));
                assert!(!shaped.glyphs.is_empty(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_mark_stands_on_its_letter_and_takes_no_room() {
        // m with circumflex is no character of Unicode: the face has to place the mark.
        let (plain, marked) =
            (shape("m", Weight::Regular).unwrap(), shape("m\u{302}", Weight::Regular).unwrap());
        assert_eq!(marked.glyphs.len(), 2);
        let width = |shaped: &Shaped| shaped.glyphs.iter().map(|glyph| glyph.advance).sum::<f32>();
        assert_eq!(width(&marked), width(&plain));
        assert!(marked.glyphs[1].offset.0 != 0.0);
        assert!(marked.glyphs.iter().all(|glyph| glyph.range == (0..3)));
        // What has a character of its own is shown by it, however it was written.
        assert_eq!(shape("u\u{308}", Weight::Regular).unwrap().glyphs.len(), 1);
    }

    #[test]
    fn what_the_faces_do_not_have_is_refused_and_not_named() {
        for text in
            ["\u{4e2d}", "A\u{fffd}", "\u{1f600}", "\u{e000}", "a\tb", "a\u{0}", "a\u{ad}b", "\u{202e}a"]
        {
            let error = shape(text, Weight::Regular).unwrap_err();
            assert!(!error.to_string().contains(text));
        }
    }

    #[test]
    fn of_all_of_unicode_only_what_the_faces_have_is_shown_and_nothing_is_left_out_unseen() {
        // What make.py puts into the faces beside the norm.
        let beside = "\u{a0}\u{2116}\u{202f}\u{2022}\u{2026}\u{2039}\u{203a}\u{490}\u{491}".chars();
        let beside =
            beside.chain('\u{2010}'..='\u{2015}').chain('\u{2018}'..='\u{201e}').chain('\u{400}'..='\u{45f}');
        let faces: HashSet<char> = listed().iter().flat_map(|text| text.chars()).chain(beside).collect();
        let parts: HashSet<char> = faces.iter().flat_map(|letter| letter.nfd()).collect();
        for weight in [Weight::Regular, Weight::Bold] {
            for letter in ('\0'..='\u{1ffff}').chain('\u{e0000}'..='\u{e1000}') {
                let known = faces.contains(&letter) || letter.nfd().all(|part| parts.contains(&part));
                let shown = shape(&format!("a{letter}b"), weight).is_ok();
                assert!(known || !shown, "{:x}", u32::from(letter));
                assert!(shown || !faces.contains(&letter), "{:x}", u32::from(letter));
            }
        }
    }

    #[test]
    fn a_mark_stands_on_a_letter_and_no_letter_bears_more_than_one_of_din_91379() {
        let most =
            listed().iter().map(|text| text.nfd().filter(|part| is_combining_mark(*part)).count()).max();
        assert_eq!(most, Some(MOST_MARKS));
        // However they are written: what stands in a line must not reach into the ones above and below it.
        let stacked = ["\u{1ea4}\u{302}", "A\u{302}\u{301}\u{302}", "x\u{302}\u{325}\u{304}"];
        let alone = ["\u{302}a", "a \u{302}", "a-\u{302}", "\u{b4}\u{302}"];
        for text in stacked.iter().chain(&alone) {
            assert_eq!(shape(text, Weight::Regular).err(), Some(Unshown), "{text:?}");
        }
        for text in ["\u{1ea4}", "c\u{328}\u{306}", "\u{1ea4}\u{1ea4}\u{1ea4}"] {
            assert!(shape(text, Weight::Regular).is_ok(), "{text:?}");
        }
        assert!(shape(&format!("a{}", "\u{302}".repeat(1_000_000)), Weight::Bold).is_err());
    }

    #[test]
    fn the_same_text_makes_the_same_glyphs_whatever_stands_beside_it() {
        let mixed = shape("Jugendamt \u{41a}\u{438}\u{457}\u{432} Bremen", Weight::Bold).unwrap();
        let ranges: Vec<_> = mixed.glyphs.iter().map(|glyph| glyph.range.clone()).collect();
        assert_eq!(ranges.first().unwrap().start, 0);
        assert_eq!(ranges.last().unwrap().end, mixed.text.len());
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}
