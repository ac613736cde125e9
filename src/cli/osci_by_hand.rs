//! `osci send`, `fetch` and `laufzettel`: by hand at an intermediary, of the stage or any other. It shows what its user asked for and no content, says of
//! nothing that it was received unless told so, and sends nothing twice.

use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

use super::args::Global;
use super::args_osci::{At, OsciCommand};
use super::exit::{CliError, Exit};
use super::laid::{Made, ending, free};
use super::output::{Output, moment};
use super::stage;
use crate::app::fit::{self, Fit};
use crate::transport::ids::sha256_hex;
use crate::transport::osci::order::{ProcessCard, Stamp};
use crate::transport::osci_client::ENTRY;
use crate::transport::osci_client::by_hand::{self, Fetched, Sending};
use crate::transport::osci_client::cards;
use crate::transport::osci_client::link::Link;
use crate::transport::osci_client::settings::{ChannelSettings, Settings, server};
use crate::transport::osci_client::trouble::{Trouble, Verdict, judged};
use crate::transport::osci_pins;
use crate::transport::port::Admission;
use crate::transport::port::account::Account;
use crate::transport::settings;
use crate::transport::xta_client::by_hand::create;

/// Octets of a document.
const DOCUMENT: u64 = 8 << 20;
/// What a partner is called where no stage names one.
const SOMEBODY: &str = "partner";

/// Runs a command.
pub async fn run(global: &Global, command: &OsciCommand, out: &mut Output) -> Result<Exit, CliError> {
    match command {
        OsciCommand::Send { at, .. } => send(global, at, command, out).await,
        OsciCommand::Fetch { at, id, to, authors, receive } => match (id, to) {
            (Some(id), Some(to)) => fetch(global, at, (id, to), (authors, *receive), out).await,
            _ => list(global, at, out).await,
        },
        OsciCommand::Laufzettel { at, id } => laufzettel(global, at, id, out).await,
        OsciCommand::Intermediary { .. } => Ok(Exit::Cannot),
    }
}

/// An intermediary, and the settings of the channel by which somebody is written to.
struct Server {
    link: Link,
    channels: Vec<(String, ChannelSettings)>,
}

/// The intermediary of the arguments; who is known there beside those of a stage, by his certificates.
fn intermediary(
    global: &Global,
    at: &At,
    (authors, reader): (&[PathBuf], Option<&PathBuf>),
) -> Result<(Server, Option<Fit>), CliError> {
    let Some(name) = &at.connection else {
        let settings = of_arguments(at)?;
        let absolute =
            |paths: &[PathBuf]| paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
        let cipher: Vec<PathBuf> = reader.cloned().into_iter().collect();
        let channel = json!({ "authors": absolute(authors)?, "cipher": absolute(&cipher)? });
        let account = Account {
            connection: "osci".to_owned(),
            partner: SOMEBODY.to_owned(),
            identities: Vec::new(),
            settings: channel.clone(),
        };
        let admission = Admission { accounts: vec![account], ..Admission::default() };
        let house = by_hand::alone(admission, std::env::current_dir()?);
        let link = Link::open("osci", settings, house).map_err(usage)?;
        let own = settings::read("osci", &channel).map_err(usage)?;
        return Ok((Server { link, channels: vec![(SOMEBODY.to_owned(), own)] }, None));
    };
    let place = stage::place(global);
    let fit = fit::compile(&place, None).map_err(CliError::from_unfit)?;
    let found = fit.compiled.sources.iter().find(|of| of.connection == *name && of.kind == ENTRY.word);
    let found = found.ok_or_else(|| {
        usage("no connection of kind osci-client has this name; `check --explain` shows those of the stage")
    })?;
    let settings = settings::read(name, &found.settings).map_err(usage)?;
    let of = |wanted: &crate::route::compiled::WantedDestination| {
        let own = settings::read(name, &wanted.channel.settings).ok()?;
        Some((wanted.channel.partner.clone(), own))
    };
    let all = fit.compiled.destinations.iter().filter(|wanted| wanted.connection == *name);
    let channels = all.filter_map(of).collect();
    let house = by_hand::alone(fit.compiled.admission.clone(), place.config);
    let link = Link::open(name, settings, house).map_err(usage)?;
    Ok((Server { link, channels }, Some(fit)))
}

