//! Text and secrets in, nothing else: files are read bounded, references to secrets resolved, durations and sizes
//! read as people write them, and whether others could change what is read. Knows no route and no transport, never prints a secret, never takes one that is
//! written out.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rustix::fs::{StatVfsMountFlags, statvfs};
use secrecy::{ExposeSecret, SecretString};

/// Largest text file that is read, octets (1 MiB).
pub const MAX_TEXT: usize = 1024 * 1024;

/// Why a file, a secret or a value could not be read; the texts never hold the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or cannot be opened.
    #[error("file cannot be read: {path}: {cause}; create it or correct its rights")]
    Unreadable {
        /// The path as given.
        path: String,
        /// What the system says.
        cause: String,
    },
    /// The file is larger than [`MAX_TEXT`].
    #[error("file is too large: {path}; at most 1 MiB is read")]
    TooLarge {
        /// The path as given.
        path: String,
    },
    /// The file is not UTF-8.
    #[error("file is not UTF-8: {path}; save it as UTF-8")]
    NotUtf8 {
        /// The path as given.
        path: String,
    },
    /// The environment variable is not set, empty, or not UTF-8.
    #[error("environment variable is not set: {0}; set it before the start")]
    NoVariable(String),
    /// The path of a secret leaves the stage folder.
    #[error("path leaves the stage folder: {0}; write a path relative to it, without `..`")]
    Outside(String),
    /// The secret is one of the demonstration's, which everybody can read.
    #[error("secret is the published one of the demonstration: {0}; make one of your own")]
    Published(String),
    /// Everybody on the machine can read or change the secret.
    #[error("{}", exposed(.0))]
    Exposed(String),
    /// Everybody on the machine can change what is read there.
    #[error("{}", open_to_all(.0))]
    Changeable(String),
    /// The secret is empty.
    #[error("secret is empty: {0}; write its content")]
    Empty(String),
}

/// What the system says of a file that cannot be read or written, in our words.
pub fn what(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "it is not there",
        ErrorKind::PermissionDenied => "this user has no right to it",
        ErrorKind::AlreadyExists => "something of this name is there already",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotADirectory => "a part of its path is no folder",
        ErrorKind::DirectoryNotEmpty => "the folder is not empty",
        ErrorKind::ReadOnlyFilesystem => "it lies where nothing can be written",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "there is no room left",
        ErrorKind::InvalidData => "it is no UTF-8 text",
        ErrorKind::AddrInUse => "another program has it",
        ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the system refuses it",
    }
}

/// Where a secret stands; the only way in which configuration names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// Name of an environment variable.
    Env(String),
    /// Path relative to the stage folder.
    File(String),
    /// The same for what is no secret, such as a certificate.
    Public(String),
}

impl SecretRef {
    /// The name of the variable, or the path.
    pub fn name(&self) -> &str {
        let (SecretRef::Env(name) | SecretRef::File(name) | SecretRef::Public(name)) = self;
        name
    }
}

/// Resolves references to secrets; given to whoever must not touch files.
pub type Resolve = Arc<dyn Fn(&SecretRef) -> Result<SecretString, ConfigError> + Send + Sync>;

/// Reads a UTF-8 text file of at most [`MAX_TEXT`] octets.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| ConfigError::Unreadable {
        path: shown.clone(),
        cause: what(error.kind()).to_owned(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut octets = Vec::new();
    // One octet more than allowed tells a file that is too large from one that just fits, also for pipes.
    file.take(MAX_TEXT as u64 + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() > MAX_TEXT {
        return Err(ConfigError::TooLarge { path: shown });
    }
    String::from_utf8(octets).map_err(|_| ConfigError::NotUtf8 { path: shown })
}

/// Resolves one reference; one trailing newline of a file is not part of the secret.
pub fn resolve(stage_folder: &Path, secret: &SecretRef) -> Result<SecretString, ConfigError> {
    let (name, text) = match secret {
        SecretRef::Env(name) => {
            (name, std::env::var(name).map_err(|_| ConfigError::NoVariable(name.clone()))?)
        }
        SecretRef::File(path) | SecretRef::Public(path) => (path, read_text(&inside(stage_folder, path)?)?),
    };
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(match secret {
            SecretRef::Env(_) => ConfigError::NoVariable(name.clone()),
            SecretRef::File(_) | SecretRef::Public(_) => ConfigError::Empty(name.clone()),
        });
    }
    Ok(SecretString::from(text.to_owned()))
}

