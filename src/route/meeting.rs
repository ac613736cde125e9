//! Two items under `send` that tell one addressee the same way: both would go out under one id, so neither could be kept.
//! Refuses every pair that is not shown to exclude each other; decides nothing about a message.

use std::collections::BTreeSet;

use crate::pipeline::entschieden::{ANMELDUNG, STOPS};
use crate::pipeline::step::Addressee;
use crate::pipeline::tell::{ONLINEDIENST, ROLES};
use crate::route::fault::Desk;
use crate::route::file::{StepItem, When};
use crate::route::partners::Partners;
use crate::route::place::Place;
use crate::route::tree::At;

/// What an item reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A destination, `connection:partner`, and its partner.
    Named { destination: String, partner: String },
    /// A partner that a word hands a document to by ways of its own.
    Handed { partner: String, document: String },
    /// Whoever a role stands for, and the document that it gets where the word may hand over several.
    Role { role: String, document: String },
}

/// An item under `send`.
struct Sent {
    word: String,
    at: Place,
    target: Target,
    when: Option<When>,
}

/// Whom an item reaches, as far as that is known before a message runs.
pub struct Reached<'a> {
    /// Whether the word's `to` is resolved into destinations.
    pub addressed: bool,
    /// These destinations.
    pub addressees: &'a [Addressee],
    /// The partners that a word resolves itself.
    pub receivers: Vec<String>,
}

/// The items under `send` so far.
#[derive(Default)]
pub struct Meeting {
    sent: Vec<Sent>,
}

/// Who may be the service that asked: whoever delivers on the route, and whoever is admitted for a use.
pub struct Askers<'a> {
    /// The partners.
    pub partners: &'a Partners,
    /// Those that the route accepts from.
    pub from: BTreeSet<String>,
}

impl Askers<'_> {
    fn holds(&self, partner: &str) -> bool {
        let admitted = |known: &crate::route::partners::WrittenPartner| !known.uses.is_empty();
        self.from.contains(partner) || self.partners.by_name.get(partner).is_some_and(admitted)
    }
}

/// What is known of the names that steps give to what they make.
pub struct Made<'a> {
    /// Whether two are made in branches that exclude each other.
    pub apart: &'a dyn Fn(&str, &str) -> bool,
    /// Whether one is made only after the login was looked at.
    pub behind: &'a dyn Fn(&str) -> bool,
}

/// What an item hands over: the words that may tell one addressee of several documents name it so.
const HANDED_OVER: &str = "message";

impl Meeting {
    /// Takes an item under `send`; a fault at its place where it may meet an earlier one.
    pub fn take(
        &mut self,
        desk: Desk<'_>,
        item: &StepItem,
        reached: Reached<'_>,
        askers: &Askers<'_>,
        made: &Made<'_>,
    ) {
        let at = item.verb.at;
        let text = |key: &str| item.settings.get(key).and_then(|node| node.text()).unwrap_or_default();
        let named = reached.addressees.iter().map(|addressee| Target::Named {
            destination: addressee.destination.clone(),
            partner: addressee.partner.clone(),
        });
        let handed = reached
            .receivers
            .into_iter()
            .map(|partner| Target::Handed { partner, document: text(HANDED_OVER).to_owned() });
        let mut targets: Vec<Target> = named.chain(handed).collect();
        // Whom nobody is named like has a fault of its own.
        if targets.is_empty() && (!reached.addressed || ROLES.contains(&text("to"))) {
            let (role, document) = (text("to").to_owned(), text(HANDED_OVER).to_owned());
            targets.push(Target::Role { role, document });
        }
        let mut told = false;
        for target in targets {
            let sent = Sent { word: item.verb.value.clone(), at, target, when: item.when.clone() };
            let met = self.sent.iter().find(|earlier| {
                earlier.at != at
                    && earlier.word == sent.word
                    && meet(&earlier.target, &sent.target, askers)
                    && !exclude(earlier.when.as_ref(), sent.when.as_ref(), made)
            });
            // Two groups may have many members in common: one sentence says which pair of items it is.
            match met {
                Some(earlier) if !told => {
                    told = true;
                    desk.fault(at, said(&sent, earlier));
                }
                _ => {}
            }
            self.sent.push(sent);
        }
    }
}

fn meet(one: &Target, other: &Target, askers: &Askers<'_>) -> bool {
    match (one, other) {
        (Target::Named { destination, .. }, Target::Named { destination: other, .. }) => destination == other,
        // By whatever ways: it would have the document twice.
        (Target::Role { .. }, Target::Role { .. }) | (Target::Handed { .. }, Target::Handed { .. }) => {
            one == other
        }
        (Target::Named { partner, .. }, Target::Role { role, .. })
        | (Target::Role { role, .. }, Target::Named { partner, .. }) => {
            role == ONLINEDIENST && askers.holds(partner)
        }
        // One word hands over, or tells; it never does both.
        (Target::Handed { .. }, _) | (_, Target::Handed { .. }) => false,
    }
}

