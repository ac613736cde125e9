//! Whether the login beside a request makes it the mother's own (rules.md 1): how strong, how fresh, and whose.
//! It never looks anything up; where it fails nothing is looked up at all.

use jiff::{SignedDuration, Timestamp};

use crate::latin::searchform::vergleichsform;
use crate::register::record::{Anmeldung, Mutter};
use crate::register::suche::familiennamen;

/// How surely a login proves who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vertrauensniveau {
    /// Name and password.
    Basisregistrierung,
    /// Normal.
    Normal,
    /// Substanziell: the least that a request is answered for.
    Substanziell,
    /// Hoch.
    Hoch,
}

impl Vertrauensniveau {
    /// Reads the word of an Anmeldung or its code in XFamilie.
    pub fn lesen(text: &str) -> Option<Vertrauensniveau> {
        match text {
            "basisregistrierung" | "01" => Some(Vertrauensniveau::Basisregistrierung),
            "normal" | "02" => Some(Vertrauensniveau::Normal),
            "substanziell" | "03" => Some(Vertrauensniveau::Substanziell),
            "hoch" | "04" => Some(Vertrauensniveau::Hoch),
            _ => None,
        }
    }
}

/// What a login must be for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Massstab {
    /// Least level.
    pub niveau: Vertrauensniveau,
    /// Most time between login and receipt.
    pub hoechstalter: SignedDuration,
}

impl Default for Massstab {
    fn default() -> Self {
        Massstab { niveau: Vertrauensniveau::Substanziell, hoechstalter: SignedDuration::from_mins(15) }
    }
}

impl Massstab {
    /// The measure as a partner's policy tightens it: `anmeldung: { mindestniveau: hoch, hoechstalter-minuten: 5 }`.
    ///
    /// What would loosen it has no effect, and a level that is no word of ours asks for the highest.
    pub fn verschaerft(policy: &serde_json::Value) -> Massstab {
        let least = Massstab::default();
        let anmeldung = &policy["anmeldung"];
        let niveau = match &anmeldung["mindestniveau"] {
            serde_json::Value::Null => least.niveau,
            written => written
                .as_str()
                .and_then(Vertrauensniveau::lesen)
                .map_or(Vertrauensniveau::Hoch, |niveau| niveau.max(least.niveau)),
        };
        let minuten =
            anmeldung["hoechstalter-minuten"].as_u64().and_then(|minuten| i64::try_from(minuten).ok());
        let hoechstalter =
            minuten.map(|minuten| SignedDuration::from_mins(minuten.min(15))).unwrap_or(least.hoechstalter);
        Massstab { niveau, hoechstalter: hoechstalter.min(least.hoechstalter) }
    }
}

/// Who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rolle {
    /// The mother herself.
    Mutter,
    /// Somebody with a Vollmacht: a person looks at it (case V).
    Bevollmaechtigt,
}

impl Rolle {
    /// All, as values of a message.
    pub const WORDS: &'static [&'static str] = &["mutter", "bevollmaechtigt"];

    /// As a value of a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Rolle::Mutter => "mutter",
            Rolle::Bevollmaechtigt => "bevollmaechtigt",
        }
    }
}

/// Why a login does not carry a request; holds nothing of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grund {
    /// No Anmeldung came along.
    Fehlt,
    /// Two that differ came along, or one that cannot be read.
    Unklar,
    /// The level is not named or below the service's least.
    Niveau,
    /// The time is not named or cannot be read.
    Zeitpunkt,
    /// Older than allowed.
    Veraltet,
    /// Later than the receipt.
    Zukunft,
    /// The role is not named or unknown.
    Rolle,
    /// Not the mother's name.
    Name,
    /// Not the mother's birth date, or not a whole one.
    Geburtsdatum,
    /// The partner is not admitted for this use.
    NichtZugelassen,
    /// No purpose is named, or not released by her for it (once-only).
    Zweck,
}

impl Grund {
    /// Whether another login would mend it: there is none, nobody can read it, or it is too old (rules.md 2.6).
    pub fn erneuern(self) -> bool {
        matches!(self, Grund::Fehlt | Grund::Unklar | Grund::Zeitpunkt | Grund::Veraltet)
    }

    /// The word for the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Grund::Fehlt => "fehlt",
            Grund::Unklar => "unklar",
            Grund::Niveau => "niveau",
            Grund::Zeitpunkt => "zeitpunkt",
            Grund::Veraltet => "veraltet",
            Grund::Zukunft => "zukunft",
            Grund::Rolle => "rolle",
            Grund::Name => "name",
            Grund::Geburtsdatum => "geburtsdatum",
            Grund::NichtZugelassen => "nicht-zugelassen",
            Grund::Zweck => "zweck",
        }
    }
}

