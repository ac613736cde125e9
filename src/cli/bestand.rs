//! `bestand` and `mirror mark`: what a person orders about a register. Becomes a message of the running process; the comparison
//! reads the mirror page by page, and every page is written to the Abrufprotokoll. Never prints anything of a record.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::hmac;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::args::Global;
use super::args_register::{BestandCommand, MirrorCommand, Ordered};
use super::command::{self, Asked};
use super::exit::{CliError, Exit};
use super::output::Output;
use super::{person, stage};
use crate::app::place::Fit;
use crate::clock::Clock;
use crate::config::{self, SecretRef};
use crate::effects::{Fact, Question};
use crate::envelope::Stage;
use crate::plan::Partner;
use crate::register::aemter::tag;
use crate::register::keys;
use crate::store::contract::{Scope, Store, View};

/// The `on` entry of orders about registers.
const BINDING: &str = "person register";
/// How many records are read at once.
const PAGE: usize = 500;
/// How old a Bestandsmeldung may be until it no longer counts in `bestand status`; the decision has its own setting.
const FRESH: std::time::Duration = std::time::Duration::from_secs(26 * 3600);

/// Runs a command of `bestand`.
pub async fn run(
    global: &Global,
    clock: &Clock,
    command: &BestandCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    match command {
        BestandCommand::Begin(ordered) => {
            order(global, clock, ordered, &[("was", json!("beginn"))], out).await
        }
        BestandCommand::Erklaeren(ordered) => {
            order(global, clock, ordered, &[("was", json!("erklaerung"))], out).await
        }
        BestandCommand::Abgleich { ordered, liste, anzahl } => {
            let said = match (liste, anzahl) {
                (Some(file), _) => compared(global, clock, ordered, file, out).await?,
                (None, Some(anzahl)) => vec![("was", json!("abgleich")), ("anzahl", json!(anzahl))],
                (None, None) => return Err(CliError::Usage("give --liste or --anzahl".to_owned())),
            };
            order(global, clock, ordered, &said, out).await
        }
        BestandCommand::Status { jugendamt } => status(global, clock, jugendamt.as_deref(), out).await,
    }
}

/// Runs a command of `mirror`.
pub async fn mirror(
    global: &Global,
    clock: &Clock,
    command: &MirrorCommand,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let MirrorCommand::Mark { id, ordered, bestritten, klaerung, .. } = command;
    let marke = match (bestritten, klaerung) {
        (true, _) => "bestritten",
        (_, true) => "klaerung",
        _ => "keine",
    };
    let said = [("was", json!("marke")), ("id", json!(id)), ("marke", json!(marke))];
    order(global, clock, ordered, &said, out).await
}

fn known<'a>(fit: &'a Fit, jugendamt: &str) -> Result<&'a Partner, CliError> {
    let text = || format!("there is no partner `{jugendamt}` in partners.yaml");
    fit.compiled.partners.get(jugendamt).ok_or_else(|| CliError::Usage(text()))
}

/// Posts what is said as a message that the running process takes.
async fn order(
    global: &Global,
    clock: &Clock,
    ordered: &Ordered,
    said: &[(&str, Value)],
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    known(&fit, &ordered.jugendamt)?;
    let document = document(fit.compiled.stage.stage, clock, &ordered.jugendamt, said);
    let asked = Asked::Deliver {
        binding: BINDING.to_owned(),
        partner: ordered.jugendamt.clone(),
        document: document.to_string(),
    };
    let store = stage::write_store(global, out)?;
    command::post(&*store, clock, &asked, &ordered.reason, ordered.patience.wait, out).await
}

fn document(of: Stage, clock: &Clock, jugendamt: &str, said: &[(&str, Value)]) -> Value {
    let mut meldung = Map::from_iter([("jugendamt".to_owned(), json!(jugendamt))]);
    meldung.extend(said.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let kopf = json!({ "nachrichtenUUID": Uuid::new_v4(), "zeitpunkt": clock.now().to_string() });
    let mut document = Map::from_iter([
        ("nachricht".to_owned(), json!("registermeldung")),
        ("version".to_owned(), json!("1")),
        ("kopf".to_owned(), kopf),
        ("meldung".to_owned(), Value::Object(meldung)),
    ]);
    if of != Stage::Produktion {
        document.insert("test".to_owned(), json!(true));
    }
    Value::Object(document)
}

/// Compares the office's list with the mirror.
async fn compared(
    global: &Global,
    clock: &Clock,
    ordered: &Ordered,
    file: &Path,
    out: &mut Output,
) -> Result<Vec<(&'static str, Value)>, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| CliError::Usage(format!("{} cannot be read: {}", file.display(), error.kind())))?;
    let list = list(&text).map_err(CliError::Usage)?;
    let fit = stage::compile(global, out)?;
    let partner = known(&fit, &ordered.jugendamt)?;
    let key = secret(global, partner)?;
    let store = stage::write_store(global, out)?;
    let mut held: BTreeMap<String, u64> = BTreeMap::new();
    for office in fit.compiled.tafeln.aemter.mit_vorgaengern(&ordered.jugendamt, tag(clock.now())) {
        let mandant = fit.compiled.partners.get(&office).map(|known| known.sender.mandant.clone());
        let scope = Scope::Partner { mandant: mandant.unwrap_or_else(|| office.clone()), partner: office };
        count(&*store, clock, scope, &ordered.reason, &key, &mut held).await?;
    }
    let (missing, surplus) = gaps(&list, &held);
    Ok(vec![
        ("was", json!("abgleich")),
        ("anzahl", json!(list.values().sum::<u64>())),
        ("fehlend", json!(missing)),
        ("ueberzaehlig", json!(surplus)),
    ])
}

async fn count(
    store: &dyn Store,
    clock: &Clock,
    scope: Scope,
    reason: &str,
    key: &hmac::Key,
    held: &mut BTreeMap<String, u64>,
) -> Result<(), CliError> {
    let mut after = None;
    loop {
        let view = View {
            scope: scope.clone(),
            limit: PAGE,
            person: person::acting(),
            reason: reason.to_owned(),
            now: clock.now(),
        };
        let page = store.registersaetze(view, after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for record in &page {
            let child = keys::child(&record.registersatz.kind, &record.registersatz.mutter);
            let mark = hex::encode(hmac::sign(key, &child.octets()));
            *held.entry(mark).or_default() += 1;
        }
    }
}

/// How many of the list are missing here, and how many stand here that the list does not have.
fn gaps(list: &BTreeMap<String, u64>, held: &BTreeMap<String, u64>) -> (u64, u64) {
    let less = |of: &BTreeMap<String, u64>, than: &BTreeMap<String, u64>| {
        of.iter().map(|(mark, n)| n.saturating_sub(than.get(mark).copied().unwrap_or(0))).sum()
    };
    (less(list, held), less(held, list))
}

fn list(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut list: BTreeMap<String, u64> = BTreeMap::new();
    for (nth, line) in text.lines().enumerate() {
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            continue;
        }
        if line.len() != 64 || !line.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            return Err(format!("line {} of the list is no HMAC-SHA256 in hex; one per line", nth + 1));
        }
        *list.entry(line).or_default() += 1;
    }
    Ok(list)
}

