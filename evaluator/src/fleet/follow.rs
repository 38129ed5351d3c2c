//! Keeps the board after the rows that other processes change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::blocking::blocking;
use crate::config::Role;
use crate::service::Service;

/// The shortest pause between two looks.
const SHORTEST: Duration = Duration::from_millis(50);

/// The longest: what was announced may have got lost.
const LONGEST: Duration = Duration::from_secs(1);

/// A queue that is not looked at more often than that.
const LONG: usize = 500;

/// Follows until the service stops. It also notices whether storage works.
pub(super) async fn until_stopped(service: Arc<Service>) {
    if service.config.role == Role::Worker {
        return;
    }
    let mut stopping = service.lifecycle.stopping();
    let mut learned = Instant::now();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|&stopping| stopping) => return,
            () = service.jobs.elsewhere.notified() => {}
            () = tokio::time::sleep(LONGEST) => {}
        }
        let learns = learned.elapsed() >= LONGEST;
        if learns {
            learned = Instant::now();
        }
        let looked = blocking(&service.jobs, move |jobs| {
            jobs.look()?;
            if learns {
                jobs.learn()?;
            }
            Ok(())
        });
        let looked = looked.await;
        service.lifecycle.note_storage(looked.is_ok());
        // Much to read, and nobody's place changes soon.
        let is_long = service.jobs.board.counts().0 >= LONG;
        tokio::time::sleep(if is_long { LONGEST } else { SHORTEST }).await;
    }
}
