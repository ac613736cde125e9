//! A small reader of Rust source for the house rules: tokens without comments and literals, and the paths they name.
//! It never understands more of the language than the rules need.

/// One token with its line; literals and comments are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// An identifier, or one character of punctuation.
    pub text: String,
    /// 1-based line.
    pub line: usize,
}

/// A path as written, from its first segment; groups of `use` are spread out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The segments, such as `crate`, `xml`, `gate`.
    pub segments: Vec<String>,
    /// 1-based line of its first segment.
    pub line: usize,
    /// Inline modules around it, such as `tests`.
    pub inside: Vec<String>,
}

/// The tokens of a source text.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => at = until(&chars, at, |c| c == '\n'),
            '/' if chars.get(at + 1) == Some(&'*') => at = after_block_comment(&chars, at),
            '"' => at = after_string(&chars, at + 1),
            '\'' => at = after_quote(&chars, at),
            c if c.is_alphabetic() || c == '_' => {
                let end = until(&chars, at, |c| !(c.is_alphanumeric() || c == '_'));
                let word: String = chars[at..end].iter().collect();
                let prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
                match chars.get(end) {
                    Some('"') if prefix && word.contains('r') => at = after_raw_string(&chars, end),
                    Some('"') if prefix => at = after_string(&chars, end + 1),
                    Some('\'') if word == "b" => at = after_quote(&chars, end),
                    Some('#') if prefix && matches!(chars.get(end + 1), Some('"' | '#')) => {
                        at = after_raw_string(&chars, end)
                    }
                    // A raw identifier: the `r#` is dropped, the name follows as a token of its own.
                    Some('#') if word == "r" => at = end + 1,
                    _ => {
                        found.push(Token { text: word, line });
                        at = end;
                    }
                }
            }
            c if c.is_ascii_digit() => at = until(&chars, at, |c| !(c.is_alphanumeric() || c == '_')),
            c if c.is_whitespace() => at += 1,
            c => {
                found.push(Token { text: c.to_string(), line });
                at += 1;
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| stop(chars[*at])).unwrap_or(chars.len())
}

fn after_block_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn after_string(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn after_raw_string(chars: &[char], from: usize) -> usize {
    let hashes = until(chars, from, |c| c != '#') - from;
    let mut at = from + hashes + 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

/// A character literal ends at its quote; a lifetime is just its tick, its name follows as an identifier.
fn after_quote(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => until(chars, from + 3, |c| c == '\'') + 1,
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// All paths of at least two segments, in order.
pub fn paths(tokens: &[Token]) -> Vec<Path> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut inside: Vec<(String, usize)> = Vec::new();
    let mut depth = 0usize;
    for at in 0..tokens.len() {
        match text(at) {
            "{" => {
                depth += 1;
                if at >= 2 && text(at - 2) == "mod" {
                    inside.push((text(at - 1).to_owned(), depth));
                }
            }
            "}" => {
                if inside.last().is_some_and(|(_, at_depth)| *at_depth == depth) {
                    inside.pop();
                }
                depth = depth.saturating_sub(1);
            }
            word if is_word(word) && text(at + 1) == ":" && text(at + 2) == ":" => {
                let continues = at >= 2 && text(at - 1) == ":" && text(at - 2) == ":";
                // Inside a group of `use` the segments were taken with the head of the group.
                if continues || in_use_group(tokens, at) {
                    continue;
                }
                let mut spread = Vec::new();
                expand(tokens, at, &mut Vec::new(), &mut spread);
                let names: Vec<String> = inside.iter().map(|(name, _)| name.clone()).collect();
                found.extend(spread.into_iter().map(|segments| Path {
                    segments,
                    line: tokens[at].line,
                    inside: names.clone(),
                }));
            }
            _ => {}
        }
    }
    found
}

fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Whether a token stands between the braces of a `use`: going back over names, commas, colons and braces leads to an
/// opening brace that follows `::`.
fn in_use_group(tokens: &[Token], at: usize) -> bool {
    let mut closed = 0;
    for back in (0..at).rev() {
        match tokens[back].text.as_str() {
            "}" => closed += 1,
            "{" if closed > 0 => closed -= 1,
            "{" => return back >= 2 && tokens[back - 1].text == ":" && tokens[back - 2].text == ":",
            "," | ":" | "*" => {}
            word if is_word(word) => {}
            _ => return false,
        }
    }
    false
}

/// Spreads the tree that begins at a segment; returns the index after it.
fn expand(tokens: &[Token], at: usize, head: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let added = head.len();
    let mut at = at;
    loop {
        if text(at) == "{" {
            at += 1;
            while at < tokens.len() && text(at) != "}" {
                at = if text(at) == "," { at + 1 } else { expand(tokens, at, head, found) };
            }
            at += 1;
            break;
        }
        if !is_word(text(at)) && text(at) != "*" {
            // `::<` of generics, or the end of a macro's pattern.
            found.push(head.clone());
            at += usize::from(at < tokens.len());
            break;
        }
        head.push(text(at).to_owned());
        at += 1;
        if text(at) == ":" && text(at + 1) == ":" {
            at += 2;
            continue;
        }
        found.push(head.clone());
        if text(at) == "as" {
            at += 2;
        }
        break;
    }
    head.truncate(added);
    at
}

/// Index of the first token of a trailing `#[cfg(test)] mod …`, or the number of tokens.
pub fn before_tests(tokens: &[Token]) -> usize {
    let pattern = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    tokens
        .windows(pattern.len())
        .position(|window| window.iter().zip(pattern).all(|(token, want)| token.text == want))
        .unwrap_or(tokens.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(text: &str) -> Vec<String> {
        paths(&tokens(text)).into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_are_no_tokens() {
        let text =
            "/* a /* b */ */ // c\nlet x = \"d \\\" e\" ; r#\"f\"# b'g' 'h' '\\'' br\"i\" 'life 1u8 r#type";
        let words: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
        assert_eq!(words, ["let", "x", "=", ";", "life", "type"]);
        assert_eq!(tokens("\n\"\n\"\nx")[0], Token { text: "x".to_owned(), line: 4 });
    }

    #[test]
    fn groups_are_spread() {
        assert_eq!(
            spread("use crate::{a::{b, c as d}, e::*}; fn f() { crate::g::h::<u8>(); std::fs::read(x) }"),
            ["crate::a::b", "crate::a::c", "crate::e::*", "crate::g::h", "std::fs::read"]
        );
    }

    #[test]
    fn a_path_knows_the_modules_around_it() {
        let found = paths(&tokens("mod outer { mod tests { use super::x; } } use super::y;"));
        assert_eq!(found[0].inside, ["outer", "tests"]);
        assert!(found[1].inside.is_empty());
    }
}