/// A resolver for one stage folder.
pub fn resolver(stage_folder: &Path) -> Resolve {
    let folder = stage_folder.to_owned();
    Arc::new(move |secret| resolve(&folder, secret))
}

/// A resolver for one stage folder that refuses secrets which everybody on the machine can read, and whatever else everybody can change.
/// Their group may read them: that is how a mounted secret reaches a process that does not own it.
pub fn guarded(stage_folder: &Path) -> Resolve {
    let folder = stage_folder.to_owned();
    Arc::new(move |secret| {
        if let SecretRef::File(path) | SecretRef::Public(path) = secret
            && let Ok(whole) = inside(&folder, path)
        {
            if matches!(secret, SecretRef::File(_)) && is_exposed(&whole) {
                return Err(ConfigError::Exposed(path.clone()));
            }
            if let Some(open) = changeable(&whole) {
                return Err(ConfigError::Changeable(open.display().to_string()));
            }
        }
        resolve(&folder, secret)
    })
}

/// Whether everybody on the machine can read or change a file. One that cannot be looked at is not: who reads it says why.
pub fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o006 != 0)
}

/// Everybody may write.
const OTHERS_WRITE: u32 = 0o002;
/// In a folder with this bit only the owner of an entry removes or renames it.
const STICKY: u32 = 0o1000;
/// Links that one path may lead over, as the system has it.
const MOST_LINKS: usize = 40;

/// What everybody on the machine could change so that something else is read at a path: the file or folder itself, a folder above it in
/// which it can be put in another's place, or the same of a link on the way. `None` where nobody can, and where the path ends before:
/// who reads it says why. Owners and groups are the operator's to choose.
pub fn changeable(path: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(path).ok()?;
    let mut rest: Vec<OsString> = parts(&whole);
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    while let Some(next) = rest.pop() {
        // A folder on the way counts where its entries can be exchanged.
        if is_open(&at, true) {
            return Some(at);
        }
        match next.to_str() {
            Some("..") => {
                at.pop();
                continue;
            }
            Some("/" | ".") => continue,
            _ => at.push(&next),
        }
        let found = at.symlink_metadata().ok()?;
        if found.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            let target = at.read_link().ok()?;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(parts(&target));
        }
    }
    is_open(&at, false).then_some(at)
}

/// The parts of a path, the last first.
fn parts(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
}

