//! The floor's validating: the same packages and the same reader as the adapter's, on as many threads.
//! Keeps nothing of what it read.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::mpsc::UnboundedSender;

use crate::app::fit;
use crate::cli::exit::CliError;
use crate::xml::limits::Limits;
use crate::xoev::contract::{Reader, Standards};

/// A delivery on its way.
#[derive(Debug)]
pub struct Item {
    /// The broker's number of it.
    pub tag: u64,
    /// Its id, which the receipt names.
    pub id: String,
    /// Its octets.
    pub octets: Bytes,
}

/// The threads' inlet; they end when it is dropped.
pub struct Validators(Sender<Item>);

impl Validators {
    /// Starts them; what is valid goes on, the first that is not ends the floor.
    pub fn start(
        xsd: &Path,
        threads: usize,
        valid: UnboundedSender<Result<Item, CliError>>,
    ) -> Result<Validators, CliError> {
        let standards = fit::standards(xsd).map_err(CliError::from_unfit)?;
        let (inlet, items) = crossbeam_channel::unbounded();
        for n in 0..threads.max(1) {
            let (items, valid, standards) = (items.clone(), valid.clone(), standards.clone());
            std::thread::Builder::new()
                .name(format!("validate-{n}"))
                .spawn(move || work(&items, &valid, &standards))?;
        }
        Ok(Validators(inlet))
    }

    /// Takes a delivery.
    pub fn take(&self, item: Item) {
        // The threads live as long as this; one that failed has said so.
        let _ = self.0.send(item);
    }
}

fn work(
    items: &Receiver<Item>,
    valid: &UnboundedSender<Result<Item, CliError>>,
    standards: &Arc<dyn Standards>,
) {
    let mut reader = standards.reader();
    for item in items {
        let read = check(&**standards, &mut *reader, &item.octets);
        if valid.send(read.map(|()| item)).is_err() {
            return;
        }
    }
}

fn check(standards: &dyn Standards, reader: &mut dyn Reader, octets: &Bytes) -> Result<(), CliError> {
    let invalid =
        |what: &str| CliError::Usage(format!("the floor was given a delivery that is not valid: {what}"));
    let taken =
        reader.take(octets.clone(), &Limits::default(), standards).map_err(|_| invalid("not well-formed"))?;
    let read = taken.read.ok_or_else(|| invalid("of no known version"))?;
    read.map(drop).map_err(|_| invalid("against its schema or rules"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench_floor::broker::delivery;

    #[tokio::test]
    async fn what_is_not_valid_does_not_go_on() {
        let xsd = Path::new(env!("CARGO_MANIFEST_DIR")).join("xsd");
        let (valid, mut validated) = tokio::sync::mpsc::unbounded_channel();
        let validators = Validators::start(&xsd, 1, valid).unwrap();
        let item = |octets: Vec<u8>| Item { tag: 1, id: "x".to_owned(), octets: octets.into() };
        validators.take(item(delivery(1)));
        assert!(validated.recv().await.unwrap().is_ok());
        let broken =
            String::from_utf8(delivery(1)).unwrap().replace("<xfb:geburtsdatum>", "<xfb:geburtstag>");
        validators.take(item(broken.into_bytes()));
        assert!(validated.recv().await.unwrap().is_err());
    }
}
