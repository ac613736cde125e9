//! A reader's mailbox: looking is a list, fetching a lease, closing settles. What was fetched and not closed is noted with its receipt, so that
//! a close that names an id only ends what this reader really has, and one that is said again is known. Never closes what was not fetched.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account::Account;
use super::ids::{self, List};
use super::letter::Letter;
use super::no::No;
use super::server::Server;
use crate::transport::http::door::ASKING;
use crate::transport::http::room::AGAIN;
use crate::transport::http::shares::Place;
use crate::transport::ids::sha256_hex;
use crate::transport::port::mailbox::{Asking, End, Ended, Fetch, Item, Reach, Stand};
use crate::transport::xta::model::{
    BoxStatus, Brief, Identity, Iteration, ListForm, MetaData, MsgPart, Party, Remaining, Response, Scenario,
    Selection, Times,
};
use crate::transport::xta::names::Module;
use crate::transport::xta::values;
use crate::transport::xta_words::{Described, moment};

const REASON: &str = "http://www.osci.eu/ws/2008/05/transport/MsgBox/reasons/";
/// The largest page of a list, and that of the store.
const PAGE: usize = 100;
/// So many pages are looked through for one answer; what lies behind is found once what lies before is closed.
const PAGES: usize = 10;
/// A document is never larger; the room for it is asked for before it is read.
const DOCUMENT: u64 = 8 << 20;

/// What is noted of something that was fetched and is not closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fetched {
    /// When it was fetched for the first time.
    first: Timestamp,
    /// By which it is closed.
    receipt: String,
}

/// What a list has found.
struct Page {
    items: Vec<Item>,
    /// How many more fit.
    pending: u64,
    next: List,
}

impl Server {
    /// The first page of a list.
    pub async fn list(&self, account: &Account, asks: Identity, wanted: &Selection) -> Result<Response, No> {
        let moment = |written: &Option<String>| written.as_deref().map(moment);
        let (from, to) = (moment(&wanted.from), moment(&wanted.to));
        let ours: Vec<Uuid> =
            wanted.ids.iter().filter_map(|id| ids::row_of(&self.settings.server, id)).collect();
        let now = self.door.around.clock.now();
        // What cannot be looked for finds nothing, rather than more than was asked for.
        let unknown = !wanted.relates_to.is_empty() || !wanted.more.is_empty();
        if unknown || from == Some(None) || to == Some(None) {
            let list = List { given: now, ..List::default() };
            self.look(account, None, 1).await?;
            return Ok(nothing(list.id(), "SearchArgsInvalid"));
        }
        let most = usize::try_from(wanted.most.unwrap_or(PAGE as u64)).unwrap_or(PAGE);
        let list = List {
            after: None,
            read: None,
            new: wanted.only_new(Module::Xta211),
            from: from.flatten(),
            to: to.flatten(),
            ids: ours,
            most: most.clamp(1, PAGE),
            brief: wanted.form == Some(ListForm::Brief),
            given: now,
        };
        if list.ids.is_empty() && !wanted.ids.is_empty() {
            self.look(account, None, 1).await?;
            return Ok(nothing(list.id(), "NoMatch"));
        }
        self.paged(account, asks, list).await
    }

    /// The next page of a list.
    pub async fn next_list(&self, account: &Account, asks: Identity, of: &Iteration) -> Result<Response, No> {
        self.close_all(account, &of.received).await?;
        match self.list_of(of) {
            Some(list) => self.paged(account, asks, list).await,
            None => {
                self.look(account, None, 1).await?;
                Ok(nothing(request_id(of), "RequestIdInvalid"))
            }
        }
    }

    fn list_of(&self, of: &Iteration) -> Option<List> {
        List::of(of.request_id.as_deref()?, self.door.around.clock.now())
    }

    async fn paged(&self, account: &Account, asks: Identity, list: List) -> Result<Response, No> {
        let brief = list.brief;
        let Page { items, pending, next } = self.page(account, list).await?;
        if items.is_empty() && pending == 0 {
            return Ok(nothing(next.id(), "NoMatch"));
        }
        let status = BoxStatus { request_id: Some(next.id()), remaining: Remaining::Pending(pending) };
        let (mut briefs, mut full) = (Vec::new(), Vec::new());
        for item in items {
            let first = if item.fetched {
                self.fetched(account, item.id).await?.map(|note| note.first)
            } else {
                None
            };
            match brief {
                true => briefs.push(self.brief(&item, first)),
                false => full.push(self.entry(&item, &asks, first)),
            }
        }
        Ok(Response::List { status, brief: briefs, full })
    }

