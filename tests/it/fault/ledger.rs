//! What a run left behind, and how two of them differ. Counts effects as the far ends saw them and as the store holds them;
//! ids that the program draws anew in each run are looked at for doubles only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// Everything that a run of deliveries left.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Lines of the store without generated ids and times, sorted.
    pub essence: Vec<String>,
    /// What senders by HTTP were told: delivery and attempt → status and kind.
    pub answers: BTreeMap<String, String>,
    /// Ids of our own that senders by HTTP were told and that each partner has to hear of.
    pub told: BTreeSet<String>,
    /// Accepted callbacks of each partner: webhook-id → body.
    pub callbacks: [BTreeMap<String, String>; 2],
    /// Receipts by file or queue: delivery and kind → their own ids.
    pub receipts: BTreeMap<String, BTreeSet<String>>,
    /// Effects that came again under their id.
    pub repeated: u64,
    /// Ids that came with two contents.
    pub changed: u64,
    /// Deliveries and sends that failed at first and were completed later.
    pub recovered: u64,
}

/// The difference of a disturbed run to an undisturbed one.
#[derive(Debug, Default)]
pub struct Count {
    /// Effects of the undisturbed run.
    pub effects: u64,
    /// Effects that are missing.
    pub lost: u64,
    /// Effects that happened more than once under different ids.
    pub duplicated: u64,
    /// Deliveries and sends that a disturbance hit and that were completed.
    pub recovered: u64,
    /// Effects that nobody asked for.
    pub unexpected: u64,
    /// Repeats under the same id.
    pub repeated: u64,
    /// The first differences, for whoever looks for the cause.
    pub shown: Vec<String>,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} effects, {} lost, {} duplicated, {} recovered, {} unexpected, {} repeats under the same id",
            self.effects, self.lost, self.duplicated, self.recovered, self.unexpected, self.repeated
        )
    }
}

impl Count {
    /// Panics unless nothing was lost, doubled or came unexpectedly.
    pub fn clean(&self) {
        let sound = self.lost == 0 && self.duplicated == 0 && self.unexpected == 0;
        assert!(sound, "{self}\n{}", self.shown.join("\n"));
        assert!(self.effects > 0, "nothing was played");
    }

    fn missing(&mut self, what: &str, name: &str, more: u64) {
        self.lost += more;
        self.show(format!("lost {what}: {name}"));
    }

    fn surplus(&mut self, what: &str, name: &str, more: u64) {
        self.unexpected += more;
        self.show(format!("unexpected {what}: {name}"));
    }

    fn show(&mut self, line: String) {
        if self.shown.len() < 20 {
            self.shown.push(line.chars().take(240).collect());
        }
    }
}

impl Ledger {
    /// What a disturbed run did otherwise than this undisturbed one.
    pub fn against(&self, disturbed: &Ledger) -> Count {
        let mut count =
            Count { recovered: disturbed.recovered, repeated: disturbed.repeated, ..Count::default() };
        self.stored(disturbed, &mut count);
        self.answered(disturbed, &mut count);
        self.called(disturbed, &mut count);
        self.receipted(disturbed, &mut count);
        count
    }

    fn stored(&self, disturbed: &Ledger, count: &mut Count) {
        let mut left: HashMap<&str, i64> = HashMap::new();
        for line in &self.essence {
            *left.entry(line).or_default() += 1;
        }
        for line in &disturbed.essence {
            *left.entry(line).or_default() -= 1;
        }
        count.effects += self.essence.len() as u64;
        for (line, difference) in left {
            match difference {
                0 => {}
                more if more > 0 => count.missing("row", line, more.unsigned_abs()),
                more => count.surplus("row", line, more.unsigned_abs()),
            }
        }
    }

    fn answered(&self, disturbed: &Ledger, count: &mut Count) {
        count.effects += self.answers.len() as u64;
        for (delivery, answer) in &self.answers {
            match disturbed.answers.get(delivery) {
                None => count.missing("answer", delivery, 1),
                Some(other) if other != answer => count.surplus("answer", &format!("{delivery}: {other}"), 1),
                Some(_) => {}
            }
        }
        for delivery in disturbed.answers.keys().filter(|delivery| !self.answers.contains_key(*delivery)) {
            count.surplus("answer", delivery, 1);
        }
    }

