//! The Nachweiskette judged link by link: every hash and every link computed anew, every place counted. Pure; knows no back end, reads
//! nothing, and goes on behind a fault, so that all of them are named.

use crate::store::audit::{Change, Held, Link, Strand};
use crate::store::sealing::house;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// Places between two that are there have neither row nor link.
    Gap,
    /// There is a link and no row.
    RowGone,
    /// There is a row and no link.
    LinkGone,
    /// The row is not what was hashed.
    RowChanged,
    /// The row has a shape that no program wrote.
    RowUnreadable,
    /// The link does not follow from the one before and from the hash.
    LinkChanged,
    /// The salt is missing though what the change speaks of is still there, or is nothing that is deleted with its salts.
    SaltGone,
    /// The attributes of the row are missing.
    AttributesGone,
    /// The strand ends before the last place that was given out, or with another link.
    EndGone,
}

impl Wrong {
    /// All of them.
    pub const ALL: &[Wrong] = &[
        Wrong::Gap,
        Wrong::RowGone,
        Wrong::LinkGone,
        Wrong::RowChanged,
        Wrong::RowUnreadable,
        Wrong::LinkChanged,
        Wrong::SaltGone,
        Wrong::AttributesGone,
        Wrong::EndGone,
    ];

    /// The word in what is printed for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Wrong::Gap => "gap",
            Wrong::RowGone => "row-gone",
            Wrong::LinkGone => "link-gone",
            Wrong::RowChanged => "row-changed",
            Wrong::RowUnreadable => "row-unreadable",
            Wrong::LinkChanged => "link-changed",
            Wrong::SaltGone => "salt-gone",
            Wrong::AttributesGone => "attributes-gone",
            Wrong::EndGone => "end-gone",
        }
    }

    /// In a sentence for an auditor.
    pub fn says(self) -> &'static str {
        match self {
            Wrong::Gap => "rows and links are missing",
            Wrong::RowGone => "the row is missing, its link is there",
            Wrong::LinkGone => "the link is missing, its row is there",
            Wrong::RowChanged => "the row was changed after it was written",
            Wrong::RowUnreadable => "the row has a shape that no program wrote",
            Wrong::LinkChanged => "the link does not follow from the one before it and from the row",
            Wrong::SaltGone => {
                "the salt is missing, and what this row speaks of was not deleted: it cannot be shown that the row is as it was"
            }
            Wrong::AttributesGone => "who and for whom is missing",
            Wrong::EndGone => "the last rows and links are missing, or are other ones",
        }
    }
}

/// A fault with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub wrong: Wrong,
    /// The strand.
    pub strand: i64,
    /// The first place.
    pub from: i64,
    /// The last place.
    pub to: i64,
    /// When the row there was written, or the last one before that is there, in microseconds since 1970.
    pub at: Option<i64>,
}

/// How far a strand has been judged.
#[derive(Debug)]
pub struct Judge {
    strand: Strand,
    place: i64,
    /// The link that the next one has to follow from; `None` behind a fault that leaves it unknown.
    before: Option<Vec<u8>>,
    at: Option<i64>,
    /// Links that were judged.
    pub links: u64,
    /// Of these the ones whose salt died with what they spoke of: their links were judged, their rows cannot be.
    pub without_salt: u64,
    /// The faults, in the order of places; at most a thousand are kept.
    pub faults: Vec<Fault>,
    /// How many there are.
    pub found: u64,
}

/// How the words of orders begin.
const ORDERED: &str = "command.";
/// So many faults of a strand are named; the others are counted.
const FAULTS: usize = 1_000;

impl Judge {
    /// Begins at the beginning of a strand.
    pub fn new(strand: Strand) -> Judge {
        Judge {
            place: strand.begin,
            before: Some(strand.begin_link.clone()),
            strand,
            at: None,
            links: 0,
            without_salt: 0,
            faults: Vec::new(),
            found: 0,
        }
    }

    /// The last place that was judged.
    pub fn place(&self) -> i64 {
        self.place
    }

    /// The link at that place, where it is known.
    pub fn head(&self) -> Option<&[u8]> {
        self.before.as_deref()
    }

    /// The strand.
    pub fn strand(&self) -> &Strand {
        &self.strand
    }

    /// Whether this link comes behind places that are not there.
    pub fn skips(&self, link: &Link) -> bool {
        link.place != self.place + 1
    }

    /// The strand begins later by now, because retention removed its beginning while it was judged.
    pub fn begins_later(&mut self, strand: &Strand) {
        if strand.begin > self.place {
            self.place = strand.begin;
            self.before = Some(strand.begin_link.clone());
        }
    }

    fn fault(&mut self, wrong: Wrong, (from, to): (i64, i64), at: Option<i64>) {
        self.found += 1;
        if self.faults.len() < FAULTS {
            self.faults.push(Fault { wrong, strand: self.strand.number, from, to, at: at.or(self.at) });
        }
    }

