//! Carries out the orders of clients: opens and judges each, keeps its dialog, looks into mailboxes, and answers. What is to be handed on to a
//! passive recipient it says, and hears what came of it.

use std::collections::{HashMap, HashSet};
use std::string::FromUtf8Error;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;

use super::answer::{Out, feedback, written};
use super::shelf::{Card, Content, Shelf};
use crate::clock::Tick;
use crate::transport::osci::envelope::{Envelope, Standing};
use crate::transport::osci::fault;
use crate::transport::osci::kind::{Kind, OSCI};
use crate::transport::osci::message::{self, Control, Message};
use crate::transport::osci::open::{self, Rules};
use crate::transport::osci::order::{Order, ProcessCard, Selection, Stamp};
use crate::transport::osci_keys::Keys;
use crate::transport::osci_words::{challenge, date_time, fresh_id};
use crate::trust::certificate::Certificate;
use crate::xml::c14n::{self, Form};

/// Dialogs at once; the one that was idle longest goes.
const DIALOGS: usize = 1_000;
/// Ids that were given and not used yet.
const IDS: usize = 100_000;
/// Cards in one answer where nobody says how many.
const PAGE: usize = 100;

/// A dialog as its supplier keeps it.
struct Dialog {
    client: Certificate,
    next: u64,
    challenge: String,
    /// What was fetched by the last order: the next one says that it was received.
    fetched: Option<String>,
    used: Tick,
}

#[derive(Default)]
struct State {
    dialogs: HashMap<String, Dialog>,
    issued: HashSet<String>,
    count: u128,
}

/// An order that was opened and judged.
struct Asked {
    message: Message,
    content: Content,
    sealed: bool,
    iv_length: usize,
    /// For whom the answer is encrypted, and whose mailbox is meant.
    client: Option<Certificate>,
}

/// What comes of an order.
pub enum Next {
    /// The answer.
    Answer(Bytes),
    /// A delivery to a passive recipient comes first.
    Onward(Box<Onward>),
}

/// A delivery to a passive recipient.
pub struct Onward {
    /// Its address.
    pub url: String,
    /// The octets.
    pub body: Bytes,
    challenge: String,
    asked: Asked,
    card: Card,
    sealed: bool,
    reply_id: Option<String>,
}

/// The intermediary.
pub struct Desk {
    keys: Keys,
    plain: bool,
    shelf: Mutex<Shelf>,
    state: Mutex<State>,
}

impl Desk {
    /// One with these keys and what lies on a shelf. `plain`: orders need not be encrypted.
    pub fn new(keys: Keys, shelf: Shelf, plain: bool) -> Desk {
        Desk { keys, plain, shelf: Mutex::new(shelf), state: Mutex::default() }
    }

    /// Carries out an order.
    pub fn ask(&self, body: &Bytes, now: Timestamp) -> Next {
        match self.asked(body).and_then(|asked| self.carry_out(asked, now)) {
            Ok(next) => next,
            Err(code) => Next::Answer(fault::written(code).into()),
        }
    }

    /// Opens and judges an order; an error is the code of a fault.
    fn asked(&self, body: &Bytes) -> Result<Asked, u16> {
        let opened =
            open::open(body, None, &self.keys.openers(), &Rules::default()).map_err(|found| found.code())?;
        if opened.transport.is_none() && !self.plain {
            return Err(9300);
        }
        let envelope = Envelope::read(&opened).map_err(|found| found.code())?;
        message::control(&envelope).map_err(|found| found.code())?;
        let mut content = carried(&envelope).map_err(|_| 9100u16)?;
        let Standing::Signed { covered, .. } = envelope.judge().map_err(|_| 9300u16)? else {
            return Err(9300);
        };
        let message =
            covered.try_map(|envelope| Message::read(&envelope)).map_err(|found| found.code())?.into_inner();
        content.certificates = named(&message);
        content.foreign.clone_from(&message.foreign);
        let client = of_role(&message, "CipherCertificateOriginator").cloned();
        let iv_length = opened.transport.as_ref().map_or(12, |way| way.iv_length);
        Ok(Asked { message, content, sealed: opened.transport.is_some(), iv_length, client })
    }

