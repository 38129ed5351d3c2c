//! What is wanted of a plan, and how far what it costs is from that.

use serde::Serialize;

use crate::cost::Machine;

/// What a plan is to be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// The time from an input to its label: evaluation, and sending the request.
    #[default]
    Latency,
    /// What a client sends: its keys, and requests.
    Bytes,
    /// Inputs an hour, of many clients: evaluation alone.
    Throughput,
}

/// What is wanted of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wishes {
    /// What it is to be good at.
    pub goal: Goal,
    /// The least part of inputs that get the plain network's label.
    pub agreement: Option<f64>,
    /// The most bytes of the evaluator's memory.
    pub memory: Option<u64>,
    /// How fast the evaluator's machine is.
    pub machine: Machine,
}

/// What a candidate costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Seconds of an evaluation.
    pub seconds: f64,
    /// Bytes of the evaluator's memory.
    pub memory_bytes: u64,
    /// Bytes of the keys that a client sends once.
    pub key_bytes: u64,
    /// Bytes of a request.
    pub request_bytes: u64,
    /// The error of a score, root mean square.
    pub score_error: f64,
    /// The part of the samples that is expected to get the plain network's label.
    pub agreement: f64,
}

/// The least agreement where none is asked for: a candidate with less is taken only if there is no
/// other.
const USUAL_AGREEMENT: f64 = 0.98;

/// Bytes that a client sends in a second: a tenth of a gigabit.
const BYTES_A_SECOND: f64 = 1.25e7;

/// Requests that share the cost of keys, where bytes are what counts.
const REQUESTS_A_KEY_SET: f64 = 10.0;

impl Goal {
    /// What is to be as small as can be: seconds, or bytes.
    #[must_use]
    pub fn objective(self, costs: &Costs) -> f64 {
        match self {
            Self::Latency => costs.seconds + costs.request_bytes as f64 / BYTES_A_SECOND,
            Self::Bytes => costs.key_bytes as f64 + REQUESTS_A_KEY_SET * costs.request_bytes as f64,
            Self::Throughput => costs.seconds,
        }
    }
}

impl Wishes {
    /// The part of inputs that are to get the plain network's label.
    pub(super) fn least_agreement(&self) -> f64 {
        self.agreement.unwrap_or(USUAL_AGREEMENT)
    }

    /// Whether a candidate agrees with the plain network as often as is wanted.
    pub(super) fn agreed(&self, costs: &Costs) -> bool {
        costs.agreement >= self.least_agreement()
    }

    /// Whether there is memory enough for a candidate.
    pub(crate) fn room(&self, costs: &Costs) -> bool {
        self.memory.is_none_or(|most| costs.memory_bytes <= most)
    }

    /// Whether a candidate agrees often enough, and there is memory for it.
    #[must_use]
    pub fn met(&self, costs: &Costs) -> bool {
        self.agreed(costs) && self.room(costs)
    }
}