/// The settings that the arguments say.
fn of_arguments(at: &At) -> Result<Settings, CliError> {
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
    let all = |paths: &[PathBuf]| paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
    let pair = |certificate, key| {
        Ok::<_, std::io::Error>(json!({ "certificate": absolute(certificate)?, "key": absolute(key)? }))
    };
    let written = json!({
        "url": at.url, "ca": absolute(&at.ca)?,
        "keys": {
            "signature": pair(&at.signature_cert, &at.signature_key)?,
            "cipher": [pair(&at.cipher_cert, &at.cipher_key)?],
        },
        "intermediary": {
            "signature": all(&at.intermediary_signature)?, "cipher": all(&at.intermediary_cipher)?,
        },
    });
    if let Some((path, fault)) = (ENTRY.check)(&written).first() {
        return Err(CliError::Usage(format!("{path} {fault}")));
    }
    settings::read("osci", &written).map_err(usage)
}

/// The connection of the stage whose mailbox the arguments name: at the same intermediary, that of the same certificate.
fn of_the_stage(global: &Global, fit: &Fit, at: &At) -> Option<String> {
    let asked = of_arguments(at).ok()?;
    let own = osci_pins::read(&asked.keys.cipher.first()?.certificate).ok()?;
    let config = stage::place(global).config;
    let sources = fit.compiled.sources.iter().filter(|source| source.kind == ENTRY.word);
    for source in sources {
        let Ok(settings) = settings::read::<Settings>(&source.connection, &source.settings) else { continue };
        let mut files = settings.keys.cipher.iter().map(|files| config.join(&files.certificate));
        let same =
            files.any(|path| osci_pins::read(&path).is_ok_and(|all| all.iter().any(|one| own.contains(one))));
        if settings.mailbox && same && server(&settings) == server(&asked) {
            return Some(source.connection.clone());
        }
    }
    None
}

/// Nothing of a mailbox of the stage is looked at by hand.
fn not_of_the_stage(global: &Global, at: &At, to: Option<&Path>) -> Result<(), CliError> {
    const ITS: &str =
        "its route takes in what lies there, and who looks at it is recorded by `messages original`";
    if at.connection.is_some() {
        return Err(CliError::Usage(format!(
            "this is a mailbox of the stage: {ITS}; fetch by hand with --url and keys of your own"
        )));
    }
    if let Some(to) = to {
        stage::may_write_alone(global, to)?;
    }
    let Some(fit) = stage::if_any(global) else { return Ok(()) };
    match of_the_stage(global, &fit, at) {
        Some(connection) => Err(CliError::Usage(format!(
            "this is the mailbox of connection {connection} of the stage: {ITS}; received by hand it would be lost to the house"
        ))),
        None => Ok(()),
    }
}

async fn list(global: &Global, at: &At, out: &mut Output) -> Result<Exit, CliError> {
    not_of_the_stage(global, at, None)?;
    let (server, _) = intermediary(global, at, (&[], None))?;
    let (found, complete) = match by_hand::list(&server.link).await {
        Ok(found) => found,
        Err(trouble) => return no(&trouble, out),
    };
    match found.is_empty() {
        true => out.say("nothing lies there")?,
        false => {
            let row = |card: &ProcessCard| {
                vec![plain(&card.message_id), told(&card.creation), told(&card.forwarding)]
            };
            let rows: Vec<Vec<String>> = found.iter().map(row).collect();
            out.table(&["ID", "LAID", "FETCHED"], &rows)?;
        }
    }
    if !complete {
        out.say("there is more, which the intermediary does not list")?;
    }
    let cards: Vec<Value> = found.iter().map(shown).collect();
    out.value(&json!({ "deliveries": cards, "complete": complete }))?;
    Ok(Exit::Ok)
}

