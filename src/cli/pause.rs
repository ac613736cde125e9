//! Holds a route, a partner or a destination, and lets it go on. Stored by the running process, obeyed by all replicas.
//! Never throws anything away: what is held waits.

use std::collections::BTreeSet;

use super::args::{Global, Held, PauseArgs, ResumeArgs};
use super::command::{self, Asked};
use super::exit::{CliError, Exit};
use super::output::{Output, moment};
use super::stage;
use crate::clock::Clock;
use crate::engine::objecting;
use crate::route::compiled::Compiled;
use crate::store::contract::Store;

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
    let asked = Asked::Pause(args.kind, name.clone(), args.until);
    let offices = concerned(&fit.compiled, args.kind, &name);
    if let Ok(from) = clock.now().checked_add(fit.compiled.rueckstand())
        && !offices.is_empty()
    {
        let (offices, from) = (offices.join(", "), moment(from));
        out.say(&format!(
            "deliveries are held with it: from {from} on nothing is answered automatically (case J) from the registers of {offices}, unless it goes on before"
        ))?;
    }
    command::post(&*store, clock, &asked, &args.reason, args.patience.wait, out).await
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
    let asked = Asked::Resume(args.kind, checked(args.kind, &args.name)?);
    command::post(store, clock, &asked, &args.reason, args.patience.wait, out).await
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
    use super::*;

    #[test]
    fn a_destination_has_two_halves() {
        assert_eq!(checked(Held::Destination, "callback:kita").unwrap(), "callback:kita");
        assert!(checked(Held::Destination, "kita").unwrap_err().to_string().contains("write `partner kita`"));
        assert_eq!(checked(Held::Partner, "kita").unwrap(), "kita");
        assert!(checked(Held::Route, " ").is_err());
    }
}
