//! `schema`: JSON Schema of the files that people write, for their editors.

use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::pipeline;
use crate::route::menus::Menus;
use crate::route::schema;
use crate::transport;

/// Prints one schema; it is JSON with and without `--json`.
pub fn run(args: SchemaArgs, out: &mut Output) -> Result<Exit, CliError> {
    let menus = Menus { steps: pipeline::STEPS, transports: transport::TRANSPORTS };
    let schema = match args.of {
        SchemaOf::Route => schema::route(&menus),
        SchemaOf::Connections => schema::connections(&menus),
        SchemaOf::Partners => schema::partners(),
    };
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    out.raw(text.as_bytes())?;
    out.raw(b"\n")?;
    Ok(Exit::Ok)
}
