//! What a person does at an intermediary by hand: looks, fetches, sends files, asks for a process card. Nothing is said to be received unless that is
//! asked for, and what was sent is never sent again by itself.

use std::sync::Arc;

use bytes::Bytes;

use super::cards::{self, Found};
use super::link::{Came, House, Link, Say};
use super::post::{self, Loaded, Posting};
use super::trouble::Trouble;
use crate::transport::caller::Around;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::{Order, ProcessCard, Selection};
use crate::transport::osci_contents::{Content, verification};
use crate::transport::port::account::Bound;
use crate::transport::port::binding::HttpBinding;
use crate::transport::port::{Admission, Doors};
use crate::trust::certificate::Certificate;

/// Who is known, and no path and route.
struct Fixed(Arc<Admission>);

impl Doors for Fixed {
    fn admission(&self) -> Arc<Admission> {
        self.0.clone()
    }

    fn http(&self) -> Arc<Vec<HttpBinding>> {
        Arc::default()
    }

    fn bound(&self, _: &str) -> Option<Bound> {
        None
    }
}

/// The house of whoever asks by himself.
pub fn alone(admission: Admission, config: std::path::PathBuf) -> House {
    House { around: Around::alone(), doors: Arc::new(Fixed(Arc::new(admission))), config }
}

/// A delivery that was fetched.
pub struct Fetched {
    /// The partner whose it is.
    pub partner: String,
    /// Its contents, the document first.
    pub contents: Vec<Content>,
    /// What was verified.
    pub verification: String,
    /// Why nothing of it can be read, where it is that partner's all the same.
    pub apart: Option<&'static str>,
}

/// What was not received yet, and whether all of it was seen.
pub async fn list(link: &Link) -> Result<(Vec<ProcessCard>, bool), Trouble> {
    let with = link.material().await?;
    let mut dialog = cards::begin(link, &with).await?;
    let found = cards::waiting(link, &mut dialog, &with).await?;
    cards::end(link, dialog, &with).await;
    Ok(found)
}

/// Fetches a delivery and hands it on; only where that succeeds and it is to be received the end of the dialog says so.
pub async fn fetch<T, E>(
    link: &Link,
    id: &str,
    receive: bool,
    lay: impl FnOnce(&Fetched) -> Result<T, E>,
) -> Result<(Fetched, Result<T, E>), Trouble> {
    let with = link.material().await?;
    let mut dialog = cards::begin(link, &with).await?;
    let order = Order { selection: Some(Selection::MessageIds(vec![id.to_owned()])), ..Order::default() };
    let heard = link.say(&mut dialog, Say::bare(Kind::FetchDelivery, order), &with).await?;
    if heard.order.cards.first().is_some_and(|card| card.message_id != id) {
        return Err(Trouble::Unreadable("it is another delivery than was asked for".to_owned()));
    }
    let signed = heard.signer.is_some();
    let fetched = match heard.delivery {
        Some(Came::Of { partner, gathered, apart }) => Fetched {
            partner,
            verification: verification(signed, &gathered),
            contents: gathered.contents,
            apart: apart.map(|apart| apart.cause()),
        },
        Some(Came::Unfit(unfit)) if unfit.ours => return Err(Trouble::NotNow(unfit.why)),
        Some(Came::Unfit(unfit)) => return Err(Trouble::Unreadable(unfit.why)),
        None => return Err(Trouble::Unreadable("an answer without a delivery".to_owned())),
    };
    let laid = lay(&fetched);
    if receive && laid.is_ok() {
        cards::end(link, dialog, &with).await;
    }
    Ok((fetched, laid))
}

/// The process card of a delivery; none where the intermediary has none.
pub async fn card(link: &Link, id: &str) -> Result<Option<Found>, Trouble> {
    let with = link.material().await?;
    cards::of_delivery(link, &with, id).await
}

/// What is sent.
pub struct Sending {
    /// The document.
    pub document: Bytes,
    /// What stands beside it.
    pub parts: Vec<Bytes>,
    /// What everybody on the way reads of it.
    pub subject: Option<String>,
    /// The address of its recipient, where it is forwarded.
    pub forward: Option<String>,
}

/// The certificate for which it is encrypted now.
pub async fn reader(link: &Link, partner: &str) -> Result<Option<Certificate>, Trouble> {
    let with = link.material().await?;
    let known = with.known.authors.iter().find(|author| author.partner == partner);
    Ok(known.and_then(|known| known.pinned.cipher(link.now())).cloned())
}

/// A new id; nothing is sent by it.
pub async fn new_id(link: &Link) -> Result<String, Trouble> {
    post::new_id(link, &link.material().await?).await
}

/// Sends it under an id.
pub async fn send(link: &Link, id: &str, reader: Certificate, sending: Sending) -> Result<String, Trouble> {
    let with = link.material().await?;
    let Sending { document, parts, subject, forward } = sending;
    let posting = Posting { loaded: Loaded { document, parts }, reader, subject, forward };
    let heard = post::deliver(link, &with, id, posting).await?;
    Ok(cards::evidence(heard.order.cards.first(), heard.signer.is_some()))
}
