//! The ports of a source that only one replica may run: what it takes in, asks for and notes, it does under its duty, and a
//! replica that lost the duty does none of it. Never holds the duty itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::envelope::{Envelope, Lying, Verdict};
use crate::rejection::Rejection;
use crate::store::contract::Store;
use crate::store::duty::Duty;
use crate::transport::port::{Busy, DueTimers, Intake, Notes, Place};

use super::core::{Core, busy};
use super::ports::{Ports, looked, looks};

/// The ports of one such source.
pub struct Alone {
    core: Arc<Core>,
    intake: Arc<dyn Intake>,
    duty: String,
}

/// Another replica does it: nothing was taken.
fn elsewhere() -> Busy {
    Busy {
        cause: "another replica does this now".to_owned(),
        retry_after: Duration::from_secs(1),
        of_partner: false,
    }
}

impl Alone {
    /// The ports under a duty; `intake` is where its deliveries go.
    pub fn new(core: Arc<Core>, intake: Arc<dyn Intake>, duty: String) -> Alone {
        Alone { core, intake, duty }
    }

    fn held(&self) -> Result<Duty, Busy> {
        self.core.duties.held(&self.duty).ok_or_else(elsewhere)
    }

    fn store(&self) -> &dyn Store {
        &*self.core.store
    }

    /// The ports of everybody, for what needs no fence.
    fn ports(&self) -> Ports {
        Ports(self.core.clone())
    }
}

#[async_trait]
impl Intake for Alone {
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        // What was begun before the term ended is finished: its keys let it have one effect, whoever delivers it again.
        self.held()?;
        self.intake.deliver(envelope).await
    }

    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy> {
        self.held()?;
        self.intake.set_apart(envelope, cause).await
    }

    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        self.held()?;
        self.intake.keep_raw(envelope).await
    }

    async fn refuse(&self, envelope: Envelope, fault: Rejection) -> Result<Verdict, Busy> {
        self.held()?;
        self.intake.refuse(envelope, fault).await
    }
}

#[async_trait]
impl Notes for Alone {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, Busy> {
        self.ports().note(connection, key).await
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), Busy> {
        let duty = self.held()?;
        match self.store().set_note_under(&duty, connection, key, value).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(elsewhere()),
            Err(_) => Err(busy("the store cannot be written now")),
        }
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, Busy> {
        // The comparison is fence enough: whoever has the duty by now has written since, or finds it as it was.
        self.held()?;
        self.ports().swap_note(connection, key, before, value).await
    }

    async fn looks(&self, connection: &str, places: &[Place]) -> Result<(), Busy> {
        self.held()?;
        looks(&self.core, connection, places).await
    }

    async fn looked(&self, place: &Place, lying: Lying) -> Result<(), Busy> {
        self.held()?;
        looked(&self.core, place, lying).await
    }
}

#[async_trait]
impl DueTimers for Alone {
    async fn due(&self, limit: usize) -> Result<Vec<Envelope>, Busy> {
        let (duty, now) = (self.held()?, self.core.clock.now());
        let (duty, store) = (&duty, self.store());
        let ask = |most| async move {
            match store.due_timers_under(duty, now, most).await {
                Ok(Some(due)) => Ok(due),
                Ok(None) => Err(elsewhere()),
                Err(_) => Err(busy("the store cannot be read now")),
            }
        };
        super::ports::due(&self.core, limit, ask).await
    }
}
