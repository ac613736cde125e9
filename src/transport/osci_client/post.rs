//! One delivery as it is posted: contents signed by the house and encrypted for one reader, under an id of the intermediary. Names and ids that
//! others read say nothing. Repeats nothing, and remembers nothing.

use bytes::Bytes;

use super::link::{Heard, Link, Material, Part, Say};
use super::trouble::Trouble;
use crate::transport::osci::dialog::Dialog;
use crate::transport::osci::kind::Kind;
use crate::transport::osci::order::Order;
use crate::transport::osci::write::WriteFault;
use crate::transport::osci::write_content::{
    NewContainer, NewContent, NewSignature, container, encrypted, encrypted_attachment,
};
use crate::transport::osci_words::{Role, date_time, fresh_id, secrets};
use crate::trust::certificate::Certificate;

/// A document of so many octets stands in the envelope; a larger one beside it.
const INLINE: usize = 256 << 10;

/// Contents in memory: they have to be there at once.
pub struct Loaded {
    /// The document.
    pub document: Bytes,
    /// What stands beside it.
    pub parts: Vec<Bytes>,
}

/// A delivery.
pub struct Posting {
    /// Its contents.
    pub loaded: Loaded,
    /// For whom it is encrypted.
    pub reader: Certificate,
    /// What everybody on the way reads of it.
    pub subject: Option<String>,
    /// The address of its recipient, where it is forwarded instead of being laid into a mailbox.
    pub forward: Option<String>,
}

/// An id for a delivery.
pub async fn new_id(link: &Link, with: &Material) -> Result<String, Trouble> {
    let mut dialog = Dialog::implicit();
    let heard = link.say(&mut dialog, Say::bare(Kind::GetMessageId, Order::default()), with).await?;
    let id = heard.order.message_id.filter(|id| !id.is_empty() && id.len() <= 500);
    id.ok_or_else(|| Trouble::Unreadable("it gives no id".to_owned()))
}

/// Sends a delivery under its id.
pub async fn deliver(link: &Link, with: &Material, id: &str, posting: Posting) -> Result<Heard, Trouble> {
    let Posting { loaded, reader, subject, forward } = posting;
    let (material, now) = (with.clone(), date_time(link.now()));
    let named = Role::Addressee.cipher(&reader);
    let for_reader = named.clone();
    let writing = tokio::task::spawn_blocking(move || {
        content(&loaded, &material, (&for_reader.certificate, &for_reader.id), &now)
    });
    let written = writing.await.map_err(|_| Trouble::Unwritable("it was not written".to_owned()))?;
    let (package, beside) = written?;
    let kind = if forward.is_some() { Kind::ForwardDelivery } else { Kind::StoreDelivery };
    let order = Order { message_id: Some(id.to_owned()), subject, receiver: forward, ..Order::default() };
    let say = Say { kind, order, package: Some(package), beside, addressee: vec![named] };
    link.say(&mut Dialog::implicit(), say, with).await
}

/// The text of the contents and what stands beside them: signed by the house, encrypted for the reader.
fn content(
    loaded: &Loaded,
    with: &Material,
    (reader, named): (&Certificate, &str),
    now: &str,
) -> Result<(String, Vec<Part>), WriteFault> {
    let keys = &with.keys;
    let profile = keys.profile(12);
    let salt = fresh_id("")?;
    let mut all = vec![&loaded.document];
    all.extend(&loaded.parts);
    // Names that say nothing, and that no other message has.
    let names: Vec<(String, String)> =
        (1..=all.len()).map(|at| (format!("content-{at}-{salt}"), format!("teil-{at}-{salt}"))).collect();
    let mut contents = Vec::with_capacity(all.len());
    let (mut carried, mut beside) = (Vec::new(), Vec::new());
    for (at, (octets, (id, name))) in all.iter().zip(&names).enumerate() {
        if at == 0 && octets.len() <= INLINE {
            contents.push(NewContent::Inline { id, octets });
            continue;
        }
        contents.push(NewContent::Beside { id, name, octets });
        let (key, octets) = encrypted_attachment(name, octets, &secrets(&profile)?, &profile)?;
        carried.push(key);
        beside.push(Part { id: name.clone(), octets });
    }
    let id = format!("container-{salt}");
    let inner = NewContainer { id: &id, contents, carried };
    let signed_as = Role::Originator.signature(keys.signature()).id;
    let signature = NewSignature { signer: keys.signer(), certificate: &signed_as, time: Some(now) };
    let text = container(&inner, &[signature], &profile)?;
    let id = format!("encrypted-{salt}");
    Ok((encrypted(&id, &text, &[(reader, named)], &secrets(&profile)?, &profile)?, beside))
}
