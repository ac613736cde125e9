//! What of a Registersatz an office and the mirror compare (rules.md 6): which child it is, and what is entered for it. Pure; whoever
//! compares makes an HMAC of it, so that a list names nobody.

use crate::register::keys;
use crate::register::record::{Eintragung, Kind, Mutter};

/// Between the child and its Eintragung, and between the codes; neither occurs in a key or a code.
const PARTS: [u8; 2] = [0x1d, 0x1c];

/// The octets of a child with the codes of its Eintragung: the same on both sides where both hold the same, in whatever order and however
/// often a code is written. An Eintragung without a code is not the same as none. An office's export names no mother, so an unborn child
/// is compared by its month and her day; of two of them both sides count two.
pub fn octets(kind: &Kind, mutter: &Mutter, eintragung: &Eintragung) -> Vec<u8> {
    let child = match keys::erwartet(kind) {
        true => keys::alt::child(kind, mutter),
        false => keys::child(kind, mutter),
    };
    let mut octets = child.octets();
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
    fn an_unborn_child_is_compared_without_its_mothers_name() {
        let mutter = |familie: &str| Mutter {
            name: Personenname { familienname: Some(familie.into()), ..Personenname::default() },
            ..Mutter::default()
        };
        let kind = Kind { erwartet: TeilDatum::parse("2027-02"), ..Kind::default() };
        let none = Eintragung::default();
        assert_eq!(octets(&kind, &mutter("Müller"), &none), octets(&kind, &mutter(""), &none));
        assert_ne!(keys::child(&kind, &mutter("Müller")), keys::child(&kind, &mutter("Weber")));
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
