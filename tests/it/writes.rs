//! Where commands write what a person names: one table of all that do, and of the places that are none. Nothing is written there, over or through.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use crate::support::{StageDir, cli, free_port};

const ID: &str = "018f3f3e-0000-7000-8000-000000000001";
/// Where the place stands in the words of a command.
const TO: &str = "ORT";

/// Whether a command writes over what lies there; then it says so.
#[derive(Clone, Copy, PartialEq)]
enum Over {
    /// Never.
    Never,
    /// A folder that is there is gone on with, file by file, none of them written over.
    Beside,
}

/// Every command that writes a file or folder which a person names.
fn commands(files: &Path) -> Vec<(Vec<String>, Over)> {
    let file = |name: &str| files.join(name).display().to_string();
    let because = ["--reason", "fuer die Pruefung"];
    let xta = ["--url", "https://127.0.0.1:1", "--cert", "c", "--key", "k", "--ca", "a", "--as", "srp:x"];
    let osci = [
        "--url",
        "http://127.0.0.1:1",
        "--signature-cert",
        "s",
        "--signature-key",
        "k",
        "--cipher-cert",
        "c",
        "--cipher-key",
        "k",
        "--intermediary-signature",
        "i",
        "--intermediary-cipher",
        "i",
        "--author",
        "a",
    ];
    let keys = ["--signature-cert", "s", "--signature-key", "k", "--cipher-cert", "c", "--cipher-key", "k"];
    let (export, secret, list) = (file("export.csv"), file("abgleich.key"), file("liste.txt"));
    let all: Vec<(Vec<&str>, Over)> = vec![
        ([&["audit", "export", "--out", TO], &because[..]].concat(), Over::Never),
        ([&["messages", "original", ID, "--out", TO], &because[..]].concat(), Over::Never),
        ([&["messages", "proof", ID, "--out", TO], &because[..]].concat(), Over::Never),
        (vec!["letter", "preview", "K", "--office", "jugendamt-bremen", "--out", TO], Over::Never),
        (vec!["support", "bundle", "--yes", "--to", TO], Over::Never),
        (
            [
                &[
                    "bestand",
                    "abgleich",
                    "--jugendamt",
                    "jugendamt-bremen",
                    "--liste",
                    &list,
                    "--luecken",
                    TO,
                ],
                &because[..],
            ]
            .concat(),
            Over::Never,
        ),
        (
            vec!["bestand", "liste", &export, "--schluessel", &secret, "--stand", "2026-11-01", "--nach", TO],
            Over::Never,
        ),
        (vec!["bestand", "schluessel", TO], Over::Never),
        (vec!["backup", TO], Over::Never),
        (vec!["backup", "keys", TO], Over::Never),
        ([&["xta", "get", "urn:x:1", "--to", TO], &xta[..]].concat(), Over::Beside),
        ([&["osci", "fetch", "urn:x:1", "--to", TO], &osci[..]].concat(), Over::Beside),
        (
            [&["osci", "intermediary", "--listen", "127.0.0.1:0", "--folder", TO], &keys[..]].concat(),
            Over::Beside,
        ),
    ];
    all.into_iter().map(|(words, over)| (words.into_iter().map(str::to_owned).collect(), over)).collect()
}

/// All that lies below a folder: of files their content, of links where they lead; but what the store and its lock write by themselves.
fn all_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for one in fs::read_dir(&at).unwrap().map(Result::unwrap) {
            let (path, kind) = (one.path(), one.file_type().unwrap());
            let own = path.starts_with(folder.join("data/store"))
                && path.parent() == Some(&folder.join("data/store"));
            match () {
                () if kind.is_symlink() => {
                    found.insert(
                        path.clone(),
                        fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                    );
                }
                () if kind.is_dir() => {
                    found.insert(path.clone(), Vec::new());
                    open.push(path);
                }
                // Its own files of the store: that there is none more is looked at by their names.
                () if own => {
                    let name = path.file_name().unwrap().to_string_lossy().into_owned();
                    if !["-wal", "-shm", "lock"].iter().any(|end| name.ends_with(end)) {
                        found.insert(path, Vec::new());
                    }
                }
                () => {
                    let octets = fs::read(&path).unwrap();
                    found.insert(path, octets);
                }
            }
        }
    }
    found
}

