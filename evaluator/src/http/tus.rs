//! Uploads by tus 1.0.0: core, creation, checksum, termination, expiration.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::rt;
use actix_web::web::{Data, Payload};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder};
use uuid::Uuid;

use super::access::{CAPABILITY, Holder, MaybeHolder, Name, Who};
use super::body::{self, PacedBody};
use super::metadata::{self, Metadata};
use super::problem::Refused;
use crate::refusal::{Code, Refusal};
use crate::service::Service;
use crate::uploads::{NewUpload, Part, Progress};

/// The version of tus.
pub(super) const VERSION: &str = "1.0.0";

const EXTENSIONS: &str = "creation,checksum,termination,expiration";

/// Names the protocol's version in every answer, as tus asks.
pub(super) async fn speak<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let version = HeaderValue::from_static(VERSION);
    response.headers_mut().insert(HeaderName::from_static("tus-resumable"), version);
    Ok(response)
}

/// What this server can do.
#[utoipa::path(
    options, path = "/v1/uploads", tag = "uploads",
    responses((status = 204, description = "Versions and extensions of tus, largest upload",
        headers(("Tus-Version" = String), ("Tus-Extension" = String), ("Tus-Max-Size" = u64),
                ("Tus-Checksum-Algorithm" = String))))
)]
pub(super) async fn options(service: Data<Service>) -> HttpResponse {
    let catalogue = service.models.catalogue();
    let longest = catalogue.models().iter().map(|model| model.description().key_bytes()).max();
    HttpResponse::NoContent()
        .insert_header(("Tus-Version", VERSION))
        .insert_header(("Tus-Extension", EXTENSIONS))
        .insert_header(("Tus-Max-Size", longest.unwrap_or(0).to_string()))
        .insert_header(("Tus-Checksum-Algorithm", "sha1,sha256"))
        .finish()
}

/// Starts an upload of the keys that a model needs beside those of the key sets in `have`. Who holds a capability already keeps it; if it owns a bundle
/// with the announced SHA-256, the upload is complete at once.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "Length of the bundle"),
        ("Upload-Metadata" = String, Header,
            description = "`model BASE64`; if known `sha256 BASE64(hexadecimal)`; if there are \
                some `have BASE64(ids of key sets, separated by commas)`"),
        ("Blindsight-Capability" = Option<String>, Header, description = "If there is one"),
    ),
    responses(
        (status = 201, description = "Started, or complete at once", headers(
            ("Location" = String, description = "Where to send the bundle"),
            ("Blindsight-Capability" = String, description = "If it is a new one; only here"),
            ("Blindsight-Keys" = String, description = "Id of the key set, if complete"),
            ("Upload-Offset" = u64), ("Upload-Length" = u64), ("Upload-Expires" = String))),
        (status = 400, description = "A header is wrong"),
        (status = 403, description = "The model's owner allows its label alone"),
        (status = 404, description = "No such model, or no such key set"),
        (status = 412, description = "Another version of tus"),
        (status = 422, description = "Nothing is missing"),
        (status = 429, description = "Too many uploads"),
        (status = 503, description = "Stopping"),
    )
)]
pub(super) async fn create(
    service: Data<Service>,
    request: HttpRequest,
    holder: MaybeHolder,
    who: Who,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let result = async {
        check_version(&request)?;
        let length = number(&request, "Upload-Length", Code::UploadLength)?;
        let metadata = text(&request, "Upload-Metadata", Code::UploadMetadata)?;
        let Metadata { model, sha256, have } = Metadata::parse(metadata)?;
        let (holder, caller) = (holder.0, who.0);
        service.uploads.create(NewUpload { length, model, have, sha256, holder, caller }).await
    };
    let created = match result.await {
        Ok(created) => created,
        Err(refusal) => {
            // Creation with upload is an extension that we do not have: any body is ignored.
            body::drain(payload).await;
            return Err(refusal.into());
        }
    };
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/v1/uploads/{}", created.id)));
    response.insert_header(("Upload-Length", created.progress.length.to_string()));
    if let Some(capability) = created.capability {
        response.insert_header((CAPABILITY, capability));
    }
    add_progress(&mut response, created.id, &created.progress);
    Ok(response.finish())
}

/// How far an upload is.
#[utoipa::path(
    head, path = "/v1/uploads/{id}", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 200, description = "Offset and length", headers(
            ("Upload-Offset" = u64), ("Upload-Length" = u64), ("Upload-Expires" = String),
            ("Blindsight-Keys" = String, description = "Id of the key set, if complete"))),
        (status = 410, description = "The upload was refused"),
        (status = 412, description = "Another version of tus"),
        (status = 422, description = "The bundle is not the announced one"),
        (status = 423, description = "Another request is writing"),
    )
)]
pub(super) async fn head(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    name: Name,
) -> Result<HttpResponse, Refused> {
    check_version(&request)?;
    let progress = service.uploads.progress(holder.0, name.0).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header(("Upload-Length", progress.length.to_string()));
    add_progress(&mut response, name.0, &progress);
    Ok(response.finish())
}

