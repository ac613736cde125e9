//! `ways` of the route language with the shipped route of a request: what `check` says of each way, and cases that say which way refuses
//! and which mailbox nobody empties, played in all variants.

use std::fs;
use std::path::Path;

use drehscheibe::app::cases;
use drehscheibe::app::fit;
use drehscheibe::app::ground::Ground;
use drehscheibe::app::place::Place;
use drehscheibe::app::player;

use crate::support::{copy, root};

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

const OFFICE: &str = "  - jugendamt: { to: wohnort, message: klaerfall, when: { ergebnis: klaerfall } }\n";

/// The demonstration with a mailbox for one office and a tray of letters for it and for the keeper of the mothers' mailboxes.
fn stage(dir: &Path, ways: &str) -> Place {
    let root = root();
    let (config, routes) = (dir.join("stage"), dir.join("routes"));
    copy(&root.join("deploy/stages/demo"), &config);
    copy(&root.join("routes"), &routes);
    fs::remove_dir_all(routes.join("tests")).unwrap();
    edit(
        &config.join("connections.yaml"),
        "  callback:\n",
        "  postkorb: { kind: mailbox }\n  brief: { kind: folder, trays: [{ partner: druckerei, in: trays/druckerei/in }] }\n  callback:\n",
    );
    let partners = config.join("partners.yaml");
    edit(
        &partners,
        "      - bearer: { file: secrets/jugendamt-hamburg.token }\n    channels:\n      lieferungen: {}\n",
        "      - bearer: { file: secrets/jugendamt-hamburg.token }\n    channels:\n      lieferungen: {}\n      postkorb: {}\n      brief: { out: trays/brief/jugendamt-hamburg }\n",
    );
    edit(
        &partners,
        "      lieferungen: { out: trays/postfach/out }\n",
        "      lieferungen: { out: trays/postfach/out }\n      brief: { out: trays/brief/postfach }\n",
    );
    edit(
        &partners,
        "  kita-portal-nord:\n",
        "  druckerei:\n    name: Druckerei (Demo)\n  kita-portal-nord:\n",
    );
    let route = routes.join("auskunft-self-service.yaml");
    let office = format!(
        "  - jugendamt: {{ to: wohnort, message: klaerfall, ways: {ways}, when: {{ ergebnis: klaerfall }} }}\n"
    );
    edit(&route, OFFICE, &office);
    let letter = "  - postfach: { to: mutter, document: schreiben, delay: 60s, ways: [ { by: answers-by, within: 5d }, brief ] }\n";
    edit(&route, "  - postfach: { to: mutter, document: schreiben, delay: 60s }\n", letter);
    Place { config, routes, xsd: root.join("xsd"), data: dir.join("data") }
}

fn case(place: &Place, name: &str, when: &str, fails: &str, sent: &[&str], state: &str) {
    let folder = place.routes.join("tests/auskunft-self-service");
    copy(&root().join("routes/tests/auskunft-self-service"), &folder.with_file_name("samples"));
    fs::create_dir_all(&folder).unwrap();
    let login = folder.join("anmeldung.json");
    fs::rename(folder.with_file_name("samples").join("anmeldung.json"), login).unwrap();
    fs::remove_dir_all(folder.with_file_name("samples")).unwrap();
    let sent: String = sent.iter().map(|sent| format!("    - {{ {sent} }}\n")).collect();
    let text = format!(
        "given:\n  registers:\n    - {{ jugendamt: jugendamt-bremen, mirror: [0804-keine-eintragung.xml] }}\nwhen:\n  - http: {{ body: {{ file: 0801-antrag.xml, replace: {{ \"2024-08-05\": \"2008-11-22\" }} }}, parts: {{ anmeldung: anmeldung.json }}, partner: kita-portal-nord }}\n{when}partners-fail:\n{fails}then:\n  sent:\n{sent}  vorgaenge: [{state}]\n"
    );
    fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
}

