//! W3C trace context: read, carried on, begun. It travels through store and transports as plain text.
//! Never trusts what came in beyond its form: a context that is not well-formed is replaced, not repaired.

use std::fmt;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// A `traceparent` of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl Traceparent {
    /// Reads a header; `None` when it is not well-formed or all zero.
    pub fn parse(text: &str) -> Option<Traceparent> {
        let mut fields = text.split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        // Later versions may add fields; of version 00 there are exactly four.
        if version == "00" && fields.next().is_some() {
            return None;
        }
        let [version] = octets::<1>(version)?;
        let [flags] = octets::<1>(flags)?;
        let (trace, span) = (octets(trace)?, octets(span)?);
        let zero = trace == [0; 16] || span == [0; 8];
        (version != 0xFF && !zero).then_some(Traceparent { trace, span, sampled: flags & 1 == 1 })
    }

    /// A new trace.
    pub fn begin() -> Traceparent {
        Traceparent { trace: *Uuid::new_v4().as_bytes(), span: random_span(), sampled: true }
    }

    /// The same trace, one hop further.
    pub fn next(self) -> Traceparent {
        Traceparent { span: random_span(), ..self }
    }

    /// The trace's id in hex, for a log line.
    pub fn trace_id(self) -> String {
        hex::encode(self.trace)
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

/// The context to store and send on: of the span if traces are exported, else the incoming one a hop further, else new.
pub fn carry(span: &Span, incoming: Option<&str>) -> String {
    of_span(span)
        .or_else(|| incoming.and_then(Traceparent::parse).map(Traceparent::next))
        .unwrap_or_else(Traceparent::begin)
        .to_string()
}

/// Makes a span the child of the context that came with a delivery or a row; nothing happens when it is not well-formed.
///
/// Call it before the span is entered.
pub fn adopt(span: &Span, incoming: Option<&str>) {
    let Some(parent) = incoming.and_then(Traceparent::parse) else { return };
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let context = SpanContext::new(
        TraceId::from_bytes(parent.trace),
        SpanId::from_bytes(parent.span),
        flags,
        true,
        TraceState::default(),
    );
    // An error means that no exporter is installed or the span was entered: the trace is then carried as text only.
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(context));
}

/// The context of the current span, if traces are exported.
pub fn current() -> Option<String> {
    of_span(&Span::current()).map(|context| context.to_string())
}

fn of_span(span: &Span) -> Option<Traceparent> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| Traceparent {
        trace: context.trace_id().to_bytes(),
        span: context.span_id().to_bytes(),
        sampled: context.is_sampled(),
    })
}

fn random_span() -> [u8; 8] {
    // The last eight octets hold the variant and 62 random bits; they are never all zero.
    let random = Uuid::new_v4();
    std::array::from_fn(|at| random.as_bytes()[at + 8])
}

fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut octets).is_ok()).then_some(octets)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let read = Traceparent::parse(EXAMPLE).unwrap();
        assert_eq!(read.to_string(), EXAMPLE);
        assert_eq!(read.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(read.next().trace, read.trace);
        assert_ne!(read.next().span, read.span);
        let begun = Traceparent::begin();
        assert_eq!(Traceparent::parse(&begun.to_string()), Some(begun));
        // A later version with more fields is read as far as it is known.
        assert!(Traceparent::parse(&format!("cc{}-more", &EXAMPLE[2..])).is_some());
    }

    #[test]
    fn what_is_not_well_formed_is_replaced() {
        for bad in [
            "",
            "00",
            "x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(Traceparent::parse(bad), None, "{bad}");
            let carried = carry(&Span::none(), Some(bad));
            assert!(Traceparent::parse(&carried).is_some(), "{carried}");
        }
        assert!(carry(&Span::none(), Some(EXAMPLE)).starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    }

    #[test]
    fn a_span_continues_the_incoming_trace() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("delivery");
            adopt(&span, Some(EXAMPLE));
            let carried = carry(&span, None);
            assert!(carried.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{carried}");
            assert_ne!(carried, EXAMPLE);
            assert_eq!(span.in_scope(current), Some(carried));
        });
        assert_eq!(current(), None);
    }
}
