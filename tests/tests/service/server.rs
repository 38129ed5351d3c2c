//! A service on a free port of this machine, with a data folder of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use blindsight_evaluator::Engine;
use blindsight_evaluator::config::Config;
use blindsight_evaluator::served::ServedEngine;
use blindsight_evaluator::server::serve;
use blindsight_evaluator::service::Service;
use tempfile::TempDir;

/// A running service; stopped and its folder removed at the end.
pub(crate) struct Server {
    pub(crate) url: String,
    service: Arc<Service>,
    thread: Option<JoinHandle<()>>,
    _data: TempDir,
}

impl Server {
    /// Serves the model of this repository.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config { listen, data: folder.path().to_owned(), ..Config::default() };
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().build().unwrap());
        let model = Arc::new(ServedEngine::new(engine(), "resnet20-relu-cifar10"));
        let service = Service::open(config, model).unwrap();
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn({
            let service = service.clone();
            move || serve(&service, &pool, |address| send.send(address).unwrap()).unwrap()
        });
        let url = format!("http://{}", receive.recv().unwrap());
        Self { url, service, thread: Some(thread), _data: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.service.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported, and must not hide the one that brought us here.
            let _ = thread.join();
        }
    }
}

fn engine() -> Engine {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let read = |name: &str| std::fs::read(models.join(name)).unwrap();
    let weights = read("resnet20-relu-cifar10.safetensors");
    Engine::load(&weights, &read("resnet20-relu-cifar10.calibration.json")).unwrap()
}
