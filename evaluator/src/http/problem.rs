//! Refusals as answers: problem details (RFC 9457).

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::refusal::{Code, Refusal};

/// What the body of every refusal says.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:blindsight:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable code, listed in `docs/protocol.md`.
    pub code: String,
    /// What is wrong with this request, in a sentence.
    pub detail: String,
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let Refusal { code, detail, retry_after } = &self.0;
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(seconds) = retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        match code {
            Code::Unauthorized => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Code::TusVersion => {
                response.insert_header(("Tus-Version", super::tus::VERSION));
            }
            _ => {}
        }
        response.json(Problem {
            kind: format!("urn:blindsight:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.as_str().to_owned(),
            detail: detail.clone(),
        })
    }
}

/// The answer where there is nothing.
pub(super) async fn not_found() -> Refused {
    Refusal::not_found().into()
}

/// The answer to another method than those of a resource, which it names.
pub(super) fn method_not_allowed(method: &Method, allowed: &str) -> HttpResponse {
    let detail = format!("{method} is not possible here, only {allowed}.");
    let mut response = Refused(Refusal::new(Code::MethodNotAllowed, detail)).error_response();
    let allowed = HeaderValue::from_str(allowed).expect("names of methods are visible characters");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

impl actix_web::Responder for Refused {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
        self.error_response()
    }
}
