//! Lays envelopes into a partner's out tray: parts first, the document last, each under a name made of our id.
//! A repeat writes the same names again; nothing of a message gets into a name. The folder is opened anew for each envelope and
//! without following links, because its partner may do in it what he likes.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::FileType;
use uuid::Uuid;

use super::handle::{Room, Temporary, lay_whole, said, sweep};
use super::letters::{self, LetterSettings};
use crate::clock::Clock;
use crate::envelope::{Envelope, Part, is_json};
use crate::transport::port::{
    After, Attempt, Destination, Follow, Followed, Forgetful, Memory, Progress, Proof, Receipt, SendError,
    Spool, Surroundings, Withdrawal,
};

/// What a crash left of files that were being written goes when nobody has written to it for a day.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// The first look whether a document was taken; sooner where it has less time.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// The out tray of one partner.
pub struct FolderDestination {
    base: PathBuf,
    out: PathBuf,
    partner: String,
    spool: Arc<dyn Spool>,
    clock: Clock,
    swept: AtomicBool,
    taken_within: Option<Duration>,
    letters: Option<LetterSettings>,
}

impl FolderDestination {
    /// A destination that writes to this folder, which must be there; a relative one lies below the data folder. With `taken_within` a
    /// document is confirmed when the partner has taken it away, and has failed when it still lies there after that time. With `letters` it is
    /// a tray of letters.
    pub fn new(
        out: PathBuf,
        partner: String,
        (taken_within, letters): (Option<Duration>, Option<LetterSettings>),
        around: &Surroundings,
    ) -> FolderDestination {
        let (spool, clock) = (around.spool.clone(), around.clock.clone());
        let base = around.data.clone();
        FolderDestination {
            base,
            out,
            partner,
            spool,
            clock,
            swept: AtomicBool::new(false),
            taken_within,
            letters,
        }
    }

    async fn room(&self) -> Result<Room, SendError> {
        let (base, out) = (self.base.clone(), self.out.clone());
        blocking(move || Room::open(&base, &out)).await
    }

    /// What lies in the tray under a name of ours, if it is a file, and which folder that is.
    async fn lies(&self, name: String) -> Result<(Option<Vec<u8>>, Vec<u8>), SendError> {
        let room = self.room().await?;
        blocking(move || {
            let name = OsStr::new(&name);
            let file = match room.look(name)? {
                Some(found) if found.kind == FileType::RegularFile => room.identity_of(name)?,
                _ => None,
            };
            Ok((file, room.identity()?))
        })
        .await
    }

    /// What proves that a document lies in the tray; `laid`: where, and which file it is, where it may have to be taken back. `within`: how
    /// long the partner has.
    fn receipt(&self, name: String, laid: &Laid, within: Option<Duration>) -> Receipt {
        let follow = within.map(|within| Follow {
            first: FIRST_LOOK.min(within / 4),
            within,
            keep: laid.kept().into(),
        });
        let evidence = "file written and synced".to_owned();
        Receipt { reference: name, evidence, follow, ..Receipt::default() }
    }

    async fn write_part(
        &self,
        room: &Room,
        (name, part): (String, &Part),
        (written_as, progress): (String, &Progress),
    ) -> Result<(), SendError> {
        let mut reader = self.spool.open(&self.partner, part).await?;
        let room = room.clone();
        let mut temporary = blocking(move || Temporary::named(&room, written_as)).await?;
        while let Some(octets) = reader.read().await? {
            temporary = blocking(move || {
                temporary.file.write_all(&octets)?;
                Ok(temporary)
            })
            .await?;
            progress.moved();
        }
        blocking(move || temporary.publish(name.as_ref())).await
    }

    /// Removes what an attempt that was broken off left half written: it lies in clear in a folder that is not ours. Gives the name under
    /// which this attempt writes, which is known to the next one before there is such a file. What is small is written in a moment and
    /// costs no transaction; what a crash leaves of that goes with the sweep.
    async fn clear_away(
        &self,
        room: &Room,
        envelope: &Envelope,
        memory: &dyn Memory,
    ) -> Result<String, SendError> {
        let written_as = Temporary::fresh_name();
        if envelope.parts.is_empty() {
            return Ok(written_as);
        }
        if let Some(left) = memory.left().and_then(|left| std::str::from_utf8(left).ok())
            && is_temporary(left)
        {
            let (room, left) = (room.clone(), left.to_owned());
            blocking(move || room.remove(left.as_ref())).await?;
        }
        memory.remember(written_as.as_bytes()).await?;
        Ok(written_as)
    }
}