/// The secret of the office's lists: `policy: { abgleich: { file: … } }` in partners.yaml.
fn secret(global: &Global, partner: &Partner) -> Result<hmac::Key, CliError> {
    let written = partner.sender.policy.get("abgleich");
    let part = |key: &str| written.and_then(|w| w.get(key)).and_then(Value::as_str).map(str::to_owned);
    let reference = match (part("file"), part("env")) {
        (Some(file), _) => SecretRef::File(file),
        (None, Some(name)) => SecretRef::Env(name),
        (None, None) => {
            let text = "this partner has no secret for lists; write `policy: { abgleich: { file: … } }` in partners.yaml";
            return Err(CliError::Usage(text.to_owned()));
        }
    };
    let found = config::resolver(&stage::place(global).config)(&reference)
        .map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, found.expose_secret().as_bytes()))
}

async fn status(
    global: &Global,
    clock: &Clock,
    jugendamt: Option<&str>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::compile(global, out)?;
    let names: Vec<String> = match jugendamt {
        Some(name) => vec![known(&fit, name).map(|partner| partner.sender.id.clone())?],
        None => fit.compiled.tafeln.aemter.aemter.iter().map(|amt| amt.id.clone()).collect(),
    };
    let store = stage::read_store(global, out)?;
    // No person data: only what is known of registers as a whole is asked for.
    let questions = names.iter().cloned().map(Question::Bestand).collect();
    let answers = store.lookup(questions).await?;
    let (mut rows, mut values, now) = (Vec::new(), Vec::new(), clock.now());
    for (name, answer) in names.iter().zip(answers) {
        let Fact::Bestand(found) = answer.fact else { continue };
        let bestand = found.unwrap_or_default();
        let moment = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let fresh = bestand.vollstaendig_und_frisch(now, FRESH);
        let word = match (bestand.erklaert(), bestand.laedt(), fresh) {
            (_, _, true) => "complete and fresh",
            (true, ..) => "complete, not fresh",
            (_, true, _) => "load under way",
            _ => "not begun",
        };
        rows.push(vec![
            name.clone(),
            word.to_owned(),
            moment(bestand.begonnen),
            bestand.abgleich.as_ref().map_or_else(
                || "-".to_owned(),
                |a| format!("{} missing, {} surplus", a.fehlend, a.ueberzaehlig),
            ),
            bestand.unterschriften.len().to_string(),
            moment(bestand.meldung.as_ref().map(|meldung| meldung.am)),
        ]);
        values.push(json!({ "jugendamt": name, "stand": word, "bestand": bestand }));
    }
    out.table(
        &["register", "state", "begun", "last comparison", "signatures", "last Bestandsmeldung"],
        &rows,
    )?;
    out.value(&values)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_on_both_sides() {
        let all = |marks: &[&str]| {
            let text: String = marks.iter().map(|mark| format!("{}\n", mark.repeat(64))).collect();
            list(&text).unwrap()
        };
        assert_eq!(gaps(&all(&["a", "b"]), &all(&["b", "a"])), (0, 0));
        assert_eq!(gaps(&all(&["a", "b", "c"]), &all(&["a", "d"])), (2, 1));
        assert_eq!(gaps(&all(&["a", "a"]), &all(&["a"])), (1, 0));
        assert!(list("abc\n").unwrap_err().starts_with("line 1 "));
        assert!(list(&"g".repeat(64)).is_err());
    }

    #[test]
    fn an_order_is_a_registermeldung_and_a_test_where_only_tests_are_taken() {
        let clock = Clock::real();
        let said = [("was", json!("beginn"))];
        let made = document(Stage::Test, &clock, "jugendamt-bremen", &said);
        assert_eq!(made["test"], true);
        assert_eq!(made["meldung"], json!({ "jugendamt": "jugendamt-bremen", "was": "beginn" }));
        assert!(document(Stage::Produktion, &clock, "a", &said).get("test").is_none());
    }
}
