//! What is told of orders: to their author what became of what it sent, to their reader of what lies or lay in its mailbox. Each sees its own
//! only; what is another's is answered like what does not exist. Says what a document led to only as far as it was taken or refused.

use uuid::Uuid;

use super::account::Account;
use super::ids;
use super::no::No;
use super::server::Server;
use crate::envelope::Inbound;
use crate::transport::ids::sha256_hex;
use crate::transport::port::account::{Taken, Under};
use crate::transport::port::mailbox::{Lain, Stand};
use crate::transport::xta::model::{
    Code, Event, Identity, List, MetaData, Party, Report, Response, Severity, Times,
};
use crate::transport::xta_words::Described;

fn repeat_key(known: &str) -> String {
    format!("wiederholt {}", sha256_hex(known.as_bytes()))
}

const RECORDS: (&str, &str) = ("urn:de:xta:codeliste:record.type", "1.0");

impl Server {
    /// The report of an order.
    pub async fn report(&self, account: &Account, asks: Identity, id: &str) -> Result<Response, No> {
        if let Some(row) = ids::row_of(&self.settings.server, id)
            && let Some(lain) = self.lain(account, row).await?
        {
            let times = Times { delivery: Some(lain.queued.to_string()), ..Times::default() };
            let (status, severity, code, reason) = match lain.stand {
                Stand::Lies => (0, Severity::Info, "DELIVERED", "Im Postfach des Lesers."),
                Stand::Closed => (1, Severity::Info, "RECEIVED", "Vom Leser empfangen."),
                Stand::Aside => (2, Severity::Warning, "SET-ASIDE", "Zurückgestellt; der Betreiber prüft."),
            };
            let meta = self.meta(id, (self.house(), Party::of(asks)), (&lain.message, lain.test), times);
            let at = lain.queued.to_string();
            return Ok(self.told(meta, at, status, (severity, code, reason)));
        }
        let taken = self.taken(account, id).await?.ok_or(No::code(9070))?;
        let at = taken.received.to_string();
        let refused = taken.state == Inbound::Rejected;
        let times = Times {
            initial_send: Some(at.clone()),
            delivery: Some(at.clone()),
            initial_fetch: Some(at.clone()),
            reception: Some(at.clone()).filter(|_| !refused),
            ..Times::default()
        };
        let (status, record) = match taken.state {
            Inbound::Accepted | Inbound::Waiting | Inbound::Parked => {
                (1, (Severity::Info, "DELIVERED", "Vom Leser empfangen."))
            }
            Inbound::Quarantined => {
                (2, (Severity::Warning, "SET-ASIDE", "Empfangen und zurückgestellt; der Betreiber prüft."))
            }
            Inbound::Rejected | Inbound::Denied => (
                3,
                (Severity::Error, "REJECTED", "Vom Leser zurückgewiesen; die Rückweisung liegt im Postfach."),
            ),
        };
        let message = taken.message.as_deref().unwrap_or("unbekannt");
        let meta = self.meta(id, (Party::of(asks), self.house()), (message, taken.test), times);
        Ok(self.told(meta, at, status, record))
    }

    /// Nothing that was sent here is held back until later, so nothing can be taken back.
    pub async fn cancel(&self, account: &Account, id: &str) -> Result<Response, No> {
        match self.taken(account, id).await? {
            Some(_) => Err(No::code(9101)),
            None => Err(No::because(9022, "no order of this account has this id")),
        }
    }

    async fn taken(&self, account: &Account, id: &str) -> Result<Option<Taken>, No> {
        let known = ids::of_delivery(&account.partner.id, id);
        let found = self.under(account, Under::Transport(&known)).await?;
        if found.is_some() {
            return Ok(found);
        }
        // The same document under another id before: nothing was taken of it a second time.
        let noted = self.door.around.notes.note(&self.door.connection, &repeat_key(&known)).await?;
        match noted.and_then(|noted| Uuid::from_slice(&noted).ok()) {
            Some(first) => self.under(account, Under::Id(first)).await,
            None => Ok(None),
        }
    }

    /// A delivery of this account.
    pub async fn under(&self, account: &Account, under: Under<'_>) -> Result<Option<Taken>, No> {
        let _turn = self.door.turn(&account.partner.id).await?;
        Ok(self.door.around.standings.taken(&account.partner, under).await?)
    }

    /// Remembers which delivery an order repeats that came under an id of its own, so that its report is that of the first.
    pub async fn repeats(&self, known: &str, first: Uuid) -> Result<(), No> {
        let value = Some(first.as_bytes().to_vec());
        Ok(self.door.around.notes.set_note(&self.door.connection, &repeat_key(known), value).await?)
    }

    /// Where a row of its mailbox stands.
    pub async fn lain(&self, account: &Account, row: Uuid) -> Result<Option<Lain>, No> {
        let _turn = self.door.turn(&account.partner.id).await?;
        Ok(self.door.around.mailboxes.stands(&account.partner, row).await?)
    }

    /// The metadata of an order, in the words that the settings have for its document.
    pub fn meta(
        &self,
        id: &str,
        (author, reader): (Party, Party),
        (message, test): (&str, bool),
        times: Times,
    ) -> MetaData {
        let described = Described::of(&self.settings.documents, message);
        let mut meta = MetaData::new(id.trim(), author, reader, described.kind.clone());
        meta.test = test;
        meta.times = times;
        described.say(&mut meta);
        meta
    }

    fn told(
        &self,
        meta: MetaData,
        time: String,
        status: i64,
        (severity, code, reason): (Severity, &str, &str),
    ) -> Response {
        let (uri, version) = RECORDS;
        let list = Some(List { uri: uri.to_owned(), version: version.to_owned() });
        let code = Code { value: code.to_owned(), name: None, list };
        let event = Event { severity, time: time.clone(), code, reason: reason.to_owned() };
        Response::Report(Report {
            meta: Box::new(meta),
            time,
            server: self.settings.server.clone(),
            status,
            events: vec![event],
            additional: Vec::new(),
            more: Vec::new(),
        })
    }
}
