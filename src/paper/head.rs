//! The head of an issuer's letters: its name, where letters go back to, who signs, how it is reached. Data of a stage with a version
//! and who approved it; never made up here.

use serde::Serialize;

use crate::paper::fassung::Fassung;

/// The name under which the platform's own head stands.
pub const PLATTFORM: &str = "plattform";

/// The head of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kopf {
    /// The Jugendamt, as named in `aemter.yaml`, or [`PLATTFORM`].
    pub von: String,
    /// Version and who approved it.
    pub fassung: Fassung,
    /// Its lines, the most important first.
    pub zeilen: Vec<String>,
    /// One line that says where a letter goes back to.
    pub ruecksendung: String,
    /// How it is reached: what, and under which number or name.
    pub kontakt: Vec<(String, String)>,
    /// The signatory, line by line: such as Im Auftrag, name, task.
    pub unterzeichner: Vec<String>,
    /// The foot, column by column, line by line.
    pub fuss: Vec<Vec<String>>,
}

impl Kopf {
    /// Everything that is written in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let contacts = self.kontakt.iter().flat_map(|(what, value)| [what, value]);
        let lines = self.zeilen.iter().chain(&self.unterzeichner).chain(self.fuss.iter().flatten());
        std::iter::once(&self.ruecksendung).chain(lines).chain(contacts).map(String::as_str)
    }

    /// As a person names it: whose head it is.
    pub fn name(&self) -> String {
        format!("the head of {}", self.von)
    }
}
