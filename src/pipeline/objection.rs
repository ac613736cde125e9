//! What a delivery that is settled says against answers (rules.md 2.1), and what it closes. Pure: the engine hands in what it
//! settled, the plan of a route that delivers carries this, and what comes back is committed with the delivery itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Answer, Objected};
use crate::envelope::Inbound;
use crate::pipeline::authorise_area::may_own;
use crate::pipeline::offene;
use crate::pipeline::step::{Objects, Settling};
use crate::register::aemter::tag;
use crate::register::fristen::satz_endet;
use crate::register::keys::{self, SearchKey};
use crate::register::objection::{self, MADE_OF_NOTICE, ObjectionChange, Opening, Which, Why, spoken_of};
use crate::register::once::once;
use crate::register::record::{Kind, Mutter, Record};
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen::geburtsort;
use crate::rejection::Fault;

/// Closed because the delivery had its effect after all.
const EFFECT: &str = "wirkung";
/// Closed by a later delivery about the child.
const LATER: &str = "spaetere-lieferung";
/// Closed because the delivery, or a copy of it, could be read.
const COPY: &str = "lesbare-kopie";

/// The hook of a stage with these tables.
pub struct Objecting {
    tafeln: Arc<Tafeln>,
    test: bool,
}

impl Objecting {
    /// A hook that knows whose register a child's is by these tables; `test`: what the stage writes to itself is marked so.
    pub fn new(tafeln: Arc<Tafeln>, test: bool) -> Objecting {
        Objecting { tafeln, test }
    }

    /// The changes, with the time at which each office that is concerned is told.
    fn told(&self, changes: Vec<ObjectionChange>, now: Timestamp) -> Objected {
        let office = |change: &ObjectionChange| match change {
            ObjectionChange::Open(opening) if !opening.amt.is_empty() => {
                offene::next_list(&opening.amt, now, self.test)
            }
            _ => None,
        };
        let timers = changes.iter().filter_map(office).collect();
        Objected { changes, timers }
    }

    /// An opening with what all of them share.
    fn opening(&self, settling: &Settling<'_>, why: Why) -> Opening {
        let received = settling.head.received;
        Opening {
            amt: settling.partner.to_owned(),
            content: settling.content,
            delivery: settling.head.id,
            why,
            message: settling.identity.map(|identity| identity.message.clone()).unwrap_or_default(),
            made: received,
            since: received,
            under: Vec::new(),
            about: Vec::new(),
            ends: None,
        }
    }

    /// What the office is listed whose register the child's is by its place, where another one sent it and it stands against answers all the same: that
    /// office's word ends it as the sender's does (rules.md 2.1), and it has to hear of it. It stands under no key: what the sender left does.
    fn beside(
        &self,
        settling: &Settling<'_>,
        opening: &Opening,
        spoken: &[(Option<&Kind>, &Mutter)],
    ) -> Option<Opening> {
        let stands = !matches!(opening.why, Why::Foreign | Why::Unreadable) && !opening.under.is_empty();
        let am = tag(settling.now);
        let mut kinder = spoken.iter().filter_map(|(kind, _)| *kind);
        let amt = kinder.find_map(|kind| geburtsort(kind, &self.tafeln, am).amt()).filter(|_| stands)?;
        let other = !self.tafeln.aemter.gehoert(&opening.amt, &amt.id, am);
        let (under, why, made) = (Vec::new(), Why::Rejected, MADE_OF_NOTICE);
        other.then(|| Opening { amt: amt.id.clone(), under, why, made, ..opening.clone() })
    }