fn stage() -> StageDir {
    let stage = StageDir::new([free_port(), free_port()]);
    assert_eq!(cli(&stage, &["migrate"]).0, 0);
    let files = stage.dir.path().join("dateien");
    fs::create_dir(&files).unwrap();
    let at = |name: &str| files.join(name).display().to_string();
    assert_eq!(cli(&stage, &["bestand", "schluessel", &at("abgleich.key")]).0, 0);
    let export = "kind_familienname;kind_vornamen;kind_geburtsdatum;kind_geburtsort;mutter_geburtsdatum;arten\n\
                  Beispiel;Ada;2024-08-05;Bremen;1994-03-12;01\n";
    fs::write(files.join("export.csv"), export).unwrap();
    let list = ["--schluessel", &at("abgleich.key"), "--stand", "2026-11-01", "--nach", &at("liste.txt")];
    let (code, said) = cli(&stage, &[&["bestand", "liste", &at("export.csv")], &list[..]].concat());
    assert_eq!(code, 0, "{said}");
    stage
}

fn with(words: &[String], place: &Path) -> Vec<String> {
    words.iter().map(|word| if word == TO { place.display().to_string() } else { word.clone() }).collect()
}

#[test]
fn no_command_writes_into_what_is_the_houses_or_a_partners_nor_through_a_link() {
    let stage = stage();
    let (data, config, outside) = (stage.data(), stage.stage(), stage.dir.path().join("aussen"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(data.join("quarantine/lieferungen")).unwrap();
    symlink(config.join("secrets"), outside.join("geheim")).unwrap();
    symlink(stage.tray("in"), outside.join("fach")).unwrap();
    symlink(outside.join("woanders"), outside.join("verweis")).unwrap();
    let places = [
        (stage.tray("in").join("neu.xml"), "tray"),
        (stage.tray("out").join("neu"), "tray"),
        (data.join("store/neu"), "store"),
        (data.join("store/claims/neu"), "store"),
        (data.join("quarantine/lieferungen/neu"), "quarantine"),
        (config.join("secrets/neu"), "secrets"),
        (config.join("neu"), "stage"),
        (config.join("tables/neu.yaml"), "stage"),
        (outside.join("geheim/neu"), "secrets through a link"),
        (outside.join("fach/neu"), "tray through a link"),
        (config.join("../stage/secrets/neu"), "secrets, said otherwise"),
        (outside.join("verweis"), "a link"),
    ];
    let before = all_below(stage.dir.path());
    for (words, _) in commands(&stage.dir.path().join("dateien")) {
        for (place, what) in &places {
            let words = with(&words, place);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (code, said) = cli(&stage, &words);
            assert_eq!(code, 2, "{what}: {words:?}: {said}");
            assert!(
                said.contains("name a place outside") || said.contains("is a link"),
                "{what}: {words:?}: {said}"
            );
            assert_eq!(all_below(stage.dir.path()), before, "{what}: {words:?}");
        }
    }
    // Of a stage whose files cannot be used the secrets are spared all the same.
    fs::write(config.join("partners.yaml"), "partners: [").unwrap();
    for words in [["bestand", "schluessel"].as_slice(), &["xta", "get", "urn:x:1", "--to"]] {
        let place = config.join("secrets/neu").display().to_string();
        let more =
            ["--url", "https://127.0.0.1:1", "--cert", "c", "--key", "k", "--ca", "a", "--as", "srp:x"];
        let more = if words[0] == "xta" { &more[..] } else { &[] };
        let (code, said) = cli(&stage, &[words, &[&place], more].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("name a place outside"), "{said}");
        assert!(!config.join("secrets/neu").exists());
    }
}

#[test]
fn nothing_that_lies_there_is_written_over_and_what_is_made_is_not_open_to_others() {
    let stage = stage();
    let files = stage.dir.path().join("dateien");
    let outside = tempfile::tempdir().unwrap();
    for (words, over) in commands(&files) {
        if over == Over::Beside {
            continue;
        }
        let place = outside.path().join("da");
        fs::write(&place, "was da ist").unwrap();
        let words_there = with(&words, &place);
        let (code, said) = cli(&stage, &words_there.iter().map(String::as_str).collect::<Vec<_>>());
        // A first person's request is only noted.
        let noted = said.contains("noted; within 24 hours");
        assert!(noted || code != 0, "{words:?}: {said}");
        assert_eq!(fs::read_to_string(&place).unwrap(), "was da ist", "{words:?}");
        fs::remove_file(&place).unwrap();
        let fresh = outside.path().join("neu");
        let words_fresh = with(&words, &fresh);
        let (_, said) = cli(&stage, &words_fresh.iter().map(String::as_str).collect::<Vec<_>>());
        if let Ok(made) = fs::metadata(&fresh) {
            assert_eq!(made.mode() & 0o007, 0, "{words:?}: {said}");
            let gone = if made.is_dir() { fs::remove_dir_all(&fresh) } else { fs::remove_file(&fresh) };
            gone.unwrap();
        }
    }
}
