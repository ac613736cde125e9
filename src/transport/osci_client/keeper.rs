//! Looks after the mailbox of the house at an intermediary: lists what was not received, fetches it by id, hands it to the house, and only
//! then gives the next order of the dialog, which is what says that it was received. A dialog whose last answer could not be read, or whose
//! delivery the house did not take, gets no further order, not even that it ends; the others that lie there are fetched in the next one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;

use super::cards;
use super::link::{Came, Heard, House, Link, Material, Say};
use super::settings::Settings;
use super::trouble::Trouble;
use crate::clock::Tick;
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, Lying, PartnerRef, Verdict};
use crate::mime::media::handed_on;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::ids::{fresh_id, sha256_hex};
use crate::transport::looks::announce;
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::{Order, ProcessCard, Selection};
use crate::transport::osci_contents::{Content, DOCUMENT, evidence, too_large, transport_id, verification};
use crate::transport::osci_evidence::{self, bounded};
use crate::transport::osci_words::lay_down;
use crate::transport::port::{BuildError, Busy, Place, Source, SourceError, Stop, Surroundings};
use crate::transport::settings;

/// The pause after the first failure, and the longest one where the connection looks more often.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// After so many attempts a delivery that cannot be taken is left where it lies until a person has looked, but for a try now and then.
const TRIES: u32 = 3;
/// The longest time until what could not be taken is tried again.
const LONGEST: Duration = Duration::from_secs(3600);

/// Why a look ended early.
enum Halt {
    /// The intermediary, or what is between.
    Trouble(Trouble),
    /// The house takes nothing now.
    Busy(Duration),
    /// It was asked to.
    Stopped,
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Halt {
        Halt::Trouble(trouble)
    }
}

/// A delivery that could not be taken.
struct Failed {
    times: u32,
    since: Tick,
    laid: Option<Timestamp>,
    /// In the mailbox of which of our certificates.
    own: usize,
    /// Whether an answer that did not count is kept as it came.
    kept: bool,
}

/// Reads the mailbox of one connection.
pub struct Keeper {
    connection: String,
    binding: String,
    part: String,
    link: Arc<Link>,
    around: Surroundings,
    failed: Mutex<HashMap<String, Failed>>,
}

