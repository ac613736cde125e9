//! `xta`: by hand at an XTA server, of the stage or any other: list, fetch, send, ask for a report. It shows what its user asked for and no
//! content, closes nothing unless told so, and sends nothing twice.

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::args::Global;
use super::args_xta::{At, XtaCommand};
use super::exit::{CliError, Exit};
use super::laid::{Made, ending, free};
use super::output::{Output, moment};
use super::stage;
use crate::app::fit::{self, Fit};
use crate::clock::Clock;
use crate::envelope::Part;
use crate::transport::caller::Around;
use crate::transport::settings;
use crate::transport::xta::model::{MetaData, Party, Report, Severity};
use crate::transport::xta_client::ENTRY;
use crate::transport::xta_client::by_hand::{self, Folder, Sending};
use crate::transport::xta_client::fetch::Whole;
use crate::transport::xta_client::link::Link;
use crate::transport::xta_client::settings::{ChannelSettings, Settings};
use crate::transport::xta_client::trouble::{Trouble, Verdict, judged};

/// Octets of a document.
const DOCUMENT: u64 = 8 << 20;

/// Runs a command.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &XtaCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        XtaCommand::Ls { at, most } => ls(global, at, *most, out).await,
        XtaCommand::Get { at, id, to, close } => get(global, at, (id, to), *close, out).await,
        XtaCommand::Report { at, id } => report(global, at, id, out).await,
        XtaCommand::Send { at, .. } => send(global, clock, at, command, out).await,
    }
}

/// A message in a list, as its server says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: &'a str,
    author: &'a str,
    reader: &'a str,
    service: Option<&'a str>,
    message_type: &'a str,
    size: Option<u64>,
    test: bool,
    laid: Option<&'a str>,
    fetched: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(meta: &'a MetaData) -> Line<'a> {
        Line {
            id: &meta.message_id,
            author: &meta.author.identity.value,
            reader: &meta.reader.identity.value,
            service: meta.service.as_deref(),
            message_type: &meta.message_type.code.value,
            size: meta.size,
            test: meta.test,
            laid: meta.times.delivery.as_deref(),
            fetched: meta.times.initial_fetch.as_deref(),
        }
    }
}

async fn ls(global: &Global, at: &At, most: u64, out: &mut Output) -> Result<Exit, CliError> {
    let (link, reader, _) = server(global, at)?;
    let page = match by_hand::list(&link, &reader, most).await {
        Ok(page) => page,
        Err(trouble) => return no(&trouble, out),
    };
    let lines: Vec<Line<'_>> = page.full.iter().map(Line::of).collect();
    match lines.is_empty() {
        true => out.say("nothing lies there")?,
        false => {
            let row = |line: &Line<'_>| {
                vec![
                    line.id.to_owned(),
                    line.author.to_owned(),
                    line.message_type.to_owned(),
                    of_server(line.laid),
                    of_server(line.fetched),
                ]
            };
            let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
            out.table(&["ID", "AUTHOR", "TYPE", "LAID", "FETCHED"], &rows)?;
        }
    }
    if page.pending > 0 {
        out.say(&format!("{} more", page.pending))?;
    }
    out.value(&json!({ "messages": lines, "more": page.pending }))?;
    Ok(Exit::Ok)
}

