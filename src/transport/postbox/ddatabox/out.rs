//! Hands letters over: file, link, notice, each of which is looked for before it is made. Nobody has a letter before the notice of its link is sent,
//! so all before that can be done again; that one act is noted at the far end before and after it, and what lies between is for a person to judge.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::api::{Api, NewShare, Node, Share, Upload};
use super::handle::Handle;
use super::settings::{ChannelSettings, Settings};
use super::trouble::Trouble;
use crate::envelope::{Envelope, Part};
use crate::seal::key::random;
use crate::transport::port::{
    After, Attempt, BuildError, Channel, Destination, Follow, Followed, Forgetful, Progress, Proof, Receipt,
    SendError, Spool, Surroundings, Withdrawal,
};
use crate::transport::settings as written_settings;

/// The first look whether a link was used; sooner where there is less time.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// A link outlives the time in which it has to be used by so much, so that its counter can still be read.
const BEYOND: SignedDuration = SignedDuration::from_hours(48);
/// Letters and digits of a password; none that is taken for another one.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh";
/// Digits of a password.
const DIGITS: &[u8; 8] = b"23456789";

/// How far the notice of a link has come, as it is noted at the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Nobody was told of it.
    Nobody,
    /// The notice was about to be sent: nobody knows whether it was.
    Perhaps,
    /// It was taken.
    Yes,
}

impl Told {
    /// All of them with their words.
    const ALL: [(Told, &'static str); 3] =
        [(Told::Nobody, "offen"), (Told::Perhaps, "wird benachrichtigt"), (Told::Yes, "benachrichtigt")];

    /// As a link of the row says it.
    fn note(self, row: Uuid) -> String {
        let word = Told::ALL.iter().find(|(told, _)| *told == self).map_or("", |(_, word)| word);
        format!("{row} {word}")
    }

    /// What a link says; `None` where it is not of this row.
    fn read(notes: &str, row: Uuid) -> Option<Told> {
        let word = notes.strip_prefix(&row.to_string())?.trim_start();
        Told::ALL.iter().find(|(_, known)| *known == word).map(|(told, _)| *told)
    }
}

/// What looks need beside the number of the link.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keep {
    node: u64,
    /// It was made of use to nobody, because another way is to be taken.
    #[serde(default)]
    locked: bool,
}

/// One receiver of letters by one dDataBox.
pub struct DdataboxDestination {
    api: Arc<Api>,
    channel: ChannelSettings,
    partner: String,
    spool: Arc<dyn Spool>,
    chunk: usize,
    width: usize,
    /// Whether the room was looked at, once.
    fit: OnceCell<()>,
}

impl DdataboxDestination {
    /// The destination of a partner, by the login that its connection has.
    pub fn new(
        name: &str,
        (settings, api): (&Settings, &Arc<Api>),
        channel: &Channel,
        around: &Surroundings,
    ) -> Result<DdataboxDestination, BuildError> {
        Ok(DdataboxDestination {
            api: api.clone(),
            channel: written_settings::read(name, &channel.settings)?,
            partner: channel.partner.clone(),
            spool: around.spool.clone(),
            chunk: settings.chunk * 1024,
            width: settings.width,
            fit: OnceCell::new(),
        })
    }

    /// The names of folder and file: of the Vorgang and of the row, and of nothing else.
    fn names(&self, envelope: &Envelope) -> (String, String) {
        let document: Option<serde_json::Value> = serde_json::from_slice(&envelope.body).ok();
        let number = document.as_ref().and_then(|document| document.get("referenz")?.as_str());
        let number = number.and_then(|number| Uuid::try_parse(number).ok()).unwrap_or(envelope.head.id);
        (number.to_string(), format!("{} {}.pdf", self.channel.name, envelope.head.id))
    }

    /// The room must be one whose files its server can hand out.
    async fn fits(&self) -> Result<(), SendError> {
        let look = async {
            match self.api.is_encrypted(self.channel.room).await {
                Ok(false) => Ok(()),
                Ok(true) => {
                    let cause = "the room is encrypted by its users (Triple-Crypt), which is not supported; name another `room`";
                    Err(later(cause, false))
                }
                Err(trouble) => Err(trouble.before_anybody_knows("the room cannot be looked at")),
            }
        };
        self.fit.get_or_try_init(|| look).await.copied()
    }

