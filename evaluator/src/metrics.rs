//! What is counted, for Prometheus. Names and labels hold no ids but those of models, and nothing
//! of anybody's content.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use blindsight_engine::memory;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::store::state::deletions::Pending;

/// Counters, gauges and histograms of the service.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    jobs: Family<JobLabels, Counter>,
    evaluate_seconds: Family<ModelLabels, Histogram>,
    loads: Family<ModelLabels, Counter>,
    load_seconds: Family<ModelLabels, Counter<f64, AtomicU64>>,
    evictions: Family<ModelLabels, Counter>,
    model_bytes: Family<ModelLabels, Gauge>,
    models_bytes: Gauge,
    models: Gauge,
    broken_models: Gauge,
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
    /// Runs of other processes that were taken over.
    pub takeovers: Counter,
    /// Ends of runs that came too late: another process had taken the job over.
    pub fenced_commits: Counter,
    /// Runs whose keys were expanded already.
    pub key_hits: Counter,
    /// Runs whose keys had to be expanded, wherever they came from.
    pub key_misses: Counter,
    /// How often keys of a job to come were fetched while another one ran.
    pub keys_fetched_ahead: Counter,
    /// Runs that found such keys, and had less to fetch for it.
    pub keys_fetched_ahead_used: Counter,
    fetched_ahead_bytes: Gauge,
    queue_age: Gauge<f64, AtomicU64>,
    free_slots: Gauge,
    deletions: Gauge,
    deletion_bytes: Gauge,
}

/// What is measured when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) queued: usize,
    pub(crate) running: usize,
    /// How long the oldest job has waited.
    pub(crate) queue_age_seconds: f64,
    /// Jobs that this process could run beside others.
    pub(crate) free_slots: usize,
    /// Bytes and number of key sets that are kept expanded.
    pub(crate) cached: (u64, usize),
    /// Bytes of keys that were fetched for a job to come.
    pub(crate) fetched_ahead_bytes: u64,
    /// Loaded models with their own bytes.
    pub(crate) loaded: Vec<(String, u64)>,
    /// Bytes of all loaded models with what they share.
    pub(crate) loaded_bytes: u64,
    /// Models, and files that are none.
    pub(crate) models: (usize, usize),
    /// Number and bytes of what is still to be deleted.
    pub(crate) deletions: Pending,
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
    model: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

