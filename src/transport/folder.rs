//! Watched trays: files come in from one partner's tray and envelopes leave as files, each appearing whole or not at
//! all. A tray belongs to exactly one partner, who may do in it what he likes; file names are foreign text and are never logged
//! nor used as a path.

pub mod handle;
pub mod keeper;
pub mod letters;
pub mod out;
pub mod tray;

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::apart::apart;
use super::looks::announce;
use super::port::binding::Bindings;
use super::port::{
    Answers, BuildError, Channel, Claimed, Entry, Place, Source, SourceError, Stop, Surroundings,
};
use super::settings::{self, Span};
use keeper::{Ages, Keeper};
use letters::LetterSettings;
use out::FolderDestination;

/// The folder below the data folder where reasons of refused files are written, where a tray names no other.
pub const QUARANTINE: &str = "quarantine";

/// No partner has longer to take a document: by then a person has to know.
const LONGEST_TO_TAKE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "folder",
    binding: Bindings::Listed,
    answers: Some(Answers::ByMessage),
    sends: true,
    collected: false,
    accounts: false,
    alone: true,
    check: |written| settings::check::<Settings>(written, further),
    check_channel: |written| settings::check::<ChannelSettings>(written, further_of_channel),
    folders,
    spots: super::port::no_spots,
    files: super::port::files::none,
    exposed: super::port::files::never_exposed,
    schema: settings::schema_of::<Settings>,
    open: |name, written, _| {
        apart(
            name,
            written,
            |name, written, around| Ok(Some(Arc::new(FolderSource::new(name, written, around)?))),
            |name, written, channel, around| Ok(Some(Arc::new(destination(name, written, channel, around)?))),
        )
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
    /// Where a reason is written for each refused file, for 30 days; outside of every tray. Without it
    /// `quarantine/CONNECTION/PARTNER` below the data folder.
    pub quarantine: Option<PathBuf>,
    /// Number of the user that files have to belong to; others are left alone. Without it whoever can write there delivers.
    pub owner: Option<u32>,
    /// How often the tray is looked at when the system reports nothing.
    #[serde(default = "two_seconds")]
    pub every: Span,
    /// Endings of file names that are taken; others are left alone.
    #[serde(default = "suffixes")]
    pub suffixes: Vec<String>,
    /// How long we must have seen a file unchanged in size and time before it is taken; with `0s` senders have to write
    /// under another name (`.part`, `.tmp`) and rename.
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
    /// How long the partner has to take a document out of it: then it is confirmed, and one that still lies there has failed and waits
    /// for a person. Without it nobody looks.
    pub taken_within: Option<Span>,
    /// The partner prints and posts: only the PDF files of an envelope are laid there, and last an index record that says to whom they go.
    pub letters: Option<LetterSettings>,
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
        let mut fault = |key: &str, text: &str| faults.push((format!("/trays/{at}/{key}"), text.to_owned()));
        let earlier = &settings.trays[..at];
        if earlier.iter().any(|other| other.incoming == tray.incoming) {
            fault("in", "is the tray of an earlier entry already");
        }
        if earlier.iter().any(|other| other.partner == tray.partner && other.out.is_some())
            && tray.out.is_some()
        {
            fault("out", "the partner has an `out` already; keep one of them");
        }
        if settings.trays.iter().any(|other| other.out.as_ref() == Some(&tray.incoming)) {
            fault("in", "is the `out` of a tray; what we lay there would come back");
        }
        let own = [("in", Some(&tray.incoming)), ("out", tray.out.as_ref())];
        for (key, path) in own.into_iter().chain([("quarantine", tray.quarantine.as_ref())]) {
            let Some(path) = path else { continue };
            if let Some(text) = unusable(path) {
                fault(key, text);
            }
            for other in &settings.trays {
                // What a partner can write in, it can also replace.
                let inside =
                    std::iter::once(&other.incoming).chain(&other.out).any(|of| path.starts_with(of));
                if inside && key == "quarantine" {
                    fault(key, "lies in a tray, where a partner can write; name a folder of your own");
                    break;
                } else if inside && other.partner != tray.partner && path != &other.incoming {
                    fault(key, "lies in the tray of another partner, who could replace it");
                    break;
                }
            }
        }
        if tray.every.0.is_zero() {
            fault("every", "must be more than zero");
        }
        if tray.suffixes.iter().any(|suffix| suffix.is_empty() || suffix.contains('/'))
            || tray.suffixes.is_empty()
        {
            fault("suffixes", "must be endings of file names such as \".xml\"");
        }
    }
}

