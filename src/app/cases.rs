//! Route tests: every case of `routes/tests/<route>/` plainly, and again repeated, crashed at every point and with failing
//! partners; the same final state every time. Plays in stores of its own below a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::Value;

use crate::config;
use crate::engine::points::{self, Points};
use crate::envelope::Inbound;
use crate::route::case::{self, Case, Expected, Failure, When};
use crate::route::load::yaml_files;

use super::far::Mishap;
use super::fit::Fit;
use super::ground::Ground;
use super::place::Place;
use super::player::{self, Played, Script, Troubles};
use super::script;

/// What became of one case.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    /// `route/case`.
    pub case: String,
    /// What it shows.
    pub about: Option<String>,
    /// How many plays were compared.
    pub plays: usize,
    /// What was not as expected; empty when it passed.
    pub faults: Vec<String>,
}

/// A case that was read, or why not.
pub struct Found {
    name: String,
    file: PathBuf,
    route: String,
    case: Result<Case, String>,
}

/// All cases below a folder of routes, sorted; `only` keeps those whose `route/case` contains it.
pub fn find(routes: &Path, only: Option<&str>) -> Vec<Found> {
    let tests = routes.join("tests");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&tests)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        let route = file_name(&folder);
        for file in yaml_files(&folder).unwrap_or_default() {
            let name =
                format!("{route}/{}", file_name(&file).trim_end_matches(".yaml").trim_end_matches(".yml"));
            if only.is_some_and(|only| !name.contains(only)) {
                continue;
            }
            let case = std::fs::read_to_string(&file)
                .map_err(|error| format!("cannot be read: {}", config::what(error.kind())))
                .and_then(|text| {
                    case::read(&file.display().to_string(), &text).map_err(|faults| faults.to_string())
                });
            found.push(Found { name, file, route: route.clone(), case });
        }
    }
    found
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Plays one case in all its variants, each on a copy of the ground and with an engine of its own; the compiled files are shared, since
/// a play changes none.
pub async fn run(place: &Place, fit: &Fit, ground: &Ground, found: &Found) -> Outcome {
    let mut outcome = Outcome { case: found.name.clone(), about: None, plays: 0, faults: Vec::new() };
    let case = match &found.case {
        Ok(case) => case,
        Err(text) => {
            outcome.faults.push(text.clone());
            return outcome;
        }
    };
    outcome.about = case.about.clone();
    let script = match script(place, fit, found, case) {
        Ok(script) => script,
        Err(faults) => {
            outcome.faults = faults;
            return outcome;
        }
    };
    // What has happened before has happened in all variants alike.
    let begun = match player::before(fit, ground, &script, &written_mishaps(case)).await {
        Ok(begun) => begun,
        Err(error) => {
            outcome.faults.push(error.to_string());
            return outcome;
        }
    };
    let mut calm: Option<Vec<String>> = None;
    for (variant, troubles) in variants(case) {
        outcome.plays += 1;
        let played = match player::play(fit, &begun, &script, &troubles).await {
            Ok(played) => played,
            Err(error) => {
                outcome.faults.push(format!("{variant}: {error}"));
                continue;
            }
        };
        let mut faults = compare(&case.then, &played);
        let mut essence = played.essence;
        if played.verdicts.iter().flatten().any(|verdict| verdict.state == Inbound::Denied) {
            // A stranger occupies no key, so each of its attempts is noted: how often does not matter here.
            essence.dedup();
            essence.retain(|line| !line.starts_with("count inbox "));
        }
        match &calm {
            None => calm = Some(essence),
            Some(calm) if *calm != essence => {
                let missing = calm.iter().filter(|line| !essence.contains(line)).count();
                let more = essence.iter().filter(|line| !calm.contains(line)).count();
                faults.push(format!(
                    "the final state differs from the plain play: {missing} missing, {more} unexpected"
                ));
            }
            Some(_) => {}
        }
        outcome.faults.extend(faults.into_iter().map(|fault| format!("{variant}: {fault}")));
    }
    outcome
}

fn variants(case: &Case) -> Vec<(String, Troubles)> {
    let written = written_mishaps(case);
    let plain = Troubles { times: 1, partners: written.clone(), ..Troubles::default() };
    let mut variants = vec![
        ("plain".to_owned(), plain.clone()),
        ("three times".to_owned(), Troubles { times: 3, ..plain.clone() }),
    ];
    let partners = all_partners(case);
    for (name, mishaps) in [
        ("partners out of order twice", vec![Mishap::Unavailable, Mishap::Unavailable]),
        ("answers of partners lost", vec![Mishap::Timeout]),
    ] {
        // Ways that are closed stay closed: the others are in trouble.
        let closed = |all: &Vec<Mishap>| all.iter().any(Mishap::closes_the_way);
        let mut partners: BTreeMap<String, Vec<Mishap>> =
            partners.iter().map(|partner| (partner.clone(), mishaps.clone())).collect();
        partners.extend(written.clone().into_iter().filter(|(_, mishaps)| closed(mishaps)));
        variants.push((name.to_owned(), Troubles { partners, ..plain.clone() }));
    }
    // A played partner confirms at once: there is nothing to look after.
    for point in points::ALL.iter().filter(|point| !point.is_of_looks()) {
        let crashes = vec![Points::halt_at(*point, 1)];
        variants.push((format!("crash at {}", point.word()), Troubles { crashes, ..plain.clone() }));
    }
    variants
}

