//! What the tests of letters share: the shipped texts, a Registersatz that is full of what no letter states, and the tools that read a
//! PDF. It judges nothing by itself.

use std::process::{Command, Stdio};
use std::sync::LazyLock;

use drehscheibe::paper::facts::Fakten;
use drehscheibe::paper::fassung::Freigabe;
use drehscheibe::paper::letter::{Datei, Deckblatt, Empfaenger, Inhalt, Unfertig, deckblatt, schreiben};
use drehscheibe::paper::texts::{Dokument, Texte};
use drehscheibe::register::aemter::{Aemter, Amt};
use drehscheibe::register::record::{
    self, Anschrift, Eintragung, Mutter, Personenname, Quelle, Registersatz, TeilDatum,
};
use drehscheibe::route::fault::{Collector, Fault};
use drehscheibe::route::letters::{self, Letters};
use drehscheibe::route::load;
use jiff::civil::{Date, date};
use unicode_normalization::UnicodeNormalization;

use crate::support::root;

pub const AMT: &str = "jugendamt-bremen";
pub const REFERENZ: &str = "01932f6e-8a40-7cc0-98c4-2f1d5a1b7e10";
pub const TAG: Date = date(2026, 11, 30);

/// The list of DIN 91379: group, `char` or `seq`, code points, name.
pub const LIST: &str = include_str!("../../../src/latin/tables/latin_list_1.3.txt");

/// The SHA-256 of some octets by the tool of the system, so that ours is not compared with itself.
pub fn sha256_of(octets: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("octets");
    std::fs::write(&file, octets).unwrap();
    let out = Command::new("sha256sum").arg(&file).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn aemter() -> Aemter {
    let amt = |id: &str| Amt {
        id: id.to_owned(),
        name: format!("Amt {id}"),
        freigabe_seit: Some(TAG),
        ..Amt::default()
    };
    Aemter { aemter: vec![amt(AMT), amt("jugendamt-hamburg")] }
}

pub fn shipped() -> Letters {
    load::load(&root().join("routes"), &root().join("deploy/stages/demo")).unwrap().letters
}

pub fn read(files: &Letters, real: bool) -> (Texte, Vec<Fault>, Vec<Fault>) {
    let collector = Collector::default();
    let texte = letters::read(&collector, files, &aemter(), real);
    let (faults, warnings) = collector.finish();
    (texte, faults.faults, warnings)
}

/// The shipped texts as if somebody had approved them.
pub fn texte() -> Texte {
    static TEXTE: LazyLock<Texte> = LazyLock::new(|| {
        let mut texte = read(&shipped(), false).0;
        let freigabe = Freigabe { von: "Testperson".to_owned(), am: TAG };
        texte.texte.iter_mut().for_each(|text| text.fassung.freigegeben = Some(freigabe.clone()));
        texte.koepfe.iter_mut().for_each(|kopf| kopf.fassung.freigegeben = Some(freigabe.clone()));
        texte
    });
    TEXTE.clone()
}

fn name(vornamen: &str, familienname: &str, geburtsname: Option<&str>) -> Personenname {
    Personenname {
        vornamen: Some(vornamen.to_owned()),
        familienname: Some(familienname.to_owned()),
        geburtsname: geburtsname.map(str::to_owned),
    }
}

/// A Registersatz in which everything that a letter does not state is a word that stands nowhere else.
pub fn satz() -> Registersatz {
    let day = |text: &str| TeilDatum::parse(text).unwrap();
    let secret = |word: &str| Some(format!("Geheim{word}"));
    Registersatz {
        mutter: Mutter {
            name: name("Zo\u{eb} Marie", "\u{106}irkovi\u{107}-M\u{fc}ller", Some("GeheimGeborene")),
            geburtsort: secret("Mutterort"),
            geburtsstaat: secret("Staat"),
            geburtsdatum: day("1994-03-12"),
            anschriften: vec![Anschrift {
                gemeindeschluessel: secret("Schluessel"),
                strasse: secret("Strasse"),
                hausnummer: secret("Nummer"),
                hausnummer_zusatz: secret("Zusatz"),
                postleitzahl: secret("Postleitzahl"),
                wohnort: secret("Wohnort"),
            }],
            familienstand: secret("Familienstand"),
            ..Mutter::default()
        },
        kind: record::Kind {
            namen: vec![name("L\u{ed}a", "M\u{fc}ller", None), name("GeheimZweiter", "GeheimName", None)],
            geburtsort: Some("Bremerhaven".to_owned()),
            geburtsstaat: secret("Kindstaat"),
            geburtsdatum: Some(day("2024-08-05")),
            geburtsregister_nummer: secret("Register"),
            geburtsstandesamt: secret("Standesamt"),
            register_ars: secret("Ars"),
            erwartet: None,
        },
        eintragung: Eintragung::default(),
        quelle: Quelle {
            message: "GeheimMessage".to_owned(),
            nachrichten_uuid: "GeheimUuid".to_owned(),
            autor: "GeheimAutor".to_owned(),
            empfangen: None,
            erstellungszeitpunkt: jiff::Timestamp::UNIX_EPOCH,
            transaktionsid: secret("Transaktion"),
            spaetestens: None,
        },
        vermerk: Default::default(),
    }
}

pub fn fakten() -> Fakten {
    Fakten::of(&satz(), (REFERENZ, "Amt f\u{fc}r Soziale Dienste Bremen"), (TAG, date(2026, 11, 29))).unwrap()
}

pub fn auskunft(fakten: &Fakten) -> Result<Datei, Unfertig> {
    schreiben(&texte(), &Inhalt::Auskunft { amt: AMT, fakten }, None)
}

pub fn hinweis(fakten: &Fakten) -> Result<Datei, Unfertig> {
    let inhalt = Inhalt::Hinweis { amt: AMT, fakten, eintragungen: &["Sorgeerkl\u{e4}rung"] };
    schreiben(&texte(), &inhalt, None)
}

pub fn eingang() -> Datei {
    schreiben(&texte(), &Inhalt::Eingangsnachricht { referenz: REFERENZ, datum: TAG }, None).unwrap()
}

pub fn zustaendigkeit(stelle: Option<&str>) -> Datei {
    let inhalt = Inhalt::Zustaendigkeit { referenz: REFERENZ, datum: TAG, stelle };
    schreiben(&texte(), &inhalt, None).unwrap()
}

pub fn cover(zu: Dokument, sprache: &str, empfaenger: Option<Empfaenger<'_>>) -> Result<Datei, Unfertig> {
    let blatt = Deckblatt { zu, amt: Some(AMT), sprache, referenz: REFERENZ, datum: TAG, empfaenger };
    deckblatt(&texte(), &blatt, None)
}

/// What a tool says of a letter; it must be content with it.
pub fn tool(program: &str, arguments: &[&str], octets: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.pdf");
    std::fs::write(&file, octets).unwrap();
    let words: Vec<String> =
        arguments.iter().map(|word| word.replace("FILE", &file.display().to_string())).collect();
    // Poppler before 23 complains of `Suspects false`, which ISO 32000 has; what it says on the other channel does not count.
    let out = Command::new(program)
        .args(words)
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|_| panic!("{program} is missing: apt-get install poppler-utils qpdf"));
    assert!(out.status.success(), "{program}: {}", out.status);
    String::from_utf8(out.stdout).unwrap().nfc().collect()
}

