//! The word `postfach`: hands an answer to the mailbox of the mother's login, and to nobody else.
//! The handle comes from the login only; what is sent names nothing outside the document. Where nothing was decided the account
//! that asked is told which office decides: no name, nothing that was looked up, and not again and again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::effects::{Fact, Outgoing, Question, Vorgang, VorgangChange, VorgangState, Way};
use crate::envelope::{Part, Reply};
use crate::message::Message;
use crate::paper::texts::Texte;
use crate::pipeline::alias::ALIAS;
use crate::pipeline::beilage::{self, Beilagen, Post};
use crate::pipeline::entschieden::{ERGEBNIS, ZURUECKGEZOGEN};
use crate::pipeline::settings;
use crate::pipeline::step::{Bench, Building, Entry, Flow, Place, SettingFault, Step, Trouble};
use crate::pipeline::{schreiben, sending};
use crate::register::antwort::{Gefragt, briefanschrift, erste_anschrift};
use crate::register::entscheidung::{Ergebnis, Fall};
use crate::register::keys::{self, SearchKey};
use crate::register::record::{Anschrift, Mutter};
use crate::register::tafeln::Tafeln;
use crate::register::vorgang::Akte;

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "postfach",
    place: Place::Send,
    about: "Hands an answer to the mailbox that belongs to the mother's login; without one it goes by letter.",
    schema,
    declares: &[],
    build,
};

/// The only addressee.
const MUTTER: &str = "mutter";
/// The group whose one partner keeps the mailboxes.
const GROUP: &str = "postfaecher";
/// What the id of a letter is derived from.
const LETTER: &str = "brief";
/// How many letters an account gets in [`WITHIN`] where nothing was decided, if the route says nothing.
const MOST: u32 = 3;
/// The time in which letters to one account are counted.
const WITHIN: SignedDuration = SignedDuration::from_hours(24);

struct Postfach {
    document: String,
    delay: SignedDuration,
    most: u32,
    partner: String,
    destination: String,
    ways: Vec<Way>,
    /// The way that needs no mailbox: the only one where her login has none, or she did not agree to it.
    post: Option<Way>,
    tafeln: Arc<Tafeln>,
    /// Texts and heads of letters; `None` where the stage writes none and answers are data alone.
    texte: Option<Arc<Texte>>,
    /// Language of a cover that bears the address.
    cover: Option<String>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": { "description": "Only the mother receives an Auskunft.", "enum": [MUTTER] },
            "document": { "description": "Name of the document, as an earlier `as` gave it.", "type": "string" },
            "delay": sending::delay_schema(),
            "ways": sending::ways_schema(),
            "post": {
                "description": "The connection among `ways` that is the only one taken where her login has no mailbox, or she did not agree to one.",
                "type": "string",
            },
            "cover": {
                "description": "Language of a cover that goes with the letter and bears her address, for what is printed; without it there is none.",
                "type": "string",
            },
            "per-account": {
                "description": "How many letters an account gets in 24 hours where nothing was decided.",
                "type": "integer", "minimum": 1, "maximum": 100, "default": MOST,
            },
        },
        "required": ["to", "document"],
        "additionalProperties": false,
    })
}

