//! `bestand liste` and `bestand schluessel`: what an office runs on its own machine, without a stage, a store or a network. From an export
//! of its register comes the list that the platform compares. Never prints what stands in the export: faults are named by line and column.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::json;

use super::exit::{CliError, Exit};
use super::liste::{self, Liste, Marks, Secret};
use super::output::{Output, moment};
use crate::config;
use crate::register::keys;
use crate::register::record::{Eintragung, Kind, Mutter, Personenname, TeilDatum};
use crate::store::private;

/// Columns that every export has.
const NEEDED: &[&str] = &[
    "kind_familienname",
    "kind_vornamen",
    "kind_geburtsdatum",
    "kind_geburtsort",
    "mutter_geburtsdatum",
    "arten",
];
/// Columns that an export may have besides; all others are passed over.
const FURTHER: &[&str] = &[
    "kind_erwartet",
    "kind_geburtsname",
    "kind_geburtsstaat",
    "geburtsregister_nummer",
    "geburtsstandesamt",
    "mutter_familienname",
    "mutter_vornamen",
    "mutter_geburtsname",
    STAND,
];
/// The column that says as of when a line speaks.
const STAND: &str = "stand";
/// The codes of an Eintragung.
const ARTEN: &[&str] = &["01", "02", "03", "04"];
/// What may stand in the column `arten` where there is no Eintragung.
const NONE: &[&str] = &["", "-", "keine"];

/// What is read, with what, and where to.
pub struct Wanted<'a> {
    /// The export.
    pub export: &'a Path,
    /// The file of the secret.
    pub schluessel: &'a Path,
    /// As of when the export speaks, as the office writes it; else its column `stand` says so.
    pub stand: Option<&'a str>,
    /// Where the list is written; else it is printed.
    pub nach: Option<&'a Path>,
    /// A list of gaps that the platform sent: the lines of the export that are meant are told, and no list is made.
    pub luecken: Option<&'a Path>,
}

/// Makes the list of an export, or tells which lines of it are gaps.
pub fn run(wanted: &Wanted<'_>, out: &mut Output) -> Result<Exit, CliError> {
    let secret = secret(wanted.schluessel)?;
    let octets = std::fs::read(wanted.export).map_err(|error| unreadable(wanted.export, &error))?;
    let text = String::from_utf8(octets).map_err(|_| {
        CliError::Usage(format!(
            "{} is not UTF-8; save it as \"CSV UTF-8\": in another code the names would be others",
            wanted.export.display()
        ))
    })?;
    let Export { rows, stand } = rows(&text).map_err(CliError::Usage)?;
    let mut lines: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for child in children(rows) {
        let mark = secret.mark(&child.kind, &child.mutter, &child.eintragung);
        lines.entry(mark).or_default().extend(child.lines);
    }
    if let Some(file) = wanted.luecken {
        return gaps(&secret, file, &lines, out);
    }
    let stand = spricht(wanted, stand)?;
    // The mirror holds each child once.
    let marks: Marks = lines.keys().map(|mark| (mark.clone(), 1)).collect();
    let text = liste::written(&secret, Some(stand), &marks);
    let Some(nach) = wanted.nach else {
        out.raw(text.as_bytes())?;
        return Ok(Exit::Ok);
    };
    create(nach, &text)?;
    let several = lines.values().filter(|lines| lines.len() > 1).count();
    out.say(&format!(
        "{} children as of {}, fingerprint of the secret {}",
        marks.len(),
        moment(stand),
        secret.fingerprint()
    ))?;
    if several > 0 {
        out.say(&format!("{several} of them stand in several lines, whose entries were taken together"))?;
    }
    let (stand, schluessel) = (stand.to_string(), secret.fingerprint());
    out.value(
        &json!({ "anzahl": marks.len(), "mehrfach": several, "stand": stand, "schluessel": schluessel }),
    )?;
    Ok(Exit::Ok)
}

