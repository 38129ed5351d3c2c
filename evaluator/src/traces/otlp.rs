//! Spans by OpenTelemetry's SDK, sent in batches by a thread of its own. Whoever makes spans never waits
//! for the collector: where that is away, the oldest spans that fit the queue are kept, and the rest is
//! dropped.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::Uri;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};
use uuid::Uuid;

use super::{Kind, TraceParent, TracesError};
use crate::config::Config;

/// How long one batch may take, and how long the end of the process waits for the last.
const PATIENCE: Duration = Duration::from_secs(5);

/// What sends spans.
#[derive(Debug)]
pub(super) struct Sender {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A span that is going on.
#[derive(Debug)]
pub(super) struct Span {
    span: SdkSpan,
    tracer: SdkTracer,
}

impl Sender {
    /// A collector's address: without a path, that of the protocol. How many traces are kept, how long
    /// the queue is, and what headers say who sends, comes from the variables that OpenTelemetry
    /// names for it.
    pub(super) fn open(address: &str, config: &Config, me: Uuid) -> Result<Self, TracesError> {
        let endpoint = endpoint(address)?;
        // The bucket's client may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| TracesError::Sender(error.to_string()))?;
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", me.to_string()))
            .with_attribute(KeyValue::new("blindsight.role", config.role.as_str()));
        // As OpenTelemetry's variable says, if it does.
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name(env!("CARGO_PKG_NAME")),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Self { tracer: provider.tracer(env!("CARGO_PKG_NAME")), provider })
    }

    pub(super) fn begin(
        &self,
        kind: Kind,
        name: Cow<'static, str>,
        parent: Option<TraceParent>,
    ) -> Span {
        let kind = match kind {
            Kind::Server => SpanKind::Server,
            Kind::Consumer => SpanKind::Consumer,
        };
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        let above = parent.map_or_else(Context::new, |parent| below(context(parent)));
        Span { span: self.tracer.build_with_context(builder, &above), tracer: self.tracer.clone() }
    }

    pub(super) fn end(&self) {
        // A second call, or a collector that is away: there is nothing to be done about either.
        let _ = self.provider.shutdown_with_timeout(PATIENCE);
    }
}

impl Span {
    pub(super) fn part(&self, name: &'static str) -> Self {
        let above = below(self.span.span_context().clone());
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Internal);
        Self { span: self.tracer.build_with_context(builder, &above), tracer: self.tracer.clone() }
    }

    pub(super) fn parent(&self) -> Option<TraceParent> {
        let context = self.span.span_context();
        let trace = u128::from_be_bytes(context.trace_id().to_bytes());
        let span = u64::from_be_bytes(context.span_id().to_bytes());
        TraceParent::new(trace, span, context.is_sampled())
    }

    pub(super) fn text(&mut self, key: &'static str, value: String) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    pub(super) fn number(&mut self, key: &'static str, value: i64) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    pub(super) fn fail(&mut self, code: &'static str) {
        self.span.set_status(Status::error(code));
    }
}

fn below(context: SpanContext) -> Context {
    Context::new().with_remote_span_context(context)
}

fn context(parent: TraceParent) -> SpanContext {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let trace = TraceId::from_bytes(parent.trace().to_be_bytes());
    let span = SpanId::from_bytes(parent.span().to_be_bytes());
    SpanContext::new(trace, span, flags, true, TraceState::default())
}

/// The address to which traces are posted.
fn endpoint(address: &str) -> Result<String, TracesError> {
    let wrong = || TracesError::Address(address.to_owned());
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    Ok(match uri.path() {
        "" | "/" => format!("{}/v1/traces", address.trim_end_matches('/')),
        _ => address.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_with_a_path() {
        let found = |address| endpoint(address).map_err(|error| error.to_string());
        let whole = Ok("http://collector:4318/v1/traces".to_owned());
        assert_eq!(found("http://collector:4318"), whole);
        assert_eq!(found("http://collector:4318/"), whole);
        assert_eq!(found("https://c/otel/t"), Ok("https://c/otel/t".to_owned()));
        for wrong in ["", "collector:4318", "grpc://collector", "http://", "http:///v1", "a b"] {
            assert!(found(wrong).unwrap_err().contains("not an http:// or https://"), "{wrong}");
        }
    }
}
