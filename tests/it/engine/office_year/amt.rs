//! The office at its desk: it reads what of its deliveries had no effect, in the list that comes to its tray in the morning or in the one
//! that `lieferung list` shows, and takes the step that stands there. What it does not read there it does not know.

use std::collections::{BTreeMap, BTreeSet};

use drehscheibe::effects::{Fact, Question};
use drehscheibe::envelope::{How, Inbound, PartnerRef, Verdict};
use drehscheibe::register::abgleich;
use drehscheibe::register::bestand::Bestand;
use drehscheibe::register::objection::{Objection, Sought, Why};
use drehscheibe::register::record::Eintragung;
use drehscheibe::store::desk::View;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::Intake;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jahr::{Event, Jahr};
use super::lieferung::{Letter, Packet};
use super::tray::Offen;
use super::{Books, kalender};
use crate::engine::house::AMT;

/// The office takes a listed step at the latest after so much of its time, in minutes.
const WITHIN: u64 = 120;

impl Jahr {
    /// What `lieferung list` shows.
    pub async fn listed(&self) -> Vec<Offen> {
        let found = self.objections(Sought::Open(AMT.to_owned())).await;
        // A notice of others lies in the tray by itself: [`Self::noticed`] ends it.
        let own = found.iter().filter(|one| !one.of_notice());
        own.map(|one| Offen { id: one.delivery, why: one.why }).collect()
    }

    pub async fn objections(&self, sought: Sought) -> Vec<Objection> {
        let answers = self.house.store.lookup(vec![Question::Objections(sought)]).await.unwrap();
        match answers.into_iter().next().map(|answer| answer.fact) {
            Some(Fact::Objections(found)) => found,
            other => panic!("{other:?}"),
        }
    }

