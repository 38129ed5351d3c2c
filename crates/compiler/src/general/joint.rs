//! Activations that share a bootstrap.
//!
//! A bootstrap takes its time however few slots mean something. So where two activations compute the
//! same in their units, neither needs the other's result, and their feature maps fit one ciphertext,
//! they become one activation of the channels of both: branches that end in a concatenation, and the two
//! squares of a product.

use std::collections::BTreeMap;

use blindsight_model::tensor::Shape;

use super::network::{Activation, Affine, Held, Made, Network};
use super::sparse::Sparse;

/// Two values that become one: the earlier one first.
struct Joint {
    values: [usize; 2],
    shape: Shape,
    activation: Activation,
}

/// Where an earlier network's value is: which value it is in, from which element on.
#[derive(Clone, Copy)]
struct Place {
    value: usize,
    offset: usize,
}

impl Network {
    /// The network with all activations joined that can be, in ciphertexts of so many slots; `None`
    /// where none can.
    pub(super) fn joined(&self, slots: usize) -> Option<Self> {
        let mut needs = self.needs();
        let mut joint = self.next_joint(&needs, slots)?;
        let mut network = self.clone();
        loop {
            network = network.join(joint, &needs);
            needs = network.needs();
            match network.next_joint(&needs, slots) {
                Some(next) => joint = next,
                None => return Some(network),
            }
        }
    }

    fn next_joint(&self, needs: &[Vec<bool>], slots: usize) -> Option<Joint> {
        let pooled = |value: usize| {
            let mut all = self.values.iter();
            all.any(|held| matches!(held.made, Made::Pool { source, .. } if source == value))
        };
        let candidates: Vec<usize> = (0..self.values.len()).filter(|v| !pooled(*v)).collect();
        // The nearest one first: what is made together is often read together.
        let mut pairs = candidates.iter().enumerate().flat_map(|(index, second)| {
            candidates[..index].iter().rev().map(move |first| [*first, *second])
        });
        pairs.find_map(|[first, second]| match needs[second][first] {
            true => None,
            false => self.joint([first, second], slots),
        })
    }

    /// For each value, of which others it is made, directly or not.
    fn needs(&self) -> Vec<Vec<bool>> {
        let mut needs: Vec<Vec<bool>> = Vec::with_capacity(self.values.len());
        for held in &self.values {
            let sources = match &held.made {
                Made::Input => Vec::new(),
                Made::Activation { affine, .. } => affine.terms.iter().map(|(v, _)| *v).collect(),
                Made::Pool { source, .. } => vec![*source],
            };
            let mut own = vec![false; self.values.len()];
            for source in sources {
                own.iter_mut().zip(&needs[source]).for_each(|(own, other)| *own |= other);
                own[source] = true;
            }
            needs.push(own);
        }
        needs
    }

    fn joint(&self, values: [usize; 2], slots: usize) -> Option<Joint> {
        let [first, second] = values.map(|value| &self.values[value]);
        let (Made::Activation { activation: one, .. }, Made::Activation { activation: other, .. }) =
            (&first.made, &second.made)
        else {
            return None;
        };
        let sides = |shape: Shape| [shape.height(), shape.width()];
        let channels = first.shape.channels() + second.shape.channels();
        let [height, width] = sides(first.shape);
        let shape = Shape::new(channels, height, width).ok()?;
        let fits = sides(first.shape) == sides(second.shape) && shape.elements() <= slots;
        let activation = if fits { one.joined(other)? } else { return None };
        Some(Joint { values, shape, activation })
    }

    /// The network with two values as one, in the place of the second. What lies between and needs the
    /// first one comes after.
    fn join(self, joint: Joint, needs: &[Vec<bool>]) -> Self {
        let Joint { values: [first, second], shape, activation } = joint;
        let count = self.values.len();
        let between = first + 1..second;
        let (later, sooner): (Vec<usize>, Vec<usize>) = between.partition(|v| needs[*v][first]);
        let order: Vec<usize> = (0..first)
            .chain(sooner)
            .chain([second])
            .chain(later)
            .chain(second + 1..count)
            .collect();
        let mut places = vec![Place { value: 0, offset: 0 }; count];
        for (value, old) in order.iter().enumerate() {
            places[*old].value = value;
        }
        let both = places[second].value;
        places[first].value = both;
        places[second].offset = self.values[first].shape.elements();
        let renamed = self.values.into_iter().map(|held| Some(held.renamed(&places)));
        let mut renamed: Vec<Option<Held>> = renamed.collect();
        let upper = renamed[first].take().map(|held| held.made);
        let mut values: Vec<Held> = order.iter().filter_map(|old| renamed[*old].take()).collect();
        let (Some(Made::Activation { affine: upper, .. }), Made::Activation { affine: lower, .. }) =
            (upper, &values[both].made)
        else {
            unreachable!("a joint is of two activations")
        };
        let affine = upper.above(lower, shape);
        values[both] = Held { shape, made: Made::Activation { affine, activation } };
        Self { values, scores: self.scores.renamed(&places), bound: self.bound }
    }
}

