//! Lists Vorgänge and shows one, to a person with a reason: every view is written to the Abrufprotokoll.
//! The case letter is shown to the responsible Mandant only; no person of a request is ever shown.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::args_vorgang::{VorgangCommand, VorgangListArgs, VorgangShowArgs};
use super::exit::{CliError, Exit};
use super::messages::{arrived, way_left};
use super::output::{Output, moment, or_dash};
use super::person;
use crate::clock::{Clock, in_berlin};
use crate::effects::{Vorgang, VorgangState};
use crate::pipeline::alias::ALIAS;
use crate::pipeline::schreiben::MESSAGE as LETTER;
use crate::register::fristen::bekannt_am;
use crate::register::vorgang::{ANTRAG, Zuweisung};
use crate::store::contract::Store;
use crate::store::desk::{Filter, View};
use crate::store::listed::ListedSend;
use crate::store::stamp::Scope;

/// How many are looked through for one.
const ALL: usize = 100_000;

/// A Vorgang as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// Its id.
    pub id: Uuid,
    /// Our id of the delivery that began it.
    pub nummer: Option<Uuid>,
    /// `antrag` or `hinweis`.
    pub art: String,
    /// Our id of the delivery by which its office answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beantwortet: Option<Uuid>,
    /// Its state.
    pub state: String,
    /// The responsible Jugendamt.
    pub jugendamt: String,
    /// Who began it.
    pub partner: String,
    /// As of when the register was read.
    pub stand: Option<Timestamp>,
    /// How often the office was reminded.
    pub erinnerungen: u32,
    /// What was sent and whether it was receipted.
    pub gesendet: Vec<String>,
    /// Ways that were left of what the delivery sent that began it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wege: Vec<String>,
    /// What her mailbox or the post took of it and when, and when she fetched it; as long as what was sent is kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zustellung: Vec<String>,
    /// Whether two persons gave it to its office.
    pub zugewiesen: bool,
    /// The office that a first person named; a second one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zuweisung: Option<Zuweisung>,
    /// What a person can do next, where nothing goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// The row of the table; only for the responsible Mandant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fall: Option<String>,
}

/// Runs one of the commands.
pub async fn run(
    store: &dyn Store,
    clock: &Clock,
    command: &VorgangCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        VorgangCommand::List(VorgangListArgs { limit, mandant, reason }) => {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            print_list(&shown(store, clock, limit, mandant, reason).await?, out)?;
            Ok(Exit::Ok)
        }
        // What it asks stands in a file of its own, since it needs the whole stage.
        VorgangCommand::Bestaetigen { .. } | VorgangCommand::Zuweisen(_) => {
            Err(CliError::Usage("this is carried out by the running process".to_owned()))
        }
        VorgangCommand::Show(VorgangShowArgs { id, mandant, reason }) => {
            let mut found = one(store, clock, *id, mandant, reason).await?;
            if let Some(one) = &mut found {
                let first = sends(store, mandant, one.nummer).await?;
                one.wege = first.iter().flat_map(|send| &send.ways).map(way_left).collect();
                let answer = sends(store, mandant, one.beantwortet).await?;
                one.zustellung = first.iter().chain(&answer).filter_map(zugestellt).collect();
            }
            match &found {
                Some(one) => print_one(one, out)?,
                None => out.none(&format!("no Vorgang with id {id}; see `drehscheibe vorgang list`"))?,
            }
            Ok(if found.is_some() { Exit::Ok } else { Exit::No })
        }
    }
}

/// What a delivery sent: what is told of ways and of times stands with the rows of the outbox.
async fn sends(
    store: &dyn Store,
    mandant: &Option<String>,
    nummer: Option<Uuid>,
) -> Result<Vec<ListedSend>, CliError> {
    if nummer.is_none() {
        return Ok(Vec::new());
    }
    let scope = mandant.clone().map_or(Scope::Operator, Scope::Mandant);
    let filter = Filter { id: nummer, limit: 1, ..Filter::default() };
    Ok(store.list(&scope, filter).await?.into_iter().flat_map(|message| message.sends).collect())
}

/// In words when a letter was taken, from when on it counts as announced where its far end says whether it was fetched, and when it was.
fn zugestellt(send: &ListedSend) -> Option<String> {
    let sent = send.sent.filter(|_| send.message == LETTER)?;
    let Some(arrived) = arrived(send) else {
        return Some(format!("taken by {} on {}", send.destination, moment(sent)));
    };
    let bekannt = bekannt_am(in_berlin(sent));
    Some(match bekannt {
        Some(tag) => format!("{arrived}; announced as of {tag} (fourth day, § 9 OZG)"),
        None => arrived,
    })
}

