//! The questions of a client that are answered by an envelope alone, each with the answer that belongs to it. An answer to something else is
//! none. Decides nothing.

use bytes::Bytes;

use super::link::Link;
use super::trouble::Trouble;
use crate::transport::xta::model::{
    Availability, Brief, Iteration, Lookup, MetaData, Party, Remaining, Report, Request, Response, Selection,
};
use crate::transport::xta::values;

/// Longest id of an order that is taken; the standard has 100 characters.
const LONGEST: usize = 200;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// What it says of each message.
    pub full: Vec<MetaData>,
    /// A few attributes, where those were asked for.
    pub brief: Vec<Brief>,
    /// Under which the list goes on.
    pub request_id: Option<String>,
    /// How many more there are.
    pub pending: u64,
}

fn other<T>() -> Result<T, Trouble> {
    Err(Trouble::Unreadable("an answer to something else".to_owned()))
}

/// Whether the account is there and active.
pub async fn is_active(link: &Link, identity: &Party) -> Result<(), Trouble> {
    match link.ask(&Request::CheckAccountActive, Some(identity)).await? {
        Response::Empty => Ok(()),
        _ => other(),
    }
}

/// A new id of an order.
pub async fn new_id(link: &Link, identity: &Party) -> Result<String, Trouble> {
    match link.ask(&Request::CreateMessageId, Some(identity)).await? {
        Response::MessageId(id) => {
            let id = id.trim().to_owned();
            match id.is_empty() || id.len() > LONGEST || !values::is_uri(&id) {
                true => Err(Trouble::Unreadable("the new id is none".to_owned())),
                false => Ok(id),
            }
        }
        _ => other(),
    }
}

/// The report of an order, and its octets; `None` where the server knows none of this account under that id.
pub async fn report(link: &Link, identity: &Party, id: &str) -> Result<Option<(Report, Bytes)>, Trouble> {
    let request = Request::GetTransportReport(id.to_owned());
    match link.ask_for(&request, Some(identity)).await {
        Ok((Response::Report(report), octets)) if same(&report.meta.message_id, id) => {
            Ok(Some((report, octets)))
        }
        Ok(_) => other(),
        Err(trouble) if trouble.is_unknown_id() => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Takes an order back.
pub async fn cancel(link: &Link, identity: &Party, id: &str) -> Result<(), Trouble> {
    match link.ask(&Request::CancelMessage(id.to_owned()), Some(identity)).await? {
        Response::Empty => Ok(()),
        _ => other(),
    }
}

/// Whether a reader offers a service, as the directory knows.
pub async fn offers(
    link: &Link,
    identity: &Party,
    reader: &Party,
    service: &str,
) -> Result<Availability, Trouble> {
    let lookup = Lookup { reader: reader.clone(), service: Some(service.to_owned()) };
    match link.ask(&Request::LookupService(vec![lookup]), Some(identity)).await? {
        Response::Lookup(found) => Ok(found
            .into_iter()
            .flatten()
            .find(|found| found.lookup.service.as_deref() == Some(service))
            .map_or(Availability::Unknown, |found| found.availability)),
        _ => other(),
    }
}

/// A page of what lies in a mailbox.
pub async fn list(link: &Link, identity: &Party, selection: Selection) -> Result<Page, Trouble> {
    page(link.ask(&Request::GetStatusList(selection), Some(identity)).await?)
}

/// The next page of a list.
pub async fn next(link: &Link, identity: &Party, request_id: &str) -> Result<Page, Trouble> {
    let iteration = Iteration { request_id: Some(request_id.to_owned()), received: Vec::new() };
    page(link.ask(&Request::GetNextStatusList(iteration), Some(identity)).await?)
}

fn page(response: Response) -> Result<Page, Trouble> {
    let Response::List { status, brief, full } = response else { return other() };
    let pending = match status.remaining {
        Remaining::Nothing { .. } => 0,
        Remaining::Pending(pending) => pending,
    };
    Ok(Page { full, brief, request_id: status.request_id, pending })
}

/// Says that a message was received.
pub async fn close(link: &Link, identity: &Party, id: &str, request_id: Option<&str>) -> Result<(), Trouble> {
    // The schema has it as an address; whoever gave none does not look at it.
    let request_id = request_id.filter(|id| !id.is_empty() && values::is_uri(id)).unwrap_or("1").to_owned();
    let iteration = Iteration { request_id: Some(request_id), received: vec![id.to_owned()] };
    match link.ask(&Request::Close(iteration), Some(identity)).await? {
        Response::Empty => Ok(()),
        _ => other(),
    }
}

/// Ids of orders are compared without case.
pub fn same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}
