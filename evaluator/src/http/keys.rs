//! Key sets.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};

use super::access::{Holder, Name, Who};
use super::problem::Refused;
use crate::keys::KeysView;
use crate::service::Service;

/// A key set.
#[utoipa::path(
    get, path = "/v1/keys/{id}", tag = "keys",
    responses(
        (status = 200, description = "The key set", body = KeysView),
    )
)]
pub(super) async fn get(
    service: Data<Service>,
    holder: Holder,
    name: Name,
) -> Result<Json<KeysView>, Refused> {
    Ok(Json(service.keys.view(holder.0, name.0).await?))
}

/// Deletes a key set with everything that depends on it: jobs, results, or the unfinished upload.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys",
    responses(
        (status = 204, description = "Deleted"),
        (status = 423, description = "The upload is being written to"),
    )
)]
pub(super) async fn delete(
    service: Data<Service>,
    holder: Holder,
    who: Who,
    name: Name,
) -> Result<HttpResponse, Refused> {
    service.delete(&who.0, holder.0, name.0).await?;
    Ok(HttpResponse::NoContent().finish())
}
