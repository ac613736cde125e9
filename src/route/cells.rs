//! What a route claims: bindings, message types and partners, and that no two routes claim the same cell.
//! A cell is (binding, message, partner).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::pipeline::step::{Refuse, SettingFault};
use crate::plan::{Accept, Binding, Partner, Plan};
use crate::route::connections::Connections;
use crate::route::fault::{Collector, Desk, Needed};
use crate::route::file::{Accepts, On, RouteFile};
use crate::route::menus::Menus;
use crate::route::partners::Partners;
use crate::route::place::Place;
use crate::route::tree::{Kind, Node};
use crate::transport::port::account::Account;
use crate::transport::port::binding::{Bindings, HttpBinding};
use crate::transport::port::{Answers, Entry};
use crate::xoev::contract::Known;

/// The transport whose envelopes are due timers: what a deadline names is one of its bindings.
pub const TIMER: &str = "timer";
/// The send word that answers the sender.
const RECEIPT: &str = "receipt";
/// The step that holds a login against what the route asks for.
const AUTHORISE: &str = "authorise";

/// Makes the refusal of a standard from the platform's own data.
pub type MakeRefuse<'a> = &'a dyn Fn(&str, &Value) -> Result<Arc<dyn Refuse>, SettingFault>;

/// What bindings and acceptance are checked against.
pub struct Cells<'a> {
    /// What there is.
    pub menus: &'a Menus<'a>,
    /// The connections.
    pub connections: &'a Connections,
    /// The partners.
    pub partners: &'a Partners,
    /// All message types.
    pub known: &'a [Known],
    /// Makes refusals.
    pub make_refuse: MakeRefuse<'a>,
}