async fn fetch(
    global: &Global,
    at: &At,
    (id, to): (&str, &Path),
    (authors, receive): (&[PathBuf], bool),
    out: &mut Output,
) -> Result<Exit, CliError> {
    not_of_the_stage(global, at, Some(to))?;
    let (server, _) = intermediary(global, at, (authors, None))?;
    let made = Made::folder(to)?;
    let fetched = by_hand::fetch(&server.link, id, receive, |fetched| laid(fetched, to)).await;
    let (fetched, files) = match fetched {
        Ok(fetched) => fetched,
        Err(trouble) => {
            made.take_back();
            return no(&trouble, out);
        }
    };
    let files = files?;
    if let Some(apart) = fetched.apart {
        out.say(&format!("nothing of it can be read: {apart}"))?;
    }
    let rows: Vec<Vec<String>> = files
        .iter()
        .map(|file| {
            let text = |key: &str| file[key].as_str().map_or_else(|| file[key].to_string(), str::to_owned);
            ["file", "size", "sha256"].map(text).to_vec()
        })
        .collect();
    out.table(&["FILE", "SIZE", "SHA-256"], &rows)?;
    out.say(&fetched.verification)?;
    out.say(if receive { "received" } else { "not received: it stays in the mailbox" })?;
    out.value(&json!({
        "id": id, "files": files, "received": receive, "apart": fetched.apart, "verification": fetched.verification,
    }))?;
    Ok(if fetched.apart.is_some() { Exit::No } else { Exit::Ok })
}

/// Lays the contents down. Names of their author are not used: they are a stranger's, and may name persons.
fn laid(fetched: &Fetched, to: &Path) -> Result<Vec<Value>, CliError> {
    let mut files = Vec::new();
    for (at, content) in fetched.contents.iter().enumerate() {
        let ending = match &content.media_type {
            Some(kind) => ending(kind),
            None if content.octets.trim_ascii_start().starts_with(b"<") => "xml",
            None => "bin",
        };
        let name = if at == 0 { "nachricht".to_owned() } else { format!("anlage-{at}") };
        let path = free(to, &name, ending);
        let mut file = create(&path)?;
        file.write_all(&content.octets)?;
        file.sync_all()?;
        let sha256 = sha256_hex(&content.octets);
        files.push(
            json!({ "file": path, "size": content.octets.len(), "sha256": sha256, "signed": content.signed }),
        );
    }
    Ok(files)
}

