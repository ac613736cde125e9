//! The loaded packages as one set, in which a document finds its own. Several versions stand side by side; an unknown one is refused, never
//! guessed at. Names no standard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::rejection::{Fault, Rejection};
use crate::xml::gate::Document;
use crate::xml::walk::Root;
use crate::xoev::compiled::{MessageType, Package};
use crate::xoev::contract::{Detected, is_test_root};

/// All packages of one folder; cheap to clone.
#[derive(Clone, Debug)]
pub struct PackageSet {
    packages: Arc<Vec<Package>>,
    /// The hash over the files of all packages.
    pub(super) hash: Arc<str>,
    /// The same over the files of each package alone, by `standard/version`, and of what all of them use, by `base`.
    pub(super) hashes: Arc<BTreeMap<String, String>>,
}

impl PackageSet {
    /// A set of built packages with the hashes over their files; of each standard the oldest version stands first.
    pub fn new(mut packages: Vec<Package>, hash: String, hashes: BTreeMap<String, String>) -> PackageSet {
        packages.sort_by(|one, other| {
            let version = || version_key(&one.version).cmp(&version_key(&other.version));
            one.standard.cmp(&other.standard).then_with(version)
        });
        PackageSet { packages: Arc::new(packages), hash: hash.into(), hashes: Arc::new(hashes) }
    }

    /// The packages.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The package and message type of a detected document; `None` when it was detected by another set.
    pub fn found(&self, detected: &Detected) -> Option<(&Package, &MessageType)> {
        let package = self.packages.get(detected.package)?;
        if package.standard != detected.standard || package.version != detected.version {
            return None;
        }
        let message = package.messages.iter().find(|message| message.message == detected.message)?;
        Some((package, message))
    }

    /// The package of a standard with this version.
    pub fn package(&self, standard: &str, version: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.standard == standard && package.version == version)
    }

    /// Standard, version and message of a document, by its root.
    pub fn detect_root(&self, root: &Root) -> Result<Detected, Rejection> {
        let attribute = |wanted: &str| {
            root.attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let (standard, version) = (attribute("standard"), attribute("version"));
        for (at, package) in self.packages.iter().enumerate() {
            if let Some(message) = with_root(package, root)
                && package.within.is_none()
                && standard == Some(&package.attribute)
                && version == Some(&package.version)
            {
                return Ok(detected((at, package), message, is_test_root(root)));
            }
        }
        Err(self.unsupported())
    }

    /// The message types with this root in any package. By its name alone: versions that nobody loaded may have other namespaces.
    pub(super) fn named_by(&self, root: &Root) -> Vec<String> {
        let named = |package: &Package| {
            let of = package.messages.iter().filter(|message| message.root.1 == root.local);
            of.map(|message| message.message.clone()).collect::<Vec<_>>()
        };
        let all: BTreeSet<String> = self.packages.iter().flat_map(named).collect();
        all.into_iter().collect()
    }

    /// Whether a root is of a standard that says version and test inside of the document.
    pub(super) fn says_within(&self, root: &Root) -> bool {
        self.packages.iter().any(|package| package.within.is_some() && with_root(package, root).is_some())
    }

    /// As [`PackageSet::detect_root`], of a document whose root does not say its version.
    pub(super) fn detect_within(&self, document: &Document) -> Result<Detected, Rejection> {
        for (at, package) in self.packages.iter().enumerate() {
            if let (Some(within), Some(message)) = (&package.within, with_root(package, document.root()))
                && let said = within.look(document)
                && said.version.as_ref() == Some(&package.version)
            {
                return Ok(detected((at, package), message, said.test || is_test_root(document.root())));
            }
        }
        Err(self.unsupported())
    }

    /// Whether a document says that it is a test as any package says it that has this root.
    pub(super) fn test_within(&self, document: &Document) -> bool {
        let of_root = self.packages.iter().filter(|package| with_root(package, document.root()).is_some());
        of_root.filter_map(|package| package.within.as_ref()).any(|within| within.look(document).test)
    }

    fn unsupported(&self) -> Rejection {
        let supported: BTreeSet<String> = self
            .packages
            .iter()
            .map(|package| format!("{} {}", package.attribute, package.version))
            .collect();
        let supported = supported.into_iter().collect::<Vec<_>>().join(", ");
        let text =
            format!("Standard, Version oder Nachricht wird nicht unterstützt; unterstützt: {supported}.");
        Rejection::new(Fault::Version, text).at(1, 1)
    }

    /// The package of the newest version of a standard.
    pub(super) fn newest(&self, standard: &str) -> Option<&Package> {
        self.packages.iter().rfind(|package| package.standard == standard)
    }
}

/// The message of a package that has this root.
fn with_root<'p>(package: &'p Package, root: &Root) -> Option<&'p MessageType> {
    package.messages.iter().find(|message| message.root.1 == root.local && message.root.0 == root.namespace)
}

fn detected((at, package): (usize, &Package), message: &MessageType, test: bool) -> Detected {
    Detected {
        standard: package.standard.clone(),
        version: package.version.clone(),
        message: message.message.clone(),
        test,
        package: at,
    }
}

/// Orders `1.10.0` after `1.9.0` and `26.11a` after `26.11`.
pub fn version_key(version: &str) -> Vec<(u64, &str)> {
    version
        .split('.')
        .map(|part| {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            (part[..digits].parse().unwrap_or(0), &part[digits..])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        let mut versions = ["1.10.0", "26.11a", "1.9.0", "26.11", "1.9"];
        versions.sort_by_key(|version| {
            version_key(version).into_iter().map(|(n, t)| (n, t.to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(versions, ["1.9", "1.9.0", "1.10.0", "26.11", "26.11a"]);
    }
}
