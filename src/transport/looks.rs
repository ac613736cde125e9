//! What sources that ask for deliveries have in common: they say where they will look before they look. Never delivers anything.

use super::port::{Place, Stop, Surroundings};

/// Says where a source will look, until the house has it: without it nothing can be delivered either.
pub async fn announce(around: &Surroundings, connection: &str, places: &[Place], stop: &Stop) {
    while let Err(busy) = around.notes.looks(connection, places).await {
        tracing::debug!(connection, cause = busy.cause, "where it will look is not kept yet");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(busy.retry_after) => {}
        }
    }
}
