//! What a tray tells of what lies in it and was not taken: since when, and what is left alone. Whatever it is called, it may be what
//! speaks against an answer.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::clock::Clock;
use drehscheibe::envelope::Lying;
use drehscheibe::telemetry::parts::Said;
use drehscheibe::transport::folder::FolderSource;
use drehscheibe::transport::port::{Busy, Notes, Surroundings};
use serde_json::json;

use crate::support::names;
use crate::transport_folder::Place;
use crate::transport_support::{eventually, start};

/// Takes down what is said to lie in a tray.
#[derive(Default)]
struct Told(Mutex<Vec<Lying>>);

#[async_trait]
impl Notes for Told {
    async fn note(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Busy> {
        Ok(None)
    }

    async fn set_note(&self, _: &str, _: &str, _: Option<Vec<u8>>) -> Result<(), Busy> {
        Ok(())
    }

    async fn swap_note(&self, _: &str, _: &str, _: Option<Vec<u8>>, _: Vec<u8>) -> Result<bool, Busy> {
        Ok(true)
    }

    async fn looked(&self, _: &drehscheibe::transport::port::Place, lying: Lying) -> Result<(), Busy> {
        self.0.lock().unwrap().push(lying);
        Ok(())
    }
}

#[tokio::test]
async fn that_a_file_lies_there_is_told_until_it_is_taken_and_not_taken_back_between() {
    let place = Place::new();
    place.drop_file("a.xml", b"<a/>");
    tokio::time::sleep(Duration::from_millis(700)).await;
    // Old enough by its time, but not yet watched for so long: some looks leave it.
    let told = Arc::new(Told::default());
    let around = Surroundings { notes: told.clone(), ..place.house.around(Clock::real()) };
    let tray =
        json!({"partner": "ja-nord", "in": place.path("in"), "every": "50ms", "settled-after": "600ms"});
    let source = FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap();
    let running = start(Arc::new(source));
    place.house.wait_for(1).await;
    eventually(|| told.0.lock().unwrap().last() == Some(&Lying::Nothing)).await;
    running.end().await.unwrap();
    let told = told.0.lock().unwrap();
    let lies = told.iter().take_while(|lying| **lying != Lying::Nothing).count();
    assert!(lies > 1, "{told:?}");
    assert!(told[..lies].iter().all(|lying| *lying == told[0]), "{told:?}");
    assert!(told[lies..].iter().all(|lying| *lying == Lying::Nothing), "{told:?}");
}

#[tokio::test]
async fn what_is_left_alone_lies_there_and_is_said_until_the_partner_removes_it() {
    let place = Place::new();
    fs::write(place.path("woanders"), "<a/>").unwrap();
    fs::hard_link(place.path("woanders"), place.path("in/a.xml")).unwrap();
    std::os::unix::fs::symlink(place.path("woanders"), place.path("in/b.xml")).unwrap();
    let told = Arc::new(Told::default());
    let around = Surroundings { notes: told.clone(), ..place.house.around(Clock::real()) };
    let tray = json!({"partner": "ja-nord", "in": place.path("in"), "every": "50ms"});
    let source = FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap();
    let running = start(Arc::new(source));
    let apart = || -> Option<Said> {
        around
            .parts
            .said()
            .into_iter()
            .find(|said| said.part == "left alone in the tray of ja-nord of lieferungen")
    };
    eventually(|| apart().is_some_and(|said| said.failing.is_some())).await;
    let said = apart().unwrap();
    assert_eq!(said.waits, Some(2));
    let cause = said.failing.unwrap().cause;
    assert!(cause.contains("mehrere-namen: 1") && cause.contains("verweis: 1"), "{cause}");
    // What is plain is taken, and what is left alone lies there all the same.
    place.drop_file("c.xml", b"<c/>");
    place.house.wait_for(1).await;
    eventually(|| names(&place.path("in")).len() == 2).await;
    let looks = told.0.lock().unwrap().len();
    eventually(|| told.0.lock().unwrap().len() > looks + 1).await;
    assert!(
        told.0.lock().unwrap().iter().all(|lying| *lying != Lying::Nothing),
        "{:?}",
        told.0.lock().unwrap()
    );
    for name in ["a.xml", "b.xml"] {
        fs::remove_file(place.path("in").join(name)).unwrap();
    }
    eventually(|| told.0.lock().unwrap().last() == Some(&Lying::Nothing) && apart().is_none()).await;
    running.end().await.unwrap();
}

#[tokio::test]
async fn what_is_called_otherwise_lies_there_all_the_same() {
    for (name, said) in [
        ("0805.txt", Some("anderer-name: 1")),
        ("0805", Some("anderer-name: 1")),
        ("0805.xml.bak", Some("anderer-name: 1")),
        ("alt/", Some("ordner: 1")),
        // Somebody may still write it: it counts, and is told of only once it lies there for long.
        ("0805.xml.part", None),
        ("0805.xml.tmp", None),
        ("0805.xml~", None),
        (".0805.xml.a8K2", None),
    ] {
        let place = Place::new();
        fs::write(place.path("in/.directory"), "not called like a delivery anywhere").unwrap();
        let told = Arc::new(Told::default());
        let around = Surroundings { notes: told.clone(), ..place.house.around(Clock::real()) };
        let tray =
            json!({"partner": "ja-nord", "in": place.path("in"), "every": "20ms", "settled-after": "0s"});
        let source = FolderSource::new("lieferungen", &json!({"trays": [tray]}), &around).unwrap();
        let running = start(Arc::new(source));
        let last = || told.0.lock().unwrap().last().copied();
        eventually(|| last() == Some(Lying::Nothing)).await;
        let lies = place.path("in").join(name.trim_end_matches('/'));
        match name.ends_with('/') {
            true => fs::create_dir(&lies).unwrap(),
            false => fs::write(&lies, "<a/>").unwrap(),
        }
        eventually(|| matches!(last(), Some(Lying::Since(_)))).await;
        let apart = || -> Option<String> {
            let said = around.parts.said().into_iter().find(|said| said.part.starts_with("left alone in"));
            said.and_then(|said| said.failing).map(|failing| failing.cause)
        };
        match said {
            Some(said) => {
                eventually(|| apart().is_some_and(|cause| cause.contains(said))).await;
            }
            None => assert_eq!(apart(), None, "{name}"),
        }
        assert!(lies.exists(), "{name}");
        fs::rename(&lies, place.path("woanders")).unwrap();
        eventually(|| last() == Some(Lying::Nothing) && apart().is_none()).await;
        running.end().await.unwrap();
    }
}