fn build(settings: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(
        settings,
        ENTRY.word,
        &["to", "document", "delay", "ways", "post", "cover", "per-account"],
    )?;
    let fault = |path: &str, text: String| SettingFault { path: path.to_owned(), text };
    let mut faults = Vec::new();
    if map.get("to").and_then(Value::as_str) != Some(MUTTER) {
        faults.push(fault("/to", format!("only `{MUTTER}` receives an Auskunft")));
    }
    let delay = sending::delay(map.get("delay")).unwrap_or_else(|wrong| {
        faults.push(wrong);
        sending::DELAY
    });
    let most = match map.get("per-account") {
        None => MOST,
        Some(written) => {
            let most = written.as_u64().and_then(|most| u32::try_from(most).ok());
            most.filter(|most| (1..=100).contains(most)).unwrap_or_else(|| {
                faults.push(fault("/per-account", "count of 1 to 100 expected".to_owned()));
                MOST
            })
        }
    };
    let document =
        settings::text(map, "document", "name that an earlier `as` gave").unwrap_or_else(|wrong| {
            faults.extend(wrong);
            String::new()
        });
    let cover = map.get("cover").and_then(Value::as_str).map(str::to_owned);
    if map.contains_key("cover") && cover.is_none() {
        faults.push(fault("/cover", "language expected, such as `de`".to_owned()));
    }
    let texte = beilage::schreibt(&building.texte).then(|| building.texte.clone());
    // What nobody approved, or is no text at all, must not come to light with an answer that waits for it.
    if let Some(missing) = texte.as_ref().and_then(|texte| beilage::fehlt(texte, cover.as_deref())) {
        faults.push(fault("", missing.to_string()));
    }
    let reach = &building.reach;
    let (mut keeper, mut ways, mut post) = (None, Vec::new(), None);
    if let Some([one]) = reach.groups.get(GROUP).map(Vec::as_slice) {
        ways = sending::ways(reach, one, building.ways, building.give_up_after);
        // Who keeps the mailboxes is known, and so are the ways to it.
        for (nth, wish) in building.ways.iter().enumerate() {
            if sending::ways(reach, one, std::slice::from_ref(wish), building.give_up_after).is_empty() {
                let by = wish.connection.as_deref().unwrap_or(sending::USUAL);
                let text = format!(
                    "`{one}`, who keeps the mailboxes, has no such way; write a channel by `{by}` in partners.yaml"
                );
                faults.push(fault(&format!("/ways/{nth}"), text));
            }
        }
        if let Some(named) = map.get("post") {
            let named = named.as_str().unwrap_or_default();
            let by = |way: &&Way| way.destination == format!("{named}:{one}");
            match ways.iter().find(by) {
                // Nothing comes after it.
                Some(way) => {
                    let seconds = building.give_up_after.as_secs();
                    post = Some(Way { destination: way.destination.clone(), seconds, until_late: false });
                }
                None => faults.push(fault("/post", "one of the connections in `ways` expected".to_owned())),
            }
        }
        let first = ways.first().map(|way| &way.destination).or_else(|| reach.answers.get(one));
        keeper = first.map(|destination| (one.clone(), destination.clone()));
    }
    if keeper.is_none() && faults.is_empty() {
        let text = format!(
            "exactly one partner of the group `{GROUP}` with `answers-by` keeps the mailboxes; write it in partners.yaml"
        );
        faults.push(fault("", text));
    }
    match keeper {
        Some((partner, destination)) if faults.is_empty() => {
            let (tafeln, give_up_after) = (building.tafeln.clone(), building.give_up_after);
            Ok(Arc::new(Postfach {
                document,
                delay,
                most,
                partner,
                destination,
                ways,
                post,
                tafeln,
                texte,
                cover,
                give_up_after,
            }))
        }
        _ => Err(faults),
    }
}

