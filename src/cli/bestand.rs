//! `bestand` and `mirror mark`: what a person orders about a register. Becomes a message of the running process; the comparison
//! reads the mirror page by page, and every page is written to the Abrufprotokoll. Never prints anything of a record.

use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::args::Global;
use super::args_register::{BestandCommand, MirrorCommand, Ordered};
use super::bestand_liste::{self, Wanted};
use super::command;
use super::exit::{CliError, Exit};
use super::liste::{self, Liste, Marks, Secret};
use super::output::{Output, moment};
use super::{person, stage};
use crate::app::fit::Fit;
use crate::clock::Clock;
use crate::config::{self, SecretRef};
use crate::effects::{Fact, Question};
use crate::envelope::Stage;
use crate::plan::Partner;
use crate::register::aemter::{Aemter, tag, zaehlt_noch};
use crate::register::bestand::Bestand;
use crate::register::objection::Sought;
use crate::register::record::Kind;
use crate::register::uhr::TOLERANCE;
use crate::store::contract::Store;
use crate::store::desk::View;
use crate::store::looks::Look;
use crate::store::orders::Order;
use crate::store::stamp::Scope;

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
        BestandCommand::Abgleich { ordered, liste, anzahl, luecken } => {
            let said = match (liste, anzahl) {
                (Some(file), _) => compared(global, clock, ordered, (file, luecken.as_deref()), out).await?,
                (None, Some(anzahl)) => vec![("was", json!("abgleich")), ("anzahl", json!(anzahl))],
                (None, None) => return Err(CliError::Usage("give --liste or --anzahl".to_owned())),
            };
            order(global, clock, ordered, &said, out).await
        }
        BestandCommand::Liste { export, schluessel, stand, nach, luecken } => {
            let (stand, nach, luecken) = (stand.as_deref(), nach.as_deref(), luecken.as_deref());
            nach.map_or(Ok(()), |nach| stage::may_write_alone(global, nach))?;
            bestand_liste::run(&Wanted { export, schluessel, stand, nach, luecken }, out)
        }
        BestandCommand::Schluessel { datei } => {
            stage::may_write_alone(global, datei)?;
            bestand_liste::schluessel(datei, out)
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
pub async fn order(
    global: &Global,
    clock: &Clock,
    ordered: &Ordered,
    said: &[(&str, Value)],
    out: &mut Output,
) -> Result<Exit, CliError> {
    let (asked, store) = asked(global, clock, ordered, said, out)?;
    command::post(&*store, clock, asked, &ordered.reason, ordered.patience.wait, out).await
}

/// The command that brings it to the running process, and the store into which that is posted.
pub(super) fn asked(
    global: &Global,
    clock: &Clock,
    ordered: &Ordered,
    said: &[(&str, Value)],
    out: &mut Output,
) -> Result<(Order, Arc<dyn Store>), CliError> {
    let fit = stage::running(global, out)?;
    known(&fit, &ordered.jugendamt)?;
    let document = document(fit.compiled.stage.stage, clock, &ordered.jugendamt, said);
    let asked = Order::Deliver {
        binding: BINDING.to_owned(),
        partner: ordered.jugendamt.clone(),
        document: document.to_string(),
    };
    Ok((asked, stage::opened(global, &fit, false)?))
}

/// The registermeldung that says it, marked as a test where only tests are taken.
pub(super) fn document(of: Stage, clock: &Clock, jugendamt: &str, said: &[(&str, Value)]) -> Value {
    let mut meldung = Map::from_iter([("jugendamt".to_owned(), json!(jugendamt))]);
    meldung.extend(said.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    // Of a comparison the moment at which it began, else now.
    let zeitpunkt = meldung.remove("zeitpunkt").unwrap_or_else(|| json!(clock.now().to_string()));
    let kopf = json!({ "nachrichtenUUID": Uuid::new_v4(), "zeitpunkt": zeitpunkt });
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

/// What is said of a list without a moment.
const TIMELESS: &str = "the list does not say of when it speaks (an earlier version made it): gaps show, but it closes no delivery and nobody can sign on it; have the office make it anew with `bestand liste --stand`";

/// Compares the office's list with the mirror; what is missing here is written down for the office. The list speaks of the moment of its
/// export, so records that came here later are no surplus. One that was changed here since is a gap: what it was then is not known here.
async fn compared(
    global: &Global,
    clock: &Clock,
    ordered: &Ordered,
    (file, luecken): (&Path, Option<&Path>),
    out: &mut Output,
) -> Result<Vec<(&'static str, Value)>, CliError> {
    // What comes while the mirror is read is younger than what was compared.
    let begun = clock.now();
    let text = std::fs::read_to_string(file).map_err(|error| {
        CliError::Usage(format!("{} cannot be read: {}", file.display(), config::what(error.kind())))
    })?;
    let fit = stage::running(global, out)?;
    if let Some(file) = luecken {
        stage::may_write(global, &fit, file)?;
    }
    let partner = known(&fit, &ordered.jugendamt)?;
    let secret = secret(global, partner)?;
    let Liste { stand, marks: list } = liste::read(&secret, &text).map_err(CliError::Usage)?;
    match stand {
        None => out.say(TIMELESS)?,
        Some(stand) if stand.duration_since(begun) > TOLERANCE => {
            return Err(CliError::Usage(format!(
                "the list says that it is of {}, which is yet to come; compare the office's clock with ours and have it make the list anew",
                moment(stand)
            )));
        }
        Some(stand) => out.say(&format!("the list is of {}", moment(stand)))?,
    }
    let store = stage::opened(global, &fit, false)?;
    let (mut held, tafeln) = (Held::default(), &fit.compiled.tafeln);
    let am = tag(stand.unwrap_or(begun));
    for office in tafeln.aemter.mit_vorgaengern(&ordered.jugendamt, tag(clock.now())) {
        let mandant = fit.compiled.partners.get(&office).map(|known| known.sender.mandant.clone());
        let partner = office.clone();
        let scope = Scope::Partner { mandant: mandant.unwrap_or_else(|| office.clone()), partner };
        let own = |kind: &Kind| tafeln.zaehlt(&office, kind, &ordered.jugendamt, am);
        count(&*store, clock, (scope, &own), &ordered.reason, (&secret, stand), &mut held).await?;
    }
    let (missing, more) = (liste::less(&list, &held.marks), liste::less(&held.marks, &list));
    let surplus = liste::less(&more, &held.younger);
    let sum = |marks: &Marks| marks.values().sum::<u64>();
    out.say(&format!("{} on the list, {} in the mirror", sum(&list), sum(&held.marks)))?;
    out.say(&format!(
        "{} missing here or with another entry, {} here that are not on the list or with another entry",
        sum(&missing),
        sum(&surplus)
    ))?;
    if held.gone > 0 {
        out.say(&format!(
            "{} more in the mirror lie in a part that went to another office, which has not delivered them yet; they do not count here",
            held.gone
        ))?;
    }
    let later = sum(&more).saturating_sub(sum(&surplus));
    if later > 0 {
        out.say(&format!(
            "{later} here came or were changed after the list was made; the next list tells about them"
        ))?;
        if !missing.is_empty() {
            out.say("what was changed or deleted since is missing here as it was: where nothing else is, compare a newer list")?;
        }
    }
    if let Some(file) = luecken {
        bestand_liste::create(file, &liste::written(&secret, stand, &missing))?;
    }
    let mut said = vec![
        ("was", json!("abgleich")),
        ("zeitpunkt", json!(begun.to_string())),
        ("anzahl", json!(sum(&list))),
        ("liste", json!(true)),
        ("fehlend", json!(sum(&missing))),
        ("ueberzaehlig", json!(sum(&surplus))),
    ];
    said.extend(stand.map(|stand| ("stand", json!(stand.to_string()))));
    Ok(said)
}

/// What the mirror holds, what of it came or was changed after the moment of the list, and how many are no longer the office's.
#[derive(Default)]
struct Held {
    marks: Marks,
    younger: Marks,
    gone: u64,
}

async fn count(
    store: &dyn Store,
    clock: &Clock,
    (scope, own): (Scope, &(dyn Fn(&Kind) -> bool + Sync)),
    reason: &str,
    (secret, stand): (&Secret, Option<Timestamp>),
    held: &mut Held,
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
            let satz = &record.registersatz;
            if !own(&satz.kind) {
                held.gone += 1;
                continue;
            }
            let mark = secret.mark(&satz.kind, &satz.mutter, &satz.eintragung);
            if stand.is_some_and(|stand| satz.quelle.moment() > stand) {
                *held.younger.entry(mark.clone()).or_default() += 1;
            }
            *held.marks.entry(mark).or_default() += 1;
        }
    }
}

/// The secret of the office's lists: `policy: { abgleich: { file: … } }` in partners.yaml.
fn secret(global: &Global, partner: &Partner) -> Result<Secret, CliError> {
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
    Secret::new(found.expose_secret()).map_err(CliError::Usage)
}

async fn status(
    global: &Global,
    clock: &Clock,
    jugendamt: Option<&str>,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let names: Vec<String> = match jugendamt {
        Some(name) => vec![known(&fit, name).map(|partner| partner.sender.id.clone())?],
        None => fit.compiled.tafeln.aemter.aemter.iter().map(|amt| amt.id.clone()).collect(),
    };
    let store = stage::opened(global, &fit, true)?;
    // No person data: only what is known of registers as a whole is asked for.
    let (looks, table) = (store.looks().await?, &fit.compiled.tafeln.aemter);
    let (mut rows, mut values, now) = (Vec::new(), Vec::new(), clock.now());
    for name in &names {
        // What its predecessors deliver is its own; the office itself comes first.
        let aemter = table.mit_vorgaengern(name, tag(now));
        let questions = aemter.iter().cloned().map(Question::Bestand).collect();
        let answers = store.lookup(questions).await?;
        let known = aemter.iter().zip(answers).filter_map(|(amt, answer)| match answer.fact {
            Fact::Bestand(found) => Some((amt.as_str(), found)),
            _ => None,
        });
        let blocked = blocked(&*store, table, (name, &aemter), now).await?;
        let bestand = Bestand::zusammen(known).unwrap_or_default();
        let looks: Vec<&Look> = looks.iter().filter(|look| aemter.contains(&look.partner)).collect();
        let at = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), moment);
        let fresh = bestand.vollstaendig_und_frisch(now, FRESH);
        let parted = table.hinzugekommen(name, tag(now)).is_some_and(|last| !bestand.verglichen_nach(last));
        let word = match (bestand.erklaert(), bestand.laedt(), fresh) {
            (_, _, true) if blocked == Some(Blocked::Whole) => {
                "complete and fresh, but J: something stands against all its answers; see status"
            }
            (_, _, true) if blocked == Some(Blocked::Part) && !parted => {
                "complete and fresh, but the part that came over is J: something stands against it; see status"
            }
            (_, _, true) if parted => {
                "complete and fresh without the part that came over (J until its list is compared)"
            }
            (_, _, true) => "complete and fresh",
            (true, ..) if bestand.ungedeckt(now, FRESH) => "complete without what it took over",
            (true, ..) => "complete, not fresh",
            (_, true, _) => "load under way",
            _ => "not begun",
        };
        rows.push(vec![
            name.clone(),
            word.to_owned(),
            at(bestand.begonnen),
            bestand.abgleich.as_ref().map_or_else(
                || "-".to_owned(),
                |a| {
                    let how = match (a.liste, a.stand) {
                        (true, Some(stand)) => format!(", list of {}", moment(stand)),
                        (true, None) => ", list without a moment: proves nothing".to_owned(),
                        (false, _) => ", counts only".to_owned(),
                    };
                    format!("{} missing, {} surplus{how}", a.fehlend, a.ueberzaehlig)
                },
            ),
            bestand.unterschriften.len().to_string(),
            bestand.meldung.as_ref().map_or_else(
                || "-".to_owned(),
                |meldung| match meldung.abweichung() {
                    None => meldung.am.to_string(),
                    Some(what) => format!("{}, does not agree: {what}", meldung.am),
                },
            ),
            channel(&looks, now, fit.compiled.rueckstand()),
        ]);
        values.push(json!({ "jugendamt": name, "stand": word, "bestand": bestand, "kanal": looks }));
    }
    out.table(
        &[
            "register",
            "state",
            "begun",
            "last comparison",
            "signatures",
            "last Bestandsmeldung",
            "deliveries",
        ],
        &rows,
    )?;
    out.value(&values)?;
    Ok(Exit::Ok)
}