    /// The file, laid down where it is not there. A file of another size under its name is not ours.
    async fn file(
        &self,
        (folder, name): (Node, &str),
        part: &Part,
        attempt: &Attempt<'_>,
    ) -> Result<Node, SendError> {
        let doing = "the file cannot be laid down";
        let trouble = |trouble: Trouble| trouble.before_anybody_knows(doing);
        for _ in 0..2 {
            if let Some(found) = self.api.find(folder.id, name, "file").await.map_err(trouble)? {
                return match found.size == Some(part.size) {
                    true => Ok(found),
                    false => Err(SendError::Never {
                        cause: "another file lies under the name of this one".to_owned(),
                    }),
                };
            }
            let upload = self.api.begin(folder.id, (name, part.size), self.channel.classification).await;
            let upload = upload.map_err(trouble)?;
            attempt.memory.remember(upload.id.as_bytes()).await?;
            let sent = self.content(&upload, part, attempt.progress).await;
            let made = match sent {
                Ok(()) => self.api.complete(&upload, name).await.map_err(trouble),
                Err(error) => Err(error),
            };
            match made {
                Ok(Some(node)) => return Ok(node),
                // Laid down in this moment by an attempt before this one: it is looked for again.
                Ok(None) => {}
                Err(error) => {
                    // What was begun is of no use any more; what stays goes with the next attempt, or by itself.
                    let _ = self.api.drop_upload(&upload.id).await;
                    return Err(error);
                }
            }
        }
        Err(later("its name is taken there, and no such file is shown", false))
    }

    async fn content(&self, upload: &Upload, part: &Part, progress: &Progress) -> Result<(), SendError> {
        let mut reader = self.spool.open(&self.partner, part).await?;
        let (mut held, mut from) = (BytesMut::new(), 0_u64);
        loop {
            let piece = reader.read().await?;
            let last = piece.is_none();
            held.extend_from_slice(&piece.unwrap_or_default());
            while held.len() >= self.chunk || (last && (!held.is_empty() || from == 0)) {
                let now: Bytes = held.split_to(held.len().min(self.chunk)).freeze();
                let length = now.len() as u64;
                let sent = self.api.piece(upload, now, from, part.size).await;
                sent.map_err(|trouble| trouble.before_anybody_knows("the file cannot be sent"))?;
                progress.moved();
                from += length;
                if length == 0 {
                    break;
                }
            }
            if last {
                return Ok(());
            }
        }
    }

    /// The link of the row to a file, with how far its notice has come.
    async fn link(&self, node: Node, row: Uuid) -> Result<Option<(Share, Told)>, Trouble> {
        let shares = self.api.shares_of(node.id).await?;
        Ok(shares.into_iter().find_map(|share| Told::read(&share.notes, row).map(|told| (share, told))))
    }

    /// What attempts at an envelope have left: its file and link, with how far the notice has come.
    async fn looked_up(&self, envelope: &Envelope) -> Result<Option<(Node, Share, Told)>, SendError> {
        let look = async {
            let (folder, name) = self.names(envelope);
            let Some(folder) = self.api.find(self.channel.room, &folder, "folder").await? else {
                return Ok(None);
            };
            let Some(node) = self.api.find(folder.id, &name, "file").await? else { return Ok(None) };
            Ok(self.link(node, envelope.head.id).await?.map(|(share, told)| (node, share, told)))
        };
        look.await.map_err(|trouble: Trouble| trouble.before_anybody_knows("it cannot be looked up"))
    }

    /// A link of which nobody was told: the one that is there, or a new one. One that was told of, or perhaps, is taken away first: whoever has
    /// it has nothing then.
    async fn fresh_link(
        &self,
        (node, row): (Node, Uuid),
        to: &Handle,
        (least, ends): (Timestamp, Timestamp),
    ) -> Result<Share, SendError> {
        let trouble = |trouble: Trouble| trouble.before_anybody_knows("the link cannot be made");
        match self.link(node, row).await.map_err(trouble)? {
            Some((share, Told::Nobody)) if share.ends.is_none_or(|ends| ends >= least) => return Ok(share),
            Some((share, _)) => self.take_away(share.id).await?,
            None => {}
        }
        let made = match &self.channel.password {
            Some(agreed) => Ok(agreed.0.clone()),
            None => password(),
        };
        let password = made.map_err(|()| later("the machine gives no random octets", false))?;
        let phone = self.channel.password.is_none().then_some(to.phone.as_deref()).flatten();
        let new = NewShare {
            node: node.id,
            name: &self.channel.name,
            password: &password,
            phone,
            ends,
            downloads: self.channel.downloads,
            notes: &Told::Nobody.note(row),
        };
        self.api.make_share(&new).await.map_err(trouble)
    }

    /// Deletes a link and has its far end say that it is gone.
    async fn take_away(&self, share: u64) -> Result<(), SendError> {
        let trouble = |trouble: Trouble| trouble.before_anybody_knows("a link cannot be taken away");
        self.api.delete_share(share).await.map_err(trouble)?;
        match self.api.share(share).await.map_err(trouble)? {
            None => Ok(()),
            Some(_) => Err(later("a link that was deleted is still there", true)),
        }
    }