impl Cells<'_> {
    /// What the route accepts, each message with its partners.
    pub fn accepts(&self, desk: Desk<'_>, route: &RouteFile) -> Vec<Accept> {
        let mut all: Vec<Accept> = Vec::new();
        for entry in &route.accept {
            let partners = self.senders(desk, entry);
            if let Some(login) = &entry.login
                && !has_verb(&route.does, AUTHORISE)
            {
                let text =
                    format!("nothing under `do` checks the login; write `- {AUTHORISE}: {{ … }}` first");
                desk.fault(login.at, text);
            }
            for message in &entry.messages {
                let known: Vec<&Known> =
                    self.known.iter().filter(|known| known.message == message.value).collect();
                if known.is_empty() {
                    let allowed = self.known.iter().filter(|known| known.reads).map(|known| &known.message);
                    let text = format!("unknown message: `{}`; no loaded package has it", message.value);
                    desk.unknown(message.at, text, &message.value, allowed);
                } else if !known.iter().any(|known| known.reads) {
                    let text = format!(
                        "`{}` can be sent but not accepted; its package maps it to no record",
                        message.value
                    );
                    let allowed = self.known.iter().filter(|known| known.reads).map(|known| &known.message);
                    desk.unknown(message.at, text, "", allowed);
                }
                let twice = all.iter().any(|accept| {
                    accept.message == message.value && accept.partners.iter().any(|p| partners.contains(p))
                });
                if twice {
                    let text =
                        format!("`{}` is accepted from the same partner twice; write it once", message.value);
                    desk.fault(message.at, text);
                }
                all.push(Accept { message: message.value.clone(), partners: partners.clone() });
            }
        }
        all
    }

    fn senders(&self, desk: Desk<'_>, entry: &Accepts) -> Vec<String> {
        let from = &entry.from;
        let named = self.partners.named(&from.value);
        if named.is_empty() && !self.partners.written.contains(&from.value) {
            let all = self.partners.written.iter().map(String::as_str).chain(self.partners.groups());
            let text = format!("unknown partner or group: `{}`", from.value);
            desk.lacking(Needed::Partners).unknown(from.at, text, &from.value, all);
        }
        let Some(wanted) = &entry.for_use else {
            return named.iter().map(|partner| partner.id.value.clone()).collect();
        };
        let admitted: Vec<String> = named
            .iter()
            .filter(|partner| partner.uses.contains(&wanted.value))
            .map(|partner| partner.id.value.clone())
            .collect();
        if admitted.is_empty() && !named.is_empty() {
            let text = format!("nobody of `{}` is admitted for the use `{}`", from.value, wanted.value);
            desk.lacking(Needed::Partners).unknown(wanted.at, text, &wanted.value, self.partners.uses());
        }
        admitted
    }

    /// The bindings of a route; the Mandant is that of the stage.
    pub fn bindings(
        &self,
        desk: Desk<'_>,
        route: &RouteFile,
        accepts: &[Accept],
        mandant: &str,
    ) -> Vec<Binding> {
        let standards: BTreeSet<&str> = self
            .known
            .iter()
            .filter(|known| accepts.iter().any(|accept| accept.message == known.message))
            .map(|known| known.standard.as_str())
            .collect();
        let mut bindings: Vec<Binding> = Vec::new();
        for on in &route.on {
            let Some(answers) = self.source(desk, on) else { continue };
            let Some(standard) = self.standard(desk, on, &standards) else { continue };
            let key = format!("{} {}", on.word.value, on.value.value);
            if bindings.iter().any(|binding| binding.key == key) {
                desk.fault(on.value.at, format!("`{key}` is written twice under `on`; keep one"));
                continue;
            }
            self.way_back(desk, route, on, answers, accepts);
            let refuse = match (self.make_refuse)(&standard, &self.partners.platform) {
                Ok(refuse) => refuse,
                Err(fault) => {
                    desk.fault(on.value.at, fault.text);
                    continue;
                }
            };
            bindings.push(Binding { key, answers, refuse, standard, mandant: mandant.to_owned() });
        }
        bindings
    }

    fn source(&self, desk: Desk<'_>, on: &On) -> Option<Answers> {
        let word = on.word.value.as_str();
        let sources = || self.menus.transports.iter().filter(|entry| entry.answers.is_some());
        let found = sources().find(|entry| entry.word == word);
        let Some((entry, answers)) = found.and_then(|entry| Some((entry, entry.answers?))) else {
            let text = match self.menus.transports.iter().any(|entry| entry.word == word) {
                true => format!("`{word}` sends but takes nothing in"),
                false => format!("unknown transport: `{word}`"),
            };
            desk.unknown(on.word.at, text, word, sources().map(|entry| entry.word));
            return None;
        };
        if let Bindings::Paths { refuses } = entry.binding
            && let Some(why) = refuses(&on.value.value)
        {
            desk.fault(on.value.at, why);
        }
        self.served(desk, on, entry.binding);
        Some(answers)
    }

    /// A connection must serve the value, where the transport's are not made by routes alone.
    fn served(&self, desk: Desk<'_>, on: &On, binding: Bindings) {
        if matches!(binding, Bindings::Unconnected) {
            return;
        }
        let word = on.word.value.as_str();
        let of_kind: Vec<_> = self.connections.of_kind(word).collect();
        // A connection that has faults of its own may be the one that is meant.
        if of_kind.is_empty() && self.connections.by_name.len() == self.connections.written.len() {
            let kinds: BTreeSet<&str> =
                self.connections.by_name.values().map(|known| known.kind.as_str()).collect();
            let text = format!("no connection of kind `{word}` in connections.yaml; write one");
            desk.lacking(Needed::Connections).unknown(on.word.at, text, "", kinds);
        }
        if of_kind.is_empty() || !matches!(binding, Bindings::Listed) {
            return;
        }
        let mut listed = Vec::new();
        of_kind.iter().for_each(|connection| texts_under(&connection.written, "binding", &mut listed));
        let names = of_kind.iter().map(|connection| connection.name.value.as_str());
        let values: Vec<&str> = names.chain(listed.iter().map(|(value, _)| value.as_str())).collect();
        if !values.contains(&on.value.value.as_str()) {
            let text = format!("no connection of kind `{word}` serves `{}`", on.value.value);
            desk.lacking(Needed::Connections).unknown(on.value.at, text, &on.value.value, values);
        }
    }

    fn standard(&self, desk: Desk<'_>, on: &On, accepted: &BTreeSet<&str>) -> Option<String> {
        match (&on.standard, accepted.iter().collect::<Vec<_>>().as_slice()) {
            (Some(written), _) => {
                let known: BTreeSet<&str> = self.known.iter().map(|known| known.standard.as_str()).collect();
                if !known.contains(written.value.as_str()) {
                    let text = format!("unknown standard: `{}`", written.value);
                    desk.unknown(written.at, text, &written.value, known);
                    return None;
                }
                Some(written.value.clone())
            }
            (None, [single]) => Some((**single).to_owned()),
            // The messages have faults of their own already.
            (None, []) => None,
            (None, several) => {
                desk.unknown(
                    on.word.at,
                    "the route accepts several standards; say with `standard:` in which unreadable input is answered",
                    "",
                    several,
                );
                None
            }
        }
    }

    /// Whoever may come by a binding that cannot answer in band needs a destination for answers.
    fn way_back(&self, desk: Desk<'_>, route: &RouteFile, on: &On, answers: Answers, accepts: &[Accept]) {
        if answers == Answers::InBand || !has_verb(&route.sends, RECEIPT) {
            return;
        }
        let mut trays = Vec::new();
        let serves =
            |name: &str| on.value.value == name || !self.connections.by_name.contains_key(&on.value.value);
        for connection in self.connections.of_kind(&on.word.value).filter(|known| serves(&known.name.value)) {
            texts_under(&connection.written, "partner", &mut trays);
        }
        // Where senders have accounts, who has none does not come.
        let has_account = |id: &str| {
            let channels = self.partners.by_name.get(id).map(|partner| partner.channels.as_slice());
            channels.unwrap_or_default().iter().any(|channel| serves(&channel.connection.value))
        };
        let by_account =
            self.menus.transports.iter().any(|entry| entry.word == on.word.value && entry.accounts);
        let comes = |id: &str| match by_account {
            true => has_account(id),
            false => trays.is_empty() || trays.iter().any(|(partner, _)| partner == id),
        };
        let senders: BTreeSet<&String> = accepts.iter().flat_map(|accept| &accept.partners).collect();
        for id in senders.into_iter().filter(|id| comes(id)) {
            if self.partners.by_name.get(id).is_some_and(|partner| !partner.answers_written) {
                desk.lacking(Needed::Partners).fault(
                    on.value.at,
                    format!(
                        "answers to `{id}` have no way back from `{}`; write `answers-by` in partners.yaml",
                        on.word.value
                    ),
                );
            }
        }
    }
}

