//! Holds a route, a partner or a destination, and lets it go on. Stored by the running process, obeyed by all replicas.
//! Never throws anything away: what is held waits.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::args::{Global, Held, PauseArgs, ResumeArgs, Until};
use super::command;
use super::exit::{CliError, Exit};
use super::output::{Output, moment};
use super::stage;
use crate::clock::Clock;
use crate::engine::objecting;
use crate::route::compiled::Compiled;
use crate::store::contract::Store;
use crate::store::orders::Order;

/// Holds something. Where deliveries are held with it, says which registers are answered automatically no longer, and from when on.
pub async fn pause(
    global: &Global,
    clock: &Clock,
    args: &PauseArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let fit = stage::running(global, out)?;
    let store = stage::opened(global, &fit, false)?;
    let name = checked(args.kind, &args.name)?;
    let until = args.until.map(|until| ends(until, clock.now())).transpose()?;
    let order = Order::Pause { kind: args.kind.into(), name: name.clone(), until };
    let offices = concerned(&fit.compiled, args.kind, &name);
    if let Ok(from) = clock.now().checked_add(fit.compiled.rueckstand())
        && !offices.is_empty()
    {
        let (offices, from) = (offices.join(", "), moment(from));
        out.say(&format!(
            "deliveries are held with it: from {from} on nothing is answered automatically (case J) from the registers of {offices}, unless it goes on before"
        ))?;
    }
    command::post(&*store, clock, order, &args.reason, args.patience.wait, out).await
}

/// When a pause ends that is posted now.
fn ends(until: Until, now: Timestamp) -> Result<Timestamp, CliError> {
    let ends = match until {
        Until::At(at) => Some(at),
        Until::In(time) => SignedDuration::try_from(time).ok().and_then(|time| now.checked_add(time).ok()),
    };
    match ends {
        None => Err(CliError::Usage("--until is too far away; leave it out".to_owned())),
        Some(ends) if ends <= now => {
            Err(CliError::Usage("--until has passed already; give a later moment".to_owned()))
        }
        Some(ends) => Ok(ends),
    }
}

/// The offices whose deliveries a pause holds.
fn concerned(compiled: &Compiled, kind: Held, name: &str) -> Vec<String> {
    let held = compiled.plans.iter().flat_map(|plan| objecting::concerned(plan, kind.as_str(), name));
    let offices: BTreeSet<&String> = held.collect();
    let known = |id: &String| compiled.tafeln.aemter.amt(id).is_some();
    offices.into_iter().filter(|id| known(id)).cloned().collect()
}

/// Lets something go on.
pub async fn resume(
    store: &dyn Store,
    clock: &Clock,
    args: &ResumeArgs,
    out: &mut Output,
) -> Result<Exit, CliError> {
    let order = Order::Resume { kind: args.kind.into(), name: checked(args.kind, &args.name)? };
    command::post(store, clock, order, &args.reason, args.patience.wait, out).await
}

/// A destination is `connection:partner`; the most common slip is to give only the partner.
fn checked(kind: Held, name: &str) -> Result<String, CliError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(CliError::Usage(format!("{} has no name; give it after the kind", kind.as_str())));
    }
    if kind == Held::Destination && !name.contains(':') {
        return Err(CliError::Usage(format!(
            "a destination is written connection:partner; `{name}` has no connection, \
             see `drehscheibe status`, or write `partner {name}`"
        )));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pause_ends_later_than_now() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let later = "2026-11-21T14:00:00Z".parse().unwrap();
        assert_eq!(ends(Until::In(Duration::from_secs(7200)), now).unwrap(), later);
        assert_eq!(ends(Until::At(later), now).unwrap(), later);
        assert!(matches!(ends(Until::At(now), now), Err(CliError::Usage(_))));
        assert!(matches!(ends(Until::In(Duration::MAX), now), Err(CliError::Usage(_))));
    }

    #[test]
    fn a_destination_has_two_halves() {
        assert_eq!(checked(Held::Destination, "callback:kita").unwrap(), "callback:kita");
        assert!(checked(Held::Destination, "kita").unwrap_err().to_string().contains("write `partner kita`"));
        assert_eq!(checked(Held::Partner, "kita").unwrap(), "kita");
        assert!(checked(Held::Route, " ").is_err());
    }
}
