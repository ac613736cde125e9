//! Reads the texts and heads of the letters, those of the routes and those of the stage. Every fault of every file is collected; a
//! text that could say more than its document may is one. What nobody approved is named, and in `produktion` it is a fault.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::paper::fassung::{Fassung, Freigabe};
use crate::paper::font::{Weight, shape};
use crate::paper::head::{Kopf, PLATTFORM};
use crate::paper::texts::{Absatz, DEUTSCH, DOKUMENTE, Dokument, Form, Text, Texte, einsetzen, stellen};
use crate::register::aemter::Aemter;
use crate::route::fault::{Collector, Desk};
use crate::route::place::Place;
use crate::route::reading;
use crate::route::text_file::TextFile;
use crate::route::tree::{self, Kind, Node};

/// The folder of texts and heads, beside the routes and inside a stage folder.
pub const FOLDER: &str = "letters";

const FILE: &[&str] = &["form", "sprache", "amt", "fassung", "datum", "freigegeben", "texte"];
const HEAD: &[&str] = &[
    "kopf",
    "fassung",
    "datum",
    "freigegeben",
    "zeilen",
    "ruecksendung",
    "kontakt",
    "unterzeichner",
    "fuss",
];
const TEXT: &[&str] = &["betreff", "vor", "nach", "gruss", "schluss"];
/// What a notice does not name, so that nobody learns from it what it is about; by language, beginnings of words in lower case.
const UNNAMED: &[(&str, &[&str])] = &[
    ("de", &["sorge", "kind"]),
    ("en", &["custody", "child"]),
    ("fr", &["parental", "enfant"]),
    ("pl", &["piecz", "opiek", "dzieck"]),
    ("tr", &["velayet", "çocuk"]),
    ("uk", &["опік", "дитин"]),
];

/// The files of texts and heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letters {
    /// Beside the routes, in the order of their names.
    pub shared: Vec<TextFile>,
    /// Of the stage, likewise.
    pub own: Vec<TextFile>,
}

impl Letters {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &TextFile> {
        self.shared.iter().chain(&self.own)
    }
}

/// The texts of a stage; one of the stage holds before the same one of the routes. `real` says that only what was approved is used.
pub fn read(collector: &Collector, files: &Letters, aemter: &Aemter, real: bool) -> Texte {
    let mut texte = Texte { nur_freigegeben: real, ..Texte::default() };
    let mut taken: BTreeMap<String, Layer> = BTreeMap::new();
    for (layer, files) in [(Layer::Stage, &files.own), (Layer::Routes, &files.shared)] {
        for file in files {
            let desk = collector.desk(&file.name, &file.text);
            let Some(root) = tree::parse(&file.text, desk) else { continue };
            let (found, at) = match root.get("kopf") {
                Some(_) => (head(desk, &root, aemter).into_iter().collect(), root.locate("/kopf")),
                None => (texts(desk, &root, aemter), root.locate("/form")),
            };
            let mut drafts = Vec::new();
            for found in found {
                let name = found.name();
                match taken.get(&name) {
                    Some(other) if *other == layer => {
                        desk.fault(at, format!("{name} stands twice; keep one version"));
                        continue;
                    }
                    Some(_) => continue,
                    None => taken.insert(name.clone(), layer),
                };
                if found.fassung().freigegeben.is_none() {
                    drafts.push(name);
                }
                match found {
                    Found::Text(text) => texte.texte.push(*text),
                    Found::Head(kopf) => texte.koepfe.push(*kopf),
                }
            }
            unapproved(desk, root.locate("/fassung"), &drafts, real);
        }
    }
    heads(collector, files, &mut texte, aemter);
    texte
}

/// Whose a file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Stage,
    Routes,
}

/// Names what nobody approved; where the stage is real it is a fault.
fn unapproved(desk: Desk<'_>, at: Place, drafts: &[String], real: bool) {
    if drafts.is_empty() {
        return;
    }
    let named = drafts.join(", ");
    if real {
        let what = "write `freigegeben: { von: …, am: … }` once somebody has, or remove what is not needed";
        desk.fault(at, format!("nobody approved {named}; {what}"));
    } else {
        desk.warn(at, format!("nobody approved {named}; letters are marked as drafts"));
    }
}

