//! What lies in a mailbox, page by page, the oldest first. One message of which nothing can be read hides none of the others. Fetches nothing.

use super::ask::{self, Page};
use super::link::Link;
use super::trouble::Trouble;
use crate::transport::xta::model::{ListForm, MetaData, Party, Selection};
use crate::transport::xta_words::moment;

/// A message in a list.
#[derive(Debug)]
pub enum Entry {
    /// What is said of it.
    Said(Box<MetaData>),
    /// What is said of it cannot be read; its id.
    Ill(String),
}

/// A page of them.
#[derive(Debug)]
pub struct Listed {
    /// The messages, the oldest first.
    pub entries: Vec<Entry>,
    /// Under which the list goes on.
    pub request_id: Option<String>,
    /// Whether there are more.
    pub more: bool,
}

/// The first page, of so many at most. `again`: also what was fetched already is asked for by name, which some servers want.
pub async fn first(link: &Link, reader: &Party, most: u64, again: bool) -> Result<Listed, Trouble> {
    let of = |form| Selection {
        form: Some(form),
        most: Some(most),
        new_entry: again.then_some(false),
        ..Selection::default()
    };
    match ask::list(link, reader, of(ListForm::Full)).await {
        Ok(page) => Ok(listed(page)),
        Err(Trouble::Unreadable(cause)) => {
            tracing::warn!(cause, "a list cannot be read as a whole; its messages are asked for one by one");
            one_by_one(link, reader, ask::list(link, reader, of(ListForm::Brief)).await?).await
        }
        Err(trouble) => Err(trouble),
    }
}

/// The next page; none where the server does not go on with lists.
pub async fn next(link: &Link, reader: &Party, request_id: Option<&str>) -> Option<Listed> {
    let page = ask::next(link, reader, request_id?).await.ok()?;
    let listed = listed(page);
    (!listed.entries.is_empty()).then_some(listed)
}

async fn one_by_one(link: &Link, reader: &Party, page: Page) -> Result<Listed, Trouble> {
    let mut entries = Vec::new();
    for brief in &page.brief {
        let one = Selection { form: Some(ListForm::Full), ..Selection::one(&brief.message_id) };
        match ask::list(link, reader, one).await {
            Ok(found) => {
                let meta = found.full.into_iter().find(|meta| ask::same(&meta.message_id, &brief.message_id));
                entries.extend(meta.map(|meta| Entry::Said(Box::new(meta))));
            }
            Err(Trouble::Unreadable(_)) => entries.push(Entry::Ill(brief.message_id.clone())),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(Listed { entries, request_id: page.request_id, more: page.pending > 0 })
}

fn listed(page: Page) -> Listed {
    let mut full = page.full;
    // That they come in this order nobody has promised; what has no moment stays where it stands.
    if full.iter().all(|meta| laid(meta).is_some()) {
        full.sort_by_key(laid);
    }
    let entries = full.into_iter().map(|meta| Entry::Said(Box::new(meta))).collect();
    Listed { entries, request_id: page.request_id, more: page.pending > 0 && !page.none }
}

/// When a message was laid there.
pub fn laid(meta: &MetaData) -> Option<jiff::Timestamp> {
    meta.times.delivery.as_deref().and_then(moment)
}