impl ModelLabels {
    fn of(model: &str) -> Self {
        Self { model: model.to_owned() }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let latency: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let run: fn() -> Histogram = || Histogram::new(exponential_buckets(0.5, 1.5, 16));
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("blindsight")),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(latency),
            jobs: Family::default(),
            evaluate_seconds: Family::new_with_constructor(run),
            loads: Family::default(),
            load_seconds: Family::default(),
            evictions: Family::default(),
            model_bytes: Family::default(),
            models_bytes: Gauge::default(),
            models: Gauge::default(),
            broken_models: Gauge::default(),
            uploaded_bytes: Counter::default(),
            key_sets: Counter::default(),
            queued: Gauge::default(),
            running: Gauge::default(),
            cached_bytes: Gauge::default(),
            cached_sets: Gauge::default(),
            resident_bytes: Gauge::default(),
            event_streams: Gauge::default(),
            takeovers: Counter::default(),
            fenced_commits: Counter::default(),
            key_hits: Counter::default(),
            key_misses: Counter::default(),
            keys_fetched_ahead: Counter::default(),
            keys_fetched_ahead_used: Counter::default(),
            fetched_ahead_bytes: Gauge::default(),
            queue_age: Gauge::default(),
            free_slots: Gauge::default(),
            deletions: Gauge::default(),
            deletion_bytes: Gauge::default(),
        };
        let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.register(&mut registry);
        metrics.register_models(&mut registry);
        metrics.register_fleet(&mut registry);
        drop(registry);
        metrics
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests answered", self.requests.clone());
        let text = "Time to the head of an answer";
        let metric = self.request_seconds.clone();
        registry.register_with_unit("request", text, Unit::Seconds, metric);
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
        registry.register("deletions", "What is still to be deleted", self.deletions.clone());
        let metric = self.deletion_bytes.clone();
        registry.register_with_unit("deletions", "Its size", Unit::Bytes, metric);
    }

    fn register_fleet(&self, registry: &mut Registry) {
        let text = "Runs taken over from processes that were lost";
        registry.register("takeovers", text, self.takeovers.clone());
        let text = "Ends of runs that were refused because a later run has the job";
        registry.register("fenced_commits", text, self.fenced_commits.clone());
        registry.register("key_hits", "Runs that found their keys expanded", self.key_hits.clone());
        registry.register("key_misses", "Runs that expanded keys", self.key_misses.clone());
        let text = "How often keys were fetched while another job ran";
        registry.register("keys_fetched_ahead", text, self.keys_fetched_ahead.clone());
        let text = "Runs that found keys fetched ahead";
        registry.register("keys_fetched_ahead_used", text, self.keys_fetched_ahead_used.clone());
        let text = "Keys fetched for a job to come";
        let metric = self.fetched_ahead_bytes.clone();
        registry.register_with_unit("keys_fetched_ahead", text, Unit::Bytes, metric);
        let metric = self.queue_age.clone();
        let text = "How long the oldest job has waited";
        registry.register_with_unit("queue_age", text, Unit::Seconds, metric);
        registry.register(
            "free_slots",
            "Jobs that could run here beside others",
            self.free_slots.clone(),
        );
    }

    fn register_models(&self, registry: &mut Registry) {
        registry.register("jobs_ended", "Jobs by model and how they ended", self.jobs.clone());
        let metric = self.evaluate_seconds.clone();
        registry.register_with_unit("evaluate", "Time of a run", Unit::Seconds, metric);
        registry.register("model_loads", "How often a model was loaded", self.loads.clone());
        let metric = self.load_seconds.clone();
        registry.register_with_unit("model_load", "Time of loading", Unit::Seconds, metric);
        let text = "How often a model made room for another";
        registry.register("model_evictions", text, self.evictions.clone());
        let metric = self.model_bytes.clone();
        registry.register_with_unit("model", "A loaded model's own memory", Unit::Bytes, metric);
        let text = "All loaded models with what they share";
        registry.register_with_unit("models_loaded", text, Unit::Bytes, self.models_bytes.clone());
        registry.register("models", "Models that are served", self.models.clone());
        let text = "Files that are no models";
        registry.register("models_broken", text, self.broken_models.clone());
    }

    /// A request was answered, or its stream begun.
    pub fn request(&self, method: &str, route: &str, status: u16, seconds: f64) {
        let route = route.to_owned();
        let labels = RouteLabels { route: route.clone() };
        self.request_seconds.get_or_create(&labels).observe(seconds);
        let labels = RequestLabels { method: method.to_owned(), route, status };
        self.requests.get_or_create(&labels).inc();
    }

    pub(crate) fn job_ended(&self, model: &str, state: &'static str) {
        self.jobs.get_or_create(&JobLabels { model: model.to_owned(), state }).inc();
    }

    /// A run came to its end: the time from its first step to its last.
    pub(crate) fn evaluated(&self, model: &str, seconds: f64) {
        self.evaluate_seconds.get_or_create(&ModelLabels::of(model)).observe(seconds);
    }

    pub(crate) fn model_loaded(&self, model: &str, seconds: f64) {
        self.loads.get_or_create(&ModelLabels::of(model)).inc();
        self.load_seconds.get_or_create(&ModelLabels::of(model)).inc_by(seconds);
    }

    pub(crate) fn model_evicted(&self, model: &str) {
        self.evictions.get_or_create(&ModelLabels::of(model)).inc();
    }

    /// Everything, in the text format of OpenMetrics.
    ///
    /// # Panics
    /// Never: a string takes everything that is written to it.
    #[must_use]
    pub(crate) fn encode(&self, now: &Snapshot) -> String {
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.queued.set(now.queued as i64);
        self.running.set(now.running as i64);
        self.queue_age.set(now.queue_age_seconds);
        self.free_slots.set(now.free_slots as i64);
        self.cached_bytes.set(now.cached.0 as i64);
        self.cached_sets.set(now.cached.1 as i64);
        self.fetched_ahead_bytes.set(now.fetched_ahead_bytes as i64);
        self.model_bytes.clear();
        for (model, bytes) in &now.loaded {
            self.model_bytes.get_or_create(&ModelLabels::of(model)).inc_by(*bytes as i64);
        }
        self.models_bytes.set(now.loaded_bytes as i64);
        self.models.set(now.models.0 as i64);
        self.broken_models.set(now.models.1 as i64);
        self.deletions.set(now.deletions.count as i64);
        self.deletion_bytes.set(now.deletions.bytes as i64);
        self.resident_bytes.set(memory::rss_bytes() as i64);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a string cannot fail");
        text
    }
}