/// Clocks of two machines differ; a login from further in the future than this was not made yet.
const GANGUNTERSCHIED: SignedDuration = SignedDuration::from_secs(60);

/// Who is logged in, or all reasons why the login does not carry the request of this mother.
///
/// A proxy logs in under an own name, so name and birth date are compared for the mother only; nothing is answered to a proxy
/// automatically.
pub fn pruefen(
    anmeldung: Option<&Anmeldung>,
    mutter: Option<&Mutter>,
    massstab: &Massstab,
    now: Timestamp,
) -> Result<Rolle, Vec<Grund>> {
    let Some(anmeldung) = anmeldung else { return Err(vec![Grund::Fehlt]) };
    let mut gruende = Vec::new();
    let niveau = anmeldung.vertrauensniveau.as_deref().and_then(Vertrauensniveau::lesen);
    if niveau.is_none_or(|niveau| niveau < massstab.niveau) {
        gruende.push(Grund::Niveau);
    }
    match anmeldung.zeitpunkt.as_deref().and_then(|text| text.parse::<Timestamp>().ok()) {
        None => gruende.push(Grund::Zeitpunkt),
        Some(zeitpunkt) => {
            let alter = now.duration_since(zeitpunkt);
            if alter > massstab.hoechstalter {
                gruende.push(Grund::Veraltet);
            }
            if alter < -GANGUNTERSCHIED {
                gruende.push(Grund::Zukunft);
            }
        }
    }
    let rolle = match anmeldung.rolle.as_deref() {
        Some("mutter") => Some(Rolle::Mutter),
        Some("bevollmaechtigt") => Some(Rolle::Bevollmaechtigt),
        _ => None,
    };
    match rolle {
        None => gruende.push(Grund::Rolle),
        Some(Rolle::Bevollmaechtigt) => {}
        Some(Rolle::Mutter) => {
            if !mutter.is_some_and(|mutter| gleicher_name(anmeldung, mutter)) {
                gruende.push(Grund::Name);
            }
            let datum = anmeldung.geburtsdatum.filter(|datum| datum.vollstaendig());
            if datum.is_none() || datum != mutter.map(|mutter| mutter.geburtsdatum) {
                gruende.push(Grund::Geburtsdatum);
            }
        }
    }
    match rolle {
        Some(rolle) if gruende.is_empty() => Ok(rolle),
        _ => Err(gruende),
    }
}

