//! Slips as a tired person makes them: a quote, colon or bracket that is missing, a line that stands too far in or out. What only follows from
//! one is not told.

use std::collections::BTreeSet;

use drehscheibe::route::fault::Fault;

use drehscheibe::route::compile::Files;
use drehscheibe::route::text_file::TextFile;

use super::house::{CONNECTIONS, PARTNERS, ROUTE, built, compile_files, files};

/// A second route, that names what the first one does and what it does not.
const OTHER: &str = "\
route: andere
about: Jugendämter ask.
on:
  - http: /v1/andere
accept:
  - { message: xfamilie.0801, from: jugendaemter }
order-by: child
do:
  - mirror: {}
send:
  - receipt: {}
  - callback: { to: wohngeld, body: { id: vorgang } }
";

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty())
}

fn with_line(text: &str, at: usize, line: &str) -> String {
    let changed = text.lines().enumerate().map(|(nth, old)| if nth == at { line } else { old });
    changed.map(|line| format!("{line}\n")).collect()
}

/// Every text that one slip makes of another, with the number of its line.
fn slips(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    for (at, line) in lines(text) {
        let removed = ['"', '\'', ':', '{', '}', '[', ']', '-'].into_iter();
        let removed = removed.filter_map(|sign| line.find(sign).map(|found| (found, sign)));
        let mut made: BTreeSet<String> = removed
            .map(|(found, sign)| [&line[..found], &line[found + sign.len_utf8()..]].concat())
            .collect();
        made.insert(format!("  {line}"));
        made.insert(format!(" {line}"));
        made.insert(format!("\t{line}"));
        made.extend(line.strip_prefix("  ").map(str::to_owned));
        made.extend(line.strip_prefix(' ').map(str::to_owned));
        all.extend(made.into_iter().map(|made| (at + 1, with_line(text, at, &made))));
    }
    all
}

fn in_words(faults: &[Fault]) -> String {
    let line = |fault: &Fault| format!("    {}:{}:{}: {}", fault.file, fault.line, fault.column, fault.text);
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_slip_is_told_once_and_in_its_own_file() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (file, text) in [("connections.yaml", CONNECTIONS), ("partners.yaml", PARTNERS), ("r0.yaml", ROUTE)] {
        for (line, slipped) in slips(text) {
            let of = |name: &str, right: &'static str| {
                if name == file { slipped.clone() } else { right.to_owned() }
            };
            let (connections, partners) =
                (of("connections.yaml", CONNECTIONS), of("partners.yaml", PARTNERS));
            let Err(faults) = built(&[&of("r0.yaml", ROUTE), OTHER], &connections, &partners) else {
                continue;
            };
            tried += 1;
            let faults = faults.faults;
            let elsewhere = faults.iter().filter(|fault| fault.file != file).count();
            // What a slip makes of a list or of the keys below it may be wrong in more than one way, each of which is there to be seen.
            if elsewhere > 0 || faults.len() > 3 {
                let shown = slipped.lines().nth(line - 1).unwrap_or_default();
                wrong.push(format!(
                    "{file}:{line} `{shown}`: {} faults\n{}",
                    faults.len(),
                    in_words(&faults)
                ));
            }
        }
    }
    assert!(tried > 300, "{tried} slips were faults");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_file_that_is_no_yaml_has_one_fault_and_the_others_are_still_parsed() {
    let slip = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let partners = slip(PARTNERS, "\"jga:040110000000\"", "\"jga:040110000000");
    let route = slip(OTHER, "order-by: child", "order-by: 'child");
    let told =
        |faults: Vec<Fault>| faults.into_iter().map(|fault| (fault.file, fault.line)).collect::<Vec<_>>();
    let one = built(&[ROUTE, OTHER], CONNECTIONS, &partners).unwrap_err().faults;
    assert_eq!(told(one), [("partners.yaml".to_owned(), 7)]);
    // The quote that is missing is found where the next line cannot belong to it.
    let two = built(&[ROUTE, &route], CONNECTIONS, &partners).unwrap_err().faults;
    assert_eq!(told(two), [("partners.yaml".to_owned(), 7), ("r1.yaml".to_owned(), 8)]);
    // A route stands for itself: the other one is judged.
    let wrong = slip(ROUTE, "- mirror: {}", "- miror: {}");
    let both = built(&[&wrong, &route], CONNECTIONS, PARTNERS).unwrap_err().faults;
    assert_eq!(told(both), [("r0.yaml".to_owned(), 10), ("r1.yaml".to_owned(), 8)]);
}

#[test]
fn a_broken_table_or_letter_is_one_fault_and_what_it_would_have_said_is_missed_by_nobody() {
    let named = |name: &str, text: &str| TextFile { name: name.to_owned(), text: text.to_owned() };
    let aemter = "aemter:\n  - { id: bremen, name: \"Jugendamt Bremen }\n";
    let broken: Files = Files {
        tables: vec![named("tables/aemter.yaml", aemter)],
        ..files(&[ROUTE, OTHER], CONNECTIONS, PARTNERS)
    };
    let faults = compile_files(&broken).unwrap_err().faults;
    assert_eq!(faults.len(), 1, "{}", in_words(&faults));
    assert_eq!(faults[0].file, "tables/aemter.yaml");
    let mut broken = files(&[ROUTE, OTHER], CONNECTIONS, PARTNERS);
    broken.letters.own = vec![named("letters/a.yaml", "kopf: [\n")];
    let faults = compile_files(&broken).unwrap_err().faults;
    assert_eq!(faults.len(), 1, "{}", in_words(&faults));
}
