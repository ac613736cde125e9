//! Reads the tables of a stage: offices with their areas, places, the decision table. Every fault of every line is collected, and nothing
//! ambiguous passes: two offices that hold the same area on the same day are a fault, not a matter of order.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::Value;

use crate::register::aemter::{Aemter, Amt, Gebiet};
use crate::register::gemeinden::{Gemeinden, falten};
use crate::register::tabelle;
use crate::register::tafeln::Tafeln;
use crate::route::fault::{Collector, Desk};
use crate::route::place::Place;
use crate::route::reading;
use crate::route::text_file::TextFile;
use crate::route::tree::{self, At, Kind, Node};

/// The folder of the tables inside a stage folder.
pub const FOLDER: &str = "tables";
/// The file of the offices.
pub const AEMTER: &str = "aemter.yaml";
/// The file of the places.
pub const GEMEINDEN: &str = "gemeinden.csv";
/// The file of the other names of places: short, former, of districts.
pub const ORTSNAMEN: &str = "ortsnamen.csv";
/// The file of the decision table; a stage without one has that of the routes, else the one that is built in.
pub const AUSKUNFT: &str = "auskunft.yaml";
/// All files that are read there, in this order.
pub const NAMES: &[&str] = &[AEMTER, GEMEINDEN, ORTSNAMEN, AUSKUNFT];

/// Which table a text is, by the end of its name.
pub fn kind_of(file: &TextFile) -> Option<&'static str> {
    NAMES.iter().copied().find(|name| file.name.rsplit(['/', '\\']).next() == Some(*name))
}

/// Whether a table is YAML.
pub fn is_tree(file: &TextFile) -> bool {
    kind_of(file) == Some(AEMTER)
}

/// Reads all tables; a missing one is empty. `partners` are the names written in `partners.yaml`; `None` where it could not be read.
pub fn read(collector: &Collector, files: &[TextFile], partners: Option<&[String]>) -> Tafeln {
    let mut tafeln = Tafeln::default();
    // Other names belong to the Gemeinden, whatever the order in which the files are named.
    let mut others = Vec::new();
    for file in files {
        let desk = collector.desk(&file.name, &file.text);
        match kind_of(file) {
            Some(AEMTER) => tafeln.aemter = aemter(desk, &file.text, partners),
            Some(GEMEINDEN) => tafeln.gemeinden = gemeinden(desk, &file.text),
            Some(ORTSNAMEN) => others.push(file),
            Some(AUSKUNFT) => match tabelle::lesen(&file.text) {
                Ok(tabelle) => tafeln.auskunft = tabelle,
                Err(faults) => {
                    for fault in faults {
                        desk.fault(Place { line: fault.line, column: fault.column, width: 1 }, fault.text);
                    }
                }
            },
            _ => desk.unknown(Place::default(), "this is no table", &file.name, NAMES),
        }
    }
    for file in others {
        ortsnamen(collector.desk(&file.name, &file.text), &file.text, &mut tafeln.gemeinden);
    }
    tafeln
}

/// Reads `aemter.yaml`.
pub fn aemter(desk: Desk<'_>, text: &str, partners: Option<&[String]>) -> Aemter {
    let mut aemter = Aemter::default();
    let Some(root) = tree::parse(text, desk) else { return aemter };
    let Some(root) = reading::map(desk, &root, AEMTER, &["aemter"]) else { return aemter };
    let Some(list) = reading::need(desk, root, AEMTER, "aemter") else { return aemter };
    let mut places: BTreeMap<String, Written> = BTreeMap::new();
    for node in reading::list(desk, list, "`aemter`") {
        let Some((id, amt, written)) = amt(desk, node) else { continue };
        if places.contains_key(&id.value) {
            desk.fault(id.at, format!("the office `{}` stands twice; keep one entry", id.value));
            continue;
        }
        if partners.is_some_and(|partners| !partners.contains(&id.value)) {
            let text =
                format!("the office `{}` is no partner; nothing comes from it or goes to it", id.value);
            desk.warn(id.at, text);
        }
        places.insert(id.value, written);
        aemter.aemter.push(amt);
    }
    overlaps(desk, &aemter, &places);
    successors(desk, &aemter, &places);
    abroad(desk, &aemter, &places);
    aemter
}

