//! `standards` at its boundary: official packages as archives and folders are taken in whole or refused whole, hostile
//! archives never touch the disk, and what differs between two packages is told by path.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use drehscheibe::app::install::{self, Import, Wanted};
use drehscheibe::app::packages;
use serde_json::Value;
use zip::write::SimpleFileOptions;

use crate::support::root;

const SHARED: &str = "../shared/schemas";
const OURS: &str = "xsd/xfamilie/1.3.0";

/// Files by path.
type Tree = BTreeMap<String, Vec<u8>>;

/// A folder of packages of its own, and a place for official ones.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        write(&desk.xsd(), &tree(&root().join("xsd")));
        desk
    }

    fn xsd(&self) -> PathBuf {
        self.0.path().join("xsd")
    }

    fn zip(&self, files: &Tree) -> PathBuf {
        let path = self.0.path().join("paket.zip");
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, octets) in files {
            zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(octets).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn folder(&self, files: &Tree) -> PathBuf {
        let path = self.0.path().join("paket");
        let _ = fs::remove_dir_all(&path);
        write(&path, files);
        path
    }

    fn import(&self, source: &Path, named: Option<&str>, dry_run: bool) -> Import {
        let folder = self.xsd();
        install::import(&Wanted { folder: &folder, source, named, dry_run }).unwrap()
    }

    /// The program with this folder of packages: exit code and JSON.
    fn program(&self, words: &[&str]) -> (i32, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drehscheibe"));
        command.current_dir(root()).args(words).arg("--json").arg("--xsd").arg(self.xsd());
        let ended = command.output().unwrap();
        let json = serde_json::from_slice(&ended.stdout).unwrap_or(Value::Null);
        (ended.status.code().unwrap(), json)
    }

    fn sample_is_valid(&self, version: &str) {
        let sample = self.xsd().join("xfamilie").join(version).join("samples/0804-eintragung-vorhanden.xml");
        let (code, seen) = self.program(&["inspect", &sample.display().to_string()]);
        assert_eq!((code, &seen["version"], &seen["valid"]), (0, &version.into(), &true.into()), "{seen}");
    }
}

fn tree(folder: &Path) -> Tree {
    fn gather(folder: &Path, at: &str, found: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let name = if at.is_empty() { name } else { format!("{at}/{name}") };
            match entry.path().is_dir() {
                true => gather(&entry.path(), &name, found),
                false => drop(found.insert(name, fs::read(entry.path()).unwrap())),
            }
        }
    }
    let mut found = Tree::new();
    gather(folder, "", &mut found);
    found
}

fn write(folder: &Path, files: &Tree) {
    for (name, octets) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    }
}

/// The schemas as an official package has them: in a folder of their own, with addresses that lead into the net.
fn official(from: &Path, ending: &str) -> Tree {
    let net = |text: &str, file: &str, address: &str| {
        let mut pieces = text.split("schemaLocation=\"");
        let mut new = pieces.next().unwrap().to_owned();
        for piece in pieces {
            let (location, rest) = piece.split_once('"').unwrap();
            let location = if location.ends_with(file) { address } else { location };
            new.push_str(&format!("schemaLocation=\"{location}\"{rest}"));
        }
        new
    };
    let mut files = Tree::new();
    for module in ["geburt", "baukasten", "allgemeinenachrichten"] {
        let mut text = fs::read_to_string(from.join(format!("xfamilie-{module}{ending}"))).unwrap();
        for (file, address) in [
            ("xfamilie-baukasten.xsd", "http://www.xoev.de/xfamilie/1.3.0/xfamilie-baukasten.xsd"),
            (
                "xfamilie-baukasten.reconstructed.xsd",
                "http://www.xoev.de/xfamilie/1.3.0/xfamilie-baukasten.xsd",
            ),
            ("xoev-code.xsd", "http://xoev.de/schemata/code/1_0/xoev-code.xsd"),
            ("din-91379.xsd", "https://xoev.de/schemata/din/91379/2022-08/din-norm-91379-datatypes.xsd"),
            (
                "din-norm-91379-datatypes.xsd",
                "https://xoev.de/schemata/din/91379/2022-08/din-norm-91379-datatypes.xsd",
            ),
        ] {
            text = net(&text, file, address);
        }
        assert!(!text.contains("\"../"), "every address leads into the net");
        files.insert(format!("XFamilie_1.3.0/schemata/xfamilie-{module}.xsd"), text.into_bytes());
    }
    files.insert("XFamilie_1.3.0/Spezifikation.pdf".to_owned(), b"%PDF-1.7 no schema".to_vec());
    files
}

