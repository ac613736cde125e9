//! Puts lines on sheets, from top to bottom and on to the next one, and keeps what each means for those who hear the letter.
//! Knows no PDF; refuses what is too long and never leaves anything out.

use crate::paper::flow::{Line, Style, lines};
use crate::paper::font::Unshown;
use crate::paper::sheet;

/// Most sheets of a letter; whoever needs more wrote something else than a letter.
pub const MOST_SHEETS: usize = 6;

/// Why something cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// See [`Unshown`].
    #[error(transparent)]
    Unshown(#[from] Unshown),
    /// More than [`MOST_SHEETS`].
    #[error("the letter has more than {MOST_SHEETS} sheets; shorten its text or divide what it states")]
    Long,
    /// A field of fixed height has more lines than it holds.
    #[error("{0} has more lines than its field holds; shorten it where it comes from")]
    Field(&'static str),
}

/// What a part of a letter is.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Text.
    Paragraph,
    /// A heading of a level from 1; its text is said with it.
    Heading(u16, String),
    /// Facts with their names.
    Table,
    /// One of them.
    Row,
    /// Its name.
    Label,
    /// Its value.
    Value,
    /// A list.
    List,
    /// An item of it.
    Item,
    /// The sign before the item.
    Bullet,
    /// What the item says.
    ItemText,
}

/// A part of a letter: what it is, and the parts inside it.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub role: Role,
    /// The parts inside it, in the order of reading.
    pub inside: Vec<usize>,
    /// Its language where it is another than the letter's.
    pub language: Option<&'static str>,
}

/// To what a line belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// A part of the letter.
    Node(usize),
    /// What only helps on paper: the head and the number of a sheet.
    Sheet,
}

/// A line at its place.
#[derive(Clone, Debug)]
pub struct Put {
    /// The sheet, from 0.
    pub sheet: usize,
    /// Left end and base line, in points.
    pub at: (f32, f32),
    /// The line.
    pub line: Line,
    /// To what it belongs.
    pub of: Belongs,
}

/// A thin line that belongs to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The sheet, from 0.
    pub sheet: usize,
    /// Left end, in points.
    pub from: (f32, f32),
    /// Length to the right, in points.
    pub length: f32,
}

/// A laid-out letter.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// How many sheets.
    pub sheets: usize,
    /// Its parts.
    pub nodes: Vec<Node>,
    /// The outermost parts, in the order of reading.
    pub outer: Vec<usize>,
    /// Its lines.
    pub lines: Vec<Put>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// The language of parts that are made from now on; `None` is the letter's.
    pub language: Option<&'static str>,
}

impl Layout {
    /// A new part, inside another or outermost.
    pub fn node(&mut self, within: Option<usize>, role: Role) -> usize {
        let id = self.nodes.len();
        self.nodes.push(Node { role, inside: Vec::new(), language: self.language });
        match within.and_then(|outer| self.nodes.get_mut(outer)) {
            Some(outer) => outer.inside.push(id),
            None => self.outer.push(id),
        }
        id
    }

    /// Puts lines below each other on one sheet, the first one's box beginning at `top`; says where the last box ends.
    pub fn stack(&mut self, of: Belongs, sheet: usize, (left, top): (f32, f32), lines: Vec<Line>) -> f32 {
        let mut y = top;
        for line in lines {
            let at = (left, y + base(line.style));
            y += line.style.leading;
            self.lines.push(Put { sheet, at, line, of });
        }
        y
    }
}

/// From the upper edge of a line's box to its base line.
fn base(style: Style) -> f32 {
    // The face reaches about a fifth of its size below the base line.
    style.leading / 2.0 + style.size * 0.34
}

/// Where the next text comes.
pub struct Cursor {
    /// What was laid out so far.
    pub layout: Layout,
    sheet: usize,
    y: f32,
    first_bottom: f32,
}

impl Cursor {
    /// Begins on the first sheet at `top`; its text ends at `bottom`.
    pub fn new(layout: Layout, top: f32, bottom: f32) -> Cursor {
        Cursor { layout, sheet: 0, y: top, first_bottom: bottom }
    }

    fn bottom(&self) -> f32 {
        if self.sheet == 0 { self.first_bottom } else { sheet::BOTTOM }
    }

    /// Goes to the next sheet where less than `height` is left on this one.
    fn room(&mut self, height: f32) -> Result<(), Unfit> {
        if self.y + height <= self.bottom() {
            return Ok(());
        }
        self.sheet += 1;
        self.y = sheet::NEXT_TOP;
        if self.sheet >= MOST_SHEETS { Err(Unfit::Long) } else { Ok(()) }
    }

