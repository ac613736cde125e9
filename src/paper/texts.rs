//! The texts of the letters as data: by document, form, language and office, each in a version that somebody approved or nobody has.
//! Says which text holds; never reads a file and never puts a name or a date into a text by itself.

use serde::Serialize;

use crate::paper::fassung::Fassung;
use crate::paper::head::Kopf;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dokument {
    /// Case A: the Negativauskunft.
    Auskunft,
    /// Case B: there is an Eintragung.
    Hinweis,
    /// Every Klärfall, the same for all.
    Eingangsnachricht,
    /// K and L: nothing was decided; which office decides.
    Zustaendigkeit,
}

/// All documents.
pub const DOKUMENTE: [Dokument; 4] =
    [Dokument::Auskunft, Dokument::Hinweis, Dokument::Eingangsnachricht, Dokument::Zustaendigkeit];

impl Dokument {
    /// As files name it.
    pub const fn word(self) -> &'static str {
        match self {
            Dokument::Auskunft => "auskunft",
            Dokument::Hinweis => "hinweis",
            Dokument::Eingangsnachricht => "eingangsnachricht",
            Dokument::Zustaendigkeit => "zustaendigkeit",
        }
    }

    /// Whether a Jugendamt issues it; the others come in the platform's own name.
    pub const fn of_an_office(self) -> bool {
        matches!(self, Dokument::Auskunft | Dokument::Hinweis)
    }
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The letter itself, in German.
    Schreiben,
    /// The sheet before it that says in another language, or in Leichte Sprache, what it is.
    Deckblatt,
}

impl Form {
    /// As files name it.
    pub const fn word(self) -> &'static str {
        match self {
            Form::Schreiben => "schreiben",
            Form::Deckblatt => "deckblatt",
        }
    }
}

/// German, the language of the letters.
pub const DEUTSCH: &str = "de";
/// Leichte Sprache, as BCP 47 says it.
pub const LEICHTE_SPRACHE: &str = "de-simple";

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absatz {
    /// A paragraph.
    Text(String),
    /// A heading.
    Ueberschrift(String),
    /// A list.
    Liste(Vec<String>),
}

impl Absatz {
    /// All that is written in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Absatz::Text(text) | Absatz::Ueberschrift(text) => (Some(text), None),
            Absatz::Liste(items) => (None, Some(items)),
        };
        one.into_iter().chain(many.into_iter().flatten()).map(String::as_str)
    }
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Text {
    /// Of what.
    pub dokument: Dokument,
    /// In which form.
    pub form: Form,
    /// In which language, BCP 47.
    pub sprache: String,
    /// Only for letters of this Jugendamt; `None` holds for all that have none of their own.
    pub amt: Option<String>,
    /// Version and who approved it.
    pub fassung: Fassung,
    /// Subject; also the name of the file's window.
    pub betreff: String,
    /// What stands before the facts; a cover has nothing else.
    pub vor: Vec<Absatz>,
    /// What stands after them.
    pub nach: Vec<Absatz>,
    /// How it closes.
    pub gruss: Option<String>,
    /// What stands small below the signatory.
    pub schluss: Vec<String>,
}

impl Text {
    /// Everything that is written in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let parts = self.vor.iter().chain(&self.nach).flat_map(Absatz::texts);
        let single = std::iter::once(&self.betreff).chain(&self.gruss).chain(&self.schluss);
        parts.chain(single.map(String::as_str))
    }

    /// As a person names it: document, form, language, office.
    pub fn name(&self) -> String {
        let office = self.amt.as_deref().map(|amt| format!(" of {amt}")).unwrap_or_default();
        format!("{} {} ({}){office}", self.form.word(), self.dokument.word(), self.sprache)
    }
}

/// All texts and heads of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Texte {
    /// The texts.
    pub texte: Vec<Text>,
    /// The heads.
    pub koepfe: Vec<Kopf>,
    /// Only what was approved is used: the stage is `produktion`.
    pub nur_freigegeben: bool,
}

