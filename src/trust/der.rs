//! The little DER that keys need: elements one after another, and writing one. It never follows a structure by itself.

use jiff::Timestamp;

/// A moment in seconds of the epoch. What lies behind the last one that is counted here is the last one: 99991231235959Z is how RFC 5280 (4.1.2.5)
/// writes that there is no end, and a last list of an authority that makes no further one has it, too. `None` before the first one.
pub fn moment(seconds: i64) -> Option<Timestamp> {
    match Timestamp::from_second(seconds) {
        Ok(moment) => Some(moment),
        Err(_) => (seconds > 0).then_some(Timestamp::MAX),
    }
}

/// The first element of `der`: its tag, its content, and what follows; `None` when there is no whole one.
pub fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, first, rest @ ..] = der else { return None };
    let (length, rest) = match first {
        0..=0x7F => (usize::from(*first), rest),
        // Four octets of length are more than any key has.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// The content of the first element, if it has this tag, and what follows.
pub fn expect(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// An element.
pub fn write(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let mut der = vec![tag];
    if content.len() < 128 {
        der.push(content.len() as u8);
    } else {
        let big_endian = content.len().to_be_bytes();
        let digits = &big_endian[big_endian.iter().take_while(|&&octet| octet == 0).count()..];
        der.push(0x80 | digits.len() as u8);
        der.extend_from_slice(digits);
    }
    der.extend_from_slice(&content);
    der
}

/// The AlgorithmIdentifier of rsaEncryption, whose parameters are NULL (RFC 8017, A.1).
pub fn rsa_algorithm() -> Vec<u8> {
    let identifier = write(IDENTIFIER, &[RSA]);
    write(SEQUENCE, &[&identifier, &[NULL, 0]])
}

/// SEQUENCE
pub const SEQUENCE: u8 = 0x30;
/// INTEGER
pub const INTEGER: u8 = 0x02;
/// BIT STRING
pub const BITS: u8 = 0x03;
/// OCTET STRING
pub const OCTETS: u8 = 0x04;
/// OBJECT IDENTIFIER
pub const IDENTIFIER: u8 = 0x06;
/// NULL
pub const NULL: u8 = 0x05;
/// rsaEncryption (RFC 8017)
pub const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
/// id-RSASSA-PSS (RFC 8017)
pub const RSA_PSS: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 10];
/// id-ecPublicKey (RFC 5480)
pub const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
/// prime256v1 (RFC 5480)
pub const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
/// secp384r1 (RFC 5480)
pub const P384: &[u8] = &[0x2B, 0x81, 4, 0, 0x22];
/// brainpoolP256r1 (RFC 5639)
pub const BRAINPOOL_P256: &[u8] = &[0x2B, 0x24, 3, 3, 2, 8, 1, 1, 7];
/// brainpoolP384r1 (RFC 5639)
pub const BRAINPOOL_P384: &[u8] = &[0x2B, 0x24, 3, 3, 2, 8, 1, 1, 11];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let der = write(OCTETS, &[&content, &[9]]);
            let (tag, found, rest) = element(&der).unwrap();
            assert_eq!((tag, found.len(), rest), (OCTETS, length + 1, &[][..]));
            assert!(element(&der[..der.len() - 1]).is_none());
            assert!(expect(&der, SEQUENCE).is_none());
        }
        assert!(element(&[0x30, 0x85, 0, 0, 0, 0, 0]).is_none());
        assert!(element(&[0x30, 0x80]).is_none());
    }
}
