//! What is written in a route file, with places; every fault of its shape is collected.
//! Knows no step, no transport, no partner: whether names exist is asked by `compile`.

use std::time::Duration;

use crate::plan::{Limits, OrderBy};
use crate::route::fault::Desk;
use crate::route::reading;
use crate::route::tree::{At, Kind, Node};

/// The words of a route file, in the order in which they must stand.
pub const WORDS: &[&str] =
    &["route", "about", "on", "accept", "order-by", "do", "send", "deadline", "settings"];

/// What `order-by` may be.
pub const ORDERS: &[(&str, OrderBy)] = &[
    ("child", OrderBy::Child),
    ("vorgang", OrderBy::Vorgang),
    ("partner", OrderBy::Partner),
    ("none", OrderBy::None),
];

/// What may stand under `settings`.
pub const SETTINGS: &[&str] = &["max-body", "max-part", "reruns", "give-up-after"];

/// What `login` may be, weakest first (rules.md 1).
pub const LOGINS: &[&str] = &["niedrig", "substanziell", "hoch"];

/// The bounds of a route where its file says nothing.
pub const DEFAULT_LIMITS: Limits = Limits {
    max_body: 8 << 20,
    max_part: 64 << 20,
    reruns: 8,
    give_up_after: Duration::from_secs(14 * 86_400),
};

const DAY: Duration = Duration::from_secs(86_400);

/// A route file.
#[derive(Clone, Debug)]
pub struct RouteFile {
    /// The file.
    pub file: String,
    /// Its name.
    pub route: At<String>,
    /// What it is for.
    pub about: String,
    /// Where from.
    pub on: Vec<On>,
    /// What is legal.
    pub accept: Vec<Accepts>,
    /// What order is kept under.
    pub order_by: OrderBy,
    /// What changes.
    pub does: Vec<Item>,
    /// Who must be told.
    pub sends: Vec<Item>,
    /// What happens when it takes too long.
    pub deadline: Option<Deadline>,
    /// Bounds, defaults filled in.
    pub limits: Limits,
    /// Which of the bounds are defaults.
    pub defaults: Vec<&'static str>,
}

/// One `on` entry: `{word: value, standard?}`.
#[derive(Clone, Debug)]
pub struct On {
    /// The transport.
    pub word: At<String>,
    /// The path, queue, tray.
    pub value: At<String>,
    /// In which standard unreadable input is answered.
    pub standard: Option<At<String>>,
}

/// One `accept` entry.
#[derive(Clone, Debug)]
pub struct Accepts {
    /// Message types.
    pub messages: Vec<At<String>>,
    /// A group or partner.
    pub from: At<String>,
    /// The use that the partner must be admitted for.
    pub for_use: Option<At<String>>,
    /// The level of login that must stand behind it.
    pub login: Option<At<String>>,
}

/// One item under `do` or `send`.
#[derive(Clone, Debug)]
pub enum Item {
    /// A verb of the menu.
    Step(StepItem),
    /// Branches; the last one is `else`.
    Choose(At<Vec<Branch>>),
    /// Parks the message with this cause.
    Park(At<String>),
}

/// A verb with its settings and neighbours.
#[derive(Clone, Debug)]
pub struct StepItem {
    /// The verb.
    pub verb: At<String>,
    /// Its settings, as written.
    pub settings: Node,
    /// The name under which what it makes is known.
    pub named: Option<At<String>>,
    /// Its condition.
    pub when: Option<When>,
    /// The earlier item that must have been delivered.
    pub after: Option<At<String>>,
}

/// One branch of `choose`.
#[derive(Clone, Debug)]
pub struct Branch {
    /// When it is taken.
    pub test: Test,
    /// What is done.
    pub then: Vec<Item>,
}

/// When a branch is taken.
#[derive(Clone, Debug)]
pub enum Test {
    /// A matcher.
    When(When),
    /// A CEL expression.
    If(At<String>),
    /// Otherwise.
    Else,
}

/// A matcher.
#[derive(Clone, Debug)]
pub enum When {
    /// An earlier item made something of this name.
    Made(At<String>),
    /// Each name has one of these values.
    Is(Vec<(At<String>, Vec<At<String>>)>),
}

/// What happens when it takes too long.
#[derive(Clone, Debug)]
pub struct Deadline {
    /// After this time.
    pub after: Duration,
    /// The name of the timer binding that gets the document.
    pub then: At<String>,
}

