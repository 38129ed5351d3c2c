//! What `classify` and `accuracy` are asked to decide on encrypted scores.

use blindsight_contract::AcceptedContract;
use blindsight_encrypted::best;
use blindsight_exact::{ClassSet, Decision, DecisionError, Lead, Outcome};
use clap::Args;
use serde::Serialize;
use thiserror::Error;

use crate::encrypted;

/// Decisions, each of which keeps the scores encrypted.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Answers with the label alone: of `classify`, the scores are never decrypted.
    #[arg(long)]
    label_only: bool,
    /// Answers with the label alone if its score leads all others by more than so much, or else with
    /// none.
    #[arg(long, value_name = "SCORE", conflicts_with = "among")]
    lead: Option<f64>,
    /// Answers whether the best class is one of these alone: names or numbers with commas between.
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    among: Option<Vec<String>>,
}

/// Why a question is none.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum QuestionError {
    #[error(transparent)]
    Decision(#[from] DecisionError),
    #[error("the scores of this model have a bound of {bound}, so {lead} is no lead")]
    Lead { lead: f64, bound: f64 },
    #[error("{name:?} is no class: there are {classes}")]
    Class { name: String, classes: String },
}

/// An outcome with the names of classes.
#[derive(Debug, Serialize, PartialEq)]
#[serde(untagged)]
pub(crate) enum Named {
    /// No label is "not sure".
    Label {
        label: Option<String>,
        class: Option<usize>,
    },
    Among {
        among: bool,
        classes: Vec<String>,
    },
}

impl Asked {
    /// What is asked for; nothing, where scores are.
    pub(crate) fn decision(
        &self,
        contract: &AcceptedContract,
    ) -> Result<Option<Decision>, Box<dyn std::error::Error>> {
        let classes = encrypted::classes(contract)?;
        Ok(self.with(classes, contract.answer().bound())?)
    }

    fn with(&self, classes: &[String], bound: f64) -> Result<Option<Decision>, QuestionError> {
        if let Some(names) = &self.among {
            let numbers = names.iter().map(|name| class(name, classes));
            let mut numbers: Vec<usize> = numbers.collect::<Result<_, _>>()?;
            // A class may go by name and by number: that is still one question.
            numbers.sort_unstable();
            numbers.dedup();
            return Ok(Some(Decision::Among { classes: ClassSet::new(numbers)? }));
        }
        if let Some(lead) = self.lead {
            let lead = Lead::new(lead / bound).map_err(|_| QuestionError::Lead { lead, bound })?;
            return Ok(Some(Decision::LabelWithLead { lead }));
        }
        Ok(self.label_only.then_some(Decision::Label))
    }
}

/// A class by its name or, if none has that, its number.
fn class(name: &str, classes: &[String]) -> Result<usize, QuestionError> {
    let name = name.trim();
    let named = classes.iter().position(|class| class == name);
    let number = || name.parse().ok().filter(|number| *number < classes.len());
    named
        .or_else(number)
        .ok_or_else(|| QuestionError::Class { name: name.to_owned(), classes: classes.join(", ") })
}

/// What a decision comes to on scores in the clear, of which `bound` is one unit.
pub(crate) fn expected(decision: &Decision, scores: &[f64], bound: f64) -> Outcome {
    let class = best(scores);
    match decision {
        Decision::LabelWithLead { lead: asked } if lead(scores) <= asked.get() * bound => {
            Outcome::NotSure
        }
        Decision::Label | Decision::LabelWithLead { .. } => Outcome::Class(class),
        Decision::Among { classes } => Outcome::Among(classes.contains(class)),
    }
}

/// Whether an outcome is right about an input of this class; nothing, where nobody is sure.
pub(crate) fn is_right(decision: &Decision, outcome: Outcome, class: usize) -> Option<bool> {
    match (outcome, decision) {
        (Outcome::Class(found), _) => Some(found == class),
        (Outcome::Among(yes), Decision::Among { classes }) => Some(yes == classes.contains(class)),
        _ => None,
    }
}

