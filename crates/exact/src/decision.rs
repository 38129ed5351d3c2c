//! What can be decided on scores, and what comes out.

use thiserror::Error;

use crate::answers::AnswerCode;
use crate::label::{Classes, LabelCode};
use crate::parameters::ExactParameters;

/// What is decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Which class has the largest score.
    Label,
    /// The same, if that score leads all others by more than so much, or else that nobody is sure.
    LabelWithLead {
        /// By how much.
        lead: Lead,
    },
    /// Whether the class with the largest score is one of these.
    Among {
        /// Which ones: everybody knows them.
        classes: ClassSet,
    },
}

/// What a decision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This class.
    Class(usize),
    /// No score leads by as much as was asked for.
    NotSure,
    /// Whether the class is one of those that were asked about.
    Among(bool),
}

/// A lead of one score over another: more than 0 and at most 1, in units of the bound of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lead(f64);

/// Some classes, each once, at least one: in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassSet(Vec<usize>);

/// A decision between so many classes, and how its answers lie on the circle.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionCode {
    decision: Decision,
    classes: usize,
}

/// Why nothing can be decided that way.
#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum DecisionError {
    /// The number of classes.
    #[error(transparent)]
    Classes(#[from] Classes),
    /// The lead.
    #[error("{lead} is no lead: more than 0, and at most the bound of scores, which is 1")]
    Lead {
        /// What was asked for.
        lead: f64,
    },
    /// A set without classes.
    #[error("a question about a set of classes needs one class at least")]
    NoClass,
    /// A class that stands twice.
    #[error("class {class} stands twice in the set of classes")]
    Twice {
        /// Which one.
        class: usize,
    },
    /// A class that there is not.
    #[error("class {class} is none: there are {classes} classes, counted from 0")]
    UnknownClass {
        /// What was asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },
    /// All classes.
    #[error("the best class is always one of all {classes}: leave one out")]
    AllClasses {
        /// How many there are.
        classes: usize,
    },
}

impl Lead {
    /// A lead, as a part of the bound of scores.
    ///
    /// # Errors
    /// When it is no number, not positive, or larger than the bound.
    pub fn new(lead: f64) -> Result<Self, DecisionError> {
        if lead > 0.0 && lead <= 1.0 { Ok(Self(lead)) } else { Err(DecisionError::Lead { lead }) }
    }

    /// In units of the bound.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl ClassSet {
    /// A set of classes, in any order.
    ///
    /// # Errors
    /// When there is none, or one stands twice.
    pub fn new(mut classes: Vec<usize>) -> Result<Self, DecisionError> {
        classes.sort_unstable();
        let twice = classes.windows(2).find(|pair| pair[0] == pair[1]);
        match (classes.is_empty(), twice) {
            (true, _) => Err(DecisionError::NoClass),
            (_, Some(pair)) => Err(DecisionError::Twice { class: pair[0] }),
            _ => Ok(Self(classes)),
        }
    }

    /// The classes, in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }

    /// Whether this class is one of them.
    #[must_use]
    pub fn contains(&self, class: usize) -> bool {
        self.0.binary_search(&class).is_ok()
    }

    fn largest(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }
}

impl Decision {
    /// The largest number whose sign is taken for it, in units of the bound of scores: twice that
    /// for a difference, and the lead that is taken off.
    #[must_use]
    pub fn reach(&self) -> f64 {
        match self {
            Self::Label | Self::Among { .. } => 2.0,
            Self::LabelWithLead { lead } => 2.0 + lead.get(),
        }
    }
}

impl DecisionCode {
    /// The code of a decision between so many classes.
    ///
    /// # Errors
    /// When there are too few or too many of them
    /// ([`Noise::most_classes`](crate::noise::Noise::most_classes)), or the decision's set is not
    /// some but not all of them.
    pub fn new(
        set: &ExactParameters,
        classes: usize,
        decision: Decision,
    ) -> Result<Self, DecisionError> {
        let most = set.noise().most_classes_for(&decision);
        if !(2..=most).contains(&classes) {
            return Err(Classes { classes, most }.into());
        }
        if let Decision::Among { classes: members } = &decision {
            if members.largest() >= classes {
                return Err(DecisionError::UnknownClass { class: members.largest(), classes });
            }
            if members.0.len() == classes {
                return Err(DecisionError::AllClasses { classes });
            }
        }
        Ok(Self { decision, classes })
    }

    /// What is decided.
    #[must_use]
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Labels are numbered as classes are. With a lead, answer 0 is that nobody is sure, and classes
    /// follow; of a set, answer 1 is yes.
    #[must_use]
    pub fn answers(&self) -> AnswerCode {
        AnswerCode::new(match self.decision {
            Decision::Label => self.classes - 1,
            Decision::LabelWithLead { .. } => self.classes,
            Decision::Among { .. } => 1,
        })
    }

    /// The outcome of a phase modulo `2^LABEL_BITS`, or none, where the phase is that of none.
    #[must_use]
    pub fn outcome(&self, phase: u16) -> Option<Outcome> {
        let answer = self.answers().read(phase)?;
        Some(match self.decision {
            Decision::Label => Outcome::Class(answer),
            Decision::LabelWithLead { .. } => {
                answer.checked_sub(1).map_or(Outcome::NotSure, Outcome::Class)
            }
            Decision::Among { .. } => Outcome::Among(answer == 1),
        })
    }
}

impl From<LabelCode> for DecisionCode {
    fn from(code: LabelCode) -> Self {
        Self { decision: Decision::Label, classes: code.classes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::set;
    use crate::label::LABEL_BITS;

    fn with_lead() -> Decision {
        Decision::LabelWithLead { lead: Lead::new(0.05).unwrap() }
    }

    fn among(classes: &[usize]) -> Decision {
        Decision::Among { classes: ClassSet::new(classes.to_vec()).unwrap() }
    }

    #[test]
    fn leads_are_numbers_between_0_and_the_bound() {
        for lead in [f64::NAN, f64::INFINITY, -1.0, 0.0, -0.0, 1.0 + 1e-9] {
            assert!(matches!(Lead::new(lead), Err(DecisionError::Lead { .. })), "{lead}");
        }
        for lead in [f64::MIN_POSITIVE, 0.02, 1.0] {
            assert_eq!(Lead::new(lead).map(Lead::get), Ok(lead));
        }
    }

    #[test]
    fn sets_are_some_of_the_classes_each_once() {
        assert_eq!(ClassSet::new(vec![]), Err(DecisionError::NoClass));
        assert_eq!(ClassSet::new(vec![3, 1, 3]), Err(DecisionError::Twice { class: 3 }));
        let set_of = ClassSet::new(vec![7, 2]).unwrap();
        assert_eq!(set_of.as_slice(), [2, 7]);
        assert!(set_of.contains(7) && !set_of.contains(3));
        let code = |classes: &[usize]| DecisionCode::new(set(), 4, among(classes));
        assert!(code(&[0]).is_ok() && code(&[3, 1, 0]).is_ok());
        for class in [4, usize::MAX] {
            assert_eq!(code(&[0, class]), Err(DecisionError::UnknownClass { class, classes: 4 }));
        }
        assert_eq!(code(&[0, 1, 2, 3]), Err(DecisionError::AllClasses { classes: 4 }));
    }

    #[test]
    fn too_few_and_too_many_classes_are_refused() {
        for decision in [Decision::Label, with_lead(), among(&[0])] {
            let most = set().noise().most_classes_for(&decision);
            assert!(DecisionCode::new(set(), most, decision.clone()).is_ok());
            for classes in [0, 1, most + 1, usize::MAX] {
                let refused = DecisionError::Classes(Classes { classes, most });
                assert_eq!(DecisionCode::new(set(), classes, decision.clone()), Err(refused));
            }
        }
    }

    #[test]
    fn every_answer_has_one_outcome() {
        let outcomes = |decision| {
            let code = DecisionCode::new(set(), 3, decision).unwrap();
            let answers = code.answers();
            let turn = f64::from(1 << LABEL_BITS);
            let phase = |answer| (answer as f64 * answers.spacing() * turn).round() as u16;
            (0..answers.count()).map(|a| code.outcome(phase(a)).unwrap()).collect::<Vec<_>>()
        };
        use Outcome::{Among, Class, NotSure};
        assert_eq!(outcomes(Decision::Label), [Class(0), Class(1), Class(2)]);
        assert_eq!(outcomes(with_lead()), [NotSure, Class(0), Class(1), Class(2)]);
        assert_eq!(outcomes(among(&[2])), [Among(false), Among(true)]);
    }

    #[test]
    fn the_code_of_labels_is_that_of_their_decision() {
        let label = LabelCode::new(set(), 10).unwrap();
        let code = DecisionCode::new(set(), 10, Decision::Label).unwrap();
        assert_eq!(DecisionCode::from(label), code);
        assert_eq!(code.answers(), label.answers());
    }
}
