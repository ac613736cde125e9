//! `authorise: { area: register }`: who may change the mirror (rules.md 5). The authenticated partner must be the author, we the
//! reader, and the register of the birthplace must be the partner's. Never refuses by guess: an unclear place is parked.

use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::message::Message;
use crate::pipeline::step::{Bench, Building, Flow, NEXT, SettingFault, Step, Trouble};
use crate::register::aemter::{Amt, Zustaendig, tag};
use crate::register::gemeinden::falten;
use crate::register::keys;
use crate::register::record::Kind;
use crate::register::tafeln::{Ortsangabe, Tafeln};
use crate::rejection::{Fault, Rejection};

/// The areas that may be written.
pub const AREAS: &[&str] = &["register"];

struct Area {
    tafeln: Arc<Tafeln>,
    leser: String,
}

/// Builds the step; a stage without tables cannot check anything and is a fault.
pub fn build_area(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| SettingFault { path: path.to_owned(), text: text.to_owned() };
    let mut faults = Vec::new();
    let area = settings.get("area").and_then(Value::as_str).unwrap_or_default();
    if !AREAS.contains(&area) {
        faults.push(fault("/area", "unknown area; allowed: register"));
    }
    for key in settings.as_object().into_iter().flat_map(|map| map.keys()).filter(|key| *key != "area") {
        faults.push(fault(&format!("/{key}"), "unknown setting; allowed beside an area: none"));
    }
    if building.tafeln.aemter.aemter.is_empty() {
        faults.push(fault(
            "/area",
            "this stage has no offices; write tables/aemter.yaml, else everybody could write",
        ));
    }
    if building.tafeln.gemeinden.is_empty() {
        faults.push(fault(
            "/area",
            "this stage has no places; write tables/gemeinden.csv, else no birthplace is known",
        ));
    }
    let part = |key: &str| building.platform.get(key).and_then(Value::as_str).unwrap_or_default();
    let leser = format!("{}:{}", part("praefix"), part("kennung"));
    if faults.is_empty() {
        Ok(Arc::new(Area { tafeln: building.tafeln.clone(), leser }))
    } else {
        Err(faults)
    }
}

/// Whether the register of a child is the partner's.
#[derive(Debug, PartialEq)]
enum Stand {
    Eigen,
    Fremd(&'static str, &'static str),
    /// Nobody can say: why, and what helps.
    Unklar(&'static str, &'static str),
}

impl Step for Area {
    fn name(&self) -> &'static str {
        "authorise"
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let am = tag(message.now());
        let record = &message.record;
        // Refused or parked here, it still speaks of this child: a deletion must reach it.
        if let (Some(kind), Some(mutter)) = (&record.kind, &record.mutter) {
            message.effects.subjects = vec![keys::child(kind, mutter)];
        }
        let mut against = Vec::new();
        if !message.sender.identities.contains(&record.kopf.autor.key()) {
            let text = "Der Autor der Nachricht ist nicht die Stelle, die sie übermittelt hat.";
            against.push(Rejection::new(Fault::Authority, text).rule("autor-nicht-absender"));
        }
        if record.kopf.leser.key() != self.leser {
            let text = "Die Nachricht ist an einen anderen Leser gerichtet.";
            against.push(Rejection::new(Fault::WrongReader, text).rule("anderer-leser"));
        }
        let neu = record.neu.as_ref().and_then(|neu| neu.kind.as_ref());
        let mut unclear = None;
        // A change of the birthplace needs both areas.
        for kind in record.kind.iter().chain(neu) {
            match self.stand(&message.sender.id, kind, am) {
                Stand::Eigen => {}
                Stand::Fremd(rule, text) => {
                    let rejection = Rejection::new(Fault::Authority, text).rule(rule);
                    if !against.contains(&rejection) {
                        against.push(rejection);
                    }
                }
                Stand::Unklar(cause, next) => unclear = unclear.or(Some((cause, next))),
            }
        }
        match (against.is_empty(), unclear) {
            (false, _) => Err(Trouble::Rejected(against)),
            (true, Some((cause, next))) => Err(Trouble::Ours(format!("{cause}{NEXT}{next}"))),
            (true, None) => Ok(Flow::Next),
        }
    }
}

