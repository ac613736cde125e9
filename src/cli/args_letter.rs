//! What can be written after `letter`. It never does anything itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;

/// Commands of `letter`.
#[derive(Clone, Debug, Subcommand)]
pub enum LetterCommand {
    /// Write the letter of a case about an invented person, as PDF, to look at it before its text is approved.
    #[command(after_help = "Examples:\n  drehscheibe letter preview A --office jugendamt-bremen\n  \
        drehscheibe letter preview B --office jugendamt-hamburg --out hinweis.pdf\n  \
        drehscheibe letter preview A --office jugendamt-bremen --cover de-simple")]
    Preview(PreviewArgs),
}

/// Arguments of `letter preview`.
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    /// The case of the decision table, by its letter: A and B are letters of the office, K and L name the office that decides, all
    /// others are the same Eingangsnachricht.
    #[arg(value_parser = case)]
    pub case: char,
    /// The Jugendamt, as named in aemter.yaml.
    #[arg(long)]
    pub office: String,
    /// Instead of the letter its cover in this language, as it goes by post.
    #[arg(long, value_name = "LANGUAGE")]
    pub cover: Option<String>,
    /// The day of the letter; today when not given.
    #[arg(long, value_name = "DAY")]
    pub day: Option<Date>,
    /// The file; named like the letter, in the current folder, when not given.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write over one that is there.
    #[arg(long)]
    pub replace: bool,
}

/// A case that the decision table knows.
fn case(text: &str) -> Result<char, String> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if "ABCDEFGHIJKLMNOQV".contains(letter) => Ok(letter),
        _ => Err("no case of the decision table; write one of A to O, Q, V".to_owned()),
    }
}