    fn open(
        &self,
        settling: &Settling<'_>,
        record: &Record,
        spoken: &[(Option<&Kind>, &Mutter)],
    ) -> Option<Opening> {
        let why = match settling.state {
            Inbound::Rejected => Why::Rejected,
            Inbound::Parked => Why::Parked,
            Inbound::Quarantined => Why::Quarantined,
            Inbound::Waiting => Why::Waiting,
            Inbound::Accepted | Inbound::Denied => return None,
        };
        let am = tag(settling.now);
        let kinder = || spoken.iter().filter_map(|(kind, _)| *kind);
        let mut opening = self.opening(settling, why);
        opening.made = objection::made(&record.kopf, settling.head.received);
        let keeps = self.tafeln.aemter.amt(settling.partner).is_some_and(|amt| amt.hat_gebiet(am));
        // The name of a place alone is a word that somebody typed: it refuses a delivery, and does not prove that the child is not the sender's.
        let typed = |kind: &Kind| keeps && by_name_alone(kind);
        let may = |am| kinder().any(|kind| typed(kind) || may_own(&self.tafeln, settling.partner, kind, am));
        let own = may(am) || kinder().next().is_none();
        // What it made while the register of the place was its own still says something; who keeps that today is told, and ends it.
        let before = !own && may(tag(opening.made));
        let foreign = !own && !before;
        if foreign {
            opening.why = Why::Foreign;
        }
        let child = |(kind, mutter): &(Option<&Kind>, &Mutter)| kind.map(|kind| keys::child(kind, mutter));
        let itself = [objection::inhalt(&settling.content)];
        opening.about =
            once(spoken.iter().filter_map(child).chain(of_each(spoken, objection::about)).chain(itself));
        opening.ends = kinder().filter_map(satz_endet).max();
        let office = || kinder().find_map(|kind| geburtsort(kind, &self.tafeln, am).amt());
        if foreign {
            opening.amt = office().map(|amt| amt.id.clone()).unwrap_or_default();
            return Some(opening);
        }
        if let Some(today) = office().filter(|_| before) {
            opening.amt.clone_from(&today.id);
            // Its load and its lists know nothing of what the office before said: only a word ends this.
            opening.made = MADE_OF_NOTICE;
        }
        let orte = &self.tafeln.gemeinden;
        let under = spoken.iter().flat_map(|(kind, mutter)| objection::under(orte, *kind, mutter));
        opening.under = under.collect::<BTreeSet<_>>().into_iter().collect();
        // Nobody asks under a key of which a part is missing.
        if !opening.under.iter().any(SearchKey::ohne_luecke) {
            // Too little is said of the child to be met by a decision: then it stands against all of them.
            opening.why = Why::Unreadable;
        }
        Some(opening)
    }
}

/// Whether nothing but the name of its place says whose register a child is of.
fn by_name_alone(kind: &Kind) -> bool {
    !kind.im_ausland() && kind.register_ars.as_deref().is_none_or(str::is_empty)
}

/// The keys that one of these makes of each child that is spoken of.
fn of_each(
    spoken: &[(Option<&Kind>, &Mutter)],
    make: fn(&Kind, &Mutter) -> Vec<SearchKey>,
) -> Vec<SearchKey> {
    let of =
        |(kind, mutter): &(Option<&Kind>, &Mutter)| kind.map(|kind| make(kind, mutter)).unwrap_or_default();
    once(spoken.iter().flat_map(of))
}