#[async_trait]
impl Destination for FolderDestination {
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.attempt(
            envelope,
            Attempt { progress: &Progress::default(), memory: &Forgetful, taken_within: None },
        )
        .await
    }

    async fn attempt(&self, envelope: &Envelope, attempt: Attempt<'_>) -> Result<Receipt, SendError> {
        let room = self.room().await?;
        if !self.swept.swap(true, Ordering::Relaxed) {
            let (room, now) = (room.clone(), self.clock.now());
            blocking(move || sweep(&room, now, OLD, is_temporary)).await?;
        }
        let named = |(at, part)| (part_name(envelope.head.id, at + 1), part);
        let (parts, body) = match &self.letters {
            None => (envelope.parts.iter().enumerate().map(named).collect(), envelope.body.clone()),
            Some(settings) => {
                let printed = letters::printed(envelope)?;
                let index = letters::index(settings, envelope, &printed)?;
                (printed, index.into())
            }
        };
        let written_as = self.clear_away(&room, envelope, attempt.memory).await?;
        for (name, part) in parts {
            self.write_part(&room, (name, part), (written_as.clone(), attempt.progress)).await?;
        }
        let name = file_name(envelope);
        let as_written = name.clone();
        let goes_on = attempt.taken_within.is_some();
        let laid = blocking(move || lay(&room, as_written.as_ref(), &body, goes_on)).await??;
        Ok(self.receipt(name, &laid, attempt.taken_within.or(self.taken_within)))
    }

    /// Whoever reads documents knows one by its id; what is printed again is a second letter.
    fn repeat_is_safe(&self) -> bool {
        self.letters.is_none()
    }

    async fn find_by_reference(&self, envelope: &Envelope) -> Result<Option<Receipt>, SendError> {
        self.find_within(envelope, None).await
    }

    async fn find_within(
        &self,
        envelope: &Envelope,
        taken_within: Option<Duration>,
    ) -> Result<Option<Receipt>, SendError> {
        let name = file_name(envelope);
        let (file, folder) = self.lies(name.clone()).await?;
        if file.is_none() {
            // Whoever takes a document takes it away.
            let cause =
                "it does not lie in the out tray: it was never laid there, or the partner has it".to_owned();
            return Err(SendError::Unclear { cause });
        }
        // What lies there under our id is what can be taken back.
        let laid = Laid { folder, file: file.filter(|_| taken_within.is_some()), taken_back: false };
        Ok(Some(self.receipt(name, &laid, taken_within.or(self.taken_within))))
    }

    /// Whoever takes a document takes it away.
    async fn look_after(&self, followed: &Followed<'_>) -> Result<After, SendError> {
        let (file, folder) = self.lies(followed.reference.to_owned()).await?;
        let laid = Laid::read(followed.keep, &folder)?;
        // What we have taken back ourselves was not taken, also where nobody heard that we did.
        let back = laid.taken_back
            || (laid.file.is_some() && self.lies(taken_back_as(followed.id)).await?.0 == laid.file);
        Ok(match file.is_some() {
            false if back => After::Open { again: None },
            false => After::Confirmed(taken()),
            true if followed.last => After::Failed {
                cause: "it still lies in the out tray, the partner has not taken it in time".to_owned(),
                next_step: "call the partner; it may still be taken: then `parked arrived`; else take it away, then `parked not-arrived`".to_owned(),
                proof: Proof::default(),
            },
            true => After::Open { again: None },
        })
    }

    /// First it gets a name that is no document's, which only one can do: the partner who takes it away, or we. What lies there then is
    /// compared with what was laid there, and only when it is kept that it was us it is removed, with its parts.
    async fn withdraw(&self, followed: &Followed<'_>) -> Result<Withdrawal, SendError> {
        let room = self.room().await?;
        let (keep, name, id) = (followed.keep.to_vec(), OsString::from(followed.reference), followed.id);
        let back = OsString::from(taken_back_as(id));
        let named = if self.letters.is_some() { letters::name_of } else { part_name };
        let outcome = blocking(move || {
            let laid = match Laid::read(&keep, &room.identity()?) {
                Ok(laid) => laid,
                Err(error) => return Ok(Err(error)),
            };
            if laid.taken_back {
                remove_all(&room, (id, named), &back)?;
                return Ok(Ok(Withdrawal::Gone));
            }
            let Some(file) = laid.file.clone() else {
                let cause = "it is not known which file was laid there".to_owned();
                return Ok(Err(SendError::Never { cause }));
            };
            let step = Withdrawal::Step { keep: Laid { taken_back: true, ..laid }.kept().into() };
            // A crash left it there.
            if room.identity_of(&back)?.as_ref() == Some(&file) {
                return Ok(Ok(step));
            }
            match room.identity_of(&name)? {
                Some(found) if found == file => {}
                Some(_) => return Ok(Err(SendError::Never { cause: ANOTHER.to_owned() })),
                None => return Ok(Ok(Withdrawal::Collected(taken()))),
            }
            match room.rename(&name, &room, &back) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Ok(Withdrawal::Collected(taken())));
                }
                other => other?,
            }
            if room.identity_of(&back)?.as_ref() != Some(&file) {
                // It came there in this moment and is not ours to take.
                room.rename_if_free(&back, &name)?;
                return Ok(Err(SendError::Never { cause: ANOTHER.to_owned() }));
            }
            room.sync()?;
            Ok(Ok(step))
        });
        outcome.await?
    }

    fn width(&self) -> usize {
        4
    }
}

/// Why nothing is taken back.
const ANOTHER: &str = "another file lies under its name in the out tray";

