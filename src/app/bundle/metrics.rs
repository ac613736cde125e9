//! A snapshot of the metrics for a support bundle: read from the running process, taken apart, and written anew from what the
//! table of metrics names. A line that the table does not know is left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::words::{LEFT_OUT, Vocabulary, Word};
use crate::app::asking::{self, Answered, Heard, House};
use crate::route::compiled::Compiled;
use crate::store::contract::Store;
use crate::telemetry::metric::{METRICS, Shape};

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name as it is written, with the suffix of a distribution.
    pub name: String,
    /// Labels of the table, in its order, then the bound of a bucket.
    pub labels: Vec<(&'static str, Word)>,
    /// The value.
    pub value: f64,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let labels: Vec<String> =
            self.labels.iter().map(|(label, word)| format!("{label}=\"{}\"", word.as_str())).collect();
        match labels.is_empty() {
            true => write!(f, "{} {}", self.name, self.value),
            false => write!(f, "{}{{{}}} {}", self.name, labels.join(","), self.value),
        }
    }
}

/// Asks the running process of a stage, and says what is to be said of its word; a plain sentence where it cannot be asked.
pub async fn fetch(
    compiled: &Compiled,
    store: Option<Arc<dyn Store>>,
    config: &Path,
) -> Result<(String, &'static str), String> {
    let door = asking::door(compiled, config)
        .map_err(|cause| format!("{cause}; save its /metrics and give it with --metrics"))?;
    let house = House::of(compiled, store).ok_or("the answer could not be proved")?;
    match house.ask(&door, "/metrics").await {
        Heard::Ours(Answered { good: true, text }) => Ok((text, "")),
        Heard::OfStage(Answered { good: true, text }) => {
            Ok((text, "; by a process with the key of this stage, of which store it is was not told"))
        }
        Heard::Unproven | Heard::Another => Err(
            "who answers on the connection with `ops: true` does not prove to be the process of this stage and store; save the right \
             one's /metrics and give it with --metrics"
                .to_owned(),
        ),
        Heard::Nobody | Heard::Ours(_) | Heard::OfStage(_) => {
            Err("nobody answers on the connection with `ops: true`; is it running?".to_owned())
        }
    }
}

/// What the table of metrics knows of a text in the format of Prometheus.
pub fn allowed(text: &str, words: &Vocabulary) -> Vec<Sample> {
    text.lines().filter_map(|line| sample(line, words)).collect()
}

fn sample(line: &str, words: &Vocabulary) -> Option<Sample> {
    let (head, value) = line.rsplit_once(' ')?;
    let value: f64 = value.parse().ok()?;
    let (name, written) = match head.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (head, ""),
    };
    let (metric, suffix) = METRICS.iter().find_map(|metric| {
        let suffix = name.strip_prefix(metric.name)?;
        let fits = match metric.shape {
            Shape::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count"),
            Shape::Counter | Shape::Gauge => suffix.is_empty(),
        };
        fits.then_some((metric, suffix))
    })?;
    let written: BTreeMap<&str, &str> = pairs(written)?.into_iter().collect();
    let mut labels: Vec<(&'static str, Word)> = metric
        .labels
        .iter()
        .map(|label| (*label, label_word(label, written.get(label).copied().unwrap_or_default(), words)))
        .collect();
    if suffix == "_bucket" {
        labels.push(("le", bound(written.get("le")?)?));
    }
    Some(Sample { name: format!("{}{suffix}", metric.name), labels, value })
}

/// The labels, taken apart; `None` where a value holds a sign that would need care: none of our names does.
fn pairs(written: &str) -> Option<Vec<(&str, &str)>> {
    if written.contains('\\') {
        return None;
    }
    let mut pairs = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        pairs.push((label, value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Some(pairs)
}

fn label_word(label: &str, value: &str, words: &Vocabulary) -> Word {
    match label {
        "version" => Word::version(value),
        "code" => words.known(value).unwrap_or_else(|| Word::code(value)),
        _ => words.word(value),
    }
}

fn bound(text: &str) -> Option<Word> {
    match text {
        "+Inf" => Some(Word::own("+Inf")),
        _ => text.parse::<f64>().ok().map(|_| Word::version(text)).filter(|word| word.as_str() != LEFT_OUT),
    }
}

/// The one value of a metric without labels that matter.
pub fn value(samples: &[Sample], name: &str) -> Option<f64> {
    samples.iter().find(|sample| sample.name == name).map(|sample| sample.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::bundle::words::tests::vocabulary;

    #[test]
    fn only_metrics_labels_and_words_of_the_table_are_written_anew() {
        let text = "# HELP drehscheibe_waiting rows\n# TYPE drehscheibe_waiting gauge\n\
            drehscheibe_waiting{destination=\"callback:kita\"} 3\n\
            drehscheibe_waiting{destination=\"callback:Erika Mustermann\"} 4\n\
            drehscheibe_waiting{destination=\"callback:kita\",mother=\"Erika\"} 5\n\
            drehscheibe_waiting{destination=\"a\\\"b\"} 6\n\
            drehscheibe_rejected_total{code=\"X001\"} 2\n\
            drehscheibe_stretch_seconds_bucket{stretch=\"door\",le=\"0.005\"} 7\n\
            drehscheibe_stretch_seconds_bucket{stretch=\"door\",le=\"+Inf\"} 7\n\
            drehscheibe_stretch_seconds_sum{stretch=\"door\"} 0.25\n\
            drehscheibe_waiting_list{destination=\"callback:kita\"} 8\n\
            process_secret{name=\"geheim\"} 9\n\
            drehscheibe_repeats_total geheim\n";
        let samples = allowed(text, &vocabulary(&["callback:kita", "X001"]));
        let lines: Vec<String> = samples.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "drehscheibe_waiting{destination=\"callback:kita\"} 3",
                "drehscheibe_waiting{destination=\"(left out)\"} 4",
                "drehscheibe_waiting{destination=\"callback:kita\"} 5",
                "drehscheibe_rejected_total{code=\"X001\"} 2",
                "drehscheibe_stretch_seconds_bucket{stretch=\"door\",le=\"0.005\"} 7",
                "drehscheibe_stretch_seconds_bucket{stretch=\"door\",le=\"+Inf\"} 7",
                "drehscheibe_stretch_seconds_sum{stretch=\"door\"} 0.25",
            ]
        );
        assert_eq!(value(&samples, "drehscheibe_waiting"), Some(3.0));
    }
}
