//! The encrypted execution of a lowered network.
//!
//! Every block is a convolution (with its shortcut) and a functional bootstrap that refreshes the
//! ciphertext and applies the activation; the head pools, multiplies by the last matrix and makes
//! the answer small. Weights are encoded once and serve all clients.

mod activation;
mod block;
mod convolution;
mod head;
#[cfg(test)]
mod testing;

use std::ops::ControlFlow;
use std::sync::Arc;

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_ckks::response::CompactCiphertext;
use blindsight_ckks_eval::activation::{FitError, TrigPolynomial};
use blindsight_ckks_eval::{BootstrapError, Bootstrapper, Context, Evaluator, KeySet, MissingKey};
use rayon::prelude::*;
use thiserror::Error;

use crate::lowering::{Lowered, Source};
use crate::packing::{ANSWER_PERIOD, SLOTS, request_format};
use block::EncryptedBlock;
use head::EncryptedHead;

pub use activation::ActivationDegree;

/// A network with its weights encoded, ready to run on anybody's ciphertexts.
#[derive(Debug)]
pub struct EncryptedNetwork {
    context: Arc<Context>,
    bootstrapper: Bootstrapper,
    blocks: Vec<EncryptedBlock>,
    head: EncryptedHead,
}

/// Why a network cannot be run encrypted under a parameter set.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The parameter set has another number of slots than the packing.
    #[error("the packing needs {SLOTS} slots, the parameter set has {0}")]
    Slots(usize),
    /// A feature map fits no layout.
    #[error(
        "block {block}: a feature map of {channels} channels of {side} x {side} fits no layout"
    )]
    Layout {
        /// Index of the block.
        block: usize,
        /// Channels of the feature map.
        channels: usize,
        /// Rows and columns.
        side: usize,
    },
    /// An activation cannot be fitted.
    #[error("block {block}: {source}")]
    Fit {
        /// Index of the block.
        block: usize,
        /// What is wrong.
        source: FitError,
    },
    /// An activation's approximation is too far off on the range that it must cover.
    #[error("block {block}: the activation's approximation is off by {error:.3} of its range")]
    PoorFit {
        /// Index of the block.
        block: usize,
        /// The largest error, relative to the range.
        error: f64,
    },
    /// More classes than an answer has room for.
    #[error("an answer has room for {ANSWER_PERIOD} classes, the network has {0}")]
    Classes(usize),
}

/// Why a run ended without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The client's ciphertext or keys do not fit.
    #[error(transparent)]
    Bootstrap(BootstrapError),
    /// A key is missing.
    #[error(transparent)]
    MissingKey(#[from] MissingKey),
    /// The request has another level or scale than [`request_format`] says.
    #[error("the request must have {needed} limbs and scale 2^{scale:.3}")]
    Request {
        /// Limbs needed.
        needed: usize,
        /// `log2` of the scale needed.
        scale: f64,
    },
    /// The observer ended the run.
    #[error("the run was cancelled")]
    Cancelled,
}

impl From<BootstrapError> for RunError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Stopped => Self::Cancelled,
            error => Self::Bootstrap(error),
        }
    }
}

/// Watches a run: what a service shows as progress, and what tests and measurements look at. It can
/// end the run between steps, and within one after each stage of the bootstrap.
pub trait RunObserver: blindsight_ckks_eval::Observer {
    /// `done` of `total` steps are finished; returning `Break` ends the run.
    fn progress(&mut self, done: usize, total: usize) -> ControlFlow<()> {
        let _ = (done, total);
        ControlFlow::Continue(())
    }

    /// The input of a block's activation, at the level and scale of a bootstrap's input.
    fn linear(&mut self, block: usize, result: &Ciphertext) {
        let _ = (block, result);
    }

    /// The output of a block's activation.
    fn activated(&mut self, block: usize, result: &Ciphertext) {
        let _ = (block, result);
    }
}

impl RunObserver for () {}

