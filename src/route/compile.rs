//! Compiles all files into what runs together, or into all faults of all files. Pure: touches no file, opens
//! nothing, and what it makes is never half-valid.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde_json::Value;

use crate::config::{self, Resolve};
use crate::envelope::Stage;
use crate::message::Sender;
use crate::paper::texts::Texte;
use crate::pipeline;
use crate::pipeline::branch::SetDeadline;
use crate::pipeline::objection::Objecting;
use crate::pipeline::order::Order;
use crate::pipeline::step::{Objects, Reach};
use crate::plan::{OrderBy, Partner, Plan, Planned};
use crate::register::tafeln::Tafeln;
use crate::route::cells::{self, Cells, MakeRefuse, TIMER};
use crate::route::compiled::{Compiled, WantedDestination, WantedSource};
use crate::route::connections::{self, Connections};
use crate::route::explain;
use crate::route::fault::{Collector, Desk, Fault, Faults, Needed, nearest};
use crate::route::file::{self, RouteFile};
use crate::route::file_diff::{Noted, Role};
use crate::route::letters::{self, Letters};
use crate::route::menus::Menus;
use crate::route::partners::{self, Partners, WrittenPartner};
use crate::route::steps::Steps;
use crate::route::tafeln;
use crate::route::text_file::TextFile;
use crate::route::tree::{self, At, Kind, Node};
use crate::transport::port::{Admission, Channel};
use crate::xoev::contract::{Known, Standards};

/// All that is compiled together.
#[derive(Clone)]
pub struct Files {
    /// The route files, in the order of their names.
    pub routes: Vec<TextFile>,
    /// `connections.yaml` of the stage.
    pub connections: TextFile,
    /// `partners.yaml` of the stage.
    pub partners: TextFile,
    /// Resolves references to secrets of the stage.
    pub resolve: Resolve,
    /// The same for the stages that are real: refuses what everybody on the machine can read.
    pub guarded: Resolve,
    /// The tables of the stage, in the order of their names; a missing one is empty.
    pub tables: Vec<TextFile>,
    /// The texts and heads of the letters.
    pub letters: Letters,
}

/// Compiles; on failure every fault of every file. `now` lets expired partners be warned of.
pub fn compile(
    files: &Files,
    menus: &Menus<'_>,
    standards: &Arc<dyn Standards>,
    make_refuse: MakeRefuse<'_>,
    now: Option<Timestamp>,
) -> Result<Compiled, Faults> {
    let collector = Collector::default();
    let trees = Trees::of(&collector, files);
    let known = standards.known();
    let mut resolve = files.resolve.clone();
    let connections = trees.root(&files.connections).map(|root| {
        if connections::is_real(root) {
            resolve = config::unpublished(files.resolve.clone(), files.guarded.clone());
        }
        connections::read(collector.again(&files.connections.name), root, menus.transports, &resolve)
    });
    let partners = connections.as_ref().zip(trees.root(&files.partners)).map(|(connections, root)| {
        let desk = collector.again(&files.partners.name);
        partners::read(desk, root, connections, menus.transports, &resolve, now)
    });
    let written = partners.as_ref().map(|partners| partners.written.as_slice());
    let tafeln = Arc::new(tafeln::read(&collector, &files.tables, written));
    let (Some(connections), Some(partners), true) = (connections, partners, trees.complete(files)) else {
        // What stands in the other files would be judged against nothing: hundreds of faults that only follow from one.
        collector.take_back(Needed::Connections, &files.connections.name);
        return Err(collector.finish().0);
    };
    let produktion =
        connections.settings.as_ref().is_some_and(|settings| settings.stage == Stage::Produktion);
    let texte = Arc::new(letters::read(&collector, &files.letters, &tafeln.aemter, produktion));
    cells::trays(collector.again(&files.connections.name), &connections, &partners);
    taken_versions(collector.again(&files.partners.name), &known, &partners);
    let mut compiler = Compiler {
        collector: &collector,
        menus,
        standards: standards.as_ref(),
        known: &known,
        connections: &connections,
        partners: &partners,
        make_refuse,
        reach: Arc::new(reach(&partners, &connections)),
        tafeln: tafeln.clone(),
        texte: texte.clone(),
        shown: Vec::new(),
    };
    let routes = compiler.routes(&files.routes, &trees);
    cells::conflicts(&collector, &routes);
    // The route that takes what another one's deadline says may be one that could not be read.
    if routes.len() == files.routes.len() {
        deadlines(&collector, &routes);
        groups(collector.again(&files.partners.name), &partners, &trees, files);
    }
    collector.take_back(Needed::Connections, &files.connections.name);
    collector.take_back(Needed::Partners, &files.partners.name);
    let shown = compiler.shown;
    let packages = packages(&known, &routes);
    let (faults, warnings) = collector.finish();
    if !faults.faults.is_empty() {
        return Err(faults);
    }
    let version = version(files, standards.as_ref());
    let plans = routes.into_iter().map(|(_, plan)| plan).collect();
    let (noted, package_hashes) = (trees.noted(files), standards.hashes());
    let rest = Rest { version, packages, warnings, shown, tafeln, texte, noted, package_hashes };
    assemble(connections, partners, menus, plans, rest)
        .ok_or_else(|| Faults::of_file(&files.connections.name, "the stage has no settings; write them"))
}