impl Step for Postfach {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        if message.values.get(ERGEBNIS).is_some_and(|ergebnis| ergebnis == ZURUECKGEZOGEN) {
            return Ok(Flow::Next);
        }
        let undecided = message
            .entscheidung
            .as_ref()
            .is_some_and(|entscheidung| entscheidung.ergebnis == Ergebnis::Zustaendigkeit);
        let konto = if undecided { Konto::of(message) } else { None };
        let asked: Vec<Question> = konto.iter().map(|konto| Question::Vorgang(konto.key.clone())).collect();
        if !message.answered(&asked) {
            return Ok(Flow::Ask(asked));
        }
        sending::not_told_before(message, self.delay);
        let document = match sending::made(message, &self.document) {
            // Where nothing was looked up no step could make it.
            Err(_) if undecided => schreiben::schreiben(message, &self.tafeln)
                .map_err(|fehlt| Trouble::Ours(fehlt.to_string()))?,
            made => made?,
        };
        let mut post = None;
        let (an, handle) = match (undecided, konto) {
            (false, _) => {
                let an = AnDieMutter::of(message);
                let (addressed, handle) = (an.json(), an.handle.clone());
                post = Some(an);
                (addressed, handle)
            }
            // Nobody is known whom it could be told: what the request says is no address, nor is a login that nobody can read.
            (true, None) => {
                message.audit(ENTRY.word, &[("weg", "keiner")]);
                return Ok(Flow::Next);
            }
            // Nor has an account an address for a letter.
            (true, Some(konto)) if konto.handle.is_none() && self.post.is_some() => {
                message.audit(ENTRY.word, &[("weg", "keiner")]);
                return Ok(Flow::Next);
            }
            (true, Some(konto)) => {
                let Some(count) = konto.counted(message, self.most) else {
                    message.audit(ENTRY.word, &[("weg", "zu-oft")]);
                    return Ok(Flow::Next);
                };
                message.effects.vorgaenge.push(count);
                (json!({ "konto": konto.konto, "postfach": konto.handle }), konto.handle)
            }
        };
        // Without a mailbox only the way is taken that needs none.
        let by_post = self.post.as_ref().filter(|_| handle.is_none());
        let Beilagen { teile, fassung } = self.beilagen(message, post.as_ref())?;
        let document = addressed(message, document, an, &teile)?;
        let destination = by_post.map_or(&self.destination, |way| &way.destination);
        let to = (self.partner.as_str(), destination.as_str());
        let patience = (self.delay, self.give_up_after);
        let mut send = sending::outgoing(message, ENTRY.word, to, document, teile, patience);
        let weg = match (&handle, undecided) {
            (_, true) => "konto",
            (Some(_), false) => "postfach",
            (None, false) => "brief",
        };
        match fassung.is_empty() {
            true => message.audit(ENTRY.word, &[("weg", weg)]),
            false => message.audit(ENTRY.word, &[("weg", weg), ("fassung", &fassung)]),
        }
        send.correlation = handle;
        // An account is no addressee of a letter: what nobody decided goes by the first way or not at all.
        if !undecided {
            let leaves = send.not_before.unwrap_or_else(|| message.now());
            let ways = by_post.map_or_else(|| self.ways.clone(), |way| vec![way.clone()]);
            sending::by_ways(&mut send, ways, leaves);
            self.in_its_order(message, &mut send);
        }
        message.effects.sends.push(send);
        // A request whose login does not hold was not answered by that; it stays as it was decided.
        if message.entscheidung.as_ref().is_none_or(|entscheidung| entscheidung.fall != Fall::K) {
            sending::handed_over(message);
        }
        Ok(Flow::Next)
    }
}

impl Postfach {
    /// What she is told of one request leaves in the order in which it was said: the answer of her office never before the word that it was asked,
    /// however long her mailbox was out of reach. What is decided anew of the request itself comes after nothing: what was said before is taken back.
    fn in_its_order(&self, message: &mut Message, send: &mut Outgoing) {
        let Some(mut change) = message.vorgang.clone() else { return };
        let (last, now) = (&mut change.vorgang.akte.zuletzt, message.now());
        if message.entscheidung.is_none() {
            send.after = sending::before(last, &self.partner, now);
        }
        last.insert(self.partner.clone(), (send.id, now));
        message.keep_vorgang(change);
    }

    /// The letter as a file. Beside what an office answered the house writes none: the letter is the one that the office sent with it.
    fn beilagen(&self, message: &Message, an: Option<&AnDieMutter>) -> Result<Beilagen, Trouble> {
        let with = |teile| Beilagen { teile, fassung: String::new() };
        let Some(entscheidung) = &message.entscheidung else {
            let is_pdf = |part: &&Part| part.content_type.eq_ignore_ascii_case(beilage::PDF);
            return Ok(with(message.envelope.parts.iter().filter(is_pdf).cloned().collect()));
        };
        let Some(texte) = &self.texte else { return Ok(with(Vec::new())) };
        let post = self.cover.as_deref().zip(an).and_then(|(sprache, an)| {
            let anschrift = an.anschrift.as_ref()?;
            Some(Post { sprache, mutter: &an.mutter, anschrift })
        });
        beilage::beilagen(message, entscheidung, (texte, &self.tafeln), post.as_ref())
    }
}

/// Whom a letter is for, for who keeps the mailboxes: the mailbox of her login, and her name and address for the post. A proxy's
/// mailbox gets no answer of an office: it goes to the mother alone.
struct AnDieMutter {
    handle: Option<String>,
    mutter: Mutter,
    anschrift: Option<Anschrift>,
}

impl AnDieMutter {
    fn of(message: &Message) -> AnDieMutter {
        let akte = sending::akte(message);
        // The answer of an office comes under its own document; whom it is for says the request.
        let answer = message.entscheidung.is_none();
        let handle = match answer {
            true => akte.and_then(|akte| akte.postkorb_der_mutter().map(str::to_owned)),
            false => akte.and_then(|akte| akte.postkorb.clone()),
        };
        let gefragt =
            akte.and_then(|akte| akte.gefragt.as_deref()).filter(|_| answer).map(Gefragt::als_mutter);
        let given = message.record.mutter.clone();
        let notice =
            message.entscheidung.as_ref().is_some_and(|decided| decided.ergebnis == Ergebnis::Klaerfall);
        let anschrift = match notice {
            true => given.as_ref().and_then(erste_anschrift),
            // What the office writes of her counts where she herself left it open.
            false => gefragt.as_ref().and_then(briefanschrift).or(given.as_ref().and_then(briefanschrift)),
        };
        let anschrift = anschrift.cloned();
        AnDieMutter { handle, mutter: gefragt.or(given).unwrap_or_default(), anschrift }
    }

