//! `explain`: what a code means, whose turn it is, one safe step; without a code all of them. German, as the catalogue is. Needs no
//! store and no stage.

use serde_json::json;

use super::args::Global;
use super::args_explain::ExplainArgs;
use super::codes::{self, Explained, Kind};
use super::exit::{CliError, Exit};
use super::output::Output;
use super::shipped;
use crate::app::scratch::Scratch;

/// So many are named where a code is unknown.
const NEAREST: usize = 5;

/// Runs the command.
pub fn run(global: &Global, args: &ExplainArgs, out: &mut Output) -> Result<Exit, CliError> {
    let scratch = Scratch::new()?;
    let rules = codes::rules(&shipped::packages(&global.xsd, &scratch.0)?);
    let all: Vec<&Explained> = codes::built_in().iter().chain(&rules).collect();
    let Some(code) = &args.code else {
        list(&all, out)?;
        return Ok(Exit::Ok);
    };
    let found: Vec<&Explained> =
        all.iter().copied().filter(|entry| entry.code.eq_ignore_ascii_case(code.trim())).collect();
    if found.is_empty() {
        let near = nearest(code, &all);
        out.say(&format!("Den Code „{}“ gibt es hier nicht. Ähnlich sind:", plain(code)))?;
        for code in &near {
            out.say(&format!("  {code}"))?;
        }
        out.say("Alle zeigt `drehscheibe explain`.")?;
        out.value(&json!({ "found": [], "nearest": near }))?;
        return Ok(Exit::No);
    }
    for entry in &found {
        out.say(&format!("{}  ({}{})", entry.code, entry.kind.heading(), of(entry)))?;
        out.say(&format!("  Ursache       {}", entry.cause))?;
        out.say(&format!("  An der Reihe  {}", entry.whose.says()))?;
        out.say(&format!("  Schritt       {}", entry.step))?;
    }
    out.value(&json!({ "found": found, "nearest": [] }))?;
    Ok(Exit::Ok)
}

fn of(entry: &Explained) -> String {
    entry.of.as_ref().map(|of| format!(", {of}")).unwrap_or_default()
}

/// What somebody typed, without what a terminal would act on.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn list(all: &[&Explained], out: &mut Output) -> std::io::Result<()> {
    for kind in Kind::ALL {
        out.say(kind.heading())?;
        let mut before = "";
        for entry in all.iter().filter(|entry| entry.kind == kind) {
            // A rule of several packages is one line; `explain CODE` tells all of them.
            if entry.code != before {
                out.say(&format!("  {:<28} {}", entry.code, entry.cause))?;
            }
            before = &entry.code;
        }
        out.say("")?;
    }
    out.value(&all)
}

/// The codes that are most like it: those that begin so, then those with the fewest letters to change.
fn nearest<'a>(code: &str, all: &[&'a Explained]) -> Vec<&'a str> {
    let wanted = plain(code).to_lowercase();
    let mut ranked: Vec<(bool, usize, &str)> = all
        .iter()
        .map(|entry| {
            let other = entry.code.to_lowercase();
            let begins = !wanted.is_empty() && other.starts_with(&wanted);
            (!begins, strsim::levenshtein(&wanted, &other), entry.code.as_str())
        })
        .collect();
    ranked.sort_unstable();
    ranked.dedup_by_key(|(_, _, code)| *code);
    ranked.into_iter().take(NEAREST).map(|(_, _, code)| code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_code_leads_to_it() {
        let all: Vec<&Explained> = codes::built_in().iter().collect();
        let near = |code: &str| nearest(code, &all);
        assert_eq!(near("fremder-geburtsot")[0], "fremder-geburtsort");
        assert_eq!(near("T07")[0], "T070");
        assert!(near("store-un").contains(&"store-unreachable"));
        assert_eq!(near("\u{1b}[31m").len(), NEAREST);
    }
}
