//! What must not meet, as `check` looks at a whole stage: two items under `send` that hand one document to one partner, two partners who are
//! written to at one place, a place that is written to and taken from; what a command writes and a place of the house's or of a partner's.

use std::fs;
use std::path::Path;

use drehscheibe::app::fit::{self, Unfit};
use drehscheibe::app::folders::no_place_for;
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
    match fit::compile(place, None) {
        Ok(_) => String::new(),
        Err(Unfit::Files(faults)) => {
            faults.faults.iter().map(|fault| fault.text.as_str()).collect::<Vec<_>>().join("\n")
        }
        Err(unfit) => unfit.to_string(),
    }
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

/// The demonstration with a connection of its own and a channel by it for each of the two offices.
fn with(dir: &Path, connections: &str, bremen: &str, hamburg: &str) -> Place {
    let place = demo(dir);
    fs::write(place.config.join("secrets/broker"), "geheim").unwrap();
    edit(&place.config.join("connections.yaml"), "connections:\n", &format!("connections:\n{connections}"));
    let partners = place.config.join("partners.yaml");
    for (office, channel) in [("bremen", bremen), ("hamburg", hamburg)] {
        let before = format!("      - bearer: {{ file: secrets/jugendamt-{office}.token }}\n    channels:\n");
        edit(&partners, &before, &format!("{before}      {channel}\n"));
    }
    place
}

fn judged(connections: &str, bremen: &str, hamburg: &str, why: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    let said = said(&with(dir.path(), connections, bremen, hamburg));
    match why {
        None => assert_eq!(said, "", "{bremen} {hamburg}"),
        Some(why) => assert!(said.contains(why), "{bremen} {hamburg}: {said:?}"),
    }
}

const OTHERS: Option<&str> = Some("would find what is for the other");
const BACK: Option<&str> = Some("what we lay there would come back");

#[test]
fn two_partners_have_no_place_at_a_broker_in_common() {
    let broker = |name: &str, host: &str, queues: &str| {
        format!(
            "  {name}: {{ kind: amqp, host: {host}, user: haus, password: {{ file: secrets/broker }}, queues: [{queues}] }}\n"
        )
    };
    let ours = "{ binding: q, queue: r.bremen, partner: jugendamt-bremen }";
    let one = broker("broker", "127.0.0.1", ours);
    let two = format!("{one}{}", broker("zweiter", "127.0.0.1", ""));
    let twice = format!("{one}{}", broker("zweiter", "127.0.0.1", &ours.replace("bremen }", "hamburg }")));
    for (connections, bremen, hamburg, why) in [
        (&one, "broker: { routing-key: a.bremen }", "broker: { routing-key: a.hamburg }", None),
        (&one, "broker: { routing-key: a }", "broker: { routing-key: a }", OTHERS),
        (&two, "broker: { routing-key: a }", "zweiter: { routing-key: a }", OTHERS),
        (&one, "broker: { exchange: x, routing-key: a }", "broker: { exchange: x, routing-key: a }", OTHERS),
        (&one, "broker: { exchange: x, routing-key: a }", "broker: { exchange: y, routing-key: a }", None),
        (&one, "broker: { routing-key: r.bremen }", "broker: { routing-key: a }", BACK),
        (&two, "broker: { routing-key: a }", "zweiter: { routing-key: r.bremen.dead }", BACK),
        (&one, "broker: { reply-to: ['a.bremen.*'] }", "broker: { reply-to: ['a.hamburg.*'] }", None),
        (&one, "broker: { reply-to: ['a.*'] }", "broker: { reply-to: ['a.hamburg.*'] }", OTHERS),
        (&one, "broker: { reply-to: ['a.*'] }", "broker: { routing-key: a.hamburg }", OTHERS),
        (&one, "broker: { reply-to: ['r.*'] }", "broker: { routing-key: a }", BACK),
        (
            &twice,
            "broker: { routing-key: a }",
            "broker: { routing-key: b }",
            Some("would be taken as either's"),
        ),
    ] {
        judged(connections, bremen, hamburg, why);
    }
}

#[test]
fn two_partners_have_no_mailbox_at_a_server_in_common_nor_one_with_the_house() {
    let server = |name: &str, host: &str| {
        format!(
            "  {name}: {{ kind: xta-client, ports: {{ management: 'https://{host}/m', send: 'https://{host}/s', mailbox: 'https://{host}/b' }}, \
             tls: {{ ca: tls/s.pem, client-certificate: {{ certificate: tls/h.pem, key: tls/h.key }} }}, \
             identities: [{{ value: 'srp:haus' }}], readers: [{{ value: 'srp:haus' }}], senders: [{{ partner: jugendamt-bremen, identities: [{{ value: 'jga:1' }}] }}] }}\n"
        )
    };
    let one = server("amt", "xta.example");
    let two = format!("{one}{}", server("zweites", "XTA.example.:443"));
    let apart = format!("{one}{}", server("zweites", "andere.example"));
    let to = |connection: &str, value: &str| format!("{connection}: {{ reader: {{ value: '{value}' }} }}");
    for (connections, bremen, hamburg, why) in [
        (&one, to("amt", "jga:1"), to("amt", "jga:2"), None),
        (&one, to("amt", "jga:1"), to("amt", "jga:1"), OTHERS),
        (&two, to("amt", "jga:1"), to("zweites", "jga:1"), OTHERS),
        (&apart, to("amt", "jga:1"), to("zweites", "jga:1"), None),
        (&one, to("amt", "jga:1"), to("amt", "srp:haus"), BACK),
        (&two, to("amt", "jga:1"), to("zweites", "srp:haus"), BACK),
    ] {
        judged(connections, &bremen, &hamburg, why);
    }
}

#[test]
fn two_partners_have_no_endpoint_in_common_however_it_is_written() {
    for (url, why) in [
        ("https://dienst.example/hook", OTHERS),
        ("https://DIENST.example:443/hook", OTHERS),
        ("https://dienst.example./hook", OTHERS),
        ("https://dienst.example/x/../hook", OTHERS),
        ("https://dienst.example/hook#x", OTHERS),
        ("https://dienst.example/hook?a=1", None),
        ("https://dienst.example:8443/hook", None),
        ("https://dienst.example/hook/", None),
    ] {
        let secret = "secret: { file: secrets/kita-portal-nord.webhook }";
        let to = |url: &str| format!("callback: {{ url: '{url}', {secret} }}");
        judged("", &to("https://dienst.example/hook"), &to(url), why);
    }
}

#[test]
fn what_a_command_writes_lies_neither_in_the_store_nor_in_a_tray() {
    let dir = tempfile::tempdir().unwrap();
    let place = demo(dir.path());
    let compiled = fit::compile(&place, None).unwrap().compiled;
    let tray = "trays/jugendamt-bremen/in";
    fs::create_dir_all(place.data.join(tray)).unwrap();
    fs::create_dir_all(place.data.join("drehscheibe.db")).unwrap();
    std::os::unix::fs::symlink(place.data.join(tray), dir.path().join("link")).unwrap();
    for (to, refused) in [
        ("data/drehscheibe.db/export", true),
        ("data/drehscheibe.db/claims/export", true),
        ("data/quarantine/export", true),
        ("data/trays/jugendamt-bremen/in/export", true),
        ("data/trays/jugendamt-hamburg/out", true),
        ("link/export", true),
        ("data/export", false),
        ("data/trays/export", false),
        ("export", false),
    ] {
        assert_eq!(no_place_for(&place, &compiled, &dir.path().join(to)).is_some(), refused, "{to}");
    }
}