async fn send(global: &Global, at: &At, command: &OsciCommand, out: &mut Output) -> Result<Exit, CliError> {
    let OsciCommand::Send { file, to, reader, attachments, subject, forward, .. } = command else {
        return Ok(Exit::Cannot);
    };
    let (server, fit) = intermediary(global, at, (&[], reader.as_ref()))?;
    if fit.is_some_and(|fit| fit.compiled.stage.stage.is_real()) {
        return Err(usage(
            "what a real stage sends leaves by its routes, which keep and record it; give --url and keys of your own",
        ));
    }
    let partner = to.as_deref().unwrap_or(SOMEBODY);
    let Some((_, channel)) = server.channels.iter().find(|(known, _)| known == partner) else {
        return Err(usage("this partner has no channel by this connection; see `partners check`"));
    };
    let size = |path: &Path| match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(found.len()),
        _ => Err(CliError::Usage(format!("{}: is no file that can be read", path.display()))),
    };
    if size(file)? > DOCUMENT {
        return Err(usage("the document is larger than 8 MiB; send it as an attachment"));
    }
    let mut parts = Vec::new();
    let mut whole = 0;
    for path in attachments {
        whole += size(path)?;
        if whole > server.link.settings.most() / 2 {
            return Err(usage("the attachments are larger than 50 MiB together"));
        }
        parts.push(Bytes::from(std::fs::read(path)?));
    }
    let certificate = match by_hand::reader(&server.link, partner).await {
        Ok(Some(certificate)) => certificate,
        Ok(None) => return Err(usage("no certificate to encrypt for is in its term and can be read")),
        Err(trouble) => return no(&trouble, out),
    };
    let sending = Sending {
        document: Bytes::from(std::fs::read(file)?),
        parts,
        subject: subject.clone().or_else(|| channel.subject.clone()),
        forward: forward.clone().or_else(|| channel.forward.clone()),
    };
    let written = json!({ "cipher": ["x"], "subject": sending.subject, "forward": sending.forward });
    if let Some((path, fault)) = (ENTRY.check_channel)(&written).first() {
        return Err(CliError::Usage(format!("{path} {fault}")));
    }
    let id = match by_hand::new_id(&server.link).await {
        Ok(id) => id,
        Err(trouble) => return no(&trouble, out),
    };
    match by_hand::send(&server.link, &id, certificate, sending).await {
        Ok(evidence) => {
            out.say(&format!("taken as {}", plain(&id)))?;
            out.say(&evidence)?;
            out.value(&json!({ "id": id, "taken": true, "evidence": evidence }))?;
            Ok(Exit::Ok)
        }
        Err(trouble) if matches!(judged(&trouble), Verdict::Not { .. }) => no(&trouble, out),
        // It may have been taken: whoever sends it again may send it twice.
        Err(trouble) => {
            out.say(&format!("nobody knows whether it was taken: {trouble}"))?;
            out.say(&format!("ask `drehscheibe osci laufzettel {}` before it is sent again", plain(&id)))?;
            out.value(
                &json!({ "id": id, "taken": null, "trouble": trouble.to_string(), "turn": trouble.turn() }),
            )?;
            Ok(Exit::No)
        }
    }
}

async fn laufzettel(global: &Global, at: &At, id: &str, out: &mut Output) -> Result<Exit, CliError> {
    let (server, _) = intermediary(global, at, (&[], None))?;
    let found = match by_hand::card(&server.link, id).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            out.say("the intermediary has no process card of ours under that id")?;
            out.value(&json!({ "id": id, "card": null }))?;
            return Ok(Exit::No);
        }
        Err(trouble) => return no(&trouble, out),
    };
    let card = &found.card;
    let rows = [("taken", &card.creation), ("handed on", &card.forwarding), ("received", &card.reception)];
    let rows: Vec<Vec<String>> =
        rows.iter().map(|(what, stamp)| vec![(*what).to_owned(), told(stamp)]).collect();
    out.table(&["WHAT", "WHEN"], &rows)?;
    out.say(if found.signed { "signed by the trusted intermediary" } else { "nobody signed it" })?;
    out.value(&json!({ "id": id, "card": shown(card), "signed": found.signed }))?;
    Ok(Exit::Ok)
}

/// A card as JSON.
fn shown(card: &ProcessCard) -> Value {
    let at = |stamp: &Option<Stamp>| cards::moment(stamp.as_ref()).map(|moment| moment.to_string());
    json!({
        "id": card.message_id, "creation": at(&card.creation), "forwarding": at(&card.forwarding),
        "reception": at(&card.reception), "subject": card.subject,
    })
}

/// A time of a card, on our clock.
fn told(stamp: &Option<Stamp>) -> String {
    match stamp {
        None => "–".to_owned(),
        Some(stamp) => cards::moment(Some(stamp)).map_or_else(|| "cannot be read".to_owned(), moment),
    }
}

/// What an intermediary did not do: not reached it cannot run, refused the answer is no.
fn no(trouble: &Trouble, out: &mut Output) -> Result<Exit, CliError> {
    if let Trouble::Unreached(why) = trouble {
        return Err(CliError::Usage(why.once()));
    }
    out.say(&trouble.to_string())?;
    out.value(&json!({ "trouble": trouble.to_string(), "turn": trouble.turn() }))?;
    Ok(Exit::No)
}

/// What a stranger wrote, without what a terminal would act on.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn usage(fault: impl std::fmt::Display) -> CliError {
    CliError::Usage(fault.to_string())
}
