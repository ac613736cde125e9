//! What a decision looks at: the facts of a request by name, each with all values it can have.
//! Holds no person data and no rule; which values lead where is said by the decision table alone.

/// A fact; its number is its place in [`MERKMALE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Merkmal {
    /// Who is logged in, and whether the login carries the request.
    Anmeldung,
    /// Whether the partner is admitted for this use.
    Partner,
    /// Whether the child is of age.
    KindAlter,
    /// What the mother says besides.
    Zusatzangaben,
    /// Whether the mother is of age.
    MutterAlter,
    /// Whether the birthplace is exactly one.
    Geburtsort,
    /// Whether the child's birth date is whole.
    Geburtsdatum,
    /// The issuing Jugendamt.
    Jugendamt,
    /// Completeness and freshness of the register of the birthplace.
    Register,
    /// Whether something open touches child or mother.
    Offen,
    /// Whether a Sperrvermerk was met.
    Sperrvermerk,
    /// What the search found.
    Treffer,
    /// Whether the record that was found is clear.
    Daten,
    /// The entries of the one exact record.
    Arten,
}

/// How many facts there are.
pub const ANZAHL: usize = 14;

/// A fact as tables write it, with all its values. The first value is the one that an automatic answer needs, except for
/// `arten`.
pub const MERKMALE: [(Merkmal, &str, &[&str]); ANZAHL] = [
    (Merkmal::Anmeldung, "anmeldung", &["mutter", "bevollmaechtigt", "ungueltig"]),
    (Merkmal::Partner, "partner", &["zugelassen", "nicht-zugelassen"]),
    (Merkmal::KindAlter, "kind-alter", &["minderjaehrig", "volljaehrig", "unbekannt"]),
    (Merkmal::Zusatzangaben, "zusatzangaben", &["alle-verneint", "unvollstaendig", "bejaht"]),
    (Merkmal::MutterAlter, "mutter-alter", &["volljaehrig", "minderjaehrig", "unbekannt"]),
    (Merkmal::Geburtsort, "geburtsort", &["eindeutig", "nicht-eindeutig", "ausland"]),
    (Merkmal::Geburtsdatum, "geburtsdatum", &["vollstaendig", "unvollstaendig"]),
    (
        Merkmal::Jugendamt,
        "jugendamt",
        &["freigegeben", "nicht-eindeutig", "nicht-angebunden", "nicht-freigegeben"],
    ),
    (Merkmal::Register, "register", &["vollstaendig-und-frisch", "unvollstaendig-oder-veraltet"]),
    (Merkmal::Offen, "offen", &["nein", "ja"]),
    (Merkmal::Sperrvermerk, "sperrvermerk", &["nein", "ja"]),
    (Merkmal::Treffer, "treffer", &["genau-einer", "mehrere", "aehnlich", "keiner"]),
    (Merkmal::Daten, "daten", &["klar", "unklar"]),
    (Merkmal::Arten, "arten", &["keine", "nur-01", "nur-02", "nur-04", "mehrere", "unbekannt"]),
];

/// The place of a fact in [`MERKMALE`] and its values, by its name.
pub fn merkmal(name: &str) -> Option<(usize, &'static [&'static str])> {
    let at = MERKMALE.iter().position(|(_, known, _)| *known == name)?;
    MERKMALE.get(at).map(|(_, _, werte)| (at, *werte))
}

/// The values of all facts of one request, each as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sachverhalt([u8; ANZAHL]);

impl Sachverhalt {
    /// What holds when nothing speaks against an automatic answer.
    pub fn einwandfrei() -> Sachverhalt {
        Sachverhalt([0; ANZAHL])
    }

    /// The same with another value; a word that is none of the fact's has the effect of the last, which never is the best.
    pub fn mit(mut self, merkmal: Merkmal, wert: &str) -> Sachverhalt {
        let at = merkmal as usize;
        if let (Some((_, _, werte)), Some(slot)) = (MERKMALE.get(at), self.0.get_mut(at)) {
            let number = werte.iter().position(|known| *known == wert).unwrap_or(werte.len() - 1);
            *slot = u8::try_from(number).unwrap_or(u8::MAX);
        }
        self
    }

    /// The word of a fact's value.
    pub fn wert(&self, merkmal: Merkmal) -> &'static str {
        let at = merkmal as usize;
        let number = self.0.get(at).copied().unwrap_or_default();
        MERKMALE.get(at).and_then(|(_, _, werte)| werte.get(usize::from(number)).copied()).unwrap_or_default()
    }

    /// The numbers of the values, in the order of [`MERKMALE`].
    pub fn nummern(&self) -> &[u8; ANZAHL] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_places() {
        for (at, (merkmal, name, werte)) in MERKMALE.iter().enumerate() {
            assert_eq!(*merkmal as usize, at, "{name}");
            assert!((2..=8).contains(&werte.len()), "one bit of an octet per value");
            for wert in *werte {
                assert_eq!(Sachverhalt::einwandfrei().mit(*merkmal, wert).wert(*merkmal), *wert);
            }
            let unknown = Sachverhalt::einwandfrei().mit(*merkmal, "?").wert(*merkmal);
            assert_eq!(unknown, *werte.last().unwrap());
        }
    }
}
