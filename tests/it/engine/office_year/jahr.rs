//! The course of the year: what happens when, one thing after the other by a clock that jumps from each to the next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::daily_in_berlin;
use drehscheibe::engine::core::Settings;
use drehscheibe::envelope::Inbound;
use drehscheibe::register::fristen::Fristen;
use drehscheibe::transport::port::{Destination, Destinations, Intake};
use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::kalender;
use super::lieferung::{Letter, Packet};
use super::schrift::{self, Satz};
use super::stadt::{self, Geburt};
use super::tray::{Offen, Taker, Tray};
use super::{Books, Figures, Size};
use crate::engine::house::{AMT, House, set_with};
use crate::register::leute::{Zufall, familienname, kindername};

/// Corrections a year of a hundred children.
const KORREKTUREN: f64 = 9.0;
/// Deaths a year of a hundred children.
const TODE: f64 = 0.3;
/// After the last request the office comes to an end with what is open.
const AFTERWARDS: i64 = 7;
/// A lease must not run out because the clock jumps over the night.
const LEASE: Duration = Duration::from_secs(500 * 86_400);

/// A child as the office, and as the outside of the house, knows it.
pub struct Child {
    pub mutter: usize,
    /// What the office's register says.
    pub truth: Option<Satz>,
    /// What the platform receipted last.
    pub stored: Option<Satz>,
    /// Of the words that came to the door the one that the office made last, whatever became of it: its number, and the codes of its entry.
    pub word: Option<(u64, Option<Vec<&'static str>>)>,
    /// Whether anything of it was ever delivered.
    pub told: bool,
    /// The day on which it is of age.
    pub of_age: Option<Date>,
    /// Deliveries about it that have not had their effect.
    pub open: u32,
}

#[derive(Default)]
pub struct Mother {
    pub children: Vec<usize>,
    /// Open notices about her or a child of hers.
    pub notices: u32,
}

/// A delivery without effect.
pub struct Note {
    pub child: usize,
    pub opened: Timestamp,
    /// When the first listed step was taken, and how many were.
    pub first: Option<Timestamp>,
    pub steps: u32,
    pub early: bool,
    pub over: Option<Timestamp>,
}

pub enum Event {
    /// What the office delivered before a birth.
    Vorher(usize),
    Geburt(usize),
    Notice(usize),
    NoticeDone(usize, Uuid),
    Change,
    Death,
    OfAge(usize),
    /// A message that was overtaken by another one.
    Late(Box<Packet>),
    Meldung,
    Timers,
    Retention,
    Look,
    Ask,
    Probe {
        child: usize,
        since: Timestamp,
        note: Option<Uuid>,
    },
    Pause(&'static str, &'static str),
    Resume(&'static str, &'static str),
    Down,
    Up,
    Ahead(SignedDuration),
    Spoil,
}

pub struct Jahr {
    pub house: House,
    pub books: Books,
    pub tray: Arc<Tray>,
    pub z: Zufall,
    pub agenda: BTreeMap<(Timestamp, u64), Event>,
    pub children: Vec<Child>,
    pub mothers: Vec<Mother>,
    pub births: Vec<Geburt>,
    /// What the office delivered, by the id that the platform gave it.
    pub sent: BTreeMap<Uuid, Letter>,
    /// What waits at the office while the door is shut.
    pub queue: VecDeque<Packet>,
    pub notes: BTreeMap<Uuid, Note>,
    /// The list that came this morning and nobody has read yet.
    pub list: Option<Vec<Offen>>,
    /// By how much the office's clock is ahead.
    pub ahead: SignedDuration,
    /// Whether it was, since the last Bestandsmeldung that agreed.
    pub was_ahead: bool,
    /// A rejection spoke of the clock.
    pub told_of_clock: bool,
    /// The id of the message that the office made last.
    pub last: Uuid,
    pub last_made: u64,
    /// The next delivery cannot be read.
    pub spoil: bool,
    /// A Bestandsmeldung that could not be handed in.
    pub late: bool,
    /// The quarter in which the register was compared last.
    pub compared: i64,
    pub start: Date,
    /// Children of whom something came lately.
    pub recent: VecDeque<usize>,
    pub figures: Figures,
}

impl Jahr {
    pub async fn new(seed: u64, size: &Size, books: Books) -> Jahr {
        let start = jiff::civil::date(2027, 1, 4);
        let mut z = Zufall(seed);
        let (births, mothers) = stadt::geburten(&mut z, size, start);
        let tray = Arc::new(Tray::default());
        let mut destinations = Destinations::new();
        destinations.insert(format!("lieferungen:{AMT}"), tray.clone() as Arc<dyn Destination>);
        for name in ["lieferungen:postfach", "callback:kita-portal-nord", "callback:wohngeld-online"] {
            destinations.insert(name.to_owned(), Arc::new(Taker));
        }
        let settings = Settings { workers: 2, lease: LEASE, ..Settings::default() };
        let evening = kalender::am(start, 0, 0) - SignedDuration::from_hours(6);
        let mut jahr = Jahr {
            house: House::of(0, evening, set_with(destinations), settings).await,
            books,
            tray,
            z,
            agenda: BTreeMap::new(),
            children: Vec::new(),
            mothers: (0..mothers).map(|_| Mother::default()).collect(),
            births,
            sent: BTreeMap::new(),
            queue: VecDeque::new(),
            notes: BTreeMap::new(),
            list: None,
            ahead: SignedDuration::ZERO,
            was_ahead: false,
            told_of_clock: false,
            last: Uuid::nil(),
            last_made: 0,
            spoil: false,
            late: false,
            compared: -1,
            start,
            recent: VecDeque::new(),
            figures: Figures::default(),
        };
        jahr.known();
        jahr.load().await;
        jahr.planned(size);
        jahr
    }

