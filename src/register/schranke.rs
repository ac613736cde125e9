//! The algebra behind a decision table: which situations a row takes, whether all are taken, and the least strictness that is
//! built in. It never decides a request; it decides whether a table may.

use crate::register::entscheidung::{Ergebnis, Fall};
use crate::register::merkmale::{ANZAHL, MERKMALE, Merkmal, Sachverhalt};

/// A set of situations: for each fact the values that belong to it, one bit per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kasten(pub [u8; ANZAHL]);

/// Most boxes that the rest of a table may fall into; more is a table nobody can read either.
const MOST: usize = 20_000;

impl Kasten {
    /// All situations.
    pub fn alles() -> Kasten {
        let mut masks = [0; ANZAHL];
        for (mask, (_, _, werte)) in masks.iter_mut().zip(MERKMALE) {
            *mask = u8::MAX >> (8 - werte.len());
        }
        Kasten(masks)
    }

    /// All situations in which a fact has one of these values; words that are none are left out.
    pub fn mit(mut self, merkmal: Merkmal, werte: &[&str]) -> Kasten {
        let at = merkmal as usize;
        if let (Some((_, _, known)), Some(slot)) = (MERKMALE.get(at), self.0.get_mut(at)) {
            let bits = known.iter().enumerate().filter(|(_, wert)| werte.contains(wert));
            *slot &= bits.fold(0, |mask, (number, _)| mask | 1 << number);
        }
        self
    }

    /// Whether a situation belongs to it.
    pub fn enthaelt(&self, sachverhalt: &Sachverhalt) -> bool {
        self.0.iter().zip(sachverhalt.nummern()).all(|(mask, number)| mask >> number & 1 == 1)
    }

    /// What belongs to both.
    pub fn schnitt(&self, other: &Kasten) -> Option<Kasten> {
        let mut masks = self.0;
        for (mask, other) in masks.iter_mut().zip(other.0) {
            *mask &= other;
            if *mask == 0 {
                return None;
            }
        }
        Some(Kasten(masks))
    }

    /// What belongs to this one and not to the other, as boxes that do not overlap.
    pub fn ohne(&self, other: &Kasten) -> Vec<Kasten> {
        if self.schnitt(other).is_none() {
            return vec![*self];
        }
        let mut left = Vec::new();
        let mut rest = *self;
        for at in 0..ANZAHL {
            let outside = rest.0[at] & !other.0[at];
            if outside != 0 {
                let mut part = rest;
                part.0[at] = outside;
                left.push(part);
            }
            rest.0[at] &= other.0[at];
        }
        left
    }

    /// One situation of it in words, with the facts that matter: those whose value is not the best.
    pub fn beispiel(&self) -> String {
        let words: Vec<String> = MERKMALE
            .iter()
            .zip(self.0)
            .filter(|(_, mask)| mask & 1 == 0)
            .filter_map(|((_, name, werte), mask)| {
                let wert = werte.get(usize::try_from(mask.trailing_zeros()).ok()?)?;
                Some(format!("{name}: {wert}"))
            })
            .collect();
        if words.is_empty() { "nothing speaks against an answer".to_owned() } else { words.join(", ") }
    }
}

/// Takes boxes away from a rest; `None` when it falls into too many pieces.
pub fn abziehen(rest: Vec<Kasten>, kasten: &Kasten) -> Option<Vec<Kasten>> {
    let left: Vec<Kasten> = rest.iter().flat_map(|part| part.ohne(kasten)).collect();
    (left.len() <= MOST).then_some(left)
}

/// The only situations in which something may be answered automatically, apart from the entries.
fn streng() -> Kasten {
    let mut kasten = Kasten::alles();
    for (merkmal, _, werte) in MERKMALE.iter().filter(|(merkmal, _, _)| *merkmal != Merkmal::Arten) {
        kasten = kasten.mit(*merkmal, &werte[..1]);
    }
    kasten
}

/// The situations of case K, in which nothing is decided.
fn ohne_entscheidung() -> [Kasten; 2] {
    [
        Kasten::alles().mit(Merkmal::Anmeldung, &["ungueltig"]),
        Kasten::alles().mit(Merkmal::Partner, &["nicht-zugelassen"]),
    ]
}

