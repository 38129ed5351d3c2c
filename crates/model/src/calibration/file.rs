//! Calibrations as JSON files.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ActivationRange, Calibration, Histogram, Margin, Range};
use crate::fingerprint::Fingerprint;
use crate::graph::MAX_NODES;

/// What the field `format` says.
pub const FORMAT: &str = "blindsight calibration";
/// What the field `version` says.
pub const VERSION: u32 = 2;
/// Largest file accepted, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

impl Calibration {
    /// The calibration as a JSON file of [`VERSION`].
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "plain numbers and text always serialise")]
    pub fn to_json(&self) -> String {
        let body = Body {
            format: FORMAT.to_owned(),
            version: VERSION,
            model: self.model,
            pictures: self.pictures,
            activations: self.activations.iter().map(RawActivation::from).collect(),
            scores: RawRange::from(&self.scores),
        };
        let mut json = serde_json::to_string(&body).expect("plain numbers and text serialise");
        json.push('\n');
        json
    }

    /// Reads a JSON file that [`Calibration::to_json`] made.
    ///
    /// # Errors
    /// [`CalibrationFileError`] when the file is too large, of another format or version, or
    /// says something that no calibration can say.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CalibrationFileError> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(CalibrationFileError::TooLarge { found: bytes.len() });
        }
        // The version comes first: another version may have other fields.
        let head: Head = serde_json::from_slice(bytes)?;
        if head.format != FORMAT {
            return Err(CalibrationFileError::OtherFormat);
        }
        if head.version != VERSION {
            return Err(CalibrationFileError::OtherVersion { found: head.version });
        }
        Self::try_from(serde_json::from_slice::<Body>(bytes)?)
    }
}

/// Why a calibration file was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CalibrationFileError {
    /// The file is too large.
    #[error("the calibration file has {found} bytes; at most {MAX_FILE_BYTES} are accepted")]
    TooLarge {
        /// Size of the file in bytes.
        found: usize,
    },
    /// The file is no JSON or lacks fields.
    #[error("the calibration file is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// The file is something else.
    #[error("this is no calibration file")]
    OtherFormat,
    /// The file is of another version.
    #[error("the calibration file has version {found}, but only version {VERSION} is supported")]
    OtherVersion {
        /// The version in the file.
        found: u32,
    },
    /// A field says something impossible.
    #[error("the calibration file says something impossible about {0}")]
    Impossible(&'static str),
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: String,
    version: u32,
    model: Fingerprint,
    pictures: u64,
    activations: Vec<RawActivation>,
    scores: RawRange,
}

/// Bounds are not written: they follow from the rest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawActivation {
    margin: f32,
    per_channel: bool,
    largest: Vec<f32>,
    counts: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRange {
    min: f32,
    max: f32,
    bound: f32,
    limit: f32,
    counts: Vec<u64>,
}

impl From<&ActivationRange> for RawActivation {
    fn from(range: &ActivationRange) -> Self {
        Self {
            margin: range.margin().factor(),
            per_channel: range.per_channel(),
            largest: range.largest().to_vec(),
            counts: range.histogram().counts().to_vec(),
        }
    }
}

impl From<&Range> for RawRange {
    fn from(range: &Range) -> Self {
        let histogram = range.histogram();
        Self {
            min: range.min,
            max: range.max,
            bound: range.bound,
            limit: histogram.limit(),
            counts: histogram.counts().to_vec(),
        }
    }
}

impl TryFrom<Body> for Calibration {
    type Error = CalibrationFileError;

    fn try_from(body: Body) -> Result<Self, CalibrationFileError> {
        let impossible = CalibrationFileError::Impossible;
        if body.pictures == 0 {
            return Err(impossible("the number of pictures"));
        }
        if !(1..=MAX_NODES).contains(&body.activations.len()) {
            return Err(impossible("the number of activations"));
        }
        let activations = body.activations.into_iter().map(ActivationRange::try_from);
        Ok(Self {
            model: body.model,
            pictures: body.pictures,
            activations: activations.collect::<Result<_, _>>()?,
            scores: Range::try_from(body.scores)?,
        })
    }
}

impl TryFrom<RawActivation> for ActivationRange {
    type Error = CalibrationFileError;

