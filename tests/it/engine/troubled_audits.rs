//! What an auditor asks of a store in trouble, its notes and orders: handed on as they are.

use async_trait::async_trait;
use drehscheibe::store::audit::{
    Audits, Link, Lost, Recorded, Retrieved, Strand, Told, Turn, Viewing, Window,
};
use drehscheibe::store::error::StoreError;
use drehscheibe::store::notes::Notes;
use drehscheibe::store::orders::{Command, CommandState, Orders};
use jiff::Timestamp;
use uuid::Uuid;

use super::troubled::Troubled;

#[async_trait]
impl Audits for Troubled {
    async fn strands(&self) -> Result<Vec<Strand>, StoreError> {
        self.inner.strands().await
    }

    async fn links(&self, strand: i64, after: i64, limit: usize) -> Result<Vec<Link>, StoreError> {
        self.inner.links(strand, after, limit).await
    }

    async fn lost(&self) -> Result<Option<Lost>, StoreError> {
        self.inner.lost().await
    }

    async fn record(
        &self,
        viewing: Viewing,
        person: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        self.inner.record(viewing, person, reason, now).await
    }

    async fn changes(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Told>, StoreError> {
        self.inner.changes(recorded, window, turn).await
    }

    async fn retrievals(
        &self,
        recorded: &Recorded,
        window: &Window,
        turn: Turn,
    ) -> Result<Vec<Retrieved>, StoreError> {
        self.inner.retrievals(recorded, window, turn).await
    }

    async fn reasons(&self, recorded: &Recorded, links: &[Link]) -> Result<Vec<Option<String>>, StoreError> {
        self.inner.reasons(recorded, links).await
    }
}

#[async_trait]
impl Notes for Troubled {
    async fn note(&self, connection: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.note(connection, key).await
    }

    async fn set_note(&self, connection: &str, key: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.inner.set_note(connection, key, value).await
    }

    async fn swap_note(
        &self,
        connection: &str,
        key: &str,
        before: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<bool, StoreError> {
        self.inner.swap_note(connection, key, before, value).await
    }
}

#[async_trait]
impl Orders for Troubled {
    async fn post_command(&self, command: Command) -> Result<(), StoreError> {
        self.inner.post_command(command).await
    }

    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError> {
        self.sound("take_commands");
        self.inner.take_commands(limit).await
    }

    async fn leave_command(&self, id: Uuid) -> Result<(), StoreError> {
        self.inner.leave_command(id).await
    }
    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError> {
        self.inner.end_command(id, state).await
    }

    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError> {
        self.inner.command_state(id).await
    }
}
