//! Figures of a test, for whoever reports them.

use serde_json::Value;

/// Writes figures to `tests/NAME.json` in the target folder, and to stdout.
pub fn report(name: &str, figures: &Value) {
    let profile = crate::profile_folder();
    let folder = profile.parent().expect("profiles lie in the target folder").join("tests");
    std::fs::create_dir_all(&folder).expect("the target folder can be written to");
    let text = serde_json::to_string_pretty(figures).expect("figures are plain data");
    println!("{name}: {text}");
    let path = folder.join(format!("{name}.json"));
    std::fs::write(path, text + "\n").expect("figures can be written");
}

/// The value below which `share` of all values lie; the largest for 1.
///
/// # Panics
/// If there are no values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "no values");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let shares = [0.0, 0.5, 0.99, 0.995, 1.0];
        assert_eq!(shares.map(|share| quantile(&values, share)), [1.0, 50.0, 99.0, 100.0, 100.0]);
    }
}
