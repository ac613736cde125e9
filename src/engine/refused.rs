//! How much is kept of what one partner delivers and nobody can use, or nobody can use yet: bounded by partner and time, so that no
//! login fills the disk. Never touches what is accepted, and never drops what waits or what a person may still have to replay.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::envelope::Inbound;
use crate::store::entry::{Entry, Keep};
use crate::telemetry::alarm::{Alarm, raise};

/// Octets that refused, waiting, parked and quarantined deliveries of one partner may take within [`SPAN`]; beyond, only the hashes of
/// what is refused are kept, and what would have to be kept whole is not taken.
pub const MOST: u64 = 1 << 30;
/// Beyond, and with what such hashes take, nothing is taken any more that would be refused: without an end to it, the smallest fill the
/// disk as well as the largest, only by their number.
pub const HASHES: u64 = MOST / 4;
/// What a delivery without effect takes beside its own octets: rows, rejection, audit, and its note in quarantine. 6 to 15 KiB were measured.
const ROWS: u64 = 12 << 10;
/// The time that they are counted over.
pub const SPAN: SignedDuration = SignedDuration::from_hours(24);

/// What a refused delivery says that is not kept for the bound's sake.
const NOT_KEPT: &str =
    "of this partner more was refused within a day than is kept; only the hash of this delivery is";

/// What was kept of each partner, since when. One per partner of the set; counted by each process for itself and from its start on.
#[derive(Debug, Default)]
pub struct Refused(Mutex<HashMap<String, (Timestamp, u64)>>);

/// What becomes of a delivery that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is kept, or is none of these.
    Kept,
    /// Only its hash is kept.
    HashOnly,
    /// There is no room for what would have to be kept of it: the partner has to come again.
    None,
}

/// What an entry takes on the disk.
fn octets(entry: &Entry) -> u64 {
    let envelope = &entry.envelope;
    match entry.keep {
        Keep::Original => {
            ROWS + envelope.laid().map(|part| part.size).sum::<u64>() + envelope.body.len() as u64
        }
        Keep::HashOnly => ROWS,
    }
}

/// Of which partner an entry counts; `None` where it is of nobody, or of use. What goes on waiting was counted when it was taken.
fn partner(entry: &Entry) -> Option<&str> {
    let counts = match entry.state {
        Inbound::Rejected | Inbound::Quarantined | Inbound::Parked | Inbound::Denied => true,
        Inbound::Waiting => !entry.resumes,
        _ => false,
    };
    match &entry.envelope.head.partner {
        Some(partner) => counts.then_some(partner.id.as_str()),
        // What is kept of nobody counts for the entry that it came in by.
        None => (counts && entry.keep == Keep::Original).then_some(entry.envelope.head.binding.as_str()),
    }
}

/// Whether a person may have to replay it, or it runs again by itself: then it is kept whole or not taken.
fn is_kept_whole(entry: &Entry) -> bool {
    matches!(entry.state, Inbound::Parked | Inbound::Waiting)
}

impl Refused {
    /// Whether there is room for an entry; where there is none it is cut down to its hash, or has to come again.
    pub fn bound(&self, entry: &mut Entry, now: Timestamp) -> Room {
        let Some(partner) = partner(entry) else { return Room::Kept };
        let running = self.running(partner, now);
        let kept = running.map_or(0, |(_, kept)| kept);
        let more = if is_counted(entry, running) { 0 } else { octets(entry) };
        let fits = |most| kept + more <= most;
        if fits(MOST) || entry.keep == Keep::HashOnly && fits(MOST + HASHES) {
            return Room::Kept;
        }
        raise(Alarm::RefusedTooMuch, partner, &[]);
        match (is_kept_whole(entry), entry.resumes) {
            // It lies here already.
            (true, true) => return Room::Kept,
            (true, false) => return Room::None,
            (false, false) if kept + ROWS > MOST + HASHES => return Room::None,
            (false, _) => {}
        }
        entry.keep = Keep::HashOnly;
        entry.cause = Some(match entry.cause.take() {
            Some(cause) => format!("{cause}; {NOT_KEPT}"),
            None => NOT_KEPT.to_owned(),
        });
        Room::HashOnly
    }

