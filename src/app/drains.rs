//! Destinations that the files have no more and by which something still leaves: how they were reached is kept, sealed, until nothing is left,
//! over restarts. Never serves a place that is another partner's now, nor a mailbox whose reader has no access any more; sends nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::pipeline::jugendamt::OFFICE;
use crate::plan::{Patience, PlanSet};
use crate::route::compiled::{Compiled, WantedDestination};
use crate::store::contract::Store;
use crate::store::error::StoreError;
use crate::store::figures::UnderWay;
use crate::transport::TRANSPORTS;
use crate::transport::port::{Channel, Entry, Surroundings};

use super::connections::{Connections, Opened};
use super::place::Place;
use super::{folders, spots};

/// Where the store keeps, sealed, how each destination is reached that ran last or is drained.
const WAYS: (&str, &str) = ("app", "ways");
/// Where it keeps which of them were ended, and where what is left goes.
const ENDED: (&str, &str) = ("app", "ended-ways");

/// A destination, as it was reached when the files had it. Prints its name only: its settings hold secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    connection: String,
    kind: String,
    settings: serde_json::Value,
    partner: String,
    channel: serde_json::Value,
    patience: Option<Patience>,
    /// Whether it was also where the office of this name got what is addressed to it by its name alone.
    office: bool,
    /// Since when the files have it no more; `None` while they have it.
    pub since: Option<Timestamp>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({}, {:?})", self.key(), self.since)
    }
}

impl Known {
    fn of(wanted: &WantedDestination, compiled: &Compiled) -> Known {
        let partner = &wanted.channel.partner;
        let answers = compiled.partners.get(partner).and_then(|partner| partner.return_address.as_ref());
        Known {
            connection: wanted.connection.clone(),
            kind: wanted.kind.clone(),
            settings: wanted.settings.clone(),
            partner: partner.clone(),
            channel: wanted.channel.settings.clone(),
            patience: compiled.patience.get(&wanted.connection).cloned(),
            office: answers == Some(&wanted.key()),
            since: None,
        }
    }

    /// Its name, `connection:partner`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.connection, self.partner)
    }

    /// All names under which rows go there.
    pub fn names(&self) -> Vec<String> {
        let office = self.office.then(|| format!("{OFFICE}:{}", self.partner));
        std::iter::once(self.key()).chain(office).collect()
    }

    fn wanted(&self) -> WantedDestination {
        let channel = Channel { partner: self.partner.clone(), settings: self.channel.clone() };
        WantedDestination {
            connection: self.connection.clone(),
            kind: self.kind.clone(),
            settings: self.settings.clone(),
            channel,
        }
    }

    /// With what its connection is open.
    pub fn opened(&self) -> Opened {
        Opened::with(&self.kind, &self.connection, &self.settings)
    }

    fn entry(&self) -> Option<&'static Entry> {
        TRANSPORTS.iter().find(|entry| entry.word == self.kind)
    }
}

/// One that is served no more although something is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// `connection:partner`.
    pub destination: String,
    /// The destination of the same partner to which what is left goes; without one it is parked.
    pub to: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// What is kept in a note; none where nothing ran yet, or a newer program wrote it.
async fn kept<T: DeserializeOwned>(store: &dyn Store, (of, key): (&str, &str)) -> Result<Vec<T>, StoreError> {
    let note = store.note(of, key).await?;
    Ok(note.and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default())
}

/// What is known of destinations that ran last or are drained.
pub async fn known(store: &dyn Store) -> Result<Vec<Known>, StoreError> {
    kept(store, WAYS).await
}

/// Those of them that were ended.
pub async fn ended(store: &dyn Store) -> Result<Vec<Ended>, StoreError> {
    kept(store, ENDED).await
}

async fn keep<T: Serialize>(store: &dyn Store, (of, key): (&str, &str), all: &[T]) -> Result<(), StoreError> {
    let octets =
        serde_json::to_vec(all).map_err(|_| StoreError::Refused("a note cannot be written".into()))?;
    store.set_note(of, key, Some(octets)).await
}

/// Writes down what runs from now on.
pub async fn keep_known(store: &dyn Store, known: &[Known]) -> Result<(), StoreError> {
    keep(store, WAYS, known).await
}

/// Writes down what was ended.
pub async fn keep_ended(store: &dyn Store, ended: &[Ended]) -> Result<(), StoreError> {
    keep(store, ENDED, ended).await
}

/// The destinations that files have.
pub fn own(compiled: &Compiled) -> Vec<Known> {
    compiled.destinations.iter().map(|wanted| Known::of(wanted, compiled)).collect()
}

/// What is known once files run that have these: they, and what the files have no more.
pub fn after(before: Vec<Known>, own: Vec<Known>, now: Timestamp) -> Vec<Known> {
    let theirs: BTreeSet<String> = own.iter().map(Known::key).collect();
    let gone = before.into_iter().filter(|one| !theirs.contains(&one.key()));
    let gone = gone.map(|one| Known { since: one.since.or(Some(now)), ..one });
    own.into_iter().chain(gone).collect()
}