/// What is written in the files, by their names; a file that is not YAML has its one fault on the desk and is missing here.
struct Trees(BTreeMap<String, Node>);

impl Trees {
    fn of(collector: &Collector, files: &Files) -> Trees {
        let mut trees = BTreeMap::new();
        for file in Trees::read_here(files) {
            if let Some(root) = tree::parse(&file.text, collector.desk(&file.name, &file.text)) {
                trees.insert(file.name.clone(), root);
            }
        }
        Trees(trees)
    }

    /// All that are read as trees, also those that their own room reads once more.
    fn read_here(files: &Files) -> impl Iterator<Item = &TextFile> {
        let first = [&files.connections, &files.partners].into_iter().chain(&files.routes);
        first.chain(files.tables.iter().filter(|file| tafeln::is_tree(file))).chain(files.letters.all())
    }

    fn root(&self, file: &TextFile) -> Option<&Node> {
        self.0.get(&file.name)
    }

    /// Whether everything can be judged that routes are judged against: they stand for themselves.
    fn complete(&self, files: &Files) -> bool {
        let routes: Vec<&str> = files.routes.iter().map(|file| file.name.as_str()).collect();
        let mut others = Trees::read_here(files).filter(|file| !routes.contains(&file.name.as_str()));
        others.all(|file| self.0.contains_key(&file.name))
    }

    fn noted(&self, files: &Files) -> BTreeMap<String, Noted> {
        let by_fields =
            |role: Role, file: &TextFile| (file.name.clone(), Noted::of(role, file, self.root(file)));
        let whole = |role: Role, file: &TextFile| (file.name.clone(), Noted::of(role, file, None));
        let routes = files.routes.iter().map(|file| by_fields(Role::Route, file));
        routes
            .chain([by_fields(Role::Connections, &files.connections)])
            .chain([by_fields(Role::Partners, &files.partners)])
            .chain(files.tables.iter().map(|file| whole(Role::Table, file)))
            .chain(files.letters.all().map(|file| whole(Role::Letter, file)))
            .collect()
    }
}

