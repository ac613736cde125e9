//! The format of route tests, `routes/tests/<route>/<case>.yaml`: what is given, what happens, what must be so then.
//! Parses and checks only; running belongs to somebody else.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::envelope::Inbound;
use crate::route::fault::{Collector, Desk, Faults};
use crate::route::reading;
use crate::route::tree::{self, At, Kind, Node};

/// A test of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows, if written.
    pub about: Option<String>,
    /// Samples that lie in the mirror before.
    pub mirror: Vec<At<String>>,
    /// Deliveries, in this order.
    pub when: Vec<Delivery>,
    /// What must be so afterwards.
    pub then: Expected,
    /// How the far ends of partners fail, attempt by attempt; then they work.
    pub partners_fail: BTreeMap<String, Vec<Failure>>,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The transport: `http` or `folder`.
    pub by: By,
    /// The file of the body, a sample of the standard or beside the case.
    pub body: At<String>,
    /// Who delivers.
    pub partner: At<String>,
    /// The transport's own id; the same one makes a repeat.
    pub id: Option<At<String>>,
    /// The route that takes it, where it is not the one that is tested.
    pub route: Option<At<String>>,
}

/// How a delivery comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Over HTTP.
    Http,
    /// As a file in the partner's tray.
    Folder,
}

/// How a far end fails once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not answer.
    Timeout,
    /// It answers with this HTTP status.
    Status(u16),
    /// It works.
    Ok,
}

/// What must be so afterwards; what is not written is not looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// State of the last delivery.
    pub state: Option<Inbound>,
    /// Codes of its rejection, exactly.
    pub codes: Option<Vec<String>>,
    /// How many Registersätze the mirror holds.
    pub mirror: Option<u32>,
    /// What was sent, exactly, in any order.
    pub sent: Option<Vec<Sent>>,
    /// Message type of the answer.
    pub reply: Option<At<String>>,
    /// States of all Vorgänge, in any order.
    pub vorgaenge: Option<Vec<String>>,
}

/// One envelope that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The send word, such as `callback`.
    pub word: At<String>,
    /// To whom.
    pub partner: At<String>,
    /// The body, if it is looked at; `*` stands for any value.
    pub body: Option<Value>,
}

/// Reads a case, or tells every fault.
pub fn read(file: &str, text: &str) -> Result<Case, Faults> {
    let collector = Collector::default();
    let case = {
        let desk = collector.desk(file, text);
        tree::parse(text, desk).and_then(|root| case(desk, &root))
    };
    let (faults, _) = collector.finish();
    match case {
        Some(case) if faults.faults.is_empty() => Ok(case),
        _ => Err(faults),
    }
}

fn case(desk: Desk<'_>, root: &Node) -> Option<Case> {
    let root = reading::map(desk, root, "the case", &["about", "given", "when", "then", "partners-fail"])?;
    let mirror = root
        .get("given")
        .and_then(|node| reading::map(desk, node, "`given`", &["mirror"]))
        .and_then(|node| node.get("mirror"))
        .map(|node| reading::texts(desk, node, "`mirror`"))
        .unwrap_or_default();
    let when = reading::need(desk, root, "the case", "when").map(|node| deliveries(desk, node));
    let then = reading::need(desk, root, "the case", "then").and_then(|node| expected(desk, node));
    let partners_fail = root.get("partners-fail").map(|node| failures(desk, node)).unwrap_or_default();
    let about = reading::optional_text(desk, root, "about").map(|about| about.value);
    Some(Case { about, mirror, when: when?, then: then?, partners_fail })
}

fn deliveries(desk: Desk<'_>, node: &Node) -> Vec<Delivery> {
    match &node.kind {
        Kind::List(items) => {
            if items.is_empty() {
                desk.fault(node.at, "`when` is empty; write at least one delivery");
            }
            items.iter().filter_map(|item| delivery(desk, item)).collect()
        }
        _ => delivery(desk, node).into_iter().collect(),
    }
}

