//! Documents with one or two faults, made by seeded chance from good ones: text, attributes, order, count, nil, type,
//! comments, CDATA, references, white space, namespaces, prefixes. It never knows a schema.

use crate::schema_support::Chance;

#[derive(Clone, Debug)]
enum Token {
    Open { name: String, attributes: Vec<(String, String)>, empty: bool },
    Close(String),
    Text(String),
    Other(String),
}

const VALUES: &[&str] = &[
    "",
    " ",
    "1_0",
    "1_",
    "0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1.50",
    ".5",
    "1e5",
    "INF",
    "NaN",
    "0x1F",
    "true",
    "1",
    " 1 ",
    "99999999999999999999",
    "2024-02-29",
    "2024-02-30",
    "2023-02-29",
    "2024-13-01",
    "24:00:00",
    "2024-01-01Z",
    "2024-01-01T00:00:00",
    "2024-01-01T24:00:00+01:00",
    "2024-01-01T00:00:00.123456789Z",
    "--02-29",
    "2024",
    "P1Y",
    "ẞ",
    "\u{a0}",
    "ʹ",
    "Ω",
    "Ж",
    "😀",
    "a b",
    "a  b",
    "\u{85}",
    "&#10;",
    "&#x20;x",
    "&amp;",
    "]]&gt;",
    "%zz",
    "%20",
    "http://x",
    ":a",
    "a:b",
    "xs:string",
    "=",
    "QUJD",
    "QUI=",
    "QUJ=",
    "QUJD QUJD",
    "A",
    "a",
    "de-DE",
    "12345678901",
    "00000000-0000-0000-0000-000000000000",
    "A\u{30B}",
    "K\u{35F}H",
    "x\u{301}",
    "\u{200B}",
    "ﬀ",
    "01",
    "02",
    "03",
    "04",
];

const INSTRUCTIONS: &[&str] = &[
    "xsi:nil=\"true\"",
    "xsi:nil=\"false\"",
    "xsi:nil=\" 1 \"",
    "xsi:nil=\"x\"",
    "xsi:type=\"x\"",
    "xsi:schemaLocation=\"a\"",
    "xsi:schemaLocation=\"urn:a b.xsd\"",
    "xsi:noNamespaceSchemaLocation=\"\"",
];

fn read(text: &str) -> Vec<Token> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let rest = &text[at..];
        let length = if rest.starts_with("<!--") {
            rest.find("-->").unwrap() + 3
        } else if rest.starts_with("<![CDATA[") {
            rest.find("]]>").unwrap() + 3
        } else if rest.starts_with('<') {
            rest.find('>').unwrap() + 1
        } else {
            rest.find('<').unwrap_or(rest.len())
        };
        let token = &rest[..length];
        tokens.push(if token.starts_with("</") {
            Token::Close(token[2..length - 1].trim().to_owned())
        } else if token.starts_with("<!") || token.starts_with("<?") {
            Token::Other(token.to_owned())
        } else if let Some(inner) = token.strip_prefix('<') {
            let empty = inner.ends_with("/>");
            let inner = inner.trim_end_matches('>').trim_end_matches('/');
            let name = inner.split_whitespace().next().unwrap().to_owned();
            let mut attributes = Vec::new();
            let mut left = inner[name.len()..].trim_start();
            while let Some((name, after)) = left.split_once('=') {
                let after = after.trim_start();
                let quote = after.chars().next().unwrap();
                let end = after[1..].find(quote).unwrap() + 1;
                attributes.push((name.trim().to_owned(), after[1..end].to_owned()));
                left = after[end + 1..].trim_start();
            }
            Token::Open { name, attributes, empty }
        } else {
            Token::Text(token.to_owned())
        });
        at += length;
    }
    tokens
}

fn write(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Open { name, attributes, empty } => {
                text.push_str(&format!("<{name}"));
                for (name, value) in attributes {
                    text.push_str(&format!(" {name}=\"{}\"", value.replace('"', "&quot;")));
                }
                text.push_str(if *empty { "/>" } else { ">" });
            }
            Token::Close(name) => text.push_str(&format!("</{name}>")),
            Token::Text(inner) | Token::Other(inner) => text.push_str(inner),
        }
    }
    text
}

