//! `messages original`: the original of a message in files, for a person who has to compare two versions or hand one on. A payload is shown
//! to two persons only, and both stand with their reasons in the Abrufprotokoll (rules.md 8 and 9).
//! Never prints content, never takes a name of a file from a message, and never writes over anything.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::args_messages::OriginalArgs;
use super::exit::{CliError, Exit};
use super::new_folder;
use super::output::Output;
use super::two_persons::{self, Granted};
use crate::clock::Clock;
use crate::envelope::{Envelope, Part};
use crate::store::contract::Store;
use crate::store::listed::Listed;
use crate::store::stamp::Scope;

/// What is asked for.
const COMMAND: &str = "messages original";

/// What was written, and what it is of.
#[derive(Debug, Serialize)]
struct Written {
    id: Uuid,
    received: Timestamp,
    message: Option<String>,
    partner: String,
    binding: String,
    sha256: String,
    size: u64,
    files: Vec<File>,
}

/// A file and what its sender called it.
#[derive(Debug, Serialize)]
struct File {
    file: String,
    name: String,
    media: String,
    size: u64,
    sha256: String,
}

/// Notes a first person's request, or writes the files for a second one.
pub async fn run(
    store: &dyn Store,
    clock: &Clock,
    person: &str,
    args: &OriginalArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let (id, folder, now) = (args.id, args.out.as_path(), clock.now());
    let Granted { listed, who, why } =
        match two_persons::granted(store, COMMAND, (person, now), args, out).await? {
            Ok(granted) => granted,
            Err(ends) => return Ok(ends),
        };
    // In the scope of its Mandant only, and recorded before it is handed out.
    let scope = Scope::Mandant(listed.mandant.clone());
    let original = match store.original(&scope, id, &who, &why, now).await {
        Ok(Some(original)) => original,
        other => {
            let _ = std::fs::remove_dir(folder);
            other?;
            out.none(&format!("the original of {id} is not kept, only its hash and size"))?;
            return Ok(Exit::No);
        }
    };
    two_persons::answered(store, (COMMAND, id)).await?;
    let written = write(store, &listed, original, folder).await?;
    out.say(&format!(
        "{} files in {}; remove them when they are not needed any more",
        written.files.len() + 1,
        folder.display()
    ))?;
    // What parts are called may name somebody: that stands beside them only.
    let files: Vec<&str> = written.files.iter().map(|file| file.file.as_str()).collect();
    out.value(
        &serde_json::json!({ "state": "written", "id": written.id, "folder": folder, "files": files }),
    )?;
    Ok(Exit::Ok)
}

async fn write(
    store: &dyn Store,
    listed: &Listed,
    original: Envelope,
    folder: &Path,
) -> Result<Written, CliError> {
    let Envelope { head, evidence, body, parts } = original;
    let mut files = Vec::with_capacity(parts.len() + 1);
    let media = head.content_type.unwrap_or_default();
    let file = format!("dokument.{}", ending(&media));
    new_folder::file(folder, &file)?.write_all(&body).map_err(CliError::Output)?;
    let (size, sha256) = (body.len() as u64, evidence.octets_sha256.clone());
    files.push(File { file, name: String::new(), media, size, sha256 });
    for (nth, part) in parts.into_iter().enumerate() {
        let file = format!("teil-{}.{}", nth + 1, ending(&part.content_type));
        let mut to = new_folder::file(folder, &file)?;
        let Part { name, content_type, size, sha256, claim, mandant, .. } = part;
        let mut from = store.open_claim(&mandant, &claim).await?;
        while let Some(octets) = from.read().await? {
            to.write_all(&octets).map_err(CliError::Output)?;
        }
        files.push(File { file, name, media: content_type, size, sha256 });
    }
    let written = Written {
        id: listed.id,
        received: listed.received,
        message: listed.message.clone(),
        partner: listed.partner.clone(),
        binding: listed.binding.clone(),
        sha256: evidence.octets_sha256,
        size: evidence.size,
        files,
    };
    let said = serde_json::to_vec_pretty(&written).map_err(io::Error::other).map_err(CliError::Output)?;
    new_folder::file(folder, "angaben.json")?.write_all(&said).map_err(CliError::Output)?;
    Ok(written)
}

/// How a file ends by what its sender says that it is; whatever else that is, it is no program.
fn ending(media: &str) -> &'static str {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/pdf" => "pdf",
        "application/json" => "json",
        "text/plain" => "txt",
        _ if media.ends_with("/xml") || media.ends_with("+xml") => "xml",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_as_ours_do_and_never_as_its_sender_says() {
        for (media, expected) in [
            ("application/xml; charset=utf-8", "xml"),
            ("application/soap+xml", "xml"),
            ("Application/PDF", "pdf"),
            ("application/x-sh", "bin"),
            ("../../x", "bin"),
            ("", "bin"),
        ] {
            assert_eq!(ending(media), expected, "{media}");
        }
    }
}