/// As of when the list speaks. Never later than the export was written: what came into the register after that is not on it, and a list
/// that claims to be younger would close what stands against answers.
fn spricht(wanted: &Wanted<'_>, column: Option<Timestamp>) -> Result<Timestamp, CliError> {
    let said = wanted.stand.map(zeitpunkt).map_or(Ok(None), |read| {
        let text = "--stand is no moment; write 2026-11-21T18:00:00+01:00, 2026-11-21 18:00, 21.11.2026 18:00 or 2026-11-21";
        read.map(Some).ok_or_else(|| CliError::Usage(text.to_owned()))
    })?;
    let stand = said.into_iter().chain(column).min().ok_or_else(|| {
        let text = "as of when does the export speak? Name the moment at which it was taken from the register with --stand, or in a column `stand`; a later one would hide what was entered since";
        CliError::Usage(text.to_owned())
    })?;
    let written = std::fs::metadata(wanted.export).and_then(|found| found.modified());
    let written = written.map_err(|error| unreadable(wanted.export, &error))?;
    match Timestamp::try_from(written) {
        Ok(written) if stand > written => Err(CliError::Usage(format!(
            "the export was written at {} and cannot speak of {}; name the moment at which it was taken from the register",
            moment(written),
            moment(stand)
        ))),
        _ => Ok(stand),
    }
}

/// Makes a new secret in a file that only its owner reads.
pub fn schluessel(file: &Path, out: &mut Output) -> Result<Exit, CliError> {
    let mut octets = [0u8; 32];
    aws_lc_rs::rand::fill(&mut octets)
        .map_err(|_| CliError::Usage("the machine gives no random octets; try again".to_owned()))?;
    let text = hex::encode(octets);
    create(file, &format!("{text}\n"))?;
    let secret = Secret::new(&text).map_err(CliError::Usage)?;
    out.say(&format!("fingerprint {}", secret.fingerprint()))?;
    out.say("give a copy of the file to the platform by a way that only you and it can read, never beside a list;")?;
    out.say("read the fingerprint to each other, and keep your copy for the next list")?;
    out.value(&json!({ "schluessel": secret.fingerprint() }))?;
    Ok(Exit::Ok)
}

fn secret(file: &Path) -> Result<Secret, CliError> {
    let text = config::read_text(file).map_err(|error| CliError::Usage(error.to_string()))?;
    Secret::new(text.trim_end_matches(['\r', '\n'])).map_err(CliError::Usage)
}

/// The lines of the export that a list of gaps speaks of.
fn gaps(
    secret: &Secret,
    file: &Path,
    lines: &BTreeMap<String, Vec<u64>>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    let Liste { marks, .. } = liste::read(secret, &text).map_err(CliError::Usage)?;
    let mut found: Vec<u64> = marks.keys().filter_map(|mark| lines.get(mark)).flatten().copied().collect();
    found.sort_unstable();
    for line in &found {
        out.say(&format!("line {line}"))?;
    }
    let unknown = marks.keys().filter(|mark| !lines.contains_key(*mark)).count();
    if unknown > 0 {
        out.say(&format!(
            "{unknown} stand in no line: the export has changed since, or they stand in the mirror only"
        ))?;
    }
    out.value(&json!({ "zeilen": found, "unbekannt": unknown }))?;
    Ok(if marks.is_empty() { Exit::Ok } else { Exit::No })
}

/// A child of the export with its Eintragung.
struct Row {
    lines: Vec<u64>,
    kind: Kind,
    mutter: Mutter,
    eintragung: Eintragung,
}

/// Each child once: an export may have a line for each Eintragung, and all of them are the child's.
fn children(rows: Vec<Row>) -> impl Iterator<Item = Row> {
    let mut children: BTreeMap<Vec<u8>, Row> = BTreeMap::new();
    for row in rows {
        match children.entry(keys::child(&row.kind, &row.mutter).octets()) {
            Entry::Vacant(free) => {
                free.insert(row);
            }
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.lines.extend(row.lines);
                known.eintragung.vorhanden |= row.eintragung.vorhanden;
                known.eintragung.arten.extend(row.eintragung.arten);
            }
        }
    }
    children.into_values()
}

/// What an export says.
struct Export {
    rows: Vec<Row>,
    /// The earliest moment of the column `stand`.
    stand: Option<Timestamp>,
}

