//! The format of route tests, `routes/tests/<route>/<case>.yaml`: what is given, what happens, what must be so then.
//! Parses and checks only; running belongs to somebody else.

use std::collections::BTreeMap;
use std::time::Duration;

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
    /// Registers that were loaded before, in this order.
    pub registers: Vec<Register>,
    /// What happens, in this order.
    pub when: Vec<When>,
    /// What must be so afterwards.
    pub then: Expected,
    /// How the far ends of partners (or `connection:partner`, one way to it) fail, attempt by attempt; then they work.
    pub partners_fail: BTreeMap<String, Vec<Failure>>,
}

/// A document: a sample of a standard or a file beside the case, with texts in it replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Its name.
    pub file: At<String>,
    /// Texts and what stands in their place; each must occur.
    pub replace: Vec<(String, String)>,
}

/// How far the load of a register has come; each step has those before it behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// A person began it.
    Beginn,
    /// The office delivered.
    Lieferung,
    /// A person compared the counts.
    Abgleich,
    /// One person signed.
    Unterschrift,
    /// A second person signed: it is declared complete.
    Erklaerung,
    /// The office reported its count and its last message.
    Meldung,
}

/// A register as a route test finds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// The office that keeps it.
    pub jugendamt: At<String>,
    /// What it delivered.
    pub mirror: Vec<Body>,
    /// How far its load has come; declared and reported where nothing is written.
    pub until: Until,
    /// How many Registersätze the office counts; one for each delivery where nothing is written.
    pub count: Option<u32>,
    /// How long ago that was.
    pub age: Duration,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Somebody delivers.
    Delivery(Box<Delivery>),
    /// So much time has passed since the test began, and timers that are due come in.
    Timer(Duration),
}

/// One delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The transport: `http` or `folder`, or the order of a `person`.
    pub by: By,
    /// The document.
    pub body: Body,
    /// Further parts of the delivery by their names; they are JSON.
    pub parts: Vec<(String, Body)>,
    /// The person that orders it.
    pub acting: Option<At<String>>,
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
    /// As the order of a person.
    Person,
}

/// How a far end fails once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not answer.
    Timeout,
    /// It answers with this HTTP status.
    Status(u16),
    /// It refuses for good, this time and every other.
    Refused,
    /// Nobody comes for what lies there: it is a mailbox that is not emptied.
    NotCollected,
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
    /// Letters of the cases of all Vorgänge as their restricted records hold them, in any order.
    pub faelle: Option<Vec<String>>,
    /// How many timers came in at once at most.
    pub timers: Option<u32>,
}

/// One envelope that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The send word, such as `callback`.
    pub word: At<String>,
    /// To whom; `connection:partner` where it matters by which way.
    pub partner: At<String>,
    /// The body, if it is looked at; `*` stands for any value.
    pub body: Option<Value>,
    /// How long after the receipt of what caused it it may leave, if that is looked at.
    pub delay: Option<Duration>,
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
    let given =
        root.get("given").and_then(|node| reading::map(desk, node, "`given`", &["mirror", "registers"]));
    let mirror = given
        .and_then(|node| node.get("mirror"))
        .map(|node| reading::texts(desk, node, "`mirror`"))
        .unwrap_or_default();
    let registers = given
        .and_then(|node| node.get("registers"))
        .map(|node| reading::list(desk, node, "`registers`"))
        .unwrap_or_default();
    let registers = registers.iter().filter_map(|node| register(desk, node)).collect();
    let when = reading::need(desk, root, "the case", "when").map(|node| whens(desk, node));
    let then = reading::need(desk, root, "the case", "then").and_then(|node| expected(desk, node));
    let partners_fail = root.get("partners-fail").map(|node| failures(desk, node)).unwrap_or_default();
    let about = reading::optional_text(desk, root, "about").map(|about| about.value);
    Some(Case { about, mirror, registers, when: when?, then: then?, partners_fail })
}

fn register(desk: Desk<'_>, node: &Node) -> Option<Register> {
    const UNTIL: &[(&str, Until)] = &[
        ("beginn", Until::Beginn),
        ("lieferung", Until::Lieferung),
        ("abgleich", Until::Abgleich),
        ("unterschrift", Until::Unterschrift),
        ("erklaerung", Until::Erklaerung),
        ("meldung", Until::Meldung),
    ];
    let node = reading::map(desk, node, "a register", &["jugendamt", "mirror", "until", "count", "age"])?;
    let jugendamt = reading::need(desk, node, "a register", "jugendamt")
        .and_then(|node| reading::text(desk, node, "`jugendamt`"));
    let mirror = node.get("mirror").map(|node| reading::list(desk, node, "`mirror`")).unwrap_or_default();
    let until = node.get("until").and_then(|node| reading::word(desk, node, "`until`", UNTIL));
    Some(Register {
        jugendamt: jugendamt?,
        mirror: mirror.iter().filter_map(|node| body(desk, node, "a delivery")).collect(),
        until: until.unwrap_or(Until::Meldung),
        count: reading::count(desk, node, "count", 0..=1_000_000),
        age: reading::duration(desk, node, "age", Duration::ZERO..=YEAR).unwrap_or_default(),
    })
}

