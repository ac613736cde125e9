//! Figures: one table of all metrics and one function for each. Labels are names from configuration, states or codes;
//! never an id of a message, never anything of a person, and never a case of the decision table.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution in buckets.
    Histogram,
}

/// One row of the table of metrics.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub shape: Shape,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it means, with its unit.
    pub meaning: &'static str,
}

const fn row(
    name: &'static str,
    shape: Shape,
    labels: &'static [&'static str],
    meaning: &'static str,
) -> Metric {
    Metric { name, shape, labels, meaning }
}

/// All metrics.
pub const METRICS: &[Metric] = &[
    row("drehscheibe_build_info", Shape::Gauge, &["version", "stage"], "always 1; what runs"),
    row("drehscheibe_start_time_seconds", Shape::Gauge, &[], "when this process started, seconds since 1970"),
    row("drehscheibe_received_total", Shape::Counter, &["binding"], "deliveries that reached the door"),
    row("drehscheibe_committed_total", Shape::Counter, &["state"], "inbound messages committed in a state"),
    row("drehscheibe_repeats_total", Shape::Counter, &[], "repeats answered with the first verdict"),
    row("drehscheibe_rejected_total", Shape::Counter, &["code"], "rejections by code of the standard"),
    row(
        "drehscheibe_busy_total",
        Shape::Counter,
        &["binding"],
        "deliveries not taken because of our trouble",
    ),
    row("drehscheibe_reruns_total", Shape::Counter, &[], "runs begun again because a guard had moved"),
    row(
        "drehscheibe_dispatched_total",
        Shape::Counter,
        &["destination", "outcome"],
        "attempts to send, by outcome",
    ),
    row(
        "drehscheibe_delivery_attempts",
        Shape::Histogram,
        &["destination"],
        "attempts that a settled delivery took",
    ),
    row(
        "drehscheibe_stretch_seconds",
        Shape::Histogram,
        &["stretch"],
        "time in seconds of one stretch of a run",
    ),
    row("drehscheibe_commit_entries", Shape::Histogram, &[], "messages in one group commit"),
    row("drehscheibe_waiting", Shape::Gauge, &["destination"], "rows of the outbox that wait"),
    row(
        "drehscheibe_oldest_waiting_seconds",
        Shape::Gauge,
        &["destination"],
        "age in seconds of the oldest waiting row",
    ),
    row(
        "drehscheibe_parked",
        Shape::Gauge,
        &["destination"],
        "rows that wait for a person: parked, unclear, or sent and not confirmed",
    ),
    row(
        "drehscheibe_followed",
        Shape::Gauge,
        &["destination"],
        "rows that were sent and are still to be confirmed by their far end",
    ),
    row(
        "drehscheibe_looked_total",
        Shape::Counter,
        &["destination", "outcome"],
        "looks whether what was sent was confirmed, by outcome",
    ),
    row("drehscheibe_mirror_entries", Shape::Gauge, &[], "Registersätze in the mirror"),
    row("drehscheibe_inbound", Shape::Gauge, &["state"], "inbound messages in the store, by state"),
    row("drehscheibe_breaker_open", Shape::Gauge, &["destination"], "1 while the breaker is open, else 0"),
    row(
        "drehscheibe_broker_connected",
        Shape::Gauge,
        &["connection", "direction"],
        "1 while a connection to a broker stands, else 0",
    ),
    row(
        "drehscheibe_broker_blocked",
        Shape::Gauge,
        &["connection"],
        "1 while a broker takes no messages for want of memory or disk, else 0",
    ),
    row(
        "drehscheibe_broker_queue_messages",
        Shape::Gauge,
        &["connection", "queue"],
        "messages that are ready in a queue that is consumed or in its dead-letter queue",
    ),
    row(
        "drehscheibe_part_up",
        Shape::Gauge,
        &["part"],
        "1 while a part of the house runs, 0 while it does not although the house does",
    ),
    row(
        "drehscheibe_duty_held",
        Shape::Gauge,
        &["duty"],
        "1 while this replica does alone what only one may do, else 0",
    ),
    row(
        "drehscheibe_tray_left_alone",
        Shape::Gauge,
        &["connection", "partner"],
        "entries of a tray that are no plain files of the partner and are left alone",
    ),
    row("drehscheibe_queue_depth", Shape::Gauge, &["queue"], "runs or entries waiting inside the engine"),
    row(
        "drehscheibe_alarms_total",
        Shape::Counter,
        &["code"],
        "alarms raised, by code of deploy/alarms.yaml",
    ),
    row(
        "drehscheibe_alarms_ended_total",
        Shape::Counter,
        &["code"],
        "alarms whose cause is over, of those that say so",
    ),
    row(
        "drehscheibe_certificate_expires_seconds",
        Shape::Gauge,
        &["part"],
        "when a certificate ends that the stage names, seconds since 1970",
    ),
];