/// Where the element ends that begins at a token.
fn end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0i32;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Open { empty: false, .. } => depth += 1,
            Token::Close(_) => depth -= 1,
            _ => {}
        }
        if depth == 0 && !matches!(token, Token::Text(_) | Token::Other(_)) {
            return at + 1;
        }
    }
    tokens.len()
}

fn opens(tokens: &[Token]) -> Vec<usize> {
    let all = tokens.iter().enumerate();
    all.filter(|(_, token)| matches!(token, Token::Open { .. })).map(|(at, _)| at).collect()
}

/// Text of elements without elements.
fn leaves(tokens: &[Token]) -> Vec<usize> {
    (1..tokens.len().saturating_sub(1))
        .filter(|at| {
            matches!(tokens[*at], Token::Text(_))
                && matches!(tokens[at - 1], Token::Open { .. })
                && matches!(tokens[at + 1], Token::Close(_))
        })
        .collect()
}

/// A document with faults; `types` are names of types to put into `xsi:type`.
pub fn mutant(text: &str, types: &[String], chance: &mut Chance) -> String {
    let mut tokens = read(text);
    for _ in 0..1 + chance.below(2) {
        once(&mut tokens, types, chance);
    }
    write(&tokens)
}

fn once(tokens: &mut Vec<Token>, types: &[String], chance: &mut Chance) {
    let (opens, leaves) = (opens(tokens), leaves(tokens));
    if opens.len() < 2 {
        return;
    }
    let open = opens[chance.below(opens.len())];
    // The root is changed seldom: everything below it hangs on it.
    let inner = opens[1.min(opens.len() - 1) + chance.below(opens.len().saturating_sub(1))];
    let leaf = (!leaves.is_empty()).then(|| leaves[chance.below(leaves.len())]);
    match chance.below(28) {
        0..=5 => {
            if let Some(leaf) = leaf {
                tokens[leaf] = Token::Text(chance.of(VALUES).to_owned());
            }
        }
        6 | 7 => {
            if let Some(Token::Text(text)) = leaf.map(|leaf| &mut tokens[leaf]) {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                let at = places[chance.below(places.len())];
                // Not inside of a reference.
                if !text.contains('&') {
                    text.insert_str(
                        at,
                        chance.of(&[
                            " ",
                            "\n",
                            "\t",
                            "\r\n",
                            "\u{a0}",
                            "x",
                            "<!-- c -->",
                            "<?p i?>",
                            "<![CDATA[y]]>",
                            "<![CDATA[]]>",
                            "&#65;",
                            "&#x1E9E;",
                            "&lt;",
                            "_",
                            "\u{7f}",
                            "é",
                            "&#13;",
                        ]),
                    );
                }
            }
        }
        8 => {
            if let Some(Token::Text(text)) = leaf.map(|leaf| &mut tokens[leaf]).filter(|_| true) {
                let inner = std::mem::take(text);
                *text = if inner.contains('&') { inner } else { format!("<![CDATA[{inner}]]>") };
            }
        }
        9 => {
            if let Some(Token::Text(text)) = leaf.map(|leaf| &mut tokens[leaf])
                && !text.contains('&')
            {
                *text = text.chars().map(|letter| format!("&#{};", u32::from(letter))).collect();
            }
        }
        10 | 11 => {
            let end = end(tokens, inner);
            tokens.drain(inner..end);
        }
        12 | 13 => {
            let end = end(tokens, inner);
            let copy: Vec<Token> = tokens[inner..end].to_vec();
            let times = chance.of(&[&1usize, &1, &2, &40]);
            for _ in 0..*times {
                tokens.splice(end..end, copy.clone());
            }
        }
        14 | 15 => {
            // Behind another element.
            let end_of = end(tokens, inner);
            let moved: Vec<Token> = tokens.drain(inner..end_of).collect();
            let left: Vec<usize> = (1..tokens.len()).collect();
            let at = left[chance.below(left.len())];
            tokens.splice(at..at, moved);
        }
        16 => {
            let stranger = chance.of(&[
                "<x/>",
                "<x xmlns=\"urn:x\"/>",
                "<x xmlns=\"\">t</x>",
                "text",
                "\u{a0}",
                " ",
                "<!-- c -->",
                "<?p i?>",
                "<![CDATA[ ]]>",
                "&#32;",
                "&#160;",
                "1",
            ]);
            let at = 1 + chance.below(tokens.len() - 1);
            tokens.insert(at, Token::Other(stranger.to_owned()));
        }
        17 => {
            let end_of = end(tokens, inner) - 1;
            let Token::Open { name, .. } = &mut tokens[inner] else { return };
            let changed = match chance.below(4) {
                0 => format!("{name}x"),
                1 => name.split(':').next_back().unwrap().to_owned(),
                2 => name.to_uppercase(),
                _ => name.split(':').next_back().unwrap().chars().rev().collect(),
            };
            *name = changed.clone();
            if let Token::Close(name) = &mut tokens[end_of] {
                *name = changed;
            }
        }
        18..=20 => {
            let Token::Open { attributes, .. } = &mut tokens[open] else { return };
            let own: Vec<usize> =
                (0..attributes.len()).filter(|at| !attributes[*at].0.starts_with("xmlns")).collect();
            if own.is_empty() {
                return attributes.push((
                    chance.of(&["foo", "code", "listURI", "xml:lang", "Id"]).to_owned(),
                    chance.of(VALUES).to_owned(),
                ));
            }
            let at = own[chance.below(own.len())];
            match chance.below(3) {
                0 => drop(attributes.remove(at)),
                1 => attributes[at].0.push('x'),
                _ => attributes[at].1 = chance.of(VALUES).replace('"', ""),
            }
        }
        21 | 22 => {
            let Token::Open { attributes, .. } = &mut tokens[open] else { return };
            if attributes.iter().any(|(name, _)| name.starts_with("xsi:") || name == "xmlns:xsi") {
                return;
            }
            let (name, value) = chance.of(INSTRUCTIONS).split_once('=').unwrap();
            attributes.push(("xmlns:xsi".to_owned(), "http://www.w3.org/2001/XMLSchema-instance".to_owned()));
            attributes.push((name.to_owned(), value.trim_matches('"').to_owned()));
        }
        23 => {
            let Token::Open { attributes, .. } = &mut tokens[open] else { return };
            if attributes.iter().any(|(name, _)| name.starts_with("xsi:") || name.starts_with("xmlns"))
                || types.is_empty()
            {
                return;
            }
            let (space, local) = types[chance.below(types.len())].split_once('}').unwrap();
            attributes.push(("xmlns:xsi".to_owned(), "http://www.w3.org/2001/XMLSchema-instance".to_owned()));
            attributes.push(("xmlns:zz".to_owned(), space.trim_start_matches('{').to_owned()));
            attributes.push(("xsi:type".to_owned(), format!("zz:{local}")));
        }
        24 => {
            let Token::Open { attributes, .. } = &mut tokens[opens[0]] else { return };
            let spaces: Vec<usize> =
                (0..attributes.len()).filter(|at| attributes[*at].0.starts_with("xmlns")).collect();
            if spaces.is_empty() {
                return;
            }
            let at = spaces[chance.below(spaces.len())];
            if chance.below(2) == 0 {
                attributes[at].1.push('x')
            } else {
                attributes[at].1.make_ascii_uppercase()
            }
        }
        25 => {
            // Another prefix for the same namespace, everywhere.
            let Token::Open { name, .. } = &tokens[opens[0]] else { return };
            let Some((prefix, _)) = name.split_once(':') else { return };
            let prefix = prefix.to_owned();
            for token in tokens.iter_mut() {
                let change = |name: &mut String| {
                    if let Some(local) = name.strip_prefix(&format!("{prefix}:")) {
                        *name = format!("other:{local}");
                    } else if *name == format!("xmlns:{prefix}") {
                        *name = "xmlns:other".to_owned();
                    }
                };
                match token {
                    Token::Open { name, attributes, .. } => {
                        change(name);
                        attributes.iter_mut().for_each(|(name, _)| change(name));
                    }
                    Token::Close(name) => change(name),
                    _ => {}
                }
            }
        }
        26 => {
            if let Some(leaf) = leaf {
                tokens.remove(leaf);
            }
        }
        _ => {
            // An element without content.
            let end_of = end(tokens, inner);
            if let Token::Open { empty, .. } = &mut tokens[inner]
                && !*empty
            {
                *empty = true;
                tokens.drain(inner + 1..end_of);
            }
        }
    }
}