impl Keeper {
    /// The keeper of a connection; `None` where it reads no mailbox.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<Option<Keeper>, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        if !settings.mailbox {
            return Ok(None);
        }
        let link = Link::open(name, settings, House::of(around))
            .map_err(|text| BuildError { connection: name.to_owned(), text })?;
        Ok(Some(Keeper {
            connection: name.to_owned(),
            binding: format!("osci-client {name}"),
            part: format!("mailbox of {name}"),
            link: Arc::new(link),
            around: around.clone(),
            failed: Mutex::default(),
        }))
    }

    /// Who may have laid something there: a card does not say who did.
    fn place(&self) -> Place {
        let admission = self.around.doors.admission();
        let accounts = admission.accounts.iter().filter(|account| account.connection == self.connection);
        Place {
            connection: self.connection.clone(),
            name: "mailbox".to_owned(),
            binding: self.binding.clone(),
            partners: accounts.map(|account| account.partner.clone()).collect(),
        }
    }

    /// One look into each mailbox of ours.
    async fn look(&self, stop: &Stop) -> Result<(), Halt> {
        let (mut seen, mut lying) = (HashSet::new(), Vec::new());
        let mut own = 0;
        loop {
            let with = self.link.material().await?;
            if own >= with.keys.count() {
                return Ok(());
            }
            self.look_into(own, (&mut seen, &mut lying), stop).await?;
            own += 1;
        }
    }

    /// One look into the mailbox of one of our certificates: dialogs until all that can be taken was.
    async fn look_into(
        &self,
        own: usize,
        (seen, lying): (&mut HashSet<String>, &mut Vec<Lying>),
        stop: &Stop,
    ) -> Result<(), Halt> {
        loop {
            let with = Material { own, ..self.link.material().await? };
            let mut dialog = cards::begin(&self.link, &with).await?;
            let (all, complete) = cards::waiting(&self.link, &mut dialog, &with).await?;
            lying.truncate(own);
            lying.push(lies(&all));
            self.tell(lying, with.keys.count()).await;
            let due = self.due(all, seen, own);
            if due.is_empty() {
                self.hidden(own, !complete);
                cards::end(&self.link, dialog, &with).await;
                return Ok(());
            }
            let mut dropped = false;
            for card in due {
                if stop.is_cancelled() {
                    // What was taken last is said to be received by the end of the dialog.
                    cards::end(&self.link, dialog, &with).await;
                    return Err(Halt::Stopped);
                }
                seen.insert(card.message_id.clone());
                if !self.one(&card, &mut dialog, &with, stop).await? {
                    dropped = true;
                    break;
                }
            }
            if !dropped {
                cards::end(&self.link, dialog, &with).await;
                // What was taken made room for what lies behind it.
                if complete {
                    self.hidden(own, false);
                    return Ok(());
                }
            }
        }
    }

    /// What is to be fetched now: neither what was tried in this look already nor what is left alone for a while.
    fn due(&self, all: Vec<ProcessCard>, seen: &HashSet<String>, own: usize) -> Vec<ProcessCard> {
        let mut failed = self.failed();
        let there: HashSet<&str> = all.iter().map(|card| card.message_id.as_str()).collect();
        failed.retain(|id, one| one.own != own || there.contains(id.as_str()) || seen.contains(id));
        let every = self.link.settings.every.0;
        let rests = |id: &str| {
            failed.get(id).is_some_and(|failed| {
                let factor = if failed.times < TRIES { 1 } else { 1 << (failed.times - TRIES + 1).min(10) };
                failed.since.elapsed() < every.saturating_mul(factor).min(LONGEST)
            })
        };
        let mut due: Vec<ProcessCard> = all
            .into_iter()
            .filter(|card| !seen.contains(&card.message_id) && !rests(&card.message_id))
            .collect();
        // What failed before comes last: it ends the dialog.
        due.sort_by_key(|card| failed.get(&card.message_id).map_or(0, |failed| failed.times));
        due
    }

    /// Fetches one delivery and hands it to the house. True: the next order of the dialog may be given. False: it must not.
    async fn one(
        &self,
        card: &ProcessCard,
        dialog: &mut Dialog,
        with: &Material,
        stop: &Stop,
    ) -> Result<bool, Halt> {
        let id = &card.message_id;
        let order = Order { selection: Some(Selection::MessageIds(vec![id.clone()])), ..Order::default() };
        let fetched = tokio::select! {
            fetched = self.link.say_keeping(dialog, Say::bare(Kind::FetchDelivery, order), with) => fetched,
            () = stop.cancelled() => return Err(Halt::Stopped),
        };
        let heard = match fetched {
            Ok(heard) => heard,
            // Somebody else took it, or it went.
            Err((trouble, _)) if trouble.code() == Some(9803) => return Ok(true),
            // Nothing of it is this delivery's: no other one would fare better.
            Err((
                trouble @ (Trouble::Unreached(_)
                | Trouble::Unwritable(_)
                | Trouble::Spool(_)
                | Trouble::NotNow(_)),
                _,
            )) => return Err(trouble.into()),
            Err((trouble, raw)) => {
                let goes_on = matches!(trouble, Trouble::Refused(_)) && dialog.is_open();
                let cause = trouble.to_string();
                self.not_taken((card, with.own), (&cause, trouble.turn()));
                if let Some(raw) = raw {
                    self.keep_raw(id, raw, &cause).await;
                }
                return Ok(goes_on);
            }
        };
        let echoed = heard.order.cards.first().map(|card| card.message_id.as_str());
        if echoed.is_some_and(|echoed| echoed != id) {
            dialog.drop_it();
            let cause = "the intermediary gives another delivery than it was asked for";
            self.not_taken((card, with.own), (cause, Turn::FarEnd));
            return Ok(false);
        }
        match self.deliver(card, heard, stop).await? {
            Ok(verdict) if verdict.state != Inbound::Denied => {
                self.taken(id);
                Ok(true)
            }
            // Nothing of it is kept here, so it must stay there.
            Ok(_) => {
                dialog.drop_it();
                self.not_taken((card, with.own), ("its sender is not admitted now", Turn::Ours));
                Ok(false)
            }
            Err((cause, turn)) => {
                dialog.drop_it();
                self.not_taken((card, with.own), (&cause, turn));
                Ok(false)
            }
        }
    }

    /// Hands a delivery to the house until it is committed; an inner error says why nothing of it is taken, and whose turn it is.
    async fn deliver(
        &self,
        card: &ProcessCard,
        heard: Heard,
        stop: &Stop,
    ) -> Result<Result<Verdict, (String, Turn)>, Halt> {
        let Heard { package, signer, delivery, .. } = heard;
        let (partner, gathered, apart) = match delivery {
            Some(Came::Of { partner, gathered, apart }) => (partner, gathered, apart),
            Some(Came::Unfit(unfit)) => {
                if unfit.ours {
                    return Ok(Err((unfit.why, Turn::Ours)));
                }
                raise(Alarm::SenderNotAdmitted, &self.binding, &[]);
                return Ok(Err((unfit.why, Turn::FarEnd)));
            }
            None => return Ok(Err(("an answer without a delivery".to_owned(), Turn::FarEnd))),
        };
        let bound = self.around.doors.bound(&self.binding);
        if let Some(cause) = too_large(bound.as_ref(), &gathered.contents) {
            return Ok(Err((cause, Turn::Person)));
        }
        let verification = verification(signer.is_some(), &gathered);
        let of = PartnerRef { id: partner, how: How::Certificate };
        let now = self.around.clock.now();
        let protocol_ids = gathered.protocol_ids(Some(&card.message_id), signer.as_ref()).collect();
        let verified = evidence(signer, gathered.verified, now);
        let mut contents = gathered.contents.into_iter();
        let document = contents.next();
        let mut parts = Vec::new();
        for (at, part) in contents.enumerate() {
            let (name, media_type) = part.labels(at);
            match lay_down(&*self.around.spool, &of, &part.octets, (&name, media_type)).await {
                Ok(part) => parts.push(part),
                // Whether it is this one's or the disk's trouble nobody knows: the others are tried all the same.
                Err(fault) => return Ok(Err((fault.to_string(), Turn::Ours))),
            }
        }
        let received = match osci_evidence::keep(&*self.around.spool, &of, &package).await {
            Ok(part) => Some(part),
            Err(fault) => return Ok(Err((fault.to_string(), Turn::Ours))),
        };
        let (body, content_type) = match document {
            Some(Content { octets, media_type, .. }) => (octets, media_type),
            // What our key fits and does not open is kept as it came, so that a person can open it later.
            None if package.len() <= DOCUMENT => (package.clone(), None),
            None => (Bytes::new(), None),
        };
        let envelope = Envelope {
            head: Head {
                correlation: Some(bounded(&card.message_id)),
                content_type: content_type.map(|claimed| handed_on(&claimed).to_owned()),
                partner: Some(of.clone()),
                ..Head::came(
                    (fresh_id(now), now),
                    &self.connection,
                    self.binding.clone(),
                    transport_id(&of.id, &card.message_id),
                )
            },
            body,
            parts,
            evidence: Evidence {
                octets_sha256: sha256_hex(&package),
                size: package.len() as u64,
                verification,
                verified,
                received,
                protocol_ids,
                peer: None,
            },
        };
        loop {
            let outcome: Result<Verdict, Busy> = match apart {
                Some(apart) => apart.handed(&*self.around.intake, envelope.clone()).await,
                None => self.around.intake.deliver(envelope.clone()).await,
            };
            match outcome {
                Ok(verdict) => return Ok(Ok(verdict)),
                Err(busy) if busy.of_partner => {
                    return Ok(Err(("of its sender nothing is taken now".to_owned(), Turn::Person)));
                }
                Err(busy) if busy.retry_after > PAUSES.1 => return Err(Halt::Busy(busy.retry_after)),
                // Held for a while, so that it need not be fetched again.
                Err(busy) => tokio::select! {
                    () = stop.cancelled() => return Err(Halt::Stopped),
                    () = tokio::time::sleep(busy.retry_after) => {}
                },
            }
        }
    }

    /// Keeps an answer that does not count as it came, once for each delivery: who runs the intermediary is asked with it. Whether that could be
    /// done changes nothing of what is said to the intermediary, which is nothing.
    async fn keep_raw(&self, id: &str, raw: Bytes, cause: &str) {
        if self.failed().get(id).is_some_and(|failed| failed.kept) {
            return;
        }
        let now = self.around.clock.now();
        let over = vec![osci_evidence::ENVELOPE.to_owned()];
        let verdict = format!("does not count: {cause}");
        let transport_id = format!("osci-raw-{}", sha256_hex(id.as_bytes()));
        let evidence = Evidence {
            octets_sha256: sha256_hex(&raw),
            size: raw.len() as u64,
            verification: "osci; nothing verified".to_owned(),
            verified: vec![osci_evidence::nobody(over, &verdict, now)],
            protocol_ids: vec![("osci.message-id".to_owned(), bounded(id))],
            ..Evidence::default()
        };
        let envelope = Envelope {
            head: Head::came((fresh_id(now), now), &self.connection, self.binding.clone(), transport_id),
            body: if raw.len() <= DOCUMENT { raw } else { Bytes::new() },
            parts: Vec::new(),
            evidence,
        };
        match self.around.intake.keep_raw(envelope).await {
            Ok(_) => {
                if let Some(failed) = self.failed().get_mut(id) {
                    failed.kept = true;
                }
            }
            Err(busy) => tracing::warn!(
                connection = self.connection,
                cause = busy.cause,
                "an answer that does not count is not kept now"
            ),
        }
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<String, Failed>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed_part(&self) -> String {
        format!("not fetched of {}", self.part)
    }

    fn taken(&self, id: &str) {
        let mut failed = self.failed();
        failed.remove(id);
        self.say(&failed, None);
    }

    /// A delivery cannot be taken: tried again, and after three times a person is called; it stays where it lies, and the others go on.
    fn not_taken(&self, (card, own): (&ProcessCard, usize), (cause, turn): (&str, Turn)) {
        let mut failed = self.failed();
        let (before, kept) =
            failed.get(&card.message_id).map_or((0, false), |failed| (failed.times, failed.kept));
        let times = before + 1;
        let laid = cards::moment(card.creation.as_ref());
        failed.insert(card.message_id.clone(), Failed { times, since: Tick::now(), laid, own, kept });
        // Its id is foreign text: its hash tells two of them apart.
        let hash = sha256_hex(card.message_id.as_bytes());
        tracing::warn!(
            connection = self.connection,
            id_sha256 = &hash[..16],
            times,
            cause,
            "a delivery in the mailbox cannot be taken"
        );
        if times == TRIES {
            raise(
                Alarm::MessageNotFetched,
                &self.connection,
                &[("id-sha256", &hash[..16]), ("cause", cause)],
            );
        }
        let next = "ask its sender or who runs the intermediary; compare the certificates that are pinned here, and what is taken at most";
        self.say(&failed, Some(Failing { cause: cause.to_owned(), next: next.to_owned(), turn }));
    }

    /// Says how much cannot be taken, and why the last of it; or that it is all taken or gone.
    fn say(&self, failed: &HashMap<String, Failed>, why: Option<Failing>) {
        let (parts, part) = (&self.around.parts, self.failed_part());
        if failed.is_empty() {
            parts.gone(&part);
            return;
        }
        if let Some(why) = why {
            parts.fails(&part, why);
        }
        let oldest = failed.values().filter_map(|failed| failed.laid).min();
        parts.lies(&part, failed.len() as u64, oldest);
    }

    /// Says, once, that what stays in the mailbox hides what lies behind it, and that it does no more.
    fn hidden(&self, own: usize, hidden: bool) {
        let part = self.end_part(own);
        if !hidden {
            self.around.parts.gone(&part);
            return;
        }
        let cause = "its list cannot be seen to its end: what stays there hides what lies behind it";
        let next = "have what cannot be taken removed from the mailbox, or mend why; ask who runs the intermediary for longer lists";
        let failing = Failing { cause: cause.to_owned(), next: next.to_owned(), turn: Turn::Person };
        let known = self.around.parts.said().iter().any(|said| said.part == part);
        self.around.parts.fails(&part, failing);
        if !known {
            raise(Alarm::MailboxHidden, &self.connection, &[("cause", cause)]);
        }
    }

    fn end_part(&self, own: usize) -> String {
        match own {
            0 => format!("the end of {}", self.part),
            own => format!("the end of {} (certificate {})", self.part, own + 1),
        }
    }

    /// Tells the house what lies there, as far as it was looked; that nothing does only after each of so many mailboxes was.
    async fn tell(&self, lying: &[Lying], mailboxes: usize) {
        let since = lying.iter().filter_map(|one| match one {
            Lying::Since(since) => Some(*since),
            _ => None,
        });
        let lying = match since.min() {
            _ if lying.contains(&Lying::Something) => Lying::Something,
            Some(since) => Lying::Since(since),
            None if lying.len() < mailboxes => return,
            None => Lying::Nothing,
        };
        if let Err(busy) = self.around.notes.looked(&self.place(), lying).await {
            tracing::debug!(
                connection = self.connection,
                cause = busy.cause,
                "what lies in a mailbox is not kept"
            );
        }
    }

    fn fails(&self, trouble: &Trouble) {
        let failing = match trouble {
            Trouble::Unreached(why) => why.failing(),
            Trouble::NotNow(_) => Failing {
                cause: trouble.to_string(),
                next: "put the newest list of revoked certificates of that issuer in place; nothing was received, and it is tried again by itself"
                    .to_owned(),
                turn: trouble.turn(),
            },
            _ => Failing {
                cause: trouble.to_string(),
                next: "tried again by itself; look with `drehscheibe doctor`, then ask who runs the intermediary"
                    .to_owned(),
                turn: trouble.turn(),
            },
        };
        tracing::warn!(
            connection = self.connection,
            turn = failing.turn.as_str(),
            cause = failing.cause,
            "a look at a mailbox failed"
        );
        self.around.parts.fails(&self.part, failing);
    }
}