/// There is no text or head for a letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ohne {
    /// No text.
    #[error("there is no text {} {} in the language `{sprache}`; write it into the folder letters of the stage", form.word(), dokument.word())]
    Text {
        /// Of what.
        dokument: Dokument,
        /// In which form.
        form: Form,
        /// In which language.
        sprache: String,
    },
    /// No head.
    #[error("`{0}` has no head for letters; write it into the folder letters of the stage")]
    Kopf(String),
    /// Nobody approved it, in a stage that is real.
    #[error("nobody approved {0}; a letter of this stage needs it")]
    Freigabe(String),
}

impl Texte {
    /// The text for a letter of an office: its own, else the one that holds for all.
    pub fn text(
        &self,
        dokument: Dokument,
        form: Form,
        sprache: &str,
        amt: Option<&str>,
    ) -> Result<&Text, Ohne> {
        let fits = |text: &&Text| text.dokument == dokument && text.form == form && text.sprache == sprache;
        let own = self.texte.iter().filter(fits).find(|text| amt.is_some() && text.amt.as_deref() == amt);
        let text = own.or_else(|| self.texte.iter().filter(fits).find(|text| text.amt.is_none()));
        let text = text.ok_or_else(|| Ohne::Text { dokument, form, sprache: sprache.to_owned() })?;
        self.usable(&text.fassung, || text.name())?;
        Ok(text)
    }

    /// The head of an issuer.
    pub fn kopf(&self, von: &str) -> Result<&Kopf, Ohne> {
        let kopf =
            self.koepfe.iter().find(|kopf| kopf.von == von).ok_or_else(|| Ohne::Kopf(von.to_owned()))?;
        self.usable(&kopf.fassung, || kopf.name())?;
        Ok(kopf)
    }

    fn usable(&self, fassung: &Fassung, name: impl FnOnce() -> String) -> Result<(), Ohne> {
        if self.nur_freigegeben && fassung.freigegeben.is_none() {
            Err(Ohne::Freigabe(name()))
        } else {
            Ok(())
        }
    }

    /// The languages in which a cover of this document exists, sorted.
    pub fn sprachen(&self, dokument: Dokument) -> Vec<&str> {
        let covers =
            self.texte.iter().filter(|text| text.dokument == dokument && text.form == Form::Deckblatt);
        let mut found: Vec<&str> = covers.map(|text| text.sprache.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The places in a text where something is put in, as `{name}`. What a document may name beside its text is fixed here, so that no
/// text can say more of a person than rules.md 3 allows.
pub fn stellen(dokument: Dokument, form: Form) -> &'static [&'static str] {
    match (form, dokument) {
        (Form::Deckblatt, _) | (_, Dokument::Eingangsnachricht) => &["datum", "referenz"],
        (Form::Schreiben, Dokument::Zustaendigkeit) => &["datum", "referenz", "stelle"],
        (Form::Schreiben, Dokument::Auskunft | Dokument::Hinweis) => {
            &["name", "datum", "referenz", "stand", "aussteller"]
        }
    }
}

/// A `{place}` that no value has, or a brace without its other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown place `{{{0}}}`")]
pub struct Unbekannt(pub String);

/// Puts values into the places of a text; what was put in is not looked at again.
pub fn einsetzen(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, Unbekannt> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(open);
        filled.push_str(before);
        let place = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = place else { return Err(Unbekannt(String::new())) };
        filled.push_str(&value(name).ok_or_else(|| Unbekannt(name.to_owned()))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once_and_unknown_ones_are_told() {
        let value = |name: &str| (name == "name").then(|| "{stand}".to_owned());
        assert_eq!(einsetzen("Guten Tag {name},", value).unwrap(), "Guten Tag {stand},");
        assert_eq!(einsetzen("ohne", value).unwrap(), "ohne");
        for (text, unknown) in [("{kind}", "kind"), ("{name", ""), ("name}", ""), ("{{name}}", "{name")] {
            assert_eq!(einsetzen(text, value), Err(Unbekannt(unknown.to_owned())), "{text}");
        }
    }

    #[test]
    fn no_text_has_a_place_for_the_child_and_a_notice_none_for_a_person() {
        for dokument in DOKUMENTE {
            for form in [Form::Schreiben, Form::Deckblatt] {
                let places = stellen(dokument, form);
                assert!(!places.contains(&"kind"));
                assert_eq!(places.contains(&"name"), form == Form::Schreiben && dokument.of_an_office());
            }
        }
    }
}
