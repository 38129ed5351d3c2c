//! The linear end of a program as weights on what it begins with: its steps turned round.
//!
//! A score is a mean of slots of the answer. What a linear step makes of its input, a mean with weights
//! makes of it too: `mean(f * (w * rot_r(x))) = mean(rot_-r(f * w) * x)`. So the weights go from the
//! answer back through the steps, and no rotation is left to be done. Coefficient 0 of a ciphertext is
//! the real part of such a mean; a conjugate of the input becomes one of the weights.

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::linear_transform::{Node, TransformPlan};
use blindsight_contract::CompactAnswer;
use blindsight_ring::GaloisElement;

use crate::bundle::{BundleError, CheckedProgram};
use crate::program::{End, Operation, ProgramError, Value};

/// Weights of the slots: a power of two of them, which repeat.
type Weights = Vec<Complex64>;

/// What scores are made of.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The steps that it stands for.
    pub(crate) end: End,
    /// For each value that it reads, and each class, the weights.
    pub(crate) weights: Vec<Vec<Weights>>,
    /// What is added, for each class.
    pub(crate) constants: Vec<f64>,
}

impl Tail {
    pub(crate) fn byte_len(&self) -> usize {
        let numbers: usize = self.weights.iter().flatten().map(Vec::len).sum();
        numbers * size_of::<Complex64>()
    }

    /// The linear end of a program whose answer is read so.
    pub(crate) fn new(
        source: &CheckedProgram<'_>,
        end: End,
        answer: &CompactAnswer,
        slots: usize,
    ) -> Result<Self, BundleError> {
        let steps = &source.program.steps;
        let period = answer.period();
        let mean = |slot: usize| {
            let weight = |i| if i == slot { period as f64 } else { 0.0 };
            (0..period).map(|i| Complex64::new(weight(i), 0.0)).collect::<Weights>()
        };
        // For each value and class; empty where there is none.
        let mut weights: Vec<Vec<Weights>> = vec![Vec::new(); steps.len() + 1];
        let mut constants = vec![0.0; answer.values()];
        weights[steps.len()] = answer.slots().map(mean).collect();
        for &index in end.steps.iter().rev() {
            let of_result = std::mem::take(&mut weights[index + 1]);
            match &steps[index].operation {
                Operation::Rescale { input, .. } => add(&mut weights[*input], of_result),
                Operation::AddPlaintext { input, plaintext } => {
                    let values = source.plaintext(*plaintext)?.values;
                    for (constant, weights) in constants.iter_mut().zip(&of_result) {
                        *constant += mean_of_product(weights, &values);
                    }
                    add(&mut weights[*input], of_result);
                }
                Operation::Combine { terms } => {
                    for ([re, im], input) in terms {
                        let factor = Complex64::new(f64::from(*re), f64::from(*im));
                        let scaled = of_result.iter().map(|w| w.iter().map(|w| w * factor));
                        let scaled = scaled.map(Iterator::collect).collect();
                        add(&mut weights[*input], scaled);
                    }
                }
                Operation::Transform { input, transform } => {
                    let plan = source.transform(*transform)?;
                    let turned = Turned { plan: &plan, slots };
                    let of_input = of_result.iter().map(|weights| turned.of(weights));
                    add(&mut weights[*input], of_input.collect());
                }
                // An end has no others.
                _ => return Err(ProgramError::Form.into()),
            }
        }
        let weights = end.reads.iter().map(|&value: &Value| std::mem::take(&mut weights[value]));
        Ok(Self { weights: weights.collect(), end, constants })
    }
}

/// A transform, from weights of its result to weights of its input.
struct Turned<'a> {
    plan: &'a TransformPlan,
    slots: usize,
}

impl Turned<'_> {
    fn of(&self, weights: &Weights) -> Weights {
        let mut of_nodes: Vec<Weights> = vec![Vec::new(); self.plan.nodes.len()];
        let mut of_sum = weights.clone();
        for (index, terms) in self.plan.sums.iter().enumerate() {
            if let Some(giant) = self.plan.giant.filter(|_| index > 0) {
                of_sum = self.back(&of_sum, giant);
            }
            for term in terms {
                add_one(&mut of_nodes[term.node], product(&of_sum, &term.weights));
            }
        }
        let mut of_input = Vec::new();
        for (index, node) in self.plan.nodes.iter().enumerate().rev() {
            let of_node = std::mem::take(&mut of_nodes[index]);
            if of_node.is_empty() {
                continue;
            }
            match *node {
                Node::Input { mask: None } => add_one(&mut of_input, of_node),
                Node::Input { mask: Some(mask) } => {
                    add_one(&mut of_input, product(&of_node, &self.plan.masks[mask]));
                }
                Node::Step { from, element } => {
                    add_one(&mut of_nodes[from], self.back(&of_node, element));
                }
            }
        }
        of_input
    }

    /// Weights of what an automorphism is applied to.
    fn back(&self, weights: &Weights, element: GaloisElement) -> Weights {
        let (steps, conjugated) = slot_map(element, self.slots);
        let count = weights.len();
        let turned = (0..count).map(|j| weights[(j + count - steps % count) % count]);
        if conjugated { turned.map(|w| w.conj()).collect() } else { turned.collect() }
    }
}

/// By how many slots to the left an automorphism rotates, and whether it conjugates them.
fn slot_map(element: GaloisElement, slots: usize) -> (usize, bool) {
    let (order, exponent) = (4 * slots as u64, u64::from(element.exponent()));
    let mut power = 1;
    for steps in 0..slots {
        if power == exponent % order {
            return (steps, false);
        }
        if order - power == exponent % order {
            return (steps, true);
        }
        power = power * 5 % order;
    }
    // Every odd residue is one of these or its negative.
    (0, false)
}

/// Sums of weights by class.
fn add(to: &mut Vec<Weights>, weights: Vec<Weights>) {
    if to.is_empty() {
        *to = weights;
    } else {
        to.iter_mut().zip(weights).for_each(|(to, weights)| add_one(to, weights));
    }
}

fn add_one(to: &mut Weights, weights: Weights) {
    if to.is_empty() {
        *to = weights;
        return;
    }
    let count = to.len().max(weights.len());
    let sum = |i: usize| to[i % to.len()] + weights[i % weights.len()];
    *to = (0..count).map(sum).collect();
}

fn product(x: &[Complex64], y: &[Complex64]) -> Weights {
    (0..x.len().max(y.len())).map(|i| x[i % x.len()] * y[i % y.len()]).collect()
}

fn mean_of_product(x: &[Complex64], y: &[Complex64]) -> f64 {
    let product = product(x, y);
    product.iter().map(|z| z.re).sum::<f64>() / product.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automorphisms_are_rotations_and_conjugates() {
        let slots = 1 << 10;
        for steps in [0, 1, 7, 1023] {
            let rotation = GaloisElement::rotation(steps, 2 * slots);
            assert_eq!(slot_map(rotation, slots), (steps as usize, false));
        }
        assert_eq!(slot_map(GaloisElement::conjugation(2 * slots), slots), (0, true));
    }
}
