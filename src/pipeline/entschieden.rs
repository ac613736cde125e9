//! What every decision leaves behind, whoever made it: the decision on the message, the Vorgang with its restricted record, and
//! one line of the audit trail that is the same for all cases. The case letter stands in the restricted record only.

use uuid::Uuid;

use crate::effects::{Trace, Vorgang, VorgangChange, VorgangState};
use crate::message::Message;
use crate::pipeline::alias::alias;
use crate::register::antwort::Gefragt;
use crate::register::entscheidung::{Entscheidung, Ergebnis};
use crate::register::keys::{self, SearchKey};
use crate::register::record::{Postkorb, Record};
use crate::register::vorgang::{ANTRAG, Akte};

/// Value that says what becomes of a request.
pub const ERGEBNIS: &str = "ergebnis";
/// Value that says what a request is made for.
pub const VERWENDUNG: &str = "verwendung";
/// Value that says who is logged in.
pub const ANMELDUNG: &str = "anmeldung";
/// Of [`ANMELDUNG`]: the login does not carry the request.
pub const UNGUELTIG: &str = "ungueltig";
/// Of [`ANMELDUNG`]: there is no login, nobody can read it, or it is too old; the service has her log in again.
pub const ERNEUERN: &str = "erneuern";

/// The values of [`ANMELDUNG`] with which nothing is decided or looked up.
pub const STOPS: [&str; 2] = [UNGUELTIG, ERNEUERN];

/// Whether there is a login and it carries the request; not where nobody looked at it.
pub fn login_holds(message: &Message) -> bool {
    message.values.get(ANMELDUNG).is_some_and(|login| !STOPS.contains(&login.as_str()))
}

/// The key of the Vorgang that a request begins; a request without a transaktionsid has one of its own.
pub fn key(message: &Message) -> SearchKey {
    keys::vorgang(&message.sender.id, &transaktionsid(message))
}

/// The key of a Vorgang that a request began, from its record; `None` of what no request began.
pub fn key_of(akte: &Akte) -> Option<SearchKey> {
    Some(keys::vorgang(&akte.partner, &id_of(akte.transaktionsid.as_deref(), akte.nummer?)))
}

/// Of [`ERGEBNIS`]: whoever asked has withdrawn it before it was decided anew; nobody is told anything of it.
pub const ZURUECKGEZOGEN: &str = "zurueckgezogen";

/// Whether the message itself began this Vorgang.
pub fn own(message: &Message, vorgang: &Vorgang) -> bool {
    vorgang.akte.nummer == Some(message.envelope.head.id)
}

/// The partner's id of the Vorgang that a request begins.
fn transaktionsid(message: &Message) -> String {
    id_of(message.record.kopf.transaktionsid.as_deref(), message.envelope.head.id)
}

/// The partner's id of a Vorgang, else ours.
fn id_of(transaktionsid: Option<&str>, nummer: Uuid) -> String {
    let id = transaktionsid.filter(|id| !id.trim().is_empty());
    id.map_or_else(|| nummer.to_string(), str::to_owned)
}

/// Keeps a decision: on the message, as value for the route, and as Vorgang.
pub fn festhalten(message: &mut Message, entscheidung: Entscheidung) {
    let state = match entscheidung.ergebnis {
        Ergebnis::Klaerfall => VorgangState::BeimJugendamt,
        Ergebnis::Negativ | Ergebnis::Eintragung | Ergebnis::Zustaendigkeit => VorgangState::Entschieden,
    };
    let id = message.derived_id("vorgang");
    let (holds, negativ) = (login_holds(message), entscheidung.ergebnis == Ergebnis::Negativ);
    let gefragt = match entscheidung.ergebnis {
        Ergebnis::Klaerfall => Gefragt::von(&message.record).map(Box::new),
        Ergebnis::Negativ | Ergebnis::Eintragung | Ergebnis::Zustaendigkeit => None,
    };
    let akte = Akte {
        art: ANTRAG.to_owned(),
        partner: message.sender.id.clone(),
        nummer: Some(message.envelope.head.id),
        transaktionsid: message.record.kopf.transaktionsid.clone(),
        use_: message.values.get(VERWENDUNG).cloned(),
        fall: Some(entscheidung.fall),
        tabelle: Some(entscheidung.tabelle.clone()),
        satz: entscheidung.registersatz,
        stand: Some(entscheidung.stand),
        gilt_bis: entscheidung.gilt_bis,
        entschieden_nach: negativ.then(|| message.decided_by.to_string()),
        // A mailbox of a login that does not hold is nobody's.
        postkorb: postkorb(&message.record).filter(|_| holds),
        gefragt,
        gesagt: message.befund.as_ref().is_some_and(|befund| befund.gesagt),
        spuren: negativ,
        erneuern: message.values.get(ANMELDUNG).is_some_and(|login| login == ERNEUERN),
        ..Akte::default()
    };
    let vorgang = Vorgang {
        id,
        owner: entscheidung.wohnort_amt.clone().unwrap_or_default(),
        state,
        deadline: None,
        akte,
    };
    message.values.insert(ERGEBNIS, entscheidung.ergebnis.as_str().to_owned());
    message.audit("decide", &[("vorgang", &id.to_string()), ("tabelle", &entscheidung.tabelle)]);
    let key = key(message);
    if negativ {
        message.effects.traces = traces(message, &key);
    }
    message.entscheidung = Some(entscheidung);
    let nummer = nummer(message, &vorgang);
    message.keep_vorgang(VorgangChange { key, vorgang });
    message.effects.vorgaenge.retain(|other| other.key != nummer.key);
    message.effects.vorgaenge.push(nummer);
}

/// Where a Negativauskunft is found again by what contradicts it: under every key by which its child, what is open around it and what blocks
/// its office was looked for.
fn traces(message: &Message, vorgang: &SearchKey) -> Vec<Trace> {
    let gesucht = message.befund.as_ref().map(|befund| befund.gesucht.as_slice()).unwrap_or_default();
    gesucht.iter().map(|under| Trace { under: under.clone(), vorgang: vorgang.clone() }).collect()
}

/// What leads from the id of the delivery to its Vorgang, for whoever asks for its stand. Its deadline is the time before
/// which nothing is told; the words that tell set it.
fn nummer(message: &Message, vorgang: &Vorgang) -> VorgangChange {
    let mut alias = alias(vorgang);
    alias.akte.transaktionsid = Some(transaktionsid(message));
    alias.akte.use_.clone_from(&vorgang.akte.use_);
    alias.akte.erneuern = vorgang.akte.erneuern;
    VorgangChange { key: keys::nummer(message.envelope.head.id), vorgang: alias }
}

/// The mailbox of the login. Another one that the request names, or one without her consent, ends in a letter.
fn postkorb(record: &Record) -> Option<String> {
    let of_login = record.anmeldung.as_ref()?.postkorb_handle.clone().filter(|handle| !handle.is_empty())?;
    let Some(Postkorb { handle, zustimmung }) = &record.kopf.postkorb else { return Some(of_login) };
    let same = handle.as_ref().is_none_or(|handle| *handle == of_login);
    (same && *zustimmung != Some(false)).then_some(of_login)
}
