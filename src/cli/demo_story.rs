//! The story of the register, chapter by chapter: a load that two persons declare, deliveries by two ways, broken ones, requests
//! and what becomes of them, the answer of an office. Holds no outcome; what came of it is read where it lies.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::demo_teller::{Post, Teller, with_login};
use crate::cli::exit::CliError;
use crate::cli::sample::{Wish, eintragung, korrektur, loeschung, vor_der_geburt};
use crate::cli::sample_antrag::{
    Antrag, anmeldung, auskunft, json as antrag_json, registermeldung, xml as antrag_xml,
};
use crate::cli::sample_geburt::geburt;

const BREMEN: &str = "jugendamt-bremen";
const HAMBURG: &str = "jugendamt-hamburg";
const STANDESAMT: &str = "standesamt-bremen";
const KITA: &str = "kita-portal-nord";
const WOHNGELD: &str = "wohngeld-online";
/// The application that the second service asks for, as partners.yaml admits it.
const WOHNGELDANTRAG: &str = "99107023017000";
const LIEFERUNGEN: &str = "/v1/lieferungen";
const XML: &str = "application/xml";
const JSON: &str = "application/json";

/// Children of the story by their number in the sample: what is delivered about them, and what is asked.
const NEGATIV: u64 = 4;
const ERKLAERT: u64 = 3;
const GERICHT: u64 = 5;
const GESPERRT: u64 = 8;
const KORRIGIERT: u64 = 10;
const GELOESCHT: u64 = 11;
const ERWARTET: u64 = 16;
const UNBEKANNT: u64 = 30;
const GEMELDET: u64 = 47;

/// Tells all chapters.
pub async fn tell(teller: &mut Teller<'_>) -> Result<(), CliError> {
    let held = deliveries(teller).await?;
    bestand(teller, held).await?;
    broken(teller, held).await?;
    birth(teller).await?;
    let asked = requests(teller).await?;
    once_only(teller).await?;
    answer(teller, &asked).await?;
    withdrawal(teller).await
}

fn with(n: u64, art: &'static str) -> Wish {
    Wish { arten: vec![art], ..Wish::plain(n) }
}

fn without(n: u64) -> Wish {
    Wish { arten: Vec::new(), ..Wish::plain(n) }
}

/// A delivery of Bremen; both online services are told when it is accepted.
async fn deliver(
    teller: &mut Teller<'_>,
    what: &str,
    key: &str,
    body: impl Into<Vec<u8>>,
) -> Result<bool, CliError> {
    teller.story.delivered += 1;
    let post = Post {
        what,
        path: LIEFERUNGEN,
        partner: BREMEN,
        key: key.to_owned(),
        content_type: XML,
        body: body.into(),
        callbacks: 2,
    };
    teller.post(post).await
}

/// The same by folder.
async fn lay(teller: &mut Teller<'_>, what: &str, document: String) -> Result<bool, CliError> {
    teller.story.delivered += 1;
    let accepted = teller.put(what, BREMEN, document).await?;
    teller.due.callbacks += if accepted { 2 } else { 0 };
    Ok(accepted)
}

/// Deliveries, corrections, deletions; tells how many Registersätze Bremen holds then.
async fn deliveries(teller: &mut Teller<'_>) -> Result<u64, CliError> {
    teller.chapter("Bremen loads its register")?;
    say_of_register(teller, "begin of the load", "erste-person", json!({ "was": "beginn" })).await?;
    let mut held = 0;
    for (what, key, wish) in [
        ("0804, an Eintragung (01 Sorgeerklärungen)", "a-1", with(ERKLAERT, "01")),
        ("0804, a child without Eintragung", "a-2", without(NEGATIV)),
        ("0804, a court decision (02)", "a-3", with(GERICHT, "02")),
        ("0804, an Eintragung with Sperrvermerk (03)", "a-4", with(GESPERRT, "03")),
        ("0804, a child that will be corrected", "a-5", without(KORRIGIERT)),
        ("0804, a child that will be deleted", "a-6", without(GELOESCHT)),
        ("0804, a child of whose birth a registry office will tell", "a-10", without(GEMELDET)),
    ] {
        held += u64::from(deliver(teller, what, key, eintragung(&wish)).await?);
    }
    let again = eintragung(&with(ERKLAERT, "01"));
    deliver(teller, "the first delivery once more, same key: same answer, no second effect", "a-1", again)
        .await?;
    held += u64::from(lay(teller, "0804 by folder", eintragung(&without(7))).await?);
    let again = eintragung(&without(NEGATIV));
    lay(teller, "one that came by HTTP already, now by folder: no second effect", again).await?;
    let expected = vor_der_geburt(&with(ERWARTET, "01"));
    held += u64::from(
        deliver(teller, "0804 before a birth, of which only the mother is known", "a-7", expected).await?,
    );
    let corrected = Wish { message: 1010, second: 20_000, ..with(KORRIGIERT, "01") };
    deliver(teller, "0805, there is an Eintragung now", "a-8", korrektur(&corrected, &[])).await?;
    let deleted = Wish { message: 1011, second: 30_000, ..without(GELOESCHT) };
    held -= u64::from(deliver(teller, "0806, the child is deleted", "a-9", loeschung(&deleted)).await?);
    Ok(held)
}