    /// Whether a repeat of a partner may be answered by message once more: the row, and what is audited of it, take what a refusal takes.
    /// Counted when it is asked for.
    pub fn answers_again(&self, partner: &str, now: Timestamp) -> bool {
        let kept = self.running(partner, now).map_or(0, |(_, kept)| kept);
        if kept + ROWS > MOST + HASHES {
            raise(Alarm::RefusedTooMuch, partner, &[]);
            return false;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(partner.to_owned()).or_insert((now, 0)).1 += ROWS;
        true
    }

    /// An entry was committed.
    pub fn kept(&self, entry: &Entry, now: Timestamp) {
        // What waited and is of use now no longer counts.
        let (of_use, sender) = match (partner(entry), &entry.envelope.head.partner) {
            (Some(partner), _) => (false, partner),
            (None, Some(partner)) if entry.resumes && entry.state == Inbound::Accepted => {
                (true, partner.id.as_str())
            }
            _ => return,
        };
        let running = self.running(sender, now);
        let counted = is_counted(entry, running);
        if counted != of_use {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, kept) = all.entry(sender.to_owned()).or_insert((now, 0));
        *kept = match of_use {
            true => kept.saturating_sub(octets(entry)),
            false => *kept + octets(entry),
        };
    }

    /// Since when the running span of a partner counts, and what was kept in it; one that is over is forgotten, also after a clock
    /// that went back.
    fn running(&self, partner: &str, now: Timestamp) -> Option<(Timestamp, u64)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, kept) = all.get(partner).copied()?;
        if now >= since && now.duration_since(since) < SPAN {
            return Some((since, kept));
        }
        all.remove(partner);
        None
    }
}

