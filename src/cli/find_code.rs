//! What somebody means by `messages find --code`: a code of a standard, the specific reason beside it, a rule of a package, or an alarm that a
//! message raises. Judges what was listed; asks no store and opens nothing.

use std::path::Path;

use super::codes::{self, Explained, Kind};
use super::exit::CliError;
use crate::envelope::Inbound;
use crate::store::desk::Filter;
use crate::store::listed::Listed;
use crate::store::states::SendState;
use crate::xoev::fault::nearest;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// A code, which the store looks for itself.
    Code(String),
    /// A reason or a rule: it stands in the sealed cause, so what was not accepted is looked through.
    Reason(String),
    /// What raised an alarm.
    Raised(Raised),
}

/// The messages that an alarm speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// They stand so.
    State(Inbound),
    /// They are parked, and no route claims them.
    NoRoute,
    /// Something that they sent stands so.
    Send(SendState),
}

/// Alarms that a message raises and that can be told from how it stands; the others are of the house.
pub const RAISED: &[(&str, Raised)] = &[
    ("sender-not-admitted", Raised::State(Inbound::Denied)),
    ("no-route", Raised::NoRoute),
    ("message-parked", Raised::State(Inbound::Parked)),
    ("message-quarantined", Raised::State(Inbound::Quarantined)),
    ("delivery-parked", Raised::Send(SendState::Parked)),
    ("outcome-unclear", Raised::Send(SendState::Unclear)),
    ("delivery-not-confirmed", Raised::Send(SendState::Failed)),
];

/// What was not accepted: only that has a reason.
const NOT_ACCEPTED: [Inbound; 5] =
    [Inbound::Rejected, Inbound::Quarantined, Inbound::Parked, Inbound::Denied, Inbound::Waiting];

impl Sought {
    /// What a word means; a word of the house that stands with no message, and one that nobody knows, are said to be that.
    pub fn read(word: &str, xsd: &Path) -> Result<Sought, CliError> {
        let rules = codes::rules(xsd);
        let all: Vec<&Explained> = codes::built_in().iter().chain(&rules).collect();
        let word = word.trim();
        let known = |kind: Kind| {
            all.iter()
                .find(|one| one.kind == kind && one.code.eq_ignore_ascii_case(word))
                .map(|one| &one.code)
        };
        if let Some(code) = known(Kind::Standard) {
            return Ok(Sought::Code(code.clone()));
        }
        if let Some(reason) = known(Kind::Grund).or_else(|| known(Kind::Regel)) {
            return Ok(Sought::Reason(reason.clone()));
        }
        if let Some(alarm) = known(Kind::Alarm) {
            let raised = RAISED.iter().find(|(code, _)| code == alarm);
            return raised.map(|(_, raised)| Sought::Raised(*raised)).ok_or_else(|| {
                CliError::Usage(format!(
                    "`{alarm}` is an alarm of the house and stands with no message; see `drehscheibe explain {alarm}` and `drehscheibe status`"
                ))
            });
        }
        let elsewhere = all.iter().find(|one| one.code.eq_ignore_ascii_case(word));
        if let Some(Explained { code, kind, .. }) = elsewhere {
            return Err(CliError::Usage(format!(
                "`{code}` ({}) is not kept with a message; see `drehscheibe explain {code}`",
                kind.heading()
            )));
        }
        let lower = word.to_lowercase();
        let found = [Kind::Standard, Kind::Grund, Kind::Regel, Kind::Alarm];
        let names: Vec<(String, &str)> = all
            .iter()
            .filter(|one| found.contains(&one.kind))
            .map(|one| (one.code.to_lowercase(), one.code.as_str()))
            .collect();
        let near = nearest(&lower, names.iter().map(|(lower, _)| lower.as_str()));
        let near = near.and_then(|near| names.iter().find(|(lower, _)| lower == near));
        let near = near.map(|(_, code)| format!("; did you mean {code}?")).unwrap_or_else(|| ";".to_owned());
        let shown: String = word.chars().filter(|c| !c.is_control()).take(60).collect();
        Err(CliError::Usage(format!(
            "there is no code, reason, rule or alarm `{shown}`{near} `drehscheibe explain` lists all of them"
        )))
    }

