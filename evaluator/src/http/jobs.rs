//! Jobs: submit, look, cancel, fetch the result.

use actix_web::http::header;
use actix_web::web::{Data, Json, Payload, Query};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use uuid::Uuid;

use super::access::{Holder, Name, Who};
use super::problem::Refused;
use super::{body, ids};
use crate::jobs::{JobView, NewJob};
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::traces::TraceParent;

/// Submits an encrypted input. The same `Idempotency-Key` with the same input and model is the same
/// job.
#[utoipa::path(
    post, path = "/v1/keys/{id}/jobs", tag = "jobs",
    params(
        ("model" = String, Query, description = "Name of the model"),
        ("with" = Option<String>, Query,
            description = "Ids of up to 8 further key sets, separated by commas"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible characters"),
    ),
    request_body(content_type = "application/octet-stream",
        description = "The request: one seeded ciphertext"),
    responses(
        (status = 202, description = "Accepted", body = JobView,
            headers(("Location" = String))),
        (status = 400, description = "A parameter is wrong, or the body incomplete"),
        (status = 403, description = "The model's owner allows its label alone"),
        (status = 408, description = "The body came too slowly"),
        (status = 413, description = "Longer than a request"),
        (status = 415, description = "Another content type"),
        (status = 422, description = "No model, not its keys, or not a request for it"),
        (status = 429, description = "The queue is full, or the caller's quota used up"),
        (status = 503, description = "Stopping, or no new jobs are accepted"),
    )
)]
pub(super) async fn submit(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    who: Who,
    name: Name,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let service = service.into_inner();
    let checked = async {
        let idempotency_key = idempotency_key(&request)?;
        body::check_type(&request, "application/octet-stream")?;
        // Strangers' bodies do not get into memory.
        service.keys.find(holder.0, name.0).await?.ok_or_else(Refusal::not_found)?;
        let Parameters { model, with } = Parameters::parse(request.query_string(), name.0)?;
        let model = service.models.find(&model)?;
        let permit = service.gate.admit(&who.0, model.description().request_bytes())?;
        Ok((idempotency_key, model, with, permit))
    };
    let (idempotency_key, model, with, _permit) = match checked.await {
        Ok(checked) => checked,
        Err(refusal) => {
            body::drain(payload).await;
            return Err(Refused(refusal));
        }
    };
    let limit = model.description().request_bytes();
    let trace = request.extensions().get::<TraceParent>().copied();
    let request = body::read_all(&request, payload, limit, &service.config).await?;
    let caller = who.0;
    let new = NewJob { keys: name.0, with, model, idempotency_key, request, caller, trace };
    let job = service.jobs.submit(holder.0, new).await?;
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
    let job = service.jobs.view(holder.0, name.0).await?;
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
    who: Who,
    name: Name,
) -> Result<Json<JobView>, Refused> {
    Ok(Json(service.cancel(&who.0, holder.0, name.0).await?))
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
    let bytes = service.jobs.result(holder.0, name.0).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(bytes))
}

/// What the address of a new job says beside its key set.
struct Parameters {
    model: String,
    with: Vec<Uuid>,
}

impl Parameters {
    /// Reads the query; what means nothing here is passed over.
    fn parse(query: &str, keys: Uuid) -> Result<Self, Refusal> {
        let wrong = |detail: &str| Refusal::new(Code::BadRequest, detail);
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        let pairs = pairs.map_err(|_| wrong("The query of the address is malformed."))?;
        let (mut model, mut with) = (None, None);
        for (name, value) in pairs.into_inner() {
            let place = match name.as_str() {
                "model" => &mut model,
                "with" => &mut with,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(wrong(&format!("The parameter {name} stands twice.")));
            }
        }
        let detail = "Say which model is to run: ?model=ID.";
        let model = model.ok_or_else(|| Refusal::new(Code::ModelMissing, detail))?;
        let with = with.map_or(Ok(Vec::new()), |with| ids::parse(&with));
        let with = with.map_err(|what| wrong(&format!("The parameter with {what}.")))?;
        if with.contains(&keys) {
            return Err(wrong("The parameter with names the key set that the job belongs to."));
        }
        Ok(Self { model, with })
    }
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
