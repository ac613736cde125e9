//! From the global arguments to the place, the compiled set and the store of a stage. Prints nothing itself.

use std::path::Path;
use std::sync::{Arc, Once};

use jiff::Timestamp;

use crate::app::fit::{self, Fit, Unfit};
use crate::app::folders;
use crate::app::house;
use crate::app::kept;
use crate::app::place::Place;
use crate::cli::args::Global;
use crate::cli::exit::CliError;
use crate::cli::output::{Output, beside, moment};
use crate::cli::person;
use crate::clock::Clock;
use crate::route::show;
use crate::store::contract::Store;
use crate::store::migrated::begun_by;

/// The folders that the global arguments name.
pub fn place(global: &Global) -> Place {
    Place {
        config: global.config.clone(),
        routes: global.routes.clone(),
        xsd: global.xsd.clone(),
        data: global.data.clone().unwrap_or_else(|| global.config.join("data")),
    }
}

/// Compiles the stage; shows every fault before it gives up.
pub fn compile(global: &Global, out: &mut Output) -> Result<Fit, CliError> {
    fit::compile(&place(global), Some(Clock::real().now())).map_err(|unfit| shown(unfit, out))
}

/// The stage that runs, for commands that look at it or order something of it: its files where they can be used, else as they were applied
/// last, which is said.
pub fn running(global: &Global, out: &mut Output) -> Result<Fit, CliError> {
    let (place, now) = (place(global), Clock::real().now());
    let unfit = match fit::compile(&place, Some(now)) {
        Ok(fit) => return Ok(fit),
        Err(unfit) => unfit,
    };
    let Some((fit, at)) = kept::fit(&place, now) else { return Err(shown(unfit, out)) };
    static TOLD: Once = Once::new();
    TOLD.call_once(|| tell(&unfit, &fit.compiled.version, at));
    Ok(fit)
}

/// The stage that runs, where there are files of one that can be used.
pub fn if_any(global: &Global) -> Option<Fit> {
    let (place, now) = (place(global), Clock::real().now());
    fit::compile(&place, Some(now)).ok().or_else(|| kept::fit(&place, now).map(|(fit, _)| fit))
}

fn tell(unfit: &Unfit, version: &str, at: Timestamp) {
    let unfit = unfit.to_string().replace('\n', "; ");
    beside(&format!(
        "drehscheibe: {unfit} (see `check`); this works from what was applied at {}, version {version}",
        moment(at)
    ));
}

/// Shows the faults of files as a person reads them, or as JSON, and leaves the error that ends the command.
pub fn shown(unfit: Unfit, out: &mut Output) -> CliError {
    let cause = unfit.to_string();
    if let Unfit::Files(faults) | Unfit::Meeting(faults) = unfit {
        // An output that is gone leaves the exit code, which says the same.
        let _ = out.lines(&show::render(&faults.faults, &[], false));
        let _ = out.value(&faults.json());
    }
    CliError::Usage(cause)
}

/// Refuses to write what a command makes into the store's folder, quarantine, a partner's tray or the folder of the stage with its secrets, and
/// through a link, which leads wherever somebody else says. Every command that writes a file or folder which a person names asks here first;
/// what lies there already each of them leaves as it is, but where it says otherwise.
pub fn may_write(global: &Global, fit: &Fit, to: &Path) -> Result<(), CliError> {
    is_no_link(to)?;
    no_place(to, folders::no_place_for(&place(global), &fit.compiled, to))
}

/// The same for a command that needs no stage: one that is here is spared all the same.
pub fn may_write_alone(global: &Global, to: &Path) -> Result<(), CliError> {
    match if_any(global) {
        Some(fit) => may_write(global, &fit, to),
        None => {
            is_no_link(to)?;
            no_place(to, folders::no_place_beside(&place(global), to).map(str::to_owned))
        }
    }
}

fn no_place(to: &Path, what: Option<String>) -> Result<(), CliError> {
    match what {
        None => Ok(()),
        Some(what) => Err(CliError::Usage(format!(
            "{} lies in {what}, where nothing but deliveries and what the house keeps may lie; name a place outside of it",
            to.display()
        ))),
    }
}

fn is_no_link(to: &Path) -> Result<(), CliError> {
    match to.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(CliError::Usage(format!(
            "{} is a link, and nothing is written through one; name the place itself",
            to.display()
        ))),
        _ => Ok(()),
    }
}

/// The store of the stage for reading: no lock, nothing is changed.
pub fn read_store(global: &Global, out: &mut Output) -> Result<Arc<dyn Store>, CliError> {
    store(global, out, true)
}

/// The store of the stage for posting commands to the running process.
pub fn write_store(global: &Global, out: &mut Output) -> Result<Arc<dyn Store>, CliError> {
    store(global, out, false)
}

fn store(global: &Global, out: &mut Output, read_only: bool) -> Result<Arc<dyn Store>, CliError> {
    let fit = running(global, out)?;
    opened(global, &fit, read_only)
}

/// The store of a stage that is compiled already.
pub fn opened(global: &Global, fit: &Fit, read_only: bool) -> Result<Arc<dyn Store>, CliError> {
    let place = place(global);
    let folder = place.store_folder(&fit.compiled);
    if !folder.is_dir() {
        return Err(CliError::Usage(format!(
            "there is no store at {} yet; name another folder with --data, or {}",
            folder.display(),
            begun_by(fit.compiled.stage.stage)
        )));
    }
    if let Some(told) = person::not_owner(&folder) {
        return Err(CliError::Usage(told));
    }
    if !read_only {
        house::not_a_missing_mount(&place, &fit.compiled)?;
    }
    Ok(house::open_store(&place, &fit.compiled, read_only)?)
}