/// Appends to an upload. Every key is checked as soon as it is complete; with the last byte the
/// upload becomes a key set with the same id.
#[utoipa::path(
    patch, path = "/v1/uploads/{id}", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = u64, Header),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, base64"),
    ),
    request_body(content_type = "application/offset+octet-stream",
        description = "The next bytes of the bundle"),
    responses(
        (status = 204, description = "Appended", headers(
            ("Upload-Offset" = u64), ("Upload-Expires" = String),
            ("Blindsight-Keys" = String, description = "Id of the key set, if complete"))),
        (status = 400, description = "A header is wrong, or the body incomplete"),
        (status = 408, description = "The body came too slowly"),
        (status = 409, description = "The upload stands elsewhere"),
        (status = 410, description = "The upload was refused"),
        (status = 412, description = "Another version of tus"),
        (status = 413, description = "Too long"),
        (status = 415, description = "Another content type"),
        (status = 422, description = "A key is wrong; the upload is lost"),
        (status = 423, description = "Another request is writing"),
        (status = 429, description = "Too busy"),
        (status = 460, description = "The checksum does not match"),
        (status = 503, description = "Stopping"),
    )
)]
pub(super) async fn patch(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    who: Who,
    name: Name,
    payload: Payload,
) -> Result<HttpResponse, Refused> {
    let part = match part(&request) {
        Ok(part) => part,
        Err(refusal) => {
            body::drain(payload).await;
            return Err(refusal.into());
        }
    };
    let service = service.into_inner();
    // A task of its own: if the connection breaks, the handler may be dropped, but what arrived is
    // to be kept.
    let task = rt::spawn(async move {
        let mut body = PacedBody::new(payload, &service.config);
        let whose = (holder.0, &who.0);
        let result = service.uploads.append(whose, name.0, part, &mut body).await;
        if result.is_err() {
            body::drain(body.into_payload()).await;
        }
        result
    });
    let progress = task.await.map_err(Refusal::internal)??;
    let mut response = HttpResponse::NoContent();
    add_progress(&mut response, name.0, &progress);
    Ok(response.finish())
}

/// Deletes an unfinished upload, or the key set that it has become.
#[utoipa::path(
    delete, path = "/v1/uploads/{id}", tag = "uploads",
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 412, description = "Another version of tus"),
        (status = 423, description = "Another request is writing"),
    )
)]
pub(super) async fn delete(
    service: Data<Service>,
    request: HttpRequest,
    holder: Holder,
    who: Who,
    name: Name,
) -> Result<HttpResponse, Refused> {
    check_version(&request)?;
    service.delete(&who.0, holder.0, name.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn part(request: &HttpRequest) -> Result<Part, Refusal> {
    check_version(request)?;
    body::check_type(request, "application/offset+octet-stream")?;
    let offset = number(request, "Upload-Offset", Code::UploadOffset)?;
    let length = body::announced_length(request)?;
    let checksum = match request.headers().get("Upload-Checksum") {
        Some(_) => {
            let header = text(request, "Upload-Checksum", Code::ChecksumHeader)?;
            Some(metadata::checksum(header)?)
        }
        None => None,
    };
    Ok(Part { offset, length, checksum })
}

fn add_progress(response: &mut HttpResponseBuilder, id: Uuid, progress: &Progress) {
    response.insert_header(("Upload-Offset", progress.received.to_string()));
    match progress.expires_at {
        Some(at) => response.insert_header(("Upload-Expires", at.to_http_date())),
        None => response.insert_header(("Blindsight-Keys", id.to_string())),
    };
}

fn check_version(request: &HttpRequest) -> Result<(), Refusal> {
    if request.headers().get("Tus-Resumable").is_some_and(|version| version == VERSION) {
        return Ok(());
    }
    let detail = "Uploads speak tus: send the header Tus-Resumable: 1.0.0.";
    Err(Refusal::new(Code::TusVersion, detail))
}

fn text<'a>(request: &'a HttpRequest, name: &str, code: Code) -> Result<&'a str, Refusal> {
    let value = request.headers().get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| Refusal::new(code, format!("The header {name} is missing or no text.")))
}

fn number(request: &HttpRequest, name: &str, code: Code) -> Result<u64, Refusal> {
    let value = text(request, name, code)?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| value.parse().ok()).flatten();
    number.ok_or_else(|| Refusal::new(code, format!("The header {name} must be a whole number.")))
}
