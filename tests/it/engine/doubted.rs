//! An answer of which an attempt is in doubt: its process died with the lane in hand, and the row is due again by itself. Its far end is asked before
//! anybody judges it: what arrived was issued, what certainly did not is the register's when it leaves, and of what nobody can tell no other answer
//! is made.

use std::sync::atomic::Ordering;
use std::time::Duration;

use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::lane::Want;
use drehscheibe::store::stamp::Scope;
use drehscheibe::transport::port::Destination;

use super::ground::{Happens, happens};
use super::lain::spoken_against;
use super::taken_back::{CHILD, MAILBOXES, Played, Ways, found, says, told};
use crate::support::until;

/// What came of the attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    /// It arrived, and its process died before it said so.
    Arrived,
    /// It certainly did not.
    Nothing,
    /// Nobody can tell.
    Untold,
}

/// What happens while nobody knows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    /// Two hours pass.
    Aged,
    /// The Registersatz that it rests on is deleted.
    Deleted,
    /// An Eintragung is delivered.
    Entered,
}

/// What her mailbox has in the end, whether its request was decided anew, and whether it waits for a person.
struct Ends {
    arts: &'static [&'static str],
    anew: bool,
    person: bool,
}

fn ends(came: Came, meanwhile: Meanwhile, harmful: bool) -> Ends {
    let (arts, anew, person): (&[&str], bool, bool) = match (came, meanwhile) {
        (Came::Arrived, _) => (&["auskunft"], false, false),
        (Came::Nothing, Meanwhile::Aged) => (&["auskunft"], true, false),
        (Came::Nothing, Meanwhile::Deleted) => (&["in-bearbeitung"], true, false),
        (Came::Nothing, Meanwhile::Entered) => (&["hinweis-auf-eintragung"], true, false),
        // It may have been issued: where a repeat does no harm it says what was said before.
        (Came::Untold, Meanwhile::Aged) if !harmful => (&["auskunft"], false, false),
        (Came::Untold, _) => (&[], false, true),
    };
    Ends { arts, anew, person }
}

async fn play(number: u64, came: Came, meanwhile: Meanwhile, harmful: bool) {
    let what = format!("{came:?} {meanwhile:?} harmful: {harmful}");
    let mut played = Played::with(number, Ways { harmful, ..Ways::default() }).await;
    played.pause(true).await;
    let id = played.world.ask(CHILD).await;
    assert_eq!(played.world.letters().await[&id], Fall::A);
    let before = played.vorgang(id).await.akte.stand;
    played.later(61);
    until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
    // Another process takes it in hand, and dies with it.
    let store = played.world.house.store.clone();
    let want = Want {
        worker: "other".to_owned(),
        now: played.world.house.clock.now(),
        lease: Duration::from_secs(60),
        lanes: 10,
        heads: 1,
        except: Vec::new(),
        most: Vec::new(),
        went_back: false,
        ours: None,
    };
    let lanes = store.claim(want).await.unwrap();
    let row = &lanes.iter().find(|lane| lane.destination == MAILBOXES).unwrap().heads[0];
    if came == Came::Arrived {
        played.mailboxes.send(&row.envelope).await.unwrap();
    }
    played.mailboxes.finds.store(came != Came::Untold, Ordering::SeqCst);
    match meanwhile {
        Meanwhile::Aged => played.later(2 * 3_600),
        Meanwhile::Deleted => happens(&mut played, Happens::Deleted).await,
        Meanwhile::Entered => spoken_against(&mut played, true).await,
    }
    played.later(61);
    played.pause(false).await;
    let Ends { arts, anew, person } = ends(came, meanwhile, harmful);
    let ended = async || {
        let filter = Filter { id: Some(id), ..Filter::default() };
        let shown = store.list(&Scope::Operator, filter).await.unwrap().remove(0);
        let state = shown.sends.into_iter().find(|send| send.destination == MAILBOXES)?.state.to_string();
        let there = says(&played.mailboxes, "art");
        let done = if person { state == "parked" || state == "unclear" } else { state == "sent" };
        (done && there == arts).then_some(())
    };
    found(&what, ended).await;
    let after = played.vorgang(id).await.akte.stand;
    assert_eq!(after > before, anew, "{what}");
    assert_eq!(says(&played.mailboxes, "art"), arts, "{what}");
    assert_eq!(told(&played.service, id), ["abgeschlossen"], "{what}");
    if came == Came::Untold && meanwhile == Meanwhile::Aged && harmful {
        // A person sends it although it may have arrived: what leaves is the register's of now.
        played.replayed(row.id).await;
        played.mailboxes.has(1).await;
        assert_eq!(says(&played.mailboxes, "art"), ["auskunft"], "{what}");
        assert!(played.vorgang(id).await.akte.stand > before, "{what}");
    }
    played.world.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_in_doubt_is_asked_for_before_it_is_judged() {
    let mut number = 300_000_000;
    for harmful in [true, false] {
        for came in [Came::Arrived, Came::Nothing, Came::Untold] {
            for meanwhile in [Meanwhile::Aged, Meanwhile::Deleted, Meanwhile::Entered] {
                number += 1_000_000;
                play(number, came, meanwhile, harmful).await;
            }
        }
    }
}