/// Reads a route file; `None` when so much is missing that nothing can be checked against it.
pub fn read(desk: Desk<'_>, root: &Node) -> Option<RouteFile> {
    let root = reading::map(desk, root, "the route file", WORDS)?;
    order(desk, root);
    let route = reading::need(desk, root, "the route", "route")
        .and_then(|node| reading::text(desk, node, "`route`"))
        .filter(|written| reading::name(desk, written, "route"));
    let about = reading::need(desk, root, "the route", "about")
        .and_then(|node| reading::text(desk, node, "`about`"))
        .map(|about| about.value.trim().to_owned());
    let on = reading::need(desk, root, "the route", "on").map(|node| on(desk, node));
    let accept = reading::need(desk, root, "the route", "accept").map(|node| accept(desk, node));
    let order_by = reading::need(desk, root, "the route", "order-by")
        .and_then(|node| reading::word(desk, node, "`order-by`", ORDERS));
    let does = root.get("do").map(|node| items(desk, node, "`do`", true, false)).unwrap_or_default();
    let sends = root.get("send").map(|node| items(desk, node, "`send`", false, false)).unwrap_or_default();
    if root.get("do").is_none() && root.get("send").is_none() {
        desk.fault(root.at, "the route has neither `do` nor `send`; it would accept messages and lose them");
    }
    let deadline = root.get("deadline").and_then(|node| deadline(desk, node));
    let limits = root.get("settings").map_or(DEFAULT_LIMITS, |node| limits(desk, node));
    let unset = |key: &&str| root.get("settings").is_none_or(|settings| settings.get(key).is_none());
    Some(RouteFile {
        file: desk.file.to_owned(),
        route: route?,
        about: about?,
        on: on?,
        accept: accept?,
        order_by: order_by?,
        does,
        sends,
        deadline,
        limits,
        defaults: SETTINGS.iter().copied().filter(unset).collect(),
    })
}

fn order(desk: Desk<'_>, root: &Node) {
    let rank = |key: &str| WORDS.iter().position(|word| *word == key);
    let mut highest: Option<(usize, &str)> = None;
    for (key, _) in root.entries() {
        let Some(rank) = rank(&key.value) else { continue };
        match highest {
            Some((before, word)) if before > rank => desk.fault(
                key.at,
                format!("`{}` stands after `{word}`; the order is {}", key.value, WORDS.join(", ")),
            ),
            _ => highest = Some((rank, &key.value)),
        }
    }
}

fn on(desk: Desk<'_>, node: &Node) -> Vec<On> {
    let items = reading::list(desk, node, "`on`");
    if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
        desk.fault(
            node.at,
            "`on` is empty; a route needs at least one source such as `{ http: /v1/lieferungen }`",
        );
    }
    items.iter().filter_map(|item| on_entry(desk, item)).collect()
}

fn on_entry(desk: Desk<'_>, item: &Node) -> Option<On> {
    let mut words = item.entries().iter().filter(|(key, _)| key.value != "standard");
    let (Some((word, value)), None) = (words.next(), words.next()) else {
        desk.fault(
            item.at,
            "an `on` entry has one transport with its value, such as `{ http: /v1/lieferungen }`",
        );
        return None;
    };
    let value = reading::text(desk, value, &format!("`{}`", word.value))?;
    Some(On { word: word.clone(), value, standard: reading::optional_text(desk, item, "standard") })
}

fn accept(desk: Desk<'_>, node: &Node) -> Vec<Accepts> {
    if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
        desk.fault(node.at, "`accept` is empty; a route needs at least one message type with its senders");
    }
    reading::list(desk, node, "`accept`").iter().filter_map(|item| accept_entry(desk, item)).collect()
}

fn accept_entry(desk: Desk<'_>, item: &Node) -> Option<Accepts> {
    let item = reading::map(desk, item, "an `accept` entry", &["message", "from", "use", "login"])?;
    let messages = reading::need(desk, item, "the `accept` entry", "message")
        .map(|node| reading::texts(desk, node, "`message`"));
    let from = reading::need(desk, item, "the `accept` entry", "from")
        .and_then(|node| reading::text(desk, node, "`from`"));
    let login = reading::optional_text(desk, item, "login").filter(|login| {
        let known = LOGINS.contains(&login.value.as_str());
        if !known {
            desk.unknown(login.at, format!("unknown login: `{}`", login.value), &login.value, LOGINS);
        }
        known
    });
    Some(Accepts {
        messages: messages?,
        from: from?,
        for_use: reading::optional_text(desk, item, "use"),
        login,
    })
}

fn items(desk: Desk<'_>, node: &Node, what: &str, does: bool, in_branch: bool) -> Vec<Item> {
    reading::list(desk, node, what).iter().filter_map(|node| item(desk, node, does, in_branch)).collect()
}

fn item(desk: Desk<'_>, node: &Node, does: bool, in_branch: bool) -> Option<Item> {
    let mut verbs = node.entries().iter().filter(|(key, _)| !NEIGHBOURS.contains(&key.value.as_str()));
    let (Some((verb, settings)), None) = (verbs.next(), verbs.next()) else {
        desk.fault(
            node.at,
            "a step is one verb with its settings, such as `- mirror: {}`, and beside it at most `as`, `when`, `after`",
        );
        return None;
    };
    match verb.value.as_str() {
        "choose" if !does => {
            desk.fault(verb.at, "`choose` decides, so it stands under `do`; an item of `send` takes `when:`");
            None
        }
        "choose" => Some(Item::Choose(At { value: branches(desk, settings), at: verb.at })),
        "park" if !in_branch => {
            desk.fault(verb.at, "`park` would park every message here; it stands in a branch of `choose`");
            None
        }
        "park" => Some(Item::Park(reading::text(desk, settings, "the cause of `park`")?)),
        _ => Some(Item::Step(StepItem {
            named: neighbour(desk, node, settings, "as").and_then(|node| {
                let named = reading::text(desk, node, "`as`")?;
                reading::name(desk, &named, "`as`").then_some(named)
            }),
            when: neighbour(desk, node, settings, "when").and_then(|node| when(desk, node)),
            after: neighbour(desk, node, settings, "after")
                .and_then(|node| reading::text(desk, node, "`after`")),
            verb: verb.clone(),
            settings: settings.clone(),
        })),
    }
}

