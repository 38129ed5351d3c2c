//! Why a program cannot be run.

use blindsight_ckks::keys::KeyError;
use blindsight_ckks_eval::batch::BatchError;
use blindsight_ckks_eval::bootstrap::BootstrapParameterError;
use blindsight_ckks_eval::linear_transform::PlanError;
use thiserror::Error;

/// Why a program cannot be run under its contract.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// The bootstrap does not fit the scheme.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapParameterError),
    /// A transform is none.
    #[error("transform {index}: {source}")]
    Plan {
        /// Its index.
        index: usize,
        /// What is wrong with it.
        source: PlanError,
    },
    /// A plaintext does not fit the slots or the levels.
    #[error("plaintext {index} has no level, no scale, or values that do not fill the slots")]
    Plaintext {
        /// Its index.
        index: usize,
    },
    /// A polynomial has no coefficients, far too many, or no numbers.
    #[error("polynomial {index} has no scale, or coefficients that are none or no numbers")]
    Polynomial {
        /// Its index.
        index: usize,
    },
    /// The network on batches cannot be run.
    #[error(transparent)]
    Batch {
        /// What is wrong with it.
        source: BatchError,
    },
    /// The network on batches reads or gives something else than its contract says.
    #[error("the network on batches reads or gives something else than its contract says")]
    BatchContract,
    /// Steps answer to one input.
    #[error("steps answer to one input, and the contract says more")]
    OneInput,
    /// The steps name more or fewer ciphertexts of a request than it has.
    #[error("the steps read {named} ciphertexts of a request, which has {sent}")]
    Ciphertexts {
        /// Ciphertexts that the steps read.
        named: usize,
        /// Ciphertexts of a request.
        sent: usize,
    },
    /// There are no steps.
    #[error("the program has no steps")]
    Empty,
    /// There is no such request.
    #[error("a request cannot have level {level} and scale 2^{scale:.3}")]
    Request {
        /// Its level.
        level: usize,
        /// `log2` of its scale.
        scale: f64,
    },
    /// A transform is made for other special primes than the keys at its level have.
    #[error("step {step} (linear transform) needs keys with other special primes than there are")]
    Special {
        /// Its index.
        step: usize,
    },
    /// A step reads a value that does not exist when it runs, or a constant that does not exist.
    #[error("step {step} ({operation}) reads something that does not exist")]
    Operand {
        /// Its index.
        step: usize,
        /// What it computes.
        operation: &'static str,
    },
    /// Layers do not count up.
    #[error("step {step} belongs to layer {layer}, which is not the one before it or the next")]
    Layer {
        /// Its index.
        step: usize,
        /// The layer it names.
        layer: usize,
    },
    /// A step has too few limbs to work on, or leaves none.
    #[error("step {step} ({operation}) needs {needed} limbs, but there are {actual}")]
    Level {
        /// Its index.
        step: usize,
        /// What it computes.
        operation: &'static str,
        /// Limbs there are.
        actual: usize,
        /// Limbs needed.
        needed: usize,
    },
    /// Scales that must agree do not.
    #[error("step {step} ({operation}) has a scale of 2^{actual:.3} where 2^{needed:.3} is needed")]
    Scale {
        /// Its index.
        step: usize,
        /// What it computes.
        operation: &'static str,
        /// `log2` of the scale found.
        actual: f64,
        /// `log2` of the scale needed.
        needed: f64,
    },
    /// The last value is no answer of the contract.
    #[error("the program ends at level {level} with scale 2^{scale:.3}, not as its contract says")]
    Answer {
        /// The level it ends at.
        level: usize,
        /// `log2` of the scale it ends with.
        scale: f64,
    },
    /// A key that the program uses may not exist.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The contract's keys are not those that the program uses.
    #[error("the contract lists other keys than the program uses")]
    Keys,
    /// A program on slots is under a contract whose requests are signs, or the other way round.
    #[error("the program reads requests of another form than its contract has")]
    Form,
    /// The layers are no network of signs.
    #[cfg(feature = "exact")]
    #[error("the network of signs: {0}")]
    Signs(blindsight_exact_eval::NetworkError),
    /// A network of signs ends with another number of scores than its contract says.
    #[cfg(feature = "exact")]
    #[error("the network of signs has other scores than its contract says")]
    Scores,
}
