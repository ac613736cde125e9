//! What a reader of a mailbox sees of lanes: its receipts and what tells rows of one order from others. Numbers of lanes count the traffic of
//! the whole house, so neither shows one. A receipt is no secret and proves nothing: it counts under its partner's credentials only.

use uuid::Uuid;

use crate::seal::index::Tag;
use crate::store::mailbox::Ticket;
use crate::store::sealing::keys::Keys;

/// A ticket as its reader gets it: the same for the same hand-out, whichever replica gives it.
pub fn receipt(keys: &Keys, ticket: Ticket) -> String {
    let mut octets = mask(keys, ticket.row);
    let plain = ticket.lane.to_be_bytes().into_iter().chain(ticket.fence.to_be_bytes());
    octets.iter_mut().zip(plain).for_each(|(octet, plain)| *octet ^= plain);
    format!("{}-{}", hex::encode(octets), ticket.row.simple())
}

/// The ticket of a receipt; also of one that a program before this one gave.
pub fn ticket(keys: &Keys, receipt: &str) -> Option<Ticket> {
    let Some((masked, row)) =
        receipt.split_once('-').filter(|(masked, _)| masked.len() == 2 * size_of::<Tag>())
    else {
        return receipt.parse().ok();
    };
    let row = Uuid::try_parse(row).ok()?;
    let mut octets = Tag::default();
    hex::decode_to_slice(masked, &mut octets).ok()?;
    octets.iter_mut().zip(mask(keys, row)).for_each(|(octet, mask)| *octet ^= mask);
    let (lane, fence) = octets.split_at(size_of::<i64>());
    let number = |octets: &[u8]| octets.try_into().ok().map(i64::from_be_bytes);
    let ticket = Ticket { lane: number(lane)?, fence: number(fence)?, row };
    // One way to write it: what is kept of it is compared.
    (self::receipt(keys, ticket) == receipt).then_some(ticket)
}

/// What rows of one lane have in common.
pub fn series(keys: &Keys, lane: i64) -> String {
    let tag = keys.mailbox.tag_of(&[b"series", &lane.to_be_bytes()]);
    hex::encode(&tag[..size_of::<i64>()])
}

fn mask(keys: &Keys, row: Uuid) -> Tag {
    keys.mailbox.tag_of(&[b"receipt", row.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::key::Master;

    fn keys(with: u8) -> Keys {
        Keys::new(Master::new(&secrecy::SecretBox::new(Box::new([with; 32]))).unwrap()).unwrap()
    }

    #[test]
    fn a_receipt_is_read_back_and_shows_no_number() {
        let keys = keys(7);
        let of = |lane, row| Ticket { lane, fence: 3, row: Uuid::from_u128(row) };
        let ticket = of(57, 0xabc);
        let receipt = receipt(&keys, ticket);
        assert_eq!(super::ticket(&keys, &receipt), Some(ticket));
        assert_eq!(super::receipt(&keys, ticket), receipt, "the same hand-out has the same");
        // Neighbours look alike in nothing.
        let next = super::receipt(&keys, of(58, 0xabd));
        let same = receipt.bytes().zip(next.bytes()).take(32).filter(|(one, other)| one == other).count();
        assert!(same < 12, "{receipt} {next}");
        assert_ne!(series(&keys, 57), series(&keys, 58));
        assert_eq!(series(&keys, 57), series(&keys, 57));
        for bad in
            ["", "-", &receipt[1..], &receipt.to_uppercase(), &format!("{receipt}-"), &format!("0{receipt}")]
        {
            assert_eq!(super::ticket(&keys, bad), None, "{bad}");
        }
        assert_ne!(super::ticket(&self::keys(8), &receipt), Some(ticket), "of another house");
        assert_eq!(super::ticket(&keys, &ticket.to_string()), Some(ticket), "of the program before");
    }
}
