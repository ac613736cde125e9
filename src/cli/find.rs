//! `messages find`: what somebody asks for at night (a partner, a time, an id that the sender knows) becomes a question to the store. Shows
//! what `messages list` shows, and never a content.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::args::Global;
use super::args_messages::FindArgs;
use super::exit::{CliError, Exit};
use super::find_code::Sought;
use super::messages::{ids_of, print_list, word_of};
use super::output::{Output, berlin, beside, moment};
use super::shipped;
use super::stage;
use super::window::{self, Window};
use crate::app::fit::Fit;
use crate::app::scratch::Scratch;
use crate::clock::Clock;
use crate::store::contract::Store;
use crate::store::desk::Filter;
use crate::store::entry::Key;
use crate::store::listed::Listed;
use crate::store::seek::Seek;
use crate::store::stamp::Scope;
use crate::transport::ids::{by_key, by_message_id};
use crate::transport::{xta_client, xta_server};
use crate::xoev::fault::nearest;
use crate::xoev::mapping::did_you_mean;

/// Looked back so far where no time is named.
const BACK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Opened one by one for a hash, reason or alarm, so many at most.
const OPENED: usize = 20_000;
/// So many at once.
const PAGE: usize = 1_000;

/// Runs the command.
pub async fn run(
    global: &Global,
    clock: &Clock,
    args: &FindArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let store = stage::opened(global, &fit, true)?;
    let (store, now) = (&*store, clock.now());
    let window = seen(args, now)?;
    let sought = match &args.code {
        Some(word) => {
            let scratch = Scratch::new()?;
            Some(Sought::read(word, &shipped::packages(&global.xsd, &scratch.0)?)?)
        }
        None => None,
    };
    let wanted = filter(args, window);
    let wanted = sought.as_ref().map_or(wanted.clone(), |sought| sought.narrowed(wanted));
    let fits = |listed: &Listed| sought.as_ref().is_none_or(|sought| sought.fits(listed));
    let mut whole = true;
    let mut found = match (&args.id, &args.own, &args.sha256) {
        (Some(id), _, _) => by_id(store, id, &wanted).await?,
        (_, Some(own), _) => by_own(store, &fit, own, args.partner.as_deref(), &wanted).await?,
        (_, _, Some(hash)) => {
            let of_hash = |listed: &Listed| listed.octets_sha256.starts_with(hash) && fits(listed);
            let found;
            (found, whole) = one_by_one(store, &wanted, of_hash).await?;
            found
        }
        _ if sought.as_ref().is_some_and(Sought::is_looked_through) => {
            let found;
            (found, whole) = one_by_one(store, &wanted, fits).await?;
            found
        }
        _ => store.list(&Scope::Operator, wanted.clone()).await?,
    };
    found.retain(fits);
    if !whole {
        beside(&format!(
            "drehscheibe: the newest {OPENED} messages of that time were looked through, and there are more; name a shorter time with `--when`"
        ));
    }
    if found.is_empty() {
        out.say("nothing was found")?;
        for unknown in unknown(&fit, args) {
            out.say(&unknown)?;
        }
        if let (Some(window), None, None) = (window, &args.id, &args.own) {
            out.say(&format!(
                "looked at what was received from {} until {} (German time); `--when` names another time",
                moment(window.from),
                moment(window.until)
            ))?;
        }
        out.value(&found)?;
        return Ok(Exit::No);
    }
    print_list(&found, now, out)?;
    Ok(Exit::Ok)
}

/// What is named and is not known to the files that run, each with what it may have been meant for. What has left them may stand in the store
/// all the same, so this is said only where nothing was found.
fn unknown(fit: &Fit, args: &FindArgs) -> Vec<String> {
    let compiled = &fit.compiled;
    let known = fit.standards.known();
    let partners: Vec<&str> = compiled.partners.keys().map(String::as_str).collect();
    let routes: Vec<&str> = compiled.plans.iter().map(|plan| plan.route.as_str()).collect();
    let messages: Vec<&str> = known.iter().map(|known| known.message.as_str()).collect();
    let named = [
        ("partner", "in partners.yaml", &args.partner, &partners),
        ("route", "among the routes", &args.route, &routes),
        ("message type", "in the packages", &args.message, &messages),
    ];
    let wrong = named.into_iter().filter_map(|(what, place, named, known)| {
        let named = named.as_deref().filter(|named| !known.contains(named))?;
        let near = did_you_mean(nearest(named, known.iter().copied()));
        Some(format!("there is no {what} `{named}` {place} now{near}"))
    });
    wrong.collect()
}