/// Whether two conditions can never hold both.
fn exclude(one: Option<&When>, other: Option<&When>, made: &Made<'_>) -> bool {
    match (one, other) {
        (Some(When::Is(one)), Some(When::Is(other))) => one.iter().any(|(name, values)| {
            let same = other.iter().filter(|(known, _)| known.value == name.value);
            let among =
                |value: &At<String>, other: &[At<String>]| other.iter().any(|v| v.value == value.value);
            same.into_iter().any(|(_, other)| !values.iter().any(|value| among(value, other)))
        }),
        (Some(When::Made(one)), Some(When::Made(other))) => (made.apart)(&one.value, &other.value),
        // A login that does not hold ends the steps: what would be made behind it is not.
        (Some(When::Made(name)), Some(When::Is(values)))
        | (Some(When::Is(values)), Some(When::Made(name))) => {
            let stops = |value: &At<String>| STOPS.contains(&value.value.as_str());
            let stopped = |(known, all): &(At<String>, Vec<At<String>>)| {
                known.value == ANMELDUNG && !all.is_empty() && all.iter().all(stops)
            };
            (made.behind)(&name.value) && values.iter().any(stopped)
        }
        _ => false,
    }
}

fn said(sent: &Sent, earlier: &Sent) -> String {
    let whom = match (&sent.target, &earlier.target) {
        (Target::Named { destination, .. }, Target::Named { .. }) => format!("`{destination}`"),
        (Target::Named { partner, .. }, Target::Role { role, .. })
        | (Target::Role { role, .. }, Target::Named { partner, .. }) => {
            format!("`{partner}`, which may be the `{role}`,")
        }
        (Target::Handed { partner, document }, _) => format!("`{partner}` with `{document}`"),
        (Target::Named { destination, .. }, Target::Handed { .. }) => format!("`{destination}`"),
        (Target::Role { role, .. }, _) if role.is_empty() => "the same addressee".to_owned(),
        (Target::Role { role, .. }, _) => format!("`{role}`"),
    };
    format!(
        "`{}` reaches {whom} in line {} already; both would have one id and the message could not be kept, or it \
         would get the same twice: leave one out, or \
         give both a `when` of which only one can hold",
        sent.word, earlier.at.line
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::entschieden::{ERNEUERN, UNGUELTIG};

    fn at<T>(value: T) -> At<T> {
        At { value, at: Place::default() }
    }

    fn is(pairs: &[(&str, &[&str])]) -> When {
        let texts = |values: &[&str]| values.iter().map(|value| at((*value).to_owned())).collect();
        When::Is(pairs.iter().map(|(name, values)| (at((*name).to_owned()), texts(values))).collect())
    }

    #[test]
    fn only_what_can_never_hold_both_excludes_each_other() {
        let apart = |one: &str, other: &str| (one, other) == ("a", "b");
        let made_before = Made { apart: &apart, behind: &|name| name != "before" };
        let made = |name: &str| When::Made(at(name.to_owned()));
        for (one, other, excluded) in [
            (None, None, false),
            (Some(is(&[("e", &["x"])])), None, false),
            (Some(is(&[("e", &["x"])])), Some(is(&[("e", &["y"])])), true),
            (Some(is(&[("e", &["x", "z"])])), Some(is(&[("e", &["y", "z"])])), false),
            (Some(is(&[("e", &["x"])])), Some(is(&[("f", &["y"])])), false),
            (Some(is(&[("f", &["y"]), ("e", &["x"])])), Some(is(&[("e", &["y"])])), true),
            (Some(made("a")), Some(made("b")), true),
            (Some(made("a")), Some(made("a")), false),
            (Some(made("a")), Some(is(&[("e", &["x"])])), false),
            (Some(made("a")), Some(is(&[(ANMELDUNG, &[UNGUELTIG])])), true),
            (Some(is(&[(ANMELDUNG, &[UNGUELTIG, ERNEUERN])])), Some(made("a")), true),
            (Some(made("a")), Some(is(&[(ANMELDUNG, &[UNGUELTIG, "mutter"])])), false),
            (Some(made("before")), Some(is(&[(ANMELDUNG, &[UNGUELTIG])])), false),
        ] {
            assert_eq!(exclude(one.as_ref(), other.as_ref(), &made_before), excluded, "{one:?} {other:?}");
        }
    }
}