/// By how much the largest score exceeds the next.
pub(crate) fn lead(scores: &[f64]) -> f64 {
    let largest = best(scores);
    let others = scores.iter().enumerate().filter(|(i, _)| *i != largest).map(|(_, s)| *s);
    scores[largest] - others.fold(f64::MIN, f64::max)
}

impl Named {
    pub(crate) fn new(decision: &Decision, outcome: Outcome, classes: &[String]) -> Self {
        let name = |class: &usize| classes.get(*class).cloned();
        match (outcome, decision) {
            (Outcome::Class(class), _) => Self::Label { label: name(&class), class: Some(class) },
            (Outcome::Among(among), Decision::Among { classes }) => {
                Self::Among { among, classes: classes.as_slice().iter().filter_map(name).collect() }
            }
            _ => Self::Label { label: None, class: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn animals() -> Vec<String> {
        ["cat", "dog", "3", "frog"].map(str::to_owned).to_vec()
    }

    fn asked(lead: Option<f64>, among: &[&str]) -> Asked {
        let names = among.iter().map(|&name| name.to_owned()).collect();
        Asked { label_only: true, lead, among: (!among.is_empty()).then_some(names) }
    }

    fn set(classes: &[usize]) -> Decision {
        Decision::Among { classes: ClassSet::new(classes.to_vec()).unwrap() }
    }

    #[test]
    fn classes_go_by_name_or_number() {
        let decision = asked(None, &["dog", " 0", "3"]).with(&animals(), 10.0);
        // A name before a number.
        assert_eq!(decision, Ok(Some(set(&[0, 1, 2]))));
        for name in ["cow", "4", "-1", ""] {
            let error = asked(None, &["cat", name]).with(&animals(), 10.0).unwrap_err();
            assert!(matches!(error, QuestionError::Class { .. }), "{name}: {error}");
        }
        let twice = asked(None, &["cat", "0", "frog"]).with(&animals(), 10.0);
        assert_eq!(twice, Ok(Some(set(&[0, 3]))));
    }

    #[test]
    fn leads_are_in_units_of_scores() {
        let lead = Lead::new(0.06).unwrap();
        let decision = asked(Some(0.6), &[]).with(&animals(), 10.0);
        assert_eq!(decision, Ok(Some(Decision::LabelWithLead { lead })));
        for lead in [0.0, -1.0, 10.1, f64::NAN] {
            assert!(asked(Some(lead), &[]).with(&animals(), 10.0).is_err(), "{lead}");
        }
    }

    #[test]
    fn outcomes_follow_from_scores_in_the_clear() {
        let scores = [1.0, 4.0, 3.5, -2.0];
        let sure = |lead| Decision::LabelWithLead { lead: Lead::new(lead).unwrap() };
        assert_eq!(expected(&Decision::Label, &scores, 10.0), Outcome::Class(1));
        assert_eq!(expected(&sure(0.04), &scores, 10.0), Outcome::Class(1));
        assert_eq!(expected(&sure(0.06), &scores, 10.0), Outcome::NotSure);
        assert_eq!(expected(&set(&[1, 3]), &scores, 10.0), Outcome::Among(true));
        assert_eq!(expected(&set(&[0, 2]), &scores, 10.0), Outcome::Among(false));
        assert_eq!(is_right(&set(&[0, 2]), Outcome::Among(false), 2), Some(false));
        assert_eq!(is_right(&sure(0.1), Outcome::NotSure, 2), None);
    }

    #[test]
    fn outcomes_have_names() {
        let json = |decision, outcome| {
            serde_json::to_string(&Named::new(&decision, outcome, &animals())).unwrap()
        };
        let label = json(Decision::Label, Outcome::Class(1));
        assert_eq!(label, r#"{"label":"dog","class":1}"#);
        let lead = Decision::LabelWithLead { lead: Lead::new(0.1).unwrap() };
        assert_eq!(json(lead, Outcome::NotSure), r#"{"label":null,"class":null}"#);
        let among = json(set(&[3, 1]), Outcome::Among(true));
        assert_eq!(among, r#"{"among":true,"classes":["dog","frog"]}"#);
    }
}