fn ours_as_official() -> Tree {
    official(&root().join(OURS), ".xsd")
}

/// Replaces text in whichever schema holds it.
fn edit(files: &mut Tree, from: &str, to: &str) {
    let mut found = 0;
    for octets in files.values_mut() {
        let Ok(text) = std::str::from_utf8(octets) else { continue };
        if text.contains(from) {
            *octets = text.replace(from, to).into_bytes();
            found += 1;
        }
    }
    assert!(found > 0, "{from}");
}

fn shown(import: &Import) -> String {
    import.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_official_package_takes_the_place_of_ours() {
    let desk = Desk::new();
    let before = tree(&desk.xsd());
    let archive = desk.zip(&ours_as_official()).display().to_string();

    let (code, dry) = desk.program(&["standards", "import", &archive, "--dry-run"]);
    assert_eq!(
        (code, &dry["installed"], &dry["package"]),
        (0, &false.into(), &"xfamilie/1.3.0".into()),
        "{dry}"
    );
    assert_eq!(tree(&desk.xsd()), before, "a dry run changes nothing");

    let (code, done) = desk.program(&["standards", "import", &archive]);
    assert_eq!((code, &done["installed"]), (0, &true.into()), "{done}");
    let changes = &done["changes"];
    for kind in ["messages_added", "messages_removed", "elements", "codelists", "unfit"] {
        assert_eq!(changes[kind], Value::Array(Vec::new()), "the same in other files: {done}");
    }
    let after = tree(&desk.xsd().join("xfamilie/1.3.0"));
    assert!(!after.contains_key("xfamilie-geburt.xsd") && after.contains_key("official/xfamilie-geburt.xsd"));
    assert_eq!(after["read.yaml"], before["xfamilie/1.3.0/read.yaml"], "the mapping is ours");
    assert!(after.keys().all(|name| !name.contains("pdf")));
    let (code, listed) = desk.program(&["standards", "list"]);
    let one = listed.as_array().unwrap().iter().find(|one| one["standard"] == "xfamilie").unwrap();
    assert_eq!((code, &one["text"], &one["from"]), (0, &"official".into(), &"changed".into()));
    let (code, checked) = desk.program(&["standards", "check"]);
    assert_eq!((code, &checked["faults"]), (0, &Value::Array(Vec::new())), "{checked}");
    assert!(checked["samples"].as_u64().unwrap() >= 30);
    desk.sample_is_valid("1.3.0");

    // Again, from a folder: over what was installed, with the same result but for where it came from.
    let again = desk.import(&desk.folder(&ours_as_official()), None, false);
    assert!(again.installed, "{}", shown(&again));
    let mut repeated = tree(&desk.xsd().join("xfamilie/1.3.0"));
    let mut first = after;
    for of in [&mut repeated, &mut first] {
        of.remove("origin.yaml").unwrap();
    }
    assert_eq!(repeated, first);
    let left: Vec<_> = fs::read_dir(desk.xsd().join("xfamilie")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}

#[test]
fn the_official_base_schemas_are_taken_from_the_package() {
    let shared = root().join(SHARED);
    if !shared.is_dir() {
        println!("1 test without its subject: {SHARED} is missing");
        return;
    }
    let desk = Desk::new();
    let mut files = official(&shared.join("xfamilie-1.3.0"), ".reconstructed.xsd");
    for base in ["xoev-kernkomponenten/xoev-code.xsd", "din91379/din-norm-91379-datatypes.xsd"] {
        let name = format!("XFamilie_1.3.0/externe/{}", base.rsplit('/').next().unwrap());
        files.insert(name, fs::read(shared.join(base)).unwrap());
    }
    let import = desk.import(&desk.zip(&files), None, false);
    assert!(import.installed, "{}", shown(&import));
    assert!(import.notes.iter().all(|note| !note.contains("base/")), "{:?}", import.notes);
    let after = tree(&desk.xsd().join("xfamilie/1.3.0"));
    assert!(after.contains_key("official/xoev-code.xsd"));
    let text = String::from_utf8(after["official/xfamilie-geburt.xsd"].clone()).unwrap();
    assert!(!text.contains("schemaLocation=\"http"), "{text}");
    desk.sample_is_valid("1.3.0");
    let checked = packages::check(&desk.xsd());
    assert!(checked.faults.is_empty(), "{:#?}", checked.faults);
}

#[test]
fn what_no_longer_fits_is_refused_with_the_nearest_name() {
    let desk = Desk::new();
    let before = tree(&desk.xsd());
    for (from, to, expected) in [
        (
            "name=\"registerfuehrendeStelleARS\"",
            "name=\"registerfuehrendeStelleArs\"",
            &["xfamilie/1.3.0/read.yaml:", "did you mean registerfuehrendeStelleArs?"][..],
        ),
        (
            "name=\"wohnortJugendamtMutter\"",
            "name=\"x\"",
            &["read.yaml:", "no xfg:wohnortJugendamtMutter there", "there may stand: "],
        ),
        (
            "name=\"behoerdenname\"",
            "name=\"behoerdenName\"",
            &["package.yaml:", "write/0011.xml:", "did you mean behoerdenName?"],
        ),
        (
            "name=\"sorge.nachweisregister.eintragung.0804\"",
            "name=\"sorge.nachweisregister.eintrag.0804\"",
            &["package.yaml:", "did you mean sorge.nachweisregister.eintrag.0804?"],
        ),
        (
            "http://www.xoev.de/xfamilie/geburt/1.3.0",
            "http://www.xoev.de/xfamilie/geburten/1.3.0",
            &["xfamilie/geburt/1.3.0; did you mean http://www.xoev.de/xfamilie/geburten/1.3.0?"],
        ),
        (
            "namespace=\"http://xoev.de/schemata/code/1_0\"",
            "namespace=\"http://xoev.de/schemata/code/2_0\"",
            &[
                "namespace is missing: http://xoev.de/schemata/code/2_0",
                "did you mean http://xoev.de/schemata/code/1_0?",
            ],
        ),
        (
            "<xs:element name=\"nachrichtenUUID\"",
            "<xs:element name=\"nachrichtenNummer\" type=\"xs:int\"/><xs:element name=\"nachrichtenUUID\"",
            &["cannot be written", "sample"],
        ),
        ("<xs:schema ", "<!DOCTYPE x><xs:schema ", &["document type declaration"]),
        ("type=\"xfg:", "type=\"xfg:Unbekannt", &["schema cannot be used"]),
    ] {
        let mut files = ours_as_official();
        edit(&mut files, from, to);
        let import = desk.import(&desk.zip(&files), None, false);
        let text = shown(&import);
        assert!(!import.installed && !import.fits(), "{from} → {to}");
        for said in expected {
            assert!(text.contains(said), "{from} → {to}: expected {said}\n{text}");
        }
        assert_eq!(tree(&desk.xsd()), before, "{from} → {to}");
    }
    let mut files = ours_as_official();
    files.retain(|name, _| !name.contains("baukasten"));
    let text = shown(&desk.import(&desk.zip(&files), None, false));
    assert!(text.contains("namespace is missing: http://www.xoev.de/xfamilie/baukasten/1.3.0"), "{text}");
    for (named, said) in [
        ("xfamile/1.3.0", "did you mean xfamilie?"),
        ("xfamilie", "STANDARD/VERSION"),
        ("xfamilie/../1", "no name for a version"),
    ] {
        let import = desk.import(&desk.zip(&ours_as_official()), Some(named), false);
        assert!(shown(&import).contains(said), "{}", shown(&import));
    }
    let foreign = Tree::from([(
        "a.xsd".to_owned(),
        b"<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:fremd\"/>".to_vec(),
    )]);
    assert!(
        shown(&desk.import(&desk.zip(&foreign), None, false)).contains("no standard that is mapped here")
    );
    assert_eq!(tree(&desk.xsd()), before);
}

#[test]
fn a_package_under_the_name_of_another_version_and_two_packages_at_once_are_refused() {
    let desk = Desk::new();
    let before = tree(&desk.xsd());
    let refused = |source: &Path, named: Option<&str>, said: &str| {
        let import = desk.import(source, named, false);
        assert!(!import.fits() && shown(&import).contains(said), "{said}: {}", shown(&import));
        assert_eq!(tree(&desk.xsd()), before);
    };
    let ours = official(&root().join(OURS), ".xsd");
    refused(&desk.zip(&ours), Some("xfamilie/1.4.0"), "is xfamilie 1.3.0 by its schemas, not 1.4.0");
    let below = |folder: &str, files: &Tree| {
        files.iter().map(|(name, octets)| (format!("{folder}/{name}"), octets.clone())).collect::<Tree>()
    };
    let mut two = below("alt", &ours);
    two.extend(below("neu", &next_version()));
    for named in [None, Some("xfamilie/1.4.0")] {
        refused(&desk.folder(&two), named, "holds two packages");
    }
    let mut twice = below("alt", &ours);
    twice.extend(below("neu", &ours));
    refused(&desk.folder(&twice), Some("xfamilie/1.3.0"), "holds two packages");
}

#[test]
fn hostile_archives_are_refused() {
    let desk = Desk::new();
    let before = tree(&desk.xsd());
    let path = desk.0.path().join("boese.zip");
    let large = vec![b' '; 17 << 20];
    let many: Vec<(String, &[u8])> = (0..10_001).map(|at| (format!("{at}.txt"), &b""[..])).collect();
    let total: Vec<(String, &[u8])> = (0..9).map(|at| (format!("{at}.xsd"), &large[..15 << 20])).collect();
    let named = |name: &str| vec![(name.to_owned(), &b"x"[..])];
    let refused = |said: &str| {
        let import = desk.import(&path, Some("xfamilie/1.3.0"), false);
        assert!(!import.fits() && shown(&import).contains(said), "expected {said}: {}", shown(&import));
    };
    for (entries, said) in [
        (named("../aussen.xsd"), "leads out of the package"),
        (named("a/../../aussen.xsd"), "leads out of the package"),
        (named("/etc/aussen.xsd"), "leads out of the package"),
        (named("a\\..\\aussen.xsd"), "leads out of the package"),
        (named("C:/aussen.xsd"), "leads out of the package"),
        (vec![("a.xsd".to_owned(), &large[..])], "is too large at a.xsd"),
        (total, "is too large at"),
        (many, "more than 10000 entries"),
        (vec![("a.xsd".to_owned(), &b"x"[..]), ("A.XSD".to_owned(), &b"y"[..])], "two entries of one name"),
        (vec![("latin1.xsd".to_owned(), &[0xe4][..])], "not UTF-8"),
        (named("inner.zip"), "unpack the archive inside"),
        (named("liesmich.txt"), "holds no schema"),
    ] {
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, octets) in &entries {
            zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(octets).unwrap();
        }
        zip.finish().unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 2 << 20, "a small archive that unpacks to much");
        refused(said);
    }
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.add_symlink("a.xsd", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    refused("symbolic link");
    let whole = fs::read(desk.zip(&ours_as_official())).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused("no archive");
    // One octet of the content is turned: the checksum of the entry tells.
    let mut bent = whole.clone();
    bent[200] ^= 0xff;
    fs::write(&path, &bent).unwrap();
    refused("cannot be unpacked");
    let folder = desk.folder(&ours_as_official());
    std::os::unix::fs::symlink("/etc/passwd", folder.join("a.xsd")).unwrap();
    let import = desk.import(&folder, None, false);
    assert!(shown(&import).contains("symbolic link"), "{}", shown(&import));
    assert_eq!(tree(&desk.xsd()), before);
    assert!(!desk.0.path().join("aussen.xsd").exists());
    assert_eq!(desk.program(&["standards", "import", "/nirgends/paket.zip"]).0, 2);
}

/// The next version: other namespaces, one more message, an element that may stand, a code list that came with it.
fn next_version() -> Tree {
    let mut files = ours_as_official();
    edit(&mut files, "1.3.0", "1.4.0");
    edit(
        &mut files,
        "<xs:element name=\"registerfuehrendeStelleARS\"",
        "<xs:element name=\"geburtsuhrzeit\" minOccurs=\"0\" type=\"xs:time\"/><xs:element name=\"registerfuehrendeStelleARS\"",
    );
    edit(
        &mut files,
        "<xs:element name=\"sorge.nachweisregister.eintragung.0804\"",
        "<xs:element name=\"sorge.nachweisregister.bestand.0807\" type=\"xs:string\"/>\
         <xs:element name=\"sorge.nachweisregister.eintragung.0804\"",
    );
    let list = fs::read_to_string(root().join(OURS).join("codelists/nachrichtentyp-4.0.xml")).unwrap();
    let list = list.replacen("<SimpleValue>0003</SimpleValue>", "<SimpleValue>0807</SimpleValue>", 1);
    files.insert("listen/Nachrichtentyp (neu)_4.0.xml".to_owned(), list.into_bytes());
    files
}

#[test]
fn a_new_version_stands_beside_ours_with_the_same_mapping() {
    let desk = Desk::new();
    let before = tree(&desk.xsd().join("xfamilie/1.3.0"));
    let import = desk.import(&desk.zip(&next_version()), None, false);
    assert!(import.installed, "{}", shown(&import));
    assert_eq!(import.package.as_deref(), Some("xfamilie/1.4.0"));
    assert_eq!(import.mapping_from.as_deref(), Some("xfamilie/1.3.0"));
    let changes = import.changes.unwrap();
    assert_eq!(changes.messages_added, ["xfamilie.0807"]);
    assert!(changes.messages_removed.is_empty() && changes.unfit.is_empty(), "{changes:?}");
    assert_eq!(tree(&desk.xsd().join("xfamilie/1.3.0")), before, "ours is as it was");
    desk.sample_is_valid("1.3.0");
    desk.sample_is_valid("1.4.0");
    let (code, checked) = desk.program(&["standards", "check"]);
    assert_eq!(code, 0, "{checked}");

    let (code, found) = desk.program(&["standards", "diff", "xfamilie/1.3.0", "xfamilie/1.4.0"]);
    assert_eq!(code, 1);
    let said = |list: &str| {
        let of = found[list].as_array().unwrap();
        of.iter().map(|one| format!("{} {}", one["at"], one["what"])).collect::<Vec<_>>().join("\n")
    };
    assert!(said("elements").contains("/geburtsuhrzeit\" \"is new and may stand\""), "{}", said("elements"));
    assert!(said("codelists").contains("version 4.0: codes + 0807 − 0003"), "{}", said("codelists"));
    let (code, same) = desk.program(&["standards", "diff", "xfamilie/1.4.0", "xfamilie/1.4.0"]);
    assert_eq!((code, &same["elements"]), (0, &Value::Array(Vec::new())));
    let (code, _) = desk.program(&["standards", "diff", "xfamilie/1.4.0", "xfamilie/1.5.0"]);
    assert_eq!(code, 2);
}

#[test]
fn a_corrected_mapping_is_lent_to_the_new_version() {
    let desk = Desk::new();
    let mut files = next_version();
    edit(&mut files, "registerfuehrendeStelleARS", "registerfuehrendeStelleSchluessel");
    let refused = desk.import(&desk.zip(&files), None, false);
    assert!(
        shown(&refused).contains("did you mean registerfuehrendeStelleSchluessel?"),
        "{}",
        shown(&refused)
    );
    let ours = desk.xsd().join("xfamilie/1.3.0");
    let mapping =
        tree(&ours).into_iter().filter(|(name, _)| !name.ends_with(".xsd") && !name.ends_with(".json"));
    for (name, octets) in mapping {
        let Ok(text) = String::from_utf8(octets) else { continue };
        let text = text.replace("registerfuehrendeStelleARS", "registerfuehrendeStelleSchluessel");
        fs::write(ours.join(name), text).unwrap();
    }
    let import = desk.import(&desk.zip(&files), None, false);
    assert!(import.installed, "{}", shown(&import));
    assert_eq!(import.mapping_from.as_deref(), Some("xfamilie/1.3.0"));
    fs::remove_dir_all(&ours).unwrap();
    let checked = packages::check(&desk.xsd());
    assert!(checked.faults.is_empty(), "{:#?}", checked.faults);
    desk.sample_is_valid("1.4.0");
}

#[test]
fn a_renamed_element_is_told_with_the_paths_that_do_not_fit() {
    let desk = Desk::new();
    let other = desk.0.path().join("neu/xfamilie/1.3.0");
    write(&desk.0.path().join("neu"), &tree(&desk.xsd()));
    for file in ["xfamilie-geburt.xsd", "read.yaml", "rules.yaml"] {
        let text = fs::read_to_string(other.join(file)).unwrap();
        let text = text.replace("eintragungSorgeregisterArt", "eintragungRegisterArt");
        let text = text.replace("name=\"geburtsstandesamt\" minOccurs=\"0\"", "name=\"geburtsstandesamt\"");
        fs::write(other.join(file), text).unwrap();
    }
    let (code, found) = desk.program(&["standards", "diff", "xfamilie/1.3.0", &other.display().to_string()]);
    assert_eq!(code, 1, "{found}");
    let elements = found["elements"].as_array().unwrap();
    let gone = elements.iter().find(|one| one["what"].as_str().unwrap().starts_with("is gone")).unwrap();
    assert_eq!(gone["what"], "is gone; is it eintragungRegisterArt now?");
    assert!(gone["at"].as_str().unwrap().ends_with("/eintragungSorgeregisterArt"), "{gone}");
    let unfit = found["unfit"].as_array().unwrap();
    assert!(unfit.iter().any(|one| {
        one["file"] == "xfamilie/1.3.0/read.yaml"
            && one["line"].as_u64().unwrap() > 1
            && one["text"].as_str().unwrap().contains("did you mean eintragungRegisterArt?")
    }));
    assert!(unfit.iter().any(|one| one["file"] == "xfamilie/1.3.0/rules.yaml"), "{unfit:?}");
    assert!(!found["unfit_back"].as_array().unwrap().is_empty());
}

#[test]
fn a_check_tells_every_fault_with_its_place() {
    let desk = Desk::new();
    let fine = packages::check(&desk.xsd());
    assert!(fine.faults.is_empty() && fine.samples > 20 && fine.messages >= 8, "{fine:?}");
    let package = desk.xsd().join("xfamilie/1.3.0");
    let change = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(package.join(file)).unwrap();
        assert!(text.contains(from), "{from} in {file}");
        fs::write(package.join(file), text.replacen(from, to, 1)).unwrap();
    };
    change(
        "samples/0804-eintragung-vorhanden.xml",
        "nachweisregister.eintragung",
        "nachweisregister.eintrag",
    );
    let (code, found) = desk.program(&["standards", "check"]);
    let faults = found["faults"].as_array().unwrap();
    assert_eq!((code, faults.len()), (1, 1), "{found}");
    assert_eq!(faults[0]["file"], "xfamilie/1.3.0/samples/0804-eintragung-vorhanden.xml");
    change("write/0011.xml", "<xfa:identifikation.nachricht>", "<xfa:identifikation.nachrichten>");
    change("write/0011.xml", "</xfa:identifikation.nachricht>", "</xfa:identifikation.nachrichten>");
    change(
        "read.yaml",
        "xfg:angabenZurMutter/xfg:familienstand/code",
        "xfg:angabenZurMutter/xfg:familienstnd/code",
    );
    let found = packages::check(&desk.xsd());
    let text = found.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for said in [
        "read.yaml:",
        "did you mean familienstand?",
        "write/0011.xml:",
        "did you mean identifikation.nachricht?",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert!(found.faults.iter().all(|fault| fault.line.is_some()), "{text}");
}

#[test]
fn packages_are_listed_with_what_they_can_do() {
    let desk = Desk::new();
    let (code, listed) = desk.program(&["standards", "list"]);
    assert_eq!(code, 0);
    let one = listed.as_array().unwrap().iter().find(|one| one["standard"] == "xfamilie").unwrap();
    for (key, value) in [
        ("version", "1.3.0"),
        ("id", "urn:xoev-de:kosit:standard:xfamilie"),
        ("text", "own"),
        ("from", "shipped"),
        ("receipt", "xfamilie.0011"),
        ("rejection", "xfamilie.0001"),
    ] {
        assert_eq!(one[key], value, "{key}");
    }
    assert_eq!(one["sha256"].as_str().unwrap().len(), 64);
    let messages = one["messages"].as_array().unwrap();
    let read = messages.iter().find(|message| message["message"] == "xfamilie.0804").unwrap();
    assert_eq!(read["reads"], true);
    let written = messages.iter().find(|message| message["message"] == "xfamilie.0011").unwrap();
    assert_eq!((&written["reads"], &written["writes"]), (&true.into(), &true.into()));
}