async fn say_of_register(
    teller: &mut Teller<'_>,
    what: &str,
    person: &str,
    said: Value,
) -> Result<bool, CliError> {
    // What a person says has an id of its own, as every message.
    let document = registermeldung(teller.fresh(), teller.now(), &said);
    teller.order(what, &format!("demo:{person}"), document).await
}

/// Without this no mother is told that there is no Eintragung.
async fn bestand(teller: &mut Teller<'_>, held: u64) -> Result<(), CliError> {
    teller.chapter("two persons declare that it is complete, and the office reports it every day")?;
    let abgleich = gapless(held, teller.now());
    say_of_register(teller, "comparison with the office's list", "erste-person", abgleich).await?;
    for person in ["erste-person", "zweite-person"] {
        say_of_register(teller, "signature", person, json!({ "was": "erklaerung" })).await?;
    }
    let last = Wish { message: 1011, ..without(GELOESCHT) }.uuid();
    let said = json!({ "was": "meldung", "anzahl": held, "letzteUUID": last });
    let post = Post {
        what: "Bestandsmeldung of the day",
        path: "/v1/registermeldungen",
        partner: BREMEN,
        key: "m-1".to_owned(),
        content_type: JSON,
        body: registermeldung(teller.fresh(), teller.now(), &said).into_bytes(),
        callbacks: 0,
    };
    teller.post(post).await.map(|_| ())
}

async fn broken(teller: &mut Teller<'_>, held: u64) -> Result<(), CliError> {
    teller.chapter("what is broken or not theirs is sent back with its code")?;
    let good = eintragung(&without(20));
    let latin1: Vec<u8> = good.chars().map(|c| if (c as u32) < 256 { c as u8 } else { b'?' }).collect();
    deliver(teller, "not UTF-8", "b-1", latin1).await?;
    deliver(teller, "not well-formed", "b-2", good.replace("</xfg:geburt>", "")).await?;
    let version = good.replace("version=\"1.3.0\"", "version=\"9.9.9\"");
    deliver(teller, "a version nobody knows", "b-3", version).await?;
    let schema = eintragung(&without(21)).replace("<code>0804</code>", "<code>4711</code>");
    deliver(teller, "not valid to the schema", "b-4", schema).await?;
    let rule = eintragung(&without(22))
        .replace(">false</xfg:eintragungVorhanden>", ">true</xfg:eintragungVorhanden>");
    deliver(teller, "an Eintragung without its kind, against a rule of the standard", "b-5", rule).await?;
    let other = eintragung(&without(23));
    deliver(teller, "the key of an earlier delivery with other content", "a-2", other).await?;
    let late = Wish { message: 2011, second: 25_000, ..without(GELOESCHT) };
    deliver(teller, "a late 0804 about the deleted child, older than the deletion", "b-6", eintragung(&late))
        .await?;
    teller.story.delivered += 1;
    teller.stranger(LIEFERUNGEN, eintragung(&without(24))).await?;
    // What was sent back stands against answers until somebody knows that nothing is missing.
    let what = "comparison once more: what was sent back is missing nowhere";
    let abgleich = gapless(held, teller.now());
    say_of_register(teller, what, "erste-person", abgleich).await.map(|_| ())
}

/// A comparison with a list that the office has just made, without a gap.
fn gapless(held: u64, stand: Timestamp) -> Value {
    let stand = stand.to_string();
    json!({ "was": "abgleich", "anzahl": held, "liste": true, "stand": stand, "fehlend": 0, "ueberzaehlig": 0 })
}

/// A hint and never an Eintragung; from now on nothing about this child or its mother is answered automatically.
async fn birth(teller: &mut Teller<'_>) -> Result<(), CliError> {
    teller.chapter(
        "a Standesamt tells of a birth and a Sorgeerklärung: a task for the office, and no Eintragung",
    )?;
    let notice = geburt(&Wish { message: 3047, ..Wish::plain(GEMELDET) });
    let post = Post {
        what: "141010, a birth with a Sorgeerklärung",
        path: "/v1/geburtsmitteilungen",
        partner: STANDESAMT,
        key: "g-1".to_owned(),
        content_type: XML,
        body: notice.into_bytes(),
        callbacks: 0,
    };
    teller.post(post).await?;
    teller.arrives("the notice", "jugendamt-bremen/out", "stA2JA.Geburt.141010", 1).await.map(|_| ())
}

