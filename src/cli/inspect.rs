//! `inspect`: what a file is, whether it is valid, and where not. Needs no store and no stage; shows no value of the file.

use crate::app::scratch::Scratch;
use crate::cli::args::{Global, InspectArgs};
use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::shipped;
use crate::cli::{inspect_osci, inspect_xta};
use crate::config;
use crate::transport::{osci, xta};
use crate::xoev::contract::Standards;
use crate::xoev::{inspect, package};

/// Largest document that is looked at, octets.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Looks at one file.
pub fn run(global: &Global, args: &InspectArgs, out: &mut Output) -> Result<Exit, CliError> {
    let cannot = |cause: String| CliError::Usage(format!("{}: {cause}", args.file.display()));
    let size =
        std::fs::metadata(&args.file).map_err(|error| cannot(config::what(error.kind()).to_owned()))?.len();
    let too_large =
        |largest: u64| cannot(format!("the file has {size} octets, at most {largest} are taken in"));
    if size > inspect_osci::LARGEST {
        return Err(too_large(inspect_osci::LARGEST));
    }
    let octets = std::fs::read(&args.file).map_err(|error| cannot(config::what(error.kind()).to_owned()))?;
    // XTA first: its services may be named after OSCI, and stacks declare SOAP 1.1 in their faults, but only XTA is SOAP 1.2.
    if xta::glance::recognises(&octets) {
        return inspect_xta::run(octets.into(), out);
    }
    if osci::glance::recognises(&octets) {
        return inspect_osci::run(args, octets.into(), out);
    }
    if size > LARGEST {
        return Err(too_large(LARGEST));
    }
    let scratch = Scratch::new()?;
    let set = package::load(&shipped::packages(&global.xsd, &scratch.0)?).map_err(|faults| {
        CliError::Usage(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    let seen = inspect::inspect(octets.into(), &set, set.reader().as_mut());
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    out.say(&format!(
        "{} {} {}, id {}: {}",
        or_dash(&seen.standard),
        or_dash(&seen.version),
        or_dash(&seen.message),
        or_dash(&seen.id),
        if seen.valid { "valid" } else { "not valid" }
    ))?;
    for rejection in &seen.rejections {
        let place = match (rejection.line, rejection.column) {
            (Some(line), Some(column)) => format!(" {line}:{column}"),
            _ => String::new(),
        };
        out.say(&format!(
            "  {}{place} {} {}",
            rejection.code,
            rejection.path.as_deref().unwrap_or(""),
            rejection.text
        ))?;
    }
    out.value(&seen)?;
    Ok(if seen.valid { Exit::Ok } else { Exit::No })
}
