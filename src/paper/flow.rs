//! Breaks texts into lines: at blanks, after hyphens, and where a word alone is wider than a line inside the word. Nothing is
//! ever cut off or shrunk.

use std::rc::Rc;

use crate::paper::font::{Shaped, Unshown, Weight, shape};

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Weight of its face.
    pub weight: Weight,
    /// Size in points.
    pub size: f32,
    /// From one base line to the next, in points.
    pub leading: f32,
    /// Lightness: 0 is black, 255 white.
    pub ink: u8,
}

impl Style {
    /// The same in bold.
    pub const fn bold(self) -> Style {
        Style { weight: Weight::Bold, ..self }
    }
}

/// One line of a shaped text.
#[derive(Clone, Debug)]
pub struct Line {
    /// The text that it is a part of.
    pub of: Rc<Shaped>,
    /// Its first glyph and the one after its last, a blank at its end included: who reads aloud needs it.
    pub glyphs: (usize, usize),
    /// Its style.
    pub style: Style,
}

impl Line {
    /// How wide it is, in points.
    pub fn width(&self) -> f32 {
        let (from, to) = self.glyphs;
        let glyphs = self.of.glyphs.get(from..to).unwrap_or_default();
        glyphs.iter().map(|glyph| glyph.advance).sum::<f32>() * self.style.size
    }

    /// What it says.
    pub fn text(&self) -> &str {
        let (from, to) = self.glyphs;
        let glyphs = self.of.glyphs.get(from..to).unwrap_or_default();
        match (glyphs.first(), glyphs.last()) {
            (Some(first), Some(last)) => {
                self.of.text.get(first.range.start..last.range.end).unwrap_or_default()
            }
            _ => "",
        }
    }
}

/// The lines of a text at a width in points; blanks that follow each other count as one. An empty text has no lines.
pub fn lines(text: &str, style: Style, width: f32) -> Result<Vec<Line>, Unshown> {
    // Only the blanks that one writes: a fixed blank holds together what it stands between.
    let words: Vec<&str> = text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect();
    let shaped = Rc::new(shape(&words.join(" "), style.weight)?);
    let cut = |glyphs| Line { of: shaped.clone(), glyphs, style };
    Ok(breaks(&shaped, width / style.size).into_iter().map(cut).collect())
}

/// Where lines begin and end, by glyphs. `width` is a part of the size.
fn breaks(shaped: &Shaped, width: f32) -> Vec<(usize, usize)> {
    let (mut found, mut begin, mut used) = (Vec::new(), 0, 0.0);
    // The last place where the line may end, and how much of it stands before.
    let mut may: Option<(usize, f32)> = None;
    let mut at = 0;
    while at < shaped.glyphs.len() {
        let end = cluster_end(shaped, at);
        let advance: f32 = shaped.glyphs[at..end].iter().map(|glyph| glyph.advance).sum();
        let text = &shaped.text[shaped.glyphs[at].range.clone()];
        let blank = text == " ";
        // A blank at the end of a line stands beyond it.
        while !blank && used + advance > width && at > begin {
            let (cut, before) = may.take().unwrap_or((at, used));
            found.push((begin, cut));
            begin = cut;
            used -= before;
        }
        used += advance;
        at = end;
        if blank || matches!(text, "-" | "\u{2010}" | "/") {
            may = Some((at, used));
        }
    }
    if begin < shaped.glyphs.len() {
        found.push((begin, shaped.glyphs.len()));
    }
    found
}

/// The glyph after those that show one character with its marks.
fn cluster_end(shaped: &Shaped, at: usize) -> usize {
    let range = &shaped.glyphs[at].range;
    let same = shaped.glyphs[at..].iter().take_while(|glyph| glyph.range == *range).count();
    at + same.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STYLE: Style = Style { weight: Weight::Regular, size: 10.0, leading: 14.0, ink: 0 };

    fn texts(text: &str, width: f32) -> Vec<String> {
        lines(text, STYLE, width).unwrap().iter().map(|line| line.text().to_owned()).collect()
    }

    #[test]
    fn lines_end_at_blanks_and_after_hyphens() {
        assert_eq!(texts("Guten Tag", 200.0), ["Guten Tag"]);
        assert_eq!(texts("Guten  \n Tag", 30.0), ["Guten ", "Tag"]);
        assert_eq!(texts("Leutheusser-Schnarrenberger", 85.0), ["Leutheusser-", "Schnarrenberger"]);
        assert!(texts("", 30.0).is_empty() && texts("  ", 30.0).is_empty());
        // A fixed blank holds together.
        assert_eq!(texts("nach \u{a7}\u{a0}58", 25.0), ["nach ", "\u{a7}\u{a0}58"]);
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_is_broken_and_never_inside_a_letter_with_its_marks() {
        let word = "k\u{35f}hM\u{302}Z\u{308}".repeat(20);
        let broken = texts(&word, 40.0);
        assert!(broken.len() > 5);
        assert_eq!(broken.concat(), word);
        assert!(broken.iter().all(|line| !line.starts_with(['\u{302}', '\u{308}', '\u{35f}'])));
    }

    #[test]
    fn what_is_left_after_a_hyphen_may_have_to_be_broken_again() {
        // A narrow beginning before the only hyphen: what follows it is wider than a line by itself.
        assert_eq!(texts("i-MMMMM", 30.0), ["i-", "MMM", "MM"]);
    }

    proptest! {
        #[test]
        fn no_letter_is_lost_and_no_line_is_wider(text in "[A-Za-z\u{e4}\u{f6}\u{17d} -]{0,200}", width in 20.0_f32..300.0) {
            let found = lines(&text, STYLE, width).unwrap();
            let all: String = found.iter().map(Line::text).collect();
            let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(all, words.join(" "));
            for line in &found {
                let blank = if line.text().ends_with(' ') { 2.6 } else { 0.0 };
                prop_assert!(line.width() - blank <= width + 0.01, "{} {}", line.width(), width);
            }
        }
    }
}
