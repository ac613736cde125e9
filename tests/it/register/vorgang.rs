//! What a decision leaves behind: Vorgang, values, audit, retrievals; and what it never leaves: the letter outside of the
//! restricted record, a look-up without a login.

use drehscheibe::effects::{Retrieval, VorgangState};
use drehscheibe::envelope::{Claim, Part, Small};
use drehscheibe::pipeline::step::Trouble;
use drehscheibe::register::entscheidung::{Ergebnis, Fall};
use drehscheibe::register::keys;
use drehscheibe::register::tabelle::{EINGEBAUT, lesen};
use serde_json::json;
use uuid::Uuid;

use super::welt::{GEBURT, WOHNORT, Welt};

#[test]
fn an_answer_is_kept_with_its_table_and_its_mailbox() {
    let welt = Welt::neu();
    let lauf = welt.lauf();
    let message = &lauf.message;
    let entscheidung = message.entscheidung.as_ref().unwrap();
    assert_eq!(entscheidung.wohnort_amt.as_deref(), Some(WOHNORT));
    assert_eq!(entscheidung.geburts_amt.as_deref(), Some(GEBURT));
    assert_eq!(entscheidung.registersatz, Some(Uuid::from_u128(1)));
    assert_eq!(entscheidung.stand, welt.now);
    assert_eq!(message.values["ergebnis"], "negativ");
    let [change, alias] = message.effects.vorgaenge.as_slice() else {
        panic!("one Vorgang, and what leads to it")
    };
    assert_eq!(alias.key, keys::nummer(message.envelope.head.id));
    assert_eq!(alias.vorgang.akte.partner, "portal");
    assert!(alias.vorgang.akte.fall.is_none() && alias.vorgang.akte.postkorb.is_none());
    let transaktionsid = welt.record.kopf.transaktionsid.as_deref().unwrap();
    assert_eq!(change.key, keys::vorgang("portal", transaktionsid));
    assert_eq!((change.vorgang.state, change.vorgang.owner.as_str()), (VorgangState::Entschieden, WOHNORT));
    let akte = &change.vorgang.akte;
    assert_eq!((akte.art.as_str(), akte.partner.as_str()), ("antrag", "portal"));
    assert_eq!(akte.nummer, Some(message.envelope.head.id));
    assert_eq!(akte.use_.as_deref(), Some("self-service"));
    assert_eq!((akte.fall, akte.stand), (Some(Fall::A), Some(welt.now)));
    assert_eq!(akte.tabelle.as_deref(), Some("auskunft 1 2026-11-22"));
    assert_eq!(akte.postkorb.as_deref(), Some("3d9a6f5e-0000-4000-8000-000000000001"));
    assert_eq!(
        message.effects.retrievals,
        [Retrieval { step: "find".into(), records: vec![Uuid::from_u128(1)] }]
    );
    assert!(welt.lauf().message.effects == message.effects, "the same run has the same effects");
}

#[test]
fn the_mailbox_is_that_of_the_login_or_none() {
    let postkorb = |change: fn(&mut Welt)| {
        let mut welt = Welt::neu();
        change(&mut welt);
        welt.lauf().message.effects.vorgaenge[0].vorgang.akte.postkorb.clone()
    };
    assert!(postkorb(|_| {}).is_some());
    assert!(postkorb(|w| w.record.kopf.postkorb = None).is_some());
    assert!(postkorb(|w| w.record.kopf.postkorb.as_mut().unwrap().handle = Some("anderer".into())).is_none());
    assert!(postkorb(|w| w.record.kopf.postkorb.as_mut().unwrap().zustimmung = Some(false)).is_none());
    assert!(postkorb(|w| w.anmeldung.as_mut().unwrap().postkorb_handle = None).is_none());
    assert!(postkorb(|w| w.anmeldung.as_mut().unwrap().rolle = None).is_none(), "a login that does not hold");
}

#[test]
fn without_a_login_nothing_is_looked_up_and_the_office_is_named() {
    let mut welt = Welt::neu();
    welt.anmeldung = None;
    let lauf = welt.lauf();
    assert_eq!(lauf.fragen, 0);
    assert_eq!(lauf.fall(), (Fall::K, Ergebnis::Zustaendigkeit));
    assert!(lauf.message.effects.retrievals.is_empty() && lauf.message.befund.is_none());
    assert_eq!(lauf.message.values["ergebnis"], "zustaendigkeit");
    let vorgang = &lauf.message.effects.vorgaenge[0].vorgang;
    assert_eq!((vorgang.state, vorgang.owner.as_str()), (VorgangState::Entschieden, WOHNORT));
    assert_eq!(vorgang.akte.fall, Some(Fall::K));
}