/// The window that is looked at, where one is.
fn seen(args: &FindArgs, now: Timestamp) -> Result<Option<Window>, CliError> {
    let Some(text) = &args.when else {
        let named = args.id.is_some() || args.own.is_some();
        let from = now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
        return Ok((!named).then_some(Window { from, until: now }));
    };
    let read = window::read(text, now, &berlin());
    read.map(Some).ok_or_else(|| CliError::Usage(format!("`{text}` is no time: {}", window::ALLOWED)))
}

fn filter(args: &FindArgs, window: Option<Window>) -> Filter {
    Filter {
        states: args.states.iter().copied().map(word_of).collect(),
        limit: args.limit(),
        seek: Seek {
            between: window.map(|window| ids_within(window, args.when.is_some())),
            partner: args.partner.clone(),
            route: args.route.clone(),
            message: args.message.clone(),
            ..Seek::default()
        },
        ..Filter::default()
    }
}

fn seeking(wanted: &Filter, seek: Seek) -> Filter {
    Filter { seek, ..wanted.clone() }
}

/// The ids of what was received in a window: they begin with their moment, in milliseconds.
pub fn ids_within(window: Window, ended: bool) -> (Uuid, Uuid) {
    let id = |at: i64, rest: u8| {
        let mut octets = [rest; 16];
        octets[..6].copy_from_slice(&u64::try_from(at).unwrap_or(0).to_be_bytes()[2..]);
        Uuid::from_bytes(octets)
    };
    let until = window.until.as_millisecond();
    // Without an end what comes this moment is looked at, too.
    let last = if ended { id(until - 1, u8::MAX) } else { Uuid::max() };
    (id(window.from.as_millisecond(), 0), last)
}

/// By an id of ours, whole or its beginning: of a message, or of what one sent.
async fn by_id(store: &dyn Store, id: &str, wanted: &Filter) -> Result<Vec<Listed>, CliError> {
    let between = ids_of(id)?;
    let window = wanted.seek.between;
    let within = |listed: &Listed| window.is_none_or(|(from, to)| (from..=to).contains(&listed.id));
    let asked = seeking(wanted, Seek { between: Some(between), ..wanted.seek.clone() });
    let mut found = store.list(&Scope::Operator, asked).await?;
    if found.is_empty() {
        let sent = Seek { sent: Some(between), between: None, ..wanted.seek.clone() };
        let asked = seeking(wanted, sent);
        found = store.list(&Scope::Operator, asked).await?;
    }
    found.retain(within);
    Ok(found)
}

/// By an id that its sender gave it: the transport's, the message's, the Vorgang's.
async fn by_own(
    store: &dyn Store,
    fit: &Fit,
    own: &str,
    partner: Option<&str>,
    wanted: &Filter,
) -> Result<Vec<Listed>, CliError> {
    let known = fit.standards.known();
    let mut standards: Vec<&str> = known.iter().map(|known| known.standard.as_str()).collect();
    standards.sort_unstable();
    standards.dedup();
    let mut messages: Vec<&str> =
        known.iter().filter(|known| known.reads).map(|known| known.message.as_str()).collect();
    messages.sort_unstable();
    messages.dedup();
    let (mut transports, mut keys) = (vec![own.to_owned()], Vec::new());
    let partners = fit.compiled.partners.keys().map(String::as_str);
    for name in partners.filter(|name| partner.is_none_or(|wanted| wanted == *name)) {
        transports.extend([
            by_key(name, own),
            by_message_id(name, own),
            xta_client::keeper::transport_id(name, own),
            xta_server::ids::of_delivery(name, own),
        ]);
        keys.extend(standards.iter().map(|standard| Key::business(name, standard, own)));
        keys.extend(messages.iter().map(|message| Key::einmalig(name, message, own)));
    }
    let seek = Seek { transports, keys, ..wanted.seek.clone() };
    Ok(store.list(&Scope::Operator, seeking(wanted, seek)).await?)
}

/// By what stands sealed beside each message (the hash of its octets, the cause), so the window is opened one by one; and whether all of it was.
async fn one_by_one(
    store: &dyn Store,
    wanted: &Filter,
    fits: impl Fn(&Listed) -> bool,
) -> Result<(Vec<Listed>, bool), CliError> {
    let most = wanted.limit;
    let (mut found, mut before, mut opened) = (Vec::new(), None, 0);
    while found.len() < most {
        if opened >= OPENED {
            return Ok((found, false));
        }
        let page = store.list(&Scope::Operator, Filter { before, limit: PAGE, ..wanted.clone() }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        opened += page.len();
        found.extend(page.into_iter().filter(|listed| fits(listed)));
    }
    found.truncate(most);
    Ok((found, true))
}
