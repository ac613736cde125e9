//! Compiled sets: what they hold, how they are explained, how they differ, and how they are loaded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::envelope::{Inbound, Stage};
use drehscheibe::plan::OrderBy;
use drehscheibe::route::case::{self, Body, By, Failure, Until, When};
use drehscheibe::route::outline::Outline;
use drehscheibe::route::plan_diff::{InFlight, Picture, difference};
use drehscheibe::route::{explain, load};
use drehscheibe::transport::port::{Answers, Credential};
use secrecy::ExposeSecret;

use super::house::{CONNECTIONS, Names, PARTNERS, ROUTE, built, compile_files, files};

#[test]
fn a_set_holds_what_was_written_and_every_default() {
    let compiled = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let plan = &compiled.plans[0];
    assert_eq!((plan.route.as_str(), plan.order_by), ("lieferung", OrderBy::Child));
    assert_eq!(plan.accept[0].partners, ["bremen", "hamburg"]);
    let bindings: Vec<_> =
        plan.bindings.iter().map(|b| (b.key.as_str(), b.answers, b.standard.as_str())).collect();
    assert_eq!(
        bindings,
        [
            ("http /v1/lieferungen", Answers::InBand, "xfamilie"),
            ("folder trays", Answers::ByMessage, "xfamilie")
        ]
    );
    assert_eq!(plan.bindings[0].mandant, "plattform");
    assert_eq!((plan.limits.max_body, plan.limits.max_part, plan.limits.reruns), (2 << 20, 64 << 20, 8));
    assert_eq!(plan.limits.give_up_after, Duration::from_secs(14 * 86_400));
    assert_eq!(plan.version.len(), 64);

    assert_eq!(compiled.stage.stage, Stage::Test);
    assert_eq!(compiled.stage.key.expose_secret()[31], 31);
    assert_eq!(compiled.partners["bremen"].return_address.as_deref(), Some("trays:bremen"));
    assert_eq!(compiled.partners["bremen"].sender.mandant, "bremen");
    assert_eq!(compiled.partners["hamburg"].sender.mandant, "plattform");
    let keys: Vec<String> = compiled.destinations.iter().map(|wanted| wanted.key()).collect();
    assert_eq!(keys, ["trays:bremen", "hooks:portal", "hooks:wohngeld"]);
    assert_eq!(compiled.destinations[1].channel.settings["secret"], "token-of-PORTAL-erfunden");
    assert!(!format!("{:?}", compiled.destinations).contains("token-of"));
    let sources: Vec<&str> = compiled.sources.iter().map(|wanted| wanted.connection.as_str()).collect();
    assert_eq!(sources, ["door", "trays", "wecker"]);
    assert_eq!(compiled.patience["hooks"].first, Duration::from_secs(2));
    assert_eq!(compiled.patience["hooks"].breaker_after, 5);
    assert_eq!(compiled.packages, ["xfamilie 1.3.0"]);

    // SHA-256 of `token-of-BREMEN-erfunden`; the token itself is nowhere.
    let Credential::BearerSha256(hash) = &compiled.admission.entries[0].credential else {
        panic!("a bearer")
    };
    assert_eq!(compiled.admission.entries.len(), 2);
    assert!(hash.len() == 64 && !format!("{:?}", compiled.admission).contains("token-of"));

    let standards = Arc::new(Names);
    let version = compiled.version.clone();
    let set = compiled.into_plan_set(BTreeMap::new(), standards, Stage::Test);
    assert_eq!(set.version, version);
    assert_eq!(set.by_binding("folder trays").count(), 1);
    assert_eq!(set.http[0].path, "/v1/lieferungen");
    assert_eq!(set.http[0].partners, ["bremen", "hamburg"]);
}

#[test]
fn validity_is_of_civil_days_in_germany_and_includes_the_last() {
    let partners = PARTNERS.replace("uses: [self-service]", "valid: { from: 2026-03-01, to: 2026-07-31 }");
    let compiled = built(&[ROUTE], CONNECTIONS, &partners).unwrap();
    let portal = &compiled.partners["portal"];
    assert_eq!(portal.from, Some("2026-02-28T23:00:00Z".parse().unwrap()));
    assert_eq!(portal.to, Some("2026-07-31T22:00:00Z".parse().unwrap()));
}

