//! What watches the house from outside speaks of what it shows: rules for Prometheus and the board for Grafana name the program's own
//! alarms and figures, in the words of the catalogue. Whether a rule is wise it never judges.

use std::collections::BTreeSet;
use std::fs;

use drehscheibe::telemetry::alarm::Alarm;
use drehscheibe::telemetry::metric::{METRICS, Shape};
use serde_json::Value;

use crate::support::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

fn rules() -> Vec<Value> {
    let read: Value = serde_saphyr::from_str(&read("deploy/prometheus/rules.yaml")).expect("YAML");
    let groups = read["groups"].as_array().cloned().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().cloned().expect("rules")).collect()
}

#[test]
fn each_alarm_has_its_rule_in_the_words_of_the_catalogue() {
    let rules = rules();
    for alarm in Alarm::ALL {
        let code = alarm.code();
        let of = |rule: &&Value| rule["alert"] == code;
        let rule =
            rules.iter().find(of).unwrap_or_else(|| panic!("deploy/prometheus has no rule for {code}"));
        let explained = alarm.explained();
        assert_eq!(rule["labels"]["severity"], explained.severity.as_str(), "{code}");
        assert_eq!(rule["annotations"]["summary"], explained.cause.trim(), "{code}");
        assert_eq!(rule["annotations"]["description"], explained.step.trim(), "{code}");
        let expr = rule["expr"].as_str().expect("an expression");
        assert!(expr.contains(&format!("drehscheibe_alarms_total{{code=\"{code}\"}}")), "{code}: {expr}");
    }
    // What is no alarm of the program watches the process itself.
    let known: BTreeSet<&str> = Alarm::ALL.iter().map(|alarm| alarm.code()).collect();
    let names = rules.iter().map(|rule| rule["alert"].as_str().expect("a name"));
    let foreign: Vec<&str> =
        names.filter(|name| !known.contains(name) && !name.starts_with("drehscheibe-")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn what_watches_names_all_figures_of_the_program_and_no_other() {
    let board: Value = serde_json::from_str(&read("deploy/grafana/drehscheibe.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let of_board = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .map(|one| &one["expr"]);
    let rules = rules();
    let all: Vec<&str> =
        of_board.chain(rules.iter().map(|rule| &rule["expr"])).filter_map(Value::as_str).collect();
    let word = |c: char| !(c.is_ascii_lowercase() || c == '_');
    let named: BTreeSet<&str> = all
        .iter()
        .flat_map(|expr| expr.split(word))
        .filter(|word| word.starts_with("drehscheibe_"))
        .collect();
    let shown = |shape: Shape, name: &str| match shape {
        Shape::Histogram => format!("{name}_bucket"),
        Shape::Counter | Shape::Gauge => name.to_owned(),
    };
    let known: BTreeSet<String> = METRICS.iter().map(|metric| shown(metric.shape, metric.name)).collect();
    assert_eq!(named, known.iter().map(String::as_str).collect());
}
