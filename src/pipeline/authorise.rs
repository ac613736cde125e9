//! The verb `authorise`: who may ask, and who may deliver. Of each setting only one stands in a route, and each has its own file.
//! Where a request is not carried by its login nothing is looked up: the run ends as case K before `find`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::authorise_area;
use crate::pipeline::entschieden::{ANMELDUNG, ERNEUERN, UNGUELTIG, VERWENDUNG, festhalten};
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::register::aemter::tag;
use crate::register::anmeldung::{Grund, Massstab, Rolle, pruefen};
use crate::register::entscheidung::{Entscheidung, Ergebnis, Fall};
use crate::register::record::Anmeldung;
use crate::register::tafeln::Tafeln;
use crate::register::tatsachen;
use crate::register::vorgang::ONCE_ONLY;

/// What a request may be made for.
pub const USES: &[&str] = &[SELF_SERVICE, ONCE_ONLY];
const SELF_SERVICE: &str = "self-service";
/// Name of the part that brings the login.
pub const PART: &str = "anmeldung";

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "authorise",
    place: Place::Do,
    about: "Lets a request pass when its login is the mother's own (use), a delivery when its author keeps the register (area).",
    schema: || {
        json!({
            "type": "object",
            "properties": {
                "use": { "description": "What the request is made for.", "enum": USES },
                "area": { "description": "What the sender may write.", "enum": authorise_area::AREAS },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    },
    declares: &[(VERWENDUNG, USES), (ANMELDUNG, &["mutter", "bevollmaechtigt", UNGUELTIG, ERNEUERN])],
    build,
};

/// Builds by the one key that is written.
fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let fault = |path: &str, text: &str| vec![SettingFault { path: path.to_owned(), text: text.to_owned() }];
    let Some(map) = settings.as_object() else {
        return Err(fault("", "not a mapping; write `authorise: { use: … }` or `authorise: { area: … }`"));
    };
    let mut written = map.iter();
    match (written.next(), written.next()) {
        (None, _) => Err(fault("", "nothing to authorise; write `{ use: … }` or `{ area: … }`")),
        (Some(_), Some((other, _))) => {
            Err(fault(&format!("/{other}"), "one setting only; remove the others"))
        }
        (Some((key, value)), None) => match key.as_str() {
            "use" => build_use(value, building),
            "area" => authorise_area::build_area(settings, building),
            other => Err(fault(&format!("/{other}"), "unknown setting; allowed: use, area")),
        },
    }
}

fn build_use(value: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    match USES.iter().find(|known| value.as_str() == Some(known)) {
        Some(verwendung) => Ok(Arc::new(Use { verwendung, tafeln: building.tafeln.clone() })),
        None => Err(vec![SettingFault {
            path: "/use".to_owned(),
            text: format!("unknown use; allowed: {}", USES.join(", ")),
        }]),
    }
}

/// `authorise: { use: … }`.
struct Use {
    verwendung: &'static str,
    tafeln: Arc<Tafeln>,
}

impl Step for Use {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, bench: &mut Bench) -> Result<Flow, Trouble> {
        message.values.insert(VERWENDUNG, self.verwendung.to_owned());
        message.audit(ENTRY.word, &[("use", self.verwendung)]);
        let geprueft = match anmeldung(message, bench) {
            Err(grund) => Err(vec![grund]),
            Ok(anmeldung) => {
                message.record.anmeldung = anmeldung;
                self.geprueft(message)
            }
        };
        match geprueft {
            Ok(rolle) => {
                message.values.insert(ANMELDUNG, rolle.as_str().to_owned());
                Ok(Flow::Next)
            }
            // The reasons stay here: an audit trail that knew them would tell the case.
            Err(gruende) => {
                self.fall_k(message, &gruende);
                Ok(Flow::Stop)
            }
        }
    }
}

impl Use {
    fn geprueft(&self, message: &Message) -> Result<Rolle, Vec<Grund>> {
        let record = &message.record;
        let massstab = Massstab::verschaerft(&message.sender.policy);
        // As fresh as it was when the request came: one that our own trouble held up, and that a person replays, is no older.
        let received = message.envelope.head.received;
        let geprueft = pruefen(record.anmeldung.as_ref(), record.mutter.as_ref(), &massstab, received);
        let mut gruende = Vec::new();
        if !message.sender.uses.iter().any(|admitted| admitted == self.verwendung) {
            gruende.push(Grund::NichtZugelassen);
        }
        // Whether she released it for this purpose decides what the service is told, not what she is: `freigabe` looks at that.
        if self.verwendung == ONCE_ONLY && !zweck(record.anmeldung.as_ref()) {
            gruende.push(Grund::Zweck);
        }
        match geprueft {
            Ok(rolle) if gruende.is_empty() => Ok(rolle),
            Ok(_) => Err(gruende),
            Err(mut all) => {
                all.append(&mut gruende);
                Err(all)
            }
        }
    }

    /// No decision and nothing looked up: only the office that decides is named.
    ///
    /// Where the service itself is admitted and its login is missing, unreadable or too old, it is told so. Any other login that
    /// does not hold is readable: the account that asked is told, and stays on the record for `postfach`.
    fn fall_k(&self, message: &mut Message, gruende: &[Grund]) {
        let now = message.now();
        let wohnort = message.record.mutter.as_ref().and_then(|mutter| {
            tatsachen::wohnort(mutter, &self.tafeln, tag(now)).eines().map(|amt| amt.id.clone())
        });
        let admitted = !gruende.contains(&Grund::NichtZugelassen);
        let erneuern = admitted && gruende.iter().any(|grund| grund.erneuern());
        message.values.insert(ANMELDUNG, if erneuern { ERNEUERN } else { UNGUELTIG }.to_owned());
        if erneuern || !admitted {
            message.record.anmeldung = None;
        }
        festhalten(
            message,
            Entscheidung {
                fall: Fall::K,
                ergebnis: Ergebnis::Zustaendigkeit,
                tabelle: self.tafeln.auskunft.stempel(),
                stand: now,
                gilt_bis: None,
                wohnort_amt: wohnort,
                geburts_amt: None,
                registersatz: None,
            },
        );
    }
}

/// The login that came with the request: in the document itself, or as the one part of this name.
pub fn anmeldung(message: &Message, bench: &mut Bench) -> Result<Option<Anmeldung>, Grund> {
    let own = message.record.anmeldung.clone();
    let mut parts = message.envelope.parts.iter().filter(|part| part.name == PART);
    let beside = match (parts.next(), parts.next()) {
        (None, _) => None,
        (Some(part), None) => Some(part),
        (Some(_), Some(_)) => return Err(Grund::Unklar),
    };
    let Some(part) = beside else { return Ok(own) };
    let small = part.small.as_ref().ok_or(Grund::Unklar)?;
    let read = opened(bench, &small.0).ok_or(Grund::Unklar)?;
    match own {
        Some(own) if own != read => Err(Grund::Unklar),
        _ => Ok(Some(read)),
    }
}

/// The login of a small part, where it is one and valid.
fn opened(bench: &mut Bench, octets: &bytes::Bytes) -> Option<Anmeldung> {
    let (_, record) = bench.reader.open(octets.clone()).ok()?;
    record.anmeldung
}

/// Whether a purpose is named at all (rules.md 3).
fn zweck(anmeldung: Option<&Anmeldung>) -> bool {
    let zweck = anmeldung.and_then(|anmeldung| anmeldung.zweck.as_deref());
    zweck.is_some_and(|zweck| !zweck.trim().is_empty())
}
