//! What processes on one database tell each other, and their leases.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_postgres::Config;
use uuid::Uuid;

use super::{connect, number, presence, stored};
use crate::store::StoreError;
use crate::store::state::runs::Start;
use crate::store::state::shared::{Heard, Note, Shared};
use crate::store::state::{Result, StateError};

/// The channel of `LISTEN` and `NOTIFY`.
pub(super) const CHANNEL: &str = "blindsight";

/// Notes that wait to be sent. What comes when they are full is found by who looks at the rows.
const NOTES: usize = 1024;

/// How long it may take to ask who is present.
const PATIENCE: Duration = Duration::from_secs(2);

/// The connections that are for neither looks nor changes.
#[derive(Debug)]
pub(super) struct Between {
    settings: Config,
    leases: Pool,
    notes: mpsc::Sender<Note>,
    handle: Handle,
}

impl Between {
    pub(super) fn new(settings: Config, pool: &Pool, handle: &Handle) -> Result<Self, StoreError> {
        let leases = connect::lease_pool(settings.clone())?;
        let (notes, waiting) = mpsc::channel(NOTES);
        handle.spawn(send(pool.clone(), waiting));
        Ok(Self { settings, leases, notes, handle: handle.clone() })
    }

    /// Waits for an answer, but not for ever: the network may be gone without a word.
    fn wait<T>(&self, most: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
        self.handle.block_on(async {
            let late = |_| Err(StateError::away("the database does not answer"));
            tokio::time::timeout(most, answer).await.unwrap_or_else(late)
        })
    }
}

impl Shared for Between {
    fn join(&self, process: Uuid, hear: Arc<dyn Fn(Heard) + Send + Sync>) -> Result<()> {
        self.handle.spawn(presence::keep(self.settings.clone(), process, hear));
        Ok(())
    }

    fn announce(&self, note: Note) {
        // Full, or the process ends.
        let _ = self.notes.try_send(note);
    }

    fn renew(&self, worker: Uuid, runs: &[(Start, u32)], lease_ms: u64) -> Result<Vec<Start>> {
        let (mut seqs, mut epochs, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for (start, step) in runs {
            seqs.push(start.seq);
            epochs.push(stored(start.epoch)?);
            steps.push(i64::from(*step));
        }
        // Who waits for long cannot stop in time.
        let most = Duration::from_millis((lease_ms / 10).clamp(50, 1000));
        let lease_ms = stored(lease_ms)?;
        self.wait(most, async {
            let client = self.leases.get().await?;
            // In the order in which several ends of one change are written: two who lock rows in different
            // orders wait for each other.
            let query = "WITH mine AS (
                             SELECT jobs.seq, run.step
                             FROM jobs JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[])
                                 AS run (seq, epoch, step) USING (seq, epoch)
                             WHERE worker = $1 AND state = 'running'
                             ORDER BY jobs.seq FOR UPDATE OF jobs)
                         UPDATE jobs SET renewed_at = now_ms(), lease_until = now_ms() + $5,
                             step = greatest(jobs.step, mine.step)
                         FROM mine WHERE jobs.seq = mine.seq
                         RETURNING jobs.seq, jobs.epoch";
            let query = client.prepare_cached(query).await?;
            let rows = client.query(&query, &[&worker, &seqs, &epochs, &steps, &lease_ms]).await?;
            rows.iter()
                .map(|row| Ok(Start { seq: row.try_get(0)?, epoch: number(row, 1)? }))
                .collect()
        })
    }

    fn absent(&self, processes: &[Uuid]) -> Result<Vec<Uuid>> {
        let keys: Vec<i64> = processes.iter().map(|&process| presence::lock(process)).collect();
        self.wait(PATIENCE, async {
            let client = self.leases.get().await?;
            // The lock of who is present cannot be had; any other one is let go at once.
            let query = "SELECT process FROM unnest($1::uuid[], $2::bigint[]) AS p (process, key)
                         WHERE pg_try_advisory_xact_lock_shared(key)";
            let query = client.prepare_cached(query).await?;
            let rows = client.query(&query, &[&processes, &keys]).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
    }
}

/// The shortest time between two that are sent.
const BETWEEN: Duration = Duration::from_millis(10);

/// Sends notes, all that wait at once. Within a change they would cost every change its speed.
async fn send(pool: Pool, mut waiting: mpsc::Receiver<Note>) {
    let mut notes = Vec::new();
    while waiting.recv_many(&mut notes, NOTES).await > 0 {
        let mut texts: Vec<String> = notes.drain(..).map(Note::to_text).collect();
        texts.dedup();
        let sent = async {
            let client = pool.get().await.map_err(StateError::from)?;
            let query = "SELECT pg_notify($1, note) FROM unnest($2::text[]) AS note";
            let query = client.prepare_cached(query).await?;
            client.execute(&query, &[&CHANNEL, &texts]).await?;
            Ok::<_, StateError>(())
        };
        if let Err(error) = sent.await {
            tracing::debug!(%error, "notes were not sent");
        }
        // Each wakes all processes. What comes meanwhile is sent together.
        tokio::time::sleep(BETWEEN).await;
    }
}
