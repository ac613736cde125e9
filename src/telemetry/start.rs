//! Starts logs, metrics and traces of the process and ends them in order.
//! Never logs what libraries say unless the operator asks for it by name: their texts can quote a message.

use std::io::IsTerminal;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::metric;

/// What is logged unless settings say otherwise: our own lines, nothing of libraries.
pub const DEFAULT_LEVELS: &str = "off,drehscheibe=info";
/// How often recorded distributions are moved into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the process tells the outside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Levels by target, such as `off,drehscheibe=debug`.
    pub levels: String,
    /// JSON lines even when a person is watching.
    pub json: bool,
    /// Where traces go: base address of an OTLP/HTTP collector, such as `http://127.0.0.1:4318`; none when absent.
    pub otlp: Option<String>,
    /// Name of this instance among replicas.
    pub instance: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { levels: DEFAULT_LEVELS.to_owned(), json: false, otlp: None, instance: None }
    }
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The levels cannot be read.
    #[error("log levels not understood: {0}; write for example `off,drehscheibe=debug`")]
    Levels(String),
    /// The address of the collector is of no use.
    #[error("otlp collector cannot be used: {0}; give its base address, such as http://127.0.0.1:4318")]
    Collector(String),
    /// Somebody started it before.
    #[error("telemetry was started before in this process; start it once, in main")]
    Twice,
    /// The system gave no thread.
    #[error("no thread for the upkeep of metrics: {0}; raise the limit of threads")]
    Thread(std::io::ErrorKind),
}

/// Ends telemetry when dropped: the last traces are sent, which may take seconds; drop it last and outside async code.
#[must_use = "telemetry ends when the guard is dropped"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    upkeep: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.upkeep.take() {
            drop(stop);
            let _ = thread.join();
        }
        if let Some(traces) = self.traces.take() {
            // A thread of its own, so that a guard dropped inside a runtime blocks instead of panicking.
            let ended = thread::spawn(move || traces.shutdown_with_timeout(Duration::from_secs(5)));
            let _ = ended.join();
        }
    }
}

/// Starts logs to stderr, metrics and, where a collector is named, traces; once per process.
pub fn init(settings: &Settings, stage: &'static str) -> Result<Guard, StartError> {
    let levels = levels(settings)?;
    let json = settings.json || !std::io::stderr().is_terminal();
    let traces = settings.otlp.as_deref().map(|base| exporter(base, settings, stage)).transpose()?;
    let trace_layer = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("drehscheibe"))
            .with_location(false)
            .with_threads(false)
            // Ours only: the exporter's own connections would make spans of spans.
            .with_filter(filter_fn(|metadata| metadata.target().starts_with("drehscheibe")))
    });
    tracing_subscriber::registry()
        .with(trace_layer)
        .with(lines(json, std::io::stderr).with_filter(levels))
        .try_init()
        .map_err(|_| StartError::Twice)?;
    if !metric::install() {
        return Err(StartError::Twice);
    }
    metric::build_info(stage);
    Ok(Guard { traces, upkeep: Some(upkeep()?) })
}

fn levels(settings: &Settings) -> Result<EnvFilter, StartError> {
    EnvFilter::builder()
        .parse(&settings.levels)
        .map_err(|fault| StartError::Levels(format!("`{}`, {fault}", settings.levels)))
}

/// The layer that writes lines: JSON for machines, one compact line for a person.
fn lines<S, W>(json: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        layer.compact().with_target(false).boxed()
    }
}

fn exporter(base: &str, settings: &Settings, stage: &'static str) -> Result<SdkTracerProvider, StartError> {
    let base = base.trim_end_matches('/').trim_end_matches("/v1/traces");
    if !(base.starts_with("http://") || base.starts_with("https://")) {
        return Err(StartError::Collector(format!("`{base}` is not an http address")));
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{base}/v1/traces"))
        .with_timeout(Duration::from_secs(5))
        .build()
        .map_err(|fault| StartError::Collector(fault.to_string()))?;
    let instance = settings.instance.clone().unwrap_or_else(|| "drehscheibe".to_owned());
    let resource = Resource::builder_empty()
        .with_service_name("drehscheibe")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
            KeyValue::new("deployment.environment.name", stage),
        ])
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn upkeep() -> Result<(mpsc::Sender<()>, JoinHandle<()>), StartError> {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || {
            while stopped.recv_timeout(UPKEEP) == Err(mpsc::RecvTimeoutError::Timeout) {
                metric::upkeep();
            }
        })
        .map_err(|fault| StartError::Thread(fault.kind()))?;
    Ok((stop, thread))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::telemetry::alarm::{Alarm, raise};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn logged(json: bool, work: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let layer = lines(json, move || writer.clone()).with_filter(levels(&Settings::default()).unwrap());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        written.text()
    }

    #[test]
    fn an_alarm_is_one_json_line_with_cause_and_step() {
        let text = logged(true, || {
            raise(Alarm::ClockJumped, "machine of this test", &[("seconds", "3600")]);
            raise(Alarm::ClockJumped, "machine of this test", &[("seconds", "3600")]);
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["alarm"], "clock-jumped");
        assert_eq!(line["severity"], "warnung");
        assert_eq!(line["subject"], "machine of this test");
        assert_eq!(line["facts"], "seconds=3600");
        assert_eq!(line["cause"], Alarm::ClockJumped.explained().cause.as_str());
        assert_eq!(line["step"], Alarm::ClockJumped.explained().step.as_str());
    }

    #[test]
    fn libraries_are_silent() {
        let text = logged(false, || {
            tracing::error!(target: "some_library::parser", "quotes a message");
            tracing::debug!(target: "drehscheibe::engine", "too fine");
            tracing::info!(target: "drehscheibe::engine", "seen");
        });
        assert!(text.contains("seen") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn telemetry_starts_once_in_a_process() {
        let settings = Settings { levels: "off,drehscheibe=error".to_owned(), ..Settings::default() };
        let guard = init(&settings, "test").unwrap();
        assert!(matches!(init(&settings, "test"), Err(StartError::Twice)));
        let shown = metric::render();
        assert!(shown.contains("drehscheibe_build_info{version=\""), "{shown}");
        assert!(shown.contains("stage=\"test\"} 1"), "{shown}");
        drop(guard);
    }

    #[test]
    fn settings_that_are_not_understood_are_refused() {
        let wrong = Settings { levels: "drehscheibe=loudly".to_owned(), ..Settings::default() };
        assert!(matches!(levels(&wrong), Err(StartError::Levels(_))));
        let refused = exporter("collector:4318", &Settings::default(), "test");
        assert!(matches!(refused, Err(StartError::Collector(_))));
    }

    #[test]
    fn spans_reach_a_collector() {
        let collector = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", collector.local_addr().unwrap());
        let taken = thread::spawn(move || {
            let (mut peer, _) = collector.accept().unwrap();
            peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let (mut request, mut piece) = (Vec::new(), [0; 4096]);
            while !request.windows(9).any(|window| window == b"span-seen") {
                let read = peer.read(&mut piece).unwrap();
                assert!(read > 0, "the exporter hung up");
                request.extend_from_slice(&piece[..read]);
            }
            peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request).into_owned()
        });
        let traces = exporter(&address, &Settings::default(), "test").unwrap();
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("drehscheibe"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info_span!("span-seen").in_scope(|| {});
        });
        drop(Guard { traces: Some(traces), upkeep: Some(upkeep().unwrap()) });
        let request = taken.join().unwrap();
        assert!(request.starts_with("POST /v1/traces "), "{request}");
    }
}