impl EncryptedNetwork {
    /// Encodes a lowered network.
    ///
    /// # Errors
    /// When the network does not fit the packing, or an activation cannot be approximated.
    pub fn new(
        context: Arc<Context>,
        lowered: &Lowered,
        degree: ActivationDegree,
    ) -> Result<Self, CompileError> {
        let slots = context.set().slots();
        if slots != SLOTS {
            return Err(CompileError::Slots(slots));
        }
        let blocks = lowered
            .blocks
            .par_iter()
            .enumerate()
            .map(|(index, block)| EncryptedBlock::new(&context, index, block, degree))
            .collect::<Result<_, _>>()?;
        let head = EncryptedHead::new(&context, &lowered.head, lowered)?;
        let bootstrapper = Bootstrapper::new(&context);
        Ok(Self { context, bootstrapper, blocks, head })
    }

    /// The context the network was encoded in.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// For each block, what it computes in place of its activation: the polynomial at `fill * u` for
    /// an input `u` in units of the range.
    pub fn activations(&self) -> impl ExactSizeIterator<Item = &TrigPolynomial> {
        self.blocks.iter().map(EncryptedBlock::activation)
    }

    /// The bytes that weights and matrices occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(EncryptedBlock::byte_len).sum();
        blocks + self.bootstrapper.byte_len() + self.head.byte_len()
    }

    /// Runs the network on an encrypted picture.
    ///
    /// # Errors
    /// When the request or the keys do not fit, or the observer ends the run.
    pub fn run(
        &self,
        keys: &KeySet,
        request: Ciphertext,
        observer: &mut impl RunObserver,
    ) -> Result<CompactCiphertext, RunError> {
        self.check_request(&request)?;
        let evaluator = Evaluator { context: &self.context, keys };
        let total = self.blocks.len() + 1;
        let mut results = Results::new(self, request);
        for (index, block) in self.blocks.iter().enumerate() {
            if observer.progress(index, total).is_break() {
                return Err(RunError::Cancelled);
            }
            let linear = block.linear(evaluator, |source| results.get(source))?;
            observer.linear(index, &linear);
            let activation = block.activation();
            let output = self.bootstrapper.apply(evaluator, activation, &linear, observer)?;
            observer.activated(index, &output);
            results.push(index, output);
        }
        if observer.progress(total - 1, total).is_break() {
            return Err(RunError::Cancelled);
        }
        let answer = self.head.apply(evaluator, results.get(Source::Block(self.head.source())))?;
        let _ = observer.progress(total, total);
        Ok(answer)
    }

    fn check_request(&self, request: &Ciphertext) -> Result<(), RunError> {
        let format = request_format(self.context.set());
        let same_scale = (request.scale / format.scale - 1.0).abs() < 1e-9;
        if request.level() == format.level && same_scale {
            return Ok(());
        }
        Err(RunError::Request { needed: format.level, scale: format.scale.log2() })
    }
}

/// The results that later blocks still read.
struct Results {
    picture: Ciphertext,
    blocks: Vec<Option<Ciphertext>>,
    /// For each block, the last block that reads it.
    last_reader: Vec<usize>,
}

impl Results {
    fn new(network: &EncryptedNetwork, picture: Ciphertext) -> Self {
        let mut last_reader = vec![0; network.blocks.len()];
        for (index, block) in network.blocks.iter().enumerate() {
            for source in block.sources() {
                if let Source::Block(read) = source {
                    last_reader[read] = index;
                }
            }
        }
        last_reader[network.head.source()] = usize::MAX;
        Self { picture, blocks: Vec::new(), last_reader }
    }

    fn get(&self, source: Source) -> &Ciphertext {
        match source {
            Source::Picture => &self.picture,
            Source::Block(index) => {
                self.blocks[index].as_ref().expect("a block's result lives until its last reader")
            }
        }
    }

    fn push(&mut self, index: usize, result: Ciphertext) {
        self.blocks.push(Some(result));
        for (read, result) in self.blocks.iter_mut().enumerate() {
            if self.last_reader[read] <= index && read != index {
                *result = None;
            }
        }
    }
}
