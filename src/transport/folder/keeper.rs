//! Looks after one tray by itself: takes what has settled, delivers it, lets it go. A tray in trouble says so and is tried again;
//! it stops no other tray. Work on the disk is done where it may block.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use notify::{RecursiveMode, Watcher};
use tokio::sync::Notify;
use uuid::Uuid;

use super::TraySettings;
use super::handle::{Mark, said};
use super::tray::{Content, HASHED, Item, MOST, Tray};
use crate::clock::Tick;
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, Lying, PartnerRef, Verdict};
use crate::telemetry::alarm::{Alarm, raise};
use crate::telemetry::metric;
use crate::telemetry::parts::{Failing, Parts, Turn};
use crate::transport::ids::{fresh_id, sha256_hex};
use crate::transport::port::{Busy, Place, Stop, Surroundings};

/// How long the oldest file of a partner had been waiting, and when that was seen.
pub type Ages = BTreeMap<String, (Duration, Tick)>;

/// The pause after the first failure, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// The least time between two looks at a tray, and how many times as long as the last look it is: whoever fills a tray and never stops
/// to write has a small part of a core at most.
const BREATH: Duration = Duration::from_millis(10);
const BREATHS: u32 = 10;
/// The least time between two lines about what is left alone in a tray.
const SAID: Duration = Duration::from_secs(60);
/// How often reasons that are over are looked for.
const FORGET: Duration = Duration::from_secs(6 * 3600);

/// Looks after one tray.
pub struct Keeper {
    connection: String,
    /// What it is called where it does not run.
    part: String,
    tray: Arc<Tray>,
    settings: TraySettings,
    around: Surroundings,
    ages: Arc<Mutex<Ages>>,
    /// What what is left alone in it is called.
    apart: String,
    /// What was left alone at the last look, by reason.
    unfit: BTreeMap<&'static str, u64>,
    /// When the log was told of it last, and what.
    said: Option<Tick>,
    logged: String,
    /// How long the last look took.
    looked: Duration,
    forgot: Option<Tick>,
    /// Why a file that was taken does not go.
    stuck: Option<String>,
    /// What the house had no room for.
    held: Option<Parcel>,
}

/// Why a tray is not looked after at the moment.
struct Broken(String);

/// Takes back what a keeper said of its tray when it ends, also where it is broken off.
struct Gone(Parts, String);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.gone(&self.1);
    }
}

/// Where a tray lies; those of a connection are told apart by their partner.
pub fn place(connection: &str, tray: &TraySettings) -> Place {
    Place {
        connection: connection.to_owned(),
        name: tray.partner.clone(),
        binding: format!("folder {connection}"),
        partners: vec![tray.partner.clone()],
    }
}

impl Keeper {
    /// The keeper of a tray.
    pub fn new(
        connection: &str,
        settings: &TraySettings,
        around: &Surroundings,
        ages: Arc<Mutex<Ages>>,
    ) -> Keeper {
        Keeper {
            connection: connection.to_owned(),
            part: format!("tray of {} of {connection}", settings.partner),
            apart: format!("left alone in the tray of {} of {connection}", settings.partner),
            tray: Arc::new(Tray::new(connection, settings, &around.data)),
            settings: settings.clone(),
            around: around.clone(),
            ages,
            unfit: BTreeMap::new(),
            said: None,
            logged: String::new(),
            looked: Duration::ZERO,
            forgot: None,
            stuck: None,
            held: None,
        }
    }

