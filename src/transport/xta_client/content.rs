//! An order as it goes out: its envelope, its document, its parts read from the spool as they leave. Holds one piece of a part at a time, says
//! before how long it all is, and breaks off where a part does not open, so that the far end never takes half an order for a whole one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use reqwest::Body;

use super::trouble::Trouble;
use crate::envelope::Part;
use crate::mime::fault::MimeError;
use crate::mime::media::Boundary;
use crate::mime::writer::Writer;
use crate::transport::port::{PartReader, Spool, SpoolError};
use crate::transport::xta::out::Written;
use crate::transport::xta::package;
use crate::transport::xta_words::boundary;

/// A document goes out in pieces of so many octets.
const PIECE: usize = 64 << 10;

/// Octets of a content.
#[derive(Clone, Debug)]
pub enum Octets {
    /// At hand.
    Here(Bytes),
    /// In the spool.
    Spooled(Part),
}

impl Octets {
    fn size(&self) -> u64 {
        match self {
            Octets::Here(octets) => octets.len() as u64,
            Octets::Spooled(part) => part.size,
        }
    }
}

/// How an order that is being sent gets on.
#[derive(Clone, Default)]
pub struct Going {
    pieces: Arc<AtomicU64>,
    broken: Arc<Mutex<Option<SpoolError>>>,
}

impl Going {
    /// How many pieces have gone.
    pub fn pieces(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }

    /// Why a part could not be read, if that broke it off.
    pub fn broken(&self) -> Option<SpoolError> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Something to be sent.
enum Piece {
    Head(Vec<(&'static str, String)>),
    Content(Octets),
    End,
}

/// A body that streams: its media type, its length, itself.
pub fn body(
    written: &Written,
    contents: Vec<(String, Octets)>,
    (spool, partner): (Arc<dyn Spool>, &str),
    going: &Going,
) -> Result<(String, u64, Body), Trouble> {
    let unwritable = |fault: MimeError| Trouble::Unwritable(fault.to_string());
    let boundary = boundary().map_err(unwritable)?;
    let pieces = pieces(written, contents)?;
    let length = length(&boundary, &pieces).map_err(unwritable)?;
    let content_type = package::content_type(&boundary, written.action.as_deref()).map_err(unwritable)?;
    let sending = Sending {
        pieces,
        writer: Some(Writer::new(&boundary)),
        here: Bytes::new(),
        reader: None,
        spool,
        partner: partner.to_owned(),
        going: going.clone(),
    };
    let stream = futures_util::stream::try_unfold(sending, |mut sending| async move {
        Ok::<_, std::io::Error>(sending.next().await?.map(|piece| (piece, sending)))
    });
    Ok((content_type, length, Body::wrap_stream(stream)))
}

fn pieces(written: &Written, mut contents: Vec<(String, Octets)>) -> Result<VecDeque<Piece>, Trouble> {
    let missing = || Trouble::Unwritable("a content has no octets".to_owned());
    let root = written.whole().ok_or_else(missing)?.to_owned();
    let headers = package::root_headers(written.action.as_deref());
    let headers = headers.map_err(|fault| Trouble::Unwritable(fault.to_string()))?;
    let mut pieces = VecDeque::from([Piece::Head(headers.into()), Piece::Content(Octets::Here(root.into()))]);
    for id in &written.references {
        let at = contents.iter().position(|(known, _)| known == id).ok_or_else(missing)?;
        pieces.push_back(Piece::Head(package::part_headers(id).into()));
        pieces.push_back(Piece::Content(contents.swap_remove(at).1));
    }
    pieces.push_back(Piece::End);
    Ok(pieces)
}

/// How long it all is: the frame is the same whatever it holds.
fn length(boundary: &Boundary, pieces: &VecDeque<Piece>) -> Result<u64, MimeError> {
    let mut writer = Some(Writer::new(boundary));
    let mut length = 0;
    for piece in pieces {
        length += match piece {
            Piece::Head(headers) => head(writer.as_mut(), headers)?.len() as u64,
            Piece::Content(octets) => octets.size(),
            Piece::End => writer.take().map_or(0, |writer| writer.end().len() as u64),
        };
    }
    Ok(length)
}

fn head(writer: Option<&mut Writer>, headers: &[(&'static str, String)]) -> Result<Bytes, MimeError> {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    writer.ok_or(MimeError::OutsidePart)?.start_part(&headers)
}

/// An order under way.
struct Sending {
    pieces: VecDeque<Piece>,
    writer: Option<Writer>,
    here: Bytes,
    reader: Option<Box<dyn PartReader>>,
    spool: Arc<dyn Spool>,
    partner: String,
    going: Going,
}

impl Sending {
    /// What is to be sent next. An error breaks it off before its end.
    async fn next(&mut self) -> Result<Option<Bytes>, std::io::Error> {
        self.going.pieces.fetch_add(1, Ordering::Relaxed);
        loop {
            if !self.here.is_empty() {
                let piece = self.here.split_to(PIECE.min(self.here.len()));
                return self.data(piece).map(Some);
            }
            if let Some(reader) = &mut self.reader {
                match reader.read().await {
                    Ok(Some(piece)) if piece.is_empty() => {}
                    Ok(Some(piece)) => return self.data(piece).map(Some),
                    Ok(None) => self.reader = None,
                    Err(error) => return Err(self.broke(error)),
                }
                continue;
            }
            match self.pieces.pop_front() {
                None => return Ok(None),
                Some(Piece::Head(headers)) => {
                    return head(self.writer.as_mut(), &headers).map(Some).map_err(|_| broken());
                }
                Some(Piece::Content(Octets::Here(octets))) => self.here = octets,
                Some(Piece::Content(Octets::Spooled(part))) => {
                    match self.spool.open(&self.partner, &part).await {
                        Ok(reader) => self.reader = Some(reader),
                        Err(error) => return Err(self.broke(error)),
                    }
                }
                Some(Piece::End) => return Ok(self.writer.take().map(Writer::end)),
            }
        }
    }

    fn data(&mut self, piece: Bytes) -> Result<Bytes, std::io::Error> {
        let writer = self.writer.as_mut().ok_or_else(broken)?;
        writer.data(piece).map_err(|_| broken())
    }

    fn broke(&self, error: SpoolError) -> std::io::Error {
        *self.going.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        broken()
    }
}

fn broken() -> std::io::Error {
    std::io::Error::other("a part cannot be sent now")
}