    fn json(&self) -> Value {
        let anschrift = self.anschrift.as_ref().map(|anschrift| {
            json!({
                "strasse": anschrift.strasse,
                "hausnummer": anschrift.hausnummer,
                "hausnummerZusatz": anschrift.hausnummer_zusatz,
                "postleitzahl": anschrift.postleitzahl,
                "wohnort": anschrift.wohnort,
            })
        });
        let of = &self.mutter.name;
        let name = json!({ "familienname": of.familienname, "vornamen": of.vornamen });
        json!({ "postfach": self.handle, "name": name, "anschrift": anschrift })
    }
}

/// The letter with the one it is for before it. A document that is not ours lies inside as it came.
fn addressed(message: &Message, document: Reply, an: Value, teile: &[Part]) -> Result<Reply, Trouble> {
    let mut letter = serde_json::Map::new();
    letter.insert("an".to_owned(), an);
    if document.message == schreiben::MESSAGE {
        let Ok(Value::Object(facts)) = serde_json::from_slice(&document.body) else {
            return Err(Trouble::Ours("what is to be told is no JSON object".to_owned()));
        };
        letter.extend(facts);
    } else {
        letter.insert("art".to_owned(), "antwort-des-jugendamts".into());
        letter.insert("referenz".to_owned(), sending::nummer(message).to_string().into());
        letter.insert("aussteller".to_owned(), message.sender.name.clone().into());
        let inside = json!({
            "nachricht": document.message,
            "inhaltstyp": document.content_type,
            "base64": STANDARD.encode(&document.body),
        });
        letter.insert("dokument".to_owned(), inside);
    }
    if !teile.is_empty() {
        let files = teile.iter().map(|teil| json!({ "name": teil.name, "sha256": teil.sha256 }));
        letter.insert("dateien".to_owned(), files.collect::<Vec<_>>().into());
    }
    Ok(sending::json_document(
        message,
        schreiben::MESSAGE,
        message.derived_id(LETTER),
        &Value::Object(letter),
    ))
}

/// The account that asked where nothing was decided: it is told which office decides, and nothing else (rules.md 2.6).
struct Konto {
    konto: Option<String>,
    handle: Option<String>,
    key: SearchKey,
}

impl Konto {
    /// That of a login that could be read; `None` where there is none.
    fn of(message: &Message) -> Option<Konto> {
        let login = message.record.anmeldung.as_ref()?;
        let named = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (konto, handle) = (named(&login.konto), named(&login.postkorb_handle));
        let known = konto.as_deref().or(handle.as_deref())?;
        let key = keys::konto(&message.sender.id, known);
        Some(Konto { konto, handle, key })
    }