    fn try_from(raw: RawActivation) -> Result<Self, CalibrationFileError> {
        let impossible = CalibrationFileError::Impossible;
        let margin = Margin::new(raw.margin).map_err(|_| impossible("a margin"))?;
        let histogram = Histogram::new(1.0, raw.counts).ok_or(impossible("a histogram"))?;
        Self::new(raw.largest, raw.per_channel, margin, histogram)
            .ok_or(impossible("a largest magnitude"))
    }
}

impl TryFrom<RawRange> for Range {
    type Error = CalibrationFileError;

    fn try_from(raw: RawRange) -> Result<Self, CalibrationFileError> {
        let RawRange { min, max, bound, limit, counts } = raw;
        let impossible = CalibrationFileError::Impossible;
        let histogram = Histogram::new(limit, counts).ok_or(impossible("a histogram"))?;
        if !(-limit <= min && min <= max && max <= limit) {
            return Err(impossible("a smallest or largest value"));
        }
        let range = Self { min, max, bound, histogram };
        // A smaller bound would let values wrap that were already seen.
        if bound.is_finite() && bound > 0.0 && bound >= range.max_magnitude() {
            Ok(range)
        } else {
            Err(impossible("a bound"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::measure::tests::calibration;
    use super::*;

    fn changed(change: impl FnOnce(&mut Value)) -> Result<Calibration, CalibrationFileError> {
        let mut value: Value = serde_json::from_str(&calibration().to_json()).unwrap();
        change(&mut value);
        Calibration::from_json(value.to_string().as_bytes())
    }

    #[test]
    fn json_round_trips() {
        let calibration = calibration();
        let json = calibration.to_json();
        assert_eq!(Calibration::from_json(json.as_bytes()).unwrap(), calibration);
    }

    #[test]
    fn other_formats_and_versions_are_refused() {
        let refused = changed(|value| value["format"] = json!("something else"));
        assert!(matches!(refused, Err(CalibrationFileError::OtherFormat)));
        let refused = changed(|value| {
            value["version"] = json!(1);
            value["margin"] = json!("of the past");
        });
        assert!(matches!(refused, Err(CalibrationFileError::OtherVersion { found: 1 })));
        let refused = changed(|value| value["surprise"] = json!(1));
        assert!(matches!(refused, Err(CalibrationFileError::Json(_))));
    }

    #[test]
    fn damaged_files_are_refused() {
        let json = calibration().to_json();
        for length in [0, 1, 100, json.len() / 2] {
            let refused = Calibration::from_json(&json.as_bytes()[..length]);
            assert!(matches!(refused, Err(CalibrationFileError::Json(_))));
        }
        let refused = Calibration::from_json(&vec![b' '; MAX_FILE_BYTES + 1]);
        assert!(matches!(refused, Err(CalibrationFileError::TooLarge { .. })));
    }

    #[test]
    fn impossible_contents_are_refused() {
        let smallest = "a smallest or largest value";
        let magnitude = "a largest magnitude";
        let cases: [(&str, &str, Value); 11] = [
            ("/pictures", "the number of pictures", json!(0)),
            ("/activations", "the number of activations", json!([])),
            ("/activations/3/margin", "a margin", json!(0.5)),
            ("/activations/3/counts", "a histogram", json!([1, 2, 3])),
            ("/activations/3/largest", magnitude, json!([])),
            ("/activations/3/largest", magnitude, json!([0.0, 0.0])),
            ("/activations/3/largest/5", magnitude, json!(-1.0)),
            ("/scores/limit", "a histogram", json!(3.0)),
            ("/scores/counts", "a histogram", json!([1, 2, 3])),
            ("/scores/min", smallest, json!(1e9)),
            ("/scores/bound", "a bound", json!(1e-6)),
        ];
        for (at, what, value) in cases {
            let refused = changed(|json| *json.pointer_mut(at).unwrap() = value);
            let sentence = format!("the calibration file says something impossible about {what}");
            assert_eq!(refused.unwrap_err().to_string(), sentence, "{at}");
        }
        // Beyond single precision it is no number of this file at all.
        for at in ["/activations/3/largest/5", "/scores/bound"] {
            let refused = changed(|value| *value.pointer_mut(at).unwrap() = json!(1e39));
            assert!(matches!(refused, Err(CalibrationFileError::Json(_))), "{at}");
        }
    }
}
