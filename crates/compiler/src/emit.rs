//! A program under construction.

use blindsight_ckks_eval::BootstrapParameters;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::linear_transform::TransformPlan;
use blindsight_engine::{Operation, PlaintextData, Program, Step, Value};

use crate::packing::steps;

/// Collects steps and constants.
pub(crate) struct Emitter<'a> {
    pub(crate) bootstrap: &'a BootstrapParameters,
    program: Program,
    layer: usize,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(bootstrap: &'a BootstrapParameters) -> Self {
        let program = Program {
            bootstrap: bootstrap.literal().clone(),
            steps: Vec::new(),
            transforms: Vec::new(),
            plaintexts: Vec::new(),
            activations: Vec::new(),
        };
        Self { bootstrap, program, layer: 0 }
    }

    /// What follows belongs to the next layer.
    pub(crate) fn next_layer(&mut self) {
        self.layer += 1;
    }

    pub(crate) fn push(&mut self, operation: Operation) -> Value {
        self.program.steps.push(Step { operation, layer: self.layer });
        self.program.steps.len()
    }

    pub(crate) fn transform(&mut self, input: Value, plan: TransformPlan) -> Value {
        self.program.transforms.push(plan);
        self.push(Operation::Transform { input, transform: self.program.transforms.len() - 1 })
    }

    pub(crate) fn add(&mut self, left: Value, right: Value) -> Value {
        self.push(Operation::Combine { terms: vec![([1, 0], left), ([1, 0], right)] })
    }

    pub(crate) fn add_plaintext(&mut self, input: Value, plaintext: PlaintextData) -> Value {
        self.program.plaintexts.push(plaintext);
        self.push(Operation::AddPlaintext { input, plaintext: self.program.plaintexts.len() - 1 })
    }

    pub(crate) fn bootstrap(&mut self, input: Value, activation: TrigPolynomial) -> Value {
        self.program.activations.push(activation);
        self.push(Operation::Bootstrap { input, activation: self.program.activations.len() - 1 })
    }

    /// The real part plus the imaginary part of the slot to the right. What is left in the
    /// imaginary part is of no use; bootstrapping drops it.
    pub(crate) fn join_parts(&mut self, sum: Value) -> Value {
        let rotated = self.push(Operation::Rotate { input: sum, steps: steps::JOIN });
        // Re(z - i w) = Re z + Im w.
        self.push(Operation::Combine { terms: vec![([1, 0], sum), ([0, -1], rotated)] })
    }

    pub(crate) fn finish(self) -> Program {
        self.program
    }
}
