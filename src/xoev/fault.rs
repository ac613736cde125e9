//! A fault in a package, with file and place, so that all of them can be shown at once.
//! It speaks of our own files only, never of a message.

use std::fmt;

use serde::Serialize;

/// What is wrong with a file of a package and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageFault {
    /// The file, relative to the folder of packages.
    pub file: String,
    /// 1-based line, where known.
    pub line: Option<u32>,
    /// 1-based column, where known.
    pub column: Option<u32>,
    /// What is wrong, then what is allowed.
    pub text: String,
}

impl PackageFault {
    /// A fault of a whole file.
    pub fn of(file: &str, text: impl Into<String>) -> Self {
        PackageFault { file: file.to_owned(), line: None, column: None, text: text.into() }
    }

    /// The same fault at a place; zero means that the place is not known.
    pub fn at(mut self, line: u64, column: u64) -> Self {
        self.line = u32::try_from(line).ok().filter(|line| *line > 0);
        self.column = u32::try_from(column).ok().filter(|column| *column > 0);
        self
    }
}

impl fmt::Display for PackageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        write!(f, ": {}", self.text)
    }
}

/// The candidate that is most like `name`, for "did you mean"; `None` when nothing is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 2)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_a_slip_and_no_stranger() {
        assert_eq!(nearest("mutter.nam", ["mutter.name", "kind"]), Some("mutter.name"));
        assert_eq!(nearest("zzz", ["mutter.name", "kind"]), None);
    }

    #[test]
    fn a_fault_names_file_and_place() {
        let fault = PackageFault::of("a/read.yaml", "unknown path").at(3, 7);
        assert_eq!(fault.to_string(), "a/read.yaml:3:7: unknown path");
        assert_eq!(PackageFault::of("a", "b").at(0, 0).to_string(), "a: b");
    }
}
