//! A name for every request, a line in the log, a tick in the metrics, and a span for who collects
//! traces.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};
use tracing::Instrument as _;

use crate::capability;
use crate::service::Service;
use crate::traces::{Kind, Span, TraceParent};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// Middleware around everything else. Paths are logged as patterns, without ids; bodies and
/// headers never.
///
/// # Errors
/// Those of what it is wrapped around.
pub async fn trace<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let id = given_id(&request).unwrap_or_else(|| capability::new_id().to_string());
    let method = request.method().clone();
    let service = request.app_data::<Data<Service>>().cloned();
    let span = tracing::info_span!("request", id = %id, %method);
    let mut part = service.as_ref().and_then(|service| begin_span(service, &request, &id));
    if let Some(parent) = part.as_ref().and_then(Span::parent) {
        request.extensions_mut().insert(parent);
    }
    let mut response = next.call(request).instrument(span.clone()).await?;

    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = response.request().match_pattern();
    let route = route.as_deref().unwrap_or("page");
    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    span.in_scope(|| tracing::debug!(route, status, seconds, "answered"));
    if let Some(part) = &mut part {
        part.number("http.response.status_code", status.into());
        if status >= 500 {
            part.fail("server error");
        }
    }
    if let Some(service) = service {
        // Methods are whatever a client makes up; metrics must not grow by that.
        service.metrics.request(known_method(&method), route, status, seconds);
    }
    Ok(response)
}

fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// A span for a request to the API. Only trusted proxies can have it belong to a trace of theirs:
/// strangers could make traces grow, or be kept.
fn begin_span(service: &Service, request: &ServiceRequest, id: &str) -> Option<Span> {
    let route = request.match_pattern().filter(|route| route.starts_with("/v1/"))?;
    let peer = request.peer_addr();
    let parent = peer.filter(|peer| service.gate.trusts(peer.ip())).and_then(|_| {
        let parent = request.headers().get(TRACE_PARENT)?.to_str().ok()?;
        parent.parse::<TraceParent>().ok()
    });
    let method = known_method(request.method());
    let mut span = service.traces.begin(Kind::Server, format!("{method} {route}"), parent);
    span.text("http.request.method", method);
    span.text("http.route", route);
    span.text("blindsight.request", id);
    Some(span)
}

/// A name that the client gave, if it is harmless.
fn given_id(request: &ServiceRequest) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}