#[test]
fn all_klaerfaelle_look_the_same_outside_of_the_restricted_record() {
    let changes: [fn(&mut Welt); 6] = [
        |w| w.record.zusatz = None,
        |w| w.bestaende.clear(),
        |w| w.saetze.clear(),
        |w| w.satz().eintragung.arten = vec!["03".into()],
        |w| w.satz().vermerk.bestritten = true,
        |w| {
            w.satz().eintragung.vorhanden = true;
            w.satz().eintragung.arten = vec!["02".into(), "04".into()];
        },
    ];
    let mut seen = Vec::new();
    let mut letters = std::collections::BTreeSet::new();
    for change in changes {
        let mut welt = Welt::neu();
        change(&mut welt);
        let message = welt.lauf().message;
        let vorgang = &message.effects.vorgaenge[0].vorgang;
        assert_eq!(vorgang.state, VorgangState::BeimJugendamt);
        letters.insert(vorgang.akte.fall.unwrap());
        seen.push((message.values.clone(), message.effects.audit.clone(), vorgang.owner.clone(), vorgang.id));
    }
    assert!(letters.len() >= 4, "{letters:?}");
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    let audit = format!("{:?}", seen[0].1);
    assert!(!audit.contains("fall") && !audit.contains("grund"), "{audit}");
}

#[test]
fn a_second_request_of_the_same_vorgang_is_refused() {
    let mut welt = Welt::neu();
    let key = keys::vorgang("portal", welt.record.kopf.transaktionsid.as_deref().unwrap());
    welt.offen(key, VorgangState::Entschieden, 0);
    let Err(Trouble::Rejected(all)) = welt.versuch() else { panic!("refused") };
    assert_eq!((all[0].code.as_str(), all[0].rule.as_deref()), ("S999", Some("vorgang-besteht")));
}

#[test]
fn a_login_beside_the_document_is_read_once_and_never_guessed() {
    let part = |text: Option<&'static [u8]>| Part {
        name: "anmeldung".into(),
        content_type: "application/json".into(),
        size: 10,
        sha256: String::new(),
        claim: Claim::default(),
        mandant: String::new(),
        small: text.map(|text| Small(bytes::Bytes::from_static(text))),
    };
    for parts in
        [vec![part(None)], vec![part(Some(b"{ not json"))], vec![part(Some(b"{}")), part(Some(b"{}"))]]
    {
        let mut welt = Welt::neu();
        welt.parts = parts;
        assert_eq!(welt.lauf().fall().0, Fall::K);
    }
    let mut welt = Welt::neu();
    welt.parts = vec![Part { name: "nachweis".into(), ..part(None) }];
    assert_eq!(welt.lauf().fall().0, Fall::A, "other parts are no login");
}

#[test]
fn once_only_needs_a_purpose_and_her_login_alone_decides_what_she_is_told() {
    let once = |change: fn(&mut Welt)| {
        let mut welt = Welt::neu();
        welt.verwendung = "once-only";
        welt.sender.uses = vec!["once-only".into()];
        welt.sender.policy = json!({ "leika": ["99107023017000"] });
        let anmeldung = welt.anmeldung.as_mut().unwrap();
        anmeldung.zweck = Some("99107023017000".into());
        anmeldung.freigabe = Some("2026-11-21T10:12:00+01:00".into());
        change(&mut welt);
        welt.lauf().fall().0
    };
    assert_eq!(once(|_| {}), Fall::A);
    // A release that is missing, or for another purpose, keeps the proof back, not her letter.
    assert_eq!(once(|w| w.anmeldung.as_mut().unwrap().zweck = Some("1".into())), Fall::A);
    assert_eq!(once(|w| w.anmeldung.as_mut().unwrap().freigabe = None), Fall::A);
    assert_eq!(once(|w| w.sender.policy = json!(null)), Fall::A);
    for zweck in [None, Some(" ".to_owned())] {
        let mut welt = Welt::neu();
        (welt.verwendung, welt.sender.uses) = ("once-only", vec!["once-only".into()]);
        welt.anmeldung.as_mut().unwrap().zweck = zweck;
        let lauf = welt.lauf();
        assert_eq!((lauf.fall().0, lauf.fragen), (Fall::K, 0));
    }
    assert_eq!(once(|w| w.sender.uses = vec!["self-service".into()]), Fall::K);
    assert_eq!(once(|w| w.anmeldung.as_mut().unwrap().zeitpunkt = None), Fall::K);
}

#[test]
fn an_office_may_be_stricter() {
    let stricter = "verschaerfungen:\n  - { jugendamt: jugendamt-hamburg, faelle: [A], datum: 2026-11-01, \
                    freigegeben-von: Leitung, grund: Probezeit }\n";
    let mut welt = Welt::neu();
    welt.tafeln.auskunft = lesen(&EINGEBAUT.replace("verschaerfungen: []\n", stricter)).unwrap();
    assert_eq!(welt.lauf().fall(), (Fall::A, Ergebnis::Klaerfall));
    assert_eq!(welt.lauf().message.effects.vorgaenge[0].vorgang.state, VorgangState::BeimJugendamt);
    welt.tafeln.auskunft =
        lesen(&EINGEBAUT.replace("verschaerfungen: []\n", &stricter.replace("2026-11-01", "2026-12-01")))
            .unwrap();
    assert_eq!(welt.lauf().fall(), (Fall::A, Ergebnis::Negativ), "not yet");
    let other = stricter.replace(WOHNORT, "jugendamt-berlin");
    welt.tafeln.auskunft = lesen(&EINGEBAUT.replace("verschaerfungen: []\n", &other)).unwrap();
    assert_eq!(welt.lauf().fall(), (Fall::A, Ergebnis::Negativ), "another office");
}