/// The accounts of all partners: each channel at a connection whose partners have accounts.
pub fn accounts(connections: &Connections, partners: &Partners, transports: &[Entry]) -> Vec<Account> {
    let counts = |connection: &str| {
        let kind = connections.by_name.get(connection).map(|known| known.kind.as_str());
        transports.iter().any(|entry| Some(entry.word) == kind && entry.accounts)
    };
    let mut accounts = Vec::new();
    for (id, partner) in &partners.by_name {
        for channel in partner.channels.iter().filter(|channel| counts(&channel.connection.value)) {
            accounts.push(Account {
                connection: channel.connection.value.clone(),
                partner: id.clone(),
                identities: partner.identities.clone(),
                settings: channel.settings.clone(),
            });
        }
    }
    accounts
}

/// Partners that connections name (a tray belongs to one) must be known.
pub fn trays(desk: Desk<'_>, connections: &Connections, partners: &Partners) {
    for connection in connections.by_name.values() {
        let mut named = Vec::new();
        texts_under(&connection.written, "partner", &mut named);
        for (partner, at) in named.iter().filter(|(partner, _)| !partners.written.contains(partner)) {
            let text = format!("unknown partner: `{partner}`; write it in partners.yaml");
            desk.lacking(Needed::Partners).unknown(*at, text, partner, &partners.written);
        }
    }
}

