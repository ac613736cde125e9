//! A tray on the disk, which its partner can write in at any moment: what waits, what is in a file, and letting a file go
//! once it was answered. A file stays where it lies until then, so a crash leaves it to be taken again. Nothing is followed,
//! nothing overwritten, and only what was read is removed: the same file, with the content that was delivered.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::FileType;
use uuid::Uuid;

use super::QUARANTINE;
use super::TraySettings;
use super::handle::{Found, Mark, Room, sweep, write_whole};
use crate::clock::Tick;
use crate::telemetry::machine::is_of_the_file;
use crate::transport::ids::sha256_hex;

/// The largest document, in octets.
pub const MOST: u64 = 8 << 20;
/// Of a larger file so many octets are hashed (64 MiB), so that one of a terabyte holds nobody up.
pub const HASHED: u64 = 64 << 20;
/// So many names are offered in one look; the others come after them.
const OFFERED: usize = 4096;
/// So many files that were taken may refuse to go before the tray takes no more.
const STUCK: usize = 1000;
/// From when on a name that says that somebody still writes is told of: by then the writing has broken off.
const UNFINISHED: Duration = Duration::from_secs(15 * 60);
/// How long a reason for a person is kept: as long as the log, which holds as little of a message.
const NOTES: Duration = Duration::from_secs(30 * 24 * 3600);
/// Begins the name of a file that was answered and is about to go.
const ANSWERED: &str = ".fertig.";

/// A file that lies in a tray.
#[derive(Clone)]
pub struct Item {
    name: OsString,
    room: Room,
    /// Folders that an earlier version made around it, innermost first; they go when they are empty.
    around: Vec<(Room, OsString)>,
}

impl Item {
    /// The ending of the name in lower case, if it is one that we know.
    pub fn ending(&self) -> Option<&'static str> {
        let ending = Path::new(&self.name).extension()?;
        ["xml", "json"].into_iter().find(|known| ending.eq_ignore_ascii_case(known))
    }

    /// Hash of the name that the sender gave it: senders write persons' names into file names.
    pub fn name_hash(&self) -> String {
        answered(&self.name).map_or_else(|| sha256_hex(self.name.as_encoded_bytes()), str::to_owned)
    }
}

/// What was found of a file.
pub enum Content {
    /// Its octets, and which state of it they are.
    Whole(Bytes, Mark),
    /// It is larger than [`MOST`].
    TooLarge {
        /// Hash of its octets, of the first [`HASHED`] at most.
        sha256: String,
        /// Which state of it.
        mark: Mark,
    },
    /// It is gone, or is being written; it is looked at again.
    NotNow,
    /// It is left alone, for this reason (a code).
    Unfit(&'static str),
}

/// What the name of an entry says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// That it is to be taken.
    Wanted,
    /// That somebody still writes it.
    Unfinished,
    /// Something else; nobody knows whether it is a delivery.
    Otherwise,
    /// That it is nobody's business.
    Hidden,
}

impl Named {
    /// Why an entry of this name is left alone (a code). It lies in the tray all the same and may be what speaks against an answer.
    fn why_not(self) -> Option<&'static str> {
        match self {
            Named::Wanted | Named::Hidden => None,
            Named::Unfinished => Some("unfertig"),
            Named::Otherwise => Some("anderer-name"),
        }
    }
}

/// What a look at a tray shows.
#[derive(Default)]
pub struct Look {
    /// Files that may be taken now, in the order of their names.
    pub items: Vec<Item>,
    /// How long until the next one has settled.
    pub settles: Option<Duration>,
    /// How many entries are left alone, by reason (a code).
    pub unfit: BTreeMap<&'static str, u64>,
    /// How long the oldest entry has been waiting, also one that is left alone, whatever it is called: nobody knows what it says. By
    /// the moment it came, which no sender can set. What was answered and does not go counts no more.
    pub oldest: Option<Duration>,
    /// Whether a file that counts for [`Look::oldest`] is not among the items.
    pub left: bool,
    /// Whether more of them wait behind these than are offered in one look.
    pub more: bool,
    /// Why an entry could not be looked at.
    pub trouble: Option<io::Error>,
}

/// A file that was answered and does not go.
struct Stuck {
    item: Item,
    mark: Mark,
    keep: bool,
}