    /// Leaves some room, in points.
    pub fn skip(&mut self, height: f32) {
        self.y += height;
    }

    /// Makes sure that the next `height` points stand on one sheet, if one sheet has so much.
    pub fn together(&mut self, height: f32) -> Result<(), Unfit> {
        self.room(height.min(sheet::BOTTOM - sheet::NEXT_TOP))
    }

    /// Puts the lines of one text, at least two on each sheet.
    fn text(&mut self, node: usize, left: f32, lines: Vec<Line>) -> Result<(), Unfit> {
        let mut left_over = lines.len();
        for (nth, line) in lines.into_iter().enumerate() {
            let leading = line.style.leading;
            // Neither the first line of a text is left alone nor the last one; three lines cannot be divided.
            let wanted = match (nth, left_over) {
                (0, 3) => 3.0,
                (0, 2..) | (_, 2) => 2.0,
                _ => 1.0,
            };
            self.room(leading * wanted)?;
            left_over -= 1;
            self.y = self.layout.stack(Belongs::Node(node), self.sheet, (left, self.y), vec![line]);
        }
        Ok(())
    }

    /// A text over the whole width.
    pub fn paragraph(&mut self, text: &str, style: Style) -> Result<(), Unfit> {
        let found = lines(text, style, sheet::MEASURE)?;
        let node = self.layout.node(None, Role::Paragraph);
        self.text(node, sheet::LEFT, found)
    }

    /// Several texts below each other that are one paragraph each and stay on one sheet, such as a signature.
    pub fn block(&mut self, texts: &[(&str, Style)]) -> Result<(), Unfit> {
        let mut found = Vec::new();
        for (text, style) in texts {
            found.push(lines(text, *style, sheet::MEASURE)?);
        }
        self.together(found.iter().flatten().map(|line| line.style.leading).sum())?;
        for lines in found {
            let node = self.layout.node(None, Role::Paragraph);
            self.text(node, sheet::LEFT, lines)?;
        }
        Ok(())
    }

    /// A heading; what follows it begins on the same sheet.
    pub fn heading(&mut self, level: u16, text: &str, style: Style) -> Result<(), Unfit> {
        let found = lines(text, style, sheet::MEASURE)?;
        self.together(style.leading * (found.len() as f32 + 2.0))?;
        let node = self.layout.node(None, Role::Heading(level, text.to_owned()));
        self.text(node, sheet::LEFT, found)
    }

    /// A list with a bullet before each item.
    pub fn list(&mut self, items: &[String], style: Style) -> Result<(), Unfit> {
        let list = self.layout.node(None, Role::List);
        let inset = style.size * 1.3;
        for item in items {
            let found = lines(item, style, sheet::MEASURE - inset)?;
            self.together(style.leading * (found.len() as f32).min(2.0))?;
            let node = self.layout.node(Some(list), Role::Item);
            let bullet = self.layout.node(Some(node), Role::Bullet);
            let dot = lines("\u{2022}", style, inset)?;
            self.layout.stack(Belongs::Node(bullet), self.sheet, (sheet::LEFT, self.y), dot);
            let said = self.layout.node(Some(node), Role::ItemText);
            self.text(said, sheet::LEFT + inset, found)?;
        }
        Ok(())
    }

    /// Facts, each with its name; the two sides of a row stand on one sheet.
    pub fn table(&mut self, rows: &[(String, String)], style: Style) -> Result<(), Unfit> {
        let table = self.layout.node(None, Role::Table);
        let values = sheet::LEFT + sheet::LABELS + sheet::GAP;
        for (label, value) in rows {
            let names = lines(label, style, sheet::LABELS)?;
            let said = lines(value, style.bold(), sheet::RIGHT - values)?;
            let height = style.leading * names.len().max(said.len()) as f32;
            let padding = style.leading * 0.22;
            if height + 2.0 * padding > sheet::BOTTOM - sheet::NEXT_TOP {
                return Err(Unfit::Field("a fact"));
            }
            self.together(height + 2.0 * padding)?;
            self.rule();
            let row = self.layout.node(Some(table), Role::Row);
            let (sheet, top) = (self.sheet, self.y + padding);
            let label = self.layout.node(Some(row), Role::Label);
            self.layout.stack(Belongs::Node(label), sheet, (sheet::LEFT, top), names);
            let value = self.layout.node(Some(row), Role::Value);
            self.layout.stack(Belongs::Node(value), sheet, (values, top), said);
            self.y = top + height + padding;
        }
        self.rule();
        Ok(())
    }

    fn rule(&mut self) {
        let from = (sheet::LEFT, self.y);
        self.layout.rules.push(Rule { sheet: self.sheet, from, length: sheet::MEASURE });
    }