/// Why a row may not take these situations; `None` when it is as strict as the built-in minimum or stricter.
pub fn lockerer(fall: Fall, ergebnis: Ergebnis, kasten: &Kasten) -> Option<String> {
    let fits = match fall {
        Fall::A => ergebnis == Ergebnis::Negativ,
        Fall::B => ergebnis == Ergebnis::Eintragung,
        Fall::K => ergebnis == Ergebnis::Zustaendigkeit,
        Fall::L => matches!(ergebnis, Ergebnis::Zustaendigkeit | Ergebnis::Klaerfall),
        _ => ergebnis == Ergebnis::Klaerfall,
    };
    if !fits {
        let allowed = match fall {
            Fall::A => "negativ",
            Fall::B => "eintragung",
            Fall::K => "zustaendigkeit",
            Fall::L => "zustaendigkeit, klaerfall",
            _ => "klaerfall",
        };
        return Some(format!("case {fall:?} may not end in `{}`; allowed: {allowed}", ergebnis.as_str()));
    }
    let within = |allowed: Kasten, what: &str| {
        let outside = kasten.ohne(&allowed);
        outside.first().map(|part| format!("{what}, but this row takes: {}", part.beispiel()))
    };
    let undecided = ohne_entscheidung();
    match ergebnis {
        Ergebnis::Negativ => within(
            streng().mit(Merkmal::Arten, &["keine"]),
            "only a clean, known child without entry may get a Negativauskunft",
        ),
        Ergebnis::Eintragung => within(
            streng().mit(Merkmal::Arten, &["nur-01"]),
            "only a clean record with exactly 01 may be told automatically",
        ),
        Ergebnis::Klaerfall => undecided.iter().find_map(|k| kasten.schnitt(k)).map(|part| {
            format!(
                "without a login that holds nothing is decided and nothing forwarded, but this row takes: {}",
                part.beispiel()
            )
        }),
        Ergebnis::Zustaendigkeit => {
            let mut rest = vec![*kasten];
            for allowed in undecided {
                rest = rest.iter().flat_map(|part| part.ohne(&allowed)).collect();
            }
            if fall == Fall::L {
                let adult = Kasten::alles().mit(Merkmal::KindAlter, &["volljaehrig"]);
                rest = rest.iter().flat_map(|part| part.ohne(&adult)).collect();
            }
            rest.first().map(|part| {
                format!("the program never refuses: {} has a right to a decision", part.beispiel())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxes() -> impl Strategy<Value = Kasten> {
        prop::array::uniform14(any::<u8>()).prop_map(|random| {
            let mut kasten = Kasten::alles();
            for (mask, random) in kasten.0.iter_mut().zip(random) {
                // Never empty: an empty mask is left whole.
                if *mask & random != 0 {
                    *mask &= random;
                }
            }
            kasten
        })
    }

    fn situations() -> impl Strategy<Value = Sachverhalt> {
        prop::array::uniform14(any::<u8>()).prop_map(|random| {
            MERKMALE.iter().zip(random).fold(
                Sachverhalt::einwandfrei(),
                |all, ((merkmal, _, werte), random)| {
                    all.mit(*merkmal, werte[usize::from(random) % werte.len()])
                },
            )
        })
    }

    proptest! {
        #[test]
        fn what_is_left_is_what_is_not_taken(all in boxes(), taken in boxes(), situation in situations()) {
            let left = all.ohne(&taken);
            let inside = left.iter().filter(|part| part.enthaelt(&situation)).count();
            let expected = all.enthaelt(&situation) && !taken.enthaelt(&situation);
            prop_assert_eq!(inside, usize::from(expected), "boxes do not overlap");
            let both = all.schnitt(&taken).is_some_and(|both| both.enthaelt(&situation));
            prop_assert_eq!(both, all.enthaelt(&situation) && taken.enthaelt(&situation));
        }
    }

    #[test]
    fn every_situation_belongs_to_all() {
        assert!(Kasten::alles().enthaelt(&Sachverhalt::einwandfrei()));
        assert!(Kasten::alles().ohne(&Kasten::alles()).is_empty());
        assert_eq!(streng().beispiel(), "nothing speaks against an answer");
    }
}
