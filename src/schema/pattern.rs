//! Reads a pattern of XSD 1.0 (Part 2, appendix F) into an expression over sets of characters.
//! It never matches; that is `automaton.rs`. What the grammar does not allow is refused with its place.

use super::charset::{self, Set};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    /// One character of a set.
    One(Set),
    /// All, one after another.
    All(Vec<Expr>),
    /// One of them.
    Either(Vec<Expr>),
    /// As often; `None` is without end.
    Times(Box<Expr>, u32, Option<u32>),
}

/// Why a text is no pattern; the place counts characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PatternFault {
    pub(super) what: &'static str,
    pub(super) at: usize,
}

/// Groups and classes may be nested so deep.
const DEEPEST: usize = 100;

/// Reads a whole pattern.
pub(super) fn parse(text: &str) -> Result<Expr, PatternFault> {
    let characters: Vec<char> = text.chars().collect();
    let mut reader = Reader { characters: &characters, at: 0, depth: 0 };
    let expr = reader.either()?;
    match reader.peek() {
        None => Ok(expr),
        Some(_) => Err(reader.fault("this character must be written with a backslash")),
    }
}

struct Reader<'t> {
    characters: &'t [char],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.characters.get(self.at + by).copied()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn fault(&self, what: &'static str) -> PatternFault {
        PatternFault { what, at: self.at + 1 }
    }

    fn deeper(&mut self) -> Result<(), PatternFault> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.fault("nested too deep")) } else { Ok(()) }
    }

    fn either(&mut self) -> Result<Expr, PatternFault> {
        let mut branches = vec![self.branch()?];
        while self.eat('|') {
            branches.push(self.branch()?);
        }
        // Single characters become one set, so that long lists of letters cost one state.
        let mut letters: Vec<(u32, u32)> = Vec::new();
        let mut others = Vec::new();
        for branch in branches {
            match branch {
                Expr::One(set) => letters.extend(set.ranges()),
                other => others.push(other),
            }
        }
        if !letters.is_empty() || others.is_empty() {
            others.push(Expr::One(Set::of(letters)));
        }
        match others.pop() {
            Some(only) if others.is_empty() => Ok(only),
            Some(last) => {
                others.push(last);
                Ok(Expr::Either(others))
            }
            None => Ok(Expr::All(Vec::new())),
        }
    }

    fn branch(&mut self) -> Result<Expr, PatternFault> {
        let mut pieces = Vec::new();
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            let atom = self.atom(character)?;
            pieces.push(self.quantified(atom)?);
        }
        Ok(match pieces.pop() {
            Some(only) if pieces.is_empty() => only,
            Some(last) => {
                pieces.push(last);
                Expr::All(pieces)
            }
            None => Expr::All(Vec::new()),
        })
    }

    fn atom(&mut self, character: char) -> Result<Expr, PatternFault> {
        match character {
            '(' => {
                self.deeper()?;
                self.at += 1;
                let inner = self.either()?;
                if !self.eat(')') {
                    return Err(self.fault("a group is not closed"));
                }
                self.depth -= 1;
                Ok(inner)
            }
            '[' => self.class().map(Expr::One),
            '\\' => self.escape().map(|(set, _)| Expr::One(set)),
            '.' => {
                self.at += 1;
                Ok(Expr::One(Set::of([(10, 10), (13, 13)]).not()))
            }
            '?' | '*' | '+' | '{' => Err(self.fault("nothing stands before this count")),
            ']' | '}' => Err(self.fault("this character must be written with a backslash")),
            other => {
                self.at += 1;
                Ok(Expr::One(Set::one(other)))
            }
        }
    }

    fn quantified(&mut self, atom: Expr) -> Result<Expr, PatternFault> {
        let (least, most) = match self.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => {
                self.at += 1;
                let least = self.number()?;
                let most = if self.eat(',') {
                    if self.peek() == Some('}') { None } else { Some(self.number()?) }
                } else {
                    Some(least)
                };
                if self.peek() != Some('}') {
                    return Err(self.fault("a count is written {n}, {n,} or {n,m}"));
                }
                if most.is_some_and(|most| most < least) {
                    return Err(self.fault("the second number of a count is less than the first"));
                }
                (least, most)
            }
            _ => return Ok(atom),
        };
        self.at += 1;
        Ok(Expr::Times(Box::new(atom), least, most))
    }

    fn number(&mut self) -> Result<u32, PatternFault> {
        let start = self.at;
        let mut number = 0u32;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        if start == self.at { Err(self.fault("a count is written {n}, {n,} or {n,m}")) } else { Ok(number) }
    }

    /// What a backslash begins; with the character where it means exactly one.
    fn escape(&mut self) -> Result<(Set, Option<char>), PatternFault> {
        self.at += 1;
        let Some(letter) = self.peek() else { return Err(self.fault("a backslash ends the pattern")) };
        self.at += 1;
        let single = match letter {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' | '|' | '.' | '-' | '^' | '?' | '*' | '+' | '{' | '}' | '(' | ')' | '[' | ']' => letter,
            'p' | 'P' => {
                let end = self.characters[self.at..].iter().position(|&character| character == '}');
                let name: Option<String> = end
                    .filter(|_| self.peek() == Some('{'))
                    .map(|end| self.characters[self.at + 1..self.at + end].iter().collect());
                let set = name.as_deref().and_then(charset::property);
                let Some((set, end)) = set.zip(end) else {
                    return Err(self.fault("there is no category and no block of this name"));
                };
                self.at += end + 1;
                return Ok((if letter == 'p' { set } else { set.not() }, None));
            }
            _ => match charset::escape(letter) {
                Some(set) => return Ok((set, None)),
                None => {
                    self.at -= 1;
                    return Err(self.fault("a backslash does not stand before this character"));
                }
            },
        };
        Ok((Set::one(single), Some(single)))
    }

    fn class(&mut self) -> Result<Set, PatternFault> {
        self.deeper()?;
        self.at += 1;
        let negated = self.eat('^');
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut taken = None;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.fault("a class is not closed")),
                Some(']') if self.at > start => break,
                Some('-') if self.ahead(1) == Some('[') => {
                    if self.at == start {
                        return Err(self.fault("nothing stands before this subtraction"));
                    }
                    self.at += 1;
                    taken = Some(self.class()?);
                    if self.peek() != Some(']') {
                        return Err(self.fault("a subtraction ends its class"));
                    }
                    break;
                }
                Some('[' | ']') => return Err(self.fault("this character must be written with a backslash")),
                Some('-') => {
                    // Only at the beginning or the end it means itself.
                    let last = self.ahead(1) == Some(']');
                    let before_subtraction = self.ahead(1) == Some('-') && self.ahead(2) == Some('[');
                    if self.at != start && !last && !before_subtraction {
                        return Err(self.fault("'-' stands at the beginning or the end of a class only"));
                    }
                    self.at += 1;
                    if self.at - 1 == start
                        && self.peek() == Some('-')
                        && self.ahead(1) != Some('[')
                        && self.ahead(1) != Some(']')
                    {
                        return Err(self.fault("a range begins with '-'"));
                    }
                    ranges.push((45, 45));
                }
                Some(character) => {
                    let (set, single) = self.member(character)?;
                    let range = self.peek() == Some('-') && !matches!(self.ahead(1), Some(']' | '[') | None);
                    let Some(first) = single.filter(|_| range) else {
                        ranges.extend(set.ranges());
                        continue;
                    };
                    if self.ahead(1) == Some('-') && self.ahead(2) == Some('[') {
                        ranges.extend(set.ranges());
                        continue;
                    }
                    self.at += 1;
                    let Some(character) = self.peek().filter(|character| *character != '-') else {
                        return Err(self.fault("a range ends with a character"));
                    };
                    let (_, last) = self.member(character)?;
                    match last {
                        Some(last) if last >= first => ranges.push((u32::from(first), u32::from(last))),
                        Some(_) => return Err(self.fault("the ends of a range stand in the wrong order")),
                        None => return Err(self.fault("a range ends with a character")),
                    }
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        let set = Set::of(ranges);
        let set = if negated { set.not() } else { set };
        Ok(taken.map_or(set.clone(), |taken| set.without(&taken)))
    }

    fn member(&mut self, character: char) -> Result<(Set, Option<char>), PatternFault> {
        if character == '\\' {
            return self.escape();
        }
        self.at += 1;
        Ok((Set::one(character), Some(character)))
    }
}
