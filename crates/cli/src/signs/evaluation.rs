//! One network on digits: client and evaluator exchange bytes, and what is decided is compared with
//! the network in the clear.

use std::error::Error;

use blindsight_ckks_client::sampling::SecretRng;
use blindsight_encrypted::best;
use blindsight_exact::picture::ExactScores;
use blindsight_exact::{BinaryPicture, LabelCiphertext, LabelCode};
use blindsight_exact_client::{ExactFamily, Under};
use blindsight_exact_eval::network::SignsObserver;
use blindsight_exact_eval::{Entropy, ExactKey, Lwe};
use blindsight_model::graph::erf;
use blindsight_model::tensor::Tensor;

use super::Network;
use super::report::{Accuracy, Bytes, Labels, NetworkReport, Noise, Seconds, Signs};
use crate::encrypted::timed;

/// A digit as a network reads it.
pub(super) struct Digit {
    pub(super) name: String,
    pub(super) input: Tensor,
    pub(super) label: Option<usize>,
}

/// What became of one.
pub(super) struct Outcome {
    pub(super) label: usize,
    /// From the picture's bytes to the answer's.
    pub(super) seconds: f64,
}

/// A network, both sides, and what was seen so far.
pub(super) struct Evaluation<'a> {
    network: &'a Network,
    family: &'a ExactFamily<'a>,
    key: &'a ExactKey,
    label_only: bool,
    digits: usize,
    /// Digits whose class is known, and the right answers among them.
    known: usize,
    right: usize,
    right_plain: usize,
    same: usize,
    seconds: Seconds,
    bytes: Bytes,
    signs: Signs,
    labels: Labels,
}

/// Decrypts signs as they come, which no client can.
struct Decrypted<'a> {
    family: &'a ExactFamily<'a>,
    signs: Vec<Vec<bool>>,
    seconds: f64,
}

impl SignsObserver for Decrypted<'_> {
    fn signs(&mut self, _: usize, signs: &[Lwe]) {
        let positive =
            |sign: &Lwe| self.family.phase(Under::Ring, sign.mask(), sign.body()) as i64 > 0;
        let (signs, seconds) = timed(|| signs.iter().map(positive).collect());
        self.signs.push(signs);
        self.seconds += seconds;
    }
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        network: &'a Network,
        family: &'a ExactFamily<'a>,
        key: &'a ExactKey,
        label_only: bool,
    ) -> Self {
        Self {
            network,
            family,
            key,
            label_only,
            digits: 0,
            known: 0,
            right: 0,
            right_plain: 0,
            same: 0,
            seconds: Seconds::default(),
            bytes: Bytes::default(),
            signs: Signs::default(),
            labels: Labels::default(),
        }
    }

    /// Classifies a digit.
    pub(super) fn digit(
        &mut self,
        digit: &Digit,
        rng: &mut SecretRng,
    ) -> Result<Outcome, Box<dyn Error>> {
        let (set, signs) = (self.key.set(), &self.network.signs);
        let pixels: Vec<bool> = digit.input.values().iter().map(|x| *x > 0.0).collect();
        // The client.
        let (picture, encrypt) = timed(|| {
            self.family.encrypt_picture(&pixels, rng).map(|picture| picture.to_bytes(set))
        });
        let picture = picture?;
        // The evaluator.
        let mut watched = Decrypted { family: self.family, signs: Vec::new(), seconds: 0.0 };
        let (evaluated, seconds) = timed(|| {
            let picture = BinaryPicture::from_bytes(set, signs.pixels(), &picture)?;
            let scores = self.key.network_scores(signs, &picture, &mut watched)?;
            let answer = self.key.scores_answer(&scores).to_bytes(set);
            Ok::<_, Box<dyn Error>>((scores, answer))
        });
        let (scores, answer) = evaluated?;
        let seconds = seconds - watched.seconds;
        // The client again.
        let (found, decrypt) = timed(|| {
            let answer = ExactScores::from_bytes(set, signs.scores(), &answer)?;
            Ok::<_, Box<dyn Error>>(best(&self.family.decrypt_scores(&answer)))
        });
        let found = found?;

        self.digits += 1;
        self.seconds.push([encrypt, seconds, decrypt]);
        self.bytes = Bytes { picture: picture.len(), scores: answer.len() };
        self.signs.add(&self.network.signs, &pixels, watched.signs);
        let plain = self.network.plain.run(&digit.input)?;
        let plain: Vec<f64> = plain.values().iter().copied().map(f64::from).collect();
        let plain = best(&plain);
        self.same += usize::from(found == plain);
        self.known += usize::from(digit.label.is_some());
        self.right += usize::from(digit.label == Some(found));
        self.right_plain += usize::from(digit.label == Some(plain));
        if self.label_only {
            self.decide(&scores, found)?;
        }
        Ok(Outcome { label: found, seconds })
    }

    /// Has the evaluator decide on the scores, and compares with what the client made of them.
    fn decide(&mut self, scores: &[Lwe], found: usize) -> Result<(), Box<dyn Error>> {
        let set = self.key.set();
        let mut entropy = Entropy::from_os()?;
        let (label, seconds) = timed(|| self.key.label(scores, &mut entropy));
        let label = label?.to_bytes(set);
        self.labels.bytes = label.len();
        self.labels.seconds.push(seconds);
        let label = LabelCiphertext::from_bytes(set, &label)?;
        let label = self.family.decrypt(LabelCode::new(set, scores.len())?, &label);
        self.labels.same_as_scores += usize::from(label == Some(found));
        Ok(())
    }

    pub(super) fn report(self) -> NetworkReport {
        let part = |right: usize| (self.known > 0).then(|| right as f64 / self.known as f64);
        let set = self.key.set();
        let layers = self.network.signs.noise();
        NetworkReport {
            title: self.network.title.clone(),
            pixels: self.network.signs.pixels(),
            signs_a_digit: self.network.signs.signs(),
            digits: self.digits,
            accuracy: Accuracy { encrypted: part(self.right), plain: part(self.right_plain) },
            same_label_as_plain: self.same,
            seconds: self.seconds.summary(),
            bytes: self.bytes,
            signs: self.signs,
            noise: Noise {
                log2: layers.iter().map(|noise| noise.most.log2()).collect(),
                log2_scores_rounding: ExactScores::noise(set).log2(),
            },
            labels: self.label_only.then_some(self.labels),
        }
    }
}

/// The probability that normal noise of this deviation takes a sum across zero; none does so without
/// any.
pub(super) fn crosses(sum: f64, deviation: f64) -> f64 {
    if deviation == 0.0 {
        return 0.0;
    }
    0.5 * (1.0 - erf(sum.abs() / (deviation * std::f64::consts::SQRT_2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_crosses_zero_as_often_as_a_table_says() {
        assert_eq!(crosses(0.0, 0.1), 0.5);
        for (deviations, probability) in [(1.0, 0.158_655_253_931), (3.0, 0.001_349_898_032)] {
            for sum in [deviations * 0.02, -deviations * 0.02] {
                assert!((crosses(sum, 0.02) - probability).abs() < 1e-11, "{deviations}");
            }
        }
    }
}
