//! What steps call a person for stands in the catalogue of alarms: a call that nobody knows would be silent.

use drehscheibe::pipeline::{bestand, gegenprobe, uhr};
use drehscheibe::telemetry::alarm::Alarm;

#[test]
fn every_call_of_a_step_is_an_alarm_of_the_catalogue() {
    for code in [uhr::SENDER_CLOCK, uhr::OWN_CLOCK, gegenprobe::CONTRADICTED, bestand::DISAGREES] {
        assert!(Alarm::ALL.iter().any(|alarm| alarm.code() == code), "{code}");
    }
}
