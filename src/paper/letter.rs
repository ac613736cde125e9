//! The letters: what is told to the mother, as a sheet of DIN 5008 with the head of its issuer. States what rules.md 3 names and
//! nothing else; refuses what does not fit, and never decides what is told.

use jiff::civil::Date;

use crate::paper::facts::{Fakten, Fehlt, MOST_CHILDREN, Pruefwert, RECHTSGRUNDLAGE, tag, teildatum};
use crate::paper::flow::{Line, Style, lines};
use crate::paper::font::Unshown;
use crate::paper::head::{Kopf, PLATTFORM};
use crate::paper::page::{Belongs, Cursor, Layout, Role, Rule, Unfit};
use crate::paper::pdf::{About, Attachment, Unwritten, write};
use crate::paper::sheet;
use crate::paper::texts::{
    Absatz, DEUTSCH, Dokument, Form, LEICHTE_SPRACHE, Ohne, Text, Texte, Unbekannt, einsetzen,
};

/// Name of the file inside the PDF that holds its facts.
const FACTS: &str = "angaben.json";
/// Who decides where no office is known.
const OHNE_STELLE: &str = "das Jugendamt Ihres Wohnorts";
/// What stands on a letter whose text or head nobody approved.
const ENTWURF: &str = "Entwurf – nicht freigegeben";

/// What is told.
#[derive(Clone, Copy, Debug)]
pub enum Inhalt<'a> {
    /// Case A, of a Jugendamt by its id.
    Auskunft {
        /// Who issues it.
        amt: &'a str,
        /// What it states.
        fakten: &'a Fakten,
    },
    /// Case B, likewise.
    Hinweis {
        /// Who issues it.
        amt: &'a str,
        /// What it states.
        fakten: &'a Fakten,
        /// What each Art of the Eintragung is called.
        eintragungen: &'a [&'a str],
    },
    /// A Klärfall, whichever: only reference and day make a difference.
    Eingangsnachricht {
        /// The number under which the Vorgang is found.
        referenz: &'a str,
        /// The day of the letter.
        datum: Date,
    },
    /// K and L: nothing was decided.
    Zustaendigkeit {
        /// The number under which the Vorgang is found.
        referenz: &'a str,
        /// The day of the letter.
        datum: Date,
        /// The office that decides, where the typed address names one.
        stelle: Option<&'a str>,
    },
}

/// To whom a cover goes by post. Letters themselves bear no address: it is no fact that they state.
#[derive(Clone, Copy)]
pub struct Empfaenger<'a> {
    /// Her name.
    pub name: &'a str,
    /// The lines of the address below it.
    pub anschrift: &'a [String],
}

impl std::fmt::Debug for Empfaenger<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Empfaenger(..)")
    }
}

/// A cover that lies before a letter.
#[derive(Clone, Copy, Debug)]
pub struct Deckblatt<'a> {
    /// The letter behind it.
    pub zu: Dokument,
    /// Who issues that letter; the platform where it is `None`.
    pub amt: Option<&'a str>,
    /// Language, BCP 47.
    pub sprache: &'a str,
    /// The number under which the Vorgang is found.
    pub referenz: &'a str,
    /// The day of the letter.
    pub datum: Date,
    /// To whom it goes by post; nobody where it is handed over electronically.
    pub empfaenger: Option<Empfaenger<'a>>,
}

/// A letter as a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Datei {
    /// Its name, which says nothing of a person.
    pub name: String,
    /// The PDF.
    pub octets: Vec<u8>,
    /// What a page compares; only of letters that state facts.
    pub pruefwert: Option<Pruefwert>,
    /// The versions of text and head, as the row of the letter is stamped with.
    pub fassung: String,
}

impl std::fmt::Debug for Datei {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Datei({}, {} octets, {})", self.name, self.octets.len(), self.fassung)
    }
}