    /// Runs until stopped.
    pub async fn run(mut self, stop: Stop) {
        let partner = self.settings.partner.clone();
        let _gone = [&self.part, &self.apart].map(|part| Gone(self.around.parts.clone(), part.clone()));
        let mut pause = PAUSES.0;
        while !stop.is_cancelled() {
            let Err(Broken(cause)) = self.watch(&stop, &mut pause).await else { break };
            self.broken(&cause);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSES.1);
        }
        self.ages().remove(&partner);
    }

    fn broken(&self, cause: &str) {
        let Keeper { connection, around, settings, .. } = self;
        let failing = Failing {
            cause: cause.to_owned(),
            next: "tried again by itself; look with `drehscheibe doctor`".to_owned(),
            turn: Turn::Ours,
        };
        around.parts.fails(&self.part, failing);
        raise(Alarm::SourceBroken, &format!("{connection}/{}", settings.partner), &[("cause", cause)]);
    }

    /// Looks after the tray until it is stopped or in trouble.
    async fn watch(&mut self, stop: &Stop, pause: &mut Duration) -> Result<(), Broken> {
        let changed = Arc::new(Notify::new());
        let _watcher = watcher(&self.around.data.join(&self.settings.incoming), changed.clone());
        let mut first = true;
        while !stop.is_cancelled() {
            let (mut busy, mut settles) = (None, None);
            if let Some(held) = self.held.take()
                && let Delivered::Busy(again) = self.hand(held).await?
            {
                busy = Some(again);
            }
            // What an earlier version left of deliveries comes first; a repeat is harmless.
            if first && busy.is_none() {
                let left = self.disk(Tray::left_behind).await?;
                busy = self.deliver_all(left, stop).await?;
                first = busy.is_some() || self.stuck.is_some();
            }
            if busy.is_none() {
                (busy, settles) = self.round(stop).await?;
            }
            match self.stuck.take() {
                Some(cause) => self.broken(&cause),
                None => self.around.parts.runs(&self.part),
            }
            *pause = PAUSES.0;
            let nap = busy.as_ref().map_or(Duration::ZERO, |busy| busy.retry_after);
            let breath = breath(self.looked, self.settings.every.0);
            let every = settles.map_or(self.settings.every.0, |settles| settles.min(self.settings.every.0));
            tokio::select! {
                () = stop.cancelled() => {}
                // A change does not shorten the pause that the house asked for.
                // Nor does a sender that never stops to write make us look without end.
                () = async { changed.notified().await; tokio::time::sleep(breath).await }, if busy.is_none() => {}
                () = tokio::time::sleep(nap.max(every)) => {}
            }
        }
        Ok(())
    }

    /// Takes every file that has settled; says when the house is busy, and when the next file settles.
    async fn round(&mut self, stop: &Stop) -> Result<(Option<Busy>, Option<Duration>), Broken> {
        let now = self.around.clock.now();
        let released = self.disk(Tray::release).await;
        self.cleared(released);
        if self.forgot.is_none_or(|last| last.elapsed() > FORGET) {
            self.forgot = Some(Tick::now());
            if self.disk(move |tray| tray.forget(now)).await.is_err() {
                tracing::warn!(connection = self.connection, "reasons of refused files cannot be cleared up");
            }
        }
        let began = Tick::now();
        let look = self.disk(move |tray| tray.look(now)).await?;
        self.looked = began.elapsed();
        if let Some(error) = &look.trouble {
            self.stuck = Some(format!("entries cannot be looked at: {}", said(error)));
        }
        self.wait(look.oldest);
        let since = look.oldest.and_then(|age| SignedDuration::try_from(age).ok());
        let since = since.and_then(|age| now.checked_sub(age).ok());
        self.tell(since.map_or(Lying::Nothing, Lying::Since)).await;
        let (mut unfit, mut left, mut taken) = (look.unfit, look.left, false);
        let mut outcome = (None, look.settles);
        for item in look.items {
            if stop.is_cancelled() {
                return Ok(outcome);
            }
            match self.deliver(item).await? {
                Delivered::Done => taken = true,
                Delivered::Left => left = true,
                Delivered::Unfit(reason) => {
                    left = true;
                    *unfit.entry(reason).or_default() += 1;
                }
                Delivered::Busy(busy) => {
                    outcome.0 = Some(busy);
                    break;
                }
            }
        }
        // What was told stands while one was left: in turn that something lies here and that nothing does would be written each time.
        if outcome.0.is_none() && !left {
            self.wait(None);
            self.tell(Lying::Nothing).await;
        }
        // Those behind them are looked at once; where none of these goes, there is no hurry.
        if look.more && taken {
            outcome.1 = Some(breath(self.looked, self.settings.every.0));
        }
        self.say_unfit(unfit);
        Ok(outcome)
    }

    /// Delivers in order; on `Busy` the rest waits for the next time.
    async fn deliver_all(&mut self, items: Vec<Item>, stop: &Stop) -> Result<Option<Busy>, Broken> {
        for item in items {
            if stop.is_cancelled() {
                return Ok(None);
            }
            if let Delivered::Busy(busy) = self.deliver(item).await? {
                return Ok(Some(busy));
            }
        }
        Ok(None)
    }

    async fn deliver(&mut self, item: Item) -> Result<Delivered, Broken> {
        let file = item.clone();
        let taken = match self.disk(move |tray| tray.take(&file)).await {
            Ok(taken) => taken,
            // One file that cannot be read is no reason to leave the others.
            Err(Broken(cause)) => {
                self.stuck = Some(cause);
                return Ok(Delivered::Left);
            }
        };
        let parcel = match taken {
            Content::NotNow => return Ok(Delivered::Left),
            Content::Unfit(reason) => return Ok(Delivered::Unfit(reason)),
            Content::Whole(octets, mark) => {
                let sha256 = sha256_hex(&octets);
                Parcel { envelope: self.envelope(&item, octets, mark, sha256, "tray"), item, mark }
            }
            // Kept apart by its hash: in clear it would outlive every period of retention.
            Content::TooLarge { sha256, mark } => {
                let verification =
                    if mark.size() > HASHED { "tray; hash of the first 64 MiB" } else { "tray" };
                Parcel {
                    envelope: self.envelope(&item, Bytes::new(), mark, sha256, verification),
                    item,
                    mark,
                }
            }
        };
        self.hand(parcel).await
    }

    /// Hands over what was read, to its commit.
    async fn hand(&mut self, parcel: Parcel) -> Result<Delivered, Broken> {
        let intake = &self.around.intake;
        let too_large = parcel.mark.size() > MOST;
        let outcome = match too_large {
            false => intake.deliver(parcel.envelope.clone()).await,
            true => {
                intake.set_apart(parcel.envelope.clone(), "larger than 8 MiB, too large for a tray").await
            }
        };
        let verdict = match outcome {
            Ok(verdict) => verdict,
            Err(busy) => {
                // The file stays where it lies. Its content stays here, too: a sender may write over it meanwhile.
                self.held = Some(parcel);
                return Ok(Delivered::Busy(busy));
            }
        };
        let reason = refusal(&verdict, too_large);
        let taken = reason.is_none();
        if let Some(reason) = reason {
            self.say_refused(verdict.id, reason, too_large).await;
        }
        let Parcel { item, mark, .. } = parcel;
        let gone = self.disk(move |tray| tray.let_go(item, mark, taken)).await;
        self.cleared(gone);
        // Said at once: a whole look at a full tray takes long.
        if self.stuck.is_none() {
            self.around.parts.runs(&self.part);
        }
        Ok(Delivered::Done)
    }

    /// A file that was taken and does not go is trouble, and no reason to leave the others.
    fn cleared(&mut self, outcome: Result<(), Broken>) {
        if let Err(Broken(cause)) = outcome {
            self.stuck = Some(format!("files that were taken cannot be removed: {cause}"));
        }
    }

    /// Tells why a file was refused: the operator always, the partner where no answer tells it. The verdict stands in the store;
    /// where this cannot be written it is said there only.
    async fn say_refused(&self, id: Uuid, reason: String, tell: bool) {
        let said = self
            .disk(move |tray| {
                if tell {
                    tray.tell(id, &reason)?;
                }
                tray.note(id, &reason)
            })
            .await;
        if let Err(Broken(cause)) = said {
            let partner = &self.settings.partner;
            tracing::warn!(
                connection = self.connection,
                partner,
                cause,
                "the reason for a refused file was not written"
            );
        }
    }

    fn say_unfit(&mut self, unfit: BTreeMap<&'static str, u64>) {
        let partner = &self.settings.partner;
        metric::left_alone(&self.connection, partner, unfit.values().sum());
        let list: Vec<String> = unfit.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let list = list.join(", ");
        let parts = &self.around.parts;
        if unfit.is_empty() && !self.unfit.is_empty() {
            parts.gone(&self.apart);
        } else if unfit != self.unfit {
            let failing = Failing {
                cause: format!(
                    "what is not taken, for its name or its kind ({list}), counts as deliveries that were not taken"
                ),
                next: format!(
                    "the partner removes them, or lays plain files of its own under new names that end in {}",
                    self.settings.suffixes.join(" or ")
                ),
                turn: Turn::FarEnd,
            };
            parts.fails(&self.apart, failing);
            parts.waits(&self.apart, unfit.values().sum());
        }
        // Who lays down one after the other is told of with the newest figures, and not at each of them.
        if !list.is_empty() && list != self.logged && self.said.is_none_or(|said| said.elapsed() >= SAID) {
            tracing::warn!(
                connection = self.connection,
                partner,
                reasons = list,
                "entries of a tray that are no plain files of the partner, or are named otherwise, are left alone; the partner must remove them"
            );
            self.said = Some(Tick::now());
            self.logged = list;
        } else if list.is_empty() {
            self.logged = list;
        }
        self.unfit = unfit;
    }

    /// Tells the house since when the oldest file lies here, also that none does. Where it cannot be kept nothing stops: it is told again
    /// at the next look, and a tray that nobody tells of counts since the last time.
    async fn tell(&self, lying: Lying) {
        let place = place(&self.connection, &self.settings);
        if let Err(busy) = self.around.notes.looked(&place, lying).await {
            tracing::debug!(
                connection = self.connection,
                cause = busy.cause,
                "the age of a tray is not kept"
            );
        }
    }

    /// Notes how long the oldest file has been waiting.
    fn wait(&self, oldest: Option<Duration>) {
        let partner = self.settings.partner.clone();
        match oldest {
            Some(oldest) => self.ages().insert(partner, (oldest, Tick::now())),
            None => self.ages().remove(&partner),
        };
    }

    fn ages(&self) -> std::sync::MutexGuard<'_, Ages> {
        self.ages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn envelope(&self, item: &Item, body: Bytes, mark: Mark, sha256: String, verification: &str) -> Envelope {
        let now = self.around.clock.now();
        let content_type = match item.ending() {
            Some("xml") => Some("application/xml".to_owned()),
            Some("json") => Some("application/json".to_owned()),
            _ => None,
        };
        let partner = &self.settings.partner;
        Envelope {
            head: Head {
                content_type,
                partner: Some(PartnerRef { id: partner.clone(), how: How::Tray }),
                return_address: Some(format!("{}:{partner}", self.connection)),
                ..Head::came(
                    (fresh_id(now), now),
                    &self.connection,
                    format!("folder {}", self.connection),
                    format!("{partner}:{}-{sha256}", item.name_hash()),
                )
            },
            evidence: Evidence {
                octets_sha256: sha256,
                size: mark.size(),
                verification: verification.to_owned(),
                ..Evidence::default()
            },
            body,
            parts: Vec::new(),
        }
    }

    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tray) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, Broken> {
        let tray = self.tray.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&tray)).await;
        outcome.map_err(std::io::Error::other).and_then(|inner| inner).map_err(|error| {
            Broken(format!(
                "tray of partner {} cannot be used: {}; check folders and rights",
                self.settings.partner,
                said(&error)
            ))
        })
    }
}

