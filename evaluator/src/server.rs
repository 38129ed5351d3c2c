//! The running server: starts everything, and ends it in order.

use std::future::ready;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::middleware::{Condition, DefaultHeaders, from_fn};
use rayon::ThreadPool;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::caller::Caller;
use crate::config::{Config, Role};
use crate::connection::{Connection, ReadingPace};
use crate::disposal;
use crate::fleet::Fleet;
use crate::http::{self, SiteError, StaticSite};
use crate::jobs::Runners;
use crate::orphans;
use crate::places::Places;
use crate::refusal::Refusal;
use crate::service::Service;
use crate::upkeep;

/// Why the server does not start, or ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The page cannot be served.
    #[error("the page: {0}")]
    Site(#[from] SiteError),
    /// Another program listens there, or the address is not this machine's.
    #[error("cannot listen on {address}: {source} (--listen chooses another address)")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Threads and signals.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The stores could not be brought into order.
    #[error("what an earlier process left cannot be put in order; the log says why")]
    Recovery(Refusal),
}

/// Serves until SIGTERM, SIGINT or [`Service::stop`]. `ready` gets the address when requests are
/// answered.
///
/// # Errors
/// When the server cannot start.
pub fn serve(
    service: &Arc<Service>,
    pool: &Arc<ThreadPool>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let answers = service.config.role != Role::Worker;
    let site = match &service.config.web {
        Some(folder) if answers => Some(Arc::new(StaticSite::load(folder)?)),
        _ => None,
    };
    // For what runs beside requests: the stores of the runners, the sweep.
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("background")
        .enable_all()
        .build()?;
    background.block_on(upkeep::recover(service)).map_err(ServeError::Recovery)?;
    let sweeper = background.spawn(upkeep::sweep_until_stopped(service.clone()));
    let disposer = background.spawn(disposal::dispose_until_stopped(service.clone()));
    let orphans = background.spawn(orphans::sweep_until_stopped(service.clone()));
    let watcher = background.spawn(upkeep::watch_models_until_stopped(service.clone()));
    background.spawn(upkeep::probe_blobs_until_stopped(service.clone()));

    let result = actix_web::rt::System::new().block_on(async {
        let (server, address) = bind(service, site)?;
        let fleet = Fleet::join(service, background.handle())?;
        let runners = Runners::start(&service.jobs, pool, background.handle())?;
        let preload = preload_beside(service, pool)?;
        actix_web::rt::spawn(stop_at_the_end(service.clone(), server.handle()));
        ready(address);
        let result = server.await.map_err(ServeError::Io);
        service.stop();
        finish(service, &runners);
        runners.join();
        fleet.leave();
        if preload.join().is_err() {
            tracing::error!("loading a model panicked");
        }
        result
    });
    // They end with the service, which has not begun where there was no address to be had.
    service.stop();
    let _ = background.block_on(async { tokio::join!(sweeper, disposer, orphans, watcher) });
    service.traces.end();
    result
}

/// Lets runs come to their ends, for as long as that may take.
fn finish(service: &Service, runners: &Runners) {
    let end = Instant::now() + Duration::from_secs(service.config.finish_seconds());
    while !runners.are_idle() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    service.break_off();
}

/// Makes models ready while requests are answered already.
fn preload_beside(
    service: &Arc<Service>,
    pool: &Arc<ThreadPool>,
) -> std::io::Result<JoinHandle<()>> {
    let (service, pool) = (service.clone(), pool.clone());
    let preload = move || {
        if service.config.role != Role::Front {
            upkeep::preload(&service, &pool);
        }
    };
    std::thread::Builder::new().name("preload".to_owned()).spawn(preload)
}

fn bind(
    service: &Arc<Service>,
    site: Option<Arc<StaticSite>>,
) -> Result<(Server, SocketAddr), ServeError> {
    let app = {
        let service = service.clone();
        let has_cors = !service.config.cors_origins.is_empty();
        move || {
            App::new()
                .configure(|config| http::routes(config, &service, site.as_ref()))
                .wrap(Condition::new(has_cors, http::cors(&service.config)))
                .wrap(DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
                .wrap(from_fn(http::method_override))
                .wrap(from_fn(http::host))
                .wrap(from_fn(http::trace))
        }
    };
    let config = &service.config;
    let failed = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let builder = Server::build()
        .workers(config.http_threads.max(1))
        .max_concurrent_connections(config.connections)
        .shutdown_timeout(config.shutdown_seconds)
        .disable_signals();
    let ending = builder.graceful_shutdown_signal();
    let door = Door::new(config);
    // What `HttpServer` of actix-web does, but for connections that are counted and make progress.
    let builder = builder.listen("blindsight", listener, move || {
        let (door, ending) = (door.clone(), ending.clone());
        let app = app().into_factory().map_err(|error: actix_web::Error| error.error_response());
        let app = map_config(app, |()| AppConfig::default());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .keep_alive(Duration::from_secs(75))
            .client_request_timeout(Duration::from_secs(10))
            .client_disconnect_timeout(Duration::from_secs(5))
            .local_addr(address)
            .h1(app);
        fn_service(move |stream: TcpStream| ready(door.admit(stream))).and_then(http)
    });
    Ok((builder.map_err(failed)?.run(), address))
}

/// What connections pass before anything is read from them.
#[derive(Debug, Clone)]
struct Door {
    places: Places,
    proxies: Vec<IpAddr>,
    pace: ReadingPace,
}

impl Door {
    fn new(config: &Config) -> Self {
        let together = config.connections.saturating_mul(config.http_threads.max(1));
        Self {
            places: Places::new(together, config.connections_per_address),
            proxies: config.trusted_proxies.clone(),
            pace: ReadingPace {
                pause: Duration::from_secs(config.write_pause_seconds),
                rate: config.body_rate,
            },
        }
    }

    fn admit(&self, stream: TcpStream) -> Result<(Connection, Option<SocketAddr>), DispatchError> {
        let peer = stream.peer_addr()?;
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let place = if self.proxies.contains(&peer.ip().to_canonical()) {
            None
        } else {
            let caller = Caller::of_address(peer.ip());
            Some(self.places.take(&caller).map_err(|_| refused())?)
        };
        // Answers are written whole; waiting for more to send only makes them late.
        let _ = stream.set_nodelay(true);
        Ok((Connection::new(stream, self.pace, place), Some(peer)))
    }
}

/// Ends the server when a signal comes or the service is stopped.
async fn stop_at_the_end(service: Arc<Service>, server: ServerHandle) {
    let mut stopping = service.lifecycle.stopping();
    tokio::select! {
        () = signal() => tracing::info!("stopping"),
        _ = stopping.wait_for(|&stopping| stopping) => {}
    }
    // First the service, so that event streams end and runs are put back; then the connections.
    service.stop();
    server.stop(true).await;
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signals the process ends as the system ends it, and recovers at the next start.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