    /// Ends the letter: numbers its sheets and names it on those after the first.
    pub fn finish(mut self, name: &str) -> Result<Layout, Unfit> {
        let sheets = self.sheet + 1;
        self.layout.sheets = sheets;
        if sheets == 1 {
            return Ok(self.layout);
        }
        for sheet in 0..sheets {
            let number = format!("Seite {} von {sheets}", sheet + 1);
            let number = lines(&number, sheet::INFO_VALUE, sheet::MEASURE)?;
            let wide = number.first().map_or(0.0, Line::width);
            // On the first sheet below the text, on the others in their head.
            let y = if sheet == 0 { self.first_bottom + 4.0 } else { sheet::NEXT_HEAD };
            self.layout.stack(Belongs::Sheet, sheet, (sheet::RIGHT - wide, y), number);
            if sheet > 0 {
                let name = lines(name, sheet::INFO_VALUE, sheet::MEASURE - wide - sheet::GAP)?;
                self.layout.stack(Belongs::Sheet, sheet, (sheet::LEFT, sheet::NEXT_HEAD), name);
            }
        }
        Ok(self.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor::new(Layout::default(), sheet::SUBJECT_TOP, sheet::BOTTOM)
    }

    fn said(layout: &Layout) -> String {
        layout.lines.iter().filter(|put| put.of != Belongs::Sheet).map(|put| put.line.text()).collect()
    }

    #[test]
    fn what_does_not_fit_goes_on_to_the_next_sheet_and_nothing_is_lost() {
        let mut cursor = cursor();
        let text = "Satz mit einigen W\u{f6}rtern. ".repeat(60);
        for _ in 0..6 {
            cursor.paragraph(&text, sheet::BODY).unwrap();
            cursor.skip(8.0);
        }
        let layout = cursor.finish("Referenz 1").unwrap();
        assert_eq!(layout.sheets, 3);
        assert_eq!(said(&layout), text.trim_end().repeat(6));
        for put in &layout.lines {
            assert!(put.at.1 < sheet::BOTTOM + 15.0 && put.at.0 + put.line.width() < sheet::RIGHT + 4.0);
        }
        // Never one line of a text alone on a sheet.
        for node in 0..layout.nodes.len() {
            for sheet in 0..layout.sheets {
                let here =
                    layout.lines.iter().filter(|put| put.of == Belongs::Node(node) && put.sheet == sheet);
                assert_ne!(here.count(), 1, "{node} {sheet}");
            }
        }
    }

    #[test]
    fn a_letter_that_is_too_long_is_refused() {
        let mut cursor = cursor();
        let text = "Wort ".repeat(20_000);
        assert_eq!(cursor.paragraph(&text, sheet::BODY), Err(Unfit::Long));
    }

    #[test]
    fn three_lines_are_not_divided() {
        let count = |text: &String| lines(text, sheet::BODY, sheet::MEASURE).unwrap().len();
        let text = (1..).map(|words| "Wort ".repeat(words)).find(|text| count(text) == 3).unwrap();
        let mut cursor = cursor();
        // Room for two of them is left.
        cursor.skip(sheet::BOTTOM - sheet::SUBJECT_TOP - 2.5 * sheet::BODY.leading);
        cursor.paragraph(&text, sheet::BODY).unwrap();
        let layout = cursor.finish("Referenz 1").unwrap();
        let sheets = layout.lines.iter().filter(|put| put.of != Belongs::Sheet).map(|put| put.sheet);
        assert_eq!(sheets.collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn a_fact_that_no_sheet_holds_is_refused() {
        let mut cursor = cursor();
        let row = ("Angabe".to_owned(), "Wert ".repeat(2_000));
        assert_eq!(cursor.table(&[row], sheet::BODY), Err(Unfit::Field("a fact")));
    }

    #[test]
    fn the_sides_of_a_row_stay_on_one_sheet() {
        let mut cursor = cursor();
        let rows: Vec<(String, String)> =
            (0..40).map(|nth| (format!("Angabe {nth}"), "Wert ".repeat(30))).collect();
        cursor.table(&rows, sheet::BODY).unwrap();
        let layout = cursor.finish("Referenz 1").unwrap();
        assert!(layout.sheets > 1);
        let rows = layout.nodes.iter().filter(|node| node.role == Role::Row);
        for row in rows {
            let sheets: Vec<usize> = layout
                .lines
                .iter()
                .filter(|put| matches!(put.of, Belongs::Node(node) if row.inside.contains(&node)))
                .map(|put| put.sheet)
                .collect();
            assert!(sheets.len() > 2 && sheets.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
