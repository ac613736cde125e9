//! What lies in a mailbox, page by page, the oldest first. One message of which nothing can be read hides none of the others. Fetches nothing.

use jiff::{SignedDuration, Timestamp};

use super::ask::{self, Page};
use super::link::Link;
use super::trouble::Trouble;
use crate::transport::xta::model::{ListForm, MetaData, Party, Selection};
use crate::transport::xta_words::moment;

/// So many pages at one look.
const PAGES: usize = 1000;
/// The largest page that is asked for where a server does not go on with lists.
const LARGEST: u64 = 2000;
/// By so much later is asked where one moment fills a page.
const STEP: SignedDuration = SignedDuration::from_secs(1);
/// So many answers about single messages may be lost at a look.
const LOST: usize = 3;

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
    /// How many they were.
    pub many: usize,
    /// Under which the list goes on.
    pub request_id: Option<String>,
    /// How many, as the server says.
    pub pending: u64,
}

/// The way through a mailbox, page by page. Where a server does not go on with a list it is asked for longer ones, and where it cuts those, for
/// what was laid there since the last that was seen: so what stays there hides nothing behind it.
pub struct Walk<'l> {
    link: &'l Link,
    most: u64,
    pages: usize,
    /// Since when what was laid there is asked for.
    from: Option<Timestamp>,
    /// When the latest of what was seen was laid there.
    latest: Option<Timestamp>,
    /// How many there were at first.
    all: Option<u64>,
    /// Whether something may lie between two pages.
    gap: bool,
}

impl Walk<'_> {
    /// The way by pages of as many at most as the connection says.
    pub fn new(link: &Link) -> Walk<'_> {
        Walk { link, most: link.settings.page, pages: 0, from: None, latest: None, all: None, gap: false }
    }

    /// The first page. `again`: also what was fetched already is asked for by name, which some servers want.
    pub async fn first(&mut self, reader: &Party, again: bool) -> Result<Listed, Trouble> {
        let of = |form| Selection {
            form: Some(form),
            most: Some(self.most),
            new_entry: again.then_some(false),
            from: self.from.map(|from| from.to_string()),
            ..Selection::default()
        };
        let page = match ask::list(self.link, reader, of(ListForm::Full)).await {
            Ok(page) => listed(page),
            Err(Trouble::Unreadable(cause)) => {
                tracing::warn!(
                    cause,
                    "a list cannot be read as a whole; its messages are asked for one by one"
                );
                one_by_one(self.link, reader, ask::list(self.link, reader, of(ListForm::Brief)).await?)
                    .await?
            }
            Err(trouble) => return Err(trouble),
        };
        self.all.get_or_insert(page.pending.saturating_add(page.entries.len() as u64));
        self.met(&page);
        Ok(page)
    }

    /// The page after one; none where the rest cannot be had. `all_gone`: nothing of that page stays there. `fresh`: something of it had not
    /// been seen before.
    pub async fn next(
        &mut self,
        reader: &Party,
        page: &Listed,
        all_gone: bool,
        fresh: bool,
    ) -> Result<Option<Listed>, Trouble> {
        self.pages += 1;
        if self.pages >= PAGES {
            return Ok(None);
        }
        // Where all of a page is gone its list begins anew; else it goes on.
        if fresh && all_gone {
            return self.first(reader, false).await.map(Some);
        }
        if fresh && let Some(next) = next(self.link, reader, page.request_id.as_deref()).await {
            self.met(&next);
            return Ok(Some(next));
        }
        let is_cut = (page.many as u64) < self.most;
        if !is_cut && self.most < LARGEST {
            self.most = (self.most * 2).min(LARGEST);
            return self.first(reader, false).await.map(Some);
        }
        let Some(latest) = self.latest else { return Ok(None) };
        self.from = match self.from {
            Some(from) if latest <= from => {
                // All of a page was laid there in one moment: what else was in that moment is not seen.
                if !fresh && self.gap {
                    return Ok(None);
                }
                self.gap = true;
                from.checked_add(STEP).ok()
            }
            _ => Some(latest),
        };
        match self.first(reader, false).await {
            Ok(next) => Ok(Some(next)),
            // A server that knows no such selection.
            Err(Trouble::Refused(..)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether that was all, where so many were seen and a page said that it is the last.
    pub fn saw_all(&self, seen: usize) -> bool {
        // A list by time is believed only as far as nothing is missing that the first one counted.
        self.from.is_none() || !self.gap && self.all.is_none_or(|all| seen as u64 >= all)
    }

    fn met(&mut self, page: &Listed) {
        let moments = page.entries.iter().filter_map(|entry| match entry {
            Entry::Said(meta) => laid(meta),
            Entry::Ill(_) => None,
        });
        self.latest = moments.chain(self.latest).max();
    }
}

/// The next page; none where the server does not go on with lists.
async fn next(link: &Link, reader: &Party, request_id: Option<&str>) -> Option<Listed> {
    let page = ask::next(link, reader, request_id?).await.ok()?;
    let listed = listed(page);
    (!listed.entries.is_empty()).then_some(listed)
}

async fn one_by_one(link: &Link, reader: &Party, page: Page) -> Result<Listed, Trouble> {
    let (mut entries, mut lost) = (Vec::new(), 0);
    for brief in &page.brief {
        let one = Selection { form: Some(ListForm::Full), ..Selection::one(&brief.message_id) };
        match ask::list(link, reader, one).await {
            Ok(found) => {
                let meta = found.full.into_iter().find(|meta| ask::same(&meta.message_id, &brief.message_id));
                entries.extend(meta.map(|meta| Entry::Said(Box::new(meta))));
            }
            Err(Trouble::Unreadable(_)) => entries.push(Entry::Ill(brief.message_id.clone())),
            // An answer about one that never ends hides none of the others either.
            Err(Trouble::Lost(_)) if lost < LOST => {
                lost += 1;
                entries.push(Entry::Ill(brief.message_id.clone()));
            }
            Err(trouble) => return Err(trouble),
        }
    }
    let (many, pending) = (page.brief.len(), page.pending);
    Ok(Listed { entries, many, request_id: page.request_id, pending })
}

fn listed(page: Page) -> Listed {
    let mut full = page.full;
    // That they come in this order nobody has promised; what has no moment stays where it stands.
    if full.iter().all(|meta| laid(meta).is_some()) {
        full.sort_by_key(laid);
    }
    let entries: Vec<Entry> = full.into_iter().map(|meta| Entry::Said(Box::new(meta))).collect();
    Listed { many: entries.len(), entries, request_id: page.request_id, pending: page.pending }
}

/// When a message was laid there.
pub fn laid(meta: &MetaData) -> Option<Timestamp> {
    meta.times.delivery.as_deref().and_then(moment)
}