    /// The dialog of an order: who its client is, and the ControlBlock of the answer. An error is the code of a fault.
    fn dialog(&self, asked: &mut Asked) -> Result<Control, u16> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = challenge().map_err(|_| 9000u16)?;
        let control = asked.message.control.clone();
        let mut answer = Control {
            response: control.challenge.clone(),
            challenge: Some(own.clone()),
            conversation: control.conversation.clone(),
            sequence: control.sequence.clone(),
        };
        if asked.message.kind == Kind::InitDialog {
            let client = asked.client.clone().ok_or(9500u16)?;
            state.count += 1;
            let id = format!("9{:031}", state.count);
            if state.dialogs.len() >= DIALOGS {
                let idle = state.dialogs.iter().max_by_key(|(_, dialog)| dialog.used.elapsed());
                let idle = idle.map(|(id, _)| id.clone());
                idle.and_then(|id| state.dialogs.remove(&id));
            }
            state.dialogs.insert(
                id.clone(),
                Dialog { client, next: 0, challenge: own, fetched: None, used: Tick::now() },
            );
            answer.conversation = Some(id);
            return Ok(answer);
        }
        let Some(id) = control.conversation else {
            asked.client.as_ref().ok_or(9500u16)?;
            state.count += 1;
            answer.conversation = Some(format!("8{:031}", state.count));
            return Ok(answer);
        };
        let dialog = state.dialogs.get_mut(&id).ok_or(9400u16)?;
        if control.response.as_deref() != Some(&dialog.challenge)
            || control.sequence != Some(dialog.next.to_string())
        {
            state.dialogs.remove(&id);
            return Err(9400);
        }
        dialog.next += 1;
        dialog.challenge = own;
        dialog.used = Tick::now();
        asked.client = Some(dialog.client.clone());
        Ok(answer)
    }

    fn carry_out(&self, mut asked: Asked, now: Timestamp) -> Result<Next, u16> {
        let mut control = self.dialog(&mut asked)?;
        self.received(asked.message.control.conversation.as_deref(), now)?;
        let kind = asked.message.kind;
        let done =
            if asked.message.control.conversation.is_some() || kind == Kind::InitDialog { 801 } else { 800 };
        let order = match kind {
            Kind::InitDialog => Order::default(),
            Kind::ExitDialog => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                control.conversation.as_ref().and_then(|id| state.dialogs.remove(id));
                control.challenge = None;
                let order = Order { feedback: feedback(&[800]), ..Order::default() };
                drop(state);
                return self.answer(&asked, control, order, None);
            }
            Kind::GetMessageId => Order { message_id: Some(self.new_id()?), ..Order::default() },
            Kind::StoreDelivery => match self.laid(&asked, now, true)? {
                Ok(card) => Order { cards: vec![card.shown()], ..Order::default() },
                Err(code) => return self.refuse(&asked, control, code),
            },
            Kind::ForwardDelivery | Kind::MediateDelivery => {
                return match self.laid(&asked, now, false)? {
                    Ok(card) => self.onward(asked, control, card, now),
                    Err(code) => self.refuse(&asked, control, code),
                };
            }
            Kind::FetchProcessCard => return self.cards(&asked, control),
            Kind::FetchDelivery => return self.fetch(&asked, control, now),
            _ => return self.refuse(&asked, control, 9811),
        };
        self.answer(&asked, control, Order { feedback: feedback(&[done]), ..order }, None)
    }

    /// Another order of a dialog says that what was fetched before it was received.
    fn received(&self, conversation: Option<&str>, now: Timestamp) -> Result<(), u16> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fetched = conversation.and_then(|id| state.dialogs.get_mut(id)?.fetched.take());
        drop(state);
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut card) = fetched.and_then(|id| shelf.card(&id).cloned())
            && card.reception.is_none()
        {
            card.reception = Some(date_time(now));
            shelf.change(card).map_err(|_| 9000u16)?;
        }
        Ok(())
    }

    fn new_id(&self) -> Result<String, u16> {
        let id = fresh_id("sandbox-").map_err(|_| 9000u16)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.issued.len() >= IDS {
            state.issued.clear();
        }
        state.issued.insert(id.clone());
        Ok(id)
    }

    /// Lays a delivery down; an inner error is the code of feedback.
    fn laid(&self, asked: &Asked, now: Timestamp, mailbox: bool) -> Result<Result<Card, u16>, u16> {
        let order = &asked.message.order;
        // Without an id only mediation goes, and leaves no card.
        let id = match (&order.message_id, asked.message.kind) {
            (Some(id), _) => id.clone(),
            (None, Kind::MediateDelivery) => String::new(),
            (None, _) => return Ok(Err(9800)),
        };
        if !id.is_empty() {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.issued.remove(&id) {
                return Ok(Err(9801));
            }
        }
        let to = match (mailbox, of_role(&asked.message, "CipherCertificateAddressee")) {
            (true, Some(addressee)) => addressee.fingerprint(),
            (true, None) => return Err(9300),
            (false, _) => String::new(),
        };
        let card = Card {
            id,
            number: 0,
            to,
            from: asked.client.as_ref().map(Certificate::fingerprint).unwrap_or_default(),
            creation: date_time(now),
            forwarding: None,
            reception: None,
            subject: order.subject.clone(),
        };
        if card.id.is_empty() {
            return Ok(Ok(card));
        }
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        match shelf.lay_down(card.clone(), &asked.content) {
            Ok(true) => Ok(Ok(card)),
            Ok(false) => Ok(Err(9801)),
            Err(_) => Err(9000),
        }
    }

    fn cards(&self, asked: &Asked, control: Control) -> Result<Next, u16> {
        let me = asked.client.as_ref().map(Certificate::fingerprint).unwrap_or_default();
        let order = &asked.message.order;
        let shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = |card: &&&Card| card.to == me || card.from == me;
        let all = shelf.cards();
        let found: Vec<&&Card> = match &order.selection {
            Some(Selection::MessageIds(ids)) => {
                all.iter().filter(mine).filter(|card| ids.contains(&card.id)).collect()
            }
            Some(Selection::ChangedSince { time, no_reception, role }) => {
                let moment = |text: &str| text.parse::<Timestamp>().ok();
                let since = moment(time);
                let mut found: Vec<&&Card> = all
                    .iter()
                    .filter(|card| moment(card.changed()) >= since)
                    .filter(|card| match role.as_deref() {
                        Some("Addressee") => card.to == me,
                        Some("Originator") => card.from == me,
                        _ => mine(card),
                    })
                    .filter(|card| !(*no_reception && card.reception.is_some()))
                    .collect();
                found.sort_by_key(|card| moment(card.changed()));
                found
            }
            _ => all.iter().filter(mine).collect(),
        };
        let most = order.quantity.map_or(PAGE, |most| usize::try_from(most).unwrap_or(PAGE)).min(PAGE);
        let codes: &[u16] = match found.len() {
            0 => &[9804],
            many if many > most => &[3801, 801],
            _ => &[801],
        };
        let answer = Order {
            feedback: feedback(codes),
            selection: order.selection.clone(),
            quantity: order.quantity,
            cards: found.iter().take(most).map(|card| card.shown()).collect(),
            ..Order::default()
        };
        drop(shelf);
        self.answer(asked, control, answer, None)
    }

    fn fetch(&self, asked: &Asked, control: Control, now: Timestamp) -> Result<Next, u16> {
        let me = asked.client.as_ref().map(Certificate::fingerprint).unwrap_or_default();
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let all = shelf.cards();
        let mut own = all.iter().filter(|card| card.to == me);
        let found = match &asked.message.order.selection {
            Some(Selection::MessageIds(ids)) => own.find(|card| ids.contains(&card.id)),
            _ => own.find(|card| card.reception.is_none()),
        };
        let found = found.map(|card| (*card).clone());
        let waits = all.iter().filter(|card| card.to == me && card.reception.is_none()).count() > 1;
        let selection = asked.message.order.selection.clone();
        let Some(mut card) = found else {
            drop(shelf);
            let answer = Order { feedback: feedback(&[9803]), selection, ..Order::default() };
            return self.answer(asked, control, answer, None);
        };
        card.forwarding = Some(date_time(now));
        shelf.change(card.clone()).map_err(|_| 9000u16)?;
        let content = shelf.content(&card.id).map_err(|_| 9000u16)?;
        drop(shelf);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dialog) = control.conversation.as_ref().and_then(|id| state.dialogs.get_mut(id)) {
            dialog.fetched = Some(card.id.clone());
        }
        drop(state);
        let codes: &[u16] = if waits { &[3800, 801] } else { &[801] };
        let shown = ProcessCard { reception: None, ..card.shown() };
        let answer = Order { feedback: feedback(codes), selection, cards: vec![shown], ..Order::default() };
        self.answer(asked, control, answer, Some(&content))
    }

    /// The delivery to a passive recipient.
    fn onward(
        &self,
        mut asked: Asked,
        control: Control,
        mut card: Card,
        now: Timestamp,
    ) -> Result<Next, u16> {
        let Some(url) = asked.message.order.receiver.clone() else {
            return self.refuse(&asked, control, 9811);
        };
        let mediates = asked.message.kind == Kind::MediateDelivery;
        card.forwarding = Some(date_time(now));
        let reply_id = (mediates && !card.id.is_empty())
            .then(|| fresh_id("sandbox-"))
            .transpose()
            .map_err(|_| 9000u16)?;
        let own = challenge().map_err(|_| 9000u16)?;
        let order = Order {
            message_id: reply_id.clone(),
            cards: if card.id.is_empty() { Vec::new() } else { vec![card.shown()] },
            ..Order::default()
        };
        let reader = of_role(&asked.message, "CipherCertificateAddressee").filter(|_| asked.sealed);
        let sealed = reader.is_some();
        let out = Out {
            kind: if mediates { Kind::ProcessDelivery } else { Kind::AcceptDelivery },
            control: Control { challenge: Some(own.clone()), ..Control::default() },
            order,
            content: Some(&asked.content),
            reader,
            iv_length: asked.iv_length,
        };
        let body = written(out, &self.keys).map_err(|_| 9000u16)?;
        // The answer of the order is written when it is known what came of it.
        asked.message.control = control;
        Ok(Next::Onward(Box::new(Onward { url, body, challenge: own, asked, card, sealed, reply_id })))
    }

    /// Hears what a passive recipient answered; `None`: nothing that could be read came.
    pub fn heard(&self, onward: Onward, answer: Option<&Bytes>, now: Timestamp) -> Bytes {
        let Onward { challenge, asked, mut card, sealed, reply_id, .. } = onward;
        let outcome = match answer {
            None => Err(9809),
            Some(answer) => self.of_recipient(answer, &challenge, sealed),
        };
        let control = asked.message.control.clone();
        let mediates = asked.message.kind == Kind::MediateDelivery;
        let done = if control.sequence.is_some() && mediates { 801 } else { 800 };
        let (codes, content) = match outcome {
            Ok(content) => {
                card.reception = Some(date_time(now));
                let empty = content.package.as_deref().is_none_or(str::is_empty);
                let codes = if mediates && empty { vec![9806] } else { vec![done] };
                (codes, Some(content).filter(|_| mediates && !empty))
            }
            Err(code) => (vec![code], None),
        };
        if !card.id.is_empty() {
            let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
            let number = shelf.card(&card.id).map_or(0, |kept| kept.number);
            if shelf.change(Card { number, ..card.clone() }).is_err() {
                return fault::written(9000).into();
            }
        }
        let mut cards = if card.id.is_empty() { Vec::new() } else { vec![card.shown()] };
        if let (Some(id), Some(_)) = (reply_id, &content) {
            let at = Some(Stamp::Plain(date_time(now)));
            let reply = ProcessCard {
                message_id: id,
                changed: Some(date_time(now)),
                creation: at.clone(),
                forwarding: at,
                reception: None,
                subject: None,
                inspections: 0,
            };
            cards.push(reply);
        }
        let order = Order { feedback: feedback(&codes), cards, ..Order::default() };
        match self.answer(&asked, control, order, content.as_ref()) {
            Ok(Next::Answer(body)) => body,
            _ => fault::written(9000).into(),
        }
    }

    /// What a recipient's response says: its content, or the code for the client.
    fn of_recipient(&self, body: &Bytes, challenge: &str, sealed: bool) -> Result<Content, u16> {
        let opened = open::open(body, None, &self.keys.openers(), &Rules::default()).map_err(|_| 9808u16)?;
        if fault::read(opened.tree.root()).is_some() || (sealed && opened.transport.is_none()) {
            return Err(9808);
        }
        let envelope = Envelope::read(&opened).map_err(|_| 9808u16)?;
        if !matches!(envelope.kind, Kind::ResponseToAcceptDelivery | Kind::ResponseToProcessDelivery) {
            return Err(9808);
        }
        let mut content = carried(&envelope).map_err(|_| 9808u16)?;
        let Standing::Signed { covered, .. } = envelope.judge().map_err(|_| 9807u16)? else {
            return Err(9807);
        };
        let message = covered.try_map(|envelope| Message::read(&envelope)).map_err(|_| 9808u16)?.into_inner();
        if message.control.response.as_deref() != Some(challenge) {
            return Err(9808);
        }
        if !message.order.succeeded() {
            return Err(9805);
        }
        content.certificates = named(&message);
        Ok(content)
    }

    fn refuse(&self, asked: &Asked, control: Control, code: u16) -> Result<Next, u16> {
        let order = Order { feedback: feedback(&[code]), ..Order::default() };
        self.answer(asked, control, order, None)
    }

    fn answer(
        &self,
        asked: &Asked,
        control: Control,
        order: Order,
        content: Option<&Content>,
    ) -> Result<Next, u16> {
        let kind = Kind::of_name(&format!("ResponseTo{}", asked.message.kind.name())).ok_or(9300u16)?;
        let reader = match (asked.sealed, &asked.client) {
            (true, None) => return Err(9500),
            (true, Some(client)) => Some(client),
            (false, _) => None,
        };
        let out = Out { kind, control, order, content, reader, iv_length: asked.iv_length };
        written(out, &self.keys).map(Next::Answer).map_err(|_| 9000)
    }
}

/// What an envelope carries as contents; without the certificates that its message names.
fn carried(envelope: &Envelope<'_>) -> Result<Content, FromUtf8Error> {
    let mut content = Content::default();
    if let Some(package) = envelope.body.child(OSCI, "ContentPackage") {
        let mut text = Vec::new();
        for child in package.children() {
            text.extend(c14n::canonical(child, &Form::inclusive()));
        }
        content.package = Some(String::from_utf8(text)?);
    }
    for part in &envelope.attachments {
        let kind = part.media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
        content.beside.push((part.id.clone(), kind, STANDARD.encode(&part.octets)));
    }
    Ok(content)
}

/// The certificates that a message names, as a content has them.
fn named(message: &Message) -> Vec<(String, String, String)> {
    let all = message.certificates.iter();
    all.map(|named| (named.id.clone(), named.role.clone(), STANDARD.encode(named.certificate.der())))
        .collect()
}

/// The certificate that a message names in a role.
fn of_role<'m>(message: &'m Message, role: &str) -> Option<&'m Certificate> {
    message.certificates.iter().find(|named| named.role == role).map(|named| &named.certificate)
}
