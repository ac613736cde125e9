//! stub
#![allow(missing_docs)]
use std::time::Duration;
pub enum Alarm {
    StoreBusy,
    WorkerPanicked,
    SenderNotAdmitted,
    MessageParked,
    MessageQuarantined,
    DestinationDown,
    SendParked,
    OutcomeUnclear,
    ClockJumped,
}
pub fn alarm(_a: Alarm, _f: &[(&'static str, &str)]) {}
pub fn busy(_: &'static str) {}
pub fn new_traceparent() -> String {
    String::new()
}
pub fn received(_: &str) {}
pub fn committed(_: &'static str, _: bool) {}
pub fn rejected(_: &str) {}
pub fn span(_: &'static str, _: Option<&str>) -> tracing::span::EnteredSpan {
    tracing::info_span!("x").entered()
}
pub fn stretch(_: &'static str, _: Duration) {}
pub fn rerun() {}
pub fn fenced() {}
pub fn attempt(_: &str, _: Duration) {}
pub fn breaker(_: &str, _: bool) {}
pub fn dispatched(_: &str, _: &'static str) {}
pub fn mirror_entries(_: u64) {}
pub fn waiting(_: &str, _: u64, _: f64) {}
pub fn held(_: &str, _: u64, _: u64) {}
pub fn inbound(_: &str, _: u64) {}
pub fn under_way(_: u64) {}