fn written_mishaps(case: &Case) -> BTreeMap<String, Vec<Mishap>> {
    let mishap = |failure: &Failure| match failure {
        Failure::Timeout => Mishap::Timeout,
        Failure::Status(status) if (200..300).contains(status) => Mishap::Fine,
        Failure::Status(_) => Mishap::Unavailable,
        Failure::Refused => Mishap::Refused,
        Failure::NotCollected => Mishap::NotCollected,
        Failure::Ok => Mishap::Fine,
    };
    case.partners_fail
        .iter()
        .map(|(partner, failures)| (partner.clone(), failures.iter().map(mishap).collect()))
        .collect()
}

fn all_partners(case: &Case) -> Vec<String> {
    let sent = case.then.sent.iter().flatten().map(|sent| sent.partner.value.clone());
    let delivered = case.when.iter().filter_map(|when| match when {
        When::Delivery(delivery) => Some(delivery.partner.value.clone()),
        When::Timer(_) => None,
    });
    sent.chain(delivered).collect()
}

fn script(place: &Place, fit: &Fit, found: &Found, case: &Case) -> Result<Script, Vec<String>> {
    script::of(
        &script::Shelf { compiled: &fit.compiled, xsd: &place.xsd, case: &found.file },
        &found.route,
        case,
    )
}

/// What was sent: word with partner and with way, document, how long after its cause it may leave.
type Taken = ((String, String), Option<Value>, Option<SignedDuration>);

fn compare(then: &Expected, played: &Played) -> Vec<String> {
    let mut faults = Vec::new();
    // A verdict that a crash took along is made up for by the comparison with the plain play.
    let last = played.verdicts.last().and_then(Option::as_ref);
    if let (Some(state), Some(last)) = (then.state, last)
        && last.state != state
    {
        faults.push(format!(
            "state is {}, expected {}{}",
            last.state.as_str(),
            state.as_str(),
            why(played, last.state)
        ));
    }
    if let (Some(codes), Some(last)) = (&then.codes, last)
        && last.codes != *codes
    {
        let why = why(played, last.state);
        faults.push(format!("codes are [{}], expected [{}]{why}", last.codes.join(", "), codes.join(", ")));
    }
    if let Some(mirror) = then.mirror
        && played.figures.mirror != u64::from(mirror)
    {
        faults.push(format!("the mirror holds {}, expected {mirror}", played.figures.mirror));
    }
    if let Some(states) = &then.vorgaenge
        && *states != played.vorgaenge
    {
        let (are, wanted) = (played.vorgaenge.join(", "), states.join(", "));
        faults.push(format!("the Vorgaenge are [{are}], expected [{wanted}]"));
    }
    if let Some(faelle) = &then.faelle
        && *faelle != played.faelle
    {
        let (are, wanted) = (played.faelle.join(", "), faelle.join(", "));
        faults.push(format!("the cases are [{are}], expected [{wanted}]"));
    }
    if let Some(timers) = then.timers
        && usize::try_from(timers) != Ok(played.timers)
    {
        faults.push(format!("{} timers came in, expected {timers}", played.timers));
    }
    if let (Some(reply), Some(last)) = (&then.reply, last) {
        let message = last.reply.as_ref().map_or("none", |reply| reply.message.as_str());
        if message != reply.value {
            faults.push(format!("the answer is {message}, expected {}", reply.value));
        }
    }
    if let Some(expected) = &then.sent {
        let body = |octets: &Bytes| serde_json::from_slice::<Value>(octets).ok();
        let mut open: Vec<Taken> = played
            .taken
            .iter()
            .map(|(word, partner, envelope)| {
                let delay = played.delays.get(&envelope.head.id).copied();
                let way = envelope.head.binding.clone();
                ((format!("{word} {partner}"), format!("{word} {way}")), body(&envelope.body), delay)
            })
            .collect();
        // What is looked at closely chooses first.
        let mut expected: Vec<_> = expected.iter().collect();
        expected.sort_by_key(|sent| sent.body.is_none());
        for sent in expected {
            let key = format!("{} {}", sent.word.value, sent.partner.value);
            let wanted = sent.delay.and_then(|delay| SignedDuration::try_from(delay).ok());
            let fits = |((taken, way), body, delay): &Taken| {
                (*taken == key || *way == key)
                    && (sent.delay.is_none() || *delay == wanted)
                    && sent
                        .body
                        .as_ref()
                        .is_none_or(|wanted| body.as_ref().is_some_and(|body| like(wanted, body)))
            };
            match open.iter().position(fits) {
                Some(index) => {
                    open.remove(index);
                }
                None => faults.push(format!("`{key}` was not sent as expected")),
            }
        }
        for ((_, key), _, _) in open {
            faults.push(format!("`{key}` was sent and not expected"));
        }
    }
    faults
}

fn why(played: &Played, state: Inbound) -> String {
    let cause = played
        .messages
        .iter()
        .find(|message| message.state == state)
        .and_then(|message| message.cause.clone());
    let codes: Vec<String> = played.messages.iter().flat_map(|message| message.codes.clone()).collect();
    match (cause, codes.is_empty()) {
        (Some(cause), _) => format!(" ({cause})"),
        (None, false) => format!(" (codes {})", codes.join(", ")),
        (None, true) => String::new(),
    }
}

/// Equal, where `*` in the expectation stands for anything.
fn like(wanted: &Value, body: &Value) -> bool {
    match (wanted, body) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(wanted), Value::Object(body)) => {
            wanted.len() == body.len()
                && wanted.iter().all(|(key, wanted)| body.get(key).is_some_and(|body| like(wanted, body)))
        }
        (Value::Array(wanted), Value::Array(body)) => {
            wanted.len() == body.len() && wanted.iter().zip(body).all(|(wanted, body)| like(wanted, body))
        }
        _ => wanted == body,
    }
}
