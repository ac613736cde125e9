//! In which version of a standard a partner is written to: the one that `partners.yaml` names, else the oldest that is loaded and
//! never the newest that happens to be (rules.md 3). What would be written is tried with an invented record when routes are
//! built, so that a release which cannot be written is a fault then and not a parked request later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::pipeline::step::{Building, Reach, SettingFault};
use crate::pipeline::{answer, werte};
use crate::register::record::{
    Anschrift, Auslandsanschrift, Behoerde, Eintragung, Kind, Mutter, Personenname, Record, TeilDatum,
    Terminwunsch, Zusatzangaben,
};
use crate::xoev::contract::Standards;

/// A message that packages write, with the versions in which they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// The message, such as `xfamilie.0801`.
    pub message: String,
    /// Its standard.
    pub standard: String,
    /// The versions, the oldest first; never empty.
    versions: Vec<String>,
}

impl Writing {
    /// What writes this message; `None` where nothing does.
    pub fn of(standards: &dyn Standards, message: &str) -> Option<Writing> {
        let writes: Vec<_> =
            standards.known().into_iter().filter(|known| known.writes && known.message == message).collect();
        let standard = writes.first()?.standard.clone();
        let versions = writes.into_iter().map(|known| known.version).collect();
        Some(Writing { message: message.to_owned(), standard, versions })
    }

    /// The version that is written to this partner, where nothing is answered.
    pub fn to<'a>(&'a self, reach: &'a Reach, partner: Option<&str>) -> &'a str {
        let named = partner.and_then(|partner| reach.version(partner, &self.standard));
        named.unwrap_or_else(|| self.oldest())
    }

    /// The version in which a message of this standard and version is answered to whoever wrote it.
    pub fn answering(&self, named: Option<&str>, (standard, version): (&str, &str)) -> &str {
        let own = || self.versions.iter().find(|known| standard == self.standard && **known == version);
        match named {
            Some(named) => self
                .versions
                .iter()
                .find(|known| **known == named)
                .map(String::as_str)
                .unwrap_or_else(|| self.oldest()),
            None => own().map(String::as_str).unwrap_or_else(|| self.oldest()),
        }
    }

    /// The version that is written where nobody in particular reads it.
    pub fn to_whoever(&self) -> &str {
        self.oldest()
    }

    fn oldest(&self) -> &str {
        self.versions.first().map_or("", String::as_str)
    }

    /// Tries to write it as `author` to `reader` in every version; leaves out those that fail and that nobody named is written to,
    /// and tells of the others by the partners that take them.
    pub fn tried(
        mut self,
        building: &Building<'_>,
        author: &Value,
        reader: &Behoerde,
        content: impl Fn(&Record) -> Result<Value, String>,
        partners: &BTreeSet<&str>,
    ) -> Result<Writing, SettingFault> {
        let oldest = self.oldest().to_owned();
        let mut takers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for partner in partners {
            let version = building.reach.version(partner, &self.standard).unwrap_or(&oldest);
            takers.entry(version).or_default().push(partner);
        }
        let mut writer = building.standards.reader();
        let mut write = |version: &str| -> Result<(), String> {
            for record in probes() {
                let kopf = answer::values(Uuid::nil(), Timestamp::UNIX_EPOCH, true, author, reader);
                let values = werte::nachricht(kopf, content(&record)?);
                writer.write(&self.message, version, &values).map_err(|error| error.to_string())?;
            }
            Ok(())
        };
        let fault = |version: &str, partners: &[&str], error: &str| SettingFault {
            path: String::new(),
            text: format!(
                "`{}` cannot be written in {version}, which {} would get: {error}; correct the package, or `versions` in \
                 partners.yaml",
                self.message,
                partners.join(", "),
            ),
        };
        for (version, partners) in &takers {
            write(version).map_err(|error| fault(version, partners, &error))?;
        }
        let mut good = Vec::with_capacity(self.versions.len());
        for version in &self.versions {
            match takers.contains_key(version.as_str()) || write(version).is_ok() {
                true => good.push(version.clone()),
                // Whoever is written to without having named a version gets this one.
                false if *version == oldest => {
                    let error = write(version).err().unwrap_or_default();
                    return Err(fault(version, &["whoever names no version"], &error));
                }
                false => {}
            }
        }
        self.versions = good;
        Ok(self)
    }
}

