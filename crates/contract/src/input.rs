//! How an input is prepared.

use crate::error::ContractError;
use crate::policy::Policy;
use crate::raw::{InputData, PreparationData};

/// Values of an input lie between this and its negative: no contract can choose a scale under which
/// such values do not fit in a request.
pub const LARGEST_VALUE: f64 = 64.0;

/// The input that a model reads: a tensor of channels, rows and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    shape: [usize; 3],
    preparation: Preparation,
}

/// What becomes the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Preparation {
    /// A picture: its largest centred square, resized to the model's rows and columns; then for
    /// each of one (grey) or three (red, green, blue) channels `(value / 255 - mean) / deviation`.
    Picture {
        /// One mean a channel.
        mean: Vec<f32>,
        /// One standard deviation a channel, positive.
        deviation: Vec<f32>,
    },
    /// Numbers as they are.
    Tensor,
}

impl Input {
    pub(crate) fn new(data: InputData, policy: &Policy) -> Result<Self, ContractError> {
        // Three numbers of 32 bits: their product would not fit in 64.
        let product = |found: u64, &side: &u32| found.saturating_mul(u64::from(side));
        let values = data.shape.iter().fold(1, product);
        let most = policy.input_values as u64;
        if values > most {
            let what = "input values";
            return Err(ContractError::TooMany { what, found: values, most });
        }
        if values == 0 {
            let (field, expected) = ("the size of the input", "positive");
            return Err(ContractError::Number { field, found: 0.0, expected });
        }
        let shape = data.shape.map(|n| n as usize);
        let preparation = match data.preparation {
            PreparationData::Tensor {} => Preparation::Tensor,
            PreparationData::Picture { mean, deviation } => {
                check_picture(shape, &mean, &deviation)?;
                Preparation::Picture { mean, deviation }
            }
        };
        Ok(Self { shape, preparation })
    }

    /// Channels, rows and columns.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of values.
    #[must_use]
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// What becomes the input.
    #[must_use]
    pub fn preparation(&self) -> &Preparation {
        &self.preparation
    }
}

fn check_picture(
    [channels, rows, columns]: [usize; 3],
    mean: &[f32],
    deviation: &[f32],
) -> Result<(), ContractError> {
    if channels != 1 && channels != 3 {
        let (field, found) = ("the channels of a picture", channels as f64);
        return Err(ContractError::Number { field, found, expected: "1 or 3" });
    }
    if rows != columns {
        let (field, found) = ("the rows of a picture", rows as f64);
        return Err(ContractError::Number { field, found, expected: "its columns" });
    }
    for (field, numbers) in [("the means", mean), ("the deviations", deviation)] {
        let found = numbers.len();
        if found != channels {
            return Err(ContractError::Length { field, found, expected: channels });
        }
    }
    for &number in mean {
        check_number("a mean", number, -1e6..=1e6, "between -1e6 and 1e6")?;
    }
    for &number in deviation {
        check_number("a deviation", number, 1e-6..=1e6, "between 1e-6 and 1e6")?;
    }
    for (mean, deviation) in mean.iter().zip(deviation) {
        // Every picture must be one that can be encrypted. Else the server would learn from a
        // request that never comes how bright the picture was.
        let largest = mean.abs().max((1.0 - mean).abs()) / deviation;
        let range = 0.0..=LARGEST_VALUE as f32;
        check_number("the largest value of a picture", largest, range, "between 0 and 64")?;
    }
    Ok(())
}

fn check_number(
    field: &'static str,
    number: f32,
    range: std::ops::RangeInclusive<f32>,
    expected: &'static str,
) -> Result<(), ContractError> {
    if range.contains(&number) {
        Ok(())
    } else {
        Err(ContractError::Number { field, found: f64::from(number), expected })
    }
}
