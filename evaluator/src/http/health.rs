//! How the service is: for load balancers, Prometheus, and measurements.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use blindsight_engine::memory;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Refused;
use crate::blocking::blocking;
use crate::service::Service;

/// Whether the process answers. Waits for nothing.
#[utoipa::path(
    method(get, head), path = "/health/live", tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Whether the service takes work. Waits for nothing: what is told is what was last noticed.
#[utoipa::path(
    method(get, head), path = "/health/ready", tag = "health",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "It is stopping, or its storage fails"),
    )
)]
pub(super) async fn ready(service: Data<Service>) -> Result<&'static str, Refused> {
    service.lifecycle.check_ready()?;
    Ok("ready\n")
}

/// Counters for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses(
        (status = 200, description = "OpenMetrics text", body = String,
            content_type = "application/openmetrics-text"),
    )
)]
pub(super) async fn metrics(service: Data<Service>) -> Result<HttpResponse, Refused> {
    let text = blocking(&service, |service| Ok(service.metrics_text())).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(text))
}

/// What the process uses and does at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// Largest resident set so far.
    peak_rss_bytes: u64,
    /// Resident set now.
    rss_bytes: u64,
    /// Threads that compute.
    threads: usize,
    queue: Queue,
    /// Jobs that run.
    running: usize,
    uptime_seconds: f64,
}

/// The queue of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queue {
    /// Jobs that wait.
    length: usize,
    /// Jobs that may wait.
    limit: u32,
}

/// What the process uses and does at this moment.
#[utoipa::path(
    get, path = "/v1/status", tag = "health",
    responses(
        (status = 200, description = "Memory, threads, queue", body = Status),
    )
)]
pub(super) async fn status(service: Data<Service>) -> Json<Status> {
    let (length, running) = service.jobs.board.counts();
    Json(Status {
        peak_rss_bytes: memory::peak_rss_bytes(),
        rss_bytes: memory::rss_bytes(),
        threads: service.config.compute_threads(),
        queue: Queue { length, limit: service.config.queue },
        running,
        uptime_seconds: service.started.elapsed().as_secs_f64(),
    })
}
