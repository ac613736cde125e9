//! Builds the steps of one route from what is written under `do` and `send`: verbs of the menu, branches,
//! conditions, addressees. Knows no step by name; every fault is collected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::paper::texts::Texte;
use crate::pipeline::branch::{Choose, Park};
use crate::pipeline::entschieden::ANMELDUNG;
use crate::pipeline::step::{Addressee, Building, Place as Stands, Reach};
use crate::pipeline::tell::ROLES;
use crate::plan::{Condition, Planned};
use crate::register::tafeln::Tafeln;
use crate::route::condition::{self, Declared, Otherwise};
use crate::route::connections::Connections;
use crate::route::defaults;
use crate::route::explain;
use crate::route::fault::{Desk, Needed};
use crate::route::file::{Branch, Item, StepItem, Test, When};
use crate::route::meeting::{Askers, Made, Meeting, Reached};
use crate::route::menus::Menus;
use crate::route::partners::{Partners, WrittenPartner};
use crate::route::reading;
use crate::route::tree::{At, Kind};
use crate::route::ways;
use crate::xoev::contract::Standards;

/// Words of the language itself that may stand like verbs under `do`.
const OWN_WORDS: &[&str] = &["choose"];

/// Settings of a send word that name a document.
const DOCUMENTS: &[&str] = &["document", "message"];

type Taken = Option<(usize, usize)>;

/// Builds the steps of one route.
pub struct Steps<'a> {
    /// Where faults go.
    pub desk: Desk<'a>,
    /// What there is to build with.
    pub menus: &'a Menus<'a>,
    /// The standards.
    pub standards: &'a dyn Standards,
    /// The partners.
    pub partners: &'a Partners,
    /// The connections.
    pub connections: &'a Connections,
    /// How long a sent envelope is tried.
    pub give_up_after: Duration,
    /// How partners are reached whom only a message names.
    pub reach: Arc<Reach>,
    /// The tables of the stage.
    pub tafeln: Arc<Tafeln>,
    /// The texts and heads of the stage's letters.
    pub texte: Arc<Texte>,
    /// Steps built so far.
    pub planned: Vec<Planned>,
    /// How many `choose` were met.
    pub chooses: usize,
    /// Who may be the service that asked, besides those admitted for a use: whoever the route accepts from.
    pub senders: BTreeSet<String>,
    declared: Declared,
    made: Vec<(String, Taken)>,
    /// Names of what is made before anybody's login was looked at.
    before_login: BTreeSet<String>,
    meeting: Meeting,
}

