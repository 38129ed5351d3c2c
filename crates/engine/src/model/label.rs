//! Answers that are a label alone: docs/exact.md.
//!
//! A program for scores ends with linear steps to the base prime: a rescale, or a matrix. For a label, they
//! give way to others: one plaintext product for each class takes its score out of what they read, and
//! TFHE decides. So every model that answers with scores can answer with their label, and takes no
//! further key of CKKS for it. Its contract for that is [`Bundle::label_contract`](crate::Bundle::label_contract).
//! Networks of signs leave their scores where TFHE decides.

use blindsight_ckks::ciphertext::{Ciphertext, SeededCiphertext};
use blindsight_ckks_eval::{Evaluator, KeySet};
use blindsight_contract::{AcceptedContract, ExactAnswer};
use blindsight_exact::{Decision, DecisionCode, ExactParameters};
use blindsight_exact_eval::{Lwe, ScoreFactor, ScoreProducts, ScoreSelection};
use rayon::prelude::*;
use thiserror::Error;

pub use blindsight_exact_eval::{Entropy, ExactError, ExactKey};

use super::request::read_slots;
use super::tail::Tail;
use super::{Code, EvaluateError, Model, RunObserver, StepModel};
use crate::program::Value;

/// What a model's labels, or other decisions on its scores, are made with, once for all clients.
#[derive(Debug)]
pub struct Labels {
    set: ExactParameters,
    code: DecisionCode,
    source: Source,
}

/// Where the scores come from.
#[derive(Debug)]
enum Source {
    /// Slots of CKKS, before the linear end of the program.
    Slots(ScoreSelection),
    /// A network of signs.
    Signs,
}

/// Scores that are not decided on, and told to nobody yet.
#[derive(Debug)]
pub enum Undecided {
    /// What the linear end of the program reads.
    Slots(Vec<Ciphertext>),
    /// Of a network of signs.
    Signs(Vec<Lwe>),
}

