//! From a request, its login, what was found and the tables of the stage to the facts that the decision table looks at.
//! It never decides: whatever is missing or unclear becomes the value that no automatic answer has.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use crate::register::aemter::{AGS, ARS, Amt, Zustaendig, tag};
use crate::register::anmeldung::Rolle;
use crate::register::entscheidung::{Befund, Kandidat, Treffer};
use crate::register::gemeinden::falten;
use crate::register::merkmale::{Merkmal, Sachverhalt};
use crate::register::record::{Anschrift, Kind, Mutter, Record, Registersatz, TeilDatum, Zusatzangaben};
use crate::register::suche;
use crate::register::tafeln::{Ortsangabe, Tafeln};

/// Age at which a person is of age (§ 2 BGB), years.
const VOLLJAEHRIG: i16 = 18;
/// The entry codes there are.
const ARTEN: &[&str] = &["01", "02", "03", "04"];
/// The code of the Sperrvermerk.
const SPERRVERMERK: &str = "03";

/// How old a Bestandsmeldung may be: a day and the time an office may be late with it.
pub const MELDEFRIST: Duration = Duration::from_secs(26 * 3600);

/// Everything that facts are made from.
pub struct Lage<'a> {
    /// Who is logged in; `None` where the login does not carry the request.
    pub rolle: Option<Rolle>,
    /// Whether the partner is admitted for this use.
    pub zugelassen: bool,
    /// The request.
    pub record: &'a Record,
    /// What the search met.
    pub befund: &'a Befund,
    /// The tables of the stage.
    pub tafeln: &'a Tafeln,
    /// The partners that are reached.
    pub angebunden: &'a BTreeSet<String>,
    /// Now of the run.
    pub now: Timestamp,
    /// How old a Bestandsmeldung may be.
    pub meldefrist: Duration,
}

/// The facts, and whom and what they were made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Tatsachen {
    /// The facts.
    pub sachverhalt: Sachverhalt,
    /// The Jugendamt of the mother's residence, where it is exactly one.
    pub wohnort_amt: Option<String>,
    /// The Jugendamt that keeps the register, where it is exactly one.
    pub geburts_amt: Option<String>,
    /// The one exact Registersatz.
    pub registersatz: Option<Uuid>,
}

/// Where a child was born, as far as competence needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Geburtsort<'a> {
    /// One place in Germany, with the office that keeps its register.
    Eindeutig(Zustaendig<'a>),
    /// No place, or several of this name, or name and key contradict each other.
    NichtEindeutig,
    /// Abroad: the office that keeps the register for it.
    Ausland(Zustaendig<'a>),
}

impl<'a> Geburtsort<'a> {
    /// The office that keeps the register, where it is exactly one.
    pub fn amt(self) -> Option<&'a Amt> {
        match self {
            Geburtsort::Eindeutig(amt) | Geburtsort::Ausland(amt) => amt.eines(),
            Geburtsort::NichtEindeutig => None,
        }
    }
}

