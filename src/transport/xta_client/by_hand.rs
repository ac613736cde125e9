//! What a person does at a server by hand: looks, fetches into a folder, sends files, asks for a report. Nothing is closed unless that is asked
//! for, nothing is written over, and what was sent is never sent again by itself.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::digest;
use bytes::Bytes;
use jiff::Timestamp;

use super::ask::{self, Page};
use super::content::Going;
use super::fetch::{self, To, Whole};
use super::link::Link;
use super::order;
use super::post;
use super::settings::ChannelSettings;
use super::trouble::Trouble;
use crate::envelope::{Claim, Envelope, Evidence, Head, How, Label, Part, PartnerRef};
use crate::transport::ids::fresh_id;
use crate::transport::port::{PartReader, PartWriter, Spool, SpoolError};
use crate::transport::xta::model::{ListForm, Party, Report, Response, Selection};

/// Files in a folder, and files named by whoever calls; nothing is sealed, because a person wants to read them.
pub struct Folder {
    path: PathBuf,
    /// What was laid down there.
    made: Mutex<Vec<PathBuf>>,
}

impl Folder {
    /// A folder.
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, made: Mutex::default() }
    }

    /// Takes away what was laid down of a message that did not come whole.
    pub fn clear(&self) {
        for path in self.made.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = std::fs::remove_file(path);
        }
    }
}

struct Writing {
    file: File,
    name: String,
    sha256: digest::Context,
    size: u64,
}

struct Reading(File);

fn not_written(error: &io::Error) -> SpoolError {
    SpoolError::Later(format!("the folder takes no file ({})", error.kind()))
}

/// A new file; what lies there already is not touched, and no link is followed.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[async_trait]
impl Spool for Folder {
    async fn begin(&self, _: &PartnerRef) -> Result<Box<dyn PartWriter>, SpoolError> {
        for number in 1..=1000 {
            let name = format!("teil-{number}");
            let path = self.path.join(&name);
            match create(&path) {
                Ok(file) => {
                    self.made.lock().unwrap_or_else(PoisonError::into_inner).push(path);
                    let sha256 = digest::Context::new(&digest::SHA256);
                    return Ok(Box::new(Writing { file, name, sha256, size: 0 }));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(not_written(&error)),
            }
        }
        Err(SpoolError::Later("the folder is full of parts".to_owned()))
    }

    async fn open(&self, _: &str, part: &Part) -> Result<Box<dyn PartReader>, SpoolError> {
        match File::open(self.path.join(&part.claim.name)) {
            Ok(file) => Ok(Box::new(Reading(file))),
            Err(_) => Err(SpoolError::Corrupt("it cannot be read".to_owned())),
        }
    }
}

#[async_trait]
impl PartWriter for Writing {
    async fn write(&mut self, octets: Bytes) -> Result<(), SpoolError> {
        self.sha256.update(&octets);
        self.size += octets.len() as u64;
        self.file.write_all(&octets).map_err(|error| not_written(&error))
    }

    async fn finish(self: Box<Self>, name: &str, content_type: &str) -> Result<Part, SpoolError> {
        self.file.sync_all().map_err(|error| not_written(&error))?;
        Ok(Part {
            name: name.to_owned(),
            content_type: content_type.to_owned(),
            size: self.size,
            sha256: hex::encode(self.sha256.finish()),
            claim: Claim { name: self.name, ..Claim::default() },
            mandant: String::new(),
            small: None,
        })
    }
}

#[async_trait]
impl PartReader for Reading {
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        let mut piece = vec![0; 64 << 10];
        let read =
            self.0.read(&mut piece).map_err(|_| SpoolError::Corrupt("it cannot be read".to_owned()))?;
        piece.truncate(read);
        Ok((read > 0).then(|| piece.into()))
    }
}

/// A page of a mailbox, the oldest first as its server has them.
pub async fn list(link: &Link, reader: &Party, most: u64) -> Result<Page, Trouble> {
    let selection = Selection { form: Some(ListForm::Full), most: Some(most), ..Selection::default() };
    ask::list(link, reader, selection).await
}

/// Fetches a message; its attachments are files of the folder then.
pub async fn fetch(link: &Link, reader: &Party, id: &str, folder: &Folder) -> Result<Whole, Trouble> {
    let partner = PartnerRef { id: "xta".to_owned(), how: How::Internal };
    let fetched = fetch::fetch(link, id, To { reader, partner: &partner, spool: folder }).await;
    fetched.inspect_err(|_| folder.clear())
}

/// Says that a message was received.
pub async fn close(link: &Link, reader: &Party, whole: &Whole) -> Result<(), Trouble> {
    ask::close(link, reader, &whole.meta.message_id, whole.request_id.as_deref()).await
}

/// The report of an order; none where the server knows none.
pub async fn report(link: &Link, identity: &Party, id: &str) -> Result<Option<Report>, Trouble> {
    Ok(ask::report(link, identity, id).await?.map(|(report, _)| report))
}

/// What is sent.
pub struct Sending {
    /// The message type that the documents of the channel go by.
    pub message: String,
    /// Whether it is marked as a test.
    pub test: bool,
    /// The document.
    pub document: Bytes,
    /// Its media type.
    pub content_type: String,
    /// Files beside it, with their media types.
    pub attachments: Vec<(PathBuf, u64, String)>,
}

/// A new id of an order; nothing is sent by it.
pub async fn new_id(link: &Link, author: &Party) -> Result<String, Trouble> {
    ask::new_id(link, author).await
}

/// Sends it as an order under an id.
pub async fn send(
    link: &Link,
    id: &str,
    (author, channel): (&Party, &ChannelSettings),
    sending: Sending,
    now: Timestamp,
) -> Result<(), Trouble> {
    let part = |(path, size, content_type): (PathBuf, u64, String)| Part {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        content_type,
        size,
        sha256: String::new(),
        claim: Claim { name: path.to_string_lossy().into_owned(), ..Claim::default() },
        mandant: String::new(),
        small: None,
    };
    let envelope = Envelope {
        head: Head {
            content_type: Some(sending.content_type),
            label: Some(Label { message: sending.message, test: sending.test }),
            ..Head::came((fresh_id(now), now), "xta", "xta".to_owned(), id.to_owned())
        },
        body: sending.document,
        parts: sending.attachments.into_iter().map(part).collect(),
        evidence: Evidence::default(),
    };
    let reader = Party::of(channel.reader.identity());
    let order = order::order(&envelope, id, (author, &reader), channel);
    let spool: Arc<dyn Spool> = Arc::new(Folder::new(PathBuf::new()));
    match post::order(link, order, (spool, "xta"), &Going::default()).await? {
        Response::Empty => Ok(()),
        _ => Err(Trouble::Unreadable("an answer to something else".to_owned())),
    }
}