/// A file that was read, as it is delivered.
struct Parcel {
    item: Item,
    mark: Mark,
    envelope: Envelope,
}

/// What became of a file.
enum Delivered {
    /// It is answered.
    Done,
    /// It is looked at again.
    Left,
    /// It is left alone.
    Unfit(&'static str),
    /// The house takes nothing now.
    Busy(Busy),
}

/// How long a tray is let alone that changes all the time, where a look at it took so long; never longer than one that does not change.
fn breath(looked: Duration, every: Duration) -> Duration {
    looked.saturating_mul(BREATHS).min(every).max(BREATH)
}

/// Why a file was refused: codes only. `None` when it was taken.
fn refusal(verdict: &Verdict, too_large: bool) -> Option<String> {
    let taken = matches!(verdict.state, Inbound::Accepted | Inbound::Waiting | Inbound::Parked);
    let reason = match (verdict.conflict, too_large) {
        (true, _) => "konflikt",
        (false, true) => "zu-gross",
        (false, false) if taken => return None,
        (false, false) => verdict.state.as_str(),
    };
    let codes = if verdict.codes.is_empty() { "-".to_owned() } else { verdict.codes.join(" ") };
    Some(format!("grund: {reason}\ncodes: {codes}\nnachricht: {}\n", verdict.id))
}

/// Wakes the tray when the system reports a change; without it the tray is looked at every now and then. It only wakes: where
/// the path leads elsewhere meanwhile, nothing comes of it.
fn watcher(folder: &Path, changed: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let only_read = matches!(event, Ok(ref event) if event.kind.is_access() || event.kind.is_remove());
        if !only_read {
            changed.notify_one();
        }
    })
    .ok()?;
    watcher.watch(folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tray_that_takes_long_to_look_at_is_let_alone_for_ten_times_as_long() {
        let ms = Duration::from_millis;
        assert_eq!(breath(Duration::ZERO, ms(2000)), BREATH);
        assert_eq!(breath(ms(50), ms(2000)), ms(500));
        assert_eq!(breath(ms(900), ms(2000)), ms(2000), "never longer than one that does not change");
        assert_eq!(breath(ms(900), ms(1)), BREATH);
    }
}