/// Establishes the facts.
pub fn feststellen(lage: &Lage<'_>) -> Tatsachen {
    let heute = tag(lage.now);
    let record = lage.record;
    let wohnort =
        record.mutter.as_ref().map_or(Zustaendig::Keines, |mutter| wohnort(mutter, lage.tafeln, heute));
    let ort =
        record.kind.as_ref().map_or(Geburtsort::NichtEindeutig, |kind| geburtsort(kind, lage.tafeln, heute));
    let geburts_amt = ort.amt();
    let (treffer, kandidat) = treffer(&lage.befund.kandidaten);
    // One office may keep both the place and the key: whose register it is says nothing of whether they are one place. That of a register is
    // its office's, so what the record has beside the same name is right, too.
    let key_contradicts = record.kind.as_ref().is_some_and(|kind| {
        let mut stored = lage.befund.kandidaten.iter().map(|one| &one.registersatz.kind);
        let orte = &lage.tafeln.gemeinden;
        !orte.vertraegt(kind) && !stored.any(|one| suche::schluessel_stimmt(orte, kind, one))
    });
    let anmeldung = lage.rolle.map_or("ungueltig", Rolle::as_str);
    let ja_nein = |ja: bool| if ja { "ja" } else { "nein" };
    let geboren = record.kind.as_ref().and_then(|kind| kind.geburtsdatum);
    let frisch = geburts_amt.is_some()
        && lage.befund.bestand.as_ref().is_some_and(|b| b.vollstaendig_und_frisch(lage.now, lage.meldefrist));
    let klar = kandidat.is_none_or(|kandidat| {
        geburts_amt.is_some_and(|amt| lage.tafeln.aemter.gehoert(&kandidat.partner, &amt.id, heute))
            && klar(&kandidat.registersatz)
    });
    let gesperrt =
        |kandidat: &Kandidat| kandidat.registersatz.eintragung.arten.iter().any(|a| a == SPERRVERMERK);
    let sachverhalt = Sachverhalt::einwandfrei()
        .mit(Merkmal::Anmeldung, anmeldung)
        .mit(Merkmal::Partner, if lage.zugelassen { "zugelassen" } else { "nicht-zugelassen" })
        .mit(Merkmal::KindAlter, alter(geboren.as_ref(), heute))
        .mit(Merkmal::Zusatzangaben, zusatz(record.zusatz.as_ref()))
        .mit(Merkmal::MutterAlter, alter(record.mutter.as_ref().map(|mutter| &mutter.geburtsdatum), heute))
        .mit(
            Merkmal::Geburtsort,
            match ort {
                Geburtsort::Eindeutig(_) if key_contradicts => "nicht-eindeutig",
                Geburtsort::Eindeutig(_) => "eindeutig",
                Geburtsort::NichtEindeutig => "nicht-eindeutig",
                Geburtsort::Ausland(_) => "ausland",
            },
        )
        .mit(
            Merkmal::Geburtsdatum,
            if geboren.is_some_and(|datum| datum.vollstaendig()) { "vollstaendig" } else { "unvollstaendig" },
        )
        .mit(Merkmal::Jugendamt, aussteller(wohnort, lage.angebunden, heute))
        .mit(
            Merkmal::Register,
            if frisch { "vollstaendig-und-frisch" } else { "unvollstaendig-oder-veraltet" },
        )
        .mit(Merkmal::Offen, ja_nein(lage.befund.offen))
        .mit(Merkmal::Sperrvermerk, ja_nein(lage.befund.kandidaten.iter().any(gesperrt)))
        .mit(Merkmal::Treffer, treffer)
        .mit(Merkmal::Daten, if klar { "klar" } else { "unklar" })
        .mit(Merkmal::Arten, kandidat.map_or("unbekannt", |kandidat| arten(&kandidat.registersatz)));
    Tatsachen {
        sachverhalt,
        wohnort_amt: wohnort.eines().map(|amt| amt.id.clone()),
        geburts_amt: geburts_amt.map(|amt| amt.id.clone()),
        registersatz: kandidat.map(|kandidat| kandidat.id),
    }
}

/// The office of the mother's residence, where that is certain: one address, or the one of several that is marked as the main
/// one, whose key and town do not contradict each other. An address abroad leaves it open which residence is the habitual one.
pub fn wohnort<'a>(mutter: &Mutter, tafeln: &'a Tafeln, am: Date) -> Zustaendig<'a> {
    if mutter.ausland.is_some() {
        return Zustaendig::Mehrere;
    }
    let anschrift = match hauptwohnung(mutter) {
        Ok(Some(anschrift)) => anschrift,
        Ok(None) => return Zustaendig::Keines,
        Err(Mehrere) => return Zustaendig::Mehrere,
    };
    let schluessel = anschrift.gemeindeschluessel.as_deref().filter(|key| digits(key, &[AGS, ARS]));
    let Some(schluessel) = schluessel else { return Zustaendig::Keines };
    let ort = anschrift.wohnort.as_deref().filter(|ort| !ort.trim().is_empty());
    if ort.is_some_and(|ort| widersprechen(schluessel, ort, tafeln)) {
        return Zustaendig::Mehrere;
    }
    tafeln.aemter.zustaendig(schluessel, am)
}

/// Several residences, and nothing says which is the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mehrere;

/// The one address at which she lives, where it is certain; the same one twice is one.
pub fn hauptwohnung(mutter: &Mutter) -> Result<Option<&Anschrift>, Mehrere> {
    let marked: Vec<&Anschrift> =
        mutter.hauptwohnungen.iter().filter_map(|at| mutter.anschriften.get(*at)).collect();
    let all = if marked.is_empty() { mutter.anschriften.iter().collect() } else { marked };
    match all.split_first() {
        None => Ok(None),
        Some((first, others)) if others.iter().all(|other| other == first) => Ok(Some(first)),
        Some(_) => Err(Mehrere),
    }
}

/// Whether the name of a town is none that the table knows for the Gemeinde of this key. A stage without a table compares
/// nothing.
fn widersprechen(schluessel: &str, ort: &str, tafeln: &Tafeln) -> bool {
    !tafeln.gemeinden.is_empty() && !tafeln.gemeinden.heisst(&falten(ort), schluessel)
}

