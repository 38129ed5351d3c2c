//! A name for every request, a line in the log, and a tick in the metrics.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use tracing::Instrument as _;

use crate::capability;
use crate::service::Service;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    let mut response = next.call(request).instrument(span.clone()).await?;

    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let route = response.request().match_pattern();
    let route = route.as_deref().unwrap_or("page");
    let status = response.status().as_u16();
    let seconds = started.elapsed().as_secs_f64();
    span.in_scope(|| tracing::debug!(route, status, seconds, "answered"));
    if let Some(service) = service {
        // Methods are whatever a client makes up; metrics must not grow by that.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        service.metrics.request(method, route, status, seconds);
    }
    Ok(response)
}

/// A name that the client gave, if it is harmless.
fn given_id(request: &ServiceRequest) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}
