//! A store that was put back from a backup: nothing comes in and nothing leaves until a person opens it. Meanwhile every row to
//! send that may have left after the backup was taken is looked up at its far end.
//! Sends nothing, and decides nothing that a far end or a person has not said.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::envelope::Envelope;
use crate::store::error::StoreError;
use crate::store::lane::Due;
use crate::store::recovery::{Finding, Recovering};
use crate::telemetry::alarm::{Alarm, raise};
use crate::transport::port::{Destination, Receipt, SendError};

use super::answers;
use super::core::Core;
use super::following;

/// Rows looked up before the next are read.
const PAGE: usize = 64;
/// Between two looks at what is left and whether a person has opened.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked at whether another replica has found that something is missing.
const HEAR: Duration = Duration::from_secs(2);
/// While the gate is closed looks up what is in doubt, again and again, until a person has opened the store; by this process or
/// another one.
pub async fn run(core: Arc<Core>) {
    while !core.stop.is_cancelled() {
        tokio::select! {
            () = core.gate.shut() => {}
            () = tokio::time::sleep(HEAR) => {
                // Another replica may have found that acknowledged deliveries are missing.
                match core.store.recovery().await {
                    Ok(Some(Recovering { lost: Some(_), .. })) => core.store_failed(&StoreError::History),
                    Ok(_) => {}
                    Err(error) => core.store_failed(&error),
                }
                continue;
            }
            () = core.stop.cancelled() => return,
        }
        match pass(&core).await {
            Ok(0) => {}
            Ok(settled) => tracing::info!(settled, "rows that may have left after the backup were looked up"),
            Err(error) => core.store_failed(&error),
        }
        match core.store.recovery().await {
            // What made this process end is not over because the store says nothing of it now: the next one asks anew.
            Ok(None) if core.leaving.is_cancelled() => {}
            Ok(None) => {
                core.gate.open();
                core.outbox.notify_one();
                core.woken.notify_one();
                tracing::info!("a person has opened the store: sources and dispatch run");
            }
            Ok(Some(_)) => {}
            Err(error) => core.store_failed(&error),
        }
        tokio::select! {
            () = core.gate.opened() => {}
            () = tokio::time::sleep(LOOK) => {}
            () = core.stop.cancelled() => {}
        }
    }
}

