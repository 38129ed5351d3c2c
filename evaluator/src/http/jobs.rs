//! Jobs: submit, look, cancel, fetch the result.

use actix_web::http::header;
use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::access::{Holder, Name};
use super::body;
use super::problem::Refused;
use crate::jobs::{self, JobView, NewJob};
use crate::refusal::{Code, Refusal};
use crate::service::Service;

/// Submits an encrypted picture. The same `Idempotency-Key` with the same picture is the same job.
#[utoipa::path(
    post, path = "/v1/keys/{id}/jobs", tag = "jobs",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters"),
    ),
    request_body(content_type = "application/octet-stream",
        description = "The request: one seeded ciphertext"),
    responses(
        (status = 202, description = "Accepted", body = JobView,
            headers(("Location" = String))),
        (status = 400, description = "A header is wrong, or the body incomplete"),
        (status = 408, description = "The body came too slowly"),
        (status = 413, description = "Longer than a request"),
        (status = 415, description = "Another content type"),
        (status = 422, description = "Not a request for this model"),
        (status = 429, description = "The queue is full"),
        (status = 503, description = "Stopping"),
    )
)]
pub(super) async fn submit(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    name: Name,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let service = service.into_inner();
    let checked = async {
        let idempotency_key = idempotency_key(&request)?;
        body::check_type(&request, "application/octet-stream")?;
        // Strangers' bodies do not get into memory.
        crate::keys::find(&service, holder.0, name.0).await?.ok_or_else(Refusal::not_found)?;
        let permit = service.request_permits.clone().try_acquire_owned().map_err(|_| {
            let detail = "Too many requests at this moment; try again.";
            Refusal::new(Code::Busy, detail).retry_after(1)
        })?;
        Ok((idempotency_key, permit))
    };
    let (idempotency_key, _permit) = match checked.await {
        Ok(checked) => checked,
        Err(refusal) => {
            body::drain(payload).await;
            return Err(Refused(refusal));
        }
    };
    let limit = service.model.description().request_bytes;
    let request = body::read_all(&request, payload, limit, &service.config).await?;
    let new = NewJob { keys: name.0, idempotency_key, request };
    let job = jobs::submit(&service, holder.0, new).await?;
    let location = (header::LOCATION, format!("/v1/jobs/{}", job.id));
    Ok(HttpResponse::Accepted().insert_header(location).json(job))
}

/// A job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs",
    responses(
        (status = 200, description = "The job", body = JobView),
    )
)]
pub(super) async fn get(
    service: Data<Service>,
    holder: Holder,
    name: Name,
) -> Result<HttpResponse, Refused> {
    let job = jobs::view(&service.into_inner(), holder.0, name.0).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(job))
}

/// Cancels a job. One that has ended stays as it is.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs",
    responses(
        (status = 200, description = "The job as it is now", body = JobView),
    )
)]
pub(super) async fn cancel(
    service: Data<Service>,
    holder: Holder,
    name: Name,
) -> Result<Json<JobView>, Refused> {
    Ok(Json(jobs::cancel(&service.into_inner(), holder.0, name.0).await?))
}

/// The encrypted answer.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/result", tag = "jobs",
    responses(
        (status = 200, description = "The response frame",
            content_type = "application/octet-stream"),
        (status = 409, description = "Not ready"),
        (status = 410, description = "Expired, or there will be none"),
    )
)]
pub(super) async fn result(
    service: Data<Service>,
    holder: Holder,
    name: Name,
) -> Result<HttpResponse, Refused> {
    let bytes = jobs::result(&service.into_inner(), holder.0, name.0).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Refusal> {
    let Some(value) = request.headers().get("Idempotency-Key") else {
        return Ok(None);
    };
    // As text alone, a header may hold tabs too.
    let is_visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let value = value.to_str().ok().filter(|text| (1..=128).contains(&text.len()));
    let value = value.filter(is_visible);
    let detail = "Idempotency-Key must have 1 to 128 visible characters.";
    let value = value.ok_or_else(|| Refusal::new(Code::IdempotencyKey, detail))?;
    Ok(Some(value.to_owned()))
}
