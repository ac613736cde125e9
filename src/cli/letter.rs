//! `letter preview`: the letter of a case with the texts and the head that hold in the stage, about a person who does not exist. Opens
//! no store and sends nothing.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::civil::Date;
use serde_json::json;
use uuid::Uuid;

use crate::cli::args::Global;
use crate::cli::args_letter::{LetterCommand, PreviewArgs};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::stage;
use crate::clock::Clock;
use crate::config;
use crate::paper::facts::{Fakten, Kind, Mensch};
use crate::paper::letter::{Datei, Deckblatt, Empfaenger, Inhalt, Unfertig, deckblatt, schreiben};
use crate::paper::texts::Texte;
use crate::register::aemter::{self, Amt};
use crate::register::record::TeilDatum;

/// What stands on every preview.
const MUSTER: &str = "Muster – erfundene Person";
/// The number of an invented Vorgang.
const REFERENZ: Uuid = Uuid::from_u128(0x0193_2f6e_8a40_7cc0_98c4_2f1d_5a1b_7e10);

/// Runs a command of `letter`.
pub fn run(
    global: &Global,
    clock: &Clock,
    command: &LetterCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let LetterCommand::Preview(args) = command;
    let fit = stage::compile(global, out)?;
    args.out.as_deref().map_or(Ok(()), |path| stage::may_write(global, &fit, path))?;
    let tafeln = &fit.compiled.tafeln;
    let Some(amt) = tafeln.aemter.amt(&args.office) else {
        return Err(CliError::Usage(format!(
            "unknown office: {}; see `drehscheibe tables list`",
            args.office
        )));
    };
    let day = args.day.unwrap_or_else(|| aemter::tag(clock.now()));
    let datei = match written(&fit.compiled.texte, args, amt, day) {
        Ok(datei) => datei,
        Err(unfertig) => {
            out.say(&format!("there is no letter: {unfertig}"))?;
            out.value(&json!({ "written": false, "cause": unfertig.to_string() }))?;
            return Ok(Exit::No);
        }
    };
    let path = args.out.as_deref().unwrap_or_else(|| Path::new(&datei.name));
    stage::may_write(global, &fit, path)?;
    written_new(path, &datei.octets, args.replace)?;
    let pruefwert = datei.pruefwert.map(|value| hex::encode(value.0));
    out.say(&format!("{} written, {} octets; {}", path.display(), datei.octets.len(), datei.fassung))?;
    out.value(&json!({
        "written": true, "file": path, "name": datei.name, "octets": datei.octets.len(), "versions": datei.fassung,
        "pruefwert": pruefwert,
    }))?;
    Ok(Exit::Ok)
}

/// Of nobody's person, so its group may read it. What lies there stays unless the person says otherwise, and goes only when the new one is whole.
fn written_new(path: &Path, octets: &[u8], replace: bool) -> Result<(), CliError> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::Usage(format!(
            "{} exists already; name another file, or write over it with --replace",
            path.display()
        )),
        kind => CliError::Usage(format!("{} cannot be written: {}", path.display(), config::what(kind))),
    };
    let beside = match replace {
        true => path.with_extension(format!("new-{}", Uuid::new_v4().simple())),
        false => path.to_owned(),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&beside).map_err(told)?;
    let whole = file.write_all(octets).and_then(|()| match replace {
        true => std::fs::rename(&beside, path),
        false => Ok(()),
    });
    whole.inspect_err(|_| drop(std::fs::remove_file(&beside))).map_err(told)
}

fn written(texte: &Texte, args: &PreviewArgs, amt: &Amt, datum: Date) -> Result<Datei, Unfertig> {
    let fakten = invented(amt, datum);
    let referenz = fakten.referenz.as_str();
    let inhalt = match args.case {
        'A' => Inhalt::Auskunft { amt: &amt.id, fakten: &fakten },
        'B' => Inhalt::Hinweis { amt: &amt.id, fakten: &fakten, eintragungen: &["Sorgeerklärung"] },
        'K' | 'L' => Inhalt::Zustaendigkeit { referenz, datum, stelle: Some(&amt.name) },
        _ => Inhalt::Eingangsnachricht { referenz, datum },
    };
    let Some(sprache) = &args.cover else { return schreiben(texte, &inhalt, Some(MUSTER)) };
    let (name, anschrift) = (fakten.mutter.name(), ["Beispielweg 12a".to_owned(), "28195 Bremen".to_owned()]);
    let empfaenger = Some(Empfaenger { name: &name, anschrift: &anschrift });
    let blatt = Deckblatt { zu: inhalt.dokument(), amt: Some(&amt.id), sprache, referenz, datum, empfaenger };
    deckblatt(texte, &blatt, Some(MUSTER))
}

/// Facts about nobody, with names that show what the letters can.
fn invented(amt: &Amt, datum: Date) -> Fakten {
    let born = |jahr, monat, tag| TeilDatum { jahr, monat: Some(monat), tag: Some(tag) };
    let mensch = |vornamen: &str, familienname: &str, geburtsdatum| Mensch {
        vornamen: Some(vornamen.to_owned()),
        familienname: Some(familienname.to_owned()),
        geburtsdatum,
    };
    Fakten {
        referenz: REFERENZ.to_string(),
        aussteller: amt.name.clone(),
        datum,
        stand: datum,
        mutter: mensch("Zoë Marie", "Ćirković-Müller", born(1994, 3, 12)),
        kinder: vec![Kind {
            mensch: mensch("Lía Marie", "Müller", born(2024, 8, 5)),
            geburtsort: "Bremen".to_owned(),
        }],
    }
}
