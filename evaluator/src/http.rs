//! The service over HTTP.

mod access;
mod body;
mod cors;
mod events;
mod health;
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

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};

use crate::service::Service;

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
        .service(resource("/health/live", web::get().to(health::live)))
        .service(resource("/health/ready", web::get().to(health::ready)))
        .service(
            web::resource("/metrics")
                .wrap(access::token())
                .route(web::get().to(health::metrics))
                .default_service(web::to(problem::method_not_allowed)),
        )
        .service(
            web::scope("/v1")
                .wrap(access::token())
                .service(resource("/openapi.json", web::get().to(openapi::document)))
                .service(resource("/status", web::get().to(health::status)))
                .service(resource("/models", web::get().to(models::models)))
                .service(
                    web::scope("/uploads")
                        .wrap(from_fn(tus::speak))
                        .service(
                            web::resource("")
                                .route(web::method(Method::OPTIONS).to(tus::options))
                                .route(web::post().to(tus::create))
                                .default_service(web::to(problem::method_not_allowed)),
                        )
                        .service(
                            web::resource("/{id}")
                                .route(web::method(Method::OPTIONS).to(tus::options))
                                .route(web::head().to(tus::head))
                                .route(web::patch().to(tus::patch))
                                .route(web::delete().to(tus::delete))
                                .default_service(web::to(problem::method_not_allowed)),
                        )
                        .default_service(web::to(problem::not_found)),
                )
                .service(
                    web::resource("/keys/{id}")
                        .route(web::get().to(keys::get))
                        .route(web::delete().to(keys::delete))
                        .default_service(web::to(problem::method_not_allowed)),
                )
                .service(resource("/keys/{id}/jobs", web::post().to(jobs::submit)))
                .service(
                    web::resource("/jobs/{id}")
                        .route(web::get().to(jobs::get))
                        .route(web::delete().to(jobs::cancel))
                        .default_service(web::to(problem::method_not_allowed)),
                )
                .service(resource("/jobs/{id}/events", web::get().to(events::events)))
                .service(resource("/jobs/{id}/result", web::get().to(jobs::result)))
                .default_service(web::to(problem::not_found)),
        )
        .default_service(web::to(static_site::serve));
}

fn resource(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path).route(route).default_service(web::to(problem::method_not_allowed))
}
