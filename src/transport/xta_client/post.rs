//! One order on its way to its server: written, streamed, answered. Decides nothing about what its answer means.

use std::sync::Arc;

use super::content::{self, Going, Octets};
use super::link::{Asked, Link};
use super::trouble::Trouble;
use crate::transport::port::Spool;
use crate::transport::xta::model::{Order, Request, Response};
use crate::transport::xta::names::{Module, Operation};
use crate::transport::xta::out::Carriage;
use crate::transport::xta::write;
use crate::transport::xta_words::wire_id;

/// Sends an order with the octets of its contents; those in the spool are read as they leave.
pub async fn order(
    link: &Link,
    (order, contents): (Order, Vec<(String, Octets)>),
    of: (Arc<dyn Spool>, &str),
    going: &Going,
) -> Result<Response, Trouble> {
    let request = Request::SendMessage(order);
    let to = link.address(Operation::SendMessage)?;
    let written = write::request(Module::Xta211, &request, None, &to, &wire_id(), Carriage::Parts)
        .map_err(|fault| Trouble::Unwritable(fault.to_string()))?;
    let (content_type, length, body) = content::body(&written, contents, of, going)?;
    let action = written.action.unwrap_or_default();
    let asked = Asked { operation: Operation::SendMessage, content_type, action };
    let (mut reply, after) = link.post(&asked, body, length).await?;
    let root = link.held(&mut reply).await?;
    link.read(root, Operation::SendMessage, (reply.status(), after))
}
