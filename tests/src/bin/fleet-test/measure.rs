//! Figures of fleets without faults.

pub(crate) mod affinity;
pub(crate) mod claims;
pub(crate) mod drill;
pub(crate) mod fairness;
pub(crate) mod throughput;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use crate::Outcome;
use crate::client::{Client, Keys, PAUSE, accepted, unique_request};
use crate::rows::Rows;
use crate::world::becomes;

/// Keys of a caller, who must get them.
fn keys(fronts: &Arc<[SocketAddr]>, caller: u8, salt: u8) -> Outcome<(Client, Keys)> {
    let client = Client::new(fronts, caller);
    let keys = client.upload_at_last(salt).ok_or("keys were not taken")?;
    Ok((client, keys))
}

/// Submits a job, which must be accepted in the end.
fn submit(client: &Client, keys: &Keys, step_ms: u8) -> Outcome<String> {
    let name = Uuid::new_v4();
    let body = unique_request(name, step_ms);
    let mut last = String::new();
    for _ in 0..100 {
        if let Some(answer) = client.submit(keys, name, &body) {
            if let Some(id) = accepted(&answer) {
                return Ok(id);
            }
            last = answer.to_string();
        }
        thread::sleep(PAUSE);
    }
    Err(format!("a job was not accepted: {last}").into())
}

/// Waits until so many jobs have ended.
fn wait_for_ends(rows: &Rows, jobs: usize, limit: Duration) -> Outcome<()> {
    let all = i64::try_from(jobs)?;
    let has_ended = || {
        // Each look is a process with a connection of its own, which takes its time from the others.
        thread::sleep(Duration::from_millis(200));
        rows.ended().is_ok_and(|ended| ended >= all)
    };
    if becomes(limit, has_ended) {
        return Ok(());
    }
    Err(format!("{} of {jobs} jobs have ended after {limit:?}", rows.ended()?).into())
}