/// What is known where a process finds its own destinations marked as taken away, or gone, by another one whose files are others; `None` where it
/// finds none.
pub fn healed(known: &[Known], own: &[Known]) -> Option<Vec<Known>> {
    let has = |one: &Known| known.iter().any(|known| known.key() == one.key() && known.since.is_none());
    if own.iter().all(has) {
        return None;
    }
    let lost: Vec<&Known> = own.iter().filter(|one| !has(one)).collect();
    let kept = known.iter().filter(|known| lost.iter().all(|lost| lost.key() != known.key()));
    Some(kept.chain(lost.iter().copied()).cloned().collect())
}

/// Those that were ended, but for what these files have: nobody ends that for them.
pub fn without(mut ended: Vec<Ended>, own: &[Known]) -> Vec<Ended> {
    ended.retain(|one| own.iter().all(|own| own.key() != one.destination));
    ended
}

/// The names under which something is drained.
pub fn drained(known: &[Known]) -> BTreeSet<String> {
    known.iter().filter(|one| one.since.is_some()).flat_map(Known::names).collect()
}

/// The names that other files take away from nobody: they have them, or they were taken away before.
pub fn spared(known: &[Known], compiled: &Compiled) -> BTreeSet<String> {
    let theirs = compiled.destinations.iter().flat_map(|wanted| Known::of(wanted, compiled).names());
    theirs.chain(drained(known)).collect()
}

/// Whether a destination that the files have not may be served as it was; else the plain cause why not. `gone`: nobody's files have it, as far as is
/// known. A mailbox that others have is served for its rows' sake: who is no partner here cannot come for them here.
fn may_serve(one: &Known, gone: bool, place: &Place, compiled: &Compiled) -> Result<(), &'static str> {
    let entry = one.entry().ok_or("this program knows no such transport")?;
    // Who has no access any more cannot come for it; where accounts are channels, the channel was the access.
    if gone && entry.collected && (entry.answers.is_some() || !compiled.partners.contains_key(&one.partner)) {
        return Err("its reader has no access to its mailbox any more");
    }
    let mut with = compiled.clone();
    with.destinations.push(one.wanted());
    let met = |with: &Compiled| spots::meeting(with).len() + folders::meeting(place, with).len();
    match met(&with) > met(compiled) {
        true => Err("its place is another one's now"),
        false => Ok(()),
    }
}

/// Those that were ended, and those that cannot be served as they were, once files run that have them no more.
pub fn judged(
    known: &[Known],
    (place, compiled): (&Place, &Compiled),
    mut ended: Vec<Ended>,
    (ordered, now): (bool, Timestamp),
) -> Vec<Ended> {
    // What only these files lack, and no person has taken away, may be another process's.
    let gone = |one: &Known| ordered || one.since != Some(now);
    for one in known.iter().filter(|one| one.since.is_some()) {
        let destination = one.key();
        if ended.iter().any(|known| known.destination == destination) {
            continue;
        }
        if let Err(cause) = may_serve(one, gone(one), place, compiled) {
            tracing::warn!(
                destination,
                cause,
                "a destination that was taken away, and for which something is left, cannot be served as it was"
            );
            ended.push(Ended { destination, to: None, at: now });
        }
    }
    ended
}

/// Those that another process has, or drains, and that a set of these files lacks: it serves them as well, so that nothing that is for them is met
/// by somebody who does not know how they are reached.
pub fn missing(
    known: &[Known],
    ended: &[Ended],
    (place, compiled): (&Place, &Compiled),
    (set, now): (&PlanSet, Timestamp),
) -> Vec<Known> {
    let lacks = |one: &&Known| {
        let key = one.key();
        !set.destinations.contains_key(&key) && ended.iter().all(|ended| ended.destination != key)
    };
    let may = |one: &&Known| may_serve(one, one.since.is_some(), place, compiled).is_ok();
    let found = known.iter().filter(lacks).filter(may);
    found.map(|one| Known { since: one.since.or(Some(now)), ..one.clone() }).collect()
}

/// The names in a set that neither these files have nor anybody knows of any more: what another process drained to its end.
pub fn forgotten(set: &PlanSet, (known, own): (&[Known], &[Known])) -> Vec<String> {
    let theirs: BTreeSet<String> = known.iter().chain(own).flat_map(Known::names).collect();
    set.destinations.keys().filter(|name| !theirs.contains(*name)).cloned().collect()
}