/// One walk over all rows in doubt; returns of how many the doubt ended.
async fn pass(core: &Core) -> Result<u64, StoreError> {
    let (mut after, mut settled) = (None, 0);
    while core.gate.is_closed() && !core.stop.is_cancelled() {
        let page = core.store.doubtful(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for due in &page {
            // Where the far end is not configured or not reached it stays in doubt: dispatch looks again before it sends.
            let Some((finding, answers)) = found(core, due).await else { continue };
            // They lie there until a person has opened the store.
            let answers = answers::laid(core, answers);
            if matches!(finding, Finding::Unknown { .. }) {
                raise(Alarm::OutcomeUnclear, &due.destination, &[]);
            }
            settled += u64::from(core.store.resolve(due.id, finding, answers, core.clock.now()).await?);
        }
    }
    Ok(settled)
}

/// What is found out of a row, with the documents that came back with one that arrived.
type Found = (Finding, Vec<Envelope>);

async fn found(core: &Core, due: &Due) -> Option<Found> {
    let destination = core.set.load().destinations.get(&due.destination).cloned();
    let Some(destination) = destination else { return elsewhere(due) };
    let patience = destination.patience().unwrap_or(core.settings.send_timeout);
    look_up(&*destination, due, patience, core.clock.now()).await
}

/// A row with another way may have gone that way after the backup was taken, whatever the one that it is on says; `None` where it has none.
fn elsewhere(due: &Due) -> Option<Found> {
    due.next.as_ref()?;
    let cause = "it may have left by another of its ways after the backup was taken".to_owned();
    Some((Finding::Unknown { cause }, Vec::new()))
}

/// What the far end says; `None`: nothing for now.
async fn look_up(
    destination: &dyn Destination,
    due: &Due,
    patience: Duration,
    now: Timestamp,
) -> Option<Found> {
    let asked = destination.find_within(&due.envelope, due.taken_within());
    let asked = tokio::time::timeout(patience, asked).await;
    let finding = match asked {
        // Only that it arrived is certain: where it went after the backup was taken nobody knows here.
        Ok(Ok(None) | Err(_)) | Err(_) if due.next.is_some() => return elsewhere(due),
        Ok(Ok(Some(Receipt { reference, evidence, answers, follow }))) => {
            let follow = follow.map(|follow| following::laid(follow, now));
            return Some((Finding::Arrived { reference, evidence, follow }, answers));
        }
        Ok(Ok(None)) => Finding::Queued,
        // The receiver knows a repeat by its id and says so in the port: a second look at it harms nobody. But an answer that may have left was
        // issued, and is not decided anew: the doubt stays.
        _ if destination.repeat_is_safe() => match due.delivers {
            Some(_) => return None,
            None => Finding::Queued,
        },
        Ok(Err(SendError::Unclear { cause } | SendError::Never { cause })) => Finding::Unknown {
            cause: format!("it may have left after the backup was taken, and cannot be looked up: {cause}"),
        },
        Ok(Err(SendError::Later { .. })) | Err(_) => return None,
    };
    Some((finding, Vec::new()))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::effects::Way;
    use crate::envelope::Stage;
    use crate::store::lane::Next;
    use crate::store::stamp::Stamp;

    /// A far end that knows one thing to say.
    struct Says(Result<Option<Receipt>, SendError>, bool);

    #[async_trait]
    impl Destination for Says {
        async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
            Err(SendError::Never { cause: "nothing is sent here".to_owned() })
        }

        fn repeat_is_safe(&self) -> bool {
            self.1
        }

        async fn find_by_reference(&self, _: &Envelope) -> Result<Option<Receipt>, SendError> {
            self.0.clone()
        }

        fn width(&self) -> usize {
            1
        }
    }

    fn due() -> Due {
        let stamp = Stamp {
            mandant: String::new(),
            partner: String::new(),
            how: String::new(),
            stage: Stage::Test,
            test: true,
            key_id: String::new(),
            acting_person: String::new(),
            doc_version: String::new(),
            traceparent: String::new(),
            decided_by: String::new(),
        };
        let envelope = Envelope {
            head: crate::envelope::Head {
                id: Uuid::from_u128(1),
                connection: "c".to_owned(),
                binding: "c:x".to_owned(),
                transport_id: "1".to_owned(),
                correlation: None,
                content_type: None,
                partner: None,
                received: jiff::Timestamp::UNIX_EPOCH,
                return_address: None,
                traceparent: None,
                acting_person: None,
                label: None,
                in_band: false,
            },
            evidence: Default::default(),
            body: Default::default(),
            parts: Vec::new(),
        };
        Due {
            id: Uuid::from_u128(1),
            stamp,
            cause: Uuid::from_u128(2),
            destination: "c:x".to_owned(),
            attempts: 0,
            queued: jiff::Timestamp::UNIX_EPOCH,
            deadline: None,
            unclear: true,
            delivers: None,
            next: None,
            several: false,
            left: None,
            envelope,
        }
    }

    #[tokio::test]
    async fn a_row_ends_as_its_far_end_says() {
        let unclear = || Err(SendError::Unclear { cause: "no lookup".to_owned() });
        let later = || Err(SendError::Later { cause: "down".to_owned(), retry_after: None, far_end: true });
        let there = Receipt { reference: "r".to_owned(), evidence: "e".to_owned(), ..Receipt::default() };
        let arrived = Finding::Arrived { reference: "r".to_owned(), evidence: "e".to_owned(), follow: None };
        for (says, safe, expected) in [
            (Ok(Some(there.clone())), false, Some(arrived.clone())),
            (Ok(Some(there)), true, Some(arrived)),
            (Ok(None), false, Some(Finding::Queued)),
            (Ok(None), true, Some(Finding::Queued)),
            (unclear(), true, Some(Finding::Queued)),
            (later(), true, Some(Finding::Queued)),
            (later(), false, None),
        ] {
            let found =
                look_up(&Says(says, safe), &due(), Duration::from_secs(5), Timestamp::UNIX_EPOCH).await;
            assert_eq!(found.map(|(found, _)| found), expected, "repeat is safe: {safe}");
        }
        // An answer that may have left is not taken for one that has not.
        let answer = Due { delivers: Some(std::array::from_fn(|_| 1)), ..due() };
        for (says, queued) in [(Ok(None), true), (unclear(), false), (later(), false)] {
            let now = Timestamp::UNIX_EPOCH;
            let found = look_up(&Says(says, true), &answer, Duration::from_secs(5), now).await;
            assert_eq!(found.map(|(found, _)| found), queued.then_some(Finding::Queued));
        }
        let found =
            look_up(&Says(unclear(), false), &due(), Duration::from_secs(5), Timestamp::UNIX_EPOCH).await;
        assert!(matches!(found, Some((Finding::Unknown { cause }, _)) if cause.contains("no lookup")));
    }

    #[tokio::test]
    async fn what_has_another_way_may_have_gone_it() {
        let way = Way { destination: "tray:x".to_owned(), seconds: 60, until_late: false };
        let due =
            Due { next: Some(Next { way, late_after: None, beyond: Vec::new(), stayed: false }), ..due() };
        let there = Receipt { reference: "r".to_owned(), ..Receipt::default() };
        for (says, safe, arrived) in
            [(Ok(Some(there)), true, true), (Ok(None), false, false), (Ok(None), true, false)]
        {
            let found = look_up(&Says(says, safe), &due, Duration::from_secs(5), Timestamp::UNIX_EPOCH).await;
            match found {
                Some((Finding::Arrived { .. }, _)) => assert!(arrived),
                Some((Finding::Unknown { .. }, _)) => assert!(!arrived),
                other => panic!("{other:?}"),
            }
        }
    }
}