    /// One more letter to it, unless it had enough in the time that counts. It stands like what only leads to a Vorgang: nobody
    /// has anything to do with it.
    fn counted(&self, message: &Message, most: u32) -> Option<VorgangChange> {
        let now = message.now();
        let before = match message.fact(0) {
            Some(Fact::Vorgang(Some(before))) => Some(before),
            _ => None,
        };
        let counts = |begun: Timestamp| now.duration_since(begun) < WITHIN && begun <= now;
        let running = before.and_then(|before| {
            let begun = before.akte.stand.filter(|begun| counts(*begun))?;
            Some((begun, before.akte.erinnerungen))
        });
        let (begun, count) = running.unwrap_or((now, 0));
        if count >= most {
            return None;
        }
        let akte = Akte {
            art: ALIAS.to_owned(),
            partner: message.sender.id.clone(),
            stand: Some(begun),
            erinnerungen: count + 1,
            ..Akte::default()
        };
        let vorgang = Vorgang {
            id: message.derived_id("konto"),
            owner: String::new(),
            state: VorgangState::Zugestellt,
            deadline: None,
            akte,
        };
        Some(VorgangChange { key: self.key.clone(), vorgang })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::step::WishedWay;
    use crate::pipeline::testing::{KLAERFAELLE, answering, antrag, bench, building, decided, sample};
    use crate::register::record::Anmeldung;

    fn step() -> Arc<dyn Step> {
        let settings = json!({ "to": "mutter", "document": "schreiben" });
        building(|building| build(&settings, building)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn with_answer(fall: Fall) -> Message {
        let mut message = decided(antrag(), fall);
        let built = schreiben::schreiben(&message, &Tafeln::default()).unwrap();
        message.built.insert("schreiben".into(), built);
        message
    }

    fn apply(message: &mut Message) {
        told(message, None).unwrap();
    }

    fn told(message: &mut Message, before: Option<Vorgang>) -> Result<Flow, Trouble> {
        let step = step();
        answering(message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(before.clone()))
    }

    fn letter(message: &Message) -> Value {
        let [send] = message.effects.sends.as_slice() else { panic!("{}", message.effects.sends.len()) };
        serde_json::from_slice(&send.body).unwrap()
    }

    #[test]
    fn the_answer_goes_to_the_mailbox_of_the_login_after_the_fixed_delay() {
        for fall in [Fall::A, Fall::B] {
            let mut message = with_answer(fall);
            apply(&mut message);
            let [send] = message.effects.sends.as_slice() else { panic!() };
            assert_eq!((send.partner.as_str(), &*send.destination), ("postfach", "trays:postfach"));
            assert_eq!(send.correlation.as_deref(), Some("handle-1"));
            assert_eq!(send.order, None);
            assert_eq!(send.not_before, message.now().checked_add(sending::DELAY).ok());
            let change = message.vorgang.as_ref().unwrap();
            assert_eq!(change.vorgang.state, VorgangState::Entschieden, "{fall:?}: nothing has left yet");
            assert_eq!(send.delivers.as_ref(), Some(&change.key), "{fall:?}");
        }
    }

    #[test]
    fn what_was_withdrawn_before_it_was_decided_anew_is_no_letter() {
        let mut message = antrag();
        message.values.insert(ERGEBNIS, ZURUECKGEZOGEN.to_owned());
        apply(&mut message);
        assert!(message.effects.sends.is_empty());
    }

    #[test]
    fn a_letter_says_whom_it_is_for_before_what_it_says() {
        for fall in [Fall::A, Fall::B, Fall::I] {
            let mut message = with_answer(fall);
            apply(&mut message);
            let letter = letter(&message);
            let keys: Vec<&str> = letter.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys[..2], ["an", "art"], "{fall:?}");
            assert_eq!(letter["an"]["postfach"], "handle-1");
            assert_eq!(letter["an"]["name"]["vornamen"], "Zoë Marie");
            assert_eq!(letter["an"]["anschrift"]["postleitzahl"], "20095");
        }
    }

    /// A step with one text for each document, and a way by post.
    fn writing(more: &Value) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
        let mut settings = json!({ "to": "mutter", "document": "schreiben" });
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        let wish = |by: &str| WishedWay { connection: Some(by.to_owned()), within: None };
        let mut reach = crate::pipeline::testing::reach();
        for by in ["kasten", "brief"] {
            reach.connected.insert((by.to_owned(), "postfach".to_owned()));
        }
        let (texte, tafeln) = (Arc::new(texte()), Arc::new(tafeln()));
        building(|building| {
            let (reach, ways) = (Arc::new(reach), [wish("kasten"), wish("brief")]);
            build(&settings, &Building { reach, ways: &ways, texte, tafeln, ..building.clone() })
        })
    }

    /// One text for each document, and heads for the platform and the office that issues.
    fn texte() -> Texte {
        use crate::paper::fassung::Fassung;
        use crate::paper::head::{Kopf, PLATTFORM};
        use crate::paper::texts::{Absatz, DOKUMENTE, Form, Text};
        let fassung =
            Fassung { nummer: "1".into(), datum: jiff::civil::date(2026, 11, 1), freigegeben: None };
        let text = |dokument, form| Text {
            dokument,
            form,
            sprache: "de".into(),
            amt: None,
            fassung: fassung.clone(),
            betreff: "Ihr Antrag".into(),
            vor: vec![Absatz::Text("Guten Tag,".into())],
            nach: vec![],
            gruss: None,
            schluss: vec![],
        };
        let kopf = |von: &str| Kopf {
            von: von.into(),
            fassung: fassung.clone(),
            zeilen: vec![von.into()],
            ruecksendung: von.into(),
            kontakt: vec![],
            unterzeichner: vec![],
            fuss: vec![],
        };
        let both = |dokument| [text(dokument, Form::Schreiben), text(dokument, Form::Deckblatt)];
        Texte {
            texte: DOKUMENTE.into_iter().flat_map(both).collect(),
            koepfe: vec![kopf(PLATTFORM), kopf("jugendamt-bremen")],
            nur_freigegeben: false,
        }
    }

    fn tafeln() -> Tafeln {
        let mut tafeln = Tafeln::default();
        let (id, name) = ("jugendamt-bremen".into(), "Jugendamt Bremen".into());
        tafeln.aemter.aemter.push(crate::register::aemter::Amt { id, name, ..Default::default() });
        tafeln
    }

    fn written(step: &Arc<dyn Step>, message: &mut Message) {
        let outcome =
            answering(message, |message| step.apply(message, &mut bench()), |_| Fact::Vorgang(None));
        assert_eq!(outcome, Ok(Flow::Next));
    }

    #[test]
    fn each_answer_carries_its_letter_and_all_klaerfaelle_the_same_octets() {
        let step = writing(&json!({})).unwrap_or_else(|faults| panic!("{faults:?}"));
        let letter_of = |fall: Fall| {
            let mut message =
                if matches!(fall, Fall::K | Fall::L) { undecided(fall) } else { with_answer(fall) };
            written(&step, &mut message);
            let [send] = message.effects.sends.as_slice() else { panic!("{fall:?}") };
            let [part] = send.parts.as_slice() else { panic!("{fall:?}: {:?}", send.parts) };
            assert!(part.enclosed().unwrap().starts_with(b"%PDF-"), "{fall:?}");
            assert_eq!(part.size, part.enclosed().unwrap().len() as u64);
            let named: Value = serde_json::from_slice(&send.body).unwrap();
            assert_eq!(named["dateien"], json!([{ "name": part.name, "sha256": part.sha256 }]));
            (part.clone(), message.effects.audit)
        };
        for (fall, name) in [
            (Fall::A, "auskunft.pdf"),
            (Fall::B, "hinweis.pdf"),
            (Fall::I, "eingangsnachricht.pdf"),
            (Fall::K, "zustaendigkeit.pdf"),
            (Fall::L, "zustaendigkeit.pdf"),
        ] {
            assert_eq!(letter_of(fall).0.name, name, "{fall:?}");
            assert_eq!(letter_of(fall).0, letter_of(fall).0, "the same input gives the same octets");
        }
        let first = letter_of(Fall::I);
        for fall in KLAERFAELLE {
            assert_eq!(letter_of(*fall), first, "{fall:?}");
        }
    }

    #[test]
    fn a_cover_bears_the_address_and_lies_behind_the_letter() {
        let step = writing(&json!({ "cover": "de" })).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut first = None;
        for fall in KLAERFAELLE {
            let mut message = with_answer(*fall);
            written(&step, &mut message);
            let parts = message.effects.sends[0].parts.clone();
            let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
            assert_eq!(names, ["eingangsnachricht.pdf", "deckblatt-de.pdf"]);
            assert_eq!(*first.get_or_insert(parts.clone()), parts, "{fall:?}");
        }
        // What nobody decided goes to an account, which has no address.
        let mut message = undecided(Fall::K);
        written(&step, &mut message);
        assert_eq!(message.effects.sends[0].parts.len(), 1);
    }

    #[test]
    fn without_a_mailbox_only_the_way_is_taken_that_needs_none() {
        let step = writing(&json!({ "post": "brief" })).unwrap_or_else(|faults| panic!("{faults:?}"));
        for fall in [Fall::A, Fall::I] {
            let mut message = with_answer(fall);
            written(&step, &mut message);
            let send = &message.effects.sends[0];
            let ways: Vec<&str> = send.ways.iter().map(|way| way.destination.as_str()).collect();
            assert_eq!(
                (send.destination.as_str(), ways),
                ("kasten:postfach", vec!["kasten:postfach", "brief:postfach"])
            );
            let mut message = with_answer(fall);
            message.vorgang.as_mut().unwrap().vorgang.akte.postkorb = None;
            written(&step, &mut message);
            let send = &message.effects.sends[0];
            assert_eq!(
                (send.destination.as_str(), send.ways.as_slice()),
                ("brief:postfach", &[][..]),
                "{fall:?}"
            );
        }
        // An account without a mailbox has no address either.
        let mut message = undecided(Fall::K);
        message.record.anmeldung.as_mut().unwrap().postkorb_handle = None;
        written(&step, &mut message);
        // Only its own Vorgang: nothing was counted for the account.
        assert_eq!((message.effects.sends.len(), message.effects.vorgaenge.len()), (0, 1));
        assert_eq!(writing(&json!({ "post": "trays" })).err().unwrap()[0].path, "/post");
    }

    #[test]
    fn a_stage_whose_texts_are_missing_or_not_approved_is_refused_when_it_is_built() {
        let (mut real, mut few) = (texte(), texte());
        real.nur_freigegeben = true;
        few.texte.truncate(2);
        let none = Texte { nur_freigegeben: true, ..Texte::default() };
        for (texte, cover) in [(real, None), (few, None), (none, None), (texte(), Some("tr"))] {
            let texte = Arc::new(texte);
            let mut settings = json!({ "to": "mutter", "document": "schreiben" });
            if let Some(cover) = cover {
                settings["cover"] = json!(cover);
            }
            let faults = building(|building| build(&settings, &Building { texte, ..building.clone() }));
            assert_eq!(faults.err().unwrap().len(), 1);
        }
    }

    #[test]
    fn the_letter_that_an_office_sent_goes_on_with_its_answer() {
        let mut begun = decided(antrag(), Fall::I).vorgang.unwrap();
        begun.vorgang.state = VorgangState::Zugestellt;
        let mut message = sample("0803-auskunft-negativauskunft", "jugendamt-bremen");
        message.keep_vorgang(begun);
        let part = |name: &str, media: &str| Part {
            name: name.into(),
            content_type: media.into(),
            ..Part::made("", "", bytes::Bytes::new(), String::new())
        };
        let parts = vec![part("brief", "application/pdf"), part("daten", "application/xml")];
        Arc::make_mut(&mut message.envelope).parts = parts;
        let original = sending::original(&message);
        message.built.insert("schreiben".into(), original);
        let step = writing(&json!({})).unwrap_or_else(|faults| panic!("{faults:?}"));
        written(&step, &mut message);
        let names: Vec<&str> = message.effects.sends[0].parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["brief"]);
    }