    /// The same filter, narrowed to what can be what is looked for.
    pub fn narrowed(&self, mut filter: Filter) -> Filter {
        let only: &[Inbound] = match self {
            Sought::Code(code) => {
                filter.seek.code = Some(code.clone());
                return filter;
            }
            Sought::Reason(_) => &NOT_ACCEPTED,
            Sought::Raised(Raised::State(state)) => std::slice::from_ref(state),
            Sought::Raised(Raised::NoRoute) => &[Inbound::Parked],
            Sought::Raised(Raised::Send(_)) => return filter,
        };
        // What was named besides stays named; `fits` says the rest.
        if filter.states.is_empty() {
            filter.states = only.to_vec();
        }
        filter
    }

    /// Whether the store cannot say alone what is one.
    pub fn is_looked_through(&self) -> bool {
        !matches!(self, Sought::Code(_))
    }

    /// Whether a message is one that is looked for.
    pub fn fits(&self, listed: &Listed) -> bool {
        match self {
            Sought::Code(code) => listed.codes.contains(code),
            Sought::Reason(reason) => {
                listed.cause.as_deref().is_some_and(|cause| codes::reasons(cause).contains(&reason.as_str()))
            }
            Sought::Raised(Raised::State(state)) => listed.state == *state,
            Sought::Raised(Raised::NoRoute) => listed.state == Inbound::Parked && listed.route.is_none(),
            Sought::Raised(Raised::Send(state)) => listed.sends.iter().any(|send| send.state == *state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::messages::tests::example;
    use crate::telemetry::alarm::Alarm;

    fn read(word: &str) -> Result<Sought, String> {
        let xsd = Path::new(env!("CARGO_MANIFEST_DIR")).join("xsd");
        Sought::read(word, &xsd).map_err(|error| error.to_string())
    }

    #[test]
    fn every_code_reason_and_alarm_is_known_however_it_is_written() {
        assert_eq!(read("t070"), Ok(Sought::Code("T070".into())));
        assert_eq!(read(" Fremder-Geburtsort"), Ok(Sought::Reason("fremder-geburtsort".into())));
        for entry in codes::built_in().iter().filter(|one| matches!(one.kind, Kind::Standard | Kind::Grund)) {
            assert!(read(&entry.code).is_ok(), "{}", entry.code);
        }
        for alarm in Alarm::ALL {
            let code = &alarm.explained().code;
            let said = read(code);
            let of_messages = RAISED.iter().any(|(raised, _)| raised == code);
            assert_eq!(said.is_ok(), of_messages, "{code}");
            assert!(said.err().is_none_or(|said| said.contains("is an alarm of the house")), "{code}");
        }
        assert!(
            RAISED.iter().all(|(code, _)| Alarm::ALL.iter().any(|alarm| alarm.explained().code == *code))
        );
    }

    #[test]
    fn what_nobody_knows_leads_to_the_nearest() {
        for (word, near) in [
            ("fremder-geburtsrt", "fremder-geburtsort"),
            ("T07O", "T070"),
            ("mesage-parked", "message-parked"),
        ] {
            let said = read(word).unwrap_err();
            assert!(
                said.contains("there is no code") && said.contains(&format!("did you mean {near}?")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_reason_is_one_word_of_the_cause_and_not_part_of_another() {
        let mut listed = example();
        listed.cause = Some("fremder-geburtsort: Der Geburtsort liegt woanders.".to_owned());
        assert!(Sought::Reason("fremder-geburtsort".into()).fits(&listed));
        assert!(!Sought::Reason("geburtsort".into()).fits(&listed));
        assert!(Sought::Raised(Raised::NoRoute).fits(&listed));
        assert!(Sought::Raised(Raised::Send(SendState::Unclear)).fits(&listed));
        assert!(!Sought::Raised(Raised::Send(SendState::Parked)).fits(&listed));
    }
}