    /// What of a list can be had now.
    async fn page(&self, account: &Account, mut list: List) -> Result<Page, No> {
        let (mut items, mut pending, mut after) = (Vec::new(), 0, list.after);
        for _ in 0..PAGES {
            let looked = self.look(account, after, PAGE).await?;
            let whole = looked.len() == PAGE;
            after = looked.last().map(|item| item.id).or(after);
            for item in looked {
                if !fits(&list, &item) {
                    continue;
                }
                if items.len() < list.most && self.reachable(account, &item).await? {
                    list.after = Some(item.id);
                    items.push(item);
                } else {
                    pending += 1;
                }
            }
            if !whole {
                break;
            }
        }
        list.given = self.door.around.clock.now();
        Ok(Page { items, pending, next: list })
    }

    /// Whether an item can be had by this account: it lies in front, and no other reader has it in hand.
    async fn reachable(&self, account: &Account, item: &Item) -> Result<bool, No> {
        match item.reach {
            Reach::Ready => Ok(true),
            Reach::Behind => Ok(false),
            Reach::Held(_) => Ok(self.fetched(account, item.id).await?.is_some()),
        }
    }

    /// What lies there; without a mailbox the service is not booked.
    async fn look(&self, account: &Account, after: Option<Uuid>, most: usize) -> Result<Vec<Item>, No> {
        let _turn = self.door.turn(&account.partner.id).await?;
        let lying = self.door.around.mailboxes.lying(&account.partner, after, most).await?;
        lying.ok_or(No::code(9013))
    }

    fn entry(&self, item: &Item, asks: &Identity, first: Option<Timestamp>) -> MetaData {
        let at = item.queued.to_string();
        let times = Times {
            origin: Some(at.clone()),
            initial_send: Some(at.clone()),
            delivery: Some(at),
            initial_fetch: first.map(|first| first.to_string()),
            ..Times::default()
        };
        let id = ids::of_order(&self.settings.server, item.id);
        let parties = (self.house(), Party::of(asks.clone()));
        let mut meta = self.meta(&id, parties, (&item.message, item.test), times);
        meta.sender = Some(self.house());
        meta.size = Some(item.size);
        meta
    }

    fn brief(&self, item: &Item, first: Option<Timestamp>) -> Brief {
        // An address is wanted; of a text that was agreed on there is none.
        let scenario = match Described::of(&self.settings.documents, &item.message).scenario {
            Scenario::Defined(code) => code.value,
            Scenario::Undefined(text) => text,
        };
        Brief {
            message_id: ids::of_order(&self.settings.server, item.id),
            relates_to: Vec::new(),
            from: None,
            scenario: Some(scenario).filter(|text| values::is_uri(text)).unwrap_or_default(),
            size: item.size,
            obsolete_after: None,
            delivery: item.queued.to_string(),
            initial_fetch: first.map(|first| first.to_string()),
        }
    }

    /// A message by its id.
    pub async fn message(
        self: &Arc<Self>,
        account: &Account,
        asks: Identity,
        (wanted, part): (&Selection, MsgPart),
        place: Place,
    ) -> Result<Letter, No> {
        if part != MsgPart::Envelope {
            return Err(No::because(9030, "only whole messages can be fetched"));
        }
        let [id] = wanted.ids.as_slice() else {
            return Err(No::because(9070, "a message is fetched by its id, one at a time"));
        };
        let row = ids::row_of(&self.settings.server, id).ok_or(No::code(9070))?;
        let (read, given) = (Some(row), self.door.around.clock.now());
        let list = List { read, most: PAGE, given, ..List::default() };
        self.fetch(account, asks, row, list, place).await
    }

    /// The next message of a list; what came before is closed first. `Err(Response)`: the list is over.
    pub async fn next_message(
        self: &Arc<Self>,
        account: &Account,
        asks: Identity,
        of: &Iteration,
        place: Place,
    ) -> Result<Result<Letter, Response>, No> {
        self.close_all(account, &of.received).await?;
        let over = |id: String, why: &str| {
            let remaining = Remaining::Nothing { reason: format!("{REASON}{why}") };
            let status = Some(BoxStatus { request_id: Some(id), remaining });
            Ok(Err(Response::Message { status, order: None }))
        };
        let Some(list) = self.list_of(of) else {
            self.look(account, None, 1).await?;
            return over(request_id(of), "RequestIdInvalid");
        };
        // Messages are gone through from the first one, whatever pages were looked at: what was closed meanwhile is not there any more, and
        // what was handed out is passed over by the list that the answer names.
        let page = self.page(account, List { after: list.read, most: 1, ..list.clone() }).await?;
        let next = List { read: page.next.after, given: page.next.given, ..list };
        let Some(item) = page.items.first() else { return over(next.id(), "NoMatch") };
        self.fetch(account, asks, item.id, next, place).await.map(Ok)
    }

