//! What is served.

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::served::ModelDescription;
use crate::service::Service;

/// Everything a client must know before it makes keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// Version of the API.
    #[schema(example = "1")]
    api: String,
    server: Server,
    models: Vec<ModelDescription>,
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
        (status = 200, description = "Models with their parameters", body = Models),
    )
)]
pub(super) async fn models(service: Data<Service>) -> Json<Models> {
    let config = &service.config;
    Json(Models {
        api: "1".to_owned(),
        server: Server { version: env!("CARGO_PKG_VERSION").to_owned() },
        models: vec![service.model.description().clone()],
        limits: Limits {
            queue: config.queue,
            jobs_per_keys: config.jobs_per_keys,
            part_bytes: config.part_bytes,
        },
    })
}