/// A stretch of the way of a message, whose time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// Gate, detection, choice of the plan.
    Door,
    /// Validation, mapping, keys.
    Read,
    /// The steps, with their lookups.
    Do,
    /// From the end of the run to the committed verdict.
    Commit,
    /// One attempt to send.
    Dispatch,
}

impl Stretch {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Stretch::Door => "door",
            Stretch::Read => "read",
            Stretch::Do => "do",
            Stretch::Commit => "commit",
            Stretch::Dispatch => "dispatch",
        }
    }
}

/// How an attempt to send ended, as a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Delivered.
    Sent,
    /// Tried again.
    Later,
    /// Refused or given up: parked.
    Never,
    /// Not by this way: it goes on by the next one.
    NextWay,
    /// Unknown.
    Unclear,
}

impl Sent {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Sent::Sent => "sent",
            Sent::Later => "later",
            Sent::Never => "never",
            Sent::NextWay => "next-way",
            Sent::Unclear => "unclear",
        }
    }
}

/// What a look at something that was sent has found, as a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Nothing yet.
    Open,
    /// It is where it belongs.
    Confirmed,
    /// It is not.
    Failed,
    /// It was taken back, and goes another way.
    TakenBack,
}

impl Looked {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Looked::Open => "open",
            Looked::Confirmed => "confirmed",
            Looked::Failed => "failed",
            Looked::TakenBack => "taken-back",
        }
    }
}

/// What runs; set once at start.
pub fn build_info(stage: &'static str) {
    gauge!("drehscheibe_build_info", "version" => env!("CARGO_PKG_VERSION"), "stage" => stage).set(1.0);
}

/// The process started at this moment.
pub fn started(at: jiff::Timestamp) {
    gauge!("drehscheibe_start_time_seconds").set(at.as_second() as f64);
}

/// A delivery reached the door.
pub fn received(binding: &str) {
    counter!("drehscheibe_received_total", "binding" => binding.to_owned()).increment(1);
}

/// An inbound message was committed in a state.
pub fn committed(state: &'static str) {
    counter!("drehscheibe_committed_total", "state" => state).increment(1);
}

/// A repeat was answered with the first verdict.
pub fn repeated() {
    counter!("drehscheibe_repeats_total").increment(1);
}

/// A message was rejected with a code.
pub fn rejected(code: &str) {
    counter!("drehscheibe_rejected_total", "code" => code.to_owned()).increment(1);
}

/// A delivery was not taken because of our trouble.
pub fn busy(binding: &str) {
    counter!("drehscheibe_busy_total", "binding" => binding.to_owned()).increment(1);
}

/// A run was begun again because a guard had moved.
pub fn rerun() {
    counter!("drehscheibe_reruns_total").increment(1);
}

