//! Looks after one mailbox: lists, fetches, hands to the house, and closes what was committed, the oldest first, one after the other. What
//! cannot be fetched is said and passed over, what nobody takes stays where it lies; a mailbox in trouble is tried again and stops no other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::closing::Closing;
use super::fetch::{self, To, Whole};
use super::left::{Left, Seen};
use super::link::Link;
use super::list::{Entry, Listed, Walk, laid};
use super::settings::Unknown;
use super::trouble::Trouble;
use super::watch::Watch;
use crate::clock::Tick;
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, Lying, PartnerRef, Stage, Verdict};
use crate::mime::media::handed_on;
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::parts::{Failing, Turn};
use crate::transport::ids::{fresh_id, sha256_hex};
use crate::transport::port::account::Under;
use crate::transport::port::{Place, Stop, Surroundings};
use crate::transport::xta::model::{MetaData, Party};
use crate::transport::xta_words::Named;

/// The pause after the first failure, and the longest one where the connection looks more often.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// At each so-manieth look, the first among them, also what was fetched before is asked for by name.
const AGAIN: u64 = 10;
/// So many messages in a row that cannot be fetched are trouble: of one sender, whose others wait for the next look then, or of the server.
const IN_A_ROW: u32 = 3;
/// So far the clock of a server may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// The longest time until what could not be fetched is tried again.
const LONGEST: Duration = Duration::from_secs(3600);

/// Why a look ended early.
enum Halt {
    /// The server, or what is between.
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

/// What became of a message.
enum One {
    /// It is committed and closed, or gone.
    Done,
    /// It stays where it lies, for this reason, since then.
    Left(&'static str, Option<Timestamp>),
    /// It is still to be taken.
    Waits(String, Option<Timestamp>),
}

/// A message that could not be taken.
struct Failed {
    times: u32,
    since: Tick,
    /// Since when it lies there.
    laid: Option<Timestamp>,
}

/// Looks after one mailbox.
pub struct Keeper {
    connection: String,
    reader: Party,
    name: String,
    link: Arc<Link>,
    around: Surroundings,
    binding: String,
    part: String,
    looks: u64,
    closing: Closing,
    failed: HashMap<String, Failed>,
    /// How often in a row, at this look, messages of a sender could not be fetched because of the far end.
    in_a_row: HashMap<String, u32>,
    /// Why the last of those could not be fetched, unless another one was since.
    last: Option<Trouble>,
    watch: Watch,
    /// Whether it stands somewhere that something cannot be fetched.
    fails_said: bool,
    left: Left,
    /// Authors of nobody that were told.
    strangers: HashSet<String>,
}

/// The entry of a connection.
fn binding(connection: &str) -> String {
    format!("xta-client {connection}")
}

/// The places of a mailbox: one for each sender, so that what one of them has left there counts against no other.
pub fn places(connection: &str, reader: &str, partners: &[String]) -> Vec<Place> {
    let place = |partner: &String| Place {
        connection: connection.to_owned(),
        name: format!("{reader} {partner}"),
        binding: binding(connection),
        partners: vec![partner.clone()],
    };
    partners.iter().map(place).collect()
}

impl Keeper {
    /// The keeper of a mailbox.
    pub fn new(connection: &str, reader: &Named, link: Arc<Link>, around: &Surroundings) -> Keeper {
        let part = format!("mailbox {} of {connection}", reader.value);
        Keeper {
            connection: connection.to_owned(),
            reader: Party::of(reader.identity()),
            name: reader.value.clone(),
            link,
            around: around.clone(),
            binding: binding(connection),
            looks: 0,
            closing: Closing::default(),
            failed: HashMap::new(),
            in_a_row: HashMap::new(),
            last: None,
            watch: Watch::begin(),
            fails_said: false,
            left: Left::of(connection, &reader.value, &part),
            part,
            strangers: HashSet::new(),
        }
    }

