//! What is served.

use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Refused;
use crate::hex;
use crate::models::{Broken, Listing};
use crate::service::Service;

/// The models, and how much may be asked of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// Version of the API.
    #[schema(example = "2")]
    api: String,
    server: Server,
    /// The first one is the default.
    models: Vec<Listing>,
    /// Files that are no models.
    broken: Vec<Broken>,
    limits: Limits,
}

/// The program that answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Server {
    version: String,
}

/// How much may be asked of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Limits {
    /// Jobs that may wait, of everybody together.
    queue: u32,
    /// Unfinished jobs of one key set.
    jobs_per_keys: u32,
    /// Longest part of an upload, in bytes.
    part_bytes: u64,
}

/// What is served.
#[utoipa::path(
    get, path = "/v1/models", tag = "models",
    responses(
        (status = 200, description = "Models and limits", body = Models),
    )
)]
pub(super) async fn models(service: Data<Service>) -> Json<Models> {
    let config = &service.config;
    let catalogue = service.models.catalogue();
    let models = catalogue.models().iter();
    Json(Models {
        api: "2".to_owned(),
        server: Server { version: env!("CARGO_PKG_VERSION").to_owned() },
        models: models.map(|model| model.description().listing().clone()).collect(),
        broken: catalogue.broken().to_vec(),
        limits: Limits {
            queue: config.queue,
            jobs_per_keys: config.jobs_per_keys,
            part_bytes: config.part_bytes,
        },
    })
}

/// A model's contract, as it was compiled: what a client checks and acts upon.
#[utoipa::path(
    get, path = "/v1/models/{model}/contract", tag = "models",
    params(
        ("model" = String, Path, description = "Name of the model"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that is known"),
    ),
    responses(
        (status = 200, description = "The contract", body = Object,
            headers(("ETag" = String, description = "Its SHA-256, hexadecimal, in quotes"))),
        (status = 304, description = "It is the one that is known"),
        (status = 403, description = "The model's owner allows its label alone"),
        (status = 404, description = "No such model"),
    )
)]
pub(super) async fn contract(
    service: Data<Service>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, Refused> {
    let model = service.models.find(&id)?;
    let description = model.description();
    let etag = format!("\"{}\"", hex::encode(&description.contract_sha256()));
    let known = is_known(request.headers(), &etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::ETAG, etag));
    response.insert_header((header::CACHE_CONTROL, "no-cache"));
    if known {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(description.contract_bytes().clone()))
}

/// Whether a client has what has this tag (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