impl Objects for Objecting {
    fn read(&self, settling: &Settling<'_>, record: &Record, _: &[Answer]) -> Objected {
        let spoken = spoken_of(record);
        let close = |which, by| ObjectionChange::Close { which, by };
        let aemter = self.tafeln.aemter.mit_vorgaengern(settling.partner, tag(settling.now));
        let copy = Some(record.kopf.nachrichten_uuid.as_str()).filter(|uuid| !uuid.trim().is_empty());
        let copy = Which::About {
            aemter: aemter.clone(),
            keys: copy.map(objection::copy).into_iter().collect(),
            before: Timestamp::MIN,
        };
        // What nobody could read, or a copy of it, was read: it has its effect, or stands from now on as what it is.
        let mut changes = vec![close(Which::Block(settling.head.id), COPY), close(copy, COPY)];
        if settling.state == Inbound::Accepted {
            let before = objection::made(&record.kopf, settling.head.received);
            // The same octets that lie here under another delivery's id, at a wrong entry perhaps: they have had their effect.
            let itself = Which::About {
                aemter: aemter.clone(),
                keys: vec![objection::inhalt(&settling.content)],
                before: Timestamp::MAX,
            };
            // Never what another office left open that kept the register of the place before and lives on: what it was to say nobody
            // else knows (rules.md 2.1).
            let later = Which::About { aemter, keys: of_each(&spoken, objection::closes), before };
            let own = Which::Delivery(settling.head.id);
            changes.extend([close(own, EFFECT), close(itself, EFFECT), close(later, LATER)]);
            return self.told(changes, settling.now);
        }
        // Only what is in the mirror already says nothing. What is refused as older than that does: its stamp is a claim of a clock
        // that may be behind, and what overtook it may be no more than the same old word said again.
        let repeated = !settling.rejections.is_empty()
            && settling.rejections.iter().all(|rejection| rejection.fault == Fault::Repeated);
        if repeated {
            // The same octets that were made at a wrong entry before: what they say is in the mirror.
            let keys = vec![objection::inhalt(&settling.content)];
            changes.push(close(Which::About { aemter, keys, before: Timestamp::MAX }, EFFECT));
        } else {
            let opened = self.open(settling, record, &spoken);
            // A mere hint stands against nothing, so the block does: what was read is about a child all the same.
            if opened.as_ref().is_none_or(|opening| opening.why == Why::Foreign) {
                changes.clear();
            }
            let beside = opened.as_ref().and_then(|opening| self.beside(settling, opening, &spoken));
            let all = opened.into_iter().chain(beside);
            changes.extend(all.map(|opening| ObjectionChange::Open(Box::new(opening))));
        }
        self.told(changes, settling.now)
    }

    fn unread(&self, settling: &Settling<'_>) -> Objected {
        if self.tafeln.aemter.amt(settling.partner).is_none() {
            return Objected::default();
        }
        let about = copied(settling.body).map(|uuid| objection::copy(&uuid)).into_iter().collect();
        let opening = Opening { about, ..self.opening(settling, Why::Unreadable) };
        self.told(vec![ObjectionChange::Open(Box::new(opening))], settling.now)
    }
}

/// The name under which every standard that is delivered in writes a message's own id.
const OWN_ID: &[u8] = b"nachrichtenUUID";