/// Where the parts of an office stand, for faults between offices.
struct Written {
    gebiete: Vec<Place>,
    nachfolge: Place,
    auslandsgeburten: Place,
}

const KEYS: &[&str] = &[
    "id",
    "name",
    "gebiete",
    "auslandsgeburten",
    "auftrag-seit",
    "freigabe-seit",
    "freigabe-bis",
    "nachfolge",
    "nachweise",
    "erreichbarkeit",
    "anschrift",
];
/// What an address as an author says.
const ANSCHRIFT: &[&str] = &["strasse", "hausnummer", "postleitzahl", "wohnort"];
/// What a way to reach it says.
const ERREICHBARKEIT: &[&str] = &["kanal", "kennung"];

fn amt(desk: Desk<'_>, node: &Node) -> Option<(At<String>, Amt, Written)> {
    let node = reading::map(desk, node, "an office", KEYS)?;
    let id = reading::need(desk, node, "an office", "id").and_then(|id| reading::text(desk, id, "`id`"))?;
    let named = reading::name(desk, &id, "office");
    let what = format!("office `{}`", id.value);
    let name = reading::need(desk, node, &what, "name").and_then(|name| reading::text(desk, name, "`name`"));
    let mut gebiete = Vec::new();
    let mut areas = Vec::new();
    for item in node.get("gebiete").map(|list| reading::list(desk, list, "`gebiete`")).unwrap_or_default() {
        if let Some(area) = gebiet(desk, item) {
            gebiete.push(area);
            areas.push(item.at);
        }
    }
    let abroad = node.get("auslandsgeburten");
    let auslandsgeburten = match abroad.map(|node| (&node.kind, node.at)) {
        None => false,
        Some((Kind::Bool(yes), _)) => *yes,
        Some((_, at)) => {
            desk.fault(at, "`auslandsgeburten` is neither `true` nor `false`");
            false
        }
    };
    let auftrag_seit = date(desk, node, "auftrag-seit");
    let freigabe_seit = date(desk, node, "freigabe-seit");
    let freigabe_bis = date(desk, node, "freigabe-bis");
    ordered(desk, node, ("freigabe-seit", freigabe_seit), ("freigabe-bis", freigabe_bis));
    if freigabe_seit.is_some() && auftrag_seit.is_none() {
        desk.fault(
            node.locate("/freigabe-seit"),
            "a release needs the order on whose behalf data are processed; write `auftrag-seit`",
        );
    }
    let nachfolge = reading::optional_text(desk, node, "nachfolge");
    let nachweise =
        node.get("nachweise").map(|list| reading::texts(desk, list, "`nachweise`")).unwrap_or_default();
    let anschrift = node.get("anschrift").and_then(|node| texts_of(desk, node, "`anschrift`", ANSCHRIFT));
    let erreichbarkeit = node.get("erreichbarkeit").map(|list| {
        let ways = reading::list(desk, list, "`erreichbarkeit`").iter();
        ways.filter_map(|way| texts_of(desk, way, "an entry of `erreichbarkeit`", ERREICHBARKEIT))
            .collect::<Value>()
    });
    let written = Written {
        gebiete: areas,
        nachfolge: node.locate("/nachfolge"),
        auslandsgeburten: node.locate("/auslandsgeburten"),
    };
    let amt = Amt {
        id: id.value.clone(),
        name: name?.value,
        gebiete,
        auslandsgeburten,
        auftrag_seit,
        freigabe_seit,
        freigabe_bis,
        nachfolge: nachfolge.map(|written| written.value),
        erreichbarkeit,
        anschrift,
        nachweise: nachweise.into_iter().map(|written| written.value).collect(),
    };
    named.then_some((id, amt, written))
}

/// A map with exactly these texts.
fn texts_of(desk: Desk<'_>, node: &Node, what: &str, keys: &[&str]) -> Option<Value> {
    let node = reading::map(desk, node, what, keys)?;
    let texts: Vec<_> = keys
        .iter()
        .map(|key| {
            let found = reading::need(desk, node, what, key)?;
            Some(((*key).to_owned(), Value::from(reading::text(desk, found, &format!("`{key}`"))?.value)))
        })
        .collect();
    texts.into_iter().collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
}

