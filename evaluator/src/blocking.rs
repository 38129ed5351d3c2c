//! Work that blocks, away from the threads that answer requests.

use std::sync::Arc;

use crate::refusal::Refusal;

/// Runs `f` where it may block.
///
/// # Errors
/// Those of `f`; `internal` if it panicked.
pub(crate) async fn blocking<S, T>(
    shared: &Arc<S>,
    f: impl FnOnce(&Arc<S>) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
{
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || f(&shared)).await.unwrap_or_else(|error| {
        // A panic in `f`, which is not the client's fault.
        Err(Refusal::internal(error))
    })
}