async fn get(
    global: &Global,
    at: &At,
    (id, to): (&str, &Path),
    close: bool,
    out: &mut Output,
) -> Result<Exit, CliError> {
    if at.connection.is_some() {
        return Err(usage(
            "what lies in a mailbox of the stage is taken in by its route, and who looks at it is recorded by `messages original`; fetch \
             by hand with --url, --cert, --key and --ca",
        ));
    }
    // Without files of a stage here it can be no mailbox of theirs.
    stage::may_write_alone(global, to)?;
    if let Some(fit) = stage::if_any(global)
        && let Some(connection) = of_the_stage(&fit, at)
    {
        return Err(CliError::Usage(format!(
            "this is the mailbox of connection {connection} of the stage: its route takes in what lies there, and who looks at it is recorded \
             by `messages original`; closed by hand it would be lost to the house"
        )));
    }
    let (link, reader, _) = server(global, at)?;
    let made = Made::folder(to)?;
    let whole = match by_hand::fetch(&link, &reader, id, &Folder::new(to.to_owned())).await {
        Ok(whole) => whole,
        Err(trouble) => {
            made.take_back();
            return no(&trouble, out);
        }
    };
    let files = laid(&whole, to)?;
    if let Some(apart) = whole.apart {
        out.say(&format!("it cannot be opened: {apart}; what there is of it was laid down"))?;
    }
    // Closing comes after all of it is on the disk.
    let closed = match close {
        false => false,
        true => match by_hand::close(&link, &reader, &whole).await {
            Ok(()) => true,
            Err(trouble) => {
                out.say("the files are here, and it is not closed")?;
                return no(&trouble, out);
            }
        },
    };
    let rows: Vec<Vec<String>> =
        files.iter().map(|file| ["file", "size", "sha256"].map(|key| text(&file[key])).to_vec()).collect();
    out.table(&["FILE", "SIZE", "SHA-256"], &rows)?;
    out.say(if closed { "closed" } else { "not closed: it stays in the mailbox" })?;
    out.value(&json!({
        "message": Line::of(&whole.meta), "files": files, "closed": closed, "apart": whole.apart, "sha256": whole.sha256,
    }))?;
    Ok(if whole.apart.is_some() { Exit::No } else { Exit::Ok })
}

