//! An encrypted model on labelled inputs.

use std::time::Instant;

use blindsight_model::tensor::Tensor;

use crate::client::best;
use crate::error::EncryptedError;
use crate::model::EncryptedModel;

/// What came of labelled inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct EncryptedEvaluation {
    /// The part that gets the right label, encrypted.
    pub accuracy: f64,
    /// The part that gets it in the clear.
    pub plain_accuracy: f64,
    /// The part whose label is the same in both.
    pub agreement: f64,
    /// Seconds of each request in the evaluator.
    pub evaluations: Vec<f64>,
    /// Seconds of each request with encryption and decryption.
    pub wholes: Vec<f64>,
}

impl EncryptedModel {
    /// Runs all inputs, as many in a request as it holds, and compares their labels with those given
    /// and with the plain network's.
    ///
    /// # Errors
    /// [`EncryptedError`] when there are no inputs, or one does not fit, or its label is no class: its
    /// index is named.
    pub fn evaluate_encrypted(
        &mut self,
        samples: &[(Tensor, usize)],
    ) -> Result<EncryptedEvaluation, EncryptedError> {
        if samples.is_empty() {
            return Err(EncryptedError::Empty);
        }
        let classes = self.contract().answer().values();
        if let Some(index) = samples.iter().position(|(_, label)| *label >= classes) {
            return Err(EncryptedError::Label { index, found: samples[index].1, classes });
        }
        let [mut right, mut plain_right, mut agreeing] = [0_u32; 3];
        let (mut evaluations, mut wholes) = (Vec::new(), Vec::new());
        for batch in samples.chunks(self.most_inputs()) {
            let start = Instant::now();
            let request = self.encrypt_all(batch.iter().map(|(input, _)| input))?;
            let sent = Instant::now();
            let answer = self.predict_encrypted(&request)?;
            evaluations.push(sent.elapsed().as_secs_f64());
            let scores = self.decrypt(&answer)?;
            wholes.push(start.elapsed().as_secs_f64());
            for ((input, label), scores) in batch.iter().zip(scores) {
                let plain = self.plain.run(input)?;
                let plain: Vec<f64> = plain.values().iter().copied().map(f64::from).collect();
                let (found, plain) = (best(&scores), best(&plain));
                right += u32::from(found == *label);
                plain_right += u32::from(plain == *label);
                agreeing += u32::from(found == plain);
            }
        }
        let part = |count: u32| f64::from(count) / samples.len() as f64;
        Ok(EncryptedEvaluation {
            accuracy: part(right),
            plain_accuracy: part(plain_right),
            agreement: part(agreeing),
            evaluations,
            wholes,
        })
    }
}

#[cfg(test)]
mod tests {
    use blindsight_model::graph::ActivationKind;
    use blindsight_model::sequential::{About, Sequential, TrainedNetwork};

    use super::*;
    use crate::{Goal, Plan};