/// Who issues letters needs a head: the platform, and each office that released automatic answers. Where no data are real a draft that says
/// no more than whose it is takes its place, so that a stage can be tried out before everybody has written one.
fn heads(collector: &Collector, files: &Letters, texte: &mut Texte, aemter: &Aemter) {
    let Some(first) = files.all().next() else { return };
    let released = aemter.aemter.iter().filter(|amt| amt.freigabe_seit.is_some()).map(|amt| amt.id.as_str());
    for von in std::iter::once(PLATTFORM).chain(released) {
        if texte.koepfe.iter().any(|kopf| kopf.von == von) {
            continue;
        }
        let text =
            format!("`{von}` has no head for its letters; write it into the folder {FOLDER} of the stage");
        let desk = collector.again(&first.name);
        if texte.nur_freigegeben {
            desk.fault(Place::default(), text);
            continue;
        }
        desk.warn(Place::default(), text);
        let Some(datum) = texte.texte.first().map(|text| text.fassung.datum) else { continue };
        let name = aemter.amt(von).map_or("Entwurf eines Briefkopfs", |amt| amt.name.as_str());
        texte.koepfe.push(Kopf {
            von: von.to_owned(),
            fassung: Fassung { nummer: "0".to_owned(), datum, freigegeben: None },
            zeilen: vec![name.to_owned()],
            ruecksendung: name.to_owned(),
            kontakt: Vec::new(),
            unterzeichner: Vec::new(),
            fuss: Vec::new(),
        });
    }
}

enum Found {
    Text(Box<Text>),
    Head(Box<Kopf>),
}

impl Found {
    /// How a person names it; nothing else has the same name.
    fn name(&self) -> String {
        match self {
            Found::Text(text) => text.name(),
            Found::Head(kopf) => kopf.name(),
        }
    }

    fn fassung(&self) -> &Fassung {
        match self {
            Found::Text(text) => &text.fassung,
            Found::Head(kopf) => &kopf.fassung,
        }
    }
}

fn head(desk: Desk<'_>, root: &Node, aemter: &Aemter) -> Option<Found> {
    let root = reading::map(desk, root, "a head", HEAD)?;
    let texts = |key: &str, most: usize| {
        let found =
            root.get(key).map(|node| reading::texts(desk, node, &format!("`{key}`"))).unwrap_or_default();
        if found.len() > most {
            desk.fault(
                root.locate(&format!("/{key}")),
                format!("`{key}` has more than {most} entries; shorten it"),
            );
        }
        found.into_iter().map(|text| text.value).collect::<Vec<_>>()
    };
    let need = |key: &str| {
        reading::need(desk, root, "a head", key)
            .and_then(|node| reading::text(desk, node, &format!("`{key}`")))
    };
    let (von, fassung, back) = (need("kopf"), fassung(desk, root, "a head"), need("ruecksendung"));
    reading::need(desk, root, "a head", "zeilen");
    let contacts = root.get("kontakt").map(|node| reading::list(desk, node, "`kontakt`")).unwrap_or_default();
    let kontakt = contacts.iter().filter_map(|node| contact(desk, node)).collect();
    let columns = root.get("fuss").map(|node| reading::list(desk, node, "`fuss`")).unwrap_or_default();
    let fuss = columns
        .iter()
        .map(|node| {
            reading::texts(desk, node, "a column of `fuss`").into_iter().map(|text| text.value).collect()
        })
        .collect();
    let (zeilen, unterzeichner) = (texts("zeilen", 4), texts("unterzeichner", 6));
    let (Some(von), Some(fassung), Some(back)) = (von, fassung, back) else { return None };
    if von.value != PLATTFORM {
        office(desk, &von, aemter);
    }
    let kopf =
        Kopf { von: von.value, fassung, zeilen, ruecksendung: back.value, kontakt, unterzeichner, fuss };
    for written in kopf.texts() {
        shown(desk, root.at, "the head", written);
        // It stands on every notice, too.
        if kopf.von == PLATTFORM
            && let Some(word) = unnamed(DEUTSCH, written)
        {
            let text =
                format!("the head names what letters are about (`{word}`); a notice says nothing of it");
            desk.fault(root.at, text);
        }
    }
    Some(Found::Head(Box::new(kopf)))
}

