//! Watched trays: files come in from one partner's tray and envelopes leave as files, each appearing whole or not at
//! all. A tray belongs to exactly one partner; file names are foreign text and are never logged nor used as a path.

pub mod out;
pub mod tray;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use notify::{RecursiveMode, Watcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::ids::{fresh_id, sha256_hex};
use super::port::{Answers, BuildError, Busy, Channel, Entry, Source, SourceError, Stop, Surroundings};
use super::settings::{self, Span};
use crate::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Verdict};
use out::FolderDestination;
use tray::{Content, Taken, Tray};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "folder",
    answers: Some(Answers::ByMessage),
    sends: true,
    alone: true,
    check: |written| settings::check::<Settings>(written, further),
    check_channel: |written| settings::check::<ChannelSettings>(written, |_, _| {}),
    schema: settings::schema_of::<Settings>,
    source: |name, written, around| Ok(Some(Arc::new(FolderSource::new(name, written, around)?))),
    destination: |name, written, channel, around| {
        Ok(Some(Arc::new(destination(name, written, channel, around)?)))
    },
};

/// Settings of a folder connection.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The trays; each belongs to exactly one partner.
    #[schemars(length(min = 1))]
    pub trays: Vec<TraySettings>,
}

/// One tray, as written.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TraySettings {
    /// The partner to whom the tray belongs; only it can write there.
    #[schemars(length(min = 1))]
    pub partner: String,
    /// Where its files come in.
    #[serde(rename = "in")]
    pub incoming: PathBuf,
    /// Where files for it are laid.
    pub out: Option<PathBuf>,
    /// Where a reason is written for each refused file, and where files go that could not be taken at all; without it
    /// `.quarantine` in the incoming folder. On the same file system as `in`.
    pub quarantine: Option<PathBuf>,
    /// How often the tray is looked at when the system reports nothing.
    #[serde(default = "two_seconds")]
    pub every: Span,
    /// Endings of file names that are taken; others are left alone.
    #[serde(default = "suffixes")]
    pub suffixes: Vec<String>,
    /// How long a file must have been unchanged before it is taken; with `0s` senders have to write under another
    /// name (`.part`, `.tmp`) and rename.
    #[serde(default = "no_time")]
    pub settled_after: Span,
    /// True keeps delivered files in `.done`.
    #[serde(default)]
    pub keep: bool,
}

/// Settings of a partner's channel.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChannelSettings {
    /// Where files for the partner are laid, if not in its tray's `out`.
    pub out: Option<PathBuf>,
}

fn two_seconds() -> Span {
    Span(Duration::from_secs(2))
}

fn no_time() -> Span {
    Span(Duration::ZERO)
}

fn suffixes() -> Vec<String> {
    vec![".xml".to_owned(), ".json".to_owned()]
}

fn further(settings: &Settings, faults: &mut Vec<(String, String)>) {
    for (at, tray) in settings.trays.iter().enumerate() {
        let earlier = &settings.trays[..at];
        if earlier.iter().any(|other| other.incoming == tray.incoming) {
            faults.push((format!("/trays/{at}/in"), "is the tray of an earlier entry already".to_owned()));
        }
        if earlier.iter().any(|other| other.partner == tray.partner && other.out.is_some())
            && tray.out.is_some()
        {
            faults.push((
                format!("/trays/{at}/out"),
                "the partner has an `out` already; keep one of them".to_owned(),
            ));
        }
        if settings.trays.iter().any(|other| other.out.as_ref() == Some(&tray.incoming)) {
            faults.push((
                format!("/trays/{at}/in"),
                "is the `out` of a tray; what we lay there would come back".to_owned(),
            ));
        }
        if tray.every.0.is_zero() {
            faults.push((format!("/trays/{at}/every"), "must be more than zero".to_owned()));
        }
        if tray.suffixes.iter().any(|suffix| suffix.is_empty() || suffix.contains('/'))
            || tray.suffixes.is_empty()
        {
            faults.push((
                format!("/trays/{at}/suffixes"),
                "must be endings of file names such as \".xml\"".to_owned(),
            ));
        }
    }
}