/// The one id that octets which nobody can read give themselves; by it a readable copy is known. Where several are found a copy of
/// one message would end what another one says.
fn copied(octets: &[u8]) -> Option<String> {
    let mut found: Option<String> = None;
    for (at, _) in octets.windows(OWN_ID.len()).enumerate().filter(|(_, window)| *window == OWN_ID) {
        let rest = octets.get(at + OWN_ID.len()..).unwrap_or_default();
        let skipped =
            rest.iter().take(16).take_while(|o| o.is_ascii_whitespace() || b">\":".contains(o)).count();
        let written = rest.get(skipped..skipped + 36).and_then(|octets| std::str::from_utf8(octets).ok());
        let Some(uuid) = written.and_then(|text| Uuid::try_parse(text).ok()) else { continue };
        let uuid = uuid.hyphenated().to_string();
        if found.as_ref().is_some_and(|other| *other != uuid) {
            return None;
        }
        found = Some(uuid);
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::effects::{Fact, Guard, Question, Stored};
    use crate::message::Message;
    use crate::pipeline::testing::message;
    use crate::register::aemter::{Aemter, Amt, Gebiet};
    use crate::register::gemeinden::{Gemeinden, falten};
    use crate::register::record::{Angaben, Quelle, Registersatz};
    use crate::rejection::Rejection;

    fn hook() -> Objecting {
        let amt = |id: &str, ars: &str| Amt {
            id: id.into(),
            name: id.into(),
            gebiete: vec![Gebiet { ars: ars.into(), von: None, bis: None }],
            ..Amt::default()
        };
        let aemter = vec![
            amt("jugendamt-bremen", "04011"),
            amt("jugendamt-bremerhaven", "04012"),
            amt("jugendamt-hamburg", "02"),
        ];
        let mut gemeinden = Gemeinden::default();
        gemeinden.add(falten("Bremen"), "040110000000");
        gemeinden.add(falten("Bremerhaven"), "040120000000");
        gemeinden.add(falten("Hamburg"), "020000000000");
        gemeinden.add(falten("Neustadt"), "010010000000");
        gemeinden.add(falten("Neustadt"), "020010000000");
        Objecting::new(Arc::new(Tafeln { aemter: Aemter { aemter }, gemeinden, ..Default::default() }), true)
    }

    fn settled(
        message: &Message,
        state: Inbound,
        rejections: &[Rejection],
        answers: &[Answer],
    ) -> Vec<ObjectionChange> {
        settled_by(&hook(), message, state, rejections, answers)
    }

    fn settled_by(
        objecting: &Objecting,
        message: &Message,
        state: Inbound,
        rejections: &[Rejection],
        answers: &[Answer],
    ) -> Vec<ObjectionChange> {
        let envelope = &message.envelope;
        let settling = Settling {
            head: &envelope.head,
            body: &envelope.body,
            content: [1; 32],
            partner: &message.sender.id,
            identity: Some(&message.identity),
            now: message.now(),
            state,
            rejections,
        };
        objecting.read(&settling, &message.record, answers).changes
    }

    fn opened(changes: &[ObjectionChange]) -> Option<&Opening> {
        changes.iter().find_map(|change| match change {
            ObjectionChange::Open(opening) => Some(&**opening),
            ObjectionChange::Close { .. } | ObjectionChange::Release { .. } => None,
        })
    }

    fn asked(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
        let orte = &hook().tafeln.gemeinden;
        objection::asked(&keys::Gesucht::of(orte, kind, mutter))
    }

    fn refused() -> Vec<Rejection> {
        vec![Rejection::new(Fault::Other, "Passt nicht.")]
    }

    #[test]
    fn whatever_has_no_effect_stands_against_answers() {
        let message = message();
        for (state, why) in [
            (Inbound::Rejected, Why::Rejected),
            (Inbound::Parked, Why::Parked),
            (Inbound::Quarantined, Why::Quarantined),
            (Inbound::Waiting, Why::Waiting),
        ] {
            let changes = settled(&message, state, &refused(), &[]);
            let opening = opened(&changes).unwrap();
            assert_eq!((opening.why, opening.amt.as_str()), (why, "jugendamt-bremen"));
            let asked = asked(message.record.kind.as_ref().unwrap(), message.record.mutter.as_ref().unwrap());
            assert!(opening.under.iter().any(|key| asked.contains(key)) && opening.ends.is_some());
        }
        let accepted = settled(&message, Inbound::Accepted, &[], &[]);
        assert!(opened(&accepted).is_none());
        assert_eq!(
            accepted.len(),
            5,
            "its own, the same octets, earlier ones of the child, and what could not be read"
        );
    }

    #[test]
    fn who_says_too_little_to_be_met_stands_against_the_whole_register() {
        let mut message = message();
        let kind = message.record.kind.as_mut().unwrap();
        (kind.geburtsdatum, kind.namen) = (None, Vec::new());
        let mutter = message.record.mutter.as_mut().unwrap();
        mutter.geburtsdatum = Default::default();
        mutter.name.vornamen = None;
        mutter.name.geburtsname = None;
        let changes = settled(&message, Inbound::Parked, &[], &[]);
        let opening = opened(&changes).unwrap();
        assert_eq!((opening.why, opening.amt.as_str()), (Why::Unreadable, "jugendamt-bremen"));
    }

    #[test]
    fn a_correction_stands_under_the_child_as_it_was_and_as_it_is() {
        let mut message = message();
        let mut kind = message.record.kind.clone().unwrap();
        kind.geburtsdatum = crate::register::record::TeilDatum::parse("2024-09-06");
        message.record.neu = Some(Box::new(Angaben { kind: Some(kind.clone()), ..Angaben::default() }));
        let changes = settled(&message, Inbound::Waiting, &[], &[]);
        let under = &opened(&changes).unwrap().under;
        let mutter = message.record.mutter.as_ref().unwrap();
        for kind in [message.record.kind.as_ref().unwrap(), &kind] {
            assert!(asked(kind, mutter).iter().any(|key| under.contains(key)));
        }
    }

    #[test]
    fn what_is_not_the_senders_counts_nothing_and_is_a_hint_for_the_one_it_belongs_to() {
        let mut message = message();
        let kind = message.record.kind.as_mut().unwrap();
        kind.geburtsort = Some("Bremerhaven".into());
        kind.register_ars = Some("040120000000".into());
        let changes = settled(&message, Inbound::Rejected, &refused(), &[]);
        let opening = opened(&changes).unwrap();
        assert_eq!((opening.why, opening.amt.as_str()), (Why::Foreign, "jugendamt-bremerhaven"));
        assert!(opening.under.is_empty());
        // A name without a key may be mistyped: it counts, and the sender's next word ends it.
        message.record.kind.as_mut().unwrap().register_ars = None;
        let changes = settled(&message, Inbound::Rejected, &refused(), &[]);
        let opening = opened(&changes).unwrap();
        assert_eq!((opening.why, opening.amt.as_str()), (Why::Rejected, "jugendamt-bremen"));
        assert!(!opening.under.is_empty());
        message.record.kind.as_mut().unwrap().geburtsort = Some("Bremen an der Muster".into());
        message.record.kind.as_mut().unwrap().register_ars = Some("040110000000".into());
        let changes = settled(&message, Inbound::Parked, &[], &[]);
        assert_eq!(opened(&changes).unwrap().why, Why::Parked, "nobody can say whose it is: it counts");
    }

    /// Of Bremen's registers that of the city went to Hamburg; Bremen lives on with the rest, or ended and Hamburg took all of it over.
    fn after_handover(message: &Message, state: Inbound, whole: bool) -> Vec<ObjectionChange> {
        let mut tafeln = Tafeln::clone(&hook().tafeln);
        let (last, first) = (Date::constant(2026, 11, 20), Date::constant(2026, 11, 21));
        let gebiet = |ars: &str, von, bis| Gebiet { ars: ars.into(), von, bis };
        let [bremen, _, hamburg] = &mut tafeln.aemter.aemter[..] else { panic!() };
        bremen.gebiete = vec![gebiet("04011", None, Some(last)), gebiet("03", None, None)];
        hamburg.gebiete.push(gebiet("04011", Some(first), None));
        if whole {
            bremen.gebiete.pop();
            bremen.nachfolge = Some(hamburg.id.clone());
        }
        settled_by(&Objecting::new(Arc::new(tafeln), true), message, state, &refused(), &[])
    }

    #[test]
    fn what_another_office_left_open_is_closed_only_by_who_took_over_its_whole_register() {
        let mut message = message();
        message.sender.id = "jugendamt-hamburg".into();
        for (whole, offices) in
            [(false, &["jugendamt-hamburg"][..]), (true, &["jugendamt-hamburg", "jugendamt-bremen"])]
        {
            let changes = after_handover(&message, Inbound::Accepted, whole);
            let later = changes.iter().find_map(|change| match change {
                ObjectionChange::Close { which: Which::About { aemter, .. }, by: LATER } => Some(aemter),
                _ => None,
            });
            assert_eq!(later.unwrap(), offices);
        }
    }

    #[test]
    fn what_was_made_before_a_handover_stands_against_answers_until_who_keeps_the_register_today_ends_it() {
        for (stamp, why, under) in [
            ("2026-11-20T23:00:00+01:00", Why::Rejected, true),
            ("2026-11-21T00:00:01+01:00", Why::Foreign, false),
        ] {
            let mut message = message();
            message.record.kopf.erstellungszeitpunkt = stamp.into();
            let changes = after_handover(&message, Inbound::Rejected, false);
            let opening = opened(&changes).unwrap();
            assert_eq!((opening.why, opening.amt.as_str()), (why, "jugendamt-hamburg"));
            assert_eq!(!opening.under.is_empty(), under);
        }
    }

    #[test]
    fn a_hint_is_for_the_office_that_decides_by_name_and_key_together() {
        for (ort, ars, office) in [
            ("Neustadt", "020010000000", "jugendamt-hamburg"),
            ("Bremerhaven", "040120000000", "jugendamt-bremerhaven"),
            // Name and key contradict each other: nobody is told by guess.
            ("Bremerhaven", "020010000000", ""),
        ] {
            let mut message = message();
            let kind = message.record.kind.as_mut().unwrap();
            (kind.geburtsort, kind.register_ars) = (Some(ort.into()), Some(ars.into()));
            let changes = settled(&message, Inbound::Rejected, &refused(), &[]);
            let opening = opened(&changes).unwrap();
            assert_eq!((opening.why, opening.amt.as_str()), (Why::Foreign, office), "{ort} {ars}");
        }
    }

    #[test]
    fn only_what_the_mirror_says_already_is_no_objection() {
        let message = message();
        let repeated = vec![Rejection::new(Fault::Repeated, "Schon da.")];
        let changes = settled(&message, Inbound::Rejected, &repeated, &[]);
        assert!(opened(&changes).is_none());
        let itself = vec![objection::inhalt(&[1; 32])];
        let ends = changes.iter().any(|change| {
            matches!(change, ObjectionChange::Close { which: Which::About { keys, .. }, .. } if *keys == itself)
        });
        assert!(ends, "what the same octets left at a wrong entry has its effect");
        let mixed = [repeated, refused()].concat();
        assert!(opened(&settled(&message, Inbound::Rejected, &mixed, &[])).is_some());
    }

    #[test]
    fn what_is_refused_as_older_stands_against_answers_whatever_stands_in_the_mirror() {
        let message = message();
        let made: Timestamp = message.record.kopf.erstellungszeitpunkt.parse().unwrap();
        let quelle = Quelle {
            message: "xfamilie.0804".into(),
            nachrichten_uuid: "u".into(),
            autor: "jga:040110000000".into(),
            erstellungszeitpunkt: made + jiff::SignedDuration::from_hours(1),
            empfangen: None,
            transaktionsid: None,
            spaetestens: None,
        };
        let registersatz = Registersatz {
            mutter: message.record.mutter.clone().unwrap(),
            kind: message.record.kind.clone().unwrap(),
            eintragung: Default::default(),
            quelle,
            vermerk: Default::default(),
        };
        let (id, mandant, partner) = (Uuid::nil(), "bremen".into(), "jugendamt-bremen".into());
        let stored = Fact::mirror([Stored { id, mandant, partner, registersatz }]);
        let deleted = Fact::Tombstone(Some(made + jiff::SignedDuration::from_hours(1)));
        for fact in [stored, deleted] {
            let guard = Guard { key: Question::Bestand("x".into()).key(), seen: 1 };
            let changes = settled(&message, Inbound::Rejected, &refused(), &[Answer { fact, guard }]);
            let opening = opened(&changes).unwrap();
            assert_eq!((opening.why, opening.made), (Why::Rejected, made), "a later delivery ends it");
        }
    }

    #[test]
    fn what_another_office_left_open_about_a_child_is_listed_for_the_one_whose_register_it_is() {
        // The name of a place alone, which somebody typed: it stands against answers of that register.
        let mut message = message();
        let kind = message.record.kind.as_mut().unwrap();
        (kind.geburtsort, kind.register_ars) = (Some("Hamburg".into()), None);
        let changes = settled(&message, Inbound::Rejected, &refused(), &[]);
        let all: Vec<&Opening> = changes
            .iter()
            .filter_map(|change| match change {
                ObjectionChange::Open(opening) => Some(&**opening),
                ObjectionChange::Close { .. } | ObjectionChange::Release { .. } => None,
            })
            .collect();
        let [own, beside] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((own.why, own.amt.as_str()), (Why::Rejected, "jugendamt-bremen"));
        assert!(!own.under.is_empty() && own.made < MADE_OF_NOTICE);
        assert_eq!((beside.why, beside.amt.as_str()), (Why::Rejected, "jugendamt-hamburg"));
        assert_eq!((beside.delivery, beside.made), (own.delivery, MADE_OF_NOTICE));
        assert!(beside.under.is_empty(), "what the sender left stands, not the list");
        // Of its own child, and of what is no office's alone, nobody else is told.
        for (ort, ars) in [("Bremen", None), ("Neustadt", None), ("Bremen", Some("040110000000"))] {
            let kind = message.record.kind.as_mut().unwrap();
            (kind.geburtsort, kind.register_ars) = (Some(ort.into()), ars.map(str::to_owned));
            let changes = settled(&message, Inbound::Rejected, &refused(), &[]);
            let opened = changes.iter().filter(|change| matches!(change, ObjectionChange::Open(_)));
            assert!(opened.count() <= 1, "{ort} {ars:?}");
        }
    }

    #[test]
    fn a_place_that_does_not_fit_its_key_counts_for_whoever_either_belongs_to() {
        for (ort, ars, why) in [
            ("Bremen", "020000000000", Why::Parked),
            ("Nirgendwo", "020000000000", Why::Parked),
            ("Hamburg", "020000000000", Why::Foreign),
            ("Bremerhaven", "020000000000", Why::Foreign),
        ] {
            let mut message = message();
            let asked = asked(message.record.kind.as_ref().unwrap(), message.record.mutter.as_ref().unwrap());
            let kind = message.record.kind.as_mut().unwrap();
            (kind.geburtsort, kind.register_ars) = (Some(ort.into()), Some(ars.into()));
            let changes = settled(&message, Inbound::Parked, &[], &[]);
            let opening = opened(&changes).unwrap();
            assert_eq!(opening.why, why, "{ort} {ars}");
            assert_eq!(
                opening.under.iter().any(|key| asked.contains(key)),
                why != Why::Foreign,
                "{ort} {ars}"
            );
        }
    }

    #[test]
    fn where_the_offices_clock_is_ahead_what_it_made_first_closes_nothing_that_it_made_later() {
        let ahead = jiff::SignedDuration::from_hours(3);
        let message = message();
        let received = message.envelope.head.received;
        let stamped = |stamp: Timestamp, state| {
            let mut message = message.clone();
            message.record.kopf.erstellungszeitpunkt = stamp.to_string();
            settled(&message, state, &[], &[])
        };
        let opening = stamped(received + ahead, Inbound::Parked);
        assert_eq!(opened(&opening).unwrap().made, received + ahead, "by its own clock, as what closes it");
        let second = jiff::SignedDuration::from_secs(1);
        let closes =
            stamped(received + ahead - second, Inbound::Accepted).into_iter().find_map(
                |change| match change {
                    ObjectionChange::Close { which: Which::About { before, .. }, by: LATER } => Some(before),
                    _ => None,
                },
            );
        assert_eq!(closes, Some(received + ahead - second));
    }

    #[test]
    fn octets_that_nobody_can_read_name_themselves_once_or_not_at_all() {
        let one = "7b2d4c10-1f3a-4e55-8b7a-000000000020";
        let two = "7b2d4c10-1f3a-4e55-8b7a-000000000021";
        let tag = |uuid: &str| format!("<k:nachrichtenUUID>{uuid}</k:nachrichtenUUID> <k:x>{two}</k:x>");
        assert_eq!(copied(tag(one).as_bytes()), Some(one.into()));
        assert_eq!(copied(tag(&one.to_uppercase()).as_bytes()), Some(one.into()));
        assert_eq!(copied(format!("{{\"nachrichtenUUID\": \"{one}\", ").as_bytes()), Some(one.into()));
        assert_eq!(copied([tag(one), tag(one)].concat().as_bytes()), Some(one.into()));
        assert_eq!(copied([tag(one), tag(two)].concat().as_bytes()), None);
        for unreadable in ["", "nachrichtenUUID", "<nachrichtenUUID>7b2d4c10", "kein XML"] {
            assert_eq!(copied(unreadable.as_bytes()), None, "{unreadable}");
        }
    }

    #[test]
    fn what_cannot_be_read_blocks_an_office_that_keeps_a_register() {
        let message = message();
        let settling = |partner: &'static str| {
            let envelope = &message.envelope;
            hook().unread(&Settling {
                head: &envelope.head,
                body: &envelope.body,
                content: [1; 32],
                partner,
                identity: None,
                now: message.now(),
                state: Inbound::Rejected,
                rejections: &[],
            })
        };
        let said = settling("jugendamt-bremen");
        assert_eq!(said.timers.len(), 1, "its office is told");
        let opening = opened(&said.changes).unwrap();
        assert_eq!((opening.why, opening.under.len(), opening.about.len()), (Why::Unreadable, 0, 1));
        assert!(settling("kita-portal").changes.is_empty());
    }
}
