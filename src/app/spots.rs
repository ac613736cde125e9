//! Whether places at far ends meet: two partners who are written to at one, so that each finds what is for the other, or a place that is written
//! to and taken from, so that what we lay there comes back as somebody's delivery. Knows of a place only what its transport says; opens nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::route::compiled::{Compiled, Written};
use crate::transport::TRANSPORTS;
use crate::transport::port::files::Looked;
use crate::transport::port::no_spots;
use crate::transport::port::spot::{AUTHORS, Spot};

/// A place, and the connection by which it is reached.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    spot: Spot,
    connection: String,
}

impl Reached {
    fn said(&self) -> String {
        let Spot { said, key, written, .. } = &self.spot;
        let of = written.as_ref().map(|partner| format!(" of {partner}")).unwrap_or_default();
        format!("`{key}`{of} in connection {}, {said}", self.connection)
    }
}

/// Two places that must not meet, and where the later one is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// What is wrong.
    pub text: String,
    /// The connection that names it.
    pub connection: String,
    /// The partner in whose channel it is named, where it is.
    pub partner: Option<String>,
    /// The path of its key within connection or channel; empty where the whole is meant.
    pub at: String,
}

/// What is wrong; empty when nothing is.
pub fn meeting(compiled: &Compiled) -> Vec<Met> {
    met(reached(compiled))
}

/// What is wrong with the files that connections and channels name, and with places that only these tell apart.
pub fn of_files(config: &Path, compiled: &Compiled) -> Vec<Met> {
    let (mut found, mut places) = (Vec::new(), BTreeSet::new());
    for Written { connection, kind, settings, channel } in compiled.written() {
        let Some(entry) = TRANSPORTS.iter().find(|entry| entry.word == kind) else { continue };
        let Looked { faults, spots } = (entry.files)((connection, settings), channel, config);
        found.extend(faults.into_iter().map(|(at, text)| Met {
            text,
            connection: connection.to_owned(),
            partner: channel.map(|(partner, _)| partner.to_owned()),
            at,
        }));
        places.extend(spots.into_iter().map(|spot| Reached { spot, connection: connection.to_owned() }));
    }
    found.extend(met(places));
    found
}

fn met(reached: BTreeSet<Reached>) -> Vec<Met> {
    let reached: Vec<Reached> = reached.into_iter().collect();
    let mut found = Vec::new();
    for (at, one) in reached.iter().enumerate() {
        for other in &reached[at + 1..] {
            if let Some(why) = meets(one, other) {
                let text = format!("{} and {}: {why}", one.said(), other.said());
                let (connection, partner) = (other.connection.clone(), other.spot.written.clone());
                let met = Met { text, connection, partner, at: String::new() };
                // Two may meet in several ways that read alike.
                if !found.contains(&met) {
                    found.push(met);
                }
            }
        }
    }
    found
}

fn meets(one: &Reached, other: &Reached) -> Option<&'static str> {
    let (here, there) = (&one.spot, &other.spot);
    if here.written.is_some() && here.written == there.written
        || !same(&here.at, &there.at)
        || !here.agrees(there)
    {
        return None;
    }
    match (&here.written, &there.written) {
        (Some(_), Some(_)) if here.key == AUTHORS => Some(
            "what one of the two signs could be the other's, so nothing of either is taken; pin each with its own",
        ),
        (Some(_), Some(_)) => {
            Some("each of the two partners would find what is for the other; give each a place of its own")
        }
        (Some(_), None) | (None, Some(_)) => {
            Some("we take from there, so what we lay there would come back; name the partner's own")
        }
        (None, None) if here.key == "queue" || there.key == "queue" => {
            Some("what lies there would be taken as either's; take from it by one connection")
        }
        // Two queues may have one place for what nobody can take.
        (None, None) => None,
    }
}

/// Whether two patterns, `*` standing for any characters, have a text in common.
fn same(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // Which beginnings of `other` what was read of `one` can be, too.
    let mut fits = vec![false; other.len() + 1];
    let step_over = |fits: &mut Vec<bool>| {
        for (at, c) in other.iter().enumerate() {
            if *c == '*' && fits[at] {
                fits[at + 1] = true;
            }
        }
    };
    fits[0] = true;
    step_over(&mut fits);
    for c in one {
        let mut next = vec![false; other.len() + 1];
        match c {
            // Takes what is there already, and whatever comes.
            '*' => {
                let mut any = false;
                for (at, fit) in fits.iter().enumerate() {
                    any |= *fit;
                    next[at] = any;
                }
            }
            c => {
                for (at, own) in other.iter().enumerate() {
                    match own {
                        '*' => next[at] |= fits[at],
                        own if *own == c => next[at + 1] |= fits[at],
                        _ => {}
                    }
                }
            }
        }
        step_over(&mut next);
        fits = next;
    }
    fits[other.len()]
}

fn reached(compiled: &Compiled) -> BTreeSet<Reached> {
    let spots = |kind: &str| {
        TRANSPORTS.iter().find(|entry| entry.word == kind).map_or(no_spots as _, |entry| entry.spots)
    };
    let of_sources = compiled.sources.iter().flat_map(|source| {
        let found = spots(&source.kind)(&source.settings, None);
        found.into_iter().map(|spot| Reached { spot, connection: source.connection.clone() })
    });
    let of_destinations = compiled.destinations.iter().flat_map(|wanted| {
        let found = spots(&wanted.kind)(&wanted.settings, Some(&wanted.channel));
        found.into_iter().map(|spot| Reached { spot, connection: wanted.connection.clone() })
    });
    of_sources.chain(of_destinations).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_one_text_fits_both() {
        for (one, other, meet) in [
            ("a", "a", true),
            ("a", "b", false),
            ("", "", true),
            ("a*", "ab", true),
            ("a*", "b*", false),
            ("a*c", "abc", true),
            ("a*c", "*b*", true),
            ("a*", "*a", true),
            ("antwort.*", "antwort.hamburg.*", true),
            ("antwort.bremen.*", "antwort.hamburg.*", false),
            ("*a", "b*c", false),
            ("a**", "a", true),
        ] {
            assert_eq!(same(one, other), meet, "{one} {other}");
            assert_eq!(same(other, one), meet, "{other} {one}");
        }
    }
}