/// The connection of the stage whose mailbox the arguments name: at the same server, as somebody who reads there.
fn of_the_stage(fit: &Fit, at: &At) -> Option<String> {
    let host = |url: &str| {
        let url = reqwest::Url::parse(url).ok()?;
        Some((url.host_str()?.trim_end_matches('.').to_ascii_lowercase(), url.port_or_known_default()))
    };
    let asked = host(at.url.last()?)?;
    let sources = fit.compiled.sources.iter().filter(|source| source.kind == ENTRY.word);
    for source in sources {
        let Ok(settings) = settings::read::<Settings>(&source.connection, &source.settings) else { continue };
        let mut reads = settings.identities.iter().chain(&settings.readers);
        let is_its = reads.any(|one| at.identity.as_ref() == Some(&one.value));
        if is_its && host(&settings.ports.mailbox) == Some(asked.clone()) {
            return Some(source.connection.clone());
        }
    }
    None
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Lays the document down, and gives attachments their names. Names of its author are not used: they are a stranger's, and may name persons.
fn laid(whole: &Whole, to: &Path) -> Result<Vec<Value>, CliError> {
    let mut files = Vec::new();
    if !whole.document.is_empty() {
        let content_type = whole.content_type.as_deref().unwrap_or_default();
        let path = free(to, "nachricht", ending(content_type));
        let mut file = by_hand::create(&path)?;
        file.write_all(&whole.document)?;
        file.sync_all()?;
        let sha256 = crate::transport::ids::sha256_hex(&whole.document);
        files.push(json!({ "file": path, "size": whole.document.len(), "sha256": sha256 }));
    }
    for (at, Part { content_type, size, sha256, claim, .. }) in whole.parts.iter().enumerate() {
        let path = free(to, &format!("anlage-{}", at + 1), ending(content_type));
        std::fs::rename(to.join(&claim.name), &path)?;
        files.push(json!({ "file": path, "size": size, "sha256": sha256 }));
    }
    Ok(files)
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "pdf" => "application/pdf",
        "json" => "application/json",
        "txt" => "text/plain",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

async fn send(
    global: &Global,
    clock: &Clock,
    at: &At,
    command: &XtaCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let XtaCommand::Send { file, to, attachments, message, service, scenario, schema, real, .. } = command
    else {
        return Ok(Exit::Cannot);
    };
    if *real && at.connection.is_some() {
        return Err(usage(
            "what the stage sends leaves by its routes, which keep and record it; by hand it sends tests, or give --url, --cert, --key and \
             --ca",
        ));
    }
    let (link, author, author_named) = server(global, at)?;
    let written = json!({
        "reader": { "value": to }, "author": author_named,
        "documents": [{ "message": message, "service": service, "scenario": scenario, "schema": schema }],
    });
    let faults = (ENTRY.check_channel)(&written);
    if let Some((path, fault)) = faults.first() {
        return Err(CliError::Usage(format!("{path} {fault}")));
    }
    let channel: ChannelSettings = settings::read("xta", &written).map_err(usage)?;
    let size = |path: &Path| match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(found.len()),
        _ => Err(CliError::Usage(format!("{}: is no file that can be read", path.display()))),
    };
    if size(file)? > DOCUMENT {
        return Err(CliError::Usage(
            "the document is larger than 8 MiB; send it as an attachment".to_owned(),
        ));
    }
    let document = Bytes::from(std::fs::read(file)?);
    let attachments = attachments
        .iter()
        .map(|path| Ok((std::path::absolute(path)?, size(path)?, media_type(path).to_owned())))
        .collect::<Result<Vec<_>, CliError>>()?;
    let content_type = media_type(file).to_owned();
    let sending = Sending { message: message.clone(), test: !real, document, content_type, attachments };
    let id = match by_hand::new_id(&link, &author).await {
        Ok(id) => id,
        Err(trouble) => return no(&trouble, out),
    };
    match by_hand::send(&link, &id, (&author, &channel), sending, clock.now()).await {
        Ok(()) => {
            out.say(&format!("taken as {}", plain(&id)))?;
            out.value(&json!({ "id": id, "taken": true }))?;
            Ok(Exit::Ok)
        }
        Err(trouble) if matches!(judged(&trouble), Verdict::Not(_)) => no(&trouble, out),
        // It may have been taken: whoever sends it again may send it twice.
        Err(trouble) => {
            out.say(&format!("nobody knows whether it was taken: {trouble}"))?;
            out.say(&format!("ask `drehscheibe xta report {}` before it is sent again", plain(&id)))?;
            out.value(
                &json!({ "id": id, "taken": null, "trouble": trouble.to_string(), "turn": trouble.turn() }),
            )?;
            Ok(Exit::No)
        }
    }
}

async fn report(global: &Global, at: &At, id: &str, out: &mut Output) -> Result<Exit, CliError> {
    let (link, identity, _) = server(global, at)?;
    let report: Report = match by_hand::report(&link, &identity, id).await {
        Ok(Some(report)) => report,
        Ok(None) => {
            out.say("the server knows no order of this account under that id")?;
            out.value(&json!({ "id": id, "status": null }))?;
            return Ok(Exit::No);
        }
        Err(trouble) => return no(&trouble, out),
    };
    let status = match report.status {
        0 => "open",
        1 => "green",
        2 => "yellow",
        3 => "red",
        _ => "unknown",
    };
    let severity = |severity: Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    // Why an event came is the server's own text, which may speak of persons: its code is not.
    let events: Vec<[String; 3]> = report
        .events
        .iter()
        .map(|event| [event.time.clone(), severity(event.severity).to_owned(), event.code.value.clone()])
        .collect();
    out.say(&format!("{status} (since {})", of_server(Some(&report.time))))?;
    if !events.is_empty() {
        let row = |[time, severity, code]: &[String; 3]| {
            vec![of_server(Some(time)), severity.clone(), code.clone()]
        };
        let rows: Vec<Vec<String>> = events.iter().map(row).collect();
        out.table(&["WHEN", "HOW GRAVE", "CODE"], &rows)?;
    }
    let events: Vec<Value> = events
        .iter()
        .map(|[time, severity, code]| json!({ "time": time, "severity": severity, "code": code }))
        .collect();
    out.value(&json!({ "id": id, "status": status, "time": report.time, "events": events }))?;
    Ok(if report.status == 3 { Exit::No } else { Exit::Ok })
}

/// What a server did not do: not reached it cannot run, refused the answer is no.
fn no(trouble: &Trouble, out: &mut Output) -> Result<Exit, CliError> {
    if let Trouble::Unreached(why) = trouble {
        return Err(CliError::Usage(why.once()));
    }
    out.say(&trouble.to_string())?;
    out.value(&json!({ "trouble": trouble.to_string(), "turn": trouble.turn() }))?;
    Ok(Exit::No)
}

/// A moment as a server writes it, on our clock; what is none is shown as it was written.
fn of_server(written: Option<&str>) -> String {
    let Some(written) = written else { return "–".to_owned() };
    written.parse().map_or_else(|_| plain(written), moment)
}

/// What a stranger wrote, without what a terminal would act on.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn usage(fault: impl std::fmt::Display) -> CliError {
    CliError::Usage(fault.to_string())
}