#[test]
fn a_group_is_told_partner_by_partner_and_a_use_narrows_it() {
    let text = ROUTE.replace("to: portal", "to: onlinedienste");
    let compiled = built(&[&text], CONNECTIONS, PARTNERS).unwrap();
    let send = &compiled.effective["routes"][0]["send"][1];
    assert_eq!(send["goes-to"], serde_json::json!(["hooks:portal", "hooks:wohngeld"]));
    let text = ROUTE.replace("from: jugendaemter", "from: onlinedienste, use: self-service");
    let text = text.replace("  - folder: trays\n", "");
    let compiled = built(&[&text], CONNECTIONS, PARTNERS).unwrap();
    assert_eq!(compiled.plans[0].accept[0].partners, ["portal"]);
}

#[test]
fn the_version_follows_every_octet_of_every_file() {
    let version = |routes: &[&str], connections: &str, partners: &str| {
        built(routes, connections, partners).unwrap().version
    };
    let base = version(&[ROUTE], CONNECTIONS, PARTNERS);
    assert_eq!(base, version(&[ROUTE], CONNECTIONS, PARTNERS));
    assert_ne!(base, version(&[&format!("{ROUTE}# more\n")], CONNECTIONS, PARTNERS));
    assert_ne!(base, version(&[ROUTE], &format!("{CONNECTIONS}# more\n"), PARTNERS));
    assert_ne!(base, version(&[ROUTE], CONNECTIONS, &format!("{PARTNERS}# more\n")));
}

const EXPLAINED: &str = "\
stage:
  stage: test
  mandant: plattform
  store:
    kind: sqlite
    path: store.db
  telemetry:
    otlp: ~
    log: info
  retention:
    zurueckgestellt: 90d
    nachrichten: 30d
    vorgaenge: 180d
    schluessel: 365d
    abrufprotokoll: 181d
    cockpitlog: 730d
    nachweise: 1095d
    befehle: 90d
    hour: 2
  auditors: []
routes:
  - route: lieferung
    about: Jugendämter deliver.
    file: r0.yaml
    version: VERSION
    on:
      - http: /v1/lieferungen
        standard: xfamilie  # default
        answers: in-band
        mandant: plattform
      - folder: trays
        standard: xfamilie  # default
        answers: by-message
        mandant: plattform
    accept:
      - message: xfamilie.0804
        from: [bremen, hamburg]
    order-by: child
    do:
      - mirror: {}
      - find:
          in: mirror
      - decide:
          table: auskunft
      - choose:
          - when:
              ergebnis: [negativ]
            then:
              - build:
                  build: auskunft.pdf
                  as: schreiben
          - if: \"ergebnis == \\\"eintragung\\\"\"
            then:
              - build:
                  build: hinweis.pdf
                  as: schreiben
          - else:
              - park: unerwartet
    send:
      - receipt: {}
      - callback:
          to: portal
          body:
            id: vorgang
          urgent: false  # default
        when: schreiben
        goes-to: [hooks:portal]
        given-up-after: 14d
    settings:
      max-body: 2MiB
      max-part: 64MiB  # default
      reruns: 8  # default
      give-up-after: 14d  # default
connections:
  door:
    kind: http
    listen: 127.0.0.1:0
    ops: false  # default
    retry:
      first: 1s  # default
";

#[test]
fn explain_shows_the_whole_effective_set_with_defaults_marked_and_no_secret() {
    let compiled = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let text = explain::text(&compiled.effective).replace(&compiled.plans[0].version, "VERSION");
    let shown: Vec<&str> = text.lines().take(EXPLAINED.lines().count()).collect();
    let golden: Vec<&str> = EXPLAINED.lines().collect();
    assert_eq!(shown, golden, "\n{text}");
    assert!(text.contains("env: PORTAL"));
    assert!(!text.contains("token-of") && !text.contains("AAEC"));
    // What is shown can be read again.
    let again: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(again["connections"]["hooks"]["retry"]["longest"], "1m");
    assert_eq!(again["routes"][0]["settings"]["max-body"], "2MiB");
}

