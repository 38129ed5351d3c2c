//! The training itself.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::average::Average;
use crate::batches::{Batch, shuffled};
use crate::distillation::Distillation;
use crate::distortion::Distortion;
use crate::layer::Mode;
use crate::model::{Evaluation, Model};
use crate::optimiser::State;
use crate::progress::Progress;
use crate::rounding::Bits;
use crate::{Loss, Samples, Shifts, TrainError};

/// How a network is trained.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) seed: u64,
    pub(crate) shifts: Option<Shifts>,
    pub(crate) distortion: Option<Distortion>,
    pub(crate) average: f32,
    pub(crate) clip: f32,
    pub(crate) range: Option<Range>,
    pub(crate) gates: Option<L0>,
    pub(crate) rounding: Option<Bits>,
    pub(crate) distillation: Option<Distillation<'a>>,
    pub(crate) held_out: Option<&'a Samples>,
    pub(crate) progress: Progress,
}

/// Where the inputs of activations are to lie: the mean square of what is beyond is added to the
/// loss. Under encryption precision is lost with the range that values take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The largest magnitude that costs nothing.
    pub limit: f32,
    /// What the mean square is multiplied by. Few values lie out of range, so it is large.
    pub weight: f32,
}

/// Gates before each element that the first fully connected layer reads, most of which are to close:
/// what is expected to be open beyond `most` costs `weight`, for all elements together. When training
/// ends, no more than the most stay open, and weights behind the others stay zero from then on. What
/// only they read is not computed under encryption.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L0 {
    /// How many elements may be read.
    pub most: usize,
    /// What all elements cost.
    pub weight: f32,
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// The mean loss of its batches.
    pub loss: f64,
    /// What the averaged weights make of the samples that were held out.
    pub held_out: Option<Evaluation>,
}

impl<'a> Fit<'a> {
    /// So many times over all samples, in batches of 128, with seed 1, averaged weights (0.999),
    /// gradients clipped at 1; no shifts, no distortion, no range, no rounding, no teacher, nothing held out and shown.
    #[must_use]
    pub const fn epochs(epochs: usize) -> Self {
        Self {
            epochs,
            batch: 128,
            seed: 1,
            shifts: None,
            distortion: None,
            average: 0.999,
            clip: 1.0,
            range: None,
            gates: None,
            rounding: None,
            distillation: None,
            held_out: None,
            progress: Progress::Quiet,
        }
    }

    /// The same with another number of epochs.
    #[must_use]
    pub const fn with_epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Samples of a batch.
    #[must_use]
    pub const fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// What everything random follows from.
    #[must_use]
    pub const fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Shifts pictures at random.
    #[must_use]
    pub const fn shifts(self, shifts: Shifts) -> Self {
        Self { shifts: Some(shifts), ..self }
    }

    /// The same with no pictures shifted: distortion moves them too.
    #[must_use]
    pub const fn without_shifts(self) -> Self {
        Self { shifts: None, ..self }
    }

    /// Distorts pictures at random, after they were shifted.
    #[must_use]
    pub const fn distortion(self, distortion: Distortion) -> Self {
        Self { distortion: Some(distortion), ..self }
    }

    /// What the running average of the weights keeps in a step; 0 for none.
    #[must_use]
    pub const fn average(self, average: f32) -> Self {
        Self { average, ..self }
    }

    /// The longest gradient of all weights.
    #[must_use]
    pub const fn clip(self, clip: f32) -> Self {
        Self { clip, ..self }
    }

    /// Holds the inputs of activations within a range.
    #[must_use]
    pub const fn range(self, range: Range) -> Self {
        Self { range: Some(range), ..self }
    }

    /// Learns which elements the first fully connected layer needs.
    #[must_use]
    pub const fn gates(self, gates: L0) -> Self {
        Self { gates: Some(gates), ..self }
    }

    /// The same without gates: of a network that had them, the weights behind them stay zero.
    #[must_use]
    pub const fn without_gates(self) -> Self {
        Self { gates: None, ..self }
    }

    /// Computes with rounded weights. What is learnt is what is rounded.
    #[must_use]
    pub const fn rounding(self, bits: Bits) -> Self {
        Self { rounding: Some(bits), ..self }
    }

    /// Learns from another network too.
    #[must_use]
    pub const fn distillation(self, distillation: Distillation<'a>) -> Self {
        Self { distillation: Some(distillation), ..self }
    }

    /// Samples that every epoch is measured on.
    #[must_use]
    pub const fn held_out(self, samples: &'a Samples) -> Self {
        Self { held_out: Some(samples), ..self }
    }

    /// Where progress is shown.
    #[must_use]
    pub const fn progress(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    /// How many epochs there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.epochs
    }