/// Whether an entry that settles what was taken before was counted in this span, as what waited or was parked.
fn is_counted(entry: &Entry, running: Option<(Timestamp, u64)>) -> bool {
    entry.resumes && running.is_some_and(|(since, _)| entry.envelope.head.received >= since)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::effects::Effects;
    use crate::envelope::{Claim, Envelope, Evidence, Head, How, Part, PartnerRef, Stage};
    use crate::store::stamp::Stamp;

    fn entry(partner: &str, state: Inbound, mebibytes: u64) -> Entry {
        let part = Part {
            name: "a".into(),
            content_type: "application/pdf".into(),
            size: mebibytes << 20,
            sha256: String::new(),
            claim: Claim::default(),
            mandant: String::new(),
            small: None,
        };
        let envelope = Envelope {
            head: Head {
                id: Uuid::nil(),
                connection: "c".into(),
                binding: "http /x".into(),
                transport_id: "t".into(),
                correlation: None,
                content_type: None,
                partner: Some(PartnerRef { id: partner.into(), how: How::Bearer }),
                received: Timestamp::UNIX_EPOCH,
                return_address: None,
                traceparent: None,
                acting_person: None,
                label: None,
                in_band: false,
            },
            evidence: Evidence::default(),
            body: bytes::Bytes::new(),
            parts: vec![part],
        };
        Entry {
            envelope: Arc::new(envelope),
            stamp: Stamp {
                mandant: "m".into(),
                partner: partner.into(),
                how: "token".into(),
                stage: Stage::Test,
                test: true,
                key_id: String::new(),
                acting_person: String::new(),
                doc_version: String::new(),
                traceparent: String::new(),
                decided_by: String::new(),
            },
            keys: Vec::new(),
            content: [0; 32],
            message: None,
            route: None,
            state,
            cause: None,
            next_step: None,
            rejections: Vec::new(),
            delivery: None,
            waits: None,
            resumes: false,
            keep: Keep::Original,
            effects: Effects::default(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn of_one_partner_a_day_s_refusals_are_kept_up_to_the_bound_and_then_their_hash_alone() {
        let refused = Refused::default();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |hours: i64| start + SignedDuration::from_hours(hours);
        let deliver = |partner: &str, state: Inbound, mebibytes: u64, hours: i64| {
            let mut one = entry(partner, state, mebibytes);
            let room = refused.bound(&mut one, at(hours));
            refused.kept(&one, at(hours));
            (room, one.keep)
        };
        for (hour, mebibytes) in [(0, 256), (1, 256), (2, 256), (3, 255)] {
            assert_eq!(deliver("a", Inbound::Rejected, mebibytes, hour), (Room::Kept, Keep::Original));
        }
        assert_eq!(deliver("a", Inbound::Rejected, 1, 5), (Room::HashOnly, Keep::HashOnly));
        assert_eq!(deliver("a", Inbound::Quarantined, 1, 5), (Room::HashOnly, Keep::HashOnly));
        // A person may have to replay it, so it is not cut down.
        assert_eq!(deliver("a", Inbound::Parked, 1, 5).0, Room::None);
        // What is of use, and others, are not touched.
        assert_eq!(deliver("a", Inbound::Accepted, 900, 5), (Room::Kept, Keep::Original));
        assert_eq!(deliver("b", Inbound::Rejected, 900, 5), (Room::Kept, Keep::Original));
        assert_eq!(deliver("a", Inbound::Rejected, 1, 23).0, Room::HashOnly);
        assert_eq!(deliver("a", Inbound::Rejected, 1, 24), (Room::Kept, Keep::Original));
    }

    #[test]
    fn what_waits_counts_when_it_is_taken_and_goes_by_the_same_rule_when_it_is_refused() {
        let refused = Refused::default();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |hours: i64| start + SignedDuration::from_hours(hours);
        let settle = |state: Inbound, received: i64, hours: i64, resumes: bool| {
            let mut one = entry("a", state, 256);
            let mut envelope = (*one.envelope).clone();
            envelope.head.received = at(received);
            (one.envelope, one.resumes) = (Arc::new(envelope), resumes);
            let room = refused.bound(&mut one, at(hours));
            if room != Room::None {
                refused.kept(&one, at(hours));
            }
            (room, one.keep)
        };
        for _ in 0..3 {
            assert_eq!(settle(Inbound::Waiting, 0, 0, false), (Room::Kept, Keep::Original));
        }
        // Nothing of it may be dropped, so it has to come again; what goes on waiting lies here already.
        assert_eq!(settle(Inbound::Waiting, 0, 1, false).0, Room::None);
        assert_eq!(settle(Inbound::Waiting, 0, 1, true), (Room::Kept, Keep::Original));
        // One turns out to be of use: then another one may wait.
        assert_eq!(settle(Inbound::Accepted, 0, 2, true).0, Room::Kept);
        assert_eq!(settle(Inbound::Waiting, 2, 2, false).0, Room::Kept);
        // Refused within the same day it is not counted twice.
        assert_eq!(settle(Inbound::Rejected, 2, 3, true), (Room::Kept, Keep::Original));
        assert_eq!(settle(Inbound::Waiting, 3, 3, false).0, Room::None);
        // A day later the others count as if they were refused at once, however many they are: to their hash.
        for _ in 0..3 {
            assert_eq!(settle(Inbound::Rejected, 0, 25, true), (Room::Kept, Keep::Original));
        }
        for _ in 0..3 {
            assert_eq!(settle(Inbound::Rejected, 0, 25, true), (Room::HashOnly, Keep::HashOnly));
        }
        // A person may have to replay it.
        assert_eq!(settle(Inbound::Parked, 0, 25, true), (Room::Kept, Keep::Original));
    }

    #[test]
    fn the_smallest_are_counted_by_their_number_until_nothing_is_taken() {
        let refused = Refused::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (mut whole, mut hashes) = (0, 0);
        loop {
            let mut one = entry("a", Inbound::Rejected, 0);
            match refused.bound(&mut one, now) {
                Room::Kept => whole += 1,
                Room::HashOnly => hashes += 1,
                Room::None => break,
            }
            refused.kept(&one, now);
        }
        assert_eq!((whole, hashes), (MOST / ROWS, (MOST + HASHES) / ROWS - MOST / ROWS));
        // What nobody keeps whole anyway counts as well, and what is of use is taken all the same.
        let mut one = Entry { keep: Keep::HashOnly, ..entry("a", Inbound::Rejected, 0) };
        assert_eq!(refused.bound(&mut one, now), Room::None);
        assert_eq!(refused.bound(&mut entry("a", Inbound::Accepted, 900), now), Room::Kept);
        assert_eq!(refused.bound(&mut entry("b", Inbound::Rejected, 1), now), Room::Kept);
        assert!(!refused.answers_again("a", now) && refused.answers_again("b", now));
    }

    #[test]
    fn repeats_that_are_answered_by_message_have_an_end() {
        let (refused, now) = (Refused::default(), Timestamp::from_second(1_800_000_000).unwrap());
        let answered = (0..MOST).take_while(|_| refused.answers_again("a", now)).count() as u64;
        assert_eq!(answered, (MOST + HASHES) / ROWS);
        assert_eq!(
            refused.bound(&mut entry("a", Inbound::Accepted, 900), now),
            Room::Kept,
            "what is new goes on"
        );
        assert!(refused.answers_again("a", now + SPAN), "and so do repeats when the day is over");
    }
}
