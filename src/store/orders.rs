//! What persons order of the running house: a command lies in the store until one process takes it, and says how it ended. Carries out none.

use async_trait::async_trait;
use uuid::Uuid;

use crate::store::contract::{Command, CommandState, StoreError};

/// The orders of a store.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Writes a command of a person.
    async fn post_command(&self, command: Command) -> Result<(), StoreError>;
    /// Takes waiting commands.
    async fn take_commands(&self, limit: usize) -> Result<Vec<Command>, StoreError>;
    /// Ends a command.
    async fn end_command(&self, id: Uuid, state: CommandState) -> Result<(), StoreError>;
    /// Where a command stands.
    async fn command_state(&self, id: Uuid) -> Result<Option<CommandState>, StoreError>;
}
