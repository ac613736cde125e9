//! The one way from the octets of an HTTP body to a message and its contents, in the order that OSCI-Transport 1.2 wants: open,
//! structure, signature, message, contents.
//! It never hands out a message of which a signature does not count.

use bytes::Bytes;
use thiserror::Error;

use super::content::{self, ContentFault, Item};
use super::envelope::{Envelope, EnvelopeFault, Standing};
use super::message::{self, Message};
use super::open::{self, OpenFault, Rules};
use super::report::Report;
use crate::trust::certificate::Certificate;
use crate::trust::decrypt::Decrypter;

/// Why a body is not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReceiveFault {
    /// It cannot be opened.
    #[error("{0}")]
    Open(#[from] OpenFault),
    /// Its envelope does not count.
    #[error("{0}")]
    Envelope(#[from] EnvelopeFault),
}

impl ReceiveFault {
    /// The code of the SOAP fault or feedback that answers it.
    pub fn code(&self) -> u16 {
        match self {
            ReceiveFault::Open(fault) => fault.code(),
            ReceiveFault::Envelope(fault) => fault.code(),
        }
    }
}

/// A message that was received.
#[derive(Debug)]
pub struct Received {
    /// The message, and whether a signature covers it.
    pub message: Standing<Message>,
    /// Its contents, if each of them counts; else why not (the message itself counts all the same).
    pub contents: Result<Vec<Item>, ContentFault>,
    /// Whom it was encrypted for on its way.
    pub reader: Option<Certificate>,
    /// What was found out about its contents.
    pub report: Report,
}

/// Receives a body.
pub fn receive(
    body: &Bytes,
    content_type: Option<&str>,
    keys: &[&dyn Decrypter],
    rules: &Rules,
) -> Result<Received, ReceiveFault> {
    let opened = open::open(body, content_type, keys, rules)?;
    let envelope = Envelope::read(&opened)?;
    let mut report = Report::default();
    message::control(&envelope)?;
    let standing = envelope.judge()?;
    let (message, contents) = match standing {
        Standing::Signed { covered, signers } => {
            let contents = content::read(covered.get(), keys, rules, &mut report);
            let covered = covered.try_map(|envelope| Message::read(&envelope))?;
            (Standing::Signed { covered, signers }, contents)
        }
        Standing::Unsigned(unproven) => {
            let mut contents = Ok(Vec::new());
            let unproven = unproven.try_map(|envelope| {
                contents = content::read(&envelope, keys, rules, &mut report);
                Message::read(&envelope)
            })?;
            (Standing::Unsigned(unproven), contents)
        }
    };
    let reader = opened.transport.map(|transport| transport.reader);
    Ok(Received { message, contents, reader, report })
}