/// The birthplace of a child: its name where that means one place, and beside a key only what the table reconciles with it (rules.md 2.4).
pub fn geburtsort<'a>(kind: &Kind, tafeln: &'a Tafeln, am: Date) -> Geburtsort<'a> {
    if kind.im_ausland() {
        return Geburtsort::Ausland(tafeln.aemter.fuer_auslandsgeburten());
    }
    let key = kind.register_ars.as_deref().filter(|ars| !ars.is_empty());
    if key.is_some_and(|ars| !digits(ars, &[ARS])) {
        return Geburtsort::NichtEindeutig;
    }
    match tafeln.ortsangabe(kind.geburtsort.as_deref(), key, am) {
        Ortsangabe::Einig(amt) => Geburtsort::Eindeutig(amt),
        // A place that is not named is not certain, whatever key stands beside it; nor is one that the key does not fit.
        Ortsangabe::Mehrdeutig | Ortsangabe::Unbekannt | Ortsangabe::Widerspruch | Ortsangabe::OhneName => {
            Geburtsort::NichtEindeutig
        }
    }
}

fn digits(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// Whether somebody born then is of age on a day; a partial date counts only where it makes no difference.
///
/// Born on 29 February, one is of age on 1 March (§ 187(2), § 188(2) BGB).
pub fn alter(geboren: Option<&TeilDatum>, heute: Date) -> &'static str {
    let Some(geboren) = geboren.filter(|datum| datum.jahr > 0) else { return "unbekannt" };
    let of_age = |monat: i8, tag: i8| {
        let years = heute.year() - geboren.jahr - i16::from((heute.month(), heute.day()) < (monat, tag));
        years >= VOLLJAEHRIG
    };
    let earliest = of_age(geboren.monat.unwrap_or(1), geboren.tag.unwrap_or(1));
    let latest = of_age(geboren.monat.unwrap_or(12), geboren.tag.unwrap_or(31));
    match (earliest, latest) {
        (true, true) => "volljaehrig",
        (false, false) => "minderjaehrig",
        _ => "unbekannt",
    }
}

fn zusatz(zusatz: Option<&Zusatzangaben>) -> &'static str {
    let Some(zusatz) = zusatz else { return "unvollstaendig" };
    let answers = [
        zusatz.mit_vater_verheiratet,
        zusatz.bei_geburt_verheiratet,
        zusatz.gerichtliche_entscheidung,
        zusatz.gemeinsame_erklaerung,
    ];
    if answers.contains(&Some(true)) {
        "bejaht"
    } else if answers.contains(&None) {
        "unvollstaendig"
    } else {
        "alle-verneint"
    }
}

fn aussteller(wohnort: Zustaendig<'_>, angebunden: &BTreeSet<String>, heute: Date) -> &'static str {
    match wohnort {
        Zustaendig::Keines | Zustaendig::Mehrere => "nicht-eindeutig",
        Zustaendig::Eines(amt) if !angebunden.contains(&amt.id) => "nicht-angebunden",
        Zustaendig::Eines(amt) if !amt.freigegeben(heute) => "nicht-freigegeben",
        Zustaendig::Eines(_) => "freigegeben",
    }
}

fn treffer(kandidaten: &[Kandidat]) -> (&'static str, Option<&Kandidat>) {
    let mut genaue = kandidaten.iter().filter(|kandidat| kandidat.treffer == Treffer::Genau);
    let nahe = kandidaten.iter().any(|kandidat| kandidat.treffer == Treffer::Aehnlich);
    match (genaue.next(), genaue.next(), nahe) {
        (Some(einer), None, false) => ("genau-einer", Some(einer)),
        (None, _, false) => ("keiner", None),
        (None, _, true) => ("aehnlich", None),
        _ => ("mehrere", None),
    }
}

/// Neither contested nor being clarified, and what it says of its entries does not contradict itself.
fn klar(satz: &Registersatz) -> bool {
    let eintragung = &satz.eintragung;
    !satz.vermerk.belastet()
        && eintragung.vorhanden != eintragung.arten.is_empty()
        && eintragung.arten.iter().all(|art| ARTEN.contains(&art.as_str()))
}

fn arten(satz: &Registersatz) -> &'static str {
    let arten: Vec<&str> = satz.eintragung.arten.iter().map(String::as_str).collect();
    match arten.as_slice() {
        [] if !satz.eintragung.vorhanden => "keine",
        ["01"] => "nur-01",
        ["02"] => "nur-02",
        ["04"] => "nur-04",
        [_, _, ..] => "mehrere",
        _ => "unbekannt",
    }
}
