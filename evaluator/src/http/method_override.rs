//! For clients behind proxies that know only GET and POST: tus lets them name another method.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::middleware::Next;

/// Middleware that takes a POST to an upload for what `X-HTTP-Method-Override` says.
///
/// # Errors
/// Those of what it is wrapped around.
pub async fn method_override<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    if request.method() == Method::POST && request.path().starts_with("/v1/uploads/") {
        let named = request.headers().get("X-HTTP-Method-Override");
        let method = match named.map(HeaderValue::as_bytes) {
            Some(b"PATCH") => Some(Method::PATCH),
            Some(b"HEAD") => Some(Method::HEAD),
            Some(b"DELETE") => Some(Method::DELETE),
            _ => None,
        };
        if let Some(method) = method {
            request.head_mut().method = method;
        }
    }
    next.call(request).await
}