    pub fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    /// Two things never happen at once.
    pub fn tick(&self, seconds: i64) {
        self.house.clock.move_to(self.now() + SignedDuration::from_secs(seconds));
    }

    pub fn at(&mut self, at: Timestamp, event: Event) {
        let number = self.house.fresh();
        self.agenda.insert((at, number), event);
    }

    /// The children of all births, of whom nothing is known yet.
    fn known(&mut self) {
        for (nth, birth) in self.births.iter().enumerate() {
            self.mothers[birth.mutter].children.push(nth);
            self.children.push(Child {
                mutter: birth.mutter,
                truth: None,
                stored: None,
                word: None,
                told: false,
                of_age: Some(birth.tag + Span::new().years(18)),
                open: 0,
            });
        }
    }

    /// Loads what the office's register says at the start, compares, declares, reports.
    async fn load(&mut self) {
        self.house.said(json!({ "was": "beginn" }), Some("os:anna")).await;
        let start = kalender::am(self.start, 0, 0);
        let today = self.start;
        let mut held = Vec::new();
        for (nth, birth) in self.births.iter().enumerate() {
            let before = birth.vorher.as_ref().filter(|(at, _)| *at < start).map(|(_, satz)| satz);
            let satz = if birth.gemeldet < start { Some(&birth.satz) } else { before };
            let minor = birth.tag + Span::new().years(18) > today;
            held.extend(satz.filter(|_| minor).map(|satz| (nth, satz.clone())));
        }
        let mut packets: Vec<Packet> = Vec::with_capacity(held.len());
        for (child, satz) in held {
            self.children[child].truth = Some(satz.clone());
            let letter = self.letter(child, None, Some(satz));
            packets.push(Packet::of(letter));
        }
        self.figures.loaded = packets.len() as u64;
        for some in packets.chunks(64) {
            self.tick(1);
            let engine = self.house.engine.as_ref().unwrap();
            let taken = some.iter().map(|packet| {
                let name = format!("l-{}", packet.letter.wer.uuid);
                let envelope = self.house.envelope(packet.binding, AMT, &name, packet.body.clone(), None);
                engine.reception.deliver(envelope)
            });
            let verdicts = futures_util::future::join_all(taken).await;
            for (packet, verdict) in some.iter().zip(verdicts) {
                let verdict = verdict.unwrap();
                assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
                self.settled(packet.clone(), &verdict).await;
            }
        }
        // One more by itself, so that it is certain which came last.
        self.tick(60);
        let child = self.births.iter().position(|birth| birth.gemeldet >= start).unwrap();
        let satz = self.births[child].satz.clone();
        self.children[child].truth = Some(satz.clone());
        let letter = self.letter(child, None, Some(satz));
        self.send(Packet::of(letter)).await;
        self.tick(60);
        self.compare().await;
        for person in ["os:anna", "os:bert"] {
            self.house.said(json!({ "was": "erklaerung" }), Some(person)).await;
        }
        self.meldung().await;
    }

