//! The only reader of time: real, scaled (tests and demo live through days in seconds) or set by hand.
//! Never decides anything; who needs *now* in a run takes the time of receipt.

#![expect(clippy::disallowed_methods, reason = "this is the one reader of time")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// A clock that is handed around; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Real,
    Scaled {
        start: Timestamp,
        began: Instant,
        factor: f64,
    },
    Set {
        now: Mutex<Timestamp>,
        moved: Notify,
    },
    /// The machine's clock, off by so much.
    Jumping {
        off: Mutex<SignedDuration>,
    },
}

impl Clock {
    /// The machine's clock.
    pub fn real() -> Clock {
        Clock(Arc::new(Kind::Real))
    }

    /// A clock that starts at `start` and runs `factor` times as fast as the machine's.
    pub fn scaled(start: Timestamp, factor: f64) -> Clock {
        Clock(Arc::new(Kind::Scaled { start, began: Instant::now(), factor: factor.max(0.001) }))
    }

    /// A clock that stands until somebody moves it.
    pub fn set(now: Timestamp) -> Clock {
        Clock(Arc::new(Kind::Set { now: Mutex::new(now), moved: Notify::new() }))
    }

    /// The machine's clock until somebody moves it; then it runs on from there, as a machine's clock does that was set.
    pub fn jumping() -> Clock {
        Clock(Arc::new(Kind::Jumping { off: Mutex::new(SignedDuration::ZERO) }))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Kind::Real => Timestamp::now(),
            Kind::Scaled { start, began, factor } => {
                let gone = began.elapsed().mul_f64(*factor);
                start
                    .checked_add(SignedDuration::try_from(gone).unwrap_or(SignedDuration::MAX))
                    .unwrap_or(Timestamp::MAX)
            }
            Kind::Set { now, .. } => *now.lock().unwrap_or_else(PoisonError::into_inner),
            Kind::Jumping { off } => {
                let off = *off.lock().unwrap_or_else(PoisonError::into_inner);
                Timestamp::now().saturating_add(off).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Whether this is the machine's clock or one like it, which runs as fast as [`Tick`].
    pub fn is_real(&self) -> bool {
        matches!(*self.0, Kind::Real | Kind::Jumping { .. })
    }

    /// The civil date in Germany, on which birthdays and deadlines of the law depend.
    pub fn today_in_berlin(&self) -> Date {
        in_berlin(self.now())
    }

    /// Moves a clock that is set or jumps, forward or back; other clocks cannot be moved.
    pub fn move_to(&self, to: Timestamp) {
        match &*self.0 {
            Kind::Set { now, moved } => {
                *now.lock().unwrap_or_else(PoisonError::into_inner) = to;
                moved.notify_waiters();
            }
            Kind::Jumping { off } => {
                *off.lock().unwrap_or_else(PoisonError::into_inner) = to.duration_since(Timestamp::now());
            }
            Kind::Real | Kind::Scaled { .. } => {}
        }
    }

    /// Sleeps for a duration of this clock.
    pub async fn sleep(&self, duration: Duration) {
        let until =
            self.now().saturating_add(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX));
        match until {
            Ok(until) => self.sleep_until(until).await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Sleeps until a moment of this clock; returns at once when it has passed.
    pub async fn sleep_until(&self, until: Timestamp) {
        loop {
            let left = until.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
            match &*self.0 {
                // Bounded naps, so that a machine clock that jumps is noticed.
                Kind::Real => tokio::time::sleep(left.min(Duration::from_secs(30))).await,
                Kind::Jumping { .. } => tokio::time::sleep(left.min(Duration::from_millis(200))).await,
                Kind::Scaled { factor, .. } => {
                    tokio::time::sleep(
                        left.div_f64(*factor).clamp(Duration::from_micros(50), Duration::from_secs(30)),
                    )
                    .await
                }
                Kind::Set { moved, .. } => {
                    let notified = moved.notified();
                    if self.now() < until {
                        notified.await;
                    }
                }
            }
        }
    }
}

/// A moment of the machine's steady clock, only to measure how long our own work took.
#[derive(Clone, Copy, Debug)]
pub struct Tick(Instant);

impl Tick {
    /// Now.
    pub fn now() -> Tick {
        Tick(Instant::now())
    }

    /// How long ago.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The last moment, now included, at which a clock in Germany showed a full hour; an hour that a day leaves out is the next one.
pub fn daily_in_berlin(now: Timestamp, hour: i8) -> Timestamp {
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    let of = |date: Date| {
        zone.to_ambiguous_timestamp(date.at(hour.clamp(0, 23), 0, 0, 0))
            .compatible()
            .unwrap_or(Timestamp::MIN)
    };
    match of(today) {
        then if then <= now => then,
        _ => today.yesterday().map_or(Timestamp::MIN, of),
    }
}

/// The civil date in Germany at a moment.
pub fn in_berlin(at: Timestamp) -> Date {
    let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date()
}
