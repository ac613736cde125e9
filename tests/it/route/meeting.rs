//! What must not meet, as `check` looks at a whole stage: two items under `send` that hand one document to one partner.

use std::fs;
use std::path::Path;

use drehscheibe::app::fit;
use drehscheibe::app::place::Place;

use crate::support::{copy, root};

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// The demonstration, to be edited.
fn demo(dir: &Path) -> Place {
    let root = root();
    let (config, routes) = (dir.join("stage"), dir.join("routes"));
    copy(&root.join("deploy/stages/demo"), &config);
    copy(&root.join("routes"), &routes);
    fs::remove_dir_all(routes.join("tests")).unwrap();
    Place { config, routes, xsd: root.join("xsd"), data: dir.join("data") }
}

/// What `check` says of a stage; empty when it passes.
fn said(place: &Place) -> String {
    fit::compile(place, None).err().map(|unfit| unfit.to_string()).unwrap_or_default()
}

#[test]
fn one_document_goes_to_one_partner_once_however_the_partner_is_named() {
    const HANDED: &str = "  - partner: { to: fachverfahren, message: aenderung }\n";
    for (items, meets) in [
        (HANDED, None),
        (
            "  - partner: { to: fachverfahren, message: aenderung }\n  - partner: { to: jugendaemter, message: aenderung }\n",
            None,
        ),
        // A group and its member, in either order, by ways of their own or not.
        (
            "  - partner: { to: fachverfahren, message: aenderung }\n  - partner: { to: fachverfahren-nord, message: aenderung }\n",
            Some("fachverfahren-nord"),
        ),
        (
            "  - partner: { to: fachverfahren-nord, message: aenderung, ways: [lieferungen] }\n  - partner: { to: fachverfahren, message: aenderung }\n",
            Some("fachverfahren-nord"),
        ),
        // Two groups with a member in common; however many, it is told once.
        (
            "  - partner: { to: fachverfahren, message: aenderung }\n  - partner: { to: weitere, message: aenderung, ways: [lieferungen] }\n",
            Some("fachverfahren-nord"),
        ),
        (
            "  - partner: { to: jugendaemter, message: aenderung }\n  - partner: { to: weitere, message: aenderung }\n",
            Some("jugendamt-hamburg"),
        ),
        // Two documents are two.
        (
            "  - partner: { to: fachverfahren, message: aenderung }\n  - partner: { to: fachverfahren-nord, message: zweite }\n",
            None,
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let place = demo(dir.path());
        let partners = place.config.join("partners.yaml");
        edit(&partners, "groups: [fachverfahren]", "groups: [fachverfahren, weitere]");
        edit(
            &partners,
            "    mandant: jugendamt-hamburg\n    groups: [jugendaemter]",
            "    mandant: jugendamt-hamburg\n    groups: [jugendaemter, weitere, weitere]",
        );
        let route = place.routes.join("personen-weitergabe.yaml");
        edit(&route, "    as: aenderung\n", "    as: aenderung\n  - forward: original\n    as: zweite\n");
        edit(&route, HANDED, items);
        let said = said(&place);
        match meets {
            None => assert_eq!(said, "", "{items}"),
            Some(partner) => {
                let told = format!("`partner` reaches `{partner}` with `aenderung` in line");
                assert_eq!(said.matches(&told).count(), 1, "{items}: {said}");
                assert_eq!(said.matches("reaches").count(), 1, "{items}: {said}");
            }
        }
    }
}
