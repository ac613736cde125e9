//! A service withdraws a request whose answer is held: what has not left leaves no more, whatever the answer is and whether its request waits to be
//! decided anew; and its own stand is the only thing that tells it anything.

use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::cli::sample_antrag::registermeldung;
use drehscheibe::effects::VorgangState;
use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::register::entscheidung::Fall;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::pauses::Pause;
use drehscheibe::store::stamp::Scope;
use serde_json::json;
use uuid::Uuid;

use super::taken_back::{CHILD, Played, says, told};
use crate::support::until;

/// The service takes its request back.
async fn withdraw(played: &mut Played, request: &Envelope) -> Verdict {
    let document: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let house = &mut played.world.house;
    let number = house.fresh();
    let what = json!({ "was": "rueckzug", "id": document["transaktionsid"] });
    let mut body: serde_json::Value =
        serde_json::from_str(&registermeldung(number, house.clock.now(), &what)).unwrap();
    body["kopf"].as_object_mut().unwrap().remove("autor");
    let name = format!("r-{number}");
    let envelope = house.envelope("http /v1/rueckzuege", "kita-portal-nord", &name, body.to_string(), None);
    let verdict = house.deliver(envelope).await;
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
    verdict
}

async fn state(played: &Played, id: Uuid) -> VorgangState {
    played.vorgang(id).await.state
}

async fn route_paused(played: &Played, paused: bool) {
    let (house, name) = (&played.world.house, "auskunft-self-service");
    let pause = Pause {
        kind: "route".into(),
        name: name.into(),
        until: None,
        reason: "Probe".into(),
        person: "os:rita".into(),
        since: house.clock.now(),
    };
    let pause = paused.then_some(pause);
    house.store.set_pause("route", name, pause, "os:rita", house.clock.now()).await.unwrap();
    let core = &house.engine.as_ref().unwrap().core;
    until("the pause is seen", 60, || core.paused("route", name) == paused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_answer_does_not_leave_when_its_request_is_withdrawn() {
    for (number, (entry, seconds)) in [(false, 10), (false, 61), (true, 61)].into_iter().enumerate() {
        let mut played = Played::new(90_000_000 + number as u64 * 1_000_000).await;
        if entry {
            let message = played.world.house.fresh();
            let wish = Wish { message, arten: vec!["01"], second: 90, ..Wish::plain(CHILD) };
            played.world.take(&wish, eintragung(&wish)).await;
        }
        played.pause(true).await;
        let request = played.world.request(CHILD);
        let id = request.head.id;
        played.world.house.deliver(request.clone()).await;
        assert_eq!(played.world.letters().await[&id], if entry { Fall::B } else { Fall::A });
        played.later(seconds);
        if seconds > 60 {
            until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        }
        withdraw(&mut played, &request).await;
        assert_eq!(state(&played, id).await, VorgangState::Zurueckgezogen);
        played.later(120);
        played.pause(false).await;
        until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
        assert_eq!(told(&played.service, id), ["abgeschlossen"]);
        // Another answer overtakes nothing: it comes behind.
        let other = played.world.ask(2).await;
        played.later(61);
        until("the other answer has arrived", 60, || !told(&played.service, other).is_empty()).await;
        played.mailboxes.has(1).await;
        let letters = says(&played.mailboxes, "referenz");
        assert!(letters.iter().all(|of| *of == other.to_string()), "{letters:?} {id}");
        // Nothing is withdrawn twice, and nothing runs again.
        withdraw(&mut played, &request).await;
        assert_eq!(state(&played, id).await, VorgangState::Zurueckgezogen);
        let filter = Filter { id: Some(id), ..Filter::default() };
        let shown = played.world.house.store.list(&Scope::Operator, filter).await.unwrap().remove(0);
        assert_eq!(shown.state, Inbound::Accepted);
        assert!(says(&played.office, "art").is_empty(), "no office had it, so none is told");
        played.world.house.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_has_left_is_withdrawn_by_nobody() {
    let mut played = Played::new(95_000_000).await;
    let request = played.world.request(CHILD);
    let id = request.head.id;
    played.world.house.deliver(request.clone()).await;
    played.later(61);
    played.mailboxes.has(1).await;
    until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
    withdraw(&mut played, &request).await;
    assert_eq!(says(&played.mailboxes, "art"), ["auskunft"]);
    assert_ne!(state(&played, id).await, VorgangState::Zurueckgezogen);
    played.world.house.stop().await;
}

/// The answer was taken back by an entry, and its route is held before the request is decided anew: the withdrawal ends it without a letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_to_be_decided_anew_is_withdrawn_without_a_letter() {
    let mut played = Played::new(96_000_000).await;
    played.pause(true).await;
    let request = played.world.request(CHILD);
    let id = request.head.id;
    played.world.house.deliver(request.clone()).await;
    assert_eq!(played.world.letters().await[&id], Fall::A);
    played.later(61);
    until("the service is told", 60, || !told(&played.service, id).is_empty()).await;
    route_paused(&played, true).await;
    let message = played.world.house.fresh();
    let wish = Wish { message, arten: vec!["01"], second: 100, ..Wish::plain(CHILD) };
    let verdict = played.world.take(&wish, eintragung(&wish)).await;
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
    assert_eq!(state(&played, id).await, VorgangState::Eingegangen);
    withdraw(&mut played, &request).await;
    assert_eq!(state(&played, id).await, VorgangState::Zurueckgezogen);
    played.later(3_600);
    route_paused(&played, false).await;
    let filter = || Filter { id: Some(id), ..Filter::default() };
    for look in 0..3_000 {
        let shown = played.world.house.store.list(&Scope::Operator, filter()).await.unwrap().remove(0);
        if shown.state == Inbound::Accepted {
            break;
        }
        assert!(look < 2_999, "{:?}", shown.state);
        // What was tried behind the pause is tried again once its lease is over.
        if look % 50 == 0 {
            played.later(60);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    played.pause(false).await;
    let other = played.world.ask(2).await;
    played.later(61);
    played.mailboxes.has(1).await;
    until("the other answer has arrived", 60, || !told(&played.service, other).is_empty()).await;
    let letters = says(&played.mailboxes, "referenz");
    assert!(letters.iter().all(|of| *of == other.to_string()), "{letters:?} {id}");
    assert_eq!(told(&played.service, id), ["abgeschlossen"]);
    assert_eq!(state(&played, id).await, VorgangState::Zurueckgezogen);
    played.world.house.stop().await;
}