fn gebiet(desk: Desk<'_>, node: &Node) -> Option<Gebiet> {
    let node = reading::map(desk, node, "an area", &["ars", "von", "bis"])?;
    let ars =
        reading::need(desk, node, "an area", "ars").and_then(|ars| reading::text(desk, ars, "`ars`"))?;
    let (von, bis) = (date(desk, node, "von"), date(desk, node, "bis"));
    ordered(desk, node, ("von", von), ("bis", bis));
    if !(2..=12).contains(&ars.value.len()) || !digits(&ars.value) {
        desk.fault(ars.at, format!("`{}` is no ARS; write its first 2 to 12 digits in quotes", ars.value));
        return None;
    }
    Some(Gebiet { ars: ars.value, von, bis })
}

fn digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

fn date(desk: Desk<'_>, node: &Node, key: &str) -> Option<Date> {
    let node = node.get(key)?;
    let date = node.text().and_then(|text| text.parse::<Date>().ok());
    if date.is_none() {
        desk.fault(node.at, format!("`{key}` is no date; write such as 2026-12-31"));
    }
    date
}

fn ordered(desk: Desk<'_>, node: &Node, first: (&str, Option<Date>), last: (&str, Option<Date>)) {
    if let (Some(from), Some(to)) = (first.1, last.1)
        && to < from
    {
        let text = format!("`{}` lies before `{}`; it would never hold", last.0, first.0);
        desk.fault(node.locate(&format!("/{}", last.0)), text);
    }
}

/// The same area on the same day at two offices (or twice at one) would leave nobody competent.
fn overlaps(desk: Desk<'_>, aemter: &Aemter, places: &BTreeMap<String, Written>) {
    let mut seen: BTreeMap<&str, Vec<(&Gebiet, &Amt)>> = BTreeMap::new();
    for amt in &aemter.aemter {
        for (nth, gebiet) in amt.gebiete.iter().enumerate() {
            let held = seen.entry(&gebiet.ars).or_default();
            if let Some((_, other)) = held.iter().find(|(other, _)| meet(other, gebiet)) {
                let at = places.get(&amt.id).and_then(|written| written.gebiete.get(nth)).copied();
                let text = format!(
                    "area {} belongs to `{}` on the same days; let one end before the other begins",
                    gebiet.ars, other.id
                );
                desk.fault(at.unwrap_or_default(), text);
            }
            held.push((gebiet, amt));
        }
    }
}

fn meet(one: &Gebiet, other: &Gebiet) -> bool {
    let before = |last: Option<Date>, first: Option<Date>| matches!((last, first), (Some(last), Some(first)) if last < first);
    !before(one.bis, other.von) && !before(other.bis, one.von)
}

fn successors(desk: Desk<'_>, aemter: &Aemter, places: &BTreeMap<String, Written>) {
    for amt in &aemter.aemter {
        let Some(next) = &amt.nachfolge else { continue };
        let at = places.get(&amt.id).map(|written| written.nachfolge).unwrap_or_default();
        if aemter.amt(next).is_none() {
            let known = aemter.aemter.iter().map(|amt| &amt.id);
            desk.unknown(at, format!("unknown office: `{next}`"), next, known);
            continue;
        }
        let mut met = BTreeSet::from([amt.id.as_str()]);
        let mut walk = amt;
        while let Some(next) = walk.nachfolge.as_deref().and_then(|id| aemter.amt(id)) {
            if !met.insert(&next.id) {
                desk.fault(at, format!("the successors of `{}` run in a circle; one has to be last", amt.id));
                break;
            }
            walk = next;
        }
        if amt.gebiete.iter().any(|gebiet| gebiet.bis.is_none()) {
            let text = format!("`{}` has a successor but an area without last day; write `bis`", amt.id);
            desk.fault(at, text);
        }
    }
}