#[test]
fn the_difference_tells_what_is_added_removed_and_changed() {
    let before = Picture::of_compiled(&built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap());
    let nothing = difference(&before, &before, &InFlight::default(), false);
    assert!(nothing.is_empty() && nothing.refused.is_empty());

    let changed = ROUTE
        .replace("xfamilie.0804", "xfamilie.0801")
        .replace("  - folder: trays\n", "")
        .replace("from: jugendaemter", "from: bremen");
    let added = "route: neu\nabout: New.\non: [ { http: /v1/neu } ]\naccept: [ { message: xfamilie.0804, from: hamburg } ]\norder-by: none\ndo: [ { mirror: {} } ]\n";
    let partners = PARTNERS.split("  wohngeld:").next().unwrap();
    let after = Picture::of_compiled(&built(&[&changed, added], CONNECTIONS, partners).unwrap());
    let told = difference(&before, &after, &InFlight::default(), false);
    assert_eq!(told.routes.added, ["neu"]);
    assert_eq!(told.changed.len(), 1);
    assert_eq!(told.changed[0].bindings.removed, ["folder trays"]);
    assert_eq!(told.changed[0].messages.added, ["xfamilie.0801"]);
    assert_eq!(told.changed[0].partners.removed, ["hamburg"]);
    assert!(!told.changed[0].inside);
    assert_eq!(told.destinations.removed, ["hooks:wohngeld"]);
    assert_eq!(told.partners.removed, ["wohngeld"]);
    assert!(told.refused.is_empty(), "nothing is in use");
    let inside = ROUTE.replace("table: auskunft", "table: andere");
    let inside = Picture::of_compiled(&built(&[&inside], CONNECTIONS, PARTNERS).unwrap());
    assert!(difference(&before, &inside, &InFlight::default(), false).changed[0].inside);
}

#[test]
fn what_is_in_use_is_not_removed_unless_drained() {
    let compiled = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let version = compiled.plans[0].version.clone();
    let before = Picture::of_compiled(&compiled);
    let mut after = before.clone();
    after.outline.routes.clear();
    after.outline.destinations.remove("hooks:portal");
    after.outline.sources.remove("trays");
    after.outline.packages.clear();
    let in_flight = InFlight {
        routes: BTreeMap::from([(("lieferung".to_owned(), version), 3)]),
        destinations: BTreeMap::from([("hooks:portal".to_owned(), 7), ("hooks:wohngeld".to_owned(), 9)]),
        sources: BTreeMap::from([("trays".to_owned(), 1)]),
        packages: BTreeMap::from([("xfamilie 1.3.0".to_owned(), 2)]),
    };
    let told = difference(&before, &after, &in_flight, false);
    assert_eq!(told.in_flight.len(), 1);
    assert!(told.in_flight[0].orphaned && told.in_flight[0].messages == 3);
    assert_eq!(told.refused.len(), 4, "{:?}", told.refused);
    assert!(told.refused[0].contains("destination hooks:portal is in use by 7 undelivered envelopes"));
    assert!(difference(&before, &after, &in_flight, true).refused.is_empty());
}

#[test]
fn the_outline_of_a_running_set_equals_that_of_what_was_compiled() {
    let compiled = built(&[ROUTE], CONNECTIONS, PARTNERS).unwrap();
    let mut outline = Outline::of_compiled(&compiled);
    let sources: Vec<String> = compiled.sources.iter().map(|wanted| wanted.connection.clone()).collect();
    let set = compiled.into_plan_set(BTreeMap::new(), Arc::new(Names), Stage::Test);
    // No destination was built here.
    outline.destinations.clear();
    assert_eq!(Outline::of_set(&set, sources), outline);
}

#[test]
fn folders_are_loaded_sorted_and_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (routes, stage) = (folder.path().join("routes"), folder.path().join("stage"));
    std::fs::create_dir_all(routes.join("tests")).unwrap();
    std::fs::create_dir(&stage).unwrap();
    let faults = load::load(&routes, &stage).err().unwrap();
    assert_eq!(faults.faults.len(), 2, "both files of the stage are missing: {faults}");
    std::fs::write(routes.join("b.yaml"), ROUTE).unwrap();
    std::fs::write(routes.join("a.yaml"), ROUTE).unwrap();
    std::fs::write(routes.join("notes.txt"), "no route").unwrap();
    std::fs::write(routes.join(".hidden.yaml"), "no route").unwrap();
    std::fs::write(routes.join("tests").join("c.yaml"), "no route").unwrap();
    std::fs::write(stage.join("connections.yaml"), CONNECTIONS).unwrap();
    std::fs::write(stage.join("partners.yaml"), PARTNERS).unwrap();
    let loaded = load::load(&routes, &stage).unwrap();
    let names: Vec<bool> = loaded.routes.iter().map(|file| file.name.ends_with("a.yaml")).collect();
    assert_eq!(names, [true, false]);
    assert_eq!(loaded.partners.text, PARTNERS);
    std::fs::write(routes.join("d.yaml"), [0xff]).unwrap();
    std::fs::write(routes.join("e.yaml"), vec![b' '; (1 << 20) + 1]).unwrap();
    let faults = load::load(&routes, &stage).err().unwrap();
    assert_eq!(faults.faults.len(), 2);
    assert!(faults.faults.iter().all(|fault| fault.line == 0));
}

#[test]
fn no_route_at_all_is_a_set_that_takes_nothing() {
    let compiled = compile_files(&files(&[], CONNECTIONS, PARTNERS)).unwrap();
    assert!(compiled.plans.is_empty() && compiled.http.is_empty());
}