/// An attempt to send ended; `destination` is `connection:partner`.
pub fn dispatched(destination: &str, outcome: Sent) {
    let outcome = outcome.as_str();
    counter!("drehscheibe_dispatched_total", "destination" => destination.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// A delivery was settled for good after so many attempts.
pub fn attempts(destination: &str, attempts: u32) {
    histogram!("drehscheibe_delivery_attempts", "destination" => destination.to_owned())
        .record(f64::from(attempts));
}

/// A stretch took this long.
pub fn took(stretch: Stretch, time: Duration) {
    histogram!("drehscheibe_stretch_seconds", "stretch" => stretch.as_str()).record(time.as_secs_f64());
}

/// A group commit held so many messages.
pub fn commit_entries(entries: usize) {
    histogram!("drehscheibe_commit_entries").record(entries as f64);
}

/// What waits for a destination: rows, age of the oldest, and rows that wait for a person.
pub fn backlog(destination: &str, waiting: u64, oldest: Duration, parked: u64) {
    let name = || destination.to_owned();
    gauge!("drehscheibe_waiting", "destination" => name()).set(waiting as f64);
    gauge!("drehscheibe_oldest_waiting_seconds", "destination" => name()).set(oldest.as_secs_f64());
    gauge!("drehscheibe_parked", "destination" => name()).set(parked as f64);
}

/// So many rows of a destination were sent and are still to be confirmed.
pub fn followed(destination: &str, rows: u64) {
    gauge!("drehscheibe_followed", "destination" => destination.to_owned()).set(rows as f64);
}

/// It was looked whether something was confirmed.
pub fn looked(destination: &str, outcome: Looked) {
    let outcome = outcome.as_str();
    counter!("drehscheibe_looked_total", "destination" => destination.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// A breaker opened or closed.
pub fn breaker(destination: &str, open: bool) {
    gauge!("drehscheibe_breaker_open", "destination" => destination.to_owned())
        .set(f64::from(u8::from(open)));
}

/// So many Registersätze stand in the mirror.
pub fn mirror_entries(entries: u64) {
    gauge!("drehscheibe_mirror_entries").set(entries as f64);
}

/// So many inbound messages stand in the store in a state.
pub fn inbound(state: &str, messages: u64) {
    gauge!("drehscheibe_inbound", "state" => state.to_owned()).set(messages as f64);
}

/// A connection to a broker stands or not.
pub fn broker(connection: &str, direction: &'static str, up: bool) {
    gauge!("drehscheibe_broker_connected", "connection" => connection.to_owned(), "direction" => direction)
        .set(f64::from(u8::from(up)));
}

/// A broker takes no messages, or takes them again.
pub fn broker_blocked(connection: &str, blocked: bool) {
    gauge!("drehscheibe_broker_blocked", "connection" => connection.to_owned())
        .set(f64::from(u8::from(blocked)));
}

/// So many messages are ready in a queue of a broker.
pub fn broker_queue(connection: &str, queue: &str, ready: u32) {
    gauge!("drehscheibe_broker_queue_messages", "connection" => connection.to_owned(), "queue" => queue.to_owned())
        .set(f64::from(ready));
}

/// A part of the house runs or not; only `parts` calls it.
pub(super) fn part(name: &str, up: bool) {
    gauge!("drehscheibe_part_up", "part" => name.to_owned()).set(f64::from(u8::from(up)));
}

/// This replica holds a duty or not.
pub fn duty(name: &str, held: bool) {
    gauge!("drehscheibe_duty_held", "duty" => name.to_owned()).set(f64::from(u8::from(held)));
}

/// So many entries of a partner's tray are left alone.
pub fn left_alone(connection: &str, partner: &str, entries: u64) {
    gauge!("drehscheibe_tray_left_alone", "connection" => connection.to_owned(), "partner" => partner.to_owned())
        .set(entries as f64);
}

/// So many runs or entries wait inside the engine.
pub fn queue_depth(queue: &'static str, depth: usize) {
    gauge!("drehscheibe_queue_depth", "queue" => queue).set(depth as f64);
}

/// An alarm was raised; only `alarm::raise` calls it.
pub(super) fn alarm(code: &'static str) {
    counter!("drehscheibe_alarms_total", "code" => code).increment(1);
}

/// The cause of an alarm is over.
pub(super) fn alarm_ended(code: &'static str) {
    counter!("drehscheibe_alarms_ended_total", "code" => code).increment(1);
}

/// A certificate that the stage names ends at a moment.
pub fn certificate(by: &str, until: jiff::Timestamp) {
    gauge!("drehscheibe_certificate_expires_seconds", "part" => by.to_owned()).set(until.as_second() as f64);
}

// `None` inside means that a recorder of somebody else was there first.
static RENDERER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder of the process; further calls do nothing. `false` when another recorder is installed already.
pub fn install() -> bool {
    let installed = RENDERER.get_or_init(|| {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        describe();
        // Shown from the start, because their absence would look like a fault.
        counter!("drehscheibe_repeats_total").increment(0);
        counter!("drehscheibe_reruns_total").increment(0);
        Some(handle)
    });
    installed.is_some()
}

/// All metrics in the text format of Prometheus; empty before [`install`].
pub fn render() -> String {
    handle().map(PrometheusHandle::render).unwrap_or_default()
}

/// Moves recorded distributions into their buckets, so that memory stays bounded while nobody asks.
pub(super) fn upkeep() {
    if let Some(handle) = handle() {
        handle.run_upkeep();
    }
}

fn handle() -> Option<&'static PrometheusHandle> {
    RENDERER.get()?.as_ref()
}

fn recorder() -> PrometheusRecorder {
    let seconds =
        [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
    let counts = [1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0, 89.0, 144.0, 233.0, 377.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .and_then(|builder| builder.set_buckets(&counts))
        .expect("the buckets are not empty")
        .build_recorder()
}

fn describe() {
    for Metric { name, shape, meaning, .. } in METRICS {
        match shape {
            Shape::Counter => metrics::describe_counter!(*name, *meaning),
            Shape::Gauge => metrics::describe_gauge!(*name, *meaning),
            Shape::Histogram => metrics::describe_histogram!(*name, *meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_metric_has_a_row_and_every_row_a_metric() {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            build_info("test");
            started(jiff::Timestamp::UNIX_EPOCH);
            received("http /v1/lieferungen");
            committed("accepted");
            repeated();
            rejected("X001");
            busy("http /v1/lieferungen");
            rerun();
            dispatched("callback:kita", Sent::Later);
            attempts("callback:kita", 3);
            took(Stretch::Door, Duration::ZERO);
            commit_entries(17);
            backlog("callback:kita", 2, Duration::from_secs(90), 1);
            followed("lieferungen:amt", 2);
            looked("lieferungen:amt", Looked::Confirmed);
            breaker("callback:kita", true);
            queue_depth("runs", 5);
            duty("source trays", true);
            broker("broker", "in", true);
            broker_blocked("broker", false);
            broker_queue("broker", "in.nord", 3);
            part("queue in.nord of broker", false);
            left_alone("trays", "ja-nord", 2);
            mirror_entries(7);
            inbound("accepted", 9);
            alarm("no-route");
            alarm_ended("certificate-expires");
            certificate("connection http, tls.certificate", jiff::Timestamp::UNIX_EPOCH);
        });
        let text = handle.render();
        for Metric { name, shape, labels, meaning } in METRICS {
            let kind = format!("{shape:?}").to_lowercase();
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name} {kind}:\n{text}");
            assert!(text.contains(&format!("# HELP {name} {meaning}\n")), "{name}");
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let shown: BTreeSet<&str> = line
                .split_once('{')
                .map_or("", |(_, rest)| rest.split_once('}').unwrap().0)
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .map(|(label, _)| label)
                .filter(|label| *label != "le")
                .collect();
            assert_eq!(shown, labels.iter().copied().collect(), "{name}");
        }
        assert_eq!(text.matches("# TYPE ").count(), METRICS.len(), "{text}");
        assert!(text.contains("drehscheibe_oldest_waiting_seconds{destination=\"callback:kita\"} 90"));
    }

    #[test]
    fn no_label_can_hold_an_id() {
        let known = [
            "version",
            "stage",
            "binding",
            "state",
            "code",
            "destination",
            "outcome",
            "stretch",
            "queue",
            "connection",
            "direction",
            "duty",
            "part",
            "partner",
        ];
        for metric in METRICS {
            assert!(metric.labels.iter().all(|label| known.contains(label)), "{}", metric.name);
        }
    }

    #[test]
    fn the_recorder_is_installed_once() {
        assert!(install());
        assert!(install());
        rejected("T070");
        upkeep();
        assert!(render().contains("drehscheibe_rejected_total{code=\"T070\"} "));
    }
}