/// Whether everybody can write there; a mounted secret or configuration of a container is open to everybody and read-only.
pub fn is_open(path: &Path, on_the_way: bool) -> bool {
    let Ok(found) = path.metadata() else { return false };
    let mode = found.permissions().mode();
    let open = mode & OTHERS_WRITE != 0 && !(on_the_way && mode & STICKY != 0);
    open && statvfs(path).map_or(true, |mount| !mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// What is wrong where everybody can change something, and what to do.
pub fn open_to_all(path: &str) -> String {
    format!("{EXPOSED_TO_CHANGE} {path}; chmod o-w, or mount it read-only")
}

/// What is wrong where everybody can change something.
const EXPOSED_TO_CHANGE: &str = "everybody on this machine can change";

/// What is wrong with an exposed secret.
const EXPOSED: &str = "secret can be read by everybody on this machine";

/// What is wrong with an exposed secret, and what to do.
pub fn exposed(path: &str) -> String {
    format!(
        "{EXPOSED}: {path}; chmod it to 0600, or 0640 for a group; of a mounted secret write `defaultMode: 0440`"
    )
}

/// Whether a sentence is one of [`exposed`] or [`open_to_all`], also within a longer one: among the faults of files it is the one that is mended on the
/// machine.
pub fn tells_of_exposed(text: &str) -> bool {
    text.contains(EXPOSED) || text.contains(EXPOSED_TO_CHANGE)
}

/// What every published secret of the demonstration holds, written out or in Base64.
const PUBLISHED: &str = "NUR-FUER-DEMO";

/// A resolver that refuses the published secrets of the demonstration, whatever their rights, and of the others what `guarded`
/// refuses.
pub fn unpublished(plain: Resolve, guarded: Resolve) -> Resolve {
    Arc::new(move |secret| {
        let (found, refused) = match guarded(secret) {
            // A published one is called so, whatever its rights: it is read for this look and never handed out.
            Err(refused @ (ConfigError::Exposed(_) | ConfigError::Changeable(_))) => {
                (plain(secret)?, Some(refused))
            }
            found => (found?, None),
        };
        let text = found.expose_secret();
        let coded = text.strip_prefix("whsec_").unwrap_or(text);
        let decoded = base64::engine::general_purpose::STANDARD.decode(coded).unwrap_or_default();
        if text.contains(PUBLISHED) || String::from_utf8_lossy(&decoded).contains(PUBLISHED) {
            return Err(ConfigError::Published(secret.name().to_owned()));
        }
        refused.map_or(Ok(found), Err)
    })
}

fn inside(folder: &Path, written: &str) -> Result<PathBuf, ConfigError> {
    let path = Path::new(written);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if written.is_empty() || !plain {
        return Err(ConfigError::Outside(written.to_owned()));
    }
    Ok(folder.join(path))
}

/// Reads a duration such as `10s`, `5m`, `14d`; `None` when it is none.
pub fn duration(written: &str) -> Option<Duration> {
    humantime::parse_duration(written.trim()).ok()
}

/// Writes a duration as [`duration`] reads it.
pub fn show_duration(duration: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    // Months and years of a fixed length are nobody's: days stay days.
    if duration.subsec_nanos() == 0 && duration.as_secs() >= DAY && duration.as_secs().is_multiple_of(DAY) {
        return format!("{}d", duration.as_secs() / DAY);
    }
    humantime::format_duration(duration).to_string().replace("days", "d").replace("day", "d")
}

/// Reads a size such as `512KiB`, `8MiB`, `2GiB` or a number of octets; `None` when it is none.
pub fn size(written: &str) -> Option<u64> {
    let written = written.trim();
    let digits = written.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &written[digits.len()..] {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number = digits.trim_end();
    if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Writes a size as [`size`] reads it, in the largest unit that divides it.
pub fn show_size(octets: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if octets >= unit && octets.is_multiple_of(unit) {
            return format!("{}{name}", octets / unit);
        }
    }
    format!("{octets}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_written_and_shown_the_same() {
        for (written, octets) in [("8MiB", 8 << 20), ("512KiB", 512 << 10), ("3", 3), ("2GiB", 2 << 30)] {
            assert_eq!(size(written), Some(octets));
            assert_eq!(size(&show_size(octets)), Some(octets));
        }
        for wrong in ["", "MiB", "8MB", "8 Mib", "-1", "99999999999GiB", "1.5MiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(duration("14d"), Some(Duration::from_secs(14 * 86_400)));
        assert_eq!(show_duration(Duration::from_secs(14 * 86_400)), "14d");
        assert_eq!(duration("soon"), None);
    }

    #[test]
    fn secrets_come_from_files_inside_the_stage_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "geheim-aber-erfunden\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let secret = resolve(folder.path(), &SecretRef::File("token".into())).unwrap();
        assert_eq!(secret.expose_secret(), "geheim-aber-erfunden");
        assert!(!format!("{secret:?}").contains("geheim"));
        for outside in ["../token", "/etc/hostname", "a/../../b", ""] {
            assert!(matches!(
                resolve(folder.path(), &SecretRef::File(outside.into())),
                Err(ConfigError::Outside(_))
            ));
        }
        assert!(matches!(
            resolve(folder.path(), &SecretRef::File("empty".into())),
            Err(ConfigError::Empty(_))
        ));
        assert!(matches!(
            resolve(folder.path(), &SecretRef::Env("DREHSCHEIBE_NO_SUCH_VARIABLE".into())),
            Err(ConfigError::NoVariable(_))
        ));
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_refused_and_one_of_a_group_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "geheim-aber-erfunden\n").unwrap();
        let secret = SecretRef::File("token".into());
        for (mode, exposed) in
            [(0o600, false), (0o640, false), (0o440, false), (0o644, true), (0o444, true), (0o602, true)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(resolve(folder.path(), &secret).is_ok());
            match guarded(folder.path())(&secret) {
                Err(error @ ConfigError::Exposed(_)) if exposed => {
                    assert!(error.to_string().contains("`defaultMode: 0440`"), "{error}");
                }
                Ok(_) if !exposed => {}
                other => panic!("{mode:o}: {:?}", other.map(drop)),
            }
            // A certificate may be read by everybody, and changed by nobody.
            let public = guarded(folder.path())(&SecretRef::Public("token".into()));
            assert_eq!(public.is_ok(), mode & 0o002 == 0, "{mode:o}");
        }
        // A mounted secret is a link into a folder that changes as a whole: what it leads to counts.
        std::os::unix::fs::symlink("token", folder.path().join("link")).unwrap();
        let link = SecretRef::File("link".into());
        assert!(matches!(guarded(folder.path())(&link), Err(ConfigError::Exposed(_))));
    }

    #[test]
    fn the_secrets_of_the_demonstration_are_known_as_such_in_every_form() {
        let coded = base64::engine::general_purpose::STANDARD.encode("NUR-FUER-DEMO-NICHT-GEHEIM-0001!");
        for published in ["NUR-FUER-DEMO-bremen".to_owned(), coded.clone(), format!("whsec_{coded}")] {
            let plain: Resolve = Arc::new(move |_| Ok(SecretString::from(published.clone())));
            let resolve = unpublished(plain.clone(), plain);
            let refused = resolve(&SecretRef::File("secrets/key".into())).unwrap_err();
            assert_eq!(refused, ConfigError::Published("secrets/key".into()));
        }
        let plain: Resolve = Arc::new(|_| Ok(SecretString::from("ein-eigenes-geheimnis".to_owned())));
        let resolve = unpublished(plain.clone(), plain.clone());
        assert!(resolve(&SecretRef::Env("X".into())).is_ok());
        // Whatever its rights, a published one is called so; any other one is refused for them.
        let secret = SecretRef::File("secrets/key".into());
        let exposed: Resolve = Arc::new(|secret| Err(ConfigError::Exposed(secret.name().to_owned())));
        let refused = unpublished(plain, exposed.clone())(&secret).unwrap_err();
        assert_eq!(refused, ConfigError::Exposed("secrets/key".into()));
        assert!(tells_of_exposed(&format!("secrets: {refused}")), "{refused}");
        let published: Resolve = Arc::new(|_| Ok(SecretString::from("NUR-FUER-DEMO-bremen".to_owned())));
        let refused = unpublished(published, exposed)(&secret).unwrap_err();
        assert_eq!(refused, ConfigError::Published("secrets/key".into()));
    }

    #[test]
    fn what_is_handed_out_is_what_was_looked_at() {
        // A file that is replaced between two looks.
        let looks = std::sync::atomic::AtomicUsize::new(0);
        let changing: Resolve = Arc::new(move |_| {
            let before = looks.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(SecretString::from(
                ["ein-eigenes-geheimnis", "NUR-FUER-DEMO-bremen"][before.min(1)].to_owned(),
            ))
        });
        let resolve = unpublished(changing.clone(), changing);
        let found = resolve(&SecretRef::File("secrets/key".into())).unwrap();
        assert_eq!(found.expose_secret(), "ein-eigenes-geheimnis");
    }

    #[test]
    fn a_file_beyond_the_bound_or_not_utf8_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, vec![b'a'; MAX_TEXT]).unwrap();
        assert_eq!(read_text(&path).unwrap().len(), MAX_TEXT);
        std::fs::write(&path, vec![b'a'; MAX_TEXT + 1]).unwrap();
        assert!(matches!(read_text(&path), Err(ConfigError::TooLarge { .. })));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_text(&path), Err(ConfigError::NotUtf8 { .. })));
        assert!(matches!(read_text(&folder.path().join("none")), Err(ConfigError::Unreadable { .. })));
    }
}