/// The longest time of a case.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

fn whens(desk: Desk<'_>, node: &Node) -> Vec<When> {
    match &node.kind {
        Kind::List(items) => {
            if items.is_empty() {
                desk.fault(node.at, "`when` is empty; write at least one delivery");
            }
            items.iter().filter_map(|item| happens(desk, item)).collect()
        }
        _ => happens(desk, node).into_iter().collect(),
    }
}

fn happens(desk: Desk<'_>, node: &Node) -> Option<When> {
    const WAYS: &[(&str, By)] = &[("http", By::Http), ("folder", By::Folder), ("person", By::Person)];
    const TIMER: &str = "timer";
    let words = WAYS.iter().map(|(word, _)| *word).chain([TIMER]).collect::<Vec<_>>();
    let node = reading::map(desk, node, "a delivery", &words)?;
    let [(word, inner)] = node.entries() else {
        desk.unknown(node.at, "a delivery comes one way, such as `http: { body: …, partner: … }`", "", words);
        return None;
    };
    let what = format!("`{}`", word.value);
    if word.value == TIMER {
        let inner = reading::map(desk, inner, &what, &["after"])?;
        reading::need(desk, inner, &what, "after")?;
        return reading::duration(desk, inner, "after", Duration::ZERO..=YEAR).map(When::Timer);
    }
    let (_, by) = WAYS.iter().find(|(known, _)| *known == word.value)?;
    let keys: &[&str] = match by {
        By::Person => &["body", "partner", "id", "route", "acting"],
        By::Http | By::Folder => &["body", "parts", "partner", "id", "route"],
    };
    let inner = reading::map(desk, inner, &what, keys)?;
    let body_of = reading::need(desk, inner, &what, "body").and_then(|node| body(desk, node, "`body`"));
    let partner =
        reading::need(desk, inner, &what, "partner").and_then(|node| reading::text(desk, node, "`partner`"));
    let parts = inner.get("parts").map(Node::entries).unwrap_or_default();
    let part = |(name, node): &(At<String>, Node)| Some((name.value.clone(), body(desk, node, "a part")?));
    Some(When::Delivery(Box::new(Delivery {
        by: *by,
        body: body_of?,
        parts: parts.iter().filter_map(part).collect(),
        acting: reading::optional_text(desk, inner, "acting"),
        partner: partner?,
        id: reading::optional_text(desk, inner, "id"),
        route: reading::optional_text(desk, inner, "route"),
    })))
}

/// A file by its name, or `{ file: …, replace: { this: that } }`.
fn body(desk: Desk<'_>, node: &Node, what: &str) -> Option<Body> {
    if !matches!(node.kind, Kind::Map(_)) {
        return reading::text(desk, node, what).map(|file| Body { file, replace: Vec::new() });
    }
    let node = reading::map(desk, node, what, &["file", "replace"])?;
    let file = reading::need(desk, node, what, "file").and_then(|node| reading::text(desk, node, "`file`"));
    let entries = node.get("replace").map(Node::entries).unwrap_or_default();
    let mut replace = Vec::new();
    for (from, to) in entries {
        match &to.kind {
            Kind::Text(to) => replace.push((from.value.clone(), to.clone())),
            _ => desk.fault(to.at, format!("what replaces a text is {}; write it in quotes", to.what())),
        }
    }
    Some(Body { file: file?, replace })
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
    let node = reading::map(
        desk,
        node,
        "`then`",
        &["state", "codes", "mirror", "sent", "reply", "vorgaenge", "faelle", "timers"],
    )?;
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
        vorgaenge: node.get("vorgaenge").map(|node| sorted(desk, node, "a state of a Vorgang")),
        faelle: node.get("faelle").map(|node| sorted(desk, node, "a letter of a case")),
        timers: reading::count(desk, node, "timers", 0..=1_000),
    })
}

fn sorted(desk: Desk<'_>, node: &Node, what: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        reading::texts(desk, node, what).into_iter().map(|text| text.value).collect();
    texts.sort();
    texts
}

fn sent(desk: Desk<'_>, node: &Node) -> Option<Sent> {
    let looked = |key: &str| matches!(key, "body" | "delay");
    let mut words = node.entries().iter().filter(|(key, _)| !looked(&key.value));
    let (Some((word, partner)), None) = (words.next(), words.next()) else {
        desk.fault(
            node.at,
            "an entry of `sent` is a send word with its partner, such as `callback: kita-portal`",
        );
        return None;
    };
    let partner = reading::text(desk, partner, &format!("`{}`", word.value))?;
    let delay = reading::duration(desk, node, "delay", Duration::ZERO..=YEAR);
    Some(Sent { word: word.clone(), partner, body: node.get("body").map(Node::json), delay })
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
        Kind::Text(text) if text == "refused" => Some(Failure::Refused),
        Kind::Text(text) if text == "not-collected" => Some(Failure::NotCollected),
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
            ["timeout", "ok", "refused", "not-collected", "503"],
        );
    }
    found
}