    /// What is known beforehand to happen.
    fn planned(&mut self, size: &Size) {
        let (start, days) = (self.start, size.days());
        let end = start + Span::new().days(days);
        let begin = self.now();
        let until = kalender::am(end, 0, 0);
        for nth in 0..self.births.len() {
            let birth = &self.births[nth];
            let vorher = birth.vorher.as_ref().map(|(at, _)| (*at, Event::Vorher(nth)));
            let notice = birth.hinweis.map(|at| (at, Event::Notice(nth)));
            let gemeldet = (birth.gemeldet, Event::Geburt(nth));
            let of_age = self.children[nth].of_age.unwrap();
            let order = if self.z.unter(2) == 0 { 0 } else { 1 + self.z.unter(3) as i64 };
            // The system deletes in the night, or a person some days later.
            let deleted = match order {
                0 => kalender::am(of_age, 5, 0),
                days => kalender::after(
                    kalender::am(of_age + Span::new().days(days), 8, 0),
                    SignedDuration::from_mins(95),
                ),
            };
            let events = [vorher, notice, Some(gemeldet), Some((deleted, Event::OfAge(nth)))];
            for (at, event) in events.into_iter().flatten() {
                if at > begin && at < until {
                    self.at(at, event);
                }
            }
            if of_age >= start && of_age < end {
                self.at(kalender::am(of_age, 3, 30), Event::Retention);
            }
        }
        for nth in 0..days + AFTERWARDS {
            let day = start + Span::new().days(nth);
            self.at(kalender::am(day, 5, 30), Event::Meldung);
            self.at(kalender::am(day, 6, 1), Event::Timers);
            self.at(kalender::am(day, 19, 0), Event::Timers);
        }
        for nth in 0..days {
            let day = start + Span::new().days(nth);
            for _ in 0..size.requests_a_day() {
                let at = self.hour_of_a_mother(day);
                self.at(at, Event::Ask);
            }
        }
        let office = days as f64 / 365.25 * size.children as f64 / 100.0;
        for _ in 0..(office * KORREKTUREN) as u64 {
            let at = self.office_time(days);
            self.at(at, Event::Change);
        }
        for _ in 0..(office * TODE).ceil() as u64 {
            let at = self.office_time(days);
            self.at(at, Event::Death);
        }
        for week in 0..size.weeks {
            // Each week at another of its forty hours, so that a quarter has its share of late ones.
            let hour = SignedDuration::from_hours((8 + week * 17) % 40);
            let minutes = SignedDuration::from_mins(self.z.unter(60) as i64);
            let monday = kalender::am(start + Span::new().days(7 * week), 0, 0);
            self.at(kalender::after(monday, hour + minutes), Event::Spoil);
        }
        for quarter in 0..size.weeks / 13 {
            self.troubles(start + Span::new().days(91 * quarter), quarter == 0);
        }
    }

    /// Pauses, an outage, and once a clock that runs ahead.
    fn troubles(&mut self, first: Date, clock: bool) {
        let (route, partner) = (("route", "registerlieferung"), ("partner", AMT));
        let day = |nth: i64| first + Span::new().days(nth);
        for (nth, (kind, name), hour, minutes) in
            [(15, route, 10, 40), (37, partner, 9, 180), (58, route, 11, 300), (71, partner, 14, 55)]
        {
            let at = kalender::am(day(nth), hour, 5);
            self.at(at, Event::Pause(kind, name));
            self.at(at + SignedDuration::from_mins(minutes), Event::Resume(kind, name));
        }
        self.at(kalender::am(day(30), 21, 40), Event::Down);
        self.at(kalender::am(day(31), 6, 40), Event::Up);
        if clock {
            self.at(kalender::am(day(42), 7, 0), Event::Ahead(SignedDuration::from_hours(3)));
            self.at(kalender::am(day(66), 7, 0), Event::Ahead(SignedDuration::ZERO));
            self.at(kalender::am(day(78), 10, 0), Event::Ahead(SignedDuration::from_hours(26)));
        }
    }

    fn office_time(&mut self, days: i64) -> Timestamp {
        let day = self.start + Span::new().days(self.z.unter(days as u64) as i64);
        let minutes = SignedDuration::from_mins(self.z.unter(8 * 60) as i64);
        let at = kalender::after(kalender::am(day, 0, 0), minutes);
        at.min(kalender::am(self.start + Span::new().days(days - 1), 23, 0))
    }

    /// Nine of ten ask between seven in the morning and ten in the evening, the others in the night.
    fn hour_of_a_mother(&mut self, day: Date) -> Timestamp {
        let minute = match self.z.prozent(90.0) {
            true => 7 * 60 + self.z.unter(15 * 60),
            false => (22 * 60 + self.z.unter(9 * 60)) % (24 * 60),
        };
        kalender::am(day, (minute / 60) as i8, (minute % 60) as i8)
            + SignedDuration::from_secs(self.z.unter(60) as i64)
    }

