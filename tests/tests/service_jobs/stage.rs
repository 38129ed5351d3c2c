//! The process that all scenes share.

use blindsight_tests::api::{Api, Holding};
use blindsight_tests::client::Client;
use blindsight_tests::disk;
use blindsight_tests::evaluator::Evaluator;
use tempfile::TempDir;

/// Places in the queue.
pub(crate) const QUEUE: usize = 2;
/// Threads that compute.
pub(crate) const THREADS: usize = 2;

pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) keys: Holding,
    pub(crate) api: Api,
    /// `None` only while it is started anew.
    evaluator: Option<Evaluator>,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let client = Client::new(2);
        let evaluator = start(&folder);
        let api = Api::of(&evaluator);
        let keys = api.upload(&client.bundle);
        Self { client, keys, api, evaluator: Some(evaluator), folder }
    }

    pub(crate) fn evaluator(&self) -> &Evaluator {
        self.evaluator.as_ref().unwrap()
    }

    /// Ends the process in some way, and starts another with the same data.
    pub(crate) fn restart<T>(&mut self, end: impl FnOnce(Evaluator) -> T) -> T {
        let ended = end(self.evaluator.take().unwrap());
        let evaluator = start(&self.folder);
        self.api = Api::of(&evaluator);
        self.evaluator = Some(evaluator);
        ended
    }

    /// Bytes of blobs and uploads.
    pub(crate) fn stored_bytes(&self) -> u64 {
        disk::stored_bytes(&self.folder.path().join("data"))
    }

    pub(crate) fn request(&self, sample: &str) -> Vec<u8> {
        self.client.request(sample, 8)
    }
}

fn start(folder: &TempDir) -> Evaluator {
    let (queue, threads) = (QUEUE.to_string(), THREADS.to_string());
    let flags = [
        ["--queue", &queue],
        ["--threads", &threads],
        ["--jobs-per-keys", "10"],
        ["--heartbeat-seconds", "1"],
    ];
    Evaluator::start(&folder.path().join("data"), &flags.concat())
}