impl<'a> Steps<'a> {
    /// Begins a route.
    pub fn new(
        desk: Desk<'a>,
        menus: &'a Menus<'a>,
        standards: &'a dyn Standards,
        partners: &'a Partners,
        connections: &'a Connections,
        give_up_after: Duration,
        (reach, tafeln, texte): (Arc<Reach>, Arc<Tafeln>, Arc<Texte>),
    ) -> Steps<'a> {
        Steps {
            desk,
            menus,
            standards,
            partners,
            connections,
            give_up_after,
            reach,
            tafeln,
            texte,
            planned: Vec::new(),
            chooses: 0,
            senders: BTreeSet::new(),
            declared: Declared::new(),
            made: Vec::new(),
            before_login: BTreeSet::new(),
            meeting: Meeting::default(),
        }
    }

    /// Builds these items and returns them as they take effect, for `--explain`.
    pub fn items(&mut self, items: &[Item], stands: Stands, taken: Taken) -> Vec<Value> {
        items
            .iter()
            .map(|item| match item {
                Item::Step(step) => self.step(step, stands, taken),
                Item::Choose(branches) => self.choose(&branches.value, taken),
                Item::Park(cause) => {
                    self.plan(Arc::new(Park(cause.value.clone())), taken, None);
                    json!({ "park": cause.value })
                }
            })
            .collect()
    }

    fn plan(
        &mut self,
        step: Arc<dyn crate::pipeline::step::Step>,
        branch: Taken,
        when: Option<Arc<dyn Condition>>,
    ) {
        self.planned.push(Planned { step, branch, when, choose: None });
    }

    fn made_names(&self) -> Vec<String> {
        self.made.iter().map(|(name, _)| name.clone()).collect()
    }

    fn choose(&mut self, branches: &[Branch], taken: Taken) -> Value {
        let index = self.chooses;
        self.chooses += 1;
        let made = self.made_names();
        let conditions: Vec<Option<Arc<dyn Condition>>> = branches
            .iter()
            .map(|branch| match &branch.test {
                Test::When(when) => condition::matcher(self.desk, when, &self.declared, &made),
                Test::If(written) => condition::expression(self.desk, written, &self.declared),
                Test::Else => Some(Arc::new(Otherwise) as Arc<dyn Condition>),
            })
            .collect();
        // A condition with a fault leaves a gap; the set is refused anyway, the branches are still looked at.
        let conditions = conditions.into_iter().flatten().collect();
        self.planned.push(Planned {
            step: Arc::new(Choose),
            branch: taken,
            when: None,
            choose: Some((index, conditions)),
        });
        let mut shown = Vec::new();
        for (nth, branch) in branches.iter().enumerate() {
            let then = self.items(&branch.then, Stands::Do, Some((index, nth)));
            shown.push(match &branch.test {
                Test::When(when) => json!({ "when": show_when(when), "then": then }),
                Test::If(written) => json!({ "if": written.value, "then": then }),
                Test::Else => json!({ "else": then }),
            });
        }
        json!({ "choose": shown })
    }

    fn step(&mut self, item: &StepItem, stands: Stands, taken: Taken) -> Value {
        let desk = self.desk;
        let when = item.when.as_ref().map(|when| {
            (show_when(when), condition::matcher(desk, when, &self.declared, &self.made_names()))
        });
        if let Some(after) = &item.after {
            let made = self.made_names();
            if !made.contains(&after.value) {
                let text = format!("no earlier item is named `{}`; name one with `as:` before", after.value);
                desk.unknown(after.at, text, &after.value, made);
            }
        }
        if stands == Stands::Send {
            self.documents(item);
        }
        let verb = item.verb.value.as_str();
        let (mut addressees, mut receivers) = (Vec::new(), Vec::new());
        if let Some(entry) = self.entry(&item.verb, stands) {
            let settings = effective_settings(item);
            addressees = self.addressees(item);
            let stage = (self.connections, &*self.tafeln);
            let ways = ways::read(desk, item, self.menus, self.partners, stage);
            let building = Building {
                standards: self.standards,
                platform: &self.partners.platform,
                addressees: addressees.clone(),
                ways: &ways,
                give_up_after: self.give_up_after,
                reach: self.reach.clone(),
                tafeln: self.tafeln.clone(),
                texte: self.texte.clone(),
            };
            match (entry.build)(&settings, &building) {
                Ok(step) => {
                    receivers = step.receivers().to_vec();
                    self.plan(step, taken, when.as_ref().and_then(|(_, when)| when.clone()));
                }
                Err(faults) => {
                    for fault in faults {
                        let key = fault.path.trim_start_matches('/').replace('/', ".");
                        let named = if key.is_empty() { String::new() } else { format!("`{key}` ") };
                        let at = if fault.path.is_empty() {
                            item.verb.at
                        } else {
                            item.settings.locate(&fault.path)
                        };
                        desk.fault(at, format!("{verb}: {named}{}", fault.text));
                    }
                }
            }
            for (name, values) in entry.declares {
                let all = self.declared.entry(name).or_default();
                all.extend(values.iter().filter(|value| !all.contains(value)).collect::<Vec<_>>());
            }
        }
        if stands == Stands::Send {
            self.meet(item, &addressees, receivers);
        }
        if let Some(named) = &item.named {
            self.name(named, taken);
        }
        self.show(item, when.map(|(shown, _)| shown), &addressees)
    }

    /// A document that is sent must have been made by an earlier item.
    fn documents(&self, item: &StepItem) {
        let made = self.made_names();
        for key in DOCUMENTS {
            let Some(node) = item.settings.get(key) else { continue };
            let Some(name) = node.text().filter(|name| !made.iter().any(|known| known == name)) else {
                continue;
            };
            let text = format!("no earlier step makes `{name}`; name one with `as:` before");
            self.desk.unknown(node.at, text, name, &made);
        }
    }

    /// Two items must not reach one addressee the same way.
    fn meet(&mut self, item: &StepItem, addressees: &[Addressee], receivers: Vec<String>) {
        let word = item.verb.value.as_str();
        let addressed =
            self.menus.transports.iter().any(|transport| transport.word == word && transport.sends);
        let askers = Askers { partners: self.partners, from: self.senders.clone() };
        let made = &self.made;
        let excluded = |one: &str, other: &str| {
            let others = || made.iter().filter(|(name, _)| name == other);
            made.iter()
                .filter(|(name, _)| name == one)
                .all(|(_, one)| others().all(|(_, other)| apart(*one, *other)))
        };
        let login = self.declared.contains_key(ANMELDUNG);
        let before_login = &self.before_login;
        let behind = |name: &str| login && !before_login.contains(name);
        let made = Made { apart: &excluded, behind: &behind };
        let reached = Reached { addressed, addressees, receivers };
        self.meeting.take(self.desk, item, reached, &askers, &made);
    }

    fn name(&mut self, named: &At<String>, taken: Taken) {
        if self.made.iter().any(|(name, before)| *name == named.value && !apart(*before, taken)) {
            self.desk.fault(named.at, format!("`{}` is made twice; give each its own name", named.value));
        }
        if !self.declared.contains_key(ANMELDUNG) {
            self.before_login.insert(named.value.clone());
        }
        self.made.push((named.value.clone(), taken));
    }

    fn entry(&self, verb: &At<String>, stands: Stands) -> Option<&'a crate::pipeline::step::Entry> {
        let desk = self.desk;
        let word = verb.value.as_str();
        let entry = self.menus.steps.iter().find(|entry| entry.word == word);
        let outside = self.menus.transports.iter().any(|transport| transport.word == word);
        match (entry, stands) {
            (Some(entry), _) if entry.place == stands => return Some(entry),
            (_, Stands::Do) if outside => desk.fault(
                verb.at,
                format!("`{word}` reaches outside, and everything under `do` happens in one transaction that nothing leaves; write it under `send`"),
            ),
            (Some(_), Stands::Do) => desk.fault(
                verb.at,
                format!("`{word}` tells somebody, and everything under `do` only changes what we keep; write it under `send`"),
            ),
            (Some(_), Stands::Send) => desk.fault(
                verb.at,
                format!("`{word}` changes what we keep, and `send` only tells who must know; write it under `do`"),
            ),
            (None, _) => {
                let of_place = self.menus.steps.iter().filter(|entry| entry.place == stands);
                let own: &[&str] = if stands == Stands::Do { OWN_WORDS } else { &[] };
                let allowed = of_place.map(|entry| entry.word).chain(own.iter().copied());
                desk.unknown(verb.at, format!("unknown verb: `{word}`"), word, allowed);
            }
        }
        None
    }

    /// The addressees of a send word that is a transport; other words need none from here.
    fn addressees(&self, item: &StepItem) -> Vec<Addressee> {
        let desk = self.desk;
        let word = item.verb.value.as_str();
        if !self.menus.transports.iter().any(|transport| transport.word == word && transport.sends) {
            return Vec::new();
        }
        let Some(to) = item.settings.get("to") else {
            desk.fault(item.verb.at, format!("`{word}` has no `to`; name a partner or a group"));
            return Vec::new();
        };
        let mut found: Vec<Addressee> = Vec::new();
        for name in reading::texts(desk, to, "`to`") {
            // Who that is only a message tells.
            if ROLES.contains(&name.value.as_str()) {
                continue;
            }
            for addressee in self.resolve(word, &name) {
                if !found.contains(&addressee) {
                    found.push(addressee);
                }
            }
        }
        found.sort_by(|a, b| a.partner.cmp(&b.partner));
        found
    }

    fn resolve(&self, word: &str, name: &At<String>) -> Vec<Addressee> {
        let (by, name_only) = match name.value.split_once(':') {
            Some((connection, partner)) => (Some(connection), partner),
            None => (None, name.value.as_str()),
        };
        if let Some(connection) = by
            && !self.connections.written.iter().any(|known| known == connection)
        {
            let of_kind = self.connections.of_kind(word).map(|known| &known.name.value);
            let desk = self.desk.lacking(Needed::Connections);
            desk.unknown(name.at, format!("unknown connection: `{connection}`"), connection, of_kind);
            return Vec::new();
        }
        let named = self.partners.named(name_only);
        if named.is_empty() && !self.partners.written.iter().any(|known| known == name_only) {
            let all = self.partners.written.iter().map(String::as_str).chain(self.partners.groups());
            let all = all.chain(ROLES.iter().copied());
            self.desk.lacking(Needed::Partners).unknown(
                name.at,
                format!("unknown partner or group: `{name_only}`; or a role: {}", ROLES.join(", ")),
                name_only,
                all,
            );
        }
        named.into_iter().filter_map(|partner| self.channel(word, by, partner, name)).collect()
    }

    fn channel(
        &self,
        word: &str,
        by: Option<&str>,
        partner: &WrittenPartner,
        name: &At<String>,
    ) -> Option<Addressee> {
        let of_kind = |connection: &str| {
            self.connections.by_name.get(connection).is_some_and(|known| known.kind == word)
        };
        let ways: Vec<&str> = partner
            .channels
            .iter()
            .map(|channel| channel.connection.value.as_str())
            .filter(|connection| of_kind(connection) && by.is_none_or(|by| by == *connection))
            .collect();
        let id = &partner.id.value;
        match ways.as_slice() {
            [way] => Some(Addressee { partner: id.clone(), destination: format!("{way}:{id}") }),
            [] => {
                let text =
                    format!("`{id}` has no channel by `{word}`; write one under `channels` in partners.yaml");
                let having =
                    self.partners.by_name.values().filter(|other| {
                        other.channels.iter().any(|channel| of_kind(&channel.connection.value))
                    });
                let desk = self.desk.lacking(Needed::Partners);
                desk.unknown(name.at, text, id, having.map(|other| &other.id.value));
                None
            }
            several => {
                let written: Vec<String> = several.iter().map(|way| format!("{way}:{id}")).collect();
                let text = format!("`{id}` has several channels by `{word}`; name the connection too");
                self.desk.unknown(name.at, text, "", written);
                None
            }
        }
    }

    fn show(&self, item: &StepItem, when: Option<Value>, addressees: &[Addressee]) -> Value {
        let word = item.verb.value.as_str();
        let mut settings = effective_settings(item);
        let entry = self.menus.steps.iter().find(|entry| entry.word == word);
        let filled = entry
            .map(|entry| defaults::fill(&(entry.schema)(), &mut settings, &format!("/{word}")))
            .unwrap_or_default();
        let mut shown = Map::from_iter([(word.to_owned(), settings)]);
        if !filled.is_empty() {
            shown.insert(explain::DEFAULTS.to_owned(), json!(filled));
        }
        if let Some(when) = when {
            shown.insert("when".to_owned(), when);
        }
        if !addressees.is_empty() {
            let to: Vec<&str> = addressees.iter().map(|addressee| addressee.destination.as_str()).collect();
            shown.insert("goes-to".to_owned(), json!(to));
            shown
                .insert("given-up-after".to_owned(), json!(crate::config::show_duration(self.give_up_after)));
        }
        Value::Object(shown)
    }
}

