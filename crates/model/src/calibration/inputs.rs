//! Going through many inputs, several at a time.

use std::convert::Infallible;
use std::error::Error;
use std::ops::ControlFlow;

#[cfg(feature = "parallel")]
use rayon::prelude::*;

use super::CalibrationError;
use crate::tensor::Tensor;

/// Inputs of a network that can be gone through more than once, each time in the same order.
pub trait Inputs: Sync {
    /// An input that still has to be prepared.
    type Sample: Send;
    /// Why an input cannot be had.
    type Error: Error + Send + Sync + 'static;

    /// How many there are.
    fn count(&self) -> u64;

    /// Reads them from the first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn samples(
        &self,
    ) -> Result<impl Iterator<Item = Result<Self::Sample, Self::Error>>, Self::Error>;

    /// Makes the network's input: this is done for several at a time.
    ///
    /// # Errors
    /// When the sample is damaged.
    fn prepare(&self, sample: Self::Sample) -> Result<Tensor, Self::Error>;
}

impl Inputs for [Tensor] {
    type Sample = Tensor;
    type Error = Infallible;

    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn samples(&self) -> Result<impl Iterator<Item = Result<Tensor, Infallible>>, Infallible> {
        Ok(self.iter().cloned().map(Ok))
    }

    fn prepare(&self, sample: Tensor) -> Result<Tensor, Infallible> {
        Ok(sample)
    }
}

/// How far a measurement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pictures done; a picture that is measured twice counts twice.
    pub done: u64,
    /// Pictures to do.
    pub total: u64,
}

/// How many inputs are worked on at a time.
pub(super) fn workers() -> usize {
    // A worker of a wide network counts in tens of megabytes.
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads().clamp(1, 16);
    #[cfg(not(feature = "parallel"))]
    1
}

/// Gives every input, with its position, to one of the workers; tells after every few inputs how
/// many are done. Which worker gets which input is not to matter.
///
/// Of several inputs that fail, the error is that of the first.
pub(super) fn for_all<I: Inputs + ?Sized, W: Send>(
    inputs: &I,
    workers: &mut [W],
    done: &mut dyn FnMut(u64) -> ControlFlow<()>,
    work: impl Fn(&mut W, u64, &Tensor) -> Result<(), CalibrationError> + Sync,
) -> Result<(), CalibrationError> {
    // Few enough that encoded photos fit in memory, enough that no worker waits long.
    let most = workers.len() * 4;
    let mut samples = inputs.samples().map_err(unusable)?.fuse();
    let mut position = 0;
    loop {
        let mut batch = Vec::with_capacity(most);
        let mut failed = None;
        while batch.len() < most && failed.is_none() {
            match samples.next() {
                Some(Ok(sample)) => batch.push((position + batch.len() as u64, sample)),
                Some(Err(error)) => failed = Some(error),
                None => break,
            }
        }
        let count = batch.len();
        share(batch, workers, |worker, (at, sample)| {
            work(worker, at, &inputs.prepare(sample).map_err(unusable)?)
        })?;
        if let Some(error) = failed {
            return Err(unusable(error));
        }
        position += count as u64;
        if count > 0 && done(position).is_break() {
            return Err(CalibrationError::Stopped);
        }
        if count < most {
            return Ok(());
        }
    }
}

/// Shares the batch among the workers; the error is that of the first item that failed.
fn share<T: Send, W: Send>(
    mut batch: Vec<T>,
    workers: &mut [W],
    work: impl Fn(&mut W, T) -> Result<(), CalibrationError> + Sync,
) -> Result<(), CalibrationError> {
    let each = batch.len().div_ceil(workers.len().max(1)).max(1);
    let mut parts = Vec::with_capacity(workers.len());
    while !batch.is_empty() {
        let rest = batch.split_off(each.min(batch.len()));
        parts.push(std::mem::replace(&mut batch, rest));
    }
    let all =
        |(worker, part): (&mut W, Vec<T>)| part.into_iter().try_for_each(|item| work(worker, item));
    // Parts are in order, and so are the results: collected first, lest another error wins.
    #[cfg(feature = "parallel")]
    let results: Vec<_> = workers.par_iter_mut().zip(parts).map(all).collect();
    #[cfg(not(feature = "parallel"))]
    let results: Vec<_> = workers.iter_mut().zip(parts).map(all).collect();
    results.into_iter().collect()
}