/// One by its id or by our id of the request that began it.
pub async fn one(
    store: &dyn Store,
    clock: &Clock,
    id: Uuid,
    mandant: &Option<String>,
    reason: &str,
) -> Result<Option<Shown>, CliError> {
    let all = shown(store, clock, ALL, mandant, reason).await?;
    Ok(all.into_iter().find(|one| one.id == id || one.nummer == Some(id)))
}

async fn shown(
    store: &dyn Store,
    clock: &Clock,
    limit: usize,
    mandant: &Option<String>,
    reason: &str,
) -> Result<Vec<Shown>, CliError> {
    let scope = mandant.clone().map_or(Scope::Operator, Scope::Mandant);
    let with_letter = mandant.is_some();
    let view = View { scope, limit, person: person::acting(), reason: reason.to_owned(), now: clock.now() };
    let all = store.vorgaenge(view, Some(ALIAS)).await?;
    Ok(all.iter().map(|one| show(one, with_letter)).collect())
}

fn show(vorgang: &Vorgang, with_letter: bool) -> Shown {
    let akte = &vorgang.akte;
    let state = serde_json::to_value(vorgang.state).ok();
    let sent = akte.gesendet.iter().map(|sent| {
        let receipt = match sent.quittiert {
            Some(true) => "quittiert",
            Some(false) => "zurückgewiesen",
            None => "offen",
        };
        format!("{} an {}: {receipt}", sent.message, sent.an)
    });
    Shown {
        id: vorgang.id,
        nummer: akte.nummer,
        art: akte.art.clone(),
        state: state.and_then(|state| state.as_str().map(str::to_owned)).unwrap_or_default(),
        jugendamt: vorgang.owner.clone(),
        partner: akte.partner.clone(),
        stand: akte.stand,
        erinnerungen: akte.erinnerungen,
        gesendet: sent.collect(),
        wege: Vec::new(),
        zustellung: Vec::new(),
        beantwortet: akte.beantwortet,
        zugewiesen: akte.zugewiesen,
        zuweisung: akte.zuweisung.clone(),
        next_step: akte.nummer.filter(|_| nobodys(vorgang)).map(zuweisen),
        fall: akte.fall.filter(|_| with_letter).map(|fall| format!("{fall:?}")),
    }
}

/// Whether it is a request that waits for an office and has none.
fn nobodys(vorgang: &Vorgang) -> bool {
    vorgang.akte.art == ANTRAG && vorgang.owner.is_empty() && vorgang.state == VorgangState::BeimJugendamt
}

/// What gives a Vorgang to an office.
pub fn zuweisen(id: Uuid) -> String {
    format!(
        "find the office, then two persons: `drehscheibe vorgang zuweisen {id} --amt … --aktenzeichen … --reason …`"
    )
}

/// Prints a list: a row for each Vorgang.
pub fn print_list(all: &[Shown], out: &mut Output) -> std::io::Result<()> {
    if all.is_empty() {
        out.say("no Vorgang")?;
    } else {
        let row = |one: &Shown| {
            vec![
                one.id.to_string(),
                one.art.clone(),
                one.state.clone(),
                or_dash(Some(one.jugendamt.as_str()).filter(|office| !office.is_empty())),
                one.partner.clone(),
                or_dash(one.stand.map(moment).as_deref()),
                one.erinnerungen.to_string(),
            ]
        };
        let rows: Vec<_> = all.iter().map(row).collect();
        out.table(&["ID", "ART", "STATE", "JUGENDAMT", "PARTNER", "STAND", "REMINDED"], &rows)?;
    }
    out.value(&all)
}

