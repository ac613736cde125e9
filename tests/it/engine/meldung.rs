//! What a Bestandsmeldung counts, over the real door, engine and store: every Registersatz as the platform must hold it by the office's own
//! books. What was never sent counts and shows as a gap; both counts are told to the office, and a report that does not agree is case J.

use drehscheibe::cli::sample::{Wish, eintragung, loeschung};
use drehscheibe::effects::{Fact, Question};
use drehscheibe::envelope::Inbound;
use drehscheibe::register::bestand::Meldung;
use drehscheibe::register::entscheidung::Fall;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::AMT;
use super::no_wrong_answer::Witnessed;

/// Reports a count and the last message; what the house noted, and what its receipt says.
async fn reports(world: &mut Witnessed, anzahl: u64, last: Uuid) -> (Meldung, Value) {
    let at = world.house.clock.now();
    let what = json!({ "was": "meldung", "anzahl": anzahl, "letzteUUID": last });
    let verdict = world.house.say(&what, at, None).await;
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", verdict.codes);
    let reply = verdict.reply.expect("a receipt");
    let receipt: Value = serde_json::from_slice(&reply.body).unwrap();
    let answers = world.house.store.lookup(vec![Question::Bestand(AMT.to_owned())]).await.unwrap();
    let Some(Fact::Bestand(Some(bestand))) = answers.into_iter().next().map(|answer| answer.fact) else {
        panic!("no Bestand");
    };
    (bestand.meldung.unwrap(), receipt["bestand"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registersatz_that_was_never_sent_makes_the_report_disagree() {
    let children = [800_001, 800_002];
    let mut world = Witnessed::new(8_000_000).await;
    world.declared(&children).await;
    // A third child of the register has never been sent: the office counts three, and its last message is the one that came last.
    let last = world.last;
    let (meldung, told) = reports(&mut world, 3, last).await;
    assert!(!meldung.stimmt);
    assert_eq!(meldung.abweichung().unwrap(), "the office counts 3, the mirror 2");
    assert_eq!((&told["gemeldet"], &told["gezaehlt"]), (&json!(3), &json!(2)), "{told}");
    assert_eq!((&told["stimmt"], &told["letzteNachrichtStimmt"]), (&json!(false), &json!(true)), "{told}");
    let asked = world.ask(children[0]).await;
    assert_eq!(world.letters().await.get(&asked), Some(&Fall::J));
    // Sent at last, it is no gap any more.
    let number = world.house.fresh();
    let wish = Wish { child: 800_003, message: number, arten: vec![], second: 10, ..Wish::plain(800_003) };
    assert_eq!(world.take(&wish, eintragung(&wish)).await.state, Inbound::Accepted);
    let (meldung, told) = reports(&mut world, 3, wish.uuid()).await;
    assert!(meldung.stimmt && meldung.abweichung().is_none());
    assert_eq!(told["stimmt"], json!(true), "{told}");
    let asked = world.ask(children[0]).await;
    assert_eq!(world.letters().await.get(&asked), Some(&Fall::A));
    world.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_and_is_not_receipted_counts_as_the_platform_must_hold_it() {
    let children = [810_001, 810_002];
    let mut world = Witnessed::new(8_100_000).await;
    world.declared(&children).await;
    let wish = |world: &mut Witnessed, child, second| {
        let message = world.house.fresh();
        Wish { child, message, arten: vec![], second, ..Wish::plain(child) }
    };
    // A first delivery that is parked for its place: no 0011, so it does not count.
    let parked = wish(&mut world, 810_003, 20);
    let place = "<xfg:geburtsort>Bremen";
    let body = eintragung(&parked).replace(&format!("{place}<"), &format!("{place} am Moor<"));
    assert_eq!(world.take(&parked, body).await.state, Inbound::Parked);
    assert!(reports(&mut world, 2, parked.uuid()).await.0.stimmt, "without what is parked");
    // A deletion that is parked in the same way: no 0011, so the Registersatz counts on.
    let gone = wish(&mut world, children[1], 30);
    let body = loeschung(&gone).replace(&format!("{place}<"), &format!("{place} am Moor<"));
    assert_ne!(world.take(&gone, body).await.state, Inbound::Accepted);
    assert!(reports(&mut world, 2, gone.uuid()).await.0.stimmt, "with what was not deleted");
    // Another last message than the newest one is told as well.
    let (meldung, told) = reports(&mut world, 2, parked.uuid()).await;
    assert!(!meldung.stimmt);
    assert_eq!(meldung.abweichung().unwrap(), "its last message is not the newest that came");
    assert_eq!(told["letzteNachrichtStimmt"], json!(false), "{told}");
    world.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_its_clock_is_not_the_newest_for_a_day() {
    let children = [820_001];
    let mut world = Witnessed::new(8_200_000).await;
    world.declared(&children).await;
    world.ahead = true;
    let wish = |world: &mut Witnessed, child, second| {
        world.house.clock.move_to(world.house.clock.now() + SignedDuration::from_secs(30));
        let message = world.house.fresh();
        Wish { child, message, arten: vec![], second, ..Wish::plain(child) }
    };
    // One machine of the office is ahead by days, all others by three hours.
    let refused = wish(&mut world, 820_002, 60);
    let body = eintragung(&refused).replace("2026-11-20T", "2026-11-23T");
    assert_eq!(world.take(&refused, body).await.codes, ["S999"]);
    let good = wish(&mut world, 820_003, 13 * 3600);
    assert_eq!(world.take(&good, eintragung(&good)).await.state, Inbound::Accepted);
    assert!(reports(&mut world, 2, good.uuid()).await.0.stimmt, "the last by the office's own clock");
    world.house.stop().await;
}
