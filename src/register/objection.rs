//! What speaks against a Negativauskunft although no Registersatz says so: deliveries that the house holds and that have not had
//! their effect (rules.md 2.1, which calls them notes). Values and their keys; nothing here opens, closes or decides.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::register::geburtseintrag::Geburtseintrag;
use crate::register::gemeinden::Gemeinden;
use crate::register::keys::form::falten;
use crate::register::keys::{self, Gesucht, SearchKey};
use crate::register::namen::{self, Wort};
use crate::register::once::once;
use crate::register::record::{Kind, Kopf, Mutter, Record};
use crate::register::uhr::LONGEST;

/// Most objections that one look gives back; beyond it there are simply too many.
pub const MOST: usize = 1000;

/// Why a delivery has not had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was refused.
    Rejected,
    /// It waits for a person.
    Parked,
    /// It is kept apart.
    Quarantined,
    /// It waits for another one.
    Waiting,
    /// Nobody knows of which child it speaks: it blocks its office.
    Unreadable,
    /// Another office than that of the birthplace sent it: only a hint for that one, it stands against nothing.
    Foreign,
    /// A notice whose birthplace has no single office: nobody could close it but two persons of the operator. It stands against answers
    /// by its Vorgang; this is how it is listed and released. Of no office, and its `delivery` is the UUID of the notice.
    Unowned,
}

impl Why {
    /// All of them.
    pub const ALL: &'static [Why] = &[
        Why::Rejected,
        Why::Parked,
        Why::Quarantined,
        Why::Waiting,
        Why::Unreadable,
        Why::Foreign,
        Why::Unowned,
    ];

    /// As it stands in rows and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Rejected => "rejected",
            Why::Parked => "parked",
            Why::Quarantined => "quarantined",
            Why::Waiting => "waiting",
            Why::Unreadable => "unreadable",
            Why::Foreign => "foreign",
            Why::Unowned => "unowned",
        }
    }

    /// From a stored word.
    pub fn from_stored(word: &str) -> Option<Why> {
        Why::ALL.iter().copied().find(|why| why.as_str() == word)
    }
}

/// A delivery that is to stand against answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    /// The office (partner) that may close it: the sender, or of a hint the one whose register it is.
    pub amt: String,
    /// Hash of what was delivered: the same content of the same office counts once, open or closed.
    pub content: [u8; 32],
    /// Our id of the delivery, which the sender is told.
    pub delivery: Uuid,
    /// Why it had no effect.
    pub why: Why,
    /// Type of the message, empty where it was not detected.
    pub message: String,
    /// When the office says that it made it; see [`made`].
    pub made: Timestamp,
    /// When it was received.
    pub since: Timestamp,
    /// Keys under which a decision meets it; none for what blocks an office as a whole.
    pub under: Vec<SearchKey>,
    /// Keys by which a later delivery, a readable copy or the deletion of the record ends it.
    pub about: Vec<SearchKey>,
    /// The day on which the child is of age, where it is known: then it goes.
    pub ends: Option<Date>,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opening({} of {}, {})", self.why.as_str(), self.amt, self.delivery)
    }
}

/// Which objections are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that this delivery opened.
    Delivery(Uuid),
    /// What this delivery blocks, because it could be read after all.
    Block(Uuid),
    /// Those of these offices under any of these keys that were made before a moment; those that block an office whenever they were.
    About {
        /// The office with those that it took over from.
        aemter: Vec<String>,
        /// The keys.
        keys: Vec<SearchKey>,
        /// Exclusive.
        before: Timestamp,
    },
    /// All of these offices that were made before a moment and received in a span before it.
    Office {
        /// The office with those that it took over from.
        aemter: Vec<String>,
        /// Received at the earliest.
        from: Timestamp,
        /// Exclusive.
        before: Timestamp,
    },
}

/// A change of what stands against answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectionChange {
    /// Opens one, unless the same content of this office was counted before. Who decided under its keys decides again.
    Open(Box<Opening>),
    /// Closes some.
    Close {
        /// Which.
        which: Which,
        /// By what, such as `erledigt`; no person data.
        by: &'static str,
    },
    /// Notes that a first person of the operator releases what a delivery opened.
    Release {
        /// The delivery.
        delivery: Uuid,
        /// By whom, when, and with which Aktenzeichen.
        word: Released,
    },
}

