//! A snapshot of the metrics for a support bundle: read from the running process, taken apart, and written anew from what the
//! table of metrics names. A line that the table does not know is left out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use super::words::{LEFT_OUT, Vocabulary, Word};
use crate::route::compiled::Compiled;
use crate::telemetry::metric::{METRICS, Shape};
use crate::transport;

/// How long the running process may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most octets that are read.
const MOST: usize = 4 << 20;

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

/// Asks the running process of a stage on the connection with `ops: true`; a plain sentence where that cannot be.
pub async fn fetch(compiled: &Compiled) -> Result<String, String> {
    let truth = |settings: &Value, key: &str| settings.get(key).and_then(Value::as_bool).unwrap_or(false);
    let door = compiled
        .sources
        .iter()
        .find(|source| source.kind == transport::http::ENTRY.word && truth(&source.settings, "ops"))
        .ok_or("no connection has `ops: true`")?;
    if door.settings.get("tls").is_some_and(|tls| !tls.is_null()) {
        return Err("the connection with `ops: true` speaks TLS; save its /metrics and give the file with --metrics".to_owned());
    }
    let listen = door.settings.get("listen").and_then(Value::as_str).unwrap_or_default();
    ask(listen, "/metrics").await.ok_or_else(|| "nobody answers on the connection with `ops: true`; is it running?".to_owned())
}

/// Asks whoever listens at an address of this machine, without TLS, bounded; `None` where no good answer comes.
pub async fn ask(listen: &str, path: &str) -> Option<String> {
    let address = reachable(listen.parse().ok()?);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let mut answer = client.get(format!("http://{address}{path}")).send().await.ok()?;
    let mut octets = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        octets.extend_from_slice(&chunk);
        if octets.len() > MOST {
            return None;
        }
    }
    String::from_utf8(octets).ok().filter(|_| answer.status().is_success())
}

/// Who listens everywhere is asked at home.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
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