const CASE: &str = "\
about: A broken delivery is refused and tells nobody.
given: { mirror: [0804-keine-eintragung] }
when:
  - http: { body: 0804.xml, partner: jugendamt-bremen, id: '1' }
  - folder: { body: 0804.xml, partner: jugendamt-bremen }
then:
  state: rejected
  codes: [X001]
  mirror: 1
  sent:
    - callback: kita-portal-nord
      body: { id: '*', stand: abgeschlossen }
  reply: xfamilie.0001
partners-fail: { kita-portal-nord: [timeout, 503, ok] }
";

#[test]
fn a_case_is_read_and_its_faults_have_places() {
    let read = case::read("case.yaml", CASE).unwrap();
    assert_eq!(read.when.len(), 2);
    let [When::Delivery(first), When::Delivery(second)] = &read.when[..] else { panic!() };
    assert_eq!((second.by, first.by), (By::Folder, By::Http));
    assert_eq!(read.then.state, Some(Inbound::Rejected));
    assert_eq!(read.then.codes.as_deref(), Some(&["X001".to_owned()][..]));
    assert_eq!(read.partners_fail["kita-portal-nord"], [Failure::Timeout, Failure::Status(503), Failure::Ok]);
    let sent = &read.then.sent.as_ref().unwrap()[0];
    assert_eq!((sent.word.value.as_str(), sent.partner.value.as_str()), ("callback", "kita-portal-nord"));
    let single = "when: { http: { body: a.xml, partner: b } }\nthen: { mirror: 0 }\n";
    assert_eq!(case::read("case.yaml", single).unwrap().when.len(), 1);

    for (from, to, line, words) in [
        ("state: rejected", "state: reject", 7, "unknown value of `state`"),
        ("- http: { body: 0804.xml, ", "- http: { ", 4, "has no `body`"),
        ("- http:", "- htp:", 4, "unknown key in a delivery"),
        ("503", "99", 14, "no failure"),
        ("mirror: 1", "mirror: viele", 9, "whole number"),
        ("then:\n", "than:\n", 6, "unknown key in the case"),
    ] {
        let faults = case::read("case.yaml", &CASE.replace(from, to)).unwrap_err().faults;
        let fits = faults.iter().any(|fault| fault.line == line && fault.text.contains(words));
        assert!(fits, "{to}: {faults:?}");
    }
}

#[test]
fn a_case_has_registers_parts_persons_and_time() {
    let text = r#"given:
  registers:
    - { jugendamt: amt, mirror: [a.xml, { file: b.xml, replace: { "Lía": "Ole" } }], until: unterschrift, count: 3, age: 3d }
when:
  - http: { body: { file: c.xml }, parts: { anmeldung: d.json }, partner: portal }
  - person: { body: e.json, partner: amt, acting: anna }
  - timer: { after: 14d }
then:
  sent:
    - { callback: portal, delay: 60s }
"#;
    let read = case::read("case.yaml", text).unwrap();
    let [register] = &read.registers[..] else { panic!() };
    assert_eq!((register.until, register.count), (Until::Unterschrift, Some(3)));
    assert_eq!(register.age, Duration::from_secs(3 * 24 * 3600));
    assert_eq!(register.mirror[1].replace, [("Lía".to_owned(), "Ole".to_owned())]);
    let [When::Delivery(http), When::Delivery(person), When::Timer(after)] = &read.when[..] else { panic!() };
    let name = |body: &Body| body.file.value.clone();
    assert_eq!((name(&http.body), http.parts[0].0.as_str()), ("c.xml".to_owned(), "anmeldung"));
    assert_eq!((person.by, person.acting.as_ref().unwrap().value.as_str()), (By::Person, "anna"));
    assert_eq!(*after, Duration::from_secs(14 * 24 * 3600));
    assert_eq!(read.then.sent.unwrap()[0].delay, Some(Duration::from_secs(60)));
    for (from, to, words) in [
        ("until: unterschrift", "until: bald", "unknown value of `until`"),
        ("{ after: 14d }", "{}", "has no `after`"),
        ("{ after: 14d }", "{ after: bald }", "no duration"),
        ("delay: 60s", "delay: 9999d", "out of bounds"),
        ("\"Ole\"", "[]", "what replaces a text"),
        ("parts:", "teile:", "unknown key in `http`"),
    ] {
        let faults = case::read("case.yaml", &text.replace(from, to)).unwrap_err().faults;
        assert!(faults.iter().any(|fault| fault.text.contains(words)), "{to}: {faults:?}");
    }
}