    /// Has the link mailed. What comes before it and after it is noted at the link.
    async fn tell(&self, share: &Share, row: Uuid, to: &Handle) -> Result<(), SendError> {
        let noted = self.api.note_share(share.id, &Told::Perhaps.note(row)).await;
        noted.map_err(|trouble| trouble.before_anybody_knows("the link cannot be noted"))?;
        match self.api.mail_share(share.id, &to.mail, &self.channel.notice).await {
            Ok(()) => {
                // Whoever finds nothing noted takes it for uncertain; so nothing is lost where this fails.
                let _ = self.api.note_share(share.id, &Told::Yes.note(row)).await;
                Ok(())
            }
            Err(trouble) if trouble.is_certain() => {
                let error = trouble.before_anybody_knows("the notice cannot be sent");
                if !matches!(error, SendError::Never { .. }) {
                    // Where this fails the next attempt makes another link.
                    let _ = self.api.note_share(share.id, &Told::Nobody.note(row)).await;
                    return Err(error);
                }
                // Before another way is taken nothing of this one is left.
                match self.take_away(share.id).await {
                    Ok(()) => Err(error),
                    Err(_) => Err(SendError::Unclear {
                        cause: "the notice is refused, and the link cannot be taken away".to_owned(),
                    }),
                }
            }
            Err(trouble) => Err(SendError::Unclear {
                cause: format!("the notice may have been sent: {}", trouble.said()),
            }),
        }
    }

    fn within(&self, taken_within: Option<Duration>) -> Duration {
        taken_within.unwrap_or(self.channel.valid.0)
    }

    fn receipt(&self, node: Node, share: u64, taken_within: Option<Duration>) -> Receipt {
        let within = self.within(taken_within);
        let keep = serde_json::to_vec(&Keep { node: node.id, locked: false }).unwrap_or_default();
        Receipt {
            reference: share.to_string(),
            evidence: "file laid down, link made, notice taken".to_owned(),
            follow: Some(Follow { first: FIRST_LOOK.min(within / 4), within, keep: keep.into() }),
            ..Receipt::default()
        }
    }