    #[test]
    fn the_answer_of_her_office_leaves_after_the_word_that_it_was_asked() {
        let mut asked = with_answer(Fall::I);
        apply(&mut asked);
        let first = &asked.effects.sends[0];
        assert_eq!(first.after, None);
        for (days, after) in [(0, Some(first.id)), (7, None)] {
            let mut message = sample("0803-auskunft-negativauskunft", "jugendamt-bremen");
            message.keep_vorgang(asked.vorgang.clone().unwrap());
            Arc::make_mut(&mut message.envelope).head.received += SignedDuration::from_hours(days * 24);
            let original = sending::original(&message);
            message.built.insert("schreiben".into(), original);
            apply(&mut message);
            assert_eq!(message.effects.sends[0].after, after, "what may be gone is waited for by nothing");
        }
        // Decided anew it comes after nothing: the row before it was taken back.
        let mut again = with_answer(Fall::A);
        again.vorgang.as_mut().unwrap().vorgang.akte.zuletzt = asked.vorgang.unwrap().vorgang.akte.zuletzt;
        apply(&mut again);
        assert_eq!(again.effects.sends[0].after, None);
    }

    #[test]
    fn klaerfaelle_are_told_alike_and_stay_with_the_office() {
        let mut first = None;
        for fall in KLAERFAELLE {
            let mut message = with_answer(*fall);
            apply(&mut message);
            assert_eq!(message.vorgang.unwrap().vorgang.state, VorgangState::BeimJugendamt);
            let told = (message.effects.sends, message.effects.audit);
            assert_eq!(*first.get_or_insert(told.clone()), told, "{fall:?}");
        }
    }