    fn check(&self) -> Result<(), TrainError> {
        let refuse = |what| Err(TrainError::Setting { what });
        let positive = |x: f32| x > 0.0 && x.is_finite();
        match *self {
            Self { epochs: 0, .. } => refuse("the number of epochs"),
            Self { batch: 0, .. } => refuse("the size of a batch"),
            Self { average, .. } if !(0.0..1.0).contains(&average) => refuse("the average"),
            Self { clip, .. } if !positive(clip) => refuse("the longest gradient"),
            Self { range: Some(range), .. }
                if !(positive(range.limit) && range.weight >= 0.0 && range.weight.is_finite()) =>
            {
                refuse("the range")
            }
            Self { gates: Some(L0 { most, weight }), .. }
                if most == 0 || !(weight >= 0.0 && weight.is_finite()) =>
            {
                refuse("the gates")
            }
            Self { shifts: Some(shifts), .. }
                if shifts.most > MAX_SHIFT || !(0.0..=1.0).contains(&shifts.share) =>
            {
                refuse("the shift")
            }
            Self { distortion: Some(distortion), .. } => {
                distortion.mistake().map_or(Ok(()), refuse)
            }
            _ => Ok(()),
        }
    }
}

/// Beyond any picture that is read.
const MAX_SHIFT: usize = 1 << 10;

impl From<usize> for Fit<'_> {
    fn from(epochs: usize) -> Self {
        Self::epochs(epochs)
    }
}

/// Trains the model; see [`Model::fit`].
pub(crate) fn fit(
    model: &mut Model,
    samples: &Samples,
    fit: Fit<'_>,
) -> Result<Vec<Epoch>, TrainError> {
    fit.check()?;
    model.expect(samples)?;
    if let Some(held_out) = fit.held_out {
        model.expect(held_out)?;
    }
    if let Some(distillation) = fit.distillation {
        if model.loss == Loss::Reconstruction {
            return Err(TrainError::Setting { what: "a teacher of something else than classes" });
        }
        distillation.check(model.architecture())?;
    }
    model.begin(samples, fit)?;
    if let Some(gates) = fit.gates
        && !model.network.add_gates(gates, fit.seed)
    {
        return Err(TrainError::Setting { what: "gates without a fully connected layer" });
    }
    let history = epochs(model, samples, fit);
    model.network.close_gates();
    let history = history?;
    if let Some(bits) = fit.rounding {
        model.round(bits);
    }
    Ok(history)
}

/// One epoch after the other; the model then has the averaged weights.
fn epochs(model: &mut Model, samples: &Samples, fit: Fit<'_>) -> Result<Vec<Epoch>, TrainError> {
    let mut random = ChaCha8Rng::seed_from_u64(fit.seed);
    // Its own, so that distortion does not change what else is drawn.
    let mut distorting = ChaCha8Rng::seed_from_u64(fit.seed);
    distorting.set_stream(1);
    let mut state = State::new(model.optimiser, &mut model.network);
    let mut average = Average::new(fit.average, &mut model.network);
    let batches = (samples.len() / fit.batch).max(1);
    let mut history = Vec::new();
    for number in 1..=fit.epochs {
        let good = average.values().to_vec();
        let mut sum = 0.0;
        for (at, mut batch) in shuffled(samples, fit.batch, fit.shifts, &mut random).enumerate() {
            if let Some(distortion) = fit.distortion {
                distortion.apply(&mut batch, samples.shape(), &mut distorting);
            }
            let learnt = learn(model, batch, fit);
            sum += learnt.map_err(|layer| {
                model.network.set(&good);
                TrainError::NotFinite { epoch: number, batch: at + 1, layer }
            })?;
            let rate = model.optimiser.rate((number - 1) * batches + at, fit.epochs * batches);
            state.step(&mut model.network, rate, fit.clip);
            average.add(&mut model.network);
            fit.progress.batch(number, at + 1, batches);
        }
        let held_out = match fit.held_out {
            Some(held_out) => {
                let last = model.network.values();
                model.network.set(average.values());
                let evaluation = model.evaluate_with(held_out, fit.rounding)?;
                model.network.set(&last);
                Some(evaluation)
            }
            None => None,
        };
        let epoch = Epoch { number, loss: sum / batches as f64, held_out };
        fit.progress.epoch(&epoch, fit.epochs);
        history.push(epoch);
    }
    model.network.set(average.values());
    Ok(history)
}

/// Gathers the gradients of a batch. Fails with the first layer whose result is not finite.
fn learn(model: &mut Model, batch: Batch, fit: Fit<'_>) -> Result<f64, Option<usize>> {
    let Fit { rounding, range, .. } = fit;
    let mode = Mode { training: true, rounding, range, counting: false };
    let network = &mut model.network;
    let results = network.forward(batch.inputs.clone(), mode);
    let (loss, gradient) = model.loss.of(&results, &batch);
    let (loss, gradient) = match fit.distillation {
        Some(distillation) => distillation.of(&batch.inputs, &results, (loss, gradient)),
        None => (loss, gradient),
    };
    let loss = loss + network.penalty();
    if !loss.is_finite() {
        return Err(network.first_not_finite(&batch.inputs, mode));
    }
    network.backward(gradient);
    Ok(loss)
}