/// Two routes that claim the same cell; reported at the later one, once per message.
pub fn conflicts(collector: &Collector, routes: &[(RouteFile, Plan)]) {
    let mut owners: BTreeMap<(&str, &str, &str), &RouteFile> = BTreeMap::new();
    for (route, plan) in routes {
        let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
        for binding in &plan.bindings {
            for accept in &plan.accept {
                for partner in &accept.partners {
                    let cell = (binding.key.as_str(), accept.message.as_str(), partner.as_str());
                    let owner = *owners.entry(cell).or_insert(route);
                    if !std::ptr::eq(owner, route) && told.insert((cell.1, owner.route.value.as_str())) {
                        let at = place_of(route, cell.1);
                        let text = format!(
                            "route `{}` ({}) takes `{}` from `{}` on `{}` too; leave it to one of them",
                            owner.route.value, owner.file, cell.1, cell.2, cell.0
                        );
                        collector.again(&route.file).fault(at, text);
                    }
                }
            }
        }
    }
}

fn place_of(route: &RouteFile, message: &str) -> Place {
    let written = route.accept.iter().flat_map(|entry| &entry.messages).find(|at| at.value == message);
    written.map_or(route.route.at, |at| at.at)
}

/// The paths of all routes at transports whose bindings are paths, one entry each; routes that share a path are shown together.
pub fn paths(plans: &[Plan], partners: &BTreeMap<String, Partner>, transports: &[Entry]) -> Vec<HttpBinding> {
    let by_path = |word: &str| {
        let entry = transports.iter().find(|entry| entry.word == word);
        entry.is_some_and(|entry| matches!(entry.binding, Bindings::Paths { .. }))
    };
    let mut paths: BTreeMap<&str, HttpBinding> = BTreeMap::new();
    for plan in plans {
        for binding in &plan.bindings {
            let Some((_, path)) = binding.key.split_once(' ').filter(|(word, _)| by_path(word)) else {
                continue;
            };
            let messages = plan.accept.iter().map(|accept| accept.message.clone());
            let admitted = plan.accept.iter().flat_map(|accept| accept.partners.clone());
            let limits = &plan.limits;
            match paths.get_mut(path) {
                Some(entry) => {
                    entry.route = format!("{}, {}", entry.route, plan.route);
                    entry.about = format!("{} {}", entry.about, plan.about);
                    entry.messages.extend(messages);
                    entry.partners.extend(admitted);
                    entry.max_body = entry.max_body.max(limits.max_body);
                    entry.max_part = entry.max_part.max(limits.max_part);
                }
                None => {
                    let entry = HttpBinding {
                        path: path.to_owned(),
                        route: plan.route.clone(),
                        about: plan.about.clone(),
                        messages: messages.collect(),
                        partners: admitted.collect(),
                        by_message: Vec::new(),
                        max_body: limits.max_body,
                        max_part: limits.max_part,
                    };
                    paths.insert(path, entry);
                }
            }
        }
    }
    let reached = |id: &String| partners.get(id).is_some_and(|partner| partner.return_address.is_some());
    let tidy = |mut entry: HttpBinding| {
        for names in [&mut entry.messages, &mut entry.partners] {
            names.sort();
            names.dedup();
        }
        entry.by_message = entry.partners.iter().filter(|id| reached(id)).cloned().collect();
        entry
    };
    paths.into_values().map(tidy).collect()
}

fn has_verb(items: &[crate::route::file::Item], verb: &str) -> bool {
    use crate::route::file::Item;
    items.iter().any(|item| match item {
        Item::Step(step) => step.verb.value == verb,
        Item::Choose(branches) => branches.value.iter().any(|branch| has_verb(&branch.then, verb)),
        Item::Park(_) => false,
    })
}

fn texts_under(node: &Node, key: &str, found: &mut Vec<(String, Place)>) {
    match &node.kind {
        Kind::Map(entries) => {
            for (name, value) in entries {
                match value.text() {
                    Some(text) if name.value == key => found.push((text.to_owned(), value.at)),
                    _ => texts_under(value, key, found),
                }
            }
        }
        Kind::List(items) => items.iter().for_each(|item| texts_under(item, key, found)),
        _ => {}
    }
}
