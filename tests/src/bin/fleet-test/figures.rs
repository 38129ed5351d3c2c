//! Figures from samples, and as they are told.

use serde_json::{Value, json};

/// The sample below which this part of them lies; nothing has none.
pub(crate) fn quantile(samples: &[f64], part: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((part * last as f64).round() as usize).copied()
}

/// The middle of all samples.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The largest.
pub(crate) fn most(samples: &[f64]) -> Option<f64> {
    quantile(samples, 1.0)
}

/// Three digits after the point are enough for times.
pub(crate) fn rounded(value: impl Into<Option<f64>>) -> Value {
    json!(value.into().map(|value| (value * 1000.0).round() / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(most(&[3.0, 1.0, 2.0]), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(rounded(0.123_46), json!(0.123));
        assert_eq!(rounded(None), Value::Null);
    }
}
