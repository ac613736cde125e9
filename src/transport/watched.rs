//! Files that are looked at for a change, such as certificates and keys: what was made of them last holds until something else can be made.
//! Contents are compared, not times: a replaced link or a restored file counts. Never shows a content, and a torn file never replaces what works.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use zeroize::Zeroizing;

/// A file cannot be read; its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} file cannot be read; check path and rights")]
pub struct Unreadable(pub &'static str);

/// A file and its role.
pub type Named = (&'static str, PathBuf);

/// The contents of files by their roles, read once so that what is compared is what is used.
pub struct Files(Vec<(&'static str, Zeroizing<Vec<u8>>)>);

impl Files {
    /// Reads them all.
    pub fn read(named: &[Named]) -> Result<Files, Unreadable> {
        let of = |(role, path): &Named| Ok((*role, Zeroizing::new(read(path, role)?)));
        named.iter().map(of).collect::<Result<_, _>>().map(Files)
    }

    /// The content of the file of a role, where there is one.
    pub fn of(&self, role: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == role).map(|(_, octets)| &octets[..])
    }

    fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        for (role, octets) in &self.0 {
            context.update(role.as_bytes());
            context.update(&(octets.len() as u64).to_be_bytes());
            context.update(octets);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }
}

/// Reads a file of a role; the largest sensible one is 1 MiB.
pub fn read(path: &Path, role: &'static str) -> Result<Vec<u8>, Unreadable> {
    read_up_to(path, role, 1 << 20)
}

/// The same of a role whose files may be larger.
pub fn read_up_to(path: &Path, role: &'static str, most: u64) -> Result<Vec<u8>, Unreadable> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() <= most => {}
        _ => return Err(Unreadable(role)),
    }
    std::fs::read(path).map_err(|_| Unreadable(role))
}

/// Makes something of the contents; the number counts what was made before.
pub type Make<T, E> = Box<dyn Fn(&Files, u64) -> Result<T, E> + Send + Sync>;

/// What is made of files.
pub struct Watched<T, E> {
    named: Vec<Named>,
    make: Make<T, E>,
    current: ArcSwap<T>,
    seen: Mutex<Seen<E>>,
}

/// What was found in the files last.
struct Seen<E> {
    digest: [u8; 32],
    /// How often something was made of them.
    made: u64,
    /// Why it is not in use.
    unfit: Option<E>,
}

impl<T, E: Clone + From<Unreadable>> Watched<T, E> {
    /// Makes it for the first time.
    pub fn open(named: Vec<Named>, make: Make<T, E>) -> Result<Watched<T, E>, E> {
        let files = Files::read(&named)?;
        let current = ArcSwap::from_pointee(make(&files, 0)?);
        let seen = Mutex::new(Seen { digest: files.digest(), made: 0, unfit: None });
        Ok(Watched { named, make, current, seen })
    }

    /// What holds now.
    pub fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Looks at the files; true when something else is in use now. On a fault the last good one stays, and the fault is told until the
    /// files are good again.
    pub fn reload(&self) -> Result<bool, E> {
        let files = Files::read(&self.named)?;
        let digest = files.digest();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.digest == digest {
            return seen.unfit.clone().map_or(Ok(false), Err);
        }
        let made = seen.made + 1;
        let fresh = (self.make)(&files, made);
        *seen = Seen { digest, made, unfit: fresh.as_ref().err().cloned() };
        self.current.store(Arc::new(fresh?));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_works_holds_until_something_else_does_and_a_fault_is_told_as_long_as_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("1");
        let make = |files: &Files, made: u64| {
            let text = files.of("number").and_then(|octets| std::str::from_utf8(octets).ok());
            let number = text.and_then(|text| text.parse::<u32>().ok()).ok_or(Unreadable("content"))?;
            Ok((number, made))
        };
        let watched: Watched<(u32, u64), Unreadable> =
            Watched::open(vec![("number", path.clone())], Box::new(make)).unwrap();
        assert_eq!((watched.reload(), *watched.current()), (Ok(false), (1, 0)));
        write("torn");
        for _ in 0..2 {
            assert_eq!((watched.reload(), *watched.current()), (Err(Unreadable("content")), (1, 0)));
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!((watched.reload(), *watched.current()), (Err(Unreadable("number")), (1, 0)));
        write("2");
        assert_eq!((watched.reload(), watched.current().0), (Ok(true), 2));
        // What was in use before is in use again.
        write("1");
        assert_eq!((watched.reload(), watched.current().0), (Ok(true), 1));
    }
}
