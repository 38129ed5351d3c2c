//! Polynomials that take the place of other functions.

use serde::{Deserialize, Serialize};

use super::Activation;
use crate::graph::ActivationKind;

/// The polynomial that takes a function's place: nearest to it, in the least squares, on the values that
/// it meets. Its coefficients are weights that are fitted once, and not learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Fitted {
    /// The function.
    pub kind: ActivationKind,
    /// How high its powers go.
    pub degree: Degree,
    /// What it is near to.
    pub nearest: Nearest,
}

/// How high the powers of a fitted polynomial go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Degree {
    /// To the square, which costs one product and runs on batches.
    Quadratic,
    /// To the third power.
    Cubic,
    /// To the fourth power.
    Quartic,
}

/// What a fitted polynomial is near to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearest {
    /// The function itself.
    Values,
    /// Its slope: the polynomial is the integral of what is nearest to the derivative, with the
    /// function's mean (Hesamifard, Takabi and Ghasemi 2017).
    Slopes,
}

impl Degree {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quadratic, Self::Cubic, Self::Quartic];

    /// As a number.
    #[must_use]
    pub const fn value(self) -> usize {
        match self {
            Self::Quadratic => 2,
            Self::Cubic => 3,
            Self::Quartic => 4,
        }
    }
}

impl Fitted {
    /// A cubic polynomial.
    #[must_use]
    pub const fn cubic(self) -> Self {
        Self { degree: Degree::Cubic, ..self }
    }

    /// A polynomial of degree four.
    #[must_use]
    pub const fn quartic(self) -> Self {
        Self { degree: Degree::Quartic, ..self }
    }

    /// Near to the function's slope.
    #[must_use]
    pub const fn by_slopes(self) -> Self {
        Self { nearest: Nearest::Slopes, ..self }
    }
}

impl Activation {
    /// The quadratic function nearest to `kind`, in the least squares over the values that it meets.
    #[must_use]
    pub const fn fitted(kind: ActivationKind) -> Fitted {
        Fitted { kind, degree: Degree::Quadratic, nearest: Nearest::Values }
    }
}

impl From<Fitted> for Activation {
    fn from(fitted: Fitted) -> Self {
        Self::Fitted(fitted)
    }
}

/// As files have it: what is nearest among squares by its name alone.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Plain(ActivationKind),
    Whole(Whole),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    function: ActivationKind,
    degree: Degree,
    nearest: Nearest,
}

impl From<Written> for Fitted {
    fn from(written: Written) -> Self {
        match written {
            Written::Plain(kind) => Activation::fitted(kind),
            Written::Whole(Whole { function: kind, degree, nearest }) => {
                Self { kind, degree, nearest }
            }
        }
    }
}

impl From<Fitted> for Written {
    fn from(fitted: Fitted) -> Self {
        let Fitted { kind: function, degree, nearest } = fitted;
        match (degree, nearest) {
            (Degree::Quadratic, Nearest::Values) => Self::Plain(function),
            _ => Self::Whole(Whole { function, degree, nearest }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_usual_one_by_its_name() {
        let usual = Activation::from(Activation::fitted(ActivationKind::Tanh));
        let other =
            Activation::from(Activation::fitted(ActivationKind::Relu).quartic().by_slopes());
        let texts = [
            (usual, r#"{"fitted":"tanh"}"#),
            (other, r#"{"fitted":{"function":"relu","degree":"quartic","nearest":"slopes"}}"#),
        ];
        for (activation, text) in texts {
            assert_eq!(serde_json::to_string(&activation).unwrap(), text);
            assert_eq!(serde_json::from_str::<Activation>(text).unwrap(), activation);
        }
        for refused in
            [r#"{"fitted":"arch"}"#, r#"{"fitted":{"function":"relu","degree":"cubic"}}"#]
        {
            assert!(serde_json::from_str::<Activation>(refused).is_err(), "{refused}");
        }
    }
}
