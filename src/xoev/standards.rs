//! The loaded packages as the house asks them: what a document is, how a standard answers, who reads it. Names no standard.

use std::collections::BTreeMap;

use crate::rejection::Rejection;
use crate::xml::gate::Document;
use crate::xoev::contract::{Answering, Detected, Known, Reader, Standards, is_test_root};
use crate::xoev::reader::PackageReader;
use crate::xoev::set::PackageSet;

impl Standards for PackageSet {
    fn detect(&self, document: &Document) -> Result<Detected, Rejection> {
        let root = document.root();
        if !self.says_within(root) {
            return self.detect_root(root);
        }
        self.detect_within(document)
    }

    fn is_test(&self, document: &Document) -> bool {
        let root = document.root();
        is_test_root(root) || self.says_within(root) && self.test_within(document)
    }

    fn named(&self, document: &Document) -> Vec<String> {
        self.named_by(document.root())
    }

    fn answering(&self, standard: &str, version: Option<&str>) -> Option<Answering> {
        let package = match version.and_then(|version| self.package(standard, version)) {
            Some(package) => package,
            None => self.newest(standard)?,
        };
        Some(Answering {
            receipt: package.receipt.clone(),
            rejection: package.rejection.clone(),
            done: package.done.clone(),
            declined: package.declined.clone(),
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

    fn hashes(&self) -> BTreeMap<String, String> {
        (*self.hashes).clone()
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(PackageReader::new(self.clone()))
    }
}
