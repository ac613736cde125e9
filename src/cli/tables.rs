//! `tables`: the tables of a stage, listed, checked, and the places imported from a genericode list.
//! Imports write one file of the stage and nothing else; no list is shipped.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::json;

use super::args::Global;
use super::args_register::{KeyList, TablesCommand};
use super::exit::{CliError, Exit};
use super::output::{Output, counted};
use super::stage;
use crate::config;
use crate::route::tafeln::{FOLDER, GEMEINDEN};

/// Largest list that is read, octets.
const LARGEST: u64 = 64 << 20;

/// Runs a command of `tables`.
pub fn run(global: &Global, command: &TablesCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        TablesCommand::List => list(global, out),
        TablesCommand::Check => check(global, out),
        TablesCommand::Import { list, file } => import(global, *list, file, out),
    }
}

fn list(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let mut rows = Vec::new();
    for amt in &fit.compiled.tafeln.aemter.aemter {
        let areas: Vec<String> = amt
            .gebiete
            .iter()
            .map(|area| match (area.von, area.bis) {
                (None, None) => area.ars.clone(),
                (von, bis) => {
                    let day = |day: Option<jiff::civil::Date>| day.map(|d| d.to_string()).unwrap_or_default();
                    format!("{} ({}..{})", area.ars, day(von), day(bis))
                }
            })
            .collect();
        rows.push(vec![
            amt.id.clone(),
            areas.join(", "),
            if fit.compiled.partners.contains_key(&amt.id) { "connected" } else { "-" }.to_owned(),
            amt.freigabe_seit.map(|day| day.to_string()).unwrap_or_else(|| "-".to_owned()),
            amt.nachfolge.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    out.table(&["office", "areas", "partner", "released since", "successor"], &rows)?;
    out.value(&fit.compiled.tafeln.aemter)?;
    Ok(Exit::Ok)
}

fn check(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let (offices, places) =
        (fit.compiled.tafeln.aemter.aemter.len() as u64, fit.compiled.tafeln.gemeinden.len() as u64);
    out.say(&format!("{}, {}: no fault", counted(offices, "office"), counted(places, "place")))?;
    out.value(&json!({ "offices": offices, "places": places, "warnings": fit.compiled.warnings }))?;
    Ok(Exit::Ok)
}

fn import(global: &Global, list: KeyList, file: &Path, out: &mut Output) -> Result<Exit, CliError> {
    let unreadable = |cause: &dyn std::fmt::Display| {
        CliError::Usage(format!("{} cannot be read: {cause}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(|error| unreadable(&config::what(error.kind())))?.len();
    if size > LARGEST {
        return Err(CliError::Usage(
            "the list is larger than 64 MiB; this is not a list of places".to_owned(),
        ));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&config::what(error.kind())))?;
    let rows = rows(&text).map_err(|cause| unreadable(&cause))?;
    let (places, left_out) = places(list, &rows);
    if places.is_empty() {
        let text = "the list holds no place with such keys; look whether it is the list of ars or of ags";
        return Err(CliError::Usage(text.to_owned()));
    }
    let folder = stage::place(global).config.join(FOLDER);
    let unwritable = |error: std::io::Error| {
        CliError::Usage(format!("{} cannot be written: {}", folder.display(), config::what(error.kind())))
    };
    std::fs::create_dir_all(&folder).map_err(unwritable)?;
    let (path, fresh) = (folder.join(GEMEINDEN), folder.join(".gemeinden.csv.new"));
    let lines: String = places.iter().map(|(ars, name)| format!("{ars};{name}\n")).collect();
    // Written beside and renamed, so that a process that reads never sees half a table.
    std::fs::write(&fresh, lines).map_err(unwritable)?;
    std::fs::rename(&fresh, &path).map_err(unwritable)?;
    let written = places.len() as u64;
    out.say(&format!(
        "{} written to {}, {} left out; look with `tables check`, then `routes apply`",
        counted(written, "place"),
        path.display(),
        left_out
    ))?;
    out.value(&json!({ "written": written, "left-out": left_out, "file": path }))?;
    Ok(Exit::Ok)
}

/// Key, name and remark of a row.
type Row = (String, String, String);

/// The places of a list by ARS, sorted; districts carry a remark and belong to their town, so they are left out.
fn places(list: KeyList, rows: &[Row]) -> (Vec<(String, String)>, usize) {
    let mut places: Vec<(String, String)> = rows
        .iter()
        .filter(|(_, _, remark)| remark.is_empty())
        .filter_map(|(key, name, _)| {
            let name = name.split(',').next().unwrap_or_default().trim();
            let digits = key.bytes().all(|octet| octet.is_ascii_digit());
            let ars = match list {
                KeyList::Ars if key.len() == 12 => Some(key.clone()),
                // Without a Verband the key leads to exactly one place only where the town is a Kreis of its own.
                KeyList::Ags if key.len() == 8 && key.ends_with("000") => Some(format!("{key:0<12}")),
                _ => None,
            };
            ars.filter(|_| digits && !name.is_empty() && !name.contains(';'))
                .map(|ars| (ars, name.to_owned()))
        })
        .collect();
    places.sort();
    places.dedup();
    let left_out = rows.len() - places.len();
    (places, left_out)
}

/// The rows of a genericode list.
fn rows(text: &str) -> Result<Vec<Row>, String> {
    let mut reader = Reader::from_str(text);
    let (mut rows, mut row, mut column, mut value) =
        (Vec::new(), Row::default(), String::new(), String::new());
    loop {
        match reader.read_event().map_err(|_| "not well-formed genericode".to_owned())? {
            Event::Start(tag) => {
                match tag.local_name().as_ref() {
                    "Row" => row = Row::default(),
                    "Value" => {
                        let named = tag.try_get_attribute("ColumnRef").ok().flatten();
                        column = named.map(|named| named.value.into_owned()).unwrap_or_default();
                    }
                    _ => {}
                }
                value.clear();
            }
            Event::Text(text) => value.push_str(&text),
            Event::End(tag) => match tag.local_name().as_ref() {
                "SimpleValue" => {
                    let value = value.trim().to_owned();
                    match column.as_str() {
                        "SCHLUESSEL" => row.0 = value,
                        "Bezeichnung" => row.1 = value,
                        "Hinweis" => row.2 = value,
                        _ => {}
                    }
                }
                "Row" => rows.push(std::mem::take(&mut row)),
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[(&str, &str, &str)]) -> String {
        let row = |(key, name, remark): &(&str, &str, &str)| {
            format!(
                "<Row><Value ColumnRef=\"SCHLUESSEL\"><SimpleValue>{key}</SimpleValue></Value>\
                 <Value ColumnRef=\"Bezeichnung\"><SimpleValue>{name}</SimpleValue></Value>\
                 <Value ColumnRef=\"Hinweis\"><SimpleValue>{remark}</SimpleValue></Value></Row>"
            )
        };
        let rows: String = rows.iter().map(row).collect();
        format!("<gc:CodeList xmlns:gc=\"urn:gc\"><SimpleCodeList>{rows}</SimpleCodeList></gc:CodeList>")
    }

    #[test]
    fn places_are_taken_by_name_and_districts_left_out() {
        let text = list(&[
            ("040110000000", "Bremen, Stadt", ""),
            ("021010102102", "Hamburg-Altstadt, OT 102", "Stadt-/Ortsteil bzw. Stadtbezirk"),
            ("010010000000", "Flensburg, Stadt", ""),
        ]);
        let (found, left_out) = places(KeyList::Ars, &rows(&text).unwrap());
        let expected = [("010010000000", "Flensburg"), ("040110000000", "Bremen")];
        assert_eq!(found, expected.map(|(ars, name)| (ars.to_owned(), name.to_owned())));
        assert_eq!(left_out, 1);
        assert!(places(KeyList::Ags, &rows(&text).unwrap()).0.is_empty());
    }

    #[test]
    fn a_key_without_verband_is_taken_only_for_a_town_that_is_a_kreis() {
        let text = list(&[("04011000", "Bremen, Stadt", ""), ("05974040", "Soest, Stadt", "")]);
        let (found, left_out) = places(KeyList::Ags, &rows(&text).unwrap());
        assert_eq!(found, [("040110000000".to_owned(), "Bremen".to_owned())]);
        assert_eq!(left_out, 1);
        assert!(rows("<a>").is_err() || rows("<a>").unwrap().is_empty());
    }
}