/// What of a register says nothing although it is complete and fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    /// All of it: what nobody could read, or what says too little to find whom it is about.
    Whole,
    /// What came over from an office that left such a thing behind.
    Part,
}

/// Whether something that the decision asks for by its office stands against the answers of a register.
async fn blocked(
    store: &dyn Store,
    table: &Aemter,
    (name, aemter): (&str, &[String]),
    now: Timestamp,
) -> Result<Option<Blocked>, CliError> {
    let parts = table.teile_von(name, tag(now));
    let asked: Vec<String> = aemter.iter().chain(parts.keys()).cloned().collect();
    let questions = asked.iter().cloned().map(|amt| Question::Objections(Sought::Blocks(amt))).collect();
    let mut found = None;
    for (amt, answer) in asked.iter().zip(store.lookup(questions).await?) {
        let Fact::Objections(open) = answer.fact else { continue };
        let part = parts.get(amt);
        if open.iter().any(|one| zaehlt_noch(one.since, part)) {
            match part {
                None => return Ok(Some(Blocked::Whole)),
                Some(_) => found = Some(Blocked::Part),
            }
        }
    }
    Ok(found)
}

/// Until when all was taken that lay where an office's deliveries come in: what was asked and found empty, of several places the one that
/// was so longest ago. Where nobody asks, as at the HTTP door, nothing lies anywhere.
fn channel(looks: &[&Look], now: Timestamp, rueckstand: SignedDuration) -> String {
    let unasked =
        looks.iter().map(|look| look.looked).filter(|at| now.duration_since(*at) > rueckstand).min();
    let emptied = looks.iter().map(|look| look.emptied).min().flatten();
    let lies = looks.iter().filter_map(|look| look.since).min();
    let empty =
        emptied.map_or_else(|| "never found empty".to_owned(), |at| format!("empty at {}", moment(at)));
    match (looks.is_empty(), unasked, lies) {
        (true, ..) => "-".to_owned(),
        (_, Some(at), _) => format!("not asked for since {}, {empty}", moment(at)),
        (_, _, Some(at)) => format!("some lie since {}, {empty}", moment(at)),
        _ => empty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::find::RUECKSTAND;

    #[test]
    fn until_when_all_deliveries_were_taken_is_said_of_all_places_together() {
        let at = |time: &str| -> Timestamp { format!("2026-11-21T{time}Z").parse().unwrap() };
        let look = |since: Option<&str>, looked, emptied: Option<&str>| Look {
            place: String::new(),
            partner: String::new(),
            since: since.map(at),
            looked: at(looked),
            emptied: emptied.map(at),
        };
        let said = |looks: &[Look]| channel(&looks.iter().collect::<Vec<_>>(), at("12:00:00"), RUECKSTAND);
        let empty = look(None, "11:59:00", Some("11:59:00"));
        assert_eq!(said(&[]), "-");
        assert_eq!(said(std::slice::from_ref(&empty)), "empty at 2026-11-21 12:59:00");
        let older = look(None, "11:58:00", Some("11:58:00"));
        assert_eq!(said(&[empty.clone(), older]), "empty at 2026-11-21 12:58:00");
        let lies = look(Some("11:30:00"), "11:59:00", Some("11:20:00"));
        let told = "some lie since 2026-11-21 12:30:00, empty at 2026-11-21 12:20:00";
        assert_eq!(said(&[empty.clone(), lies]), told);
        let never = look(None, "10:00:00", None);
        assert_eq!(said(&[empty, never]), "not asked for since 2026-11-21 11:00:00, never found empty");
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