/// A version that a partner takes must be loaded; where several are, it is better named than left to the oldest.
fn taken_versions(desk: Desk<'_>, known: &[Known], partners: &Partners) {
    let mut loaded: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in known {
        let versions = loaded.entry(&one.standard).or_default();
        if !versions.contains(&one.version.as_str()) {
            versions.push(&one.version);
        }
    }
    for partner in partners.by_name.values() {
        for (standard, version) in &partner.versions {
            match loaded.get(standard.value.as_str()) {
                None => {
                    let text = format!("unknown standard: `{}`", standard.value);
                    desk.unknown(standard.at, text, &standard.value, loaded.keys());
                }
                Some(versions) if !versions.contains(&version.value.as_str()) => {
                    let text = format!(
                        "{} {} is not loaded; put its package into xsd",
                        standard.value, version.value
                    );
                    desk.unknown(version.at, text, &version.value, versions);
                }
                Some(_) => {}
            }
        }
        // Who has no key as an authority takes no message of a standard.
        let takes = !partner.channels.is_empty() && !partner.identities.is_empty();
        let named = |standard: &str| partner.versions.iter().any(|(named, _)| named.value == standard);
        for (standard, versions) in
            loaded.iter().filter(|(standard, all)| takes && all.len() > 1 && !named(standard))
        {
            let [oldest, ..] = versions.as_slice() else { continue };
            let text = format!(
                "partner `{}` names no version of `{standard}`, and {} are loaded; it is written to in {oldest}: write \
                 `versions: {{ {standard}: \"{oldest}\" }}`",
                partner.id.value,
                versions.join(", "),
            );
            desk.warn(partner.id.at, text);
        }
    }
}

/// How partners are reached whom only a message names.
fn reach(partners: &Partners, connections: &Connections) -> Reach {
    let mut reach = Reach::default();
    for (id, partner) in &partners.by_name {
        if let Some(connection) = &partner.answers_by {
            reach.answers.insert(id.clone(), format!("{}:{id}", connection.value));
        }
        reach.versions.insert(id.clone(), versions(partner));
        reach.identities.insert(id.clone(), partner.identities.clone());
        for group in &partner.groups {
            let members = reach.groups.entry(group.value.clone()).or_default();
            // Written twice it is one member all the same.
            if members.last() != Some(id) {
                members.push(id.clone());
            }
        }
        let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for channel in partner.channels.iter().filter(|channel| channel.sends) {
            if let Some(known) = connections.by_name.get(&channel.connection.value) {
                reach.connected.insert((known.name.value.clone(), id.clone()));
                ways.entry(&known.kind).or_default().push(&known.name.value);
            }
        }
        for (kind, ways) in ways {
            if let [way] = ways.as_slice() {
                reach.channels.insert((kind.to_owned(), id.clone()), format!("{way}:{id}"));
            }
        }
    }
    reach
}

fn versions(partner: &WrittenPartner) -> BTreeMap<String, String> {
    let named =
        |(standard, version): &(At<String>, At<String>)| (standard.value.clone(), version.value.clone());
    partner.versions.iter().map(named).collect()
}

struct Compiler<'a> {
    collector: &'a Collector,
    menus: &'a Menus<'a>,
    standards: &'a dyn Standards,
    known: &'a [Known],
    connections: &'a Connections,
    partners: &'a Partners,
    make_refuse: MakeRefuse<'a>,
    reach: Arc<Reach>,
    tafeln: Arc<Tafeln>,
    texte: Arc<Texte>,
    shown: Vec<Value>,
}

impl<'a> Compiler<'a> {
    fn routes(&mut self, texts: &'a [TextFile], trees: &Trees) -> Vec<(RouteFile, Plan)> {
        let mut routes: Vec<(RouteFile, Plan)> = Vec::new();
        for text in texts {
            let desk = self.collector.again(&text.name);
            let Some(read) = trees.root(text).and_then(|root| file::read(desk, root)) else {
                continue;
            };
            if let Some((other, _)) = routes.iter().find(|(other, _)| other.route.value == read.route.value) {
                desk.fault(
                    read.route.at,
                    format!("route `{}` stands in {} too; rename one", read.route.value, other.file),
                );
            }
            let plan = self.route(desk, &read, hash(&[text.text.as_bytes()]));
            routes.push((read, plan));
        }
        routes
    }