    /// Judges the next link. One behind the end that was known when the judging began is left out: it is being written.
    pub fn next(&mut self, link: &Link) {
        let here = (link.place, link.place);
        if link.place > self.strand.end {
            return;
        }
        if self.skips(link) {
            self.fault(Wrong::Gap, (self.place + 1, link.place - 1), None);
            self.before = None;
        }
        self.links += 1;
        self.place = link.place;
        let at = self.row(link);
        let hash = match (&link.hash, &link.link) {
            (Some(hash), Some(chained)) => {
                if let Some(before) = &self.before
                    && house::link(before, hash) != *chained
                {
                    self.fault(Wrong::LinkChanged, here, at);
                }
                Some(chained.clone())
            }
            _ => {
                self.fault(Wrong::LinkGone, here, at);
                None
            }
        };
        self.before = hash;
        self.at = at.or(self.at);
    }

    /// Judges the row of a link and gives its moment.
    fn row(&mut self, link: &Link) -> Option<i64> {
        let here = (link.place, link.place);
        let change = match &link.change {
            Held::There(change) => change,
            Held::Gone => {
                self.fault(Wrong::RowGone, here, None);
                return None;
            }
            Held::Unreadable => {
                self.fault(Wrong::RowUnreadable, here, None);
                return None;
            }
        };
        let at = Some(change.at);
        match (&change.salt, &link.hash) {
            (Some(salt), Some(hash)) => {
                let numbers = [link.place, change.at];
                if house::hash(salt, numbers, change.subject, &change.what, &change.detail) != *hash {
                    self.fault(Wrong::RowChanged, here, at);
                }
            }
            (None, _) if !ends(change) => self.fault(Wrong::SaltGone, here, at),
            (None, _) => self.without_salt += 1,
            // That the link is missing is told with the link.
            (Some(_), None) => {}
        }
        if change.by.is_none() {
            self.fault(Wrong::AttributesGone, here, at);
        }
        at
    }

    /// Nothing comes any more: judges the end.
    pub fn end(&mut self) {
        let (place, end) = (self.place, self.strand.end);
        let other = match (&self.strand.end_link, &self.before) {
            (Some(kept), Some(found)) => place == end && kept != found,
            _ => false,
        };
        if place < end {
            self.fault(Wrong::EndGone, (place + 1, end), None);
        } else if other {
            self.fault(Wrong::EndGone, (end, end), None);
        }
    }
}

