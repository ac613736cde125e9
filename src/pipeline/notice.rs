//! What a notice of another authority leaves besides its Vorgang: the keys under which it stands against answers until its task ends, and
//! what lists it for whoever can end it. Shared by the verbs that keep notices; decides nothing and ends nothing itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::effects::{Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::authorise_area::may_own;
use crate::pipeline::offene;
use crate::register::aemter::{Amt, tag};
use crate::register::aenderung::Verborgen;
use crate::register::fristen::satz_endet;
use crate::register::gemeinden::{Geburtsplatz, Gemeinden};
use crate::register::keys::{self, SearchKey};
use crate::register::namen;
use crate::register::objection::{self, MADE_OF_NOTICE, ObjectionChange, Opening, Why};
use crate::register::once::once;
use crate::register::record::{Kind, Mutter};
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Akte;
use crate::rejection::{Fault, Rejection};

/// The kind of the restricted record of every notice, whatever verb keeps it.
pub const ART: &str = "hinweis";

/// Of whom a notice speaks: a child and its mother, as far as each is known.
pub type Paar<'a> = (Option<&'a Kind>, Mutter);

/// A sender that names an authority by its key is that authority.
pub fn own_sender(message: &Message) -> Result<(), Rejection> {
    let autor = &message.record.kopf.autor;
    if autor.kennung.is_empty() || message.sender.identities.contains(&autor.key()) {
        return Ok(());
    }
    let text = "Der Absender der Nachricht ist nicht die Stelle, die sie eingeliefert hat.";
    Err(Rejection::new(Fault::Authority, text).rule("absender-fremd"))
}

/// The key of the one place where all these children were born; none where that is not certain.
pub fn one_place<'a>(orte: &Gemeinden, kinder: impl Iterator<Item = &'a Kind>) -> Option<String> {
    let place = |kind: &Kind| match orte.platz(kind) {
        Geburtsplatz::Gemeinde(ars) | Geburtsplatz::Register(ars) => Some(ars.to_owned()),
        Geburtsplatz::Offen => None,
    };
    let places: BTreeSet<Option<String>> = kinder.map(place).collect();
    match places.len() {
        1 => places.into_iter().next().flatten(),
        _ => None,
    }
}