fn rows(text: &str) -> Result<Export, String> {
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or_default();
    // As programs of offices write it: the separator that the head has most of.
    let most = |separator: &u8| head.bytes().filter(|octet| octet == separator).count();
    let separator = [b';', b',', b'\t'].into_iter().max_by_key(most).unwrap_or(b';');
    let mut reader = ReaderBuilder::new().delimiter(separator).trim(Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| fault(&error))?.clone();
    let mut columns: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, name) in head.iter().enumerate() {
        let name = name.to_ascii_lowercase();
        let Some(known) = NEEDED.iter().chain(FURTHER).find(|known| **known == name) else { continue };
        if columns.insert(known, at).is_some() {
            return Err(format!("the export has two columns `{known}`; leave one"));
        }
    }
    let missing: Vec<&str> = NEEDED.iter().copied().filter(|name| !columns.contains_key(name)).collect();
    if !missing.is_empty() {
        return Err(format!(
            "the first line of the export names its columns; there is none called {}",
            missing.join(", ")
        ));
    }
    let (mut rows, mut stand) = (Vec::new(), None);
    for record in reader.records() {
        let record = record.map_err(|error| fault(&error))?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(row(line, &columns, &record)?);
        if let Some(written) = columns.get(STAND).and_then(|at| record.get(*at)) {
            let must = "no moment; write it as --stand";
            let read = zeitpunkt(written)
                .ok_or_else(|| format!("line {line} of the export, column `{STAND}`: {must}"))?;
            stand = Some(stand.map_or(read, |known: Timestamp| known.min(read)));
        }
    }
    Ok(Export { rows, stand })
}

/// What is wrong with the form of the file; the library's own text may quote it.
fn fault(error: &csv::Error) -> String {
    let line = error.position().map(csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { .. } => "has another number of columns than the first one",
        _ => "cannot be read as CSV",
    };
    line.map_or_else(|| format!("the export {what}"), |line| format!("line {line} of the export {what}"))
}

fn row(line: u64, columns: &BTreeMap<&str, usize>, record: &StringRecord) -> Result<Row, String> {
    let text = |name: &str| {
        columns.get(name).and_then(|at| record.get(*at)).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let wrong = |name: &str, must: &str| format!("line {line} of the export, column `{name}`: {must}");
    let day = |name: &str| {
        let written = text(name);
        written.map(|written| datum(&written)).map_or(Ok(None), |read| {
            read.map(Some)
                .ok_or_else(|| wrong(name, "no date; write 2024-08-05, 2024-08 or 2024, or 05.08.2024"))
        })
    };
    let mut kind = Kind {
        namen: vec![Personenname {
            familienname: text("kind_familienname"),
            geburtsname: text("kind_geburtsname"),
            vornamen: text("kind_vornamen"),
        }],
        geburtsort: text("kind_geburtsort"),
        geburtsstaat: text("kind_geburtsstaat"),
        geburtsdatum: day("kind_geburtsdatum")?,
        geburtsregister_nummer: text("geburtsregister_nummer"),
        geburtsstandesamt: text("geburtsstandesamt"),
        register_ars: None,
        erwartet: day("kind_erwartet")?,
    };
    let born = kind.geburtsdatum.is_some();
    if !born && kind.erwartet.is_none() {
        return Err(wrong("kind_geburtsdatum", "missing; before the birth write `kind_erwartet`"));
    }
    if born {
        // What was expected says nothing any more once a child is born.
        kind.erwartet = None;
    } else {
        // A child not yet born has no name and no place, as in a delivery.
        kind.namen.retain(|name| name.familienname.is_some() || name.vornamen.is_some());
    }
    let mutter = Mutter {
        name: Personenname {
            familienname: text("mutter_familienname"),
            geburtsname: text("mutter_geburtsname"),
            vornamen: text("mutter_vornamen"),
        },
        geburtsdatum: day("mutter_geburtsdatum")?.ok_or_else(|| wrong("mutter_geburtsdatum", "missing"))?,
        ..Mutter::default()
    };
    let arten = arten(&text("arten").unwrap_or_default()).ok_or_else(|| {
        wrong("arten", "codes 01 to 04 with a space between them, or nothing where there is no entry")
    })?;
    let eintragung = Eintragung { vorhanden: !arten.is_empty(), arten, ..Eintragung::default() };
    Ok(Row { lines: vec![line], kind, mutter, eintragung })
}

/// `2024-08-05`, `2024-08`, `2024`, or as people write it: `05.08.2024`, `08.2024`.
fn datum(written: &str) -> Option<TeilDatum> {
    if !written.contains('.') {
        return TeilDatum::parse(written);
    }
    let mut parts: Vec<&str> = written.split('.').map(str::trim).collect();
    parts.reverse();
    let padded: Vec<String> = parts.iter().map(|part| format!("{part:0>2}")).collect();
    TeilDatum::parse(&padded.join("-"))
}

/// A moment as offices write it: with an offset, or in German time; a day alone is its beginning. Where a clock shows an hour twice it is the
/// first of them, so that a list is rather older than younger.
fn zeitpunkt(written: &str) -> Option<Timestamp> {
    let written = written.trim();
    if let Ok(moment) = written.parse::<Timestamp>() {
        return Some(moment);
    }
    let (day, time) = written.split_once(['T', ' ']).unwrap_or((written, "00:00"));
    let day: Date = match day.contains('.') {
        true => datum(day)?.to_string().parse().ok()?,
        false => day.parse().ok()?,
    };
    let time: Time = time.trim().parse().ok()?;
    let zone = TimeZone::get("Europe/Berlin").ok()?;
    zone.into_ambiguous_zoned(day.to_datetime(time)).earlier().ok().map(|zoned| zoned.timestamp())
}

fn arten(written: &str) -> Option<Vec<String>> {
    if NONE.contains(&written.to_lowercase().as_str()) {
        return Some(Vec::new());
    }
    let separated = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '+' | '/');
    let codes = written.split(separated).filter(|code| !code.is_empty());
    // Programs of offices leave the zero out where they take a code for a number.
    let code = |code: &str| Some(format!("{code:0>2}")).filter(|code| ARTEN.contains(&code.as_str()));
    codes.map(code).collect()
}

