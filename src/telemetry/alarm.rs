//! Alarms: the one function that calls a person, and the catalogue that says why and what to do.
//! Never decides anything and never holds a value of a message: a subject is a name from configuration or an id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::metric;

/// The same alarm about the same subject is logged once in this time; it is always counted.
const QUIET: Duration = Duration::from_secs(60);
/// Subjects that are remembered; beyond it the oldest silence is forgotten, which only means more lines.
const REMEMBERED: usize = 4096;

// One list, so that no alarm can be missing from `ALL` and none can be without a code.
macro_rules! alarms {
    ($($(#[$doc:meta])+ $name:ident = $code:literal,)+) => {
        /// Everything that calls a person; `deploy/alarms.yaml` says of each why and what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Alarm {
            $($(#[$doc])+ $name,)+
        }

        impl Alarm {
            /// All alarms.
            pub const ALL: &[Alarm] = &[$(Alarm::$name),+];

            /// The code in the catalogue, the log and the metric.
            pub fn code(self) -> &'static str {
                match self {
                    $(Alarm::$name => $code,)+
                }
            }
        }
    };
}

alarms! {
    /// A sender did not prove who it is.
    SenderNotAdmitted = "sender-not-admitted",
    /// No route claims a message.
    NoRoute = "no-route",
    /// A message waits for a person because of our fault.
    MessageParked = "message-parked",
    /// A message is kept apart.
    MessageQuarantined = "message-quarantined",
    /// A delivery of an office cannot be read: nothing of its register is answered automatically.
    BestandBlocked = "bestand-blockiert",
    /// A Bestandsmeldung of an office does not agree with the mirror: nothing of its register is answered automatically.
    BestandDisagrees = "bestand-weicht-ab",
    /// An office delivered about a child of another one's register.
    DeliveryForeign = "delivery-foreign",
    /// A notice whose birthplace has no single office: it stands against answers, and no office can close it.
    NoticeUnowned = "notice-unowned",
    /// A destination failed often enough that its breaker opened.
    DestinationDown = "destination-down",
    /// An outgoing message was refused or given up.
    DeliveryParked = "delivery-parked",
    /// Nobody knows whether a delivery arrived.
    OutcomeUnclear = "outcome-unclear",
    /// What was sent was not confirmed by its receiver, or not in time.
    DeliveryNotConfirmed = "delivery-not-confirmed",
    /// A receiver gives the same message back to its mailbox again and again.
    GivenBackOften = "given-back-often",
    /// A receiver closed what a person had said did not arrive.
    TakenAfterAll = "taken-after-all",
    /// What its receiver did not take in time cannot be taken back, so its next way is not taken.
    NotTakenBack = "not-taken-back",
    /// An outgoing message goes on by its next way.
    WayLeft = "way-left",
    /// An outgoing message stays on its way although the time of that is over: no later way of it is configured any more.
    WayMissing = "way-missing",
    /// The oldest waiting row of a destination is too old.
    BacklogOld = "backlog-old",
    /// A timer that is due is of nobody who may deliver.
    TimerKept = "timer-kept",
    /// A pause has held for too long.
    PauseLong = "pause-long",
    /// A source cannot start or ended.
    SourceBroken = "source-broken",
    /// A message in a mailbox at a server of others cannot be fetched.
    MessageNotFetched = "message-not-fetched",
    /// What stays in a mailbox at a server of others hides what lies behind it.
    MailboxHidden = "mailbox-hidden",
    /// A broker does not answer, refuses us, or the connection broke off.
    BrokerDown = "broker-down",
    /// A broker takes no messages for want of memory or disk.
    BrokerBlocked = "broker-blocked",
    /// An input queue is missing, forbidden or not fit to be consumed.
    QueueUnusable = "queue-unusable",
    /// Messages lie in the dead-letter queue of a broker.
    DeadLetters = "dead-letters",
    /// A changed set of files was not taken over.
    ReloadRefused = "reload-refused",
    /// A certificate expires soon.
    CertificateExpires = "certificate-expires",
    /// A list of revoked certificates is late, or holds no longer.
    RevocationListLate = "revocation-list-late",
    /// The store takes nothing at the moment.
    StoreBusy = "store-busy",
    /// The disk of the store is full.
    StoreDiskFull = "store-disk-full",
    /// The database of the store does not answer.
    StoreUnreachable = "store-unreachable",
    /// The database of the store takes no writes.
    StoreReadOnly = "store-read-only",
    /// Another program holds a file of the store.
    StoreFileHeld = "store-file-held",
    /// One partner's refused deliveries are more than is kept of them.
    RefusedTooMuch = "refused-too-much",
    /// The database of the store has no connection left.
    StoreNoConnection = "store-no-connection",
    /// The database of the store takes too long, or others hold what we need.
    StoreSlow = "store-slow",
    /// The database refuses our login, or it lacks a right.
    StoreLogin = "store-login",
    /// The store belongs to another stage, version or key.
    StoreRefused = "store-refused",
    /// The store's files are damaged.
    StoreDamaged = "store-damaged",
    /// Acknowledged deliveries are missing in the store.
    AcknowledgedLost = "acknowledged-lost",
    /// A sealed part does not open.
    ClaimCorrupt = "claim-corrupt",
    /// This replica could not renew what it did alone; another one does it now.
    DutyLost = "duty-lost",
    /// A Negativauskunft that was issued is contradicted by a delivery.
    AuskunftContradicted = "auskunft-contradicted",
    /// An Eintragung was delivered after a Negativauskunft, and nobody knows whether it existed then.
    AuskunftDoubtful = "auskunft-doubtful",
    /// The clock of a sender is ahead of ours.
    SenderClock = "sender-clock",
    /// Several senders are ahead at once: our own clock is suspected.
    OwnClock = "own-clock",
    /// The clock of the machine jumped.
    ClockJumped = "clock-jumped",
    /// What waits for a person goes soon.
    RetentionSoon = "retention-soon",
    /// What is over could not be removed for more than a day.
    RetentionLate = "retention-late",
    /// A thread of ours ended unexpectedly.
    WorkerFailed = "worker-failed",
    /// A part of the engine ended without which nothing moves.
    EngineBroken = "engine-broken",
}

impl Alarm {
    /// What the catalogue says of it.
    pub fn explained(self) -> &'static Explained {
        CATALOGUE
            .iter()
            .find(|explained| explained.code == self.code())
            .expect("a test holds the catalogue and the alarms equal")
    }
}

/// How soon a person has to look; the words are those of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// At once.
    Kritisch,
    /// The same day.
    Warnung,
    /// At leisure.
    Hinweis,
}