/// The keys that one of these makes of each pair, each once.
pub fn all_of(paare: &[Paar<'_>], keys: impl Fn(Option<&Kind>, &Mutter) -> Vec<SearchKey>) -> Vec<SearchKey> {
    let all: BTreeSet<SearchKey> = paare.iter().flat_map(|(kind, mutter)| keys(*kind, mutter)).collect();
    all.into_iter().collect()
}

/// The keys under which a notice is open as a Vorgang.
pub fn open_under(orte: &Gemeinden, paare: &[Paar<'_>]) -> Vec<SearchKey> {
    all_of(paare, |kind, mutter| keys::hinweis_unter(orte, kind, mutter))
}

/// The keys under which whoever asks as one of these mothers is met, although her day is known in part or not at all.
pub fn of_hidden(orte: &Gemeinden, verborgen: &Verborgen) -> Vec<SearchKey> {
    let of = |mutter: &Mutter| match mutter.geburtsdatum.jahr > 0 {
        true => [keys::ihre_tage(None, mutter), of_her_day(mutter)].concat(),
        false => [keys::offen(orte, None, mutter), of_her_name(None, mutter)].concat(),
    };
    verborgen.muetter.iter().flat_map(of).collect()
}

/// Of a mother whose family or given name is not said her days alone are what she is met by.
fn of_her_day(mutter: &Mutter) -> Vec<SearchKey> {
    match namen::benannt(&mutter.name) {
        true => Vec::new(),
        false => keys::nur_tage(None, Some(&mutter.geburtsdatum)),
    }
}

/// Of a mother whose day is not said, and not both of her names, nor a child of hers with its day: nothing else meets her.
fn of_her_name(kind: Option<&Kind>, mutter: &Mutter) -> Vec<SearchKey> {
    let dated = kind.and_then(|kind| kind.geburtsdatum).is_some_and(|datum| datum.jahr > 0);
    match dated || mutter.geburtsdatum.jahr > 0 || namen::benannt(&mutter.name) {
        true => Vec::new(),
        false => keys::nur_namen(mutter),
    }
}

/// Whether what stands for a state says that none is known: keys of the table of nationalities (without, not known, not said), which that of
/// states does not have.
fn unbekannt(staat: &str) -> bool {
    ["997", "998", "999"].contains(&staat)
}

/// The offices whose registers one of these children may stand in, of which too little is said to find it: each says nothing by itself
/// until the notice has ended. A state that is not known is that of no place abroad.
pub fn may_hold(tafeln: &Arc<Tafeln>, kinder: &[Kind], now: Timestamp) -> Vec<String> {
    let am = tag(now);
    let anywhere = kinder.iter().filter(|kind| kind.geburtsstaat.as_deref().is_some_and(unbekannt));
    let anywhere = anywhere.map(|kind| Kind { geburtsstaat: None, ..kind.clone() });
    let kinder: Vec<Kind> = kinder.iter().cloned().chain(anywhere).collect();
    let may = |amt: &&Amt| kinder.iter().any(|kind| may_own(tafeln, &amt.id, kind, am));
    tafeln.aemter.aemter.iter().filter(may).map(|amt| amt.id.clone()).collect()
}

/// What stands against answers for a notice of these, also under the near keys and each day of a date that is known in part. Nothing that
/// is delivered, deleted or compared ends it: its task does.
pub fn opening(
    message: &Message,
    orte: &Gemeinden,
    (amt, why): (&str, Why),
    (delivery, content): (Uuid, Uuid),
    paare: &[Paar<'_>],
) -> Opening {
    Opening {
        amt: amt.to_owned(),
        content: objection::by_id(content),
        delivery,
        why,
        message: message.identity.message.clone(),
        made: MADE_OF_NOTICE,
        since: message.now(),
        under: all_of(paare, |kind, mutter| {
            let under = objection::under(orte, kind, mutter).into_iter().filter(SearchKey::ohne_luecke);
            under.chain(of_her_name(kind, mutter)).collect()
        }),
        about: Vec::new(),
        ends: paare.iter().filter_map(|(kind, _)| kind.and_then(satz_endet)).max(),
    }
}

/// Opens it; `listed`: the office that it is for is told of it with its daily list.
pub fn open(message: &mut Message, opening: Opening, listed: bool) {
    if listed {
        let next = offene::next_list(&opening.amt, message.now(), message.identity.test);
        message.effects.timers.extend(next);
    }
    message.effects.objections.push(ObjectionChange::Open(Box::new(opening)));
}

/// What leads from another name of a notice to its task, which stands under the id `to`.
pub fn leads_to(message: &Message, vorgang: &Vorgang, name: &str, to: &str) -> VorgangChange {
    let akte = Akte {
        art: ALIAS.to_owned(),
        partner: message.sender.id.clone(),
        nummer: Some(message.envelope.head.id),
        transaktionsid: Some(to.to_owned()),
        ..Akte::default()
    };
    VorgangChange { key: keys::hinweis(name), vorgang: Vorgang { akte, ..vorgang.clone() } }
}

/// What leads from the UUID of a change of persons to its tasks, by their ids, and to those that stood there before: other senders may have
/// used the same UUID, and none of them is told.
pub fn leads_to_tasks(message: &Message, before: Option<&Vorgang>, tasks: &[Uuid]) -> VorgangChange {
    let stood = before.iter().flat_map(|alias| &alias.akte.offen);
    let offen = once(stood.chain(tasks).copied());
    let vorgang = Vorgang {
        id: message.derived_id("aenderung"),
        owner: String::new(),
        state: VorgangState::BeimJugendamt,
        deadline: None,
        akte: Akte {
            art: ALIAS.to_owned(),
            nummer: Some(message.envelope.head.id),
            offen,
            ..Akte::default()
        },
    };
    VorgangChange { key: keys::aenderung(&message.record.kopf.nachrichten_uuid), vorgang }
}

/// The record of a task: what whoever ends it has to know, and of the persons nothing but blind words.
pub fn akte(message: &Message, nummer: Uuid, under: &[SearchKey]) -> Akte {
    Akte {
        art: ART.to_owned(),
        partner: message.sender.id.clone(),
        nummer: Some(nummer),
        unter: keys::in_worten(under),
        ..Akte::default()
    }
}