    /// What is looked after: the number of the link and what was kept.
    fn kept(followed: &Followed<'_>) -> Result<(u64, Keep), SendError> {
        let share = followed.reference.parse().ok();
        share.zip(serde_json::from_slice(followed.keep).ok()).ok_or_else(|| SendError::Never {
            cause: "it is not known which link was made for it".to_owned(),
        })
    }
}

#[async_trait]
impl Destination for DdataboxDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let (progress, memory) = (Progress::default(), Forgetful);
        self.attempt(envelope, Attempt { progress: &progress, memory: &memory, taken_within: None }).await
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let never = |cause: &str| SendError::Never { cause: cause.to_owned() };
        let handle = envelope.head.correlation.as_deref().and_then(Handle::read);
        let to =
            handle.ok_or_else(|| never("the login of the receiver names no address that is reached here"))?;
        if to.phone.is_none() && self.channel.password.is_none() {
            return Err(never("the login of the receiver names no number that a password could go to"));
        }
        let part =
            envelope.parts.iter().find(|part| part.content_type.eq_ignore_ascii_case("application/pdf"));
        let part = part.ok_or_else(|| never("it has no letter as PDF"))?;
        if let Some(left) = attempt.memory.left().and_then(|left| std::str::from_utf8(left).ok()) {
            // Of an attempt that broke off; it goes by itself, too.
            let _ = self.api.drop_upload(left).await;
        }
        self.fits().await?;
        let (folder, name) = self.names(envelope);
        let made = self.api.folder(self.channel.room, &folder).await;
        let folder = made.map_err(|trouble| trouble.before_anybody_knows("the folder cannot be made"))?;
        let node = self.file((folder, &name), part, &attempt).await?;
        let within = SignedDuration::try_from(self.within(attempt.taken_within)).unwrap_or(BEYOND);
        let least = self.api.link.now().checked_add(within);
        let until = least.and_then(|least| Ok((least, least.checked_add(BEYOND)?)));
        let until = until.map_err(|_| never("its link would end beyond the calendar"))?;
        let row = envelope.head.id;
        let share = self.fresh_link((node, row), &to, until).await?;
        self.tell(&share, row, &to).await?;
        Ok(self.receipt(node, share.id, attempt.taken_within))
    }

    /// A notice that is sent twice is told twice.
    fn repeat_is_safe(&self) -> bool {
        false
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        match self.looked_up(envelope).await? {
            None | Some((_, _, Told::Nobody)) => Ok(None),
            // Whoever has used it was told.
            Some((node, share, told)) if told == Told::Yes || share.downloads > 0 => {
                Ok(Some(self.receipt(node, share.id, None)))
            }
            Some(_) => Err(SendError::Unclear {
                cause: "the notice of its link was about to be sent; ask the far end whether it was"
                    .to_owned(),
            }),
        }
    }

    /// Of a link that nobody was told of, or that ended unused, nothing can be taken any more.
    async fn lies_there(&self, envelope: &Envelope) -> Result<Option<String>, SendError> {
        let now = self.api.link.now();
        let serves = |share: &Share| share.downloads > 0 || share.ends.is_none_or(|ends| ends > now);
        let found = self.looked_up(envelope).await?;
        let found = found.filter(|(_, share, told)| *told != Told::Nobody && serves(share));
        Ok(found.map(|(_, share, _)| share.id.to_string()))
    }

    /// Collected is what was downloaded by the link.
    async fn look_after(&self, followed: &Followed<'_>) -> Result<After, SendError> {
        let (share, _) = Self::kept(followed)?;
        let found = self.api.share(share).await;
        let found = found.map_err(|trouble| trouble.before_anybody_knows("its link cannot be looked at"))?;
        let failed = |cause: &str, next_step: &str| After::Failed {
            cause: cause.to_owned(),
            next_step: next_step.to_owned(),
            proof: Proof::default(),
        };
        Ok(match found {
            Some(share) if share.downloads > 0 => After::Confirmed(used(&share)),
            None => failed(
                "its link was taken away at the far end, and nobody can see whether it was used",
                "ask who runs it; then `parked arrived`, or `parked not-arrived`, which goes on by the next way",
            ),
            Some(_) if followed.last => failed(
                "it was not collected in time",
                "reach the receiver another way; then `parked arrived` or `parked not-arrived`",
            ),
            Some(_) => After::Open { again: None },
        })
    }

    /// First the link is made of use to nobody, then its counter is read, and only then it is deleted: so nobody collects it in between.
    async fn withdraw(&self, followed: &Followed<'_>) -> Result<Withdrawal, SendError> {
        let (share, keep) = Self::kept(followed)?;
        // That it cannot be taken back for now is not that it never can.
        let for_now = |error: SendError| match error {
            SendError::Never { cause } => later(&cause, false),
            other => other,
        };
        let trouble =
            |trouble: Trouble| for_now(trouble.before_anybody_knows("its link cannot be taken back"));
        let found = self.api.share(share).await.map_err(trouble)?;
        match found {
            Some(found) if found.downloads > 0 => Ok(Withdrawal::Collected(used(&found))),
            Some(_) if !keep.locked => {
                let password = password().map_err(|()| trouble(Trouble::Ours))?;
                self.api.lock_share(share, &password).await.map_err(trouble)?;
                let keep = serde_json::to_vec(&Keep { locked: true, ..keep }).unwrap_or_default();
                Ok(Withdrawal::Step { keep: keep.into() })
            }
            Some(_) => {
                self.take_away(share).await.map_err(for_now)?;
                let _ = self.api.delete_node(keep.node).await;
                Ok(Withdrawal::Gone)
            }
            // Deleted by us, who read its counter before.
            None if keep.locked => {
                let _ = self.api.delete_node(keep.node).await;
                Ok(Withdrawal::Gone)
            }
            None => Err(SendError::Never {
                cause: "its link was taken away at the far end, and nobody can see whether it was used"
                    .to_owned(),
            }),
        }
    }

    fn width(&self) -> usize {
        self.width
    }
}

fn later(cause: &str, far_end: bool) -> SendError {
    SendError::Later { cause: cause.to_owned(), retry_after: None, far_end }
}

fn used(share: &Share) -> Proof {
    Proof { evidence: format!("downloaded by its link ({})", share.downloads), ..Proof::default() }
}

/// A password of a link: letters of both cases and digits, some 80 bits, written so that it can be typed from a telephone.
fn password() -> Result<SecretString, ()> {
    let drawn = random::<20>().map_err(|_| ())?;
    let letter = |(at, octet): (usize, &u8)| match at % 5 {
        4 => DIGITS.get(usize::from(octet % 8)),
        _ => LETTERS.get(usize::from(octet % 32)),
    };
    let text: Vec<u8> = drawn.iter().enumerate().filter_map(letter).copied().collect();
    String::from_utf8(text).map(SecretString::from).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_password_can_be_typed_and_is_another_one_each_time() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        let text = one.expose_secret();
        assert_eq!(text.len(), 20);
        assert!(text.bytes().all(|octet| LETTERS.contains(&octet) || DIGITS.contains(&octet)), "{text}");
        assert!(text.bytes().any(|octet| octet.is_ascii_digit()));
    }

    #[test]
    fn how_far_a_notice_came_is_read_of_the_own_row_alone() {
        let (row, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (told, _) in Told::ALL {
            assert_eq!(Told::read(&told.note(row), row), Some(told));
            assert_eq!(Told::read(&told.note(row), other), None);
        }
        assert_eq!(Told::read(&format!("{row} vielleicht"), row), None);
        assert_eq!(Told::read("", row), None);
    }
}