/// What was asked and waits for the office in Hamburg.
async fn requests(teller: &mut Teller<'_>) -> Result<Antrag, CliError> {
    teller.chapter("mothers ask by an online service; it learns that it is done, never what")?;
    let unknown = Antrag { hamburg: true, ..Antrag::new(UNBEKANNT, 4) };
    ask(teller, "0801, child without Eintragung", &Antrag::new(NEGATIV, 1)).await?;
    ask_json(teller, "request in JSON, child with Sorgeerklärungen", &Antrag::new(ERKLAERT, 2)).await?;
    ask(teller, "0801, child with Sperrvermerk", &Antrag::new(GESPERRT, 3)).await?;
    ask(teller, "0801, child that no register knows", &unknown).await?;
    let sister = Antrag { other: Some("Lena"), ..Antrag::new(GERICHT, 5) };
    ask(teller, "0801 under the login of somebody else", &sister).await?;
    ask(teller, "0801, a record from before a birth touches the mother", &Antrag::new(ERWARTET, 6)).await?;
    ask(teller, "0801, child of whose birth the Standesamt told", &Antrag::new(GEMELDET, 7)).await?;
    Ok(unknown)
}

async fn ask(teller: &mut Teller<'_>, what: &str, antrag: &Antrag) -> Result<bool, CliError> {
    let (content_type, body) = with_login(&antrag_xml(antrag), &anmeldung(antrag, teller.now()));
    request(teller, what, antrag, &content_type, body).await
}

async fn ask_json(teller: &mut Teller<'_>, what: &str, antrag: &Antrag) -> Result<bool, CliError> {
    let body = antrag_json(antrag, teller.now()).into_bytes();
    request(teller, what, antrag, JSON, body).await
}

async fn request(
    teller: &mut Teller<'_>,
    what: &str,
    antrag: &Antrag,
    content_type: &str,
    body: Vec<u8>,
) -> Result<bool, CliError> {
    teller.story.requests += 1;
    let (path, partner) = match antrag.zweck {
        None => ("/v1/antraege", KITA),
        Some(_) => ("/v1/nachweise", WOHNGELD),
    };
    let key = format!("r-{}", antrag.number);
    let post = Post { what, path, partner, key, content_type, body, callbacks: 1 };
    teller.post(post).await
}

async fn answer(teller: &mut Teller<'_>, asked: &Antrag) -> Result<(), CliError> {
    teller.chapter("a Klärfall is answered by the Jugendamt of the mother's residence, and by no other")?;
    let transaktionsid = asked.transaktionsid().to_string();
    teller.arrives("the request", &format!("{HAMBURG}/out"), &transaktionsid, 1).await?;
    teller
        .arrives(
            "what the office in Bremen has to decide",
            "jugendamt-bremen/out",
            "alleinsorge.antrag.0801",
            3,
        )
        .await?;
    teller.arrives("a letter to each account that asked", "postfach/out", "\"art\"", 8).await?;
    let foreign = Post {
        what: "0803 of an office that is not responsible",
        path: "/v1/antworten",
        partner: BREMEN,
        key: "c-1".to_owned(),
        content_type: XML,
        body: auskunft(asked, "040110000000", "Amt für Soziale Dienste Bremen").into_bytes(),
        callbacks: 0,
    };
    teller.post(foreign).await?;
    let own = auskunft(asked, "020000000000", "Jugendamt Hamburg-Mitte");
    if teller.put("0803 of the office in Hamburg, which closes it", HAMBURG, own).await? {
        teller.due.callbacks += 1;
        teller.due.closed += 1;
    }
    teller.arrives("its answer to the mother", "postfach/out", "antwort-des-jugendamts", 1).await.map(|_| ())
}

/// Released by the mother in both; only *known, no entry* is handed over, and everything else looks the same.
async fn once_only(teller: &mut Teller<'_>) -> Result<(), CliError> {
    teller.chapter("another application asks for a Nachweis, which the mother released: it gets one only where there is no Eintragung")?;
    for (what, child, number) in [
        ("request for Wohngeld, child without Eintragung", NEGATIV, 8),
        ("request for Wohngeld, child with Sorgeerklärungen: no Nachweis, a letter to her", ERKLAERT, 9),
    ] {
        let antrag = Antrag { zweck: Some(WOHNGELDANTRAG), ..Antrag::new(child, number) };
        ask_json(teller, what, &antrag).await?;
    }
    teller.due.nachweise += 1;
    Ok(())
}

/// The request about the Sperrvermerk, which the office in Bremen has and did not answer.
async fn withdrawal(teller: &mut Teller<'_>) -> Result<(), CliError> {
    teller
        .chapter("a mother withdraws her request; the office is told, and its answer is no longer awaited")?;
    let antrag = Antrag::new(GESPERRT, 3);
    let said = json!({ "was": "rueckzug", "id": antrag.transaktionsid() });
    let post = Post {
        what: "withdrawal of the request about the child with Sperrvermerk",
        path: "/v1/rueckzuege",
        partner: KITA,
        key: "w-1".to_owned(),
        content_type: JSON,
        body: registermeldung(teller.fresh(), teller.now(), &said).into_bytes(),
        callbacks: 0,
    };
    if teller.post(post).await? {
        teller.due.rueckzuege += 1;
    }
    teller.arrives("the withdrawal", "jugendamt-bremen/out", "\"rueckzug\"", 1).await.map(|_| ())
}