fn contact(desk: Desk<'_>, node: &Node) -> Option<(String, String)> {
    let node = reading::map(desk, node, "an entry of `kontakt`", &["was", "wert"])?;
    let need = |key: &str| {
        let found = reading::need(desk, node, "an entry of `kontakt`", key)?;
        Some(reading::text(desk, found, &format!("`{key}`"))?.value)
    };
    Some((need("was")?, need("wert")?))
}

/// An office that is written must be one of the tables.
fn office(desk: Desk<'_>, written: &tree::At<String>, aemter: &Aemter) {
    if aemter.amt(&written.value).is_none() {
        let known = aemter.aemter.iter().map(|amt| &amt.id);
        desk.unknown(written.at, format!("unknown office: `{}`", written.value), &written.value, known);
    }
}

fn fassung(desk: Desk<'_>, node: &Node, what: &str) -> Option<Fassung> {
    let nummer =
        reading::need(desk, node, what, "fassung").and_then(|node| reading::text(desk, node, "`fassung`"));
    let datum = reading::need(desk, node, what, "datum").and_then(|node| day(desk, node, "`datum`"));
    let freigegeben = match node.get("freigegeben") {
        None => None,
        Some(node) => {
            let node = reading::map(desk, node, "`freigegeben`", &["von", "am"])?;
            let von = reading::need(desk, node, "`freigegeben`", "von")
                .and_then(|node| reading::text(desk, node, "`von`"));
            let am =
                reading::need(desk, node, "`freigegeben`", "am").and_then(|node| day(desk, node, "`am`"));
            if let (Some(am), Some(datum)) = (am, datum)
                && am < datum
            {
                desk.fault(
                    node.locate("/am"),
                    "the approval lies before the version; approve the version that stands here",
                );
            }
            Some(Freigabe { von: von?.value, am: am? })
        }
    };
    Some(Fassung { nummer: nummer?.value, datum: datum?, freigegeben })
}

fn day(desk: Desk<'_>, node: &Node, what: &str) -> Option<Date> {
    let day = node.text().and_then(|text| text.parse::<Date>().ok());
    if day.is_none() {
        desk.fault(node.at, format!("{what} is no date; write such as 2026-12-31"));
    }
    day
}

fn texts(desk: Desk<'_>, root: &Node, aemter: &Aemter) -> Vec<Found> {
    let Some(root) = reading::map(desk, root, "a file of texts", FILE) else { return Vec::new() };
    let what = "a file of texts";
    let forms = [(Form::Schreiben.word(), Form::Schreiben), (Form::Deckblatt.word(), Form::Deckblatt)];
    let form =
        reading::need(desk, root, what, "form").and_then(|node| reading::word(desk, node, "`form`", &forms));
    let sprache =
        reading::need(desk, root, what, "sprache").and_then(|node| reading::text(desk, node, "`sprache`"));
    let fassung = fassung(desk, root, what);
    let amt = reading::optional_text(desk, root, "amt");
    if let Some(amt) = &amt {
        office(desk, amt, aemter);
    }
    let Some(list) = reading::need(desk, root, what, "texte") else { return Vec::new() };
    let (Some(form), Some(sprache), Some(fassung)) = (form, sprache, fassung) else { return Vec::new() };
    if form == Form::Schreiben && sprache.value != DEUTSCH {
        desk.fault(
            sprache.at,
            "a letter is written in German, the official language; other languages have a cover",
        );
    }
    if !tag(&sprache.value) {
        desk.fault(sprache.at, "`sprache` is no language tag; write such as `en`, `tr`, `de-simple`");
    }
    let names: Vec<&str> = DOKUMENTE.iter().map(|dokument| dokument.word()).collect();
    let Some(list) = reading::map(desk, list, "`texte`", &names) else { return Vec::new() };
    let mut found = Vec::new();
    for dokument in DOKUMENTE {
        let Some(node) = list.get(dokument.word()) else { continue };
        if amt.is_some() && !dokument.of_an_office() {
            let text = format!(
                "`{}` comes from the platform, the same for all; write it without `amt`",
                dokument.word()
            );
            desk.fault(node.at, text);
        }
        let named =
            Named { dokument, form, sprache: &sprache.value, amt: amt.as_ref().map(|amt| &amt.value) };
        if let Some(text) = text(desk, node, &named, &fassung) {
            found.push(Found::Text(Box::new(text)));
        }
    }
    found
}

/// The shape of a language tag of BCP 47.
fn tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().is_some_and(|part| {
        (2..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_lowercase())
    });
    language
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric())
        })
}

