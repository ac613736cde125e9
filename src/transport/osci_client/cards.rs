//! Asks an intermediary for process cards (Laufzettel): what became of a delivery of ours, and what lies in our mailbox. Sends nothing else.

use bytes::Bytes;

use super::link::{Link, Material, Say, says};
use super::trouble::Trouble;
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::{Order, ProcessCard, Selection, Stamp};

/// From then on everything counts as changed.
const EVER: &str = "2000-01-01T00:00:00Z";

/// Begins a dialog.
pub async fn begin(link: &Link, with: &Material) -> Result<Dialog, Trouble> {
    let mut dialog = Dialog::explicit();
    link.say(&mut dialog, Say::bare(Kind::InitDialog, Order::default()), with).await?;
    Ok(dialog)
}

/// Ends a dialog in which the last answer was read; what comes of that changes nothing.
pub async fn end(link: &Link, mut dialog: Dialog, with: &Material) {
    if dialog.is_open() {
        let ended = link.say(&mut dialog, Say::bare(Kind::ExitDialog, Order::default()), with).await;
        if let Err(trouble) = ended {
            tracing::debug!(connection = link.connection, %trouble, "a dialog was not ended");
        }
    }
}

/// The card of one of our deliveries, with the package that says so; `None`: the intermediary has none of it.
pub async fn of_delivery(
    link: &Link,
    with: &Material,
    id: &str,
) -> Result<Option<(ProcessCard, Bytes)>, Trouble> {
    let mut dialog = begin(link, with).await?;
    let order = Order { selection: Some(Selection::MessageIds(vec![id.to_owned()])), ..Order::default() };
    let heard = link.say(&mut dialog, Say::bare(Kind::FetchProcessCard, order), with).await;
    let found = match heard {
        Ok(heard) => {
            let card = heard.order.cards.into_iter().find(|card| card.message_id == id);
            Ok(card.map(|card| (card, heard.package)))
        }
        Err(trouble) if trouble.code() == Some(9804) => Ok(None),
        Err(trouble) => Err(trouble),
    };
    end(link, dialog, with).await;
    found
}

/// What lies in our mailbox and was not received, within a dialog; and whether there is more.
pub async fn waiting(
    link: &Link,
    dialog: &mut Dialog,
    with: &Material,
) -> Result<(Vec<ProcessCard>, bool), Trouble> {
    let selection = Selection::ChangedSince {
        time: EVER.to_owned(),
        no_reception: true,
        role: Some("Addressee".to_owned()),
    };
    let order = Order { selection: Some(selection), quantity: Some(link.settings.page), ..Order::default() };
    match link.say(dialog, Say::bare(Kind::FetchProcessCard, order), with).await {
        Ok(heard) => {
            let more = says(&heard.order.feedback, "3801");
            Ok((heard.order.cards, more))
        }
        Err(trouble) if trouble.code() == Some(9804) => Ok((Vec::new(), false)),
        Err(trouble) => Err(trouble),
    }
}

/// A time of a card as a moment, where it is one.
pub fn moment(stamp: Option<&Stamp>) -> Option<jiff::Timestamp> {
    match stamp? {
        Stamp::Plain(text) => text.parse().ok(),
        Stamp::Cryptographic(..) => None,
    }
}

/// A time of a card as it may be said.
pub fn said(stamp: Option<&Stamp>) -> String {
    match moment(stamp) {
        Some(moment) => moment.to_string(),
        None => "a time that cannot be read".to_owned(),
    }
}