/// Writes a file that only its owner reads and that is not there yet.
pub fn create(file: &Path, text: &str) -> Result<(), CliError> {
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::Usage(format!("{} exists already; name another file or remove it", file.display()))
        }
        kind => CliError::Usage(format!("{} cannot be written: {kind}", file.display())),
    };
    let mut made = private::new_file(file).map_err(told)?;
    made.write_all(text.as_bytes()).and_then(|()| made.sync_all()).map_err(told)
}

fn unreadable(file: &Path, error: &std::io::Error) -> CliError {
    CliError::Usage(format!("{} cannot be read: {}", file.display(), config::what(error.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xoev::contract::Standards;

    const HEAD: &str = "Nr;kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten;geburtsregister_nummer";

    fn marks(text: &str) -> Result<Vec<String>, String> {
        let secret = Secret::new(&"x".repeat(32))?;
        Ok(children(rows(text)?.rows)
            .map(|row| secret.mark(&row.kind, &row.mutter, &row.eintragung))
            .collect())
    }

    #[test]
    fn an_export_is_read_as_offices_write_it() {
        let one =
            marks(&format!("{HEAD}\n1;Müller;Lía;2024-08-05;Bremen;1994-03-12;01;1234/2024\n")).unwrap();
        for same in [
            format!("\u{feff}{HEAD}\r\n7;MÜLLER; Lía ;05.08.2024;bremen;12.3.1994;1;1234/2024\r\n"),
            format!("{}\n1,\"Müller\",Lía,2024-08-05,Bremen,1994-03-12,01,1234/2024\n", HEAD.replace(';', ",")),
            "ARTEN\tmutter_geburtsdatum\tkind_geburtsort\tkind_geburtsdatum\tkind_vornamen\tkind_familienname\tgeburtsregister_nummer\n01 01\t1994-03-12\tBremen\t2024-08-05\tLía\tMüller\t1234/2024\n".to_owned(),
        ] {
            assert_eq!(marks(&same).unwrap(), one, "{same:?}");
        }
        let twice = format!(
            "{HEAD}\n1;Müller;Lía;2024-08-05;Bremen;1994-03-12;03;\n2;Müller;Lía;2024-08-05;Bremen;1994-03-12;01;\n"
        );
        let both = format!("{HEAD}\n1;Müller;Lía;2024-08-05;Bremen;1994-03-12;01 03;\n");
        assert_eq!(marks(&twice).unwrap(), marks(&both).unwrap(), "a line for each Eintragung");
        let other = |from: &str, to: &str| {
            marks(
                &format!("{HEAD}\n1;Müller;Lía;2024-08-05;Bremen;1994-03-12;01;1234/2024\n")
                    .replace(from, to),
            )
            .unwrap()
        };
        for (from, to) in [(";01;", ";;"), (";01;", ";01 03;"), ("2024-08-05", "2024-08-06"), ("Lía", "Mia")]
        {
            assert_ne!(other(from, to), one, "{to}");
        }
        assert_eq!(other(";01;", ";keine;"), other(";01;", ";;"));
    }

    /// Both sides must speak of the same: the line of an office and its delivery as the mirror keeps it.
    #[test]
    fn a_line_of_an_export_is_the_delivery_of_the_same_child() {
        let set = crate::xoev::package::load(Path::new("xsd")).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let secret = Secret::new(&"x".repeat(32)).unwrap();
        for (sample, line) in [
            ("0804-eintragung-vorhanden.xml", "1;Müller;Lía;2024-08-05;Bremen;12.03.1994;01;1234/2024"),
            ("0804-keine-eintragung.xml", "1;Müller;Lía;2024-08-05;Bremen;12.03.1994;;1234/2024"),
        ] {
            let octets = std::fs::read(Path::new("xsd/xfamilie/1.3.0/samples").join(sample)).unwrap();
            let (_, record) = set.reader().open(octets.into()).unwrap_or_else(|faults| panic!("{faults:?}"));
            let (kind, mutter) = (record.kind.unwrap(), record.mutter.unwrap());
            let mark = secret.mark(&kind, &mutter, &record.eintragung.unwrap());
            assert_eq!(marks(&format!("{HEAD}\n{line}\n")).unwrap(), [mark], "{sample}");
        }
    }

    #[test]
    fn a_moment_is_read_as_offices_write_it() {
        for (written, read) in [
            ("2026-11-21T18:00:00+01:00", "2026-11-21T17:00:00Z"),
            ("2026-11-21T18:00", "2026-11-21T17:00:00Z"),
            (" 2026-07-21 18:00:30 ", "2026-07-21T16:00:30Z"),
            ("21.11.2026 18:00", "2026-11-21T17:00:00Z"),
            ("1.7.2026", "2026-06-30T22:00:00Z"),
            ("2026-11-21", "2026-11-20T23:00:00Z"),
            // Twice on that night; the earlier one is summer time.
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(zeitpunkt(written), Some(read.parse().unwrap()), "{written}");
        }
        for written in ["", "heute", "18:00", "2026-11", "11.2026 18:00", "2026-11-21 25:00"] {
            assert_eq!(zeitpunkt(written), None, "{written}");
        }
        let head = "kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten;Stand\n";
        let line = |stand: &str| format!("M;L;2024-08-05;Bremen;1994-03-12;;{stand}\n");
        let read = rows(&format!("{head}{}{}", line("21.11.2026 18:00"), line("2026-11-20"))).unwrap();
        assert_eq!(read.stand, Some("2026-11-19T23:00:00Z".parse().unwrap()), "the earliest holds");
        let fault = rows(&format!("{head}{}", line("Geheim"))).err().unwrap();
        assert!(
            fault.contains("line 2 of the export, column `stand`") && !fault.contains("Geheim"),
            "{fault}"
        );
    }

    #[test]
    fn faults_are_named_by_line_and_column_and_never_quoted() {
        let row = "1;Geheim;Lía;2024-08-05;Bremen;1994-03-12;01;1";
        for (text, told) in [
            ("Geheim;Lía\n".to_owned(), "none called kind_familienname"),
            (format!("{HEAD};arten\n"), "two columns `arten`"),
            (
                format!("{HEAD}\n{row}\n{}", row.replace("2024-08-05", "Geheim")),
                "line 3 of the export, column `kind_geburtsdatum`",
            ),
            (format!("{HEAD}\n{}", row.replace(";01;", ";Geheim;")), "column `arten`"),
            (format!("{HEAD}\n{}", row.replace("1994-03-12", "")), "column `mutter_geburtsdatum`: missing"),
            (format!("{HEAD}\n{}", row.replace("2024-08-05", "")), "before the birth"),
            (format!("{HEAD}\n{row}\n1;Geheim\n"), "line 3 of the export has another number of columns"),
        ] {
            let fault = marks(&text).unwrap_err();
            assert!(fault.contains(told), "{fault}");
            assert!(!fault.contains("Geheim"), "{fault}");
        }
    }

    #[test]
    fn before_the_birth_the_expected_day_stands_in() {
        let text = "kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten;kind_erwartet\n;;;;1994-03-12;01;2027-02\n";
        assert_eq!(marks(text).unwrap().len(), 1);
    }
}
