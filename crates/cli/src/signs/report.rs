//! What is printed.

use blindsight_exact_eval::SignNetwork;
use serde::Serialize;

use super::evaluation::crosses;
use crate::bench::median_of;

/// All networks.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    keys: Keys,
    networks: Vec<NetworkReport>,
    threads: usize,
}

/// The evaluator's key: bytes and seconds.
#[derive(Debug, Serialize)]
pub(super) struct Keys {
    pub(super) bytes: usize,
    pub(super) expanded: usize,
    pub(super) generate: f64,
    pub(super) expand: f64,
}

/// One network.
#[derive(Debug, Serialize)]
pub(super) struct NetworkReport {
    pub(super) title: String,
    pub(super) pixels: usize,
    pub(super) signs_a_digit: usize,
    pub(super) digits: usize,
    pub(super) accuracy: Accuracy,
    pub(super) same_label_as_plain: usize,
    pub(super) seconds: Summary,
    pub(super) bytes: Bytes,
    pub(super) signs: Signs,
    pub(super) noise: Noise,
    pub(super) labels: Option<Labels>,
}

/// Of the digits whose class is known; none without any.
#[derive(Debug, Serialize)]
pub(super) struct Accuracy {
    pub(super) encrypted: Option<f64>,
    pub(super) plain: Option<f64>,
}

/// What travels for a digit.
#[derive(Debug, Default, Serialize)]
pub(super) struct Bytes {
    pub(super) picture: usize,
    pub(super) scores: usize,
}

/// What every digit took.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    each: [Vec<f64>; 3],
}

/// Medians over the digits; of evaluations also mean, least and most.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    encrypt: f64,
    evaluate: f64,
    decrypt: f64,
    evaluate_mean: f64,
    evaluate_least: f64,
    evaluate_most: f64,
}

/// Signs of all digits.
#[derive(Debug, Default, Serialize)]
pub(super) struct Signs {
    taken: usize,
    /// Those that are not the plain network's.
    differ_from_plain: usize,
    /// Those that are not that of the sum of what they really read.
    decided_otherwise: usize,
    /// How many of these the computed noise makes one expect.
    expected: f64,
    /// The largest of them all, in standard deviations of its noise: beyond six or so it is no noise.
    farthest: f64,
    /// The largest sum of a plain network, where half the circle is 1: beyond that a sum goes around.
    largest_sum: f64,
}

/// `log2` of the largest standard deviation of each layer's sums, as parts of the circle.
#[derive(Debug, Serialize)]
pub(super) struct Noise {
    pub(super) log2: Vec<f64>,
    pub(super) log2_scores_rounding: f64,
}

/// The evaluator's own decisions.
#[derive(Debug, Default, Serialize)]
pub(super) struct Labels {
    pub(super) bytes: usize,
    pub(super) same_as_scores: usize,
    /// On top of the scores'.
    pub(super) seconds: Vec<f64>,
}

impl Report {
    pub(super) fn new(keys: Keys, networks: Vec<NetworkReport>) -> Self {
        Self { keys, networks, threads: rayon::current_num_threads() }
    }
}

impl Seconds {
    /// To encrypt, to evaluate, to decrypt.
    pub(super) fn push(&mut self, seconds: [f64; 3]) {
        self.each.iter_mut().zip(seconds).for_each(|(all, one)| all.push(one));
    }

    pub(super) fn summary(&self) -> Summary {
        let [encrypt, evaluate, decrypt] = self.each.each_ref().map(|all| median_of(all.clone()));
        let all = &self.each[1];
        Summary {
            encrypt,
            evaluate,
            decrypt,
            evaluate_mean: all.iter().sum::<f64>() / all.len().max(1) as f64,
            evaluate_least: all.iter().copied().fold(f64::INFINITY, f64::min),
            evaluate_most: all.iter().copied().fold(0.0, f64::max),
        }
    }
}

impl Signs {
    /// Compares the decrypted signs of a digit with plain ones, layer by layer.
    pub(super) fn add(&mut self, network: &SignNetwork, pixels: &[bool], decided: Vec<Vec<bool>>) {
        let plain = network.plain(pixels);
        let sums = plain.0.iter().take(decided.len()).flatten();
        self.largest_sum = sums.fold(self.largest_sum, |most, sum| most.max(2.0 * sum.abs()));
        let mut read = pixels.to_vec();
        for (layer, (signs, plain)) in decided.into_iter().zip(plain.signs()).enumerate() {
            self.taken += signs.len();
            self.differ_from_plain += signs.iter().zip(&plain).filter(|(a, b)| a != b).count();
            for (value, sum) in network.sums(layer, &read).into_iter().enumerate() {
                let noise = network.noise_of(layer, value);
                self.expected += crosses(sum, noise);
                if (sum > 0.0) != signs[value] {
                    self.decided_otherwise += 1;
                    self.farthest = self.farthest.max(sum.abs() / noise);
                }
            }
            read = signs;
        }
    }
}