fn abroad(desk: Desk<'_>, aemter: &Aemter, places: &BTreeMap<String, Written>) {
    for amt in aemter.aemter.iter().filter(|amt| amt.auslandsgeburten).skip(1) {
        let at = places.get(&amt.id).map(|written| written.auslandsgeburten).unwrap_or_default();
        desk.fault(at, "two offices keep the register for births abroad; exactly one can");
    }
}

/// A line of a table of places: where its parts stand, its key and its name.
struct Line<'a> {
    whole: Place,
    ars: &'a str,
    ars_at: Place,
    folded: String,
    rest: Option<(&'a str, Place)>,
}

/// The lines `ars;name` of a table, with a third part where `form` names one; `#` begins a remark. Faulty ones are left out.
fn lines<'a>(desk: Desk<'_>, text: &'a str, form: &str) -> Vec<Line<'a>> {
    let mut found = Vec::new();
    for (nth, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = |column: usize, width: usize| Place {
            line: u32::try_from(nth + 1).unwrap_or(0),
            column: u32::try_from(column).unwrap_or(0),
            width: u32::try_from(width).unwrap_or(0),
        };
        let Some((ars, name)) = line.split_once(';') else {
            desk.fault(at(1, line.chars().count()), format!("no `;` here; write `{form}`"));
            continue;
        };
        let ars_at = at(1, ars.chars().count());
        if ars.len() != 12 || !digits(ars) {
            desk.fault(ars_at, "this is no ARS of a Gemeinde; write 12 digits");
            continue;
        }
        let parts = if form.matches(';').count() > 1 { name.split_once(';') } else { None };
        let (name, rest) = match parts {
            Some((name, rest)) => {
                (name, Some((rest, at(ars.len() + name.chars().count() + 3, rest.chars().count()))))
            }
            None => (name, None),
        };
        let folded = falten(name);
        if folded.is_empty() {
            desk.fault(at(ars.len() + 2, 1), format!("the name is missing; write `{form}`"));
            continue;
        }
        found.push(Line { whole: at(1, line.chars().count()), ars, ars_at, folded, rest });
    }
    found
}

/// Reads `gemeinden.csv`: one `ars;name` per line, `#` begins a remark.
pub fn gemeinden(desk: Desk<'_>, text: &str) -> Gemeinden {
    let mut gemeinden = Gemeinden::default();
    let mut seen: BTreeMap<&str, (u32, String)> = BTreeMap::new();
    for line in lines(desk, text, "ars;name") {
        if let Some(first) = seen.insert(line.ars, (line.whole.line, line.folded.clone())) {
            let text = match first.1 == line.folded {
                true => "this Gemeinde stands twice; keep one line".to_owned(),
                false => format!(
                    "{} has a name in line {} already; correct one of the two, or write a former or short name into {ORTSNAMEN}",
                    line.ars, first.0
                ),
            };
            desk.fault(line.whole, text);
            seen.insert(line.ars, first);
            continue;
        }
        gemeinden.add(line.folded, line.ars);
    }
    gemeinden
}

/// What another name of a Gemeinde is; told to persons, it makes no difference.
const ARTEN: &[&str] = &["kurz", "frueher", "ortsteil"];

