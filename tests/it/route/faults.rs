//! Broken files and the faults they must give: each with its exact place, the words of its text and the nearest name,
//! and no second fault that only follows from the first.

use std::time::{Duration, Instant};

use drehscheibe::route::show;
use proptest::prelude::*;

use super::house::{CONNECTIONS, PARTNERS, ROUTE, built};

#[derive(Clone, Copy, PartialEq)]
enum In {
    Route,
    Connections,
    Partners,
}
use In::{Connections, Partners, Route};

/// (file, what is replaced, by what; `‹` marks the place expected), words of the text, nearest name.
type Case = (In, &'static str, &'static str, &'static str, Option<&'static str>);

const CASES: &[Case] = &[
    // shape of the route file
    (
        Route,
        "order-by: child",
        "‹order_by: child\norder-by: child",
        "unknown key in the route file",
        Some("order-by"),
    ),
    (Route, "about: Jugendämter deliver.\n", "", "has no `about`", None),
    (Route, "route: lieferung", "route: ‹Lieferung 1", "is no name", None),
    (Route, "order-by: child", "order-by: ‹kind", "unknown value of `order-by`", None),
    (Route, "order-by: child", "order-by: ‹childs", "unknown value of `order-by`", Some("child")),
    (Route, "order-by: child\n", "", "has no `order-by`", None),
    (Route, "on:\n  - http: /v1/lieferungen\n  - folder: trays\n", "on: ‹[]\n", "`on` is empty", None),
    (Route, "on:\n  - http: /v1/lieferungen\n  - folder: trays\n", "on: ‹http\n", "write a list", None),
    (Route, "max-body: 2MiB", "max-body: ‹2MB", "is no size", None),
    (Route, "max-body: 2MiB", "max-body: ‹9MiB", "out of bounds; from 1KiB to 8MiB", None),
    (Route, "max-body: 2MiB", "give-up-after: ‹bald", "is no duration", None),
    (Route, "max-body: 2MiB", "reruns: ‹0", "whole number from 1 to 100", None),
    (Route, "max-body: 2MiB", "‹max-boddy: 2MiB", "unknown key in `settings`", Some("max-body")),
    (Route, "about: Jugendämter deliver.", "about: ‹17", "write it in quotes", None),
    // what is claimed
    (Route, "- http: /v1", "- ‹htp: /v1", "unknown transport", Some("http")),
    (Route, "- http: /v1/lieferungen", "- ‹callback: /v1/lieferungen", "sends but takes nothing in", None),
    (Route, "http: /v1/lieferungen", "http: ‹v1/../x", "this is no path", None),
    (Route, "http: /v1/lieferungen", "http: ‹/v1/postfach/x", "partners ask for what is theirs", None),
    (Route, "folder: trays", "folder: ‹tray", "serves `tray`", Some("trays")),
    (Route, "  - folder: trays", "  - http: ‹/v1/lieferungen", "written twice under `on`", None),
    (
        Route,
        "- http: /v1/lieferungen",
        "- { http: /v1/lieferungen, standard: ‹xfamily }",
        "unknown standard",
        Some("xfamilie"),
    ),
    (Route, "message: xfamilie.0804", "message: ‹xfamilie.804", "unknown message", Some("xfamilie.0804")),
    (Route, "message: xfamilie.0804", "message: ‹xfamilie.0011", "can be sent but not accepted", None),
    (
        Route,
        "message: xfamilie.0804",
        "message: [xfamilie.0804, ‹xfamilie.0804]",
        "accepted from the same partner twice",
        None,
    ),
    (Route, "from: jugendaemter", "from: ‹jugendamter", "unknown partner or group", Some("jugendaemter")),
    (
        Route,
        "from: jugendaemter",
        "from: jugendaemter, use: ‹self-servis",
        "nobody of `jugendaemter`",
        Some("self-service"),
    ),
    (
        Route,
        "from: jugendaemter",
        "from: jugendaemter, login: ‹substantiell",
        "unknown login",
        Some("substanziell"),
    ),
    (
        Route,
        "from: jugendaemter",
        "from: jugendaemter, login: ‹hoch",
        "nothing under `do` checks the login",
        None,
    ),
    (
        Route,
        "- http: /v1/lieferungen\n  - folder: trays\naccept:\n  - { message: xfamilie.0804",
        "- ‹http: /v1/lieferungen\naccept:\n  - { message: [xfamilie.0804, xjustiz.0005005]",
        "several standards",
        None,
    ),
    // steps
    (Route, "- mirror: {}", "- ‹miror: {}", "unknown verb", Some("mirror")),
    (Route, "- mirror: {}", "- mirror: { area: ‹x }", "mirror: `area` is not known", None),
    (Route, "- mirror: {}", "- ‹callback: { to: portal }", "one transaction that nothing leaves", None),
    (Route, "- mirror: {}", "- ‹receipt: {}", "tells somebody", None),
    (Route, "- receipt: {}", "- ‹mirror: {}", "changes what we keep", None),
    (Route, "- receipt: {}", "- ‹reciept: {}", "unknown verb", Some("receipt")),
    (Route, "- receipt: {}", "- ‹choose: []", "stands under `do`", None),
    (Route, "- mirror: {}", "- ‹park: warum", "branch of `choose`", None),
    (Route, "- mirror: {}", "- ‹{ mirror: {}, find: {} }", "one verb with its settings", None),
    (Route, "- callback: { to: portal, ", "- ‹callback: { ", "has no `to`", None),
    (Route, "to: portal", "to: ‹portale", "unknown partner or group", Some("portal")),
    (Route, "to: portal", "to: ‹hamburg", "has no channel by `callback`", None),
    (Route, "to: portal", "to: ‹'hook:portal'", "unknown connection", Some("hooks")),
    (Route, "when: schreiben", "when: ‹schreibn", "no earlier step makes", Some("schreiben")),
    (Route, "when: schreiben", "after: ‹quittung", "no earlier item is named", None),
    (Route, "- receipt: {}", "- { callback: { to: wohngeld }, as: ‹schreiben }", "is made twice", None),
    // who is who
    (
        Partners,
        "    groups: [jugendaemter]\n    credentials: [ { bearer: { env: HAMBURG } } ]",
        "    groups: [jugendaemter]\n    identities: [‹\"jga:040110000000\"]\n    credentials: [ { bearer: { env: HAMBURG } } ]",
        "belongs to `bremen` too",
        None,
    ),
    (
        Partners,
        "\"jga:040110000000\"",
        "‹\"gerich:040110000000\"",
        "unknown prefix: `gerich`",
        Some("gericht"),
    ),
    (
        Partners,
        "    name: Jugendamt Hamburg\n    groups: [jugendaemter]",
        "    name: Jugendamt Hamburg\n    groups: [‹jugendamter]",
        "unknown group",
        Some("jugendaemter"),
    ),
    // two items that meet
    (
        Route,
        "- receipt: {}",
        "- receipt: {}\n  - ‹receipt: {}",
        "reaches the same addressee in line 18 already",
        None,
    ),
    (
        Route,
        "- receipt: {}\n  - callback: { to: portal, body: { id: vorgang }, when: schreiben }",
        "- callback: { to: portal }\n  - ‹callback: { to: onlinedienste, when: schreiben }",
        "reaches `hooks:portal` in line 18 already",
        None,
    ),
    (
        Route,
        "- receipt: {}\n  - callback: { to: portal, body: { id: vorgang }, when: schreiben }",
        "- callback: { to: portal, when: schreiben }\n  - ‹callback: { to: portal, when: { ergebnis: negativ } }",
        "give both a `when` of which only one can hold",
        None,
    ),
    (
        Route,
        "- receipt: {}\n  - callback: { to: portal, body: { id: vorgang }, when: schreiben }",
        "- callback: { to: portal }\n  - ‹callback: { to: onlinedienst }",
        "`portal`, which may be the `onlinedienst`",
        None,
    ),
    (
        Route,
        "- decide:",
        "- { when: { ‹ergebnis: negativ }, mirror: {} }\n  - decide:",
        "no earlier step sets `ergebnis`",
        None,
    ),
    // conditions
    (Route, "ergebnis: negativ", "‹ergebniss: negativ", "no earlier step sets", Some("ergebnis")),
    (Route, "ergebnis: negativ", "ergebnis: ‹negative", "is never `negative`", Some("negativ")),
    (Route, "ergebnis: negativ", "ergebnis: [negativ, ‹abgelehnt]", "is never `abgelehnt`", None),
    (Route, "'ergebnis == \"eintragung\"'", "‹'ergebnis =='", "no CEL expression", None),
    (
        Route,
        "'ergebnis == \"eintragung\"'",
        "‹'ergebniss == \"eintragung\"'",
        "no earlier step sets",
        Some("ergebnis"),
    ),
    (
        Route,
        "'ergebnis == \"eintragung\"'",
        "‹'ergebnis'",
        "neither true nor false for ergebnis=negativ",
        None,
    ),
    (
        Route,
        "'ergebnis == \"eintragung\"'",
        "‹'ergebnis == \"negativ\" || int(ergebnis) > 1'",
        "neither true nor false for ergebnis=eintragung",
        None,
    ),
    (Route, "'ergebnis == \"eintragung\"'", "‹'treffer.geanu == \"ja\"'", "neither true nor false", None),
    (Route, "'ergebnis == \"eintragung\"'", "‹'1 == 1'", "looks at no value", None),
    (Route, "      - { else: [ { park: unerwartet } ] }\n", "", "must end with `else`", None),
    (
        Route,
        "- { when: { ergebnis: negativ }, then:",
        "- ‹{ when: { ergebnis: negativ }, if: 'x', then:",
        "exactly one of",
        None,
    ),
    (
        Route,
        "settings:",
        "deadline: { after: 14d, then: ‹erinnern }\nsettings:",
        "the deadline would reach nobody",
        None,
    ),
    (
        Route,
        "'ergebnis == \"eintragung\"'",
        "‹'[1, 2].all(x, ergebnis == \"negativ\")'",
        "loops or builds maps",
        None,
    ),
    // syntax
    (Route, "order-by: child", "order-by: child\n‹order-by: child", "written twice", None),
    (Route, "about: Jugendämter", "about: &a ‹Jugendämter", "anchors and aliases", None),
    // connections
    (Connections, "stage: test", "stage: ‹prod", "unknown value of `stage`", Some("produktion")),
    (
        Connections,
        "key: { env: KEY }",
        "key: ‹AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "must be a reference",
        None,
    ),
    (Connections, "key: { env: KEY }", "key: ‹{ env: NONE }", "secret cannot be resolved", None),
    (Connections, "key: { env: KEY }", "key: ‹{ env: KURZ }", "not 32 octets", None),
    (Connections, "kind: sqlite", "kind: ‹sqlit", "unknown value of `kind`", Some("sqlite")),
    (Connections, "kind: timer", "kind: ‹timr", "unknown transport", Some("timer")),
    (Connections, "listen: 127.0.0.1:0", "listen: ‹nowhere", "must be an address with a port", None),
    (
        Connections,
        "listen: 127.0.0.1:0",
        "listen: 127.0.0.1:0\n    token: ‹geheim-geheim",
        "must be a reference",
        None,
    ),
    (Connections, "retry: { first: 2s", "retry: { first: ‹0s", "out of bounds", None),
    (Connections, "retry: { first: 2s", "retry: ‹{ first: 2m", "longer than `longest`", None),
    (Connections, "partner: bremen", "partner: ‹bremn", "unknown partner", Some("bremen")),
    // partners
    (
        Partners,
        "channels: { trays: {} }",
        "channels: { ‹tray: {}, trays: {} }",
        "unknown connection",
        Some("trays"),
    ),
    (
        Partners,
        "channels: { trays: {} }",
        "channels: { ‹door: {}, trays: {} }",
        "takes in but does not send",
        None,
    ),
    (Partners, "answers-by: trays", "answers-by: ‹hooks", "there is no channel on it", None),
    (Partners, "secret: { env: WOHNGELD }", "secret: ‹whsec_aaaaaaaaaaaaaaaa", "must be a reference", None),
    (Partners, "secret: { env: WOHNGELD }", "secret: ‹{ env: NONE }", "secret cannot be resolved", None),
    (Partners, "{ env: HAMBURG }", "‹{ env: BREMEN }", "belongs to `bremen` too", None),
    (Partners, "{ env: HAMBURG }", "‹{ env: KURZ }", "fewer than 16 characters", None),
    (Partners, "bearer: { env: HAMBURG }", "certificate: ‹PEM", "no certificate in PEM", None),
    (Partners, "bearer: { env: HAMBURG }", "certificate-sha256: ‹abc", "64 hex digits", None),
    (
        Partners,
        "bearer: { env: HAMBURG }",
        "‹baerer: { env: HAMBURG }",
        "unknown key in a credential",
        Some("bearer"),
    ),
    (Partners, "jga:040110000000", "04011", "is no key", None),
    (
        Partners,
        "name: Wohngeld\n    groups: [onlinedienste]",
        "name: Wohngeld\n    groups: [‹hamburg]",
        "named like a partner",
        None,
    ),
    (
        Partners,
        "    uses: [self-service]",
        "    uses: [self-service]\n    valid: { from: ‹2026-13-01 }",
        "is no date",
        None,
    ),
    (
        Partners,
        "    uses: [self-service]",
        "    uses: [self-service]\n    valid: ‹{ from: 2026-12-31, to: 2026-01-01 }",
        "before `from`",
        None,
    ),
    (Partners, "platform: { praefix: sgr, ", "platform: ‹{ ", "has no `praefix`", None),
];

