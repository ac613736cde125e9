//! The answer of an office that names another child or mother than was asked for: through a whole house it stays parked until a
//! person of that office has confirmed it by the command, and then reaches the mother once.

use std::time::Duration;

use drehscheibe::app::fit;
use drehscheibe::app::house::{House, Options};
use drehscheibe::app::player::{Event, Given};
use drehscheibe::app::script::{self, Shelf};
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::envelope::Inbound;
use drehscheibe::route::case;
use drehscheibe::store::desk::Filter;
use drehscheibe::store::stamp::Scope;
use serde_json::Value;
use uuid::Uuid;

use crate::klaerfall::{began, documents, envelope, place_of, stage};
use crate::support::{Receiver, StageDir, free_port, root, until};

const ROUTE: &str = "antwort-jugendamt";

fn deliveries(stage: &StageDir) -> Vec<Given> {
    let place = place_of(stage);
    let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
    let file = root().join("routes/tests").join(ROUTE).join("antwort-andere-personen.yaml");
    let case = case::read("antwort", &std::fs::read_to_string(&file).unwrap()).unwrap();
    let shelf = Shelf { compiled: &fit.compiled, xsd: &place.xsd, case: &file };
    let events = script::of(&shelf, ROUTE, &case).unwrap().events;
    let given = |event| match event {
        Event::Given(given) => *given,
        Event::Timer(_) => panic!("no timers here"),
    };
    events.into_iter().map(given).collect()
}

/// Runs `vorgang bestaetigen` beside the running house.
async fn confirm(stage: &StageDir, id: Uuid, office: &str) -> (Option<i32>, String) {
    let (id, reason) = (id.to_string(), "Name seit der Geburt geändert");
    let mut command = stage.command(&[
        "vorgang",
        "bestaetigen",
        &id,
        "--jugendamt",
        office,
        "--reason",
        reason,
        "--wait",
        "20s",
    ]);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    (ended.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_about_somebody_else_reaches_her_only_when_her_office_has_confirmed_it() {
    let receiver = Receiver::start().await;
    let mut stage = stage("A", free_port(), receiver.address);
    stage.routes = root().join("routes");
    let given = deliveries(&stage);
    let options = Options {
        place: place_of(&stage),
        clock: Clock::scaled(began(), 30.0),
        points: Points::none(),
        settings: Settings { workers: 1, ..Settings::default() },
        waits: false,
    };
    let house = House::start(options).await.unwrap();
    let intake = house.shared.around.intake.clone();
    let store = house.shared.core.store.clone();
    let mut parked = None;
    for given in &given {
        let verdict = intake.deliver(envelope(given)).await.unwrap();
        parked = (verdict.state == Inbound::Parked).then_some(verdict.id);
    }
    let parked = parked.expect("the answer is parked");
    let state = || async {
        let filter = Filter { id: Some(parked), limit: 1, ..Filter::default() };
        store.list(&Scope::Operator, filter).await.unwrap()[0].clone()
    };
    let told = state().await;
    assert!(
        told.next_step.is_some_and(|step| step.contains("vorgang bestaetigen")),
        "the next step says what to do"
    );

    // Neither another office nor a replay without a word of the office lets it go on.
    let (code, said) = confirm(&stage, parked, "jugendamt-hamburg").await;
    assert!(code == Some(2) && said.contains("no parked answer"), "{said}");
    store.replay(parked, "betrieb", "noch einmal", began()).await.unwrap();
    house.shared.core.woken.notify_one();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(state().await.state, Inbound::Parked);

    let (code, said) = confirm(&stage, parked, "jugendamt-bremen").await;
    assert_eq!(code, Some(0), "{said}");
    for _ in 0..600 {
        if state().await.state == Inbound::Accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = state().await;
    assert_eq!(told.state, Inbound::Accepted, "{:?}", told.cause);
    let sent: Vec<_> = told.sends.iter().filter(|send| send.message == "drehscheibe.auskunft").collect();
    assert_eq!(sent.len(), 1, "one letter to her: {:?}", told.sends);
    let out = stage.data().join("trays/postfach/out");
    let letters = || -> Vec<Value> {
        let all = documents(&out).into_iter().map(|(_, text)| serde_json::from_str(&text).unwrap());
        all.filter(|letter: &Value| letter["art"] == "antwort-des-jugendamts").collect()
    };
    until("the answer lies in the tray of the mailboxes", 60, || !letters().is_empty()).await;
    house.stop(Duration::from_secs(5)).await;
    let letters = letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["an"]["postfach"], "pk-0815");
    assert_eq!(
        letters[0]["an"]["name"]["vornamen"], "Zo\u{eb} Marie",
        "addressed as she asked, not as the answer names her"
    );
}