fn destination(
    name: &str,
    written: &serde_json::Value,
    channel: &Channel,
    around: &Surroundings,
) -> Result<FolderDestination, BuildError> {
    let settings: Settings = settings::read(name, written)?;
    let own: ChannelSettings = settings::read(name, &channel.settings)?;
    let of_tray =
        settings.trays.into_iter().filter(|tray| tray.partner == channel.partner).find_map(|tray| tray.out);
    let out = own.out.or(of_tray).ok_or_else(|| BuildError {
        connection: name.to_owned(),
        text: "the partner has no `out`; give its tray or its channel one".to_owned(),
    })?;
    Ok(FolderDestination::new(around.data.join(out), channel.partner.clone(), around))
}

/// Takes files out of the trays of one connection, in the order of their names, one at a time per tray.
pub struct FolderSource {
    name: String,
    settings: Settings,
    around: Surroundings,
}

impl FolderSource {
    /// Builds the source of a connection.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<FolderSource, BuildError> {
        let mut settings: Settings = settings::read(name, written)?;
        for tray in &mut settings.trays {
            tray.incoming = around.data.join(&tray.incoming);
            tray.quarantine = tray.quarantine.take().map(|folder| around.data.join(folder));
        }
        Ok(FolderSource { name: name.to_owned(), settings, around: around.clone() })
    }
}

#[async_trait]
impl Source for FolderSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        // When one tray breaks the others end too; the supervisor starts all of them again.
        let stop = stop.child_token();
        let mut trays = JoinSet::new();
        for settings in &self.settings.trays {
            let keeper = Keeper {
                connection: self.name.clone(),
                tray: Arc::new(Tray::new(settings)),
                settings: settings.clone(),
                around: self.around.clone(),
                left: Vec::new(),
            };
            trays.spawn(keeper.run(stop.clone()));
        }
        let mut outcome = Ok(());
        while let Some(ended) = trays.join_next().await {
            let ended = ended.unwrap_or_else(|_| Err(SourceError::Broken("a tray's task failed".to_owned())));
            if ended.is_err() {
                stop.cancel();
                outcome = outcome.and(ended);
            }
        }
        outcome
    }
}

/// Looks after one tray.
struct Keeper {
    connection: String,
    tray: Arc<Tray>,
    settings: TraySettings,
    around: Surroundings,
    /// Taken files that are not finished.
    left: Vec<Taken>,
}

impl Keeper {
    async fn run(mut self, stop: Stop) -> Result<(), SourceError> {
        self.disk(|tray| tray.prepare()).await?;
        let changed = Arc::new(Notify::new());
        let _watcher = watcher(&self.settings.incoming, changed.clone());
        // What a crash left behind comes first; a repeat of it is harmless.
        self.left = self.disk(|tray| tray.left_behind()).await?;
        while !stop.is_cancelled() {
            let left = std::mem::take(&mut self.left);
            let busy = match self.deliver_all(left, &stop).await? {
                None => self.round(&stop).await?,
                busy => busy,
            };
            let pause = busy.as_ref().map_or(Duration::ZERO, |busy| busy.retry_after);
            tokio::select! {
                () = stop.cancelled() => {}
                // A change does not shorten the pause that the house asked for.
                () = changed.notified(), if busy.is_none() => {}
                () = tokio::time::sleep(pause.max(self.settings.every.0)) => {}
            }
        }
        Ok(())
    }

    /// Takes every file that is there now.
    async fn round(&mut self, stop: &Stop) -> Result<Option<Busy>, SourceError> {
        let now = self.around.clock.now();
        for name in self.disk(move |tray| tray.waiting(now)).await? {
            if stop.is_cancelled() {
                return Ok(None);
            }
            let taken = self.disk(move |tray| tray.take(&name)).await?;
            if let Some(busy) = self.deliver_all(taken.into_iter().collect(), stop).await? {
                return Ok(Some(busy));
            }
        }
        Ok(None)
    }

