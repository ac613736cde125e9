//! The search form of DIN 91379: what a name is compared by, made by the table of the norm and by nothing else.
//! It never guesses: `Müller` and `Mueller` meet because the table says so, `Muller` stays another name.
//!
//! Made so: normalisation form C, then the longest listed unit (up to three code points) is replaced by its target. What the
//! table does not list (space, hyphen, apostrophe, digits) stays as it is.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The official table (group; char|seq; code points; name; glyph; target code points; target; class; identity|mapped),
/// unchanged; see NOTICE.
static LIST: &str = include_str!("tables/latin_list_search_form_1.3.txt");

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::from_list(LIST));

/// Most rounds until nothing changes; a bound for the loop, never reached by a text (a property test holds this).
const ROUNDS: usize = 8;

/// The search form of a text, such as `NOEL SCHMIDT-STRAUSS` for `Noël Schmidt-Strauß`.
pub fn search_form(text: &str) -> String {
    if text.is_ascii() {
        // All letters of ASCII are mapped to their capitals, and no unit of the table is made of ASCII alone but longer.
        return text.to_ascii_uppercase();
    }
    let table = &*TABLE;
    let mut form = if is_nfc(text) { table.replace(text) } else { table.replace(&composed(text)) };
    // A mark that was left over may compose with the letter that now stands before it; again until nothing changes, so
    // that the form of a form is itself.
    for _ in 0..ROUNDS {
        if form.is_ascii() {
            break;
        }
        let again = table.replace(&composed(&form));
        if again == form {
            break;
        }
        form = again;
    }
    form
}

/// The search form for comparing names: without white space at the ends and with single spaces between.
pub fn vergleichsform(text: &str) -> String {
    let form = search_form(text);
    form.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// A sequence: what follows the first character, and the target.
type Tail = (String, String);

#[derive(Default)]
struct Table {
    /// Targets of single characters, by code point; empty where nothing is listed.
    singles: Vec<String>,
    /// Sequences by first character, longest first.
    sequences: HashMap<char, Vec<Tail>>,
}

impl Table {
    fn from_list(list: &str) -> Self {
        let mut table = Table::default();
        for (unit, target) in list.lines().filter_map(row) {
            let mut characters = unit.chars();
            let Some(first) = characters.next() else { continue };
            let tail = characters.as_str();
            if tail.is_empty() {
                let code = u32::from(first) as usize;
                if table.singles.len() <= code {
                    table.singles.resize(code + 1, String::new());
                }
                table.singles[code] = target;
            } else {
                table.sequences.entry(first).or_default().push((tail.to_owned(), target));
            }
        }
        for tails in table.sequences.values_mut() {
            tails.sort_by_key(|(tail, _)| std::cmp::Reverse(tail.len()));
        }
        table
    }

    /// Replaces from left to right, the longest unit first.
    fn replace(&self, text: &str) -> String {
        let mut form = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let after = &rest[first.len_utf8()..];
            let tails = self.sequences.get(&first).map_or(&[][..], Vec::as_slice);
            if let Some((tail, target)) = tails.iter().find(|(tail, _)| after.starts_with(tail.as_str())) {
                form.push_str(target);
                rest = &after[tail.len()..];
                continue;
            }
            match self.singles.get(u32::from(first) as usize).filter(|target| !target.is_empty()) {
                Some(target) => form.push_str(target),
                None => form.push(first),
            }
            rest = after;
        }
        form
    }
}

/// Reads one row: the unit and its target.
fn row(line: &str) -> Option<(String, String)> {
    let mut columns = line.split(';').map(str::trim);
    let unit = characters(columns.nth(2)?)?;
    let target = characters(columns.nth(2)?)?;
    Some((unit, target))
}

fn characters(codes: &str) -> Option<String> {
    let character = |code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
    codes.split_ascii_whitespace().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_whole_and_gives_capitals_only() {
        let rows: Vec<_> = LIST.lines().filter_map(row).collect();
        assert_eq!((rows.len(), LIST.lines().count()), (649, 649));
        for (unit, target) in rows {
            assert!(is_nfc(&unit) && unit.chars().count() <= 3, "{unit}");
            assert!(!target.is_empty() && target.bytes().all(|b| b.is_ascii_uppercase()), "{unit} {target}");
            assert_eq!(search_form(&unit), target, "{unit}");
        }
    }

    #[test]
    fn the_results_that_were_executed_by_hand() {
        for (text, form) in [
            ("René Müller", "RENE MUELLER"),
            ("Noël Schmidt-Strauß", "NOEL SCHMIDT-STRAUSS"),
            ("Karl-Bröger Straße 17", "KARL-BROEGER STRASSE 17"),
            ("Ćirković-Müller", "CIRKOVIC-MUELLER"),
            ("Łukasz Paweł", "LUKASZ PAWEL"),
            ("Þór Ægir", "THOR AEGIR"),
            ("İpek Işık", "IPEK ISIK"),
            ("Ørsted", "OERSTED"),
            ("Ångström", "AANGSTROEM"),
            ("Đặng", "DANG"),
            ("K\u{35F}han", "KHAN"),
            ("C\u{308}aC\u{328}\u{306}", "CAC"),
            ("O’Neill", "O’NEILL"),
            ("", ""),
        ] {
            assert_eq!(search_form(text), form, "{text}");
            let decomposed: String = text.nfd().collect();
            assert_eq!(search_form(&decomposed), form, "{text} decomposed");
        }
        assert_eq!(search_form("Mueller"), search_form("Müller"));
        assert_ne!(search_form("Muller"), search_form("Müller"));
    }

    #[test]
    fn what_is_compared_has_single_spaces() {
        assert_eq!(vergleichsform("  Anna \t Lena "), "ANNA LENA");
        assert_eq!(vergleichsform("Zoë\u{A0}Marie"), "ZOE MARIE");
    }

    #[test]
    fn a_mark_left_over_does_not_make_the_form_of_a_form_another() {
        for text in ["ß\u{301}", "x\u{315}", "Ä\u{301}\u{327}", "\u{301}a"] {
            let form = search_form(text);
            assert_eq!(search_form(&form), form, "{:?}", text);
        }
    }
}
