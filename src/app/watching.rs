//! What nobody does and that a person has to know in time all the same: certificates that end, and pauses that last. Each alarm begins once, again
//! where it grows worse, and ends once. Replaces no certificate and ends no pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use crate::clock::Tick;
use crate::store::pauses::Pause;
use crate::telemetry::alarm::{Alarm, Standing};
use crate::telemetry::metric;
use crate::telemetry::parts::{Failing, Turn};

use super::certificates::{self, Named, Near, Seen};
use super::shared::Shared;

/// Between two looks at the files; a reload brings one at once.
const LOOK: Duration = Duration::from_secs(20);
/// A pause that holds for longer calls a person.
const LONG: SignedDuration = SignedDuration::from_hours(24);

/// Looks until the process ends.
pub async fn watch(shared: Arc<Shared>) {
    let mut certificates = Certificates::default();
    let mut pauses = Standing::new(Alarm::PauseLong);
    let mut last: Option<(Tick, Arc<Vec<Named>>)> = None;
    loop {
        tokio::select! {
            () = shared.core.leaving.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let named = shared.certificates.load_full();
        if last.as_ref().is_some_and(|(looked, at)| Arc::ptr_eq(at, &named) && looked.elapsed() < LOOK) {
            continue;
        }
        last = Some((Tick::now(), named.clone()));
        let now = shared.core.clock.now();
        let seen = tokio::task::spawn_blocking(move || certificates::seen(&named, now)).await;
        if let Ok(seen) = seen {
            certificates.are(&shared, &seen, now);
        }
        let held = shared.core.pauses();
        let long = held.iter().filter(|pause| now.duration_since(pause.since) > LONG);
        let said = |pause: &Pause| {
            (format!("{} {}", pause.kind, pause.name), (1, "held for more than a day".to_owned()))
        };
        pauses.are(&long.map(said).collect());
    }
}

/// What was said of certificates.
struct Certificates {
    standing: Standing,
    /// The parts that do not run because ours is over.
    failing: Vec<String>,
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates { standing: Standing::new(Alarm::CertificateExpires), failing: Vec::new() }
    }
}

impl Certificates {
    fn are(&mut self, shared: &Shared, seen: &[Seen], now: jiff::Timestamp) {
        let mut standing = BTreeMap::new();
        let mut failing = Vec::new();
        for one in seen {
            metric::certificate(&one.by, one.until);
            if one.near != Near::Far {
                let said = format!("{}; sha256 {}", one.said(now), &one.sha256[..16.min(one.sha256.len())]);
                standing.insert(one.by.clone(), (one.near as u8, said));
            }
            // Whoever is shown it turns away; what a partner shows is refused at its own door, and said there.
            if one.ours && one.near == Near::Over {
                let part = one.part();
                let next = one.next().to_owned();
                shared.core.parts.fails(&part, Failing { cause: one.said(now), next, turn: Turn::Ours });
                failing.push(part);
            }
        }
        for over in self.failing.iter().filter(|part| !failing.contains(part)) {
            shared.core.parts.gone(over);
        }
        self.failing = failing;
        self.standing.are(&standing);
    }
}
