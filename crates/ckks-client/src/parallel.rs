//! One loop that runs on all threads, or on one, for this crate and for other clients' crates.

/// `f(0), f(1), ..., f(count - 1)`, in this order; on rayon's threads with the feature `parallel`.
pub fn map<T: Send>(count: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    #[cfg(feature = "parallel")]
    {
        use rayon::iter::{IntoParallelIterator, ParallelIterator};
        (0..count).into_par_iter().map(f).collect()
    }
    #[cfg(not(feature = "parallel"))]
    {
        (0..count).map(f).collect()
    }
}