/// Lays a document where its partner takes it. An error: nothing could be seen there. The inner one: from the moment at which it has its name
/// the partner may have it, whatever fails then.
fn lay(room: &Room, name: &OsStr, body: &[u8], goes_on: bool) -> io::Result<Result<Laid, SendError>> {
    let (file, durable) = lay_whole(room, name, body)?;
    let folder = durable.and_then(|()| room.identity());
    let laid = folder.map(|folder| Laid { folder, file: goes_on.then_some(file), taken_back: false });
    Ok(laid.map_err(|error| SendError::Unclear {
        cause: format!("it lies in the out tray and may not stay there: {}; check the disk", said(&error)),
    }))
}

/// By what a document that was laid into a tray is known again.
#[derive(Clone, Debug)]
struct Laid {
    folder: Vec<u8>,
    /// Which file it is; only kept where it may have to be taken back.
    file: Option<Vec<u8>>,
    /// Whether we have taken it back.
    taken_back: bool,
}

impl Laid {
    /// As it is kept: both are of one length, and what was taken back is marked.
    fn kept(&self) -> Vec<u8> {
        let file = self.file.as_deref().unwrap_or_default();
        let mark: &[u8] = if self.taken_back { &[1] } else { &[] };
        [&self.folder[..], file, mark].concat()
    }

    /// From what was kept. A folder that is not the one into which it was laid says nothing of it: a volume that is not mounted looks like
    /// a tray that was emptied.
    fn read(kept: &[u8], folder: &[u8]) -> Result<Laid, SendError> {
        let another = || SendError::Later {
            cause: "the out tray is another folder than the one into which it was laid".to_owned(),
            retry_after: None,
            far_end: false,
        };
        let rest = kept.strip_prefix(folder).ok_or_else(another)?;
        let (file, mark) = rest.split_at_checked(folder.len()).unwrap_or((&[], &[]));
        let file = (!file.is_empty()).then(|| file.to_vec());
        Ok(Laid { folder: folder.to_vec(), file, taken_back: !mark.is_empty() })
    }
}

/// The name under which a document lies that was taken back.
fn taken_back_as(id: Uuid) -> String {
    format!(".{id}.withdrawn")
}

fn taken() -> Proof {
    Proof { evidence: "taken out of the tray".to_owned(), ..Proof::default() }
}

/// The name of a part, which is the nth of its document.
fn part_name(id: Uuid, nth: usize) -> String {
    format!("{id}.part-{nth}")
}

/// Removes a document that was taken back, and its parts: what has a name that this tray gives them, and nothing else of the partner's.
fn remove_all(room: &Room, (id, named): (Uuid, fn(Uuid, usize) -> String), back: &OsStr) -> io::Result<()> {
    let mut parts = Vec::new();
    room.each(|name| {
        let digits =
            |text: &str| text.split(|c: char| !c.is_ascii_digit()).rfind(|run| !run.is_empty())?.parse().ok();
        if name.to_str().is_some_and(|name| digits(name).is_some_and(|nth| named(id, nth) == name)) {
            parts.push(name.to_owned());
        }
    })?;
    parts.iter().try_for_each(|part| room.remove(part))?;
    room.remove(back)?;
    room.sync()
}

fn is_temporary(name: &str) -> bool {
    let id = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
    id.is_some_and(|id| Uuid::try_parse(id).is_ok())
}

/// The name of the document: our id and an ending by its media type.
fn file_name(envelope: &Envelope) -> String {
    let json = envelope.head.content_type.as_deref().is_some_and(is_json);
    format!("{}.{}", envelope.head.id, if json { "json" } else { "xml" })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SendError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    // How far a work came that broke off nobody knows.
    let broken =
        |_| SendError::Unclear { cause: "an error of this program broke the attempt off".to_owned() };
    // The folder lies with us: nobody who is called could mend it.
    outcome.map_err(broken)?.map_err(|error| SendError::Later {
        cause: format!("the out tray cannot be written: {}; check folder, rights and space", said(&error)),
        retry_after: None,
        far_end: false,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_has_its_name_in_a_tray_and_may_not_stay_there_is_in_doubt() {
        let tray = tempfile::tempdir().unwrap();
        let room = Room::to_pass_through(tray.path()).unwrap();
        assert!(room.sync().is_err(), "the system makes no name in it durable");
        let laid = lay(&room, OsStr::new("a.xml"), b"<a/>", true).unwrap();
        assert!(matches!(laid, Err(SendError::Unclear { .. })), "{laid:?}");
        assert_eq!(fs::read(tray.path().join("a.xml")).unwrap(), b"<a/>", "the partner may have it");
        // What never had its name nobody can have.
        fs::create_dir(tray.path().join("b.xml")).unwrap();
        assert!(lay(&room, OsStr::new("b.xml"), b"<a/>", true).is_err());
        assert!(
            lay(&Room::open(tray.path(), "".as_ref()).unwrap(), OsStr::new("c.xml"), b"", true)
                .unwrap()
                .is_ok()
        );
    }
}
