//! The loaded packages as the house asks them: what a document is, how a standard answers, who reads it. Names no standard.

use crate::rejection::Rejection;
use crate::xml::gate::Document;
use crate::xoev::contract::{Answering, Detected, Known, Reader, Standards};
use crate::xoev::reader::PackageReader;
use crate::xoev::set::PackageSet;

impl Standards for PackageSet {
    fn detect(&self, document: &Document) -> Result<Detected, Rejection> {
        self.detect_root(document.root())
    }

    fn answering(&self, standard: &str, version: Option<&str>) -> Option<Answering> {
        let package = match version.and_then(|version| self.package(standard, version)) {
            Some(package) => package,
            None => self.newest(standard)?,
        };
        Some(Answering {
            receipt: package.receipt.clone(),
            rejection: package.rejection.clone(),
            never: package.never.clone(),
            version: package.version.clone(),
            rejection_version: package.rejection_version.clone(),
            quotes_always: package.quotes_always,
            codes: package.faults.clone(),
        })
    }

    fn known(&self) -> Vec<Known> {
        self.packages()
            .iter()
            .flat_map(|package| {
                package.messages.iter().map(|message| Known {
                    message: message.message.clone(),
                    standard: package.standard.clone(),
                    version: package.version.clone(),
                    reads: message.reading.is_some(),
                    writes: package.templates.has(&message.message),
                })
            })
            .collect()
    }

    fn hash(&self) -> String {
        self.hash.to_string()
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(PackageReader::new(self.clone()))
    }
}
