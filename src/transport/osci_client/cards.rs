//! Asks an intermediary for process cards (Laufzettel): what became of a delivery of ours, and what lies in our mailbox. Sends nothing else.

use std::collections::HashSet;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::link::{Link, Material, Say, says};
use super::trouble::Trouble;
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::{Order, ProcessCard, Selection, Stamp};
use crate::transport::osci_words::date_time;

/// Cards of a mailbox that are seen at most.
const MOST: u64 = 5_000;
const SECOND: SignedDuration = SignedDuration::from_secs(1);
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

/// A process card that was found.
pub struct Found {
    /// The card.
    pub card: ProcessCard,
    /// Whether the intermediary signed it; policy may take it unsigned.
    pub signed: bool,
    /// The package that says so, as it was signed.
    pub package: Bytes,
}

/// The card of one of our deliveries; `None`: the intermediary has none of it. It was laid under the certificate that was in use then.
pub async fn of_delivery(link: &Link, with: &Material, id: &str) -> Result<Option<Found>, Trouble> {
    for with in with.each() {
        if let Some(found) = under_one(link, &with, id).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The same under one certificate of ours.
async fn under_one(link: &Link, with: &Material, id: &str) -> Result<Option<Found>, Trouble> {
    let mut dialog = begin(link, with).await?;
    let order = Order { selection: Some(Selection::MessageIds(vec![id.to_owned()])), ..Order::default() };
    let heard = link.say(&mut dialog, Say::bare(Kind::FetchProcessCard, order), with).await;
    let found = match heard {
        Ok(heard) => {
            let card = heard.order.cards.into_iter().find(|card| card.message_id == id);
            let (signed, package) = (heard.signer.is_some(), heard.package);
            Ok(card.map(|card| Found { card, signed, package }))
        }
        Err(trouble) if trouble.code() == Some(9804) => Ok(None),
        Err(trouble) => Err(trouble),
    };
    end(link, dialog, with).await;
    found
}

/// What lies in our mailbox and was not received, within a dialog, page after page; and whether all of it was seen. What stays there must not hide
/// what lies behind it.
pub async fn waiting(
    link: &Link,
    dialog: &mut Dialog,
    with: &Material,
) -> Result<(Vec<ProcessCard>, bool), Trouble> {
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    let (mut since, mut most) = (EVER.to_owned(), link.settings.page);
    loop {
        let (page, more) = listed(link, dialog, with, (&since, most)).await?;
        let latest = latest(&page);
        let before = all.len();
        all.extend(page.into_iter().filter(|card| known.insert(card.message_id.clone())));
        match latest {
            _ if !more => return Ok((all, true)),
            _ if all.len() as u64 >= MOST => return Ok((all, false)),
            // From a moment before: whether that itself counts is not said, and others may have it.
            Some(latest) if all.len() > before => since = date_time(latest - SECOND),
            // One moment fills a page, or there is no order in it.
            _ if most < MOST => most = most.saturating_mul(4).min(MOST),
            _ => return Ok((all, false)),
        }
    }
}

/// When the last of a page was changed, where all of it is in that order.
fn latest(page: &[ProcessCard]) -> Option<Timestamp> {
    let changed = page.iter().map(|card| card.changed.as_deref()?.parse::<Timestamp>().ok());
    let changed: Vec<Timestamp> = changed.collect::<Option<_>>()?;
    changed.is_sorted().then(|| changed.last().copied()).flatten()
}

/// One page: what was changed since, so much at most, and whether there is more.
async fn listed(
    link: &Link,
    dialog: &mut Dialog,
    with: &Material,
    (since, most): (&str, u64),
) -> Result<(Vec<ProcessCard>, bool), Trouble> {
    let selection = Selection::ChangedSince {
        time: since.to_owned(),
        no_reception: true,
        role: Some("Addressee".to_owned()),
    };
    let order = Order { selection: Some(selection), quantity: Some(most), ..Order::default() };
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
pub fn moment(stamp: Option<&Stamp>) -> Option<Timestamp> {
    match stamp? {
        Stamp::Plain(text) => text.parse().ok(),
        Stamp::Cryptographic(..) => None,
    }
}

/// What the intermediary says of a delivery, by its card where it gave one, as evidence; where nobody signed that it says so.
pub fn evidence(card: Option<&ProcessCard>, signed: bool) -> String {
    let unsigned = if signed { "" } else { ", which nobody signed" };
    let received = card.and_then(|card| card.reception.as_ref());
    match (received, card.and_then(|card| card.creation.as_ref())) {
        (Some(at), _) => format!("process card{unsigned}: received {}", said(at)),
        (None, Some(at)) => format!("process card{unsigned}: taken by the intermediary {}", said(at)),
        (None, None) => format!("taken by the intermediary{unsigned}"),
    }
}

/// A time of a card as it may be said.
fn said(stamp: &Stamp) -> String {
    match moment(Some(stamp)) {
        Some(moment) => moment.to_string(),
        None => "a time that cannot be read".to_owned(),
    }
}