fn apply(file: In, from: &str, to: &str) -> (String, String, String) {
    let change = |here: In, base: &str| {
        if here == file {
            assert!(base.contains(from), "{from}");
            base.replacen(from, to, 1)
        } else {
            base.to_owned()
        }
    };
    (change(Route, ROUTE), change(Connections, CONNECTIONS), change(Partners, PARTNERS))
}

fn marked(text: &str) -> Option<(u32, u32)> {
    let before = text.split_once('‹')?.0;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some((line as u32, column as u32))
}

#[test]
fn every_broken_file_gives_exactly_its_fault_at_its_place() {
    assert!(built(&[ROUTE], CONNECTIONS, PARTNERS).is_ok());
    let mut wrong = Vec::new();
    let mut counted = 0;
    for (file, from, to, words, nearest) in CASES {
        counted += 1;
        let (route, connections, partners) = apply(*file, from, to);
        let (name, text) = match file {
            Route => ("r0.yaml", &route),
            Connections => ("connections.yaml", &connections),
            Partners => ("partners.yaml", &partners),
        };
        let place = marked(text);
        let clean = |text: &str| text.replace('‹', "");
        let Err(faults) = built(&[&clean(&route)], &clean(&connections), &clean(&partners)) else {
            wrong.push(format!("{to:?}: accepted"));
            continue;
        };
        let fits = faults.faults.iter().any(|fault| {
            fault.file == name
                && fault.text.contains(words)
                && place.is_none_or(|place| place == (fault.line, fault.column))
                && fault.nearest.as_deref() == *nearest
        });
        if !fits || faults.faults.len() != 1 {
            wrong.push(format!("{to:?}: expected {words:?} at {place:?} near {nearest:?}, got\n{faults}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(counted >= 80, "{counted}");
}

#[test]
fn items_that_exclude_each_other_may_have_one_addressee() {
    let both = "- receipt: {}\n  - callback: { to: portal, body: { id: vorgang }, when: schreiben }";
    for sends in [
        "- callback: { to: portal, when: { ergebnis: negativ } }\n  - callback: { to: portal, when: { ergebnis: [eintragung, klaerfall] } }",
        "- callback: { to: portal }\n  - callback: { to: wohngeld }",
        "- callback: { to: wohngeld }\n  - callback: { to: onlinedienst }",
    ] {
        let route = ROUTE.replace(both, sends);
        assert_ne!(route, ROUTE);
        if let Err(faults) = built(&[&route], CONNECTIONS, PARTNERS) {
            panic!("{sends}\n{faults}");
        }
    }
}

#[test]
fn all_faults_of_all_files_are_told_at_once_and_in_order() {
    let route = ROUTE.replace("mirror: {}", "miror: {}").replace("to: portal", "to: nobody");
    let connections = CONNECTIONS.replace("kind: timer", "kind: watch");
    let partners = PARTNERS.replace("answers-by: trays", "answers-by: hooks");
    let faults = built(&[&route, "route: [", "- 1"], &connections, &partners).unwrap_err().faults;
    let files: Vec<&str> = faults.iter().map(|fault| fault.file.as_str()).collect();
    let mut sorted = files.clone();
    sorted.sort_unstable();
    assert_eq!(files, sorted);
    for file in ["connections.yaml", "partners.yaml", "r0.yaml", "r1.yaml", "r2.yaml"] {
        assert!(files.contains(&file), "{file}");
    }
    assert!(files.iter().filter(|file| **file == "r0.yaml").count() >= 2);
}

#[test]
fn words_must_stand_in_their_order() {
    let text = ROUTE.replace("order-by: child\n", "").replace("settings:", "order-by: child\nsettings:");
    let faults = built(&[&text], CONNECTIONS, PARTNERS).unwrap_err().faults;
    assert_eq!(faults.len(), 1);
    assert!(faults[0].text.contains("`order-by` stands after `send`"), "{}", faults[0].text);
    assert_eq!((faults[0].line, faults[0].column), (19, 1));
}

#[test]
fn two_routes_never_claim_the_same_cell() {
    let other = ROUTE.replace("route: lieferung", "route: andere");
    let faults = built(&[ROUTE, &other], CONNECTIONS, PARTNERS).unwrap_err().faults;
    assert_eq!(faults.len(), 1, "one per message: {faults:?}");
    assert_eq!((faults[0].file.as_str(), faults[0].line, faults[0].column), ("r1.yaml", 7, 16));
    assert!(faults[0].text.contains("route `lieferung` (r0.yaml) takes `xfamilie.0804`"));
    // Another message on the same bindings is another cell.
    let apart = other.replace("xfamilie.0804", "xfamilie.0801");
    let compiled = built(&[ROUTE, &apart], CONNECTIONS, PARTNERS).unwrap();
    assert_eq!(compiled.http.len(), 1);
    assert_eq!(compiled.http[0].messages, ["xfamilie.0801", "xfamilie.0804"]);
    // The same name twice is a fault of its own.
    let same = apart.replace("route: andere", "route: lieferung");
    let faults = built(&[ROUTE, &same], CONNECTIONS, PARTNERS).unwrap_err().faults;
    assert!(faults[0].text.contains("stands in r0.yaml too"));
}

#[test]
fn a_partner_without_a_way_back_is_told_only_where_it_can_come() {
    // Hamburg has no tray, so it cannot come by the folder and needs no way back.
    assert!(built(&[ROUTE], CONNECTIONS, PARTNERS).is_ok());
    let trays = CONNECTIONS.replace("in: in } ]", "in: in }, { partner: hamburg, in: in2 } ]");
    let faults = built(&[ROUTE], &trays, PARTNERS).unwrap_err().faults;
    assert_eq!(faults.len(), 1);
    assert!(faults[0].text.contains("answers to `hamburg` have no way back"));
    assert_eq!((faults[0].line, faults[0].column), (5, 13));
}

#[test]
fn a_missing_kind_of_connection_is_told() {
    let without = CONNECTIONS.replace("  door:\n    kind: http\n    listen: 127.0.0.1:0\n", "");
    let faults = built(&[ROUTE], &without, PARTNERS).unwrap_err().faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].text.contains("no connection of kind `http`"));
}

#[test]
fn drawings_and_json_show_the_place_and_never_a_secret() {
    let partners = PARTNERS.replace("{ env: HAMBURG }", "geheim-geheim-geheim");
    let route = ROUTE.replace("from: jugendaemter", "from: jugendamter");
    let faults = built(&[&route], CONNECTIONS, &partners).unwrap_err();
    let drawn = show::render(&faults.faults, &[], false);
    let json = faults.json().to_string();
    for shown in [&drawn, &json, &faults.to_string()] {
        assert!(!shown.contains("geheim-geheim"), "{shown}");
    }
    assert!(drawn.contains("r0.yaml:7:37"), "{drawn}");
    assert!(drawn.contains("did you mean `jugendaemter`?"), "{drawn}");
    assert!(drawn.contains("from: jugendamter"), "{drawn}");
    let first = &faults.json()["faults"][1];
    assert_eq!(first["line"], 7);
    assert_eq!(first["nearest"], "jugendaemter");
    assert!(first["allowed"].as_array().unwrap().len() >= 4);
}

#[test]
fn an_expired_partner_is_a_warning_and_its_last_day_is_valid() {
    let expired = |to: &str| PARTNERS.replace("uses: [self-service]", &format!("valid: {{ to: {to} }}"));
    let compiled = built(&[ROUTE], CONNECTIONS, &expired("2026-11-20")).unwrap();
    assert_eq!(compiled.warnings.len(), 1);
    assert!(compiled.warnings[0].text.contains("partner `portal` is no longer valid"));
    assert!(built(&[ROUTE], CONNECTIONS, &expired("2026-11-21")).unwrap().warnings.is_empty());
}

#[test]
fn bombs_and_huge_files_are_refused_quickly() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let huge = format!("route: {}\n", "x".repeat(2 << 20));
    let many = format!("route: [{}]\n", "1, ".repeat(200_000));
    let deep = format!("route: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let nested: String = (0..5000).map(|level| format!("{}a:\n", " ".repeat(level % 1000))).collect();
    let began = Instant::now();
    for text in [bomb, huge, many, deep, nested] {
        let faults = built(&[&text], CONNECTIONS, PARTNERS).unwrap_err().faults;
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].excerpt.chars().count() <= 200);
    }
    // Generous, because machines are shared: unbounded, the bomb alone would not end.
    assert!(began.elapsed() < Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}") {
        _ = built(&[&text], &text, &text).map_err(|faults| show::render(&faults.faults, &[], false));
    }

    #[test]
    fn random_yaml_never_panics(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "route:", "on:", "accept:", "do:", "send:", "choose:", "when:", "if:", "else:", "as:", "- ", "{", "}", "[", "]",
            "\n", "\n  ", "\n    ", ": ", ", ", "x", "callback", "mirror", "ergebnis", "'", "\"", "&a", "*a", "<<", "!!int",
            "~", "1", "1e999", "-", "|", ">", "#", "?", "%", "ü", "\t", "secret:", "connections:", "partners:", "kind:",
        ]), 0..60),
    ) {
        let text: String = pieces.concat();
        for (route, connections, partners) in
            [(text.as_str(), CONNECTIONS, PARTNERS), (ROUTE, &text, PARTNERS), (ROUTE, CONNECTIONS, &text)]
        {
            _ = built(&[route], connections, partners).map_err(|faults| show::render(&faults.faults, &[], false));
        }
    }

    #[test]
    fn a_file_with_a_slip_anywhere_never_panics_and_never_shows_a_secret(at in 0usize..900, insert in "\\PC{0,3}") {
        let cut = |text: &str| -> String {
            let mut chars: Vec<char> = text.chars().collect();
            let at = at % (chars.len() + 1);
            chars.splice(at..at, insert.chars());
            chars.into_iter().collect()
        };
        let shown = match built(&[&cut(ROUTE)], &cut(CONNECTIONS), &cut(PARTNERS)) {
            Ok(compiled) => compiled.effective.to_string(),
            Err(faults) => faults.json().to_string() + &show::render(&faults.faults, &[], false),
        };
        prop_assert!(!shown.contains("token-of"), "{}", shown);
    }
}

#[test]
fn broken_yaml_is_told_in_our_words() {
    let mut wrong = Vec::new();
    for (text, words, line) in [
        ("route: [a\n", "never closed", 1),
        ("route: a\n b: c\n", "this is not YAML", 2),
        ("route: a\n\tb: c\n", "a tab stands", 1),
        ("route: a\nroute: b\n", "written twice", 2),
        ("route: a\n---\nroute: b\n", "one document per file", 2),
        ("a: &x 1\nb: *x\n", "anchors and aliases", 1),
        ("a: { <<: { b: 1 } }\n", "merge keys", 1),
        ("", "the route file is nothing", 1),
        ("- a\n", "the route file is a list", 1),
        ("a: !!python/object x\n", "tags such as", 1),
    ] {
        let faults = built(&[text], CONNECTIONS, PARTNERS).unwrap_err().faults;
        let told: Vec<_> = faults.iter().map(|fault| (fault.line, fault.text.as_str())).collect();
        if !told.iter().any(|(at, text)| *at == line && text.contains(words)) {
            wrong.push(format!("{text:?}: {told:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