/// Family or birth name in common, and the same given names as far as the shorter of both goes.
fn gleicher_name(anmeldung: &Anmeldung, mutter: &Mutter) -> bool {
    let vornamen = |name: &Option<String>| vergleichsform(name.as_deref().unwrap_or_default());
    let (eigene, angegebene) = (vornamen(&anmeldung.name.vornamen), vornamen(&mutter.name.vornamen));
    let gemeinsam = eigene.split_whitespace().zip(angegebene.split_whitespace());
    let vornamen_gleich = !eigene.is_empty()
        && !angegebene.is_empty()
        && gemeinsam.clone().all(|(eins, anderes)| eins == anderes);
    vornamen_gleich && !familiennamen(&anmeldung.name).is_disjoint(&familiennamen(&mutter.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::record::{Personenname, TeilDatum};
    use crate::register::testing::mutter;

    const NOW: &str = "2026-11-21T10:16:00Z";

    fn anmeldung() -> Anmeldung {
        Anmeldung {
            konto: Some("k-1".into()),
            verfahren: Some("bundid".into()),
            vertrauensniveau: Some("substanziell".into()),
            zeitpunkt: Some("2026-11-21T11:06:00+01:00".into()),
            name: mutter().name,
            geburtsdatum: Some(mutter().geburtsdatum),
            rolle: Some("mutter".into()),
            ..Anmeldung::default()
        }
    }

    fn checked(change: impl FnOnce(&mut Anmeldung)) -> Result<Rolle, Vec<Grund>> {
        let mut anmeldung = anmeldung();
        change(&mut anmeldung);
        pruefen(Some(&anmeldung), Some(&mutter()), &Massstab::default(), NOW.parse().unwrap())
    }

    #[test]
    fn every_reason_on_both_sides() {
        let ok = Ok(Rolle::Mutter);
        let no = |grund| Err(vec![grund]);
        let name = |family: &str, birth: Option<&str>, given: &str| Personenname {
            familienname: Some(family.into()),
            geburtsname: birth.map(Into::into),
            vornamen: Some(given.into()),
        };
        let massstab = Massstab::default();
        let now = NOW.parse().unwrap();
        assert_eq!(pruefen(None, Some(&mutter()), &massstab, now), no(Grund::Fehlt));
        let without = pruefen(Some(&anmeldung()), None, &massstab, now);
        assert_eq!(without, Err(vec![Grund::Name, Grund::Geburtsdatum]));
        assert_eq!(checked(|_| {}), ok);
        for (level, expected) in [
            (Some("hoch"), ok.clone()),
            (Some("03"), ok.clone()),
            (Some("normal"), no(Grund::Niveau)),
            (Some("basisregistrierung"), no(Grund::Niveau)),
            (Some("Substanziell?"), no(Grund::Niveau)),
            (None, no(Grund::Niveau)),
        ] {
            assert_eq!(checked(|a| a.vertrauensniveau = level.map(Into::into)), expected, "{level:?}");
        }
        for (at, expected) in [
            ("2026-11-21T10:01:00Z", ok.clone()),
            ("2026-11-21T10:00:59.999Z", no(Grund::Veraltet)),
            ("2026-11-20T10:15:00Z", no(Grund::Veraltet)),
            ("2026-11-21T10:16:59Z", ok.clone()),
            ("2026-11-21T10:17:01Z", no(Grund::Zukunft)),
            ("2026-11-21T10:15:00", no(Grund::Zeitpunkt)),
            ("gestern", no(Grund::Zeitpunkt)),
        ] {
            assert_eq!(checked(|a| a.zeitpunkt = Some(at.into())), expected, "{at}");
        }
        assert_eq!(checked(|a| a.zeitpunkt = None), no(Grund::Zeitpunkt));
        for (what, name, expected) in [
            ("the father with his own account", name("Petersen", None, "Jan"), no(Grund::Name)),
            ("the father who bears the child's name", name("Müller", None, "Jan"), no(Grund::Name)),
            ("a sister of the same surname", name("Müller", None, "Lena"), no(Grund::Name)),
            ("married since, by her birth name", name("Sommer", Some("Müller"), "Zoë Marie"), ok.clone()),
            ("the account knows only her birth name", name("MUELLER", None, "Zoe"), ok.clone()),
            ("nothing in common", name("Sommer", Some("Winter"), "Zoë"), no(Grund::Name)),
            ("Muller", name("Muller", None, "Zoë Marie"), no(Grund::Name)),
            ("another second given name", name("Müller", None, "Zoë Anna"), no(Grund::Name)),
            ("no given name", name("Müller", None, " "), no(Grund::Name)),
        ] {
            assert_eq!(checked(|a| a.name = name), expected, "{what}");
        }
        for (day, expected) in [
            (TeilDatum::parse("1994-03-12"), ok.clone()),
            (TeilDatum::parse("1992-07-01"), no(Grund::Geburtsdatum)),
            (TeilDatum::parse("1994-03"), no(Grund::Geburtsdatum)),
            (None, no(Grund::Geburtsdatum)),
        ] {
            assert_eq!(checked(|a| a.geburtsdatum = day), expected, "{day:?}");
        }
        for (role, expected) in [
            (Some("bevollmaechtigt"), Ok(Rolle::Bevollmaechtigt)),
            (Some("vater"), no(Grund::Rolle)),
            (None, no(Grund::Rolle)),
        ] {
            assert_eq!(checked(|a| a.rolle = role.map(Into::into)), expected, "{role:?}");
        }
        assert_eq!(
            checked(|a| {
                a.rolle = Some("bevollmaechtigt".into());
                a.name = Personenname::default();
                a.geburtsdatum = None;
            }),
            Ok(Rolle::Bevollmaechtigt)
        );
        assert_eq!(
            checked(|a| {
                a.zeitpunkt = Some("2026-11-21T09:00:00Z".into());
                a.vertrauensniveau = None;
            }),
            Err(vec![Grund::Niveau, Grund::Veraltet]),
            "all reasons are named"
        );
    }

    #[test]
    fn a_policy_tightens_and_never_loosens() {
        let of = |policy: serde_json::Value| {
            let massstab = Massstab::verschaerft(&policy);
            (massstab.niveau, massstab.hoechstalter.as_mins())
        };
        use Vertrauensniveau::{Hoch, Substanziell};
        use serde_json::json;
        assert_eq!(of(json!(null)), (Substanziell, 15));
        assert_eq!(of(json!({ "anmeldung": { "mindestniveau": "hoch" } })), (Hoch, 15));
        assert_eq!(of(json!({ "anmeldung": { "mindestniveau": "normal" } })), (Substanziell, 15));
        assert_eq!(of(json!({ "anmeldung": { "mindestniveau": 3 } })), (Hoch, 15));
        assert_eq!(of(json!({ "anmeldung": { "hoechstalter-minuten": 5 } })), (Substanziell, 5));
        assert_eq!(of(json!({ "anmeldung": { "hoechstalter-minuten": 600 } })), (Substanziell, 15));
        assert_eq!(of(json!({ "anmeldung": { "hoechstalter-minuten": 0 } })), (Substanziell, 0));
    }
}
