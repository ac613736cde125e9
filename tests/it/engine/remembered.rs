//! A far end that gives each act an id beforehand and knows a repeat by that alone: whatever breaks off, every attempt acts under the
//! first id.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drehscheibe::engine::points::{Point, Points};
use drehscheibe::envelope::Envelope;
use drehscheibe::transport::port::{Attempt, Destination, Forgetful, Progress, Receipt, SendError};

use super::rig::{HORT, NORD, Rig, deliver, fast, stop, wish};
use crate::support::until;

#[derive(Default)]
struct Gives {
    given: Mutex<u32>,
    acted: Mutex<Vec<String>>,
    /// So many acts are not answered.
    silent: Mutex<u32>,
}

#[async_trait]
impl Destination for Gives {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.attempt(
            envelope,
            Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within: None },
        )
        .await
    }

    async fn attempt(&self, _: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let id = match attempt.memory.left() {
            Some(left) => String::from_utf8(left.to_vec()).unwrap(),
            None => {
                let id = {
                    let mut given = self.given.lock().unwrap();
                    *given += 1;
                    format!("upload-{given}")
                };
                attempt.memory.remember(id.as_bytes()).await?;
                id
            }
        };
        self.acted.lock().unwrap().push(id.clone());
        let mut silent = self.silent.lock().unwrap();
        if *silent > 0 {
            *silent -= 1;
            return Err(SendError::Unclear { cause: "no answer".to_owned() });
        }
        Ok(Receipt { reference: id, ..Receipt::default() })
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "there is no way to ask".to_owned() })
    }

    fn width(&self) -> usize {
        1
    }
}

/// Takes nothing before the other one has acted, so that the fall after the first act is after that of the other.
struct Behind(Arc<Gives>);

#[async_trait]
impl Destination for Behind {
    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        while self.0.acted.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Longer than the other one takes to come to its end.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(Receipt::default())
    }

    fn repeat_is_safe(&self) -> bool {
        true
    }

    async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
        Err(SendError::Unclear { cause: "there is no way to ask".to_owned() })
    }

    fn width(&self) -> usize {
        1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_far_end_gave_before_the_act_is_known_after_a_crash_and_after_silence() {
    let mut rig = Rig::new(fast(50.0)).await;
    let gives = Arc::new(Gives { silent: Mutex::new(1), ..Gives::default() });
    rig.set.destinations.insert(NORD.to_owned(), gives.clone());
    rig.set.destinations.insert(HORT.to_owned(), Arc::new(Behind(gives.clone())));
    // The process falls after the first act; the second act is not answered; the third is.
    let engine = rig.engine_at(Points::halt_at(Point::AfterSend, 1));
    let delivered =
        tokio::time::timeout(Duration::from_secs(3), deliver(&engine, rig.by_second(&wish(1, 1)))).await;
    until("it has fallen", 60, || engine.core.points.crashed()).await;
    until("it has acted", 60, || !gives.acted.lock().unwrap().is_empty()).await;
    stop(engine).await;
    let engine = rig.engine();
    let id = match delivered {
        Ok(verdict) => verdict.id,
        Err(_) => deliver(&engine, rig.by_second(&wish(1, 1))).await.id,
    };
    rig.until_send(id, NORD, "sent").await;
    rig.at_rest().await;
    let acted = gives.acted.lock().unwrap().clone();
    assert!(acted.len() >= 2 && acted.iter().all(|under| under == "upload-1"), "{acted:?}");
    assert_eq!(*gives.given.lock().unwrap(), 1);
    // Another row has a memory of its own.
    let other = deliver(&engine, rig.by_second(&wish(2, 1))).await;
    rig.until_send(other.id, NORD, "sent").await;
    assert_eq!(gives.acted.lock().unwrap().last().map(String::as_str), Some("upload-2"));
    stop(engine).await;
}