/// The server, as whom it is asked, and that as it would be written.
fn server(global: &Global, at: &At) -> Result<(Link, Party, Value), CliError> {
    let (name, settings) = match &at.connection {
        Some(name) => (name.as_str(), of_stage(global, name)?),
        None => ("xta", of_arguments(at)?),
    };
    let named = match &at.identity {
        None => settings.identities.first().cloned(),
        Some(value) => {
            let known = settings.identities.iter().chain(&settings.readers);
            known
                .into_iter()
                .find(|named| named.value == *value)
                .cloned()
                .or_else(|| serde_json::from_value(json!({ "value": value })).ok())
        }
    };
    let named = named.ok_or_else(|| usage("nobody is written as whom the server is asked; give --as"))?;
    let written =
        json!({ "value": named.value, "type": named.r#type, "name": named.name, "category": named.category });
    let link = Link::open(name, settings, Around::alone()).map_err(usage)?;
    Ok((link, Party::of(named.identity()), written))
}

/// The settings of a connection of the stage.
fn of_stage(global: &Global, name: &str) -> Result<Settings, CliError> {
    let place = stage::place(global);
    let fit = fit::compile(&place, None).map_err(CliError::from_unfit)?;
    let sources = fit.compiled.sources.iter().map(|of| (&of.connection, &of.kind, &of.settings));
    let destinations = fit.compiled.destinations.iter().map(|of| (&of.connection, &of.kind, &of.settings));
    let found = sources.chain(destinations).find(|(known, kind, _)| *known == name && *kind == ENTRY.word);
    let (.., written) = found.ok_or_else(|| {
        usage("no connection of kind xta-client has this name; `check --explain` shows those of the stage")
    })?;
    let settings: Settings = settings::read(name, written).map_err(usage)?;
    Ok(settings.below(&place.config))
}

/// The settings that the arguments say.
fn of_arguments(at: &At) -> Result<Settings, CliError> {
    let below = |port: &str| at.url.first().map(|url| format!("{}/{port}", url.trim_end_matches('/')));
    let ports = match at.url.as_slice() {
        [_] => ["ManagementPort", "SendXtaPort", "MsgBoxPort"].map(below),
        [management, send, mailbox] => [management, send, mailbox].map(|url| Some(url.clone())),
        _ => return Err(usage("give --url once, or three times: management, send, mailbox")),
    };
    let [management, send, mailbox] = ports;
    let written = json!({
        "ports": { "management": management, "send": send, "mailbox": mailbox },
        "tls": { "ca": at.ca, "client-certificate": { "certificate": at.cert, "key": at.key } },
        "identities": [{ "value": at.identity }],
    });
    if let Some((path, fault)) = (ENTRY.check)(&written).first() {
        return Err(CliError::Usage(format!("{path} {fault}")));
    }
    settings::read("xta", &written).map_err(usage)
}
