//! A case of a route as what is played: documents are found and changed, registers that are given are loaded as persons and
//! offices load them. Knows what such a load consists of; plays nothing itself.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::config;
use crate::plan::Plan;
use crate::route::case::{Body, By, Case, Delivery, Register, Until, When};
use crate::route::compiled::Compiled;

use super::player::{Event, Given, Script, begins};

/// The route that takes deliveries of a register.
const LIEFERUNG: &str = "registerlieferung";
/// The route that takes what is said of a register as a whole.
const PFLEGE: &str = "register-pflege";
/// Begins, compares and signs first.
const FIRST: &str = "anna.beispiel";
/// Signs as the second person.
const SECOND: &str = "bert.muster";
/// How long before the play what is given has happened at the latest.
const BEFORE: SignedDuration = SignedDuration::from_hours(6);

/// Where a case finds what it names.
pub struct Shelf<'a> {
    /// The compiled stage.
    pub compiled: &'a Compiled,
    /// The folder of the packages.
    pub xsd: &'a Path,
    /// The file of the case.
    pub case: &'a Path,
}

/// What a case of a route plays, or every fault in it.
pub fn of(shelf: &Shelf<'_>, route: &str, case: &Case) -> Result<Script, Vec<String>> {
    let mut faults = Vec::new();
    let Some(plan) = shelf.plan(route) else {
        return Err(vec![format!("there is no route `{route}`; name the folder after the route")]);
    };
    let mut script = Script::default();
    for (nth, register) in case.registers.iter().enumerate() {
        match load(shelf, register, nth) {
            Ok(mut given) => script.before.append(&mut given),
            Err(fault) => faults.push(fault),
        }
    }
    let first = case.when.iter().find_map(|when| match when {
        When::Delivery(delivery) => Some(delivery.partner.value.clone()),
        When::Timer(_) => None,
    });
    let mut minutes = 0;
    let mut began = SignedDuration::ZERO;
    let mut events = Vec::new();
    for (nth, sample) in case.mirror.iter().enumerate() {
        let body = Body { file: sample.clone(), replace: Vec::new() };
        match shelf.body(&body) {
            Ok(body) => events.push(Given {
                binding: binding(plan, "http").or_else(|| binding(plan, "folder")).unwrap_or_default(),
                partner: first.clone(),
                transport_id: format!("given-{nth}"),
                body,
                at: SignedDuration::from_mins(minutes),
                ..Given::default()
            }),
            Err(fault) => faults.push(fault),
        }
        minutes += 1;
    }
    let mut events: Vec<Event> = events.into_iter().map(|given| Event::Given(Box::new(given))).collect();
    for (nth, when) in case.when.iter().enumerate() {
        match when {
            When::Timer(after) => {
                (began, minutes) = (SignedDuration::try_from(*after).unwrap_or_default(), 0);
                events.push(Event::Timer(began));
            }
            When::Delivery(delivery) => {
                let at = began.saturating_add(SignedDuration::from_mins(minutes));
                match given(shelf, route, delivery, nth, at) {
                    Ok(given) => events.push(Event::Given(Box::new(given))),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        minutes += 1;
    }
    script.events = events;
    if faults.is_empty() { Ok(script) } else { Err(faults) }
}

fn given(
    shelf: &Shelf<'_>,
    route: &str,
    delivery: &Delivery,
    nth: usize,
    at: SignedDuration,
) -> Result<Given, String> {
    let word = match delivery.by {
        By::Http => "http",
        By::Folder => "folder",
        By::Person => "person",
    };
    let name = delivery.route.as_ref().map_or(route, |route| &route.value);
    let plan = shelf.plan(name).ok_or_else(|| format!("there is no route `{name}`"))?;
    let binding = binding(plan, word).ok_or_else(|| format!("the route has no `{word}` under `on`"))?;
    let transport_id = delivery.id.as_ref().map_or_else(|| format!("when-{nth}"), |id| id.value.clone());
    // A name that is in no partner file plays a stranger.
    let known = shelf.compiled.partners.contains_key(&delivery.partner.value);
    let acting = (delivery.by == By::Person)
        .then(|| delivery.acting.as_ref().map_or_else(|| FIRST.to_owned(), |acting| acting.value.clone()));
    let mut parts = Vec::new();
    for (name, body) in &delivery.parts {
        parts.push((name.clone(), shelf.body(body)?));
    }
    let partner = known.then(|| delivery.partner.value.clone());
    Ok(Given { binding, partner, transport_id, body: shelf.body(&delivery.body)?, parts, acting, at })
}

/// The load of a register as far as it has come: a person begins, the office delivers, a person compares, two sign, the
/// office reports.
fn load(shelf: &Shelf<'_>, register: &Register, nth: usize) -> Result<Vec<Given>, String> {
    let amt = &register.jugendamt.value;
    if !shelf.compiled.partners.contains_key(amt) {
        return Err(format!("there is no partner `{amt}`"));
    }
    let bound = |route: &str, word: &str| {
        shelf
            .plan(route)
            .and_then(|plan| binding(plan, word))
            .ok_or_else(|| format!("a register is loaded by a route `{route}` with `{word}` under `on`"))
    };
    let mut bodies = Vec::new();
    for delivered in &register.mirror {
        bodies.push(shelf.body(delivered)?);
    }
    let count = register.count.map_or(bodies.len() as u64, u64::from);
    let last = bodies.last().and_then(uuid_of);
    let age = SignedDuration::try_from(register.age).unwrap_or_default();
    let ago = BEFORE.saturating_add(age);
    let mut given: Vec<Given> = Vec::new();
    let mut add = |until: Until, binding: String, acting: Option<&str>, body: Said<'_>| {
        if until > register.until {
            return;
        }
        let at = SignedDuration::from_mins(given.len() as i64).saturating_sub(ago);
        let body = match body {
            Said::Delivered(body) => aged(body, age),
            Said::Register(said) => document(amt, nth, (given.len(), at), said),
        };
        given.push(Given {
            binding,
            partner: Some(amt.clone()),
            transport_id: format!("register-{nth}-{}", given.len()),
            body,
            acting: acting.map(str::to_owned),
            at,
            ..Given::default()
        });
    };
    let person = || bound(PFLEGE, "person");
    add(Until::Beginn, person()?, Some(FIRST), Said::Register(&[("was", json!("beginn"))]));
    for body in bodies {
        add(Until::Lieferung, bound(LIEFERUNG, "http")?, None, Said::Delivered(body));
    }
    let (none, count_of) = (json!(0), ("anzahl", json!(count)));
    let gaps = [("fehlend", none.clone()), ("ueberzaehlig", none)];
    let abgleich = [&[("was", json!("abgleich")), count_of, ("liste", json!(true))][..], &gaps].concat();
    add(Until::Abgleich, person()?, Some(FIRST), Said::Register(&abgleich));
    let erklaerung = [("was", json!("erklaerung"))];
    add(Until::Unterschrift, person()?, Some(FIRST), Said::Register(&erklaerung));
    add(Until::Erklaerung, person()?, Some(SECOND), Said::Register(&erklaerung));
    let mut meldung = vec![("was", json!("meldung")), ("anzahl", json!(count))];
    meldung.extend(last.map(|uuid| ("letzteUUID", json!(uuid))));
    add(Until::Meldung, bound(PFLEGE, "http")?, None, Said::Register(&meldung));
    Ok(given)
}

/// What comes while a register is loaded.
enum Said<'a> {
    /// A delivery of the office.
    Delivered(Bytes),
    /// A word on the register as a whole.
    Register(&'a [(&'a str, Value)]),
}