    fn route(&mut self, desk: Desk<'a>, read: &RouteFile, version: String) -> Plan {
        let cells = Cells {
            menus: self.menus,
            connections: self.connections,
            partners: self.partners,
            known: self.known,
            make_refuse: self.make_refuse,
        };
        let accept = cells.accepts(desk, read);
        let mandant = self.connections.settings.as_ref().map_or("", |settings| settings.mandant.as_str());
        let bindings = cells.bindings(desk, read, &accept, mandant);
        let mut steps = Steps::new(
            desk,
            self.menus,
            self.standards,
            self.partners,
            self.connections,
            read.limits.give_up_after,
            (self.reach.clone(), self.tafeln.clone(), self.texte.clone()),
        );
        steps.senders = accept.iter().flat_map(|accept| accept.partners.iter().cloned()).collect();
        let order = match read.order_by {
            OrderBy::Child => Some(Order::Child),
            OrderBy::Vorgang => Some(Order::Vorgang),
            OrderBy::Partner => Some(Order::Partner),
            OrderBy::None => None,
        };
        if let Some(order) = order {
            steps.planned.push(Planned { step: Arc::new(order), branch: None, when: None, choose: None });
        }
        let does = steps.items(&read.does, pipeline::step::Place::Do, None);
        let send_from = steps.planned.len();
        // Under `send`, so that a route that stops early has its deadline all the same.
        if let Some(deadline) = &read.deadline {
            let step =
                SetDeadline { after: deadline.after, binding: format!("{TIMER} {}", deadline.then.value) };
            steps.planned.push(Planned { step: Arc::new(step), branch: None, when: None, choose: None });
        }
        let sends = steps.items(&read.sends, pipeline::step::Place::Send, None);
        let stage = self.connections.settings.as_ref().map(|settings| settings.stage);
        let test = stage.is_none_or(|stage| stage != Stage::Produktion);
        let delivers = steps.planned.iter().any(|planned| planned.step.delivers());
        let objects = match delivers {
            true => Some(Arc::new(Objecting::new(self.tafeln.clone(), test)) as Arc<dyn Objects>),
            false => steps.planned.iter().find_map(|planned| planned.step.objects()),
        };
        let plan = Plan {
            route: read.route.value.clone(),
            about: read.about.clone(),
            version,
            bindings,
            accept,
            order_by: read.order_by,
            chooses: steps.chooses,
            steps: steps.planned,
            send_from,
            limits: read.limits.clone(),
            objects,
        };
        self.shown.push(explain::route(read, &plan, does, sends));
        plan
    }
}

/// The document of a deadline must be taken by a route.
fn deadlines(collector: &Collector, routes: &[(RouteFile, Plan)]) {
    let timers: Vec<&str> = routes
        .iter()
        .flat_map(|(_, plan)| &plan.bindings)
        .filter_map(|binding| binding.key.strip_prefix(TIMER)?.strip_prefix(' '))
        .collect();
    for (route, _) in routes {
        let Some(deadline) = &route.deadline else { continue };
        if !timers.contains(&deadline.then.value.as_str()) {
            let name = &deadline.then.value;
            let text =
                format!("no route has `on: [ {{ {TIMER}: {name} }} ]`; the deadline would reach nobody");
            collector.again(&route.file).unknown(deadline.then.at, text, name, &timers);
        }
    }
}

/// A group that no route names, and that is nearly one that some do, is a slip: its partners would be admitted to nothing, in silence.
fn groups(desk: Desk<'_>, partners: &Partners, trees: &Trees, files: &Files) {
    let mut said = Vec::new();
    files.routes.iter().filter_map(|file| trees.root(file)).for_each(|root| texts(root, &mut said));
    let is_named = |group: &str| said.iter().any(|text| text.rsplit(':').next() == Some(group));
    let named: Vec<&str> = partners.groups().into_iter().filter(|group| is_named(group)).collect();
    for partner in partners.by_name.values() {
        for group in partner.groups.iter().filter(|group| !is_named(&group.value)) {
            let all: Vec<String> = named.iter().map(|group| (*group).to_owned()).collect();
            // One that is like none of them is of a step, or of a route to come.
            if nearest(&group.value, &all).is_some() {
                let text = format!(
                    "unknown group: `{}`; no route names it, correct it or name it in a route",
                    group.value
                );
                desk.unknown(group.at, text, &group.value, &named);
            }
        }
    }
}

fn texts<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
    found.extend(node.text());
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| texts(item, found)),
        Kind::Map(entries) => entries.iter().for_each(|(_, value)| texts(value, found)),
        _ => {}
    }
}