/// All words of a letter in the order in which it says them, one blank between them.
pub fn words(datei: &Datei) -> String {
    words_of(&datei.octets)
}

/// The same of its octets.
pub fn words_of(octets: &[u8]) -> String {
    tool("pdftotext", &["-raw", "FILE", "-"], octets).split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn without_blanks(text: &str) -> String {
    text.nfc().filter(|letter| !letter.is_whitespace()).collect()
}

/// Everything inside, also what no reader shows: streams unpacked, with the file that it carries along and what it says of itself.
pub fn inside(datei: &Datei) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (file, open) = (folder.path().join("letter.pdf"), folder.path().join("open.pdf"));
    std::fs::write(&file, &datei.octets).unwrap();
    let done = Command::new("qpdf").args(["--qdf", "--object-streams=disable"]).args([&file, &open]).status();
    assert!(done.unwrap().success());
    let octets = std::fs::read(&open).unwrap();
    // Texts of a PDF may be UTF-16: without its zeros it reads like Latin.
    let plain: Vec<u8> = octets.iter().copied().filter(|octet| *octet != 0).collect();
    String::from_utf8_lossy(&plain).into_owned()
}

/// Where each word of a letter stands: page, left, top, right, bottom, in points.
pub fn boxes(datei: &Datei) -> Vec<(usize, [f32; 4])> {
    let listed = tool("pdftotext", &["-bbox", "FILE", "-"], &datei.octets);
    let mut page = 0;
    let mut found = Vec::new();
    for line in listed.lines() {
        page += usize::from(line.contains("<page "));
        let value =
            |key: &str| line.split(&format!("{key}=\"")).nth(1)?.split('"').next()?.parse::<f32>().ok();
        if line.contains("<word ") {
            found.push((page, ["xMin", "yMin", "xMax", "yMax"].map(|key| value(key).unwrap())));
        }
    }
    found
}

/// Every word stands inside the margins of its sheet, and none upon another.
pub fn assert_readable(datei: &Datei) {
    let boxes = boxes(datei);
    for (_, [left, top, right, bottom]) in &boxes {
        assert!(
            *left > 70.0 && *right < 545.0 && *top > 40.0 && *bottom < 825.0,
            "{left} {top} {right} {bottom}"
        );
    }
    for (nth, (page, one)) in boxes.iter().enumerate() {
        for (_, other) in boxes.iter().skip(nth + 1).filter(|(other, _)| other == page) {
            let common = |from: usize, to: usize| one[to].min(other[to]) - one[from].max(other[from]);
            // A box is as high as a letter with all that it may bear above and below; lines of an address stand a little closer.
            let height = (one[3] - one[1]).min(other[3] - other[1]);
            assert!(common(0, 2) < 1.0 || common(1, 3) < height / 8.0, "sheet {page}: {one:?} {other:?}");
        }
    }
}