/// Branches of one `choose` exclude each other, so both may make the same name.
fn apart(one: Taken, other: Taken) -> bool {
    matches!((one, other), (Some((a, x)), Some((b, y))) if a == b && x != y)
}

/// The settings as the step reads them: `as` and `after` inside, `when` taken out because it is ours.
///
/// A verb with a bare value (`build: auskunft.pdf`) and neighbours becomes `{build: auskunft.pdf, as: …}`.
fn effective_settings(item: &StepItem) -> Value {
    let neighbours = [("as", &item.named), ("after", &item.after)];
    let mut map = match (&item.settings.kind, item.settings.json()) {
        (Kind::Null, _) => Map::new(),
        (_, Value::Object(map)) => map,
        (_, bare) if item.named.is_none() && item.after.is_none() => return bare,
        (_, bare) => Map::from_iter([(item.verb.value.clone(), bare)]),
    };
    map.shift_remove("when");
    for (key, written) in neighbours {
        if let Some(written) = written {
            map.insert(key.to_owned(), written.value.clone().into());
        }
    }
    Value::Object(map)
}

fn show_when(when: &When) -> Value {
    match when {
        When::Made(name) => json!(name.value),
        When::Is(pairs) => pairs
            .iter()
            .map(|(name, values)| {
                let values: Vec<&str> = values.iter().map(|value| value.value.as_str()).collect();
                (name.value.clone(), json!(values))
            })
            .collect::<Map<_, _>>()
            .into(),
    }
}