impl Stuck {
    /// Renames first and looks then: whatever came under the name meanwhile is given back and not removed unread.
    fn go(&mut self) -> io::Result<()> {
        let Item { name, room, .. } = &self.item;
        // Another state of it was never read: it stays for the next look.
        if room.look(name)?.is_none_or(|found| found.mark != self.mark) {
            return Ok(());
        }
        let (id, ending) = (Uuid::new_v4(), self.item.ending().unwrap_or("datei"));
        let aside = OsString::from(format!("{ANSWERED}{}.{id}.{ending}", self.item.name_hash()));
        match room.rename(name, room, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        let Some(found) = room.look(&aside)? else { return Ok(()) };
        if !found.mark.same_content(&self.mark) {
            // Where the name is used once more it keeps this one, and is taken under it.
            return room.rename_if_free(&aside, name).map(drop);
        }
        // Where it goes no further, it goes on from here.
        (self.item.name, self.mark) = (aside, found.mark);
        let Item { name, room, around } = &self.item;
        if self.keep {
            let done = room.below_or_new(OsStr::new(".done"))?;
            room.rename(name, &done, &OsString::from(format!("{id}.{ending}")))?;
        } else {
            room.remove(name)?;
        }
        for (outer, folder) in around {
            if !outer.remove_folder(folder) {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct State {
    /// Since when a file looks as it does, by the steady clock.
    seen: BTreeMap<OsString, (Mark, Tick)>,
    stuck: Vec<Stuck>,
}

/// One tray.
pub struct Tray {
    base: PathBuf,
    incoming: PathBuf,
    out: Option<PathBuf>,
    notes: PathBuf,
    own_notes: bool,
    suffixes: Vec<String>,
    settled_after: Duration,
    owner: Option<u32>,
    keep: bool,
    state: Mutex<State>,
}

impl Tray {
    /// The tray of these settings; relative paths are below `base`. Touches nothing yet.
    pub fn new(connection: &str, settings: &TraySettings, base: &Path) -> Tray {
        let own = Path::new(QUARANTINE).join(plain(connection)).join(plain(&settings.partner));
        Tray {
            base: base.to_owned(),
            incoming: settings.incoming.clone(),
            out: settings.out.clone(),
            own_notes: settings.quarantine.is_none(),
            notes: settings.quarantine.clone().unwrap_or(own),
            suffixes: settings.suffixes.clone(),
            settled_after: settings.settled_after.0,
            owner: settings.owner,
            keep: settings.keep,
            state: Mutex::default(),
        }
    }

    /// Opens the tray, which must be there, else a missing mount would go unnoticed, and be writable, else nothing that was
    /// taken could be removed.
    fn open(&self) -> io::Result<Room> {
        let room = Room::open(&self.base, &self.incoming)?;
        room.may_write()?;
        Ok(room)
    }

    /// What may be taken now.
    pub fn look(&self, now: Timestamp) -> io::Result<Look> {
        let room = self.open()?;
        let mut state = self.lock();
        if state.stuck.len() >= STUCK {
            return Err(io::Error::other("files that were taken cannot be removed"));
        }
        let mut look = Look::default();
        // Each with whether it counts for the oldest.
        let mut found: BTreeMap<OsString, (Mark, bool)> = BTreeMap::new();
        room.each(|name| {
            let named = match answered(name) {
                Some(_) => Named::Wanted,
                None => self.named(name),
            };
            if named == Named::Hidden {
                return;
            }
            // The entry itself, not what a link leads to.
            let entry = match room.look(name) {
                Ok(Some(entry)) => entry,
                Ok(None) => return,
                Err(error) => {
                    (look.left, look.trouble) = (true, Some(error));
                    return;
                }
            };
            let unfit = self.unfit(&entry);
            if unfit.is_none() && state.is_stuck(name, entry.mark) {
                return;
            }
            let unfit = unfit.or(named.why_not());
            let age = entry.mark.changed().map(|since| now.duration_since(since));
            let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
            let counts = age >= self.settled_after;
            if counts {
                look.oldest = look.oldest.max(Some(age));
            }
            if let Some(reason) = unfit {
                // Whoever still writes is not told of it.
                if named != Named::Unfinished || age >= UNFINISHED {
                    *look.unfit.entry(reason).or_default() += 1;
                }
                look.left |= counts;
                return;
            }
            found.insert(name.to_owned(), (entry.mark, counts));
            if found.len() > OFFERED
                && let Some((_, (_, counts))) = found.pop_last()
            {
                look.more = true;
                look.left |= counts;
            }
        })?;
        state.seen.retain(|name, _| found.contains_key(name));
        for (name, (mark, counts)) in found {
            match state.settles(&name, mark, self.settled_after) {
                // Also what we have put aside ourselves and did not remove: its name is no sign of that, anybody can give it.
                Some(left) => {
                    look.settles = Some(look.settles.map_or(left, |earlier| earlier.min(left)));
                    look.left |= counts;
                }
                None => look.items.push(Item { name, room: room.clone(), around: Vec::new() }),
            }
        }
        Ok(look)
    }

    /// Files that an earlier version had moved into `.work` and `.quarantine` inside the tray and did not finish.
    pub fn left_behind(&self) -> io::Result<Vec<Item>> {
        let room = self.open()?;
        let mut left = Vec::new();
        let work = OsString::from(".work");
        if let Some(folder) = there(room.below(&work))? {
            for place in names(&folder)? {
                let Some(inner) = there(folder.below(&place))? else { continue };
                for name in names(&inner)? {
                    let around = vec![(folder.clone(), place.clone()), (room.clone(), work.clone())];
                    left.push(Item { name, room: inner.clone(), around });
                }
                if left.len() > OFFERED {
                    return Ok(left);
                }
                folder.remove_folder(&place);
            }
            room.remove_folder(&work);
        }
        let apart = OsString::from(".quarantine");
        // Where the settings name another folder this one was never ours.
        if self.own_notes
            && let Some(folder) = there(room.below(&apart))?
        {
            for name in names(&folder)? {
                let id = name.to_str().and_then(|name| name.split_once('.'));
                if id
                    .is_some_and(|(id, ending)| Uuid::try_parse(id).is_ok() && !ending.ends_with("grund.txt"))
                {
                    let around = vec![(room.clone(), apart.clone())];
                    left.push(Item { name, room: folder.clone(), around });
                }
            }
            room.remove_folder(&apart);
        }
        left.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(left)
    }

    /// Reads a file by its handle. An error is of the machine: it says nothing about the file, which stays where it lies.
    pub fn take(&self, item: &Item) -> io::Result<Content> {
        match self.read(item) {
            Err(error) if is_of_the_file(&error) => Ok(Content::Unfit("nicht-lesbar")),
            other => other,
        }
    }

    fn read(&self, item: &Item) -> io::Result<Content> {
        let Some((mut file, found)) = item.room.file(&item.name)? else {
            let other = item.room.look(&item.name)?.and_then(|found| self.unfit(&found));
            return Ok(other.map_or(Content::NotNow, Content::Unfit));
        };
        if let Some(reason) = self.unfit(&found) {
            return Ok(Content::Unfit(reason));
        }
        let mark = found.mark;
        let content = if mark.size() > MOST {
            Content::TooLarge { sha256: hash(&mut file)?, mark }
        } else {
            let mut octets = Vec::with_capacity(usize::try_from(mark.size()).unwrap_or(0));
            (&mut file).take(MOST + 1).read_to_end(&mut octets)?;
            if octets.len() as u64 != mark.size() {
                return Ok(Content::NotNow);
            }
            Content::Whole(octets.into(), mark)
        };
        // What was written to meanwhile is half of something. Looked at by its name: a file whose only name is this one lies nowhere
        // else, whereas a second name of a file of somebody else may be gone by the time the open file is asked for its links.
        let unchanged = |now: &Found| now.mark == mark && self.unfit(now).is_none();
        Ok(if item.room.look(&item.name)?.as_ref().is_some_and(unchanged) {
            content
        } else {
            Content::NotNow
        })
    }

    /// Lets a file go that was answered: kept in `.done` where that is wished, else removed. One that cannot go is remembered,
    /// so that it is not delivered again and again.
    pub fn let_go(&self, item: Item, mark: Mark, taken: bool) -> io::Result<()> {
        self.goes(Stuck { item, mark, keep: self.keep && taken })
    }

    fn goes(&self, mut answered: Stuck) -> io::Result<()> {
        let outcome = answered.go();
        if outcome.is_err() {
            self.lock().stuck.push(answered);
        }
        outcome
    }

    /// Tries once more to let go what could not go.
    pub fn release(&self) -> io::Result<()> {
        let stuck = std::mem::take(&mut self.lock().stuck);
        let mut outcome = Ok(());
        // All of them, whatever becomes of the first.
        for answered in stuck {
            outcome = self.goes(answered).and(outcome);
        }
        outcome
    }

    /// Writes a reason, which holds codes only, for the operator.
    pub fn note(&self, id: Uuid, reason: &str) -> io::Result<()> {
        let room = Room::make(&self.base, &self.notes)?;
        write_whole(&room, &OsString::from(format!("{id}.grund.txt")), reason.as_bytes()).map(drop)
    }

    /// Tells the partner why a file was refused that no answer is written to.
    pub fn tell(&self, id: Uuid, reason: &str) -> io::Result<()> {
        let Some(out) = &self.out else { return Ok(()) };
        let room = Room::open(&self.base, out)?;
        write_whole(&room, &OsString::from(format!("{id}.grund.txt")), reason.as_bytes()).map(drop)
    }

    /// Removes reasons that are over, and what an earlier version put beside them.
    pub fn forget(&self, now: Timestamp) -> io::Result<()> {
        let room = match Room::open(&self.base, &self.notes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        sweep(&room, now, NOTES, |name| {
            name.split_once('.').is_some_and(|(id, _)| Uuid::try_parse(id).is_ok())
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn named(&self, name: &OsStr) -> Named {
        let octets = name.as_encoded_bytes();
        let is = |found: &[u8], suffix: &str| found.eq_ignore_ascii_case(suffix.as_bytes());
        let ends =
            |suffix: &str| octets.len() > suffix.len() && is(&octets[octets.len() - suffix.len()..], suffix);
        let holds = |suffix: &str| octets.windows(suffix.len().max(1)).any(|found| is(found, suffix));
        if octets.starts_with(b".") {
            // Programs that copy write so until they are done; what is not called like a delivery anywhere is none.
            return match self.suffixes.iter().any(|suffix| holds(suffix)) {
                true => Named::Unfinished,
                false => Named::Hidden,
            };
        }
        match () {
            () if [".tmp", ".part", "~"].into_iter().any(ends) => Named::Unfinished,
            () if self.suffixes.iter().any(|suffix| ends(suffix)) => Named::Wanted,
            () => Named::Otherwise,
        }
    }

    /// Why something is not taken: it is no plain file, somebody else holds it under another name, or it is not the partner's.
    fn unfit(&self, found: &Found) -> Option<&'static str> {
        match found.kind {
            FileType::Symlink => Some("verweis"),
            FileType::Directory => Some("ordner"),
            FileType::RegularFile if found.names != 1 => Some("mehrere-namen"),
            FileType::RegularFile if self.owner.is_some_and(|owner| owner != found.owner) => {
                Some("fremder-besitzer")
            }
            FileType::RegularFile => None,
            _ => Some("keine-datei"),
        }
    }
}

impl State {
    /// Whether this state of a file was answered and does not go.
    fn is_stuck(&self, name: &OsStr, mark: Mark) -> bool {
        self.stuck.iter().any(|stuck| stuck.item.name == name && stuck.mark == mark)
    }

    /// How long a file still has to stay as it is; `None` when it has settled.
    fn settles(&mut self, name: &OsStr, mark: Mark, span: Duration) -> Option<Duration> {
        if span.is_zero() {
            return None;
        }
        let fresh = (mark, Tick::now());
        let seen = self.seen.entry(name.to_owned()).or_insert(fresh);
        if seen.0 != mark {
            *seen = fresh;
        }
        span.checked_sub(seen.1.elapsed()).filter(|left| !left.is_zero())
    }
}

/// The hash of the sender's name in a name of [`ANSWERED`].
fn answered(name: &OsStr) -> Option<&str> {
    let (hash, rest) = name.to_str()?.strip_prefix(ANSWERED)?.split_once('.')?;
    let (id, _) = rest.split_once('.')?;
    let plain = hash.len() == 64 && hash.bytes().all(|octet| octet.is_ascii_hexdigit());
    (plain && Uuid::try_parse(id).is_ok()).then_some(hash)
}

/// A folder, where there is one that can be entered; trouble of the machine is no sign that there is none.
fn there(opened: io::Result<Room>) -> io::Result<Option<Room>> {
    match opened {
        Ok(room) => Ok(Some(room)),
        Err(error) if is_of_the_file(&error) || error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(error),
    }
}

fn names(room: &Room) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    room.each(|name| {
        if names.len() < OFFERED {
            names.push(name.to_owned());
        }
    })?;
    names.sort();
    Ok(names)
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 64 << 10];
    let mut file = file.take(HASHED);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(context.finish())),
            read => context.update(&buffer[..read]),
        }
    }
}

/// A name from configuration as the name of a folder.
fn plain(name: &str) -> String {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    match !name.is_empty() && name.bytes().all(fits) {
        true => name.to_owned(),
        false => sha256_hex(name.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn tray(folder: &Path, settled_after: &str) -> Tray {
        let written = json!({"partner": "ja-nord", "in": folder, "settled-after": settled_after});
        Tray::new("lieferungen", &serde_json::from_value(written).unwrap(), folder)
    }

    /// Later than all files of a test.
    fn later() -> Timestamp {
        crate::clock::Clock::real().now().checked_add(jiff::SignedDuration::from_secs(3600)).unwrap()
    }

    #[test]
    fn more_than_is_offered_waits_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        for nth in 0..OFFERED {
            fs::write(folder.path().join(format!("{nth:05}.xml")), "").unwrap();
        }
        let tray = tray(folder.path(), "0s");
        let look = tray.look(later()).unwrap();
        assert_eq!((look.items.len(), look.left, look.more, look.settles), (OFFERED, false, false, None));
        fs::write(folder.path().join("99999.xml"), "").unwrap();
        let look = tray.look(later()).unwrap();
        assert_eq!((look.items.len(), look.left, look.more, look.settles), (OFFERED, true, true, None));
        assert!(look.oldest.is_some());
    }

    #[test]
    fn a_name_of_ours_that_anybody_can_give_settles_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{ANSWERED}{}.{}.xml", "0a".repeat(32), Uuid::new_v4());
        fs::write(folder.path().join(&name), "half").unwrap();
        let slow = tray(folder.path(), "10min");
        let look = slow.look(later()).unwrap();
        assert!(look.items.is_empty() && look.settles.is_some(), "somebody may still write it");
        // What a crash left behind is taken again once it has settled, under the name that it had.
        let look = tray(folder.path(), "0s").look(later()).unwrap();
        assert_eq!(look.items.iter().map(Item::name_hash).collect::<Vec<_>>(), ["0a".repeat(32)]);
    }

    #[test]
    fn a_full_tray_of_which_nothing_has_settled_is_in_no_hurry() {
        let folder = tempfile::tempdir().unwrap();
        for nth in 0..=OFFERED {
            fs::write(folder.path().join(format!("{nth:05}.xml")), "").unwrap();
        }
        let look = tray(folder.path(), "10min").look(later()).unwrap();
        assert!(look.items.is_empty() && look.more && look.left);
        assert!(look.settles.unwrap() > Duration::from_secs(500), "{:?}", look.settles);
    }

    #[test]
    fn what_is_left_alone_lies_there_like_every_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let place = folder.path();
        let tray = tray(place, "0s");
        fs::write(other.path().join("woanders"), "").unwrap();
        std::os::unix::fs::symlink(other.path().join("woanders"), place.join("a.xml")).unwrap();
        fs::hard_link(other.path().join("woanders"), place.join("b.xml")).unwrap();
        fs::write(place.join("c.pdf"), "").unwrap();
        fs::write(place.join("d.xml.part"), "").unwrap();
        fs::write(place.join(".directory"), "").unwrap();
        let look = tray.look(later()).unwrap();
        let apart = [("verweis", 1), ("mehrere-namen", 1), ("anderer-name", 1), ("unfertig", 1)];
        assert_eq!(look.unfit, BTreeMap::from(apart));
        assert!(look.items.is_empty() && look.left);
        assert!(look.oldest.unwrap() > Duration::from_secs(3000), "by the moment it came");
        let soon = tray.look(crate::clock::Clock::real().now()).unwrap();
        assert_eq!(soon.unfit.get("unfertig"), None, "somebody may still write it");
        for name in ["a.xml", "b.xml", "c.pdf"] {
            fs::remove_file(place.join(name)).unwrap();
        }
        let look = tray.look(later()).unwrap();
        assert!(look.oldest.is_some() && look.left, "half a delivery is one");
        fs::remove_file(place.join("d.xml.part")).unwrap();
        let look = tray.look(later()).unwrap();
        assert!(
            look.unfit.is_empty() && look.oldest.is_none() && !look.left,
            "what is hidden counts nothing"
        );
    }

    #[test]
    fn a_fault_of_the_machine_is_not_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let tray = tray(folder.path(), "0s");
        // A plain file whose first page cannot be read: an input/output error.
        let room = Room::open(Path::new("/proc/self"), Path::new("")).unwrap();
        let item = Item { name: "mem".into(), room, around: Vec::new() };
        let Err(error) = tray.take(&item) else { panic!("taken, or left to the partner") };
        assert!(crate::transport::folder::handle::said(&error).contains("input/output"), "{error}");
    }

    #[test]
    fn what_was_answered_and_does_not_go_counts_no_more() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.xml"), "").unwrap();
        let tray = tray(folder.path(), "0s");
        let item = tray.look(later()).unwrap().items.remove(0);
        let mark = item.room.look(&item.name).unwrap().unwrap().mark;
        tray.lock().stuck.push(Stuck { item, mark, keep: false });
        let look = tray.look(later()).unwrap();
        assert!(look.items.is_empty() && look.oldest.is_none() && !look.left);
        // Another state of it was not answered.
        fs::write(folder.path().join("a.xml"), "new").unwrap();
        assert_eq!(tray.look(later()).unwrap().items.len(), 1);
    }
}