fn delivery(desk: Desk<'_>, node: &Node) -> Option<Delivery> {
    const WAYS: &[(&str, By)] = &[("http", By::Http), ("folder", By::Folder)];
    let words = WAYS.iter().map(|(word, _)| *word).collect::<Vec<_>>();
    let node = reading::map(desk, node, "a delivery", &words)?;
    let [(word, inner)] = node.entries() else {
        desk.unknown(node.at, "a delivery comes one way, such as `http: { body: …, partner: … }`", "", words);
        return None;
    };
    let (_, by) = WAYS.iter().find(|(known, _)| *known == word.value)?;
    let what = format!("`{}`", word.value);
    let inner = reading::map(desk, inner, &what, &["body", "partner", "id", "route"])?;
    let needed = |key| {
        reading::need(desk, inner, &what, key).and_then(|node| reading::text(desk, node, &format!("`{key}`")))
    };
    let (body, partner) = (needed("body"), needed("partner"));
    Some(Delivery {
        by: *by,
        body: body?,
        partner: partner?,
        id: reading::optional_text(desk, inner, "id"),
        route: reading::optional_text(desk, inner, "route"),
    })
}

fn expected(desk: Desk<'_>, node: &Node) -> Option<Expected> {
    const STATES: &[(&str, Inbound)] = &[
        ("waiting", Inbound::Waiting),
        ("accepted", Inbound::Accepted),
        ("rejected", Inbound::Rejected),
        ("quarantined", Inbound::Quarantined),
        ("parked", Inbound::Parked),
        ("denied", Inbound::Denied),
    ];
    let node =
        reading::map(desk, node, "`then`", &["state", "codes", "mirror", "sent", "reply", "vorgaenge"])?;
    if node.entries().is_empty() {
        desk.fault(node.at, "`then` is empty; a test that looks at nothing cannot fail");
    }
    Some(Expected {
        state: node.get("state").and_then(|node| reading::word(desk, node, "`state`", STATES)),
        codes: node.get("codes").map(|node| {
            let codes = reading::texts(desk, node, "a code");
            codes.into_iter().map(|code| code.value).collect()
        }),
        mirror: reading::count(desk, node, "mirror", 0..=1_000_000),
        sent: node.get("sent").map(|node| {
            reading::list(desk, node, "`sent`").iter().filter_map(|item| sent(desk, item)).collect()
        }),
        reply: reading::optional_text(desk, node, "reply"),
        vorgaenge: node.get("vorgaenge").map(|node| {
            let states = reading::texts(desk, node, "a state of a Vorgang");
            let mut states: Vec<String> = states.into_iter().map(|state| state.value).collect();
            states.sort();
            states
        }),
    })
}

fn sent(desk: Desk<'_>, node: &Node) -> Option<Sent> {
    let mut words = node.entries().iter().filter(|(key, _)| key.value != "body");
    let (Some((word, partner)), None) = (words.next(), words.next()) else {
        desk.fault(
            node.at,
            "an entry of `sent` is a send word with its partner, such as `callback: kita-portal`",
        );
        return None;
    };
    let partner = reading::text(desk, partner, &format!("`{}`", word.value))?;
    Some(Sent { word: word.clone(), partner, body: node.get("body").map(Node::json) })
}

fn failures(desk: Desk<'_>, node: &Node) -> BTreeMap<String, Vec<Failure>> {
    if !matches!(node.kind, Kind::Map(_)) {
        desk.fault(node.at, format!("`partners-fail` is {}; write partners with lists", node.what()));
    }
    let of = |(partner, node): &(At<String>, Node)| {
        let items = reading::list(desk, node, "a list of failures");
        (partner.value.clone(), items.iter().filter_map(|item| failure(desk, item)).collect())
    };
    node.entries().iter().map(of).collect()
}

fn failure(desk: Desk<'_>, node: &Node) -> Option<Failure> {
    let status = |number: &serde_json::Number| number.as_u64().filter(|status| (100..600).contains(status));
    let found = match &node.kind {
        Kind::Text(text) if text == "timeout" => Some(Failure::Timeout),
        Kind::Text(text) if text == "ok" => Some(Failure::Ok),
        Kind::Number(number) => {
            status(number).and_then(|status| u16::try_from(status).ok()).map(Failure::Status)
        }
        _ => None,
    };
    if found.is_none() {
        desk.unknown(
            node.at,
            "this is no failure; write a word or an HTTP status",
            "",
            ["timeout", "ok", "503"],
        );
    }
    found
}