/// The [`Opening::made`] of a notice that is a task: nothing that an office makes, and no comparison, is later than it, so it ends with the
/// task alone. A moment and no mark of its own, so that a program before this one leaves it open, too.
pub const MADE_OF_NOTICE: Timestamp = Timestamp::MAX;

/// The [`Opening::content`] of what is told apart by an id and not by its octets.
pub fn by_id(id: Uuid) -> [u8; 32] {
    let mut content = [0; 32];
    content[..16].copy_from_slice(id.as_bytes());
    content
}

/// How long a first person's release waits for the second (rules.md 9).
pub const SECOND_PERSON: SignedDuration = SignedDuration::from_hours(24);

/// Whether two names are those of one person: who writes the own name in another case, or with a blank more, is no second one.
pub fn dieselbe_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// What is open under a key; one is enough.
    Under(SearchKey),
    /// What this delivery opened, closed ones too.
    Delivery(Uuid),
    /// What blocks an office as a whole; the oldest is enough.
    Blocks(String),
    /// All that is open of an office, hints too.
    Open(String),
}

/// An objection as it is kept; nothing in it names a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The office that may close it.
    pub amt: String,
    /// Our id of the delivery.
    pub delivery: Uuid,
    /// Why the delivery had no effect.
    pub why: Why,
    /// Type of the message, empty where it was not detected.
    pub message: String,
    /// When the office says that it made it; see [`made`].
    pub made: Timestamp,
    /// Since when it stands against answers.
    pub since: Timestamp,
    /// When and by what it was closed.
    pub closed: Option<(Timestamp, String)>,
    /// What a first person of the operator said to release it, if one did.
    pub released: Option<Released>,
}

/// The word of a first person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub person: String,
    /// The office's Aktenzeichen, with which the second person has to come, too; a program before this one did not keep it.
    pub aktenzeichen: Option<String>,
}

impl Objection {
    /// Whether it stands until a word ends it, as the notice of another authority does; see [`MADE_OF_NOTICE`].
    pub fn of_notice(&self) -> bool {
        self.made.as_second() == MADE_OF_NOTICE.as_second()
    }

    /// Whether it lists for the office whose register the child's is what another one delivered.
    pub fn of_other(&self) -> bool {
        self.of_notice() && self.why == Why::Rejected
    }
}

/// All keys under which a decision about this child would meet a delivery about it, or about one near to it.
///
/// An objection is met by its keys alone, so of a Registersatz's keys only those serve that mean nearness by themselves; the keys
/// of what is open cover what the others find. There are few objections and many requests, so a date that is known in part stands
/// for each of its days here, and no request asks for parts.
pub fn under(orte: &Gemeinden, kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let near = kind.map(|kind| keys::nahe_tage(kind, mutter)).unwrap_or_default();
    let offen = keys::offen(orte, kind, mutter).into_iter().chain(keys::ihre_tage(kind, mutter));
    // Some hundred where a date is known in part.
    let all: BTreeSet<SearchKey> = offen.chain(near).collect();
    all.into_iter().collect()
}

/// The keys under which a decision asks for objections.
pub fn asked(gesucht: &Gesucht) -> Vec<SearchKey> {
    let Gesucht { offen, platz, nahe, .. } = gesucht;
    // Both days are a key of what is open, too.
    once(offen.iter().chain(platz).chain(nahe.iter().skip(1)).cloned())
}

/// Of somebody with more names than this the first ones are looked at: an objection that is closed too seldom is closed by a person.
const NAMEN: usize = 6;

/// By what two deliveries speak of the same child.
enum Gleich {
    /// A key that both have: before a birth all that is known, afterwards both dates, all given names of the child, one of the mother's
    /// and one family name of either. Both dates with the child's given names alone are two children where many are born, or registered,
    /// on the same days.
    Ganz(SearchKey),
    /// Both dates with the birth entry, read for certain and written in one form.
    Eintrag {
        /// Both dates and the parts of the entry.
        teile: Vec<String>,
        /// Each given name; none of a child that has none yet.
        vornamen: Vec<Wort>,
    },
}

