//! Who may ask: the service token, and capabilities.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::{Method, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpRequest, ResponseError as _};
use uuid::Uuid;

use super::problem::Refused;
use crate::capability::Owner;
use crate::refusal::{Code, Refusal};
use crate::service::Service;

/// The header that carries a capability.
pub(super) const CAPABILITY: &str = "Blindsight-Capability";

/// Lets nobody pass without the service token, where one is configured.
pub(super) fn token<S, B>() -> impl Transform<
    S,
    ServiceRequest,
    Response = ServiceResponse<EitherBody<B>>,
    Error = Error,
    InitError = (),
> + 'static
where
    S: actix_web::dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>
        + 'static,
    B: MessageBody + 'static,
{
    from_fn(check_token::<B>)
}

async fn check_token<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if let Err(refusal) = is_allowed(&request) {
        let response = Refused(refusal).error_response().map_into_right_body::<B>();
        let _: &actix_web::HttpResponse<EitherBody<B, BoxBody>> = &response;
        return Ok(request.into_response(response));
    }
    Ok(next.call(request).await?.map_into_left_body())
}

fn is_allowed(request: &ServiceRequest) -> Result<(), Refusal> {
    let service = request.app_data::<Data<Service>>();
    let Some(token) = service.and_then(|service| service.gate.token) else {
        return Ok(());
    };
    // Browsers ask beforehand, and without any token, what they may send.
    if request.method() == Method::OPTIONS {
        return Ok(());
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    if given.is_some_and(|given| token.is(given)) {
        return Ok(());
    }
    let detail = "This service is for those who hold its token.";
    Err(Refusal::new(Code::Unauthorized, detail))
}

/// The holder of the capability that a request carries. Without one there is nothing to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder(pub(super) Owner);

/// The holder of a capability, if the request carries a well-formed one.
#[derive(Debug, Clone, Copy)]
pub(super) struct MaybeHolder(pub(super) Option<Owner>);

/// The name in a path, if it is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name(pub(super) Uuid);

fn owner(request: &HttpRequest) -> Option<Owner> {
    Owner::of(request.headers().get(CAPABILITY)?.to_str().ok()?)
}

impl FromRequest for Holder {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(owner(request).map(Self).ok_or_else(|| Refusal::not_found().into()))
    }
}

impl FromRequest for MaybeHolder {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(owner(request))))
    }
}

impl FromRequest for Name {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let name = request.match_info().get("id").and_then(|text| {
            let id = Uuid::try_parse(text).ok()?;
            // One form only, so that a path and its log line mean the same.
            (id.to_string() == text).then_some(id)
        });
        ready(name.map(Self).ok_or_else(|| Refusal::not_found().into()))
    }
}
