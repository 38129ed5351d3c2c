//! A program as it stands in a file: constants are references.

mod constants;

use blindsight_ckks::keys::Special;
use blindsight_ckks_eval::activation::TrigPolynomial;
use blindsight_ckks_eval::bootstrap::{BootstrapLiteral, StepGroup};
use blindsight_ckks_eval::linear_transform::{Node, Term, TransformPlan};
use blindsight_ring::GaloisElement;
use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::program::{End, Operation, PlaintextData, PolynomialData, Program, Step, Value};
use constants::{Constants, Reference};

/// A program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgramData {
    pub(super) loaded_bytes: u64,
    /// Null where there is none; always said.
    #[serde(deserialize_with = "Option::deserialize")]
    bootstrap: Option<BootstrapData>,
    pub(super) steps: Vec<StepData>,
    transforms: Vec<TransformData>,
    plaintexts: Vec<PlaintextReference>,
    activations: Vec<Vec<[f64; 2]>>,
    /// Coefficients, and the scale of the result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    polynomials: Vec<(Vec<f64>, f64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BootstrapData {
    /// First length, last length, baby steps, keys for baby steps.
    slots_to_coefficients: Vec<[u32; 4]>,
    linear: u32,
    activation: u32,
    squarings: u32,
    chebyshev: u32,
    coefficients_to_slots: Vec<[u32; 4]>,
    top_scale: f64,
    integer_bound: u32,
    fill: f64,
    declared_log2_failure: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepData {
    pub(super) layer: usize,
    operation: OperationData,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum OperationData {
    Request {
        ciphertext: usize,
    },
    Transform {
        input: Value,
        transform: usize,
    },
    Rotate {
        input: Value,
        steps: i64,
    },
    Combine {
        terms: Vec<([i32; 2], Value)>,
    },
    AddPlaintext {
        input: Value,
        plaintext: usize,
    },
    Bootstrap {
        input: Value,
        activation: usize,
    },
    Square {
        input: Value,
        /// Files that do not say it are older: there every square is rescaled once.
        #[serde(default = "once")]
        rescales: usize,
    },
    Polynomial {
        input: Value,
        polynomial: usize,
    },
    Rescale {
        input: Value,
        level: usize,
        scale: f64,
    },
}

fn once() -> usize {
    1
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransformData {
    level: usize,
    baby_special: [usize; 2],
    giant_special: [usize; 2],
    nodes: Vec<NodeData>,
    masks: Vec<Reference>,
    mask_scale: f64,
    /// For each giant step, nodes with their weights.
    sums: Vec<Vec<(usize, Reference)>>,
    /// The exponent of the giant step's automorphism.
    giant: Option<u32>,
    weight_scale: f64,
    rescales: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum NodeData {
    Input,
    Masked(usize),
    /// The node it is made from, and the exponent of the automorphism.
    Step(usize, u32),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaintextReference {
    values: Reference,
    level: usize,
    scale: f64,
}

impl ProgramData {
    /// The linear end of the program: docs/exact.md says what stands in for it where a label alone is
    /// answered.
    pub(super) fn end(&self) -> Option<End> {
        let steps: Vec<Step> = self.steps.iter().map(StepData::step).collect();
        End::of(&steps)
    }

    /// The data of a program; its constants are appended to `arena`.
    pub(super) fn new(program: &Program, loaded_bytes: u64, arena: &mut Vec<f32>) -> Self {
        let mut constants = Constants::new(arena);
        let mut transforms = Vec::with_capacity(program.transforms.len());
        for plan in &program.transforms {
            transforms.push(TransformData::new(plan, &mut constants));
        }
        let plaintext = |p: &PlaintextData| PlaintextReference {
            values: constants.add(&p.values),
            level: p.level,
            scale: p.scale,
        };
        Self {
            loaded_bytes,
            bootstrap: program.bootstrap.as_ref().map(BootstrapData::new),
            steps: program.steps.iter().map(StepData::new).collect(),
            transforms,
            plaintexts: program.plaintexts.iter().map(plaintext).collect(),
            activations: program.activations.iter().map(|a| a.coefficients().to_vec()).collect(),
            polynomials: program
                .polynomials
                .iter()
                .map(|p| (p.coefficients.clone(), p.scale))
                .collect(),
        }
    }

    /// Checks that every constant lies within so many numbers, and that all together are at most
    /// `most_values` complex ones: equal vectors share their numbers in the file, not in memory.
    pub(super) fn check_references(
        &self,
        count: usize,
        most_values: usize,
    ) -> Result<(), BundleError> {
        let terms = self.transforms.iter().flat_map(|t| t.sums.iter().flatten()).map(|(_, r)| r);
        let masks = self.transforms.iter().flat_map(|t| &t.masks);
        let plaintexts = self.plaintexts.iter().map(|p| &p.values);
        let mut left = most_values;
        for reference in terms.chain(masks).chain(plaintexts) {
            let fits = reference.is_within(count).then(|| left.checked_sub(reference.len()));
            left = fits.flatten().ok_or(BundleError::Constant)?;
        }
        Ok(())
    }

    /// The program without its transforms and plaintexts.
    pub(super) fn outline(&self) -> Result<Program, BundleError> {
        let activation = |coefficients: &Vec<[f64; 2]>| {
            TrigPolynomial::new(coefficients.clone())
                .map_err(|_| BundleError::Number("an activation"))
        };
        let polynomial = |(coefficients, scale): &(Vec<f64>, f64)| PolynomialData {
            coefficients: coefficients.clone(),
            scale: *scale,
        };
        Ok(Program {
            bootstrap: self.bootstrap.as_ref().map(BootstrapData::literal),
            steps: self.steps.iter().map(StepData::step).collect(),
            transforms: Vec::new(),
            plaintexts: Vec::new(),
            activations: self.activations.iter().map(activation).collect::<Result<_, _>>()?,
            polynomials: self.polynomials.iter().map(polynomial).collect(),
        })
    }

    /// The number of transforms.
    pub(super) fn transforms(&self) -> usize {
        self.transforms.len()
    }

    /// A transform with its numbers.
    pub(super) fn transform(
        &self,
        index: usize,
        arena: &[f32],
    ) -> Result<TransformPlan, BundleError> {
        self.transforms.get(index).ok_or(BundleError::Constant)?.plan(arena)
    }

    /// The number of plaintexts.
    pub(super) fn plaintexts(&self) -> usize {
        self.plaintexts.len()
    }

    /// A plaintext with its numbers.
    pub(super) fn plaintext(
        &self,
        index: usize,
        arena: &[f32],
    ) -> Result<PlaintextData, BundleError> {
        let p = self.plaintexts.get(index).ok_or(BundleError::Constant)?;
        Ok(PlaintextData { values: p.values.read(arena)?, level: p.level, scale: p.scale })
    }
}

impl BootstrapData {
    fn new(literal: &BootstrapLiteral) -> Self {
        let group =
            |g: &StepGroup| [g.first_len, g.last_len, g.babies, g.hoisted].map(|n| n as u32);
        Self {
            slots_to_coefficients: literal.slots_to_coefficients.iter().map(group).collect(),
            linear: literal.linear as u32,
            activation: literal.activation as u32,
            squarings: literal.squarings as u32,
            chebyshev: literal.chebyshev as u32,
            coefficients_to_slots: literal.coefficients_to_slots.iter().map(group).collect(),
            top_scale: literal.top_scale,
            integer_bound: literal.integer_bound,
            fill: literal.fill,
            declared_log2_failure: literal.declared_log2_failure,
        }
    }

    fn literal(&self) -> BootstrapLiteral {
        let group = |numbers: &[u32; 4]| {
            let [first_len, last_len, babies, hoisted] = numbers.map(|n| n as usize);
            StepGroup { first_len, last_len, babies, hoisted }
        };
        BootstrapLiteral {
            slots_to_coefficients: self.slots_to_coefficients.iter().map(group).collect(),
            linear: self.linear as usize,
            activation: self.activation as usize,
            squarings: self.squarings as usize,
            chebyshev: self.chebyshev as usize,
            coefficients_to_slots: self.coefficients_to_slots.iter().map(group).collect(),
            top_scale: self.top_scale,
            integer_bound: self.integer_bound,
            fill: self.fill,
            declared_log2_failure: self.declared_log2_failure,
        }
    }
}

impl StepData {
    fn new(step: &Step) -> Self {
        let operation = match step.operation.clone() {
            Operation::Request { ciphertext } => OperationData::Request { ciphertext },
            Operation::Transform { input, transform } => {
                OperationData::Transform { input, transform }
            }
            Operation::Rotate { input, steps } => OperationData::Rotate { input, steps },
            Operation::Combine { terms } => OperationData::Combine { terms },
            Operation::AddPlaintext { input, plaintext } => {
                OperationData::AddPlaintext { input, plaintext }
            }
            Operation::Bootstrap { input, activation } => {
                OperationData::Bootstrap { input, activation }
            }
            Operation::Square { input, rescales } => OperationData::Square { input, rescales },
            Operation::Polynomial { input, polynomial } => {
                OperationData::Polynomial { input, polynomial }
            }
            Operation::Rescale { input, level, scale } => {
                OperationData::Rescale { input, level, scale }
            }
        };
        Self { layer: step.layer, operation }
    }

    fn step(&self) -> Step {
        let operation = match &self.operation {
            &OperationData::Request { ciphertext } => Operation::Request { ciphertext },
            &OperationData::Transform { input, transform } => {
                Operation::Transform { input, transform }
            }
            &OperationData::Rotate { input, steps } => Operation::Rotate { input, steps },
            OperationData::Combine { terms } => Operation::Combine { terms: terms.clone() },
            &OperationData::AddPlaintext { input, plaintext } => {
                Operation::AddPlaintext { input, plaintext }
            }
            &OperationData::Bootstrap { input, activation } => {
                Operation::Bootstrap { input, activation }
            }
            &OperationData::Square { input, rescales } => Operation::Square { input, rescales },
            &OperationData::Polynomial { input, polynomial } => {
                Operation::Polynomial { input, polynomial }
            }
            &OperationData::Rescale { input, level, scale } => {
                Operation::Rescale { input, level, scale }
            }
        };
        Step { operation, layer: self.layer }
    }
}

impl TransformData {
    fn new(plan: &TransformPlan, constants: &mut Constants<'_>) -> Self {
        let special = |special: Special| [special.wide, special.narrow];
        let node = |node: &Node| match *node {
            Node::Input { mask: None } => NodeData::Input,
            Node::Input { mask: Some(mask) } => NodeData::Masked(mask),
            Node::Step { from, element } => NodeData::Step(from, element.exponent()),
        };
        Self {
            level: plan.level,
            baby_special: special(plan.baby_special),
            giant_special: special(plan.giant_special),
            nodes: plan.nodes.iter().map(node).collect(),
            masks: plan.masks.iter().map(|mask| constants.add(mask)).collect(),
            mask_scale: plan.mask_scale,
            sums: plan
                .sums
                .iter()
                .map(|terms| terms.iter().map(|t| (t.node, constants.add(&t.weights))).collect())
                .collect(),
            giant: plan.giant.map(GaloisElement::exponent),
            weight_scale: plan.weight_scale,
            rescales: plan.rescales,
        }
    }

    fn plan(&self, arena: &[f32]) -> Result<TransformPlan, BundleError> {
        let special = |[wide, narrow]: [usize; 2]| Special { wide, narrow };
        let element = |exponent: u32| {
            // The ring is the contract's; an exponent beyond it is found when keys are listed.
            GaloisElement::new(exponent, 1 << 17).map_err(|_| BundleError::Number("a rotation"))
        };
        let node = |node: &NodeData| {
            Ok::<_, BundleError>(match *node {
                NodeData::Input => Node::Input { mask: None },
                NodeData::Masked(mask) => Node::Input { mask: Some(mask) },
                NodeData::Step(from, exponent) => Node::Step { from, element: element(exponent)? },
            })
        };
        let term = |(node, weights): &(usize, Reference)| {
            Ok::<_, BundleError>(Term { node: *node, weights: weights.read(arena)? })
        };
        let sum = |terms: &Vec<(usize, Reference)>| terms.iter().map(term).collect();
        Ok(TransformPlan {
            level: self.level,
            baby_special: special(self.baby_special),
            giant_special: special(self.giant_special),
            nodes: self.nodes.iter().map(node).collect::<Result<_, _>>()?,
            masks: self.masks.iter().map(|mask| mask.read(arena)).collect::<Result<_, _>>()?,
            mask_scale: self.mask_scale,
            sums: self.sums.iter().map(sum).collect::<Result<_, BundleError>>()?,
            giant: self.giant.map(element).transpose()?,
            weight_scale: self.weight_scale,
            rescales: self.rescales,
        })
    }
}