impl Held {
    fn renamed(self, places: &[Place]) -> Self {
        let made = match self.made {
            Made::Input => Made::Input,
            Made::Activation { affine, activation } => {
                Made::Activation { affine: affine.renamed(places), activation }
            }
            // Values that pools read are never joined.
            Made::Pool { source, pool } => Made::Pool { source: places[source].value, pool },
        };
        Self { shape: self.shape, made }
    }
}

impl Affine {
    fn renamed(self, places: &[Place]) -> Self {
        let mut terms: BTreeMap<usize, Sparse> = BTreeMap::new();
        for (old, matrix) in self.terms {
            let Place { value, offset } = places[old];
            let matrix = matrix.moved_right(offset);
            let sum = match terms.remove(&value) {
                Some(known) => known.plus(&matrix),
                None => matrix,
            };
            terms.insert(value, sum);
        }
        Self { terms: terms.into_iter().collect(), ..self }
    }

    /// The rows of this one, and below them those of another.
    fn above(&self, other: &Self, shape: Shape) -> Self {
        let [upper, lower] = [self, other].map(|affine| affine.shape.elements());
        let mut terms: BTreeMap<usize, Sparse> = BTreeMap::new();
        for (affine, first) in [(self, 0), (other, upper)] {
            for (value, matrix) in &affine.terms {
                let empty = || Sparse { rows: vec![Vec::new(); upper + lower] };
                let all = &mut terms.entry(*value).or_insert_with(empty).rows;
                all[first..][..matrix.rows.len()].clone_from_slice(&matrix.rows);
            }
        }
        let bias = self.bias.iter().chain(&other.bias).copied().collect();
        Self { terms: terms.into_iter().collect(), bias, shape }
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::{ActivationKind, Graph};

    use super::*;
    use crate::general::network::Refreshes;
    use crate::testing::{Parts, branches, calibration, deep, gated, inputs, inverted};

    const SLOTS: usize = 1 << 14;

    fn network(graph: &Graph) -> Network {
        Network::new(graph, &calibration(graph), Refreshes::Kept).unwrap()
    }

    fn assert_equal(graph: &Graph, one: &Network, other: &Network) {
        for input in inputs(graph.shape(graph.input())) {
            let scores = |network: &Network| {
                network.run(input.values(), |_, activation, u| activation.eval(u))
            };
            for (x, y) in scores(one).iter().zip(scores(other)) {
                assert!((x - y).abs() < 1e-9, "{x}, {y}");
            }
        }
    }

    #[test]
    fn branches_and_products_share_bootstraps() {
        for (graph, channels) in [(branches(), 11), (gated(), 12)] {
            let network = network(&graph);
            let joined = network.joined(SLOTS).unwrap();
            assert_eq!(joined.values.len() + 1, network.values.len());
            assert!(joined.values.iter().any(|held| held.shape.channels() == channels));
            assert_equal(&graph, &network, &joined);
        }
    }

    #[test]
    fn what_has_no_room_or_needs_the_other_stays_alone() {
        assert!(network(&branches()).joined(11 * 144 - 1).is_none());
        assert!(network(&branches()).joined(11 * 144).is_some());
        assert!(network(&deep(6)).joined(SLOTS).is_none());
        // Residual: all in a row.
        assert!(network(&inverted()).joined(SLOTS).is_none());
    }

    /// Either of two pairs may be joined, but not both: each would need the other.
    #[test]
    fn pairs_that_cross_are_not_both_joined() {
        let mut parts = Parts::of_sides([3, 1, 1]);
        let [relu, square] = [ActivationKind::Relu, ActivationKind::Square];
        let [left, right] = [relu, square].map(|kind| {
            let sum = parts.linear(parts.input(), [4, 3]);
            parts.activation(sum, kind)
        });
        let [left, right] = [(left, square), (right, relu)].map(|(source, kind)| {
            let sum = parts.linear(source, [5, 4]);
            parts.activation(sum, kind)
        });
        let sum = parts.sum(left, right);
        let scores = parts.linear(sum, [2, 5]);
        let graph = parts.finish(scores);
        let network = network(&graph);
        let joined = network.joined(SLOTS).unwrap();
        assert_eq!((network.values.len(), joined.values.len()), (5, 4));
        assert_equal(&graph, &network, &joined);
    }
}