/// Why there is no label.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The model answers in another form than scores of one input.
    #[error("only a model that answers one input with scores can answer with their label")]
    Form,
    /// The program has no room for the selection of scores.
    #[error("the program does not end with linear steps to its scores")]
    End,
    /// So large a lead would leave half the circle.
    #[error("the lead leaves no room for the scores of this network of signs")]
    Lead,
    /// A step of the decision.
    #[error(transparent)]
    Exact(#[from] ExactError),
    /// The model itself.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

impl Model {
    /// Makes the model ready to answer with labels, as a contract says that follows from its own.
    ///
    /// # Errors
    /// When it is none that can.
    pub fn labels(&self, contract: &AcceptedContract) -> Result<Labels, LabelError> {
        let label = contract.answer().label().ok_or(LabelError::Form)?;
        self.decisions(label.exact().clone(), label.code().clone())
    }

    /// Makes the model ready to answer with what is decided on its scores, under this set.
    ///
    /// # Errors
    /// When it is none that can.
    pub fn decisions(
        &self,
        set: ExactParameters,
        code: DecisionCode,
    ) -> Result<Labels, LabelError> {
        if let Code::Signs(network) = &self.code {
            let lead = code.decision().reach() - Decision::Label.reach();
            if network.reach() + lead * ExactAnswer::BOUND >= 0.5 {
                return Err(LabelError::Lead);
            }
            return Ok(Labels { set, code, source: Source::Signs });
        }
        let steps = self.label_steps()?;
        let tail = steps.tail.as_ref().ok_or(LabelError::End)?;
        let factor = |(&value, weights): (&Value, &Vec<_>)| {
            let read = steps.checked.values[value];
            ScoreFactor { level: read.level, scale: read.scale, weights: weights.clone() }
        };
        let products = ScoreProducts {
            factors: tail.end.reads.iter().zip(&tail.weights).map(factor).collect(),
            constants: tail.constants.clone(),
            // Compilers choose the unit so that scores stay within one of it. What is compared may
            // be more than a difference of two.
            bound: code.decision().reach() / 2.0,
        };
        let selection = ScoreSelection::new(steps.scheme.context(), &products)?;
        Ok(Labels { set, code, source: Source::Slots(selection) })
    }

    /// Runs the model but for its last step: what both kinds of answers are made of.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn unfinished_scores(
        &self,
        labels: &Labels,
        (keys, key): (&KeySet, &ExactKey),
        request: &[u8],
        observer: &mut impl RunObserver,
    ) -> Result<Undecided, LabelError> {
        if let Source::Signs = &labels.source {
            return self.run_signs(key, request, observer).map(Undecided::Signs);
        }
        let steps = self.label_steps()?;
        let tail = steps.tail.as_ref().ok_or(LabelError::End)?;
        let request = read_slots(&self.contract, request).map_err(EvaluateError::from)?;
        let request = request.into_iter().map(SeededCiphertext::expand).collect();
        let scores = steps.run_until(&tail.end.reads, keys, request, observer);
        Ok(Undecided::Slots(scores.map_err(EvaluateError::from)?))
    }

    /// The bytes of the answer with scores.
    ///
    /// # Errors
    /// When the scores are of another model.
    pub fn score_answer(
        &self,
        (keys, key): (&KeySet, &ExactKey),
        scores: &Undecided,
    ) -> Result<Vec<u8>, LabelError> {
        let scores = match scores {
            Undecided::Slots(scores) => scores,
            Undecided::Signs(scores) => return Ok(key.scores_answer(scores).to_bytes(key.set())),
        };
        let steps = self.label_steps()?;
        let tail = steps.tail.as_ref().ok_or(LabelError::End)?;
        let answer = steps.finish(&tail.end, keys, scores).map_err(EvaluateError::from)?;
        let answer = self.compact(&answer).map_err(EvaluateError::from)?;
        Ok(answer.to_bytes(self.contract.set()))
    }

    /// The bytes of the answer with the label, or what else is decided, alone.
    ///
    /// # Errors
    /// When the key belongs to another set, or the scores to another model.
    pub fn label_answer(
        &self,
        labels: &Labels,
        key: &ExactKey,
        scores: &Undecided,
        entropy: &mut Entropy,
    ) -> Result<Vec<u8>, LabelError> {
        if *key.set() != labels.set {
            return Err(ExactError::OtherSet.into());
        }
        let answer = match (scores, &labels.source) {
            (Undecided::Slots(scores), Source::Slots(selection)) => {
                let scores = self.selected(selection, key, scores)?;
                key.decide(&labels.code, labels.unit(), &scores, entropy)?
            }
            (Undecided::Signs(scores), Source::Signs) => {
                key.decide(&labels.code, labels.unit(), scores, entropy)?
            }
            _ => return Err(LabelError::Form),
        };
        Ok(answer.to_bytes(&labels.set))
    }

    /// Scores out of their slots, under the secret of TFHE.
    fn selected(
        &self,
        selection: &ScoreSelection,
        key: &ExactKey,
        scores: &[Ciphertext],
    ) -> Result<Vec<Lwe>, LabelError> {
        let context = self.label_steps()?.scheme.context();
        // The products need no key.
        let evaluator = Evaluator { context, keys: &KeySet::default() };
        let scores = selection.apply(evaluator, scores)?;
        let scores = scores.par_iter().map(|score| key.bridge().coefficient_0(score));
        Ok(scores.collect::<Result<_, _>>()?)
    }

    fn label_steps(&self) -> Result<&StepModel, LabelError> {
        match &self.code {
            Code::Steps(steps) => Ok(steps),
            Code::Batch(_) | Code::Signs(_) => Err(LabelError::Form),
        }
    }
}

impl Model {
    /// The bytes in memory of what labels are made from, beside the model's own constants.
    #[must_use]
    pub fn tail_byte_len(&self) -> usize {
        let tail = self.steps().and_then(|steps| steps.tail.as_ref());
        tail.map_or(0, Tail::byte_len)
    }
}

impl Labels {
    /// The parameter set of keys and labels.
    #[must_use]
    pub fn set(&self) -> &ExactParameters {
        &self.set
    }

    /// The bytes that they occupy in memory.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        match &self.source {
            Source::Slots(selection) => selection.byte_len(),
            Source::Signs => 0,
        }
    }

    /// The part of the circle that a difference of two scores of one bound is.
    #[must_use]
    pub fn unit(&self) -> f64 {
        match &self.source {
            Source::Slots(selection) => selection.unit(),
            Source::Signs => ExactAnswer::BOUND,
        }
    }
}