    async fn fetch(
        self: &Arc<Self>,
        account: &Account,
        asks: Identity,
        row: Uuid,
        list: List,
        place: Place,
    ) -> Result<Letter, No> {
        let partner = &account.partner;
        let noted = self.fetched(account, row).await?;
        let permit = self.door.permits.take(&partner.id, DOCUMENT, ASKING).await.ok_or(No::later(AGAIN))?;
        // All readers of an account are one reader: whoever lost the answer gets the same again.
        let key = sha256_hex(b"xta").get(..32).map(str::to_owned);
        let asking = Asking { receipt: noted.as_ref().map(|noted| noted.receipt.clone()), key };
        let fetched = {
            let _turn = self.door.turn(&partner.id).await?;
            self.door.around.mailboxes.fetch(partner, row, asking).await?
        };
        let handed = match fetched {
            Fetch::Handed(handed) => *handed,
            Fetch::Held(_) => {
                return Err(No {
                    after: Some(AGAIN),
                    ..No::because(9030, "another reader has it in hand; come again")
                });
            }
            Fetch::Behind => {
                return Err(No::because(9030, "close the older messages of the same order first"));
            }
            Fetch::Unknown => return Err(No::code(9070)),
        };
        let first = noted.map_or_else(|| self.door.around.clock.now(), |noted| noted.first);
        // Before it is answered: what is closed later must be known, also to a process that was started anew.
        self.note(account, row, Some(&Fetched { first, receipt: handed.receipt.clone() })).await?;
        let left = self.look(account, None, PAGE).await?.len().saturating_sub(1);
        let status = BoxStatus { request_id: Some(list.id()), remaining: Remaining::Pending(left as u64) };
        Ok(self.letter(account, (asks, status), (handed, first), (place, permit)))
    }

    /// Closes what a reader received. Of a call that names something else nothing is closed: who reads its fault takes all as open.
    pub async fn close_all(&self, account: &Account, received: &[String]) -> Result<(), No> {
        let mut rows = Vec::with_capacity(received.len());
        for id in received {
            let row = ids::row_of(&self.settings.server, id).ok_or_else(|| No::code(9070))?;
            let had = self.fetched(account, row).await?.is_some()
                || self.lain(account, row).await?.is_some_and(|lain| lain.stand == Stand::Closed);
            if !had {
                return Err(No::code(9070));
            }
            rows.push(row);
        }
        // One that is no more in hand by now is said; what was closed before it stays closed, and closing it again does no harm.
        let mut refused = None;
        for row in rows {
            if !self.close(account, row).await? {
                refused = Some(No::code(9070));
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Whether it is closed, by this call or before.
    async fn close(&self, account: &Account, row: Uuid) -> Result<bool, No> {
        let partner = &account.partner;
        let noted = self.fetched(account, row).await?;
        if let Some(noted) = &noted {
            let ended = {
                let _turn = self.door.turn(&partner.id).await?;
                self.door.around.mailboxes.end(partner, row, &noted.receipt, End::Taken).await?
            };
            if ended == Ended::Done {
                self.forget(account, row).await;
                return Ok(true);
            }
        }
        let closed = self.lain(account, row).await?.is_some_and(|lain| lain.stand == Stand::Closed);
        if closed && noted.is_some() {
            self.forget(account, row).await;
        }
        Ok(closed)
    }

    fn note_key(account: &Account, row: Uuid) -> String {
        format!("geholt {} {row}", account.partner.id)
    }

    async fn fetched(&self, account: &Account, row: Uuid) -> Result<Option<Fetched>, No> {
        let key = Server::note_key(account, row);
        let noted = self.door.around.notes.note(&self.door.connection, &key).await?;
        Ok(noted.and_then(|noted| serde_json::from_slice(&noted).ok()))
    }

    async fn note(&self, account: &Account, row: Uuid, what: Option<&Fetched>) -> Result<(), No> {
        let key = Server::note_key(account, row);
        let octets = what.map(|what| serde_json::to_vec(what).unwrap_or_default());
        Ok(self.door.around.notes.set_note(&self.door.connection, &key, octets).await?)
    }

    /// A note that stays costs some octets and says nothing wrong.
    async fn forget(&self, account: &Account, row: Uuid) {
        if self.note(account, row, None).await.is_err() {
            tracing::warn!(id = %row, "what was noted of a message that is closed could not be removed");
        }
    }
}

fn request_id(of: &Iteration) -> String {
    of.request_id.clone().filter(|id| values::is_uri(id)).unwrap_or_default()
}

fn nothing(request_id: String, why: &str) -> Response {
    let remaining = Remaining::Nothing { reason: format!("{REASON}{why}") };
    let status = BoxStatus { request_id: Some(request_id), remaining };
    Response::List { status, brief: Vec::new(), full: Vec::new() }
}

fn fits(list: &List, item: &Item) -> bool {
    (!list.new || !item.fetched)
        && list.from.is_none_or(|from| from <= item.queued)
        && list.to.is_none_or(|to| item.queued <= to)
        && (list.ids.is_empty() || list.ids.contains(&item.id))
}
