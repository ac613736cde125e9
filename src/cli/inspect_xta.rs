//! `inspect` for an XTA message: module, operation, who is named, contents by size and hash, faults.
//! It never shows octets of a content, and proves no identity: a recording has no connection.

use bytes::Bytes;

use crate::cli::exit::{CliError, Exit};
use crate::cli::output::Output;
use crate::transport::xta::glance::{self, Glance};
use crate::transport::xta::receive::Rules;

/// Looks at one message.
pub fn run(octets: Bytes, out: &mut Output) -> Result<Exit, CliError> {
    let seen = glance::glance(&octets, &Rules::default());
    show(&seen, out)?;
    out.value(&seen)?;
    Ok(if seen.readable { Exit::Ok } else { Exit::No })
}

fn show(seen: &Glance, out: &mut Output) -> std::io::Result<()> {
    let verdict = if seen.readable { "readable" } else { "not readable" };
    out.say(&format!(
        "XTA {} {} {}: {verdict}",
        seen.module.unwrap_or("-"),
        seen.operation.unwrap_or("-"),
        seen.turn.unwrap_or("-")
    ))?;
    // In a table, because it keeps a stranger's control characters from the terminal.
    let action = seen.action.iter().map(|action| vec!["action".to_owned(), action.clone()]);
    let fault = seen.fault.iter().map(|fault| {
        let code = fault.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
        let name = fault.exception.unwrap_or(fault.class);
        vec!["fault".to_owned(), format!("{name}{code} {}", fault.text)]
    });
    let deviations = seen.deviations.iter().map(|text| vec!["deviates".to_owned(), (*text).to_owned()]);
    let rows: Vec<Vec<String>> = action.chain(fault).chain(deviations).collect();
    if !rows.is_empty() {
        out.table(&["what", "says"], &rows)?;
    }
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<String>> = seen
        .identities
        .iter()
        .map(|seen| vec![seen.role.to_owned(), seen.value.clone(), dash(&seen.scheme), dash(&seen.category)])
        .collect();
    if !rows.is_empty() {
        out.table(&["role", "identity", "type", "category"], &rows)?;
    }
    let rows: Vec<Vec<String>> = seen
        .metadata
        .iter()
        .chain(&seen.list)
        .map(|meta| {
            vec![meta.id.clone(), dash(&meta.scenario), meta.message_type.clone(), dash(&meta.delivery)]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["order", "scenario", "message type", "delivered"], &rows)?;
    }
    let rows: Vec<Vec<String>> = seen
        .parts
        .iter()
        .map(|part| {
            vec![
                part.role.to_owned(),
                dash(&part.content_type),
                part.size.map(|size| size.to_string()).unwrap_or_else(|| "missing".to_owned()),
                dash(&part.sha256),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.table(&["part", "media type", "octets", "sha-256"], &rows)?;
    }
    Ok(())
}
