//! What was committed and is to be closed: each look tries it again, and what its server does not close holds up neither other closes nor what
//! is to be fetched. Never closes what it was not given as committed.

use super::ask;
use super::link::Link;
use super::trouble::Trouble;
use crate::transport::xta::model::Party;

/// So many closes in a row that fail are enough at one look.
const IN_A_ROW: usize = 3;

/// A message by its id, and the id of the exchange by which it came.
type Open = (String, Option<String>);

/// What could not be closed yet.
#[derive(Default)]
pub struct Closing {
    open: Vec<Open>,
}

impl Closing {
    /// Whether a message is among them.
    pub fn has(&self, id: &str) -> bool {
        self.open.iter().any(|(open, _)| ask::same(open, id))
    }

    /// Tries all of it again, as far as the server does it; the last fault, where there was one.
    pub async fn again(&mut self, link: &Link, reader: &Party) -> Option<Trouble> {
        let (mut failed, mut last) = (Vec::new(), None);
        while failed.len() < IN_A_ROW
            && let Some((id, request_id)) = self.open.first()
        {
            let closed = close(link, reader, id, request_id.as_deref()).await;
            // It is taken out only now: who is stopped before has lost nothing.
            let one = self.open.remove(0);
            if let Err(trouble) = closed {
                failed.push(one);
                last = Some(trouble);
            }
        }
        // They come after those whose turn it was not.
        self.open.append(&mut failed);
        last
    }

    /// Closes one that is committed; it stays among them where that fails.
    pub async fn one(
        &mut self,
        link: &Link,
        reader: &Party,
        (id, request_id): (&str, Option<String>),
    ) -> Result<(), Trouble> {
        let closed = close(link, reader, id, request_id.as_deref()).await;
        if closed.is_err() {
            self.open.push((id.to_owned(), request_id));
        }
        closed
    }
}

async fn close(link: &Link, reader: &Party, id: &str, request_id: Option<&str>) -> Result<(), Trouble> {
    match ask::close(link, reader, id, request_id).await {
        // Somebody else of the account has closed it.
        Err(trouble) if trouble.is_unknown_id() => Ok(()),
        other => other,
    }
}