    pub async fn played(&mut self) {
        while let Some(((at, _), event)) = self.agenda.pop_first() {
            // Waiting messages are looked at when time has passed.
            if let Some(engine) = &self.house.engine {
                engine.core.woken.notify_one();
            }
            self.house.clock.move_to(at.max(self.now() + SignedDuration::from_secs(1)));
            self.happens(event).await;
        }
        let open: Vec<Uuid> =
            self.notes.iter().filter(|(_, note)| note.over.is_none()).map(|(id, _)| *id).collect();
        assert!(open.is_empty(), "{} of the office's deliveries are still open", open.len());
        self.house.stop().await;
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Vorher(nth) => {
                let satz = self.births[nth].vorher.clone().map(|(_, satz)| satz);
                self.children[nth].truth.clone_from(&satz);
                self.deliver(nth, None, satz).await;
            }
            Event::Geburt(nth) => self.geburt(nth).await,
            Event::Notice(nth) => self.notice(nth).await,
            Event::NoticeDone(nth, uuid) => self.notice_done(nth, uuid).await,
            Event::Change => self.change().await,
            Event::Death => {
                if let Some(child) = self.quiet_child() {
                    self.gone(child).await;
                }
            }
            Event::OfAge(nth) => {
                if self.children[nth].truth.is_some() {
                    self.gone(nth).await;
                }
            }
            Event::Late(packet) => self.send(*packet).await,
            Event::Meldung => self.meldung().await,
            Event::Timers => self.timers().await,
            Event::Retention => self.retention().await,
            Event::Look => self.look().await,
            Event::Ask => self.ask().await,
            Event::Probe { child, since, note } => self.probe(child, since, note).await,
            Event::Pause(kind, name) => self.command("pause", kind, name).await,
            Event::Resume(kind, name) => {
                self.command("resume", kind, name).await;
                self.opened_again().await;
            }
            Event::Down => self.house.stop().await,
            Event::Up => {
                self.house.start(Default::default());
                self.retention().await;
                self.opened_again().await;
                self.timers().await;
            }
            Event::Ahead(by) => self.ahead = by,
            Event::Spoil => self.spoil = true,
        }
    }

    async fn geburt(&mut self, nth: usize) {
        if self.children[nth].truth.as_ref().is_some_and(Satz::geboren) {
            return;
        }
        let (mut satz, before) = (self.births[nth].satz.clone(), self.children[nth].stored.clone());
        // What the office heard of the mother meanwhile it knows of this child, too.
        if let Some(known) = &self.children[nth].truth {
            satz.mutter = known.mutter.clone();
        }
        if !self.births[nth].ueberholt {
            self.children[nth].truth = Some(satz.clone());
            return self.deliver(nth, before, Some(satz)).await;
        }
        // The Registersatz is held up on its way, the first Korrektur comes before it.
        let first = self.letter(nth, None, Some(satz.clone()));
        self.tick(60);
        let with = Satz { arten: vec!["01"], ..satz.clone() };
        self.children[nth].truth = Some(with.clone());
        let second = Letter { early: true, ..self.letter(nth, Some(satz), Some(with)) };
        self.figures.deliveries += 2;
        let later = self.now() + SignedDuration::from_mins(10 + self.z.unter(40) as i64);
        self.at(later, Event::Late(Box::new(Packet::of(first))));
        self.send(Packet::of(second)).await;
    }

    /// The Standesamt notifies a birth with a Sorgeerklärung; the office deals with it in the next two days.
    async fn notice(&mut self, nth: usize) {
        if self.shut() {
            let later = self.now() + SignedDuration::from_mins(30);
            return self.at(later, Event::Notice(nth));
        }
        let uuid =
            Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:drehscheibe:jahr:hinweis:{nth}").as_bytes());
        let body = schrift::geburtsmitteilung(uuid, self.now(), &self.births[nth].satz);
        let name = uuid.to_string();
        let envelope =
            self.house.envelope("http /v1/geburtsmitteilungen", "standesamt-bremen", &name, body, None);
        let verdict = self.house.deliver(envelope).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        self.figures.notices += 1;
        self.mothers[self.births[nth].mutter].notices += 1;
        let done = kalender::after(self.now(), SignedDuration::from_mins(30 + self.z.unter(16 * 60) as i64));
        self.at(done, Event::NoticeDone(nth, uuid));
    }

