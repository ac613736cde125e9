//! The timer source by a clock that is set by hand: nothing is delivered before its time, nothing twice without need.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::clock::Clock;
use drehscheibe::transport::memory::MemoryBus;
use drehscheibe::transport::port::{Destination, Receipt, SendError};
use drehscheibe::transport::timer::TimerSource;
use serde_json::json;

use crate::transport_support::{House, busy, envelope, eventually, start};

#[tokio::test]
async fn due_timers_are_delivered_when_the_clock_says_so() {
    let house = House::new();
    let clock = Clock::set("2026-11-21T12:00:00Z".parse().unwrap());
    let source =
        TimerSource::new("uhr", &json!({"every": "10s", "batch": 2}), &house.around(clock.clone())).unwrap();
    house.timers.lock().unwrap().extend((0..3).map(|_| envelope("{}", "application/json")));
    let running = start(Arc::new(source));
    // A full batch and the rest, without the clock moving.
    house.wait_for(3).await;
    house.timers.lock().unwrap().push_back(envelope("{}", "application/json"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.delivered().len(), 3, "the clock stands");
    clock.move_to("2026-11-21T12:00:09Z".parse().unwrap());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.delivered().len(), 3, "not yet");
    clock.move_to("2026-11-21T12:00:10Z".parse().unwrap());
    house.wait_for(4).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn busy_makes_the_timers_wait() {
    let house = House::new();
    let clock = Clock::set("2026-11-21T12:00:00Z".parse().unwrap());
    let source = TimerSource::new("uhr", &json!({}), &house.around(clock.clone())).unwrap();
    house.then(Err(busy(Duration::from_secs(60))));
    house.timers.lock().unwrap().push_back(envelope("{}", "application/json"));
    let running = start(Arc::new(source));
    house.wait_for(1).await;
    house.timers.lock().unwrap().push_back(envelope("{}", "application/json"));
    clock.move_to("2026-11-21T12:00:30Z".parse().unwrap());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.delivered().len(), 1);
    clock.move_to("2026-11-21T12:01:00Z".parse().unwrap());
    house.wait_for(2).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn the_memory_bus_delivers_again_after_busy_and_follows_its_script() {
    let house = House::new();
    let bus = MemoryBus::default();
    house.then(Err(busy(Duration::from_millis(1))));
    bus.put(envelope("<a/>", "application/xml"));
    let running = start(Arc::new(bus.source(house.clone())));
    house.wait_for(2).await;
    eventually(|| bus.answers().len() == 2).await;
    assert!(bus.answers()[0].is_err() && bus.answers()[1].is_ok());
    running.end().await.unwrap();

    let never = SendError::Never { cause: "x".to_owned() };
    bus.script([Err(never.clone()), Ok(Receipt { reference: "r".to_owned(), ..Receipt::default() })]);
    let destination = bus.destination(false);
    let sent = envelope("<a/>", "application/xml");
    assert!(destination.find_by_reference(&sent).await.unwrap().is_none());
    assert_eq!(destination.send(&sent).await.unwrap_err(), never);
    assert_eq!(destination.send(&sent).await.unwrap().reference, "r");
    assert_eq!(destination.send(&sent).await.unwrap().reference, sent.head.id.to_string());
    assert_eq!(bus.sent().len(), 3);
    assert!(!destination.repeat_is_safe());
}