/// Why there is no letter. No error holds a word of what would be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfertig {
    /// A fact is missing.
    #[error(transparent)]
    Fehlt(#[from] Fehlt),
    /// A text or head is missing or not approved.
    #[error(transparent)]
    Ohne(#[from] Ohne),
    /// What is written does not fit on its sheets.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A text has a place that its document does not fill.
    #[error("a text of the letter has the {0}, which nothing fills; correct the text")]
    Stelle(#[from] Unbekannt),
    /// The PDF could not be written.
    #[error(transparent)]
    Unwritten(#[from] Unwritten),
}

impl From<Unshown> for Unfertig {
    fn from(unshown: Unshown) -> Unfertig {
        Unfertig::Unfit(unshown.into())
    }
}

impl Inhalt<'_> {
    /// Which document it is.
    pub fn dokument(&self) -> Dokument {
        match self {
            Inhalt::Auskunft { .. } => Dokument::Auskunft,
            Inhalt::Hinweis { .. } => Dokument::Hinweis,
            Inhalt::Eingangsnachricht { .. } => Dokument::Eingangsnachricht,
            Inhalt::Zustaendigkeit { .. } => Dokument::Zustaendigkeit,
        }
    }

    fn amt(&self) -> Option<&str> {
        match self {
            Inhalt::Auskunft { amt, .. } | Inhalt::Hinweis { amt, .. } => Some(amt),
            _ => None,
        }
    }

    fn fakten(&self) -> Option<&Fakten> {
        match self {
            Inhalt::Auskunft { fakten, .. } | Inhalt::Hinweis { fakten, .. } => Some(fakten),
            _ => None,
        }
    }

    fn eintragungen(&self) -> &[&str] {
        match self {
            Inhalt::Hinweis { eintragungen, .. } => eintragungen,
            _ => &[],
        }
    }

    fn referenz(&self) -> (&str, Date) {
        match self {
            Inhalt::Auskunft { fakten, .. } | Inhalt::Hinweis { fakten, .. } => {
                (&fakten.referenz, fakten.datum)
            }
            Inhalt::Eingangsnachricht { referenz, datum }
            | Inhalt::Zustaendigkeit { referenz, datum, .. } => (referenz, *datum),
        }
    }

    /// What stands in a place of its text.
    fn value(&self, place: &str) -> Option<String> {
        let (referenz, datum) = self.referenz();
        match (place, self.fakten(), self) {
            ("referenz", ..) => Some(referenz.to_owned()),
            ("datum", ..) => Some(tag(datum)),
            ("name", Some(fakten), _) => Some(fakten.mutter.name()),
            ("stand", Some(fakten), _) => Some(tag(fakten.stand)),
            ("aussteller", Some(fakten), _) => Some(fakten.aussteller.clone()),
            ("stelle", _, Inhalt::Zustaendigkeit { stelle, .. }) => {
                Some(stelle.unwrap_or(OHNE_STELLE).to_owned())
            }
            _ => None,
        }
    }
}

/// Writes a letter. `vermerk` is a note above the address, such as that a letter is a sample.
pub fn schreiben(texte: &Texte, inhalt: &Inhalt<'_>, vermerk: Option<&str>) -> Result<Datei, Unfertig> {
    let dokument = inhalt.dokument();
    let text = texte.text(dokument, Form::Schreiben, DEUTSCH, inhalt.amt())?;
    let kopf = texte.kopf(inhalt.amt().unwrap_or(PLATTFORM))?;
    let named = inhalt.fakten().map(|fakten| fakten.mutter.name());
    let address: Vec<&str> = named.iter().map(String::as_str).collect();
    let frame = Frame { kopf, text, referenz: inhalt.referenz(), address: &address, posted: false, vermerk };
    let (mut cursor, foot) = frame.begin()?;
    let value = |place: &str| inhalt.value(place);
    absaetze(&mut cursor, &text.vor, sheet::BODY, &value)?;
    let octets = match inhalt.fakten() {
        Some(fakten) => Some(state(&mut cursor, inhalt, fakten)?),
        None => None,
    };
    absaetze(&mut cursor, &text.nach, sheet::BODY, &value)?;
    closing(&mut cursor, frame.kopf, text, &value, sheet::BODY)?;
    let pruefwert = octets.as_deref().map(Pruefwert::over);
    if let Some(pruefwert) = pruefwert {
        cursor.paragraph(&format!("Prüfwert: {}", pruefwert.gruppen()), sheet::SMALL)?;
    }
    let layout = frame.finish(cursor, foot)?;
    let attachment = octets.as_deref().map(|octets| Attachment {
        name: FACTS,
        media_type: "application/json",
        about: "Die Angaben dieses Schreibens in maschinenlesbarer Form",
        octets,
    });
    let octets = write(&layout, &frame.about(DEUTSCH), attachment.as_ref())?;
    Ok(Datei { name: format!("{}.pdf", dokument.word()), octets, pruefwert, fassung: frame.fassung() })
}

/// Writes a cover. It says what lies behind it and nothing of a person; by post it bears the address.
pub fn deckblatt(texte: &Texte, blatt: &Deckblatt<'_>, vermerk: Option<&str>) -> Result<Datei, Unfertig> {
    let amt = blatt.amt.filter(|_| blatt.zu.of_an_office());
    let text = texte.text(blatt.zu, Form::Deckblatt, blatt.sprache, amt)?;
    let kopf = texte.kopf(amt.unwrap_or(PLATTFORM))?;
    let address: Vec<&str> = blatt
        .empfaenger
        .iter()
        .flat_map(|an| std::iter::once(an.name).chain(an.anschrift.iter().map(String::as_str)))
        .collect();
    let referenz = (blatt.referenz, blatt.datum);
    let frame =
        Frame { kopf, text, referenz, address: &address, posted: blatt.empfaenger.is_some(), vermerk };
    let (mut cursor, foot) = frame.begin()?;
    let style = frame.style();
    let value = |place: &str| match place {
        "referenz" => Some(blatt.referenz.to_owned()),
        "datum" => Some(tag(blatt.datum)),
        _ => None,
    };
    absaetze(&mut cursor, &text.vor, style, &value)?;
    absaetze(&mut cursor, &text.nach, style, &value)?;
    closing(&mut cursor, frame.kopf, text, &value, style)?;
    let layout = frame.finish(cursor, foot)?;
    let octets = write(&layout, &frame.about(&text.sprache), None)?;
    let name = format!("deckblatt-{}.pdf", text.sprache);
    Ok(Datei { name, octets, pruefwert: None, fassung: frame.fassung() })
}

/// The facts of a letter as a table, and of an Auskunft its one sentence; says the octets of the same facts.
fn state(cursor: &mut Cursor, inhalt: &Inhalt<'_>, fakten: &Fakten) -> Result<Vec<u8>, Unfertig> {
    let entries = inhalt.eintragungen();
    if matches!(inhalt, Inhalt::Hinweis { .. }) && entries.is_empty() {
        return Err(Fehlt("the Art of the entry").into());
    }
    if fakten.kinder.is_empty() {
        return Err(Fehlt("a child").into());
    }
    if fakten.kinder.len() > MOST_CHILDREN {
        return Err(Unfit::Long.into());
    }
    cursor.skip(sheet::BODY.leading * 0.3);
    cursor.table(&rows(fakten, entries), sheet::BODY)?;
    cursor.skip(sheet::BODY.leading * 0.8);
    if matches!(inhalt, Inhalt::Auskunft { .. }) {
        cursor.paragraph(&fakten.satz(), sheet::BODY.bold())?;
        cursor.skip(GAP);
    }
    Ok(fakten.octets(entries))
}

/// Name and value of each fact.
fn rows(fakten: &Fakten, eintragungen: &[&str]) -> Vec<(String, String)> {
    let row = |name: &str, value: String| (name.to_owned(), value);
    let mut rows = vec![
        row("Mutter", fakten.mutter.name()),
        row("Geburtsdatum der Mutter", teildatum(fakten.mutter.geburtsdatum)),
    ];
    let several = fakten.kinder.len() > 1;
    for (nth, kind) in fakten.kinder.iter().enumerate() {
        let of = if several { format!("{}. Kind", nth + 1) } else { "Kind".to_owned() };
        rows.push((format!("{of} (Name bei der Beurkundung der Geburt)"), kind.mensch.name()));
        let of = if several { format!("des {}. Kindes", nth + 1) } else { "des Kindes".to_owned() };
        rows.push((format!("Geburtsdatum {of}"), teildatum(kind.mensch.geburtsdatum)));
        rows.push((format!("Geburtsort {of}"), kind.geburtsort.clone()));
    }
    rows.extend(eintragungen.iter().map(|art| row("Art der Eintragung", (*art).to_owned())));
    rows.push(row("Stand", tag(fakten.stand)));
    rows.push(row("Rechtsgrundlage", RECHTSGRUNDLAGE.to_owned()));
    rows.push(row("Ausgestellt von", fakten.aussteller.clone()));
    rows
}

/// Room after a paragraph, in points.
const GAP: f32 = 7.0;

fn absaetze(
    cursor: &mut Cursor,
    absaetze: &[Absatz],
    style: Style,
    value: &impl Fn(&str) -> Option<String>,
) -> Result<(), Unfertig> {
    for absatz in absaetze {
        match absatz {
            Absatz::Text(text) => cursor.paragraph(&einsetzen(text, value)?, style)?,
            Absatz::Ueberschrift(text) => {
                cursor.skip(style.leading * 0.3);
                cursor.heading(2, &einsetzen(text, value)?, style.bold())?;
            }
            Absatz::Liste(items) => {
                let items: Vec<String> =
                    items.iter().map(|item| einsetzen(item, value)).collect::<Result<_, _>>()?;
                cursor.list(&items, style)?;
            }
        }
        cursor.skip(GAP.max(style.leading * 0.5));
    }
    Ok(())
}

/// Greeting and signatory on one sheet, and what stands small below them.
fn closing(
    cursor: &mut Cursor,
    kopf: &Kopf,
    text: &Text,
    value: &impl Fn(&str) -> Option<String>,
    style: Style,
) -> Result<(), Unfertig> {
    cursor.skip(GAP);
    if let Some(gruss) = &text.gruss {
        let gruss = einsetzen(gruss, value)?;
        let signed = kopf.unterzeichner.iter().filter(|_| text.form == Form::Schreiben);
        let block: Vec<(&str, Style)> = std::iter::once((gruss.as_str(), style))
            .chain(signed.map(|line| (line.as_str(), style)))
            .collect();
        cursor.block(&block)?;
        cursor.skip(GAP * 1.5);
    }
    for small in &text.schluss {
        cursor.paragraph(&einsetzen(small, value)?, sheet::SMALL)?;
        cursor.skip(2.0);
    }
    Ok(())
}

/// What is the same on every letter: head, address, block of information, subject, foot.
struct Frame<'a> {
    kopf: &'a Kopf,
    text: &'a Text,
    referenz: (&'a str, Date),
    address: &'a [&'a str],
    posted: bool,
    vermerk: Option<&'a str>,
}

/// The foot, laid out but not put: it is read last.
struct Foot {
    columns: Vec<(f32, Vec<Line>)>,
    top: f32,
}

impl Frame<'_> {
    fn style(&self) -> Style {
        if self.text.sprache == LEICHTE_SPRACHE { sheet::EASY } else { sheet::BODY }
    }

    /// The frame is German whatever the letter is.
    fn language(&self) -> Option<&'static str> {
        (!self.text.sprache.starts_with(DEUTSCH)).then_some(DEUTSCH)
    }

    fn about<'b>(&'b self, language: &'b str) -> About<'b> {
        let author = self.kopf.zeilen.first().unwrap_or(&self.kopf.von);
        About { title: &self.text.betreff, language, author, date: self.referenz.1 }
    }

    fn fassung(&self) -> String {
        let of = |fassung: &crate::paper::fassung::Fassung| format!("{} {}", fassung.nummer, fassung.datum);
        format!("{}: {}; head: {}", self.text.name(), of(&self.text.fassung), of(&self.kopf.fassung))
    }

    /// Everything above the text.
    fn begin(&self) -> Result<(Cursor, Foot), Unfertig> {
        let mut layout = Layout { language: self.language(), ..Layout::default() };
        self.head(&mut layout)?;
        self.notes(&mut layout)?;
        self.address(&mut layout)?;
        let info = self.info(&mut layout)?;
        let foot = self.foot()?;
        layout.language = None;
        let top = sheet::SUBJECT_TOP.max(info + sheet::BODY.leading);
        let mut cursor = Cursor::new(layout, top, foot.top - sheet::FOOT_GAP);
        let subject = Style { size: self.style().size + 1.5, ..self.style() };
        cursor.heading(1, &self.text.betreff, subject.bold())?;
        cursor.skip(subject.leading * 0.9);
        Ok((cursor, foot))
    }

    fn head(&self, layout: &mut Layout) -> Result<(), Unfertig> {
        let mut y = sheet::HEAD_TOP;
        for (nth, line) in self.kopf.zeilen.iter().enumerate() {
            let style = if nth == 0 { sheet::HEAD_FIRST } else { sheet::HEAD_NEXT };
            let node = layout.node(None, Role::Paragraph);
            y = layout.stack(Belongs::Node(node), 0, (sheet::LEFT, y), lines(line, style, sheet::MEASURE)?);
        }
        if y > sheet::HEAD_BOTTOM { Err(Unfit::Field("the head of the letter").into()) } else { Ok(()) }
    }

    /// Above the address: notes, and where the letter goes back to.
    fn notes(&self, layout: &mut Layout) -> Result<(), Unfertig> {
        let released = self.text.fassung.freigegeben.is_some() && self.kopf.fassung.freigegeben.is_some();
        let draft = (!released).then_some(ENTWURF);
        let mut y = sheet::NOTES_TOP;
        for note in self.vermerk.into_iter().chain(draft) {
            let node = layout.node(None, Role::Paragraph);
            let found = lines(note, sheet::SMALL.bold(), sheet::ADDRESS_WIDTH)?;
            y = layout.stack(Belongs::Node(node), 0, (sheet::LEFT, y), found);
        }
        let back = match self.posted {
            true => lines(&self.kopf.ruecksendung, sheet::RETURN, sheet::ADDRESS_WIDTH)?,
            false => Vec::new(),
        };
        let top = sheet::RETURN_BOTTOM - sheet::RETURN.leading * back.len() as f32;
        if y > top || back.len() > 1 {
            return Err(Unfit::Field("what stands above the address").into());
        }
        if !back.is_empty() {
            let node = layout.node(None, Role::Paragraph);
            layout.stack(Belongs::Node(node), 0, (sheet::LEFT, top), back);
            let from = (sheet::LEFT, sheet::RETURN_BOTTOM);
            layout.rules.push(Rule { sheet: 0, from, length: sheet::ADDRESS_WIDTH });
        }
        Ok(())
    }

    /// Six lines, or seven smaller ones.
    fn address(&self, layout: &mut Layout) -> Result<(), Unfertig> {
        let height = sheet::ADDRESS_BOTTOM - sheet::ADDRESS_TOP;
        let smaller = Style { size: 9.0, leading: height / 7.0, ..sheet::ADDRESS };
        for style in [sheet::ADDRESS, smaller] {
            let mut found = Vec::new();
            for line in self.address {
                found.extend(lines(line, style, sheet::ADDRESS_WIDTH)?);
            }
            if found.len() as f32 * style.leading <= height + 0.1 {
                if !found.is_empty() {
                    let node = layout.node(None, Role::Paragraph);
                    layout.stack(Belongs::Node(node), 0, (sheet::LEFT, sheet::ADDRESS_TOP), found);
                }
                return Ok(());
            }
        }
        // Without post the field only greets: a name that is too long for it stands in the letter, whole.
        if self.posted { Err(Unfit::Field("the address").into()) } else { Ok(()) }
    }

    /// The block beside the address; says where it ends.
    fn info(&self, layout: &mut Layout) -> Result<f32, Unfertig> {
        let (referenz, datum) = (self.referenz.0.to_owned(), tag(self.referenz.1));
        let own = [("Referenz".to_owned(), referenz), ("Datum".to_owned(), datum)];
        let mut y = sheet::INFO_TOP;
        for (label, value) in own.iter().chain(&self.kopf.kontakt) {
            let node = layout.node(None, Role::Paragraph);
            for (text, style) in [(label, sheet::INFO_LABEL), (value, sheet::INFO_VALUE)] {
                let found = lines(text, style, sheet::INFO_WIDTH)?;
                y = layout.stack(Belongs::Node(node), 0, (sheet::INFO_LEFT, y), found);
            }
            y += 3.0;
        }
        if y > sheet::SUBJECT_TOP + 60.0 {
            return Err(Unfit::Field("the block of information").into());
        }
        Ok(y)
    }

    fn foot(&self) -> Result<Foot, Unfertig> {
        let count = self.kopf.fuss.len().max(1) as f32;
        let width = (sheet::MEASURE - sheet::GAP * (count - 1.0)) / count;
        let mut columns = Vec::new();
        for (nth, column) in self.kopf.fuss.iter().enumerate() {
            let mut found = Vec::new();
            for line in column {
                found.extend(lines(line, sheet::FOOT, width)?);
            }
            columns.push((sheet::LEFT + (width + sheet::GAP) * nth as f32, found));
        }
        let most = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
        let top = sheet::FOOT_BOTTOM - sheet::FOOT.leading * most as f32;
        if top < sheet::BOTTOM - 60.0 {
            return Err(Unfit::Field("the foot of the letter").into());
        }
        Ok(Foot { columns, top })
    }

    fn finish(&self, cursor: Cursor, foot: Foot) -> Result<Layout, Unfertig> {
        let (referenz, datum) = self.referenz;
        let mut layout = cursor.finish(&format!("Referenz {referenz} vom {}", tag(datum)))?;
        layout.language = self.language();
        if !foot.columns.is_empty() {
            let from = (sheet::LEFT, foot.top - 3.0);
            layout.rules.push(Rule { sheet: 0, from, length: sheet::MEASURE });
        }
        for (left, lines) in foot.columns {
            let node = layout.node(None, Role::Paragraph);
            layout.stack(Belongs::Node(node), 0, (left, foot.top), lines);
        }
        Ok(layout)
    }
}