    pub async fn bestand(&self) -> Bestand {
        let answers = self.house.store.lookup(vec![Question::Bestand(AMT.to_owned())]).await.unwrap();
        match answers.into_iter().next().map(|answer| answer.fact) {
            Some(Fact::Bestand(found)) => found.unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    /// What a rejection says of the office's clock is heard.
    pub fn learn(&mut self, verdict: &Verdict) {
        let clock = |text: &[u8]| String::from_utf8_lossy(text).contains("Uhr des Fachverfahrens");
        self.told_of_clock |= verdict.reply.as_ref().is_some_and(|reply| clock(&reply.body));
    }

    pub fn look_soon(&mut self) {
        let within = SignedDuration::from_secs(60 + self.z.unter(WITHIN * 60 - 60) as i64);
        let at = kalender::after(self.now(), within);
        self.at(at, Event::Look);
    }

    /// Somebody of the office reads the list and takes each step on it.
    pub async fn look(&mut self) {
        if self.shut() {
            let later = self.now() + SignedDuration::from_mins(20);
            return self.at(later, Event::Look);
        }
        let mut took = false;
        if std::mem::take(&mut self.told_of_clock) && self.ahead > SignedDuration::from_hours(24) {
            self.ahead = SignedDuration::ZERO;
            took = true;
        }
        let listed = match self.list.take() {
            Some(list) => list,
            None => self.listed().await,
        };
        for one in listed {
            took |= self.step(one).await;
            self.tick(40);
        }
        if took {
            // What is counted differs as long as something has no effect.
            self.meldung().await;
        }
        self.noticed().await;
        if self.listed().await.iter().any(|one| !self.sent[&one.id].early) {
            self.look_soon();
        }
    }

    async fn step(&mut self, one: Offen) -> bool {
        let letter = self.sent.get(&one.id).expect("the list names what the office was told").clone();
        let now = self.now();
        let note = self.notes.get_mut(&one.id).unwrap();
        if letter.early || note.over.is_some() {
            return false;
        }
        let nth = note.steps;
        note.steps += 1;
        note.first.get_or_insert(now);
        *self.figures.steps.entry(word(one.why, nth)).or_default() += 1;
        match (one.why, nth) {
            // "Bitte liefern Sie eine lesbare Fassung mit derselben nachrichtenUUID".
            (Why::Unreadable, 0) => self.send_again(letter).await,
            (Why::Unreadable, _) => self.released(one.id).await,
            (_, 0) if self.outstanding(&letter) => self.anew(letter.child).await,
            _ => self.done(one.id).await,
        }
        true
    }

    /// Whether the platform does not hold what the office's register says of the child.
    fn outstanding(&self, letter: &Letter) -> bool {
        let child = &self.children[letter.child];
        child.truth != child.stored
    }

    /// A readable copy, with the id and the moment of the first.
    async fn send_again(&mut self, letter: Letter) {
        self.send(Packet::of(letter)).await;
    }

    /// The Registersatz rightly, under an id of its own.
    async fn anew(&mut self, child: usize) {
        let (stored, truth) = (self.children[child].stored.clone(), self.children[child].truth.clone());
        let letter = self.letter(child, stored, truth);
        self.send(Packet::of(letter)).await;
    }

    /// The office has dealt with it: it says so, or, once a quarter, compares its list of children and entries.
    async fn done(&mut self, id: Uuid) {
        let quarter = kalender::zoned(self.now()).date().duration_since(self.start).as_hours() / (24 * 91);
        let settled = self.children.iter().all(|child| child.truth == child.stored || child.truth.is_none());
        if quarter > self.compared && settled && self.queue.is_empty() {
            self.compared = quarter;
            self.figures.compared += 1;
            return self.compare().await;
        }
        self.says(json!({ "was": "erledigt", "id": id }), None).await;
    }

    /// Two persons of the operator, with the office's Aktenzeichen.
    async fn released(&mut self, id: Uuid) {
        for person in ["os:anna", "os:bert"] {
            let what = json!({ "was": "freigabe", "id": id, "aktenzeichen": "51-1/27" });
            self.says(what, Some(person)).await;
        }
    }

    async fn says(&mut self, what: Value, person: Option<&str>) {
        self.tick(10);
        let at = if person.is_some() { self.now() } else { self.now() + self.ahead };
        let verdict = self.house.say(&what, at, person).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{what}: {:?}", verdict.codes);
    }

    /// Compares the office's list with the mirror, as `bestand abgleich --liste` does.
    pub async fn compare(&mut self) {
        self.tick(10);
        let mut marks: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        let today = kalender::zoned(self.now()).date();
        let minor = |child: &&super::jahr::Child| child.of_age.is_none_or(|day| day > today);
        for satz in self.children.iter().filter(minor).filter_map(|child| child.truth.as_ref()) {
            let arten = satz.arten.iter().map(|art| (*art).to_owned()).collect();
            let eintragung = Eintragung { vorhanden: !satz.arten.is_empty(), arten, ..Eintragung::default() };
            *marks.entry(abgleich::octets(&satz.kind, &satz.mutter, &eintragung)).or_default() += 1;
        }
        let anzahl: i64 = marks.values().sum();
        let mut after = None;
        loop {
            let view = View {
                scope: Scope::Partner { mandant: AMT.to_owned(), partner: AMT.to_owned() },
                limit: 500,
                person: "os:anna".to_owned(),
                reason: "Abgleich".to_owned(),
                now: self.now(),
            };
            let page = self.house.store.registersaetze(view, after).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for stored in &page {
                let satz = &stored.registersatz;
                *marks.entry(abgleich::octets(&satz.kind, &satz.mutter, &satz.eintragung)).or_default() -= 1;
            }
        }
        let missing: i64 = marks.values().filter(|left| **left > 0).sum();
        let surplus: i64 = -marks.values().filter(|left| **left < 0).sum::<i64>();
        assert_eq!((missing, surplus), (0, 0), "office and mirror hold the same");
        let stand = self.now().to_string();
        let what = json!({
            "was": "abgleich",
            "anzahl": anzahl,
            "liste": true,
            "stand": stand,
            "fehlend": missing,
            "ueberzaehlig": surplus
        });
        self.says(what, Some("os:anna")).await;
    }

    /// What the office counts of a child of its register.
    fn counts(&self, child: &super::jahr::Child, today: Date) -> bool {
        let minor = child.of_age.is_none_or(|day| day > today);
        let counted = match self.books {
            Books::Whole => child.told && child.truth.is_some(),
            // What was never sent counts as well, so that it shows as a gap.
            Books::Receipted => child.stored.is_some() || (!child.told && child.truth.is_some()),
        };
        minor && counted
    }

    /// The daily Bestandsmeldung: what the office counts, and the message that it made last.
    pub async fn meldung(&mut self) {
        if self.shut() || !self.queue.is_empty() {
            self.late = true;
            return;
        }
        self.tick(10);
        let today = kalender::zoned(self.now()).date();
        let anzahl = self.children.iter().filter(|child| self.counts(child, today)).count();
        let what = json!({ "was": "meldung", "anzahl": anzahl, "letzteUUID": self.last });
        let at = self.now() + self.ahead;
        let verdict = self.house.say(&what, at, None).await;
        self.figures.reports += 1;
        self.was_ahead |= self.ahead > SignedDuration::ZERO;
        let agrees = self.bestand().await.meldung.is_some_and(|meldung| meldung.stimmt);
        if verdict.state != Inbound::Accepted {
            // Its clock is spoken of: somebody looks, as after any rejection.
            self.learn(&verdict);
            return self.look_soon();
        }
        if agrees {
            self.was_ahead = self.ahead > SignedDuration::ZERO;
        } else {
            self.figures.disagreed += 1;
            let alone = self.listed().await.is_empty();
            self.figures.disagreed_alone += u64::from(alone);
            // By a clock that is ahead a message that is sent again counts as made when it comes, and no longer the one that was made last.
            if alone && !self.was_ahead {
                let counted = self.counted(at).await;
                panic!("a Bestandsmeldung of {anzahl} does not agree although nothing is open: {counted:?}");
            }
        }
    }

    /// How many Registersätze the house counts, and whether it takes the office's last message for the last.
    async fn counted(&self, at: Timestamp) -> Vec<Fact> {
        let (partner, standard, uuid) = (AMT.to_owned(), "xfamilie".to_owned(), Some(self.last.to_string()));
        let newest = Question::Neueste { partner: partner.clone(), standard, uuid, at };
        let questions = vec![Question::Anzahl { partner, at }, newest];
        let answers = self.house.store.lookup(questions).await.unwrap();
        answers.into_iter().map(|answer| answer.fact).collect()
    }

    /// What the house has to say by the clock; in the morning the list of what is open comes with it.
    pub async fn timers(&mut self) {
        if self.house.engine.is_none() {
            return;
        }
        loop {
            let due = self.house.store.due_timers(self.now(), 64).await.unwrap();
            if due.is_empty() {
                break;
            }
            for envelope in due {
                assert!(
                    matches!(&envelope.head.partner, Some(PartnerRef { how, .. }) if *how != How::Memory)
                );
                let engine = self.house.engine.as_ref().unwrap();
                let _ = engine.reception.deliver(envelope).await;
            }
        }
        let six = kalender::am(kalender::zoned(self.now()).date(), 6, 0);
        let told = self.notes.values().any(|note| note.over.is_none() && note.opened < six);
        let morning = self.now().duration_since(six) < SignedDuration::from_hours(2);
        if !told || !morning {
            return;
        }
        let mut lists = Vec::new();
        for _ in 0..12_000 {
            lists = self.tray.lists();
            if !lists.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let list = lists.pop().expect("what is open is told to its office in the morning");
        assert!(lists.is_empty(), "once a day");
        let ids = |list: &[Offen]| list.iter().map(|one| one.id).collect::<BTreeSet<_>>();
        assert_eq!(ids(&list), ids(&self.listed().await), "the letter names what the list shows");
        self.figures.letters += 1;
        self.list = Some(list);
    }

    /// Which of the notes are over; then it is seen whether mothers are answered again.
    pub async fn noticed(&mut self) {
        let open: BTreeSet<Uuid> = self.listed().await.iter().map(|one| one.id).collect();
        let now = self.now();
        let mut over = Vec::new();
        for (id, note) in
            self.notes.iter_mut().filter(|(id, note)| note.over.is_none() && !open.contains(*id))
        {
            note.over = Some(now);
            self.children[note.child].open -= 1;
            over.push((*id, note.child, note.first));
        }
        for (note, child, first) in over {
            match first {
                Some(since) => {
                    let at = self.now() + SignedDuration::from_secs(30);
                    self.at(at, Event::Probe { child, since, note: Some(note) });
                }
                None => self.figures.by_themselves += 1,
            }
        }
    }
}

fn word(why: Why, nth: u32) -> &'static str {
    match (why, nth) {
        (Why::Unreadable, 0) => "readable copy",
        (Why::Unreadable, _) => "two persons",
        (_, 0) => "delivered anew, or done at once",
        _ => "done",
    }
}