/// Two invented records that a request may look like: with what has to be there only, and with all there is.
fn probes() -> [Record; 2] {
    let text = |text: &str| Some(text.to_owned());
    let name = |geburtsname: Option<String>| Personenname {
        familienname: text("Probe"),
        geburtsname,
        vornamen: text("Probe"),
    };
    let day = |jahr| TeilDatum { jahr, monat: Some(1), tag: Some(1) };
    let mut least = Record::default();
    least.kopf.antragszeit = Some(answer::zeitpunkt(Timestamp::UNIX_EPOCH));
    least.kopf.transaktionsid = Some(Uuid::nil().to_string());
    least.mutter = Some(Mutter {
        name: name(None),
        geburtsort: text("Probe"),
        geburtsdatum: day(1990),
        ..Mutter::default()
    });
    least.kind = Some(Kind {
        namen: vec![name(None)],
        geburtsort: text("Probe"),
        geburtsdatum: Some(day(2020)),
        ..Kind::default()
    });
    least.eintragung = Some(Eintragung::default());
    let mut all = least.clone();
    let anschrift = Anschrift {
        gemeindeschluessel: text("00000000"),
        strasse: text("Probe"),
        hausnummer: text("1"),
        hausnummer_zusatz: text("a"),
        postleitzahl: text("00000"),
        wohnort: text("Probe"),
    };
    let ars = Anschrift { gemeindeschluessel: text("000000000000"), ..anschrift.clone() };
    if let Some(mutter) = &mut all.mutter {
        mutter.name = name(text("Probe"));
        mutter.geburtsstaat = text("000");
        mutter.familienstand = text("LD");
        mutter.anschriften = vec![anschrift, ars];
        mutter.ausland = Some(Auslandsanschrift {
            staat: text("000"),
            zeilen: vec!["Probe".to_owned(), "Probe".to_owned()],
        });
    }
    if let Some(kind) = &mut all.kind {
        kind.namen = vec![name(text("Probe")), name(None)];
        kind.geburtsstaat = text("000");
        kind.geburtsregister_nummer = text("1/2020");
        kind.geburtsstandesamt = text("Probe");
        kind.register_ars = text("000000000000");
    }
    all.zusatz = Some(Zusatzangaben {
        mit_vater_verheiratet: Some(false),
        bei_geburt_verheiratet: Some(false),
        gerichtliche_entscheidung: Some(false),
        gemeinsame_erklaerung: Some(false),
        nachweise: Vec::new(),
    });
    all.termine =
        vec![Terminwunsch { wochentage: vec!["Montag".to_owned()], uhrzeiten: vec!["09:00".to_owned()] }];
    [least, all]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{building, platform};

    fn writing(versions: &[&str]) -> Writing {
        let versions = versions.iter().map(|version| (*version).to_owned()).collect();
        Writing { message: "xfamilie.0801".into(), standard: "xfamilie".into(), versions }
    }

    #[test]
    fn a_partner_is_written_to_in_the_version_it_takes_and_never_in_the_newest_by_itself() {
        let writing = writing(&["1.3.0", "1.4.0"]);
        let mut reach = Reach::default();
        let takes = BTreeMap::from([("xfamilie".to_owned(), "1.4.0".to_owned())]);
        reach.versions.insert("jugendamt-neu".into(), takes);
        assert_eq!(writing.to(&reach, Some("jugendamt-neu")), "1.4.0");
        assert_eq!(writing.to(&reach, Some("jugendamt-bremen")), "1.3.0");
        assert_eq!(writing.to(&reach, None), "1.3.0");
    }

    #[test]
    fn whoever_asks_is_answered_in_its_own_version_unless_it_takes_another() {
        let writing = writing(&["1.3.0", "1.4.0"]);
        for (named, asked, answered) in [
            (None, ("xfamilie", "1.4.0"), "1.4.0"),
            (None, ("xfamilie", "1.3.0"), "1.3.0"),
            (None, ("xfamilie", "1.5.0"), "1.3.0"),
            (None, ("drehscheibe-json", "1.4.0"), "1.3.0"),
            (Some("1.3.0"), ("xfamilie", "1.4.0"), "1.3.0"),
            (Some("1.4.0"), ("drehscheibe-json", "1"), "1.4.0"),
        ] {
            assert_eq!(writing.answering(named, asked), answered, "{named:?} {asked:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_a_fault_for_those_who_take_it_and_for_nobody_else() {
        building(|building| {
            let reader = Behoerde { praefix: "jga".into(), kennung: "1".into(), name: "Amt".into() };
            let tried = |versions: &[&str], takes: Option<&str>| {
                let mut reach = Reach::clone(&building.reach);
                let takes = takes.map(|version| ("xfamilie".to_owned(), version.to_owned()));
                reach.versions.insert("jugendamt-neu".into(), takes.into_iter().collect());
                let building = Building { reach: reach.into(), ..building.clone() };
                let partners = BTreeSet::from(["jugendamt-neu", "jugendamt-bremen"]);
                writing(versions).tried(
                    &building,
                    &platform(),
                    &reader,
                    |record| Ok(werte::inhalt(record)),
                    &partners,
                )
            };
            assert_eq!(tried(&["1.3.0"], None).unwrap().versions, ["1.3.0"]);
            // Nobody takes it: it is as if it were not there.
            assert_eq!(tried(&["1.3.0", "1.4.0"], None).unwrap().versions, ["1.3.0"]);
            let fault = tried(&["1.3.0", "1.4.0"], Some("1.4.0")).unwrap_err();
            assert!(fault.text.contains("1.4.0") && fault.text.contains("jugendamt-neu"), "{}", fault.text);
            assert!(!fault.text.contains("jugendamt-bremen"), "{}", fault.text);
            assert!(tried(&["1.2.0", "1.3.0"], None).is_err(), "who names nothing gets the oldest");
        });
    }
}
