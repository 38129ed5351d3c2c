//! What a model says of itself: normalisation, class names, activation, origin.
//!
//! [`Metadata`] comes from the free-form metadata of a weights file. It also serialises as JSON,
//! checked again on reading: it is all that a client needs to know of a model.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::classes::{CLASSES, ClassNames, ClassNamesError};
use crate::graph::{ActivationKind, UnknownActivation};

/// Longest metadata value accepted, in bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// What a model says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// How pixel values become the network's input.
    pub normalisation: Normalisation,
    /// Names of the ten classes, in the order of the scores.
    pub classes: ClassNames,
    /// The activation function of the whole network; a square where the tensors have quadratic functions
    /// of their own for every channel.
    pub activation: ActivationKind,
    /// Where the weights come from and under which licence, in free words.
    pub source: Option<String>,
}

impl Metadata {
    /// Reads the entries `mean`, `std` (three numbers each), `classes` (ten names), all separated
    /// by commas, `activation`, and `source` if there is one.
    ///
    /// # Errors
    /// [`MetadataError`] when an entry is missing, too long or does not parse.
    pub fn parse(entries: &HashMap<String, String>) -> Result<Self, MetadataError> {
        let normalisation = Normalisation::new(triple(entries, "mean")?, triple(entries, "std")?)?;
        // One more than needed: a longer list must not pass as ten names.
        let names = required(entries, "classes")?.split(',').take(CLASSES + 1);
        let names: Vec<String> = names.map(|name| name.trim().to_owned()).collect();
        Ok(Self {
            normalisation,
            classes: ClassNames::try_from(names)?,
            activation: activation(required(entries, "activation")?.trim())?,
            source: optional(entries, "source")?.map(str::to_owned),
        })
    }
}

/// Turns 8-bit colour values into the network's input: `(value / 255 - mean) / deviation`,
/// per channel in red, green, blue order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawNormalisation")]
pub struct Normalisation {
    mean: [f32; 3],
    deviation: [f32; 3],
}

#[derive(Deserialize)]
struct RawNormalisation {
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Normalisation {
    /// Smallest standard deviation accepted: far below any real one, far above overflow.
    pub const MIN_DEVIATION: f32 = 1e-3;

    /// A normalisation with the given mean and standard deviation per channel, on a scale where
    /// the brightest value is 1.
    ///
    /// # Errors
    /// [`MetadataError::BadNormalisation`] when a mean is outside 0..=1 or a deviation outside
    /// [`Self::MIN_DEVIATION`]..=1.
    pub fn new(mean: [f32; 3], deviation: [f32; 3]) -> Result<Self, MetadataError> {
        let sane = mean.iter().all(|x| (0.0..=1.0).contains(x))
            && deviation.iter().all(|x| (Self::MIN_DEVIATION..=1.0).contains(x));
        if sane { Ok(Self { mean, deviation }) } else { Err(MetadataError::BadNormalisation) }
    }

    /// Mean per channel, where the brightest value is 1.
    #[must_use]
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// Standard deviation per channel, on the same scale.
    #[must_use]
    pub fn deviation(&self) -> [f32; 3] {
        self.deviation
    }

    /// The network's input for one colour value of a channel (0 red, 1 green, 2 blue).
    ///
    /// # Panics
    /// When the channel is above 2.
    #[must_use]
    pub fn apply(&self, channel: usize, value: u8) -> f32 {
        (f32::from(value) / 255.0 - self.mean[channel]) / self.deviation[channel]
    }
}

impl TryFrom<RawNormalisation> for Normalisation {
    type Error = MetadataError;