/// Strict where [`under`] is generous: an objection that is closed for the wrong child lets an answer out. Twins share both
/// dates, so without a name or a number nothing is the same child; before a birth all that is known must be equal.
fn gleich(kind: &Kind, mutter: &Mutter) -> Vec<Gleich> {
    let mother = mutter.geburtsdatum;
    let Some(born) = kind.geburtsdatum else { return vec![Gleich::Ganz(keys::child(kind, mutter))] };
    if !born.vollstaendig() || !mother.vollstaendig() {
        return Vec::new();
    }
    let days = [born.to_string(), mother.to_string()];
    let given = gefaltet(kind.namen.iter().map(|name| &name.vornamen));
    let hers: Vec<Wort> = namen::vornamen(&mutter.name).into_iter().take(NAMEN).collect();
    let named_so = kind.namen.iter().chain([&mutter.name]);
    let families = gefaltet(named_so.flat_map(|name| [&name.familienname, &name.geburtsname]));
    let named = |parts: [&str; 3]| {
        let days = days.iter().map(String::as_str);
        Gleich::Ganz(SearchKey::new("gleich-namen", days.chain(parts)))
    };
    let mut whole = Vec::new();
    for given in &given {
        for hers in &hers {
            whole.extend(families.iter().map(|family| named([given, hers.grob(), family])));
        }
    }
    let entry = Geburtseintrag::of(kind).map(|entry| Gleich::Eintrag {
        teile: days.iter().cloned().chain(entry.teile()).collect(),
        vornamen: kind.namen.iter().flat_map(namen::vornamen).collect(),
    });
    whole.into_iter().chain(entry).collect()
}

/// The whole names of several, each once.
fn gefaltet<'a>(names: impl Iterator<Item = &'a Option<String>>) -> Vec<String> {
    let mut folded = once(names.flatten().map(|name| falten(name)).filter(|name| !name.is_empty()));
    folded.truncate(NAMEN);
    folded
}

/// A key of a birth entry together with one given name, or with none.
fn mit_eintrag(teile: &[String], vorname: &str) -> SearchKey {
    SearchKey::new("gleich-eintrag", teile.iter().map(String::as_str).chain([vorname]))
}

/// The keys by which a later delivery speaks of the same child as this one, however its place is written and one family name of it. An
/// entry alone is not enough where the given names share nothing: it may be the twin's, mistyped.
pub fn about(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let of = |gleich: Gleich| -> Vec<SearchKey> {
        match gleich {
            Gleich::Ganz(key) => vec![key],
            Gleich::Eintrag { teile, vornamen } if vornamen.is_empty() => vec![mit_eintrag(&teile, "")],
            Gleich::Eintrag { teile, vornamen } => {
                vornamen.iter().map(|word| mit_eintrag(&teile, word.grob())).collect()
            }
        }
    };
    once(gleich(kind, mutter).into_iter().flat_map(of))
}

/// The keys of [`about`] that a delivery of this child ends. Whoever has a given name now may have had none before; a name that was
/// given does not go again.
pub fn closes(kind: &Kind, mutter: &Mutter) -> Vec<SearchKey> {
    let before = gleich(kind, mutter).into_iter().filter_map(|gleich| match gleich {
        Gleich::Eintrag { teile, .. } => Some(mit_eintrag(&teile, "")),
        Gleich::Ganz(_) => None,
    });
    once(about(kind, mutter).into_iter().chain(before))
}

/// The key that ties a readable copy to what could not be read: the message's own UUID.
pub fn copy(uuid: &str) -> SearchKey {
    SearchKey::new("kopie", [uuid.trim()])
}

/// The key that ties deliveries of the same octets, by their hash.
pub fn inhalt(content: &[u8; 32]) -> SearchKey {
    SearchKey::new("inhalt", [hex::encode(content).as_str()])
}