impl Severity {
    /// The word of the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Kritisch => "kritisch",
            Severity::Warnung => "warnung",
            Severity::Hinweis => "hinweis",
        }
    }
}

/// One entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// The code.
    pub code: String,
    /// How soon a person has to look.
    pub severity: Severity,
    /// Why, in plain German.
    pub cause: String,
    /// One safe next step, in plain German.
    pub step: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    alarms: Vec<Explained>,
}

static CATALOGUE: LazyLock<Vec<Explained>> = LazyLock::new(|| {
    let file: File = serde_saphyr::from_str(include_str!("../../deploy/alarms.yaml"))
        .expect("a test reads the catalogue that is built in");
    file.alarms
});

static LOGGED: LazyLock<Mutex<Throttle>> = LazyLock::new(Mutex::default);

/// Raises an alarm about a subject: always counted, logged at most once a minute for the same subject.
///
/// `subject` is what a person looks for: a destination, a connection, the id of a message. `facts` are named details;
/// neither ever holds a value of a message or a text of a library.
pub fn raise(alarm: Alarm, subject: &str, facts: &[(&'static str, &str)]) {
    metric::alarm(alarm.code());
    #[expect(clippy::disallowed_methods, reason = "only keeps the log quiet; nothing is decided by it")]
    let now = Instant::now();
    let silent = LOGGED.lock().unwrap_or_else(PoisonError::into_inner).speak(alarm, subject, now);
    if let Some(silent) = silent {
        write(alarm, subject, facts, silent);
    }
}

/// Says that what an alarm called a person for is over: counted, and logged once.
fn ended(alarm: Alarm, subject: &str) {
    metric::alarm_ended(alarm.code());
    tracing::info!(target: "drehscheibe::alarm", alarm = alarm.code(), subject, "alarm ended");
}

/// An alarm that stands for as long as its cause does: it begins once, begins again where that grows worse, and ends once.
#[derive(Debug)]
pub struct Standing {
    alarm: Alarm,
    known: BTreeMap<String, u8>,
}

impl Standing {
    /// None stands yet.
    pub fn new(alarm: Alarm) -> Standing {
        Standing { alarm, known: BTreeMap::new() }
    }

    /// What stands now: by its subject how bad it is, and what is said of it.
    pub fn are(&mut self, now: &BTreeMap<String, (u8, String)>) {
        for (subject, (grade, said)) in now {
            if self.known.get(subject).is_none_or(|known| known < grade) {
                // Each is said, however soon it follows: there are no more of them.
                metric::alarm(self.alarm.code());
                write(self.alarm, subject, &[("what", said)], 0);
            }
        }
        for over in self.known.keys().filter(|subject| !now.contains_key(*subject)) {
            ended(self.alarm, over);
        }
        self.known = now.iter().map(|(subject, (grade, _))| (subject.clone(), *grade)).collect();
    }
}

fn write(alarm: Alarm, subject: &str, facts: &[(&'static str, &str)], silent: u64) {
    let Explained { code, severity, cause, step } = alarm.explained();
    let facts = facts.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ");
    let severity_word = severity.as_str();
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "drehscheibe::alarm", $level,
                alarm = code.as_str(), severity = severity_word, subject, facts = facts.as_str(),
                cause = cause.as_str(), step = step.as_str(), silent, "alarm"
            )
        };
    }
    match severity {
        Severity::Kritisch => line!(tracing::Level::ERROR),
        Severity::Warnung => line!(tracing::Level::WARN),
        Severity::Hinweis => line!(tracing::Level::INFO),
    }
}

/// When what was logged last, and how often it was held back since.
#[derive(Default)]
struct Throttle(HashMap<(Alarm, String), (Instant, u64)>);

impl Throttle {
    /// `Some` with the number of lines held back when it is time to speak.
    fn speak(&mut self, alarm: Alarm, subject: &str, now: Instant) -> Option<u64> {
        if let Some((since, silent)) = self.0.get_mut(&(alarm, subject.to_owned())) {
            if now.duration_since(*since) < QUIET {
                *silent += 1;
                return None;
            }
            *since = now;
            return Some(std::mem::take(silent));
        }
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (since, _)| now.duration_since(*since) < QUIET);
            if self.0.len() >= REMEMBERED {
                self.0.clear();
            }
        }
        self.0.insert((alarm, subject.to_owned()), (now, 0));
        Some(0)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "moments to count from")]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_explains_every_alarm_and_no_other() {
        let mut explained: Vec<&str> = CATALOGUE.iter().map(|explained| explained.code.as_str()).collect();
        let mut raised: Vec<&str> = Alarm::ALL.iter().map(|alarm| alarm.code()).collect();
        explained.sort_unstable();
        raised.sort_unstable();
        assert_eq!(explained, raised);
        for explained in CATALOGUE.iter() {
            assert!(explained.cause.len() > 20 && explained.cause.ends_with('.'), "{}", explained.code);
            assert!(explained.step.len() > 20 && explained.step.ends_with('.'), "{}", explained.code);
        }
    }

    #[test]
    fn the_same_alarm_is_logged_once_a_minute() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        assert_eq!(throttle.speak(Alarm::DestinationDown, "a", start), Some(0));
        assert_eq!(throttle.speak(Alarm::DestinationDown, "a", start + QUIET / 2), None);
        assert_eq!(throttle.speak(Alarm::DestinationDown, "a", start + QUIET / 2), None);
        assert_eq!(throttle.speak(Alarm::DestinationDown, "b", start + QUIET / 2), Some(0));
        assert_eq!(throttle.speak(Alarm::StoreBusy, "a", start + QUIET / 2), Some(0));
        assert_eq!(throttle.speak(Alarm::DestinationDown, "a", start + QUIET), Some(2));
        assert_eq!(throttle.speak(Alarm::DestinationDown, "a", start + QUIET), None);
    }

    #[test]
    fn many_subjects_do_not_grow_the_memory() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        for subject in 0..3 * REMEMBERED {
            assert_eq!(throttle.speak(Alarm::NoRoute, &subject.to_string(), start), Some(0));
        }
        assert!(throttle.0.len() <= REMEMBERED);
    }
}