/// Of a connection its trays, of a channel where its files are laid.
fn folders(written: &serde_json::Value, channel: Option<&Channel>) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    let mut claim = |path: Option<PathBuf>, partner: Option<&str>, key| {
        claimed.extend(path.map(|path| Claimed { path, partner: partner.map(str::to_owned), key }));
    };
    if let Some(channel) = channel {
        let own = ChannelSettings::deserialize(&channel.settings).unwrap_or_default();
        claim(own.out, Some(&channel.partner), "out");
    } else if let Ok(settings) = Settings::deserialize(written) {
        for tray in settings.trays {
            claim(Some(tray.incoming), Some(&tray.partner), "in");
            claim(tray.out, Some(&tray.partner), "out");
            claim(tray.quarantine, None, "quarantine");
        }
    }
    claimed
}

fn further_of_channel(settings: &ChannelSettings, faults: &mut Vec<(String, String)>) {
    if let Some(text) = settings.out.as_deref().and_then(unusable) {
        faults.push(("/out".to_owned(), text.to_owned()));
    }
    if let Some(letters) = &settings.letters {
        letters::further(letters, faults);
    }
    if settings.taken_within.is_some_and(|within| within.0.is_zero() || within.0 > LONGEST_TO_TAKE) {
        faults.push(("/taken-within".to_owned(), "must be more than zero and at most 90 days".to_owned()));
    }
}

/// Why a path is no place for a tray.
fn unusable(path: &Path) -> Option<&'static str> {
    let mut parts = path.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir));
    if path.components().any(|part| part == Component::ParentDir) {
        Some("must not contain `..`")
    } else if parts.next().is_none() {
        Some("must name a folder of its own")
    } else {
        None
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
    let within = own.taken_within.map(|within| within.0);
    Ok(FolderDestination::new(out, channel.partner.clone(), (within, own.letters), around))
}

/// Takes files out of the trays of one connection, in the order of their names, one at a time per tray.
pub struct FolderSource {
    name: String,
    settings: Settings,
    around: Surroundings,
    ages: Arc<Mutex<Ages>>,
}

impl FolderSource {
    /// Builds the source of a connection.
    pub fn new(
        name: &str,
        written: &serde_json::Value,
        around: &Surroundings,
    ) -> Result<FolderSource, BuildError> {
        let settings: Settings = settings::read(name, written)?;
        Ok(FolderSource { name: name.to_owned(), settings, around: around.clone(), ages: Arc::default() })
    }

    /// How long the oldest file of each partner that has settled and was not taken has been lying there. Partners whose tray
    /// holds none, or was not looked at, have no entry.
    pub fn oldest(&self) -> BTreeMap<String, Duration> {
        let ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        ages.iter().map(|(partner, (age, seen))| (partner.clone(), *age + seen.elapsed())).collect()
    }
}

#[async_trait]
impl Source for FolderSource {
    async fn run(&self, stop: Stop) -> Result<(), SourceError> {
        let places: Vec<Place> =
            self.settings.trays.iter().map(|tray| keeper::place(&self.name, tray)).collect();
        announce(&self.around, &self.name, &places, &stop).await;
        let mut trays = JoinSet::new();
        let mut which = HashMap::new();
        let keeper = |at: usize| {
            Keeper::new(&self.name, &self.settings.trays[at], &self.around, self.ages.clone())
                .run(stop.clone())
        };
        for at in 0..self.settings.trays.len() {
            which.insert(trays.spawn(keeper(at)).id(), at);
        }
        while let Some(ended) = trays.join_next_with_id().await {
            // A fault of this program costs its tray a moment and no other tray anything.
            if let Err(failed) = ended
                && let Some(at) = which.remove(&failed.id())
                && !stop.is_cancelled()
            {
                which.insert(trays.spawn(keeper(at)).id(), at);
            }
        }
        Ok(())
    }
}
