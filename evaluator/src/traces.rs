//! Traces: what a request and the run of its job did, and for how long, for a collector that speaks
//! OTLP, the protocol of OpenTelemetry, over HTTP.
//!
//! A request to the API is a span, and so is each run of a job with its parts. The row of a job has the
//! span that accepted it, so that a run belongs to the trace of its request, whichever process runs it.
//! Spans carry names, numbers and states, as the log does: no contents, no callers, no capabilities.
//! Without a collector nothing of this exists.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "traces/without.rs"]
mod otlp;
mod parent;

use std::borrow::Cow;
use std::fmt::Display;

use thiserror::Error;
use uuid::Uuid;

use crate::config::Config;

pub use parent::{NoParent, TraceParent};

/// Where spans go, if anywhere.
#[derive(Debug, Default)]
pub struct Traces(Option<otlp::Sender>);

/// Why there are no traces although somebody wants them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The setting is no address of a collector.
    #[error("the collector of traces is not an http:// or https:// address: {0}")]
    Address(String),
    /// What sends them cannot be made.
    #[error("traces: {0}")]
    Sender(String),
    /// This program cannot.
    #[error("this program was built without traces (the cargo feature `otlp`)")]
    Without,
}

/// What a span is to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer to a request.
    Server,
    /// Work that somebody else left.
    Consumer,
}

/// Something that takes time, from when it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct Span(Option<otlp::Span>);

impl Traces {
    /// Sends spans to the collector of the settings, if they name one. `me` is this process.
    ///
    /// # Errors
    /// When the address is none, or this program cannot send.
    pub fn open(config: &Config, me: Uuid) -> Result<Self, TracesError> {
        let open = |address: &String| otlp::Sender::open(address, config, me);
        config.traces.as_ref().map(open).transpose().map(Self)
    }

    /// Begins a span, below another one or of a trace of its own.
    pub(crate) fn begin(
        &self,
        kind: Kind,
        name: impl Into<Cow<'static, str>>,
        parent: Option<TraceParent>,
    ) -> Span {
        Span(self.0.as_ref().map(|sender| sender.begin(kind, name.into(), parent)))
    }

    /// Sends what has not been sent, for as long as somebody who ends may take for it.
    pub(crate) fn end(&self) {
        if let Some(sender) = &self.0 {
            sender.end();
        }
    }
}

impl Span {
    /// Begins a part of this span.
    pub(crate) fn part(&self, name: &'static str) -> Self {
        Self(self.0.as_ref().map(|span| span.part(name)))
    }

    /// How others can go on from here; nothing where nobody collects.
    pub(crate) fn parent(&self) -> Option<TraceParent> {
        self.0.as_ref().and_then(otlp::Span::parent)
    }

    /// Says something about it.
    pub(crate) fn text(&mut self, key: &'static str, value: impl Display) {
        if let Some(span) = &mut self.0 {
            span.text(key, value.to_string());
        }
    }

    /// The same in a number.
    pub(crate) fn number(&mut self, key: &'static str, value: i64) {
        if let Some(span) = &mut self.0 {
            span.number(key, value);
        }
    }

    /// Notes that it went wrong: by a code, never by contents.
    pub(crate) fn fail(&mut self, code: &'static str) {
        if let Some(span) = &mut self.0 {
            span.fail(code);
        }
    }
}
