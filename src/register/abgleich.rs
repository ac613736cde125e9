//! What of a Registersatz an office and the mirror compare (rules.md 6): which child it is, and what is entered for it. Pure; whoever
//! compares makes an HMAC of it, so that a list names nobody.

use crate::register::keys;
use crate::register::record::{Eintragung, Kind, Mutter};

/// Between the child and its Eintragung, and between the codes; neither occurs in a key or a code.
const PARTS: [u8; 2] = [0x1d, 0x1c];

/// The octets of a child with the codes of its Eintragung: the same on both sides where both hold the same, in whatever order and however
/// often a code is written. An Eintragung without a code is not the same as none.
pub fn octets(kind: &Kind, mutter: &Mutter, eintragung: &Eintragung) -> Vec<u8> {
    let mut octets = keys::child(kind, mutter).octets();
    octets.push(PARTS[0]);
    octets.push(if eintragung.vorhanden { b'1' } else { b'0' });
    let mut arten: Vec<&str> = eintragung.arten.iter().map(|art| art.trim()).collect();
    arten.sort_unstable();
    arten.dedup();
    for art in arten {
        octets.push(PARTS[1]);
        octets.extend_from_slice(art.as_bytes());
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::record::{Personenname, TeilDatum};

    fn of(arten: &[&str], vorhanden: bool) -> Vec<u8> {
        let name = Personenname {
            familienname: Some("Müller".into()),
            vornamen: Some("Lía".into()),
            ..Personenname::default()
        };
        let kind = Kind {
            namen: vec![name],
            geburtsort: Some("Bremen".into()),
            geburtsdatum: TeilDatum::parse("2024-08-05"),
            ..Kind::default()
        };
        let arten = arten.iter().map(|art| (*art).to_owned()).collect();
        octets(&kind, &Mutter::default(), &Eintragung { vorhanden, arten, ..Eintragung::default() })
    }

    #[test]
    fn codes_count_and_their_order_does_not() {
        assert_eq!(of(&["01", "03"], true), of(&["03", " 01", "03"], true));
        let all =
            [of(&[], false), of(&[], true), of(&["01"], true), of(&["02"], true), of(&["01", "02"], true)];
        for (nth, one) in all.iter().enumerate() {
            assert!(all[nth + 1..].iter().all(|other| other != one), "{nth}");
        }
    }
}