    /// Two squares, and which of the two is larger.
    fn network() -> TrainedNetwork {
        let layers = Sequential::new([2, 1, 1]).activation(ActivationKind::Square).dense(2);
        let tensors = [vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0]];
        let file =
            TrainedNetwork::to_safetensors(&layers.build().unwrap(), &About::default(), &tensors);
        TrainedNetwork::from_safetensors(&file.unwrap()).unwrap()
    }

    /// Points whose coordinates differ by a quarter at least in magnitude.
    fn samples(count: usize) -> Vec<(Tensor, usize)> {
        let network = network();
        let shape = network.graph().shape(network.graph().input());
        let sample = |i: usize| {
            let (small, sign) =
                ((i % 7) as f32 / 10.0, if i.is_multiple_of(3) { -1.0 } else { 1.0 });
            let (large, label) = (sign * (small + 0.25), i % 2);
            let values = if label == 0 { vec![large, small] } else { vec![small, large] };
            (Tensor::new(shape, values).unwrap(), label)
        };
        (0..count).map(sample).collect()
    }

    #[test]
    fn requests_are_filled_and_labels_compared() {
        let inputs: Vec<Tensor> = samples(100).into_iter().map(|(input, _)| input).collect();
        let mut model = network().plan(Goal::Throughput, &inputs).unwrap();
        let most = model.most_inputs();
        assert_eq!(model.key_bytes(), 0);
        let mut samples = samples(most + 5);
        samples[3].1 = 1 - samples[3].1;
        let found = model.evaluate_encrypted(&samples).unwrap();
        let right = 1.0 - 1.0 / samples.len() as f64;
        assert!((found.plain_accuracy - right).abs() < 1e-9);
        assert!(found.agreement > 0.99 && (found.accuracy - right).abs() < 0.01, "{found:?}");
        assert_eq!((found.evaluations.len(), found.wholes.len()), (2, 2));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let inputs: Vec<Tensor> = samples(50).into_iter().map(|(input, _)| input).collect();
        let mut model = network().plan(Goal::Throughput, &inputs).unwrap();
        let other = Tensor::new(blindsight_model::tensor::Shape::vector(3).unwrap(), vec![0.0; 3]);
        let mut wrong = inputs[..4].to_vec();
        wrong[2] = other.unwrap();
        let refused = model.encrypt(&wrong).unwrap_err();
        assert!(
            matches!(refused, EncryptedError::Shape { index: 2, found: 3, expected: 2 }),
            "{refused}"
        );
        let refused = network().plan(Goal::Latency, &wrong).unwrap_err();
        assert!(matches!(refused, EncryptedError::Shape { index: 2, .. }), "{refused}");
        assert!(matches!(model.encrypt(&[]), Err(EncryptedError::Empty)));
        assert!(matches!(network().plan(Goal::Latency, &[]), Err(EncryptedError::Empty)));
        assert!(matches!(model.evaluate_encrypted(&[]), Err(EncryptedError::Empty)));
        let most = model.most_inputs();
        let refused = model.encrypt(&vec![inputs[0].clone(); most + 1]).unwrap_err();
        assert!(matches!(refused, EncryptedError::TooMany { found, .. } if found == most + 1));
        let refused = model.evaluate_encrypted(&[(inputs[0].clone(), 2)]).unwrap_err();
        assert!(matches!(refused, EncryptedError::Label { index: 0, found: 2, classes: 2 }));
    }

    /// (x - 3)^2 and its negative, for x near 3: what an input of zeros gives is far beyond, and
    /// must not wrap around into the answer of a request that is not full.
    #[test]
    fn slots_without_an_input_do_no_harm() {
        let layers = Sequential::new([1, 1, 1]).dense(1).activation(ActivationKind::Square);
        let layers = layers.dense(2).build().unwrap();
        let tensors = [vec![1.0], vec![-3.0], vec![1.0, -1.0], vec![0.0, 0.1]];
        let file = TrainedNetwork::to_safetensors(&layers, &About::default(), &tensors).unwrap();
        let network = TrainedNetwork::from_safetensors(&file).unwrap();
        let shape = network.graph().shape(network.graph().input());
        let input = |i: usize| Tensor::new(shape, vec![2.5 + (i % 11) as f32 / 10.0]).unwrap();
        let inputs: Vec<Tensor> = (0..100).map(input).collect();
        let mut model = network.plan(Goal::Throughput, &inputs).unwrap();
        for (count, input) in [(1, 0), (2, 3)] {
            let request = model.encrypt(&vec![inputs[input].clone(); count]).unwrap();
            let answer = model.predict_encrypted(&request).unwrap();
            let scores = model.decrypt(&answer).unwrap();
            let square = f64::from(inputs[input].values()[0] - 3.0).powi(2);
            assert!((scores[0][0] - square).abs() < 0.1, "{scores:?} for {square}");
        }
    }
}
