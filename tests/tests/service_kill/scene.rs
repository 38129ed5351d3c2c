//! The service that is killed, and what is known of it.

use std::collections::BTreeMap;
use std::time::Duration;

use blindsight_ckks_client::SecretRng;
use blindsight_tests::api::{Api, Holding};
use blindsight_tests::client::Client;
use blindsight_tests::disk;
use blindsight_tests::evaluator::Evaluator;
use tempfile::TempDir;

use crate::ledger::Ledger;

/// The service, who uses it, and what it accepted.
pub(crate) struct Scene {
    pub(crate) seed: u64,
    /// Kills by phase.
    pub(crate) kills: BTreeMap<&'static str, u64>,
    pub(crate) client: Client,
    pub(crate) api: Api,
    pub(crate) ledger: Ledger,
    /// The key set of all jobs, once it is uploaded.
    pub(crate) keys: Option<Holding>,
    rng: SecretRng,
    /// `None` only while it is dead.
    evaluator: Option<Evaluator>,
    max_attempts: u32,
    folder: TempDir,
}

impl Scene {
    pub(crate) fn open() -> Self {
        let seed = std::env::var("BLINDSIGHT_SEED").map_or(1, |text| text.parse().unwrap());
        println!("BLINDSIGHT_SEED={seed}");
        let mut key = [0; 32];
        key[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let folder = TempDir::new().unwrap();
        // Attempts are counted over kills; here there are more than any service should bear.
        let max_attempts = 1000;
        let evaluator = start(&folder, max_attempts);
        Self {
            seed,
            kills: BTreeMap::new(),
            client: Client::new(3),
            api: Api::of(&evaluator),
            ledger: Ledger::default(),
            keys: None,
            rng: SecretRng::from_key(&key),
            evaluator: Some(evaluator),
            max_attempts,
            folder,
        }
    }

    /// A random number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.rng.next_u64() % end as u64) as usize
    }

    /// A random time below `end`.
    pub(crate) fn within(&mut self, end: Duration) -> Duration {
        end.mul_f64(self.rng.next_u64() as f64 / u64::MAX as f64)
    }

    /// Kills the service after a while, in which `act` uses it; starts it again, and holds it to
    /// everything it had accepted. `act` is told nothing: it finds out by an error.
    pub(crate) fn kill_during<T>(
        &mut self,
        phase: &'static str,
        after: Duration,
        act: impl FnOnce(&Api, &Client) -> T,
    ) -> T {
        let evaluator = self.evaluator.take().unwrap();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(after);
                evaluator.kill();
            });
            act(&self.api, &self.client)
        });
        self.restart(phase);
        outcome
    }

    /// Kills the service at once, and starts it again.
    pub(crate) fn kill(&mut self, phase: &'static str) {
        self.kill_during(phase, Duration::ZERO, |_, _| ());
    }

    fn restart(&mut self, phase: &'static str) {
        *self.kills.entry(phase).or_default() += 1;
        let evaluator = start(&self.folder, self.max_attempts);
        self.api = Api::of(&evaluator);
        self.evaluator = Some(evaluator);
        if let Some(keys) = &self.keys {
            let found = self.api.keys(keys);
            assert_eq!(found["bytes"], self.client.bundle.len(), "after a kill: {phase}");
            self.ledger.check(&self.api, keys, true);
        }
        let total: u64 = self.kills.values().sum();
        println!("kill {total} ({phase}): {}", self.ledger.summary());
    }

    /// Starts the service anew with another limit.
    pub(crate) fn limit_attempts(&mut self, attempts: u32) {
        self.max_attempts = attempts;
        self.kill("between");
    }

    /// Waits until all jobs have ended, checks their results, and that killing changes nothing of
    /// them; and that nothing is stored that belongs to none of them.
    pub(crate) fn finish(&mut self) {
        let keys = self.keys.clone().unwrap();
        self.ledger.finish(&self.api, &keys, &self.client);
        self.kill("idle");
        self.ledger.finish(&self.api, &keys, &self.client);
        let results = self.ledger.result_bytes();
        let expected = (self.client.bundle.len() + results) as u64;
        assert_eq!(disk::stored_bytes(&self.data()), expected, "more or less is on the disk");
        assert_eq!(self.api.keys(&keys)["stored_bytes"], expected, "more or less is counted");
    }

    fn data(&self) -> std::path::PathBuf {
        data(&self.folder)
    }
}

fn data(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("data")
}

fn start(folder: &TempDir, max_attempts: u32) -> Evaluator {
    let attempts = max_attempts.to_string();
    let flags = ["--max-attempts", &attempts, "--jobs-per-keys", "32"];
    Evaluator::start(&data(folder), &flags)
}