const KEIN_GEBIET: Stand =
    Stand::Fremd("kein-gebiet", "Die liefernde Stelle führt am heutigen Tag kein Sorgeregister.");
const FREMDES_GEBIET: Stand = Stand::Fremd(
    "fremdes-gebiet",
    "Die registerführende Stelle liegt nicht im Gebiet der liefernden Stelle.",
);
const FREMDER_ORT: Stand =
    Stand::Fremd("fremder-geburtsort", "Der Geburtsort liegt nicht im Gebiet der liefernden Stelle.");
const AUSLAND: Stand = Stand::Fremd(
    "auslandsgeburt",
    "Für Geburten im Ausland führt eine andere Stelle das Register (§ 88 Absatz 1 SGB VIII).",
);

const KEIN_AMT: Stand = Stand::Unklar(
    "no office is known for the birthplace",
    "complete tables/aemter.yaml, apply, then replay, or ask the office",
);

impl Area {
    fn stand(&self, partner: &str, kind: &Kind, am: Date) -> Stand {
        let aemter = &self.tafeln.aemter;
        let Some(amt) = aemter.amt(partner) else { return KEIN_GEBIET };
        if !amt.auslandsgeburten && !amt.hat_gebiet(am) {
            return KEIN_GEBIET;
        }
        // Before birth there is no birthplace yet; the area of the key is all that can be looked at.
        let vor_der_geburt = kind.geburtsdatum.is_none() && kind.erwartet.is_some();
        if kind.im_ausland() {
            return match aemter.fuer_auslandsgeburten() {
                Zustaendig::Eines(office) if office.id == amt.id => Stand::Eigen,
                Zustaendig::Eines(_) => AUSLAND,
                _ => Stand::Unklar(
                    "no office is known for births abroad",
                    "complete tables/aemter.yaml, apply, then replay",
                ),
            };
        }
        let key = kind.register_ars.as_deref().filter(|ars| !ars.is_empty());
        let by_key = key.map(|ars| aemter.zustaendig(ars, am));
        let own = |office: Zustaendig<'_>| office.eines().is_some_and(|office| office.id == amt.id);
        if by_key == Some(Zustaendig::Mehrere) {
            return Stand::Unklar(
                "several offices hold the area of the register",
                "correct tables/aemter.yaml, apply, then replay",
            );
        }
        if vor_der_geburt {
            return match by_key {
                None => Stand::Eigen,
                Some(office) if own(office) => Stand::Eigen,
                Some(Zustaendig::Keines) => KEIN_AMT,
                Some(_) => FREMDES_GEBIET,
            };
        }
        let place = self.tafeln.ortsangabe(kind.geburtsort.as_deref(), key, am);
        if let Ortsangabe::Einig(office) = place {
            return match (office, key) {
                (office, _) if own(office) => Stand::Eigen,
                (Zustaendig::Eines(_), Some(_)) => FREMDES_GEBIET,
                (Zustaendig::Eines(_), None) => FREMDER_ORT,
                _ => KEIN_AMT,
            };
        }
        let may_mean = || self.ort_mag_gehoeren(amt, kind, am);
        let another = match place {
            // The key is all that is said.
            Ortsangabe::OhneName => matches!(by_key, Some(Zustaendig::Eines(office)) if office.id != amt.id),
            // Of the two either may be wrong: where one may be the sender's nothing is refused by guess (rules.md 2.3, 5).
            Ortsangabe::Widerspruch | Ortsangabe::Mehrdeutig => {
                by_key.is_some_and(|office| !own(office)) && !may_mean()
            }
            Ortsangabe::Unbekannt | Ortsangabe::Einig(_) => false,
        };
        if another {
            return FREMDES_GEBIET;
        }
        match place {
            Ortsangabe::Mehrdeutig => Stand::Unklar(
                "the birthplace names several Gemeinden",
                "ask the office which one is meant, it delivers again with a unique name",
            ),
            Ortsangabe::Widerspruch => Stand::Unklar(
                "the birthplace does not lie where the register of its key is kept",
                "complete tables/ortsnamen.csv, apply, then replay, or ask the office",
            ),
            Ortsangabe::Unbekannt | Ortsangabe::OhneName | Ortsangabe::Einig(_) => Stand::Unklar(
                "the birthplace names no known Gemeinde",
                "complete tables/gemeinden.csv or ortsnamen.csv, apply, then replay, or ask the office",
            ),
        }
    }

