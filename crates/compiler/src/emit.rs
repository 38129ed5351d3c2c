//! A program under construction.

use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::bootstrap::BootstrapLiteral;
use blindsight_ckks_eval::linear_transform::TransformPlan;
use blindsight_engine::{Operation, PlaintextData, PolynomialData, Program, Step, Value};

/// Collects steps and constants.
pub(crate) struct Emitter {
    program: Program,
    layer: usize,
}

impl Emitter {
    /// A program with this bootstrap, or without any.
    pub(crate) fn new(bootstrap: Option<BootstrapLiteral>) -> Self {
        let program = Program {
            bootstrap,
            steps: Vec::new(),
            transforms: Vec::new(),
            plaintexts: Vec::new(),
            activations: Vec::new(),
            polynomials: Vec::new(),
        };
        Self { program, layer: 0 }
    }

    /// What follows belongs to the next layer.
    pub(crate) fn next_layer(&mut self) {
        self.layer += 1;
    }

    pub(crate) fn push(&mut self, operation: Operation) -> Value {
        self.program.steps.push(Step { operation, layer: self.layer });
        self.program.steps.len()
    }

    /// A further ciphertext of the request, whose first one is value 0.
    pub(crate) fn request(&mut self, ciphertext: usize) -> Value {
        self.push(Operation::Request { ciphertext })
    }

    pub(crate) fn transform(&mut self, input: Value, plan: TransformPlan) -> Value {
        self.program.transforms.push(plan);
        self.push(Operation::Transform { input, transform: self.program.transforms.len() - 1 })
    }

    pub(crate) fn add(&mut self, left: Value, right: Value) -> Value {
        self.push(Operation::Combine { terms: vec![([1, 0], left), ([1, 0], right)] })
    }

    /// The real part of one value plus the imaginary part of another: `Re(x - i y) = Re x + Im y`.
    /// What is left in the imaginary part is of no use; a bootstrap drops it.
    pub(crate) fn join(&mut self, real: Value, imaginary: Value) -> Value {
        self.push(Operation::Combine { terms: vec![([1, 0], real), ([0, -1], imaginary)] })
    }

    pub(crate) fn add_plaintext(&mut self, input: Value, plaintext: PlaintextData) -> Value {
        self.program.plaintexts.push(plaintext);
        self.push(Operation::AddPlaintext { input, plaintext: self.program.plaintexts.len() - 1 })
    }

    /// A function of bootstraps.
    pub(crate) fn activation(&mut self, activation: TrigPolynomial) -> usize {
        self.program.activations.push(activation);
        self.program.activations.len() - 1
    }

    pub(crate) fn bootstrap(&mut self, input: Value, activation: usize) -> Value {
        self.push(Operation::Bootstrap { input, activation })
    }

    pub(crate) fn rotate(&mut self, input: Value, steps: i64) -> Value {
        self.push(Operation::Rotate { input, steps })
    }

    pub(crate) fn square(&mut self, input: Value, rescales: usize) -> Value {
        self.push(Operation::Square { input, rescales })
    }

    pub(crate) fn polynomial_data(&mut self, polynomial: PolynomialData) -> usize {
        self.program.polynomials.push(polynomial);
        self.program.polynomials.len() - 1
    }

    pub(crate) fn polynomial(&mut self, input: Value, polynomial: usize) -> Value {
        self.push(Operation::Polynomial { input, polynomial })
    }

    pub(crate) fn finish(self) -> Program {
        self.program
    }
}
