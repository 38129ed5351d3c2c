//! The API's own description.

use actix_web::http::StatusCode;
use actix_web::web::Json;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::problem::Problem;
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
    ),
    components(schemas(Problem)),
    modifiers(&Refusals),
)]
pub struct Document;

/// Adds to the operations what all of them have in common: how they refuse.
struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let asks_for_token = path.starts_with("/v1/") || path == "/metrics";
            let PathItem { get, post, delete, patch, .. } = item;
            for operation in [get, post, delete, patch].into_iter().flatten() {
                add_common(operation, asks_for_token);
                add_problems(operation);
            }
            // Answers to HEAD have no body.
            if let Some(head) = &mut item.head {
                add_common(head, asks_for_token);
            }
        }
    }
}

fn add_common(operation: &mut Operation, asks_for_token: bool) {
    if asks_for_token {
        add(operation, StatusCode::UNAUTHORIZED, "No service token");
        add(operation, StatusCode::INTERNAL_SERVER_ERROR, "The service failed");
        // Also for what only deletes or looks: that is noted, too.
        add(operation, StatusCode::INSUFFICIENT_STORAGE, "No room");
    }
}

fn add(operation: &mut Operation, status: StatusCode, description: &str) {
    let response = Response::new(description);
    operation.responses.responses.insert(status.as_str().to_owned(), response.into());
}

/// Gives every refusal its body.
fn add_problems(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.as_str() >= "400", response) {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content.insert("application/problem+json".to_owned(), content.into());
        }
    }
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "models",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
    )
)]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
