//! `migrate`: brings the tables of the stage's store up to this program's version, one process at a time, and says what it did.
//! Only ever goes forward, and never changes a store of another stage, key or newer version.

use super::args::Global;
use super::exit::{CliError, Exit};
use super::output::Output;
use super::stage;
use crate::app::house;

/// Migrates the store of the stage.
pub fn run(global: &Global, out: &mut Output) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let done = house::migrate_store(&stage::place(global), &fit.compiled)?;
    let rows: Vec<Vec<String>> = done
        .iter()
        .map(|one| {
            let made = match one.made.as_slice() {
                [] => "nothing to do".to_owned(),
                made => made.join(", "),
            };
            vec![one.tables.to_owned(), one.version.to_string(), made]
        })
        .collect();
    out.table(&["tables", "version", "made"], &rows)?;
    out.value(&done)?;
    Ok(Exit::Ok)
}