/// Whether what a change speaks of can have been deleted together with its salt: a message or a send that is not there any more, or whose
/// key is. Orders of persons, deletions and recoveries keep their salts as long as their rows.
fn ends(change: &Change) -> bool {
    change.subject.is_some() && !change.stands && !change.what.starts_with(ORDERED)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::audit::By;

    fn strand(begin: (i64, Vec<u8>), links: &[Link]) -> Strand {
        let (end, end_link) =
            links.last().map_or((begin.0, Some(begin.1.clone())), |last| (last.place, last.link.clone()));
        Strand { number: 1, begin: begin.0, begin_link: begin.1, end, end_link }
    }

    fn chained(n: i64) -> Vec<Link> {
        let mut before = Vec::new();
        let links = (1..=n).map(|place| {
            let change = Change {
                at: place * 10,
                subject: (place % 2 == 0).then(|| Uuid::from_u128(place as u128)),
                what: "inbox.accepted".into(),
                detail: b"{}".to_vec(),
                salt: Some(vec![place as u8; 16]),
                stands: false,
                traceparent: String::new(),
                by: Some(By::default()),
            };
            let salt = change.salt.clone().unwrap();
            let hash = house::hash(&salt, [place, change.at], change.subject, &change.what, &change.detail);
            before = house::link(&before, &hash);
            Link {
                strand: 1,
                place,
                change: Held::There(Box::new(change)),
                hash: Some(hash),
                link: Some(before.clone()),
            }
        });
        links.collect()
    }

    fn judged(strand: Strand, links: &[Link]) -> Judge {
        let mut judge = Judge::new(strand);
        links.iter().for_each(|link| judge.next(link));
        judge.end();
        judge
    }

    fn faults(strand: Strand, links: &[Link]) -> Vec<(Wrong, i64, i64)> {
        judged(strand, links).faults.iter().map(|fault| (fault.wrong, fault.from, fault.to)).collect()
    }

    fn change(link: &mut Link) -> &mut Change {
        match &mut link.change {
            Held::There(change) => change,
            _ => panic!("no row"),
        }
    }

    #[test]
    fn what_was_written_holds_from_its_beginning_and_from_a_later_one() {
        let all = chained(9);
        assert_eq!(faults(strand((0, vec![]), &all), &all), []);
        let begin = (4, all[3].link.clone().unwrap());
        let judge = judged(strand(begin, &all[4..]), &all[4..]);
        assert_eq!((judge.links, judge.found), (5, 0));
        assert_eq!(faults(strand((0, vec![]), &[]), &[]), []);
    }

    #[test]
    fn each_octet_that_changes_is_found_at_its_place_and_nowhere_else() {
        let all = chained(9);
        let whole = strand((0, vec![]), &all);
        type Damage = fn(&mut Link);
        let damages: [(&str, Damage, Wrong); 9] = [
            ("at", |link| change(link).at += 1, Wrong::RowChanged),
            ("subject", |link| change(link).subject = Some(Uuid::max()), Wrong::RowChanged),
            ("what", |link| change(link).what.push('x'), Wrong::RowChanged),
            ("detail", |link| change(link).detail[0] ^= 1, Wrong::RowChanged),
            ("salt", |link| change(link).salt = Some(vec![0; 16]), Wrong::RowChanged),
            ("attributes", |link| change(link).by = None, Wrong::AttributesGone),
            ("row", |link| link.change = Held::Gone, Wrong::RowGone),
            ("shape", |link| link.change = Held::Unreadable, Wrong::RowUnreadable),
            ("link", |link| link.link = None, Wrong::LinkGone),
        ];
        for (name, damage, wrong) in damages {
            for at in 0..all.len() {
                let mut other = all.clone();
                damage(&mut other[at]);
                let place = at as i64 + 1;
                assert_eq!(faults(whole.clone(), &other), [(wrong, place, place)], "{name} {place}");
            }
        }
        // A link that was changed is the beginning of the next one as well; the last one differs from the end that is kept apart.
        let mut other = all.clone();
        other[3].link.as_mut().unwrap()[0] ^= 1;
        let found = faults(whole.clone(), &other);
        assert_eq!(found, [(Wrong::LinkChanged, 4, 4), (Wrong::LinkChanged, 5, 5)]);
        // Whoever changes a hash with its row has to compute all links anew, and the end.
        let mut other = all.clone();
        other[3].hash.as_mut().unwrap()[0] ^= 1;
        assert_eq!(faults(whole, &other), [(Wrong::RowChanged, 4, 4), (Wrong::LinkChanged, 4, 4)]);
    }

    #[test]
    fn what_is_missing_is_named_from_the_first_to_the_last_place() {
        let all = chained(9);
        let whole = strand((0, vec![]), &all);
        let without = |gone: std::ops::RangeInclusive<i64>| -> Vec<Link> {
            all.iter().filter(|link| !gone.contains(&link.place)).cloned().collect()
        };
        assert_eq!(faults(whole.clone(), &without(3..=5)), [(Wrong::Gap, 3, 5)]);
        assert_eq!(faults(whole.clone(), &without(1..=1)), [(Wrong::Gap, 1, 1)]);
        assert_eq!(faults(whole.clone(), &without(8..=9)), [(Wrong::EndGone, 8, 9)]);
        assert_eq!(faults(whole.clone(), &[]), [(Wrong::EndGone, 1, 9)]);
        // Cut off and the number of the end corrected: the link there is another one.
        let cut = Strand { end: 7, ..whole };
        assert_eq!(faults(cut, &all[..7]), [(Wrong::EndGone, 7, 7)]);
        let judge = judged(strand((0, vec![]), &all), &without(3..=5));
        assert_eq!(judge.faults[0].at, Some(20), "the moment of the last one before");
    }

    #[test]
    fn a_salt_that_went_with_its_record_is_no_fault_and_one_that_nothing_can_have_ended_is() {
        let mut all = chained(4);
        change(&mut all[1]).salt = None;
        let judge = judged(strand((0, vec![]), &all), &all);
        assert_eq!((judge.without_salt, judge.found), (1, 0));
        change(&mut all[2]).salt = None;
        assert_eq!(faults(strand((0, vec![]), &all), &all), [(Wrong::SaltGone, 3, 3)]);
        // Of what is still there, and of what is never deleted with its salts.
        change(&mut all[1]).stands = true;
        change(&mut all[3]).salt = None;
        change(&mut all[3]).what = "command.pause".into();
        let gone = [(Wrong::SaltGone, 2, 2), (Wrong::SaltGone, 3, 3), (Wrong::SaltGone, 4, 4)];
        assert_eq!(faults(strand((0, vec![]), &all), &all), gone);
    }

    #[test]
    fn what_comes_behind_the_end_is_being_written_and_a_beginning_that_moves_is_retention() {
        let all = chained(9);
        let known = strand((0, vec![]), &all[..6]);
        assert_eq!(faults(known, &all), []);
        let mut judge = Judge::new(strand((0, vec![]), &all));
        judge.next(&all[0]);
        assert!(judge.skips(&all[4]));
        judge.begins_later(&strand((4, all[3].link.clone().unwrap()), &all));
        all[4..].iter().for_each(|link| judge.next(link));
        judge.end();
        assert_eq!((judge.found, judge.place()), (0, 9));
    }
}