/// Puts those that the files have no more, and that were not ended, into a set as they were.
pub fn serve(
    known: &[Known],
    ended: &[Ended],
    (connections, around): (&Connections, &Surroundings),
    set: &mut PlanSet,
) {
    let drained = known.iter().filter(|one| one.since.is_some());
    for one in drained.filter(|one| ended.iter().all(|ended| ended.destination != one.key())) {
        match connections.destination(&one.wanted(), around) {
            Ok(Some(destination)) => {
                for name in one.names() {
                    // An office that has another way goes by that one.
                    set.destinations.entry(name).or_insert_with(|| destination.clone());
                }
                if let Some(patience) = &one.patience {
                    set.patience.entry(one.connection.clone()).or_insert_with(|| patience.clone());
                }
            }
            Ok(None) => {}
            // What is left waits until a person ends it, or it can be opened at another start.
            Err(error) => tracing::warn!(
                destination = one.key(),
                cause = %error,
                "a destination that was taken away, and for which something is left, cannot be opened as it was"
            ),
        }
    }
}

/// Where what is left goes, by the destination that was ended, as dispatch is told.
pub fn told(ended: &[Ended]) -> BTreeMap<String, Option<String>> {
    ended.iter().map(|one| (one.destination.clone(), one.to.clone())).collect()
}

/// How much is left for destinations of these names: what waits, what is held for a person, and what is to be confirmed.
pub fn left(under_way: &[UnderWay], names: &[String]) -> (u64, u64) {
    let of = under_way.iter().filter(|one| names.contains(&one.destination));
    of.fold((0, 0), |(waits, held), one| (waits + one.waiting, held + one.held + one.followed))
}

/// One that is drained or was ended, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Draining {
    /// `connection:partner`.
    pub destination: String,
    /// Since when the files have it no more, or since when it was ended.
    pub since: Timestamp,
    /// Rows that still wait to leave.
    pub waiting: u64,
    /// Rows that a person or their far end has to say something of.
    pub held: u64,
    /// Whether it was ended: nothing leaves by it any more.
    pub ended: bool,
    /// Where what waits goes instead.
    pub to: Option<String>,
}

/// All for which something is left.
pub async fn draining(store: &dyn Store) -> Result<Vec<Draining>, StoreError> {
    let (known, ended) = (known(store).await?, ended(store).await?);
    if ended.is_empty() && known.iter().all(|one| one.since.is_none()) {
        return Ok(Vec::new());
    }
    let under_way = store.under_way().await?;
    let mut all = Vec::new();
    let drained = known.iter().filter_map(|one| Some((one, one.since?)));
    for (one, since) in drained.filter(|(one, _)| ended.iter().all(|ended| ended.destination != one.key())) {
        let (waiting, held) = left(&under_way, &one.names());
        all.push(Draining { destination: one.key(), since, waiting, held, ended: false, to: None });
    }
    for Ended { destination, to, at } in ended {
        let (waiting, held) = left(&under_way, std::slice::from_ref(&destination));
        all.push(Draining { destination, since: at, waiting, held, ended: true, to });
    }
    all.retain(|one| one.waiting + one.held > 0);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_counted_under_all_its_names() {
        let of = |destination: &str, waiting, held, followed| UnderWay {
            destination: destination.to_owned(),
            waiting,
            oldest: None,
            held,
            followed,
        };
        let under_way = [of("c:x", 2, 1, 0), of("jugendamt:x", 3, 0, 4), of("c:y", 7, 7, 7)];
        let names = ["c:x".to_owned(), "jugendamt:x".to_owned()];
        assert_eq!(left(&under_way, &names), (5, 5));
        assert_eq!(left(&under_way, &["c:z".to_owned()]), (0, 0));
    }

    fn known(connection: &str, since: Option<i64>) -> Known {
        Known {
            connection: connection.into(),
            kind: "callback".into(),
            settings: serde_json::json!({}),
            partner: "kita".into(),
            channel: serde_json::json!({}),
            patience: None,
            office: false,
            since: since.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }

    #[test]
    fn what_the_own_files_have_is_mended_where_another_one_took_it_away() {
        let own = [known("a", None), known("b", None)];
        let all =
            |known: &[Known]| known.iter().map(|one| (one.key(), one.since.is_some())).collect::<Vec<_>>();
        let (a, b, c) = ("a:kita".to_owned(), "b:kita".to_owned(), "c:kita".to_owned());
        assert_eq!(healed(&[known("a", None), known("c", Some(1)), known("b", None)], &own), None);
        let one = healed(&[known("a", Some(1)), known("c", Some(1)), known("b", None)], &own).unwrap();
        assert_eq!(all(&one), [(c.clone(), true), (b.clone(), false), (a.clone(), false)]);
        let gone = healed(&[known("c", Some(1))], &own).unwrap();
        assert_eq!(all(&gone), [(c, true), (a, false), (b, false)]);
        let ended = |destination: &str| Ended {
            destination: destination.into(),
            to: None,
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(without(vec![ended("a:kita"), ended("c:kita")], &own), [ended("c:kita")]);
    }

    #[test]
    fn how_a_destination_is_reached_is_printed_nowhere() {
        let channel = serde_json::json!({"secret": "whsec_geheim"});
        let known = Known { channel, ..known("callback", None) };
        let printed = format!("{known:?}");
        assert!(printed.contains("callback:kita") && !printed.contains("geheim"), "{printed}");
    }
}
