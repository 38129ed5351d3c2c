//! No traces: what a program does that was built without them.

use std::borrow::Cow;
use std::convert::Infallible;

use uuid::Uuid;

use super::{Kind, TraceParent, TracesError};
use crate::config::Config;

/// There is none.
#[derive(Debug)]
pub(super) struct Sender(Infallible);

/// There is none.
#[derive(Debug)]
pub(super) struct Span(Infallible);

impl Sender {
    pub(super) const fn open(_: &str, _: &Config, _: Uuid) -> Result<Self, TracesError> {
        Err(TracesError::Without)
    }

    pub(super) fn begin(&self, _: Kind, _: Cow<'static, str>, _: Option<TraceParent>) -> Span {
        match self.0 {}
    }

    pub(super) fn end(&self) {
        match self.0 {}
    }
}

impl Span {
    pub(super) fn part(&self, _: &'static str) -> Self {
        match self.0 {}
    }

    pub(super) fn parent(&self) -> Option<TraceParent> {
        match self.0 {}
    }

    pub(super) fn text(&mut self, _: &'static str, _: String) {
        match self.0 {}
    }

    pub(super) fn number(&mut self, _: &'static str, _: i64) {
        match self.0 {}
    }

    pub(super) fn fail(&mut self, _: &'static str) {
        match self.0 {}
    }
}