    fn called(&self, disturbed: &Ledger, count: &mut Count) {
        for (calm, other) in self.callbacks.iter().zip(&disturbed.callbacks) {
            let bodies: BTreeSet<&String> = other.values().collect();
            let doubled = other.len() - bodies.len();
            if doubled > 0 {
                count.duplicated += doubled as u64;
                count.show(format!("{doubled} callbacks under two ids"));
            }
            count.effects += calm.len() as u64;
            match calm.len().checked_sub(bodies.len()) {
                Some(0) => {}
                Some(less) => count.missing("callbacks", &less.to_string(), less as u64),
                None => {
                    let more = bodies.len() - calm.len();
                    count.surplus("callbacks", &more.to_string(), more as u64);
                }
            }
            for id in &disturbed.told {
                if !bodies.iter().any(|body| body.contains(id.as_str())) {
                    count.missing("callback of an answered delivery", id, 1);
                }
            }
        }
        count.duplicated += disturbed.changed;
    }

    fn receipted(&self, disturbed: &Ledger, count: &mut Count) {
        count.effects += self.receipts.len() as u64;
        for delivery in self.receipts.keys() {
            if !disturbed.receipts.contains_key(delivery) {
                count.missing("receipt", delivery, 1);
            }
        }
        for (delivery, ids) in &disturbed.receipts {
            if !self.receipts.contains_key(delivery) {
                count.surplus("receipt", delivery, 1);
            }
            if ids.len() > 1 {
                count.duplicated += ids.len() as u64 - 1;
                count.show(format!("receipt under {} ids: {delivery}", ids.len()));
            }
        }
    }

    /// Enters a receipt: of which delivery it speaks, found among those known, and its own id.
    pub fn receipt(&mut self, known: &HashMap<Uuid, String>, own: &str, text: &str) {
        let kind = if text.contains("quittung.0011") { "0011" } else { "0001" };
        // What could not be read is sent back whole.
        let (_, returned) = text.split_once(":nachricht>").unwrap_or_default();
        let returned =
            STANDARD.decode(returned.split('<').next().unwrap_or_default().trim()).unwrap_or_default();
        let returned = String::from_utf8_lossy(&returned);
        let about = uuids(text).chain(uuids(&returned)).find_map(|id| known.get(&id));
        let about = about.map_or("nobody knows of what", String::as_str);
        self.receipts.entry(format!("{about} {kind}")).or_default().insert(own.to_owned());
    }
}

/// Everything in a text that is written like a UUID.
fn uuids(text: &str) -> impl Iterator<Item = Uuid> + '_ {
    text.split(|c: char| !c.is_ascii_hexdigit() && c != '-')
        .filter(|word| word.len() == 36)
        .filter_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Ledger {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        Ledger {
            essence: vec!["a".into(), "b".into(), "b".into()],
            answers: [("1/0".to_owned(), "200 0011".to_owned())].into(),
            told: ids(&["n1"]),
            callbacks: [
                [("w1".to_owned(), "{n1}".to_owned())].into(),
                [("w2".to_owned(), "{n1}".to_owned())].into(),
            ],
            receipts: [("2 0011".to_owned(), ids(&["r1"]))].into(),
            ..Ledger::default()
        }
    }

    #[test]
    fn a_ledger_sees_every_kind_of_difference() {
        sound().against(&sound()).clean();
        let differs = |change: &dyn Fn(&mut Ledger)| {
            let mut other = sound();
            change(&mut other);
            let count = sound().against(&other);
            (count.lost, count.duplicated, count.unexpected)
        };
        assert_eq!(differs(&|other| drop(other.essence.pop())), (1, 0, 0));
        assert_eq!(differs(&|other| other.essence.push("c".into())), (0, 0, 1));
        assert_eq!(differs(&|other| other.answers.clear()), (1, 0, 0));
        assert_eq!(differs(&|other| drop(other.answers.insert("1/0".into(), "422 0001".into()))), (0, 0, 1));
        assert_eq!(differs(&|other| drop(other.callbacks[0].insert("w9".into(), "{n1}".into()))), (0, 1, 0));
        assert_eq!(differs(&|other| drop(other.callbacks[0].insert("w9".into(), "{n9}".into()))), (0, 0, 1));
        assert_eq!(differs(&|other| other.callbacks[1].clear()), (2, 0, 0));
        assert_eq!(differs(&|other| other.changed = 1), (0, 1, 0));
        assert_eq!(differs(&|other| other.receipts.clear()), (1, 0, 0));
        let twice = |other: &mut Ledger| {
            other.receipts.entry("2 0011".into()).or_default().insert("r2".into());
        };
        assert_eq!(differs(&twice), (0, 1, 0));
    }
}