/// The child and mother of which a delivery speaks: as they stood, and as they stand now.
pub fn spoken_of(record: &Record) -> Vec<(Option<&Kind>, &Mutter)> {
    let neu = record.neu.as_deref();
    let mutter = record.mutter.as_ref();
    let after = neu.and_then(|neu| neu.mutter.as_ref()).or(mutter);
    let kind = neu.and_then(|neu| neu.kind.as_ref()).or(record.kind.as_ref());
    let mut both: Vec<(Option<&Kind>, &Mutter)> = Vec::new();
    both.extend(mutter.map(|mutter| (record.kind.as_ref(), mutter)));
    if neu.is_some() {
        both.extend(after.map(|mutter| (kind, mutter)));
    }
    both
}

/// The moment by which a delivery of an office closes what another one stands for: what the office says, by its own clock also where that
/// is ahead. By their receipts (rules.md 2.2) one that was held up on its way would close what was made after it, as soon as the office's
/// clock is ahead of ours, and what is closed lets an answer out. What lies further ahead than is taken tells no order: then its receipt.
pub fn made(kopf: &Kopf, received: Timestamp) -> Timestamp {
    kopf.stamped().filter(|said| said.duration_since(received) <= LONGEST).unwrap_or(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::record::{Personenname, TeilDatum};
    use crate::register::testing::{kind, mutter};

    /// Whether a later delivery of one child ends what an earlier one says.
    fn ends(later: &Kind, earlier: &Kind) -> bool {
        let keys = about(earlier, &mutter());
        closes(later, &mutter()).iter().any(|key| keys.contains(key))
    }

    fn same(one: &Kind, other: &Kind) -> bool {
        ends(one, other) && ends(other, one)
    }

    fn named(given: Option<&str>, number: Option<&str>) -> Kind {
        let mut kind = kind();
        kind.namen[0].vornamen = given.map(str::to_owned);
        kind.geburtsregister_nummer = number.map(str::to_owned);
        kind
    }

    #[test]
    fn one_child_is_the_same_however_its_place_and_family_name_are_written() {
        let mut elsewhere = named(Some("Lía"), None);
        elsewhere.geburtsort = Some("Bremen an der Muster".into());
        elsewhere.namen[0].familienname = Some("Muster".into());
        assert!(same(&named(Some("LIA"), None), &elsewhere));
        assert!(same(&named(Some("Lía Marie"), Some("1234/2024")), &named(Some("Lía"), Some("2024/01234"))));
    }

    #[test]
    fn children_of_one_day_whose_mothers_have_one_day_are_told_apart_by_her_and_the_family() {
        let (child, hers) = (named(Some("Lía"), None), mutter());
        let ends = |family: &str, given: &str, born: &str| {
            let mut later = child.clone();
            later.namen[0].familienname = Some(family.into());
            let (vornamen, geburtsname) = (Some(given.into()), Some(born.into()));
            let name = Personenname { familienname: Some(family.into()), geburtsname, vornamen };
            let keys = about(&child, &hers);
            closes(&later, &Mutter { name, ..mutter() }).iter().any(|key| keys.contains(key))
        };
        assert!(ends("Müller", "Zoë", "Sommer") && ends("Sommer", "Marie", "MUELLER"));
        assert!(!ends("Sommer", "Zoë", "Winter"), "no family name agrees");
        assert!(!ends("Müller", "Rosa", "Müller"), "another mother");
    }

    #[test]
    fn twins_and_unnamed_children_are_not_taken_for_each_other() {
        assert!(!same(&named(Some("Anna Maria"), Some("1/2024")), &named(Some("Anna Lena"), Some("2/2024"))));
        assert!(!same(&named(None, None), &named(None, None)));
        assert!(same(&named(None, Some("1/2024")), &named(None, Some("2024/01"))));
        let year = |kind: Kind| Kind { geburtsdatum: TeilDatum::parse("2024"), ..kind };
        assert!(!same(&year(named(Some("Lía"), None)), &year(named(Some("Lía"), None))));
        let unborn = Kind { geburtsdatum: None, erwartet: TeilDatum::parse("2024-08"), ..Kind::default() };
        assert!(same(&unborn, &unborn) && !same(&unborn, &kind()));
    }

    #[test]
    fn an_entry_is_not_enough_where_given_names_contradict_each_other() {
        let (lia, noah) = (named(Some("Lía"), Some("1/2024")), named(Some("Noah"), Some("1/2024")));
        assert!(!ends(&noah, &lia) && !ends(&lia, &noah), "the number may be the twin's, mistyped");
        let unnamed = named(None, Some("1/2024"));
        assert!(ends(&lia, &unnamed), "it has been named since");
        assert!(!ends(&unnamed, &lia), "a name does not go again: it is the twin without one");
        assert!(ends(&named(Some("Marie Lia"), Some("1/2024")), &lia), "in whatever order");
    }

    #[test]
    fn an_entry_of_a_birth_is_the_same_only_where_it_is_read_for_certain() {
        let at = |number: &str, amt: Option<&str>| Kind {
            geburtsstandesamt: amt.map(str::to_owned),
            ..named(None, Some(number))
        };
        let mitte = Some("Standesamt Bremen-Mitte");
        for (one, other, is_same) in [
            (at("1234/2024", None), at("G 01234/24", None), true),
            (at("1234/2024", mitte), at("2024/1234", Some("Bremen-Mitte")), true),
            (at("1234/2024", mitte), at("1234/2024", Some("Standesamt Kiel")), false),
            (at("1234/2024", mitte), at("1234/2024", None), false),
            (at("1234a/2024", None), at("1234b/2024", None), false),
            (at("1234/2024", None), at("1234", None), false),
            (at("1/2/3", None), at("3/2/1", None), false),
        ] {
            assert_eq!(same(&one, &other), is_same);
        }
    }

    #[test]
    fn whoever_is_asked_for_meets_what_stands_under_its_own_data() {
        let orte = orte();
        let keys = under(&orte, Some(&kind()), &mutter());
        let asked = questions(&orte, &kind());
        let near = keys::near(&kind(), &mutter());
        assert!(near.iter().all(|key| keys.contains(key)));
        assert!(
            near[1..].iter().all(|key| asked.contains(key)),
            "both days stand under a key of what is open"
        );
        assert!(keys.iter().any(|key| !near.contains(key) && asked.contains(key)));
        assert!(keys.len() > keys::offen(&orte, Some(&kind()), &mutter()).len());
    }

    fn orte() -> Gemeinden {
        let mut orte = Gemeinden::default();
        for (ars, name) in
            [("040110000000", "Bremen"), ("150020000000", "Halle (Saale)"), ("110000000000", "Berlin")]
        {
            orte.add(crate::register::gemeinden::falten(name), ars);
        }
        for (ars, name) in [("040110000000", "Bremen-Vegesack"), ("150020000000", "Halle")] {
            orte.add_weiteren(crate::register::gemeinden::falten(name), ars);
        }
        orte
    }

    fn questions(orte: &Gemeinden, kind: &Kind) -> Vec<SearchKey> {
        asked(&Gesucht::of(orte, kind, &mutter()))
    }

    /// Somebody else in every name and day.
    fn fremde() -> Mutter {
        Mutter {
            name: Personenname {
                familienname: Some("Sommer".into()),
                geburtsname: None,
                vornamen: Some("Rosa".into()),
            },
            geburtsdatum: TeilDatum::parse("1971-01-01").unwrap(),
            ..Mutter::default()
        }
    }

    #[test]
    fn a_place_is_one_under_all_its_names_and_its_key() {
        let orte = orte();
        let at = |ort: &str, ars: Option<&str>| {
            let mut kind =
                Kind { geburtsort: Some(ort.into()), register_ars: ars.map(str::to_owned), ..kind() };
            kind.namen[0].vornamen = Some("Lía Johanna".into());
            kind
        };
        let key = Some("040110000000");
        for (delivered, wanted, met) in [
            (at("Bremen an der Muster", key), at("Bremen", key), true),
            (at("Bremen an der Muster", key), at("Bremen-Vegesack", key), true),
            (at("Bremen an der Muster", key), at("Bremen", None), true),
            (at("Bremen-Vegesack", key), at("Bremen", key), true),
            (at("Bremen-Vegesack", None), at("Bremen", key), true),
            (at("Bremen", None), at("Bremen-Vegesack", key), true),
            (at("Bremen, Stadt", None), at("Bremen", None), true),
            (at("Halle/Saale", None), at("Halle", Some("150020000000")), true),
            (at("Halle", Some("150020000000")), at("Halle (Saale)", None), true),
            // Name and key contradict each other: it may be either.
            (at("Berlin", key), at("Bremen", key), true),
            (at("Berlin", key), at("Berlin", Some("110000000000")), true),
            (at("Berlin", Some("110000000000")), at("Bremen", key), false),
            (at("Nirgendwo", None), at("Bremen", key), false),
        ] {
            // Of the names of the child only some agree: no near key meets.
            let wanted = Kind { namen: kind().namen, ..wanted };
            let keys = under(&orte, Some(&delivered), &fremde());
            let found = questions(&orte, &wanted).iter().any(|key| keys.contains(key));
            assert_eq!(found, met, "{:?} {:?}", delivered.geburtsort, wanted.geburtsort);
            // A notice, which has no key of its own to be met by.
            let notice =
                keys::offen(&orte, Some(&Kind { register_ars: None, ..delivered.clone() }), &fremde());
            let found = Gesucht::of(&orte, &wanted, &mutter()).offen.iter().any(|key| notice.contains(key));
            let known = !delivered.geburtsort.as_deref().unwrap_or_default().contains("Muster");
            if known && delivered.geburtsort.as_deref() != Some("Berlin") {
                assert_eq!(found, met, "notice {:?} {:?}", delivered.geburtsort, wanted.geburtsort);
            }
        }
    }

    #[test]
    fn what_was_left_before_is_met_by_the_key_of_its_place() {
        // Under the key as it was delivered, without any name of a table.
        let delivered = Kind { geburtsort: Some("Bremen an der Muster".into()), ..kind() };
        let before = under(&Gemeinden::default(), Some(&delivered), &fremde());
        assert!(questions(&orte(), &kind()).iter().any(|key| before.contains(key)));
    }

    #[test]
    fn a_date_known_in_part_is_met_by_the_whole_one() {
        let orte = orte();
        let meets = |kind: &Kind, mother: &Mutter| {
            let keys = under(&orte, Some(kind), mother);
            questions(&orte, &self::kind()).iter().any(|key| keys.contains(key))
        };
        let born = |text: &str| Kind { geburtsdatum: TeilDatum::parse(text), ..kind() };
        assert!(
            meets(&born("2024-08"), &fremde()) && meets(&born("2024"), &fremde()),
            "its names with its month"
        );
        assert!(!meets(&born("2024-09"), &fremde()));
        let hers = |text: &str, name: Personenname| Mutter {
            geburtsdatum: TeilDatum::parse(text).unwrap(),
            name,
            ..mutter()
        };
        let only = |name: &str| Personenname { familienname: Some(name.into()), ..fremde().name };
        let late = Kind { erwartet: TeilDatum::parse("2027-02"), ..Kind::default() };
        for (text, name, met) in [
            ("1994-03", "Müller", true),
            ("1994", "CIRKOVIC", true),
            ("1994-04", "Müller", false),
            ("1994", "Sommer", false),
        ] {
            assert_eq!(meets(&late, &hers(text, only(name))), met, "{text} {name}");
        }
    }

    #[test]
    fn what_an_office_made_is_ordered_by_its_own_clock_within_what_is_taken() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let received = at("2026-11-21T10:00:00Z");
        let said =
            |text: &str| made(&Kopf { erstellungszeitpunkt: text.into(), ..Kopf::default() }, received);
        assert_eq!(said("2026-11-21T09:00:00Z"), at("2026-11-21T09:00:00Z"));
        assert_eq!(said("2026-11-21T19:00:00Z"), at("2026-11-21T19:00:00Z"));
        assert_eq!(said("2026-11-22T10:00:01Z"), received, "more than a day ahead");
        assert_eq!(said("yesterday"), received);
    }
}