#[test]
fn each_way_is_judged_where_it_is_written() {
    for (ways, text) in [
        ("[ { by: postkorb, within: 5d }, brief ]", None),
        ("[ answers-by ]", None),
        ("[ postkrob, brief ]", Some("unknown connection: `postkrob`")),
        ("[ { by: postkorb, within: 5d }, { by: brief, within: 5d } ]", Some("the last way has no `within`")),
        ("[ brief, brief ]", Some("`brief` is named twice")),
        ("[ haustuer, brief ]", Some("takes in but does not send")),
        ("[]", Some("`ways` is empty")),
        ("[ { by: postkorb, within: 5s }, brief ]", Some("within")),
        ("[ { weg: postkorb }, brief ]", Some("weg")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        match (fit::compile(&stage(dir.path(), ways), None), text) {
            (Ok(_), None) => {}
            (Ok(_), Some(text)) => panic!("{ways} passes, {text} was expected"),
            (Err(unfit), None) => panic!("{ways}: {unfit:?}"),
            (Err(unfit), Some(text)) => {
                let told = format!("{unfit:?}");
                let at = told.contains("auskunft-self-service.yaml");
                assert!(told.contains(text) && at, "{ways}: {told}");
                assert!(!ways.contains("postkrob") || told.contains("postkorb\""), "a proposal: {told}");
            }
        }
    }
    // What is no fault and not what was meant is told.
    for (ways, text) in [
        ("[ { by: postkorb, within: 5d }, brief ]", None),
        ("[ { by: answers-by, within: 5d }, brief ]", None),
        ("[ callback, brief ]", Some("nobody who may get this has a channel by `callback`")),
        (
            "[ answers-by, { by: lieferungen, within: 1d }, brief ]",
            Some("in the place of the first and for the time that stands there"),
        ),
        (
            "[ { by: lieferungen, within: 1d }, answers-by ]",
            Some("`lieferungen` and `answers-by` are one way for `jugendamt-bremen`"),
        ),
        ("[ answers-by, lieferungen ]", None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let fit =
            fit::compile(&stage(dir.path(), ways), None).unwrap_or_else(|unfit| panic!("{ways}: {unfit:?}"));
        let told = format!("{:?}", fit.compiled.warnings);
        match text {
            Some(text) => assert!(told.contains(text), "{ways}: {told}"),
            None => {
                assert!(!told.contains("nobody who may") && !told.contains("are one way"), "{ways}: {told}")
            }
        }
    }
    // Who keeps the mothers' mailboxes is known, so each way to it has to be there.
    let dir = tempfile::tempdir().unwrap();
    let place = stage(dir.path(), "[ answers-by ]");
    edit(&place.config.join("partners.yaml"), "      brief: { out: trays/brief/postfach }\n", "");
    let Err(unfit) = fit::compile(&place, None) else { panic!("the keeper has no such way") };
    let told = format!("{unfit:?}");
    assert!(told.contains("write a channel by `brief`"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_say_which_way_refuses_and_what_nobody_collects() {
    let dir = tempfile::tempdir().unwrap();
    let place = stage(dir.path(), "[ { by: postkorb, within: 5d }, brief ]");
    let told = "callback: kita-portal-nord, delay: 60s, body: { id: \"*\", stand: in-bearbeitung }";
    case(
        &place,
        "weg-1-lehnt-ab",
        "",
        "  \"postkorb:jugendamt-hamburg\": [refused]\n  \"lieferungen:postfach\": [refused]\n",
        &["folder: \"brief:postfach\", delay: 60s", "folder: \"brief:jugendamt-hamburg\"", told],
        "beim-jugendamt",
    );
    case(
        &place,
        "nicht-abgeholt",
        "  - timer: { after: 6d }\n",
        "  \"postkorb:jugendamt-hamburg\": [not-collected]\n",
        &["folder: \"lieferungen:postfach\", delay: 60s", "folder: \"brief:jugendamt-hamburg\"", told],
        "beim-jugendamt",
    );
    case(
        &place,
        "noch-zeit",
        "  - timer: { after: 4d }\n",
        "  \"postkorb:jugendamt-hamburg\": [not-collected]\n",
        &["folder: postfach, delay: 60s", told],
        "beim-jugendamt",
    );
    let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
    let found = cases::find(&place.routes, None);
    assert_eq!(found.len(), 3);
    let ground = Ground::made(player::stage(&fit)).await.unwrap();
    let played =
        futures_util::future::join_all(found.iter().map(|one| cases::run(&place, &fit, &ground, one)));
    for outcome in played.await {
        assert!(outcome.faults.is_empty(), "{}: {:#?}", outcome.case, outcome.faults);
        assert!(outcome.plays > 10);
    }
}
