//! Pages of other sites: allowed only where the configuration names them.

use actix_cors::Cors;
use actix_web::http::{Method, header};

use super::access::CAPABILITY;
use crate::config::Config;

/// The rules for pages of other origins; none may do anything by default.
pub fn cors(config: &Config) -> Cors {
    let mut cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .allowed_headers(REQUEST_HEADERS)
        .allowed_header(CAPABILITY)
        .expose_headers(RESPONSE_HEADERS)
        .block_on_origin_mismatch(false)
        .max_age(600);
    for origin in &config.cors_origins {
        cors = cors.allowed_origin(origin);
    }
    cors
}

const REQUEST_HEADERS: [&str; 10] = [
    "If-None-Match",
    "Tus-Resumable",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "Upload-Checksum",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-Request-Id",
    "X-HTTP-Method-Override",
];

const RESPONSE_HEADERS: [&str; 14] = [
    "ETag",
    "Location",
    "Retry-After",
    "Tus-Resumable",
    "Tus-Version",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Checksum-Algorithm",
    "Upload-Offset",
    "Upload-Length",
    "Upload-Expires",
    "Blindsight-Keys",
    "Blindsight-Capability",
    "X-Request-Id",
];
