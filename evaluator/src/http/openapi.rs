//! The API's own description.

use actix_web::web::Json;
use utoipa::OpenApi;

use super::{events, health, jobs, keys, models, tus};

/// The description of the whole API. The tests compare every answer they see with it.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Blindsight evaluator",
        description = "Classifies encrypted pictures. See docs/protocol.md for the binary formats.",
    ),
    paths(
        health::live,
        health::ready,
        health::metrics,
        health::status,
        document,
        models::models,
        tus::options,
        tus::create,
        tus::head,
        tus::patch,
        tus::delete,
        keys::get,
        keys::delete,
        jobs::submit,
        jobs::get,
        jobs::cancel,
        events::events,
        jobs::result,
    )
)]
pub struct Document;

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "models",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 401, description = "No service token", body = super::Problem,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