/// What lies in a mailbox.
fn lies(all: &[ProcessCard]) -> Lying {
    match all.iter().map(|card| cards::moment(card.creation.as_ref())).min_by_key(|at| *at) {
        None => Lying::Nothing,
        Some(Some(since)) => Lying::Since(since),
        Some(None) => Lying::Something,
    }
}

#[async_trait]
impl Source for Keeper {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        announce(&self.around, &self.connection, &[self.place()], &stop).await;
        let every = self.link.settings.every.0;
        let (mut good, mut pause) = (Tick::now(), PAUSES.0);
        while !stop.is_cancelled() {
            let nap = match self.look(&stop).await {
                Ok(()) => {
                    (good, pause) = (Tick::now(), PAUSES.0);
                    self.around.parts.runs(&self.part);
                    every
                }
                Err(Halt::Stopped) => break,
                // Why the house is busy its own alarm says.
                Err(Halt::Busy(after)) => {
                    good = Tick::now();
                    after
                }
                Err(Halt::Trouble(trouble)) => {
                    self.fails(&trouble);
                    if good.elapsed() >= self.link.settings.alarm_after.0 {
                        raise(Alarm::SourceBroken, &self.connection, &[("cause", &trouble.to_string())]);
                    }
                    let nap = pause;
                    pause = (pause * 2).min(every.max(PAUSES.1));
                    nap
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
        self.failed().clear();
        self.around.parts.gone(&self.failed_part());
        (0..4).for_each(|own| self.around.parts.gone(&self.end_part(own)));
        self.around.parts.gone(&self.part);
        self.link.gone();
        Ok(())
    }
}
