//! What a client is ready to do for a model.

/// Limits that a contract must keep. They bound what a client computes, stores and sends before
/// anybody has asked its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The contract itself, in bytes.
    pub contract_bytes: usize,
    /// Residues of one polynomial under all primes of the scheme: what its tables take memory for.
    pub residues: u64,
    /// Evaluation keys, in number.
    pub keys: usize,
    /// All evaluation keys together, in bytes.
    pub key_bytes: u64,
    /// A request, in bytes.
    pub request_bytes: u64,
    /// An answer, in bytes.
    pub answer_bytes: u64,
    /// Values of an input.
    pub input_values: usize,
    /// Values of an answer, and so classes.
    pub answer_values: usize,
}

impl Default for Policy {
    /// What a browser can bear.
    fn default() -> Self {
        Self {
            contract_bytes: 1 << 20,
            residues: 1 << 21,
            keys: 256,
            key_bytes: 256_000_000,
            request_bytes: 160_000_000,
            answer_bytes: 24_000_000,
            input_values: 1 << 20,
            answer_values: 1 << 12,
        }
    }
}
