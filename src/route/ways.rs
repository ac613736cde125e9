//! `ways` of an item under `send`: by what its receiver is reached, in order. Judges each way where it is written; who has which channel
//! is known when a message runs, so a way that a receiver does not have is passed over then.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::pipeline::jugendamt;
use crate::pipeline::sending::USUAL;
use crate::pipeline::step::WishedWay;
use crate::register::tafeln::Tafeln;
use crate::route::connections::Connections;
use crate::route::fault::Desk;
use crate::route::file::StepItem;
use crate::route::menus::Menus;
use crate::route::partners::{Partners, WrittenPartner};
use crate::route::reading;
use crate::route::tree::{At, Kind};

/// The setting.
const KEY: &str = "ways";
/// The shortest and the longest time of a way.
const TIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(365 * 86_400);

/// Reads the ways of an item; none where nothing is written. What has a fault is told and left out.
pub fn read(
    desk: Desk<'_>,
    item: &StepItem,
    menus: &Menus<'_>,
    partners: &Partners,
    (connections, tafeln): (&Connections, &Tafeln),
) -> Vec<WishedWay> {
    let Some(node) = item.settings.get(KEY) else { return Vec::new() };
    let items = reading::list(desk, node, "`ways`");
    if items.is_empty() && matches!(node.kind, Kind::List(_)) {
        desk.fault(
            node.at,
            "`ways` is empty; name a connection such as `ways: [postkorb, brief]`, or leave it out",
        );
    }
    let mut seen = BTreeSet::new();
    let (mut ways, mut named): (Vec<WishedWay>, Vec<At<String>>) = (Vec::new(), Vec::new());
    let receivers = receivers(&item.verb.value, partners, tafeln);
    for (nth, node) in items.iter().enumerate() {
        let (by, within) = match &node.kind {
            Kind::Map(_) => {
                let Some(node) = reading::map(desk, node, "a way", &["by", "within"]) else { continue };
                let by = reading::need(desk, node, "a way", "by");
                let by = by.and_then(|node| reading::text(desk, node, "`by`"));
                (by, reading::duration(desk, node, "within", TIMES).map(|within| (within, node)))
            }
            _ => (reading::text(desk, node, "a way"), None),
        };
        let Some(by) = by else { continue };
        let last = nth + 1 == items.len();
        if let Some((_, node)) = within.filter(|_| last) {
            desk.fault(
                node.locate("/within"),
                "the last way has no `within`: nothing comes after it, and what does not arrive by it is parked after `give-up-after`; leave it out",
            );
            continue;
        }
        if !seen.insert(by.value.clone()) {
            desk.fault(
                by.at,
                format!("`{}` is named twice; a way that was left is not taken again", by.value),
            );
            continue;
        }
        if known(desk, &by, (menus, &receivers, connections)) {
            let connection = Some(by.value.clone()).filter(|by| by != USUAL);
            ways.push(WishedWay { connection, within: within.map(|(within, _)| within) });
            named.push(by);
        }
    }
    one_for_some(desk, &ways, &named, &receivers);
    ways
}

/// Who may get what such an item sends: of `jugendamt` the offices of the tables, where there are tables.
fn receivers<'p>(verb: &str, partners: &'p Partners, tafeln: &Tafeln) -> Vec<&'p WrittenPartner> {
    let offices = verb == jugendamt::ENTRY.word && !tafeln.aemter.aemter.is_empty();
    let all = partners.by_name.values();
    all.filter(|partner| !offices || tafeln.aemter.amt(&partner.id.value).is_some()).collect()
}

/// Says where two ways are one for somebody, so that the time of one of them does not hold.
fn one_for_some(desk: Desk<'_>, ways: &[WishedWay], named: &[At<String>], receivers: &[&WrittenPartner]) {
    let Some(usual) = ways.iter().position(|way| way.connection.is_none()) else { return };
    for (other, way) in ways.iter().enumerate() {
        let Some(connection) = &way.connection else { continue };
        let answered = |partner: &&&WrittenPartner| {
            partner.answers_by.as_ref().is_some_and(|by| by.value == *connection)
        };
        let (first, second) = (usual.min(other), usual.max(other));
        let timed = [first, second].iter().any(|at| ways.get(*at).is_some_and(|way| way.within.is_some()));
        let mut theirs = receivers.iter().filter(answered);
        let (Some(partner), Some(at)) = (theirs.next(), named.get(second)) else { continue };
        if timed {
            let name = |at: usize| named.get(at).map_or(USUAL, |by| by.value.as_str());
            let others = match theirs.count() {
                0 => String::new(),
                n => format!(" (and {n} more)"),
            };
            // What counts is the first place and its time, and no time where nothing comes after it.
            let counts = match (first + 1..ways.len()).any(|at| at != second) {
                true => {
                    "it is taken once, in the place of the first and for the time that stands there; a time of the second holds for others only"
                }
                false => {
                    "it is taken once, and as no other way comes after it, no time holds for it: what does not arrive is parked after `give-up-after`"
                }
            };
            let text = format!(
                "`{}` and `{}` are one way for `{}`{others}, whose answers go by `{connection}`: {counts}; name one of the two, or give the first the time that is meant",
                name(first),
                name(second),
                partner.id.value,
            );
            desk.warn(at.at, text);
        }
    }
}

fn known(
    desk: Desk<'_>,
    by: &At<String>,
    (menus, receivers, connections): (&Menus<'_>, &[&WrittenPartner], &Connections),
) -> bool {
    let sends = |kind: &str| menus.transports.iter().any(|entry| entry.word == kind && entry.sends);
    if by.value == USUAL {
        return true;
    }
    let Some(connection) = connections.by_name.get(&by.value) else {
        // One with faults of its own is written and not read; it is judged next time.
        if !connections.written.contains(&by.value) {
            let all = connections.by_name.values().filter(|known| sends(&known.kind));
            let all = all.map(|known| known.name.value.as_str()).chain([USUAL]);
            let text = format!("unknown connection: `{}`; write it in connections.yaml", by.value);
            desk.unknown(by.at, text, &by.value, all);
        }
        return false;
    };
    if !sends(&connection.kind) {
        let text =
            format!("connection `{}` is {}, which takes in but does not send", by.value, connection.kind);
        desk.fault(by.at, text);
        return false;
    }
    let mut channels = receivers.iter().flat_map(|partner| &partner.channels);
    if !channels.any(|channel| channel.connection.value == by.value) {
        let text = format!(
            "nobody who may get this has a channel by `{0}`, so nobody is reached by it; write `channels: {{ {0}: … }}` in partners.yaml",
            by.value
        );
        desk.warn(by.at, text);
    }
    true
}