    /// Runs until stopped.
    pub async fn run(mut self, stop: Stop) {
        let every = self.link.settings.every.0;
        let mut pause = PAUSES.0;
        let (watch, after) = (self.watch.clone(), self.link.settings.alarm_after.0);
        while !stop.is_cancelled() {
            let late = self.late();
            let nap = match watch.beside(after, self.look(&stop), late).await {
                Ok(()) => {
                    watch.good();
                    pause = PAUSES.0;
                    self.around.parts.runs(&self.part);
                    every
                }
                Err(Halt::Stopped) => break,
                // Why the house is busy its own alarm says.
                Err(Halt::Busy(after)) => {
                    watch.good();
                    after
                }
                Err(Halt::Trouble(trouble)) => {
                    self.fails(&trouble);
                    if watch.since() >= after {
                        let subject = format!("{}/{}", self.connection, self.name);
                        raise(Alarm::SourceBroken, &subject, &[("cause", &trouble.to_string())]);
                    }
                    let nap = trouble.after().unwrap_or(pause).max(pause);
                    pause = (pause * 2).min(every.max(PAUSES.1));
                    nap.min(LONGEST)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
        self.left.gone(&self.around.parts);
        self.around.parts.gone(&format!("not fetched of {}", self.part));
    }

    /// Says that a look lasts too long, and what it is at.
    fn late(&self) -> impl Fn(&'static str) + use<> {
        let (parts, part) = (self.around.parts.clone(), self.part.clone());
        let subject = format!("{}/{}", self.connection, self.name);
        move |at| {
            let cause = format!("nothing came of it for as long as alarm-after says; it waits for {at}");
            raise(Alarm::SourceBroken, &subject, &[("cause", &cause)]);
            let next = "it is given up and tried again by itself; ask who runs the server why it is so slow";
            parts.fails(&part, Failing { cause, next: next.to_owned(), turn: Turn::FarEnd });
        }
    }

    fn fails(&self, trouble: &Trouble) {
        let failing = match trouble {
            Trouble::Unreached(why) => why.failing(),
            _ => Failing {
                cause: trouble.to_string(),
                next: "tried again by itself; look with `drehscheibe doctor`, then ask who runs the server"
                    .to_owned(),
                turn: trouble.turn(),
            },
        };
        tracing::warn!(
            connection = self.connection,
            mailbox = self.name,
            turn = failing.turn.as_str(),
            cause = failing.cause,
            "a look at a mailbox failed"
        );
        self.around.parts.fails(&self.part, failing);
    }

    /// One look at all that lies there.
    async fn look(&mut self, stop: &Stop) -> Result<(), Halt> {
        self.watch.at("the end of a close");
        // What is committed is closed before anything else.
        let failed = unless(stop, self.closing.again(&self.link, &self.reader)).await?;
        if let Some(trouble @ Trouble::Unreached(_)) = failed {
            return Err(trouble.into());
        }
        let again = self.looks.is_multiple_of(AGAIN);
        self.looks += 1;
        self.in_a_row.clear();
        self.last = None;
        self.watch.at("a list");
        let link = self.link.clone();
        let (mut walk, reader) = (Walk::new(&link), self.reader.clone());
        let mut page = match unless(stop, walk.first(&reader, again)).await? {
            // A server that knows no such selection is asked without.
            Err(Trouble::Refused(..)) if again => unless(stop, walk.first(&reader, false)).await??,
            other => other?,
        };
        let (mut seen, mut left, mut waiting) = (HashSet::new(), Seen::default(), BTreeMap::new());
        let began = Tick::now();
        self.tell_oldest(&page).await;
        left.complete = loop {
            let (mut all_gone, mut fresh) = (true, false);
            for entry in std::mem::take(&mut page.entries) {
                if stop.is_cancelled() {
                    return Err(Halt::Stopped);
                }
                let id = match &entry {
                    Entry::Said(meta) => meta.message_id.clone(),
                    Entry::Ill(id) => id.clone(),
                };
                if !seen.insert(key(&id)) {
                    continue;
                }
                fresh = true;
                let one = match entry {
                    Entry::Said(meta) => self.one(&meta, stop).await?,
                    Entry::Ill(id) => {
                        self.not_fetched((&id, None), ("what is said of it cannot be read", Turn::FarEnd));
                        // It is counted with what cannot be fetched.
                        all_gone = false;
                        continue;
                    }
                };
                match one {
                    One::Done => continue,
                    One::Left(reason, since) => left.one(reason, since),
                    One::Waits(partner, since) => {
                        let known: &mut Option<Timestamp> = waiting.entry(partner).or_insert(since);
                        *known = known.zip(since).map(|(known, since)| known.min(since));
                    }
                }
                all_gone = false;
            }
            if page.pending == 0 {
                break walk.saw_all(seen.len());
            }
            // A list that goes on for ever is left where it brought nothing for so long.
            if self.watch.since().min(began.elapsed()) >= self.link.settings.alarm_after.0 {
                break false;
            }
            self.watch.at("a list");
            match unless(stop, walk.next(&reader, &page, all_gone, fresh)).await?? {
                Some(next) => page = next,
                None => break false,
            }
        };
        self.failed.retain(|id, _| seen.contains(id) || !left.complete);
        self.say_failed(None);
        self.tell(&waiting, left.complete).await;
        self.left.say(&left, &self.around.parts);
        // Where only failures came of it, from one sender or many, it is trouble of the server.
        match self.is_trouble().then(|| self.last.take()).flatten() {
            Some(trouble) => Err(trouble.into()),
            None => Ok(()),
        }
    }

    /// The far end failed at a message of a sender.
    fn counts(&mut self, partner: &str, trouble: Trouble) {
        *self.in_a_row.entry(partner.to_owned()).or_default() += 1;
        self.last = Some(trouble);
    }

    /// Whether only failures came of it lately, from one sender or many.
    fn is_trouble(&self) -> bool {
        self.last.is_some() && self.in_a_row.values().sum::<u32>() >= IN_A_ROW
    }

    /// Closes what is committed. Where that fails it stays open until the next look, and the others go on.
    async fn closed(
        &mut self,
        (meta, partner): (&MetaData, &str),
        request_id: Option<String>,
        stop: &Stop,
    ) -> Result<One, Halt> {
        self.watch.at("the end of a close");
        if !self.closing.has(&meta.message_id) {
            let one = (meta.message_id.as_str(), request_id);
            match unless(stop, self.closing.one(&self.link, &self.reader, one)).await? {
                Ok(()) => {
                    self.watch.good();
                    self.in_a_row.remove(partner);
                    self.last = None;
                    return Ok(One::Done);
                }
                Err(trouble @ Trouble::Unreached(_)) => return Err(trouble.into()),
                Err(trouble) => self.counts(partner, trouble),
            }
        }
        Ok(One::Left("taken, and not closed yet because the server fails", laid(meta)))
    }

    /// One message of a list.
    async fn one(&mut self, meta: &MetaData, stop: &Stop) -> Result<One, Halt> {
        let Some(partner) = self.link.settings.sender(&meta.author.identity).map(str::to_owned) else {
            if self.strangers.len() < 1024 && self.strangers.insert(key(&meta.message_id)) {
                raise(Alarm::SenderNotAdmitted, &self.binding, &[]);
            }
            return Ok(One::Left("of an author who is no sender of this connection", laid(meta)));
        };
        if let Some(reason) = self.leaves(meta, &partner) {
            return Ok(One::Left(reason, laid(meta)));
        }
        let id = key(&meta.message_id);
        let since = laid(meta);
        if self.failed.get(&id).is_some_and(|failed| failed.since.elapsed() < pause(failed.times, &self.link))
        {
            return Ok(One::Waits(partner, since));
        }
        let bound = match self.is_trouble() {
            // Nothing comes from there: the other senders have one attempt each.
            true => 1,
            false => IN_A_ROW,
        };
        if self.in_a_row.get(&partner).is_some_and(|many| *many >= bound) {
            return Ok(One::Waits(partner, since));
        }
        let of = PartnerRef { id: partner.clone(), how: How::Broker };
        if self.is_taken(&of, &meta.message_id, since).await? {
            return self.closed((meta, &partner), None, stop).await;
        }
        self.watch.at("a message");
        let to = To { reader: &self.reader, partner: &of, spool: &*self.around.spool };
        let fetched = tokio::select! {
            fetched = fetch::fetch(&self.link, &meta.message_id, to) => fetched,
            () = stop.cancelled() => return Err(Halt::Stopped),
        };
        let whole = match fetched {
            Ok(whole) => whole,
            // Another reader of the account took it, or it went.
            Err(trouble) if trouble.is_unknown_id() => return Ok(One::Done),
            Err(trouble @ (Trouble::Unreached(_) | Trouble::Spool(_))) => {
                return Err(trouble.into());
            }
            Err(trouble) => {
                let cause = trouble.to_string();
                self.not_fetched((&meta.message_id, since), (&cause, trouble.turn()));
                // Its own fault costs no time; a far end that fails is not waited for again and again while others wait.
                if trouble.is_far_end() {
                    self.counts(&partner, trouble);
                }
                return Ok(One::Waits(partner, since));
            }
        };
        if !self.is_ours(&whole.meta) {
            let cause = "its reader is another one than the list says";
            self.not_fetched((&meta.message_id, since), (cause, Turn::FarEnd));
            return Ok(One::Waits(partner, since));
        }
        if self.link.settings.sender(&whole.meta.author.identity) != Some(&partner) {
            let cause = "its author is another one than the list says";
            self.not_fetched((&meta.message_id, since), (cause, Turn::FarEnd));
            return Ok(One::Waits(partner, since));
        }
        let request_id = whole.request_id.clone();
        let Some(verdict) = self.deliver(whole, &of, stop).await? else {
            return Ok(One::Waits(partner, since));
        };
        if verdict.state == Inbound::Denied {
            // Nothing of it is kept here, so it must not go there.
            self.not_fetched((&meta.message_id, since), ("its sender is not admitted now", Turn::Ours));
            return Ok(One::Waits(partner, since));
        }
        self.failed.remove(&id);
        self.closed((meta, &partner), request_id, stop).await
    }

    /// Whether a message is committed already and was only not closed: then it is neither fetched nor answered once more. What was laid there
    /// after the one that was taken is another one, whatever its id says; so is what says nothing of when it was.
    async fn is_taken(&self, partner: &PartnerRef, id: &str, since: Option<Timestamp>) -> Result<bool, Halt> {
        let Some(since) = since else { return Ok(false) };
        let known = transport_id(&partner.id, id);
        match self.around.standings.taken(partner, Under::Transport(&known)).await {
            Ok(taken) => Ok(taken.is_some_and(|taken| {
                taken.state != Inbound::Denied && since.duration_since(taken.received) <= AHEAD
            })),
            Err(busy) => Err(Halt::Busy(busy.retry_after)),
        }
    }

    /// Whether a message is for the reader of this mailbox. Closing what is another's would be a receipt in his name.
    fn is_ours(&self, meta: &MetaData) -> bool {
        let own = &self.reader.identity.value;
        let others = meta.other_readers.iter().chain(&meta.copies);
        std::iter::once(&meta.reader.identity).chain(others).any(|reader| reader.value == *own)
    }

    /// Why a message of a known sender is not fetched: decided by the running routes before anything is done.
    fn leaves(&self, meta: &MetaData, partner: &str) -> Option<&'static str> {
        if !self.is_ours(meta) {
            return Some("addressed to another reader");
        }
        if meta.test && self.around.stage == Stage::Produktion {
            return Some("marked as a test, in this stage");
        }
        let bound = self.around.doors.bound(&self.binding);
        let is_routed = match &bound {
            // Whom the routes do not name is not let in, and nothing of it would be kept.
            Some(bound) if !bound.partners.iter().any(|known| known == partner) => {
                return Some("of a sender whom no route names here");
            }
            bound => bound.is_some(),
        };
        let takes = is_routed && self.link.settings.selects(meta);
        match self.link.settings.unknown {
            Unknown::Leave if !takes => Some("not taken by a route, or not selected"),
            Unknown::Leave | Unknown::Park => None,
        }
    }

    /// Hands a message to the house until it is committed; `None`: of its sender alone nothing is taken now.
    async fn deliver(
        &self,
        whole: Whole,
        partner: &PartnerRef,
        stop: &Stop,
    ) -> Result<Option<Verdict>, Halt> {
        let apart = whole.apart;
        let envelope = self.envelope(whole, partner);
        loop {
            let outcome = match apart {
                Some(cause) => self.around.intake.set_apart(envelope.clone(), cause).await,
                None => self.around.intake.deliver(envelope.clone()).await,
            };
            match outcome {
                Ok(verdict) => return Ok(Some(verdict)),
                Err(busy) if busy.of_partner => return Ok(None),
                // Held for a while, so that it need not be fetched again; then the server has it in hand no longer.
                Err(busy) => tokio::select! {
                    () = stop.cancelled() => return Err(Halt::Stopped),
                    () = tokio::time::sleep(busy.retry_after) => {
                        // The server has done its part.
                        self.watch.good();
                        if busy.retry_after > PAUSES.1 {
                            return Err(Halt::Busy(Duration::ZERO));
                        }
                    }
                },
            }
        }
    }

    fn envelope(&self, whole: Whole, partner: &PartnerRef) -> Envelope {
        let now = self.around.clock.now();
        let Whole { meta, document, content_type, parts, sha256, size, .. } = whole;
        let id = meta.message_id.trim().to_owned();
        let protocol_ids = vec![
            ("xta.message-id".to_owned(), id.clone()),
            ("xta.author".to_owned(), meta.author.identity.value.clone()),
            ("xta.reader".to_owned(), self.name.clone()),
        ];
        Envelope {
            head: Head {
                correlation: Some(id.clone()),
                content_type: content_type.map(|claimed| handed_on(&claimed).to_owned()),
                partner: Some(partner.clone()),
                ..Head::came(
                    (fresh_id(now), now),
                    &self.connection,
                    self.binding.clone(),
                    transport_id(&partner.id, &id),
                )
            },
            body: document,
            parts,
            evidence: Evidence {
                octets_sha256: sha256,
                size,
                verification: "mtls; the server vouches for its author".to_owned(),
                protocol_ids,
                ..Evidence::default()
            },
        }
    }

    /// A message cannot be taken: a person has to know, once, and the others go on. It is let alone for longer each time, so that it is not
    /// fetched at each look, and stands in `status` until it is taken or gone.
    fn not_fetched(&mut self, (id, laid): (&str, Option<Timestamp>), (cause, turn): (&str, Turn)) {
        let key = key(id);
        let times = self.failed.get(&key).map_or(0, |failed| failed.times);
        // Its id is foreign text: its hash tells two of them apart.
        let hash = sha256_hex(key.as_bytes());
        self.failed.insert(key, Failed { times: times + 1, since: Tick::now(), laid });
        if times == 0 {
            let subject = format!("{}/{}", self.connection, self.name);
            raise(Alarm::MessageNotFetched, &subject, &[("id-sha256", &hash[..16]), ("cause", cause)]);
        }
        let next = "ask who runs the server or its sender; where it is too large raise `max-content`";
        self.say_failed(Some(Failing { cause: cause.to_owned(), next: next.to_owned(), turn }));
    }

    /// Says how much cannot be fetched, and why the last of it; or that it is all taken or gone.
    fn say_failed(&mut self, why: Option<Failing>) {
        let (parts, part) = (&self.around.parts, format!("not fetched of {}", self.part));
        if self.failed.is_empty() {
            if std::mem::take(&mut self.fails_said) {
                tracing::info!(
                    connection = self.connection,
                    mailbox = self.name,
                    "what could not be fetched is taken or gone"
                );
                parts.gone(&part);
            }
            return;
        }
        if let Some(why) = why {
            parts.fails(&part, why);
            self.fails_said = true;
        }
        let oldest = self.failed.values().filter_map(|failed| failed.laid).min();
        parts.lies(&part, self.failed.len() as u64, oldest);
    }

    /// Tells since when the oldest of each sender lies there, before anything is fetched: the house may be busy for long.
    async fn tell_oldest(&self, page: &Listed) {
        let mut oldest = BTreeMap::new();
        for entry in &page.entries {
            let Entry::Said(meta) = entry else { continue };
            let Some(partner) = self.link.settings.sender(&meta.author.identity) else { continue };
            if self.leaves(meta, partner).is_none() {
                oldest.entry(partner.to_owned()).or_insert_with(|| laid(meta));
            }
        }
        self.tell(&oldest, false).await;
    }

    /// Tells the house what lies there; that nothing of a sender does only after all was seen.
    async fn tell(&self, waiting: &BTreeMap<String, Option<Timestamp>>, complete: bool) {
        for place in places(&self.connection, &self.name, &self.link.settings.partners()) {
            let lying = match place.partners.first().and_then(|partner| waiting.get(partner)) {
                Some(Some(since)) => Lying::Since(*since),
                Some(None) => Lying::Something,
                None if complete => Lying::Nothing,
                None => continue,
            };
            if let Err(busy) = self.around.notes.looked(&place, lying).await {
                tracing::debug!(
                    connection = self.connection,
                    cause = busy.cause,
                    "what lies in a mailbox is not kept"
                );
            }
        }
    }
}

/// What is asked for, unless the source is stopped before it is there; nothing is begun by it that has to be finished.
async fn unless<T>(stop: &Stop, asked: impl Future<Output = T>) -> Result<T, Halt> {
    tokio::select! {
        answer = asked => Ok(answer),
        () = stop.cancelled() => Err(Halt::Stopped),
    }
}

/// Under which a delivery is known: by its sender and the id of its order, as a hash, because that is foreign text.
pub fn transport_id(partner: &str, id: &str) -> String {
    format!("{partner}:xta-{}", sha256_hex(key(id).as_bytes()))
}

/// Under which an id is known: they are compared without case.
fn key(id: &str) -> String {
    id.trim().to_ascii_lowercase()
}

/// How long what could not be fetched so often is left alone.
fn pause(times: u32, link: &Link) -> Duration {
    link.settings.every.0.saturating_mul(1 << times.saturating_sub(1).min(10)).min(LONGEST)
}
