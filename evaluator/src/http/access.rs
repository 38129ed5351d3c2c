//! Who asks, and whether they may: names of the service, tokens and keys, and capabilities.

use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::uri::Authority;
use actix_web::http::{Method, header};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, ResponseError as _};
use uuid::Uuid;

use super::problem::Refused;
use crate::caller::Caller;
use crate::capability::Owner;
use crate::refusal::Refusal;
use crate::service::Service;

/// The header that carries a capability.
pub(super) const CAPABILITY: &str = "Blindsight-Capability";

/// Lets nobody pass without a token, an API key or a JWT, where those are asked for.
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
    match caller(&request).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        Err(refusal) => return Ok(refuse(request, refusal)),
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// Who asks. Browsers ask beforehand, and without any token, what they may send: that is nobody.
async fn caller(request: &ServiceRequest) -> Result<Option<Caller>, Refusal> {
    let service = request.app_data::<Data<Service>>();
    let service = service.ok_or_else(|| Refusal::internal("a route without a service"))?;
    if request.method() == Method::OPTIONS {
        return Ok(None);
    }
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let forwarded: Vec<&str> = (request.headers().get_all(header::X_FORWARDED_FOR))
        .filter_map(|value| value.to_str().ok())
        .collect();
    // Only a Unix socket has no address, and there is none.
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let sender = service.gate.sender(peer, &forwarded);
    service.credentials.caller(sender, shown).await.map(Some)
}

/// Lets nobody in who meant somebody else.
///
/// # Errors
/// Those of what it is wrapped around.
pub async fn host<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let service = request.app_data::<Data<Service>>();
    let refused = service.and_then(|service| {
        // A request with a whole URI names its host there (RFC 9112, section 3.2.2). Without any
        // name it is no browser's.
        let named = request.uri().authority().map(Authority::as_str);
        let header = || request.headers().get(header::HOST).map(|value| value.to_str());
        match named.map(Ok).or_else(header)? {
            Ok(host) => service.gate.check_host(host).err(),
            Err(_) => service.gate.check_host("").err(),
        }
    });
    match refused {
        Some(refusal) => Ok(refuse(request, refusal)),
        None => Ok(next.call(request).await?.map_into_left_body()),
    }
}

fn refuse<B>(request: ServiceRequest, refusal: Refusal) -> ServiceResponse<EitherBody<B>> {
    request.into_response(Refused(refusal).error_response().map_into_right_body())
}

/// The caller of a request under `/v1`.
#[derive(Debug, Clone)]
pub(super) struct Who(pub(super) Caller);

impl FromRequest for Who {
    type Error = Refused;
    type Future = Ready<Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        let missing = || Refusal::internal("a route that asks nobody who they are").into();
        ready(caller.map(Self).ok_or_else(missing))
    }
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