/// Keys that may stand beside a verb or inside its settings.
pub const NEIGHBOURS: &[&str] = &["as", "when", "after"];

fn neighbour<'n>(desk: Desk<'_>, item: &'n Node, settings: &'n Node, key: &str) -> Option<&'n Node> {
    let (beside, inside) = (item.get(key), settings.get(key));
    if let (Some(_), Some(inside)) = (beside, inside) {
        desk.fault(
            inside.at,
            format!("`{key}` is written twice: beside the verb and inside its settings; keep one"),
        );
    }
    beside.or(inside)
}

fn when(desk: Desk<'_>, node: &Node) -> Option<When> {
    match &node.kind {
        Kind::Text(_) => reading::text(desk, node, "`when`").map(When::Made),
        Kind::Map(entries) if !entries.is_empty() => Some(When::Is(
            entries
                .iter()
                .map(|(name, value)| (name.clone(), reading::texts(desk, value, "a value of `when`")))
                .collect(),
        )),
        _ => {
            desk.fault(
                node.at,
                "`when` takes names with values, such as `{ ergebnis: negativ }`, or the name that an earlier `as` gave",
            );
            None
        }
    }
}

fn branches(desk: Desk<'_>, node: &Node) -> Vec<Branch> {
    let written = reading::list(desk, node, "`choose`");
    let mut read = Vec::new();
    for (nth, item) in written.iter().enumerate() {
        let last = nth + 1 == written.len();
        if item.get("else").is_some() && !last {
            desk.fault(item.at, "`else` is not the last branch; what follows would never be taken");
        }
        if last && item.get("else").is_none() {
            desk.fault(
                item.at,
                "`choose` must end with `else`; write `- { else: [ { park: unerwartet } ] }`",
            );
        }
        read.extend(branch(desk, item));
    }
    if written.is_empty() && matches!(node.kind, Kind::List(_)) {
        desk.fault(node.at, "`choose` has no branch; write at least one `when` and `else`");
    }
    read
}

fn branch(desk: Desk<'_>, item: &Node) -> Option<Branch> {
    let item = reading::map(desk, item, "a branch of `choose`", &["when", "if", "then", "else"])?;
    let steps = |node: &Node| items(desk, node, "a branch", true, true);
    let then = |item: &Node| reading::need(desk, item, "the branch", "then").map(steps).unwrap_or_default();
    match (item.get("when"), item.get("if"), item.get("else")) {
        (Some(test), None, None) => Some(Branch { test: Test::When(when(desk, test)?), then: then(item) }),
        (None, Some(test), None) => {
            let expression = reading::text(desk, test, "`if`");
            let then = then(item);
            Some(Branch { test: Test::If(expression?), then })
        }
        (None, None, Some(otherwise)) => Some(Branch { test: Test::Else, then: steps(otherwise) }),
        _ => {
            desk.fault(item.at, "a branch has exactly one of `when`, `if` and `else`");
            None
        }
    }
}

fn deadline(desk: Desk<'_>, node: &Node) -> Option<Deadline> {
    let node = reading::map(desk, node, "`deadline`", &["after", "then"])?;
    reading::need(desk, node, "`deadline`", "after");
    let after = reading::duration(desk, node, "after", Duration::from_secs(1)..=DAY * 3650);
    let then =
        reading::need(desk, node, "`deadline`", "then").and_then(|node| reading::text(desk, node, "`then`"));
    Some(Deadline { after: after?, then: then? })
}

fn limits(desk: Desk<'_>, node: &Node) -> Limits {
    let Some(node) = reading::map(desk, node, "`settings`", SETTINGS) else { return DEFAULT_LIMITS };
    let usual = DEFAULT_LIMITS;
    let max_body = reading::size(desk, node, "max-body", 1024..=8 << 20);
    Limits {
        max_body: max_body.and_then(|size| usize::try_from(size).ok()).unwrap_or(usual.max_body),
        max_part: reading::size(desk, node, "max-part", 1024..=1 << 30).unwrap_or(usual.max_part),
        reruns: reading::count(desk, node, "reruns", 1..=100).unwrap_or(usual.reruns),
        give_up_after: reading::duration(desk, node, "give-up-after", Duration::from_secs(60)..=DAY * 365)
            .unwrap_or(usual.give_up_after),
    }
}