/// Reads `ortsnamen.csv`: one `ars;name;art` per line, the art `kurz`, `frueher` or `ortsteil`; each Gemeinde must stand in
/// `gemeinden.csv`.
pub fn ortsnamen(desk: Desk<'_>, text: &str, gemeinden: &mut Gemeinden) {
    let mut seen = BTreeSet::new();
    for line in lines(desk, text, "ars;name;art") {
        match line.rest {
            Some((art, _)) if ARTEN.contains(&art) => {}
            Some((art, at)) => {
                desk.unknown(at, format!("unknown kind of name: `{art}`"), art, ARTEN);
                continue;
            }
            None => {
                desk.fault(line.whole, "the kind of name is missing; write `ars;name;art`, such as `…;kurz`");
                continue;
            }
        }
        if !gemeinden.kennt(line.ars) {
            let text = format!("no Gemeinde {} in {GEMEINDEN}; write it there first", line.ars);
            desk.fault(line.ars_at, text);
            continue;
        }
        if !seen.insert((line.ars, line.folded.clone())) {
            desk.fault(line.whole, "this name stands twice; keep one line");
            continue;
        }
        gemeinden.add_weiteren(line.folded, line.ars);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::aemter::Zustaendig;
    use crate::register::gemeinden::Ort;

    fn file(name: &str, text: &str) -> TextFile {
        TextFile { name: format!("stage/tables/{name}"), text: text.to_owned() }
    }

    fn faults(name: &str, text: &str) -> Vec<String> {
        let collector = Collector::default();
        read(&collector, &[file(name, text)], Some(&["a".into(), "b".into(), "c".into()]));
        let (faults, _) = collector.finish();
        faults
            .faults
            .iter()
            .map(|f| format!("{}:{} {} {}", f.line, f.column, f.text, f.nearest.clone().unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_stage_may_bring_its_own_decision_table_and_no_looser_one() {
        let shipped = include_str!("../../routes/tables/auskunft.yaml");
        let own = shipped.replacen("fassung: \"1\"", "fassung: \"1-bremen\"", 1);
        let collector = Collector::default();
        let tafeln = read(&collector, &[file(AUSKUNFT, &own)], Some(&[]));
        assert_eq!(collector.finish().0.to_string(), "");
        assert!(tafeln.auskunft != Tafeln::default().auskunft, "its own version is taken");
        // A Sperrvermerk answered automatically.
        let looser = shipped.replacen("- { sperrvermerk: [ja] }", "- { sperrvermerk: [nein] }", 1);
        assert!(looser != shipped && !faults(AUSKUNFT, &looser).is_empty());
        assert!(faults(AUSKUNFT, "tafel: auskunft\n")[0].contains(':'));
    }

    #[test]
    fn areas_and_places_are_read_and_answer() {
        let yaml = "aemter:\n  - id: a\n    name: Amt A\n    gebiete:\n      - { ars: \"04011\", bis: 2026-12-31 }\n    nachfolge: b\n  - id: b\n    name: Amt B\n    gebiete:\n      - { ars: \"04011\", von: 2027-01-01 }\n  - { id: x, name: Amt X, auslandsgeburten: true }\n";
        let csv = "# ours\n040110000000;Bremen\n010010000000;Neustadt\n020010000000;Neustadt\n";
        assert_eq!(
            faults(GEMEINDEN, "040110000000;Bremen\n040110000000;Bremerhaven\n"),
            [
                "2:1 040110000000 has a name in line 1 already; correct one of the two, or write a former or short name into ortsnamen.csv "
            ]
        );
        let collector = Collector::default();
        let read =
            read(&collector, &[file(AEMTER, yaml), file(GEMEINDEN, csv)], Some(&["a".into(), "b".into()]));
        let (faults, warnings) = collector.finish();
        assert_eq!(faults.to_string(), "");
        assert_eq!(warnings.len(), 1, "x is no partner");
        let day = |text: &str| text.parse::<Date>().unwrap();
        let of = |on: &str| read.aemter.zustaendig("040110000000", day(on)).eines().map(|amt| amt.id.clone());
        assert_eq!(of("2026-12-31").as_deref(), Some("a"));
        assert_eq!(of("2027-01-01").as_deref(), Some("b"));
        assert!(matches!(read.aemter.fuer_auslandsgeburten(), Zustaendig::Eines(amt) if amt.id == "x"));
        assert_eq!(read.gemeinden.ort(&falten("bremen")), Ort::Einer("040110000000"));
        assert_eq!(read.gemeinden.ort(&falten("Neustadt")), Ort::Mehrere);
    }

    #[test]
    fn every_fault_has_its_place_and_says_what_to_write() {
        let amt = |id: &str, rest: &str| format!("  - id: {id}\n    name: Amt\n{rest}");
        let area = |ars: &str, dates: &str| format!("    gebiete: [ {{ ars: \"{ars}\"{dates} }} ]\n");
        for (rows, expected) in [
            (
                vec![amt("a", &area("04011", "")), amt("b", &area("04011", ""))],
                "7:16 area 04011 belongs to `a`",
            ),
            (
                vec![amt("a", &area("04", ", bis: 2026-06-30")), amt("b", &area("04", ", von: 2026-06-30"))],
                "7:16 area 04 belongs to `a`",
            ),
            (
                vec![amt("a", &area("04", ", von: 2026-02-01, bis: 2026-01-01"))],
                "4:50 `bis` lies before `von`",
            ),
            (vec![amt("a", &area("4", ""))], "4:23 `4` is no ARS"),
            (vec![amt("a", &area("04", ", von: 2026-02-30"))], "4:34 `von` is no date"),
            (vec![amt("a", "    nachfolge: bb\n"), amt("b", "")], "4:16 unknown office: `bb` b"),
            (
                vec![amt("a", "    nachfolge: b\n"), amt("b", "    nachfolge: a\n")],
                "4:16 the successors of `a` run in a circle",
            ),
            (
                vec![amt("a", &format!("{}    nachfolge: b\n", area("04", ""))), amt("b", "")],
                "5:16 `a` has a successor but an area without last day",
            ),
            (vec![amt("a", ""), amt("a", "")], "4:9 the office `a` stands twice"),
            (vec![amt("a", "    freigabe-seit: 2026-01-01\n")], "4:20 a release needs the order"),
            (vec![amt("a", "    nachweisse: [x]\n")], "4:5 unknown key in an office: `nachweisse` nachweise"),
            (
                vec![amt("a", "    auslandsgeburten: true\n"), amt("b", "    auslandsgeburten: true\n")],
                "7:23 two offices keep the register for births abroad",
            ),
            (vec!["  - { id: A, name: x }\n".into()], "2:11 office `A` is no name"),
        ] {
            let text = format!("aemter:\n{}", rows.concat());
            let found = faults(AEMTER, &text);
            let (place, rest) = expected.split_once(' ').unwrap();
            let line_of = |place: &str| place.split(':').next().unwrap().to_owned();
            let words: Vec<&str> = rest.split(' ').collect();
            let meant = |line: &String| {
                line_of(line) == line_of(place) && words.iter().all(|word| line.contains(word))
            };
            assert!(found.iter().any(meant), "{expected}: {found:?}");
        }
        let csv = "040110000000;Bremen\n04011;Bremen\n040110000000\n040110000000;\n040110000000;BREMEN\n";
        let found = faults(GEMEINDEN, csv);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[0].starts_with("2:1 ") && found[1].starts_with("3:1 ") && found[2].starts_with("4:14 ")
        );
        assert!(found[3].starts_with("5:1 this Gemeinde stands twice"));
    }

    #[test]
    fn other_names_of_places_are_read_whatever_the_order_of_the_files() {
        let others = "# ours\n040110000000;Bremen-Mitte;ortsteil\n040110000000;Bremen a.d. Weser;kurz\n";
        let collector = Collector::default();
        let files = [file(ORTSNAMEN, others), file(GEMEINDEN, "040110000000;Bremen\n")];
        let read = read(&collector, &files, Some(&[]));
        assert_eq!(collector.finish().0.to_string(), "");
        assert_eq!(read.gemeinden.alle(&falten("BREMEN MITTE")), ["040110000000"]);
        assert_eq!(read.gemeinden.ort(&falten("Bremen-Mitte")), Ort::Keiner, "alone it names none");
        for (line, expected) in [
            ("040110000000;Bremen-Mitte;Ortsteil", "1:27 unknown kind of name"),
            ("040110000000;Bremen-Mitte", "1:1 the kind of name is missing"),
            ("040120000000;Lehe;ortsteil", "1:1 no Gemeinde 040120000000"),
            ("04011;Lehe;ortsteil", "1:1 this is no ARS"),
            ("040110000000;Mitte;ortsteil\n040110000000;MITTE;frueher", "2:1 this name stands twice"),
        ] {
            let collector = Collector::default();
            let files = [file(GEMEINDEN, "040110000000;Bremen\n"), file(ORTSNAMEN, line)];
            super::read(&collector, &files, Some(&[]));
            let faults = collector.finish().0.faults;
            let told: Vec<String> =
                faults.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.text)).collect();
            assert!(told.len() == 1 && told[0].starts_with(expected), "{line}: {told:?}");
        }
    }
}
