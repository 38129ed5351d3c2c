//! The service over HTTP.

mod access;
mod body;
mod cors;
mod events;
mod health;
mod ids;
mod jobs;
mod keys;
mod metadata;
mod method_override;
mod models;
pub mod openapi;
mod problem;
mod static_site;
mod trace;
mod tus;

use std::sync::Arc;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, Resource, Route};

use crate::config::Role;
use crate::service::Service;

pub use access::host;
pub use cors::cors;
pub use method_override::method_override;
pub use problem::Problem;
pub use static_site::{SiteError, StaticSite};
pub use trace::trace;

/// Adds all routes: the API, and under everything else the page.
pub fn routes(config: &mut ServiceConfig, service: &Arc<Service>, site: Option<&Arc<StaticSite>>) {
    config.app_data(Data::from(service.clone()));
    if let Some(site) = site {
        config.app_data(Data::from(site.clone()));
    }
    config
        .service(resource(
            "/health/live",
            [(Method::GET, web::to(health::live)), (Method::HEAD, web::to(health::live))],
        ))
        .service(resource(
            "/health/ready",
            [(Method::GET, web::to(health::ready)), (Method::HEAD, web::to(health::ready))],
        ))
        .service(
            resource("/metrics", [(Method::GET, web::to(health::metrics))]).wrap(access::token()),
        );
    if service.config.role == Role::Worker {
        config.default_service(web::to(problem::not_found));
        return;
    }
    config
        .service(
            web::scope("/v1")
                .wrap(access::token())
                .service(resource("/openapi.json", [(Method::GET, web::to(openapi::document))]))
                .service(resource("/status", [(Method::GET, web::to(health::status))]))
                .service(resource("/models", [(Method::GET, web::to(models::models))]))
                .service(resource(
                    "/models/{model}/contract",
                    [(Method::GET, web::to(models::contract))],
                ))
                .service(uploads())
                .service(resource(
                    "/keys/{id}",
                    [(Method::GET, web::to(keys::get)), (Method::DELETE, web::to(keys::delete))],
                ))
                .service(resource("/keys/{id}/jobs", [(Method::POST, web::to(jobs::submit))]))
                .service(resource(
                    "/jobs/{id}",
                    [(Method::GET, web::to(jobs::get)), (Method::DELETE, web::to(jobs::cancel))],
                ))
                .service(resource("/jobs/{id}/events", [(Method::GET, web::to(events::events))]))
                .service(resource("/jobs/{id}/result", [(Method::GET, web::to(jobs::result))]))
                .default_service(web::to(problem::not_found)),
        )
        .default_service(web::to(static_site::serve));
}

fn uploads() -> impl HttpServiceFactory {
    web::scope("/uploads")
        .wrap(from_fn(tus::speak))
        .service(resource(
            "",
            [(Method::OPTIONS, web::to(tus::options)), (Method::POST, web::to(tus::create))],
        ))
        .service(resource(
            "/{id}",
            [
                (Method::OPTIONS, web::to(tus::options)),
                (Method::HEAD, web::to(tus::head)),
                (Method::PATCH, web::to(tus::patch)),
                (Method::DELETE, web::to(tus::delete)),
            ],
        ))
        .default_service(web::to(problem::not_found))
}

/// A resource with its methods. The answer to any other one names them (RFC 9110, section 15.5.6).
fn resource<const N: usize>(path: &str, methods: [(Method, Route); N]) -> Resource {
    let allowed = methods.each_ref().map(|(method, _)| method.as_str()).join(", ");
    let refuse = web::to(move |request: HttpRequest| {
        let response = problem::method_not_allowed(request.method(), &allowed);
        async { response }
    });
    let resource = web::resource(path).default_service(refuse);
    (methods.into_iter())
        .fold(resource, |resource, (method, route)| resource.route(route.method(method)))
}