fn packages(known: &[Known], routes: &[(RouteFile, Plan)]) -> Vec<String> {
    let used = |known: &&Known| {
        routes.iter().any(|(_, plan)| {
            plan.accept.iter().any(|accept| accept.message == known.message)
                || plan.bindings.iter().any(|binding| binding.standard == known.standard)
        })
    };
    let mut names: Vec<String> =
        known.iter().filter(used).map(|known| format!("{} {}", known.standard, known.version)).collect();
    names.sort();
    names.dedup();
    names
}

fn version(files: &Files, standards: &dyn Standards) -> String {
    let packages = standards.hash();
    let all = files
        .routes
        .iter()
        .chain([&files.connections, &files.partners])
        .chain(&files.tables)
        .chain(files.letters.all());
    // Each length stands before its octets, so that no two sets of files run into the same octets.
    let parts: Vec<Vec<u8>> = all
        .flat_map(|file| [file.name.as_bytes(), file.text.as_bytes()])
        .chain([packages.as_bytes()])
        .map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat())
        .collect();
    hash(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn hash(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    hex::encode(context.finish())
}

struct Rest {
    version: String,
    packages: Vec<String>,
    warnings: Vec<Fault>,
    shown: Vec<Value>,
    tafeln: Arc<Tafeln>,
    texte: Arc<Texte>,
    noted: BTreeMap<String, Noted>,
    package_hashes: BTreeMap<String, String>,
}

fn assemble(
    connections: Connections,
    written: Partners,
    menus: &Menus<'_>,
    plans: Vec<Plan>,
    rest: Rest,
) -> Option<Compiled> {
    let effective = explain::whole(&connections, &written, menus.transports, rest.shown);
    let admission = Admission {
        entries: written.admitted(),
        accounts: cells::accounts(&connections, &written, menus.transports),
    };
    let stage = connections.settings?;
    let of = |partner: &WrittenPartner| {
        let id = partner.id.value.clone();
        partner.certificates.iter().map(move |path| (id.clone(), path.clone())).collect::<Vec<_>>()
    };
    let certificates = written.by_name.values().flat_map(of).collect();
    let mut partners = BTreeMap::new();
    let mut destinations = Vec::new();
    for (id, partner) in written.by_name {
        for channel in partner.channels.iter().filter(|channel| channel.sends) {
            let Some(connection) = connections.by_name.get(&channel.connection.value) else { continue };
            destinations.push(WantedDestination {
                connection: connection.name.value.clone(),
                kind: connection.kind.clone(),
                settings: connection.settings.clone(),
                channel: Channel { partner: id.clone(), settings: channel.settings.clone() },
            });
        }
        let sender = Sender {
            id: id.clone(),
            versions: versions(&partner),
            name: partner.name,
            mandant: partner.mandant.unwrap_or_else(|| stage.mandant.clone()),
            identities: partner.identities,
            groups: partner.groups.into_iter().map(|group| group.value).collect(),
            uses: partner.uses,
            policy: partner.policy,
        };
        let known = Partner {
            sender,
            return_address: partner.answers_by.map(|connection| format!("{}:{id}", connection.value)),
            from: partner.from,
            to: partner.to,
        };
        partners.insert(id, known);
    }
    let takes_in =
        |kind: &str| menus.transports.iter().any(|entry| entry.word == kind && entry.answers.is_some());
    let sources = connections
        .by_name
        .values()
        .filter(|connection| takes_in(&connection.kind))
        .map(|connection| WantedSource {
            connection: connection.name.value.clone(),
            kind: connection.kind.clone(),
            settings: connection.settings.clone(),
        })
        .collect();
    let patience =
        connections.by_name.iter().map(|(name, known)| (name.clone(), known.patience.clone())).collect();
    Some(Compiled {
        version: rest.version,
        http: cells::paths(&plans, &partners, menus.transports),
        stage: Arc::new(stage),
        plans,
        partners,
        certificates,
        admission,
        destinations,
        sources,
        patience,
        packages: rest.packages,
        warnings: rest.warnings,
        noted: rest.noted,
        package_hashes: rest.package_hashes,
        effective,
        tafeln: rest.tafeln,
        texte: rest.texte,
    })
}
