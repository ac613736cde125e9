//! Mothers ask: about children that are known and of whom nothing unclear is known, at all hours. What they are answered is held against
//! what the office said last at the door, and what kept an answer back is named.

use drehscheibe::effects::{Fact, Question};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::register::keys;
use drehscheibe::register::objection::{self, Sought};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::jahr::{Event, Jahr};
use super::kalender;
use super::schrift;
use crate::engine::house::{AMT, tafeln};

const PORTAL: &str = "kita-portal-nord";

impl Jahr {
    /// Whether a request about a child is clean and known: its Registersatz is in the mirror, nothing is entered but perhaps a
    /// Sorgeerklärung, and neither a notice nor an unborn child of its mother is known.
    fn clean(&self, nth: usize) -> bool {
        let child = &self.children[nth];
        let plain = |satz: &schrift::Satz| satz.geboren() && (satz.arten.is_empty() || satz.arten == ["01"]);
        let today = kalender::zoned(self.now()).date();
        child.truth.as_ref().is_some_and(plain)
            && child.stored.as_ref().is_some_and(plain)
            && child.of_age.is_none_or(|day| day > today)
            && !self.expects(child.mutter)
    }

    pub fn clean_child(&mut self) -> Option<usize> {
        (0..200).find_map(|_| {
            let nth = match self.z.unter(3) {
                0 if !self.recent.is_empty() => self.recent[self.z.unter(self.recent.len() as u64) as usize],
                _ => self.z.unter(self.children.len() as u64) as usize,
            };
            self.clean(nth).then_some(nth)
        })
    }

    /// A mother asks.
    pub async fn ask(&mut self) {
        if self.house.engine.is_none() {
            // The service tells her to come again.
            let later = kalender::am(kalender::zoned(self.now()).date(), 6, 41);
            let later = if later > self.now() { later } else { later + SignedDuration::from_hours(24) };
            let at = later + SignedDuration::from_mins(self.z.unter(60) as i64);
            return self.at(at, Event::Ask);
        }
        let Some(nth) = self.clean_child() else { return };
        let fall = self.asked(nth).await;
        self.figures.asked += 1;
        let office = kalender::is_open(self.now());
        self.figures.asked_in_office_hours += u64::from(office);
        let cause = self.cause(nth, fall).await;
        *self.figures.answers.entry(cause).or_default() += 1;
    }

    /// The case of one request; what is answered automatically must be what the office said last.
    async fn asked(&mut self, nth: usize) -> Fall {
        let number = self.house.fresh();
        let satz = self.children[nth].truth.clone().unwrap();
        let body = schrift::antrag(number, &satz, self.now());
        let envelope = self.house.envelope("http /v1/antraege", PORTAL, &format!("a-{number}"), body, None);
        let verdict = self.house.deliver(envelope).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        let key = keys::vorgang(PORTAL, &schrift::transaktionsid(number).to_string());
        let answers = self.house.store.lookup(vec![Question::Vorgang(key)]).await.unwrap();
        let Some(Fact::Vorgang(Some(vorgang))) = answers.into_iter().next().map(|answer| answer.fact) else {
            panic!("a request without a Vorgang");
        };
        let fall = vorgang.akte.fall.unwrap();
        let word = self.children[nth].word.as_ref().and_then(|(_, arten)| arten.as_deref());
        match fall {
            Fall::A => {
                assert_eq!(word, Some(&[][..]), "a Negativauskunft although the office said otherwise")
            }
            Fall::B => assert_eq!(word, Some(&["01"][..]), "a Hinweis although the office said otherwise"),
            _ => {}
        }
        fall
    }

    async fn cause(&self, nth: usize, fall: Fall) -> &'static str {
        match fall {
            Fall::A => "A",
            Fall::B => "B",
            Fall::J => self.blocked().await,
            Fall::I => "I: contested, or near another Registersatz",
            Fall::Q => match self.under(nth).await.as_slice() {
                [] => "Q: near a notice or an unborn child of another mother",
                ids if ids.iter().any(|id| self.notes[id].child == nth) => {
                    "Q: a delivery about this child is open"
                }
                _ => "Q: near a child of whom a delivery is open",
            },
            other => panic!("a clean request is case {other:?}"),
        }
    }

    async fn blocked(&self) -> &'static str {
        if !self.objections(Sought::Blocks(AMT.to_owned())).await.is_empty() {
            return "J: a delivery that nobody can read";
        }
        if self.shut() {
            return "J: the route or the partner is paused";
        }
        match self.bestand().await.meldung {
            Some(meldung) if !meldung.stimmt => "J: the Bestandsmeldung did not agree",
            _ => "J: the Bestandsmeldung is too old",
        }
    }

    /// The deliveries that stand against an answer about a child.
    async fn under(&self, nth: usize) -> Vec<Uuid> {
        let satz = self.children[nth].truth.as_ref().unwrap();
        let mut found = Vec::new();
        let tafeln = tafeln();
        let orte = &tafeln.gemeinden;
        for key in objection::asked(&keys::Gesucht::of(orte, &satz.kind, &satz.mutter)) {
            found.extend(self.objections(Sought::Under(key)).await.iter().map(|one| one.delivery));
        }
        found
    }

    /// After a step it is tried until the block is over: neither the register nor this delivery stands against an answer.
    pub async fn probe(&mut self, child: usize, since: Timestamp, note: Option<Uuid>) {
        let again = self.now() + SignedDuration::from_mins(15);
        if self.house.engine.is_none() {
            return self.at(again, Event::Probe { child, since, note });
        }
        let Some(asked) = Some(child).filter(|nth| self.clean(*nth)).or_else(|| self.clean_child()) else {
            return;
        };
        let fall = self.asked(asked).await;
        let mine = fall == Fall::Q && self.under(asked).await.iter().any(|id| Some(*id) == note);
        if mine || fall == Fall::J {
            return self.at(again, Event::Probe { child, since, note });
        }
        let (wall, office) = (self.now().duration_since(since), kalender::between(since, self.now()));
        self.figures.blocks += 1;
        self.figures.longest = self.figures.longest.max(office);
        self.figures.longest_wall = self.figures.longest_wall.max(wall);
    }
}
