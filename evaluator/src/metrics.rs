//! What is counted, for Prometheus. Names and labels hold no ids and nothing of anybody's content.

use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::jobs::State;
use crate::memory;
use crate::service::Service;

/// Counters, gauges and histograms of the service.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    jobs: Family<JobLabels, Counter>,
    /// Time from the first step of a run to its last.
    pub evaluate_seconds: Histogram,
    /// Bytes of key bundles received.
    pub uploaded_bytes: Counter,
    /// Key sets that became complete.
    pub key_sets: Counter,
    queued: Gauge,
    running: Gauge,
    cached_bytes: Gauge,
    cached_sets: Gauge,
    resident_bytes: Gauge,
    /// Open event streams.
    pub event_streams: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    state: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let latency: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("blindsight")),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latency),
            jobs: Family::default(),
            evaluate_seconds: Histogram::new(exponential_buckets(0.5, 1.5, 14)),
            uploaded_bytes: Counter::default(),
            key_sets: Counter::default(),
            queued: Gauge::default(),
            running: Gauge::default(),
            cached_bytes: Gauge::default(),
            cached_sets: Gauge::default(),
            resident_bytes: Gauge::default(),
            event_streams: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("requests", "Requests answered", self.requests.clone());
        let text = "Time to the head of an answer";
        let metric = self.request_seconds.clone();
        registry.register_with_unit("request", text, Unit::Seconds, metric);
        registry.register("jobs_ended", "Jobs by how they ended", self.jobs.clone());
        let metric = self.evaluate_seconds.clone();
        registry.register_with_unit("evaluate", "Time of a run", Unit::Seconds, metric);
        let metric = self.uploaded_bytes.clone();
        registry.register_with_unit("uploaded", "Parts of keys received", Unit::Bytes, metric);
        registry.register("key_sets", "Key sets completed", self.key_sets.clone());
        registry.register("jobs_queued", "Jobs that wait", self.queued.clone());
        registry.register("jobs_running", "Jobs that run", self.running.clone());
        let metric = self.cached_bytes.clone();
        registry.register_with_unit("key_cache", "Expanded keys kept", Unit::Bytes, metric);
        registry.register("key_cache_sets", "Expanded key sets kept", self.cached_sets.clone());
        let metric = self.resident_bytes.clone();
        registry.register_with_unit("resident", "Memory of the process", Unit::Bytes, metric);
        registry.register("event_streams", "Open event streams", self.event_streams.clone());
    }

    /// A request was answered, or its stream begun.
    pub fn request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let route = route.to_owned();
        let labels = RouteLabels { route: route.clone() };
        self.request_seconds.get_or_create(&labels).observe(seconds);
        let labels = RequestLabels { method: method.to_owned(), route, status };
        self.requests.get_or_create(&labels).inc();
    }

    pub(crate) fn job_ended(&self, state: State) {
        self.jobs.get_or_create(&JobLabels { state: state.as_str() }).inc();
    }

    /// Everything, in the text format of OpenMetrics.
    ///
    /// # Panics
    /// Never: a string takes everything that is written to it.
    #[must_use]
    pub fn encode(&self, service: &Service) -> String {
        let (queued, running) = service.board.counts();
        self.queued.set(queued as i64);
        self.running.set(running as i64);
        let (bytes, sets) = service.cache.usage();
        self.cached_bytes.set(bytes as i64);
        self.cached_sets.set(sets as i64);
        self.resident_bytes.set(memory::rss_bytes() as i64);
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a string cannot fail");
        text
    }
}
