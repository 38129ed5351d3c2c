//! The ten classes: their names, and scores for them.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::tensor::Tensor;

/// Number of classes of CIFAR-10, and of scores.
pub const CLASSES: usize = 10;

/// Longest class name accepted, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The number of a class, 0 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassIndex(u8);

impl ClassIndex {
    /// The class of that number, if there is one.
    #[must_use]
    pub fn new(index: u8) -> Option<Self> {
        (usize::from(index) < CLASSES).then_some(Self(index))
    }

    /// Every class in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..10).map(Self)
    }

    /// The number, below [`CLASSES`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for ClassIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ten distinct names, in the order of the scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ClassNames([String; CLASSES]);

impl ClassNames {
    /// The name of a class.
    #[must_use]
    pub fn name(&self, class: ClassIndex) -> &str {
        &self.0[class.index()]
    }

    /// All names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl TryFrom<Vec<String>> for ClassNames {
    type Error = ClassNamesError;

    fn try_from(names: Vec<String>) -> Result<Self, ClassNamesError> {
        let names = <[String; CLASSES]>::try_from(names)
            .map_err(|names| ClassNamesError::Count { found: names.len() })?;
        check_names(&names)?;
        Ok(Self(names))
    }
}

/// Checks that every name can be shown and that no two are the same.
pub(crate) fn check_names(names: &[String]) -> Result<(), ClassNamesError> {
    let mut seen = HashSet::new();
    for (index, name) in names.iter().enumerate() {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            return Err(ClassNamesError::BadName { index });
        }
        if !seen.insert(name) {
            return Err(ClassNamesError::Repeated { name: name.clone() });
        }
    }
    Ok(())
}

impl From<ClassNames> for Vec<String> {
    fn from(names: ClassNames) -> Self {
        names.0.into()
    }
}

/// Why a list of class names was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClassNamesError {
    /// There are not ten names.
    #[error("a model needs {CLASSES} class names, but has {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A name is empty, too long or contains control characters.
    #[error("class name {index} is empty, longer than {MAX_NAME_BYTES} bytes or not printable")]
    BadName {
        /// Position of the name, from 0.
        index: usize,
    },
    /// Two classes have one name.
    #[error("two classes are called {name}")]
    Repeated {
        /// The name.
        name: String,
    },
}

/// One score per class, on the scale of the network's last layer (not probabilities).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores([f64; CLASSES]);

impl Scores {
    /// Scores in class order.
    #[must_use]
    pub const fn new(scores: [f64; CLASSES]) -> Self {
        Self(scores)
    }

    /// The result of a network, or `None` if it is not ten numbers.
    #[must_use]
    pub fn from_tensor(tensor: &Tensor) -> Option<Self> {
        let scores = <[f32; CLASSES]>::try_from(tensor.values()).ok()?;
        Some(Self(scores.map(f64::from)))
    }

    /// Scores in class order.
    #[must_use]
    pub const fn values(&self) -> &[f64; CLASSES] {
        &self.0
    }

    /// The classes with their scores, best first; equal scores keep class order.
    #[must_use]
    pub fn ranked(&self) -> [(ClassIndex, f64); CLASSES] {
        let mut index = 0..;
        let mut ranked = self.0.map(|score| (ClassIndex(index.next().unwrap_or(0)), score));
        ranked.sort_by(|(_, x), (_, y)| y.total_cmp(x));
        ranked
    }

    /// The class with the best score; the first of equals.
    #[must_use]
    pub fn best(&self) -> ClassIndex {
        self.ranked()[0].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class {i}")).collect()
    }

    #[test]
    fn ten_distinct_names_are_needed() {
        let classes = ClassNames::try_from(names(10)).unwrap();
        assert_eq!(classes.name(ClassIndex::new(7).unwrap()), "class 7");
        assert_eq!(classes.iter().len(), 10);
        for found in [0, 9, 11] {
            assert_eq!(ClassNames::try_from(names(found)), Err(ClassNamesError::Count { found }));
        }
        let mut twice = names(10);
        twice[9] = "class 0".to_owned();
        let name = "class 0".to_owned();
        assert_eq!(ClassNames::try_from(twice), Err(ClassNamesError::Repeated { name }));
        for bad in [String::new(), "x".repeat(65), "a\nb".to_owned()] {
            let mut with_bad = names(10);
            with_bad[3] = bad;
            assert_eq!(ClassNames::try_from(with_bad), Err(ClassNamesError::BadName { index: 3 }));
        }
    }

    #[test]
    fn scores_are_ranked() {
        let scores = Scores::new([0.0, 3.0, -1.0, 3.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let order = scores.ranked().map(|(class, _)| class.index());
        assert_eq!(order, [1, 3, 4, 0, 5, 6, 7, 8, 9, 2]);
        assert_eq!(scores.best().index(), 1);
    }

    #[test]
    fn only_ten_numbers_are_scores() {
        let ten = Tensor::zeros(Shape::vector(10).unwrap());
        assert_eq!(Scores::from_tensor(&ten), Some(Scores::new([0.0; 10])));
        assert_eq!(Scores::from_tensor(&Tensor::zeros(Shape::PICTURE)), None);
    }

    #[test]
    fn class_numbers_end_at_nine() {
        assert_eq!(ClassIndex::all().len(), CLASSES);
        assert!(ClassIndex::new(9).is_some());
        assert!(ClassIndex::new(10).is_none());
    }
}