    async fn notice_done(&mut self, nth: usize, uuid: Uuid) {
        if self.shut() || self.ahead > SignedDuration::from_hours(24) {
            let later = self.now() + SignedDuration::from_mins(30);
            return self.at(later, Event::NoticeDone(nth, uuid));
        }
        let tray = self.tray.clone();
        crate::support::until("the notice in the tray", 60, || tray.noticed(uuid)).await;
        let known = self.children[nth].truth.clone().unwrap_or_else(|| self.births[nth].satz.clone());
        let before = self.children[nth].stored.clone();
        let with = Satz { arten: vec!["01"], ..known };
        if before.as_ref() != Some(&with) {
            self.children[nth].truth = Some(with.clone());
            self.deliver(nth, before, Some(with)).await;
        }
        self.tick(60);
        let what = json!({ "was": "erledigt", "id": uuid });
        let at = self.now() + self.ahead;
        let verdict = self.house.say(&what, at, None).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
        self.mothers[self.births[nth].mutter].notices -= 1;
    }

    /// A child of which nothing is open or under way.
    fn quiet_child(&mut self) -> Option<usize> {
        (0..200).find_map(|_| {
            let nth = self.z.unter(self.children.len() as u64) as usize;
            let child = &self.children[nth];
            let born = child.truth.as_ref().is_some_and(Satz::geboren);
            (born && child.open == 0 && child.truth == child.stored && !self.expects(child.mutter))
                .then_some(nth)
        })
    }

    /// Whether a child of hers that is not born yet, or a notice, is known to the office or the platform.
    pub fn expects(&self, mother: usize) -> bool {
        let unborn = |satz: &Option<Satz>| satz.as_ref().is_some_and(|satz| !satz.geboren());
        let mother = &self.mothers[mother];
        mother.notices > 0
            || mother
                .children
                .iter()
                .any(|nth| unborn(&self.children[*nth].truth) || unborn(&self.children[*nth].stored))
    }

    async fn change(&mut self) {
        let Some(nth) = self.quiet_child() else { return };
        let before = self.children[nth].truth.clone().unwrap();
        let mut after = before.clone();
        match self.z.unter(20) {
            0..=8 => after.arten = if before.arten.is_empty() { vec!["01"] } else { before.arten.clone() },
            9 => after.arten = if before.arten == ["01"] { vec![] } else { vec!["01"] },
            10 => after.arten = vec!["01", "02"],
            11..=14 => return self.married(nth).await,
            15 | 16 => after.kind.geburtsregister_nummer = Some(format!("{}/2026", 20_000 + nth)),
            _ => after.kind.namen[0].vornamen = Some(kindername(&mut self.z)),
        }
        if after == before {
            after.kind.namen[0].vornamen = Some(kindername(&mut self.z));
        }
        if after != before {
            self.children[nth].truth = Some(after.clone());
            self.deliver(nth, Some(before), Some(after)).await;
        }
    }

    /// The mother has another family name from now on, in the Registersätze of all her children.
    async fn married(&mut self, nth: usize) {
        let family = familienname(&mut self.z);
        for child in self.mothers[self.children[nth].mutter].children.clone() {
            let (truth, stored) = (self.children[child].truth.clone(), self.children[child].stored.clone());
            let (Some(mut after), Some(before)) = (truth, stored) else { continue };
            let name = &mut after.mutter.name;
            name.geburtsname = name.geburtsname.take().or_else(|| name.familienname.clone());
            name.familienname = Some(family.clone());
            self.children[child].truth = Some(after.clone());
            self.tick(20);
            if self.children[child].open == 0 && before != after {
                self.deliver(child, Some(before), Some(after)).await;
            }
        }
    }

    async fn gone(&mut self, child: usize) {
        let stored = self.children[child].stored.clone();
        self.children[child].truth = None;
        if stored.is_some() && self.children[child].open == 0 {
            self.deliver(child, stored, None).await;
        }
    }

    /// What is over today goes with the daily run, which the machine's clock paces: here the day waits for it.
    async fn retention(&mut self) {
        if self.house.engine.is_none() {
            return;
        }
        let due = daily_in_berlin(self.now(), Fristen::default().stunde);
        for _ in 0..6000 {
            let noted = self.house.store.note("engine", "retention").await.unwrap();
            let noted = noted.and_then(|text| String::from_utf8(text).unwrap().parse::<Timestamp>().ok());
            if noted.is_some_and(|noted| noted >= due) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the daily run did not come to an end");
    }

    /// The door is open again: what waited at the office comes, and mothers see whether the register answers.
    async fn opened_again(&mut self) {
        let since = self.now();
        while let Some(packet) = self.queue.pop_front() {
            self.tick(1);
            self.post(packet).await;
        }
        if std::mem::take(&mut self.late) {
            self.meldung().await;
        }
        if let Some(child) = self.clean_child() {
            let at = self.now() + SignedDuration::from_mins(1);
            self.at(at, Event::Probe { child, since, note: None });
        }
    }
}