    /// Delivers in order; on `Busy` the rest waits for the next time.
    async fn deliver_all(&mut self, taken: Vec<Taken>, stop: &Stop) -> Result<Option<Busy>, SourceError> {
        let mut taken = taken.into_iter();
        while let Some(next) = taken.next() {
            if stop.is_cancelled() {
                return Ok(None);
            }
            if let Some(busy) = self.deliver(next).await? {
                self.left.extend(taken);
                return Ok(Some(busy));
            }
        }
        Ok(None)
    }

    async fn deliver(&mut self, taken: Taken) -> Result<Option<Busy>, SourceError> {
        let file = taken.clone();
        let octets = match self.disk(move |tray| tray.read(&file)).await? {
            Content::Octets(octets) => octets,
            Content::Gone => return Ok(None),
            Content::Unfit(reason) => {
                tracing::warn!(
                    connection = self.connection,
                    partner = self.settings.partner,
                    reason,
                    "file of a tray put apart"
                );
                self.disk(move |tray| tray.put_apart(&taken, &format!("grund: {reason}\n"))).await?;
                return Ok(None);
            }
        };
        match self.around.intake.deliver(self.envelope(&taken, octets)).await {
            Ok(verdict) => {
                self.disk(move |tray| match refusal(&verdict) {
                    Some(reason) => tray.note_refused(&taken, &reason),
                    None => tray.done(&taken),
                })
                .await?;
                Ok(None)
            }
            Err(busy) => {
                let file = taken.clone();
                if !self.disk(move |tray| tray.put_back(&file)).await? {
                    self.left.push(taken);
                }
                Ok(Some(busy))
            }
        }
    }

    fn envelope(&self, taken: &Taken, octets: bytes::Bytes) -> Envelope {
        let sha256 = sha256_hex(&octets);
        let now = self.around.clock.now();
        let content_type = match taken.ending() {
            Some("xml") => Some("application/xml".to_owned()),
            Some("json") => Some("application/json".to_owned()),
            _ => None,
        };
        Envelope {
            head: Head {
                id: fresh_id(now),
                connection: self.connection.clone(),
                binding: format!("folder {}", self.connection),
                // The name goes in as a hash: senders write persons' names into file names.
                transport_id: format!(
                    "{}:{}-{sha256}",
                    self.settings.partner,
                    sha256_hex(taken.name.as_encoded_bytes())
                ),
                correlation: None,
                content_type,
                partner: Some(PartnerRef { id: self.settings.partner.clone(), how: How::Tray }),
                received: now,
                return_address: Some(format!("{}:{}", self.connection, self.settings.partner)),
                traceparent: None,
                acting_person: None,
            },
            evidence: Evidence {
                octets_sha256: sha256,
                size: octets.len() as u64,
                verification: "tray".to_owned(),
                protocol_ids: Vec::new(),
                peer: None,
            },
            body: octets,
            parts: Vec::new(),
        }
    }

    /// Runs work on the disk where it may block.
    async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tray) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, SourceError> {
        let tray = self.tray.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&tray)).await;
        outcome.map_err(std::io::Error::other).and_then(|inner| inner).map_err(|error| {
            SourceError::Broken(format!(
                "tray of partner {} cannot be used: {}; check folders and rights",
                self.settings.partner,
                error.kind()
            ))
        })
    }
}

/// Why a file is put apart after its verdict: codes only. `None` when it was taken.
fn refusal(verdict: &Verdict) -> Option<String> {
    let taken = matches!(verdict.state, Inbound::Accepted | Inbound::Waiting | Inbound::Parked);
    if taken && !verdict.conflict {
        return None;
    }
    let reason = if verdict.conflict { "konflikt" } else { verdict.state.as_str() };
    let codes = if verdict.codes.is_empty() { "-".to_owned() } else { verdict.codes.join(" ") };
    Some(format!("grund: {reason}\ncodes: {codes}\nnachricht: {}\n", verdict.id))
}

/// Wakes the tray when the system reports a change; without it the tray is looked at every now and then.
fn watcher(folder: &std::path::Path, changed: Arc<Notify>) -> Option<notify::RecommendedWatcher> {
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