    fn try_from(raw: RawNormalisation) -> Result<Self, MetadataError> {
        Self::new(raw.mean, raw.deviation)
    }
}

/// Why a model's metadata were refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A required entry is not there.
    #[error("the model's metadata lack the entry {0}")]
    Missing(&'static str),
    /// An entry is too long.
    #[error("the metadata entry {0} is longer than {MAX_VALUE_BYTES} bytes")]
    TooLong(&'static str),
    /// An entry is not three numbers.
    #[error("the metadata entry {0} is not three numbers with commas between them")]
    NotThreeNumbers(&'static str),
    /// The mean or the deviation make no sense.
    #[error("the model's mean or standard deviation of colours is out of range")]
    BadNormalisation,
    /// The class names are not ten good names.
    #[error(transparent)]
    Classes(#[from] ClassNamesError),
    /// The activation function is not known.
    #[error(transparent)]
    Activation(#[from] UnknownActivation),
}

/// What AutoFHE's networks (Ao and Boddeti 2024) have between their convolutions.
const QUADRATIC: &str = "per-channel w2*x^2+w1*x+w0";

fn activation(text: &str) -> Result<ActivationKind, UnknownActivation> {
    if text.starts_with(QUADRATIC) { Ok(ActivationKind::Square) } else { text.parse() }
}

fn required<'a>(
    entries: &'a HashMap<String, String>,
    key: &'static str,
) -> Result<&'a str, MetadataError> {
    optional(entries, key)?.ok_or(MetadataError::Missing(key))
}

fn optional<'a>(
    entries: &'a HashMap<String, String>,
    key: &'static str,
) -> Result<Option<&'a str>, MetadataError> {
    match entries.get(key) {
        Some(value) if value.len() > MAX_VALUE_BYTES => Err(MetadataError::TooLong(key)),
        value => Ok(value.map(String::as_str)),
    }
}

fn triple(entries: &HashMap<String, String>, key: &'static str) -> Result<[f32; 3], MetadataError> {
    let numbers = required(entries, key)?.split(',').map(|number| number.trim().parse());
    let numbers = numbers.collect::<Result<Vec<f32>, _>>().ok();
    let triple = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
    triple.ok_or(MetadataError::NotThreeNumbers(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(change: (&str, Option<&str>)) -> HashMap<String, String> {
        let good = [
            ("mean", "0.5, 0.25,0"),
            ("std", "0.2,0.2,0.25"),
            ("classes", "a,b,c,d,e,f,g,h,i,j"),
            ("activation", "relu"),
            ("source", "somewhere, MIT"),
        ];
        let mut entries: HashMap<_, _> =
            good.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        match change {
            (key, Some(value)) => entries.insert(key.to_owned(), value.to_owned()),
            (key, None) => entries.remove(key),
        };
        entries
    }

    #[test]
    fn good_entries_are_read() {
        let metadata = Metadata::parse(&entries(("source", None))).unwrap();
        assert_eq!(metadata.source, None);
        assert_eq!(metadata.activation, ActivationKind::Relu);
        assert_eq!(metadata.normalisation.apply(2, 255), 4.0);
        assert_eq!(metadata.normalisation.apply(0, 0), -2.5);
    }

    #[test]
    fn quadratic_functions_by_channel_are_squares() {
        let text = "per-channel w2*x^2+w1*x+w0 after each convolution";
        let metadata = Metadata::parse(&entries(("activation", Some(text)))).unwrap();
        assert_eq!(metadata.activation, ActivationKind::Square);
    }

    #[test]
    fn bad_entries_are_refused() {
        use MetadataError as E;
        let count = |found| E::Classes(ClassNamesError::Count { found });
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        let cases = [
            (("mean", None), E::Missing("mean")),
            (("mean", Some("0.5,0.5")), E::NotThreeNumbers("mean")),
            (("std", Some("0.5,0.5,x")), E::NotThreeNumbers("std")),
            (("std", Some("0.5,0.5,0")), E::BadNormalisation),
            (("std", Some("0.5,0.5,NaN")), E::BadNormalisation),
            (("mean", Some("0.5,0.5,inf")), E::BadNormalisation),
            (("classes", Some("a,b,c")), count(3)),
            (("classes", Some("a,b,c,d,e,f,g,h,i,j,k,l")), count(11)),
            (("activation", Some("w1*x+w0")), E::Activation(UnknownActivation)),
            (("activation", None), E::Missing("activation")),
            (("source", Some(long.as_str())), E::TooLong("source")),
        ];
        for (change, expected) in cases {
            assert_eq!(Metadata::parse(&entries(change)), Err(expected), "{change:?}");
        }
    }

    #[test]
    fn json_round_trips_and_is_checked() {
        let metadata = Metadata::parse(&entries(("source", Some("x")))).unwrap();
        let json = serde_json::to_string(&metadata).unwrap();
        assert_eq!(serde_json::from_str::<Metadata>(&json).unwrap(), metadata);
        let bad = json.replace("0.25]", "0.0]");
        assert_ne!(bad, json);
        assert!(serde_json::from_str::<Metadata>(&bad).is_err());
        let bad = json.replace(r#""j""#, r#""a""#);
        assert_ne!(bad, json);
        assert!(serde_json::from_str::<Metadata>(&bad).is_err());
    }
}