/// Which text is read.
struct Named<'a> {
    dokument: Dokument,
    form: Form,
    sprache: &'a str,
    amt: Option<&'a String>,
}

fn text(desk: Desk<'_>, node: &Node, named: &Named<'_>, fassung: &Fassung) -> Option<Text> {
    let what = format!("the text `{}`", named.dokument.word());
    let node = reading::map(desk, node, &what, TEXT)?;
    let betreff = reading::need(desk, node, &what, "betreff")
        .and_then(|node| reading::text(desk, node, "`betreff`"))?;
    let part = |key: &str| {
        let items =
            node.get(key).map(|list| reading::list(desk, list, &format!("`{key}`"))).unwrap_or_default();
        items.iter().filter_map(|item| absatz(desk, item)).collect::<Vec<_>>()
    };
    reading::need(desk, node, &what, "vor");
    let schluss = node.get("schluss").map(|list| reading::texts(desk, list, "`schluss`")).unwrap_or_default();
    let text = Text {
        dokument: named.dokument,
        form: named.form,
        sprache: named.sprache.to_owned(),
        amt: named.amt.cloned(),
        fassung: fassung.clone(),
        betreff: betreff.value,
        vor: part("vor"),
        nach: part("nach"),
        gruss: reading::optional_text(desk, node, "gruss").map(|gruss| gruss.value),
        schluss: schluss.into_iter().map(|text| text.value).collect(),
    };
    allowed(desk, node, &text);
    Some(text)
}

/// The places of a text are those of its document; a notice names neither register nor child; each character can be shown.
fn allowed(desk: Desk<'_>, node: &Node, text: &Text) {
    let places = stellen(text.dokument, text.form);
    for written in text.texts() {
        let known = |place: &str| places.contains(&place).then(String::new);
        if let Err(unknown) = einsetzen(written, known) {
            desk.unknown(
                node.at,
                format!("{unknown} in the text `{}`", text.dokument.word()),
                &unknown.0,
                places,
            );
        }
        if !text.dokument.of_an_office()
            && let Some(word) = unnamed(&text.sprache, written)
        {
            let text = format!(
                "`{}` names what it is about (`{word}`); a notice says nothing of it",
                text.dokument.word()
            );
            desk.fault(node.at, text);
        }
        shown(desk, node.at, &format!("the text `{}`", text.dokument.word()), written);
    }
    if text.betreff.contains(['{', '}']) {
        desk.fault(
            node.locate("/betreff"),
            "`betreff` has a place; it names the file and says nothing of a person",
        );
    }
}

/// The faces have every character of what is written; else no letter with it could be made.
fn shown(desk: Desk<'_>, at: Place, what: &str, written: &str) {
    if shape(&written.replace('\n', " "), Weight::Regular).is_err() {
        desk.fault(at, format!("{what} has a character that no letter can show"));
    }
}

/// The first word of a text that a notice does not name.
fn unnamed<'a>(sprache: &str, written: &'a str) -> Option<&'a str> {
    let language = sprache.split('-').next();
    let words = UNNAMED.iter().find(|(of, _)| language == Some(*of)).map_or(&[][..], |(_, words)| *words);
    let mut all = written.split(|letter: char| !letter.is_alphabetic());
    all.find(|word| {
        let word = word.to_lowercase();
        word.starts_with("sorgeregister") || words.iter().any(|beginning| word.starts_with(beginning))
    })
}

fn absatz(desk: Desk<'_>, node: &Node) -> Option<Absatz> {
    if !matches!(node.kind, Kind::Map(_)) {
        return reading::text(desk, node, "a paragraph").map(|text| Absatz::Text(text.value));
    }
    let node = reading::map(desk, node, "a paragraph", &["ueberschrift", "liste"])?;
    match (node.get("ueberschrift"), node.get("liste")) {
        (Some(heading), None) => {
            reading::text(desk, heading, "`ueberschrift`").map(|text| Absatz::Ueberschrift(text.value))
        }
        (None, Some(items)) => {
            let items = reading::texts(desk, items, "`liste`").into_iter().map(|text| text.value);
            Some(Absatz::Liste(items.collect()))
        }
        _ => {
            desk.fault(node.at, "a paragraph is a text, `ueberschrift: …` or `liste: […]`, one of them");
            None
        }
    }
}