/// A delivery of so long ago: its `erstellungszeitpunkt` lies as much earlier as it was delivered earlier.
fn aged(body: Bytes, age: SignedDuration) -> Bytes {
    const STAMP: &str = "erstellungszeitpunkt>";
    let Ok(text) = std::str::from_utf8(&body) else { return body };
    let found = text.split_once(STAMP).and_then(|(before, rest)| {
        let (stamp, after) = rest.split_once('<')?;
        let earlier = stamp.trim().parse::<Timestamp>().ok()?.checked_sub(age).ok()?;
        Some(format!("{before}{STAMP}{earlier}<{after}"))
    });
    match found {
        Some(text) if !age.is_zero() => text.into(),
        _ => body,
    }
}

fn document(amt: &str, nth: usize, (place, at): (usize, SignedDuration), said: &[(&str, Value)]) -> Bytes {
    let mut meldung = Map::from_iter([("jugendamt".to_owned(), json!(amt))]);
    meldung.extend(said.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let uuid = format!("7b2d4c10-1f3a-4e55-8b7a-0000{nth:04x}{place:04x}");
    let made = begins().checked_add(at).unwrap_or_else(|_| begins());
    if meldung.contains_key("liste") {
        meldung.insert("stand".to_owned(), json!(made.to_string()));
    }
    let document = json!({
        "nachricht": "registermeldung",
        "version": "1",
        "test": true,
        "kopf": { "nachrichtenUUID": uuid, "zeitpunkt": made.to_string() },
        "meldung": meldung,
    });
    Bytes::from(document.to_string())
}

/// The nachrichtenUUID of a delivery.
fn uuid_of(body: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("nachrichtenUUID>")?;
    rest.split_once('<').map(|(uuid, _)| uuid.trim().to_owned())
}

fn binding(plan: &Plan, word: &str) -> Option<String> {
    let prefix = format!("{word} ");
    plan.bindings.iter().map(|binding| binding.key.clone()).find(|key| key.starts_with(&prefix))
}

impl Shelf<'_> {
    fn plan(&self, route: &str) -> Option<&Plan> {
        self.compiled.plans.iter().find(|plan| plan.route == route)
    }

    /// A file beside the case, or a sample of a package by its name, with what is replaced in it.
    fn body(&self, body: &Body) -> Result<Bytes, String> {
        let name = &body.file.value;
        let beside = self.case.parent().map(|folder| folder.join(name)).filter(|path| path.is_file());
        let Some(path) = beside.or_else(|| self.sample(name)) else {
            return Err(format!("`{name}` is neither beside the case nor a sample of a package"));
        };
        let octets = std::fs::read(&path)
            .map_err(|error| format!("`{name}` cannot be read: {}", config::what(error.kind())))?;
        if body.replace.is_empty() {
            return Ok(octets.into());
        }
        let mut text = String::from_utf8(octets)
            .map_err(|_| format!("`{name}` is not UTF-8, so no text in it is replaced"))?;
        for (from, to) in &body.replace {
            if !text.contains(from) {
                return Err(format!("`{name}` does not hold `{from}`, which is to be replaced"));
            }
            text = text.replace(from, to);
        }
        Ok(text.into())
    }

    fn sample(&self, name: &str) -> Option<PathBuf> {
        let folders = |path: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(path)
                .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
                .unwrap_or_default()
        };
        let mut found: Vec<PathBuf> = folders(self.xsd)
            .iter()
            .flat_map(|standard| folders(standard))
            .map(|version| version.join("samples").join(name))
            .filter(|path| path.is_file())
            .collect();
        found.sort();
        found.pop()
    }
}
