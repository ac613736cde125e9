//! A second opinion on the packages beside XFamilie: `xmllint` must judge every sample as we do, by our own schemas and,
//! where they are at hand, by the official base modules. JSON is judged as the XML that the gate makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;
use drehscheibe::xoev::contract::Standards;
use drehscheibe::xoev::package;

const SHARED: &str = "../shared/schemas";

/// Folder of the package, its own schema, and the schema on the official base modules if there is one.
const PACKAGES: &[(&str, &str, Option<&str>)] = &[
    ("drehscheibe-json/1", "drehscheibe.xsd", None),
    ("drehscheibe-xml/1", "drehscheibe.xsd", None),
    (
        "xinneres/6",
        "xinneres-rueckweisung.xsd",
        Some("xinneres-26.11/xinneres-rueckweisung.reconstructed.xsd"),
    ),
    (
        "xjustiz/3.6.2",
        "xjustiz-schriftgutobjekte.xsd",
        Some("xjustiz/3.6.2/xjustiz_0005_nachrichten_3_2.xsd"),
    ),
    ("xmeld/26.11", "xmeld-freie-suche.xsd", None),
    (
        "xpersonenstand/26.11",
        "xpersonenstand-sta2ja.xsd",
        Some("xpersonenstand-26.11/xpersonenstand-sta2ja.reconstructed.xsd"),
    ),
];

/// What `xmllint` says; `None` when the tool is not at hand.
fn xmllint(schema: &Path, file: &Path) -> Option<bool> {
    let output = Command::new("xmllint")
        .env("XML_CATALOG_FILES", format!("{SHARED}/xoev-xmllint-catalog.xml"))
        .args(["--noout", "--nonet", "--schema"])
        .args([schema, file])
        .output()
        .ok()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let valid = told.contains(&format!("{} validates", file.display()));
    let invalid = told.contains(&format!("{} fails to validate", file.display()));
    assert!(
        valid != invalid,
        "xmllint says nothing clear of {} by {}:\n{told}",
        file.display(),
        schema.display()
    );
    Some(valid)
}

#[test]
fn samples_are_judged_as_by_a_second_validator() {
    let set = package::load(Path::new("xsd")).unwrap();
    let mut reader = set.reader();
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for (name, own, official) in PACKAGES {
        for entry in fs::read_dir(format!("xsd/{name}/samples")).unwrap().map(Result::unwrap) {
            let file = entry.file_name().into_string().unwrap();
            if file.ends_with(".record.json") || file.ends_with(".yaml") {
                continue;
            }
            let octets = Bytes::from(fs::read(entry.path()).unwrap());
            let Ok(document) = gate::pass(octets, &Limits::default()) else {
                assert!(file.starts_with("broken"), "{file}");
                continue;
            };
            let Ok(detected) = set.detect(&document) else {
                assert!(file.starts_with("version"), "{file}");
                continue;
            };
            let ours = reader.header(&detected, &document).is_some();
            assert_eq!(ours, !file.starts_with("invalid"), "{file}");
            let seen: PathBuf = folder.path().join(format!("{}-{file}.xml", name.replace('/', "-")));
            // The lists of these codes are not known to the shared text either; it names a placeholder.
            let text = String::from_utf8(document.bytes().to_vec()).unwrap();
            fs::write(&seen, &text).unwrap();
            let Some(verdict) = xmllint(&Path::new("xsd").join(name).join(own), &seen) else {
                println!("no second opinion: xmllint is missing");
                return;
            };
            assert_eq!(verdict, ours, "{name}/{file}");
            compared += 1;
            let official = official.map(|official| Path::new(SHARED).join(official));
            if let Some(official) = official.filter(|official| official.is_file()) {
                let text = text
                    .replace("urn:unbekannt:nachrichtentyp", "urn:TODO:xpersonenstand:nachrichtentyp")
                    .replace("urn:unbekannt:namensart", "urn:TODO:xpersonenstand:namensart");
                fs::write(&seen, text).unwrap();
                assert_eq!(xmllint(&official, &seen), Some(ours), "{name}/{file} by the official modules");
                compared += 1;
            }
        }
    }
    assert!(compared >= 50, "{compared}");
}
