//! The API's own description.

use actix_web::http::StatusCode;
use actix_web::web::Json;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Required, Response};
use utoipa::{Modify, OpenApi};

use super::access::CAPABILITY;
use super::problem::Problem;
use super::{events, health, jobs, keys, models, tus};

/// The description of the whole API. The tests compare every answer they see with it.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Blindsight evaluator",
        description = "Runs models on encrypted inputs. See docs/protocol.md for the binary formats.",
    ),
    paths(
        health::live,
        health::ready,
        health::metrics,
        health::status,
        document,
        models::models,
        models::contract,
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
    modifiers(&Common),
)]
pub struct Document;

/// Adds to the operations what they have in common: how they refuse, and what those need that are
/// about something of somebody's.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut document.paths.paths {
            let PathItem { get, post, delete, patch, head, .. } = item;
            for operation in [get, post, delete, patch].into_iter().flatten() {
                add_common(operation, path);
                add_problems(operation);
            }
            // Answers to HEAD have no body.
            if let Some(head) = head {
                add_common(head, path);
            }
        }
    }
}

fn add_common(operation: &mut Operation, path: &str) {
    add(operation, StatusCode::MISDIRECTED_REQUEST, "Meant for a server of another name");
    if path.starts_with("/v1/") || path == "/metrics" {
        let description = "No service token, API key or JWT, or one that opens nothing";
        add(operation, StatusCode::UNAUTHORIZED, description);
        // Unless the route says more of it.
        let busy = Response::new("Too many wrong keys came from this address");
        let status = StatusCode::TOO_MANY_REQUESTS.as_str().to_owned();
        operation.responses.responses.entry(status).or_insert(busy.into());
        add(operation, StatusCode::INTERNAL_SERVER_ERROR, "The service failed");
        // Also for what only deletes or looks: that is noted, too.
        add(operation, StatusCode::INSUFFICIENT_STORAGE, "No room");
    }
    if path.contains("{id}") {
        add(operation, StatusCode::NOT_FOUND, "Not there, or another's");
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        let capability = ObjectBuilder::new().schema_type(Type::String);
        let needed = |name, place, schema: ObjectBuilder| {
            let parameter = ParameterBuilder::new().name(name).parameter_in(place);
            RefOr::T(parameter.required(Required::True).schema(Some(schema)).build())
        };
        operation.parameters.get_or_insert_default().extend([
            needed("id", ParameterIn::Path, id),
            needed(CAPABILITY, ParameterIn::Header, capability),
        ]);
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