fn unusable(error: impl Error + Send + Sync + 'static) -> CalibrationError {
    CalibrationError::Input(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::tensor::Shape;

    /// Numbers from 0; some cannot be read, some not be prepared.
    struct Numbers {
        count: u64,
        unreadable: Vec<u64>,
        damaged: Vec<u64>,
    }

    impl Inputs for Numbers {
        type Sample = u64;
        type Error = io::Error;

        fn count(&self) -> u64 {
            self.count
        }

        fn samples(&self) -> Result<impl Iterator<Item = io::Result<u64>>, io::Error> {
            let read = |at| match self.unreadable.contains(&at) {
                true => Err(io::Error::other(format!("{at} cannot be read"))),
                false => Ok(at),
            };
            Ok((0..self.count).map(read))
        }

        fn prepare(&self, sample: u64) -> Result<Tensor, io::Error> {
            if self.damaged.contains(&sample) {
                return Err(io::Error::other(format!("{sample} is damaged")));
            }
            let shape = Shape::vector(1).map_err(io::Error::other)?;
            Tensor::new(shape, vec![sample as f32]).map_err(io::Error::other)
        }
    }

    fn seen(inputs: &Numbers, workers: usize) -> Result<Vec<u64>, CalibrationError> {
        let mut workers = vec![Vec::new(); workers];
        let go_on = &mut |_| ControlFlow::Continue(());
        for_all(inputs, &mut workers, go_on, |seen: &mut Vec<u64>, at, input| {
            assert_eq!(at as f32, input.values()[0]);
            seen.push(at);
            Ok(())
        })?;
        let mut all = workers.concat();
        all.sort_unstable();
        Ok(all)
    }

    #[test]
    fn every_input_is_worked_on_once() {
        for count in [0, 1, 7, 8, 9, 100] {
            let inputs = Numbers { count, unreadable: vec![], damaged: vec![] };
            for workers in [1, 2, 3, 16] {
                assert_eq!(seen(&inputs, workers).unwrap(), (0..count).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_first_error_counts() {
        let cases = [
            (vec![3, 5], vec![], "3 cannot be read"),
            (vec![40], vec![39, 38], "38 is damaged"),
            (vec![20], vec![21], "20 cannot be read"),
            (vec![], vec![90, 80, 70], "70 is damaged"),
            (vec![9], vec![0], "0 is damaged"),
        ];
        for (unreadable, damaged, expected) in cases {
            let inputs = Numbers { count: 100, unreadable, damaged };
            for workers in [1, 2, 3, 16] {
                let refused = seen(&inputs, workers).unwrap_err();
                assert_eq!(refused.to_string(), expected, "{workers} workers");
            }
        }
    }

    #[test]
    fn progress_grows_to_the_end_and_may_stop() {
        let inputs = Numbers { count: 10, unreadable: vec![], damaged: vec![] };
        let run = |stop: Option<u64>| {
            let mut told = Vec::new();
            let mut tell = |done| {
                told.push(done);
                match stop {
                    Some(at) if done >= at => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            };
            let result = for_all(&inputs, &mut [(); 1], &mut tell, |(), _, _| Ok(()));
            (told, result)
        };
        let (told, result) = run(None);
        assert!(result.is_ok());
        assert_eq!(told, [4, 8, 10]);
        let (told, result) = run(Some(5));
        assert!(matches!(result, Err(CalibrationError::Stopped)));
        assert_eq!(told, [4, 8]);
    }
}
