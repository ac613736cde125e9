//! How the files of a stage become a compiled set, or what is wrong with all of them. Starts nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::pipeline;
use crate::pipeline::refuse::Refusal;
use crate::pipeline::step::Refuse;
use crate::route::compile::{self, Files};
use crate::route::compiled::Compiled;
use crate::route::fault::{Collector, Faults};
use crate::route::load;
use crate::route::menus::Menus;
use crate::route::text_file::TextFile;
use crate::route::tree;
use crate::transport;
use crate::xoev::contract::Standards;
use crate::xoev::package;

use super::place::Place;
use super::spots::Met;
use super::{folders, rights, spots};

/// Why the files of a stage cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Faults in route, connection or partner files, each with its place.
    #[error("{} in the files of this stage", match .0.faults.len() { 1 => "1 fault".to_owned(), many => format!("{many} faults") })]
    Files(Faults),
    /// What everybody on the machine can read or change and must not, in a stage that is real.
    #[error("{}", .0.join("\n"))]
    Exposed(Vec<String>),
    /// Places that meet (a tray in another partner's or in what is ours, one queue, mailbox or endpoint of two partners), and files that
    /// connections and channels name and that cannot be used.
    #[error("{0}")]
    Meeting(Faults),
    /// A folder is missing; nothing else was looked at.
    #[error(
        "there is no folder {folder} with {what}; start where the checkout lies, or name it with {option}"
    )]
    Missing {
        /// The folder as it was named.
        folder: String,
        /// What should lie there.
        what: &'static str,
        /// The option that names it.
        option: &'static str,
    },
    /// Faults in the packages of the standards.
    #[error("the packages below {folder} cannot be loaded:\n{text}")]
    Packages {
        /// The folder.
        folder: String,
        /// All faults.
        text: String,
    },
}

/// A compiled set with the standards it was compiled against.
#[derive(Clone)]
pub struct Fit {
    /// The set.
    pub compiled: Compiled,
    /// The standards.
    pub standards: Arc<dyn Standards>,
    /// What it was compiled from.
    pub files: Arc<Files>,
}

/// Loads the packages of the standards.
pub fn standards(xsd: &Path) -> Result<Arc<dyn Standards>, Unfit> {
    there(xsd, "the packages of the standards", "--xsd")?;
    match package::load(xsd) {
        Ok(packages) => Ok(Arc::new(packages)),
        Err(faults) => {
            let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Err(Unfit::Packages { folder: xsd.display().to_string(), text })
        }
    }
}

/// Loads and compiles everything of a stage; all faults of all files at once.
pub fn compile(place: &Place, now: Option<Timestamp>) -> Result<Fit, Unfit> {
    let standards = standards(&place.xsd)?;
    let fit = compile_files(read(place)?, standards, now)?;
    match rights::wrong(place, &fit.compiled) {
        found if found.is_empty() => {}
        found => return Err(Unfit::Exposed(found)),
    }
    let mut met = folders::meeting(place, &fit.compiled);
    met.extend(spots::meeting(&fit.compiled));
    match met.is_empty() {
        true => Ok(fit),
        false => Err(Unfit::Meeting(placed(&fit.files, met))),
    }
}

/// The same before it is applied: also what of the files cannot be used that connections and channels name. What runs keeps what worked, so a
/// start and the other commands do not ask.
pub fn checked(place: &Place, now: Option<Timestamp>) -> Result<Fit, Unfit> {
    let fit = compile(place, now)?;
    match spots::of_files(&place.config, &fit.compiled) {
        found if found.is_empty() => Ok(fit),
        found => Err(Unfit::Meeting(placed(&fit.files, found))),
    }
}

/// Each with the place of the channel or connection that names it.
fn placed(files: &Files, met: Vec<Met>) -> Faults {
    let collector = Collector::default();
    let parsed = |file: &TextFile| tree::parse(&file.text, collector.desk(&file.name, &file.text));
    let (connections, partners) = (parsed(&files.connections), parsed(&files.partners));
    for Met { text, connection, partner, at } in met {
        let (file, root, path) = match partner {
            Some(partner) => {
                (&files.partners, &partners, format!("/partners/{partner}/channels/{connection}{at}"))
            }
            None => (&files.connections, &connections, format!("/connections/{connection}{at}")),
        };
        let at = root.as_ref().map(|root| root.locate(&path)).unwrap_or_default();
        collector.again(&file.name).fault(at, text);
    }
    collector.finish().0
}

/// Reads the files of a stage and its routes.
pub fn read(place: &Place) -> Result<Files, Unfit> {
    complete(place)?;
    load::load(&place.routes, &place.config).map_err(Unfit::Files)
}

/// Whether there are folders at all where they were named.
pub fn complete(place: &Place) -> Result<(), Unfit> {
    there(&place.xsd, "the packages of the standards", "--xsd")?;
    there(&place.config, "connections.yaml and partners.yaml", "--config")?;
    there(&place.routes, "the routes", "--routes")
}

fn there(folder: &Path, what: &'static str, option: &'static str) -> Result<(), Unfit> {
    match folder.is_dir() {
        true => Ok(()),
        false => Err(Unfit::Missing { folder: folder.display().to_string(), what, option }),
    }
}

/// The same with files that are read already.
pub fn compile_files(
    files: Files,
    standards: Arc<dyn Standards>,
    now: Option<Timestamp>,
) -> Result<Fit, Unfit> {
    let menus = Menus { steps: pipeline::STEPS, transports: transport::TRANSPORTS };
    // Made once for each standard: making one rehearses all its answers.
    let made: RefCell<BTreeMap<String, Arc<dyn Refuse>>> = RefCell::default();
    let refuse = |standard: &str, platform: &serde_json::Value| {
        if let Some(refuse) = made.borrow().get(standard) {
            return Ok(refuse.clone());
        }
        let refuse: Arc<dyn Refuse> = Arc::new(Refusal::new(standards.clone(), platform.clone(), standard)?);
        made.borrow_mut().insert(standard.to_owned(), refuse.clone());
        Ok(refuse)
    };
    let compiled = compile::compile(&files, &menus, &standards, &refuse, now).map_err(Unfit::Files)?;
    Ok(Fit { compiled, standards, files: Arc::new(files) })
}
