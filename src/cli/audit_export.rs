//! `audit export`: the Nachweiskette and the Abrufprotokoll as lines of JSON with a manifest of hashes, to be judged without this
//! program (`deploy/handbuch/nachweiskette.py`). Held in pages; never replaces a file, never lets others read one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args_audit::AuditExportArgs;
use super::audit_against::{CHAIN, FORMAT, Head, MANIFEST, RETRIEVALS};
use super::audit_verify::{PAGE, walk};
use super::exit::{CliError, Exit};
use super::output::{Output, counted};
use crate::config;
use crate::store::audit::{Held, Link, Recorded, Turn, Viewing, Window};
use crate::store::contract::Store;
use crate::store::private;

/// A file of lines that is hashed as it is written.
struct Lines {
    name: &'static str,
    file: BufWriter<File>,
    hash: digest::Context,
    lines: u64,
}

impl Lines {
    fn new(folder: &Path, name: &'static str) -> io::Result<Lines> {
        let file = BufWriter::new(private::new_file(&folder.join(name))?);
        Ok(Lines { name, file, hash: digest::Context::new(&digest::SHA256), lines: 0 })
    }

    fn put(&mut self, value: &Value) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.hash.update(&line);
        self.lines += 1;
        self.file.write_all(&line)
    }

    fn end(self) -> io::Result<Value> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let hash = hex::encode(self.hash.finish().as_ref());
        Ok(json!({ "name": self.name, "lines": self.lines, "sha256": hash }))
    }
}

/// Writes the folder and says what is in it; `(stage, person)`.
pub async fn run(
    store: &dyn Store,
    (stage, person): (&str, &str),
    now: Timestamp,
    args: &AuditExportArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let folder = &args.out;
    if folder.symlink_metadata().is_ok() {
        return Err(CliError::Usage(format!(
            "{} is there already; name a folder that is not",
            folder.display()
        )));
    }
    let cannot = |error: io::Error| {
        CliError::Usage(format!(
            "{} cannot be written: {}; make room or name another folder",
            folder.display(),
            config::what(error.kind())
        ))
    };
    let recorded = store.record(Viewing::Exported, person, &args.reason, now).await?;
    private::made(folder).map_err(cannot)?;
    let mut chain = Lines::new(folder, CHAIN).map_err(cannot)?;
    let mut strands = Vec::new();
    let (mut links, mut faults) = (0, 0);
    for strand in store.strands().await? {
        let begin =
            Head { strand: strand.number, place: strand.begin, link: hex::encode(&strand.begin_link) };
        let judge = walk(store, strand, async |page| {
            let reasons = store.reasons(&recorded, page).await?;
            for (link, reason) in page.iter().zip(reasons) {
                chain.put(&of_link(link, reason.as_deref())).map_err(cannot)?;
            }
            Ok(())
        })
        .await?;
        let end = Head {
            strand: begin.strand,
            place: judge.place(),
            link: judge.head().map(hex::encode).unwrap_or_default(),
        };
        (links, faults) = (links + judge.links, faults + judge.found);
        strands.push(json!({ "begin": begin, "end": end, "links": judge.links, "faults": judge.found }));
    }
    let chain = chain.end().map_err(cannot)?;
    let (retrievals, count) = retrievals(store, &recorded, folder, cannot).await?;
    let manifest = json!({
        "format": FORMAT,
        "program": env!("CARGO_PKG_VERSION"),
        "stage": stage,
        "made": now,
        "person": person,
        "reason": args.reason,
        "strands": strands,
        "files": [chain, retrievals],
    });
    let hash = written(folder, &manifest).map_err(cannot)?;
    out.say(&format!(
        "{} and {} in {}",
        counted(links, "link"),
        counted(count, "retrieval"),
        folder.display()
    ))?;
    out.say(&format!("sha256 of {MANIFEST}: {hash}"))?;
    out.say("note that hash down where the operator cannot write; it holds everything else")?;
    if faults > 0 {
        out.say(&format!("NOT whole: {}; `drehscheibe audit verify` names them", counted(faults, "fault")))?;
    }
    out.value(&json!({ "folder": folder, "links": links, "retrievals": count, "faults": faults, "manifest_sha256": hash }))?;
    Ok(if faults == 0 { Exit::Ok } else { Exit::No })
}

async fn retrievals(
    store: &dyn Store,
    recorded: &Recorded,
    folder: &Path,
    cannot: impl Fn(io::Error) -> CliError + Copy,
) -> Result<(Value, u64), CliError> {
    let mut file = Lines::new(folder, RETRIEVALS).map_err(cannot)?;
    let mut before = None;
    loop {
        let page = store.retrievals(recorded, &Window::default(), Turn { before, limit: PAGE }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        for one in &page {
            file.put(&one.line()).map_err(cannot)?;
        }
    }
    let count = file.lines;
    Ok((file.end().map_err(cannot)?, count))
}

fn written(folder: &Path, manifest: &Value) -> io::Result<String> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let mut file = private::new_file(&folder.join(MANIFEST))?;
    file.write_all(&text)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(hex::encode(digest::digest(&digest::SHA256, &text)))
}

fn of_link(link: &Link, reason: Option<&str>) -> Value {
    let mut line = json!({
        "strand": link.strand,
        "place": link.place,
        "hash": link.hash.as_ref().map(hex::encode),
        "link": link.link.as_ref().map(hex::encode),
    });
    let change = match &link.change {
        Held::There(change) => change,
        Held::Gone => {
            line["row"] = json!("gone");
            return line;
        }
        Held::Unreadable => {
            line["row"] = json!("unreadable");
            return line;
        }
    };
    line["row"] = json!("there");
    line["at_us"] = json!(change.at);
    line["at"] = json!(Timestamp::from_microsecond(change.at).ok());
    line["subject"] = json!(change.subject);
    line["what"] = json!(change.what);
    // The octets that were hashed. They are JSON themselves; as a text they come back as they were.
    match std::str::from_utf8(&change.detail) {
        Ok(detail) => line["detail"] = json!(detail),
        Err(_) => line["detail_hex"] = json!(hex::encode(&change.detail)),
    }
    line["salt"] = json!(change.salt.as_ref().map(hex::encode));
    if change.stands {
        line["subject_there"] = json!(true);
    }
    line["traceparent"] = json!(change.traceparent);
    line["reason"] = json!(reason);
    if let Some(by) = &change.by {
        line["person"] = json!(by.person);
        line["partner"] = json!(by.partner);
        line["mandant"] = json!(by.mandant);
        line["decided_by"] = json!(by.decided_by);
    }
    line
}