    /// Whether a place of this birthplace's name lies in the area of an office.
    fn ort_mag_gehoeren(&self, amt: &Amt, kind: &Kind, am: Date) -> bool {
        let all = self.tafeln.gemeinden.alle(&falten(kind.geburtsort.as_deref().unwrap_or_default()));
        all.into_iter().any(|ars| self.gehoert(amt, ars, am))
    }

    fn gehoert(&self, amt: &Amt, ars: &str, am: Date) -> bool {
        self.tafeln.aemter.zustaendig(ars, am).eines().is_some_and(|office| office.id == amt.id)
    }
}

/// Whether the register of a child may be this partner's on a day: it is, or nobody can say. A state abroad beside a key or a name of the
/// partner's own area is refused, and yet either may be wrong, the state like the place.
pub fn may_own(tafeln: &Arc<Tafeln>, partner: &str, kind: &Kind, am: Date) -> bool {
    let area = Area { tafeln: tafeln.clone(), leser: String::new() };
    if !matches!(area.stand(partner, kind, am), Stand::Fremd(..)) {
        return true;
    }
    let Some(amt) = tafeln.aemter.amt(partner).filter(|_| kind.im_ausland()) else { return false };
    let by_key = kind.register_ars.as_deref().is_some_and(|ars| area.gehoert(amt, ars, am));
    by_key || area.ort_mag_gehoeren(amt, kind, am)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pipeline::testing::{bench, building, message, platform};
    use crate::register::aemter::{Aemter, Amt, Gebiet};
    use crate::register::gemeinden::Gemeinden;
    use crate::register::record::Angaben;

    fn amt(id: &str, gebiete: &[(&str, Option<&str>, Option<&str>)]) -> Amt {
        let day = |day: &Option<&str>| day.map(|day| day.parse().unwrap());
        let gebiete = gebiete
            .iter()
            .map(|(ars, von, bis)| Gebiet { ars: (*ars).into(), von: day(von), bis: day(bis) })
            .collect();
        Amt {
            id: id.into(),
            name: id.into(),
            gebiete,
            auslandsgeburten: id == "jugendamt-berlin",
            ..Amt::default()
        }
    }

    fn tafeln() -> Tafeln {
        let aemter = vec![
            amt("jugendamt-bremen", &[("04011", None, None)]),
            amt("jugendamt-bremerhaven", &[("04012", None, None)]),
            amt("jugendamt-berlin", &[("11", None, None)]),
            amt("jugendamt-alt", &[("04013", None, Some("2025-12-31"))]),
        ];
        let mut gemeinden = Gemeinden::default();
        for (ars, name) in [
            ("040110000000", "Bremen"),
            ("040120000000", "Bremerhaven"),
            ("010010000000", "Neustadt"),
            ("020010000000", "Neustadt"),
            ("990000000000", "Niemandsort"),
        ] {
            gemeinden.add(falten(name), ars);
        }
        gemeinden.add_weiteren(falten("Bremen-Mitte"), "040110000000");
        Tafeln { aemter: Aemter { aemter }, gemeinden, ..Default::default() }
    }

    fn with<T>(tafeln: Tafeln, build: impl FnOnce(&Building<'_>) -> T) -> T {
        let mut platform = platform();
        platform["kennung"] = json!("040110000000");
        building(|building| {
            build(&Building { platform: &platform, tafeln: Arc::new(tafeln), ..building.clone() })
        })
    }

    fn outcome(change: impl FnOnce(&mut Message)) -> String {
        let step = with(tafeln(), |building| build_area(&json!({ "area": "register" }), building)).unwrap();
        let mut message = message();
        change(&mut message);
        match step.apply(&mut message, &mut bench()) {
            Ok(flow) => format!("{flow:?}"),
            Err(Trouble::Rejected(all)) => all
                .iter()
                .map(|one| format!("{} {}", one.code, one.rule.clone().unwrap_or_default()))
                .collect::<Vec<_>>()
                .join(", "),
            Err(Trouble::Ours(cause)) => cause,
        }
    }

    fn kind(message: &mut Message) -> &mut Kind {
        message.record.kind.as_mut().unwrap()
    }

    #[test]
    fn the_author_is_the_sender_and_we_are_the_reader() {
        assert_eq!(outcome(|_| ()), "Next");
        assert_eq!(outcome(|m| m.record.kopf.autor.kennung = "1".into()), "T070 autor-nicht-absender");
        assert_eq!(outcome(|m| m.sender.identities.clear()), "T070 autor-nicht-absender");
        assert_eq!(outcome(|m| m.record.kopf.leser.kennung = "1".into()), "T080 anderer-leser");
        let both = outcome(|m| {
            m.record.kopf.leser.kennung = "1".into();
            m.record.kopf.autor.praefix = "psw".into();
        });
        assert_eq!(both, "T070 autor-nicht-absender, T080 anderer-leser");
    }

    #[test]
    fn register_and_birthplace_belong_to_the_sender() {
        for (ars, ort, expected) in [
            (Some("040110000000"), "BREMEN", "Next"),
            (None, "Bremen", "Next"),
            (Some("040120000000"), "Bremerhaven", "T070 fremdes-gebiet"),
            (Some("010010000000"), "Bremerhaven", "T070 fremdes-gebiet"),
            (Some("770000000000"), "Bremerhaven", "T070 fremdes-gebiet"),
            (Some("040110000000"), "Bremen-Mitte", "Next"),
            (None, "Bremerhaven", "T070 fremder-geburtsort"),
        ] {
            let found = outcome(|m| {
                kind(m).register_ars = ars.map(str::to_owned);
                kind(m).geburtsort = Some(ort.to_owned());
            });
            assert_eq!(found, expected, "{ars:?} {ort}");
        }
        for (ort, expected) in [
            (Some("Neustadt"), "several Gemeinden"),
            (Some("Nirgendwo"), "no known Gemeinde"),
            (Some("Bremen-Mitte"), "no known Gemeinde"),
            (None, "no known Gemeinde"),
            (Some("Niemandsort"), "no office is known for the birthplace"),
        ] {
            let found = outcome(|m| {
                kind(m).geburtsort = ort.map(str::to_owned);
                kind(m).register_ars = None;
            });
            assert!(found.contains(expected), "{ort:?}: {found}");
        }
        for (ort, expected) in [
            ("Bremerhaven", "does not lie where"),
            ("Neustadt", "does not lie where"),
            ("Nirgendwo", "no known Gemeinde"),
        ] {
            let found = outcome(|m| kind(m).geburtsort = Some(ort.to_owned()));
            assert!(found.contains(expected), "{ort}: {found}");
        }
        // Of name and key either may be wrong: where one of them is the sender's nothing is refused.
        for (ars, ort, expected) in [
            ("040120000000", "Bremen", "does not lie where"),
            ("040120000000", "Bremen-Mitte", "does not lie where"),
            ("770000000000", "Bremen", "does not lie where"),
            ("040120000000", "Nirgendwo", "no known Gemeinde"),
            ("990000000000", "Niemandsort", "no office is known"),
        ] {
            let found = outcome(|m| {
                kind(m).register_ars = Some(ars.into());
                kind(m).geburtsort = Some(ort.into());
            });
            assert!(found.contains(expected), "{ars} {ort}: {found}");
        }
        let nameless = outcome(|m| {
            kind(m).register_ars = Some("040120000000".into());
            kind(m).geburtsort = None;
        });
        assert_eq!(nameless, "T070 fremdes-gebiet", "the key is all that is said");
        assert_eq!(outcome(|m| m.sender.id = "jugendamt-x".into()), "T070 kein-gebiet");
        assert_eq!(outcome(|m| m.sender.id = "jugendamt-alt".into()), "T070 kein-gebiet");
    }

    #[test]
    fn births_abroad_belong_to_berlin_and_unborn_children_to_the_area() {
        let abroad = |m: &mut Message| {
            kind(m).geburtsstaat = Some("129".into());
            kind(m).geburtsort = Some("Paris".into());
        };
        assert_eq!(outcome(abroad), "T070 auslandsgeburt");
        let berlin = outcome(|m| {
            abroad(m);
            m.sender.id = "jugendamt-berlin".into();
        });
        assert_eq!(berlin, "Next");
        assert_eq!(outcome(|m| kind(m).geburtsstaat = Some("000".into())), "Next");
        assert_eq!(outcome(|m| kind(m).geburtsstaat = Some(String::new())), "Next");
        let unborn = |m: &mut Message| {
            let born = kind(m).geburtsdatum.take();
            *kind(m) = Kind { erwartet: born, ..Kind::default() };
        };
        assert_eq!(outcome(unborn), "Next");
        let elsewhere = outcome(|m| {
            unborn(m);
            kind(m).register_ars = Some("040120000000".into());
        });
        assert_eq!(elsewhere, "T070 fremdes-gebiet");
        let nobodys = outcome(|m| {
            unborn(m);
            kind(m).register_ars = Some("770000000000".into());
        });
        assert!(nobodys.contains("no office is known"), "{nobodys}");
    }

    #[test]
    fn a_state_abroad_beside_a_place_of_ones_own_may_be_the_one_that_is_wrong() {
        let tafeln = Arc::new(tafeln());
        let may = |partner: &str, staat: &str, ort: Option<&str>, ars: Option<&str>| {
            let kind = Kind {
                geburtsstaat: Some(staat.into()),
                geburtsort: ort.map(str::to_owned),
                register_ars: ars.map(str::to_owned),
                ..message().record.kind.unwrap()
            };
            may_own(&tafeln, partner, &kind, "2026-11-21".parse().unwrap())
        };
        let (bremen, own, other) = ("jugendamt-bremen", Some("040110000000"), Some("040120000000"));
        for staat in ["129", "151", "997"] {
            assert!(may(bremen, staat, Some("Bremen"), own) && may(bremen, staat, Some("Bremen"), None));
            assert!(may(bremen, staat, Some("Paris"), own) && may(bremen, staat, None, own));
            assert!(!may(bremen, staat, Some("Paris"), None) && !may(bremen, staat, Some("Paris"), other));
            assert!(!may("jugendamt-x", staat, Some("Bremen"), own), "no office");
            assert!(!may("jugendamt-alt", staat, Some("Bremen"), own), "not in its area");
        }
    }

    #[test]
    fn a_change_of_the_birthplace_needs_both_areas() {
        let neu = |ort: &str, ars: &str| {
            let (ort, ars) = (ort.to_owned(), ars.to_owned());
            outcome(move |m| {
                let kind = Kind { geburtsort: Some(ort), register_ars: Some(ars), ..kind(m).clone() };
                m.record.neu = Some(Box::new(Angaben { kind: Some(kind), ..Angaben::default() }));
            })
        };
        assert_eq!(neu("Bremen", "040110000000"), "Next");
        assert_eq!(neu("Bremerhaven", "040120000000"), "T070 fremdes-gebiet");
        assert!(neu("Bremerhaven", "040110000000").contains("does not lie where"));
        assert!(neu("Neustadt", "040110000000").contains("does not lie where"));
    }

    #[test]
    fn a_stage_without_tables_is_a_fault() {
        let faults = |tafeln: Tafeln, settings: Value| {
            let built = with(tafeln, |building| build_area(&settings, building));
            built.err().unwrap_or_default().iter().map(|fault| fault.path.clone()).collect::<Vec<_>>()
        };
        assert_eq!(faults(Tafeln::default(), json!({ "area": "register" })), ["/area", "/area"]);
        let no_places = Tafeln { gemeinden: Gemeinden::default(), ..tafeln() };
        assert_eq!(faults(no_places, json!({ "area": "register" })), ["/area"]);
        assert_eq!(faults(tafeln(), json!({ "area": "x", "b": 1 })), ["/area", "/b"]);
        assert!(faults(tafeln(), json!({ "area": "register" })).is_empty());
    }
}
