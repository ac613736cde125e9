//! ECDSA values as XML signatures write them (r and s side by side, RFC 6931) and as DER has them.
//! It never judges the numbers; the verification does.

use super::der;

/// `r || s`, each of `size` octets, as an ECDSA-Sig-Value; `None` when the length is another.
pub fn to_der(fixed: &[u8], size: usize) -> Option<Vec<u8>> {
    if fixed.len() != 2 * size || size == 0 {
        return None;
    }
    let (r, s) = fixed.split_at(size);
    Some(der::write(der::SEQUENCE, &[&integer(r), &integer(s)]))
}

/// An ECDSA-Sig-Value as `r || s`, each of `size` octets; `None` when it is none of ours.
pub fn to_fixed(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let (numbers, behind) = der::expect(der, der::SEQUENCE)?;
    let (r, rest) = der::expect(numbers, der::INTEGER)?;
    let (s, rest) = der::expect(rest, der::INTEGER)?;
    let whole = behind.is_empty() && rest.is_empty();
    whole.then_some(())?;
    Some([padded(r, size)?, padded(s, size)?].concat())
}

fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&octet| octet == 0).count().min(number.len() - 1);
    let digits = &number[zeros..];
    let sign: &[u8] = if digits[0] >= 0x80 { &[0] } else { &[] };
    der::write(der::INTEGER, &[sign, digits])
}

fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let digits = number.strip_prefix(&[0]).unwrap_or(number);
    let zeros = size.checked_sub(digits.len())?;
    Some([vec![0; zeros], digits.to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        for (r, s) in [([0u8; 4], [0xFFu8; 4]), ([0, 0, 0x80, 1], [0x7F, 0, 0, 0]), ([1; 4], [0, 0, 0, 2])] {
            let fixed = [r, s].concat();
            let der = to_der(&fixed, 4).unwrap();
            assert_eq!(to_fixed(&der, 4).unwrap(), fixed);
        }
        assert_eq!(to_der(&[0, 0x80, 0, 1], 2).unwrap(), [0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]);
        assert!(to_der(&[1; 7], 4).is_none());
        for broken in [&[][..], &[0x30], &[0x30, 2, 2, 9], &[0x30, 7, 2, 1, 1, 2, 1, 1, 0]] {
            assert!(to_fixed(broken, 4).is_none());
        }
    }
}