fn print_one(one: &Shown, out: &mut Output) -> std::io::Result<()> {
    let rows = [
        ("id", one.id.to_string()),
        ("nummer", or_dash(one.nummer.map(|id| id.to_string()).as_deref())),
        ("art", one.art.clone()),
        ("state", one.state.clone()),
        ("jugendamt", or_dash(Some(one.jugendamt.as_str()).filter(|office| !office.is_empty()))),
        ("partner", one.partner.clone()),
        ("stand", or_dash(one.stand.map(moment).as_deref())),
        ("reminded", one.erinnerungen.to_string()),
    ];
    for (name, value) in rows {
        out.say(&format!("{name:<11}{value}"))?;
    }
    if let Some(id) = one.beantwortet {
        out.say(&format!("{:<11}{id}", "answer"))?;
    }
    for sent in &one.gesendet {
        out.say(&format!("{:<11}{sent}", "sent"))?;
    }
    for taken in &one.zustellung {
        out.say(&format!("{:<11}{taken}", "delivered"))?;
    }
    for left in &one.wege {
        out.say(&format!("{:<11}{left}", "way"))?;
    }
    if one.zugewiesen {
        out.say(&format!("{:<11}{}", "zugewiesen", "by two persons"))?;
    }
    if let Some(Zuweisung { amt, person, am, .. }) = &one.zuweisung {
        let said = format!("{amt}, by {person} at {}; a second person is missing", moment(*am));
        out.say(&format!("{:<11}{said}", "zuweisung"))?;
    }
    if let Some(next) = &one.next_step {
        out.say(&format!("{:<11}{next}", "next step"))?;
    }
    if let Some(fall) = &one.fall {
        out.say(&format!("{:<11}{fall}", "fall"))?;
    }
    out.value(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::tests::Printed;
    use crate::register::entscheidung::Fall;
    use crate::register::vorgang::Akte;

    fn example() -> Vorgang {
        Vorgang {
            id: Uuid::from_u128(7),
            owner: "jugendamt-bremen".into(),
            state: VorgangState::BeimJugendamt,
            deadline: None,
            akte: Akte {
                art: "antrag".into(),
                partner: "kita".into(),
                fall: Some(Fall::F),
                postkorb: Some("handle-geheim".into()),
                ..Akte::default()
            },
        }
    }

    #[test]
    fn the_letter_is_for_the_responsible_mandant_only() {
        assert_eq!(show(&example(), true).fall.as_deref(), Some("F"));
        let printed = Printed::default();
        print_one(&show(&example(), false), &mut printed.output(false)).unwrap();
        assert!(printed.text().contains("beim-jugendamt") && !printed.text().contains("fall"));
        let printed = Printed::default();
        print_list(&[show(&example(), false)], &mut printed.output(true)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(json[0]["state"], "beim-jugendamt");
        assert!(json[0].get("fall").is_none());
    }

    #[test]
    fn one_without_an_office_says_what_gives_it_one() {
        let mut nobodys = Vorgang { owner: String::new(), ..example() };
        nobodys.akte.nummer = Some(Uuid::from_u128(9));
        let said = |vorgang: &Vorgang| {
            let printed = Printed::default();
            print_one(&show(vorgang, false), &mut printed.output(false)).unwrap();
            printed.text()
        };
        let step = "vorgang zuweisen 00000000-0000-0000-0000-000000000009";
        assert!(said(&nobodys).contains(step), "{}", said(&nobodys));
        let am = "2026-11-21T12:00:00Z".parse().unwrap();
        let (amt, aktenzeichen) = ("jugendamt-bremen".into(), "51-1/26".into());
        nobodys.akte.zuweisung = Some(Zuweisung { amt, person: "anna".into(), am, aktenzeichen });
        let missing = "jugendamt-bremen, by anna at 2026-11-21 13:00:00; a second person is missing";
        assert!(said(&nobodys).contains(missing), "{}", said(&nobodys));
        let over = Vorgang { state: VorgangState::Zurueckgezogen, ..nobodys };
        for other in [over, example()] {
            assert!(!said(&other).contains("zuweisen"));
        }
    }

    #[test]
    fn a_letter_says_when_it_was_taken_and_from_when_on_it_counts() {
        use crate::cli::messages::tests::{noon, send};
        use crate::store::states::SendState;
        let letter = ListedSend {
            message: LETTER.into(),
            state: SendState::Sent,
            destination: "brief:p".into(),
            ..send()
        };
        assert_eq!(zugestellt(&letter), None, "nobody has taken it yet");
        let taken = ListedSend { sent: Some(noon()), ..letter };
        let by_post = "taken by brief:p on 2026-11-21 13:00:00";
        assert_eq!(zugestellt(&taken).as_deref(), Some(by_post), "nobody knows when it is in her hands");
        let fetched = ListedSend {
            state: SendState::Confirmed,
            confirmed: Some("downloaded".into()),
            confirmed_at: Some(noon()),
            ..taken.clone()
        };
        let said = format!(
            "{by_post}; confirmed on 2026-11-21 13:00:00 (downloaded); announced as of 2026-11-25 (fourth day, § 9 OZG)"
        );
        assert_eq!(zugestellt(&fetched), Some(said));
        assert_eq!(zugestellt(&ListedSend { message: "drehscheibe.stand".into(), ..fetched }), None);
    }

    #[test]
    fn no_mailbox_is_ever_shown() {
        for (with_letter, json) in [(true, true), (true, false), (false, true)] {
            let printed = Printed::default();
            print_one(&show(&example(), with_letter), &mut printed.output(json)).unwrap();
            assert!(!printed.text().contains("geheim"));
        }
    }
}