    #[test]
    fn without_a_mailbox_an_answer_goes_by_letter() {
        for fall in [Fall::A, Fall::I] {
            let mut message = with_answer(fall);
            message.vorgang.as_mut().unwrap().vorgang.akte.postkorb = None;
            message.record.kopf.postkorb =
                Some(crate::register::record::Postkorb { handle: Some("frei".into()), zustimmung: None });
            apply(&mut message);
            let letter = letter(&message);
            assert_eq!(letter["an"]["postfach"], Value::Null, "{fall:?}");
            assert_eq!(letter["an"]["anschrift"]["wohnort"], "Hamburg");
            assert!(message.effects.sends[0].correlation.is_none());
        }
    }

    fn undecided(fall: Fall) -> Message {
        let mut message = decided(antrag(), fall);
        message.record.anmeldung = Some(Anmeldung {
            konto: Some("bundid-1".into()),
            postkorb_handle: Some("handle-vater".into()),
            ..Anmeldung::default()
        });
        message
    }

    #[test]
    fn where_nothing_was_decided_the_account_that_asked_is_told_the_office_and_no_name() {
        for fall in [Fall::K, Fall::L] {
            let mut message = undecided(fall);
            apply(&mut message);
            let letter = letter(&message);
            assert_eq!(letter["an"], json!({ "konto": "bundid-1", "postfach": "handle-vater" }), "{fall:?}");
            assert_eq!(letter["art"], "zustaendigkeit");
            let keys: Vec<&str> = letter.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["an", "art", "referenz", "stelle", "text"]);
            let text = letter.to_string();
            assert!(
                !text.contains("Sorgeregister") && !text.contains("M\u{fc}ller") && !text.contains("Zo"),
                "{text}"
            );
        }
        // A login that nobody could read is no address.
        let mut message = decided(antrag(), Fall::K);
        apply(&mut message);
        assert!(message.effects.sends.is_empty());
    }

    #[test]
    fn an_account_is_not_told_again_and_again() {
        let mut before = None;
        let mut sent = 0;
        for _ in 0..5 {
            let mut message = undecided(Fall::K);
            told(&mut message, before.clone()).unwrap();
            sent += message.effects.sends.len();
            let kept = message.effects.vorgaenge.iter().find(|change| change.key.class() == "konto");
            before = kept.map(|change| change.vorgang.clone()).or(before);
        }
        assert_eq!(sent, 3);
        let begun = before.as_ref().unwrap().akte.stand.unwrap();
        before.as_mut().unwrap().akte.stand = Some(begun.checked_sub(WITHIN).unwrap());
        let mut message = undecided(Fall::K);
        told(&mut message, before).unwrap();
        assert_eq!(message.effects.sends.len(), 1);
    }

    #[test]
    fn the_answer_of_an_office_lies_in_the_letter_and_reaches_no_proxy() {
        for (fall, handle) in [(Fall::I, json!("handle-1")), (Fall::V, Value::Null)] {
            let mut begun = decided(antrag(), fall).vorgang.unwrap();
            begun.vorgang.state = VorgangState::Zugestellt;
            let mut message = sample("0803-auskunft-negativauskunft", "jugendamt-bremen");
            message.keep_vorgang(begun);
            let original = Reply {
                content_type: "application/xml".into(),
                body: message.envelope.body.clone(),
                message: "xfamilie.0803".into(),
                message_id: "u".into(),
                test: true,
            };
            message.built.insert("schreiben".into(), original);
            apply(&mut message);
            let letter = letter(&message);
            assert_eq!(letter["an"]["postfach"], handle, "{fall:?}");
            assert_eq!(letter["an"]["anschrift"]["wohnort"], "Hamburg");
            assert_eq!(letter["art"], "antwort-des-jugendamts");
            let inside = STANDARD.decode(letter["dokument"]["base64"].as_str().unwrap()).unwrap();
            assert_eq!(inside, message.envelope.body);
        }
    }

    #[test]
    fn a_document_that_no_step_made_is_our_fault() {
        let mut message = decided(antrag(), Fall::A);
        assert!(matches!(step().apply(&mut message, &mut bench()), Err(Trouble::Ours(_))));
    }

    #[test]
    fn wrong_settings_are_named() {
        for (settings, path) in [
            (json!(1), ""),
            (json!({ "to": "vater", "document": "a" }), "/to"),
            (json!({ "to": "mutter" }), "/document"),
            (json!({ "to": "mutter", "document": "a", "delay": "2h" }), "/delay"),
            (json!({ "to": "mutter", "document": "a", "mail": "x" }), "/mail"),
            (json!({ "to": "mutter", "document": "a", "per-account": 0 }), "/per-account"),
        ] {
            let faults = building(|building| build(&settings, building)).err().unwrap();
            assert_eq!(faults[0].path, path, "{settings}");
        }
    }
}
